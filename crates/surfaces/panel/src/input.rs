//! Parameters: query and body together, the body wins (specs/panel.md §1.2).

use std::fmt;

use gatehouse_domain::panel::Refusal;
use gatehouse_kit::{BodyKind, Fields, Value as Given};
use gatehouse_model::Secret;
use http::HeaderMap;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::answer::Failure;

/// The parameters of a call, not trimmed. Not printable: passwords and tokens are among them.
#[derive(Default, Clone)]
pub(crate) struct Input(Map<String, Value>);

/// Entries that brackets may make of a form, so that `a[99999999]` does not.
const MOST_ENTRIES: usize = 100_000;

impl Input {
    /// Reads query and body. Errors: not what it claims to be, a repeated key, a NUL, an index out of all bounds.
    pub(crate) fn read(headers: &HeaderMap, query: &str, body: &[u8]) -> Result<Self, Unreadable> {
        let mut map = Map::new();
        fill(&mut map, &Fields::from_urlencoded(query.as_bytes()))?;
        let kind = BodyKind::of(headers);
        match kind {
            _ if body.trim_ascii().is_empty() => {}
            BodyKind::UrlEncoded => fill(&mut map, &Fields::from_urlencoded(body))?,
            BodyKind::Multipart => fill(&mut map, &Fields::from_multipart(headers, body).map_err(|_| Unreadable)?)?,
            BodyKind::Json | BodyKind::Other | BodyKind::Absent => match serde_json::from_slice(body) {
                Ok(Strict(Value::Object(object))) => map.extend(object),
                Err(_) if kind == BodyKind::Json => return Err(Unreadable),
                // Lists and single values are no parameters; who reads the body itself finds them there.
                Ok(_) | Err(_) => {}
            },
        }
        if map.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)) {
            Err(Unreadable)
        } else {
            Ok(Self(map))
        }
    }

    /// A parameter as it came; none: absent, null or an empty text.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        })
    }

    /// Whether a parameter was sent at all, if only as null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All parameters.
    pub(crate) const fn all(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A trimmed text; numbers and truth values are texts too. None: absent, or a list or object.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.value(name).and_then(as_text)
    }

    /// A password: not trimmed, but one of blanks is none.
    pub(crate) fn password(&self, name: &str) -> Option<Secret> {
        match self.value(name)? {
            Value::String(text) => Some(Secret::new(text.as_str())),
            other => as_text(other).map(Secret::new),
        }
    }

    /// An integer. Errors: an input refusal for what is none.
    pub(crate) fn integer(&self, name: &'static str) -> Result<Option<i64>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        as_integer(value).map(Some).ok_or_else(|| wrong(name))
    }

    /// An id that is needed. Errors: a rule: what is no id names nothing.
    pub(crate) fn id(&self, name: &str) -> Result<i64, Failure> {
        self.value(name).and_then(as_integer).ok_or_else(|| Refusal::input("id", "Invalid parameter").into())
    }

    /// true, false, 0 or 1. Errors: an input refusal for anything else.
    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, Failure> {
        match self.text(name).as_deref() {
            None if self.value(name).is_some() => Err(wrong(name)),
            None => Ok(None),
            Some("1" | "true") => Ok(Some(true)),
            Some("0" | "false") => Ok(Some(false)),
            Some(_) => Err(wrong(name)),
        }
    }

    /// The list of a parameter; a single value is a list of one.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<&Value>> {
        self.value(name).map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(object) => object.values().collect(),
            single => vec![single],
        })
    }

    /// A page: `(number from 1, size)`, the size at most `most`.
    pub(crate) fn page(&self, page: &str, size: &str, usual: i64, most: i64) -> (i64, i64) {
        let number = |name: &str| self.value(name).and_then(as_integer);
        (number(page).unwrap_or(1).max(1), number(size).unwrap_or(usual).clamp(1, most))
    }
}

/// The refusal of a parameter that breaks its form.
pub(crate) fn wrong(name: &'static str) -> Failure {
    Refusal::input(name, "The value of :name is not valid").with("name", name).into()
}

/// A request that is not what it claims to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unreadable;

/// A trimmed text of a single value; none for the empty one.
pub(crate) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An integer, as a number or as digits. No fraction is one, not even `1.0`.
pub(crate) fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix('-').unwrap_or(text);
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
        }
        Value::Bool(flag) => Some(i64::from(*flag)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(object) => object.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Puts form fields into an object: `a[]` and `a[0]` make lists, `a[b]` objects; of repeated names the last counts.
fn fill(map: &mut Map<String, Value>, fields: &Fields) -> Result<(), Unreadable> {
    for (count, (name, value)) in fields.iter().enumerate() {
        let name = str::from_utf8(name).map_err(|_| Unreadable)?;
        let Given::Text(text) = value else { continue };
        let text = str::from_utf8(text).map_err(|_| Unreadable)?;
        if count > MOST_ENTRIES {
            return Err(Unreadable);
        }
        let (root, keys) = bracketed(name);
        let mut place = map.entry(root).or_insert(Value::Null);
        for key in keys.iter().take(8) {
            place = inside(place, key)?;
        }
        *place = Value::String(text.to_owned());
    }
    Ok(())
}

/// `a[b][]` as `a`, `b` and the empty text.
fn bracketed(name: &str) -> (&str, Vec<&str>) {
    let Some((root, rest)) = name.split_once('[').filter(|(root, _)| !root.is_empty() && name.ends_with(']')) else {
        return (name, Vec::new());
    };
    (root, rest.trim_end_matches(']').split("][").collect())
}

/// The place of a key inside a list or object, which it becomes by it.
fn inside<'a>(place: &'a mut Value, key: &str) -> Result<&'a mut Value, Unreadable> {
    let index = key.parse::<usize>().ok();
    if key.is_empty() || index.is_some() {
        if !place.is_array() && !place.is_object() {
            *place = Value::Array(Vec::new());
        }
        if let Value::Array(items) = place {
            let at = index.unwrap_or(items.len());
            if at > items.len() {
                return Err(Unreadable);
            }
            if at == items.len() {
                items.push(Value::Null);
            }
            return items.get_mut(at).ok_or(Unreadable);
        }
    }
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    let object = place.as_object_mut().ok_or(Unreadable)?;
    Ok(object.entry(key).or_insert(Value::Null))
}

/// JSON whose objects have each key once, at every depth.
pub(crate) struct Strict(pub(crate) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated keys")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("a repeated key"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: &str, query: &str, body: &str) -> Result<Map<String, Value>, Unreadable> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, kind.parse().unwrap());
        Input::read(&headers, query, body.as_bytes()).map(|input| input.0)
    }

    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";

    #[test]
    fn forms_and_json_say_the_same() {
        let by_form = read(FORM, "t=1&id=2", "id=3&ids[]=1&ids[]=2&filter[0][id]=a&filter[0][value]=b&m[x]=y").unwrap();
        let by_json =
            json!({"t": "1", "id": "3", "ids": ["1", "2"], "filter": [{"id": "a", "value": "b"}], "m": {"x": "y"}});
        assert_eq!(Value::Object(by_form), by_json);
        assert_eq!(Value::Object(read(JSON, "t=1&id=2", r#"{"id":3}"#).unwrap()), json!({"t": "1", "id": 3}));
    }

    #[test]
    fn what_is_not_what_it_claims_to_be_is_refused() {
        for body in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":1}}"#, "{", "\u{0}", r#"{"a":"\u0000"}"#] {
            assert!(read(JSON, "", body).is_err(), "{body:?}");
        }
        assert!(read(JSON, "", &"[".repeat(1_000)).is_err());
        assert!(read(FORM, "a[5]=1", "").is_err());
        assert!(read(FORM, "a=%00", "").is_err());
        assert!(read(FORM, "a=%ff", "").is_err());
    }

    #[test]
    fn fractions_are_no_integers() {
        let input = Input(
            json!({"a": 10.0, "b": "1010.0000000000001", "c": "7", "d": -1, "e": true, "f": ""})
                .as_object()
                .unwrap()
                .clone(),
        );
        assert!(input.integer("a").is_err());
        assert!(input.integer("b").is_err());
        assert_eq!(input.integer("c").unwrap(), Some(7));
        assert_eq!(input.integer("d").unwrap(), Some(-1));
        assert_eq!(input.integer("f").unwrap(), None);
        assert_eq!(input.flag("e").unwrap(), Some(true));
        assert!(input.flag("c").is_err());
    }
}
