//! `u_remitter`

use gatehouse_domain::billing::transfer::{Wish, transfer};

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    action: "u_remitter",
    role: For::Everybody,
    changes: |params, _| params.get("go") == Some("1"),
    handle: |call| Box::pin(handle(call)),
};

/// Sends money to another subscriber, or tells what that would cost.
///
/// Shape: `ppc` of the receiver, `amt`, `balance` as the sender saw it, `go=1` to do it; `uid` of staff → `result` `ok`, `to` the
/// receiver's number, `amt`, `commission`, `full_amt` what the sender pays, `gr`; with `go=1` `id` of his row. Units: units of the
/// currency. Errors: `forbidden` where transfers are off, `bad_amount`, `not_found`, `no_money`, `too_many`, `repeat`.
/// Source: specs/billing.md §5.10.
async fn handle(call: &Call) -> Outcome {
    let wish = Wish {
        ppc: call.params.get("ppc").unwrap_or_default(),
        amt: call.params.get("amt").unwrap_or_default(),
        balance: call.params.get("balance"),
        go: call.params.get("go") == Some("1"),
        key: call.key(),
    };
    let sent = transfer(&call.who, call.uid(), &wish).await?;
    let mut writer = call.writer();
    writer.text("result", "ok");
    if let Some(row) = sent.row {
        writer.number("id", row.0);
    }
    writer.number("to", sent.to);
    writer.text("amt", &sent.amount.to_decimal());
    writer.plain_money("commission", sent.fee);
    writer.text("full_amt", &sent.amount.plus(sent.fee).to_decimal());
    writer.text("gr", &call.settings().api.currency_sign);
    Ok(Answer::Plain(writer.into_bytes()))
}
