//! ocserv, the VPN concentrator, and openconnect, its client. Both need root: the server makes a tunnel device.

use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::process::Ready;
use super::{Namespace, Peer, Program, SelfSigned, free_port};

/// A running `ocserv` on loopback that asks a RADIUS server on 127.0.0.1 for logins and reports sessions to it.
#[derive(Debug)]
pub struct Ocserv(Peer);

/// Where an `ocserv` will listen for `occtl`, known before it runs.
#[derive(Debug)]
pub struct Control(TempDir);

impl Control {
    /// Chooses a place.
    pub fn new() -> Result<Self> {
        Ok(Self(Peer::folder()?))
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.0.path().join("occtl")
    }
}

impl Ocserv {
    /// What it shares with the RADIUS server.
    pub const SECRET: &str = "ocserv-and-us";

    /// Starts one on loopback that offers `groups` and reports every two seconds.
    pub async fn start(control: &Control, auth: u16, acct: u16, groups: &[&str]) -> Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST, control, auth, acct, groups).await
    }

    /// The same at another address of this machine, such as the near end of a namespace.
    pub async fn start_at(host: Ipv4Addr, control: &Control, auth: u16, acct: u16, groups: &[&str]) -> Result<Self> {
        let (folder, port) = (Peer::folder()?, free_port()?);
        let path = folder.path();
        let root = path.to_str().context("the folder's name is no text")?.to_owned();
        let certificate = SelfSigned::new(&host.to_string())?;
        fs::write(path.join("cert.pem"), certificate.certificate_pem())?;
        fs::write(path.join("key.pem"), certificate.key_pem())?;
        fs::write(path.join("servers"), format!("127.0.0.1 {}\n", Self::SECRET))?;
        let radcli = format!(
            "nas-identifier gate\nauthserver 127.0.0.1:{auth}\nacctserver 127.0.0.1:{acct}\nservers {root}/servers\n\
             dictionary /etc/radcli/dictionary\ndefault_realm\nradius_timeout 5\nradius_retries 2\nbindaddr *\n"
        );
        fs::write(path.join("radcli.conf"), radcli)?;
        let network = Self::network(port);
        let occtl = control.socket();
        let occtl = occtl.display();
        let groups: String = groups.iter().map(|group| format!("select-group = {group}\n")).collect();
        let configuration = format!(
            "auth = \"radius[config={root}/radcli.conf,groupconfig=true]\"\nacct = \"radius[config={root}/radcli.conf]\"\n\
             listen-host = {host}\ntcp-port = {port}\nrun-as-user = nobody\nrun-as-group = nogroup\n\
             socket-file = {root}/socket\nocctl-socket-file = {occtl}\nuse-occtl = true\npid-file = {root}/pid\n\
             server-cert = {root}/cert.pem\nserver-key = {root}/key.pem\nisolate-workers = false\nmax-same-clients = 0\n\
             keepalive = 300\ndpd = 60\ntry-mtu-discovery = false\nauth-timeout = 40\nmin-reauth-time = 1\n\
             max-ban-score = 0\ncookie-timeout = 30\nrekey-time = 172800\nstats-report-time = 2\ndevice = gwt{port}x\n\
             ipv4-network = {network}\nipv4-netmask = 255.255.255.0\ncisco-client-compat = true\n{groups}"
        );
        fs::write(path.join("ocserv.conf"), configuration)?;
        let (args, ready) =
            (["-f", "-d", "2", "-c", &format!("{root}/ocserv.conf")], Ready::Logs("sec-mod initialized"));
        Ok(Self(Peer::start_until(Program::Debian("ocserv"), args, folder, port, ready).await?))
    }

    /// Its tunnels' network: another one for each that may run at the same time.
    fn network(port: u16) -> Ipv4Addr {
        let [high, low] = port.to_be_bytes();
        Ipv4Addr::new(10, high, low, 0)
    }

    /// Logs in with openconnect, whose tunnel moves `kilobytes` there and back and then stays open.
    pub fn connect(&self, login: &str, password: &str, group: &str, kilobytes: u32) -> Result<OpenConnect> {
        let folder = Peer::folder()?;
        let path = folder.path();
        fs::write(path.join("tunnel.py"), TUNNEL)?;
        let log = fs::File::create(path.join("log"))?;
        let port = self.0.address().port();
        let script = format!("exec python3 {}/tunnel.py {kilobytes}", path.display());
        let mut child = Command::new(Program::Debian("openconnect").path()?)
            .args(["--protocol=anyconnect", "--passwd-on-stdin", "--non-inter", "--no-dtls", "--script-tun"])
            .args(["--user", login, "--authgroup", group, "--script", &script, "--cafile"])
            .arg(self.0.folder_path().join("cert.pem"))
            .arg(format!("https://127.0.0.1:{port}"))
            .current_dir(path)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start openconnect")?;
        let mut stdin = child.stdin.take().context("openconnect has no input")?;
        stdin.write_all(format!("{password}\n").as_bytes())?;
        Ok(OpenConnect { child, folder })
    }

    /// Logs in with openconnect from a namespace to whose near end it listens, and gives it a real tunnel.
    pub fn connect_from(&self, from: &Namespace, login: &str, password: &str, group: &str) -> Result<OpenConnect> {
        let folder = Peer::folder()?;
        let path = folder.path();
        fs::write(path.join("script"), SCRIPT)?;
        let log = fs::File::create(path.join("log"))?;
        let script = format!("sh {}/script", path.display());
        let mut child = from
            .command("openconnect")
            .args(["--protocol=anyconnect", "--passwd-on-stdin", "--non-inter", "--no-dtls"])
            .args(["--user", login, "--authgroup", group, "--script", &script, "--cafile"])
            .arg(self.0.folder_path().join("cert.pem"))
            .arg(format!("https://{}:{}", from.near(), self.0.address().port()))
            .current_dir(path)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start openconnect")?;
        let mut stdin = child.stdin.take().context("openconnect has no input")?;
        stdin.write_all(format!("{password}\n").as_bytes())?;
        Ok(OpenConnect { child, folder })
    }

    /// Its own address inside of the tunnels.
    pub fn inside(&self) -> Ipv4Addr {
        let [a, b, c, _] = Self::network(self.0.address().port()).octets();
        Ipv4Addr::new(a, b, c, 1)
    }

    /// What it logged.
    pub fn log(&self) -> Result<String> {
        self.0.log()
    }
}

/// A running `openconnect`; it is killed when dropped.
#[derive(Debug)]
pub struct OpenConnect {
    child: Child,
    folder: TempDir,
}

impl OpenConnect {
    /// What it printed.
    pub fn log(&self) -> Result<String> {
        read(self.folder.path().join("log"))
    }

    /// Whether everything was moved through the tunnel.
    pub fn has_moved(&self) -> bool {
        self.folder.path().join("moved").is_file()
    }

    /// Whether its tunnel is up.
    pub fn is_up(&self) -> bool {
        self.folder.path().join("up").is_file()
    }

    /// Logs out, as people do with ^C.
    pub fn close(mut self) -> Result<()> {
        // `ip netns exec` became openconnect, so this is its own process.
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).context("no process")?;
        rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for OpenConnect {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: impl AsRef<Path>) -> Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// What openconnect runs with what the concentrator told it: gives the tunnel's device its address and the way through it.
const SCRIPT: &str = r#"
[ "$reason" = connect ] || exit 0
set -e
ip link set dev "$TUNDEV" up mtu "${INTERNAL_IP4_MTU:-1400}"
ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
ip route add "${INTERNAL_IP4_ADDRESS%.*}.0/24" dev "$TUNDEV"
: > up
"#;

/// The other end of the tunnel in place of a device: it pings the concentrator with packets of a kilobyte and counts the answers.
const TUNNEL: &str = r#"
import os, socket, struct, sys
tunnel = socket.socket(fileno=int(os.environ["VPNFD"]))
own = socket.inet_aton(os.environ["INTERNAL_IP4_ADDRESS"])
other = own[:3] + b"\x01"

def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xffff)

for number in range(int(sys.argv[1])):
    ping = struct.pack("!BBHHH", 8, 0, 0, 7, number) + b"x" * 1016
    ping = ping[:2] + checksum(ping) + ping[4:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(ping), number & 0xffff, 0, 64, 1, 0, own, other)
    tunnel.send(head[:10] + checksum(head) + head[12:] + ping)
    tunnel.recv(2048)
open("moved", "w").close()
while tunnel.recv(2048):
    pass
"#;
