//! Other people's proxy servers, each with one user.

use std::fs;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{Peer, Program, Protocol, SelfSigned, Server, free_port, process::Ready};

/// Which program serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealServer {
    /// sing-box, which speaks every protocol.
    SingBox,
    /// ss-server of shadowsocks-libev: classic Shadowsocks.
    SsServer,
    /// The original trojan, whose fallback is the given local HTTP port.
    Trojan {
        /// Where it sends strangers, on 127.0.0.1.
        fallback: u16,
    },
}

impl RealServer {
    /// Starts it on a free loopback port for the credential in `protocol`; `certificate` must be the one that the
    /// protocol's [`super::Tls`] names, and is not used by Shadowsocks. Returns what clients need.
    pub async fn start(self, protocol: Protocol, certificate: &SelfSigned) -> Result<(Peer, Server)> {
        let (folder, port) = (Peer::folder()?, free_port()?);
        let config = match self {
            Self::SingBox => sing_box(&protocol, port),
            Self::SsServer => ss_server(&protocol, port)?,
            Self::Trojan { fallback } => trojan(&protocol, port, fallback)?,
        };
        fs::write(folder.path().join("config"), config.to_string())?;
        fs::write(folder.path().join("certificate.pem"), certificate.certificate_pem())?;
        fs::write(folder.path().join("key.pem"), certificate.key_pem())?;
        let (program, args): (_, &[&str]) = match self {
            Self::SingBox => (Program::SingBox, &["run", "--disable-color", "-c", "config"]),
            Self::SsServer => (Program::Debian("ss-server"), &["-u", "-c", "config"]),
            Self::Trojan { .. } => (Program::Debian("trojan"), &["-c", "config"]),
        };
        let ready = match protocol {
            // Over UDP there is nothing to connect to.
            Protocol::Hysteria { .. } => Ready::Logs("sing-box started"),
            _ => Ready::Accepts,
        };
        let peer = Peer::start_until(program, args, folder, port, ready).await?;
        Ok((peer, Server { host: "127.0.0.1".to_owned(), port, protocol }))
    }
}

fn sing_box(protocol: &Protocol, port: u16) -> Value {
    let tls = json!({ "enabled": true, "certificate_path": "certificate.pem", "key_path": "key.pem" });
    let listen = "127.0.0.1";
    let inbound = match protocol {
        Protocol::Ss2022 { method, server_key, user_key } => json!({
            "type": "shadowsocks", "listen": listen, "listen_port": port, "method": method, "password": server_key,
            "users": [{ "name": "user", "password": user_key }],
        }),
        Protocol::SsClassic { method, password } => json!({
            "type": "shadowsocks", "listen": listen, "listen_port": port, "method": method, "password": password,
        }),
        Protocol::Trojan { password, .. } => json!({
            "type": "trojan", "listen": listen, "listen_port": port,
            "users": [{ "name": "user", "password": password }], "tls": tls,
        }),
        Protocol::Vless { uuid, .. } => json!({
            "type": "vless", "listen": listen, "listen_port": port,
            "users": [{ "name": "user", "uuid": uuid }], "tls": tls,
        }),
        Protocol::Hysteria { password, .. } => json!({
            "type": "hysteria2", "listen": listen, "listen_port": port,
            "users": [{ "name": "user", "password": password }], "tls": tls,
        }),
    };
    json!({ "log": { "level": "info" }, "inbounds": [inbound], "outbounds": [{ "type": "direct" }] })
}

fn ss_server(protocol: &Protocol, port: u16) -> Result<Value> {
    let Protocol::SsClassic { method, password } = protocol else { bail!("ss-server speaks classic Shadowsocks only") };
    Ok(json!({
        "server": "127.0.0.1", "server_port": port, "method": method, "password": password,
        "mode": "tcp_and_udp", "timeout": 300,
    }))
}

fn trojan(protocol: &Protocol, port: u16, fallback: u16) -> Result<Value> {
    let Protocol::Trojan { password, .. } = protocol else { bail!("trojan speaks Trojan only") };
    Ok(json!({
        "run_type": "server", "local_addr": "127.0.0.1", "local_port": port,
        "remote_addr": "127.0.0.1", "remote_port": fallback, "password": [password], "log_level": 1,
        "ssl": {
            "cert": "certificate.pem", "key": "key.pem", "key_password": "", "cipher": "", "cipher_tls13": "",
            "prefer_server_cipher": true, "alpn": ["http/1.1"], "reuse_session": true, "session_ticket": false,
            "session_timeout": 600, "plain_http_response": "", "curves": "", "dhparam": "",
        },
        "tcp": {
            "prefer_ipv4": false, "no_delay": true, "keep_alive": true, "reuse_port": false, "fast_open": false,
            "fast_open_qlen": 20,
        },
        "mysql": { "enabled": false },
    }))
}
