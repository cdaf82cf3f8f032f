//! Everything about subscribers at a glance, many of them in one question (specs/billing.md §5.2).

use gatehouse_model::{AccountId, Millis, Money, StatementId};
use serde::Deserialize;

use crate::{
    Query, Result, args,
    billing_field::{BillingFieldRow, FieldValueRow},
    billing_subscription::ShownRow,
    billing_view::{PayRow, UsrRow},
    json, list, sql,
};

/// A subscriber with all that belongs to him.
#[derive(Debug, Clone)]
pub struct MainRow {
    /// Himself.
    pub usr: UsrRow,
    /// What he has, or shall have again when there is money, by number.
    pub services: Vec<ShownRow>,
    /// Temporary payments that he has now, by their ends: end, row and sum.
    pub credits: Vec<(Millis, StatementId, Money)>,
    /// What stands in his extra fields, in no order.
    pub values: Vec<FieldValueRow>,
    /// His addresses, by number.
    pub addresses: Vec<UsrAddressRow>,
    /// What moved his money or says something about that, newest first, without events (400 and above).
    pub pays: Vec<PayRow>,
}

/// An address of a subscriber.
#[derive(Debug, Clone, Deserialize)]
pub struct UsrAddressRow {
    /// Its number.
    pub id: i64,
    /// The address.
    pub ip: String,
    /// `static`, `dynamic`, `reserved`.
    pub kind: String,
    /// When it is free again; 0: now.
    pub release_at: Millis,
    /// When it was bound.
    pub bound_at: Option<Millis>,
    /// Beginning of the stay that uses it.
    pub since_at: Option<Millis>,
    /// Its last sign of life.
    pub seen_at: Option<Millis>,
    /// Its end.
    pub until_at: Option<Millis>,
    /// Where from.
    pub nas_address: Option<String>,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// User-Name; empty without a stay.
    #[serde(deserialize_with = "json::octets")]
    pub user_name: Vec<u8>,
}

/// Subscriber, services, credits, values, addresses and payments, each as JSON; with the first row the fields.
type Texts = (Option<String>, String, String, String, String, String, Option<String>);

/// Finds subscribers by their accounts, each in its place, with at most `limit` payments; and what extra fields there are, by section,
/// title and name. All are of one moment.
///
/// The condition of the payments is that of `statement_pays_idx`, to the letter: who has many messages waits for none of them. Lists are
/// sorted here: on SQLite an aggregate that sorts costs more than everything else together.
pub async fn find(
    q: &mut impl Query,
    accounts: &[AccountId],
    currency: &str,
    limit: i64,
) -> Result<(Vec<Option<MainRow>>, Vec<BillingFieldRow>)> {
    let find = sql! {
        sqlite:
            "SELECT CASE WHEN p.account_id IS NOT NULL THEN json_array(p.account_id, p.uid, a.login, a.is_enabled, p.full_name, p.contract, p.contract_at, p.comment, p.billing_group_id, g.name, \
             p.limit_balance, p.block_if_limit, p.discount, p.cstate, p.cstate_at, p.is_always_on, p.admin_block, p.debt_block, \
             CASE WHEN a.updated_at > p.updated_at THEN a.updated_at ELSE p.updated_at END, w.id, COALESCE(w.balance, 0), y.last_auth_at, \
             y.last_traffic_at, y.month, y.up, y.down) END AS usr, \
             (SELECT json_group_array(json_array(s.id, s.account_id, p.uid, p.discount, s.state, s.billing_service_id, COALESCE(s.ordered_service_id, s.next_service_id), \
             s.ordered_service_id, s.start_at, s.end_at, s.frozen_left, s.charge_id, s.finish_count, s.next_set_at, v.module, v.category, \
             v.title, v.description, v.price, v.is_auto_renew, v.is_no_renew, v.tags, \
             (SELECT group_concat(b.billing_group_id, ',' ORDER BY b.billing_group_id) \
             FROM billing_service_group b WHERE b.billing_service_id = v.id), n.title, n.price, \
             n.period_mode, n.period_seconds, n.is_discountable, (SELECT MAX(b.id) FROM statement b WHERE b.account_id = s.account_id \
             AND b.kind = 450 AND b.kind >= 450 AND b.kind <= 459 AND b.folded_into IS NULL))) \
             FROM billing_subscription s JOIN billing_service v ON v.id = s.billing_service_id \
             LEFT JOIN billing_service n ON n.id = COALESCE(s.ordered_service_id, s.next_service_id) \
             WHERE s.account_id = p.account_id AND s.state IN ('active', 'stopped')) AS services, \
             (SELECT json_group_array(json_array(c.due_at, c.statement_id, c.amount)) \
             FROM billing_credit c WHERE c.account_id = p.account_id AND c.ended_at IS NULL) AS credits, \
             (SELECT json_group_array(json_array(x.account_id, x.billing_field_id, x.value, x.value_sealed, x.seal_ref)) \
             FROM billing_field_value x WHERE x.account_id = p.account_id) AS field_values, \
             (SELECT json_group_array(json_array(d.id, d.ip, d.kind, d.release_at, d.bound_at, v.since_at, v.seen_at, v.until_at, r.nas_address, r.calling_station, \
             hex(r.user_name))) \
             FROM address d LEFT JOIN visit v ON v.id = d.visit_id \
             LEFT JOIN visit_radius r ON r.visit_id = v.id WHERE d.account_id = p.account_id) AS addresses, \
             (SELECT json_group_array(json_array(s.id, s.at, s.kind, s.amount, s.balance_after, s.reason, s.comment, s.actor, s.actor_no, s.actor_address)) \
             FROM (SELECT m.* FROM statement m WHERE m.account_id = p.account_id AND m.folded_into IS NULL \
             AND (m.amount <> 0 OR (m.comment <> '' AND m.kind < 400)) AND (m.ledger_account_id IS NULL OR m.ledger_account_id = w.id) \
             ORDER BY m.at DESC, m.id DESC LIMIT $3) s) AS pays, \
             CASE WHEN asked.key = 0 THEN (SELECT json_group_array(json_array(f.id, f.name, f.title, f.section, f.type, f.flags, f.param, f.comment, f.is_staff_only, f.created_at, \
             f.updated_at)) \
             FROM billing_field f) END AS fields \
             FROM json_each($1) AS asked LEFT JOIN subscriber_pass p ON p.account_id = asked.value \
             LEFT JOIN account a ON a.id = p.account_id LEFT JOIN billing_group g ON g.id = p.billing_group_id \
             LEFT JOIN ledger_account w ON w.kind = 'wallet' AND w.currency = $2 AND w.owner_id = p.account_id AND w.ref = '' \
             LEFT JOIN subscriber_activity y ON y.account_id = p.account_id ORDER BY asked.key",
        postgres:
            "SELECT CASE WHEN p.account_id IS NOT NULL THEN CAST(json_build_array(p.account_id, p.uid, a.login, a.is_enabled, p.full_name, p.contract, p.contract_at, p.comment, p.billing_group_id, g.name, \
             p.limit_balance, p.block_if_limit, p.discount, p.cstate, p.cstate_at, p.is_always_on, p.admin_block, p.debt_block, \
             CASE WHEN a.updated_at > p.updated_at THEN a.updated_at ELSE p.updated_at END, w.id, COALESCE(w.balance, 0), y.last_auth_at, \
             y.last_traffic_at, y.month, y.up, y.down) AS TEXT) END AS usr, \
             (SELECT COALESCE(CAST(json_agg(json_build_array(s.id, s.account_id, p.uid, p.discount, s.state, s.billing_service_id, COALESCE(s.ordered_service_id, s.next_service_id), \
             s.ordered_service_id, s.start_at, s.end_at, s.frozen_left, s.charge_id, s.finish_count, s.next_set_at, v.module, v.category, \
             v.title, v.description, v.price, v.is_auto_renew, v.is_no_renew, v.tags, \
             (SELECT string_agg(CAST(b.billing_group_id AS TEXT), ',' ORDER BY b.billing_group_id) \
             FROM billing_service_group b WHERE b.billing_service_id = v.id), n.title, n.price, \
             n.period_mode, n.period_seconds, n.is_discountable, (SELECT MAX(b.id) FROM statement b WHERE b.account_id = s.account_id \
             AND b.kind = 450 AND b.kind >= 450 AND b.kind <= 459 AND b.folded_into IS NULL))) AS TEXT), '[]') \
             FROM billing_subscription s JOIN billing_service v ON v.id = s.billing_service_id \
             LEFT JOIN billing_service n ON n.id = COALESCE(s.ordered_service_id, s.next_service_id) \
             WHERE s.account_id = p.account_id AND s.state IN ('active', 'stopped')) AS services, \
             (SELECT COALESCE(CAST(json_agg(json_build_array(c.due_at, c.statement_id, c.amount)) AS TEXT), '[]') \
             FROM billing_credit c WHERE c.account_id = p.account_id AND c.ended_at IS NULL) AS credits, \
             (SELECT COALESCE(CAST(json_agg(json_build_array(x.account_id, x.billing_field_id, x.value, x.value_sealed, x.seal_ref)) AS TEXT), '[]') \
             FROM billing_field_value x WHERE x.account_id = p.account_id) AS field_values, \
             (SELECT COALESCE(CAST(json_agg(json_build_array(d.id, d.ip, d.kind, d.release_at, d.bound_at, v.since_at, v.seen_at, v.until_at, r.nas_address, r.calling_station, \
             encode(r.user_name, 'hex'))) AS TEXT), '[]') \
             FROM address d LEFT JOIN visit v ON v.id = d.visit_id \
             LEFT JOIN visit_radius r ON r.visit_id = v.id WHERE d.account_id = p.account_id) AS addresses, \
             (SELECT COALESCE(CAST(json_agg(json_build_array(s.id, s.at, s.kind, s.amount, s.balance_after, s.reason, s.comment, s.actor, s.actor_no, s.actor_address)) AS TEXT), '[]') \
             FROM (SELECT m.* FROM statement m WHERE m.account_id = p.account_id AND m.folded_into IS NULL \
             AND (m.amount <> 0 OR (m.comment <> '' AND m.kind < 400)) AND (m.ledger_account_id IS NULL OR m.ledger_account_id = w.id) \
             ORDER BY m.at DESC, m.id DESC LIMIT $3) s) AS pays, \
             CASE WHEN asked.key = 1 THEN (SELECT COALESCE(CAST(json_agg(json_build_array(f.id, f.name, f.title, f.section, f.type, f.flags, f.param, f.comment, f.is_staff_only, f.created_at, \
             f.updated_at)) AS TEXT), '[]') \
             FROM billing_field f) END AS fields \
             FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) WITH ORDINALITY AS asked (value, key) \
             LEFT JOIN subscriber_pass p ON p.account_id = CAST(asked.value AS BIGINT) \
             LEFT JOIN account a ON a.id = p.account_id LEFT JOIN billing_group g ON g.id = p.billing_group_id \
             LEFT JOIN ledger_account w ON w.kind = 'wallet' AND w.currency = $2 AND w.owner_id = p.account_id AND w.ref = '' \
             LEFT JOIN subscriber_activity y ON y.account_id = p.account_id ORDER BY asked.key",
    };
    let asked = list::json(accounts.iter().map(|account| account.0));
    let found: Vec<Texts> = q.all(find, args![asked, currency, limit]).await?;
    let (mut mains, mut all) = (Vec::with_capacity(found.len()), Vec::new());
    for (usr, services, credits, values, addresses, pays, fields) in found {
        if let Some(fields) = fields {
            all = json::read::<Vec<BillingFieldRow>>(&fields)?;
            all.sort_unstable_by(|a, b| (&a.section, &a.title, &a.name).cmp(&(&b.section, &b.title, &b.name)));
        }
        let Some(usr) = usr else {
            mains.push(None);
            continue;
        };
        let mut main = MainRow {
            usr: json::read(&usr)?,
            services: json::read(&services)?,
            credits: json::read(&credits)?,
            values: json::read(&values)?,
            addresses: json::read(&addresses)?,
            pays: json::read(&pays)?,
        };
        main.services.sort_unstable_by_key(|service| service.id);
        main.credits.sort_unstable_by_key(|(due, row, _)| (*due, *row));
        main.addresses.sort_unstable_by_key(|address| address.id);
        main.pays.sort_unstable_by_key(|pay| std::cmp::Reverse((pay.at, pay.id)));
        mains.push(Some(main));
    }
    Ok((mains, all))
}
