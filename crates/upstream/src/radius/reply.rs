//! What comes back. Only the decision, MS-CHAP2-Success, MS-CHAP-Error and the MPPE keys are looked at.

use gatehouse_domain::vpn::external::{Answer, Credential, MsChapSuccess, Secret16};
use gatehouse_radius_wire::attribute::{MICROSOFT, microsoft};
use gatehouse_radius_wire::{Code, DropReason, Packet, Signature, mppe};

use super::request::Request;

/// Why a datagram is passed over, as if it had not come: somebody else may have sent it, and the true reply may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ignored {
    #[error(transparent)]
    Dropped(#[from] DropReason),
    #[error("it replies to another request")]
    OtherId,
    #[error(
        "it has no Message-Authenticator: update the server, or set `require_message_authenticator = false` for it"
    )]
    Unsigned,
}

/// Reads the reply to an Access-Request.
pub(super) fn read(
    datagram: &[u8],
    request: &Request<'_>,
    credential: &Credential,
    needs_signature: bool,
) -> Result<Answer, Ignored> {
    let packet = believe(datagram, request, needs_signature)?;
    match packet.code() {
        Code::AccessAccept => Ok(accepted(&packet, request, credential)),
        Code::AccessReject => Ok(Answer::Refused(refusal(&packet))),
        Code::AccessChallenge => Ok(Answer::Refused("it asks for more than a password")),
        _ => Err(DropReason::UnexpectedCode.into()),
    }
}

/// Reads the reply to a Status-Server.
pub(super) fn read_status(datagram: &[u8], request: &Request<'_>, needs_signature: bool) -> Result<(), Ignored> {
    match believe(datagram, request, needs_signature)?.code() {
        Code::AccessAccept => Ok(()),
        _ => Err(DropReason::UnexpectedCode.into()),
    }
}

fn believe<'d>(datagram: &'d [u8], request: &Request<'_>, needs_signature: bool) -> Result<Packet<'d>, Ignored> {
    let packet = Packet::parse(datagram)?;
    if packet.id() != request.id {
        return Err(Ignored::OtherId);
    }
    match packet.verify_reply(request.secret, &request.authenticator)? {
        Signature::Absent if needs_signature => Err(Ignored::Unsigned),
        Signature::Absent | Signature::Valid => Ok(packet),
    }
}

fn accepted(packet: &Packet<'_>, request: &Request<'_>, credential: &Credential) -> Answer {
    let Credential::MsChap2 { ident, .. } = credential else {
        return Answer::Accepted { success: None, roles: Vec::new() };
    };
    let value = packet.vendor(MICROSOFT, microsoft::CHAP2_SUCCESS).and_then(<[u8]>::split_first);
    let response = value.filter(|(its, _)| *its == ident).and_then(|(_, text)| std::str::from_utf8(text).ok());
    // Without it the caller's machine would not believe us.
    let Some(response) = response.filter(|text| is_success(text)) else {
        return Answer::Refused("it accepts without proof that it knows the password");
    };
    let key = |kind| {
        let value = packet.vendor(MICROSOFT, kind)?;
        let clear = mppe::decrypt(request.secret, &request.authenticator, value)?;
        Some(Secret16(clear.as_slice().try_into().ok()?))
    };
    let keys = key(microsoft::MPPE_SEND_KEY).zip(key(microsoft::MPPE_RECV_KEY));
    Answer::Accepted { success: Some(MsChapSuccess { response: response.to_owned(), keys }), roles: Vec::new() }
}

/// `S=` and 40 upper-case hexadecimal digits (RFC 2759 §5).
fn is_success(text: &str) -> bool {
    let digits = text.strip_prefix("S=").unwrap_or_default();
    digits.len() == 40 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

/// What MS-CHAP-Error says (RFC 2759 §6), after the ident: `E=691 R=0 …`.
fn refusal(packet: &Packet<'_>) -> &'static str {
    let value = packet.vendor(MICROSOFT, microsoft::CHAP_ERROR).and_then(<[u8]>::split_first);
    let text = value.and_then(|(_, text)| std::str::from_utf8(text).ok()).unwrap_or_default();
    match text.strip_prefix("E=").and_then(|rest| rest.split(' ').next()) {
        Some("646" | "649") => "not at this time or place",
        Some("647") => "disabled there",
        Some("648") => "password expired",
        _ => "refused there",
    }
}
