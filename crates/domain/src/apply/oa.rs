//! Tokens and users of the oa surface.

use gatehouse_store::{Query, Tx, oa_entry, oa_user as rows};

use super::{Change, OaUserEntry, Presence, StateFile, TokenEntry, Work};
use crate::{
    Ctx, Error, Result,
    oa::{token, user},
};

/// Makes, replaces and deletes tokens.
pub(super) async fn tokens(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    for entry in &file.oa.token {
        let outcome = match entry.state {
            Presence::Present => ensure_token(ctx, tx, entry).await,
            Presence::Absent => remove_token(ctx, tx, &entry.label).await,
        };
        work.note(TokenEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

async fn ensure_token(ctx: &Ctx, tx: &mut Tx, entry: &TokenEntry) -> Result<Change> {
    let present = token::labelled(tx, &entry.label).await?;
    let Some(value) = &entry.value else {
        if !present.is_empty() {
            return Ok(Change::Unchanged);
        }
        token::insert_in(ctx, tx, &entry.label, &token::fresh(ctx)).await?;
        return Ok(Change::Created);
    };
    if let Some(holder) = token::find(&ctx.app, tx, value.expose()).await? {
        if holder.label != entry.label {
            return Err(Error::invalid("value", format!("the token `{}` has it already", holder.label)));
        }
        return Ok(Change::Unchanged);
    }
    match present.as_slice() {
        [] => {}
        [old] => token::delete_in(ctx, tx, old).await?,
        _ => return Err(Error::invalid("label", "several tokens have it: remove them first with state = \"absent\"")),
    }
    token::insert_in(ctx, tx, &entry.label, value).await?;
    Ok(if present.is_empty() { Change::Created } else { Change::Updated })
}

async fn remove_token(ctx: &Ctx, tx: &mut Tx, label: &str) -> Result<Change> {
    let present = token::labelled(tx, label).await?;
    for row in &present {
        token::delete_in(ctx, tx, row).await?;
    }
    Ok(if present.is_empty() { Change::Unchanged } else { Change::Removed })
}

/// Finds the users that are not as described, so that only those are asked for inside the transaction.
pub(super) async fn survey<'a>(ctx: &Ctx, file: &'a StateFile, work: &mut Work) -> Result<Vec<&'a OaUserEntry>> {
    let mut pending = Vec::new();
    for entry in &file.oa.user {
        if is_as_described(&mut ctx.read(), entry).await? {
            work.note(OaUserEntry::KIND, entry.key(), Ok(Change::Unchanged))?;
        } else {
            pending.push(entry);
        }
    }
    Ok(pending)
}

async fn is_as_described(q: &mut impl Query, entry: &OaUserEntry) -> Result<bool> {
    let row = rows::find_by_name(q, &entry.username).await?;
    Ok(match entry.state {
        Presence::Present => row.is_some_and(|row| row.state == "exists" && row.code == 200),
        Presence::Absent => row.is_none(),
    })
}

/// Makes or removes users.
pub(super) async fn users(
    ctx: &Ctx,
    tx: &mut Tx,
    pending: &[&OaUserEntry],
    state: Presence,
    work: &mut Work,
) -> Result<()> {
    for entry in pending.iter().filter(|entry| entry.state == state) {
        let outcome = match state {
            Presence::Present => make(ctx, tx, &entry.username).await,
            Presence::Absent => user::remove_in(ctx, tx, &entry.username)
                .await
                .map(|existed| if existed { Change::Removed } else { Change::Unchanged }),
        };
        work.note(OaUserEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

async fn make(ctx: &Ctx, tx: &mut Tx, username: &str) -> Result<Change> {
    let entry = oa_entry::find_one(tx, username).await?;
    if entry.is_staff {
        return Err(Error::invalid("username", "is reserved: the login of staff"));
    }
    let had_row = entry.id.is_some();
    Ok(match (user::make_in(ctx, tx, username).await?, had_row) {
        (false, _) => Change::Unchanged,
        (true, true) => Change::Updated,
        (true, false) => Change::Created,
    })
}
