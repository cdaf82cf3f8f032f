//! Which roles the directory's groups stand for.

use std::collections::BTreeMap;

/// Roles by group.
#[derive(Debug)]
pub(super) struct Roles(Vec<(String, String)>);

impl Roles {
    /// From the role's name for each group's DN.
    pub(super) fn new(by_group: &BTreeMap<String, String>) -> Self {
        Self(by_group.iter().map(|(dn, role)| (normal(dn), role.clone())).collect())
    }

    /// The roles of an entry that is in these groups, each once.
    pub(super) fn of(&self, groups: &[String]) -> Vec<String> {
        let groups: Vec<_> = groups.iter().map(|dn| normal(dn)).collect();
        let mut found = Vec::new();
        for (dn, role) in &self.0 {
            if groups.contains(dn) && !found.contains(role) {
                found.push(role.clone());
            }
        }
        found
    }
}

/// A DN in a form that can be compared: servers differ in case, in blanks around separators and in how they escape.
///
/// Values are compared without case, as directories do for names of groups.
fn normal(dn: &str) -> String {
    let mut bytes = dn.bytes().peekable();
    let mut out: Vec<u8> = Vec::with_capacity(dn.len());
    // So far a value may end; blanks beyond it vanish before a separator, unless they were escaped.
    let mut solid = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                out.push(b'\\');
                out.push(escaped(&mut bytes).to_ascii_lowercase());
                solid = out.len();
            }
            b',' | b';' | b'+' | b'=' => {
                out.truncate(solid);
                out.push(if byte == b';' { b',' } else { byte });
                while bytes.next_if_eq(&b' ').is_some() {}
                solid = out.len();
            }
            b' ' => out.push(b' '),
            plain => {
                out.push(plain);
                solid = out.len();
            }
        }
    }
    out.truncate(solid);
    String::from_utf8_lossy(&unescape_plain(&out)).trim_start().to_lowercase()
}

/// The byte that a backslash introduces: two hexadecimal digits, or itself.
fn escaped(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> u8 {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let Some(first) = bytes.next() else { return b'\\' };
    let second = bytes.peek().copied().and_then(digit);
    match (digit(first), second) {
        (Some(high), Some(low)) => {
            bytes.next();
            high * 16 + low
        }
        _ => first,
    }
}

/// Drops backslashes that only the other notation made necessary.
fn unescape_plain(normal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(normal.len());
    let mut bytes = normal.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.clone().next()) {
            (b'\\', Some(next)) if !matches!(next, b',' | b';' | b'+' | b'=' | b'\\' | b' ') => {}
            (b'\\', Some(next)) => {
                bytes.next();
                out.extend([b'\\', next]);
            }
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dn_is_the_same_in_every_notation() {
        let same = [
            r"CN=Sales\, North,OU=Groups,DC=example,DC=com",
            r"cn=sales\2C north, ou=groups, dc=example, dc=com",
            r"cn = Sales\2c North;ou=groups ,dc=example,dc=com ",
        ];
        for dn in same {
            assert_eq!(normal(dn), r"cn=sales\, north,ou=groups,dc=example,dc=com", "{dn}");
        }
        assert_eq!(normal(r"cn=Zo\C3\AB,dc=x"), normal("cn=Zoë,dc=x"));
        assert_ne!(normal(r"cn=a\,b,dc=x"), normal("cn=a,b,dc=x"));
        assert_ne!(normal("cn=ab,dc=x"), normal("cn=a b,dc=x"));
        assert_eq!(normal(r"cn=a\"), r"cn=a\\");
    }

    #[test]
    fn roles_come_once_each_and_only_for_groups_that_are_named() {
        let pairs = [
            ("cn=sales,dc=example", "staff"),
            ("cn=support,dc=example", "staff"),
            ("cn=boss,dc=example", "boss"),
            ("cn=guests,dc=example", "guest"),
        ];
        let roles = Roles::new(&pairs.map(|(dn, role)| (dn.to_owned(), role.to_owned())).into());
        let groups = ["CN=Sales,DC=example", "CN=Support,DC=example", "CN=Boss,DC=example", "CN=Other,DC=example"];
        assert_eq!(roles.of(&groups.map(str::to_owned)), ["boss", "staff"]);
        assert!(roles.of(&[]).is_empty());
    }
}
