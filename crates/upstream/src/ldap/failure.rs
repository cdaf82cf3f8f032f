//! Why a server could not say yes or no.

use ldap3::{LdapError, LdapResult};

/// Why a server could not say yes or no. The next one is asked.
///
/// The library's errors are kept as text: their `Debug` form may hold the request, and with it a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no answer in time")]
    TimedOut,
    #[error("{0}")]
    Connection(String),
    #[error("the answer could not be understood")]
    Nonsense,
    #[error("{step} failed: {result}")]
    Result { step: Step, result: String, code: u32 },
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    ServiceBind,
    Search,
    UserBind,
    GroupSearch,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ServiceBind => "the bind of the service account",
            Self::Search => "the search for the entry",
            Self::UserBind => "the bind of the user",
            Self::GroupSearch => "the search for groups",
        })
    }
}

const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;

impl Failure {
    pub(super) fn result(step: Step, result: &LdapResult) -> Self {
        Self::Result { step, result: result.to_string(), code: result.rc }
    }

    /// Whether it speaks against the server. A refusal of one user's bind (no password in the entry, locked by a policy)
    /// does not: otherwise whoever knows such a login could keep everybody out.
    pub(super) fn counts(&self) -> bool {
        match self {
            Self::Result { step: Step::UserBind, code, .. } => matches!(*code, BUSY | UNAVAILABLE),
            Self::TimedOut | Self::Connection(_) | Self::Nonsense | Self::Result { .. } => true,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Connection(error.to_string())
    }
}

impl From<LdapError> for Failure {
    fn from(error: LdapError) -> Self {
        Self::Connection(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_users_trouble_does_not_speak_against_the_server() {
        let failure = |step, code| Failure::Result { step, result: String::new(), code };
        assert!(!failure(Step::UserBind, 48).counts());
        assert!(!failure(Step::UserBind, 53).counts());
        assert!(failure(Step::UserBind, BUSY).counts());
        assert!(failure(Step::ServiceBind, 49).counts());
        assert!(failure(Step::Search, 32).counts());
        assert!(Failure::TimedOut.counts());
    }
}
