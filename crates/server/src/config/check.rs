//! Rules that a type alone does not say.

use std::time::Duration;

use gatehouse_domain::settings::BillingSettings;
use gatehouse_model::{Money, NodeKind};

use super::{Config, Problem};

/// Every value that breaks a rule.
pub(super) fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut need = |holds: bool, key: &str, rule: &str| {
        if !holds {
            problems.push(Problem::new(key, rule));
        }
    };
    let settings = &config.settings;
    let (proxy, oa, login) = (&settings.proxy, &settings.oa, &settings.login);

    need(!config.http.listen.0.is_empty(), "http.listen", "name at least one address");
    need(config.http.max_connections > 0, "http.max_connections", "at least 1");
    need(!config.http.header_timeout.0.is_zero(), "http.header_timeout", "longer than 0");
    need(config.database.max_connections != Some(0), "database.max_connections", "at least 1");
    let url = config.database_url();
    let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    need(known, "database.url", "starts with sqlite: or postgres://");
    let filter = config.log.filter.parse::<tracing_subscriber::filter::Targets>();
    need(filter.is_ok(), "log.filter", "directives such as \"info\" or \"info,gatehouse_proxy=debug\"");
    need(login.argon2_memory >= 8, "login.argon2_memory", "at least 8 (KiB)");
    need(login.argon2_passes >= 1, "login.argon2_passes", "at least 1");
    need(login.hash_parallel >= 1, "login.hash_parallel", "at least 1");
    for (key, window) in [
        ("login.pair_window", login.pair_window),
        ("login.address_window", login.address_window),
        ("login.account_window", login.account_window),
    ] {
        need(!window.0.is_zero(), key, "longer than 0; to switch the limit off set its failures to 0");
    }

    for (key, zone) in [
        ("time_zone", &config.time_zone),
        ("oa.time_zone", &config.oa.time_zone),
        ("bastion.time_zone", &config.bastion.time_zone),
        ("vpn.time_zone", &config.vpn.time_zone),
        ("billing.time_zone", &config.billing.time_zone),
        ("panel.time_zone", &config.panel.time_zone),
    ] {
        let known = zone.as_deref().is_none_or(|zone| jiff::tz::TimeZone::get(zone).is_ok());
        need(known, key, "a zone of the IANA database such as \"Asia/Shanghai\"");
    }
    let prefixes = [
        ("oa.prefix", config.oa.prefix.as_str()),
        ("vpn.prefix", config.vpn.prefix.as_str()),
        ("billing.prefix", config.billing.prefix.as_str()),
        ("panel.prefix", config.panel.prefix.as_str()),
    ];
    for (key, prefix) in prefixes {
        let is_path =
            prefix.starts_with('/') && !prefix.ends_with('/') && !prefix.contains(['{', '}', '*', '?', '#', ' ']);
        need(prefix.is_empty() || is_path, key, "empty, or begins with / and does not end with it");
    }
    for (key, host) in [
        ("oa.host", &config.oa.host),
        ("bastion.host", &config.bastion.host),
        ("vpn.host", &config.vpn.host),
        ("billing.host", &config.billing.host),
        ("panel.host", &config.panel.host),
    ] {
        let is_name = host.as_deref().is_none_or(|host| !host.is_empty() && !host.contains(['/', ' ']));
        need(is_name, key, "a host name without scheme and path");
    }
    let prefix = config.bastion.prefix.as_str();
    let is_path = prefix.starts_with('/') && prefix.ends_with('/') && !prefix.contains(['{', '}', '*', '?', '#', ' ']);
    need(is_path, "bastion.prefix", "begins and ends with /, such as \"/api/\"");
    let (bastion, terminal, ssh) = (&settings.bastion, &settings.terminal, &settings.ssh);
    need((1..=32).contains(&bastion.group_level_max), "bastion.group_level_max", "1 to 32");
    need((1..=150).contains(&bastion.account_max), "bastion.account_max", "1 to 150");
    need((1..=128).contains(&bastion.auth.password_min), "bastion.auth.password_min", "1 to 128");
    need(terminal.frame_in.0 >= 1_024, "terminal.frame_in", "at least 1KiB");
    need(terminal.frame_out.0 >= 1_024, "terminal.frame_out", "at least 1KiB");
    need(terminal.queue.0 >= terminal.frame_out.0, "terminal.queue", "at least terminal.frame_out");
    need((16_384..=16 << 20).contains(&terminal.ssh_window.0), "terminal.ssh_window", "16KiB to 16MiB");
    need(terminal.max_sessions >= 1, "terminal.max_sessions", "at least 1");
    need(terminal.max_sessions_per_user >= 1, "terminal.max_sessions_per_user", "at least 1");
    need(ssh.max_tries >= 1, "ssh.max_tries", "at least 1");
    need(
        !ssh.enabled || !config.ssh.listen.0.is_empty(),
        "ssh.listen",
        "name at least one address, or set ssh.enabled to false",
    );
    for (key, span) in [
        ("bastion.request_timeout", bastion.request_timeout),
        ("bastion.auth.access_ttl", bastion.auth.access_ttl),
        ("bastion.auth.refresh_ttl", bastion.auth.refresh_ttl),
        ("bastion.auth.refresh_ceiling", bastion.auth.refresh_ceiling),
        ("terminal.connect_timeout", terminal.connect_timeout),
        ("terminal.idle", terminal.idle),
        ("terminal.max_duration", terminal.max_duration),
        ("terminal.ping", terminal.ping),
        ("terminal.ssh_keepalive", terminal.ssh_keepalive),
        ("terminal.stall_limit", terminal.stall_limit),
        ("ssh.login_deadline", ssh.login_deadline),
    ] {
        need(!span.0.is_zero(), key, "longer than 0");
    }

    let (vpn, radius) = (&settings.vpn, &settings.radius);
    need(vpn.body_limit.0 > 0, "vpn.body_limit", "larger than 0");
    need(!vpn.clock_skew.0.is_zero(), "vpn.clock_skew", "longer than 0");
    for (key, listen) in [("radius.auth", &config.radius.auth), ("radius.acct", &config.radius.acct)] {
        let is_served = !radius.enabled || !listen.0.is_empty();
        need(is_served, key, "name at least one address, or set radius.enabled to false");
    }
    need(radius.reject_delay.0 <= Duration::from_secs(5), "radius.reject_delay", "at most 5s: a NAS waits no longer");
    need(radius.stale_intervals >= 1, "radius.stale_intervals", "at least 1");
    for (name, command) in &radius.commands {
        let key = format!("radius.commands.{name}");
        let is_program = command.first().is_some_and(|program| program.starts_with('/'));
        need(is_program, &key, "a program by its full path, and its arguments");
    }

    let domain = oa.user_email_domain.as_str();
    let is_domain = !domain.is_empty() && domain.len() <= 200 && !domain.contains(['@', ' ', '/']);
    need(is_domain, "oa.user_email_domain", "a domain such as \"example.com\"");
    need(oa.body_limit.0 > 0, "oa.body_limit", "larger than 0");
    need(!oa.request_timeout.0.is_zero(), "oa.request_timeout", "longer than 0");
    need(!oa.retry_min.0.is_zero(), "oa.retry_min", "longer than 0");
    need(oa.retry_max.0 >= oa.retry_min.0, "oa.retry_max", "not shorter than oa.retry_min");
    let endpoints = ["generate", "delete", "conn"];
    let known = oa.rate_limit.apply_to.iter().all(|name| endpoints.contains(&name.as_str()));
    need(known, "oa.rate_limit.apply_to", "a list out of generate, delete, conn");
    let rule = format!("known are {}", EXTRA_NODE_TYPES.join(", "));
    for (index, name) in oa.extra_node_types.iter().enumerate() {
        need(EXTRA_NODE_TYPES.contains(&name.as_str()), &format!("oa.extra_node_types[{index}]"), &rule);
    }

    let seconds = |n| Duration::from_secs(n);
    let flush = (seconds(1)..=seconds(60)).contains(&proxy.flush_interval.0);
    need(flush, "proxy.flush_interval", "from 1s to 60s");
    need(proxy.classic_user_cap <= 5_000, "proxy.classic_user_cap", "at most 5000");
    for (key, span) in [
        ("proxy.handshake_timeout", proxy.handshake_timeout),
        ("proxy.connect_timeout", proxy.connect_timeout),
        ("proxy.tcp_idle", proxy.tcp_idle),
        ("proxy.udp_idle", proxy.udp_idle),
        ("proxy.visit_idle", proxy.visit_idle),
        ("proxy.stale_limit", proxy.stale_limit),
    ] {
        need(!span.0.is_zero(), key, "longer than 0");
    }
    problems.extend(billing(&settings.billing));
    problems
}

/// Every value of `[billing]` that breaks a rule.
fn billing(billing: &BillingSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut need = |holds: bool, key: &str, rule: &str| {
        if !holds {
            problems.push(Problem::new(key, rule));
        }
    };
    let (api, pay, credit) = (&billing.api, &billing.pay, &billing.credit);
    need((1..=1_000).contains(&api.pays_limit), "billing.api.pays_limit", "1 to 1000");
    need(api.body_limit.0 >= 16_384, "billing.api.body_limit", "at least 16KiB");
    need(api.version.as_deref() != Some(""), "billing.api.version", "a text such as \"718\"");
    for (index, origin) in api.allowed_origins.iter().enumerate() {
        let is_origin = origin.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
        need(is_origin, &format!("billing.api.allowed_origins[{index}]"), "such as \"https://my.example.com\"");
    }
    need(billing.session.ttl.0 >= Duration::from_secs(1), "billing.session.ttl", "at least 1s");
    need((1..=100_000).contains(&billing.message.max_length), "billing.message.max_length", "1 to 100000");
    need((1..=366).contains(&credit.days), "billing.credit.days", "1 to 366");
    need(credit.max.is_none_or(|most| most > Money::ZERO), "billing.credit.max", "more than 0");
    need((450..=459).contains(&credit.block_category), "billing.credit.block_category", "450 to 459");
    need(!billing.renew.tick.0.is_zero(), "billing.renew.tick", "longer than 0");
    need(!billing.renew.error_rest.0.is_zero(), "billing.renew.error_rest", "longer than 0");
    let is_currency = pay.currency.len() == 3 && pay.currency.bytes().all(|byte| byte.is_ascii_uppercase());
    need(is_currency, "billing.pay.currency", "an ISO 4217 code such as \"UAH\"");
    need(pay.min > Money::ZERO, "billing.pay.min", "more than 0");
    need(pay.max >= pay.min, "billing.pay.max", "not less than billing.pay.min");
    need(billing.transfer.min > Money::ZERO, "billing.transfer.min", "more than 0");
    need(billing.transfer.max >= billing.transfer.min, "billing.transfer.max", "not less than billing.transfer.min");
    need(!pay.lifetime.0.is_zero(), "billing.pay.lifetime", "longer than 0");
    need(!pay.poll_after.0.is_zero(), "billing.pay.poll_after", "longer than 0");
    let (fondy, liqpay, push) = (&billing.fondy, &billing.liqpay, &billing.push);
    for (key, percent) in [
        ("billing.credit.percent", credit.percent),
        ("billing.fondy.percent", fondy.percent),
        ("billing.liqpay.percent", liqpay.percent),
        ("billing.transfer.percent", billing.transfer.percent),
    ] {
        need((0..10_000).contains(&percent), key, "0 to 99.99");
    }
    for (key, sum) in [
        ("billing.credit.fixed", credit.fixed),
        ("billing.fondy.fixed", fondy.fixed),
        ("billing.liqpay.fixed", liqpay.fixed),
        ("billing.transfer.fixed", billing.transfer.fixed),
    ] {
        need(sum >= Money::ZERO, key, "0 or more");
    }
    for (key, url) in [
        ("billing.fondy.base", Some(&fondy.base)),
        ("billing.fondy.callback_url", fondy.callback_url.as_ref()),
        ("billing.liqpay.base", Some(&liqpay.base)),
        ("billing.liqpay.callback_url", liqpay.callback_url.as_ref()),
        ("billing.push.endpoint", Some(&push.endpoint)),
        ("billing.push.token_endpoint", push.token_endpoint.as_ref()),
    ] {
        let is_url = url.is_none_or(|url| url.starts_with("https://") || url.starts_with("http://"));
        need(is_url, key, "begins with https:// or http://");
    }
    problems
}

/// What `oa.extra_node_types` may name: every type but the three that are always listed.
const EXTRA_NODE_TYPES: [&str; 9] = [
    "hysteria2",
    NodeKind::Hysteria.as_str(),
    NodeKind::Vmess.as_str(),
    NodeKind::Tuic.as_str(),
    NodeKind::Anytls.as_str(),
    NodeKind::Socks.as_str(),
    NodeKind::Naive.as_str(),
    NodeKind::Http.as_str(),
    NodeKind::Mieru.as_str(),
];

/// The words for a back end that cannot serve yet.
pub(crate) fn oa_backend_refusal(config: &Config) -> String {
    let by = match (&config.ini, config.files.first()) {
        (Some(_), Some(path)) => format!("{} names a panel, which selects it", path.display()),
        _ => "oa.backend selects it".to_owned(),
    };
    format!(
        "the back end django-sspanel is not part of this version ({by}); add `--oa-backend local`, or set \
         oa.backend = \"local\", to serve with gatehouse's own accounts and nodes"
    )
}
