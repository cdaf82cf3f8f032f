//! Mail: templates that staff wrote, what was sent, whom to remind.

use gatehouse_model::{AccountId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `mail_template`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct MailTemplateRow {
    /// `verify`, `notify` …
    pub name: String,
    /// Headline.
    pub subject: String,
    /// HTML with `{{variables}}`.
    pub content: String,
}

/// Finds a template that staff wrote.
pub async fn find_template(q: &mut impl Query, name: &str) -> Result<Option<MailTemplateRow>> {
    q.one(sql!("SELECT name, subject, content FROM mail_template WHERE name = $1"), args![name]).await
}

/// Writes a template.
pub async fn replace_template(tx: &mut Tx, name: &str, subject: &str, content: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO mail_template (name, subject, content, updated_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET subject = excluded.subject, content = excluded.content, updated_at = excluded.updated_at"
        ),
        args![name, subject, content, at],
    )
    .await
}

/// Forgets a template: the built-in one holds again.
pub async fn delete_template(tx: &mut Tx, name: &str) -> Result<u64> {
    tx.exec(sql!("DELETE FROM mail_template WHERE name = $1"), args![name]).await
}

/// What is noted of a mail.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MailLogRow {
    /// To whom.
    pub email: String,
    /// Headline.
    pub subject: String,
    /// Template.
    pub template: String,
    /// Why it was not handed over; none: it was.
    pub error: Option<String>,
    /// When.
    pub at: Millis,
}

/// Notes a mail.
pub async fn insert_log(tx: &mut Tx, row: &MailLogRow) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO mail_log (email, subject, template, error, at) VALUES ($1, $2, $3, $4, $5)"),
        args![&row.email, &row.subject, &row.template, row.error.as_deref(), row.at],
    )
    .await
}

/// The latest notes.
pub async fn list_log(q: &mut impl Query, limit: i64) -> Result<Vec<MailLogRow>> {
    q.all(sql!("SELECT email, subject, template, error, at FROM mail_log ORDER BY id DESC LIMIT $1"), args![limit])
        .await
}

/// Forgets old notes.
pub async fn delete_log(tx: &mut Tx, before: Millis) -> Result<u64> {
    tx.exec(sql!("DELETE FROM mail_log WHERE at < $1"), args![before]).await
}

/// Somebody to remind.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ReminderRow {
    /// Who.
    pub account_id: AccountId,
    /// Where.
    pub email: String,
    /// End of the subscription.
    pub expires_at: Option<Millis>,
    /// Bytes.
    pub quota: Option<i64>,
    /// Charged hundredths of a byte.
    pub used: i64,
    /// Wants to know of the end.
    pub remind_expire: bool,
    /// Wants to know of the traffic.
    pub remind_traffic: bool,
}

/// Users from one account on who are to be reminded and were not since a moment: whose subscription ends until `soon`, or who used four
/// fifths of their quota and less than all. Neither shadows nor those who are banned.
pub async fn list_reminders(
    q: &mut impl Query,
    after: AccountId,
    now: Millis,
    soon: Millis,
    since: Millis,
    limit: i64,
) -> Result<Vec<ReminderRow>> {
    q.all(
        sql!(
            "SELECT p.account_id, a.email, p.expires_at, p.quota, COALESCE(u.up, 0) + COALESCE(u.down, 0) AS used, p.remind_expire, \
             p.remind_traffic FROM proxy_pass p JOIN account a ON a.id = p.account_id \
             LEFT JOIN proxy_usage u ON u.account_id = p.account_id \
             WHERE p.account_id > $1 AND a.is_enabled AND a.email IS NOT NULL AND p.main_account_id IS NULL \
             AND (p.reminded_at IS NULL OR p.reminded_at <= $4) AND (p.expires_at IS NULL OR p.expires_at > $2) \
             AND ((p.remind_expire AND p.expires_at <= $3) \
             OR (p.remind_traffic AND p.quota > 0 AND p.quota <= 90000000000000000 \
             AND COALESCE(u.up, 0) + COALESCE(u.down, 0) >= p.quota * 80 \
             AND COALESCE(u.up, 0) + COALESCE(u.down, 0) < p.quota * 100)) ORDER BY p.account_id LIMIT $5"
        ),
        args![after, now, soon, since, limit],
    )
    .await
}

/// Notes that somebody was reminded, unless he was meanwhile; 0: he was.
pub async fn claim_reminder(tx: &mut Tx, account: AccountId, at: Millis, since: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE proxy_pass SET reminded_at = $2 WHERE account_id = $1 AND (reminded_at IS NULL OR reminded_at <= $3)"
        ),
        args![account, at, since],
    )
    .await
}
