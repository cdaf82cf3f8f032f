//! The catalogue of services (specs/billing.md §5.5, §5.9, §8).

use gatehouse_model::{BillingGroupId, BillingServiceId, Money};
use gatehouse_store::{
    Aspect, Query, Tx,
    billing_service::{self as rows, ServiceRow, ServiceValues},
};

use super::period::PeriodMode;
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
};

/// Longest title, in characters.
const TITLE: usize = 64;
/// Longest description, in characters.
const DESCRIPTION: usize = 512;

/// What happens at the end of a period that cannot be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnNoMoney {
    /// It is charged all the same; the debt rule then blocks.
    RenewIntoDebt,
    /// It stops until there is money.
    Stop,
    /// The fallback service takes over until there is money.
    Fallback,
}

impl OnNoMoney {
    /// Reads the stored name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::RenewIntoDebt, Self::Stop, Self::Fallback].into_iter().find(|policy| policy.as_str() == name)
    }

    /// The stored name, which is that of the state file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RenewIntoDebt => "renew_into_debt",
            Self::Stop => "stop",
            Self::Fallback => "fallback_service",
        }
    }
}

/// Tags of a service: `inet`, `speed`, `speed=5`, `realip`, `chkBalance`, or whatever an installation knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

impl Tags {
    /// Reads tags between commas, those around included or not: `,inet,speed=5,`.
    pub fn parse(text: &str) -> Self {
        Self(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect())
    }

    /// Whether a tag is there, with a value or without.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|tag| tag.split('=').next() == Some(name))
    }

    /// The value of a tag, such as `5` of `speed=5`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|tag| tag.split_once('=').filter(|(known, _)| *known == name).map(|(_, value)| value))
    }
}

impl std::fmt::Display for Tags {
    /// Between commas; nothing where there are none.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ",{},", self.0.join(",")) }
    }
}

/// A service whose definition means something.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its number.
    pub id: BillingServiceId,
    /// What kind of service it is: of one module a subscriber has one.
    pub module: String,
    /// What lists sort it under.
    pub category: String,
    /// Its name.
    pub title: String,
    /// What it is.
    pub description: String,
    /// Of a whole period.
    pub price: Money,
    /// How long its periods are.
    pub period: PeriodMode,
    /// Whether it follows itself.
    pub is_auto_renew: bool,
    /// Whether subscribers cannot order it as the next one.
    pub is_no_renew: bool,
    /// Whether others of its module may be connected beside it.
    pub is_multiple: bool,
    /// Whether the subscriber's discount counts.
    pub is_discountable: bool,
    /// Whether connecting it needs money.
    pub is_funds_checked: bool,
    /// What happens without money; none: as the tags say.
    pub on_no_money: Option<OnNoMoney>,
    /// What takes over without money.
    pub fallback: Option<BillingServiceId>,
    /// What it gives.
    pub tags: Tags,
    /// What modules and NAS read of it: data, never code.
    pub param: serde_json::Map<String, serde_json::Value>,
}

/// A definition that means nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("service {id} is faulty: {what}")]
pub struct Faulty {
    /// Which.
    pub id: BillingServiceId,
    /// What is wrong.
    pub what: &'static str,
}

impl TryFrom<ServiceRow> for Service {
    type Error = Faulty;

    fn try_from(row: ServiceRow) -> Result<Self, Faulty> {
        let faulty = |what| Faulty { id: row.id, what };
        let period = PeriodMode::parse(&row.period_mode, row.period_seconds).ok_or_else(|| faulty("its period"))?;
        let on_no_money = row
            .on_no_money
            .as_deref()
            .map(|name| OnNoMoney::parse(name).ok_or_else(|| faulty("what happens without money")))
            .transpose()?;
        let param = serde_json::from_str(&row.param).map_err(|_| faulty("its parameters"))?;
        Ok(Self {
            id: row.id,
            module: row.module,
            category: row.category,
            title: row.title,
            description: row.description,
            price: row.price,
            period,
            is_auto_renew: row.is_auto_renew,
            is_no_renew: row.is_no_renew,
            is_multiple: row.is_multiple,
            is_discountable: row.is_discountable,
            is_funds_checked: row.is_funds_checked,
            on_no_money,
            fallback: row.fallback_service_id,
            tags: Tags::parse(&row.tags),
            param,
        })
    }
}

impl Service {
    /// What happens at the end of a period that cannot be paid. Source: specs/billing.md §8.2.
    pub fn policy(&self) -> OnNoMoney {
        let by_tags = if self.tags.has("chkBalance") { OnNoMoney::Fallback } else { OnNoMoney::RenewIntoDebt };
        match self.on_no_money.unwrap_or(by_tags) {
            OnNoMoney::Fallback if self.fallback.is_none() => OnNoMoney::Stop,
            policy => policy,
        }
    }

    /// What follows it by itself.
    pub(super) fn follower(&self) -> Option<BillingServiceId> {
        self.is_auto_renew.then_some(self.id)
    }
}

/// A service as staff define it.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSpec {
    /// Its name in the state file.
    pub key: Option<String>,
    /// What kind of service it is.
    pub module: String,
    /// What lists sort it under.
    pub category: String,
    /// Its name, 1 to 64 characters.
    pub title: String,
    /// What it is, at most 512 characters.
    pub description: String,
    /// Of a whole period; negative: given.
    pub price: Money,
    /// How long its periods are.
    pub period: PeriodMode,
    /// Whether it follows itself.
    pub is_auto_renew: bool,
    /// Whether subscribers cannot order it as the next one.
    pub is_no_renew: bool,
    /// Whether others of its module may be connected beside it.
    pub is_multiple: bool,
    /// Whether the subscriber's discount counts.
    pub is_discountable: bool,
    /// Whether connecting it needs money.
    pub is_funds_checked: bool,
    /// What happens without money; none: as the tags say.
    pub on_no_money: Option<OnNoMoney>,
    /// What takes over without money: another service of the module.
    pub fallback: Option<BillingServiceId>,
    /// What it gives.
    pub tags: Tags,
    /// What modules and NAS read of it.
    pub param: serde_json::Map<String, serde_json::Value>,
    /// The groups that may have it.
    pub groups: Vec<BillingGroupId>,
}

impl ServiceSpec {
    /// A service with the defaults of specs/billing.md §15: nobody may have it yet.
    pub fn new(title: &str, price: Money, period: PeriodMode) -> Self {
        Self {
            key: None,
            module: String::new(),
            category: String::new(),
            title: title.to_owned(),
            description: String::new(),
            price,
            period,
            is_auto_renew: false,
            is_no_renew: false,
            is_multiple: false,
            is_discountable: false,
            is_funds_checked: true,
            on_no_money: None,
            fallback: None,
            tags: Tags::default(),
            param: serde_json::Map::new(),
            groups: Vec::new(),
        }
    }
}

/// Finds a service; `Err` inside: its definition is faulty.
pub async fn find(q: &mut impl Query, id: BillingServiceId) -> Result<Option<Result<Service, Faulty>>> {
    Ok(rows::find(q, id).await?.map(Service::try_from))
}

/// A service with the groups that may have it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// As it is stored, faulty ones too.
    pub row: ServiceRow,
    /// The groups that may have it, in order.
    pub groups: Vec<BillingGroupId>,
}

impl Listed {
    /// Its period as the wire has it: seconds, `month`, `month_end`, `once`, `0` for ever.
    pub fn period(&self) -> String {
        PeriodMode::parse(&self.row.period_mode, self.row.period_seconds).unwrap_or(PeriodMode::Endless).to_string()
    }
}

/// Lists the whole catalogue. Permission is the caller's matter: staff see all of it, subscribers
/// [`super::select::list`].
pub async fn list(q: &mut impl Query) -> Result<Vec<Listed>> {
    let all = rows::list(q).await?;
    Ok(with_groups(all, &rows::list_groups(q).await?))
}

pub(super) fn with_groups(all: Vec<ServiceRow>, pairs: &[(BillingServiceId, BillingGroupId)]) -> Vec<Listed> {
    let groups = |id| pairs.iter().filter(|(service, _)| *service == id).map(|(_, group)| *group).collect();
    all.into_iter().map(|row| Listed { groups: groups(row.id), row }).collect()
}

/// Writes a service: the one with this number, a new one under it where there is none, a new one without.
///
/// Errors: `Invalid` naming the field; `Conflict` for a key that is taken. The caller checks `billing.settings`.
pub async fn save(
    ctx: &Ctx,
    tx: &mut Tx,
    id: Option<BillingServiceId>,
    spec: &ServiceSpec,
) -> Result<BillingServiceId> {
    let rule = check(tx, id, spec).await?;
    if let Some((field, rule)) = rule {
        return Err(Error::invalid(field, rule));
    }
    let (tags, param) = (spec.tags.to_string(), serde_json::to_string(&spec.param).map_err(Error::internal)?);
    let values = ServiceValues {
        module: &spec.module,
        category: &spec.category,
        title: &spec.title,
        description: &spec.description,
        price: spec.price,
        period: spec.period.stored(),
        is_auto_renew: spec.is_auto_renew,
        is_no_renew: spec.is_no_renew,
        is_multiple: spec.is_multiple,
        is_discountable: spec.is_discountable,
        is_funds_checked: spec.is_funds_checked,
        on_no_money: spec.on_no_money.map(OnNoMoney::as_str),
        fallback_service_id: spec.fallback,
        tags: &tags,
        param: &param,
        key: spec.key.as_deref(),
    };
    let updated = match id {
        Some(id) => rows::update(tx, id, &values, ctx.now()).await?,
        None => 0,
    };
    let (id, action) = match id {
        Some(id) if updated > 0 => (id, "billing.service.update"),
        _ => (rows::insert(tx, id, &values, ctx.now()).await?, "billing.service.create"),
    };
    rows::replace_groups(tx, id, &spec.groups).await?;
    tx.touch(Aspect::Billing, Some(id.0));
    audit::changed(tx, ctx, action, Object::new("billing_service", id.0, &spec.title)).await?;
    Ok(id)
}

/// What a definition breaks: the field and the rule.
async fn check(
    tx: &mut Tx,
    id: Option<BillingServiceId>,
    spec: &ServiceSpec,
) -> Result<Option<(&'static str, &'static str)>> {
    if spec.title.is_empty() || spec.title.chars().count() > TITLE {
        return Ok(Some(("title", "must have 1 to 64 characters")));
    }
    if spec.description.chars().count() > DESCRIPTION {
        return Ok(Some(("description", "must have at most 512 characters")));
    }
    if matches!(spec.period, PeriodMode::Seconds(..1)) {
        return Ok(Some(("period", "must be at least one second, or 0 for ever")));
    }
    if spec.on_no_money == Some(OnNoMoney::Fallback) && spec.fallback.is_none() {
        return Ok(Some(("fallback_service", "must name the service that takes over, or on_no_money must be another")));
    }
    let Some(fallback) = spec.fallback else { return Ok(None) };
    let other = rows::find(tx, fallback).await?;
    let fits = Some(fallback) != id && other.is_some_and(|other| other.module == spec.module);
    Ok((!fits).then_some(("fallback_service", "must be another service of the same module")))
}

#[cfg(test)]
mod tests {
    use super::Tags;

    #[test]
    fn tags_stand_between_commas() {
        let tags = Tags::parse(",inet,speed=5,,");
        assert!(tags.has("inet") && tags.has("speed") && !tags.has("spee") && !tags.has("5"));
        assert_eq!((tags.value("speed"), tags.value("inet")), (Some("5"), None));
        assert_eq!((tags.to_string().as_str(), Tags::parse(",").to_string().as_str()), (",inet,speed=5,", ""));
    }
}
