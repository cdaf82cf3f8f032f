//! The subscriber pass: granted, changed, blocked, taken.

use std::collections::BTreeMap;

use gatehouse_domain::{
    account::{change, pass, view},
    billing::{
        field::{self, FieldSpec},
        scope::{self, Reach},
        subscriber::{self, SubscriberEdit},
    },
    ledger::check,
};
use gatehouse_model::{FieldKind, Money, PassKind, Secret};
use gatehouse_store::{statement, subscriber as rows};
use gatehouse_testkit::{Engine, TestApp};

use crate::billing_people::{self as people, done, operator, refused};

async fn a_number_is_given_once_and_goes_on_above_the_highest(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let first = people::subscriber(&app, "first", Money::ZERO).await;
    let second = people::subscriber(&app, "second", Money::ZERO).await;
    assert_eq!((first.uid, second.uid), (1, 2));
    pass::revoke(&app.operator(), "second", PassKind::Subscriber).await?;
    let third = people::subscriber(&app, "third", Money::ZERO).await;
    assert_eq!(third.uid, 3, "the number of one who was deleted is not given again");
    let edit = SubscriberEdit { uid: Some(9_999), ..SubscriberEdit::default() };
    done(subscriber::update(&operator(&app), Some(third.uid), &edit).await);
    assert_eq!(people::subscriber(&app, "fourth", Money::ZERO).await.uid, 10_000);
    let edit = SubscriberEdit { uid: Some(1), ..SubscriberEdit::default() };
    let taken = subscriber::update(&operator(&app), Some(9_999), &edit).await;
    assert!(matches!(taken, Err(gatehouse_domain::billing::Failure::Error(error)) if error.code() == "conflict"));
    Ok(())
}
both!(numbers, |engine| a_number_is_given_once_and_goes_on_above_the_highest(engine));

async fn a_limit_blocks_and_frees_at_once_and_staff_block_beside_it(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let person = people::subscriber(&app, "debtor", Money(-500)).await;
    let state = async || rows::find(&mut app.app.db().read(), person.account).await.unwrap().unwrap();
    assert!(state().await.debt_block);
    let limit = |limit| SubscriberEdit { limit_balance: Some(Money(limit)), ..SubscriberEdit::default() };
    done(subscriber::update(&operator(&app), Some(person.uid), &limit(-500)).await);
    assert!(!state().await.debt_block, "equality does not block");
    done(subscriber::update(&operator(&app), Some(person.uid), &limit(-499)).await);
    assert!(state().await.debt_block);
    done(subscriber::block(&operator(&app), Some(person.uid), Some("on his own wish")).await);
    people::pay(&app, person.account, Money(10_000)).await;
    let row = state().await;
    assert!(row.admin_block && !row.debt_block, "a payment lifts the block of debt only");
    let shown = view::show(&app.operator(), "debtor").await?.subscriber.unwrap();
    assert_eq!((shown.balance.as_str(), shown.admin_block.as_deref()), ("95.00", Some("on his own wish")));
    done(subscriber::block(&operator(&app), Some(person.uid), None).await);
    done(subscriber::block(&operator(&app), Some(person.uid), None).await);
    assert!(!state().await.admin_block);
    // Granted, cash, blocked for debt, limit, limit with the block it brings, blocked, cash, freed; freed again is nothing.
    assert_eq!(people::rows(&app, person.account).await, [411, 1, 423, 410, 410, 423, 410, 1, 410]);
    assert_eq!(check::check(&mut app.app.db().read()).await?, []);
    Ok(())
}
both!(blocks, |engine| a_limit_blocks_and_frees_at_once_and_staff_block_beside_it(engine));

async fn who_goes_leaves_his_money_behind(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let person = people::subscriber(&app, "leaver", Money(1_250)).await;
    pass::revoke(&app.operator(), "leaver", PassKind::Subscriber).await?;
    assert!(view::show(&app.operator(), "leaver").await.is_err(), "the account went with its last pass");
    assert_eq!(people::balance(&app, person.account).await, Money(1_250));
    let rows = statement::list_all(&mut app.app.db().read(), person.account).await?;
    let last = rows.last().unwrap();
    assert_eq!(last.kind, 220);
    let dump: serde_json::Value = serde_json::from_str(&last.reason)?;
    assert_eq!((dump["login"].as_str(), dump["balance"].as_str()), (Some("leaver"), Some("12.50")));
    assert_eq!(check::check(&mut app.app.db().read()).await?, []);

    // An account that owes from before is blocked as soon as it is a subscriber again.
    let person = people::subscriber(&app, "again", Money(-100)).await;
    pass::grant(&app.operator(), "again", PassKind::Proxy).await?;
    pass::revoke(&app.operator(), "again", PassKind::Subscriber).await?;
    pass::grant(&app.operator(), "again", PassKind::Subscriber).await?;
    let row = rows::find(&mut app.app.db().read(), person.account).await?.unwrap();
    assert!(row.debt_block && row.uid > person.uid);
    let double = pass::grant(&app.operator(), "again", PassKind::Subscriber).await;
    assert_eq!(crate::people::refusal(double), "conflict");
    Ok(())
}
both!(leaving, |engine| who_goes_leaves_his_money_behind(engine));

async fn staff_reach_the_groups_of_their_roles_only(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let (near, far) = (people::group(&app, "near", Money::ZERO).await, people::group(&app, "far", Money(-100)).await);
    let one = people::subscriber(&app, "one", Money::ZERO).await;
    let codes = ["billing.access", "billing.subscriber.read", "billing.subscriber.update", "billing.subscriber.block"];
    let local = people::staff(&app, "local", &codes, Some(&[near])).await;
    let reader = people::staff(&app, "reader", &codes[..2], None).await;
    let mut who = one.who(&app);

    let discount = SubscriberEdit { discount: Some(15), ..SubscriberEdit::default() };
    done(subscriber::update(&local, Some(one.uid), &discount).await);
    done(subscriber::update(&local, Some(one.uid), &discount).await);
    assert_eq!(people::rows(&app, one.account).await, [411, 410], "the same again is nothing");
    let away = SubscriberEdit { group: Some(far), ..SubscriberEdit::default() };
    assert_eq!(refused(subscriber::update(&local, Some(one.uid), &away).await), "group_denied");
    done(subscriber::update(&operator(&app), Some(one.uid), &away).await);
    assert_eq!(refused(subscriber::update(&local, Some(one.uid), &discount).await), "group_denied");
    assert_eq!(refused(subscriber::block(&local, Some(one.uid), Some("x")).await), "group_denied");
    assert_eq!(refused(subscriber::block(&reader, Some(one.uid), Some("x")).await), "no_privilege");
    assert_eq!(refused(subscriber::block(&operator(&app), Some(77), Some("x")).await), "no_uid");
    assert_eq!(refused(subscriber::block(&operator(&app), None, Some("x")).await), "no_uid");
    assert_eq!(refused(subscriber::block(&who, None, Some("x")).await), "forbidden");
    assert_eq!(refused(subscriber::update(&who, None, &discount).await), "forbidden");
    assert_eq!(refused(subscriber::set_password(&who, None, &Secret::new("new")).await), "forbidden");
    who = local.clone();
    who.is_trusted = false;
    done(
        subscriber::update(&operator(&app), Some(one.uid), &SubscriberEdit { group: Some(near), ..Default::default() })
            .await,
    );
    assert_eq!(refused(subscriber::update(&who, Some(one.uid), &discount).await), "forbidden");
    let reach = done(scope::reach(&mut app.app.db().read(), &local, "billing.access").await);
    assert_eq!(reach, Reach::Groups(vec![near]));
    Ok(())
}
both!(reach, |engine| staff_reach_the_groups_of_their_roles_only(engine));

async fn a_code_of_a_field_reaches_that_field_only(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let (near, far) = (people::group(&app, "near", Money::ZERO).await, people::group(&app, "far", Money::ZERO).await);
    let one = people::subscriber(&app, "one", Money::ZERO).await;
    let read = ["billing.access", "billing.subscriber.read"];
    let with = |code| [&read[..], &[code]].concat();
    let namer = people::staff(&app, "namer", &with("billing.subscriber.update.fio"), Some(&[near])).await;
    let mover = people::staff(&app, "mover", &with("billing.subscriber.update.grp"), Some(&[near])).await;
    let filler = people::staff(&app, "filler", &with("billing.subscriber.update.dopdata"), None).await;
    let name = SubscriberEdit { full_name: Some("Ада".to_owned()), ..SubscriberEdit::default() };
    let both = SubscriberEdit { discount: Some(5), ..name.clone() };
    done(subscriber::update(&namer, Some(one.uid), &name).await);
    for (who, edit) in [(&namer, &both), (&mover, &name), (&filler, &name), (&namer, &SubscriberEdit::default())] {
        assert_eq!(refused(subscriber::update(who, Some(one.uid), edit).await), "no_privilege", "{edit:?}");
    }
    let away = SubscriberEdit { group: Some(far), ..SubscriberEdit::default() };
    assert_eq!(refused(subscriber::update(&mover, Some(one.uid), &away).await), "group_denied");

    let spec = FieldSpec {
        name: "_street".to_owned(),
        title: "Street".to_owned(),
        section: String::new(),
        kind: FieldKind::Line,
        flags: String::new(),
        pattern: String::new(),
        choices: BTreeMap::new(),
        comment: String::new(),
        is_staff_only: false,
    };
    done(field::define(&operator(&app), &spec).await);
    let street = BTreeMap::from([("_street".to_owned(), "7".to_owned())]);
    assert_eq!(refused(field::set(&namer, Some(one.uid), &street).await), "no_privilege");
    done(field::set(&filler, Some(one.uid), &street).await);
    let row = rows::find(&mut app.app.db().read(), one.account).await?.unwrap();
    assert_eq!((row.full_name.as_str(), row.discount, row.billing_group_id), ("Ада", 0, near));
    assert_eq!(people::fields(&app, one.account, true).await[0].value, "7");
    Ok(())
}
both!(fields, |engine| a_code_of_a_field_reaches_that_field_only(engine));

async fn a_new_password_ends_his_sessions_and_keeps_a_copy(engine: Engine) -> anyhow::Result<()> {
    let mut settings = gatehouse_domain::Settings::default();
    settings.login.keep_clear_password = true;
    let app = TestApp::with(engine, settings).await?;
    let one = people::subscriber(&app, "one", Money::ZERO).await;
    let copies = async || {
        let column = gatehouse_store::sealed::SealedColumn::AccountPassword;
        column.list(&mut app.app.db().read(), 0, 10).await.unwrap().len()
    };
    assert_eq!(copies().await, 0, "what was set before the pass is known hashed only");
    done(subscriber::set_password(&operator(&app), Some(one.uid), &Secret::new("another one")).await);
    assert_eq!(copies().await, 1);
    let verdict = change::verify_password(&app.operator(), "one", &Secret::new("another one")).await?;
    assert_eq!(verdict, Ok(one.account));
    Ok(())
}
both!(passwords, |engine| a_new_password_ends_his_sessions_and_keeps_a_copy(engine));
