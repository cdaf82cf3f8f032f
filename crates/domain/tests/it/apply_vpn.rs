//! The state file and the vpn surface: staged and live at once, by field, again and again the same.

use gatehouse_domain::{
    account::view,
    apply::{self, Applied, Change, Mode},
    radius::{
        grant::{Decision, Grant},
        nas::Profile,
    },
    vpn::{
        auth_server,
        external::{Credential, ServerKind},
        login::{self, Intent, Login},
        publish, secret,
        user::{self, UserEdit},
    },
};
use gatehouse_model::{Millis, Secret};
use gatehouse_store::{Query as _, args, sql, vpn_live, vpn_pending};
use gatehouse_testkit::TestApp;

use crate::{
    apply::file,
    vpn_people::{caller, edit},
    vpn_stay::{come_in, forget_orders, orders},
};

const WHOLE: &str = r#"
[vpn]
secret = "0123456789abcdef0123456789abcdef"

[[nas]]
name = "gate"
address = "192.0.2.1"
secret = "correct horse battery staple"
profile = "ocserv"
disconnect = "command"
command = "occtl"
resource_routes = true

[[auth_server]]
name = "directory"
kind = "ldap"
urls = ["ldaps://directory.example.com"]
base_dn = "dc=example,dc=com"
filter = "(uid={login})"
bind_dn = "cn=reader,dc=example,dc=com"
bind_password = "another secret text"

[[auth_server]]
name = "upstream"
kind = "radius"
address = "192.0.2.9"
secret = "yet another secret"

[[vpn.policy_set]]
name = "office"
session_timeout = "12h"
dns = ["192.0.2.53"]
routes = ["198.51.100.0/24"]

[[vpn.resource_group]]
name = "labs"

[[vpn.resource]]
name = "git"
group = "labs"
addresses = ["203.0.113.7/22:22"]

[[vpn.role]]
name = "developer"
resource_groups = ["labs"]

[[vpn.group]]
path = "/IT"
inherit_policy = false
policy_set = "office"
roles = ["developer"]

[[vpn.group]]
path = "/IT/net"

[[account]]
login = "kim"
password = "a password"
[account.vpn]
group = "/IT/net"
expires_at = 2030-01-31T00:00:00Z
phone = "+1 555 0100"
"#;

async fn done(app: &TestApp, toml: &str) -> Vec<(String, Change)> {
    match apply::apply(&app.operator(), &file(toml), Mode::Write).await.unwrap() {
        Applied::Done(items) => items.into_iter().map(|it| (format!("{} {}", it.kind, it.key), it.change)).collect(),
        Applied::Refused(problems) => panic!("{problems:#?}"),
    }
}

async fn refused(app: &TestApp, toml: &str) -> String {
    match apply::apply(&app.operator(), &file(toml), Mode::Write).await.unwrap() {
        Applied::Done(items) => panic!("{items:#?}"),
        Applied::Refused(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

async fn granted(app: &TestApp) -> Grant {
    let nas = app.app.live().nas().entries.first().cloned();
    let credential = Credential::Pap(Secret::new("a password"));
    let intent = Intent::Check;
    let wish = Login { login: "kim", user_name: "kim", credential: &credential, nas: nas.as_deref(), intent };
    match login::decide(&app.operator(), &wish).await.unwrap().decision {
        Decision::Accept(grant) => *grant,
        Decision::Reject(reject) => panic!("{reject:?}"),
    }
}

both!(a_file_makes_a_gate_and_everything_behind_it_and_again_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let changes = done(&app, WHOLE).await;
    assert!(changes.iter().all(|(what, change)| *change == Change::Created || what == "vpn.secret vpn"), "{changes:?}");
    assert!(!vpn_pending::exists(&mut app.app.db().read()).await?, "live at once");
    assert_eq!(secret::load(&app.app).await?.expose(), "0123456789abcdef0123456789abcdef");
    app.app.live().refresh(&app.app).await?;
    let gate = app.app.live().nas().entries[0].clone();
    assert_eq!((gate.settings.profile, gate.settings.command.as_deref()), (Profile::Ocserv, Some("occtl")));
    let servers = auth_server::list(&app.operator()).await?;
    assert!(matches!(&servers[0].kind, ServerKind::Ldap(ldap) if ldap.scope == "sub"));
    assert_eq!(servers[1].secret.as_ref().unwrap().expose(), "yet another secret");
    let grant = granted(&app).await;
    assert_eq!(grant.terms.groups, ["developer"]);
    assert_eq!(
        grant.terms.routes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["198.51.100.0/24", "203.0.113.7/32"]
    );
    let shown = view::show(&app.operator(), "kim").await?.vpn.unwrap();
    assert_eq!((shown.group.as_str(), shown.expires_at), ("/IT/net", Some(Millis(1_896_048_000_000))));
    let revisions = sql!("SELECT aspect, revision FROM live_revision ORDER BY aspect");
    let before = app.app.db().read().all::<(String, i64)>(revisions, args![]).await?;
    let changes = done(&app, WHOLE).await;
    assert!(changes.iter().all(|(_, change)| *change == Change::Unchanged), "{changes:?}");
    assert_eq!(app.app.db().read().all::<(String, i64)>(revisions, args![]).await?, before, "nothing is written");
    // A key that is named changes, all others stay.
    let changes = done(
        &app,
        "[[nas]]\nname = \"gate\"\ninterim = \"2m\"\n[[auth_server]]\nname = \"directory\"\nscope = \"one\"\n\
         [[vpn.policy_set]]\nname = \"office\"\nsession_timeout = \"0s\"\n[[vpn.group]]\npath = \"/IT\"\nroles = []\n",
    )
    .await;
    assert!(changes.iter().all(|(_, change)| *change == Change::Updated), "{changes:?}");
    app.app.live().refresh(&app.app).await?;
    let gate = app.app.live().nas().entries[0].clone();
    assert_eq!((gate.settings.profile, gate.secret.expose()), (Profile::Ocserv, "correct horse battery staple"));
    let grant = granted(&app).await;
    assert!(grant.terms.groups.is_empty() && grant.terms.dns.len() == 1);
    let servers = auth_server::list(&app.operator()).await?;
    assert_eq!(servers[0].secret.as_ref().unwrap().expose(), "another secret text");
    Ok(())
});

both!(what_is_in_use_is_not_removed_and_a_file_can_remove_all_of_it, |engine| async {
    let app = TestApp::new(engine).await?;
    done(&app, WHOLE).await;
    done(&app, "[[vpn.group]]\npath = \"/IT/net\"\nauth_server = \"directory\"\nmethods = [\"external\"]\n").await;
    let remove = "[[vpn.group]]\npath = \"/IT\"\nstate = \"absent\"\n[[vpn.group]]\npath = \"/IT/net\"\nstate = \"absent\"\n\
                  [[vpn.role]]\nname = \"developer\"\nstate = \"absent\"\n[[vpn.resource]]\nname = \"git\"\nstate = \"absent\"\n\
                  [[vpn.resource_group]]\nname = \"labs\"\nstate = \"absent\"\n\
                  [[vpn.policy_set]]\nname = \"office\"\nstate = \"absent\"\n\
                  [[auth_server]]\nname = \"directory\"\nstate = \"absent\"\n[[nas]]\nname = \"gate\"\nstate = \"absent\"\n";
    let why = refused(&app, remove).await;
    assert!(why.contains("[[vpn.group]] `/IT/net`: state: users or groups are in it"), "{why}");
    let why = refused(&app, "[[vpn.resource_group]]\nname = \"labs\"\nstate = \"absent\"\n").await;
    assert!(why.contains("something is in it"), "{why}");
    let why = refused(&app, "[[auth_server]]\nname = \"directory\"\nstate = \"absent\"\n").await;
    assert!(why.contains("log in by it"), "{why}");
    let changes = done(&app, &format!("{remove}[[account]]\nlogin = \"kim\"\nstate = \"absent\"\n")).await;
    assert!(changes.iter().all(|(_, change)| *change == Change::Removed), "{changes:?}");
    let left = sql!(
        "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM (SELECT id FROM vpn_group WHERE id > 0 UNION ALL \
         SELECT id FROM vpn_group_live WHERE id > 0 UNION ALL SELECT id FROM vpn_role_live UNION ALL SELECT id FROM vpn_resource_live \
         UNION ALL SELECT account_id FROM vpn_pass_live UNION ALL SELECT vpn_role_id FROM vpn_role_group_live \
         UNION ALL SELECT vpn_role_id FROM vpn_role_resource_group_live UNION ALL SELECT id FROM vpn_pending) x"
    );
    assert_eq!(app.app.db().read().one::<(i64,)>(left, args![]).await?, Some((0,)));
    Ok(())
});

both!(what_a_file_does_not_name_goes_on_waiting, |engine| async {
    let app = TestApp::new(engine).await?;
    done(&app, WHOLE).await;
    let id = view::show(&app.operator(), "kim").await?.id;
    come_in(&app, id, "k").await;
    let wish = UserEdit { note: Some("staged".to_owned()), phone: Some("staged".to_owned()), ..edit("kim", "/IT") };
    user::edit(&caller(&app), &wish).await?;
    let toml = "[[account]]\nlogin = \"kim\"\n[account.vpn]\nphone = \"by staff\"\n";
    assert_eq!(done(&app, toml).await, [("account kim".to_owned(), Change::Updated)]);
    let shown = view::show(&app.operator(), "kim").await?.vpn.unwrap();
    assert_eq!((shown.note.as_str(), shown.group.as_str()), ("", "/IT/net"));
    assert_eq!(orders(&app).await, [] as [&str; 0], "a phone number is no term of a stay");
    publish::apply(&app.operator()).await?;
    assert_eq!(orders(&app).await, ["change k"], "another group is");
    let shown = view::show(&app.operator(), "kim").await?.vpn.unwrap();
    assert_eq!((shown.note.as_str(), shown.group.as_str()), ("staged", "/IT"));
    let phone = user::show(&caller(&app), "kim").await?.row.phone;
    assert_eq!(phone, "by staff", "and is not lost by a later apply");
    assert_eq!(done(&app, toml).await, [("account kim".to_owned(), Change::Unchanged)]);
    // A group that is switched off ends the stays below it.
    done(&app, "[[vpn.group]]\npath = \"/IT\"\nenabled = false\n").await;
    assert!(orders(&app).await.contains(&"disconnect k disabled".to_owned()));
    assert!(!vpn_live::list_chain(&mut app.app.db().read(), shown_group(&app).await).await?[0].is_enabled);
    Ok(())
});

async fn shown_group(app: &TestApp) -> gatehouse_model::VpnGroupId {
    vpn_live::find_by_key(&mut app.app.db().read(), "kim").await.unwrap().unwrap().vpn_group_id
}

both!(a_file_that_cannot_be_is_refused_in_words_and_writes_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    for (toml, words) in [
        ("[[nas]]\nname = \"g\"\n", "address: is required"),
        ("[[nas]]\nname = \"g\"\naddress = \"192.0.2.1\"\n", "secret: is required"),
        ("[[nas]]\nname = \"g\"\naddress = \"gate\"\nsecret = \"s\"\n", "address: an IP address"),
        (
            "[[nas]]\nname = \"g\"\naddress = \"192.0.2.1\"\nsecret = \"s\"\nprofil = \"ocserv\"\n",
            "unknown field `profil`",
        ),
        ("[[auth_server]]\nname = \"d\"\nkind = \"ldap\"\nurls = []\n", "urls: at least one"),
        (
            "[[auth_server]]\nname = \"d\"\nkind = \"radius\"\naddress = \"192.0.2.1\"\n",
            "secret: a RADIUS server needs one",
        ),
        ("[[vpn.group]]\npath = \"IT\"\n", "path: begins with /"),
        ("[[vpn.group]]\npath = \"/a/b\"\n", "no published group is `/a`"),
        ("[[vpn.group]]\npath = \"/\"\nenabled = false\n", "the root cannot be disabled"),
        ("[[vpn.group]]\npath = \"/默认用户组/x\"\n", "nothing lies below the default"),
        ("[[vpn.group]]\npath = \"/a\"\npolicy_set = \"x\"\n", "no vpn.policy_set is `x`"),
        ("[[vpn.role]]\nname = \"r\"\nresources = [\"x\"]\n", "nothing is called `x`"),
        ("[[vpn.resource]]\nname = \"r\"\naddresses = [\"anywhere\"]\n", "addresses: 1 to 10 of"),
        ("[vpn]\nsecret = \"short\"\n", "16 to 128 printable"),
        ("[[account]]\nlogin = \"a\"\nvpn = { group = \"/x\" }\n", "group: no published VPN group has the path /x"),
        ("[[account]]\nlogin = \"a\"\nvpn = { fixed_ip = \"x\" }\n", "vpn.fixed_ip: an IPv4 address"),
    ] {
        let why = refused(&app, toml).await;
        assert!(why.contains(words), "{toml}\n{why}");
    }
    assert!(view::show(&app.operator(), "a").await.is_err());
    Ok(())
});

/// Six who are in: `ann` below /it, `bob` in /it, `cay` with a role of her own, `dan` with another policy set, `eve` beside a group
/// that forces one, `fay` with nothing of it all.
const SIX: &str = r#"
[[vpn.policy_set]]
name = "office"
[[vpn.policy_set]]
name = "guest"
[[vpn.resource_group]]
name = "labs"
[[vpn.resource_group]]
name = "attic"
[[vpn.resource]]
name = "git"
group = "labs"
addresses = ["203.0.113.7/22:22"]
[[vpn.resource]]
name = "wiki"
addresses = ["203.0.113.8/80:80"]
[[vpn.role]]
name = "developer"
resource_groups = ["labs"]
[[vpn.role]]
name = "reader"
resources = ["wiki"]
[[vpn.group]]
path = "/it"
roles = ["developer"]
inherit_policy = false
policy_set = "office"
[[vpn.group]]
path = "/it/net"
[[vpn.group]]
path = "/yard"
inherit_policy = false
policy_set = "guest"
force_policy = true
[[account]]
login = "ann"
vpn = { group = "/it/net" }
[[account]]
login = "bob"
vpn = { group = "/it" }
[[account]]
login = "cay"
vpn = { roles = ["reader"] }
[[account]]
login = "dan"
vpn = { inherit_policy = false, policy_set = "guest" }
[[account]]
login = "eve"
vpn = { group = "/yard", inherit_policy = false, policy_set = "office" }
[[account]]
login = "fay"
vpn = {}
"#;

both!(a_file_tells_those_whom_it_concerns_and_nobody_else, |engine| async {
    let app = TestApp::new(engine).await?;
    done(&app, SIX).await;
    for name in ["ann", "bob", "cay", "dan", "eve", "fay"] {
        let id = view::show(&app.operator(), name).await?.id;
        come_in(&app, id, name).await;
    }
    for (toml, told) in [
        (SIX, ""),
        // What nobody notices.
        ("[[vpn.policy_set]]\nname = \"new\"\nsession_timeout = \"1h\"", ""),
        ("[[vpn.role]]\nname = \"developer\"\nnote = \"n\"", ""),
        ("[[vpn.resource]]\nname = \"git\"\nnote = \"n\"", ""),
        ("[[vpn.group]]\npath = \"/it\"\nnote = \"n\"", ""),
        ("[[account]]\nlogin = \"fay\"\nvpn = { note = \"n\" }", ""),
        ("[[vpn.resource]]\nname = \"box\"\ngroup = \"attic\"\naddresses = [\"203.0.113.9/1:1\"]", ""),
        // Policy sets: in force through a group, but not for whom another one is forced.
        ("[[vpn.policy_set]]\nname = \"office\"\nsession_timeout = \"2h\"", "ann bob"),
        ("[[vpn.policy_set]]\nname = \"guest\"\nsession_timeout = \"2h\"", "dan eve"),
        ("[[vpn.policy_set]]\nname = \"Default policy set\"\nsession_timeout = \"2h\"", "cay fay"),
        // Roles and what they open.
        ("[[vpn.resource]]\nname = \"git\"\naddresses = [\"203.0.113.9/22:22\"]", "ann bob"),
        ("[[vpn.resource]]\nname = \"wiki\"\nenabled = false", "cay"),
        ("[[vpn.resource]]\nname = \"mail\"\ngroup = \"labs\"\naddresses = [\"203.0.113.9/25:25\"]", "ann bob"),
        ("[[vpn.resource]]\nname = \"mail\"\ngroup = \"attic\"", "ann bob"),
        ("[[vpn.resource_group]]\nname = \"labs\"\nenabled = false", "ann bob"),
        ("[[vpn.role]]\nname = \"reader\"\nresources = [\"wiki\", \"mail\"]", "cay"),
        ("[[vpn.resource]]\nname = \"mail\"\nstate = \"absent\"", "cay"),
        ("[[vpn.role]]\nname = \"developer\"\nenabled = false", "ann bob"),
        // Groups and users.
        ("[[vpn.group]]\npath = \"/it/net\"\nroles = [\"reader\"]", "ann"),
        ("[[vpn.group]]\npath = \"/it\"\ninherit_policy = true", "ann bob"),
        ("[[account]]\nlogin = \"fay\"\nvpn = { roles = [\"reader\"] }", "fay"),
        ("[[account]]\nlogin = \"dan\"\nvpn = { fixed_ip = \"198.51.100.7\" }", "dan"),
        ("[[vpn.role]]\nname = \"reader\"\nstate = \"absent\"", "ann cay fay"),
        // Who goes out is told nothing else.
        ("[[vpn.group]]\npath = \"/it\"\nenabled = false\npolicy_set = \"guest\"", "ann: disabled bob: disabled"),
    ] {
        forget_orders(&app).await;
        done(&app, toml).await;
        let heard: Vec<_> = orders(&app).await.iter().map(|order| heard(order)).collect();
        assert_eq!(heard.join(" "), told, "{toml}");
    }
    Ok(())
});

/// `change NAME` as the name, `disconnect NAME why` as `NAME: why`.
fn heard(order: &str) -> String {
    let words: Vec<_> = order.split(' ').collect();
    words.get(2).map_or_else(|| words[1].to_owned(), |why| format!("{}: {why}", words[1]))
}
