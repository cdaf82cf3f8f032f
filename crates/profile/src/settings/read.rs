//! Reading what front ends of different age send: numbers as text, 0 and 1 for booleans, null for "not set".

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::Fault;

/// Longest text a setting may hold; the longest real ones are ECH lists and PEM texts.
const MAX_TEXT: usize = 16 * 1024;

/// An object being read. Faults are collected, so that a form is corrected in one go.
pub(crate) struct Reader<'a> {
    object: Option<&'a Map<String, Value>>,
    path: String,
    faults: &'a RefCell<Vec<Fault>>,
}

impl<'a> Reader<'a> {
    /// Reads a value that should be an object; null and an empty list (an empty object in PHP) are an empty one.
    pub(crate) fn new(value: &'a Value, faults: &'a RefCell<Vec<Fault>>) -> Self {
        let reader = Self { object: value.as_object(), path: String::new(), faults };
        if reader.object.is_none() && !is_blank(value) {
            reader.fault("", "must be an object");
        }
        reader
    }

    /// Notes what is wrong with a key; "" is the object itself.
    pub(crate) fn fault(&self, key: &str, text: &str) {
        let separator = if self.path.is_empty() || key.is_empty() { "" } else { "." };
        let key = format!("{}{separator}{key}", self.path);
        self.faults.borrow_mut().push(Fault { key, text: text.to_owned() });
    }

    /// What is there, unless null.
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.object?.get(key).filter(|value| !value.is_null())
    }

    /// Whether the key holds something.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| !is_blank(value) && value.as_str() != Some(""))
    }

    /// A nested object; empty when absent.
    pub(crate) fn object(&self, key: &str) -> Self {
        let separator = if self.path.is_empty() { "" } else { "." };
        let value = self.value(key);
        let nested = Self {
            object: value.and_then(Value::as_object),
            path: format!("{}{separator}{key}", self.path),
            faults: self.faults,
        };
        if value.is_some_and(|value| nested.object.is_none() && !is_blank(value)) {
            nested.fault("", "must be an object");
        }
        nested
    }

    /// A text without surrounding blanks; numbers are taken as their digits, absence as "".
    pub(crate) fn text(&self, key: &str) -> String {
        match self.value(key) {
            None => String::new(),
            Some(Value::String(text)) => {
                let text = text.trim();
                if text.len() > MAX_TEXT {
                    self.fault(key, "is too long: at most 16384 bytes");
                } else if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
                    self.fault(key, "must not contain control characters");
                } else {
                    return text.to_owned();
                }
                String::new()
            }
            Some(Value::Number(number)) => number.to_string(),
            Some(value) if is_blank(value) => String::new(),
            Some(_) => {
                self.fault(key, "must be a text");
                String::new()
            }
        }
    }

    /// A text with a default.
    pub(crate) fn text_or(&self, key: &str, default: &str) -> String {
        let text = self.text(key);
        if text.is_empty() { default.to_owned() } else { text }
    }

    /// `true`, 1, "1", "true", "on", "yes"; everything empty or absent is false.
    pub(crate) fn flag(&self, key: &str) -> bool {
        match self.value(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "1" | "true" | "on" | "yes" => true,
                "" | "0" | "false" | "off" | "no" => false,
                _ => {
                    self.fault(key, "must be true or false");
                    false
                }
            },
            Some(value) if !is_blank(value) => {
                self.fault(key, "must be true or false");
                false
            }
            _ => false,
        }
    }

    /// A number from 0 to `max`; absent or "" is none.
    pub(crate) fn number(&self, key: &str, max: u32) -> Option<u32> {
        let number = match self.value(key)? {
            Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) => text.trim().parse().ok(),
            Value::Bool(flag) => Some(u64::from(*flag)),
            value if is_blank(value) => return None,
            _ => None,
        };
        let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= max);
        if number.is_none() {
            self.fault(key, &format!("must be a number from 0 to {max}"));
        }
        number
    }

    /// One of the words a list allows, compared without case; `default` when absent.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], default: T) -> T {
        let text = self.text(key);
        if text.is_empty() {
            return default;
        }
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        if found.is_none() {
            let list: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.fault(key, &format!("must be one of {}", list.join(", ")));
        }
        found.map_or(default, |(_, value)| *value)
    }

    /// Texts of a list; one text is a list of its lines.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let clean = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        match self.value(key) {
            None => Vec::new(),
            Some(Value::String(text)) => text.lines().filter_map(clean).collect(),
            Some(Value::Array(items)) => {
                if items.iter().any(|item| !item.is_string() && !item.is_number()) {
                    self.fault(key, "must be a list of texts");
                }
                let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                items
                    .iter()
                    .filter(|item| item.is_string() || item.is_number())
                    .filter_map(|i| clean(&text(i)))
                    .collect()
            }
            Some(_) => {
                self.fault(key, "must be a list of texts");
                Vec::new()
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole, not negative and below 2^32"
)]
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..=4_294_967_295.0).contains(&number)).then_some(number as u64)
}

fn is_blank(value: &Value) -> bool {
    value.is_null()
        || value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(Map::is_empty)
        || value.as_str().is_some_and(str::is_empty)
}
