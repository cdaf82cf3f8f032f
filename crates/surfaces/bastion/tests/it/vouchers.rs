//! seeds/003 operations 28–31: vouchers. No reply has a secret.

use serde_json::{Value, json};

use crate::{
    rights::{FORBIDDEN, NOT_FOUND, OK, UNAUTHENTICATED, apply_state, bad, deleted, faulty, ids, keys, member},
    support::Surface,
};

/// Made for this test by `ssh-keygen`, with and without the passphrase `pass`; guards nothing.
fn key(passphrase: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k");
    let done = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-f"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(done.success());
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn a_voucher_takes_a_password_or_a_key() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let add = async |body: Value| admin.post("resource/voucher/add/", body).await.line();
    let with = |more: Value| {
        let mut body = json!({"name": "v", "username": "root", "group": 1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let either =
        faulty(r#"{"password":["password与private_key必须二选一"],"private_key":["password与private_key必须二选一"]}"#);
    assert_eq!(add(with(json!({}))).await, either);
    assert_eq!(add(with(json!({"password": null, "private_key": null}))).await, either);
    assert_eq!(add(with(json!({"password": "p", "private_key": "k"}))).await, either);
    assert_eq!(add(with(json!({"password": ""}))).await, faulty(r#"{"password":["该字段不能为空。"]}"#));
    assert_eq!(add(with(json!({"private_key": "k"}))).await, faulty(r#"{"private_key":["私钥格式错误"]}"#));
    let (plain, locked) = (key(""), key("pass"));
    let text = r#"{"private_key":["私钥已加密,请提供passphrase"]}"#;
    assert_eq!(add(with(json!({ "private_key": locked }))).await, faulty(text));
    let text = r#"{"passphrase":["私钥密码错误"]}"#;
    assert_eq!(add(with(json!({"private_key": locked, "passphrase": "no"}))).await, faulty(text));
    assert_eq!(add(with(json!({"private_key": locked, "passphrase": "pass"}))).await, OK);
    let text = r#"{"name":["名称已被占用"]}"#;
    assert_eq!(add(with(json!({"password": "neutral-secret-1"}))).await, faulty(text));
    let long = "p".repeat(257);
    let text = r#"{"password":["请确保这个字段不能超过 256 个字符。"],"name":["名称已被占用"]}"#;
    assert_eq!(add(with(json!({ "password": long }))).await, faulty(text));
    assert_eq!(add(json!({"name": "w", "username": "root", "password": "p"})).await, bad("错误参数"));
    assert_eq!(add(json!({"name": "w", "username": "root", "password": "p", "group": 99})).await, NOT_FOUND);
    let text = r#"{"username":["该字段是必填项。"]}"#;
    assert_eq!(add(json!({"name": "w", "password": "p", "group": 1})).await, faulty(text));
    assert_eq!(
        add(json!({"name": "w", "username": "root", "private_key": plain, "password": null, "group": 1})).await,
        OK
    );
}

#[tokio::test]
async fn no_reply_has_a_secret() {
    let surface = Surface::new().await;
    let state = json!({
        "resource_group": [{"name": "a"}],
        "voucher": [{"name": "v", "group": "a", "username": "root", "password": "Pa55 word"}],
        "resource": [{"name": "r", "group": "a", "address": "10.0.0.1", "vouchers": ["v"]}],
    });
    apply_state(&surface, state).await;
    let admin = surface.administrator().await;
    for path in ["resource/voucher/get/", "resource/resource/get/", "audit/opera/get/?all=true"] {
        let text = admin.get(path).await.text();
        assert!(!text.contains("Pa55"), "{text}");
        let secrets = ["password", "private_key", "secret", "passphrase"];
        assert!(keys(&text).iter().all(|key| !secrets.contains(&key.as_str())), "{text}");
    }
    let expected = concat!(
        r#"200 {"code":200,"msg":"OK","total":1,"detail":[{"id":1,"name":"v","username":"root","description":null,"#,
        r#""create_date":"2026-01-01T08:00:00+08:00","update_date":"2026-01-01T08:00:00+08:00","group":2}],"extra":null}"#
    );
    assert_eq!(admin.get("resource/voucher/get/").await.line(), expected);
    // Refusals do not repeat what was sent, either.
    let body = json!({"id": 1, "private_key": "not a key but secret", "password": null});
    assert_eq!(admin.post("resource/voucher/edit/", body).await.line(), faulty(r#"{"private_key":["私钥格式错误"]}"#));
}

#[tokio::test]
async fn a_voucher_is_edited_moved_and_deleted() {
    let surface = Surface::new().await;
    let state = json!({
        "resource_group": [{"name": "a"}, {"name": "b", "parent": "a"}, {"name": "c"}],
        "voucher": [{"name": "v", "group": "a", "username": "root", "password": "p"},
            {"name": "w", "group": "c", "username": "root", "password": "p"}],
        "resource": [{"name": "r", "group": "a", "address": "10.0.0.1", "vouchers": ["v"]}],
    });
    apply_state(&surface, state).await;
    let admin = surface.administrator().await;
    let edit = async |body: Value| admin.post("resource/voucher/edit/", body).await.line();
    let sample = json!({"id": 1, "name": "ptp", "username": "root", "password": "neutral-secret-1", "private_key": null,
        "description": null, "group": 2});
    assert_eq!(edit(sample).await, OK);
    assert_eq!(edit(json!({"id": 1, "password": null, "private_key": null})).await, OK, "both null keep the secret");
    let either =
        r#"{"password":["password与private_key必须二选一"],"private_key":["password与private_key必须二选一"]}"#;
    assert_eq!(edit(json!({"id": 1, "password": "p", "private_key": "k"})).await, faulty(either));
    assert_eq!(edit(json!({"id": 1, "group": 3})).await, bad("有关联当前组数据,无法切组"));
    assert_eq!(edit(json!({"name": "x"})).await, bad("错误参数"));
    assert_eq!(edit(json!({"id": 99})).await, NOT_FOUND);
    assert_eq!(edit(json!({"id": 1, "name": "w"})).await, faulty(r#"{"name":["名称已被占用"]}"#));
    let me = member(&surface, "me", &[], json!([{"group": "a", "codes": ["all"]}])).await;
    let refused = r#"403 {"code":403,"msg":"权限错误","detail":"无切换组权限,即添加新组和删除旧组的组合权限"}"#;
    assert_eq!(me.post("resource/voucher/edit/", json!({"id": 1, "group": 4})).await.line(), refused);
    assert_eq!(ids(&me.get("resource/voucher/get/?group=2").await.json()), [1]);
    for id in [2, 99] {
        assert_eq!(me.post("resource/voucher/edit/", json!({"id": id})).await.line(), FORBIDDEN);
        assert_eq!(me.post("resource/voucher/del/", json!({"id_list": [1, id]})).await.line(), FORBIDDEN);
        let body = json!({"name": "x", "username": "u", "password": "p", "group": id + 2});
        assert_eq!(me.post("resource/voucher/add/", body).await.line(), FORBIDDEN);
    }
    let nobody = surface.person("nobody", &["system.user.read"]).await;
    for path in ["add", "edit", "del"] {
        assert_eq!(nobody.post(&format!("resource/voucher/{path}/"), json!("x")).await.line(), FORBIDDEN);
        assert_eq!(surface.post(&format!("resource/voucher/{path}/"), json!("x")).await.line(), UNAUTHENTICATED);
    }
    assert_eq!(nobody.get("resource/voucher/get/").await.line(), FORBIDDEN);
    let del = async |ids: Value| admin.post("resource/voucher/del/", json!({ "id_list": ids })).await.line();
    assert_eq!(del(json!("x")).await, bad("错误参数"));
    assert_eq!(del(json!([77])).await, bad("无删除凭证条目"));
    assert_eq!(del(json!([1, 2, 2])).await, deleted(2));
    assert_eq!(admin.get("resource/resource/get/").await.json()["detail"][0]["vouchers"], json!([]));
}
