//! `migrate` and `copy-database`

use std::{collections::BTreeMap, io::IsTerminal};

use anyhow::Context;
use clap::Args;
use gatehouse_store::{Db, OpenOptions, copy::copy_database};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::{Global, Output, open};

/// Applies pending migrations and says which.
pub(crate) async fn migrate(global: &Global, output: Output) -> anyhow::Result<()> {
    let config = global.load()?;
    let before = open::pending(&config).await?;
    open::open_configured(config).await?.close().await?;
    let text = |_: &_| match before.as_slice() {
        [] => "the schema is up to date".to_owned(),
        names => format!("applied {}", names.join(", ")),
    };
    Ok(output.show(&json!({ "applied": before }), text)?)
}

#[derive(Debug, Args)]
pub(crate) struct CopyDatabase {
    /// Source, which is only read: `sqlite:///path` or `postgres://user:password@host/name`
    #[arg(long, value_name = "URL")]
    from: String,
    /// Target: an empty database
    #[arg(long, value_name = "URL")]
    to: String,
}

impl CopyDatabase {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        let options = OpenOptions::default();
        let from = Db::open(&self.from, &options).await.context("cannot open the source (--from)")?;
        let to = Db::open(&self.to, &options).await.context("cannot open the target (--to)")?;
        to.migrate().await.context("cannot make the tables of the target")?;
        let bar = progress_bar();
        let mut progress = |table: &str, rows: u64| {
            bar.set_message(table.to_owned());
            bar.set_position(rows);
        };
        let report = copy_database(&from, &to, &mut progress).await;
        bar.finish_and_clear();
        let tables = report.context("the target was left as it was")?.tables;
        from.close().await;
        to.close().await;
        if output.json {
            return Ok(
                output.show(&json!({ "tables": tables.into_iter().collect::<BTreeMap<_, _>>() }), |_| String::new())?
            );
        }
        output.table(["table", "rows"], &tables, |(table, rows)| [table.clone(), rows.to_string()])?;
        Ok(output.say("copied; point database.url at the target, and take the key ring file along")?)
    }
}

/// A bar on a terminal, nothing elsewhere.
pub(crate) fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    // The template is a literal that a test of the library itself would accept; a bad one only costs the looks.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {human_pos} rows") {
        bar.set_style(style);
    }
    bar
}
