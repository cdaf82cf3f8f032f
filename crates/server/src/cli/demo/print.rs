//! What the demo prints once everything listens

use std::{collections::BTreeMap, fmt::Write, net::SocketAddr, path::PathBuf, time::Duration};

use gatehouse_domain::{
    Actor, App, Error, account,
    proxy::{
        credential::ss_client_password,
        link,
        node::{Node, Protocol, Tls, Transport},
        user,
    },
    settings::SsLink,
};
use gatehouse_model::{BillingSubscriptionId, Origin};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    billing,
    house::USER,
    target::{NAME, Target},
    vpn,
};
use crate::{cli::output, serve::Listeners};

/// How long the nodes may take to listen before the commands are printed without them.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often they are asked.
const STEP: Duration = Duration::from_millis(50);

/// First SOCKS port of the printed clients.
const SOCKS: u16 = 1081;

/// What the commands need beside the addresses.
pub(super) struct Printed {
    /// Where everything lies.
    pub(super) data_dir: PathBuf,
    /// The token of the oa surface.
    pub(super) token: String,
    /// Where the bastion's paths begin.
    pub(super) prefix: String,
    /// The bastion's target, where an `sshd` is installed.
    pub(super) target: Option<Target>,
    /// Put before the paths of the vpn surface.
    pub(super) vpn_prefix: String,
    /// The secret of the WebApi.
    pub(super) vpn_secret: String,
    /// Put before the paths of the billing surface, and what the sample subscriber has connected.
    pub(super) billing: (String, BillingSubscriptionId),
}

/// Prints the addresses now, and the commands as soon as every node listens.
pub(super) fn when_ready(app: &App, listeners: &Listeners, mut printed: Printed) -> std::io::Result<()> {
    crate::serve::announce(listeners)?;
    let base = listeners.base_url("oa");
    let ssh = listeners.addresses().into_iter().find(|(name, _)| *name == "ssh").map(|(_, address)| address);
    let radius = listeners.addresses().into_iter().find(|(name, _)| *name == "radius-auth").map(|(_, address)| address);
    let vpn_base = format!("{}{}", listeners.base_url("vpn"), printed.vpn_prefix);
    let vpn = vpn::commands(&vpn_base, &printed.vpn_secret, radius, &printed.data_dir);
    let billing_base = format!("{}{}", listeners.base_url("billing"), printed.billing.0);
    let liqpay = &app.settings().billing.liqpay;
    let keys =
        (liqpay.public_key.as_deref().unwrap_or_default(), liqpay.private_key.as_ref().map_or("", |key| key.expose()));
    let billing = billing::commands(&billing_base, printed.billing.1, keys);
    let target = printed.target.take();
    let bastion = bastion(&format!("{}{}", listeners.base_url("bastion"), printed.prefix), ssh, target);
    let app = app.clone();
    app.clone().spawn("demo.print", async move {
        let user = wait(&app).await;
        let text = match user {
            Ok(user) => commands(&app, &base, &printed, &format!("{bastion}{vpn}{billing}"), user),
            Err(error) => format!("the demo user could not be made: {}", error.chain()),
        };
        if let Err(error) = output::line(text) {
            tracing::warn!("the commands could not be printed: {error}");
        }
    });
    Ok(())
}

/// Waits until the user exists and all nodes have ports, and gives the user's uuid.
async fn wait(app: &App) -> Result<Option<Uuid>, Error> {
    let ctx = app.ctx(Actor::Operator, Origin::Cli);
    let mut waited = Duration::ZERO;
    loop {
        let found = match account::find(&ctx, USER).await {
            Ok(account) => user::some(app, &[account.id]).await?.pop(),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        let nodes = app.live().nodes();
        let are_up = !nodes.nodes.is_empty() && nodes.nodes.iter().all(|node| node.client_port().is_some());
        if (found.is_some() && are_up) || waited >= PATIENCE {
            return Ok(found.map(|user| user.uuid));
        }
        waited += STEP;
        if app.pause(STEP).await {
            return Ok(None);
        }
    }
}

fn commands(app: &App, base: &str, printed: &Printed, bastion: &str, user: Option<Uuid>) -> String {
    let (data_dir, token) = (&printed.data_dir, &printed.token);
    let mut text = format!(
        "\nstaff    administrator / administrator\ndata     {}\ntoken    {token}\nsecret   {}\n\n\
         # oa: make a user, read its links, delete it (specs of django-sspanel-api)\n",
        data_dir.display(),
        printed.vpn_secret
    );
    for endpoint in ["generateUserProfile", "getConnInfoByUser", "delUserProfile"] {
        let _ = writeln!(text, "curl -s -F token={token} -F username=alice {base}/v1/{endpoint}");
    }
    let _ = writeln!(text, "\n# proxy: fetch the demo itself through each node, as user {USER}");
    let nodes = app.live().nodes();
    for (node, socks) in nodes.nodes.iter().zip(SOCKS..) {
        match user.and_then(|user| Some((client(node, user, socks)?, link::of(node, user, SsLink::Sip002)?))) {
            Some((client, link)) => {
                let fetch = format!("curl -sk -x socks5h://127.0.0.1:{socks} {base}/healthz");
                let _ = writeln!(text, "# {}: {}\n{client} & sleep 1; {fetch}; kill $!", node.name, link.expose());
            }
            None => {
                let _ = writeln!(text, "# {}: does not listen, see `gatehouse node list`", node.name);
            }
        }
    }
    text.push_str(bastion);
    let _ = write!(text, "\n# state\ngatehouse account list --data-dir {}", data_dir.display());
    text
}

/// What a person does with the bastion: log in, list resources, open a terminal in two ways.
fn bastion(base: &str, ssh: Option<SocketAddr>, target: Option<Target>) -> String {
    let body = r#"{"account":"administrator","password":"administrator"}"#;
    let login = format!("curl -s -H 'Content-Type: application/json' -d '{body}' {base}rbac/login/");
    let token = format!(r#"$({login} | sed 's/.*"access":"\([^"]*\)".*/\1/')"#);
    let mut text = format!(
        "\n# bastion: log in, list the resources as administrator\n{login}\n\
         curl -s -H \"Authorization: {token}\" {base}resource/resource/get/\n"
    );
    let Some(Target { resource, voucher }) = target else {
        text.push_str(
            "# no terminals: OpenSSH's server is missing; `apt-get install openssh-server`, then start the demo again\n",
        );
        return text;
    };
    let input = r#"{"type":2,"data":"uname -a; exit\n"}"#;
    let socket = base.replacen("http", "ws", 1);
    let _ = writeln!(
        text,
        "# a command in a web terminal, by wsdump of Debian's python3-websocket\n\
         wsdump -r --eof-wait 2 -t '{input}' \
         \"{socket}terminal/ssh/?token={token}&resource_id={resource}&voucher_id={voucher}\" </dev/null"
    );
    if let Some(address) = ssh {
        let _ = writeln!(
            text,
            "\n# ssh: the same target with a native client, password administrator\n\
             ssh -p {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
             'administrator#{NAME}'@{}",
            address.port(),
            address.ip()
        );
    }
    text
}

/// A shell command that starts a client with a SOCKS port; the programs are those of Debian, shadowsocks-rust and
/// sing-box.
fn client(node: &Node, user: Uuid, socks: u16) -> Option<String> {
    let (host, port) = (&node.host, node.client_port()?);
    Some(match &node.protocol {
        Protocol::Shadowsocks { cipher, server_key, .. } => {
            let password = ss_client_password(user, *cipher, server_key);
            let password = password.expose();
            if cipher.is_2022() {
                format!("sslocal -b 127.0.0.1:{socks} -s {host}:{port} -m {cipher} -k '{password}' -U >/dev/null")
            } else {
                format!("ss-local -s {host} -p {port} -l {socks} -m {cipher} -k '{password}' -u >/dev/null")
            }
        }
        Protocol::Trojan(tls, transport) => v2ray(
            &json!({ "protocol": "trojan", "settings": { "servers": [
            { "address": host, "port": port, "password": user.hyphenated().to_string() }
        ] } }),
            (node, tls, transport),
            socks,
        ),
        Protocol::Vless(tls, transport) => v2ray(
            &json!({ "protocol": "vless", "settings": { "vnext": [
            { "address": host, "port": port, "users": [{ "id": user.hyphenated().to_string(), "encryption": "none" }] }
        ] } }),
            (node, tls, transport),
            socks,
        ),
        Protocol::Hysteria(hysteria) => sing_box(
            &json!({
                "type": "hysteria2", "server": host, "server_port": port, "password": user.hyphenated().to_string(),
                "tls": { "enabled": true, "server_name": link::server_name(node, &hysteria.tls), "insecure": true },
            }),
            socks,
        ),
        Protocol::Remote(_) => return None,
    })
}

fn v2ray(outbound: &Value, (node, tls, transport): (&Node, &Tls, &Transport), socks: u16) -> String {
    let mut outbound = outbound.clone();
    if let Value::Object(fields) = &mut outbound {
        let settings = json!({ "serverName": link::server_name(node, tls), "allowInsecure": true });
        let stream = match transport {
            Transport::Tcp => json!({ "security": "tls", "tlsSettings": settings }),
            Transport::WebSocket { path, host } => json!({
                "security": "tls", "tlsSettings": settings, "network": "ws",
                "wsSettings": { "path": path, "headers": host.iter().map(|host| ("Host", host)).collect::<BTreeMap<_, _>>() },
            }),
        };
        fields.insert("streamSettings".to_owned(), stream);
    }
    let inbound = json!({ "listen": "127.0.0.1", "port": socks, "protocol": "socks", "settings": { "udp": true } });
    let config = json!({ "log": { "loglevel": "warning" }, "inbounds": [inbound], "outbounds": [outbound] });
    format!("v2ray -config stdin: <<< '{config}' >/dev/null")
}

fn sing_box(outbound: &Value, socks: u16) -> String {
    let inbound = json!({ "type": "socks", "listen": "127.0.0.1", "listen_port": socks });
    let config = json!({ "log": { "level": "warn" }, "inbounds": [inbound], "outbounds": [outbound] });
    format!("sing-box run -c stdin <<< '{config}' >/dev/null")
}
