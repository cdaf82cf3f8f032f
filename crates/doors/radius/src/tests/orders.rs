use std::{net::Ipv4Addr, os::unix::fs::PermissionsExt as _, path::Path};

use gatehouse_domain::radius::{
    enforce::{Enforcer as _, Order, Outcome, Stay},
    grant::Speed,
    nas::{AttributeSets, Disconnect, Profile},
};
use gatehouse_radius_wire::dictionary;

use super::*;
use crate::command::Commands;

/// A NAS that takes orders.
struct Router(UdpSocket);

impl Router {
    async fn new() -> Self {
        Self(UdpSocket::bind("127.0.0.1:0").await.unwrap())
    }

    fn stay(&self, settings: NasSettings) -> Stay {
        let settings = NasSettings { coa_port: self.0.local_addr().unwrap().port(), ..settings };
        let entry = Nas { settings, coa_secret: Secret::new("for orders"), ..nas(1, "127.0.0.1/32") };
        Stay {
            nas: Arc::new(entry),
            nas_address: Ipv4Addr::LOCALHOST.into(),
            login: "nemo".to_owned(),
            user_name: b"NEMO@realm".to_vec(),
            session_id: vec![b'0', 0xff, b'D'],
            framed_ip: Some("10.0.0.7".to_owned()),
            calling_station: None,
            nas_identifier: Some("edge".to_owned()),
            is_in_garden: false,
        }
    }

    async fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 4_096];
        let (length, from) = timeout(DEADLINE, self.0.recv_from(&mut buffer)).await.expect("an order comes").unwrap();
        buffer.truncate(length);
        (buffer, from)
    }

    async fn reply(&self, order: &[u8], to: SocketAddr, code: Code, cause: Option<u32>) {
        let mut reply = Builder::reply(code, Packet::parse(order).unwrap());
        if let Some(cause) = cause {
            reply.put_integer(number::ERROR_CAUSE, cause);
        }
        self.0.send_to(&reply.finish(b"for orders").unwrap(), to).await.unwrap();
    }
}

fn door(retransmit: Duration, commands: &[(&str, &[&str])]) -> Door {
    let owned =
        |(name, vector): &(&str, &[&str])| ((*name).to_owned(), vector.iter().map(|part| (*part).to_owned()).collect());
    let options = Options { retransmit, commands: commands.iter().map(owned).collect(), ..Options::default() };
    Door::new(options, Random::System, Clock::System, &Listening::default())
}

fn lines(packet: &[u8]) -> Vec<String> {
    let lines = dictionary::describe(&Packet::parse(packet).unwrap()).into_iter();
    lines.filter(|(name, _)| name != "Event-Timestamp").map(|(name, value)| format!("{name} = {value}")).collect()
}

#[tokio::test]
async fn a_disconnect_names_the_session_byte_for_byte() {
    let router = Router::new().await;
    let door = door(DEADLINE, &[]);
    let enforcing = door.enforce(router.stay(NasSettings::default()), Order::Disconnect);
    let answering = async {
        let (order, from) = router.receive().await;
        let packet = Packet::parse(&order).unwrap();
        assert_eq!(packet.code(), Code::DisconnectRequest);
        assert_eq!(packet.verify_request(b"for orders"), Ok(Signature::Valid));
        let first = "Message-Authenticator = (16 bytes)";
        assert_eq!(lines(&order), [first, "User-Name = NEMO@realm", "Acct-Session-Id = 0x30ff44"]);
        assert!(packet.integer(number::EVENT_TIMESTAMP).is_some_and(|at| at > 1_700_000_000));
        router.reply(&order, from, Code::DisconnectAck, None).await;
    };
    let (outcome, ()) = tokio::join!(enforcing, answering);
    assert_eq!(outcome, Outcome::Ack);
}

#[tokio::test]
async fn a_change_carries_what_the_person_now_gets() {
    let router = Router::new().await;
    let attributes = AttributeSets {
        change: vec![("Reply-Message".to_owned(), "{login} {session}".to_owned())],
        disconnect: ["Acct-Session-Id", "NAS-Identifier", "Framed-IP-Address", "NAS-IP-Address", "Calling-Station-Id"]
            .map(str::to_owned)
            .to_vec(),
        ..AttributeSets::default()
    };
    let settings = NasSettings {
        profile: Profile::Mikrotik,
        attributes,
        coa_message_authenticator: false,
        ..NasSettings::default()
    };
    let terms =
        Terms { speed: Some(Speed { up: 1_000_000, down: 512_000 }), groups: vec!["dev".to_owned()], ..terms() };
    let grant = Grant { session_timeout: Some(Duration::from_mins(1)), ..of_terms(terms) };
    let door = door(DEADLINE, &[]);
    let enforcing = door.enforce(router.stay(settings), Order::Change(Box::new(grant)));
    let answering = async {
        let (order, from) = router.receive().await;
        assert_eq!(Packet::parse(&order).unwrap().code(), Code::CoaRequest);
        assert_eq!(
            lines(&order),
            [
                "Acct-Session-Id = 0x30ff44",
                "NAS-Identifier = edge",
                "Framed-IP-Address = 10.0.0.7",
                "NAS-IP-Address = 127.0.0.1",
                "Session-Timeout = 60",
                "Mikrotik-Address-List = dev",
                "Mikrotik-Rate-Limit = 1M/512k",
                "Reply-Message = nemo 0\u{fffd}D",
            ]
        );
        router.reply(&order, from, Code::CoaNak, Some(401)).await;
    };
    let (outcome, ()) = tokio::join!(enforcing, answering);
    assert_eq!(outcome, Outcome::Nak(401));
}

#[tokio::test]
async fn forged_replies_are_not_looked_at() {
    let router = Router::new().await;
    let forger = Router::new().await;
    let door = door(DEADLINE, &[]);
    let enforcing = door.enforce(router.stay(NasSettings::default()), Order::Disconnect);
    let answering = async {
        let (order, from) = router.receive().await;
        // From another port, though it is the right packet.
        forger.reply(&order, from, Code::DisconnectAck, None).await;
        let parsed = Packet::parse(&order).unwrap();
        let wrong_secret = Builder::reply(Code::DisconnectAck, parsed).finish(b"guessed").unwrap();
        let mut other_id = order.clone();
        other_id[1] ^= 1;
        let other_id =
            Builder::reply(Code::DisconnectAck, Packet::parse(&other_id).unwrap()).finish(b"for orders").unwrap();
        let other_code = Builder::reply(Code::CoaAck, parsed).finish(b"for orders").unwrap();
        for forged in [&b""[..], &[0; 64], &wrong_secret, &other_id, &other_code, &order] {
            router.0.send_to(forged, from).await.unwrap();
        }
        router.reply(&order, from, Code::DisconnectNak, Some(503)).await;
    };
    let (outcome, ()) = tokio::join!(enforcing, answering);
    assert_eq!(outcome, Outcome::Nak(503));
}

#[tokio::test]
async fn the_same_packet_is_sent_three_times() {
    let router = Router::new().await;
    let door = door(Duration::from_millis(50), &[]);
    let outcome = door.enforce(router.stay(NasSettings::default()), Order::Disconnect).await;
    assert_eq!(outcome, Outcome::Silent);
    let (first, _) = router.receive().await;
    for _ in 0..2 {
        assert_eq!(router.receive().await.0, first);
    }
    let mut buffer = [0; 1];
    assert!(router.0.try_recv(&mut buffer).is_err());
    // A port where nobody listens is silence, too.
    let stay = router.stay(NasSettings::default());
    drop(router);
    assert_eq!(door.enforce(stay, Order::Disconnect).await, Outcome::Silent);
}

#[tokio::test]
async fn some_entries_cannot_be_ordered() {
    let router = Router::new().await;
    let door = door(DEADLINE, &[]);
    for disconnect in [Disconnect::None, Disconnect::Command] {
        let stay = router.stay(NasSettings { disconnect, ..NasSettings::default() });
        let change = Order::Change(Box::new(grant()));
        assert_eq!(door.enforce(stay.clone(), change).await, Outcome::Impossible);
        assert_eq!(door.enforce(stay, Order::Disconnect).await, Outcome::Impossible);
    }
}

/// A program that writes its arguments, one a line, and its environment beside itself.
fn program(folder: &Path, name: &str, rest: &str) -> String {
    let path = folder.join(name);
    let shown = folder.display();
    let text = format!(
        "#!/bin/sh\nfor a in \"$@\"; do printf '%s\\n' \"$a\" >> {shown}/{name}.args; done\nenv > {shown}/{name}.env\n{rest}\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn programs_get_their_arguments_without_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let good = program(folder.path(), "good", "exit 0");
    let bad = program(folder.path(), "bad", "exit 3");
    let router = Router::new().await;
    let commands: [(&str, &[&str]); 4] = [
        ("good", &[&good, "disconnect", "--user={login}", "{session}", "{ip}-{nas}"]),
        ("bad", &[&bad]),
        ("option", &[&good, "{login}"]),
        ("missing", &["/nonexistent/program"]),
    ];
    let door = door(DEADLINE, &commands);
    let order = |command: &str, login: &str| {
        let settings = NasSettings {
            disconnect: Disconnect::Command,
            command: Some(command.to_owned()),
            ..NasSettings::default()
        };
        let stay = Stay { login: login.to_owned(), session_id: b"$(id); \"x".to_vec(), ..router.stay(settings) };
        door.enforce(stay, Order::Disconnect)
    };
    assert_eq!(order("good", "ne mo").await, Outcome::Ack);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("good.args"), "disconnect\n--user=ne mo\n$(id); \"x\n10.0.0.7-nas1\n");
    let own: Vec<_> = read("good.env").lines().map(|line| line.split('=').next().unwrap().to_owned()).collect();
    assert!(own.iter().all(|name| ["PATH", "PWD", "SHLVL", "_"].contains(&name.as_str())), "{own:?}");
    assert_eq!(order("bad", "nemo").await, Outcome::Nak(0));
    assert_eq!(order("option", "--all").await, Outcome::Impossible, "a login is no option");
    assert_eq!(order("good", "ne\0mo").await, Outcome::Impossible);
    assert_eq!(order("missing", "nemo").await, Outcome::Nak(0));
    assert_eq!(order("unknown", "nemo").await, Outcome::Impossible);
}

#[tokio::test]
async fn a_program_that_hangs_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = program(folder.path(), "hangs", "echo $$ > \"$0.pid\"; exec sleep 600");
    let router = Router::new().await;
    let settings =
        NasSettings { disconnect: Disconnect::Command, command: Some("hangs".to_owned()), ..NasSettings::default() };
    let vectors = [("hangs".to_owned(), vec![path.clone()])].into();
    // Long enough for the program to say who it is, even on a loaded machine.
    let commands = Commands::with_patience(vectors, Duration::from_secs(1));
    assert_eq!(commands.run(&router.stay(settings)).await, Outcome::Silent);
    let pid = std::fs::read_to_string(format!("{path}.pid")).unwrap();
    let process = format!("/proc/{}/cmdline", pid.trim());
    // Killed and not yet collected, it has no command line.
    eventually("it is gone", || std::fs::read(&process).map_or(true, |line| line.is_empty())).await;
}
