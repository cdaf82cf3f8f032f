//! Dynamic routes of the bastion's front end.

use gatehouse_model::Millis;

use crate::{Query, Result, Tx, args, sql};

/// A row of `bastion_route`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RouteRow {
    /// Identity.
    pub id: i64,
    /// Natural key: where it is, or the name of a menu.
    pub path: String,
    /// The view; empty for a menu.
    pub component: String,
    /// Caption.
    pub title: String,
    /// Icon name.
    pub icon: String,
    /// Who sees it: holders of this code; none: everybody.
    pub code: Option<String>,
    /// The menu it is in.
    pub parent_id: Option<i64>,
    /// Position.
    pub sort: i64,
    /// Disabled ones are not shown.
    pub is_enabled: bool,
}

/// What an insert needs.
#[derive(Debug)]
pub struct NewRoute<'a> {
    /// Natural key.
    pub path: &'a str,
    /// The view.
    pub component: &'a str,
    /// Caption.
    pub title: &'a str,
    /// Icon name.
    pub icon: &'a str,
    /// Needed code.
    pub code: Option<&'a str>,
    /// The menu it is in.
    pub parent_id: Option<i64>,
    /// Position.
    pub sort: i64,
}

/// Inserts an enabled route.
pub async fn insert(tx: &mut Tx, new: &NewRoute<'_>, at: Millis) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .one(
            sql!(
                "INSERT INTO bastion_route (path, component, title, icon, code, parent_id, sort, is_enabled, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id"
            ),
            args![new.path, new.component, new.title, new.icon, new.code, new.parent_id, new.sort, true, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Lists the enabled routes by position.
pub async fn list_enabled(q: &mut impl Query) -> Result<Vec<RouteRow>> {
    q.all(
        sql!(
            "SELECT id, path, component, title, icon, code, parent_id, sort, is_enabled FROM bastion_route \
             WHERE is_enabled = $1 ORDER BY sort, id"
        ),
        args![true],
    )
    .await
}

/// Lists all routes, disabled ones too, by id.
pub async fn list(q: &mut impl Query) -> Result<Vec<RouteRow>> {
    q.all(
        sql!(
            "SELECT id, path, component, title, icon, code, parent_id, sort, is_enabled FROM bastion_route ORDER BY id LIMIT 10000"
        ),
        args![],
    )
    .await
}

/// Sets everything but the path.
pub async fn update(tx: &mut Tx, id: i64, new: &NewRoute<'_>, is_enabled: bool, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE bastion_route SET component = $2, title = $3, icon = $4, code = $5, parent_id = $6, sort = $7, is_enabled = $8, \
             updated_at = $9 WHERE id = $1"
        ),
        args![id, new.component, new.title, new.icon, new.code, new.parent_id, new.sort, is_enabled, at],
    )
    .await
}

/// Deletes a route with those below it.
pub async fn delete(tx: &mut Tx, id: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM bastion_route WHERE id = $1"), args![id]).await
}
