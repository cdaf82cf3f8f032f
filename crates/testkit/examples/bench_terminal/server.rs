//! The servers: OpenSSH's as the target, ours, and webssh.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use gatehouse_testkit::peer::{KeyFormat, Sshd, WebSocket, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::term::{Kind, Term};

/// What is measured.
pub(crate) struct World {
    target: Sshd,
    key: PathBuf,
    /// The file that is shown.
    pub(crate) file: PathBuf,
    server: Server,
    webssh: Option<(Child, u16)>,
    client: reqwest::Client,
}

/// Our server, in a folder of its own.
struct Server {
    child: Child,
    _folder: TempDir,
    http: String,
    ssh: String,
    token: String,
}

impl Drop for World {
    fn drop(&mut self) {
        let peers = self.webssh.as_mut().map(|(child, _)| child);
        for child in [Some(&mut self.server.child), peers].into_iter().flatten() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl World {
    pub(crate) async fn start(mib: usize) -> Result<Self> {
        let target = Sshd::start().await?;
        let key = target.key_file("ed25519", None, KeyFormat::OpenSsh)?;
        let file = target.home().join("big.txt");
        let lines = "UGVyIGFzcGVyYSBhZCBhc3RyYSwgYW5kIGJhY2sgYWdhaW4gYmVmb3JlIHRoZSB0ZWEgaXMgY29s\n";
        std::fs::write(&file, lines.repeat((mib << 20) / lines.len()))?;
        let client = reqwest::Client::builder().build()?;
        let mut server = Server::start().await?;
        server.furnish(&client, &target, &std::fs::read_to_string(&key)?, &key.with_extension("pub")).await?;
        let webssh = webssh().await?;
        Ok(Self { target, key, file, server, webssh, client })
    }

    /// The process that serves a kind of terminal; the client's own for raw ssh has none.
    pub(crate) fn pid(&self, kind: Kind) -> Option<u32> {
        match kind {
            Kind::Ssh => None,
            Kind::Compat | Kind::V2 | Kind::Door => Some(self.server.child.id()),
            Kind::Webssh => self.webssh.as_ref().map(|(child, _)| child.id()),
        }
    }

    /// A usable shell.
    pub(crate) async fn open(&self, kind: Kind) -> Result<Term> {
        let mut term = self.dial(kind).await?;
        term.settle().await?;
        Ok(term)
    }

    async fn dial(&self, kind: Kind) -> Result<Term> {
        let key = self.key.to_str().context("the key's path is no text")?;
        let address = self.server.http.parse()?;
        let path = format!("/api/terminal/ssh/?token={}&resource_id=1&voucher_id=1", self.server.token);
        match kind {
            Kind::Ssh => {
                let (port, to) = (self.target.port().to_string(), format!("{}@127.0.0.1", self.target.user()));
                Term::ssh(&["-p", &port, "-i", key, &to])
            }
            Kind::Door => {
                let (host, port) = self.server.ssh.rsplit_once(':').context("the ssh door does not listen")?;
                Term::ssh(&["-p", port, "-i", key, &format!("administrator#bench@{host}")])
            }
            Kind::Compat => Ok(Term::Socket(Box::new(WebSocket::open(address, &path, &[]).await?), kind)),
            Kind::V2 => {
                let headers = [("sec-websocket-protocol", "bastion.v2")];
                Ok(Term::Socket(Box::new(WebSocket::open(address, &path, &headers).await?), kind))
            }
            Kind::Webssh => self.dial_webssh().await,
        }
    }

    async fn dial_webssh(&self) -> Result<Term> {
        let port = self.webssh.as_ref().context("WEBSSH is not set")?.1;
        let form = [
            ("hostname", "127.0.0.1".to_owned()),
            ("port", self.target.port().to_string()),
            ("username", self.target.user().to_owned()),
            ("privatekey", std::fs::read_to_string(&self.key)?),
            ("term", "xterm".to_owned()),
        ];
        let answer = self.client.post(format!("http://127.0.0.1:{port}/")).form(&form).send().await?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let id = answer["id"].as_str().with_context(|| format!("webssh says {answer}"))?;
        let origin = format!("http://127.0.0.1:{port}");
        let address = format!("127.0.0.1:{port}").parse()?;
        let socket = WebSocket::open(address, &format!("/ws?id={id}"), &[("origin", &origin)]).await?;
        Ok(Term::Socket(Box::new(socket), Kind::Webssh))
    }
}

impl Server {
    async fn start() -> Result<Self> {
        let binary = std::env::var_os("GATEHOUSE_BIN").context("GATEHOUSE_BIN must name a release build")?;
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        let arguments = "serve --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --ssh-listen 127.0.0.1:0 \
             --radius-auth 127.0.0.1:0 --radius-acct 127.0.0.1:0 --data-dir";
        let child = Command::new(binary)
            // 200 idle sessions are measured while a few others may still be closing.
            .env("GATEHOUSE__TERMINAL__MAX_SESSIONS_PER_USER", "300")
            .args(arguments.split(' '))
            .arg(folder.path().join("data"))
            .env("GATEHOUSE__BASTION__COMPAT__DEFAULT_ADMIN", "true")
            .current_dir(folder.path())
            .stdout(std::fs::File::create(&log)?)
            .stderr(Stdio::null())
            .spawn()?;
        let token = String::new();
        let mut server = Self { child, _folder: folder, http: String::new(), ssh: String::new(), token };
        for _ in 0..600 {
            let text = std::fs::read_to_string(&log)?;
            let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let (Some(http), Some(ssh), true) = (line("http "), line("ssh "), text.contains("metrics ")) {
                http.trim_start_matches("http://").clone_into(&mut server.http);
                ssh.trim_start_matches("ssh://").clone_into(&mut server.ssh);
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the server did not start:\n{}", std::fs::read_to_string(&log)?)
    }

    /// Logs in, and makes the target known with its voucher, and the key at the door.
    async fn furnish(&mut self, client: &reqwest::Client, target: &Sshd, key: &str, public: &PathBuf) -> Result<()> {
        let login = json!({"account": "administrator", "password": "administrator"});
        let answer = self.call(client, "rbac/login/", &login).await?;
        answer["token"]["access"].as_str().context("no token")?.clone_into(&mut self.token);
        let voucher = json!({"name": "bench", "username": target.user(), "private_key": key, "group": 1});
        self.call(client, "resource/voucher/add/", &voucher).await?;
        let resource = json!({"name": "bench", "ipv4_address": "127.0.0.1", "port": target.port(), "group": 1,
            "protocol": 1, "status": true, "voucher_ids": [1]});
        self.call(client, "resource/resource/add/", &resource).await?;
        let public = std::fs::read_to_string(public)?;
        self.call(client, "rbac/key/add/", &json!({"name": "bench", "public_key": public.trim()})).await?;
        Ok(())
    }

    async fn call(&self, client: &reqwest::Client, path: &str, body: &Value) -> Result<Value> {
        let url = format!("http://{}/api/{path}", self.http);
        let answer = client.post(url).header("authorization", &self.token).json(body).send().await?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        ensure!(answer["code"] == 200, "{path}: {answer}");
        Ok(answer)
    }
}

async fn webssh() -> Result<Option<(Child, u16)>> {
    let Some(program) = std::env::var_os("WEBSSH").filter(|program| !program.is_empty()) else { return Ok(None) };
    let port = free_port()?;
    let child = Command::new(program)
        .args([
            "--address=127.0.0.1",
            "--policy=autoadd",
            "--xsrf=False",
            "--maxconn=100",
            "--delay=30",
            "--logging=error",
        ])
        .arg(format!("--port={port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(Some((child, port)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("webssh did not start")
}
