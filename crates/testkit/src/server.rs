//! The real server: the gatehouse binary on free ports, with a folder and a database of its own.
//!
//! What can only go wrong by a bug panics, so that a story reads as one; what a story waits for is a `Result`. Methods that
//! wait block the thread. In a test whose own tasks must go on meanwhile use their twins that end in `_beside`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot start its server has failed"
)]

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use gatehouse_domain::{
    Actor, App, Clock, Open, Random, Settings,
    apply::{self, Applied, Mode},
    proxy::manage::{self, NodeSpec},
    seal::KeyRing,
    settings::LoginSettings,
};
use gatehouse_model::{Origin, Secret};
use gatehouse_store::{Db, OpenOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::{Engine, postgres};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Flags that put every listener on a free port.
pub const FREE_PORTS: &str = "--listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0";

/// A folder, a configuration and the binary. The folder is the working directory of its commands, the data directory is
/// `data` in it. It goes with the installation, unless the test panics: then it stays, and its path is printed.
pub struct Installation {
    binary: PathBuf,
    folder: Option<TempDir>,
    environment: Vec<(String, String)>,
    servers: AtomicU32,
    /// Where it lives on PostgreSQL.
    database: Option<postgres::Database>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// The output of a command that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The JSON of a command that must have succeeded.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Installation {
    /// Makes one on SQLite; `binary` is `env!("CARGO_BIN_EXE_gatehouse")`.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            folder: Some(tempfile::Builder::new().prefix("gatehouse-server-").tempdir().unwrap()),
            environment: Vec::new(),
            servers: AtomicU32::new(0),
            database: None,
        }
    }

    /// Makes one on an engine: a file in its data directory, or an empty database of the test process's cluster.
    pub fn on(binary: impl Into<PathBuf>, engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::new(binary),
            Engine::Postgres => {
                let database = postgres::empty_database().unwrap();
                let mut installation = Self::new(binary).with("DATABASE__URL", &database.url());
                installation.database = Some(database);
                installation
            }
        }
    }

    /// Sets a configuration key, as `SECTION__KEY`, for the commands that follow.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    /// As [`Self::with`].
    pub fn set(&mut self, key: &str, value: &str) {
        self.environment.push((format!("GATEHOUSE__{key}"), value.to_owned()));
    }

    /// What the store opens.
    pub fn database_url(&self) -> String {
        let configured = self.environment.iter().rfind(|(key, _)| key == "GATEHOUSE__DATABASE__URL");
        let file = || format!("sqlite://{}", self.path().join("data/gatehouse.db").display());
        configured.map_or_else(file, |(_, url)| url.clone())
    }

    /// The database behind everybody's back.
    pub async fn database(&self) -> Db {
        Db::open(&self.database_url(), &OpenOptions::default()).await.unwrap()
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.as_ref().expect("it goes with the installation").path()
    }

    /// Writes a file into the folder. Commands read `gatehouse.toml` as their configuration when it is there.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// The command line with these arguments, blank-separated, in a clean environment.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments.split_ascii_whitespace()).current_dir(self.path()).stdin(Stdio::null()).env_clear();
        command.env("GATEHOUSE__DATA_DIR", "data").env("GATEHOUSE__SSH__LISTEN", "127.0.0.1:0");
        command.env("GATEHOUSE__RADIUS__AUTH", "127.0.0.1:0").env("GATEHOUSE__RADIUS__ACCT", "127.0.0.1:0");
        if self.path().join("gatehouse.toml").exists() {
            command.env("GATEHOUSE_CONFIG", "gatehouse.toml");
        }
        // Hashing at full cost would make every new database cost a second of a debug build.
        command.env("GATEHOUSE__LOGIN__ARGON2_MEMORY", "8").env("GATEHOUSE__LOGIN__ARGON2_PASSES", "1");
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Runs a command to its end, whatever that is.
    pub fn run(&self, arguments: &str) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    /// As [`Self::run`] beside the tasks of the test, with arguments that may hold blanks.
    pub async fn run_beside(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command("");
        command.args(arguments);
        spawn_blocking(move || command.output()).await.unwrap().unwrap().into()
    }

    /// Runs a command with something on its standard input.
    pub fn run_with(&self, arguments: &str, input: &str) -> Ended {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Starts a server on free ports and waits until it listens.
    pub fn serve(&self, arguments: &str) -> RunningServer {
        self.start(self.command(&format!("{arguments} {FREE_PORTS}")))
    }

    /// As [`Self::serve`], for any command line that serves.
    pub fn start(&self, command: Command) -> RunningServer {
        RunningServer::start(command, self.next_log())
    }

    /// As [`Self::serve`] beside the tasks of the test.
    pub async fn serve_beside(&self, arguments: &str) -> RunningServer {
        let (command, log) = (self.command(&format!("{arguments} {FREE_PORTS}")), self.next_log());
        spawn_blocking(move || RunningServer::start(command, log)).await.unwrap()
    }

    /// Each server has its own log.
    fn next_log(&self) -> PathBuf {
        self.path().join(format!("log.{}", self.servers.fetch_add(1, Ordering::Relaxed)))
    }

    /// A new token of an OA system.
    pub fn token(&self) -> String {
        let made = self.run("oa token generate --json").json();
        made.get("token").and_then(Value::as_str).expect("a token").to_owned()
    }

    /// The same database, opened in this process: to the server it is another one, as a command's would be.
    pub async fn app(&self) -> Result<App> {
        let data = self.path().join("data");
        fs::create_dir_all(&data)?;
        let random = Random::System;
        let keys = KeyRing::open(&data.join("key-ring"), &random)?;
        let login = LoginSettings { argon2_memory: 8, argon2_passes: 1, ..LoginSettings::default() };
        let open = Open {
            database_url: Secret::new(self.database_url()),
            options: OpenOptions::default(),
            keys,
            settings: Settings { login, ..Settings::default() },
            clock: Clock::System,
            random,
        };
        Ok(App::open(open).await?.0)
    }

    /// Makes or changes proxy nodes.
    pub async fn save(&self, nodes: &[NodeSpec]) -> Result<()> {
        let app = self.app().await?;
        for node in nodes {
            manage::save(&app.ctx(Actor::Operator, Origin::Cli), node).await?;
        }
        Ok(app.stop().await?)
    }

    /// Applies a state file (docs/STATE.md), as another process does. Errors name every problem.
    pub async fn apply(&self, state: &str) -> Result<()> {
        let app = self.app().await?;
        let applied =
            apply::apply(&app.ctx(Actor::Operator, Origin::Cli), &toml::from_str(state)?, Mode::Write).await?;
        app.stop().await?;
        match applied {
            Applied::Done(_) => Ok(()),
            Applied::Refused(problems) => bail!("{problems:?}"),
        }
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("an installation left its files in {}", folder.keep().display());
        }
    }
}

/// A running server; killed when dropped.
pub struct RunningServer {
    child: Child,
    /// A file: nobody reads while it runs, and a full pipe would stop it.
    log: PathBuf,
    lines: mpsc::Receiver<String>,
    /// The lines printed so far.
    pub announced: Vec<String>,
}

impl RunningServer {
    /// Starts it and waits until everything listens: the metrics listener is announced last.
    fn start(mut command: Command, log: PathBuf) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut running = Self { child, log, lines, announced: Vec::new() };
        running.read_until("metrics");
        running
    }

    /// Reads standard output up to a line that begins so.
    #[track_caller]
    pub fn read_until(&mut self, beginning: &str) {
        while !self.announced.iter().any(|line| line.starts_with(beginning)) {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let log = self.end_hard();
                panic!("no line {beginning:?}: {:?} {log}", self.announced);
            };
            self.announced.push(line);
        }
    }

    /// The base URL announced under a name: `http`, `oa`, `metrics`.
    #[track_caller]
    pub fn url(&self, name: &str) -> String {
        let line = self.announced.iter().find(|line| line.split_ascii_whitespace().next() == Some(name));
        let url = line.and_then(|line| line.split_ascii_whitespace().nth(1)).expect("announced");
        url.trim_end_matches("/metrics").to_owned()
    }

    /// What the metrics listener tells.
    pub async fn metrics(&self) -> Result<String> {
        let url = format!("{}/metrics", self.url("metrics"));
        Ok(http_client()?.get(url).send().await?.error_for_status()?.text().await?)
    }

    /// One call of the oa surface: `generateUserProfile`, `getConnInfoByUser` or `delUserProfile`.
    pub async fn oa(&self, endpoint: &str, token: &str, username: &str) -> Result<Value> {
        let url = format!("{}/v1/{endpoint}", self.url("http"));
        let form = [("token", token), ("username", username)];
        let answer = http_client()?.post(url).form(&form).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its process, as system calls name it.
    pub fn process(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).unwrap();
    }

    /// Waits for its own end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end; its log ends:\n{}", self.log_tail());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it in order, SIGTERM, exit code 0, nothing given up, and gives what it logged.
    #[track_caller]
    pub fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let status = self.wait();
        let log = self.log();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains("did not end in time") && !log.contains("panicked"), "{log}");
        log
    }

    /// As [`Self::stop`] beside the tasks of the test, whose flows may have to end first.
    pub async fn stop_beside(self) -> String {
        spawn_blocking(move || self.stop()).await.unwrap()
    }

    /// Ends it as `kill -9` does and gives what it logged.
    pub fn kill(mut self) -> String {
        self.end_hard()
    }

    fn end_hard(&mut self) -> String {
        self.child.kill().unwrap();
        self.wait();
        self.log()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one HTTP client of tests: no proxy, and patient.
pub fn http_client() -> Result<reqwest::Client> {
    // Fails only if another test of this process was faster.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?)
}
