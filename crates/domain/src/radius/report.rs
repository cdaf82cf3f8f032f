//! An Accounting-Request as the door reads it (RFC 2866): what the NAS says, with its own units.

use std::net::{IpAddr, Ipv4Addr};

/// Acct-Status-Type (40). Other values are acknowledged by the door and reported to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// 1.
    Start,
    /// 2.
    Stop,
    /// 3.
    Interim,
    /// 7.
    On,
    /// 8.
    Off,
}

impl Status {
    /// Its name in log and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Interim => "interim",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// A report. Texts that are no UTF-8 are read lossily, except those that name things: they stay octets.
#[derive(Debug, Clone)]
pub struct Report {
    /// What it is about.
    pub status: Status,
    /// Where the packet came from.
    pub source: IpAddr,
    /// Acct-Session-Id (44); empty when absent.
    pub session_id: Vec<u8>,
    /// User-Name (1); empty when absent.
    pub user_name: Vec<u8>,
    /// Every Class (25), in order.
    pub classes: Vec<Vec<u8>>,
    /// Event-Timestamp (55), seconds since 1970.
    pub event_timestamp: Option<u32>,
    /// Acct-Delay-Time (41), seconds.
    pub delay: Option<u32>,
    /// Acct-Session-Time (46), seconds.
    pub session_time: Option<u32>,
    /// From the user.
    pub input: Counter,
    /// To the user.
    pub output: Counter,
    /// Acct-Terminate-Cause (49).
    pub terminate_cause: Option<u32>,
    /// Framed-IP-Address (8).
    pub framed_ip: Option<Ipv4Addr>,
    /// Calling-Station-Id (31).
    pub calling_station: Option<String>,
    /// Called-Station-Id (30).
    pub called_station: Option<String>,
    /// NAS-Identifier (32).
    pub nas_identifier: Option<String>,
    /// NAS-Port (5).
    pub nas_port: Option<u32>,
    /// Connect-Info (77).
    pub connect_info: Option<String>,
    /// Acct-Multi-Session-Id (50).
    pub multi_session_id: Option<String>,
}

/// Counters of one direction, each as sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter {
    /// Acct-Input-Octets (42), Acct-Output-Octets (43).
    pub octets: Option<u32>,
    /// Acct-Input-Gigawords (52), Acct-Output-Gigawords (53).
    pub gigawords: Option<u32>,
    /// Acct-Input-Packets (47), Acct-Output-Packets (48).
    pub packets: Option<u32>,
}

impl Report {
    /// A report without any attribute but status and session.
    pub fn new(status: Status, source: IpAddr, session_id: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            source,
            session_id: session_id.into(),
            user_name: Vec::new(),
            classes: Vec::new(),
            event_timestamp: None,
            delay: None,
            session_time: None,
            input: Counter::default(),
            output: Counter::default(),
            terminate_cause: None,
            framed_ip: None,
            calling_station: None,
            called_station: None,
            nas_identifier: None,
            nas_port: None,
            connect_info: None,
            multi_session_id: None,
        }
    }
}

/// What the door does with the request, after the commit. An error means: stay silent, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Accounting-Response.
    Acknowledge,
    /// Nothing.
    Silent,
}
