//! Whatever a state file says: applying it twice is applying it once, and a dry run is no application.

use gatehouse_domain::apply::{
    self, AccountEntry, Applied, Change, Limit, Mode, NodeGroupEntry, OaUserEntry, Presence, ProxyEntry, RoleEntry,
    StaffEntry, StateFile, TokenEntry,
};
use gatehouse_model::{ByteSize, Secret};
use gatehouse_testkit::{Engine, TestApp};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::picture::picture;

const NAMES: &[&str] = &["a", "b", "ß", "张三", "o'brien", "administrator", "Bob", "bob"];

fn name() -> impl Strategy<Value = String> {
    select(NAMES).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = Option<String>> {
    option::of(select(&["", "x", "y z"][..]).prop_map(str::to_owned))
}

fn presence() -> impl Strategy<Value = Presence> {
    prop_oneof![4 => Just(Presence::Present), 1 => Just(Presence::Absent)]
}

fn limit() -> impl Strategy<Value = Limit> {
    option::of(0_u64..1 << 40).prop_map(|bytes| Limit(bytes.map(ByteSize)))
}

fn role() -> impl Strategy<Value = RoleEntry> {
    let codes = option::of(proptest::collection::btree_set(
        select(&["system.user.read", "panel.admin", "no.code"][..]).prop_map(str::to_owned),
        0..2,
    ));
    (name(), text(), codes, any::<Option<bool>>(), presence()).prop_map(|(code, remark, codes, enabled, state)| {
        RoleEntry { code, name: None, remark, codes, grants: None, billing_groups: None, enabled, state }
    })
}

fn proxy() -> impl Strategy<Value = ProxyEntry> {
    (option::of(name()), option::of(limit()), any::<Option<u32>>(), presence()).prop_map(
        |(node_group, quota, speed_limit, state)| ProxyEntry {
            node_group,
            quota,
            speed_limit,
            state,
            ..ProxyEntry::default()
        },
    )
}

fn staff() -> impl Strategy<Value = StaffEntry> {
    (option::of(proptest::collection::btree_set(name(), 0..2)), presence()).prop_map(|(roles, state)| StaffEntry {
        roles,
        ssh_keys: None,
        state,
    })
}

fn account() -> impl Strategy<Value = AccountEntry> {
    let email = option::of(select(&["", "a@example.com", "B@example.com"][..]).prop_map(str::to_owned));
    let password = option::of(select(&["p", "q"][..]).prop_map(Secret::new));
    (name(), text(), email, password, any::<Option<bool>>(), option::of(staff()), option::of(proxy()), presence())
        .prop_map(|(login, name, email, password, enabled, staff, proxy, state)| AccountEntry {
            login,
            name,
            email,
            password,
            enabled,
            staff,
            proxy,
            state,
            ..AccountEntry::default()
        })
}

fn file() -> impl Strategy<Value = StateFile> {
    let group = (name(), presence()).prop_map(|(name, state)| NodeGroupEntry { name, state });
    let token = (name(), option::of(select(&["v", "w"][..]).prop_map(Secret::new)), presence())
        .prop_map(|(label, value, state)| TokenEntry { label, value, value_file: None, state });
    let user = (name(), presence()).prop_map(|(username, state)| OaUserEntry { username, state });
    (vec(role(), 0..3), vec(group, 0..3), vec(account(), 0..4), vec(token, 0..2), vec(user, 0..3)).prop_map(
        |(role, node_group, account, token, user)| StateFile {
            role,
            node_group,
            account,
            oa: apply::OaEntries { token, user },
            ..StateFile::default()
        },
    )
}

/// Applies one file after another, so that later ones meet what earlier ones made.
async fn run(files: Vec<StateFile>) -> usize {
    let test = TestApp::new(Engine::Sqlite).await.unwrap();
    let ctx = test.operator();
    let mut applied = 0;
    for file in files {
        let before = picture(&test.app).await;
        let dry = apply::apply(&ctx, &file, Mode::DryRun).await.unwrap();
        assert_eq!(picture(&test.app).await, before, "a dry run left a trace");
        let first = apply::apply(&ctx, &file, Mode::Write).await.unwrap();
        assert_eq!(first, dry, "a dry run tells what will happen");
        let Applied::Done(items) = &first else {
            assert_eq!(picture(&test.app).await, before, "a refused file left a trace");
            continue;
        };
        applied += 1;
        let once = picture(&test.app).await;
        if items.iter().all(|item| item.change == Change::Unchanged) {
            assert_eq!(once, before, "an unchanged entry was written");
        }
        let second = apply::apply(&ctx, &file, Mode::Write).await.unwrap();
        match &second {
            Applied::Done(items) => assert!(items.iter().all(|item| item.change == Change::Unchanged), "{items:#?}"),
            Applied::Refused(problems) => panic!("{problems:#?}"),
        }
        assert_eq!(picture(&test.app).await, once, "the second application wrote something");
    }
    applied
}

#[test]
fn applying_twice_is_applying_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let applied = std::cell::Cell::new(0);
    let config =
        ProptestConfig { cases: 64, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = proptest::test_runner::TestRunner::new(config).run(&vec(file(), 1..5), |files| {
        applied.set(applied.get() + runtime.block_on(run(files)));
        Ok(())
    });
    outcome.unwrap();
    // Otherwise the files above are all refused and the law holds for nothing.
    assert!(applied.get() >= 24, "only {} files could be applied", applied.get());
}
