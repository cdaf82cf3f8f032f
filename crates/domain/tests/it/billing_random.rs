//! Whatever comes in whatever order, the books agree and no period is charged twice.

use std::time::Duration;

use gatehouse_domain::billing::{
    Who,
    connect::connect,
    finish::finish,
    freeze::{freeze, unfreeze},
    next::set_next,
    period::PeriodMode,
    service::{OnNoMoney, ServiceSpec},
};
use gatehouse_model::BillingServiceId;
use gatehouse_testkit::Engine;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    billing_services::tariff,
    billing_town::{Town, account, agree, code, move_cash},
};

/// Something that happens to somebody.
#[derive(Debug, Clone)]
enum Step {
    Pay(usize, i64),
    TakeBack(usize, i64),
    Connect(usize, usize),
    Next(usize, usize, Option<usize>),
    Finish(usize, usize),
    Freeze(usize, usize),
    Unfreeze(usize, usize),
    Limit(usize, i64),
    Wait(u64),
    Renew,
}

const PEOPLE: usize = 3;
const SERVICES: usize = 7;

fn step() -> impl Strategy<Value = Step> {
    let (who, what) = (0..PEOPLE, 0..SERVICES);
    prop_oneof![
        4 => (who.clone(), 1..30_000_i64).prop_map(|(who, cash)| Step::Pay(who, cash)),
        1 => (who.clone(), 1..10_000_i64).prop_map(|(who, cash)| Step::TakeBack(who, cash)),
        6 => (who.clone(), what.clone()).prop_map(|(who, what)| Step::Connect(who, what)),
        3 => (who.clone(), 0..4_usize, prop::option::of(what)).prop_map(|(who, which, next)| Step::Next(who, which, next)),
        1 => (who.clone(), 0..4_usize).prop_map(|(who, which)| Step::Finish(who, which)),
        2 => (who.clone(), 0..4_usize).prop_map(|(who, which)| Step::Freeze(who, which)),
        2 => (who.clone(), 0..4_usize).prop_map(|(who, which)| Step::Unfreeze(who, which)),
        1 => (who, -10_000..=0_i64).prop_map(|(who, limit)| Step::Limit(who, limit)),
        6 => (1..4_000_000_u64).prop_map(Step::Wait),
        6 => Just(Step::Renew),
    ]
}

async fn catalogue(town: &Town) -> anyhow::Result<Vec<BillingServiceId>> {
    let slow = town.service(ServiceSpec { period: PeriodMode::Month, ..tariff("slow", 100) }).await?;
    let stops = ServiceSpec { on_no_money: Some(OnNoMoney::Stop), is_discountable: true, ..tariff("stops", 999) };
    let falls = ServiceSpec {
        on_no_money: Some(OnNoMoney::Fallback),
        fallback: Some(slow),
        period: PeriodMode::Month,
        ..tariff("falls", 2_000)
    };
    let debt = ServiceSpec { period: PeriodMode::MonthEnd, ..tariff("debt", 3_333) };
    let other = ServiceSpec { module: "tv".into(), is_auto_renew: false, ..tariff("tv", 777) };
    let endless = ServiceSpec { module: "line".into(), period: PeriodMode::Endless, ..tariff("line", 5_000) };
    let once = ServiceSpec { period: PeriodMode::Once, ..tariff("once", 50) };
    let mut ids = vec![slow];
    for spec in [stops, falls, debt, other, endless, once] {
        ids.push(town.service(spec).await?);
    }
    Ok(ids)
}

async fn take(town: &Town, people: &[Who], services: &[BillingServiceId], step: &Step) -> anyhow::Result<()> {
    let subscription = async |who: usize, which: usize| -> anyhow::Result<_> {
        Ok(town.has(&people[who]).await?.get(which).map(|one| one.row.id))
    };
    let (staff, uid) = (town.staff(), |who: usize| i64::try_from(who).ok().map(|uid| uid + 1));
    match *step {
        Step::Pay(who, cash) => town.pay(&people[who], cash).await?,
        Step::TakeBack(who, cash) => move_cash(&town.app.app, account(&people[who]), -cash).await?,
        Step::Connect(who, what) => drop(code(connect(&people[who], None, services[what], None).await)?),
        Step::Next(who, which, next) => {
            if let Some(id) = subscription(who, which).await? {
                code(set_next(&people[who], None, id, next.map(|next| services[next])).await)?;
            }
        }
        Step::Finish(who, which) => {
            if let Some(id) = subscription(who, which).await? {
                code(finish(&staff, uid(who), id).await)?;
            }
        }
        Step::Freeze(who, which) => {
            if let Some(id) = subscription(who, which).await? {
                code(freeze(&staff, uid(who), id).await)?;
            }
        }
        Step::Unfreeze(who, which) => {
            if let Some(id) = subscription(who, which).await? {
                code(unfreeze(&staff, uid(who), id).await)?;
            }
        }
        Step::Limit(who, limit) => {
            let uid = who + 1;
            town.app.execute(&format!("UPDATE subscriber_pass SET limit_balance = {limit} WHERE uid = {uid}")).await?;
        }
        Step::Wait(seconds) => town.app.advance(Duration::from_secs(seconds)),
        Step::Renew => drop(town.renew().await?),
    }
    Ok(())
}

/// What must hold between any two steps.
async fn holds(town: &Town, people: &[Who]) -> anyhow::Result<()> {
    agree(&town.app.app).await?;
    for who in people {
        for one in town.has(who).await? {
            let periods = town.periods(one.row.id).await?;
            let Some(last) = periods.last() else { anyhow::bail!("a subscription without a period: {one:?}") };
            anyhow::ensure!(last.start_at == one.row.start_at, "{one:?} is not in its last period {last:?}");
            anyhow::ensure!(last.billing_service_id == one.row.billing_service_id, "{one:?}, {last:?}");
            anyhow::ensure!(last.statement_id == one.row.charge_id, "{one:?}, {last:?}");
        }
    }
    Ok(())
}

async fn sequences(engine: Engine, cases: u8, seed: u8) -> anyhow::Result<()> {
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let strategy = prop::collection::vec(step(), 60);
    let town = Town::new(engine).await?;
    let services = catalogue(&town).await?;
    let mut people = Vec::new();
    for uid in 1..=PEOPLE {
        people.push(town.person(i64::try_from(uid)?, 0).await?);
    }
    for _ in 0..cases {
        let steps = strategy.new_tree(&mut runner).map_err(|why| anyhow::anyhow!("{why}"))?.current();
        for (at, step) in steps.iter().enumerate() {
            let told = async {
                take(&town, &people, &services, step).await?;
                holds(&town, &people).await
            };
            told.await.map_err(|error| error.context(format!("step {at} of {steps:#?}")))?;
        }
    }
    town.renew().await?;
    holds(&town, &people).await
}

both!(any_sequence_of_events_keeps_the_books, |engine| sequences(engine, 4, 7));
