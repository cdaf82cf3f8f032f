//! Recordings: the folder, and every recording against its row and the audit trail (specs/bastion.md §10.1).

use gatehouse_store::recording as rows;

use super::{Finding, running};
use crate::{
    Ctx, Result,
    recording::{Verdict, verify_row},
};

const AREA: &str = "recordings";
/// Broken recordings that are named.
const NAMED: usize = 10;

pub(super) async fn look(ctx: &Ctx) -> Result<Vec<Finding>> {
    let (mut count, mut bytes, mut broken) = (0_u64, 0_i64, Vec::new());
    let mut after = 0;
    loop {
        let page = rows::list_after(&mut ctx.read(), after, 200).await?;
        let Some(last) = page.last() else { break };
        after = last.visit_id;
        for row in &page {
            count += 1;
            bytes = bytes.saturating_add(row.bytes);
            match verify_row(&ctx.app, row).await {
                Ok(Verdict::Holds { .. }) => {}
                Ok(Verdict::Broken(why)) => broken.push(format!("{}: {why}", row.uuid)),
                Err(error) => broken.push(format!("{}: {}", row.uuid, error.chain())),
            }
        }
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    let several = match running(ctx).await? {
        0 | 1 => String::new(),
        n => format!("; {n} servers run and must share recordings.dir"),
    };
    if broken.is_empty() {
        let message = format!("{count} recordings, {} MiB, hold what the audit trail says{several}", bytes >> 20);
        return Ok(vec![Finding::ok(AREA, message)]);
    }
    let named = broken.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    let more = if broken.len() > NAMED { " …" } else { "" };
    let message = format!("{} of {count} recordings do not hold: {named}{more}{several}", broken.len());
    let advice = "missing ones: mount recordings.dir; others were changed on the disk: bring them back from a backup";
    Ok(vec![Finding::fail(AREA, message, advice)])
}
