//! What a template says: rewards, conditions, limits and the time it gives more, read from what staff wrote.
//!
//! Each is kept in one form, so that whatever is stored can be read again.

use gatehouse_model::{Millis, Money, PlanId};
use serde_json::{Map, Value, json};

use super::super::refusal::Refusal;

/// Highest amounts: far above what anybody gives, far below where sums overflow.
const MOST_MONEY: i64 = 100_000_000_000;
const MOST_BYTES: i64 = 1 << 53;
const MOST_DAYS: i64 = 36_500;
const MOST_DEVICES: i64 = 10_000;
/// The inviter's part, ten-thousandths, where the template names none.
const INVITE_RATE: i64 = 2_000;

/// What is given at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reward {
    /// Hundredths.
    pub balance: Money,
    /// Bytes.
    pub traffic: i64,
    /// Devices more.
    pub devices: i64,
    /// Days more.
    pub days: i64,
    /// Whether traffic is set to nothing.
    pub resets: bool,
    /// A plan, and for how many days.
    pub plan: Option<(PlanId, i64)>,
}

/// What a template gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewards {
    /// To everybody.
    pub fixed: Reward,
    /// One of these besides, by weight.
    pub random: Vec<(u64, Reward)>,
    /// The inviter's part of money and traffic, ten-thousandths.
    pub invite_rate: i64,
}

/// Whom a card is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Days since the account was made; none: any number.
    pub new_user_days: Option<i64>,
    /// Whether an order must have been completed.
    pub paid_user_only: bool,
    /// Plans; empty: any, or none.
    pub allowed_plans: Vec<PlanId>,
    /// Whether somebody must have invited him.
    pub require_invite: bool,
}

/// How often a card may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Times per account; none: any number.
    pub per_user: Option<i64>,
    /// Hours between two uses of an account.
    pub cooldown_hours: Option<i64>,
}

/// When a card gives more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Special {
    /// From then on.
    pub start: Option<Millis>,
    /// Until then.
    pub end: Option<Millis>,
    /// Hundredths.
    pub bonus: Option<i64>,
}

fn wrong(field: &'static str) -> Refusal {
    Refusal::input(field, "The value of :name is not valid").with("name", field)
}

/// The object that a parameter is: absent is empty, a text is its JSON.
fn object(field: &'static str, value: Option<&Value>) -> Result<Map<String, Value>, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map.clone()),
        // An empty object of a form or of PHP is an empty list.
        Some(Value::Array(items)) if items.is_empty() => Ok(Map::new()),
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| wrong(field)),
        Some(_) => Err(wrong(field)),
    }
}

/// Parameters of one object.
struct Given<'a> {
    field: &'static str,
    map: &'a Map<String, Value>,
}

impl Given<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(Value::Array(_) | Value::Object(_)) => Err(wrong(self.field)),
        }
    }

    /// An integer from 0 to `most`.
    fn number(&self, name: &str, most: i64) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (0..=most).contains(number));
        number.map(Some).ok_or_else(|| wrong(self.field))
    }

    fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name)?.as_deref() {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(_) => Err(wrong(self.field)),
        }
    }

    /// A decimal number with so many places, in units of the last one.
    fn decimal(&self, name: &str, places: usize, most: i64) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(part) || part.len() > places {
            return Err(wrong(self.field));
        }
        let number = format!("{whole}{part:0<places$}").parse().ok().filter(|number| (0..=most).contains(number));
        number.map(Some).ok_or_else(|| wrong(self.field))
    }
}

impl Reward {
    fn read(given: &Given<'_>) -> Result<Self, Refusal> {
        let number = |name: &str, most: i64| given.number(name, most).map(Option::unwrap_or_default);
        let plan = match given.number("plan_id", i64::MAX)?.filter(|id| *id > 0) {
            None => None,
            Some(id) => {
                let days = given.number("plan_validity_days", MOST_DAYS)?.filter(|days| *days > 0);
                Some((PlanId(id), days.ok_or_else(|| wrong(given.field))?))
            }
        };
        Ok(Self {
            balance: Money(number("balance", MOST_MONEY)?),
            traffic: number("transfer_enable", MOST_BYTES)?,
            devices: number("device_limit", MOST_DEVICES)?,
            days: number("expire_days", MOST_DAYS)?,
            resets: given.flag("reset_package")?,
            plan,
        })
    }

    /// Whether nothing is given.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// As it is shown and noted: what is given, by its name.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        let numbers = [
            ("balance", self.balance.0),
            ("transfer_enable", self.traffic),
            ("device_limit", self.devices),
            ("expire_days", self.days),
        ];
        for (name, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
            shown.insert(name.to_owned(), json!(number));
        }
        if self.resets {
            shown.insert("reset_package".to_owned(), json!(true));
        }
        if let Some((plan, days)) = self.plan {
            shown.insert("plan_id".to_owned(), json!(plan));
            shown.insert("plan_validity_days".to_owned(), json!(days));
        }
        shown
    }

    /// Both, where a part of the other takes the place of the own one.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let pick = |own: i64, other: i64| if other == 0 { own } else { other };
        Self {
            balance: Money(pick(self.balance.0, other.balance.0)),
            traffic: pick(self.traffic, other.traffic),
            devices: pick(self.devices, other.devices),
            days: pick(self.days, other.days),
            resets: self.resets || other.resets,
            plan: other.plan.or(self.plan),
        }
    }

    /// With what a festival multiplies: money, traffic, devices and days, never a plan or its time. `factor` in hundredths.
    #[must_use]
    pub fn multiplied(&self, factor: i64) -> Self {
        let times = |number: i64| Money(number).part(factor, 100).0;
        Self {
            balance: self.balance.part(factor, 100),
            traffic: times(self.traffic),
            devices: times(self.devices),
            days: times(self.days),
            ..self.clone()
        }
    }

    /// Whether it needs a plan to be had.
    pub const fn needs_plan(&self) -> bool {
        self.plan.is_none() && (self.traffic > 0 || self.days > 0 || self.resets)
    }
}

impl Rewards {
    /// Reads what staff wrote. Errors: an input refusal.
    pub fn read(value: Option<&Value>) -> Result<Self, Refusal> {
        let field = "rewards";
        let map = object(field, value)?;
        let given = Given { field, map: &map };
        let mut random = Vec::new();
        match map.get("random_rewards") {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) if items.len() <= 1_000 => {
                for item in items {
                    let map = object(field, Some(item))?;
                    let given = Given { field, map: &map };
                    let weight = given.number("weight", 1_000_000)?.ok_or_else(|| wrong(field))?;
                    random.push((u64::try_from(weight).unwrap_or_default(), Reward::read(&given)?));
                }
            }
            Some(_) => return Err(wrong(field)),
        }
        let invite_rate = given.decimal("invite_reward_rate", 4, 10_000)?.unwrap_or(INVITE_RATE);
        Ok(Self { fixed: Reward::read(&given)?, random, invite_rate })
    }

    /// As it is kept.
    pub fn stored(&self) -> Value {
        let mut stored = self.fixed.shown();
        if !self.random.is_empty() {
            let random = self.random.iter().map(|(weight, reward)| {
                let mut shown = reward.shown();
                shown.insert("weight".to_owned(), json!(weight));
                Value::Object(shown)
            });
            stored.insert("random_rewards".to_owned(), random.collect());
        }
        if self.invite_rate != INVITE_RATE {
            stored.insert("invite_reward_rate".to_owned(), json!(decimal(self.invite_rate, 10_000)));
        }
        Value::Object(stored)
    }

    /// As people are told before they redeem: of what is drawn, what there is to win.
    pub fn preview(&self, factor: i64) -> Value {
        let mut shown = self.fixed.multiplied(factor).shown();
        if !self.random.is_empty() {
            let random = self.random.iter().map(|(_, reward)| Value::Object(reward.multiplied(factor).shown()));
            shown.insert("random_rewards".to_owned(), random.collect());
        }
        Value::Object(shown)
    }

    /// The sum of all weights.
    pub fn weight(&self) -> u64 {
        self.random.iter().map(|(weight, _)| weight).sum()
    }

    /// The reward at a point below the sum of all weights.
    pub fn drawn(&self, mut point: u64) -> Option<&Reward> {
        for (weight, reward) in &self.random {
            if point < *weight {
                return Some(reward);
            }
            point -= weight;
        }
        None
    }
}

/// A decimal number of whole units.
#[expect(clippy::cast_precision_loss, reason = "at most five digits")]
fn decimal(number: i64, unit: i64) -> f64 {
    number as f64 / unit as f64
}

impl Conditions {
    /// Reads what staff wrote. Errors: an input refusal.
    pub fn read(value: Option<&Value>) -> Result<Self, Refusal> {
        let field = "conditions";
        let map = object(field, value)?;
        let given = Given { field, map: &map };
        let days = given.number("new_user_max_days", MOST_DAYS)?.unwrap_or(7);
        let allowed_plans = match map.get("allowed_plans") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => {
                let id = |item: &Value| match item {
                    Value::Number(number) => number.as_i64(),
                    Value::String(text) => text.trim().parse().ok(),
                    _ => None,
                };
                let ids: Option<Vec<PlanId>> = items.iter().map(|item| id(item).map(PlanId)).collect();
                ids.filter(|ids| ids.len() <= 1_000).ok_or_else(|| wrong(field))?
            }
            Some(_) => return Err(wrong(field)),
        };
        Ok(Self {
            new_user_days: given.flag("new_user_only")?.then_some(days),
            paid_user_only: given.flag("paid_user_only")?,
            allowed_plans,
            require_invite: given.flag("require_invite")?,
        })
    }

    /// As it is kept.
    pub fn stored(&self) -> Value {
        let mut stored = Map::new();
        if let Some(days) = self.new_user_days {
            stored.insert("new_user_only".to_owned(), json!(true));
            stored.insert("new_user_max_days".to_owned(), json!(days));
        }
        if self.paid_user_only {
            stored.insert("paid_user_only".to_owned(), json!(true));
        }
        if !self.allowed_plans.is_empty() {
            stored.insert("allowed_plans".to_owned(), json!(self.allowed_plans));
        }
        if self.require_invite {
            stored.insert("require_invite".to_owned(), json!(true));
        }
        Value::Object(stored)
    }
}

impl Limits {
    /// Reads what staff wrote. Errors: an input refusal.
    pub fn read(value: Option<&Value>) -> Result<Self, Refusal> {
        let field = "limits";
        let map = object(field, value)?;
        let given = Given { field, map: &map };
        let positive = |name: &str| given.number(name, 1_000_000).map(|number| number.filter(|number| *number > 0));
        Ok(Self { per_user: positive("max_use_per_user")?, cooldown_hours: positive("cooldown_hours")? })
    }

    /// As it is kept.
    pub fn stored(&self) -> Value {
        let mut stored = Map::new();
        for (name, number) in [("max_use_per_user", self.per_user), ("cooldown_hours", self.cooldown_hours)] {
            if let Some(number) = number {
                stored.insert(name.to_owned(), json!(number));
            }
        }
        Value::Object(stored)
    }
}

impl Special {
    /// Reads what staff wrote: seconds, and a factor of at most two places. Errors: an input refusal.
    pub fn read(value: Option<&Value>) -> Result<Self, Refusal> {
        let field = "special_config";
        let map = object(field, value)?;
        let given = Given { field, map: &map };
        let moment = |name: &str| {
            let seconds = given.number(name, 1 << 40)?;
            Ok(seconds.filter(|seconds| *seconds > 0).map(|seconds| Millis(seconds * 1_000)))
        };
        let bonus = given.decimal("festival_bonus", 2, 10_000)?.filter(|bonus| *bonus > 0);
        Ok(Self { start: moment("start_time")?, end: moment("end_time")?, bonus })
    }

    /// As it is kept.
    pub fn stored(&self) -> Value {
        let mut stored = Map::new();
        for (name, moment) in [("start_time", self.start), ("end_time", self.end)] {
            if let Some(moment) = moment {
                stored.insert(name.to_owned(), json!(moment.0 / 1_000));
            }
        }
        if let Some(bonus) = self.bonus {
            stored.insert("festival_bonus".to_owned(), json!(decimal(bonus, 100)));
        }
        Value::Object(stored)
    }

    /// By what everything is multiplied now, hundredths. Without a beginning and an end there is no festival.
    pub fn factor(&self, now: Millis) -> i64 {
        let is_on = self.start.is_some_and(|start| start <= now) && self.end.is_some_and(|end| now <= end);
        self.bonus.filter(|_| is_on).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let written = json!({"balance": "500", "transfer_enable": 1024, "device_limit": 1, "expire_days": 30, "reset_package": 1,
            "plan_id": 2, "plan_validity_days": 31, "invite_reward_rate": "0.15",
            "random_rewards": [{"weight": 3, "balance": 100}, {"weight": 1, "expire_days": 7}], "unknown": {}});
        let rewards = Rewards::read(Some(&written)).unwrap();
        assert_eq!(Rewards::read(Some(&rewards.stored())).unwrap(), rewards);
        assert_eq!((rewards.invite_rate, rewards.weight()), (1_500, 4));
        let conditions = json!({"new_user_only": true, "allowed_plans": ["1", 2], "require_invite": "1"});
        let conditions = Conditions::read(Some(&conditions)).unwrap();
        assert_eq!(conditions.new_user_days, Some(7));
        assert_eq!(Conditions::read(Some(&conditions.stored())).unwrap(), conditions);
        let limits = Limits::read(Some(&json!("{\"max_use_per_user\": 2, \"cooldown_hours\": null}"))).unwrap();
        assert_eq!(Limits::read(Some(&limits.stored())).unwrap(), limits);
        let special = json!({"start_time": 10, "end_time": "20", "festival_bonus": 1.5});
        let special = Special::read(Some(&special)).unwrap();
        assert_eq!(Special::read(Some(&special.stored())).unwrap(), special);
        assert_eq!([9_999, 10_000, 20_000, 20_001].map(|at| special.factor(Millis(at))), [100, 150, 150, 100]);
    }

    #[test]
    fn amounts_out_of_bounds_are_refused() {
        for rewards in [
            json!({"balance": -1}),
            json!({"balance": 1.5}),
            json!({"balance": "9223372036854775808"}),
            json!({"transfer_enable": i64::MAX}),
            json!({"plan_id": 1}),
            json!({"invite_reward_rate": 1.1}),
            json!({"invite_reward_rate": "-0.1"}),
            json!({"random_rewards": [{"balance": 1}]}),
            json!({"random_rewards": "x"}),
            json!([1]),
            json!("x"),
        ] {
            assert!(Rewards::read(Some(&rewards)).is_err(), "{rewards}");
        }
        assert!(Special::read(Some(&json!({"festival_bonus": "1.555"}))).is_err());
        assert!(Limits::read(Some(&json!({"max_use_per_user": "x"}))).is_err());
    }

    #[test]
    fn a_festival_leaves_plans_alone() {
        let reward = Reward { balance: Money(101), days: 3, plan: Some((PlanId(7), 30)), ..Reward::default() };
        let more = reward.multiplied(150);
        assert_eq!((more.balance, more.days, more.plan), (Money(152), 5, Some((PlanId(7), 30))));
    }

    #[test]
    fn each_weight_has_its_part_of_the_points() {
        let random = [2, 0, 3].map(|weight| (weight, Reward { devices: 1, ..Reward::default() })).to_vec();
        let rewards = Rewards { random, ..Rewards::default() };
        let at =
            |point| rewards.drawn(point).map(|it| rewards.random.iter().position(|(_, other)| std::ptr::eq(it, other)));
        assert_eq!([0, 1, 2, 4].map(at), [Some(Some(0)), Some(Some(0)), Some(Some(2)), Some(Some(2))]);
        assert!(rewards.drawn(5).is_none());
    }
}
