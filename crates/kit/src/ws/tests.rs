//! Sockets against bytes as a client puts them on the wire.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;
use crate::Connection;

const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

async fn pair(limit: usize, first: &[u8]) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let (read, write) = tokio::io::split(Connection::plain(stream, ()));
    (Socket { reader: Reader::new(read, first, limit), writer: Writer::new(write) }, client)
}

/// A client's frame: first byte as it is, payload masked, at most 125 bytes or 16 bits long.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(0x80 | length),
        _ => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

#[tokio::test]
async fn messages_come_whole_however_they_are_cut() {
    let (mut socket, mut client) = pair(1 << 10, &[]).await;
    let long = vec![b'l'; 700];
    let mut bytes = frame(0x81, "文".as_bytes());
    bytes.extend(frame(0x01, b"in "));
    bytes.extend(frame(0x89, b"ping"));
    bytes.extend(frame(0x00, b"three "));
    bytes.extend(frame(0x80, b"parts"));
    bytes.extend(frame(0x82, &long));
    bytes.extend(frame(0x81, b""));
    bytes.extend(frame(0x8a, b"pong"));
    bytes.extend(frame(0x88, &1000_u16.to_be_bytes()));
    let writing = async {
        for byte in bytes {
            client.write_all(&[byte]).await.unwrap();
        }
    };
    let reading = async {
        let mut seen = Vec::new();
        while seen.last() != Some(&Incoming::Close) {
            seen.push(socket.reader.next().await);
        }
        seen
    };
    let ((), seen) = tokio::join!(writing, reading);
    let text = |text: &'static str| Incoming::Text(text.into());
    let expected = [
        text("文"),
        Incoming::Ping("ping".into()),
        text("in three parts"),
        Incoming::Binary(long.into()),
        text(""),
        Incoming::Pong("pong".into()),
        Incoming::Close,
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn bytes_that_came_with_the_handshake_are_the_first_of_the_socket() {
    let early = frame(0x81, b"early");
    let (mut socket, mut client) = pair(64, &early[..7]).await;
    client.write_all(&early[7..]).await.unwrap();
    assert_eq!(socket.reader.next().await, Incoming::Text("early".into()));
    drop(client);
    assert_eq!(socket.reader.next().await, Incoming::Gone);
}

#[tokio::test]
async fn what_is_too_large_or_no_frame_ends_the_reading() {
    let mut parts = frame(0x01, &[b'a'; 40]);
    parts.extend(frame(0x80, &[b'a'; 40]));
    let cases = [
        (frame(0x81, &[b'a'; 65]), Incoming::TooLarge),
        (parts, Incoming::TooLarge),
        (vec![0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], Incoming::TooLarge),
        (frame(0x80, b"the rest of nothing"), Incoming::Broken),
        ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), Incoming::Broken),
        (vec![0x81, 0x01, b'a'], Incoming::Broken),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Incoming::Broken),
    ];
    for (bytes, expected) in cases {
        let (mut socket, mut client) = pair(64, &[]).await;
        client.write_all(&bytes).await.unwrap();
        assert_eq!(socket.reader.next().await, expected, "{bytes:x?}");
    }
}

#[tokio::test]
async fn frames_are_sent_whole_and_what_the_peer_does_not_take_stays_pending() {
    let (mut socket, mut client) = pair(64, &[]).await;
    let payload = Bytes::from(vec![b'p'; 50_000]);
    let mut sent = 0;
    while timeout(Duration::from_millis(200), socket.writer.flush()).await.is_ok() {
        assert!(socket.writer.is_empty());
        socket.writer.push(Kind::Binary, payload.clone());
        sent += 1;
    }
    assert!(!socket.writer.is_empty());
    let head = [0x82, 126, 0xc3, 0x50];
    let reading = async {
        let mut frame = vec![0; head.len() + payload.len()];
        for number in 0..sent {
            client.read_exact(&mut frame).await.unwrap();
            assert!(frame[..4] == head && frame[4..] == payload, "frame {number}");
        }
        let mut last = [0; 9];
        client.read_exact(&mut last).await.unwrap();
        assert_eq!(&last, b"\x88\x07\x03\xe8ready");
        client.write_all(&frame_close()).await.unwrap();
        drop(client);
    };
    let closing = async {
        socket.writer.flush().await.unwrap();
        socket.close(1000, "ready", Duration::from_secs(10)).await;
    };
    timeout(Duration::from_secs(20), async { tokio::join!(reading, closing) }).await.unwrap();
}

fn frame_close() -> Vec<u8> {
    frame(0x88, &1000_u16.to_be_bytes())
}

#[tokio::test]
async fn whoever_does_not_answer_the_good_bye_is_cut_off() {
    let (socket, mut client) = pair(64, &[]).await;
    let closing = socket.close(1012, "shutdown", Duration::from_millis(50));
    timeout(Duration::from_secs(10), closing).await.expect("the limit holds");
    let mut seen = Vec::new();
    client.read_to_end(&mut seen).await.unwrap();
    assert_eq!(seen, b"\x88\x0a\x03\xf4shutdown");
}
