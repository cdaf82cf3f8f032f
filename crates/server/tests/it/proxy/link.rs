//! What a person's client makes of a link: written from the formats (specs/oa.md §4), not from our builder.

use std::net::ToSocketAddrs;

use anyhow::{Context as _, Result, bail, ensure};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use gatehouse_testkit::peer::{Protocol, Server, Tls, certificate_of};
use percent_encoding::percent_decode_str;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The server a link names.
pub(crate) async fn read(link: &str) -> Result<Server> {
    let (scheme, rest) = link.split_once("://").context("no scheme")?;
    let rest = rest.split_once('#').map_or(rest, |(rest, _name)| rest);
    match scheme {
        "ss" => shadowsocks(rest),
        "trojan" | "vless" => tls(scheme, rest).await,
        "hysteria2" => hysteria(rest),
        other => bail!("unknown scheme {other}"),
    }
}

fn shadowsocks(rest: &str) -> Result<Server> {
    // Legacy links are Base64 as a whole, SIP002 ones in front of the @ at most.
    let whole = if rest.contains('@') { rest.to_owned() } else { decode(rest)? };
    let (user, address) = whole.rsplit_once('@').context("no @")?;
    let user = if user.contains(':') { percent_decode_str(user).decode_utf8()?.into_owned() } else { decode(user)? };
    let (method, password) = user.split_once(':').context("no password")?;
    let (host, port) = host_port(address)?;
    let (method, password) = (method.to_owned(), password.to_owned());
    let protocol = match password.split_once(':') {
        Some((server_key, user_key)) if method.starts_with("2022-") => {
            Protocol::Ss2022 { method, server_key: server_key.to_owned(), user_key: user_key.to_owned() }
        }
        _ => Protocol::SsClassic { method, password },
    };
    Ok(Server { host, port, protocol })
}

async fn tls(scheme: &str, rest: &str) -> Result<Server> {
    let (address, query) = rest.split_once('?').context("no parameters")?;
    let (user, address) = address.rsplit_once('@').context("no @")?;
    let (host, port) = host_port(address)?;
    let parameter = |wanted: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(name, value)| (name == wanted).then_some(value))
    };
    ensure!(parameter("security") == Some("tls"), "{query}");
    let path = match parameter("type") {
        Some("tcp") => None,
        Some("ws") => Some(percent_decode_str(parameter("path").context("no path")?).decode_utf8()?.into_owned()),
        _ => bail!("{query}"),
    };
    ensure!(parameter("allowInsecure") == Some("1"), "the certificate is self-signed, and the link does not say so");
    let name = parameter("sni").unwrap_or(&host).to_owned();
    let at = (host.as_str(), port).to_socket_addrs()?.next().context("no address")?;
    // Xray pins; whoever uses such a link with Xray gets the hash from the operator.
    let tls = Tls::new(&name, &certificate_of(at, &name).await?);
    let user = percent_decode_str(user).decode_utf8()?.into_owned();
    let protocol = if scheme == "trojan" {
        Protocol::Trojan { password: user, tls, path }
    } else {
        ensure!(parameter("encryption") == Some("none"), "{query}");
        Protocol::Vless { uuid: user, tls, path }
    };
    Ok(Server { host, port, protocol })
}

fn hysteria(rest: &str) -> Result<Server> {
    let (address, query) = rest.split_once('?').context("no parameters")?;
    let (user, address) = address.rsplit_once('@').context("no @")?;
    let (host, port) = host_port(address)?;
    let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    ensure!(pairs.contains(&("insecure", "1")), "the certificate is self-signed, and the link does not say so");
    let name = pairs.iter().find_map(|(name, value)| (*name == "sni").then_some(*value)).unwrap_or(&host).to_owned();
    let tls = Tls { server_name: name, certificate_sha256: String::new() };
    let password = percent_decode_str(user).decode_utf8()?.into_owned();
    Ok(Server { host, port, protocol: Protocol::Hysteria { password, tls } })
}

fn host_port(text: &str) -> Result<(String, u16)> {
    let (host, port) = text.rsplit_once(':').context("no port")?;
    Ok((host.trim_matches(['[', ']']).to_owned(), port.parse()?))
}

/// Base64 of either alphabet, padded or not, as clients read it.
fn decode(text: &str) -> Result<String> {
    let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    Ok(String::from_utf8(GeneralPurpose::new(&alphabet, LENIENT).decode(text)?)?)
}
