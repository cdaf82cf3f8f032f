//! The built-in dictionary: names of attributes, their numbers and what their values look like as text.

mod format;
mod table;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use format::{BadValue, Format, prefix};

use crate::attribute::VENDOR_SPECIFIC;
use crate::packet::{Attribute, Packet};

/// One attribute of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its name, as RFCs and FreeRADIUS write it.
    pub name: &'static str,
    /// Whose it is; `None` for the standard ones.
    pub vendor: Option<u32>,
    /// Its type.
    pub kind: u8,
    /// What its value is.
    pub format: Format,
    /// Whether a tag stands in front of the value.
    pub tag: Tag,
}

/// Tags group attributes of one reply (RFC 2868).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// There is none.
    None,
    /// There may be one; text without one has no tag byte, a number has a zero there.
    Optional,
    /// There is always one, 1 unless named: the concentrator counts services by it.
    Required,
}

static BY_NAME: LazyLock<HashMap<String, Definition>> =
    LazyLock::new(|| definitions().map(|definition| (definition.name.to_ascii_lowercase(), definition)).collect());

static BY_NUMBER: LazyLock<HashMap<(Option<u32>, u8), Definition>> =
    LazyLock::new(|| definitions().map(|definition| ((definition.vendor, definition.kind), definition)).collect());

fn definitions() -> impl Iterator<Item = Definition> {
    let sets = table::SETS.iter();
    sets.flat_map(|(vendor, rows)| {
        rows.iter().map(|&(name, kind, format, tag)| Definition { name, vendor: *vendor, kind, format, tag })
    })
}

/// Finds an attribute by its name; case does not matter.
pub fn find_name(name: &str) -> Option<Definition> {
    BY_NAME.get(&name.to_ascii_lowercase()).copied()
}

/// Finds an attribute by its numbers.
pub fn find_number(vendor: Option<u32>, kind: u8) -> Option<Definition> {
    BY_NUMBER.get(&(vendor, kind)).copied()
}

/// Returns a packet's attributes as names and texts, for people. Passwords, keys and checksums are not shown.
pub fn describe(packet: &Packet<'_>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for attribute in packet.attributes() {
        match attribute.vendor() {
            Some((vendor, inner)) => lines.extend(inner.map(|attribute| line(Some(vendor), attribute))),
            None => lines.push(line(None, attribute)),
        }
    }
    lines
}

fn line(vendor: Option<u32>, attribute: Attribute<'_>) -> (String, String) {
    let Some(definition) = find_number(vendor, attribute.kind) else {
        let name = match vendor {
            Some(vendor) => format!("{VENDOR_SPECIFIC}/{vendor}/{}", attribute.kind),
            None => attribute.kind.to_string(),
        };
        return (name, Format::Octets.show(attribute.value));
    };
    let (tag, value) = definition.split_tag(attribute.value);
    let name = if tag == 0 { definition.name.to_owned() } else { format!("{}:{tag}", definition.name) };
    (name, definition.format.show(&value))
}

impl Definition {
    /// Takes the tag off a value: 0 where there is none.
    fn split_tag(self, value: &[u8]) -> (u8, Vec<u8>) {
        match (self.tag, value) {
            (Tag::None, _) | (_, []) => (0, value.to_vec()),
            (_, [tag, rest @ ..]) if self.format == Format::Integer => (*tag, [&[0], rest].concat()),
            (_, [tag @ 0..=0x1f, rest @ ..]) => (*tag, rest.to_vec()),
            _ => (0, value.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Code};

    #[test]
    fn every_name_and_number_is_there_once() {
        let count = definitions().count();
        assert_eq!(BY_NAME.len(), count);
        assert_eq!(BY_NUMBER.len(), count);
        assert!(definitions().all(|definition| definition.kind != VENDOR_SPECIFIC || definition.vendor.is_some()));
    }

    #[test]
    fn names_are_found_in_any_case() {
        let found = find_name("mikrotik-rate-limit").unwrap();
        assert_eq!((found.vendor, found.kind, found.format), (Some(14_988), 8, Format::Text));
        assert_eq!(find_number(Some(4_874), 65).unwrap().name, "ERX-Service-Activate");
        assert_eq!(find_number(None, 8).unwrap().format, Format::Ipv4);
        assert_eq!(find_name("No-Such"), None);
    }

    #[test]
    fn packets_are_described_without_secrets() {
        let mut builder = Builder::request(Code::AccessRequest, 1, [1; 16]).signed();
        builder.put_text(1, "nemo");
        builder.put(2, &[7; 16]);
        builder.put_integer(64, 0x0300_0009);
        builder.put_vendor(4_874, 65, b"\x02inet(5000)");
        builder.put_vendor(311, 16, &[1; 34]);
        builder.put_vendor(99, 5, &[1, 0xab]);
        builder.put(250, b"?");
        let bytes = builder.finish(b"secret").unwrap();
        let lines: Vec<_> = describe(&Packet::parse(&bytes).unwrap())
            .into_iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        assert_eq!(
            lines,
            [
                "Message-Authenticator = (16 bytes)",
                "User-Name = nemo",
                "User-Password = (16 bytes)",
                "Tunnel-Type:3 = 9",
                "ERX-Service-Activate:2 = inet(5000)",
                "MS-MPPE-Send-Key = (34 bytes)",
                "26/99/5 = 0x01ab",
                "250 = 0x3f",
            ]
        );
    }
}
