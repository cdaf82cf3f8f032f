//! `check-config`

use clap::Args;
use serde_json::json;

use super::{BadUsage, Global, Output, output};
use crate::config::EXAMPLE;

#[derive(Debug, Args)]
pub(crate) struct CheckConfig {
    /// Print the commented configuration file that documents every key, and check nothing
    #[arg(long)]
    example: bool,
}

impl CheckConfig {
    pub(crate) fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        if self.example {
            return Ok(output::line(EXAMPLE.trim_end())?);
        }
        let config = global.load()?;
        if let Some(refusal) = config.serving_refusal() {
            return Err(BadUsage(refusal).into());
        }
        let warnings = config.warnings();
        for warning in &warnings {
            output::note(format_args!("warning: {warning}"))?;
        }
        let result = json!({ "ok": true, "warnings": warnings, "files": config.files, "data_dir": config.data_dir });
        let text = |_: &_| {
            let files: Vec<_> = config.files.iter().map(|path| path.display().to_string()).collect();
            let from = if files.is_empty() { "defaults and environment".to_owned() } else { files.join(", ") };
            format!("configuration is valid ({from}); data directory {}", config.data_dir.display())
        };
        Ok(output.show(&result, text)?)
    }
}
