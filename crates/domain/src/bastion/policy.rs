//! Policies: values on the installation, on groups and on resources, the nearest of which holds (specs/bastion.md §11.1).

use std::{net::IpAddr, time::Duration};

use gatehouse_model::{ByteSize, ResourceGroupId, ResourceId, Span};
use gatehouse_store::{
    Aspect, Query, Tx,
    access_policy::{self as rows, PolicyRow},
    resource, resource_group as groups,
};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    setting,
    terminal::{Encoding, Terms},
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    permission::{
        self, Change,
        schedule::{self, Window},
    },
    settings::{HostKeyPolicy, RecordingMode},
};

const READ: &str = "system.setting.read";
const UPDATE: &str = "system.setting.update";

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    All,
    /// A group and what is below it.
    Group(ResourceGroupId),
    /// One resource.
    Resource(ResourceId),
}

impl Scope {
    /// Reads the stored form: `all`, `group`, `resource`, and the object.
    pub fn new(name: &str, object: i64) -> Option<Self> {
        match name {
            "all" => Some(Self::All),
            "group" => Some(Self::Group(ResourceGroupId(object))),
            "resource" => Some(Self::Resource(ResourceId(object))),
            _ => None,
        }
    }

    /// The stored form.
    pub const fn parts(self) -> (&'static str, i64) {
        match self {
            Self::All => ("all", 0),
            Self::Group(id) => ("group", id.0),
            Self::Resource(id) => ("resource", id.0),
        }
    }

    /// Refuses an object that does not exist.
    pub(super) async fn check(self, q: &mut impl Query) -> Result<()> {
        let (is_there, what) = match self {
            Self::All => (true, "installation"),
            Self::Group(id) => (groups::find(q, id).await?.is_some(), "resource group"),
            Self::Resource(id) => (resource::find(q, id).await?.is_some(), "resource"),
        };
        if is_there { Ok(()) } else { Err(Error::NotFound { what }) }
    }
}

/// The values, each under its published name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Values {
    #[serde(deserialize_with = "networks")]
    sources: Option<Vec<IpNet>>,
    schedule: Option<Vec<Window>>,
    mfa_max_age: Option<Span>,
    require_approval: Option<bool>,
    max_sessions: Option<u32>,
    idle: Option<Span>,
    max_duration: Option<Span>,
    hostkey: Option<HostKeyPolicy>,
    recording: Option<RecordingMode>,
    record_input: Option<bool>,
    exec: Option<bool>,
    sftp: Option<bool>,
    forward: Option<bool>,
    legacy_algorithms: Option<bool>,
    legacy_scp: Option<bool>,
    max_file: Option<ByteSize>,
    encoding: Option<Encoding>,
    requestable: Option<bool>,
    request_max: Option<Span>,
    approvals: Option<u8>,
}

/// Networks, or single addresses.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Vec<IpNet>>, D::Error> {
    let Some(texts) = Option::<Vec<String>>::deserialize(deserializer)? else { return Ok(None) };
    let read = |text: &String| text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let nets: std::result::Result<Vec<_>, _> = texts.iter().map(read).collect();
    nets.map(Some).map_err(|_| serde::de::Error::custom("a list of networks such as \"10.0.0.0/8\""))
}

/// Longest time a request may ask for.
const REQUEST_MAX: Duration = Duration::from_hours(168);
/// Shortest time a policy may set; below it nobody could work.
const SHORTEST: Duration = Duration::from_secs(1);

impl Values {
    /// Reads values and refuses those out of range, naming the first.
    fn read(map: Map<String, Value>) -> Result<Self> {
        let mut values = Self::default();
        for (name, value) in map {
            values.set(&name, value)?;
        }
        Ok(values)
    }

    fn set(&mut self, name: &str, value: Value) -> Result<()> {
        let one: Self = serde_json::from_value(Value::Object([(name.to_owned(), value)].into_iter().collect()))
            .map_err(|error| Error::invalid(name, error.to_string()))?;
        one.check().map_err(|rule| Error::invalid(name, rule))?;
        macro_rules! take {
            ($($field:ident),*) => {$( if one.$field.is_some() { self.$field = one.$field; } )*};
        }
        take!(
            sources,
            schedule,
            mfa_max_age,
            require_approval,
            max_sessions,
            idle,
            max_duration,
            hostkey,
            recording,
            record_input,
            exec,
            sftp,
            forward,
            legacy_algorithms,
            legacy_scp,
            max_file,
            encoding,
            requestable,
            request_max,
            approvals
        );
        Ok(())
    }

    fn check(&self) -> std::result::Result<(), &'static str> {
        if let Some(windows) = &self.schedule
            && schedule::minutes(windows).is_err()
        {
            return Err(
                "windows like {\"days\":[1,2,3,4,5],\"from\":\"09:00\",\"to\":\"18:00\"}, days 1 (Monday) to 7",
            );
        }
        if [self.mfa_max_age, self.idle, self.max_duration].into_iter().flatten().any(|span| span.0 < SHORTEST) {
            return Err("a duration of at least \"1s\"");
        }
        if self.request_max.is_some_and(|span| !(Duration::from_mins(1)..=REQUEST_MAX).contains(&span.0)) {
            return Err("a duration from \"1m\" to \"7d\"");
        }
        if self.max_sessions == Some(0) || self.approvals.is_some_and(|n| !(1..=10).contains(&n)) {
            return Err("at least 1; approvals at most 10");
        }
        Ok(())
    }
}

/// What is asked of a person at the opening of a stay.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From where; empty: from anywhere.
    pub sources: Vec<IpNet>,
    /// When, as (from, until) in minutes of the week; empty: always.
    pub windows: Vec<(i64, i64)>,
    /// How old the proof of the second factor may be.
    pub mfa_max_age: Option<Duration>,
    /// Whether even permanent holders need an approved request.
    pub require_approval: bool,
    /// Open stays of one account at this resource.
    pub max_sessions: Option<i64>,
    /// Whether people who hold nothing may ask for it.
    pub requestable: bool,
    /// For how long they may ask, minutes.
    pub request_max: i64,
    /// How many have to approve.
    pub approvals: usize,
}

impl Limits {
    /// Whether address and time of the caller are allowed. A caller without a known address is outside every network.
    pub fn allows(&self, ctx: &Ctx) -> bool {
        let minute = permission::moment(ctx).minute_of_week;
        let is_open =
            self.windows.is_empty() || self.windows.iter().any(|(from, until)| (*from..*until).contains(&minute));
        let address = ctx.caller.address.map(|address| address.to_canonical());
        let is_near = self.sources.is_empty()
            || address.is_some_and(|address| self.sources.iter().any(|net| net.contains(&address)));
        is_open && is_near
    }
}

/// What holds at a resource: the nearest value of each policy, else the setting.
///
/// Errors: `Internal` for a value that cannot be read; a missing policy is no permission.
pub async fn of_resource(
    ctx: &Ctx,
    q: &mut impl Query,
    group: ResourceGroupId,
    resource: ResourceId,
) -> Result<(Terms, Limits)> {
    let mut map = Map::new();
    for row in rows::list_reaching(q, resource, group).await? {
        // The nearest comes first.
        if !map.contains_key(&row.name) {
            let value = serde_json::from_str(&row.value).map_err(Error::internal)?;
            map.insert(row.name, value);
        }
    }
    let values = Values::read(map).map_err(|error| Error::internal(error.to_string()))?;
    let base = setting::in_force(&ctx.app, q).await?;
    let windows = values.schedule.as_deref().map(schedule::minutes).transpose()?;
    let terms = Terms {
        idle: values.idle.map_or(base.terminal.idle.0, |span| span.0),
        max_duration: values.max_duration.map_or(base.terminal.max_duration.0, |span| span.0),
        hostkey: values.hostkey.unwrap_or(base.hostkey.policy),
        recording: values.recording.unwrap_or(base.recordings.mode),
        record_input: values.record_input.unwrap_or(base.recordings.input),
        exec: values.exec.unwrap_or(true),
        sftp: values.sftp.unwrap_or(true),
        forward: values.forward.unwrap_or(false),
        legacy_algorithms: values.legacy_algorithms.unwrap_or(false),
        legacy_scp: values.legacy_scp.unwrap_or(false),
        max_file: values.max_file.and_then(|size| i64::try_from(size.0).ok()),
        encoding: values.encoding.unwrap_or_default(),
    };
    let request_max = values.request_max.map_or(REQUEST_MAX, |span| span.0).as_secs() / 60;
    let limits = Limits {
        sources: values.sources.unwrap_or_default(),
        windows: windows.unwrap_or_default(),
        mfa_max_age: values.mfa_max_age.map(|span| span.0),
        require_approval: values.require_approval.unwrap_or(false),
        max_sessions: values.max_sessions.map(i64::from),
        requestable: values.requestable.unwrap_or(false),
        request_max: i64::try_from(request_max).unwrap_or(i64::MAX),
        approvals: values.approvals.map_or(1, usize::from),
    };
    Ok((terms, limits))
}

/// Refuses callers who may not see policies.
pub fn may_read(ctx: &Ctx) -> Result<()> {
    ctx.require(READ)
}

/// Refuses callers who may not change policies.
pub fn may_edit(ctx: &Ctx) -> Result<()> {
    ctx.require(UPDATE)
}

/// Lists the values of one scope, or all.
pub async fn list(ctx: &Ctx, scope: Option<Scope>) -> Result<Vec<PolicyRow>> {
    may_read(ctx)?;
    match scope {
        None => Ok(rows::list(&mut ctx.read()).await?),
        Some(scope) => {
            scope.check(&mut ctx.read()).await?;
            let (name, object) = scope.parts();
            Ok(rows::list_of(&mut ctx.read(), name, object).await?)
        }
    }
}

/// Sets values of a scope; `null` takes one back. Values that are not named stay.
///
/// Errors: `NotFound`; `Invalid` naming the policy.
pub async fn edit(ctx: &Ctx, scope: Scope, values: &Map<String, Value>) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    may_edit(&ctx)?;
    edit_in(&ctx, &mut tx, scope, values).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether values may be set; a `null` only needs a known name.
pub(crate) fn check(values: &Map<String, Value>) -> Result<()> {
    for (name, value) in values {
        Values::default().set(name, value.clone())?;
    }
    Ok(())
}

/// Gives whether anything changed.
pub(crate) async fn edit_in(ctx: &Ctx, tx: &mut Tx, scope: Scope, values: &Map<String, Value>) -> Result<bool> {
    scope.check(tx).await?;
    check(values)?;
    let place = scope.parts();
    let stored = rows::list_of(tx, place.0, place.1).await?;
    let mut changed = Vec::new();
    for (name, value) in values {
        let old = stored.iter().find(|row| row.name == *name).map(|row| row.value.as_str());
        if value.is_null() {
            if old.is_some() {
                rows::delete(tx, place, name).await?;
                changed.push(name.as_str());
            }
        } else {
            let text = value.to_string();
            if old != Some(text.as_str()) {
                rows::insert(tx, place, name, &text, ctx.now()).await?;
                changed.push(name.as_str());
            }
        }
    }
    if changed.is_empty() {
        return Ok(false);
    }
    tx.touch(Aspect::Access, None);
    let name = format!("{} {}: {}", place.0, place.1, changed.join(" "));
    audit::changed(tx, ctx, "policy.edit", Object::new("access_policy", place.1, &name)).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn values_are_read_by_name_and_refused_by_name() {
        let values = Values::read(map(
            r#"{"sources":["10.0.0.0/8","192.0.2.7"],"idle":"10m","exec":false,"max_file":"1GiB","encoding":"gbk","hostkey":"strict",
               "recording":"best_effort","schedule":[{"days":[1],"from":"09:00","to":"18:00"}],"approvals":2}"#,
        ))
        .unwrap();
        assert_eq!(values.sources.unwrap().len(), 2);
        assert_eq!((values.exec, values.approvals, values.encoding), (Some(false), Some(2), Some(Encoding::Gbk)));
        for (name, json) in [
            ("sources", r#"{"sources":["10.0.0.0/33"]}"#),
            ("idle", r#"{"idle":"0s"}"#),
            ("idle", r#"{"idle":600}"#),
            ("exec", r#"{"exec":"yes"}"#),
            ("nonsense", r#"{"nonsense":true}"#),
            ("max_sessions", r#"{"max_sessions":0}"#),
            ("approvals", r#"{"approvals":11}"#),
            ("request_max", r#"{"request_max":"8d"}"#),
            ("schedule", r#"{"schedule":[{"days":[8],"from":"09:00","to":"18:00"}]}"#),
        ] {
            let error = check(&map(json)).unwrap_err();
            assert!(matches!(&error, Error::Invalid { field, .. } if field == name), "{json}: {error}");
        }
        assert!(check(&map(r#"{"idle":null}"#)).is_ok());
    }
}
