//! Plans and orders: what is sold, for how much, and what opening gives.

use gatehouse_domain::apply::{self, Applied, Change, Mode, StateFile};
use serde_json::{Value, json};

use crate::shop::shop;

#[tokio::test]
async fn a_plan_is_bought_from_the_balance_and_gives_what_it_says() {
    let shop = shop().await;
    let plan = shop.plan(json!({"name": "A", "speed_limit": 50, "device_limit": 3, "capacity_limit": 2})).await;
    let token = shop.buyer("user@example.com", 1_500).await;
    let trade_no = shop.save(&token, plan, "month_price").await.data();
    assert_eq!(shop.balance(&token).await, 500, "what it costs is held");
    let order = shop.order(&token, &trade_no).await;
    assert_eq!((&order["total_amount"], &order["balance_amount"]), (&json!(0), &json!(1_000)));
    assert_eq!((&order["type"], &order["status"], &order["period"]), (&json!(1), &json!(0), &json!("month_price")));
    assert_eq!(order["plan"]["month_price"], 1_000);
    assert_eq!(shop.checkout(&token, &trade_no).await.json(), json!({"type": -1, "data": true}));
    let path = format!("v1/user/order/check?trade_no={}", trade_no.as_str().unwrap());
    assert_eq!(shop.surface.get(&token, &path).await.data(), 3);
    let subscription = shop.subscription(&token).await;
    assert_eq!(subscription["plan_id"], plan);
    assert_eq!(subscription["transfer_enable"], 100_i64 << 30);
    assert_eq!((&subscription["speed_limit"], &subscription["device_limit"]), (&json!(50), &json!(3)));
    assert_eq!(subscription["plan"]["prices"]["yearly"], json!(99.9));
    assert!(subscription["expired_at"].is_i64() && subscription["reset_day"].is_i64());
    let again = shop.checkout(&token, &trade_no).await.failure();
    assert_eq!(again, (400, "Order does not exist or has been paid".to_owned()));
    let listed = shop.surface.get("", "v1/guest/plan/fetch").await.data();
    assert_eq!(listed[0]["capacity_limit"], 1);
    shop.adds_up().await;
}

#[tokio::test]
async fn orders_are_refused_in_the_contracts_words() {
    let shop = shop().await;
    let token = shop.buyer("user@example.com", 0).await;
    let plan = shop.plan(json!({"prices": {"monthly": 10, "reset_traffic": 3}})).await;
    let hidden = shop.plan(json!({"show": 0, "renew": 1})).await;
    let full = shop.plan(json!({"capacity_limit": 0})).await;
    let save = async |body: Value| shop.surface.post(&token, "v1/user/order/save", body).await.failure();
    let refused = |status: u16, text: &str| (status, text.to_owned());
    assert_eq!(save(json!({"period": "month_price"})).await, refused(422, "Plan ID cannot be empty"));
    assert_eq!(save(json!({"plan_id": plan, "period": "weekly"})).await, refused(422, "Wrong plan period"));
    assert_eq!(
        save(json!({"plan_id": 99, "period": "monthly"})).await,
        refused(400, "Subscription plan does not exist")
    );
    let text = "This payment period cannot be purchased, please choose another period";
    assert_eq!(save(json!({"plan_id": plan, "period": "yearly"})).await, refused(400, text));
    let text = "Subscription has expired or no active subscription, unable to purchase Data Reset Package";
    assert_eq!(save(json!({"plan_id": plan, "period": "reset_price"})).await, refused(400, text));
    assert_eq!(save(json!({"plan_id": full, "period": "monthly"})).await, refused(400, "Current product is sold out"));
    let text = "This subscription has been sold out, please choose another subscription";
    assert_eq!(save(json!({"plan_id": hidden, "period": "monthly"})).await, refused(400, text));
    for amount in [json!(0), json!(-1), json!(1_000_000_000), json!("1.5"), json!(null)] {
        let body = json!({"plan_id": 0, "period": "deposit", "deposit_amount": amount});
        assert_eq!(save(body).await.0, 422, "{amount}");
    }
    shop.save(&token, plan, "monthly").await.data();
    let text = "You have an unpaid or pending order, please try again later or cancel it";
    assert_eq!(save(json!({"plan_id": plan, "period": "monthly"})).await, refused(400, text));
    assert_eq!(save(json!({"plan_id": 0, "period": "deposit", "deposit_amount": 5})).await, refused(400, text));
    let listed = shop.surface.get(&token, "v1/user/plan/fetch").await.data();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[1]["capacity_limit"], "Sold out");
    assert_eq!(shop.surface.get(&token, &format!("v1/user/plan/fetch?id={plan}")).await.data()["id"], plan);
    assert_eq!(shop.surface.get(&token, &format!("v1/user/plan/fetch?id={hidden}")).await.status, 400);
}

#[tokio::test]
async fn foreign_trade_numbers_are_unknown_ones() {
    let shop = shop().await;
    let plan = shop.plan(json!({})).await;
    let (user, other) = (shop.buyer("user@example.com", 0).await, shop.buyer("other@example.com", 0).await);
    let trade_no = shop.save(&user, plan, "monthly").await.data();
    for trade_no in [trade_no.clone(), json!("20260101000000000000000000000000")] {
        let number = trade_no.as_str().unwrap();
        for path in ["check", "detail"] {
            let answer = shop.surface.get(&other, &format!("v1/user/order/{path}?trade_no={number}")).await;
            assert_eq!(answer.failure(), (400, "Order does not exist".to_owned()));
        }
        assert_eq!(shop.cancel(&other, &trade_no).await.failure(), (400, "Order does not exist".to_owned()));
        let text = "Order does not exist or has been paid".to_owned();
        assert_eq!(shop.checkout(&other, &trade_no).await.failure(), (400, text));
    }
    assert_eq!(shop.cancel(&user, &json!("")).await.failure(), (422, "Invalid parameter".to_owned()));
    assert_eq!(shop.cancel(&user, &trade_no).await.data(), true);
    let text = "You can only cancel pending orders".to_owned();
    assert_eq!(shop.cancel(&user, &trade_no).await.failure(), (400, text));
    assert_eq!(shop.surface.get(&user, "v1/user/order/fetch?status=2").await.data()[0]["trade_no"], trade_no);
    assert_eq!(shop.surface.get(&user, "v1/user/order/fetch?status=9").await.status, 422);
    assert_eq!(shop.surface.get(&other, "v1/user/order/fetch").await.data(), json!([]));
}

#[tokio::test]
async fn a_cancelled_order_gives_back_balance_and_coupon() {
    let shop = shop().await;
    let plan = shop.plan(json!({})).await;
    let token = shop.buyer("user@example.com", 700).await;
    let coupon = json!({"name": "c", "type": 1, "value": 200, "started_at": 1, "ended_at": 9_999_999_999_i64,
        "limit_use": 1, "code": "SAVE"});
    shop.staff("coupon/generate", coupon).await;
    let body = json!({"plan_id": plan, "period": "monthly", "coupon_code": "SAVE"});
    let save = async || shop.surface.post(&token, "v1/user/order/save", body.clone()).await.data();
    let trade_no = save().await;
    let order = shop.order(&token, &trade_no).await;
    assert_eq!((&order["discount_amount"], &order["balance_amount"]), (&json!(200), &json!(700)));
    assert_eq!(order["total_amount"], 100);
    let check = async || {
        let body = json!({"code": "SAVE", "plan_id": plan, "period": "month_price"});
        shop.surface.post(&token, "v1/user/coupon/check", body).await
    };
    assert_eq!(check().await.failure(), (400, "This coupon is no longer available".to_owned()));
    assert_eq!(shop.balance(&token).await, 0);
    shop.cancel(&token, &trade_no).await.data();
    assert_eq!(shop.balance(&token).await, 700);
    assert_eq!(check().await.data()["limit_use"], 1);
    // Unpaid for two hours is as good as cancelled.
    let trade_no = save().await;
    shop.surface.test.advance(std::time::Duration::from_hours(2));
    shop.minute().await;
    assert_eq!(shop.order(&token, &trade_no).await["status"], 2);
    assert_eq!((shop.balance(&token).await, check().await.data()["limit_use"].clone()), (700, json!(1)));
    shop.adds_up().await;
}

#[tokio::test]
async fn what_a_crash_left_half_done_is_done_a_minute_later() {
    let shop = shop().await;
    let plan = shop.plan(json!({})).await;
    let token = shop.buyer("user@example.com", 1_000).await;
    let trade_no = shop.save(&token, plan, "monthly").await.data();
    // As if the process had died between paying and opening.
    shop.surface.test.execute("UPDATE panel_order SET status = 1 WHERE status = 0").await.unwrap();
    shop.minute().await;
    assert_eq!(shop.order(&token, &trade_no).await["status"], 3);
    let subscription = shop.subscription(&token).await;
    assert_eq!((&subscription["plan_id"], shop.balance(&token).await), (&json!(plan), 0));
    shop.minute().await;
    assert_eq!(shop.subscription(&token).await["expired_at"], subscription["expired_at"]);
    shop.adds_up().await;
}

#[tokio::test]
async fn a_state_file_makes_plans_and_coupons_and_removes_them() {
    let shop = shop().await;
    let file = |price: &str| {
        json!({
            "plan": [{"key": "basic", "name": "Basic", "transfer_gib": 50, "prices": {"monthly": price, "onetime": 0}}],
            "panel": {"coupon": [{"code": "HALF", "percent": 50, "plans": ["basic"], "uses": 3}]},
        })
    };
    let apply = async |file: Value| {
        let file: StateFile = serde_json::from_value(file).unwrap();
        match apply::apply(&shop.surface.test.operator(), &file, Mode::Write).await.unwrap() {
            Applied::Done(items) => items.iter().map(|item| item.change).collect::<Vec<_>>(),
            Applied::Refused(problems) => panic!("{problems:?}"),
        }
    };
    assert_eq!(apply(file("9.90")).await, [Change::Created, Change::Created]);
    assert_eq!(apply(file("9.90")).await, [Change::Unchanged, Change::Unchanged]);
    let listed = shop.surface.get("", "v1/guest/plan/fetch").await.data();
    assert_eq!((&listed[0]["month_price"], &listed[0]["onetime_price"]), (&json!(990), &json!(0)));
    let token = shop.buyer("user@example.com", 0).await;
    let plan = listed[0]["id"].as_i64().unwrap();
    let check = json!({"code": "HALF", "plan_id": plan});
    assert_eq!(shop.surface.post(&token, "v1/user/coupon/check", check).await.data()["limit_use"], 3);
    shop.buy(&token, plan, "onetime").await;
    assert_eq!(shop.subscription(&token).await["transfer_enable"], 50_i64 << 30);
    assert_eq!(apply(file("8.80")).await, [Change::Updated, Change::Unchanged]);
    let gone = json!({"panel": {"coupon": [{"code": "HALF", "state": "absent"}]}});
    assert_eq!(apply(gone).await, [Change::Removed]);
    let check = json!({"code": "HALF"});
    for _ in 0..20 {
        let answer = shop.surface.post(&token, "v1/user/coupon/check", check.clone()).await;
        assert_eq!(answer.failure(), (400, "Invalid coupon".to_owned()));
    }
    assert_eq!(shop.surface.post(&token, "v1/user/coupon/check", check).await.status, 429);
}
