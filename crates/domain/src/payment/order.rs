//! Orders: a subscriber asks to pay into his wallet through a payment system (specs/billing.md §11.1).

use std::time::Duration;

use gatehouse_model::{AccountId, Millis, Money, PaymentAttemptId, StatementId};
use gatehouse_store::{
    Query, job as jobs,
    payment::{self as rows, AttemptRow, NewAttempt},
};
use sha2::{Digest as _, Sha256};

use super::{Checkout, ProviderHandle, poll, provider};
use crate::{
    Ctx, Result,
    audit::{self, Object},
    billing::{Outcome, Refusal, Who, scope},
    ledger::{self, Shown, kind},
};

/// What an order of the billing surface is for.
pub(crate) const PURPOSE: &str = "billing";
/// How long unpaid orders count, and how long an idempotency key names the same order.
const DAY: Duration = Duration::from_hours(24);

/// An order and how its payer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its row of the statement: `id`, `pay_id`.
    pub id: StatementId,
    /// Its name at the provider.
    pub reference: String,
    /// What was ordered: `order_amt`.
    pub ordered: Money,
    /// What is to be paid: `amt`, `full_amt`.
    pub payable: Money,
    /// How he goes on.
    pub checkout: Checkout,
}

/// A sum of money that a caller names: digits, `.` or `,`, at most two decimals; more than nothing and at most `max`.
///
/// Errors: `BadAmount`. Source: specs/billing.md §3.
pub fn parse_amount(text: &str, max: Money) -> Result<Money, Refusal> {
    match text.parse::<Money>() {
        Ok(amount) if !text.starts_with('-') && amount > Money::ZERO && amount <= max => Ok(amount),
        _ => Err(Refusal::BadAmount),
    }
}

/// Orders a payment into a subscriber's wallet. `idem` is the caller's idempotency key: after a failure of the payment system, which
/// leaves the order as it is, the same key goes on with the same order for 24 h.
///
/// Shape: channel and `amt` as sent → number, sums, how to go on. Units: hundredths of `billing.pay.currency`.
/// Errors: those of [`scope::target`], `BadAmount`, `TooMany`, `GatewayUnavailable`, `IdempotencyConflict`.
/// Source: specs/billing.md §11.1.
pub async fn create(who: &Who, uid: Option<i64>, channel: &str, amt: &str, idem: Option<&str>) -> Outcome<Opened> {
    let ctx = &who.ctx;
    let target = scope::target(&mut ctx.read(), who, uid, None).await?;
    if who.is_admin() && !who.is_trusted {
        return Err(Refusal::Forbidden.into());
    }
    let pay = &ctx.app.settings().billing.pay;
    let amount = parse_amount(amt, pay.max)?;
    if amount < pay.min {
        return Err(Refusal::BadAmount.into());
    }
    let provider = ctx.app.payments().and_then(|all| all.find(channel)).ok_or(Refusal::GatewayUnavailable)?.clone();
    let request_key = idem.map(|key| request_key(channel, key));

    let mut tx = ctx.begin().await?;
    // Whoever orders for the same account waits here, so that neither key nor limit is passed twice.
    ledger::wallet(ctx, &mut tx, target.account, &pay.currency).await?;
    if let Some(found) = find_again(&mut tx, target.account, request_key.as_deref(), ctx.now()).await? {
        tx.commit().await?;
        if found.amount != amount || found.currency != pay.currency {
            return Err(Refusal::IdempotencyConflict.into());
        }
        return go_on(ctx, &provider, target.uid, found).await;
    }
    let unpaid = rows::count_unpaid(&mut tx, target.account, ctx.now().minus(DAY)).await?;
    if unpaid >= i64::from(pay.unpaid_per_day) {
        tx.commit().await?;
        return Err(Refusal::TooMany.into());
    }
    let reason = format!("{channel}:{}:{}", ctx.now().0.div_euclid(1_000), amount.to_decimal());
    let shown = Shown { kind: kind::ORDER, at: None, reason: &reason, comment: "", reference: None, settles: None };
    let statement = ledger::note(ctx, &mut tx, Some(target.account), &who.author(), &shown).await?;
    let id = rows::insert(
        &mut tx,
        &NewAttempt {
            channel,
            purpose: PURPOSE,
            reference: &target.uid.to_string(),
            statement_id: Some(statement),
            account_id: target.account,
            currency: &pay.currency,
            amount,
            payable: provider.fee().payable(amount, pay.gross_up),
            order_ref: &format!("{}{statement}", provider.order_prefix()),
            expires_at: ctx.now().plus(pay.lifetime.0),
            request_key: request_key.as_deref(),
            at: ctx.now(),
        },
    )
    .await?;
    enqueue_poll(ctx, &mut tx, id).await?;
    let uid = target.uid.to_string();
    let detail =
        serde_json::json!({ "order": statement, "channel": channel, "amount": amount.to_decimal() }).to_string();
    let object = Object::new("subscriber", target.account.0, &uid);
    audit::record(&mut tx, ctx, audit::Stream::Change, "billing.order.create", object, "ok", Some(detail)).await?;
    let made = rows::find(&mut tx, id).await?.ok_or_else(|| crate::Error::internal("the order is gone"))?;
    tx.commit().await?;
    go_on(ctx, &provider, target.uid, made).await
}

async fn enqueue_poll(ctx: &Ctx, tx: &mut gatehouse_store::Tx, id: PaymentAttemptId) -> Result<()> {
    let first = ctx.now().plus(ctx.app.settings().billing.pay.poll_after.0);
    jobs::insert(tx, poll::KIND, Some(&id.0.to_string()), None, first, ctx.now()).await?;
    Ok(())
}

/// The channel counts: a key that came with another one before is another request.
fn request_key(channel: &str, key: &str) -> String {
    hex::encode(Sha256::digest(format!("{channel}\0{key}")))
}

async fn find_again(
    q: &mut impl Query,
    account: AccountId,
    request_key: Option<&str>,
    now: Millis,
) -> Result<Option<AttemptRow>> {
    let Some(key) = request_key else { return Ok(None) };
    Ok(rows::find_by_request(q, account, key, now.minus(DAY)).await?)
}

/// Lets the provider know of an order that is written, and answers.
async fn go_on(ctx: &Ctx, provider: &ProviderHandle, uid: i64, order: AttemptRow) -> Outcome<Opened> {
    let statement = order.statement_id.ok_or_else(|| crate::Error::internal("an order without a row"))?;
    let checkout = match &order.checkout_url {
        Some(url) => Checkout::Page(url.clone()),
        None => start(ctx, provider, uid, &order).await?,
    };
    Ok(Opened { id: statement, reference: order.order_ref, ordered: order.amount, payable: order.payable, checkout })
}

async fn start(ctx: &Ctx, provider: &ProviderHandle, uid: i64, order: &AttemptRow) -> Outcome<Checkout> {
    let left = u64::try_from(order.expires_at.0.saturating_sub(ctx.now().0)).unwrap_or(0);
    let asked = provider::Order {
        reference: order.order_ref.clone(),
        payable: order.payable,
        currency: order.currency.clone(),
        description: format!("Поповнення рахунку {}", payment_code(uid)),
        expires_at: order.expires_at,
        lifetime: Duration::from_millis(left),
        // As the account at the provider says.
        notify_url: None,
        return_url: None,
        key: order.order_ref.clone(),
    };
    match provider.start(asked).await {
        Ok(checkout) => {
            if let Checkout::Page(url) = &checkout {
                let mut tx = ctx.begin().await?;
                rows::update_checkout_url(&mut tx, order.id, url, ctx.now()).await?;
                tx.commit().await?;
            }
            Ok(checkout)
        }
        Err(trouble) => {
            metrics::counter!("gatehouse_payment_failures_total", "channel" => order.channel.clone(), "call" => "start")
                .increment(1);
            tracing::warn!(
                event = "payment.start_failed",
                channel = order.channel,
                order = order.order_ref,
                "{} {trouble}",
                order.channel
            );
            Err(Refusal::GatewayUnavailable.into())
        }
    }
}

/// The personal payment code of a subscriber, `ppc`: his number and the last digit of the sum of its digits.
///
/// Source: specs/billing.md §4.
pub fn payment_code(uid: i64) -> String {
    let number = uid.to_string();
    let sum: u32 = number.chars().filter_map(|digit| digit.to_digit(10)).sum();
    format!("{number}{}", sum % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_sums_are_amounts() {
        let max = Money(5_000_000);
        for (text, sum) in [("100", 10_000), ("0.01", 1), ("12,5", 1_250), ("50000.00", 5_000_000)] {
            assert_eq!(parse_amount(text, max), Ok(Money(sum)), "{text}");
        }
        for text in
            ["0", "0.00", "-5", "abc", "1e9", "0.001", "+1", " 1", "1 ", "", "50000.01", "1.", ".5", "NaN", "１"]
        {
            assert_eq!(parse_amount(text, max), Err(Refusal::BadAmount), "{text}");
        }
    }

    #[test]
    fn the_payment_code_ends_in_a_digit_that_checks_it() {
        assert_eq!(payment_code(357), "3575");
        assert_eq!(payment_code(9_999), "99996");
    }
}
