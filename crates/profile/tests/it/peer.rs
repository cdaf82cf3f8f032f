//! The clients that `cargo xtask test` installs in `target/peers`.
//!
//! Found here and not through the test kit: that depends on the domain, which depends on this package, and every change
//! of a comma would build both anew before a profile could be tried.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

fn peers() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let found = program.ancestors().map(|folder| folder.join("peers")).find(|folder| folder.is_dir());
    found.expect("target/peers is not installed: run `cargo xtask test` once, which installs every peer")
}

pub(crate) fn packages() -> PathBuf {
    peers().join("python/lib/python3.11/site-packages")
}

pub(crate) fn python() -> PathBuf {
    peers().join("python/bin/python")
}

pub(crate) fn sslocal() -> PathBuf {
    peers().join("sslocal/bin/sslocal")
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Starts a program with `text` in the file `config` and fails unless it listens on `port` without a complaint: it
/// listens when it has taken the whole configuration.
pub(crate) fn must_start(program: &Path, args: &[&str], text: &str, port: u16) {
    let folder = tempfile::tempdir().unwrap().keep();
    fs::write(folder.join("config"), text).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut child = Command::new(program)
        .args(args)
        .current_dir(&folder)
        .stdout(Stdio::from(log.try_clone().unwrap()))
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    let is_up = loop {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            break true;
        }
        if child.try_wait().unwrap().is_some() || Instant::now() > end {
            break false;
        }
        thread::sleep(Duration::from_millis(20));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let said = fs::read_to_string(folder.join("log")).unwrap();
    assert!(
        is_up && !said.contains("ailed to"),
        "{} refuses what is in {}:\n{said}",
        program.display(),
        folder.display()
    );
    fs::remove_dir_all(folder).unwrap();
}

/// Runs a program in a folder and fails with what it said.
pub(crate) fn must_accept(program: &Path, args: &[&str], folder: &Path) {
    let output = run(program, args, folder);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} refuses what is in {}:\n{said}", program.display(), folder.display());
}

fn run(program: &Path, args: &[&str], folder: &Path) -> Output {
    assert!(program.is_file(), "{} is not installed: run `cargo xtask test` once", program.display());
    Command::new(program).args(args).current_dir(folder).env("HOME", folder).output().unwrap()
}
