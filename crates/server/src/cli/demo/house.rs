//! The sample data, made through the same use cases as everybody's. Making it again changes nothing.

use std::{collections::BTreeSet, net::Ipv4Addr};

use gatehouse_domain::{
    Actor, App, Ctx, Error,
    account::{administrator, change},
    oa::{self, token},
    proxy::{
        manage::{self, NodeSpec},
        settings::{NetworkSettings, NodeSettings},
    },
};
use gatehouse_model::{NodeKind, Origin, Secret, SsCipher};

/// The user whose credentials the printed proxy commands carry.
pub(super) const USER: &str = "demo";
const TOKEN_LABEL: &str = "demo";
const GROUP: &str = "default";

/// Makes what is missing and returns the token.
pub(super) async fn furnish(app: &App) -> Result<String, Error> {
    let ctx = app.ctx(Actor::Operator, Origin::Cli);
    let profile = change::Profile { email: Some("admin@example.com".to_owned()), ..change::Profile::default() };
    change::edit(&ctx, administrator::LOGIN, &profile).await?;
    change::set_password(&ctx, administrator::LOGIN, &Secret::new("administrator")).await?;
    for node in nodes() {
        manage::save(&ctx, &node).await?;
    }
    let token = the_token(&ctx).await?;
    // The demo's user comes as everybody's does: an OA system asks for it.
    oa::generate(&oa::ask(app, ctx.caller, &token, USER.as_bytes()).await?).await?;
    Ok(token)
}

async fn the_token(ctx: &Ctx) -> Result<String, Error> {
    let tokens = token::list(ctx, true).await?;
    match tokens.into_iter().find(|row| row.label == TOKEN_LABEL) {
        Some(row) => Ok(row.token),
        None => Ok(token::generate(ctx, TOKEN_LABEL).await?.expose().to_owned()),
    }
}

/// The seed's node (classic aes-256-gcm), then one of every other kind, each on a free loopback port.
fn nodes() -> [NodeSpec; 6] {
    let classic = NodeSettings { cipher: Some(SsCipher::Aes256Gcm), allow_classic: true, ..NodeSettings::default() };
    let websocket = NodeSettings {
        network: Some("ws".to_owned()),
        network_settings: Some(NetworkSettings { path: Some("/chat".to_owned()), ..NetworkSettings::default() }),
        ..NodeSettings::default()
    };
    let ss2022 = NodeSettings { cipher: Some(SsCipher::Blake3Aes256Gcm), ..NodeSettings::default() };
    [
        node(1, NodeKind::Shadowsocks, "demo-ss", "Demo Shadowsocks", classic),
        node(2, NodeKind::Trojan, "demo-trojan", "Demo Trojan", NodeSettings::default()),
        node(3, NodeKind::Vless, "demo-vless", "Demo VLESS", NodeSettings::default()),
        node(4, NodeKind::Vless, "demo-vless-ws", "Demo VLESS in WebSocket", websocket),
        node(5, NodeKind::Shadowsocks, "demo-ss2022", "Demo Shadowsocks 2022", ss2022),
        node(6, NodeKind::Hysteria, "demo-hysteria", "Demo Hysteria 2", NodeSettings::default()),
    ]
}

fn node(sort: i64, kind: NodeKind, code: &str, name: &str, settings: NodeSettings) -> NodeSpec {
    NodeSpec {
        kind,
        code: code.to_owned(),
        name: name.to_owned(),
        remark: Some("made by gatehouse demo".to_owned()),
        host: Ipv4Addr::LOCALHOST.to_string(),
        port: 0,
        server_port: 0,
        listen_ip: Some(Ipv4Addr::LOCALHOST.into()),
        rate: 100,
        is_enabled: true,
        is_shown: true,
        sort: Some(sort),
        transfer_cap: None,
        groups: BTreeSet::from([GROUP.to_owned()]),
        settings,
        content: None,
    }
}
