//! The ledger: whether everything adds up (specs/billing.md §10).

use super::Finding;
use crate::{Ctx, Result, ledger::check};

const AREA: &str = "ledger";
/// Mismatches that are named.
const NAMED: usize = 5;

pub(super) async fn look(ctx: &Ctx) -> Result<Vec<Finding>> {
    let found = check::check(&mut ctx.read()).await?;
    if found.is_empty() {
        return Ok(vec![Finding::ok(AREA, "every entry, wallet and statement adds up")]);
    }
    let named = found.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let more = if found.len() > NAMED { " …" } else { "" };
    let advice = "somebody wrote to the tables of money past this program: compare them with a backup; \
                  `gatehouse billing check` names more";
    Ok(vec![Finding::fail(AREA, format!("does not add up: {named}{more}"), advice)])
}
