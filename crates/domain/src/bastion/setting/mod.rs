//! Run-time settings: what staff may change without a restart (DESIGN §10.6, specs/bastion.md §17).
//!
//! A stored value holds unless the configuration file or the environment names the key: then that one holds, is shown, and
//! cannot be edited.

use std::time::Duration;

use gatehouse_model::Span;
use gatehouse_store::{Aspect, Query, Tx, setting as rows};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    permission::{self, Change},
    settings::{HostKeyPolicy, RecordingMode},
};

const READ: &str = "system.setting.read";
const UPDATE: &str = "system.setting.update";

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A duration of at least a second.
    Span,
    /// A switch.
    Switch,
    /// A number of at least 1.
    Count,
    /// What happens with unknown host keys.
    HostKey,
    /// What a terminal owes its recording.
    Recording,
}

/// The settings that can be changed while the server runs.
const EDITABLE: &[(&str, Kind)] = &[
    ("hostkey.policy", Kind::HostKey),
    ("recordings.input", Kind::Switch),
    ("recordings.mode", Kind::Recording),
    ("terminal.idle", Kind::Span),
    ("terminal.max_duration", Kind::Span),
    ("terminal.max_sessions_per_user", Kind::Count),
    ("terminal.require_binding", Kind::Switch),
];

/// What holds at resources without a policy of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TerminalBase {
    pub(crate) idle: Duration,
    pub(crate) max_duration: Duration,
    pub(crate) hostkey: HostKeyPolicy,
    pub(crate) recording: RecordingMode,
    pub(crate) record_input: bool,
    pub(crate) require_binding: bool,
    pub(crate) max_sessions_per_user: u32,
}

/// The settings of terminals as they hold now.
pub(crate) async fn terminal(ctx: &Ctx, q: &mut impl Query) -> Result<TerminalBase> {
    let settings = ctx.app.settings();
    let mut base = TerminalBase {
        idle: settings.terminal.idle.0,
        max_duration: settings.terminal.max_duration.0,
        hostkey: settings.hostkey.policy,
        recording: settings.recordings.mode,
        record_input: settings.recordings.input,
        require_binding: settings.terminal.require_binding,
        max_sessions_per_user: settings.terminal.max_sessions_per_user,
    };
    for row in rows::list_plain(q).await? {
        let Some(value) = row.value.filter(|_| !settings.pinned.contains(&row.name)) else { continue };
        match row.name.as_str() {
            "terminal.idle" => base.idle = read::<Span>(&value)?.0,
            "terminal.max_duration" => base.max_duration = read::<Span>(&value)?.0,
            "terminal.max_sessions_per_user" => base.max_sessions_per_user = read(&value)?,
            "terminal.require_binding" => base.require_binding = read(&value)?,
            "hostkey.policy" => base.hostkey = read(&value)?,
            "recordings.mode" => base.recording = read(&value)?,
            "recordings.input" => base.record_input = read(&value)?,
            _ => {}
        }
    }
    Ok(base)
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(Error::internal)
}

/// A setting as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Dotted name.
    pub name: &'static str,
    /// The value that holds; durations as texts with a unit.
    pub value: Value,
    /// Whether it can be edited here: file and environment do not name it.
    pub is_editable: bool,
}

/// Lists the settings in the order of their names.
pub async fn list(ctx: &Ctx) -> Result<Vec<Shown>> {
    ctx.require(READ)?;
    let base = terminal(ctx, &mut ctx.read()).await?;
    let span = |span: Duration| json!(format!("{}s", span.as_secs()));
    let shown = EDITABLE.iter().map(|(name, _)| {
        let value = match *name {
            "hostkey.policy" => json!(base.hostkey),
            "recordings.input" => json!(base.record_input),
            "recordings.mode" => json!(base.recording),
            "terminal.idle" => span(base.idle),
            "terminal.max_duration" => span(base.max_duration),
            "terminal.max_sessions_per_user" => json!(base.max_sessions_per_user),
            _ => json!(base.require_binding),
        };
        Shown { name, value, is_editable: !ctx.app.settings().pinned.contains(*name) }
    });
    Ok(shown.collect())
}

/// Refuses callers who may not change settings.
pub fn may_edit(ctx: &Ctx) -> Result<()> {
    ctx.require(UPDATE)
}

/// Sets settings, in force at once; `null` goes back to the configured value.
///
/// Errors: `Invalid` naming an unknown setting or a wrong value; `Locked` for one that file or environment names.
pub async fn edit(ctx: &Ctx, values: &Map<String, Value>) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    may_edit(&ctx)?;
    for (name, value) in values {
        set(&ctx, &mut tx, name, value).await?;
    }
    tx.touch(Aspect::Setting, None);
    tx.touch(Aspect::Access, None);
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    audit::changed(&mut tx, &ctx, "setting.edit", Object::new("setting", None, &names.join(" "))).await?;
    tx.commit().await?;
    Ok(())
}

async fn set(ctx: &Ctx, tx: &mut Tx, name: &str, value: &Value) -> Result<()> {
    let Some((name, kind)) = EDITABLE.iter().find(|(known, _)| *known == name) else {
        return Err(Error::invalid(name, "no such setting"));
    };
    if ctx.app.settings().pinned.contains(*name) {
        return Err(Error::Locked { what: "setting", why: "the configuration file or the environment sets it" });
    }
    if value.is_null() {
        rows::delete(tx, name).await?;
        return Ok(());
    }
    let text = value.to_string();
    let (is_right, rule) = match kind {
        Kind::Span => {
            let span = serde_json::from_str::<Span>(&text);
            (span.is_ok_and(|span| span.0 >= Duration::from_secs(1)), "a duration such as \"30m\"")
        }
        Kind::Count => (serde_json::from_str::<std::num::NonZeroU32>(&text).is_ok(), "a number of at least 1"),
        Kind::Switch => (value.is_boolean(), "true or false"),
        Kind::HostKey => (serde_json::from_str::<HostKeyPolicy>(&text).is_ok(), "tofu, prompt or strict"),
        Kind::Recording => (serde_json::from_str::<RecordingMode>(&text).is_ok(), "strict, best_effort or off"),
    };
    if !is_right {
        return Err(Error::invalid(*name, rule));
    }
    rows::update_plain(tx, name, &text, ctx.now()).await?;
    Ok(())
}
