//! Writing values.

use std::collections::BTreeMap;

use gatehouse_model::{AccountId, FieldKind};
use gatehouse_store::{
    Query, Tx,
    billing_field::{self as rows, NewFieldValue},
    subscriber,
};

use super::{Field, Fields, value::normalise};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
    billing::{Outcome, Refusal, Who, scope},
    ledger::{self, Author, Shown, kind},
    seal::Place,
};

/// What stands for a secret where changes are told.
const HIDDEN: &str = "***";

/// Writes values of a subscriber's extra fields, empty ones take them away; all or none.
///
/// Shape: his number and values by name → nothing. Errors: those of [`scope::target`] for `billing.subscriber.update.dopdata`;
/// `Forbidden` for subscribers; `NoPrivilege` for a field that is locked (flag i) without `billing.field.locked`; `Invalid` with the
/// name of the field. Source: specs/billing.md §5.9.
pub async fn set(who: &Who, uid: Option<i64>, values: &BTreeMap<String, String>) -> Outcome<()> {
    let q = &mut who.ctx.read();
    let target = scope::target(q, who, uid, None).await?;
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    scope::require_update(q, who, &["billing.subscriber.update.dopdata"], target.group).await?;
    let fields = Fields::load(q).await?;
    for name in values.keys() {
        if fields.find(name)?.has('i') {
            scope::require_on(q, who, "billing.field.locked", target.group).await?;
        }
    }
    let mut tx = who.ctx.begin().await?;
    set_in(&who.ctx, &mut tx, &who.author(), target.account, values).await?;
    tx.commit().await?;
    Ok(())
}

/// A value that differs from what is there.
struct Difference<'a> {
    field: &'a Field,
    old: String,
    new: String,
}

/// What differs. Errors: `Invalid` with the name of the field.
async fn differences<'a>(
    ctx: &Ctx,
    q: &mut impl Query,
    fields: &'a Fields,
    account: AccountId,
    values: &BTreeMap<String, String>,
) -> Result<Vec<Difference<'a>>> {
    let held = rows::list_values(q, account, account).await?;
    let mut found = Vec::new();
    for (name, value) in values {
        let field = fields.find(name).map_err(|_| Error::invalid(name, "the name of an extra field"))?;
        let new = normalise(field, value).map_err(|rule| Error::invalid(name, rule))?;
        let held = held.iter().find(|row| row.billing_field_id == field.row.id);
        let old = match held {
            Some(row) => match &row.value_sealed {
                Some(sealed) => ctx.app.keys().open_text(place(&row.seal_ref), sealed)?.expose().to_owned(),
                None => row.value.clone().unwrap_or_default(),
            },
            None => String::new(),
        };
        if old != new {
            found.push(Difference { field, old, new });
        }
    }
    Ok(found)
}

/// Whether values are not as they shall be. Errors: `Invalid` with the name of the field.
pub(crate) async fn differ(
    ctx: &Ctx,
    q: &mut impl Query,
    account: AccountId,
    values: &BTreeMap<String, String>,
) -> Result<bool> {
    let fields = Fields::load(q).await?;
    Ok(!differences(ctx, q, &fields, account, values).await?.is_empty())
}

/// Writes values, with row 412 and an audit row for what differs; false: all was so already.
pub(crate) async fn set_in(
    ctx: &Ctx,
    tx: &mut Tx,
    author: &Author,
    account: AccountId,
    values: &BTreeMap<String, String>,
) -> Result<bool> {
    let terms = subscriber::lock_terms(tx, account).await?.ok_or(Error::NotFound { what: "subscriber pass" })?;
    let fields = Fields::load(tx).await?;
    let mut changed = serde_json::Map::new();
    for Difference { field, old, new } in differences(ctx, tx, &fields, account, values).await? {
        write(ctx, tx, field, account, &new).await?;
        let told = if field.kind == FieldKind::Pass { [HIDDEN, HIDDEN] } else { [old.as_str(), new.as_str()] };
        changed.insert(field.name.clone(), serde_json::json!(told));
    }
    if changed.is_empty() {
        return Ok(false);
    }
    let facts = serde_json::Value::Object(changed).to_string();
    let shown =
        Shown { kind: kind::DATA_CHANGED, at: None, reason: &facts, comment: "", reference: None, settles: None };
    ledger::note(ctx, tx, Some(account), author, &shown).await?;
    let name = terms.uid.to_string();
    let object = Object::new("subscriber", account.0, &name);
    audit::record(tx, ctx, Stream::Change, "billing.subscriber.data", object, "ok", Some(facts)).await?;
    Ok(true)
}

async fn write(ctx: &Ctx, tx: &mut Tx, field: &Field, account: AccountId, value: &str) -> Result<()> {
    if value.is_empty() {
        rows::delete_value(tx, account, field.row.id).await?;
        return Ok(());
    }
    let unique = field.has('h').then_some(value);
    if unique.is_some() && rows::is_taken(tx, field.row.id, value, account).await? {
        return Err(Error::invalid(&field.name, "a value that no other subscriber has"));
    }
    let seal_ref = ctx.app.request_id();
    let sealed = match field.kind {
        FieldKind::Pass => Some(ctx.app.keys().seal(ctx.app.random(), place(&seal_ref), value.as_bytes())?),
        _ => None,
    };
    let new = NewFieldValue {
        account_id: account,
        billing_field_id: field.row.id,
        value: sealed.is_none().then_some(value),
        value_sealed: sealed.as_deref(),
        unique_value: unique,
        seal_ref: &seal_ref,
    };
    match rows::upsert_value(tx, &new).await.map_err(Error::from) {
        // Somebody else wrote it meanwhile.
        Err(Error::Conflict { .. }) => Err(Error::invalid(&field.name, "a value that no other subscriber has")),
        done => done.map(drop),
    }
}

fn place(seal_ref: &str) -> Place<'_> {
    Place { table: "billing_field_value", column: "value", row: seal_ref }
}
