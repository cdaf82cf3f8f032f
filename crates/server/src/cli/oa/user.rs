//! `oa user …`

use clap::Subcommand;
use gatehouse_domain::oa::user::{self, OaUserView};
use gatehouse_model::OaUserId;
use serde_json::json;

use crate::cli::{Global, Output, open, output};

/// Rows read from the database at a time.
const PAGE: i64 = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// List users with their state, reason and next attempt
    List,
    /// Show one user
    Show {
        /// Exact name
        username: String,
    },
    /// Try a refused creation or a failed deletion again now
    Retry {
        /// Exact name
        username: String,
    },
    /// Take a request of deletion back
    Restore {
        /// Exact name
        username: String,
    },
    /// Let the surface see an account made elsewhere; it must hold a proxy pass
    Adopt {
        /// Login of the account
        login: String,
    },
}

impl User {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let opened = open::open(global).await?;
        let ctx = &opened.ctx;
        let done = match self {
            Self::List => {
                let mut users = Vec::new();
                let mut next = Some(OaUserId(0));
                while let Some(after) = next {
                    let page;
                    (page, next) = user::list(ctx, after, PAGE).await?;
                    users.extend(page);
                }
                output.table(
                    ["username", "state", "code", "reason", "attempts", "next attempt", "last error"],
                    &users,
                    row,
                )?;
                return opened.close().await;
            }
            Self::Show { username } => {
                output.show(&user::show(ctx, &username).await?, details)?;
                return opened.close().await;
            }
            Self::Retry { username } => user::retry(ctx, &username).await.map(|()| "queued")?,
            Self::Restore { username } => user::restore(ctx, &username).await.map(|()| "restored")?,
            Self::Adopt { login } => user::adopt(ctx, &login).await.map(|()| "adopted")?,
        };
        output.show(&json!({ "result": done }), |_| done.to_owned())?;
        opened.close().await
    }
}

fn row(user: &OaUserView) -> [String; 7] {
    [
        user.username.clone(),
        user.state.clone(),
        user.code.to_string(),
        user.reason.clone().unwrap_or_default(),
        user.attempts.map(|attempts| attempts.to_string()).unwrap_or_default(),
        output::time(user.next_attempt_at),
        user.last_error.clone().unwrap_or_default(),
    ]
}

fn details(user: &OaUserView) -> String {
    output::details(&[
        ("username", user.username.clone()),
        ("state", format!("{}/{}", user.state, user.code)),
        ("back end", user.backend.clone()),
        ("e-mail", user.email.clone()),
        ("account", user.account_id.map(|id| id.to_string()).unwrap_or_default()),
        ("reason", user.reason.clone().unwrap_or_default()),
        ("submitted", output::time(Some(user.created_at))),
        ("deletion requested", output::time(user.requested_at)),
        ("attempts", user.attempts.map(|attempts| attempts.to_string()).unwrap_or_default()),
        ("next attempt", output::time(user.next_attempt_at)),
        ("last error", user.last_error.clone().unwrap_or_default()),
    ])
}
