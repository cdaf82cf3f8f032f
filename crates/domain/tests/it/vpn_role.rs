//! Roles, resources and resource groups of the vpn surface, staged.

use gatehouse_domain::{
    Ctx, Error,
    vpn::{
        resource::{self, Kind, ResourceEdit},
        resource_group::{self, ResourceGroupEdit},
        role::{self, RoleEdit},
    },
};
use gatehouse_model::VpnResourceGroupId;
use gatehouse_testkit::TestApp;

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn named(name: &str) -> RoleEdit {
    RoleEdit { name: Some(name.to_owned()), ..RoleEdit::default() }
}

fn net(name: &str) -> ResourceEdit {
    ResourceEdit {
        name: Some(name.to_owned()),
        addresses: Some("192.0.2.0-192.0.2.255/1:65535".to_owned()),
        ..ResourceEdit::default()
    }
}

async fn pending(app: &TestApp) -> anyhow::Result<Vec<(&'static str, Vec<i64>)>> {
    let mut found = Vec::new();
    for kind in ["user", "group", "role", "resource", "resource_group"] {
        let ids = gatehouse_store::vpn_pending::list(&mut app.app.db().read(), kind).await?;
        if !ids.is_empty() {
            found.push((kind, ids));
        }
    }
    Ok(found)
}

/// A staged user without a password.
async fn user(app: &TestApp, id: i64, login: &str) -> anyhow::Result<()> {
    app.execute(&format!(
        "INSERT INTO account (id, login, is_enabled, is_protected, origin, must_change_password, epoch, seal_ref, created_at, updated_at)
           VALUES ({id}, '{login}', TRUE, FALSE, 'vpn', FALSE, 0, 'r{id}', 0, 0);
         INSERT INTO login_name (login_key, account_id, is_staged) VALUES ('{login}', {id}, FALSE);
         INSERT INTO vpn_pass (account_id, vpn_group_id, note, phone, is_enabled, is_public, inherits_auth, inherits_policy, methods, is_any_of,
           token_server_id, policy_set_id, is_password_staged, seal_ref, created_at, updated_at)
           VALUES ({id}, -100, '', '', TRUE, FALSE, TRUE, TRUE, 1, FALSE, 0, 0, FALSE, 'p{id}', 0, 0)"
    ))
    .await
}

fn rule(result: Result<impl std::fmt::Debug, Error>) -> (&'static str, &'static str) {
    match result {
        Err(Error::Fields(faults)) => (faults[0].field, faults[0].rule),
        other => panic!("{other:?}"),
    }
}

both!(a_role_opens_resources_to_users_and_groups, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    user(&app, 71, "mia").await?;
    user(&app, 72, "noa").await?;
    let web = ResourceEdit {
        name: Some("wiki".to_owned()),
        main_host: Some("wiki.example".to_owned()),
        ..Default::default()
    };
    resource::add(&ctx, Kind::Web, web).await?;
    let office = resource_group::add(&ctx, "office", "", true).await?;
    let edit = RoleEdit {
        users: Some(texts(&["MIA", "nobody"])),
        groups: Some(texts(&["/默认用户组", "/none"])),
        resources: Some(texts(&["wiki", "none"])),
        resource_groups: Some(texts(&["office"])),
        note: Some("n".to_owned()),
        ..named("staff")
    };
    let id = role::add(&ctx, &edit).await?;
    let seen = role::find(&ctx, "staff").await?;
    assert_eq!((seen.role.id, seen.role.note.as_str(), seen.role.is_enabled), (id, "n", true));
    assert_eq!(seen.users, [(71, "mia".to_owned())], "logins are folded, unknown ones ignored");
    assert_eq!(seen.groups, [(-1, "/默认用户组".to_owned())]);
    assert_eq!(seen.resources.len(), 1);
    assert_eq!(seen.resource_groups, [(office.0, "office".to_owned())]);
    // What is left out is kept, what is empty is cleared.
    let edit = RoleEdit {
        users: Some(texts(&["noa"])),
        resources: Some(texts(&[])),
        is_enabled: Some(false),
        ..named("crew")
    };
    role::edit(&ctx, "staff", &edit).await?;
    let seen = role::find(&ctx, "crew").await?;
    assert_eq!((seen.role.id, seen.role.note.as_str(), seen.role.is_enabled), (id, "n", false));
    assert_eq!((seen.users[0].0, seen.groups.len(), seen.resources.len()), (72, 1, 0));
    assert!(matches!(role::find(&ctx, "staff").await, Err(Error::NotFound { .. })));
    assert_eq!(
        pending(&app).await?,
        [
            ("user", vec![71, 72]),
            ("group", vec![-1]),
            ("role", vec![id.0]),
            ("resource", vec![1]),
            ("resource_group", vec![office.0])
        ]
    );
    Ok(())
});

both!(names_of_roles_are_unique_and_lists_page, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    for name in ["a", "b", "c"] {
        role::add(&ctx, &named(name)).await?;
    }
    assert!(matches!(role::add(&ctx, &named("b")).await, Err(Error::Conflict { .. })));
    assert!(matches!(role::edit(&ctx, "a", &named("b")).await, Err(Error::Conflict { .. })));
    assert!(matches!(role::edit(&ctx, "d", &named("e")).await, Err(Error::NotFound { .. })));
    let page = role::list(&ctx, 1, 1).await?;
    assert_eq!((page.total, page.rows[0].role.name.as_str(), page.rows.len()), (3, "b", 1));
    assert_eq!(role::delete(&ctx, &["a".to_owned(), "x".to_owned(), "c".to_owned()]).await?, 2);
    assert_eq!(role::list(&ctx, 0, 25).await?.total, 1);
    for bad in ["", "a,b", "tab\there", &"x".repeat(49)] {
        assert_eq!(rule(role::add(&ctx, &named(bad)).await), ("name", "malformed"), "{bad}");
    }
    role::add(&ctx, &named(&"x".repeat(48))).await?;
    let note = RoleEdit { note: Some("y".repeat(49)), ..named("z") };
    assert_eq!(rule(role::add(&ctx, &note).await), ("note", "malformed"));
    Ok(())
});

both!(resources_have_a_kind_that_stays_and_a_group_that_may_go, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let office = resource_group::add(&ctx, "office", "n", true).await?;
    let id = resource::add(&ctx, Kind::L3Vpn, ResourceEdit { group: Some("office".to_owned()), ..net("lan") }).await?;
    role::add(&ctx, &RoleEdit { resource_groups: Some(texts(&["office"])), ..named("r") }).await?;
    assert!(matches!(resource::add(&ctx, Kind::L3Vpn, net("lan")).await, Err(Error::Conflict { .. })));
    assert_eq!(rule(resource::edit(&ctx, "lan", Kind::Tcp, net("lan")).await), ("kind", "immutable"));
    assert_eq!(rule(resource::add(&ctx, Kind::Web, net("web")).await), ("main_host", "required"));
    let none = ResourceEdit { addresses: None, ..net("tcp") };
    assert_eq!(rule(resource::add(&ctx, Kind::Tcp, none).await), ("addresses", "required"));
    let eleven = ["192.0.2.1/80:80"; 11].join(",");
    let many = ResourceEdit { addresses: Some(eleven), ..net("many") };
    assert_eq!(rule(resource::add(&ctx, Kind::Tcp, many).await), ("addresses", "malformed"));
    let unknown = ResourceEdit { group: Some("none".to_owned()), ..net("x") };
    assert!(matches!(resource::add(&ctx, Kind::Tcp, unknown).await, Err(Error::NotFound { .. })));
    resource::edit(&ctx, "lan", Kind::L3Vpn, ResourceEdit { note: Some("moved".to_owned()), ..Default::default() })
        .await?;
    let lan = resource::find(&ctx, "lan").await?;
    assert_eq!(
        (lan.id, lan.note.as_str(), lan.group_name.as_str(), lan.service.as_str()),
        (id, "moved", "office", "HTTP")
    );
    app.execute("DELETE FROM vpn_pending").await?;
    // Its resources fall to the default group; roles and resources that this changes are published again.
    assert_eq!(resource_group::delete(&ctx, &["office".to_owned(), "none".to_owned()]).await?, 1);
    assert_eq!(resource::find(&ctx, "lan").await?.vpn_resource_group_id, VpnResourceGroupId(0));
    assert_eq!(pending(&app).await?, [("role", vec![1]), ("resource", vec![id.0]), ("resource_group", vec![office.0])]);
    assert_eq!(resource::delete(&ctx, &["lan".to_owned()]).await?, 1);
    assert_eq!(resource::delete(&ctx, &["lan".to_owned()]).await?, 0);
    Ok(())
});

both!(the_list_holds_groups_and_resources_of_the_kind_asked_for, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    resource_group::add(&ctx, "office", "", true).await?;
    resource::add(&ctx, Kind::L3Vpn, net("lan")).await?;
    resource::add(&ctx, Kind::Tcp, net("ssh")).await?;
    let all = resource::list(&ctx, None, 0, 25).await?;
    assert_eq!((all.groups, all.resources, all.page.total), (1, 2, 3));
    let kinds: Vec<_> = all.page.rows.iter().map(|row| (row.kind, row.name.as_str())).collect();
    assert_eq!(kinds, [(-1, "office"), (1, "ssh"), (2, "lan")]);
    let groups = resource::list(&ctx, Some(-1), 0, 25).await?;
    assert_eq!((groups.groups, groups.resources, groups.page.rows.len()), (1, 0, 1));
    let nets = resource::list(&ctx, Some(2), 0, 25).await?;
    assert_eq!((nets.groups, nets.resources, nets.page.rows[0].name.as_str()), (0, 1, "lan"));
    assert_eq!(resource::list(&ctx, None, 2, 25).await?.page.rows.len(), 1);
    Ok(())
});

both!(built_in_groups_stay, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let name = resource_group::find(&ctx, "默认资源组").await?.name;
    assert!(matches!(resource_group::delete(&ctx, std::slice::from_ref(&name)).await, Err(Error::Locked { .. })));
    let renamed = ResourceGroupEdit { name: Some("x".to_owned()), ..Default::default() };
    assert!(matches!(resource_group::edit(&ctx, &name, &renamed).await, Err(Error::Locked { .. })));
    resource_group::edit(&ctx, &name, &ResourceGroupEdit { note: Some("n".to_owned()), ..Default::default() }).await?;
    assert_eq!(resource_group::find(&ctx, &name).await?.note, "n");
    Ok(())
});

both!(two_editors_of_one_role_lose_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    role::add(&ctx, &named("r")).await?;
    for round in 0..10 {
        let (note, is_enabled) = (format!("note {round}"), round % 2 == 0);
        let first = RoleEdit { note: Some(note.clone()), ..RoleEdit::default() };
        let second = RoleEdit { is_enabled: Some(is_enabled), ..RoleEdit::default() };
        tokio::try_join!(role::edit(&ctx, "r", &first), role::edit(&ctx, "r", &second))?;
        let seen = role::find(&ctx, "r").await?.role;
        assert_eq!((seen.note, seen.is_enabled), (note, is_enabled));
    }
    let adds = (0..16).map(|_| async { role::add(&ctx, &named("same")).await.is_ok() });
    let won = futures_util::future::join_all(adds).await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
    Ok(())
});

both!(who_lacks_the_code_changes_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let nobody = Ctx { actor: gatehouse_domain::Actor::Anonymous, ..app.operator() };
    assert!(matches!(role::add(&nobody, &named("r")).await, Err(Error::Forbidden { .. })));
    assert!(matches!(role::edit(&nobody, "r", &named("r")).await, Err(Error::Forbidden { .. })));
    assert!(matches!(role::delete(&nobody, &["r".to_owned()]).await, Err(Error::Forbidden { .. })));
    assert!(matches!(role::list(&nobody, 0, 1).await, Err(Error::Forbidden { .. })));
    assert!(matches!(role::find(&nobody, "r").await, Err(Error::Forbidden { .. })));
    assert!(matches!(resource::add(&nobody, Kind::Tcp, net("r")).await, Err(Error::Forbidden { .. })));
    assert!(matches!(resource::edit(&nobody, "r", Kind::Tcp, net("r")).await, Err(Error::Forbidden { .. })));
    assert!(matches!(resource::delete(&nobody, &["r".to_owned()]).await, Err(Error::Forbidden { .. })));
    assert!(matches!(resource::find(&nobody, "r").await, Err(Error::Forbidden { .. })));
    assert!(matches!(resource::list(&nobody, None, 0, 1).await, Err(Error::Forbidden { .. })));
    assert!(matches!(resource_group::add(&nobody, "g", "", true).await, Err(Error::Forbidden { .. })));
    assert!(matches!(resource_group::delete(&nobody, &["g".to_owned()]).await, Err(Error::Forbidden { .. })));
    assert!(matches!(resource_group::find(&nobody, "g").await, Err(Error::Forbidden { .. })));
    assert_eq!(pending(&app).await?, []);
    Ok(())
});
