//! `apply`: brings the installation to the state a file describes (docs/STATE.md)

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use gatehouse_domain::apply::{self, Applied, Change, Item, Mode, Problem, StateFile};
use serde_json::json;

use super::{BadUsage, Global, Output, open};
use crate::config::line_of;

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// State file: TOML, or JSON if its name ends in .json
    file: PathBuf,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Apply {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let state = read(&self.file)?;
        let opened = open::open(global).await?;
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Write };
        match apply::apply(&opened.ctx, &state, mode).await? {
            Applied::Done(items) => {
                output.show(&json!({ "dry_run": self.dry_run, "items": items }), |_| text(&items, self.dry_run))?;
            }
            Applied::Refused(problems) => return Err(refused(&self.file, &problems).into()),
        }
        opened.close().await
    }
}

/// Reads the file and what its `*_file` keys name, relative to its folder.
fn read(path: &Path) -> anyhow::Result<StateFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let parsed = if is_json { parse_json(&text) } else { parse_toml(&text) };
    let mut state = parsed.map_err(|(line, why)| BadUsage(format!("{}:{line}: {why}", path.display())))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let problems =
        state.read_files(|name| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string()));
    if problems.is_empty() { Ok(state) } else { Err(refused(path, &problems).into()) }
}

/// Errors: line and words.
fn parse_toml(text: &str) -> Result<StateFile, (usize, String)> {
    let line = |error: &toml::de::Error| line_of(text, error.span().map_or(0, |span| span.start));
    let document = toml::Deserializer::parse(text).map_err(|error| (line(&error), error.message().to_owned()))?;
    serde_path_to_error::deserialize(document).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        (line(&error), format!("{path}: {}", error.message()))
    })
}

fn parse_json(text: &str) -> Result<StateFile, (usize, String)> {
    let mut document = serde_json::Deserializer::from_str(text);
    let state = serde_path_to_error::deserialize(&mut document);
    let state = state.map_err(|error| (error.inner().line(), format!("{}: {}", error.path(), error.inner())))?;
    document.end().map_err(|error| (error.line(), error.to_string()))?;
    Ok(state)
}

fn refused(path: &Path, problems: &[Problem]) -> BadUsage {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    BadUsage(format!("{} is refused, nothing was changed\n{}", path.display(), lines.join("\n")))
}

/// One line per entry, then a sum.
fn text(items: &[Item], dry_run: bool) -> String {
    let word = |change| match change {
        Change::Created => "created",
        Change::Updated => "updated",
        Change::Removed => "removed",
        Change::Unchanged => "unchanged",
    };
    let mut lines: Vec<_> =
        items.iter().map(|item| format!("{:<9}  {:<10}  {}", word(item.change), item.kind, item.key)).collect();
    let changed = items.iter().filter(|item| item.change != Change::Unchanged).count();
    lines.push(match (dry_run, changed) {
        (_, 0) => format!("nothing to change: all {} entries are as described", items.len()),
        (true, _) => format!("dry run: {changed} of {} entries would change", items.len()),
        (false, _) => format!("{changed} of {} entries changed", items.len()),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_names_line_and_entry() {
        let cases = [
            ("[[node]]\ntype = \"trojan\"\ncode = \"t\"\nprot = 1\n", 4, "prot"),
            ("[[node]]\ntype = \"trojan\"\ncode = \"t\"\nport = \"x\"\n", 4, "node[0].port"),
            ("\n[[node]\n", 2, ""),
        ];
        for (text, line, what) in cases {
            let (at, why) = parse_toml(text).unwrap_err();
            assert!(at == line && why.contains(what), "{at}: {why}");
        }
        let (at, why) = parse_json("{ \"oa\": {\n \"user\": [ { \"nmae\": 1 } ] } }").unwrap_err();
        assert!(at == 2 && why.starts_with("oa.user[0].nmae"), "{at}: {why}");
        assert_eq!(parse_json("{} x").unwrap_err().0, 1);
    }
}
