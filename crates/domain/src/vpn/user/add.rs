//! Making a user.

use gatehouse_model::{AccountId, AuthServerId, Login, Millis, Origin, Secret, VpnGroupId, VpnPolicySetId, fold_key};
use gatehouse_store::{Query, account as accounts, lock, vpn_user as rows};

use super::{OBJECT, ServerName, check};
use crate::{
    Ctx, Error, Result, account,
    audit::Object,
    vpn::{
        field, group, method,
        staged::{self, Twin},
        trail,
    },
};

const CODE: &str = "vpn.user.create";

/// A user to make.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Login; at most 48 bytes.
    pub name: String,
    /// Path of the group.
    pub group: String,
    /// Note; at most 48 bytes.
    pub note: String,
    /// Phone numbers; at most 30 bytes.
    pub phone: String,
    /// Password; at most 48 bytes of ASCII. An empty one is none: no login is accepted.
    pub password: Option<Secret>,
    /// Roles by name; unknown ones are passed over.
    pub roles: Vec<String>,
    /// Whether the group decides on the methods.
    pub inherits_auth: bool,
    /// Whether the group decides on the policy set.
    pub inherits_policy: bool,
    /// Own methods but for the external server, see [`method`].
    pub methods: i64,
    /// The external server, as a method more.
    pub server: Option<ServerName>,
    /// The token server's number, 0: none.
    pub token_server_id: i64,
    /// Whether several people use it.
    pub is_public: bool,
    /// The day at whose beginning access ends, `YYYY-MM-DD` in `vpn.time_zone`; none: never.
    pub expires_on: Option<String>,
}

/// What the checks of a new user find.
struct Plan {
    group: VpnGroupId,
    server: Option<AuthServerId>,
    expires_at: Option<Millis>,
    /// The account whose VPN pass is to be deleted, and its login.
    replaced: Option<accounts::AccountRow>,
}

/// Makes a user, staged: an account at once, which cannot log in before the apply.
///
/// A user whose deletion waits for the apply is replaced, if the account opens nothing else.
/// Errors: `Forbidden`; `Fields`, the first of (`name`: `empty`, `malformed`, `reserved`), (`group`: `malformed`, `unknown`,
/// `anonymous`), (`name`, `taken`), (`auth_server`, `unknown`), (`note` `phone` `password` `expires_on`, `malformed`).
/// Source: specs/vpn.md §7.3.
pub async fn add(ctx: &Ctx, new: &NewUser) -> Result<AccountId> {
    ctx.require(CODE)?;
    // Once before the password is hashed, which is dear, and once when nobody can interfere.
    check_all(ctx, &mut ctx.read(), new).await?;
    let password = match new.password.as_ref().filter(|password| !password.expose().is_empty()) {
        Some(password) => Some(check::stage(ctx, password).await?),
        None => None,
    };
    let mut tx = staged::begin(ctx, CODE).await?;
    lock::share_tree(&mut tx).await?;
    let plan = check_all(ctx, &mut tx, new).await?;
    let (id, seal_ref) = if let Some(account) = &plan.replaced {
        rows::delete_activity(&mut tx, account.id).await?;
        rows::update_replaced(&mut tx, account.id, Origin::Vpn.as_str(), ctx.now()).await?;
        (account.id, account.seal_ref.clone())
    } else {
        let login = Login::new(&new.name).map_err(|_| Error::field("name", "malformed"))?;
        let new = account::NewAccount { login, name: None, email: None, phone: None, password: None };
        let id = account::insert(ctx, &mut tx, &new, None, false).await.map_err(taken)?;
        let account = accounts::find(&mut tx, id).await?.ok_or(Error::NotFound { what: "account" })?;
        (id, account.seal_ref)
    };
    let external = if plan.server.is_some() { method::EXTERNAL } else { 0 };
    let mut pass = rows::VpnPassRow {
        account_id: id,
        vpn_group_id: plan.group,
        note: new.note.clone(),
        phone: new.phone.clone(),
        is_enabled: true,
        is_public: new.is_public,
        expires_at: plan.expires_at,
        inherits_auth: new.inherits_auth,
        inherits_policy: new.inherits_policy,
        methods: new.methods | external,
        is_any_of: false,
        auth_server_id: plan.server,
        token_server_id: new.token_server_id,
        policy_set_id: VpnPolicySetId(0),
        fixed_ip: None,
        login: plan.replaced.filter(|account| account.login != new.name).map(|_| new.name.clone()),
        is_password_staged: true,
        password_scheme: None,
        password_hash: None,
        password_clear_sealed: None,
        password_changed_at: None,
        seal_ref,
        created_at: ctx.now(),
        updated_at: ctx.now(),
    };
    check::put(ctx, &mut pass, password)?;
    rows::insert(&mut tx, &pass).await.map_err(|error| taken(error.into()))?;
    for role in new.roles.iter().filter(|role| field::is_askable(role)) {
        rows::insert_role(&mut tx, id, role).await?;
    }
    staged::mark(&mut tx, Twin::User, id.0).await?;
    trail::changed(&mut tx, ctx, CODE, Object::new(OBJECT, id.0, &new.name), None).await?;
    tx.commit().await?;
    Ok(id)
}

/// Somebody was quicker.
fn taken(error: Error) -> Error {
    match error {
        Error::Conflict { .. } => Error::field("name", "taken"),
        other => other,
    }
}

async fn check_all(ctx: &Ctx, q: &mut impl Query, new: &NewUser) -> Result<Plan> {
    if new.name.is_empty() {
        return Err(Error::field("name", "empty"));
    }
    check::name(ctx, &new.name)?;
    let group = group::find_for_users(q, &new.group).await?.id;
    let replaced = match rows::find_owner(q, &fold_key(&new.name)).await? {
        None => None,
        Some(owner) => Some(replaceable(q, owner).await?.ok_or_else(|| Error::field("name", "taken"))?),
    };
    let server = match &new.server {
        Some(server) => Some(check::server(q, server).await?),
        None => None,
    };
    check::texts(Some(&new.note), Some(&new.phone), new.password.as_ref())?;
    let expires_at = match &new.expires_on {
        None => None,
        Some(day) => Some(
            field::day(day, &ctx.app.settings().vpn.time_zone)
                .ok_or_else(|| Error::field("expires_on", "malformed"))?,
        ),
    };
    Ok(Plan { group, server, expires_at, replaced })
}

/// The account that owns a login, if it would go with the apply anyway.
async fn replaceable(q: &mut impl Query, owner: rows::NameOwner) -> Result<Option<accounts::AccountRow>> {
    if owner.is_staged || !owner.is_deletion_staged {
        return Ok(None);
    }
    let Some(account) = accounts::find(q, owner.account_id).await?.filter(|account| !account.is_protected) else {
        return Ok(None);
    };
    Ok((!check::has_further_pass(q, &account).await?).then_some(account))
}
