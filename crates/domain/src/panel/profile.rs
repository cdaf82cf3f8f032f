//! Subscriptions as clients fetch them: one row by token, nodes and templates from memory (specs/panel-nodes.md N1–N3).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gatehouse_model::{AccountId, Millis, NodeGroupId, Secret};
use gatehouse_profile::{
    Client, Document, Format, Person, Profile, ProfileNode, Query, Site, Templates,
    format::Expiry,
    render,
    settings::{Fault, PortSpec},
};
use gatehouse_store::proxy_pass::{self as rows, PanelUserRow};
use uuid::Uuid;

use super::{
    day, identity,
    limit::{self, Limit},
    refusal::{Outcome, Refusal},
    setting::PanelSettings,
    subscription,
};
use crate::{
    App, Ctx, Error, Result,
    proxy::{
        node::{Node, Tls},
        row::uuid_place,
    },
};

/// Unknown tokens from one address.
const UNKNOWN: Limit = Limit { scope: "panel.subscription", most: 60, window: Duration::from_mins(10) };
/// Profiles of one token in a minute.
const MOST: u32 = 30;
/// Tokens remembered for that.
const MAX_SEEN: usize = 200_000;
/// Quota of those who have none, as the wire shows it (specs/panel.md §3.8).
const UNLIMITED: i64 = 9_007_199_254_740_991;

/// What was asked for.
#[derive(Debug, Default)]
pub struct Wish<'a> {
    /// The client program.
    pub user_agent: &'a str,
    /// What overrides it.
    pub flag: Option<&'a str>,
    /// Only these protocols.
    pub types: Option<&'a str>,
    /// Only nodes with one of these words.
    pub filter: Option<&'a str>,
}

/// What stays between two profiles: parsed templates, and who asked how often.
#[derive(Debug, Default)]
pub struct Profiles {
    templates: Mutex<Option<(Arc<PanelSettings>, Arc<Ready>)>>,
    seen: Mutex<HashMap<AccountId, (i64, u32)>>,
}

#[derive(Debug)]
struct Ready {
    site: Site,
    templates: Templates,
}

impl Profiles {
    /// Templates and texts of the settings in force, parsed when they change.
    fn ready(&self, app: &App) -> Result<Arc<Ready>> {
        let settings = app.live().panel();
        let mut kept = self.templates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, ready)) = &*kept
            && Arc::ptr_eq(of, &settings)
        {
            return Ok(Arc::clone(ready));
        }
        let site = site(app, &settings);
        let (templates, faults) = Templates::load(&site, |format| text_of(&settings, format).to_owned())
            .map_err(|fault| Error::internal(fault.to_string()))?;
        for (format, fault) in faults {
            tracing::warn!(event = "template.unreadable", ?format, %fault, "a template does not parse; the built-in one serves");
        }
        let ready = Arc::new(Ready { site, templates });
        *kept = Some((settings, Arc::clone(&ready)));
        Ok(ready)
    }

    /// Counts one of an account; false: too many in this minute.
    fn may(&self, account: AccountId, now: Millis) -> bool {
        let minute = now.0.div_euclid(60_000);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_SEEN {
            seen.retain(|_, (at, _)| *at == minute);
        }
        let (at, count) = seen.entry(account).or_insert((minute, 0));
        if *at != minute {
            (*at, *count) = (minute, 0);
        }
        *count += 1;
        *count <= MOST
    }
}

/// The stored template of a format; empty: the built-in one.
fn text_of(settings: &PanelSettings, format: Format) -> &str {
    match format {
        Format::SingBox => &settings.subscribe_template_singbox,
        Format::Clash => &settings.subscribe_template_clash,
        Format::ClashMeta => &settings.subscribe_template_clashmeta,
        Format::Stash => &settings.subscribe_template_stash,
        Format::Surge => &settings.subscribe_template_surge,
        Format::Surfboard => &settings.subscribe_template_surfboard,
        Format::Sip008 | Format::Shadowrocket | Format::QuantumultX | Format::Loon | Format::General => "",
    }
}

fn site(app: &App, settings: &PanelSettings) -> Site {
    let base = subscription::base(app);
    let link = settings.subscribe_url.first().unwrap_or(&base);
    let host = link.split_once("://").map_or("", |(_, rest)| rest.split(['/', ':']).next().unwrap_or_default());
    // A pattern names many hosts; none of them could stand for all.
    let subscribe_host = if host.contains('[') { String::new() } else { host.to_owned() };
    Site { app_name: settings.app_name.clone(), app_url: base, subscribe_host }
}

/// Whether the templates of settings parse with the rest of them. Errors: the format and what is wrong.
pub(crate) fn check(app: &App, settings: &PanelSettings) -> std::result::Result<(), (Option<&'static str>, Fault)> {
    let site = site(app, settings);
    let (_, faults) =
        Templates::load(&site, |format| text_of(settings, format).to_owned()).map_err(|fault| (None, fault))?;
    faults.into_iter().next().map_or(Ok(()), |(format, fault)| Err((format.template_key(), fault)))
}

/// Whether a user may subscribe: not banned, quota none or above 0, not expired (specs/panel.md §3.8).
pub fn is_available(row: &PanelUserRow, now: Millis) -> bool {
    row.is_enabled && row.quota.is_none_or(|quota| quota > 0) && row.expires_at.is_none_or(|at| at > now)
}

/// The nodes users of a group see: shown, serving, in order.
pub fn nodes_of(app: &App, group: Option<NodeGroupId>) -> Vec<Arc<Node>> {
    let Some(group) = group else { return Vec::new() };
    let nodes = app.live().nodes();
    let is_seen = |node: &&Arc<Node>| node.is_shown && node.is_serving() && node.group_ids.contains(&group);
    nodes.nodes.iter().filter(is_seen).cloned().collect()
}

/// The profile of a token; none for a known one whose user may not subscribe now.
///
/// Errors: refusals for no and for an unknown token; `RateLimited`. Source: specs/panel-nodes.md N1.
pub async fn fetch(ctx: &Ctx, token: &str, wish: &Wish<'_>) -> Outcome<Option<Document>> {
    let app = &ctx.app;
    if token.is_empty() {
        return Err(Refusal::denied("token is null").into());
    }
    let mut found = None;
    for hash in app.keys().hashes("proxy_pass.token", token) {
        found = rows::find_by_token(&mut ctx.read(), &hash).await?;
        if found.is_some() {
            break;
        }
    }
    let Some(row) = found else {
        limit::take_address(ctx, UNKNOWN).await?;
        return Err(Refusal::denied("token is error").into());
    };
    if !app.profiles().may(row.account_id, ctx.now()) {
        return Err(Error::RateLimited { retry_after: Duration::from_mins(1) }.into());
    }
    if !is_available(&row, ctx.now()) || is_held(ctx, row.account_id).await? {
        return Ok(None);
    }
    Ok(Some(document(app, &row, token, wish)?))
}

/// Whether the module of real names keeps a user out.
pub(crate) async fn is_held(ctx: &Ctx, account: AccountId) -> Result<bool> {
    Ok(!identity::allows(ctx, &mut ctx.read(), account).await?)
}

fn document(app: &App, row: &PanelUserRow, token: &str, wish: &Wish<'_>) -> Result<Document> {
    let ready = app.profiles().ready(app)?;
    let settings = app.live().panel();
    let all = app.live().nodes();
    let nodes: Vec<ProfileNode> = nodes_of(app, row.node_group_id)
        .iter()
        .filter_map(|node| profile_node(node, node.sheet.parent_id.and_then(|parent| all.get(parent))))
        .collect();
    let nodes: Vec<&ProfileNode> = nodes.iter().collect();
    let person = person(app, row, token)?;
    let client = Client::detect(wish.user_agent, wish.flag);
    let query = Query::parse(wish.types, wish.filter);
    let profile = Profile {
        site: &ready.site,
        person: &person,
        nodes: &nodes,
        query: &query,
        choice: app.random().below(u64::MAX),
        show_info: settings.show_info_to_server_enable,
        show_protocol: settings.show_protocol_to_server_enable,
    };
    Ok(render(ready.templates.get(client.format), &profile, &client))
}

/// A node as profiles need it; none while it has no port.
fn profile_node(node: &Node, parent: Option<&Arc<Node>>) -> Option<ProfileNode> {
    let sheet = &node.sheet;
    let port = sheet.port_range.or_else(|| node.client_port().and_then(PortSpec::single))?;
    let is_self_signed = node.protocol.tls().is_some_and(Tls::is_self_signed);
    Some(ProfileNode {
        id: node.id.0,
        name: node.name.clone(),
        tags: sheet.tags.clone(),
        host: node.host.clone(),
        port,
        settings: if is_self_signed {
            Arc::new(sheet.settings.as_ref().clone().with_unchecked_certificate())
        } else {
            Arc::clone(&sheet.settings)
        },
        server_key: parent.map_or(&sheet.server_key, |parent| &parent.sheet.server_key).clone(),
    })
}

fn person(app: &App, row: &PanelUserRow, token: &str) -> Result<Person> {
    let uuid = app.keys().open_text(uuid_place(&row.seal_ref), &row.uuid_sealed)?;
    // Rounded half up, as everywhere it is shown.
    let bytes = |hundredths: i64| u64::try_from(hundredths.saturating_add(50) / 100).unwrap_or(0);
    let day = 86_400_000;
    let left = |at: Millis| at.0.saturating_sub(app.now().0).max(0);
    Ok(Person {
        uuid: Uuid::parse_str(uuid.expose()).map_err(Error::internal)?,
        up: bytes(row.up),
        down: bytes(row.down),
        total: u64::try_from(row.quota.unwrap_or(UNLIMITED)).unwrap_or(0),
        expiry: row.expires_at.map(|at| Expiry { unix: at.0.div_euclid(1_000), date: day::date(app, at) }),
        reset_in_days: row.next_reset_at.map(|at| u32::try_from((left(at) + day - 1) / day).unwrap_or(u32::MAX)),
        subscribe_url: Secret::new(subscription::link(app, token)),
    })
}
