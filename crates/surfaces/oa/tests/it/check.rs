//! specs/oa.md §1.4, §8.3: what is checked before the state, and in which order.

use std::{net::IpAddr, pin::pin};

use futures_util::future::{Either, select};
use gatehouse_domain::Settings;
use http::{Request, header};

use crate::support::{CONN, DELETE, GENERATE, TOKEN, shared, with};

const UNAUTHORIZED: &str = r#"{"StatusCode":401,"StatusString":"Unauthorized Token"}"#;
const NOT_ACCEPTABLE: &str = r#"{"StatusCode":406,"StatusString":"Not Acceptable"}"#;
const TOO_MANY: &str = r#"{"StatusCode":429,"StatusString":"服务请求过于频繁，请稍后再试"}"#;
const NO_NODES: &str = r#"{"StatusCode":412,"StatusString":"系统内没有节点或 API 还未拉取节点信息，请稍后再试"}"#;

#[tokio::test]
async fn only_the_exact_token_is_let_in_and_before_the_name_is_looked_at() {
    let surface = shared().await;
    let upper = TOKEN.to_uppercase();
    let (blank, longer) = (format!(" {TOKEN}"), format!("{TOKEN}0"));
    for endpoint in [GENERATE, CONN, DELETE] {
        for token in ["", &upper, &blank, &longer, "' OR '1'='1", "'", "\0", "\u{fffd}"] {
            for name in ["ann", "admin", ""] {
                assert_eq!(surface.call_as(token, endpoint, name, None).await, UNAUTHORIZED, "{token:?} {name}");
            }
        }
    }
}

#[tokio::test]
async fn names_that_no_user_may_have_are_not_acceptable_even_without_nodes() {
    let surface = shared().await;
    let long = "张".repeat(256);
    for endpoint in [GENERATE, CONN, DELETE] {
        for name in ["admin", "administrator", "", "a\nb", "a\0b", &long] {
            assert_eq!(surface.call(endpoint, name).await, NOT_ACCEPTABLE, "{name:?}");
        }
        let form = || Request::post(endpoint).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        assert_eq!(surface.ok(form(), format!("token={TOKEN}")).await, NOT_ACCEPTABLE);
        assert_eq!(surface.ok(form(), format!("token={TOKEN}&username=%ff")).await, NOT_ACCEPTABLE);
        assert_eq!(surface.ok(form(), "token=x&username=%ff").await, UNAUTHORIZED);
    }
    assert!(surface.call(GENERATE, "Admin").await.starts_with(r#"{"StatusCode":200,"#));
    assert!(surface.call(GENERATE, &"张".repeat(255)).await.starts_with(r#"{"StatusCode":200,"#));
}

#[tokio::test]
async fn without_nodes_conn_says_so_before_it_looks_for_the_user() {
    let surface = shared().await;
    surface.call(GENERATE, "queued").await;
    for name in ["queued", "unknown"] {
        assert_eq!(surface.call(CONN, name).await, NO_NODES);
    }
}

#[tokio::test]
async fn each_encoding_reaches_the_use_case() {
    let surface = shared().await;
    surface.call(GENERATE, "张三").await;
    let multipart = format!(
        "--B\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{TOKEN}\r\n\
         --B\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\n张三\r\n--B--\r\n"
    );
    let query = format!("{DELETE}?token={TOKEN}&username=%E5%BC%A0%E4%B8%89");
    let queued = r#"{"StatusCode":201,"StatusString":"该新增用户数据已提交至系统，正在排队处理中，请等待"}"#;
    let kinds = [
        (DELETE, "multipart/form-data; boundary=B", multipart),
        (DELETE, "application/json", format!(r#"{{"Token":"{TOKEN}","username":"张三"}}"#)),
        (&query, "text/plain", "ignored".to_owned()),
    ];
    for (uri, kind, body) in kinds {
        let request = Request::post(uri).header(header::CONTENT_TYPE, kind);
        assert_eq!(surface.ok(request, body).await, queued, "{kind}");
    }
    let request = Request::post(query.replace("username=", "x=")).header(header::CONTENT_TYPE, "application/json");
    assert_eq!(surface.ok(request, "{").await, UNAUTHORIZED);
}

#[tokio::test]
async fn a_database_that_is_gone_never_looks_like_a_success_or_a_bad_token() {
    let surface = shared().await;
    surface.add_node("n", 123, None).await;
    surface.test.app.db().close().await;
    for token in [TOKEN, "wrong"] {
        assert_eq!(surface.call_as(token, GENERATE, "ann", None).await, TOO_MANY);
        assert_eq!(surface.call_as(token, CONN, "ann", None).await, NO_NODES);
        assert_eq!(surface.call_as(token, DELETE, "ann", None).await, TOO_MANY);
    }
}

#[tokio::test]
async fn the_limiter_counts_by_address_on_the_endpoints_it_is_set_for() {
    let mut settings = Settings::default();
    settings.oa.rate_limit.per_minute = 1;
    settings.oa.rate_limit.burst = 2;
    let surface = with(settings.clone()).await;
    let from = |address: &str| Some(address.parse::<IpAddr>().unwrap());
    let (one, two) = (from("192.0.2.1"), from("192.0.2.2"));
    assert_eq!(surface.call_as("wrong", GENERATE, "ann", one).await, UNAUTHORIZED);
    assert_eq!(surface.call_as("wrong", DELETE, "ann", one).await, UNAUTHORIZED);
    assert_eq!(surface.call_as("wrong", GENERATE, "ann", one).await, TOO_MANY);
    assert_eq!(surface.call_as(TOKEN, DELETE, "ann", one).await, TOO_MANY);
    assert_eq!(surface.call_as("wrong", CONN, "ann", one).await, UNAUTHORIZED);
    assert_eq!(surface.call_as("wrong", GENERATE, "ann", two).await, UNAUTHORIZED);

    settings.oa.rate_limit.apply_to = ["conn".to_owned()].into();
    let surface = with(settings).await;
    for expected in [NO_NODES, NO_NODES, TOO_MANY] {
        assert_eq!(surface.call_as(TOKEN, CONN, "ann", one).await, expected);
    }
    for _ in 0..5 {
        assert_eq!(surface.call_as("wrong", GENERATE, "ann", one).await, UNAUTHORIZED);
    }
}

#[tokio::test]
async fn no_more_requests_are_handled_at_once_than_configured() {
    let mut settings = Settings::default();
    settings.oa.rate_limit.max_in_flight = 1;
    let surface = with(settings).await;
    // A creation that cannot finish: somebody else holds the one writer.
    let writer = surface.test.app.db().begin().await.unwrap();
    let waiting = pin!(surface.call(GENERATE, "ann"));
    let refused = pin!(async {
        while surface.call(DELETE, "nobody").await != TOO_MANY {
            tokio::task::yield_now().await;
        }
    });
    let Either::Right(((), waiting)) = select(waiting, refused).await else { panic!("nothing held the request back") };
    drop(writer);
    assert!(waiting.await.starts_with(r#"{"StatusCode":200,"#));
    assert!(surface.call(DELETE, "nobody").await.starts_with(r#"{"StatusCode":404,"#));
}
