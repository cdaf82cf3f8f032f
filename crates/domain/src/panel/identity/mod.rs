//! Real-name verification: users say who they are, staff look at it (specs/panel.md §5.1).
//!
//! Name and number are sealed; what is shown and audited is masked. A number is compared by its keyed hash.

mod number;
pub mod review;

use std::time::Duration;

use gatehouse_model::{AccountId, Secret};
use gatehouse_store::{
    Query, Tx,
    panel_identity::{self as rows, NewIdentity},
    proxy_pass,
};

pub use gatehouse_store::panel_identity::IdentityRow;

use self::number::{Fault, IdentityNumber};
use super::{
    Who,
    limit::{self, Limit},
    module::{self, Module},
    refusal::{Outcome, Refusal},
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    seal::Place,
};

/// What keyed hashes of numbers are for.
pub(crate) const PURPOSE: &str = "panel_identity.number";
const TRIES: Limit = Limit { scope: "panel.identity", most: 5, window: Duration::from_hours(24) };

fn place<'a>(column: &'static str, row: &'a str) -> Place<'a> {
    Place { table: "panel_identity", column, row }
}

/// What a user is told of his verification.
#[derive(Debug, Clone)]
pub struct Status {
    /// What he submitted; none: nothing.
    pub row: Option<IdentityRow>,
    /// Whether he may submit now.
    pub can_submit: bool,
    /// Whether he can neither order nor subscribe without.
    pub is_required: bool,
    /// What staff tell everybody.
    pub notice: Option<String>,
}

/// The account whose identity counts for the caller: of a shadow, the main one.
async fn subject(who: &Who) -> Outcome<AccountId> {
    if !who.is_shadow {
        return Ok(who.account);
    }
    let row = proxy_pass::find(&mut who.ctx.read(), who.account).await?;
    Ok(row.and_then(|row| row.main_account_id).unwrap_or(who.account))
}

/// Shows how the caller's verification stands. Source: specs/panel.md §5.1 status.
pub async fn status(who: &Who) -> Outcome<Status> {
    module::require(&who.ctx.app, Module::RealName)?;
    let modules = who.ctx.app.live().modules();
    let rules = &modules.identity.rules;
    let row = rows::find(&mut who.ctx.read(), subject(who).await?).await?;
    let is_open = match row.as_ref().map(|row| row.status.as_str()) {
        None => true,
        Some("rejected") => rules.allow_resubmit,
        Some(_) => false,
    };
    let can_submit = is_open && !who.is_shadow;
    Ok(Status { row, can_submit, is_required: rules.enforce, notice: rules.notice.clone() })
}

/// Takes what the caller says of himself; whether it counts at once.
///
/// Shape: name of 2 to 30 letters, number of 18 characters. Errors: input refusals; rules where he said it already or the identity is
/// another account's; `often` after five times a day. Source: specs/panel.md §5.1 submit.
pub async fn submit(who: &Who, name: &str, identity_number: &Secret) -> Outcome<bool> {
    let ctx = &who.ctx;
    module::require(&ctx.app, Module::RealName)?;
    who.no_shadow()?;
    let modules = ctx.app.live().modules();
    let rules = &modules.identity.rules;
    if !is_name(name) {
        return Err(Refusal::input("real_name", "The name is not valid").into());
    }
    let today = number::today(ctx.now(), &ctx.app.settings().panel.time_zone);
    let number =
        IdentityNumber::parse(identity_number.expose(), today, rules.checksum).map_err(|fault| match fault {
            Fault::Form => Refusal::input("identity_no", "The identity number is not valid"),
            Fault::Checksum => Refusal::input("identity_no", "The check digit of the identity number is wrong"),
        })?;
    if rules.min_age > 0 && number.age(today) < rules.min_age {
        let text = "You must be at least :age years old";
        return Err(Refusal::input("identity_no", text).with("age", rules.min_age).into());
    }
    let status = status(who).await?;
    refuse_repeated(status.row.as_ref(), rules.allow_resubmit)?;
    count(ctx, who.account).await?;
    let is_approved = rules.auto_approve;
    write(who, name, &number, (rules.unique_identity, is_approved)).await?;
    Ok(is_approved)
}

fn refuse_repeated(row: Option<&IdentityRow>, allow_resubmit: bool) -> Result<(), Refusal> {
    match row.map(|row| row.status.as_str()) {
        None => Ok(()),
        Some("rejected") if allow_resubmit => Ok(()),
        Some("rejected") => Err(Refusal::rule("Your verification was rejected and cannot be submitted again")),
        Some(_) => Err(REPEATED),
    }
}

const REPEATED: Refusal = Refusal::rule("You have already submitted your verification");
const TAKEN: Refusal = Refusal::rule("This identity is used by another account");

/// Counts a try, in a transaction of its own: refused ones count as well, as they tell whether a number is known.
async fn count(ctx: &Ctx, account: AccountId) -> Outcome<()> {
    let often = Refusal::often("Too many requests, please try again later");
    let key = account.to_string();
    if limit::is_used_up(ctx, TRIES, &key).await? {
        return Err(often.into());
    }
    let mut tx = ctx.begin().await?;
    let is_allowed = limit::take(ctx, &mut tx, TRIES, &key).await?;
    tx.commit().await?;
    if is_allowed { Ok(()) } else { Err(often.into()) }
}

async fn write(who: &Who, name: &str, number: &IdentityNumber, (is_unique, is_approved): (bool, bool)) -> Outcome<()> {
    let ctx = &who.ctx;
    let (keys, random) = (ctx.app.keys(), ctx.app.random());
    let seal_ref = ctx.app.request_id();
    let name_sealed = keys.seal(random, place("name", &seal_ref), name.as_bytes())?;
    let number_sealed = keys.seal(random, place("number", &seal_ref), number.text().as_bytes())?;
    let mut tx = ctx.begin().await?;
    if is_unique {
        // Under whichever key of the ring it was stored; the database's own constraint decides between two at once.
        for hash in keys.hashes(PURPOSE, number.text()) {
            if rows::find_owner(&mut tx, &hash).await?.is_some_and(|owner| owner != who.account) {
                return Err(TAKEN.into());
            }
        }
    }
    let new = NewIdentity {
        account_id: who.account,
        name: (&name_sealed, &masked_name(name)),
        number: (&number_sealed, &number.masked()),
        number_hash: &keys.hash(PURPOSE, number.text()),
        is_unique,
        is_checksum_right: number.is_checksum_right(),
        is_approved,
        seal_ref: &seal_ref,
        at: ctx.now(),
    };
    let written = rows::submit(&mut tx, &new).await.map_err(|error| match Error::from(error) {
        Error::Conflict { .. } => TAKEN.into(),
        other => super::Failure::Error(other),
    })?;
    if written == 0 {
        return Err(REPEATED.into());
    }
    let (_, _, login) = ctx.actor_name();
    let object = Object::new("panel_identity", who.account.0, &login);
    audit::changed(&mut tx, ctx, "panel.identity.submit", object).await?;
    Ok(tx.commit().await?)
}

/// Whether a text may be a person's name: 2 to 30 letters, with `·` between its parts.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.chars().all(char::is_alphabetic);
    (2..=30).contains(&name.chars().count()) && name.split('·').all(is_part)
}

fn masked_name(name: &str) -> String {
    let mut letters = name.chars();
    let first: String = letters.next().into_iter().collect();
    first + &"*".repeat(letters.count())
}

/// Whether an account may order and subscribe as far as its identity is concerned: it is verified, or need not be.
///
/// Of a shadow, the main account counts. Source: specs/panel.md §5.1 `enforce`.
pub async fn allows(ctx: &Ctx, q: &mut impl Query, account: AccountId) -> Result<bool> {
    let modules = ctx.app.live().modules();
    if !modules.identity.is_enabled || !modules.identity.rules.enforce {
        return Ok(true);
    }
    Ok(rows::is_approved(q, account).await?)
}

/// Refuses whoever [`allows`] does not allow. Errors: a rule.
pub async fn require(ctx: &Ctx, q: &mut impl Query, account: AccountId) -> Outcome<()> {
    if allows(ctx, q, account).await? {
        Ok(())
    } else {
        Err(Refusal::rule("Please complete the real-name verification first").into())
    }
}

/// Forgets who an account is, as it is no user of the panel any more.
pub(crate) async fn forget(tx: &mut Tx, account: AccountId) -> Result<()> {
    rows::delete(tx, account).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_with_dots_between_them() {
        for name in ["张三", "阿卜杜拉·买买提", "Ann·Lee", "欧阳娜娜"] {
            assert!(is_name(name), "{name}");
        }
        let long = "长".repeat(31);
        for name in ["张", "", "·张三", "张三·", "张··三", "张3", "张 三", "<b>", "张\u{0}三", &long] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_masked_name_keeps_its_first_letter() {
        assert_eq!(masked_name("张三"), "张*");
        assert_eq!(masked_name("欧阳娜娜"), "欧***");
    }
}
