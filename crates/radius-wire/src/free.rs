//! Free attributes: what an operator adds to a reply, by name and text with placeholders.

use std::borrow::Cow;

use crate::dictionary::{BadValue, Definition, Format, Tag, find_name, find_number};
use crate::packet::{MAX_VALUE, MAX_VENDOR_VALUE};

/// Why a free attribute is refused where it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAttribute {
    /// Neither in the dictionary nor of the form `26/VENDOR/TYPE:format`.
    #[error(
        "`{0}` is not in the dictionary: write 26/VENDOR/TYPE:format, format one of text, octets, integer, ipv4, ipv6, ipv6prefix, date"
    )]
    UnknownName(String),
    /// A tag on an attribute that has none, or not 1 to 31.
    #[error("`{0}` takes no such tag: NAME:TAG is for tagged attributes, TAG is 1 to 31")]
    BadTag(String),
    /// Set by the protocol.
    #[error("`{0}` is set by the protocol itself")]
    Reserved(String),
    /// Braces around something else.
    #[error(
        "`{{{0}}}` is no placeholder: there are login, ip, session, groups, rate_up, rate_down, pool, service.KEY; a brace itself is written twice"
    )]
    UnknownPlaceholder(String),
    /// The text is no value of the attribute.
    #[error(transparent)]
    Value(#[from] BadValue),
}

/// What stands in braces in the text of a free attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placeholder {
    /// `{login}`
    Login,
    /// `{ip}`: the address handed out.
    Ip,
    /// `{session}`: the NAS's id of the session.
    Session,
    /// `{groups}`
    Groups,
    /// `{rate_up}`: speed from the user.
    RateUp,
    /// `{rate_down}`: speed to the user.
    RateDown,
    /// `{pool}`: name of the address pool.
    Pool,
    /// `{service.KEY}`: a property of the paid service.
    Service(String),
}

impl Placeholder {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "login" => Self::Login,
            "ip" => Self::Ip,
            "session" => Self::Session,
            "groups" => Self::Groups,
            "rate_up" => Self::RateUp,
            "rate_down" => Self::RateDown,
            "pool" => Self::Pool,
            _ => Self::Service(name.strip_prefix("service.").filter(|key| !key.is_empty())?.to_owned()),
        })
    }
}

/// An attribute as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// Whose it is; `None` for the standard ones.
    pub vendor: Option<u32>,
    /// Its type.
    pub kind: u8,
    /// Its value.
    pub value: Vec<u8>,
}

/// An attribute whose value is made for each reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeAttribute {
    vendor: Option<u32>,
    kind: u8,
    format: Format,
    tag: Option<u8>,
    template: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

impl FreeAttribute {
    /// Reads an attribute from its configuration: `NAME`, `NAME:TAG` or `26/VENDOR/TYPE:format`, and its text. A text without
    /// placeholders is checked here.
    pub fn parse(name: &str, text: &str) -> Result<Self, BadAttribute> {
        let (definition, tag) = definition(name)?;
        // State and Proxy-State would be echoed back at us, keys and checksums would break the reply.
        if definition.format == Format::Protocol {
            return Err(BadAttribute::Reserved(name.to_owned()));
        }
        let Definition { vendor, kind, format, .. } = definition;
        let attribute = Self { vendor, kind, format, tag, template: template(text)? };
        if attribute.template.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            attribute.fill(|_| None)?;
        }
        Ok(attribute)
    }

    /// Returns the vendor and the type, by which it takes the place of what a profile would send.
    pub fn number(&self) -> (Option<u32>, u8) {
        (self.vendor, self.kind)
    }

    /// Makes the attribute. `Ok(None)` where a placeholder has no value or the text is empty: then it is not sent.
    pub fn fill<'v>(
        &self,
        mut value: impl FnMut(&Placeholder) -> Option<Cow<'v, str>>,
    ) -> Result<Option<Filled>, BadValue> {
        let mut text = String::new();
        for piece in &self.template {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Placeholder(placeholder) => match value(placeholder) {
                    Some(value) => text.push_str(&value),
                    None => return Ok(None),
                },
            }
        }
        if text.is_empty() {
            return Ok(None);
        }
        let max = if self.vendor.is_some() { MAX_VENDOR_VALUE } else { MAX_VALUE };
        let value = match self.tag {
            None => self.format.encode(&text, max)?,
            // The tag of a number is its first byte, so a number has 24 bits.
            Some(tag) if self.format == Format::Integer => match self.format.encode(&text, max)?.as_slice() {
                [0, low @ ..] => [&[tag], low].concat(),
                _ => return Err(BadValue::Malformed { text, wanted: "a number from 0 to 16777215" }),
            },
            Some(tag) => [&[tag], self.format.encode(&text, max - 1)?.as_slice()].concat(),
        };
        Ok(Some(Filled { vendor: self.vendor, kind: self.kind, value }))
    }
}

/// The attribute meant by a name, and its tag.
fn definition(name: &str) -> Result<(Definition, Option<u8>), BadAttribute> {
    let unknown = || BadAttribute::UnknownName(name.to_owned());
    if let Some(number) = name.strip_prefix("26/") {
        let (vendor, rest) = number.split_once('/').ok_or_else(unknown)?;
        let (kind, format) = rest.split_once(':').ok_or_else(unknown)?;
        // The first byte of a vendor is zero (RFC 2865 §5.26).
        let vendor = vendor.parse().ok().filter(|vendor| (1..1 << 24).contains(vendor)).ok_or_else(unknown)?;
        let kind = kind.parse().ok().filter(|kind| *kind > 0).ok_or_else(unknown)?;
        let format = format.parse().map_err(|()| unknown())?;
        let known = find_number(Some(vendor), kind).filter(|known| known.format == Format::Protocol);
        let given = Definition { name: "", vendor: Some(vendor), kind, format, tag: Tag::None };
        return Ok((known.unwrap_or(given), None));
    }
    if let Some(found) = find_name(name) {
        let tag = match (found.tag, found.format) {
            (Tag::Required, _) => Some(1),
            (Tag::Optional, Format::Integer) => Some(0),
            _ => None,
        };
        return Ok((found, tag));
    }
    let (bare, tag) = name.rsplit_once(':').ok_or_else(unknown)?;
    let found = find_name(bare).ok_or_else(unknown)?;
    let tag = tag.parse().ok().filter(|tag| found.tag != Tag::None && (1..=0x1f).contains(tag));
    tag.map(|tag| (found, Some(tag))).ok_or_else(|| BadAttribute::BadTag(name.to_owned()))
}

/// Cuts a text into pieces at its placeholders; `{{` and `}}` are braces.
fn template(text: &str) -> Result<Vec<Piece>, BadAttribute> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.find(['{', '}']).and_then(|at| rest.split_at_checked(at)) {
        plain.push_str(before);
        rest = if let Some(after) = after.strip_prefix("{{") {
            plain.push('{');
            after
        } else if let Some(after) = after.strip_prefix("}}") {
            plain.push('}');
            after
        } else {
            let inner = after.strip_prefix('{').and_then(|after| after.split_once('}'));
            let (name, after) = inner.ok_or_else(|| BadAttribute::UnknownPlaceholder(after.to_owned()))?;
            let found = Placeholder::parse(name).ok_or_else(|| BadAttribute::UnknownPlaceholder(name.to_owned()))?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Placeholder(found));
            after
        };
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(name: &str, text: &str) -> Option<Filled> {
        let value = |placeholder: &Placeholder| match placeholder {
            Placeholder::Login => Some(Cow::from("nemo")),
            Placeholder::RateUp => Some("5120".into()),
            Placeholder::RateDown => Some("10240".into()),
            Placeholder::Service(key) => (key == "plan").then(|| "gold".into()),
            _ => None,
        };
        FreeAttribute::parse(name, text).unwrap().fill(value).unwrap()
    }

    /// Name, text; vendor, type and value.
    type Case = (&'static str, &'static str, Option<u32>, u8, &'static [u8]);

    #[test]
    fn texts_are_filled_by_name_number_and_tag() {
        let cases: &[Case] = &[
            ("Filter-Id", "{rate_down}/{rate_up}", None, 11, b"10240/5120"),
            ("session-timeout", "3600", None, 27, &[0, 0, 14, 16]),
            ("Mikrotik-Rate-Limit", "{rate_up}k/{rate_down}k", Some(14_988), 8, b"5120k/10240k"),
            ("ERX-Service-Activate", "{service.plan}({rate_up})", Some(4_874), 65, b"\x01gold(5120)"),
            ("ERX-Service-Activate:3", "{{{login}}}", Some(4_874), 65, b"\x03{nemo}"),
            ("ERX-Service-Timeout:2", "60", Some(4_874), 68, &[2, 0, 0, 60]),
            ("Tunnel-Type", "13", None, 64, &[0, 0, 0, 13]),
            ("Tunnel-Private-Group-Id", "{rate_up}", None, 81, b"5120"),
            ("26/9999/7:octets", "0x00ff", Some(9_999), 7, &[0, 255]),
        ];
        for &(name, text, vendor, kind, value) in cases {
            assert_eq!(fill(name, text), Some(Filled { vendor, kind, value: value.to_vec() }), "{name}");
            assert_eq!(FreeAttribute::parse(name, text).unwrap().number(), (vendor, kind));
        }
    }

    #[test]
    fn what_has_no_value_is_not_sent() {
        assert_eq!(fill("Framed-Pool", "{pool}"), None);
        assert_eq!(fill("Reply-Message", "plan {service.other}"), None);
        assert_eq!(fill("Reply-Message", ""), None);
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = "é".repeat(200);
        assert_eq!(fill("Reply-Message", &long).unwrap().value.len(), 252);
        assert_eq!(fill("26/9999/7:text", &long).unwrap().value.len(), 246);
        assert_eq!(fill("ERX-Service-Activate", &long).unwrap().value.len(), 247);
    }

    #[test]
    fn mistakes_are_named_where_they_are_written() {
        let refused = |name: &str, text: &str| FreeAttribute::parse(name, text).unwrap_err().to_string();
        assert!(refused("Nothing", "x").starts_with("`Nothing` is not in the dictionary"));
        for name in [
            "26/9999",
            "26/9999/7",
            "26/0/7:text",
            "26/16777216/7:text",
            "26/9/0:text",
            "26/9/256:text",
            "26/9/1:float",
        ] {
            assert!(refused(name, "x").contains("26/VENDOR/TYPE:format"), "{name}");
        }
        for name in ["ERX-Service-Activate:0", "ERX-Service-Activate:32", "Filter-Id:1", "Filter-Id:x"] {
            assert!(refused(name, "x").contains("no such tag"), "{name}");
        }
        for name in
            ["Message-Authenticator", "Proxy-State", "User-Password", "MS-MPPE-Send-Key", "26/311/16:octets", "State"]
        {
            assert!(refused(name, "00").contains("set by the protocol"), "{name}");
        }
        for text in ["{user}", "{service.}", "{login", "login}", "{}"] {
            assert!(refused("Filter-Id", text).contains("no placeholder"), "{text}");
        }
        assert_eq!(refused("Session-Timeout", "soon"), "`soon` is not a number from 0 to 4294967295");
        assert_eq!(refused("ERX-Service-Timeout:1", "16777216"), "`16777216` is not a number from 0 to 16777215");
        let attribute = FreeAttribute::parse("Session-Timeout", "{login}").unwrap();
        assert!(attribute.fill(|_| Some("x".into())).is_err());
    }
}
