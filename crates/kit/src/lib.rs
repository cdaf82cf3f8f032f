//! What the surfaces share of HTTP: bounded bodies, form decoding, the client's address, limits, and the frame around
//! every request. Nothing here answers in its own words: each answer comes from a surface's [`Envelope`].

mod asked;
mod body;
mod client;
mod connection;
mod envelope;
mod form;
mod frame;
mod limit;
mod multipart;
pub mod ws;

pub use asked::Asked;
pub use body::{BodyRule, read_body};
pub use client::{ClientAddress, OverTls, TrustedProxies};
pub use connection::{Connection, prepare_socket};
pub use envelope::{Envelope, Fault, log_error};
pub use form::{BodyKind, Fields, Unreadable, Value};
pub use frame::frame;
pub use limit::{Limits, Permit};
