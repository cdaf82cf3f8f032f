//! Random requests: 2,000 of them, and on for `FUZZ_SECONDS` where that is set:
//! `FUZZ_SECONDS=600 cargo test --release -p gatehouse-vpn --test it fuzz`.

use std::time::{Duration, Instant};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use gatehouse_testkit::Engine;

use crate::support::{FORM, UPDATER, WEB_API, on, shared};

const KINDS: [Option<&str>; 6] = [
    Some(FORM),
    None,
    Some("multipart/form-data; boundary=B"),
    Some("multipart/form-data; boundary=\""),
    Some("application/json"),
    Some("application/x-www-form-urlencoded; charset=\u{ff}"),
];

/// Texts that are nearly parameters.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        "[a-z]{0,4}(=|==|)[%+&a-f0-9]{0,12}".prop_map(String::into_bytes),
        Just(b"timestamp=1700000000".to_vec()),
        Just(b"sinfor_apitoken=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_vec()),
        Just(b"\r\n--B\r\nContent-Disposition: form-data; name=\"timestamp\"\r\n\r\n1\r\n--B--".to_vec()),
        Just(b"%".to_vec()),
        Just("名=值".as_bytes().to_vec()),
    ]
}

#[tokio::test]
async fn no_request_upsets_the_surface() {
    let surface = shared().await;
    let requests = (0..KINDS.len(), proptest::collection::vec(piece(), 0..8), "[ -~&&[^#]]{0,40}");
    let (until, mut runner) = effort();
    let mut asked = 0_u64;
    while asked < 2_000 || until.is_some_and(|until| Instant::now() < until) {
        let (kind, pieces, extra) = requests.new_tree(&mut runner).unwrap().current();
        let query = if asked.is_multiple_of(2) { format!("{}&{extra}", *UPDATER) } else { extra };
        asked += 1;
        let mut request = http::Request::post(format!("{WEB_API}?{query}"));
        if let Some(kind) = KINDS[kind] {
            request = request.header(http::header::CONTENT_TYPE, kind);
        }
        // What is no address cannot be sent.
        if request.uri_ref().is_none() || request.headers_ref().is_none() {
            continue;
        }
        let body = pieces.join(b"&".as_slice());
        let answer = surface.exchange(request, body.clone()).await;
        assert_eq!(answer.status, 200, "{query} {body:?} {answer:?}");
        assert!(matches!(answer.code(), 1 | 4), "{query} {body:?} {answer:?}");
    }
}

/// When to end, and what chooses: other requests than the run before where the run is a long one.
fn effort() -> (Option<Instant>, TestRunner) {
    #[expect(clippy::disallowed_methods, reason = "a knob of this test, not configuration")]
    let seconds: Option<u64> = std::env::var("FUZZ_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let runner = if until.is_some() { TestRunner::new(Config::default()) } else { TestRunner::deterministic() };
    (until, runner)
}

/// Controllers, actions, and the parameters that they know.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("Updater", "UpdaterCloud", ""),
    ("User", "ExGetUserInfo", "username"),
    (
        "User",
        "AddUserCloud",
        "name parent_group note passwd phone role_name is_extauth ext_auth_name gqsj ex_time token_svr_id",
    ),
    (
        "User",
        "UpdateUserCloud",
        "old_name new_name parent_group note passwd phone role_name is_enable is_extauth gqsj ex_time",
    ),
    ("User", "DelUserByNameCloud", "names"),
    ("User", "GetSearchData", "offset limit"),
    ("User", "ExtSetUserEnable", "username enable type"),
    ("Group", "GetGroupInfo", "group_name"),
    ("Group", "AddGroupCloud", "name parent_group note role_name grpolicy_id auth_type is_extauth ext_auth_name"),
    ("Group", "UpdateGroupCloud", "old_name new_name old_parent_group new_parent_group note role_name is_enable"),
    ("Group", "MoveGrpUserCloud", "src_group dst_group groups users"),
    ("Group", "DeleteGroupCloud", "names"),
    ("Group", "ExtSetGroupEnable", "groupname enable"),
    ("State", "GetOnlineUserCloud", "parent_group start limit"),
    ("State", "KillOnlineUserCloud", "users"),
    ("Resource", "AddResourceCloud", "name rctype main_host addr_str black_list_str note service rc_grp_name"),
    ("Resource", "GetRcDataCloud", "name"),
    ("Resource", "UpdateResourceCloud", "old_name new_name rctype main_host addr_str note"),
    ("Resource", "DeleteResourceCloud", "names"),
    ("Resource", "GetRcListDataCloud", "start limit type"),
    ("Role", "GetRoleDataCloud", "name"),
    ("Role", "AddRoleCloud", "name rcNamesStr userNamesStr grpNamesStr rcGrpNamesStr note enable"),
    ("Role", "UpdateRoleCloud", "oldName newName rcNamesStr userNamesStr grpNamesStr rcGrpNamesStr note"),
    ("Role", "DeleteRolesCloud", "names"),
    ("Role", "GetRoleListDataCloud", "start limit"),
    ("RcGrp", "AddRcGrpCloud", "name note enable"),
    ("RcGrp", "GetRcGroupInfoCloud", "rcGrpName"),
    ("RcGrp", "EditRcGrpCloud", "rcGrpName newRcGrpName note enable"),
    ("RcGrp", "DelRcGrpCloud", "rcGrpNames"),
];

/// Values that are nearly right.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("a".to_owned()),
        2 => Just("/a".to_owned()),
        1 => Just("/".to_owned()),
        2 => prop::sample::select(vec![
            "", "0", "1", "-1", "2", "65535", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e9",
            "/默认用户组", "/匿名用户组", "/Default Group", "a,b", ",", "[\"a\"]", "[]", "[1", "a\0b", "\u{7f}", "\u{85}",
            "' OR '1'='1", "%", "_", "\\", "//", "/a/", "/a/../b", "2030-02-24", "2030-02-30", "10.0.0.1/80:90",
            "10.0.0.1-10.0.0.9/1:65535", "ip-ip", "https://h:1", "\u{feff}", "\u{202e}x", "null",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[a-z]{48,49}",
        1 => "(张){16,17}",
        1 => (200_usize..3_000).prop_map(|length| format!("/{}", "x".repeat(length))),
    ]
}

/// A call: which action, and a value or nothing for each of its parameters.
fn calls() -> impl Strategy<Value = (usize, Vec<Option<String>>)> {
    (0..ACTIONS.len(), proptest::collection::vec(proptest::option::weighted(0.85, value()), 12))
}

async fn no_signed_call_upsets_an_action(engine: Engine) {
    let surface = on(engine).await;
    let (until, mut runner) = effort();
    let calls = calls();
    let mut asked = 0_u64;
    while asked < 400 || until.is_some_and(|until| Instant::now() < until) {
        asked += 1;
        let (action, values) = calls.new_tree(&mut runner).unwrap().current();
        let (controller, action, names) = ACTIONS[action];
        let pairs = names.split_ascii_whitespace().zip(&values);
        let pairs: Vec<_> = pairs.filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
        let answer = surface.call(controller, action, &pairs).await;
        assert_eq!(answer.status, 200, "{controller} {action} {pairs:?} {answer:?}");
        assert!(!matches!(answer.code(), 1 | 4), "{controller} {action} {pairs:?} {answer:?}");
    }
}

#[tokio::test]
async fn no_signed_call_upsets_an_action_on_sqlite() {
    no_signed_call_upsets_an_action(Engine::Sqlite).await;
}

#[tokio::test]
async fn no_signed_call_upsets_an_action_on_postgres() {
    no_signed_call_upsets_an_action(Engine::Postgres).await;
}
