//! Groups of the vpn surface: a tree by paths, with what lies below.

use gatehouse_domain::vpn::{
    group::{self, GroupEdit, NewGroup, Relocation},
    method,
    role::{self, RoleEdit},
    secret,
    user::{self, NewUser},
};
use gatehouse_model::{AuthServerId, VpnPolicySetId};
use gatehouse_store::{vpn_group as rows, vpn_pending};
use gatehouse_testkit::TestApp;

use crate::{
    people::{faults, refusal},
    vpn_people::{add, add_group, caller, make_live, new, new_group, trail},
    vpn_stay::{come_in, orders},
};

const SETS: &str = "INSERT INTO vpn_role (name, note, is_enabled, created_at, updated_at) VALUES ('test', '', TRUE, 0, 0); \
                    INSERT INTO vpn_policy_set (name, dns, routes, max_sessions, created_at, updated_at) \
                    VALUES ('strict', '', '', 1, 0, 0); \
                    INSERT INTO auth_server (name, kind, settings, seal_ref, created_at, updated_at) \
                    VALUES ('ldap', 'ldap', '{}', '', 0, 0);";

/// An edit that changes nothing.
fn edit(parent: &str, name: &str) -> GroupEdit {
    GroupEdit {
        old_name: name.to_owned(),
        new_name: name.to_owned(),
        old_parent: parent.to_owned(),
        new_parent: parent.to_owned(),
        ..GroupEdit::default()
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn path_of(app: &TestApp, user: &str) -> String {
    user::show(&caller(app), user).await.unwrap().row.group_path
}

async fn pending(app: &TestApp, kind: &str) -> usize {
    vpn_pending::list(&mut app.app.db().read(), kind).await.unwrap().len()
}

both!(a_new_group_is_refused_for_the_first_fault, |engine| async {
    let app = TestApp::new(engine).await?;
    app.execute(SETS).await?;
    let ctx = caller(&app);
    let policy_set = group::show(&ctx, "/").await?.row.policy_set_id;
    assert_eq!(policy_set, VpnPolicySetId(0));
    let mut form = NewGroup {
        policy_set_id: VpnPolicySetId(99),
        server: Some("nobody".to_owned()),
        note: "x".repeat(49),
        ..new_group("nowhere", "")
    };
    let told = async |form: &NewGroup| faults(group::add(&ctx, form).await)[0];
    assert_eq!(told(&form).await, ("name", "empty"));
    for name in ["x".repeat(97), ",a".to_owned(), "a/b".to_owned(), "a\0".to_owned()] {
        form.name = name;
        assert_eq!(told(&form).await, ("name", "malformed"));
    }
    form.name = "默认用户组".to_owned();
    assert_eq!(told(&form).await, ("parent", "malformed"));
    form.parent = "/nowhere".to_owned();
    assert_eq!(told(&form).await, ("parent", "unknown"));
    for parent in ["/默认用户组", "/Default Group", "/匿名用户组"] {
        form.parent = parent.to_owned();
        assert_eq!(told(&form).await, ("parent", "childless"));
    }
    form.parent = "/".to_owned();
    for name in ["默认用户组", "Default Group", "匿名用户组"] {
        form.name = name.to_owned();
        assert_eq!(told(&form).await, ("name", "taken"));
    }
    form.name = "IT部".to_owned();
    assert_eq!(told(&form).await, ("note", "malformed"));
    form.note = "note".to_owned();
    assert_eq!(told(&form).await, ("policy_set", "unknown"));
    form.policy_set_id = VpnPolicySetId(1);
    assert_eq!(told(&form).await, ("auth_server", "unknown"));
    form.server = Some("ldap".to_owned());
    form.roles = names(&["test", "nobody"]);
    let id = group::add(&ctx, &form).await?;
    assert!(id.0 > 0);
    let shown = group::show(&ctx, "/IT部/").await?;
    assert_eq!((shown.row.id, shown.row.name.as_str(), shown.row.parent_id), (id, "IT部", Some(group::ROOT)));
    assert_eq!(
        (shown.row.methods, shown.row.auth_server_id),
        (method::PASSWORD | method::EXTERNAL, Some(AuthServerId(1)))
    );
    assert_eq!((shown.names.parent_path.as_deref(), shown.names.policy_set_name.as_str()), (Some("/"), "strict"));
    assert_eq!((shown.names.auth_server_name.as_deref(), shown.roles.len()), (Some("ldap"), 1));
    let sub = group::add(&ctx, &new_group("/IT部/", "运维")).await?;
    assert_eq!(group::show(&ctx, "/IT部/运维").await?.row.id, sub);
    let root = group::show(&ctx, "/").await?;
    assert_eq!((root.row.id, root.names.parent_path, root.row.parent_id), (group::ROOT, None, None));
    assert_eq!(group::show(&ctx, "/Default Group").await?.row.id, group::DEFAULT);
    assert_eq!(faults(group::show(&ctx, "").await), [("path", "malformed")]);
    assert_eq!(faults(group::show(&ctx, "/nobody\0").await), [("path", "unknown")]);
    assert_eq!(pending(&app, "group").await, 2);
    Ok(())
});

both!(a_path_never_becomes_longer_than_an_index_takes, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    let mut path = "/".to_owned();
    let name = "x".repeat(96);
    let deepest = loop {
        match group::add(&ctx, &new_group(&path, &name)).await {
            Ok(_) => path = format!("{}/{name}", path.trim_end_matches('/')),
            Err(error) => break faults::<()>(Err(error)),
        }
    };
    assert_eq!(deepest, [("name", "too_deep")]);
    assert!((1_900..=2_000).contains(&path.len()));
    // Neither does a move of what lies above it.
    add_group(&app, "/", "long").await;
    let form = GroupEdit { new_parent: "/long".into(), ..edit("/", &name) };
    add_group(&app, "/long", &"y".repeat(96)).await;
    let deep = GroupEdit { new_parent: format!("/long/{}", "y".repeat(96)), ..form };
    assert_eq!(faults(group::edit(&ctx, &deep).await), [("new_name", "too_deep")]);
    assert_eq!(group::show(&ctx, &path).await?.row.path, path);
    Ok(())
});

both!(a_rename_takes_along_everything_below, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    let a = add_group(&app, "/", "a").await;
    add_group(&app, "/a", "b").await;
    add_group(&app, "/a/b", "c").await;
    add_group(&app, "/", "a0").await;
    add_group(&app, "/", "a-").await;
    add(&app, "ann", "/a/b/c").await;
    make_live(&app).await;
    group::edit(&ctx, &GroupEdit { new_name: "ab".into(), note: Some("renamed".into()), ..edit("/", "a") }).await?;
    assert_eq!(path_of(&app, "ann").await, "/ab/b/c");
    let row = group::show(&ctx, "/ab").await?.row;
    assert_eq!((row.id, row.name.as_str(), row.note.as_str()), (a, "ab", "renamed"));
    assert_eq!((pending(&app, "group").await, pending(&app, "user").await), (3, 0));
    assert_eq!(faults(group::show(&ctx, "/a").await), [("path", "unknown")]);
    assert!(group::show(&ctx, "/a0").await.is_ok() && group::show(&ctx, "/a-").await.is_ok());
    group::edit(&ctx, &GroupEdit { new_parent: "/a0/".into(), ..edit("/ab", "b") }).await?;
    assert_eq!(path_of(&app, "ann").await, "/a0/b/c");
    group::edit(&ctx, &GroupEdit { is_enabled: Some(false), ..edit("/a0", "b") }).await?;
    assert!(!group::show(&ctx, "/a0/b").await?.row.is_enabled);
    Ok(())
});

both!(an_edit_of_a_group_is_refused_for_the_first_fault, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    add_group(&app, "/", "a").await;
    add_group(&app, "/a", "b").await;
    add_group(&app, "/", "z").await;
    let told = async |form: GroupEdit| faults(group::edit(&ctx, &form).await)[0];
    assert_eq!(told(GroupEdit::default()).await, ("old_name", "empty"));
    assert_eq!(told(GroupEdit { new_name: String::new(), ..edit("/", "a") }).await, ("new_name", "empty"));
    assert_eq!(told(edit("", "a")).await, ("old_parent", "empty"));
    assert_eq!(told(edit("a", "a")).await, ("old_parent", "malformed"));
    assert_eq!(told(edit("/nobody", "a")).await, ("old_parent", "unknown"));
    assert_eq!(told(edit("/", "b")).await, ("old_name", "unknown"));
    assert_eq!(told(edit("/", "a/b")).await, ("old_name", "unknown"), "a name is one step");
    assert_eq!(told(GroupEdit { new_name: "a/b".into(), ..edit("/", "a") }).await, ("new_name", "malformed"));
    assert_eq!(told(GroupEdit { new_parent: "/nobody".into(), ..edit("/", "a") }).await, ("new_parent", "unknown"));
    for builtin in ["默认用户组", "匿名用户组", "Default Group"] {
        assert_eq!(told(GroupEdit { new_name: "mine".into(), ..edit("/", builtin) }).await, ("group", "builtin"));
        assert_eq!(told(GroupEdit { new_parent: "/a".into(), ..edit("/", builtin) }).await, ("group", "builtin"));
    }
    for childless in ["/默认用户组", "/匿名用户组"] {
        assert_eq!(
            told(GroupEdit { new_parent: childless.into(), ..edit("/", "a") }).await,
            ("new_parent", "childless")
        );
    }
    for inside in ["/a", "/a/b"] {
        assert_eq!(told(GroupEdit { new_parent: inside.into(), ..edit("/", "a") }).await, ("new_parent", "inside"));
    }
    for taken in ["z", "默认用户组", "Default Group"] {
        assert_eq!(told(GroupEdit { new_name: taken.into(), ..edit("/", "a") }).await, ("new_name", "taken"));
    }
    let both = GroupEdit { new_name: "c".into(), note: Some("x".repeat(49)), ..edit("/", "a") };
    assert_eq!(told(both).await, ("note", "malformed"));
    assert!(group::show(&ctx, "/a/b").await.is_ok(), "the rename did not happen either");
    group::edit(&ctx, &GroupEdit { note: Some("ours".into()), ..edit("/", "默认用户组") }).await?;
    assert_eq!(group::show(&ctx, "/默认用户组").await?.row.note, "ours");
    Ok(())
});

both!(groups_and_users_move_all_or_none, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    for (parent, name) in [("/", "a"), ("/a", "b"), ("/a/b", "c"), ("/", "z"), ("/z", "b")] {
        add_group(&app, parent, name).await;
    }
    for (name, group) in [("ann", "/a"), ("bob", "/a/b/c"), ("cid", "/")] {
        add(&app, name, group).await;
    }
    let wish = |target: &str, groups: &[&str], users: &[&str]| Relocation {
        source: "/a".to_owned(),
        target: target.to_owned(),
        groups: names(groups),
        users: names(users),
    };
    let told = async |wish: Relocation| faults(group::relocate(&ctx, &wish).await)[0];
    assert_eq!(told(Relocation { source: "/nobody".into(), ..wish("/", &[], &["ann"]) }).await, ("source", "unknown"));
    assert_eq!(told(wish("/nobody", &[], &["ann"])).await, ("target", "unknown"));
    assert_eq!(told(wish("/z", &["/nobody"], &["ann"])).await, ("groups", "unknown"));
    assert_eq!(told(wish("/z", &["/a/b/c"], &["ann", "nobody"])).await, ("users", "unknown"));
    assert_eq!(told(wish("/匿名用户组", &[], &["ann"])).await, ("users", "anonymous"));
    assert_eq!(told(wish("/默认用户组", &["/a"], &[])).await, ("new_parent", "childless"));
    assert_eq!(told(wish("/z", &["/默认用户组"], &[])).await, ("group", "builtin"));
    assert_eq!(told(wish("/a/b", &["/a"], &[])).await, ("new_parent", "inside"));
    assert_eq!(told(wish("/z", &["/a/b/c", "/a/b"], &["ann"])).await, ("new_name", "taken"));
    assert_eq!(path_of(&app, "bob").await, "/a/b/c", "nothing of it happened");
    assert_eq!(path_of(&app, "ann").await, "/a");
    assert_eq!(group::relocate(&ctx, &wish("/z", &["/a/b/c", "/a", "/a"], &["ann", "CID", "cid"])).await?, 4);
    assert_eq!(path_of(&app, "bob").await, "/z/c");
    assert_eq!(path_of(&app, "ann").await, "/z");
    assert_eq!(path_of(&app, "cid").await, "/z", "looked up in the whole installation");
    assert_eq!(group::show(&ctx, "/z/a/b").await?.row.name, "b");
    Ok(())
});

both!(a_deletion_takes_groups_and_users_below, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    for (parent, name) in [("/", "a"), ("/a", "b"), ("/", "ab")] {
        add_group(&app, parent, name).await;
    }
    for (name, group) in [("ann", "/a"), ("bob", "/a/b"), ("cid", "/ab")] {
        add(&app, name, group).await;
    }
    make_live(&app).await;
    let rename = user::UserEdit { new_name: Some("rob".into()), ..crate::vpn_people::edit("bob", "/a/b") };
    user::edit(&ctx, &rename).await?;
    let told = async |paths: &[&str]| faults(group::delete(&ctx, &names(paths)).await)[0];
    for builtin in ["/", "/默认用户组", "/Default Group", "/匿名用户组"] {
        assert_eq!(told(&["/a", builtin]).await, ("paths", "builtin"));
    }
    assert_eq!(told(&["/a", "ab"]).await, ("paths", "malformed"));
    assert_eq!(told(&["/nobody"]).await, ("paths", "unknown"));
    assert_eq!(told(&[]).await, ("paths", "unknown"));
    assert_eq!(group::delete(&ctx, &names(&["/a/b", "/nobody", "/a/"])).await?, 2);
    assert_eq!(
        user::list(&ctx, 9, 0).await?.users.iter().map(|(user, _)| user.login.clone()).collect::<Vec<_>>(),
        ["cid"]
    );
    assert_eq!((pending(&app, "group").await, pending(&app, "user").await), (2, 2));
    assert_eq!(trail(&app, "vpn.group.delete").await[0], ("/a,/a/b".to_owned(), "ok".to_owned()));
    // The staged name is free again, the live ones wait for the apply, and may be used again.
    add(&app, "rob", "/ab").await;
    assert_eq!(user::add(&ctx, &new("bob", "/a")).await.err().map(|error| error.code()), Some("invalid"));
    add(&app, "bob", "/ab").await;
    let again = add_group(&app, "/", "a").await;
    assert!(group::show(&ctx, "/ab").await?.row.id < again, "ids are never used again");
    Ok(())
});

both!(the_switch_of_a_group_does_not_wait, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    let id = add_group(&app, "/", "a").await;
    let live = async || {
        let rows: Vec<(bool, String)> = gatehouse_store::Query::all(
            &mut app.app.db().read(),
            gatehouse_store::sql!("SELECT is_enabled, note FROM vpn_group_live WHERE id = $1"),
            gatehouse_store::args![id],
        )
        .await
        .unwrap();
        rows
    };
    group::set_enabled(&ctx, "/a", false).await?;
    assert_eq!(live().await, [], "not live yet");
    assert!(!group::show(&ctx, "/a").await?.row.is_enabled);
    add_group(&app, "/a", "b").await;
    let (below, beside) = (add(&app, "below", "/a/b").await, add(&app, "beside", "/").await);
    make_live(&app).await;
    come_in(&app, below, "below").await;
    come_in(&app, beside, "beside").await;
    group::edit(&ctx, &GroupEdit { note: Some("staged".into()), ..edit("/", "a") }).await?;
    // Moved away, but not yet.
    group::relocate(
        &ctx,
        &Relocation { source: "/a".into(), target: "/".into(), users: names(&["below"]), groups: vec![] },
    )
    .await?;
    group::set_enabled(&ctx, "/a/", true).await?;
    assert_eq!((live().await, orders(&app).await), (vec![(true, String::new())], vec![]));
    group::set_enabled(&ctx, "/a", false).await?;
    assert_eq!(live().await, [(false, String::new())]);
    assert_eq!(orders(&app).await, ["disconnect below disabled"]);
    assert_eq!(group::show(&ctx, "/a").await?.row.note, "staged");
    assert_eq!(faults(group::set_enabled(&ctx, "/", false).await), [("group", "builtin")]);
    assert_eq!(faults(group::set_enabled(&ctx, "", false).await), [("path", "malformed")]);
    assert_eq!(faults(group::set_enabled(&ctx, "/nobody", false).await), [("path", "unknown")]);
    Ok(())
});

both!(nobody_is_left_behind_in_a_group_that_goes, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    for round in 0..10 {
        add_group(&app, "/", "a").await;
        add_group(&app, "/a", "b").await;
        let name = |n: i32| format!("user{round}-{n}");
        let adding = futures_util::future::join_all((0..6).map(|n| {
            let ctx = ctx.clone();
            async move { user::add(&ctx, &new(&name(n), if n % 2 == 0 { "/a" } else { "/a/b" })).await }
        }));
        let deleting = async { group::delete(&ctx, &names(&["/a"])).await };
        let making = async { group::add(&ctx, &new_group("/a/b", "c")).await };
        let (added, deleted, made) = tokio::join!(adding, deleting, making);
        assert!(deleted.is_ok(), "{deleted:?}");
        for result in added {
            if result.is_err() {
                assert_eq!(faults(result), [("group", "unknown")]);
            }
        }
        if made.is_err() {
            assert_eq!(faults(made), [("parent", "unknown")]);
        }
        assert_eq!(user::list(&ctx, 10, 0).await?.total, 0, "those who came before went with it");
    }
    Ok(())
});

both!(however_many_rebuild_the_tree_it_stays_one, |engine| async {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    for name in NAMES {
        add_group(&app, "/", name).await;
    }
    let path_of = async |name: &str| {
        let all = rows::list_below(&mut app.app.db().read(), "/").await.unwrap();
        all.into_iter().find(|row| row.name == name).map(|row| row.path)
    };
    // Everybody looks where things are and moves one into another, which meanwhile is elsewhere or below it.
    let movers = (0..8_usize).map(|mover| {
        let (ctx, path_of) = (ctx.clone(), &path_of);
        async move {
            for round in 0..12_usize {
                let what = NAMES[(mover + round) % 5];
                let into = NAMES[(mover * 3 + round * 2 + 1) % 5];
                let (Some(what), Some(into)) = (path_of(what).await, path_of(into).await) else { continue };
                let target = if round % 4 == 0 { "/".to_owned() } else { into };
                let wish = Relocation { source: "/".into(), target, groups: vec![what], users: vec![] };
                if let Err(error) = group::relocate(&ctx, &wish).await {
                    assert_eq!(error.code(), "invalid", "{error:?}");
                }
            }
        }
    });
    futures_util::future::join_all(movers).await;
    let all = rows::list_below(&mut app.app.db().read(), "/").await?;
    assert_eq!(all.iter().filter(|row| row.id.0 > 0).count(), NAMES.len());
    for row in &all {
        let mut above = row.parent_id;
        let mut steps = 0;
        let parent = rows::find(&mut app.app.db().read(), row.parent_id.unwrap()).await?.unwrap();
        assert_eq!(row.path, format!("{}/{}", parent.path.trim_end_matches('/'), row.name));
        while let Some(id) = above {
            above = rows::find(&mut app.app.db().read(), id).await?.unwrap().parent_id;
            steps += 1;
            assert!(steps < 10, "a loop: {all:#?}");
        }
    }
    Ok(())
});

both!(a_role_that_goes_takes_nobody_down_with_it, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    for round in 0..10 {
        for name in ["a", "b"] {
            role::add(&ctx, &RoleEdit { name: Some(name.to_owned()), ..RoleEdit::default() }).await?;
        }
        let adding = futures_util::future::join_all((0..6).map(|n| {
            let ctx = ctx.clone();
            let roles = if n % 2 == 0 { names(&["a", "b"]) } else { names(&["b", "a"]) };
            async move { user::add(&ctx, &NewUser { roles, ..new(&format!("user{round}-{n}"), "/") }).await }
        }));
        let gone = names(&["b", "a\0", "a"]);
        let (added, deleted) = tokio::join!(adding, role::delete(&ctx, &gone));
        assert_eq!(deleted?, 2);
        assert!(added.iter().all(Result::is_ok), "{added:?}");
    }
    let page = user::list(&ctx, 100, 0).await?;
    assert!(page.total == 60 && page.users.iter().all(|(_, roles)| roles.is_empty()));
    // A change of case is a new name for a role's list, too.
    let rename = user::UserEdit { new_name: Some("USER0-0".into()), ..crate::vpn_people::edit("user0-0", "/") };
    user::edit(&ctx, &rename).await?;
    let users = Some(names(&["user0-0", "user0-1\0"]));
    role::add(&ctx, &RoleEdit { name: Some("c".into()), users, ..RoleEdit::default() }).await?;
    assert_eq!(user::show(&ctx, "user0-0").await?.roles.len(), 1);
    Ok(())
});

both!(nobody_without_the_codes_sees_or_changes_a_group, |engine| async {
    let app = TestApp::new(engine).await?;
    add_group(&app, "/", "a").await;
    let nobody = app.app.ctx(gatehouse_domain::Actor::Anonymous, gatehouse_model::Origin::Vpn);
    assert_eq!(refusal(group::add(&nobody, &new_group("/", "b")).await), "forbidden");
    assert_eq!(refusal(group::edit(&nobody, &edit("/", "a")).await), "forbidden");
    assert_eq!(refusal(group::delete(&nobody, &names(&["/a"])).await), "forbidden");
    assert_eq!(refusal(group::show(&nobody, "/a").await), "forbidden");
    assert_eq!(refusal(group::set_enabled(&nobody, "/a", false).await), "forbidden");
    assert_eq!(refusal(group::relocate(&nobody, &Relocation::default()).await), "forbidden");
    assert_eq!(refusal(secret::show(&nobody).await), "forbidden");
    assert_eq!(refusal(secret::rotate(&caller(&app)).await), "forbidden", "nor does the secret rotate itself");
    Ok(())
});

both!(the_secret_is_made_once_and_dies_at_its_rotation, |engine| async {
    let app = TestApp::new(engine).await?;
    let other = app.again().await?;
    let (a, b) = tokio::join!(secret::load(&app.app), secret::load(&other));
    let first = a?;
    assert_eq!(first, b?);
    assert!(first.expose().len() == 32 && first.expose().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    assert_eq!(secret::show(&app.operator()).await?, first);
    let second = secret::rotate(&app.operator()).await?;
    assert_ne!(first, second);
    assert_eq!(secret::load(&other).await?, second);
    let ctx = app.operator();
    let mut tx = ctx.begin().await?;
    let third = gatehouse_model::Secret::new("0123456789abcdef0123456789abcdef");
    assert!(secret::set_in(&ctx, &mut tx, &third).await?);
    assert!(!secret::set_in(&ctx, &mut tx, &third).await?);
    assert_eq!(refusal(secret::set_in(&ctx, &mut tx, &gatehouse_model::Secret::new("short")).await), "invalid");
    tx.commit().await?;
    assert_eq!(secret::load(&app.app).await?, third);
    assert_eq!(trail(&app, "vpn.secret.rotate").await.len(), 2);
    assert_eq!(trail(&app, "vpn.secret.show").await.len(), 1);
    Ok(())
});
