//! What is asked.

use gatehouse_domain::vpn::external::Credential;
use gatehouse_model::Secret;
use gatehouse_radius_wire::attribute::{
    CHAP_CHALLENGE, CHAP_PASSWORD, MICROSOFT, NAS_IDENTIFIER, USER_NAME, USER_PASSWORD, microsoft,
};
use gatehouse_radius_wire::{Builder, Code, password};

/// A packet, and what its reply is recognised by.
pub(super) struct Request<'a> {
    pub(super) id: u8,
    pub(super) authenticator: [u8; 16],
    pub(super) secret: &'a [u8],
    pub(super) packet: Vec<u8>,
}

impl<'a> Request<'a> {
    /// Asks whether a credential is right. `None` if something does not fit into a packet.
    pub(super) fn access(
        id: u8,
        authenticator: [u8; 16],
        secret: &'a Secret,
        nas_identifier: &str,
        login: &str,
        credential: &Credential,
    ) -> Option<Self> {
        let secret = secret.expose().as_bytes();
        let mut builder = Builder::request(Code::AccessRequest, id, authenticator).signed();
        builder.put(NAS_IDENTIFIER, nas_identifier.as_bytes());
        builder.put(USER_NAME, login.as_bytes());
        match credential {
            Credential::Pap(clear) => {
                builder.put(USER_PASSWORD, &password::hide(secret, &authenticator, clear.expose().as_bytes())?);
            }
            Credential::Chap { ident, response, challenge } => {
                builder.put(CHAP_PASSWORD, &[&[*ident], response.as_slice()].concat());
                builder.put(CHAP_CHALLENGE, challenge);
            }
            Credential::MsChap2 { ident, flags, challenge, peer_challenge, nt_response } => {
                let reserved = [0; 8];
                let response =
                    [&[*ident, *flags], peer_challenge.as_slice(), &reserved, nt_response.as_slice()].concat();
                builder.put_vendor(MICROSOFT, microsoft::CHAP_CHALLENGE, challenge);
                builder.put_vendor(MICROSOFT, microsoft::CHAP2_RESPONSE, &response);
            }
        }
        Some(Self { id, authenticator, secret, packet: builder.finish(secret).ok()? })
    }

    /// Asks whether the server is there.
    pub(super) fn status(id: u8, authenticator: [u8; 16], secret: &'a Secret, nas_identifier: &str) -> Option<Self> {
        let secret = secret.expose().as_bytes();
        let mut builder = Builder::request(Code::StatusServer, id, authenticator).signed();
        builder.put(NAS_IDENTIFIER, nas_identifier.as_bytes());
        Some(Self { id, authenticator, secret, packet: builder.finish(secret).ok()? })
    }
}
