//! Stays of VPN users, as accounting would have opened them.

use gatehouse_model::AccountId;
use gatehouse_store::{Query as _, args, sql};
use gatehouse_testkit::TestApp;

/// Opens a stay by the VPN pass; `name` is its public name and session id.
pub(crate) async fn come_in(app: &TestApp, account: AccountId, name: &str) {
    let (id, at) = (account.0, app.app.now().0);
    app.execute(&format!(
        "INSERT INTO visit (uuid, door, account_id, login, since_at, seen_at) VALUES ('{name}', 'radius', {id}, '', {at}, {at}); \
         INSERT INTO visit_radius (visit_id, nas_id, nas_name, nas_address, pass, session_id, is_open, is_in_garden, user_name, \
         event_at, session_time, has_gigawords, packets_up, packets_down, rate_up, rate_down, interim) \
         SELECT id, 1, 'nas', '192.0.2.1', 'vpn', CAST('{name}' AS {blob}), TRUE, FALSE, CAST('' AS {blob}), {at}, 0, FALSE, 0, 0, \
         0, 0, 60000 FROM visit WHERE uuid = '{name}';",
        blob = if app.url().starts_with("sqlite") { "BLOB" } else { "BYTEA" }
    ))
    .await
    .unwrap();
}

/// What waits in the outbox: `disconnect NAME why` and `change NAME`, sorted.
pub(crate) async fn orders(app: &TestApp) -> Vec<String> {
    let mut orders = Vec::new();
    for (kind, shown) in [("radius.disconnect", "disconnect"), ("radius.change", "change")] {
        let list = sql!("SELECT key, payload FROM job WHERE kind = $1 ORDER BY id");
        for (key, payload) in app.app.db().read().all::<(String, String)>(list, args![kind]).await.unwrap() {
            let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
            let why = payload["why"].as_str().filter(|_| shown == "disconnect").unwrap_or_default();
            orders.push(format!("{shown} {key} {why}").trim_end().to_owned());
        }
    }
    orders.sort_unstable();
    orders
}

/// Empties the outbox.
pub(crate) async fn forget_orders(app: &TestApp) {
    app.execute("DELETE FROM job; UPDATE visit SET end_asked_at = NULL, end_asked_why = NULL;").await.unwrap();
}
