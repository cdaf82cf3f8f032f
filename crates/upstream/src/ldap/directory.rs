//! A directory as the state file describes it, checked.

use std::path::PathBuf;
use std::time::Duration;

use gatehouse_domain::vpn::external::{AuthServer, LdapSettings};
use gatehouse_model::Secret;
use ldap3::Scope;

use super::role::Roles;
use super::template;
use crate::SettingsError;

/// One directory, which several servers may offer.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) name: String,
    pub(super) addresses: Vec<Address>,
    /// Whether TLS is begun on `ldap` URLs before anything is said.
    pub(super) start_tls: bool,
    pub(super) ca_file: Option<PathBuf>,
    /// Who searches; nobody in particular if absent.
    pub(super) service: Option<Service>,
    pub(super) find: Find,
    /// How long one server may take for everything.
    pub(super) timeout: Duration,
    pub(super) groups: Option<Groups>,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) url: String,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
}

/// The account that searches.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) dn: String,
    pub(super) password: Secret,
}

/// How a login becomes an entry.
#[derive(Debug)]
pub(super) enum Find {
    /// The only entry that a search finds.
    Search { base: String, scope: Scope, filter: String },
    /// A DN with a place for the login; nothing is searched.
    Template(String),
}

/// What the directory's groups mean here.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) found: GroupsFound,
    pub(super) roles: Roles,
}

/// Where an entry's groups are found.
#[derive(Debug)]
pub(super) enum GroupsFound {
    Attribute(String),
    Search { base: String, filter: String },
}

impl Directory {
    /// Refuses what can never work.
    pub(super) fn new(server: &AuthServer, settings: &LdapSettings) -> Result<Self, SettingsError> {
        let wrong = |what: String| SettingsError { name: server.name.clone(), what };
        if settings.urls.is_empty() {
            return Err(wrong("`urls` is empty: name at least one, such as ldaps://ldap.example.com".into()));
        }
        let address = |url: &String| {
            let refusal =
                || wrong(format!("`{url}` is no URL of the form ldap://host, ldaps://host or ldaps://host:636"));
            Address::of(url).ok_or_else(refusal)
        };
        if settings.timeout.0.is_zero() || settings.max_concurrent == 0 {
            return Err(wrong("`timeout` and `max_concurrent` must not be zero".into()));
        }
        Ok(Self {
            name: server.name.clone(),
            addresses: settings.urls.iter().map(address).collect::<Result<_, _>>()?,
            start_tls: settings.start_tls,
            ca_file: settings.ca_file.as_ref().map(PathBuf::from),
            service: service(settings, server.secret.as_ref()).map_err(wrong)?,
            find: find(settings).map_err(wrong)?,
            timeout: settings.timeout.0,
            groups: groups(settings).map_err(wrong)?,
        })
    }
}

impl Address {
    /// From `ldap://host[:port]` or `ldaps://host[:port]`; nothing may follow but a slash.
    fn of(url: &str) -> Option<Self> {
        let (rest, port) = match url.strip_prefix("ldaps://") {
            Some(rest) => (rest, 636),
            None => (url.strip_prefix("ldap://")?, 389),
        };
        let place = rest.strip_suffix('/').unwrap_or(rest);
        // The colons of an IPv6 address stand in brackets.
        let (host, port) = match place.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
            None => (place, port),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_host = !host.is_empty() && !host.contains(['/', '?', '@', '[', ']', ' ']);
        is_host.then(|| Self { url: url.to_owned(), host: host.to_owned(), port })
    }
}

fn service(settings: &LdapSettings, secret: Option<&Secret>) -> Result<Option<Service>, String> {
    let password = secret.filter(|secret| !secret.expose().is_empty());
    match (settings.bind_dn.as_deref().filter(|dn| !dn.is_empty()), password) {
        (Some(dn), Some(password)) => Ok(Some(Service { dn: dn.to_owned(), password: password.clone() })),
        (None, None) => Ok(None),
        _ => Err("`bind_dn` and the bind password belong together; leave both out to search anonymously".into()),
    }
}

fn find(settings: &LdapSettings) -> Result<Find, String> {
    match (&settings.filter, &settings.dn_template) {
        (Some(filter), None) => {
            let scope = match settings.scope.as_str() {
                "base" => Scope::Base,
                "one" => Scope::OneLevel,
                "sub" => Scope::Subtree,
                other => return Err(format!("`scope` is `{other}`: write base, one or sub")),
            };
            if !filter.contains(template::LOGIN) {
                return Err("`filter` lacks {login}: without it everybody is the same entry".into());
            }
            check_filter("filter", filter)?;
            Ok(Find::Search { base: settings.base_dn.clone(), scope, filter: filter.clone() })
        }
        (None, Some(dn)) if dn.contains(template::LOGIN) => Ok(Find::Template(dn.clone())),
        (None, Some(_)) => Err("`dn_template` lacks {login}: without it everybody is the same entry".into()),
        _ => Err("write either `filter`, such as (uid={login}), or `dn_template`".into()),
    }
}

fn groups(settings: &LdapSettings) -> Result<Option<Groups>, String> {
    let found = match (&settings.group_attribute, &settings.group_base_dn, &settings.group_filter) {
        (None, None, None) if settings.group_roles.is_empty() => return Ok(None),
        (Some(attribute), None, None) => GroupsFound::Attribute(attribute.clone()),
        (None, Some(base), Some(filter)) => {
            check_filter("group_filter", filter)?;
            GroupsFound::Search { base: base.clone(), filter: filter.clone() }
        }
        _ => return Err("groups need either `group_attribute`, or `group_base_dn` with `group_filter`".into()),
    };
    Ok(Some(Groups { found, roles: Roles::new(&settings.group_roles) }))
}

fn check_filter(field: &str, filter: &str) -> Result<(), String> {
    let sample = template::filter(filter, "sample", "cn=sample");
    let parsed = ldap3::parse_filter(sample).map(drop);
    parsed.map_err(|()| format!("`{field}` is no LDAP filter; one is (objectClass=person)"))
}

#[cfg(test)]
mod tests {
    use gatehouse_domain::vpn::external::ServerKind;
    use gatehouse_model::AuthServerId;

    use super::*;

    fn directory(secret: Option<&str>, change: impl FnOnce(&mut LdapSettings)) -> Result<Directory, SettingsError> {
        let mut settings = crate::ldap::tests::settings(vec!["ldaps://ldap.example.com".into()]);
        change(&mut settings);
        let server = AuthServer {
            id: AuthServerId(1),
            name: "head office".into(),
            kind: ServerKind::Ldap(settings.clone().into()),
            secret: secret.map(Secret::new),
        };
        Directory::new(&server, &settings)
    }

    fn complaint(change: impl FnOnce(&mut LdapSettings)) -> String {
        directory(None, change).unwrap_err().to_string()
    }

    #[test]
    fn a_url_is_a_host_and_a_port() {
        let place = |url| Address::of(url).map(|address| (address.host, address.port));
        let expect = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(place("ldap://ldap.example.com"), expect("ldap.example.com", 389));
        assert_eq!(place("ldaps://ldap.example.com/"), expect("ldap.example.com", 636));
        assert_eq!(place("ldap://192.0.2.1:1389"), expect("192.0.2.1", 1389));
        assert_eq!(place("ldaps://[2001:db8::1]"), expect("2001:db8::1", 636));
        assert_eq!(place("ldaps://[2001:db8::1]:1636"), expect("2001:db8::1", 1636));
        for bad in [
            "ldap://",
            "ldap://:389",
            "ldap://host:0",
            "ldap://host:x",
            "ldap://host:70000",
            "http://host",
            "host",
            "ldap://host/dc=example",
            "ldap://host?uid",
            "ldap://who@host",
            "ldapi:///run/ldapi",
        ] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }

    #[test]
    fn settings_that_can_never_work_are_refused_with_the_reason() {
        directory(None, |_| ()).unwrap();
        directory(Some("secret"), |s| s.bind_dn = Some("cn=reader".into())).unwrap();
        assert!(complaint(|s| s.urls.clear()).contains("`urls` is empty"));
        assert!(complaint(|s| s.urls.push("http://ldap.example.com".into())).contains("http://ldap.example.com"));
        assert!(complaint(|s| s.urls.push("ldap://:389".into())).contains("`ldap://:389`"));
        assert!(complaint(|s| s.filter = Some("(uid=ann)".into())).contains("`filter` lacks {login}"));
        assert!(complaint(|s| s.filter = Some("(uid={login}".into())).contains("`filter` is no LDAP filter"));
        assert!(complaint(|s| s.filter = None).contains("either `filter`"));
        assert!(complaint(|s| s.dn_template = Some("cn={login}".into())).contains("either `filter`"));
        let template = |s: &mut LdapSettings| (s.filter, s.dn_template) = (None, Some("cn=ann".into()));
        assert!(complaint(template).contains("`dn_template` lacks {login}"));
        assert!(complaint(|s| s.scope = "subtree".into()).contains("base, one or sub"));
        assert!(complaint(|s| s.bind_dn = Some("cn=reader".into())).contains("belong together"));
        assert!(directory(Some("secret"), |_| ()).is_err());
        assert!(complaint(|s| s.max_concurrent = 0).contains("`max_concurrent`"));
        assert!(complaint(|s| s.group_filter = Some("(member={dn})".into())).contains("`group_base_dn`"));
        assert!(complaint(|s| drop(s.group_roles.insert("cn=a".into(), "a".into()))).contains("`group_attribute`"));
        let search = |s: &mut LdapSettings| {
            (s.group_base_dn, s.group_filter) = (Some("dc=x".into()), Some("member={dn})(".into()));
        };
        assert!(complaint(search).contains("`group_filter` is no LDAP filter"));
    }
}
