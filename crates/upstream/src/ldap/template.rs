//! Filters and DNs with places for what a stranger typed.

use std::borrow::Cow;

use ldap3::{dn_escape, ldap_escape};

/// Where the login goes.
pub(super) const LOGIN: &str = "{login}";

/// Where the entry's DN goes.
const DN: &str = "{dn}";

/// Fills in a filter; what is filled in cannot change its meaning (RFC 4515 §3).
pub(super) fn filter(template: &str, login: &str, dn: &str) -> String {
    expand(template, &[(LOGIN, &ldap_escape(login)), (DN, &ldap_escape(dn))])
}

/// Fills in a DN; the login stays one value of it (RFC 4514 §2.4).
pub(super) fn dn(template: &str, login: &str) -> String {
    expand(template, &[(LOGIN, &dn_escape(login))])
}

/// Replaces every place in one pass, so that a value is never searched for places.
fn expand(template: &str, values: &[(&str, &Cow<'_, str>)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(brace) = rest.find('{') {
        let (before, from) = rest.split_at(brace);
        text.push_str(before);
        let found = values.iter().find_map(|(place, value)| Some((from.strip_prefix(place)?, value)));
        if let Some((after, value)) = found {
            text.push_str(value);
            rest = after;
        } else {
            text.push('{');
            rest = from.get(1..).unwrap_or_default();
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_login_cannot_widen_a_filter() {
        let filled = |login| filter("(&(uid={login})(objectClass=person))", login, "");
        assert_eq!(filled("ann"), "(&(uid=ann)(objectClass=person))");
        assert_eq!(filled("*)(uid=*"), r"(&(uid=\2a\29\28uid=\2a)(objectClass=person))");
        assert_eq!(filled("a\\b\0"), r"(&(uid=a\5cb\00)(objectClass=person))");
    }

    #[test]
    fn a_login_stays_one_value_of_a_dn() {
        let filled = |login| dn("uid={login},ou=people,dc=example,dc=com", login);
        assert_eq!(filled("ann"), "uid=ann,ou=people,dc=example,dc=com");
        assert_eq!(filled("ann,ou=staff"), r"uid=ann\2cou\3dstaff,ou=people,dc=example,dc=com");
        assert_eq!(filled("#ann "), r"uid=\23ann\20,ou=people,dc=example,dc=com");
    }

    #[test]
    fn values_are_not_searched_for_places() {
        assert_eq!(filter("(|(a={dn})(b={login})(c={}))", "{dn}", "{login}"), "(|(a={login})(b={dn})(c={}))");
    }

    proptest! {
        #[test]
        fn whatever_the_login_the_filter_keeps_its_shape(login in ".*") {
            let filled = filter("(uid={login})", &login, "");
            prop_assert_eq!(filled.matches(['(', ')', '*', '\0']).count(), 2);
            prop_assert!(ldap3::parse_filter(filled).is_ok());
        }
    }
}
