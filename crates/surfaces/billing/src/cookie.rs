//! The cookies of this surface (specs/billing.md §1, §4).

use gatehouse_domain::settings::Language;
use http::{HeaderMap, HeaderValue, header};

/// The cookie that holds the session.
const SESSION: &str = "noses";
/// The cookie that names the language.
const LANGUAGE: &str = "nolang";

/// The first cookie of this name; quotes around its value, which some HTTP libraries add, are cut.
fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| std::str::from_utf8(line.as_bytes()).ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(found, _)| found.trim() == name)?;
    let value = value.trim();
    Some(value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value))
}

/// The session a request carries.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    find(headers, SESSION).filter(|value| !value.is_empty())
}

/// The language a request asks for.
pub(crate) fn language(headers: &HeaderMap) -> Option<Language> {
    let value = find(headers, LANGUAGE)?;
    let named = [("RU", Language::Ru), ("UA", Language::Ua), ("EN", Language::En)];
    named.into_iter().find(|(name, _)| value.eq_ignore_ascii_case(name)).map(|(_, language)| language)
}

/// `Set-Cookie` of a session. Its name is fixed: no parameter sets cookies.
pub(crate) fn set(secret: &str, is_tls: bool) -> Option<HeaderValue> {
    let secure = if is_tls { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{SESSION}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// `Set-Cookie` that clears it.
pub(crate) fn cleared(is_tls: bool) -> Option<HeaderValue> {
    let secure = if is_tls { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{SESSION}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn the_session_is_found_among_others_with_and_without_quotes() {
        for lines in
            [&["noses=abc"][..], &["a=b; noses=\"abc\"; x"], &["a=b", " noses = abc ;"], &["noses=abc; noses=def"]]
        {
            assert_eq!(session(&with(lines)), Some("abc"), "{lines:?}");
        }
        for lines in [&["xnoses=abc"][..], &["noses="], &["noses=\"\""], &["noses"], &[]] {
            assert_eq!(session(&with(lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn the_language_is_read_in_any_case() {
        assert_eq!(language(&with(&["nolang=ua"])), Some(Language::Ua));
        assert_eq!(language(&with(&["nolang=En; noses=1"])), Some(Language::En));
        assert_eq!(language(&with(&["nolang=DE"])), None);
    }
}
