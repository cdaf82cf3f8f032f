//! Unmodified proxy clients, and how each wants to be told of a server.

use std::fs;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{Peer, Program, Tls, free_port, wait_for};

/// A proxy server as its clients know it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address or name.
    pub host: String,
    /// TCP, and UDP if the protocol has it.
    pub port: u16,
    /// What it speaks, with one user's credential.
    pub protocol: Protocol,
}

/// A protocol and a credential for it.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// Shadowsocks 2022 with users: `method` is `2022-blake3-aes-128-gcm` or `-256-`, the keys are base64.
    Ss2022 {
        /// The cipher's name.
        method: String,
        /// The node's key.
        server_key: String,
        /// The user's key.
        user_key: String,
    },
    /// Shadowsocks with an AEAD cipher, one user per password.
    SsClassic {
        /// The cipher's name, `aes-256-gcm`.
        method: String,
        /// The user's password.
        password: String,
    },
    /// Trojan over TLS.
    Trojan {
        /// The user's password.
        password: String,
        /// The certificate to expect.
        tls: Tls,
        /// The path of a WebSocket inside TLS, if there is one.
        path: Option<String>,
    },
    /// VLESS over TLS, without a flow.
    Vless {
        /// The user's uuid.
        uuid: String,
        /// The certificate to expect.
        tls: Tls,
        /// The path of a WebSocket inside TLS, if there is one.
        path: Option<String>,
    },
    /// Hysteria 2.
    Hysteria {
        /// The user's password.
        password: String,
        /// The certificate to expect.
        tls: Tls,
    },
}

impl Protocol {
    /// The path of its WebSocket, if it has one.
    fn path(&self) -> Option<&str> {
        match self {
            Self::Trojan { path, .. } | Self::Vless { path, .. } => path.as_deref(),
            _ => None,
        }
    }

    /// The password as Shadowsocks clients take it: for 2022 `server_key:user_key`.
    fn shadowsocks(&self) -> Option<(&str, String)> {
        match self {
            Self::Ss2022 { method, server_key, user_key } => Some((method, format!("{server_key}:{user_key}"))),
            Self::SsClassic { method, password } => Some((method, password.clone())),
            Self::Trojan { .. } | Self::Vless { .. } | Self::Hysteria { .. } => None,
        }
    }
}

/// An unmodified client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// sing-box 1.14.
    SingBox,
    /// Xray 26, as a Python module.
    Xray,
    /// mihomo (Clash Meta) 1.19.
    Mihomo,
    /// ss-local of shadowsocks-libev 3.3, which knows no 2022 ciphers.
    SsLocal,
    /// sslocal of shadowsocks-rust 1.25, built without the classic ciphers.
    SslocalRust,
    /// v2ray 4.34 of Debian, which knows no 2022 ciphers and no XUDP.
    V2ray,
    /// The original trojan 1.16.
    Trojan,
    /// pproxy 2.7, which carries Shadowsocks over TCP only.
    Pproxy,
    /// The official Hysteria 2.13, as a Python module.
    Hysteria,
}

impl Client {
    /// Every client.
    pub const ALL: [Self; 9] = [
        Self::SingBox,
        Self::Xray,
        Self::Mihomo,
        Self::SsLocal,
        Self::SslocalRust,
        Self::V2ray,
        Self::Trojan,
        Self::Pproxy,
        Self::Hysteria,
    ];

    /// The clients that speak `protocol`: a row of the table in specs/proxy.md §18.
    pub fn speaking(protocol: &Protocol) -> Vec<Self> {
        Self::ALL.into_iter().filter(|client| client.speaks(protocol)).collect()
    }

    /// Whether it can use such a server at all.
    pub fn speaks(self, protocol: &Protocol) -> bool {
        match self {
            Self::SingBox | Self::Mihomo => true,
            Self::Xray => !matches!(protocol, Protocol::Hysteria { .. }),
            // It forgets what it has not passed on yet when a WebSocket is closed.
            Self::V2ray => {
                protocol.path().is_none() && !matches!(protocol, Protocol::Ss2022 { .. } | Protocol::Hysteria { .. })
            }
            Self::SsLocal | Self::Pproxy => matches!(protocol, Protocol::SsClassic { .. }),
            Self::SslocalRust => matches!(protocol, Protocol::Ss2022 { .. }),
            Self::Trojan => matches!(protocol, Protocol::Trojan { path: None, .. }),
            Self::Hysteria => matches!(protocol, Protocol::Hysteria { .. }),
        }
    }

    /// Whether it carries UDP, with whatever protocol it speaks.
    pub fn carries_udp(self) -> bool {
        self != Self::Pproxy
    }

    /// Starts it with a SOCKS port on loopback that leads through `server`.
    pub async fn start(self, server: &Server) -> Result<Peer> {
        let port = free_port()?;
        match self {
            Self::SingBox => Peer::sing_box(&sing_box(server, port), port).await,
            Self::Xray => Peer::xray(&v2ray_family(server, port, Fork::Xray), port).await,
            Self::V2ray => Peer::v2ray(&v2ray_family(server, port, Fork::V2ray), port).await,
            Self::Mihomo => Peer::mihomo(&mihomo(server, port).to_string(), port).await,
            Self::SsLocal => {
                let program = Program::Debian("ss-local");
                Peer::with_file(program, &["-u", "-c", "config"], &ss_local(server, port)?.to_string(), port).await
            }
            Self::SslocalRust => {
                let config = ss_local(server, port)?.to_string();
                Peer::with_file(Program::SslocalRust, &["--config", "config"], &config, port).await
            }
            Self::Trojan => Peer::trojan(&trojan(server, port)?, port).await,
            Self::Pproxy => Peer::pproxy(server, port).await,
            Self::Hysteria => Peer::hysteria(server, port).await,
        }
    }
}

/// Starting each program with a configuration of one's own; `port` is where it will accept connections.
impl Peer {
    /// sing-box, as client or server.
    pub async fn sing_box(config: &Value, port: u16) -> Result<Self> {
        let args = ["run", "--disable-color", "-c", "config"];
        Self::with_file(Program::SingBox, &args, &config.to_string(), port).await
    }

    /// Xray, as client or server: a Python process that becomes it.
    pub async fn xray(config: &Value, port: u16) -> Result<Self> {
        let script = "import xray; xray.startFromJSON(open('config').read())";
        Self::with_file(Program::Python, &["-c", script], &config.to_string(), port).await
    }

    /// v2ray, as client or server.
    pub async fn v2ray(config: &Value, port: u16) -> Result<Self> {
        Self::with_file(Program::Debian("v2ray"), &["-config", "config"], &config.to_string(), port).await
    }

    /// mihomo with a Clash configuration in YAML, of which JSON is a part.
    pub async fn mihomo(yaml: &str, port: u16) -> Result<Self> {
        let args = ["-d", ".", "-f", "config", "-post-up", "touch up"];
        let peer = Self::with_file(Program::Mihomo, &args, yaml, port).await?;
        // It listens before its rules are loaded, and drops what comes in between.
        wait_for("mihomo's start", async || Ok(peer.folder_path().join("up").exists())).await?;
        Ok(peer)
    }

    /// The original trojan, as client or server.
    pub async fn trojan(config: &Value, port: u16) -> Result<Self> {
        Self::with_file(Program::Debian("trojan"), &["-c", "config"], &config.to_string(), port).await
    }

    async fn pproxy(server: &Server, port: u16) -> Result<Self> {
        let Some((method, password)) = server.protocol.shadowsocks() else { bail!("pproxy speaks Shadowsocks only") };
        let local = format!("socks5://127.0.0.1:{port}");
        let remote = format!("ss://{method}:{password}@{}:{}", server.host, server.port);
        let args = ["-m", "pproxy", "-l", &local, "-r", &remote];
        Self::start(Program::Python, args, Self::folder()?, port).await
    }

    /// The official Hysteria client: a Python process that becomes it.
    async fn hysteria(server: &Server, port: u16) -> Result<Self> {
        let Protocol::Hysteria { password, tls } = &server.protocol else { bail!("hysteria speaks Hysteria 2 only") };
        let config = json!({
            "server": format!("{}:{}", server.host, server.port), "auth": password,
            "tls": { "sni": tls.server_name, "insecure": true, "pinSHA256": tls.certificate_sha256 },
            "socks5": { "listen": format!("127.0.0.1:{port}") },
        });
        let script = "import hysteria2; hysteria2.startFromJSON(open('config').read())";
        Self::with_file(Program::Python, &["-c", script], &config.to_string(), port).await
    }

    /// Writes `text` into the file `config` of the peer's folder and starts it there.
    pub(super) async fn with_file(program: Program, args: &[&str], text: &str, port: u16) -> Result<Self> {
        let folder = Self::folder()?;
        fs::write(folder.path().join("config"), text)?;
        Self::start(program, args, folder, port).await
    }
}

fn sing_box(server: &Server, port: u16) -> Value {
    let tls = |tls: &Tls| json!({ "enabled": true, "server_name": tls.server_name, "insecure": true });
    let mut outbound = match &server.protocol {
        Protocol::Ss2022 { method, server_key, user_key } => {
            json!({ "type": "shadowsocks", "method": method, "password": format!("{server_key}:{user_key}") })
        }
        Protocol::SsClassic { method, password } => {
            json!({ "type": "shadowsocks", "method": method, "password": password })
        }
        Protocol::Trojan { password, tls: of, .. } => {
            json!({ "type": "trojan", "password": password, "tls": tls(of) })
        }
        Protocol::Vless { uuid, tls: of, .. } => {
            json!({ "type": "vless", "uuid": uuid, "packet_encoding": "xudp", "tls": tls(of) })
        }
        Protocol::Hysteria { password, tls: of } => {
            json!({ "type": "hysteria2", "password": password, "tls": tls(of) })
        }
    };
    if let Some(path) = server.protocol.path() {
        // With early data, as subscriptions often have it.
        let early = json!({
            "type": "ws", "path": path, "max_early_data": 2048, "early_data_header_name": "Sec-WebSocket-Protocol",
        });
        put(&mut outbound, "transport", early);
    }
    put(&mut outbound, "server", json!(server.host));
    put(&mut outbound, "server_port", json!(server.port));
    json!({
        "log": { "level": "info" },
        "inbounds": [{ "type": "socks", "listen": "127.0.0.1", "listen_port": port }],
        "outbounds": [outbound],
    })
}

fn mihomo(server: &Server, port: u16) -> Value {
    let mut proxy = match &server.protocol {
        Protocol::Ss2022 { method, server_key, user_key } => {
            json!({ "type": "ss", "cipher": method, "password": format!("{server_key}:{user_key}") })
        }
        Protocol::SsClassic { method, password } => json!({ "type": "ss", "cipher": method, "password": password }),
        Protocol::Trojan { password, tls, .. } => {
            json!({ "type": "trojan", "password": password, "sni": tls.server_name, "skip-cert-verify": true })
        }
        Protocol::Vless { uuid, tls, .. } => json!({
            "type": "vless", "uuid": uuid, "network": "tcp", "tls": true,
            "servername": tls.server_name, "skip-cert-verify": true, "packet-encoding": "xudp",
        }),
        Protocol::Hysteria { password, tls } => {
            json!({ "type": "hysteria2", "password": password, "sni": tls.server_name, "skip-cert-verify": true })
        }
    };
    if let Some(path) = server.protocol.path() {
        put(&mut proxy, "network", json!("ws"));
        put(&mut proxy, "ws-opts", json!({ "path": path }));
    }
    put(&mut proxy, "name", json!("peer"));
    put(&mut proxy, "server", json!(server.host));
    put(&mut proxy, "port", json!(server.port));
    put(&mut proxy, "udp", json!(true));
    json!({
        "socks-port": port, "bind-address": "127.0.0.1", "allow-lan": false, "ipv6": true, "log-level": "info",
        "mode": "rule", "find-process-mode": "off", "profile": { "store-selected": false },
        "proxies": [proxy], "rules": ["MATCH,peer"],
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fork {
    V2ray,
    Xray,
}

fn v2ray_family(server: &Server, port: u16, fork: Fork) -> Value {
    let (host, remote_port) = (&server.host, server.port);
    let mut outbound = match &server.protocol {
        Protocol::Trojan { password, .. } => json!({
            "protocol": "trojan",
            "settings": { "servers": [{ "address": host, "port": remote_port, "password": password }] },
        }),
        Protocol::Vless { uuid, .. } => json!({
            "protocol": "vless",
            "settings": { "vnext": [{
                "address": host, "port": remote_port, "users": [{ "id": uuid, "encryption": "none" }],
            }] },
        }),
        shadowsocks => {
            let (method, password) = shadowsocks.shadowsocks().unzip();
            json!({
                "protocol": "shadowsocks",
                "settings": { "servers": [{
                    "address": host, "port": remote_port, "method": method, "password": password,
                }] },
            })
        }
    };
    if let Protocol::Trojan { tls, path, .. } | Protocol::Vless { tls, path, .. } = &server.protocol {
        let mut settings = json!({ "serverName": tls.server_name });
        // Xray has removed `allowInsecure` for pinning; v2ray knows only the former.
        match fork {
            Fork::Xray => put(&mut settings, "pinnedPeerCertSha256", json!(tls.certificate_sha256)),
            Fork::V2ray => put(&mut settings, "allowInsecure", json!(true)),
        }
        let mut stream = json!({ "network": "tcp", "security": "tls", "tlsSettings": settings });
        if let Some(path) = path {
            put(&mut stream, "network", json!("ws"));
            put(&mut stream, "wsSettings", json!({ "path": path }));
        }
        put(&mut outbound, "streamSettings", stream);
    }
    json!({
        "log": { "loglevel": "info" },
        "inbounds": [{
            "protocol": "socks", "listen": "127.0.0.1", "port": port,
            "settings": { "auth": "noauth", "udp": true, "ip": "127.0.0.1" },
        }],
        "outbounds": [outbound],
    })
}

/// Both ss-local and sslocal read this form.
fn ss_local(server: &Server, port: u16) -> Result<Value> {
    let Some((method, password)) = server.protocol.shadowsocks() else { bail!("ss-local speaks Shadowsocks only") };
    Ok(json!({
        "server": server.host, "server_port": server.port, "method": method, "password": password,
        "local_address": "127.0.0.1", "local_port": port, "mode": "tcp_and_udp",
    }))
}

fn trojan(server: &Server, port: u16) -> Result<Value> {
    let Protocol::Trojan { password, tls, .. } = &server.protocol else { bail!("trojan speaks Trojan only") };
    Ok(json!({
        "run_type": "client", "local_addr": "127.0.0.1", "local_port": port,
        "remote_addr": server.host, "remote_port": server.port, "password": [password], "log_level": 1,
        "ssl": {
            "verify": false, "verify_hostname": false, "sni": tls.server_name, "alpn": ["http/1.1"],
            "cert": "", "cipher": "", "cipher_tls13": "", "reuse_session": true, "session_ticket": false, "curves": "",
        },
        "tcp": { "no_delay": true, "keep_alive": true, "reuse_port": false, "fast_open": false, "fast_open_qlen": 20 },
    }))
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
