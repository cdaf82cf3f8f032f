//! Tries to rise above one's own rights: refused, and told to staff.

use std::time::Duration;

use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
};

/// How often the tries of one person at one kind of change make a row.
const GRAIN: Duration = Duration::from_mins(1);

/// Runs a change that needs `code`, and raises an alert when it is refused for another reason: its caller acts on somebody
/// who holds more, or gives or takes what he does not hold (specs/bastion.md §2.3, §12).
pub(crate) async fn watched<T>(
    ctx: &Ctx,
    code: &'static str,
    action: &'static str,
    object: Object<'_>,
    change: impl Future<Output = Result<T>>,
) -> Result<T> {
    ctx.require(code)?;
    let result = change.await;
    if let Err(Error::Forbidden { need }) = &result
        && need != code
    {
        alert(ctx, action, object, need).await;
    }
    result
}

/// Writes the row. Failing to is logged: the refusal was right all the same.
async fn alert(ctx: &Ctx, action: &'static str, object: Object<'_>, need: &str) {
    metrics::counter!("gatehouse_escalations_refused_total", "action" => action).increment(1);
    let (_, _, name) = ctx.actor_name();
    if !ctx.app.once_per(GRAIN, &format!("escalation {name} {action}")) {
        return;
    }
    let facts = serde_json::json!({ "action": action, "need": need }).to_string();
    let written = async {
        let mut tx = ctx.begin().await?;
        let action = "permission.escalation";
        audit::record(&mut tx, ctx, Stream::Alert, action, object, "forbidden", Some(facts)).await?;
        Ok::<_, Error>(tx.commit().await?)
    };
    if let Err(error) = written.await {
        tracing::warn!(
            event = "audit.failed",
            error = error.chain(),
            "a refused escalation by {name} could not be audited"
        );
    }
}
