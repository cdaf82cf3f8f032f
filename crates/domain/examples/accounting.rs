//! Measures how many accounting updates a second one process keeps on SQLite, every one of them on the disk before its answer.
//!
//! `cargo run --release -p gatehouse-domain --example accounting [SESSIONS] [AT_ONCE] [UPDATES]`

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use anyhow::Context as _;
use gatehouse_domain::{
    Actor, App, Clock, Open, OpenOptions, Random, Settings,
    radius::{
        accounting::record,
        nas::{self, NasSettings, NasSpec},
        report::{Counter, Report, Status},
    },
    seal::KeyRing,
};
use gatehouse_model::{Origin, Secret};

#[expect(clippy::print_stdout, reason = "a measurement tells its result")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut given = std::env::args().skip(1).map(|word| word.parse::<u32>());
    let mut next = |default| given.next().unwrap_or(Ok(default));
    let (sessions, at_once, updates) = (next(1_000)?.max(1), next(64)?, next(20_000)?);
    let dir = tempfile::tempdir()?;
    let random = Random::System;
    let open = Open {
        database_url: Secret::new(format!("sqlite://{}", dir.path().join("gatehouse.db").display())),
        options: OpenOptions::default(),
        keys: KeyRing::open(&dir.path().join("keys"), &random)?,
        settings: Settings::default(),
        clock: Clock::System,
        random,
    };
    let (app, _) = App::open(open).await?;
    let ctx = app.ctx(Actor::Operator, Origin::Cli);
    let spec = NasSpec {
        name: "gate".into(),
        network: "192.0.2.0/24".parse()?,
        secret: Secret::new("a secret of the measurement"),
        coa_secret: None,
        settings: NasSettings::default(),
    };
    nas::save(&ctx, &spec).await?;
    app.live().refresh(&app).await?;
    let source = "192.0.2.1".parse()?;
    let entry = app.live().nas().find(source).cloned().context("the entry is there")?;
    for (what, count) in [("starts", sessions), ("interims", updates)] {
        let (told, begun) = (Arc::new(AtomicU32::new(0)), Instant::now());
        let mut workers = tokio::task::JoinSet::<gatehouse_domain::Result<()>>::new();
        for _ in 0..at_once {
            let (ctx, entry, told) = (ctx.clone(), entry.clone(), Arc::clone(&told));
            workers.spawn(async move {
                loop {
                    let n = told.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return Ok(());
                    }
                    let session = format!("{:08x}", n % sessions);
                    let status = if what == "starts" { Status::Start } else { Status::Interim };
                    let mut report = Report::new(status, source, session);
                    report.user_name = b"somebody".to_vec();
                    if what == "interims" {
                        let round = n / sessions + 1;
                        report.session_time = Some(60 * round);
                        let octets = Counter { octets: Some(1_000 * round), gigawords: None, packets: Some(round) };
                        (report.input, report.output) = (octets, octets);
                    }
                    record(&ctx, &entry, &report).await?;
                }
            });
        }
        for worker in workers.join_all().await {
            worker?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        println!("{count} {what}, {at_once} at once: {:.0} a second", f64::from(count) / seconds);
    }
    Ok(())
}
