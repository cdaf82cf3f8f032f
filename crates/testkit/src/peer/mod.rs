//! Real peers: other people's programs, started on free loopback ports and ended by their process id.
//!
//! * [`Client::start`] starts an unmodified proxy client that points at a [`Server`]; what it offers is a SOCKS port.
//! * [`RealServer`] starts other people's proxy servers, to prove the clients and to compare with in benches.
//! * [`Sshd`] is OpenSSH's server with a user of its own: a target of the bastion.
//! * [`Slapd`] is a directory, [`FreeRadius`] a RADIUS server: what external authentication asks.
//! * [`Ocserv`] is a VPN concentrator that asks us, [`OpenConnect`] its client.
//! * [`Origin`], [`Nginx`] and [`Echo`] are what lies behind a proxy.
//! * [`Socks`] speaks to a client's port, and [`Socks::exercise`] does one cell of the table in specs/proxy.md §18.
//!
//! The programs are installed by `cargo xtask test`; a missing one is an error that says so.

mod client;
mod echo;
mod freeradius;
mod namespace;
mod ocserv;
mod origin;
mod process;
mod radius_proxy;
mod server;
mod slapd;
mod socks;
mod sshd;
mod tls;
mod websocket;

pub use client::{Client, Protocol, Server};
pub use echo::Echo;
pub use freeradius::{FreeRadius, radclient};
pub use namespace::Namespace;
pub use ocserv::{Control, Ocserv, OpenConnect};
pub use origin::{Nginx, Origin, random_bytes};
pub use process::{Peer, Program, free_port, peers_dir, wait_for};
pub use radius_proxy::{RadiusProxy, eapol_test};
pub use server::RealServer;
pub use slapd::Slapd;
pub use socks::{Association, Socks, Target, Traffic};
pub use sshd::{KeyFormat, Sshd};
pub use tls::{SelfSigned, Tls, certificate_of, trusting_client_config};
pub use websocket::{Frame, Handshake, WebSocket};

const NO_IPV6: &str = "cannot listen on ::1; the proxy tests need IPv6 on the loopback interface";
