//! Private keys of vouchers and public keys of hosts, read in the bounds of the password pool: opening an encrypted key is
//! as much work as a password.

use gatehouse_model::Secret;
use gatehouse_sshkey::{Fault as KeyFault, PrivateKey};

use crate::{App, Fault, Result};

/// Reads a private key in OpenSSH, PKCS#1, PKCS#8 or SEC1 form, with the passphrase of an encrypted one.
///
/// Faults: (`private_key`, `malformed` | `unsupported` | `encrypted`), (`passphrase`, `wrong`).
pub(crate) async fn read_private(
    app: &App,
    text: &Secret,
    passphrase: Option<&Secret>,
) -> Result<std::result::Result<PrivateKey, Fault>> {
    let (text, passphrase) = (text.clone(), passphrase.cloned());
    let read = move || gatehouse_sshkey::read_private(text.expose(), passphrase.as_ref().map(Secret::expose));
    let key = app.passwords().work(read).await?;
    Ok(key.map_err(|fault| match fault {
        KeyFault::Malformed => Fault::new("private_key", "malformed"),
        KeyFault::Unsupported => Fault::new("private_key", "unsupported"),
        KeyFault::Encrypted => Fault::new("private_key", "encrypted"),
        KeyFault::WrongPassphrase => Fault::new("passphrase", "wrong"),
    }))
}
