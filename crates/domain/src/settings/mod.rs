//! What the domain reads of the configuration file. Keys, units and defaults are the documentation (DESIGN §10.6).

mod bastion;
mod billing;
mod panel;
mod radius;
mod vpn;

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use gatehouse_model::{ByteSize, Span};
use ipnet::IpNet;
use serde::Deserialize;

use crate::proxy::egress::EgressRule;

pub use bastion::{
    BastionAuth, BastionCompat, BastionSettings, HostKeyPolicy, HostKeySettings, RecordingMode, RecordingSettings,
    SshSettings, TerminalSettings,
};
pub use billing::{
    BillingApi, BillingCredit, BillingMessage, BillingPay, BillingRadius, BillingRenew, BillingSession,
    BillingSettings, BillingTransfer, Checkout, Denied, Envelope, FondySettings, Language, LiqpaySettings, Numbers,
    PushSettings,
};
pub use panel::PanelConfig;
pub use radius::RadiusSettings;
pub use vpn::{ApplyMode, EditOmitted, Messages, VpnSettings};

/// All settings below the file's top level that concern use cases and doors.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `[login]`
    pub login: LoginSettings,
    /// `[visits]`
    pub visits: VisitSettings,
    /// `[audit]`
    pub audit: AuditSettings,
    /// `[oa]`
    pub oa: OaSettings,
    /// `[proxy]`
    pub proxy: ProxySettings,
    /// `[bastion]`
    pub bastion: BastionSettings,
    /// `[terminal]`
    pub terminal: TerminalSettings,
    /// `[hostkey]`
    pub hostkey: HostKeySettings,
    /// `[recordings]`
    pub recordings: RecordingSettings,
    /// `[ssh]`
    pub ssh: SshSettings,
    /// `[vpn]`
    pub vpn: VpnSettings,
    /// `[radius]`
    pub radius: RadiusSettings,
    /// `[billing]`
    pub billing: BillingSettings,
    /// `[panel]`
    pub panel: PanelConfig,
    /// Dotted names of the keys that file or environment set: staff cannot change them while the server runs.
    #[serde(skip)]
    pub pinned: BTreeSet<String>,
}

/// `[login]`: passwords and the throttle of DESIGN §10.4.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginSettings {
    /// Argon2id memory cost in KiB.
    pub argon2_memory: u32,
    /// Argon2id passes.
    pub argon2_passes: u32,
    /// How many passwords are hashed at the same time.
    pub hash_parallel: usize,
    /// Failures of a login from one address within `pair_window` before both together are refused; 0: no limit.
    pub pair_failures: u32,
    /// From the first failure that counts.
    pub pair_window: Span,
    /// Failures from one address, whatever the login; 0: no limit.
    pub address_failures: u32,
    /// From the first failure that counts.
    pub address_window: Span,
    /// Failures of a login from all addresses that are not known to it; 0: no limit.
    pub account_failures: u32,
    /// From the first failure that counts.
    pub account_window: Span,
    /// How long after a success an address is known to the login.
    pub known_address: Span,
    /// Whether passwords of VPN users and subscribers are also kept sealed, which CHAP and MS-CHAPv2 need.
    pub keep_clear_password: bool,
}

impl Default for LoginSettings {
    fn default() -> Self {
        let minutes = |n| Span(Duration::from_mins(n));
        Self {
            argon2_memory: 19_456,
            argon2_passes: 2,
            hash_parallel: 2,
            pair_failures: 10,
            pair_window: minutes(5),
            address_failures: 50,
            address_window: minutes(5),
            account_failures: 100,
            account_window: minutes(15),
            known_address: Span(Duration::from_hours(720)),
            keep_clear_password: false,
        }
    }
}

/// `[visits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VisitSettings {
    /// How long closed visits of the proxy door are kept.
    pub proxy_retention: Span,
}

impl Default for VisitSettings {
    fn default() -> Self {
        Self { proxy_retention: Span(Duration::from_hours(2160)) }
    }
}

/// `[audit]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// How long the login stream is kept.
    pub login_retention: Span,
    /// How many rows of it are kept at most; 0: no limit.
    pub login_max_rows: u64,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { login_retention: Span(Duration::from_hours(4320)), login_max_rows: 1_000_000 }
    }
}

/// How the ss links of the oa surface are written (specs/oa.md §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SsLink {
    /// `ss://base64(method:password@host:port)#name`, what the original printed.
    Legacy,
    /// As legacy with URL-safe Base64 and a stricter fragment, what the panel itself prints.
    Panel,
    /// SIP002.
    Sip002,
}

/// How failures of getConnInfoByUser look (specs/oa.md §1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureShape {
    /// The two keys only.
    Flat,
    /// The two keys and the same inside `ResultMsg`, with empty `NodeInfos`.
    Both,
}

/// Who makes the users of the oa surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OaBackend {
    /// Gatehouse's own accounts and proxy door.
    Local,
    /// A foreign django-sspanel; a later issue, refused by `check-config` until then.
    DjangoSspanel,
}

/// `[oa]` without the keys every surface has (specs/oa.md §8.1).
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OaSettings {
    /// Who makes the users.
    pub backend: OaBackend,
    /// Names that answer 406, exact and case-sensitive.
    pub admin_names: Vec<String>,
    /// Domain of derived e-mail addresses.
    pub user_email_domain: String,
    /// From the request of a deletion to its execution; `"0s"` allowed.
    pub delete_delay: Span,
    /// Whether the doors close at the request instead.
    pub close_doors_on_delete_request: bool,
    /// First back-off after a passing fault.
    pub retry_min: Span,
    /// Longest back-off.
    pub retry_max: Span,
    /// Form of ss links.
    pub ss_link: SsLink,
    /// Node types listed beyond ss, vless and trojan.
    pub extra_node_types: Vec<String>,
    /// Form of failures of getConnInfoByUser.
    pub conn_failure_shape: FailureShape,
    /// Whether `gatehouse st` prints tokens in clear.
    pub show_tokens: bool,
    /// Largest request body.
    pub body_limit: ByteSize,
    /// Longest time until a request body is complete.
    pub request_timeout: Span,
    /// Limits, off by default.
    pub rate_limit: OaRateLimit,
    /// Defaults of the passes made here.
    pub local: OaLocal,
}

impl Default for OaSettings {
    fn default() -> Self {
        Self {
            backend: OaBackend::Local,
            admin_names: vec!["admin".to_owned()],
            user_email_domain: "oa.invalid".to_owned(),
            delete_delay: Span(Duration::from_hours(48)),
            close_doors_on_delete_request: false,
            retry_min: Span(Duration::from_secs(1)),
            retry_max: Span(Duration::from_mins(5)),
            ss_link: SsLink::Legacy,
            extra_node_types: Vec::new(),
            conn_failure_shape: FailureShape::Flat,
            show_tokens: true,
            body_limit: ByteSize(64 << 10),
            request_timeout: Span(Duration::from_secs(30)),
            rate_limit: OaRateLimit::default(),
            local: OaLocal::default(),
        }
    }
}

/// `[oa.rate_limit]` (specs/oa.md §8.3); 0 is off.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OaRateLimit {
    /// Requests handled at once.
    pub max_in_flight: u32,
    /// Requests per minute and client address.
    pub per_minute: u32,
    /// How many may come at once before `per_minute` counts; 0 = `per_minute`.
    pub burst: u32,
    /// Endpoints it holds for: `generate`, `delete`, `conn`.
    pub apply_to: BTreeSet<String>,
}

impl Default for OaRateLimit {
    fn default() -> Self {
        Self {
            max_in_flight: 0,
            per_minute: 0,
            burst: 0,
            apply_to: ["generate", "delete"].map(str::to_owned).into_iter().collect(),
        }
    }
}

/// `[oa.local]` (specs/oa.md §5).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OaLocal {
    /// Name of the node group; unset: the one with the lowest id, made as `default` when there is none.
    pub group: Option<String>,
    /// Bytes; unset: unlimited.
    pub quota: Option<ByteSize>,
    /// Life of the pass; unset: for ever.
    pub expires_after: Option<Span>,
    /// Mbit/s, 0: none.
    pub speed_limit: u32,
    /// Devices, 0: none.
    pub device_limit: u32,
}

/// Whether the proxy door connects to IPv6 targets first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ipv6Policy {
    /// IPv6 first.
    Prefer,
    /// IPv4 first.
    Fallback,
    /// IPv4 only.
    Off,
}

/// What is a device of a proxy user (specs/proxy.md §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceLimitMode {
    /// A client address, on however many nodes.
    Address,
    /// A client address on a node.
    Node,
}

/// `[proxy]` without `enabled` (specs/proxy.md §15).
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxySettings {
    /// Whether this process serves embedded nodes.
    pub enabled: bool,
    /// Address of nodes that name none.
    pub listen: IpAddr,
    /// Ids or codes of the nodes this process serves; empty: all embedded ones.
    pub nodes: Vec<String>,
    /// Targets allowed although denied by default: `CIDR[:port[-port]]`.
    pub egress_allow: Vec<EgressRule>,
    /// Further denied ranges; they beat the allow list.
    pub egress_deny: Vec<IpNet>,
    /// Denied TCP ports.
    pub egress_deny_ports: Vec<u16>,
    /// Proxies in front of WebSocket nodes whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Order of address families.
    pub ipv6: Ipv6Policy,
    /// What a pass's device limit counts.
    pub device_limit_mode: DeviceLimitMode,
    /// How often counters go to the database, 1–60 s.
    pub flush_interval: Span,
    /// From accept to a complete request.
    pub handshake_timeout: Span,
    /// Longest time to connect to a target.
    pub connect_timeout: Span,
    /// A TCP flow without a byte either way ends.
    pub tcp_idle: Span,
    /// A UDP session without a packet ends.
    pub udp_idle: Span,
    /// A visit ends this long after its last flow.
    pub visit_idle: Span,
    /// Users served by one classic Shadowsocks node, at most 5,000.
    pub classic_user_cap: u32,
    /// How long the last user table serves while the database is away.
    pub stale_limit: Span,
    /// How long flows may finish at shutdown.
    pub drain: Span,
    /// Whether visits record their targets.
    pub log_targets: bool,
}

impl Default for ProxySettings {
    fn default() -> Self {
        let seconds = |n| Span(Duration::from_secs(n));
        Self {
            enabled: true,
            listen: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            nodes: Vec::new(),
            egress_allow: Vec::new(),
            egress_deny: Vec::new(),
            egress_deny_ports: vec![25],
            trusted_proxies: Vec::new(),
            ipv6: Ipv6Policy::Fallback,
            device_limit_mode: DeviceLimitMode::Address,
            flush_interval: seconds(1),
            handshake_timeout: seconds(10),
            connect_timeout: seconds(10),
            tcp_idle: seconds(300),
            udp_idle: seconds(120),
            visit_idle: seconds(60),
            classic_user_cap: 1_000,
            stale_limit: seconds(300),
            drain: seconds(5),
            log_targets: false,
        }
    }
}
