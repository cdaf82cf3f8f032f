//! `cargo xtask ci`: every check, cheapest first, until one fails.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::graph::Graph;
use crate::policy::Policy;
use crate::run::Cmd;
use crate::{licence, peer, snapshot, unused};

type Step = fn() -> Result<()>;

const STEPS: &[(&str, Step)] = &[
    ("format", || cargo(&["fmt", "--all", "--check"])),
    ("dependencies", dependencies),
    ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])),
    ("documentation", documentation),
    ("tests", tests),
];

/// Runs the steps in order, prints how long each took, and stops at the first failure.
pub(crate) fn run() -> Result<()> {
    let mut done: Vec<(&str, Duration)> = Vec::new();
    for (name, step) in STEPS {
        eprintln!("\n== {name}");
        let start = Instant::now();
        step().with_context(|| format!("step `{name}` of cargo xtask ci failed after {:.1?}", start.elapsed()))?;
        eprintln!("== {name}: {:.1?}", start.elapsed());
        done.push((name, start.elapsed()));
    }
    eprintln!("\nall steps passed in {:.0?}", done.iter().map(|(_, took)| *took).sum::<Duration>());
    for (name, took) in done {
        eprintln!("{name:>16} {took:>8.1?}");
    }
    Ok(())
}

fn cargo(args: &[&str]) -> Result<()> {
    Cmd::new("cargo").args(args).run()
}

/// Which package may use which, what may be in the graph at all, its licences, and what is declared but not used.
fn dependencies() -> Result<()> {
    let policy = Policy::load()?;
    let graph = Graph::load()?;
    graph.check_layers()?;
    graph.check_banned(&policy.banned())?;
    graph.check_sources()?;
    licence::check(&graph, &policy.licenses.allow)?;
    unused::check(&graph)
}

fn documentation() -> Result<()> {
    Cmd::new("cargo")
        .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"])
        .env("RUSTDOCFLAGS", "-Dwarnings")
        .run()
}

fn tests() -> Result<()> {
    let used = peer::target_dir()?.join("used-snapshots");
    fs::write(&used, "").with_context(|| format!("cannot write {}", used.display()))?;
    // A snapshot that differs fails instead of being written beside the old one.
    Cmd::new(std::env::current_exe()?)
        .args(["test"])
        .env("INSTA_UPDATE", "no")
        .env("INSTA_SNAPSHOT_REFERENCES_FILE", &used)
        .run()?;
    snapshot::check(&used)
}
