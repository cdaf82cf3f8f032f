//! The fields of a provider's message, as it wrote them: numbers keep their text, as sums are read from it and signatures made over it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gatehouse_model::Money;
use percent_encoding::percent_decode;
use serde_json::value::RawValue;

/// Fields by name. One that is null is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Of an object in JSON; a list or an object in it is its text.
    pub(super) fn of_json(body: &[u8]) -> Option<Self> {
        let raw: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
        let text = |(name, value): (String, &RawValue)| match value.get() {
            "null" => None,
            quoted if quoted.starts_with('"') => Some((name, serde_json::from_str(quoted).ok()?)),
            plain => Some((name, plain.to_owned())),
        };
        Some(Self(raw.into_iter().filter_map(text).collect()))
    }

    /// The object under a name of an object in JSON.
    pub(super) fn inside_json(body: &[u8], name: &str) -> Option<Self> {
        let raw: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
        Self::of_json(raw.get(name)?.get().as_bytes())
    }

    /// Of a form; of several under a name the first.
    pub(super) fn of_form(body: &[u8]) -> Option<Self> {
        let decode = |bytes: &[u8]| {
            let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
            percent_decode(&spaced).decode_utf8().ok().map(Cow::into_owned)
        };
        let mut fields = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = (pair.get(..at)?, pair.get(at.saturating_add(1)..).unwrap_or_default());
            fields.entry(decode(name)?).or_insert(decode(value)?);
        }
        Some(Self(fields))
    }

    /// Of whatever it is.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let is_json = body.trim_ascii_start().starts_with(b"{");
        if is_json { Self::of_json(body) } else { Self::of_form(body) }
    }

    /// With another one.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a number.
    pub(super) fn with_number(self, name: &str, value: i64) -> Self {
        self.with(name, &value.to_string())
    }

    /// One that says something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All, by name, those that say nothing too.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Those that say something, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A whole number of hundredths.
pub(super) fn hundredths(text: &str) -> Option<Money> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok().map(Money)).flatten()
}

/// A decimal number such as `103.0`; what is finer than hundredths must be nothing.
pub(super) fn decimal(text: &str) -> Option<Money> {
    let (whole, fine) = text.split_once('.').unwrap_or((text, "0"));
    let (cents, finer) = fine.split_at_checked(2).unwrap_or((fine, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fine) || finer.bytes().any(|byte| byte != b'0') {
        return None;
    }
    format!("{whole}.{cents}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_keep_their_text() {
        let fields =
            Fields::of(br#" {"amount":103.10,"id":805243692,"none":null,"empty":"","text":"\u041f\/x","ok":true}"#);
        let fields = fields.unwrap();
        let told: Vec<_> = fields.iter().collect();
        assert_eq!(told, [("amount", "103.10"), ("id", "805243692"), ("ok", "true"), ("text", "П/x")]);
        assert_eq!(fields.get("empty"), None);
        assert_eq!(Fields::of(b"{]"), None);
    }

    #[test]
    fn forms_are_decoded_once() {
        let fields = Fields::of(b"data=a%2Bb+c%3D&signature=x&data=late&empty").unwrap();
        assert_eq!((fields.get("data"), fields.get("signature")), (Some("a+b c="), Some("x")));
        assert_eq!(Fields::of(b"a=%ff"), None, "no UTF-8");
    }

    #[test]
    fn sums_are_read_from_their_text() {
        let read = ["103.0", "103", "0.01", "103.10", "103.100"].map(decimal);
        assert_eq!(read, [10_300, 10_300, 1, 10_310, 10_310].map(|sum| Some(Money(sum))));
        for text in ["", "-1", "1e2", "1.", ".5", "0.001", "1.005", "1,5", "NaN", "99999999999999999999", "1.0.0"] {
            assert_eq!(decimal(text), None, "{text}");
        }
        assert_eq!(hundredths("10300"), Some(Money(10_300)));
        assert_eq!(["103.0", "-1", "", "99999999999999999999"].map(hundredths), [None; 4]);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
            let _ = Fields::of(&body);
            let _ = Fields::of(text.as_bytes());
            let _ = (decimal(&text), hundredths(&text));
        }
    }
}
