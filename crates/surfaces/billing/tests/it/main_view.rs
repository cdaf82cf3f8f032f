//! specs/billing.md §5.2, §5.4, §5.10: what a subscriber sees of himself, and staff of him.

use std::collections::BTreeSet;

use gatehouse_domain::{Settings, settings::Numbers};
use gatehouse_model::Money;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Surface, surface, with};

/// 2026-01-01T00:00:00Z is 02:00 in Kyiv.
const NOW: i64 = 1_767_225_600;

/// Every key of `usr`.
const USR: &str = "id uid name fio contract comment contract_date contract_date_as_text grp grp_name state state_off balance \
    limit_balance block_if_limit discount cstate cstate_time lstate modify_time debt recommended_pay frozen_srv ppc traf traf_in \
    traf_out in1 in2 in3 in4 in5 in6 in7 in8 out1 out2 out3 out4 out5 out6 out7 out8 traf1 traf2 traf3 traf4 submoney test actual \
    dopdata ips";
/// Every key of `services`.
const SERVICE: &str = "id service_id next_service_id auto_renew no_renew tm_start tm_end time_start time_left human_time \
    human_end_time grp_list pay_id category module title description tags uid price finish_count next_service_price \
    next_service_title next_title set_next_time frozen can_change_srv";
const PAY: &str = "id time date cash category reason comment creator creator_id creator_ip";
const IP: &str = "ip ipn uid type release auth start last tm_auth properties tag num_tag";

fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

fn named(keys: &str) -> BTreeSet<String> {
    keys.split_whitespace().map(str::to_owned).collect()
}

/// A subscriber 357 with a service, a frozen and an endless one, payments, a credit, a field, addresses and counters.
async fn furnished(settings: Settings) -> Surface {
    let surface = with(settings).await;
    let (account, _) = surface.subscriber("test").await;
    surface.pay(account, Money(1_250), "thanks").await;
    let ms = |seconds: i64| (NOW + seconds) * 1_000;
    surface
        .execute(&format!(
            "UPDATE subscriber_pass SET uid = 357, full_name = 'Test Person', comment = 'pays late', discount = 15, \
             contract = 'K-1', contract_at = {now};
             INSERT INTO billing_service (id, module, category, title, description, price, period_mode, period_seconds, is_auto_renew, \
             is_no_renew, is_multiple, is_discountable, is_funds_checked, tags, param, created_at, updated_at) VALUES \
             (33, 'unlim', '', '50 Mb', '50 Mb unlim', 1000, 'month', 0, 1, 0, 0, 1, 1, ',inet,speed,', '{{}}', 0, 0), \
             (34, 'tv', 'TV', 'TV', '', 999, 'month', 0, 0, 1, 0, 0, 1, '', '{{}}', 0, 0);
             INSERT INTO billing_service_group (billing_service_id, billing_group_id) SELECT 33, id FROM billing_group;
             INSERT INTO billing_subscription (id, account_id, billing_service_id, next_service_id, state, start_at, end_at, anchor_at, \
             frozen_left, finish_count, charge_id, next_set_at, created_at, updated_at) VALUES \
             (1537, {account}, 33, 33, 'active', {now}, {month}, {now}, NULL, 1, 4544, NULL, 0, 0), \
             (1538, {account}, 34, NULL, 'active', {now}, NULL, {now}, 60000, 0, NULL, {now}, 0, 0), \
             (1539, {account}, 34, NULL, 'ended', {now}, {now}, {now}, NULL, 0, NULL, NULL, 0, 0);
             INSERT INTO billing_field (id, name, title, section, type, flags, param, comment, is_staff_only, created_at, updated_at) \
             VALUES (1, '_street', '[01] Street', '', 'select', '', '{{\"1\":\"Main\"}}', '', 0, 0, 0), \
             (2, '_note', '[02] Note', '', 'str_one', '', '', '', 1, 0, 0), (3, '_pin', '[03] Pin', '', 'pass', '', '', '', 0, 0, 0);
             INSERT INTO billing_field_value (billing_field_id, account_id, value, seal_ref) \
             VALUES (1, {account}, '1', ''), (2, {account}, 'x', '');
             INSERT INTO subscriber_activity (account_id, last_auth_at, last_traffic_at, month, up, down) \
             VALUES ({account}, {now}, NULL, 24313, 1048576, 3145728);
             INSERT INTO visit (id, uuid, door, account_id, login, since_at, seen_at, until_at) VALUES \
             (70, 'a', 'radius', {account}, 'test', {hour_ago}, {now}, NULL), (71, 'b', 'radius', {account}, 'test', {day_ago}, {hour_ago}, {hour_ago}), \
             (72, 'c', 'proxy', {account}, 'test', {day_ago}, {hour_ago}, {hour_ago});
             INSERT INTO visit_radius (visit_id, nas_id, nas_name, nas_address, pass, session_id, is_open, is_in_garden, user_name, \
             framed_ip, calling_station, event_at, session_time, has_gigawords, packets_up, packets_down, rate_up, rate_down, interim) VALUES \
             (70, 1, 'n', '192.0.2.1', 'subscriber', x'01', 1, 0, x'74657374', '10.0.0.5', 'AA-BB', 0, 0, 0, 0, 0, 0, 0, 0), \
             (71, 1, 'n', '192.0.2.1', 'subscriber', x'02', 0, 0, x'61612d6262', '2001:db8::5', 'AA-BB', 0, 0, 0, 0, 0, 0, 0, 0);
             INSERT INTO address (ip, kind, is_public, tags, account_id, visit_id, bound_at, release_at) \
             VALUES ('10.0.0.5', 'static', 0, '', {account}, 70, {day_ago}, 0);
             INSERT INTO statement (account_id, at, kind, amount, reason, comment, actor, actor_no, actor_address, created_at) VALUES \
             ({account}, {hour}, 3, 0, 'r', 'a credit', 'user', 357, '192.0.2.9', 0), \
             ({account}, {now}, 410, 0, 'changed', 'event', 'admin', 7, NULL, 0);
             INSERT INTO billing_credit (statement_id, account_id, amount, granted_at, due_at) \
             SELECT id, {account}, 316, {now}, {hour} FROM statement WHERE kind = 3;",
            account = account.0,
            now = ms(0),
            hour = ms(3_600),
            month = ms(2_590_000),
            hour_ago = ms(-3_600),
            day_ago = ms(-86_400),
        ))
        .await;
    surface
}

#[tokio::test]
async fn u_main_has_every_key_with_its_type() {
    let surface = furnished(Settings::default()).await;
    let session = surface.login("test", PASSWORD).await;
    let answer = surface.get(&session, "a=u_main").await.json();
    for part in ["usr", "services", "credits", "pays"] {
        assert_eq!(answer[part], answer["result"][part], "{part}");
    }
    assert_eq!(surface.get(&session, "").await.json()["usr"]["uid"], "357", "without an action");
    let usr = &answer["usr"];
    assert_eq!(keys(usr), named(USR));
    let expected = json!({
        "id": "357", "uid": "357", "name": "test", "fio": "Test Person", "contract": "K-1", "comment": "",
        "contract_date": NOW.to_string(), "contract_date_as_text": "01.01.2026", "state": "on", "state_off": "",
        "balance": "12.50", "limit_balance": "0.00", "block_if_limit": "1", "discount": "15", "lstate": "0", "debt": 0,
        "recommended_pay": "0.00", "frozen_srv": 1, "ppc": "3575", "traf": "4.00", "traf_in": "3.00", "traf_out": "1.00",
        "in1": "3145728", "out1": "1048576", "traf1": "4194304", "in2": "0", "submoney": "0"
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&usr[name], value, "{name}");
    }
    assert_eq!(usr["dopdata"], json!([{ "name": "_street", "title": "Street", "value": "1", "show": "Main" }]));
    assert_eq!(keys(&usr["ips"][0]), named(IP));
    let ip = json!({
        "ip": "10.0.0.5", "ipn": "167772165", "uid": "357", "type": "static", "release": "0", "auth": "1",
        "start": (NOW - 3_600).to_string(), "last": NOW.to_string(), "tm_auth": "3600", "properties": null, "tag": [], "num_tag": ""
    });
    assert_eq!(usr["ips"], json!([ip]));

    let services = answer["services"].as_array().unwrap();
    assert_eq!(services.len(), 2);
    for service in services {
        assert_eq!(keys(service), named(SERVICE));
    }
    let first = json!({
        "id": "1537", "service_id": "33", "next_service_id": "33", "auto_renew": "1", "no_renew": "0", "tm_start": NOW.to_string(),
        "tm_end": (NOW + 2_590_000).to_string(), "time_start": NOW.to_string(), "time_left": 2_590_000,
        "human_time": "31.01.2026 01:26", "human_end_time": "31.01.2026 01:26", "pay_id": "4544", "module": "unlim", "uid": "357",
        "title": "50 Mb", "description": "50 Mb unlim", "tags": ",inet,speed,", "finish_count": "1", "price": "10",
        "next_service_price": "10", "next_title": "50 Mb", "set_next_time": null, "frozen": "0", "can_change_srv": "1",
        "grp_list": format!(",{},", usr["grp"].as_str().unwrap())
    });
    for (name, value) in first.as_object().unwrap() {
        assert_eq!(&services[0][name], value, "{name}");
    }
    let second = json!({
        "tm_end": "0", "human_time": "", "human_end_time": "без ограничения", "time_left": 0, "frozen": "1", "price": "9.99",
        "next_service_id": "0", "next_service_price": "0", "next_service_title": "", "grp_list": "", "pay_id": "0",
        "set_next_time": NOW.to_string()
    });
    for (name, value) in second.as_object().unwrap() {
        assert_eq!(&services[1][name], value, "{name}");
    }
    let credit = json!([{ "time": (NOW + 3_600).to_string(), "date": "01.01.2026 03:00", "cash": "3.16" }]);
    assert_eq!(answer["credits"], credit);

    let pays = answer["pays"].as_array().unwrap();
    assert_eq!(pays.len(), 2, "{pays:?}");
    assert!(pays.iter().all(|pay| keys(pay) == named(PAY)));
    let own =
        json!({ "category": "3", "creator": "user", "creator_id": "357", "creator_ip": "3221225993", "reason": "" });
    let staff = json!({
        "cash": "12.50", "category": "1", "comment": "thanks", "creator": "admin", "creator_id": "0", "creator_ip": "0",
        "reason": "", "date": "01.01.2026 02:00"
    });
    for (pay, expected) in pays.iter().zip([own, staff]) {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&pay[name], value, "{name}");
        }
    }
}

#[tokio::test]
async fn staff_see_more() {
    let surface = furnished(Settings::default()).await;
    let admin = surface.admin().await;
    let answer = surface.get(&admin, "a=u_main&uid=357").await.json();
    assert_eq!(answer["usr"]["comment"], "pays late");
    let fields = answer["usr"]["dopdata"].as_array().unwrap();
    let names: Vec<_> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["_street", "_note", "_pin"]);
    assert_eq!(answer["usr"]["ips"][0]["properties"], "mod=radius;user=AA-BB;nas=192.0.2.1");
    let pays = answer["pays"].as_array().unwrap();
    assert_eq!(pays.iter().map(|pay| pay["category"].as_str().unwrap()).collect::<Vec<_>>(), ["3", "410", "1"]);
    assert_eq!((pays[2]["reason"].as_str(), pays[2]["creator_id"].as_str()), (Some("internal"), Some("7")));
}

#[tokio::test]
async fn stays_and_history_are_paged() {
    let surface = furnished(Settings::default()).await;
    let (session, admin) = (surface.login("test", PASSWORD).await, surface.admin().await);
    let log = surface.get(&session, "a=u_auth_log").await.json()["auth_log"].clone();
    let expected = json!([
        { "id": "70", "uid": "357", "start": (NOW - 3_600).to_string(), "end": "0", "ip": "167772165", "ipa": "10.0.0.5" },
        { "id": "71", "uid": "357", "start": (NOW - 86_400).to_string(), "end": (NOW - 3_600).to_string(), "ip": "0",
          "ipa": "2001:db8::5" }
    ]);
    assert_eq!(log, expected);
    let log = surface.get(&admin, "a=u_auth_log&uid=357&start=1").await.json()["auth_log"].clone();
    assert_eq!(log.as_array().unwrap().len(), 1);
    assert_eq!(log[0]["properties"], "mod=dhcp;user=AA-BB;nas=192.0.2.1");

    let own = surface.get(&session, "a=u_pays").await.json()["pays"].clone();
    let shown = |pays: &Value| {
        let pays = pays.as_array().unwrap();
        pays.iter()
            .map(|pay| format!("{} {}", pay["category"].as_str().unwrap(), pay["balance"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&own), ["3 12.50", "1 12.50"]);
    let all = surface.get(&admin, "a=u_pays&uid=357").await.json()["pays"].clone();
    assert_eq!(shown(&all), ["3 12.50", "410 12.50", "1 12.50", "411 0.00"]);
    assert_eq!(surface.get(&admin, "a=u_pays&uid=357&start=3").await.json()["pays"].as_array().unwrap().len(), 1);
    for start in ["-1", "x", "1e3", "99999999999999999999"] {
        assert_eq!(surface.get(&session, &format!("a=u_pays&start={start}")).await.code(), "bad_request", "{start}");
    }
}

#[tokio::test]
async fn native_numbers_are_numbers() {
    let mut settings = Settings::default();
    settings.billing.api.numbers = Numbers::Native;
    let surface = furnished(settings).await;
    let session = surface.login("test", PASSWORD).await;
    let answer = surface.get(&session, "a=u_main").await.json();
    assert_eq!(answer["usr"]["balance"], json!(12.5));
    assert_eq!(answer["usr"]["limit_balance"], json!(0));
    assert_eq!((&answer["usr"]["traf"], &answer["usr"]["ppc"]), (&json!("4.00"), &json!("3575")));
    assert_eq!((&answer["services"][0]["price"], &answer["services"][1]["price"]), (&json!(10), &json!(9.99)));
    assert_eq!(answer["services"][0]["tm_start"], json!(NOW));
}

#[tokio::test]
async fn whoever_is_blocked_or_owes_is_told_so() {
    let surface = furnished(Settings::default()).await;
    let (session, admin) = (surface.login("test", PASSWORD).await, surface.admin().await);
    let state = async |session: &str| {
        let usr = surface.get(session, "uid=357").await.json()["usr"].clone();
        (usr["state"].as_str().unwrap().to_owned(), usr["state_off"].as_str().unwrap().to_owned(), usr["debt"].clone())
    };
    assert_eq!(surface.get(&admin, "a=api_block&uid=357&on=1&reason=x").await.code(), "ok");
    assert_eq!(state(&session).await, ("off".into(), "1".into(), json!(0)));
    surface.pay(gatehouse_model::AccountId(2), Money(-2_000), "").await;
    assert_eq!(state(&session).await, ("off".into(), "1".into(), json!(7.5)));
    assert_eq!(surface.get(&admin, "a=api_block&uid=357&off=1").await.code(), "ok");
    assert_eq!(state(&session).await.0, "off", "for debt");
    surface.pay(gatehouse_model::AccountId(2), Money(2_000), "").await;
    assert_eq!(state(&session).await, ("on".into(), String::new(), json!(0)));
    for wrong in ["", "&on=1&off=1"] {
        assert_eq!(surface.get(&admin, &format!("a=api_block&uid=357{wrong}")).await.code(), "bad_request");
    }
    // What the next periods lack: 10.00 less 15 percent.
    surface.pay(gatehouse_model::AccountId(2), Money(-1_250), "").await;
    assert_eq!(
        surface.get(&session, "").await.json()["usr"]["recommended_pay"],
        "11.66",
        "8.50 and the credit of 3.16"
    );
}

#[tokio::test]
async fn an_empty_subscriber_has_every_list() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    let answer = surface.get(&session, "a=u_main").await.json();
    assert_eq!(keys(&answer["usr"]), named(USR));
    assert_eq!((&answer["services"], &answer["credits"], &answer["pays"]), (&json!([]), &json!([]), &json!([])));
    assert_eq!(surface.get(&session, "a=u_auth_log").await.json()["auth_log"], json!([]));
}
