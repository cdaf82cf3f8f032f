//! Moving payload between clients and targets.

pub(crate) mod buffer;
pub(crate) mod quic;
pub(crate) mod sealed;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod udp;
pub(crate) mod websocket;
