//! The shape of the state file. Its keys are published names: additions only (docs/STATE.md, DESIGN §10.6).
//!
//! A key that an entry does not name is left as it is; on creation it gets the default written here. An empty text
//! clears a text.

use std::{collections::BTreeSet, net::IpAddr};

use gatehouse_model::{NodeKind, Secret};
use serde::Deserialize;

use super::{
    Problem,
    bastion::file::{
        BastionEntries, GrantEntry, HostKeyEntry, PolicyEntry, ResourceEntry, ResourceGroupEntry, RouteEntry,
        RuleEntry, VoucherEntry,
    },
    billing::file::{
        AddressPoolEntry, BillingEntries, BillingFieldEntry, BillingGroupEntry, BillingServiceEntry, CardEntry,
        DeviceEntry, RoleGroups, SubscriberEntry,
    },
    panel::file::{PanelEntries, PlanEntry},
    value::{Expiry, Limit, Presence, Rate},
    vpn::file::{
        AuthServerEntry, NasEntry, VpnEntries, VpnEntry, VpnGroupEntry, VpnPolicySetEntry, VpnResourceEntry,
        VpnResourceGroupEntry, VpnRoleEntry,
    },
};
use crate::{panel::setting, proxy::settings::NodeSettings};

/// A whole state file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateFile {
    /// `[[role]]`
    pub role: Vec<RoleEntry>,
    /// `[[node_group]]`
    pub node_group: Vec<NodeGroupEntry>,
    /// `[[node_route]]`
    pub node_route: Vec<NodeRouteEntry>,
    /// `[[node]]`
    pub node: Vec<NodeEntry>,
    /// `[[account]]`
    pub account: Vec<AccountEntry>,
    /// `[[resource_group]]`
    pub resource_group: Vec<ResourceGroupEntry>,
    /// `[[resource]]`
    pub resource: Vec<ResourceEntry>,
    /// `[[voucher]]`
    pub voucher: Vec<VoucherEntry>,
    /// `[[nas]]`
    pub nas: Vec<NasEntry>,
    /// `[[auth_server]]`
    pub auth_server: Vec<AuthServerEntry>,
    /// `[bastion]`
    pub bastion: BastionEntries,
    /// `[oa]`
    pub oa: OaEntries,
    /// `[vpn]`
    pub vpn: VpnEntries,
    /// `[billing]`
    pub billing: BillingEntries,
    /// `[panel]`
    pub panel: PanelEntries,
    /// `[[plan]]`
    pub plan: Vec<PlanEntry>,
    /// `[[address_pool]]`
    pub address_pool: Vec<AddressPoolEntry>,
    /// `[[device]]`
    pub device: Vec<DeviceEntry>,
}

/// `[[role]]`, found by `code`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleEntry {
    /// Natural key.
    pub code: String,
    /// Display name, unique; default: the code.
    pub name: Option<String>,
    /// Note.
    pub remark: Option<String>,
    /// Exactly the permission codes it holds; default: none.
    pub codes: Option<BTreeSet<String>>,
    /// Exactly what it holds on resource groups, protected grants apart; default: nothing.
    pub grants: Option<Vec<GrantEntry>>,
    /// Billing groups that its `billing.*` codes reach; default: all.
    pub billing_groups: Option<RoleGroups>,
    /// A disabled role grants nothing; default true.
    pub enabled: Option<bool>,
    /// Absent: removed, and taken from everybody.
    pub state: Presence,
}

/// `[[node_group]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeGroupEntry {
    /// Natural key.
    pub name: String,
    /// Absent: removed; refused while passes are in it.
    pub state: Presence,
}

/// `[[node_route]]`, found by `key`: a route rule of nodes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeRouteEntry {
    /// Natural key.
    pub key: String,
    /// Staff's description; default: the key.
    pub remarks: Option<String>,
    /// Words, such as `domain:example.com` or `port:25`.
    #[serde(rename = "match")]
    pub matches: Option<Vec<String>>,
    /// `block`, `direct`, `dns` or `proxy`; required for a new rule.
    pub action: Option<String>,
    /// A DNS server, an outbound.
    pub action_value: Option<String>,
    /// Absent: removed, from its nodes too.
    pub state: Presence,
}

/// `[[node]]`, found by `type` and `code`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeEntry {
    /// `shadowsocks`, `trojan`, `vless`, `hysteria`; of nodes of others any type of the panel.
    #[serde(rename = "type")]
    pub kind: NodeKind,
    /// Unique short name within the type.
    pub code: String,
    /// Name shown to users; default: the code.
    pub name: Option<String>,
    /// Description shown to users.
    pub remark: Option<String>,
    /// Where clients connect; required for a new node.
    pub host: Option<String>,
    /// Port clients connect to; default 0: the listener's.
    pub port: Option<u16>,
    /// Port the listener binds, 0: any free one; default: `port`.
    pub server_port: Option<u16>,
    /// Address the listener binds; default and `""`: `[proxy] listen`.
    pub listen_ip: Option<String>,
    /// Traffic factor, 0 to 100; default 1.
    pub rate: Option<Rate>,
    /// Whether it serves anybody; default true.
    pub enabled: Option<bool>,
    /// Whether users see it; default true.
    pub shown: Option<bool>,
    /// Position in lists; default: after those that have one.
    pub sort: Option<i64>,
    /// Traffic after which it serves nobody; default `"unlimited"`.
    pub transfer_cap: Option<Limit>,
    /// Exactly the names of its groups, made when missing; default: none.
    pub groups: Option<BTreeSet<String>>,
    /// All protocol settings of an embedded node.
    pub settings: Option<NodeSettings>,
    /// All protocol settings of a node of others, by the names of the panel's API.
    pub protocol_settings: Option<serde_json::Value>,
    /// Exactly the keys of its route rules, in order, of a node of others; default: none.
    pub routes: Option<Vec<String>>,
    /// Words shown to users, of a node of others.
    pub tags: Option<Vec<String>>,
    /// The ports that clients hop between, `a-b`, of a node of others; default: only `port`.
    pub port_range: Option<String>,
    /// Traffic factors by time of day, `{start, end, rate}`, of a node of others.
    pub rate_time_ranges: Option<serde_json::Value>,
    /// Certificate chain, PEM; together with the key. Implies `cert_mode = { mode = "content" }`.
    pub cert_pem: Option<String>,
    /// File to read `cert_pem` from.
    pub cert_pem_file: Option<String>,
    /// Its key, PEM.
    pub key_pem: Option<Secret>,
    /// File to read `key_pem` from.
    pub key_pem_file: Option<String>,
    /// Whether this product listens for it; default true.
    #[serde(default = "yes")]
    pub embedded: bool,
    /// Absent: removed.
    #[serde(default)]
    pub state: Presence,
}

fn yes() -> bool {
    true
}

/// `[[account]]`, found by `login`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountEntry {
    /// Natural key, exact.
    pub login: String,
    /// Display name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Password in clear; an equal one is not set again.
    pub password: Option<Secret>,
    /// File to read `password` from.
    pub password_file: Option<String>,
    /// The switch that closes every door; default true.
    pub enabled: Option<bool>,
    /// `[account.staff]`
    pub staff: Option<StaffEntry>,
    /// `[account.proxy]`
    pub proxy: Option<ProxyEntry>,
    /// `[account.vpn]`
    pub vpn: Option<VpnEntry>,
    /// `[account.subscriber]`
    pub subscriber: Option<SubscriberEntry>,
    /// Absent: removed with all its passes.
    pub state: Presence,
}

/// `[account.staff]`: the staff pass.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaffEntry {
    /// Exactly the codes of its roles; default: none.
    pub roles: Option<BTreeSet<String>>,
    /// Exactly the public keys it logs in with through the ssh door, one line of OpenSSH form each.
    pub ssh_keys: Option<Vec<String>>,
    /// Absent: the pass is taken, and its roles with it.
    pub state: Presence,
}

/// `[account.proxy]`: the proxy pass.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyEntry {
    /// Name of its node group, `""` for none; default: the group with the lowest id.
    pub node_group: Option<String>,
    /// Traffic it may use; default `"unlimited"`.
    pub quota: Option<Limit>,
    /// End; default `"never"`.
    pub expires_at: Option<Expiry>,
    /// Mbit/s, default 0: none.
    pub speed_limit: Option<u32>,
    /// Devices at once, default 0: any number.
    pub device_limit: Option<u32>,
    /// Key of its plan, `""` for none; default: none. A new one gives group, quota and limits that are not named here.
    pub plan: Option<String>,
    /// Login of who invited, `""` for nobody; default: nobody.
    pub inviter: Option<String>,
    /// Percent off every order, default 0.
    pub discount: Option<u8>,
    /// 0 as the settings say, 1 every order, 2 the first; default 0.
    pub commission_type: Option<u8>,
    /// Percent of what invited people pay; default: that of the settings.
    pub commission_rate: Option<u8>,
    /// Wants to be reminded of expiry, default true.
    pub remind_expire: Option<bool>,
    /// Wants to be reminded of traffic, default true.
    pub remind_traffic: Option<bool>,
    /// Staff's note.
    pub remark: Option<String>,
    /// Absent: the pass is taken.
    pub state: Presence,
}

/// `[oa]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OaEntries {
    /// `[[oa.token]]`
    pub token: Vec<TokenEntry>,
    /// `[[oa.user]]`
    pub user: Vec<OaUserEntry>,
}

/// `[[oa.token]]`, found by `label`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenEntry {
    /// Natural key: the OA system's name in the audit trail.
    pub label: String,
    /// The token, 1–256 characters; unset: a random one, made once.
    pub value: Option<Secret>,
    /// File to read `value` from.
    pub value_file: Option<String>,
    /// Absent: every token with this label is deleted.
    pub state: Presence,
}

/// `[[oa.user]]`, found by `username`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OaUserEntry {
    /// Natural key, exact.
    pub username: String,
    /// Present: made as request and job would; absent: deleted without delay.
    pub state: Presence,
}

impl StateFile {
    /// Reads what `*_file` keys name, through the caller, who knows the folder; this package opens no files.
    ///
    /// Line ends at the end of passwords and tokens are dropped. Gives every file that cannot be read.
    pub fn read_files(&mut self, mut read: impl FnMut(&str) -> Result<String, String>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut note = |entry: String, key: &'static str, is_set: bool, path: &mut Option<String>| {
            let name = path.take()?;
            let text = if is_set { Err("the value is given as well".to_owned()) } else { read(&name) };
            text.map_err(|why| problems.push(Problem::new(entry, key, format!("cannot take {name}: {why}")))).ok()
        };
        let line = |text: String| Secret::new(text.trim_end_matches(['\r', '\n']));
        for node in &mut self.node {
            let text = note(node.entry(), "cert_pem_file", node.cert_pem.is_some(), &mut node.cert_pem_file);
            node.cert_pem = text.or(node.cert_pem.take());
            let text = note(node.entry(), "key_pem_file", node.key_pem.is_some(), &mut node.key_pem_file);
            node.key_pem = text.map(Secret::new).or(node.key_pem.take());
        }
        for account in &mut self.account {
            let text = note(account.entry(), "password_file", account.password.is_some(), &mut account.password_file);
            account.password = text.map(line).or(account.password.take());
        }
        for voucher in &mut self.voucher {
            let text = note(voucher.entry(), "password_file", voucher.password.is_some(), &mut voucher.password_file);
            voucher.password = text.map(line).or(voucher.password.take());
            let is_set = voucher.private_key.is_some();
            let text = note(voucher.entry(), "private_key_file", is_set, &mut voucher.private_key_file);
            voucher.private_key = text.map(Secret::new).or(voucher.private_key.take());
        }
        for nas in &mut self.nas {
            let text = note(nas.entry(), "secret_file", nas.secret.is_some(), &mut nas.secret_file);
            nas.secret = text.map(line).or(nas.secret.take());
            let text = note(nas.entry(), "coa_secret_file", nas.coa_secret.is_some(), &mut nas.coa_secret_file);
            nas.coa_secret = text.map(line).or(nas.coa_secret.take());
        }
        for server in &mut self.auth_server {
            let text = note(server.entry(), "secret_file", server.secret.is_some(), &mut server.secret_file);
            server.secret = text.map(line).or(server.secret.take());
            let is_set = server.secret.is_some() || server.bind_password.is_some();
            let text = note(server.entry(), "bind_password_file", is_set, &mut server.bind_password_file);
            server.bind_password = text.map(line).or(server.bind_password.take());
        }
        let vpn = &mut self.vpn;
        let text = note("[vpn]".to_owned(), "secret_file", vpn.secret.is_some(), &mut vpn.secret_file);
        vpn.secret = text.map(line).or(vpn.secret.take());
        let settings = &mut self.panel.settings.0;
        for name in settings.keys().cloned().collect::<Vec<_>>() {
            let Some(secret) = name.strip_suffix("_file").and_then(setting::secret) else { continue };
            let mut path = settings.remove(&name).and_then(|path| path.as_str().map(str::to_owned));
            let text = note("[panel.settings]".to_owned(), secret, settings.contains_key(secret), &mut path);
            settings.extend(text.map(|text| (secret.to_owned(), line(text).expose().into())));
        }
        for token in &mut self.oa.token {
            let text = note(token.entry(), "value_file", token.value.is_some(), &mut token.value_file);
            token.value = text.map(line).or(token.value.take());
        }
        problems
    }
}

/// How each kind of entry is called in problems and reports.
macro_rules! entries {
    ($($entry:ty, $kind:literal, $self:ident => $key:expr);* $(;)?) => {$(
        impl $entry {
            /// Kind of the entry: its table in the file.
            pub(super) const KIND: &'static str = $kind;

            /// The natural key.
            pub(super) fn key(&$self) -> String {
                $key
            }

            /// The entry as problems name it.
            pub(super) fn entry(&self) -> String {
                format!("[[{}]] `{}`", Self::KIND, self.key())
            }
        }
    )*};
}

entries! {
    RoleEntry, "role", self => self.code.clone();
    NodeGroupEntry, "node_group", self => self.name.clone();
    NodeRouteEntry, "node_route", self => self.key.clone();
    NodeEntry, "node", self => format!("{}/{}", self.kind, self.code);
    AccountEntry, "account", self => self.login.clone();
    ResourceGroupEntry, "resource_group", self => self.name.clone();
    ResourceEntry, "resource", self => self.name.clone();
    VoucherEntry, "voucher", self => self.name.clone();
    HostKeyEntry, "bastion.host_key", self => format!("{}:{} {}", self.host, self.port, self.public_key.split(' ').next().unwrap_or_default());
    PolicyEntry, "bastion.policy", self => match (&self.group, &self.resource) {
        (Some(name), _) => format!("group {name}"),
        (None, Some(name)) => format!("resource {name}"),
        (None, None) => "all".to_owned(),
    };
    RuleEntry, "bastion.rule", self => self.name.clone();
    RouteEntry, "bastion.route", self => self.path.clone();
    TokenEntry, "oa.token", self => self.label.clone();
    OaUserEntry, "oa.user", self => self.username.clone();
    NasEntry, "nas", self => self.name.clone();
    AuthServerEntry, "auth_server", self => self.name.clone();
    VpnPolicySetEntry, "vpn.policy_set", self => self.name.clone();
    VpnResourceGroupEntry, "vpn.resource_group", self => self.name.clone();
    VpnResourceEntry, "vpn.resource", self => self.name.clone();
    VpnRoleEntry, "vpn.role", self => self.name.clone();
    VpnGroupEntry, "vpn.group", self => self.path.clone();
    BillingGroupEntry, "billing.group", self => self.name.clone();
    BillingServiceEntry, "billing.service", self => self.key.clone();
    BillingFieldEntry, "billing.field", self => self.name.clone();
    CardEntry, "billing.card", self => self.masked();
    AddressPoolEntry, "address_pool", self => self.name.clone();
    DeviceEntry, "device", self => self.mac.clone();
}

/// The address the listener binds; `""` is none.
pub(super) fn listen_ip(text: &str) -> Result<Option<IpAddr>, std::net::AddrParseError> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

/// A rule of the bastion in words that say what would be accepted.
pub(super) fn rule(key: &'static str) -> &'static str {
    match key {
        "taken" => "is taken by another one",
        "unknown" => "does not exist",
        "malformed" => "is not readable",
        "unsupported" => "only ed25519, ecdsa p256, p384, p521 and rsa from 2048 bits",
        "encrypted" => "is encrypted: give its passphrase",
        "wrong" => "does not open the key",
        "one_of" => "exactly one address",
        "forbidden_address" => "an address that is never dialled",
        "other_group" => "only vouchers below the same root group",
        other => other,
    }
}
