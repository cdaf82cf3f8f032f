//! Command rules and the roles they hold for.

use gatehouse_model::{AccountId, CommandRuleId, Millis, ResourceGroupId, ResourceId, RoleId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `command_rule`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CommandRuleRow {
    /// Identity.
    pub id: CommandRuleId,
    /// Unique name.
    pub name: String,
    /// `all`, `group` or `resource`.
    pub scope: String,
    /// The group or resource; 0 for `all`.
    pub object_id: i64,
    /// A regular expression.
    pub pattern: String,
    /// `allow`, `warn`, `deny` or `terminate`.
    pub action: String,
    /// The lowest is asked first.
    pub priority: i64,
    /// Disabled ones are not asked.
    pub is_enabled: bool,
    /// Since when it exists.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// What insert and update write.
#[derive(Debug, Clone, Copy)]
pub struct CommandRuleData<'a> {
    /// Unique name.
    pub name: &'a str,
    /// `all`, `group` or `resource`, and the object.
    pub scope: (&'a str, i64),
    /// A regular expression.
    pub pattern: &'a str,
    /// What happens.
    pub action: &'a str,
    /// The lowest is asked first.
    pub priority: i64,
    /// Whether it is asked.
    pub is_enabled: bool,
}

/// Inserts a rule for everybody.
pub async fn insert(tx: &mut Tx, data: CommandRuleData<'_>, at: Millis) -> Result<CommandRuleId> {
    let row: Option<(CommandRuleId,)> = tx
        .one(
            sql!(
                "INSERT INTO command_rule (name, scope, object_id, pattern, action, priority, is_enabled, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id"
            ),
            args![
                data.name,
                data.scope.0,
                data.scope.1,
                data.pattern,
                data.action,
                data.priority,
                data.is_enabled,
                at
            ],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Sets all columns of a rule.
pub async fn update(tx: &mut Tx, id: CommandRuleId, data: CommandRuleData<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE command_rule SET name = $2, scope = $3, object_id = $4, pattern = $5, action = $6, priority = $7, is_enabled = $8, \
             updated_at = $9 WHERE id = $1"
        ),
        args![
            id,
            data.name,
            data.scope.0,
            data.scope.1,
            data.pattern,
            data.action,
            data.priority,
            data.is_enabled,
            at
        ],
    )
    .await
}

/// Finds a rule.
pub async fn find(q: &mut impl Query, id: CommandRuleId) -> Result<Option<CommandRuleRow>> {
    q.one(
        sql!(
            "SELECT id, name, scope, object_id, pattern, action, priority, is_enabled, created_at, updated_at FROM command_rule WHERE id = $1"
        ),
        args![id],
    )
    .await
}

/// Finds a rule by its name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<CommandRuleRow>> {
    q.one(
        sql!(
            "SELECT id, name, scope, object_id, pattern, action, priority, is_enabled, created_at, updated_at FROM command_rule WHERE name = $1"
        ),
        args![name],
    )
    .await
}

/// Counts rules.
pub async fn count(q: &mut impl Query) -> Result<i64> {
    let row: Option<(i64,)> = q.one(sql!("SELECT COUNT(*) AS n FROM command_rule"), args![]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists rules by id, downwards or upwards.
pub async fn list(q: &mut impl Query, is_descending: bool, (limit, offset): (i64, i64)) -> Result<Vec<CommandRuleRow>> {
    let direction = if is_descending { -1_i64 } else { 1 };
    q.all(
        sql!(
            "SELECT id, name, scope, object_id, pattern, action, priority, is_enabled, created_at, updated_at FROM command_rule \
             ORDER BY id * $1 LIMIT $2 OFFSET $3"
        ),
        args![direction, limit, offset],
    )
    .await
}

/// Lists the roles of the rules of an id range, as (rule, role).
pub async fn list_roles(
    q: &mut impl Query,
    (first, last): (CommandRuleId, CommandRuleId),
) -> Result<Vec<(CommandRuleId, RoleId)>> {
    q.all(
        sql!(
            "SELECT command_rule_id, role_id FROM command_rule_role WHERE command_rule_id >= $1 AND command_rule_id <= $2 \
             ORDER BY command_rule_id, role_id"
        ),
        args![first, last],
    )
    .await
}

/// Lists the enabled rules that hold for an account at a resource, in the order they are asked.
pub async fn list_reaching(
    q: &mut impl Query,
    account: AccountId,
    resource: ResourceId,
    group: ResourceGroupId,
    at: Millis,
) -> Result<Vec<CommandRuleRow>> {
    q.all(
        sql!(
            "SELECT c.id, c.name, c.scope, c.object_id, c.pattern, c.action, c.priority, c.is_enabled, c.created_at, c.updated_at \
             FROM command_rule c WHERE c.is_enabled = $5 \
             AND (c.scope = 'all' OR (c.scope = 'resource' AND c.object_id = $2) OR (c.scope = 'group' AND c.object_id IN ( \
             SELECT a.above_id FROM resource_group_above a WHERE a.resource_group_id = $3))) \
             AND (NOT EXISTS (SELECT 1 FROM command_rule_role n WHERE n.command_rule_id = c.id) \
             OR EXISTS (SELECT 1 FROM command_rule_role n JOIN account_role m ON m.role_id = n.role_id AND m.account_id = $1 \
             WHERE n.command_rule_id = c.id AND (m.valid_until IS NULL OR m.valid_until > $4))) \
             ORDER BY c.priority, c.id"
        ),
        args![account, resource, group, at, true],
    )
    .await
}

/// Makes a rule hold for a role.
pub async fn insert_role(tx: &mut Tx, id: CommandRuleId, role: RoleId) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO command_rule_role (command_rule_id, role_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
        args![id, role],
    )
    .await
}

/// Takes all roles of a rule: it holds for everybody.
pub async fn delete_roles(tx: &mut Tx, id: CommandRuleId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM command_rule_role WHERE command_rule_id = $1"), args![id]).await
}

/// Deletes a rule.
pub async fn delete(tx: &mut Tx, id: CommandRuleId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM command_rule WHERE id = $1"), args![id]).await
}

/// Deletes the rules of an object that goes.
pub async fn delete_of(tx: &mut Tx, scope: &str, object: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM command_rule WHERE scope = $1 AND object_id = $2"), args![scope, object]).await
}
