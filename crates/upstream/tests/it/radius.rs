//! Logins that another RADIUS server decides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gatehouse_domain::Random;
use gatehouse_domain::vpn::external::{
    Answer, AuthServer, Credential, MsChapSuccess, RadiusSettings, Secret16, ServerKind, Servers as _,
};
use gatehouse_model::{AuthServerId, Secret, Span};
use gatehouse_radius_wire::attribute::{MESSAGE_AUTHENTICATOR, MICROSOFT, PROXY_STATE, microsoft};
use gatehouse_radius_wire::{Builder, Code, Packet, chap, mppe, mschap, password};
use gatehouse_testkit::peer::FreeRadius;
use gatehouse_upstream::Upstream;
use tokio::net::UdpSocket;

const USERS: &str = r#"
ann Cleartext-Password := "ann-knows-this"
"bob, the second" Cleartext-Password := "ünïcode"
"#;

const RIGHT: &str = "ann-knows-this";

const CHALLENGE: [u8; 16] = [7; 16];
const PEER_CHALLENGE: [u8; 16] = [9; 16];

/// Asks one server, with everything that is known of it.
struct Desk {
    upstream: Upstream,
    server: Arc<AuthServer>,
}

impl Desk {
    /// Quick enough for tests that wait for silence.
    fn new(port: u16, secret: &str, change: impl FnOnce(&mut RadiusSettings)) -> Self {
        let mut settings = RadiusSettings {
            address: "127.0.0.1".into(),
            port,
            timeout: Span(Duration::from_millis(200)),
            tries: 2,
            nas_identifier: Some("gate.example.com".into()),
            require_message_authenticator: true,
            remember: Span(Duration::ZERO),
        };
        change(&mut settings);
        let (id, kind) = (AuthServerId(1), ServerKind::Radius(settings.into()));
        let server = AuthServer { id, name: "head office".into(), kind, secret: Some(Secret::new(secret)) };
        Self { upstream: Upstream::new(Random::seeded(1)), server: server.into() }
    }

    /// For Debian's FreeRADIUS, whose replies carry no Message-Authenticator.
    fn at_freeradius(server: &FreeRadius) -> Self {
        Self::new(server.port(), FreeRadius::SECRET, |settings| {
            settings.require_message_authenticator = false;
            settings.timeout = Span(Duration::from_secs(5));
        })
    }

    async fn ask(&self, login: &str, credential: Credential) -> Answer {
        self.upstream.verify(self.server.clone(), login.to_owned(), credential).await
    }
}

fn pap(password: &str) -> Credential {
    Credential::Pap(Secret::new(password))
}

fn by_chap(password: &str) -> Credential {
    let challenge = vec![5; 20];
    Credential::Chap { ident: 22, response: chap::response(22, password.as_bytes(), &challenge), challenge }
}

fn by_mschap(login: &str, password: &str) -> Credential {
    let challenge = mschap::challenge_hash(&PEER_CHALLENGE, &CHALLENGE, login.as_bytes());
    let nt_response = mschap::nt_response(&challenge, &mschap::nt_hash(password));
    Credential::MsChap2 { ident: 33, flags: 0, challenge: CHALLENGE, peer_challenge: PEER_CHALLENGE, nt_response }
}

/// What a server that knows the password proves it with.
fn right_success(login: &str, password: &str) -> MsChapSuccess {
    let hash = mschap::nt_hash(password);
    let challenge = mschap::challenge_hash(&PEER_CHALLENGE, &CHALLENGE, login.as_bytes());
    let nt_response = mschap::nt_response(&challenge, &hash);
    let master = mppe::master_key(&hash, &nt_response);
    let keys = Some((Secret16(*mppe::send_key(&master)), Secret16(*mppe::recv_key(&master))));
    MsChapSuccess { response: mschap::authenticator_response(&challenge, &hash, &nt_response), keys }
}

fn is_accepted(answer: &Answer) -> bool {
    matches!(answer, Answer::Accepted { .. })
}

fn is_unreachable(answer: &Answer) -> bool {
    matches!(answer, Answer::Unreachable)
}

fn reason(answer: &Answer) -> &'static str {
    match answer {
        Answer::Refused(reason) => reason,
        Answer::Accepted { .. } | Answer::Unreachable => "",
    }
}

/// A server that a test plays itself.
struct Puppet {
    socket: UdpSocket,
    port: u16,
}

impl Puppet {
    const SECRET: &str = "between-us-two";

    async fn start() -> Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let port = socket.local_addr()?.port();
        Ok(Self { socket, port })
    }

    async fn hear(&self) -> Result<(Vec<u8>, SocketAddr)> {
        let mut buffer = vec![0; 4096];
        let (length, from) =
            tokio::time::timeout(Duration::from_secs(10), self.socket.recv_from(&mut buffer)).await??;
        buffer.truncate(length);
        Ok((buffer, from))
    }

    /// Hears one request and answers with what `make` makes of it, in that order.
    async fn answer(&self, make: impl FnOnce(Packet<'_>) -> Vec<Vec<u8>>) -> Result<()> {
        let (request, from) = self.hear().await?;
        for datagram in make(Packet::parse(&request)?) {
            self.socket.send_to(&datagram, from).await?;
        }
        Ok(())
    }
}

fn reply(code: Code, request: Packet<'_>) -> Vec<u8> {
    Builder::reply(code, request).finish(Puppet::SECRET.as_bytes()).unwrap_or_default()
}

#[tokio::test]
async fn freeradius_decides_by_every_method() -> Result<()> {
    let server = FreeRadius::start(USERS).await?;
    let desk = Desk::at_freeradius(&server);
    for (login, password) in [("ann", RIGHT), ("bob, the second", "ünïcode")] {
        assert!(is_accepted(&desk.ask(login, pap(password)).await), "{login}");
        assert!(is_accepted(&desk.ask(login, by_chap(password)).await), "{login}");
        let Answer::Accepted { success: Some(success), roles } = desk.ask(login, by_mschap(login, password)).await
        else {
            anyhow::bail!("{login} is not accepted by MS-CHAPv2");
        };
        let right = right_success(login, password);
        assert_eq!((success.response, success.keys), (right.response, right.keys), "{login}");
        assert!(roles.is_empty());
    }
    for credential in [pap("wrong"), by_chap("wrong"), by_mschap("ann", "wrong")] {
        assert_eq!(reason(&desk.ask("ann", credential).await), "refused there");
    }
    assert_eq!(reason(&desk.ask("nobody", pap(RIGHT)).await), "refused there");
    let log = server.log()?;
    ensure!(log.contains("NAS-Identifier = \"gate.example.com\""), "{log}");
    // It drops requests without one; ours stands in front.
    let first = log.lines().skip_while(|line| !line.contains("Received Access-Request")).nth(1).unwrap_or_default();
    ensure!(first.contains("Message-Authenticator = 0x"), "{first}");
    assert_eq!(desk.upstream.probe(&desk.server).await?.remove(0).trouble, None);
    Ok(())
}

#[tokio::test]
async fn a_reply_without_message_authenticator_does_not_count_unless_the_entry_says_so() -> Result<()> {
    let server = FreeRadius::start(USERS).await?;
    let strict = Desk::new(server.port(), FreeRadius::SECRET, |_| ());
    assert!(is_unreachable(&strict.ask("ann", pap(RIGHT)).await));
    assert!(server.log()?.contains("Sent Access-Accept"));
    let trouble = strict.upstream.probe(&strict.server).await?.remove(0).trouble.unwrap_or_default();
    assert!(trouble.contains("`require_message_authenticator = false`"), "{trouble}");
    Ok(())
}

#[tokio::test]
async fn another_secret_is_silence() -> Result<()> {
    let server = FreeRadius::start(USERS).await?;
    let desk = Desk::new(server.port(), "not-the-secret", |settings| settings.require_message_authenticator = false);
    for credential in [pap(RIGHT), by_chap(RIGHT), by_mschap("ann", RIGHT)] {
        assert!(is_unreachable(&desk.ask("ann", credential).await));
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_right_is_refused_before_a_server_hears_of_it() -> Result<()> {
    let puppet = Puppet::start().await?;
    let desk = Desk::new(puppet.port, Puppet::SECRET, |_| ());
    assert_eq!(reason(&desk.ask("ann", pap("")).await), "empty password");
    assert_eq!(reason(&desk.ask("", pap(RIGHT)).await), "empty login");
    let too_long = "login or password longer than RADIUS allows";
    assert_eq!(reason(&desk.ask("ann", pap(&"x".repeat(129))).await), too_long);
    assert_eq!(reason(&desk.ask(&"x".repeat(254), pap(RIGHT)).await), too_long);
    let heard = tokio::time::timeout(Duration::from_millis(100), puppet.hear()).await;
    assert!(heard.is_err());
    let unnamed = AuthServer { secret: None, ..(*desk.server).clone() };
    let trouble = desk.upstream.check(&unnamed).unwrap_err();
    assert!(trouble.contains("it needs the secret"), "{trouble}");
    Ok(())
}

#[tokio::test]
async fn forged_replies_are_passed_over_and_the_true_one_counts() -> Result<()> {
    let puppet = Puppet::start().await?;
    let desk = Desk::new(puppet.port, Puppet::SECRET, |settings| settings.timeout = Span(Duration::from_secs(10)));
    let played = puppet.answer(|request| {
        let accept = reply(Code::AccessAccept, request);
        // Right in itself, under the secret and the authenticator.
        let mut renamed = request.bytes().to_vec();
        renamed[1] = renamed[1].wrapping_add(1);
        let other_id = Packet::parse(&renamed).map(|request| reply(Code::AccessAccept, request)).unwrap_or_default();
        let mut other_authenticator = accept.clone();
        other_authenticator[4] ^= 1;
        // An accept that is right but for an attribute that was added on the way.
        let mut longer = accept.clone();
        longer.extend([PROXY_STATE, 3, 0]);
        longer[3] += 3;
        let foreign = Builder::reply(Code::AccessAccept, request).finish(b"another secret").unwrap_or_default();
        let cut = accept[..accept.len() - 1].to_vec();
        let accounting = reply(Code::AccountingResponse, request);
        let reject = reply(Code::AccessReject, request);
        vec![vec![], other_id, other_authenticator, longer, foreign, cut, accounting, reject]
    });
    let (answer, played) = tokio::join!(desk.ask("ann", pap(RIGHT)), played);
    played?;
    assert_eq!(reason(&answer), "refused there");
    Ok(())
}

#[tokio::test]
async fn a_lost_request_is_sent_again_unchanged_and_questions_share_nothing() -> Result<()> {
    let puppet = Puppet::start().await?;
    let desk = Desk::new(puppet.port, Puppet::SECRET, |settings| settings.tries = 20);
    let played = async {
        let lost = puppet.hear().await?;
        let again = puppet.hear().await?;
        assert_eq!(lost, again, "the same packet from the same port");
        let request = Packet::parse(&again.0)?;
        puppet.socket.send_to(&reply(Code::AccessAccept, request), again.1).await?;
        anyhow::Ok(lost)
    };
    let (answer, first) = tokio::join!(desk.ask("ann", pap(RIGHT)), played);
    let (first, first_port) = first?;
    assert!(is_accepted(&answer));

    let first = Packet::parse(&first)?;
    assert_eq!(first.attributes().next().map(|attribute| attribute.kind), Some(MESSAGE_AUTHENTICATOR));
    let two = async { Ok::<_, anyhow::Error>((puppet.hear().await?, puppet.hear().await?)) };
    let two = tokio::select! {
        two = two => two?,
        _ = async { tokio::join!(desk.ask("ann", pap(RIGHT)), desk.ask("ann", pap(RIGHT))) } => anyhow::bail!("too soon"),
    };
    let ((one, one_port), (other, other_port)) = two;
    assert!(first_port != one_port && one_port != other_port);
    let hidden =
        |bytes: &[u8]| Packet::parse(bytes).map(|packet| (*packet.authenticator(), packet.find(2).map(<[u8]>::to_vec)));
    let (one_hidden, other_hidden) = (hidden(&one)?, hidden(&other)?);
    assert!(one_hidden.0 != other_hidden.0 && one_hidden.1 != other_hidden.1);
    let clear = password::reveal(Puppet::SECRET.as_bytes(), &one_hidden.0, &one_hidden.1.unwrap_or_default());
    assert_eq!(clear.as_deref().map(Vec::as_slice), Some(RIGHT.as_bytes()));
    Ok(())
}

#[tokio::test]
async fn silence_is_unreachable_and_three_times_silence_marks_the_server_down() -> Result<()> {
    let puppet = Puppet::start().await?;
    let desk = Desk::new(puppet.port, Puppet::SECRET, |_| ());
    for round in 0..4 {
        let start = Instant::now();
        assert!(is_unreachable(&desk.ask("ann", pap(RIGHT)).await));
        assert_eq!(start.elapsed() >= Duration::from_millis(400), round < 3, "the fourth waits for nobody");
    }
    let mut heard = 0;
    while tokio::time::timeout(Duration::from_millis(100), puppet.hear()).await.is_ok() {
        heard += 1;
    }
    assert_eq!(heard, 6);
    Ok(())
}

#[tokio::test]
async fn nothing_listens_there_is_unreachable() -> Result<()> {
    let port = gatehouse_testkit::peer::free_port()?;
    let desk = Desk::new(port, Puppet::SECRET, |_| ());
    assert!(is_unreachable(&desk.ask("ann", pap(RIGHT)).await));
    let nowhere = Desk::new(port, Puppet::SECRET, |settings| settings.address = "radius.invalid".into());
    assert!(is_unreachable(&nowhere.ask("ann", pap(RIGHT)).await));
    Ok(())
}

#[tokio::test]
async fn a_challenge_is_a_refusal() -> Result<()> {
    let puppet = Puppet::start().await?;
    let desk = Desk::new(puppet.port, Puppet::SECRET, |_| ());
    let played = puppet.answer(|request| vec![reply(Code::AccessChallenge, request)]);
    let (answer, played) = tokio::join!(desk.ask("ann", pap(RIGHT)), played);
    played?;
    assert_eq!(reason(&answer), "it asks for more than a password");
    Ok(())
}

#[tokio::test]
async fn mschap_needs_a_proof_and_tells_why_not() -> Result<()> {
    let puppet = Puppet::start().await?;
    let desk = Desk::new(puppet.port, Puppet::SECRET, |_| ());
    let with = |code, kind, value: &[u8]| {
        let value = value.to_vec();
        move |request: Packet<'_>| {
            let mut builder = Builder::reply(code, request);
            builder.put_vendor(MICROSOFT, kind, &value);
            vec![builder.finish(Puppet::SECRET.as_bytes()).unwrap_or_default()]
        }
    };
    let proof = right_success("ann", RIGHT).response;
    let unproved = "it accepts without proof that it knows the password";
    let (accept, reject) = (Code::AccessAccept, Code::AccessReject);
    for (code, kind, value, expected) in [
        (accept, microsoft::CHAP2_SUCCESS, format!("!{proof}"), ""),
        (accept, microsoft::CHAP2_SUCCESS, format!("\"{proof}"), unproved),
        (accept, microsoft::CHAP2_SUCCESS, format!("!{}", proof.to_lowercase()), unproved),
        (accept, microsoft::MPPE_POLICY, "none".to_owned(), unproved),
        (reject, microsoft::CHAP_ERROR, "!E=648 R=0 C=00 V=3 M=expired".to_owned(), "password expired"),
        (reject, microsoft::CHAP_ERROR, "!E=647 R=0".to_owned(), "disabled there"),
        (reject, microsoft::CHAP_ERROR, "!E=691 R=1".to_owned(), "refused there"),
        (reject, microsoft::CHAP_ERROR, "!".to_owned(), "refused there"),
    ] {
        let played = puppet.answer(with(code, kind, value.as_bytes()));
        let (answer, played) = tokio::join!(desk.ask("ann", by_mschap("ann", RIGHT)), played);
        played?;
        assert_eq!(reason(&answer), expected, "{value}");
        assert_eq!(is_accepted(&answer), expected.is_empty(), "{value}");
    }
    Ok(())
}
