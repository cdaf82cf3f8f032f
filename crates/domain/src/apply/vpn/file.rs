//! The entries of the vpn surface and the radius door. Their keys are published names: additions only (docs/STATE.md).

use std::collections::BTreeSet;

use gatehouse_model::{Secret, Span};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::value::{Expiry, Presence};

/// `[[nas]]`, found by `name`. The other keys are those of [`NasSettings`](crate::radius::nas::NasSettings).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NasEntry {
    /// Natural key, 1–100 characters.
    pub name: String,
    /// Address or network it asks from; required when new.
    pub address: Option<String>,
    /// Shared secret; required when new.
    pub secret: Option<Secret>,
    /// File to read `secret` from.
    pub secret_file: Option<String>,
    /// Secret for Disconnect and CoA, `""`: the shared one; default: the shared one.
    pub coa_secret: Option<Secret>,
    /// File to read `coa_secret` from.
    pub coa_secret_file: Option<String>,
    /// Everything else, checked by its own type.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
    /// Absent: removed; its open sessions become stale.
    pub state: Presence,
}

/// `[[auth_server]]`, found by `name`. The other keys are those of the kind's settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AuthServerEntry {
    /// Natural key, 1–100 characters.
    pub name: String,
    /// `ldap` or `radius`; required when new.
    pub kind: Option<String>,
    /// RADIUS secret.
    pub secret: Option<Secret>,
    /// File to read `secret` from.
    pub secret_file: Option<String>,
    /// Password of `bind_dn`.
    pub bind_password: Option<Secret>,
    /// File to read `bind_password` from.
    pub bind_password_file: Option<String>,
    /// Everything else, checked by its own type.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
    /// Absent: removed; refused while anybody logs in by it.
    pub state: Presence,
}

/// `[vpn]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VpnEntries {
    /// Secret of the WebApi.
    pub secret: Option<Secret>,
    /// File to read `secret` from.
    pub secret_file: Option<String>,
    /// `[[vpn.policy_set]]`
    pub policy_set: Vec<VpnPolicySetEntry>,
    /// `[[vpn.resource_group]]`
    pub resource_group: Vec<VpnResourceGroupEntry>,
    /// `[[vpn.resource]]`
    pub resource: Vec<VpnResourceEntry>,
    /// `[[vpn.role]]`
    pub role: Vec<VpnRoleEntry>,
    /// `[[vpn.group]]`
    pub group: Vec<VpnGroupEntry>,
}

/// `[[vpn.policy_set]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VpnPolicySetEntry {
    /// Natural key; `Default policy set` is built in.
    pub name: String,
    /// Longest stay, `"0s"`: no bound; default: none.
    pub session_timeout: Option<Span>,
    /// Longest time without traffic, `"0s"`: no bound; default: none.
    pub idle_timeout: Option<Span>,
    /// Exactly the DNS servers; default: none.
    pub dns: Option<Vec<std::net::IpAddr>>,
    /// Name of the concentrator's pool, `""`: none.
    pub pool: Option<String>,
    /// Exactly the networks reached through the tunnel; default: none.
    pub routes: Option<Vec<ipnet::IpNet>>,
    /// Stays of one user at the same time, default 0: any number.
    pub max_sessions: Option<u32>,
    /// Absent: removed; refused while anybody has it.
    pub state: Presence,
}

/// `[[vpn.resource_group]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VpnResourceGroupEntry {
    /// Natural key, at most 48 bytes.
    pub name: String,
    /// Note.
    pub note: Option<String>,
    /// Whether its resources count; default true.
    pub enabled: Option<bool>,
    /// Absent: removed; refused while something is in it.
    pub state: Presence,
}

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceKind {
    /// A web application.
    Web = 0,
    /// TCP ports.
    Tcp = 1,
    /// Networks.
    L3vpn = 2,
}

/// `[[vpn.resource]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VpnResourceEntry {
    /// Natural key, at most 48 bytes.
    pub name: String,
    /// Stays as it was made; default `l3vpn`.
    pub kind: Option<ResourceKind>,
    /// Name of its group; default: the built-in one.
    pub group: Option<String>,
    /// Exactly the addresses: `ip/port:port`, `ip-ip/port:port`.
    pub addresses: Option<Vec<String>>,
    /// Host of a web resource.
    pub main_host: Option<String>,
    /// Note.
    pub note: Option<String>,
    /// Name of the service; default `HTTP`.
    pub service: Option<String>,
    /// Whether it counts; default true.
    pub enabled: Option<bool>,
    /// Whether it is listed to users; default true.
    pub shown: Option<bool>,
    /// Absent: removed.
    pub state: Presence,
}

/// `[[vpn.role]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VpnRoleEntry {
    /// Natural key, at most 48 bytes.
    pub name: String,
    /// Note.
    pub note: Option<String>,
    /// Whether it counts; default true.
    pub enabled: Option<bool>,
    /// Exactly the names of the resources it opens; default: none.
    pub resources: Option<BTreeSet<String>>,
    /// Exactly the names of the resource groups it opens; default: none.
    pub resource_groups: Option<BTreeSet<String>>,
    /// Absent: removed, and taken from everybody.
    pub state: Presence,
}

/// A method of authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// The account's password.
    Password,
    /// The foreign server.
    External,
    /// A certificate.
    Certificate,
    /// A code by SMS.
    Sms,
    /// The number of the machine.
    HardwareId,
    /// A token.
    Token,
}

/// How users prove themselves, and by which policy set they are bound; of a group or a user.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthKeys<'a> {
    pub(crate) inherits_auth: Option<bool>,
    pub(crate) inherits_policy: Option<bool>,
    pub(crate) methods: Option<&'a BTreeSet<AuthMethod>>,
    pub(crate) is_any_of: Option<bool>,
    pub(crate) auth_server: Option<&'a str>,
    pub(crate) policy_set: Option<&'a str>,
}

/// `[[vpn.group]]`, found by `path`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VpnGroupEntry {
    /// Natural key; the group above must exist or stand earlier in the file.
    pub path: String,
    /// Note.
    pub note: Option<String>,
    /// Off: nobody in it or below it logs in; default true.
    pub enabled: Option<bool>,
    /// Whether the group above decides on methods; default true.
    pub inherit_auth: Option<bool>,
    /// Whether the group above decides on the policy set; default true.
    pub inherit_policy: Option<bool>,
    /// Whether roles of the groups above count; default true.
    pub inherit_roles: Option<bool>,
    /// Whether everything below inherits methods; default false.
    pub force_auth: Option<bool>,
    /// Whether everything below inherits the policy set; default false.
    pub force_policy: Option<bool>,
    /// Exactly its methods; default `["password"]`.
    pub methods: Option<BTreeSet<AuthMethod>>,
    /// Whether one method is enough; default false.
    pub any_of: Option<bool>,
    /// Name of the foreign server, `""`: none.
    pub auth_server: Option<String>,
    /// Name of its policy set, `""`: the default one.
    pub policy_set: Option<String>,
    /// Exactly the names of its roles; default: none.
    pub roles: Option<BTreeSet<String>>,
    /// Absent: removed; refused while anybody or anything is in it.
    pub state: Presence,
}

impl VpnGroupEntry {
    pub(crate) fn auth(&self) -> AuthKeys<'_> {
        AuthKeys {
            inherits_auth: self.inherit_auth,
            inherits_policy: self.inherit_policy,
            methods: self.methods.as_ref(),
            is_any_of: self.any_of,
            auth_server: self.auth_server.as_deref(),
            policy_set: self.policy_set.as_deref(),
        }
    }
}

/// `[account.vpn]`: the VPN pass.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VpnEntry {
    /// Path of its group; default: the default group.
    pub group: Option<String>,
    /// Note.
    pub note: Option<String>,
    /// Phone numbers, separated by `;`.
    pub phone: Option<String>,
    /// The pass's own switch; default true.
    pub enabled: Option<bool>,
    /// Whether several people use it; default false.
    pub public: Option<bool>,
    /// End; default `"never"`.
    pub expires_at: Option<Expiry>,
    /// Whether the group decides on methods; default true.
    pub inherit_auth: Option<bool>,
    /// Whether the group decides on the policy set; default true.
    pub inherit_policy: Option<bool>,
    /// Exactly its own methods; default `["password"]`.
    pub methods: Option<BTreeSet<AuthMethod>>,
    /// Whether one method is enough; default false.
    pub any_of: Option<bool>,
    /// Name of the foreign server, `""`: none.
    pub auth_server: Option<String>,
    /// Name of its own policy set, `""`: the default one.
    pub policy_set: Option<String>,
    /// Fixed tunnel address, IPv4; `""`: automatic.
    pub fixed_ip: Option<String>,
    /// Exactly the names of its own roles; default: none.
    pub roles: Option<BTreeSet<String>>,
    /// Absent: the pass is taken.
    pub state: Presence,
}

impl VpnEntry {
    pub(crate) fn auth(&self) -> AuthKeys<'_> {
        AuthKeys {
            inherits_auth: self.inherit_auth,
            inherits_policy: self.inherit_policy,
            methods: self.methods.as_ref(),
            is_any_of: self.any_of,
            auth_server: self.auth_server.as_deref(),
            policy_set: self.policy_set.as_deref(),
        }
    }
}
