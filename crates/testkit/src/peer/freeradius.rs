//! FreeRADIUS with users of a test's own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::process::Ready;
use super::{Peer, Program, free_port};

/// A running `freeradius` on loopback, for authentication by PAP, CHAP and MS-CHAPv2.
///
/// Debian 12 has 3.2.1, whose replies carry no Message-Authenticator.
#[derive(Debug)]
pub struct FreeRadius {
    peer: Peer,
    accounting_port: Option<u16>,
}

impl FreeRadius {
    /// What it shares with clients at 127.0.0.1.
    pub const SECRET: &str = "freeradius-and-us";

    /// Starts one with a `users` file: `ann Cleartext-Password := "…"`.
    pub async fn start(users: &str) -> Result<Self> {
        let (folder, port) = (folder(users)?, free_port()?);
        let root = text(folder.path())?;
        fs::write(folder.path().join("radiusd.conf"), configuration(&root, port))?;
        // In the foreground, with everything it does in the log.
        let (args, ready) = (["-X", "-d", &root], Ready::Logs(READY));
        let peer = Peer::start_until(Program::Debian("freeradius"), args, folder, port, ready).await?;
        Ok(Self { peer, accounting_port: None })
    }

    /// Starts one as it works every day, with threads and without a log of its packets: PAP against a `users` file, and
    /// accounting in a SQLite database as Debian's files set it up, each report on the disk before it is answered.
    pub async fn start_for_load(users: &str, threads: usize) -> Result<Self> {
        let (folder, port, accounting_port) = (folder(users)?, free_port()?, free_port()?);
        let root = text(folder.path())?;
        let configuration = load_configuration(&root, threads, port, accounting_port);
        fs::write(folder.path().join("radiusd.conf"), configuration)?;
        let (args, ready) = (["-f", "-l", "stdout", "-d", &root], Ready::Logs(READY));
        let peer = Peer::start_until(Program::Debian("freeradius"), args, folder, port, ready).await?;
        Ok(Self { peer, accounting_port: Some(accounting_port) })
    }

    /// Starts one as a NAS that takes orders (RFC 5176): it acknowledges every Disconnect and CoA, except for sessions named `gone`,
    /// which it says it does not know (Error-Cause 503).
    pub async fn start_nas() -> Result<Self> {
        let (folder, port) = (Peer::folder()?, free_port()?);
        let path = folder.path();
        let root = path.to_str().context("the folder's name is no text")?.to_owned();
        fs::write(path.join("radiusd.conf"), nas_configuration(&root, port))?;
        fs::write(path.join("dictionary"), "")?;
        let (args, ready) = (["-X", "-d", &root], Ready::Logs(READY));
        let peer = Peer::start_until(Program::Debian("freeradius"), args, folder, port, ready).await?;
        Ok(Self { peer, accounting_port: None })
    }

    /// Where it takes Access-Requests or orders, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.peer.address().port()
    }

    /// Where it takes Accounting-Requests, on 127.0.0.1, if it does.
    pub fn accounting_port(&self) -> Option<u16> {
        self.accounting_port
    }

    /// The database of its accounting, in the folder that goes with it.
    pub fn accounting_file(&self) -> PathBuf {
        self.peer.folder_path().join(ACCOUNTING)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.peer.pid()
    }

    /// Everything it did so far; as [`Self::start`] starts it, packets with their attributes among it.
    pub fn log(&self) -> Result<String> {
        self.peer.log()
    }
}

const READY: &str = "Ready to process requests";
const ACCOUNTING: &str = "accounting.db";

/// A folder with what every configuration has.
fn folder(users: &str) -> Result<TempDir> {
    let folder = Peer::folder()?;
    fs::write(folder.path().join("users"), users)?;
    // Nothing of our own beside the dictionary that comes with it.
    fs::write(folder.path().join("dictionary"), "")?;
    Ok(folder)
}

fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().context("the folder's name is no text")?.to_owned())
}

/// Sends a request made of `attributes`, one `Name = value` a line, with `radclient` to a port on 127.0.0.1; `kind` is its
/// word for what is asked, such as `auth`. Returns whether the answer was a yes, and what it printed.
pub fn radclient(port: u16, kind: &str, secret: &str, attributes: &str) -> Result<(bool, String)> {
    let mut command = Command::new(Program::Debian("radclient").path()?);
    command.args(["-x", "-r", "1", "-t", "3", &format!("127.0.0.1:{port}"), kind, secret]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("radclient has no input")?;
    stdin.write_all(attributes.as_bytes())?;
    drop(stdin);
    let done = child.wait_with_output()?;
    let printed = [done.stdout, done.stderr].concat();
    Ok((done.status.success(), String::from_utf8_lossy(&printed).into_owned()))
}

fn nas_configuration(root: &str, port: u16) -> String {
    let secret = FreeRadius::SECRET;
    format!(
        "prefix = /usr\nlibdir = /usr/lib/freeradius\nconfdir = {root}\nlogdir = {root}\nrun_dir = {root}\n\
         pidfile = {root}/pid\nhostname_lookups = no\nsecurity {{\n reject_delay = 0\n status_server = no\n}}\n\
         client loopback {{\n ipaddr = 127.0.0.1\n secret = {secret}\n require_message_authenticator = yes\n}}\n\
         modules {{\n always ok {{\n rcode = ok\n }}\n always reject {{\n rcode = reject\n }}\n}}\n\
         server nas {{\n listen {{\n type = coa\n ipaddr = 127.0.0.1\n port = {port}\n }}\n\
         recv-coa {{\n if (&Acct-Session-Id == \"gone\") {{\n update reply {{\n Error-Cause := 503\n }}\n reject\n }}\n\
         else {{\n ok\n }}\n }}\n send-coa {{\n ok\n }}\n}}\n"
    )
}

fn configuration(root: &str, port: u16) -> String {
    let secret = FreeRadius::SECRET;
    format!(
        "prefix = /usr\nlibdir = /usr/lib/freeradius\nconfdir = {root}\nlogdir = {root}\nrun_dir = {root}\n\
         pidfile = {root}/pid\nmax_request_time = 30\ncleanup_delay = 0\nhostname_lookups = no\n\
         security {{\n reject_delay = 0\n status_server = yes\n}}\n\
         client loopback {{\n ipaddr = 127.0.0.1\n secret = {secret}\n require_message_authenticator = yes\n}}\n\
         modules {{\n pap {{ }}\n chap {{ }}\n mschap {{ }}\n files {{\n filename = {root}/users\n }}\n}}\n\
         server default {{\n listen {{\n type = auth\n ipaddr = 127.0.0.1\n port = {port}\n }}\n\
         authorize {{\n chap\n mschap\n files\n pap\n }}\n\
         authenticate {{\n Auth-Type PAP {{\n pap\n }}\n Auth-Type CHAP {{\n chap\n }}\n \
         Auth-Type MS-CHAP {{\n mschap\n }}\n }}\n}}\n"
    )
}

/// Debian's defaults but for the number of threads and connections, and room for every request of the last five seconds. Modules
/// that only write logs are left out.
fn load_configuration(root: &str, threads: usize, port: u16, accounting_port: u16) -> String {
    let (secret, debian) = (FreeRadius::SECRET, "/etc/freeradius/3.0");
    format!(
        "prefix = /usr\nlibdir = /usr/lib/freeradius\nconfdir = {root}\nmodconfdir = {debian}/mods-config\n\
         logdir = {root}\nrun_dir = {root}\npidfile = {root}/pid\n\
         max_request_time = 30\ncleanup_delay = 5\nmax_requests = 262144\nhostname_lookups = no\n\
         security {{\n reject_delay = 1\n status_server = yes\n}}\n\
         thread pool {{\n start_servers = {threads}\n max_servers = {threads}\n min_spare_servers = 1\n \
         max_spare_servers = {threads}\n max_requests_per_server = 0\n auto_limit_acct = no\n}}\n\
         client loopback {{\n ipaddr = 127.0.0.1\n secret = {secret}\n require_message_authenticator = yes\n}}\n\
         policy {{\n $INCLUDE {debian}/policy.d/accounting\n}}\n\
         modules {{\n expr {{ }}\n pap {{ }}\n files {{\n filename = {root}/users\n }}\n\
         sql {{\n dialect = \"sqlite\"\n driver = \"rlm_sql_sqlite\"\n\
         sqlite {{\n filename = \"{root}/{ACCOUNTING}\"\n busy_timeout = 5000\n \
         bootstrap = \"{debian}/mods-config/sql/main/sqlite/schema.sql\"\n }}\n\
         radius_db = \"radius\"\n acct_table1 = \"radacct\"\n acct_table2 = \"radacct\"\n \
         postauth_table = \"radpostauth\"\n authcheck_table = \"radcheck\"\n groupcheck_table = \"radgroupcheck\"\n \
         authreply_table = \"radreply\"\n groupreply_table = \"radgroupreply\"\n usergroup_table = \"radusergroup\"\n \
         client_table = \"nas\"\n group_attribute = \"SQL-Group\"\n\
         pool {{\n start = {threads}\n min = {threads}\n max = {threads}\n spare = 0\n uses = 0\n retry_delay = 1\n \
         lifetime = 0\n idle_timeout = 0\n }}\n $INCLUDE {debian}/mods-config/sql/main/sqlite/queries.conf\n }}\n}}\n\
         server default {{\n listen {{\n type = auth\n ipaddr = 127.0.0.1\n port = {port}\n }}\n\
         listen {{\n type = acct\n ipaddr = 127.0.0.1\n port = {accounting_port}\n }}\n\
         authorize {{\n files\n pap\n }}\n authenticate {{\n Auth-Type PAP {{\n pap\n }}\n }}\n\
         preacct {{\n acct_unique\n }}\n accounting {{\n sql\n }}\n}}\n"
    )
}
