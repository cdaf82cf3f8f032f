//! specs/billing.md §4: logins and sessions.

use std::time::{Duration, Instant};

use gatehouse_domain::{
    Settings,
    account::{change, pass},
};
use gatehouse_kit::{ClientAddress, OverTls};
use gatehouse_model::{PassKind, Secret};
use http::{Method, header};

use crate::support::{PASSWORD, Surface, request, surface, with};

/// The role that holds every code.
const ROLE: &str = "Administrator";

#[tokio::test]
async fn a_login_is_answered_as_the_seed_prints_it() {
    let surface = surface().await;
    surface.subscriber("test").await;
    surface.execute("UPDATE subscriber_pass SET uid = 357").await;
    let answer = surface.get("", "_uu=test&_pp=a+password").await;
    let session = answer.json()["ses"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.body,
        format!(r#"{{"ses":"{session}","data":{{"trust":1,"id":"357","role":"user"}},"result":"auth ok"}}"#)
    );
    assert!(session.len() == 22 && session.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{session}");
    let cookie = format!("set-cookie: noses={session}; Path=/; HttpOnly; SameSite=Lax");
    assert!(answer.head.lines().any(|line| line == cookie), "{}", answer.head);
    let tls = surface.exchange(request(Method::GET, "", "_uu=test&_pp=a+password").extension(OverTls), "").await;
    assert!(tls.head.contains("SameSite=Lax; Secure"), "{}", tls.head);
    let mut changed = session.clone();
    let last = if changed.pop() == Some('a') { 'b' } else { 'a' };
    changed.push(last);
    assert_eq!(surface.get(&changed, "a=version").await.code(), "unauthorized");
}

#[tokio::test]
async fn whoever_may_not_log_in_hears_the_same() {
    let surface = surface().await;
    surface.subscriber("test").await;
    surface.subscriber("off").await;
    surface.account("idle", PassKind::Staff).await;
    change::set_enabled(&surface.test.operator(), "off", false, None).await.unwrap();
    let wrong = r#"{"error":"Неверный логин или пароль","err_cod":"wrong_password"}"#;
    for query in [
        "_uu=test&_pp=wrong",
        "_uu=test&_pp=",
        "_uu=Test&_pp=a+password",
        "_uu=test&_pp=A+password",
        "_uu=nobody&_pp=a+password",
        "_uu=off&_pp=a+password",
        "_uu=idle&_pp=a+password",
        "_uu=&_pp=",
        "_uu=%3Cscript%3E&_pp=%27%3B--",
    ] {
        let answer = surface.get("", query).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, wrong), "{query}");
        assert!(!answer.head.contains("set-cookie"), "{query}");
    }
    surface.execute("UPDATE subscriber_pass SET admin_block = 1, debt_block = 1").await;
    assert_eq!(surface.get("", "_uu=test&_pp=a+password").await.code(), "ok", "he must be able to pay");
}

async fn is_in(surface: &Surface, session: &str) -> bool {
    match surface.get(session, "a=version").await.code().as_str() {
        "ok" => true,
        "unauthorized" => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_session_slides_and_never_ends_early() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let seconds = |n| surface.test.advance(Duration::from_secs(n));
    let session = surface.login("test", PASSWORD).await;
    for _ in 0..3 {
        seconds(7_199);
        assert!(is_in(&surface, &session).await);
    }
    // A use that is not written counts as well.
    seconds(59);
    assert!(is_in(&surface, &session).await);
    seconds(7_199);
    assert!(is_in(&surface, &session).await);
    seconds(7_201);
    assert!(!is_in(&surface, &session).await);
    seconds(1);
    assert!(!is_in(&surface, &session).await);
}

#[tokio::test]
async fn a_session_survives_a_restart_to_its_last_second() {
    let mut surface = surface().await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    surface.test.advance(Duration::from_secs(59));
    assert!(is_in(&surface, &session).await);
    surface.router = gatehouse_billing::router(surface.test.again().await.unwrap());
    surface.test.advance(Duration::from_secs(7_199));
    assert!(is_in(&surface, &session).await, "the use at 59 s was never written, and is allowed for");
    surface.test.advance(Duration::from_secs(7_201));
    assert!(!is_in(&surface, &session).await);
}

#[tokio::test]
async fn logout_ends_all_sessions_of_the_role() {
    let surface = surface().await;
    surface.subscriber("test").await;
    surface.subscriber("other").await;
    let (one, two) = (surface.login("test", PASSWORD).await, surface.login("test", PASSWORD).await);
    let other = surface.login("other", PASSWORD).await;
    let out = surface.get(&one, "a=logout").await;
    assert_eq!(out.body, r#"{"result":"ok"}"#);
    assert!(out.head.contains("set-cookie: noses=; Path=/; Max-Age=0"), "{}", out.head);
    assert!(!is_in(&surface, &one).await && !is_in(&surface, &two).await);
    assert!(is_in(&surface, &other).await);
}

#[tokio::test]
async fn what_happens_to_an_account_happens_to_its_sessions() {
    let surface = surface().await;
    let ctx = surface.test.operator();
    for login in ["changed", "disabled", "revoked"] {
        surface.subscriber(login).await;
    }
    let changed = surface.login("changed", PASSWORD).await;
    let disabled = surface.login("disabled", PASSWORD).await;
    let revoked = surface.login("revoked", PASSWORD).await;
    change::set_password(&ctx, "changed", &Secret::new("another")).await.unwrap();
    change::set_enabled(&ctx, "disabled", false, None).await.unwrap();
    pass::revoke(&ctx, "revoked", PassKind::Subscriber).await.unwrap();
    for session in [changed, disabled, revoked] {
        assert!(!is_in(&surface, &session).await);
    }
}

#[tokio::test]
async fn staff_come_as_staff_and_both_as_they_ask() {
    let surface = surface().await;
    let (_, uid) = surface.subscriber("both").await;
    pass::grant(&surface.test.operator(), "both", PassKind::Staff).await.unwrap();
    let role = async |query: &str| surface.get("", query).await.json()["data"]["role"].clone();
    assert_eq!(role("_uu=administrator&_pp=a+password").await, "admin");
    assert_eq!(role("_uu=both&_pp=a+password").await, "user");
    let refused = surface.get("", "_uu=both&_pp=a+password&_role=admin").await;
    assert_eq!(refused.code(), "wrong_password", "no billing.access");
    pass::grant_role(&surface.test.operator(), "both", ROLE).await.unwrap();
    assert_eq!(role("_uu=both&_pp=a+password&_role=admin").await, "admin");
    let admin = surface.login("administrator", PASSWORD).await;
    assert_eq!(surface.get(&admin, &format!("a=u_main&uid={uid}")).await.code(), "ok");
    // Roles count as they are now.
    let session = surface.get("", "_uu=both&_pp=a+password&_role=admin").await.json()["ses"].clone();
    pass::revoke_role(&surface.test.operator(), "both", ROLE).await.unwrap();
    let code = surface.get(session.as_str().unwrap(), &format!("a=u_main&uid={uid}")).await.code();
    assert_eq!(code, "no_privilege");
}

#[tokio::test]
async fn a_session_without_trust_changes_nothing() {
    let surface = surface().await;
    let (_, uid) = surface.subscriber("test").await;
    let admin = surface.admin().await;
    let block = format!("a=api_block&uid={uid}&on");
    assert_eq!(surface.get(&admin, "a=safe_ses").await.code(), "ok");
    assert_eq!(surface.get(&admin, &block).await.code(), "forbidden");
    assert_eq!(surface.get(&admin, &format!("uid={uid}")).await.code(), "ok");
}

#[tokio::test]
async fn ten_wrong_passwords_close_the_door_without_a_word() {
    let mut settings = Settings::default();
    settings.login.known_address = gatehouse_model::Span(Duration::ZERO);
    let surface = with(settings).await;
    surface.subscriber("test").await;
    surface.subscriber("other").await;
    let from = |query: &str| request(Method::GET, "", query).extension(ClientAddress([192, 0, 2, 1].into()));
    for _ in 0..10 {
        assert_eq!(surface.exchange(from("_uu=test&_pp=wrong"), "").await.code(), "wrong_password");
    }
    let began = Instant::now();
    let right = surface.exchange(from("_uu=test&_pp=a+password"), "").await;
    assert_eq!(right.code(), "wrong_password");
    assert!(began.elapsed() >= Duration::from_secs(1), "after a second");
    assert_eq!(surface.exchange(from("_uu=other&_pp=a+password"), "").await.code(), "ok");
    surface.test.advance(Duration::from_secs(301));
    assert_eq!(surface.exchange(from("_uu=test&_pp=a+password"), "").await.code(), "ok");
    let language = from("_uu=test&_pp=wrong").header(header::COOKIE, "nolang=EN");
    assert_eq!(surface.exchange(language, "").await.json()["error"], "Wrong login or password");
}
