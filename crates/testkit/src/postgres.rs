//! PostgreSQL for tests: one throw-away cluster per test process, a migrated template in it, a copy of that per test.
//!
//! `GATEHOUSE_TEST_PG`, a URL with the right to create databases, names an existing cluster instead.

use anyhow::{Context as _, Result, ensure};
use gatehouse_store::{Db, OpenOptions};
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A migrated database of its own, for one test.
pub struct Database {
    name: String,
    cluster: &'static Cluster,
}

/// Makes a database with every migration applied and nothing else.
pub async fn database() -> Result<Database> {
    static TEMPLATE: tokio::sync::OnceCell<Database> = tokio::sync::OnceCell::const_new();
    let template = TEMPLATE.get_or_try_init(async || {
        let template = Database::create("template", EMPTY)?;
        let db = Db::open(&template.url(), &OpenOptions::default()).await?;
        db.migrate().await?;
        db.close().await;
        anyhow::Ok(template)
    });
    Database::create(&next_name(), &format!("TEMPLATE \"{}\"", template.await?.name))
}

const EMPTY: &str = "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'";

/// Makes a database with nothing in it.
pub fn empty_database() -> Result<Database> {
    Database::create(&next_name(), EMPTY)
}

fn next_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed).to_string()
}

impl Database {
    fn create(name: &str, how: &str) -> Result<Self> {
        let cluster = Cluster::get()?;
        let name = format!("gatehouse_test_{}_{name}", std::process::id());
        cluster.psql(&format!("CREATE DATABASE \"{name}\" {how}"))?;
        Ok(Self { name, cluster })
    }

    /// Runs SQL behind everybody's back.
    pub fn execute(&self, sql: &str) -> Result<()> {
        run(command(&self.cluster.psql).args(["--no-psqlrc", "--quiet", "--command", sql, "--dbname"]).arg(self.url()))
    }

    /// What [`Db::open`] takes.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The throw-away cluster goes as a whole; in an existing one, only what a failed test left is worth keeping.
        if !self.cluster.is_ours && !std::thread::panicking() {
            // Nothing to be done about a failure here; its own process will say no more than this one.
            let _ = self.cluster.psql(&format!("DROP DATABASE \"{}\" WITH (FORCE)", self.name));
        }
    }
}

/// A PostgreSQL of one test's own, which may go away and come back.
pub struct Server {
    cluster: Cluster,
    home: PathBuf,
    pg_ctl: PathBuf,
}

impl Server {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let bin = binaries()?;
        let home = std::env::temp_dir().join(format!("gatehouse-pg-{}-{}", std::process::id(), next_name()));
        // What it acknowledged must survive its crash; that of the machine is not tested.
        Ok(Self { cluster: Cluster::start(&bin, &home, "on")?, home, pg_ctl: bin.join("pg_ctl") })
    }

    /// Its one database, empty at first.
    pub fn url(&self) -> String {
        self.cluster.base.clone()
    }

    /// Stops it as a crash would: every connection breaks where it stands.
    pub fn crash(&self) -> Result<()> {
        let data = self.home.join("data");
        run(as_server(&self.pg_ctl)?.args(["--mode=immediate", "--wait", "--silent", "stop", "--pgdata"]).arg(data))
    }

    /// Starts it again on what it had.
    pub fn resume(&self) -> Result<()> {
        run(&mut start_command(&self.pg_ctl, &self.home)?)
    }
}

fn start_command(pg_ctl: &Path, home: &Path) -> Result<Command> {
    let mut command = as_server(pg_ctl)?;
    command.args(["--wait", "--silent", "--timeout=60", "start", "--pgdata"]);
    command.arg(home.join("data")).arg("--log").arg(home.join("log"));
    Ok(command)
}

/// A running PostgreSQL.
struct Cluster {
    /// Any of its databases.
    base: String,
    psql: PathBuf,
    is_ours: bool,
    /// Held for its input, which ends when this process does.
    _watchdog: Child,
}

impl Cluster {
    fn get() -> Result<&'static Self> {
        static CLUSTER: OnceLock<std::result::Result<Cluster, String>> = OnceLock::new();
        CLUSTER.get_or_init(|| Self::find().map_err(|e| format!("{e:#}"))).as_ref().map_err(|e| anyhow::anyhow!("{e}"))
    }

    fn find() -> Result<Self> {
        let bin = binaries()?;
        #[expect(clippy::disallowed_methods, reason = "the test harness has no configuration")]
        let existing = std::env::var("GATEHOUSE_TEST_PG");
        match existing {
            Ok(base) => {
                let psql = bin.join("psql");
                let drop = format!("DROP DATABASE IF EXISTS \"gatehouse_test_{}_template\"", std::process::id());
                let script = r#""$0" --no-psqlrc --quiet --command "$1" --dbname "$2""#;
                let watchdog = watch(command("sh"), script, &[psql.as_os_str(), drop.as_ref(), base.as_ref()])?;
                Ok(Self { base, psql, is_ours: false, _watchdog: watchdog })
            }
            Err(_unset) => {
                let home = std::env::temp_dir().join(format!("gatehouse-pg-{}", std::process::id()));
                Self::start(&bin, &home, "off")
            }
        }
    }

    fn start(bin: &Path, home: &Path, synchronous_commit: &str) -> Result<Self> {
        let data = home.join("data");
        run(command("install").args(["-d", "-m", "700"]).args(owner()?).arg(home))?;
        let script = r#""$0" --pgdata="$1/data" --mode=immediate --wait stop; rm -rf "$1""#;
        let pg_ctl = bin.join("pg_ctl");
        let watchdog = watch(as_server("sh".as_ref())?, script, &[pg_ctl.as_os_str(), home.as_os_str()])?;
        run(as_server(&bin.join("initdb"))?
            .args(["--no-sync", "--no-instructions", "--auth=trust", "--username=postgres"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--pgdata"])
            .arg(&data))?;
        let mut settings = fs::OpenOptions::new().append(true).open(data.join("postgresql.conf"))?;
        write!(
            settings,
            "listen_addresses = ''\nunix_socket_directories = '{}'\nmax_connections = 300\nshared_buffers = '32MB'\n\
             fsync = off\nsynchronous_commit = {synchronous_commit}\nfull_page_writes = off\n",
            home.display()
        )?;
        drop(settings);
        run(&mut start_command(&pg_ctl, home)?)?;
        let base = format!("postgres://postgres@localhost/postgres?host={}", home.display());
        Ok(Self { base, psql: bin.join("psql"), is_ours: true, _watchdog: watchdog })
    }

    /// The URL of one of its databases.
    fn url(&self, name: &str) -> String {
        let (address, options) = self.base.split_once('?').map_or((&*self.base, None), |(a, o)| (a, Some(o)));
        let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
        let server = rest.split_once('/').map_or(rest, |(server, _)| server);
        let options = options.map(|options| format!("?{options}")).unwrap_or_default();
        format!("{scheme}://{server}/{name}{options}")
    }

    fn psql(&self, statement: &str) -> Result<()> {
        run(command(&self.psql).args(["--no-psqlrc", "--quiet", "--command", statement, "--dbname"]).arg(&self.base))
    }
}

/// Starts the shell that cleans up behind us. It waits for the end of its input, which the kernel sees to however this
/// process ends: statics are never dropped, and a killed process drops nothing.
fn watch(mut shell: Command, script: &str, args: &[&OsStr]) -> Result<Child> {
    shell.arg("-c").arg(format!("trap '' HUP INT TERM; read -r _; {script}")).args(args);
    // A group of its own: an interrupt from the terminal is for the tests only.
    Ok(shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
}

/// Where PostgreSQL's programs are; Debian keeps the server's out of the path.
fn binaries() -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_unstable();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = versions.into_iter().rev().map(|(_, bin)| bin).chain(std::env::split_paths(&path));
    candidates.into_iter().find(|bin| bin.join("initdb").exists()).context("no PostgreSQL: apt-get install postgresql")
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// PostgreSQL refuses to run as root, so that the server and its files are the user postgres's then.
fn as_server(program: &Path) -> Result<Command> {
    if !is_root()? {
        return Ok(command(program));
    }
    let mut setpriv = command("setpriv");
    setpriv.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    Ok(setpriv)
}

fn owner() -> Result<&'static [&'static str]> {
    Ok(if is_root()? { &["-o", "postgres", "-g", "postgres"] } else { &[] })
}

fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // The working directory may be closed to the user postgres.
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
