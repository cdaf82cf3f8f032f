//! NAS entries (specs/radius.md §1): who may ask, with which secret, and how its sessions are cut.

use std::{net::IpAddr, sync::Arc, time::Duration};

use gatehouse_model::{NasId, PassKind, Secret, Span};
use gatehouse_radius_wire::FreeAttribute;
use gatehouse_store::{
    Aspect, Tx,
    nas::{self as rows, NasFields, NasRow},
};
use ipnet::IpNet;

use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object},
    proxy::manage::Change,
    seal::Place,
};

/// A NAS entry, its secrets opened.
#[derive(Debug, Clone)]
pub struct Nas {
    /// Identity.
    pub id: NasId,
    /// Unique name.
    pub name: String,
    /// Where it asks from.
    pub network: IpNet,
    /// The shared secret.
    pub secret: Secret,
    /// For Disconnect and CoA; the shared secret unless said otherwise.
    pub coa_secret: Secret,
    /// The rest.
    pub settings: NasSettings,
}

/// `[[nas]]` without name, address and secrets; the column `settings` as JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NasSettings {
    /// Passes that decide, the first one that the account holds.
    pub serves: Vec<PassKind>,
    /// How replies look.
    pub profile: Profile,
    /// Whether Access-Requests must carry Message-Authenticator.
    pub require_message_authenticator: Requirement,
    /// Ways to log in.
    pub methods: Vec<Method>,
    /// What is cut off the name.
    pub user_name: UserName,
    /// Acct-Interim-Interval.
    pub interim: Span,
    /// Upper bound of Session-Timeout; none: 1 h when `disconnect` is `none`, else no bound.
    pub session_cap: Option<Span>,
    /// What an Accounting Start of an account that may not be in gets; none: as the profile says.
    pub on_denied_start: Option<OnDeniedStart>,
    /// Whether Gigawords count.
    pub gigawords: Gigawords,
    /// How a session is cut.
    pub disconnect: Disconnect,
    /// Name of a program under `radius.commands`, for `disconnect = "command"`.
    pub command: Option<String>,
    /// Where Disconnect and CoA go.
    pub coa_port: u16,
    /// Whether those carry Message-Authenticator.
    pub coa_message_authenticator: bool,
    /// Whether a refused CoA becomes a Disconnect.
    pub coa_fallback_disconnect: bool,
    /// Whether accepts carry routes of the user's resources.
    pub resource_routes: bool,
    /// Free attributes, `Name = "value"` or `26/VENDOR/TYPE:format = "value"`.
    pub attributes: AttributeSets,
}

impl Default for NasSettings {
    fn default() -> Self {
        Self {
            serves: vec![PassKind::Vpn],
            profile: Profile::Generic,
            require_message_authenticator: Requirement::Auto,
            methods: vec![Method::Pap, Method::Chap, Method::Mschapv2],
            user_name: UserName::Keep,
            interim: Span(Duration::from_mins(1)),
            session_cap: None,
            on_denied_start: None,
            gigawords: Gigawords::Trust,
            disconnect: Disconnect::Coa,
            command: None,
            coa_port: 3_799,
            coa_message_authenticator: true,
            coa_fallback_disconnect: true,
            resource_routes: false,
            attributes: AttributeSets::default(),
        }
    }
}

/// Attributes that identify a session in a Disconnect or `CoA`.
pub const IDENTIFICATION: [&str; 6] =
    ["User-Name", "Acct-Session-Id", "Framed-IP-Address", "NAS-IP-Address", "NAS-Identifier", "Calling-Station-Id"];

/// How replies look (specs/radius.md §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Filter-Id and WISPr.
    Generic,
    /// ocserv: one Class with the groups.
    Ocserv,
    /// MikroTik's vendor attributes.
    Mikrotik,
    /// accel-ppp: rates in Filter-Id.
    AccelPpp,
}

/// Whether something must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Always.
    Yes,
    /// Where its absence is dangerous.
    Auto,
    /// Never.
    No,
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// PAP.
    Pap,
    /// CHAP.
    Chap,
    /// MS-CHAPv2.
    Mschapv2,
}

/// What is cut off User-Name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserName {
    /// Nothing.
    Keep,
    /// `@realm` at the end.
    StripRealm,
    /// `DOMAIN\` in front.
    StripDomain,
}

/// What becomes of the Start of an account that may not be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDeniedStart {
    /// It is answered, and a Disconnect follows.
    Answer,
    /// It is not answered, which some concentrators take as a refusal.
    Silent,
}

/// Whether Gigawords count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gigawords {
    /// They do.
    Trust,
    /// They are wrong on this NAS.
    Ignore,
}

/// How a session is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disconnect {
    /// RFC 5176.
    Coa,
    /// A program of the configuration file.
    Command,
    /// Not at all: Session-Timeout only.
    None,
}

/// Free attributes by occasion.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttributeSets {
    /// With an Accept.
    pub allowed: Vec<(String, String)>,
    /// With the Accept of somebody who is kept in the walled garden.
    pub denied: Vec<(String, String)>,
    /// With a CoA.
    pub change: Vec<(String, String)>,
    /// Identification in a Disconnect; empty: as the profile says.
    pub disconnect: Vec<String>,
}

impl NasSettings {
    /// What an Accounting Start of an account that may not be in gets: what is set, else as the profile wants it.
    pub fn on_denied_start(&self) -> OnDeniedStart {
        self.on_denied_start.unwrap_or(match self.profile {
            Profile::Ocserv => OnDeniedStart::Silent,
            Profile::Generic | Profile::Mikrotik | Profile::AccelPpp => OnDeniedStart::Answer,
        })
    }

    /// Upper bound of Session-Timeout.
    pub fn session_cap(&self) -> Option<Duration> {
        let unless_cut = (self.disconnect == Disconnect::None).then_some(Duration::from_hours(1));
        self.session_cap.map(|span| span.0).or(unless_cut)
    }
}

/// All NAS entries as of the last revision followed, most specific network first.
#[derive(Debug, Default)]
pub struct NasSet {
    /// The entries.
    pub entries: Vec<Arc<Nas>>,
}

impl NasSet {
    /// The entry that a packet's source belongs to.
    pub fn find(&self, source: IpAddr) -> Option<&Arc<Nas>> {
        let source = source.to_canonical();
        self.entries.iter().find(|nas| nas.network.contains(&source))
    }
}

/// Loads every entry. One whose secrets cannot be opened is left out and logged, so that the others go on.
pub(crate) async fn load(app: &App) -> Result<NasSet> {
    let mut entries = Vec::new();
    for row in rows::list(&mut app.db().read()).await? {
        let name = row.name.clone();
        match read(app, row) {
            Ok(nas) => entries.push(Arc::new(nas)),
            Err(error) => {
                tracing::error!(event = "nas.unreadable", nas = name, error = error.chain(), "NAS {name} is left out");
            }
        }
    }
    entries.sort_by_key(|nas| std::cmp::Reverse(nas.network.prefix_len()));
    Ok(NasSet { entries })
}

/// Names of entries that cannot be read and are served by nobody; for `gatehouse doctor`.
pub(crate) async fn unreadable(ctx: &Ctx) -> Result<Vec<String>> {
    let all = rows::list(&mut ctx.read()).await?;
    let bad = |row: NasRow| (row.name.clone(), read(&ctx.app, row));
    Ok(all.into_iter().map(bad).filter(|(_, read)| read.is_err()).map(|(name, _)| name).collect())
}

/// A row with its secrets opened.
pub(crate) fn read(app: &App, row: NasRow) -> Result<Nas> {
    let fault = |what: &str| Error::internal(format!("NAS {}: {what}", row.name));
    let secret = app.keys().open_text(secret_place(&row.seal_ref), &row.secret_sealed)?;
    let coa_secret = match &row.coa_secret_sealed {
        Some(sealed) => app.keys().open_text(coa_secret_place(&row.seal_ref), sealed)?,
        None => secret.clone(),
    };
    Ok(Nas {
        id: row.id,
        network: row.address.parse().map_err(|_| fault("unknown address"))?,
        settings: serde_json::from_str(&row.settings).map_err(Error::internal)?,
        name: row.name,
        secret,
        coa_secret,
    })
}

fn secret_place(row: &str) -> Place<'_> {
    Place { table: "nas", column: "secret", row }
}

fn coa_secret_place(row: &str) -> Place<'_> {
    Place { table: "nas", column: "coa_secret", row }
}

/// An entry as it shall be.
#[derive(Debug, Clone)]
pub struct NasSpec {
    /// Unique name.
    pub name: String,
    /// Where it asks from; unique.
    pub network: IpNet,
    /// The shared secret.
    pub secret: Secret,
    /// For Disconnect and CoA; none: the shared one.
    pub coa_secret: Option<Secret>,
    /// The rest.
    pub settings: NasSettings,
}

/// Makes or changes an entry, found by name. Source: specs/radius.md §1.
///
/// Errors: `Invalid` naming the key that cannot be; `Conflict nas_address_key` for a network that another entry has.
pub async fn save(ctx: &Ctx, spec: &NasSpec) -> Result<(NasId, Change)> {
    ctx.require("radius.nas.update")?;
    let mut tx = ctx.begin().await?;
    let done = save_in(ctx, &mut tx, spec).await?;
    tx.commit().await?;
    Ok(done)
}

/// As [`save`] inside a transaction, without the permission check.
pub(crate) async fn save_in(ctx: &Ctx, tx: &mut Tx, spec: &NasSpec) -> Result<(NasId, Change)> {
    check(spec)?;
    let old = rows::find_by_name(tx, &spec.name).await?;
    // What cannot be opened any more is written anew.
    if let Some(Ok(same)) = old.clone().map(|row| read(&ctx.app, row))
        && same.network == spec.network.trunc()
        && same.secret == spec.secret
        && same.coa_secret == *spec.coa_secret.as_ref().unwrap_or(&spec.secret)
        && old.as_ref().is_some_and(|row| row.coa_secret_sealed.is_some() == spec.coa_secret.is_some())
        && same.settings == spec.settings
    {
        return Ok((same.id, Change::Unchanged));
    }
    let random = ctx.app.random();
    let seal_ref = old.as_ref().map_or_else(|| random.uuid().to_string(), |row| row.seal_ref.clone());
    let seal = |place, secret: &Secret| ctx.app.keys().seal(random, place, secret.expose().as_bytes());
    let secret_sealed = seal(secret_place(&seal_ref), &spec.secret)?;
    let coa_secret_sealed =
        spec.coa_secret.as_ref().map(|secret| seal(coa_secret_place(&seal_ref), secret)).transpose()?;
    let settings = serde_json::to_string(&spec.settings).map_err(Error::internal)?;
    let fields = NasFields {
        address: &spec.network.trunc().to_string(),
        secret_sealed: &secret_sealed,
        coa_secret_sealed: coa_secret_sealed.as_deref(),
        settings: &settings,
    };
    let (id, change) = match old {
        Some(row) => {
            rows::update(tx, row.id, &fields, ctx.now()).await?;
            (row.id, Change::Updated)
        }
        None => (rows::insert(tx, &spec.name, &seal_ref, &fields, ctx.now()).await?, Change::Created),
    };
    tx.touch(Aspect::Nas, Some(id.0));
    audit::changed(tx, ctx, "radius.nas.save", Object::new("nas", id.0, &spec.name)).await?;
    Ok((id, change))
}

/// Removes an entry; its open sessions become stale.
pub(crate) async fn remove_in(ctx: &Ctx, tx: &mut Tx, name: &str) -> Result<Change> {
    let Some(row) = rows::find_by_name(tx, name).await? else { return Ok(Change::Unchanged) };
    rows::delete(tx, row.id).await?;
    tx.touch(Aspect::Nas, Some(row.id.0));
    audit::changed(tx, ctx, "radius.nas.remove", Object::new("nas", row.id.0, name)).await?;
    Ok(Change::Removed)
}

fn check(spec: &NasSpec) -> Result<()> {
    let settings = &spec.settings;
    if spec.name.trim().is_empty() || spec.name.chars().count() > 100 {
        return Err(Error::invalid("name", "1 to 100 characters"));
    }
    if spec.secret.expose().is_empty() || spec.coa_secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
        return Err(Error::invalid("secret", "must not be empty"));
    }
    if settings.serves.is_empty()
        || settings.serves.iter().any(|pass| !matches!(pass, PassKind::Vpn | PassKind::Subscriber))
    {
        return Err(Error::invalid("serves", "`vpn`, `subscriber` or both"));
    }
    if settings.methods.is_empty() {
        return Err(Error::invalid("methods", "at least one of `pap`, `chap`, `mschapv2`"));
    }
    if settings.interim.0 < Duration::from_secs(1) {
        return Err(Error::invalid("interim", "at least `1s`; under `60s` makes much work"));
    }
    if (settings.disconnect == Disconnect::Command) != settings.command.is_some() {
        return Err(Error::invalid(
            "command",
            "goes with `disconnect = \"command\"`, and names a program of `radius.commands`",
        ));
    }
    check_attributes(&settings.attributes)
}

fn check_attributes(sets: &AttributeSets) -> Result<()> {
    let filled = [
        ("attributes.allowed", &sets.allowed),
        ("attributes.denied", &sets.denied),
        ("attributes.change", &sets.change),
    ];
    for (key, set) in filled {
        for (name, text) in set {
            FreeAttribute::parse(name, text).map_err(|problem| Error::invalid(key, problem.to_string()))?;
        }
    }
    let is_known = |name: &String| IDENTIFICATION.iter().any(|known| known.eq_ignore_ascii_case(name));
    match sets.disconnect.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let known = IDENTIFICATION.join(", ");
            Err(Error::invalid("attributes.disconnect", format!("`{name}` does not identify sessions: {known} do")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_checked_where_they_are_written() {
        let pair = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
        let refused = |sets: AttributeSets| match check_attributes(&sets) {
            Err(Error::Invalid { field, rule }) => format!("{field}: {rule}"),
            other => panic!("{other:?}"),
        };
        let good = AttributeSets {
            allowed: pair("Filter-Id", "{login}"),
            denied: pair("26/14988/19:text", "garden"),
            change: pair("ERX-Service-Activate:2", "{service.plan}"),
            disconnect: vec!["acct-session-id".into()],
        };
        assert!(check_attributes(&good).is_ok());
        let unknown = refused(AttributeSets { denied: pair("Filter", "x"), ..good.clone() });
        assert!(unknown.starts_with("attributes.denied: `Filter` is not in the dictionary"), "{unknown}");
        let reserved = refused(AttributeSets { allowed: pair("Proxy-State", "x"), ..good.clone() });
        assert_eq!(reserved, "attributes.allowed: `Proxy-State` is set by the protocol itself");
        let foreign = refused(AttributeSets { disconnect: vec!["NAS-Port".into()], ..good });
        assert!(foreign.starts_with("attributes.disconnect: `NAS-Port` does not identify sessions"), "{foreign}");
    }
}
