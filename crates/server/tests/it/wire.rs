//! One HTTP/1.1 connection, byte for byte: what no library would send can be sent, and nothing is retried.

use gatehouse_testkit::PATIENCE;

use std::io::{Error, ErrorKind, Result};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

/// A connection to a server.
pub(crate) struct Wire {
    stream: BufReader<TcpStream>,
    is_head: bool,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Wire {
    /// Connects to a base URL as the server announces it.
    pub(crate) async fn connect(base: &str) -> Result<Self> {
        let stream = TcpStream::connect(base.trim_start_matches("http://")).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), is_head: false })
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.is_head = bytes.as_ref().starts_with(b"HEAD ");
        self.stream.get_mut().write_all(bytes.as_ref()).await
    }

    /// Sends and listens; a server that hangs up without a word is an error.
    pub(crate) async fn exchange(&mut self, bytes: impl AsRef<[u8]>) -> Result<Answer> {
        self.send(bytes).await?;
        self.answer().await
    }

    /// Reads one answer, interim ones skipped.
    pub(crate) async fn answer(&mut self) -> Result<Answer> {
        timeout(PATIENCE, self.read()).await.map_err(|_elapsed| Error::from(ErrorKind::TimedOut))?
    }

    async fn read(&mut self) -> Result<Answer> {
        let bad = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
        loop {
            let line = self.line().await?;
            let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| bad(&line))?;
            let mut headers = Vec::new();
            loop {
                let line = self.line().await?;
                let Some((name, value)) = line.split_once(": ") else { break };
                headers.push((name.to_lowercase(), value.to_owned()));
            }
            if status == 100 {
                continue;
            }
            let answer = Answer { status, headers, body: String::new() };
            let mut body = Vec::new();
            match answer.header("content-length").map(str::parse) {
                _ if self.is_head => {}
                Some(Ok(length)) => {
                    body.resize(length, 0);
                    self.stream.read_exact(&mut body).await?;
                }
                _ => drop(self.stream.read_to_end(&mut body).await?),
            }
            return Ok(Answer { body: String::from_utf8(body).map_err(|_| bad("not UTF-8"))?, ..answer });
        }
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }

    /// Whether the server ends the connection without another byte.
    pub(crate) async fn is_ended(&mut self) -> bool {
        let ended = timeout(PATIENCE, self.stream.read_u8()).await;
        matches!(ended, Ok(Err(_)))
    }
}

/// A whole request with a body of a known length.
pub(crate) fn request(line: &str, kind: Option<&str>, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let kind = kind.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
    let head = format!("{line} HTTP/1.1\r\nHost: oa.test\r\n{kind}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Every byte as `%XX`.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
