//! The fields of a request as bytes, from any of the encodings that the surfaces take.

use http::{HeaderMap, header};
use percent_encoding::percent_decode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::multipart;

/// What the `Content-Type` says, without regard to case and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// `multipart/form-data`
    Multipart,
    /// `application/x-www-form-urlencoded`
    UrlEncoded,
    /// `application/json`
    Json,
    /// Another type.
    Other,
    /// No header.
    Absent,
}

impl BodyKind {
    /// Reads the first `Content-Type` header.
    pub fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::CONTENT_TYPE) else { return Self::Absent };
        let kind = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &str| kind.eq_ignore_ascii_case(name.as_bytes());
        if is("multipart/form-data") {
            Self::Multipart
        } else if is("application/x-www-form-urlencoded") {
            Self::UrlEncoded
        } else if is("application/json") {
            Self::Json
        } else {
            Self::Other
        }
    }
}

/// The body cannot be read as what it claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// One value of a field. Texts are bytes: whether they must be UTF-8 is the surface's business.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A form, query or multipart value, or a JSON string.
    Text(Vec<u8>),
    /// A multipart part with a file name; its content is dropped.
    File,
    /// A JSON value that is not a string.
    Json(serde_json::Value),
}

impl Value {
    /// The bytes of a text.
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            Self::File | Self::Json(_) => None,
        }
    }
}

/// Fields in the order they came, repetitions kept. Not printable: passwords and tokens are among them.
#[derive(Clone, PartialEq, Default)]
pub struct Fields(Vec<(Vec<u8>, Value)>);

impl Fields {
    /// Decodes `name=value&…` as bodies and queries carry it: `+` is a blank, a broken escape stands for itself.
    pub fn from_urlencoded(text: &[u8]) -> Self {
        let pairs = text.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
        let decode = |text: &[u8]| -> Vec<u8> {
            let blanks: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
            percent_decode(&blanks).collect()
        };
        let fields = pairs.map(|pair| {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let mut half = || decode(halves.next().unwrap_or_default());
            (half(), Value::Text(half()))
        });
        Self(fields.collect())
    }

    /// Decodes a `multipart/form-data` body. Parts without a name are skipped.
    pub fn from_multipart(headers: &HeaderMap, body: &[u8]) -> Result<Self, Unreadable> {
        let kind = headers.get(header::CONTENT_TYPE).ok_or(Unreadable)?;
        multipart::decode(kind.as_bytes(), body).map(Self)
    }

    /// Decodes a JSON object; repeated names are kept.
    pub fn from_json(body: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(body).map_err(|_broken| Unreadable)
    }

    /// Adds the fields of a second source whose names do not occur in this one.
    #[must_use]
    pub fn or(mut self, weaker: Self) -> Self {
        let own = self.0.len();
        for (name, value) in weaker.0 {
            if !self.0.iter().take(own).any(|(present, _)| *present == name) {
                self.0.push((name, value));
            }
        }
        self
    }

    /// The first value under this name.
    pub fn first(&self, name: &str) -> Option<&Value> {
        self.iter().find(|(present, _)| *present == name.as_bytes()).map(|(_, value)| value)
    }

    /// All fields in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &Value)> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    let value = match value {
                        serde_json::Value::String(text) => Value::Text(text.into_bytes()),
                        other => Value::Json(other),
                    };
                    fields.push((name.into_bytes(), value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a [u8]> {
        fields.first(name).and_then(Value::text)
    }

    #[test]
    fn urlencoded_values_are_bytes() {
        let fields = Fields::from_urlencoded(b"a=1+2%2b3&b=%ff%&&c&=d&a=9&e=f=g&%61b=\xe5\xbc\xa0");
        assert_eq!(text(&fields, "a"), Some(b"1 2+3".as_slice()));
        assert_eq!(text(&fields, "b"), Some(b"\xff%".as_slice()));
        assert_eq!(text(&fields, "c"), Some(b"".as_slice()));
        assert_eq!(text(&fields, ""), Some(b"d".as_slice()));
        assert_eq!(text(&fields, "e"), Some(b"f=g".as_slice()));
        assert_eq!(text(&fields, "ab"), Some("张".as_bytes()));
        assert_eq!(fields.iter().count(), 7);
    }

    #[test]
    fn json_is_an_object_of_anything() {
        let fields = Fields::from_json(br#"{"a":"x","b":5,"a":"y","c":null}"#).ok().unwrap();
        assert_eq!(text(&fields, "a"), Some(b"x".as_slice()));
        assert!(fields.first("b") == Some(&Value::Json(5.into())));
        assert!(fields.first("c") == Some(&Value::Json(serde_json::Value::Null)));
        for broken in ["", "[]", "null", "\"a\"", "{", "{}x", "{\"a\":\"\u{7f}\\x\"}"] {
            assert!(Fields::from_json(broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(Fields::from_json(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn the_stronger_source_hides_the_weaker_name_by_name() {
        let merged = Fields::from_urlencoded(b"a=1").or(Fields::from_urlencoded(b"a=2&b=3&b=4"));
        assert!(merged == Fields::from_urlencoded(b"a=1&b=3&b=4"));
    }

    #[test]
    fn the_content_type_is_read_without_case_and_parameters() {
        for (kind, expected) in [
            (Some("Multipart/Form-Data; boundary=x"), BodyKind::Multipart),
            (Some("application/x-www-form-urlencoded ;charset=UTF-8"), BodyKind::UrlEncoded),
            (Some("APPLICATION/JSON"), BodyKind::Json),
            (Some("text/plain"), BodyKind::Other),
            (Some(""), BodyKind::Other),
            (None, BodyKind::Absent),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(kind.map(|kind| (header::CONTENT_TYPE, HeaderValue::from_static(kind))));
            assert_eq!(BodyKind::of(&headers), expected, "{kind:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_decoders(body in any::<Vec<u8>>(), kind in any::<Vec<u8>>()) {
            // Only that nothing panics counts here.
            let _ = (Fields::from_urlencoded(&body), Fields::from_json(&body));
            let mut headers = HeaderMap::new();
            headers.extend(HeaderValue::from_bytes(&kind).ok().map(|kind| (header::CONTENT_TYPE, kind)));
            let _ = (BodyKind::of(&headers), Fields::from_multipart(&headers, &body).is_ok());
        }

        #[test]
        fn what_was_encoded_is_decoded(value in any::<Vec<u8>>()) {
            let encoded = percent_encoding::percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).to_string();
            let fields = Fields::from_urlencoded(format!("v={encoded}").as_bytes());
            prop_assert_eq!(text(&fields, "v"), Some(value.as_slice()));
        }
    }
}
