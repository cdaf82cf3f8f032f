//! The second factor: TOTP (RFC 6238) with recovery codes (specs/bastion.md §5.4).
//!
//! SHA-1, 6 digits, 30 s, one step of tolerance, each step accepted once. It belongs to the account, not to a surface.

use gatehouse_model::{AccountId, Millis, Secret};
use gatehouse_store::{Aspect, Tx, account as accounts, login_session, second_factor as rows};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::{
    Actor, Ctx, Error, Result,
    audit::{self, Object},
    login,
    password::Verdict,
    permission::{self, Change},
    seal::Place,
    session::staff,
    throttle,
};

/// Length of a step, seconds.
const PERIOD: i64 = 30;
/// Codes of this many digits.
const DIGITS: usize = 6;
/// Steps by which clocks may differ, either way.
const TOLERANCE: i64 = 1;
/// Bytes of a secret: what RFC 4226 recommends.
const SECRET: usize = 20;
/// Recovery codes made at once.
const RECOVERY_CODES: usize = 10;
/// Random characters of a recovery code: 130 bits.
const RECOVERY_LENGTH: usize = 26;
const RECOVERY_PURPOSE: &str = "recovery_code.code";
const ISSUER: &str = "Gatehouse";
/// RFC 4648.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What an account has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Since when codes are asked for.
    pub confirmed_at: Option<Millis>,
    /// Recovery codes left.
    pub recovery_left: i64,
    /// When the calling session proved a code.
    pub proved_at: Option<Millis>,
}

/// What an authenticator application is given.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The secret in Base32.
    pub secret: Secret,
    /// The same as `otpauth://…`.
    pub uri: Secret,
}

/// Shows what the caller's account has.
pub async fn show(ctx: &Ctx) -> Result<State> {
    let (account, session) = staff::own_session(ctx)?;
    let row = rows::find(&mut ctx.read(), account).await?;
    Ok(State {
        confirmed_at: row.and_then(|row| row.confirmed_at),
        recovery_left: rows::count_recovery(&mut ctx.read(), account).await?,
        proved_at: login_session::find_factor_at(&mut ctx.read(), session).await?,
    })
}

/// Begins an enrolment: a new secret, which counts once a code of it was given to [`confirm`].
///
/// Errors: `Conflict` when the account has a second factor.
pub async fn setup(ctx: &Ctx) -> Result<Setup> {
    let (account, _) = staff::own_session(ctx)?;
    let secret = Zeroizing::new(ctx.app.random().bytes::<SECRET>());
    let seal_ref = ctx.app.request_id();
    let sealed = ctx.app.keys().seal(ctx.app.random(), place(&seal_ref), secret.as_slice())?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    if rows::begin(&mut tx, account, &sealed, &seal_ref, ctx.now()).await? == 0 {
        return Err(Error::Conflict { what: "second factor", key: "second_factor_pkey".to_owned() });
    }
    tx.commit().await?;
    let secret = Zeroizing::new(base32(secret.as_slice()));
    let (_, _, login) = ctx.actor_name();
    let name = utf8_percent_encode(&login, NON_ALPHANUMERIC);
    let uri = format!(
        "otpauth://totp/{ISSUER}:{name}?secret={}&issuer={ISSUER}&algorithm=SHA1&digits={DIGITS}&period={PERIOD}",
        secret.as_str()
    );
    Ok(Setup { secret: Secret::new(secret.as_str()), uri: Secret::new(uri) })
}

/// Ends an enrolment with a code of the new secret; gives the recovery codes, which are shown once. The calling session has
/// then proved the factor, other sessions owe it.
///
/// Errors: `NotFound` when none was begun; `Fields` (`code`, `wrong`).
pub async fn confirm(ctx: &Ctx, code: &str) -> Result<Vec<Secret>> {
    let (account, session) = staff::own_session(ctx)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let row = rows::find(&mut tx, account).await?.filter(|row| row.confirmed_at.is_none());
    let row = row.ok_or(Error::NotFound { what: "enrolment of a second factor" })?;
    let is_right = use_totp(&ctx, &mut tx, &row, code).await?;
    if !is_right {
        return Err(Error::field("code", "wrong"));
    }
    rows::confirm(&mut tx, account, ctx.now()).await?;
    let codes = replace_recovery(&ctx, &mut tx, account).await?;
    login_session::update_factor(&mut tx, session, ctx.now()).await?;
    tx.touch(Aspect::Access, Some(account.0));
    note(&ctx, &mut tx, "account.factor.enrol").await?;
    tx.commit().await?;
    Ok(codes)
}

/// Proves the factor anew for the calling session: the step-up before a terminal that wants a fresh one.
///
/// Errors: `NotFound` without a second factor; `Fields` (`code`, `wrong`), which counts as a failed login; `RateLimited`.
pub async fn verify(ctx: &Ctx, code: &str) -> Result<()> {
    let (account, session) = staff::own_session(ctx)?;
    let mut tx = checked(ctx, account, code).await?;
    login_session::update_factor(&mut tx, session, ctx.now()).await?;
    Ok(tx.commit().await?)
}

/// Replaces the recovery codes. Errors: as [`verify`].
pub async fn replace_codes(ctx: &Ctx, code: &str) -> Result<Vec<Secret>> {
    let (account, _) = staff::own_session(ctx)?;
    let mut tx = checked(ctx, account, code).await?;
    let codes = replace_recovery(ctx, &mut tx, account).await?;
    note(ctx, &mut tx, "account.factor.recovery").await?;
    tx.commit().await?;
    Ok(codes)
}

/// Takes the second factor away, by password and code. Errors: as [`verify`]; `Fields` (`password`, `wrong`).
pub async fn disable(ctx: &Ctx, password: &Secret, code: &str) -> Result<()> {
    let (account, _) = staff::own_session(ctx)?;
    login::require_password(ctx, account, password, "password").await?;
    let mut tx = checked(ctx, account, code).await?;
    rows::delete(&mut tx, account).await?;
    tx.touch(Aspect::Access, Some(account.0));
    note(ctx, &mut tx, "account.factor.disable").await?;
    Ok(tx.commit().await?)
}

/// Takes the second factor of somebody away, who lost it. Errors: `Forbidden`, `NotFound`.
pub async fn reset(ctx: &Ctx, account: AccountId) -> Result<()> {
    ctx.require("system.user.update")?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.user.update")?;
    let row = accounts::find(&mut tx, account).await?.ok_or(Error::NotFound { what: "account" })?;
    permission::covers_account(&ctx, &mut tx, account).await?;
    if rows::delete(&mut tx, account).await? == 0 {
        return Err(Error::NotFound { what: "second factor" });
    }
    tx.touch(Aspect::Access, Some(account.0));
    audit::changed(&mut tx, &ctx, "account.factor.reset", Object::new("account", account.0, &row.login)).await?;
    Ok(tx.commit().await?)
}

/// A transaction in which a code of the caller's confirmed factor was used up.
async fn checked(ctx: &Ctx, account: AccountId, code: &str) -> Result<Tx> {
    let (_, _, login) = ctx.actor_name();
    throttle::check(ctx, &login).await?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let row = rows::find(&mut tx, account).await?.filter(|row| row.confirmed_at.is_some());
    if row.is_none() {
        return Err(Error::NotFound { what: "second factor" });
    }
    if use_code(&ctx, &mut tx, account, code).await? {
        throttle::succeeded(&ctx, &mut tx, &login).await?;
        return Ok(tx);
    }
    throttle::failed(&ctx, &mut tx, &login).await?;
    tx.commit().await?;
    Err(Error::field("code", "wrong"))
}

async fn note(ctx: &Ctx, tx: &mut Tx, action: &'static str) -> Result<()> {
    if let Actor::Account { id, login, .. } = &ctx.actor {
        audit::changed(tx, ctx, action, Object::new("account", id.0, login)).await?;
    }
    Ok(())
}

/// Whether a code is right: six digits of the confirmed TOTP, or a recovery code. What was right once is used up.
pub(crate) async fn use_code(ctx: &Ctx, tx: &mut Tx, account: AccountId, code: &str) -> Result<bool> {
    let code = code.trim();
    if is_totp(code) {
        return match rows::find(tx, account).await? {
            Some(row) if row.confirmed_at.is_some() => use_totp(ctx, tx, &row, code).await,
            _ => Ok(false),
        };
    }
    let code = Zeroizing::new(normalised(code));
    for hash in ctx.app.keys().hashes(RECOVERY_PURPOSE, &code) {
        if rows::use_recovery(tx, account, &hash, ctx.now()).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a text looks like a TOTP code.
pub(crate) fn is_totp(code: &str) -> bool {
    code.len() == DIGITS && code.bytes().all(|b| b.is_ascii_digit())
}

async fn use_totp(ctx: &Ctx, tx: &mut Tx, row: &rows::SecondFactorRow, code: &str) -> Result<bool> {
    let secret = ctx.app.keys().open_bytes(place(&row.seal_ref), &row.secret_sealed)?;
    let now = ctx.now().0.div_euclid(1_000).div_euclid(PERIOD);
    for step in now - TOLERANCE..=now + TOLERANCE {
        if subtle::ConstantTimeEq::ct_eq(totp(&secret, step).as_bytes(), code.trim().as_bytes()).into() {
            return Ok(rows::use_step(tx, row.account_id, step).await? > 0);
        }
    }
    Ok(false)
}

fn place(row: &str) -> Place<'_> {
    Place { table: "second_factor", column: "secret", row }
}

/// The code of a time step (RFC 4226 §5.3).
fn totp(secret: &[u8], step: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest.last().copied().unwrap_or_default() & 0x0f);
    let word = digest.iter().skip(offset).take(4).fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// Base32 without padding.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut pending, mut bits) = (0_u32, 0_u32);
    let mut push = |index: u32| {
        let index = usize::try_from(index & 31).unwrap_or_default();
        text.push(char::from(BASE32.get(index).copied().unwrap_or_default()));
    };
    for byte in bytes {
        pending = (pending << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(pending >> bits);
        }
        pending &= (1 << bits) - 1;
    }
    if bits > 0 {
        push(pending << (5 - bits));
    }
    text
}

async fn replace_recovery(ctx: &Ctx, tx: &mut Tx, account: AccountId) -> Result<Vec<Secret>> {
    rows::delete_recovery(tx, account).await?;
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let random = Zeroizing::new(ctx.app.random().bytes::<RECOVERY_LENGTH>());
        let letter = |byte: &u8| BASE32.get(usize::from(byte & 31)).copied().map(char::from);
        let code: Zeroizing<String> = Zeroizing::new(random.iter().filter_map(letter).collect());
        rows::insert_recovery(tx, account, &ctx.app.keys().hash(RECOVERY_PURPOSE, &code)).await?;
        codes.push(Secret::new(grouped(&code)));
    }
    Ok(codes)
}

/// Letters in groups, for people.
fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    let groups: Vec<String> = letters.chunks(7).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

/// A recovery code without what people add to it.
fn normalised(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// Whether a verdict lets somebody in.
pub(crate) fn is_right(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Right | Verdict::RightUpgrade)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// specs/bastion.md §5.4, RFC 6238 appendix B.
    #[test]
    fn the_vectors_hold() {
        let secret = b"12345678901234567890";
        assert_eq!(base32(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp(secret, at / PERIOD), code, "at {at}");
        }
        assert_eq!(
            (base32(b""), base32(b"f"), base32(b"fooba")),
            (String::new(), "MY".to_owned(), "MZXW6YTB".to_owned())
        );
    }

    #[test]
    fn recovery_codes_are_read_as_people_type_them() {
        let code: String = ('A'..='Z').collect();
        let shown = grouped(&code);
        assert_eq!(shown, "ABCDEFG-HIJKLMN-OPQRSTU-VWXYZ");
        assert_eq!(normalised(&format!(" {} ", shown.to_lowercase())), code);
        assert!(is_totp("012345") && !is_totp("12345") && !is_totp("12345a") && !is_totp("１２３４５６"));
    }
}
