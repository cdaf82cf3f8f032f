//! Every action with no, a wrong, an old and a foreign credential: each gets code 4, and nothing is written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gatehouse_store::{Query, args, sql};
use gatehouse_testkit::Installation;

use super::caller::{Caller, now, post};
use crate::{GATEHOUSE, oa};

/// Controllers and actions as the surface's source names them: a new one is swept without being listed anywhere.
fn actions() -> Vec<(String, String)> {
    let mut actions = Vec::new();
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../surfaces/vpn/src"))];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                actions.extend(action_of(&path));
            }
        }
    }
    actions.sort();
    actions
}

fn action_of(file: &Path) -> Option<(String, String)> {
    let source = fs::read_to_string(file).unwrap();
    let quoted = |key: &str| Some(source.split_once(&format!("{key}: \""))?.1.split_once('"')?.0.to_owned());
    Some((quoted("    controller")?, quoted("    action")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_refuses_whoever_did_not_sign() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("demo");
    let base = running.url("http");
    let caller = Caller::of(&house, &base);
    let oa_token = oa::system::token(&house);
    let stranger = Caller { base: base.clone(), secret: oa_token.clone() };
    let old = Caller::of(&house, &base);
    house.run("vpn secret rotate").ok();
    let caller = Caller { secret: Caller::of(&house, &base).secret, ..caller };
    assert_ne!(old.secret, caller.secret);
    let database = house.database().await;
    let written = sql!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM audit WHERE stream = 'change'");
    let count = async || database.read().one::<(i64,)>(written, args![]).await.unwrap();
    let before = count().await;

    let now = now();
    let victim =
        [("username", "user1"), ("name", "victim"), ("parent_group", "/"), ("names", "user1"), ("enable", "0")];
    let refused = r#"{"code":4,"success":false,"message":"sinfor_apitoken\u63a5\u53e3\u8ba4\u8bc1\u9519\u8bef","readOnlyInfo":null}"#;
    let mut table = String::new();
    let actions = actions();
    for (controller, action) in &actions {
        let (c, a) = (controller.as_str(), action.as_str());
        let zeros = "0".repeat(64);
        let answers = [
            ("none", post(&base, c, a, "name=victim".to_owned()).await),
            ("empty", post(&base, c, a, "timestamp=&sinfor_apitoken=".to_owned()).await),
            ("wrong", post(&base, c, a, format!("timestamp={now}&sinfor_apitoken={zeros}")).await),
            ("secret", post(&base, c, a, format!("timestamp={now}&sinfor_apitoken={}", caller.secret)).await),
            ("oa token", post(&base, c, a, format!("timestamp={now}&sinfor_apitoken={oa_token}")).await),
            ("by an oa token", stranger.call_at(now, c, a, &victim).await),
            ("by the old secret", old.call_at(now, c, a, &victim).await),
            ("301 s ago", caller.call_at(now - 302, c, a, &victim).await),
            ("301 s ahead", caller.call_at(now + 330, c, a, &victim).await),
        ];
        for (credential, answer) in answers {
            table += &format!("{controller:<9} {action:<22} {credential:<18} {} {}\n", answer.status, answer.body);
            assert_eq!((answer.status, answer.body.as_str()), (200, refused), "{controller} {action} {credential}");
        }
    }
    println!("{table}");
    assert!(actions.len() >= 4, "{actions:?}");
    assert_eq!(count().await, before, "nothing was written");
    assert_eq!(caller.call("Updater", "UpdaterCloud", &[]).await["code"], 0, "whoever signs is let through");
    database.close().await;
    running.stop();
}
