//! The bastion: resource groups, resources, vouchers, and the way to them (specs/bastion.md).

pub mod address;
pub mod group;
pub mod host_key;
pub mod key;
pub mod policy;
pub mod request;
pub mod resource;
pub mod rule;
pub(crate) mod seed;
pub mod setting;
pub mod terminal;
pub mod voucher;

use gatehouse_model::fold_key;
use gatehouse_store::{Query, resource_group as groups};

use crate::{
    Ctx, Error, Result,
    permission::{self, Holder},
};

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Paging {
    /// Rows at most.
    pub limit: i64,
    /// Rows to leave out before them.
    pub offset: i64,
    /// Whether the highest id comes first.
    pub is_descending: bool,
}

impl Paging {
    /// The first rows.
    pub const fn first(limit: i64) -> Self {
        Self { limit, offset: 0, is_descending: false }
    }
}

/// Part of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// How many there are in all that the caller may see.
    pub total: i64,
    /// The wanted ones.
    pub rows: Vec<T>,
}

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
        Holder::Account(id) => {
            groups::find_root_without(q, id, code, permission::moment(ctx)).await?.is_none()
        }
    };
    Ok(if sees_all { Error::NotFound { what } } else { Error::Forbidden { need: code.to_owned() } })
}

/// Takes a value given to an optional text: `None` leaves the old one, `Some(None)` and an empty text clear it.
fn pick<'a>(given: &'a Option<Option<String>>, old: Option<&'a str>) -> Option<&'a str> {
    given.as_ref().map_or(old, |given| given.as_deref()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_texts_as_they_are() {
        assert_eq!(containing("a%_\\B"), "%a\\%\\_\\\\b%");
    }
}
