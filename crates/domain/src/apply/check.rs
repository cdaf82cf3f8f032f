//! What can be said of a file without looking into the database.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Display,
};

use gatehouse_model::{Login, email_key, fold_key};

use super::{Presence, Problem, StateFile, billing, file, panel, vpn};
use crate::{Ctx, Result, account, password, permission};

/// The codes each kind of entry needs.
pub(super) fn permissions(ctx: &Ctx, file: &StateFile) -> Result<()> {
    let is_vpn = !file.vpn.policy_set.is_empty() || !file.vpn.group.is_empty();
    let needs: [(bool, &[&'static str]); 16] = [
        (!file.resource_group.is_empty(), &["system.group.create", "system.group.update", "system.group.delete"]),
        (!file.role.is_empty(), &["system.role.create", "system.role.update", "system.role.delete"]),
        (!file.node.is_empty() || !file.node_group.is_empty() || !file.node_route.is_empty(), &["panel.node"]),
        (!file.account.is_empty(), &["system.user.create", "system.user.update", "system.user.delete"]),
        (!file.oa.token.is_empty(), &["system.token.manage"]),
        (!file.nas.is_empty(), &["radius.nas.update"]),
        (!file.auth_server.is_empty(), &["radius.server.update"]),
        (file.vpn.secret.is_some(), &["system.setting.update"]),
        (is_vpn, &["vpn.group.create", "vpn.group.update", "vpn.group.delete"]),
        (!file.vpn.role.is_empty(), &["vpn.role.create", "vpn.role.update", "vpn.role.delete"]),
        (
            !file.vpn.resource.is_empty() || !file.vpn.resource_group.is_empty(),
            &["vpn.resource.create", "vpn.resource.update", "vpn.resource.delete"],
        ),
        (!file.oa.user.is_empty(), &["oa.user.create", "oa.user.delete"]),
        (billing::is_set_up(file), &["billing.settings"]),
        (!file.billing.card.is_empty(), &["billing.card.manage"]),
        (!file.address_pool.is_empty() || !file.device.is_empty(), &["radius.pool.update"]),
        (
            file.account.iter().any(|entry| entry.subscriber.is_some()),
            &[
                "billing.subscriber.create",
                "billing.subscriber.update",
                "billing.subscriber.block",
                "billing.service.connect",
            ],
        ),
    ];
    for code in needs.into_iter().filter(|(is_named, _)| *is_named).flat_map(|(_, codes)| codes) {
        ctx.require(code)?;
    }
    for code in panel::needs(file) {
        ctx.require(code)?;
    }
    if file.account.iter().any(|entry| entry.staff.is_some()) || file.role.iter().any(|role| role.grants.is_some()) {
        ctx.require("system.permission.update")?;
    }
    Ok(())
}

/// Every rule that the file alone breaks.
pub(super) fn file(ctx: &Ctx, file: &StateFile) -> Vec<Problem> {
    let mut problems = Problems::default();
    roles(file, &mut problems);
    nodes(file, &mut problems);
    accounts(file, &mut problems);
    oa(ctx, file, &mut problems);
    bastion(file, &mut problems);
    vpn(file, &mut problems);
    billing::check(file, &mut problems);
    panel::check(file, &mut problems);
    problems.0
}

#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn refuse(&mut self, entry: &str, key: &str, rule: impl Display) {
        self.0.push(Problem::new(entry, key, rule.to_string()));
    }

    /// 1 to `most` characters, none of control; `least` 0 allows none.
    pub(super) fn text(&mut self, entry: &str, key: &str, text: &str, least: usize, most: usize) {
        let count = text.chars().count();
        if count < least || count > most || text.chars().any(char::is_control) {
            self.refuse(entry, key, format!("{least} to {most} characters, none of control"));
        }
    }

    pub(super) fn optional(&mut self, entry: &str, key: &str, text: Option<&String>) {
        self.text(entry, key, text.map_or("", String::as_str), 0, 255);
    }

    /// Refuses what several entries say.
    pub(super) fn unique<'a>(&mut self, key: &str, values: impl Iterator<Item = (String, String)> + 'a) {
        let mut seen: HashMap<String, String> = HashMap::new();
        for (value, entry) in values {
            match seen.get(&value) {
                Some(first) => self.refuse(&entry, key, format!("the same as that of {first}")),
                None => drop(seen.insert(value, entry)),
            }
        }
    }

    fn unread(&mut self, entry: &str, key: &str, path: Option<&String>) {
        if path.is_some() {
            self.refuse(entry, key, "the file was not read");
        }
    }
}

fn roles(file: &StateFile, problems: &mut Problems) {
    problems.unique("code", file.role.iter().map(|role| (role.code.clone(), role.entry())));
    problems.unique("name", file.role.iter().filter_map(|role| Some((role.name.clone()?, role.entry()))));
    for role in &file.role {
        let entry = role.entry();
        problems.text(&entry, "code", &role.code, 1, 100);
        problems.text(&entry, "name", role.name.as_ref().unwrap_or(&role.code), 1, 255);
        problems.optional(&entry, "remark", role.remark.as_ref());
        for code in role.codes.iter().flatten() {
            if !permission::CATALOGUE.contains(&code.as_str()) {
                problems.refuse(&entry, "codes", format!("no permission code is `{code}`"));
            }
        }
    }
}

fn nodes(file: &StateFile, problems: &mut Problems) {
    problems.unique("name", file.node_group.iter().map(|group| (group.name.clone(), group.entry())));
    problems.unique("code", file.node.iter().map(|node| (node.key(), node.entry())));
    let removed: BTreeSet<&String> =
        file.node_group.iter().filter(|group| group.state == Presence::Absent).map(|group| &group.name).collect();
    for group in &file.node_group {
        problems.text(&group.entry(), "name", &group.name, 1, 100);
    }
    problems.unique("key", file.node_route.iter().map(|route| (route.key.clone(), route.entry())));
    for route in &file.node_route {
        problems.text(&route.entry(), "key", &route.key, 1, 100);
    }
    for node in &file.node {
        let entry = node.entry();
        problems.unread(&entry, "cert_pem_file", node.cert_pem_file.as_ref());
        problems.unread(&entry, "key_pem_file", node.key_pem_file.as_ref());
        let foreign = [
            ("protocol_settings", node.protocol_settings.is_some()),
            ("routes", node.routes.is_some()),
            ("tags", node.tags.is_some()),
            ("port_range", node.port_range.is_some()),
            ("rate_time_ranges", node.rate_time_ranges.is_some()),
        ];
        let own = [
            ("settings", node.settings.is_some()),
            ("cert_pem", node.cert_pem.is_some()),
            ("listen_ip", node.listen_ip.is_some()),
        ];
        let (wrong, whose) = if node.embedded { (&foreign[..], "false") } else { (&own[..], "true") };
        for (key, _) in wrong.iter().filter(|(_, is_set)| *is_set) {
            problems.refuse(&entry, key, format!("goes with `embedded = {whose}` only"));
        }
        if node.cert_pem.is_some() != node.key_pem.is_some() {
            problems.refuse(&entry, "cert_pem", "cert_pem and key_pem go together");
        }
        if node.listen_ip.as_deref().is_some_and(|text| file::listen_ip(text).is_err()) {
            problems.refuse(&entry, "listen_ip", "an IP address, or \"\" for `[proxy] listen`");
        }
        for group in node.groups.iter().flatten() {
            problems.text(&entry, "groups", group, 1, 100);
            if removed.contains(group) {
                problems.refuse(&entry, "groups", format!("the file removes the group `{group}`"));
            }
        }
        problems.optional(&entry, "remark", node.remark.as_ref());
    }
}

fn accounts(file: &StateFile, problems: &mut Problems) {
    let present = || file.account.iter().filter(|account| account.state == Presence::Present);
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    problems.unique("login", file.account.iter().map(|account| (fold_key(&account.login), account.entry())));
    problems.unique("email", present().filter_map(|a| Some((email_key(&set(&a.email)?), a.entry()))));
    problems.unique("phone", present().filter_map(|a| Some((set(&a.phone)?, a.entry()))));
    for account in &file.account {
        let entry = account.entry();
        if let Err(error) = Login::new(&account.login) {
            problems.refuse(&entry, "login", error);
        }
        problems.unread(&entry, "password_file", account.password_file.as_ref());
        problems.optional(&entry, "name", account.name.as_ref());
        problems.optional(&entry, "phone", account.phone.as_ref());
        if account::check_email(set(&account.email).as_deref()).is_err() {
            problems.refuse(&entry, "email", "an address `name@domain` of at most 254 characters");
        }
        for (key, rule) in account.vpn.as_ref().map(vpn::user::faults).into_iter().flatten() {
            problems.refuse(&entry, key, rule);
        }
        let length = account.password.as_ref().map(|password| password.expose().chars().count());
        if length.is_some_and(|length| !(1..=password::MAX_LENGTH).contains(&length)) {
            problems.refuse(&entry, "password", format!("1 to {} characters", password::MAX_LENGTH));
        }
    }
}

fn oa(ctx: &Ctx, file: &StateFile, problems: &mut Problems) {
    problems.unique("label", file.oa.token.iter().map(|token| (token.label.clone(), token.entry())));
    let values = file.oa.token.iter().filter(|token| token.state == Presence::Present);
    problems.unique("value", values.filter_map(|t| Some((t.value.as_ref()?.expose().to_owned(), t.entry()))));
    for token in &file.oa.token {
        let entry = token.entry();
        problems.text(&entry, "label", &token.label, 1, 255);
        problems.unread(&entry, "value_file", token.value_file.as_ref());
        let length = token.value.as_ref().map(|value| value.expose().chars().count());
        if length.is_some_and(|length| !(1..=256).contains(&length)) {
            problems.refuse(&entry, "value", "1 to 256 characters");
        }
    }
    problems.unique("username", file.oa.user.iter().map(|user| (user.username.clone(), user.entry())));
    // The user's account has its name, so the one cannot go without the other.
    let accounts: HashMap<String, Presence> =
        file.account.iter().map(|account| (fold_key(&account.login), account.state)).collect();
    for user in &file.oa.user {
        let entry = user.entry();
        if accounts.get(&fold_key(&user.username)).is_some_and(|state| *state != user.state) {
            problems.refuse(&entry, "state", "is not that of the [[account]] with this login");
        }
        problems.text(&entry, "username", &user.username, 1, 255);
        if user.state == Presence::Present && ctx.app.settings().oa.admin_names.contains(&user.username) {
            problems.refuse(&entry, "username", "is reserved by oa.admin_names");
        }
    }
}

fn vpn(file: &StateFile, problems: &mut Problems) {
    problems.unique("name", file.nas.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("name", file.auth_server.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("name", file.vpn.policy_set.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("name", file.vpn.resource_group.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("name", file.vpn.resource.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("name", file.vpn.role.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("path", file.vpn.group.iter().map(|entry| (entry.path.clone(), entry.entry())));
    problems.unread("[vpn]", "secret_file", file.vpn.secret_file.as_ref());
    for nas in &file.nas {
        problems.text(&nas.entry(), "name", &nas.name, 1, 100);
        problems.unread(&nas.entry(), "secret_file", nas.secret_file.as_ref());
        problems.unread(&nas.entry(), "coa_secret_file", nas.coa_secret_file.as_ref());
    }
    for server in &file.auth_server {
        problems.text(&server.entry(), "name", &server.name, 1, 100);
        problems.unread(&server.entry(), "secret_file", server.secret_file.as_ref());
        problems.unread(&server.entry(), "bind_password_file", server.bind_password_file.as_ref());
    }
    for set in &file.vpn.policy_set {
        problems.text(&set.entry(), "name", &set.name, 1, 100);
        problems.optional(&set.entry(), "pool", set.pool.as_ref());
    }
}

fn bastion(file: &StateFile, problems: &mut Problems) {
    problems.unique("name", file.resource_group.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("name", file.resource.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("name", file.voucher.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("name", file.bastion.rule.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("path", file.bastion.route.iter().map(|entry| (entry.path.clone(), entry.entry())));
    problems.unique("group", file.bastion.policy.iter().map(|entry| (entry.key(), entry.entry())));
    for group in &file.resource_group {
        problems.text(&group.entry(), "name", &group.name, 1, 20);
        problems.optional(&group.entry(), "remark", group.remark.as_ref());
    }
    for resource in &file.resource {
        problems.text(&resource.entry(), "name", &resource.name, 1, 20);
        problems.optional(&resource.entry(), "remark", resource.remark.as_ref());
        if resource.port == Some(0) {
            problems.refuse(&resource.entry(), "port", "1 to 65535");
        }
    }
    for voucher in &file.voucher {
        vouchers(voucher, problems);
    }
    for role in &file.role {
        for grant in role.grants.iter().flatten() {
            for code in grant.codes.iter().filter(|code| !super::bastion::is_code(code)) {
                problems.refuse(&role.entry(), "grants.codes", format!("roles do not hold `{code}` on groups"));
            }
            if permission::schedule::minutes(&grant.schedule).is_err() {
                problems.refuse(
                    &role.entry(),
                    "grants.schedule",
                    "windows like { days = [1, 2], from = \"09:00\", to = \"18:00\" }",
                );
            }
        }
    }
    for rule in file.bastion.rule.iter().filter(|rule| rule.state == Presence::Present) {
        problems.text(&rule.entry(), "name", &rule.name, 1, 100);
        if !crate::bastion::rule::is_pattern(&rule.pattern) {
            problems.refuse(&rule.entry(), "pattern", "a regular expression without look-around and back references");
        }
    }
    for key in &file.bastion.host_key {
        for fault in crate::bastion::host_key::read(&key.host, &key.public_key).err().into_iter().flatten() {
            problems.refuse(&key.entry(), fault.field, file::rule(fault.rule));
        }
    }
    for policy in &file.bastion.policy {
        if let Err(error) = crate::bastion::policy::check(&super::bastion::values(policy)) {
            problems.refuse(&policy.entry(), "values", error);
        }
    }
    for route in &file.bastion.route {
        problems.text(&route.entry(), "path", &route.path, 1, 255);
        if route.code.as_deref().is_some_and(|code| !code.is_empty() && !super::bastion::is_route_code(code)) {
            problems.refuse(&route.entry(), "code", "a permission code, or \"\" for everybody");
        }
    }
}

fn vouchers(voucher: &super::VoucherEntry, problems: &mut Problems) {
    let entry = voucher.entry();
    problems.text(&entry, "name", &voucher.name, 1, 20);
    if let Some(username) = &voucher.username {
        problems.text(&entry, "username", username, 1, 64);
    }
    problems.optional(&entry, "remark", voucher.remark.as_ref());
    problems.unread(&entry, "password_file", voucher.password_file.as_ref());
    problems.unread(&entry, "private_key_file", voucher.private_key_file.as_ref());
    if voucher.password.is_some() && voucher.private_key.is_some() {
        problems.refuse(&entry, "password", "either a password or a private key");
    }
    let length = voucher.password.as_ref().map(|password| password.expose().chars().count());
    if length.is_some_and(|length| !(1..=256).contains(&length)) {
        problems.refuse(&entry, "password", "1 to 256 characters");
    }
}
