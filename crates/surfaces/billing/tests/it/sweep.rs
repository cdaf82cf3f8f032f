//! Every action with every kind of bad credential: each is refused in the surface's words, and nothing is written.

use std::time::Duration;

use crate::support::{PASSWORD, surface};

#[tokio::test]
async fn every_action_refuses_whoever_may_not() {
    let surface = surface().await;
    let (_, uid) = surface.subscriber("test").await;
    let ended = surface.login("test", PASSWORD).await;
    surface.get(&ended, "a=logout").await;
    let expired = surface.login("test", PASSWORD).await;
    surface.test.advance(Duration::from_secs(7_201));
    let (user, low) = (surface.login("test", PASSWORD).await, surface.staff("low", &["billing.access"], None).await);
    let mut table = String::new();
    for action in gatehouse_billing::actions() {
        let query = format!(
            "a={action}&uid={uid}&id=1&amt=100&service_id=1&usr_service_id=1&cash=1&category=1&on=1&reg_id=x&go=1"
        );
        for (name, session) in [("none", ""), ("wrong", "wrong"), ("ended", &ended), ("expired", &expired)] {
            let code = surface.get(session, &query).await.code();
            table += &format!("{action:<16} {name:<8} {code}\n");
            assert_eq!(code, "unauthorized", "{action} {name}");
        }
        if action.starts_with("api_") {
            let code = surface.get(&user, &query).await.code();
            table += &format!("{action:<16} user     {code}\n");
            assert_eq!(code, "forbidden", "{action}");
        }
        if !matches!(action, "version" | "logout" | "safe_ses" | "api_services" | "api_dopdata") {
            let code = surface.get(&low, &query).await.code();
            table += &format!("{action:<16} low      {code}\n");
            assert!(matches!(code.as_str(), "no_privilege" | "forbidden"), "{action}: {code}");
        }
    }
    println!("{table}");
    assert_eq!(surface.get(&user, "").await.json()["usr"]["state"], "on");
}
