//! SIP008: the list of the reference Shadowsocks client (specs/panel-nodes.md N6.6).

use uuid::Uuid;

use super::{Profile, entry::Entry, flow::Flow};
use crate::settings::Settings;

/// The name space of server ids: any constant, as long as it never changes.
const NAMESPACE: u128 = 0x6761_7465_686f_5573_a965_2d70_726f_6669;

pub(super) fn render(entries: &[Entry<'_>], profile: &Profile<'_>) -> String {
    let person = profile.person;
    let used = person.up.saturating_add(person.down);
    let mut out = String::with_capacity(entries.len() * 280 + 96);
    out.push_str("{\"version\": 1, \"bytes_used\": ");
    out.push_str(itoa::Buffer::new().format(used));
    out.push_str(", \"bytes_remaining\": ");
    out.push_str(itoa::Buffer::new().format(person.total.saturating_sub(used)));
    out.push_str(", \"servers\": [");
    let mut is_first = true;
    for (index, entry) in entries.iter().enumerate() {
        let Settings::Shadowsocks(settings) = entry.settings() else { continue };
        out.push_str(if is_first { "\n  " } else { ",\n  " });
        is_first = false;
        // A pseudo node is a copy, and needs an id of its own.
        let is_copy = entries.iter().skip(index + 1).any(|other| other.node.id == entry.node.id);
        let id = stable_id(entry.node.id, if is_copy { index + 1 } else { 0 });
        Flow::object(&mut out, false, |flow| {
            flow.text("id", &id.hyphenated().to_string())
                .text("remarks", &entry.name)
                .text("server", entry.host())
                .number("server_port", entry.port)
                .text("password", &entry.password)
                .text("method", settings.cipher.as_str());
            if let Some((plugin, options)) = settings.client_plugin() {
                flow.text("plugin", plugin).text_if("plugin_opts", &options);
            }
        });
    }
    out.push_str("\n]}\n");
    out
}

/// A uuid that stays the same for a node: version 8, which is free to be anything.
fn stable_id(node: i64, copy: usize) -> Uuid {
    let copy = u128::try_from(copy).unwrap_or_default() << 112;
    let bits = NAMESPACE ^ u128::from(node.unsigned_abs()) ^ copy;
    uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid()
}
