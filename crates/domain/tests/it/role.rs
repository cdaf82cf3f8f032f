//! Roles, who has them and which codes they hold; nobody gives or takes what he does not hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gatehouse_domain::{
    Edit,
    account::staff::{self, Filter},
    audit,
    role::{self, NewRole, RoleEdit},
};
use gatehouse_model::{AccountId, Paging, RoleId};
use gatehouse_store::{Query, args, role as rows, sql};
use gatehouse_testkit::TestApp;

use crate::people::{CLIENT, DEFAULT, FIRST, bound, everything, faults, new, refusal, role_with, signed_in, user};

const ADMINISTRATOR: AccountId = AccountId(1);
const ALL: Paging = Paging { limit: 100, offset: 0, is_descending: false };

fn some(codes: &[&'static str]) -> BTreeSet<&'static str> {
    codes.iter().copied().collect()
}

async fn roles_of(app: &TestApp, login: &str) -> Vec<RoleId> {
    let filter = Filter { login: Some(login.to_owned()), ..Filter::default() };
    staff::list(&app.operator(), &filter, ALL).await.unwrap().rows.remove(0).roles
}

both!(roles_are_made_edited_listed_and_deleted, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let form = NewRole { name: "测试".into(), code: "test".into(), remark: Some("r".into()) };
    let id = role::add(&ctx, &form).await?;
    assert_eq!(faults(role::add(&ctx, &form).await), [("name", "role_taken"), ("code", "role_taken")]);
    let edit = RoleEdit { code: Some("test2".into()), ..RoleEdit::default() };
    role::edit(&ctx, id, &edit).await?;
    role::edit(&ctx, id, &RoleEdit { name: Some("测试".into()), ..edit }).await?;
    let page = role::list(&ctx, Some("试"), ALL).await?;
    let row = &page.rows[0];
    assert_eq!((page.total, row.id, row.code.as_str(), row.remark.as_deref()), (1, id, "test2", Some("r")));
    role::edit(&ctx, id, &RoleEdit { remark: Edit::Clear, ..RoleEdit::default() }).await?;
    assert_eq!(role::list(&ctx, Some("试"), ALL).await?.rows[0].remark, None);
    let taken = RoleEdit { name: Some("用户".into()), code: Some("Audit".into()), remark: Edit::Keep };
    assert_eq!(faults(role::edit(&ctx, id, &taken).await), [("name", "role_taken"), ("code", "role_taken")]);
    assert_eq!(refusal(role::edit(&ctx, CLIENT, &RoleEdit::default()).await), "locked");
    assert_eq!(refusal(role::edit(&ctx, RoleId(99), &RoleEdit::default()).await), "not_found");
    assert_eq!(role::delete(&ctx, &[FIRST, CLIENT, RoleId(99)]).await?, 0);
    assert_eq!(role::delete(&ctx, &[FIRST, id, id]).await?, 1);
    let ids = role::list(&ctx, None, Paging { limit: 2, offset: 0, is_descending: true }).await?;
    assert_eq!((ids.total, ids.rows.iter().map(|role| role.id.0).collect::<Vec<_>>()), (3, vec![3, 2]));
    Ok(())
});

both!(a_role_goes_with_its_members_grants_and_rules, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let (a, b) = (
        role_with(&app, "a", &["system.user.read"], &[(DEFAULT, "resource.self.read")]).await,
        role_with(&app, "b", &[], &[]).await,
    );
    user(&app, "ann", &[a, b]).await;
    let rule = |id: i64, action: &str| {
        format!(
            "INSERT INTO command_rule (id, name, scope, object_id, pattern, action, priority, is_enabled, created_at, updated_at) \
             VALUES ({id}, 'r{id}', 'all', 0, 'x', '{action}', 1, (1 = 1), 1, 1);"
        )
    };
    let binding = |id: i64, role: RoleId| format!("INSERT INTO command_rule_role VALUES ({id}, {role});");
    let sql =
        [rule(1, "allow"), binding(1, a), rule(2, "deny"), binding(2, a), binding(2, b), rule(3, "warn")].concat();
    app.execute(&sql).await?;
    assert_eq!(role::delete(&ctx, &[a]).await?, 1);
    assert_eq!(roles_of(&app, "ann").await, [CLIENT, b]);
    assert_eq!(refusal(role::grants(&ctx, a).await), "not_found");
    let rules: Vec<(i64, bool)> =
        ctx.read().all(sql!("SELECT id, is_enabled FROM command_rule ORDER BY id"), args![]).await?;
    assert_eq!(rules, [(1, false), (2, true), (3, true)], "without its role the first would hold for everybody");
    Ok(())
});

both!(replacing_codes_touches_only_what_is_shown_and_held, |engine| async {
    let app = TestApp::new(engine).await?;
    let role_admin = role_with(&app, "granters", &["system.permission.update", "system.user.read"], &[]).await;
    let granter = signed_in(&app, user(&app, "granter", &[role_admin]).await).await;
    let target = role_with(&app, "target", &["oa.user.read", "system.role.read"], &[]).await;
    let visible = some(&["system.user.read", "system.role.read", "system.permission.update"]);
    let replace = async |codes: &[&'static str]| role::replace_codes(&granter, target, &some(codes), &visible).await;
    let codes = async || role::codes(&app.operator(), target).await.unwrap();
    assert_eq!(refusal(replace(&["system.user.read"]).await), "forbidden", "he takes what he does not hold");
    assert_eq!(codes().await, ["oa.user.read", "system.role.read"]);
    replace(&["system.role.read", "system.user.read"]).await?;
    assert_eq!(codes().await, ["oa.user.read", "system.role.read", "system.user.read"]);
    let other = role_with(&app, "other", &[], &[]).await;
    let wanted = some(&["system.role.read"]);
    assert_eq!(refusal(role::replace_codes(&granter, other, &wanted, &visible).await), "forbidden", "nor gives it");
    role::replace_codes(&app.operator(), target, &some(&[]), &visible).await?;
    assert_eq!(codes().await, ["oa.user.read"], "what the surface does not show stays");
    assert_eq!(refusal(role::replace_codes(&granter, CLIENT, &some(&[]), &visible).await), "locked");
    assert_eq!(refusal(role::replace_codes(&granter, RoleId(99), &some(&[]), &visible).await), "not_found");
    assert_eq!(refusal(role::codes(&granter, target).await), "forbidden");
    Ok(())
});

both!(binding_needs_all_that_the_role_holds, |engine| async {
    let app = TestApp::new(engine).await?;
    let own = ["system.permission.update", "user.profile.read", "user.profile.update"];
    let granters = role_with(&app, "granters", &own, &[(DEFAULT, "resource.self.read")]).await;
    let same = role_with(&app, "same", &["system.permission.update"], &[(DEFAULT, "resource.self.read")]).await;
    let coded = role_with(&app, "coded", &["system.user.read"], &[]).await;
    let granted = role_with(&app, "granted", &[], &[(DEFAULT, "resource.voucher.read")]).await;
    let granter_id = user(&app, "granter", &[granters]).await;
    let granter = signed_in(&app, granter_id).await;
    let ann = user(&app, "ann", &[]).await;
    for role in [FIRST, coded, granted] {
        assert_eq!(refusal(staff::bind(&granter, ann, &bound(&[CLIENT, role])).await), "forbidden");
        assert_eq!(refusal(staff::bind(&granter, granter_id, &bound(&[granters, role])).await), "forbidden");
    }
    staff::bind(&granter, ann, &bound(&[same])).await?;
    assert_eq!(roles_of(&app, "ann").await, [same], "the whole set is replaced");
    staff::bind(&granter, ann, &bound(&[])).await?;
    assert_eq!(roles_of(&app, "ann").await, []);
    assert_eq!(faults(staff::bind(&granter, ann, &bound(&[RoleId(99)])).await), [("roles", "unknown")]);
    assert_eq!(refusal(staff::bind(&granter, ADMINISTRATOR, &bound(&[])).await), "locked");
    assert_eq!(refusal(staff::bind(&granter, AccountId(99), &bound(&[])).await), "not_found");
    // Role 1 is given by its members only, whatever codes somebody gathered.
    let everything: Vec<&str> = everything().into_iter().collect();
    let grants: Vec<_> = gatehouse_domain::permission::ON_GROUPS.iter().map(|code| (DEFAULT, *code)).collect();
    let almost = role_with(&app, "almost", &everything, &grants).await;
    let almost = signed_in(&app, user(&app, "almost", &[almost]).await).await;
    assert_eq!(refusal(staff::bind(&almost, ann, &bound(&[FIRST])).await), "forbidden");
    let deputy = user(&app, "deputy", &[FIRST]).await;
    staff::bind(&signed_in(&app, deputy).await, ann, &bound(&[FIRST])).await?;
    assert_eq!(roles_of(&app, "ann").await, [FIRST]);
    Ok(())
});

both!(one_administrator_always_remains, |engine| async {
    let app = TestApp::new(engine).await?;
    let deputy = user(&app, "deputy", &[FIRST]).await;
    let ctx = signed_in(&app, deputy).await;
    // Somebody with the database's password took the protection off, and the role.
    app.execute("UPDATE account SET is_protected = (1 = 0) WHERE id = 1").await?;
    staff::bind(&ctx, ADMINISTRATOR, &bound(&[CLIENT])).await?;
    assert_eq!(refusal(staff::bind(&ctx, deputy, &bound(&[CLIENT])).await), "locked");
    let until = BTreeMap::from([(FIRST, Edit::Set(ctx.now().plus(Duration::from_hours(1))))]);
    assert_eq!(refusal(staff::bind(&ctx, deputy, &until).await), "locked", "not for a while either");
    let second = user(&app, "second", &[FIRST]).await;
    let second_ctx = signed_in(&app, second).await;
    staff::set_status(&second_ctx, deputy, false).await?;
    assert_eq!(refusal(staff::set_status(&ctx, second, false).await), "unauthenticated", "he is disabled himself");
    assert_eq!(refusal(staff::set_status(&app.operator(), second, false).await), "locked");
    assert_eq!(refusal(staff::delete(&app.operator(), &[second]).await), "locked");
    assert_eq!(roles_of(&app, "second").await, [FIRST, CLIENT]);
    Ok(())
});

both!(memberships_end, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let readers = role_with(&app, "readers", &["system.user.read"], &[]).await;
    let ann = user(&app, "ann", &[]).await;
    let until = ctx.now().plus(Duration::from_hours(1));
    staff::bind(&ctx, ann, &BTreeMap::from([(readers, Edit::Set(until))])).await?;
    let ends = async || {
        let rows = staff::memberships(&app.operator(), ann).await.unwrap();
        rows.into_iter().map(|row| (row.role.id, row.valid_until)).collect::<Vec<_>>()
    };
    assert_eq!(ends().await, [(readers, Some(until))]);
    // A client that does not know of ends does not take them away.
    staff::bind(&ctx, ann, &bound(&[readers])).await?;
    assert_eq!(ends().await, [(readers, Some(until))]);
    let reader = signed_in(&app, ann).await;
    assert!(staff::list(&reader, &Filter::default(), ALL).await.is_ok());
    app.advance(Duration::from_hours(1));
    let reader = signed_in(&app, ann).await;
    assert_eq!(refusal(staff::list(&reader, &Filter::default(), ALL).await), "forbidden");
    assert_eq!((ends().await, roles_of(&app, "ann").await), (vec![], vec![]));
    staff::bind(&ctx, ann, &bound(&[readers])).await?;
    assert_eq!(ends().await, [(readers, None)], "given anew");
    staff::bind(&ctx, ann, &BTreeMap::from([(readers, Edit::Set(ctx.now().plus(Duration::from_hours(1))))])).await?;
    staff::bind(&ctx, ann, &BTreeMap::from([(readers, Edit::Clear)])).await?;
    assert_eq!(ends().await, [(readers, None)]);
    Ok(())
});

both!(a_disabled_role_grants_nothing_at_once, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let makers = role_with(&app, "makers", &["system.user.create"], &[]).await;
    let maker = signed_in(&app, user(&app, "maker", &[makers]).await).await;
    staff::add(&maker, &new("one")).await?;
    role::set_status(&ctx, makers, false).await?;
    assert_eq!(refusal(staff::add(&maker, &new("two")).await), "forbidden", "also for a request that had begun");
    role::set_status(&ctx, makers, true).await?;
    staff::add(&maker, &new("two")).await?;
    let switchers = role_with(&app, "switchers", &["system.role.update", "system.role.delete"], &[]).await;
    let switcher = signed_in(&app, user(&app, "switcher", &[switchers]).await).await;
    assert_eq!(refusal(role::set_status(&switcher, makers, false).await), "forbidden");
    assert_eq!(refusal(role::delete(&switcher, &[switchers, makers]).await), "forbidden");
    assert!(rows::find(&mut ctx.read(), switchers).await?.is_some(), "nothing was deleted");
    assert_eq!(refusal(role::set_status(&ctx, FIRST, false).await), "locked");
    Ok(())
});

both!(parallel_editors_leave_one_of_their_wishes_whole, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let target = role_with(&app, "target", &[], &[]).await;
    let (a, b) = (some(&["system.user.read", "system.role.read"]), some(&["system.user.create", "system.role.create"]));
    let visible = everything();
    for _ in 0..10 {
        let (x, y) = tokio::join!(
            role::replace_codes(&ctx, target, &a, &visible),
            role::replace_codes(&ctx, target, &b, &visible)
        );
        x?;
        y?;
        let held = role::codes(&ctx, target).await?;
        let held: BTreeSet<&str> = held.iter().map(String::as_str).collect();
        assert!(held == a || held == b, "{held:?}");
    }
    // A role that goes while it is given: either order leaves a whole picture.
    for round in 0..10 {
        let role = role_with(&app, &format!("r{round}"), &[], &[]).await;
        let ann = user(&app, &format!("ann{round}"), &[]).await;
        let wanted = bound(&[CLIENT, role]);
        let (given, gone) =
            tokio::join!(staff::bind(&ctx, ann, &wanted), role::delete(&ctx, std::slice::from_ref(&role)));
        assert_eq!(gone?, 1);
        if given.is_err() {
            assert_eq!(faults(given), [("roles", "unknown")]);
        }
        assert_eq!(roles_of(&app, &format!("ann{round}")).await, [CLIENT]);
    }
    Ok(())
});

both!(a_try_to_rise_is_an_alert, |engine| async {
    let app = TestApp::new(engine).await?;
    let granters = role_with(&app, "granters", &["system.permission.update"], &[]).await;
    let granter_id = user(&app, "granter", &[granters]).await;
    let granter = signed_in(&app, granter_id).await;
    let alerts = async || audit::list(&app.operator(), None, Some("permission.escalation"), 10).await.unwrap();
    assert_eq!(
        refusal(role::add(&granter, &NewRole { name: "x".into(), code: "x".into(), remark: None }).await),
        "forbidden"
    );
    assert_eq!(refusal(role::delete(&granter, &[granters]).await), "forbidden");
    assert_eq!(alerts().await.len(), 0, "to lack a right is no try to rise");
    for _ in 0..3 {
        assert_eq!(refusal(staff::bind(&granter, granter_id, &bound(&[FIRST])).await), "forbidden");
    }
    let rows = alerts().await;
    assert_eq!(rows.len(), 1, "one a minute");
    assert_eq!(
        (rows[0].stream.as_str(), rows[0].actor_name.as_str(), rows[0].object_id),
        ("alert", "granter", Some(granter_id.0))
    );
    app.advance(Duration::from_mins(1));
    assert_eq!(refusal(staff::bind(&granter, granter_id, &bound(&[FIRST])).await), "forbidden");
    assert_eq!(alerts().await.len(), 2);
    Ok(())
});
