//! Payment channels as staff set them up.

use serde_json::json;

use crate::support::{Surface, surface};

async fn shop() -> (Surface, String) {
    let surface = surface().await;
    let admin = surface.admin().await;
    let site = json!({"app_url": "https://panel.example.com"});
    surface.post(&admin, "v2/{sp}/config/save", site).await.data();
    (surface, admin)
}

fn epay() -> serde_json::Value {
    json!({"name": "A gateway", "payment": "EPay", "handling_fee_percent": "2.5", "handling_fee_fixed": 30,
           "config": {"url": "https://gateway.example.com", "pid": "1001", "key": "testkey", "type": "alipay"}})
}

#[tokio::test]
async fn a_channel_is_made_shown_masked_changed_and_dropped() {
    let (surface, admin) = shop().await;
    let methods = surface.get(&admin, "v2/{sp}/payment/getPaymentMethods").await.data();
    assert_eq!(methods, json!(["Manual", "EPay", "StripeCheckout"]));
    surface.post(&admin, "v2/{sp}/payment/save", epay()).await.data();
    let fetch = async || surface.get(&admin, "v2/{sp}/payment/fetch").await.data()[0].clone();
    let made = fetch().await;
    assert_eq!(
        (&made["enable"], &made["handling_fee_percent"], &made["handling_fee_fixed"]),
        (&json!(false), &json!(2.5), &json!(30))
    );
    assert_eq!((&made["config"]["key"], &made["config"]["pid"]), (&json!("********"), &json!("1001")));
    let uuid = made["uuid"].as_str().unwrap();
    assert_eq!(uuid.len(), 32);
    let notify = format!("https://panel.example.com/api/v1/guest/payment/notify/EPay/{uuid}");
    assert_eq!(made["notify_url"], notify.as_str());

    let mut change = epay();
    change["id"] = made["id"].clone();
    change["name"] = json!("Another name");
    change["config"] = json!({"key": "********", "pid": "1002"});
    surface.post(&admin, "v2/{sp}/payment/save", change).await.data();
    let changed = fetch().await;
    assert_eq!((&changed["name"], &changed["config"]["pid"]), (&json!("Another name"), &json!("1002")));
    let form = format!("v2/{{sp}}/payment/getPaymentForm?payment=EPay&id={}", made["id"]);
    let form = surface.get(&admin, &form).await.data();
    assert_eq!(
        (&form["key"]["value"], &form["url"]["value"]),
        (&json!("********"), &json!("https://gateway.example.com"))
    );
    let id = json!({"id": made["id"]});
    surface.post(&admin, "v2/{sp}/payment/show", id.clone()).await.data();
    assert_eq!(fetch().await["enable"], true);
    surface.post(&admin, "v2/{sp}/payment/sort", json!({"ids": [made["id"]]})).await.data();
    surface.post(&admin, "v2/{sp}/payment/drop", id.clone()).await.data();
    assert_eq!(surface.post(&admin, "v2/{sp}/payment/drop", id).await.failure().0, 400);
}

#[tokio::test]
async fn what_no_driver_can_use_is_refused() {
    let (surface, admin) = shop().await;
    let save = async |body| surface.post(&admin, "v2/{sp}/payment/save", body).await.status;
    let with = |name: &str, value: serde_json::Value| {
        let mut body = epay();
        body[name] = value;
        body
    };
    assert_eq!(save(with("payment", json!("NoSuch"))).await, 400);
    assert_eq!(save(with("name", json!(""))).await, 422);
    assert_eq!(save(with("handling_fee_percent", json!("100.01"))).await, 422);
    assert_eq!(save(with("handling_fee_percent", json!("1.234"))).await, 422);
    assert_eq!(save(with("handling_fee_fixed", json!(-1))).await, 422);
    assert_eq!(save(with("notify_domain", json!("file:///etc/passwd"))).await, 422);
    for (key, value) in [("key", ""), ("url", "ftp://x"), ("type", "bitcoin"), ("pid", "a&b=c")] {
        let mut body = epay();
        body["config"][key] = json!(value);
        assert_eq!(save(body).await, 422, "{key}");
    }
    assert_eq!(save(with("id", json!(4711))).await, 400);
    surface.post(&admin, "v2/{sp}/config/save", json!({"app_url": null})).await.data();
    assert_eq!(save(epay()).await, 400);
}
