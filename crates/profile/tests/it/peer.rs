//! The clients that `cargo xtask test` installs in `target/peers`.
//!
//! Found here and not through the test kit: that depends on the domain, which depends on this package, and every change
//! of a comma would build both anew before a profile could be tried.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

pub(crate) fn packages() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let peers = program.ancestors().map(|folder| folder.join("peers")).find(|folder| folder.is_dir());
    peers
        .expect("target/peers is not installed: run `cargo xtask test` once, which installs every peer")
        .join("python/lib/python3.11/site-packages")
}

pub(crate) fn python() -> PathBuf {
    packages().ancestors().nth(3).unwrap().join("bin/python")
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
