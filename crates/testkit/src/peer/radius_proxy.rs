//! FreeRADIUS in front of another RADIUS server, and `eapol_test`, which asks it by EAP.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::process::Ready;
use super::{FreeRadius, Peer, Program, SelfSigned, free_port};

/// A running `freeradius` that passes every Access-Request on: plain ones as they are, of EAP (TTLS, PEAP) what is inside the tunnel,
/// which is PAP or MS-CHAPv2. It shares [`FreeRadius::SECRET`] with clients and with the server behind it.
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
        let certificate = SelfSigned::new("radius.test")?;
        fs::write(path.join("cert.pem"), certificate.certificate_pem())?;
        fs::write(path.join("key.pem"), certificate.key_pem())?;
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

/// Logs in by EAP at a server on 127.0.0.1 that shares [`FreeRadius::SECRET`]; `method` is the outer and `inner` the inner one in the
/// words of `wpa_supplicant`, such as `PEAP` and `auth=MSCHAPV2`. Returns whether it succeeded, and what was printed.
pub fn eapol_test(port: u16, method: &str, inner: &str, login: &str, password: &str) -> Result<(bool, String)> {
    let folder = Peer::folder()?;
    let path = folder.path().join("network");
    let network = format!(
        "network={{\n key_mgmt=WPA-EAP\n eap={method}\n identity=\"{login}\"\n anonymous_identity=\"anonymous\"\n\
         password=\"{password}\"\n phase2=\"{inner}\"\n}}\n"
    );
    fs::write(&path, network)?;
    let mut command = Command::new(Program::Debian("eapol_test").path()?);
    command.arg("-c").arg(&path).args([
        "-a",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-s",
        FreeRadius::SECRET,
        "-t",
        "15",
    ]);
    let done = command.output()?;
    let printed = [done.stdout, done.stderr].concat();
    Ok((done.status.success(), String::from_utf8_lossy(&printed).into_owned()))
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
         modules {{\n mschap {{\n }}\n eap {{\n default_eap_type = ttls\n timer_expire = 60\n max_sessions = 100\n\
         tls-config common {{\n private_key_file = {root}/key.pem\n certificate_file = {root}/cert.pem\n\
         tls_min_version = \"1.2\"\n tls_max_version = \"1.2\"\n cipher_list = \"DEFAULT\"\n ecdh_curve = \"\"\n\
         cache {{\n enable = no\n }}\n }}\n\
         ttls {{\n tls = common\n virtual_server = inner\n }}\n\
         peap {{\n tls = common\n default_eap_type = mschapv2\n proxy_tunneled_request_as_eap = no\n\
         virtual_server = inner\n }}\n mschapv2 {{\n }}\n }}\n}}\n\
         server default {{\n listen {{\n type = auth\n ipaddr = 127.0.0.1\n port = {port}\n }}\n\
         authorize {{\n if (&EAP-Message) {{\n eap\n }}\n\
         else {{\n update control {{\n Proxy-To-Realm := \"behind\"\n }}\n }}\n }}\n\
         authenticate {{\n eap\n }}\n post-proxy {{\n eap\n }}\n}}\n\
         server inner {{\n authorize {{\n update control {{\n Proxy-To-Realm := \"behind\"\n }}\n }}\n\
         authenticate {{\n Auth-Type MS-CHAP {{\n mschap\n }}\n eap\n }}\n post-proxy {{\n eap\n }}\n}}\n"
    )
}
