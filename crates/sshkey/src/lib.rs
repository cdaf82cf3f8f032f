//! Reads SSH keys as people have them: private keys of vouchers in OpenSSH, PKCS#1, PKCS#8 or SEC1 form, encrypted or not, and
//! public keys of hosts and people in OpenSSH form. The only package beside the ssh door that knows the release candidates
//! of `ssh-key` and `rsa`; nothing of theirs is in its interface.

mod pem;
mod private;
mod public;

pub use private::{PrivateKey, read_private};
pub use public::{PublicKey, read_public};

/// Why a text is no usable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a key in any known form.
    #[error("not a key in OpenSSH, PKCS#1, PKCS#8 or SEC1 form")]
    Malformed,
    /// A key, but of a kind or length that is not used: DSA, RSA below 2048 bits, other curves, hardware keys as vouchers.
    #[error("only ed25519, ecdsa p256, p384, p521 and rsa from 2048 bits are used")]
    Unsupported,
    /// It is encrypted and no passphrase was given.
    #[error("the key is encrypted: its passphrase is needed")]
    Encrypted,
    /// The passphrase does not open it.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
}

/// Shortest RSA modulus that is used, bits.
const RSA_MIN: u32 = 2_048;
/// Longest: checking a longer one costs seconds.
const RSA_MAX: u32 = 16_384;
