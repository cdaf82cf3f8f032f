//! Whatever is ordered, cancelled, paid and changed: money is neither made nor lost.

use gatehouse_domain::{Random, ledger};
use gatehouse_model::AccountId;
use serde_json::json;

use crate::shop::{Shop, shop};

/// What people hold: balances, commissions, what orders hold of them.
async fn held(shop: &Shop, people: &[(AccountId, String)]) -> i64 {
    let mut q = shop.surface.test.app.db().read();
    let mut sum = 0;
    for (account, _) in people {
        sum += ledger::balance(&mut q, *account, "CNY").await.unwrap().0;
        sum += ledger::commission(&mut q, *account, "CNY").await.unwrap().0;
        sum += ledger::held(&mut q, *account, "CNY").await.unwrap().0;
    }
    sum
}

#[tokio::test]
async fn changing_plans_to_and_fro_makes_nobody_richer() {
    let shop = shop().await;
    let plans = [
        shop.plan(json!({"name": "A"})).await,
        shop.plan(json!({"name": "B", "prices": {"monthly": 25, "yearly": 200, "onetime": 80}})).await,
        shop.plan(json!({"name": "C", "prices": {"monthly": "3.33", "quarterly": 9, "onetime": "7.77"}})).await,
    ];
    let periods = ["monthly", "quarterly", "yearly", "onetime"];
    let dear = shop.plan(json!({"name": "D", "prices": {"monthly": 1_000_000}})).await;
    for seed in 0..6 {
        let random = Random::seeded(seed);
        let email = format!("user{seed}@example.com");
        let token = shop.buyer(&email, 100_000).await;
        for _ in 0..12 {
            let plan = plans[usize::try_from(random.below(3)).unwrap()];
            let period = periods[usize::try_from(random.below(4)).unwrap()];
            let saved = shop.save(&token, plan, period).await;
            if saved.status != 200 {
                continue;
            }
            let trade_no = saved.data();
            if random.below(4) == 0 {
                shop.cancel(&token, &trade_no).await.data();
            } else {
                assert_eq!(shop.checkout(&token, &trade_no).await.json()["type"], -1);
            }
            // What he has left and what his plan is worth are never more than he began with.
            let balance = shop.balance(&token).await;
            let look = shop.save(&token, dear, "monthly").await.data();
            let rest = shop.order(&token, &look).await["surplus_amount"].as_i64().unwrap_or(0);
            assert!(balance + rest <= 100_000, "seed {seed}: {balance} and {rest}");
            shop.cancel(&token, &look).await.data();
        }
    }
    shop.adds_up().await;
}

#[tokio::test]
async fn money_changes_only_by_what_is_paid_and_what_is_had() {
    let shop = shop().await;
    let plans = [shop.plan(json!({})).await, shop.plan(json!({"prices": {"monthly": 7, "onetime": 12}})).await];
    let mut people = Vec::new();
    for n in 0..4 {
        let email = format!("user{n}@example.com");
        let account = shop.surface.user(&email).await;
        people.push((account, shop.surface.login(&email).await));
    }
    let random = Random::seeded(7);
    for _ in 0..80 {
        let (_, token) = &people[usize::try_from(random.below(4)).unwrap()];
        let before = held(&shop, &people).await;
        let open = shop.surface.get(token, "v1/user/order/fetch?status=0").await.data();
        match open.as_array().unwrap().first() {
            None => {
                let plan = plans[usize::try_from(random.below(2)).unwrap()];
                let body = match random.below(3) {
                    0 => json!({"plan_id": 0, "period": "deposit", "deposit_amount": 1 + random.below(5_000)}),
                    1 => json!({"plan_id": plan, "period": "onetime"}),
                    _ => json!({"plan_id": plan, "period": "monthly"}),
                };
                shop.surface.post(token, "v1/user/order/save", body).await;
                assert_eq!(held(&shop, &people).await, before, "an order only holds");
            }
            Some(order) if random.below(3) == 0 => {
                shop.cancel(token, &order["trade_no"]).await.data();
                assert_eq!(held(&shop, &people).await, before, "a cancelled one gives back");
            }
            Some(order) => {
                let amount = |name: &str| order[name].as_i64().unwrap_or(0);
                shop.staff("order/paid", json!({"trade_no": order["trade_no"]})).await;
                let change = if order["type"] == 9 {
                    amount("total_amount")
                } else {
                    amount("refund_amount") - amount("balance_amount")
                };
                assert_eq!(held(&shop, &people).await, before + change, "{order}");
            }
        }
        if random.below(8) == 0 {
            shop.surface.test.advance(std::time::Duration::from_hours(24 * random.below(20)));
            shop.minute().await;
        }
    }
    shop.adds_up().await;
}
