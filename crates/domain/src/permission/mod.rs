//! The permission catalogue: codes `area.object.action`, never renamed or reused (DESIGN §10.2).

mod rights;
pub mod schedule;
mod watch;

use std::collections::BTreeSet;

pub(crate) use watch::watched;

pub use rights::{
    Change, Holder, begin, covers_account, covers_role, holder, holds_on, moment, require_anywhere, require_on,
};

/// Codes of this release. Surfaces that arrive later add theirs.
pub const CATALOGUE: &[&str] = &[
    "system.user.create",
    "system.user.delete",
    "system.user.update",
    "system.user.read",
    "system.role.create",
    "system.role.delete",
    "system.role.update",
    "system.role.read",
    "system.perm.read",
    "system.permission.read",
    "system.permission.update",
    "system.group.create",
    "system.group.delete",
    "system.group.update",
    "system.group.read",
    "system.setting.read",
    "system.setting.update",
    "system.hostkey.approve",
    "system.token.manage",
    "audit.session.read",
    "audit.session.watch",
    "audit.session.terminate",
    "audit.session.replay",
    "audit.session.download",
    "audit.operation.read",
    "audit.operation.export",
    "audit.login.read",
    "access.request.create",
    "access.request.approve",
    "user.profile.read",
    "user.profile.update",
    "oa.user.create",
    "oa.user.read",
    "oa.user.delete",
    "vpn.user.create",
    "vpn.user.read",
    "vpn.user.update",
    "vpn.user.delete",
    "vpn.group.create",
    "vpn.group.read",
    "vpn.group.update",
    "vpn.group.delete",
    "vpn.role.create",
    "vpn.role.read",
    "vpn.role.update",
    "vpn.role.delete",
    "vpn.resource.create",
    "vpn.resource.read",
    "vpn.resource.update",
    "vpn.resource.delete",
    "vpn.session.read",
    "vpn.session.end",
    "vpn.staged.apply",
    "radius.nas.read",
    "radius.nas.update",
    "radius.pool.read",
    "radius.pool.update",
    "radius.server.read",
    "radius.server.update",
    "radius.session.read",
    "radius.session.end",
    "panel.admin",
    "panel.config",
    "panel.plan",
    "panel.node",
    "panel.order",
    "panel.user",
    "panel.coupon",
    "panel.giftcard",
    "panel.notice",
    "panel.knowledge",
    "panel.ticket",
    "panel.payment",
    "panel.stat",
    "panel.plugin",
    "panel.realname",
    "billing.access",
    "billing.settings",
    "billing.subscriber.create",
    "billing.subscriber.read",
    "billing.subscriber.update",
    "billing.subscriber.update.uid",
    "billing.subscriber.update.grp",
    "billing.subscriber.update.contract",
    "billing.subscriber.update.contract_date",
    "billing.subscriber.update.fio",
    "billing.subscriber.update.comment",
    "billing.subscriber.update.limit_balance",
    "billing.subscriber.update.block_if_limit",
    "billing.subscriber.update.discount",
    "billing.subscriber.update.cstate",
    "billing.subscriber.update.lstate",
    "billing.subscriber.update.dopdata",
    "billing.subscriber.block",
    "billing.subscriber.password",
    "billing.subscriber.delete",
    "billing.payment.read",
    "billing.payment.cash",
    "billing.payment.bonus",
    "billing.payment.credit",
    "billing.payment.reverse",
    "billing.payment.recategorise",
    "billing.payment.old",
    "billing.payment.foreign",
    "billing.service.connect",
    "billing.message.send",
    "billing.event.read",
    "billing.field.locked",
    "billing.card.manage",
    "billing.report.finance",
    "billing.topology.read",
    "billing.topology.update",
];

/// Codes that roles hold on resource groups and below, never installation-wide.
pub const ON_GROUPS: &[&str] = &[
    "resource.self.create",
    "resource.self.delete",
    "resource.self.update",
    "resource.self.read",
    "resource.voucher.create",
    "resource.voucher.delete",
    "resource.voucher.update",
    "resource.voucher.read",
    "resource.file.upload",
    "resource.file.download",
];

/// Whether a text is an installation-wide code that exists.
pub fn is_known(code: &str) -> bool {
    CATALOGUE.contains(&code)
}

/// Whether a set of codes holds one, counting what is implied: `panel.admin` implies `panel.*`, `billing.subscriber.update` each of its
/// fields.
pub fn holds(codes: &BTreeSet<String>, code: &str) -> bool {
    codes.contains(code)
        || (code.starts_with("panel.") && codes.contains("panel.admin"))
        || (code.starts_with("billing.subscriber.update.") && codes.contains("billing.subscriber.update"))
}

/// Whether everything `theirs` implies is held by `mine`: the test before granting codes or acting on an account.
pub fn covers(mine: &BTreeSet<String>, theirs: &BTreeSet<String>) -> bool {
    CATALOGUE.iter().filter(|code| holds(theirs, code)).all(|code| holds(mine, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(codes: &[&str]) -> BTreeSet<String> {
        codes.iter().map(|code| (*code).to_owned()).collect()
    }

    #[test]
    fn codes_are_well_formed_and_unique() {
        assert_eq!(CATALOGUE.iter().collect::<BTreeSet<_>>().len(), CATALOGUE.len());
        for code in CATALOGUE.iter().chain(ON_GROUPS) {
            assert!(!CATALOGUE.contains(code) || !ON_GROUPS.contains(code), "{code} is of one kind");
            assert!(code.len() <= 64 && (2..=4).contains(&code.split('.').count()), "{code}");
            assert!(code.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c)), "{code}");
        }
    }

    #[test]
    fn comparison_works_on_what_is_implied() {
        assert!(holds(&set(&["panel.admin"]), "panel.user"));
        assert!(!holds(&set(&["panel.user"]), "panel.admin"));
        assert!(covers(&set(&["panel.admin"]), &set(&["panel.user", "panel.node"])));
        assert!(!covers(&set(&["panel.user"]), &set(&["panel.admin"])));
        assert!(covers(&set(&[]), &set(&[])));
        let (all, one) = (set(&["billing.subscriber.update"]), set(&["billing.subscriber.update.fio"]));
        assert!(covers(&all, &one) && !covers(&one, &all));
    }
}
