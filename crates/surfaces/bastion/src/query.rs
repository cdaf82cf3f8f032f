//! The query of a request, read by the rules of bodies (specs/bastion.md §4.1, §4.4).

use gatehouse_kit::Fields as Pairs;
use gatehouse_model::{Millis, Paging};
use jiff::tz::TimeZone;

use crate::{
    body::{parse_boolean, parse_integer},
    envelope::{FieldTexts, Refusal},
    page, text, time,
};

/// The values of a query, and the faults found while reading them. The first value of a name counts.
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    zone: TimeZone,
    faults: FieldTexts,
}

impl Query {
    pub(crate) fn parse(query: &str, zone: &TimeZone) -> Self {
        let pairs = Pairs::from_urlencoded(query.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = pairs.iter().map(|(name, value)| (text(name), text(value.text().unwrap_or_default()))).collect();
        Self { pairs, zone: zone.clone(), faults: FieldTexts::default() }
    }

    /// Ends the reading. Errors: every fault that was found.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.faults.is_empty() { Ok(()) } else { Err(Refusal::Fields(self.faults)) }
    }

    /// Whether a name is there more than once.
    pub(crate) fn is_repeated(&self, name: &str) -> bool {
        self.pairs.iter().filter(|(present, _)| present == name).count() > 1
    }

    /// A value as it came; empty counts as absent.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        let value = self.pairs.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// A text to search for.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.raw(name)?.to_owned();
        if value.contains('\0') {
            self.faults.add(name, text::NUL);
            return None;
        }
        Some(value)
    }

    /// An integer.
    pub(crate) fn integer(&mut self, name: &'static str) -> Option<i64> {
        let read = parse_integer(self.raw(name)?.trim());
        if read.is_none() {
            self.faults.add(name, text::NOT_INTEGER);
        }
        read
    }

    /// A boolean.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let read = parse_boolean(self.raw(name)?);
        if read.is_none() {
            self.faults.add(name, text::NOT_BOOLEAN);
        }
        read
    }

    /// The first moment that is meant by a time.
    #[expect(clippy::wrong_self_convention, reason = "the lower bound of a range of times, not a conversion")]
    pub(crate) fn from_time(&mut self, name: &'static str) -> Option<Millis> {
        self.time(name).map(|(from, _)| from)
    }

    /// The last moment that is meant by a time: bounds are inclusive.
    pub(crate) fn until_time(&mut self, name: &'static str) -> Option<Millis> {
        self.time(name).map(|(_, until)| until)
    }

    fn time(&mut self, name: &'static str) -> Option<(Millis, Millis)> {
        let read = time::parse(self.raw(name)?, &self.zone);
        if read.is_none() {
            self.faults.add(name, text::NOT_TIME);
        }
        read
    }

    /// An integer without texts: endpoints that answer a bad id by 404.
    pub(crate) fn lone_integer(&self, name: &str) -> Option<i64> {
        parse_integer(self.raw(name)?.trim())
    }

    /// Which part of a list is asked for.
    pub(crate) fn paging(&mut self) -> Paging {
        let size = self.at_least_one("page_size").unwrap_or(page::DEFAULT_SIZE).min(page::MAX_SIZE);
        let alias = if self.raw("page").is_some() { "page" } else { "page_number" };
        let number = self.at_least_one(alias).unwrap_or(1);
        let is_descending = self.boolean("desc").unwrap_or_default();
        if self.boolean("all").unwrap_or_default() {
            return Paging { limit: page::MAX_ALL, offset: 0, is_descending };
        }
        Paging { limit: size, offset: (number - 1).saturating_mul(size), is_descending }
    }

    fn at_least_one(&mut self, name: &'static str) -> Option<i64> {
        let number = self.integer(name)?;
        if number < 1 {
            self.faults.add(name, text::minimum(1));
            return None;
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(query: &str) -> Result<(i64, i64, bool), FieldTexts> {
        let mut query = Query::parse(query, &TimeZone::UTC);
        let paging = query.paging();
        match query.finish() {
            Ok(()) => Ok((paging.limit, paging.offset, paging.is_descending)),
            Err(Refusal::Fields(texts)) => Err(texts),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(paging(""), Ok((10, 0, false)));
        assert_eq!(paging("page_size=1000&page=3&desc=TRUE"), Ok((100, 200, true)));
        assert_eq!(paging("page_size=2&page_number=2"), Ok((2, 2, false)));
        assert_eq!(paging("all=1&page=9"), Ok((10_000, 0, false)));
        assert_eq!(paging("page=9223372036854775807").unwrap().1, i64::MAX);
        assert!(paging("page_size=0").is_err());
        assert!(paging("page_size=x").is_err());
        assert!(paging("page=-1").is_err());
        assert!(paging("desc=maybe").is_err());
    }

    #[test]
    fn values_come_encoded_or_raw() {
        let mut query = Query::parse("name=%E7%AE%A1&operation=添加&x=a%00b&status=False&n=%201", &TimeZone::UTC);
        assert_eq!(query.text("name").as_deref(), Some("管"));
        assert_eq!(query.text("operation").as_deref(), Some("添加"));
        assert_eq!(query.boolean("status"), Some(false));
        assert_eq!((query.integer("n"), query.text("x")), (Some(1), None));
        assert!(query.finish().is_err());
    }
}
