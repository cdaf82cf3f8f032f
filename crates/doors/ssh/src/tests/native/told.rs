//! What a person is told whose login is not even tried, or was right and leads nowhere.

use gatehouse_domain::ssh_key;
use gatehouse_model::SshKeyId;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_failed_too_often_is_told_so_before_he_is_asked_for_anything() {
    let house = House::with(|settings| settings.login.pair_failures = 3).await;
    let ask = async |user: &str, methods: &str, answer: &str| {
        Told::of(&house.asked(user, methods, answer).arg("exit 3").output().await.unwrap())
    };
    for methods in ["password", "keyboard-interactive", "password"] {
        let told = ask("administrator#web", methods, "not it").await;
        assert!(told.error.contains("Permission denied") && !told.error.contains("too many"), "{told:?}");
    }
    let prompts = house.prompts();
    let wanted = "too many failed logins, try again in 300 s";
    for methods in ["keyboard-interactive", "publickey,keyboard-interactive,password"] {
        let told = ask("administrator#web", methods, PASSWORD).await;
        assert!(told.error.contains(wanted) && told.code == Some(255), "{methods}: {told:?}");
    }
    let told = house.run("administrator#web", "exit 3").await;
    assert!(told.error.contains(wanted), "a key, and nobody who could be asked: {told:?}");
    assert_eq!(house.prompts(), prompts, "nobody was asked for anything");
    let told = ask("administrator#web", "password", PASSWORD).await;
    assert!(told.error.contains(wanted), "{told:?}");
    // Others are not held up, and the time passes.
    house.member("alice").await;
    assert!(ask("alice#web", "password", PASSWORD).await.error.contains("权限错误"));
    house.test.advance(Duration::from_mins(5));
    assert_eq!(ask("administrator#web", "password", PASSWORD).await.code, Some(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_uses_his_last_try_is_told_so_in_the_same_connection() {
    let house = House::with(|settings| settings.login.pair_failures = 2).await;
    let mut ssh = house.command("ssh", "-p");
    ssh.args(["-o", "NumberOfPasswordPrompts=3", "-o", "PreferredAuthentications=keyboard-interactive,password"]);
    let askpass = house.askpass();
    ssh.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force").env("ANSWER", "not it");
    let told = Told::of(&ssh.args(["administrator#web@127.0.0.1", "true"]).output().await.unwrap());
    assert!(told.error.contains("too many failed logins"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_disabled_is_told_so_when_he_proved_who_he_is_and_does_not_stay() {
    let house = House::with(|settings| settings.ssh.login_deadline.0 = Duration::from_secs(3)).await;
    house.member("alice").await;
    let listed = fs::read_to_string(house.folder.path().join("id.pub")).unwrap();
    let alice = account::find(&house.test.operator(), "alice").await.unwrap();
    let root = house.person(ROOT).await;
    ssh_key::delete(&root, &[SshKeyId(1)]).await.unwrap();
    ssh_key::add(&root, Some(alice.id), "laptop", &listed).await.unwrap();
    let refusal = house.run("alice#web", "exit 3").await;
    assert!(refusal.error.contains("权限错误"), "{refusal:?}");
    account::change::set_enabled(&house.test.operator(), "alice", false, None).await.unwrap();
    let wanted = "用户被禁用，请及时联系管理员";
    for methods in ["password", "keyboard-interactive"] {
        let told = house.asked("alice#web", methods, PASSWORD).arg("exit 3").output().await.unwrap();
        let told = Told::of(&told);
        assert!(told.error.contains(wanted) && told.code == Some(255), "{told:?}");
        let told = house.asked("alice#web", methods, "not it").arg("exit 3").output().await.unwrap();
        let told = Told::of(&told);
        assert!(told.error.contains("Permission denied") && !told.error.contains(wanted), "{told:?}");
    }
    let told = house.run("alice#web", "exit 3").await;
    assert!(told.error.contains(wanted) && told.code == Some(255), "{told:?}");
    // Nor does he hold a connection, or forward anything.
    let start = Instant::now();
    let port = gatehouse_testkit::peer::free_port().unwrap();
    let option = format!("-L127.0.0.1:{port}:127.0.0.1:{}", house.sshd.port());
    let mut idle = house.ssh("alice#web", ["-N".to_owned(), option]).spawn().unwrap();
    eventually("it listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    let mut through = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert!(!matches!(through.read(&mut [0; 9]).await, Ok(1..)));
    assert_eq!(timeout(SOON, idle.wait()).await.expect("he is sent away").unwrap().code(), Some(255));
    assert!(start.elapsed() > Duration::from_secs(2), "only his time was over: {:?}", start.elapsed());
}
