//! What the vpn surface, the publication and the login decision of VPN users read (specs/vpn.md §13).

use std::time::Duration;

use gatehouse_model::{ByteSize, IpRange, Span};
use serde::Deserialize;

/// When writes of the WebApi become effective (specs/vpn.md §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplyMode {
    /// At the next `UpdaterCloud`, or with `delay_flush=0`.
    Manual,
    /// At once, unless `delay_flush=1`.
    Auto,
}

/// What an optional parameter that is absent means on an edit (specs/vpn.md §7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EditOmitted {
    /// The old value stays.
    Keep,
    /// The default of the seed's table.
    Reset,
}

/// Texts of the replies (specs/vpn.md §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Messages {
    /// The seed's, to the letter.
    Seed,
    /// The seed's without the two that were pasted.
    Plain,
    /// English.
    En,
}

/// `[vpn]` without the keys every surface has.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VpnSettings {
    /// Zone of `ex_time` and of the times shown; from `vpn.time_zone`, else `time_zone`, else Asia/Shanghai.
    #[serde(skip)]
    pub time_zone: String,
    /// Off: every call gets code 4.
    pub api_enabled: bool,
    /// Whether `/Api.php` exists.
    pub api_php_alias: bool,
    /// Addresses that may call; none: every one.
    pub allowed_ranges: Vec<IpRange>,
    /// How far a timestamp may be from now.
    pub clock_skew: Span,
    /// When writes become effective.
    pub apply_mode: ApplyMode,
    /// What an absent parameter means on an edit of a user.
    pub edit_omitted: EditOmitted,
    /// Texts of the replies.
    pub messages: Messages,
    /// Names no user may get.
    pub reserved_names: Vec<String>,
    /// Sessions at the same time of a user with `is_public=0`; 0: no limit. The newest stays.
    pub private_account_sessions: u32,
    /// Whether a new password ends the sessions of its owner.
    pub cut_sessions_on_password_change: bool,
    /// Largest request body.
    pub body_limit: ByteSize,
}

impl Default for VpnSettings {
    fn default() -> Self {
        Self {
            time_zone: "Asia/Shanghai".to_owned(),
            api_enabled: true,
            api_php_alias: true,
            allowed_ranges: Vec::new(),
            clock_skew: Span(Duration::from_mins(5)),
            apply_mode: ApplyMode::Manual,
            edit_omitted: EditOmitted::Keep,
            messages: Messages::Seed,
            reserved_names: ["anonymous", "匿名用户"].map(str::to_owned).into(),
            private_account_sessions: 0,
            cut_sessions_on_password_change: true,
            body_limit: ByteSize(1 << 20),
        }
    }
}
