//! `oa …`: what operators do for the surface of the OA systems

mod import;
mod node;
pub(crate) mod token;
mod user;

use clap::Subcommand;

use super::{Global, Output};

#[derive(Debug, Subcommand)]
pub(crate) enum Oa {
    /// Tokens of the OA systems
    #[command(subcommand)]
    Token(token::Token),
    /// Users the OA systems asked for
    #[command(subcommand)]
    User(user::User),
    /// Nodes the surface lists
    #[command(subcommand)]
    Node(node::Node),
    /// Take over the tokens and users of an original django-sspanel-api database
    Import(import::Import),
}

impl Oa {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Token(command) => command.run(global, output).await,
            Self::User(command) => command.run(global, output).await,
            Self::Node(command) => command.run(global, output).await,
            Self::Import(command) => Box::pin(command.run(global, output)).await,
        }
    }
}
