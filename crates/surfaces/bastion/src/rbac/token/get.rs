//! `GET rbac/token/get/`

use gatehouse_domain::api_token::{self, TokenView};
use gatehouse_model::AccountId;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Shown {
    id: i64,
    name: String,
    scopes: Vec<String>,
    cidrs: Vec<String>,
    expires_at: Option<String>,
    create_date: String,
    last_used: Option<String>,
}

/// Lists API tokens, never the tokens themselves.
///
/// Shape: paging, `user_id` (110 for others) → paged `{id, name, scopes, cidrs, expires_at, create_date, last_used}`.
/// Errors: 403; 404 unknown user. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut query = call.query();
    let (of, paging) = (query.integer("user_id").map(AccountId), query.paging());
    query.finish()?;
    let tokens = page::of_whole(paging, api_token::list(&ctx, of).await?);
    let shown = |at| time::shown(at, call.bastion.zone());
    let show = |token: TokenView| Shown {
        id: token.id.0,
        name: token.label,
        scopes: token.scopes,
        cidrs: token.cidrs,
        expires_at: token.expires_at.map(shown),
        create_date: shown(token.created_at),
        last_used: token.last_used_at.map(shown),
    };
    Ok(page::reply(paging, tokens, show))
}
