//! Listening sockets.

use std::{io, net::SocketAddr};

use anyhow::Context;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::config::Listen;

/// Waiting connections the kernel holds.
const BACKLOG: i32 = 4096;

/// Binds every address; `key` is the setting named in the error.
pub(crate) fn bind(addresses: &Listen, key: &str) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in &addresses.0 {
        match bind_one(*address) {
            Ok(listener) => listeners.push(listener),
            // "Everywhere" on a host without IPv6 is IPv4.
            Err(error)
                if address.is_ipv6()
                    && address.ip().is_unspecified()
                    && !listeners.is_empty()
                    && lacks_ipv6(&error) =>
            {
                tracing::info!("{key}: this host has no IPv6, {address} is left out");
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot listen on {address}; set {key} to another address"));
            }
        }
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // So that 0.0.0.0 and [::] can stand side by side.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no stable kind.
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}
