//! A PostgreSQL that crashes under the server and comes back.

use gatehouse_testkit::{Installation, postgres};

use super::book::{Book, LEASES, rest};
use crate::{
    GATEHOUSE,
    oa::system::{C, D, G, OaSystem, eventually, token},
    wire::{Wire, request},
};

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_nothing_is_granted_and_afterwards_all_goes_on() {
    let server = postgres::Server::start().unwrap();
    let house = Installation::new(GATEHOUSE).with("DATABASE__URL", &server.url()).with("OA__DELETE_DELAY", "0s");
    let running = house.serve("demo");
    let (base, token) = (running.url("http"), token(&house));
    let book = Book::default();
    let mut oa = OaSystem::connect(&base, &token).await.unwrap();
    for n in 0..10 {
        assert_eq!(book.make(&mut oa, &format!("before{n}")).await.unwrap(), 200);
    }
    oa.until(G, "before9", &[201, 102], 405).await;
    oa.until(C, "before0", &[412], 200).await;

    // It goes in the middle of a stream of requests.
    let stream = async {
        let mut oa = OaSystem::connect(&base, &token).await.unwrap();
        let (mut n, mut refused) = (0, 0);
        while refused < 20 {
            match book.make(&mut oa, &format!("during{n}")).await.unwrap() {
                200 => refused = 0,
                // Whether it was written is open: the database went away before it could say so.
                429 => (book.doubt(&format!("during{n}")), refused += 1).1,
                code => panic!("{code}"),
            }
            n += 1;
        }
        n
    };
    let crash = tokio::task::spawn_blocking(move || server.crash().map(|()| server));
    let (asked, server) = tokio::join!(stream, crash);
    let server = server.unwrap().unwrap();
    assert!(asked >= 20);

    for token in [token.as_str(), "wrong"] {
        let mut oa = OaSystem::connect(&base, token).await.unwrap();
        for name in ["before0", "nobody", "admin"] {
            for (endpoint, code) in [(G, 429), (C, 412), (D, 429)] {
                assert_eq!(oa.code(endpoint, name).await, code, "{token} {endpoint} {name}");
            }
        }
    }
    let mut wire = Wire::connect(&base).await.unwrap();
    let mut status = async |path: &str| wire.exchange(request(&format!("GET {path}"), None, "")).await.unwrap().status;
    assert_eq!((status("/healthz").await, status("/readyz").await), (200, 503));
    let log = running.log();
    assert!(log.lines().count() < 300, "an outage must not flood the log: {log}");
    let refused = house.run("oa user list");
    assert_eq!(refused.code, Some(1), "{refused:?}");

    server.resume().unwrap();
    eventually("the server is ready again", async || status("/readyz").await == 200).await;
    let mut oa = OaSystem::connect(&base, &token).await.unwrap();
    assert_eq!(book.make(&mut oa, "after").await.unwrap(), 200);
    oa.until(G, "after", &[201, 102], 405).await;
    for name in book.made(5) {
        oa.until(C, &name, &[412, 201, 102], 200).await;
        assert_eq!(book.delete(&mut oa, &name).await.unwrap(), 200);
        oa.until(D, &name, &[418], 404).await;
    }
    rest(&house, LEASES).await;
    running.stop();
    book.check(&house, &["demo"]).await;
}
