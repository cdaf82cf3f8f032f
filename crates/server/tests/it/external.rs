//! VPN users whom a foreign server knows: from the state file and `doctor` to the reply of the radius door.

use anyhow::Result;
use gatehouse_testkit::{
    Installation, RunningServer,
    peer::{FreeRadius, Slapd, free_port, radclient},
};

use crate::GATEHOUSE;

const PEOPLE: &str = "\
dn: uid=ann,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: ann
cn: Ann
sn: Ann
userPassword: ann-knows-this

dn: cn=sales,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: sales
member: uid=ann,ou=people,dc=example,dc=com

";

const RIGHT: &str = "ann-knows-this";

/// What the concentrator shares with us.
const SECRET: &str = "between-concentrator-and-us";

/// With a radius door on any port.
fn installation() -> Installation {
    let house = Installation::new(GATEHOUSE).with("RADIUS__ENABLED", "true").with("RADIUS__REJECT_DELAY", "0s");
    house.with("RADIUS__AUTH", "127.0.0.1:0").with("RADIUS__ACCT", "127.0.0.1:0")
}

/// `ann` proves herself by the server that `entry` describes, under the name `theirs`.
fn state(entry: &str) -> String {
    format!(
        "[[auth_server]]\nname = \"theirs\"\n{entry}\n\
         [[nas]]\nname = \"gate\"\naddress = \"127.0.0.1\"\nsecret = \"{SECRET}\"\nprofile = \"ocserv\"\n\
         [[vpn.role]]\nname = \"sales\"\n\
         [[vpn.group]]\npath = \"/staff\"\ninherit_auth = false\nmethods = [\"external\"]\nauth_server = \"theirs\"\n\
         [[account]]\nlogin = \"ann\"\n[account.vpn]\ngroup = \"/staff\"\n"
    )
}

fn directory(slapd: &Slapd, first_url: &str) -> String {
    format!(
        "kind = \"ldap\"\nurls = [\"{first_url}\", \"{}\"]\nca_file = \"{}\"\n\
         bind_dn = \"{}\"\nbind_password_file = \"ldap-password\"\nbase_dn = \"{}\"\nfilter = \"(uid={{login}})\"\n\
         group_base_dn = \"ou=groups,dc=example,dc=com\"\ngroup_filter = \"(member={{dn}})\"\n\
         group_roles = {{ \"cn=sales,ou=groups,dc=example,dc=com\" = \"sales\" }}\n",
        slapd.tls_url(),
        slapd.ca_file().display(),
        Slapd::READER,
        Slapd::BASE,
    )
}

/// Asks the door as the concentrator does; `credential` is radclient's `User-Password = "…"` or `CHAP-Password = "…"`.
fn log_in(running: &RunningServer, credential: &str) -> Result<(bool, String)> {
    let url = running.url("radius-auth");
    let port = url.rsplit(':').next().unwrap_or_default().parse()?;
    radclient(port, "auth", SECRET, &format!("User-Name = ann\n{credential}\nMessage-Authenticator = 0x00\n"))
}

#[tokio::test]
async fn a_directory_decides_who_comes_in_and_with_which_roles() -> Result<()> {
    let slapd = Slapd::start(PEOPLE).await?;
    let dead = format!("ldap://127.0.0.1:{}", free_port()?);
    let house = installation();
    house.write("ldap-password", Slapd::READER_PASSWORD);
    house.write("state.toml", &state(&directory(&slapd, &dead)));
    house.run("apply state.toml").ok();
    let running = house.serve("serve");

    let (let_in, printed) = log_in(&running, &format!("User-Password = \"{RIGHT}\""))?;
    // `OU=sales`
    assert!(let_in && printed.contains("Class = 0x4f553d73616c6573"), "{printed}");
    let (let_in, printed) = log_in(&running, "User-Password = \"something else\"")?;
    assert!(!let_in && printed.contains("Received Access-Reject"), "{printed}");
    // A directory takes the password itself and nothing else.
    let (let_in, printed) = log_in(&running, &format!("CHAP-Password = \"{RIGHT}\""))?;
    assert!(!let_in && printed.contains("Received Access-Reject"), "{printed}");

    let found = house.run("doctor --json").stdout;
    assert!(found.contains(&format!("theirs: {} can be asked", slapd.tls_url())), "{found}");
    assert!(found.contains(&format!("theirs: {dead}: Connection refused")), "{found}");
    drop(slapd);
    let (let_in, printed) = log_in(&running, &format!("User-Password = \"{RIGHT}\""))?;
    assert!(!let_in && printed.contains("Received Access-Reject"), "{printed}");
    running.stop();
    Ok(())
}

#[tokio::test]
async fn another_radius_server_decides_who_comes_in() -> Result<()> {
    let server = FreeRadius::start("ann Cleartext-Password := \"ann-knows-this\"\n").await?;
    let house = installation();
    house.write("shared-secret", FreeRadius::SECRET);
    let entry = format!(
        "kind = \"radius\"\naddress = \"127.0.0.1\"\nport = {}\nsecret_file = \"shared-secret\"\n\
         require_message_authenticator = false\n",
        server.port()
    );
    house.write("state.toml", &state(&entry));
    house.run("apply state.toml").ok();
    let running = house.serve("serve");
    for method in ["User-Password", "CHAP-Password"] {
        let (let_in, printed) = log_in(&running, &format!("{method} = \"{RIGHT}\""))?;
        assert!(let_in && printed.contains("Received Access-Accept"), "{method}: {printed}");
        let (let_in, printed) = log_in(&running, &format!("{method} = \"something else\""))?;
        assert!(!let_in && printed.contains("Received Access-Reject"), "{method}: {printed}");
    }
    let found = house.run("doctor --json").stdout;
    assert!(found.contains(&format!("theirs: 127.0.0.1:{} can be asked", server.port())), "{found}");
    running.stop();
    Ok(())
}

#[test]
fn settings_that_can_never_work_are_refused_by_apply() {
    let house = installation();
    house.write("state.toml", &state("kind = \"ldap\"\nurls = [\"ldap://localhost\"]\nfilter = \"(uid=ann)\"\n"));
    let refused = house.run("apply state.toml");
    assert_ne!(refused.code, Some(0));
    assert!(format!("{refused:?}").contains("`filter` lacks {login}"), "{refused:?}");
}
