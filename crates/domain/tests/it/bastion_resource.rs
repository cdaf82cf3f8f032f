//! Resource groups, resources and vouchers: who sees and changes what.

use gatehouse_domain::{
    Edit, Error, Fault,
    bastion::{
        address::Given,
        group::{self, Deletion, EditGroup, InUse, NewGroup},
        resource::{self, EditResource, MOVE, NewResource},
        terminal::{self, Asked, Credential, Purpose},
        voucher::{self, EditVoucher, Proof},
    },
};
use gatehouse_model::{Paging, ProtocolId, ResourceGroupId, ResourceId, RoleId, Secret, VoucherId};
use gatehouse_testkit::TestApp;

use crate::bastion::{ALL, faults, group as make_group, is_absent, is_forbidden, person, resource as new, staff};

const FIRST: Paging = Paging { limit: 100, offset: 0, is_descending: false };

fn named(name: &str, parent: Option<ResourceGroupId>, role: Option<RoleId>) -> NewGroup {
    NewGroup { name: name.to_owned(), remark: None, parent, role }
}

both!(a_root_gives_its_rights_to_role_1_and_to_the_creators_role, |engine| async {
    let app = TestApp::new(engine).await?;
    let (maker, role) = staff(&app, "maker", &["system.group.create"], &[]).await?;
    let (_, foreign) = staff(&app, "other", &[], &[]).await?;
    assert_eq!(faults(group::add(&maker, &named("a", None, None)).await), [Fault::new("role", "required")]);
    assert_eq!(faults(group::add(&maker, &named("a", None, Some(RoleId(99)))).await), [Fault::new("role", "unknown")]);
    assert_eq!(
        faults(group::add(&maker, &named("Default", None, Some(foreign))).await),
        [Fault::new("name", "taken"), Fault::new("role", "not_own")]
    );
    let root = group::add(&maker, &named("a", None, Some(role))).await?;
    // The grants of the new root let him make a group below it and see both, but not the group of others.
    let sub = group::add(&maker, &named("b", Some(root), None)).await?;
    let seen: Vec<_> =
        group::list(&maker, None, FIRST).await?.rows.into_iter().map(|row| (row.id, row.level)).collect();
    assert_eq!(seen, [(root, 0), (sub, 1)]);
    let admin = person(&app, gatehouse_model::AccountId(1), "administrator", &[]);
    assert_eq!(group::list(&admin, None, FIRST).await?.total, 3);
    assert_eq!(group::list(&admin, Some("Efau"), FIRST).await?.total, 1, "search folds case");
    assert_eq!(group::list(&admin, Some("%"), FIRST).await?.total, 0, "and takes signs as they are");
    let (nobody, _) = staff(&app, "nobody", &[], &[]).await?;
    assert!(is_forbidden(&group::list(&nobody, None, FIRST).await));
    assert!(is_forbidden(&group::may_add(&nobody).await));
    // A holder of role 1 may give a root to any role.
    let admin = person(&app, gatehouse_model::AccountId(1), "administrator", &["system.group.create"]);
    group::add(&admin, &named("c", None, Some(foreign))).await?;
    Ok(())
});

both!(groups_end_at_the_deepest_level, |engine| async {
    let app = TestApp::new(engine).await?;
    let mut parent = None;
    for level in 0..=5 {
        parent = Some(make_group(&app, &format!("level {level}"), parent).await?);
    }
    let result = group::add(&app.operator(), &named("level 6", parent, None)).await;
    assert!(matches!(result, Err(Error::QuotaExceeded { .. })), "{result:?}");
    assert!(is_absent(&group::add(&app.operator(), &named("x", Some(ResourceGroupId(99)), None)).await));
    Ok(())
});

both!(groups_are_deleted_all_or_none, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let root = make_group(&app, "root", None).await?;
    let sub = make_group(&app, "sub", Some(root)).await?;
    let server = resource::add(&ctx, &new("web", "10.0.0.1", sub)).await?;
    let key = voucher::add(&ctx, &crate::bastion::voucher("v", root)).await?;
    let in_use = group::del(&ctx, &[root, sub, ResourceGroupId(99)]).await?;
    let expected = vec![
        InUse { group: root, resources: vec![], vouchers: vec![key], groups: vec![] },
        InUse { group: sub, resources: vec![server], vouchers: vec![], groups: vec![] },
    ];
    assert_eq!(in_use, Deletion::InUse(expected));
    let Deletion::InUse(alone) = group::del(&ctx, &[root]).await? else { panic!("in use") };
    assert_eq!(alone[0].groups, [sub]);
    assert!(matches!(group::del(&ctx, &[ResourceGroupId(1)]).await, Err(Error::Locked { .. })));
    resource::del(&ctx, &[server]).await?;
    voucher::del(&ctx, &[key]).await?;
    assert_eq!(group::del(&ctx, &[sub, root, sub]).await?, Deletion::Done(2));
    assert_eq!(group::del(&ctx, &[root]).await?, Deletion::Done(0));
    Ok(())
});

both!(other_peoples_ids_are_like_ids_of_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let (mine, theirs) = (make_group(&app, "mine", None).await?, make_group(&app, "theirs", None).await?);
    let (me, _) = staff(&app, "me", &[], &[(mine, ALL)]).await?;
    let hidden = resource::add(&ctx, &new("hidden", "10.0.0.1", theirs)).await?;
    let secret = voucher::add(&ctx, &crate::bastion::voucher("secret", theirs)).await?;
    let nothing = 9_999;
    for id in [hidden, ResourceId(nothing)] {
        assert!(is_forbidden(&resource::edit(&me, id, &EditResource::default()).await));
        assert!(is_forbidden(&resource::del(&me, &[id]).await));
    }
    for id in [secret, VoucherId(nothing)] {
        assert!(is_forbidden(&voucher::edit(&me, id, &EditVoucher::default()).await));
        assert!(is_forbidden(&voucher::del(&me, &[id]).await));
        let bound = NewResource { vouchers: vec![id], ..new("x", "10.0.0.9", mine) };
        assert_eq!(faults(resource::add(&me, &bound).await), [Fault::new("voucher", "other_group")]);
    }
    for id in [theirs, ResourceGroupId(nothing)] {
        assert!(is_forbidden(&resource::add(&me, &new("x", "10.0.0.9", id)).await));
        assert!(is_forbidden(&voucher::add(&me, &crate::bastion::voucher("x", id)).await));
        assert!(is_forbidden(&group::add(&me, &named("x", Some(id), None)).await));
        let edit = EditGroup { id, name: None, remark: Edit::Keep };
        assert!(is_forbidden(&group::edit(&me, &edit).await));
        assert!(is_forbidden(&group::del(&me, &[id]).await));
        assert_eq!(resource::list(&me, None, Some(id), FIRST).await?.listed.total, 0);
        let own = resource::add(&me, &new(&format!("own {id}"), &format!("10.0.1.{}", id.0 % 250), mine)).await?;
        let moved = EditResource { group: Some(id), ..EditResource::default() };
        let result = resource::edit(&me, own, &moved).await;
        assert!(matches!(&result, Err(Error::Forbidden { need }) if need == MOVE), "{result:?}");
    }
    // Who holds everything everywhere has nothing to guess.
    let admin = person(&app, gatehouse_model::AccountId(1), "administrator", &[]);
    assert!(is_absent(&resource::edit(&admin, ResourceId(nothing), &EditResource::default()).await));
    assert_eq!(resource::del(&admin, &[ResourceId(nothing)]).await?, 0);
    Ok(())
});

both!(a_missing_right_on_one_of_a_list_deletes_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let (mine, theirs) = (make_group(&app, "mine", None).await?, make_group(&app, "theirs", None).await?);
    let (me, _) = staff(&app, "me", &[], &[(mine, ALL), (theirs, &["resource.self.read"])]).await?;
    let own = resource::add(&ctx, &new("own", "10.0.0.1", mine)).await?;
    let other = resource::add(&ctx, &new("other", "10.0.0.2", theirs)).await?;
    assert!(is_forbidden(&resource::del(&me, &[own, other]).await));
    assert_eq!(resource::list(&me, None, None, FIRST).await?.listed.total, 2);
    assert_eq!(resource::del(&me, &[own]).await?, 1);
    Ok(())
});

both!(addresses_and_names_are_unique_and_told_all_at_once, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let group = ResourceGroupId(1);
    let web = resource::add(&ctx, &new("web", "10.0.0.1", group)).await?;
    let twice = NewResource { protocol: ProtocolId(7), ..new("web", "10.0.0.1", group) };
    let expected =
        [Fault::new("protocol", "unknown"), Fault::new("name", "taken"), Fault::new("ipv4_address", "taken")];
    assert_eq!(faults(resource::add(&ctx, &twice).await), expected);
    // Another port is another service; the mapped form is the same host.
    let other = NewResource { port: Some(2_222), ..new("web 2", "10.0.0.1", group) };
    let other = resource::add(&ctx, &other).await?;
    let mapped = Given { ipv6: Edit::Set("::ffff:10.0.0.1".to_owned()), ..Given::default() };
    let mapped = NewResource { address: mapped, ..new("web 3", "", group) };
    assert_eq!(faults(resource::add(&ctx, &mapped).await), [Fault::new("ipv6_address", "taken")]);
    let edit = EditResource { port: Some(22), ..EditResource::default() };
    assert_eq!(faults(resource::edit(&ctx, other, &edit).await), [Fault::new("ipv4_address", "taken")]);
    let name = Given { domain: Edit::Set("Web.Example.".to_owned()), ..Given::default() };
    let edit = EditResource { address: name, is_enabled: Some(false), ..EditResource::default() };
    resource::edit(&ctx, web, &edit).await?;
    let row = resource::list(&ctx, Some("web"), None, FIRST).await?.listed.rows.remove(0).row;
    assert_eq!((row.ipv4, row.domain.as_deref(), row.host.as_str()), (None, Some("web.example"), "web.example"));
    assert!(!row.is_enabled);
    let refused = faults(resource::add(&ctx, &new("meta", "169.254.169.254", group)).await);
    assert_eq!(refused, [Fault::new("ipv4_address", "forbidden_address")]);
    Ok(())
});

both!(vouchers_are_bound_within_a_root_and_hold_things_in_place, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let root = make_group(&app, "root", None).await?;
    let (left, right) = (make_group(&app, "left", Some(root)).await?, make_group(&app, "right", Some(root)).await?);
    let (me, _) = staff(&app, "me", &[], &[(left, ALL), (right, &["resource.self.read"])]).await?;
    let seen = voucher::add(&ctx, &crate::bastion::voucher("seen", left)).await?;
    let unseen = voucher::add(&ctx, &crate::bastion::voucher("unseen", right)).await?;
    let foreign = voucher::add(&ctx, &crate::bastion::voucher("foreign", ResourceGroupId(1))).await?;
    let web = resource::add(&ctx, &NewResource { vouchers: vec![unseen], ..new("web", "10.0.0.1", left) }).await?;
    let bind = |ids: &[VoucherId]| EditResource { vouchers: Some(ids.to_vec()), ..EditResource::default() };
    for wrong in [foreign, unseen] {
        assert_eq!(faults(resource::edit(&me, web, &bind(&[wrong])).await), [Fault::new("voucher", "other_group")]);
    }
    resource::edit(&me, web, &bind(&[seen, seen])).await?;
    let bound = async |ctx| {
        let page = resource::list(ctx, Some("web"), None, FIRST).await?;
        anyhow::Ok(page.listed.rows[0].vouchers.iter().map(|row| row.id).collect::<Vec<_>>())
    };
    assert_eq!(bound(&me).await?, [seen], "what he may not read is not shown");
    assert_eq!(bound(&ctx).await?, [seen, unseen], "nor unbound");
    let moved = EditResource { group: Some(root), ..EditResource::default() };
    assert!(matches!(resource::edit(&ctx, web, &moved).await, Err(Error::Locked { .. })));
    let moved = EditVoucher { group: Some(root), ..EditVoucher::default() };
    assert!(matches!(voucher::edit(&ctx, seen, &moved).await, Err(Error::Locked { .. })));
    let unbound = EditResource { group: Some(root), vouchers: Some(vec![]), ..EditResource::default() };
    resource::edit(&ctx, web, &unbound).await?;
    voucher::edit(&ctx, seen, &moved).await?;
    assert_eq!(voucher::list(&ctx, None, Some(root), FIRST).await?.total, 2, "a group counts with those below it");
    assert_eq!(voucher::list(&me, None, None, FIRST).await?.total, 0);
    // A right to bind is needed on the voucher's group.
    let (reader, _) =
        staff(&app, "reader", &[], &[(root, &["resource.self.update", "resource.self.read", "resource.voucher.read"])])
            .await?;
    assert!(is_forbidden(&resource::edit(&reader, web, &bind(&[seen])).await));
    Ok(())
});

both!(lists_show_what_may_be_seen_in_pages, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let root = make_group(&app, "root", None).await?;
    let sub = make_group(&app, "sub", Some(root)).await?;
    let (me, role) = staff(&app, "me", &[], &[(root, &["resource.self.read"])]).await?;
    for n in 1..=5 {
        let group = if n % 2 == 0 { sub } else { root };
        resource::add(&ctx, &new(&format!("r{n}"), &format!("10.0.0.{n}"), group)).await?;
    }
    resource::add(&ctx, &new("elsewhere", "10.0.1.1", ResourceGroupId(1))).await?;
    let page = resource::list(&me, None, None, Paging { limit: 2, offset: 2, is_descending: true }).await?;
    let names: Vec<_> = page.listed.rows.iter().map(|row| row.row.name.as_str()).collect();
    assert_eq!((page.listed.total, names), (5, vec!["r3", "r2"]));
    assert_eq!(page.groups.iter().map(|group| group.id).collect::<Vec<_>>(), [root, sub]);
    let past = resource::list(&me, None, None, Paging { limit: 2, offset: 9, is_descending: false }).await?;
    assert_eq!((past.listed.total, past.listed.rows.len(), past.groups.len()), (5, 0, 0));
    assert_eq!(resource::list(&me, None, Some(sub), FIRST).await?.listed.total, 2);
    assert_eq!(resource::list(&me, None, Some(root), FIRST).await?.listed.total, 5);
    // A second role that grants the same changes nothing; a disabled one grants nothing.
    let mut tx = ctx.begin().await?;
    gatehouse_store::role::update(&mut tx, role, "off", None, false, ctx.now()).await?;
    tx.commit().await?;
    assert!(is_forbidden(&resource::list(&me, None, None, FIRST).await));
    Ok(())
});

both!(secrets_are_sealed_and_used_by_the_next_stay, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let group = make_group(&app, "g", None).await?;
    let (me, _) = staff(&app, "me", &[], &[(group, ALL)]).await?;
    let web = resource::add(&me, &new("web", "10.0.0.1", group)).await?;
    let id = voucher::add(&me, &crate::bastion::voucher("v", group)).await?;
    let row = voucher::list(&ctx, None, None, FIRST).await?.rows.remove(0);
    assert!(!format!("{row:?}").contains("pass word"));
    let asked = || Asked { resource: web, voucher: id, purpose: Purpose::Shell, client: "web" };
    let credential = async || match terminal::admit(&me, asked()).await {
        Ok(admitted) => Ok(admitted.credential),
        Err(refusal) => anyhow::bail!("{refusal:?}"),
    };
    assert!(matches!(credential().await?, Credential::Password(text) if text.expose() == "pass word"));
    let random = rcgen_key()?;
    let key = Proof::PrivateKey { text: Secret::new(random), passphrase: None };
    voucher::edit(&me, id, &EditVoucher { proof: Some(key), ..EditVoucher::default() }).await?;
    let Credential::PrivateKey(text) = credential().await? else { panic!("a key") };
    assert!(text.expose().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
    let broken = Proof::PrivateKey { text: Secret::new("x"), passphrase: None };
    let broken = EditVoucher { proof: Some(broken), name: Some("v".to_owned()), ..EditVoucher::default() };
    assert_eq!(faults(voucher::edit(&me, id, &broken).await), [Fault::new("private_key", "malformed")]);
    assert_eq!(voucher::del(&me, &[id, id]).await?, 1);
    assert!(credential().await.is_err(), "a deleted voucher opens nothing");
    Ok(())
});

/// A fresh key in PKCS#8 form.
fn rcgen_key() -> anyhow::Result<String> {
    Ok(rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?.serialize_pem())
}
