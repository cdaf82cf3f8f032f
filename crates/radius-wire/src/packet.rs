//! Reading packets: a [`Packet`] borrows the datagram, and its attributes are slices of it.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::attribute::VENDOR_SPECIFIC;

/// Length of a packet without attributes.
pub const HEADER: usize = 20;
/// Longest packet, bytes.
pub const MAX_PACKET: usize = 4_096;
/// Longest value of an attribute, bytes.
pub const MAX_VALUE: usize = 253;
/// Longest value of a vendor's attribute: vendor, type and length take six of the 253 bytes.
pub const MAX_VENDOR_VALUE: usize = MAX_VALUE - 6;

/// Kinds of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// A NAS asks whether somebody may come in.
    AccessRequest = 1,
    /// He may.
    AccessAccept = 2,
    /// He may not.
    AccessReject = 3,
    /// A NAS reports a session.
    AccountingRequest = 4,
    /// The report is kept.
    AccountingResponse = 5,
    /// More is wanted before the decision.
    AccessChallenge = 11,
    /// Asks whether the server works (RFC 5997).
    StatusServer = 12,
    /// Asks a NAS to end a session.
    DisconnectRequest = 40,
    /// It ended.
    DisconnectAck = 41,
    /// It did not.
    DisconnectNak = 42,
    /// Asks a NAS to change a session.
    CoaRequest = 43,
    /// It changed.
    CoaAck = 44,
    /// It did not.
    CoaNak = 45,
}

impl Code {
    /// Reads the first byte of a packet; `None` for codes nobody here speaks.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::AccessRequest,
            2 => Self::AccessAccept,
            3 => Self::AccessReject,
            4 => Self::AccountingRequest,
            5 => Self::AccountingResponse,
            11 => Self::AccessChallenge,
            12 => Self::StatusServer,
            40 => Self::DisconnectRequest,
            41 => Self::DisconnectAck,
            42 => Self::DisconnectNak,
            43 => Self::CoaRequest,
            44 => Self::CoaAck,
            45 => Self::CoaNak,
            _ => return None,
        })
    }

    /// Whether the authenticator of such a packet is random instead of a checksum under the secret.
    pub fn has_random_authenticator(self) -> bool {
        matches!(self, Self::AccessRequest | Self::StatusServer)
    }

    /// Whether such a packet asks.
    pub fn is_request(self) -> bool {
        self.has_random_authenticator()
            || matches!(self, Self::AccountingRequest | Self::DisconnectRequest | Self::CoaRequest)
    }
}

/// Why a packet is dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DropReason {
    /// Under 20 bytes.
    #[error("shorter than a header")]
    TooShort,
    /// Over 4096 bytes.
    #[error("longer than a packet may be")]
    TooLong,
    /// Its length field is under 20 or beyond the datagram.
    #[error("its length field does not fit the datagram")]
    BadLength,
    /// An attribute is shorter than its own header or goes past the end.
    #[error("an attribute does not fit")]
    BadAttribute,
    /// A code nobody here speaks, or not on this port.
    #[error("its code is not served here")]
    UnexpectedCode,
    /// Attribute 80 is wrong, not 18 long, or there twice.
    #[error("its Message-Authenticator is wrong: the secrets differ, or it was changed on the way")]
    BadMessageAuthenticator,
    /// Attribute 80 is missing where it must be.
    #[error("it has no Message-Authenticator")]
    MissingMessageAuthenticator,
    /// The packet's authenticator is wrong.
    #[error("its authenticator is wrong: the secrets differ, or it was changed on the way")]
    BadAuthenticator,
}

impl DropReason {
    /// Every reason, for metrics that start at zero.
    pub const ALL: [Self; 8] = [
        Self::TooShort,
        Self::TooLong,
        Self::BadLength,
        Self::BadAttribute,
        Self::UnexpectedCode,
        Self::BadMessageAuthenticator,
        Self::MissingMessageAuthenticator,
        Self::BadAuthenticator,
    ];

    /// Returns the label of the metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::BadLength => "bad_length",
            Self::BadAttribute => "bad_attribute",
            Self::UnexpectedCode => "unexpected_code",
            Self::BadMessageAuthenticator => "bad_message_authenticator",
            Self::MissingMessageAuthenticator => "missing_message_authenticator",
            Self::BadAuthenticator => "bad_authenticator",
        }
    }
}

/// A well-formed packet: every attribute lies within it.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    code: Code,
    id: u8,
    authenticator: &'a [u8; 16],
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram. What follows the packet's own length is padding and left out.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DropReason> {
        let (&[code, id, high, low], rest) = datagram.split_first_chunk().ok_or(DropReason::TooShort)?;
        let authenticator: &[u8; 16] = rest.first_chunk().ok_or(DropReason::TooShort)?;
        if datagram.len() > MAX_PACKET {
            return Err(DropReason::TooLong);
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let bytes = datagram.get(..length).filter(|bytes| bytes.len() >= HEADER).ok_or(DropReason::BadLength)?;
        let code = Code::from_byte(code).ok_or(DropReason::UnexpectedCode)?;
        let packet = Self { code, id, authenticator, bytes };
        let mut attributes = packet.attributes();
        while attributes.next().is_some() {}
        if attributes.rest.is_empty() { Ok(packet) } else { Err(DropReason::BadAttribute) }
    }

    /// Returns its kind.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns the identifier that pairs requests and replies.
    pub fn id(&self) -> u8 {
        self.id
    }

    /// Returns the authenticator field.
    pub fn authenticator(&self) -> &'a [u8; 16] {
        self.authenticator
    }

    /// Returns the whole packet without padding.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Walks the attributes in their order.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.bytes.get(HEADER..).unwrap_or_default() }
    }

    /// Walks the values of every attribute of a kind.
    pub fn all(&self, kind: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.attributes().filter(move |attribute| attribute.kind == kind).map(|attribute| attribute.value)
    }

    /// Returns the value of the first attribute of a kind.
    pub fn find(&self, kind: u8) -> Option<&'a [u8]> {
        self.all(kind).next()
    }

    /// Returns the first attribute of a kind as text; `None` also for what is not UTF-8.
    pub fn text(&self, kind: u8) -> Option<&'a str> {
        str::from_utf8(self.find(kind)?).ok()
    }

    /// Returns the first attribute of a kind as a number; `None` also for a length other than four.
    pub fn integer(&self, kind: u8) -> Option<u32> {
        Some(u32::from_be_bytes(self.find(kind)?.try_into().ok()?))
    }

    /// Returns the first attribute of a kind as an address; `None` also for a length other than four.
    pub fn ipv4(&self, kind: u8) -> Option<Ipv4Addr> {
        self.integer(kind).map(Ipv4Addr::from_bits)
    }

    /// Returns the first attribute of a kind as an address; `None` also for a length other than sixteen.
    pub fn ipv6(&self, kind: u8) -> Option<Ipv6Addr> {
        Some(Ipv6Addr::from_octets(self.find(kind)?.try_into().ok()?))
    }

    /// Walks the attributes of one vendor, over all its Vendor-Specific wrappers; garbage inside a wrapper ends that wrapper.
    pub fn vendor_attributes(&self, vendor: u32) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let wrappers = self.attributes().filter_map(|attribute| attribute.vendor());
        wrappers.filter(move |(of, _)| *of == vendor).flat_map(|(_, attributes)| attributes)
    }

    /// Returns the value of a vendor's first attribute of a kind.
    pub fn vendor(&self, vendor: u32, kind: u8) -> Option<&'a [u8]> {
        self.vendor_attributes(vendor).find(|attribute| attribute.kind == kind).map(|attribute| attribute.value)
    }
}

/// One attribute, standard or inside a vendor's wrapper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type.
    pub kind: u8,
    /// Its value, at most 253 bytes.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Opens a Vendor-Specific wrapper: the vendor and the attributes in it.
    pub fn vendor(&self) -> Option<(u32, Attributes<'a>)> {
        if self.kind != VENDOR_SPECIFIC {
            return None;
        }
        let (vendor, rest) = self.value.split_first_chunk()?;
        Some((u32::from_be_bytes(*vendor), Attributes { rest }))
    }
}

/// Walks attributes without copying. Ends at the first that does not fit, which is only possible inside a vendor's wrapper.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&[kind, length], rest) = self.rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(length).checked_sub(2)?)?;
        self.rest = rest;
        Some(Attribute { kind, value })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Builder;
    use crate::attribute::{PROXY_STATE, USER_NAME};

    fn packet(length: u16, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1, 7];
        bytes.extend(length.to_be_bytes());
        bytes.extend([9; 16]);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn what_does_not_fit_is_dropped_with_its_reason() {
        let reason = |bytes: &[u8]| Packet::parse(bytes).unwrap_err();
        assert_eq!(reason(&[]), DropReason::TooShort);
        assert_eq!(reason(&packet(20, &[])[..19]), DropReason::TooShort);
        assert_eq!(reason(&packet(20, &[0; 4_077])), DropReason::TooLong);
        assert_eq!(reason(&packet(19, &[])), DropReason::BadLength);
        assert_eq!(reason(&packet(21, &[])), DropReason::BadLength);
        assert_eq!(reason(&packet(21, &[1])), DropReason::BadAttribute);
        assert_eq!(reason(&packet(22, &[1, 0])), DropReason::BadAttribute);
        assert_eq!(reason(&packet(22, &[1, 1])), DropReason::BadAttribute);
        assert_eq!(reason(&packet(22, &[1, 3])), DropReason::BadAttribute);
        let mut unknown = packet(20, &[]);
        unknown[0] = 99;
        assert_eq!(reason(&unknown), DropReason::UnexpectedCode);
        let labels: std::collections::HashSet<_> = DropReason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), DropReason::ALL.len());
    }

    #[test]
    fn bytes_after_the_length_are_padding() {
        let bytes = packet(22, &[1, 2, 1, 0]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!((packet.code(), packet.id(), packet.bytes().len()), (Code::AccessRequest, 7, 22));
        assert_eq!(packet.attributes().collect::<Vec<_>>(), [Attribute { kind: 1, value: &[] }]);
    }

    #[test]
    fn garbage_inside_a_vendors_wrapper_is_skipped() {
        let good: &[u8] = &[26, 12, 0, 0, 1, 55, 11, 3, 1, 25, 3, 2];
        for garbage in [&[26, 2][..], &[26, 5, 0, 0, 1], &[26, 8, 0, 0, 1, 55, 11, 0], &[26, 8, 0, 0, 1, 55, 11, 9]] {
            let attributes = [garbage, good].concat();
            let bytes = packet(20 + u16::try_from(attributes.len()).unwrap(), &attributes);
            let packet = Packet::parse(&bytes).unwrap();
            assert_eq!(packet.vendor(311, 11), Some(&[1][..]));
            assert_eq!(packet.vendor(311, 25), Some(&[2][..]));
            assert_eq!(packet.vendor(312, 25), None);
        }
    }

    #[test]
    fn numbers_and_addresses_have_their_exact_length() {
        let bytes = packet(
            20 + 6 + 5 + 18 + 4,
            &[&[5, 6, 0, 0, 1, 0, 6, 5, 1, 2, 3, 95, 18][..], &[1; 16], &[1, 4, 255, 254]].concat(),
        );
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!((packet.integer(5), packet.integer(6), packet.integer(7)), (Some(256), None, None));
        assert_eq!(packet.ipv4(5), Some(Ipv4Addr::new(0, 0, 1, 0)));
        assert_eq!(packet.ipv6(95), Some(Ipv6Addr::from_octets([1; 16])));
        assert_eq!((packet.text(USER_NAME), packet.ipv6(5)), (None, None));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                let lengths: usize = packet.attributes().map(|attribute| attribute.value.len() + 2).sum();
                prop_assert_eq!(lengths + HEADER, packet.bytes().len());
                prop_assert!(packet.vendor_attributes(311).count() <= bytes.len());
            }
        }

        #[test]
        fn what_is_built_is_read_back(
            id: u8,
            authenticator: [u8; 16],
            values in proptest::collection::vec((1..80_u8, proptest::collection::vec(any::<u8>(), 1..=MAX_VALUE)), 0..12),
            vendor in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 1..=MAX_VENDOR_VALUE)), 0..3),
            state in proptest::collection::vec(any::<u8>(), 1..=MAX_VALUE),
        ) {
            let mut builder = Builder::request(Code::AccessRequest, id, authenticator).signed();
            for (kind, value) in values.iter().filter(|(kind, _)| *kind != VENDOR_SPECIFIC) {
                builder.put(*kind, value);
            }
            for (kind, value) in &vendor {
                builder.put_vendor(311, *kind, value);
            }
            builder.put(PROXY_STATE, &state);
            let bytes = builder.finish(b"secret").unwrap();
            let packet = Packet::parse(&bytes).unwrap();
            prop_assert_eq!((packet.id(), packet.authenticator()), (id, &authenticator));
            prop_assert_eq!(packet.verify_request(b"secret"), Ok(crate::Signature::Valid));
            let read = packet.attributes().skip(1).filter(|attribute| attribute.kind != VENDOR_SPECIFIC);
            let read: Vec<_> = read.map(|attribute| (attribute.kind, attribute.value.to_vec())).collect();
            let mut sent: Vec<_> = values.into_iter().filter(|(kind, _)| *kind != VENDOR_SPECIFIC).collect();
            sent.push((PROXY_STATE, state));
            prop_assert_eq!(read, sent);
            let read: Vec<_> = packet.vendor_attributes(311).map(|attribute| (attribute.kind, attribute.value.to_vec())).collect();
            prop_assert_eq!(read, vendor);
        }
    }
}
