//! The template of sing-box in the spelling of older cores (specs/panel-nodes.md N3.2).

use super::{
    singbox::Age,
    tree::{Scalar, Tree},
};

/// Rewrites a template written for core 1.13 and later.
pub(super) fn spell(tree: &mut Tree, age: Age) {
    if age < Age::Modern {
        old_dns(tree);
    }
    if age < Age::Before1_12 {
        old_rules(tree);
    }
    if age < Age::Before1_11 {
        old_addresses(tree);
    }
}

fn map(entries: Vec<(&str, Tree)>) -> Tree {
    Tree::Map(entries.into_iter().map(|(key, value)| (Scalar::quoted(key), value)).collect())
}

/// Before 1.12 a DNS server was a URL, its resolver `address_resolver`, and fake addresses an object of their own.
fn old_dns(tree: &mut Tree) {
    let resolver = tree.get_mut("route").and_then(|route| route.remove("default_domain_resolver"));
    let resolver = resolver.and_then(|value| match &value {
        Tree::Map(_) => value.get_text("server").map(str::to_owned),
        _ => value.as_text().map(str::to_owned),
    });
    let Some(dns) = tree.get_mut("dns") else { return };
    let mut dropped: Vec<String> = Vec::new();
    let mut fakeip = None;
    if let Some(servers) = dns.get_mut("servers").and_then(Tree::items_mut) {
        servers.retain_mut(|server| {
            let kind = server.remove("type");
            let kind = kind.as_ref().and_then(Tree::as_text).unwrap_or("legacy").to_owned();
            let tag = server.get_text("tag").unwrap_or_default().to_owned();
            let Some(address) = old_address(server, &kind) else {
                dropped.push(tag);
                return false;
            };
            if kind == "fakeip" {
                fakeip = Some((server.remove("inet4_range"), server.remove("inet6_range")));
            }
            if let Some(value) = server.remove("domain_resolver") {
                let name = if matches!(value, Tree::Map(_)) { value.get("server").cloned() } else { Some(value) };
                if let Some(name) = name {
                    server.set("address_resolver", name);
                }
            }
            server.set("address", Tree::text(address));
            true
        });
    }
    if let Some((inet4, inet6)) = fakeip {
        let mut entries = vec![("enabled", Tree::word("true"))];
        entries.extend(inet4.map(|range| ("inet4_range", range)));
        entries.extend(inet6.map(|range| ("inet6_range", range)));
        dns.set("fakeip", map(entries));
    }
    if let Some(rules) = dns.get_mut("rules").and_then(Tree::items_mut) {
        rules.retain(|rule| rule.get_text("server").is_none_or(|server| !dropped.iter().any(|name| name == server)));
    }
    // Names of outbounds were resolved by a rule.
    if let Some(resolver) = resolver.filter(|resolver| !dropped.contains(resolver)) {
        let rule = map(vec![("outbound", Tree::text("any")), ("server", Tree::text(resolver))]);
        match dns.get_mut("rules").and_then(Tree::items_mut) {
            Some(rules) => rules.insert(0, rule),
            None => dns.set("rules", Tree::List(vec![rule])),
        }
    }
}

/// The URL of a DNS server; none for types that had no form.
fn old_address(server: &mut Tree, kind: &str) -> Option<String> {
    let host = server.remove("server").as_ref().and_then(Tree::as_text).unwrap_or_default().to_owned();
    let host = if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]") } else { host };
    let port =
        server.remove("server_port").as_ref().and_then(Tree::as_text).map_or(String::new(), |port| format!(":{port}"));
    let path = server.remove("path").as_ref().and_then(Tree::as_text).unwrap_or("/dns-query").to_owned();
    for key in ["tls", "headers", "prefer_go"] {
        server.remove(key);
    }
    Some(match kind {
        "legacy" => server.get_text("address")?.to_owned(),
        "local" => "local".into(),
        "fakeip" => "fakeip".into(),
        "udp" if port.is_empty() => host,
        "udp" | "tcp" | "tls" | "quic" => format!("{kind}://{host}{port}"),
        "https" | "h3" => format!("{kind}://{host}{port}{path}"),
        "dhcp" => {
            let interface = server.remove("interface");
            format!("dhcp://{}", interface.as_ref().and_then(Tree::as_text).unwrap_or("auto"))
        }
        _ => return None,
    })
}

/// Before 1.11 rules had no actions: blocking and DNS were outbounds, sniffing a matter of inbounds.
fn old_rules(tree: &mut Tree) {
    let mut needs_block = false;
    let mut needs_dns = false;
    let mut sniffs = false;
    if let Some(rules) = tree.get_mut("route").and_then(|route| route.get_mut("rules")).and_then(Tree::items_mut) {
        rules.retain_mut(|rule| {
            let action = rule.remove("action");
            match action.as_ref().and_then(Tree::as_text).unwrap_or("route") {
                "route" => true,
                "reject" => {
                    for key in ["method", "no_drop"] {
                        rule.remove(key);
                    }
                    rule.set("outbound", Tree::text("block"));
                    needs_block = true;
                    true
                }
                "hijack-dns" => {
                    rule.set("outbound", Tree::text("dns-out"));
                    needs_dns = true;
                    true
                }
                "sniff" => {
                    sniffs = true;
                    false
                }
                _ => false,
            }
        });
    }
    let mut rejects = false;
    if let Some(rules) = tree.get_mut("dns").and_then(|dns| dns.get_mut("rules")).and_then(Tree::items_mut) {
        rules.retain_mut(|rule| {
            let action = rule.remove("action");
            match action.as_ref().and_then(Tree::as_text).unwrap_or("route") {
                "route" => true,
                "reject" => {
                    rule.remove("method");
                    rule.set("server", Tree::text("dns-block"));
                    rejects = true;
                    true
                }
                _ => false,
            }
        });
    }
    if rejects
        && let Some(servers) = tree.get_mut("dns").and_then(|dns| dns.get_mut("servers")).and_then(Tree::items_mut)
    {
        servers.push(map(vec![("tag", Tree::text("dns-block")), ("address", Tree::text("rcode://refused"))]));
    }
    if sniffs && let Some(inbounds) = tree.get_mut("inbounds").and_then(Tree::items_mut) {
        for inbound in inbounds {
            inbound.set("sniff", Tree::word("true"));
        }
    }
    if let Some(outbounds) = tree.get_mut("outbounds").and_then(Tree::items_mut) {
        for (kind, tag, needed) in [("block", "block", needs_block), ("dns", "dns-out", needs_dns)] {
            if needed && !outbounds.iter().any(|outbound| outbound.get_text("tag") == Some(tag)) {
                outbounds.push(map(vec![("type", Tree::text(kind)), ("tag", Tree::text(tag))]));
            }
        }
    }
}

/// Before 1.10 the addresses of a tun device came apart by family.
fn old_addresses(tree: &mut Tree) {
    const NAMES: [(&str, &str, &str); 3] = [
        ("address", "inet4_address", "inet6_address"),
        ("route_address", "inet4_route_address", "inet6_route_address"),
        ("route_exclude_address", "inet4_route_exclude_address", "inet6_route_exclude_address"),
    ];
    for inbound in tree.get_mut("inbounds").and_then(Tree::items_mut).into_iter().flatten() {
        if inbound.get_text("type") != Some("tun") {
            continue;
        }
        for (name, inet4, inet6) in NAMES {
            let Some(addresses) = inbound.remove(name) else { continue };
            let list = match addresses {
                Tree::List(items) => items,
                one => vec![one],
            };
            let is_six = |address: &Tree| address.as_text().is_some_and(|text| text.contains(':'));
            let (six, four): (Vec<Tree>, Vec<Tree>) = list.into_iter().partition(is_six);
            for (name, list) in [(inet4, four), (inet6, six)] {
                if !list.is_empty() {
                    inbound.set(name, Tree::List(list));
                }
            }
        }
    }
}
