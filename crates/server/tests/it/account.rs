//! `account …`: the life of an account on the command line.

use gatehouse_testkit::Installation;

use crate::GATEHOUSE;

#[test]
fn an_account_is_made_shown_changed_and_deleted() {
    let house = Installation::new(GATEHOUSE);
    house.run("account add ann --email ann@example.com --pass proxy --pass staff").ok();
    house.run("account edit ann --name Ann").ok();
    let shown = house.run("account show ANN --json").json();
    assert_eq!((&shown["login"], &shown["name"]), (&"ann".into(), &"Ann".into()));
    assert_eq!(shown["passes"], serde_json::json!(["proxy", "staff"]));
    assert!(house.run("account show ann").ok().contains("ann@example.com"));
    house.run("account grant ann role Administrator").ok();
    assert_eq!(house.run("account show ann --json").json()["roles"], serde_json::json!(["Administrator"]));
    house.run("account revoke ann role Administrator").ok();
    let logins = house.run("account list --json").json();
    assert_eq!(
        logins.as_array().unwrap().iter().map(|row| &row["login"]).collect::<Vec<_>>(),
        ["administrator", "ann"]
    );
    house.run("account revoke ann proxy").ok();
    house.run("account delete ann").ok();
    let gone = house.run("account show ann");
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("account not found"), "{gone:?}");
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let house = Installation::new(GATEHOUSE);
    house.run("account add ann --pass proxy").ok();
    for (arguments, code, reason) in [
        ("account add ANN", 1, "login already exists"),
        ("account add ann\u{a0}", 2, "white space"),
        ("account add bob --email nonsense", 2, "email"),
        ("account add bob --pass all", 2, "known are vpn, proxy, staff, subscriber"),
        ("account grant ann proxy", 1, "already exists"),
        ("account grant ann role", 2, "name the role"),
        ("account grant ann proxy now", 2, "takes no code"),
        ("account delete administrator", 1, "locked"),
        ("account passwd ann", 2, "--password-stdin"),
        ("account check-login ann --door ssh", 2, "--password-stdin"),
        ("account check-login ann --door subscriber", 2, "add --password-stdin"),
        ("account check-login ann --door vpn", 2, "add --password-stdin"),
        ("session end 11111111-2222-4333-8444-555555555555", 1, "not found"),
        ("node rotate-key none", 1, "node not found"),
        ("oa user show nobody", 1, "oa user not found"),
    ] {
        let ended = house.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments}: {ended:?}");
        assert!(ended.stderr.contains(reason), "{arguments}: {ended:?}");
    }
}

#[test]
fn check_login_lets_in_and_says_why_not() {
    let house = Installation::new(GATEHOUSE);
    house.run("account add ann --pass proxy").ok();
    house.run_with("account passwd ann --password-stdin", "correct horse\n").ok();
    house.run_with("account check-login ann --password-stdin", "correct horse\n").ok();
    let wrong = house.run_with("account check-login ann --password-stdin", "wrong\n");
    assert_eq!((wrong.code, wrong.stderr.as_str()), (Some(1), "gatehouse: refused: wrong_password\n"));

    let door = "account check-login ann --door proxy";
    let before = house.run(door);
    assert!(before.code == Some(0) || before.stderr.contains("no_group"), "{before:?}");
    house.run("account disable ann --why leave").ok();
    let refused = house.run(door);
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(1), "gatehouse: refused: disabled\n"));
    assert!(house.run("account list").ok().contains("disabled (leave)"));
    house.run("account enable ann").ok();
    assert!(!house.run(door).stderr.contains("disabled"));
}

#[test]
fn check_login_asks_the_ssh_door() {
    let house = Installation::new(GATEHOUSE);
    house.run("account add ann --pass proxy").ok();
    house.run_with("account passwd ann --password-stdin", "correct horse\n").ok();
    let door = |login: &str, password: &str| {
        let ended = house.run_with(&format!("account check-login {login} --door ssh --password-stdin"), password);
        (ended.code, ended.stderr)
    };
    let refused = |why: &str| (Some(1), format!("gatehouse: refused: {why}\n"));
    assert_eq!(door("ann", "correct horse\n"), refused("no_pass"));
    house.run("account grant ann staff").ok();
    assert_eq!(door("ann", "correct horse\n"), (Some(0), String::new()));
    assert_eq!(door("ANN", "correct horse\n"), refused("no_such_account"));
    assert_eq!(door("ann", "wrong\n"), refused("wrong_password"));
    house.run("account disable ann").ok();
    assert_eq!(door("ann", "correct horse\n"), refused("disabled"));
    house.run("account enable ann").ok();
    let shown = house.run("account show ann --json").json();
    assert_eq!(
        shown["staff"],
        serde_json::json!({ "ssh_keys": 0, "has_factor": false, "must_change_password": false })
    );
    assert!(house.run("account show ann").ok().contains("password, 0 keys"));
    let answer = house.run_with("account check-login ann --door ssh --password-stdin --json", "correct horse\n").json();
    assert_eq!(answer, serde_json::json!({ "let_in": true, "needs_code": false }));
}

#[test]
fn keys_for_the_ssh_door_are_registered_listed_and_deleted() {
    let house = Installation::new(GATEHOUSE);
    house.run("account add ann --pass staff").ok();
    house.write("ann.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS ann\n");
    house.run("account add-key ann ann.pub --name laptop").ok();
    let keys = house.run("account keys ann --json").json();
    assert_eq!((&keys[0]["name"], keys.as_array().unwrap().len()), (&"laptop".into(), 1));
    assert!(house.run("account keys ann").ok().contains("SHA256:"));
    assert_eq!(house.run("account show ann --json").json()["staff"]["ssh_keys"], 1);
    house.write("none.pub", "no key\n");
    for (file, reason) in [("ann.pub", "taken"), ("none.pub", "malformed"), ("nowhere.pub", "cannot read")] {
        let refused = house.run(&format!("account add-key ann {file}"));
        assert!(refused.code != Some(0) && refused.stderr.contains(reason), "{refused:?}");
    }
    house.write("b.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIl+Hs6i7Gtn5m4ZhH8J/gQMXwg2TmxIyxvHa6Ai1eu2\n");
    house.run("account add-key ann b.pub --name laptop").ok();
    let named = |key: &str| house.run(&format!("account delete-key ann {key}"));
    let ambiguous = named("laptop");
    assert!(ambiguous.code != Some(0) && ambiguous.stderr.contains("fingerprint"), "{ambiguous:?}");
    let fingerprint = keys[0]["fingerprint"].as_str().unwrap();
    assert!(named(fingerprint).ok().contains("deleted"));
    let unknown = named(fingerprint);
    assert!(unknown.code != Some(0) && unknown.stderr.contains("account keys ann"), "{unknown:?}");
    assert!(named("laptop").ok().contains("deleted"));
    assert_eq!(house.run("account show ann --json").json()["staff"]["ssh_keys"], 0);
}
