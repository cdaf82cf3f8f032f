//! specs/vpn.md §2: paths, methods, sizes, types.

use gatehouse_domain::Settings;
use gatehouse_model::ByteSize;
use http::{Method, Request, header};

use crate::support::{API, Answer, FORM, Surface, UPDATER, WEB_API, encoded, own, shared, updater_body, with};

const NOT_FOUND: &str =
    r#"{"code":404,"success":false,"message":"\u8bf7\u6c42\u5730\u5740\u9519\u8bef","readOnlyInfo":null}"#;

async fn ask(surface: &Surface, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    surface.exchange(request, "").await
}

#[tokio::test]
async fn what_is_no_address_of_the_api_is_404_in_its_words() {
    let paths = [
        "/cgi-bin/php-cgi/",
        "/cgi-bin/php-cgi/html/delegatemodule/HttpHandler.php?controler=User&action=x&token=y",
        "/cgi-bin/php-cgi/html/delegatemodule/WebApi.php/",
        "/cgi-bin/php-cgi/html/delegatemodule/webapi.php",
        "/cgi-bin/php-cgi/%ff",
    ];
    for surface in [shared().await, own().await] {
        for path in paths {
            for method in ["GET", "POST", "PUT"] {
                let answer = ask(&surface, method, path).await;
                assert_eq!((answer.status, answer.body.as_str()), (404, NOT_FOUND), "{method} {path}");
            }
        }
    }
    for path in ["/", "/v1/x", "/cgi-bin/other.pl", "/cgi-bin/php-cgi"] {
        assert_eq!(ask(&own().await, "POST", path).await.body, NOT_FOUND);
        let elsewhere = ask(&shared().await, "POST", path).await;
        assert_eq!((elsewhere.status, elsewhere.body.as_str()), (404, ""), "the house answers {path}");
    }
}

#[tokio::test]
async fn only_post_is_served() {
    let surface = shared().await;
    for path in [WEB_API, API] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
            let answer = ask(&surface, method, &format!("{path}?{}", *UPDATER)).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.head.contains("allow: POST"), "{}", answer.head);
            assert!(method == "HEAD" || answer.body == NOT_FOUND, "{method} {}", answer.body);
        }
    }
}

#[tokio::test]
async fn the_alias_can_be_switched_off() {
    let mut settings = Settings::default();
    assert_eq!(ask(&with(settings.clone()).await, "POST", API).await.code(), 1);
    settings.vpn.api_php_alias = false;
    let off = ask(&with(settings).await, "POST", API).await;
    assert_eq!((off.status, off.body.as_str()), (404, ""));
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_taken_and_a_byte_more_is_not() {
    let surface = shared().await;
    let body = updater_body(&surface, &[("note", "x")]);
    let filled = |size: usize| format!("{}{body}", "&".repeat(size - body.len()));
    let fits = surface.post(&UPDATER, FORM, filled(1 << 20)).await;
    assert_eq!((fits.status, fits.code()), (200, 0));
    let large = surface.post(&UPDATER, FORM, filled((1 << 20) + 1)).await;
    assert_eq!((large.status, large.code(), large.message().as_str()), (413, 413, "请求体过大"));

    let mut settings = Settings::default();
    settings.vpn.body_limit = ByteSize(8);
    let small = with(settings).await;
    assert_eq!(small.post(&UPDATER, FORM, "123456789").await.status, 413);
}

#[tokio::test]
async fn two_hundred_and_fifty_six_parameters_are_taken_and_one_more_is_not() {
    let surface = shared().await;
    let names: Vec<String> = (0..252).map(|n| format!("p{n}")).collect();
    let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    // With controler, action, timestamp and token.
    let fits = surface.post(&UPDATER, FORM, updater_body(&surface, &pairs)).await;
    assert_eq!((fits.status, fits.code()), (200, 0));
    let more = [pairs.as_slice(), &[("p252", "1")]].concat();
    let many = surface.post(&UPDATER, FORM, updater_body(&surface, &more)).await;
    assert_eq!((many.status, many.code()), (413, 413));
    // Wherever they stand.
    let query = format!("{}&{}", *UPDATER, encoded(&more));
    assert_eq!(surface.post(&query, FORM, "timestamp=1&sinfor_apitoken=x").await.status, 413);
    let parts: String =
        names.iter().map(|name| format!("--B\r\nContent-Disposition: form-data; name={name}\r\n\r\n1\r\n")).collect();
    let parts = format!("{parts}{parts}--B--");
    assert_eq!(surface.post(&UPDATER, "multipart/form-data; boundary=B", parts).await.status, 413);
    assert_eq!(surface.post(&UPDATER, FORM, "a&".repeat(500_000)).await.status, 413);
}

#[tokio::test]
async fn the_type_of_the_body_is_read_as_the_table_says() {
    let surface = shared().await;
    let body = updater_body(&surface, &[]);
    for (kind, code) in [
        ("application/x-www-form-urlencoded", 0),
        ("application/x-www-form-urlencoded; charset=UTF-8", 0),
        ("Application/X-WWW-Form-URLEncoded;charset=utf-8", 0),
        ("application/x-www-form-urlencoded; charset=gbk", 0),
        ("application/json", 4),
        ("text/plain", 4),
        ("multipart/form-data", 4),
        ("multipart/form-data; boundary=B", 4),
    ] {
        let answer = surface.post(&UPDATER, kind, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (200, code), "{kind}");
    }
    let bare = Request::post(format!("{WEB_API}?{}", *UPDATER)).header("charset", "UTF-8");
    assert_eq!(surface.exchange(bare, body.clone()).await.code(), 0);
    // Where the body counts as empty, the query still does.
    let query = format!("{}&{body}", *UPDATER);
    let json = Request::post(format!("{WEB_API}?{query}")).header(header::CONTENT_TYPE, "application/json");
    assert_eq!(surface.exchange(json, "{").await.code(), 0);
}
