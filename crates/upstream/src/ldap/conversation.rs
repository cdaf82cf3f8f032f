//! What is said to one server about one login.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use gatehouse_model::Secret;
use ldap3::{LdapConnAsync, LdapConnSettings, LdapResult, Scope, SearchEntry, SearchOptions, StdStream};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::directory::{Address, Directory, Find, GroupsFound};
use super::failure::{Failure, Step};
use super::template;

const SUCCESS: u32 = 0;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const INVALID_CREDENTIALS: u32 = 49;

/// An entry is in no more groups than that.
const MOST_GROUPS: i32 = 5_000;

/// Asks for no attribute at all (RFC 4511 §4.5.1.8).
const NO_ATTRIBUTE: &str = "1.1";

/// What a server says of a login and a password.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Right; with the roles of the entry's groups.
    Right { roles: Vec<String> },
    /// Wrong, for that reason.
    Wrong(&'static str),
}

/// A connection to one server; it ends when dropped.
pub(super) struct Conversation {
    ldap: ldap3::Ldap,
    directory: Arc<Directory>,
}

/// Runs `work` on a new connection to a server, for no longer than the settings allow.
///
/// In a task of its own, because the library panics at some malformed answers.
pub(super) async fn hold<T, F, W>(
    directory: &Arc<Directory>,
    tls: &Arc<ClientConfig>,
    address: &Address,
    work: W,
) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>> + Send,
    W: FnOnce(Conversation) -> F + Send + 'static,
{
    let (directory, address, timeout) = (directory.clone(), address.clone(), directory.timeout);
    let options = LdapConnSettings::new().set_config(tls.clone()).set_starttls(directory.start_tls);
    bounded(timeout, async move {
        // The library would leave Nagle's algorithm on: 50 ms instead of 3 for a login over TLS to slapd.
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        stream.set_nodelay(true)?;
        let options = options.set_std_stream(StdStream::Tcp(stream.into_std()?));
        let (connection, ldap) = LdapConnAsync::with_settings(options, &address.url).await?;
        let driven = async move {
            // What ended it shows in whatever `work` waits for.
            let _ended = connection.drive().await;
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            done = work(Conversation { ldap, directory }) => done,
            never = driven => match never {},
        }
    })
    .await
}

async fn bounded<T: Send + 'static>(
    timeout: Duration,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    // What still runs ends with the set.
    let mut task = JoinSet::new();
    task.spawn(work);
    match tokio::time::timeout(timeout, task.join_next()).await {
        Ok(Some(Ok(done))) => done,
        Ok(_) => Err(Failure::Nonsense),
        Err(_) => Err(Failure::TimedOut),
    }
}

impl Conversation {
    /// Finds the login's entry and binds as it.
    pub(super) async fn verify(mut self, login: &str, password: &Secret) -> Result<Verdict, Failure> {
        let directory = self.directory.clone();
        let dn = match &directory.find {
            Find::Template(dn) => template::dn(dn, login),
            Find::Search { base, scope, filter } => {
                self.bind_as_service().await?;
                let filter = template::filter(filter, login, "");
                // Two are as wrong as many.
                let mut entries = self.search(Step::Search, base, *scope, &filter, NO_ATTRIBUTE, 2).await?.into_iter();
                match (entries.next(), entries.next()) {
                    (None, _) => return Ok(Verdict::Wrong("no such entry")),
                    (Some(_), Some(_)) => return Ok(Verdict::Wrong("more than one entry")),
                    (Some(entry), None) => entry.dn,
                }
            }
        };
        // A bind without a name succeeds as nobody.
        if dn.is_empty() {
            return Ok(Verdict::Wrong("no such entry"));
        }
        let bound = self.ldap.simple_bind(&dn, password.expose()).await?;
        match bound.rc {
            SUCCESS => Ok(Verdict::Right { roles: self.roles(&dn, login).await? }),
            INVALID_CREDENTIALS => Ok(Verdict::Wrong(invalid_credentials(&bound))),
            _ => Err(Failure::result(Step::UserBind, &bound)),
        }
    }

    /// Does what every login begins with, for `gatehouse doctor`.
    pub(super) async fn probe(mut self) -> Result<(), Failure> {
        self.bind_as_service().await?;
        let base = match &self.directory.clone().find {
            Find::Search { base, .. } => base.clone(),
            // The root entry describes the server, and everybody may read it.
            Find::Template(_) => String::new(),
        };
        self.search(Step::Search, &base, Scope::Base, "(objectClass=*)", NO_ATTRIBUTE, 1).await?;
        Ok(())
    }

    async fn bind_as_service(&mut self) -> Result<(), Failure> {
        let Some(service) = &self.directory.service else { return Ok(()) };
        let bound = self.ldap.simple_bind(&service.dn, service.password.expose()).await?;
        match bound.rc {
            SUCCESS => Ok(()),
            _ => Err(Failure::result(Step::ServiceBind, &bound)),
        }
    }

    /// The roles of an entry that has proved itself: asked by the service account, or by the entry if there is none.
    async fn roles(&mut self, dn: &str, login: &str) -> Result<Vec<String>, Failure> {
        let directory = self.directory.clone();
        let Some(groups) = &directory.groups else { return Ok(Vec::new()) };
        self.bind_as_service().await?;
        let found: Vec<String> = match &groups.found {
            GroupsFound::Attribute(name) => {
                let entries = self.search(Step::GroupSearch, dn, Scope::Base, "(objectClass=*)", name, 1).await?;
                let attributes = entries.into_iter().flat_map(|entry| entry.attrs);
                attributes.filter(|(key, _)| key.eq_ignore_ascii_case(name)).flat_map(|(_, values)| values).collect()
            }
            GroupsFound::Search { base, filter } => {
                let filter = template::filter(filter, login, dn);
                let scope = Scope::Subtree;
                let groups = self.search(Step::GroupSearch, base, scope, &filter, NO_ATTRIBUTE, MOST_GROUPS).await?;
                groups.into_iter().map(|group| group.dn).collect()
            }
        };
        Ok(groups.roles.of(&found))
    }

    /// Finds at most `most` entries. References to other servers are passed over, not followed.
    async fn search(
        &mut self,
        step: Step,
        base: &str,
        scope: Scope,
        filter: &str,
        attribute: &str,
        most: i32,
    ) -> Result<Vec<SearchEntry>, Failure> {
        let options = SearchOptions::new().sizelimit(most);
        let asked = self.ldap.with_search_options(options).streaming_search(base, scope, filter, [attribute]);
        let mut stream = asked.await?;
        let mut entries = Vec::new();
        let most = usize::try_from(most).unwrap_or_default();
        while let Some(item) = stream.next().await? {
            if !item.is_ref() && !item.is_intermediate() {
                entries.push(SearchEntry::construct(item));
            }
            // A server that does not heed the limit is not listened to any longer.
            if entries.len() > most {
                return Ok(entries);
            }
        }
        let result = stream.finish().await;
        match result.rc {
            SUCCESS => Ok(entries),
            SIZE_LIMIT_EXCEEDED if entries.len() == most => Ok(entries),
            _ => Err(Failure::result(step, &result)),
        }
    }
}

/// Why the credentials are invalid. Active Directory tells in the text: `… AcceptSecurityContext error, data 52e, v3839`.
fn invalid_credentials(result: &LdapResult) -> &'static str {
    let code = result.text.split_once("AcceptSecurityContext error, data ").map(|(_, rest)| rest);
    match code.and_then(|rest| rest.split(',').next()) {
        Some("530" | "531") => "not at this time or place",
        Some("532" | "773") => "password expired",
        Some("533") => "disabled there",
        Some("701") => "expired there",
        Some("775") => "locked there",
        _ => "wrong password",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_directorys_reasons_are_read() {
        let reason = |text: &str| {
            invalid_credentials(&LdapResult {
                rc: INVALID_CREDENTIALS,
                matched: String::new(),
                text: text.to_owned(),
                refs: vec![],
                ctrls: vec![],
            })
        };
        let text = |code| {
            format!("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v3839")
        };
        assert_eq!(reason(&text("52e")), "wrong password");
        assert_eq!(reason(&text("775")), "locked there");
        assert_eq!(reason(&text("533")), "disabled there");
        assert_eq!(reason(""), "wrong password");
    }

    #[tokio::test]
    async fn a_panic_of_the_library_is_a_failure_like_others() {
        let failed = bounded(Duration::from_secs(5), async { panic!("as ldap3 does") }).await;
        assert!(matches!(failed, Err::<(), _>(Failure::Nonsense)), "{failed:?}");
    }
}
