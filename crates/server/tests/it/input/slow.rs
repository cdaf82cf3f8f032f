//! Clients that take their time: each is ended, and nobody else notices.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use gatehouse_testkit::{Installation, PATIENCE};

use crate::{
    GATEHOUSE,
    oa::system::{D, FORM, G, OaSystem, code, eventually, token},
    wire::{Wire, request},
};

/// Of each kind.
const CLIENTS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_drip_are_ended_and_others_are_served_meanwhile() {
    let house = Installation::new(GATEHOUSE).with("HTTP__HEADER_TIMEOUT", "1s").with("OA__REQUEST_TIMEOUT", "1s");
    let running = house.serve("serve");
    let (base, t) = (running.url("http"), token(&house));
    let mut slow = JoinSet::new();
    for n in 0..3 * CLIENTS {
        let base = base.clone();
        slow.spawn(async move {
            let mut wire = Wire::connect(&base).await.unwrap();
            let body = format!("POST {G} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 100\r\n\r\n");
            match n % 3 {
                // Says nothing at all.
                0 => assert!(wire.is_ended().await),
                // A head, byte by byte, that has no end.
                1 => {
                    let started = Instant::now();
                    while wire.send("x").await.is_ok() {
                        assert!(started.elapsed() < PATIENCE, "nobody ends it");
                        sleep(Duration::from_millis(50)).await;
                    }
                }
                // A body, byte by byte.
                _ => {
                    wire.send(body).await.unwrap();
                    let drip = async {
                        while wire.send("x").await.is_ok() {
                            sleep(Duration::from_millis(50)).await;
                        }
                    };
                    let _ = timeout(Duration::from_millis(800), drip).await;
                    let answer = wire.answer().await.unwrap();
                    assert_eq!((answer.status, code(&answer.body)), (408, 408));
                }
            }
        });
    }
    let mut oa = OaSystem::connect(&base, &t).await.unwrap();
    let mut served = 0;
    let all = async { while slow.join_next().await.transpose().unwrap().is_some() {} };
    let others = async {
        loop {
            assert_eq!(timeout(Duration::from_secs(5), oa.code(D, "nobody")).await.expect("in time"), 404);
            served += 1;
        }
    };
    tokio::select! {
        () = all => {}
        () = others => {}
    }
    assert!(served > 20, "only {served} requests beside the slow ones");
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_lets_the_next_one_in_when_a_silent_one_is_ended() {
    let house = Installation::new(GATEHOUSE).with("HTTP__MAX_CONNECTIONS", "10").with("HTTP__HEADER_TIMEOUT", "2s");
    let running = house.serve("serve");
    let (base, t) = (running.url("http"), token(&house));
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(Wire::connect(&base).await.unwrap());
    }
    let metrics = running.url("metrics");
    eventually("the house is full", async || {
        let page = Wire::connect(&metrics).await.unwrap().exchange(request("GET /metrics", None, "")).await.unwrap();
        page.body.contains("gatehouse_http_connections 11") || page.body.contains("gatehouse_http_connections 10")
    })
    .await;
    let mut oa = OaSystem::connect(&base, &t).await.unwrap();
    assert_eq!(oa.code(D, "nobody").await, 404);
    for mut wire in silent {
        assert!(wire.is_ended().await);
    }
    running.stop();
}
