//! The test vectors of specs/radius.md §12; the RFCs' own examples are among them.

use gatehouse_radius_wire::{Builder, Code, DropReason, Packet, Signature, attribute, chap, mppe, mschap, password};

const SECRET: &[u8] = b"xyzzy5461";
const RA: &str = "0f403f9473978057bd83d5cb98f4227a";
const PAP_REQUEST: &str =
    "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110050600000003";
const PLAIN_ACCEPT: &str = "0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103";
const STATUS: &str = "0cda00268a54f4686fb394c52866e302185d062350125a665e2e1e8411f3e243822097c84fa3";
const STATUS_REPLY: &str = "02da0014ef0d552a4bf2d693ec2b6fe8b5411d66";
const ACCEPT: &str =
    "020000325daf37884a7feb455be3fedc3c4b561d5012098322738d041628979b8b79a0a015e60606000000021b0600000e10";
const REJECT: &str = "030000268b2603f419910644078cefadd30786245012fd4912ddce426401b843085aff12f5da";
const STOP: &str =
    "04070036bdd51fcdf2315da5bc0b5554f9eb06aa28060000000201066e656d6f2c0a30303030414243442a06ffffffff340600000001";
const STOP_REPLY: &str = "05070014a0b9662fdefed06d89552bc515db5771";
const DISCONNECT: &str =
    "280900363500a150a418299a6993ff323259b6c7501247c0db687f242bf477ca5d9a9e23dad801066e656d6f2c0a3030303041424344";
const DISCONNECT_ACK: &str = "2909001480c45a6866e543820addccb01962f523";
const DISCONNECT_NAK: &str = "2a09001a0b8adb2b02ec5d35b87dbad10dfaa83d6506000001f7";

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    bytes(text).try_into().unwrap()
}

/// Every byte of a packet matters: whichever changes, the check fails.
fn every_change_is_noticed(packet: &str, check: impl Fn(Packet<'_>) -> Result<Signature, DropReason>) {
    for at in 0..packet.len() / 2 {
        let mut changed = bytes(packet);
        changed[at] ^= 1;
        if let Ok(parsed) = Packet::parse(&changed) {
            assert!(check(parsed).is_err(), "byte {at}");
        }
    }
}

#[test]
fn pap() {
    let request = bytes(PAP_REQUEST);
    let packet = Packet::parse(&request).unwrap();
    assert_eq!((packet.code(), packet.id(), packet.authenticator()), (Code::AccessRequest, 0, &array(RA)));
    assert_eq!(packet.verify_request(SECRET), Ok(Signature::Absent));
    assert_eq!(packet.text(attribute::USER_NAME), Some("nemo"));
    assert_eq!(packet.integer(attribute::NAS_PORT), Some(3));
    assert_eq!(packet.ipv4(attribute::NAS_IP_ADDRESS).map(|ip| ip.to_string()).as_deref(), Some("192.168.1.16"));
    let hidden = packet.find(attribute::USER_PASSWORD).unwrap();
    assert_eq!(&**password::reveal(SECRET, packet.authenticator(), hidden).unwrap(), b"arctangent");

    let mut built = Builder::request(Code::AccessRequest, 0, array(RA));
    built.put_text(attribute::USER_NAME, "nemo");
    built.put(attribute::USER_PASSWORD, &password::hide(SECRET, &array(RA), b"arctangent").unwrap());
    built.put(attribute::NAS_IP_ADDRESS, &[192, 168, 1, 16]);
    built.put_integer(attribute::NAS_PORT, 3);
    assert_eq!(built.finish(SECRET).unwrap(), request);

    let accept = bytes(PLAIN_ACCEPT);
    let accept = Packet::parse(&accept).unwrap();
    assert_eq!(accept.verify_reply(SECRET, &array(RA)), Ok(Signature::Absent));
    assert_eq!(accept.verify_reply(b"other", &array(RA)), Err(DropReason::BadAuthenticator));

    let long = "0dbe708d93d413ce3196c95e164e278381f58772f2ba19207a2595a8ca27272f";
    assert_eq!(password::hide(SECRET, &array(RA), b"arctangent-and-more").unwrap(), bytes(long));
    assert_eq!(&**password::reveal(SECRET, &array(RA), &bytes(long)).unwrap(), b"arctangent-and-more");
}

#[test]
fn status_server() {
    let request = bytes(STATUS);
    let packet = Packet::parse(&request).unwrap();
    assert_eq!(packet.verify_request(SECRET), Ok(Signature::Valid));
    assert_eq!(packet.verify_request(b"other"), Err(DropReason::BadMessageAuthenticator));
    every_change_is_noticed(STATUS, |packet| packet.verify_request(SECRET));
    let built = Builder::request(Code::StatusServer, 0xda, *packet.authenticator()).signed();
    assert_eq!(built.finish(SECRET).unwrap(), request);
    let plain = Builder::request(Code::StatusServer, 1, [1; 16]).finish(SECRET).unwrap();
    let plain = Packet::parse(&plain).unwrap();
    assert_eq!(plain.verify_request(SECRET), Err(DropReason::MissingMessageAuthenticator));
    let reply = bytes(STATUS_REPLY);
    let reply = Packet::parse(&reply).unwrap();
    assert_eq!(reply.verify_reply(SECRET, packet.authenticator()), Ok(Signature::Absent));
}

#[test]
fn replies_carry_attribute_80_first() {
    let request = bytes(PAP_REQUEST);
    let request = Packet::parse(&request).unwrap();
    let mut accept = Builder::reply(Code::AccessAccept, request);
    accept.put_integer(attribute::SERVICE_TYPE, 2);
    accept.put_integer(attribute::SESSION_TIMEOUT, 3_600);
    assert_eq!(accept.finish(SECRET).unwrap(), bytes(ACCEPT));
    assert_eq!(Builder::reply(Code::AccessReject, request).finish(SECRET).unwrap(), bytes(REJECT));
    for reply in [ACCEPT, REJECT] {
        let parsed = bytes(reply);
        assert_eq!(Packet::parse(&parsed).unwrap().verify_reply(SECRET, request.authenticator()), Ok(Signature::Valid));
        every_change_is_noticed(reply, |packet| packet.verify_reply(SECRET, request.authenticator()));
    }
}

#[test]
fn attribute_80_must_be_one_and_whole() {
    for broken in [&[80, 18][..], &[80, 17], &[80, 2]] {
        let mut request = Builder::request(Code::AccessRequest, 1, [3; 16]).signed().finish(SECRET).unwrap();
        request.extend(broken);
        request.resize(38 + usize::from(broken[1]), 0);
        request[3] = u8::try_from(request.len()).unwrap();
        let packet = Packet::parse(&request).unwrap();
        assert_eq!(packet.verify_request(SECRET), Err(DropReason::BadMessageAuthenticator));
    }
    let mut eap = Builder::request(Code::AccessRequest, 1, [3; 16]);
    eap.put(attribute::EAP_MESSAGE, &[2, 0, 0, 4]);
    let eap = eap.finish(SECRET).unwrap();
    let verdict = Packet::parse(&eap).unwrap().verify_request(SECRET);
    assert_eq!(verdict, Err(DropReason::MissingMessageAuthenticator));
}

#[test]
fn chap_password() {
    let right: [u8; 16] = array("2a58e31f45148ff230f4bcce6f6aed1b");
    assert_eq!(chap::response(0x16, b"arctangent", &array::<16>(RA)), right);
    let value = [&[0x16], &right[..]].concat();
    for challenge in [None, Some(array::<16>(RA))] {
        // Without CHAP-Challenge the authenticator is the challenge.
        let field = if challenge.is_some() { [9; 16] } else { array(RA) };
        let mut request = Builder::request(Code::AccessRequest, 1, field);
        request.put(attribute::CHAP_PASSWORD, &value);
        request.put(attribute::CHAP_CHALLENGE, challenge.as_ref().map_or(&[], |challenge| &challenge[..]));
        let request = request.finish(SECRET).unwrap();
        let request = Packet::parse(&request).unwrap();
        let read = chap::Chap::read(&request, request.find(attribute::CHAP_PASSWORD).unwrap()).unwrap();
        assert!(read.matches(b"arctangent"));
        assert!(!read.matches(b"arctangent "));
        assert!(chap::Chap::read(&request, &value[..16]).is_none());
    }
}

#[test]
fn mschap_v2_and_its_keys() {
    let challenge: [u8; 16] = array("5b5d7c7d7b3f2f3e3c2c602132262628");
    let peer: [u8; 16] = array("21402324255e262a28295f2b3a337c7e");
    let hash = mschap::nt_hash("clientPass");
    assert_eq!(*hash, array::<16>("44ebba8d5312b8d611474411f56989ae"));
    assert_eq!(*mschap::hash_of(&hash), array::<16>("41c00c584bd2d91c4017a2a12fa59f3f"));
    let short = mschap::challenge_hash(&peer, &challenge, b"User");
    assert_eq!(short, array::<8>("d02e4386bce91226"));
    assert_eq!(mschap::challenge_hash(&peer, &challenge, b"DOMAIN\\User"), short);
    let response: [u8; 24] = array("82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df");
    assert_eq!(mschap::nt_response(&short, &hash), response);
    let proof = "S=407A5589115FD0D6209F510FE9C04566932CDA56";
    assert_eq!(mschap::authenticator_response(&short, &hash, &response), proof);

    let value = [&[7, 0][..], &peer, &[0; 8], &response].concat();
    let read = mschap::Response::read(&value).unwrap();
    assert!(read.matches(&challenge, b"User", &hash));
    assert!(!read.matches(&challenge, b"user", &hash), "the name counts as it was sent");
    assert!(!read.matches(&challenge, b"User", &mschap::nt_hash("clientpass")));
    assert_eq!(read.success(&challenge, b"User", &hash), [b"\x07", proof.as_bytes()].concat());
    let error = read.error(mschap::AUTHENTICATION_FAILURE, &challenge, "no");
    assert_eq!(error, b"\x07E=691 R=0 C=5B5D7C7D7B3F2F3E3C2C602132262628 V=3 M=no");
    assert!(mschap::Response::read(&value[..49]).is_none());
    assert!(mschap::Response::read(&[0; 51]).is_none());

    let master = mppe::master_key(&hash, &response);
    assert_eq!(*master, array::<16>("fdece3717a8c838cb388e527ae3cdd31"));
    let (send, recv) = (mppe::send_key(&master), mppe::recv_key(&master));
    assert_eq!(*send, array::<16>("8b7cdc149b993a1ba118cb153f56dccb"));
    assert_eq!(*recv, array::<16>("d5f0e9521e3ea9589645e86051c82226"));
    let sent = "8001d7c4aaa4718a06cddca737c2f3bcd1ffef26b141dc036e4cdb731d79248c658e";
    assert_eq!(mppe::encrypt(SECRET, &array(RA), 1, &send), bytes(sent));
    let sent = "80028118c1340bddec5f79718a8085b7273966e0d8bf4cd44176fa9f6eabd96e2af8";
    assert_eq!(mppe::encrypt(SECRET, &array(RA), 0x8002, &recv), bytes(sent));
    assert_eq!(&**mppe::decrypt(SECRET, &array(RA), &bytes(sent)).unwrap(), &*recv);
}

#[test]
fn accounting() {
    let request = bytes(STOP);
    let packet = Packet::parse(&request).unwrap();
    assert_eq!(packet.verify_request(SECRET), Ok(Signature::Absent));
    assert_eq!(packet.verify_request(b"other"), Err(DropReason::BadAuthenticator));
    every_change_is_noticed(STOP, |packet| packet.verify_request(SECRET));
    let octets = packet.integer(attribute::ACCT_INPUT_OCTETS).unwrap();
    let gigawords = packet.integer(attribute::ACCT_INPUT_GIGAWORDS).unwrap();
    assert_eq!(u64::from(gigawords) << 32 | u64::from(octets), 8_589_934_591);
    let mut built = Builder::request(Code::AccountingRequest, 7, [8; 16]);
    built.put_integer(attribute::ACCT_STATUS_TYPE, 2);
    built.put_text(attribute::USER_NAME, "nemo");
    built.put_text(attribute::ACCT_SESSION_ID, "0000ABCD");
    built.put_integer(attribute::ACCT_INPUT_OCTETS, u32::MAX);
    built.put_integer(attribute::ACCT_INPUT_GIGAWORDS, 1);
    assert_eq!(built.finish(SECRET).unwrap(), request);
    let reply = Builder::reply(Code::AccountingResponse, packet).finish(SECRET).unwrap();
    assert_eq!(reply, bytes(STOP_REPLY));
}

#[test]
fn disconnect() {
    let mut request = Builder::request(Code::DisconnectRequest, 9, [8; 16]);
    request.put_text(attribute::USER_NAME, "nemo");
    request.put_text(attribute::ACCT_SESSION_ID, "0000ABCD");
    // Attribute 80 comes first, whenever it is asked for.
    let request = request.signed().finish(SECRET).unwrap();
    assert_eq!(request, bytes(DISCONNECT));
    let packet = Packet::parse(&request).unwrap();
    assert_eq!(packet.verify_request(SECRET), Ok(Signature::Valid));
    every_change_is_noticed(DISCONNECT, |packet| packet.verify_request(SECRET));
    for (reply, code, cause) in
        [(DISCONNECT_ACK, Code::DisconnectAck, None), (DISCONNECT_NAK, Code::DisconnectNak, Some(503))]
    {
        let reply = bytes(reply);
        let reply = Packet::parse(&reply).unwrap();
        assert_eq!(reply.verify_reply(SECRET, packet.authenticator()), Ok(Signature::Absent));
        assert_eq!((reply.code(), reply.integer(attribute::ERROR_CAUSE)), (code, cause));
        assert_eq!(reply.verify_reply(SECRET, &[0; 16]), Err(DropReason::BadAuthenticator));
    }
}
