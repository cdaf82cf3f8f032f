//! Subscribers of an ISP: what radclient is told of them, and what FreeRADIUS as their NAS is.

use gatehouse_domain::{
    account::{self, NewAccount, pass},
    ledger::{self, Author, Book, Event, Line, Shown, kind},
    radius::nas::{NasSettings, Profile},
    visit,
};
use gatehouse_model::{AccountId, Login, Money, PassKind, Secret};
use gatehouse_testkit::peer::FreeRadius;

use crate::{both, house::House};

const PASSWORD: &str = "correct horse";

/// Makes a subscriber with a service of 5 up and 10 down.
async fn subscriber(house: &House) -> anyhow::Result<AccountId> {
    let operator = house.app.operator();
    let password = Some(Secret::new(PASSWORD));
    let new = NewAccount { login: Login::new("ada")?, name: None, email: None, phone: None, password };
    let account = account::create(&operator, &new).await?;
    pass::grant(&operator, "ada", PassKind::Subscriber).await?;
    // The clear copy is kept for those who hold such a pass.
    account::change::set_password(&operator, "ada", &Secret::new(PASSWORD)).await?;
    house
        .app
        .execute(&format!(
            "INSERT INTO billing_service (module, category, title, description, price, period_mode, period_seconds, is_auto_renew, \
             is_no_renew, is_multiple, is_discountable, is_funds_checked, tags, param, created_at, updated_at) VALUES \
             ('unlim', '', '10 Mb', '', 1000, 'seconds', 0, TRUE, FALSE, FALSE, FALSE, TRUE, ',inet,speed,', \
             '{{\"rate_up\":\"5M\",\"rate_down\":\"10M\",\"group\":\"paid\"}}', 0, 0); \
             INSERT INTO billing_subscription (account_id, billing_service_id, state, start_at, end_at, anchor_at, finish_count, \
             created_at, updated_at) SELECT {account}, MAX(id), 'active', 0, NULL, 0, 0, 0, 0 FROM billing_service"
        ))
        .await?;
    Ok(account)
}

/// Pays into her wallet, negative: out of it.
async fn pay(house: &House, account: AccountId, sum: i64) -> anyhow::Result<()> {
    let ctx = house.app.operator();
    let mut tx = ctx.begin().await?;
    let shown = Shown { kind: kind::CASH, at: None, reason: "", comment: "", reference: None, settles: None };
    let lines = [Line::wallet(account, Money(sum), shown), Line::house(Book::Clearing("cash"), Money(-sum))];
    let (key, author) = (format!("test:{}", house.app.app.request_id()), Author::kernel());
    let event = Event { key: &key, reason: "test", author: &author, lines: &lines };
    ledger::post(&ctx, &mut tx, "UAH", &event).await?;
    tx.commit().await?;
    house.app.app.live().refresh(&house.app.app).await?;
    Ok(())
}

both!(block_and_unblock_are_seen_at_once, |engine| async {
    let router = FreeRadius::start_nas().await?;
    let settings = NasSettings {
        serves: vec![PassKind::Vpn, PassKind::Subscriber],
        profile: Profile::Mikrotik,
        coa_port: router.port(),
        ..NasSettings::default()
    };
    let house = House::open(engine, settings).await?;
    let ada = subscriber(&house).await?;
    for method in ["User-Password", "CHAP-Password"] {
        let (accepted, printed) = house.login(&format!("User-Name = \"ada\"\n{method} = \"{PASSWORD}\"")).await?;
        assert!(accepted, "{method}: {printed}");
        for line in ["Framed-Protocol = PPP", "Mikrotik-Rate-Limit = \"5M/10M\"", "Mikrotik-Address-List = \"paid\""] {
            assert!(printed.contains(line), "{method}: {line} in {printed}");
        }
    }
    let start = "Acct-Status-Type = Start\nUser-Name = \"ada\"\nAcct-Session-Id = \"80f00001\"\n\
                 Framed-IP-Address = 10.1.0.7\nCalling-Station-Id = \"02:00:00:00:00:01\"\n";
    assert!(house.report(start).await?);
    pay(&house, ada, -1).await?;
    let right = format!("User-Name = \"ada\"\nUser-Password = \"{PASSWORD}\"");
    let (accepted, printed) = house.login(&right).await?;
    assert!(!accepted && printed.contains("Reply-Message = "), "{printed}");
    house.app.run_due_jobs().await?;
    let log = router.log()?;
    assert!(log.contains("Received Disconnect-Request") && log.contains("Sent Disconnect-ACK"), "{log}");
    assert!(log.contains("Acct-Session-Id = \"80f00001\""), "{log}");
    pay(&house, ada, 1).await?;
    assert!(house.login(&right).await?.0);
    assert!(house.report(&start.replace("Start", "Stop")).await?);
    assert_eq!(visit::list(&house.app.operator(), None, true, None, 10).await?.len(), 0);
    house.close().await
});
