//! Login sessions: what ends them, and when.

use std::time::Duration;

use gatehouse_domain::{
    Error,
    account::{self, NewAccount, change},
    session::{self, Life},
};
use gatehouse_model::{Login, Secret};
use gatehouse_testkit::TestApp;

const LIFE: Life = Life { kind: "bastion", sliding: Duration::from_hours(168), longest: Duration::from_hours(720) };

both!(a_session_ends_by_logout_password_disabling_time_and_nothing_else, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let new = NewAccount { login: Login::new("sue")?, name: None, email: None, phone: None, password: None };
    let id = account::create(&ctx, &new).await?;
    let open = async || session::open(&ctx, id, LIFE, false, (None, Some("curl"))).await;
    let why = async |secret: &Secret| match session::verify(&ctx, LIFE, secret.expose()).await {
        Ok(_) => "ok",
        Err(Error::Unauthenticated { why }) => why,
        Err(other) => panic!("{other}"),
    };
    let (a, b) = (open().await?, open().await?);
    assert_eq!(a.secret.expose().len(), 22);
    assert_eq!((why(&a.secret).await, why(&Secret::new("x")).await), ("ok", "unknown session"));
    assert!(session::verify_uuid(&ctx, Life { kind: "panel", ..LIFE }, a.session.uuid).await.is_err());
    session::revoke(&ctx, a.session.id, "logout").await?;
    assert_eq!((why(&a.secret).await, why(&b.secret).await), ("session revoked", "ok"));
    change::set_password(&ctx, "sue", &Secret::new("another")).await?;
    assert_eq!(why(&b.secret).await, "session revoked");
    let c = open().await?;
    change::set_enabled(&ctx, "sue", false, None).await?;
    assert_ne!(why(&c.secret).await, "ok");
    assert!(open().await.is_err());
    change::set_enabled(&ctx, "sue", true, None).await?;
    let d = open().await?;
    for _ in 0..6 {
        app.advance(Duration::from_hours(120));
        if why(&d.secret).await != "ok" {
            break;
        }
    }
    assert_eq!(why(&d.secret).await, "session expired", "sliding, but never beyond the longest life");
    Ok(())
});
