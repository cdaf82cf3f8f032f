//! What a document can express at all, and what an app of a certain age understands of it (specs/panel-nodes.md N2, N3.3).

use super::{Client, Format};
use crate::settings::{Cipher, Network, Security, Settings, Shadowsocks, Transport, Vless};

impl Format {
    /// Whether a node can be written whole in this format. One that cannot is left out.
    pub fn can_express(self, settings: &Settings) -> bool {
        match settings {
            Settings::Shadowsocks(settings) => self.has_shadowsocks(settings),
            Settings::Vmess(settings) => self.has_vmess(&settings.transport, settings.tls),
            Settings::Vless(settings) => self.has_vless(settings),
            Settings::Trojan(settings) => self.has_trojan(&settings.transport, settings.tls),
            Settings::Hysteria(settings) => {
                let knows_obfs = settings.version == 1 || settings.obfs.kind == "salamander" || !settings.obfs.open;
                knows_obfs
                    && match self {
                        // Surge and Loon have no obfs for it.
                        Self::Surge | Self::Loon => settings.version == 2 && settings.obfs_password().is_none(),
                        Self::Stash | Self::SingBox | Self::Shadowrocket | Self::General | Self::ClashMeta => true,
                        _ => false,
                    }
            }
            Settings::Tuic(_) => {
                matches!(self, Self::Stash | Self::SingBox | Self::Shadowrocket | Self::General | Self::ClashMeta)
            }
            Settings::Anytls(_) => !matches!(self, Self::Sip008 | Self::Clash),
            Settings::Socks(settings) => match self {
                // sing-box speaks SOCKS in clear only; links have no word for TLS.
                Self::SingBox | Self::General | Self::Shadowrocket => settings.tls == Security::None,
                Self::Sip008 | Self::Surfboard | Self::Loon => false,
                _ => true,
            },
            Settings::Http(_) => !matches!(self, Self::Sip008 | Self::Surfboard | Self::Loon | Self::Shadowrocket),
            Settings::Mieru(_) => self == Self::ClashMeta,
            Settings::Naive(_) => false,
        }
    }

    fn has_shadowsocks(self, settings: &Shadowsocks) -> bool {
        let plugin = settings.client_plugin();
        let plugin = plugin.as_ref().map(|(name, _)| *name);
        let is_obfs = settings.simple_obfs().is_some();
        let has_plugin = match self {
            Self::Clash | Self::ClashMeta | Self::Stash | Self::SingBox => is_obfs || plugin == Some("v2ray-plugin"),
            Self::Surge | Self::Surfboard | Self::QuantumultX | Self::Loon => is_obfs,
            Self::Sip008 | Self::Shadowrocket | Self::General => true,
        };
        let has_cipher = !settings.cipher.is_2022() || self != Self::Clash;
        (plugin.is_none() || has_plugin) && has_cipher
    }

    fn has_vmess(self, transport: &Transport, tls: Security) -> bool {
        let has_tls = tls == Security::Tls;
        match self {
            Self::Surge | Self::Surfboard => is_plain_tcp(transport) || transport.network == Network::Ws,
            Self::Loon | Self::QuantumultX => {
                is_plain_tcp(transport) || transport.is_http_disguise() || transport.network == Network::Ws
            }
            Self::Stash | Self::Clash => match transport.network {
                Network::Tcp | Network::Ws | Network::Http => true,
                Network::Grpc | Network::H2 => has_tls,
                _ => false,
            },
            Self::ClashMeta => match transport.network {
                Network::Tcp | Network::Ws | Network::Http | Network::Httpupgrade => true,
                Network::Grpc | Network::H2 => has_tls,
                _ => false,
            },
            Self::SingBox => has_sing_box_transport(transport, has_tls),
            Self::Shadowrocket | Self::General => true,
            Self::Sip008 => false,
        }
    }

    fn has_vless(self, settings: &Vless) -> bool {
        let transport = &settings.transport;
        let has_tls = settings.tls != Security::None;
        let is_encrypted = settings.encryption.enabled;
        match self {
            Self::Loon | Self::QuantumultX => {
                !is_encrypted
                    && (is_plain_tcp(transport) || transport.is_http_disguise() || transport.network == Network::Ws)
            }
            Self::Stash => {
                !is_encrypted
                    && match transport.network {
                        Network::Tcp | Network::Ws => true,
                        Network::Grpc | Network::H2 => has_tls,
                        _ => false,
                    }
            }
            Self::ClashMeta => match transport.network {
                Network::Tcp | Network::Ws | Network::Http | Network::Httpupgrade => true,
                Network::Grpc | Network::H2 | Network::Xhttp => has_tls,
                Network::Kcp | Network::Quic => false,
            },
            Self::SingBox => !is_encrypted && has_sing_box_transport(transport, has_tls),
            Self::Shadowrocket | Self::General => true,
            Self::Surge | Self::Surfboard | Self::Sip008 | Self::Clash => false,
        }
    }

    fn has_trojan(self, transport: &Transport, tls: Security) -> bool {
        let is_reality = tls == Security::Reality;
        let network = transport.network;
        match self {
            Self::Surge | Self::Surfboard | Self::Loon | Self::QuantumultX => {
                !is_reality && (is_plain_tcp(transport) || network == Network::Ws)
            }
            Self::Clash | Self::Stash => {
                (!is_reality || self == Self::Stash)
                    && (is_plain_tcp(transport) || matches!(network, Network::Ws | Network::Grpc))
            }
            Self::ClashMeta => {
                is_plain_tcp(transport) || matches!(network, Network::Ws | Network::Grpc | Network::Httpupgrade)
            }
            Self::SingBox => has_sing_box_transport(transport, true),
            Self::Shadowrocket | Self::General => {
                is_plain_tcp(transport)
                    || matches!(
                        network,
                        Network::Ws
                            | Network::Grpc
                            | Network::Http
                            | Network::Httpupgrade
                            | Network::Xhttp
                            | Network::H2
                    )
            }
            Self::Sip008 => false,
        }
    }
}

fn is_plain_tcp(transport: &Transport) -> bool {
    transport.network == Network::Tcp && transport.header_type.is_empty()
}

/// sing-box has neither XHTTP nor mKCP, and QUIC only inside TLS.
fn has_sing_box_transport(transport: &Transport, has_tls: bool) -> bool {
    match transport.network {
        Network::Tcp | Network::Ws | Network::Grpc | Network::H2 | Network::Http | Network::Httpupgrade => true,
        Network::Quic => has_tls,
        Network::Xhttp | Network::Kcp => false,
    }
}

impl Client {
    /// Whether the app is new enough for a node that its format can express.
    pub fn is_new_enough(&self, settings: &Settings) -> bool {
        let is_hysteria2 = matches!(settings, Settings::Hysteria(hysteria) if hysteria.version == 2);
        let is_reality = settings.security() == Security::Reality;
        let is_anytls = matches!(settings, Settings::Anytls(_));
        if is_hysteria2 && self.lacks_hysteria2 {
            return false;
        }
        match self.format {
            Format::SingBox => {
                let since_1_5 = is_hysteria2 || matches!(settings, Settings::Vless(_) | Settings::Tuic(_));
                !(since_1_5 && self.is_older_than(1, 5, 0)
                    || is_reality && self.is_older_than(1, 6, 0)
                    || is_anytls && self.is_older_than(1, 12, 0))
            }
            Format::ClashMeta => {
                let has_ech = settings.tls().is_some_and(|tls| settings.reality().is_none() && tls.ech.is_usable());
                !(has_ech && settings.security() == Security::Tls && self.is_older_than(1, 19, 9))
            }
            Format::Stash => {
                let is_vision = matches!(settings, Settings::Vless(vless) if !vless.flow.is_empty());
                !(is_hysteria2 && self.is_older_than(2, 5, 0)
                    || matches!(settings, Settings::Tuic(_)) && self.is_older_than(2, 3, 0)
                    || settings.cipher().is_some_and(Cipher::is_2022) && self.is_older_than(3, 0, 0)
                    || (is_reality || is_vision) && self.is_older_than(3, 1, 0)
                    || is_anytls && self.is_older_than(3, 3, 0))
            }
            Format::Loon => {
                // Its User-Agent carries a build number (637) or a version (3.2.1).
                let is_build = self.version.is_some_and(|version| version.0 >= 100);
                !(is_hysteria2 && is_build && self.is_older_than(637, 0, 0)
                    || matches!(settings, Settings::Trojan(_)) && !is_build && self.is_older_than(3, 2, 1))
            }
            _ => true,
        }
    }
}
