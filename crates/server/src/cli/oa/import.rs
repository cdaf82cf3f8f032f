//! `oa import`

use anyhow::Context;
use clap::Args;
use gatehouse_domain::oa::import::{self, Report, Skipped};
use gatehouse_store::original;
use jiff::tz::TimeZone;

use crate::{
    cli::{BadUsage, Global, Output, open},
    config::Config,
};

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The original's database, `postgres://…`; without it the one that --oa-config, else ./config.ini, names
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// Zone of the original's times, such as Asia/Shanghai [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let config = global.load_as_original()?;
        let zone = match &self.timezone {
            None => TimeZone::system(),
            Some(name) => TimeZone::get(name).map_err(|error| BadUsage(format!("--timezone {name}: {error}")))?,
        };
        let source = source(self.from, &config)?;
        let original = original::read(&source).await.context("cannot read the original's database")?;
        let opened = open::open_configured(config).await?;
        let report = import::run(&opened.ctx, original, &zone, self.dry_run).await?;
        output.show(&report, |report| text(report, self.dry_run))?;
        opened.close().await
    }
}

fn source(from: Option<String>, config: &Config) -> anyhow::Result<String> {
    match (from, &config.ini, config.files.first()) {
        (Some(url), ..) => Ok(url),
        (None, Some(ini), Some(path)) => Ok(ini.database_url(path)?),
        _ => {
            Err(BadUsage("name the original's database: --oa-config config.ini, or --from postgres://…".to_owned())
                .into())
        }
    }
}

fn text(report: &Report, dry_run: bool) -> String {
    let mut lines = vec![
        format!("tokens    {} imported, {} known", report.tokens_imported, report.tokens_known),
        format!(
            "users     {} made, {} queued, {} refused, {} to be deleted, {} known",
            report.users_made, report.users_queued, report.users_refused, report.users_marked, report.users_known
        ),
    ];
    let listed = |word: &str, rows: &[Skipped]| -> Vec<String> {
        rows.iter().map(|row| format!("{word}  {:?}: {}", row.name, row.reason)).collect()
    };
    lines.extend(listed("skipped ", &report.skipped));
    lines.extend(listed("warning ", &report.warnings));
    if report.users_made > 0 {
        lines.push("imported users have new credentials: their links must be fetched again".to_owned());
    }
    if dry_run {
        lines.push("dry run: nothing was changed".to_owned());
    }
    lines.join("\n")
}
