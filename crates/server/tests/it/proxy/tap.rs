//! A recording forwarder between a client and a node, which also gives the client another address.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use gatehouse_testkit::peer::{Server, free_port};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream, UdpSocket},
    task::JoinSet,
};

type Record = Arc<Mutex<Vec<Vec<u8>>>>;

pub(crate) struct Tap {
    port: u16,
    streams: Record,
    datagrams: Record,
    _tasks: JoinSet<()>,
}

impl Tap {
    /// Forwards TCP and UDP to a node; the node sees `from` as the client's address.
    pub(crate) async fn start(node: &Server, from: Ipv4Addr) -> Self {
        let (port, target) = (free_port().unwrap(), address(node));
        let (streams, datagrams) = (Record::default(), Record::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(forward_streams(listener, target, from, streams.clone()));
        tasks.spawn(forward_datagrams(Arc::new(socket), target, from, datagrams.clone()));
        Self { port, streams, datagrams, _tasks: tasks }
    }

    /// The node as reached through here.
    pub(crate) fn server(&self, node: &Server) -> Server {
        Server { port: self.port, ..node.clone() }
    }

    /// What the client sent over each of its TCP connections.
    pub(crate) fn streams(&self) -> Vec<Vec<u8>> {
        self.streams.lock().unwrap().clone()
    }

    /// The datagrams the client sent.
    pub(crate) fn datagrams(&self) -> Vec<Vec<u8>> {
        self.datagrams.lock().unwrap().clone()
    }
}

pub(crate) fn address(node: &Server) -> SocketAddr {
    SocketAddr::new(node.host.parse().unwrap(), node.port)
}

/// Connects with a loopback address of one's choice.
pub(crate) async fn connect(from: Ipv4Addr, target: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn forward_streams(listener: TcpListener, target: SocketAddr, from: Ipv4Addr, record: Record) {
    let mut flows = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let index = {
            let mut record = record.lock().unwrap();
            record.push(Vec::new());
            record.len() - 1
        };
        let record = record.clone();
        flows.spawn(async move {
            let Ok(node) = connect(from, target).await else { return };
            let (mut client_read, mut client_write) = client.into_split();
            let (mut node_read, mut node_write) = node.into_split();
            let up = async {
                let mut buffer = vec![0; 64 << 10];
                while let Ok(length @ 1..) = client_read.read(&mut buffer).await {
                    record.lock().unwrap()[index].extend(&buffer[..length]);
                    if node_write.write_all(&buffer[..length]).await.is_err() {
                        break;
                    }
                }
                // The other side may have gone already.
                let _ = node_write.shutdown().await;
            };
            let down = async {
                let _ = tokio::io::copy(&mut node_read, &mut client_write).await;
                let _ = client_write.shutdown().await;
            };
            tokio::join!(up, down);
        });
    }
}

async fn forward_datagrams(socket: Arc<UdpSocket>, target: SocketAddr, from: Ipv4Addr, record: Record) {
    let mut clients: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut replies = JoinSet::new();
    let mut buffer = vec![0; 65_536];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        let node = if let Some(node) = clients.get(&client) {
            node
        } else {
            let node = Arc::new(UdpSocket::bind((from, 0)).await.unwrap());
            let (socket, own) = (socket.clone(), node.clone());
            replies.spawn(async move {
                let mut buffer = vec![0; 65_536];
                while let Ok((length, _)) = own.recv_from(&mut buffer).await {
                    // Lost like any datagram if the client has gone.
                    let _ = socket.send_to(&buffer[..length], client).await;
                }
            });
            clients.entry(client).or_insert(node)
        };
        record.lock().unwrap().push(buffer[..length].to_vec());
        node.send_to(&buffer[..length], target).await.unwrap();
    }
}
