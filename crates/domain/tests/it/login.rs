//! Logins of staff, their sessions and second factors, API tokens and keys.

use std::time::Duration;

use gatehouse_domain::{
    Actor, Caller, Ctx, Edit, Error, Settings, Via,
    account::{self, NewAccount, change, own, pass, staff as people},
    api_token, audit, factor,
    login::{self, Refused, Step},
    permission::{self, Change},
    role::{self, NewRole},
    session::staff::{self, Owed, Pair, Proof, Terminals, Which},
    ssh_key,
};
use gatehouse_model::{AccountId, ApiTokenId, Login, LoginSessionId, Origin, Paging, PassKind, Secret, SshKeyId};
use gatehouse_testkit::TestApp;

use crate::people::{DEFAULT, role_with};

const PASSWORD: &str = "correct horse";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

fn word(text: &str) -> Secret {
    Secret::new(text)
}

async fn member(app: &TestApp, login: &str) -> anyhow::Result<AccountId> {
    let ctx = app.operator();
    let name = Some(login.to_uppercase());
    let new = NewAccount { login: Login::new(login)?, name, email: None, phone: None, password: Some(word(PASSWORD)) };
    let id = account::create(&ctx, &new).await?;
    pass::grant(&ctx, login, PassKind::Staff).await?;
    Ok(id)
}

fn visitor(app: &TestApp) -> Ctx {
    let caller = Caller { address: Some([192, 0, 2, 1].into()), ..Caller::default() };
    Ctx { caller, ..app.app.ctx(Actor::Anonymous, Origin::Bastion) }
}

async fn enter(app: &TestApp, login: &str) -> anyhow::Result<Pair> {
    match login::password(&visitor(app), login, &word(PASSWORD), None).await? {
        Step::Verified(verified) => Ok(login::open_session(&visitor(app), verified, Some("curl")).await?),
        other => anyhow::bail!("{other:?}"),
    }
}

async fn admitted(app: &TestApp, pair: &Pair) -> gatehouse_domain::Result<(Ctx, Option<Owed>)> {
    let proof = Proof { session: pair.session, account: pair.account_id, token_id: &pair.access_id };
    staff::admit(&visitor(app), &proof).await
}

async fn refreshed(app: &TestApp, pair: &Pair) -> gatehouse_domain::Result<Pair> {
    let proof = Proof { session: pair.session, account: pair.account_id, token_id: &pair.refresh_id };
    staff::refresh(&visitor(app), &proof).await
}

both!(a_login_needs_the_exact_name_a_staff_pass_and_the_password, |engine| async {
    let app = TestApp::new(engine).await?;
    let id = member(&app, "kim").await?;
    let outsider = NewAccount {
        login: Login::new("outsider")?,
        name: None,
        email: None,
        phone: None,
        password: Some(word(PASSWORD)),
    };
    account::create(&app.operator(), &outsider).await?;
    let refused =
        async |login: &str, password: &str| match login::password(&visitor(&app), login, &word(password), None).await {
            Ok(Step::Refused(refused)) => refused,
            other => panic!("{other:?}"),
        };
    for (login, password) in
        [("kim", "wrong"), ("KIM", PASSWORD), ("outsider", PASSWORD), ("nobody", PASSWORD), ("a\0b", "")]
    {
        assert_eq!(refused(login, password).await, Refused::Wrong, "{login:?}");
    }
    change::set_enabled(&app.operator(), "kim", false, None).await?;
    assert_eq!(refused("kim", PASSWORD).await, Refused::Disabled);
    assert_eq!(refused("kim", "wrong").await, Refused::Wrong);
    change::set_enabled(&app.operator(), "kim", true, None).await?;
    let (ctx, owes) = admitted(&app, &enter(&app, "kim").await?).await?;
    assert_eq!((ctx.account(), owes), (Some(id), None));
    assert_eq!(own::show(&ctx).await?.last_login_at, Some(app.app.now()));
    let rows = audit::list(&app.operator(), None, Some("account.login"), 20).await?;
    let outcomes: Vec<_> = rows.iter().rev().map(|row| (row.outcome.as_str(), row.actor_label.as_deref())).collect();
    let unknown = ("no_such_account", None);
    let wrong = ("wrong_password", Some("KIM"));
    assert_eq!(
        outcomes,
        [wrong, unknown, unknown, unknown, unknown, ("disabled", Some("KIM")), wrong, ("ok", Some("KIM"))]
    );
    Ok(())
});

both!(a_login_that_was_overtaken_by_a_change_opens_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    member(&app, "kim").await?;
    let Step::Verified(verified) = login::password(&visitor(&app), "kim", &word(PASSWORD), None).await? else {
        panic!()
    };
    change::set_password(&app.operator(), "kim", &word("another word")).await?;
    assert!(matches!(login::open_session(&visitor(&app), verified, None).await, Err(Error::Unauthenticated { .. })));
    Ok(())
});

both!(a_pair_is_rotated_once_and_older_tokens_end_the_session, |engine| async {
    let app = TestApp::new(engine).await?;
    member(&app, "kim").await?;
    let first = enter(&app, "kim").await?;
    app.advance(Duration::from_mins(1));
    let second = refreshed(&app, &first).await?;
    assert_ne!((&first.access_id, &first.refresh_id), (&second.access_id, &second.refresh_id));
    assert_eq!(refreshed(&app, &first).await?, second, "the same successor within the grace");
    assert!(admitted(&app, &first).await.is_ok());
    app.advance(Duration::from_millis(10_001));
    assert!(admitted(&app, &first).await.is_err());
    let third = refreshed(&app, &second).await?;
    assert!(admitted(&app, &third).await.is_ok());
    assert!(refreshed(&app, &first).await.is_err(), "reuse");
    assert!(admitted(&app, &third).await.is_err());
    assert!(refreshed(&app, &third).await.is_err());
    // A refresh token is no access token, and a foreign account's name on it is worth nothing.
    let other = enter(&app, "kim").await?;
    let swapped = Pair { access_id: other.refresh_id.clone(), ..other.clone() };
    assert!(admitted(&app, &swapped).await.is_err());
    let foreign = Pair { account_id: AccountId(1), ..other.clone() };
    assert!(admitted(&app, &foreign).await.is_err());
    assert!(admitted(&app, &other).await.is_ok());
    Ok(())
});

both!(sessions_end_by_logout_password_pass_status_and_hand, |engine| async {
    let app = TestApp::new(engine).await?;
    member(&app, "kim").await?;
    let is_alive = async |pair: &Pair| admitted(&app, pair).await.is_ok();
    let (first, second) = (enter(&app, "kim").await?, enter(&app, "kim").await?);
    let ctx = admitted(&app, &first).await?.0;
    staff::logout(&ctx, Terminals::End).await?;
    assert_eq!((is_alive(&first).await, is_alive(&second).await), (false, true));
    assert!(staff::logout(&app.operator(), Terminals::End).await.is_err());
    let third = enter(&app, "kim").await?;
    let ctx = admitted(&app, &second).await?.0;
    own::change_password(&ctx, &word(PASSWORD), &word("another word")).await?;
    assert_eq!((is_alive(&second).await, is_alive(&third).await), (true, false));
    own::change_password(&ctx, &word("another word"), &word(PASSWORD)).await?;
    let fourth = enter(&app, "kim").await?;
    let page = staff::list(&ctx, None, Paging { limit: 10, offset: 0, is_descending: true }).await?;
    let shown: Vec<_> = page.rows.iter().map(|view| view.is_current).collect();
    assert_eq!((page.total, shown), (2, vec![false, true]));
    assert_eq!(staff::end(&ctx, &Which::AllOther).await?, 1);
    assert_eq!((is_alive(&second).await, is_alive(&fourth).await), (true, false));
    assert_eq!(staff::end(&ctx, &Which::Named(vec![LoginSessionId(999)])).await?, 0);
    change::set_enabled(&app.operator(), "kim", false, None).await?;
    assert!(!is_alive(&second).await);
    change::set_enabled(&app.operator(), "kim", true, None).await?;
    let fifth = enter(&app, "kim").await?;
    pass::grant(&app.operator(), "kim", PassKind::Proxy).await?;
    pass::revoke(&app.operator(), "kim", PassKind::Staff).await?;
    assert!(!is_alive(&fifth).await);
    Ok(())
});

both!(a_second_factor_belongs_to_the_account_and_counts_everywhere, |engine| async {
    let app = TestApp::new(engine).await?;
    let id = member(&app, "kim").await?;
    let (enrolled, other) = (enter(&app, "kim").await?, enter(&app, "kim").await?);
    let ctx = admitted(&app, &enrolled).await?.0;
    factor::setup(&ctx).await?;
    assert!(matches!(factor::verify(&ctx, "000000").await, Err(Error::NotFound { .. })), "not confirmed yet");
    let setup = factor::setup(&ctx).await?;
    assert_eq!(setup.secret.expose().len(), 32);
    assert!(matches!(factor::confirm(&ctx, "000000").await, Err(Error::Fields(_))));
    let codes = factor::confirm(&ctx, &totp(&app, setup.secret.expose())).await?;
    assert_eq!(admitted(&app, &enrolled).await?.1, None);
    assert_eq!(admitted(&app, &other).await?.1, Some(Owed::Factor));
    let Step::Code(waiting) = login::password(&visitor(&app), "kim", &word(PASSWORD), None).await? else { panic!() };
    let code = codes.first().unwrap().expose();
    let Step::Verified(verified) = login::code(&visitor(&app), &waiting, code).await? else { panic!() };
    let (door, owes) = login::enter(&visitor(&app), verified).await?;
    assert!(matches!(door.actor, Actor::Account { via: Via::Door, .. }) && owes.is_none());
    assert!(matches!(login::code(&visitor(&app), &waiting, code).await?, Step::Refused(Refused::Code)));
    ssh_key::add(&ctx, None, "laptop", KEY).await?;
    let fingerprint = ssh_key::parse(KEY)?.fingerprint;
    assert!(matches!(login::key(&visitor(&app), "kim", &fingerprint).await?, Step::Code(_)), "keys do not replace it");
    factor::reset(&app.operator(), id).await?;
    assert!(matches!(login::key(&visitor(&app), "kim", &fingerprint).await?, Step::Verified(_)));
    assert!(matches!(login::key(&visitor(&app), "kim", "SHA256:x").await?, Step::Refused(Refused::Wrong)));
    assert!(matches!(login::key(&visitor(&app), "nobody", &fingerprint).await?, Step::Refused(Refused::Wrong)));
    assert_eq!(admitted(&app, &other).await?.1, None);
    Ok(())
});

both!(a_limited_login_holds_no_code_in_a_write_either, |engine| async {
    let mut settings = Settings::default();
    settings.bastion.auth.mfa_roles = vec!["clerk".to_owned()];
    let app = TestApp::with(engine, settings).await?;
    let id = member(&app, "kim").await?;
    let clerk = role_with(&app, "clerk", &["system.role.create"], &[(DEFAULT, "resource.self.create")]).await;
    let pair = enter(&app, "kim").await?;
    let (early, owes) = admitted(&app, &pair).await?;
    assert_eq!(owes, None);
    let wanted = [(clerk, Edit::Keep)].into_iter().collect();
    people::bind(&app.operator(), id, &wanted).await?;
    let held = async |ctx: &Ctx| {
        let (ctx, mut tx) = permission::begin(ctx, Change::Things).await.unwrap();
        let group = permission::require_anywhere(&ctx, &mut tx, "resource.self.create").await;
        (ctx.require("system.role.create").is_ok(), group.is_ok())
    };
    assert_eq!(held(&early).await, (true, true), "codes are read anew inside a write");
    let (ctx, owes) = admitted(&app, &pair).await?;
    assert_eq!((owes, held(&ctx).await), (Some(Owed::Enrolment), (false, false)));
    let new = NewRole { name: "r".to_owned(), code: "r".to_owned(), remark: None };
    assert!(matches!(role::add(&ctx, &new).await, Err(Error::Forbidden { .. })));
    let Step::Verified(verified) = login::password(&visitor(&app), "kim", &word(PASSWORD), None).await? else {
        panic!()
    };
    let (door, owes) = login::enter(&visitor(&app), verified).await?;
    assert_eq!((owes, held(&door).await), (Some(Owed::Enrolment), (false, false)), "neither at a door");
    let setup = factor::setup(&ctx).await?;
    factor::confirm(&ctx, &totp(&app, setup.secret.expose())).await?;
    let (ctx, owes) = admitted(&app, &pair).await?;
    assert_eq!((owes, held(&ctx).await), (None, (true, true)));

    app.execute("UPDATE account SET must_change_password = (1 = 1) WHERE login = 'kim'").await?;
    let (_, token) = api_token::add(&ctx, &new_token(&app, &["system.role.create", "resource.self.create"])).await?;
    let (ctx, owes) = admitted(&app, &pair).await?;
    assert_eq!((owes, held(&ctx).await), (Some(Owed::Password), (false, false)));
    let (by, owes) = api_token::admit(&visitor(&app), token.expose()).await?;
    assert_eq!((owes, held(&by).await), (Some(Owed::Password), (false, false)), "nor with a token");
    own::change_password(&ctx, &word(PASSWORD), &word("another word")).await?;
    let (ctx, owes) = admitted(&app, &pair).await?;
    assert_eq!((owes, held(&ctx).await), (None, (true, true)), "and the session that paid goes on");
    Ok(())
});

fn new_token(app: &TestApp, scopes: &[&str]) -> api_token::NewToken {
    api_token::NewToken {
        label: "ci".to_owned(),
        scopes: scopes.iter().map(|code| (*code).to_owned()).collect(),
        cidrs: Vec::new(),
        expires_at: app.app.now().plus(Duration::from_hours(24)),
    }
}

/// The code an authenticator application shows now.
pub(crate) fn totp(app: &TestApp, secret: &str) -> String {
    let script = "import base64,hmac,struct,sys\n\
        mac=hmac.new(base64.b32decode(sys.argv[1]),struct.pack('>Q',int(sys.argv[2])),'sha1').digest()\n\
        at=mac[19]&15\n\
        print('%06d'%((struct.unpack('>I',mac[at:at+4])[0]&0x7fffffff)%1000000))";
    let step = (app.app.now().0 / 30_000).to_string();
    let done = std::process::Command::new("python3").args(["-c", script, secret, &step]).output().unwrap();
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

both!(api_tokens_and_keys_are_their_owners_or_of_staff_who_hold_as_much, |engine| async {
    let app = TestApp::new(engine).await?;
    member(&app, "kim").await?;
    member(&app, "lee").await?;
    let kim = admitted(&app, &enter(&app, "kim").await?).await?.0;
    let lee = admitted(&app, &enter(&app, "lee").await?).await?.0;
    let new = |scopes: &[&str]| new_token(&app, scopes);
    assert!(matches!(api_token::add(&kim, &new(&["system.user.read"])).await, Err(Error::Fields(_))), "not held");
    assert!(matches!(api_token::add(&kim, &new(&["resource.self.read"])).await, Err(Error::Fields(_))), "held nowhere");
    assert!(matches!(api_token::add(&kim, &new(&["no.such.code"])).await, Err(Error::Fields(_))));
    let (id, token) = api_token::add(&kim, &new(&[])).await?;
    let (by, owes) = api_token::admit(&visitor(&app), token.expose()).await?;
    assert!(owes.is_none() && matches!(by.actor, Actor::Account { via: Via::Token { .. }, .. }));
    assert!(api_token::add(&by, &new(&[])).await.is_err(), "tokens make no tokens");
    assert!(own::change_password(&by, &word(PASSWORD), &word("another word")).await.is_err());
    assert!(matches!(api_token::delete(&lee, &[id]).await, Err(Error::Forbidden { .. })));
    assert!(matches!(api_token::list(&lee, kim.account()).await, Err(Error::Forbidden { .. })));
    assert_eq!(api_token::delete(&kim, &[id, ApiTokenId(999)]).await?, 1);
    assert!(api_token::admit(&visitor(&app), token.expose()).await.is_err());
    let key = ssh_key::add(&kim, None, "laptop", KEY).await?;
    assert!(matches!(ssh_key::add(&kim, None, "again", KEY).await, Err(Error::Fields(_))));
    ssh_key::add(&lee, None, "shared", KEY).await?;
    assert!(matches!(ssh_key::delete(&lee, &[key]).await, Err(Error::Forbidden { .. })));
    assert_eq!(ssh_key::delete(&kim, &[key, key, SshKeyId(999)]).await?, 1);
    let (owner, fingerprint) = (lee.account().unwrap(), ssh_key::parse(KEY)?.fingerprint);
    assert!(matches!(ssh_key::delete_named(&kim, owner, "shared").await, Err(Error::Forbidden { .. })));
    assert!(matches!(ssh_key::delete_named(&app.operator(), owner, "x").await, Err(Error::NotFound { .. })));
    ssh_key::delete_named(&app.operator(), owner, "shared").await?;
    assert!(ssh_key::list(&lee, None).await?.is_empty());
    let rows = audit::list(&app.operator(), None, Some("ssh_key.delete"), 10).await?;
    let told: Vec<_> = rows.iter().map(|row| (row.actor_kind.as_str(), row.object_name.as_str())).collect();
    let name = fingerprint.as_str();
    assert_eq!(told, [("operator", name), ("account", name)]);
    Ok(())
});
