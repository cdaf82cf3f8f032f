//! Help, versions, exit codes and the first start.

use gatehouse_testkit::Installation;

use crate::GATEHOUSE;

#[test]
fn without_arguments_the_help_is_printed() {
    let house = Installation::new(GATEHOUSE);
    let help = house.run("").ok();
    assert!(help.contains("Usage: gatehouse") && help.contains("serve"), "{help}");
    assert!(house.run("--version").ok().starts_with("gatehouse 0."));
    assert!(!house.path().join("data").exists(), "asking for help makes nothing");
}

#[test]
fn bad_usage_ends_with_two() {
    let house = Installation::new(GATEHOUSE);
    for arguments in ["frobnicate", "dt", "deleteToken", "serve --nonsense", "oa token", "copy-database"] {
        let ended = house.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments}: {ended:?}");
        assert!(!ended.stderr.is_empty());
    }
}

#[test]
fn the_first_command_tells_the_administrators_password_once() {
    let house = Installation::new(GATEHOUSE);
    let first = house.run("oa token list");
    assert_eq!(first.code, Some(0), "{first:?}");
    let password = first.stderr.lines().find_map(|line| line.trim().strip_prefix("password")).expect("told").trim();
    assert!(password.len() >= 12, "{password}");
    assert!(first.stderr.contains("administrator") && !first.stdout.contains(password));
    let second = house.run("oa token list");
    assert_eq!((second.code, second.stderr.as_str()), (Some(0), ""));
    for (name, mode) in [("data", 0o700), ("data/key-ring", 0o600), ("data/gatehouse.db", 0o600)] {
        let found = std::os::unix::fs::PermissionsExt::mode(&house.path().join(name).metadata().unwrap().permissions());
        assert_eq!(found & 0o777, mode, "{name}");
    }
}

#[test]
fn migrate_says_what_it_did() {
    let house = Installation::new(GATEHOUSE);
    let applied = house.run("migrate --json").json();
    assert_eq!(applied["applied"][0], "0001_spine");
    assert_eq!(house.run("migrate").ok(), "the schema is up to date\n");
}

#[test]
fn completions_exist_for_the_common_shells() {
    let house = Installation::new(GATEHOUSE);
    for shell in ["bash", "zsh", "fish"] {
        assert!(house.run(&format!("completions {shell}")).ok().contains("copy-database"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let house = Installation::new(GATEHOUSE);
    let mut child = house.command("completions bash").stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
