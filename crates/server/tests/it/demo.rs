//! The demo: what it prints works as printed.

use gatehouse_testkit::{Installation, PATIENCE, peer::Program};

use crate::GATEHOUSE;

use std::{
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::Instant,
};

const FREE: &str = "demo --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0";

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Pastes a line into a shell.
fn paste(line: &str) -> String {
    let output = Command::new("bash").args(["-c", line]).stdin(Stdio::null()).stderr(Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_printed_command_works_as_printed() {
    let house = Installation::new(GATEHOUSE);
    let mut running = house.start(house.command(FREE));
    running.read_until("gatehouse account list");
    let printed = running.announced.clone();
    let curls: Vec<_> = printed.iter().filter(|line| line.starts_with("curl") && line.contains("/v1/")).collect();
    assert_eq!(curls.len(), 3, "{printed:#?}");
    assert!(paste(curls[0]).contains("\"StatusCode\":200"));
    let read = paste(curls[1]);
    assert!(
        ["\"StatusCode\":200", "\"StatusCode\":201", "\"StatusCode\":102"].iter().any(|code| read.contains(code)),
        "{read}"
    );

    let links: Vec<_> = printed.iter().filter(|line| line.starts_with("# Demo")).collect();
    for (link, scheme) in links.iter().zip([
        "ss://",
        "trojan://",
        "vless://",
        "vless://",
        "ss://2022-blake3-aes-256-gcm:",
        "hysteria2://",
    ]) {
        assert!(link.contains(&format!(": {scheme}")), "{link}");
    }
    // The last clients are no Debian packages: sslocal is run by the door's own tests, sing-box from its wheel.
    let clients: Vec<_> = printed.iter().filter(|line| line.contains("socks5h")).collect();
    assert_eq!(clients.len(), 6, "{printed:#?}");
    let sing_box = Program::SingBox.path().unwrap();
    for (line, socks) in clients.iter().zip(1081..).filter(|(line, _)| !line.starts_with("sslocal")) {
        let free = free_port();
        let line = line
            .replace(&format!("-l {socks} "), &format!("-l {free} "))
            .replace(&format!("port\":{socks},"), &format!("port\":{free},"))
            .replace("sing-box run", &format!("{} run", sing_box.display()))
            .replace(&format!("127.0.0.1:{socks} "), &format!("127.0.0.1:{free} "));
        assert_eq!(paste(&line), "ok\n", "{line}");
    }
    bastion(&house, &printed);
    vpn(&house, &printed);
    billing(&printed);
    assert!(house.run("account check-login administrator --password-stdin").code == Some(2), "no password on stdin");
    house.run_with("account check-login administrator --password-stdin", "administrator\n").ok();
    running.stop();

    let mut again = house.start(house.command(FREE));
    again.read_until("gatehouse account list");
    assert!(
        printed
            .iter()
            .filter(|line| line.starts_with("token"))
            .eq(again.announced.iter().filter(|line| line.starts_with("token")))
    );
    // The target's port is another one, and everything leads there.
    bastion(&house, &again.announced);
    let target = sshd(&house);
    again.stop();
    assert!(!is_running(target), "sshd outlives the demo");
}

/// Goes every printed way to the demo's target.
fn bastion(house: &Installation, printed: &[String]) {
    let line = |what: &str| printed.iter().find(|line| !line.starts_with('#') && line.contains(what)).unwrap();
    let login = printed.iter().find(|line| line.ends_with("/api/rbac/login/")).unwrap();
    assert!(paste(login).starts_with(r#"{"code":200,"msg":"OK","token":{"access":"ey"#));
    let listed = paste(line("resource/resource/get/"));
    assert!(listed.contains(r#""total":1"#) && listed.contains(r#""name":"demo""#), "{listed}");
    let shown = paste(line("wsdump"));
    assert!(shown.contains("Linux"), "{shown}");

    let ask = house.path().join("ask");
    std::fs::write(&ask, "#!/bin/sh\necho administrator\n").unwrap();
    std::fs::set_permissions(&ask, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ssh = format!("{} 'echo by-$((6*7))'", line("administrator#demo"));
    let ssh = format!("SSH_ASKPASS_REQUIRE=force SSH_ASKPASS={} {ssh}", ask.display());
    assert_eq!(paste(&ssh), "by-42\n", "{ssh}");
}

/// A new VPN user is found at once, and let in only after the apply.
fn vpn(house: &Installation, printed: &[String]) {
    let calls: Vec<_> = printed.iter().filter(|line| line.contains("/WebApi.php?")).collect();
    assert_eq!(calls.len(), 3, "{printed:#?}");
    let logins: Vec<_> = printed.iter().filter(|line| line.starts_with("radtest ")).collect();
    let checks: Vec<_> = printed.iter().filter(|line| line.contains("check-login")).collect();
    assert!(logins.len() == 2 && checks.len() == 2, "{printed:#?}");
    let check =
        |line: &str| paste(&format!("cd {} && {}", house.path().display(), line.replace("gatehouse", GATEHOUSE)));
    assert!(paste(calls[0]).starts_with(r#"{"code":0,"success":true,"message":"#));
    let shown = paste(calls[1]);
    assert!(shown.contains(r#""name":"user1""#) && shown.contains(r#""role_name":"a,b""#), "{shown}");
    assert!(paste(logins[0]).contains("Received Access-Reject"), "{}", logins[0]);
    assert_eq!(check(checks[0]), "", "refused with a reason on standard error");
    assert!(paste(calls[2]).starts_with(r#"{"code":0,"success":true,"message":"#));
    assert!(paste(logins[1]).contains("Received Access-Accept"), "{}", logins[1]);
    assert!(check(checks[1]).starts_with("let in"), "{}", checks[1]);
    assert!(paste(calls[0]).starts_with(r#"{"code":-9,"success":false,"#), "he is there already");
}

/// The seed's own lines in its order, each answered; then the money of a reported payment comes once.
fn billing(printed: &[String]) {
    let lines: Vec<_> = printed.iter().filter(|line| line.starts_with("curl") && line.contains("noapi.pl")).collect();
    let answers = [
        r#"{"error":"Вы не авторизованы","err_cod":"unauthorized"}"#,
        r#""data":{"trust":1,"id":"357","role":"user"},"result":"auth ok"}"#,
        r#"{"version":""#,
        r#""ppc":"3575""#,
        r#"{"messages":[{"id":"#,
        r#"{"result":"ok","id":""#,
        r#"{"auth_log":[]"#,
        r#""service_id":"33""#,
        r#"{"result":"ok","id":""#,
        r#"{"result":"ok"}"#,
        r#"{"credit":{"gr":"грн","full_amt":"3.68","commission":0,"days":3,"amt":3.68},"result":"ok"}"#,
        r#"{"result":"ok"}"#,
        r#"{"result":"ok"}"#,
        r#""amt":"100.00","full_amt":"100.00","order_amt":"100.00","commission":0,"gr":"грн"}"#,
        r#""url":"http"#,
        r#"{"users":[{"id":"357""#,
        r#""uid":"357","name":"test""#,
        r#""service_id":"63""#,
        r#""name":"_house""#,
    ];
    assert_eq!(lines.len(), answers.len(), "{lines:#?}");
    for (line, answer) in lines.iter().zip(answers) {
        let said = paste(line);
        assert!(said.contains(answer), "{line}\n{said}");
    }
    let callback = printed.iter().find(|line| line.contains("/cgi-bin/liqpay.pl")).unwrap();
    let said = paste(callback);
    assert_eq!(said.matches("OK").count(), 10, "{said}");
    // Once at the root and once inside `result`.
    assert_eq!(said.matches(r#""cash":"100.00","category":"20""#).count(), 2, "{said}");
    // Broken signatures are refused, unknown orders not found.
    let url = callback.split_whitespace().find(|word| word.contains("/cgi-bin/liqpay.pl")).unwrap();
    let status = |form: &str| paste(&format!("curl -s -o /dev/null -w '%{{http_code}}' {url} {form}"));
    assert_eq!(status("-d data=e30= -d signature=x"), "400");
    assert_eq!(status("-G"), "405");
    assert_eq!(
        paste(&format!("curl -s -o /dev/null -w '%{{http_code}}' {} -d x=1", url.replace("liqpay", "fondy"))),
        "400"
    );
}

/// The process id of the demo's target.
fn sshd(house: &Installation) -> u32 {
    std::fs::read_to_string(house.path().join("data/demo-sshd/pid")).unwrap().trim().parse().unwrap()
}

fn is_running(process: u32) -> bool {
    // A process that ended and that nobody waited for has no command line.
    std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
fn the_demos_target_ends_with_a_killed_demo() {
    let house = Installation::new(GATEHOUSE);
    let mut running = house.start(house.command(FREE));
    running.read_until("gatehouse account list");
    let target = sshd(&house);
    assert!(is_running(target));
    running.kill();
    let deadline = Instant::now() + PATIENCE;
    while is_running(target) {
        assert!(Instant::now() < deadline, "sshd outlives the demo");
        std::thread::yield_now();
    }
}

#[test]
fn the_demo_keeps_to_loopback_and_to_its_own_data() {
    let house = Installation::new(GATEHOUSE);
    for arguments in ["demo --listen 0.0.0.0:0", "demo --proxy-listen 192.0.2.1", "demo --oa-listen [::]:0"] {
        let refused = house.run(arguments);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("loopback only"), "{refused:?}");
    }
    assert!(!house.path().join("data").exists());
    house.run("gt").ok();
    let refused = house.run(FREE);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("no demo made"), "{refused:?}");
}

#[test]
fn without_a_data_directory_the_demo_leaves_nothing_behind() {
    let house = Installation::new(GATEHOUSE);
    let mut command = house.command(FREE);
    let temporary = house.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    command.env_remove("GATEHOUSE__DATA_DIR").env("TMPDIR", &temporary);
    let running = house.start(command);
    let made = || std::fs::read_dir(&temporary).unwrap().count();
    assert_eq!(made(), 1);
    running.stop();
    assert_eq!(made(), 0);
}
