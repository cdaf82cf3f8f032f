//! Developer commands: `cargo xtask demo | test | ci | bench`.

mod bench;
mod ci;
mod graph;
mod licence;
mod peer;
mod policy;
mod run;
mod snapshot;
mod unused;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use run::Cmd;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of Gatehouse")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the server and serve sample data on loopback; what follows goes to `gatehouse demo`
    Demo {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run every test against the real peers, which are installed first; what follows goes to `cargo test`
    Test {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run what must pass before a push, and stop at the first failure
    Ci,
    /// Measure beside a peer; without a name, list the benches
    Bench {
        name: Option<String>,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Demo { args } => demo(&args),
        Task::Test { args } => test(&args),
        Task::Ci => ci::run(),
        Task::Bench { name, args } => bench::run(name.as_deref(), &args),
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    // Without the backtrace that RUST_BACKTRACE would add: what failed is another program.
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Becomes the demo server, so that Ctrl-C and `kill` reach it and nothing else.
fn demo(args: &[String]) -> anyhow::Result<()> {
    Cmd::new("cargo")
        .args(["run", "--locked", "--profile", "demo", "--package", "gatehouse", "--", "demo"])
        .args(args)
        .exec()
}

/// Installs the peers, then runs all tests, or those that `args` choose.
fn test(args: &[String]) -> anyhow::Result<()> {
    peer::ensure()?;
    let chosen: &[&str] = if args.is_empty() { &["--workspace"] } else { &[] };
    Cmd::new("cargo").args(["test", "--locked"]).args(chosen).args(args).run()
}
