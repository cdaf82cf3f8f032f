//! Logins that a directory decides.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gatehouse_domain::Random;
use gatehouse_domain::vpn::external::{Answer, AuthServer, Credential, LdapSettings, ServerKind, Servers as _};
use gatehouse_model::{AuthServerId, Secret, Span};
use gatehouse_testkit::peer::{SelfSigned, Slapd, free_port};
use gatehouse_upstream::Upstream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Two people; `twin` is the mail of both. The second has no password.
const PEOPLE: &str = "\
dn: uid=ann,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: ann
cn: Ann
sn: Ann
mail: twin@example.com
userPassword: ann-knows-this

dn: uid=bob\\, the second,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: bob, the second
cn: Bob
sn: Bob
mail: twin@example.com

dn: cn=sales\\, north,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: sales, north
member: uid=ann,ou=people,dc=example,dc=com

dn: cn=boss,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: boss
member: uid=bob\\, the second,ou=people,dc=example,dc=com

";

const RIGHT: &str = "ann-knows-this";

/// How the directory of [`PEOPLE`] is asked at these URLs.
fn settings(urls: &[&str]) -> LdapSettings {
    LdapSettings {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        start_tls: false,
        ca_file: None,
        bind_dn: Some(Slapd::READER.into()),
        base_dn: Slapd::BASE.into(),
        scope: "sub".into(),
        filter: Some("(uid={login})".into()),
        dn_template: None,
        timeout: Span(Duration::from_secs(5)),
        max_concurrent: 64,
        remember: Span(Duration::ZERO),
        group_attribute: None,
        group_base_dn: None,
        group_filter: None,
        group_roles: BTreeMap::new(),
    }
}

/// Asks, with everything that is known of servers.
struct Desk {
    upstream: Upstream,
    server: Arc<AuthServer>,
}

impl Desk {
    fn new(settings: LdapSettings) -> Self {
        let secret = settings.bind_dn.is_some().then(|| Secret::new(Slapd::READER_PASSWORD));
        let (id, kind) = (AuthServerId(1), ServerKind::Ldap(settings.into()));
        let server = AuthServer { id, name: "head office".into(), kind, secret };
        Self { upstream: Upstream::new(Random::seeded(1)), server: server.into() }
    }

    async fn ask(&self, login: &str, password: &str) -> Answer {
        self.ask_with(login, Credential::Pap(Secret::new(password))).await
    }

    async fn ask_with(&self, login: &str, credential: Credential) -> Answer {
        self.upstream.verify(self.server.clone(), login.to_owned(), credential).await
    }
}

/// The roles of an acceptance.
fn roles(answer: Answer) -> Result<Vec<String>> {
    match answer {
        Answer::Accepted { success: None, roles } => Ok(roles),
        other => anyhow::bail!("{other:?}"),
    }
}

fn reason(answer: &Answer) -> &'static str {
    match answer {
        Answer::Refused(reason) => reason,
        Answer::Accepted { .. } | Answer::Unreachable => "",
    }
}

fn is_unreachable(answer: &Answer) -> bool {
    matches!(answer, Answer::Unreachable)
}

/// A server that takes connections and never says anything.
async fn black_hole() -> Result<(TcpListener, String)> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let url = format!("ldap://{}", listener.local_addr()?);
    Ok((listener, url))
}

#[tokio::test]
async fn the_right_password_of_the_only_entry_is_accepted_and_nothing_else() -> Result<()> {
    let slapd = Slapd::start(PEOPLE).await?;
    let desk = Desk::new(settings(&[&slapd.url()]));
    assert!(roles(desk.ask("ann", RIGHT).await)?.is_empty());
    assert_eq!(reason(&desk.ask("ann", "something else").await), "wrong password");
    assert_eq!(reason(&desk.ask("nobody", RIGHT).await), "no such entry");
    for login in ["*", "a*", "*)(uid=*", "ann)(objectClass=*", "ann\0", "\\61nn"] {
        assert_eq!(reason(&desk.ask(login, RIGHT).await), "no such entry", "{login}");
    }
    assert!(roles(desk.ask("ann", RIGHT).await).is_ok(), "none of that marked the server down");

    let mut by_mail = settings(&[&slapd.url()]);
    by_mail.filter = Some("(mail={login})".into());
    assert_eq!(reason(&Desk::new(by_mail).ask("twin@example.com", RIGHT).await), "more than one entry");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_right_is_refused_before_a_server_hears_of_it() -> Result<()> {
    let slapd = Slapd::start(PEOPLE).await?;
    let desk = Desk::new(settings(&[&slapd.url()]));
    assert_eq!(reason(&desk.ask("ann", "").await), "empty password");
    assert_eq!(reason(&desk.ask("", RIGHT).await), "empty login");
    let chap = Credential::Chap { ident: 1, response: [2; 16], challenge: vec![3; 16] };
    assert_eq!(reason(&desk.ask_with("ann", chap).await), "needs_clear_password");
    ensure!(!slapd.log()?.contains("BIND"), "{}", slapd.log()?);
    Ok(())
}

#[tokio::test]
async fn nobody_can_mark_a_server_down_with_a_login_it_has_trouble_with() -> Result<()> {
    let slapd = Slapd::start(PEOPLE).await?;
    let mut template = settings(&[&slapd.url()]);
    (template.bind_dn, template.filter) = (None, None);
    // The syntax of `dc` is ASCII: other logins are no wrong password, but an invalid DN.
    template.dn_template = Some("dc={login},dc=example,dc=com".into());
    let desk = Desk::new(template);
    for _ in 0..4 {
        assert!(is_unreachable(&desk.ask("ünïcode", RIGHT).await));
    }
    assert_eq!(slapd.log()?.matches("err=34").count(), 4, "{}", slapd.log()?);
    assert_eq!(reason(&desk.ask("ann", RIGHT).await), "wrong password");

    let desk = Desk::new(settings(&[&slapd.url()]));
    assert_eq!(reason(&desk.ask("bob, the second", RIGHT).await), "wrong password", "he has none");
    Ok(())
}

#[tokio::test]
async fn a_template_takes_the_login_as_one_value() -> Result<()> {
    let slapd = Slapd::start(PEOPLE).await?;
    slapd.modify(
        "dn: uid=bob\\, the second,ou=people,dc=example,dc=com\nchangetype: modify\nadd: userPassword\n\
         userPassword: bob-knows-that\n",
    )?;
    let mut template = settings(&[&slapd.url()]);
    (template.bind_dn, template.filter) = (None, None);
    template.dn_template = Some("uid={login},ou=people,dc=example,dc=com".into());
    let desk = Desk::new(template);
    assert!(roles(desk.ask("ann", RIGHT).await).is_ok());
    assert!(roles(desk.ask("bob, the second", "bob-knows-that").await).is_ok());
    assert_eq!(reason(&desk.ask("ann,ou=people", RIGHT).await), "wrong password");
    assert_eq!(reason(&desk.ask("nobody", RIGHT).await), "wrong password");
    assert!(
        slapd.log()?.contains("BIND dn=\"uid=ann\\2Cou\\3Dpeople,ou=people,dc=example,dc=com\""),
        "{}",
        slapd.log()?
    );
    Ok(())
}

#[tokio::test]
async fn passwords_go_over_tls_to_whom_the_authority_vouches_for() -> Result<()> {
    // It refuses passwords in clear.
    let slapd = Slapd::with(PEOPLE, &["security simple_bind=128"]).await?;
    let stranger = tempfile::NamedTempFile::new()?;
    std::fs::write(stranger.path(), SelfSigned::new("localhost")?.certificate_pem())?;
    let with = |url: &str, start_tls, ca_file: &std::path::Path| {
        let ca_file = Some(ca_file.to_string_lossy().into_owned());
        Desk::new(LdapSettings { start_tls, ca_file, ..settings(&[url]) })
    };
    let (plain, tls, authority) = (slapd.url(), slapd.tls_url(), slapd.ca_file());
    assert!(is_unreachable(&with(&plain, false, &authority).ask("ann", RIGHT).await));
    for (url, start_tls) in [(&plain, true), (&tls, false), (&tls, true)] {
        let desk = with(url, start_tls, &authority);
        assert!(roles(desk.ask("ann", RIGHT).await).is_ok(), "{url}");
        assert_eq!(reason(&desk.ask("ann", "something else").await), "wrong password");
        assert!(is_unreachable(&with(url, start_tls, stranger.path()).ask("ann", RIGHT).await), "{url}");
    }
    // The right certificate under another name than the one that was asked for.
    assert!(is_unreachable(&with(&tls.replace("localhost", "127.0.0.1"), false, &authority).ask("ann", RIGHT).await));
    // The system's authorities do not know it.
    assert!(is_unreachable(&Desk::new(settings(&[&tls])).ask("ann", RIGHT).await));
    let missing = with(&tls, false, std::path::Path::new("/nonexistent/ca.pem"));
    assert!(is_unreachable(&missing.ask("ann", RIGHT).await));
    let trouble = missing.upstream.check(&missing.server).unwrap_err();
    assert!(trouble.contains("/nonexistent/ca.pem"), "{trouble}");
    Ok(())
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_is_dead_or_silent() -> Result<()> {
    let slapd = Slapd::start(PEOPLE).await?;
    let (hole, silent) = black_hole().await?;
    let dead = format!("ldap://127.0.0.1:{}", free_port()?);
    let urls = [dead.as_str(), &silent, &slapd.url()];
    let desk = Desk::new(LdapSettings { timeout: Span(Duration::from_millis(500)), ..settings(&urls) });
    for _ in 0..3 {
        let start = Instant::now();
        assert!(roles(desk.ask("ann", RIGHT).await).is_ok());
        assert!(start.elapsed() >= Duration::from_millis(500));
    }
    // Three failures in a row: both are left alone, so that nobody waits for the silent one.
    let taken = async {
        for _ in 0..3 {
            hole.accept().await?;
        }
        anyhow::Ok(())
    };
    taken.await?;
    assert!(roles(desk.ask("ann", RIGHT).await).is_ok());
    assert_eq!(reason(&desk.ask("ann", "something else").await), "wrong password");
    let fourth = tokio::time::timeout(Duration::from_millis(100), hole.accept()).await;
    assert!(fourth.is_err(), "a server that is down was asked");
    let troubled: Vec<_> = desk.upstream.probe(&desk.server).await?.into_iter().map(|p| p.trouble.is_some()).collect();
    assert_eq!(troubled, [true, true, false]);
    Ok(())
}

#[tokio::test]
async fn what_is_known_of_a_server_lasts_until_its_settings_change() -> Result<()> {
    let slapd = Slapd::start(PEOPLE).await?;
    let (_hole, silent) = black_hole().await?;
    let mut desk = Desk::new(LdapSettings { timeout: Span(Duration::from_millis(300)), ..settings(&[&silent]) });
    for round in 0..4 {
        // Read anew for each login, as the domain does.
        desk.server = Arc::new((*desk.server).clone());
        let start = Instant::now();
        assert!(is_unreachable(&desk.ask("ann", RIGHT).await));
        assert_eq!(start.elapsed() >= Duration::from_millis(300), round < 3, "the fourth waits for nobody");
    }
    let corrected = ServerKind::Ldap(settings(&[&slapd.url()]).into());
    desk.server = Arc::new(AuthServer { kind: corrected, ..(*desk.server).clone() });
    assert!(roles(desk.ask("ann", RIGHT).await).is_ok());
    let another = Secret::new("changed there, not here");
    desk.server = Arc::new(AuthServer { secret: Some(another), ..(*desk.server).clone() });
    assert!(is_unreachable(&desk.ask("ann", RIGHT).await));
    Ok(())
}

#[tokio::test]
async fn without_any_server_the_answer_is_unreachable_within_the_time_out() -> Result<()> {
    let (_hole, silent) = black_hole().await?;
    let desk = Desk::new(LdapSettings { timeout: Span(Duration::from_millis(300)), ..settings(&[&silent]) });
    for round in 0..4 {
        let start = Instant::now();
        assert!(is_unreachable(&desk.ask("ann", RIGHT).await));
        assert_eq!(start.elapsed() >= Duration::from_millis(300), round < 3, "the fourth waits for nobody");
    }
    // One place, taken by somebody who waits: the next one waits no longer than he does.
    let narrow = LdapSettings { max_concurrent: 1, timeout: Span(Duration::from_millis(300)), ..settings(&[&silent]) };
    let desk = Desk::new(narrow);
    let start = Instant::now();
    let (one, two, three) = tokio::join!(desk.ask("ann", RIGHT), desk.ask("ann", RIGHT), desk.ask("ann", RIGHT));
    assert!([one, two, three].iter().all(is_unreachable));
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test]
async fn malformed_answers_are_failures_of_the_server() -> Result<()> {
    let bind_as_search_entry = [0x30, 0x0c, 2, 1, 1, 0x64, 7, 4, 0, 0x30, 3, 4, 1, b'x'];
    let empty_message = [0x30, 0];
    let no_id = [0x30, 5, 0x61, 3, 10, 1, 0];
    let cut_result = [0x30, 5, 2, 1, 1, 0x61, 0];
    let endless = [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff];
    let garbage = *b"HTTP/1.1 400 Bad Request\r\n\r\n";
    for answer in [&bind_as_search_entry[..], &empty_message, &no_id, &cut_result, &endless, &garbage] {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("ldap://{}", listener.local_addr()?);
        let desk = Desk::new(LdapSettings { timeout: Span(Duration::from_millis(500)), ..settings(&[&url]) });
        let played = async {
            let (mut stream, _) = listener.accept().await?;
            stream.read_u8().await?;
            stream.write_all(answer).await?;
            anyhow::Ok(stream)
        };
        let (asked, played) = tokio::join!(desk.ask("ann", RIGHT), played);
        played?;
        assert!(is_unreachable(&asked), "{answer:02x?}: {asked:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_service_account_makes_the_server_useless_not_the_password_wrong() -> Result<()> {
    let slapd = Slapd::start(PEOPLE).await?;
    let mut desk = Desk::new(settings(&[&slapd.url()]));
    let wrong = AuthServer { secret: Some(Secret::new("forgotten")), ..(*desk.server).clone() };
    desk.server = Arc::new(wrong);
    assert!(is_unreachable(&desk.ask("ann", RIGHT).await));
    let trouble = desk.upstream.probe(&desk.server).await?.remove(0).trouble.unwrap_or_default();
    assert!(trouble.starts_with("the bind of the service account failed"), "{trouble}");
    Ok(())
}

#[tokio::test]
async fn groups_become_roles_from_an_attribute_or_from_a_search() -> Result<()> {
    let slapd = Slapd::start(PEOPLE).await?;
    // Written online, which makes the server keep `memberOf`.
    slapd.modify(
        "dn: cn=boss,ou=groups,dc=example,dc=com\nchangetype: modify\nadd: member\n\
         member: uid=ann,ou=people,dc=example,dc=com\n",
    )?;
    let group_roles: BTreeMap<_, _> = [
        ("CN=Sales\\2C North, OU=groups, DC=example, DC=com", "sales"),
        ("cn=boss,ou=groups,dc=example,dc=com", "boss"),
        ("cn=others,ou=groups,dc=example,dc=com", "other"),
    ]
    .map(|(dn, role)| (dn.to_owned(), role.to_owned()))
    .into();
    let with_roles = LdapSettings { group_roles, ..settings(&[&slapd.url()]) };
    let by_attribute = LdapSettings { group_attribute: Some("memberof".into()), ..with_roles.clone() };
    let by_search = LdapSettings {
        group_base_dn: Some("ou=groups,dc=example,dc=com".into()),
        group_filter: Some("(&(objectClass=groupOfNames)(member={dn}))".into()),
        ..with_roles
    };
    assert_eq!(roles(Desk::new(by_attribute).ask("ann", RIGHT).await)?, ["boss"]);
    let desk = Desk::new(by_search.clone());
    assert_eq!(roles(desk.ask("ann", RIGHT).await)?, ["sales", "boss"]);
    assert_eq!(reason(&desk.ask("ann", "something else").await), "wrong password");
    // Without an answer about groups nobody gets in.
    let nowhere = LdapSettings { group_base_dn: Some("ou=nowhere,dc=example,dc=com".into()), ..by_search };
    assert!(is_unreachable(&Desk::new(nowhere).ask("ann", RIGHT).await));
    Ok(())
}
