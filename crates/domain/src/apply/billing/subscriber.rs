//! `[account.subscriber]`: the subscriber pass with what belongs to it.

use std::collections::BTreeSet;

use gatehouse_model::{AccountId, Money};
use gatehouse_store::{
    Aspect, Query, Tx,
    account::AccountRow,
    address as addresses, billing_block, billing_service as services,
    billing_subscription::{self as subscriptions, NewSubscription, PeriodRow},
    subscriber as rows,
};

use super::{
    super::{Presence, SubscriberEntry, SubscriptionEntry, account::Step},
    base, told,
};
use crate::{
    Ctx, Edit, Error, Result,
    audit::{self, Object},
    billing::{
        Who,
        block::{self, Block},
        connect, field, scope,
        subscriber::{self, NewSubscriber, SubscriberEdit},
    },
    ledger::Author,
    radius::outbox,
};

/// Rules that the file alone breaks.
pub(super) fn faults(entry: &SubscriberEntry) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    let words = Block::ALL.map(Block::word);
    if entry.blocks.iter().flat_map(|blocks| blocks.keys()).any(|word| !words.contains(&word.as_str())) {
        faults.push(("subscriber.blocks", format!("keys of {}", words.join(", "))));
    }
    let keys: BTreeSet<&String> = entry.service.iter().map(|service| &service.key).collect();
    let is_named = |service: &SubscriptionEntry| (1..=64).contains(&service.key.chars().count());
    if keys.len() != entry.service.len() || !entry.service.iter().all(is_named) {
        faults.push(("subscriber.service.key", "1 to 64 characters, each another one".to_owned()));
    }
    faults
}

/// What an account lacks of an entry.
pub(in crate::apply) async fn step(
    ctx: &Ctx,
    q: &mut impl Query,
    entry: &SubscriberEntry,
    id: AccountId,
) -> Result<Option<Step>> {
    let found = rows::find(q, id).await?;
    if entry.state == Presence::Absent {
        return Ok(found.map(|_| Step::Take));
    }
    let Some(row) = found else { return Ok(Some(Step::Give)) };
    let differs = async |q: &mut _| -> Result<bool> {
        let edit = edit(q, entry).await?;
        Ok(edit.on(&row, ctx.now()) != row
            || block_differs(entry, row.admin_block.then_some(row.admin_block_why.as_str()))
            || blocks_differ(ctx, q, entry, id).await?
            || field::differ(ctx, q, id, &entry.fields).await?
            || services_differ(q, entry, id).await?
            || addresses_differ(q, entry, id).await?)
    };
    match differs(q).await {
        // The file may make it before the accounts are written, which asks again.
        Ok(true) | Err(Error::Invalid { .. }) => Ok(Some(Step::Change)),
        Ok(false) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn edit(q: &mut impl Query, entry: &SubscriberEntry) -> Result<SubscriberEdit> {
    Ok(SubscriberEdit {
        uid: entry.uid,
        group: match &entry.group {
            Some(name) => Some(base::group_id(q, "subscriber.group", name).await?),
            None => None,
        },
        contract: entry.contract.clone(),
        contract_at: match entry.contract_at {
            None => Edit::Keep,
            Some(moment) => moment.0.map_or(Edit::Clear, Edit::Set),
        },
        full_name: entry.full_name.clone(),
        comment: entry.comment.clone(),
        limit_balance: entry.limit_balance.map(|amount| amount.0),
        block_if_limit: entry.block_if_limit,
        discount: entry.discount,
        cstate: entry.cstate,
        is_always_on: entry.always_on,
    })
}

fn block_differs(entry: &SubscriberEntry, held: Option<&str>) -> bool {
    entry.admin_block.as_deref().is_some_and(|why| (!why.is_empty()).then_some(why) != held)
}

async fn blocks_differ(ctx: &Ctx, q: &mut impl Query, entry: &SubscriberEntry, id: AccountId) -> Result<bool> {
    let Some(wanted) = &entry.blocks else { return Ok(false) };
    for block in Block::ALL {
        let held = billing_block::find(q, id, block.kind(ctx)).await?.map(|row| row.comment);
        if held.as_ref() != wanted.get(block.word()) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn services_differ(q: &mut impl Query, entry: &SubscriberEntry, id: AccountId) -> Result<bool> {
    for service in &entry.service {
        if !subscriptions::has_key(q, id, &service.key).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn addresses_differ(q: &mut impl Query, entry: &SubscriberEntry, id: AccountId) -> Result<bool> {
    let Some(wanted) = &entry.addresses else { return Ok(false) };
    let held: BTreeSet<String> = addresses::list_static(q, id).await?.into_iter().map(|row| row.ip).collect();
    Ok(held != wanted.iter().map(ToString::to_string).collect())
}

/// Gives the pass, or what it lacks.
pub(in crate::apply) async fn write(
    ctx: &Ctx,
    tx: &mut Tx,
    entry: &SubscriberEntry,
    account: &AccountRow,
) -> Result<()> {
    let id = account.id;
    let edit = edit(tx, entry).await?;
    let author = subscriber::author(ctx, tx).await?;
    if subscriber::exists(tx, id).await? {
        subscriber::apply(ctx, tx, &author, id, &edit).await?;
    } else {
        subscriber::insert(ctx, tx, account, &new(&edit)).await?;
        audit::changed(tx, ctx, "account.grant", Object::new("subscriber", id.0, &account.login)).await?;
    }
    if let Some(why) = entry.admin_block.as_deref() {
        let why = (!why.is_empty()).then_some(why);
        subscriber::block_in(ctx, tx, &author, id, why).await?;
    }
    if !entry.fields.is_empty() {
        field::set_in(ctx, tx, &author, id, &entry.fields).await?;
    }
    // Before the blocks, which may forbid ordering.
    for service in &entry.service {
        subscribe(ctx, tx, id, service).await?;
    }
    write_blocks(ctx, tx, &author, id, entry).await?;
    if let Some(wanted) = &entry.addresses {
        write_addresses(ctx, tx, account, wanted).await?;
    }
    Ok(())
}

fn new(edit: &SubscriberEdit) -> NewSubscriber {
    NewSubscriber {
        uid: edit.uid,
        group: edit.group,
        contract: edit.contract.clone().unwrap_or_default(),
        contract_at: edit.contract_at.clone().apply(None),
        full_name: edit.full_name.clone().unwrap_or_default(),
        comment: edit.comment.clone().unwrap_or_default(),
        limit_balance: edit.limit_balance,
        is_debt_free: edit.block_if_limit == Some(false),
        discount: edit.discount.unwrap_or(0),
        cstate: edit.cstate.unwrap_or(0),
        is_always_on: edit.is_always_on.unwrap_or(false),
    }
}

async fn write_blocks(ctx: &Ctx, tx: &mut Tx, author: &Author, id: AccountId, entry: &SubscriberEntry) -> Result<()> {
    let Some(wanted) = &entry.blocks else { return Ok(()) };
    for one in Block::ALL {
        let comment = wanted.get(one.word()).map(String::as_str);
        block::set_in(ctx, tx, author, id, one, comment).await?;
    }
    Ok(())
}

/// Connects a service under its name, unless it was connected before.
async fn subscribe(ctx: &Ctx, tx: &mut Tx, account: AccountId, entry: &SubscriptionEntry) -> Result<()> {
    const KEY: &str = "subscriber.service";
    if subscriptions::has_key(tx, account, &entry.key).await? {
        return Ok(());
    }
    let missing = || Error::invalid(KEY, format!("no service has the key `{}`", entry.service));
    let service = services::find_by_key(tx, &entry.service).await?.ok_or_else(missing)?;
    let (uid, group) = rows::find_group(tx, account).await?.ok_or(Error::NotFound { what: "subscriber pass" })?;
    let Some(until) = entry.paid_until else {
        let who = Who::operator(ctx.clone());
        let target = scope::Target { account, uid, group };
        let connected = connect::connect_in(tx, &who, target, service.id, Some(&entry.key)).await;
        let connected = connected.map_err(|failure| told(KEY, failure))?;
        subscriptions::update_key(tx, connected.id, &entry.key).await?;
        return Ok(());
    };
    let start_at = entry.since.and_then(|since| since.0).unwrap_or_else(|| ctx.now());
    if until.0.is_some_and(|until| until <= start_at) {
        return Err(Error::invalid(KEY, "paid_until must be later than since, which is now unless it is named"));
    }
    let new = NewSubscription {
        account_id: account,
        billing_service_id: service.id,
        next_service_id: service.is_auto_renew.then_some(service.id),
        state: "active",
        start_at,
        end_at: until.0,
    };
    take_over(ctx, tx, &new, &entry.key).await
}

/// Takes over what was paid elsewhere: a period without a charge.
async fn take_over(ctx: &Ctx, tx: &mut Tx, new: &NewSubscription, key: &str) -> Result<()> {
    let id = subscriptions::insert(tx, new, ctx.now()).await?;
    subscriptions::update_key(tx, id, key).await?;
    let period = PeriodRow {
        billing_subscription_id: id,
        start_at: new.start_at,
        end_at: new.end_at,
        billing_service_id: new.billing_service_id,
        amount: Money::ZERO,
        refunded: Money::ZERO,
        statement_id: None,
    };
    subscriptions::insert_period(tx, &period).await?;
    outbox::change_account(tx, ctx.now(), new.account_id).await?;
    tx.touch(Aspect::Subscriber, Some(new.account_id.0));
    audit::changed(tx, ctx, "billing.service.take_over", Object::new("subscriber", new.account_id.0, key)).await
}

async fn write_addresses(
    ctx: &Ctx,
    tx: &mut Tx,
    account: &AccountRow,
    wanted: &BTreeSet<std::net::IpAddr>,
) -> Result<()> {
    const KEY: &str = "subscriber.addresses";
    let (id, now) = (account.id, ctx.now());
    let wanted: BTreeSet<String> = wanted.iter().map(ToString::to_string).collect();
    let held = addresses::list_static(tx, id).await?;
    let mut is_changed = false;
    for row in held.iter().filter(|row| !wanted.contains(&row.ip)) {
        let pool = match row.address_pool_id {
            Some(pool) => addresses::find_pool_by_id(tx, pool).await?,
            None => None,
        };
        match pool {
            Some(pool) => addresses::unbind(tx, row.id, &pool.kind).await?,
            None => addresses::delete(tx, row.id).await?,
        };
        is_changed = true;
    }
    for ip in wanted.iter().filter(|ip| !held.iter().any(|row| row.ip == **ip)) {
        match addresses::find(tx, ip).await? {
            None => addresses::insert_static(tx, ip, id, now).await?,
            Some(row) if row.kind == "static" && row.account_id.is_some() => {
                return Err(Error::invalid(KEY, format!("{ip} is another subscriber's")));
            }
            Some(row) if row.visit_id.is_some() => {
                return Err(Error::invalid(KEY, format!("a session has {ip} now: end it first")));
            }
            Some(row) => addresses::bind(tx, row.id, id, now).await?,
        };
        is_changed = true;
    }
    if is_changed {
        outbox::change_account(tx, now, id).await?;
        tx.touch(Aspect::Subscriber, Some(id.0));
        audit::changed(tx, ctx, "billing.subscriber.addresses", Object::new("subscriber", id.0, &account.login))
            .await?;
    }
    Ok(())
}
