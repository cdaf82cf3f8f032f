//! `oa import`

use clap::Args;
use gatehouse_domain::{
    apply::Mode,
    oa::import::{self, Imported, Note},
};
use gatehouse_model::Secret;

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
        let source = source(self.from, &config)?;
        let opened = open::open_configured(config).await?;
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Write };
        let imported = import::import(&opened.ctx, &Secret::new(source), self.timezone.as_deref(), mode).await?;
        output.show(&imported, |imported| text(imported, self.dry_run))?;
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

fn text(report: &Imported, dry_run: bool) -> String {
    let mut lines = vec![
        format!("tokens    {} imported, {} known", report.tokens, report.tokens_known),
        format!(
            "users     {} made, {} queued, {} refused, {} to be deleted, {} known",
            report.made, report.queued, report.refused, report.removing, report.known
        ),
    ];
    let listed =
        |word: &str, rows: &[Note]| -> Vec<String> { rows.iter().map(|row| format!("{word}  {row}")).collect() };
    lines.extend(listed("skipped ", &report.skipped));
    lines.extend(listed("warning ", &report.warnings));
    if report.made > 0 {
        lines.push("imported users have new credentials: their links must be fetched again".to_owned());
    }
    if dry_run {
        lines.push("dry run: nothing was changed".to_owned());
    }
    lines.join("\n")
}
