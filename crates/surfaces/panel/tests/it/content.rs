//! Notices and the knowledge base.

use gatehouse_model::AccountId;
use serde_json::{Value, json};

use crate::support::{Surface, surface};

async fn save(surface: &Surface, admin: &str, what: &str, body: Value) {
    assert_eq!(surface.post(admin, &format!("v2/{{sp}}/{what}/save"), body).await.data(), true);
}

#[tokio::test]
async fn users_see_shown_notices_five_on_a_page() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.notice"]).await;
    for number in 0..7 {
        let notice = json!({"title": format!("n{number}"), "content": "<b>hello</b>", "tags": ["弹窗"], "show": 1});
        save(&surface, &staff, "notice", notice).await;
    }
    save(&surface, &staff, "notice", json!({"title": "hidden", "content": "x", "img_url": "https://a.example/i.png"}))
        .await;
    let page = surface.get(&token, "v1/user/notice/fetch?t=123").await.json();
    assert_eq!(page.as_object().unwrap().keys().collect::<Vec<_>>(), ["data", "total"]);
    assert_eq!((page["total"].clone(), page["data"].as_array().unwrap().len()), (json!(7), 5));
    let first = &page["data"][0];
    let at = first["created_at"].clone();
    let expected = json!({"id": first["id"], "title": "n6", "content": "<b>hello</b>", "img_url": null, "tags": ["弹窗"],
        "show": true, "sort": null, "created_at": at, "updated_at": at});
    assert_eq!(first, &expected);
    let second = surface.get(&token, "v1/user/notice/fetch?current=2").await.json();
    assert_eq!(second["data"].as_array().unwrap().len(), 2);
    for current in ["0", "-5", "x"] {
        let page = surface.get(&token, &format!("v1/user/notice/fetch?current={current}")).await.json();
        assert_eq!(page["data"][0]["title"], "n6");
    }
    let far = surface.get(&token, "v1/user/notice/fetch?current=9223372036854775807").await.json();
    assert_eq!((far["total"].clone(), far["data"].clone()), (json!(7), json!([])));
}

#[tokio::test]
async fn staff_write_notices() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.notice"]).await;
    let post = async |what: &str, body: Value| surface.post(&staff, &format!("v2/{{sp}}/notice/{what}"), body).await;
    for (body, text) in [
        (json!({"content": "x"}), "Title cannot be empty"),
        (json!({"title": "x"}), "Content cannot be empty"),
        (json!({"title": "x".repeat(256), "content": "x"}), "The value of title is not valid"),
        (json!({"title": "x", "content": "x", "img_url": "javascript:alert(1)"}), "The value of img_url is not valid"),
        (json!({"title": "x", "content": "x", "img_url": "https://"}), "The value of img_url is not valid"),
        (json!({"title": "x", "content": "x", "tags": [{"a": 1}]}), "The value of tags is not valid"),
        (json!({"title": "x", "content": "x", "show": 2}), "The value of show is not valid"),
    ] {
        assert_eq!(post("save", body).await.failure(), (422, text.to_owned()));
    }
    for title in ["a", "b"] {
        post("save", json!({"title": title, "content": "x", "tags": "p, q", "show": true})).await.data();
    }
    let all = surface.get(&staff, "v2/{sp}/notice/fetch").await;
    assert_eq!(all.json()["total"], 2);
    let all = all.data();
    let (b, a) = (all[0]["id"].clone(), all[1]["id"].clone());
    assert_eq!((&all[0]["title"], &all[0]["tags"]), (&json!("b"), &json!(["p", "q"])));
    post("save", json!({"id": a, "title": "a2", "content": "y"})).await.data();
    post("sort", json!({"ids": [a, b]})).await.data();
    post("show", json!({"id": b})).await.data();
    let seen = surface.get(&token, "v1/user/notice/fetch").await.json();
    assert_eq!((&seen["total"], &seen["data"][0]["title"]), (&json!(1), &json!("a2")));
    post("update", json!({"id": b, "show": true})).await.data();
    assert_eq!(surface.get(&token, "v1/user/notice/fetch").await.json()["data"][1]["title"], "b");
    post("drop", json!({"id": a})).await.data();
    for (what, body) in [
        ("drop", json!({"id": a})),
        ("show", json!({"id": a})),
        ("update", json!({"id": a, "show": 1})),
        ("save", json!({"id": a, "title": "x", "content": "x"})),
        ("sort", json!({"ids": [b, a]})),
    ] {
        assert_eq!(post(what, body).await.failure(), (400, "The notice does not exist".to_owned()), "{what}");
    }
    for what in ["drop", "show", "update"] {
        assert_eq!(post(what, json!({"show": 1})).await.status, 422, "no id is no first row");
    }
    assert_eq!(surface.get(&staff, "v2/{sp}/notice/fetch").await.json()["total"], 1);
}

async fn subscribe(surface: &Surface, user: AccountId) {
    surface.test.execute(&format!("UPDATE proxy_pass SET quota = 1000 WHERE account_id = {user}")).await.unwrap();
}

#[tokio::test]
async fn articles_are_grouped_and_show_subscribers_what_is_theirs() {
    let surface = surface().await;
    let user = surface.user("user@example.com").await;
    surface.test.execute("UPDATE proxy_pass SET quota = 0").await.unwrap();
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.knowledge"]).await;
    let body = "{{siteName}} <!--access start-->{{subscribeUrl}}<!--access end--> {{urlEncodeSubscribeUrl}} {{safeBase64SubscribeUrl}}";
    let article = |category: &str, title: &str, language: &str| json!({"category": category, "title": title, "body": body, "language": language, "show": 1});
    for (category, title, language) in [
        ("Apps", "50%_off", "zh-CN"),
        ("Apps", "Clash", "zh-CN"),
        ("FAQ", "Why", "zh-CN"),
        ("Apps", "English", "en-US"),
    ] {
        save(&surface, &staff, "knowledge", article(category, title, language)).await;
    }
    save(&surface, &staff, "knowledge", json!({"category": "X", "title": "draft", "body": "b", "language": "zh-CN"}))
        .await;
    let fetch = async |query: &str| surface.get(&token, &format!("v1/user/knowledge/fetch{query}")).await;
    let all = fetch("").await.data();
    assert_eq!(all.as_object().unwrap().keys().collect::<Vec<_>>(), ["Apps", "FAQ"]);
    assert_eq!(all["Apps"].as_array().unwrap().len(), 2);
    let id = all["FAQ"][0]["id"].clone();
    let shown = all["FAQ"][0]["body"].as_str().unwrap();
    let held = "<div class=\"v2board-no-access\">You must have a valid subscription to view content in this area</div>";
    assert!(shown.starts_with(&format!("Gatehouse {held}")), "{shown}");
    subscribe(&surface, user).await;
    let link = surface.get(&token, "v1/user/getSubscribe").await.data()["subscribe_url"].as_str().unwrap().to_owned();
    let one = fetch(&format!("?id={id}")).await.data();
    assert_eq!(one.as_object().unwrap().keys().collect::<Vec<_>>(), ["body", "category", "id", "title", "updated_at"]);
    assert!(
        one["body"]
            .as_str()
            .unwrap()
            .starts_with(&format!("Gatehouse <!--access start-->{link}<!--access end--> %2Fs%2F")),
        "{one}"
    );
    // What is typed is no pattern.
    for (keyword, found) in
        [("%25", 1), ("_", 1), ("50%25_", 1), ("clash", 1), ("CLASH", 1), ("%25%25", 0), ("sitename", 3)]
    {
        let groups = fetch(&format!("?keyword={keyword}")).await.data();
        let count: usize = groups.as_object().unwrap().values().map(|group| group.as_array().unwrap().len()).sum();
        assert_eq!(count, found, "{keyword}");
    }
    assert_eq!(fetch("?keyword=nothing").await.data(), json!({}));
    assert_eq!(fetch(&format!("?keyword={}", "x".repeat(256))).await.status, 422);
    assert_eq!(fetch("?language=en-US").await.data()["Apps"][0]["title"], "English");
    let categories = surface.get(&token, "v1/user/knowledge/getCategory").await.data();
    assert_eq!(categories, json!(["Apps", "FAQ"]));
    for id in ["999", "x", "-1"] {
        assert_eq!(fetch(&format!("?id={id}")).await.failure(), (400, "Article does not exist".to_owned()));
    }
}

#[tokio::test]
async fn staff_write_articles() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.knowledge"]).await;
    let post = async |what: &str, body: Value| surface.post(&staff, &format!("v2/{{sp}}/knowledge/{what}"), body).await;
    let full = json!({"category": "c", "language": "zh-CN", "title": "t", "body": "b"});
    for (missing, text) in [
        ("category", "Category cannot be empty"),
        ("language", "Language cannot be empty"),
        ("title", "Title cannot be empty"),
        ("body", "Content cannot be empty"),
    ] {
        let mut body = full.clone();
        body[missing] = Value::Null;
        assert_eq!(post("save", body).await.failure(), (422, text.to_owned()));
    }
    post("save", full).await.data();
    let listed = surface.get(&staff, "v2/{sp}/knowledge/fetch").await.data();
    assert_eq!((&listed[0]["show"], listed[0].get("body")), (&json!(false), None));
    let id = listed[0]["id"].clone();
    post("show", json!({"id": id})).await.data();
    assert_eq!(surface.get(&token, &format!("v1/user/knowledge/fetch?id={id}")).await.data()["title"], "t");
    let change = json!({"id": id, "category": "d", "language": "zh-CN", "title": "u", "body": "v"});
    post("save", change).await.data();
    let one = surface.get(&staff, &format!("v2/{{sp}}/knowledge/fetch?id={id}")).await.data();
    assert_eq!((&one["body"], &one["show"], &one["category"]), (&json!("v"), &json!(true), &json!("d")));
    assert_eq!(surface.get(&staff, "v2/{sp}/knowledge/getCategory").await.data(), json!(["d"]));
    post("sort", json!({"ids": [id]})).await.data();
    post("drop", json!({"id": id})).await.data();
    for what in ["drop", "show"] {
        assert_eq!(post(what, json!({"id": id})).await.failure(), (400, "Article does not exist".to_owned()));
    }
}

#[tokio::test]
async fn a_state_file_writes_what_the_panel_tells() {
    use gatehouse_domain::apply::{self, Applied, Change, Mode, StateFile};

    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let operator = surface.test.operator();
    let apply = async |panel: Value| {
        let file: StateFile = serde_json::from_value(json!({"panel": panel})).unwrap();
        match apply::apply(&operator, &file, Mode::Write).await.unwrap() {
            Applied::Done(items) => Ok(items.into_iter().map(|item| item.change).collect::<Vec<_>>()),
            Applied::Refused(problems) => Err(problems),
        }
    };
    let full = json!({
        "notice": [{"key": "n", "title": "Hello", "content": "all", "tags": ["a"]}],
        "knowledge": [{"key": "k", "category": "FAQ", "title": "Why", "body": "Because"}],
        "gift_template": [{"key": "g", "rewards": {"balance": 100}, "limits": {"max_use_per_user": 1}}],
        "module": {"real_name_verification": {"enabled": false, "config": {"min_age": 18}}},
    });
    let created = [Change::Created, Change::Created, Change::Created, Change::Updated];
    assert_eq!(apply(full.clone()).await.unwrap(), created);
    assert_eq!(apply(full).await.unwrap(), [Change::Unchanged; 4]);
    surface.test.app.live().refresh(&surface.test.app).await.unwrap();
    assert_eq!(surface.get(&token, "v1/user/notice/fetch").await.json()["data"][0]["title"], "Hello");
    assert_eq!(surface.get(&token, "v1/user/knowledge/fetch").await.data()["FAQ"][0]["body"], "Because");
    assert_eq!(surface.get(&token, "v1/user/real-name-verification/status").await.status, 404);
    let changed = json!({"notice": [{"key": "n", "title": "Bye"}], "knowledge": [{"key": "k", "state": "absent"}],
        "gift_template": [{"key": "g", "state": "absent"}]});
    assert_eq!(apply(changed).await.unwrap(), [Change::Updated, Change::Removed, Change::Removed]);
    assert_eq!(surface.get(&token, "v1/user/notice/fetch").await.json()["data"][0]["content"], "all");
    for wrong in [
        json!({"notice": [{"key": "x"}]}),
        json!({"notice": [{"key": "n"}, {"key": "n"}]}),
        json!({"knowledge": [{"key": "", "category": "c", "title": "t", "body": "b"}]}),
        json!({"gift_template": [{"key": "x", "rewards": {"balance": -1}}]}),
        json!({"gift_template": [{"key": "x", "type": 2, "rewards": {"plan": "none", "plan_validity_days": 1}}]}),
        json!({"module": {"no_such": {}}}),
        json!({"module": {"real_name_verification": {"config": {"no_such": 1}}}}),
        json!({"module": {"real_name_verification": {"config": {"min_age": "old"}}}}),
    ] {
        assert!(apply(wrong.clone()).await.is_err(), "{wrong}");
    }
}
