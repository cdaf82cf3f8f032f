//! Messages between subscribers and staff.

use std::time::Duration;

use gatehouse_domain::billing::{
    Refusal, Who,
    block::{self, Block},
    message,
};
use gatehouse_model::{Money, StatementId};
use gatehouse_store::{billing_message, subscriber};
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
    let asked = done(message::send(&who, "У меня не работает <интернет>\u{7}", None).await).0;
    assert_eq!(seen(&who, None).await, [(asked, 491, false, false)]);
    let list = done(message::list(&who, Some(two.uid), 50, 0).await);
    assert_eq!(list[0].text, "У меня не работает <интернет>", "himself, whatever number he names");
    assert_eq!((list[0].creator.as_str(), list[0].at), ("user", START));

    app.advance(Duration::from_secs(1));
    let answer = done(message::send_to(&staff, Some(one.uid), 480, "Перезагрузите роутер", None).await).0;
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
    assert_eq!(refused(message::send_to(&staff, Some(one.uid), 491, "x", None).await), "bad_request");
    assert_eq!(refused(message::send_to(&who, Some(one.uid), 480, "x", None).await), "forbidden");
    assert_eq!(refused(message::send(&staff, "x", None).await), "forbidden");
    assert_eq!(refused(message::send(&who, " ", None).await), "msg_empty");
    assert_eq!(refused(message::send(&who, &"я".repeat(1_501), None).await), "msg_long");
    done(message::send(&who, &"я ".repeat(750), None).await);
    Ok(())
}
both!(talk, |engine| staff_and_subscriber_write_to_each_other(engine));

async fn a_blocking_message_waits_to_be_read(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let one = people::subscriber(&app, "one", Money::ZERO).await;
    let is_unread = async || billing_message::has_unread_blocking(&mut app.app.db().read(), one.account).await.unwrap();
    let id = done(message::send_to(&operator(&app), Some(one.uid), 482, "Прочтите", None).await);
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
    let id = done(message::broadcast(&local, &[near, near], "Работы на сети", None).await);
    for person in [one, two] {
        assert_eq!(seen(&person.who(&app), None).await, [(id.0, 488, false, false)]);
    }
    done(message::accept(&one.who(&app), None, id).await);
    assert_eq!(seen(&one.who(&app), None).await, [(id.0, 488, true, false)]);
    assert_eq!(seen(&two.who(&app), None).await, [(id.0, 488, false, false)]);
    let elsewhere = done(message::broadcast(&operator(&app), &[far], "Не вам", None).await);
    assert_eq!(refused(message::accept(&one.who(&app), None, elsewhere).await), "not_found");
    assert_eq!(seen(&one.who(&app), None).await.len(), 1);

    assert_eq!(refused(message::broadcast(&local, &[near, far], "x", None).await), "group_denied");
    assert_eq!(refused(message::broadcast(&local, &[], "x", None).await), "bad_request");
    let reader = people::staff(&app, "reader", &codes[..2], None).await;
    assert_eq!(refused(message::broadcast(&reader, &[near], "x", None).await), "no_privilege");
    assert_eq!(refused(message::broadcast(&one.who(&app), &[near], "x", None).await), "forbidden");
    assert_eq!(refused(message::send_to(&reader, Some(one.uid), 480, "x", None).await), "no_privilege");
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
    assert_eq!(refusal(message::send(&who, "x", None).await), Refusal::MessageBlocked("Вы ругались".to_owned()));
    done(block::set(&staff, Some(one.uid), Block::Messages, None).await);
    done(block::set(&staff, Some(one.uid), Block::Messages, None).await);
    assert_eq!(people::rows(&app, one.account).await, [411, 451, 410]);
    for _ in 0..2 {
        done(message::send(&who, "x", None).await);
    }
    assert_eq!(refused(message::send(&who, "x", None).await), "too_many");
    done(message::send_to(&staff, Some(one.uid), 480, "ok", None).await);
    done(message::send(&who, "x", None).await);
    done(message::send(&who, "x", None).await);
    app.advance(Duration::from_hours(24));
    done(message::send(&who, "x", None).await);
    Ok(())
}
both!(limits, |engine| who_is_blocked_or_wrote_too_much_is_told(engine));

async fn at_once_no_more_are_let_through_than_may(engine: Engine) -> anyhow::Result<()> {
    let mut settings = gatehouse_domain::Settings::default();
    settings.billing.message.max_unanswered = 3;
    let app = TestApp::with(engine, settings).await?;
    let who = people::subscriber(&app, "one", Money::ZERO).await.who(&app);
    let sent = futures_util::future::join_all((0..12).map(|_| message::send(&who, "x", None))).await;
    assert_eq!(sent.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    Ok(())
}
both!(together, |engine| at_once_no_more_are_let_through_than_may(engine));

async fn a_message_under_a_key_is_sent_once(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let (one, two) =
        (people::subscriber(&app, "one", Money::ZERO).await, people::subscriber(&app, "two", Money::ZERO).await);
    let (who, other, staff) = (one.who(&app), two.who(&app), operator(&app));
    let group = subscriber::find(&mut app.app.db().read(), one.account).await?.unwrap().billing_group_id;
    let key = Some("a key of the app");
    // The process that sent it died before it kept the answer: the call comes again, after the claim has run out.
    let asked = done(message::send(&who, "help", key).await);
    let answer = done(message::send_to(&staff, Some(one.uid), 480, "soon", key).await);
    let told = done(message::broadcast(&staff, &[group], "news", key).await);
    let own = done(message::send(&other, "help", key).await);
    app.advance(Duration::from_mins(2));
    done(block::set(&staff, Some(one.uid), Block::Messages, Some("be polite")).await);
    assert_eq!(done(message::send(&who, "help", key).await), asked, "it was allowed then");
    assert_eq!(done(message::send_to(&staff, Some(one.uid), 480, "soon", key).await), answer);
    assert_eq!(done(message::broadcast(&staff, &[group], "news", key).await), told);
    assert_eq!(done(message::send(&other, "help", key).await), own, "his key is another one");
    let mut ids = [asked, answer, told].map(|id| id.0);
    ids.reverse();
    assert_eq!(seen(&who, None).await.iter().map(|row| row.0).collect::<Vec<_>>(), ids);
    // Under another key, and a day later, it is another message.
    assert!(done(message::send(&other, "help", Some("another")).await) > own);
    app.advance(Duration::from_hours(24));
    assert!(done(message::send(&other, "help", key).await) > own);
    Ok(())
}
both!(once, |engine| a_message_under_a_key_is_sent_once(engine));
