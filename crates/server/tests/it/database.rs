//! `copy-database`, and one server per SQLite file.

use gatehouse_testkit::Installation;

use crate::GATEHOUSE;

#[test]
fn a_copy_is_the_same_installation() {
    let house = Installation::new(GATEHOUSE);
    let made = house.run("oa token generate --json").json();
    let token = made["token"].as_str().unwrap();
    let copied = house.run("copy-database --from sqlite://data/gatehouse.db --to sqlite://other.db --json").json();
    assert_eq!((&copied["tables"]["api_token"], &copied["tables"]["account"]), (&1.into(), &1.into()));
    let mut elsewhere = house.command("st");
    let there = elsewhere.env("GATEHOUSE__DATABASE__URL", "sqlite://other.db").output().unwrap();
    assert!(String::from_utf8(there.stdout).unwrap().contains(token));

    let again = house.run("copy-database --from sqlite://data/gatehouse.db --to sqlite://other.db");
    assert_eq!(again.code, Some(1), "a target in use is refused: {again:?}");
    let nowhere = house.run("copy-database --from mysql://x --to sqlite://third.db");
    assert!(nowhere.code == Some(1) && nowhere.stderr.contains("--from"), "{nowhere:?}");
}

#[test]
fn two_servers_never_share_a_sqlite_file() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let second = house.run("serve --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0");
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("another gatehouse serves data already"), "{second:?}");
    running.kill();
    house.serve("serve").stop();
}
