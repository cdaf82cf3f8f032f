//! `keys …`: the keys under which secrets are sealed

use clap::Subcommand;
use gatehouse_domain::{keys, keys::Rotation};
use serde_json::json;

use super::{Global, Output, database::progress_bar, open};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List the keys of the ring, the current one last
    List,
    /// Add a key and seal every secret anew under it, while servers run; keep a copy of the new ring file
    Rotate,
    /// Open every sealed value and name those that do not open
    Check,
}

impl Keys {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let opened = open::open(global).await?;
        let ctx = &opened.ctx;
        let mut unreadable = Vec::new();
        match self {
            Self::List => {
                let ids = ctx.app.keys().ids();
                output.show(&ids, |ids| ids.join("\n"))?;
            }
            Self::Rotate => {
                let bar = progress_bar();
                bar.set_message("sealing anew");
                let rotation = keys::rotate(ctx, &mut |seen| bar.set_position(seen)).await;
                bar.finish_and_clear();
                let rotation = rotation?;
                output.show(&rotation, told)?;
                unreadable = rotation.unreadable;
            }
            Self::Check => {
                let (count, found) = keys::check(ctx).await?;
                output.show(&json!({ "sealed": count, "unreadable": found }), |_| {
                    format!("{count} sealed values, {} do not open", found.len())
                })?;
                unreadable = found;
            }
        }
        opened.close().await?;
        if unreadable.is_empty() {
            return Ok(());
        }
        anyhow::bail!(
            "these sealed values open under no key of the ring; bring back the ring file they were sealed with: {}",
            unreadable.join(", ")
        )
    }
}

fn told(rotation: &Rotation) -> String {
    let mut text = format!("key {} is current, {} values are sealed anew under it", rotation.key, rotation.sealed);
    for (key, found) in &rotation.kept {
        text.push_str(&format!(
            "\nkeep key {key} in the file: {found} tokens, sessions or recovery codes are known by it until they are replaced"
        ));
    }
    text.push_str("\nkeep a copy of the ring file apart from the database");
    text
}
