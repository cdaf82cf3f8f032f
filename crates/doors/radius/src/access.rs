//! An Access-Request from its credential to its reply (specs/radius.md §4, §5).

use gatehouse_domain::{
    Random,
    radius::{
        grant::{Decision, Reject},
        request::AccessRequest,
    },
    vpn::external::Credential,
};
use gatehouse_model::Secret;
use gatehouse_radius_wire::{
    Builder, Code, Oversize, Packet, SharedSecret as _, attribute as number, chap::Chap, mschap, password,
};

use crate::{authority::Authority, peer::Peer, reply};

/// A finished reply, or why there is none.
pub(crate) enum Answer {
    /// Access-Accept.
    Accept(Vec<u8>),
    /// Access-Reject, to be held back.
    Reject(Vec<u8>),
    /// Silence: the decision could not be made, or does not fit a packet.
    Silence(&'static str),
}

/// The reason of a password that is no text.
const UNREADABLE: &str = "unreadable_password";

/// Why a request is refused before anybody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(&'static str);

/// What a packet asks.
pub(crate) type Asked = Result<AccessRequest, Refusal>;

/// The reply to somebody who is let in from memory; none: [`answer`] decides.
pub(crate) fn recall(authority: &impl Authority, peer: &Peer, packet: Packet<'_>, asked: &Asked) -> Option<Vec<u8>> {
    let grant = authority.recall(&peer.nas, asked.as_ref().ok()?)?;
    // One that does not fit a packet is said so by who decides next.
    let reply = reply::accept(&peer.nas, &peer.sets, &peer.key, packet, &grant, 0, 0).ok()?;
    tracing::debug!(nas = peer.nas.name, user = ?packet.text(number::USER_NAME), "access accepted");
    peer.meter.accepts.increment(1);
    Some(reply)
}

/// Decides a request whose packet stood every check.
pub(crate) async fn answer(
    authority: &impl Authority,
    random: &Random,
    peer: &Peer,
    packet: Packet<'_>,
    asked: Asked,
) -> Answer {
    let user = packet.text(number::USER_NAME);
    let reply = match asked {
        Err(Refusal(reason)) => {
            tracing::debug!(nas = peer.nas.name, ?user, reason, "access rejected");
            peer.meter.rejected(reason);
            if reason == UNREADABLE {
                peer.note(
                    "a password cannot be read: the secret of the NAS is probably another one than that of the entry",
                );
            }
            let reject = Reject { reason, message: None, ms_chap_error: mschap::AUTHENTICATION_FAILURE };
            rejection(random, peer, packet, &reject).map(Answer::Reject)
        }
        Ok(request) => match authority.admit(peer.nas.clone(), request).await {
            Err(error) => {
                peer.failed("an access request could not be decided", &error);
                return Answer::Silence("undecided");
            }
            Ok(Decision::Reject(reject)) => {
                tracing::debug!(nas = peer.nas.name, ?user, reason = reject.reason, "access rejected");
                peer.meter.rejected(reject.reason);
                rejection(random, peer, packet, &reject).map(Answer::Reject)
            }
            Ok(Decision::Accept(grant)) => {
                tracing::debug!(nas = peer.nas.name, ?user, "access accepted");
                let needs_salt = grant.success.as_ref().is_some_and(|success| success.keys.is_some());
                let salt = if needs_salt { u16::from_be_bytes(random.bytes()) } else { 0 };
                let ident = ms_chap(&packet).map_or(0, |response| response.ident);
                reply::accept(&peer.nas, &peer.sets, &peer.key, packet, &grant, ident, salt)
                    .inspect(|_| peer.meter.accepts.increment(1))
                    .map(Answer::Accept)
            }
        },
    };
    reply.unwrap_or_else(|Oversize| {
        tracing::error!(nas = peer.nas.name, "a reply is {Oversize}");
        Answer::Silence("reply_too_long")
    })
}

/// Reads who asks and by what.
pub(crate) fn read(peer: &Peer, source: std::net::IpAddr, packet: &Packet<'_>) -> Asked {
    let credential = credential(peer, packet)?;
    let user_name = packet.text(number::USER_NAME).filter(|name| !name.is_empty()).ok_or(Refusal("no_user_name"))?;
    Ok(AccessRequest {
        source,
        user_name: user_name.to_owned(),
        credential,
        calling_station: text(packet, number::CALLING_STATION_ID),
        called_station: text(packet, number::CALLED_STATION_ID),
        nas_identifier: text(packet, number::NAS_IDENTIFIER),
    })
}

/// Reads the one credential.
fn credential(peer: &Peer, packet: &Packet<'_>) -> Result<Credential, Refusal> {
    let microsoft = |kind| packet.vendor_attributes(number::MICROSOFT).filter(move |attribute| attribute.kind == kind);
    let mut given = packet
        .all(number::USER_PASSWORD)
        .map(|value| (number::USER_PASSWORD, value))
        .chain(packet.all(number::CHAP_PASSWORD).map(|value| (number::CHAP_PASSWORD, value)))
        // One EAP packet may take several attributes.
        .chain(packet.all(number::EAP_MESSAGE).take(1).map(|value| (number::EAP_MESSAGE, value)))
        .chain(
            microsoft(number::microsoft::CHAP_RESPONSE)
                .chain(microsoft(number::microsoft::CHAP2_RESPONSE))
                .map(|attribute| (number::VENDOR_SPECIFIC, attribute.value)),
        );
    let (kind, value) = given.next().ok_or(Refusal("no_credential"))?;
    if given.next().is_some() {
        return Err(Refusal("several_credentials"));
    }
    let malformed = Refusal("malformed_credential");
    match kind {
        number::USER_PASSWORD => {
            let plain = password::reveal(peer.key.octets(), packet.authenticator(), value).ok_or(malformed)?;
            // With another secret the password is garbage, which is rarely UTF-8.
            let plain = str::from_utf8(&plain).map_err(|_| Refusal(UNREADABLE))?;
            Ok(Credential::Pap(Secret::new(plain)))
        }
        number::CHAP_PASSWORD => {
            let chap = Chap::read(packet, value).ok_or(malformed)?;
            let Chap { ident, response, challenge } = chap;
            Ok(Credential::Chap { ident, response: *response, challenge: challenge.to_vec() })
        }
        number::EAP_MESSAGE => Err(Refusal("eap_unsupported")),
        // MS-CHAP version 1 is too weak to be let in.
        _ if packet.vendor(number::MICROSOFT, number::microsoft::CHAP_RESPONSE).is_some() => {
            Err(Refusal("method_not_allowed"))
        }
        _ => {
            let response = mschap::Response::read(value).ok_or(malformed)?;
            let challenge = packet.vendor(number::MICROSOFT, number::microsoft::CHAP_CHALLENGE);
            let challenge = challenge.and_then(|challenge| challenge.try_into().ok()).ok_or(malformed)?;
            Ok(Credential::MsChap2 {
                ident: response.ident,
                // Of no meaning to us; an upstream server gets it as it came.
                flags: value.get(1).copied().unwrap_or_default(),
                challenge,
                peer_challenge: *response.peer_challenge,
                nt_response: *response.nt_response,
            })
        }
    }
}

fn text(packet: &Packet<'_>, kind: u8) -> Option<String> {
    packet.find(kind).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn ms_chap<'a>(packet: &Packet<'a>) -> Option<mschap::Response<'a>> {
    mschap::Response::read(packet.vendor(number::MICROSOFT, number::microsoft::CHAP2_RESPONSE)?)
}

/// Access-Reject: the same for every reason, unless the password was right.
fn rejection(random: &Random, peer: &Peer, packet: Packet<'_>, reject: &Reject) -> Result<Vec<u8>, Oversize> {
    let mut builder = Builder::reply(Code::AccessReject, packet);
    // EAP-Failure answers the identifier of the peer's message.
    if let Some(&[_, id, ..]) = packet.find(number::EAP_MESSAGE) {
        builder.put(number::EAP_MESSAGE, &[4, id, 0, 4]);
    }
    builder.put_text(number::REPLY_MESSAGE, reject.message.as_deref().unwrap_or_default());
    if let Some(response) = ms_chap(&packet) {
        let message = reject.message.as_deref().unwrap_or("Authentication failed");
        let value = response.error(reject.ms_chap_error, &random.bytes(), message);
        builder.put_vendor(number::MICROSOFT, number::microsoft::CHAP_ERROR, &value);
    }
    builder.finish(&peer.key)
}
