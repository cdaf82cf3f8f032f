//! The state file and billing: groups, services, fields, cards, pools, subscribers; again and again the same.

use gatehouse_domain::{
    account::view,
    apply::{self, Applied, Change, Mode},
    billing::{
        block::{self, Block},
        card, scope,
    },
    ledger::check,
};
use gatehouse_model::{Money, Secret};
use gatehouse_store::{
    account, address, billing_group, billing_service, billing_subscription, device, role, role_reach, subscriber,
};
use gatehouse_testkit::TestApp;

use crate::{
    apply::file,
    billing_people::{self as people, done as granted},
};

const WHOLE: &str = r#"
[[billing.group]]
name = "home"
id = 7
limit_balance = "-20.00"

[[billing.group]]
name = "office"

[[billing.service]]
key = "fast"
id = 33
title = "50 Mb"
module = "unlim"
price = 100
period = "month"
auto_renew = true
discountable = true
fallback_service = "slow"
tags = ["inet", "speed=50", "chkBalance"]
param = { "list" = "fast" }
groups = ["home"]

[[billing.service]]
key = "slow"
module = "unlim"
price = "9.99"
period = "30d"
groups = ["home", "office"]

[[billing.field]]
name = "_street"
title = "[02] Street"
type = "select"
choices = { "1" = "Khreshchatyk" }

[[billing.field]]
name = "_door"
type = "pass"
staff_only = true

[[billing.card]]
code = "AAAA-bbbb-1111"
series = "A"
amount = "50.00"

[[address_pool]]
name = "grey"
cidr = "198.51.100.0/29"
tags = ["pppoe"]

[[role]]
code = "till"
codes = ["billing.access", "billing.payment.cash"]
billing_groups = ["home"]

[[account]]
login = "kim"
password = "a password"
[account.subscriber]
uid = 357
group = "home"
contract = "12/345"
contract_at = 2024-05-01T00:00:00Z
full_name = "Kim Kim"
discount = 15
admin_block = "moved out"
blocks = { messages = "be polite" }
fields = { "_street" = "1", "_door" = "4321" }
addresses = ["198.51.100.3", "203.0.113.9"]
[[account.subscriber.service]]
key = "main"
service = "fast"
paid_until = 2026-02-01T00:00:00Z

[[account]]
login = "lee"
[account.subscriber]
block_if_limit = false
[[account.subscriber.service]]
key = "main"
service = "slow"

[[device]]
mac = "00:1A:2b-3c.4d5e"
account = "kim"
"#;

async fn done(app: &TestApp, toml: &str) -> Vec<(String, Change)> {
    match apply::apply(&app.operator(), &file(toml), Mode::Write).await.unwrap() {
        Applied::Done(items) => items.into_iter().map(|it| (format!("{} {}", it.kind, it.key), it.change)).collect(),
        Applied::Refused(problems) => panic!("{problems:#?}"),
    }
}

async fn refused(app: &TestApp, toml: &str) -> String {
    match apply::apply(&app.operator(), &file(toml), Mode::Write).await.unwrap() {
        Applied::Done(items) => panic!("{items:#?}"),
        Applied::Refused(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

both!(a_file_sets_billing_up_and_again_does_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let changes = done(&app, WHOLE).await;
    assert!(changes.iter().all(|(_, change)| *change == Change::Created), "{changes:?}");
    let q = &mut app.app.db().read();

    let kim = account::find_by_key(q, "kim").await?.unwrap().id;
    let row = subscriber::find(q, kim).await?.unwrap();
    assert_eq!((row.uid, row.billing_group_id.0, row.limit_balance, row.discount), (357, 7, Money(-2_000), 15));
    assert_eq!((row.contract.as_str(), row.admin_block_why.as_str()), ("12/345", "moved out"));
    assert_eq!(block::find(&app.operator(), q, kim, Block::Messages).await?.as_deref(), Some("be polite"));
    let fields = people::fields(&app, kim, true).await;
    let shown: Vec<_> = fields.iter().map(|it| (it.title.as_str(), it.shown.as_str())).collect();
    assert_eq!(shown, [("Street", "Khreshchatyk"), ("_door", "")]);
    let own: Vec<_> = address::list_static(q, kim).await?.into_iter().map(|row| row.ip).collect();
    assert_eq!(own, ["198.51.100.3", "203.0.113.9"]);
    assert_eq!(device::find(q, "001a2b3c4d5e").await?.unwrap().account_id, kim);
    let taken = billing_subscription::list_of(q, kim).await?;
    assert_eq!((taken.len(), taken[0].billing_service_id.0, taken[0].charge_id), (1, 33, None));
    assert_eq!(people::balance(&app, kim).await, Money::ZERO, "he had paid elsewhere");

    let lee = account::find_by_key(q, "lee").await?.unwrap().id;
    assert_eq!(subscriber::find(q, lee).await?.unwrap().uid, 358, "above the highest");
    assert_eq!(people::balance(&app, lee).await, Money(-999), "connected and charged");

    let code = card::code(&Secret::new("aaaabbbb1111")).unwrap();
    assert_eq!(card::find(&app.app, q, &code).await?.unwrap().amount, Money(5_000));
    let till = role::find_by_code(q, "till").await?.unwrap().id;
    assert_eq!(role_reach::find_of_role(q, till).await?.unwrap().len(), 1);
    let fast = billing_service::find_by_key(q, "fast").await?.unwrap();
    let slow = billing_service::find_by_key(q, "slow").await?.unwrap();
    assert_eq!(
        (fast.id.0, fast.fallback_service_id, fast.tags.as_str()),
        (33, Some(slow.id), ",inet,speed=50,chkBalance,")
    );

    let rows = people::rows(&app, kim).await;
    for again in [done(&app, WHOLE).await, done(&app, WHOLE).await] {
        assert!(again.iter().all(|(_, change)| *change == Change::Unchanged), "{again:?}");
    }
    assert_eq!(people::rows(&app, kim).await, rows, "not a row more");
    assert_eq!(people::balance(&app, lee).await, Money(-999));
    assert_eq!(check::check(q).await?, []);
    Ok(())
});

both!(a_file_changes_what_it_names_and_removes_what_it_may, |engine| async {
    let app = TestApp::new(engine).await?;
    done(&app, WHOLE).await;
    let q = &mut app.app.db().read();
    let kim = account::find_by_key(q, "kim").await?.unwrap().id;
    let change = r#"
[[billing.group]]
name = "office"
limit_balance = "-5.00"
[[billing.service]]
key = "slow"
price = "12.00"
[[role]]
code = "till"
billing_groups = "all"
[[address_pool]]
name = "grey"
public = true
[[account]]
login = "kim"
[account.subscriber]
group = "office"
admin_block = ""
blocks = { credit = "twice unpaid" }
addresses = []
fields = { "_street" = "" }
[[device]]
mac = "001a2b3c4d5e"
state = "absent"
[[billing.card]]
code = "AAAABBBB1111"
state = "absent"
"#;
    let changes = done(&app, change).await;
    assert!(changes.iter().all(|(_, change)| *change != Change::Unchanged), "{changes:?}");
    let again = done(&app, change).await;
    assert!(again.iter().all(|(_, change)| *change == Change::Unchanged), "{again:?}");
    let row = subscriber::find(q, kim).await?.unwrap();
    assert_eq!((row.admin_block, row.limit_balance), (false, Money(-2_000)), "his limit stays his");
    assert_eq!(block::find(&app.operator(), q, kim, Block::Messages).await?, None);
    assert!(block::find(&app.operator(), q, kim, Block::Credit).await?.is_some());
    assert_eq!(address::list_static(q, kim).await?, []);
    assert_eq!(address::find(q, "198.51.100.3").await?.unwrap().kind, "dynamic", "back in its pool");
    assert_eq!(address::find(q, "203.0.113.9").await?, None);
    assert_eq!(billing_service::find_by_key(q, "slow").await?.unwrap().price, Money(1_200));
    let reach = scope::reach(q, &people::staff(&app, "clerk", &["billing.access"], None).await, "billing.access").await;
    assert_eq!(granted(reach), scope::Reach::All);

    let told = refused(&app, "[[billing.group]]\nname = \"office\"\nstate = \"absent\"\n").await;
    assert!(told.contains("subscribers are in it"), "{told}");
    let told = refused(&app, "[[billing.service]]\nkey = \"fast\"\nstate = \"absent\"\n").await;
    assert!(told.contains("somebody has or had it"), "{told}");
    let gone = r#"
[[account]]
login = "lee"
state = "absent"
[[account]]
login = "kim"
state = "absent"
[[billing.field]]
name = "_door"
state = "absent"
[[billing.group]]
name = "office"
state = "absent"
[[address_pool]]
name = "grey"
state = "absent"
"#;
    let changes = done(&app, gone).await;
    assert!(changes.iter().all(|(_, change)| *change == Change::Removed), "{changes:?}");
    assert_eq!(people::rows(&app, kim).await.last(), Some(&220));
    assert_eq!(check::check(q).await?, []);
    Ok(())
});

both!(a_file_is_refused_with_all_that_is_wrong, |engine| async {
    let app = TestApp::new(engine).await?;
    let wrong = r#"
[[billing.service]]
key = "a"
price = 1
period = "month"
fallback_service = "b"
[[billing.service]]
key = "b"
price = 1
period = "month"
fallback_service = "a"
[[billing.card]]
code = "short"
amount = 5
[[billing.field]]
name = "street"
type = "str_one"
[[address_pool]]
name = "huge"
cidr = "10.0.0.0/8"
"#;
    let told = refused(&app, wrong).await;
    for part in ["each waits for the other", "8 to 64 letters", "_ and then", "/16 or longer"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("short`"), "a code is not told");
    let alone = r#"
[[account]]
login = "kim"
[account.subscriber]
uid = 5
blocks = { everything = "x" }
[[account]]
login = "lee"
[account.subscriber]
uid = 5
[[device]]
mac = "nothing"
"#;
    let told = refused(&app, alone).await;
    for part in ["keys of ordering, messages, credit", "subscriber.uid: the same as", "twelve hex digits"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let unknown = "[[account]]\nlogin = \"kim\"\n[account.subscriber]\ngroup = \"nowhere\"\n";
    assert!(refused(&app, unknown).await.contains("no billing group is `nowhere`"));
    assert_eq!(billing_group::list(&mut app.app.db().read()).await?, []);
    assert!(view::show(&app.operator(), "kim").await.is_err());
    Ok(())
});
