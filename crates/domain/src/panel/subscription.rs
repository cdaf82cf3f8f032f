//! Subscriptions: the link by which a client fetches its profile, and what it says of the user (specs/panel.md §2.3,
//! specs/panel-nodes.md N1).

use gatehouse_model::Secret;
use gatehouse_store::proxy_pass as rows;

use super::{
    Who,
    plan::{self, Plan},
    refusal::{Outcome, Refusal},
    user,
};
use crate::{App, proxy::row::token_place};

/// What `user/getSubscribe` tells.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Account, pass, usage.
    pub row: rows::PanelUserRow,
    /// The secret all proxy protocols derive from.
    pub uuid: Secret,
    /// The subscription token.
    pub token: Secret,
    /// The link.
    pub url: String,
    /// Its plan, if it has one.
    pub plan: Option<Plan>,
}

/// The caller's subscription. Errors: its plan does not exist. Source: specs/panel.md §2.3 user/getSubscribe.
pub async fn show(who: &Who) -> Outcome<Shown> {
    let app = &who.ctx.app;
    let user::Info { row, uuid, .. } = user::info(who).await?;
    let token = app.keys().open_text(token_place(&row.seal_ref), &row.token_sealed)?;
    let url = link(app, token.expose());
    let plan = match row.plan_id {
        Some(id) => {
            let plan = plan::find(&mut who.ctx.read(), id).await?;
            Some(plan.ok_or(Refusal::rule("Subscription plan does not exist"))?)
        }
        None => None,
    };
    Ok(Shown { row, uuid, token, url, plan })
}

/// The link of a token: one of the bases of the setting `subscribe_url`, else the panel's own.
pub fn link(app: &App, token: &str) -> String {
    let settings = app.live().panel();
    let base = match settings.subscribe_url.len() {
        0 => base(app),
        bases => {
            let chosen = usize::try_from(app.random().below(bases as u64)).unwrap_or_default();
            filled(app, settings.subscribe_url.get(chosen).map_or("", String::as_str))
        }
    };
    format!("{}/{}/{token}", base.trim_end_matches('/'), settings.subscribe_path)
}

/// The base of links: `app_url`, else `panel.public_url`, else nothing, so that links are relative (specs/panel.md §1.7).
pub fn base(app: &App) -> String {
    let settings = app.live().panel();
    let base = settings.app_url.clone().or_else(|| app.settings().panel.public_url.clone()).unwrap_or_default();
    let base = base.trim_end_matches('/');
    match base.split_once("://") {
        Some((_, rest)) if settings.force_https => format!("https://{rest}"),
        _ => base.to_owned(),
    }
}

/// A base with its patterns filled in: `[a-b]` by a number of the range, `[uuid]` by a random uuid.
fn filled(app: &App, base: &str) -> String {
    let mut text = String::with_capacity(base.len());
    let mut rest = base;
    while let Some((before, after)) = rest.split_once('[') {
        text.push_str(before);
        let Some((inside, tail)) = after.split_once(']') else {
            text.push('[');
            rest = after;
            continue;
        };
        let range = inside.split_once('-').and_then(|(a, b)| a.parse::<u32>().ok().zip(b.parse::<u32>().ok()));
        match range.filter(|(from, to)| from <= to) {
            Some((from, to)) => {
                let number = u64::from(from) + app.random().below(u64::from(to - from) + 1);
                text.push_str(&number.to_string());
            }
            None if inside == "uuid" => text.push_str(&app.random().uuid().to_string()),
            None => {
                text.push('[');
                text.push_str(inside);
                text.push(']');
            }
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}
