//! `account …`: people and machines, their passes, passwords and roles

mod check_login;
mod key;
mod password;
mod show;

use clap::{Args, Subcommand};
use gatehouse_domain::{
    Ctx,
    account::{self, NewAccount, change, pass, view},
};
use gatehouse_model::{Login, PassKind};
use serde_json::json;

use super::{BadUsage, Global, Output, open};

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Make an account
    Add(Add),
    /// Show an account with its passes, roles and traffic
    Show {
        /// Login
        login: String,
    },
    /// List all accounts
    List,
    /// Change name, e-mail or phone; an empty text clears the field
    Edit(Edit),
    /// Set a password; all sessions of the account end
    Passwd {
        /// Login
        login: String,
        #[command(flatten)]
        password: password::Source,
    },
    /// Let an account in again
    Enable {
        /// Login
        login: String,
    },
    /// Put an account out: every door and session closes at once
    Disable {
        /// Login
        login: String,
        /// Reason, shown to staff
        #[arg(long)]
        why: Option<String>,
    },
    /// Forget the failed logins counted against an account
    Unlock {
        /// Login
        login: String,
    },
    /// Delete an account with all its passes; its login is free again
    Delete {
        /// Login
        login: String,
    },
    /// Give a pass (vpn, proxy, staff, subscriber) or a role
    Grant(GrantIn),
    /// Take a pass or a role; the account goes with its last pass
    Revoke(Grant),
    /// List the SSH keys of an account
    Keys {
        /// Login
        login: String,
    },
    /// Register an SSH public key, as `ssh-keygen` writes it, for the ssh door
    AddKey(key::AddKey),
    /// Take an SSH public key away; who is logged in with it stays so
    DeleteKey(key::DeleteKey),
    /// Ask whether a door would let somebody in: exit code 0 yes, 1 no
    CheckLogin(check_login::CheckLogin),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Login: 1 to 150 characters
    login: String,
    /// Display name
    #[arg(long)]
    name: Option<String>,
    /// E-mail address
    #[arg(long)]
    email: Option<String>,
    /// Phone number
    #[arg(long)]
    phone: Option<String>,
    /// Passes it gets at once; may be repeated
    #[arg(long = "pass", value_name = "PASS", value_parser = parse_pass)]
    passes: Vec<PassKind>,
    /// Read a password from standard input; without it the account has none
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// Login
    login: String,
    /// Display name
    #[arg(long)]
    name: Option<String>,
    /// E-mail address
    #[arg(long)]
    email: Option<String>,
    /// Phone number
    #[arg(long)]
    phone: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// Login
    login: String,
    /// `vpn`, `proxy`, `staff`, `subscriber`, or `role`
    what: String,
    /// With `role`: the role's code
    code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GrantIn {
    #[command(flatten)]
    grant: Grant,
    /// With `vpn`: path of the VPN group, the default group unless named
    #[arg(long, value_name = "PATH")]
    group: Option<String>,
}

impl Account {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        // Passwords are asked for before anything is opened: a typing mistake then costs nothing.
        let password = match &self {
            Self::Add(add) if add.password_stdin => Some(password::from_stdin()?),
            Self::Passwd { password, .. } => Some(password.read()?),
            Self::CheckLogin(check) => check.password()?,
            _ => None,
        };
        let opened = open::open(global).await?;
        let ctx = &opened.ctx;
        let done = match self {
            Self::Add(add) => add.run(ctx, password).await?,
            Self::Show { login } => {
                output.show(&view::show(ctx, &login).await?, show::details)?;
                return opened.close().await;
            }
            Self::List => {
                show::list(ctx, output).await?;
                return opened.close().await;
            }
            Self::Keys { login } => {
                key::list(ctx, &login, output).await?;
                return opened.close().await;
            }
            Self::AddKey(add) => add.run(ctx).await.map(|()| "registered")?,
            Self::DeleteKey(delete) => delete.run(ctx).await.map(|()| "deleted")?,
            Self::CheckLogin(check) => {
                check.run(ctx, password, output).await?;
                return opened.close().await;
            }
            Self::Edit(edit) => {
                let profile = change::Profile { name: edit.name, email: edit.email, phone: edit.phone };
                change::edit(ctx, &edit.login, &profile).await.map(|()| "changed")?
            }
            Self::Passwd { login, .. } => {
                let password = password.ok_or_else(|| BadUsage("no password was given".to_owned()))?;
                change::set_password(ctx, &login, &password).await.map(|()| "password set, other sessions ended")?
            }
            Self::Enable { login } => change::set_enabled(ctx, &login, true, None).await.map(|()| "enabled")?,
            Self::Disable { login, why } => {
                change::set_enabled(ctx, &login, false, why.as_deref()).await.map(|()| "disabled")?
            }
            Self::Unlock { login } => change::unlock(ctx, &login).await.map(|()| "unlocked")?,
            Self::Delete { login } => change::delete(ctx, &login).await.map(|()| "deleted")?,
            Self::Grant(GrantIn { grant, group }) => match (grant.thing()?, group) {
                (Thing::Pass(PassKind::Vpn), Some(path)) => {
                    pass::grant_vpn(ctx, &grant.login, &path).await.map(|()| "granted")?
                }
                (_, Some(_)) => return Err(BadUsage("only `vpn` takes --group".to_owned()).into()),
                (Thing::Pass(kind), None) => pass::grant(ctx, &grant.login, kind).await.map(|()| "granted")?,
                (Thing::Role(code), None) => pass::grant_role(ctx, &grant.login, &code).await.map(|()| "granted")?,
            },
            Self::Revoke(revoke) => match revoke.thing()? {
                Thing::Pass(kind) => pass::revoke(ctx, &revoke.login, kind).await.map(|()| "revoked")?,
                Thing::Role(code) => pass::revoke_role(ctx, &revoke.login, &code).await.map(|()| "revoked")?,
            },
        };
        output.show(&json!({ "result": done }), |_| done.to_owned())?;
        opened.close().await
    }
}

impl Add {
    async fn run(self, ctx: &Ctx, password: Option<gatehouse_model::Secret>) -> anyhow::Result<&'static str> {
        let login = Login::new(&self.login).map_err(|error| BadUsage(error.to_string()))?;
        let new = NewAccount { login, name: self.name, email: self.email, phone: self.phone, password };
        account::create(ctx, &new).await?;
        for kind in self.passes {
            pass::grant(ctx, &self.login, kind).await?;
        }
        Ok("made")
    }
}

/// What is granted or revoked.
enum Thing {
    Pass(PassKind),
    Role(String),
}

impl Grant {
    fn thing(&self) -> Result<Thing, BadUsage> {
        match (self.what.as_str(), &self.code) {
            ("role", Some(code)) => Ok(Thing::Role(code.clone())),
            ("role", None) => Err(BadUsage("name the role: `account grant LOGIN role CODE`".to_owned())),
            (what, None) => parse_pass(what).map(Thing::Pass).map_err(BadUsage),
            (what, Some(_)) => Err(BadUsage(format!("`{what}` takes no code; only `role` does"))),
        }
    }
}

fn parse_pass(text: &str) -> Result<PassKind, String> {
    let known = || PassKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
    PassKind::parse(text).ok_or_else(|| format!("`{text}` is no pass; known are {}", known()))
}
