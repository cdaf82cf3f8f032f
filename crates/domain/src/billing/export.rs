//! All subscribers for staff, a page at a time, from one moment (specs/billing.md §5.9).

use std::{collections::HashMap, sync::Arc, time::Duration};

use gatehouse_model::{AccountId, BillingGroupId};
use gatehouse_store::{
    Snapshot,
    billing_view::{self as rows, UsrFilter},
};

use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{
    Outcome, Refusal, Role, Who,
    field::{FieldValue, Fields},
    main::{self, Usr},
    scope,
    service::{self, Listed},
    subscription::{self, Subscribed},
};
use crate::{Ctx, Error, Result};

/// Subscribers read at a time.
const PAGE: i64 = 200;

/// How long a list waits for the one before it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A subscriber of the list.
#[derive(Debug)]
pub struct Exported {
    /// Himself.
    pub usr: Usr,
    /// His extra fields.
    pub fields: Vec<FieldValue>,
    /// What he has connected.
    pub services: Vec<Subscribed>,
}

/// What of the subscribers is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Only this one.
    pub uid: Option<i64>,
    /// Only of this group.
    pub group: Option<BillingGroupId>,
    /// At most so many.
    pub limit: Option<i64>,
    /// How many are passed over.
    pub start: i64,
}

/// The subscribers that a caller may see, in the order of their numbers. It holds a connection.
pub struct Export {
    ctx: Ctx,
    asked: Asked,
    snapshot: Snapshot,
    fields: Fields,
    scoped_to: Option<AccountId>,
    above: i64,
    given: i64,
    is_over: bool,
    _turn: OwnedSemaphorePermit,
}

/// Begins to list subscribers.
///
/// Shape: [`Asked`] → pages by [`Export::page`], all from one moment. Errors: `NoPrivilege` without `billing.access` and
/// `billing.subscriber.read`, `TooMany` while another list does not end. Source: seeds/004 "Получение данных абонентов", specs/billing.md §5.9.
pub async fn begin(who: &Who, asked: Asked) -> Outcome<Export> {
    for code in ["billing.access", "billing.subscriber.read"] {
        scope::reach(&mut who.ctx.read(), who, code).await?;
    }
    let scoped_to = match who.role {
        Role::Admin { account, .. } => account,
        Role::User { .. } => None,
    };
    let turn = timeout(PATIENCE, Arc::clone(who.ctx.app.exports()).acquire_owned()).await;
    let turn = turn.map_err(|_elapsed| Refusal::TooMany)?.map_err(Error::internal)?;
    let mut snapshot = who.ctx.db().snapshot().await?;
    let fields = Fields::load(&mut snapshot).await?;
    let ctx = who.ctx.clone();
    Ok(Export { ctx, asked, snapshot, fields, scoped_to, above: 0, given: 0, is_over: false, _turn: turn })
}

/// Lists the whole catalogue of services.
///
/// Errors: `Forbidden` for subscribers, `NoPrivilege` without `billing.access`. Source: specs/billing.md §5.9 `api_services`.
pub async fn services(who: &Who) -> Outcome<Vec<Listed>> {
    let q = &mut who.ctx.read();
    scope::reach(q, who, "billing.access").await?;
    Ok(service::list(q).await?)
}

impl Export {
    /// Begins again at the first one.
    pub fn rewind(&mut self) {
        (self.above, self.given, self.is_over) = (0, 0, false);
    }

    /// The next ones; none: that was all.
    pub async fn page(&mut self) -> Result<Vec<Exported>> {
        let limit = self.asked.limit.map_or(PAGE, |limit| (limit - self.given).min(PAGE));
        if self.is_over || limit <= 0 {
            return Ok(Vec::new());
        }
        let filter =
            UsrFilter { scoped_to: self.scoped_to, uid: self.asked.uid, group: self.asked.group, at: self.ctx.now() };
        let offset = if self.given == 0 { self.asked.start } else { 0 };
        let currency = &self.ctx.app.settings().billing.pay.currency;
        let q = &mut self.snapshot;
        let found = rows::list_usr(q, &filter, self.above, currency, (limit, offset)).await?;
        let (Some(first), Some(last)) = (found.first(), found.last()) else {
            self.is_over = true;
            return Ok(Vec::new());
        };
        let (above, to) = (first.uid - 1, last.uid);
        let (mut services, mut values) = (HashMap::<i64, Vec<_>>::new(), HashMap::<AccountId, Vec<_>>::new());
        for service in subscription::list_between(&self.ctx.app, q, above, to).await? {
            services.entry(service.row.uid).or_default().push(service);
        }
        for value in rows::list_values(q, above, to).await? {
            values.entry(value.account_id).or_default().push(value);
        }
        let mut credits = HashMap::<AccountId, Vec<_>>::new();
        for (account, due, sum) in rows::list_credits_between(q, above, to).await? {
            credits.entry(account).or_default().push((due, sum));
        }
        self.above = to;
        self.given += i64::try_from(found.len()).unwrap_or(i64::MAX);
        let export = |row: rows::UsrRow| {
            let mut services = services.remove(&row.uid).unwrap_or_default();
            let values = values.remove(&row.account_id).unwrap_or_default();
            let credits = credits.remove(&row.account_id).unwrap_or_default();
            let usr = main::usr(&self.ctx, row, &services, &credits, true);
            services.retain(|service| !service.is_stopped());
            Exported { usr, fields: self.fields.show(&values, true), services }
        };
        Ok(found.into_iter().map(export).collect())
    }
}
