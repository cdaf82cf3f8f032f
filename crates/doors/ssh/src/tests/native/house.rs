//! The whole door with the real database and a real sshd behind it, and Debian's programs in front.

use std::{
    ffi::OsStr,
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Output, Stdio},
};

use gatehouse_domain::{
    App, Edit,
    bastion::{self, address::Given, policy::Scope, terminal, voucher},
    login::{self, Step},
    session::staff::{self, Proof},
};
use gatehouse_model::{Login, PassKind, ProtocolId};
use gatehouse_testkit::peer::KeyFormat;
use tokio::process::Command;

use super::*;
use crate::Listening;

pub(super) const ROOT: &str = "administrator";
pub(super) const PASSWORD: &str = "a long pass phrase";

/// The whole door.
pub(super) struct House {
    pub(super) test: TestApp,
    pub(super) sshd: Sshd,
    pub(super) port: u16,
    pub(super) folder: tempfile::TempDir,
    pub(super) door: Door,
}

impl House {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// One resource `web` with one voucher `deploy`; `administrator` may everything.
    pub(super) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::behind(&[], change).await
    }

    /// The same with proxies in front.
    pub(super) async fn behind(proxies: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.recordings.dir = Some(folder.path().join("recordings"));
        settings.terminal.drain.0 = Duration::from_millis(100);
        change(&mut settings);
        let test = TestApp::with(Engine::Sqlite, settings).await.unwrap();
        let sshd = Sshd::start().await.unwrap();
        test.app.start("test").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
        let listening = Listening::new(&test.app, vec![listener], proxies).await.unwrap();
        assert!(listening.fingerprint().starts_with("SHA256:"));
        let door = Door::new();
        let running = (door.clone(), test.app.clone());
        test.app.spawn("door", async move { running.0.run(running.1, Some(listening)).await });
        let house = Self { test, sshd, port, folder, door };
        account::change::set_password(&house.test.operator(), ROOT, &Secret::new(PASSWORD)).await.unwrap();
        house.voucher("deploy").await;
        house.resource("web").await;
        house.key(ROOT, "id").await;
        house
    }

    pub(super) fn app(&self) -> &App {
        &self.test.app
    }

    pub(super) async fn voucher(&self, name: &str) {
        let key = self.sshd.key("ed25519", None, KeyFormat::OpenSsh).unwrap();
        let new = voucher::NewVoucher {
            name: name.to_owned(),
            username: self.sshd.user().to_owned(),
            proof: voucher::Proof::PrivateKey { text: Secret::new(key), passphrase: None },
            group: ResourceGroupId(1),
            remark: None,
        };
        voucher::add(&self.test.operator(), &new).await.unwrap();
    }

    pub(super) async fn resource(&self, name: &str) {
        let new = bastion::resource::NewResource {
            name: name.to_owned(),
            address: Given { ipv4: Edit::Set("127.0.0.1".to_owned()), ..Given::default() },
            port: Some(self.sshd.port()),
            group: ResourceGroupId(1),
            protocol: ProtocolId(1),
            is_enabled: true,
            remark: None,
            vouchers: Vec::new(),
        };
        bastion::resource::add(&self.test.operator(), &new).await.unwrap();
    }

    pub(super) async fn policy(&self, values: serde_json::Value) {
        let values = values.as_object().unwrap().clone();
        bastion::policy::edit(&self.test.operator(), Scope::All, &values).await.unwrap();
    }

    /// A person who logged in to a surface.
    pub(super) async fn person(&self, login: &str) -> Ctx {
        let visitor = self.app().ctx(Actor::Anonymous, Origin::Bastion);
        let step = login::password(&visitor, login, &Secret::new(PASSWORD), None).await.unwrap();
        let Step::Verified(verified) = step else { panic!("{step:?}") };
        let pair = login::open_session(&visitor, verified, None).await.unwrap();
        let proof = Proof { session: pair.session, account: pair.account_id, token_id: &pair.access_id };
        staff::admit(&visitor, &proof).await.unwrap().0
    }

    /// Leave for somebody to go to `web` with its voucher.
    pub(super) async fn admit(&self, ctx: &Ctx) -> Admitted {
        let resource = terminal::find_resource(ctx, "web").await.unwrap().expect("it is there");
        let voucher = terminal::find_vouchers(ctx, resource, None).await.unwrap()[0].id;
        let asked = Asked { resource, voucher, purpose: Purpose::Shell, client: "web" };
        terminal::admit(ctx, asked).await.unwrap()
    }

    /// Makes a key for a person and registers it.
    pub(super) async fn key(&self, login: &str, file: &str) {
        let path = self.folder.path().join(file);
        let done = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&path).status().await;
        assert!(done.unwrap().success());
        let line = fs::read_to_string(path.with_extension("pub")).unwrap();
        gatehouse_domain::ssh_key::add(&self.person(login).await, None, "laptop", &line).await.unwrap();
    }

    pub(super) async fn member(&self, login: &str) {
        let operator = self.test.operator();
        let new = account::NewAccount {
            login: Login::new(login).unwrap(),
            name: None,
            email: None,
            phone: None,
            password: Some(Secret::new(PASSWORD)),
        };
        account::create(&operator, &new).await.unwrap();
        account::pass::grant(&operator, login, PassKind::Staff).await.unwrap();
    }

    pub(super) fn options(&self) -> Vec<String> {
        let known = self.folder.path().join("known_hosts");
        let mut options = vec!["-F".to_owned(), "none".to_owned()];
        for option in [
            "StrictHostKeyChecking=accept-new".to_owned(),
            format!("UserKnownHostsFile={}", known.display()),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            "IdentityAgent=none".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ] {
            options.extend(["-o".to_owned(), option]);
        }
        options
    }

    pub(super) fn key_options(&self) -> Vec<String> {
        let key = self.folder.path().join("id").display().to_string();
        let by_key = ["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", &key];
        by_key.map(str::to_owned).to_vec()
    }

    pub(super) fn command(&self, program: &str, port_flag: &str) -> Command {
        self.command_at(self.port, program, port_flag)
    }

    fn command_at(&self, port: u16, program: &str, port_flag: &str) -> Command {
        let mut command = Command::new(program);
        command.args(self.options()).args([port_flag, &port.to_string()]).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `ssh` of the administrator with his key.
    pub(super) fn ssh<A: AsRef<OsStr>>(&self, user: &str, args: impl IntoIterator<Item = A>) -> Command {
        self.ssh_at(self.port, user, args)
    }

    /// The same by another port.
    pub(super) fn ssh_at<A: AsRef<OsStr>>(&self, port: u16, user: &str, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command_at(port, "ssh", "-p");
        // Options come before the host, the command after it.
        let (before, after): (Vec<_>, Vec<_>) =
            args.into_iter().map(|arg| arg.as_ref().to_owned()).partition(is_option);
        command.args(self.key_options()).args(before).arg(format!("{user}@127.0.0.1")).args(after);
        command
    }

    pub(super) async fn run(&self, user: &str, command: &str) -> Told {
        Told::of(&self.ssh(user, [command]).output().await.unwrap())
    }

    /// `ssh` that proves itself by what it answers to prompts.
    pub(super) fn asked(&self, user: &str, methods: &str, answer: &str) -> Command {
        let askpass = self.askpass();
        let mut command = self.command("ssh", "-p");
        command.args(["-o", &format!("PreferredAuthentications={methods}"), "-o", "NumberOfPasswordPrompts=1"]);
        command.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force").env("ANSWER", answer);
        command.arg(format!("{user}@127.0.0.1"));
        command
    }

    /// A program that answers prompts with `$ANSWER`.
    pub(super) fn askpass(&self) -> PathBuf {
        let askpass = self.folder.path().join("askpass");
        fs::write(&askpass, "#!/bin/sh\necho \"$1\" >> \"$0.log\"\necho \"$ANSWER\"\n").unwrap();
        fs::set_permissions(&askpass, Permissions::from_mode(0o755)).unwrap();
        askpass
    }

    pub(super) fn prompts(&self) -> String {
        fs::read_to_string(self.folder.path().join("askpass.log")).unwrap_or_default()
    }

    /// Whether the visit of each stay is closed, newest first.
    pub(super) async fn visits(&self) -> Vec<bool> {
        let visits = visit::list(&self.test.operator(), None, false, Some(ROOT), 100).await.unwrap();
        visits.iter().map(|visit| visit.until_at.is_some()).collect()
    }
}

pub(super) fn is_option(arg: &std::ffi::OsString) -> bool {
    arg.to_string_lossy().starts_with('-')
}

/// What a program said.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) out: String,
    pub(super) error: String,
    pub(super) code: Option<i32>,
}

impl Told {
    pub(super) fn of(output: &Output) -> Self {
        Self {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }
}

/// A program with its input given.
pub(super) async fn fed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeding = async {
        // A program may end without having read it all.
        let _ = stdin.write_all(input).await;
        drop(stdin);
    };
    let (output, ()) = tokio::join!(timeout(Duration::from_mins(1), child.wait_with_output()), feeding);
    output.expect("it ends in time").unwrap()
}

/// Reads a program's output until a text comes.
pub(super) async fn until(child: &mut Child, text: &str) -> String {
    let mut seen = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    let reading = async {
        let mut buffer = [0; 4_096];
        while !seen.contains(text) {
            let n = stdout.read(&mut buffer).await.unwrap();
            assert!(n > 0, "it ended with: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    };
    let came = timeout(SOON, reading).await.is_ok();
    assert!(came, "{text} never came: {seen}");
    seen
}

/// The code of a moment (RFC 6238).
pub(super) fn totp(app: &App, secret: &str) -> String {
    let step = app.now().0 / 30_000;
    let script = "import base64,hmac,hashlib,struct,sys\n\
                  d=hmac.new(base64.b32decode(sys.argv[1]),struct.pack('>q',int(sys.argv[2])),hashlib.sha1).digest()\n\
                  o=d[-1]&15\nprint('%06d'%((struct.unpack('>I',d[o:o+4])[0]&0x7fffffff)%1000000))";
    let done = std::process::Command::new("python3").args(["-c", script, secret, &step.to_string()]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl House {
    /// Rows of file transfers, in their order.
    pub(super) async fn transfers(&self) -> Vec<(String, String, i64, Option<String>, String)> {
        let database: PathBuf = self.test.dir().join("gatehouse.db");
        let script = "import json,sqlite3,sys\nprint(json.dumps(sqlite3.connect(sys.argv[1]).execute(\
                      'SELECT path, direction, bytes, sha256, outcome FROM file_transfer ORDER BY id').fetchall()))";
        let done = Command::new("python3").args(["-c", script]).arg(database).output().await.unwrap();
        serde_json::from_slice(&done.stdout).unwrap()
    }
}
