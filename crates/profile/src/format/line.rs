//! What the line formats share: `name = type, host, port, key=value`.

/// A character that may stand in a name or value of a line: those with a meaning become full-width.
pub(crate) const fn line_char(char: char) -> char {
    match char {
        ',' => '，',
        '=' => '＝',
        '"' => '＂',
        char => char,
    }
}

/// One line being written: parts with commas between.
pub(super) struct Line<'o> {
    out: &'o mut String,
}

impl<'o> Line<'o> {
    /// Begins with a text of our own.
    pub(super) fn new(out: &'o mut String, head: &str) -> Self {
        out.push_str(head);
        Self { out }
    }

    /// Adds a value by its place.
    pub(super) fn value(&mut self, value: &str) -> &mut Self {
        self.out.push(',');
        push_value(self.out, value);
        self
    }

    /// Adds a quoted value by its place.
    pub(super) fn quoted(&mut self, value: &str) -> &mut Self {
        self.out.push_str(",\"");
        push_value(self.out, value);
        self.out.push('"');
        self
    }

    /// Adds `key=value`, unless the value is empty.
    pub(super) fn pair(&mut self, key: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.key(key);
            push_value(self.out, value);
        }
        self
    }

    /// Adds `key="value"`, unless the value is empty.
    pub(super) fn quoted_pair(&mut self, key: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.key(key);
            self.out.push('"');
            push_value(self.out, value);
            self.out.push('"');
        }
        self
    }

    /// Adds `key=true` or `key=false`.
    pub(super) fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key);
        self.out.push_str(if value { "true" } else { "false" });
        self
    }

    /// Adds `key=value` as it is: Base64 keys end in `=`.
    pub(super) fn raw_pair(&mut self, key: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.key(key);
            self.out.extend(value.chars().filter(|char| !char.is_control() && !matches!(char, ',' | '"')));
        }
        self
    }

    /// Ends the line.
    pub(super) fn end(&mut self, ending: &str) {
        self.out.push_str(ending);
    }

    fn key(&mut self, key: &str) {
        self.out.push(',');
        self.out.push_str(key);
        self.out.push('=');
    }
}

/// Values are administrators' texts too: no line break, comma or quotation mark gets through. `=` may: paths have
/// queries.
fn push_value(out: &mut String, value: &str) {
    out.extend(
        value.chars().filter(|char| !char.is_control()).map(|char| if char == '=' { char } else { line_char(char) }),
    );
}
