//! The login of VPN users: decided on live rows, in the order of specs/vpn.md §10.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use gatehouse_domain::{
    Settings,
    account::change,
    radius::{
        grant::{Decision, Grant},
        nas::{Method, Nas, NasSettings},
    },
    vpn::{
        external::{Answer, AuthServer, Credential, Servers, Verifying},
        group::{self, NewGroup},
        login::{self, Intent, Login, Verdict},
        method, publish,
        user::{self, Expiry, NewUser, ServerName, UserEdit},
    },
};
use gatehouse_model::{NasId, Secret, VpnPolicySetId};
use gatehouse_store::vpn_live;
use gatehouse_testkit::TestApp;

use crate::{
    vpn_people::{add, add_group, caller, edit, make_live, new, new_group},
    vpn_stay::{come_in, orders},
};

/// Of everybody whom [`new`] makes.
const PASSWORD: &str = "a password";

async fn try_with(app: &TestApp, login: &str, credential: Credential, nas: Option<&Nas>) -> Verdict {
    let wish = Login { login, user_name: login, credential: &credential, nas, intent: Intent::Check };
    login::decide(&app.operator(), &wish).await.unwrap()
}

async fn pap(app: &TestApp, login: &str, password: &str) -> &'static str {
    try_with(app, login, Credential::Pap(Secret::new(password)), None).await.reason()
}

async fn granted(app: &TestApp, login: &str, nas: Option<&Nas>) -> Grant {
    match try_with(app, login, Credential::Pap(Secret::new(PASSWORD)), nas).await.decision {
        Decision::Accept(grant) => *grant,
        Decision::Reject(reject) => panic!("{reject:?}"),
    }
}

fn nas(settings: NasSettings) -> Nas {
    Nas {
        id: NasId(7),
        name: "gate".to_owned(),
        network: "192.0.2.1/32".parse().unwrap(),
        secret: Secret::new("0123456789abcdef"),
        coa_secret: Secret::new("0123456789abcdef"),
        settings,
    }
}

/// Answers for foreign servers, and counts.
#[derive(Debug, Default)]
struct Foreign {
    answer: Mutex<Option<Answer>>,
    asked: Mutex<Vec<String>>,
}

impl Servers for Foreign {
    fn verify(&self, server: Arc<AuthServer>, login: String, _: Credential) -> Verifying {
        self.asked.lock().unwrap().push(format!("{} {login}", server.name));
        let answer = self.answer.lock().unwrap().clone().unwrap_or(Answer::Unreachable);
        Box::pin(async move { answer })
    }
}

const LDAP: &str = "INSERT INTO auth_server (name, kind, settings, seal_ref, created_at, updated_at) VALUES \
                    ('ldap', 'ldap', '{\"urls\":[\"ldap://192.0.2.9\"]}', '', 0, 0);";

both!(a_login_is_refused_for_the_first_reason_in_order, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    add_group(&app, "/", "it").await;
    add(&app, "kim", "/it").await;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "no_such_account", "not published");
    make_live(&app).await;
    assert_eq!(pap(&app, "KIM", PASSWORD).await, "ok", "compared folded");
    assert_eq!(pap(&app, "nobody", PASSWORD).await, "no_such_account");
    for wrong in ["", "A password", "a password "] {
        assert_eq!(pap(&app, "kim", wrong).await, "wrong_password");
    }
    user::edit(&ctx, &UserEdit { expiry: Expiry::On("2026-01-01".to_owned()), ..edit("kim", "/it") }).await?;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "ok", "staged only");
    make_live(&app).await;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "expired", "at that moment already");
    group::set_enabled(&ctx, "/it", false).await?;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "group_disabled");
    user::set_enabled(&ctx, "kim", false).await?;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "disabled");
    assert_eq!(pap(&app, "kim", "wrong").await, "wrong_password", "nothing is told to others");
    user::set_enabled(&ctx, "kim", true).await?;
    change::set_enabled(&app.operator(), "kim", false, None).await?;
    app.app.live().refresh(&app.app).await?;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "disabled");
    let told = |verdict: Verdict| match verdict.decision {
        Decision::Reject(reject) => (reject.message.is_some(), reject.ms_chap_error),
        Decision::Accept(_) => panic!("let in"),
    };
    let right = Credential::Pap(Secret::new(PASSWORD));
    assert_eq!(told(try_with(&app, "kim", right, None).await), (true, 647));
    assert_eq!(told(try_with(&app, "kim", Credential::Pap(Secret::new("x")), None).await), (false, 691));
    user::add(&ctx, &NewUser { password: None, ..new("mute", "/") }).await?;
    make_live(&app).await;
    assert_eq!(pap(&app, "mute", "").await, "wrong_password", "no password is no password");
    Ok(())
});

both!(what_is_handed_out_comes_from_policy_roles_resources_and_the_nas, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    app.execute(
        "INSERT INTO vpn_policy_set (id, name, session_timeout, idle_timeout, dns, pool, routes, max_sessions, created_at, updated_at) \
         VALUES (1, 'office', 36000000, 600000, '192.0.2.53,2001:db8::53', 'p1', '198.51.100.0/24', 0, 0, 0); \
         INSERT INTO vpn_role (id, name, note, is_enabled, created_at, updated_at) VALUES (1, 'own', '', TRUE, 0, 0), \
         (2, 'group', '', TRUE, 0, 0), (3, 'root', '', TRUE, 0, 0), (4, 'off', '', FALSE, 0, 0); \
         INSERT INTO vpn_resource_group (id, name, note, is_enabled, created_at, updated_at) VALUES (5, 'labs', '', TRUE, 0, 0), \
         (6, 'shut', '', FALSE, 0, 0); \
         INSERT INTO vpn_resource (id, name, note, kind, service, main_host, addresses, black_list, is_web_app, is_enabled, is_shown, \
         vpn_resource_group_id, created_at, updated_at) VALUES \
         (1, 'a', '', 2, '', '', '203.0.113.0-203.0.113.127/1:9', '', FALSE, TRUE, TRUE, 0, 0, 0), \
         (2, 'b', '', 2, '', '', '203.0.113.200/1:9', '', FALSE, TRUE, TRUE, 5, 0, 0), \
         (3, 'c', '', 1, '', '', '203.0.113.201/1:9', '', FALSE, TRUE, TRUE, 5, 0, 0), \
         (4, 'd', '', 2, '', '', '203.0.113.202/1:9', '', FALSE, FALSE, TRUE, 5, 0, 0), \
         (5, 'e', '', 2, '', '', '203.0.113.203/1:9', '', FALSE, TRUE, TRUE, 6, 0, 0); \
         INSERT INTO vpn_role_resource (vpn_role_id, vpn_resource_id) VALUES (1, 1), (2, 5); \
         INSERT INTO vpn_role_resource_group (vpn_role_id, vpn_resource_group_id) VALUES (2, 5); \
         INSERT INTO vpn_pending (kind, object_id) VALUES ('role', 1), ('role', 2), ('role', 3), ('role', 4), ('resource', 1), \
         ('resource', 2), ('resource', 3), ('resource', 4), ('resource', 5), ('resource_group', 5), ('resource_group', 6), \
         ('group', -100); \
         INSERT INTO vpn_role_group (vpn_role_id, vpn_group_id) VALUES (3, -100);",
    )
    .await?;
    let it = NewGroup {
        roles: vec!["group".to_owned(), "off".to_owned()],
        inherits_policy: false,
        policy_set_id: VpnPolicySetId(1),
        ..new_group("/", "it")
    };
    group::add(&ctx, &it).await?;
    let kim = NewUser { roles: vec!["own".to_owned()], expires_on: Some("2026-01-02".to_owned()), ..new("Kim", "/it") };
    let id = user::add(&ctx, &kim).await?;
    make_live(&app).await;
    let grant = granted(&app, "kim", None).await;
    assert_eq!((grant.terms.account, grant.terms.login.as_str()), (id, "Kim"));
    assert_eq!(grant.terms.groups, ["group", "own", "root"], "inherited, enabled, by name");
    assert_eq!(grant.terms.idle_timeout, Some(Duration::from_mins(10)));
    assert_eq!(grant.session_timeout, Some(Duration::from_hours(10)));
    assert_eq!((grant.terms.pool.as_deref(), grant.terms.dns.len(), grant.terms.framed_ip), (Some("p1"), 2, None));
    let texts = |grant: &Grant| grant.terms.routes.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&grant), ["198.51.100.0/24"]);
    let gate = nas(NasSettings { resource_routes: true, ..NasSettings::default() });
    let grant = granted(&app, "kim", Some(&gate)).await;
    assert_eq!(texts(&grant), ["198.51.100.0/24", "203.0.113.0/25", "203.0.113.200/32"]);
    // Midnight of 2 January in Shanghai is 16 hours after the beginning of the test.
    app.advance(Duration::from_hours(15));
    let grant = granted(&app, "kim", Some(&gate)).await;
    assert_eq!(grant.session_timeout, Some(Duration::from_hours(1)), "never past the expiry, also when remembered");
    app.advance(Duration::from_hours(1));
    assert_eq!(pap(&app, "kim", PASSWORD).await, "expired");
    app.execute("UPDATE vpn_group SET inherits_roles = FALSE WHERE path = '/it'; UPDATE vpn_pass SET fixed_ip = '192.0.2.77', \
                 expires_at = NULL; INSERT INTO vpn_pending (kind, object_id) SELECT 'group', id FROM vpn_group WHERE path = '/it'; \
                 INSERT INTO vpn_pending (kind, object_id) SELECT 'user', account_id FROM vpn_pass;")
        .await?;
    make_live(&app).await;
    let grant = granted(&app, "kim", None).await;
    assert_eq!(grant.terms.groups, ["group", "own"]);
    assert_eq!(grant.terms.framed_ip, Some("192.0.2.77".parse()?));
    Ok(())
});

both!(sessions_are_limited_by_the_policy_set_and_private_ones_by_the_newest, |engine| async {
    let mut settings = Settings::default();
    settings.vpn.private_account_sessions = 1;
    let app = TestApp::with(engine, settings).await?;
    let ctx = caller(&app);
    app.execute("UPDATE vpn_policy_set SET max_sessions = 2 WHERE id = 0;").await?;
    let shared = user::add(&ctx, &NewUser { is_public: true, ..new("shared", "/") }).await?;
    let own = add(&app, "own", "/").await;
    make_live(&app).await;
    come_in(&app, shared, "s1").await;
    assert_eq!(pap(&app, "shared", PASSWORD).await, "ok");
    come_in(&app, shared, "s2").await;
    assert_eq!(pap(&app, "shared", PASSWORD).await, "session_limit", "counted anew also when the login is remembered");
    come_in(&app, own, "o1").await;
    let verdict = try_with(&app, "own", Credential::Pap(Secret::new(PASSWORD)), None).await;
    assert_eq!((verdict.reason(), verdict.newest_sessions), ("ok", Some(1)));
    assert_eq!(orders(&app).await, [] as [&str; 0], "deciding ends nothing");
    login::entered(&app.operator(), &verdict).await?;
    assert_eq!(orders(&app).await, ["disconnect o1 kicked"]);
    let verdict = try_with(&app, "own", Credential::Pap(Secret::new(PASSWORD)), None).await;
    login::entered(&app.operator(), &verdict).await?;
    assert_eq!(orders(&app).await.len(), 1);
    Ok(())
});

both!(a_recent_success_is_remembered_until_anything_it_rests_on_changes, |engine| async {
    let app = TestApp::new(engine).await?;
    add(&app, "kim", "/").await;
    make_live(&app).await;
    let forget = "UPDATE account SET password_hash = NULL, password_scheme = NULL WHERE login = 'kim';";
    // Behind everybody's back: only the memory still knows the password.
    assert_eq!(pap(&app, "kim", PASSWORD).await, "ok");
    app.execute(forget).await?;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "ok");
    assert_eq!(pap(&app, "kim", "another").await, "wrong_password");
    app.advance(Duration::from_secs(3));
    assert_eq!(pap(&app, "kim", PASSWORD).await, "wrong_password", "nothing counts while the database is silent");
    app.app.live().refresh(&app.app).await?;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "ok");
    app.advance(Duration::from_mins(10));
    app.app.live().refresh(&app.app).await?;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "wrong_password", "ten minutes at most");
    for what in ["password", "switch", "group"] {
        change::set_password(&app.operator(), "kim", &Secret::new(PASSWORD)).await?;
        app.app.live().refresh(&app.app).await?;
        assert_eq!(pap(&app, "kim", PASSWORD).await, "ok");
        app.execute(forget).await?;
        assert_eq!(pap(&app, "kim", PASSWORD).await, "ok");
        // Another process changes something of it.
        let other = app.again().await?;
        let staff = other.ctx(gatehouse_domain::Actor::Operator, gatehouse_model::Origin::Cli);
        match what {
            "password" => change::set_password(&staff, "kim", &Secret::new("another one")).await?,
            "switch" => change::set_enabled(&staff, "kim", true, None).await?,
            _ => {
                add_group(&app, "/", "it").await;
                publish::apply(&staff).await?;
            }
        }
        app.app.live().refresh(&app.app).await?;
        assert_eq!(pap(&app, "kim", PASSWORD).await, "wrong_password", "{what}");
    }
    Ok(())
});

fn chap(password: &str) -> Credential {
    let challenge = b"0123456789abcdef".to_vec();
    let response = gatehouse_radius_wire::chap::response(7, password.as_bytes(), &challenge);
    Credential::Chap { ident: 7, response, challenge }
}

fn ms_chap(name: &str, password: &str) -> Credential {
    use gatehouse_radius_wire::mschap;
    let (challenge, peer_challenge) = ([1; 16], [2; 16]);
    let digest = mschap::challenge_hash(&peer_challenge, &challenge, name.as_bytes());
    let nt_response = mschap::nt_response(&digest, &mschap::nt_hash(password));
    Credential::MsChap2 { ident: 7, flags: 0, challenge, peer_challenge, nt_response }
}

both!(challenges_need_the_clear_copy_which_a_password_in_clear_leaves, |engine| async {
    let mut settings = Settings::default();
    settings.login.keep_clear_password = true;
    let app = TestApp::new(engine).await?;
    add(&app, "kim", "/").await;
    make_live(&app).await;
    assert_eq!(try_with(&app, "kim", chap(PASSWORD), None).await.reason(), "needs_clear_password");
    // The operator turns it on; the next password in clear fills it.
    let kept = app.again_with(settings).await?;
    let ctx = kept.ctx(gatehouse_domain::Actor::Operator, gatehouse_model::Origin::Cli);
    let ask = async |credential: Credential| {
        let wish =
            Login { login: "kim", user_name: "OFFICE\\kim", credential: &credential, nas: None, intent: Intent::Check };
        login::decide(&ctx, &wish).await.unwrap()
    };
    assert_eq!(ask(Credential::Pap(Secret::new("wrong"))).await.reason(), "wrong_password");
    assert_eq!(ask(ms_chap("kim", PASSWORD)).await.reason(), "needs_clear_password");
    assert_eq!(ask(Credential::Pap(Secret::new(PASSWORD))).await.reason(), "ok");
    assert_eq!(ask(chap(PASSWORD)).await.reason(), "ok");
    assert_eq!(ask(chap("wrong")).await.reason(), "wrong_password");
    assert_eq!(ask(ms_chap("kim", "wrong")).await.reason(), "wrong_password");
    let Decision::Accept(grant) = ask(ms_chap("kim", PASSWORD)).await.decision else { panic!("refused") };
    let success = grant.success.unwrap();
    assert!(success.response.starts_with("S=") && success.response.len() == 42 && success.keys.is_some());
    change::set_password(&app.operator(), "kim", &Secret::new("another one")).await?;
    assert_eq!(ask(chap(PASSWORD)).await.reason(), "needs_clear_password", "the old copy is gone");
    let gate = nas(NasSettings { methods: vec![Method::Chap], ..NasSettings::default() });
    let refused = try_with(&app, "kim", Credential::Pap(Secret::new("another one")), Some(&gate)).await;
    assert_eq!(refused.reason(), "method_not_allowed");
    Ok(())
});

both!(an_imported_hash_becomes_a_present_one_at_the_first_login, |engine| async {
    let app = TestApp::new(engine).await?;
    add(&app, "kim", "/").await;
    make_live(&app).await;
    // MD5 of `secret`.
    app.execute("UPDATE account SET password_scheme = 4, password_hash = '5ebe2294ecd0e0f08eab7690d2a6ee69' WHERE login = 'kim';")
        .await?;
    assert_eq!(pap(&app, "kim", "secret").await, "ok");
    let user = vpn_live::find_by_key(&mut app.app.db().read(), "kim").await?.unwrap();
    assert!(user.password_scheme == Some(1) && user.password_hash.unwrap().starts_with("$argon2id$"));
    assert_eq!(pap(&app, "kim", "secret").await, "ok");
    Ok(())
});

both!(methods_are_all_or_any_and_what_the_door_cannot_check_fails_closed, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    app.execute(LDAP).await?;
    let foreign = Arc::new(Foreign::default());
    app.app.serve_external(foreign.clone());
    let answer = |answer: Answer| *foreign.answer.lock().unwrap() = Some(answer);
    let accepted = || Answer::Accepted { success: None, roles: Vec::new() };
    let user = |name: &str, methods: i64, is_external: bool| NewUser {
        inherits_auth: false,
        methods,
        server: is_external.then(|| ServerName { name: "ldap".to_owned(), kind: None }),
        ..new(name, "/")
    };
    for form in [
        user("ext", 0, true),
        user("both", method::PASSWORD, true),
        user("any", method::PASSWORD, true),
        user("cert", method::PASSWORD | method::CERTIFICATE, false),
        user("certany", method::PASSWORD | method::CERTIFICATE, false),
        user("onlycert", method::CERTIFICATE, false),
        user("none", 0, false),
    ] {
        user::add(&ctx, &form).await?;
    }
    app.execute(
        "UPDATE vpn_pass SET is_any_of = TRUE WHERE account_id IN (SELECT id FROM account WHERE login IN ('any', 'certany'));",
    )
    .await?;
    make_live(&app).await;
    answer(accepted());
    assert_eq!(pap(&app, "ext", "of the directory").await, "ok");
    assert_eq!(pap(&app, "ext", "").await, "wrong_password", "nobody is asked with an empty password");
    assert_eq!(foreign.asked.lock().unwrap().as_slice(), ["ldap ext"]);
    assert_eq!(try_with(&app, "ext", chap("x"), None).await.reason(), "needs_clear_password");
    assert_eq!(pap(&app, "both", "of the directory").await, "wrong_password", "it must satisfy each");
    assert_eq!(pap(&app, "both", PASSWORD).await, "ok");
    assert_eq!(pap(&app, "any", "of the directory").await, "ok");
    answer(Answer::Refused("credentials"));
    let refused = try_with(&app, "ext", Credential::Pap(Secret::new("x")), None).await;
    assert_eq!((refused.reason(), refused.detail), ("external_refused", Some("credentials")));
    assert_eq!(
        pap(&app, "both", PASSWORD).await,
        "external_refused",
        "successes of foreign servers are not remembered"
    );
    assert_eq!(pap(&app, "any", PASSWORD).await, "ok", "the password first");
    answer(Answer::Unreachable);
    assert_eq!(pap(&app, "ext", "x").await, "external_unreachable");
    assert_eq!(pap(&app, "any", "x").await, "external_unreachable");
    assert_eq!(pap(&app, "cert", PASSWORD).await, "factor_unavailable");
    assert_eq!(pap(&app, "cert", "x").await, "wrong_password");
    assert_eq!(pap(&app, "certany", PASSWORD).await, "ok");
    assert_eq!(pap(&app, "onlycert", PASSWORD).await, "factor_unavailable");
    assert_eq!(pap(&app, "none", PASSWORD).await, "method_not_allowed");
    Ok(())
});

both!(an_accepted_login_ends_being_new_and_a_decision_alone_does_not, |engine| async {
    let app = TestApp::new(engine).await?;
    let id = add(&app, "kim", "/").await;
    make_live(&app).await;
    assert_eq!(pap(&app, "kim", PASSWORD).await, "ok");
    let last = async || user::show(&caller(&app), "kim").await.unwrap().row.last_login_at;
    assert_eq!(last().await, None);
    let now = app.app.now();
    for at in [now, now.minus(Duration::from_secs(1))] {
        let mut tx = app.app.db().begin().await?;
        login::note(&mut tx, id, at).await?;
        tx.commit().await?;
    }
    assert_eq!(last().await, Some(now), "batches may come out of order");
    Ok(())
});
