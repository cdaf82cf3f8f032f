//! A server with nodes and users, and what lies behind it.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Context as _, Result, ensure};
use gatehouse_domain::proxy::{
    manage::NodeSpec,
    settings::{NetworkSettings, NodeSettings},
};
use gatehouse_model::{NodeKind, SsCipher};
use gatehouse_testkit::{
    Engine, Installation, RunningServer,
    peer::{Client, Echo, Origin, Peer, Protocol, Server, Traffic, random_bytes, wait_for},
};
use serde_json::Value;
use tokio::net::TcpStream;

use super::link;
use crate::GATEHOUSE;

/// The group of everybody and every node, unless a test says otherwise.
const GROUP: &str = "default";
pub(crate) const SS_2022: &str = "Shadowsocks 2022";
pub(crate) const CLASSIC: &str = "Classic";
pub(crate) const TROJAN: &str = "Trojan";
pub(crate) const VLESS: &str = "VLESS";
pub(crate) const TROJAN_WS: &str = "Trojan in WebSocket";
pub(crate) const VLESS_WS: &str = "VLESS in WebSocket";
pub(crate) const HYSTERIA: &str = "Hysteria 2";

/// What differs from test to test.
pub(crate) struct Setup {
    /// Where the rows are.
    pub(crate) engine: Engine,
    /// Further lines of `[proxy]`.
    pub(crate) proxy: String,
    /// Further sections.
    pub(crate) sections: String,
    /// Loopback ports users may reach, beside the origin's and the echo's.
    pub(crate) allowed: Vec<u16>,
    pub(crate) nodes: Vec<NodeSpec>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            engine: Engine::Sqlite,
            proxy: String::new(),
            sections: String::new(),
            allowed: Vec::new(),
            nodes: [SS_2022, CLASSIC, TROJAN, VLESS].map(node).into(),
        }
    }
}

/// A node by one of the names above, on a free port.
pub(crate) fn node(name: &str) -> NodeSpec {
    let shadowsocks = |cipher: SsCipher| NodeSettings {
        cipher: Some(cipher),
        allow_classic: !cipher.is_2022(),
        ..NodeSettings::default()
    };
    let tls = || NodeSettings { server_name: Some("proxy.example.com".to_owned()), ..NodeSettings::default() };
    let websocket = || NodeSettings {
        network: Some("ws".to_owned()),
        network_settings: Some(NetworkSettings { path: Some("/chat".to_owned()), ..NetworkSettings::default() }),
        ..tls()
    };
    let (kind, settings) = match name {
        SS_2022 => (NodeKind::Shadowsocks, shadowsocks(SsCipher::Blake3Aes256Gcm)),
        CLASSIC => (NodeKind::Shadowsocks, shadowsocks(SsCipher::Aes256Gcm)),
        TROJAN => (NodeKind::Trojan, tls()),
        TROJAN_WS => (NodeKind::Trojan, websocket()),
        VLESS_WS => (NodeKind::Vless, websocket()),
        HYSTERIA => (NodeKind::Hysteria, tls()),
        _ => (NodeKind::Vless, tls()),
    };
    NodeSpec {
        kind,
        code: name.to_owned(),
        name: name.to_owned(),
        remark: None,
        host: "127.0.0.1".to_owned(),
        port: 0,
        server_port: 0,
        listen_ip: None,
        rate: 100,
        is_enabled: true,
        is_shown: true,
        sort: None,
        transfer_cap: None,
        groups: BTreeSet::from([GROUP.to_owned()]),
        settings,
        content: None,
    }
}

/// A running server, a token of an OA system, an origin and an echo that users may reach.
pub(crate) struct World {
    pub(crate) installation: Installation,
    pub(crate) server: Option<RunningServer>,
    pub(crate) token: String,
    pub(crate) origin: Origin,
    pub(crate) echo: Echo,
    nodes: usize,
}

/// A user who never passes any traffic.
const BYSTANDER: &str = "bystander";

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        Self::try_with(setup).await.unwrap()
    }

    async fn try_with(setup: Setup) -> Result<Self> {
        let origin = Origin::start(random_bytes(1, 1_000_000)).await?;
        let echo = Echo::start().await?;
        let mut allow = String::new();
        for port in [origin.port(), echo.port()].into_iter().chain(setup.allowed) {
            write!(allow, "\"127.0.0.1/32:{port}\", \"::1/128:{port}\", ")?;
        }
        let listed = "[oa]\nextra_node_types = [\"hysteria2\"]\n";
        let sections = match setup.sections.strip_prefix("[oa]\n") {
            Some(more) => format!("{listed}{more}"),
            None => format!("{listed}{}", setup.sections),
        };
        let config = format!("{sections}\n[proxy]\negress_allow = [{allow}]\n{}\n", setup.proxy);
        let installation = Installation::on(GATEHOUSE, setup.engine);
        installation.write("gatehouse.toml", &config);
        installation.save(&setup.nodes).await?;
        let token = installation.token();
        let server = Some(installation.serve_beside("serve").await);
        let nodes = setup.nodes.iter().filter(|node| node.groups.contains(GROUP)).count();
        let world = Self { installation, server, token, origin, echo, nodes };
        world.try_user(BYSTANDER).await?;
        Ok(world)
    }

    pub(crate) fn server(&self) -> &RunningServer {
        self.server.as_ref().expect("a running server")
    }

    /// Asks for a user as an OA system does, and for the links until they are there.
    pub(crate) async fn user(&self, name: &str) -> User {
        self.try_user(name).await.unwrap()
    }

    async fn try_user(&self, name: &str) -> Result<User> {
        let accepted = self.server().oa("generateUserProfile", &self.token, name).await?;
        ensure!(accepted["StatusCode"] == 200, "{accepted}");
        self.links(name).await
    }

    /// The links of a user, as soon as every node listens.
    pub(crate) async fn links(&self, name: &str) -> Result<User> {
        let mut nodes = Vec::new();
        wait_for("every node's link", async || {
            let answer = self.server().oa("getConnInfoByUser", &self.token, name).await?;
            nodes = answer["NodeInfos"].as_array().cloned().unwrap_or_default();
            Ok(nodes.len() == self.nodes)
        })
        .await
        .with_context(|| self.server().log_tail())?;
        // A fixed port is in the link before anybody listens there.
        for node in nodes.iter().filter(|node| node["NodeType"] != "hysteria2") {
            let address =
                format!("{}:{}", node["Ip"].as_str().context("no Ip")?, node["Port"].as_str().context("no Port")?);
            wait_for("a node to listen", async || Ok(TcpStream::connect(&address).await.is_ok())).await?;
        }
        Ok(User { name: name.to_owned(), nodes })
    }

    /// The bytes the account was charged, as an operator sees them.
    pub(crate) async fn traffic(&self, name: &str) -> Traffic {
        let account = self.installation.run_beside(&["account", "show", name, "--json"]).await.json();
        let bytes = |key: &str| account["proxy"][key].as_u64().expect("bytes");
        Traffic { up: bytes("up"), down: bytes("down") }
    }

    /// Stops the server, which writes every counter, and compares: these users were charged exactly this, the bystander
    /// nothing, and the nodes carried their sum.
    pub(crate) async fn finish(self, charged: &[(&str, Traffic)]) {
        let mut sum = Traffic::default();
        for (_, traffic) in charged {
            sum += *traffic;
        }
        self.finish_with(charged, sum).await;
    }

    /// As [`Self::finish`], where bytes do not cost what they weigh: `carried` is what the nodes counted.
    pub(crate) async fn finish_with(mut self, charged: &[(&str, Traffic)], carried: Traffic) {
        self.server.take().expect("a running server").stop_beside().await;
        for (name, expected) in charged.iter().chain(&[(BYSTANDER, Traffic::default())]) {
            assert_eq!(self.traffic(name).await, *expected, "{name}");
        }
        assert_eq!(self.carried().await, carried, "the nodes' own counters");
    }

    /// As [`Self::finish`] for one user of whom a download may have been cut in its middle, which tells nobody its bytes: he was charged
    /// what the others say and at most `cut` more, and the nodes carried just that.
    pub(crate) async fn finish_cut(mut self, name: &str, told: Traffic, cut: u64) {
        self.server.take().expect("a running server").stop_beside().await;
        let charged = self.traffic(name).await;
        let is_between = |charged: u64, told: u64| (told..=told + cut).contains(&charged);
        assert!(is_between(charged.up, told.up) && is_between(charged.down, told.down), "{charged:?} for {told:?}");
        assert_eq!(self.carried().await, charged, "the nodes' own counters");
    }

    /// Raw bytes over all nodes.
    pub(crate) async fn carried(&self) -> Traffic {
        let nodes = self.installation.run_beside(&["node", "list", "--json"]).await.json();
        let sum = |key: &str| nodes.as_array().unwrap().iter().map(|node| node[key].as_u64().unwrap()).sum();
        Traffic { up: sum("up"), down: sum("down") }
    }
}

/// A user and what getConnInfoByUser gave.
pub(crate) struct User {
    pub(crate) name: String,
    nodes: Vec<Value>,
}

impl User {
    /// The names of the nodes, in order.
    pub(crate) fn nodes(&self) -> Vec<&str> {
        self.nodes.iter().map(|info| info["Name"].as_str().unwrap()).collect()
    }

    /// The link of a node.
    pub(crate) fn link(&self, node: &str) -> &str {
        self.info(node)["ConnInfo"].as_str().unwrap()
    }

    fn info(&self, node: &str) -> &Value {
        self.nodes.iter().find(|info| info["Name"] == node).expect("a node of that name")
    }

    /// What the link of a node says; the values beside the link must say the same.
    pub(crate) async fn server(&self, node: &str) -> Server {
        let info = self.info(node);
        let server = link::read(self.link(node)).await.unwrap();
        let (kind, method) = match &server.protocol {
            Protocol::Ss2022 { method, .. } | Protocol::SsClassic { method, .. } => ("ss", method.as_str()),
            Protocol::Trojan { .. } => ("trojan", ""),
            Protocol::Vless { .. } => ("vless", ""),
            Protocol::Hysteria { .. } => ("hysteria2", ""),
        };
        let said = [&info["NodeType"], &info["Method"], &info["Ip"], &info["Port"]];
        assert_eq!(said, [kind, method, &server.host, &server.port.to_string()]);
        server
    }

    /// A client that was given the link of a node.
    pub(crate) async fn client(&self, client: Client, node: &str) -> Peer {
        client.start(&self.server(node).await).await.unwrap()
    }
}
