use gatehouse_domain::radius::{
    grant::Speed,
    nas::{AttributeSets, Profile},
};

use super::*;
use crate::preview;

/// A grant with everything.
fn rich() -> Grant {
    let terms = Terms {
        idle_timeout: Some(Duration::from_mins(10)),
        framed_ip: Some([10, 0, 0, 7].into()),
        pool: Some("office".to_owned()),
        dns: ["192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3"].map(|ip| ip.parse().unwrap()).to_vec(),
        routes: ["10.1.0.0/16", "2001:db8:1::/48"].map(|route| route.parse().unwrap()).to_vec(),
        groups: vec!["dev".to_owned(), "ops".to_owned()],
        speed: Some(Speed { up: 5_000_000, down: 10_000_500 }),
        values: [("service.plan".to_owned(), "gold".to_owned())].into(),
        ..terms()
    };
    Grant { session_timeout: Some(Duration::from_hours(2)), ..of_terms(terms) }
}

fn lines(settings: NasSettings, grant: Grant) -> Vec<String> {
    let nas = Nas { settings, ..nas(1, "127.0.0.1/32") };
    let lines = preview(&nas, &Decision::Accept(Box::new(grant)));
    lines.into_iter().map(|(name, value)| format!("{name} = {value}")).collect()
}

fn of(profile: Profile) -> NasSettings {
    NasSettings { profile, ..NasSettings::default() }
}

#[test]
fn a_generic_nas_gets_everything() {
    assert_eq!(
        lines(of(Profile::Generic), rich()),
        [
            "Service-Type = 2",
            "Class = 0x636c6173732d37",
            "Framed-IP-Address = 10.0.0.7",
            "Framed-IP-Netmask = 255.255.255.255",
            "Framed-Route = 10.1.0.0/16 0.0.0.0 1",
            "Framed-IPv6-Route = 2001:db8:1::/48 :: 1",
            "MS-Primary-DNS-Server = 192.0.2.1",
            "DNS-Server-IPv6-Address = 2001:db8::1",
            "MS-Secondary-DNS-Server = 192.0.2.2",
            "Session-Timeout = 7200",
            "Idle-Timeout = 600",
            "Acct-Interim-Interval = 60",
            "Filter-Id = dev",
            "WISPr-Bandwidth-Max-Up = 5000000",
            "WISPr-Bandwidth-Max-Down = 10000500",
        ]
    );
}

#[test]
fn a_plain_account_gets_little() {
    let little = ["Service-Type = 2", "Class = 0x636c6173732d37", "Acct-Interim-Interval = 60"];
    assert_eq!(lines(of(Profile::Generic), grant()), little);
    let pool = of_terms(Terms { pool: Some("office".to_owned()), pass: PassKind::Subscriber, ..terms() });
    let lines = lines(of(Profile::Generic), pool);
    assert!(lines.contains(&"Framed-Pool = office".to_owned()) && lines.contains(&"Framed-Protocol = 1".to_owned()));
}

#[test]
fn profiles_say_groups_and_speeds_their_way() {
    let only = |profile, names: &[&str]| {
        let mut lines = lines(of(profile), rich());
        lines.retain(|line| names.iter().any(|name| line.starts_with(name)));
        lines
    };
    let names = ["Class", "Filter-Id", "RP-", "Mikrotik-", "WISPr"];
    // 0x4f553d6465763b6f7073 is `OU=dev;ops`.
    let ocserv =
        ["Class = 0x4f553d6465763b6f7073", "RP-Upstream-Speed-Limit = 5000", "RP-Downstream-Speed-Limit = 10000"];
    assert_eq!(only(Profile::Ocserv, &names), ocserv);
    assert_eq!(
        only(Profile::Mikrotik, &names),
        [
            "Class = 0x636c6173732d37",
            "Mikrotik-Address-List = dev",
            "Mikrotik-Address-List = ops",
            "Mikrotik-Rate-Limit = 5M/10000500",
        ]
    );
    assert_eq!(only(Profile::AccelPpp, &names), ["Class = 0x636c6173732d37", "Filter-Id = 10000/5000"]);
    let many = of_terms(Terms { groups: (100..200).map(|n| format!("group-{n}")).collect(), ..terms() });
    let lines = lines(of(Profile::Ocserv), many);
    let classes: Vec<_> = lines.iter().filter(|line| line.starts_with("Class")).collect();
    // 27 names of nine bytes, no half one.
    assert_eq!((classes.len(), classes[0].len()), (1, "Class = 0x".len() + 2 * (3 + 25 * 10 - 1)));
}

#[test]
fn a_session_about_to_end_is_not_sent_as_endless() {
    let over = Grant { session_timeout: Some(Duration::from_millis(300)), ..grant() };
    assert!(lines(NasSettings::default(), over).contains(&"Session-Timeout = 1".to_owned()));
}

#[test]
fn free_attributes_replace_and_add() {
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let attributes = AttributeSets {
        allowed: vec![
            pair("Filter-Id", "{login}@{service.plan}"),
            pair("ERX-Service-Activate:1", "inet({rate_up},{rate_down})"),
            pair("26/9999/3:ipv4", "{ip}"),
            pair("Reply-Message", "{service.other}"),
            pair("Framed-MTU", "{login}"),
            pair("No-Such-Attribute", "x"),
        ],
        ..AttributeSets::default()
    };
    let lines = lines(NasSettings { attributes, ..NasSettings::default() }, rich());
    let last: Vec<_> = lines[lines.len() - 5..].iter().map(String::as_str).collect();
    assert_eq!(
        last,
        [
            "WISPr-Bandwidth-Max-Up = 5000000",
            "WISPr-Bandwidth-Max-Down = 10000500",
            "Filter-Id = nemo@gold",
            "ERX-Service-Activate:1 = inet(5000000,10000500)",
            "26/9999/3 = 0x0a000007",
        ]
    );
    assert_eq!(lines.iter().filter(|line| line.starts_with("Filter-Id")).count(), 1);
}

#[test]
fn a_reject_shows_its_message_only() {
    let reject = Reject { reason: "expired", message: Some("Expired".to_owned()), ms_chap_error: 648 };
    let lines = preview(&nas(1, "127.0.0.1/32"), &Decision::Reject(reject));
    assert_eq!(lines, [("Reply-Message".to_owned(), "Expired".to_owned())]);
}
