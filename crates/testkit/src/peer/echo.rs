//! A UDP server that sends back what it gets.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::{NO_IPV6, free_port};

/// Answers every datagram with itself, on both loopback addresses, until dropped.
#[derive(Debug)]
pub struct Echo {
    port: u16,
    datagrams: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Echo {
    /// Starts on a free port.
    pub async fn start() -> Result<Self> {
        let port = free_port()?;
        let datagrams = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        let four = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let six = UdpSocket::bind((Ipv6Addr::LOCALHOST, port)).await.context(NO_IPV6)?;
        for socket in [four, six] {
            tasks.spawn(answer(socket, datagrams.clone()));
        }
        Ok(Self { port, datagrams, _tasks: tasks })
    }

    /// The port it has on `127.0.0.1` and on `::1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many datagrams came.
    pub fn datagrams(&self) -> u64 {
        self.datagrams.load(Ordering::Relaxed)
    }
}

async fn answer(socket: UdpSocket, datagrams: Arc<AtomicU64>) {
    let mut buffer = vec![0; 65_536];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        datagrams.fetch_add(1, Ordering::Relaxed);
        // Lost like any datagram if the sender has gone.
        let _ = socket.send_to(buffer.get(..length).unwrap_or_default(), from).await;
    }
}
