//! A data directory of its own and the binary to work on it.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use gatehouse_store::{Db, OpenOptions};
use gatehouse_testkit::{Engine, postgres};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An installation. Its directory is also the working directory of its commands.
pub(crate) struct House {
    directory: TempDir,
    environment: Vec<(String, String)>,
    /// Where it lives on PostgreSQL; goes with it.
    _database: Option<postgres::Database>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The output of a command that must have succeeded.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The JSON of a command that must have succeeded.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), environment: Vec::new(), _database: None }
    }

    /// An installation on an engine: a file in its data directory, or an empty database of the test process's cluster.
    pub(crate) fn on(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::new(),
            Engine::Postgres => {
                let database = postgres::empty_database().unwrap();
                let url = database.url();
                Self { _database: Some(database), ..Self::new() }.with("DATABASE__URL", &url)
            }
        }
    }

    /// Sets a configuration key, as `SECTION__KEY`, for the commands that follow.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    /// As [`Self::with`].
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.environment.push((format!("GATEHOUSE__{key}"), value.to_owned()));
    }

    /// What the store opens.
    pub(crate) fn database_url(&self) -> String {
        let configured = self.environment.iter().rfind(|(key, _)| key == "GATEHOUSE__DATABASE__URL");
        let file = || format!("sqlite://{}", self.path().join("data/gatehouse.db").display());
        configured.map_or_else(file, |(_, url)| url.clone())
    }

    /// The database behind everybody's back.
    pub(crate) async fn database(&self) -> Db {
        Db::open(&self.database_url(), &OpenOptions::default()).await.unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file into the working directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// The command line with these arguments, blank-separated, in a clean environment.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
        command
            .args(arguments.split_ascii_whitespace())
            .current_dir(self.path())
            .env_clear()
            .env("GATEHOUSE__DATA_DIR", "data");
        // Hashing at full cost would make every new database cost a second of a debug build.
        command.env("GATEHOUSE__LOGIN__ARGON2_MEMORY", "8").env("GATEHOUSE__LOGIN__ARGON2_PASSES", "1");
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &str) -> Ended {
        ended(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs a command with something on its standard input.
    pub(crate) fn run_with(&self, arguments: &str, input: &str) -> Ended {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        ended(child.wait_with_output().unwrap())
    }

    /// Starts a server on free ports and waits until it listens.
    pub(crate) fn serve(&self, arguments: &str) -> Running {
        let free = "--listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0";
        Running::start(self.command(&format!("{arguments} {free}")))
    }
}

pub(crate) fn ended(output: std::process::Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A running server; killed when dropped.
pub(crate) struct Running {
    child: Child,
    /// Not a pipe: nobody reads while it runs, and a full one would stop it.
    log: NamedTempFile,
    lines: mpsc::Receiver<String>,
    /// The lines printed so far.
    pub(crate) announced: Vec<String>,
}

impl Running {
    /// Starts it and waits until everything listens: the metrics listener is announced last.
    pub(crate) fn start(mut command: Command) -> Self {
        let log = NamedTempFile::new().unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.reopen().unwrap());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut running = Self { child, log, lines, announced: Vec::new() };
        running.read_until("metrics");
        running
    }

    /// Reads standard output up to a line that begins so.
    pub(crate) fn read_until(&mut self, beginning: &str) {
        while !self.announced.iter().any(|line| line.starts_with(beginning)) {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let log = self.end_hard();
                panic!("no line {beginning:?}: {:?} {log}", self.announced);
            };
            self.announced.push(line);
        }
    }

    /// The base URL announced under a name.
    pub(crate) fn url(&self, name: &str) -> String {
        let line = self.announced.iter().find(|line| line.split_ascii_whitespace().next() == Some(name));
        let url = line.and_then(|line| line.split_ascii_whitespace().nth(1)).expect("announced");
        url.trim_end_matches("/metrics").to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its own end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::yield_now();
        }
    }

    /// Ends it in order and returns what it logged.
    pub(crate) fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let status = self.wait();
        let log = self.log();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains("did not end in time") && !log.contains("panicked"), "{log}");
        log
    }

    /// Ends it as `kill -9` does and returns what it logged.
    pub(crate) fn kill(mut self) -> String {
        self.end_hard()
    }

    fn end_hard(&mut self) -> String {
        self.child.kill().unwrap();
        self.wait();
        self.log()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Its process, as the kernel knows it.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
