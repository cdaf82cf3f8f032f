//! The locks that order changes of rights, and publications, with the writes that rest on them.

use crate::{Query, Result, Tx, args, sql};

/// Number of the advisory lock on PostgreSQL. A published fact: processes of different releases must share it.
const RIGHTS: i64 = 0x6761_7465_0001;

/// Number of the lock between staged writes and their publication.
const STAGED: i64 = 0x6761_7465_0002;

/// Number of the lock between users of VPN groups and roles and changes of these.
const TREE: i64 = 0x6761_7465_0003;

/// Holds off changes of rights until the transaction ends. On SQLite the one writer does so already.
pub async fn share_rights(tx: &mut Tx) -> Result<()> {
    let lock = sql! {
        sqlite: "SELECT CAST($1 AS BIGINT) AS n",
        postgres: "SELECT CAST(1 AS BIGINT) AS n FROM pg_advisory_xact_lock_shared($1)"
    };
    tx.one::<(i64,)>(lock, args![RIGHTS]).await.map(drop)
}

/// Waits for every write that rests on rights as they are, and holds off further ones until the transaction ends.
pub async fn own_rights(tx: &mut Tx) -> Result<()> {
    let lock = sql! {
        sqlite: "SELECT CAST($1 AS BIGINT) AS n",
        postgres: "SELECT CAST(1 AS BIGINT) AS n FROM pg_advisory_xact_lock($1)"
    };
    tx.one::<(i64,)>(lock, args![RIGHTS]).await.map(drop)
}

/// Holds off publications until the transaction ends: none sees half of a staged write.
pub async fn share_staged(tx: &mut Tx) -> Result<()> {
    let lock = sql! {
        sqlite: "SELECT CAST($1 AS BIGINT) AS n",
        postgres: "SELECT CAST(1 AS BIGINT) AS n FROM pg_advisory_xact_lock_shared($1)"
    };
    tx.one::<(i64,)>(lock, args![STAGED]).await.map(drop)
}

/// Waits for every staged write under way, and holds off further ones until the transaction ends.
pub async fn own_staged(tx: &mut Tx) -> Result<()> {
    let lock = sql! {
        sqlite: "SELECT CAST($1 AS BIGINT) AS n",
        postgres: "SELECT CAST(1 AS BIGINT) AS n FROM pg_advisory_xact_lock($1)"
    };
    tx.one::<(i64,)>(lock, args![STAGED]).await.map(drop)
}

/// Holds off changes of the tree of VPN groups, and of VPN roles, until the transaction ends: what it puts a user into stays
/// there. Taken after [`share_staged`].
pub async fn share_tree(tx: &mut Tx) -> Result<()> {
    let lock = sql! {
        sqlite: "SELECT CAST($1 AS BIGINT) AS n",
        postgres: "SELECT CAST(1 AS BIGINT) AS n FROM pg_advisory_xact_lock_shared($1)"
    };
    tx.one::<(i64,)>(lock, args![TREE]).await.map(drop)
}

/// Waits for everybody who puts users into VPN groups and roles, and holds off others until the transaction ends. Taken
/// after [`share_staged`].
pub async fn own_tree(tx: &mut Tx) -> Result<()> {
    let lock = sql! {
        sqlite: "SELECT CAST($1 AS BIGINT) AS n",
        postgres: "SELECT CAST(1 AS BIGINT) AS n FROM pg_advisory_xact_lock($1)"
    };
    tx.one::<(i64,)>(lock, args![TREE]).await.map(drop)
}
