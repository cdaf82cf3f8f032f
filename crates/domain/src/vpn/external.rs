//! Foreign authentication servers as the login decision sees them (specs/vpn.md §12, specs/radius.md §9). Who asks them over the
//! network is registered with [`App::serve_external`](crate::App::serve_external); the domain itself knows no LDAP.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use gatehouse_model::{AuthServerId, Secret, Span};

/// What a person proves himself with at the radius door.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The password in clear.
    Pap(Secret),
    /// RFC 2865 §5.3.
    Chap {
        /// CHAP identifier.
        ident: u8,
        /// MD5 over ident, password and challenge.
        response: [u8; 16],
        /// The challenge: CHAP-Challenge or the request authenticator.
        challenge: Vec<u8>,
    },
    /// RFC 2759, RFC 2548.
    MsChap2 {
        /// Identifier.
        ident: u8,
        /// Flags as sent.
        flags: u8,
        /// Authenticator challenge.
        challenge: [u8; 16],
        /// Peer challenge.
        peer_challenge: [u8; 16],
        /// NT response.
        nt_response: [u8; 24],
    },
}

/// What MS-CHAPv2 hands to the NAS after a success, from whoever checked the response.
#[derive(Debug, Clone)]
pub struct MsChapSuccess {
    /// `S=` and 40 upper-case hex digits.
    pub response: String,
    /// MS-MPPE-Send-Key and MS-MPPE-Recv-Key in clear.
    pub keys: Option<(Secret16, Secret16)>,
}

/// Sixteen secret bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret16(pub [u8; 16]);

impl std::fmt::Debug for Secret16 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret16(..)")
    }
}

/// What a server says of a credential.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It is right.
    Accepted {
        /// For MS-CHAPv2.
        success: Option<MsChapSuccess>,
        /// VPN roles by name that the server's group mapping adds for this stay.
        roles: Vec<String>,
    },
    /// It is wrong; the reason for log and audit.
    Refused(&'static str),
    /// No server of the entry answered.
    Unreachable,
}

/// An authentication server as the state file describes it, its secret opened.
#[derive(Debug, Clone)]
pub struct AuthServer {
    /// Identity; `ext_auth_id` on the wire.
    pub id: AuthServerId,
    /// Unique name.
    pub name: String,
    /// `ldap` or `radius`.
    pub kind: ServerKind,
    /// Bind password or RADIUS secret.
    pub secret: Option<Secret>,
}

/// How a server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerKind {
    /// LDAP.
    Ldap(Arc<LdapSettings>),
    /// RADIUS.
    Radius(Arc<RadiusSettings>),
}

/// `[[auth_server]]` with `kind = "ldap"`, without name and secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdapSettings {
    /// `ldap://host[:port]` or `ldaps://…`, tried in order.
    pub urls: Vec<String>,
    /// Whether `ldap` URLs are upgraded before anything is sent.
    #[serde(default)]
    pub start_tls: bool,
    /// PEM file of the authorities that certificates must come from; none: the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// Whom the search is done as; none: anonymously.
    #[serde(default)]
    pub bind_dn: Option<String>,
    /// Where the search begins.
    #[serde(default)]
    pub base_dn: String,
    /// `base`, `one` or `sub`.
    #[serde(default = "sub")]
    pub scope: String,
    /// With `{login}`.
    #[serde(default)]
    pub filter: Option<String>,
    /// With `{login}`, instead of a search.
    #[serde(default)]
    pub dn_template: Option<String>,
    /// For one attempt at one URL.
    #[serde(default = "five_seconds")]
    pub timeout: Span,
    /// Logins asked at the same time.
    #[serde(default = "sixty_four")]
    pub max_concurrent: usize,
    /// How long a success is remembered as a keyed MAC; 0: not at all.
    #[serde(default = "not_at_all")]
    pub remember: Span,
    /// Attribute of the entry that names its groups, such as `memberOf`.
    #[serde(default)]
    pub group_attribute: Option<String>,
    /// Where groups are searched instead, with `group_filter`.
    #[serde(default)]
    pub group_base_dn: Option<String>,
    /// With `{dn}` or `{login}`.
    #[serde(default)]
    pub group_filter: Option<String>,
    /// DN of a group → name of a VPN role.
    #[serde(default)]
    pub group_roles: BTreeMap<String, String>,
}

/// `[[auth_server]]` with `kind = "radius"`, without name and secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RadiusSettings {
    /// Host name or address.
    pub address: String,
    /// UDP port.
    #[serde(default = "port_1812")]
    pub port: u16,
    /// For one try.
    #[serde(default = "two_seconds")]
    pub timeout: Span,
    /// Times the same packet is sent.
    #[serde(default = "three")]
    pub tries: u32,
    /// NAS-Identifier we send.
    #[serde(default)]
    pub nas_identifier: Option<String>,
    /// Whether a reply without Message-Authenticator is refused.
    #[serde(default = "yes")]
    pub require_message_authenticator: bool,
    /// As in LDAP.
    #[serde(default = "not_at_all")]
    pub remember: Span,
}

fn sub() -> String {
    "sub".to_owned()
}
const fn five_seconds() -> Span {
    Span(Duration::from_secs(5))
}
const fn not_at_all() -> Span {
    Span(Duration::ZERO)
}
const fn sixty_four() -> usize {
    64
}
const fn port_1812() -> u16 {
    1_812
}
const fn two_seconds() -> Span {
    Span(Duration::from_secs(2))
}
const fn three() -> u32 {
    3
}
const fn yes() -> bool {
    true
}

/// What a verification gives, boxed because [`Servers`] is a trait object.
pub type Verifying = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Asks foreign servers. Must never block, and must be bounded in time and number.
pub trait Servers: Send + Sync + std::fmt::Debug {
    /// Says what is wrong with settings that can never work, and what to write instead. Reads no more than `ca_file`.
    fn check(&self, _server: &AuthServer) -> Result<(), String> {
        Ok(())
    }

    /// Asks whether a credential of a login is right. An empty password is refused before anybody is asked.
    fn verify(&self, server: Arc<AuthServer>, login: String, credential: Credential) -> Verifying;
}

/// Who asks foreign servers in this process.
pub type ServersHandle = Arc<dyn Servers>;
