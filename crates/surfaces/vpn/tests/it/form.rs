//! specs/vpn.md §2, §3: every way in which callers write and sign their parameters.

use crate::support::{API, FORM, Surface, UPDATER, encode, encoded, shared, token};
use http::{Request, header};

/// Parameters of a call that `UpdaterCloud` does not know, and that are signed nevertheless.
const EXTRA: &[(&str, &str)] =
    &[("note", "a b+c%20&d=e"), ("path", "/某某分公司/IT部"), ("empty", ""), ("Z", "1"), ("_", "2")];

/// Everything that is signed, with the time.
fn all<'a>(at: &'a str, extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("controler", "Updater"), ("action", "UpdaterCloud"), ("timestamp", at)], extra].concat()
}

async fn code(surface: &Surface, kind: &str, body: impl Into<axum::body::Body>) -> i64 {
    surface.post(&UPDATER, kind, body).await.code()
}

#[tokio::test]
async fn parameters_come_encoded_raw_or_in_parts_with_the_token_anywhere() {
    let surface = shared().await;
    let at = surface.now().to_string();
    let token = token(&all(&at, EXTRA), &surface.secret);
    let stamp = format!("timestamp={at}");
    let own = format!("sinfor_apitoken={token}");
    for body in [
        format!("{own}&{}&{stamp}", encoded(EXTRA)),
        format!("{}&{own}&{stamp}", encoded(EXTRA)),
        format!("{stamp}&{}&{own}", encoded(EXTRA)),
        format!("&&{}&{stamp}&{own}&", encoded(EXTRA).replace("%20", "+")),
        format!("{stamp}&{own}&note=a b%2bc%2520%26d%3de&path=/某某分公司/IT部&empty&Z=1&_=2"),
    ] {
        assert_eq!(code(&surface, FORM, body.clone()).await, 0, "{body}");
    }
    let part =
        |name: &str, value: &str| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let parts: String = EXTRA.iter().map(|(name, value)| part(name, value)).collect();
    let file = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n";
    for body in [
        format!("{}{}{parts}--B--\r\n", part("sinfor_apitoken", &token), part("timestamp", &at)),
        format!("{parts}{file}{}{}--B--\r\n", part("timestamp", &at), part("sinfor_apitoken", &token)),
    ] {
        assert_eq!(code(&surface, "multipart/form-data; boundary=B", body.clone()).await, 0, "{body}");
    }
}

#[tokio::test]
async fn a_body_may_be_signed_undecoded_but_not_in_parts() {
    let surface = shared().await;
    let at = surface.now().to_string();
    let raw = "note=中文 备注 100%25&phone=+8613800000000";
    let pairs: Vec<_> = raw.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    let token = token(&all(&at, &pairs), &surface.secret);
    assert_eq!(code(&surface, FORM, format!("{raw}&timestamp={at}&sinfor_apitoken={token}")).await, 0);
    // In parts the same text is what it is, and the same token is right.
    let part =
        |name: &str, value: &str| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let same = |value: &str| {
        let parts = [("note", "中文 备注 100%25"), ("phone", value), ("timestamp", &at), ("sinfor_apitoken", &token)];
        format!("{}--B--", parts.map(|(name, value)| part(name, value)).concat())
    };
    assert_eq!(code(&surface, "multipart/form-data; boundary=B", same("+8613800000000")).await, 0);
    assert_eq!(code(&surface, "multipart/form-data; boundary=B", same("%2B8613800000000")).await, 4);
}

#[tokio::test]
async fn blanks_may_be_signed_as_plus() {
    let surface = shared().await;
    let at = surface.now().to_string();
    let token = token(&all(&at, &[("note", "a+b+c")]), &surface.secret);
    for body in ["note=a%20b%20c", "note=a b c", "note=a+b c", "note=a%2Bb+c"] {
        assert_eq!(code(&surface, FORM, format!("{body}&timestamp={at}&sinfor_apitoken={token}")).await, 0, "{body}");
    }
    assert_eq!(code(&surface, FORM, format!("note=a%20b%20d&timestamp={at}&sinfor_apitoken={token}")).await, 4);
}

#[tokio::test]
async fn of_equal_keys_the_last_counts_and_the_query_beats_the_body() {
    let surface = shared().await;
    let at = surface.now().to_string();
    let token = token(&all(&at, &[("note", "last")]), &surface.secret);
    let body = format!("note=first&note=last&timestamp=1&timestamp={at}&sinfor_apitoken=no&sinfor_apitoken={token}");
    assert_eq!(code(&surface, FORM, body).await, 0);
    let query = format!("controler=No&{}&note=x&note=last&sinfor_apitoken={token}", *UPDATER);
    let body = format!("note=body&controler=No&action=No&timestamp={at}&sinfor_apitoken=no");
    assert_eq!(surface.post(&query, FORM, body).await.code(), 0);
    let body = format!("note=last&note=first&timestamp={at}&sinfor_apitoken={token}");
    assert_eq!(code(&surface, FORM, body).await, 4);
}

#[tokio::test]
async fn a_call_may_stand_in_the_query_alone() {
    let surface = shared().await;
    let at = surface.now().to_string();
    let token = token(&all(&at, EXTRA), &surface.secret);
    let query = format!("{}&{}&timestamp={at}&sinfor_apitoken={token}", *UPDATER, encoded(EXTRA));
    assert_eq!(surface.post(&query, FORM, "").await.code(), 0);
}

#[tokio::test]
async fn each_address_knows_its_own_names_only() {
    let surface = shared().await;
    let at = surface.now().to_string();
    let pairs = [("controller", "Updater"), ("action", "UpdaterCloud"), ("timestamp", at.as_str())];
    let token = token(&pairs, &surface.secret);
    let ask = async |query: &str, body: String| {
        let request = Request::post(format!("{API}?{query}")).header(header::CONTENT_TYPE, FORM);
        surface.exchange(request, body).await.code()
    };
    let alias = "controller=Updater&action=UpdaterCloud";
    assert_eq!(ask(alias, format!("timestamp={at}&apitoken={token}")).await, 0);
    assert_eq!(ask(alias, format!("timestamp={at}&sinfor_apitoken={token}")).await, 4);
    assert_eq!(ask(&UPDATER, format!("timestamp={at}&apitoken={token}")).await, 1);
    assert_eq!(surface.post(alias, FORM, format!("timestamp={at}&sinfor_apitoken={token}")).await.code(), 1);
}

#[tokio::test]
async fn what_callers_sign_for_nothing_is_refused() {
    let surface = shared().await;
    let at = surface.now().to_string();
    for nothing in ["null", "None", "undefined"] {
        let token = token(&all(&at, &[("phone", nothing)]), &surface.secret);
        assert_eq!(code(&surface, FORM, format!("timestamp={at}&sinfor_apitoken={token}")).await, 4);
        assert_eq!(code(&surface, FORM, format!("phone=&timestamp={at}&sinfor_apitoken={token}")).await, 4);
    }
    let upper = token(&all(&at, &[]), &surface.secret).to_uppercase();
    assert_eq!(code(&surface, FORM, format!("timestamp={at}&sinfor_apitoken={}", encode(&upper))).await, 0);
}
