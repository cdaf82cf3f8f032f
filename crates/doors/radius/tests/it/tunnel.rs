//! A real concentrator and a real client: ocserv and openconnect (specs/radius.md §13).

use gatehouse_domain::{
    Actor,
    radius::{
        nas::{Disconnect, NasSettings, Profile},
        online,
    },
    visit,
    vpn::{publish, role},
};
use gatehouse_model::{Origin, Paging};
use gatehouse_testkit::peer::{Control, Ocserv, OpenConnect, wait_for};

use crate::{
    both,
    house::{House, LOGIN, PASSWORD},
};

/// What goes through the tunnel in each direction, packets of 1,044 octets.
const KILOBYTES: u32 = 1_000;

async fn ended(client: &mut OpenConnect) -> anyhow::Result<()> {
    wait_for("the end of openconnect", async || client.has_ended()).await
}

both!(ocserv_asks_reports_and_lets_go, |engine| async {
    let control = Control::new()?;
    let occtl = ["/usr/bin/occtl", "-s", &control.socket().display().to_string(), "disconnect", "user", "{login}"];
    let commands = [("occtl".to_owned(), occtl.map(str::to_owned).to_vec())].into();
    let settings = NasSettings {
        profile: Profile::Ocserv,
        disconnect: Disconnect::Command,
        command: Some("occtl".into()),
        ..NasSettings::default()
    };
    let house = House::with(engine, Ocserv::SECRET, settings, commands).await?;
    let console = house.app.app.ctx(Actor::Operator, Origin::Vpn);
    let dev = role::RoleEdit { name: Some("dev".into()), users: Some(vec![LOGIN.into()]), ..role::RoleEdit::default() };
    role::add(&console, &dev).await?;
    publish::apply(&console).await?;
    house.app.app.live().refresh(&house.app.app).await?;
    let ocserv = Ocserv::start(&control, house.auth, house.acct, &["dev", "ops"]).await?;

    let mut wrong = ocserv.connect(LOGIN, "something else", "dev", 0)?;
    ended(&mut wrong).await?;
    assert!(!wrong.log()?.contains("CSTP connected"), "{}", wrong.log()?);
    let mut foreign = ocserv.connect(LOGIN, PASSWORD, "ops", 0)?;
    ended(&mut foreign).await?;
    assert!(!foreign.log()?.contains("CSTP connected"), "groups arrive, and this is none of hers: {}", foreign.log()?);

    let mut client = ocserv.connect(LOGIN, PASSWORD, "dev", KILOBYTES)?;
    wait_for("the traffic", async || Ok(client.has_moved())).await.map_err(|error| {
        anyhow::anyhow!("{error}: {}\n{}", client.log().unwrap_or_default(), ocserv.log().unwrap_or_default())
    })?;
    let operator = house.app.operator();
    let paging = || Paging { limit: 10, offset: 0, is_descending: true };
    assert_eq!(online::list(&operator, "/", paging()).await?.total, 1);
    // Killing waits for the confirmation, which needs jobs to run beside it.
    let logins = [LOGIN.to_owned()];
    let (killed, ran) = tokio::join!(online::kill(&operator, &logins), async {
        wait_for("the order", async || Ok(house.app.run_due_jobs().await? > 0)).await
    });
    ran?;
    assert_eq!(killed?, 1);
    ended(&mut client).await?;
    assert!(client.log()?.contains("Session terminated by server"), "{}", client.log()?);
    wait_for("the Stop", async || Ok(visit::list(&operator, None, true, None, 10).await?.is_empty())).await?;
    let visits = visit::list(&operator, None, false, None, 10).await?;
    let octets = i64::from(KILOBYTES) * 1_044;
    let stay = visits.iter().find(|visit| visit.up > 0).expect("the stay with the traffic");
    // The tunnel's own packets come on top.
    assert!((octets..octets + 20_000).contains(&stay.up), "{} octets up", stay.up);
    assert!((octets..octets + 20_000).contains(&stay.down), "{} octets down", stay.down);
    assert_eq!(stay.from_address.as_deref(), Some("127.0.0.1"));
    house.close().await
});
