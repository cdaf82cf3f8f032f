//! What the panel keeps with proxy passes: plan, inviter, discount, commission, reminders.

use gatehouse_model::fold_key;
use gatehouse_store::{
    Tx, account as accounts,
    panel_user::{self as rows, Terms},
    plan as plans, proxy_pass,
};

use crate::{
    Ctx, Error, Result,
    apply::{AccountEntry, Change, Presence, ProxyEntry, StateFile, Work, check::Problems},
    audit::{self, Object},
    panel::{pass::Pass, plan, shadow},
};

const KIND: &str = "account.proxy";

/// The entries that say anything of it.
pub(super) fn named(file: &StateFile) -> impl Iterator<Item = (&AccountEntry, &ProxyEntry)> {
    let present = file.account.iter().filter(|entry| entry.state == Presence::Present);
    let with_pass = present.filter_map(|entry| Some((entry, entry.proxy.as_ref()?)));
    with_pass.filter(|(_, proxy)| {
        let has_terms = proxy.discount.is_some() || proxy.commission_type.is_some() || proxy.commission_rate.is_some();
        let has_words = proxy.plan.is_some() || proxy.inviter.is_some() || proxy.remark.is_some();
        let is_said = has_terms || has_words || proxy.remind_expire.is_some() || proxy.remind_traffic.is_some();
        proxy.state == Presence::Present && is_said
    })
}

/// Refuses numbers out of their range.
pub(super) fn check(file: &StateFile, problems: &mut Problems) {
    for (account, proxy) in named(file) {
        let entry = account.entry();
        for (key, percent) in [("proxy.discount", proxy.discount), ("proxy.commission_rate", proxy.commission_rate)] {
            if percent.is_some_and(|percent| percent > 100) {
                problems.refuse(&entry, key, "a percentage, 0 to 100");
            }
        }
        if proxy.commission_type.is_some_and(|kind| kind > 2) {
            problems.refuse(&entry, "proxy.commission_type", "0, 1 or 2");
        }
        if let Some(remark) = &proxy.remark {
            problems.text(&entry, "proxy.remark", remark, 0, 2_000);
        }
    }
}

/// Writes what differs, once every account is there.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    for (account, proxy) in named(file) {
        let outcome = write(ctx, tx, account, proxy).await;
        work.note(KIND, account.login.clone(), outcome)?;
    }
    Ok(())
}

async fn write(ctx: &Ctx, tx: &mut Tx, entry: &AccountEntry, proxy: &ProxyEntry) -> Result<Change> {
    let account = accounts::find_by_key(tx, &fold_key(&entry.login)).await?;
    let account = account.ok_or(Error::NotFound { what: "account" })?;
    let row = proxy_pass::find(tx, account.id).await?.ok_or(Error::NotFound { what: "proxy pass" })?;
    let held = Terms {
        discount: row.discount,
        commission_type: row.commission_type,
        commission_rate: row.commission_rate,
        inviter_id: row.inviter_id,
        remark: row.remark,
        remind_expire: row.remind_expire,
        remind_traffic: row.remind_traffic,
    };
    let inviter_id = match proxy.inviter.as_deref() {
        None => held.inviter_id,
        Some("") => None,
        Some(login) => {
            let found = accounts::find_by_key(tx, &fold_key(login)).await?.filter(|inviter| inviter.id != account.id);
            Some(found.ok_or_else(|| Error::invalid("proxy.inviter", format!("no other account is `{login}`")))?.id)
        }
    };
    let wanted = Terms {
        discount: proxy
            .discount
            .map_or(held.discount, |percent| Some(i64::from(percent)).filter(|percent| *percent > 0)),
        commission_type: proxy.commission_type.map_or(held.commission_type, i64::from),
        commission_rate: proxy.commission_rate.map_or(held.commission_rate, |percent| Some(percent.into())),
        inviter_id,
        remark: proxy
            .remark
            .clone()
            .map_or_else(|| held.remark.clone(), |text| Some(text).filter(|text| !text.is_empty())),
        remind_expire: proxy.remind_expire.unwrap_or(held.remind_expire),
        remind_traffic: proxy.remind_traffic.unwrap_or(held.remind_traffic),
    };
    let has_terms = wanted != held;
    if has_terms {
        rows::update_terms(tx, account.id, &wanted, ctx.now()).await?;
    }
    let has_plan = take_plan(ctx, tx, account.id, proxy).await?;
    if !has_terms && !has_plan {
        return Ok(Change::Unchanged);
    }
    shadow::mirror(ctx, tx, account.id).await?;
    audit::changed(tx, ctx, "panel.user.update", Object::new("proxy", account.id.0, &account.login)).await?;
    Ok(Change::Updated)
}

/// Makes a pass one of a plan; what the entry names itself stays.
async fn take_plan(ctx: &Ctx, tx: &mut Tx, id: gatehouse_model::AccountId, proxy: &ProxyEntry) -> Result<bool> {
    let Some(key) = proxy.plan.as_deref() else { return Ok(false) };
    let found = match key {
        "" => None,
        key => {
            let unknown = || Error::invalid("proxy.plan", format!("no plan is `{key}`"));
            let row = plans::find_by_key(tx, key).await?.ok_or_else(unknown)?;
            plan::find(tx, row.id).await?
        }
    };
    let mut pass = Pass::lock(tx, id).await?.ok_or(Error::NotFound { what: "proxy pass" })?;
    if pass.row().plan_id == found.as_ref().map(|plan| plan.row.id) {
        return Ok(false);
    }
    let before = pass.row().clone();
    match &found {
        Some(plan) => pass.take(plan),
        None => pass.row_mut().plan_id = None,
    }
    let row = pass.row_mut();
    if proxy.node_group.is_some() {
        row.node_group_id = before.node_group_id;
    }
    if proxy.quota.is_some() {
        row.quota = before.quota;
    }
    if proxy.speed_limit.is_some() {
        row.speed_limit = before.speed_limit;
    }
    if proxy.device_limit.is_some() {
        row.device_limit = before.device_limit;
    }
    pass.save(ctx, tx).await?;
    Ok(true)
}
