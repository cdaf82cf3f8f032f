//! Making an account at the panel (specs/panel.md §2.1 register).

use std::time::Duration;

use gatehouse_model::{AccountId, Login, Millis, PlanId, Secret, email_key};
use gatehouse_store::{Tx, account as accounts, panel_invite as invites, panel_invite::InviteCodeRow, proxy_pass};

use super::{
    captcha::{self, Given},
    code::{self, Checked, Purpose},
    limit::{self, Limit},
    login::enter,
    pass::Pass,
    plan,
    refusal::{Failure, Outcome, Refusal},
    session::Opened,
    site,
};
use crate::{
    Ctx, Error, Result,
    account::{
        self, NewAccount,
        pass::{ProxyPass, insert_proxy},
    },
};

const TAKEN: Refusal = Refusal::rule("Email already exists");
const WRONG_CODE: Refusal = Refusal::rule("Incorrect email verification code");
const NO_CODE: Refusal = Refusal::input("email_code", "Email verification code cannot be empty");
const NO_INVITATION: Refusal = Refusal::input("invite_code", "You must use the invitation code to register");
const WRONG_INVITATION: Refusal = Refusal::rule("Invalid invitation code");

/// Who registers.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Address in its strict form.
    pub email: String,
    /// 8 to 128 characters.
    pub password: Secret,
    /// Of somebody who invited him.
    pub invite_code: Option<String>,
    /// That was mailed to him.
    pub email_code: Option<String>,
    /// What shows that he is a person.
    pub captcha: Given,
}

/// Makes an account with a proxy pass and logs it in; all in one transaction.
///
/// Errors: the rows of the table in specs/panel.md §2.1, in its order.
pub async fn register(ctx: &Ctx, new: &Registration, user_agent: Option<&str>) -> Outcome<Opened> {
    let settings = ctx.app.live().panel();
    let email = new.email.trim().to_lowercase();
    let (by_address, address) = (per_address(ctx), limit::address(ctx));
    if let (Some(limit), Some(address)) = (by_address, &address)
        && limit::is_used_up(ctx, limit, address).await?
    {
        return Err(too_many(limit));
    }
    captcha::check(ctx, &new.captcha).await?;
    if !site::is_welcome(ctx, &email) {
        return Err(Refusal::rule("Email suffix is not in the Whitelist").into());
    }
    if settings.email_gmail_limit_enable && site::is_alias(&email) {
        return Err(Refusal::rule("Gmail alias is not supported").into());
    }
    if settings.stop_register {
        return Err(Refusal::rule("Registration has closed").into());
    }
    if settings.invite_force && new.invite_code.is_none() {
        return Err(NO_INVITATION.into());
    }
    let code = if settings.email_verify { Some(proved(ctx, &email, new.email_code.as_deref()).await?) } else { None };
    let login = Login::new(&email).map_err(|_| Refusal::input("email", "Email format is incorrect"))?;
    if accounts::find_by_email_key(&mut ctx.read(), &email_key(&email)).await?.is_some()
        || accounts::find_by_key(&mut ctx.read(), &login.key()).await?.is_some()
    {
        return Err(TAKEN.into());
    }
    let password = ctx.app.passwords().hash(ctx.app.random(), &new.password).await?;
    let mut tx = ctx.begin().await?;
    if let Some(code) = code
        && !code::use_up(&mut tx, code).await?
    {
        return Err(WRONG_CODE.into());
    }
    if let (Some(limit), Some(address)) = (by_address, &address)
        && !limit::take(ctx, &mut tx, limit, address).await?
    {
        return Err(too_many(limit));
    }
    let account = NewAccount { login, name: None, email: Some(email), phone: None, password: None };
    let id = match account::insert(ctx, &mut tx, &account, Some(&password), false).await {
        Ok(id) => id,
        Err(Error::Conflict { .. }) => return Err(TAKEN.into()),
        Err(error) => return Err(error.into()),
    };
    let inviter = invited(ctx, &mut tx, new.invite_code.as_deref()).await?;
    give_pass(ctx, &mut tx, id, inviter.map(|code| code.account_id)).await?;
    let row = accounts::find(&mut tx, id).await?.ok_or(Error::NotFound { what: "account" })?;
    let opened = enter(ctx, &mut tx, &row, (false, false), user_agent).await?;
    let opened = opened.ok_or(Error::NotFound { what: "proxy pass" })?;
    tx.commit().await?;
    Ok(opened)
}

/// A pass with nothing in it, or with the plan that new ones try, and what the settings say of new ones.
async fn give_pass(ctx: &Ctx, tx: &mut Tx, id: AccountId, inviter: Option<AccountId>) -> Result<()> {
    let settings = ctx.app.live().panel();
    // An end that has passed: on the wire 0, by which the field knows those who never had a plan.
    let nothing = ProxyPass { quota: Some(0), expires_at: Some(Millis(0)), ..ProxyPass::default() };
    insert_proxy(ctx, tx, id, &nothing).await?;
    invites::set_inviter(tx, id, inviter).await?;
    proxy_pass::update_remind(tx, id, Some(settings.default_remind_expire), Some(settings.default_remind_traffic))
        .await?;
    let plan = match settings.try_out_plan_id {
        0 => None,
        id => plan::find(tx, PlanId(id)).await?,
    };
    if let Some(plan) = plan
        && let Some(mut pass) = Pass::lock(tx, id).await?
    {
        let hours = Duration::from_hours(u64::try_from(settings.try_out_hour).unwrap_or(1));
        pass.take(&plan);
        pass.set_expiry(ctx, Some(ctx.now().plus(hours)))?;
        pass.save(ctx, tx).await?;
    }
    Ok(())
}

/// The code that proves the address; its row.
async fn proved(ctx: &Ctx, email: &str, given: Option<&str>) -> Outcome<i64> {
    let given = given.ok_or(NO_CODE)?;
    match code::check(ctx, email, Purpose::Register, given).await? {
        Checked::Right(id) => Ok(id),
        // Whoever reads the mailbox may know.
        Checked::Other => Err(TAKEN.into()),
        Checked::Wrong => Err(WRONG_CODE.into()),
    }
}

/// Uses an invitation up. Without `invite_force` one that is wrong is none.
async fn invited(ctx: &Ctx, tx: &mut Tx, code: Option<&str>) -> Outcome<Option<InviteCodeRow>> {
    let settings = ctx.app.live().panel();
    let found = match code {
        Some(code) => invites::find_open(tx, code).await?,
        None => None,
    };
    let used = match found {
        Some(code) if settings.invite_never_expire => Some(code),
        Some(code) => (invites::use_up(tx, code.id, ctx.now()).await? > 0).then_some(code),
        None => None,
    };
    if used.is_none() && settings.invite_force { Err(WRONG_INVITATION.into()) } else { Ok(used) }
}

fn per_address(ctx: &Ctx) -> Option<Limit> {
    let settings = ctx.app.live().panel();
    let minutes = u64::try_from(settings.register_limit_expire).unwrap_or(60);
    let limit =
        Limit { scope: "panel.register", most: settings.register_limit_count, window: Duration::from_mins(minutes) };
    settings.register_limit_by_ip_enable.then_some(limit)
}

fn too_many(limit: Limit) -> Failure {
    let text = "Register frequently, please try again after :minute minute";
    Refusal::often(text).with("minute", limit.window.as_secs() / 60).into()
}
