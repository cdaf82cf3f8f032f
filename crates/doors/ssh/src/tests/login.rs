//! Ways in, and ways not in.

use gatehouse_testkit::peer::{KeyFormat, free_port};
use tokio::net::TcpListener;

use super::*;

#[tokio::test]
async fn a_password_opens_a_shell_and_its_rows_are_kept() {
    let world = World::new().await;
    let password = Secret::new(world.sshd.password().unwrap());
    let terminal = world.open(world.admitted_with(Credential::Password(password))).await.unwrap();
    assert!(terminal.opened.is_recorded);
    assert_eq!(terminal.opened.host_key.public_key, world.sshd.host_keys()[0]);
    assert!(terminal.opened.host_key.fingerprint.starts_with("SHA256:"));
    let mut screen = Screen::new(terminal);
    assert!(screen.run("echo $TERM $((6*7)); tty").await.contains("xterm 42"));
    assert_eq!(world.door.open_stays(), 1);
    screen.send("exit 7\n").await;
    let ended = screen.ended().await;
    assert_eq!((ended.why.as_str(), ended.exit_code, ended.exit_signal), ("closed", Some(7), None));
    eventually("the row is closed", async || world.book.rows() == ["opened", "closed closed"]).await;
    eventually("it is no longer open", async || world.door.open_stays() == 0).await;
    assert!(*world.book.tape.is_finished.lock().unwrap());
    assert_eq!(String::from_utf8(world.book.tape.output.lock().unwrap().clone()).unwrap(), screen.seen);
    assert_eq!(*world.book.tape.marks.lock().unwrap(), ["header 80x24 xterm"]);
    let log = world.sshd.log();
    assert!(log.contains("Accepted password"), "{log}");
    assert!(!log.contains("Failed"), "no other method was tried:\n{log}");
}

#[tokio::test]
async fn every_kind_of_private_key_opens_a_shell() {
    let world = World::new().await;
    let kinds = [
        ("ed25519", None, KeyFormat::OpenSsh),
        ("ecdsa", Some(256), KeyFormat::OpenSsh),
        ("ecdsa", Some(384), KeyFormat::OpenSsh),
        ("ecdsa", Some(521), KeyFormat::OpenSsh),
        ("rsa", Some(3072), KeyFormat::OpenSsh),
        ("ecdsa", Some(256), KeyFormat::Pem),
        ("ecdsa", Some(384), KeyFormat::Pem),
        ("ecdsa", Some(521), KeyFormat::Pem),
        ("rsa", Some(3072), KeyFormat::Pem),
        ("ecdsa", Some(256), KeyFormat::Pkcs8),
        ("rsa", Some(2048), KeyFormat::Pkcs8),
    ];
    for (kind, bits, format) in kinds {
        let key = world.sshd.key(kind, bits, format).unwrap();
        for text in [key.clone(), key.replace('\n', "\r\n")] {
            let admitted = world.admitted_with(Credential::PrivateKey(Secret::new(text)));
            let terminal = world.open(admitted).await;
            let terminal = terminal.unwrap_or_else(|failure| panic!("{kind} {bits:?} {format:?}: {failure:?}"));
            assert!(Screen::new(terminal).run("echo it is $((40+2))").await.contains("it is 42"));
        }
    }
    let log = world.sshd.log();
    assert!(!log.contains("Failed"), "{log}");
    assert_eq!(log.matches("Accepted publickey").count(), 2 * kinds.len(), "{log}");
}

#[tokio::test]
async fn a_rejected_credential_is_tried_once() {
    let world = World::new().await;
    let wrong = Credential::Password(Secret::new("not the password"));
    assert_eq!(world.refused(world.admitted_with(wrong)).await, Failure::TargetAuth);
    let stranger = Sshd::start().await.unwrap().key("ed25519", None, KeyFormat::OpenSsh).unwrap();
    let unknown = Credential::PrivateKey(Secret::new(stranger));
    assert_eq!(world.refused(world.admitted_with(unknown)).await, Failure::TargetAuth);
    let broken = Credential::PrivateKey(Secret::new("no key at all"));
    assert_eq!(world.refused(world.admitted_with(broken)).await, Failure::TargetAuth);
    assert_eq!(world.book.rows(), ["failed target-auth ssh-ed25519"; 3]);
    let log = world.sshd.log();
    assert_eq!(log.matches("Failed password").count(), 1, "{log}");
    assert_eq!(log.matches("Failed publickey").count(), 1, "{log}");
    assert_eq!(log.matches("Failed none").count(), 0, "{log}");
    assert_eq!(world.door.open_stays(), 0);
}

#[tokio::test]
async fn a_password_is_not_offered_to_a_target_that_wants_keys() {
    let sshd = Sshd::with(&["ed25519"], &["PasswordAuthentication no"]).await.unwrap();
    let world = World::with(Settings::default(), sshd).await;
    let password = Credential::Password(Secret::new("whatever"));
    assert_eq!(world.refused(world.admitted_with(password)).await, Failure::TargetAuth);
    assert!(!world.sshd.log().contains("publickey"));
}

#[tokio::test]
async fn a_changed_key_is_refused_whatever_the_policy_and_its_kind() {
    let sshd = Sshd::with(&["ed25519", "ecdsa"], &[]).await.unwrap();
    let world = World::with(Settings::default(), sshd).await;
    let other = Sshd::with(&["ed25519", "rsa"], &[]).await.unwrap();
    for policy in [HostKeyPolicy::Tofu, HostKeyPolicy::Prompt, HostKeyPolicy::Strict] {
        for known in other.host_keys() {
            let mut admitted = world.admitted();
            (admitted.pins, admitted.terms.hostkey) = (vec![pin(known)], policy);
            let Failure::HostKeyChanged { pinned, presented } = world.refused(admitted).await else { panic!() };
            assert_eq!(pinned, [pin(known).fingerprint]);
            assert_eq!(presented.public_key, world.sshd.host_keys()[0], "the usual order: ed25519 first");
        }
    }
    assert_eq!(world.book.rows(), ["failed hostkey-changed ssh-ed25519"; 6]);
    let log = world.sshd.log();
    assert!(!log.contains("Accepted") && !log.contains("Failed"), "no login was tried:\n{log}");
}

#[tokio::test]
async fn a_pinned_kind_is_asked_for_first() {
    let sshd = Sshd::with(&["ed25519", "ecdsa", "rsa"], &[]).await.unwrap();
    let world = World::with(Settings::default(), sshd).await;
    for known in world.sshd.host_keys() {
        let mut admitted = world.admitted();
        admitted.pins = vec![pin(known)];
        let terminal = world.open(admitted).await.unwrap();
        assert_eq!(terminal.opened.host_key.public_key, *known);
    }
    let two = world.sshd.host_keys()[1..].iter().map(|key| pin(key)).collect();
    let terminal = world.open(Admitted { pins: two, ..world.admitted() }).await.unwrap();
    assert_eq!(terminal.opened.host_key.algorithm, "ecdsa-sha2-nistp256");
}

#[tokio::test]
async fn an_unknown_key_is_pinned_asked_about_or_refused() {
    let world = World::new().await;
    let unknown = |policy| {
        let mut admitted = world.admitted();
        admitted.pins.clear();
        admitted.terms.hostkey = policy;
        admitted
    };
    let known = pin(&world.sshd.host_keys()[0]);
    drop(world.open(unknown(HostKeyPolicy::Tofu)).await.unwrap());
    let pinned = format!("pinned ssh-ed25519 {}", known.fingerprint);
    assert_eq!(world.book.rows()[..2], [pinned.clone(), "opened".to_owned()]);
    for policy in [HostKeyPolicy::Strict, HostKeyPolicy::Prompt] {
        let Failure::HostKeyUnknown(key) = world.refused(unknown(policy)).await else { panic!() };
        assert_eq!(key.fingerprint, known.fingerprint);
    }
    let asked = async |answer: bool| {
        let ask = Box::new(move |_: PresentedKey| Box::pin(async move { answer }) as Boxed<'static, bool>);
        let admitted = unknown(HostKeyPolicy::Prompt);
        world.door.open(world.ctx(), admitted, SIZE, "xterm".to_owned(), Some(ask)).await
    };
    assert!(matches!(asked(false).await, Err(Failure::HostKeyUnknown(_))));
    drop(asked(true).await.unwrap());
    assert_eq!(world.book.rows().iter().filter(|row| **row == pinned).count(), 2);
    // Somebody else was quicker, with another key: no credential goes there.
    *world.book.rival.lock().unwrap() = Some("SHA256:other".to_owned());
    let before = world.sshd.log().matches("Accepted").count();
    assert!(matches!(world.refused(unknown(HostKeyPolicy::Tofu)).await, Failure::HostKeyChanged { .. }));
    assert_eq!(world.sshd.log().matches("Accepted").count(), before);
}

#[tokio::test]
async fn targets_that_are_not_there_are_told_apart() {
    let mut settings = Settings::default();
    settings.terminal.connect_timeout.0 = Duration::from_millis(700);
    let world = World::with(settings, Sshd::start().await.unwrap()).await;
    let at = |host: &str, port| Admitted { host: host.to_owned(), port, ..world.admitted() };
    assert_eq!(world.refused(at("no-such-host.invalid", 22)).await, Failure::Dns);
    assert_eq!(world.refused(at("169.254.169.254", 22)).await, Failure::Dns);
    assert_eq!(world.refused(at("127.0.0.1", free_port().unwrap())).await, Failure::Refused);
    // Takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let start = Instant::now();
    let port = silent.local_addr().unwrap().port();
    assert_eq!(world.refused(at("127.0.0.1", port)).await, Failure::Timeout);
    assert!(start.elapsed() < Duration::from_millis(1_700), "{:?}", start.elapsed());
    // Its connection was closed: nothing is left behind.
    let (mut left, _) = silent.accept().await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut left, &mut rest);
    drop(timeout(SOON, read).await.expect("the connection was given up"));
    assert_eq!(String::from_utf8(rest).unwrap().lines().next(), Some("SSH-2.0-Gatehouse"));
    // Speaks, but not SSH.
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    world.test.app.spawn("http", async move {
        let (mut stream, _) = other.accept().await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
    });
    assert!(matches!(world.refused(at("127.0.0.1", port)).await, Failure::Negotiation(_)));
    let causes = ["failed dns", "failed dns", "failed refused", "failed timeout", "failed negotiation"];
    assert_eq!(world.book.rows(), causes);
}

#[tokio::test]
async fn old_algorithms_are_used_where_the_policy_says_so() {
    let lines = [
        "KexAlgorithms diffie-hellman-group14-sha1",
        "Ciphers aes128-cbc",
        "MACs hmac-sha1",
        "HostKeyAlgorithms ssh-rsa",
    ];
    let world = World::with(Settings::default(), Sshd::with(&["rsa"], &lines).await.unwrap()).await;
    let key = Secret::new(world.sshd.key("rsa", Some(2048), KeyFormat::Pem).unwrap());
    let admitted = || world.admitted_with(Credential::PrivateKey(key.clone()));
    assert!(matches!(world.refused(admitted()).await, Failure::Negotiation(_)));
    let mut old = admitted();
    old.terms.legacy_algorithms = true;
    let mut screen = Screen::new(world.open(old).await.unwrap());
    assert!(screen.run("echo $((6*7))").await.contains("42"));
}

#[tokio::test]
async fn each_cipher_of_the_list_works() {
    for cipher in ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"] {
        let line = format!("Ciphers {cipher}");
        let world = World::with(Settings::default(), Sshd::with(&["ed25519"], &[&line]).await.unwrap()).await;
        let mut screen = world.screen().await;
        assert!(screen.run("seq 1 20000").await.contains("20000"), "{cipher}");
    }
}
