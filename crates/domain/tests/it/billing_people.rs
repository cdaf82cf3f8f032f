//! Subscribers, staff and money for stories of billing.

use gatehouse_domain::{
    Actor, Ctx, Via,
    account::{self, NewAccount, pass},
    billing::{
        Failure, Outcome, Refusal, Role, Who,
        field::{FieldValue, Fields},
    },
    ledger::{self, Author, Book, Event, Line, Shown, kind},
};
use gatehouse_model::{AccountId, BillingGroupId, Login, Money, Origin, PassKind, RoleId, Secret, StatementId};
use gatehouse_store::{billing_field, billing_group, pass as passes, role, role_reach, subscriber};
use gatehouse_testkit::TestApp;

/// The currency of the stories.
pub(crate) const UAH: &str = "UAH";

/// A subscriber of a story.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) account: AccountId,
    pub(crate) uid: i64,
}

impl Person {
    /// As he asks for himself.
    pub(crate) fn who(self, app: &TestApp) -> Who {
        let codes = std::collections::BTreeSet::new();
        let actor = Actor::Account { id: self.account, login: String::new(), name: None, codes, via: Via::Door };
        let role = Role::User { account: self.account, uid: self.uid };
        Who { ctx: app.app.ctx(actor, Origin::Billing), role, is_trusted: true }
    }
}

/// Makes a subscriber whose wallet holds what was paid in cash, in the first group.
pub(crate) async fn subscriber(app: &TestApp, login: &str, balance: Money) -> Person {
    let ctx = app.operator();
    let new = NewAccount {
        login: Login::new(login).unwrap(),
        name: None,
        email: None,
        phone: None,
        password: Some(Secret::new("a password")),
    };
    let account = account::create(&ctx, &new).await.unwrap();
    pass::grant(&ctx, login, PassKind::Subscriber).await.unwrap();
    let uid = subscriber::find(&mut ctx.read(), account).await.unwrap().unwrap().uid;
    if balance != Money::ZERO {
        pay(app, account, balance).await;
    }
    Person { account, uid }
}

/// What stands in the extra fields of a subscriber.
pub(crate) async fn fields(app: &TestApp, account: AccountId, is_admin: bool) -> Vec<FieldValue> {
    let q = &mut app.app.db().read();
    let values = billing_field::list_values(q, account, account).await.unwrap();
    Fields::load(q).await.unwrap().show(&values, is_admin)
}

/// Posts a cash payment, negative: one that is taken back; gives its row.
pub(crate) async fn pay(app: &TestApp, account: AccountId, amount: Money) -> StatementId {
    let ctx = app.operator();
    let mut tx = ctx.begin().await.unwrap();
    let key = format!("staff:{}", app.app.request_id());
    let shown = Shown { kind: kind::CASH, at: None, reason: "", comment: "", reference: None, settles: None };
    let lines = [Line::wallet(account, amount, shown), Line::house(Book::Clearing("cash"), amount.negated())];
    let author = Author::staff(&ctx, 0);
    let event = Event { key: &key, reason: "test.pay", author: &author, lines: &lines };
    let posted = ledger::post(&ctx, &mut tx, UAH, &event).await.unwrap();
    tx.commit().await.unwrap();
    posted.row().unwrap()
}

/// What a wallet holds.
pub(crate) async fn balance(app: &TestApp, account: AccountId) -> Money {
    ledger::balance(&mut app.app.db().read(), account, UAH).await.unwrap()
}

/// Kinds of a subscriber's rows, oldest first.
pub(crate) async fn rows(app: &TestApp, account: AccountId) -> Vec<i64> {
    let rows = gatehouse_store::statement::list_all(&mut app.app.db().read(), account).await.unwrap();
    rows.into_iter().map(|row| row.kind).collect()
}

/// Makes a billing group.
pub(crate) async fn group(app: &TestApp, name: &str, limit: Money) -> BillingGroupId {
    let mut tx = app.app.db().begin().await.unwrap();
    let id = billing_group::insert(&mut tx, None, (name, ""), limit, app.app.now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// Makes staff with codes on some billing groups or, with none, on all.
pub(crate) async fn staff(app: &TestApp, login: &str, codes: &[&str], groups: Option<&[BillingGroupId]>) -> Who {
    let ctx = app.operator();
    let login = Login::new(login).unwrap();
    let new = NewAccount { login: login.clone(), name: None, email: None, phone: None, password: None };
    let id = account::create(&ctx, &new).await.unwrap();
    pass::grant(&ctx, login.as_str(), PassKind::Staff).await.unwrap();
    let mut tx = ctx.begin().await.unwrap();
    let name = format!("role of {}", login.as_str());
    let role: RoleId = role::insert(&mut tx, &name, &name, false, ctx.now()).await.unwrap();
    for code in codes {
        role::insert_code(&mut tx, role, code).await.unwrap();
    }
    role::insert_member(&mut tx, id, role).await.unwrap();
    role_reach::replace(&mut tx, role, groups).await.unwrap();
    tx.commit().await.unwrap();
    signed_in(app, id).await
}

/// Staff as they ask now.
pub(crate) async fn signed_in(app: &TestApp, id: AccountId) -> Who {
    let ctx: Ctx = crate::people::signed_in(app, id).await;
    let staff_no = passes::find_staff_no(&mut ctx.read(), id).await.unwrap().unwrap();
    Who { ctx, role: Role::Admin { account: Some(id), staff_no }, is_trusted: true }
}

/// Whoever runs commands on the machine.
pub(crate) fn operator(app: &TestApp) -> Who {
    Who::operator(app.operator())
}

/// The code of a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(outcome: Outcome<T>) -> &'static str {
    refusal(outcome).code()
}

/// A refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Outcome<T>) -> Refusal {
    match outcome {
        Err(Failure::Refused(refusal)) => refusal,
        Err(Failure::Error(error)) => panic!("not refused but failed: {}", error.chain()),
        Ok(done) => panic!("not refused: {done:?}"),
    }
}

/// What was done, or a panic that says why it was not.
pub(crate) fn done<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Ok(done) => done,
        Err(Failure::Refused(refusal)) => panic!("refused: {}", refusal.code()),
        Err(Failure::Error(error)) => panic!("failed: {}", error.chain()),
    }
}
