//! WebSockets as bytes (RFC 6455), the server's side: what the surfaces' sockets and the proxy door's transport share.
//! It knows no connection: `kit` puts it on axum's, the door on its own TLS.

mod frame;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

pub use frame::{CONTROL_LIMIT, Head, Kind, Violation, head, unmask, whole};

/// What RFC 6455 §1.3 appends to the key.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What the client wants to see for its key; `None`: that is no key.
pub fn accept(key: &[u8]) -> Option<String> {
    let is_key = STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16);
    let digest = Sha1::new().chain_update(key).chain_update(MAGIC).finalize();
    is_key.then(|| STANDARD.encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_key_is_that_of_the_rfc() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(accept(b"dGhlIHNhbXBsZQ=="), None, "too short");
        assert_eq!(accept(b"no base64"), None);
    }
}
