//! Writing packets.

use crate::attribute::{MESSAGE_AUTHENTICATOR, PROXY_STATE, VENDOR_SPECIFIC};
use crate::authenticator::{SharedSecret, authenticator, message_authenticator};
use crate::free::Filled;
use crate::packet::{Code, HEADER, MAX_PACKET, MAX_VALUE, MAX_VENDOR_VALUE, Packet};
use crate::text::cut;

/// More than a packet or an attribute holds was put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("longer than a packet may be: give fewer or shorter attributes")]
pub struct Oversize;

/// Collects attributes; [`finish`](Self::finish) computes the checksums. What does not fit is remembered and fails there.
#[derive(Debug)]
pub struct Builder<'a> {
    code: Code,
    bytes: Vec<u8>,
    request: Option<Packet<'a>>,
    is_signed: bool,
    is_oversize: bool,
}

impl<'a> Builder<'a> {
    /// Starts a request. The authenticator is the caller's random one for Access-Request and Status-Server, computed and not
    /// looked at for others.
    pub fn request(code: Code, id: u8, random: [u8; 16]) -> Self {
        let authenticator = if code.has_random_authenticator() { random } else { [0; 16] };
        Self::start(code, id, authenticator, None)
    }

    /// Starts a reply. Attribute 80 comes first if the request is Access-Request or Status-Server or carries it, and the request's
    /// Proxy-States come last.
    pub fn reply(code: Code, request: Packet<'a>) -> Self {
        let reply = Self::start(code, request.id(), *request.authenticator(), Some(request));
        let needs = request.code().has_random_authenticator() || request.find(MESSAGE_AUTHENTICATOR).is_some();
        if needs { reply.signed() } else { reply }
    }

    fn start(code: Code, id: u8, authenticator: [u8; 16], request: Option<Packet<'a>>) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend([code as u8, id, 0, 0]);
        bytes.extend(authenticator);
        Self { code, bytes, request, is_signed: false, is_oversize: false }
    }

    /// Puts attribute 80 in front of whatever there is.
    #[must_use]
    pub fn signed(mut self) -> Self {
        if !self.is_signed {
            let mut attribute = [0; 18];
            attribute[..2].copy_from_slice(&[MESSAGE_AUTHENTICATOR, 18]);
            self.bytes.splice(HEADER..HEADER, attribute);
            self.is_signed = true;
        }
        self
    }

    /// Appends an attribute; an empty value is left out, as RFC 2865 asks.
    pub fn put(&mut self, kind: u8, value: &[u8]) {
        let Some(length) = length_of(value, 2) else {
            self.is_oversize = true;
            return;
        };
        if !value.is_empty() {
            self.bytes.extend([kind, length]);
            self.bytes.extend(value);
        }
    }

    /// Appends a vendor's attribute in a wrapper of its own; an empty value is left out.
    pub fn put_vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) {
        let (Some(outer), Some(inner)) = (length_of(value, 8), length_of(value, 2)) else {
            self.is_oversize = true;
            return;
        };
        if !value.is_empty() {
            self.bytes.extend([VENDOR_SPECIFIC, outer]);
            self.bytes.extend(vendor.to_be_bytes());
            self.bytes.extend([kind, inner]);
            self.bytes.extend(value);
        }
    }

    /// Appends a number.
    pub fn put_integer(&mut self, kind: u8, value: u32) {
        self.put(kind, &value.to_be_bytes());
    }

    /// Appends a vendor's number.
    pub fn put_vendor_integer(&mut self, vendor: u32, kind: u8, value: u32) {
        self.put_vendor(vendor, kind, &value.to_be_bytes());
    }

    /// Appends text, cut at a character boundary.
    pub fn put_text(&mut self, kind: u8, text: &str) {
        self.put(kind, cut(text, MAX_VALUE).as_bytes());
    }

    /// Appends a vendor's text, cut at a character boundary.
    pub fn put_vendor_text(&mut self, vendor: u32, kind: u8, text: &str) {
        self.put_vendor(vendor, kind, cut(text, MAX_VENDOR_VALUE).as_bytes());
    }

    /// Appends octets of any length, over as many attributes as it takes: EAP-Message is written so.
    pub fn put_split(&mut self, kind: u8, value: &[u8]) {
        value.chunks(MAX_VALUE).for_each(|piece| self.put(kind, piece));
    }

    /// Appends a free attribute.
    pub fn put_filled(&mut self, filled: &Filled) {
        match filled.vendor {
            None => self.put(filled.kind, &filled.value),
            Some(vendor) => self.put_vendor(vendor, filled.kind, &filled.value),
        }
    }

    /// Appends Proxy-State, length and checksums.
    pub fn finish<S: SharedSecret + ?Sized>(mut self, secret: &S) -> Result<Vec<u8>, Oversize> {
        if let Some(request) = self.request {
            request.all(PROXY_STATE).for_each(|value| {
                // Unchanged means the empty ones, too.
                self.bytes.extend([PROXY_STATE, length_of(value, 2).unwrap_or(2)]);
                self.bytes.extend(value);
            });
        }
        let length = u16::try_from(self.bytes.len()).map_err(|_| Oversize)?;
        if self.is_oversize || self.bytes.len() > MAX_PACKET {
            return Err(Oversize);
        }
        write(&mut self.bytes, 2, length.to_be_bytes());
        // What stands in the field now is what the checksums are computed over: a request's authenticator, random or zero.
        let field = self.bytes.get(4..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        if self.is_signed {
            let value = message_authenticator(secret.mac(), &self.bytes, &field, HEADER + 2);
            write(&mut self.bytes, HEADER + 2, value);
        }
        if !self.code.has_random_authenticator() {
            let value = authenticator(secret.octets(), &self.bytes, &field);
            write(&mut self.bytes, 4, value);
        }
        Ok(self.bytes)
    }
}

/// The length byte of a value with so many bytes in front of it.
fn length_of(value: &[u8], header: usize) -> Option<u8> {
    u8::try_from(value.len() + header).ok()
}

/// Overwrites bytes that exist.
fn write<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(place) = bytes.get_mut(at..at + N) {
        place.copy_from_slice(&value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signature;
    use crate::attribute::{EAP_MESSAGE, REPLY_MESSAGE, USER_NAME};

    const SECRET: &[u8] = b"xyzzy5461";

    fn finished(builder: Builder) -> Vec<u8> {
        builder.finish(SECRET).unwrap()
    }

    #[test]
    fn a_reply_starts_with_attribute_80_and_ends_with_every_proxy_state() {
        let mut request = Builder::request(Code::AccessRequest, 1, [5; 16]);
        request.put(PROXY_STATE, b"first");
        request.put(USER_NAME, b"nemo");
        request.put(PROXY_STATE, b"second");
        let mut request = finished(request);
        // An empty one, which no builder writes.
        request.extend([PROXY_STATE, 2]);
        request[3] += 2;
        let request = Packet::parse(&request).unwrap();
        let mut reply = Builder::reply(Code::AccessReject, request);
        reply.put_text(REPLY_MESSAGE, "no");
        let reply = finished(reply);
        let reply = Packet::parse(&reply).unwrap();
        let kinds: Vec<_> = reply.attributes().map(|attribute| attribute.kind).collect();
        assert_eq!(kinds, [MESSAGE_AUTHENTICATOR, REPLY_MESSAGE, PROXY_STATE, PROXY_STATE, PROXY_STATE]);
        assert_eq!(reply.all(PROXY_STATE).collect::<Vec<_>>(), [&b"first"[..], b"second", b""]);
        assert_eq!(reply.verify_reply(SECRET, &[5; 16]), Ok(Signature::Valid));
    }

    #[test]
    fn long_values_are_cut_split_or_refused() {
        let mut builder = Builder::request(Code::CoaRequest, 1, [0; 16]);
        builder.put_text(REPLY_MESSAGE, &"é".repeat(200));
        builder.put_vendor_text(9, 1, &"é".repeat(200));
        builder.put_split(EAP_MESSAGE, &[1; 600]);
        builder.put(USER_NAME, b"");
        let bytes = finished(builder);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.text(REPLY_MESSAGE), Some("é".repeat(126).as_str()));
        assert_eq!(packet.vendor(9, 1).map(<[u8]>::len), Some(246));
        assert_eq!(packet.all(EAP_MESSAGE).map(<[u8]>::len).collect::<Vec<_>>(), [253, 253, 94]);
        assert_eq!(packet.find(USER_NAME), None);

        for (value, vendor) in [(254, None), (248, Some(9))] {
            let mut builder = Builder::request(Code::CoaRequest, 1, [0; 16]);
            builder.put_filled(&Filled { vendor, kind: 1, value: vec![1; value] });
            assert_eq!(builder.finish(SECRET), Err(Oversize));
        }
        // 16 attributes of two bytes more fill the packet.
        for (length, finished) in [(4_096 - 20 - 32, Ok(4_096)), (4_096 - 20 - 31, Err(Oversize))] {
            let mut builder = Builder::request(Code::CoaRequest, 1, [0; 16]);
            builder.put_split(1, &vec![1; length]);
            assert_eq!(builder.finish(SECRET).map(|bytes| bytes.len()), finished);
        }
    }
}
