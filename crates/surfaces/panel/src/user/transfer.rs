//! `POST user/transfer`.

use gatehouse_domain::panel::{Refusal, commission};
use gatehouse_model::Money;

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    input::as_integer,
};

/// Largest integer that every client can say exactly.
const EXACT: i64 = 1 << 53;

/// Moves commission to the balance. Shape: `transfer_amount`, hundredths, at least 1. Errors: specs/panel.md §2.3.
pub(super) async fn transfer(call: &Call) -> Outcome {
    let amount = call.input.value("transfer_amount").filter(|value| !value.is_boolean()).and_then(as_integer);
    let amount = amount.filter(|amount| (1..=EXACT).contains(amount));
    let wrong = Refusal::input("transfer_amount", "The transfer amount parameter is wrong");
    commission::transfer(call.who()?, Money(amount.ok_or(wrong)?)).await?;
    Ok(Answer::done())
}
