//! Public keys that people log in with through the ssh door (specs/bastion.md §9.2).

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};
use gatehouse_model::{AccountId, Millis, SshKeyId};
use gatehouse_store::{
    Tx, account as accounts,
    ssh_key::{self as rows, SshKeyRow},
};
use sha2::{Digest, Sha256};

use crate::{
    Ctx, Error, Fault, Result,
    audit::{self, Object},
    permission::{self, Change},
    session::staff,
};

/// Keys of one account.
const MOST: usize = 50;
/// Bits of an RSA modulus.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=16_384;

/// A public key that the ssh door takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// `type base64`, without comment.
    pub text: String,
    /// `SHA256:…` as OpenSSH prints it.
    pub fingerprint: String,
    /// What followed the key.
    pub comment: Option<String>,
}

/// Reads a line of an `authorized_keys` file without options: ed25519, ecdsa, rsa from 2048 bits, and their kin on tokens.
///
/// Errors: `Fields` (`public_key`, `malformed`). Certificates are not keys.
pub fn parse(line: &str) -> Result<PublicKey> {
    let malformed = || Error::field("public_key", "malformed");
    let line = line.trim();
    if line.lines().count() != 1 {
        return Err(malformed());
    }
    let mut words = line.split_ascii_whitespace();
    let (Some(kind), Some(text)) = (words.next(), words.next()) else { return Err(malformed()) };
    let blob = BASE64_STANDARD.decode(text).map_err(|_| malformed())?;
    if !is_key(kind, &blob).unwrap_or(false) {
        return Err(malformed());
    }
    let comment: Vec<&str> = words.collect();
    Ok(PublicKey {
        text: format!("{kind} {}", BASE64_STANDARD.encode(&blob)),
        fingerprint: fingerprint(&blob),
        comment: (!comment.is_empty()).then(|| comment.join(" ")),
    })
}

/// The fingerprint of a key in its wire form.
pub fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

/// Whether a blob is a whole key of this kind, and the kind is one of ours; `None`: it breaks off.
fn is_key(kind: &str, blob: &[u8]) -> Option<bool> {
    let mut rest = blob;
    if field(&mut rest)? != kind.as_bytes() {
        return Some(false);
    }
    let is_point = |point: &[u8], size: usize| point.first() == Some(&4) && point.len() == 1 + 2 * size;
    let is_right = match kind {
        "ssh-ed25519" => field(&mut rest)?.len() == 32,
        "sk-ssh-ed25519@openssh.com" => field(&mut rest)?.len() == 32 && !field(&mut rest)?.is_empty(),
        "ecdsa-sha2-nistp256" => field(&mut rest)? == b"nistp256" && is_point(field(&mut rest)?, 32),
        "ecdsa-sha2-nistp384" => field(&mut rest)? == b"nistp384" && is_point(field(&mut rest)?, 48),
        "ecdsa-sha2-nistp521" => field(&mut rest)? == b"nistp521" && is_point(field(&mut rest)?, 66),
        "sk-ecdsa-sha2-nistp256@openssh.com" => {
            field(&mut rest)? == b"nistp256" && is_point(field(&mut rest)?, 32) && !field(&mut rest)?.is_empty()
        }
        "ssh-rsa" => {
            let exponent = field(&mut rest)?;
            let modulus = field(&mut rest)?;
            RSA_BITS.contains(&bits(modulus))
                && bits(exponent) >= 2
                && exponent.last().is_some_and(|byte| byte & 1 == 1)
        }
        _ => false,
    };
    Some(is_right && rest.is_empty())
}

/// The next text: four bytes of length, then itself.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (field, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(field)
}

/// Bits of a positive number in big-endian bytes; a negative one has none.
fn bits(number: &[u8]) -> usize {
    if number.first().is_some_and(|byte| byte & 0x80 != 0) {
        return 0;
    }
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let significant = number.len() - zeros;
    let leading = number.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    significant * 8 - leading
}

/// A key as its owner or staff see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KeyView {
    /// Row id.
    pub id: SshKeyId,
    /// Name.
    pub name: String,
    /// `type base64`.
    pub public_key: String,
    /// `SHA256:…`
    pub fingerprint: String,
    /// Last login with it.
    pub last_used_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
}

/// Lists the keys of the caller, or of somebody else with `system.user.update`.
pub async fn list(ctx: &Ctx, of: Option<AccountId>) -> Result<Vec<KeyView>> {
    let account = owner(ctx, of)?;
    if ctx.account() != Some(account) {
        accounts::find(&mut ctx.read(), account).await?.ok_or(Error::NotFound { what: "account" })?;
        permission::covers_account(ctx, &mut ctx.read(), account).await?;
    }
    let view = |row: SshKeyRow| KeyView {
        id: row.id,
        name: row.name,
        public_key: row.public_key,
        fingerprint: row.fingerprint,
        last_used_at: row.last_used_at,
        created_at: row.created_at,
    };
    Ok(rows::list(&mut ctx.read(), account).await?.into_iter().map(view).collect())
}

/// Whose keys are meant. Errors: `Forbidden` for those of others without `system.user.update`.
fn owner(ctx: &Ctx, of: Option<AccountId>) -> Result<AccountId> {
    let own = staff::own_session(ctx).map(|(id, _)| id);
    match of {
        Some(other) if own.as_ref().ok() != Some(&other) => {
            ctx.require("system.user.update")?;
            Ok(other)
        }
        _ => own,
    }
}

/// Adds a key for the caller, or for somebody else with `system.user.update` and all that he holds.
///
/// Errors: `Fields` (`public_key`: `malformed`, `taken`); `QuotaExceeded`; `NotFound`, `Forbidden`.
pub async fn add(ctx: &Ctx, of: Option<AccountId>, name: &str, line: &str) -> Result<SshKeyId> {
    let account = owner(ctx, of)?;
    let key = parse(line)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    owner(&ctx, of)?;
    let row = accounts::find(&mut tx, account).await?.ok_or(Error::NotFound { what: "account" })?;
    permission::covers_account(&ctx, &mut tx, account).await?;
    if rows::find_of_account(&mut tx, account, &key.fingerprint).await?.is_some() {
        return Err(Error::field("public_key", "taken"));
    }
    if rows::list(&mut tx, account).await?.len() >= MOST {
        return Err(Error::QuotaExceeded { what: "ssh keys" });
    }
    let id = rows::insert(&mut tx, account, name, (&key.text, &key.fingerprint), ctx.now()).await?;
    audit::changed(&mut tx, &ctx, "ssh_key.create", Object::new("ssh_key", id.0, &row.login)).await?;
    tx.commit().await?;
    Ok(id)
}

/// What is wrong with a key to add, for surfaces that found other faults in the same form and tell all at once.
///
/// Errors: those of [`add`] that are about rights.
pub async fn faults(ctx: &Ctx, of: Option<AccountId>, line: &str) -> Result<Vec<Fault>> {
    let account = owner(ctx, of)?;
    let key = match parse(line) {
        Ok(key) => key,
        Err(Error::Fields(faults)) => return Ok(faults),
        Err(other) => return Err(other),
    };
    let is_taken = rows::find_of_account(&mut ctx.read(), account, &key.fingerprint).await?.is_some();
    Ok(is_taken.then_some(Fault::new("public_key", "taken")).into_iter().collect())
}

/// Deletes keys; unknown ones are passed over. Gives how many went.
///
/// Errors: `Forbidden` when one is somebody else's, without `system.user.update` and all that he holds: then none goes.
pub async fn delete(ctx: &Ctx, ids: &[SshKeyId]) -> Result<i64> {
    let (own, _) = staff::own_session(ctx)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let mut found = Vec::new();
    for id in ids {
        let Some(key) = rows::find(&mut tx, *id).await? else { continue };
        if key.account_id != own {
            ctx.require("system.user.update")?;
            permission::covers_account(&ctx, &mut tx, key.account_id).await?;
        }
        found.push(key);
    }
    found.sort_by_key(|key| key.id);
    found.dedup_by_key(|key| key.id);
    if !found.is_empty() {
        delete_in(&ctx, &mut tx, &found).await?;
        tx.commit().await?;
    }
    Ok(i64::try_from(found.len()).unwrap_or(i64::MAX))
}

/// Deletes the key of somebody that has this name or fingerprint.
///
/// Errors: `Forbidden` without `system.user.update` and all that he holds; `NotFound` (ssh key); `Conflict` when several have
/// the name: then only a fingerprint tells them apart.
pub async fn delete_named(ctx: &Ctx, of: AccountId, key: &str) -> Result<()> {
    owner(ctx, Some(of))?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    owner(&ctx, Some(of))?;
    permission::covers_account(&ctx, &mut tx, of).await?;
    let mut found = rows::list(&mut tx, of).await?;
    found.retain(|row| row.fingerprint == key || row.name == key);
    match found.len() {
        0 => return Err(Error::NotFound { what: "ssh key" }),
        1 => {}
        _ => return Err(Error::Conflict { what: "ssh key", key: "name".to_owned() }),
    }
    delete_in(&ctx, &mut tx, &found).await?;
    Ok(tx.commit().await?)
}

async fn delete_in(ctx: &Ctx, tx: &mut Tx, found: &[SshKeyRow]) -> Result<()> {
    for key in found {
        rows::delete(tx, key.id).await?;
    }
    let id = if let [key] = found { Some(key.id.0) } else { None };
    let fingerprints: Vec<&str> = found.iter().map(|key| key.fingerprint.as_str()).collect();
    audit::changed(tx, ctx, "ssh_key.delete", Object::new("ssh_key", id, &fingerprints.join(" "))).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blob(fields: &[&[u8]]) -> Vec<u8> {
        let prefixed = |field: &&[u8]| [&u32::try_from(field.len()).unwrap().to_be_bytes(), *field].concat();
        fields.iter().flat_map(prefixed).collect()
    }

    fn line(kind: &str, fields: &[&[u8]]) -> String {
        let all: Vec<&[u8]> = [kind.as_bytes()].into_iter().chain(fields.iter().copied()).collect();
        format!("{kind} {}", BASE64_STANDARD.encode(blob(&all)))
    }

    #[test]
    fn the_fingerprint_is_openssh_s() {
        // Made by ssh-keygen; its fingerprint as ssh-keygen -l prints it.
        let text = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
        let key = parse(&format!("  {text} me at home\n")).unwrap();
        assert_eq!((key.text.as_str(), key.comment.as_deref()), (text, Some("me at home")));
        let expected =
            BASE64_STANDARD_NO_PAD.encode(Sha256::digest(blob(&[b"ssh-ed25519", &(0..32).collect::<Vec<u8>>()])));
        assert_eq!(key.fingerprint, format!("SHA256:{expected}"));
    }

    #[test]
    fn kinds_and_sizes_are_checked() {
        let point = |size: usize| [vec![4], vec![7; 2 * size]].concat();
        let modulus = |bits: usize| [vec![0, 0x80], vec![1; bits / 8 - 1]].concat();
        let e: &[u8] = &[1, 0, 1];
        let good = [
            line("ecdsa-sha2-nistp256", &[b"nistp256", &point(32)]),
            line("ecdsa-sha2-nistp384", &[b"nistp384", &point(48)]),
            line("ecdsa-sha2-nistp521", &[b"nistp521", &point(66)]),
            line("sk-ssh-ed25519@openssh.com", &[&[1; 32], b"ssh:"]),
            line("sk-ecdsa-sha2-nistp256@openssh.com", &[b"nistp256", &point(32), b"ssh:"]),
            line("ssh-rsa", &[e, &modulus(2_048)]),
            line("ssh-rsa", &[e, &modulus(4_096)]),
        ];
        for line in good {
            assert!(parse(&line).is_ok(), "{line}");
        }
        let bad = [
            String::new(),
            "ssh-ed25519".to_owned(),
            "ssh-ed25519 ????".to_owned(),
            line("ssh-ed25519", &[&[1; 31]]),
            line("ssh-ed25519", &[&[1; 32], b"more"]),
            line("ecdsa-sha2-nistp256", &[b"nistp384", &point(32)]),
            line("ssh-rsa", &[e, &modulus(1_024)]),
            line("ssh-rsa", &[&[2], &modulus(2_048)]),
            line("ssh-dss", &[&[1; 32]]),
            line("ssh-ed25519-cert-v01@openssh.com", &[&[1; 32]]),
            format!("{}\n{}", line("ssh-ed25519", &[&[1; 32]]), line("ssh-ed25519", &[&[2; 32]])),
            line("ssh-ed25519", &[&[1; 32]]).replace("ssh-ed25519 ", "ssh-rsa "),
        ];
        for line in bad {
            assert!(parse(&line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn nothing_upsets_the_reader(kind in "(ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp256|x)", bytes in any::<Vec<u8>>()) {
            let whole = [blob(&[kind.as_bytes()]), bytes].concat();
            // Only that nothing panics counts here.
            let _ = parse(&format!("{kind} {}", BASE64_STANDARD.encode(whole)));
        }
    }
}
