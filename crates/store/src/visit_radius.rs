//! Stays through the radius door: what accounting says of them, and the wish to end or change them.

use gatehouse_model::{AccountId, Millis};

use crate::{Result, Tx, args, sql};

/// Asks to end the open stays of an account, and inserts a job for each; gives how many jobs are new or due earlier.
pub async fn ask_end_of_account(
    tx: &mut Tx,
    account: AccountId,
    why: &str,
    by: Option<&str>,
    payload: &str,
    at: Millis,
) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "UPDATE visit SET end_asked_at = $2, end_asked_why = $3, end_asked_by = $4 \
             WHERE account_id = $1 AND door = 'radius' AND until_at IS NULL AND end_asked_at IS NULL"
        ),
        args![account, at, why, by],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
             SELECT 'radius.disconnect', uuid, $3, $2, 0, $2 FROM visit \
             WHERE account_id = $1 AND door = 'radius' AND until_at IS NULL ORDER BY id \
             ON CONFLICT (kind, key) DO UPDATE SET run_at = $2 WHERE job.lease_until IS NULL AND job.run_at > $2"
        ),
        args![account, at, payload],
    )
    .await
}

/// Asks to end the open stays of everybody whose live group is this path or lies in `[below.0, below.1)`; as
/// [`ask_end_of_account`].
pub async fn ask_end_of_group(
    tx: &mut Tx,
    path: &str,
    below: (&str, &str),
    why: &str,
    payload: &str,
    at: Millis,
) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "UPDATE visit SET end_asked_at = $4, end_asked_why = $5 \
             WHERE door = 'radius' AND until_at IS NULL AND end_asked_at IS NULL AND account_id IN \
             (SELECT p.account_id FROM vpn_pass_live p JOIN vpn_group_live g ON g.id = p.vpn_group_id \
             WHERE g.path = $1 OR (g.path >= $2 AND g.path < $3))"
        ),
        args![path, below.0, below.1, at, why],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
             SELECT 'radius.disconnect', uuid, $5, $4, 0, $4 FROM visit \
             WHERE door = 'radius' AND until_at IS NULL AND account_id IN \
             (SELECT p.account_id FROM vpn_pass_live p JOIN vpn_group_live g ON g.id = p.vpn_group_id \
             WHERE g.path = $1 OR (g.path >= $2 AND g.path < $3)) ORDER BY id \
             ON CONFLICT (kind, key) DO UPDATE SET run_at = $4 WHERE job.lease_until IS NULL AND job.run_at > $4"
        ),
        args![path, below.0, below.1, at, payload],
    )
    .await
}

/// Inserts the job that ends a stay, if it is an open one of this door; the wish is a column of the visit.
pub async fn insert_end_job(tx: &mut Tx, uuid: &str, payload: &str, at: Millis) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
             SELECT 'radius.disconnect', uuid, $3, $2, 0, $2 FROM visit WHERE uuid = $1 AND door = 'radius' AND until_at IS NULL \
             ON CONFLICT (kind, key) DO UPDATE SET run_at = $2 WHERE job.lease_until IS NULL AND job.run_at > $2"
        ),
        args![uuid, at, payload],
    )
    .await
}

/// Inserts a job that changes each open stay of an account that nobody asked to end.
///
/// One that is being worked on is begun anew: what it sends was read before this change.
pub async fn ask_change_of_account(tx: &mut Tx, account: AccountId, payload: &str, at: Millis) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
             SELECT 'radius.change', uuid, $3, $2, 0, $2 FROM visit \
             WHERE account_id = $1 AND door = 'radius' AND until_at IS NULL AND end_asked_at IS NULL ORDER BY id \
             ON CONFLICT (kind, key) DO UPDATE SET run_at = $2, lease_until = NULL, attempts = job.attempts + 1"
        ),
        args![account, at, payload],
    )
    .await
}

/// As [`ask_change_of_account`] for everybody whose live group is this path or lies in `[below.0, below.1)`.
pub async fn ask_change_of_group(
    tx: &mut Tx,
    path: &str,
    below: (&str, &str),
    payload: &str,
    at: Millis,
) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
             SELECT 'radius.change', uuid, $5, $4, 0, $4 FROM visit \
             WHERE door = 'radius' AND until_at IS NULL AND end_asked_at IS NULL AND account_id IN \
             (SELECT p.account_id FROM vpn_pass_live p JOIN vpn_group_live g ON g.id = p.vpn_group_id \
             WHERE g.path = $1 OR (g.path >= $2 AND g.path < $3)) ORDER BY id \
             ON CONFLICT (kind, key) DO UPDATE SET run_at = $4, lease_until = NULL, attempts = job.attempts + 1"
        ),
        args![path, below.0, below.1, at, payload],
    )
    .await
}
