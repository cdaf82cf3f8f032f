//! Passwords: Argon2id with numbered schemes, and verification of imported hashes, which are upgraded at the next login.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use gatehouse_model::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Random, Result, settings::LoginSettings};

/// Longest password on every surface, in characters (DESIGN §4).
pub const MAX_LENGTH: usize = 128;

/// How a stored hash is read. The numbers are stored: never change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum Scheme {
    /// Argon2id, PHC string. The only one that is written.
    Argon2id = 1,
    /// bcrypt, `$2y$…`.
    Bcrypt = 2,
    /// Django's `pbkdf2_sha256$<rounds>$<salt>$<base64>`.
    Pbkdf2Sha256 = 3,
    /// MD5 in hex, with an optional salt appended to the password: `<hex>` or `<hex>:<salt>`.
    Md5 = 4,
    /// SHA-256 in hex, likewise.
    Sha256 = 5,
}

impl Scheme {
    /// Reads the stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Argon2id, Self::Bcrypt, Self::Pbkdf2Sha256, Self::Md5, Self::Sha256]
            .into_iter()
            .find(|scheme| *scheme as i64 == number)
    }
}

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is wrong.
    Wrong,
    /// It is right.
    Right,
    /// It is right, and the hash should be replaced by one of the present scheme and cost.
    RightUpgrade,
}

/// Hashes and verifies on a bounded blocking pool, so that a flood of logins cannot starve the runtime or the memory.
pub struct Passwords {
    argon2: Argon2<'static>,
    permits: Arc<Semaphore>,
    decoy: String,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

impl Passwords {
    /// Reads the costs. `Invalid` when Argon2 refuses them.
    pub fn new(settings: &LoginSettings, random: &Random) -> Result<Self> {
        let params = Params::new(settings.argon2_memory, settings.argon2_passes, 1, None)
            .map_err(|error| Error::invalid("login.argon2_memory", error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash_now(&argon2, &hex::encode(random.bytes::<16>()), random)?;
        Ok(Self { argon2, permits: Arc::new(Semaphore::new(settings.hash_parallel.max(1))), decoy })
    }

    /// Hashes a new password: the scheme's number and its text. `Invalid` when it is longer than [`MAX_LENGTH`].
    pub async fn hash(&self, random: &Random, password: &Secret) -> Result<(i64, String)> {
        check_length(password)?;
        let turn = self.turn().await?;
        let (argon2, random, password) = (self.argon2.clone(), random.clone(), password.clone());
        let hash = turn.spend(move || hash_now(&argon2, password.expose(), &random)).await??;
        Ok((Scheme::Argon2id as i64, hash))
    }

    /// Runs other work of this weight, such as opening an encrypted key, in the same bounds.
    pub(crate) async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }

    /// Verifies a password. Without a stored hash a decoy is computed, so that an unknown login takes the same time.
    pub async fn verify(&self, password: &Secret, stored: Option<(i64, String)>) -> Result<Verdict> {
        let turn = self.turn().await?;
        self.verify_in(turn, password, stored).await
    }

    /// As [`Passwords::verify`], for who has waited for his turn already.
    pub async fn verify_in(&self, turn: Turn, password: &Secret, stored: Option<(i64, String)>) -> Result<Verdict> {
        if check_length(password).is_err() {
            return Ok(Verdict::Wrong);
        }
        let (argon2, password, decoy) = (self.argon2.clone(), password.clone(), self.decoy.clone());
        turn.spend(move || {
            if let Some((number, hash)) = stored {
                match Scheme::from_number(number) {
                    Some(scheme) => verify_now(&argon2, scheme, password.expose(), &hash),
                    None => Verdict::Wrong,
                }
            } else {
                verify_now(&argon2, Scheme::Argon2id, password.expose(), &decoy);
                Verdict::Wrong
            }
        })
        .await
    }

    /// Waits for leave to hash; `login.hash_parallel` are given at the same time.
    pub async fn turn(&self) -> Result<Turn> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
        Ok(Turn { _permit: permit })
    }
}

/// Leave to hash one password.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Hashes. The turn ends with the work, not with the caller: who goes away in the middle leaves a thread busy, and a
    /// flood of such clients must not keep more threads busy than there are turns.
    async fn spend<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let work = move || {
            let _turn = self;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn check_length(password: &Secret) -> Result<()> {
    if password.expose().chars().count() > MAX_LENGTH {
        return Err(Error::invalid("password", format!("at most {MAX_LENGTH} characters")));
    }
    Ok(())
}

fn hash_now(argon2: &Argon2<'_>, password: &str, random: &Random) -> Result<String> {
    let salt = random.bytes::<16>();
    let hash: PasswordHash =
        argon2.hash_password_with_salt(password.as_bytes(), &salt).map_err(|e| Error::internal(e.to_string()))?;
    Ok(hash.to_string())
}

fn verify_now(argon2: &Argon2<'_>, scheme: Scheme, password: &str, stored: &str) -> Verdict {
    let is_right = match scheme {
        Scheme::Argon2id => return verify_argon2(argon2, password, stored),
        Scheme::Bcrypt => bcrypt::verify(password, stored).unwrap_or(false),
        Scheme::Pbkdf2Sha256 => verify_pbkdf2(password, stored).unwrap_or(false),
        Scheme::Md5 => verify_digest::<md5::Md5>(password, stored),
        Scheme::Sha256 => verify_digest::<Sha256>(password, stored),
    };
    if is_right { Verdict::RightUpgrade } else { Verdict::Wrong }
}

fn verify_argon2(argon2: &Argon2<'_>, password: &str, stored: &str) -> Verdict {
    let Ok(hash) = PasswordHash::new(stored) else { return Verdict::Wrong };
    if argon2.verify_password(password.as_bytes(), &hash).is_err() {
        return Verdict::Wrong;
    }
    let is_current = Params::try_from(&hash)
        .is_ok_and(|p| p.m_cost() == argon2.params().m_cost() && p.t_cost() == argon2.params().t_cost());
    if is_current { Verdict::Right } else { Verdict::RightUpgrade }
}

fn verify_pbkdf2(password: &str, stored: &str) -> Option<bool> {
    let mut parts = stored.split('$');
    let ("pbkdf2_sha256", rounds, salt, expected) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?) else {
        return None;
    };
    let rounds: u32 = rounds.parse().ok().filter(|rounds| (1..=10_000_000).contains(rounds))?;
    let expected = BASE64_STANDARD.decode(expected).ok()?;
    let mut derived = [0_u8; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt.as_bytes(), rounds, &mut derived);
    Some(derived.as_slice().ct_eq(&expected).into())
}

fn verify_digest<D: Digest>(password: &str, stored: &str) -> bool {
    let (expected, salt) = stored.split_once(':').unwrap_or((stored, ""));
    let digest = hex::encode(D::new().chain_update(password).chain_update(salt).finalize());
    digest.as_bytes().ct_eq(expected.to_ascii_lowercase().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> LoginSettings {
        LoginSettings { argon2_memory: 64, argon2_passes: 1, hash_parallel: 1, ..LoginSettings::default() }
    }

    async fn verdict(scheme: Scheme, password: &str, stored: &str) -> Verdict {
        let passwords = Passwords::new(&cheap(), &Random::seeded(1)).unwrap();
        passwords.verify(&Secret::new(password), Some((scheme as i64, stored.to_owned()))).await.unwrap()
    }

    #[tokio::test]
    async fn a_fresh_hash_verifies_and_an_older_cost_asks_for_an_upgrade() {
        let random = Random::seeded(2);
        let passwords = Passwords::new(&cheap(), &random).unwrap();
        let (number, hash) = passwords.hash(&random, &Secret::new("päss")).await.unwrap();
        let stored = Some((number, hash));
        assert_eq!(passwords.verify(&Secret::new("päss"), stored.clone()).await.unwrap(), Verdict::Right);
        assert_eq!(passwords.verify(&Secret::new("pass"), stored.clone()).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify(&Secret::new("päss"), None).await.unwrap(), Verdict::Wrong);
        let dearer = Passwords::new(&LoginSettings { argon2_memory: 128, ..cheap() }, &random).unwrap();
        assert_eq!(dearer.verify(&Secret::new("päss"), stored).await.unwrap(), Verdict::RightUpgrade);
        assert!(passwords.hash(&random, &Secret::new("x".repeat(129))).await.is_err());
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_its_turn_only_when_the_hashing_ends() {
        let passwords = Passwords::new(&cheap(), &Random::seeded(1)).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (began, begun) = tokio::sync::oneshot::channel();
        let work = passwords.turn().await.unwrap().spend(move || {
            began.send(()).unwrap();
            wait.recv()
        });
        let mut caller = tokio::task::JoinSet::new();
        caller.spawn(work);
        begun.await.unwrap();
        caller.shutdown().await;
        assert_eq!(passwords.permits.available_permits(), 0, "the thread is still busy");
        go.send(()).unwrap();
        passwords.turn().await.unwrap();
    }

    #[tokio::test]
    async fn imported_hashes_verify_and_ask_for_an_upgrade() {
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        assert_eq!(verdict(Scheme::Bcrypt, "secret", &bcrypt).await, Verdict::RightUpgrade);
        assert_eq!(verdict(Scheme::Bcrypt, "other", &bcrypt).await, Verdict::Wrong);
        let md5 = "5ebe2294ecd0e0f08eab7690d2a6ee69";
        assert_eq!(verdict(Scheme::Md5, "secret", md5).await, Verdict::RightUpgrade);
        assert_eq!(verdict(Scheme::Md5, "Secret", md5).await, Verdict::Wrong);
        let sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        assert_eq!(verdict(Scheme::Sha256, "secret", sha256).await, Verdict::RightUpgrade);
        // RFC 7914 §11, first vector, cut to the 32 bytes Django stores.
        let django = format!(
            "pbkdf2_sha256$1$salt${}",
            BASE64_STANDARD
                .encode(hex::decode("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc").unwrap())
        );
        assert_eq!(verdict(Scheme::Pbkdf2Sha256, "passwd", &django).await, Verdict::RightUpgrade);
        assert_eq!(verdict(Scheme::Pbkdf2Sha256, "passwd", "nonsense").await, Verdict::Wrong);
    }
}
