//! A document as a tree that keeps order and spelling: YAML and JSON templates are changed here and written out again.

use std::fmt::Write as _;

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    Scalar(Scalar),
    List(Vec<Self>),
    Map(Vec<(Scalar, Self)>),
}

/// A text, a number, a boolean or null. Plain ones are written as they were read, so that `08`, `0x1F` and `on` mean
/// to the app what they meant to the author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) plain: bool,
}

impl Scalar {
    pub(crate) fn quoted(text: impl Into<String>) -> Self {
        Self { text: text.into(), plain: false }
    }

    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), plain: true }
    }
}

impl Tree {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Scalar(Scalar::quoted(text))
    }

    pub(crate) fn word(text: impl Into<String>) -> Self {
        Self::Scalar(Scalar::plain(text))
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name.text == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(entries) => entries.iter_mut().find(|(name, _)| name.text == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn get_text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::as_text)
    }

    /// Takes a key out of a map.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Self> {
        let Self::Map(entries) = self else { return None };
        let at = entries.iter().position(|(name, _)| name.text == key)?;
        Some(entries.remove(at).1)
    }

    /// Sets a key of a map, at its place or at the end.
    pub(crate) fn set(&mut self, key: &str, value: Self) {
        if let Some(old) = self.get_mut(key) {
            *old = value;
        } else if let Self::Map(entries) = self {
            entries.push((Scalar::quoted(key), value));
        }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items_mut(&mut self) -> Option<&mut Vec<Self>> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Replaces a word in every text, names of keys too. What was touched is quoted.
    pub(crate) fn substitute(&mut self, from: &str, to: &str) {
        match self {
            Self::Scalar(scalar) => substitute(scalar, from, to),
            Self::List(items) => items.iter_mut().for_each(|item| item.substitute(from, to)),
            Self::Map(entries) => {
                for (key, value) in entries {
                    substitute(key, from, to);
                    value.substitute(from, to);
                }
            }
        }
    }

    /// Writes block YAML, every line behind `indent` blanks. The first line is not indented: the caller wrote what
    /// comes before it.
    pub(crate) fn write_yaml(&self, out: &mut String, indent: usize) {
        match self {
            Self::Scalar(scalar) => {
                write_yaml_scalar(out, scalar);
                out.push('\n');
            }
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        blanks(out, indent);
                    }
                    out.push_str("- ");
                    item.write_yaml_value(out, indent + 2);
                }
            }
            Self::Map(entries) => {
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        blanks(out, indent);
                    }
                    write_yaml_scalar(out, key);
                    out.push(':');
                    value.write_yaml_after_key(out, indent);
                }
            }
        }
    }

    /// Writes what follows `key:`, to the end of the line and beyond.
    pub(crate) fn write_yaml_after_key(&self, out: &mut String, indent: usize) {
        let is_nested = match self {
            Self::Scalar(_) => false,
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
        };
        if is_nested {
            out.push('\n');
            blanks(out, indent + 2);
        } else {
            out.push(' ');
        }
        self.write_yaml_value(out, indent + 2);
    }

    fn write_yaml_value(&self, out: &mut String, indent: usize) {
        match self {
            Self::List(items) if items.is_empty() => out.push_str("[]\n"),
            Self::Map(entries) if entries.is_empty() => out.push_str("{}\n"),
            _ => self.write_yaml(out, indent),
        }
    }

    /// Writes JSON with two blanks of indentation.
    pub(crate) fn write_json(&self, out: &mut String, indent: usize) {
        match self {
            Self::Scalar(scalar) if scalar.plain => out.push_str(&scalar.text),
            Self::Scalar(scalar) => write_quoted(out, &scalar.text),
            Self::List(items) if items.is_empty() => out.push_str("[]"),
            Self::Map(entries) if entries.is_empty() => out.push_str("{}"),
            Self::List(items) => {
                out.push_str("[\n");
                for (index, item) in items.iter().enumerate() {
                    blanks(out, indent + 2);
                    item.write_json(out, indent + 2);
                    out.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
                }
                blanks(out, indent);
                out.push(']');
            }
            Self::Map(entries) => {
                out.push_str("{\n");
                for (index, (key, value)) in entries.iter().enumerate() {
                    blanks(out, indent + 2);
                    write_quoted(out, &key.text);
                    out.push_str(": ");
                    value.write_json(out, indent + 2);
                    out.push_str(if index + 1 < entries.len() { ",\n" } else { "\n" });
                }
                blanks(out, indent);
                out.push('}');
            }
        }
    }
}

fn substitute(scalar: &mut Scalar, from: &str, to: &str) {
    if scalar.text.contains(from) {
        *scalar = Scalar::quoted(scalar.text.replace(from, to));
    }
}

pub(crate) fn blanks(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

fn write_yaml_scalar(out: &mut String, scalar: &Scalar) {
    if !scalar.plain || scalar.text.contains(['\n', '\r']) {
        write_quoted(out, &scalar.text);
    } else {
        out.push_str(&scalar.text);
    }
}

/// A text in double quotes, as JSON and YAML both read it.
pub(crate) fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    write_escaped(out, text);
    out.push('"');
}

/// The inside of the quotes. YAML allows fewer characters to stand for themselves than JSON does.
pub(crate) fn write_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(needs_escape) {
        let (clean, from) = rest.split_at(at);
        out.push_str(clean);
        let mut chars = from.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            // All of them are in the basic plane, so one escape does.
            Some(char) => {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

const fn needs_escape(char: char) -> bool {
    matches!(
        char,
        '"' | '\\' | '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}
