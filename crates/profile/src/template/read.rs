//! Reading YAML and JSON into a [`Tree`].

use std::{collections::HashMap, fmt};

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::tree::{Scalar, Tree};
use crate::settings::Fault;

/// Nodes a template may have, aliases written out: nine anchors of nine references each would be a billion.
const MAX_NODES: usize = 100_000;
/// How deep it may be nested.
const MAX_DEPTH: usize = 64;

/// A list or map that is still open.
enum Open {
    List(Vec<Tree>),
    Map(Vec<(Scalar, Tree)>, Option<Scalar>),
}

/// Reads the first document of a YAML text. Aliases and merge keys (`<<`) are written out.
///
/// Errors: the first thing that is wrong, with its line.
pub(super) fn yaml(text: &str) -> Result<Tree, Fault> {
    let mut anchors: HashMap<usize, Tree> = HashMap::new();
    let mut open: Vec<(Open, usize)> = Vec::new();
    let mut count = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Fault::new("", format!("is no YAML: {error}")))?;
        let wrong = |what: &str| Fault::new("", format!("is no usable YAML: line {}: {what}", span.start.line()));
        let done = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                let plain = matches!(style, ScalarStyle::Plain) && !is_text;
                let text = if plain && text.is_empty() { "null".to_owned() } else { text.into_owned() };
                (Tree::Scalar(Scalar { text, plain }), anchor)
            }
            Event::Alias(anchor) => {
                (anchors.get(&anchor).cloned().ok_or_else(|| wrong("this alias has no anchor yet"))?, 0)
            }
            Event::SequenceStart(anchor, _) => {
                open.push((Open::List(Vec::new()), anchor));
                if open.len() > MAX_DEPTH {
                    return Err(wrong("it is nested deeper than 64 levels"));
                }
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push((Open::Map(Vec::new(), None), anchor));
                if open.len() > MAX_DEPTH {
                    return Err(wrong("it is nested deeper than 64 levels"));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some((Open::List(items), anchor)) => (Tree::List(items), anchor),
                Some((Open::Map(entries, _), anchor)) => {
                    (Tree::Map(merged(entries).ok_or_else(|| wrong("`<<` must name a map or a list of maps"))?), anchor)
                }
                None => continue,
            },
            Event::DocumentEnd | Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
        };
        let (tree, anchor) = done;
        count += size(&tree);
        if count > MAX_NODES {
            return Err(wrong("it has too many entries, aliases included"));
        }
        if anchor != 0 {
            anchors.insert(anchor, tree.clone());
        }
        match open.last_mut() {
            None => return Ok(tree),
            Some((Open::List(items), _)) => items.push(tree),
            Some((Open::Map(entries, key @ None), _)) => match tree {
                Tree::Scalar(scalar) => {
                    if entries.iter().any(|(known, _)| known.text == scalar.text) {
                        return Err(wrong(&format!("the key `{}` is there twice", scalar.text)));
                    }
                    *key = Some(scalar);
                }
                _ => return Err(wrong("a key must be a text")),
            },
            Some((Open::Map(entries, key), _)) => {
                if let Some(key) = key.take() {
                    entries.push((key, tree));
                }
            }
        }
    }
    Ok(Tree::Map(Vec::new()))
}

/// A map with the entries of `<<`, which yield to its own.
fn merged(mut entries: Vec<(Scalar, Tree)>) -> Option<Vec<(Scalar, Tree)>> {
    let Some(at) = entries.iter().position(|(key, _)| key.plain && key.text == "<<") else { return Some(entries) };
    let (_, merge) = entries.remove(at);
    let sources = match merge {
        Tree::List(items) => items,
        other => vec![other],
    };
    for source in sources {
        let Tree::Map(more) = source else { return None };
        for (key, value) in more {
            if !entries.iter().any(|(known, _)| known.text == key.text) {
                entries.push((key, value));
            }
        }
    }
    Some(entries)
}

fn size(tree: &Tree) -> usize {
    match tree {
        Tree::Scalar(_) => 1,
        Tree::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Tree::Map(entries) => 1 + entries.iter().map(|(_, value)| size(value)).sum::<usize>(),
    }
}

/// Reads a JSON text.
///
/// Errors: where it is wrong.
pub(super) fn json(text: &str) -> Result<Tree, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::new("", format!("is no JSON: {error}")))
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::word(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::word(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::word(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::word(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::text(value))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::word("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut entries: Vec<(Scalar, Tree)> = Vec::new();
        while let Some((key, value)) = access.next_entry::<String, Tree>()? {
            if entries.iter().any(|(known, _)| known.text == key) {
                return Err(A::Error::custom(format!("the key `{key}` is there twice")));
            }
            entries.push((Scalar::quoted(key), value));
        }
        Ok(Tree::Map(entries))
    }
}
