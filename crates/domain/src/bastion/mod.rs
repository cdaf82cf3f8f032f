//! The bastion: resource groups, resources, vouchers, and the way to them (specs/bastion.md).

pub mod address;
pub mod group;
pub mod host_key;
pub mod key;
pub mod log;
pub mod policy;
pub mod request;
pub mod resource;
pub mod route;
pub mod rule;
pub(crate) mod seed;
pub mod setting;
pub mod stay;
pub mod terminal;
pub mod ticket;
pub mod voucher;

use gatehouse_model::fold_key;
use gatehouse_store::{Query, Tx, resource_group as groups};

use crate::{
    Ctx, Edit, Error, Result,
    audit::{self, Object, Stream},
    permission::{self, Holder},
};

/// A `LIKE` pattern that finds a text anywhere in a folded column; `%` and `_` in it are themselves.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for c in fold_key(text).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// What a caller is told of an id that finds nothing. Who does not hold the code everywhere hears what he would hear of another
/// group's thing, so that ids tell nothing.
async fn absent(ctx: &Ctx, q: &mut impl Query, code: &'static str, what: &'static str) -> Result<Error> {
    let sees_all = match permission::holder(ctx, code) {
        Holder::Everything => true,
        Holder::Nothing => false,
        Holder::Account(id) => groups::find_root_without(q, id, code, permission::moment(ctx)).await?.is_none(),
    };
    Ok(if sees_all { Error::NotFound { what } } else { Error::Forbidden { need: code.to_owned() } })
}

/// An optional text after an edit; an empty one is none.
fn pick<'a>(given: &'a Edit<String>, old: Option<&'a str>) -> Option<&'a str> {
    match given {
        Edit::Keep => old,
        Edit::Clear => None,
        Edit::Set(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
    }
}

/// Writes the one audit row of a deletion of several things; none without any.
async fn deleted(
    ctx: &Ctx,
    tx: &mut Tx,
    action: &'static str,
    (kind, ids): (&'static str, &[i64]),
    names: &[&str],
) -> Result<()> {
    let Some(first) = ids.first() else { return Ok(()) };
    let id = if ids.len() == 1 { Some(*first) } else { None };
    let detail = serde_json::json!({ "ids": ids }).to_string();
    let names = names.join(" ");
    audit::record(tx, ctx, Stream::Change, action, Object::new(kind, id, &names), "ok", Some(detail)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_texts_as_they_are() {
        assert_eq!(containing("a%_\\B"), "%a\\%\\_\\\\b%");
    }
}
