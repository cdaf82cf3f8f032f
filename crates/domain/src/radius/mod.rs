//! What the radius door rests on (specs/radius.md): NAS entries, who may come in, accounting, and how stays are cut or changed.

pub mod accounting;
pub mod admit;
pub(crate) mod awaited;
pub(crate) mod behind;
pub(crate) mod class;
pub(crate) mod counter;
pub mod enforce;
pub(crate) mod enforcing;
pub(crate) mod entrant;
pub(crate) mod failure;
pub mod grant;
pub mod nas;
pub mod online;
pub mod outbox;
pub(crate) mod recent;
pub mod report;
pub mod request;
pub(crate) mod stale;
pub(crate) mod standing;
pub mod subscriber;
pub(crate) mod turn;

use nas::UserName;

/// The login that a User-Name stands for at a NAS.
pub(crate) fn login_of(user_name: UserName, sent: &str) -> &str {
    match user_name {
        UserName::Keep => sent,
        UserName::StripRealm => sent.rsplit_once('@').map_or(sent, |(login, _)| login),
        UserName::StripDomain => sent.split_once('\\').map_or(sent, |(_, login)| login),
    }
}

/// A text of a NAS as it is stored: PostgreSQL takes no NUL.
pub(crate) fn clean(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_stripped_as_the_entry_says() {
        assert_eq!(login_of(UserName::Keep, "bob@example.com"), "bob@example.com");
        assert_eq!(login_of(UserName::StripRealm, "bob@b@example.com"), "bob@b");
        assert_eq!(login_of(UserName::StripRealm, "bob"), "bob");
        assert_eq!(login_of(UserName::StripDomain, "OFFICE\\bob"), "bob");
    }
}
