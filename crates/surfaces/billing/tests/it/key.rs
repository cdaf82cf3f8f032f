//! specs/billing.md §13: idempotency keys.

use std::time::Duration;

use http::{Method, header};

use crate::support::{FORM, PASSWORD, Surface, request, surface};

async fn count(surface: &Surface, session: &str) -> usize {
    surface.get(session, "a=u_message").await.json()["messages"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_key_is_answered_the_same_and_done_once() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    let send = async |key: &str, text: &str| {
        surface.post(&session, &format!("a=u_message&idem={key}"), format!("msg={text}")).await
    };
    let first = send("k1", "one").await;
    assert_eq!(first.code(), "ok");
    assert_eq!(send("k1", "one").await, first);
    let header = request(Method::POST, &session, "a=u_message")
        .header("Idempotency-Key", "k1")
        .header(header::CONTENT_TYPE, FORM);
    assert_eq!(surface.exchange(header, "msg=one").await, first);
    assert_eq!(count(&surface, &session).await, 1);
    assert_eq!(send("k1", "two").await.code(), "idempotency_conflict");
    assert_eq!(surface.get(&session, "a=u_gcm&reg_id=x&idem=k1").await.code(), "idempotency_conflict");
    // Refusals are kept as well.
    assert_eq!(send("k2", "").await.code(), "msg_empty");
    assert_eq!(send("k2", "").await.code(), "msg_empty");
    assert_eq!(send("k2", "x").await.code(), "idempotency_conflict");
    assert_eq!(send(&"k".repeat(256), "x").await.code(), "bad_request");
    assert_eq!(count(&surface, &session).await, 1);
    // A key of somebody else is another one.
    surface.subscriber("other").await;
    let other = surface.login("other", PASSWORD).await;
    assert_eq!(surface.post(&other, "a=u_message&idem=k1", "msg=two").await.code(), "ok");
    // For a day.
    surface.test.advance(Duration::from_hours(24) - Duration::from_mins(1));
    let session = surface.login("test", PASSWORD).await;
    assert_eq!(surface.post(&session, "a=u_message&idem=k1", "msg=one").await, first);
    surface.test.advance(Duration::from_mins(1));
    surface.test.run_due_periodic().await.unwrap();
    assert_ne!(surface.post(&session, "a=u_message&idem=k1", "msg=one").await, first);
    assert_eq!(count(&surface, &session).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_with_one_key_do_it_once() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    let calls = (0..10).map(|_| surface.post(&session, "a=u_message&idem=k", "msg=one"));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer == &answers[0] && answer.code() == "ok"), "{answers:?}");
    assert_eq!(count(&surface, &session).await, 1);
}

#[tokio::test]
async fn what_is_worth_trying_again_is_not_kept() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    assert_eq!(surface.get(&session, "a=u_fondy&amt=100&idem=k").await.code(), "gateway_unavailable");
    assert_eq!(surface.get(&session, "a=u_fondy&amt=200&idem=k").await.code(), "gateway_unavailable");
    // A process that died with the key in its hands.
    assert_eq!(surface.get(&session, "a=u_gcm&reg_id=x&idem=dead").await.code(), "ok");
    surface.execute("UPDATE idempotency_key SET answer = NULL, expires_at = 1").await;
    assert_eq!(surface.get(&session, "a=u_gcm&reg_id=x&idem=dead").await.code(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_caller_went_away_is_done_and_answered_later() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    for n in 1..=20 {
        let query = format!("a=u_message&idem=k{n}");
        let patience = Duration::from_micros(n * 300);
        let early = tokio::time::timeout(patience, surface.post(&session, &query, "msg=one")).await;
        let answer = surface.post(&session, &query, "msg=one").await;
        assert_eq!(answer.code(), "ok", "{n}");
        assert!(early.is_err() || early == Ok(answer), "{n}");
    }
    assert_eq!(count(&surface, &session).await, 20);
}
