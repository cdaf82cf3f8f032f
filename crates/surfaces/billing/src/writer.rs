//! Writes JSON in the types of this surface (specs/billing.md §3): a number that stood in a column is a text, unless
//! `billing.api.numbers` says otherwise.

use std::{fmt::Display, io::Write as _};

use gatehouse_domain::settings::Numbers;
use gatehouse_model::{Millis, Money};
use serde_json::Value;

/// Members of objects, elements of lists. Names are ours: they need no escapes.
#[derive(Debug)]
pub(crate) struct Writer {
    out: Vec<u8>,
    numbers: Numbers,
}

impl Writer {
    /// Nothing yet.
    pub(crate) fn new(numbers: Numbers) -> Self {
        Self { out: Vec::with_capacity(2_048), numbers }
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Text.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.quoted(value);
    }

    /// Text or `null`.
    pub(crate) fn optional_text(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    /// `s#`: an integer.
    pub(crate) fn number(&mut self, name: &str, value: i64) {
        self.name(name);
        self.marked(value);
    }

    /// `s#`: 0 or 1.
    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.number(name, value.into());
    }

    /// `s#`: money with both decimals, natively without when there are none.
    pub(crate) fn money(&mut self, name: &str, value: Money) {
        self.name(name);
        let text = if self.numbers == Numbers::Native { native(value) } else { value.to_decimal() };
        self.marked(text);
    }

    /// `s#`: a price, as short as it can be said.
    pub(crate) fn price(&mut self, name: &str, value: Money) {
        self.name(name);
        let text = if self.numbers == Numbers::Native { native(value) } else { value.to_shortest() };
        self.marked(text);
    }

    /// `ts`: seconds since 1970; none: 0.
    pub(crate) fn time(&mut self, name: &str, value: Option<Millis>) {
        self.number(name, value.map_or(0, seconds));
    }

    /// `ts` or `null`.
    pub(crate) fn optional_time(&mut self, name: &str, value: Option<Millis>) {
        match value {
            Some(at) => self.number(name, seconds(at)),
            None => self.null(name),
        }
    }

    /// `n`: a number in both modes.
    pub(crate) fn plain(&mut self, name: &str, value: i64) {
        self.name(name);
        self.put(value);
    }

    /// `n`: money as a number in both modes.
    pub(crate) fn plain_money(&mut self, name: &str, value: Money) {
        self.name(name);
        self.put(native(value));
    }

    /// `null`.
    pub(crate) fn null(&mut self, name: &str) {
        self.name(name);
        self.out.extend(b"null");
    }

    /// Any value.
    pub(crate) fn value(&mut self, name: &str, value: &Value) {
        self.name(name);
        self.put(value);
    }

    /// An object.
    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.braced(members);
    }

    /// An object of texts, its names as they are stored.
    pub(crate) fn texts<'a>(&mut self, name: &str, members: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.name(name);
        self.out.push(b'{');
        for (name, value) in members {
            self.comma();
            self.quoted(name);
            self.out.push(b':');
            self.quoted(value);
        }
        self.out.push(b'}');
    }

    /// A list of objects.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut members: impl FnMut(&mut Self, T),
    ) {
        self.name(name);
        self.out.push(b'[');
        for item in items {
            self.element(|writer| members(writer, item));
        }
        self.out.push(b']');
    }

    /// An object that is an element of a list.
    pub(crate) fn element(&mut self, members: impl FnOnce(&mut Self)) {
        self.comma();
        self.braced(members);
    }

    fn braced(&mut self, members: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        members(self);
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend(name.as_bytes());
        self.out.extend(b"\":");
    }

    /// Between two members or elements, and only there.
    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn marked(&mut self, digits: impl Display) {
        if self.numbers == Numbers::String {
            self.out.push(b'"');
            self.put(digits);
            self.out.push(b'"');
        } else {
            self.put(digits);
        }
    }

    fn put(&mut self, value: impl Display) {
        // Writing into memory cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn quoted(&mut self, text: &str) {
        // Writing a text into memory cannot fail.
        let _ = serde_json::to_writer(&mut self.out, text);
    }
}

/// Money as a JSON number.
fn native(value: Money) -> String {
    if value.0 % 100 == 0 { (value.0 / 100).to_string() } else { value.to_decimal() }
}

fn seconds(at: Millis) -> i64 {
    at.0.div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(numbers: Numbers, members: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::new(numbers);
        members(&mut writer);
        String::from_utf8(writer.into_bytes()).unwrap()
    }

    fn every_mark(writer: &mut Writer) {
        writer.number("id", 357);
        writer.money("whole", Money(1_200));
        writer.money("cents", Money(-1_250));
        writer.price("price", Money(990));
        writer.time("never", None);
        writer.optional_time("null", None);
        writer.time("at", Some(Millis(1_795_226_400_999)));
        writer.plain("left", 5);
        writer.plain_money("debt", Money(50));
        writer.flag("on", true);
        writer.text("text", "У \"меня\"\n</script>");
    }

    #[test]
    fn a_mark_is_a_text_or_a_number_as_configured() {
        assert_eq!(
            written(Numbers::String, every_mark),
            "\"id\":\"357\",\"whole\":\"12.00\",\"cents\":\"-12.50\",\"price\":\"9.9\",\"never\":\"0\",\"null\":null,\
             \"at\":\"1795226400\",\"left\":5,\"debt\":0.50,\"on\":\"1\",\"text\":\"У \\\"меня\\\"\\n</script>\""
        );
        assert_eq!(
            written(Numbers::Native, every_mark),
            "\"id\":357,\"whole\":12,\"cents\":-12.50,\"price\":9.90,\"never\":0,\"null\":null,\
             \"at\":1795226400,\"left\":5,\"debt\":0.50,\"on\":1,\"text\":\"У \\\"меня\\\"\\n</script>\""
        );
    }

    #[test]
    fn objects_and_lists_nest() {
        let text = written(Numbers::String, |writer| {
            writer.object("usr", |usr| {
                usr.list("ips", Vec::<i64>::new(), |_, _| {});
                usr.texts("dopdata", [("_a\"", "1"), ("_b", "")]);
            });
            writer.list("services", [1, 2], |service, id| service.number("id", id));
        });
        assert_eq!(
            text,
            "\"usr\":{\"ips\":[],\"dopdata\":{\"_a\\\"\":\"1\",\"_b\":\"\"}},\"services\":[{\"id\":\"1\"},{\"id\":\"2\"}]"
        );
        assert!(serde_json::from_str::<Value>(&format!("{{{text}}}")).is_ok());
    }
}
