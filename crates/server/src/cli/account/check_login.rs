//! `account check-login`

use clap::{Args, ValueEnum};
use gatehouse_domain::{Ctx, account::change};
use gatehouse_model::Secret;
use serde_json::json;

use super::password;
use crate::cli::{BadUsage, Output};

#[derive(Debug, Args)]
pub(crate) struct CheckLogin {
    /// Login
    login: String,
    /// The door; without it only the password is checked
    #[arg(long)]
    door: Option<Door>,
    /// Read the password from standard input; the proxy door needs none
    #[arg(long)]
    password_stdin: bool,
}

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Door {
    Vpn,
    Subscriber,
    Proxy,
    Ssh,
}

impl CheckLogin {
    /// The password, where one is needed.
    pub(super) fn password(&self) -> anyhow::Result<Option<Secret>> {
        match self.door {
            Some(Door::Proxy) => Ok(None),
            Some(Door::Vpn | Door::Subscriber | Door::Ssh) => {
                Err(BadUsage("this release has the proxy door only".to_owned()).into())
            }
            None if self.password_stdin => password::from_stdin().map(Some),
            None => Err(BadUsage("add --password-stdin, or --door proxy".to_owned()).into()),
        }
    }

    /// Fails with the reason when nobody is let in.
    pub(super) async fn run(self, ctx: &Ctx, password: Option<Secret>, output: Output) -> anyhow::Result<()> {
        let verdict = match password {
            None => change::check_proxy(ctx, &self.login).await?,
            Some(password) => change::verify_password(ctx, &self.login, &password).await?,
        };
        match verdict {
            Ok(_) => Ok(output.show(&json!({ "let_in": true }), |_| "let in".to_owned())?),
            Err(reason) => {
                if output.json {
                    output.show(&json!({ "let_in": false, "reason": reason }), |_| String::new())?;
                }
                anyhow::bail!("refused: {reason}")
            }
        }
    }
}
