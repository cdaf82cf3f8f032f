//! Sixty-four at once, on both engines: what may happen once happens once.

use std::sync::Arc;

use gatehouse_testkit::Engine;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    shop::{self, Shop},
    support::Answer,
};

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];
const MANY: usize = 64;

/// Sends a call of each token at the same time; gives the answers in no order.
async fn at_once(shop: &Arc<Shop>, calls: Vec<(String, &'static str, Value)>) -> Vec<Answer> {
    let mut running = JoinSet::new();
    for (token, path, body) in calls {
        let shop = Arc::clone(shop);
        running.spawn(async move { shop.surface.post(&token, path, body).await });
    }
    running.join_all().await
}

fn same(token: &str, path: &'static str, body: &Value) -> Vec<(String, &'static str, Value)> {
    (0..MANY).map(|_| (token.to_owned(), path, body.clone())).collect()
}

fn succeeded(answers: &[Answer]) -> usize {
    let refused: Vec<u16> = answers.iter().map(|answer| answer.status).filter(|status| *status != 200).collect();
    assert!(refused.iter().all(|status| *status == 400), "{refused:?}");
    answers.len() - refused.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_made_cancelled_and_opened_once() {
    for engine in ENGINES {
        let shop = shop::on(engine).await;
        let plan = shop.plan(json!({})).await;
        let token = shop.buyer("user@example.com", 2_000).await;
        let save = json!({"plan_id": plan, "period": "monthly"});
        assert_eq!(succeeded(&at_once(&shop, same(&token, "v1/user/order/save", &save)).await), 1);
        assert_eq!(shop.balance(&token).await, 1_000);
        let trade_no = shop.surface.get(&token, "v1/user/order/fetch").await.data()[0]["trade_no"].clone();
        let named = json!({"trade_no": trade_no});
        assert_eq!(succeeded(&at_once(&shop, same(&token, "v1/user/order/cancel", &named)).await), 1);
        assert_eq!(shop.balance(&token).await, 2_000);

        let trade_no = shop.save(&token, plan, "monthly").await.data();
        let named = json!({"trade_no": trade_no});
        assert_eq!(succeeded(&at_once(&shop, same(&token, "v1/user/order/checkout", &named)).await), 1);
        assert_eq!(shop.balance(&token).await, 1_000);

        // Who cancels while he pays gets one of both.
        let before = shop.subscription(&token).await["expired_at"].as_i64().unwrap();
        let trade_no = shop.save(&token, plan, "monthly").await.data();
        let named = json!({"trade_no": trade_no});
        let mut calls = same(&token, "v1/user/order/checkout", &named);
        calls.extend(same(&token, "v1/user/order/cancel", &named));
        assert_eq!(succeeded(&at_once(&shop, calls).await), 1);
        let (balance, after) = (shop.balance(&token).await, shop.subscription(&token).await["expired_at"].as_i64());
        assert_eq!(balance == 0, after.unwrap() > before, "{balance}");
        assert!(balance == 0 || balance == 1_000);
        shop.adds_up().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_for_five_serves_five_and_a_plan_for_five_has_five() {
    for engine in ENGINES {
        let shop = shop::on(engine).await;
        let (open, small) = (shop.plan(json!({})).await, shop.plan(json!({"capacity_limit": 5})).await);
        let coupon = json!({"name": "c", "type": 2, "value": 100, "started_at": 1, "ended_at": 9_999_999_999_i64,
            "limit_use": 5, "code": "FREE"});
        shop.staff("coupon/generate", coupon).await;
        let mut buyers = Vec::new();
        for n in 0..20 {
            buyers.push(shop.buyer(&format!("user{n}@example.com"), 0).await);
        }
        let orders = |body: Value| -> Vec<_> {
            buyers.iter().map(|token| (token.clone(), "v1/user/order/save", body.clone())).collect()
        };
        let with_coupon = json!({"plan_id": open, "period": "monthly", "coupon_code": "FREE"});
        let answers = at_once(&shop, orders(with_coupon)).await;
        assert_eq!(succeeded(&answers), 5);
        for token in &buyers {
            for order in shop.surface.get(token, "v1/user/order/fetch?status=0").await.data().as_array().unwrap() {
                shop.cancel(token, &order["trade_no"]).await.data();
            }
        }
        let coupons = shop.surface.get(&shop.admin, "v2/{sp}/coupon/fetch").await.json();
        assert_eq!(coupons["data"][0]["limit_use"], 5, "every use came back");

        let answers = at_once(&shop, orders(json!({"plan_id": small, "period": "monthly"}))).await;
        assert_eq!(succeeded(&answers), 5);
        for token in &buyers {
            for order in shop.surface.get(token, "v1/user/order/fetch?status=0").await.data().as_array().unwrap() {
                shop.staff("order/paid", json!({"trade_no": order["trade_no"]})).await;
            }
        }
        let listed = shop.surface.get("", "v1/guest/plan/fetch").await.data();
        assert_eq!(listed[1]["capacity_limit"], "Sold out");
        assert_eq!(shop.save(&buyers[0], small, "monthly").await.status == 200, {
            shop.subscription(&buyers[0]).await["plan_id"] == small
        });
        shop.adds_up().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commission_is_paid_once_and_moved_once() {
    for engine in ENGINES {
        let shop = shop::on(engine).await;
        let inviter = shop.surface.user("inviter@example.com").await;
        let buyer = shop.surface.user("buyer@example.com").await;
        shop.surface
            .test
            .execute(&format!("UPDATE proxy_pass SET inviter_id = {inviter} WHERE account_id = {buyer}"))
            .await
            .unwrap();
        let plan = shop.plan(json!({})).await;
        let (inviter, buyer) =
            (shop.surface.login("inviter@example.com").await, shop.surface.login("buyer@example.com").await);
        let trade_no = shop.buy(&buyer, plan, "monthly").await;
        let order = shop.order(&buyer, &trade_no).await;
        assert_eq!((&order["commission_balance"], &order["commission_status"]), (&json!(100), &json!(0)));
        shop.minute().await;
        assert_eq!(shop.info(&inviter).await["commission_balance"], 0, "three days have not passed");
        shop.surface.test.advance(std::time::Duration::from_hours(72));
        for _ in 0..3 {
            shop.minute().await;
        }
        assert_eq!(shop.info(&inviter).await["commission_balance"], 100);
        assert_eq!(shop.order(&buyer, &trade_no).await["actual_commission_balance"], 100);
        let update = json!({"trade_no": trade_no, "commission_status": 3});
        assert_eq!(shop.surface.post(&shop.admin, "v2/{sp}/order/update", update).await.status, 400);

        let all = json!({"transfer_amount": 100});
        assert_eq!(succeeded(&at_once(&shop, same(&inviter, "v1/user/transfer", &all)).await), 1);
        let info = shop.info(&inviter).await;
        assert_eq!((&info["balance"], &info["commission_balance"]), (&json!(100), &json!(0)));
        for wrong in
            [json!(0), json!(-1), json!(1.5), json!("1010.0000000000001"), json!("x"), json!(9_007_199_254_740_993_i64)]
        {
            let answer = shop.surface.post(&inviter, "v1/user/transfer", json!({"transfer_amount": wrong})).await;
            assert_eq!(answer.failure(), (422, "The transfer amount parameter is wrong".to_owned()), "{wrong}");
        }
        shop.adds_up().await;
    }
}
