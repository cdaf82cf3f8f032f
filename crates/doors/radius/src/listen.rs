//! Sockets of the door.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};

/// What the kernel may keep while the receive loop is busy; it gives as much as `net.core.rmem_max` allows.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Binds one socket per address.
///
/// A wildcard is refused: a reply must leave from the address that was asked, which a socket of all addresses cannot promise.
pub fn bind(addresses: &[SocketAddr]) -> io::Result<Vec<UdpSocket>> {
    addresses.iter().map(|address| bind_one(*address)).collect()
}

fn bind_one(address: SocketAddr) -> io::Result<UdpSocket> {
    if address.ip().is_unspecified() {
        let text = format!(
            "{address} stands for all addresses: name each one, as replies must leave from the one that was asked"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // As much as there is: a smaller buffer only loses packets earlier.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
