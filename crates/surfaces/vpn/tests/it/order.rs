//! specs/vpn.md §2 "Order of checks", §3 code 4.

use std::time::Duration;

use gatehouse_domain::{Settings, vpn::secret};

use crate::support::{FORM, Surface, UPDATER, encoded, shared, updater_body, with};

const UNVERIFIED: &str =
    r#"{"code":4,"success":false,"message":"sinfor_apitoken\u63a5\u53e3\u8ba4\u8bc1\u9519\u8bef","readOnlyInfo":null}"#;

#[tokio::test]
async fn an_unknown_action_is_told_before_the_token_is_looked_at() {
    let surface = shared().await;
    for query in [
        "",
        "controler=Updater",
        "action=UpdaterCloud",
        "controler=&action=",
        "controler=Updater&action=updaterCloud",
        "controler=updater&action=UpdaterCloud",
        "controler=User&action=UpdaterCloud",
        "controller=Updater&action=UpdaterCloud",
        "controler=Updater&action=UpdaterCloud%00",
        "controler=Updater&action=%ff",
        "controler[]=Updater&action=UpdaterCloud",
    ] {
        let answer = surface.post(query, FORM, "controler=Updater&action=UpdaterCloud").await;
        assert_eq!((answer.status, answer.code()), (200, 1), "{query}");
        assert_eq!(answer.message(), "请求地址的中的action或者controller不存在");
    }
}

#[tokio::test]
async fn a_call_that_is_not_signed_is_refused_whatever_else_is_wrong_with_it() {
    let surface = shared().await;
    for body in ["", "timestamp=1", "sinfor_apitoken=x", "name=%ff", "%ff=%ff&timestamp=%ff&sinfor_apitoken=%ff"] {
        assert_eq!(surface.post(&UPDATER, FORM, body).await.body, UNVERIFIED, "{body}");
    }
}

#[tokio::test]
async fn a_signed_call_that_is_not_utf8_gets_the_error_of_its_action() {
    let surface = shared().await;
    let at = surface.now().to_string();
    let text = [b"action=UpdaterCloud&controler=Updater&note=\xff&timestamp=".as_slice(), at.as_bytes()].concat();
    let signed = [text.as_slice(), at.as_bytes(), surface.secret.as_bytes()].concat();
    let token = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(signed));
    let answer = surface.post(&UPDATER, FORM, format!("note=%ff&timestamp={at}&sinfor_apitoken={token}")).await;
    assert_eq!((answer.status, answer.code(), answer.message().as_str()), (200, -2, "参数错误"));
    let raw = [b"note=\xff&timestamp=".as_slice(), at.as_bytes(), b"&sinfor_apitoken=", token.as_bytes()].concat();
    assert_eq!(surface.post(&UPDATER, FORM, raw).await.code(), -2);
}

#[tokio::test]
async fn a_replay_passes_until_it_is_too_old() {
    let surface = shared().await;
    let body = updater_body(&surface, &[]);
    for _ in 0..3 {
        assert_eq!(surface.post(&UPDATER, FORM, body.clone()).await.code(), 0);
    }
    surface.test.advance(Duration::from_mins(5));
    assert_eq!(surface.post(&UPDATER, FORM, body.clone()).await.code(), 0);
    surface.test.advance(Duration::from_secs(1));
    assert_eq!(surface.post(&UPDATER, FORM, body).await.body, UNVERIFIED);
    let ahead = |seconds: i64| at(&surface, surface.now() + seconds);
    assert_eq!(surface.post(&UPDATER, FORM, ahead(300)).await.code(), 0);
    assert_eq!(surface.post(&UPDATER, FORM, ahead(301)).await.body, UNVERIFIED);
}

fn at(surface: &Surface, seconds: i64) -> String {
    let signed = surface.signed_at(seconds, &[("controler", "Updater"), ("action", "UpdaterCloud")], &[]);
    let signed: Vec<_> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    encoded(&signed)
}

#[tokio::test]
async fn the_window_is_the_configured_one() {
    let mut settings = Settings::default();
    settings.vpn.clock_skew = gatehouse_model::Span(Duration::from_secs(10));
    let surface = with(settings).await;
    assert_eq!(surface.post(&UPDATER, FORM, at(&surface, surface.now() - 10)).await.code(), 0);
    assert_eq!(surface.post(&UPDATER, FORM, at(&surface, surface.now() - 11)).await.code(), 4);
}

#[tokio::test]
async fn a_rotated_secret_is_dead_at_once() {
    let mut surface = shared().await;
    let body = updater_body(&surface, &[]);
    assert_eq!(surface.post(&UPDATER, FORM, body.clone()).await.code(), 0);
    let fresh = secret::rotate(&surface.test.operator()).await.unwrap();
    assert_eq!(surface.post(&UPDATER, FORM, body).await.body, UNVERIFIED);
    surface.secret = fresh.expose().to_owned();
    assert!(surface.secret.len() == 32 && surface.secret.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    assert_eq!(surface.post(&UPDATER, FORM, updater_body(&surface, &[])).await.code(), 0);
}

#[tokio::test]
async fn only_allowed_addresses_may_call_and_only_while_the_api_is_on() {
    let mut settings = Settings::default();
    settings.vpn.allowed_ranges = ["192.0.2.10-192.0.2.20", "2001:db8::/64"].map(|text| text.parse().unwrap()).into();
    let surface = with(settings.clone()).await;
    for (from, code) in [
        ("192.0.2.10", 0),
        ("192.0.2.20", 0),
        ("::ffff:192.0.2.15", 0),
        ("2001:db8::7", 0),
        ("192.0.2.9", 4),
        ("192.0.2.21", 4),
        ("2001:db8:0:1::7", 4),
    ] {
        let answer = surface.post_from(from.parse().unwrap(), &UPDATER, updater_body(&surface, &[])).await;
        assert_eq!(answer.code(), code, "{from}");
    }
    // Whose address is not known is not in any range.
    assert_eq!(surface.post(&UPDATER, FORM, updater_body(&surface, &[])).await.body, UNVERIFIED);

    settings.vpn.allowed_ranges.clear();
    settings.vpn.api_enabled = false;
    let surface = with(settings).await;
    assert_eq!(surface.post(&UPDATER, FORM, updater_body(&surface, &[])).await.body, UNVERIFIED);
    assert_eq!(surface.post("controler=X&action=Y", FORM, "").await.code(), 1);
}

#[tokio::test]
async fn a_database_that_is_gone_is_an_internal_error_and_says_nothing_of_it() {
    let surface = shared().await;
    let body = updater_body(&surface, &[]);
    surface.test.app.db().close().await;
    let answer = surface.post(&UPDATER, FORM, body).await;
    assert_eq!((answer.status, answer.code(), answer.message().as_str()), (500, 500, "服务器内部错误"));
}
