//! `account check-login`

use clap::{Args, ValueEnum};
use gatehouse_domain::{
    Ctx,
    account::{change, door},
};
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
            Some(Door::Vpn | Door::Subscriber) => {
                Err(BadUsage("this release has the doors proxy and ssh only".to_owned()).into())
            }
            Some(Door::Ssh) | None if self.password_stdin => password::from_stdin().map(Some),
            Some(Door::Ssh) => Err(BadUsage("add --password-stdin".to_owned()).into()),
            None => Err(BadUsage("add --password-stdin, or --door proxy".to_owned()).into()),
        }
    }

    /// Fails with the reason when nobody is let in.
    pub(super) async fn run(self, ctx: &Ctx, password: Option<Secret>, output: Output) -> anyhow::Result<()> {
        let verdict = match (password, self.door) {
            (None, _) => change::check_proxy(ctx, &self.login).await?.map(|_| None),
            (Some(password), Some(Door::Ssh)) => {
                door::check_ssh(ctx, &self.login, &password).await?.map(|entry| Some(entry.needs_code))
            }
            (Some(password), _) => change::verify_password(ctx, &self.login, &password).await?.map(|_| None),
        };
        match verdict {
            Ok(None) => Ok(output.show(&json!({ "let_in": true }), |_| "let in".to_owned())?),
            Ok(Some(needs_code)) => {
                let text = if needs_code { "let in, after a code of the second factor" } else { "let in" };
                Ok(output.show(&json!({ "let_in": true, "needs_code": needs_code }), |_| text.to_owned())?)
            }
            Err(reason) => {
                if output.json {
                    output.show(&json!({ "let_in": false, "reason": reason }), |_| String::new())?;
                }
                anyhow::bail!("refused: {reason}")
            }
        }
    }
}
