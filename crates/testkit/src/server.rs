//! The real server: the gatehouse binary on free ports, with a folder and a database of its own.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use gatehouse_domain::{
    Actor, App, Clock, Open, Random, Settings,
    apply::{self, Applied, Mode},
    proxy::manage::{self, NodeSpec},
    seal::KeyRing,
    settings::LoginSettings,
};
use gatehouse_model::{Origin, Secret};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Engine, peer::wait_for, postgres};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A data directory, a configuration and the binary. Its folder goes with it, unless the test panics: then it stays, and
/// its path is printed.
pub struct Installation {
    binary: PathBuf,
    folder: Option<TempDir>,
    database: Option<postgres::Database>,
}

impl Installation {
    /// Makes one; `binary` is `env!("CARGO_BIN_EXE_gatehouse")`, `config` is TOML. Data directory, listeners and the cost
    /// of passwords are set already, by the environment, which beats `config`.
    pub async fn new(binary: &str, engine: Engine, config: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("gatehouse-server-").tempdir()?;
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(postgres::database().await?),
        };
        let installation = Self { binary: binary.into(), folder: Some(folder), database };
        installation.configure(config)?;
        Ok(installation)
    }

    /// Its folder: `gatehouse.toml`, `data/`, and the servers' `stdout` and `log`.
    pub fn path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), TempDir::path)
    }

    /// Replaces the configuration; a running server does not notice.
    pub fn configure(&self, config: &str) -> Result<()> {
        Ok(fs::write(self.path().join("gatehouse.toml"), config)?)
    }

    /// A command line of the binary.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null()).env_clear();
        command.env("GATEHOUSE_CONFIG", "gatehouse.toml").env("GATEHOUSE__DATA_DIR", "data");
        command.env("GATEHOUSE__HTTP__LISTEN", "127.0.0.1:0").env("GATEHOUSE__METRICS__LISTEN", "127.0.0.1:0");
        command.env("GATEHOUSE__LOGIN__ARGON2_MEMORY", "8").env("GATEHOUSE__LOGIN__ARGON2_PASSES", "1");
        if let Some(database) = &self.database {
            command.env("GATEHOUSE__DATABASE__URL", database.url());
        }
        command
    }

    /// Runs a command to its end, whatever that is.
    pub async fn output(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.command(arguments);
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments).await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "gatehouse {}: {}: {complaint}", arguments.join(" "), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// As [`Self::run`] with `--json`, read.
    pub async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.run(&[arguments, &["--json"]].concat()).await?;
        serde_json::from_str(&text).with_context(|| format!("gatehouse {}: {text}", arguments.join(" ")))
    }

    /// A new token of an OA system.
    pub async fn token(&self) -> Result<String> {
        let made = self.json(&["oa", "token", "generate"]).await?;
        Ok(made.get("token").and_then(Value::as_str).context("no token was made")?.to_owned())
    }

    /// The same database, opened in this process: to the server it is another one, as a command's would be.
    pub async fn app(&self) -> Result<App> {
        let data = self.path().join("data");
        fs::create_dir_all(&data)?;
        let sqlite = || format!("sqlite://{}", data.join("gatehouse.db").display());
        let random = Random::System;
        let keys = KeyRing::open(&data.join("key-ring"), &random)?;
        let login = LoginSettings { argon2_memory: 8, argon2_passes: 1, ..LoginSettings::default() };
        let open = Open {
            database_url: Secret::new(self.database.as_ref().map_or_else(sqlite, postgres::Database::url)),
            options: gatehouse_domain::OpenOptions::default(),
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

    /// Starts `gatehouse serve` and waits until it listens and is ready.
    pub async fn start(&self) -> Result<RunningServer> {
        self.start_command(self.command(&["serve"])).await
    }

    /// As [`Self::start`] with a command line of one's own.
    pub async fn start_command(&self, mut command: Command) -> Result<RunningServer> {
        let file = |name: &str| OpenOptions::new().create(true).append(true).open(self.path().join(name));
        // What it announces is read anew; the log goes on.
        let stdout = File::create(self.path().join("stdout"))?;
        let child = command.stdout(stdout).stderr(file("log")?).spawn().context("cannot start gatehouse")?;
        let mut server = RunningServer { child, announced: Vec::new(), folder: self.path().to_owned() };
        let ready = server.wait_until_ready().await;
        ready.with_context(|| format!("the server did not start; its log ends:\n{}", server.log_tail()))?;
        Ok(server)
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
    announced: Vec<String>,
    folder: PathBuf,
}

impl RunningServer {
    async fn wait_until_ready(&mut self) -> Result<()> {
        wait_for("to listen", async || {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended by itself: {status}");
            }
            let text = fs::read_to_string(self.folder.join("stdout"))?;
            // Whole lines only; that of the metrics listener comes last.
            self.announced = text.rsplit_once('\n').unwrap_or_default().0.lines().map(str::to_owned).collect();
            Ok(self.announced.iter().any(|line| line.starts_with("metrics")))
        })
        .await?;
        let (client, url) = (http_client()?, format!("{}/readyz", self.url("metrics")?));
        wait_for("to be ready", async || Ok(client.get(&url).send().await?.status().is_success())).await
    }

    /// The base URL announced under a name: `http`, `oa`, `metrics`.
    pub fn url(&self, name: &str) -> Result<String> {
        let mut words = self.announced.iter().map(|line| line.split_ascii_whitespace());
        let url = words.find_map(|mut words| (words.next() == Some(name)).then(|| words.next()).flatten());
        let url = url.with_context(|| format!("no listener `{name}` in {:?}", self.announced))?;
        Ok(url.trim_end_matches("/metrics").to_owned())
    }

    /// What the metrics listener tells.
    pub async fn metrics(&self) -> Result<String> {
        let url = format!("{}/metrics", self.url("metrics")?);
        Ok(http_client()?.get(url).send().await?.error_for_status()?.text().await?)
    }

    /// One call of the oa surface: `generateUserProfile`, `getConnInfoByUser` or `delUserProfile`.
    pub async fn oa(&self, endpoint: &str, token: &str, username: &str) -> Result<Value> {
        let url = format!("{}/v1/{endpoint}", self.url("http")?);
        let form = [("token", token), ("username", username)];
        let answer = http_client()?.post(url).form(&form).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(start.elapsed() < PATIENCE, "the server does not end; its log ends:\n{}", self.log_tail());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it in order: SIGTERM, exit code 0, nothing given up.
    pub async fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let status = self.wait().await?;
        let log = self.log_tail();
        ensure!(status.success() && !log.contains("did not end in time"), "{status}; its log ends:\n{log}");
        Ok(())
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.wait().await?;
        Ok(())
    }

    /// Everything that servers of this installation logged.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.join("log"));
        String::from_utf8_lossy(&log.unwrap_or_else(|error| error.to_string().into_bytes())).into_owned()
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
