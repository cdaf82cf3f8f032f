//! FreeRADIUS in front of another RADIUS server.

use std::fs;

use anyhow::{Context as _, Result};

use super::process::Ready;
use super::{FreeRadius, Peer, Program, free_port};

/// A running `freeradius` that passes every Access-Request on, as a server in front does that ends EAP or knows realms. It shares
/// [`FreeRadius::SECRET`] with clients and with the server behind it.
#[derive(Debug)]
pub struct RadiusProxy(Peer);

impl RadiusProxy {
    /// Starts one before the server at a port of 127.0.0.1.
    pub async fn start(behind: u16) -> Result<Self> {
        let (folder, port) = (Peer::folder()?, free_port()?);
        let path = folder.path();
        let root = path.to_str().context("the folder's name is no text")?.to_owned();
        fs::write(path.join("radiusd.conf"), configuration(&root, port, behind))?;
        fs::write(path.join("dictionary"), "")?;
        let (args, ready) = (["-X", "-d", &root], Ready::Logs("Ready to process requests"));
        Ok(Self(Peer::start_until(Program::Debian("freeradius"), args, folder, port, ready).await?))
    }

    /// Where it takes Access-Requests, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.address().port()
    }

    /// Everything it did so far, packets with their attributes among it.
    pub fn log(&self) -> Result<String> {
        self.0.log()
    }
}

fn configuration(root: &str, port: u16, behind: u16) -> String {
    let secret = FreeRadius::SECRET;
    format!(
        "prefix = /usr\nlibdir = /usr/lib/freeradius\nconfdir = {root}\nlogdir = {root}\nrun_dir = {root}\n\
         pidfile = {root}/pid\nhostname_lookups = no\nproxy_requests = yes\n\
         security {{\n reject_delay = 0\n status_server = no\n}}\n\
         client loopback {{\n ipaddr = 127.0.0.1\n secret = {secret}\n}}\n\
         proxy server {{\n default_fallback = no\n}}\n\
         home_server behind {{\n type = auth\n ipaddr = 127.0.0.1\n port = {behind}\n secret = {secret}\n\
         response_window = 5\n status_check = none\n}}\n\
         home_server_pool behind {{\n type = fail-over\n home_server = behind\n}}\n\
         realm behind {{\n auth_pool = behind\n nostrip\n}}\n\
         modules {{\n always ok {{\n rcode = ok\n }}\n}}\n\
         server default {{\n listen {{\n type = auth\n ipaddr = 127.0.0.1\n port = {port}\n }}\n\
         authorize {{\n update control {{\n Proxy-To-Realm := \"behind\"\n }}\n }}\n\
         authenticate {{\n }}\n}}\n"
    )
}
