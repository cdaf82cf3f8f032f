//! Texts in four languages (specs/panel.md §1.3). A text is known by its key: its English wording, or its Chinese one where the
//! contract gives only that. One file per area; a test finds every key that the domain or a handler names and no table has.

mod admin;
mod client;
mod common;
mod gift;
mod invite;
mod knowledge;
mod module;
mod node;
mod order;
mod passport;
mod payment;
mod plan;
mod ticket;
mod user;

use gatehouse_domain::panel::Refusal;

/// A language of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    ZhCn,
    ZhTw,
    En,
    Ru,
}

impl Language {
    /// By its tag, in any case.
    pub(crate) fn of(tag: &str) -> Option<Self> {
        match tag.trim().to_ascii_lowercase().as_str() {
            "zh-cn" | "zh" => Some(Self::ZhCn),
            "zh-tw" => Some(Self::ZhTw),
            "en-us" | "en" => Some(Self::En),
            "ru-ru" | "ru" => Some(Self::Ru),
            _ => None,
        }
    }
}

/// One text: key, and its wording in each language.
pub(crate) struct Text {
    pub(crate) key: &'static str,
    pub(crate) cn: &'static str,
    pub(crate) tw: &'static str,
    pub(crate) en: &'static str,
    pub(crate) ru: &'static str,
}

/// A text whose key is its English wording.
pub(crate) const fn english(key: &'static str, cn: &'static str, tw: &'static str, ru: &'static str) -> Text {
    Text { key, cn, tw, en: key, ru }
}

/// A text whose key is its wording in simplified Chinese.
pub(crate) const fn chinese(key: &'static str, tw: &'static str, en: &'static str, ru: &'static str) -> Text {
    Text { key, cn: key, tw, en, ru }
}

const TABLES: &[&[Text]] = &[
    common::TEXTS,
    passport::TEXTS,
    invite::TEXTS,
    plan::TEXTS,
    order::TEXTS,
    payment::TEXTS,
    ticket::TEXTS,
    knowledge::TEXTS,
    gift::TEXTS,
    module::TEXTS,
    node::TEXTS,
    client::TEXTS,
    user::TEXTS,
    admin::TEXTS,
];

fn find(key: &str) -> Option<&'static Text> {
    TABLES.iter().copied().flatten().find(|text| text.key == key)
}

/// The wording of a text; one without a table is its own key.
pub(crate) fn of(key: &str, language: Language) -> String {
    let Some(text) = find(key) else { return key.to_owned() };
    let wording = match language {
        Language::ZhCn => text.cn,
        Language::ZhTw => text.tw,
        Language::En => text.en,
        Language::Ru => text.ru,
    };
    wording.to_owned()
}

/// The wording of a refusal with its values.
pub(crate) fn filled(refusal: &Refusal, language: Language) -> String {
    let mut wording = of(refusal.text, language);
    for (name, value) in &refusal.values {
        wording = wording.replace(&format!(":{name}"), value);
    }
    wording
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The first text of every call of a refusal's constructor below a folder.
    fn named(folder: &Path, keys: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("src/text") {
                continue;
            }
            if path.is_dir() {
                named(&path, keys);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            for call in
                ["Refusal::rule(", "Refusal::often(", "Refusal::missing(", "Refusal::denied(", "Refusal::nobody("]
            {
                keys.extend(source.split(call).skip(1).filter_map(|rest| literal(rest.trim_start())));
            }
            // Its first argument is the parameter's name.
            for rest in source.split("Refusal::input(").skip(1) {
                keys.extend(rest.split_once(',').and_then(|(_, rest)| literal(rest.trim_start())));
            }
        }
    }

    fn literal(rest: &str) -> Option<String> {
        rest.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(text, _)| text.to_owned())
    }

    #[test]
    fn every_refusal_has_a_text_in_every_language() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut keys = BTreeSet::new();
        named(&root.join("src"), &mut keys);
        named(&root.join("../../domain/src/panel"), &mut keys);
        assert!(keys.len() > 10, "the scan finds refusals");
        let missing: Vec<&String> = keys.iter().filter(|key| find(key).is_none()).collect();
        assert!(missing.is_empty(), "texts without a table: {missing:#?}");
    }

    #[test]
    fn keys_are_unique_and_values_stand_in_every_wording() {
        let mut seen = BTreeSet::new();
        for text in TABLES.iter().copied().flatten() {
            assert!(seen.insert(text.key), "{} stands twice", text.key);
            let names = |wording: &str| -> BTreeSet<String> {
                let words = wording.split(':').skip(1);
                words
                    .map(|rest| rest.chars().take_while(char::is_ascii_lowercase).collect::<String>())
                    .filter(|name| !name.is_empty())
                    .collect()
            };
            for wording in [text.cn, text.tw, text.en, text.ru] {
                assert!(!wording.is_empty(), "{}", text.key);
                assert_eq!(names(wording), names(text.key), "{}", text.key);
            }
        }
    }
}
