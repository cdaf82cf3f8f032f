//! Renewals: what follows whom, from when, for how much, and once.

use std::time::Duration;

use gatehouse_domain::{
    Settings,
    billing::{
        connect::connect,
        freeze::freeze,
        next::set_next,
        period::PeriodMode,
        renew,
        service::{OnNoMoney, ServiceSpec, Tags},
    },
    push,
};
use gatehouse_model::{BillingSubscriptionId, Money};
use gatehouse_store::{Query as _, args, sql};
use gatehouse_testkit::Engine;

use crate::{
    billing_services::tariff,
    billing_town::{DAY, Town, account, agree, code, day, done, short_of},
};

/// Starts of the periods of a subscription, in days, and what each cost.
async fn starts(town: &Town, id: BillingSubscriptionId) -> anyhow::Result<Vec<(i64, i64)>> {
    let periods = town.periods(id).await?;
    Ok(periods.iter().map(|period| ((period.start_at.0 - day(0).0) / 86_400_000, period.amount.0)).collect())
}

async fn set_balance_terms(town: &Town, terms: &str) -> anyhow::Result<()> {
    town.app.execute(&format!("UPDATE subscriber_pass SET {terms}")).await
}

both!(thirty_days_later_it_goes_on_where_it_ended, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(tariff("50", 1_000)).await?;
    let uma = town.person(1, 5_000).await?;
    let id = done(connect(&uma, None, service, None).await)?.id;
    town.app.advance(short_of(30, 1));
    assert_eq!(town.renew().await?, 0, "not a second early");
    town.app.advance(Duration::from_secs(4));
    town.app.run_due_periodic().await?;
    let shown = town.only(&uma).await?;
    assert_eq!((shown.row.start_at, shown.row.end_at, shown.row.finish_count), (day(30), Some(day(60)), 1), "no drift");
    assert_eq!((shown.row.id, town.balance(&uma).await?), (id, 3_000));
    assert_eq!(town.rows(&uma).await?, [(100, -1_000), (100, -1_000)]);
    assert_eq!((town.renew().await?, starts(&town, id).await?), (0, vec![(0, 1_000), (30, 1_000)]));
    town.agrees().await
});

both!(after_downtime_every_missed_period_is_charged_once, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(tariff("50", 1_000)).await?;
    let uma = town.person(1, 10_000).await?;
    let id = done(connect(&uma, None, service, None).await)?.id;
    town.app.advance(DAY * 100);
    let again = town.app.again().await?;
    let (one, two) = tokio::join!(renew::run(&town.app.app), renew::run(&again));
    assert!(one? + two? >= 1);
    assert_eq!(starts(&town, id).await?, [(0, 1_000), (30, 1_000), (60, 1_000), (90, 1_000)]);
    let shown = town.only(&uma).await?;
    assert_eq!((shown.row.end_at, shown.row.finish_count, town.balance(&uma).await?), (Some(day(120)), 3, 6_000));
    again.stop().await?;
    town.agrees().await
});

both!(more_missed_periods_than_one_transaction_takes_are_caught_up_with, |engine| async {
    let town = Town::new(engine).await?;
    let hourly = ServiceSpec { period: PeriodMode::Seconds(3_600), ..tariff("hourly", 1) };
    let service = town.service(hourly).await?;
    let uma = town.person(1, 1_000).await?;
    let id = done(connect(&uma, None, service, None).await)?.id;
    town.app.advance(DAY * 3);
    town.renew().await?;
    let shown = town.only(&uma).await?;
    assert_eq!((shown.row.finish_count, town.balance(&uma).await?), (72, 1_000 - 73));
    assert_eq!((shown.row.id, shown.row.end_at), (id, Some(day(3).plus(Duration::from_hours(1)))));
    town.agrees().await
});

both!(nothing_follows_what_is_not_to_be_renewed, |engine| async {
    let town = Town::new(engine).await?;
    let manual = town.service(ServiceSpec { is_auto_renew: false, ..tariff("manual", 1_000) }).await?;
    let uma = town.person(1, 10_000).await?;
    done(connect(&uma, None, manual, None).await)?;
    assert_eq!(town.only(&uma).await?.next(), None);
    town.app.advance(DAY * 30);
    town.renew().await?;
    assert_eq!((town.has(&uma).await?.len(), town.balance(&uma).await?), (0, 9_000));
    // Ordered as its own successor it goes on, as often as that stands.
    let id = done(connect(&uma, None, manual, None).await)?.id;
    done(set_next(&uma, None, id, Some(manual)).await)?;
    town.app.advance(DAY * 60);
    town.renew().await?;
    assert_eq!((town.only(&uma).await?.row.finish_count, town.balance(&uma).await?), (2, 6_000));
    town.agrees().await
});

both!(another_service_takes_over_and_repeats_itself_if_it_does_so, |engine| async {
    let town = Town::new(engine).await?;
    let fifty = town.service(tariff("50", 1_000)).await?;
    let hundred = town.service(tariff("100", 2_000)).await?;
    let trial = town.service(ServiceSpec { is_auto_renew: false, ..tariff("trial", 500) }).await?;
    let (uma, bob) = (town.person(1, 10_000).await?, town.person(2, 10_000).await?);
    let ids = [done(connect(&uma, None, fifty, None).await)?.id, done(connect(&bob, None, fifty, None).await)?.id];
    done(set_next(&uma, None, ids[0], Some(hundred)).await)?;
    done(set_next(&bob, None, ids[1], Some(trial)).await)?;
    town.app.advance(DAY * 30);
    town.renew().await?;
    let (shown, other) = (town.only(&uma).await?, town.only(&bob).await?);
    assert_eq!((shown.row.id, shown.title.as_str(), shown.next()), (ids[0], "100", Some(hundred)));
    assert_eq!((other.title.as_str(), other.next()), ("trial", None));
    town.app.advance(DAY * 30);
    town.renew().await?;
    assert_eq!(
        (starts(&town, ids[0]).await?, town.has(&bob).await?.len()),
        (vec![(0, 1_000), (30, 2_000), (60, 2_000)], 0)
    );
    town.agrees().await
});

both!(months_keep_their_day_through_february, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(ServiceSpec { period: PeriodMode::Month, ..tariff("monthly", 100) }).await?;
    let uma = town.person(1, 10_000).await?;
    town.app.advance(DAY * 30);
    let id = done(connect(&uma, None, service, None).await)?.id;
    town.app.advance(DAY * 100);
    town.renew().await?;
    let ends: Vec<_> = town.periods(id).await?.iter().map(|period| period.end_at.unwrap().to_rfc3339()).collect();
    // 31 January 02:00 in Kyiv.
    assert_eq!(
        ends,
        [
            "2026-02-28T00:00:00.000Z",
            "2026-03-30T23:00:00.000Z",
            "2026-04-29T23:00:00.000Z",
            "2026-05-30T23:00:00.000Z"
        ]
    );
    town.agrees().await
});

both!(without_money_the_default_is_debt_and_the_debt_blocks, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(tariff("50", 1_000)).await?;
    let uma = town.person(1, 1_500).await?;
    let id = done(connect(&uma, None, service, None).await)?.id;
    town.app.advance(DAY * 60);
    town.renew().await?;
    assert_eq!(starts(&town, id).await?, [(0, 1_000), (30, 1_000), (60, 1_000)]);
    assert_eq!(town.rows(&uma).await?, [(100, -1_000), (100, -1_000), (423, 0), (100, -1_000)]);
    assert_eq!(town.balance(&uma).await?, -1_500);
    town.agrees().await
});

both!(without_a_limit_nobody_stops, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(ServiceSpec { on_no_money: Some(OnNoMoney::Stop), ..tariff("50", 1_000) }).await?;
    let uma = town.person(1, 1_000).await?;
    set_balance_terms(&town, "block_if_limit = FALSE").await?;
    done(connect(&uma, None, service, None).await)?;
    town.app.advance(DAY * 30);
    town.renew().await?;
    assert_eq!((town.only(&uma).await?.is_stopped(), town.balance(&uma).await?), (false, -1_000));
    town.agrees().await
});

both!(what_stopped_resumes_from_the_payment_that_suffices, |engine| async {
    let town = Town::new(engine).await?;
    let checked = ServiceSpec { tags: Tags::parse("inet,chkBalance"), ..tariff("50", 1_000) };
    let service = town.service(checked).await?;
    let uma = town.person(1, 1_500).await?;
    let id = done(connect(&uma, None, service, None).await)?.id;
    town.app.advance(DAY * 70);
    town.renew().await?;
    let shown = town.only(&uma).await?;
    assert!(shown.is_stopped());
    assert_eq!((shown.row.end_at, shown.next()), (Some(day(30)), Some(service)));
    assert_eq!(town.rows(&uma).await?, [(100, -1_000)], "no charge while stopped");
    town.pay(&uma, 499).await?;
    assert!(town.only(&uma).await?.is_stopped(), "a kopeck short");
    let seen = town.sees(&uma).await?;
    assert_eq!((seen.services.len(), seen.usr.recommended_pay), (0, Money(1)), "which is what he is told to pay");
    town.pay(&uma, 1).await?;
    town.pay(&uma, 5_000).await?;
    let shown = town.only(&uma).await?;
    assert_eq!((shown.is_stopped(), shown.row.start_at, shown.row.end_at), (false, day(70), Some(day(100))));
    assert_eq!((starts(&town, id).await?, town.balance(&uma).await?), (vec![(0, 1_000), (70, 1_000)], 5_000));
    assert_eq!(shown.next(), Some(service));
    town.agrees().await
});

both!(who_orders_anew_while_it_waits_has_it_once, |engine| async {
    let mut settings = Settings::default();
    settings.billing.resume_on_payment = false;
    let town = Town::with(engine, settings).await?;
    let service = town.service(ServiceSpec { on_no_money: Some(OnNoMoney::Stop), ..tariff("50", 1_000) }).await?;
    let uma = town.person(1, 1_000).await?;
    let first = done(connect(&uma, None, service, None).await)?.id;
    town.app.advance(DAY * 30);
    town.renew().await?;
    town.pay(&uma, 5_000).await?;
    assert!(town.only(&uma).await?.is_stopped(), "it does not resume by itself");
    let second = done(connect(&uma, None, service, None).await)?.id;
    assert_eq!((town.only(&uma).await?.row.id, first == second), (second, false));
    town.agrees().await
});

both!(a_fallback_stands_in_until_there_is_money, |engine| async {
    let town = Town::new(engine).await?;
    let slow = town.service(ServiceSpec { is_auto_renew: false, ..tariff("slow", 100) }).await?;
    let fast = ServiceSpec { on_no_money: Some(OnNoMoney::Fallback), fallback: Some(slow), ..tariff("fast", 1_000) };
    let fast = town.service(fast).await?;
    let uma = town.person(1, 1_200).await?;
    let id = done(connect(&uma, None, fast, None).await)?.id;
    town.app.advance(DAY * 65);
    town.renew().await?;
    let shown = town.only(&uma).await?;
    assert_eq!(starts(&town, id).await?, [(0, 1_000), (30, 100), (60, 100)], "each missed period is decided anew");
    assert_eq!((shown.title.as_str(), shown.next(), town.balance(&uma).await?), ("slow", Some(fast), 0));
    assert_eq!(code(connect(&uma, None, fast, None).await)?, "srv_analog");
    town.pay(&uma, 1_000).await?;
    let shown = town.only(&uma).await?;
    assert_eq!((shown.title.as_str(), shown.row.start_at, shown.next()), ("fast", day(65), Some(fast)));
    assert_eq!(town.balance(&uma).await?, 0);
    // Now not even the fallback can be paid.
    town.app.advance(DAY * 30);
    town.renew().await?;
    assert!(town.only(&uma).await?.is_stopped());
    town.pay(&uma, 1_000).await?;
    assert_eq!((starts(&town, id).await?.last().copied(), town.balance(&uma).await?), (Some((95, 1_000)), 0));
    town.agrees().await
});

both!(what_is_ordered_while_a_fallback_stands_in_comes_with_the_money, |engine| async {
    let town = Town::new(engine).await?;
    let free = town.service(ServiceSpec { period: PeriodMode::Endless, ..tariff("captive", 0) }).await?;
    let spec =
        |title, price| ServiceSpec { fallback: Some(free), tags: Tags::parse("chkBalance"), ..tariff(title, price) };
    let (fast, faster) = (town.service(spec("fast", 1_000)).await?, town.service(spec("faster", 2_000)).await?);
    let (uma, bob) = (town.person(1, 1_000).await?, town.person(2, 1_000).await?);
    let ids = [done(connect(&uma, None, fast, None).await)?.id, done(connect(&bob, None, fast, None).await)?.id];
    town.app.advance(DAY * 30);
    town.renew().await?;
    let shown = town.only(&uma).await?;
    assert_eq!((shown.title.as_str(), shown.row.end_at, shown.row.charge_id), ("captive", None, None));
    done(set_next(&uma, None, ids[0], Some(faster)).await)?;
    done(set_next(&bob, None, ids[1], None).await)?;
    assert_eq!((town.only(&uma).await?.next(), town.only(&bob).await?.next()), (Some(faster), None));
    // In the same moment as the fallback began: it still is a period of its own.
    town.pay(&uma, 2_000).await?;
    town.pay(&bob, 2_000).await?;
    let shown = town.only(&uma).await?;
    assert_eq!((shown.title.as_str(), shown.next(), town.balance(&uma).await?), ("faster", Some(faster), 0));
    assert_eq!((town.only(&bob).await?.title.as_str(), town.balance(&bob).await?), ("captive", 2_000));
    town.agrees().await
});

both!(who_gives_up_what_waits_has_it_no_more, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(ServiceSpec { on_no_money: Some(OnNoMoney::Stop), ..tariff("50", 1_000) }).await?;
    let uma = town.person(1, 1_000).await?;
    let id = done(connect(&uma, None, service, None).await)?.id;
    town.app.advance(DAY * 30);
    town.renew().await?;
    done(set_next(&uma, None, id, None).await)?;
    town.pay(&uma, 5_000).await?;
    assert_eq!((town.has(&uma).await?.len(), town.balance(&uma).await?), (0, 5_000));
    town.agrees().await
});

both!(a_faulty_service_rests_and_the_others_go_on, |engine| async {
    let town = Town::new(engine).await?;
    let (good, bad) = (town.service(tariff("good", 100)).await?, town.service(tariff("bad", 100)).await?);
    let mut people = Vec::new();
    for uid in 1..=20 {
        let who = town.person(uid, 1_000).await?;
        done(connect(&who, None, if uid == 7 { bad } else { good }, None).await)?;
        people.push(who);
    }
    town.app.advance(DAY * 30);
    town.app.execute(&format!("UPDATE billing_service SET param = 'nonsense' WHERE id = {bad}")).await?;
    town.renew().await?;
    for (who, uid) in people.iter().zip(1..) {
        assert_eq!(town.balance(who).await?, if uid == 7 { 900 } else { 800 });
    }
    town.app.execute(&format!("UPDATE billing_service SET param = '{{}}' WHERE id = {bad}")).await?;
    town.app.advance(Duration::from_secs(119));
    assert_eq!(town.renew().await?, 0, "it rests");
    town.app.advance(Duration::from_secs(1));
    assert_eq!(town.renew().await?, 1);
    assert_eq!((town.balance(&people[6]).await?, town.only(&people[6]).await?.row.start_at), (800, day(30)));
    town.agrees().await
});

both!(what_is_frozen_or_blocked_from_ordering_is_left_alone_or_renewed, |engine| async {
    let town = Town::new(engine).await?;
    let service = town.service(tariff("50", 1_000)).await?;
    let (uma, bob) = (town.person(1, 5_000).await?, town.person(2, 5_000).await?);
    let id = done(connect(&uma, None, service, None).await)?.id;
    done(connect(&bob, None, service, None).await)?;
    done(freeze(&town.staff(), Some(1), id).await)?;
    town.app.advance(DAY * 30);
    assert_eq!(town.renew().await?, 1);
    assert_eq!((town.balance(&uma).await?, town.balance(&bob).await?), (4_000, 3_000));
    town.agrees().await
});

both!(a_day_before_the_end_he_is_told_that_money_is_missing, |engine| async {
    let mut settings = Settings::default();
    settings.billing.push.credentials_file = Some("nobody sends".into());
    let town = Town::with(engine, settings).await?;
    let service = town.service(tariff("50", 1_000)).await?;
    let (uma, bob) = (town.person(1, 1_500).await?, town.person(2, 9_000).await?);
    for who in [&uma, &bob] {
        done(push::register(who, &format!("app-of-{}", account(who))).await)?;
        done(connect(who, None, service, None).await)?;
    }
    let told = async || -> anyhow::Result<Vec<String>> {
        town.app.run_due_periodic().await?;
        let keys: Vec<(String,)> = town
            .app
            .app
            .db()
            .read()
            .all(sql!("SELECT key FROM job WHERE kind = 'push.send' ORDER BY id"), args![])
            .await?;
        Ok(keys.into_iter().map(|(key,)| key).collect())
    };
    town.app.advance(short_of(29, 10));
    assert_eq!(told().await?, [""; 0]);
    town.app.advance(Duration::from_secs(10));
    let keys = told().await?;
    assert!(keys.len() == 1 && keys[0].contains("service_ending"), "{keys:?}");
    town.app.advance(Duration::from_hours(1));
    assert_eq!(told().await?, keys, "once");
    town.app.advance(DAY);
    let keys = told().await?;
    let renewed = keys.iter().filter(|key| key.contains("service_renewed")).count();
    assert_eq!(renewed, 2, "{keys:?}");
    // Of somebody who is not there any more nothing is said, and what he had ends.
    town.app.execute("DELETE FROM subscriber_pass WHERE uid = 1").await?;
    town.app.advance(DAY * 29);
    assert_eq!(told().await?, keys);
    town.app.advance(DAY);
    told().await?;
    assert_eq!(town.has(&uma).await?.len(), 0);
    Ok(())
});

/// Two schedulers, one of which dies again and again in the middle of its work, and payments that come meanwhile.
async fn killed(engine: Engine) -> anyhow::Result<()> {
    const PEOPLE: i64 = 300;
    let town = Town::new(engine).await?;
    let service = town.service(tariff("50", 100)).await?;
    let mut people = Vec::new();
    for uid in 1..=PEOPLE {
        let who = town.person(uid, 1_000).await?;
        done(connect(&who, None, service, None).await)?;
        people.push(who);
    }
    town.app.advance(DAY * 90);
    let again = town.app.again().await?;
    let mut deaths = 0_u64;
    loop {
        let app = again.clone();
        let mut dying = tokio::task::JoinSet::new();
        let run = dying.spawn(async move { renew::run(&app).await });
        let _late = tokio::time::timeout(Duration::from_millis(5 + 10 * deaths), async {
            if deaths == 3 {
                renew::run(&town.app.app).await?;
            }
            std::future::pending::<anyhow::Result<()>>().await
        })
        .await;
        let was_done = run.is_finished();
        dying.abort_all();
        let end = dying.join_next().await;
        if was_done && matches!(end, Some(Ok(Ok(0)))) {
            break;
        }
        town.pay(&people[usize::try_from(deaths)? % people.len()], 1).await?;
        deaths += 1;
    }
    assert!(deaths > 1, "it was killed at least once");
    let mut total = 0;
    for who in &people {
        let shown = town.only(who).await?;
        assert_eq!((shown.row.finish_count, shown.row.end_at), (3, Some(day(120))));
        total += town.balance(who).await?;
    }
    assert_eq!(total, PEOPLE * 600 + i64::try_from(deaths)?);
    again.stop().await?;
    agree(&town.app.app).await
}

both!(whoever_is_killed_and_however_many_run_each_period_is_charged_once, |engine| killed(engine));
