//! OpenSSH's server as a target, with host keys and a user of its own.

use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::process::{Peer, Program, free_port};

/// Names of throw-away users begin so.
const USERS: &str = "ghpeer";

/// A throw-away user. Only root can make one; it is removed when dropped.
#[derive(Debug)]
struct User {
    name: String,
    password: Option<String>,
}

/// A running `sshd` on loopback.
#[derive(Debug)]
pub struct Sshd {
    // Ended before the user goes.
    peer: Peer,
    user: User,
    host_keys: Vec<String>,
    keys_made: AtomicU32,
}

/// How `ssh-keygen` writes a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// `BEGIN OPENSSH PRIVATE KEY`
    OpenSsh,
    /// `BEGIN RSA PRIVATE KEY`, `BEGIN EC PRIVATE KEY`
    Pem,
    /// `BEGIN PRIVATE KEY`
    Pkcs8,
}

impl Sshd {
    /// Starts one with an ed25519 host key.
    pub async fn start() -> Result<Self> {
        Self::with(&["ed25519"], &[]).await
    }

    /// Starts one with host keys of these types and further lines of configuration, which win over the usual ones.
    ///
    /// As root it serves a throw-away user with a password; otherwise whoever runs the test, with keys only.
    pub async fn with(host_keys: &[&str], lines: &[&str]) -> Result<Self> {
        let folder = Peer::folder()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let home = folder.path().join("home");
        fs::create_dir(&home)?;
        let user = User::make(&home)?;
        fs::write(home.join(".bash_profile"), "PS1='$ '\nunset HISTFILE PROMPT_COMMAND\n")?;
        let port = free_port()?;
        let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut publics = Vec::new();
        for kind in host_keys {
            let path = folder.path().join(format!("host_{kind}"));
            keygen(&["-t", kind], &path)?;
            text.push_str(&format!("HostKey {}\n", path.display()));
            publics.push(public(&path)?);
        }
        let authorized = folder.path().join("authorized_keys");
        fs::write(&authorized, "")?;
        text.push_str(&format!(
            "Port {port}\nListenAddress 127.0.0.1\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             UseDNS no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\nPrintMotd no\nPrintLastLog no\n\
             LogLevel VERBOSE\nMaxStartups 1000\nPerSourceMaxStartups none\nLoginGraceTime 30\nAcceptEnv LANG LC_*\n\
             Subsystem sftp /usr/lib/openssh/sftp-server\n",
            authorized.display()
        ));
        let config = folder.path().join("sshd_config");
        fs::write(&config, text)?;
        if is_root() {
            fs::create_dir_all("/run/sshd").context("cannot make sshd's own folder")?;
        }
        let args = ["-D".as_ref(), "-e".as_ref(), "-f".as_ref(), config.as_os_str()];
        let peer = Peer::start(Program::Debian("sshd"), args, folder, port).await?;
        Ok(Self { peer, user, host_keys: publics, keys_made: AtomicU32::new(0) })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.peer.address().port()
    }

    /// Who may log in.
    pub fn user(&self) -> &str {
        &self.user.name
    }

    /// His password; an error unless the test runs as root.
    pub fn password(&self) -> Result<&str> {
        self.user.password.as_deref().context("a user with a password needs a test that runs as root")
    }

    /// His home, where a test may put files.
    pub fn home(&self) -> PathBuf {
        self.peer.folder_path().join("home")
    }

    /// Its public host keys: `ssh-ed25519 AAAA…`, in the order they were asked for.
    pub fn host_keys(&self) -> &[String] {
        &self.host_keys
    }

    /// Makes a key, `kind` as `ssh-keygen -t` takes it, lets it in, and gives the private half.
    pub fn key(&self, kind: &str, bits: Option<u32>, format: KeyFormat) -> Result<String> {
        fs::read_to_string(self.key_file(kind, bits, format)?).context("cannot read the key")
    }

    /// The same as a file.
    pub fn key_file(&self, kind: &str, bits: Option<u32>, format: KeyFormat) -> Result<PathBuf> {
        let path = self.peer.folder_path().join(format!("key_{}", self.keys_made.fetch_add(1, Ordering::Relaxed)));
        let bits = bits.map(|bits| bits.to_string());
        let mut args = vec!["-t", kind];
        args.extend(bits.iter().flat_map(|bits| ["-b", bits.as_str()]));
        match format {
            KeyFormat::OpenSsh => {}
            KeyFormat::Pem => args.extend(["-m", "PEM"]),
            KeyFormat::Pkcs8 => args.extend(["-m", "PKCS8"]),
        }
        keygen(&args, &path)?;
        let authorized = self.peer.folder_path().join("authorized_keys");
        let text = fs::read_to_string(&authorized)? + &public(&path)? + "\n";
        fs::write(authorized, text)?;
        Ok(path)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.peer.folder_path().join("log")).unwrap_or_default()
    }

    /// Process ids of everything that runs for connections: sshd's own, shells, commands.
    pub fn processes(&self) -> Vec<u32> {
        let parents = parents();
        let mut found = vec![self.peer.pid()];
        let mut seen = 0;
        while let Some(parent) = found.get(seen).copied() {
            found.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| *pid));
            seen += 1;
        }
        found.split_off(1)
    }

    /// Whether a process with this command line runs for a connection.
    pub fn runs(&self, command: &str) -> bool {
        self.processes().iter().any(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").trim_end().contains(command)
        })
    }

    /// Ends every connection the hard way.
    pub fn kill_connections(&self) {
        for pid in self.processes() {
            kill(pid, Signal::KILL);
        }
    }

    /// Stops every connection without closing it, as a machine that hangs would.
    pub fn pause_connections(&self) {
        for pid in self.processes() {
            kill(pid, Signal::STOP);
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill_connections();
    }
}

fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may be gone already.
        let _ = kill_process(pid, signal);
    }
}

/// Every process and its parent.
fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold blanks and ends with the last parenthesis.
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
    };
    pids.filter_map(|pid| Some((pid, parent(pid)?))).collect()
}

impl User {
    fn make(home: &Path) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !is_root() {
            let name = String::from_utf8(Command::new("id").arg("-un").output()?.stdout)?;
            return Ok(Self { name: name.trim().to_owned(), password: None });
        }
        let name = format!("{USERS}{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut random = [0; 12];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let password = hex::encode(random);
        let lock = lock()?;
        remove_left_behind()?;
        let home_text = home.to_str().context("the folder's name is no text")?;
        run(Command::new("useradd").args([
            "--no-create-home",
            "--home-dir",
            home_text,
            "--shell",
            "/bin/bash",
            &name,
        ]))?;
        let mut child = Command::new("chpasswd").stdin(Stdio::piped()).spawn().context("cannot start chpasswd")?;
        let mut stdin = child.stdin.take().context("chpasswd has no input")?;
        stdin.write_all(format!("{name}:{password}\n").as_bytes())?;
        drop(stdin);
        ensure!(child.wait()?.success(), "chpasswd failed");
        drop(lock);
        let id = |flag: &str| -> Result<u32> {
            let text = String::from_utf8(Command::new("id").args([flag, name.as_str()]).output()?.stdout)?;
            text.trim().parse().with_context(|| format!("id {flag} {name} says {text}"))
        };
        chown(home, Some(id("-u")?), Some(id("-g")?))?;
        Ok(Self { name, password: Some(password) })
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if self.password.is_some()
            && let Ok(_lock) = lock()
        {
            // What stays behind is removed by the next test run.
            let _ = remove(&self.name);
        }
    }
}

/// Tools that edit /etc/passwd refuse instead of waiting for one another.
fn lock() -> Result<File> {
    let file = File::create(std::env::temp_dir().join("gatehouse-peer-users.lock"))?;
    file.lock().context("cannot lock the users")?;
    Ok(file)
}

/// Users of test programs that were killed.
fn remove_left_behind() -> Result<()> {
    for line in fs::read_to_string("/etc/passwd")?.lines() {
        let name = line.split(':').next().unwrap_or_default();
        let Some(pid) = name.strip_prefix(USERS).and_then(|rest| rest.split('x').next()) else { continue };
        if pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists() {
            remove(name)?;
        }
    }
    Ok(())
}

fn remove(name: &str) -> Result<()> {
    run(Command::new("userdel").args(["--force", name]))
}

fn run(command: &mut Command) -> Result<()> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !done.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

fn keygen(args: &[&str], path: &Path) -> Result<()> {
    let program = Program::Debian("ssh-keygen").path()?;
    run(Command::new(program).args(["-q", "-N", "", "-C", "test", "-f"]).arg(path).args(args))
}

/// The public half without its comment.
fn public(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path.with_extension("pub"))?;
    Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
