//! `POST rbac/user/add/`

use gatehouse_domain::account::staff::{self, NewStaff};

use super::{password, rule};
use crate::{
    body::Blank,
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Makes a user with the role for everybody.
///
/// Shape: `{account, password, name, status[, email, phone_number, remark]}` → ok. Units: characters, `account` ≤
/// `bastion.account_max`, `password` `auth.password_min`–128. Errors: 403; E400f with every fault and clash at once.
/// Source: seeds/003 operation 4, specs/bastion.md §6.1 row 4.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.user.create")?;
    let settings = &ctx.app.settings().bastion;
    let mut fields = call.fields()?;
    let account = fields.text("account", settings.account_max);
    let login = if fields.is_faulty("account") { None } else { staff::check_login(&account).ok() };
    if login.is_none() && !fields.is_faulty("account") {
        let (_, wrong) = text::fault("account", "characters");
        fields.fault("account", wrong);
    }
    let password = password::read(&mut fields, "password", &ctx);
    let name = rule::name(&mut fields);
    let (email, phone) = rule::contact(&mut fields);
    let is_enabled = fields.boolean("status");
    let remark = fields.optional_text("remark", rule::REMARK_MAX, Blank::Allowed);
    let clashes = staff::taken(&mut ctx.read(), None, login.as_ref(), &email, &phone).await?;
    fields.note(clashes);
    fields.finish()?;
    // The login has no fault, so it is one.
    let login = login.ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))?;
    let (email, phone) = (email.apply(None), phone.apply(None));
    staff::add(&ctx, &NewStaff { login, password, name, email, phone, remark, is_enabled }).await?;
    Ok(Reply::ok())
}
