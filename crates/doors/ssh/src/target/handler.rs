//! What a target may make us do: show its key. Everything else it asks for is refused.

use std::sync::{Arc, Mutex, PoisonError};

use gatehouse_domain::bastion::terminal::{Failure, PinnedKey, PresentedKey};
use russh::{
    Channel, ChannelId,
    client::{self, ChannelOpenHandle, DisconnectReason, Msg, Session},
    keys::{PublicKeyOrCertificate, ssh_key},
};

use super::{key::presented, link::HostKeyRule, wire::Gate};

/// Why the connection came to nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Of the library.
    Ssh(russh::Error),
    /// Of the target's key.
    HostKey(Failure),
}

impl From<russh::Error> for Fault {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

/// What became known of the target while its session ran.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(super) key: Mutex<Option<PresentedKey>>,
    /// What the target said when it closed the connection.
    pub(super) farewell: Mutex<Option<String>>,
}

impl Seen {
    pub(super) fn key(&self) -> Option<PresentedKey> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn farewell(&self) -> Option<String> {
        self.farewell.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The client's half of a session.
pub(crate) struct Target {
    pub(super) pins: Vec<PinnedKey>,
    pub(super) unknown: HostKeyRule,
    pub(super) seen: Arc<Seen>,
    pub(super) gate: Arc<Gate>,
}

impl Target {
    /// Whether a key is the pinned one; with no pin, whether it may be trusted.
    fn judge(&self, key: &PresentedKey) -> Result<(), Failure> {
        if self.pins.iter().any(|pin| pin.public_key == key.public_key || pin.fingerprint == key.fingerprint) {
            return Ok(());
        }
        if !self.pins.is_empty() {
            let pinned = self.pins.iter().map(|pin| pin.fingerprint.clone()).collect();
            return Err(Failure::HostKeyChanged { pinned, presented: key.clone() });
        }
        match &self.unknown {
            HostKeyRule::Trust => Ok(()),
            HostKeyRule::Refuse => Err(Failure::HostKeyUnknown(key.clone())),
            HostKeyRule::Only(accepted) if accepted.public_key == key.public_key => Ok(()),
            HostKeyRule::Only(accepted) => {
                Err(Failure::HostKeyChanged { pinned: vec![accepted.fingerprint.clone()], presented: key.clone() })
            }
        }
    }
}

impl client::Handler for Target {
    type Error = Fault;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Fault> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            // None was offered in negotiation.
            return Ok(false);
        };
        let key = presented(key);
        *self.seen.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        self.judge(&key).map_err(Fault::HostKey)?;
        Ok(true)
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Fault> {
        self.gate.add(data.len());
        Ok(())
    }

    async fn extended_data(&mut self, _: ChannelId, _: u32, data: &[u8], _: &mut Session) -> Result<(), Fault> {
        self.gate.add(data.len());
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Fault>) -> Result<(), Fault> {
        if let DisconnectReason::ReceivedDisconnect(info) = &reason {
            let text = info.message.chars().filter(|c| !c.is_control()).take(200).collect();
            *self.seen.farewell.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }
        Ok(())
    }

    // A target opens no channels. Dropping the handle refuses; the library's own answer would be to accept.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn openssh_ext_host_keys_announced(
        &mut self,
        _: Vec<ssh_key::PublicKey>,
        _: &mut Session,
    ) -> Result<(), Fault> {
        // Pins change by people's decisions only.
        Ok(())
    }
}
