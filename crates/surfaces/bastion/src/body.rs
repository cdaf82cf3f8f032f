//! Fields of a JSON body, read with the texts of specs/bastion.md §4.3; all faults are told at once.

use std::borrow::Cow;

use bytes::Bytes;
use gatehouse_domain::{Edit, Error, Fault};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::{
    envelope::{FieldTexts, Refusal},
    text,
};

/// What an empty text is for a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blank {
    /// A fault.
    Refused,
    /// A text like others.
    Allowed,
    /// Null.
    Null,
}

/// The fields of a body, and the faults found while reading them. Not printable: passwords are among them.
#[derive(Default)]
pub(crate) struct Fields {
    object: Map<String, Value>,
    faults: FieldTexts,
}

/// A field as it came.
enum Given<T> {
    Absent,
    Null,
    Value(T),
    /// Its fault is noted.
    Faulty,
}

/// Refuses what does not claim to be JSON. An empty body needs no type.
pub(crate) fn check_type(headers: &HeaderMap, body: &Bytes) -> Result<(), Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return if body.is_empty() { Ok(()) } else { Err(Refusal::MediaType(String::new())) };
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Refusal::MediaType(value.into_owned())) }
}

/// A JSON integer, or a decimal text.
pub(crate) fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => parse_integer(text),
        _ => None,
    }
}

/// Digits with an optional minus.
pub(crate) fn parse_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if is_decimal { text.parse().ok() } else { None }
}

/// true, false, 1, 0 as texts in any case.
pub(crate) fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn as_boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => parse_boolean(text),
        _ => None,
    }
}

/// The name the original's language has for a JSON type.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

impl Fields {
    /// Errors: not JSON, not an object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(Self { object, faults: FieldTexts::default() }),
            Ok(other) => {
                let mut faults = FieldTexts::default();
                let text = format!("无效数据。期待为字典类型，得到的是 {} 。", type_name(&other));
                faults.add("non_field_errors", text);
                Err(Refusal::Fields(faults))
            }
            Err(_broken) => Err(Refusal::text(text::NOT_JSON)),
        }
    }

    /// Ends the reading. Errors: every fault that was found.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.faults.is_empty() { Ok(()) } else { Err(Refusal::Fields(self.faults)) }
    }

    /// Whether any fault was found so far.
    pub(crate) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Notes a fault of an endpoint's own.
    pub(crate) fn fault(&mut self, field: &'static str, text: impl Into<Cow<'static, str>>) {
        self.faults.add(field, text);
    }

    /// Notes what the domain found, but for fields that have a fault already.
    pub(crate) fn note(&mut self, faults: Vec<Fault>) {
        for Fault { field, rule } in faults {
            if !self.is_faulty(field) {
                self.faults.add(field, text::fault(field, rule).1);
            }
        }
    }

    /// The same for what a use case looked for before it runs. What it is about may be missing or locked: that is told when
    /// the form is right (specs/bastion.md §4.1, order of checks).
    pub(crate) fn note_found(&mut self, found: Result<Vec<Fault>, Error>) -> Result<(), Error> {
        match found {
            Ok(faults) => self.note(faults),
            Err(Error::NotFound { .. } | Error::Locked { .. } | Error::QuotaExceeded { .. }) => {}
            Err(other) => return Err(other),
        }
        Ok(())
    }

    /// Whether a field has a fault so far.
    pub(crate) fn is_faulty(&self, field: &str) -> bool {
        self.faults.has(field)
    }

    /// Whether a field is there, null or not.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// A field as it came, for endpoints with a shape of their own.
    pub(crate) fn value(&self, field: &str) -> Option<&Value> {
        self.object.get(field)
    }

    /// A required text of 1 to `max` characters; empty when it has a fault.
    pub(crate) fn text(&mut self, field: &'static str, max: usize) -> String {
        let given = self.given_text(field, max, Blank::Refused);
        self.required(field, given).unwrap_or_default()
    }

    /// A required text that is taken to the letter, blanks and all; empty when it has a fault. `long` is its own text for more
    /// than `max` characters.
    pub(crate) fn exact_text(
        &mut self,
        field: &'static str,
        max: usize,
        long: impl FnOnce(usize) -> Cow<'static, str>,
    ) -> String {
        let given = self.given(field, |value| value.as_str().map(str::to_owned), text::NOT_TEXT);
        let given = match given {
            Given::Value(text) if text.contains('\0') => self.faulty(field, text::NUL),
            Given::Value(text) if text.is_empty() => self.faulty(field, text::BLANK),
            Given::Value(text) if text.chars().count() > max => self.faulty(field, long(max)),
            other => other,
        };
        self.required(field, given).unwrap_or_default()
    }

    /// An optional text for a new thing: absent and null are the same.
    pub(crate) fn optional_text(&mut self, field: &'static str, max: usize, blank: Blank) -> Option<String> {
        match self.given_text(field, max, blank) {
            Given::Value(text) => Some(text),
            Given::Absent | Given::Null | Given::Faulty => None,
        }
    }

    /// A text that an edit may change and clear: null clears.
    pub(crate) fn edit_text(&mut self, field: &'static str, max: usize, blank: Blank) -> Edit<String> {
        match self.given_text(field, max, blank) {
            Given::Value(text) => Edit::Set(text),
            Given::Null => Edit::Clear,
            Given::Absent | Given::Faulty => Edit::Keep,
        }
    }

    /// A text that an edit may change but not clear.
    pub(crate) fn changed_text(&mut self, field: &'static str, max: usize) -> Option<String> {
        let given = self.given_text(field, max, Blank::Refused);
        self.not_null(field, given)
    }

    /// A required boolean; false when it has a fault.
    pub(crate) fn boolean(&mut self, field: &'static str) -> bool {
        let given = self.given(field, as_boolean, text::NOT_BOOLEAN);
        self.required(field, given).unwrap_or_default()
    }

    /// An optional boolean; null is a fault.
    pub(crate) fn optional_boolean(&mut self, field: &'static str) -> Option<bool> {
        let given = self.given(field, as_boolean, text::NOT_BOOLEAN);
        self.not_null(field, given)
    }

    /// A required integer; 0 when it has a fault.
    pub(crate) fn integer(&mut self, field: &'static str) -> i64 {
        let given = self.given(field, as_integer, text::NOT_INTEGER);
        self.required(field, given).unwrap_or_default()
    }

    /// An optional integer; null is a fault.
    pub(crate) fn optional_integer(&mut self, field: &'static str) -> Option<i64> {
        let given = self.given(field, as_integer, text::NOT_INTEGER);
        self.not_null(field, given)
    }

    /// A required list of integers; empty when it has a fault.
    pub(crate) fn integers(&mut self, field: &'static str) -> Vec<i64> {
        let given = self.given_integers(field);
        self.required(field, given).unwrap_or_default()
    }

    /// An optional list of integers; null is a fault.
    pub(crate) fn optional_integers(&mut self, field: &'static str) -> Option<Vec<i64>> {
        let given = self.given_integers(field);
        self.not_null(field, given)
    }

    /// An optional list of texts; null is a fault.
    pub(crate) fn optional_texts(&mut self, field: &'static str, max: usize) -> Option<Vec<String>> {
        let given = match self.object.get(field) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(Value::Array(items)) => {
                let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                match texts {
                    Some(texts) if texts.iter().all(|text| text.chars().count() <= max && !text.contains('\0')) => {
                        Given::Value(texts)
                    }
                    _ => self.faulty(field, text::NOT_TEXT),
                }
            }
            Some(_) => self.faulty(field, text::NOT_LIST),
        };
        self.not_null(field, given)
    }

    /// An integer without texts: endpoints that answer a bad id by 404 or 错误参数.
    pub(crate) fn lone_integer(&self, field: &str) -> Option<i64> {
        as_integer(self.object.get(field)?)
    }

    /// A list of integers without texts; `None`: missing, empty, or not a list of integers ≥ 1.
    pub(crate) fn lone_ids(&self, field: &str) -> Option<Vec<i64>> {
        let ids: Option<Vec<i64>> = self.object.get(field)?.as_array()?.iter().map(as_integer).collect();
        ids.filter(|ids| !ids.is_empty() && ids.iter().all(|id| *id >= 1))
    }

    fn given_text(&mut self, field: &'static str, max: usize, blank: Blank) -> Given<String> {
        let given = self.given(field, |value| value.as_str().map(str::to_owned), text::NOT_TEXT);
        let Given::Value(text) = given else { return given };
        if text.contains('\0') {
            return self.faulty(field, text::NUL);
        }
        if text.trim().is_empty() && blank != Blank::Allowed {
            return match blank {
                Blank::Null => Given::Null,
                _ => self.faulty(field, text::BLANK),
            };
        }
        if text.chars().count() > max {
            return self.faulty(field, text::too_long(max));
        }
        Given::Value(text)
    }

    fn given_integers(&mut self, field: &'static str) -> Given<Vec<i64>> {
        match self.object.get(field) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(Value::Array(items)) => match items.iter().map(as_integer).collect() {
                Some(integers) => Given::Value(integers),
                None => self.faulty(field, text::NOT_INTEGER),
            },
            Some(_) => self.faulty(field, text::NOT_LIST),
        }
    }

    fn given<T>(
        &mut self,
        field: &'static str,
        read: impl Fn(&Value) -> Option<T>,
        otherwise: &'static str,
    ) -> Given<T> {
        match self.object.get(field) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => match read(value) {
                Some(value) => Given::Value(value),
                None => self.faulty(field, otherwise),
            },
        }
    }

    fn faulty<T>(&mut self, field: &'static str, text: impl Into<Cow<'static, str>>) -> Given<T> {
        self.faults.add(field, text);
        Given::Faulty
    }

    fn required<T>(&mut self, field: &'static str, given: Given<T>) -> Option<T> {
        if matches!(given, Given::Absent) {
            self.faults.add(field, text::required(field));
        }
        self.not_null(field, given)
    }

    fn not_null<T>(&mut self, field: &'static str, given: Given<T>) -> Option<T> {
        match given {
            Given::Value(value) => Some(value),
            Given::Null => {
                self.faults.add(field, text::NULL);
                None
            }
            Given::Absent | Given::Faulty => None,
        }
    }
}
