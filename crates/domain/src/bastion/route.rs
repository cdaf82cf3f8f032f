//! The menu of the bastion's front end (specs/bastion.md §6.5).

use gatehouse_store::{
    bastion_route::{self as rows, RouteRow},
    grant,
};

use crate::{
    Actor, Ctx, Result,
    permission::{self, Holder, holder, moment},
};

/// A route with what is in it.
#[derive(Debug, Clone)]
pub struct Route {
    /// The route itself.
    pub row: RouteRow,
    /// Its children, by position.
    pub children: Vec<Self>,
}

/// The routes the caller sees, as a tree by position: those without a code and those whose code he holds, installation-wide
/// or on any group. A menu whose entries all go, goes too.
///
/// Source: specs/bastion.md §6.1 row 36.
pub async fn visible(ctx: &Ctx) -> Result<Vec<Route>> {
    let mut seen = Vec::new();
    let all = rows::list_enabled(&mut ctx.read()).await?;
    for row in &all {
        let is_seen = match &row.code {
            None => true,
            Some(code) => holds(ctx, code).await?,
        };
        if is_seen {
            seen.push(row.clone());
        }
    }
    Ok(below(None, &all, &seen))
}

/// The seen routes under a parent. Those that are their own ancestors are under no root, so that this ends.
fn below(parent: Option<i64>, all: &[RouteRow], seen: &[RouteRow]) -> Vec<Route> {
    let mut routes = Vec::new();
    for row in seen.iter().filter(|row| row.parent_id == parent) {
        let children = below(Some(row.id), all, seen);
        let is_menu = all.iter().any(|other| other.parent_id == Some(row.id));
        if !is_menu || !children.is_empty() {
            routes.push(Route { row: row.clone(), children });
        }
    }
    routes
}

async fn holds(ctx: &Ctx, code: &str) -> Result<bool> {
    let is_held = match &ctx.actor {
        Actor::System(_) | Actor::Operator => true,
        Actor::Machine { codes, .. } | Actor::Account { codes, .. } => permission::holds(codes, code),
        Actor::Anonymous => false,
    };
    Ok(is_held
        || match holder(ctx, code) {
            Holder::Everything => true,
            Holder::Nothing => false,
            Holder::Account(id) => grant::is_held_anywhere(&mut ctx.read(), id, code, moment(ctx)).await?,
        })
}
