//! What roles hold on resource groups: replaced as a whole, for a time, by those who hold it.

use std::{collections::BTreeMap, time::Duration};

use gatehouse_domain::{
    Ctx, Edit,
    permission::{self, ON_GROUPS, schedule::Window},
    role::{self, GrantFaults, ValidityEdit},
};
use gatehouse_model::{AccountId, ResourceGroupId, RoleId};
use gatehouse_testkit::TestApp;

use crate::people::{DEFAULT, FIRST, group, refusal, role_with, signed_in, user, wish};

const ADMINISTRATOR: AccountId = AccountId(1);
const READ: &str = "resource.self.read";
const UPDATE: &str = "resource.self.update";

async fn held(app: &TestApp, role: RoleId) -> Vec<(i64, String)> {
    let rows = role::grants(&app.operator(), role).await.unwrap();
    rows.into_iter().map(|row| (row.resource_group_id.0, row.code)).collect()
}

async fn may(ctx: &Ctx, code: &str, group: ResourceGroupId) -> bool {
    permission::holds_on(ctx, &mut ctx.read(), code, group).await.unwrap()
}

both!(grants_are_replaced_as_a_whole_and_those_that_stay_keep_their_rows, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let sub = group(&app, "sub", Some(DEFAULT)).await;
    let target = role_with(&app, "target", &[], &[(DEFAULT, READ), (DEFAULT, UPDATE)]).await;
    let before = role::grants(&ctx, target).await?;
    role::replace_grants(&ctx, target, &wish(&[(DEFAULT, READ), (sub, UPDATE)])).await?;
    assert_eq!(held(&app, target).await, [(1, READ.to_owned()), (sub.0, UPDATE.to_owned())]);
    assert_eq!(role::grants(&ctx, target).await?[0], before[0], "the same row");
    role::replace_grants(&ctx, target, &wish(&[])).await?;
    assert_eq!(held(&app, target).await, []);
    let unknown = wish(&[(ResourceGroupId(99), READ)]);
    assert_eq!(refusal(role::replace_grants(&ctx, target, &unknown).await), "not_found");
    assert_eq!(refusal(role::replace_grants(&ctx, RoleId(99), &wish(&[])).await), "not_found");
    assert_eq!(refusal(role::replace_grants(&ctx, target, &wish(&[(DEFAULT, "system.user.read")])).await), "invalid");
    let groups = [DEFAULT, ResourceGroupId(99), sub, ResourceGroupId(98)];
    let faults = role::find_grant_faults(&ctx, RoleId(99), &groups).await?;
    assert_eq!(faults, GrantFaults { is_role_unknown: true, unknown_groups: vec![1, 3] });
    Ok(())
});

both!(protected_grants_survive_and_role_one_is_for_its_members, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    role::replace_grants(&ctx, FIRST, &wish(&[])).await?;
    assert_eq!(held(&app, FIRST).await.len(), ON_GROUPS.len());
    let sub = group(&app, "sub", Some(DEFAULT)).await;
    role::replace_grants(&ctx, FIRST, &wish(&[(sub, READ), (DEFAULT, READ)])).await?;
    assert_eq!(held(&app, FIRST).await.len(), ON_GROUPS.len() + 1);
    let granters =
        role_with(&app, "granters", &["system.permission.update"], &[(DEFAULT, READ), (DEFAULT, UPDATE)]).await;
    let granter = signed_in(&app, user(&app, "granter", &[granters]).await).await;
    assert_eq!(refusal(role::replace_grants(&granter, FIRST, &wish(&[])).await), "forbidden");
    assert_eq!(refusal(role::replace_grants(&granter, FIRST, &wish(&[(sub, READ), (sub, UPDATE)])).await), "forbidden");
    role::replace_grants(&granter, FIRST, &wish(&[(sub, READ)])).await?;
    role::replace_grants(&ctx, FIRST, &wish(&[])).await?;
    assert!(role::grants(&ctx, FIRST).await?.iter().all(|row| row.is_protected));
    Ok(())
});

both!(nobody_gives_or_takes_on_a_group_what_he_does_not_hold_there, |engine| async {
    let app = TestApp::new(engine).await?;
    let (mine, sub, other) = (group(&app, "mine", None).await, DEFAULT, group(&app, "other", None).await);
    let sub_of_mine = group(&app, "sub", Some(mine)).await;
    let granters = role_with(&app, "granters", &["system.permission.update"], &[(mine, READ), (sub, UPDATE)]).await;
    let granter = signed_in(&app, user(&app, "granter", &[granters]).await).await;
    let target = role_with(&app, "target", &[], &[(other, READ)]).await;
    let replace =
        async |grants: &[(ResourceGroupId, &str)]| role::replace_grants(&granter, target, &wish(grants)).await;
    assert_eq!(refusal(replace(&[]).await), "forbidden", "he takes a grant elsewhere");
    assert_eq!(refusal(replace(&[(other, READ), (mine, UPDATE)]).await), "forbidden", "another code on his group");
    assert_eq!(refusal(replace(&[(other, READ), (sub, READ)]).await), "forbidden", "his code on another group");
    replace(&[(other, READ), (mine, READ), (sub_of_mine, READ), (sub, UPDATE)]).await?;
    assert_eq!(held(&app, target).await.len(), 4);
    replace(&[(other, READ)]).await?;
    assert_eq!(held(&app, target).await, [(other.0, READ.to_owned())]);
    // With times he changes what others gave for good.
    let dated = BTreeMap::from([(
        (other, READ.to_owned()),
        ValidityEdit { valid_until: Edit::Set(app.app.now()), ..ValidityEdit::default() },
    )]);
    assert_eq!(refusal(role::replace_grants(&granter, target, &dated).await), "forbidden");
    let nobody = signed_in(&app, user(&app, "nobody", &[]).await).await;
    assert_eq!(refusal(role::replace_grants(&nobody, target, &wish(&[])).await), "forbidden");
    assert_eq!(refusal(role::find_grant_faults(&nobody, target, &[]).await), "forbidden");
    Ok(())
});

both!(grants_hold_for_their_time_only, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let sub = group(&app, "sub", Some(DEFAULT)).await;
    let target = role_with(&app, "target", &[], &[]).await;
    let ann = signed_in(&app, user(&app, "ann", &[target]).await).await;
    let hour = Duration::from_hours(1);
    let set = async |edit: ValidityEdit| {
        role::replace_grants(&ctx, target, &BTreeMap::from([((DEFAULT, READ.to_owned()), edit)])).await
    };
    set(ValidityEdit {
        valid_from: Edit::Set(ctx.now().plus(hour)),
        valid_until: Edit::Set(ctx.now().plus(hour * 2)),
        schedule: Edit::Keep,
    })
    .await?;
    assert!(!may(&ann, READ, DEFAULT).await);
    app.advance(hour);
    assert!(may(&ann, READ, DEFAULT).await && may(&ann, READ, sub).await && !may(&ann, UPDATE, sub).await);
    // A client that does not know of times does not take them away.
    set(ValidityEdit::default()).await?;
    app.advance(hour);
    assert!(!may(&ann, READ, DEFAULT).await);
    set(ValidityEdit { valid_until: Edit::Clear, ..ValidityEdit::default() }).await?;
    assert!(may(&ann, READ, DEFAULT).await);
    // 2026-01-01 was a Thursday; the clock stands at 02:00 UTC, 10:00 in Shanghai.
    let window = |day: u8| vec![Window { days: vec![day], from: "09:00".into(), to: "11:00".into() }];
    set(ValidityEdit { schedule: Edit::Set(window(5)), ..ValidityEdit::default() }).await?;
    assert!(!may(&ann, READ, DEFAULT).await);
    set(ValidityEdit { schedule: Edit::Set(window(4)), ..ValidityEdit::default() }).await?;
    assert!(may(&ann, READ, sub).await);
    set(ValidityEdit::default()).await?;
    app.advance(hour);
    assert!(!may(&ann, READ, sub).await, "the window is over");
    let wrong = Edit::Set(vec![Window { days: vec![8], from: "09:00".into(), to: "11:00".into() }]);
    assert_eq!(refusal(set(ValidityEdit { schedule: wrong, ..ValidityEdit::default() }).await), "invalid");
    set(ValidityEdit { schedule: Edit::Clear, ..ValidityEdit::default() }).await?;
    assert!(may(&ann, READ, sub).await);
    role::set_status(&ctx, target, false).await?;
    assert!(!may(&ann, READ, sub).await, "a disabled role grants nothing");
    Ok(())
});

both!(parallel_editors_of_grants_leave_one_of_their_wishes_whole, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = signed_in(&app, ADMINISTRATOR).await;
    let target = role_with(&app, "target", &[], &[]).await;
    let (a, b) = (wish(&[(DEFAULT, READ)]), wish(&[(DEFAULT, UPDATE), (DEFAULT, "resource.voucher.read")]));
    for _ in 0..10 {
        let (x, y) = tokio::join!(role::replace_grants(&ctx, target, &a), role::replace_grants(&ctx, target, &b));
        x?;
        y?;
        assert!([1, 2].contains(&held(&app, target).await.len()));
        let codes: Vec<_> = held(&app, target).await.into_iter().map(|(_, code)| code).collect();
        assert!(codes == [READ] || !codes.contains(&READ.to_owned()), "{codes:?}");
    }
    Ok(())
});
