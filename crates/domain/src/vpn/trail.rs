//! What the audit trail says of changes on the vpn surface. Refused calls and queries are the surface's to note, see
//! [`super::call`].

use gatehouse_store::Tx;

use crate::{
    Ctx, Result,
    audit::{self, Object, Stream},
};

/// Longest list of names in a row, in characters.
const LONGEST: usize = 500;

/// Names as a row shows them: separated by commas, without control characters, cut when there are too many.
pub(super) fn label<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut label = String::new();
    for (n, name) in names.into_iter().enumerate() {
        if n > 0 {
            label.push(',');
        }
        label.extend(name.chars().filter(|c| !c.is_control()).take(LONGEST));
        if label.chars().count() >= LONGEST {
            return label.chars().take(LONGEST).collect();
        }
    }
    label
}

/// Writes the row of a change into its transaction.
pub(super) async fn changed(
    tx: &mut Tx,
    ctx: &Ctx,
    action: &'static str,
    object: Object<'_>,
    detail: Option<serde_json::Value>,
) -> Result<()> {
    audit::record(tx, ctx, Stream::Change, action, object, "ok", detail.map(|detail| detail.to_string())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_never_names_more_than_fits() {
        assert_eq!(label(["a", "b\0c"]), "a,bc");
        let names = vec!["用户一二三"; 200];
        assert_eq!(label(names).chars().count(), LONGEST);
        assert_eq!(label(["x".repeat(5_000).as_str()]).len(), LONGEST);
    }
}
