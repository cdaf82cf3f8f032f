//! Things and rights of a test, made by a state file.

use gatehouse_domain::apply::{self, Applied, Mode, StateFile};
use serde_json::{Value, json};

use crate::support::{Client, Surface};

/// Applies a state file.
pub(crate) async fn apply_state(surface: &Surface, state: Value) {
    let file: StateFile = serde_json::from_value(state).unwrap();
    match apply::apply(&surface.test.operator(), &file, Mode::Write).await.unwrap() {
        Applied::Done(_) => {}
        Applied::Refused(problems) => panic!("{problems:#?}"),
    }
}

/// Makes a member of staff who holds codes on groups, and nothing else of note.
pub(crate) async fn member<'a>(surface: &'a Surface, login: &str, codes: &[&str], grants: Value) -> Client<'a> {
    let codes: Vec<&str> = codes.iter().copied().chain(["user.profile.read"]).collect();
    let client = surface.person(login, &codes).await;
    apply_state(surface, json!({ "role": [{ "code": format!("role-of-{login}"), "grants": grants }] })).await;
    client
}

/// What a wrong or missing parameter answers, with a text.
pub(crate) fn bad(text: &str) -> String {
    format!(r#"400 {{"code":400,"msg":"参数错误","detail":{}}}"#, Value::from(text))
}

/// What faults of fields answer.
pub(crate) fn faulty(detail: &str) -> String {
    format!(r#"400 {{"code":400,"msg":"参数错误","detail":{detail}}}"#)
}

pub(crate) const OK: &str = r#"200 {"code":200,"msg":"OK"}"#;
pub(crate) const FORBIDDEN: &str = r#"403 {"code":403,"msg":"权限错误","detail":"您无当前权限访问"}"#;
pub(crate) const NOT_FOUND: &str = r#"404 {"code":404,"msg":"未找到","detail":"未找到。"}"#;
pub(crate) const UNAUTHENTICATED: &str = r#"401 {"code":401,"msg":"未登录","detail":"未登录或Token过期"}"#;

/// The successful deletion of so many.
pub(crate) fn deleted(total: u32) -> String {
    format!(r#"200 {{"code":200,"msg":"OK","total":{total}}}"#)
}

/// The ids of a list, in its order.
pub(crate) fn ids(answer: &Value) -> Vec<i64> {
    answer["detail"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// The keys of an object, in their order.
pub(crate) fn keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('"') {
        let Some((word, after)) = after.split_once('"') else { break };
        if after.starts_with(':') {
            keys.push(word.to_owned());
        }
        rest = after;
    }
    keys
}
