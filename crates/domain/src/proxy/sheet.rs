//! What of a node only remote nodes, subscriptions and staff need: its settings in full, beside what the embedded door honours.

use std::sync::Arc;

use gatehouse_model::{Millis, NodeId, NodeRouteId};
pub use gatehouse_profile::settings::{CertConfig, RateWindow};
use gatehouse_profile::settings::{Plain, PortSpec, Private, RouteRule, Settings};
use serde_json::Value;

/// A node's settings in full, secrets opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Whose check-in and Shadowsocks 2022 server key it shares.
    pub parent_id: Option<NodeId>,
    /// The ports clients hop between.
    pub port_range: Option<PortSpec>,
    /// Words staff attach.
    pub tags: Vec<String>,
    /// Rates by time of day as they are stored.
    pub windows: Vec<RateWindow>,
    /// Whether they count.
    pub is_rate_timed: bool,
    /// What it speaks.
    pub settings: Arc<Settings>,
    /// The private parts of it.
    pub private: Private,
    /// The Shadowsocks 2022 server key of its own; empty for none.
    pub server_key: Vec<u8>,
    /// Where its certificate comes from.
    pub cert_config: Option<CertConfig>,
    /// Outbounds in the node core's notation.
    pub custom_outbounds: Vec<Value>,
    /// Rules in the node core's notation.
    pub custom_routes: Vec<Value>,
    /// Ids of its routing rules.
    pub route_ids: Vec<NodeRouteId>,
    /// The rules themselves.
    pub routes: Vec<RouteRule>,
    /// Keyed hash of its own token.
    pub token_hash: Option<String>,
    /// Since when it exists.
    pub created_at: Millis,
    /// Its last change.
    pub updated_at: Millis,
}

/// A SOCKS node's without anything: for tests of what does not look at it.
impl Default for Sheet {
    fn default() -> Self {
        Self {
            parent_id: None,
            port_range: None,
            tags: Vec::new(),
            windows: Vec::new(),
            is_rate_timed: false,
            settings: Arc::new(Settings::Socks(Plain::default())),
            private: Private::default(),
            server_key: Vec::new(),
            cert_config: None,
            custom_outbounds: Vec::new(),
            custom_routes: Vec::new(),
            route_ids: Vec::new(),
            routes: Vec::new(),
            token_hash: None,
            created_at: Millis(0),
            updated_at: Millis(0),
        }
    }
}

impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sheet").field("tags", &self.tags).finish_non_exhaustive()
    }
}
