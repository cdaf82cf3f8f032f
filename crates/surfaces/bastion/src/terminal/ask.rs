//! What the handshake of a terminal asks for.

use gatehouse_domain::bastion::terminal::Size;
use gatehouse_kit::ws::Upgrade;
use gatehouse_model::{ResourceId, VoucherId};
use http::{HeaderMap, header};
use serde_json::json;

use super::{action, v2};
use crate::{auth, query::Query};

/// The subprotocol that carries a token.
const BEARER: &str = "bearer";

/// Every key of the query; none may be repeated.
const KEYS: [&str; 11] =
    ["token", "ticket", "resume", "offset", "resource_id", "resource", "voucher_id", "voucher", "cols", "rows", "term"];

/// Longest name of a terminal type.
const TERM_LENGTH: usize = 64;

/// What proves the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential<'a> {
    /// An access token or an API token.
    Token(&'a str),
    /// A ticket, which names resource and voucher as well.
    Ticket(&'a str),
}

/// A handshake, read but not judged. It holds secrets and has no `Debug`.
pub(super) struct Ask<'a> {
    query: &'a Query,
    headers: &'a HeaderMap,
    protocols: &'a [String],
}

impl<'a> Ask<'a> {
    pub(super) fn new(query: &'a Query, headers: &'a HeaderMap, upgrade: &'a Upgrade) -> Self {
        Self { query, headers, protocols: upgrade.protocols() }
    }

    /// Whether the client speaks `bastion.v2`.
    pub(super) fn is_v2(&self) -> bool {
        self.protocols.iter().any(|protocol| protocol == v2::PROTOCOL)
    }

    /// The subprotocol to be selected.
    pub(super) fn selected(&self) -> Option<&'static str> {
        let is_bearer = self.protocols.first().is_some_and(|protocol| protocol == BEARER) || self.bearer().is_some();
        if self.is_v2() { Some(v2::PROTOCOL) } else { is_bearer.then_some(BEARER) }
    }

    /// The token among the subprotocols: what follows `bearer`.
    fn bearer(&self) -> Option<&'a str> {
        let mut protocols = self.protocols.iter().skip_while(|protocol| *protocol != BEARER).skip(1);
        protocols.next().map(String::as_str)
    }

    /// What proves the client. Never a cookie (specs/bastion.md §7.2).
    pub(super) fn credential(&self) -> Option<Credential<'a>> {
        if let Some(ticket) = self.query.raw("ticket") {
            return Some(Credential::Ticket(ticket));
        }
        if let Some(token) = self.query.raw("token") {
            return Some(Credential::Token(token));
        }
        if self.headers.contains_key(header::AUTHORIZATION) {
            return auth::bearer(self.headers).ok().map(Credential::Token);
        }
        self.bearer().map(Credential::Token)
    }

    /// Whether any key is there twice.
    pub(super) fn is_ambiguous(&self) -> bool {
        KEYS.iter().any(|key| self.query.is_repeated(key))
    }

    fn id(&self, name: &str, alias: &str) -> Option<i64> {
        match (self.query.raw(name), self.query.raw(alias)) {
            (Some(id), None) | (None, Some(id)) => id.bytes().all(|b| b.is_ascii_digit()).then(|| id.parse().ok())?,
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// The resource, if one is named.
    pub(super) fn resource(&self) -> Option<ResourceId> {
        self.id("resource_id", "resource").map(ResourceId)
    }

    /// The voucher, if one is named.
    pub(super) fn voucher(&self) -> Option<VoucherId> {
        self.id("voucher_id", "voucher").map(VoucherId)
    }

    /// The terminal to be resumed, and the bytes that the client has of it.
    pub(super) fn resume(&self) -> Option<(&'a str, u64)> {
        let offset = self.query.raw("offset").map_or(Some(0), |offset| offset.parse().ok());
        self.query.raw("resume").zip(offset)
    }

    /// The first size: as asked for, else 80×24.
    pub(super) fn size(&self) -> Size {
        let side = |name, default: u64| self.query.raw(name).and_then(|side| side.parse().ok()).unwrap_or(default);
        let asked = action::size(&json!({"cols": side("cols", 80), "rows": side("rows", 24)}));
        asked.unwrap_or(Size { cols: 80, rows: 24 })
    }

    /// The terminal type: as a v2 client asks, else the default of its protocol.
    pub(super) fn term(&self, compat: &str) -> String {
        let is_name = |term: &&str| {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
            term.len() <= TERM_LENGTH && term.bytes().all(is_plain)
        };
        let default = if self.is_v2() { v2::TERM } else { compat };
        self.query.raw("term").filter(|_| self.is_v2()).filter(is_name).unwrap_or(default).to_owned()
    }
}
