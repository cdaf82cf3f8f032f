//! One installation with a target, an administrator and somebody who may go there.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use gatehouse_testkit::{
    Engine, Installation, RunningServer,
    peer::{KeyFormat, Sshd, WebSocket},
    server::http_client,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::GATEHOUSE;

/// Passwords of the two.
const CHIEF: &str = "a long password of the chief";
const ANN: &str = "a long password of ann";

/// How long a program may take to say something.
const PATIENCE: Duration = Duration::from_secs(30);

/// What holds while the server comes and goes.
pub(crate) struct World {
    pub(crate) house: Installation,
    pub(crate) sshd: Sshd,
    /// Ann's private key for the ssh door.
    key: PathBuf,
}

/// What a login can do with a running server.
pub(crate) struct Person {
    base: String,
    token: String,
}

/// Wire ids.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    pub(crate) ann: i64,
    pub(crate) resource: i64,
    pub(crate) voucher: i64,
}

impl World {
    /// An empty installation and a target.
    pub(crate) async fn new(engine: Engine) -> Result<Self> {
        let house = Installation::on(GATEHOUSE, engine);
        house.run_with("account passwd administrator --password-stdin", CHIEF).ok();
        let key = house.path().join("ann");
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().await?;
        ensure!(made.success(), "ssh-keygen failed");
        Ok(Self { house, sshd: Sshd::start().await?, key })
    }

    /// Makes voucher, resource, role and Ann, all by the surface's own calls.
    pub(crate) async fn furnish(&self, running: &RunningServer) -> Result<Ids> {
        let chief = Person::chief(running).await?;
        let key = self.sshd.key("ed25519", None, KeyFormat::OpenSsh)?;
        let group = chief.id("resource/group/get/", "Default").await?;
        let new = json!({ "name": "key", "username": self.sshd.user(), "private_key": key, "group": group });
        chief.post("resource/voucher/add/", new).await?;
        let voucher = chief.id("resource/voucher/get/", "key").await?;
        let new = json!({
            "name": "target", "ipv4_address": "127.0.0.1", "port": self.sshd.port(), "group": group, "protocol": 1,
            "status": true, "voucher_ids": [voucher],
        });
        chief.post("resource/resource/add/", new).await?;
        let resource = chief.id("resource/resource/get/", "target").await?;

        chief.post("rbac/role/add/", json!({ "name": "visitor", "code": "Visitor" })).await?;
        let role = chief.id("rbac/role/get/", "visitor").await?;
        let groups = json!([{ "id": group, "permission": [19, 23] }]);
        chief.post("perm/group-auth/edit/", json!({ "role_id": role, "groups": groups })).await?;
        let new = json!({ "account": "ann", "password": ANN, "name": "Ann", "status": true });
        chief.post("rbac/user/add/", new).await?;
        let ann = chief.id("rbac/user/get/", "Ann").await?;
        chief.post("rbac/user/role/", json!({ "id": ann, "roles": [role] })).await?;
        let public = std::fs::read_to_string(self.key.with_extension("pub"))?;
        let new = json!({ "name": "laptop", "public_key": public.trim_end() });
        Person::ann(running).await?.post("rbac/key/add/", new).await?;
        Ok(Ids { ann, resource, voucher })
    }

    /// A command at the target through the ssh door, by the stock client as Ann.
    pub(crate) fn ssh(&self, running: &RunningServer, command: &str) -> Result<Native> {
        let port = address(&running.url("ssh"))?.port().to_string();
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]);
        ssh.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-i"]).arg(&self.key);
        ssh.args(["-p", &port, "ann#target@127.0.0.1", command]);
        Native::start(ssh, &self.house.path().join("ssh.log"))
    }
}

impl Person {
    /// The administrator.
    pub(crate) async fn chief(running: &RunningServer) -> Result<Self> {
        Self::log_in(running, "administrator", CHIEF).await
    }

    /// The one who visits.
    pub(crate) async fn ann(running: &RunningServer) -> Result<Self> {
        Self::log_in(running, "ann", ANN).await
    }

    async fn log_in(running: &RunningServer, account: &str, password: &str) -> Result<Self> {
        let mut person = Self { base: running.url("http"), token: String::new() };
        let answer = person.post("rbac/login/", json!({ "account": account, "password": password })).await?;
        person.token = answer.pointer("/token/access").and_then(Value::as_str).context("no token")?.to_owned();
        Ok(person)
    }

    /// A call that must succeed.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let (status, text) = self.send(Method::POST, path, Some(body)).await?;
        ensure!(status == StatusCode::OK, "{path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// A list or a thing.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.text(path).await?)?)
    }

    /// As it comes.
    pub(crate) async fn text(&self, path: &str) -> Result<String> {
        let (status, text) = self.send(Method::GET, path, None).await?;
        ensure!(status == StatusCode::OK, "{path}: {status} {text}");
        Ok(text)
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, String)> {
        let mut request = http_client()?.request(method, format!("{}/api/{path}", self.base));
        if !self.token.is_empty() {
            request = request.header("authorization", &self.token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// The id of the row with a name.
    async fn id(&self, list: &str, name: &str) -> Result<i64> {
        let found = self.get(&format!("{list}?name={name}")).await?;
        let rows = found.get("detail").and_then(Value::as_array).context("no list")?;
        let row = rows.iter().find(|row| row.get("name").is_some_and(|its| its == name));
        row.and_then(|row| row.get("id")).and_then(Value::as_i64).with_context(|| format!("no {name} in {found}"))
    }

    /// A terminal, as the original's front end opens it.
    pub(crate) async fn terminal(&self, ids: Ids) -> Result<WebSocket> {
        let Ids { resource, voucher, .. } = ids;
        let path = format!("/api/terminal/ssh/?token={}&resource_id={resource}&voucher_id={voucher}", self.token);
        WebSocket::open(address(&self.base)?, &path, &[]).await
    }
}

/// Types a line into a terminal.
pub(crate) async fn type_line(terminal: &mut WebSocket, line: &str) -> Result<()> {
    terminal.text(json!({ "type": 2, "data": format!("{line}\n") }).to_string()).await
}

/// The address in a URL.
pub(crate) fn address(url: &str) -> Result<SocketAddr> {
    url.split("//").nth(1).context("no address")?.parse().with_context(|| format!("{url} has no address"))
}

/// A running client whose output is read line by line.
pub(crate) struct Native {
    child: Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Native {
    fn start(mut command: Command, log: &Path) -> Result<Self> {
        let log = std::fs::File::create(log)?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        Ok(Self { child, lines })
    }

    /// The next line; none when it says no more.
    pub(crate) async fn line(&mut self) -> Result<Option<String>> {
        Ok(timeout(PATIENCE, self.lines.next_line()).await.context("ssh says nothing")??)
    }

    /// Its exit code, within a time.
    pub(crate) async fn ended(&mut self, within: Duration) -> Result<Option<i32>> {
        Ok(timeout(within, self.child.wait()).await.context("ssh goes on")??.code())
    }
}
