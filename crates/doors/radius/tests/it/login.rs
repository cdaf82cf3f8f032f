//! Logins by `radclient`, which checks the authenticator of every reply.

use gatehouse_domain::radius::nas::{NasSettings, Profile};
use gatehouse_testkit::peer::{FreeRadius, RadiusProxy, eapol_test, radclient};
use tokio::task::spawn_blocking;

use crate::{
    both,
    house::{House, LOGIN, PASSWORD},
};

both!(radclient_logs_in_by_pap_and_chap, |engine| async {
    let house = House::open(engine, NasSettings { profile: Profile::Ocserv, ..NasSettings::default() }).await?;
    for method in ["User-Password", "CHAP-Password"] {
        let right = format!("User-Name = \"{LOGIN}\"\n{method} = \"{PASSWORD}\"");
        let (accepted, printed) = house.login(&right).await?;
        assert!(accepted && printed.contains("Received Access-Accept"), "{method}: {printed}");
        assert!(printed.contains("Service-Type = Framed-User"), "{printed}");
        assert!(printed.contains("Acct-Interim-Interval = 60"), "{printed}");
        let wrong = format!("User-Name = \"{LOGIN}\"\n{method} = \"something else\"");
        let (accepted, printed) = house.login(&wrong).await?;
        assert!(!accepted && printed.contains("Received Access-Reject"), "{method}: {printed}");
        assert!(!printed.contains("Reply-Message"), "{printed}");
    }
    let (accepted, printed) = house.login("User-Name = \"nobody\"\nUser-Password = \"open sesame\"").await?;
    assert!(!accepted && printed.contains("Received Access-Reject"), "{printed}");
    house.close().await
});

both!(a_wrong_secret_and_silence_belong_together, |engine| async {
    let house = House::open(engine, NasSettings::default()).await?;
    let request = format!("User-Name = \"{LOGIN}\"\nUser-Password = \"{PASSWORD}\"\nMessage-Authenticator = 0x00\n");
    let (accepted, printed) = house.ask("auth", "some other secret", request).await?;
    assert!(!accepted && printed.contains("No reply from server"), "{printed}");
    let status = "Message-Authenticator = 0x00\n".to_owned();
    let (healthy, printed) = house.ask("status", FreeRadius::SECRET, status).await?;
    assert!(healthy, "{printed}");
    house.close().await
});

both!(a_server_in_front_gets_its_proxy_state_back, |engine| async {
    let house = House::open(engine, NasSettings::default()).await?;
    let proxy = RadiusProxy::start(house.auth).await?;
    let port = proxy.port();
    for (password, is_right) in [(PASSWORD, true), ("something else", false)] {
        let request =
            format!("User-Name = \"{LOGIN}\"\nUser-Password = \"{password}\"\nMessage-Authenticator = 0x00\n");
        let asked = spawn_blocking(move || radclient(port, "auth", FreeRadius::SECRET, &request)).await??;
        let (accepted, printed) = asked;
        let word = if is_right { "Received Access-Accept" } else { "Received Access-Reject" };
        assert!(accepted == is_right && printed.contains(word), "{printed}\n{}", proxy.log()?);
    }
    // FreeRADIUS sends one and takes no reply that lacks it.
    assert!(proxy.log()?.matches("Proxy-State = ").count() >= 4, "{}", proxy.log()?);
    house.close().await
});

both!(a_server_in_front_ends_eap, |engine| async {
    let house = House::open(engine, NasSettings::default()).await?;
    let proxy = RadiusProxy::start(house.auth).await?;
    let port = proxy.port();
    for (method, inner) in [("TTLS", "auth=PAP"), ("TTLS", "auth=MSCHAPV2"), ("PEAP", "auth=MSCHAPV2")] {
        for (password, is_right) in [(PASSWORD, true), ("something else", false)] {
            let asked = spawn_blocking(move || eapol_test(port, method, inner, LOGIN, password)).await??;
            assert_eq!(asked.0, is_right, "{method} {inner} {password}: {}\n{}", asked.1, proxy.log()?);
        }
    }
    house.close().await
});
