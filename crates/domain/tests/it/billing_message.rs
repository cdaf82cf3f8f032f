//! Messages between subscribers and staff.

use gatehouse_domain::billing::{
    Refusal, Who,
    block::{self, Block},
    message,
};
use gatehouse_model::{Money, StatementId};
use gatehouse_store::billing_message;
use gatehouse_testkit::{Engine, TestApp, app::START};

use crate::billing_people::{self as people, done, operator, refusal, refused};

/// Number, category, read, answered of what somebody sees.
async fn seen(who: &Who, uid: Option<i64>) -> Vec<(i64, i64, bool, bool)> {
    let list = done(message::list(who, uid, 50, 0).await);
    list.into_iter().map(|row| (row.id.0, row.kind, row.is_read, row.is_answered)).collect()
}

async fn staff_and_subscriber_write_to_each_other(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let (one, two) =
        (people::subscriber(&app, "one", Money::ZERO).await, people::subscriber(&app, "two", Money::ZERO).await);
    let (who, staff) = (one.who(&app), operator(&app));
    let asked = done(message::send(&who, "У меня не работает <интернет>\u{7}").await).0;
    assert_eq!(seen(&who, None).await, [(asked, 491, false, false)]);
    let list = done(message::list(&who, Some(two.uid), 50, 0).await);
    assert_eq!(list[0].text, "У меня не работает <интернет>", "himself, whatever number he names");
    assert_eq!((list[0].creator.as_str(), list[0].at), ("user", START));

    app.advance(std::time::Duration::from_secs(1));
    let answer = done(message::send_to(&staff, Some(one.uid), 480, "Перезагрузите роутер").await).0;
    assert_eq!(seen(&who, None).await, [(answer, 480, false, false), (asked, 491, true, true)]);
    assert_eq!(seen(&staff, Some(one.uid)).await, [(answer, 480, false, false), (asked, 492, true, true)]);
    for _ in 0..2 {
        done(message::accept(&who, None, StatementId(answer)).await);
    }
    assert_eq!(seen(&who, None).await[0], (answer, 481, true, false));
    assert_eq!(done(message::list(&who, None, 1, 1).await).len(), 1, "the second page");

    for (whose, id) in [(&two, answer), (&one, asked), (&one, 9_999)] {
        assert_eq!(refused(message::accept(&whose.who(&app), None, StatementId(id)).await), "not_found");
    }
    assert_eq!(refused(message::send_to(&staff, Some(one.uid), 491, "x").await), "bad_request");
    assert_eq!(refused(message::send_to(&who, Some(one.uid), 480, "x").await), "forbidden");
    assert_eq!(refused(message::send(&staff, "x").await), "forbidden");
    assert_eq!(refused(message::send(&who, " ").await), "msg_empty");
    assert_eq!(refused(message::send(&who, &"я".repeat(1_501)).await), "msg_long");
    done(message::send(&who, &"я ".repeat(750)).await);
    Ok(())
}
both!(talk, |engine| staff_and_subscriber_write_to_each_other(engine));

async fn a_blocking_message_waits_to_be_read(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let one = people::subscriber(&app, "one", Money::ZERO).await;
    let is_unread = async || billing_message::has_unread_blocking(&mut app.app.db().read(), one.account).await.unwrap();
    let id = done(message::send_to(&operator(&app), Some(one.uid), 482, "Прочтите").await);
    assert!(is_unread().await);
    assert_eq!(seen(&one.who(&app), None).await, [(id.0, 482, false, false)]);
    done(message::accept(&one.who(&app), None, id).await);
    assert!(!is_unread().await);
    assert_eq!(people::rows(&app, one.account).await, [411, 481]);
    Ok(())
}
both!(blocking, |engine| a_blocking_message_waits_to_be_read(engine));

async fn one_message_to_many_is_read_by_each_for_himself(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let (near, far) = (people::group(&app, "near", Money::ZERO).await, people::group(&app, "far", Money::ZERO).await);
    let (one, two) =
        (people::subscriber(&app, "one", Money::ZERO).await, people::subscriber(&app, "two", Money::ZERO).await);
    let codes = ["billing.access", "billing.subscriber.read", "billing.message.send"];
    let local = people::staff(&app, "local", &codes, Some(&[near])).await;
    let id = done(message::broadcast(&local, &[near, near], "Работы на сети").await);
    for person in [one, two] {
        assert_eq!(seen(&person.who(&app), None).await, [(id.0, 488, false, false)]);
    }
    done(message::accept(&one.who(&app), None, id).await);
    assert_eq!(seen(&one.who(&app), None).await, [(id.0, 488, true, false)]);
    assert_eq!(seen(&two.who(&app), None).await, [(id.0, 488, false, false)]);
    let elsewhere = done(message::broadcast(&operator(&app), &[far], "Не вам").await);
    assert_eq!(refused(message::accept(&one.who(&app), None, elsewhere).await), "not_found");
    assert_eq!(seen(&one.who(&app), None).await.len(), 1);

    assert_eq!(refused(message::broadcast(&local, &[near, far], "x").await), "group_denied");
    assert_eq!(refused(message::broadcast(&local, &[], "x").await), "bad_request");
    let reader = people::staff(&app, "reader", &codes[..2], None).await;
    assert_eq!(refused(message::broadcast(&reader, &[near], "x").await), "no_privilege");
    assert_eq!(refused(message::broadcast(&one.who(&app), &[near], "x").await), "forbidden");
    assert_eq!(refused(message::send_to(&reader, Some(one.uid), 480, "x").await), "no_privilege");
    Ok(())
}
both!(many, |engine| one_message_to_many_is_read_by_each_for_himself(engine));

async fn who_is_blocked_or_wrote_too_much_is_told(engine: Engine) -> anyhow::Result<()> {
    let mut settings = gatehouse_domain::Settings::default();
    settings.billing.message.max_unanswered = 2;
    let app = TestApp::with(engine, settings).await?;
    let one = people::subscriber(&app, "one", Money::ZERO).await;
    let (who, staff) = (one.who(&app), operator(&app));
    done(block::set(&staff, Some(one.uid), Block::Messages, Some("Вы ругались")).await);
    assert_eq!(refusal(message::send(&who, "x").await), Refusal::MessageBlocked("Вы ругались".to_owned()));
    done(block::set(&staff, Some(one.uid), Block::Messages, None).await);
    done(block::set(&staff, Some(one.uid), Block::Messages, None).await);
    assert_eq!(people::rows(&app, one.account).await, [411, 451, 410]);
    for _ in 0..2 {
        done(message::send(&who, "x").await);
    }
    assert_eq!(refused(message::send(&who, "x").await), "too_many");
    done(message::send_to(&staff, Some(one.uid), 480, "ok").await);
    done(message::send(&who, "x").await);
    done(message::send(&who, "x").await);
    app.advance(std::time::Duration::from_hours(24));
    done(message::send(&who, "x").await);
    Ok(())
}
both!(limits, |engine| who_is_blocked_or_wrote_too_much_is_told(engine));

async fn at_once_no_more_are_let_through_than_may(engine: Engine) -> anyhow::Result<()> {
    let mut settings = gatehouse_domain::Settings::default();
    settings.billing.message.max_unanswered = 3;
    let app = TestApp::with(engine, settings).await?;
    let who = people::subscriber(&app, "one", Money::ZERO).await.who(&app);
    let sent = futures_util::future::join_all((0..12).map(|_| message::send(&who, "x"))).await;
    assert_eq!(sent.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    Ok(())
}
both!(together, |engine| at_once_no_more_are_let_through_than_may(engine));
