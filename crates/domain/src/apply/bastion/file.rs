//! The entries of the bastion. Their keys are published names: additions only (docs/STATE.md).

use std::collections::BTreeSet;

use gatehouse_model::{Millis, Secret};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::value::{Expiry, Presence};
use crate::permission::schedule::Window;

/// A grant of a role: codes on a group and below it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrantEntry {
    /// Name of the resource group.
    pub group: String,
    /// Codes; `["all"]`: every code that is held on groups.
    pub codes: BTreeSet<String>,
    /// Holds from then on.
    pub valid_from: Option<Expiry>,
    /// Holds until then.
    pub valid_until: Option<Expiry>,
    /// Weekly windows in which it holds.
    pub schedule: Vec<Window>,
}

impl GrantEntry {
    pub(crate) fn from(&self) -> Option<Millis> {
        self.valid_from.and_then(|at| at.0)
    }

    pub(crate) fn until(&self) -> Option<Millis> {
        self.valid_until.and_then(|at| at.0)
    }
}

/// `[[resource_group]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceGroupEntry {
    /// Natural key, 1–20 characters.
    pub name: String,
    /// Name of the group above; groups never move. Default: a root.
    pub parent: Option<String>,
    /// Note.
    pub remark: Option<String>,
    /// Absent: removed; refused while something is in it.
    pub state: Presence,
}

/// `[[resource]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceEntry {
    /// Natural key, 1–20 characters.
    pub name: String,
    /// Name of its group; required when new.
    pub group: Option<String>,
    /// IP address or DNS name; required when new.
    pub address: Option<String>,
    /// Port; default: the protocol's.
    pub port: Option<u16>,
    /// Code of its protocol; default `SSH`.
    pub protocol: Option<String>,
    /// Whether it may be connected to; default true.
    pub enabled: Option<bool>,
    /// Note.
    pub remark: Option<String>,
    /// Exactly the names of the vouchers bound to it; default: none.
    pub vouchers: Option<BTreeSet<String>>,
    /// Absent: removed; terminals on it end.
    pub state: Presence,
}

/// `[[voucher]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoucherEntry {
    /// Natural key, 1–20 characters.
    pub name: String,
    /// Name of its group; required when new.
    pub group: Option<String>,
    /// User at the target; required when new.
    pub username: Option<String>,
    /// Password; this or a private key is required when new.
    pub password: Option<Secret>,
    /// File to read `password` from.
    pub password_file: Option<String>,
    /// Private key in any usual form.
    pub private_key: Option<Secret>,
    /// File to read `private_key` from.
    pub private_key_file: Option<String>,
    /// What opens an encrypted key; not kept.
    pub passphrase: Option<Secret>,
    /// Note.
    pub remark: Option<String>,
    /// Absent: removed; terminals that used it end.
    pub state: Presence,
}

/// `[bastion]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BastionEntries {
    /// `[[bastion.host_key]]`
    pub host_key: Vec<HostKeyEntry>,
    /// `[[bastion.policy]]`
    pub policy: Vec<PolicyEntry>,
    /// `[[bastion.rule]]`
    pub rule: Vec<RuleEntry>,
    /// `[[bastion.route]]`
    pub route: Vec<RouteEntry>,
}

/// `[[bastion.host_key]]`, found by host, port and key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostKeyEntry {
    /// IP address or DNS name.
    pub host: String,
    /// Port; default 22.
    #[serde(default = "ssh_port")]
    pub port: u16,
    /// One line of OpenSSH form.
    pub public_key: String,
    /// Absent: not pinned.
    #[serde(default)]
    pub state: Presence,
}

const fn ssh_port() -> u16 {
    22
}

/// `[[bastion.policy]]`, found by scope and object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyEntry {
    /// Name of the group it is on.
    pub group: Option<String>,
    /// Name of the resource it is on; neither: the installation.
    pub resource: Option<String>,
    /// Values by name; `""` takes one back.
    pub values: Map<String, Value>,
}

/// `[[bastion.rule]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleEntry {
    /// Natural key.
    pub name: String,
    /// Name of the group it holds on.
    pub group: Option<String>,
    /// Name of the resource it holds on; neither: everywhere.
    pub resource: Option<String>,
    /// Codes of the roles it holds for; default: everybody.
    pub roles: BTreeSet<String>,
    /// Regular expression; required.
    pub pattern: String,
    /// `allow`, `warn`, `deny` or `terminate`; required.
    pub action: String,
    /// The lowest is asked first; default 100.
    pub priority: Option<i64>,
    /// Whether it is asked; default true.
    pub enabled: Option<bool>,
    /// Absent: removed.
    pub state: Presence,
}

/// `[[bastion.route]]`, found by `path`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteEntry {
    /// Natural key.
    pub path: String,
    /// The view; default: none, a menu.
    pub component: Option<String>,
    /// Caption; default: the path.
    pub title: Option<String>,
    /// Icon name.
    pub icon: Option<String>,
    /// Code that shows it; `""`: everybody.
    pub code: Option<String>,
    /// Path of the menu it is in; `""`: none.
    pub parent: Option<String>,
    /// Position; default 0.
    pub sort: Option<i64>,
    /// Whether it is shown; default true.
    pub enabled: Option<bool>,
    /// Absent: removed with what is in it.
    pub state: Presence,
}
