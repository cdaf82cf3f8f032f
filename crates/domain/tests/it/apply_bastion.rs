//! The state file: groups, grants, resources, vouchers and what guards them.

use gatehouse_domain::{
    apply::Change,
    bastion::{
        host_key, policy, resource, rule,
        terminal::{self, Asked, Credential, Purpose},
        voucher,
    },
    role as roles,
};
use gatehouse_model::{Paging, RoleId};
use gatehouse_store::{grant, role, ssh_key};
use gatehouse_testkit::{Engine, TestApp};

use crate::{
    apply::{app, done, file, refused, refuses},
    bastion::person,
    picture::picture,
};

const FIRST: Paging = Paging { limit: 100, offset: 0, is_descending: false };

const WHOLE: &str = r#"
[[resource_group]]
name = "servers"
remark = "all of them"

[[resource_group]]
name = "web"
parent = "servers"

[[role]]
code = "operators"
codes = ["access.request.create"]
grants = [
  { group = "servers", codes = ["resource.self.read", "resource.voucher.read"] },
  { group = "web", codes = ["all"], valid_until = 2030-01-01T00:00:00Z, schedule = [{ days = [1, 2, 3, 4, 5], from = "06:00", to = "22:00" }] },
]

[[account]]
login = "olga"
[account.staff]
roles = ["operators"]
ssh_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIl+Hs6i7Gtn5m4ZhH8J/gQMXwg2TmxIyxvHa6Ai1eu2 olga@laptop"]

[[voucher]]
name = "root"
group = "web"
username = "root"
password = "pass word"

[[resource]]
name = "web-1"
group = "web"
address = "10.0.0.1"
vouchers = ["root"]

[[resource]]
name = "db"
group = "servers"
address = "db.example"
port = 2222
enabled = false

[[bastion.host_key]]
host = "10.0.0.1"
public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIl+Hs6i7Gtn5m4ZhH8J/gQMXwg2TmxIyxvHa6Ai1eu2"

[[bastion.policy]]
values = { idle = "20m", exec = false }

[[bastion.policy]]
group = "web"
values = { requestable = true, sources = ["192.0.2.0/24"], schedule = [{ days = [1], from = "09:00", to = "18:00" }] }

[[bastion.rule]]
name = "no shutdown"
group = "servers"
roles = ["operators"]
pattern = '\bshutdown\b'
action = "deny"

[[bastion.route]]
path = "/requests"
component = "@/views/Requests.vue"
title = "访问申请"
parent = "permission_manage"
code = "access.request.create"
sort = 9
"#;

#[tokio::test]
async fn a_file_makes_a_house_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let test = TestApp::new(engine).await.unwrap();
        let ctx = test.operator();
        let first = done(&ctx, WHOLE).await;
        assert_eq!(first.len(), 14, "{first:#?}");
        let made = picture(&test.app).await;
        let second = done(&ctx, WHOLE).await;
        assert!(second.iter().all(|(_, change)| *change == Change::Unchanged), "{second:#?}");
        assert_eq!(picture(&test.app).await, made);
    }
}

#[tokio::test]
async fn what_was_made_works() {
    let test = app().await;
    let ctx = test.operator();
    done(&ctx, WHOLE).await;
    let found = resource::list(&ctx, None, None, FIRST).await.unwrap();
    let web = &found.listed.rows[0];
    assert_eq!((web.row.host.as_str(), web.vouchers[0].name.as_str()), ("10.0.0.1", "root"));
    let db = &found.listed.rows[1].row;
    assert_eq!((db.host.as_str(), db.port, db.is_enabled), ("db.example", 2_222, false));
    assert_eq!(host_key::pins(&test.app, "10.0.0.1", 22).await.unwrap().len(), 1);
    assert_eq!(rule::list(&ctx, FIRST).await.unwrap().rows[0].roles.len(), 1);
    assert_eq!(policy::list(&ctx, None).await.unwrap().len(), 5);
    let mut q = ctx.read();
    let role = role::find_by_code(&mut q, "operators").await.unwrap().unwrap();
    let grants = grant::list_of_role(&mut q, role.id).await.unwrap();
    assert_eq!(grants.len(), 2 + roles_on_groups());
    assert_eq!(grants.iter().filter(|grant| grant.schedule.is_some()).count(), roles_on_groups());
    let olga = gatehouse_store::account::find_by_key(&mut q, "olga").await.unwrap().unwrap();
    let keys = ssh_key::list(&mut q, olga.id).await.unwrap();
    assert_eq!((keys.len(), keys[0].name.as_str()), (1, "olga@laptop"));
    // The clock stands on a Thursday at 08:00 in Shanghai: the grant on web holds, its policy does not let anybody in.
    let olga = person(&test, olga.id, "olga", &[]);
    let asked = || Asked { resource: web.row.id, voucher: web.vouchers[0].id, purpose: Purpose::Shell, client: "web" };
    assert!(matches!(terminal::admit(&olga, asked()).await, Err(terminal::Refusal::Window)));
    let open = r#"bastion = { policy = [{ group = "web", values = { sources = "", schedule = "" } }] }"#;
    assert_eq!(done(&ctx, open).await[0].1, Change::Updated);
    let admitted = terminal::admit(&olga, asked()).await.unwrap();
    assert!(matches!(admitted.credential, Credential::Password(text) if text.expose() == "pass word"));
}

fn roles_on_groups() -> usize {
    gatehouse_domain::permission::ON_GROUPS.len()
}

#[tokio::test]
async fn another_file_changes_what_it_names() {
    let test = app().await;
    let ctx = test.operator();
    done(&ctx, WHOLE).await;
    let changes = done(
        &ctx,
        r#"
        role = [{ code = "operators", grants = [] }]
        voucher = [{ name = "root", password = "another" }]
        resource = [{ name = "web-1", group = "servers", address = "10.0.0.2", vouchers = [] }, { name = "db", enabled = true }]
        account = [{ login = "olga", staff = { ssh_keys = [] } }]
        bastion = { rule = [{ name = "no shutdown", pattern = "reboot", action = "warn" }], route = [{ path = "/requests", enabled = false }] }
        "#,
    )
    .await;
    let unchanged: Vec<_> = changes.iter().filter(|(_, change)| *change != Change::Updated).collect();
    // The role and the account are as they were; what hangs on them has entries of its own.
    assert_eq!(unchanged.len(), 2, "{changes:#?}");
    let found = resource::list(&ctx, Some("web-1"), None, FIRST).await.unwrap().listed.rows.remove(0);
    assert_eq!((found.row.host.as_str(), found.vouchers.len()), ("10.0.0.2", 0));
    let rules = rule::list(&ctx, FIRST).await.unwrap();
    assert_eq!((rules.rows[0].row.scope.as_str(), rules.rows[0].roles.as_slice()), ("all", &[] as &[RoleId]));
    assert!(roles::grants(&ctx, role_id(&test).await).await.unwrap().is_empty());
    let gone = done(
        &ctx,
        r#"
        resource = [{ name = "web-1", state = "absent" }, { name = "db", state = "absent" }]
        voucher = [{ name = "root", state = "absent" }]
        resource_group = [{ name = "servers", state = "absent" }, { name = "web", state = "absent" }, { name = "x", state = "absent" }]
        bastion = { rule = [{ name = "no shutdown", pattern = "", action = "", state = "absent" }], route = [{ path = "/requests", state = "absent" }] }
        "#,
    )
    .await;
    assert_eq!(gone.iter().filter(|(_, change)| *change == Change::Removed).count(), 7, "{gone:#?}");
    assert_eq!(voucher::list(&ctx, None, None, FIRST).await.unwrap().total, 0);
}

async fn role_id(test: &TestApp) -> RoleId {
    role::find_by_code(&mut test.operator().read(), "operators").await.unwrap().unwrap().id
}

#[tokio::test]
async fn rules_that_an_entry_breaks_are_told() {
    let test = app().await;
    for (toml, problem) in [
        (
            r#"resource = [{ name = "a", group = "Default", address = "169.254.1.1" }]"#,
            "[[resource]] `a`: ipv4_address: an address that is never dialled",
        ),
        (
            r#"resource = [{ name = "a", group = "none", address = "10.0.0.1" }]"#,
            "[[resource]] `a`: group: no resource group is `none`",
        ),
        (r#"resource = [{ name = "a", group = "Default" }]"#, "[[resource]] `a`: address: is required for a new one"),
        (
            r#"voucher = [{ name = "v", group = "Default", username = "root", private_key = "x" }]"#,
            "[[voucher]] `v`: private_key: is not readable",
        ),
        (
            r#"voucher = [{ name = "v", password = "a", private_key = "x" }]"#,
            "[[voucher]] `v`: password: either a password or a private key",
        ),
        (
            r#"role = [{ code = "r", grants = [{ group = "Default", codes = ["system.user.read"] }] }]"#,
            "[[role]] `r`: grants.codes: roles do not hold `system.user.read` on groups",
        ),
        (
            r#"bastion = { policy = [{ values = { idle = "soon" } }] }"#,
            "[[bastion.policy]] `all`: values: idle: `soon` is not a duration such as \"300s\", \"10m\", \"48h\"",
        ),
        (
            r#"bastion = { rule = [{ name = "r", pattern = "(", action = "deny" }] }"#,
            "[[bastion.rule]] `r`: pattern: a regular expression without look-around and back references",
        ),
        (
            r#"bastion = { host_key = [{ host = "a_b", public_key = "ssh-rsa AAAA" }] }"#,
            "[[bastion.host_key]] `a_b:22 ssh-rsa`: host: is not readable",
        ),
        (
            r#"resource_group = [{ name = "Default", state = "absent" }]"#,
            "[[resource_group]] `Default`: resource group: it is protected",
        ),
    ] {
        let problems = refused(&test, &test.operator(), toml).await;
        assert_eq!(problems.first().map(String::as_str), Some(problem), "{toml}: {problems:#?}");
    }
    done(&test.operator(), WHOLE).await;
    let in_use = "[[resource_group]] `web`: resource group: resources, vouchers or groups are in it";
    refuses(&test, r#"resource_group = [{ name = "web", state = "absent" }]"#, in_use).await;
}

#[test]
fn files_are_read_for_secrets() {
    let mut file = file(r#"voucher = [{ name = "v", password_file = "p" }, { name = "w", private_key_file = "k" }]"#);
    let problems = file.read_files(|name| Ok(format!("content of {name}\n")));
    assert!(problems.is_empty());
    assert_eq!(file.voucher[0].password.as_ref().unwrap().expose(), "content of p");
    assert_eq!(file.voucher[1].private_key.as_ref().unwrap().expose(), "content of k\n");
    assert!(!format!("{file:?}").contains("content of"));
}
