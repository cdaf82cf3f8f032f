//! Users of the bastion: made, edited, deleted, switched, listed; and what nobody does to somebody mightier.

use std::time::Duration;

use gatehouse_domain::{
    Edit,
    account::{
        change, pass,
        staff::{self, Filter, NewStaff, StaffEdit},
        view,
    },
    session::{self, Life},
};
use gatehouse_model::{AccountId, Login, Paging, PassKind, RoleId, Secret};
use gatehouse_store::{Aspect, live, second_factor, ssh_key};
use gatehouse_testkit::TestApp;

use crate::people::{CLIENT, FIRST, bound, faults, new, refusal, role_with, signed_in, user};

const ADMINISTRATOR: AccountId = AccountId(1);
const LIFE: Life = Life { kind: "bastion", sliding: Duration::from_hours(168), longest: Duration::from_hours(720) };
const ALL: Paging = Paging { limit: 100, offset: 0, is_descending: false };

async fn logins(app: &TestApp, filter: Filter) -> Vec<String> {
    let page = staff::list(&app.operator(), &filter, ALL).await.unwrap();
    assert_eq!(page.total, i64::try_from(page.rows.len()).unwrap());
    page.rows.into_iter().map(|row| row.login).collect()
}

async fn access_revision(app: &TestApp) -> i64 {
    let rows = live::list_revisions(&mut app.app.db().read()).await.unwrap();
    rows.into_iter().find(|(aspect, _)| aspect == Aspect::Access.as_str()).map_or(0, |(_, revision)| revision)
}

both!(a_new_user_is_whole_and_every_clash_is_told_at_once, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let form = NewStaff {
        email: Some("Ann@example.com".into()),
        phone: Some("13800000001".into()),
        remark: Some("first".into()),
        is_enabled: false,
        ..new("Ann")
    };
    let id = staff::add(&ctx, &form).await?;
    let person =
        staff::list(&ctx, &Filter { login: Some("aNN".into()), ..Filter::default() }, ALL).await?.rows.remove(0);
    assert_eq!((person.id, person.login.as_str(), person.is_enabled, person.is_protected), (id, "Ann", false, false));
    assert_eq!((person.name.as_deref(), person.remark.as_deref()), (Some("Name of Ann"), Some("first")));
    assert_eq!((person.email.as_deref(), person.roles), (Some("Ann@example.com"), vec![CLIENT]));
    assert_eq!(view::show(&ctx, "ann").await?.origin, "bastion");
    let again = NewStaff { login: Login::new("ａｎｎ")?, email: Some("ann@EXAMPLE.com".into()), ..form };
    let expected = [("account", "taken"), ("email", "taken"), ("phone_number", "taken")];
    assert_eq!(faults(staff::add(&ctx, &again).await), expected);
    for login in ["a b", "a#b", "a/b", "a\u{7}", "", "\u{3000}a"] {
        assert_eq!(faults(staff::check_login(login)), [("account", "characters")], "{login:?}");
    }
    let clerk = signed_in(&app, user(&app, "clerk", &[]).await).await;
    assert_eq!(refusal(staff::add(&clerk, &new("bob")).await), "forbidden");
    Ok(())
});

both!(an_edit_writes_only_what_it_was_given, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let id = user(&app, "ann", &[]).await;
    // Two editors at once: neither undoes the other.
    for round in 0..10 {
        let name = StaffEdit { name: Some(format!("N{round}")), ..StaffEdit::default() };
        let remark = StaffEdit {
            remark: Edit::Set(format!("R{round}")),
            email: Edit::Set(format!("ann{round}@example.com")),
            ..StaffEdit::default()
        };
        let (a, b) = tokio::join!(staff::edit(&ctx, id, &name), staff::edit(&ctx, id, &remark));
        a?;
        b?;
        let row = gatehouse_store::staff::find(&mut ctx.read(), id, ctx.now()).await?.unwrap();
        assert_eq!((row.name, row.remark), (Some(format!("N{round}")), Some(format!("R{round}"))));
        assert_eq!(row.email, Some(format!("ann{round}@example.com")));
    }
    let clear = StaffEdit { email: Edit::Clear, remark: Edit::Clear, ..StaffEdit::default() };
    staff::edit(&ctx, id, &clear).await?;
    let row = gatehouse_store::staff::find(&mut ctx.read(), id, ctx.now()).await?.unwrap();
    assert_eq!((row.email, row.remark, row.name), (None, None, Some("N9".to_owned())));
    let other = user(&app, "bob", &[]).await;
    let taken = StaffEdit {
        email: Edit::Set("bob@example.com".into()),
        phone: Edit::Set("13800000001".into()),
        ..StaffEdit::default()
    };
    staff::edit(&ctx, other, &taken).await?;
    staff::edit(&ctx, other, &taken).await?;
    assert_eq!(faults(staff::edit(&ctx, id, &taken).await), [("email", "taken"), ("phone_number", "taken")]);
    assert_eq!(refusal(staff::edit(&ctx, AccountId(99), &clear).await), "not_found");
    assert_eq!(refusal(staff::edit(&ctx, ADMINISTRATOR, &clear).await), "locked");
    Ok(())
});

both!(whoever_has_no_staff_pass_is_no_user, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let id = user(&app, "ann", &[]).await;
    pass::grant(&app.operator(), "ann", PassKind::Proxy).await?;
    assert_eq!(staff::delete(&ctx, &[id]).await?, 1);
    assert_eq!(view::show(&app.operator(), "ann").await?.passes, [PassKind::Proxy]);
    assert_eq!(refusal(staff::edit(&ctx, id, &StaffEdit::default()).await), "not_found");
    assert_eq!(refusal(staff::set_status(&ctx, id, false).await), "not_found");
    assert_eq!(refusal(staff::bind(&ctx, id, &bound(&[])).await), "not_found");
    assert_eq!(logins(&app, Filter::default()).await, ["administrator"]);
    assert_eq!(staff::delete(&ctx, &[id]).await?, 0);
    assert_eq!(faults(staff::add(&ctx, &new("ann")).await), [("account", "taken")]);
    Ok(())
});

both!(a_deletion_skips_what_stays_and_does_nothing_without_the_right_on_all, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let clerks = role_with(&app, "clerks", &["system.user.delete", "system.user.create"], &[]).await;
    let rich = role_with(&app, "rich", &["system.role.read"], &[]).await;
    let clerk = user(&app, "clerk", &[clerks]).await;
    let (ann, bob) = (user(&app, "ann", &[]).await, user(&app, "bob", &[rich]).await);
    let clerk_ctx = signed_in(&app, clerk).await;
    assert_eq!(refusal(staff::delete(&clerk_ctx, &[ann, bob]).await), "forbidden");
    assert_eq!(logins(&app, Filter::default()).await, ["administrator", "clerk", "ann", "bob"]);
    assert_eq!(
        staff::delete(&clerk_ctx, &[ADMINISTRATOR, clerk, AccountId(99)]).await?,
        0,
        "nothing is left to delete"
    );
    let mut tx = ctx.begin().await?;
    ssh_key::insert(&mut tx, ann, "k", ("ssh-ed25519 x", "SHA256:x"), ctx.now()).await?;
    tx.commit().await?;
    pass::grant(&ctx, "ann", PassKind::Proxy).await?;
    assert_eq!(staff::delete(&clerk_ctx, &[ADMINISTRATOR, ann, ann, clerk, AccountId(99)]).await?, 1);
    assert!(
        ssh_key::list(&mut ctx.read(), ann).await?.is_empty(),
        "keys go with the pass, even when the account stays"
    );
    assert_eq!(staff::delete(&ctx, &[bob]).await?, 1);
    assert_eq!(refusal(view::show(&ctx, "bob").await), "not_found");
    Ok(())
});

both!(switching_off_closes_every_door, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let id = user(&app, "ann", &[]).await;
    let session = session::open(&ctx, id, LIFE, false, (None, None)).await?;
    let before = access_revision(&app).await;
    staff::set_status(&ctx, id, false).await?;
    assert!(access_revision(&app).await > before, "open terminals are told");
    assert_eq!(refusal(session::verify(&ctx, LIFE, session.secret.expose()).await), "unauthenticated");
    assert_eq!(change::verify_password(&ctx, "ann", &Secret::new("a long password")).await?, Err("disabled"));
    assert_eq!(logins(&app, Filter { is_enabled: Some(false), ..Filter::default() }).await, ["ann"]);
    staff::set_status(&ctx, id, true).await?;
    assert_eq!(change::verify_password(&ctx, "ann", &Secret::new("a long password")).await?, Ok(id));
    assert_eq!(refusal(staff::set_status(&ctx, ADMINISTRATOR, false).await), "locked");
    let deputy = user(&app, "deputy", &[FIRST]).await;
    let deputy_ctx = signed_in(&app, deputy).await;
    assert_eq!(refusal(staff::set_status(&deputy_ctx, deputy, false).await), "locked", "nobody locks himself out");
    Ok(())
});

both!(staff_set_the_passwords_and_reset_the_factors_of_others_only, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let id = user(&app, "ann", &[]).await;
    let session = session::open(&ctx, id, LIFE, false, (None, None)).await?;
    let password = Secret::new("another password");
    staff::set_password(&ctx, id, &password, true).await?;
    assert_eq!(change::verify_password(&ctx, "ann", &password).await?, Ok(id));
    let row = gatehouse_store::account::find(&mut ctx.read(), id).await?.unwrap();
    assert!(row.must_change_password);
    assert_eq!(refusal(session::verify(&ctx, LIFE, session.secret.expose()).await), "unauthenticated");
    staff::set_password(&ctx, id, &password, false).await?;
    assert!(!gatehouse_store::account::find(&mut ctx.read(), id).await?.unwrap().must_change_password);
    assert_eq!(refusal(staff::set_password(&ctx, ADMINISTRATOR, &password, false).await), "locked");
    app.execute(&format!(
        "INSERT INTO second_factor (account_id, kind, secret_sealed, seal_ref, last_step, confirmed_at, created_at) \
         VALUES ({}, 'totp', 'x', 'x', 0, 1, 1); \
         INSERT INTO recovery_code (account_id, code_hash) VALUES ({}, 'h')",
        id.0, id.0
    ))
    .await?;
    staff::reset_factor(&ctx, id).await?;
    assert!(second_factor::find(&mut ctx.read(), id).await?.is_none());
    assert_eq!(refusal(staff::reset_factor(&ctx, ADMINISTRATOR).await), "locked");
    staff::unlock(&ctx, id).await?;
    Ok(())
});

both!(nobody_acts_on_a_user_who_holds_more, |engine| async {
    let app = TestApp::new(engine).await?;
    let all = ["system.user.update", "system.user.delete", "system.permission.update", "system.user.read"];
    let clerks = role_with(&app, "clerks", &all, &[]).await;
    let readers = role_with(&app, "readers", &[], &[(crate::people::DEFAULT, "resource.self.read")]).await;
    let clerk = signed_in(&app, user(&app, "clerk", &[clerks]).await).await;
    let password = Secret::new("another password");
    for mightier in [user(&app, "coded", &[RoleId(3)]).await, user(&app, "granted", &[readers]).await] {
        let edit = StaffEdit { email: Edit::Set("e@example.com".into()), ..StaffEdit::default() };
        assert_eq!(refusal(staff::edit(&clerk, mightier, &edit).await), "forbidden");
        assert_eq!(refusal(staff::set_status(&clerk, mightier, false).await), "forbidden");
        assert_eq!(refusal(staff::set_password(&clerk, mightier, &password, true).await), "forbidden");
        assert_eq!(refusal(staff::unlock(&clerk, mightier).await), "forbidden");
        assert_eq!(refusal(staff::reset_factor(&clerk, mightier).await), "forbidden");
        assert_eq!(refusal(staff::bind(&clerk, mightier, &bound(&[])).await), "forbidden");
        assert_eq!(refusal(staff::delete(&clerk, &[mightier]).await), "forbidden");
    }
    let weaker = user(&app, "weaker", &[]).await;
    staff::set_password(&clerk, weaker, &password, true).await?;
    staff::set_status(&clerk, weaker, false).await?;
    assert_eq!(staff::delete(&clerk, &[weaker]).await?, 1);
    Ok(())
});

both!(users_are_found_by_parts_of_their_names_and_nothing_is_a_wildcard, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let named = |login: &str, name: &str| NewStaff { name: name.to_owned(), ..new(login) };
    staff::add(&ctx, &named("one", "Größe 100%")).await?;
    staff::add(&ctx, &NewStaff { email: Some("T_wo@example.com".into()), ..named("two", "测试员") }).await?;
    staff::add(&ctx, &NewStaff { phone: Some("13911112222".into()), ..named("three", "back\\slash") }).await?;
    let by_name = async |text: &str| logins(&app, Filter { name: Some(text.into()), ..Filter::default() }).await;
    assert_eq!(by_name("GRÖSSE").await, ["one"]);
    assert_eq!(by_name("%").await, ["one"]);
    assert_eq!(by_name("_").await, Vec::<String>::new());
    assert_eq!(by_name("\\").await, ["three"]);
    assert_eq!(by_name("试").await, ["two"]);
    assert_eq!(
        logins(&app, Filter { login: Some("T".into()), ..Filter::default() }).await,
        ["administrator", "two", "three"]
    );
    assert_eq!(logins(&app, Filter { email: Some("t_W".into()), ..Filter::default() }).await, ["two"]);
    assert_eq!(logins(&app, Filter { phone: Some("1111".into()), ..Filter::default() }).await, ["three"]);
    let page = staff::list(&ctx, &Filter::default(), Paging { limit: 2, offset: 1, is_descending: true }).await?;
    let page = (page.total, page.rows.into_iter().map(|row| row.login).collect::<Vec<_>>());
    assert_eq!(page, (4, vec!["two".to_owned(), "one".to_owned()]));
    let beyond = staff::list(&ctx, &Filter::default(), Paging { limit: 2, offset: 90, is_descending: false }).await?;
    assert_eq!((beyond.total, beyond.rows.len()), (4, 0));
    let nobody = signed_in(&app, user(&app, "nobody", &[]).await).await;
    assert_eq!(refusal(staff::list(&nobody, &Filter::default(), ALL).await), "forbidden");
    Ok(())
});
