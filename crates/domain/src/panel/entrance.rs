//! Links that log in once (specs/panel.md §2.1 token2Login, getQuickLoginUrl, loginWithMailLink).

use std::time::Duration;

use gatehouse_model::{AccountId, email_key};
use gatehouse_store::{
    Tx, account as accounts,
    one_time::{self as rows, NewOneTime},
    proxy_pass, second_factor,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Who,
    code::{SENDER, find_by_mail},
    limit::{self, Limit},
    login::enter,
    refusal::{Outcome, Refusal},
    session::Opened,
    subscription,
};
use crate::{
    App, Ctx, Result,
    mail::{self, Template},
};

const PURPOSE: &str = "panel.login";
const WRONG: Refusal = Refusal::rule("Token error");
/// From a page to the next one.
const QUICK: Duration = Duration::from_mins(1);
/// By mail.
const MAILED: Duration = Duration::from_mins(5);
/// One link for an address.
const RESEND: Limit = Limit { scope: "panel.link.resend", most: 1, window: Duration::from_mins(1) };

/// Logs in by a token; it works once.
///
/// Errors: the rules "Token error" for one that is unknown, old, used or of a banned account, "User not found".
pub async fn enter_by(ctx: &Ctx, token: &str, user_agent: Option<&str>) -> Outcome<Opened> {
    let mut found = None;
    for hash in ctx.app.keys().hashes(PURPOSE, token) {
        found = found.or(rows::find(&mut ctx.read(), PURPOSE, &hash, ctx.now()).await?);
    }
    let row = found.ok_or(WRONG)?;
    let id = row.account_id.ok_or(WRONG)?;
    let mut tx = ctx.begin().await?;
    if rows::delete(&mut tx, row.id).await? == 0 {
        return Err(WRONG.into());
    }
    let account = accounts::find(&mut tx, id).await?.ok_or(Refusal::rule("User not found"))?;
    if !proxy_pass::is_enabled(&mut tx, id).await?.unwrap_or(account.is_enabled) {
        return Err(WRONG.into());
    }
    let has_factor = second_factor::find(&mut tx, id).await?.is_some_and(|factor| factor.confirmed_at.is_some());
    let opened = enter(ctx, &mut tx, &account, (has_factor, false), user_agent).await?;
    let opened = opened.ok_or(Refusal::rule("User not found"))?;
    tx.commit().await?;
    Ok(opened)
}

/// A link that logs the caller in on another page within a minute.
pub async fn quick_link(who: &Who, redirect: Option<&str>) -> Outcome<String> {
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    let token = insert(ctx, &mut tx, who.account, QUICK).await?;
    tx.commit().await?;
    Ok(link(&ctx.app, &token, redirect))
}

/// Mails a link that logs in, if the address is somebody's. Nobody learns whether it is.
///
/// Errors: 404 where the setting is off; "Sending frequently, please try again later" once a minute for each address; `RateLimited` per
/// address of the network.
pub async fn mail_link(ctx: &Ctx, email: &str, redirect: Option<&str>) -> Outcome<()> {
    if !ctx.app.live().panel().login_with_mail_link_enable {
        return Err(Refusal::missing("Not Found").into());
    }
    limit::take_address(ctx, SENDER).await?;
    let key = email_key(email.trim());
    let mut tx = ctx.begin().await?;
    let is_allowed = limit::take(ctx, &mut tx, RESEND, &key).await?;
    if is_allowed
        && mail::is_configured(&ctx.app)
        && let Some(account) = find_by_mail(ctx, &mut tx, &key).await?
        && proxy_pass::is_enabled(&mut tx, account.id).await? == Some(true)
        && let Some(email) = &account.email
    {
        let token = insert(ctx, &mut tx, account.id, MAILED).await?;
        let link = link(&ctx.app, &token, redirect);
        mail::queue(ctx, &mut tx, email, Template::MailLogin, &[("link", &link)], MAILED).await?;
    }
    tx.commit().await?;
    if is_allowed { Ok(()) } else { Err(Refusal::often("Sending frequently, please try again later").into()) }
}

async fn insert(ctx: &Ctx, tx: &mut Tx, account: AccountId, life: Duration) -> Result<String> {
    let token = hex::encode(ctx.app.random().bytes::<16>());
    let new = NewOneTime {
        purpose: PURPOSE,
        secret_hash: &ctx.app.keys().hash(PURPOSE, &token),
        account_id: Some(account),
        subject: None,
        payload: None,
        expires_at: ctx.now().plus(life),
    };
    rows::insert(tx, &new).await?;
    Ok(token)
}

/// The page that takes a token: `{base}/#/login?verify=…&redirect=…`.
pub fn link(app: &App, token: &str, redirect: Option<&str>) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let redirect = encode(route(redirect));
    format!("{}/#/login?verify={}&redirect={redirect}", subscription::base(app), encode(token))
}

/// A route of the page; anything that could lead elsewhere is `dashboard` (specs/panel.md §1.7).
pub fn route(redirect: Option<&str>) -> &str {
    let is_route = |text: &&str| {
        let is_clean = !text.is_empty() && text.len() <= 512 && !text.starts_with('/');
        is_clean && !text.contains("//") && !text.contains([':', '\\']) && !text.chars().any(char::is_control)
    };
    redirect.map(str::trim).filter(is_route).unwrap_or("dashboard")
}

#[cfg(test)]
mod tests {
    use super::route;

    #[test]
    fn routes_lead_nowhere_else() {
        assert_eq!(route(Some("order/20260101")), "order/20260101");
        assert_eq!(route(Some("plan?id=1")), "plan?id=1");
        for text in ["https://example.com", "//example.com", "/x", "\\x", "javascript:alert(1)", "a\nb", "a//b", ""] {
            assert_eq!(route(Some(text)), "dashboard", "{text}");
        }
        assert_eq!(route(None), "dashboard");
    }
}
