//! Links: the parts that General and Shadowrocket share (specs/panel-nodes.md N6.1).

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986 "unreserved": everything else is percent-encoded, a blank as `%20`.
pub(crate) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A link being written, parameter by parameter.
pub(super) struct Uri<'o> {
    out: &'o mut String,
    has_query: bool,
}

impl<'o> Uri<'o> {
    /// Begins with everything up to the query, encoded already.
    pub(super) fn new(out: &'o mut String, head: &str) -> Self {
        out.push_str(head);
        Self { out, has_query: false }
    }

    /// Adds a parameter, unless it is empty.
    pub(super) fn put(&mut self, key: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.out.push(if self.has_query { '&' } else { '?' });
            self.has_query = true;
            // Writing into a String cannot fail.
            let _ = write!(self.out, "{key}={}", utf8_percent_encode(value, UNRESERVED));
        }
        self
    }

    /// Adds `key=1`, or nothing.
    pub(super) fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.put(key, if value { "1" } else { "" })
    }

    /// Adds the name and ends the line.
    pub(super) fn end(&mut self, name: &str) {
        // Writing into a String cannot fail.
        let _ = write!(self.out, "#{}\r\n", utf8_percent_encode(name, UNRESERVED));
    }
}
