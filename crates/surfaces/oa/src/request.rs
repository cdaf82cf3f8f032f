//! The two fields of a request, out of whatever the caller sent (specs/oa.md §1.2).

use gatehouse_kit::{BodyKind, Fields, Unreadable, Value};
use http::HeaderMap;

/// What a caller gave. Missing and unreadable count as empty. Not printable, for the token.
#[derive(Default, PartialEq)]
pub(crate) struct Given {
    /// Not UTF-8 counts as empty: no such token can exist.
    pub(crate) token: String,
    /// Bytes, because a name that is not UTF-8 is refused only after the token was accepted.
    pub(crate) username: Vec<u8>,
}

/// Reads token and username. Never fails: what cannot be read counts as empty.
pub(crate) fn read(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Given {
    let query = || Fields::from_urlencoded(query.unwrap_or_default().as_bytes());
    match BodyKind::of(headers) {
        BodyKind::Multipart => Fields::from_multipart(headers, body).and_then(texts_only).map(|fields| exact(&fields)),
        BodyKind::UrlEncoded => Ok(exact(&Fields::from_urlencoded(body).or(query()))),
        BodyKind::Json => Fields::from_json(body).map(|fields| folded(&fields)),
        BodyKind::Other | BodyKind::Absent => Ok(exact(&query())),
    }
    .unwrap_or_default()
}

/// A field sent as a file spoils the whole body, as it did for the original.
fn texts_only(fields: Fields) -> Result<Fields, Unreadable> {
    let spoiled = fields.iter().any(|(name, value)| matches!(name, b"token" | b"username") && *value == Value::File);
    if spoiled { Err(Unreadable) } else { Ok(fields) }
}

/// Form and query names are exact.
fn exact(fields: &Fields) -> Given {
    pick(fields, |present, wanted| present == wanted)
}

/// JSON names are matched without regard to case.
fn folded(fields: &Fields) -> Given {
    pick(fields, <[u8]>::eq_ignore_ascii_case)
}

/// The first text under each name wins.
fn pick(fields: &Fields, is: impl Fn(&[u8], &[u8]) -> bool) -> Given {
    let text = |wanted: &[u8]| {
        let mut texts = fields.iter().filter(|(name, _)| is(name, wanted)).filter_map(|(_, value)| value.text());
        texts.next().unwrap_or_default().to_vec()
    };
    Given { token: String::from_utf8(text(b"token")).unwrap_or_default(), username: text(b"username") }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const MULTIPART: &str = "multipart/form-data; boundary=B";

    fn part(disposition: &str, value: &str) -> String {
        format!("--B\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
    }

    fn given(kind: Option<&str>, query: &str, body: impl AsRef<[u8]>) -> (String, Vec<u8>) {
        let mut headers = HeaderMap::new();
        headers.extend(kind.map(|kind| (header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())));
        let given = read(&headers, Some(query), body.as_ref());
        (given.token, given.username)
    }

    /// Content type, query, body; token and name that are read.
    type Row<'a> = (Option<&'a str>, &'a str, &'a str, (&'a str, &'a str));

    /// specs/oa.md §1.2 row by row.
    #[test]
    fn each_kind_of_body_is_read_by_its_rule() {
        let both = [part("name=\"token\"", "t"), part("name=\"username\"", "u"), "--B--\r\n".to_owned()].concat();
        let twice = [
            part("name=\"token\"", "t"),
            part("name=\"username\"", "u"),
            part("name=\"username\"", "v"),
            "--B--".into(),
        ]
        .concat();
        let file =
            [part("name=\"token\"", "t"), part("name=\"username\"; filename=\"u.txt\"", "u"), "--B--\r\n".to_owned()]
                .concat();
        let other_file =
            [part("name=\"token\"", "t"), part("name=\"x\"; filename=\"x\"", "x"), "--B--\r\n".to_owned()].concat();
        let rows: &[Row] = &[
            (Some(MULTIPART), "", &both, ("t", "u")),
            (Some(MULTIPART), "", &twice, ("t", "u")),
            (Some(MULTIPART), "username=q", &other_file, ("t", "")),
            (Some(MULTIPART), "", &file, ("", "")),
            (Some(MULTIPART), "token=t&username=u", "", ("", "")),
            (Some("multipart/form-data"), "token=t&username=u", &both, ("", "")),
            (Some(MULTIPART), "", both.strip_suffix("--\r\n").unwrap(), ("", "")),
            (Some(FORM), "", "token=t&username=u", ("t", "u")),
            (Some(FORM), "token=q&username=q", "username=u", ("q", "u")),
            (Some(FORM), "", "token=+T&username=a%20b+c&username=d", (" T", "a b c")),
            (Some(FORM), "", "Token=t&UserName=u", ("", "")),
            (Some(FORM), "token=t&username=u", "", ("t", "u")),
            (None, "token=t&username=u", "", ("t", "u")),
            (None, "token=t&token=s&username=%E5%BC%A0", "token=b", ("t", "张")),
            (Some("text/plain"), "", "token=t&username=u", ("", "")),
            (Some("text/plain"), "token=t&username=u", "token=b&username=b", ("t", "u")),
            (Some("application/json"), "", r#"{"token":"t","username":"u"}"#, ("t", "u")),
            (Some("application/json; charset=utf-8"), "", r#"{"Token":"t","UserName":"u"}"#, ("t", "u")),
            (Some("application/json"), "", r#"{"token":"t","username":5}"#, ("t", "")),
            (Some("application/json"), "token=t&username=u", r#"{"username":"v"}"#, ("", "v")),
            (Some("application/json"), "token=t&username=u", "{", ("", "")),
            (Some("application/json"), "token=t&username=u", "[]", ("", "")),
            (Some("application/json"), "token=t&username=u", "", ("", "")),
            (Some("application/x-yaml"), "", "token: t\nusername: u\n", ("", "")),
            (Some("application/xml"), "", "<a><token>t</token></a>", ("", "")),
        ];
        for (kind, query, body, (token, username)) in rows {
            let expected = ((*token).to_owned(), username.as_bytes().to_vec());
            assert_eq!(given(*kind, query, body), expected, "{kind:?} ?{query} {body}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_stay_visible_in_the_name_only() {
        assert_eq!(given(Some(FORM), "", "token=t&username=%ff"), ("t".to_owned(), vec![0xff]));
        assert_eq!(given(Some(FORM), "", "token=%ff&username=u"), (String::new(), b"u".to_vec()));
        let body =
            [part("name=\"token\"", "t").as_bytes(), part("name=\"username\"", "?").as_bytes(), b"--B--"].concat();
        let body: Vec<u8> = body.into_iter().map(|b| if b == b'?' { 0xff } else { b }).collect();
        assert_eq!(given(Some(MULTIPART), "", body), ("t".to_owned(), vec![0xff]));
    }

    proptest! {
        #[test]
        fn nothing_upsets_the_reader(kind in 0_usize..5, query in any::<Vec<u8>>(), body in any::<Vec<u8>>()) {
            let kind = [None, Some(FORM), Some(MULTIPART), Some("application/json"), Some("x")][kind];
            given(kind, &String::from_utf8_lossy(&query), body);
        }

        #[test]
        fn every_encoding_carries_every_name(name in "[^\r]{0,40}") {
            let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC).to_string();
            let expected = ("t".to_owned(), name.clone().into_bytes());
            prop_assert_eq!(given(Some(FORM), "", format!("token=t&username={encoded}")), expected.clone());
            prop_assert_eq!(given(None, &format!("token=t&username={encoded}"), ""), expected.clone());
            let json = serde_json::json!({ "token": "t", "username": name }).to_string();
            prop_assert_eq!(given(Some("application/json"), "", json), expected.clone());
            let parts = [part("name=\"token\"", "t"), part("name=\"username\"", &name), "--B--\r\n".to_owned()].concat();
            prop_assert_eq!(given(Some(MULTIPART), "", parts), expected);
        }
    }
}
