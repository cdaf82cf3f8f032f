use super::*;
use crate::{
    duplicate::Duplicates,
    receive::{Desk, Port, Socket},
};

#[tokio::test]
async fn a_nas_that_floods_has_its_share_and_others_are_served() {
    let entries = [nas(1, "127.0.0.1/32"), nas(2, "127.0.0.2/32")];
    let running = Running::start(&["127.0.0.1"], entries, Options::default());
    let client = running.client().await;
    for id in 0..=255 {
        for _ in 0..6 {
            client.send(&sealed(pap(id, "slow", PASSWORD))).await;
        }
        // The answer says that the loop has taken what came before, so that none is lost on the way.
        client.ask(&sealed(Builder::request(Code::StatusServer, id, [id; 16]).signed())).await;
    }
    eventually("they are in work", || running.double.logins().len() == 1_024).await;
    let other = Client::new("127.0.0.2", running.auth[0]).await;
    assert_eq!(code(&other.ask(&sealed(pap(1, "nemo", PASSWORD))).await), Code::AccessAccept);
    assert_eq!(running.double.logins().len(), 1_024 + 1);
    running.double.gate.add_permits(1);
    assert_eq!(code(&client.receive().await), Code::AccessAccept);
    running.double.gate.add_permits(2_000);
    running.stop().await;
}

#[tokio::test]
async fn no_datagram_stops_the_loop() {
    let (desk, _release) = Desk::new(
        Double::new([nas(1, "127.0.0.1/32")]),
        Random::System,
        Duration::ZERO,
        Duplicates::new(Duration::from_secs(10), 64),
    );
    let own = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let from = own.local_addr().unwrap();
    let random = Random::seeded(7);
    for port in [Port::Auth, Port::Acct] {
        let socket = Arc::new(Socket { udp: std::net::UdpSocket::bind("127.0.0.1:0").unwrap(), port });
        let mut accounting = Builder::request(Code::AccountingRequest, 3, [0; 16]);
        accounting.put_integer(number::ACCT_STATUS_TYPE, 1);
        let valid = [sealed(pap(1, "nemo", PASSWORD)), sealed(pap(2, "", "")), sealed(accounting)];
        for _ in 0..2_000 {
            for packet in &valid {
                let mut packet = packet.clone();
                let at = usize::try_from(random.below(u64::try_from(packet.len()).unwrap())).unwrap();
                packet[at] = random.bytes::<1>()[0];
                packet.truncate(packet.len() - usize::try_from(random.below(3)).unwrap());
                desk.take(&socket, from, &packet);
            }
            tokio::task::yield_now().await;
        }
    }
    eventually("whatever was spawned ends", || desk.tasks.is_empty()).await;
}

#[tokio::test]
async fn a_panic_is_one_requests_end() {
    let running = Running::local(NasSettings::default());
    let client = running.client().await;
    // The second one panics after it has waited.
    let first = sealed(pap(1, "panic", PASSWORD));
    client.send(&first).await;
    client.send(&sealed(pap(2, "slow panic", PASSWORD))).await;
    eventually("both are in work", || running.double.logins().len() == 2).await;
    running.double.gate.add_permits(1);
    assert_eq!(code(&client.ask(&sealed(pap(3, "nemo", PASSWORD))).await), Code::AccessAccept);
    client.hears_nothing().await;
    // Nothing is left of it: its repeat counts as new.
    client.send(&first).await;
    eventually("it is asked again", || running.double.logins().len() == 4).await;
    running.stop().await;
}
