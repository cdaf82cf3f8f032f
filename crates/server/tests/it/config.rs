//! `check-config`, and how a configuration reaches the commands.

use gatehouse_testkit::Installation;

use crate::GATEHOUSE;

#[test]
fn check_config_names_key_value_and_line() {
    let house = Installation::new(GATEHOUSE);
    house.write("g.toml", "[proxy]\nclassic_user_cap = 100000\n");
    let ended = house.run("check-config --config g.toml");
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stderr, "gatehouse: g.toml:2: proxy.classic_user_cap = 100000: at most 5000\n");
    assert!(!house.path().join("data").exists(), "checking makes nothing");
}

#[test]
fn check_config_accepts_the_defaults_and_its_own_example() {
    let house = Installation::new(GATEHOUSE);
    assert!(house.run("check-config").ok().contains("configuration is valid"));
    house.write("g.toml", &house.run("check-config --example").ok());
    let report = house.run("check-config --config g.toml --json").json();
    assert_eq!((&report["ok"], &report["files"][0]), (&true.into(), &"g.toml".into()));
}

#[test]
fn a_configuration_file_that_is_missing_is_bad_usage() {
    let ended = Installation::new(GATEHOUSE).run("serve --config nowhere.toml");
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("nowhere.toml"), "{ended:?}");
}

#[test]
fn the_foreign_panel_is_refused_with_the_way_out() {
    let house = Installation::new(GATEHOUSE);
    house.write("g.toml", "[oa]\nbackend = \"django-sspanel\"\n");
    for arguments in ["serve --config g.toml", "check-config --config g.toml"] {
        let ended = house.run(arguments);
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains("--oa-backend local"), "{ended:?}");
    }
    assert!(!house.path().join("data").exists());
}

#[test]
fn a_missing_config_ini_is_told_in_the_originals_words() {
    let ended = Installation::new(GATEHOUSE).run("serve --oa-config config.ini");
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with("gatehouse: 读取配置文件 config.ini 失败，失败原因为: "), "{ended:?}");
}

#[test]
fn a_known_first_password_is_served_on_loopback_only() {
    let house = Installation::new(GATEHOUSE).with("BASTION__COMPAT__DEFAULT_ADMIN", "true");
    for listener in ["--listen 0.0.0.0:0", "--ssh-listen [::]:0", "--proxy-listen 192.0.2.1"] {
        let ended = house.run(&format!("serve {listener}"));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("bastion.compat.default_admin"), "{ended:?}");
    }
    assert!(!house.path().join("data").exists());
    house.serve("serve").stop();
    house.run_with("account check-login administrator --door ssh --password-stdin", "administrator\n").ok();
}
