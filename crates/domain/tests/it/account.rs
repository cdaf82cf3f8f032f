//! Accounts, passes and the rule that nobody acts on somebody mightier.

use gatehouse_domain::{
    Actor, Ctx, Error, Via,
    account::{self, NewAccount, change, pass, view},
};
use gatehouse_model::{AccountId, Login, LoginSessionId, Origin, PassKind, Secret};
use gatehouse_testkit::TestApp;

fn new(login: &str) -> NewAccount {
    NewAccount { login: Login::new(login).unwrap(), name: None, email: None, phone: None, password: None }
}

fn person(app: &TestApp, id: AccountId, codes: &[&str]) -> Ctx {
    let codes = codes.iter().map(|code| (*code).to_owned()).collect();
    app.app.ctx(
        Actor::Account { id, login: "p".to_owned(), name: None, codes, via: Via::Session(LoginSessionId(0)) },
        Origin::Console,
    )
}

both!(logins_and_e_mails_collide_folded, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    account::create(&ctx, &NewAccount { email: Some("Kim@example.com".into()), ..new("Kim") }).await?;
    let taken = |result: gatehouse_domain::Result<AccountId>| match result {
        Err(Error::Conflict { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(taken(account::create(&ctx, &new("ＫＩＭ")).await), "login");
    let email = NewAccount { email: Some("kim@EXAMPLE.com".into()), ..new("lee") };
    assert_eq!(taken(account::create(&ctx, &email).await), "e-mail address");
    let phone = |login| NewAccount { phone: Some("123".into()), ..new(login) };
    account::create(&ctx, &phone("mia")).await?;
    assert_eq!(taken(account::create(&ctx, &phone("ned")).await), "phone number");
    Ok(())
});

both!(the_administrator_is_made_once_and_is_protected, |engine| async {
    let app = TestApp::new(engine).await?;
    app.again().await?;
    let ctx = app.operator();
    let admin = view::show(&ctx, "administrator").await?;
    assert_eq!((admin.id, admin.is_protected, admin.roles), (AccountId(1), true, vec!["Administrator".to_owned()]));
    assert_eq!(view::list(&ctx, AccountId(0), 10).await?.len(), 1);
    assert!(matches!(change::set_enabled(&ctx, "administrator", false, None).await, Err(Error::Locked { .. })));
    assert!(matches!(change::delete(&ctx, "administrator").await, Err(Error::Locked { .. })));
    assert!(matches!(pass::revoke(&ctx, "administrator", PassKind::Staff).await, Err(Error::Locked { .. })));
    Ok(())
});

both!(the_account_goes_with_its_last_pass, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    account::create(&ctx, &new("ola")).await?;
    pass::grant(&ctx, "ola", PassKind::Proxy).await?;
    pass::grant(&ctx, "ola", PassKind::Staff).await?;
    assert!(matches!(pass::grant(&ctx, "ola", PassKind::Staff).await, Err(Error::Conflict { .. })));
    pass::grant(&ctx, "ola", PassKind::Subscriber).await?;
    pass::revoke(&ctx, "ola", PassKind::Proxy).await?;
    pass::revoke(&ctx, "ola", PassKind::Subscriber).await?;
    assert_eq!(view::show(&ctx, "ola").await?.passes, vec![PassKind::Staff]);
    pass::revoke(&ctx, "ola", PassKind::Staff).await?;
    assert!(matches!(view::show(&ctx, "ola").await, Err(Error::NotFound { .. })));
    account::create(&ctx, &new("ola")).await?;
    Ok(())
});

both!(nobody_acts_on_an_account_that_holds_more, |engine| async {
    let app = TestApp::new(engine).await?;
    let clerk = person(&app, AccountId(7), &["system.user.update", "system.user.delete", "system.permission.update"]);
    let password = Secret::new("new password");
    let refused = |result: gatehouse_domain::Result<()>| matches!(result, Err(Error::Forbidden { .. }));
    assert!(refused(change::set_password(&clerk, "administrator", &password).await));
    assert!(refused(change::edit(&clerk, "administrator", &change::Profile::default()).await));
    account::create(&app.operator(), &new("pia")).await?;
    pass::grant(&app.operator(), "pia", PassKind::Staff).await?;
    assert!(refused(pass::grant_role(&clerk, "pia", "Administrator").await), "nobody grants what they do not hold");
    change::set_password(&clerk, "pia", &password).await?;
    assert!(refused(account::create(&clerk, &new("quin")).await.map(drop)));
    Ok(())
});

both!(passwords_verify_and_disabled_accounts_are_refused, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let password = Secret::new("pass word");
    let id = account::create(&ctx, &NewAccount { password: Some(password.clone()), ..new("ron") }).await?;
    assert_eq!(change::verify_password(&ctx, "RON", &password).await?, Ok(id));
    assert_eq!(change::verify_password(&ctx, "ron", &Secret::new("x")).await?, Err("wrong_password"));
    assert_eq!(change::verify_password(&ctx, "nobody", &password).await?, Err("no_such_account"));
    change::set_enabled(&ctx, "ron", false, Some("left")).await?;
    assert_eq!(change::verify_password(&ctx, "ron", &password).await?, Err("disabled"));
    assert_eq!(change::verify_password(&ctx, "ron", &Secret::new("x")).await?, Err("wrong_password"));
    Ok(())
});
