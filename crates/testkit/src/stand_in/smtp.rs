//! A mail server that keeps what it is given: SMTP over TCP, with STARTTLS and a login where they are asked for.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::lock;
use crate::peer::SelfSigned;

/// A mail that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Sender of the envelope.
    pub from: String,
    /// Recipient of the envelope.
    pub to: String,
    /// Headline.
    pub subject: String,
    /// Text behind the headers, decoded.
    pub body: String,
    /// Everything as it came.
    pub raw: String,
    /// Whether the connection was encrypted by then.
    pub is_encrypted: bool,
    /// Login and password that were given.
    pub login: Option<(String, String)>,
}

#[derive(Debug, Default)]
struct State {
    mails: Vec<Mail>,
    refusal: Option<String>,
}

/// What the server insists on.
#[derive(Debug, Clone, Default)]
pub struct SmtpRules {
    /// Offers STARTTLS and takes no mail without.
    pub starttls: bool,
    /// Takes no mail without this login.
    pub login: Option<(String, String)>,
}

/// A mail server until it is dropped.
#[derive(Debug)]
pub struct Smtp {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    dir: TempDir,
    _task: JoinSet<()>,
}

impl Smtp {
    /// Listens on a free port of the loopback interface.
    pub async fn start(rules: SmtpRules) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let dir = tempfile::Builder::new().prefix("gatehouse-smtp-").tempdir()?;
        let certificate = SelfSigned::new("127.0.0.1")?;
        std::fs::write(dir.path().join("ca.pem"), certificate.certificate_pem())?;
        let acceptor = acceptor(&certificate)?;
        let state = Arc::new(Mutex::new(State::default()));
        let (kept, mut task) = (Arc::clone(&state), JoinSet::new());
        task.spawn(async move {
            let mut running = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (state, rules, acceptor) = (Arc::clone(&kept), rules.clone(), acceptor.clone());
                running.spawn(async move {
                    // A client that goes away in the middle is its own affair.
                    let _ = converse(stream, &state, &rules, &acceptor).await;
                });
            }
        });
        Ok(Self { address, state, dir, _task: task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority of its certificate, a PEM file.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// What came in so far.
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.state).mails.clone()
    }

    /// From now on every recipient is answered by this line, such as `450 try later`; none: taken.
    pub fn refuse(&self, line: Option<&str>) {
        lock(&self.state).refusal = line.map(str::to_owned);
    }
}

fn acceptor(certificate: &SelfSigned) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem().as_bytes())?;
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key)?)))
}

async fn converse(
    stream: tokio::net::TcpStream,
    state: &Mutex<State>,
    rules: &SmtpRules,
    acceptor: &TlsAcceptor,
) -> Result<()> {
    let mut plain = BufReader::new(stream);
    plain.write_all(b"220 stand-in ESMTP\r\n").await?;
    if Talk::new(state, rules, false).run(&mut plain).await? {
        let mut encrypted = BufReader::new(acceptor.accept(plain.into_inner()).await?);
        Talk::new(state, rules, true).run(&mut encrypted).await?;
    }
    Ok(())
}

/// A conversation up to its end, or to STARTTLS.
struct Talk<'a> {
    state: &'a Mutex<State>,
    rules: &'a SmtpRules,
    is_encrypted: bool,
    login: Option<(String, String)>,
    from: String,
    to: String,
}

impl<'a> Talk<'a> {
    fn new(state: &'a Mutex<State>, rules: &'a SmtpRules, is_encrypted: bool) -> Self {
        Self { state, rules, is_encrypted, login: None, from: String::new(), to: String::new() }
    }

    /// True: the client wants to encrypt.
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut BufReader<S>) -> Result<bool> {
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(false);
            }
            let text = line.trim_end().to_owned();
            let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match verb.as_str() {
                "EHLO" | "HELO" => self.hello(),
                "STARTTLS" if self.rules.starttls && !self.is_encrypted => {
                    stream.write_all(b"220 go ahead\r\n").await?;
                    return Ok(true);
                }
                "AUTH" => self.auth(&text),
                "MAIL" if self.rules.starttls && !self.is_encrypted => "530 encrypt first".to_owned(),
                "MAIL" if self.rules.login.is_some() && self.login != self.rules.login => "530 log in first".to_owned(),
                "MAIL" => {
                    self.from = address(&text);
                    "250 ok".to_owned()
                }
                "RCPT" => {
                    self.to = address(&text);
                    lock(self.state).refusal.clone().unwrap_or_else(|| "250 ok".to_owned())
                }
                "DATA" => {
                    stream.write_all(b"354 go ahead\r\n").await?;
                    self.take(stream).await?;
                    "250 kept".to_owned()
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return Ok(false);
                }
                _ => "250 ok".to_owned(),
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }

    fn hello(&self) -> String {
        let mut lines = vec!["stand-in"];
        if self.rules.starttls && !self.is_encrypted {
            lines.push("STARTTLS");
        } else if self.rules.login.is_some() {
            lines.push("AUTH PLAIN");
        }
        let last = lines.len() - 1;
        let line = |(index, text): (usize, &&str)| format!("250{}{text}", if index == last { ' ' } else { '-' });
        lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\r\n")
    }

    /// `AUTH PLAIN base64(\0name\0password)`.
    fn auth(&mut self, text: &str) -> String {
        let decoded = text.rsplit(' ').next().and_then(|encoded| STANDARD.decode(encoded).ok()).unwrap_or_default();
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        let mut parts = decoded.split('\0').skip(1);
        self.login = parts.next().zip(parts.next()).map(|(name, word)| (name.to_owned(), word.to_owned()));
        let is_right = self.login.is_some() && self.login == self.rules.login;
        if is_right { "235 welcome" } else { "535 wrong" }.to_owned()
    }

    async fn take<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut BufReader<S>) -> Result<()> {
        let mut raw = String::new();
        loop {
            let mut line = String::new();
            anyhow::ensure!(stream.read_line(&mut line).await? > 0, "the mail is cut short");
            if line == ".\r\n" {
                break;
            }
            raw.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
        let (head, body) = raw.split_once("\r\n\r\n").context("a mail has headers and a body")?;
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let header = |name: &str| {
            let found = unfolded
                .lines()
                .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let mail = Mail {
            from: self.from.clone(),
            to: self.to.clone(),
            subject: words(&header("Subject")),
            body: match header("Content-Transfer-Encoding").as_str() {
                "base64" => decode(body),
                "quoted-printable" => unquote(body),
                _ => body.to_owned(),
            },
            raw: raw.clone(),
            is_encrypted: self.is_encrypted,
            login: self.login.clone(),
        };
        lock(self.state).mails.push(mail);
        Ok(())
    }
}

/// What stands between `<` and `>`.
fn address(text: &str) -> String {
    text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(address, _)| address).to_owned()
}

fn decode(text: &str) -> String {
    let text: String = text.split_whitespace().collect();
    String::from_utf8_lossy(&STANDARD.decode(text).unwrap_or_default()).into_owned()
}

/// Quoted-printable.
fn unquote(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits: Vec<u8> = rest.by_ref().take(2).collect();
            bytes.push(u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).unwrap_or(b'?'));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Encoded words of a header, `=?utf-8?b?…?=`.
fn words(text: &str) -> String {
    text.split(' ')
        .map(|word| match word.strip_prefix("=?utf-8?b?").and_then(|rest| rest.strip_suffix("?=")) {
            Some(encoded) => decode(encoded),
            None => format!("{word} "),
        })
        .collect::<String>()
        .trim()
        .to_owned()
}
