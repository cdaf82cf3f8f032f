//! Routing rules a node applies.

use serde::Serialize;

/// A rule as nodes read it: `{id, match, action, action_value}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteRule {
    /// Its id.
    pub id: i64,
    /// What it matches: domains, networks, ports, protocols, in the family's notation.
    #[serde(rename = "match")]
    pub matches: Vec<String>,
    /// `block`, `direct`, `dns`, `proxy`, or an older word.
    pub action: String,
    /// A DNS server, an outbound …; "" is none.
    pub action_value: String,
}
