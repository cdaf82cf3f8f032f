//! `oa token …`, and the original's generateToken, showToken, deleteToken

use clap::{Args, Subcommand};
use gatehouse_domain::{Ctx, Error, oa::token};
use serde_json::json;

use crate::cli::{Global, Output, open, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token; it works at once
    Generate {
        /// Name of the OA system in the audit trail
        #[arg(long, default_value = "oa")]
        label: String,
    },
    /// List tokens, masked
    List {
        /// Show them in clear
        #[arg(long)]
        reveal: bool,
    },
    /// Delete a token; it is refused at once
    Delete {
        /// The token
        token: String,
    },
}

impl Token {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let opened = open::open(global).await?;
        let ctx = &opened.ctx;
        match self {
            Self::Generate { label } => {
                let token = token::generate(ctx, &label).await?;
                output.show(&json!({ "label": label, "token": token.expose() }), |_| token.expose().to_owned())?;
            }
            Self::List { reveal } => {
                let tokens = token::list(ctx, reveal).await?;
                output.table(["label", "token", "made", "last used"], &tokens, |row| {
                    [
                        row.label.clone(),
                        row.token.clone(),
                        output::time(Some(row.created_at)),
                        output::time(row.last_used_at),
                    ]
                })?;
            }
            Self::Delete { token } => {
                token::delete(ctx, &token).await?;
                output.show(&json!({ "deleted": true }), |_| "deleted".to_owned())?;
            }
        }
        opened.close().await
    }
}

/// The original's verb `gt`: its output, byte for byte (specs/oa.md §7).
pub(crate) async fn generate_as_original(global: &Global) -> anyhow::Result<()> {
    let opened = open::open_configured(global.load_as_original()?).await?;
    output::line("正在生成 Token ……")?;
    let token = token::generate(&opened.ctx, "oa").await?;
    output::line(format_args!("新 Token : {}", token.expose()))?;
    output::line("新增 Token 完成!")?;
    opened.close().await
}

/// `st`
pub(crate) async fn show_as_original(global: &Global) -> anyhow::Result<()> {
    let opened = open::open_configured(global.load_as_original()?).await?;
    let tokens = token::list(&opened.ctx, opened.ctx.app.settings().oa.show_tokens).await?;
    if tokens.is_empty() {
        output::line("当前系统内无 Token ，请先生成 Token !")?;
    } else {
        output::line("当前系统内可用 Token 如下：")?;
    }
    for row in tokens {
        output::line(row.token)?;
    }
    opened.close().await
}

#[derive(Debug, Args)]
pub(crate) struct DeleteAsOriginal {
    /// The token
    token: String,
}

impl DeleteAsOriginal {
    /// `dt`; an unknown token is told, and no failure.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let opened = open::open_configured(global.load_as_original()?).await?;
        output::line(delete_as_original(&opened.ctx, &self.token).await?)?;
        opened.close().await
    }
}

async fn delete_as_original(ctx: &Ctx, token: &str) -> anyhow::Result<String> {
    match token::delete(ctx, token).await {
        Ok(()) => Ok(format!("已删除 Token: {token}")),
        Err(Error::NotFound { .. }) => Ok(format!("系统内无此 Token:{token} ，请输入正确的 Token !")),
        Err(error) => Err(error.into()),
    }
}
