//! How long and how much: terms, changes, rest values, resets, commissions of levels.

use std::time::Duration;

use gatehouse_model::AccountId;
use serde_json::json;

use crate::shop::{Shop, shop};

const GIB: i64 = 1 << 30;
const DAY: i64 = 86_400;

/// Lets somebody have used so many bytes.
async fn used(shop: &Shop, account: AccountId, bytes: i64) {
    let up = bytes * 100;
    let insert = format!("INSERT INTO proxy_usage (account_id, up, down, last_at) VALUES ({account}, {up}, 0, 0)");
    let _ = shop.surface.test.execute(&insert).await;
    shop.surface.test.execute(&format!("UPDATE proxy_usage SET up = {up} WHERE account_id = {account}")).await.unwrap();
}

async fn person(shop: &Shop, email: &str) -> (AccountId, String) {
    let account = shop.surface.user(email).await;
    (account, shop.surface.login(email).await)
}

async fn deposit(shop: &Shop, token: &str, amount: i64) {
    let body = json!({"plan_id": 0, "period": "deposit", "deposit_amount": amount});
    let trade_no = shop.surface.post(token, "v1/user/order/save", body).await.data();
    shop.staff("order/paid", json!({"trade_no": trade_no})).await;
}

#[tokio::test]
async fn a_renewal_adds_to_the_end_and_keeps_the_traffic() {
    let shop = shop().await;
    let plan = shop.plan(json!({})).await;
    let (account, token) = person(&shop, "user@example.com").await;
    deposit(&shop, &token, 100_000).await;
    shop.buy(&token, plan, "monthly").await;
    let first = shop.subscription(&token).await["expired_at"].as_i64().unwrap();
    used(&shop, account, 5 * GIB).await;
    let trade_no = shop.buy(&token, plan, "month_price").await;
    assert_eq!(shop.order(&token, &trade_no).await["type"], 2);
    let subscription = shop.subscription(&token).await;
    let days = (subscription["expired_at"].as_i64().unwrap() - first) / DAY;
    assert!((28..=31).contains(&days), "{days}");
    assert_eq!(subscription["u"], 5 * GIB);
    // Bought anew after its end, it begins without traffic.
    shop.surface.test.advance(Duration::from_hours(24 * 70));
    let trade_no = shop.buy(&token, plan, "monthly").await;
    assert_eq!(shop.order(&token, &trade_no).await["type"], 1);
    assert_eq!(shop.subscription(&token).await["u"], 0);
}

#[tokio::test]
async fn a_reset_package_sets_traffic_to_nothing_and_nothing_else() {
    let shop = shop().await;
    let plan = shop.plan(json!({})).await;
    let (account, token) = person(&shop, "user@example.com").await;
    deposit(&shop, &token, 100_000).await;
    shop.buy(&token, plan, "monthly").await;
    used(&shop, account, 5 * GIB).await;
    let before = shop.subscription(&token).await;
    let trade_no = shop.buy(&token, plan, "reset_price").await;
    assert_eq!(shop.order(&token, &trade_no).await["type"], 4);
    let after = shop.subscription(&token).await;
    assert_eq!((&after["u"], &after["expired_at"]), (&json!(0), &before["expired_at"]));
}

#[tokio::test]
async fn a_plan_without_end_never_expires_and_is_never_reset() {
    let shop = shop().await;
    let plan = shop.plan(json!({})).await;
    let (account, token) = person(&shop, "user@example.com").await;
    deposit(&shop, &token, 100_000).await;
    shop.buy(&token, plan, "onetime").await;
    let subscription = shop.subscription(&token).await;
    assert!(subscription["expired_at"].is_null() && subscription["next_reset_at"].is_null());
    assert!(subscription["reset_day"].is_null());
    // Half of it is used: half of what it cost is left.
    used(&shop, account, 50 * GIB).await;
    let other = shop.plan(json!({"prices": {"monthly": 10}})).await;
    let trade_no = shop.save(&token, other, "monthly").await.data();
    let order = shop.order(&token, &trade_no).await;
    assert_eq!((&order["type"], &order["surplus_amount"]), (&json!(3), &json!(2_500)));
    assert_eq!((&order["refund_amount"], &order["total_amount"]), (&json!(1_500), &json!(0)));
    let before = shop.balance(&token).await;
    shop.checkout(&token, &trade_no).await.json();
    assert_eq!(shop.balance(&token).await, before + 1_500);
    let subscription = shop.subscription(&token).await;
    assert_eq!((&subscription["u"], &subscription["plan_id"]), (&json!(0), &json!(other)));
    let orders = shop.surface.get(&token, "v1/user/order/fetch").await.data();
    assert_eq!(orders[1]["status"], 4);
    shop.adds_up().await;
}

#[tokio::test]
async fn what_is_left_of_a_term_pays_for_the_next_plan() {
    let shop = shop().await;
    let (small, large) = (shop.plan(json!({})).await, shop.plan(json!({"prices": {"yearly": 300}})).await);
    let (_, token) = person(&shop, "user@example.com").await;
    deposit(&shop, &token, 9_990).await;
    shop.buy(&token, small, "yearly").await;
    let trade_no = shop.save(&token, large, "year_price").await.data();
    let order = shop.order(&token, &trade_no).await;
    assert_eq!((&order["surplus_amount"], &order["total_amount"]), (&json!(9_990), &json!(20_010)));
    assert_eq!(order["surplus_orders"][0]["plan_id"], small);
    shop.cancel(&token, &trade_no).await.data();
    // Half of the year later half of it is left.
    shop.surface.test.advance(Duration::from_hours(24 * 365 / 2));
    let trade_no = shop.save(&token, large, "yearly").await.data();
    let surplus = shop.order(&token, &trade_no).await["surplus_amount"].as_i64().unwrap();
    assert!((4_980..=5_010).contains(&surplus), "{surplus}");
    shop.cancel(&token, &trade_no).await.data();
    shop.set(json!({"surplus_enable": 0})).await;
    let trade_no = shop.save(&token, large, "yearly").await.data();
    assert!(shop.order(&token, &trade_no).await["surplus_amount"].is_null());
    shop.cancel(&token, &trade_no).await.data();
    shop.set(json!({"plan_change_enable": 0})).await;
    let refused = shop.save(&token, large, "yearly").await.failure();
    assert_eq!(
        refused,
        (400, "Changing the subscription is not allowed now, please contact support or open a ticket".to_owned())
    );
}

#[tokio::test]
async fn traffic_is_set_to_nothing_once_when_its_time_comes() {
    let shop = shop().await;
    let plan = shop.plan(json!({"reset_traffic_method": 1})).await;
    let (account, token) = person(&shop, "user@example.com").await;
    deposit(&shop, &token, 100_000).await;
    shop.buy(&token, plan, "quarterly").await;
    used(&shop, account, GIB).await;
    let subscription = shop.subscription(&token).await;
    let days = subscription["reset_day"].as_i64().unwrap();
    assert!((28..=31).contains(&days), "{days}");
    shop.minute().await;
    assert_eq!(shop.subscription(&token).await["u"], GIB);
    shop.surface.test.advance(Duration::from_hours(24 * u64::try_from(days).unwrap()));
    shop.minute().await;
    let after = shop.subscription(&token).await;
    assert_eq!(after["u"], 0);
    assert!(after["next_reset_at"].as_i64() > subscription["next_reset_at"].as_i64());
    used(&shop, account, GIB).await;
    shop.minute().await;
    assert_eq!(shop.subscription(&token).await["u"], GIB, "once");
    // Another method counts for who holds the plan.
    shop.staff("plan/save", json!({"id": plan, "reset_traffic_method": 2})).await;
    assert!(shop.subscription(&token).await["next_reset_at"].is_null());
    shop.staff("plan/save", json!({"id": plan, "transfer_enable": 7, "force_update": 1})).await;
    assert_eq!(shop.subscription(&token).await["transfer_enable"], 7 * GIB);
}

#[tokio::test]
async fn three_levels_earn_and_loops_end() {
    let shop = shop().await;
    shop.set(
        json!({"commission_distribution_enable": 1, "commission_distribution_l1": 50, "commission_distribution_l2": 30,
        "commission_distribution_l3": 20, "invite_commission": 20, "commission_first_time_enable": 0}),
    )
    .await;
    let plan = shop.plan(json!({})).await;
    let mut people = Vec::new();
    for name in ["buyer", "one", "two", "three", "four"] {
        people.push(person(&shop, &format!("{name}@example.com")).await);
    }
    let invite = async |buyer: usize, inviter: usize| {
        let (buyer, inviter) = (people[buyer].0, people[inviter].0);
        let update = format!("UPDATE proxy_pass SET inviter_id = {inviter} WHERE account_id = {buyer}");
        shop.surface.test.execute(&update).await.unwrap();
    };
    for n in 0..4 {
        invite(n, n + 1).await;
    }
    let earned = async || {
        let mut sums = Vec::new();
        for (_, token) in &people {
            sums.push(shop.info(token).await["commission_balance"].as_i64().unwrap());
        }
        sums
    };
    let pay_out = async || {
        shop.surface.test.advance(Duration::from_hours(73));
        shop.minute().await;
        shop.minute().await;
    };
    shop.buy(&people[0].1, plan, "monthly").await;
    pay_out().await;
    assert_eq!(earned().await, [0, 100, 60, 40, 0]);
    // Two people who invited each other, and then the buyer himself.
    invite(1, 0).await;
    shop.buy(&people[0].1, plan, "monthly").await;
    pay_out().await;
    assert_eq!(earned().await, [0, 200, 60, 40, 0]);
    shop.set(json!({"withdraw_close_enable": 1})).await;
    shop.buy(&people[0].1, plan, "monthly").await;
    pay_out().await;
    assert_eq!((earned().await[1], shop.balance(&people[1].1).await), (200, 100));
    shop.adds_up().await;
}

#[tokio::test]
async fn staff_order_for_people_and_see_it_in_lists() {
    let shop = shop().await;
    let plan = shop.plan(json!({})).await;
    let (_, token) = person(&shop, "user@example.com").await;
    let wanted = json!({"email": "user@example.com", "plan_id": plan, "period": "monthly", "total_amount": 500});
    let trade_no = shop.staff("order/assign", wanted.clone()).await;
    let again = shop.surface.post(&shop.admin, "v2/{sp}/order/assign", wanted).await;
    assert_eq!(again.status, 400);
    shop.staff("order/paid", json!({"trade_no": trade_no})).await;
    let twice = shop.surface.post(&shop.admin, "v2/{sp}/order/paid", json!({"trade_no": trade_no})).await;
    assert_eq!(twice.failure(), (400, "Only pending orders can be changed".to_owned()));
    assert_eq!(shop.subscription(&token).await["plan_id"], plan);
    let order = shop.order(&token, &trade_no).await;
    assert_eq!((&order["callback_no"], &order["total_amount"]), (&json!("manual_operation"), &json!(500)));
    let list = async |filter: serde_json::Value| {
        let body = json!({"filter": filter, "sort": [{"id": "total_amount", "desc": true}], "pageSize": 5});
        shop.surface.post(&shop.admin, "v2/{sp}/order/fetch", body).await
    };
    for filter in [
        json!([{"id": "email", "value": "USER@ex"}]),
        json!([{"id": "status", "value": [3, 4]}, {"id": "total_amount", "value": "gte:500"}]),
        json!([{"id": "trade_no", "value": trade_no}, {"id": "paid_at", "value": "notnull:"}]),
    ] {
        let found = list(filter.clone()).await.json();
        assert_eq!(
            (&found["total"], &found["last_page"], &found["per_page"]),
            (&json!(1), &json!(1), &json!(5)),
            "{filter}"
        );
        assert_eq!(found["data"][0]["trade_no"], trade_no);
    }
    assert_eq!(list(json!([{"id": "status", "value": "eq:2"}])).await.json()["total"], 0);
    for filter in [json!([{"id": "password_hash", "value": "a"}]), json!([{"id": "status; --", "value": "a"}])] {
        assert_eq!(list(filter).await.status, 422);
    }
    let drop = shop.surface.post(&shop.admin, "v2/{sp}/plan/drop", json!({"id": plan})).await;
    assert_eq!(drop.failure(), (400, "The plan is in use by orders or users".to_owned()));
    let unused = shop.plan(json!({})).await;
    assert_eq!(shop.staff("plan/drop", json!({"id": unused})).await, true);
}

#[tokio::test]
async fn many_coupons_come_as_a_file() {
    let shop = shop().await;
    let many = json!({"name": "=cmd", "type": 1, "value": 150, "started_at": 1, "ended_at": 9_999_999_999_i64,
        "generate_count": 3, "limit_plan_ids": [1, "2"], "limit_period": ["month_price"]});
    let file = shop.surface.post(&shop.admin, "v2/{sp}/coupon/generate", many).await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    let text = file.text();
    assert_eq!(text.lines().count(), 4);
    assert!(text.lines().skip(1).all(|line| line.starts_with("'=cmd,amount,1.50,")), "{text}");
    let found = shop.surface.get(&shop.admin, "v2/{sp}/coupon/fetch").await.json();
    assert_eq!(found["total"], 3);
    assert_eq!(found["data"][0]["limit_plan_ids"], json!(["1", "2"]));
    assert_eq!(found["data"][0]["limit_period"], json!(["month_price"]));
    for wrong in
        [json!({"value": 101}), json!({"value": 0}), json!({"type": 3}), json!({"ended_at": 0}), json!({"name": ""})]
    {
        let mut body = json!({"name": "c", "type": 2, "value": 10, "started_at": 1, "ended_at": 2});
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!(shop.surface.post(&shop.admin, "v2/{sp}/coupon/generate", body).await.status, 422, "{wrong}");
    }
}
