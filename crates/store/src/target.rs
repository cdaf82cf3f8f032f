//! What the way to a target rests on: the resource, the voucher, the approval.

use gatehouse_model::{
    AccessRequestId, AccountId, HostKeyId, Millis, ProtocolId, ResourceGroupId, ResourceId, VoucherId,
};

use crate::{Query, Result, args, sql};

/// A resource as it is dialled.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TargetRow {
    /// Identity.
    pub id: ResourceId,
    /// Name.
    pub name: String,
    /// Its group.
    pub resource_group_id: ResourceGroupId,
    /// The root above it.
    pub root_id: ResourceGroupId,
    /// What it speaks.
    pub protocol_id: ProtocolId,
    /// Address or name.
    pub host: String,
    /// Port.
    pub port: i64,
    /// Disabled ones are visible, not reachable.
    pub is_enabled: bool,
}

/// Finds a resource.
pub async fn find_resource(q: &mut impl Query, id: ResourceId) -> Result<Option<TargetRow>> {
    q.one(
        sql!(
            "SELECT r.id, r.name, r.resource_group_id, g.root_id, r.protocol_id, r.host, r.port, r.is_enabled \
             FROM resource r JOIN resource_group g ON g.id = r.resource_group_id WHERE r.id = $1"
        ),
        args![id],
    )
    .await
}

/// A voucher with its sealed secret.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TargetVoucherRow {
    /// Identity.
    pub id: VoucherId,
    /// Name.
    pub name: String,
    /// User at the target.
    pub username: String,
    /// `password` or `private_key`.
    pub kind: String,
    /// The secret.
    pub secret_sealed: String,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// Its group.
    pub resource_group_id: ResourceGroupId,
    /// The root above it.
    pub root_id: ResourceGroupId,
}

/// Finds a voucher.
pub async fn find_voucher(q: &mut impl Query, id: VoucherId) -> Result<Option<TargetVoucherRow>> {
    q.one(
        sql!(
            "SELECT v.id, v.name, v.username, v.kind, v.secret_sealed, v.seal_ref, v.resource_group_id, g.root_id \
             FROM voucher v JOIN resource_group g ON g.id = v.resource_group_id WHERE v.id = $1"
        ),
        args![id],
    )
    .await
}

/// Whether a voucher is bound to a resource.
pub async fn is_bound(q: &mut impl Query, resource: ResourceId, voucher: VoucherId) -> Result<bool> {
    let row: Option<(VoucherId,)> = q
        .one(
            sql!("SELECT voucher_id FROM resource_voucher WHERE resource_id = $1 AND voucher_id = $2"),
            args![resource, voucher],
        )
        .await?;
    Ok(row.is_some())
}

/// An approval that holds.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct ApprovalRow {
    /// The request.
    pub id: AccessRequestId,
    /// Whether files were asked for.
    pub with_files: bool,
    /// Until then.
    pub valid_until: Option<Millis>,
}

/// Finds an approved request of an account for a resource with a voucher; one without a voucher holds for those bound to the
/// resource. One that lets files be moved comes first.
pub async fn find_approval(
    q: &mut impl Query,
    account: AccountId,
    resource: ResourceId,
    voucher: VoucherId,
    at: Millis,
) -> Result<Option<ApprovalRow>> {
    q.one(
        sql!(
            "SELECT r.id, r.with_files, r.valid_until FROM access_request r WHERE r.account_id = $1 AND r.state = 'approved' \
             AND r.resource_id = $2 AND r.valid_until > $4 AND (r.voucher_id = $3 OR (r.voucher_id IS NULL AND EXISTS ( \
             SELECT 1 FROM resource_voucher b WHERE b.resource_id = $2 AND b.voucher_id = $3))) \
             ORDER BY r.with_files DESC, r.valid_until DESC, r.id LIMIT 1"
        ),
        args![account, resource, voucher, at],
    )
    .await
}

/// Whether a right ended between two moments: a grant, a membership, or an approval.
pub async fn has_expired(q: &mut impl Query, from: Millis, to: Millis) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(1 AS BIGINT) AS n WHERE \
                 EXISTS (SELECT 1 FROM role_grant WHERE valid_until IS NOT NULL AND valid_until > $1 AND valid_until <= $2) \
                 OR EXISTS (SELECT 1 FROM account_role WHERE valid_until IS NOT NULL AND valid_until > $1 AND valid_until <= $2) \
                 OR EXISTS (SELECT 1 FROM access_request WHERE state = 'approved' AND valid_until > $1 AND valid_until <= $2)"
            ),
            args![from, to],
        )
        .await?;
    Ok(row.is_some())
}

/// Whether anything depends on the time of the week: a grant or a policy.
pub async fn has_schedules(q: &mut impl Query) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(1 AS BIGINT) AS n WHERE EXISTS (SELECT 1 FROM role_grant_window) \
                 OR EXISTS (SELECT 1 FROM access_policy WHERE name = 'schedule')"
            ),
            args![],
        )
        .await?;
    Ok(row.is_some())
}

/// What a stay rests on, seen from the account.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StandingRow {
    /// The switch.
    pub is_enabled: bool,
    /// The account's epoch.
    pub epoch: i64,
    /// Whether a new password is owed.
    pub must_change_password: bool,
    /// Whether it is staff.
    pub is_staff: bool,
}

/// The standing of an account; none: it is gone.
pub async fn find_standing(q: &mut impl Query, account: AccountId) -> Result<Option<StandingRow>> {
    q.one(
        sql!(
            "SELECT a.is_enabled, a.epoch, a.must_change_password, \
             EXISTS (SELECT 1 FROM staff_pass s WHERE s.account_id = a.id) AS is_staff FROM account a WHERE a.id = $1"
        ),
        args![account],
    )
    .await
}

/// A pinned key of a target.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PinRow {
    /// Identity.
    pub id: HostKeyId,
    /// `ssh-ed25519` …
    pub algorithm: String,
    /// `ssh-ed25519 AAAA…`
    pub public_key: String,
    /// `SHA256:…`
    pub fingerprint: String,
}

/// Lists the pinned keys of a target.
pub async fn list_pins(q: &mut impl Query, host: &str, port: i64) -> Result<Vec<PinRow>> {
    q.all(
        sql!(
            "SELECT id, algorithm, public_key, fingerprint FROM host_key WHERE host = $1 AND port = $2 AND state = 'pinned' ORDER BY id"
        ),
        args![host, port],
    )
    .await
}
