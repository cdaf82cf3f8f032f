//! Services: what may be connected, what follows, what ends early or rests.

use std::time::Duration;

use gatehouse_domain::billing::{
    Refusal,
    connect::connect,
    finish::finish,
    freeze::{freeze, unfreeze},
    next::set_next,
    period::PeriodMode,
    select,
    service::{self, OnNoMoney, ServiceSpec, Tags},
};
use gatehouse_domain::ledger::{self, Shown, kind};
use gatehouse_model::{BillingServiceId, BillingSubscriptionId, Money};

use crate::billing_town::{DAY, PERIOD, Town, account, code, day, done, short_of};

/// A tariff that follows itself.
pub(crate) fn tariff(title: &str, price: i64) -> ServiceSpec {
    let spec = ServiceSpec::new(title, Money(price), PERIOD);
    ServiceSpec { module: "unlim".into(), is_auto_renew: true, tags: Tags::parse("inet,speed=5"), ..spec }
}

async fn block_ordering(town: &Town, who: &gatehouse_domain::billing::Who) -> anyhow::Result<()> {
    let ctx = town.app.operator();
    let mut tx = ctx.begin().await?;
    let shown = Shown { kind: kind::NO_ORDERING, at: None, reason: "", comment: "no", reference: None, settles: None };
    ledger::note(&ctx, &mut tx, Some(account(who)), &ledger::Author::staff(&ctx, 0), &shown).await?;
    Ok(tx.commit().await?)
}

both!(a_service_is_connected_charged_once_and_shown, |engine| async {
    let town = Town::new(engine).await?;
    let fifty = town.service(tariff("50 Mb", 1_000)).await?;
    let uma = town.person(357, 2_500).await?;
    let made = done(connect(&uma, None, fifty, None).await)?;
    assert_eq!((town.balance(&uma).await?, town.rows(&uma).await?), (1_500, vec![(100, -1_000)]));
    let shown = &town.sees(&uma).await?.services[0];
    assert_eq!((shown.row.id, shown.row.charge_id, shown.row.uid), (made.id, made.pay_id, 357));
    assert_eq!((shown.row.start_at, shown.row.end_at, shown.left), (day(0), Some(day(30)), Some(30 * 86_400_000)));
    assert_eq!((shown.next_service(), shown.row.next_title.as_deref()), (Some(fifty), Some("50 Mb")));
    let groups = shown.row.groups.clone();
    assert_eq!((groups, shown.row.tags.as_str()), (Some(town.group.to_string()), ",inet,speed=5,"));
    let reason = gatehouse_store::statement::find(&mut town.app.app.db().read(), made.pay_id.unwrap()).await?.unwrap();
    assert_eq!(
        reason.reason,
        r#"{"cash":"10.00","discount":0,"tm_start":1767225600,"tm_end":1769817600,"last_day_k":"1.00"}"#
    );
    assert_eq!((reason.actor.as_str(), reason.actor_no, reason.comment.as_str()), ("user", 357, "50 Mb"));
    town.agrees().await
});

both!(refusals_come_in_their_order_and_change_nothing, |engine| async {
    let town = Town::new(engine).await?;
    let uma = town.person(1, 0).await?;
    let dear = town.service(tariff("dear", 5_000)).await?;
    let free = town.service(tariff("free", 0)).await?;
    let try_it = async |service| code(connect(&uma, None, service, None).await);
    assert_eq!(try_it(BillingServiceId(9_999)).await?, "srv_unavailable");
    assert_eq!(try_it(free).await?, "srv_unavailable", "no price");
    assert_eq!(try_it(dear).await?, "no_money");
    block_ordering(&town, &uma).await?;
    assert_eq!(try_it(dear).await?, "ordering_blocked", "before money");
    assert!(select::list(&uma, None).await.is_ok_and(|all| all.len() == 1 && all[0].why_not.is_none()));
    town.app.execute(&format!("UPDATE billing_service SET period_mode = 'week' WHERE id = {dear}")).await?;
    assert_eq!(try_it(dear).await?, "srv_broken", "before the block");
    town.app.execute(&format!("DELETE FROM billing_service_group WHERE billing_service_id = {dear}")).await?;
    assert_eq!(try_it(dear).await?, "srv_unavailable", "before its definition");
    assert_eq!((town.has(&uma).await?.len(), town.rows(&uma).await?.len()), (0, 1), "but the block's row");
    town.agrees().await
});

both!(one_service_of_a_module_unless_it_is_marked, |engine| async {
    let town = Town::new(engine).await?;
    let (fifty, hundred) = (town.service(tariff("50", 1_000)).await?, town.service(tariff("100", 2_000)).await?);
    let beside = town.service(ServiceSpec { is_multiple: true, ..tariff("static address", 500) }).await?;
    let television =
        town.service(ServiceSpec { module: "tv".into(), is_discountable: true, ..tariff("tv", 999) }).await?;
    let uma = town.person(1, 10_000).await?;
    done(connect(&uma, None, fifty, None).await)?;
    let why: Vec<_> =
        done(select::list(&uma, None).await)?.into_iter().map(|one| (one.service.row.id, one.why_not)).collect();
    assert_eq!(why, [(fifty, Some("already")), (hundred, Some("analog")), (beside, None), (television, None)]);
    assert_eq!(code(connect(&uma, None, fifty, None).await)?, "srv_already");
    assert_eq!(code(connect(&uma, None, hundred, None).await)?, "srv_analog");
    done(connect(&uma, None, beside, None).await)?;
    town.app.execute("UPDATE subscriber_pass SET discount = 15 WHERE uid = 1").await?;
    done(connect(&uma, None, television, None).await)?;
    assert_eq!(town.balance(&uma).await?, 10_000 - 1_000 - 500 - 849, "9.99 less 15 %");
    assert_eq!(town.has(&uma).await?.len(), 3);
    town.agrees().await
});

both!(debt_is_allowed_as_far_as_the_limit_goes, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(tariff("50", 1_000)).await?;
    let unchecked = town.service(ServiceSpec { is_funds_checked: false, ..tariff("trusted", 1_000) }).await?;
    let (uma, bob, eve, ann) =
        (town.person(1, 0).await?, town.person(2, 0).await?, town.person(3, 0).await?, town.person(4, 0).await?);
    town.app.execute("UPDATE subscriber_pass SET limit_balance = -1000 WHERE uid = 1").await?;
    town.app.execute("UPDATE subscriber_pass SET limit_balance = -999 WHERE uid = 2").await?;
    town.app.execute("UPDATE subscriber_pass SET block_if_limit = FALSE WHERE uid = 3").await?;
    assert_eq!(code(connect(&uma, None, service, None).await)?, "ok", "exactly the limit");
    assert_eq!(code(connect(&bob, None, service, None).await)?, "no_money");
    assert_eq!(code(connect(&eve, None, service, None).await)?, "ok", "without limit");
    assert_eq!(code(connect(&ann, None, service, None).await)?, "no_money");
    assert_eq!(code(connect(&ann, None, unchecked, None).await)?, "ok", "no check for this one");
    assert_eq!(town.rows(&ann).await?, [(100, -1_000), (423, 0)], "which blocks him at once");
    assert_eq!(town.rows(&uma).await?, [(100, -1_000)]);
    town.agrees().await
});

both!(sixty_four_at_once_are_charged_once, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(tariff("50", 1_000)).await?;
    let uma = town.person(1, 100_000).await?;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let who = uma.clone();
        tries.spawn(async move { code(connect(&who, None, service, None).await) });
    }
    let codes = tries.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    assert_eq!(codes.iter().filter(|code| **code == "ok").count(), 1);
    assert_eq!(codes.iter().filter(|code| **code == "srv_already").count(), 63);
    assert_eq!((town.balance(&uma).await?, town.rows(&uma).await?.len()), (99_000, 1));
    town.agrees().await
});

both!(what_is_charged_once_is_not_repeated_within_a_minute, |engine| async {
    let town = Town::new(engine).await?;
    let visit = town.service(ServiceSpec { period: PeriodMode::Once, ..tariff("visit of a fitter", 700) }).await?;
    let uma = town.person(1, 10_000).await?;
    done(connect(&uma, None, visit, None).await)?;
    assert_eq!(town.has(&uma).await?.len(), 0, "nothing is connected");
    assert_eq!(code(connect(&uma, None, visit, None).await)?, "repeat");
    let made = done(connect(&uma, None, visit, Some("k1")).await)?;
    // As after a death between the order and its kept answer.
    assert_eq!(done(connect(&uma, None, visit, Some("k1")).await)?, made);
    town.app.advance(Duration::from_mins(1));
    assert_eq!(code(connect(&uma, None, visit, None).await)?, "ok");
    assert_eq!(town.balance(&uma).await?, 10_000 - 3 * 700);
    town.agrees().await
});

both!(staff_connect_what_costs_nothing_or_gives, |engine| async {
    let town = Town::new(engine).await?;
    let free = town.service(tariff("free", 0)).await?;
    let gift = town.service(ServiceSpec { module: "gift".into(), ..tariff("gift", -300) }).await?;
    let uma = town.person(7, 0).await?;
    let made = done(connect(&town.staff(), Some(7), free, None).await)?;
    assert_eq!(made.pay_id, None);
    done(connect(&town.staff(), Some(7), gift, None).await)?;
    assert_eq!((town.balance(&uma).await?, town.rows(&uma).await?), (300, vec![(50, 0), (50, 300)]));
    assert_eq!(code(connect(&town.staff(), Some(8), free, None).await)?, "no_uid");
    town.agrees().await
});

both!(to_the_end_of_the_month_the_rest_is_charged, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(ServiceSpec { period: PeriodMode::MonthEnd, ..tariff("to the end", 10_000) }).await?;
    let uma = town.person(1, 100_000).await?;
    // 16 January, 12:00 in Kyiv: half of 31 days.
    town.app.advance(Duration::from_hours(15 * 24 + 10));
    done(connect(&uma, None, service, None).await)?;
    assert_eq!(town.balance(&uma).await?, 95_000);
    let shown = town.only(&uma).await?;
    assert_eq!(shown.row.end_at.unwrap().to_rfc3339(), "2026-01-31T22:00:00.000Z");
    town.agrees().await
});

both!(what_follows_is_ordered_under_its_rules, |engine| async {
    let town = Town::new(engine).await?;
    let (fifty, hundred) = (town.service(tariff("50", 1_000)).await?, town.service(tariff("100", 2_000)).await?);
    let television = town.service(ServiceSpec { module: "tv".into(), ..tariff("tv", 999) }).await?;
    let archived = town.service(ServiceSpec { is_no_renew: true, ..tariff("old", 800) }).await?;
    let free = town.service(tariff("free", 0)).await?;
    let once = town.service(ServiceSpec { period: PeriodMode::Once, ..tariff("once", 800) }).await?;
    let (uma, bob) = (town.person(1, 10_000).await?, town.person(2, 0).await?);
    let id = done(connect(&uma, None, fifty, None).await)?.id;
    let by = async |who, service| code(set_next(who, None, id, service).await);
    assert_eq!(town.only(&uma).await?.row.next_set_at, None);
    town.app.advance(DAY);
    assert_eq!(by(&uma, Some(hundred)).await?, "ok");
    let shown = town.only(&uma).await?;
    assert_eq!((shown.next(), shown.row.next_set_at), (Some(hundred), Some(day(1))));
    assert_eq!((shown.row.billing_service_id, town.balance(&uma).await?), (fifty, 9_000), "nothing is charged yet");
    for (service, refused) in
        [(television, "srv_module"), (once, "srv_module"), (archived, "srv_no_renew"), (free, "srv_unavailable")]
    {
        assert_eq!(by(&uma, Some(service)).await?, refused);
    }
    assert_eq!(by(&uma, Some(BillingServiceId(9_999))).await?, "srv_unavailable");
    assert_eq!(by(&bob, Some(fifty)).await?, "not_found", "somebody else's");
    assert_eq!(code(set_next(&uma, None, BillingSubscriptionId(9_999), None).await)?, "not_found");
    assert_eq!(town.only(&uma).await?.next(), Some(hundred), "refusals change nothing");
    assert_eq!(code(set_next(&town.staff(), Some(1), id, Some(archived)).await)?, "ok");
    assert_eq!(by(&uma, None).await?, "ok");
    let shown = town.only(&uma).await?;
    assert_eq!((shown.next(), town.sees(&uma).await?.services[0].why_not_change.clone()), (None, None));
    block_ordering(&town, &uma).await?;
    assert_eq!(by(&uma, Some(fifty)).await?, "ordering_blocked");
    assert_eq!(town.sees(&uma).await?.services[0].why_not_change, Some(Refusal::OrderingBlocked));
    town.agrees().await
});

both!(an_early_end_gives_back_what_was_not_used, |engine| async {
    for (after, charge, refund) in [
        (DAY * 10, 10_000, 6_667),
        (Duration::from_secs(10), 10_000, 9_999),
        (short_of(30, 10), 10_000, 0),
        (short_of(30, 5), 1_000_000_000, 0),
        (DAY * 10, -300, -200),
    ] {
        let town = Town::new(engine).await?;
        let service = town.service(tariff("hundred", charge)).await?;
        let uma = town.person(1, 1_000_000_000).await?;
        let before = town.balance(&uma).await?;
        let id = done(connect(&town.staff(), Some(1), service, None).await)?.id;
        town.app.advance(after);
        assert_eq!(code(finish(&uma, None, id).await)?, "forbidden");
        assert_eq!(done(finish(&town.staff(), Some(1), id).await)?, Money(refund), "after {after:?}");
        assert_eq!(town.balance(&uma).await?, before - charge + refund);
        let kind = if charge > 0 { 100 } else { 50 };
        let rows: Vec<_> =
            [(kind, -charge), (kind, refund), (406, 0)].into_iter().filter(|row| row.1 != 0 || row.0 == 406).collect();
        assert_eq!(town.rows(&uma).await?, rows);
        assert_eq!(town.has(&uma).await?.len(), 0);
        assert_eq!(code(finish(&town.staff(), Some(1), id).await)?, "not_found", "once");
        assert_eq!(
            (town.periods(id).await?[0].amount, town.periods(id).await?[0].refunded),
            (Money(charge), Money(refund))
        );
        town.app.advance(DAY * 30);
        assert_eq!(town.renew().await?, 0);
        town.agrees().await?;
    }
    Ok(())
});

both!(a_frozen_service_rests_and_is_not_charged, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(tariff("50", 3_000)).await?;
    let uma = town.person(1, 10_000).await?;
    let id = done(connect(&uma, None, service, None).await)?.id;
    town.app.advance(DAY * 10);
    assert_eq!(code(freeze(&uma, None, id).await)?, "forbidden");
    done(freeze(&town.staff(), Some(1), id).await)?;
    done(freeze(&town.staff(), Some(1), id).await)?;
    town.app.advance(DAY * 100);
    assert_eq!(town.renew().await?, 0);
    let shown = town.only(&uma).await?;
    assert_eq!((shown.row.frozen_left, town.balance(&uma).await?), (Some(20 * 86_400_000), 7_000));
    done(unfreeze(&town.staff(), Some(1), id).await)?;
    let shown = town.only(&uma).await?;
    assert_eq!(
        (shown.row.frozen_left.is_some(), shown.row.end_at, shown.row.start_at),
        (false, Some(day(130)), day(0))
    );
    town.app.advance(DAY * 10);
    assert_eq!(
        done(finish(&town.staff(), Some(1), id).await)?,
        Money(1_000),
        "twenty days were used, a hundred were not"
    );
    town.agrees().await
});

both!(the_catalogue_is_checked_and_numbers_go_on_above, |engine| async {
    let town = Town::new(engine).await?;
    let wrong = async |spec: ServiceSpec| match town.service(spec).await {
        Ok(_) => "saved".to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(wrong(tariff("", 1)).await.starts_with("title: "));
    assert!(wrong(ServiceSpec { period: PeriodMode::Seconds(0), ..tariff("a", 1) }).await.starts_with("period: "));
    let fallback = Some(OnNoMoney::Fallback);
    assert!(wrong(ServiceSpec { on_no_money: fallback, ..tariff("a", 1) }).await.starts_with("fallback_service: "));
    let basic = town.save(Some(BillingServiceId(63)), tariff("basic", 100)).await?;
    let elsewhere = ServiceSpec { module: "tv".into(), fallback: Some(basic), ..tariff("a", 1) };
    assert!(wrong(elsewhere).await.starts_with("fallback_service: "));
    let above = town.service(ServiceSpec { fallback: Some(basic), ..tariff("above", 100) }).await?;
    assert!(basic == BillingServiceId(63) && above.0 > 63, "{above}");
    town.save(Some(basic), tariff("basic, dearer", 200)).await?;
    let all = service::list(&mut town.app.app.db().read()).await?;
    let shown: Vec<_> = all.iter().map(|one| (one.row.title.as_str(), one.period(), one.groups.len())).collect();
    assert_eq!(shown, [("basic, dearer", "2592000".to_owned(), 1), ("above", "2592000".to_owned(), 1)]);
    Ok(())
});
