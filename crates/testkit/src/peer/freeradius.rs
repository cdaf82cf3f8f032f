//! FreeRADIUS with users of a test's own.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::process::Ready;
use super::{Peer, Program, free_port};

/// A running `freeradius` on loopback, for authentication by PAP, CHAP and MS-CHAPv2.
///
/// Debian 12 has 3.2.1, whose replies carry no Message-Authenticator.
#[derive(Debug)]
pub struct FreeRadius(Peer);

impl FreeRadius {
    /// What it shares with clients at 127.0.0.1.
    pub const SECRET: &str = "freeradius-and-us";

    /// Starts one with a `users` file: `ann Cleartext-Password := "…"`.
    pub async fn start(users: &str) -> Result<Self> {
        let (folder, port) = (Peer::folder()?, free_port()?);
        let path = folder.path();
        let root = path.to_str().context("the folder's name is no text")?.to_owned();
        fs::write(path.join("radiusd.conf"), configuration(&root, port))?;
        fs::write(path.join("users"), users)?;
        // Nothing of our own beside the dictionary that comes with it.
        fs::write(path.join("dictionary"), "")?;
        // In the foreground, with everything it does in the log.
        let (args, ready) = (["-X", "-d", &root], Ready::Logs("Ready to process requests"));
        Ok(Self(Peer::start_until(Program::Debian("freeradius"), args, folder, port, ready).await?))
    }

    /// Starts one as a NAS that takes orders (RFC 5176): it acknowledges every Disconnect and CoA, except for sessions named `gone`,
    /// which it says it does not know (Error-Cause 503).
    pub async fn start_nas() -> Result<Self> {
        let (folder, port) = (Peer::folder()?, free_port()?);
        let path = folder.path();
        let root = path.to_str().context("the folder's name is no text")?.to_owned();
        fs::write(path.join("radiusd.conf"), nas_configuration(&root, port))?;
        fs::write(path.join("dictionary"), "")?;
        let (args, ready) = (["-X", "-d", &root], Ready::Logs("Ready to process requests"));
        Ok(Self(Peer::start_until(Program::Debian("freeradius"), args, folder, port, ready).await?))
    }

    /// Where it takes Access-Requests or orders, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.address().port()
    }

    /// Everything it did so far, packets with their attributes among it.
    pub fn log(&self) -> Result<String> {
        self.0.log()
    }
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
