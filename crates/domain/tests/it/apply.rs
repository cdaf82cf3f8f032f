//! The state file: what it makes, what it leaves alone, what it refuses.

use gatehouse_domain::{
    Ctx,
    account::{change, view},
    apply::{self, Applied, Change, Mode, StateFile},
    oa,
    proxy::{
        certificate,
        node::{Certificate, Protocol},
    },
};
use gatehouse_model::{Millis, Secret};
use gatehouse_testkit::{Engine, TestApp};

use crate::picture::picture;

pub(crate) const WHOLE: &str = r#"
[[role]]
code = "helpdesk"
name = "Help desk"
codes = ["system.user.read", "oa.user.read"]

[[node_group]]
name = "default"

[[node]]
type = "shadowsocks"
code = "ss-1"
name = "服务节点1"
host = "127.0.0.1"
port = 8388
rate = 1.15
groups = ["default"]
settings = { cipher = "aes-256-gcm", allow_classic = true }

[[node]]
type = "trojan"
code = "trojan-1"
host = "127.0.0.1"
groups = ["default", "made on the way"]
transfer_cap = "10GiB"

[[account]]
login = "ann"
name = "Ann"
email = "ann@example.com"
phone = "+1 555 0100"
password = "correct horse"
[account.staff]
roles = ["helpdesk"]
[account.proxy]
node_group = "default"
quota = "5GiB"
expires_at = 2027-01-31T00:00:00Z
speed_limit = 100
device_limit = 3

[[account]]
login = "bob"
enabled = false
[account.proxy]

[[oa.token]]
label = "oa"
value = "0123456789abcdef0123456789abcdef"

[[oa.token]]
label = "made here"

[[oa.user]]
username = "张三"
"#;

pub(crate) fn file(toml: &str) -> StateFile {
    toml::from_str(toml).unwrap()
}

pub(crate) async fn app() -> TestApp {
    TestApp::new(Engine::Sqlite).await.unwrap()
}

pub(crate) async fn done(ctx: &Ctx, toml: &str) -> Vec<(String, Change)> {
    match apply::apply(ctx, &file(toml), Mode::Write).await.unwrap() {
        Applied::Done(items) => {
            items.into_iter().map(|item| (format!("{} {}", item.kind, item.key), item.change)).collect()
        }
        Applied::Refused(problems) => panic!("refused: {problems:#?}"),
    }
}

/// The problems of a file, after making sure that it left no trace.
pub(crate) async fn refused(test: &TestApp, ctx: &Ctx, toml: &str) -> Vec<String> {
    let before = picture(&test.app).await;
    let problems = match apply::apply(ctx, &file(toml), Mode::Write).await.unwrap() {
        Applied::Done(items) => panic!("done: {items:#?}"),
        Applied::Refused(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(picture(&test.app).await, before);
    problems
}

pub(crate) async fn refuses(test: &TestApp, toml: &str, expected: &str) {
    let problems = refused(test, &test.operator(), toml).await;
    assert_eq!(problems, [expected], "{toml}");
}

#[tokio::test]
async fn a_file_makes_everything_it_describes_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let test = TestApp::new(engine).await.unwrap();
        let ctx = test.operator();
        let first = done(&ctx, WHOLE).await;
        assert_eq!(first.len(), 10, "{first:#?}");
        assert!(first.iter().all(|(_, change)| *change == Change::Created), "{first:#?}");
        let made = picture(&test.app).await;
        let second = done(&ctx, WHOLE).await;
        assert!(second.iter().all(|(_, change)| *change == Change::Unchanged), "{second:#?}");
        assert_eq!(second.len(), 9, "a group that a node made is no entry of the file: {second:#?}");
        assert_eq!(picture(&test.app).await, made);
    }
}

#[tokio::test]
async fn what_was_made_is_what_the_file_says() {
    let test = app().await;
    let ctx = test.operator();
    done(&ctx, WHOLE).await;
    let ann = view::show(&ctx, "ann").await.unwrap();
    assert_eq!((ann.email.as_deref(), ann.origin.as_str()), (Some("ann@example.com"), "state"));
    assert_eq!(ann.roles, ["helpdesk"]);
    let proxy = ann.proxy.unwrap();
    assert_eq!(proxy.node_group.as_deref(), Some("default"));
    assert_eq!((proxy.quota, proxy.speed_limit, proxy.device_limit), (Some(5 << 30), 100, 3));
    assert_eq!(proxy.expires_at, Some(Millis(1_801_353_600_000)));
    assert!(change::verify_password(&ctx, "ann", &Secret::new("correct horse")).await.unwrap().is_ok());
    assert_eq!(change::check_proxy(&ctx, "bob").await.unwrap(), Err("disabled"));
    test.app.live().refresh(&test.app).await.unwrap();
    let nodes = test.app.live().nodes();
    let ss = nodes.nodes.iter().find(|node| node.code.as_deref() == Some("ss-1")).unwrap();
    assert_eq!((ss.rate, ss.port, ss.server_port, ss.name.as_str()), (115, 8388, 8388, "服务节点1"));
    let trojan = nodes.nodes.iter().find(|node| node.code.as_deref() == Some("trojan-1")).unwrap();
    assert_eq!((trojan.transfer_cap, trojan.group_ids.len(), trojan.port), (Some(10 << 30), 2, 0));
    let token = "0123456789abcdef0123456789abcdef";
    let asked = oa::ask(&test.app, gatehouse_domain::Caller::default(), token, "张三".as_bytes()).await.unwrap();
    assert!(matches!(oa::conn_info(&asked).await.unwrap(), oa::ConnInfo::Nodes(nodes) if nodes.len() == 1));
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_leaves_nothing() {
    let test = app().await;
    let ctx = test.operator();
    let before = picture(&test.app).await;
    let dry = apply::apply(&ctx, &file(WHOLE), Mode::DryRun).await.unwrap();
    assert_eq!(picture(&test.app).await, before);
    assert_eq!(dry, apply::apply(&ctx, &file(WHOLE), Mode::Write).await.unwrap());
}

#[tokio::test]
async fn what_an_entry_does_not_name_is_left_alone() {
    let test = app().await;
    let ctx = test.operator();
    done(&ctx, WHOLE).await;
    let before = view::show(&ctx, "ann").await.unwrap();
    let changes = done(
        &ctx,
        r#"
        role = [{ code = "helpdesk", enabled = false }]
        node = [{ type = "shadowsocks", code = "ss-1", shown = false }]
        account = [{ login = "ann", name = "Ann B.", proxy = { speed_limit = 0 } }]
        "#,
    )
    .await;
    assert!(changes.iter().all(|(_, change)| *change == Change::Updated), "{changes:#?}");
    let after = view::show(&ctx, "ann").await.unwrap();
    assert_eq!(after.name.as_deref(), Some("Ann B."));
    assert_eq!((after.email, after.phone, after.roles), (before.email, before.phone, before.roles));
    let (before, after) = (before.proxy.unwrap(), after.proxy.unwrap());
    assert_eq!((after.quota, after.expires_at, after.device_limit), (before.quota, before.expires_at, 3));
    assert_eq!(after.speed_limit, 0);
    test.app.live().refresh(&test.app).await.unwrap();
    let nodes = test.app.live().nodes();
    let ss = nodes.nodes.iter().find(|node| node.code.as_deref() == Some("ss-1")).unwrap();
    assert_eq!((ss.is_shown, ss.rate, ss.group_ids.len(), ss.port), (false, 115, 1, 8388));
}

#[tokio::test]
async fn words_and_empty_texts_lift_and_clear() {
    let test = app().await;
    let ctx = test.operator();
    done(&ctx, WHOLE).await;
    done(
        &ctx,
        r#"
        [[account]]
        login = "ann"
        name = ""
        email = ""
        phone = ""
        proxy = { node_group = "", quota = "unlimited", expires_at = "never" }
        staff = { roles = [] }
        "#,
    )
    .await;
    let ann = view::show(&ctx, "ann").await.unwrap();
    assert_eq!((ann.name, ann.email, ann.phone), (None, None, None));
    assert!(ann.roles.is_empty());
    let proxy = ann.proxy.unwrap();
    assert_eq!((proxy.node_group, proxy.quota, proxy.expires_at), (None, None, None));
}

#[tokio::test]
async fn a_password_is_set_only_if_it_differs_and_then_ends_sessions() {
    let test = app().await;
    let ctx = test.operator();
    let with = |password: &str| format!("account = [{{ login = \"ann\", password = \"{password}\" }}]");
    done(&ctx, &with("first")).await;
    assert_eq!(done(&ctx, &with("first")).await[0].1, Change::Unchanged);
    assert_eq!(done(&ctx, &with("second")).await[0].1, Change::Updated);
    assert!(change::verify_password(&ctx, "ann", &Secret::new("second")).await.unwrap().is_ok());
    assert_eq!(change::verify_password(&ctx, "ann", &Secret::new("first")).await.unwrap(), Err("wrong_password"));
}

#[tokio::test]
async fn absent_removes_and_stays_quiet_when_there_is_nothing() {
    let test = app().await;
    let ctx = test.operator();
    let empty = picture(&test.app).await;
    done(&ctx, WHOLE).await;
    let absent = r#"
        role = [{ code = "helpdesk", state = "absent" }]
        node_group = [{ name = "default", state = "absent" }, { name = "made on the way", state = "absent" }]
        node = [{ type = "shadowsocks", code = "ss-1", state = "absent" }, { type = "trojan", code = "trojan-1", state = "absent" }]
        account = [{ login = "ann", state = "absent" }, { login = "bob", state = "absent" }]
        oa.token = [{ label = "oa", state = "absent" }, { label = "made here", state = "absent" }]
        oa.user = [{ username = "张三", state = "absent" }]
    "#;
    let removed = done(&ctx, absent).await;
    assert!(removed.iter().all(|(_, change)| *change == Change::Removed), "{removed:#?}");
    let after = picture(&test.app).await;
    for part in ["accounts", "secrets", "nodes", "groups", "roles", "tokens", "oa users"] {
        assert_eq!(after[part], empty[part], "{part}");
    }
    let again = done(&ctx, absent).await;
    assert!(again.iter().all(|(_, change)| *change == Change::Unchanged), "{again:#?}");
    assert_eq!(picture(&test.app).await, after);
}

#[tokio::test]
async fn passes_come_and_go_but_the_last_one_only_with_the_account() {
    let test = app().await;
    let ctx = test.operator();
    done(&ctx, "account = [{ login = \"ann\", proxy = {} }]").await;
    refuses(
        &test,
        "account = [{ login = \"ann\", proxy = { state = \"absent\" } }]",
        "[[account]] `ann`: account: its last pass would go and take it along: say state = \"absent\" for the account",
    )
    .await;
    done(&ctx, "account = [{ login = \"ann\", staff = {}, proxy = { state = \"absent\" } }]").await;
    let ann = view::show(&ctx, "ann").await.unwrap();
    assert_eq!(ann.passes, [gatehouse_model::PassKind::Staff]);
}

#[tokio::test]
async fn addresses_and_numbers_move_within_one_file() {
    let test = app().await;
    let ctx = test.operator();
    let two = |a: &str, b: &str| {
        format!(
            "account = [{{ login = \"ann\", email = \"{a}@example.com\", phone = \"{a}\" }}, \
             {{ login = \"bob\", email = \"{b}@example.com\", phone = \"{b}\" }}]"
        )
    };
    done(&ctx, &two("a", "b")).await;
    let swapped = done(&ctx, &two("b", "a")).await;
    assert!(swapped.iter().all(|(_, change)| *change == Change::Updated));
    let bob = view::show(&ctx, "bob").await.unwrap();
    assert_eq!((bob.email.as_deref(), bob.phone.as_deref()), (Some("a@example.com"), Some("a")));
    done(&ctx, "account = [{ login = \"cay\", email = \"A@example.com\" }, { login = \"bob\", state = \"absent\" }]")
        .await;
    refuses(
        &test,
        "account = [{ login = \"dan\", email = \"a@Example.com\", phone = \"b\" }]",
        "[[account]] `dan`: phone: the account `ann` has it",
    )
    .await;
}

#[tokio::test]
async fn a_token_is_replaced_under_its_label() {
    let test = app().await;
    let ctx = test.operator();
    let values = async || {
        let tokens = oa::token::list(&ctx, true).await.unwrap();
        tokens.into_iter().map(|token| (token.label, token.token)).collect::<Vec<_>>()
    };
    done(&ctx, "oa.token = [{ label = \"a\", value = \"one\" }]").await;
    assert_eq!(done(&ctx, "oa.token = [{ label = \"a\", value = \"two\" }]").await[0].1, Change::Updated);
    assert_eq!(values().await, [("a".to_owned(), "two".to_owned())]);
    assert_eq!(done(&ctx, "oa.token = [{ label = \"a\" }]").await[0].1, Change::Unchanged);
    refuses(
        &test,
        "oa.token = [{ label = \"b\", value = \"two\" }]",
        "[[oa.token]] `b`: value: the token `a` has it already",
    )
    .await;
    oa::token::insert(&ctx, "a", &Secret::new("three")).await.unwrap();
    refuses(
        &test,
        "oa.token = [{ label = \"a\", value = \"four\" }]",
        "[[oa.token]] `a`: label: several tokens have it: remove them first with state = \"absent\"",
    )
    .await;
}

#[tokio::test]
async fn a_node_keeps_its_secrets_until_they_are_replaced() {
    let test = app().await;
    let ctx = test.operator();
    let made = certificate::self_signed("example.com", test.app.now()).unwrap();
    let pem = format!("cert_pem = '''{}'''\nkey_pem = '''{}'''", made.cert_pem, made.key_pem.as_str());
    let node = |more: &str| format!("[[node]]\ntype = \"trojan\"\ncode = \"t\"\nhost = \"example.com\"\n{more}");
    let certificate = async || {
        test.app.live().refresh(&test.app).await.unwrap();
        match &test.app.live().nodes().nodes[0].protocol {
            Protocol::Trojan(tls, _) => tls.certificate.clone(),
            other => panic!("{other:?}"),
        }
    };
    done(&ctx, &node("")).await;
    let own = certificate().await;
    assert_eq!(done(&ctx, &node("port = 443")).await[0].1, Change::Updated);
    assert_eq!(certificate().await, own);
    assert_eq!(done(&ctx, &node(&pem)).await[0].1, Change::Updated);
    assert_eq!(done(&ctx, &node(&pem)).await[0].1, Change::Unchanged);
    assert_eq!(done(&ctx, &node("port = 444")).await[0].1, Change::Updated);
    match certificate().await {
        Certificate::Content { cert_pem, is_self_signed, .. } => {
            assert_eq!((cert_pem.as_str(), is_self_signed), (made.cert_pem.trim_end(), false));
        }
        other @ Certificate::File { .. } => panic!("{other:?}"),
    }
}

#[test]
fn files_are_read_through_the_caller() {
    let mut file = file(
        r#"
        account = [{ login = "ann", password_file = "pw" }, { login = "bob", password = "x", password_file = "pw" }]
        oa.token = [{ label = "a", value_file = "missing" }]
        node = [{ type = "trojan", code = "t", cert_pem_file = "cert", key_pem_file = "key" }]
        "#,
    );
    let problems = file.read_files(|path| match path {
        "missing" => Err("no such file".to_owned()),
        path => Ok(format!("contents of {path}\n")),
    });
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "[[account]] `bob`: password_file: cannot take pw: the value is given as well",
        "[[oa.token]] `a`: value_file: cannot take missing: no such file",
    ];
    assert_eq!(problems, expected);
    assert_eq!(file.account[0].password.as_ref().unwrap().expose(), "contents of pw");
    assert_eq!(file.node[0].cert_pem.as_deref(), Some("contents of cert\n"));
    assert_eq!(file.node[0].key_pem.as_ref().unwrap().expose(), "contents of key\n");
    assert!(!format!("{file:?}").contains("contents of pw"));
}

#[test]
fn applying_can_be_awaited_from_any_task() {
    fn sendable<T: Send>(_: T) {}
    fn check(ctx: &Ctx, file: &StateFile) {
        sendable(apply::apply(ctx, file, Mode::Write));
    }
    let _: fn(&Ctx, &StateFile) = check;
}

#[tokio::test]
async fn the_examples_of_the_documentation_can_be_applied() {
    let app = app().await;
    let text = include_str!("../../../../docs/STATE.md");
    let blocks: Vec<_> = text.split("```").skip(1).step_by(2).collect();
    assert_eq!(blocks.len(), 10);
    let mut changes = Vec::new();
    for block in blocks {
        let file: StateFile = match block.split_once('\n').unwrap() {
            ("toml", toml) => toml::from_str(toml).unwrap(),
            (_, json) => serde_json::from_str(json).unwrap(),
        };
        match apply::apply(&app.operator(), &file, Mode::Write).await.unwrap() {
            Applied::Done(items) => changes.push(items.iter().any(|item| item.change != Change::Unchanged)),
            Applied::Refused(problems) => panic!("{problems:#?}"),
        }
    }
    // The seventh says again in JSON what the one before said in TOML.
    assert_eq!(changes, [true, true, true, true, true, true, false, true, true, true]);
}
