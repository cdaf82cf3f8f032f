//! `GET rbac/routes/`

use gatehouse_domain::bastion::route::{self, Route};
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, reply::Reply};

#[derive(Serialize)]
struct Row {
    path: String,
    component: String,
    meta: Meta,
    children: Vec<Self>,
}

#[derive(Serialize)]
struct Meta {
    title: String,
    icon: String,
    permission: Option<String>,
}

impl From<Route> for Row {
    fn from(Route { row, children }: Route) -> Self {
        Self {
            path: row.path,
            component: row.component,
            meta: Meta { title: row.title, icon: row.icon, permission: row.code },
            children: children.into_iter().map(Self::from).collect(),
        }
    }
}

/// Shows the routes of the front end that the caller may open.
///
/// Shape: none → `detail`: a tree. Errors: 401. Limited sessions may. Source: seeds/003 operation 36, specs/bastion.md §6.1
/// row 36, §6.5.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.caller().await?.ctx;
    let routes = route::visible(&ctx).await?;
    Ok(Reply::detail(routes.into_iter().map(Row::from).collect::<Vec<_>>()))
}
