//! Numbers of the attributes that code names. Everything else is in the [dictionary](crate::dictionary).

/// User-Name, text.
pub const USER_NAME: u8 = 1;
/// User-Password, hidden ([`crate::password`]).
pub const USER_PASSWORD: u8 = 2;
/// CHAP-Password ([`crate::chap`]).
pub const CHAP_PASSWORD: u8 = 3;
/// NAS-IP-Address.
pub const NAS_IP_ADDRESS: u8 = 4;
/// NAS-Port, integer.
pub const NAS_PORT: u8 = 5;
/// Service-Type, integer.
pub const SERVICE_TYPE: u8 = 6;
/// Framed-Protocol, integer.
pub const FRAMED_PROTOCOL: u8 = 7;
/// Framed-IP-Address.
pub const FRAMED_IP_ADDRESS: u8 = 8;
/// Framed-IP-Netmask.
pub const FRAMED_IP_NETMASK: u8 = 9;
/// Filter-Id, text.
pub const FILTER_ID: u8 = 11;
/// Reply-Message, text.
pub const REPLY_MESSAGE: u8 = 18;
/// Framed-Route, text.
pub const FRAMED_ROUTE: u8 = 22;
/// Class, octets that the NAS repeats in accounting.
pub const CLASS: u8 = 25;
/// Vendor-Specific, the wrapper of every vendor's attributes.
pub const VENDOR_SPECIFIC: u8 = 26;
/// Session-Timeout, seconds.
pub const SESSION_TIMEOUT: u8 = 27;
/// Idle-Timeout, seconds.
pub const IDLE_TIMEOUT: u8 = 28;
/// Called-Station-Id, text.
pub const CALLED_STATION_ID: u8 = 30;
/// Calling-Station-Id, text.
pub const CALLING_STATION_ID: u8 = 31;
/// NAS-Identifier, text.
pub const NAS_IDENTIFIER: u8 = 32;
/// Proxy-State, octets, repeated in every reply.
pub const PROXY_STATE: u8 = 33;
/// Acct-Status-Type, integer.
pub const ACCT_STATUS_TYPE: u8 = 40;
/// Acct-Delay-Time, seconds.
pub const ACCT_DELAY_TIME: u8 = 41;
/// Acct-Input-Octets, low 32 bits of what came from the user.
pub const ACCT_INPUT_OCTETS: u8 = 42;
/// Acct-Output-Octets, low 32 bits of what went to the user.
pub const ACCT_OUTPUT_OCTETS: u8 = 43;
/// Acct-Session-Id, bytes.
pub const ACCT_SESSION_ID: u8 = 44;
/// Acct-Session-Time, seconds.
pub const ACCT_SESSION_TIME: u8 = 46;
/// Acct-Input-Packets.
pub const ACCT_INPUT_PACKETS: u8 = 47;
/// Acct-Output-Packets.
pub const ACCT_OUTPUT_PACKETS: u8 = 48;
/// Acct-Terminate-Cause, integer.
pub const ACCT_TERMINATE_CAUSE: u8 = 49;
/// Acct-Multi-Session-Id, text.
pub const ACCT_MULTI_SESSION_ID: u8 = 50;
/// Acct-Input-Gigawords, high 32 bits.
pub const ACCT_INPUT_GIGAWORDS: u8 = 52;
/// Acct-Output-Gigawords, high 32 bits.
pub const ACCT_OUTPUT_GIGAWORDS: u8 = 53;
/// Event-Timestamp, seconds since 1970.
pub const EVENT_TIMESTAMP: u8 = 55;
/// CHAP-Challenge.
pub const CHAP_CHALLENGE: u8 = 60;
/// NAS-Port-Type, integer.
pub const NAS_PORT_TYPE: u8 = 61;
/// Connect-Info, text.
pub const CONNECT_INFO: u8 = 77;
/// EAP-Message, one EAP packet over several attributes.
pub const EAP_MESSAGE: u8 = 79;
/// Message-Authenticator, HMAC-MD5 over the packet.
pub const MESSAGE_AUTHENTICATOR: u8 = 80;
/// Acct-Interim-Interval, seconds.
pub const ACCT_INTERIM_INTERVAL: u8 = 85;
/// NAS-Port-Id, text.
pub const NAS_PORT_ID: u8 = 87;
/// Framed-Pool, text.
pub const FRAMED_POOL: u8 = 88;
/// NAS-IPv6-Address.
pub const NAS_IPV6_ADDRESS: u8 = 95;
/// Framed-IPv6-Prefix.
pub const FRAMED_IPV6_PREFIX: u8 = 97;
/// Framed-IPv6-Route, text.
pub const FRAMED_IPV6_ROUTE: u8 = 99;
/// Error-Cause of a NAK, integer.
pub const ERROR_CAUSE: u8 = 101;
/// Delegated-IPv6-Prefix.
pub const DELEGATED_IPV6_PREFIX: u8 = 123;
/// Framed-IPv6-Address.
pub const FRAMED_IPV6_ADDRESS: u8 = 168;
/// DNS-Server-IPv6-Address.
pub const DNS_SERVER_IPV6_ADDRESS: u8 = 169;

/// Cisco.
pub const CISCO: u32 = 9;
/// Microsoft.
pub const MICROSOFT: u32 = 311;
/// Juniper, once Unisphere ERX.
pub const ERX: u32 = 4874;
/// Roaring Penguin, whose speed limits ocserv reads.
pub const ROARING_PENGUIN: u32 = 10_055;
/// `WISPr`, of the Wi-Fi Alliance.
pub const WISPR: u32 = 14_122;
/// Mikrotik.
pub const MIKROTIK: u32 = 14_988;

/// Attributes of [`MICROSOFT`].
pub mod microsoft {
    /// MS-CHAP-Response, version 1.
    pub const CHAP_RESPONSE: u8 = 1;
    /// MS-CHAP-Error.
    pub const CHAP_ERROR: u8 = 2;
    /// MS-MPPE-Encryption-Policy, integer.
    pub const MPPE_POLICY: u8 = 7;
    /// MS-MPPE-Encryption-Types, integer.
    pub const MPPE_TYPES: u8 = 8;
    /// MS-CHAP-Challenge.
    pub const CHAP_CHALLENGE: u8 = 11;
    /// MS-MPPE-Send-Key, encrypted.
    pub const MPPE_SEND_KEY: u8 = 16;
    /// MS-MPPE-Recv-Key, encrypted.
    pub const MPPE_RECV_KEY: u8 = 17;
    /// MS-CHAP2-Response.
    pub const CHAP2_RESPONSE: u8 = 25;
    /// MS-CHAP2-Success.
    pub const CHAP2_SUCCESS: u8 = 26;
    /// MS-Primary-DNS-Server.
    pub const PRIMARY_DNS: u8 = 28;
    /// MS-Secondary-DNS-Server.
    pub const SECONDARY_DNS: u8 = 29;
}

/// Attributes of [`MIKROTIK`].
pub mod mikrotik {
    /// Mikrotik-Rate-Limit, text `up/down` as the router sees it.
    pub const RATE_LIMIT: u8 = 8;
    /// Mikrotik-Address-List, text.
    pub const ADDRESS_LIST: u8 = 19;
}

/// Attributes of [`WISPR`].
pub mod wispr {
    /// WISPr-Bandwidth-Max-Up, bit/s.
    pub const MAX_UP: u8 = 7;
    /// WISPr-Bandwidth-Max-Down, bit/s.
    pub const MAX_DOWN: u8 = 8;
}

/// Attributes of [`ROARING_PENGUIN`].
pub mod roaring_penguin {
    /// RP-Upstream-Speed-Limit, kbit/s.
    pub const UPSTREAM: u8 = 1;
    /// RP-Downstream-Speed-Limit, kbit/s.
    pub const DOWNSTREAM: u8 = 2;
}
