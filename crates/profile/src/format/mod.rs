//! Subscriptions: the nodes of a person as the document an app reads (specs/panel-nodes.md N1–N3, N6).

mod clash;
mod entry;
mod flow;
mod general;
mod header;
mod line;
mod loon;
mod quantumult;
mod shadowrocket;
mod singbox;
mod sip008;
mod surge;
mod uri;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use entry::{Entries, Entry};
use gatehouse_model::Secret;
pub(crate) use line::line_char;
pub(crate) use uri::UNRESERVED;
use uuid::Uuid;

use crate::{
    client::{Client, Format, Query},
    settings::{PortSpec, Settings},
    template::{Body, Template},
};

/// What all subscriptions of an installation share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Name of the installation.
    pub app_name: String,
    /// Its home page; "" is none.
    pub app_url: String,
    /// Host of subscription links, which apps reach directly; never that of the request.
    pub subscribe_host: String,
}

impl Site {
    /// The name as templates use it: one line, never empty.
    pub(crate) fn title(&self) -> String {
        let name: String = self.app_name.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        if name.trim().is_empty() { "Gatehouse".to_owned() } else { name.trim().to_owned() }
    }
}

/// The end of a person's service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// Unix seconds.
    pub unix: i64,
    /// `YYYY-MM-DD` in the panel's time zone.
    pub date: String,
}

/// Whose subscription it is.
#[derive(Clone)]
pub struct Person {
    /// The credential at every node.
    pub uuid: Uuid,
    /// Bytes sent.
    pub up: u64,
    /// Bytes received.
    pub down: u64,
    /// Bytes allowed.
    pub total: u64,
    /// The end; none is never.
    pub expiry: Option<Expiry>,
    /// Days until traffic is reset, when it is at all.
    pub reset_in_days: Option<u32>,
    /// The subscription's own address.
    pub subscribe_url: Secret,
}

/// A node as subscriptions need it: kept in a snapshot, shared by all renderings.
#[derive(Debug, Clone)]
pub struct ProfileNode {
    /// Its id.
    pub id: i64,
    /// Its name, as an administrator wrote it.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Name or address clients connect to, IPv6 without brackets.
    pub host: String,
    /// Their port or ports.
    pub port: PortSpec,
    /// Its settings.
    pub settings: Arc<Settings>,
    /// The Shadowsocks 2022 server key; the parent's for a child node.
    pub server_key: Vec<u8>,
}

/// Everything a subscription is made of.
#[derive(Clone, Copy)]
pub struct Profile<'a> {
    /// The installation.
    pub site: &'a Site,
    /// The person.
    pub person: &'a Person,
    /// The nodes of the person's group, in order.
    pub nodes: &'a [&'a ProfileNode],
    /// What the request asks for.
    pub query: &'a Query,
    /// Chooses the port of a range: any number, a random one for each request.
    pub choice: u64,
    /// Whether pseudo nodes tell what is left (`show_info_to_server_enable`).
    pub show_info: bool,
    /// Whether names begin with the protocol (`show_protocol_to_server_enable`).
    pub show_protocol: bool,
}

/// A subscription ready to be sent with status 200.
#[derive(Clone)]
pub struct Document {
    /// The body. Holds credentials.
    pub body: String,
    /// The media type.
    pub content_type: &'static str,
    /// The other headers, names in lower case, values in ASCII.
    pub headers: Vec<(&'static str, String)>,
}

/// Renders a subscription. `template` is that of the client's format.
pub fn render(template: &Template, profile: &Profile<'_>, client: &Client) -> Document {
    let reserved = match &template.0 {
        Body::Clash(template) => template.reserved(),
        Body::SingBox(template) => template.reserved(),
        Body::Ini(template) => template.reserved(),
        Body::None => &[],
    };
    let entries = Entries::new(profile, client, reserved);
    let list: &[Entry<'_>] = &entries.list;
    let body = match (client.format, &template.0) {
        (Format::Clash | Format::ClashMeta | Format::Stash, Body::Clash(template)) => {
            clash::render(template, list, client.format)
        }
        (Format::SingBox, Body::SingBox(template)) => singbox::render(template, list, client),
        (Format::Surge | Format::Surfboard, Body::Ini(template)) => {
            surge::render(template, list, profile, client.format)
        }
        (Format::Sip008, _) => sip008::render(list, profile),
        (Format::Shadowrocket, _) => shadowrocket::render(list, profile),
        (Format::QuantumultX, _) => quantumult::render(list),
        (Format::Loon, _) => loon::render(list),
        // A template of another format is the caller's mistake; every app's neighbour reads links.
        _ => general::render(list),
    };
    Document {
        body,
        content_type: header::content_type(client.format),
        headers: header::headers(profile, client.format),
    }
}
