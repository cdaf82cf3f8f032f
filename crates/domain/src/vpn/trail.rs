//! What the audit trail says of the WebApi: every call, done, refused or only asked (specs/vpn.md §13).

use gatehouse_store::Tx;

use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
};

/// Longest list of names in a row, in characters.
const LONGEST: usize = 500;

/// Names as a row shows them: separated by commas, without control characters, cut when there are too many.
pub(crate) fn label<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
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
pub(crate) async fn changed(
    tx: &mut Tx,
    ctx: &Ctx,
    action: &'static str,
    object: Object<'_>,
    detail: Option<serde_json::Value>,
) -> Result<()> {
    audit::record(tx, ctx, Stream::Change, action, object, "ok", detail.map(|detail| detail.to_string())).await
}

/// Writes the row of a change that did not happen, and hands the result on.
pub(crate) async fn or_refused<T>(ctx: &Ctx, action: &'static str, object: Object<'_>, result: Result<T>) -> Result<T> {
    if let Err(error) = &result {
        audit::refused(ctx, action, object, &outcome(error)).await?;
    }
    result
}

/// Writes the row of a question, and hands the result on.
pub(crate) async fn asked<T>(ctx: &Ctx, action: &'static str, object: Object<'_>, result: Result<T>) -> Result<T> {
    let outcome = result.as_ref().err().map_or_else(|| "ok".to_owned(), outcome);
    let mut tx = ctx.begin().await?;
    audit::record(&mut tx, ctx, Stream::Access, action, object, &outcome, None).await?;
    tx.commit().await?;
    result
}

fn outcome(error: &Error) -> String {
    match error {
        Error::Fields(faults) => {
            faults.first().map_or_else(|| error.code().to_owned(), |fault| format!("{}_{}", fault.field, fault.rule))
        }
        other => other.code().to_owned(),
    }
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
