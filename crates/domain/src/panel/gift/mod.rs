//! Gift cards: templates, codes, redemption (specs/panel.md §2.8, §3.5).

pub mod code;
pub mod redeem;
mod reward;
pub mod rule;
pub mod template;
pub mod usage;

use gatehouse_model::Millis;
use gatehouse_store::panel_gift_code::GiftCodeRow;

pub use gatehouse_store::{panel_gift::GiftTemplateRow, panel_gift_usage::GiftUsageRow};

/// General, plan and mystery cards: what is called how, for [`text`](super::Refusal) tables.
pub const KINDS: [(i64, &str); 3] = [(1, "通用礼品卡"), (2, "套餐礼品卡"), (3, "盲盒礼品卡")];

/// What a kind is called: a key of texts.
pub fn kind_name(kind: i64) -> &'static str {
    KINDS.iter().find(|(number, _)| *number == kind).map_or("通用礼品卡", |(_, name)| name)
}

/// The state of a code as it counts now: 0 unused, 1 used, 2 expired, 3 disabled.
pub fn status(code: &GiftCodeRow, now: Millis) -> i64 {
    match code.status {
        0 | 1 if code.expires_at.is_some_and(|end| end <= now) && code.usage_count < code.max_usage => 2,
        status => status,
    }
}

/// What a state is called: a key of texts.
pub const fn status_name(status: i64) -> &'static str {
    match status {
        0 => "未使用",
        1 => "已使用",
        2 => "已过期",
        _ => "已禁用",
    }
}
