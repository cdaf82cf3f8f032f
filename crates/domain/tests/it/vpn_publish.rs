//! Publication: all that is staged becomes live at once, exactly once, never torn, never half (specs/vpn.md §9).

use std::sync::Arc;

use gatehouse_domain::{
    Actor, App, Error, Settings,
    account::{self, NewAccount, change, pass, view},
    vpn::{
        group,
        publish::{self, Publication},
        user::{self, Expiry, NewUser, UserEdit},
    },
};
use gatehouse_model::{AccountId, Login, Origin, PassKind, Secret};
use gatehouse_store::{Query as _, args, lock, sql, vpn_live, vpn_pending, vpn_publish, vpn_user};
use gatehouse_testkit::TestApp;

use crate::{
    vpn_people::{add, add_group, caller, edit, new, trail},
    vpn_stay::{come_in, forget_orders, orders},
};

async fn apply(app: &TestApp) -> Option<Publication> {
    publish::apply(&app.operator()).await.unwrap()
}

async fn generation(app: &TestApp) -> i64 {
    vpn_publish::find_last(&mut app.app.db().read()).await.unwrap()
}

async fn live(app: &App, login: &str) -> Option<vpn_live::LiveUser> {
    vpn_live::find_by_key(&mut app.db().read(), login).await.unwrap()
}

async fn note(app: &TestApp, id: AccountId) -> String {
    let user = vpn_live::find(&mut app.app.db().read(), id).await.unwrap().unwrap();
    view::show(&app.operator(), &user.login).await.unwrap().vpn.unwrap().note
}

both!(a_hundred_new_users_and_one_apply_are_one_publication, |engine| async {
    let app = TestApp::new(engine).await?;
    assert_eq!(apply(&app).await, None, "nothing is staged");
    for n in 0..100 {
        add(&app, &format!("user{n}"), "/").await;
    }
    assert!(live(&app.app, "user7").await.is_none(), "a new user waits");
    assert_eq!(apply(&app).await, Some(Publication { id: 1, changes: 100 }));
    assert!(live(&app.app, "user7").await.is_some_and(|user| user.password_hash.is_some()));
    assert_eq!(apply(&app).await, None, "all is published");
    assert_eq!(generation(&app).await, 1);
    assert_eq!(trail(&app, "vpn.staged.apply").await.len(), 1);
    // Another process finds the same, and a restart publishes nothing.
    let other = app.again().await?;
    assert!(live(&other, "user99").await.is_some());
    add(&app, "later", "/").await;
    let other = app.again().await?;
    assert!(live(&other, "later").await.is_none());
    assert_eq!(generation(&app).await, 1);
    let codes = ["vpn.user.update".to_owned()].into();
    let clerk = Actor::Machine { id: None, label: "clerk".to_owned(), codes };
    let nobody = publish::apply(&app.app.ctx(clerk, Origin::Vpn)).await;
    assert!(matches!(nobody, Err(Error::Forbidden { .. })), "it needs vpn.staged.apply");
    Ok(())
});

both!(requests_that_arrive_together_share_a_publication, |engine| async {
    let app = TestApp::new(engine).await?;
    add(&app, "kim", "/").await;
    let ctx = app.operator();
    let applies = (0..50).map(|_| publish::apply(&ctx));
    let published = futures_util::future::join_all(applies).await;
    let published: Vec<_> = published.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(published, [Publication { id: 1, changes: 1 }]);
    Ok(())
});

both!(whoever_staged_before_he_asked_finds_it_live_whatever_else_runs, |engine| async {
    let app = Arc::new(TestApp::new(engine).await?);
    let second = app.again().await?;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let (app, second) = (app.clone(), second.clone());
        tasks.spawn(async move {
            // Half of them ask another process for the publication.
            let other = if n % 2 == 0 { app.app.clone() } else { second };
            let ctx = other.ctx(Actor::Operator, Origin::Vpn);
            for round in 0..3 {
                let name = format!("user{n}x{round}");
                add(&app, &name, "/").await;
                publish::apply(&ctx).await.unwrap();
                assert!(live(&other, &name).await.is_some(), "{name}");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    assert!(!vpn_pending::exists(&mut app.app.db().read()).await?);
    assert!(generation(&app).await <= 48);
    Ok(())
});

/// Changes the notes of two users in one staged write, as a move of several users does.
async fn write_pair(app: &App, pair: [AccountId; 2], note: &str) {
    let mut tx = app.db().begin().await.unwrap();
    lock::share_staged(&mut tx).await.unwrap();
    for id in pair {
        let mut row = vpn_user::find(&mut tx, id).await.unwrap().unwrap();
        note.clone_into(&mut row.note);
        vpn_user::update(&mut tx, &row).await.unwrap();
        vpn_pending::insert(&mut tx, "user", id.0).await.unwrap();
        tokio::task::yield_now().await;
    }
    tx.commit().await.unwrap();
}

both!(fifty_writers_are_seen_whole_or_not_at_all_and_none_is_lost, |engine| async {
    let app = Arc::new(TestApp::new(engine).await?);
    let mut pairs = Vec::new();
    for n in 0..50 {
        pairs.push([add(&app, &format!("a{n}"), "/").await, add(&app, &format!("b{n}"), "/").await]);
    }
    apply(&app).await;
    let mut writers = tokio::task::JoinSet::new();
    for pair in pairs.clone() {
        let app = app.clone();
        writers.spawn(async move {
            for round in 0..4 {
                write_pair(&app.app, pair, &format!("round {round}")).await;
            }
        });
    }
    let reader = app.clone();
    let looked = pairs.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let mut applier = tokio::task::JoinSet::new();
    applier.spawn(async move {
        let mut applies = 0;
        while stopped.try_recv().is_err() {
            apply(&reader).await;
            applies += 1;
            for pair in &looked {
                // One statement sees one moment.
                let notes = sql!(
                    "SELECT CAST(COUNT(DISTINCT note) AS BIGINT) AS notes FROM vpn_pass_live WHERE account_id = $1 OR account_id = $2"
                );
                let seen = reader.app.db().read().one::<(i64,)>(notes, args![pair[0], pair[1]]).await.unwrap();
                assert_eq!(seen, Some((1,)), "both rows of a write, or neither");
            }
        }
        applies
    });
    while let Some(done) = writers.join_next().await {
        done?;
    }
    let _ = stop.send(());
    assert!(applier.join_next().await.unwrap()? > 0);
    apply(&app).await;
    for pair in pairs {
        for id in pair {
            assert_eq!(note(&app, id).await, "round 3");
        }
    }
    Ok(())
});

both!(a_publication_that_breaks_off_leaves_live_as_it_was, |engine| async {
    let app = TestApp::new(engine).await?;
    add(&app, "kim", "/").await;
    apply(&app).await;
    user::delete(&caller(&app), &["kim".to_owned()]).await?;
    add(&app, "lee", "/").await;
    // In the middle: copied, not committed.
    let mut tx = app.app.db().begin().await?;
    lock::own_staged(&mut tx).await?;
    vpn_publish::copy_users(&mut tx).await?;
    vpn_publish::delete_users(&mut tx).await?;
    drop(tx);
    let after_crash = app.again().await?;
    assert!(live(&after_crash, "kim").await.is_some() && live(&after_crash, "lee").await.is_none());
    assert_eq!(apply(&app).await, Some(Publication { id: 2, changes: 2 }));
    assert!(live(&app.app, "kim").await.is_none() && live(&app.app, "lee").await.is_some());
    Ok(())
});

both!(passwords_renames_moves_and_deletions_wait, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    add_group(&app, "/", "it").await;
    let id = add(&app, "kim", "/").await;
    apply(&app).await;
    let before = live(&app.app, "kim").await.unwrap();
    let wish = UserEdit {
        new_name: Some("Kimberly".to_owned()),
        password: Some(Secret::new("another one")),
        expiry: Expiry::On("2030-02-24".to_owned()),
        ..edit("kim", "/it")
    };
    user::edit(&ctx, &wish).await?;
    let meanwhile = live(&app.app, "kim").await.unwrap();
    assert_eq!((&meanwhile.password_hash, meanwhile.vpn_group_id), (&before.password_hash, before.vpn_group_id));
    assert!(live(&app.app, "kimberly").await.is_none());
    apply(&app).await;
    assert!(live(&app.app, "kim").await.is_none(), "the old name is free");
    let after = live(&app.app, "kimberly").await.unwrap();
    assert_eq!((after.id, after.login.as_str()), (id, "Kimberly"));
    assert!(after.password_hash != before.password_hash && after.expires_at.is_some());
    assert_ne!(after.vpn_group_id, before.vpn_group_id);
    add(&app, "kim", "/").await;
    // Only the case changes: the same name.
    user::edit(&ctx, &UserEdit { new_name: Some("KIMBERLY".to_owned()), ..edit("Kimberly", "/it") }).await?;
    apply(&app).await;
    assert_eq!(live(&app.app, "kimberly").await.unwrap().login, "KIMBERLY");
    user::delete(&ctx, &["KIMBERLY".to_owned()]).await?;
    assert!(live(&app.app, "kimberly").await.is_some());
    apply(&app).await;
    assert!(matches!(view::show(&app.operator(), "kimberly").await, Err(Error::NotFound { .. })), "the account went");
    add(&app, "kimberly", "/").await;
    Ok(())
});

both!(a_replaced_user_is_published_as_the_new_one, |engine| async {
    let app = TestApp::new(engine).await?;
    let id = add(&app, "kim", "/").await;
    apply(&app).await;
    let old = live(&app.app, "kim").await.unwrap();
    user::delete(&caller(&app), &["kim".to_owned()]).await?;
    assert_eq!(user::add(&caller(&app), &NewUser { password: None, ..new("kim", "/") }).await?, id);
    assert_eq!(live(&app.app, "kim").await.unwrap().password_hash, old.password_hash);
    apply(&app).await;
    assert_eq!(live(&app.app, "kim").await.unwrap().password_hash, None, "no password: no login");
    Ok(())
});

both!(what_opens_more_by_now_keeps_its_password_and_its_account, |engine| async {
    let app = TestApp::new(engine).await?;
    for name in ["kim", "lee"] {
        add(&app, name, "/").await;
    }
    apply(&app).await;
    let before = live(&app.app, "kim").await.unwrap();
    let wish =
        UserEdit { password: Some(Secret::new("mine now")), new_name: Some("boss".to_owned()), ..edit("kim", "/") };
    user::edit(&caller(&app), &wish).await?;
    user::delete(&caller(&app), &["lee".to_owned()]).await?;
    for name in ["kim", "lee"] {
        pass::grant(&app.operator(), name, PassKind::Staff).await?;
    }
    apply(&app).await;
    let after = live(&app.app, "kim").await.unwrap();
    assert_eq!((&after.password_hash, after.login.as_str()), (&before.password_hash, "kim"));
    assert_eq!(view::show(&app.operator(), "lee").await?.passes, [PassKind::Staff]);
    add(&app, "boss", "/").await;
    Ok(())
});

both!(running_stays_are_ended_or_changed_by_what_becomes_live, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    add_group(&app, "/", "it").await;
    add_group(&app, "/it", "net").await;
    add_group(&app, "/", "hr").await;
    for (name, path) in [
        ("gone", "/"),
        ("off", "/"),
        ("late", "/"),
        ("word", "/"),
        ("moved", "/"),
        ("noted", "/"),
        ("below", "/it/net"),
        ("quiet", "/hr"),
    ] {
        let id = add(&app, name, path).await;
        apply(&app).await;
        come_in(&app, id, name).await;
    }
    user::delete(&ctx, &["gone".to_owned()]).await?;
    user::edit(&ctx, &UserEdit { is_enabled: Some(false), ..edit("off", "/") }).await?;
    user::edit(&ctx, &UserEdit { expiry: Expiry::On("2020-01-01".to_owned()), ..edit("late", "/") }).await?;
    user::edit(&ctx, &UserEdit { password: Some(Secret::new("other")), ..edit("word", "/") }).await?;
    user::edit(&ctx, &edit("moved", "/hr")).await?;
    user::edit(&ctx, &UserEdit { note: Some("a note".to_owned()), ..edit("noted", "/") }).await?;
    group::edit(&ctx, &group_edit("/it", Some(false))).await?;
    assert_eq!(orders(&app).await, [] as [&str; 0], "nothing before the apply");
    apply(&app).await;
    assert_eq!(
        orders(&app).await,
        [
            "change moved",
            "disconnect below disabled",
            "disconnect gone deleted",
            "disconnect late expired",
            "disconnect off disabled",
            "disconnect word credentials_changed",
        ]
    );
    forget_orders(&app).await;
    app.execute("UPDATE visit_radius SET is_open = FALSE; UPDATE visit SET until_at = 0;").await?;
    let id = add(&app, "time", "/").await;
    user::edit(&ctx, &UserEdit { expiry: Expiry::On("2026-01-02".to_owned()), ..edit("time", "/") }).await?;
    apply(&app).await;
    come_in(&app, id, "time").await;
    app.run_due_periodic().await?;
    assert_eq!(orders(&app).await, [] as [&str; 0]);
    app.advance(std::time::Duration::from_hours(24));
    app.run_due_periodic().await?;
    assert_eq!(orders(&app).await, ["disconnect time expired"], "time passes without an apply");
    Ok(())
});

fn group_edit(path: &str, is_enabled: Option<bool>) -> group::GroupEdit {
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = if parent.is_empty() { "/" } else { parent };
    group::GroupEdit {
        old_name: name.to_owned(),
        new_name: name.to_owned(),
        old_parent: parent.to_owned(),
        new_parent: parent.to_owned(),
        is_enabled,
        ..group::GroupEdit::default()
    }
}

both!(roles_and_resources_reach_those_who_are_in, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = caller(&app);
    app.execute(
        "INSERT INTO vpn_role (id, name, note, is_enabled, created_at, updated_at) VALUES (1, 'dev', '', TRUE, 0, 0), \
         (2, 'ops', '', TRUE, 0, 0); \
         INSERT INTO vpn_resource (id, name, note, kind, service, main_host, addresses, black_list, is_web_app, is_enabled, is_shown, \
         vpn_resource_group_id, created_at, updated_at) \
         VALUES (1, 'git', '', 2, '', '', '192.0.2.7/22:22', '', FALSE, TRUE, TRUE, 0, 0, 0); \
         INSERT INTO vpn_role_resource (vpn_role_id, vpn_resource_id) VALUES (1, 1); \
         INSERT INTO vpn_pending (kind, object_id) VALUES ('role', 1), ('role', 2), ('resource', 1);",
    )
    .await?;
    let group = add_group(&app, "/", "it").await;
    let (kim, lee) = (add(&app, "kim", "/it").await, add(&app, "lee", "/").await);
    user::edit(&ctx, &UserEdit { roles: Some(vec!["ops".to_owned()]), ..edit("lee", "/") }).await?;
    app.execute(&format!("INSERT INTO vpn_role_group (vpn_role_id, vpn_group_id) VALUES (1, {});", group.0)).await?;
    apply(&app).await;
    let names = async |id| vpn_live::list_roles(&mut app.app.db().read(), id).await.unwrap();
    assert_eq!((names(kim).await, names(lee).await), (vec!["dev".to_owned()], vec!["ops".to_owned()]));
    come_in(&app, kim, "kim").await;
    come_in(&app, lee, "lee").await;
    app.execute("UPDATE vpn_resource SET addresses = '192.0.2.8/22:22'; INSERT INTO vpn_pending (kind, object_id) VALUES ('resource', 1);")
        .await?;
    apply(&app).await;
    assert_eq!(orders(&app).await, ["change kim"], "whose role opens it");
    forget_orders(&app).await;
    app.execute("DELETE FROM vpn_role WHERE id = 2; INSERT INTO vpn_pending (kind, object_id) VALUES ('role', 2);")
        .await?;
    apply(&app).await;
    assert_eq!(orders(&app).await, ["change lee"]);
    assert_eq!(names(lee).await, [] as [&str; 0]);
    Ok(())
});

both!(staff_reach_both_twins_at_once_and_later_applies_do_not_undo_it, |engine| async {
    let app = TestApp::new(engine).await?;
    let (ctx, staff) = (caller(&app), app.operator());
    let id = add(&app, "kim", "/").await;
    apply(&app).await;
    come_in(&app, id, "kim").await;
    // Staged before staff act: a note, which stays staged; a password, which they overrule.
    let wish = UserEdit { note: Some("later".to_owned()), password: Some(Secret::new("staged")), ..edit("kim", "/") };
    user::edit(&ctx, &wish).await?;
    change::set_password(&staff, "kim", &Secret::new("by staff")).await?;
    let by_staff = live(&app.app, "kim").await.unwrap().password_hash;
    assert_eq!(orders(&app).await, ["disconnect kim credentials_changed"]);
    change::set_enabled(&staff, "kim", false, None).await?;
    assert!(!live(&app.app, "kim").await.unwrap().is_account_enabled);
    apply(&app).await;
    let after = live(&app.app, "kim").await.unwrap();
    assert_eq!((after.password_hash, after.is_account_enabled), (by_staff, false));
    assert_eq!(note(&app, id).await, "later");
    // A deletion that is staged only is overruled by a grant, in whatever group that names.
    user::delete(&ctx, &["kim".to_owned()]).await?;
    add_group(&app, "/", "it").await;
    assert!(matches!(pass::grant_vpn(&staff, "kim", "/it").await, Err(Error::Invalid { .. })), "not published yet");
    app.execute(&format!("DELETE FROM vpn_pending WHERE kind = 'user' AND object_id = {};", id.0)).await?;
    apply(&app).await;
    app.execute(&format!("INSERT INTO vpn_pending (kind, object_id) VALUES ('user', {});", id.0)).await?;
    pass::grant_vpn(&staff, "kim", "/it").await?;
    assert!(matches!(pass::grant_vpn(&staff, "kim", "/it").await, Err(Error::Conflict { .. })));
    apply(&app).await;
    assert_eq!(view::show(&staff, "kim").await?.vpn.unwrap().group, "/it");
    forget_orders(&app).await;
    change::delete(&staff, "kim").await?;
    assert_eq!(orders(&app).await, ["disconnect kim deleted"]);
    assert_eq!(apply(&app).await, None, "nothing of it is left to publish");
    Ok(())
});

both!(a_vpn_pass_is_granted_and_taken_by_staff, |engine| async {
    let app = TestApp::new(engine).await?;
    let staff = app.operator();
    let new = NewAccount { login: Login::new("ola")?, name: None, email: None, phone: None, password: None };
    let id = account::create(&staff, &new).await?;
    pass::grant(&staff, "ola", PassKind::Vpn).await?;
    let shown = view::show(&staff, "ola").await?;
    let vpn = shown.vpn.unwrap();
    assert_eq!(shown.passes, [PassKind::Vpn]);
    assert_eq!((vpn.group.as_str(), vpn.is_live, vpn.is_pending), ("/默认用户组", true, false));
    assert!(live(&app.app, "ola").await.is_some());
    come_in(&app, id, "ola").await;
    pass::grant(&staff, "ola", PassKind::Proxy).await?;
    pass::revoke(&staff, "ola", PassKind::Vpn).await?;
    assert_eq!(orders(&app).await, ["disconnect ola pass_revoked"]);
    assert!(live(&app.app, "ola").await.is_none());
    assert_eq!(view::show(&staff, "ola").await?.passes, [PassKind::Proxy]);
    assert!(matches!(pass::revoke(&staff, "ola", PassKind::Vpn).await, Err(Error::NotFound { .. })));
    Ok(())
});

both!(clear_copies_follow_the_password_where_the_operator_keeps_them, |engine| async {
    let mut settings = Settings::default();
    settings.login.keep_clear_password = true;
    let app = TestApp::with(engine, settings).await?;
    add(&app, "kim", "/").await;
    apply(&app).await;
    let sealed = live(&app.app, "kim").await.unwrap().password_clear_sealed;
    assert!(sealed.is_some());
    change::set_password(&app.operator(), "kim", &Secret::new("another one")).await?;
    let fresh = live(&app.app, "kim").await.unwrap().password_clear_sealed;
    assert!(fresh.is_some() && fresh != sealed);
    let new = NewAccount { login: Login::new("ola")?, name: None, email: None, phone: None, password: None };
    account::create(&app.operator(), &new).await?;
    change::set_password(&app.operator(), "ola", &Secret::new("a password")).await?;
    pass::grant(&app.operator(), "ola", PassKind::Vpn).await?;
    assert_eq!(live(&app.app, "ola").await.unwrap().password_clear_sealed, None, "only for these passes");
    Ok(())
});
