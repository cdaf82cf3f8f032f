//! What a value may be, by flags and type (specs/billing.md §5.9).

use gatehouse_model::{FieldKind, Money};
use regex::{Regex, RegexBuilder};

use super::{Field, translit::to_latin};

/// Bytes that a compiled pattern may take.
const MAX_COMPILED: usize = 1 << 20;
/// Characters of one line, and of several.
const LINE: usize = 1_024;
const LINES: usize = 65_536;

/// Compiles the pattern of a field.
pub(super) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build()
}

/// A value as it is stored; empty: none. Errors: the rule that it breaks, in words.
///
/// Flags first, in the order b, c, d, e, f; then the pattern, then the type.
pub(super) fn normalise(field: &Field, value: &str) -> Result<String, String> {
    let value = if field.has('b') { value.trim_start() } else { value };
    let mut text = if field.has('c') { value.trim_end() } else { value }.to_owned();
    if field.has('d') {
        text = text.to_lowercase();
    }
    if field.has('e') {
        text = to_latin(&text);
    }
    if field.has('f') {
        text.retain(|c| !c.is_whitespace());
    }
    if text.is_empty() {
        return Ok(text);
    }
    if !field.pattern.is_empty() {
        let pattern = compile(&field.pattern).map_err(|error| format!("the pattern of the field is wrong: {error}"))?;
        if !pattern.is_match(&text) {
            return Err(format!("a text that matches {}", field.pattern));
        }
    }
    of_type(field, text)
}

fn of_type(field: &Field, text: String) -> Result<String, String> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_decimal = |text: &str| {
        let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, "0"));
        text.len() <= 40 && is_digits(whole) && is_digits(part)
    };
    let has_control = |text: &str| text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    let unsigned = text.strip_prefix('-').unwrap_or(&text);
    let rule = match field.kind {
        FieldKind::Int if text.parse::<i64>().is_err() => "a whole number",
        FieldKind::Uint | FieldKind::Traffic | FieldKind::Time if !is_digits(&text) || text.parse::<i64>().is_err() => {
            "a whole number without a sign"
        }
        FieldKind::Float if !is_decimal(unsigned) => "a number such as -1.5",
        FieldKind::Ufloat if !is_decimal(&text) => "a number such as 1.5, without a sign",
        FieldKind::Line | FieldKind::Pass if text.chars().count() > LINE || text.chars().any(char::is_control) => {
            "one line of at most 1024 characters"
        }
        FieldKind::Lines if text.chars().count() > LINES || has_control(&text) => "a text of at most 65536 characters",
        FieldKind::YesNo if text != "0" && text != "1" => "0 or 1",
        FieldKind::Select => return choice(field, text),
        FieldKind::Money => {
            let money: Money = text.parse().map_err(|error| format!("{error}"))?;
            return Ok(money.to_decimal());
        }
        FieldKind::Hash if text.len() > LINES || !is_object(&text) => "an object as JSON",
        _ => return Ok(text),
    };
    Err(rule.to_owned())
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok()
}

fn choice(field: &Field, text: String) -> Result<String, String> {
    let is_choice = |key: &str| field.choices.contains_key(key);
    let is_known = if field.has('k') { text.split(',').all(is_choice) } else { is_choice(&text) };
    if is_known {
        return Ok(text);
    }
    let known = field.choices.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let several = if field.has('k') { "some, between commas, of" } else { "one of" };
    Err(format!("{several}: {known}"))
}

#[cfg(test)]
mod tests {
    use gatehouse_model::{BillingFieldId, Millis};
    use gatehouse_store::billing_field::BillingFieldRow;

    use super::*;

    fn field(kind: FieldKind, flags: &str, param: &str) -> Field {
        Field::of(BillingFieldRow {
            id: BillingFieldId(1),
            name: "_x".to_owned(),
            title: "[01] X".to_owned(),
            section: String::new(),
            kind: kind.as_str().to_owned(),
            flags: flags.to_owned(),
            param: param.to_owned(),
            comment: String::new(),
            is_staff_only: false,
            created_at: Millis(0),
            updated_at: Millis(0),
        })
        .unwrap()
    }

    #[test]
    fn flags_come_first_then_pattern_then_type() {
        let line = |flags: &str, text: &str| normalise(&field(FieldKind::Line, flags, ""), text).unwrap();
        assert_eq!(line("", "  A b "), "  A b ");
        assert_eq!(line("b", "  A b "), "A b ");
        assert_eq!(line("bc", "  A b "), "A b");
        assert_eq!(line("bcdq", "  A b "), "a b");
        assert_eq!(line("fed", " Иван Petr "), "ivanpetr");
        assert_eq!(line("bc", "   "), "");
        let phone = field(FieldKind::Line, "f", "^\\+?[0-9]{5,15}$");
        assert_eq!(normalise(&phone, "+38 044 1234567").unwrap(), "+380441234567");
        assert!(normalise(&phone, "later").unwrap_err().contains("matches"));
        assert_eq!(normalise(&phone, " ").unwrap(), "", "no value is no wrong value");
    }

    #[test]
    fn each_type_has_its_form() {
        use FieldKind as K;
        let good = [
            (K::Int, "-7"),
            (K::Uint, "7"),
            (K::Float, "-1,5"),
            (K::Ufloat, "1.25"),
            (K::YesNo, "1"),
            (K::Lines, "a\nb"),
            (K::Hash, "{\"a\":1}"),
            (K::Time, "1795226400"),
        ];
        for (kind, text) in good {
            assert_eq!(normalise(&field(kind, "", ""), text).unwrap(), text);
        }
        let bad = [
            (K::Int, "1.5"),
            (K::Uint, "-7"),
            (K::Uint, "99999999999999999999"),
            (K::Float, "1."),
            (K::Ufloat, "-1"),
            (K::YesNo, "yes"),
            (K::Line, "a\nb"),
            (K::Lines, "a\u{1}"),
            (K::Hash, "[1]"),
            (K::Money, "1.005"),
            (K::Traffic, "1GB"),
        ];
        for (kind, text) in bad {
            assert!(normalise(&field(kind, "", ""), text).is_err(), "{text}");
        }
        assert_eq!(normalise(&field(K::Money, "", ""), "9,9").unwrap(), "9.90");
    }

    #[test]
    fn a_select_stores_keys_and_shows_texts() {
        let param = "{\"1\":\"Київ\",\"2\":\"Львів\"}";
        let one = field(FieldKind::Select, "", param);
        assert_eq!(normalise(&one, "2").unwrap(), "2");
        assert_eq!(normalise(&one, "1,2").unwrap_err(), "one of: 1, 2");
        assert_eq!((one.shown("2"), one.title.as_str()), ("Львів".to_owned(), "X"));
        let many = field(FieldKind::Select, "k", param);
        assert_eq!(many.shown(&normalise(&many, "1,2").unwrap()), "Київ, Львів");
        assert!(normalise(&many, "1,3").is_err());
    }
}
