//! `api_pay_add`

use gatehouse_domain::billing::{
    Refusal, Role,
    staff_payment::{self, Gift},
};

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, always},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "api_pay_add", role: For::Admin, changes: always, handle: |call| Box::pin(handle(call)) };

/// Gives a subscriber money in the name of staff.
///
/// Shape: `uid`, `cash`, `category` 1 cash, 2 bonus, 3 temporary payment of `days`, `comment` → `result` `ok`, `id` of the row.
/// Units: units of the currency. Errors: `no_uid`, `no_privilege`, `group_denied`, `bad_amount`, `bad_request` for another category
/// and wrong days. Source: specs/billing.md §5.10.
async fn handle(call: &Call) -> Outcome {
    let gift = match call.params.number("category")? {
        Some(1) => Gift::Cash,
        Some(2) => Gift::Bonus,
        Some(3) => {
            let days = call.params.number("days")?.unwrap_or_else(|| call.settings().credit.days.into());
            Gift::Credit { days: u32::try_from(days).unwrap_or(u32::MAX) }
        }
        _ => return Err(Refusal::BadRequest.into()),
    };
    let amount = call.params.amount("cash")?;
    let comment = call.params.get("comment").unwrap_or_default();
    // Its own among the keys of the ledger, whatever the caller chose.
    let staff_no = if let Role::Admin { staff_no, .. } = call.who.role { staff_no } else { 0 };
    let key = call.key().map(|key| format!("staff:{staff_no}:{key}"));
    let id = staff_payment::add(&call.who, call.uid(), gift, amount, comment, key.as_deref()).await?;
    let mut writer = call.writer();
    writer.text("result", "ok");
    writer.number("id", id.0);
    Ok(Answer::Plain(writer.into_bytes()))
}
