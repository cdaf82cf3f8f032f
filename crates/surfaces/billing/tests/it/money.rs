//! specs/billing.md §5.5, §5.6, §5.10, §9: services, credits and what staff give.

use gatehouse_domain::billing::{
    period::PeriodMode,
    service::{self, ServiceSpec, Tags},
};
use gatehouse_model::{BillingGroupId, BillingServiceId, Money};
use serde_json::json;

use crate::support::{Answer, PASSWORD, Surface, surface};

/// A surface with a subscriber and the services 33 (10.00 for two days), 63 (another of its module) and 70 (of another module).
async fn town() -> (Surface, i64, String, String) {
    let surface = surface().await;
    let (_, uid) = surface.subscriber("test").await;
    let (user, admin) = (surface.login("test", PASSWORD).await, surface.admin().await);
    let ctx = surface.test.operator();
    let group = surface.get(&user, "").await.json()["usr"]["grp"].as_str().unwrap().parse().unwrap();
    let spec = |module: &str, title: &str, price: i64| ServiceSpec {
        module: module.to_owned(),
        is_auto_renew: true,
        tags: Tags::parse("inet"),
        groups: vec![BillingGroupId(group)],
        ..ServiceSpec::new(title, Money(price), PeriodMode::Seconds(172_800))
    };
    let mut tx = ctx.begin().await.unwrap();
    for (id, spec) in [
        (33, spec("unlim", "50 Mb", 1_000)),
        (63, spec("unlim", "100 Mb", 2_000)),
        (70, spec("tv", "TV", 999)),
        (71, ServiceSpec { groups: Vec::new(), ..spec("tv", "Hidden", 100) }),
    ] {
        service::save(&ctx, &mut tx, Some(BillingServiceId(id)), &spec).await.unwrap();
    }
    tx.commit().await.unwrap();
    (surface, uid, user, admin)
}

#[tokio::test]
async fn a_service_is_chosen_connected_and_followed() {
    let (surface, uid, user, admin) = town().await;
    let code = async |session: &str, query: &str| surface.get(session, query).await.code();
    assert_eq!(code(&user, "a=u_srv_add&service_id=33").await, "no_money");
    assert_eq!(code(&admin, &format!("a=api_pay_add&uid={uid}&cash=20&category=1")).await, "ok");
    let made = surface.get(&user, "a=u_srv_add&service_id=33").await.json();
    assert_eq!(made["result"], "ok");
    let (id, pay_id) = (made["id"].as_str().unwrap(), made["pay_id"].as_str().unwrap());
    let main = surface.get(&user, "a=u_main").await.json();
    assert_eq!((&main["usr"]["balance"], &main["services"][0]["pay_id"]), (&json!("10.00"), &json!(pay_id)));
    assert_eq!(main["services"][0]["id"], id);

    let listed = surface.get(&user, "a=u_srv_select").await.json()["services"].clone();
    let why: Vec<_> =
        listed.as_array().unwrap().iter().map(|one| (one["service_id"].clone(), one["why_not"].clone())).collect();
    assert_eq!(why, [(json!("33"), json!("already")), (json!("63"), json!("analog")), (json!("70"), json!(null))]);
    assert_eq!((&listed[0]["period"], &listed[0]["price"]), (&json!("172800"), &json!("10")));
    for (service, refusal) in [
        ("33", "srv_already"),
        ("63", "srv_analog"),
        ("71", "srv_unavailable"),
        ("999", "srv_unavailable"),
        ("0", "srv_unavailable"),
        ("-1", "srv_unavailable"),
        ("x", "srv_unavailable"),
        ("", "srv_unavailable"),
    ] {
        assert_eq!(code(&user, &format!("a=u_srv_add&service_id={service}")).await, refusal, "{service}");
    }
    let next = format!("a=u_srv_add&cmd=set_next&usr_service_id={id}");
    assert_eq!(surface.get(&user, &format!("{next}&service_id=63")).await.body, r#"{"result":"ok"}"#);
    let service = surface.get(&user, "").await.json()["services"][0].clone();
    assert_eq!((&service["next_service_id"], &service["set_next_time"]), (&json!("63"), &json!("1767225600")));
    assert_eq!(code(&user, &format!("{next}&service_id=70")).await, "srv_module");
    assert_eq!(code(&user, &format!("{next}&service_id=0")).await, "ok");
    assert_eq!(surface.get(&user, "").await.json()["services"][0]["next_service_id"], "0");
    for wrong in ["", "0", "999", "x"] {
        assert_eq!(
            code(&user, &format!("a=u_srv_add&cmd=set_next&usr_service_id={wrong}&service_id=63")).await,
            "not_found"
        );
    }
    assert_eq!(code(&user, &next).await, "srv_unavailable");
    assert_eq!(code(&user, "a=u_srv_add&cmd=drop&service_id=33").await, "bad_request");

    surface.subscriber("other").await;
    let other = surface.login("other", PASSWORD).await;
    assert_eq!(code(&other, &format!("{next}&service_id=63")).await, "not_found", "somebody else's");
    for cmd in ["freeze", "unfreeze", "finish"] {
        let query = format!("a=u_srv_add&cmd={cmd}&usr_service_id={id}&uid={uid}");
        assert_eq!(code(&user, &query).await, "forbidden", "{cmd}");
        assert_eq!(code(&admin, &query).await, "ok", "{cmd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_at_once_charge_once() {
    let (surface, uid, user, admin) = town().await;
    surface.get(&admin, &format!("a=api_pay_add&uid={uid}&cash=100&category=1")).await;
    let orders = (0..10).map(|_| surface.get(&user, "a=u_srv_add&service_id=33"));
    let mut codes: Vec<_> = futures_util::future::join_all(orders).await.iter().map(Answer::code).collect();
    codes.sort();
    assert_eq!(codes.iter().filter(|code| *code == "ok").count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| code == "ok" || code == "srv_already"), "{codes:?}");
    assert_eq!(surface.get(&user, "").await.json()["usr"]["balance"], "90.00");
}

#[tokio::test]
async fn a_credit_is_offered_given_once_and_refused_by_a_result() {
    let (surface, uid, user, admin) = town().await;
    assert_eq!(surface.get(&user, "a=u_credit").await.body, r#"{"result":"not_needed"}"#);
    surface.get(&admin, &format!("a=api_pay_add&uid={uid}&cash=16.84&category=1")).await;
    surface.get(&user, "a=u_srv_add&service_id=33").await;
    let offer = r#"{"credit":{"gr":"грн","full_amt":"3.16","commission":0,"days":3,"amt":3.16},"result":"ok"}"#;
    assert_eq!(surface.get(&user, "a=u_credit").await.body, offer);
    let taken = futures_util::future::join_all((0..5).map(|_| surface.get(&user, "a=u_credit&go=1"))).await;
    let mut results: Vec<_> = taken.iter().map(|answer| answer.json()["result"].as_str().unwrap().to_owned()).collect();
    results.sort();
    assert_eq!(results, ["ok", "other_exists", "other_exists", "other_exists", "other_exists"]);
    let main = surface.get(&user, "").await.json();
    assert_eq!((&main["usr"]["balance"], &main["credits"][0]["cash"]), (&json!("10.00"), &json!("3.16")));
    assert_eq!(surface.get(&user, "a=u_credit").await.body, r#"{"result":"other_exists"}"#);
}

#[tokio::test]
async fn staff_give_and_take_back_once_per_key() {
    let (surface, uid, user, admin) = town().await;
    let add = async |more: &str| surface.get(&admin, &format!("a=api_pay_add&uid={uid}&{more}")).await;
    let first = add("cash=50.5&category=1&comment=desk&idem=k").await.json();
    assert_eq!(add("cash=50.5&category=1&comment=desk&idem=k").await.json(), first);
    assert_eq!(add("cash=1&category=1&idem=k").await.code(), "idempotency_conflict");
    assert_eq!(add("cash=2&category=2").await.code(), "ok");
    assert_eq!(add("cash=3&category=3&days=5").await.code(), "ok");
    for (query, refusal) in [
        ("cash=0&category=1", "bad_amount"),
        ("cash=-1&category=1", "bad_amount"),
        ("cash=1e3&category=1", "bad_amount"),
        ("category=1", "bad_amount"),
        ("cash=1&category=4", "bad_request"),
        ("cash=1", "bad_request"),
        ("cash=1&category=x", "bad_request"),
        ("cash=1&category=3&days=0", "bad_request"),
    ] {
        assert_eq!(add(query).await.code(), refusal, "{query}");
    }
    assert_eq!(surface.get(&user, "").await.json()["usr"]["balance"], "55.50");
    let id = first["id"].as_str().unwrap();
    let reverse = async |more: &str| surface.get(&admin, &format!("a=api_pay_reverse&id={id}{more}")).await.code();
    assert_eq!(reverse("&amt=50.51").await, "bad_amount");
    assert_eq!(reverse("&amt=0").await, "bad_amount");
    assert_eq!(reverse("&amt=0.5").await, "ok");
    assert_eq!(reverse("").await, "ok");
    assert_eq!(surface.get(&user, "").await.json()["usr"]["balance"], "5.00");
    assert_eq!(surface.get(&admin, "a=api_pay_reverse&id=999").await.code(), "not_found");
    assert_eq!(surface.get(&admin, "a=api_pay_reverse").await.code(), "not_found");
    assert_eq!(surface.get(&user, &format!("a=api_pay_add&uid={uid}&cash=1&category=1")).await.code(), "forbidden");
}
