//! The logs of the bastion: who sees which rows, and what finds them.

use std::{net::IpAddr, time::Duration};

use gatehouse_domain::{
    Ctx,
    account::staff,
    audit::{self, Object, Stream},
    bastion::{
        log::{self, Actions, Export, Filter},
        route,
    },
    role::{self, NewRole},
};
use gatehouse_model::{AccountId, Origin, Paging};
use gatehouse_testkit::TestApp;

use crate::people::{DEFAULT, new, refusal, role_with, signed_in, user};

const ADMINISTRATOR: AccountId = AccountId(1);
const ALL: Paging = Paging { limit: 100, offset: 0, is_descending: false };
const EVERY: Actions<'_> = Actions { whole: ",account.create,role.create,role.edit,role.delete,", by_id: ",", id: "" };

async fn operations(ctx: &Ctx, filter: Filter, actions: Actions<'_>) -> Vec<(String, Option<i64>)> {
    let page = log::operations(ctx, &filter, actions, ALL).await.unwrap();
    assert_eq!(page.total, i64::try_from(page.rows.len()).unwrap());
    page.rows.into_iter().map(|row| (row.action, row.object_id)).collect()
}

both!(operations_are_listed_by_who_where_when_and_what, |engine| async {
    let app = TestApp::new(engine).await?;
    let mut ctx = signed_in(&app, ADMINISTRATOR).await;
    ctx.caller.address = Some(IpAddr::from([192, 0, 2, 7]));
    let start = ctx.now();
    for name in ["a", "b", "c"] {
        app.advance(Duration::from_secs(1));
        let id = role::add(&ctx, &NewRole { name: name.into(), code: name.into(), remark: None }).await?;
        role::edit(&ctx, id, &role::RoleEdit { name: Some(name.to_uppercase()), ..role::RoleEdit::default() }).await?;
    }
    staff::add(&app.operator(), &new("ann")).await?;
    let count = async |filter, actions| operations(&ctx, filter, actions).await.len();
    assert_eq!(count(Filter::default(), EVERY).await, 8, "the command line's and the first start's too");
    assert_eq!(count(Filter { is_own: true, ..Filter::default() }, EVERY).await, 6);
    assert_eq!(count(Filter { user: Some("管理".into()), ..Filter::default() }, EVERY).await, 6, "by display name");
    assert_eq!(count(Filter { user: Some("ADMINIS".into()), ..Filter::default() }, EVERY).await, 6, "by login");
    assert_eq!(count(Filter { user: Some("%".into()), ..Filter::default() }, EVERY).await, 0);
    assert_eq!(count(Filter { address: Some("2.0.1".into()), ..Filter::default() }, EVERY).await, 0);
    assert_eq!(count(Filter { address: Some("192.0.2".into()), ..Filter::default() }, EVERY).await, 6);
    let at = |seconds| Some(start.plus(Duration::from_secs(seconds)));
    assert_eq!(count(Filter { from: at(2), ..Filter::default() }, EVERY).await, 5);
    assert_eq!(count(Filter { from: at(2), until: at(2), ..Filter::default() }, EVERY).await, 2);
    assert_eq!(count(Filter::default(), Actions { whole: ",role.edit,", ..EVERY }).await, 3);
    assert_eq!(count(Filter::default(), Actions { whole: ",", ..EVERY }).await, 0);
    let by_id = Actions { whole: ",role.create,", by_id: ",role.edit,", id: "4" };
    let found = operations(&ctx, Filter::default(), by_id).await;
    assert_eq!(found.iter().filter(|(action, _)| action == "role.edit").count(), 1);
    assert_eq!(found.len(), 4);
    let last =
        log::operations(&ctx, &Filter::default(), EVERY, Paging { limit: 1, offset: 0, is_descending: true }).await?;
    let row = &last.rows[0];
    assert_eq!(
        (last.total, row.action.as_str(), row.user_id, row.user_name.as_str()),
        (8, "account.create", None, "operator")
    );
    let first = &log::operations(&ctx, &Filter::default(), EVERY, ALL).await?.rows[1];
    let facts = (first.user_id, first.user_name.as_str(), first.address.as_deref(), first.outcome.as_str());
    assert_eq!(facts, (Some(ADMINISTRATOR), "管理员", Some("192.0.2.7"), "ok"));
    Ok(())
});

both!(what_other_surfaces_do_to_their_accounts_is_no_operation_here, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let elsewhere = Ctx { origin: Origin::Oa, ..app.operator() };
    staff::add(&elsewhere, &new("elsewhere")).await?;
    staff::add(&app.operator(), &new("here")).await?;
    let by_operator = Filter { user: Some("operator".into()), ..Filter::default() };
    assert_eq!(operations(&ctx, by_operator, EVERY).await.len(), 1);
    Ok(())
});

both!(people_see_their_own_rows_without_the_right_on_all, |engine| async {
    let app = TestApp::new(engine).await?;
    let ann = signed_in(&app, user(&app, "ann", &[]).await).await;
    for is_own in [false, true] {
        let filter = Filter { is_own, ..Filter::default() };
        let answers = [
            log::logins(&ann, &filter, ALL).await.is_ok(),
            log::operations(&ann, &filter, EVERY, ALL).await.is_ok(),
            log::stays(&ann, &filter, None, ALL).await.is_ok(),
        ];
        assert_eq!(answers, [is_own; 3]);
    }
    let own = Filter { is_own: true, ..Filter::default() };
    assert_eq!(refusal(log::logins(&app.operator(), &own, ALL).await), "forbidden", "the command line is nobody");
    Ok(())
});

both!(logins_are_listed_with_the_names_that_were_tried, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let ann = user(&app, "ann", &[]).await;
    let door = Ctx { origin: Origin::Bastion, ..app.operator() };
    let elsewhere = Ctx { origin: Origin::Panel, ..app.operator() };
    let mut tx = door.begin().await?;
    for (ctx, id, name, outcome) in [
        (&door, Some(ann.0), "ann", "ok"),
        (&door, Some(ann.0), "ann", "wrong_password"),
        (&door, None, "Nobody", "no_such_account"),
        (&elsewhere, Some(ann.0), "ann", "ok"),
    ] {
        let object = Object::new("account", id, name);
        audit::record(&mut tx, ctx, Stream::Login, "account.login", object, outcome, None).await?;
    }
    let object = Object::new("account", ann.0, "ann");
    audit::record(&mut tx, &door, Stream::Login, "account.logout", object, "ok", None).await?;
    tx.commit().await?;
    let rows = log::logins(&ctx, &Filter::default(), ALL).await?;
    let seen: Vec<_> = rows.rows.iter().map(|row| (row.user_id, row.outcome == "ok")).collect();
    assert_eq!((rows.total, seen), (3, vec![(Some(ann), true), (Some(ann), false), (None, false)]));
    assert_eq!(rows.rows[2].user_name, "Nobody");
    let ann_ctx = signed_in(&app, ann).await;
    let own = Filter { is_own: true, ..Filter::default() };
    let page = log::logins(&ann_ctx, &own, Paging { is_descending: true, ..ALL }).await?;
    assert_eq!((page.total, page.rows[0].outcome.as_str()), (2, "wrong_password"));
    let named = Filter { user: Some("NOBODY".into()), ..Filter::default() };
    assert_eq!(log::logins(&ctx, &named, ALL).await?.total, 1);
    Ok(())
});

both!(stays_are_listed_by_person_and_resource, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let ann = user(&app, "ann", &[]).await;
    for (id, account, name, resource, ended) in
        [(1, 1, "管理员", "Web_1", "'closed'"), (2, ann.0, "Ann", "db", "'failed'"), (3, ann.0, "Ann", "web-2", "NULL")]
    {
        app.execute(&format!(
            "INSERT INTO visit (id, uuid, door, account_id, login, name, from_address, since_at, seen_at, until_at, ended_why) \
             VALUES ({id}, 'u{id}', 'ssh', {account}, 'l{account}', '{name}', '192.0.2.{id}', {id}000, 1, CASE WHEN {id} < 3 THEN 9000 END, {ended}); \
             INSERT INTO visit_terminal (visit_id, kind, client, resource_id, resource_name, resource_name_folded, login_folded, name_folded, \
             resource_group_id, host, port, voucher_id, voucher_name, username) \
             VALUES ({id}, 'shell', 'web', 7, '{resource}', lower('{resource}'), 'l{account}', lower('{name}'), 1, '192.0.2.9', 22, 5, 'v', 'root')"
        ))
        .await?;
    }
    let ids = async |filter: Filter, resource: Option<&str>| {
        let page = log::stays(&ctx, &filter, resource, ALL).await.unwrap();
        assert_eq!(page.total, i64::try_from(page.rows.len()).unwrap());
        page.rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Filter::default(), None).await, [1, 2, 3]);
    assert_eq!(ids(Filter { is_own: true, ..Filter::default() }, None).await, [1]);
    assert_eq!(ids(Filter::default(), Some("WEB")).await, [1, 3]);
    assert_eq!(ids(Filter::default(), Some("_")).await, [1]);
    assert_eq!(ids(Filter { user: Some("ANN".into()), ..Filter::default() }, None).await, [2, 3]);
    assert_eq!(ids(Filter { address: Some("2.3".into()), ..Filter::default() }, None).await, [3]);
    let from = Some(gatehouse_model::Millis(2_000));
    assert_eq!(ids(Filter { from, until: from, ..Filter::default() }, None).await, [2]);
    let page = log::stays(&ctx, &Filter::default(), None, Paging { limit: 1, offset: 0, is_descending: true }).await?;
    let row = &page.rows[0];
    assert_eq!((row.id, row.until_at, row.resource_name.as_str(), row.username.as_str()), (3, None, "web-2", "root"));
    Ok(())
});

both!(an_export_pages_through_the_chain, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let mut tx = ctx.begin().await?;
    for n in 0..1_200 {
        let stream = if n % 2 == 0 { Stream::Access } else { Stream::Alert };
        audit::record(&mut tx, &ctx, stream, "test", Object::new("test", n, "t"), "ok", None).await?;
    }
    tx.commit().await?;
    app.app.seal_audit().await?;
    let export = Export { stream: Stream::Access, from: None, until: None };
    log::begin_export(&ctx, &export).await?;
    let (mut above, mut links) = (0, Vec::new());
    loop {
        let page = log::export_page(&ctx, &export, above).await?;
        let Some(last) = page.last() else { break };
        above = last.row.id;
        links.extend(page.into_iter().map(|row| (row.seq, row.hash.map(|hash| hash.len()))));
    }
    assert_eq!(links, (1..=600).map(|seq| (Some(seq), Some(32))).collect::<Vec<_>>());
    let late = Export { from: Some(ctx.now().plus(Duration::from_secs(1))), ..export };
    assert!(log::export_page(&ctx, &late, 0).await?.is_empty());
    let nobody = signed_in(&app, user(&app, "nobody", &[]).await).await;
    assert_eq!(refusal(log::begin_export(&nobody, &export).await), "forbidden");
    assert_eq!(refusal(log::export_page(&nobody, &export, 0).await), "forbidden");
    Ok(())
});

fn shape(routes: &[route::Route]) -> String {
    let one = |route: &route::Route| match shape(&route.children) {
        children if children.is_empty() => route.row.path.clone(),
        children => format!("{}({children})", route.row.path),
    };
    routes.iter().map(one).collect::<Vec<_>>().join(" ")
}

both!(the_menu_shows_what_may_be_opened, |engine| async {
    let app = TestApp::new(engine).await?;
    let administrator = signed_in(&app, ADMINISTRATOR).await;
    let whole = "/overview /terminal /resource permission_manage(/user /role /permission) /audit";
    assert_eq!(shape(&route::visible(&administrator).await?), whole);
    let nobody = signed_in(&app, user(&app, "nobody", &[]).await).await;
    assert_eq!(shape(&route::visible(&nobody).await?), "");
    let reader = role_with(&app, "reader", &["system.role.read"], &[(DEFAULT, "resource.self.read")]).await;
    let reader = signed_in(&app, user(&app, "reader", &[reader]).await).await;
    assert_eq!(shape(&route::visible(&reader).await?), "/terminal /resource permission_manage(/role)");
    app.execute("UPDATE bastion_route SET is_enabled = (1 = 0) WHERE path = '/role'").await?;
    assert_eq!(shape(&route::visible(&reader).await?), "/terminal /resource");
    Ok(())
});
