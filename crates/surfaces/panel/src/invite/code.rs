//! `user/invite/save`, `fetch`, `details`.

use gatehouse_domain::panel::invite;
use serde_json::json;

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    user::account::seconds,
};

/// Makes a code.
pub(super) async fn save(call: &Call) -> Outcome {
    invite::save(call.who()?).await?;
    Ok(Answer::done())
}

/// The caller's unused codes and five figures: users invited, commission received, commission that waits, percent, commission
/// available; hundredths.
pub(super) async fn fetch(call: &Call) -> Outcome {
    let shown = invite::show(call.who()?).await?;
    let codes = shown.codes.iter().map(|code| {
        json!({
            "user_id": code.account_id,
            "code": code.code,
            "pv": code.views,
            "status": code.is_used,
            "created_at": seconds(code.created_at),
            "updated_at": seconds(code.updated_at),
        })
    });
    let stat = [shown.invited, shown.paid.0, shown.waiting.0, shown.rate, shown.available.0];
    Ok(Answer::Data(json!({"codes": codes.collect::<Vec<_>>(), "stat": stat})))
}

/// What the caller was paid, the newest first. Shape: `current`, `page_size` of at least 10 → bare `{data, total}`; hundredths.
pub(super) async fn details(call: &Call) -> Outcome {
    let (page, size) = call.input.page("current", "page_size", 10, 100);
    let (rows, total) = invite::details(call.who()?, page, size.max(10)).await?;
    let rows = rows.iter().map(|row| {
        json!({
            "id": row.id,
            "trade_no": row.trade_no,
            "order_amount": row.order_amount.0,
            "get_amount": row.amount.0,
            "created_at": seconds(row.created_at),
        })
    });
    Ok(Answer::Bare(json!({"data": rows.collect::<Vec<_>>(), "total": total})))
}
