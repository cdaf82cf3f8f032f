//! What values a setting takes, and how it takes them from JSON, forms and the database (specs/panel.md §4.1).

use gatehouse_model::{Money, Secret};
use serde_json::{Value, json};

/// A kind of setting: what it holds, how that is read, and how it is shown.
pub(super) trait Rule {
    /// What use cases see.
    type Value: Clone + std::fmt::Debug + Send + Sync;

    /// Reads a given or stored value; null and the empty text are the same. Errors: the rule in words.
    fn read(&self, given: &Value) -> Result<Self::Value, &'static str>;

    /// As it is stored and shown.
    fn show(&self, value: &Self::Value) -> Value;

    /// Whether it is sealed at rest and masked when shown.
    fn is_secret(&self) -> bool {
        false
    }
}

/// The text of a value that may be one; none for null and the empty text. Errors: for lists and objects.
fn text(given: &Value) -> Result<Option<String>, &'static str> {
    match given {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(flag) => Ok(Some(u8::from(*flag).to_string())),
        Value::Array(_) | Value::Object(_) => Err("must be a single value"),
    }
}

/// 0 or 1; true and false too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flag;

impl Rule for Flag {
    type Value = bool;

    fn read(&self, given: &Value) -> Result<bool, &'static str> {
        match text(given)?.as_deref() {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(_) => Err("must be 0 or 1"),
        }
    }

    fn show(&self, value: &bool) -> Value {
        json!(u8::from(*value))
    }
}

/// An integer between two others; null is the smallest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Int(pub(super) i64, pub(super) i64);

impl Rule for Int {
    type Value = i64;

    fn read(&self, given: &Value) -> Result<i64, &'static str> {
        let Some(text) = text(given)? else { return Ok(self.0) };
        let number: i64 = text.parse().map_err(|_| "must be an integer")?;
        if (self.0..=self.1).contains(&number) { Ok(number) } else { Err("is out of range") }
    }

    fn show(&self, value: &i64) -> Value {
        json!(value)
    }
}

/// A percentage, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct OptionalPercent;

impl Rule for OptionalPercent {
    type Value = Option<i64>;

    fn read(&self, given: &Value) -> Result<Option<i64>, &'static str> {
        if text(given)?.is_none() { Ok(None) } else { Int(0, 100).read(given).map(Some) }
    }

    fn show(&self, value: &Option<i64>) -> Value {
        json!(value)
    }
}

/// Money in major units with at most two decimals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Major;

impl Rule for Major {
    type Value = Money;

    fn read(&self, given: &Value) -> Result<Money, &'static str> {
        let amount: Money =
            text(given)?.as_deref().unwrap_or("0").parse().map_err(|_| "must be an amount such as 12.50")?;
        if amount < Money::ZERO { Err("must not be negative") } else { Ok(amount) }
    }

    fn show(&self, value: &Money) -> Value {
        // Such texts are numbers.
        serde_json::from_str(&value.to_shortest()).unwrap_or(Value::Null)
    }
}

/// A decimal between 0 and 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fraction;

impl Rule for Fraction {
    type Value = f64;

    fn read(&self, given: &Value) -> Result<f64, &'static str> {
        let number: f64 = text(given)?.as_deref().unwrap_or("0").parse().map_err(|_| "must be a number")?;
        if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("must be between 0 and 1") }
    }

    fn show(&self, value: &f64) -> Value {
        json!(value)
    }
}

/// A text of at most so many characters, none of control but line breaks; null is the empty one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text(pub(super) usize);

impl Rule for Text {
    type Value = String;

    fn read(&self, given: &Value) -> Result<String, &'static str> {
        let text = text(given)?.unwrap_or_default();
        if text.chars().count() > self.0 {
            return Err("is too long");
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err("must not contain control characters");
        }
        Ok(text)
    }

    fn show(&self, value: &String) -> Value {
        if value.is_empty() { Value::Null } else { json!(value) }
    }
}

/// A text of a few.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneOf(pub(super) &'static [&'static str]);

impl Rule for OneOf {
    type Value = &'static str;

    fn read(&self, given: &Value) -> Result<&'static str, &'static str> {
        let given = text(given)?;
        let known = self.0.iter().find(|known| given.as_deref().is_none_or(|text| text == **known));
        known.copied().ok_or("is none of the known values")
    }

    fn show(&self, value: &&'static str) -> Value {
        json!(value)
    }
}

/// A URL with one of these schemes, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Url(pub(super) &'static [&'static str]);

/// Schemes of pages.
pub(super) const WEB: &[&str] = &["http", "https"];
/// Schemes of pages and WebSockets.
pub(super) const WEB_SOCKET: &[&str] = &["http", "https", "ws", "wss"];

impl Rule for Url {
    type Value = Option<String>;

    fn read(&self, given: &Value) -> Result<Option<String>, &'static str> {
        let Some(text) = text(given)? else { return Ok(None) };
        if is_url(&text, self.0) { Ok(Some(text)) } else { Err("must be a URL such as https://example.com") }
    }

    fn show(&self, value: &Option<String>) -> Value {
        json!(value)
    }
}

/// Whether a text is a URL with a host and one of these schemes.
fn is_url(text: &str, schemes: &[&str]) -> bool {
    let is_clean = text.len() <= 2_048 && !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    let parts = text.split_once("://");
    is_clean
        && parts.is_some_and(|(scheme, rest)| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known)) && !host.is_empty() && !host.contains('@')
        })
}

/// A list of texts, from JSON or separated by commas.
#[derive(Debug, Clone, Copy)]
pub(super) struct List;

impl Rule for List {
    type Value = Vec<String>;

    fn read(&self, given: &Value) -> Result<Vec<String>, &'static str> {
        let words: Vec<String> = match given {
            Value::Array(items) => {
                let words = items.iter().map(|item| item.as_str().map(str::to_owned).ok_or("must be a list of texts"));
                words.collect::<Result<_, _>>()?
            }
            other => text(other)?.unwrap_or_default().split(',').map(str::to_owned).collect(),
        };
        let words: Vec<String> =
            words.iter().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
        let is_proper =
            words.len() <= 200 && words.iter().all(|word| word.len() <= 255 && !word.chars().any(char::is_control));
        if is_proper { Ok(words) } else { Err("has too many, too long or unprintable entries") }
    }

    fn show(&self, value: &Vec<String>) -> Value {
        json!(value)
    }
}

/// A secret text, sealed at rest; none: unset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hidden {
    /// Characters it needs at least.
    pub(super) least: usize,
}

impl Rule for Hidden {
    type Value = Option<Secret>;

    fn read(&self, given: &Value) -> Result<Option<Secret>, &'static str> {
        let Some(text) = text(given)? else { return Ok(None) };
        if text.chars().count() < self.least {
            return Err("is too short");
        }
        if text.len() > 4_096 || text.chars().any(char::is_control) {
            Err("is too long")
        } else {
            Ok(Some(Secret::new(text)))
        }
    }

    fn show(&self, value: &Option<Secret>) -> Value {
        value.as_ref().map_or(Value::Null, |secret| json!(secret.expose()))
    }

    fn is_secret(&self) -> bool {
        true
    }
}
