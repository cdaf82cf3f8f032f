//! What people see and change of themselves on the bastion.

use gatehouse_model::{AccountId, Millis, RoleId, Secret, email_key};
use gatehouse_store::{Aspect, Query, account as accounts, login_session, own_account as rows};

use crate::{
    Ctx, Edit, Error, Result,
    audit::{self, Object},
    error::Fault,
    login,
    permission::{self, Change},
    session::staff,
};

/// An account of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Wire id.
    pub id: AccountId,
    /// Login.
    pub login: String,
    /// Display name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// The switch.
    pub is_enabled: bool,
    /// Neither disabled nor deleted.
    pub is_protected: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
    /// Note.
    pub remark: Option<String>,
    /// Path of a picture.
    pub avatar: Option<String>,
    /// Last login.
    pub last_login_at: Option<Millis>,
    /// Its roles.
    pub roles: Vec<RoleId>,
}

/// Shows the caller's own account. Errors: `Unauthenticated` for whoever is no person with a staff pass.
pub async fn show(ctx: &Ctx) -> Result<Person> {
    let nobody = || Error::Unauthenticated { why: "no account of staff" };
    let id = ctx.account().ok_or_else(nobody)?;
    let row = rows::find(&mut ctx.read(), id).await?.ok_or_else(nobody)?;
    Ok(Person {
        id,
        login: row.login,
        name: row.name,
        email: row.email,
        phone: row.phone,
        is_enabled: row.is_enabled,
        is_protected: row.is_protected,
        created_at: row.created_at,
        updated_at: row.updated_at,
        remark: row.remark,
        avatar: row.avatar,
        last_login_at: row.last_login_at,
        roles: rows::list_roles(&mut ctx.read(), id, ctx.now()).await?,
    })
}

/// What [`edit`] changes.
#[derive(Debug, Clone, Default)]
pub struct OwnEdit {
    /// Display name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Edit<String>,
    /// Phone number.
    pub phone: Edit<String>,
    /// Note.
    pub remark: Edit<String>,
}

/// Edits the caller's own name, e-mail, phone and note, also of a protected account.
///
/// Errors: `Forbidden`; `Fields` (`email`, `phone_number`: `malformed`, `taken`), all at once.
pub async fn edit(ctx: &Ctx, edit: &OwnEdit) -> Result<()> {
    ctx.require("user.profile.update")?;
    let (id, _) = staff::own_session(ctx)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("user.profile.update")?;
    let nobody = || Error::Unauthenticated { why: "no account of staff" };
    let row = rows::find(&mut tx, id).await?.ok_or_else(nobody)?;
    let mut faults = malformed_contacts(&edit.email, &edit.phone);
    let taken = taken_contacts(&mut tx, Some(id), &edit.email, &edit.phone).await?;
    faults.extend(
        taken.into_iter().filter(|fault| faults.iter().all(|found| found.field != fault.field)).collect::<Vec<_>>(),
    );
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    let name = edit.name.clone().or(row.name);
    let (email, phone) = (edit.email.clone().apply(row.email), edit.phone.clone().apply(row.phone));
    let key = email.as_deref().map(email_key);
    let email = email.as_deref().zip(key.as_deref());
    accounts::update_profile(&mut tx, id, name.as_deref(), email, phone.as_deref(), ctx.now())
        .await
        .map_err(super::taken)?;
    rows::update_remark(&mut tx, id, edit.remark.clone().apply(row.remark).as_deref(), ctx.now()).await?;
    audit::changed(&mut tx, &ctx, "account.profile", Object::new("account", id.0, &row.login)).await?;
    Ok(tx.commit().await?)
}

/// The faults in the form of an e-mail address and a phone number: `malformed`.
pub fn malformed_contacts(email: &Edit<String>, phone: &Edit<String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    if matches!(email, Edit::Set(email) if !is_email(email)) {
        faults.push(Fault { field: "email", rule: "malformed" });
    }
    if matches!(phone, Edit::Set(phone) if !is_phone(phone)) {
        faults.push(Fault { field: "phone_number", rule: "malformed" });
    }
    faults
}

/// Which of e-mail and phone somebody else has: `taken`.
pub(crate) async fn taken_contacts(
    q: &mut impl Query,
    own: Option<AccountId>,
    email: &Edit<String>,
    phone: &Edit<String>,
) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let is_other = |row: Option<accounts::AccountRow>| row.is_some_and(|row| Some(row.id) != own);
    if let Edit::Set(email) = email
        && is_other(accounts::find_by_email_key(q, &email_key(email)).await?)
    {
        faults.push(Fault { field: "email", rule: "taken" });
    }
    if let Edit::Set(phone) = phone
        && is_other(accounts::find_by_phone(q, phone).await?)
    {
        faults.push(Fault { field: "phone_number", rule: "taken" });
    }
    Ok(faults)
}

/// `name@host.domain` without blanks and control characters.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let is_local = !local.is_empty()
        && local.len() <= 64
        && !local
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || matches!(c, '@' | '<' | '>' | '"' | ',' | ';'));
    is_local && domain.contains('.') && domain.split('.').all(is_label)
}

/// A mobile number of mainland China, `1[3-9]` and nine digits (specs/bastion.md §4.3).
fn is_phone(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 11
        && bytes.iter().all(u8::is_ascii_digit)
        && bytes.first() == Some(&b'1')
        && bytes.get(1).is_some_and(|digit| (b'3'..=b'9').contains(digit))
}

/// Changes the caller's own password. His other sessions end with their terminals, the calling one continues.
///
/// Errors: `Fields` (`old_password`, `wrong`), which counts as a failed login; (`new_password`, `same`); `RateLimited`.
pub async fn change_password(ctx: &Ctx, old: &Secret, new: &Secret) -> Result<()> {
    let (id, session) = staff::own_session(ctx)?;
    let verified = login::require_password(ctx, id, old, "old_password").await?;
    if old == new {
        return Err(Error::field("new_password", "same"));
    }
    let (scheme, hash) = ctx.app.passwords().hash(ctx.app.random(), new).await?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let row = accounts::find(&mut tx, id).await?.filter(|row| row.epoch == verified.epoch);
    let row = row.ok_or(Error::Unauthenticated { why: "the password was changed meanwhile" })?;
    accounts::update_password(&mut tx, id, scheme, &hash, ctx.now()).await?;
    super::vpn::repassworded(&ctx, &mut tx, &row, new).await?;
    login_session::update_epoch(&mut tx, session).await?;
    login_session::revoke_others(&mut tx, id, Some(session), "credentials_changed", ctx.now()).await?;
    tx.touch(Aspect::Access, Some(id.0));
    audit::changed(&mut tx, &ctx, "account.password.change", Object::new("account", id.0, &verified.login)).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbers_have_their_form() {
        for email in ["a@example.com", "a.b+c@sub.example.com", "用户@example.com"] {
            assert!(is_email(email), "{email}");
        }
        for email in
            ["", "a", "a@b", "@example.com", "a@", "a b@example.com", "a@b@example.com", "a@-x.com", "a@x..com"]
        {
            assert!(!is_email(email), "{email}");
        }
        assert!(is_phone("13800000000"));
        for phone in ["", "12345678901", "1380000000", "138000000000", "23800000000", "1380000000a"] {
            assert!(!is_phone(phone), "{phone}");
        }
    }
}
