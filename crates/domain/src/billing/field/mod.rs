//! Extra fields of subscribers: what an installation keeps about them beside what everybody does (specs/billing.md §5.9).

mod define;
mod translit;
mod value;
mod write;

use std::collections::BTreeMap;

use gatehouse_model::FieldKind;
use gatehouse_store::{
    Query,
    billing_field::{self as rows, BillingFieldRow, FieldValueRow},
};

pub use define::{FieldSpec, define, remove};
pub use write::set;

pub(crate) use define::{delete, ensure};
pub(crate) use write::{differ, set_in};

use super::{Outcome, Who, scope};
use crate::{Error, Result};

/// A field, as the API lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name; begins with `_`.
    pub name: String,
    /// Title, without its prefix for sorting.
    pub title: String,
    /// Letters.
    pub flags: String,
    /// Type.
    pub kind: FieldKind,
    /// What a value must match; of a select empty.
    pub pattern: String,
    /// Of a select: what is stored, and what is shown for it.
    pub choices: BTreeMap<String, String>,
    /// Whether subscribers do not see it.
    pub is_staff_only: bool,
    row: BillingFieldRow,
}

impl Field {
    fn of(row: BillingFieldRow) -> Result<Self> {
        let kind = FieldKind::parse(&row.kind);
        let kind = kind.ok_or_else(|| Error::internal(format!("the field {} has no type {}", row.name, row.kind)))?;
        let choices = match kind {
            FieldKind::Select => serde_json::from_str(&row.param).map_err(Error::internal)?,
            _ => BTreeMap::new(),
        };
        Ok(Self {
            name: row.name.clone(),
            title: title(&row.title).to_owned(),
            flags: row.flags.clone(),
            kind,
            pattern: if kind == FieldKind::Select { String::new() } else { row.param.clone() },
            choices,
            is_staff_only: row.is_staff_only,
            row,
        })
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// Whether a subscriber sees it of himself.
    fn is_shown_to_users(&self) -> bool {
        !self.is_staff_only && !matches!(self.kind, FieldKind::Pass | FieldKind::Hash)
    }

    /// What people read instead of a value that is stored.
    fn shown(&self, value: &str) -> String {
        let words = |key: &str| self.choices.get(key).map_or(key, String::as_str).to_owned();
        match self.kind {
            FieldKind::Select if self.has('k') => value.split(',').map(words).collect::<Vec<_>>().join(", "),
            FieldKind::Select => words(value),
            _ => value.to_owned(),
        }
    }
}

/// A title without the prefix that sorts it: `[01]`.
fn title(text: &str) -> &str {
    let rest = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match rest {
        Some((prefix, title)) if !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
            title.trim_start()
        }
        _ => text,
    }
}

/// A field of a subscriber, as the API shows it: without a value, the empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue {
    /// Name of the field.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its type.
    pub kind: FieldKind,
    /// What is stored; of type `pass` always empty.
    pub value: String,
    /// What people read: of a select its texts. Callers have words for yes and no.
    pub shown: String,
}

/// Every field, for showing values of many subscribers.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<Field>);

impl Fields {
    /// Reads what fields there are.
    pub async fn load(q: &mut impl Query) -> Result<Self> {
        Self::of(rows::list(q).await?)
    }

    /// Those that were read already.
    pub(super) fn of(rows: Vec<BillingFieldRow>) -> Result<Self> {
        rows.into_iter().map(Field::of).collect::<Result<_>>().map(Self)
    }

    /// The fields, by section and title.
    pub fn all(&self) -> &[Field] {
        &self.0
    }

    /// A subscriber's fields, from his rows of [`gatehouse_store::billing_field::list_values`]; for himself without those that are
    /// the staff's.
    pub fn show(&self, values: &[FieldValueRow], is_admin: bool) -> Vec<FieldValue> {
        let fields = self.0.iter().filter(|field| is_admin || field.is_shown_to_users());
        fields
            .map(|field| {
                let row = values.iter().find(|row| row.billing_field_id == field.row.id);
                let value = row.and_then(|row| row.value.clone()).unwrap_or_default();
                FieldValue {
                    name: field.name.clone(),
                    title: field.title.clone(),
                    kind: field.kind,
                    shown: field.shown(&value),
                    value,
                }
            })
            .collect()
    }

    /// What is wrong with a value, in words; whether another subscriber has it is not asked.
    pub(crate) fn fault(&self, name: &str, value: &str) -> Option<String> {
        match self.find(name) {
            Ok(field) => value::normalise(field, value).err(),
            Err(_) => Some("no such field".to_owned()),
        }
    }

    fn find(&self, name: &str) -> Result<&Field> {
        self.0.iter().find(|field| field.name == name).ok_or(Error::NotFound { what: "field" })
    }
}

/// Lists what fields there are.
///
/// Shape: nothing → fields by section and title. Errors: `Forbidden` for subscribers, `NoPrivilege` without `billing.access`.
/// Source: specs/billing.md §5.9 `api_dopdata`.
pub async fn list(who: &Who) -> Outcome<Fields> {
    let q = &mut who.ctx.read();
    scope::reach(q, who, "billing.access").await?;
    Ok(Fields::load(q).await?)
}
