//! Proxy nodes as the live snapshot holds them: one row of the node table with its memberships and opened secrets.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use gatehouse_model::{NodeGroupId, NodeId, NodeKind, SsCipher};
use gatehouse_profile::settings::rate_at;

use super::{route::Rule, sheet::Sheet};

/// A proxy node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Row id; the node API's `node_id`.
    pub id: NodeId,
    /// Short unique name within its type, for the node API and the state file.
    pub code: Option<String>,
    /// Name shown to users.
    pub name: String,
    /// Description shown to users.
    pub remark: Option<String>,
    /// Host name or address clients connect to.
    pub host: String,
    /// Port clients connect to; 0: the one the listener got.
    pub port: u16,
    /// Port the listener binds; 0: any free one.
    pub server_port: u16,
    /// Address the listener binds; `None`: `[proxy] listen`.
    pub listen_ip: Option<IpAddr>,
    /// Traffic factor in hundredths.
    pub rate: i64,
    /// Whether this product listens for it.
    pub is_embedded: bool,
    /// Whether it serves anybody.
    pub is_enabled: bool,
    /// Whether users see it.
    pub is_shown: bool,
    /// Position in lists, ascending; `None` last, then id.
    pub sort: Option<i64>,
    /// Groups whose members may use it.
    pub group_ids: BTreeSet<NodeGroupId>,
    /// Bytes after which it serves nobody; `None`: no cap.
    pub transfer_cap: Option<i64>,
    /// Whether the cap was reached when the snapshot was built.
    pub is_capped: bool,
    /// What it speaks.
    pub protocol: Protocol,
    /// Port the listener of a node with `server_port` 0 got, on whichever process serves it.
    pub bound_port: Option<u16>,
    /// The rest: what remote nodes, subscriptions and staff need.
    pub sheet: Arc<Sheet>,
    /// Which targets its users may reach, the first rule that hits; what hits none is allowed.
    pub routes: Arc<[Rule]>,
}

/// What a node speaks, with the settings the embedded door honours (specs/proxy.md §11).
#[derive(Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Shadowsocks 2022 or classic.
    Shadowsocks {
        /// The cipher of the port.
        cipher: SsCipher,
        /// The staff's word that a classic cipher is wanted although it has no replay protection of its own.
        allow_classic: bool,
        /// Users a classic node serves; `None`: `proxy.classic_user_cap`.
        classic_user_cap: Option<u32>,
        /// 32 or 16 random bytes for 2022 ciphers, empty for classic ones.
        server_key: Vec<u8>,
    },
    /// Trojan over TLS.
    Trojan(Tls, Transport),
    /// VLESS inside TLS.
    Vless(Tls, Transport),
    /// Hysteria 2.
    Hysteria(Hysteria),
    /// A type only remote nodes speak.
    Remote(NodeKind),
}

impl Protocol {
    /// The node type.
    pub fn kind(&self) -> NodeKind {
        match self {
            Self::Shadowsocks { .. } => NodeKind::Shadowsocks,
            Self::Trojan(..) => NodeKind::Trojan,
            Self::Vless(..) => NodeKind::Vless,
            Self::Hysteria(_) => NodeKind::Hysteria,
            Self::Remote(kind) => *kind,
        }
    }

    /// The TLS settings, where it has them.
    pub fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Trojan(tls, _) | Self::Vless(tls, _) => Some(tls),
            Self::Hysteria(hysteria) => Some(&hysteria.tls),
            Self::Shadowsocks { .. } | Self::Remote(_) => None,
        }
    }
}

impl std::fmt::Debug for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind().as_str())
    }
}

/// What carries the bytes of Trojan or VLESS inside TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// TLS itself.
    Tcp,
    /// Binary messages of a WebSocket, so that a CDN can stand in between.
    WebSocket {
        /// The path that is upgraded; begins with `/`.
        path: String,
        /// The host that must be asked for; `None`: any.
        host: Option<String>,
    },
}

/// Hysteria 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hysteria {
    /// Name and certificate; there is no fallback but the built-in page.
    pub tls: Tls,
    /// Node to client, Mbit/s; 0: no limit.
    pub up_mbps: u32,
    /// Client to node, Mbit/s: what clients are told they may send; 0: no limit.
    pub down_mbps: u32,
    /// Whether clients are told to find their rate themselves, whatever they were configured with.
    pub ignore_client_bandwidth: bool,
}

/// TLS settings of an embedded node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Name in the certificate and in links; empty: the node's host.
    pub server_name: String,
    /// Where strangers are sent: `host:port`, plain HTTP/1.1; `None`: a built-in page.
    pub fallback: Option<String>,
    /// The certificate.
    pub certificate: Certificate,
}

impl Tls {
    /// Whether clients must be told not to check the certificate.
    pub fn is_self_signed(&self) -> bool {
        matches!(self.certificate, Certificate::Content { is_self_signed: true, .. })
    }
}

/// Where a node's certificate comes from (`cert_config`, specs/proxy.md §10).
#[derive(Clone, PartialEq, Eq)]
pub enum Certificate {
    /// PEM files, reloaded when they change.
    File {
        /// Chain.
        cert_file: String,
        /// Key.
        key_file: String,
    },
    /// PEM texts kept with the node: given by staff, or made once as self-signed.
    Content {
        /// Chain, PEM.
        cert_pem: String,
        /// Key, PEM.
        key_pem: String,
        /// Whether it was made by us, so that links carry a pin or the insecure flag.
        is_self_signed: bool,
    },
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { cert_file, .. } => {
                f.debug_struct("File").field("cert_file", cert_file).finish_non_exhaustive()
            }
            Self::Content { is_self_signed, .. } => {
                f.debug_struct("Content").field("is_self_signed", is_self_signed).finish_non_exhaustive()
            }
        }
    }
}

impl Node {
    /// The traffic factor in hundredths at a minute of the day in the panel's zone (specs/panel-nodes.md N4.3).
    pub fn rate_at(&self, minute: u16) -> i64 {
        if self.sheet.is_rate_timed { rate_at(&self.sheet.windows, self.rate, minute) } else { self.rate }
    }

    /// Whether the node serves anybody at all.
    pub fn is_serving(&self) -> bool {
        self.is_enabled && !self.is_capped
    }

    /// Whether users are sent to a public host while the listener takes loopback connections only. `default` is
    /// `[proxy] listen`.
    pub fn is_hidden_behind_loopback(&self, default: IpAddr) -> bool {
        let is_local = self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        self.is_embedded && self.is_enabled && !is_local && self.listen_ip.unwrap_or(default).is_loopback()
    }

    /// The port clients use: the configured one, else the listener's.
    pub fn client_port(&self) -> Option<u16> {
        [self.port, self.server_port].into_iter().find(|port| *port != 0).or(self.bound_port)
    }
}
