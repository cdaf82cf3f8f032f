//! `apply`: a file is read, refused with its place, tried, applied, and applied again.

use gatehouse_testkit::Installation;

use crate::GATEHOUSE;

const STATE: &str = "
[[node]]
type = 'shadowsocks'
code = 'ss-1'
host = '127.0.0.1'
groups = ['default']
settings = { cipher = 'aes-256-gcm', allow_classic = true }

[[account]]
login = 'ann'
password_file = 'ann.txt'
[account.proxy]
node_group = 'default'

[[oa.token]]
label = 'main'
value_file = 'token.txt'
";

#[test]
fn a_state_is_tried_applied_and_kept() {
    let house = Installation::new(GATEHOUSE);
    std::fs::create_dir(house.path().join("state")).unwrap();
    house.write("state/s.toml", STATE);
    let missing = house.run("apply state/s.toml");
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("ann.txt") && missing.stderr.contains("token.txt"), "all at once: {missing:?}");
    house.write("state/ann.txt", "correct horse\n");
    house.write("state/token.txt", "0123\n");

    let tried = house.run("apply state/s.toml --dry-run --json").json();
    assert_eq!((&tried["dry_run"], &tried["items"][0]["change"]), (&true.into(), &"created".into()));
    assert_eq!(house.run("node list --json").json(), serde_json::json!([]));
    let applied = house.run("apply state/s.toml").ok();
    assert!(applied.contains("created    node        shadowsocks/ss-1\n"), "{applied}");
    assert!(applied.ends_with(" entries changed\n"), "{applied}");
    assert!(house.run("apply state/s.toml").ok().contains("nothing to change"));

    house.run_with("account check-login ann --password-stdin", "correct horse\n").ok();
    house.run("account check-login ann --door proxy").ok();
    assert!(house.run("st").ok().contains("\n0123\n"));
    house.write("gone.json", "{ \"account\": [ { \"login\": \"ann\", \"state\": \"absent\" } ] }");
    assert!(house.run("apply gone.json").ok().contains("removed    account     ann"));
    assert_eq!(house.run("account show ann").code, Some(1));
}

#[test]
fn a_wrong_file_changes_nothing() {
    let house = Installation::new(GATEHOUSE);
    house.write("s.toml", &format!("{STATE}\n[[oa.user]]\nusername = 'bob'\ncolour = 'red'\n"));
    let broken = house.run("apply s.toml");
    assert_eq!(broken.code, Some(2));
    assert!(broken.stderr.starts_with("gatehouse: s.toml:21: oa.user[0].colour: unknown field"), "{broken:?}");
    house.write("s.toml", "[[oa.user]]\nusername = 'bob'\n[[oa.user]]\nusername = 'admin'\n");
    let refused = house.run("apply s.toml");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("`admin`") && refused.stderr.contains("nothing was changed"), "{refused:?}");
    assert_eq!(house.run("oa user list --json").json(), serde_json::json!([]));
    assert_eq!(house.run("apply nowhere.toml").code, Some(1));
}
