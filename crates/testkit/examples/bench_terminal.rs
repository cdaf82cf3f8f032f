//! Terminals beside raw `ssh` and `webssh`, by one client and on one machine (specs/bastion.md §15.1).
//!
//! The target is a throw-away OpenSSH server on loopback. Rounds are interleaved; figures are medians of the ratios inside a
//! round, absolute ones are printed for the record only. `GATEHOUSE_BIN` names the server, a release build; `WEBSSH` the
//! `wssh` of a virtual environment with webssh 1.6.3, or nothing to leave it out. Arguments: rounds, MiB (5, 64).

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures, and stops where something is odd"
)]

#[path = "bench_terminal/measure.rs"]
mod measure;
#[path = "bench_terminal/server.rs"]
mod server;
#[path = "bench_terminal/term.rs"]
mod term;

use anyhow::{Context, Result};

use measure::{Figures, median};
use server::World;
use term::Kind;

#[tokio::main]
async fn main() -> Result<()> {
    // Fails only if somebody was faster.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (rounds, mib) = (number(5)?, number(64)?);
    let world = World::start(mib).await?;
    println!("client's own ceiling: {:.0} MiB/s in frames of 32 KiB", measure::ceiling().await?);
    let mut kinds = Vec::new();
    for kind in [Kind::Ssh, Kind::Compat, Kind::V2, Kind::Door, Kind::Webssh] {
        match world.open(kind).await {
            Ok(term) => {
                drop(term);
                kinds.push(kind);
            }
            Err(error) => println!("{kind:?} is left out: {error:#}"),
        }
    }
    let mut table: Vec<Vec<Figures>> = kinds.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (kind, column) in kinds.iter().zip(&mut table) {
            let figures = measure::all(&world, *kind).await.with_context(|| format!("{kind:?}, round {round}"))?;
            println!("round {round} {kind:?}: {figures}");
            column.push(figures);
        }
    }
    let (base, _) = table.split_first().context("raw ssh cannot be measured")?;
    println!("\nmedians, in brackets the median of the ratios to raw ssh of the same round");
    for (kind, column) in kinds.iter().zip(&table) {
        println!("{kind:?}");
        for (index, name) in Figures::NAMES.iter().enumerate() {
            let value = |figures: &Figures| figures.values().get(index).copied().unwrap_or(f64::NAN);
            let ratios: Vec<f64> = column.iter().zip(base).map(|(ours, ssh)| value(ours) / value(ssh)).collect();
            let absolute = median(&column.iter().map(value).collect::<Vec<_>>());
            println!("  {name:34} {absolute:10.3} ({:.2})", median(&ratios));
        }
    }
    for kind in kinds.into_iter().filter(|kind| matches!(kind, Kind::Compat | Kind::V2)) {
        println!("{kind:?}: {}", measure::memory(mib, kind).await?);
    }
    Ok(())
}
