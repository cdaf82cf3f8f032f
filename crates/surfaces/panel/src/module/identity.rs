//! `real-name-verification/*`, `realname/*` (specs/panel.md §5.1).

use gatehouse_domain::panel::{
    Refusal,
    identity::{self, IdentityRow, review as reviewing},
};
use gatehouse_model::{AccountId, Secret};
use serde_json::{Map, Value, json};

use crate::{
    admin::notice::beside,
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::wrong,
    user::account::seconds,
};

/// Shows how the caller's verification stands. Name and number masked.
pub(super) async fn status(call: &Call) -> Outcome {
    let status = identity::status(call.who()?).await?;
    let row = status.row.as_ref();
    let word = row.map_or("unverified", |row| row.status.as_str());
    let mut shown = json!({
        "status": word,
        "is_verified": word == "approved",
        "can_submit": status.can_submit,
        "real_name_masked": row.map(|row| &row.masked_name),
        "identity_no_masked": row.map(|row| &row.masked_number),
        "reject_reason": row.and_then(|row| row.reason.as_ref()),
        "submitted_at": row.map(|row| seconds(row.submitted_at)),
        "reviewed_at": row.and_then(|row| row.reviewed_at).map(seconds),
        "required": status.is_required,
    });
    if let (Some(notice), Some(object)) = (status.notice, shown.as_object_mut()) {
        object.insert("notice".to_owned(), json!(notice));
    }
    Ok(Answer::Data(shown))
}

/// Takes what the caller says of himself. Shape: `real_name`, `identity_no`.
pub(super) async fn submit(call: &Call) -> Outcome {
    let name = call.input.text("real_name").ok_or(Refusal::input("real_name", "Please enter your name"))?;
    let empty = Refusal::input("identity_no", "Please enter your identity number");
    let number = call.input.text("identity_no").ok_or(empty)?;
    let is_approved = identity::submit(call.who()?, &name, &Secret::new(number)).await?;
    Ok(Answer::Data(json!({"status": if is_approved { "approved" } else { "pending" }})))
}

fn shown(row: &IdentityRow) -> Value {
    json!({
        "user_id": row.account_id,
        "email": row.email,
        "status": row.status,
        "real_name_masked": row.masked_name,
        "identity_no_masked": row.masked_number,
        "checksum_ok": row.is_checksum_right,
        "submitted_at": seconds(row.submitted_at),
        "reviewed_at": row.reviewed_at.map(seconds),
        "reject_reason": row.reason,
    })
}

/// Lists what was submitted. Shape: `current`, `pageSize`, `status`, `keyword`.
pub(super) async fn records(call: &Call) -> Outcome {
    let input = &call.input;
    let status = input.text("status");
    if status.as_deref().is_some_and(|status| !matches!(status, "pending" | "approved" | "rejected")) {
        return Err(wrong("status"));
    }
    let page = input.page("current", "pageSize", 10, 500);
    let (rows, total) = reviewing::list(&call.ctx, status.as_deref(), input.text("keyword").as_deref(), page).await?;
    let mut body: Map<String, Value> = beside(total, page);
    body.insert("data".to_owned(), rows.iter().map(shown).collect());
    Ok(Answer::Bare(Value::Object(body)))
}

/// The user that the path names. Errors: a rule: what is no id names nobody.
fn user(call: &Call) -> Result<AccountId, Failure> {
    let id = call.part(0).parse().map_err(|_| Refusal::rule("There is no verification of this user"))?;
    Ok(AccountId(id))
}

/// Approves or rejects. Shape: `status` (approved, rejected) or `action` (approve, reject); `reason` with a rejection.
pub(super) async fn review(call: &Call) -> Outcome {
    let input = &call.input;
    let verdict = input.text("status").or_else(|| input.text("action"));
    let rejection = match verdict.as_deref() {
        Some("approved" | "approve") => None,
        Some("rejected" | "reject") => {
            let empty = Refusal::input("reason", "Please enter the reason of the rejection");
            Some(input.text("reason").ok_or(empty)?)
        }
        _ => return Err(wrong("status")),
    };
    reviewing::review(&call.ctx, user(call)?, rejection.as_deref()).await?;
    Ok(bare(&json!(true)))
}

/// Forgets what a user submitted.
pub(super) async fn reset(call: &Call) -> Outcome {
    reviewing::reset(&call.ctx, user(call)?).await?;
    Ok(bare(&json!(true)))
}

/// Has all users looked at anew.
pub(super) async fn sync_all(call: &Call) -> Outcome {
    Ok(bare(&json!({"synced": reviewing::sync_all(&call.ctx).await?})))
}

/// Approves all that is pending.
pub(super) async fn approve_all(call: &Call) -> Outcome {
    Ok(bare(&json!({"approved": reviewing::approve_all(&call.ctx).await?})))
}

/// Reads the module's settings anew.
pub(super) async fn clear_cache(call: &Call) -> Outcome {
    reviewing::clear_cache(&call.ctx).await?;
    Ok(bare(&json!({"cleared": true})))
}

/// `{data}`, as all replies to staff of modules.
fn bare(data: &Value) -> Answer {
    Answer::Bare(json!({"data": data}))
}
