//! The demo's target: OpenSSH's server on a free loopback port, with keys of its own, for whoever runs the demo.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use gatehouse_domain::App;
use gatehouse_model::Secret;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

/// It wants to be started by its full path.
const PROGRAM: &str = "/usr/sbin/sshd";

/// Where its files lie in the data directory.
const FOLDER: &str = "demo-sshd";

/// How long it may take to listen, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(20);

/// A running `sshd`; it ends with the demo.
pub(super) struct Sshd {
    child: Child,
    /// Where it listens on 127.0.0.1.
    pub(super) port: u16,
    /// Who may log in: the user who runs the demo.
    pub(super) user: String,
    /// What lets him in.
    pub(super) key: Secret,
}

impl Sshd {
    /// Starts it and waits until it listens. `None`: it is not installed.
    pub(super) async fn start(app: &App, data_dir: &Path) -> anyhow::Result<Option<Self>> {
        if !Path::new(PROGRAM).exists() {
            return Ok(None);
        }
        let folder = data_dir.join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let user = output_of(Command::new("id").arg("-un")).await?.trim().to_owned();
        let (host_key, key) = (folder.join("host_key"), folder.join("key"));
        for file in [&host_key, &key] {
            if !file.exists() {
                output_of(
                    Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "demo", "-f"]).arg(file),
                )
                .await?;
            }
        }
        fs::copy(key.with_extension("pub"), folder.join("authorized_keys"))?;
        if rustix::process::geteuid().is_root() {
            // Its service would make this; without it sshd ends at once.
            fs::create_dir_all("/run/sshd").context("cannot make /run/sshd, which sshd needs as root")?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let config = folder.join("sshd_config");
        fs::write(&config, configuration(&folder, port))?;
        let key = Secret::new(fs::read_to_string(key)?);
        let mut sshd = Self { child: spawn(&folder, &config)?, port, user, key };
        sshd.wait_until_it_listens(app, &folder.join("log")).await?;
        Ok(Some(sshd))
    }

    async fn wait_until_it_listens(&mut self, app: &App, log: &Path) -> anyhow::Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut waited = Duration::ZERO;
        while TcpStream::connect(address).await.is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || waited >= PATIENCE || app.pause(STEP).await {
                bail!(
                    "{PROGRAM} does not listen; it says:\n{}",
                    fs::read_to_string(log).unwrap_or_default().trim_end()
                );
            }
            waited += STEP;
        }
        Ok(())
    }

    /// Ends it. Connections to it have ended before, with the terminals.
    pub(super) async fn stop(mut self) -> io::Result<()> {
        self.child.kill().await
    }
}

/// Starts it so that it ends with this process, whatever ends that.
fn spawn(folder: &Path, config: &Path) -> anyhow::Result<Child> {
    let started = |program: &str, before: &[&str]| {
        let log = File::create(folder.join("log"))?;
        Command::new(program)
            .args(before)
            .args(["-D", "-e", "-f"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C of the terminal is not for it: open terminals end in order first.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    };
    // setpriv belongs to util-linux. Where it is missing, a `kill -9` of the demo leaves sshd behind.
    let child = match started("setpriv", &["--pdeathsig", "TERM", PROGRAM]) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => started(PROGRAM, &[]),
        other => other,
    };
    child.with_context(|| format!("cannot start {PROGRAM}"))
}

fn configuration(folder: &Path, port: u16) -> String {
    let file = |name: &str| -> PathBuf { folder.join(name) };
    format!(
        "# Written by `gatehouse demo`.\n\
         ListenAddress 127.0.0.1:{port}\n\
         HostKey \"{host_key}\"\n\
         AuthorizedKeysFile \"{authorized}\"\n\
         PidFile \"{pid}\"\n\
         UsePAM no\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         StrictModes no\n\
         UseDNS no\n\
         PrintMotd no\n\
         PrintLastLog no\n\
         AcceptEnv LANG LC_*\n\
         Subsystem sftp internal-sftp\n",
        host_key = file("host_key").display(),
        authorized = file("authorized_keys").display(),
        pid = file("pid").display(),
    )
}

/// Standard output of a command that must succeed.
async fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().await.with_context(|| format!("cannot start {name}"))?;
    ensure!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    Ok(String::from_utf8(output.stdout)?)
}
