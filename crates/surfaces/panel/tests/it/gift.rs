//! Gift cards: what staff make, and what people get of them.

use std::{sync::Arc, time::Duration};

use gatehouse_domain::Settings;
use gatehouse_model::AccountId;
use gatehouse_testkit::Engine;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Surface, on, surface};

const ADMIN: &str = "v2/{sp}/gift-card";
const USER: &str = "v1/user/gift-card";

/// Makes a template and so many codes of it; gives template and codes.
async fn cards(surface: &Surface, staff: &str, template: Value, count: i64, max_usage: i64) -> (Value, Vec<String>) {
    surface.post(staff, &format!("{ADMIN}/create-template"), template).await.data();
    let id = surface.get(staff, &format!("{ADMIN}/templates")).await.json()["data"][0]["id"].clone();
    let body = json!({"template_id": id, "count": count, "max_usage": max_usage});
    let made = surface.post(staff, &format!("{ADMIN}/generate-codes"), body).await.data();
    assert_eq!(made["count"], count);
    let batch = made["batch_id"].as_str().unwrap();
    let listed = surface.get(staff, &format!("{ADMIN}/codes?batch_id={batch}&per_page=500")).await.json();
    let codes = listed["data"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap().to_owned());
    (id, codes.collect())
}

fn general(rewards: &Value) -> Value {
    json!({"name": "Welcome", "type": 1, "rewards": rewards})
}

async fn redeem(surface: &Surface, token: &str, code: &str) -> (u16, Value) {
    let answer = surface.post(token, &format!("{USER}/redeem"), json!({"code": code})).await;
    (answer.status, if answer.status == 200 { answer.data() } else { json!(answer.failure().1) })
}

/// Plan 901 of group 901.
async fn plan(surface: &Surface) {
    for statement in [
        "INSERT INTO node_group (id, name, created_at, updated_at) VALUES (901, 'gift', 1, 1)",
        "INSERT INTO plan (id, name, tags, node_group_id, transfer_gib, device_limit, is_shown, is_sold, is_renewable, created_at, \
         updated_at) VALUES (901, 'Gifted', '[]', 901, 100, 2, TRUE, TRUE, TRUE, 1, 1)",
    ] {
        surface.test.execute(statement).await.unwrap();
    }
}

async fn subscribe(surface: &Surface, user: AccountId, until: &str) {
    let sql = format!(
        "UPDATE proxy_pass SET plan_id = 901, node_group_id = 901, quota = 1000, device_limit = 2, expires_at = {until} \
         WHERE account_id = {user}"
    );
    surface.test.execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_card_is_checked_redeemed_and_noted_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let user = surface.user("user@example.com").await;
        surface.user("other@example.com").await;
        let (token, other) = (surface.login("user@example.com").await, surface.login("other@example.com").await);
        let staff = surface.staff("staff@example.com", &["panel.giftcard"]).await;
        let (_, codes) = cards(&surface, &staff, general(&json!({"balance": 500})), 2, 1).await;
        let code = &codes[0];
        assert!(code.len() == 14 && code.starts_with("GC"), "{code}");
        let checked = surface.post(&token, &format!("{USER}/check"), json!({"code": code})).await.data();
        let expected = json!({
            "code_info": {"code": code, "template": {"name": "Welcome", "description": null, "type": 1,
                "type_name": "General gift card", "icon": null, "background_image": null, "theme_color": "#1890ff"},
                "status": 0, "status_name": "Unused", "expires_at": null, "usage_count": 0, "max_usage": 1},
            "reward_preview": {"balance": 500}, "can_redeem": true, "reason": null,
        });
        assert_eq!(checked, expected, "{engine:?}");
        let done = redeem(&surface, &token, &code.to_lowercase()).await;
        let got = json!({"message": "Redeemed!", "rewards": {"balance": 500}, "invite_rewards": null, "template_name": "Welcome"});
        assert_eq!(done, (200, got), "{engine:?}");
        assert_eq!(surface.get(&token, "v1/user/info").await.data()["balance"], 500);
        let used = (400, json!("The gift card code cannot be used: used"));
        assert_eq!(redeem(&surface, &token, code).await, used);
        assert_eq!(redeem(&surface, &other, code).await, used);
        assert_eq!(surface.get(&other, "v1/user/info").await.data()["balance"], 0);

        let history = surface.get(&token, &format!("{USER}/history")).await.json();
        let row = &history["data"][0];
        assert_eq!(row["code"], format!("{}****", &code[..8]));
        assert_eq!((&row["rewards_given"], &row["multiplier_applied"]), (&json!({"balance": 500}), &json!(1.0)));
        let pages = json!({"current_page": 1, "last_page": 1, "per_page": 15, "total": 1});
        assert_eq!((history.as_object().unwrap().len(), &history["pagination"]), (2, &pages));
        let id = row["id"].clone();
        let detail = surface.get(&token, &format!("{USER}/detail?id={id}")).await.data();
        assert_eq!((&detail["code"], &detail["invite_user"]), (&json!(code), &json!(null)));
        for (whose, id) in [(&other, id.to_string()), (&token, "999".to_owned()), (&token, "x".to_owned())] {
            let missing = surface.get(whose, &format!("{USER}/detail?id={id}")).await.failure();
            assert_eq!(missing, (404, "The record does not exist".to_owned()));
        }
        let usages = surface.get(&staff, &format!("{ADMIN}/usages?user_id={user}")).await.json();
        assert_eq!((&usages["total"], &usages["data"][0]["user_email"]), (&json!(1), &json!("user@example.com")));
        let counted = surface.get(&staff, &format!("{ADMIN}/statistics")).await.data();
        let totals = json!({"templates_count": 1, "active_templates_count": 1, "codes_count": 2, "used_codes_count": 1,
            "usages_count": 1});
        assert_eq!(counted["total_stats"], totals);
        assert_eq!((&counted["daily_usages"][0]["count"], &counted["type_stats"][0]["count"]), (&json!(1), &json!(1)));
    }
}

#[tokio::test]
async fn of_twenty_redemptions_at_once_one_counts() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = Arc::new(on(engine, Settings::default()).await);
        let mut tokens = Vec::new();
        for number in 0..4 {
            let email = format!("user{number}@example.com");
            surface.user(&email).await;
            tokens.push(surface.login(&email).await);
        }
        let staff = surface.staff("staff@example.com", &["panel.giftcard"]).await;
        let (_, codes) = cards(&surface, &staff, general(&json!({"balance": 700})), 1, 1).await;
        let mut attempts = JoinSet::new();
        for number in 0..20 {
            let (surface, token, code) = (Arc::clone(&surface), tokens[number % 4].clone(), codes[0].clone());
            attempts.spawn(async move { redeem(&surface, &token, &code).await.0 });
        }
        let statuses = attempts.join_all().await;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{engine:?}: {statuses:?}");
        assert!(statuses.iter().all(|status| [200, 400].contains(status)), "{engine:?}: {statuses:?}");
        let mut sum = 0;
        for token in &tokens {
            sum += surface.get(token, "v1/user/info").await.data()["balance"].as_i64().unwrap();
        }
        assert_eq!(sum, 700, "{engine:?}");
    }
}

#[tokio::test]
async fn people_that_invited_each_other_redeem_at_once() {
    let surface = Arc::new(on(Engine::Postgres, Settings::default()).await);
    let (one, two) = (surface.user("one@example.com").await, surface.user("two@example.com").await);
    for (user, inviter) in [(one, two), (two, one)] {
        let sql = format!("UPDATE proxy_pass SET inviter_id = {inviter} WHERE account_id = {user}");
        surface.test.execute(&sql).await.unwrap();
    }
    let tokens = [surface.login("one@example.com").await, surface.login("two@example.com").await];
    let staff = surface.staff("staff@example.com", &["panel.giftcard"]).await;
    let (_, codes) = cards(&surface, &staff, general(&json!({"balance": 1_000})), 16, 1).await;
    let mut attempts = JoinSet::new();
    for (number, code) in codes.into_iter().enumerate() {
        let (surface, token) = (Arc::clone(&surface), tokens[number % 2].clone());
        attempts.spawn(async move { redeem(&surface, &token, &code).await });
    }
    for (status, body) in attempts.join_all().await {
        assert_eq!(status, 200, "{body}");
    }
    for token in &tokens {
        // Eight of his own, and a fifth of eight of the other's.
        assert_eq!(surface.get(token, "v1/user/info").await.data()["balance"], 8 * 1_000 + 8 * 200);
    }
}

#[tokio::test]
async fn a_card_gives_all_that_it_says() {
    let surface = surface().await;
    let inviter = surface.user("inviter@example.com").await;
    let user = surface.user("user@example.com").await;
    surface
        .test
        .execute(&format!("UPDATE proxy_pass SET inviter_id = {inviter} WHERE account_id = {user}"))
        .await
        .unwrap();
    surface.test.execute("UPDATE proxy_pass SET quota = 0").await.unwrap();
    plan(&surface).await;
    let (token, host) = (surface.login("user@example.com").await, surface.login("inviter@example.com").await);
    let staff = surface.staff("staff@example.com", &["panel.giftcard"]).await;
    let rewards = json!({"balance": 1_000, "transfer_enable": 5_000, "device_limit": 3, "expire_days": 30, "reset_package": true,
        "invite_reward_rate": 0.1});
    let (_, codes) = cards(&surface, &staff, general(&rewards), 2, 1).await;
    let unfit = (400, json!("You do not meet the conditions of this gift card"));
    assert_eq!(redeem(&surface, &token, &codes[0]).await, unfit, "without a plan there is nothing to add to");
    let now = surface.test.app.now().0;
    subscribe(&surface, user, &(now + 86_400_000).to_string()).await;
    surface
        .test
        .execute(&format!("INSERT INTO proxy_usage (account_id, up, down, last_at) VALUES ({user}, 500, 600, 1)"))
        .await
        .unwrap();
    let (status, got) = redeem(&surface, &token, &codes[0]).await;
    assert_eq!((status, &got["invite_rewards"]), (200, &json!({"balance": 100, "transfer_enable": 500})));
    let after = surface.get(&token, "v1/user/getSubscribe").await.data();
    assert_eq!((&after["transfer_enable"], &after["device_limit"]), (&json!(6_000), &json!(5)));
    assert_eq!(after["expired_at"], (now + 31 * 86_400_000) / 1_000);
    assert_eq!((&after["u"], &after["d"]), (&json!(0), &json!(0)));
    assert_eq!(surface.get(&token, "v1/user/info").await.data()["balance"], 1_000);
    assert_eq!(surface.get(&host, "v1/user/info").await.data()["balance"], 100);
    assert_eq!(surface.get(&host, "v1/user/getSubscribe").await.data()["transfer_enable"], 500);
    let id = surface.get(&token, &format!("{USER}/history")).await.json()["data"][0]["id"].clone();
    let detail = surface.get(&token, &format!("{USER}/detail?id={id}")).await.data();
    assert_eq!(detail["invite_user"], json!({"id": inviter, "email": "inv***@example.com"}));
    assert_eq!(detail["plan_id_at_use"], 901);
}

#[tokio::test]
async fn a_plan_card_makes_a_subscriber_and_refuses_one() {
    let surface = surface().await;
    let user = surface.user("user@example.com").await;
    plan(&surface).await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.giftcard"]).await;
    let special = json!({"start_time": 1, "end_time": 1_i64 << 39, "festival_bonus": 2});
    let template = json!({"name": "Plan", "type": 2, "rewards": {"plan_id": 901, "plan_validity_days": 31, "balance": 10},
        "special_config": special});
    let (_, codes) = cards(&surface, &staff, template.clone(), 2, 1).await;
    let checked = surface.post(&token, &format!("{USER}/check"), json!({"code": codes[0]})).await.data();
    assert_eq!(checked["code_info"]["plan_info"]["name"], "Gifted");
    assert_eq!(checked["reward_preview"], json!({"balance": 20, "plan_id": 901, "plan_validity_days": 31}));
    let now = surface.test.app.now().0 / 1_000;
    assert_eq!(redeem(&surface, &token, &codes[0]).await.0, 200);
    let got = surface.get(&token, "v1/user/getSubscribe").await.data();
    assert_eq!((&got["plan_id"], &got["expired_at"]), (&json!(901), &json!(now + 31 * 86_400)));
    assert_eq!((&got["transfer_enable"], &got["device_limit"]), (&json!(100_i64 << 30), &json!(2)));
    assert_eq!(surface.get(&token, "v1/user/info").await.data()["balance"], 20, "only money is multiplied");
    assert_eq!(redeem(&surface, &token, &codes[1]).await.0, 400);
    surface.test.execute(&format!("UPDATE proxy_pass SET expires_at = 1 WHERE account_id = {user}")).await.unwrap();
    assert_eq!(redeem(&surface, &token, &codes[1]).await.0, 200);
    for wrong in [json!({"plan_id": 777, "plan_validity_days": 1}), json!({"plan_id": 901}), json!({"balance": 5})] {
        let mut body = template.clone();
        body["rewards"] = wrong;
        assert_eq!(surface.post(&staff, &format!("{ADMIN}/create-template"), body).await.status, 422);
    }
}

#[tokio::test]
async fn a_mystery_card_gives_one_of_its_rewards() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.giftcard"]).await;
    let random = json!([{"weight": 1, "balance": 1}, {"weight": 1, "balance": 10}, {"weight": 0, "balance": 100_000}]);
    let template = json!({"name": "Box", "type": 3, "rewards": {"random_rewards": random}});
    let (_, codes) = cards(&surface, &staff, template, 40, 1).await;
    let mut won = std::collections::BTreeMap::new();
    for code in &codes {
        let (_, got) = redeem(&surface, &token, code).await;
        *won.entry(got["rewards"]["balance"].as_i64().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(won.keys().copied().collect::<Vec<_>>(), [1, 10], "{won:?}");
    let sum: i64 = won.iter().map(|(amount, count)| amount * count).sum();
    assert_eq!(surface.get(&token, "v1/user/info").await.data()["balance"], sum);
}

#[tokio::test]
async fn conditions_and_limits_count() {
    let surface = surface().await;
    let user = surface.user("user@example.com").await;
    plan(&surface).await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.giftcard"]).await;
    let unfit = (400, json!("You do not meet the conditions of this gift card"));
    let often = (400, json!("You have reached the limit of this gift card"));
    for conditions in [json!({"require_invite": true}), json!({"paid_user_only": 1}), json!({"allowed_plans": [901]})] {
        let mut template = general(&json!({"balance": 1}));
        template["conditions"] = conditions.clone();
        let (_, codes) = cards(&surface, &staff, template, 1, 1).await;
        assert_eq!(redeem(&surface, &token, &codes[0]).await, unfit, "{conditions}");
        let checked = surface.post(&token, &format!("{USER}/check"), json!({"code": codes[0]})).await.data();
        assert_eq!((&checked["can_redeem"], &checked["reason"]), (&json!(false), &unfit.1));
        if conditions.get("allowed_plans").is_some() {
            subscribe(&surface, user, "NULL").await;
            assert_eq!(redeem(&surface, &token, &codes[0]).await.0, 200);
        }
    }
    let mut template = general(&json!({"balance": 1}));
    template["limits"] = json!({"max_use_per_user": 2, "cooldown_hours": 1});
    // A shared card may be used while it is not used up.
    let (_, codes) = cards(&surface, &staff, template, 1, 5).await;
    assert_eq!(redeem(&surface, &token, &codes[0]).await.0, 200);
    assert_eq!(redeem(&surface, &token, &codes[0]).await, often);
    surface.test.advance(Duration::from_hours(2));
    assert_eq!(redeem(&surface, &token, &codes[0]).await.0, 200);
    surface.test.advance(Duration::from_hours(2));
    assert_eq!(redeem(&surface, &token, &codes[0]).await, often);
    let mut template = general(&json!({"balance": 1}));
    template["conditions"] = json!({"new_user_only": true, "new_user_max_days": 3});
    let (_, codes) = cards(&surface, &staff, template, 2, 1).await;
    assert_eq!(redeem(&surface, &token, &codes[0]).await.0, 200);
    surface.test.advance(Duration::from_hours(24 * 4));
    assert_eq!(redeem(&surface, &token, &codes[1]).await, unfit);
}

#[tokio::test]
async fn unknown_codes_may_be_tried_twenty_times() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    for (code, status) in [("short", 422), ("", 422), ("x".repeat(33).as_str(), 422)] {
        assert_eq!(redeem(&surface, &token, code).await.0, status);
    }
    for number in 0..20 {
        let path = if number % 2 == 0 { "check" } else { "redeem" };
        let body = json!({"code": format!("GC{number:012}")});
        let unknown = surface.post(&token, &format!("{USER}/{path}"), body).await.failure();
        assert_eq!(unknown, (400, "The gift card code does not exist".to_owned()));
    }
    assert_eq!(redeem(&surface, &token, "GC0123456789AB").await.0, 429);
    surface.test.advance(Duration::from_mins(11));
    assert_eq!(redeem(&surface, &token, "GC0123456789AB").await.0, 400);
}

#[tokio::test]
async fn staff_manage_templates_and_codes() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.giftcard"]).await;
    let post = async |what: &str, body: Value| surface.post(&staff, &format!("{ADMIN}/{what}"), body).await;
    for (field, value) in [
        ("name", json!("")),
        ("type", json!(4)),
        ("rewards", json!({})),
        ("rewards", json!({"balance": -5})),
        ("rewards", json!("[")),
        ("theme_color", json!("red")),
        ("background_image", json!("javascript:alert(1)")),
        ("conditions", json!([1])),
        ("limits", json!({"cooldown_hours": -1})),
        ("special_config", json!({"festival_bonus": "1.234"})),
    ] {
        let mut body = general(&json!({"balance": 1}));
        body[field] = value.clone();
        assert_eq!(post("create-template", body).await.status, 422, "{field} {value}");
    }
    let (id, codes) = cards(&surface, &staff, general(&json!({"balance": 1})), 3, 1).await;
    for (field, value) in
        [("count", 0), ("count", 10_001), ("max_usage", 0), ("max_usage", 1_001), ("expires_hours", 0)]
    {
        let mut body = json!({"template_id": id, "count": 1});
        body[field] = json!(value);
        assert_eq!(post("generate-codes", body).await.status, 422, "{field} {value}");
    }
    for prefix in ["gc", "A-B", "ABCDEFGHIJK", "礼"] {
        assert_eq!(post("generate-codes", json!({"template_id": id, "count": 1, "prefix": prefix})).await.status, 422);
    }
    assert_eq!(post("generate-codes", json!({"template_id": 999, "count": 1})).await.status, 400);
    let file =
        post("generate-codes", json!({"template_id": id, "count": 2_500, "prefix": "VIP", "download_csv": 1})).await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(file.text().lines().count(), 2_501);
    assert!(file.text().lines().nth(1).unwrap().starts_with("VIP"));

    let listed = surface.get(&staff, &format!("{ADMIN}/codes?template_id={id}&code={}", codes[0])).await.json();
    let code = listed["data"][0]["id"].clone();
    assert_eq!(post("toggle-code", json!({"id": code, "action": "disable"})).await.data(), true);
    let off = (400, json!("The gift card code cannot be used: disabled"));
    assert_eq!(redeem(&surface, &token, &codes[0]).await, off);
    post("toggle-code", json!({"id": code, "action": "enable"})).await.data();
    post("update-code", json!({"id": code, "expires_at": 1})).await.data();
    let expired = (400, json!("The gift card code cannot be used: expired"));
    assert_eq!(redeem(&surface, &token, &codes[0]).await, expired);
    post("update-code", json!({"id": code, "expires_at": null})).await.data();
    post("update-template", json!({"id": id, "status": 0})).await.data();
    let off = (400, json!("This gift card is switched off"));
    assert_eq!(redeem(&surface, &token, &codes[0]).await, off);
    post("update-template", json!({"id": id, "status": 1, "name": "Renamed"})).await.data();
    assert_eq!(redeem(&surface, &token, &codes[0]).await.1["template_name"], "Renamed");
    let used = post("delete-code", json!({"id": code})).await.failure();
    assert_eq!(used, (400, "A gift card that was used cannot be deleted".to_owned()));
    let kept = post("delete-template", json!({"id": id})).await.failure();
    assert_eq!(kept, (400, "The gift card template has codes and cannot be deleted".to_owned()));
    for (what, body) in [
        ("toggle-code", json!({"id": 99_999, "action": "enable"})),
        ("update-code", json!({"id": 99_999})),
        ("delete-code", json!({"id": 99_999})),
        ("update-template", json!({"id": 99_999})),
        ("delete-template", json!({"id": 99_999})),
    ] {
        assert_eq!(post(what, body).await.status, 400, "{what}");
        assert_eq!(post(what, json!({"action": "enable"})).await.status, 422, "{what}: no id is no first row");
    }
    let types = surface.get(&staff, &format!("{ADMIN}/types")).await.data();
    assert_eq!(types["types"]["3"], "Mystery gift card");
    let audit = gatehouse_domain::audit::list(&surface.test.operator(), None, None, 200).await.unwrap();
    assert!(codes.iter().all(|code| audit.iter().all(|row| !format!("{row:?}").contains(code.as_str()))));
}
