//! Names of users: any text is data, in any script, through the whole life of a user.

use gatehouse_testkit::Installation;

use crate::GATEHOUSE;

use super::system::{C, D, G, OaSystem, token};

const NAMES: [&str; 20] = [
    "newcomer",
    "张三",
    "𠜎𠜱",
    "Владимир",
    "Ünï cödé",
    "e\u{301}tienne",
    "مريم",
    "देवनागरी",
    "สมชาย",
    "👩‍👩‍👧‍👦",
    "12345",
    "o'brien",
    "\"; DROP TABLE oa_user; --",
    "' OR '1'='1",
    "a%41&b=c#d?e",
    "../../etc/passwd",
    "<b>&amp;</b>",
    "${jndi:ldap://x}",
    "a\\u0000b\\",
    "NULL",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_any_script_lives_and_goes_as_it_was_given() {
    let house = Installation::new(GATEHOUSE).with("OA__DELETE_DELAY", "0s");
    let running = house.serve("demo");
    let token = token(&house);
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    let longest = "张".repeat(150);
    for name in NAMES.into_iter().chain([longest.as_str()]) {
        oa.make(name).await;
    }
    let listed = house.run("oa user list --json").json();
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
    for name in NAMES.into_iter().chain([longest.as_str()]) {
        oa.until(C, name, &[412], 200).await;
        assert!(listed.contains(&name), "{name}");
        let text = oa.ask(D, name).await.unwrap().body;
        let text: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text["StatusString"], format!("系统已收到删除用户：{name} 的请求，已处理"));
        oa.until(D, name, &[418], 404).await;
        assert_eq!(oa.code(C, name).await, 204);
        oa.make(name).await;
    }
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_the_house_cannot_make_end_in_409_with_the_reason_and_can_be_removed() {
    let house = Installation::new(GATEHOUSE).with("OA__DELETE_DELAY", "0s");
    let running = house.serve("serve");
    let token = token(&house);
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.make("bob").await;
    house.run("account add elsewhere --email elsewhere@example.com --pass proxy").ok();
    let long = "x".repeat(151);
    for (name, reason) in [
        ("Bob", "name_taken"),
        ("ＢＯＢ", "name_taken"),
        ("elsewhere", "name_taken"),
        (" bob", "bad_name"),
        ("bob\u{3000}", "bad_name"),
        (&long, "name_too_long"),
    ] {
        assert_eq!(oa.code(G, name).await, 200, "{name:?}");
        oa.until(G, name, &[201, 102], 409).await;
        let listed = house.run("oa user list --json").json();
        let row = listed.as_array().unwrap().iter().find(|row| row["username"] == name).unwrap();
        assert_eq!(row["reason"], reason, "{name:?}");
        let text: serde_json::Value = serde_json::from_str(&oa.ask(D, name).await.unwrap().body).unwrap();
        assert_eq!(text["StatusString"], format!("系统已收到删除可能存在问题的用户：{name} 的请求，已处理"));
        oa.until(D, name, &[418], 404).await;
    }
    // What the surface did not make is still there.
    assert_eq!(oa.code(G, "bob").await, 405);
    assert_eq!(house.run("account show elsewhere --json").json()["login"], "elsewhere");
    running.stop();
}
