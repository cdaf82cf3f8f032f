//! Tickets: what users ask staff.

use gatehouse_model::{AccountId, Millis, PanelTicketId, PanelTicketMessageId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `panel_ticket` with the address of its user.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TicketRow {
    /// Identity.
    pub id: PanelTicketId,
    /// Whose it is.
    pub account_id: AccountId,
    /// His e-mail.
    pub email: Option<String>,
    /// What it is about.
    pub subject: String,
    /// 0 low, 1 medium, 2 high.
    pub level: i64,
    /// Whether it is closed.
    pub is_closed: bool,
    /// Whether staff wrote last.
    pub is_answered: bool,
    /// Who wrote last.
    pub last_author_id: Option<AccountId>,
    /// When its user was last told of an answer.
    pub mailed_at: Option<Millis>,
    /// When it was opened.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// A row of `panel_ticket_message`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct MessageRow {
    /// Identity.
    pub id: PanelTicketMessageId,
    /// Its ticket.
    pub panel_ticket_id: PanelTicketId,
    /// Who wrote it; he may be gone.
    pub author_id: AccountId,
    /// Text.
    pub message: String,
    /// When.
    pub created_at: Millis,
}

/// Which tickets staff look for.
#[derive(Debug, Clone, Copy, Default)]
pub struct TicketFilter<'a> {
    /// Only closed or open ones.
    pub is_closed: Option<bool>,
    /// Only answered ones or those that wait.
    pub is_answered: Option<bool>,
    /// Only of users whose address matches this folded pattern.
    pub email: Option<&'a str>,
    /// Only of this user.
    pub account: Option<AccountId>,
}

/// Opens a ticket. `Conflict panel_ticket_account_id_key` while the account has an open one.
pub async fn insert(tx: &mut Tx, account: AccountId, subject: &str, level: i64, at: Millis) -> Result<PanelTicketId> {
    let row: Option<(PanelTicketId,)> = tx
        .one(
            sql!(
                "INSERT INTO panel_ticket (account_id, subject, level, is_closed, is_answered, last_author_id, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $4, $1, $5, $5) RETURNING id"
            ),
            args![account, subject, level, false, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Adds a message.
pub async fn insert_message(
    tx: &mut Tx,
    ticket: PanelTicketId,
    author: AccountId,
    message: &str,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO panel_ticket_message (panel_ticket_id, author_id, message, created_at) VALUES ($1, $2, $3, $4)"
        ),
        args![ticket, author, message, at],
    )
    .await
}

/// Finds a ticket, of everybody or of one account.
pub async fn find(q: &mut impl Query, id: PanelTicketId, account: Option<AccountId>) -> Result<Option<TicketRow>> {
    q.one(
        sql!(
            "SELECT t.*, a.email FROM panel_ticket t JOIN account a ON a.id = t.account_id \
             WHERE t.id = $1 AND (CAST($2 AS BIGINT) IS NULL OR t.account_id = $2)"
        ),
        args![id, account],
    )
    .await
}

/// Lists tickets, the newest first, one page.
pub async fn list(
    q: &mut impl Query,
    filter: &TicketFilter<'_>,
    (limit, offset): (i64, i64),
) -> Result<Vec<TicketRow>> {
    q.all(
        sql!(
            "SELECT t.*, a.email FROM panel_ticket t JOIN account a ON a.id = t.account_id \
             WHERE (CAST($1 AS BOOLEAN) IS NULL OR t.is_closed = $1) AND (CAST($2 AS BOOLEAN) IS NULL OR t.is_answered = $2) \
             AND (CAST($3 AS TEXT) IS NULL OR a.email_key LIKE $3 ESCAPE '\\') AND (CAST($4 AS BIGINT) IS NULL OR t.account_id = $4) \
             ORDER BY t.id DESC LIMIT $5 OFFSET $6"
        ),
        args![filter.is_closed, filter.is_answered, filter.email, filter.account, limit, offset],
    )
    .await
}

/// Lists the tickets of an account, the newest first, one page.
pub async fn list_own(q: &mut impl Query, account: AccountId, limit: i64) -> Result<Vec<TicketRow>> {
    q.all(
        sql!(
            "SELECT t.*, a.email FROM panel_ticket t JOIN account a ON a.id = t.account_id WHERE t.account_id = $1 \
             ORDER BY t.id DESC LIMIT $2"
        ),
        args![account, limit],
    )
    .await
}

/// Counts tickets.
pub async fn count(q: &mut impl Query, filter: &TicketFilter<'_>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM panel_ticket t JOIN account a ON a.id = t.account_id \
                 WHERE (CAST($1 AS BOOLEAN) IS NULL OR t.is_closed = $1) AND (CAST($2 AS BOOLEAN) IS NULL OR t.is_answered = $2) \
                 AND (CAST($3 AS TEXT) IS NULL OR a.email_key LIKE $3 ESCAPE '\\') AND (CAST($4 AS BIGINT) IS NULL OR t.account_id = $4)"
            ),
            args![filter.is_closed, filter.is_answered, filter.email, filter.account],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists the messages of a ticket in their order, at most `limit` of the latest.
pub async fn list_messages(q: &mut impl Query, ticket: PanelTicketId, limit: i64) -> Result<Vec<MessageRow>> {
    let mut messages: Vec<MessageRow> = q
        .all(
            sql!(
                "SELECT id, panel_ticket_id, author_id, message, created_at FROM panel_ticket_message WHERE panel_ticket_id = $1 \
                 ORDER BY id DESC LIMIT $2"
            ),
            args![ticket, limit],
        )
        .await?;
    messages.reverse();
    Ok(messages)
}

/// Notes who wrote last, in a ticket that is open or in any; 0: it is not.
pub async fn update_replied(
    tx: &mut Tx,
    id: PanelTicketId,
    author: AccountId,
    (is_answered, is_open_only): (bool, bool),
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_ticket SET is_answered = $3, last_author_id = $2, updated_at = $5 WHERE id = $1 AND (NOT is_closed OR NOT $4)"
        ),
        args![id, author, is_answered, is_open_only, at],
    )
    .await
}

/// Takes the right to tell the user of an answer, if nobody did since a moment; 0: somebody did.
pub async fn claim_mail(tx: &mut Tx, id: PanelTicketId, since: Millis, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE panel_ticket SET mailed_at = $3 WHERE id = $1 AND (mailed_at IS NULL OR mailed_at <= $2)"),
        args![id, since, at],
    )
    .await
}

/// Closes a ticket; 0: there is none.
pub async fn close(tx: &mut Tx, id: PanelTicketId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE panel_ticket SET is_closed = $2, updated_at = $3 WHERE id = $1"), args![id, true, at]).await
}

/// Closes answered tickets that nobody wrote in since a moment.
pub async fn close_idle(tx: &mut Tx, since: Millis, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_ticket SET is_closed = $3, updated_at = $2 WHERE NOT is_closed AND is_answered AND updated_at <= $1 \
             AND last_author_id <> account_id"
        ),
        args![since, at, true],
    )
    .await
}

/// Whether there are tickets that [`close_idle`] would close.
pub async fn has_idle(q: &mut impl Query, since: Millis) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT id FROM panel_ticket WHERE NOT is_closed AND is_answered AND updated_at <= $1 AND last_author_id <> account_id LIMIT 1"
            ),
            args![since],
        )
        .await?;
    Ok(row.is_some())
}
