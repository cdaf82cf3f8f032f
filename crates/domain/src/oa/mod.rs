//! The oa area: an OA system creates, reads and deletes VPN users (specs/oa.md).
//!
//! A request changes the row and enqueues a job in one transaction; the job does the work through the row's back end.

pub mod backend;
mod entry;
pub mod import;
pub(crate) mod job;
mod request;
pub mod token;
pub mod user;

pub use entry::{Asked, ask};
pub(crate) use entry::{Entry, EntryKey};
pub use request::{ConnInfo, Deletion, Generated, NodeInfo, conn_info, delete, generate};

use gatehouse_model::fold_key;
use sha2::{Digest, Sha256};

/// The e-mail a user gets here, fixed at the first submission (specs/oa.md §2 "Derived e-mail").
pub fn derived_email(username: &str, domain: &str) -> String {
    let local = if is_plain_local(username) {
        username.to_owned()
    } else {
        let digest = hex::encode(Sha256::digest(username.as_bytes()));
        format!("u-{}", digest.get(..32).unwrap_or(&digest))
    };
    fold_key(&format!("{local}@{domain}"))
}

/// `[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*`, at most 64 characters.
fn is_plain_local(name: &str) -> bool {
    name.len() <= 64
        && name.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-'))
        })
}

#[cfg(test)]
mod tests {
    use super::derived_email;

    #[test]
    fn e_mails_are_derived_as_the_vectors_say() {
        assert_eq!(derived_email("张三", "oa.invalid"), "u-1d841bc0ee98309cb7916670b7f0fdef@oa.invalid");
        assert_eq!(derived_email("Ann.B+1", "Example.COM"), "ann.b+1@example.com");
        assert!(derived_email("a..b", "x.invalid").starts_with("u-"));
        assert!(derived_email(&"a".repeat(65), "x.invalid").starts_with("u-"));
    }
}
