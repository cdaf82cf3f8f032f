//! Cutting and changing stays: what the outbox asks of the radius door of this process (specs/radius.md §8).

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

use super::{grant::Grant, nas::Nas};

/// A stay as the NAS names it, byte for byte.
#[derive(Debug, Clone)]
pub struct Stay {
    /// The entry.
    pub nas: Arc<Nas>,
    /// Where the NAS sent its accounting from.
    pub nas_address: IpAddr,
    /// Login of the account, for programs.
    pub login: String,
    /// User-Name.
    pub user_name: Vec<u8>,
    /// Acct-Session-Id.
    pub session_id: Vec<u8>,
    /// Framed-IP-Address.
    pub framed_ip: Option<String>,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// NAS-Identifier.
    pub nas_identifier: Option<String>,
    /// Whether it is in the walled garden.
    pub is_in_garden: bool,
}

/// What is wanted of a stay.
#[derive(Debug, Clone)]
pub enum Order {
    /// Disconnect-Request, or the configured program.
    Disconnect,
    /// CoA-Request with what the person now gets.
    Change(Box<Grant>),
}

/// What came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Disconnect-ACK, CoA-ACK, or exit status 0.
    Ack,
    /// A NAK with this Error-Cause, 0 without one; or a program that failed.
    Nak(u32),
    /// Nothing came back.
    Silent,
    /// The entry has no way to do it.
    Impossible,
}

impl Outcome {
    /// As it is kept with the visit: `ack`, `nak 503`, `silent`, `impossible`.
    pub fn text(self) -> String {
        match self {
            Self::Ack => "ack".to_owned(),
            Self::Nak(cause) => format!("nak {cause}"),
            Self::Silent => "silent".to_owned(),
            Self::Impossible => "impossible".to_owned(),
        }
    }
}

/// What an order gives, boxed because [`Enforcer`] is a trait object.
pub type Enforcing = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Sends orders. One call is one round: the same packet at 0, 2 and 4 s; later rounds are the outbox's.
pub trait Enforcer: Send + Sync + std::fmt::Debug {
    /// Carries out an order.
    fn enforce(&self, stay: Stay, order: Order) -> Enforcing;
}

/// Who sends orders in this process.
pub type EnforcerHandle = Arc<dyn Enforcer>;
