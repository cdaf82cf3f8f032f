//! The door with real packets over loopback, and a double of the domain.

mod access;
mod accounting;
mod flood;
mod orders;
mod replies;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatehouse_domain::{
    Clock, Error, Random, Result,
    radius::{
        grant::{Decision, Grant, Reject, Terms},
        nas::{Nas, NasSet, NasSettings},
        report::{Reply, Report},
        request::AccessRequest,
    },
    vpn::external::{Credential, MsChapSuccess, Secret16},
};
use gatehouse_model::{AccountId, NasId, PassKind, Secret};
use gatehouse_radius_wire::{Builder, Code, Packet, Signature, attribute as number, chap, mppe, mschap, password};
use tokio::{net::UdpSocket, sync::Semaphore, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{Authority, Door, Listening, Options, bind};

const SECRET: &str = "xyzzy5461";
const PASSWORD: &str = "arctangent";
/// Long enough for a loaded machine; nothing waits this long when it works.
const DEADLINE: Duration = Duration::from_secs(20);
/// Silence is tested by asking something else afterwards; this is for what comes on top.
const QUIET: Duration = Duration::from_millis(150);

/// An entry with defaults.
pub(crate) fn nas(id: i64, network: &str) -> Nas {
    Nas {
        id: NasId(id),
        name: format!("nas{id}"),
        network: network.parse().unwrap(),
        secret: Secret::new(SECRET),
        coa_secret: Secret::new(SECRET),
        settings: NasSettings::default(),
    }
}

/// What an account without anything special gets.
fn terms() -> Terms {
    Terms {
        account: AccountId(7),
        login: "nemo".to_owned(),
        pass: PassKind::Vpn,
        idle_timeout: None,
        framed_ip: None,
        pool: None,
        dns: Vec::new(),
        routes: Vec::new(),
        groups: Vec::new(),
        speed: None,
        values: BTreeMap::new(),
        is_denied: false,
        message: None,
    }
}

fn of_terms(terms: Terms) -> Grant {
    Grant { terms: Arc::new(terms), class: b"class-7".to_vec(), success: None, session_timeout: None }
}

fn grant() -> Grant {
    of_terms(terms())
}

/// Accepts `arctangent`, waits for the gate with logins named `slow…`, and keeps what it was asked. Logins named `warm…` it lets in
/// from memory.
#[derive(Debug)]
struct Double {
    recalled: AtomicUsize,
    set: Arc<NasSet>,
    gate: Semaphore,
    is_reachable: AtomicBool,
    requests: Mutex<Vec<AccessRequest>>,
    reports: Mutex<Vec<Report>>,
}

impl Double {
    fn new(entries: impl IntoIterator<Item = Nas>) -> Arc<Self> {
        Arc::new(Self {
            recalled: AtomicUsize::new(0),
            set: Arc::new(NasSet { entries: entries.into_iter().map(Arc::new).collect() }),
            gate: Semaphore::new(0),
            is_reachable: AtomicBool::new(true),
            requests: Mutex::default(),
            reports: Mutex::default(),
        })
    }

    fn logins(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|request| request.user_name.clone()).collect()
    }

    fn away(&self) -> Result<()> {
        if self.is_reachable.load(Ordering::Relaxed) { Ok(()) } else { Err(Error::Unavailable("gone".into())) }
    }

    async fn pass_gate(&self, login: &[u8]) {
        if login.starts_with(b"slow") {
            let _permit = self.gate.acquire().await;
        }
    }
}

impl Authority for Arc<Double> {
    fn nas(&self) -> Arc<NasSet> {
        Arc::clone(&self.set)
    }

    fn is_reachable(&self) -> bool {
        self.is_reachable.load(Ordering::Relaxed)
    }

    fn recall(&self, _: &Nas, request: &AccessRequest) -> Option<Grant> {
        assert!(request.user_name != "warm panic", "as asked for");
        let is_known = request.user_name.starts_with("warm");
        is_known.then(|| {
            self.recalled.fetch_add(1, Ordering::Relaxed);
            grant()
        })
    }

    async fn admit(&self, _: Arc<Nas>, request: AccessRequest) -> Result<Decision> {
        self.requests.lock().unwrap().push(request.clone());
        self.pass_gate(request.user_name.as_bytes()).await;
        assert!(!request.user_name.ends_with("panic"), "as asked for");
        self.away()?;
        let (mut grant, user) = (grant(), request.user_name.as_bytes());
        let is_right = match &request.credential {
            Credential::Pap(given) => given.expose() == PASSWORD,
            Credential::Chap { ident, response, challenge } => {
                chap::response(*ident, PASSWORD.as_bytes(), challenge) == *response
            }
            Credential::MsChap2 { challenge, peer_challenge, nt_response, .. } => {
                let hash = mschap::nt_hash(PASSWORD);
                let short = mschap::challenge_hash(peer_challenge, challenge, user);
                let master = mppe::master_key(&hash, nt_response);
                let keys = [mppe::send_key(&master), mppe::recv_key(&master)].map(|key| Secret16(*key));
                let response = mschap::authenticator_response(&short, &hash, nt_response);
                grant.success = Some(MsChapSuccess { response, keys: Some(keys.into()) });
                mschap::nt_response(&short, &hash) == *nt_response
            }
        };
        if !is_right {
            return Ok(Decision::Reject(Reject { reason: "wrong_password", message: None, ms_chap_error: 691 }));
        }
        if request.user_name == "expired" {
            let message = Some("The account has expired".to_owned());
            return Ok(Decision::Reject(Reject { reason: "expired", message, ms_chap_error: 648 }));
        }
        Ok(Decision::Accept(Box::new(grant)))
    }

    async fn record(&self, _: Arc<Nas>, report: Report) -> Result<Reply> {
        let user = report.user_name.clone();
        self.reports.lock().unwrap().push(report);
        self.pass_gate(&user).await;
        self.away()?;
        Ok(if user == b"denied" { Reply::Silent } else { Reply::Acknowledge })
    }
}

/// A running door.
struct Running {
    auth: Vec<SocketAddr>,
    acct: SocketAddr,
    double: Arc<Double>,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

impl Running {
    /// Serves entries on addresses of this machine.
    fn start(addresses: &[&str], entries: impl IntoIterator<Item = Nas>, options: Options) -> Self {
        let any_port = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        let auth = bind(&addresses.iter().map(|ip| any_port(ip)).collect::<Vec<_>>()).unwrap();
        let acct = bind(&[any_port(addresses[0])]).unwrap();
        let addresses: Vec<_> = auth.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let listening = Listening { auth, acct };
        let acct = listening.acct[0].local_addr().unwrap();
        let door = Door::new(options, Random::System, Clock::System, &listening);
        let (double, stop) = (Double::new(entries), CancellationToken::new());
        let authority = Arc::clone(&double);
        let token = stop.clone();
        #[expect(clippy::disallowed_methods, reason = "the test waits for the task itself")]
        let served = tokio::spawn(async move { door.run(authority, listening, token).await.unwrap() });
        Self { auth: addresses, acct, double, stop, served }
    }

    /// With one entry for 127.0.0.1, and rejects that wait a moment only.
    fn local(settings: NasSettings) -> Self {
        let entry = Nas { settings, ..nas(1, "127.0.0.1/32") };
        let options = Options { reject_delay: Duration::from_millis(1), ..Options::default() };
        Self::start(&["127.0.0.1"], [entry], options)
    }

    async fn client(&self) -> Client {
        Client::new("127.0.0.1", self.auth[0]).await
    }

    async fn accounting_client(&self) -> Client {
        Client::new("127.0.0.1", self.acct).await
    }

    async fn stop(self) {
        self.stop.cancel();
        timeout(DEADLINE, self.served).await.unwrap().unwrap();
    }
}

/// A NAS that asks; its socket hears the server's address and port only.
struct Client(UdpSocket);

impl Client {
    async fn new(ip: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip.parse::<IpAddr>().unwrap(), 0)).await.unwrap();
        socket.connect(server).await.unwrap();
        Self(socket)
    }

    async fn send(&self, packet: &[u8]) {
        self.0.send(packet).await.unwrap();
    }

    async fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 5_000];
        let length = timeout(DEADLINE, self.0.recv(&mut buffer)).await.expect("a reply comes").unwrap();
        buffer.truncate(length);
        buffer
    }

    async fn ask(&self, packet: &[u8]) -> Vec<u8> {
        self.send(packet).await;
        let reply = self.receive().await;
        let asked = Packet::parse(packet).unwrap();
        let signature = Packet::parse(&reply).unwrap().verify_reply(SECRET.as_bytes(), asked.authenticator()).unwrap();
        if asked.code() == Code::AccessRequest {
            assert_eq!(signature, Signature::Valid);
            assert_eq!(reply[20], number::MESSAGE_AUTHENTICATOR, "it comes first");
        }
        reply
    }

    /// Nothing comes: neither now nor before the answer to a question that is answered for sure.
    async fn hears_nothing(&self) {
        let mut buffer = [0; 4_096];
        let heard = timeout(QUIET, self.0.recv(&mut buffer)).await;
        assert!(heard.is_err(), "{:?}", heard.map(|length| buffer[..length.unwrap()].to_vec()));
    }
}

/// An Access-Request with a password.
fn pap(id: u8, user: &str, plain: &str) -> Builder<'static> {
    let authenticator = Random::System.bytes();
    let mut builder = Builder::request(Code::AccessRequest, id, authenticator).signed();
    builder.put_text(number::USER_NAME, user);
    builder.put(number::USER_PASSWORD, &password::hide(SECRET.as_bytes(), &authenticator, plain.as_bytes()).unwrap());
    builder
}

fn sealed(builder: Builder<'_>) -> Vec<u8> {
    builder.finish(SECRET.as_bytes()).unwrap()
}

fn code(packet: &[u8]) -> Code {
    Packet::parse(packet).unwrap().code()
}

/// Waits until something holds.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, waiting).await.expect(what);
}
