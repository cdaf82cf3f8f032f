//! The ledger: what is posted once, stays, and adds up.

use gatehouse_domain::{
    Ctx,
    ledger::{self, Author, Book, Event, Line, Posted, Shown, check, kind},
};
use gatehouse_model::{AccountId, Money};
use gatehouse_store::{args, sql};
use gatehouse_testkit::TestApp;

const UAH: &str = "UAH";

fn shown(kind: i64) -> Shown<'static> {
    Shown { kind, at: None, reason: "", comment: "", reference: None, settles: None }
}

/// Pays cash into a wallet under a key; gives what came of it.
async fn pay(ctx: &Ctx, key: &str, account: AccountId, sum: i64) -> anyhow::Result<Posted> {
    let mut tx = ctx.begin().await?;
    let lines =
        [Line::wallet(account, Money(sum), shown(kind::CASH)), Line::house(Book::Clearing("cash"), Money(-sum))];
    let author = Author::kernel();
    let event = Event { key, reason: "test", author: &author, lines: &lines };
    let posted = ledger::post(ctx, &mut tx, UAH, &event).await?;
    tx.commit().await?;
    Ok(posted)
}

both!(an_event_counts_once_and_everything_adds_up, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let (uma, ivo) = (AccountId(7), AccountId(8));
    assert!(matches!(pay(&ctx, "a", uma, 1_000).await?, Posted::Now { .. }));
    assert_eq!(pay(&ctx, "a", uma, 1_000).await?, Posted::Before);
    assert_eq!(ledger::balance(&mut ctx.read(), uma, UAH).await?, Money(1_000));
    // Between two wallets, whichever is named first.
    for (n, (from, to)) in [(uma, ivo), (ivo, uma), (uma, ivo)].into_iter().enumerate() {
        let mut tx = ctx.begin().await?;
        let lines = [
            Line::wallet(from, Money(-300), shown(kind::TRANSFER_OUT)),
            Line::wallet(to, Money(300), shown(kind::TRANSFER_IN)),
        ];
        let author = Author::staff(&ctx, 5);
        let key = format!("t{n}");
        let event = Event { key: &key, reason: "test", author: &author, lines: &lines };
        let Posted::Now { shown, .. } = ledger::post(&ctx, &mut tx, UAH, &event).await? else { panic!("new") };
        assert_eq!(shown.len(), 2);
        let row = gatehouse_store::statement::find(&mut tx, shown[0]).await?.unwrap();
        assert_eq!(
            (row.account_id, row.amount, row.actor.as_str(), row.actor_no),
            (Some(from), Money(-300), "admin", 5)
        );
        tx.commit().await?;
    }
    assert_eq!(ledger::balance(&mut ctx.read(), uma, UAH).await?, Money(700));
    assert_eq!(ledger::balance(&mut ctx.read(), ivo, UAH).await?, Money(300));
    assert_eq!(check::check(&mut ctx.read()).await?, []);
    Ok(())
});

both!(lines_that_do_not_add_up_are_no_event, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let author = Author::kernel();
    let wallet = |sum| Line::wallet(AccountId(7), Money(sum), shown(kind::CASH));
    let house = |sum| Line::house(Book::Clearing("cash"), Money(sum));
    for lines in [vec![wallet(5), house(-4)], vec![wallet(5)], vec![Line::house(Book::Wallet(AccountId(7)), Money(0))]]
    {
        let mut tx = ctx.begin().await?;
        let event = Event { key: "x", reason: "test", author: &author, lines: &lines };
        assert!(ledger::post(&ctx, &mut tx, UAH, &event).await.is_err());
    }
    assert_eq!(ledger::balance(&mut ctx.read(), AccountId(7), UAH).await?, Money(0));
    Ok(())
});

both!(what_was_posted_cannot_be_changed_and_what_does_not_add_up_is_found, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    pay(&ctx, "a", AccountId(7), 1_000).await?;
    for change in [
        sql!("UPDATE ledger_posting SET amount = amount + 1 WHERE entry_id > $1"),
        sql!("DELETE FROM ledger_posting WHERE entry_id > $1"),
        sql!("DELETE FROM ledger_entry WHERE id > $1"),
    ] {
        let mut tx = ctx.begin().await?;
        assert!(tx.exec(change, args![0_i64]).await.is_err(), "the ledger is append-only");
    }
    let mut tx = ctx.begin().await?;
    tx.exec(sql!("UPDATE ledger_account SET balance = balance + $1 WHERE kind = 'wallet'"), args![1_i64]).await?;
    tx.exec(
        sql!(
            "INSERT INTO ledger_posting (entry_id, ledger_account_id, amount) \
             SELECT e.id, a.id, $1 FROM ledger_entry e, ledger_account a WHERE a.kind = 'wallet' AND e.key <> 'a'"
        ),
        args![5_i64],
    )
    .await?;
    let found = check::check(&mut tx).await?;
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].to_string(), "wallet of account 7: holds 10.01 UAH, its postings add up to 10.00");
    Ok(())
});

both!(any_number_of_payments_at_once_lose_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let other = app.again().await?;
    let mut told = tokio::task::JoinSet::new();
    for n in 0..64_i64 {
        let mut ctx = app.operator();
        if n % 2 == 0 {
            ctx.app = other.clone();
        }
        // Every event is told twice, by two processes.
        told.spawn(async move { pay(&ctx, &format!("k{}", n / 2), AccountId(1 + n / 2 % 3), 100).await });
    }
    let mut entered = 0;
    for posted in told.join_all().await {
        entered += i64::from(posted? != Posted::Before);
    }
    assert_eq!(entered, 32);
    let mut total = Money(0);
    for account in 1..4 {
        total = total.plus(ledger::balance(&mut app.operator().read(), AccountId(account), UAH).await?);
    }
    assert_eq!(total, Money(3_200));
    assert_eq!(check::check(&mut app.operator().read()).await?, []);
    Ok(())
});
