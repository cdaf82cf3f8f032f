//! Objects on one line, which JSON and YAML both read.

use crate::template::write_quoted;

/// Writes `{"key": value, …}`; in YAML keys stand without quotes.
pub(super) struct Flow<'o> {
    out: &'o mut String,
    is_yaml: bool,
    is_first: bool,
}

impl<'o> Flow<'o> {
    /// Writes an object.
    pub(super) fn object(out: &'o mut String, is_yaml: bool, write: impl FnOnce(&mut Flow<'_>)) {
        out.push('{');
        let mut flow = Flow { out, is_yaml, is_first: true };
        write(&mut flow);
        flow.out.push('}');
    }

    fn key(&mut self, key: &str) {
        if !self.is_first {
            self.out.push_str(", ");
        }
        self.is_first = false;
        let is_word = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if self.is_yaml && is_word {
            self.out.push_str(key);
        } else {
            write_quoted(self.out, key);
        }
        self.out.push_str(": ");
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        write_quoted(self.out, value);
        self
    }

    /// A text, unless it is empty.
    pub(super) fn text_if(&mut self, key: &str, value: &str) -> &mut Self {
        if value.is_empty() { self } else { self.text(key, value) }
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str, value: impl itoa::Integer) -> &mut Self {
        self.key(key);
        self.out.push_str(itoa::Buffer::new().format(value));
        self
    }

    /// A number, unless it is 0.
    pub(super) fn number_if(&mut self, key: &str, value: u32) -> &mut Self {
        if value == 0 { self } else { self.number(key, value) }
    }

    /// A boolean.
    pub(super) fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key);
        self.out.push_str(if value { "true" } else { "false" });
        self
    }

    /// `true`, or nothing.
    pub(super) fn flag_if(&mut self, key: &str, value: bool) -> &mut Self {
        if value { self.flag(key, true) } else { self }
    }

    /// A list of texts.
    pub(super) fn texts<'t>(&mut self, key: &str, values: impl Iterator<Item = &'t str>) -> &mut Self {
        self.key(key);
        self.out.push('[');
        for (index, value) in values.enumerate() {
            self.out.push_str(if index == 0 { "" } else { ", " });
            write_quoted(self.out, value);
        }
        self.out.push(']');
        self
    }

    /// A nested object.
    pub(super) fn nested(&mut self, key: &str, write: impl FnOnce(&mut Flow<'_>)) -> &mut Self {
        self.key(key);
        Flow::object(self.out, self.is_yaml, write);
        self
    }
}
