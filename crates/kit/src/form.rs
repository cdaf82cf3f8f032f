//! The fields of a request as bytes, from any of the encodings that the surfaces take.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderMap, header};
use percent_encoding::percent_decode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

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

    /// Decodes a complete `multipart/form-data` body. Parts without a name are skipped.
    pub fn from_multipart(headers: &HeaderMap, body: Bytes) -> Result<Self, Unreadable> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or(Unreadable)?;
        let boundary = multer::parse_boundary(kind).map_err(|_broken| Unreadable)?;
        let parts = multer::Multipart::new(stream::iter([Ok::<_, std::convert::Infallible>(body)]).fuse(), boundary);
        // The whole body is here, so a reader that waits for more waits for ever: that body is broken.
        collect_parts(parts).now_or_never().ok_or(Unreadable)?.map_err(|_broken| Unreadable)
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

async fn collect_parts(mut parts: multer::Multipart<'_>) -> Result<Fields, multer::Error> {
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await? {
        let Some(name) = part.name().map(|name| name.as_bytes().to_vec()) else { continue };
        let is_file = part.file_name().is_some_and(|name| !name.is_empty());
        let text = part.bytes().await?;
        fields.push((name, if is_file { Value::File } else { Value::Text(text.into()) }));
    }
    Ok(Fields(fields))
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

    fn multipart(kind: &str, body: &str) -> Result<Fields, Unreadable> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
        Fields::from_multipart(&headers, Bytes::from(body.to_owned()))
    }

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
    fn multipart_parts_are_texts_or_files() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1 \r\n\r\n--B\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nContent-Type: text/plain\r\n\r\nz\r\n--B--\r\n";
        let fields = multipart("multipart/form-data; boundary=\"B\"", body).ok().unwrap();
        assert_eq!(text(&fields, "a"), Some(b"1 \r\n".as_slice()));
        assert!(fields.first("f") == Some(&Value::File));
        let cut = body.strip_suffix("--\r\n").unwrap();
        for (kind, body) in [
            ("multipart/form-data", body),
            ("multipart/form-data; boundary=C", body),
            ("multipart/form-data; boundary=B", cut),
            ("multipart/form-data; boundary=B", ""),
        ] {
            assert!(multipart(kind, body).is_err(), "{kind} {body}");
        }
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
        fn no_bytes_upset_the_decoders(body in proptest::collection::vec(any::<u8>(), 0..300), kind in any::<Vec<u8>>()) {
            // Only that nothing panics counts here.
            let _ = (Fields::from_urlencoded(&body), Fields::from_json(&body));
            let mut headers = HeaderMap::new();
            if let Ok(kind) = HeaderValue::from_bytes(&kind) {
                headers.insert(header::CONTENT_TYPE, kind);
            }
            BodyKind::of(&headers);
            let _ = Fields::from_multipart(&headers, Bytes::from(body.clone()));
            let mut framed = b"--B\r\nContent-Disposition: form-data; name=".to_vec();
            framed.extend(body);
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=B"));
            let _ = Fields::from_multipart(&headers, framed.into());
        }

        #[test]
        fn what_was_encoded_is_decoded(value in any::<Vec<u8>>()) {
            let encoded = percent_encoding::percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).to_string();
            let fields = Fields::from_urlencoded(format!("v={encoded}").as_bytes());
            prop_assert_eq!(text(&fields, "v"), Some(value.as_slice()));
        }
    }
}
