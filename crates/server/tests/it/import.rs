//! `oa import` from a config.ini, as somebody who moves house does it.

use gatehouse_testkit::{Ended, Installation, postgres};

use crate::GATEHOUSE;

#[test]
fn a_config_ini_is_enough_to_move_in() {
    let source = postgres::empty_database().unwrap();
    source
        .execute(
            "CREATE TABLE token (token text NOT NULL); INSERT INTO token VALUES ('0123456789abcdef0123456789abcdef');
             CREATE TABLE vpnhelper (username text NOT NULL UNIQUE, status text NOT NULL, statuscode int,
             loginpasswd text, connpasswd text, requesttime text);
             INSERT INTO vpnhelper VALUES ('ann', 'exists', 200, 'x', 'y', '21 Nov 25 10:47 CST'), ('', 'exists', 200, 'x', 'y', '')",
        )
        .unwrap();
    let house = Installation::new(GATEHOUSE);
    let nowhere = house.run("oa import");
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("--oa-config"), "{nowhere:?}");

    let from = source.url();
    let dry = house.command("oa import --dry-run --timezone Asia/Shanghai --from").arg(&from).output().unwrap();
    assert!(String::from_utf8_lossy(&dry.stdout).ends_with("dry run: nothing was changed\n"), "{dry:?}");
    let report = Ended::from(house.command("oa import --json --from").arg(&from).output().unwrap()).json();
    assert_eq!((&report["tokens"], &report["made"]), (&1.into(), &1.into()));
    assert_eq!(report["skipped"].as_array().map(Vec::len), Some(1));
    assert!(house.run("st").ok().contains("0123456789abcdef0123456789abcdef"));
    assert_eq!(house.run("oa user show ann --json").json()["code"], 200);

    let ini = "[panelWeb]\nusername = admin\n[vpnHelper]\nwebPort = 1\nuserEmailDomain = example.com\n\
               dbAddress = 127.0.0.1\ndbPort = 1 ;nobody listens\ndbUsername = u\ndbPassword = p\ndbName = n\n";
    house.write("config.ini", ini);
    let unreachable = house.run("oa import");
    assert_eq!(unreachable.code, Some(1));
    assert!(unreachable.stderr.contains("the original's database failed"), "{unreachable:?}");
    house.write("config.ini", &ini.replace("dbName = n\n", ""));
    let missing = house.run("oa import");
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("key dbName is missing in section [vpnHelper]"), "{missing:?}");
}
