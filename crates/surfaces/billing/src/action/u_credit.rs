//! `u_credit`

use gatehouse_domain::billing::credit::{self, Verdict};

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    action: "u_credit",
    role: For::Everybody,
    changes: |params, _| params.get("go") == Some("1"),
    handle: |call| Box::pin(handle(call)),
};

/// Tells which temporary payment a subscriber would get, or gives it.
///
/// Shape: `uid` of staff → `result`, and where that is `ok` `credit`: `gr`, `full_amt` text, `commission`, `days`, `amt` numbers;
/// with `go=1` → `result` alone. Units: units of the currency, days. Errors: as `u_main`; what is in the way is a `result`:
/// `blocked`, `other_exists`, `no_more`, `many_nopay_days`, `not_needed`. Source: seeds/004 "Получение кредита", specs/billing.md §9.
async fn handle(call: &Call) -> Outcome {
    let mut writer = call.writer();
    if call.params.get("go") == Some("1") {
        let verdict = credit::take(&call.who, call.uid()).await?;
        writer.text("result", verdict.code());
        return Ok(Answer::Plain(writer.into_bytes()));
    }
    let verdict = credit::ask(&call.who, call.uid()).await?;
    if let Verdict::Ok(terms) = verdict {
        writer.object("credit", |credit| {
            credit.text("gr", &call.settings().api.currency_sign);
            credit.text("full_amt", &terms.full.to_decimal());
            credit.plain_money("commission", terms.commission);
            credit.plain("days", terms.days.into());
            credit.plain_money("amt", terms.amount);
        });
    }
    writer.text("result", verdict.code());
    Ok(Answer::Plain(writer.into_bytes()))
}
