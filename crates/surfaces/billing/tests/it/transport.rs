//! specs/billing.md §1–§3: what is around the actions.

use gatehouse_domain::{
    Settings,
    settings::{Envelope, Language, Numbers},
};
use http::{Method, Request, header};

use crate::support::{API, FORM, PASSWORD, request, surface, with};

const UNAUTHORIZED: &str = r#"{"error":"Вы не авторизованы","err_cod":"unauthorized"}"#;

#[tokio::test]
async fn without_a_session_the_answer_is_the_seeds() {
    let surface = surface().await;
    for query in ["", "a=u_main", "a=nothing", "a=version&_ses=abc", "_uu=test", "_pp=1", "a=u_main&uid=1"] {
        let answer = surface.get("", query).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, UNAUTHORIZED), "{query}");
    }
    let plain = surface.exchange(Request::get(API), "").await;
    assert_eq!(plain.body, UNAUTHORIZED);
    assert_eq!(surface.get("wrong", "a=version").await.body, UNAUTHORIZED);
}

#[tokio::test]
async fn errors_are_in_the_language_of_the_cookie() {
    let surface = surface().await;
    for (cookie, text) in [
        ("nolang=UA", "Ви не авторизовані"),
        ("nolang=en", "You are not authorized"),
        ("nolang=\"EN\"", "You are not authorized"),
        ("nolang=RU", "Вы не авторизованы"),
        ("nolang=FR", "Вы не авторизованы"),
    ] {
        let answer = surface.exchange(request(Method::GET, "", "").header(header::COOKIE, cookie), "").await;
        assert_eq!(answer.json()["error"], text, "{cookie}");
    }
    let mut settings = Settings::default();
    settings.billing.api.language = Language::Ua;
    assert_eq!(with(settings).await.get("", "").await.json()["error"], "Ви не авторизовані");
}

#[tokio::test]
async fn what_is_no_request_is_told_with_status_200() {
    let surface = surface().await;
    let session = {
        surface.subscriber("test").await;
        surface.login("test", PASSWORD).await
    };
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        assert_eq!(surface.exchange(request(method, &session, "a=version"), "").await.code(), "bad_request");
    }
    let large = "x".repeat((256 << 10) + 1);
    assert_eq!(surface.post(&session, "a=version", large).await.code(), "bad_request");
    let whole = format!("msg={}", "x".repeat((256 << 10) - 4));
    assert_eq!(surface.post(&session, "a=version", whole).await.code(), "ok");
    for query in ["a=version&x=%ff", "a=version&x=%00", "a=%fe"] {
        assert_eq!(surface.get(&session, query).await.code(), "bad_request", "{query}");
    }
    assert_eq!(surface.post(&session, "a=version", "x=1&".repeat(1_001)).await.code(), "bad_request");
    assert_eq!(surface.post(&session, "a=version", "x=1&".repeat(990)).await.code(), "ok");
    assert_eq!(surface.get(&session, "a=U_MAIN").await.code(), "unknown_action");
    assert_eq!(surface.get(&session, "a=").await.code(), "unknown_action");
}

#[tokio::test]
async fn parameters_come_in_query_form_multipart_and_json() {
    let surface = surface().await;
    surface.subscriber("test login").await;
    for query in ["_uu=test%20login&_pp=a%20password", "_uu=test+login&_pp=a+password"] {
        assert_eq!(surface.get("", query).await.code(), "ok", "{query}");
    }
    let form = surface.post("", "", "_uu=test login&_pp=a password").await;
    assert_eq!(form.json()["result"], "auth ok");
    let multipart = "--B\r\nContent-Disposition: form-data; name=\"_uu\"\r\n\r\ntest login\r\n\
                     --B\r\nContent-Disposition: form-data; name=\"_pp\"\r\n\r\na password\r\n--B--\r\n";
    for (kind, body) in [
        ("multipart/form-data; boundary=B", multipart),
        ("application/json; charset=utf-8", r#"{"_uu":"test login","_pp":"a password"}"#),
    ] {
        let request = request(Method::POST, "", "").header(header::CONTENT_TYPE, kind);
        assert_eq!(surface.exchange(request, body).await.json()["result"], "auth ok", "{kind}");
    }
    // The query wins.
    let answer = surface.post("", "_pp=wrong", "_uu=test login&_pp=a password").await;
    assert_eq!(answer.code(), "wrong_password");
    let broken = request(Method::POST, "", "").header(header::CONTENT_TYPE, "application/json");
    assert_eq!(surface.exchange(broken, "{\"a\":[]}").await.code(), "bad_request");
}

#[tokio::test]
async fn the_session_comes_by_cookie_else_by_parameter() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    for cookie in [format!("noses={session}"), format!("a=b; noses=\"{session}\"; nolang=UA")] {
        let request = request(Method::GET, "", "a=version").header(header::COOKIE, cookie);
        assert_eq!(surface.exchange(request, "").await.code(), "ok");
    }
    assert_eq!(surface.get("", &format!("a=version&_ses={session}")).await.code(), "ok");
    assert_eq!(surface.get("dead", &format!("a=version&_ses={session}")).await.code(), "ok");
    assert_eq!(surface.post("", "a=version", format!("_ses={session}")).await.code(), "ok");
    // A login is one, whatever the cookie says.
    assert_eq!(surface.get(&session, "_uu=test&_pp=wrong&a=version").await.code(), "wrong_password");
    // No parameter sets a cookie.
    let fixed = surface.get(&session, "a=version&set_noses=fixed").await;
    assert!(!fixed.head.contains("set-cookie"), "{}", fixed.head);
}

#[tokio::test]
async fn data_stand_where_the_envelope_says() {
    for (envelope, body) in [
        (Envelope::Both, r#"{"version":"718","result":{"version":"718"}}"#),
        (Envelope::Root, r#"{"version":"718","result":"ok"}"#),
        (Envelope::Nested, r#"{"result":{"version":"718"}}"#),
    ] {
        let mut settings = Settings::default();
        settings.billing.api.envelope = envelope;
        settings.billing.api.version = Some("718".to_owned());
        let surface = with(settings).await;
        surface.subscriber("test").await;
        let session = surface.login("test", PASSWORD).await;
        assert_eq!(surface.get(&session, "a=version").await.body, body);
        assert_eq!(surface.get(&session, "a=version&_mod=x").await.body, body);
        assert_eq!(surface.get(&session, "a=logout").await.body, r#"{"result":"ok"}"#);
    }
}

#[tokio::test]
async fn numbers_are_texts_unless_native_ones_are_asked_for() {
    let mut settings = Settings::default();
    settings.billing.api.numbers = Numbers::Native;
    let native = with(settings).await;
    for (surface, id) in [(surface().await, serde_json::json!("357")), (native, serde_json::json!(357))] {
        surface.subscriber("test").await;
        surface.execute("UPDATE subscriber_pass SET uid = 357").await;
        let answer = surface.get("", "_uu=test&_pp=a+password").await.json();
        assert_eq!(answer["data"], serde_json::json!({ "trust": 1, "id": id, "role": "user" }));
        let session = answer["ses"].as_str().unwrap();
        assert_eq!(surface.get(session, "").await.json()["usr"]["uid"], id);
    }
}

#[tokio::test]
async fn head_reads_and_changes_nothing() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    for query in ["a=version", "a=logout", "_uu=test&_pp=a+password"] {
        let answer = surface.exchange(request(Method::HEAD, &session, query), "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{query}");
        assert!(!answer.head.contains("set-cookie"), "{}", answer.head);
    }
    assert_eq!(surface.get(&session, "a=version").await.code(), "ok");
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing_by_the_cookie() {
    let mut settings = Settings::default();
    settings.billing.api.allowed_origins = vec!["https://my.example".to_owned()];
    let surface = with(settings).await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    let with = async |name: &'static str, value: &'static str, query: &str, session: &str| {
        surface.exchange(request(Method::GET, session, query).header(name, value), "").await.code()
    };
    let token = "a=u_gcm&reg_id=abc";
    for (name, value, code) in [
        ("sec-fetch-site", "cross-site", "forbidden"),
        ("sec-fetch-site", "same-origin", "ok"),
        ("sec-fetch-site", "none", "ok"),
        ("origin", "https://evil.example", "forbidden"),
        ("origin", "null", "forbidden"),
        ("origin", "https://bill.example", "ok"),
        ("origin", "https://my.example", "ok"),
    ] {
        assert_eq!(with(name, value, token, &session).await, code, "{name}: {value}");
        assert_eq!(with(name, value, "a=version", &session).await, "ok", "{name}: {value}");
    }
    let by_parameter = format!("{token}&_ses={session}");
    assert_eq!(with("origin", "https://evil.example", &by_parameter, "").await, "ok", "no page knows it");
    let kind = surface.exchange(Request::get("/cgi-bin/other.pl").header(header::CONTENT_TYPE, FORM), "").await;
    assert_eq!(kind.status, 404);
}
