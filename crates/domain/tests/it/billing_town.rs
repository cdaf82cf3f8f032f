//! A town whose people have services: what the stories of billing begin with.

use std::time::Duration;

use anyhow::Context as _;
use gatehouse_domain::{
    Actor, App, Settings, Via,
    billing::{
        Failure, Outcome, Refusal, Role, Who,
        main::{self, Main},
        period::PeriodMode,
        renew,
        service::{self, ServiceSpec},
    },
    ledger::{self, Book, Event, Line, Shown, kind},
};
use gatehouse_model::{AccountId, BillingGroupId, BillingServiceId, BillingSubscriptionId, Millis, Money, Origin};
use gatehouse_store::{
    Query as _, args, billing_service,
    billing_subscription::{self as rows, PeriodRow, SubscriptionRow},
    sql,
};
use gatehouse_testkit::{Engine, TestApp, app::START};

pub(crate) const DAY: Duration = Duration::from_hours(24);
/// Thirty days.
pub(crate) const PERIOD: PeriodMode = PeriodMode::Seconds(30 * 86_400);

/// A town with one billing group.
pub(crate) struct Town {
    pub(crate) app: TestApp,
    pub(crate) group: BillingGroupId,
}

/// So many days less so many seconds.
pub(crate) const fn short_of(days: u64, seconds: u64) -> Duration {
    Duration::from_secs(days * 86_400 - seconds)
}

/// Something that somebody has.
#[derive(Debug)]
pub(crate) struct Has {
    pub(crate) row: SubscriptionRow,
    pub(crate) title: String,
}

impl Has {
    /// What follows.
    pub(crate) fn next(&self) -> Option<BillingServiceId> {
        self.row.ordered_service_id.or(self.row.next_service_id)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.row.state == "stopped"
    }
}

/// A moment of a town's clock: so many days after its beginning.
pub(crate) fn day(n: i64) -> Millis {
    Millis(START.0 + n * 86_400_000)
}

impl Town {
    pub(crate) async fn new(engine: Engine) -> anyhow::Result<Self> {
        Self::with(engine, Settings::default()).await
    }

    pub(crate) async fn with(engine: Engine, settings: Settings) -> anyhow::Result<Self> {
        let app = TestApp::with(engine, settings).await?;
        let group = group(&app.app, "town").await?;
        Ok(Self { app, group })
    }

    pub(crate) fn staff(&self) -> Who {
        Who::operator(self.app.operator())
    }

    /// Somebody with this number who has paid this much, in hundredths.
    pub(crate) async fn person(&self, uid: i64, cash: i64) -> anyhow::Result<Who> {
        let account = subscriber(&self.app.app, self.group, uid).await?;
        let who = user(&self.app.app, account, uid);
        if cash > 0 {
            self.pay(&who, cash).await?;
        }
        Ok(who)
    }

    pub(crate) async fn pay(&self, who: &Who, cash: i64) -> anyhow::Result<()> {
        move_cash(&self.app.app, account(who), cash).await
    }

    /// A service that the town's group may have.
    pub(crate) async fn service(&self, spec: ServiceSpec) -> anyhow::Result<BillingServiceId> {
        self.save(None, spec).await
    }

    pub(crate) async fn save(
        &self,
        id: Option<BillingServiceId>,
        spec: ServiceSpec,
    ) -> anyhow::Result<BillingServiceId> {
        let ctx = self.app.operator();
        let mut tx = ctx.begin().await?;
        let id = service::save(&ctx, &mut tx, id, &ServiceSpec { groups: vec![self.group], ..spec }).await?;
        tx.commit().await?;
        Ok(id)
    }

    pub(crate) async fn balance(&self, who: &Who) -> anyhow::Result<i64> {
        Ok(ledger::balance(&mut self.app.app.db().read(), account(who), "UAH").await?.0)
    }

    /// What somebody has, what waits for money included.
    pub(crate) async fn has(&self, who: &Who) -> anyhow::Result<Vec<Has>> {
        let q = &mut self.app.app.db().read();
        let mut all = Vec::new();
        for row in rows::list_of(q, account(who)).await? {
            let service = billing_service::find(q, row.billing_service_id).await?.context("its service")?;
            all.push(Has { row, title: service.title });
        }
        Ok(all)
    }

    /// The one thing that somebody has.
    pub(crate) async fn only(&self, who: &Who) -> anyhow::Result<Has> {
        let mut all = self.has(who).await?;
        anyhow::ensure!(all.len() == 1, "{all:?}");
        all.pop().context("there is one")
    }

    /// What he sees of himself.
    pub(crate) async fn sees(&self, who: &Who) -> anyhow::Result<Main> {
        done(main::show(who, None).await)
    }

    pub(crate) async fn periods(&self, id: BillingSubscriptionId) -> anyhow::Result<Vec<PeriodRow>> {
        Ok(rows::list_periods(&mut self.app.app.db().read(), id, 100).await?)
    }

    pub(crate) async fn renew(&self) -> anyhow::Result<u64> {
        Ok(renew::run(&self.app.app).await?)
    }

    /// Rows of the statement: kind and amount, oldest first, without payments in cash.
    pub(crate) async fn rows(&self, who: &Who) -> anyhow::Result<Vec<(i64, i64)>> {
        let rows = self
            .app
            .app
            .db()
            .read()
            .all(
                sql!("SELECT kind, amount FROM statement WHERE account_id = $1 AND kind <> 1 ORDER BY id"),
                args![account(who)],
            )
            .await?;
        Ok(rows)
    }

    /// Nothing is charged twice and the books agree.
    pub(crate) async fn agrees(&self) -> anyhow::Result<()> {
        agree(&self.app.app).await
    }
}

/// Nothing is charged twice, every charge has its period, and the books agree.
pub(crate) async fn agree(app: &App) -> anyhow::Result<()> {
    let q = &mut app.db().read();
    let found = ledger::check::check(q).await?;
    anyhow::ensure!(found.is_empty(), "{found:?}");
    let charges: Option<(i64, i64)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS charges, CAST(COALESCE(SUM(-s.amount), 0) AS BIGINT) AS total FROM ledger_entry e \
                 JOIN statement s ON s.entry_id = e.id WHERE e.key LIKE 'charge:%'"
            ),
            args![],
        )
        .await?;
    let periods: Option<(i64, i64)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS periods, CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS total FROM billing_period \
                 WHERE amount <> 0"
            ),
            args![],
        )
        .await?;
    anyhow::ensure!(charges == periods, "charges {charges:?}, periods {periods:?}");
    Ok(())
}

pub(crate) fn account(who: &Who) -> AccountId {
    match who.role {
        Role::User { account, .. } => account,
        Role::Admin { .. } => AccountId(0),
    }
}

pub(crate) async fn group(app: &App, name: &str) -> anyhow::Result<BillingGroupId> {
    let mut tx = app.db().begin().await?;
    let made: Option<(BillingGroupId,)> = tx
        .one(
            sql!(
                "INSERT INTO billing_group (name, property, limit_balance, created_at, updated_at) VALUES ($1, '', 0, $2, $2) \
                 RETURNING id"
            ),
            args![name, app.now()],
        )
        .await?;
    tx.commit().await?;
    Ok(made.context("made")?.0)
}

async fn subscriber(app: &App, group: BillingGroupId, uid: i64) -> anyhow::Result<AccountId> {
    let (login, now) = (format!("user{uid}"), app.now());
    let mut tx = app.db().begin().await?;
    let made: Option<(AccountId,)> = tx
        .one(
            sql!(
                "INSERT INTO account (login, is_enabled, is_protected, origin, must_change_password, epoch, seal_ref, created_at, \
                 updated_at) VALUES ($1, $2, $3, 'billing', $3, 0, $1, $4, $4) RETURNING id"
            ),
            args![&login, true, false, now],
        )
        .await?;
    let id = made.context("made")?.0;
    tx.exec(
        sql!(
            "INSERT INTO subscriber_pass (account_id, uid, billing_group_id, contract, full_name, comment, limit_balance, \
             block_if_limit, discount, cstate, cstate_at, is_always_on, admin_block, admin_block_why, debt_block, seal_ref, \
             created_at, updated_at) VALUES ($1, $2, $3, '', '', '', 0, $4, 0, 0, $5, $6, $6, '', $6, $7, $5, $5)"
        ),
        args![id, uid, group, true, now, false, &login],
    )
    .await?;
    tx.commit().await?;
    Ok(id)
}

pub(crate) fn user(app: &App, account: AccountId, uid: i64) -> Who {
    let actor = Actor::Account {
        id: account,
        login: format!("user{uid}"),
        name: None,
        codes: std::collections::BTreeSet::new(),
        via: Via::Door,
    };
    let ctx = app.ctx(actor, Origin::Billing);
    Who { ctx, role: Role::User { account, uid }, is_trusted: true }
}

/// Cash comes in, or, negative, is taken back; what waits for money goes on.
pub(crate) async fn move_cash(app: &App, account: AccountId, cash: i64) -> anyhow::Result<()> {
    let ctx = app.ctx(Actor::Operator, Origin::Cli);
    let mut tx = ctx.begin().await?;
    let shown = Shown { kind: kind::CASH, at: None, reason: "", comment: "cash", reference: None, settles: None };
    let lines = [Line::wallet(account, Money(cash), shown), Line::house(Book::Clearing("cash"), Money(-cash))];
    let key = format!("staff:{}", app.request_id());
    let author = ledger::Author::staff(&ctx, 0);
    let event = Event { key: &key, reason: "test", author: &author, lines: &lines };
    ledger::wallet(&ctx, &mut tx, account, "UAH").await?;
    ledger::post(&ctx, &mut tx, "UAH", &event).await?;
    if cash > 0 {
        renew::resume(&ctx, &mut tx, account).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A refusal by its code, `ok`, or the error.
pub(crate) fn code<T>(outcome: Outcome<T>) -> anyhow::Result<&'static str> {
    match outcome {
        Ok(_) => Ok("ok"),
        Err(Failure::Refused(refusal)) => Ok(refusal.code()),
        Err(Failure::Error(error)) => Err(error.into()),
    }
}

/// What a use case did, as an error that tests can pass on.
pub(crate) fn done<T>(outcome: Outcome<T>) -> anyhow::Result<T> {
    outcome.map_err(|failure| match failure {
        Failure::Refused(refusal) => anyhow::anyhow!("refused: {}", Refusal::code(&refusal)),
        Failure::Error(error) => error.into(),
    })
}
