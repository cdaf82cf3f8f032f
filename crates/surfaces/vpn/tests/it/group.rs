//! specs/vpn.md §7.6, §8: groups, in the exact words of the contract.

use gatehouse_domain::{Settings, settings::Messages};

use crate::support::{Answer, Pairs, Surface, shared, with};

const SETS: &str = "INSERT INTO vpn_role (name, note, is_enabled, created_at, updated_at) VALUES ('test', '', TRUE, 0, 0); \
                    INSERT INTO vpn_policy_set (name, dns, routes, max_sessions, created_at, updated_at) \
                    VALUES ('strict', '', '', 1, 0, 0); \
                    INSERT INTO auth_server (name, kind, settings, seal_ref, created_at, updated_at) \
                    VALUES ('ldap', 'ldap', '{}', '', 0, 0);";

async fn group(surface: &Surface, action: &str, body: Pairs<'_>) -> Answer {
    surface.call("Group", action, body).await
}

/// Code and text of an answer.
async fn told(surface: &Surface, action: &str, body: Pairs<'_>) -> (i64, String) {
    let answer = group(surface, action, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    (answer.code(), answer.message())
}

fn text(code: i64, text: &str) -> (i64, String) {
    (code, text.to_owned())
}

async fn add(surface: &Surface, parent: &str, name: &str) {
    let form = [("name", name), ("parent_group", parent)];
    assert_eq!(told(surface, "AddGroupCloud", &form).await, text(0, "添加用户组成功"), "{parent} {name}");
}

async fn add_user(surface: &Surface, group: &str, name: &str) {
    let form = [("name", name), ("parent_group", group)];
    assert_eq!(surface.call("User", "AddUserCloud", &form).await.code(), 0);
}

/// Path of the group of a user, or the code of the answer.
async fn path_of(surface: &Surface, user: &str) -> String {
    let answer = surface.call("User", "ExGetUserInfo", &[("username", user)]).await.json();
    answer["result"]["parent_path"].as_str().map_or_else(|| answer["code"].to_string(), str::to_owned)
}

#[tokio::test]
async fn a_group_is_shown_with_all_keys_in_their_types() {
    let surface = shared().await;
    surface.test.execute(SETS).await.unwrap();
    add(&surface, "/", "IT部").await;
    let plain = r#"{"code":0,"success":true,"result":{"id":"1","name":"IT\u90e8","note":"","grpid":"-100","parent_path":"\/","max_users":"0","b_inherit_auth":"1","b_inherit_grpolicy":"1","b_inherit_prole":"1","grpolicy_id":"0","grpolicy_text":"Default policy set","roleid":"","role_name":"","auth_type":"0","ext_auth_id":0,"ext_auth_name":null,"is_extauth":0,"is_token":0,"is_pwd":1,"is_sms":0,"is_cert":0,"is_hardid":0},"message":"\u64cd\u4f5c\u6210\u529f","readOnlyInfo":null}"#;
    assert_eq!(group(&surface, "GetGroupInfo", &[("group_name", "/IT部")]).await.body, plain);
    let root = r#"{"code":0,"success":true,"result":{"id":"-100","name":"\/","note":"","grpid":"-101","parent_path":"","max_users":"0","b_inherit_auth":"0","b_inherit_grpolicy":"0","b_inherit_prole":"0","grpolicy_id":"0","grpolicy_text":"Default policy set","roleid":"","role_name":"","auth_type":"0","ext_auth_id":0,"ext_auth_name":null,"is_extauth":0,"is_token":0,"is_pwd":1,"is_sms":0,"is_cert":0,"is_hardid":0},"message":"\u64cd\u4f5c\u6210\u529f","readOnlyInfo":null}"#;
    assert_eq!(group(&surface, "GetGroupInfo", &[("group_name", "/")]).await.body, root);
    let form = [
        ("name", "运维"),
        ("parent_group", "/IT部/"),
        ("note", "note"),
        ("role_name", "test,nobody"),
        ("b_inherit_auth", "0"),
        ("b_inherit_grpolicy", "0"),
        ("b_inherit_prole", "0"),
        ("grpolicy_id", "1"),
        ("is_extauth", "1"),
        ("ext_auth_name", "ldap"),
        ("auth_type", "1"),
        ("is_token", "1"),
        ("is_pwd", "0"),
        ("is_sms", "1"),
        ("is_cert", "1"),
        ("is_hardid", "1"),
    ];
    assert_eq!(told(&surface, "AddGroupCloud", &form).await.0, 0);
    let full = r#"{"code":0,"success":true,"result":{"id":"2","name":"\u8fd0\u7ef4","note":"note","grpid":"1","parent_path":"\/IT\u90e8","max_users":"0","b_inherit_auth":"0","b_inherit_grpolicy":"0","b_inherit_prole":"0","grpolicy_id":"1","grpolicy_text":"strict","roleid":"1","role_name":"test","auth_type":"1","ext_auth_id":1,"ext_auth_name":"ldap","is_extauth":1,"is_token":1,"is_pwd":0,"is_sms":1,"is_cert":1,"is_hardid":1},"message":"\u64cd\u4f5c\u6210\u529f","readOnlyInfo":null}"#;
    assert_eq!(group(&surface, "GetGroupInfo", &[("group_name", "/IT部/运维")]).await.body, full);
}

#[tokio::test]
async fn a_query_needs_the_path_of_a_group() {
    let surface = shared().await;
    let absent = r#"{"code":-2,"success":false,"error":"can't find the argument:'group_name'","message":"\u53c2\u6570\u9519\u8bef","readOnlyInfo":null}"#;
    assert_eq!(group(&surface, "GetGroupInfo", &[]).await.body, absent);
    for wrong in ["", "IT部"] {
        assert_eq!(told(&surface, "GetGroupInfo", &[("group_name", wrong)]).await, text(-2, "参数错误"));
    }
    for unknown in ["/nobody", "/a\0"] {
        assert_eq!(told(&surface, "GetGroupInfo", &[("group_name", unknown)]).await, text(-10, "用户组不存在"));
    }
}

#[tokio::test]
async fn a_new_group_is_refused_in_the_documented_words() {
    let surface = shared().await;
    add(&surface, "/", "a").await;
    let told = async |form: &[(&str, &str)]| told(&surface, "AddGroupCloud", form).await;
    let root = ("parent_group", "/");
    assert_eq!(told(&[root]).await, text(-9, "can't find the argument:'name'"));
    assert_eq!(told(&[root, ("name", "")]).await, text(-9, "参数错误"));
    assert_eq!(told(&[root, ("name", "a")]).await, text(-9, "用户组名错误或已存在"));
    assert_eq!(told(&[root, ("name", "Default Group")]).await, text(-9, "用户组名错误或已存在"));
    assert_eq!(told(&[("name", "b")]).await, text(-10, "can't find the argument:'parent_group'"));
    for childless in ["/默认用户组", "/匿名用户组"] {
        assert_eq!(told(&[("name", "b"), ("parent_group", childless)]).await, text(-2, "该用户组下不允许创建子组"));
    }
    let long = "x".repeat(97);
    for wrong in [
        &[("name", long.as_str()), root][..],
        &[("name", "a/b"), root],
        &[("name", "b"), ("parent_group", "b")],
        &[("name", "b"), ("parent_group", "/nobody")],
        &[("name", "b"), root, ("note", &long)],
        &[("name", "b"), root, ("grpolicy_id", "9")],
        &[("name", "b"), root, ("grpolicy_id", "x")],
        &[("name", "b"), root, ("is_extauth", "1")],
        &[("name", "b"), root, ("is_extauth", "1"), ("ext_auth_name", "nobody")],
    ] {
        assert_eq!(told(wrong).await, text(-10, "参数错误"), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_group_is_renamed_and_moved_with_everything_below() {
    let surface = shared().await;
    surface.test.execute(SETS).await.unwrap();
    for (parent, name) in [("/", "a"), ("/a", "b"), ("/", "z")] {
        add(&surface, parent, name).await;
    }
    add_user(&surface, "/a/b", "user1").await;
    let told = async |form: &[(&str, &str)]| told(&surface, "UpdateGroupCloud", form).await;
    let form = |old: &'static str, new: &'static str, from: &'static str, to: &'static str| {
        [("old_name", old), ("new_name", new), ("old_parent_group", from), ("new_parent_group", to)]
    };
    let whole = form("a", "a2", "/", "/z");
    for missing in 0..4 {
        let mut partial = whole.to_vec();
        let (name, _) = partial.remove(missing);
        assert_eq!(told(&partial).await, (10, format!("can't find the argument:'{name}'")));
        partial.push((name, ""));
        assert_eq!(told(&partial).await, text(10, "参数错误"));
    }
    for wrong in [
        form("nobody", "a2", "/", "/"),
        form("a", "z", "/", "/"),
        form("a", "a/b", "/", "/"),
        form("a", "a", "/", "/a/b"),
        form("a", "a", "/", "/默认用户组"),
        form("默认用户组", "mine", "/", "/"),
        form("a", "a", "x", "/"),
    ] {
        assert_eq!(told(&wrong).await, text(10, "参数错误"), "{wrong:?}");
    }
    let extra = [("note", "n"), ("role_name", "test"), ("is_enable", "0")];
    assert_eq!(told(&[&whole[..], &extra].concat()).await, text(0, "操作成功"));
    assert_eq!(path_of(&surface, "user1").await, "/z/a2/b");
    let same = form("a2", "a2", "/z", "/z");
    assert_eq!(told(&[&same[..], &[("is_enable", "yes")]].concat()).await.0, 0);
    let shown = group(&surface, "GetGroupInfo", &[("group_name", "/z/a2")]).await.json()["result"].clone();
    assert_eq!(
        (&shown["note"], &shown["role_name"], &shown["parent_path"]),
        (&"n".into(), &"test".into(), &"/z".into())
    );
}

#[tokio::test]
async fn groups_and_users_move_together_or_not_at_all() {
    let surface = shared().await;
    for (parent, name) in [("/", "a"), ("/a", "b"), ("/", "z"), ("/z", "b")] {
        add(&surface, parent, name).await;
    }
    add_user(&surface, "/a/b", "user1").await;
    add_user(&surface, "/", "user2").await;
    let told = async |form: &[(&str, &str)]| told(&surface, "MoveGrpUserCloud", form).await;
    assert_eq!(told(&[("users", "user1")]).await, text(-13, "can't find the argument:'src_group'"));
    let from = ("src_group", "/a");
    assert_eq!(told(&[from]).await, text(-13, "can't find the argument:'groups'"));
    assert_eq!(told(&[from, ("groups", ""), ("users", "")]).await, text(-13, "参数错误"));
    assert_eq!(told(&[from, ("users", ",")]).await.0, -13);
    let unknown = text(-13, "用户或用户组不存在");
    assert_eq!(told(&[from, ("users", "user2,nobody")]).await, unknown);
    assert_eq!(told(&[from, ("users", "user2"), ("groups", "/nobody")]).await, unknown);
    assert_eq!(told(&[("src_group", "/nobody"), ("users", "user2")]).await, unknown);
    assert_eq!(told(&[from, ("users", "user2"), ("dst_group", "/nobody")]).await, unknown);
    for (groups, target) in
        [("/a/b", "/z"), ("/a", "/a/b"), ("/a", "/a"), ("/默认用户组", "/z"), ("/a", "/默认用户组"), ("a", "/z")]
    {
        let form = [from, ("groups", groups), ("users", "user2"), ("dst_group", target)];
        assert_eq!(told(&form).await, text(-13, "参数错误"), "{groups} {target}");
    }
    assert_eq!(path_of(&surface, "user2").await, "/", "nothing moved");
    let form = [from, ("groups", "/a"), ("users", "user2,user1"), ("dst_group", "/z/")];
    assert_eq!(told(&form).await, text(0, "Moved:3"));
    assert_eq!((path_of(&surface, "user1").await, path_of(&surface, "user2").await), ("/z".into(), "/z".into()));
    let back = [("src_group", "/z"), ("groups", "/z/a/b"), ("users", "user1")];
    assert_eq!(self::told(&surface, "MoveUserGroupCloud", &back).await, text(0, "Moved:2"));
    assert_eq!(path_of(&surface, "user1").await, "/");
}

#[tokio::test]
async fn groups_go_with_everything_below() {
    let surface = shared().await;
    let told = async |action: &str, names: &str| told(&surface, action, &[("names", names)]).await;
    let absent = group(&surface, "DeleteGroupCloud", &[]).await;
    assert_eq!((absent.code(), absent.message().as_str()), (-13, "can't find the argument:'names'"));
    add(&surface, "/", "a").await;
    add(&surface, "/a", "b").await;
    add_user(&surface, "/a/b", "user1").await;
    for wrong in ["", ",", "a", "/nobody", "/", "/默认用户组", "/匿名用户组", "/a,/默认用户组", "/a,b"] {
        assert_eq!(told("DeleteGroupCloud", wrong).await, text(-13, "参数错误"), "{wrong}");
    }
    assert_eq!(path_of(&surface, "user1").await, "/a/b");
    assert_eq!(told("DeleteGroupCloud", "/nobody, /a").await, text(0, "操作成功"));
    assert_eq!(path_of(&surface, "user1").await, "-10");
    assert_eq!(group(&surface, "GetGroupInfo", &[("group_name", "/a/b")]).await.code(), -10);
    add(&surface, "/", "a").await;
    assert_eq!(told("DelGroupByNameCloud", "/a/").await, text(0, "操作成功"));
}

#[tokio::test]
async fn a_group_is_switched_at_once() {
    let surface = shared().await;
    add(&surface, "/", "a").await;
    let told = async |form: &[(&str, &str)]| told(&surface, "ExtSetGroupEnable", form).await;
    assert_eq!(told(&[("enable", "0")]).await, text(-2, "can't find the argument:'groupname'"));
    assert_eq!(told(&[("groupname", "/a")]).await, text(-2, "can't find the argument:'enable'"));
    for wrong in [("/a", "2"), ("/a", ""), ("", "0"), ("a", "0"), ("/nobody", "0"), ("/", "0")] {
        assert_eq!(told(&[("groupname", wrong.0), ("enable", wrong.1)]).await, text(-2, "参数错误"), "{wrong:?}");
    }
    assert_eq!(told(&[("groupname", "/a"), ("enable", "0")]).await, text(0, "禁用用户组成功"));
    assert_eq!(told(&[("groupname", "/a/"), ("enable", "1")]).await, text(0, "启用用户组成功"));
}

#[tokio::test]
async fn english_is_english() {
    let mut settings = Settings::default();
    settings.vpn.messages = Messages::En;
    let surface = with(settings).await;
    let form = [("name", "a"), ("parent_group", "/")];
    assert_eq!(told(&surface, "AddGroupCloud", &form).await, text(0, "Add user group successfully"));
    let shown = group(&surface, "GetGroupInfo", &[("group_name", "/默认用户组")]).await.json()["result"].clone();
    assert_eq!((&shown["id"], &shown["name"]), (&"-1".into(), &"Default Group".into()));
}
