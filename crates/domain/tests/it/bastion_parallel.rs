//! Two administrators at one thing: no edit is lost, and nothing is left without what it belongs to.

use gatehouse_domain::{
    Edit, Error, Fault,
    bastion::{
        group::{self, Deletion, EditGroup, NewGroup},
        policy::{self, Scope},
        request::{self, Decision, NewRequest, OnlyOwn},
        resource::{self, EditResource, NewResource},
        rule::{self, Action, EditRule, RuleData},
        voucher::{self, EditVoucher, Proof},
    },
    role,
};
use gatehouse_model::{Paging, ResourceGroupId, Secret};
use gatehouse_testkit::TestApp;

use crate::{
    bastion::{ALL, faults, group as make_group, resource as new, staff, voucher as new_voucher},
    people::{DEFAULT, role_with, wish},
};

const ROUNDS: usize = 10;
const FIRST: Paging = Paging { limit: 100, offset: 0, is_descending: false };

both!(parallel_edits_of_one_thing_lose_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let root = make_group(&app, "root", None).await?;
    let key = voucher::add(&ctx, &new_voucher("key", root)).await?;
    let web = resource::add(&ctx, &new("web", "10.0.0.1", root)).await?;
    let data = RuleData {
        name: "rule".to_owned(),
        scope: Scope::All,
        roles: vec![],
        pattern: "x".to_owned(),
        action: Action::Warn,
        priority: 1,
        is_enabled: true,
    };
    let no_rm = rule::add(&ctx, &data).await?;
    for round in 0..ROUNDS {
        let (name, note) = (format!("n{round}"), format!("r{round}"));
        let (named, noted) = (Some(name.clone()), Edit::Set(note.clone()));

        let one = EditGroup { id: root, name: named.clone(), remark: Edit::Keep };
        let two = EditGroup { id: root, name: None, remark: noted.clone() };
        let (one, two) = tokio::join!(group::edit(&ctx, &one), group::edit(&ctx, &two));
        one.and(two)?;
        let row = group::list(&ctx, Some(&name), FIRST).await?.rows.remove(0);
        assert_eq!((row.name.as_str(), row.remark.as_deref()), (name.as_str(), Some(note.as_str())), "group");

        let secret = Proof::Password(Secret::new(note.clone()));
        let one = EditVoucher { name: named.clone(), proof: Some(secret), ..EditVoucher::default() };
        let two = EditVoucher { username: named.clone(), remark: noted.clone(), ..EditVoucher::default() };
        let (one, two) = tokio::join!(voucher::edit(&ctx, key, &one), voucher::edit(&ctx, key, &two));
        one.and(two)?;
        let row = voucher::list(&ctx, None, None, FIRST).await?.rows.remove(0);
        assert_eq!(
            (row.name.as_str(), row.username.as_str(), row.remark.as_deref()),
            (name.as_str(), name.as_str(), Some(note.as_str())),
            "voucher"
        );

        let vouchers = if round % 2 == 0 { vec![key] } else { vec![] };
        let one = EditResource { name: named.clone(), vouchers: Some(vouchers.clone()), ..EditResource::default() };
        let two = EditResource { port: Some(1_000), remark: noted.clone(), ..EditResource::default() };
        let (one, two) = tokio::join!(resource::edit(&ctx, web, &one), resource::edit(&ctx, web, &two));
        one.and(two)?;
        let listed = resource::list(&ctx, None, None, FIRST).await?.listed.rows.remove(0);
        assert_eq!(
            (listed.row.name.as_str(), listed.row.port, listed.row.remark.as_deref()),
            (name.as_str(), 1_000, Some(note.as_str())),
            "resource"
        );
        assert_eq!(listed.vouchers.len(), vouchers.len());

        let priority = i64::try_from(round)?;
        let one = EditRule { name: named, ..EditRule::default() };
        let two = EditRule { pattern: Some(note.clone()), priority: Some(priority), ..EditRule::default() };
        let (one, two) = tokio::join!(rule::edit(&ctx, no_rm, one), rule::edit(&ctx, no_rm, two));
        one.and(two)?;
        let row = rule::list(&ctx, FIRST).await?.rows.remove(0).row;
        assert_eq!((row.name, row.pattern, row.priority), (name, note, priority), "rule");
    }
    Ok(())
});

both!(of_two_edits_of_one_field_one_holds_whole, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let root = make_group(&app, "root", None).await?;
    let keys = [
        voucher::add(&ctx, &new_voucher("a", root)).await?,
        voucher::add(&ctx, &new_voucher("b", root)).await?,
        voucher::add(&ctx, &new_voucher("c", root)).await?,
    ];
    let [a, b, c] = keys;
    let web = resource::add(&ctx, &new("web", "10.0.0.1", root)).await?;
    for _ in 0..ROUNDS {
        let bind = |ids: &[_]| EditResource { vouchers: Some(ids.to_vec()), ..EditResource::default() };
        let (one, two) = (bind(&[a]), bind(&[b, c]));
        let (one, two) = tokio::join!(resource::edit(&ctx, web, &one), resource::edit(&ctx, web, &two));
        one.and(two)?;
        let bound: Vec<_> = resource::list(&ctx, None, None, FIRST)
            .await?
            .listed
            .rows
            .remove(0)
            .vouchers
            .iter()
            .map(|v| v.id)
            .collect();
        assert!(bound == [a] || bound == [b, c], "{bound:?}");
    }
    Ok(())
});

/// Whether a refusal says that the group is gone.
fn is_gone<T>(result: &gatehouse_domain::Result<T>) -> bool {
    matches!(result, Err(Error::NotFound { what: "resource group" }))
}

both!(a_group_goes_whole_or_stays_while_things_come_into_it, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    for round in 0..ROUNDS {
        let root = make_group(&app, &format!("g{round}"), None).await?;
        let name = format!("t{round}");
        let gone = async || {
            let deletion = group::del(&ctx, &[root]).await.unwrap();
            matches!(deletion, Deletion::Done(1))
        };
        let is_there = async |id: ResourceGroupId| {
            let all = group::list(&ctx, None, FIRST).await.unwrap().rows;
            all.iter().any(|row| row.id == id)
        };
        let (was_deleted, is_refused) = match round % 3 {
            0 => {
                let form = new_voucher(&name, root);
                let (made, deleted) = tokio::join!(voucher::add(&ctx, &form), gone());
                (deleted, is_gone(&made))
            }
            1 => {
                let form: NewResource = new(&name, &format!("10.0.0.{round}"), root);
                let (made, deleted) = tokio::join!(resource::add(&ctx, &form), gone());
                (deleted, is_gone(&made))
            }
            _ => {
                let form = NewGroup { name, remark: None, parent: Some(root), role: None };
                let (made, deleted) = tokio::join!(group::add(&ctx, &form), gone());
                (deleted, is_gone(&made))
            }
        };
        assert_eq!((was_deleted, is_refused), (is_refused, !is_there(root).await), "round {round}");
    }
    Ok(())
});

both!(no_grant_outlives_its_group, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let target = role_with(&app, "target", &[], &[]).await;
    for round in 0..ROUNDS {
        let root = make_group(&app, &format!("g{round}"), None).await?;
        let wanted = wish(&[(DEFAULT, "resource.self.read"), (root, "resource.self.read")]);
        let gone = [root];
        let (granted, deleted) = tokio::join!(role::replace_grants(&ctx, target, &wanted), group::del(&ctx, &gone));
        assert_eq!(deleted?, Deletion::Done(1));
        let held = role::grants(&ctx, target).await?;
        assert!(held.iter().all(|grant| grant.resource_group_id == DEFAULT), "{held:?}");
        match granted {
            Ok(()) => assert_eq!(held.len(), 1),
            refused => assert!(is_gone(&refused), "{refused:?}"),
        }
    }
    Ok(())
});

both!(of_two_approvers_at_once_both_count_and_the_shorter_time_holds, |engine| async {
    let app = TestApp::new(engine).await?;
    let root = make_group(&app, "root", None).await?;
    let web = resource::add(&app.operator(), &new("web", "10.0.0.1", root)).await?;
    let wanted = serde_json::from_str(r#"{"requestable":true,"approvals":2}"#)?;
    policy::edit(&app.operator(), Scope::All, &wanted).await?;
    let (one, _) = staff(&app, "one", &["access.request.approve"], &[(root, ALL)]).await?;
    let (two, _) = staff(&app, "two", &["access.request.approve"], &[(root, ALL)]).await?;
    for round in 0..ROUNDS {
        let (guest, _) = staff(&app, &format!("guest{round}"), &["access.request.create"], &[]).await?;
        let reason = "to look".to_owned();
        let asked = NewRequest { resource: web, voucher: None, reason, minutes: 60, with_files: false };
        let (a, b) = tokio::join!(request::add(&guest, &asked), request::add(&guest, &asked));
        let (id, second) = if a.is_ok() { (a?, b) } else { (b?, a) };
        assert_eq!(faults(second), [Fault::new("resource_id", "pending")], "one waits, asked twice at once");
        let says = |minutes| Decision { approve: true, reason: None, minutes };
        let (short, any) = (says(Some(10)), says(None));
        let (a, b) = tokio::join!(request::decide(&one, id, &short), request::decide(&two, id, &any));
        a.and(b)?;
        let row = request::list(&guest, None, OnlyOwn::Yes, FIRST).await?.rows.remove(0).row;
        assert_eq!((row.state.as_str(), row.minutes), ("approved", 10));
    }
    Ok(())
});
