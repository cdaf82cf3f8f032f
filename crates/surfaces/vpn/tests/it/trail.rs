//! specs/vpn.md §13: every call leaves a row in the audit trail, without what is secret.

use std::time::Duration;

use gatehouse_domain::audit;

use crate::support::{FORM, Surface, UPDATER, encoded, shared};

/// The rows of an event as `actor action object outcome address`, as soon as there are so many.
async fn rows(surface: &Surface, event: &str, count: usize) -> Vec<String> {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let rows = audit::list(&surface.test.operator(), None, Some(event), 1_000).await.unwrap();
        if rows.len() >= count {
            return rows
                .iter()
                .map(|row| format!("{} {} {} {:?}", row.actor_name, row.object_name, row.outcome, row.address))
                .collect();
        }
        assert!(std::time::Instant::now() < deadline, "{event}: {} rows instead of {count}", rows.len());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn unverified_calls_are_one_row_a_minute_and_address() {
    let surface = shared().await;
    let from = |last: u8| std::net::IpAddr::from([192, 0, 2, last]);
    for _ in 0..20 {
        surface.post_from(from(1), &UPDATER, "timestamp=1&sinfor_apitoken=secret").await;
    }
    surface.post_from(from(2), "controler=User&action=No", "passwd=secret").await;
    let rows = rows(&surface, "vpn.call.verify", 2).await;
    assert_eq!(rows.len(), 2);
    assert!(rows.contains(&"  token malformed Some(\"192.0.2.1\")".to_owned()), "{rows:#?}");
    assert!(rows.contains(&"  unknown action Some(\"192.0.2.2\")".to_owned()), "{rows:#?}");
}

#[tokio::test]
async fn a_verified_call_that_is_refused_is_told_with_its_code() {
    let surface = shared().await;
    let at = surface.now().to_string();
    let signed = [
        b"action=UpdaterCloud&controler=Updater&passwd=\xff&timestamp=".as_slice(),
        at.as_bytes(),
        at.as_bytes(),
        surface.secret.as_bytes(),
    ]
    .concat();
    let token = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(signed));
    let stamp = encoded(&[("timestamp", &at), ("sinfor_apitoken", &token)]);
    assert_eq!(surface.post(&UPDATER, FORM, format!("passwd=%ff&{stamp}")).await.code(), -2);
    assert_eq!(rows(&surface, "vpn.staged.apply", 1).await, ["vpn api  not UTF-8 None"]);
}
