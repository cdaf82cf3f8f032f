//! Settings of the panel through the admin API.

use gatehouse_domain::apply::{self, Applied, Change, Mode, StateFile};
use serde_json::{Value, json};

use crate::support::surface;

#[tokio::test]
async fn settings_are_shown_flat_and_by_group_and_saved_all_or_none() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let shown = surface.get(&admin, "v2/{sp}/config/fetch").await.data();
    for name in ["app_name", "app_url", "secure_path", "server_pull_interval", "server_push_interval"] {
        assert!(shown.get(name).is_some(), "{name}");
    }
    assert_eq!(shown["server"]["server_token"], "********");
    let revealed = surface.get(&admin, "v2/{sp}/config/fetch?key=server&reveal=1").await.data();
    assert_eq!(revealed["server"]["server_token"].as_str().unwrap().len(), 32);
    assert!(revealed.get("site").is_none());

    let save = async |body| surface.post(&admin, "v2/{sp}/config/save", body).await;
    assert_eq!(save(json!({"app_name": "A house", "stop_register": 1, "no_such_key": 1})).await.data(), true);
    let site = surface.get(&admin, "v2/{sp}/config/fetch?key=site").await.data()["site"].clone();
    assert_eq!((&site["app_name"], &site["stop_register"]), (&json!("A house"), &json!(1)));
    let refused = save(json!({"app_name": "Another", "logo": "javascript:alert(1)"})).await;
    assert_eq!(refused.status, 422);
    assert!(refused.json()["errors"]["logo"].is_array());
    assert_eq!(surface.get(&admin, "v2/{sp}/config/fetch").await.data()["app_name"], "A house");
}

#[tokio::test]
async fn a_masked_secret_stays_what_it_is() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let token =
        async || surface.get(&admin, "v2/{sp}/config/fetch?reveal=1").await.data()["server"]["server_token"].clone();
    let before = token().await;
    surface.post(&admin, "v2/{sp}/config/save", json!({"server_token": "********"})).await.data();
    assert_eq!(token().await, before);
    surface.post(&admin, "v2/{sp}/config/save", json!({"server_token": "0123456789abcdef"})).await.data();
    assert_eq!(token().await, "0123456789abcdef");
    surface.post(&admin, "v2/{sp}/config/save", json!({"server_token": null})).await.data();
    assert!(token().await.is_null());
}

#[tokio::test]
async fn a_new_secure_path_acts_at_once_and_a_colliding_one_is_refused() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let old = surface.secure_path();
    for path in ["short", "passport", "with space", "a/b/c/d/e"] {
        assert_eq!(
            surface.post(&admin, "v2/{sp}/config/save", json!({"secure_path": path})).await.status,
            422,
            "{path}"
        );
    }
    surface.post(&admin, "v2/{sp}/config/save", json!({"secure_path": "another-path"})).await.data();
    assert_eq!(surface.get(&admin, &format!("v2/{old}/config/fetch")).await.status, 404);
    assert_eq!(surface.get(&admin, "v2/another-path/config/fetch").await.status, 200);
}

#[tokio::test]
async fn a_state_file_writes_the_settings_that_differ_and_says_what_is_wrong() {
    let surface = surface().await;
    let apply = async |settings: Value| {
        let mut file: StateFile = serde_json::from_value(json!({"panel": {"settings": settings}})).unwrap();
        let read =
            |name: &str| if name == "smtp" { Ok("mail password\n".to_owned()) } else { Err("no such".to_owned()) };
        let unread = file.read_files(read);
        assert!(unread.is_empty(), "{unread:?}");
        apply::apply(&surface.test.operator(), &file, Mode::Write).await.unwrap()
    };
    let changed = async |settings| match apply(settings).await {
        Applied::Done(items) => items[0].change,
        Applied::Refused(problems) => panic!("{problems:?}"),
    };
    let settings =
        json!({"app_name": "A house", "stop_register": true, "email_password_file": "smtp", "email_port": 2525});
    assert_eq!(changed(settings.clone()).await, Change::Updated);
    assert_eq!(changed(settings).await, Change::Unchanged);
    surface.test.app.live().refresh(&surface.test.app).await.unwrap();
    let live = surface.test.app.live().panel();
    assert_eq!((live.app_name.as_str(), live.stop_register, live.email_port), ("A house", true, 2_525));
    assert_eq!(live.email_password.as_ref().unwrap().expose(), "mail password");
    for wrong in [json!({"no_such": 1}), json!({"logo": "javascript:x"}), json!({"app_name_file": "smtp"})] {
        assert!(matches!(apply(wrong.clone()).await, Applied::Refused(_)), "{wrong}");
    }
}

#[tokio::test]
async fn a_state_file_says_what_the_panel_keeps_with_a_pass() {
    let surface = surface().await;
    let plan = "INSERT INTO plan (key, name, tags, transfer_gib, speed_limit, is_shown, is_sold, is_renewable, created_at, updated_at) \
                VALUES ('gold', 'Gold', '[]', 2, 50, 1, 1, 1, 0, 0)";
    surface.test.execute(plan).await.unwrap();
    let apply = async |proxy: Value| {
        let account = json!({"login": "guest@example.com", "email": "guest@example.com", "proxy": proxy});
        let file = json!({"account": [{"login": "host@example.com", "proxy": {}}, account]});
        let file: StateFile = serde_json::from_value(file).unwrap();
        apply::apply(&surface.test.operator(), &file, Mode::Write).await.unwrap()
    };
    let changed = async |proxy| match apply(proxy).await {
        Applied::Done(items) => items.iter().find(|item| item.kind == "account.proxy").unwrap().change,
        Applied::Refused(problems) => panic!("{problems:?}"),
    };
    let proxy = json!({
        "plan": "gold", "inviter": "host@example.com", "discount": 10, "commission_rate": 20, "remind_traffic": false,
        "remark": "a note", "device_limit": 3
    });
    assert_eq!(changed(proxy.clone()).await, Change::Updated);
    assert_eq!(changed(proxy).await, Change::Unchanged);
    let admin = surface.admin().await;
    let filter = json!({"filter": [{"id": "email", "value": "eq:guest@example.com"}]});
    let user = surface.post(&admin, "v2/{sp}/user/fetch", filter).await.json()["data"][0].clone();
    let facts = [("discount", 10), ("commission_rate", 20), ("speed_limit", 50), ("device_limit", 3)];
    for (name, value) in facts {
        assert_eq!(user[name], value, "{name}");
    }
    assert_eq!((&user["plan"]["name"], &user["remarks"]), (&json!("Gold"), &json!("a note")));
    assert_eq!((&user["remind_traffic"], &user["transfer_enable"]), (&json!(false), &json!(2_i64 << 30)));
    assert!(user["invite_user_id"].is_i64());
    let wrong = [
        json!({"plan": "no-such"}),
        json!({"discount": 101}),
        json!({"inviter": "guest@example.com"}),
        json!({"commission_type": 3}),
    ];
    for wrong in wrong {
        assert!(matches!(apply(wrong.clone()).await, Applied::Refused(_)), "{wrong}");
    }
}
