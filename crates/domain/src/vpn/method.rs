//! Authentication methods of users and groups: a bit set that is stored and, as `auth_methods`, on the wire (specs/vpn.md §7.2).

/// The account's password.
pub const PASSWORD: i64 = 1;
/// An external server.
pub const EXTERNAL: i64 = 2;
/// A certificate.
pub const CERTIFICATE: i64 = 4;
/// A code by SMS.
pub const SMS: i64 = 8;
/// The number of the machine.
pub const HARDWARE_ID: i64 = 16;
/// A token.
pub const TOKEN: i64 = 32;
