//! `multipart/form-data` (RFC 7578) of a body that is already here.
//!
//! No library: multer reads streams, may wait for bytes that never come, and decodes names as text where a surface wants
//! bytes. Speed is not the reason: a form of two fields takes 1 µs here and 3.5 µs there.

use crate::{Unreadable, Value};

/// Fields in the order of their parts.
type Parts = Vec<(Vec<u8>, Value)>;

/// Decodes a body by the boundary that its `Content-Type` names.
///
/// Parts without a name are skipped, the content of files is dropped. Errors: no boundary, a part without an end, a
/// header that is none, anything between two parts.
pub(crate) fn decode(content_type: &[u8], body: &[u8]) -> Result<Parts, Unreadable> {
    let boundary = parameter(content_type, b"boundary").filter(|boundary| !boundary.is_empty()).ok_or(Unreadable)?;
    let separator = [b"\r\n--".as_slice(), &boundary].concat();
    // At the very start the separator has no line before it; otherwise a preamble comes first.
    let mut rest = match body.strip_prefix(b"--".as_slice()).and_then(|body| body.strip_prefix(boundary.as_slice())) {
        Some(rest) => rest,
        None => split(body, &separator).ok_or(Unreadable)?.1,
    };
    let mut parts = Parts::new();
    while !rest.starts_with(b"--") {
        let (padding, part) = split(rest, b"\r\n").ok_or(Unreadable)?;
        let (head, content) = match part.strip_prefix(b"\r\n") {
            Some(content) => (b"".as_slice(), content),
            None => split(part, b"\r\n\r\n").ok_or(Unreadable)?,
        };
        let (content, after) = split(content, &separator).ok_or(Unreadable)?;
        if !padding.trim_ascii().is_empty() {
            return Err(Unreadable);
        }
        parts.extend(part_of(head, content)?);
        rest = after;
    }
    Ok(parts)
}

fn part_of(head: &[u8], content: &[u8]) -> Result<Option<(Vec<u8>, Value)>, Unreadable> {
    let mut field = None;
    for line in head.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let (name, value) = split(line, b":").ok_or(Unreadable)?;
        if name.eq_ignore_ascii_case(b"content-disposition") {
            let has_file = |name: &[u8]| parameter(value, name).is_some_and(|file| !file.is_empty());
            let is_file = has_file(b"filename") || has_file(b"filename*");
            let content = if is_file { Value::File } else { Value::Text(content.to_vec()) };
            field = parameter(value, b"name").map(|name| (name, content));
        }
    }
    Ok(field)
}

/// A parameter of a header's value: `…; name=token`, `…; name="a \"quoted\" text"`.
fn parameter(value: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let (_, mut rest) = split(value, b";")?;
    loop {
        let (name, after) = split(rest, b"=")?;
        let after = after.trim_ascii_start();
        let (text, next) = if let Some(quoted) = after.strip_prefix(b"\"") {
            unquote(quoted)?
        } else {
            let end = after.iter().position(|b| *b == b';').unwrap_or(after.len());
            let (token, next) = after.split_at(end);
            (token.trim_ascii().to_vec(), next)
        };
        // A parameter without value stands before the name.
        let name = name.rsplit(|b| *b == b';').next().unwrap_or_default();
        if name.trim_ascii().eq_ignore_ascii_case(wanted) {
            return Some(text);
        }
        rest = split(next, b";")?.1;
    }
}

/// The text up to the closing quote, and what follows. Other backslashes stand for themselves: old browsers send paths.
fn unquote(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    loop {
        match rest {
            [] => return None,
            [b'"', after @ ..] => return Some((text, after)),
            [b'\\', byte @ (b'"' | b'\\'), after @ ..] | [byte, after @ ..] => {
                text.push(*byte);
                rest = after;
            }
        }
    }
}

/// What stands before and after the first occurrence.
fn split<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(separator.len()).position(|window| window == separator)?;
    let (before, from) = text.split_at(at);
    Some((before, from.strip_prefix(separator)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(name: &str, content: &str) -> (Vec<u8>, Value) {
        (name.as_bytes().to_vec(), Value::Text(content.as_bytes().to_vec()))
    }

    fn decoded(body: &str) -> Result<Parts, Unreadable> {
        decode(b"multipart/form-data; boundary=B", body.as_bytes())
    }

    #[test]
    fn a_body_is_read_as_browsers_curl_and_libraries_write_it() {
        let bodies = [
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n",
            "preamble\r\n--B \t\r\ncontent-disposition:form-data;name=a\r\nContent-Type: text/plain\r\n\r\n1\r\n--B--epilogue",
            "--B\r\nContent-Type: x\r\nContent-Disposition: form-data; x; NAME=\"a\" \r\n\r\n1\r\n--B--",
            "--B\r\n\r\nno head\r\n--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"\"\r\n\r\n1\r\n--B--",
        ];
        for body in bodies {
            assert!(decoded(body) == Ok(vec![text("a", "1")]), "{body}");
        }
        let empty = "--B\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n--B--";
        assert!(decoded(empty) == Ok(vec![text("", "")]));
        assert!(decoded("--B--") == Ok(vec![]));
    }

    #[test]
    fn files_are_seen_and_quotes_undone() {
        for file in ["filename=x", "filename=\"C:\\x\"; size=1", "filename*=UTF-8''x"] {
            let body = format!("--B\r\nContent-Disposition: form-data; name=\"a;\\\"=\\\\\"; {file}\r\n\r\n1\r\n--B--");
            assert!(decoded(&body) == Ok(vec![(b"a;\"=\\".to_vec(), Value::File)]), "{body}");
        }
    }

    #[test]
    fn what_is_broken_is_unreadable_as_a_whole() {
        let whole = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--";
        for cut in 0..whole.len() {
            assert!(decoded(&whole[..cut]).is_err(), "{}", &whole[..cut]);
        }
        for body in ["--Bx\r\n\r\n\r\n--B--", "--B\r\nno header\r\n\r\n\r\n--B--", "--C--", "\n--B--"] {
            assert!(decoded(body).is_err(), "{body}");
        }
        for kind in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"B"] {
            assert!(decode(kind.as_bytes(), whole.as_bytes()).is_err(), "{kind}");
        }
        assert!(decode(b"multipart/form-data; charset=utf-8; boundary=\"B\"", whole.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(fields in proptest::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..5)) {
            let mut body = Vec::new();
            let mut expected = Parts::new();
            for (name, content) in fields {
                // Line ends in names are written %0D%0A (HTML), so they do not occur.
                let name: Vec<u8> = name.into_iter().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
                let quoted: Vec<u8> =
                    name.iter().flat_map(|b| if matches!(b, b'"' | b'\\') { vec![b'\\', *b] } else { vec![*b] }).collect();
                let head = [b"--0boundary0\r\nContent-Disposition: form-data; name=\"", quoted.as_slice(), b"\"\r\n\r\n"];
                body.extend(head.concat());
                body.extend(&content);
                body.extend(b"\r\n");
                expected.push((name, Value::Text(content)));
            }
            body.extend(b"--0boundary0--");
            prop_assert!(decode(b"multipart/form-data; boundary=0boundary0", &body) == Ok(expected));
        }

        #[test]
        fn no_bytes_upset_the_decoder(kind in any::<Vec<u8>>(), body in any::<Vec<u8>>()) {
            let kinds = [b"multipart/form-data; boundary=B;".as_slice(), &kind].concat();
            let framed = [b"--B\r\nContent-Disposition: form-data; name=".as_slice(), &body, b"\r\n--B--"].concat();
            // Only that nothing panics counts here.
            let _ = (decode(&kind, &body).is_ok(), decode(&kinds, &body).is_ok(), decode(&kinds, &framed).is_ok());
        }
    }
}
