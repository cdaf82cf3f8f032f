//! An Access-Request as the door reads it.

use std::net::IpAddr;

use crate::vpn::external::Credential;

use super::nas::Method;

/// Who wants in, by what.
#[derive(Debug, Clone)]
pub struct AccessRequest {
    /// Where the packet came from.
    pub source: IpAddr,
    /// User-Name (1) as sent.
    pub user_name: String,
    /// The one credential.
    pub credential: Credential,
    /// Calling-Station-Id (31).
    pub calling_station: Option<String>,
    /// Called-Station-Id (30).
    pub called_station: Option<String>,
    /// NAS-Identifier (32).
    pub nas_identifier: Option<String>,
}

impl Credential {
    /// The method it belongs to.
    pub const fn method(&self) -> Method {
        match self {
            Self::Pap(_) => Method::Pap,
            Self::Chap { .. } => Method::Chap,
            Self::MsChap2 { .. } => Method::Mschapv2,
        }
    }
}
