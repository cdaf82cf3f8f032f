//! How far roles' `billing.*` codes reach: all billing groups or some (DESIGN §10.1).

use gatehouse_model::{AccountId, BillingGroupId, Millis, RoleId};

use crate::{Query, Result, Tx, args, sql};

/// Whether a role of an account holds a code on all billing groups.
pub async fn is_on_all(q: &mut impl Query, account: AccountId, code: &str, at: Millis) -> Result<bool> {
    let found: Option<(RoleId,)> = q
        .one(
            sql!(
                "SELECT r.id FROM account_role m JOIN role r ON r.id = m.role_id JOIN role_code c ON c.role_id = r.id \
                 WHERE m.account_id = $1 AND c.code = $2 AND r.is_enabled = $3 AND r.on_all_billing_groups = $3 \
                 AND (m.valid_until IS NULL OR m.valid_until > $4) ORDER BY r.id LIMIT 1"
            ),
            args![account, code, true, at],
        )
        .await?;
    Ok(found.is_some())
}

/// Lists the billing groups that the other roles of an account hold a code on.
pub async fn list_groups(
    q: &mut impl Query,
    account: AccountId,
    code: &str,
    at: Millis,
) -> Result<Vec<BillingGroupId>> {
    let groups: Vec<(BillingGroupId,)> = q
        .all(
            sql!(
                "SELECT DISTINCT g.billing_group_id FROM account_role m JOIN role r ON r.id = m.role_id \
                 JOIN role_code c ON c.role_id = r.id JOIN role_billing_group g ON g.role_id = r.id \
                 WHERE m.account_id = $1 AND c.code = $2 AND r.is_enabled = $3 AND r.on_all_billing_groups = $4 \
                 AND (m.valid_until IS NULL OR m.valid_until > $5) ORDER BY g.billing_group_id"
            ),
            args![account, code, true, false, at],
        )
        .await?;
    Ok(groups.into_iter().map(|(id,)| id).collect())
}

/// Lists the billing groups a role is bound to; none: it reaches all.
pub async fn find_of_role(q: &mut impl Query, role: RoleId) -> Result<Option<Vec<BillingGroupId>>> {
    let on_all: Option<(bool,)> =
        q.one(sql!("SELECT on_all_billing_groups FROM role WHERE id = $1"), args![role]).await?;
    if on_all.is_none_or(|(on_all,)| on_all) {
        return Ok(None);
    }
    let groups: Vec<(BillingGroupId,)> = q
        .all(
            sql!("SELECT billing_group_id FROM role_billing_group WHERE role_id = $1 ORDER BY billing_group_id"),
            args![role],
        )
        .await?;
    Ok(Some(groups.into_iter().map(|(id,)| id).collect()))
}

/// Binds a role to billing groups; none: it reaches all.
pub async fn replace(tx: &mut Tx, role: RoleId, groups: Option<&[BillingGroupId]>) -> Result<()> {
    tx.exec(sql!("UPDATE role SET on_all_billing_groups = $2 WHERE id = $1"), args![role, groups.is_none()]).await?;
    tx.exec(sql!("DELETE FROM role_billing_group WHERE role_id = $1"), args![role]).await?;
    for group in groups.unwrap_or_default() {
        tx.exec(
            sql!("INSERT INTO role_billing_group (role_id, billing_group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
            args![role, *group],
        )
        .await?;
    }
    Ok(())
}
