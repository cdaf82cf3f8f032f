//! What fields there are: made and changed by the state file.

use std::collections::BTreeMap;

use gatehouse_model::{BillingFieldId, FieldKind};
use gatehouse_store::{
    Tx,
    billing_field::{self as rows, BillingFieldRow},
};

use super::value::compile;
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    billing::{Outcome, Refusal, Who, scope},
    proxy::manage::Change,
};

/// Letters that mean something (specs/billing.md §5.9).
const FLAGS: &str = "bcdefhijkq";

/// What a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSpec {
    /// Name: `_` and letters, digits or `_`.
    pub name: String,
    /// Title.
    pub title: String,
    /// Where it is shown.
    pub section: String,
    /// Type.
    pub kind: FieldKind,
    /// Letters.
    pub flags: String,
    /// What a value must match; empty: anything.
    pub pattern: String,
    /// Of a select: what is stored, and what is shown for it.
    pub choices: BTreeMap<String, String>,
    /// What staff wrote about it.
    pub comment: String,
    /// Whether subscribers do not see it.
    pub is_staff_only: bool,
}

impl FieldSpec {
    /// What is wrong with it: the key and its rule.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        let rest = self.name.strip_prefix('_').unwrap_or("");
        let is_name = (1..=63).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            return Some(("name", "_ and then 1 to 63 letters, digits or _".to_owned()));
        }
        if !(1..=128).contains(&self.title.chars().count()) {
            return Some(("title", "1 to 128 characters".to_owned()));
        }
        if self.flags.chars().any(|flag| !FLAGS.contains(flag)) {
            return Some(("flags", format!("letters of {FLAGS}")));
        }
        let is_select = self.kind == FieldKind::Select;
        if self.choices.is_empty() == is_select {
            return Some(("choices", "what may be selected, for type select and no other".to_owned()));
        }
        if self.choices.keys().any(|key| key.is_empty() || key.contains(',')) {
            return Some(("choices", "keys without commas".to_owned()));
        }
        if is_select && !self.pattern.is_empty() {
            return Some(("pattern", "none for type select".to_owned()));
        }
        if self.flags.contains('h') && matches!(self.kind, FieldKind::Pass | FieldKind::Hash | FieldKind::Lines) {
            return Some(("flags", "no h for this type".to_owned()));
        }
        compile(&self.pattern)
            .err()
            .map(|_| ("pattern", "a regular expression without look-around and back references".to_owned()))
    }

    fn row(&self, ctx: &Ctx, id: BillingFieldId) -> Result<BillingFieldRow> {
        let param = match self.kind {
            FieldKind::Select => serde_json::to_string(&self.choices).map_err(Error::internal)?,
            _ => self.pattern.clone(),
        };
        Ok(BillingFieldRow {
            id,
            name: self.name.clone(),
            title: self.title.clone(),
            section: self.section.clone(),
            kind: self.kind.as_str().to_owned(),
            flags: self.flags.clone(),
            param,
            comment: self.comment.clone(),
            is_staff_only: self.is_staff_only,
            created_at: ctx.now(),
            updated_at: ctx.now(),
        })
    }
}

/// Makes a field, or brings the one of this name to what it shall be.
///
/// Shape: a [`FieldSpec`] → what was done. Errors: those of [`scope::reach`] for `billing.settings`, `Forbidden` in a session without
/// trust; `Invalid`; `Locked`. Source: specs/billing.md §5.9.
pub async fn define(who: &Who, spec: &FieldSpec) -> Outcome<Change> {
    require(who).await?;
    let mut tx = who.ctx.begin().await?;
    let change = ensure(&who.ctx, &mut tx, spec).await?;
    tx.commit().await?;
    Ok(change)
}

/// Deletes a field with everybody's values.
///
/// Shape: its name → what was done. Errors: as [`define`].
pub async fn remove(who: &Who, name: &str) -> Outcome<Change> {
    require(who).await?;
    let mut tx = who.ctx.begin().await?;
    let change = delete(&who.ctx, &mut tx, name).await?;
    tx.commit().await?;
    Ok(change)
}

async fn require(who: &Who) -> Outcome<()> {
    scope::reach(&mut who.ctx.read(), who, "billing.settings").await?;
    if who.is_trusted { Ok(()) } else { Err(Refusal::Forbidden.into()) }
}

/// Makes a field or brings it to what it shall be. Values that are there stay as they are.
///
/// Errors: `Invalid`; `Locked` for another type while values are there, when secrets would be shown or lost, and for a field that
/// shall be unique and is not.
pub(crate) async fn ensure(ctx: &Ctx, tx: &mut Tx, spec: &FieldSpec) -> Result<Change> {
    if let Some((field, rule)) = spec.fault() {
        return Err(Error::invalid(field, rule));
    }
    let Some(old) = rows::find_by_name(tx, &spec.name).await? else {
        let id = rows::insert(tx, &spec.row(ctx, BillingFieldId(0))?).await?;
        audit::changed(tx, ctx, "billing.field.create", Object::new("billing_field", id.0, &spec.name)).await?;
        return Ok(Change::Created);
    };
    let new = BillingFieldRow { created_at: old.created_at, updated_at: old.updated_at, ..spec.row(ctx, old.id)? };
    if new == old {
        return Ok(Change::Unchanged);
    }
    let is_sealed = |row: &BillingFieldRow| row.kind == FieldKind::Pass.as_str();
    if is_sealed(&old) != is_sealed(&new) && rows::has_values(tx, old.id).await? {
        let why = "it has values, and a field becomes neither secret nor readable: make another one";
        return Err(Error::Locked { what: "type", why });
    }
    let is_unique = new.flags.contains('h');
    if is_unique != old.flags.contains('h') {
        if is_unique && rows::has_doubles(tx, old.id).await? {
            return Err(Error::Locked { what: "flags", why: "subscribers have the same value: h would forbid it" });
        }
        rows::update_unique(tx, old.id, is_unique).await?;
    }
    rows::update(tx, &new, ctx.now()).await?;
    audit::changed(tx, ctx, "billing.field.update", Object::new("billing_field", old.id.0, &spec.name)).await?;
    Ok(Change::Updated)
}

/// Deletes a field with everybody's values.
pub(crate) async fn delete(ctx: &Ctx, tx: &mut Tx, name: &str) -> Result<Change> {
    let Some(row) = rows::find_by_name(tx, name).await? else { return Ok(Change::Unchanged) };
    rows::delete(tx, row.id).await?;
    audit::changed(tx, ctx, "billing.field.delete", Object::new("billing_field", row.id.0, name)).await?;
    Ok(Change::Removed)
}
