//! specs/vpn.md §7.2–§7.5, §7.7, §8: users, in the exact words of the contract.

use gatehouse_domain::{
    Settings,
    account::{change, pass},
    settings::{ApplyMode, EditOmitted, Messages},
    vpn::publish,
};
use gatehouse_model::PassKind;
use serde_json::json;

use crate::support::{Answer, Pairs, Surface, shared, with};

const SETS: &str = "INSERT INTO vpn_role (name, note, is_enabled, created_at, updated_at) VALUES \
                    ('test', '', TRUE, 0, 0), ('b', '', TRUE, 0, 0), ('gg', '', TRUE, 0, 0); \
                    INSERT INTO auth_server (name, kind, settings, seal_ref, created_at, updated_at) VALUES \
                    ('ldap', 'ldap', '{}', '', 0, 0), ('radius', 'radius', '{}', '', 0, 0);";

async fn user(surface: &Surface, action: &str, body: Pairs<'_>) -> Answer {
    surface.call("User", action, body).await
}

/// Code and text of a refusal.
async fn told(surface: &Surface, action: &str, body: Pairs<'_>) -> (i64, String) {
    let answer = user(surface, action, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    (answer.code(), answer.message())
}

/// Adds user1 to the root, unless `extra` says otherwise.
async fn add(surface: &Surface, extra: Pairs<'_>) -> Answer {
    let usual = [("name", "user1"), ("parent_group", "/")];
    let usual = usual.into_iter().filter(|(name, _)| extra.iter().all(|(other, _)| other != name));
    let form: Vec<_> = usual.chain(extra.iter().copied()).collect();
    let answer = user(surface, "AddUserCloud", &form).await;
    assert_eq!(answer.code(), 0, "{answer:?}");
    answer
}

/// One key of `ExGetUserInfo`.
async fn shown(surface: &Surface, name: &str, key: &str) -> serde_json::Value {
    user(surface, "ExGetUserInfo", &[("username", name)]).await.json()["result"][key].clone()
}

/// Whether everything that was written is live.
async fn is_live(surface: &Surface) -> bool {
    publish::apply(&surface.test.operator()).await.unwrap().is_none()
}

fn text(code: i64, text: &str) -> (i64, String) {
    (code, text.to_owned())
}

#[tokio::test]
async fn a_user_is_shown_with_every_key_of_the_seed_in_its_type() {
    let surface = shared().await;
    surface.test.execute(SETS).await.unwrap();
    let added = add(
        &surface,
        &[
            ("parent_group", "/默认用户组"),
            ("note", "张三-销售"),
            ("phone", "13800000001"),
            ("passwd", "a password"),
            ("role_name", "gg,nobody,test"),
            ("gqsj", "0"),
            ("ex_time", "2030-02-24"),
        ],
    )
    .await;
    let text = r#"{"code":0,"success":true,"message":"\u6dfb\u52a0\u7528\u6237\u6210\u529f","readOnlyInfo":null}"#;
    assert_eq!(added.body, text);
    let info = user(&surface, "ExGetUserInfo", &[("username", "USER1")]).await;
    assert_eq!(
        info.body,
        r#"{"code":0,"success":true,"result":{"id":"2","name":"user1","note":"\u5f20\u4e09-\u9500\u552e","passwd":"\u2642\u2640\u263a\u266a\u266b\u25d9\u2642\u2640","phone":"13800000001","cert_sn":"","grpid":"-1","grpname":"\/\u9ed8\u8ba4\u7528\u6237\u7ec4","parent_path":"\/\u9ed8\u8ba4\u7528\u6237\u7ec4","roleid":"1,3","role_name":"test,gg","crypto_key":"","allocateip":"0","b_inherit_auth":"1","b_inherit_grpolicy":"1","auth_methods":"1","auth_type":"0","ext_auth_id":"0","expire":"1898092800","attributes":"1","is_enable":1,"pwd_last_change":"1767225600","token_svr_id":"0","is_first_login":"1","lastlogin_time":"0","last_active_time":"0","grpolicy_id":"0","caid":"-1","create_time":"176722560000","sec_key":"","is_bind_key":"0","ext_settings":"{\"auth_enabled\":{},\"wechat_enable\":1}"},"message":"\u6dfb\u52a0\u7528\u6237\u6210\u529f","readOnlyInfo":null}"#
    );
}

#[tokio::test]
async fn a_query_needs_a_name_and_a_user() {
    let surface = shared().await;
    let absent = r#"{"code":-2,"success":false,"error":"can't find the argument:'username'","message":"\u53c2\u6570\u9519\u8bef","readOnlyInfo":null}"#;
    assert_eq!(user(&surface, "ExGetUserInfo", &[]).await.body, absent);
    let empty = r#"{"code":-2,"success":false,"message":"\u53c2\u6570\u9519\u8bef","readOnlyInfo":null}"#;
    assert_eq!(user(&surface, "ExGetUserInfo", &[("username", "")]).await.body, empty);
    assert_eq!(told(&surface, "ExGetUserInfo", &[("username", "nobody")]).await, text(-10, "用户不存在"));
    assert_eq!(told(&surface, "ExGetUserInfo", &[("username", "a\0")]).await, text(-10, "用户不存在"));
    assert_eq!(told(&surface, "ExGetUserInfo", &[("username", "admin")]).await, text(-10, "用户不存在"));
}

#[tokio::test]
async fn a_new_user_is_refused_in_the_documented_order_and_words() {
    let surface = shared().await;
    surface.test.execute(SETS).await.unwrap();
    add(&surface, &[]).await;
    let long = "x".repeat(49);
    let mut form = vec![("is_extauth", "1"), ("ext_auth_name", "nobody"), ("note", long.as_str())];
    let told = async |form: &[(&str, &str)]| told(&surface, "AddUserCloud", form).await;
    let absent = user(&surface, "AddUserCloud", &form).await;
    assert_eq!((absent.code(), absent.message().as_str()), (-2, "用户名不能为空"));
    assert_eq!(absent.json()["error"], "can't find the argument:'name'");
    form.push(("name", ""));
    let empty = user(&surface, "AddUserCloud", &form).await;
    assert_eq!((empty.code(), empty.message().as_str(), empty.json().get("error")), (-2, "用户名不能为空", None));
    let last = form.len() - 1;
    for name in [long.as_str(), "张张张张张张张张张张张张张张张张张", ",a", "a\nb", "a\0"] {
        form[last] = ("name", name);
        assert_eq!(told(&form).await, text(-9, "name参数错误"));
    }
    form[last] = ("name", "anonymous");
    assert_eq!(told(&form).await, text(-2, "用户名保留"));
    form[last] = ("name", "User1");
    let absent = user(&surface, "AddUserCloud", &form).await;
    assert_eq!((absent.code(), absent.message().as_str()), (-13, "parent_group参数错误"));
    assert_eq!(absent.json()["error"], "can't find the argument:'parent_group'");
    form.push(("parent_group", ""));
    let empty = user(&surface, "AddUserCloud", &form).await;
    assert_eq!((empty.code(), empty.json().get("error")), (-13, None));
    let group = form.len() - 1;
    form[group] = ("parent_group", "默认用户组");
    assert_eq!(told(&form).await, text(-13, "parent_group参数错误"));
    form[group] = ("parent_group", "/nobody");
    assert_eq!(told(&form).await, text(-13, "该用户组不存在"));
    form[group] = ("parent_group", "/匿名用户组");
    assert_eq!(told(&form).await, text(-2, "用户存在于匿名用户组"));
    form[group] = ("parent_group", "/");
    assert_eq!(told(&form).await, text(-9, "用户已存在"));
    form[last] = ("name", "user2");
    assert_eq!(told(&form).await, text(-13, "没有找到对应的外部服务器"));
    form[1] = ("ext_auth_name", "ldap");
    form.push(("auth_type", "2"));
    assert_eq!(told(&form).await, text(-13, "没有找到对应的外部服务器"), "it is no RADIUS server");
    let kind = form.len() - 1;
    form[kind] = ("auth_type", "1");
    assert_eq!(told(&form).await, text(-2, "参数类型错误"));
    form[2] = ("note", "note");
    for (name, wrong) in [("phone", "1234567890123456789012345678901"), ("passwd", "口令"), ("passwd", long.as_str())]
    {
        assert_eq!(told(&[&form[..], &[(name, wrong)]].concat()).await, text(-2, "参数类型错误"));
    }
    for wrong in [&[("gqsj", "0")][..], &[("gqsj", "0"), ("ex_time", "24.02.2030")], &[("gqsj", "x")]] {
        assert_eq!(told(&[&form[..], wrong].concat()).await, text(-2, "参数类型错误"));
    }
    // Without the flag the date is not read; an unknown action of the whole world neither.
    let done = told(&[&form[..], &[("ex_time", "soon"), ("gqsj", ""), ("whatever", "1")]].concat()).await;
    assert_eq!(done, text(0, "添加用户成功"));
    assert_eq!(shown(&surface, "user2", "expire").await, "0");
}

#[tokio::test]
async fn methods_and_flags_of_a_new_user_are_lenient() {
    let surface = shared().await;
    surface.test.execute(SETS).await.unwrap();
    for (name, flags, methods, server, inherits) in [
        ("a", &[][..], "1", "0", "1"),
        (
            "b",
            &[("is_pwd", "0"), ("is_extauth", "1"), ("ext_auth_name", "radius"), ("b_inherit_auth", "0")],
            "2",
            "2",
            "0",
        ),
        (
            "c",
            &[("is_hardid", "1"), ("is_token", "1"), ("token_svr_id", "7"), ("is_cert", "1"), ("is_sms", "1")],
            "61",
            "0",
            "1",
        ),
        (
            "d",
            &[("is_pwd", "yes"), ("is_extauth", "2"), ("ext_auth_name", "nobody"), ("b_inherit_auth", "yes")],
            "0",
            "0",
            "1",
        ),
        (
            "e",
            &[("is_extauth", "1"), ("ext_auth_name", "ldap"), ("auth_type", "-1"), ("b_inherit_auth", "")],
            "3",
            "1",
            "0",
        ),
    ] {
        let form = [&[("name", name), ("parent_group", "/")], flags].concat();
        assert_eq!(told(&surface, "AddUserCloud", &form).await.0, 0);
        let info = user(&surface, "ExGetUserInfo", &[("username", name)]).await.json()["result"].clone();
        let seen =
            [&info["auth_methods"], &info["ext_auth_id"], &info["b_inherit_auth"]].map(|value| value.as_str().unwrap());
        assert_eq!(seen, [methods, server, inherits], "{name}");
        assert_eq!(info["token_svr_id"], if name == "c" { "7" } else { "0" });
    }
}

#[tokio::test]
async fn an_edit_is_refused_in_the_documented_words() {
    let surface = shared().await;
    add(&surface, &[]).await;
    add(&surface, &[("name", "user2")]).await;
    let told = async |form: &[(&str, &str)]| told(&surface, "UpdateUserCloud", form).await;
    let absent = user(&surface, "UpdateUserCloud", &[("new_name", "x")]).await;
    assert_eq!((absent.code(), absent.message().as_str()), (10, "参数错误"));
    assert_eq!(absent.json()["error"], "can't find the argument:'old_name'");
    assert_eq!(told(&[("old_name", "")]).await, text(10, "参数错误"));
    assert_eq!(told(&[("old_name", "nobody")]).await, text(10, "oldname不存在"));
    let old = ("old_name", "user1");
    assert_eq!(told(&[old, ("new_name", "")]).await, text(-2, "用户名不能为空"));
    assert_eq!(told(&[old, ("new_name", ",x")]).await, text(-2, "参数类型错误"));
    assert_eq!(told(&[old, ("new_name", "匿名用户")]).await, text(-2, "用户名保留"));
    assert_eq!(told(&[old, ("new_name", "USER2")]).await, text(-2, "用户已存在"));
    let absent = user(&surface, "UpdateUserCloud", &[old]).await;
    assert_eq!((absent.code(), absent.message().as_str()), (-13, "parent_group参数错误"));
    assert_eq!(absent.json()["error"], "can't find the argument:'parent_group'");
    assert_eq!(told(&[old, ("parent_group", "")]).await, text(-13, "parent_group参数错误"));
    assert_eq!(told(&[old, ("parent_group", "/nobody")]).await, text(-13, "该用户组不存在"));
    assert_eq!(told(&[old, ("parent_group", "/匿名用户组")]).await, text(-2, "用户存在于匿名用户组"));
    let here = ("parent_group", "/");
    let unknown = [old, here, ("is_extauth", "1"), ("ext_auth_name", "nobody")];
    assert_eq!(told(&unknown).await, text(-13, "没有找到对应的外部服务器"));
    for wrong in
        [("note", "x".repeat(49)), ("phone", "1".repeat(31)), ("passwd", "口令".to_owned()), ("gqsj", "0".to_owned())]
    {
        assert_eq!(told(&[old, here, (wrong.0, &wrong.1)]).await, text(-2, "参数类型错误"), "{wrong:?}");
    }
    assert_eq!(told(&[old, here]).await, text(0, "操作成功"));
    // What is more than a VPN user keeps its name and its password.
    pass::grant(&surface.test.operator(), "user2", PassKind::Staff).await.unwrap();
    let staff = ("old_name", "user2");
    assert_eq!(told(&[staff, here, ("new_name", "mine")]).await, text(-2, "参数类型错误"));
    assert_eq!(told(&[staff, here, ("passwd", "mine")]).await, text(-2, "参数类型错误"));
    assert_eq!(told(&[staff, here, ("passwd", "♂♀☺♪♫◙♂♀"), ("note", "ok")]).await, text(0, "操作成功"));
    change::set_enabled(&surface.test.operator(), "user1", false, None).await.unwrap();
    assert_eq!(told(&[old, here, ("is_enable", "1")]).await, text(-2, "该用户已被管理员禁用"));
    let switch = [("username", "user1"), ("enable", "1")];
    assert_eq!(self::told(&surface, "ExtSetUserEnable", &switch).await, text(-2, "该用户已被管理员禁用"));
}

#[tokio::test]
async fn absent_empty_and_given_parameters_of_an_edit_differ() {
    for (mode, kept) in [(EditOmitted::Keep, true), (EditOmitted::Reset, false)] {
        let mut settings = Settings::default();
        settings.vpn.edit_omitted = mode;
        let surface = with(settings).await;
        surface.test.execute(SETS).await.unwrap();
        let form =
            [("note", "note"), ("phone", "1"), ("role_name", "test"), ("passwd", "a password"), ("is_extauth", "1")];
        add(&surface, &[&form[..], &[("ext_auth_name", "ldap")]].concat()).await;
        let edit = async |extra: &[(&str, &str)]| {
            let form = [&[("old_name", "user1"), ("parent_group", "/")], extra].concat();
            assert_eq!(told(&surface, "UpdateUserCloud", &form).await, text(0, "操作成功"));
            let info = user(&surface, "ExGetUserInfo", &[("username", "user1")]).await.json()["result"].clone();
            ["note", "phone", "role_name", "auth_methods", "attributes"]
                .map(|key| info[key].as_str().unwrap().to_owned())
        };
        let all = [("note", "n"), ("phone", "2"), ("role_name", "b, gg"), ("is_enable", "0"), ("is_extauth", "1")];
        assert_eq!(edit(&all).await, ["n", "2", "b,gg", "2", "0"]);
        let empty =
            [("note", ""), ("phone", ""), ("role_name", ""), ("is_enable", ""), ("is_extauth", ""), ("passwd", "")];
        assert_eq!(edit(&empty).await, ["", "", "", "2", "0"]);
        edit(&all).await;
        let expected = if kept { ["n", "2", "b,gg", "2", "0"] } else { ["", "", "", "1", "1"] };
        assert_eq!(edit(&[]).await, expected);
        let changed = shown(&surface, "user1", "pwd_last_change").await;
        assert_eq!(changed, surface.now().to_string(), "an omitted password is kept in both modes");
    }
}

#[tokio::test]
async fn users_are_deleted_by_array_or_list() {
    let surface = shared().await;
    let told = async |names: &str| told(&surface, "DelUserByNameCloud", &[("names", names)]).await;
    let absent = user(&surface, "DelUserByNameCloud", &[]).await;
    assert_eq!(absent.json()["error"], "can't find the argument:'names'");
    for wrong in ["", "[]", "[", "[1]", "[\"user1\"", "[null]", ",", "nobody", "[\"nobody\"]", "[\"a\\u0000\"]"] {
        assert_eq!(told(wrong).await, text(-2, "参数错误"), "{wrong}");
    }
    for (names, many) in [("[\"user1\",\"user2\"]", 2), ("user1", 1), ("user1, user2,nobody", 2), ("[ \"USER1\" ]", 1)]
    {
        for name in ["user1", "user2"].into_iter().take(many) {
            add(&surface, &[("name", name)]).await;
        }
        assert_eq!(told(names).await, text(0, "删除用户成功"), "{names}");
        assert_eq!(told(names).await, text(-2, "参数错误"), "they are gone");
    }
}

#[tokio::test]
async fn a_list_of_users_pages_by_id() {
    let surface = shared().await;
    surface.test.execute(SETS).await.unwrap();
    let none = r#"{"code":0,"success":true,"result":{"totalUser":0,"data":[]},"message":"\u64cd\u4f5c\u6210\u529f","readOnlyInfo":null}"#;
    assert_eq!(user(&surface, "GetSearchData", &[]).await.body, none);
    for name in ["user1", "user2", "user3"] {
        add(&surface, &[("name", name), ("note", "n"), ("role_name", "test,gg"), ("parent_group", "/默认用户组")])
            .await;
    }
    let second = r#"{"code":0,"success":true,"result":{"totalUser":3,"data":[{"id":"3","name":"user2","note":"n","parent":"-1","parent_path":"\/\u9ed8\u8ba4\u7528\u6237\u7ec4","roleid":"1,3","role_name":"test,gg","is_enable":1}]},"message":"\u64cd\u4f5c\u6210\u529f","readOnlyInfo":null}"#;
    assert_eq!(user(&surface, "GetSearchData", &[("limit", "1"), ("offset", "1")]).await.body, second);
    let count = async |form: &[(&str, &str)]| {
        let answer = user(&surface, "GetSearchData", form).await.json();
        assert_eq!((&answer["result"]["totalUser"], &answer["message"]), (&json!(3), &json!("操作成功")));
        answer["result"]["data"].as_array().unwrap().len()
    };
    for (limit, offset, seen) in
        [("10000", "0", 3), ("2", "2", 1), ("x", "-1", 3), ("-5", "", 3), ("99999999999999999999", "9", 0)]
    {
        assert_eq!(count(&[("limit", limit), ("offset", offset)]).await, seen, "{limit} {offset}");
    }
}

#[tokio::test]
async fn the_switch_takes_a_user_or_a_group_and_its_type_stands_anywhere() {
    let surface = shared().await;
    add(&surface, &[]).await;
    let told = async |form: &[(&str, &str)]| told(&surface, "ExtSetUserEnable", form).await;
    let absent = user(&surface, "ExtSetUserEnable", &[("enable", "0")]).await;
    assert_eq!(absent.message(), "can't find the argument:'username'");
    assert_eq!(absent.json()["error"], "can't find the argument:'username'");
    for wrong in
        [&[("username", "user1")][..], &[("username", ""), ("enable", "0")], &[("username", "nobody"), ("enable", "0")]]
    {
        assert_eq!(told(wrong).await.0, -2);
    }
    for enable in ["", "2", "true"] {
        assert_eq!(told(&[("username", "user1"), ("enable", enable)]).await, text(-2, "参数错误"));
    }
    assert_eq!(told(&[("username", "user1"), ("enable", "0")]).await, text(0, "禁用用户成功"));
    assert_eq!(shown(&surface, "user1", "is_enable").await, 0);
    assert_eq!(told(&[("username", "user1"), ("enable", "1"), ("type", "1")]).await, text(0, "启用用户成功"));
    assert_eq!(shown(&surface, "user1", "is_enable").await, 1);
    assert_eq!(told(&[("username", "/默认用户组"), ("enable", "0"), ("type", "0")]).await, text(0, "禁用用户成功"));
    for wrong in ["/", "/nobody", "user1"] {
        assert_eq!(told(&[("username", wrong), ("enable", "0"), ("type", "0")]).await, text(-2, "参数错误"), "{wrong}");
    }
    let query = [("controler", "User"), ("action", "ExtSetUserEnable"), ("type", "0")];
    let signed = surface.signed(&query, &[("username", "/默认用户组"), ("enable", "1")]);
    let signed: Vec<_> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let query = crate::support::encoded(&query);
    let answer = surface.post(&query, crate::support::FORM, crate::support::encoded(&signed)).await;
    assert_eq!(answer.message(), "启用用户成功");
}

#[tokio::test]
async fn a_write_waits_for_the_apply_as_it_or_the_operator_says() {
    for (mode, flush, applied) in [
        (ApplyMode::Manual, None, false),
        (ApplyMode::Manual, Some("1"), false),
        (ApplyMode::Manual, Some("0"), true),
        (ApplyMode::Auto, None, true),
        (ApplyMode::Auto, Some("1"), false),
        (ApplyMode::Auto, Some("0"), true),
    ] {
        let mut settings = Settings::default();
        settings.vpn.apply_mode = mode;
        let surface = with(settings).await;
        let flush: Vec<_> = flush.iter().map(|word| ("delay_flush", *word)).collect();
        add(&surface, &flush).await;
        assert_eq!(is_live(&surface).await, applied, "{mode:?} {flush:?}");
        let names = [&[("names", "user1")], &flush[..]].concat();
        assert_eq!(user(&surface, "DelUserByNameCloud", &names).await.code(), 0);
        assert_eq!(is_live(&surface).await, applied, "{mode:?} {flush:?}");
    }
}

#[tokio::test]
async fn english_is_english() {
    let mut settings = Settings::default();
    settings.vpn.messages = Messages::En;
    let surface = with(settings).await;
    assert_eq!(add(&surface, &[("parent_group", "/Default Group")]).await.message(), "Add user successfully");
    assert_eq!(shown(&surface, "user1", "parent_path").await, "/Default Group");
    let edit = [("old_name", "user1"), ("parent_group", "/默认用户组")];
    assert_eq!(told(&surface, "UpdateUserCloud", &edit).await, text(0, "Update user successfully"));
    let list = user(&surface, "GetSearchData", &[]).await.json();
    assert_eq!(list["result"]["data"][0]["parent_path"], "/Default Group");
    assert_eq!(told(&surface, "DelUserByNameCloud", &[("names", "user1")]).await, text(0, "Delete user successfully"));
    assert_eq!(told(&surface, "DelUserByNameCloud", &[("names", "user1")]).await, text(-2, "Wrong parameter"));
}
