//! RADIUS as bytes, without I/O, clock or randomness: packets (RFC 2865, 2866, 5176, 5997), their authenticators (RFC 3579), the
//! password methods PAP, CHAP and MS-CHAPv2 (RFC 2759) with its keys (RFC 3079, 2548), and the built-in dictionary.
//!
//! Everything read comes from strangers: parsing borrows from the datagram, is bounded by it and never panics.

pub mod attribute;
mod authenticator;
mod builder;
pub mod chap;
pub mod dictionary;
mod free;
mod keystream;
pub mod mppe;
pub mod mschap;
mod packet;
pub mod password;
pub mod text;

pub use authenticator::{Key, SharedSecret, Signature};
pub use builder::{Builder, Oversize};
pub use free::{BadAttribute, Filled, FreeAttribute, Placeholder};
pub use packet::{Attribute, Attributes, Code, DropReason, HEADER, MAX_PACKET, MAX_VALUE, MAX_VENDOR_VALUE, Packet};
