use gatehouse_model::NodeKind;
use serde_json::{Value, json};

use super::*;
use crate::settings::Settings;

fn format(agent: &str) -> Format {
    Client::detect(agent, None).format
}

#[test]
fn apps_are_known_by_their_words_in_order() {
    for (agent, expected) in [
        ("Surge iOS/3155", Format::Surge),
        ("Surfboard/2.24.2 (com.getsurfboard; build:20500)", Format::Surfboard),
        ("Stash/2.5.0 Clash/1.9.0", Format::Stash),
        ("SFA/1.11.9 (Build 450; sing-box 1.11.9)", Format::SingBox),
        ("SFI 1.12", Format::SingBox),
        ("sfm", Format::SingBox),
        ("HiddifyNext/2.0.5 (android) like ClashMeta v2ray sing-box", Format::SingBox),
        ("karing/1.0.0", Format::SingBox),
        ("shadowsocks-service/1.15.3", Format::Sip008),
        ("Shadowrocket/1978 CFNetwork/1331.0.7 Darwin/21.4.0", Format::Shadowrocket),
        ("Quantumult%20X/1.0.30 (iPhone14,2; iOS 15.6)", Format::QuantumultX),
        ("Quantumult-X/1", Format::QuantumultX),
        ("Loon/762 CFNetwork/1410.0.3", Format::Loon),
        ("v2rayN/6.31", Format::General),
        ("v2rayNG/1.9.5", Format::General),
        ("SagerNet/0.8", Format::General),
        ("clash-verge/v1.3.8", Format::ClashMeta),
        ("ClashMetaForAndroid/2.9.0.Meta", Format::ClashMeta),
        ("FlClash/v0.8.70 clash-verge Platform/android", Format::ClashMeta),
        ("NekoBox/Android/1.3.1 (Prefer ClashMeta Format)", Format::ClashMeta),
        ("mihomo/1.19.9", Format::ClashMeta),
        ("ClashForWindows/0.20.39", Format::Clash),
        ("clash", Format::Clash),
        ("curl/8.5.0", Format::General),
        ("", Format::General),
        // Three letters inside another word are nothing.
        ("Transfmer/1.0", Format::General),
        ("sfax/1", Format::General),
        ("(sfa/1", Format::SingBox),
    ] {
        assert_eq!(format(agent), expected, "{agent}");
    }
}

#[test]
fn a_flag_overrides_the_user_agent() {
    assert_eq!(Client::detect("Surge/1", Some("meta")).format, Format::ClashMeta);
    assert_eq!(Client::detect("Surge/1", Some("Shadowsocks")).format, Format::Sip008);
    assert_eq!(Client::detect("Surge/1", Some(" ")).format, Format::Surge);
    assert_eq!(Client::detect("Surge/1", Some("nothing we know")).format, Format::General);
}

fn settings(kind: NodeKind, value: &Value) -> Settings {
    Settings::parse(kind, value).unwrap()
}

fn hysteria2() -> Settings {
    settings(NodeKind::Hysteria, &json!({"version": 2}))
}

#[test]
fn hysteria_2_is_kept_from_apps_that_are_too_old() {
    for (old, new) in [
        ("v2rayNG/1.9.4", "v2rayNG/1.9.5"),
        ("v2rayN/6.30", "v2rayN/6.31"),
        ("NekoBox/Android/1.2.6 (Prefer ClashMeta Format)", "NekoBox/Android/1.2.7 (Prefer ClashMeta Format)"),
        ("NekoRay/3.23", "nekoray/3.24"),
        ("clash-verge/v1.3.7", "clash-verge/v1.3.8"),
        ("FlClash/v0.7.9 clash-verge/v9", "FlClash/v0.8.0"),
        ("ClashMetaForAndroid/2.8.9.Meta", "ClashMetaForAndroid/2.9.0"),
        ("ClashX Meta/1.3.4", "ClashX Meta/v1.3.5"),
        ("sing-box 1.4.9", "sing-box 1.5.0"),
        ("Stash/2.4.9", "Stash/2.5.0"),
        ("Loon/636", "Loon/637"),
    ] {
        assert!(!Client::detect(old, None).is_new_enough(&hysteria2()), "{old}");
        assert!(Client::detect(new, None).is_new_enough(&hysteria2()), "{new}");
    }
    for unknown in ["v2rayN", "sing-box", "Stash", "Loon/3.2.1", "mihomo/1.10", "clash-verge/next"] {
        assert!(Client::detect(unknown, None).is_new_enough(&hysteria2()), "{unknown}");
    }
    assert!(Client::detect("v2rayNG/1.0", None).is_new_enough(&settings(NodeKind::Hysteria, &json!({"version": 1}))));
}

#[test]
fn other_nodes_wait_for_their_versions() {
    let reality = settings(NodeKind::Vless, &json!({"tls": 2, "network": "tcp"}));
    let vision = settings(NodeKind::Vless, &json!({"tls": 1, "network": "tcp", "flow": "xtls-rprx-vision"}));
    let anytls = settings(NodeKind::Anytls, &json!({}));
    let tuic = settings(NodeKind::Tuic, &json!({}));
    let trojan = settings(NodeKind::Trojan, &json!({"network": "tcp"}));
    let ss2022 = settings(NodeKind::Shadowsocks, &json!({"cipher": "2022-blake3-aes-256-gcm"}));
    let ech = json!({"ech": {"enabled": true, "config": "AAAA"}});
    let ech = settings(NodeKind::Trojan, &json!({"network": "tcp", "tls_settings": ech}));
    for (settings, old, new) in [
        (&reality, "sing-box 1.5.9", "sing-box 1.6.0"),
        (&anytls, "sing-box 1.11.15", "sing-box 1.12.0-beta.1"),
        (&tuic, "Stash/2.2.9", "Stash/2.3.0"),
        (&ss2022, "Stash/2.9.9", "Stash/3.0.0"),
        (&reality, "Stash/3.0.9", "Stash/3.1.0"),
        (&vision, "Stash/3.0.9", "Stash/3.1.0"),
        (&anytls, "Stash/3.2.9", "Stash/3.3.0"),
        (&trojan, "Loon/3.2.0", "Loon/3.2.1"),
        (&ech, "mihomo/1.19.8", "mihomo/1.19.9"),
        (&ech, "clash.meta/v1.19.8", "Clash.Meta/v1.19.10"),
    ] {
        assert!(!Client::detect(old, None).is_new_enough(settings), "{old}");
        assert!(Client::detect(new, None).is_new_enough(settings), "{new}");
    }
}

#[test]
fn formats_leave_out_what_they_cannot_say() {
    let over = |kind: NodeKind, network: &str, tls: u8| settings(kind, &json!({"tls": tls, "network": network}));
    let can = |format: Format, settings: &Settings| format.can_express(settings);
    for network in ["tcp", "ws", "grpc", "http", "h2", "httpupgrade", "xhttp"] {
        assert!(can(Format::ClashMeta, &over(NodeKind::Vless, network, 1)), "{network}");
        assert_eq!(can(Format::ClashMeta, &over(NodeKind::Vmess, network, 1)), network != "xhttp", "{network}");
        assert_eq!(can(Format::SingBox, &over(NodeKind::Vless, network, 1)), network != "xhttp", "{network}");
        let for_trojan = matches!(network, "tcp" | "ws" | "grpc" | "httpupgrade");
        assert_eq!(can(Format::ClashMeta, &over(NodeKind::Trojan, network, 1)), for_trojan, "{network}");
    }
    assert!(!can(Format::Loon, &over(NodeKind::Trojan, "tcp", 2)), "no Trojan with Reality");
    assert!(!can(Format::Surge, &over(NodeKind::Vless, "tcp", 1)));
    let ss2022 = settings(NodeKind::Shadowsocks, &json!({"cipher": "2022-blake3-aes-256-gcm"}));
    assert!(!can(Format::Clash, &ss2022) && can(Format::ClashMeta, &ss2022) && can(Format::Sip008, &ss2022));
    let mieru = settings(NodeKind::Mieru, &json!({"transport": "TCP"}));
    assert_eq!(Format::ALL.into_iter().filter(|format| can(*format, &mieru)).collect::<Vec<_>>(), [Format::ClashMeta]);
}

#[test]
fn queries_keep_types_and_words() {
    let ss = settings(NodeKind::Shadowsocks, &json!({"cipher": "aes-256-gcm"}));
    let hysteria1 = settings(NodeKind::Hysteria, &json!({"version": 1}));
    let keeps = |types: Option<&str>, filter: Option<&str>, settings: &Settings| {
        Query::parse(types, filter).keeps("香港 HK.1", &["Premium".into()], settings)
    };
    assert!(keeps(None, None, &ss) && keeps(Some("all"), None, &ss) && keeps(Some(""), None, &ss));
    assert!(keeps(Some("vmess|shadowsocks"), None, &ss) && keeps(Some("vmess，ss"), None, &ss));
    assert!(keeps(Some("trojan｜ hysteria2,all"), None, &ss));
    assert!(!keeps(Some("vmess"), None, &ss) && !keeps(Some("nonsense"), None, &ss));
    assert!(keeps(Some("hysteria2"), None, &hysteria2()) && !keeps(Some("hysteria2"), None, &hysteria1));
    assert!(keeps(Some("hysteria"), None, &hysteria1) && keeps(Some("hysteria"), None, &hysteria2()));
    assert!(keeps(None, Some("日本|hk"), &ss) && keeps(None, Some("premium"), &ss) && keeps(None, Some(" "), &ss));
    assert!(!keeps(None, Some("HK.*"), &ss) && !keeps(None, Some("日本"), &ss));
    // The twenty-first character is cut, and with it what made the word long.
    assert!(keeps(None, Some("aaaaaaaaaaaaaaaaa,HKxxxx"), &ss));
}

#[test]
fn import_links_encode_what_they_carry() {
    let links = import_links("https://sub.example.com/s/abc", "门 & house");
    let link = |app: &str| links.iter().find(|(name, _)| *name == app).unwrap().1.clone();
    assert_eq!(
        link("Clash"),
        "clash://install-config?url=https%3A%2F%2Fsub.example.com%2Fs%2Fabc&name=%E9%97%A8%20%26%20house"
    );
    assert_eq!(
        link("Shadowrocket"),
        "shadowrocket://add/sub://aHR0cHM6Ly9zdWIuZXhhbXBsZS5jb20vcy9hYmM=?remark=%E9%97%A8%20%26%20house"
    );
    assert_eq!(link("Hiddify"), "hiddify://import/https://sub.example.com/s/abc#%E9%97%A8%20%26%20house");
    assert_eq!(links.len(), 9);
    assert!(links.iter().all(|(_, link)| link.bytes().all(|byte| byte.is_ascii_graphic())));
}
