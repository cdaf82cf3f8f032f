//! The nodes of one document: chosen, named, with the person's credentials.

use std::{collections::HashSet, net::Ipv6Addr, rc::Rc};

use gatehouse_model::NodeKind;

use super::{Profile, ProfileNode, line::line_char};
use crate::{
    client::{Client, Format},
    credential::ss_client_password,
    settings::{Cipher, Settings},
};

/// A node as a renderer writes it.
pub(crate) struct Entry<'a> {
    pub(crate) node: &'a ProfileNode,
    /// Unique in the document, and without characters its format cannot hold.
    pub(crate) name: String,
    /// The port chosen.
    pub(crate) port: u16,
    /// The person's uuid: user name and password of most types.
    pub(crate) uuid: Rc<str>,
    /// The password of Shadowsocks, else the uuid.
    pub(crate) password: Rc<str>,
}

impl Entry<'_> {
    pub(crate) fn settings(&self) -> &Settings {
        &self.node.settings
    }

    pub(crate) fn host(&self) -> &str {
        &self.node.host
    }

    /// The host as links and addresses write it, IPv6 in brackets.
    pub(crate) fn url_host(&self) -> String {
        if self.node.host.parse::<Ipv6Addr>().is_ok() {
            format!("[{}]", self.node.host)
        } else {
            self.node.host.clone()
        }
    }

    /// The name clients ask for in TLS: the one set, else the host, unless that is an address.
    pub(crate) fn server_name(&self) -> &str {
        let set = self.settings().server_name();
        if !set.is_empty() {
            set
        } else if self.node.host.parse::<std::net::IpAddr>().is_ok() {
            ""
        } else {
            &self.node.host
        }
    }

    /// Whether the certificate must not be checked.
    pub(crate) fn is_insecure(&self) -> bool {
        self.settings().reality().is_none() && self.settings().tls().is_some_and(|tls| tls.allow_insecure)
    }
}

/// The nodes of a document.
pub(crate) struct Entries<'a> {
    pub(crate) list: Vec<Entry<'a>>,
}

impl<'a> Entries<'a> {
    pub(crate) fn new(profile: &Profile<'a>, client: &Client, reserved: &[String]) -> Self {
        let format = client.format;
        let mut too_new = 0_usize;
        let wanted: Vec<&ProfileNode> = profile
            .nodes
            .iter()
            .copied()
            .filter(|node| {
                is_complete(node)
                    && profile.query.keeps(&node.name, &node.tags, &node.settings)
                    && format.can_express(&node.settings)
            })
            .filter(|node| {
                let is_new_enough = client.is_new_enough(&node.settings);
                too_new += usize::from(!is_new_enough);
                is_new_enough
            })
            .collect();

        let mut named: Vec<(&ProfileNode, String)> = Vec::with_capacity(wanted.len() + 4);
        if let (true, Some(first)) = (profile.show_info, wanted.first().copied()) {
            named.extend(info(profile, too_new).into_iter().map(|name| (first, name)));
        }
        for node in wanted {
            let name = clean(&node.name);
            let name = if name.is_empty() { format!("{} {}", node.settings.kind(), node.id) } else { name };
            let name = if profile.show_protocol { format!("[{}]{name}", protocol(&node.settings)) } else { name };
            named.push((node, name));
        }

        let uuid: Rc<str> = profile.person.uuid.hyphenated().to_string().into();
        let mut names = Names::new(reserved, format);
        let list = named
            .into_iter()
            .map(|(node, name)| Entry {
                node,
                name: names.take(&name),
                port: node.port.pick(profile.choice.wrapping_add(node.id.unsigned_abs())),
                uuid: Rc::clone(&uuid),
                password: match node.settings.cipher() {
                    Some(Cipher::Door(cipher)) if cipher.is_2022() => {
                        ss_client_password(profile.person.uuid, cipher, &node.server_key).expose().into()
                    }
                    _ => Rc::clone(&uuid),
                },
            })
            .collect();
        Self { list }
    }
}

/// What a person has left, as names at the head of the list.
fn info(profile: &Profile<'_>, too_new: usize) -> Vec<String> {
    let person = profile.person;
    let mut names =
        vec![format!("剩余流量：{} GB", gibibytes(person.total.saturating_sub(person.up.saturating_add(person.down))))];
    names.extend(person.reset_in_days.map(|days| format!("距离下次重置剩余：{days} 天")));
    let date = person.expiry.as_ref().map_or("长期有效", |expiry| expiry.date.as_str());
    names.push(format!("套餐到期：{date}"));
    if too_new > 0 {
        names.push(format!("客户端版本过旧，未显示节点：{too_new}"));
    }
    names
}

/// Bytes in GiB with up to two places, rounded down: nobody has more left than he is told.
pub(crate) fn gibibytes(bytes: u64) -> String {
    const GIB: u128 = 1 << 30;
    let hundredths = u128::from(bytes) * 100 / GIB;
    match (hundredths / 100, hundredths % 100) {
        (whole, 0) => whole.to_string(),
        (whole, places) if places % 10 == 0 => format!("{whole}.{}", places / 10),
        (whole, places) => format!("{whole}.{places:02}"),
    }
}

/// A node without these would be written half.
fn is_complete(node: &ProfileNode) -> bool {
    let has_key = match node.settings.cipher() {
        Some(Cipher::Door(cipher)) if cipher.is_2022() => node.server_key.len() == cipher.key_len(),
        _ => true,
    };
    let has_reality_key = node.settings.reality().is_none_or(|reality| !reality.public_key.is_empty());
    let is_host = !node.host.is_empty()
        && node.host.chars().all(|char| char.is_alphanumeric() || matches!(char, '.' | '-' | '_' | ':'));
    has_key && has_reality_key && is_host
}

fn protocol(settings: &Settings) -> &'static str {
    match settings {
        Settings::Hysteria(hysteria) if hysteria.version == 2 => "hysteria2",
        other => match other.kind() {
            NodeKind::Shadowsocks => "shadowsocks",
            kind => kind.as_str(),
        },
    }
}

/// A name without control characters and runs of blanks.
fn clean(name: &str) -> String {
    let visible = name.chars().map(|char| if char.is_control() || is_invisible(char) { ' ' } else { char });
    let text: String = visible.collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that break lines or turn their direction without being control characters.
const fn is_invisible(char: char) -> bool {
    matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Names given so far, those of the template's own proxies and groups included.
struct Names {
    taken: HashSet<String>,
    is_line: bool,
}

impl Names {
    fn new(reserved: &[String], format: Format) -> Self {
        let is_line = matches!(format, Format::Surge | Format::Surfboard | Format::Loon | Format::QuantumultX);
        Self { taken: reserved.iter().cloned().collect(), is_line }
    }

    /// The name in the format's characters; a second `A` becomes `A 2`.
    fn take(&mut self, name: &str) -> String {
        let name: String = if self.is_line {
            let mut name: String = name.chars().map(line_char).collect();
            // The line would be a comment, or a section.
            if name.starts_with(['#', ';', '[', '/', '!']) {
                name.insert(0, '·');
            }
            name
        } else {
            name.to_owned()
        };
        let mut unique = name.clone();
        let mut count = 1;
        while !self.taken.insert(unique.clone()) {
            count += 1;
            unique = format!("{name} {count}");
        }
        unique
    }
}
