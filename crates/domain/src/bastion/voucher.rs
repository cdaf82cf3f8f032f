//! Vouchers: what targets are logged in to with. Secrets go in and are never shown (specs/bastion.md §6.1 rows 28–31, §8.3).

use gatehouse_model::{Paged, Paging, ResourceGroupId, Secret, VoucherId, fold_key};
use gatehouse_store::{
    Aspect, Query, Tx, resource,
    resource_group::{self as groups, ResourceGroupRow},
    voucher::{self as rows, SealedSecret, VoucherData, VoucherFilter, VoucherRow},
};

use super::{absent, containing, key, pick, resource::destination, terminal};
use crate::{
    Ctx, Edit, Error, Fault, Result,
    audit::{self, Object},
    permission::{self, Change, Holder},
};

/// A voucher as it is stored, its secret sealed; and one that is bound to a resource.
pub use gatehouse_store::voucher::{BoundVoucherRow as Bound, VoucherRow as Voucher};

const CREATE: &str = "resource.voucher.create";
const DELETE: &str = "resource.voucher.delete";
const UPDATE: &str = "resource.voucher.update";
const READ: &str = "resource.voucher.read";

/// What proves the user at the target.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A password.
    Password(Secret),
    /// A private key in any usual form.
    PrivateKey {
        /// The key as it was given.
        text: Secret,
        /// What opens it, if it is encrypted; not kept.
        passphrase: Option<Secret>,
    },
}

/// A voucher to make.
#[derive(Debug, Clone)]
pub struct NewVoucher {
    /// Unique name, 1–20 characters; the surface sees to the lengths.
    pub name: String,
    /// User at the target.
    pub username: String,
    /// What proves him.
    pub proof: Proof,
    /// Its group.
    pub group: ResourceGroupId,
    /// Note.
    pub remark: Option<String>,
}

/// Refuses callers who hold the code for this on no group, before a body is looked at.
pub async fn may_add(ctx: &Ctx) -> Result<()> {
    permission::require_anywhere(ctx, &mut ctx.read(), CREATE).await
}

/// The same for edits.
pub async fn may_edit(ctx: &Ctx) -> Result<()> {
    permission::require_anywhere(ctx, &mut ctx.read(), UPDATE).await
}

/// The same for deletions.
pub async fn may_delete(ctx: &Ctx) -> Result<()> {
    permission::require_anywhere(ctx, &mut ctx.read(), DELETE).await
}

/// A proof in the form in which it is kept; opened.
pub(crate) struct Kept {
    kind: &'static str,
    secret: Secret,
}

impl Kept {
    /// Reads a proof; slow for encrypted keys, so it comes before the transaction.
    pub(crate) async fn read(ctx: &Ctx, proof: &Proof) -> Result<std::result::Result<Self, Fault>> {
        Ok(match proof {
            Proof::Password(password) => Ok(Self { kind: "password", secret: password.clone() }),
            Proof::PrivateKey { text, passphrase } => key::read_private(&ctx.app, text, passphrase.as_ref())
                .await?
                .map(|key| Self { kind: "private_key", secret: key.openssh }),
        })
    }

    fn seal(&self, ctx: &Ctx) -> Result<Sealed> {
        let seal_ref = ctx.app.random().uuid().to_string();
        let place = terminal::secret_place(&seal_ref);
        let sealed = ctx.app.keys().seal(ctx.app.random(), place, self.secret.expose().as_bytes())?;
        Ok(Sealed { kind: self.kind, text: sealed, seal_ref })
    }

    /// Whether a stored voucher has this secret.
    pub(crate) fn is_in(&self, ctx: &Ctx, row: &VoucherRow) -> Result<bool> {
        let stored = ctx.app.keys().open_text(terminal::secret_place(&row.seal_ref), &row.secret_sealed)?;
        Ok(row.kind == self.kind && stored == self.secret)
    }
}

struct Sealed {
    kind: &'static str,
    text: String,
    seal_ref: String,
}

impl Sealed {
    fn row(&self) -> SealedSecret<'_> {
        SealedSecret { kind: self.kind, sealed: &self.text, seal_ref: &self.seal_ref }
    }
}

/// Makes a voucher. The secret is sealed; a key is kept without its passphrase.
///
/// Errors: `NotFound` group; `Forbidden`; `Fields`: (`name`, `taken`), (`private_key`, `malformed` | `unsupported` |
/// `encrypted`), (`passphrase`, `wrong`).
pub async fn add(ctx: &Ctx, new: &NewVoucher) -> Result<VoucherId> {
    may_add(ctx).await?;
    let kept = Kept::read(ctx, &new.proof).await?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let id = add_in(&ctx, &mut tx, new, kept).await?;
    tx.commit().await?;
    Ok(id)
}

pub(crate) async fn add_in(
    ctx: &Ctx,
    tx: &mut Tx,
    new: &NewVoucher,
    kept: std::result::Result<Kept, Fault>,
) -> Result<VoucherId> {
    let (group, taken) = check_add(ctx, tx, new.group, &new.name).await?;
    let faults: Vec<Fault> = taken.into_iter().chain(kept.as_ref().err().copied()).collect();
    let Some(kept) = kept.ok().filter(|_| faults.is_empty()) else { return Err(Error::Fields(faults)) };
    let folded = fold_key(&new.name);
    let data = VoucherData {
        name: &new.name,
        name_folded: &folded,
        username: &new.username,
        group: group.id,
        remark: new.remark.as_deref().filter(|text| !text.is_empty()),
    };
    let id = rows::insert(tx, data, kept.seal(ctx)?.row(), ctx.now()).await?;
    changed(ctx, tx, "voucher.create", id, &new.name).await?;
    Ok(id)
}

/// What is wrong with a voucher to make, for surfaces that found other faults in the same form and tell all at once. Without a
/// proof the rest is looked at.
///
/// Errors: those of [`add`] that are about rights and the group.
pub async fn faults(ctx: &Ctx, group: ResourceGroupId, name: &str, proof: Option<&Proof>) -> Result<Vec<Fault>> {
    let (_, taken) = check_add(ctx, &mut ctx.read(), group, name).await?;
    Ok(taken.into_iter().chain(unreadable(ctx, proof).await?).collect())
}

async fn unreadable(ctx: &Ctx, proof: Option<&Proof>) -> Result<Option<Fault>> {
    Ok(match proof {
        Some(proof) => Kept::read(ctx, proof).await?.err(),
        None => None,
    })
}

async fn check_add(
    ctx: &Ctx,
    q: &mut impl Query,
    group: ResourceGroupId,
    name: &str,
) -> Result<(ResourceGroupRow, Option<Fault>)> {
    let Some(group) = groups::find(q, group).await? else {
        return Err(absent(ctx, q, CREATE, "resource group").await?);
    };
    permission::require_on(ctx, q, CREATE, group.id).await?;
    Ok((group, taken(q, None, name).await?))
}

async fn taken(q: &mut impl Query, own: Option<VoucherId>, name: &str) -> Result<Option<Fault>> {
    let other = rows::find_by_name(q, name).await?.filter(|other| Some(other.id) != own);
    Ok(other.map(|_| Fault::new("name", "taken")))
}

/// What an edit changes; `None` leaves a field alone.
#[derive(Debug, Clone, Default)]
pub struct EditVoucher {
    /// Unique name.
    pub name: Option<String>,
    /// User at the target.
    pub username: Option<String>,
    /// Another secret, of either kind; the next login to a target uses it.
    pub proof: Option<Proof>,
    /// The group it moves to.
    pub group: Option<ResourceGroupId>,
    /// Note; may be cleared.
    pub remark: Edit<String>,
}

/// Edits a voucher or moves it.
///
/// Errors: as [`add`]; `Forbidden` naming [`super::resource::MOVE`]; `Locked` when it would move while it is bound.
pub async fn edit(ctx: &Ctx, id: VoucherId, edit: &EditVoucher) -> Result<()> {
    may_edit(ctx).await?;
    let kept = match &edit.proof {
        Some(proof) => Some(Kept::read(ctx, proof).await?),
        None => None,
    };
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let old = editable(&ctx, &mut tx, id).await?;
    edit_in(&ctx, &mut tx, &old, edit, kept).await?;
    tx.commit().await?;
    Ok(())
}

/// What is wrong with an edit, as [`faults`] for a voucher to make.
pub async fn edit_faults(ctx: &Ctx, id: VoucherId, edit: &EditVoucher) -> Result<Vec<Fault>> {
    let old = editable(ctx, &mut ctx.read(), id).await?;
    let (_, taken) = check_edit(ctx, &mut ctx.read(), &old, edit).await?;
    Ok(taken.into_iter().chain(unreadable(ctx, edit.proof.as_ref()).await?).collect())
}

async fn editable(ctx: &Ctx, q: &mut impl Query, id: VoucherId) -> Result<VoucherRow> {
    let Some(old) = rows::find(q, id).await? else { return Err(absent(ctx, q, UPDATE, "voucher").await?) };
    permission::require_on(ctx, q, UPDATE, old.resource_group_id).await?;
    Ok(old)
}

async fn check_edit(
    ctx: &Ctx,
    q: &mut impl Query,
    old: &VoucherRow,
    edit: &EditVoucher,
) -> Result<(ResourceGroupRow, Option<Fault>)> {
    let wanted = edit.group.filter(|id| *id != old.resource_group_id);
    let group = destination(ctx, q, old.resource_group_id, wanted, (DELETE, CREATE)).await?;
    let taken = taken(q, Some(old.id), edit.name.as_deref().unwrap_or(&old.name)).await?;
    Ok((group, taken))
}

pub(crate) async fn edit_in(
    ctx: &Ctx,
    tx: &mut Tx,
    old: &VoucherRow,
    edit: &EditVoucher,
    kept: Option<std::result::Result<Kept, Fault>>,
) -> Result<()> {
    let (group, taken) = check_edit(ctx, tx, old, edit).await?;
    let unreadable = kept.iter().filter_map(|kept| kept.as_ref().err().copied());
    let faults: Vec<Fault> = taken.into_iter().chain(unreadable).collect();
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    if group.id != old.resource_group_id && resource::is_voucher_bound(tx, old.id).await? {
        return Err(Error::Locked { what: "voucher", why: "it is bound to resources" });
    }
    let name = edit.name.as_deref().unwrap_or(&old.name);
    let folded = fold_key(name);
    let data = VoucherData {
        name,
        name_folded: &folded,
        username: edit.username.as_deref().unwrap_or(&old.username),
        group: group.id,
        remark: pick(&edit.remark, old.remark.as_deref()),
    };
    rows::update(tx, old.id, data, ctx.now()).await?;
    if let Some(Ok(kept)) = kept {
        rows::update_secret(tx, old.id, kept.seal(ctx)?.row(), ctx.now()).await?;
    }
    changed(ctx, tx, "voucher.edit", old.id, name).await
}

/// Deletes vouchers with their bindings; open terminals that used them end. Unknown ids are passed over; gives how many were
/// deleted.
///
/// Errors: `Forbidden` when the right is missing on any of them; then nothing is deleted.
pub async fn del(ctx: &Ctx, ids: &[VoucherId]) -> Result<u64> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let (mut found, mut strange) = (Vec::<VoucherRow>::new(), false);
    for id in ids {
        match rows::find(&mut tx, *id).await? {
            Some(row) if found.iter().any(|other| other.id == row.id) => {}
            Some(row) => {
                permission::require_on(&ctx, &mut tx, DELETE, row.resource_group_id).await?;
                found.push(row);
            }
            None => strange = true,
        }
    }
    if strange && let error @ Error::Forbidden { .. } = absent(&ctx, &mut tx, DELETE, "voucher").await? {
        return Err(error);
    }
    del_in(&ctx, &mut tx, &found).await?;
    tx.commit().await?;
    Ok(found.len() as u64)
}

pub(crate) async fn del_in(ctx: &Ctx, tx: &mut Tx, found: &[VoucherRow]) -> Result<()> {
    for row in found {
        rows::delete(tx, row.id).await?;
    }
    tx.touch(Aspect::Access, None);
    let ids: Vec<i64> = found.iter().map(|row| row.id.0).collect();
    let names: Vec<&str> = found.iter().map(|row| row.name.as_str()).collect();
    super::deleted(ctx, tx, "voucher.delete", ("voucher", &ids), &names).await
}

async fn changed(ctx: &Ctx, tx: &mut Tx, action: &'static str, id: VoucherId, name: &str) -> Result<()> {
    tx.touch(Aspect::Access, None);
    audit::changed(tx, ctx, action, Object::new("voucher", id.0, name)).await
}

/// Refuses callers who can see no voucher.
pub async fn may_list(ctx: &Ctx) -> Result<()> {
    permission::require_anywhere(ctx, &mut ctx.read(), READ).await
}

/// Lists the vouchers where the caller holds `resource.voucher.read`. The rows carry sealed secrets: surfaces show none of it.
///
/// Errors: `Forbidden` for callers who hold it nowhere.
pub async fn list(
    ctx: &Ctx,
    name: Option<&str>,
    group: Option<ResourceGroupId>,
    paging: Paging,
) -> Result<Paged<VoucherRow>> {
    may_list(ctx).await?;
    let held_by = match permission::holder(ctx, READ) {
        Holder::Account(id) => Some(id),
        Holder::Everything | Holder::Nothing => None,
    };
    let name = name.map(containing);
    let filter = VoucherFilter { held_by, code: READ, name: name.as_deref(), group, at: permission::moment(ctx) };
    let total = rows::count(&mut ctx.read(), filter).await?;
    let rows = rows::list(&mut ctx.read(), filter, paging.is_descending, (paging.limit, paging.offset)).await?;
    Ok(Paged { total, rows })
}
