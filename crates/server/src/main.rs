//! The one binary: configuration, command line, listeners, signals. What the product does lives in `gatehouse-domain`.

mod cli;
mod config;
mod serve;

use std::process::ExitCode;

/// Returns freed memory sooner than the system's allocator, which matters with tens of thousands of connections.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
