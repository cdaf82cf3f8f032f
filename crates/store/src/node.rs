//! Proxy nodes, node groups, memberships and what processes say of the nodes they serve.

use gatehouse_model::{AccountId, Millis, NodeGroupId, NodeId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `node`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct NodeRow {
    /// Identity.
    pub id: NodeId,
    /// Node type.
    pub kind: String,
    /// Short name, unique within the type.
    pub code: Option<String>,
    /// Name shown to users.
    pub name: String,
    /// Description shown to users.
    pub remark: Option<String>,
    /// Where clients connect.
    pub host: String,
    /// Port clients connect to; 0: the listener's.
    pub port: i64,
    /// Port the listener binds; 0: any.
    pub server_port: i64,
    /// Address the listener binds.
    pub listen_ip: Option<String>,
    /// Traffic factor, hundredths.
    pub rate: i64,
    /// Served by this product.
    pub is_embedded: bool,
    /// Serves anybody.
    pub is_enabled: bool,
    /// Users see it.
    pub is_shown: bool,
    /// Position.
    pub sort: Option<i64>,
    /// Bytes after which it serves nobody.
    pub transfer_cap: Option<i64>,
    /// `protocol_settings`, JSON without secrets.
    pub settings: String,
    /// Server key, sealed.
    pub server_key_sealed: Option<String>,
    /// Certificate chain, PEM.
    pub tls_cert: Option<String>,
    /// Its key, sealed PEM.
    pub tls_key_sealed: Option<String>,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// Whose check-in and server key it shares.
    pub parent_id: Option<NodeId>,
    /// `a-b`, when clients hop between ports.
    pub port_range: Option<String>,
    /// JSON list of words.
    pub tags: String,
    /// Whether `rate_ranges` count.
    pub is_rate_timed: bool,
    /// JSON: `[{start, end, rate}]`.
    pub rate_ranges: String,
    /// JSON without secrets.
    pub cert_config: Option<String>,
    /// JSON list in the node core's notation.
    pub custom_outbounds: String,
    /// JSON list in the node core's notation.
    pub custom_routes: String,
    /// Private parts of settings and certificate, sealed JSON.
    pub private_sealed: Option<String>,
    /// Its own token, sealed.
    pub token_sealed: Option<String>,
    /// Keyed hash of its own token.
    pub token_hash: Option<String>,
    /// Since when.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}

/// What an insert or a change writes; `code`, `kind` and the secrets are set once.
#[derive(Debug)]
pub struct NodeFields<'a> {
    /// Name.
    pub name: &'a str,
    /// Description.
    pub remark: Option<&'a str>,
    /// Host.
    pub host: &'a str,
    /// Client port.
    pub port: i64,
    /// Listener port.
    pub server_port: i64,
    /// Listener address.
    pub listen_ip: Option<&'a str>,
    /// Hundredths.
    pub rate: i64,
    /// Served here.
    pub is_embedded: bool,
    /// Serves.
    pub is_enabled: bool,
    /// Shown.
    pub is_shown: bool,
    /// Position.
    pub sort: Option<i64>,
    /// Bytes.
    pub transfer_cap: Option<i64>,
    /// JSON.
    pub settings: &'a str,
    /// Sealed server key.
    pub server_key_sealed: Option<&'a str>,
    /// PEM.
    pub tls_cert: Option<&'a str>,
    /// Sealed PEM.
    pub tls_key_sealed: Option<&'a str>,
    /// Parent.
    pub parent_id: Option<NodeId>,
    /// `a-b`.
    pub port_range: Option<&'a str>,
    /// JSON.
    pub tags: &'a str,
    /// Whether `rate_ranges` count.
    pub is_rate_timed: bool,
    /// JSON.
    pub rate_ranges: &'a str,
    /// JSON.
    pub cert_config: Option<&'a str>,
    /// JSON.
    pub custom_outbounds: &'a str,
    /// JSON.
    pub custom_routes: &'a str,
    /// Sealed JSON.
    pub private_sealed: Option<&'a str>,
}

/// Inserts a node.
pub async fn insert(
    tx: &mut Tx,
    kind: &str,
    code: Option<&str>,
    seal_ref: &str,
    f: &NodeFields<'_>,
    at: Millis,
) -> Result<NodeId> {
    let row: Option<(NodeId,)> = tx
        .one(
            sql!(
                "INSERT INTO node (kind, code, seal_ref, name, remark, host, port, server_port, listen_ip, rate, is_embedded, \
                 is_enabled, is_shown, sort, transfer_cap, settings, server_key_sealed, tls_cert, tls_key_sealed, parent_id, port_range, \
                 tags, is_rate_timed, rate_ranges, cert_config, custom_outbounds, custom_routes, private_sealed, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
                 $24, $25, $26, $27, $28, $29, $29) RETURNING id"
            ),
            args![
                kind,
                code,
                seal_ref,
                f.name,
                f.remark,
                f.host,
                f.port,
                f.server_port,
                f.listen_ip,
                f.rate,
                f.is_embedded,
                f.is_enabled,
                f.is_shown,
                f.sort,
                f.transfer_cap,
                f.settings,
                f.server_key_sealed,
                f.tls_cert,
                f.tls_key_sealed,
                f.parent_id,
                f.port_range,
                f.tags,
                f.is_rate_timed,
                f.rate_ranges,
                f.cert_config,
                f.custom_outbounds,
                f.custom_routes,
                f.private_sealed,
                at
            ],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a node's fields.
pub async fn update(tx: &mut Tx, id: NodeId, code: Option<&str>, f: &NodeFields<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE node SET name = $2, remark = $3, host = $4, port = $5, server_port = $6, listen_ip = $7, rate = $8, \
             is_embedded = $9, is_enabled = $10, is_shown = $11, sort = $12, transfer_cap = $13, settings = $14, \
             server_key_sealed = $15, tls_cert = $16, tls_key_sealed = $17, parent_id = $18, port_range = $19, tags = $20, \
             is_rate_timed = $21, rate_ranges = $22, cert_config = $23, custom_outbounds = $24, custom_routes = $25, \
             private_sealed = $26, updated_at = $27, code = $28 WHERE id = $1"
        ),
        args![
            id,
            f.name,
            f.remark,
            f.host,
            f.port,
            f.server_port,
            f.listen_ip,
            f.rate,
            f.is_embedded,
            f.is_enabled,
            f.is_shown,
            f.sort,
            f.transfer_cap,
            f.settings,
            f.server_key_sealed,
            f.tls_cert,
            f.tls_key_sealed,
            f.parent_id,
            f.port_range,
            f.tags,
            f.is_rate_timed,
            f.rate_ranges,
            f.cert_config,
            f.custom_outbounds,
            f.custom_routes,
            f.private_sealed,
            at,
            code
        ],
    )
    .await
}

/// Replaces a node's server key.
pub async fn update_server_key(tx: &mut Tx, id: NodeId, server_key_sealed: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE node SET server_key_sealed = $2, updated_at = $3 WHERE id = $1"),
        args![id, server_key_sealed, at],
    )
    .await
}

/// Replaces a node's own token: sealed text and keyed hash.
pub async fn update_token(tx: &mut Tx, id: NodeId, sealed: &str, hash: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE node SET token_sealed = $2, token_hash = $3, updated_at = $4 WHERE id = $1"),
        args![id, sealed, hash, at],
    )
    .await
}

/// Switches a node; none stays.
pub async fn update_switches(
    tx: &mut Tx,
    id: NodeId,
    is_shown: Option<bool>,
    is_enabled: Option<bool>,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE node SET is_shown = COALESCE(CAST($2 AS BOOLEAN), is_shown), \
             is_enabled = COALESCE(CAST($3 AS BOOLEAN), is_enabled), updated_at = $4 WHERE id = $1"
        ),
        args![id, is_shown, is_enabled, at],
    )
    .await
}

/// Puts a node in its place.
pub async fn update_sort(tx: &mut Tx, id: NodeId, sort: i64, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE node SET sort = $2, updated_at = $3 WHERE id = $1"), args![id, sort, at]).await
}

/// Sets a node's traffic to nothing.
pub async fn reset_usage(tx: &mut Tx, id: NodeId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE node_usage SET up = 0, down = 0, last_at = $2 WHERE node_id = $1"), args![id, at]).await
}

/// Deletes a node.
pub async fn delete(tx: &mut Tx, id: NodeId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM node WHERE id = $1"), args![id]).await
}

/// Lists all nodes as users see them ordered: by `sort`, nulls last, then id.
pub async fn list(q: &mut impl Query) -> Result<Vec<NodeRow>> {
    q.all(sql!("SELECT * FROM node ORDER BY sort NULLS LAST, id"), args![]).await
}

/// Finds a node by type and code.
pub async fn find_by_code(q: &mut impl Query, kind: &str, code: &str) -> Result<Option<NodeRow>> {
    q.one(sql!("SELECT * FROM node WHERE kind = $1 AND code = $2"), args![kind, code]).await
}

/// Finds a node by id.
pub async fn find(q: &mut impl Query, id: NodeId) -> Result<Option<NodeRow>> {
    q.one(sql!("SELECT * FROM node WHERE id = $1"), args![id]).await
}

/// Lists all memberships.
pub async fn list_memberships(q: &mut impl Query) -> Result<Vec<(NodeId, NodeGroupId)>> {
    q.all(sql!("SELECT node_id, node_group_id FROM node_membership ORDER BY node_id, node_group_id"), args![]).await
}

/// Puts a node into a group.
pub async fn insert_membership(tx: &mut Tx, node: NodeId, group: NodeGroupId) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO node_membership (node_id, node_group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
        args![node, group],
    )
    .await
}

/// Takes a node out of a group.
pub async fn delete_membership(tx: &mut Tx, node: NodeId, group: NodeGroupId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM node_membership WHERE node_id = $1 AND node_group_id = $2"), args![node, group]).await
}

/// Inserts a node group, unless somebody else just did; gives its id and whether it is new.
pub async fn insert_group(tx: &mut Tx, name: &str, at: Millis) -> Result<(NodeGroupId, bool)> {
    let row: Option<(NodeGroupId,)> = tx
        .one(
            sql!(
                "INSERT INTO node_group (name, created_at, updated_at) VALUES ($1, $2, $2) ON CONFLICT (name) DO NOTHING RETURNING id"
            ),
            args![name, at],
        )
        .await?;
    match row {
        Some((id,)) => Ok((id, true)),
        None => find_group(tx, name).await?.map(|id| (id, false)).ok_or_else(crate::Error::missing_row),
    }
}

/// Lists node groups by id.
pub async fn list_groups(q: &mut impl Query) -> Result<Vec<(NodeGroupId, String)>> {
    q.all(sql!("SELECT id, name FROM node_group ORDER BY id"), args![]).await
}

/// A node group and who uses it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct GroupRow {
    /// Identity.
    pub id: NodeGroupId,
    /// Name.
    pub name: String,
    /// Since when.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
    /// Proxy passes in it.
    pub users: i64,
    /// Nodes that serve it.
    pub nodes: i64,
    /// Plans that lead into it.
    pub plans: i64,
}

/// Lists node groups by id with who uses them.
pub async fn list_group_uses(q: &mut impl Query) -> Result<Vec<GroupRow>> {
    q.all(
        sql!(
            "SELECT g.id, g.name, g.created_at, g.updated_at, \
             (SELECT COUNT(*) FROM proxy_pass p WHERE p.node_group_id = g.id) AS users, \
             (SELECT COUNT(*) FROM node_membership m WHERE m.node_group_id = g.id) AS nodes, \
             (SELECT COUNT(*) FROM plan l WHERE l.node_group_id = g.id) AS plans FROM node_group g ORDER BY g.id"
        ),
        args![],
    )
    .await
}

/// Renames a node group.
pub async fn update_group(tx: &mut Tx, id: NodeGroupId, name: &str, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE node_group SET name = $2, updated_at = $3 WHERE id = $1"), args![id, name, at]).await
}

/// Finds a node group by name.
pub async fn find_group(q: &mut impl Query, name: &str) -> Result<Option<NodeGroupId>> {
    let row: Option<(NodeGroupId,)> = q.one(sql!("SELECT id FROM node_group WHERE name = $1"), args![name]).await?;
    Ok(row.map(|(id,)| id))
}

/// The node group with the lowest id.
pub async fn find_first_group(q: &mut impl Query) -> Result<Option<NodeGroupId>> {
    let row: Option<(NodeGroupId,)> = q.one(sql!("SELECT id FROM node_group ORDER BY id LIMIT 1"), args![]).await?;
    Ok(row.map(|(id,)| id))
}

/// Deletes a node group nobody is in; a pass that names it is a foreign-key error.
pub async fn delete_group(tx: &mut Tx, id: NodeGroupId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM node_group WHERE id = $1"), args![id]).await
}

/// How many passes are in a group.
pub async fn count_members(q: &mut impl Query, id: NodeGroupId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(sql!("SELECT CAST(COUNT(*) AS BIGINT) AS rows FROM proxy_pass WHERE node_group_id = $1"), args![id])
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// What a process says of a node.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct NodeStateRow {
    /// The node.
    pub node_id: NodeId,
    /// Who says so.
    pub process_id: i64,
    /// Whether the listener is bound.
    pub is_listening: bool,
    /// The port it got.
    pub bound_port: Option<i64>,
    /// Why it is not.
    pub reason: Option<String>,
    /// Since when.
    pub at: Millis,
}

/// Lists node states of running processes.
pub async fn list_states(q: &mut impl Query) -> Result<Vec<NodeStateRow>> {
    q.all(
        sql!(
            "SELECT s.* FROM node_state s JOIN process p ON p.id = s.process_id WHERE p.ended_at IS NULL \
             ORDER BY s.node_id, s.process_id"
        ),
        args![],
    )
    .await
}

/// Writes what a process says of a node.
pub async fn upsert_state(tx: &mut Tx, row: &NodeStateRow) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO node_state (node_id, process_id, is_listening, bound_port, reason, at) \
             SELECT id, $2, $3, $4, $5, $6 FROM node WHERE id = $1 \
             ON CONFLICT (node_id, process_id) DO UPDATE SET is_listening = $3, bound_port = $4, reason = $5, at = $6"
        ),
        args![row.node_id, row.process_id, row.is_listening, row.bound_port, row.reason.as_deref(), row.at],
    )
    .await
}

/// Deletes what a process said.
pub async fn delete_states(tx: &mut Tx, process_id: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM node_state WHERE process_id = $1"), args![process_id]).await
}

/// Raw traffic of all nodes: (node, up, down), bytes.
pub async fn list_usage(q: &mut impl Query) -> Result<Vec<(NodeId, i64, i64)>> {
    q.all(sql!("SELECT node_id, up, down FROM node_usage ORDER BY node_id"), args![]).await
}

/// Takes the next batch number of a source; 0 rows: the batch was stored before.
pub async fn advance_source(tx: &mut Tx, source: &str, sequence: i64, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO usage_source (source, last_sequence, last_at) VALUES ($1, $2, $3) \
             ON CONFLICT (source) DO UPDATE SET last_sequence = $2, last_at = $3 WHERE usage_source.last_sequence < $2"
        ),
        args![source, sequence, at],
    )
    .await
}

/// Charged traffic of a pass: up, down in hundredths of a byte, last time.
pub async fn find_usage(q: &mut impl Query, account: AccountId) -> Result<Option<(i64, i64, Millis)>> {
    q.one(sql!("SELECT up, down, last_at FROM proxy_usage WHERE account_id = $1"), args![account]).await
}

/// Adds raw traffic of a node, bytes; gives its new totals.
pub async fn add_node_usage(tx: &mut Tx, node: NodeId, up: i64, down: i64, at: Millis) -> Result<Option<(i64, i64)>> {
    tx.one(
        sql!(
            "INSERT INTO node_usage (node_id, up, down, last_at) SELECT id, $2, $3, $4 FROM node WHERE id = $1 \
             ON CONFLICT (node_id) DO UPDATE SET up = node_usage.up + $2, down = node_usage.down + $3, last_at = $4 RETURNING up, down"
        ),
        args![node, up, down, at],
    )
    .await
}
