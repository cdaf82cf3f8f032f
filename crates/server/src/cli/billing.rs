//! `billing …`: does the ledger add up; payments and subscribers from files

use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};
use gatehouse_domain::{
    apply::Mode,
    billing::import::{self, Report},
    ledger::check,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::{Global, Output, open, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Billing {
    /// Add up every entry, wallet and statement, and name what does not agree; reads all of them
    Check,
    /// Take in a file of comma- or semicolon-separated values
    #[command(subcommand)]
    Import(Import),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Payments. Columns: reference, uid or login, amount; category (1 cash, 2 bonus), time, comment
    Payments(File),
    /// Subscribers. Columns: login; password, uid, group, `full_name`, contract, `contract_date`, comment, `limit_balance`,
    /// `block_if_limit`, discount, balance, and extra fields by their names
    Subscribers(File),
}

#[derive(Debug, Args)]
pub(crate) struct File {
    /// The file, `-` for standard input; the first line names the columns
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Say what would be done and what is wrong, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl File {
    fn text(&self) -> anyhow::Result<String> {
        let name = self.file.display();
        if self.file == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input is not readable as UTF-8")?;
            return Ok(text);
        }
        std::fs::read_to_string(&self.file).with_context(|| format!("{name} is not readable as UTF-8"))
    }

    const fn mode(&self) -> Mode {
        if self.dry_run { Mode::DryRun } else { Mode::Write }
    }
}

impl Billing {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Check => look(global, output).await,
            Self::Import(command) => command.run(global, output).await,
        }
    }
}

/// Exit code 1 when something does not add up.
async fn look(global: &Global, output: Output) -> anyhow::Result<()> {
    let opened = open::open(global).await?;
    let found = check::check(&mut opened.ctx.read()).await?;
    opened.close().await?;
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    output.show(&json!({ "mismatches": told }), |_| {
        if told.is_empty() { "every entry, wallet and statement adds up".to_owned() } else { told.join("\n") }
    })?;
    anyhow::ensure!(found.is_empty(), "the ledger does not add up: compare it with a backup");
    Ok(())
}

impl Import {
    /// Exit code 1 when a line is wrong.
    async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let (Self::Payments(file) | Self::Subscribers(file)) = &self;
        let text = file.text()?;
        let opened = open::open(global).await?;
        let bar = bar();
        let mut progress = |done: u64, all: u64| {
            bar.set_length(all);
            bar.set_position(done);
        };
        let report = match &self {
            Self::Payments(file) => import::payments(&opened.ctx, &text, file.mode(), &mut progress).await,
            Self::Subscribers(file) => import::subscribers(&opened.ctx, &text, file.mode(), &mut progress).await,
        };
        bar.finish_and_clear();
        opened.close().await?;
        let report = report?;
        output.show(&report, |report| told(report, file.dry_run))?;
        for bad in report.bad.iter().filter(|_| !output.json) {
            output::note(bad)?;
        }
        anyhow::ensure!(
            report.bad.is_empty(),
            "{} lines are wrong: correct them and give the file again",
            report.bad.len()
        );
        Ok(())
    }
}

fn told(report: &Report, dry_run: bool) -> String {
    let verb = if dry_run { "would be taken in" } else { "taken in" };
    format!(
        "{} lines: {} {verb}, {} known, {} wrong{}",
        report.lines,
        report.written,
        report.known,
        report.bad.len(),
        if dry_run { "\ndry run: nothing was changed" } else { "" }
    )
}

/// A bar on a terminal, nothing elsewhere.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} lines, {eta} left") {
        bar.set_style(style);
    }
    bar
}
