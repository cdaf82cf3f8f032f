//! What a stranger sees on a TLS listener: the site behind it, or a plain page.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::server::TlsStream;

use crate::{
    door::Door,
    relay::{tcp, tls::Tls},
};

/// What the page says.
pub(crate) const BODY: &[u8] =
    b"<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>\r\n\r\n";
const PAGE_HEAD: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 93\r\nConnection: close\r\n\r\n";
/// Longest request head read before the page is sent.
const HEAD: usize = 8 << 10;

/// Serves a stranger: `read` is what was read before the protocol was given up.
pub(crate) async fn serve(
    door: &Door,
    mut stream: TlsStream<TcpStream>,
    read: &[u8],
    target: Option<&str>,
) -> io::Result<()> {
    metrics::counter!("gatehouse_proxy_fallback_total").increment(1);
    let Some(target) = target else { return page(door, &mut stream, read).await };
    // Staff's choice, outside the egress rules.
    let connect = timeout(door.settings.connect_timeout.0, TcpStream::connect(target)).await;
    let mut target = connect.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let mut wire = Tls::new(stream, b"");
    tcp::run(&mut wire, &mut target, None, &door.buffers, read, door.settings.tcp_idle.0).await.map(|_| ())
}

async fn page(door: &Door, stream: &mut TlsStream<TcpStream>, read: &[u8]) -> io::Result<()> {
    let deadline = Instant::now() + door.handshake_timeout();
    let mut head = read.to_vec();
    while head.len() < HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match timeout_at(deadline, stream.read_buf(&mut head)).await {
            Ok(Ok(more)) if more > 0 => {}
            Ok(Err(error)) => return Err(error),
            _ => break,
        }
    }
    if !head.is_empty() {
        stream.write_all(&[PAGE_HEAD, BODY].concat()).await?;
    }
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_its_own_length() {
        let head = std::str::from_utf8(PAGE_HEAD).unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", BODY.len())), "{}", BODY.len());
    }
}
