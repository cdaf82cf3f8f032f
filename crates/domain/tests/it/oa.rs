//! The oa area: states, decisions, races, restarts (specs/oa.md §1.5, §2, §5).

use std::time::Duration;

use anyhow::Result;
use gatehouse_domain::{
    App, Caller, Error, Settings,
    account::{NewAccount, change, create, pass},
    oa::{self, Asked, ConnInfo, Deletion, Generated, token, user},
    proxy::{
        manage::{self, NodeSpec},
        settings::NodeSettings,
    },
};
use gatehouse_model::{Login, NodeKind, PassKind, Span, SsCipher};
use gatehouse_testkit::TestApp;

/// An OA system with a good token.
#[derive(Clone)]
struct Machine {
    app: App,
    token: gatehouse_model::Secret,
}

async fn machine(app: &TestApp) -> Result<Machine> {
    Ok(Machine { app: app.app.clone(), token: token::generate(&app.operator(), "oa system").await? })
}

impl Machine {
    async fn ask(&self, name: &str) -> gatehouse_domain::Result<Asked> {
        oa::ask(&self.app, Caller::default(), self.token.expose(), name.as_bytes()).await
    }

    async fn generate(&self, name: &str) -> gatehouse_domain::Result<Generated> {
        oa::generate(&self.ask(name).await?).await
    }

    async fn conn_info(&self, name: &str) -> gatehouse_domain::Result<ConnInfo> {
        oa::conn_info(&self.ask(name).await?).await
    }

    async fn delete(&self, name: &str) -> gatehouse_domain::Result<Deletion> {
        oa::delete(&self.ask(name).await?).await
    }
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
    assert!(matches!(ctx.conn_info("ann").await?, ConnInfo::NoNodes), "412 comes before the user is looked at");
    add_node(&app, "default").await?;
    assert!(matches!(ctx.conn_info("ann").await?, ConnInfo::Unknown));
    assert_eq!(ctx.delete("ann").await?, Deletion::Unknown);
    assert_eq!(ctx.generate("ann").await?, Generated::Accepted);
    assert_eq!(ctx.generate("ann").await?, Generated::Queued);
    assert!(matches!(ctx.conn_info("ann").await?, ConnInfo::Queued));
    assert_eq!(ctx.delete("ann").await?, Deletion::Queued);
    app.run_due_jobs().await?;
    assert_eq!(ctx.generate("ann").await?, Generated::Exists);
    let ConnInfo::Nodes(nodes) = ctx.conn_info("ann").await? else { panic!("a healthy user has nodes") };
    assert_eq!((nodes[0].node_type, nodes[0].method, nodes[0].port), ("ss", "aes-256-gcm", 123));
    assert_eq!(nodes[0].tips, "服务节点1", "without a remark the name is the tip");
    assert!(nodes[0].link.expose().starts_with("ss://"));
    assert_eq!(ctx.delete("ann").await?, Deletion::Accepted);
    assert_eq!(ctx.delete("ann").await?, Deletion::Removing);
    assert_eq!(ctx.generate("ann").await?, Generated::Removing);
    assert!(matches!(ctx.conn_info("ann").await?, ConnInfo::Removing));
    app.advance(Duration::from_hours(48));
    assert_eq!(app.run_due_jobs().await?, 0, "the delay is strict");
    app.advance(Duration::from_millis(1));
    assert_eq!(app.run_due_jobs().await?, 1);
    assert!(matches!(ctx.conn_info("ann").await?, ConnInfo::Unknown));
    assert_eq!(ctx.delete("ann").await?, Deletion::Unknown);
    assert!(
        change::set_enabled(&app.operator(), "ann", false, None).await.is_err(),
        "the account went with its last pass"
    );
    assert_eq!(ctx.generate("ann").await?, Generated::Accepted, "the name is free again");
    Ok(())
});

both!(processing_is_visible_between_claim_and_creation, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    ctx.generate("bea").await?;
    // What the runner commits before it begins to work.
    let mut tx = app.app.db().begin().await?;
    let now = app.app.now();
    let jobs = gatehouse_store::job::claim(&mut tx, "oa.create", now, now.plus(Duration::from_secs(30)), 8).await?;
    let id = gatehouse_model::OaUserId(jobs[0].key.as_deref().unwrap_or_default().parse()?);
    gatehouse_store::oa_user::update_processing(&mut tx, id, now).await?;
    tx.commit().await?;
    assert_eq!(ctx.generate("bea").await?, Generated::Processing);
    assert_eq!(ctx.delete("bea").await?, Deletion::Processing);
    assert_eq!(app.run_due_jobs().await?, 0, "nobody else takes a claimed job");
    app.advance(Duration::from_secs(31));
    assert_eq!(app.run_due_jobs().await?, 1, "a dead worker's job is taken over");
    assert_eq!(ctx.generate("bea").await?, Generated::Exists);
    Ok(())
});

both!(names_that_cannot_be_made_end_in_409_with_a_reason, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    add_node(&app, "default").await?;
    ctx.generate("bob").await?;
    app.run_due_jobs().await?;
    let long = "x".repeat(151);
    for (name, reason) in [("Bob", "name_taken"), (" bob", "bad_name"), (long.as_str(), "name_too_long")] {
        assert_eq!(ctx.generate(name).await?, Generated::Accepted);
        app.run_due_jobs().await?;
        assert_eq!(ctx.generate(name).await?, Generated::Refused);
        assert!(matches!(ctx.conn_info(name).await?, ConnInfo::Refused));
        assert_eq!(user::show(&app.operator(), name).await?.reason.as_deref(), Some(reason));
        assert_eq!(ctx.delete(name).await?, Deletion::AcceptedRefused);
    }
    app.advance(Duration::from_secs(48 * 3_600 + 1));
    assert_eq!(app.run_due_jobs().await?, 3);
    assert_eq!(
        ctx.generate("bob").await?,
        Generated::Exists,
        "removing a refused row leaves the other's account alone"
    );
    Ok(())
});

both!(reserved_and_broken_names_are_not_acceptable, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    for name in ["", "admin", "administrator", "a\0b", "a\nb", &"x".repeat(256)] {
        assert!(is_refused(ctx.generate(name).await), "{name:?}");
    }
    for name in ["Admin", "o'brien", "张三", "12345", "' OR '1'='1", "😀"] {
        assert_eq!(ctx.generate(name).await?, Generated::Accepted, "{name:?}");
    }
    app.run_due_jobs().await?;
    for name in ["o'brien", "张三", "12345", "' OR '1'='1", "😀"] {
        assert_eq!(ctx.generate(name).await?, Generated::Exists, "{name:?}");
    }
    Ok(())
});

both!(of_many_parallel_requests_one_is_accepted, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let ctx = ctx.clone();
        requests.spawn(async move { ctx.generate("cara").await });
    }
    let answers = requests.join_all().await.into_iter().collect::<gatehouse_domain::Result<Vec<_>>>()?;
    assert_eq!(answers.iter().filter(|a| **a == Generated::Accepted).count(), 1);
    assert!(answers.iter().all(|a| matches!(a, Generated::Accepted | Generated::Queued)));
    app.run_due_jobs().await?;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let ctx = ctx.clone();
        requests.spawn(async move { ctx.delete("cara").await });
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
    let enter = async |app: &App, token: &str| oa::ask(app, Caller::default(), token, b"x").await;
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
        ctx.generate(name).await?;
    }
    app.run_due_jobs().await?;
    change::set_enabled(&staff, "dan", false, Some("test")).await?;
    assert_eq!(ctx.generate("dan").await?, Generated::Refused);
    assert!(matches!(ctx.conn_info("dan").await?, ConnInfo::Refused));
    change::set_enabled(&staff, "dan", true, None).await?;
    assert_eq!(ctx.generate("dan").await?, Generated::Exists);
    pass::grant(&staff, "eve", PassKind::Staff).await?;
    pass::revoke(&staff, "eve", PassKind::Proxy).await?;
    assert!(is_refused(ctx.generate("eve").await), "a staff login is reserved");
    change::delete(&staff, "fay").await?;
    assert!(matches!(ctx.conn_info("fay").await?, ConnInfo::Unknown));
    assert_eq!(ctx.generate("fay").await?, Generated::Accepted);
    Ok(())
});

both!(an_account_made_elsewhere_is_seen_only_once_adopted, |engine| async {
    let app = TestApp::new(engine).await?;
    let (ctx, staff) = (machine(&app).await?, app.operator());
    add_node(&app, "default").await?;
    let new = NewAccount { login: Login::new("gil")?, name: None, email: None, phone: None, password: None };
    create(&staff, &new).await?;
    assert!(matches!(ctx.conn_info("gil").await?, ConnInfo::Unknown));
    assert!(user::adopt(&staff, "gil").await.is_err(), "it has no proxy pass");
    pass::grant(&staff, "gil", PassKind::Proxy).await?;
    assert_eq!(ctx.generate("gil").await?, Generated::Accepted);
    app.run_due_jobs().await?;
    assert_eq!(ctx.generate("gil").await?, Generated::Refused);
    user::adopt(&staff, "gil").await?;
    assert!(matches!(ctx.conn_info("gil").await?, ConnInfo::Nodes(_)));
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
    assert_eq!(ctx.delete("administrator").await?, Deletion::Accepted);
    app.advance(Duration::from_millis(2));
    app.run_due_jobs().await?;
    assert_eq!(ctx.delete("administrator").await?, Deletion::RemovalFailed);
    assert_eq!(ctx.generate("administrator").await?, Generated::RemovalFailed);
    assert!(matches!(ctx.conn_info("administrator").await?, ConnInfo::Removing), "never 500 on this call");
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
    ctx.generate("hal").await?;
    app.run_due_jobs().await?;
    ctx.delete("hal").await?;
    assert_eq!(change::check_proxy(&staff, "hal").await?, Err("disabled"));
    user::restore(&staff, "hal").await?;
    assert!(change::check_proxy(&staff, "hal").await?.is_ok());
    assert_eq!(ctx.generate("hal").await?, Generated::Exists);
    app.advance(Duration::from_hours(50));
    assert_eq!(app.run_due_jobs().await?, 0, "the deletion is off");
    Ok(())
});

both!(only_nodes_of_the_users_group_are_listed, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = machine(&app).await?;
    ctx.generate("ivy").await?;
    app.run_due_jobs().await?;
    add_node(&app, "others").await?;
    assert!(matches!(ctx.conn_info("ivy").await?, ConnInfo::NoNodes), "a node exists, but none for this user");
    assert!(matches!(ctx.conn_info("nobody").await?, ConnInfo::Unknown));
    add_node(&app, "default").await?;
    assert!(matches!(ctx.conn_info("ivy").await?, ConnInfo::Nodes(nodes) if nodes.len() == 1));
    let mut hidden = node("default");
    hidden.is_shown = false;
    manage::save(&app.operator(), &hidden).await?;
    app.app.live().refresh(&app.app).await?;
    assert!(matches!(ctx.conn_info("ivy").await?, ConnInfo::NoNodes));
    Ok(())
});
