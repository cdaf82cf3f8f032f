//! Users of the vpn surface as they are staged: the checks in their order, both names of a rename, whose login is nobody's.

use gatehouse_domain::{
    account::{self, change, pass},
    vpn::{
        group, method,
        user::{self, Expiry, NewUser, ServerName, UserEdit},
    },
};
use gatehouse_model::{AccountId, AuthServerId, Login, Millis, PassKind, Secret};
use gatehouse_store::{vpn_pending, vpn_user as rows};
use gatehouse_testkit::TestApp;

use crate::{
    people::{faults, refusal},
    vpn_people::{add, add_group, caller, edit, make_live, new, trail},
    vpn_stay::{come_in, orders},
};

const SERVERS: &str = "INSERT INTO auth_server (name, kind, settings, seal_ref, created_at, updated_at) VALUES \
                       ('ldap', 'ldap', '{}', '', 0, 0), ('radius', 'radius', '{}', '', 0, 0);";
const ROLES: &str = "INSERT INTO vpn_role (name, note, is_enabled, created_at, updated_at) VALUES \
                     ('test', '', TRUE, 0, 0), ('gg', '', TRUE, 0, 0), ('c', '', TRUE, 0, 0);";

fn server(name: &str, kind: Option<&'static str>) -> ServerName {
    ServerName { name: name.to_owned(), kind }
}

async fn pass(app: &TestApp, id: AccountId) -> rows::VpnPassRow {
    rows::find(&mut app.app.db().read(), id).await.unwrap().unwrap()
}

async fn roles(app: &TestApp, name: &str) -> String {
    let user = user::show(&caller(app), name).await.unwrap();
    user.roles.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(",")
}

async fn pending(app: &TestApp) -> Vec<i64> {
    vpn_pending::list(&mut app.app.db().read(), "user").await.unwrap()
}

both!(a_new_user_is_refused_for_the_first_fault_in_the_documented_order, |engine| async {
    let app = TestApp::new(engine).await?;
    app.execute(SERVERS).await?;
    let ctx = caller(&app);
    add(&app, "taken", "/").await;
    // Everything is wrong at once; each row mends what the one before named.
    let mut form = NewUser {
        name: String::new(),
        group: "root".to_owned(),
        note: "x".repeat(49),
        server: Some(server("nobody", None)),
        ..new("", "")
    };
    let told = async |form: &NewUser| faults(user::add(&ctx, form).await)[0];
    assert_eq!(told(&form).await, ("name", "empty"));
    for name in
        ["x".repeat(49), "张".repeat(17), ",a".to_owned(), "a\u{7}".to_owned(), "a\0".to_owned(), " a".to_owned()]
    {
        form.name = name;
        assert_eq!(told(&form).await, ("name", "malformed"), "{:?}", form.name);
    }
    for name in ["anonymous", "ANONYMOUS", "匿名用户"] {
        form.name = name.to_owned();
        assert_eq!(told(&form).await, ("name", "reserved"));
    }
    form.name = "TAKEN".to_owned();
    for path in ["", "root", "默认用户组"] {
        form.group = path.to_owned();
        assert_eq!(told(&form).await, ("group", "malformed"));
    }
    for path in ["/nobody", "/nobody\0", "//"] {
        form.group = path.to_owned();
        assert_eq!(told(&form).await, if path == "//" { ("name", "taken") } else { ("group", "unknown") }, "{path:?}");
    }
    form.group = "/匿名用户组".to_owned();
    assert_eq!(told(&form).await, ("group", "anonymous"));
    form.group = "/默认用户组/".to_owned();
    assert_eq!(told(&form).await, ("name", "taken"), "compared folded");
    form.name = "x".repeat(48);
    for wrong in [server("nobody", None), server("", None), server("a\0", None), server("ldap", Some("radius"))] {
        form.server = Some(wrong);
        assert_eq!(told(&form).await, ("auth_server", "unknown"));
    }
    form.server = Some(server("ldap", Some("ldap")));
    assert_eq!(told(&form).await, ("note", "malformed"));
    form.note = "x".repeat(48);
    for phone in ["1".repeat(31), "1\n2".to_owned()] {
        form.phone = phone;
        assert_eq!(told(&form).await, ("phone", "malformed"));
    }
    form.phone = "13800000001;13800000002".to_owned();
    for password in ["p".repeat(49), "口令".to_owned(), "a\0".to_owned()] {
        form.password = Some(Secret::new(password));
        assert_eq!(told(&form).await, ("password", "malformed"));
    }
    form.password = Some(Secret::new("p".repeat(48)));
    for day in ["", "2030-02-30", "2030-2-3", "soon"] {
        form.expires_on = Some(day.to_owned());
        assert_eq!(told(&form).await, ("expires_on", "malformed"));
    }
    form.expires_on = Some("2030-02-24".to_owned());
    let id = user::add(&ctx, &form).await?;
    let user = user::show(&ctx, &"X".repeat(48)).await?;
    assert_eq!(
        (user.row.id, user.row.vpn_group_id, user.row.methods),
        (id, group::DEFAULT, method::PASSWORD | method::EXTERNAL)
    );
    assert_eq!(user.row.expires_at, Some(Millis(1_898_092_800_000)), "midnight in Shanghai");
    assert_eq!((user.row.auth_server_id, user.is_enabled()), (Some(AuthServerId(1)), true));
    assert_eq!(user.row.password_changed_at, Some(ctx.now()));
    assert_eq!((user.row.last_login_at, user.row.created_at), (None, ctx.now()));
    assert_eq!(pending(&app).await.last(), Some(&id.0));
    // What was done is told; what was refused, the surface notes.
    let told = trail(&app, "vpn.user.create").await;
    assert_eq!(told, [("x".repeat(48), "ok".to_owned()), ("taken".to_owned(), "ok".to_owned())]);
    Ok(())
});

both!(forty_eight_bytes_of_name_pass_and_forty_nine_do_not, |engine| async {
    let app = TestApp::new(engine).await?;
    for name in ["张".repeat(16), "x".repeat(48), "工号-1001".to_owned(), "a,b".to_owned()] {
        add(&app, &name, "/").await;
        assert_eq!(user::show(&caller(&app), &name).await?.row.login, name);
    }
    Ok(())
});

both!(roles_are_given_by_name_and_unknown_ones_are_passed_over, |engine| async {
    let app = TestApp::new(engine).await?;
    app.execute(ROLES).await?;
    let ctx = caller(&app);
    let names = ["gg", "nobody", "test", "gg", "", "a\0"].map(str::to_owned).to_vec();
    user::add(&ctx, &NewUser { roles: names, ..new("ann", "/") }).await?;
    assert_eq!(roles(&app, "ann").await, "test,gg", "by id");
    user::edit(&ctx, &edit("ann", "/")).await?;
    assert_eq!(roles(&app, "ann").await, "test,gg", "kept");
    user::edit(&ctx, &UserEdit { roles: Some(vec!["c".to_owned()]), ..edit("ann", "/") }).await?;
    assert_eq!(roles(&app, "ann").await, "c", "replaced");
    add(&app, "bob", "/").await;
    let page = user::list(&ctx, 25, 0).await?;
    let shown: Vec<_> = page.users.iter().map(|(user, roles)| (user.login.as_str(), roles.len())).collect();
    assert_eq!((page.total, shown), (2, vec![("ann", 1), ("bob", 0)]));
    let page = user::list(&ctx, 1, 1).await?;
    assert_eq!((page.total, page.users[0].0.login.as_str(), page.users.len()), (2, "bob", 1));
    assert!(user::list(&ctx, 25, 2).await?.users.is_empty());
    assert!(user::list(&ctx, -1, -1).await?.users.is_empty());
    user::edit(&ctx, &UserEdit { roles: Some(Vec::new()), ..edit("ann", "/") }).await?;
    assert_eq!(roles(&app, "ann").await, "", "cleared");
    Ok(())
});

both!(an_edit_is_refused_for_the_first_fault_and_keeps_what_it_is_not_given, |engine| async {
    let app = TestApp::new(engine).await?;
    app.execute(SERVERS).await?;
    let ctx = caller(&app);
    add(&app, "bob", "/").await;
    let form = NewUser { note: "note".into(), phone: "1".into(), is_public: true, ..new("ann", "/") };
    let id = user::add(&ctx, &form).await?;
    let before = pass(&app, id).await;
    user::edit(&ctx, &edit("ann", "/")).await?;
    assert_eq!(pass(&app, id).await, before);
    let told = async |form: UserEdit| faults(user::edit(&ctx, &form).await)[0];
    let named = |name: &str| UserEdit { new_name: Some(name.to_owned()), group: "x".into(), ..edit("ann", "/") };
    assert_eq!(told(edit("", "/")).await, ("old_name", "empty"));
    assert_eq!(told(edit("nobody", "/")).await, ("old_name", "unknown"));
    assert_eq!(told(named("")).await, ("name", "empty"));
    assert_eq!(told(named(&"x".repeat(49))).await, ("name", "malformed"));
    assert_eq!(told(named("Anonymous")).await, ("name", "reserved"));
    assert_eq!(told(named("BOB")).await, ("name", "taken"));
    assert_eq!(told(named("ann")).await, ("group", "malformed"), "no new name");
    assert_eq!(told(edit("ann", "")).await, ("group", "malformed"));
    assert_eq!(told(edit("ann", "/nobody")).await, ("group", "unknown"));
    assert_eq!(told(edit("ann", "/匿名用户组")).await, ("group", "anonymous"));
    let external =
        |server| UserEdit { is_external: Some(true), server, note: Some("x".repeat(49)), ..edit("ann", "/") };
    assert_eq!(told(external(None)).await, ("auth_server", "unknown"));
    assert_eq!(told(external(Some(server("nobody", None)))).await, ("auth_server", "unknown"));
    assert_eq!(told(external(Some(server("ldap", None)))).await, ("note", "malformed"));
    assert_eq!(told(UserEdit { phone: Some("1".repeat(31)), ..edit("ann", "/") }).await, ("phone", "malformed"));
    let password = |text: &str| UserEdit { password: Some(Secret::new(text)), ..edit("ann", "/") };
    assert_eq!(told(password("口令")).await, ("password", "malformed"));
    let until = |day: &str| UserEdit { expiry: Expiry::On(day.to_owned()), ..edit("ann", "/") };
    assert_eq!(told(until("")).await, ("expires_on", "malformed"), "there is no day to keep");
    assert_eq!(told(until("never")).await, ("expires_on", "malformed"));
    assert_eq!(pass(&app, id).await, before, "nothing of it happened");
    user::edit(&ctx, &until("2030-02-24")).await?;
    user::edit(&ctx, &until("")).await?;
    assert_eq!(pass(&app, id).await.expires_at, Some(Millis(1_898_092_800_000)));
    user::edit(&ctx, &UserEdit { expiry: Expiry::Never, ..edit("ann", "/") }).await?;
    assert_eq!(pass(&app, id).await, before);
    app.advance(std::time::Duration::from_mins(1));
    user::edit(&ctx, &password("")).await?;
    assert_eq!(pass(&app, id).await.password_hash, before.password_hash, "an empty password is kept");
    user::edit(&ctx, &password("another one")).await?;
    let after = pass(&app, id).await;
    assert_ne!(after.password_hash, before.password_hash);
    assert_eq!((after.password_changed_at, after.is_enabled), (Some(ctx.now()), true));
    user::edit(&ctx, &UserEdit { is_enabled: Some(false), ..edit("ann", "/默认用户组") }).await?;
    let user = user::show(&ctx, "ann").await?;
    assert_eq!((user.is_enabled(), user.row.group_path.as_str()), (false, group::DEFAULT_PATH));
    Ok(())
});

both!(an_external_server_becomes_effective_by_itself, |engine| async {
    let app = TestApp::new(engine).await?;
    app.execute(SERVERS).await?;
    let ctx = caller(&app);
    let id = add(&app, "ann", "/").await;
    let auth = async |form: UserEdit| {
        user::edit(&ctx, &form).await.unwrap();
        let row = pass(&app, id).await;
        (row.methods, row.inherits_auth, row.auth_server_id.map(|id| id.0))
    };
    let external = |is: bool, name: &str| UserEdit {
        is_external: Some(is),
        server: (!name.is_empty()).then(|| server(name, None)),
        ..edit("ann", "/")
    };
    assert_eq!(auth(external(true, "radius")).await, (method::EXTERNAL, false, Some(2)));
    let renamed = UserEdit { server: Some(server("ldap", None)), ..edit("ann", "/") };
    assert_eq!(auth(renamed).await, (method::EXTERNAL, false, Some(1)), "another server, still external");
    assert_eq!(auth(external(true, "")).await, (method::EXTERNAL, false, Some(1)), "the server that is set");
    assert_eq!(auth(external(false, "")).await, (method::PASSWORD, false, None));
    let ignored = UserEdit { server: Some(server("ldap", None)), ..edit("ann", "/") };
    assert_eq!(auth(ignored).await, (method::PASSWORD, false, None), "no external method, no server");
    let both = UserEdit { has_password: Some(true), inherits_auth: Some(true), ..external(true, "ldap") };
    assert_eq!(auth(both).await, (method::PASSWORD | method::EXTERNAL, true, Some(1)), "as it says");
    assert_eq!(auth(external(false, "")).await, (method::PASSWORD, true, None));
    Ok(())
});

both!(a_staged_rename_holds_both_names_and_the_user_has_the_new_one, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    let id = add(&app, "ann", "/").await;
    make_live(&app).await;
    let rename = |old: &str, new: &str| UserEdit { new_name: Some(new.to_owned()), ..edit(old, "/") };
    user::edit(&ctx, &rename("ann", "anna")).await?;
    assert_eq!(pending(&app).await, [id.0]);
    assert_eq!(user::show(&ctx, "Anna").await?.row.login, "anna");
    assert_eq!(faults(user::show(&ctx, "ann").await), [("name", "unknown")]);
    for name in ["ann", "ANNA"] {
        assert_eq!(faults(user::add(&ctx, &new(name, "/")).await), [("name", "taken")], "{name}");
    }
    assert_eq!(account::find(&app.operator(), "ann").await?.id, id, "live it is still the old one");
    assert_eq!(refusal(account::find(&app.operator(), "anna").await), "not_found");
    // Another rename gives the middle name back; a change of case needs no second name.
    user::edit(&ctx, &rename("anna", "anne")).await?;
    add(&app, "anna", "/").await;
    user::edit(&ctx, &rename("anne", "ANN")).await?;
    assert_eq!(user::show(&ctx, "ann").await?.row.login, "ANN");
    add(&app, "anne", "/").await;
    user::edit(&ctx, &rename("ann", "ann")).await?;
    assert_eq!(user::show(&ctx, "ann").await?.row.login, "ANN", "the same name twice is no rename");
    user::edit(&ctx, &rename("ANN", "ann")).await?;
    assert_eq!(pass(&app, id).await.login, None, "as it was");
    Ok(())
});

both!(a_user_whose_deletion_waits_may_be_made_again, |engine| async {
    let app = TestApp::new(engine).await?;
    app.execute(ROLES).await?;
    let ctx = caller(&app);
    let form = NewUser { note: "first".into(), phone: "1".into(), roles: vec!["c".into()], ..new("ann", "/") };
    let id = user::add(&ctx, &form).await?;
    make_live(&app).await;
    app.execute(&format!("INSERT INTO vpn_activity (account_id, last_login_at) VALUES ({}, 5)", id.0)).await?;
    let rename = UserEdit { new_name: Some("anna".to_owned()), ..edit("ann", "/") };
    user::edit(&ctx, &rename).await?;
    assert_eq!(user::delete(&ctx, &["anna".to_owned(), "nobody".to_owned(), "ANNA".to_owned()]).await?, 1);
    assert_eq!(faults(user::show(&ctx, "anna").await), [("name", "unknown")]);
    assert_eq!(faults(user::delete(&ctx, &["anna".to_owned()]).await), [("names", "unknown")]);
    assert_eq!(faults(user::delete(&ctx, &[]).await), [("names", "unknown")]);
    add(&app, "anna", "/").await;
    assert_eq!(account::find(&app.operator(), "ann").await?.id, id, "it lives until the apply");
    app.advance(std::time::Duration::from_mins(1));
    assert_eq!(user::add(&ctx, &NewUser { password: None, ..new("Ann", "/默认用户组") }).await?, id);
    let user = user::show(&ctx, "ann").await?;
    assert_eq!((user.row.login.as_str(), user.row.note.as_str(), user.row.phone.as_str()), ("Ann", "", ""));
    assert_eq!((user.row.last_login_at, user.row.created_at, user.roles.len()), (None, ctx.now(), 0));
    let row = pass(&app, id).await;
    assert_eq!((row.is_password_staged, row.password_hash, user.row.password_changed_at), (true, None, None));
    assert_eq!(faults(user::add(&ctx, &new("ann", "/")).await), [("name", "taken")]);
    // With another pass left the account is somebody's.
    user::delete(&ctx, &["ann".to_owned()]).await?;
    pass::grant(&app.operator(), "ann", PassKind::Proxy).await?;
    assert_eq!(faults(user::add(&ctx, &new("ann", "/")).await), [("name", "taken")]);
    Ok(())
});

both!(the_api_never_changes_login_or_password_of_an_account_that_is_more_than_its_user, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    // One that another surface made, and one of our own that got a further pass.
    let mut ids = Vec::new();
    for name in ["cli", "staff"] {
        ids.push(add(&app, name, "/").await);
    }
    app.execute("UPDATE account SET origin = 'cli' WHERE login = 'cli'").await?;
    pass::grant(&app.operator(), "staff", PassKind::Staff).await?;
    for (name, id) in ["cli", "staff"].into_iter().zip(ids) {
        let before = pass(&app, id).await;
        for new_name in ["mine", &name.to_uppercase()] {
            let form = UserEdit { new_name: Some(new_name.to_owned()), ..edit(name, "/") };
            assert_eq!(faults(user::edit(&ctx, &form).await), [("name", "protected")], "{name}");
        }
        let form = UserEdit { password: Some(Secret::new("mine now")), ..edit(name, "/") };
        assert_eq!(faults(user::edit(&ctx, &form).await), [("password", "protected")], "{name}");
        assert_eq!(pass(&app, id).await, before);
        let form = UserEdit {
            note: Some("vpn".into()),
            is_enabled: Some(false),
            new_name: Some(name.to_owned()),
            ..edit(name, "/默认用户组")
        };
        user::edit(&ctx, &form).await?;
        let user = user::show(&ctx, name).await?;
        assert_eq!((user.row.note.as_str(), user.is_enabled(), user.row.vpn_group_id), ("vpn", false, group::DEFAULT));
    }
    // Any account's login is taken, with or without a VPN pass.
    account::create(
        &app.operator(),
        &account::NewAccount { login: Login::new("Panel")?, name: None, email: None, phone: None, password: None },
    )
    .await?;
    assert_eq!(faults(user::add(&ctx, &new("panel", "/")).await), [("name", "taken")]);
    assert_eq!(faults(user::show(&ctx, "panel").await), [("name", "unknown")]);
    Ok(())
});

both!(staff_s_disabling_is_not_undone_by_the_api, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    let id = add(&app, "ann", "/").await;
    make_live(&app).await;
    change::set_enabled(&app.operator(), "ann", false, None).await?;
    assert!(!user::show(&ctx, "ann").await?.is_enabled());
    let on = UserEdit { is_enabled: Some(true), ..edit("ann", "/") };
    assert_eq!(faults(user::edit(&ctx, &on).await), [("is_enabled", "disabled_by_staff")]);
    assert_eq!(faults(user::set_enabled(&ctx, "ann", true).await), [("is_enabled", "disabled_by_staff")]);
    user::set_enabled(&ctx, "ann", false).await?;
    change::set_enabled(&app.operator(), "ann", true, None).await?;
    assert!(!user::show(&ctx, "ann").await?.is_enabled(), "the pass stays off");
    user::set_enabled(&ctx, "ANN", true).await?;
    assert!(user::show(&ctx, "ann").await?.is_enabled());
    assert!(pending(&app).await.is_empty() || pending(&app).await == [id.0]);
    assert_eq!(faults(user::set_enabled(&ctx, "", true).await), [("name", "empty")]);
    assert_eq!(faults(user::set_enabled(&ctx, "nobody", true).await), [("name", "unknown")]);
    assert_eq!(trail(&app, "vpn.user.disable").await, [("ann".to_owned(), "ok".to_owned())]);
    Ok(())
});

both!(the_switch_reaches_staged_and_live_and_publishes_nothing_else, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    let id = add(&app, "ann", "/").await;
    let live = async || {
        let rows: Vec<(bool, String)> = gatehouse_store::Query::all(
            &mut app.app.db().read(),
            gatehouse_store::sql!("SELECT is_enabled, note FROM vpn_pass_live WHERE account_id = $1"),
            gatehouse_store::args![id],
        )
        .await
        .unwrap();
        rows
    };
    user::set_enabled(&ctx, "ann", false).await?;
    assert_eq!(live().await, [], "not live yet");
    user::set_enabled(&ctx, "ann", true).await?;
    make_live(&app).await;
    user::edit(&ctx, &UserEdit { note: Some("staged".into()), ..edit("ann", "/") }).await?;
    come_in(&app, id, "here").await;
    user::set_enabled(&ctx, "ann", true).await?;
    assert_eq!(orders(&app).await, [""; 0]);
    user::set_enabled(&ctx, "ann", false).await?;
    assert_eq!(live().await, [(false, String::new())]);
    assert_eq!(orders(&app).await, ["disconnect here disabled"]);
    assert_eq!(pass(&app, id).await.note, "staged");
    Ok(())
});

both!(of_many_who_make_the_same_user_one_succeeds, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    let names = ["ann", "ANN", "Ann", "ａｎｎ", "ann", "ann", "aNN", "anN"];
    for round in 0..2 {
        let forms: Vec<_> = names.iter().map(|name| new(name, "/")).collect();
        let results = futures(forms.iter().map(|form| user::add(&ctx, form)).collect()).await;
        let made = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(made, 1, "{results:?}");
        for result in results {
            if let Err(error) = result {
                assert_eq!(faults::<AccountId>(Err(error)), [("name", "taken")]);
            }
        }
        // The second round makes it again while its deletion waits.
        if round == 0 {
            make_live(&app).await;
            user::delete(&ctx, &["ann".to_owned()]).await?;
        }
    }
    assert_eq!(user::list(&ctx, 10, 0).await?.total, 1);
    Ok(())
});

both!(of_many_who_take_the_same_name_one_succeeds, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    for name in ["a", "b", "c", "d"] {
        add(&app, name, "/").await;
    }
    let mut names = ["a", "b", "c", "d"].map(str::to_owned);
    for round in 0..5 {
        let wanted = format!("wanted{round}");
        let edits = names.each_ref().map(|old| UserEdit { new_name: Some(wanted.clone()), ..edit(old, "/") });
        let form = new(&wanted, "/");
        let renaming = futures(edits.iter().map(|edit| user::edit(&ctx, edit)).collect());
        let (renamed, added) = tokio::join!(renaming, user::add(&ctx, &form));
        let winners = renamed.iter().filter(|result| result.is_ok()).count() + usize::from(added.is_ok());
        assert_eq!(winners, 1, "{renamed:?} {added:?}");
        if let Some(winner) = renamed.iter().position(Result::is_ok) {
            names[winner] = wanted;
        }
        for result in renamed.into_iter().chain([added.map(drop)]).filter(Result::is_err) {
            assert_eq!(faults(result), [("name", "taken")]);
        }
    }
    Ok(())
});

both!(fifty_writers_lose_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    let id = add_group(&app, "/", "crowd").await;
    let writers = (0..50).map(|n| {
        let (ctx, name) = (ctx.clone(), format!("user{n}"));
        async move {
            user::add(&ctx, &new(&name, "/crowd")).await.unwrap();
            // Everybody edits one and the same user, each another field or value.
            let note = UserEdit { note: Some(format!("note {n}")), ..edit("user0", "/crowd") };
            let phone = UserEdit { phone: Some(format!("{n}")), ..edit("user0", "/crowd") };
            if user::show(&ctx, "user0").await.is_ok() {
                user::edit(&ctx, &if n % 2 == 0 { note } else { phone }).await.unwrap();
            }
            if n % 5 == 4 {
                user::delete(&ctx, &[name, format!("user{}", n - 1)]).await.unwrap();
            }
        }
    });
    futures(writers.collect()).await;
    let page = user::list(&ctx, 100, 0).await?;
    let crowd = page.users.iter().filter(|(user, _)| user.vpn_group_id == id).count();
    assert_eq!(page.total, i64::try_from(crowd)?);
    assert!((30..=40).contains(&crowd), "{crowd}");
    for (user, _) in &page.users {
        assert!(user.login == "user0" || user.login.trim_start_matches("user").parse::<u32>()? % 5 != 4);
    }
    Ok(())
});

async fn futures<F: Future>(all: Vec<F>) -> Vec<F::Output> {
    futures_util::future::join_all(all).await
}

both!(nobody_without_the_codes_sees_or_changes_a_user, |engine| async {
    let app = TestApp::new(engine).await?;
    add(&app, "ann", "/").await;
    let nobody = app.app.ctx(gatehouse_domain::Actor::Anonymous, gatehouse_model::Origin::Vpn);
    assert_eq!(refusal(user::add(&nobody, &new("bob", "/")).await), "forbidden");
    assert_eq!(refusal(user::edit(&nobody, &edit("ann", "/")).await), "forbidden");
    assert_eq!(refusal(user::delete(&nobody, &["ann".to_owned()]).await), "forbidden");
    assert_eq!(refusal(user::show(&nobody, "ann").await), "forbidden");
    assert_eq!(refusal(user::list(&nobody, 1, 0).await), "forbidden");
    assert_eq!(refusal(user::set_enabled(&nobody, "ann", false).await), "forbidden");
    assert_eq!(user::list(&caller(&app), 1, 0).await?.total, 1);
    Ok(())
});
