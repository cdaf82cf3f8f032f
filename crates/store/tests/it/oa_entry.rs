//! The one question behind every request of the oa surface, whose text differs between the engines.

use gatehouse_model::{AccountId, ApiTokenId, Millis, OaUserId};
use gatehouse_store::{Query, Tx, api_token, args, oa_entry, oa_user, pass, sql};

/// A name that must be quoted in SQL, in JSON and in the mind.
const ODD: &str = "张\"\\'三\u{7f}\u{1f600}";

async fn account(tx: &mut Tx, login: &str, is_enabled: bool) -> AccountId {
    let insert = sql!(
        "INSERT INTO account (login, is_enabled, is_protected, origin, must_change_password, epoch, seal_ref, created_at, updated_at) \
         VALUES ($1, $2, $3, 'oa', $3, 1, 'r', 0, 0) RETURNING id"
    );
    tx.one::<(AccountId,)>(insert, args![login, is_enabled, false]).await.unwrap().unwrap().0
}

async fn user(tx: &mut Tx, name: &str, account: Option<AccountId>) -> OaUserId {
    let id = oa_user::insert(tx, name, "local", "e@oa.invalid", Millis(1)).await.unwrap().unwrap();
    assert_eq!(oa_user::update_made(tx, id, 200, account, None, Millis(2)).await.unwrap(), 1);
    id
}

async fn token(tx: &mut Tx, kind: &str, hash: &str, label: &str) -> ApiTokenId {
    let new = api_token::NewApiToken {
        kind,
        label,
        secret_hash: hash,
        secret_sealed: None,
        codes: "a b",
        seal_ref: "r",
        at: Millis(1),
    };
    api_token::insert(tx, &new).await.unwrap()
}

both! {
    async fn tokens_and_names_are_found_together_and_each_name_in_its_place(fixture: &Fixture) {
        let mut tx = fixture.db.begin().await.unwrap();
        let boss = account(&mut tx, "boss", true).await;
        pass::insert_staff(&mut tx, boss, Millis(1)).await.unwrap();
        let (made, disabled) = (account(&mut tx, ODD, true).await, account(&mut tx, "disabled", false).await);
        let group = sql!("INSERT INTO node_group (name, created_at, updated_at) VALUES ('g', 0, 0) RETURNING id");
        let (group,): (gatehouse_model::NodeGroupId,) = tx.one(group, args![]).await.unwrap().unwrap();
        let new = pass::NewProxyPass {
            account_id: made,
            uuid: ("sealed", "hash"),
            token: ("sealed", "hash"),
            node_group_id: Some(group),
            quota: None,
            expires_at: None,
            speed_limit: 0,
            device_limit: 0,
            seal_ref: "place",
            at: Millis(1),
        };
        pass::insert_proxy(&mut tx, &new).await.unwrap();
        let ids = [user(&mut tx, ODD, Some(made)).await, user(&mut tx, "disabled", Some(disabled)).await, user(&mut tx, "bare", None).await];
        let one = token(&mut tx, "oa", "hash one", ODD).await;
        let two = token(&mut tx, "oa", "hash two", "two").await;
        token(&mut tx, "api", "hash of another kind", "three").await;
        api_token::update_used(&mut tx, two, Millis(i64::MAX)).await.unwrap();
        tx.commit().await.unwrap();

        let hashes = ["hash two", "unknown", "hash of another kind", "hash one", ""];
        let names = ["bare", ODD, "nobody", "disabled", "boss", ODD, ""];
        let (mut tokens, entries) = oa_entry::find(&mut fixture.db.read(), &hashes, &names).await.unwrap();
        tokens.sort_by_key(|token| token.id);
        let found: Vec<_> = tokens.iter().map(|t| (t.id, &*t.secret_hash, &*t.label, &*t.codes, t.expires_at, t.last_used_at)).collect();
        assert_eq!(found, [
            (one, "hash one", ODD, "a b", None, None),
            (two, "hash two", "two", "a b", None, Some(Millis(i64::MAX))),
        ]);
        assert_eq!(
            entries.iter().map(|entry| (entry.id, entry.is_staff, entry.is_enabled, entry.account_id)).collect::<Vec<_>>(),
            [
                (Some(ids[2]), false, false, None),
                (Some(ids[0]), false, true, Some(made)),
                (None, false, false, None),
                (Some(ids[1]), false, false, Some(disabled)),
                (None, true, false, None),
                (Some(ids[0]), false, true, Some(made)),
                (None, false, false, None),
            ]
        );
        let whole = &entries[1];
        assert_eq!((whole.state.as_deref(), whole.code), (Some("exists"), Some(200)));
        assert_eq!((whole.uuid_sealed.as_deref(), whole.seal_ref.as_deref()), (Some("sealed"), Some("place")));
        assert_eq!(whole.node_group_id, Some(group));
        assert_eq!((entries[3].uuid_sealed.as_deref(), entries[3].node_group_id), (None, None));

        let (tokens, entries) = oa_entry::find(&mut fixture.db.read(), &[], &[]).await.unwrap();
        assert_eq!((tokens.len(), entries.len()), (0, 0));
        let mut tx = fixture.db.begin().await.unwrap();
        assert_eq!(oa_entry::find_one(&mut tx, "disabled").await.unwrap().id, Some(ids[1]));
    }

    async fn a_thousand_names_are_one_question(fixture: &Fixture) {
        let mut tx = fixture.db.begin().await.unwrap();
        for n in (0..1000).step_by(3) {
            user(&mut tx, &format!("user {n}"), None).await;
        }
        tx.commit().await.unwrap();
        let names: Vec<_> = (0..1000).map(|n| format!("user {n}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let (_, entries) = oa_entry::find(&mut fixture.db.read(), &[], &names).await.unwrap();
        assert!(entries.iter().enumerate().all(|(n, entry)| entry.id.is_some() == (n % 3 == 0)));
    }
}
