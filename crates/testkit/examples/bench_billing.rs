//! Billing: renewals of 100,000 due services beside a bare loop of the same statements, `u_main` beside a constant answer.
//!
//! `renew` or `view` as argument does one part; a number is how many services or subscribers. Nothing but this program and its database runs: SQLite with
//! `synchronous = FULL`, PostgreSQL without `fsync`, as tests have it. Ours and the bare loop renew the same number in turn, each
//! in a database of its own that was filled alike.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench prints its figures, and stops where something is odd"
)]

#[path = "bench_billing/renew.rs"]
mod renew;
#[path = "bench_billing/view.rs"]
mod view;

use anyhow::{Result, ensure};

const SERVICES: i64 = 100_000;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (numbers, words): (Vec<_>, Vec<_>) =
        args.iter().partition(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let parts = ["renew", "view"];
    ensure!(
        words.len() <= 1 && numbers.len() <= 1 && words.iter().all(|word| parts.contains(&word.as_str())),
        "usage: cargo xtask bench billing [{}] [SERVICES]",
        parts.join("|")
    );
    let does = |part: &str| words.first().is_none_or(|word| *word == part);
    let services = numbers.first().map_or(Ok(SERVICES), |text| text.parse())?;
    if does("renew") {
        renew::run(services).await?;
    }
    if does("view") {
        view::run(services).await?;
    }
    Ok(())
}

/// The one in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
