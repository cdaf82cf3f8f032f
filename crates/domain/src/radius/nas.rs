//! NAS entries (specs/radius.md §1): who may ask, with which secret, and how its sessions are cut.

use std::{net::IpAddr, sync::Arc, time::Duration};

use gatehouse_model::{NasId, PassKind, Secret, Span};
use ipnet::IpNet;

/// A NAS entry, its secrets opened.
#[derive(Debug, Clone)]
pub struct Nas {
    /// Identity.
    pub id: NasId,
    /// Unique name.
    pub name: String,
    /// Where it asks from.
    pub network: IpNet,
    /// The shared secret.
    pub secret: Secret,
    /// For Disconnect and CoA; the shared secret unless said otherwise.
    pub coa_secret: Secret,
    /// The rest.
    pub settings: NasSettings,
}

/// `[[nas]]` without name, address and secrets; the column `settings` as JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NasSettings {
    /// Passes that decide, the first one that the account holds.
    pub serves: Vec<PassKind>,
    /// How replies look.
    pub profile: Profile,
    /// Whether Access-Requests must carry Message-Authenticator.
    pub require_message_authenticator: Requirement,
    /// Ways to log in.
    pub methods: Vec<Method>,
    /// What is cut off the name.
    pub user_name: UserName,
    /// Acct-Interim-Interval.
    pub interim: Span,
    /// Upper bound of Session-Timeout; none: 1 h when `disconnect` is `none`, else no bound.
    pub session_cap: Option<Span>,
    /// What an Accounting Start of an account that may not be in gets; none: as the profile says.
    pub on_denied_start: Option<OnDeniedStart>,
    /// Whether Gigawords count.
    pub gigawords: Gigawords,
    /// How a session is cut.
    pub disconnect: Disconnect,
    /// Name of a program under `radius.commands`, for `disconnect = "command"`.
    pub command: Option<String>,
    /// Where Disconnect and CoA go.
    pub coa_port: u16,
    /// Whether those carry Message-Authenticator.
    pub coa_message_authenticator: bool,
    /// Whether a refused CoA becomes a Disconnect.
    pub coa_fallback_disconnect: bool,
    /// Whether accepts carry routes of the user's resources.
    pub resource_routes: bool,
    /// Free attributes, `Name = "value"` or `26/VENDOR/TYPE:format = "value"`.
    pub attributes: AttributeSets,
}

impl Default for NasSettings {
    fn default() -> Self {
        Self {
            serves: vec![PassKind::Vpn],
            profile: Profile::Generic,
            require_message_authenticator: Requirement::Auto,
            methods: vec![Method::Pap, Method::Chap, Method::Mschapv2],
            user_name: UserName::Keep,
            interim: Span(Duration::from_mins(1)),
            session_cap: None,
            on_denied_start: None,
            gigawords: Gigawords::Trust,
            disconnect: Disconnect::Coa,
            command: None,
            coa_port: 3_799,
            coa_message_authenticator: true,
            coa_fallback_disconnect: true,
            resource_routes: false,
            attributes: AttributeSets::default(),
        }
    }
}

/// How replies look (specs/radius.md §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Filter-Id and WISPr.
    Generic,
    /// ocserv: one Class with the groups.
    Ocserv,
    /// MikroTik's vendor attributes.
    Mikrotik,
    /// accel-ppp: rates in Filter-Id.
    AccelPpp,
}

/// Whether something must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Always.
    Yes,
    /// Where its absence is dangerous.
    Auto,
    /// Never.
    No,
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// PAP.
    Pap,
    /// CHAP.
    Chap,
    /// MS-CHAPv2.
    Mschapv2,
}

/// What is cut off User-Name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserName {
    /// Nothing.
    Keep,
    /// `@realm` at the end.
    StripRealm,
    /// `DOMAIN\` in front.
    StripDomain,
}

/// What becomes of the Start of an account that may not be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDeniedStart {
    /// It is answered, and a Disconnect follows.
    Answer,
    /// It is not answered, which some concentrators take as a refusal.
    Silent,
}

/// Whether Gigawords count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gigawords {
    /// They do.
    Trust,
    /// They are wrong on this NAS.
    Ignore,
}

/// How a session is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disconnect {
    /// RFC 5176.
    Coa,
    /// A program of the configuration file.
    Command,
    /// Not at all: Session-Timeout only.
    None,
}

/// Free attributes by occasion.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttributeSets {
    /// With an Accept.
    pub allowed: Vec<(String, String)>,
    /// With the Accept of somebody who is kept in the walled garden.
    pub denied: Vec<(String, String)>,
    /// With a CoA.
    pub change: Vec<(String, String)>,
    /// Identification in a Disconnect; empty: as the profile says.
    pub disconnect: Vec<String>,
}

/// All NAS entries as of the last revision followed, most specific network first.
#[derive(Debug, Default)]
pub struct NasSet {
    /// The entries.
    pub entries: Vec<Arc<Nas>>,
}

impl NasSet {
    /// The entry that a packet's source belongs to.
    pub fn find(&self, source: IpAddr) -> Option<&Arc<Nas>> {
        let source = source.to_canonical();
        self.entries.iter().find(|nas| nas.network.contains(&source))
    }
}
