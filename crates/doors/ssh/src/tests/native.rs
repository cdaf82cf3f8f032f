//! Debian's ssh, scp and sftp against the whole door, with the real database, and a real sshd behind it.

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use gatehouse_domain::{
    App, Edit, Via, account,
    bastion::{self, address::Given, policy::Scope, voucher::Proof},
    visit,
};
use gatehouse_model::{Login, PassKind, ProtocolId};
use gatehouse_testkit::peer::{KeyFormat, random_bytes};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use super::*;
use crate::Listening;

const ROOT: &str = "administrator";
const PASSWORD: &str = "a long pass phrase";

/// The whole door.
struct House {
    test: TestApp,
    sshd: Sshd,
    port: u16,
    folder: tempfile::TempDir,
    door: Door,
}

impl House {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// One resource `web` with one voucher `deploy`; `administrator` may everything.
    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
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
        let listening = Listening::new(&test.app, vec![listener]).await.unwrap();
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

    fn app(&self) -> &App {
        &self.test.app
    }

    async fn voucher(&self, name: &str) {
        let key = self.sshd.key("ed25519", None, KeyFormat::OpenSsh).unwrap();
        let new = bastion::voucher::NewVoucher {
            name: name.to_owned(),
            username: self.sshd.user().to_owned(),
            proof: Proof::PrivateKey { text: Secret::new(key), passphrase: None },
            group: ResourceGroupId(1),
            remark: None,
        };
        bastion::voucher::add(&self.test.operator(), &new).await.unwrap();
    }

    async fn resource(&self, name: &str) {
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

    async fn policy(&self, values: serde_json::Value) {
        let values = values.as_object().unwrap().clone();
        bastion::policy::edit(&self.test.operator(), Scope::All, &values).await.unwrap();
    }

    /// A person as surfaces see one.
    async fn person(&self, login: &str) -> Ctx {
        let row = account::find(&self.test.operator(), login).await.unwrap();
        let codes = std::collections::BTreeSet::new();
        let actor = Actor::Account { id: row.id, login: row.login, name: None, codes, via: Via::Door };
        self.app().ctx(actor, Origin::Bastion)
    }

    /// Makes a key for a person and registers it.
    async fn key(&self, login: &str, file: &str) {
        let path = self.folder.path().join(file);
        let done = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&path).status().await;
        assert!(done.unwrap().success());
        let line = fs::read_to_string(path.with_extension("pub")).unwrap();
        gatehouse_domain::ssh_key::add(&self.person(login).await, None, "laptop", &line).await.unwrap();
    }

    async fn member(&self, login: &str) {
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

    fn options(&self) -> Vec<String> {
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

    fn key_options(&self) -> Vec<String> {
        let key = self.folder.path().join("id").display().to_string();
        let by_key = ["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", &key];
        by_key.map(str::to_owned).to_vec()
    }

    fn command(&self, program: &str, port_flag: &str) -> Command {
        let mut command = Command::new(program);
        command.args(self.options()).args([port_flag, &self.port.to_string()]).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `ssh` of the administrator with his key.
    fn ssh<A: AsRef<OsStr>>(&self, user: &str, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command("ssh", "-p");
        // Options come before the host, the command after it.
        let (before, after): (Vec<_>, Vec<_>) =
            args.into_iter().map(|arg| arg.as_ref().to_owned()).partition(is_option);
        command.args(self.key_options()).args(before).arg(format!("{user}@127.0.0.1")).args(after);
        command
    }

    async fn run(&self, user: &str, command: &str) -> Told {
        Told::of(&self.ssh(user, [command]).output().await.unwrap())
    }

    /// `ssh` that proves itself by what it answers to prompts.
    fn asked(&self, user: &str, methods: &str, answer: &str) -> Command {
        let askpass = self.folder.path().join("askpass");
        fs::write(&askpass, "#!/bin/sh\necho \"$1\" >> \"$0.log\"\necho \"$ANSWER\"\n").unwrap();
        fs::set_permissions(&askpass, Permissions::from_mode(0o755)).unwrap();
        let mut command = self.command("ssh", "-p");
        command.args(["-o", &format!("PreferredAuthentications={methods}"), "-o", "NumberOfPasswordPrompts=1"]);
        command.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force").env("ANSWER", answer);
        command.arg(format!("{user}@127.0.0.1"));
        command
    }

    fn prompts(&self) -> String {
        fs::read_to_string(self.folder.path().join("askpass.log")).unwrap_or_default()
    }

    /// Whether the visit of each stay is closed, newest first.
    async fn visits(&self) -> Vec<bool> {
        let visits = visit::list(&self.test.operator(), None, false, Some(ROOT), 100).await.unwrap();
        visits.iter().map(|visit| visit.until_at.is_some()).collect()
    }
}

fn is_option(arg: &std::ffi::OsString) -> bool {
    arg.to_string_lossy().starts_with('-')
}

/// What a program said.
#[derive(Debug)]
struct Told {
    out: String,
    error: String,
    code: Option<i32>,
}

impl Told {
    fn of(output: &Output) -> Self {
        Self {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }
}

/// A program with its input given.
async fn fed(mut command: Command, input: &[u8]) -> Output {
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
async fn until(child: &mut Child, text: &str) -> String {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_run_with_their_streams_and_status() {
    let house = House::new().await;
    let told = house.run("administrator#web", "echo out; echo err >&2; exit 3").await;
    assert_eq!((told.out.as_str(), told.error.as_str(), told.code), ("out\n", "err\n", Some(3)));
    assert_eq!(house.run("administrator%web%deploy", "exit 0").await.code, Some(0));
    assert_eq!(house.run("administrator#WEB", "exit 5").await.code, Some(5), "another case");
    assert_eq!(house.run("administrator#1", "exit 6").await.code, Some(6), "an id");
    let killed = house.run("administrator#web", "kill -TERM $$").await;
    assert_eq!(killed.code, Some(255), "{killed:?}");
    let user = house.sshd.user().to_owned();
    assert_eq!(house.run(&format!("administrator#web#{user}"), "whoami").await.out.trim(), user, "by username");
    let env = house
        .ssh("administrator#web", ["-oSetEnv=LC_ONE=1 LD_PRELOAD=/x", "echo [$LC_ONE][$LD_PRELOAD]"])
        .output()
        .await
        .unwrap();
    assert_eq!(Told::of(&env).out, "[1][]\n");
    eventually("the rows are closed", async || house.visits().await == [true; 7]).await;
    assert_eq!(house.sshd.log().matches("Failed").count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn megabytes_go_both_ways_at_once() {
    let house = House::new().await;
    let blob = random_bytes(3, 20_000_000);
    let back = fed(house.ssh("administrator#web", ["cat"]), &blob).await;
    assert!(back.stdout == blob, "{} bytes: {}", back.stdout.len(), String::from_utf8_lossy(&back.stderr));
    // Much output before any input is read.
    let line = "head -c 9000000 /dev/zero; sha256sum";
    let back = fed(house.ssh("administrator#web", [line]), &blob[..5_000_000]).await;
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&blob[..5_000_000]));
    assert_eq!(back.stdout.len(), 9_000_000 + 64 + 4);
    assert!(String::from_utf8_lossy(&back.stdout[9_000_000..]).starts_with(&hash));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_has_a_terminal_and_menus_lead_to_it() {
    let house = House::new().await;
    let mut shell = house.ssh("administrator#web", ["-tt"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut typing = shell.stdin.take().unwrap();
    typing.write_all(b"tty; echo $TERM; echo $((6*7))\n").await.unwrap();
    let seen = until(&mut shell, "42\r\n").await;
    assert!(seen.contains("/dev/pts/"), "{seen}");
    typing.write_all(b"exit 4\n").await.unwrap();
    assert_eq!(shell.wait().await.unwrap().code(), Some(4));

    house.voucher("other").await;
    let told = house.run("administrator#web", "true").await;
    assert_eq!(told.code, Some(255));
    assert!(told.error.contains("deploy") && told.error.contains("other"), "{told:?}");
    let told = house.run("administrator", "true").await;
    assert!(told.error.contains("account#resource") && told.code == Some(255), "{told:?}");
    assert_eq!(house.run("administrator#web#other", "exit 9").await.code, Some(9));

    let mut menu = house.ssh("administrator", ["-tt"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut typing = menu.stdin.take().unwrap();
    until(&mut menu, "编号或过滤: ").await;
    typing.write_all(b"we\r").await.unwrap();
    let seen = until(&mut menu, "编号或过滤: ").await;
    assert!(seen.contains("other"), "{seen}");
    typing.write_all(b"2\r").await.unwrap();
    until(&mut menu, "$ ").await;
    typing.write_all(b"exit 8\n").await.unwrap();
    assert_eq!(menu.wait().await.unwrap().code(), Some(8));

    let mut menu = house.ssh("administrator", ["-tt"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut typing = menu.stdin.take().unwrap();
    until(&mut menu, "编号或过滤: ").await;
    typing.write_all(b"\x03").await.unwrap();
    assert_eq!(menu.wait().await.unwrap().code(), Some(255));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_by_password_key_and_code() {
    let house = House::new().await;
    for methods in ["password", "keyboard-interactive"] {
        let right = house.asked("administrator#web", methods, PASSWORD).arg("exit 3").output().await.unwrap();
        assert_eq!(right.status.code(), Some(3), "{methods}: {}", Told::of(&right).error);
        let wrong = house.asked("administrator#web", methods, "not it").arg("exit 3").output().await.unwrap();
        assert_eq!(wrong.status.code(), Some(255));
        assert!(Told::of(&wrong).error.contains("Permission denied"));
    }
    let unknown = house.asked("nobody#web", "password", PASSWORD).arg("true").output().await.unwrap();
    assert!(Told::of(&unknown).error.contains("Permission denied (publickey,password,keyboard-interactive)"));
    let stranger = house.ssh("nobody#web", ["true"]).output().await.unwrap();
    assert!(Told::of(&stranger).error.contains("Permission denied"), "a key of somebody else");

    // With a second factor neither key nor password is enough.
    let ctx = house.person(ROOT).await;
    let setup = gatehouse_domain::factor::setup(&ctx).await.unwrap();
    gatehouse_domain::factor::confirm(&ctx, &totp(house.app(), setup.secret.expose())).await.unwrap();
    let told = house.run("administrator#web", "exit 3").await;
    assert!(told.code == Some(255) && told.error.contains("keyboard-interactive"), "{told:?}");
    house.test.advance(Duration::from_mins(1));
    let code = totp(house.app(), setup.secret.expose());
    let key = house.folder.path().join("id").display().to_string();
    let with_code = |answer: &str| {
        let mut command = house.asked("administrator#web", "publickey,keyboard-interactive", answer);
        command.args(["-o", "IdentitiesOnly=yes", "-i", &key, "exit 7"]);
        command
    };
    // `-i` after the host is an option still, as the command begins at the first word that is none.
    assert_eq!(with_code("000000").output().await.unwrap().status.code(), Some(255));
    assert_eq!(with_code(&code).output().await.unwrap().status.code(), Some(7));
    assert!(house.prompts().contains("动态验证码: "), "{}", house.prompts());
    assert_eq!(with_code(&code).output().await.unwrap().status.code(), Some(255), "a code is good once");
}

/// The code of a moment (RFC 6238).
fn totp(app: &App, secret: &str) -> String {
    let step = app.now().0 / 30_000;
    let script = "import base64,hmac,hashlib,struct,sys\n\
                  d=hmac.new(base64.b32decode(sys.argv[1]),struct.pack('>q',int(sys.argv[2])),hashlib.sha1).digest()\n\
                  o=d[-1]&15\nprint('%06d'%((struct.unpack('>I',d[o:o+4])[0]&0x7fffffff)%1000000))";
    let done = std::process::Command::new("python3").args(["-c", script, secret, &step.to_string()]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_allowed_is_refused_with_its_text() {
    let house = House::new().await;
    house.member("alice").await;
    let alice = house.asked("alice#web", "password", PASSWORD).arg("true").output().await.unwrap();
    let alice = Told::of(&alice);
    assert!(alice.error.contains("权限错误") && alice.code == Some(255), "{alice:?}");
    let nowhere = house.run("administrator#nowhere", "true").await;
    assert!(nowhere.error.contains("权限错误") && nowhere.code == Some(255), "{nowhere:?}");
    let nothing = house.run("administrator#web#nothing", "true").await;
    assert!(nothing.error.contains("权限错误"), "{nothing:?}");
    assert!(!house.sshd.log().contains("Accepted"), "nothing was dialled");
    house.policy(json!({ "exec": false })).await;
    let denied = house.run("administrator#web", "true").await;
    assert!(denied.error.contains("策略不允许该操作") && denied.code == Some(255), "{denied:?}");
    house.policy(json!({ "exec": true })).await;
    for (options, what) in [
        (vec!["-R0:127.0.0.1:9", "-oExitOnForwardFailure=yes"], "remote forward"),
        (vec!["-s", "netconf"], "another subsystem"),
    ] {
        let told = Told::of(&house.ssh("administrator#web", options).output().await.unwrap());
        assert_ne!(told.code, Some(0), "{what}: {told:?}");
    }
    let agent = house.ssh("administrator#web", ["-A", "echo [$SSH_AUTH_SOCK][$DISPLAY]"]).output().await.unwrap();
    assert_eq!(Told::of(&agent).out, "[][]\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_copied_and_kept_account_of() {
    let house = House::new().await;
    let blob = random_bytes(5, 3_000_000);
    let (here, back) = (house.folder.path().join("here"), house.folder.path().join("back"));
    fs::write(&here, &blob).unwrap();
    let scp = async |from: &str, to: &str| -> Told {
        let mut command = house.command("scp", "-P");
        command.args(house.key_options()).args([from, to]);
        Told::of(&command.output().await.unwrap())
    };
    let text = |path: &Path| path.display().to_string();
    let told = scp(&text(&here), "administrator%web@127.0.0.1:there").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(fs::read(house.sshd.home().join("there")).unwrap() == blob);
    let told = scp("administrator%web@127.0.0.1:there", &text(&back)).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(fs::read(&back).unwrap() == blob);

    let mut sftp = house.command("sftp", "-P");
    sftp.args(house.key_options()).args(["-b", "-", "administrator#web@127.0.0.1"]);
    let batch = b"mkdir one\nrename there one/two\nls -l one\nsymlink one/two three\nrm three\nchmod 600 one/two\n";
    let told = Told::of(&fed(sftp, batch).await);
    assert!(told.code == Some(0) && told.out.contains("two"), "{told:?}");

    let mut old = house.command("scp", "-P");
    old.args(house.key_options()).args(["-O", &text(&here), "administrator%web@127.0.0.1:old"]);
    let told = Told::of(&old.output().await.unwrap());
    assert!(told.code != Some(0) && told.error.contains("策略不允许该操作"), "{told:?}");

    house.policy(json!({ "max_file": 1_000_000 })).await;
    let told = scp(&text(&here), "administrator%web@127.0.0.1:large").await;
    assert_ne!(told.code, Some(0), "{told:?}");
    house.policy(json!({ "sftp": false })).await;
    let told = scp(&text(&here), "administrator%web@127.0.0.1:never").await;
    assert!(told.code != Some(0) && told.error.contains("策略不允许该操作"), "{told:?}");
    assert!(!house.sshd.home().join("never").exists());

    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&blob));
    let rows = house.transfers().await;
    let kept = rows.iter().map(|(path, way, bytes, sum, outcome)| {
        (path.as_str(), way.as_str(), *bytes, sum.as_deref() == Some(hash.as_str()), outcome.as_str())
    });
    let kept: Vec<_> = kept.collect();
    assert_eq!(kept[..2], [("there", "upload", 3_000_000, true, "ok"), ("there", "download", 3_000_000, true, "ok"),]);
    assert_eq!((kept[2].0, kept[2].1, kept[2].3, kept[2].4), ("large", "upload", false, "failed"));
    assert_eq!(kept.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forwards_go_through_the_target_where_the_policy_says_so() {
    let house = House::new().await;
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = echo.local_addr().unwrap().port();
    house.app().spawn("echo", async move {
        while let Ok((mut stream, _)) = echo.accept().await {
            let (mut read, mut write) = stream.split();
            let _ = tokio::io::copy(&mut read, &mut write).await;
        }
    });
    let port = gatehouse_testkit::peer::free_port().unwrap();
    let option = format!("-L127.0.0.1:{port}:127.0.0.1:{to}");
    let mut client = house.ssh("administrator#web", ["-N".to_owned(), option]).spawn().unwrap();
    eventually("it listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    let exchange = async || -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let sent = random_bytes(9, 1_000_000);
        let (mut read, mut write) = stream.split();
        let writing = async {
            let _ = write.write_all(&sent).await;
            let _ = write.shutdown().await;
        };
        let mut back = Vec::new();
        let ((), read) = tokio::join!(writing, read.read_to_end(&mut back));
        (read.is_ok() && back == sent).then_some(back)
    };
    assert!(exchange().await.is_none(), "off by default");
    house.policy(json!({ "forward": true })).await;
    assert!(exchange().await.is_some());
    let (one, two) = tokio::join!(exchange(), exchange());
    assert!(one.is_some() && two.is_some());
    client.kill().await.unwrap();
    eventually("nothing is open", async || house.door.open_stays() == 0).await;
    assert!(house.sshd.processes().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_policy_and_revocation_end_native_stays_at_once() {
    let house = House::new().await;
    let start = async || -> Child {
        let mut shell = house.ssh("administrator#web", ["-tt"]).stdin(Stdio::piped()).spawn().unwrap();
        until(&mut shell, "$ ").await;
        shell
    };
    let ended = async |child: Child| -> (Told, Duration) {
        let begun = Instant::now();
        let told = timeout(SOON, child.wait_with_output()).await.expect("it ends in time").unwrap();
        (Told::of(&told), begun.elapsed())
    };
    let shell = start().await;
    let open = visit::list(&house.test.operator(), None, true, Some(ROOT), 10).await.unwrap();
    visit::end(&house.test.operator(), &open[0].uuid).await.unwrap();
    let (told, took) = ended(shell).await;
    assert!(told.code == Some(255) && told.error.contains("会话已被管理员"), "{told:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");

    let shell = start().await;
    house.policy(json!({ "sources": ["10.0.0.0/8"] })).await;
    let (told, took) = ended(shell).await;
    assert!(told.error.contains("权限已变更"), "{told:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    house.policy(json!({ "sources": null })).await;

    let shell = start().await;
    account::change::set_password(&house.test.operator(), ROOT, &Secret::new("another pass phrase")).await.unwrap();
    let (told, took) = ended(shell).await;
    assert!(told.error.contains("权限已变更"), "{told:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");

    // A shorter idle time reaches a stay that is open.
    let shell = start().await;
    house.policy(json!({ "idle": "1s" })).await;
    let (told, took) = ended(shell).await;
    assert!(told.error.contains("会话空闲超时"), "{told:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    house.policy(json!({ "idle": null })).await;

    let shell = start().await;
    house.app().shutdown().cancel();
    let (told, _) = ended(shell).await;
    assert!(told.error.contains("服务即将重启"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_do_not_log_in_are_few_and_leave_soon() {
    let house = House::with(|settings| {
        settings.ssh.max_unauthenticated_per_address = 3;
        settings.ssh.login_deadline.0 = Duration::from_millis(1_500);
    })
    .await;
    let start = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(("127.0.0.1", house.port)).await.unwrap();
        let mut line = [0; 19];
        stream.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"SSH-2.0-Gatehouse\r\n");
        idle.push(stream);
    }
    let mut fourth = TcpStream::connect(("127.0.0.1", house.port)).await.unwrap();
    assert!(!matches!(fourth.read(&mut [0; 9]).await, Ok(1..)), "there is no fourth place");
    let (mut rest, mut first) = (Vec::new(), idle.remove(0));
    let _ = timeout(SOON, first.read_to_end(&mut rest)).await.expect("it is closed");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(house.run("administrator#web", "exit 2").await.code, Some(2));
}

impl House {
    /// Rows of file transfers, in their order.
    async fn transfers(&self) -> Vec<(String, String, i64, Option<String>, String)> {
        let database: PathBuf = self.test.dir().join("gatehouse.db");
        let script = "import json,sqlite3,sys\nprint(json.dumps(sqlite3.connect(sys.argv[1]).execute(\
                      'SELECT path, direction, bytes, sha256, outcome FROM file_transfer ORDER BY id').fetchall()))";
        let done = Command::new("python3").args(["-c", script]).arg(database).output().await.unwrap();
        serde_json::from_slice(&done.stdout).unwrap()
    }
}
