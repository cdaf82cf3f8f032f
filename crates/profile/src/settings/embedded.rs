//! What the embedded door honours (specs/proxy.md §11, specs/panel-nodes.md N7).

use gatehouse_model::NodeKind;
use serde_json::Value;

use super::{
    Cipher, Fault, Hysteria, HysteriaObfs, Network, Security, Settings, Shadowsocks, Tls, Transport, Trojan, Vless,
};

impl Settings {
    /// What keeps a node with these settings from being served by this process: its type, or keys the door does not
    /// honour and that are not at their defaults. `networks` are the transports the door has.
    pub fn embedded_faults(&self, networks: &[Network]) -> Vec<Fault> {
        let tls = |tls: &Tls| Tls {
            server_name: tls.server_name.clone(),
            allow_insecure: tls.allow_insecure,
            ..Tls::default()
        };
        let transport = |transport: &Transport| {
            let is_had = networks.contains(&transport.network) && transport.header_type.is_empty();
            if is_had { transport.clone() } else { Transport::default() }
        };
        let honoured = match self {
            Self::Shadowsocks(settings) => Self::Shadowsocks(Shadowsocks {
                cipher: match settings.cipher {
                    Cipher::Aes192Gcm => {
                        return vec![Fault::new("cipher", "embedded nodes do not support aes-192-gcm")];
                    }
                    cipher @ Cipher::Door(_) => cipher,
                },
                obfs: String::new(),
                obfs_settings: super::ObfsSettings::default(),
                plugin: String::new(),
                plugin_opts: String::new(),
                allow_classic: settings.allow_classic,
                classic_user_cap: settings.classic_user_cap,
            }),
            Self::Trojan(settings) => Self::Trojan(Trojan {
                tls: Security::Tls,
                transport: transport(&settings.transport),
                tls_settings: tls(&settings.tls_settings),
                fallback: settings.fallback.clone(),
                ..Trojan::default()
            }),
            Self::Vless(settings) => Self::Vless(Vless {
                tls: Security::Tls,
                transport: transport(&settings.transport),
                tls_settings: tls(&settings.tls_settings),
                fallback: settings.fallback.clone(),
                ..Vless::default()
            }),
            Self::Hysteria(settings) => Self::Hysteria(Hysteria {
                version: 2,
                bandwidth: settings.bandwidth,
                obfs: HysteriaObfs { open: false, ..settings.obfs.clone() },
                tls: tls(&settings.tls),
                hop_interval: settings.hop_interval,
                ignore_client_bandwidth: settings.ignore_client_bandwidth,
            }),
            other => {
                let text = format!("nodes of type {} cannot be embedded", other.kind());
                return vec![Fault::new("embedded", text)];
            }
        };
        let mut faults = differing(&self.to_value(), &honoured.to_value());
        if let Self::Shadowsocks(settings) = self
            && !settings.cipher.is_2022()
            && !settings.allow_classic
        {
            let rule = "classic Shadowsocks has no replay protection of its own; set allow_classic to accept that";
            faults.push(Fault::new("cipher", rule));
        }
        debug_assert_eq!(self.kind(), honoured.kind());
        faults
    }

    /// The types that can be embedded at all.
    pub const fn can_be_embedded(kind: NodeKind) -> bool {
        matches!(kind, NodeKind::Shadowsocks | NodeKind::Trojan | NodeKind::Vless | NodeKind::Hysteria)
    }
}

/// The top keys at which two normalised objects differ.
fn differing(value: &Value, honoured: &Value) -> Vec<Fault> {
    let keys = value.as_object().into_iter().flatten();
    keys.filter(|(key, value)| honoured.get(key.as_str()) != Some(value))
        .map(|(key, _)| Fault::new(key.as_str(), format!("embedded nodes do not support {key}")))
        .collect()
}
