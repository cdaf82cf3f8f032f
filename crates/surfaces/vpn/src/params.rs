//! The parameters of a call: as they came, for the signature, and as texts, for the actions (specs/vpn.md §2, §6).

use std::{borrow::Cow, collections::BTreeMap};

use gatehouse_domain::vpn::method;
use gatehouse_kit::{BodyKind, Fields};
use gatehouse_model::Paging;
use http::HeaderMap;

use crate::answer::{Failure, Refusal};

/// Most parameters of one call, query and body together.
const MAX_PARAMS: usize = 256;

/// Most rows of one page.
const MAX_ROWS: i64 = 50_000;

/// Keys and values in the order in which they are signed.
pub(crate) type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What came with a request. Not printable: passwords and tokens are among it.
pub(crate) struct Given<'a> {
    query: Pairs,
    decoded: Pairs,
    /// The body, where undecoded pairs can be read from it.
    raw: Option<&'a [u8]>,
}

/// More parameters than a call may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl<'a> Given<'a> {
    /// Reads query and body. A body that cannot be read as what it claims to be counts as empty, and so does one of
    /// another type.
    pub(crate) fn read(headers: &HeaderMap, query: Option<&str>, body: &'a [u8]) -> Result<Self, TooMany> {
        let query = Fields::from_urlencoded(query.unwrap_or_default().as_bytes());
        let (fields, raw) = match BodyKind::of(headers) {
            BodyKind::UrlEncoded | BodyKind::Absent => {
                // Counted before anything is decoded: a megabyte of `&a` is no reason to make half a million values.
                let pairs = body.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
                if pairs.take(MAX_PARAMS + 1).count() > MAX_PARAMS {
                    return Err(TooMany);
                }
                (Fields::from_urlencoded(body), Some(body))
            }
            BodyKind::Multipart => (Fields::from_multipart(headers, body).unwrap_or_default(), None),
            BodyKind::Json | BodyKind::Other => (Fields::default(), None),
        };
        if query.iter().count() + fields.iter().count() > MAX_PARAMS {
            return Err(TooMany);
        }
        let query = texts(&query);
        let mut decoded = texts(&fields);
        decoded.extend(query.clone());
        Ok(Self { query, decoded, raw })
    }

    /// A value of the query, as text.
    pub(crate) fn of_query(&self, name: &str) -> Option<&str> {
        self.query.get(name.as_bytes()).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Body and query decoded; the query wins.
    pub(crate) fn decoded(&self) -> &Pairs {
        &self.decoded
    }

    /// The body as it was sent, the query decoded; the query wins. None where the body is no form.
    pub(crate) fn undecoded(&self) -> Option<Pairs> {
        let pairs = self.raw?.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
        let split = |pair: &[u8]| {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let mut half = || halves.next().unwrap_or_default().to_vec();
            (half(), half())
        };
        let mut pairs: Pairs = pairs.map(split).collect();
        pairs.extend(self.query.clone());
        Some(pairs)
    }
}

/// The texts among the fields; of equal names the last one.
fn texts(fields: &Fields) -> Pairs {
    fields.iter().filter_map(|(name, value)| Some((name.to_vec(), value.text()?.to_vec()))).collect()
}

/// The parameters of a verified call. Not printable: passwords are among them.
pub(crate) struct Params {
    values: BTreeMap<String, String>,
}

impl Params {
    /// Takes the signed pairs as texts; none when any of them is not UTF-8.
    pub(crate) fn from_pairs(pairs: Pairs) -> Option<Self> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        let values = pairs.into_iter().map(|(name, value)| Some((text(name)?, text(value)?)));
        Some(Self { values: values.collect::<Option<_>>()? })
    }

    /// A parameter: none when it is absent, `Some("")` when it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A parameter for which empty means the same as absent.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A parameter that must be there and not be empty. Otherwise the given refusal, which names it when it is absent.
    pub(crate) fn required(&self, name: &'static str, refusal: Refusal) -> Result<&str, Refusal> {
        match self.get(name) {
            None => Err(refusal.missing(name)),
            Some("") => Err(refusal.empty()),
            Some(value) => Ok(value),
        }
    }

    /// A 0/1 flag: anything but `1` is off. None when it is absent.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value == "1")
    }

    /// A flag of the kind of `enableSrc`: anything but `0` is on. None when it is absent.
    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value != "0")
    }

    /// A flag of the kind of `b_inherit_auth`: `0` and empty are off, all else is on. None when it is absent.
    pub(crate) fn inherits(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| !matches!(value, "0" | ""))
    }

    /// A parameter that must be `1` or `0`; otherwise the given refusal.
    pub(crate) fn on_or_off(&self, name: &'static str, refusal: Refusal) -> Result<bool, Refusal> {
        match self.required(name, refusal)? {
            "1" => Ok(true),
            "0" => Ok(false),
            _ => Err(refusal),
        }
    }

    /// The methods that a user or group has of its own by the flags `is_pwd` (on when absent), `is_cert`, `is_sms`, `is_hardid`
    /// and `is_token`.
    pub(crate) fn methods(&self) -> i64 {
        let flags = [
            ("is_pwd", true, method::PASSWORD),
            ("is_cert", false, method::CERTIFICATE),
            ("is_sms", false, method::SMS),
            ("is_hardid", false, method::HARDWARE_ID),
            ("is_token", false, method::TOKEN),
        ];
        let is_on = |name, default| self.flag(name).unwrap_or(default);
        flags.into_iter().filter(|(name, default, _)| is_on(name, *default)).fold(0, |all, (_, _, method)| all | method)
    }

    /// The same failure, which says of which parameter it is when that is absent or empty.
    pub(crate) fn blamed(&self, failure: Failure, of: &[(Refusal, &'static str)]) -> Failure {
        let Failure::Refused(refused) = &failure else { return failure };
        let Some((refusal, name)) = of.iter().find(|(refusal, _)| refusal == refused) else { return failure };
        match self.get(name) {
            None => refusal.missing(name).into(),
            Some("") => refusal.empty().into(),
            Some(_) => failure,
        }
    }

    /// A number; unreadable and negative ones count as absent.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.trim().parse().ok().filter(|number| *number >= 0)
    }

    /// Which part of a list is asked for: where it begins, under any of some names (0), and `limit` (25).
    pub(crate) fn paging(&self, start: &[&str]) -> Paging {
        let offset = start.iter().find_map(|name| self.number(name)).unwrap_or(0);
        let limit = self.number("limit").unwrap_or(25).min(MAX_ROWS);
        Paging { limit, offset, is_descending: false }
    }

    /// The entries of a list separated by commas, blanks around them cut, empty ones left out. None when it is absent.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        self.get(name).map(entries)
    }

    /// The texts under some names, for the audit trail.
    pub(crate) fn joined(&self, names: &[&str]) -> Cow<'_, str> {
        let mut present = names.iter().filter_map(|name| self.get(name));
        match (present.next(), present.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(only), None) => Cow::Borrowed(only),
            (Some(first), Some(second)) => {
                Cow::Owned([first, second].into_iter().chain(present).collect::<Vec<_>>().join(" "))
            }
        }
    }
}

/// The entries of a list separated by commas.
pub(crate) fn entries(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}
