//! A stay from its Start to the order that ends it; FreeRADIUS is the NAS that takes orders.

use std::time::Duration;

use gatehouse_domain::{
    Actor,
    account::change,
    radius::{nas::NasSettings, online},
    visit,
    vpn::{
        publish,
        role::{self, RoleEdit},
    },
};
use gatehouse_model::{Origin, Paging};
use gatehouse_testkit::peer::FreeRadius;

use crate::{
    both,
    house::{House, LOGIN},
};

fn report(status: &str, session: &str, rest: &str) -> String {
    format!("Acct-Status-Type = {status}\nUser-Name = \"{LOGIN}\"\nAcct-Session-Id = \"{session}\"\n{rest}\n")
}

both!(octets_beyond_32_bits_are_counted, |engine| async {
    let house = House::open(engine, NasSettings::default()).await?;
    assert!(house.report(&report("Start", "A1", "Calling-Station-Id = \"203.0.113.9\"")).await?);
    let counters =
        "Acct-Input-Octets = 4294967295\nAcct-Input-Gigawords = 1\nAcct-Output-Octets = 7\nAcct-Session-Time = 60";
    assert!(house.report(&report("Stop", "A1", counters)).await?);
    assert!(house.report(&report("Stop", "A1", counters)).await?, "a repeat is answered, too");
    let visits = visit::list(&house.app.operator(), None, false, None, 10).await?;
    assert_eq!(visits.len(), 1);
    assert_eq!((visits[0].up, visits[0].down), (8_589_934_591, 7));
    assert!(visits[0].until_at.is_some());
    house.close().await
});

both!(a_disabled_account_is_put_out_at_the_nas, |engine| async {
    let router = FreeRadius::start_nas().await?;
    let settings = NasSettings { coa_port: router.port(), ..NasSettings::default() };
    let house = House::open(engine, settings).await?;
    assert!(house.report(&report("Start", "B/2 x", "Framed-IP-Address = 10.0.0.7")).await?);
    assert!(house.report(&report("Start", "gone", "")).await?);
    let operator = house.app.operator();
    let paging = || Paging { limit: 10, offset: 0, is_descending: true };
    assert_eq!(online::list(&operator, "/", paging()).await?.total, 2);
    change::set_enabled(&operator, LOGIN, false, None).await?;
    assert_eq!(online::list(&operator, "/", paging()).await?.total, 0, "hidden at once");
    house.app.run_due_jobs().await?;
    let log = router.log()?;
    assert!(log.contains("Received Disconnect-Request") && log.contains("Sent Disconnect-ACK"), "{log}");
    assert!(log.contains("Acct-Session-Id = \"B/2 x\"") && log.contains("User-Name = \"uma\""), "{log}");
    assert!(log.contains("Sent Disconnect-NAK"), "{log}");
    // The NAS said that it does not know the second session; the first ends with its Stop.
    let open = async || {
        let visits = visit::list(&operator, None, true, None, 10).await?;
        anyhow::Ok(visits.len())
    };
    assert_eq!(open().await?, 1);
    assert!(house.report(&report("Stop", "B/2 x", "Acct-Terminate-Cause = Admin-Reset")).await?);
    assert_eq!(open().await?, 0);
    house.app.advance(Duration::from_mins(1));
    house.app.run_due_jobs().await?;
    house.close().await
});

both!(a_role_that_comes_is_told_to_the_nas, |engine| async {
    let router = FreeRadius::start_nas().await?;
    let settings = NasSettings { coa_port: router.port(), ..NasSettings::default() };
    let house = House::open(engine, settings).await?;
    assert!(house.report(&report("Start", "C1", "")).await?);
    assert!(house.report(&report("Start", "gone", "")).await?);
    let console = house.app.app.ctx(Actor::Operator, Origin::Vpn);
    let dev = RoleEdit { name: Some("dev".into()), users: Some(vec![LOGIN.into()]), ..RoleEdit::default() };
    role::add(&console, &dev).await?;
    house.app.run_due_jobs().await?;
    assert!(!router.log()?.contains("Received CoA-Request"), "nothing is told before the apply");
    publish::apply(&console).await?;
    house.app.run_due_jobs().await?;
    let log = router.log()?;
    assert!(log.contains("Received CoA-Request") && log.contains("Sent CoA-ACK"), "{log}");
    assert!(log.contains("Filter-Id = \"dev\"") && log.contains("Acct-Session-Id = \"C1\""), "{log}");
    assert!(log.contains("Sent CoA-NAK"), "{log}");
    assert!(!log.contains("Received Disconnect-Request"), "nobody is put out for it: {log}");
    // What the NAS does not know is over; the other one goes on.
    assert_eq!(visit::list(&house.app.operator(), None, true, None, 10).await?.len(), 1);
    house.close().await
});
