//! Logins and the one normalisation under which they collide (DESIGN §10.1 `login_name`, §10.7.2).

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// An account's login: 1–150 characters, none of control, no blanks at the ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Login(String);

/// Why a text is no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// No characters at all.
    #[error("a login must not be empty")]
    Empty,
    /// More than 150 characters.
    #[error("a login has at most 150 characters")]
    TooLong,
    /// A control character, NUL included.
    #[error("a login must not contain control characters")]
    Control,
    /// White space at the start or the end.
    #[error("a login must not start or end with white space")]
    Blank,
}

impl Login {
    /// Checks a text and takes it as it is: nothing is trimmed or normalised.
    pub fn new(text: &str) -> Result<Self, LoginError> {
        if text.is_empty() {
            return Err(LoginError::Empty);
        }
        if text.chars().count() > 150 {
            return Err(LoginError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(LoginError::Control);
        }
        if text.trim() != text {
            return Err(LoginError::Blank);
        }
        Ok(Self(text.to_owned()))
    }

    /// The login as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which logins are unique.
    pub fn key(&self) -> String {
        fold_key(&self.0)
    }
}

/// Folds a text for uniqueness: NFKC, full case folding, then NFKC again because folding can denormalise.
pub fn fold_key(text: &str) -> String {
    // The same for ASCII, at a tenth of the cost: the radius door folds every login.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkc().default_case_fold().nfkc().collect()
}

/// Folds an e-mail address for uniqueness; the same rule as for logins.
pub fn email_key(email: &str) -> String {
    fold_key(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_that_differ_only_in_case_or_width_collide() {
        assert_eq!(fold_key("Bob"), fold_key("bOB"));
        assert_eq!(fold_key("ＢＯＢ"), fold_key("bob"));
        assert_eq!(fold_key("STRASSE"), fold_key("straße"));
        assert_ne!(fold_key("张三"), fold_key("張三"));
    }

    #[test]
    fn a_login_is_refused_for_each_documented_reason() {
        assert_eq!(Login::new(""), Err(LoginError::Empty));
        assert_eq!(Login::new(&"x".repeat(151)), Err(LoginError::TooLong));
        assert_eq!(Login::new("a\0b"), Err(LoginError::Control));
        assert_eq!(Login::new(" a"), Err(LoginError::Blank));
        assert!(Login::new(&"张".repeat(150)).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn folding_is_idempotent(text in ".{0,40}") {
            let once = fold_key(&text);
            proptest::prop_assert_eq!(fold_key(&once), once);
        }
    }
}
