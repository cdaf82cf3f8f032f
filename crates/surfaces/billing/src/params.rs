//! The parameters of a call: query and body together, bounded, as texts (specs/billing.md §1).

use std::collections::BTreeMap;

use gatehouse_kit::{BodyKind, Fields, Value};
use gatehouse_model::Money;
use http::HeaderMap;

use crate::answer::Failure;

/// Most parameters of one call, query and body together.
const MAX_PARAMS: usize = 1_000;

/// The call cannot be read: too many parameters, no UTF-8, a NUL, a body that is not what it claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The parameters of a call. Not printable: passwords are among them.
pub(crate) struct Params {
    merged: BTreeMap<String, String>,
    body: BTreeMap<String, String>,
}

impl Params {
    /// Reads query and body. The query wins, of a repeated name the first one counts.
    pub(crate) fn read(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Result<Self, Unreadable> {
        let query = urlencoded(query.unwrap_or_default().as_bytes())?;
        let fields = match BodyKind::of(headers) {
            BodyKind::UrlEncoded | BodyKind::Absent => urlencoded(body)?,
            BodyKind::Multipart => Fields::from_multipart(headers, body).map_err(|_broken| Unreadable)?,
            BodyKind::Json => Fields::from_json(body).map_err(|_broken| Unreadable)?,
            BodyKind::Other if body.is_empty() => Fields::default(),
            BodyKind::Other => return Err(Unreadable),
        };
        if query.iter().count() + fields.iter().count() > MAX_PARAMS {
            return Err(Unreadable);
        }
        let body = texts(&fields)?;
        let mut merged = body.clone();
        merged.extend(texts(&query)?);
        Ok(Self { merged, body })
    }

    /// Sets a parameter that came another way.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.merged.insert(name.to_owned(), value.to_owned());
    }

    /// A parameter: none when it is absent, `Some("")` when it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.merged.get(name).map(String::as_str)
    }

    /// A parameter for which empty means the same as absent.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A parameter of the body alone.
    pub(crate) fn of_body(&self, name: &str) -> Option<&str> {
        self.body.get(name).map(String::as_str)
    }

    /// A number that is not negative; none: absent. Errors: `bad_request` for anything else.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.filled(name) else { return Ok(None) };
        number(text).map(Some).ok_or(Failure::code("bad_request"))
    }

    /// An id. What is absent or none finds nothing.
    pub(crate) fn id(&self, name: &str) -> Option<i64> {
        number(self.get(name)?)
    }

    /// Money that somebody may pay: digits and at most two decimals, more than nothing. Errors: `bad_amount`.
    pub(crate) fn amount(&self, name: &str) -> Result<Money, Failure> {
        let wrong = Failure::code("bad_amount");
        match self.get(name).map(str::trim).and_then(|text| text.parse::<Money>().ok()) {
            Some(sum) if sum > Money::ZERO => Ok(sum),
            _ => Err(wrong),
        }
    }

    /// Where a page begins.
    pub(crate) fn start(&self) -> Result<i64, Failure> {
        Ok(self.number("start")?.unwrap_or(0))
    }

    /// How long a page is.
    pub(crate) fn limit(&self, default: i64, most: i64) -> Result<i64, Failure> {
        Ok(self.number("limit")?.unwrap_or(default).clamp(1, most))
    }

    /// All of them, in the order of their names, but some.
    pub(crate) fn but<'a>(&'a self, names: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.merged.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(move |(name, _)| !names.contains(name))
    }
}

/// Digits only, in the range of numbers.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Counted before anything is decoded.
fn urlencoded(text: &[u8]) -> Result<Fields, Unreadable> {
    let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    if pairs.take(MAX_PARAMS + 1).count() > MAX_PARAMS {
        return Err(Unreadable);
    }
    Ok(Fields::from_urlencoded(text))
}

fn texts(fields: &Fields) -> Result<BTreeMap<String, String>, Unreadable> {
    let mut texts = BTreeMap::new();
    for (name, value) in fields.iter() {
        let (name, value) = (utf8(name)?, value_text(value)?);
        if let Some(value) = value {
            texts.entry(name).or_insert(value);
        }
    }
    Ok(texts)
}

/// A scalar; files and `null` count as absent.
fn value_text(value: &Value) -> Result<Option<String>, Unreadable> {
    match value {
        Value::Text(text) => utf8(text).map(Some),
        Value::File | Value::Json(serde_json::Value::Null) => Ok(None),
        Value::Json(serde_json::Value::Bool(flag)) => Ok(Some(u8::from(*flag).to_string())),
        Value::Json(serde_json::Value::Number(number)) => Ok(Some(number.to_string())),
        Value::Json(serde_json::Value::String(text)) => utf8(text.as_bytes()).map(Some),
        Value::Json(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => Err(Unreadable),
    }
}

fn utf8(text: &[u8]) -> Result<String, Unreadable> {
    let text = std::str::from_utf8(text).map_err(|_broken| Unreadable)?;
    if text.contains('\0') { Err(Unreadable) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    fn read(kind: &'static str, query: &str, body: &[u8]) -> Result<Params, Unreadable> {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Params::read(&headers, Some(query), body)
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn the_query_wins_and_the_first_counts() {
        let params = read(FORM, "a=1&b=2&a=3", b"b=4&c=5&c=6&msg=\xd0\xa3 \xd0\xbc+x%20y:z").ok().unwrap();
        assert_eq!(["a", "b", "c"].map(|name| params.get(name)), [Some("1"), Some("2"), Some("5")]);
        assert_eq!((params.of_body("b"), params.of_body("a")), (Some("4"), None));
        assert_eq!(params.get("msg"), Some("У м x y:z"));
    }

    #[test]
    fn json_is_one_object_of_scalars() {
        let params = read("application/json", "", br#"{"a":"x","amt":100,"go":true,"n":null,"a":"y"}"#).ok().unwrap();
        assert_eq!(["a", "amt", "go", "n"].map(|name| params.get(name)), [Some("x"), Some("100"), Some("1"), None]);
        for body in [r#"{"a":[1]}"#, r#"{"a":{}}"#, "[]", "{", r#"{"a":"\u0000"}"#] {
            assert!(read("application/json", "", body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (kind, query, body) in [
            (FORM, "a=%ff", b"".as_slice()),
            (FORM, "a=%00", b""),
            (FORM, "", b"a=\xff"),
            ("text/plain", "", b"x"),
            ("multipart/form-data; boundary=B", "", b"--B"),
        ] {
            assert!(read(kind, query, body).is_err(), "{query}");
        }
        let many = "x=1&".repeat(1_001);
        assert!(read(FORM, "", many.as_bytes()).is_err());
        assert!(read(FORM, &"x=1&".repeat(500), "y=1&".repeat(501).as_bytes()).is_err());
        assert!(read(FORM, "", "x=1&".repeat(1_000).as_bytes()).is_ok());
        assert!(read("text/plain", "a=1", b"").is_ok());
    }

    #[test]
    fn sums_are_digits_with_two_decimals_at_most() {
        let amount = |text: &str| read(FORM, &format!("amt={text}"), b"").ok().unwrap().amount("amt").ok();
        for (text, sum) in [("100", 10_000), ("0.01", 1), ("12,5", 1_250), ("99.99", 9_999)] {
            assert_eq!(amount(text), Some(Money(sum)), "{text}");
        }
        for text in ["0", "-5", "abc", "1e9", "0.001", "", "0.00", "%2b5", "1.2.3", "99999999999999999999", "٣", "NaN"]
        {
            assert_eq!(amount(text), None, "{text}");
        }
    }
}
