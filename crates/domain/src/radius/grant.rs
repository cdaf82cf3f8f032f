//! What the door is told of an Access-Request; the door renders it by the profile of the NAS.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use gatehouse_model::{AccountId, PassKind};
use ipnet::IpNet;

use crate::vpn::external::MsChapSuccess;

/// Yes or no.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Access-Accept.
    Accept(Box<Grant>),
    /// Access-Reject.
    Reject(Reject),
}

/// What an accepted person gets, this time.
#[derive(Debug, Clone)]
pub struct Grant {
    /// What the person gets each time.
    pub terms: Arc<Terms>,
    /// Session key for Class (25).
    pub class: Vec<u8>,
    /// For MS-CHAPv2.
    pub success: Option<MsChapSuccess>,
    /// Session-Timeout, never past the expiry.
    pub session_timeout: Option<Duration>,
}

/// What of a grant does not depend on the moment: as long as nobody changes it, all grants share one.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Who.
    pub account: AccountId,
    /// Its login as stored.
    pub login: String,
    /// The pass that decided.
    pub pass: PassKind,
    /// Idle-Timeout.
    pub idle_timeout: Option<Duration>,
    /// Framed-IP-Address.
    pub framed_ip: Option<Ipv4Addr>,
    /// Framed-Pool.
    pub pool: Option<String>,
    /// DNS servers.
    pub dns: Vec<IpAddr>,
    /// Routes of the policy set, and of resources where the NAS entry wants them.
    pub routes: Vec<IpNet>,
    /// Names of the effective roles, in order of name.
    pub groups: Vec<String>,
    /// Bits a second.
    pub speed: Option<Speed>,
    /// Values of further placeholders, such as `service.KEY`.
    pub values: BTreeMap<String, String>,
    /// Reply-Message.
    pub message: Option<String>,
    /// Whether he may only into the walled garden: the denied set of the NAS applies.
    pub is_denied: bool,
}

/// Bits a second; up is from the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed {
    /// From the user.
    pub up: u64,
    /// To the user.
    pub down: u64,
}

/// Why somebody does not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Stable reason for log, audit, metrics and `check-login` (specs/vpn.md §10).
    pub reason: &'static str,
    /// Reply-Message: only when the credential was right.
    pub message: Option<String>,
    /// Error number of MS-CHAP-Error (specs/radius.md §5.3): 691, 647 or 648.
    pub ms_chap_error: u16,
}
