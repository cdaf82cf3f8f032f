//! `vpn …`: the secret of the WebApi

use clap::Subcommand;
use gatehouse_domain::vpn::secret;
use serde_json::json;

use super::{Global, Output, open};

#[derive(Debug, Subcommand)]
pub(crate) enum Vpn {
    /// The secret that callers of the WebApi sign with
    #[command(subcommand)]
    Secret(Secret),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Show it
    Show,
    /// Replace it; calls signed with the old one are refused at once
    Rotate,
}

impl Vpn {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let opened = open::open(global).await?;
        let secret = match self {
            Self::Secret(Secret::Show) => secret::show(&opened.ctx).await?,
            Self::Secret(Secret::Rotate) => secret::rotate(&opened.ctx).await?,
        };
        output.show(&json!({ "secret": secret.expose() }), |_| secret.expose().to_owned())?;
        opened.close().await
    }
}
