//! Disconnect and CoA: our side as the one who asks (RFC 5176, specs/radius.md §8).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use gatehouse_domain::{
    Clock, Random,
    radius::{
        enforce::{Order, Outcome, Stay},
        nas::{Disconnect, Profile},
    },
};
use gatehouse_radius_wire::{Builder, Code, MAX_PACKET, Oversize, Packet, attribute as number};
use tokio::{
    net::UdpSocket,
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use crate::{command, meter, reply};

/// Sessions that are cut at the same time; each takes a socket.
const PARALLEL: usize = 128;
/// Programs that run at the same time.
const PROGRAMS: usize = 8;
/// Times the same packet is sent.
const TRIES: u32 = 3;

/// Sends orders to NAS.
pub(crate) struct Sender {
    pub(crate) commands: command::Commands,
    /// Between two sends of one packet, and how long the last one waits.
    pub(crate) pause: Duration,
    pub(crate) random: Random,
    pub(crate) clock: Clock,
    /// Addresses we are asked at: routers take orders from these only.
    pub(crate) own: Vec<IpAddr>,
    sockets: Semaphore,
    programs: Semaphore,
}

impl Sender {
    pub(crate) fn new(
        commands: command::Commands,
        pause: Duration,
        random: Random,
        clock: Clock,
        own: Vec<IpAddr>,
    ) -> Self {
        let (sockets, programs) = (Semaphore::new(PARALLEL), Semaphore::new(PROGRAMS));
        Self { commands, pause, random, clock, own, sockets, programs }
    }

    /// Carries out an order: one round.
    pub(crate) async fn enforce(&self, stay: &Stay, order: &Order) -> Outcome {
        let settings = &stay.nas.settings;
        let (name, outcome) = match (order, settings.disconnect) {
            (Order::Disconnect, Disconnect::Coa) => {
                ("disconnect", self.ask(stay, Code::DisconnectRequest, order).await)
            }
            (Order::Change(_), Disconnect::Coa) => ("change", self.ask(stay, Code::CoaRequest, order).await),
            (Order::Disconnect, Disconnect::Command) => ("disconnect", self.run(stay).await),
            (Order::Disconnect, Disconnect::None) => ("disconnect", Outcome::Impossible),
            (Order::Change(_), Disconnect::Command | Disconnect::None) => ("change", Outcome::Impossible),
        };
        let (nas, user, outcome_text) = (&stay.nas.name, &stay.login, outcome.text());
        tracing::debug!(nas, ?user, order = name, outcome = outcome_text, "order sent");
        meter::ordered(nas, name, outcome_text);
        outcome
    }

    async fn run(&self, stay: &Stay) -> Outcome {
        // Closed never; while all run, the order waits.
        let _permit = self.programs.acquire().await;
        self.commands.run(stay).await
    }

    async fn ask(&self, stay: &Stay, code: Code, order: &Order) -> Outcome {
        let _permit = self.sockets.acquire().await;
        let Ok(packet) = self.packet(stay, code, order) else {
            tracing::error!(nas = stay.nas.name, "an order is {Oversize}");
            return Outcome::Impossible;
        };
        match self.exchange(stay, code, &packet).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(nas = stay.nas.name, %error, "an order cannot be sent");
                Outcome::Silent
            }
        }
    }

    /// The packet of an order: what identifies the session, byte for byte, and for a change what it gets.
    fn packet(&self, stay: &Stay, code: Code, order: &Order) -> Result<Vec<u8>, Oversize> {
        let settings = &stay.nas.settings;
        let [id] = self.random.bytes();
        let mut builder = Builder::request(code, id, [0; 16]);
        if settings.coa_message_authenticator {
            builder = builder.signed();
        }
        let by_profile = identification(settings.profile);
        let given: Vec<_> = settings.attributes.disconnect.iter().map(String::as_str).collect();
        for name in if given.is_empty() { by_profile } else { &given } {
            identify(&mut builder, stay, name);
        }
        let now = u32::try_from(self.clock.now().0 / 1_000).unwrap_or_default();
        builder.put_integer(number::EVENT_TIMESTAMP, now);
        let (sets, _) = reply::Sets::parse(&settings.attributes);
        if let Order::Change(grant) = order {
            builder = reply::change(&stay.nas, &sets, builder, grant, (&stay.session_id, stay.is_in_garden));
        }
        builder.finish(stay.nas.coa_secret.expose().as_bytes())
    }

    /// Sends the same packet until a reply comes that the secret vouches for; whatever else arrives is not looked at.
    async fn exchange(&self, stay: &Stay, code: Code, packet: &[u8]) -> io::Result<Outcome> {
        let to = SocketAddr::new(stay.nas_address.to_canonical(), stay.nas.settings.coa_port);
        let socket = self.socket(to).await?;
        let mut buffer = vec![0; MAX_PACKET];
        for _ in 0..TRIES {
            let until = Instant::now() + self.pause;
            // Refused is how a closed port answers the packet before; the NAS may be starting.
            let _ = socket.send(packet).await;
            while let Ok(received) = timeout_at(until, socket.recv(&mut buffer)).await {
                let Ok(length) = received else { continue };
                let reply = buffer.get(..length).unwrap_or_default();
                if let Some(outcome) = judge(reply, packet, code, stay.nas.coa_secret.expose().as_bytes()) {
                    return Ok(outcome);
                }
                meter::dropped(&stay.nas.name, "forged_reply");
            }
        }
        Ok(Outcome::Silent)
    }

    /// A socket of a random port that hears the NAS only.
    async fn socket(&self, to: SocketAddr) -> io::Result<UdpSocket> {
        let any = if to.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
        let is_near = |ip: &&IpAddr| ip.is_ipv4() == to.is_ipv4() && ip.is_loopback() == to.ip().is_loopback();
        let own = self.own.iter().find(is_near).copied().unwrap_or(any);
        let socket = UdpSocket::bind((own, 0)).await?;
        socket.connect(to).await?;
        Ok(socket)
    }
}

/// Reads a reply; `None` for what is none to this packet.
fn judge(reply: &[u8], request: &[u8], code: Code, secret: &[u8]) -> Option<Outcome> {
    let (reply, request) = (Packet::parse(reply).ok()?, Packet::parse(request).ok()?);
    let (ack, nak) = match code {
        Code::DisconnectRequest => (Code::DisconnectAck, Code::DisconnectNak),
        _ => (Code::CoaAck, Code::CoaNak),
    };
    if reply.id() != request.id() || reply.verify_reply(secret, request.authenticator()).is_err() {
        return None;
    }
    match reply.code() {
        code if code == ack => Some(Outcome::Ack),
        code if code == nak => Some(Outcome::Nak(reply.integer(number::ERROR_CAUSE).unwrap_or(0))),
        _ => None,
    }
}

/// What routers need to find a session.
fn identification(profile: Profile) -> &'static [&'static str] {
    match profile {
        Profile::Generic | Profile::Ocserv | Profile::AccelPpp => &["User-Name", "Acct-Session-Id"],
        Profile::Mikrotik => &["User-Name", "Acct-Session-Id", "Framed-IP-Address"],
    }
}

/// Adds one attribute of a session, if the NAS ever sent it.
fn identify(builder: &mut Builder<'_>, stay: &Stay, name: &str) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default().into_bytes();
    let (kind, value) = match name.to_ascii_lowercase().as_str() {
        "user-name" => (number::USER_NAME, stay.user_name.clone()),
        "acct-session-id" => (number::ACCT_SESSION_ID, stay.session_id.clone()),
        "calling-station-id" => (number::CALLING_STATION_ID, text(&stay.calling_station)),
        "nas-identifier" => (number::NAS_IDENTIFIER, text(&stay.nas_identifier)),
        "framed-ip-address" => {
            let ip = stay.framed_ip.as_ref().and_then(|ip| ip.parse::<Ipv4Addr>().ok());
            (number::FRAMED_IP_ADDRESS, ip.map(|ip| ip.octets().to_vec()).unwrap_or_default())
        }
        "nas-ip-address" => match stay.nas_address.to_canonical() {
            IpAddr::V4(ip) => (number::NAS_IP_ADDRESS, ip.octets().to_vec()),
            IpAddr::V6(ip) => (number::NAS_IPV6_ADDRESS, ip.octets().to_vec()),
        },
        _ => {
            tracing::warn!(nas = stay.nas.name, name, "an attribute does not identify sessions and is left out");
            return;
        }
    };
    builder.put(kind, &value);
}
