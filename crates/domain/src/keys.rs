//! Rotation of the sealing keys while everything serves (DESIGN §4 "Sealing").
//!
//! A new key is first made known to every process, which look at the ring's file each second, and only then used: nobody
//! meets a value it cannot open. Then every sealed value, and every keyed hash whose text is known, is written anew.

use std::time::Duration;

use gatehouse_store::{
    sealed::{self, SealedColumn, SealedRow},
    setting,
};

use crate::{
    App, Ctx, Result,
    audit::{self, Object},
    oa::token,
    panel::identity,
    proxy::draft,
    recording,
    seal::Place,
};

/// How often processes look at the file of the ring.
const FOLLOW: Duration = Duration::from_secs(1);
/// How long a new key is known before it is used.
const KNOWN: Duration = Duration::from_secs(3);
/// Values written in one transaction.
const PAGE: i64 = 500;

/// What became of a rotation.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Rotation {
    /// The new key.
    pub key: String,
    /// Values sealed anew.
    pub sealed: u64,
    /// Values that open under no key of the ring: `table.column id`.
    pub unreadable: Vec<String>,
    /// Keys that cannot be taken out of the file yet, and how many credentials are found, and recordings play, under them only.
    pub kept: Vec<(String, i64)>,
}

/// Follows the file of the ring until the shutdown.
pub(crate) async fn follow(app: App) {
    let mut is_failing = false;
    while !app.pause(FOLLOW).await {
        let result = app.keys().reload();
        if let Err(error) = &result
            && !is_failing
        {
            tracing::warn!(
                event = "keys.reload_failed",
                error = error.chain(),
                "cannot read the key ring; the keys read before stay"
            );
        }
        is_failing = result.is_err();
    }
}

/// Adds a key, makes it the current one, and writes every sealed value anew under it. Repeating after an interruption ends the
/// work. `progress` is told how many values were looked at.
///
/// Errors: `Forbidden` but for operators; `Locked` for a ring without a file.
pub async fn rotate(ctx: &Ctx, progress: &mut (dyn FnMut(u64) + Send)) -> Result<Rotation> {
    ctx.require("system.setting.update")?;
    let (keys, random) = (ctx.app.keys(), ctx.app.random());
    let key = keys.add(random)?;
    ctx.app.pause(KNOWN).await;
    keys.promote(random, &key)?;
    let mut rotation = Rotation { key: key.clone(), ..Rotation::default() };
    // Processes that promote a moment later still seal under the old key meanwhile, which the second round finds.
    for _ in 0..2 {
        rotation.unreadable.clear();
        reseal(ctx, &mut rotation, progress).await?;
        ctx.app.pause(KNOWN).await;
    }
    let recorded = recording::count_by_key(&ctx.app).await?;
    for old in keys.ids().iter().filter(|id| **id != key) {
        let found = sealed::count_hashed(&mut ctx.read(), &format!("h1.{old}.%")).await?
            + recorded.get(old).copied().unwrap_or(0);
        if found > 0 {
            rotation.kept.push((old.clone(), found));
        }
    }
    let mut tx = ctx.begin().await?;
    audit::changed(&mut tx, ctx, "keys.rotate", Object::new("key", None, &key)).await?;
    tx.commit().await?;
    Ok(rotation)
}

/// Opens every sealed value: how many there are, and which do not open. For `gatehouse doctor` and `gatehouse keys check`.
pub async fn check(ctx: &Ctx) -> Result<(u64, Vec<String>)> {
    let mut rotation = Rotation::default();
    let mut count = 0;
    for column in SealedColumn::ALL {
        let mut after = 0;
        loop {
            let page = column.list(&mut ctx.read(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            count += page.len() as u64;
            for row in &page {
                open(ctx, column, row, &mut rotation);
            }
        }
    }
    for row in setting::list_sealed(&mut ctx.read()).await? {
        count += 1;
        let place = Place { table: "setting", column: "value", row: &row.seal_ref };
        if row.value_sealed.is_some_and(|value| ctx.app.keys().open_bytes(place, &value).is_err()) {
            rotation.unreadable.push(format!("setting {}", row.name));
        }
    }
    Ok((count, rotation.unreadable))
}

fn open(
    ctx: &Ctx,
    column: SealedColumn,
    row: &SealedRow,
    rotation: &mut Rotation,
) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let (table, name) = column.place();
    let opened = ctx.app.keys().open_bytes(Place { table, column: name, row: &row.seal_ref }, &row.value).ok();
    if opened.is_none() {
        rotation.unreadable.push(format!("{table}.{name} {}", row.id));
    }
    opened
}

/// What a column's values are found by.
const fn purpose(column: SealedColumn) -> Option<&'static str> {
    match column {
        SealedColumn::ProxyPassUuid => Some("proxy_pass.uuid"),
        SealedColumn::ProxyPassToken => Some("proxy_pass.token"),
        SealedColumn::ApiToken => Some(token::PURPOSE),
        SealedColumn::NodeToken => Some(draft::TOKEN),
        SealedColumn::IdentityNumber => Some(identity::PURPOSE),
        SealedColumn::NodeServerKey
        | SealedColumn::IdentityName
        | SealedColumn::NodeTlsKey
        | SealedColumn::NodePrivate
        | SealedColumn::Voucher
        | SealedColumn::SecondFactor
        | SealedColumn::NasSecret
        | SealedColumn::NasCoaSecret
        | SealedColumn::FieldValue
        | SealedColumn::PaymentChannel
        | SealedColumn::AuthServer
        | SealedColumn::AccountPassword
        | SealedColumn::StagedPassword => None,
    }
}

async fn reseal(ctx: &Ctx, rotation: &mut Rotation, progress: &mut (dyn FnMut(u64) + Send)) -> Result<()> {
    let (keys, random) = (ctx.app.keys(), ctx.app.random());
    let mut seen = 0;
    for column in SealedColumn::ALL {
        let mut after = 0;
        loop {
            let page = column.list(&mut ctx.read(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            let stale: Vec<_> = page.iter().filter(|row| !keys.is_current(&row.value)).collect();
            if !stale.is_empty() {
                let mut tx = ctx.begin().await?;
                for row in stale {
                    let Some(value) = open(ctx, column, row, rotation) else { continue };
                    let (table, name) = column.place();
                    let sealed = keys.seal(random, Place { table, column: name, row: &row.seal_ref }, &value)?;
                    let hash =
                        purpose(column).and_then(|purpose| Some(keys.hash(purpose, std::str::from_utf8(&value).ok()?)));
                    rotation.sealed += column.replace(&mut tx, row.id, (&row.value, &sealed), hash.as_deref()).await?;
                }
                tx.commit().await?;
            }
            seen += page.len() as u64;
            progress(seen);
        }
    }
    for row in setting::list_sealed(&mut ctx.read()).await? {
        let Some(old) = row.value_sealed.filter(|value| !keys.is_current(value)) else { continue };
        let place = Place { table: "setting", column: "value", row: &row.seal_ref };
        let Ok(value) = keys.open_bytes(place, &old) else {
            rotation.unreadable.push(format!("setting {}", row.name));
            continue;
        };
        let sealed = keys.seal(random, place, &value)?;
        let mut tx = ctx.begin().await?;
        rotation.sealed += setting::update_sealed(&mut tx, &row.name, &old, &sealed, ctx.now()).await?;
        tx.commit().await?;
        seen += 1;
        progress(seen);
    }
    Ok(())
}
