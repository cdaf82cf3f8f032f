//! Traffic: charged once, by rate, to the last byte; visits beside it.

use std::time::Duration;

use gatehouse_domain::{
    account::{self, NewAccount, pass, view},
    proxy::{
        manage::{self, NodeSpec},
        settings::NodeSettings,
        usage::{self, Batch, ClosedVisit, MovedVisit, OpenedVisit, Usage},
    },
    visit,
};
use gatehouse_model::{EndedWhy, Login, NodeId, NodeKind, PassKind};
use gatehouse_testkit::TestApp;

both!(a_batch_counts_once_however_often_it_is_sent, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let spec = NodeSpec {
        kind: NodeKind::Trojan,
        code: "t".into(),
        name: "t".into(),
        remark: None,
        host: "proxy.example.com".into(),
        port: 443,
        server_port: 443,
        listen_ip: None,
        rate: 150,
        is_enabled: true,
        is_shown: true,
        sort: None,
        transfer_cap: Some(1_000),
        groups: ["default".to_owned()].into_iter().collect(),
        settings: NodeSettings::default(),
        content: None,
    };
    let (node_id, _) = manage::save(&ctx, &spec).await?;
    let new = NewAccount { login: Login::new("uma")?, name: None, email: None, phone: None, password: None };
    let account_id = account::create(&ctx, &new).await?;
    pass::grant(&ctx, "uma", PassKind::Proxy).await?;
    let uuid = app.app.random().uuid();
    let opened = OpenedVisit {
        uuid,
        account_id,
        login: "uma".into(),
        name: None,
        address: "192.0.2.7".parse()?,
        since_at: app.app.now(),
    };
    let mut batch = Batch {
        node_id,
        source: "door 1".into(),
        sequence: 1,
        usage: vec![Usage { account_id, up: 101, down: 200 }],
        opened: vec![opened],
        moved: vec![MovedVisit { uuid, up: 101, down: 200, seen_at: app.app.now() }],
        closed: vec![],
    };
    for _ in 0..3 {
        usage::record(&app.app, &batch).await?;
    }
    let proxy = view::show(&ctx, "uma").await?.proxy.unwrap();
    assert_eq!((proxy.up, proxy.down), (152, 300), "151.5 is shown rounded half up");
    let open = visit::list(&ctx, None, true, Some("uma"), 10).await?;
    assert_eq!((open[0].up, open[0].down, open[0].from_address.as_deref()), (101, 200, Some("192.0.2.7")));
    visit::end(&ctx, &uuid.to_string()).await?;
    assert!(visit::end(&ctx, &uuid.to_string()).await.is_err());
    assert_eq!(usage::visits_to_end(&app.app).await?, [(uuid, account_id, EndedWhy::Kicked)]);
    app.advance(Duration::from_secs(1));
    batch.sequence = 2;
    batch.opened.clear();
    batch.usage = vec![Usage { account_id, up: 1, down: 1_000 }];
    batch.closed = vec![ClosedVisit { uuid, at: app.app.now(), why: EndedWhy::Kicked }];
    usage::record(&app.app, &batch).await?;
    assert!(visit::list(&ctx, None, true, None, 10).await?.is_empty());
    app.app.live().refresh(&app.app).await?;
    assert!(app.app.live().nodes().nodes[0].is_capped, "the node reached its own cap");
    let proxy = view::show(&ctx, "uma").await?.proxy.unwrap();
    assert_eq!((proxy.up, proxy.down), (153, 1_800));
    batch.sequence = 3;
    batch.usage = vec![Usage { account_id, up: -1, down: 0 }];
    assert!(usage::record(&app.app, &batch).await.is_err(), "a door that counts backwards is a bug");
    Ok(())
});

both!(a_visit_of_an_account_that_is_gone_is_recorded_as_it_was, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let new = NewAccount { login: Login::new("gone")?, name: None, email: None, phone: None, password: None };
    let account_id = account::create(&ctx, &new).await?;
    account::change::delete(&ctx, "gone").await?;
    let uuid = app.app.random().uuid();
    let opened = OpenedVisit {
        uuid,
        account_id,
        login: "gone".into(),
        name: Some("Was Here".into()),
        address: "192.0.2.7".parse()?,
        since_at: app.app.now(),
    };
    let batch = Batch {
        node_id: NodeId(99),
        source: "door 1".into(),
        sequence: 1,
        usage: vec![Usage { account_id, up: 1, down: 2 }],
        opened: vec![opened],
        moved: vec![MovedVisit { uuid, up: 1, down: 2, seen_at: app.app.now() }],
        closed: vec![ClosedVisit { uuid, at: app.app.now(), why: EndedWhy::Deleted }],
    };
    usage::record(&app.app, &batch).await?;
    let visits = visit::list(&ctx, None, false, None, 10).await?;
    assert_eq!(visits.len(), 1);
    assert_eq!((visits[0].account_id, visits[0].login.as_str()), (Some(account_id), "gone"));
    assert_eq!((visits[0].name.as_deref(), visits[0].node_name.as_deref()), (Some("Was Here"), None));
    assert_eq!((visits[0].up, visits[0].down, visits[0].ended_why.as_deref()), (1, 2, Some("deleted")));
    Ok(())
});
