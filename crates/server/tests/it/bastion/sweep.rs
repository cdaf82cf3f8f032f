//! Every endpoint of the surface, at the running binary, by somebody without a token.

use std::{collections::BTreeMap, fs, path::Path};

use gatehouse_testkit::{
    Installation,
    peer::{Frame, WebSocket},
};

use super::world::address;
use crate::{
    GATEHOUSE,
    wire::{Wire, request},
};

/// Open to everybody by their nature: they are how a token is got.
const OPEN: [&str; 3] = ["rbac/login", "rbac/login/otp", "rbac/refresh"];

/// What specs/bastion.md §6.1 and §13 want, besides what is open.
const WANTED: &str = "
    POST rbac/logout rbac/user/add rbac/user/edit rbac/user/del rbac/user/reset_password rbac/user/role rbac/role/add
    rbac/role/edit rbac/role/del rbac/role/edit/permission perm/group-auth/edit resource/group/add resource/group/edit
    resource/group/del resource/resource/add resource/resource/edit resource/resource/del resource/voucher/add
    resource/voucher/edit resource/voucher/del
    rbac/user/status rbac/user/set_password rbac/user/unlock rbac/user/mfa_reset rbac/user/profile rbac/role/status
    rbac/mfa/setup rbac/mfa/confirm rbac/mfa/verify rbac/mfa/recovery rbac/mfa/disable rbac/session/del rbac/key/add
    rbac/key/del rbac/token/add rbac/token/del resource/hostkey/add resource/hostkey/approve resource/hostkey/del
    resource/policy/edit resource/rule/add resource/rule/edit resource/rule/del terminal/ticket
    terminal/session/terminate access/request/add access/request/cancel access/request/decide system/setting/edit
    GET rbac/user/get rbac/user/detail rbac/role/get rbac/role/get/permission rbac/perm perm/group-auth/get
    resource/group/get resource/resource/get resource/voucher/get audit/login/get audit/opera/get audit/session/get
    rbac/routes rbac/user/role/get rbac/mfa/get rbac/session/get rbac/key/get rbac/token/get resource/protocol/get
    resource/hostkey/get resource/policy/get resource/rule/get terminal/session/get audit/session/detail
    audit/session/replay audit/session/download audit/command/get audit/file/get audit/operation/export
    access/catalog/get access/request/get system/setting/get
    WS terminal/ssh terminal/watch";

/// Method of each wanted path.
fn wanted() -> BTreeMap<String, &'static str> {
    let mut method = "";
    let mut found = BTreeMap::new();
    for word in WANTED.split_ascii_whitespace() {
        match word {
            "POST" | "GET" | "WS" => method = word,
            path => {
                found.insert(path.to_owned(), method);
            }
        }
    }
    found
}

/// Paths that the surface's source registers: a new one is looked at, too.
fn registered(folder: &Path, found: &mut BTreeMap<String, &'static str>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            registered(&path, found);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap_or_default();
        for (verb, method) in [(".get(", "GET"), (".post(", "POST"), (".change(", "POST"), (".raw(", "WS")] {
            for rest in source.split(verb).skip(1) {
                let Some(text) = rest.trim_start().strip_prefix('"') else { continue };
                let name = text.split('"').next().unwrap_or_default();
                if name.contains('/') && !name.starts_with('/') {
                    found.insert(name.to_owned(), method);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_of_the_bastion_wants_a_token() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let base = running.url("http");
    let mut routes = wanted();
    registered(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../surfaces/bastion/src"), &mut routes);
    let mut wrong = Vec::new();
    for (path, method) in routes.into_iter().filter(|(path, _)| !OPEN.contains(&path.as_str())) {
        if method == "WS" {
            let mut socket = WebSocket::open(address(&base).unwrap(), &format!("/api/{path}/"), &[]).await.unwrap();
            let frames = [socket.message().await.unwrap(), socket.message().await.unwrap()];
            let refused = [Frame::Text("权限错误".to_owned()), Frame::Closed(4401, "auth".to_owned())];
            if frames != refused {
                wrong.push(format!("{path}: {frames:?}"));
            }
            continue;
        }
        for token in [None, Some("x.y.z")] {
            let head = format!("{method} /api/{path}/");
            let token = token.map(|token| format!("\r\nAuthorization: {token}")).unwrap_or_default();
            let asked = request(&head, Some(&format!("application/json{token}")), "{}");
            let answer = Wire::connect(&base).await.unwrap().exchange(asked).await.unwrap();
            if answer.status != 401 || !answer.body.contains("\"code\":401") {
                wrong.push(format!("{head}{token}: {} {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    running.stop();
}
