//! OpenLDAP's server with a small directory of its own.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::{Peer, Program, SelfSigned, free_port};

/// A running `slapd` on loopback, plain with StartTLS and over TLS.
#[derive(Debug)]
pub struct Slapd {
    peer: Peer,
    tls_port: u16,
}

impl Slapd {
    /// The name at the top of the directory.
    pub const BASE: &str = "dc=example,dc=com";
    /// The account that may search.
    pub const READER: &str = "cn=reader,dc=example,dc=com";
    /// Its password.
    pub const READER_PASSWORD: &str = "reads-only";

    const ADMIN: &str = "cn=admin,dc=example,dc=com";
    const ADMIN_PASSWORD: &str = "may-do-all";

    /// Starts one with further entries in LDIF; `ou=people` and `ou=groups` are there already.
    pub async fn start(ldif: &str) -> Result<Self> {
        Self::with(ldif, &[]).await
    }

    /// Starts one with further entries, and lines for the configuration's global part.
    pub async fn with(ldif: &str, lines: &[&str]) -> Result<Self> {
        let (folder, port, tls_port) = (Peer::folder()?, free_port()?, free_port()?);
        let path = folder.path();
        fs::create_dir(path.join("data"))?;
        let certificate = SelfSigned::new("localhost")?;
        fs::write(path.join("certificate.pem"), certificate.certificate_pem())?;
        fs::write(path.join("key.pem"), certificate.key_pem())?;
        fs::write(path.join("slapd.conf"), configuration(lines))?;
        let mut add = Command::new(Program::Debian("slapadd").path()?);
        feed(add.current_dir(path).args(["-q", "-f", "slapd.conf"]), &(top() + ldif))?;
        let listen = format!("ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}");
        // `stats` shows every operation in the log and, like every debug level, keeps it in the foreground.
        let args = ["-d", "stats", "-f", "slapd.conf", "-h", &listen];
        let peer = Peer::start(Program::Debian("slapd"), args, folder, port).await?;
        Ok(Self { peer, tls_port })
    }

    /// `ldap://localhost:port`; its certificate is for that name.
    pub fn url(&self) -> String {
        format!("ldap://localhost:{}", self.peer.address().port())
    }

    /// `ldaps://localhost:port`
    pub fn tls_url(&self) -> String {
        format!("ldaps://localhost:{}", self.tls_port)
    }

    /// The certificate that vouches for it.
    pub fn ca_file(&self) -> PathBuf {
        self.peer.folder_path().join("certificate.pem")
    }

    /// Every operation so far, as `conn=1000 op=0 BIND dn="…" method=128`.
    pub fn log(&self) -> Result<String> {
        self.peer.log()
    }

    /// Changes entries by LDIF with `changetype`s.
    pub fn modify(&self, ldif: &str) -> Result<()> {
        let mut modify = Command::new(Program::Debian("ldapmodify").path()?);
        feed(modify.args(["-x", "-H", &self.url(), "-D", Self::ADMIN, "-w", Self::ADMIN_PASSWORD]), ldif)
    }
}

/// Runs a program with that input.
fn feed(command: &mut Command, input: &str) -> Result<()> {
    let started = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = started.with_context(|| format!("cannot start {command:?}"))?;
    let mut stdin = child.stdin.take().context("the program has no input")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let done = child.wait_with_output()?;
    ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

fn configuration(lines: &[&str]) -> String {
    let (base, admin, password, reader) = (Slapd::BASE, Slapd::ADMIN, Slapd::ADMIN_PASSWORD, Slapd::READER);
    let schemas: String =
        ["core", "cosine", "inetorgperson"].map(|name| format!("include /etc/ldap/schema/{name}.schema\n")).concat();
    format!(
        "{schemas}modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload memberof\n\
         TLSCertificateFile certificate.pem\nTLSCertificateKeyFile key.pem\n{}\n\
         database mdb\nsuffix {base}\nrootdn {admin}\nrootpw {password}\ndirectory data\nmaxsize 16777216\ndbnosync\n\
         overlay memberof\n\
         access to attrs=userPassword by anonymous auth by * none\n\
         access to * by dn.exact={reader} read by self read by anonymous auth by * none\n",
        lines.join("\n")
    )
}

fn top() -> String {
    let (base, reader, password) = (Slapd::BASE, Slapd::READER, Slapd::READER_PASSWORD);
    format!(
        "dn: {base}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
         dn: {reader}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n\
         userPassword: {password}\n\n\
         dn: ou=people,{base}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{base}\nobjectClass: organizationalUnit\nou: groups\n\n"
    )
}
