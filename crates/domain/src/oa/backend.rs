//! Who makes and removes the users of the oa surface (specs/oa.md §5, §6).
//!
//! [`Backend`] is the place of every back end; `local` is the one there is. The django-sspanel driver is a later issue.

use gatehouse_model::{AccountId, Login, LoginError, NodeGroupId, NodeKind, Origin};
use gatehouse_store::{Aspect, Tx, account as accounts, node, oa_user::OaUserRow, pass};

use crate::{
    Ctx, Error, Result, Settings, account,
    audit::{self, Object},
    proxy::{group, link, node::Node},
};

/// Stored name of the local back end.
pub const LOCAL: &str = "local";

/// How a creation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// The account that now exists.
    Account(AccountId),
    /// Refused for good: `name_taken`, `email_taken`, `bad_name`, `name_too_long`.
    Refused(&'static str),
}

/// Makes and removes users. Both calls run inside the transaction that ends the job, so that they happen exactly once;
/// a driver of a foreign panel does its calls before and hands in what came of them.
pub trait Backend: Send + Sync {
    /// Makes the user of a row.
    fn create(&self, ctx: &Ctx, tx: &mut Tx, row: &OaUserRow) -> impl Future<Output = Result<Made>> + Send;

    /// Removes the user of a row, if this surface made it. An error is a refusal that is retried.
    fn delete(&self, ctx: &Ctx, tx: &mut Tx, row: &OaUserRow) -> impl Future<Output = Result<()>> + Send;
}

/// Gatehouse's own accounts and proxy door.
#[derive(Debug, Clone, Copy)]
pub struct Local;

impl Backend for Local {
    async fn create(&self, ctx: &Ctx, tx: &mut Tx, row: &OaUserRow) -> Result<Made> {
        let login = match Login::new(&row.username) {
            Ok(login) => login,
            Err(LoginError::TooLong) => return Ok(Made::Refused("name_too_long")),
            Err(LoginError::Empty | LoginError::Control | LoginError::Blank) => return Ok(Made::Refused("bad_name")),
        };
        if accounts::find_by_key(tx, &login.key()).await?.is_some() {
            return Ok(Made::Refused("name_taken"));
        }
        let email_key = gatehouse_model::email_key(&row.email);
        if accounts::find_by_email_key(tx, &email_key).await?.is_some() {
            return Ok(Made::Refused("email_taken"));
        }
        let id = accounts::insert(
            tx,
            &accounts::NewAccount {
                login: login.as_str(),
                login_key: &login.key(),
                name: None,
                email: Some(&row.email),
                email_key: Some(&email_key),
                phone: None,
                is_protected: false,
                origin: Origin::Oa.as_str(),
                password: None,
                seal_ref: &ctx.app.request_id(),
                at: ctx.now(),
            },
        )
        .await?;
        let pass = new_pass(ctx, tx).await?;
        account::pass::insert_proxy(ctx, tx, id, &pass).await?;
        audit::changed(tx, ctx, "account.create", Object::new("account", id.0, login.as_str())).await?;
        Ok(Made::Account(id))
    }

    async fn delete(&self, ctx: &Ctx, tx: &mut Tx, row: &OaUserRow) -> Result<()> {
        // A refused creation made nothing; whoever holds the name is left alone.
        let Some(id) = row.account_id else { return Ok(()) };
        let Some(found) = accounts::find(tx, id).await? else { return Ok(()) };
        account::pass::remove_proxy(ctx, tx, &found).await
    }
}

/// The pass `[oa.local]` describes.
async fn new_pass(ctx: &Ctx, tx: &mut Tx) -> Result<account::pass::ProxyPass> {
    let settings = &ctx.app.settings().oa.local;
    Ok(account::pass::ProxyPass {
        node_group_id: Some(group_of(ctx, tx, settings.group.as_deref()).await?),
        quota: settings.quota.map(|size| i64::try_from(size.0).unwrap_or(i64::MAX)),
        expires_at: settings.expires_after.map(|span| ctx.now().plus(span.0)),
        speed_limit: settings.speed_limit,
        device_limit: settings.device_limit,
    })
}

/// The configured group, else the one with the lowest id, else a new one named `default`.
async fn group_of(ctx: &Ctx, tx: &mut Tx, name: Option<&str>) -> Result<NodeGroupId> {
    if let Some(name) = name {
        return node::find_group(tx, name).await?.ok_or_else(|| {
            Error::invalid("oa.local.group", format!("no node group is named `{name}`; make it or change the setting"))
        });
    }
    if let Some(id) = node::find_first_group(tx).await? {
        return Ok(id);
    }
    Ok(group::ensure(ctx, tx, "default").await?.0)
}

/// Cuts a user off at the request of the deletion (`oa.close_doors_on_delete_request`); `gatehouse oa user restore` undoes it.
pub(crate) async fn close_doors(ctx: &Ctx, tx: &mut Tx, id: AccountId) -> Result<()> {
    accounts::update_enabled(tx, id, false, Some(DELETE_REQUESTED), ctx.now()).await?;
    account::vpn::switched(ctx, tx, id, false).await?;
    tx.touch(Aspect::ProxyUser, Some(id.0));
    Ok(())
}

/// `disabled_why` of an account cut off at the request of its deletion.
pub(crate) const DELETE_REQUESTED: &str = "oa.delete_requested";

/// Whether a proxy pass exists for an account.
pub(crate) async fn has_pass(tx: &mut Tx, id: AccountId) -> Result<bool> {
    Ok(pass::find_proxy(tx, id).await?.is_some())
}

/// Whether the surface lists a node at all: shown, serving, of a listed type, and complete enough for a working link.
pub fn is_listable(settings: &Settings, node: &Node) -> bool {
    node.is_shown && node.is_serving() && is_listed_type(settings, node.protocol.kind()) && link::is_complete(node)
}

/// `hysteria2` is what clients call the type `hysteria`.
pub(crate) fn is_listed_type(settings: &Settings, kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Shadowsocks | NodeKind::Vless | NodeKind::Trojan)
        || settings.oa.extra_node_types.iter().any(|name| name.strip_suffix('2').unwrap_or(name) == kind.as_str())
}
