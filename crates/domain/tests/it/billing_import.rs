//! Files of payments and subscribers.

use gatehouse_domain::{
    apply::Mode,
    billing::{
        field::{self, FieldSpec},
        import::{self, Report},
    },
    ledger::check,
};
use gatehouse_model::{FieldKind, Money};
use gatehouse_store::{account, statement, subscriber};
use gatehouse_testkit::{Engine, TestApp};

use crate::billing_people::{self as people, done, operator};

fn bad(report: &Report) -> Vec<String> {
    report.bad.iter().map(ToString::to_string).collect()
}

async fn payments_come_in_once(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let (one, two) =
        (people::subscriber(&app, "one", Money::ZERO).await, people::subscriber(&app, "two", Money(-500)).await);
    let file = format!(
        "Reference;UID;login;amount;category;time;comment\n\
         A1;{};;100,50;;2025-12-31T10:00:00Z;\"касса; вечер\"\n\
         A2;;two;7;2;;\n",
        one.uid
    );
    let mut told = Vec::new();
    let tried = import::payments(&ctx, &file, Mode::DryRun, &mut |_, _| ()).await?;
    assert_eq!((tried.lines, tried.written, tried.known), (2, 2, 0));
    assert_eq!(people::balance(&app, one.account).await, Money::ZERO, "nothing yet");
    let first = import::payments(&ctx, &file, Mode::Write, &mut |done, all| told.push((done, all))).await?;
    assert_eq!((first.written, first.known, bad(&first)), (2, 0, vec![]));
    assert_eq!(told, [(2, 2)]);
    let again = import::payments(&ctx, &file, Mode::Write, &mut |_, _| ()).await?;
    assert_eq!((again.written, again.known), (0, 2));
    assert_eq!(people::balance(&app, one.account).await, Money(10_050));
    assert_eq!(people::balance(&app, two.account).await, Money(200));
    assert!(!subscriber::find(&mut ctx.read(), two.account).await?.unwrap().debt_block);
    let rows = statement::list_all(&mut ctx.read(), one.account).await?;
    let row = rows.last().unwrap();
    assert_eq!((row.kind, row.comment.as_str()), (1, "касса; вечер"));
    assert_eq!(row.at.to_rfc3339(), "2025-12-31T10:00:00.000Z");
    assert_eq!(check::check(&mut ctx.read()).await?, []);
    Ok(())
}
both!(payments, |engine| payments_come_in_once(engine));

async fn every_wrong_line_is_named_and_nothing_is_written(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let one = people::subscriber(&app, "one", Money::ZERO).await;
    import::payments(&ctx, "reference,login,amount\nOLD,one,5\n", Mode::Write, &mut |_, _| ()).await?;
    let file = "reference,login,amount,category,time\n\
                OK,one,1,,\n\
                X1,nobody,1,,\n\
                X2,one,0,,\n\
                X3,one,1.005,,\n\
                X4,one,1,3,\n\
                X5,one,1,,2030-01-01T00:00:00Z\n\
                X5,one,1,,\n\
                ,one,1,,\n\
                OLD,one,6,,\n\
                short\n\n\
                OLD2,one,5,,";
    let report = import::payments(&ctx, file, Mode::Write, &mut |_, _| ()).await?;
    assert_eq!((report.lines, report.written), (11, 0));
    let lines: Vec<_> = report.bad.iter().map(|bad| bad.line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 10, 11], "{:#?}", report.bad);
    for (at, part) in [(0, "no subscriber has the login `nobody`"), (5, "the same as that of line 7"), (7, "5.00")] {
        assert!(report.bad[at].reason.contains(part), "{}", report.bad[at]);
    }
    assert_eq!(people::balance(&app, one.account).await, Money(500));
    for head in ["uid,amount\n", "reference,amount\n", "reference,login,sum,amount\n", ""] {
        let refused = import::payments(&ctx, head, Mode::Write, &mut |_, _| ()).await;
        assert_eq!(crate::people::refusal(refused), "invalid", "{head}");
    }
    Ok(())
}
both!(wrong, |engine| every_wrong_line_is_named_and_nothing_is_written(engine));

async fn subscribers_move_in_with_their_money(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let home = people::group(&app, "home", Money(-1_000)).await;
    let spec = FieldSpec {
        name: "_flat".to_owned(),
        title: "Flat".to_owned(),
        section: String::new(),
        kind: FieldKind::Uint,
        flags: String::new(),
        pattern: String::new(),
        choices: std::collections::BTreeMap::new(),
        comment: String::new(),
        is_staff_only: false,
    };
    done(field::define(&operator(&app), &spec).await);
    let file = "login,password,uid,group,full_name,contract_date,discount,balance,_flat\n\
                anna,secret word,357,home,Анна К.,2024-05-01,15,12.50,7\n\
                boris,,,home,,,,-30.00,\n";
    let wrong = "login,uid,group,_flat\nanna,0,,\nboris,,moon,\nclara,,,x\nanna\tb,,,\ndora,5,,\nemil,5,,\n";
    let report = import::subscribers(&ctx, wrong, Mode::DryRun, &mut |_, _| ()).await?;
    let lines: Vec<_> = report.bad.iter().map(|bad| bad.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 7], "{:#?}", report.bad);
    assert_eq!(import::subscribers(&ctx, wrong, Mode::Write, &mut |_, _| ()).await?.written, 0);

    let tried = import::subscribers(&ctx, file, Mode::DryRun, &mut |_, _| ()).await?;
    assert_eq!((tried.written, bad(&tried)), (2, vec![]));
    assert!(account::find_by_key(&mut ctx.read(), "anna").await?.is_none(), "a dry run leaves nothing");
    let first = import::subscribers(&ctx, file, Mode::Write, &mut |_, _| ()).await?;
    assert_eq!((first.written, first.known, bad(&first)), (2, 0, vec![]));
    let again = import::subscribers(&ctx, file, Mode::Write, &mut |_, _| ()).await?;
    assert_eq!((again.written, again.known), (0, 2));

    let q = &mut ctx.read();
    let anna = account::find_by_key(q, "anna").await?.unwrap().id;
    let row = subscriber::find(q, anna).await?.unwrap();
    assert_eq!((row.uid, row.billing_group_id, row.limit_balance, row.discount), (357, home, Money(-1_000), 15));
    assert_eq!(row.contract_at.unwrap().to_rfc3339(), "2024-04-30T21:00:00.000Z", "midnight in Kyiv");
    assert_eq!(people::fields(&app, anna, true).await[0].value, "7");
    assert_eq!(people::balance(&app, anna).await, Money(1_250));
    let boris = account::find_by_key(q, "boris").await?.unwrap().id;
    let row = subscriber::find(q, boris).await?.unwrap();
    assert_eq!((row.uid, row.debt_block), (358, true));
    assert_eq!(check::check(q).await?, []);

    // A number of somebody else is found before anything is written.
    let taken = import::subscribers(&ctx, "login,uid\nclara,357\n", Mode::Write, &mut |_, _| ()).await?;
    assert_eq!(bad(&taken), ["line 2: uid: is that of `anna`"]);
    Ok(())
}
both!(subscribers, |engine| subscribers_move_in_with_their_money(engine));

async fn the_check_of_the_ledger_is_heard(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let one = people::subscriber(&app, "one", Money(500)).await;
    let alerts = async || {
        let rows = gatehouse_store::audit::list(&mut app.app.db().read(), i64::MAX, Some("ledger.mismatch"), 10).await;
        rows.unwrap().len()
    };
    app.run_due_periodic().await?;
    assert_eq!(alerts().await, 0);
    let finding = async || {
        let findings = gatehouse_domain::doctor::examine(&app.operator()).await.unwrap();
        findings.into_iter().find(|finding| finding.area == "ledger").unwrap()
    };
    assert_eq!(finding().await.level, gatehouse_domain::doctor::Level::Ok);
    app.execute(&format!("UPDATE ledger_account SET balance = balance + 1 WHERE owner_id = {}", one.account)).await?;
    app.advance(std::time::Duration::from_hours(25));
    app.run_due_periodic().await?;
    assert_eq!(alerts().await, 2, "against its postings, and against the statement");
    let finding = finding().await;
    assert_eq!(finding.level, gatehouse_domain::doctor::Level::Fail);
    assert!(finding.message.contains("holds 5.01 UAH"), "{}", finding.message);
    Ok(())
}
both!(watched, |engine| the_check_of_the_ledger_is_heard(engine));
