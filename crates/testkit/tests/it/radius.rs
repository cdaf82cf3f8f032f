//! FreeRADIUS's server and client understand one another, so what fails later against our own code is ours.

use anyhow::{Result, ensure};
use gatehouse_testkit::peer::{FreeRadius, radclient};

#[tokio::test]
async fn radclient_and_freeradius_agree() -> Result<()> {
    let server = FreeRadius::start("ann Cleartext-Password := \"ann-knows-this\"\n").await?;
    let ask = |secret, attributes: &str| {
        radclient(
            server.port(),
            "auth",
            secret,
            &format!("User-Name = ann\n{attributes}\nMessage-Authenticator = 0x00\n"),
        )
    };
    let (yes, printed) = ask(FreeRadius::SECRET, "User-Password = \"ann-knows-this\"")?;
    ensure!(yes && printed.contains("Received Access-Accept"), "{printed}");
    let (yes, printed) = ask(FreeRadius::SECRET, "CHAP-Password = \"ann-knows-this\"")?;
    ensure!(yes && printed.contains("Received Access-Accept"), "{printed}");
    let (yes, printed) = ask(FreeRadius::SECRET, "User-Password = \"something else\"")?;
    ensure!(!yes && printed.contains("Received Access-Reject"), "{printed}");
    let (yes, printed) = ask("another-secret", "User-Password = \"ann-knows-this\"")?;
    ensure!(!yes && printed.contains("No reply from server"), "{printed}");
    Ok(())
}
