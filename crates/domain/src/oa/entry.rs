//! The start that all three requests share: is the token known, is the name acceptable, what is the user's state
//! (specs/oa.md §1.4 steps 1, 2 and 4).

use std::sync::Arc;

use gatehouse_model::{OaUserId, Origin};
use gatehouse_store::{
    Tx,
    oa_entry::{self as rows, OaEntryRow, OaTokenRow},
};

use super::token;
use crate::{Actor, App, Caller, Ctx, Error, Result};

/// Longest username the surface accepts, in characters; what a back end cannot make ends in 409.
const MAX_USERNAME: usize = 255;

/// Keyed hash of a token, and a username.
pub(crate) type EntryKey = (String, String);

/// The token, if it is known, and the state of the name.
pub(crate) type Entry = (Option<Arc<OaTokenRow>>, OaEntryRow);

/// A request whose token and name are good, with the user's state at that moment.
#[derive(Debug)]
pub struct Asked {
    /// The machine that asks.
    pub ctx: Ctx,
    pub(super) username: String,
    pub(super) entry: OaEntryRow,
    pub(super) state: State,
}

/// State of a row as the decision table knows it; no other state can be represented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Submit(OaUserId),
    Processing(OaUserId),
    Healthy(OaUserId),
    Refused(OaUserId),
    Removing(OaUserId),
    RemovalFailed(OaUserId),
}

impl State {
    /// Reads the stored state. With `local` a user whose account is disabled or lost its pass answers like a refused one.
    pub(super) fn of(entry: &OaEntryRow) -> Result<Self> {
        let Some(id) = entry.id else { return Ok(Self::Absent) };
        let is_usable = entry.is_enabled && entry.uuid_sealed.is_some();
        Ok(match (entry.state.as_deref(), entry.code) {
            (Some("submit"), _) => Self::Submit(id),
            (Some("processing"), _) => Self::Processing(id),
            (Some("exists"), Some(200)) if is_usable => Self::Healthy(id),
            (Some("exists"), Some(200 | 202)) => Self::Refused(id),
            (Some("markRemove"), Some(500)) => Self::RemovalFailed(id),
            (Some("markRemove"), _) => Self::Removing(id),
            _ => return Err(Error::internal(format!("oa_user {id} is in no known state"))),
        })
    }
}

/// Begins a request: checks the token, then the name, and reads the user's state, all by one question to the database,
/// every time: new tokens work and deleted ones are refused at once.
///
/// Units: the username as it came, any bytes.
/// Errors: `Unauthenticated` for an unknown, expired or empty token; then `Invalid{username}` for names that are empty, too
/// long, not UTF-8, reserved or hold control characters; `Unavailable` when the database does not answer, whatever the token.
pub async fn ask(app: &App, caller: Caller, token: &str, username: &[u8]) -> Result<Asked> {
    let username = acceptable(app, username);
    let name = username.as_deref().unwrap_or_default();
    let (token, entry) = find(app, token, name).await?;
    let Some(token) = token.filter(|token| token.expires_at.is_none_or(|at| at > app.now())) else {
        token::note_refused(app, caller).await;
        return Err(Error::Unauthenticated { why: "unknown token" });
    };
    token::note_used(app, token.id, token.last_used_at);
    let username = username?;
    if entry.is_staff {
        return Err(Error::invalid("username", "reserved: staff"));
    }
    let actor =
        Actor::Machine { id: Some(token.id), label: token.label.clone(), codes: crate::app::parse_codes(&token.codes) };
    let ctx = Ctx { app: app.clone(), actor, origin: Origin::Oa, caller };
    let state = State::of(&entry)?;
    Ok(Asked { ctx, username, entry, state })
}

impl Asked {
    /// The name it asks about.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The user's state now, after somebody else was faster. The commit waits until what was read is on the disk: on
    /// SQLite the transaction may run beside the one it read of, under one commit.
    pub(super) async fn state_now(&self, mut tx: Tx) -> Result<State> {
        let entry = rows::find_one(&mut tx, &self.username).await?;
        tx.commit().await?;
        State::of(&entry)
    }
}

/// Step 2 as far as it needs no database.
fn acceptable(app: &App, username: &[u8]) -> Result<String> {
    let refused = |rule: &str| Error::invalid("username", rule);
    let name = std::str::from_utf8(username).map_err(|_| refused("UTF-8"))?;
    check_username(&app.settings().oa.admin_names, name).map_err(refused)?;
    Ok(name.to_owned())
}

/// Gives the rule that a name breaks, if it breaks one.
pub(super) fn check_username(admin_names: &[String], name: &str) -> std::result::Result<(), &'static str> {
    if name.is_empty() || name.chars().count() > MAX_USERNAME {
        Err("1 to 255 characters")
    } else if name.chars().any(char::is_control) {
        Err("no control characters")
    } else if admin_names.iter().any(|reserved| reserved == name) {
        Err("reserved")
    } else {
        Ok(())
    }
}

async fn find(app: &App, token: &str, username: &str) -> Result<Entry> {
    let mut found = None;
    for hash in app.keys().hashes(token::PURPOSE, token) {
        let entry = app.oa_entries().ask(app, (hash, username.to_owned()), look_up).await?;
        let is_known = entry.0.is_some();
        found = Some(entry);
        if is_known {
            break;
        }
    }
    found.ok_or_else(|| Error::internal("the key ring is empty"))
}

async fn look_up(app: App, keys: Vec<EntryKey>) -> Result<Vec<Entry>> {
    let (mut hashes, names): (Vec<_>, Vec<_>) = keys.iter().map(|(hash, name)| (hash.as_str(), name.as_str())).unzip();
    // Mostly it is one machine that asks.
    hashes.sort_unstable();
    hashes.dedup();
    let (tokens, entries) = rows::find(&mut app.db().read(), &hashes, &names).await?;
    let tokens: Vec<_> = tokens.into_iter().map(Arc::new).collect();
    let token = |hash: &str| tokens.iter().find(|token| token.secret_hash == hash).map(Arc::clone);
    Ok(keys.iter().map(|(hash, _)| token(hash)).zip(entries).collect())
}
