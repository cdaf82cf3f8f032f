//! Editing a user.

use gatehouse_model::{AccountId, Millis, Secret, fold_key};
use gatehouse_store::{Query, Tx, account as accounts, lock, vpn_user as rows};

use super::{OBJECT, ServerName, check, find_id};
use crate::{
    Ctx, Error, Result,
    audit::Object,
    vpn::{
        field, group, method,
        staged::{self, Twin},
        trail,
    },
};

const CODE: &str = "vpn.user.update";

/// What an edit does to the end of a pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Expiry {
    /// It stays.
    #[default]
    Keep,
    /// There is none.
    Never,
    /// The beginning of this day, `YYYY-MM-DD` in `vpn.time_zone`; an empty text keeps a day that is set already.
    On(String),
}

/// An edit of a user; `None` keeps what is there.
#[derive(Debug, Clone, Default)]
pub struct UserEdit {
    /// Login now.
    pub old_name: String,
    /// Login from the apply on.
    pub new_name: Option<String>,
    /// Path of the group it lies in afterwards.
    pub group: String,
    /// Note.
    pub note: Option<String>,
    /// Phone numbers.
    pub phone: Option<String>,
    /// Roles by name, all of them; unknown ones are passed over.
    pub roles: Option<Vec<String>>,
    /// Password; an empty one is kept too.
    pub password: Option<Secret>,
    /// The pass's switch.
    pub is_enabled: Option<bool>,
    /// Whether an external server is a method. On, it makes the user's own methods count, without the password, unless
    /// `inherits_auth` and `has_password` say otherwise; off, the password becomes the method if none is left.
    pub is_external: Option<bool>,
    /// The external server; none: the one that is set.
    pub server: Option<ServerName>,
    /// Whether the group decides on the methods.
    pub inherits_auth: Option<bool>,
    /// Whether the group decides on the policy set.
    pub inherits_policy: Option<bool>,
    /// Whether the password is a method.
    pub has_password: Option<bool>,
    /// Whether several people use it.
    pub is_public: Option<bool>,
    /// End of the pass.
    pub expiry: Expiry,
}

/// What the checks of an edit find.
struct Plan {
    account: accounts::AccountRow,
    /// The pass after the edit, but for login and password.
    pass: rows::VpnPassRow,
    rename: Option<String>,
}

/// Edits a user, staged.
///
/// Errors: `Forbidden`; `Fields`, the first of (`old_name`: `empty`, `unknown`), (`name`: `empty`, `malformed`, `reserved`,
/// `taken`, `protected`), (`group`: `malformed`, `unknown`, `anonymous`), (`auth_server`, `unknown`), (`note` `phone` `password`
/// `expires_on`, `malformed`), (`password`, `protected`), (`is_enabled`, `disabled_by_staff`). `protected`: the account opens
/// more than the VPN, or another surface made it. Source: specs/vpn.md §6, §7.4.
pub async fn edit(ctx: &Ctx, edit: &UserEdit) -> Result<()> {
    ctx.require(CODE)?;
    // Once before the password is hashed, which is dear, and once when nobody can interfere.
    check_all(ctx, &mut ctx.read(), edit).await?;
    let password = match edit.password.as_ref().filter(|password| !password.expose().is_empty()) {
        Some(password) => Some(check::stage(ctx, password).await?),
        None => None,
    };
    let mut tx = staged::begin(ctx, CODE).await?;
    lock::share_tree(&mut tx).await?;
    // Whoever edits the same user waits here, and then reads what this edit wrote.
    if let Some(id) = find_id(&mut tx, &edit.old_name).await? {
        rows::update_touched(&mut tx, id, ctx.now()).await?;
    }
    let Plan { account, mut pass, rename } = check_all(ctx, &mut tx, edit).await?;
    let id = account.id;
    if let Some(name) = &rename {
        pass.login = (*name != account.login).then(|| name.clone());
        stage_login(&mut tx, id, &account.login, name).await?;
    }
    if password.is_some() {
        check::put(ctx, &mut pass, password)?;
    }
    pass.updated_at = ctx.now();
    rows::update(&mut tx, &pass).await?;
    if let Some(roles) = &edit.roles {
        rows::delete_roles(&mut tx, id).await?;
        for role in roles.iter().filter(|role| field::is_askable(role)) {
            rows::insert_role(&mut tx, id, role).await?;
        }
    }
    staged::mark(&mut tx, Twin::User, id.0).await?;
    let renamed = rename.map(|name| serde_json::json!({ "new_name": name }));
    trail::changed(&mut tx, ctx, CODE, Object::new(OBJECT, id.0, &trail::label([edit.old_name.as_str()])), renamed)
        .await?;
    Ok(tx.commit().await?)
}

/// Holds the new login beside the live one until the apply.
async fn stage_login(tx: &mut Tx, id: AccountId, live: &str, new: &str) -> Result<()> {
    rows::delete_staged_login(tx, id).await?;
    let key = fold_key(new);
    if key == fold_key(live) {
        return Ok(());
    }
    match rows::insert_staged_login(tx, id, &key).await {
        Ok(_) => Ok(()),
        Err(gatehouse_store::Error::Conflict { .. }) => Err(Error::field("name", "taken")),
        Err(error) => Err(error.into()),
    }
}

async fn check_all(ctx: &Ctx, q: &mut impl Query, edit: &UserEdit) -> Result<Plan> {
    if edit.old_name.is_empty() {
        return Err(Error::field("old_name", "empty"));
    }
    let unknown = || Error::field("old_name", "unknown");
    let id = find_id(q, &edit.old_name).await?.ok_or_else(unknown)?;
    let mut pass = rows::find(q, id).await?.ok_or_else(unknown)?;
    let account = accounts::find(q, id).await?.ok_or_else(unknown)?;
    let is_foreign = check::is_foreign(q, &account).await?;
    let rename = check_rename(ctx, q, edit, &account, &pass).await?;
    if rename.is_some() && is_foreign {
        return Err(Error::field("name", "protected"));
    }
    pass.vpn_group_id = group::find_for_users(q, &edit.group).await?.id;
    apply_auth(q, edit, &mut pass).await?;
    check::texts(edit.note.as_deref(), edit.phone.as_deref(), edit.password.as_ref())?;
    pass.expires_at = expiry(ctx, &edit.expiry, pass.expires_at)?;
    if is_foreign && edit.password.as_ref().is_some_and(|password| !password.expose().is_empty()) {
        return Err(Error::field("password", "protected"));
    }
    if edit.is_enabled == Some(true) && !account.is_enabled {
        return Err(Error::field("is_enabled", "disabled_by_staff"));
    }
    pass.note = edit.note.clone().unwrap_or(pass.note);
    pass.phone = edit.phone.clone().unwrap_or(pass.phone);
    pass.is_enabled = edit.is_enabled.unwrap_or(pass.is_enabled);
    pass.is_public = edit.is_public.unwrap_or(pass.is_public);
    pass.inherits_policy = edit.inherits_policy.unwrap_or(pass.inherits_policy);
    Ok(Plan { account, pass, rename })
}

/// The new login, if it is one. The old limits hold for those who had their login before them: only a new one is checked.
async fn check_rename(
    ctx: &Ctx,
    q: &mut impl Query,
    edit: &UserEdit,
    account: &accounts::AccountRow,
    pass: &rows::VpnPassRow,
) -> Result<Option<String>> {
    let Some(name) = &edit.new_name else { return Ok(None) };
    if name.is_empty() {
        return Err(Error::field("name", "empty"));
    }
    if *name == edit.old_name || name == pass.login.as_ref().unwrap_or(&account.login) {
        return Ok(None);
    }
    check::name(ctx, name)?;
    let owner = rows::find_owner(q, &fold_key(name)).await?;
    if owner.is_some_and(|owner| owner.account_id != account.id) {
        return Err(Error::field("name", "taken"));
    }
    Ok(Some(name.clone()))
}

/// Applies what the edit says of the methods; (`auth_server`, `unknown`).
async fn apply_auth(q: &mut impl Query, edit: &UserEdit, pass: &mut rows::VpnPassRow) -> Result<()> {
    let was_external = pass.methods & method::EXTERNAL != 0;
    let is_external = edit.is_external.unwrap_or(was_external);
    if is_external && let Some(server) = &edit.server {
        pass.auth_server_id = Some(check::server(q, server).await?);
    }
    let (mut inherits, mut has_password) = (edit.inherits_auth, edit.has_password);
    if edit.is_external == Some(true) {
        if pass.auth_server_id.is_none() {
            return Err(Error::field("auth_server", "unknown"));
        }
        pass.methods |= method::EXTERNAL;
        inherits = inherits.or(Some(false));
        has_password = has_password.or(Some(false));
    }
    pass.inherits_auth = inherits.unwrap_or(pass.inherits_auth);
    match has_password {
        Some(true) => pass.methods |= method::PASSWORD,
        Some(false) => pass.methods &= !method::PASSWORD,
        None => {}
    }
    if edit.is_external == Some(false) {
        pass.methods &= !method::EXTERNAL;
        pass.auth_server_id = None;
        if pass.methods == 0 {
            pass.methods = method::PASSWORD;
        }
    }
    Ok(())
}

/// The end of the pass after the edit; (`expires_on`, `malformed`).
fn expiry(ctx: &Ctx, expiry: &Expiry, old: Option<Millis>) -> Result<Option<Millis>> {
    match expiry {
        Expiry::Keep => Ok(old),
        Expiry::Never => Ok(None),
        Expiry::On(day) if day.is_empty() && old.is_some() => Ok(old),
        Expiry::On(day) => field::day(day, &ctx.app.settings().vpn.time_zone)
            .map(Some)
            .ok_or_else(|| Error::field("expires_on", "malformed")),
    }
}
