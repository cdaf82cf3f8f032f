//! Orders that are paid through providers: each payment moves money once, whatever they tell and how often.

use std::sync::Arc;

use axum::body::Body;
use gatehouse_testkit::{
    Engine,
    stand_in::{Epay, Stripe},
};
use http::Request;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    shop::{self, Shop},
    support::Answer,
};

fn gateway() -> Epay {
    Epay { pid: "1001".to_owned(), key: "testkey".to_owned() }
}

/// Makes a channel that is offered; gives its number and the path that its provider reports to.
async fn channel(shop: &Shop, body: Value) -> (i64, String) {
    shop.staff("payment/save", body).await;
    let listed = shop.surface.get(&shop.admin, "v2/{sp}/payment/fetch").await.data();
    let made = listed.as_array().unwrap().iter().max_by_key(|row| row["id"].as_i64()).unwrap().clone();
    shop.staff("payment/show", json!({"id": made["id"]})).await;
    let path = made["notify_url"].as_str().unwrap().strip_prefix("https://panel.example.com/api/").unwrap().to_owned();
    (made["id"].as_i64().unwrap(), path)
}

async fn epay(shop: &Shop) -> (i64, String) {
    channel(
        shop,
        json!({"name": "A gateway", "payment": "EPay", "handling_fee_percent": 2, "handling_fee_fixed": 30,
               "config": {"url": "https://gateway.example.com", "pid": "1001", "key": "testkey"}}),
    )
    .await
}

async fn shop(engine: Engine) -> Arc<Shop> {
    let shop = shop::on(engine).await;
    shop.set(json!({"app_url": "https://panel.example.com"})).await;
    shop
}

impl Shop {
    async fn pay_by(&self, token: &str, trade_no: &Value, method: i64) -> Answer {
        self.surface.post(token, "v1/user/order/checkout", json!({"trade_no": trade_no, "method": method})).await
    }

    /// Orders a top-up; gives its number.
    async fn top_up(&self, token: &str, amount: i64) -> Value {
        let body = json!({"plan_id": 0, "period": "deposit", "deposit_amount": amount});
        self.surface.post(token, "v1/user/order/save", body).await.data()
    }

    async fn notify(&self, path: &str, query: &str) -> (u16, String) {
        let answer = self.surface.get("", &format!("{path}?{query}")).await;
        (answer.status, answer.text())
    }
}

fn said(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

#[tokio::test]
async fn a_gateway_is_paid_once_for_64_notices_at_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let shop = shop(engine).await;
        let (method, path) = epay(&shop).await;
        let token = shop.buyer("user@example.com", 0).await;
        let trade_no = shop.top_up(&token, 1_000).await;
        let sent = shop.pay_by(&token, &trade_no, method).await.json();
        assert_eq!(sent["type"], 1);
        let fields = gateway().submit(sent["data"].as_str().unwrap()).unwrap();
        // 2 % and 30 on 1000.
        assert_eq!((fields["money"].as_str(), fields["out_trade_no"].as_str()), ("10.50", trade_no.as_str().unwrap()));
        assert_eq!(fields["return_url"], format!("https://panel.example.com/#/order/{}", trade_no.as_str().unwrap()));
        let order = shop.order(&token, &trade_no).await;
        assert_eq!((&order["handling_amount"], &order["payment"]["payment"]), (&json!(50), &json!("EPay")));
        assert!(order["payment"].get("config").is_none());
        let query = gateway().notice(trade_no.as_str().unwrap(), "P1", "10.50");
        let mut calls = JoinSet::new();
        for number in 0..64 {
            let (shop, path, query) = (Arc::clone(&shop), path.clone(), query.clone());
            calls.spawn(async move {
                if number % 2 == 0 {
                    return shop.notify(&path, &query).await;
                }
                let request = Request::post(format!("/api/{path}"));
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                let answer = shop.surface.send(request.body(Body::from(query)).unwrap()).await;
                (answer.status, answer.text())
            });
        }
        while let Some(answer) = calls.join_next().await {
            assert_eq!(answer.unwrap(), said(200, "success"));
        }
        assert_eq!(shop.balance(&token).await, 1_000);
        assert_eq!(shop.order(&token, &trade_no).await["status"], 3);
        shop.adds_up().await;
    }
}

#[tokio::test]
async fn notices_that_tell_something_else_change_nothing() {
    let shop = shop(Engine::Sqlite).await;
    let (method, path) = epay(&shop).await;
    let (_, other) = epay(&shop).await;
    let token = shop.buyer("user@example.com", 0).await;
    let trade_no = shop.top_up(&token, 1_000).await;
    let number = trade_no.as_str().unwrap();
    let right = gateway().notice(number, "P1", "10.50");
    assert_eq!(shop.notify(&path, &right).await, said(400, "handle error"), "nobody checked it out");
    let url = shop.pay_by(&token, &trade_no, method).await.json()["data"].as_str().unwrap().to_owned();
    let replay = url.split_once('?').unwrap().1;
    let stranger = Epay { key: "another key".to_owned(), ..gateway() };
    let merchant = Epay { pid: "1002".to_owned(), ..gateway() };
    for (query, expected) in [
        (stranger.notice(number, "P1", "10.50"), said(422, "verify error")),
        (merchant.notice(number, "P1", "10.50"), said(422, "verify error")),
        (right.replace("sign=", "sign=f"), said(422, "verify error")),
        (replay.to_owned(), said(422, "verify error")),
        (String::new(), said(422, "verify error")),
        (gateway().notice(number, "P1", "1.00"), said(400, "handle error")),
        (gateway().notice(number, "P1", "10.00"), said(400, "handle error")),
        (gateway().notice("20260101000000000000000000", "P1", "10.50"), said(400, "handle error")),
    ] {
        assert_eq!(shop.notify(&path, &query).await, expected, "{query}");
    }
    assert_eq!(shop.notify(&other, &right).await, said(400, "handle error"), "not checked out with that one");
    let another_driver = path.replace("EPay", "StripeCheckout");
    assert_eq!(shop.notify(&another_driver, &right).await, said(422, "verify error"));
    assert_eq!(shop.notify("v1/guest/payment/notify/EPay/unknown", &right).await, said(422, "verify error"));
    shop.staff("payment/show", json!({"id": method})).await;
    assert_eq!(shop.notify(&path, &right).await, said(400, "handle error"), "switched off");
    let refused = shop.pay_by(&token, &trade_no, method).await.failure();
    assert_eq!(refused, said(400, "Payment method is not available"));
    assert_eq!((shop.balance(&token).await, &shop.order(&token, &trade_no).await["status"]), (0, &json!(0)));
    let used = shop.surface.post(&shop.admin, "v2/{sp}/payment/drop", json!({"id": method})).await;
    assert_eq!(used.status, 400, "an open order uses it");
    shop.adds_up().await;
}

#[tokio::test]
async fn what_is_paid_too_late_or_twice_is_credited_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let shop = shop(engine).await;
        let (method, path) = epay(&shop).await;
        let token = shop.buyer("user@example.com", 0).await;
        let plan = shop.plan(json!({})).await;
        let trade_no = shop.save(&token, plan, "monthly").await.data();
        shop.pay_by(&token, &trade_no, method).await.json();
        shop.cancel(&token, &trade_no).await.data();
        let late = gateway().notice(trade_no.as_str().unwrap(), "P1", "10.50");
        for _ in 0..3 {
            assert_eq!(shop.notify(&path, &late).await, said(200, "success"));
        }
        assert_eq!(shop.balance(&token).await, 1_000, "the price, without the fee");
        assert_eq!(shop.order(&token, &trade_no).await["status"], 2);
        let again = shop.top_up(&token, 500).await;
        shop.pay_by(&token, &again, method).await.json();
        for payment in ["P2", "P2", "P3"] {
            let query = gateway().notice(again.as_str().unwrap(), payment, "5.40");
            assert_eq!(shop.notify(&path, &query).await, said(200, "success"));
        }
        assert_eq!(shop.balance(&token).await, 2_000);
        shop.adds_up().await;
    }
}

#[tokio::test]
async fn stripe_makes_a_session_and_its_webhook_settles() {
    let shop = shop(Engine::Sqlite).await;
    let stripe = Stripe::start().await.unwrap();
    let config = |key: &str| {
        json!({"name": "Cards", "payment": "StripeCheckout", "config": {"stripe_sk_live": key, "stripe_pk_live": "pk_test",
               "stripe_webhook_key": "whsec", "currency": "USD", "rate": "0.14", "api_base": stripe.base()}})
    };
    let (broken, _) = channel(&shop, config("sk_wrong")).await;
    let (method, path) = channel(&shop, config("sk_test")).await;
    let token = shop.buyer("user@example.com", 0).await;
    let key = shop.surface.post(&token, "v1/user/comm/getStripePublicKey", json!({"id": method})).await.data();
    assert_eq!(key, "pk_test");
    let trade_no = shop.top_up(&token, 10_000).await;
    let number = trade_no.as_str().unwrap();
    let refused = shop.pay_by(&token, &trade_no, broken).await.failure();
    assert_eq!(refused, said(400, "Request failed, please try again later"));
    let sent = shop.pay_by(&token, &trade_no, method).await.json();
    assert!(sent["data"].as_str().unwrap().starts_with("https://checkout.example.com/"), "{sent}");
    let sessions = stripe.sessions();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["client_reference_id"], number);
    assert_eq!(sessions[0]["line_items[0][price_data][unit_amount]"], "1400");
    let now = shop.surface.test.app.now().0 / 1_000;
    let hook = async |event: Value, secret: &str, at: i64| {
        let (body, signature) = Stripe::webhook(secret, &event, at);
        let request = Request::post(format!("/api/{path}")).header("stripe-signature", signature);
        let request = request.header("content-type", "application/json");
        let answer = shop.surface.send(request.body(Body::from(body)).unwrap()).await;
        (answer.status, answer.text())
    };
    let paid = || Stripe::paid(number, "pi_1", 1_400, "usd");
    assert_eq!(hook(paid(), "another", now).await, said(422, "verify error"));
    assert_eq!(hook(paid(), "whsec", now - 400).await, said(422, "verify error"));
    assert_eq!(hook(Stripe::paid(number, "pi_1", 1_399, "usd"), "whsec", now).await, said(400, "handle error"));
    assert_eq!(hook(Stripe::paid(number, "pi_1", 1_400, "eur"), "whsec", now).await, said(400, "handle error"));
    let other = json!({"type": "customer.created", "data": {"object": {"id": "cus_1"}}});
    assert_eq!(hook(other, "whsec", now).await, said(200, "success"));
    assert_eq!(shop.balance(&token).await, 0);
    for _ in 0..2 {
        assert_eq!(hook(paid(), "whsec", now).await, said(200, "success"));
    }
    assert_eq!(shop.balance(&token).await, 10_000);
    shop.adds_up().await;
}

#[tokio::test]
async fn payment_by_hand_waits_longer_and_is_confirmed_by_staff() {
    let shop = shop(Engine::Sqlite).await;
    let config = json!({"instructions": "Pay to account 12345", "qr": "pay:12345", "expire_hours": "5"});
    let (method, path) = channel(&shop, json!({"name": "By hand", "payment": "Manual", "config": config})).await;
    let token = shop.buyer("user@example.com", 0).await;
    let trade_no = shop.top_up(&token, 1_000).await;
    assert_eq!(shop.pay_by(&token, &trade_no, method).await.json(), json!({"type": 0, "data": "pay:12345"}));
    assert_eq!(shop.order(&token, &trade_no).await["payment"]["instructions"], "Pay to account 12345");
    let methods = shop.surface.get(&token, "v1/user/order/getPaymentMethod").await.data();
    assert_eq!(methods[0]["instructions"], "Pay to account 12345");
    assert_eq!(shop.notify(&path, "trade_status=TRADE_SUCCESS").await, said(422, "verify error"));
    shop.surface.test.advance(std::time::Duration::from_hours(4));
    shop.minute().await;
    assert_eq!(shop.order(&token, &trade_no).await["status"], 0, "hours, not the usual two");
    shop.staff("order/paid", json!({"trade_no": trade_no})).await;
    assert_eq!(shop.balance(&token).await, 1_000);
    let late = shop.top_up(&token, 1_000).await;
    shop.pay_by(&token, &late, method).await.json();
    shop.surface.test.advance(std::time::Duration::from_hours(6));
    shop.minute().await;
    assert_eq!(shop.order(&token, &late).await["status"], 2);
}
