//! The token verbs: the original's texts byte for byte, and gatehouse's own.

use gatehouse_testkit::Installation;

use crate::GATEHOUSE;

fn generate(house: &Installation, verb: &str) -> String {
    let text = house.run(verb).ok();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("正在生成 Token ……"));
    let token = lines.next().unwrap().strip_prefix("新 Token : ").unwrap().to_owned();
    assert_eq!((lines.next(), lines.next()), (Some("新增 Token 完成!"), None));
    assert!(token.len() == 32 && token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{token}");
    token
}

#[test]
fn the_originals_verbs_print_the_originals_texts() {
    let house = Installation::new(GATEHOUSE);
    assert_eq!(house.run("st").ok(), "当前系统内无 Token ，请先生成 Token !\n");
    let (first, second) = (generate(&house, "gt"), generate(&house, "generateToken"));
    assert_eq!(house.run("showToken").ok(), format!("当前系统内可用 Token 如下：\n{first}\n{second}\n"));
    assert_eq!(house.run(&format!("dt {first}")).ok(), format!("已删除 Token: {first}\n"));
    let unknown = format!("系统内无此 Token:{first} ，请输入正确的 Token !\n");
    assert_eq!(house.run(&format!("deleteToken {first}")).ok(), unknown);
    assert_eq!(house.run("st").ok(), format!("当前系统内可用 Token 如下：\n{second}\n"));
}

#[test]
fn tokens_are_masked_unless_asked_for() {
    let house = Installation::new(GATEHOUSE);
    let made = house.run("oa token generate --label portal --json").json();
    let token = made["token"].as_str().unwrap();
    let masked = house.run("oa token list").ok();
    assert!(masked.contains("portal") && !masked.contains(token), "{masked}");
    let listed = house.run("oa token list --reveal --json").json();
    assert_eq!((&listed[0]["token"], &listed[0]["label"]), (&token.into(), &"portal".into()));
    let hidden = house.command("st").env("GATEHOUSE__OA__SHOW_TOKENS", "false").output().unwrap();
    assert!(!String::from_utf8(hidden.stdout).unwrap().contains(token));

    assert_eq!(house.run(&format!("oa token delete {token}")).code, Some(0));
    let again = house.run(&format!("oa token delete {token}"));
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("token not found"), "{again:?}");
}

#[test]
fn the_verbs_read_the_config_ini_beside_them() {
    let house = Installation::new(GATEHOUSE);
    house.write("config.ini", "[vpnHelper]\nwebPort = 20220 ;port\nuserEmailDomain = example.com\n");
    let ended = house.run("gt");
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("key username is missing in section [panelWeb]"), "{ended:?}");
    house.write("config.ini", "[other]\nx = 1\n");
    generate(&house, "gt");
}
