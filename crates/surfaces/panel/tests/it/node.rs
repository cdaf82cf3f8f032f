//! Nodes of others: what staff set up, what they fetch and report, and what a node may claim.

use gatehouse_domain::{
    Settings,
    apply::{self, AccountEntry, Applied, Mode, ProxyEntry, StateFile},
};
use gatehouse_model::AccountId;
use gatehouse_testkit::Engine;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{Answer, Surface, on, surface};

const CIPHER: &str = "2022-blake3-aes-256-gcm";

impl Surface {
    /// Makes a group; gives its id.
    pub(crate) async fn node_group(&self, admin: &str, name: &str) -> i64 {
        self.post(admin, "v2/{sp}/server/group/save", json!({"name": name})).await.data();
        let groups = self.get(admin, "v2/{sp}/server/group/fetch").await.data();
        groups.as_array().unwrap().iter().find(|group| group["name"] == name).unwrap()["id"].as_i64().unwrap()
    }

    /// Makes a node of others; gives its id.
    pub(crate) async fn node(&self, admin: &str, groups: &[i64], change: Value) -> i64 {
        let mut body = json!({
            "type": "shadowsocks", "name": "A node", "host": "node.example.com", "port": 443, "server_port": 8443, "show": 1,
            "rate": "1", "group_ids": groups, "protocol_settings": {"cipher": CIPHER},
        });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let known: Vec<i64> = self.nodes(admin).await.iter().map(|node| node["id"].as_i64().unwrap()).collect();
        self.post(admin, "v2/{sp}/server/manage/save", body).await.data();
        let made = self.nodes(admin).await.into_iter().map(|node| node["id"].as_i64().unwrap());
        made.into_iter().find(|id| !known.contains(id)).unwrap()
    }

    pub(crate) async fn nodes(&self, admin: &str) -> Vec<Value> {
        self.get(admin, "v2/{sp}/server/manage/getNodes").await.data().as_array().unwrap().clone()
    }

    async fn shown(&self, admin: &str, id: i64) -> Value {
        self.nodes(admin).await.into_iter().find(|node| node["id"] == id).unwrap()
    }

    pub(crate) async fn node_token(&self, admin: &str, id: i64) -> String {
        let token = self.post(admin, "v2/{sp}/server/manage/getToken", json!({"id": id})).await.data();
        token.as_str().unwrap().to_owned()
    }

    /// Makes a user with a pass for a group; gives the account.
    pub(crate) async fn member(&self, email: &str, group: &str, change: ProxyEntry) -> AccountId {
        let id = self.user(email).await;
        self.change_pass(email, ProxyEntry { node_group: Some(group.to_owned()), ..change }).await;
        id
    }

    pub(crate) async fn change_pass(&self, email: &str, proxy: ProxyEntry) {
        let account = AccountEntry { login: email.to_owned(), proxy: Some(proxy), ..AccountEntry::default() };
        self.apply(StateFile { account: vec![account], ..StateFile::default() }).await;
    }

    pub(crate) async fn apply(&self, file: StateFile) {
        let applied = apply::apply(&self.test.operator(), &file, Mode::Write).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
        self.follow().await;
    }

    /// What the poller of a running process does all the time.
    pub(crate) async fn follow(&self) {
        self.test.app.live().refresh(&self.test.app).await.unwrap();
    }

    /// A call of a node.
    async fn uni(&self, node: &Node, call: &str, tag: Option<&str>, body: Option<String>) -> Answer {
        self.follow().await;
        let uri =
            format!("/api/v1/server/UniProxy/{call}?node_id={}&node_type=shadowsocks&token={}", node.id, node.token);
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder().method(method).uri(uri).header("content-language", "en-US");
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        self.send(request.body(body.unwrap_or_default().into()).unwrap()).await
    }

    async fn users(&self, node: &Node) -> Vec<i64> {
        let users = self.uni(node, "user", None, None).await.json()["users"].clone();
        users.as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect()
    }

    async fn push(&self, node: &Node, body: &Value) -> Answer {
        self.uni(node, "push", None, Some(body.to_string())).await
    }
}

struct Node {
    id: i64,
    token: String,
}

/// A group `g` with a node.
async fn with_node(surface: &Surface, change: Value) -> (String, Node) {
    let admin = surface.admin().await;
    let group = surface.node_group(&admin, "g").await;
    surface.node_group(&admin, "other").await;
    let id = surface.node(&admin, &[group], change).await;
    let token = surface.node_token(&admin, id).await;
    (admin, Node { id, token })
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

fn quota(bytes: i64) -> ProxyEntry {
    ProxyEntry { quota: Some(serde_json::from_value(json!(format!("{bytes}B"))).unwrap()), ..ProxyEntry::default() }
}

#[tokio::test]
async fn a_node_fetches_its_configuration_and_its_users_and_hears_304_until_something_changes() {
    let surface = surface().await;
    let (admin, node) = with_node(&surface, json!({})).await;
    assert_eq!(node.token.len(), 64);
    let config = surface.uni(&node, "config", None, None).await;
    let body = config.json();
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(body["protocol"], "shadowsocks");
    assert_eq!((&body["server_port"], &body["cipher"]), (&json!(8443), &json!(CIPHER)));
    assert_eq!(body["base_config"], json!({"push_interval": 60, "pull_interval": 60}));
    let key = body["server_key"].as_str().unwrap().to_owned();
    assert_eq!(key.len(), 44, "{keys:?}");
    assert_eq!(surface.uni(&node, "config", Some(&tag(&config)), None).await.status, 304);

    surface.member("one@example.com", "g", quota(1_000)).await;
    let users = surface.uni(&node, "user", None, None).await;
    let list = users.json();
    let user = list["users"][0].as_object().unwrap();
    assert_eq!(user.keys().collect::<Vec<_>>(), ["device_limit", "id", "speed_limit", "uuid"]);
    let unchanged = surface.uni(&node, "user", Some(&tag(&users)), None).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    surface.member("two@example.com", "g", ProxyEntry { device_limit: Some(3), ..quota(1_000) }).await;
    let more = surface.uni(&node, "user", Some(&tag(&users)), None).await;
    assert_eq!(more.status, 200);
    assert_eq!(more.json()["users"][1]["device_limit"], 3);

    // Editing changes the configuration, never the server key; another cipher makes a new one.
    let save = async |body: Value| surface.post(&admin, "v2/{sp}/server/manage/save", body).await.data();
    save(json!({"id": node.id, "name": "Renamed", "server_port": 9000})).await;
    let edited = surface.uni(&node, "config", Some(&tag(&config)), None).await;
    assert_eq!((edited.status, &edited.json()["server_key"]), (200, &json!(key)));
    save(json!({"id": node.id, "protocol_settings": {"cipher": "2022-blake3-aes-128-gcm"}})).await;
    assert_eq!(surface.uni(&node, "config", None, None).await.json()["server_key"].as_str().unwrap().len(), 24);

    // A node that is off gets its configuration and nobody.
    surface.post(&admin, "v2/{sp}/server/manage/update", json!({"id": node.id, "enabled": 0})).await.data();
    assert_eq!(surface.uni(&node, "config", None, None).await.status, 200);
    assert!(surface.users(&node).await.is_empty());
}

#[tokio::test]
async fn users_travel_as_message_pack_with_a_tag_of_their_own() {
    let surface = surface().await;
    let (_, node) = with_node(&surface, json!({})).await;
    let id = surface.member("one@example.com", "g", quota(1_000)).await;
    surface.follow().await;
    let uri = format!("/api/v1/server/UniProxy/user?node_id={}&token={}", node.id, node.token);
    let request = Request::get(uri).header("x-response-format", "msgpack").body(axum::body::Body::empty()).unwrap();
    let packed = surface.send(request).await;
    assert_eq!(packed.headers["content-type"], "application/x-msgpack");
    // {"users": [{"id": …
    assert_eq!(packed.body[..7], *b"\x81\xa5users");
    assert_eq!(packed.body[7..12], [0x91, 0x84, 0xa2, b'i', b'd']);
    assert_eq!(i64::from(packed.body[12]), id.0);
    assert_ne!(tag(&packed), tag(&surface.uni(&node, "user", None, None).await));
}

#[tokio::test]
async fn wrong_tokens_types_and_names_are_refused() {
    let surface = surface().await;
    let (admin, node) = with_node(&surface, json!({"code": "hk-1"})).await;
    let other = surface.node(&admin, &[], json!({"name": "Other"})).await;
    let embedded = json!({"embedded": 1, "name": "Ours", "port": 0, "server_port": 0, "host": "127.0.0.1"});
    let ours = surface.node(&admin, &[], embedded).await;
    let shared = surface.get(&admin, "v2/{sp}/config/fetch?reveal=1").await.data()["server"]["server_token"].clone();
    let shared = shared.as_str().unwrap();
    let ask = async |query: &str| {
        let answer = surface.get("", &format!("v1/server/UniProxy/config?{query}")).await;
        if answer.status == 200 {
            (200, String::new())
        } else {
            (answer.status, answer.json()["message"].as_str().unwrap().to_owned())
        }
    };
    let (id, own) = (node.id, &node.token);
    let wrong = (422, "The token is wrong".to_owned());
    let missing = (400, "Server does not exist".to_owned());
    assert_eq!(ask(&format!("node_id={id}&token={own}")).await.0, 200);
    assert_eq!(ask(&format!("node_id=hk-1&token={own}&node_type=shadowsocks")).await.0, 200);
    assert_eq!(ask(&format!("node_id={id}&token={shared}&node_type=v2node")).await.0, 200);
    for query in ["", "token=", "token=nonsense"] {
        assert_eq!(ask(&format!("node_id={id}&{query}")).await, wrong, "{query}");
    }
    assert_eq!(ask(&format!("node_id={other}&token={own}")).await, wrong, "a token is its node's alone");
    assert_eq!(ask(&format!("node_id=99999&token={shared}")).await, missing);
    assert_eq!(ask(&format!("node_id={id}&token={shared}&node_type=trojan")).await, missing);
    assert_eq!(ask(&format!("node_id={ours}&token={shared}")).await, missing, "an embedded node has no agent");
    assert_eq!(ask(&format!("node_id={id}&token={own}&node_type=carrier-pigeon")).await.0, 422);

    let bearer = Request::get(format!("/api/v1/server/UniProxy/config?node_id={id}"));
    let bearer = bearer.header("authorization", format!("Bearer {own}")).body(axum::body::Body::empty()).unwrap();
    assert_eq!(surface.send(bearer).await.status, 200);

    let renewed = surface.post(&admin, "v2/{sp}/server/manage/resetToken", json!({"id": id})).await.data();
    assert_eq!(ask(&format!("node_id={id}&token={own}")).await, wrong);
    assert_eq!(ask(&format!("node_id={id}&token={}", renewed.as_str().unwrap())).await.0, 200);
    surface.post(&admin, "v2/{sp}/config/save", json!({"server_token": null})).await.data();
    assert_eq!(ask(&format!("node_id={id}&token={shared}")).await, wrong);
}

#[tokio::test]
async fn traffic_is_charged_at_the_rate_of_the_hour_and_counted_raw_for_the_node() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        // Tests begin at 08:00 in Shanghai.
        let windows = json!([{"start": "23:00", "end": "08:30", "rate": 0.5}]);
        let (admin, node) =
            with_node(&surface, json!({"rate": "1.5", "rate_time_enable": 1, "rate_time_ranges": windows})).await;
        let id = surface.member("one@example.com", "g", quota(1_000_000)).await;
        let uid = id.to_string();
        assert_eq!(surface.push(&node, &json!({ &uid: [100, 201] })).await.json(), json!({"data": true}));
        surface.test.advance(std::time::Duration::from_mins(31));
        assert_eq!(surface.push(&node, &json!({ &uid: [100, 200] })).await.status, 200);
        let user = surface.login("one@example.com").await;
        let subscribe = surface.get(&user, "v1/user/getSubscribe").await.data();
        // 50 + 150 and 100.5, rounded half up when shown, + 300.
        assert_eq!((&subscribe["u"], &subscribe["d"]), (&json!(200), &json!(401)), "{engine:?}");
        let log = surface.get(&user, "v1/user/stat/getTrafficLog").await.data();
        let rates: Vec<&Value> = log.as_array().unwrap().iter().map(|row| &row["server_rate"]).collect();
        assert_eq!(rates, [&json!(0.5), &json!(1.5)]);
        assert_eq!((&log[1]["u"], &log[1]["d"]), (&json!(150), &json!(300)));
        assert_eq!(surface.uni(&node, "config", None, None).await.status, 200);
        let shown = surface.shown(&admin, node.id).await;
        assert_eq!((&shown["u"], &shown["d"], &shown["available_status"]), (&json!(200), &json!(401), &json!(2)));
        let rank = surface.get(&admin, "v2/{sp}/stat/getServerLastRank").await.json();
        assert_eq!(rank["data"][0]["total"], 601);
        let of_user = surface.get(&admin, &format!("v2/{{sp}}/stat/getStatUser?user_id={uid}")).await.json();
        assert_eq!((&of_user["total"], of_user["data"].as_array().unwrap().len()), (&json!(2), 2));
        let stats = surface.get(&admin, "v2/{sp}/stat/getStats").await.json();
        assert_eq!(stats["data"]["todayTraffic"], json!({"upload": 200, "download": 401, "total": 601}));
        assert_eq!(stats["data"]["onlineNodes"], 1);
    }
}

#[tokio::test]
async fn fifty_pushes_at_once_add_up_exactly() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let (admin, node) = with_node(&surface, json!({})).await;
        let other = surface.node(&admin, &[1], json!({"name": "Other"})).await;
        let other = Node { id: other, token: surface.node_token(&admin, other).await };
        let mut body = serde_json::Map::new();
        for n in 0..5 {
            let id = surface.member(&format!("user{n}@example.com"), "g", quota(1 << 40)).await;
            body.insert(id.to_string(), json!([3, 4]));
        }
        // In two orders, so that transactions meet from both ends.
        let forth = Value::Object(body.clone());
        let back = Value::Object(body.into_iter().rev().collect());
        let pushes = (0..50).map(|n| {
            let (node, body) = if n % 2 == 0 { (&node, &forth) } else { (&other, &back) };
            surface.push(node, body)
        });
        for answer in futures_util::future::join_all(pushes).await {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let user = surface.login("user3@example.com").await;
        let shown = surface.get(&user, "v1/user/getSubscribe").await.data();
        assert_eq!((&shown["u"], &shown["d"]), (&json!(150), &json!(200)), "{engine:?}");
        let nodes = surface.nodes(&admin).await;
        let sums: Vec<_> = nodes.iter().map(|node| (node["u"].as_i64(), node["d"].as_i64())).collect();
        assert_eq!(sums, [(Some(375), Some(500)), (Some(375), Some(500))]);
    }
}

#[tokio::test]
async fn whoever_may_no_longer_use_a_node_leaves_its_list() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let (_, node) = with_node(&surface, json!({})).await;
        let mut ids = Vec::new();
        for name in ["banned", "expired", "exhausted", "moved", "stays"] {
            ids.push(surface.member(&format!("{name}@example.com"), "g", quota(1_000)).await.0);
        }
        assert_eq!(surface.users(&node).await, ids);
        let mut before = tag(&surface.uni(&node, "user", None, None).await);
        let mut gone = async |who: usize| {
            let answer = surface.uni(&node, "user", Some(&before), None).await;
            assert_eq!(answer.status, 200, "{who}");
            before = tag(&answer);
            let left: Vec<i64> =
                answer.json()["users"].as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect();
            assert_eq!(left, ids[who + 1..], "{engine:?}");
        };
        let account =
            AccountEntry { login: "banned@example.com".to_owned(), enabled: Some(false), ..AccountEntry::default() };
        surface.apply(StateFile { account: vec![account], ..StateFile::default() }).await;
        gone(0).await;
        let end = serde_json::from_value(json!("2026-01-01T00:01:00Z")).unwrap();
        surface.change_pass("expired@example.com", ProxyEntry { expires_at: Some(end), ..quota(1_000) }).await;
        surface.test.advance(std::time::Duration::from_mins(1));
        gone(1).await;
        // The push that reaches the quota is charged whole, and so is one that comes too late.
        for _ in 0..2 {
            let answer = surface.push(&node, &json!({ ids[2].to_string(): [600, 400] })).await;
            assert_eq!(answer.status, 200);
        }
        gone(2).await;
        surface
            .change_pass("moved@example.com", ProxyEntry { node_group: Some("other".to_owned()), ..quota(1_000) })
            .await;
        gone(3).await;
        let user = surface.login("exhausted@example.com").await;
        assert_eq!(surface.get(&user, "v1/user/getSubscribe").await.data()["d"], 800);
    }
}

#[tokio::test]
async fn a_node_is_not_believed_what_cannot_be() {
    let surface = surface().await;
    let (_, node) = with_node(&surface, json!({})).await;
    let id = surface.member("one@example.com", "g", quota(1 << 40)).await;
    let foreign = surface.member("two@example.com", "other", quota(1 << 40)).await;
    for body in [
        format!(r#"{{"{id}":[-1,0]}}"#),
        format!(r#"{{"{id}":[1.5,0]}}"#),
        format!(r#"{{"{id}":["1",0]}}"#),
        format!(r#"{{"{id}":[1,0],"{id}":[1,0]}}"#),
        format!(r#"{{"{id}":[1,{}]}}"#, (1_i64 << 40) + 1),
        format!(r#"{{"{id}":[1,2,3]}}"#),
        "[[1,2]]".to_owned(),
        "nonsense".to_owned(),
    ] {
        let answer = surface.uni(&node, "push", None, Some(body.clone())).await;
        assert_eq!((answer.status, answer.json()), (422, json!({"message": "Invalid data format"})), "{body}");
    }
    let body = json!({ id.to_string(): [1, 2], foreign.to_string(): [5, 5], "987654": [7, 7] });
    assert_eq!(surface.push(&node, &body).await.status, 200);
    assert_eq!(surface.push(&node, &json!([])).await.status, 200);
    for (email, down) in [("one@example.com", 2), ("two@example.com", 0)] {
        let user = surface.login(email).await;
        assert_eq!(surface.get(&user, "v1/user/getSubscribe").await.data()["d"], down, "{email}");
    }
    for body in ["7", r#"{"1":"192.0.2.1"}"#, r#"{"1":[7]}"#] {
        let answer = surface.uni(&node, "alive", None, Some(body.to_owned())).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["error"].is_string());
    }
}

#[tokio::test]
async fn devices_are_counted_over_nodes_and_forgotten_after_five_minutes() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let (admin, node) = with_node(&surface, json!({})).await;
        let other = surface.node(&admin, &[1], json!({"name": "Other"})).await;
        let other = Node { id: other, token: surface.node_token(&admin, other).await };
        let limited = ProxyEntry { device_limit: Some(2), ..quota(1 << 30) };
        let id = surface.member("one@example.com", "g", limited).await.to_string();
        let free = surface.member("two@example.com", "g", quota(1 << 30)).await.to_string();
        let alive = async |node: &Node, body: Value| {
            assert_eq!(surface.uni(node, "alive", None, Some(body.to_string())).await.json(), json!({"data": true}));
        };
        let list = async || surface.uni(&node, "alivelist", None, None).await.json();
        assert_eq!(list().await, json!({"alive": {}}));
        alive(&node, json!({ &id: ["192.0.2.1:443", "2001:db8::1", "[2001:db8::2]:9"], &free: ["192.0.2.9"] })).await;
        alive(&other, json!({ &id: ["192.0.2.1"] })).await;
        // The two IPv6 addresses are one network, and the address on both nodes is one device.
        assert_eq!(list().await, json!({"alive": { &id: 2 }}), "{engine:?}");
        assert_eq!(surface.shown(&admin, node.id).await["online"], 2);
        surface.post(&admin, "v2/{sp}/config/save", json!({"device_limit_mode": 0})).await.data();
        alive(&other, json!({ &id: ["192.0.2.1"] })).await;
        assert_eq!(list().await, json!({"alive": { &id: 3 }}));
        // A later report of a node is its whole set of a user.
        alive(&node, json!({ &id: ["192.0.2.7"] })).await;
        assert_eq!(list().await, json!({"alive": { &id: 2 }}));
        surface.test.advance(std::time::Duration::from_secs(301));
        surface.test.run_due_periodic().await.unwrap();
        assert_eq!(list().await, json!({"alive": {}}));
        assert_eq!(surface.shown(&admin, node.id).await["online"], 0);
        let ended = gatehouse_domain::visit::list(&surface.test.operator(), None, false, None, 100).await.unwrap();
        let why: Vec<_> = ended.iter().map(|visit| visit.ended_why.as_deref().unwrap()).collect();
        assert_eq!(why.iter().filter(|why| **why == "idle").count(), 3, "{why:?}");
        assert_eq!(why.iter().filter(|why| **why == "stale").count(), 3, "{why:?}");
    }
}

#[tokio::test]
async fn a_load_is_shown_and_survives_a_restart() {
    let surface = surface().await;
    let (admin, node) = with_node(&surface, json!({})).await;
    let load = json!({"cpu": 12.5, "mem": {"total": 8, "used": 4}, "swap": {"total": 0, "used": 0}, "disk": {"total": 9, "used": 1}});
    let answer = surface.uni(&node, "status", None, Some(load.to_string())).await;
    assert_eq!(answer.json(), json!({"data": true, "code": 0, "message": "success"}));
    assert_eq!(surface.uni(&node, "status", None, Some("[]".to_owned())).await.status, 422);
    assert_eq!(surface.shown(&admin, node.id).await["load_status"], load);
    assert_eq!(surface.uni(&node, "config", None, None).await.status, 200);
    assert_eq!(surface.shown(&admin, node.id).await["available_status"], 1);
    surface.test.app.checkins().flush(&surface.test.app).await.unwrap();
    let again = surface.test.again().await.unwrap();
    again.checkins().load(&again).await.unwrap();
    let known = again.live().nodes().nodes[0].clone();
    assert_eq!(again.checkins().of(&known).load, Some(load));
    assert_eq!(gatehouse_domain::proxy::checkin::status(&again, &known), 1);
}

#[tokio::test]
async fn settings_are_checked_and_private_keys_stay_with_the_node() {
    let surface = surface().await;
    let (admin, _) = with_node(&surface, json!({})).await;
    let reality = json!({
        "type": "vless", "name": "Reality", "host": "v.example.com", "port": "20000-30000", "server_port": 443, "rate": 1,
        "group_ids": ["1"], "show": true,
        "protocol_settings": {"tls": 2, "flow": "xtls-rprx-vision", "network": "tcp", "reality_settings": {
            "server_name": "www.example.com", "server_port": 443, "public_key": "PUBLIC", "private_key": "PRIVATE-KEY", "short_id": "ab12",
        }},
    });
    let save = async |body: &Value| surface.post(&admin, "v2/{sp}/server/manage/save", body.clone()).await;
    save(&reality).await.data();
    let node = surface.nodes(&admin).await.into_iter().find(|node| node["name"] == "Reality").unwrap();
    assert_eq!(node["protocol_settings"]["reality_settings"]["private_key"], "********");
    assert_eq!(node["port"], "20000-30000");
    let (id, settings) = (node["id"].as_i64().unwrap(), node["protocol_settings"].clone());
    // What was masked stays what it is.
    save(&json!({"id": id, "protocol_settings": settings})).await.data();
    let token = surface.node_token(&admin, id).await;
    let config = surface.get("", &format!("v1/server/UniProxy/config?node_id={id}&token={token}")).await.json();
    assert_eq!(config["tls_settings"]["private_key"], "PRIVATE-KEY");

    for (change, field) in [
        (json!({"type": "smoke"}), "type"),
        (json!({"host": "a b"}), "host"),
        (json!({"port": 70_000}), "port"),
        (json!({"server_port": 0}), "server_port"),
        (json!({"rate": "1.234"}), "rate"),
        (json!({"group_ids": [77]}), "group_ids"),
        (json!({"protocol_settings": {"tls": 1}}), "network"),
        (json!({"rate_time_ranges": [{"start": "25:00", "end": "01:00", "rate": 1}]}), "rate_time_ranges.0.start"),
        (json!({"embedded": true}), "tls"),
        (json!({"parent_id": 9999}), "parent_id"),
    ] {
        let mut body = reality.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = save(&body).await;
        assert_eq!(refused.status, 422, "{change}: {}", refused.text());
        assert!(refused.json()["errors"].get(field).is_some(), "{change}: {}", refused.text());
    }
    let answer = save(&json!({"id": 4711, "name": "x"})).await;
    assert_eq!(answer.failure(), (400, "The node does not exist".to_owned()));
}

#[tokio::test]
async fn nodes_groups_and_routes_are_kept_and_removed() {
    let surface = surface().await;
    let (admin, node) = with_node(&surface, json!({})).await;
    let post = async |path: &str, body: Value| surface.post(&admin, &format!("v2/{{sp}}/server/{path}"), body).await;
    let route = json!({"remarks": "no torrents", "match": ["protocol:bittorrent"], "action": "block"});
    post("route/save", route).await.data();
    assert_eq!(post("route/save", json!({"remarks": "x", "match": [], "action": "block"})).await.status, 422);
    assert_eq!(post("route/save", json!({"remarks": "x", "match": ["a"], "action": "explode"})).await.status, 422);
    let routes = surface.get(&admin, "v2/{sp}/server/route/fetch").await.data();
    let route = routes[0]["id"].as_i64().unwrap();
    post("manage/save", json!({"id": node.id, "route_ids": [route]})).await.data();
    let config = surface.uni(&node, "config", None, None).await.json();
    let expected = json!([{"id": route, "match": ["protocol:bittorrent"], "action": "block", "action_value": ""}]);
    assert_eq!(config["routes"], expected);
    post("route/drop", json!({"id": route})).await.data();
    assert!(surface.uni(&node, "config", None, None).await.json().get("routes").is_none());
    assert_eq!(post("route/drop", json!({"id": route})).await.status, 400);

    assert_eq!(post("group/drop", json!({"id": 1})).await.failure().1, "The group is in use and cannot be deleted");
    assert_eq!(post("group/save", json!({"name": "g"})).await.status, 400);
    post("manage/copy", json!({"id": node.id})).await.data();
    let nodes = surface.nodes(&admin).await;
    let copy = nodes.iter().find(|other| other["id"] != node.id).unwrap();
    assert_eq!((&copy["name"], &copy["show"]), (&json!("A node"), &json!(false)));
    assert_ne!(surface.node_token(&admin, copy["id"].as_i64().unwrap()).await, node.token);
    post("manage/sort", json!({"ids": [copy["id"], node.id]})).await.data();
    let order: Vec<Value> = surface.nodes(&admin).await.iter().map(|node| node["id"].clone()).collect();
    assert_eq!(order, [copy["id"].clone(), json!(node.id)]);
    assert_eq!(post("manage/drop", json!({})).await.status, 422);
    post("manage/batchDelete", json!({"ids": [copy["id"], node.id]})).await.data();
    assert!(surface.nodes(&admin).await.is_empty());
    post("group/drop", json!({"id": 1})).await.data();

    let key = post("manage/generateEchKey", json!({"public_name": "example.com"})).await.data();
    assert!(key["key"].as_str().unwrap().starts_with("-----BEGIN ECH KEYS-----\n"));
    assert!(key["config"].as_str().unwrap().starts_with("-----BEGIN ECH CONFIGS-----\n"));
    assert_eq!(post("manage/generateEchKey", json!({"public_name": "-"})).await.status, 422);
}

#[tokio::test]
async fn the_state_file_sets_up_nodes_of_others() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let file = |tags: Value| {
        let file = json!({
            "node_group": [{"name": "g"}],
            "node_route": [{"key": "mail", "match": ["port:25"], "action": "block"}],
            "node": [{
                "type": "vmess", "code": "far", "embedded": false, "host": "far.example.com", "port": 443, "rate": 1.5, "groups": ["g"],
                "routes": ["mail"], "tags": tags, "protocol_settings": {"tls": 1, "network": "ws", "network_settings": {"path": "/v"}},
            }],
        });
        serde_json::from_value::<StateFile>(file).unwrap()
    };
    surface.apply(file(json!(["a"]))).await;
    let first = surface.nodes(&admin).await;
    assert_eq!((&first[0]["type"], &first[0]["rate"], &first[0]["show"]), (&json!("vmess"), &json!(1.5), &json!(true)));
    assert_eq!(first[0]["protocol_settings"]["network_settings"]["path"], "/v");
    let routes = surface.get(&admin, "v2/{sp}/server/route/fetch").await.data();
    assert_eq!(first[0]["route_ids"], json!([routes[0]["id"]]));
    surface.apply(file(json!(["a"]))).await;
    assert_eq!(surface.nodes(&admin).await, first, "the same file again changes nothing");
    surface.apply(file(json!(["b"]))).await;
    let second = surface.nodes(&admin).await;
    assert_eq!((&second[0]["id"], &second[0]["tags"]), (&first[0]["id"], &json!(["b"])));
}
