//! A subscriber, both payment systems, and what became of his money.

use anyhow::{Context as _, Result, bail};
use gatehouse_domain::{
    Actor, App, Ctx, Settings,
    billing::{Failure, Outcome, Who},
    ledger::check,
    payment::{
        Checkout, Notice,
        notice::{self, Taken},
        order::{self, Opened},
    },
};
use gatehouse_model::{Money, Origin, StatementId};
use gatehouse_store::{Query as _, args, ledger, sql, statement};
use gatehouse_testkit::upstream::payment;
use gatehouse_testkit::{
    Engine, TestApp,
    stand_in::{Fondy, Liqpay},
};

use crate::billing_people::{self as people, Person, UAH};

/// A subscriber's application with both payment systems.
pub(crate) struct Shop {
    pub(crate) app: TestApp,
    pub(crate) fondy: Fondy,
    pub(crate) liqpay: Liqpay,
    pub(crate) person: Person,
}

impl Shop {
    pub(crate) async fn new(engine: Engine) -> Result<Self> {
        Self::with(engine, |_| {}).await
    }

    /// With other settings; both providers take three percent.
    pub(crate) async fn with(engine: Engine, change: impl FnOnce(&mut Settings)) -> Result<Self> {
        let fondy = Fondy::start(1_396_424, "test").await?;
        let liqpay = Liqpay::start("i00000000", "test_private_key").await?;
        let mut settings = Settings::default();
        settings.billing.fondy = fondy.settings();
        settings.billing.fondy.percent = 300;
        settings.billing.liqpay = liqpay.settings();
        settings.billing.liqpay.percent = 300;
        change(&mut settings);
        let app = TestApp::with(engine, settings).await?;
        app.app.serve_payments(payment::providers(&app.app.settings().billing));
        let person = people::subscriber(&app, "payer", Money::ZERO).await;
        Ok(Self { app, fondy, liqpay, person })
    }

    /// Another process on the same database.
    pub(crate) async fn another(&self) -> Result<App> {
        let app = self.app.again().await?;
        app.serve_payments(payment::providers(&app.settings().billing));
        Ok(app)
    }

    /// The subscriber himself.
    pub(crate) fn who(&self) -> Who {
        self.person.who(&self.app)
    }

    /// Orders 100.00.
    pub(crate) async fn order(&self, channel: &str) -> Result<Opened> {
        done(order::create(&self.who(), None, channel, "100", None).await)
    }

    /// Orders 100.00 at Fondy and lets the payer pay.
    pub(crate) async fn paid_order(&self) -> Result<Opened> {
        let made = self.order("fondy").await?;
        self.fondy.set_status(&made.reference, "approved")?;
        anyhow::ensure!(self.tell("fondy", self.fondy.notice(&made.reference)?).await? == Taken::Done);
        Ok(made)
    }

    /// Delivers a notice.
    pub(crate) async fn tell(&self, channel: &str, body: Vec<u8>) -> Result<Taken> {
        tell(&self.app.app, channel, body).await
    }

    /// What the wallet holds.
    pub(crate) async fn balance(&self) -> i64 {
        people::balance(&self.app, self.person.account).await.0
    }

    /// A row of the statement: kind and amount.
    pub(crate) async fn row(&self, id: StatementId) -> Result<(i64, i64)> {
        let row = statement::find(&mut self.app.app.db().read(), id).await?.context("no such row")?;
        Ok((row.kind, row.amount.0))
    }

    /// Amounts of the rows of kind 20, oldest first.
    pub(crate) async fn paid(&self) -> Result<Vec<i64>> {
        let rows = statement::list_all(&mut self.app.app.db().read(), self.person.account).await?;
        Ok(rows.into_iter().filter(|row| row.kind == 20).map(|row| row.amount.0).collect())
    }

    /// What the house holds: a kind of account and which of it.
    pub(crate) async fn house(&self, kind: &str, reference: &str) -> Result<i64> {
        let all = ledger::list_house(&mut self.app.app.db().read()).await?;
        let one = all
            .iter()
            .find(|(k, currency, r, _)| (k.as_str(), currency.as_str(), r.as_str()) == (kind, UAH, reference));
        Ok(one.map_or(0, |(_, _, _, sum)| *sum))
    }

    /// Actions of the audit's alerts, oldest first.
    pub(crate) async fn alerts(&self) -> Result<Vec<(String, String)>> {
        let q = &mut self.app.app.db().read();
        Ok(q.all(sql!("SELECT action, outcome FROM audit WHERE stream = 'alert' ORDER BY id"), args![]).await?)
    }

    /// Every invariant of the ledger.
    pub(crate) async fn agrees(&self) -> Result<()> {
        assert_eq!(check::check(&mut self.app.app.db().read()).await?, []);
        Ok(())
    }
}

/// Delivers a notice to a process.
pub(crate) async fn tell(app: &App, channel: &str, body: Vec<u8>) -> Result<Taken> {
    let ctx: Ctx = app.ctx(Actor::System("payment"), Origin::Billing);
    Ok(notice::take(&ctx, channel, &Notice { body, ..Notice::default() }).await?)
}

/// What came of a use case that did not refuse.
pub(crate) fn done<T>(outcome: Outcome<T>) -> Result<T> {
    match outcome {
        Ok(done) => Ok(done),
        Err(Failure::Refused(refusal)) => bail!("refused: {}", refusal.code()),
        Err(Failure::Error(error)) => Err(error.into()),
    }
}

/// The code of its refusal, `ok` for none.
pub(crate) fn code<T>(outcome: Outcome<T>) -> Result<&'static str> {
    match outcome {
        Ok(_) => Ok("ok"),
        Err(Failure::Refused(refusal)) => Ok(refusal.code()),
        Err(Failure::Error(error)) => Err(error.into()),
    }
}

/// The form that an order is paid with.
pub(crate) fn form(made: &Opened) -> Result<(&str, &str)> {
    match &made.checkout {
        Checkout::Form { data, signature, .. } => Ok((data, signature)),
        other => bail!("no form: {other:?}"),
    }
}
