use super::*;
use gatehouse_domain::radius::nas::Requirement;
use tokio::time::Instant;

#[tokio::test]
async fn a_right_password_is_accepted_and_a_wrong_one_held_back() {
    let options = Options { reject_delay: Duration::from_millis(400), ..Options::default() };
    let running = Running::start(&["127.0.0.1"], [nas(1, "127.0.0.0/8")], options);
    let client = running.client().await;
    let mut request = pap(1, "nemo", PASSWORD);
    request.put_text(number::CALLING_STATION_ID, "192.0.2.9");
    request.put(number::PROXY_STATE, b"b");
    request.put(number::PROXY_STATE, b"a");
    let reply = client.ask(&sealed(request)).await;
    let packet = Packet::parse(&reply).unwrap();
    assert_eq!((packet.code(), packet.id()), (Code::AccessAccept, 1));
    assert_eq!(packet.integer(number::SERVICE_TYPE), Some(2));
    let tail: Vec<_> = packet.attributes().map(|attribute| (attribute.kind, attribute.value)).collect();
    assert_eq!(tail[tail.len() - 2..], [(number::PROXY_STATE, &b"b"[..]), (number::PROXY_STATE, b"a")]);
    let asked = running.double.requests.lock().unwrap()[0].clone();
    assert_eq!(asked.source, "127.0.0.1".parse::<IpAddr>().unwrap());
    assert_eq!(asked.calling_station.as_deref(), Some("192.0.2.9"));

    let started = Instant::now();
    let rejects = async {
        let reply = client.ask(&sealed(pap(2, "nemo", "wrong"))).await;
        (reply, started.elapsed())
    };
    let other = running.client().await;
    let accepts = async {
        let reply = other.ask(&sealed(pap(3, "nemo", PASSWORD))).await;
        (reply, started.elapsed())
    };
    let ((rejected, held), (accepted, took)) = tokio::join!(rejects, accepts);
    assert_eq!((code(&rejected), code(&accepted)), (Code::AccessReject, Code::AccessAccept));
    assert!(held >= Duration::from_millis(400) && took < held, "{held:?} {took:?}");
    let rejected = Packet::parse(&rejected).unwrap();
    assert_eq!(rejected.attributes().count(), 1, "a wrong password is told nothing");
    running.stop().await;
}

#[tokio::test]
async fn a_reply_leaves_from_where_the_request_arrived() {
    let entries = [nas(1, "127.0.0.0/8"), nas(2, "::1/128")];
    let running = Running::start(&["127.0.0.1", "127.0.0.3", "::1"], entries, Options::default());
    for (id, (own, server)) in (1..).zip([("127.0.0.1", 0), ("127.0.0.9", 1), ("::1", 2)]) {
        // The client's socket is connected: it hears that address and port only.
        let client = Client::new(own, running.auth[server]).await;
        assert_eq!(code(&client.ask(&sealed(pap(id, "nemo", PASSWORD))).await), Code::AccessAccept);
    }
    running.stop().await;
}

#[test]
fn wildcards_are_refused() {
    let error = bind(&["0.0.0.0:0".parse().unwrap()]).unwrap_err().to_string();
    assert!(error.contains("name each one"), "{error}");
    assert!(bind(&["[::]:0".parse().unwrap()]).is_err());
}

#[tokio::test]
async fn strangers_and_wrong_secrets_hear_nothing() {
    let running = Running::local(NasSettings::default());
    let stranger = Client::new("127.0.0.2", running.auth[0]).await;
    stranger.send(&sealed(pap(1, "nemo", PASSWORD))).await;
    let client = running.client().await;
    client.send(&pap(2, "nemo", PASSWORD).finish(b"another secret").unwrap()).await;
    client.send(b"").await;
    client.send(&[1; 19]).await;
    client.send(&[0; 5_000]).await;
    let reply = Builder::request(Code::AccessAccept, 3, [0; 16]).signed();
    client.send(&sealed(reply)).await;
    client.send(&sealed(Builder::request(Code::AccountingRequest, 4, [0; 16]))).await;
    assert_eq!(code(&client.ask(&sealed(pap(5, "nemo", PASSWORD))).await), Code::AccessAccept);
    client.hears_nothing().await;
    stranger.hears_nothing().await;
    assert_eq!(running.double.logins(), ["nemo"]);
    // Without attribute 80 a wrong secret only shows in the password.
    let mut request = Builder::request(Code::AccessRequest, 6, [7; 16]);
    request.put_text(number::USER_NAME, "nemo");
    request.put(number::USER_PASSWORD, &password::hide(b"another secret", &[7; 16], b"arctangent").unwrap());
    assert_eq!(code(&client.ask(&request.finish(b"").unwrap()).await), Code::AccessReject);
    running.stop().await;
}

#[tokio::test]
async fn a_request_has_one_effect_however_often_it_arrives() {
    let running = Running::local(NasSettings::default());
    let client = running.client().await;
    let request = sealed(pap(1, "slow", PASSWORD));
    client.send(&request).await;
    eventually("the first is in work", || running.double.logins().len() == 1).await;
    client.send(&request).await;
    client.send(&request).await;
    // Others are not held up meanwhile.
    let other = running.client().await;
    assert_eq!(code(&other.ask(&sealed(pap(1, "nemo", PASSWORD))).await), Code::AccessAccept);
    running.double.gate.add_permits(1);
    let reply = client.receive().await;
    client.hears_nothing().await;
    assert_eq!(client.ask(&request).await, reply, "the same bytes again");
    assert_eq!(running.double.logins(), ["slow", "nemo"]);
    // A held reject is one, too.
    let request = sealed(pap(2, "nemo", "wrong"));
    let reply = client.ask(&request).await;
    assert_eq!(client.ask(&request).await, reply);
    assert_eq!(running.double.logins().len(), 3);
    running.stop().await;
}

#[tokio::test]
async fn message_authenticators_are_asked_for_as_the_entry_says() {
    let plain = |id, state: &[u8]| {
        let mut request = Builder::request(Code::AccessRequest, id, [id; 16]);
        request.put_text(number::USER_NAME, "nemo");
        request.put(number::USER_PASSWORD, &password::hide(SECRET.as_bytes(), &[id; 16], b"arctangent").unwrap());
        request.put(number::PROXY_STATE, state);
        sealed(request)
    };
    for (requirement, accepts_plain, accepts_forwarded) in
        [(Requirement::Yes, false, false), (Requirement::Auto, true, false), (Requirement::No, true, true)]
    {
        let settings = NasSettings { require_message_authenticator: requirement, ..NasSettings::default() };
        let running = Running::local(settings);
        let client = running.client().await;
        for (id, state, accepts) in [(1, &b""[..], accepts_plain), (2, b"state", accepts_forwarded)] {
            client.send(&plain(id, state)).await;
            client.send(&sealed(pap(9, "nemo", PASSWORD))).await;
            let mut ids = vec![client.receive().await[1]];
            if accepts {
                ids.push(client.receive().await[1]);
            }
            ids.sort_unstable();
            assert_eq!(ids, if accepts { vec![id, 9] } else { vec![9] }, "{requirement:?} {id}");
        }
        client.hears_nothing().await;
        running.stop().await;
    }
}

#[tokio::test]
async fn exactly_one_credential_and_a_name_are_needed() {
    let running = Running::local(NasSettings::default());
    let client = running.client().await;
    let request = |id| Builder::request(Code::AccessRequest, id, [id; 16]).signed();
    let hidden = |id| password::hide(SECRET.as_bytes(), &[id; 16], b"arctangent").unwrap();
    let with = |id: u8, parts: &[(u8, Vec<u8>)]| {
        let mut request = request(id);
        for (kind, value) in parts {
            request.put(*kind, value);
        }
        sealed(request)
    };
    let nemo = || (number::USER_NAME, b"nemo".to_vec());
    let refused = [
        with(1, &[nemo()]),
        with(2, &[nemo(), (number::USER_PASSWORD, hidden(2)), (number::CHAP_PASSWORD, vec![1; 17])]),
        with(3, &[nemo(), (number::USER_PASSWORD, hidden(3)), (number::USER_PASSWORD, hidden(3))]),
        with(4, &[(number::USER_PASSWORD, hidden(4))]),
        with(5, &[(number::USER_NAME, vec![0xff]), (number::USER_PASSWORD, hidden(5))]),
        with(6, &[nemo(), (number::USER_PASSWORD, vec![1; 17])]),
        with(7, &[nemo(), (number::CHAP_PASSWORD, vec![1; 16])]),
    ];
    for request in refused {
        let reply = client.ask(&request).await;
        assert_eq!((code(&reply), reply.len()), (Code::AccessReject, 38));
    }
    let reply = client.ask(&with(8, &[nemo(), (number::EAP_MESSAGE, vec![2, 9, 0, 5, 1])])).await;
    let packet = Packet::parse(&reply).unwrap();
    assert_eq!((packet.code(), packet.find(number::EAP_MESSAGE)), (Code::AccessReject, Some(&[4, 9, 0, 4][..])));
    for (id, kind) in [(10, number::microsoft::CHAP_RESPONSE), (11, number::microsoft::CHAP2_RESPONSE)] {
        let mut request = request(id);
        request.put_text(number::USER_NAME, "nemo");
        // Version 1 with its challenge; version 2 without one.
        request.put_vendor(number::MICROSOFT, kind, &[0; 50]);
        assert_eq!(code(&client.ask(&sealed(request)).await), Code::AccessReject, "{kind}");
    }
    assert!(running.double.logins().is_empty());
    running.stop().await;
}

#[tokio::test]
async fn chap_takes_the_authenticator_for_a_missing_challenge() {
    let running = Running::local(NasSettings::default());
    let client = running.client().await;
    for (id, challenge) in [(1, None), (2, Some([5; 20]))] {
        let mut request = Builder::request(Code::AccessRequest, id, [id; 16]).signed();
        let asked = challenge.map_or(vec![id; 16], |challenge| challenge.to_vec());
        let response = chap::response(3, PASSWORD.as_bytes(), &asked);
        request.put_text(number::USER_NAME, "nemo");
        request.put(number::CHAP_PASSWORD, &[&[3], &response[..]].concat());
        request.put(number::CHAP_CHALLENGE, challenge.as_ref().map_or(&[], |challenge| &challenge[..]));
        assert_eq!(code(&client.ask(&sealed(request)).await), Code::AccessAccept);
    }
    running.stop().await;
}

/// An MS-CHAPv2 request and what its machine expects in return.
fn ms_chap(id: u8, user: &str, plain: &str) -> (Vec<u8>, String) {
    let (challenge, peer) = (Random::System.bytes(), Random::System.bytes());
    let hash = mschap::nt_hash(plain);
    let short = mschap::challenge_hash(&peer, &challenge, user.as_bytes());
    let response = mschap::nt_response(&short, &hash);
    let mut request = Builder::request(Code::AccessRequest, id, [id; 16]).signed();
    request.put_text(number::USER_NAME, user);
    request.put_vendor(number::MICROSOFT, number::microsoft::CHAP_CHALLENGE, &challenge);
    let value = [&[id, 0][..], &peer, &[0; 8], &response].concat();
    request.put_vendor(number::MICROSOFT, number::microsoft::CHAP2_RESPONSE, &value);
    (sealed(request), mschap::authenticator_response(&short, &hash, &response))
}

#[tokio::test]
async fn ms_chap_proves_the_server_and_hands_out_keys() {
    let running = Running::local(NasSettings::default());
    let client = running.client().await;
    let (request, proof) = ms_chap(5, "DOMAIN\\nemo", PASSWORD);
    let reply = client.ask(&request).await;
    let packet = Packet::parse(&reply).unwrap();
    let microsoft = |kind| packet.vendor(number::MICROSOFT, kind).unwrap();
    assert_eq!(microsoft(number::microsoft::CHAP2_SUCCESS), [&[5], proof.as_bytes()].concat());
    assert_eq!(microsoft(number::microsoft::MPPE_POLICY), [0, 0, 0, 1]);
    assert_eq!(microsoft(number::microsoft::MPPE_TYPES), [0, 0, 0, 4]);
    let asked = Packet::parse(&request).unwrap();
    let value = asked.vendor(number::MICROSOFT, number::microsoft::CHAP2_RESPONSE).unwrap();
    let response = mschap::Response::read(value).unwrap();
    let master = mppe::master_key(&mschap::nt_hash(PASSWORD), response.nt_response);
    let keys = [
        (number::microsoft::MPPE_SEND_KEY, mppe::send_key(&master)),
        (number::microsoft::MPPE_RECV_KEY, mppe::recv_key(&master)),
    ];
    for (kind, key) in keys {
        assert_eq!(&**mppe::decrypt(SECRET.as_bytes(), &[5; 16], microsoft(kind)).unwrap(), &*key);
    }
    let salts =
        [number::microsoft::MPPE_SEND_KEY, number::microsoft::MPPE_RECV_KEY].map(|kind| microsoft(kind)[..2].to_vec());
    assert!(salts[0] != salts[1] && salts.iter().all(|salt| salt[0] >= 0x80));

    for (id, user, plain, error, message) in [
        (6, "nemo", "wrong", "E=691 R=0 C=", " V=3 M=Authentication failed"),
        (7, "expired", PASSWORD, "E=648 R=0 C=", " V=3 M=The account has expired"),
    ] {
        let reply = client.ask(&ms_chap(id, user, plain).0).await;
        let packet = Packet::parse(&reply).unwrap();
        assert_eq!(packet.code(), Code::AccessReject);
        let value = packet.vendor(number::MICROSOFT, number::microsoft::CHAP_ERROR).unwrap();
        let text = str::from_utf8(&value[1..]).unwrap();
        assert!(value[0] == id && text.starts_with(error) && text.ends_with(message), "{text}");
        assert_eq!(packet.text(number::REPLY_MESSAGE), (user == "expired").then_some("The account has expired"));
    }
    running.stop().await;
}

#[tokio::test]
async fn without_a_decision_there_is_silence_and_the_repeat_counts() {
    let running = Running::local(NasSettings::default());
    let client = running.client().await;
    running.double.is_reachable.store(false, Ordering::Relaxed);
    let request = sealed(pap(1, "nemo", PASSWORD));
    client.send(&request).await;
    eventually("it was asked", || running.double.logins().len() == 1).await;
    client.hears_nothing().await;
    running.double.is_reachable.store(true, Ordering::Relaxed);
    assert_eq!(code(&client.ask(&request).await), Code::AccessAccept);
    assert_eq!(running.double.logins().len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn status_is_told_on_both_ports_while_the_database_answers() {
    let running = Running::local(NasSettings::default());
    let (auth, acct) = (running.client().await, running.accounting_client().await);
    let status = |id| Builder::request(Code::StatusServer, id, [id; 16]);
    assert_eq!(code(&auth.ask(&sealed(status(1).signed())).await), Code::AccessAccept);
    assert_eq!(code(&acct.ask(&sealed(status(2).signed())).await), Code::AccountingResponse);
    auth.send(&sealed(status(3))).await;
    running.double.is_reachable.store(false, Ordering::Relaxed);
    auth.send(&sealed(status(4).signed())).await;
    auth.hears_nothing().await;
    assert!(running.double.logins().is_empty());
    running.stop().await;
}

#[tokio::test]
async fn who_is_known_is_answered_by_the_loop_and_a_repeat_with_the_same_bytes() {
    let running = Running::local(NasSettings::default());
    let client = running.client().await;
    let mut replies = Vec::new();
    let requests: Vec<_> = (0..=255).map(|id| sealed(pap(id, "warm", PASSWORD))).collect();
    for request in &requests {
        client.send(request).await;
        client.send(request).await;
        for _ in 0..2 {
            replies.push(client.receive().await);
        }
    }
    for (request, pair) in requests.iter().zip(replies.chunks(2)) {
        assert_eq!(pair[0], pair[1]);
        assert_eq!(client.ask(request).await, pair[0], "also later");
    }
    assert_eq!(running.double.recalled.load(Ordering::Relaxed), requests.len(), "each had one effect");
    assert!(running.double.logins().is_empty(), "nobody else was asked");
    // A panic is one request's end, and its repeat counts as new.
    client.send(&sealed(pap(1, "warm panic", PASSWORD))).await;
    assert_eq!(code(&client.ask(&requests[7]).await), Code::AccessAccept);
    assert_eq!(code(&client.ask(&sealed(pap(2, "nemo", PASSWORD))).await), Code::AccessAccept);
    client.hears_nothing().await;
    running.stop().await;
}

#[tokio::test]
async fn a_burst_is_answered_whole() {
    let running = Running::local(NasSettings::default());
    let client = running.client().await;
    // More than a batch, at once, and fewer than fit the socket's buffer.
    let warm: Vec<_> = (0..200).map(|id| sealed(pap(id, "warm", PASSWORD))).collect();
    for request in &warm {
        client.send(request).await;
    }
    let mut ids = Vec::new();
    for _ in &warm {
        ids.push(client.receive().await[1]);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..200).collect::<Vec<_>>());
    running.stop().await;
}
