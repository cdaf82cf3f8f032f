//! The oa area: states, decisions, races, restarts (specs/oa.md §1.5, §2, §5).

use std::time::Duration;

use anyhow::Result;
use gatehouse_domain::{
    App, Caller, Ctx, Error, Settings,
    account::{NewAccount, change, create, pass},
    oa::{self, ConnInfo, Deletion, Generated, token, user},
    proxy::{
        manage::{self, NodeSpec},
        settings::NodeSettings,
    },
};
use gatehouse_model::{Login, NodeKind, PassKind, Span, SsCipher};
use gatehouse_testkit::TestApp;

async fn machine(app: &TestApp) -> Result<Ctx> {
    let secret = token::generate(&app.operator(), "oa system").await?;
    Ok(oa::authenticate(&app.app, Caller::default(), secret.expose()).await?)
}

fn node(group: &str) -> NodeSpec {
    NodeSpec {
        kind: NodeKind::Shadowsocks,
        code: "ss".to_owned(),
        name: "服务节点1".to_owned(),
        remark: None,
        host: "127.0.0.1".to_owned(),
        port: 123,
        server_port: 123,
        listen_ip: None,
        rate: 100,
        is_enabled: true,
        is_shown: true,
        sort: None,
        transfer_cap: None,
        groups: [group.to_owned()].into_iter().collect(),
        settings: NodeSettings { cipher: Some(SsCipher::Aes256Gcm), allow_classic: true, ..NodeSettings::default() },
        content: None,
    }
}

async fn add_node(app: &TestApp, group: &str) -> Result<()> {
    manage::save(&app.operator(), &node(group)).await?;
    app.app.live().refresh(&app.app).await?;
    Ok(())
}

fn is_refused(result: gatehouse_domain::Result<Generated>) -> bool {
    matches!(result, Err(Error::Invalid { field, .. }) if field == "username")
}

both!(a_user_goes_through_every_state_of_the_table, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    assert!(matches!(oa::conn_info(&ctx, "ann").await?, ConnInfo::NoNodes), "412 comes before the user is looked at");
    add_node(&app, "default").await?;
    assert!(matches!(oa::conn_info(&ctx, "ann").await?, ConnInfo::Unknown));
    assert_eq!(oa::delete(&ctx, "ann").await?, Deletion::Unknown);
    assert_eq!(oa::generate(&ctx, "ann").await?, Generated::Accepted);
    assert_eq!(oa::generate(&ctx, "ann").await?, Generated::Queued);
    assert!(matches!(oa::conn_info(&ctx, "ann").await?, ConnInfo::Queued));
    assert_eq!(oa::delete(&ctx, "ann").await?, Deletion::Queued);
    app.run_due_jobs().await?;
    assert_eq!(oa::generate(&ctx, "ann").await?, Generated::Exists);
    let ConnInfo::Nodes(nodes) = oa::conn_info(&ctx, "ann").await? else { panic!("a healthy user has nodes") };
    assert_eq!((nodes[0].node_type, nodes[0].method, nodes[0].port), ("ss", "aes-256-gcm", 123));
    assert_eq!(nodes[0].tips, "服务节点1", "without a remark the name is the tip");
    assert!(nodes[0].link.expose().starts_with("ss://"));
    assert_eq!(oa::delete(&ctx, "ann").await?, Deletion::Accepted);
    assert_eq!(oa::delete(&ctx, "ann").await?, Deletion::Removing);
    assert_eq!(oa::generate(&ctx, "ann").await?, Generated::Removing);
    assert!(matches!(oa::conn_info(&ctx, "ann").await?, ConnInfo::Removing));
    app.advance(Duration::from_secs(48 * 3_600));
    assert_eq!(app.run_due_jobs().await?, 0, "the delay is strict");
    app.advance(Duration::from_millis(1));
    assert_eq!(app.run_due_jobs().await?, 1);
    assert!(matches!(oa::conn_info(&ctx, "ann").await?, ConnInfo::Unknown));
    assert_eq!(oa::delete(&ctx, "ann").await?, Deletion::Unknown);
    assert!(
        change::set_enabled(&app.operator(), "ann", false, None).await.is_err(),
        "the account went with its last pass"
    );
    assert_eq!(oa::generate(&ctx, "ann").await?, Generated::Accepted, "the name is free again");
    Ok(())
});

both!(processing_is_visible_between_claim_and_creation, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    oa::generate(&ctx, "bea").await?;
    // What the runner commits before it begins to work.
    let mut tx = app.app.db().begin().await?;
    let now = app.app.now();
    let jobs = gatehouse_store::job::claim(&mut tx, "oa.create", now, now.plus(Duration::from_secs(30)), 8).await?;
    let id = gatehouse_model::OaUserId(jobs[0].key.as_deref().unwrap_or_default().parse()?);
    gatehouse_store::oa_user::update_processing(&mut tx, id, now).await?;
    tx.commit().await?;
    assert_eq!(oa::generate(&ctx, "bea").await?, Generated::Processing);
    assert_eq!(oa::delete(&ctx, "bea").await?, Deletion::Processing);
    assert_eq!(app.run_due_jobs().await?, 0, "nobody else takes a claimed job");
    app.advance(Duration::from_secs(31));
    assert_eq!(app.run_due_jobs().await?, 1, "a dead worker's job is taken over");
    assert_eq!(oa::generate(&ctx, "bea").await?, Generated::Exists);
    Ok(())
});

both!(names_that_cannot_be_made_end_in_409_with_a_reason, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    add_node(&app, "default").await?;
    oa::generate(&ctx, "bob").await?;
    app.run_due_jobs().await?;
    let long = "x".repeat(151);
    for (name, reason) in [("Bob", "name_taken"), (" bob", "bad_name"), (long.as_str(), "name_too_long")] {
        assert_eq!(oa::generate(&ctx, name).await?, Generated::Accepted);
        app.run_due_jobs().await?;
        assert_eq!(oa::generate(&ctx, name).await?, Generated::Refused);
        assert!(matches!(oa::conn_info(&ctx, name).await?, ConnInfo::Refused));
        assert_eq!(user::show(&app.operator(), name).await?.reason.as_deref(), Some(reason));
        assert_eq!(oa::delete(&ctx, name).await?, Deletion::AcceptedRefused);
    }
    app.advance(Duration::from_secs(48 * 3_600 + 1));
    assert_eq!(app.run_due_jobs().await?, 3);
    assert_eq!(
        oa::generate(&ctx, "bob").await?,
        Generated::Exists,
        "removing a refused row leaves the other's account alone"
    );
    Ok(())
});

both!(reserved_and_broken_names_are_not_acceptable, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    for name in ["", "admin", "administrator", "a\0b", "a\nb", &"x".repeat(256)] {
        assert!(is_refused(oa::generate(&ctx, name).await), "{name:?}");
    }
    for name in ["Admin", "o'brien", "张三", "12345", "' OR '1'='1", "😀"] {
        assert_eq!(oa::generate(&ctx, name).await?, Generated::Accepted, "{name:?}");
    }
    app.run_due_jobs().await?;
    for name in ["o'brien", "张三", "12345", "' OR '1'='1", "😀"] {
        assert_eq!(oa::generate(&ctx, name).await?, Generated::Exists, "{name:?}");
    }
    Ok(())
});

both!(of_many_parallel_requests_one_is_accepted, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let ctx = ctx.clone();
        requests.spawn(async move { oa::generate(&ctx, "cara").await });
    }
    let answers = requests.join_all().await.into_iter().collect::<gatehouse_domain::Result<Vec<_>>>()?;
    assert_eq!(answers.iter().filter(|a| **a == Generated::Accepted).count(), 1);
    assert!(answers.iter().all(|a| matches!(a, Generated::Accepted | Generated::Queued)));
    app.run_due_jobs().await?;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let ctx = ctx.clone();
        requests.spawn(async move { oa::delete(&ctx, "cara").await });
    }
    let answers = requests.join_all().await.into_iter().collect::<gatehouse_domain::Result<Vec<_>>>()?;
    assert_eq!(answers.iter().filter(|a| **a == Deletion::Accepted).count(), 1);
    assert_eq!(answers.iter().filter(|a| **a == Deletion::Removing).count(), 31);
    Ok(())
});

both!(tokens_count_from_the_moment_they_exist_until_they_are_deleted, |engine| async {
    let app = TestApp::new(engine).await?;
    let other = app.again().await?;
    let secret = token::generate(&app.operator(), "x").await?;
    let enter = async |app: &App, token: &str| oa::authenticate(app, Caller::default(), token).await;
    assert_eq!(secret.expose().len(), 32);
    assert!(enter(&other, secret.expose()).await.is_ok());
    for wrong in ["", "' OR '1'='1", "'", &secret.expose().to_uppercase(), &format!(" {}", secret.expose())] {
        assert!(matches!(enter(&other, wrong).await, Err(Error::Unauthenticated { .. })), "{wrong:?}");
    }
    token::insert(&app.operator(), "imported", &gatehouse_model::Secret::new("x")).await?;
    assert!(enter(&other, "x").await.is_ok(), "imported tokens may be any text");
    assert!(token::insert(&app.operator(), "twice", &gatehouse_model::Secret::new("x")).await.is_err());
    token::delete(&app.operator(), secret.expose()).await?;
    assert!(matches!(enter(&other, secret.expose()).await, Err(Error::Unauthenticated { .. })));
    Ok(())
});

both!(a_user_staff_disabled_or_stripped_answers_409_and_a_deleted_one_is_unknown, |engine| async {
    let app = TestApp::new(engine).await?;
    let (ctx, staff) = (machine(&app).await?, app.operator());
    add_node(&app, "default").await?;
    for name in ["dan", "eve", "fay"] {
        oa::generate(&ctx, name).await?;
    }
    app.run_due_jobs().await?;
    change::set_enabled(&staff, "dan", false, Some("test")).await?;
    assert_eq!(oa::generate(&ctx, "dan").await?, Generated::Refused);
    assert!(matches!(oa::conn_info(&ctx, "dan").await?, ConnInfo::Refused));
    change::set_enabled(&staff, "dan", true, None).await?;
    assert_eq!(oa::generate(&ctx, "dan").await?, Generated::Exists);
    pass::grant(&staff, "eve", PassKind::Staff).await?;
    pass::revoke(&staff, "eve", PassKind::Proxy).await?;
    assert!(is_refused(oa::generate(&ctx, "eve").await), "a staff login is reserved");
    change::delete(&staff, "fay").await?;
    assert!(matches!(oa::conn_info(&ctx, "fay").await?, ConnInfo::Unknown));
    assert_eq!(oa::generate(&ctx, "fay").await?, Generated::Accepted);
    Ok(())
});

both!(an_account_made_elsewhere_is_seen_only_once_adopted, |engine| async {
    let app = TestApp::new(engine).await?;
    let (ctx, staff) = (machine(&app).await?, app.operator());
    add_node(&app, "default").await?;
    let new = NewAccount { login: Login::new("gil")?, name: None, email: None, phone: None, password: None };
    create(&staff, &new).await?;
    assert!(matches!(oa::conn_info(&ctx, "gil").await?, ConnInfo::Unknown));
    assert!(user::adopt(&staff, "gil").await.is_err(), "it has no proxy pass");
    pass::grant(&staff, "gil", PassKind::Proxy).await?;
    assert_eq!(oa::generate(&ctx, "gil").await?, Generated::Accepted);
    app.run_due_jobs().await?;
    assert_eq!(oa::generate(&ctx, "gil").await?, Generated::Refused);
    user::adopt(&staff, "gil").await?;
    assert!(matches!(oa::conn_info(&ctx, "gil").await?, ConnInfo::Nodes(_)));
    Ok(())
});

both!(a_refused_deletion_shows_500_and_is_retried_until_it_is_done, |engine| async {
    let mut settings = Settings::default();
    settings.oa.delete_delay = Span(Duration::ZERO);
    let app = TestApp::with(engine, settings).await?;
    let ctx = machine(&app).await?;
    add_node(&app, "default").await?;
    // The one account that cannot be deleted is the administrator's: his last pass is the refusal.
    let staff = app.operator();
    pass::grant(&staff, "administrator", PassKind::Proxy).await?;
    user::adopt(&staff, "administrator").await?;
    let mut tx = app.app.db().begin().await?;
    gatehouse_store::pass::delete_staff(&mut tx, gatehouse_model::AccountId(1)).await?;
    tx.commit().await?;
    assert_eq!(oa::delete(&ctx, "administrator").await?, Deletion::Accepted);
    app.advance(Duration::from_millis(2));
    app.run_due_jobs().await?;
    assert_eq!(oa::delete(&ctx, "administrator").await?, Deletion::RemovalFailed);
    assert_eq!(oa::generate(&ctx, "administrator").await?, Generated::RemovalFailed);
    assert!(matches!(oa::conn_info(&ctx, "administrator").await?, ConnInfo::Removing), "never 500 on this call");
    let view = user::show(&staff, "administrator").await?;
    assert!(view.last_error.is_some_and(|error| error.contains("protected")));
    pass::grant(&staff, "administrator", PassKind::Staff).await?;
    app.advance(Duration::from_secs(2));
    assert_eq!(app.run_due_jobs().await?, 1);
    assert!(user::show(&staff, "administrator").await.is_err(), "the retry removed the row");
    Ok(())
});

both!(a_request_to_delete_can_close_the_doors_and_be_taken_back, |engine| async {
    let mut settings = Settings::default();
    settings.oa.close_doors_on_delete_request = true;
    let app = TestApp::with(engine, settings).await?;
    let (ctx, staff) = (machine(&app).await?, app.operator());
    add_node(&app, "default").await?;
    oa::generate(&ctx, "hal").await?;
    app.run_due_jobs().await?;
    oa::delete(&ctx, "hal").await?;
    assert_eq!(change::check_proxy(&staff, "hal").await?, Err("disabled"));
    user::restore(&staff, "hal").await?;
    assert!(change::check_proxy(&staff, "hal").await?.is_ok());
    assert_eq!(oa::generate(&ctx, "hal").await?, Generated::Exists);
    app.advance(Duration::from_secs(50 * 3_600));
    assert_eq!(app.run_due_jobs().await?, 0, "the deletion is off");
    Ok(())
});

both!(only_nodes_of_the_users_group_are_listed, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    oa::generate(&ctx, "ivy").await?;
    app.run_due_jobs().await?;
    add_node(&app, "others").await?;
    assert!(matches!(oa::conn_info(&ctx, "ivy").await?, ConnInfo::NoNodes), "a node exists, but none for this user");
    assert!(matches!(oa::conn_info(&ctx, "nobody").await?, ConnInfo::Unknown));
    add_node(&app, "default").await?;
    assert!(matches!(oa::conn_info(&ctx, "ivy").await?, ConnInfo::Nodes(nodes) if nodes.len() == 1));
    let mut hidden = node("default");
    hidden.is_shown = false;
    manage::save(&app.operator(), &hidden).await?;
    app.app.live().refresh(&app.app).await?;
    assert!(matches!(oa::conn_info(&ctx, "ivy").await?, ConnInfo::NoNodes));
    Ok(())
});
