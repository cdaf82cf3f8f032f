//! `guest/payment/notify/{driver}/{uuid}`: what payment systems tell (specs/panel.md §3.9).

use axum::response::IntoResponse;
use gatehouse_domain::{
    panel::payment::notice::{self, Taken},
    payment::Notice,
};
use gatehouse_kit::log_error;
use http::StatusCode;

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Takes a notice. Plain words with a status: a provider repeats what was not answered with 200.
///
/// Errors: 422 not the provider's word, 400 about no order that it could pay, 503 ours: it will come again.
pub(super) async fn notify(call: &Call) -> Outcome {
    let signature = call.headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let notice = Notice {
        address: call.ctx.caller.address,
        body: call.body.to_vec(),
        query: call.query.clone(),
        signature: signature.map(str::to_owned),
        at: call.ctx.now(),
    };
    let said = match notice::take(&call.ctx, call.part(0), call.part(1), &notice).await {
        Ok(Taken::Done) => (StatusCode::OK, "success"),
        Ok(Taken::Unverified) => (StatusCode::UNPROCESSABLE_ENTITY, "verify error"),
        Ok(Taken::Unusable) => (StatusCode::BAD_REQUEST, "handle error"),
        Err(error) => {
            log_error(&error);
            (StatusCode::SERVICE_UNAVAILABLE, "try again")
        }
    };
    Ok(Answer::Raw(Box::new(said.into_response())))
}
