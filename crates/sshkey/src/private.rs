//! Private keys, brought to the one form they are kept in.

use gatehouse_model::Secret;
use pkcs1::DecodeRsaPrivateKey;
use pkcs8::{
    DecodePrivateKey, EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef,
    pkcs5::{EncryptionScheme, pbes2::Kdf},
};
use ssh_key::{
    HashAlg, LineEnding,
    private::{EcdsaKeypair, Ed25519Keypair, KeypairData, RsaKeypair},
};
use zeroize::Zeroizing;

use crate::{
    Fault, RSA_MAX, RSA_MIN,
    pem::{self, Block},
};

/// A private key that may be used.
#[derive(Debug, Clone)]
pub struct PrivateKey {
    /// OpenSSH form without passphrase and comment.
    pub openssh: Secret,
    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa` …
    pub algorithm: String,
    /// `SHA256:…` of its public half.
    pub fingerprint: String,
}

/// Longest text that is looked at, bytes.
const MAX_TEXT: usize = 64 << 10;
/// Most rounds of bcrypt that are worked for a passphrase; `ssh-keygen` makes 16 to 24.
const MAX_BCRYPT: u32 = 256;
/// Most rounds of PBKDF2; OpenSSL makes 2,048.
const MAX_PBKDF2: u32 = 2_000_000;

/// Reads a private key, with the passphrase of an encrypted one; that of another is ignored. Opening an encrypted key takes
/// up to some seconds of work.
pub fn read_private(text: &str, passphrase: Option<&str>) -> Result<PrivateKey, Fault> {
    if text.len() > MAX_TEXT {
        return Err(Fault::Malformed);
    }
    let block = pem::find(text)?;
    let pair = match block.label.as_str() {
        "OPENSSH" => openssh(&block, passphrase)?,
        "RSA" | "EC" | "" | "ENCRYPTED" => der(&block, passphrase)?,
        "DSA" => return Err(Fault::Unsupported),
        _ => return Err(Fault::Malformed),
    };
    check(&pair)?;
    let key = ssh_key::PrivateKey::new(pair, "").map_err(|_| Fault::Malformed)?;
    let text = key.to_openssh(LineEnding::LF).map_err(|_| Fault::Malformed)?;
    Ok(PrivateKey {
        openssh: Secret::new(text.as_str()),
        algorithm: key.algorithm().to_string(),
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
    })
}

fn openssh(block: &Block, passphrase: Option<&str>) -> Result<KeypairData, Fault> {
    let key = ssh_key::PrivateKey::from_bytes(&block.bytes).map_err(|_| Fault::Malformed)?;
    if !key.is_encrypted() {
        return Ok(key.key_data().clone());
    }
    let passphrase = passphrase.ok_or(Fault::Encrypted)?;
    if let ssh_key::Kdf::Bcrypt { rounds, .. } = key.kdf()
        && *rounds > MAX_BCRYPT
    {
        return Err(Fault::Unsupported);
    }
    let key = key.decrypt(passphrase).map_err(|_| Fault::WrongPassphrase)?;
    Ok(key.key_data().clone())
}

/// PKCS#1, SEC1 and PKCS#8, which OpenSSL writes.
fn der(block: &Block, passphrase: Option<&str>) -> Result<KeypairData, Fault> {
    let passphrase = passphrase.map(str::as_bytes);
    let bytes = match (&block.encryption, block.label.as_str()) {
        (Some(info), "RSA" | "EC") => pem::decrypt(info, passphrase.ok_or(Fault::Encrypted)?, &block.bytes)?,
        (None, "ENCRYPTED") => pkcs8_encrypted(&block.bytes, passphrase)?,
        _ => block.bytes.clone(),
    };
    match block.label.as_str() {
        "RSA" => rsa::RsaPrivateKey::from_pkcs1_der(&bytes).map_err(|_| Fault::Malformed).and_then(rsa_pair),
        "EC" => {
            let p256 = || p256::SecretKey::from_sec1_der(&bytes).ok().map(p256_pair);
            let p384 = || p384::SecretKey::from_sec1_der(&bytes).ok().map(p384_pair);
            let p521 = || p521::SecretKey::from_sec1_der(&bytes).ok().map(p521_pair);
            p256().or_else(p384).or_else(p521).ok_or(Fault::Malformed)
        }
        _ => pkcs8_plain(&bytes),
    }
}

fn pkcs8_encrypted(bytes: &[u8], passphrase: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let info = EncryptedPrivateKeyInfoRef::try_from(bytes).map_err(|_| Fault::Malformed)?;
    let passphrase = passphrase.ok_or(Fault::Encrypted)?;
    let EncryptionScheme::Pbes2(scheme) = &info.encryption_algorithm else { return Err(Fault::Unsupported) };
    // The costs come with the key: more than anybody sets would only keep us busy.
    let is_bounded = match &scheme.kdf {
        Kdf::Pbkdf2(params) => params.iteration_count <= MAX_PBKDF2,
        Kdf::Scrypt(params) => {
            u64::from(params.block_size) * params.cost_parameter <= 1 << 20 && params.parallelization <= 16
        }
        _ => false,
    };
    if !is_bounded {
        return Err(Fault::Unsupported);
    }
    let document = info.decrypt(passphrase).map_err(|_| Fault::WrongPassphrase)?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

/// Key kinds of PKCS#8 by object identifier.
const OID_RSA: &str = "1.2.840.113549.1.1.1";
const OID_EC: &str = "1.2.840.10045.2.1";
const OID_ED25519: &str = "1.3.101.112";

fn pkcs8_plain(bytes: &[u8]) -> Result<KeypairData, Fault> {
    let info = PrivateKeyInfoRef::try_from(bytes).map_err(|_| Fault::Malformed)?;
    match info.algorithm.oid.to_string().as_str() {
        OID_RSA => rsa::RsaPrivateKey::from_pkcs8_der(bytes).map_err(|_| Fault::Malformed).and_then(rsa_pair),
        OID_EC => {
            let p256 = || p256::SecretKey::from_pkcs8_der(bytes).ok().map(p256_pair);
            let p384 = || p384::SecretKey::from_pkcs8_der(bytes).ok().map(p384_pair);
            let p521 = || p521::SecretKey::from_pkcs8_der(bytes).ok().map(p521_pair);
            p256().or_else(p384).or_else(p521).ok_or(Fault::Unsupported)
        }
        OID_ED25519 => {
            // An octet string in an octet string: 04 20 and the 32 bytes.
            let seed = info.private_key.as_bytes().strip_prefix(&[0x04, 0x20]).ok_or(Fault::Malformed)?;
            let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| Fault::Malformed)?);
            Ok(KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed)))
        }
        _ => Err(Fault::Unsupported),
    }
}

fn rsa_pair(key: rsa::RsaPrivateKey) -> Result<KeypairData, Fault> {
    RsaKeypair::try_from(key).map(KeypairData::Rsa).map_err(|_| Fault::Unsupported)
}

fn p256_pair(key: p256::SecretKey) -> KeypairData {
    KeypairData::Ecdsa(EcdsaKeypair::NistP256 { public: key.public_key().into(), private: key.into() })
}

fn p384_pair(key: p384::SecretKey) -> KeypairData {
    KeypairData::Ecdsa(EcdsaKeypair::NistP384 { public: key.public_key().into(), private: key.into() })
}

fn p521_pair(key: p521::SecretKey) -> KeypairData {
    KeypairData::Ecdsa(EcdsaKeypair::NistP521 { public: key.public_key().into(), private: key.into() })
}

/// Whether the kind and the length are used, and an RSA key is whole.
fn check(pair: &KeypairData) -> Result<(), Fault> {
    match pair {
        KeypairData::Ed25519(_) | KeypairData::Ecdsa(_) => Ok(()),
        KeypairData::Rsa(pair) if !(RSA_MIN..=RSA_MAX).contains(&pair.key_size()) => Err(Fault::Unsupported),
        KeypairData::Rsa(pair) => rsa::RsaPrivateKey::try_from(pair).map(drop).map_err(|_| Fault::Malformed),
        _ => Err(Fault::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use super::*;
    use crate::read_public;

    fn run(dir: &Path, line: &str) {
        let done = Command::new("sh").arg("-c").arg(line).current_dir(dir).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Makes `k` by a command and says which public key OpenSSH sees in the original.
    fn read(dir: &Path, passphrase: Option<&str>) -> Result<PrivateKey, Fault> {
        read_private(&std::fs::read_to_string(dir.join("k")).unwrap(), passphrase)
    }

    #[test]
    fn every_form_gives_the_key_that_openssh_sees() {
        for kind in ["ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "rsa -b 2048"] {
            let dir = tempfile::tempdir().unwrap();
            let dir = dir.path();
            run(dir, &format!("ssh-keygen -q -t {kind} -N '' -C 'some comment' -f k"));
            let public = read_public(&std::fs::read_to_string(dir.join("k.pub")).unwrap()).unwrap();
            assert_eq!(public.comment, "some comment");
            let plain = read(dir, None).unwrap();
            assert_eq!((&plain.fingerprint, &plain.algorithm), (&public.fingerprint, &public.algorithm), "{kind}");
            // What is kept is read again, by us and by OpenSSH.
            assert_eq!(read_private(plain.openssh.expose(), None).unwrap().openssh, plain.openssh);
            std::fs::write(dir.join("kept"), plain.openssh.expose()).unwrap();
            run(
                dir,
                "chmod 600 kept && test \"$(ssh-keygen -y -f kept | cut -d' ' -f2)\" = \"$(cut -d' ' -f2 k.pub)\"",
            );
            run(dir, "ssh-keygen -q -p -P '' -N 'pass word' -f k");
            assert_eq!(read(dir, None).unwrap_err(), Fault::Encrypted);
            assert_eq!(read(dir, Some("wrong")).unwrap_err(), Fault::WrongPassphrase);
            assert_eq!(read(dir, Some("pass word")).unwrap().openssh, plain.openssh);
            if kind == "ed25519" {
                continue;
            }
            // OpenSSL's own encryption, then none: PKCS#1 or SEC1.
            run(dir, "ssh-keygen -q -p -P 'pass word' -N 'pass word' -m PEM -f k");
            assert_eq!(read(dir, None).unwrap_err(), Fault::Encrypted);
            assert_eq!(read(dir, Some("wrong")).unwrap_err(), Fault::WrongPassphrase);
            assert_eq!(read(dir, Some("pass word")).unwrap().openssh, plain.openssh, "{kind}");
            run(dir, "ssh-keygen -q -p -P 'pass word' -N '' -m PEM -f k");
            assert_eq!(read(dir, None).unwrap().openssh, plain.openssh, "{kind}");
            run(dir, "openssl pkcs8 -topk8 -nocrypt -in k -out k8 && mv k8 k");
            assert_eq!(read(dir, None).unwrap().openssh, plain.openssh, "{kind}");
            run(dir, "openssl pkcs8 -topk8 -v2 aes-256-cbc -passout 'pass:pass word' -in k -out k8 && mv k8 k");
            assert_eq!(read(dir, None).unwrap_err(), Fault::Encrypted);
            assert_eq!(read(dir, Some("wrong")).unwrap_err(), Fault::WrongPassphrase);
            assert_eq!(read(dir, Some("pass word")).unwrap().openssh, plain.openssh, "{kind}");
        }
    }

    #[test]
    fn openssl_makes_ed25519_and_curves_with_parameters() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), "openssl genpkey -algorithm ed25519 -out k");
        assert_eq!(read(dir.path(), None).unwrap().algorithm, "ssh-ed25519");
        run(dir.path(), "openssl ecparam -name secp384r1 -genkey -out k");
        assert_eq!(read(dir.path(), None).unwrap().algorithm, "ecdsa-sha2-nistp384");
        let text = std::fs::read_to_string(dir.path().join("k")).unwrap();
        let windows = format!("  \r\n{}", text.replace('\n', " \r\n"));
        assert_eq!(read_private(&windows, None).unwrap().algorithm, "ecdsa-sha2-nistp384");
    }

    #[test]
    fn weak_and_foreign_keys_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), "openssl genrsa -traditional -out k 1024");
        assert_eq!(read(dir.path(), None).unwrap_err(), Fault::Unsupported);
        run(dir.path(), "openssl ecparam -name secp256k1 -genkey -noout -out k");
        assert_eq!(read(dir.path(), None).unwrap_err(), Fault::Malformed);
        run(dir.path(), "openssl genpkey -algorithm ed448 -out k");
        assert_eq!(read(dir.path(), None).unwrap_err(), Fault::Unsupported);
        for text in [
            "",
            "x",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ] {
            assert_eq!(read_private(text, None).unwrap_err(), Fault::Malformed, "{text}");
        }
        for text in
            ["", "ssh-ed25519", "ssh-ed25519 AAAA", "from=\"*\" ssh-ed25519 AAAA", "ssh-rsa AAAA x\nssh-rsa AAAA"]
        {
            assert_eq!(read_public(text).unwrap_err(), Fault::Malformed, "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), "ssh-keygen -q -t ed25519 -N '' -f k");
        let key = read(dir.path(), None).unwrap();
        assert!(!format!("{key:?}").contains("OPENSSH"));
    }
}
