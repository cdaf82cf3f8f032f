//! Debian's ssh, scp and sftp against the whole door.

mod house;
mod proxied;
mod quota;
mod revoked;
mod stalled;
mod told;

use std::{fs, path::Path, process::Stdio};

use gatehouse_domain::{account, visit};
use gatehouse_testkit::peer::random_bytes;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::Child,
};

use super::*;
use house::*;

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
    eprintln!("one way and back: done");
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

    house.policy(json!({ "max_file": "1MiB" })).await;
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
