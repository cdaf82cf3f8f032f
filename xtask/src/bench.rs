//! `cargo xtask bench NAME`: measurements beside a peer. Not part of the tests.
//!
//! To add one, write `crates/testkit/examples/bench_NAME.rs`: a program that starts the server (`gatehouse`, built with
//! the release profile, its path in `GATEHOUSE_BIN`) and the peers of `testkit::peer`, measures both in interleaved
//! rounds of one run, and prints the ratios. Its first `//!` line is what the list below shows. It lives there and not
//! here because it needs the peers and an HTTP client, and xtask must compile in seconds.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::peer;
use crate::run::{Cmd, root};

const FOLDER: &str = "crates/testkit/examples";

/// Runs the bench called `name`, or lists what there is.
pub(crate) fn run(name: Option<&str>, args: &[String]) -> Result<()> {
    let benches = list()?;
    let Some(name) = name else {
        for (name, about) in benches {
            eprintln!("{name:12}{about}");
        }
        return Ok(());
    };
    if !benches.iter().any(|(known, _)| known == name) {
        let known: Vec<_> = benches.into_iter().map(|(known, _)| known).collect();
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        bail!("there is no bench `{name}`; known are: {known}. A bench is a file {FOLDER}/bench_NAME.rs");
    }
    peer::ensure()?;
    Cmd::new("cargo").args(["build", "--locked", "--release", "--package", "gatehouse"]).run()?;
    Cmd::new("cargo")
        .args([
            "run",
            "--locked",
            "--release",
            "--package",
            "gatehouse-testkit",
            "--example",
            &format!("bench_{name}"),
            "--",
        ])
        .args(args)
        .env("GATEHOUSE_BIN", peer::target_dir()?.join("release/gatehouse"))
        .exec()
}

/// Name and first line of every bench.
fn list() -> Result<Vec<(String, String)>> {
    let folder = root().join(FOLDER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut benches = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(name) = file.strip_prefix("bench_").and_then(|rest| rest.strip_suffix(".rs")) {
            let text = fs::read_to_string(&path)?;
            let about = text.lines().next().unwrap_or_default().trim_start_matches("//!").trim();
            benches.push((name.to_owned(), about.to_owned()));
        }
    }
    benches.sort();
    Ok(benches)
}
