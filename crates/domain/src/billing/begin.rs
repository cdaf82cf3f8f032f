//! Begins periods of subscriptions: what a period costs is charged once, whoever begins it and how often (specs/billing.md §8).

use gatehouse_model::{AccountId, BillingServiceId, BillingSubscriptionId, Millis, Money, StatementId};
use gatehouse_store::{
    Aspect, Tx,
    billing_subscription::{self as rows, Begun, PeriodRow, SubscriptionRow},
    subscriber::TermsRow,
};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    period::{self, Period, PeriodMode},
    price,
    service::Service,
};
use crate::{
    App, Ctx, Error, Result,
    ledger::{self, Author, Book, Event, Line, Posted, Shown, kind},
    radius::outbox,
};

/// A period that may begin, and what it costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    /// Of which service.
    pub(super) service: &'a Service,
    /// When.
    pub(super) period: Period,
    /// What it costs this subscriber.
    pub(super) price: Money,
    /// What was taken off, percent.
    discount: i64,
}

impl<'a> Plan<'a> {
    /// What a service costs from a moment on. `before` is the start and the anchor of the period that ends there, if one does.
    pub(super) fn new(
        zone: &TimeZone,
        service: &'a Service,
        terms: &TermsRow,
        start: Millis,
        before: Option<(Millis, Millis)>,
    ) -> Result<Self> {
        let period = period::begin(zone, service.period, start, before)?;
        let price = price::of_period(service, &period, terms);
        Ok(Self { service, period, price, discount: price::discount(service, terms) })
    }

    /// Whether there is something to charge once, and nothing to have.
    pub(super) fn is_once(&self) -> bool {
        self.service.period == PeriodMode::Once
    }

    /// The state of a subscription that began it.
    pub(super) fn state(&self) -> &'static str {
        if self.is_once() { "ended" } else { "active" }
    }
}

/// The zone of calendar periods. Its name was checked when the settings were read.
pub(super) fn zone(app: &App) -> TimeZone {
    TimeZone::get(&app.settings().billing.time_zone).unwrap_or(TimeZone::UTC)
}

/// What a charge is for, as programs read it off the statement (specs/billing.md §6.3).
#[derive(Serialize)]
struct Reason {
    cash: String,
    discount: i64,
    tm_start: i64,
    tm_end: i64,
    last_day_k: String,
}

/// Charges a period and notes that it was begun; gives the row of the charge, none where it is free. Whoever calls holds the wallet.
///
/// Errors: `Internal` for a period that was begun before, which locks make impossible.
pub(super) async fn charge(
    ctx: &Ctx,
    tx: &mut Tx,
    (id, account): (BillingSubscriptionId, AccountId),
    plan: &Plan<'_>,
    author: &Author,
    why: &'static str,
) -> Result<Option<StatementId>> {
    let period = &plan.period;
    let statement = if plan.price == Money::ZERO {
        None
    } else {
        let reason = Reason {
            cash: plan.price.to_decimal(),
            discount: plan.discount,
            tm_start: period.start.0 / 1_000,
            tm_end: period.end.map_or(0, |end| end.0 / 1_000),
            last_day_k: Money(period.part).to_decimal(),
        };
        let reason = serde_json::to_string(&reason).map_err(Error::internal)?;
        let (service, reference) = (plan.service.id.to_string(), id.to_string());
        let (kind, book) = if plan.price > Money::ZERO {
            (kind::CHARGE, Book::Revenue(&service))
        } else {
            (kind::BONUS_SERVICE, Book::Bonus)
        };
        let shown = Shown {
            kind,
            at: None,
            reason: &reason,
            comment: &plan.service.title,
            reference: Some(&reference),
            settles: None,
        };
        let lines = [Line::wallet(account, plan.price.negated(), shown), Line::house(book, plan.price)];
        let key = format!("charge:{id}:{}", period.start.0);
        let event = Event { key: &key, reason: why, author, lines: &lines };
        let posted = ledger::post(ctx, tx, &ctx.app.settings().billing.pay.currency, &event).await?;
        if posted == Posted::Before {
            return Err(Error::internal(format!("{key} was entered before")));
        }
        posted.row()
    };
    let row = PeriodRow {
        billing_subscription_id: id,
        start_at: period.start,
        end_at: period.end,
        billing_service_id: plan.service.id,
        amount: plan.price,
        refunded: Money::ZERO,
        statement_id: statement,
    };
    rows::insert_period(tx, &row).await?;
    Ok(statement)
}

/// Begins another period of a subscription, which `follower` follows; `ordered` is what it stands in for.
pub(super) async fn again(
    ctx: &Ctx,
    tx: &mut Tx,
    subscription: &mut SubscriptionRow,
    plan: &Plan<'_>,
    (follower, ordered): (Option<BillingServiceId>, Option<BillingServiceId>),
    why: &'static str,
) -> Result<()> {
    let (id, account) = (subscription.id, subscription.account_id);
    let charge_id = charge(ctx, tx, (id, account), plan, &Author::kernel(), why).await?;
    let begun = Begun {
        billing_service_id: plan.service.id,
        next_service_id: follower,
        ordered_service_id: ordered,
        start_at: plan.period.start,
        end_at: plan.period.end,
        anchor_at: plan.period.anchor,
        charge_id,
        state: plan.state(),
    };
    rows::begin(tx, id, &begun, ctx.now()).await?;
    subscription.billing_service_id = begun.billing_service_id;
    subscription.next_service_id = begun.next_service_id;
    subscription.ordered_service_id = begun.ordered_service_id;
    subscription.start_at = begun.start_at;
    subscription.end_at = begun.end_at;
    subscription.anchor_at = begun.anchor_at;
    begun.state.clone_into(&mut subscription.state);
    Ok(())
}

/// Has the subscriber's sessions and every process follow what he now has.
pub(super) async fn announce(ctx: &Ctx, tx: &mut Tx, account: AccountId) -> Result<()> {
    outbox::change_account(tx, ctx.now(), account).await?;
    tx.touch(Aspect::Subscriber, Some(account.0));
    Ok(())
}
