//! `account check-login`

use std::{net::Ipv4Addr, sync::Arc};

use clap::{Args, ValueEnum};
use gatehouse_domain::{
    Ctx,
    account::{change, door},
    radius::{
        grant::Decision,
        nas::{Nas, NasSettings},
    },
    vpn::check::{self, Checked},
};
use gatehouse_model::{NasId, PassKind, Secret};
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
    /// For the doors vpn and subscriber: the NAS entry through which the person comes
    #[arg(long, value_name = "NAME")]
    nas: Option<String>,
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
            Some(Door::Vpn | Door::Subscriber | Door::Ssh) | None if self.password_stdin => {
                password::from_stdin().map(Some)
            }
            Some(Door::Vpn | Door::Subscriber | Door::Ssh) => Err(BadUsage("add --password-stdin".to_owned()).into()),
            None => Err(BadUsage("add --password-stdin, or --door proxy".to_owned()).into()),
        }
    }

    /// Fails with the reason when nobody is let in.
    pub(super) async fn run(self, ctx: &Ctx, password: Option<Secret>, output: Output) -> anyhow::Result<()> {
        let pass = match self.door {
            Some(Door::Vpn) => Some(PassKind::Vpn),
            Some(Door::Subscriber) => Some(PassKind::Subscriber),
            Some(Door::Proxy | Door::Ssh) | None => None,
        };
        if let (Some(password), Some(pass)) = (&password, pass) {
            let checked = check::check(ctx, pass, &self.login, password, self.nas.as_deref()).await?;
            return show_radius(&checked, output);
        }
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

/// Shows the decision of the radius door with what the NAS would be sent.
fn show_radius(checked: &Checked, output: Output) -> anyhow::Result<()> {
    let nas = checked.nas.clone().unwrap_or_else(any_nas);
    let attributes = gatehouse_radius::preview(&nas, &checked.verdict.decision);
    let listed: Vec<_> = attributes.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    match &checked.verdict.decision {
        Decision::Accept(_) => {
            let lines: String = attributes.iter().map(|(name, value)| format!("\n  {name} = {value}")).collect();
            Ok(output.show(&json!({ "let_in": true, "attributes": listed }), |_| format!("let in{lines}"))?)
        }
        Decision::Reject(reject) => {
            let reason = reject.reason;
            if output.json {
                output.show(&json!({ "let_in": false, "reason": reason, "attributes": listed }), |_| String::new())?;
            }
            let detail = checked.verdict.detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
            anyhow::bail!("refused: {reason}{detail}")
        }
    }
}

/// An entry with the defaults, where none is named.
fn any_nas() -> Arc<Nas> {
    Arc::new(Nas {
        id: NasId(0),
        name: "any".to_owned(),
        network: std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED).into(),
        secret: Secret::new("any"),
        coa_secret: Secret::new("any"),
        settings: NasSettings::default(),
    })
}
