//! specs/billing.md §5, §5.9: lists for staff, and how far they reach.

use gatehouse_domain::{Settings, settings::Envelope};
use gatehouse_model::Money;
use serde_json::{Value, json};

use crate::support::{PASSWORD, surface, with};

const READ: [&str; 2] = ["billing.access", "billing.subscriber.read"];

fn uids(users: &Value) -> Vec<i64> {
    users.as_array().unwrap().iter().map(|user| user["uid"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn all_subscribers_are_listed_by_number_in_every_envelope() {
    for envelope in [Envelope::Both, Envelope::Root, Envelope::Nested] {
        let mut settings = Settings::default();
        settings.billing.api.envelope = envelope;
        let surface = with(settings).await;
        let admin = surface.admin().await;
        let nobody = surface.get(&admin, "a=api_users").await.json();
        let list = |answer: &Value| {
            if envelope == Envelope::Nested { answer["result"]["users"].clone() } else { answer["users"].clone() }
        };
        assert_eq!(list(&nobody), json!([]));
        // More than a page.
        surface
            .execute(
                "INSERT INTO billing_group (name, property, limit_balance, created_at, updated_at) VALUES ('all', '', 0, 0, 0);
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 450) \
                 INSERT INTO account (id, login, is_enabled, is_protected, origin, must_change_password, epoch, seal_ref, created_at, updated_at) \
                 SELECT 1000 + n, 'u' || n, 1, 0, 'state', 0, 0, '', 0, 0 FROM n;
                 INSERT INTO subscriber_pass (account_id, uid, billing_group_id, contract, full_name, comment, limit_balance, block_if_limit, \
                 discount, cstate, cstate_at, is_always_on, admin_block, admin_block_why, debt_block, seal_ref, created_at, updated_at) \
                 SELECT id, 3000 - id, (SELECT MIN(id) FROM billing_group), '', '', '', 0, 1, 0, 0, 0, 0, 0, '', 0, '', 0, 0 FROM account WHERE id > 1000;",
            )
            .await;
        let answer = surface.get(&admin, "a=api_users").await.json();
        let users = list(&answer);
        assert_eq!(uids(&users), (1_550..2_000).collect::<Vec<_>>());
        match envelope {
            Envelope::Both => assert_eq!(answer["users"], answer["result"]["users"]),
            Envelope::Root => assert_eq!(answer["result"], "ok"),
            Envelope::Nested => assert!(answer.get("users").is_none()),
        }
        let some = async |query: &str| uids(&list(&surface.get(&admin, &format!("a=api_users&{query}")).await.json()));
        assert_eq!(some("limit=3").await, [1_550, 1_551, 1_552]);
        assert_eq!(some("limit=2&start=400").await, [1_950, 1_951]);
        assert_eq!(some("start=449").await, [1_999]);
        assert_eq!(some("uid=1600").await, [1_600]);
        assert_eq!(some("uid=1").await, [0; 0]);
        assert_eq!(some("limit=210").await.len(), 210);
        for query in ["limit=-1", "start=x", "uid=1.5", "grp=%27"] {
            assert_eq!(surface.get(&admin, &format!("a=api_users&{query}")).await.code(), "bad_request", "{query}");
        }
    }
}

#[tokio::test]
async fn a_user_of_the_list_shows_what_the_seed_names() {
    let surface = surface().await;
    let (account, uid) = surface.subscriber("test").await;
    surface.pay(account, Money(100), "").await;
    surface
        .execute(&format!(
            "INSERT INTO billing_service (id, module, category, title, description, price, period_mode, period_seconds, is_auto_renew, \
             is_no_renew, is_multiple, is_discountable, is_funds_checked, tags, param, created_at, updated_at) VALUES \
             (33, 'unlim', '', '50 Mb', '', 1000, 'month', 0, 1, 0, 0, 1, 1, '', '{{}}', 0, 0);
             INSERT INTO billing_subscription (id, account_id, billing_service_id, next_service_id, state, start_at, end_at, anchor_at, \
             finish_count, created_at, updated_at) VALUES (1537, {account}, 33, 33, 'active', 0, NULL, 0, 1, 0, 0);
             INSERT INTO billing_field (id, name, title, section, type, flags, param, comment, is_staff_only, created_at, updated_at) \
             VALUES (1, '_street', '[01] Street', '', 'str_one', '', '', '', 0, 0, 0), (3, '_pin', 'Pin', '', 'pass', '', '', '', 0, 0, 0);
             INSERT INTO billing_field_value (billing_field_id, account_id, value, value_sealed, seal_ref) \
             VALUES (1, {account}, 'Main', NULL, ''), (3, {account}, NULL, 'v1.x', '');
             INSERT INTO subscriber_activity (account_id, last_auth_at, month, up, down) VALUES ({account}, 5000, 0, 0, 0);"
        ))
        .await;
    let admin = surface.admin().await;
    let answer = surface.get(&admin, "a=api_users").await;
    let user = &answer.json()["users"][0];
    assert_eq!(user["dopdata"], json!({ "_street": "Main", "_pin": "" }));
    assert_eq!((&user["last_traf"], &user["last_auth"]), (&Value::Null, &json!("5")));
    let service = &user["services"][0];
    assert_eq!(
        (&service["next_title"], &service["next_service_id"], &service["set_next_time"]),
        (&json!("50 Mb"), &json!("33"), &Value::Null)
    );
    assert_eq!((&user["uid"], &user["balance"]), (&json!(uid.to_string()), &json!("1.00")));
    for name in ["traf", "in1", "ips", "passwd", "password"] {
        assert!(user.get(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn staff_reach_the_groups_of_their_roles() {
    let surface = surface().await;
    let (near, far) = (surface.group("near").await, surface.group("far").await);
    let (_, one) = surface.subscriber("one").await;
    let (two_account, two) = surface.subscriber("two").await;
    surface
        .execute(&format!("UPDATE subscriber_pass SET billing_group_id = {} WHERE account_id = {two_account}", far.0))
        .await;
    let local = surface.staff("local", &READ, Some(&[near])).await;
    let everywhere = surface.staff("everywhere", &READ, None).await;
    let mixed = surface.staff("mixed", &["billing.access"], None).await;
    let users = async |session: &str, query: &str| {
        let answer = surface.get(session, &format!("a=api_users{query}")).await.json();
        if answer["error"].is_null() {
            Ok(uids(&answer["users"]))
        } else {
            Err(answer["err_cod"].as_str().unwrap().to_owned())
        }
    };
    assert_eq!(users(&local, "").await, Ok(vec![one]));
    assert_eq!(users(&local, &format!("&grp={}", far.0)).await, Ok(vec![]));
    assert_eq!(users(&local, &format!("&uid={two}")).await, Ok(vec![]));
    assert_eq!(users(&everywhere, "").await, Ok(vec![one, two]));
    assert_eq!(users(&everywhere, &format!("&grp={}", far.0)).await, Ok(vec![two]));
    assert_eq!(users(&mixed, "").await, Err("no_privilege".to_owned()));
    let code = async |session: &str, query: String| surface.get(session, &query).await.code();
    assert_eq!(code(&local, format!("a=u_main&uid={one}")).await, "ok");
    assert_eq!(code(&local, format!("a=u_main&uid={two}")).await, "group_denied");
    assert_eq!(code(&mixed, format!("a=u_main&uid={one}")).await, "no_privilege");
    for uid in ["", "0", "-1", "999999", "abc", "1%20OR%201=1", "99999999999999999999"] {
        assert_eq!(code(&everywhere, format!("a=u_main&uid={uid}")).await, "no_uid", "{uid}");
    }
    assert_eq!(code(&everywhere, "a=u_main".to_owned()).await, "no_uid");
    assert_eq!(code(&everywhere, format!("a=api_block&uid={one}&on=1")).await, "no_privilege", "reading only");
    assert_eq!(code(&everywhere, format!("a=u_gcm&reg_id=x&uid={one}")).await, "forbidden");
    let user = surface.login("one", PASSWORD).await;
    assert_eq!(code(&user, "a=api_users".to_owned()).await, "forbidden");
}
