//! Who gets to a target: every check before anything is dialled, from the database, in one transaction (specs/bastion.md §7.2).

use gatehouse_model::{AccountId, LoginSessionId, ResourceGroupId, ResourceId, VoucherId};
use gatehouse_store::{
    Query, Tx, login_session, protocol,
    target::{self, ApprovalRow, TargetRow, TargetVoucherRow},
    visit_terminal,
};

use super::{
    super::{
        policy,
        rule::{self, Action, Verdict},
        setting,
    },
    Admitted, Asked, Credential, PinnedKey, Purpose, Quota, Refusal,
};
use crate::{
    Actor, Ctx, Error, Result, Via,
    audit::{self, Object, Stream},
    permission::{self, Change},
    seal::Place,
};

/// Where the secret of a voucher is sealed.
pub(crate) fn secret_place(seal_ref: &str) -> Place<'_> {
    Place { table: "voucher", column: "secret", row: seal_ref }
}

/// Lets a person to a target, or says why not. Dials nothing; what it hands out is good for one stay that begins now.
///
/// Errors: see [`Refusal`]; a resource or voucher that does not exist is refused like one that is not allowed.
pub async fn admit(ctx: &Ctx, asked: Asked) -> std::result::Result<Admitted, Refusal> {
    let Actor::Account { id, login, name, .. } = &ctx.actor else { return Err(Refusal::Forbidden) };
    let (account, login, name) = (*id, login.clone(), name.clone());
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    let checked = check(&ctx, &mut tx, account, &asked).await?;
    let quota = check_quota(&ctx, &mut tx, account, asked.resource, &checked.limits).await?;
    let verdict = match &asked.purpose {
        Purpose::Exec(command) => judge(&ctx, &mut tx, account, &checked.resource, command).await?,
        Purpose::Shell | Purpose::Sftp | Purpose::Forward => Verdict::default(),
    };
    if let (Action::Deny | Action::Terminate, Some(rule)) = (verdict.action, &verdict.rule) {
        tx.commit().await?;
        return Err(Refusal::CommandDenied(rule.clone()));
    }
    let TargetRow { name: resource_name, resource_group_id: group, host, port, .. } = checked.resource;
    let may_upload = may_move(&ctx, &mut tx, "resource.file.upload", group, checked.approval).await?;
    let may_download = may_move(&ctx, &mut tx, "resource.file.download", group, checked.approval).await?;
    if asked.purpose == Purpose::Sftp && !may_upload && !may_download {
        return Err(Refusal::Forbidden);
    }
    let port = u16::try_from(port).map_err(Error::internal)?;
    let pins = target::list_pins(&mut tx, &host, port.into()).await?;
    tx.commit().await?;
    let voucher = checked.voucher;
    let secret = ctx.app.keys().open_text(secret_place(&voucher.seal_ref), &voucher.secret_sealed)?;
    let credential = match voucher.kind.as_str() {
        "password" => Credential::Password(secret),
        _ => Credential::PrivateKey(secret),
    };
    Ok(Admitted {
        visit: ctx.app.random().uuid(),
        account,
        login,
        name,
        via: via_of(&ctx),
        address: ctx.caller.address,
        resource_name,
        group,
        host,
        port,
        voucher_name: voucher.name,
        username: voucher.username,
        credential,
        pins: pins.into_iter().map(PinnedKey::from).collect(),
        terms: checked.terms,
        request: checked.approval.map(|approval| approval.id),
        epoch: checked.epoch,
        verdict,
        may_upload,
        may_download,
        quota,
        asked,
    })
}

/// What the command rules say of a command. Matches that do more than let it pass are written to the audit trail.
async fn judge(ctx: &Ctx, tx: &mut Tx, account: AccountId, resource: &TargetRow, command: &str) -> Result<Verdict> {
    let rules = rule::of_resource(ctx, tx, account, (resource.resource_group_id, resource.id)).await?;
    let verdict = rule::judge(&rules, command)?;
    if verdict.action != Action::Allow {
        let detail = serde_json::json!({ "rule": verdict.rule, "command": command }).to_string();
        let object = Object::new("resource", resource.id.0, &resource.name);
        audit::record(tx, ctx, Stream::Access, "command.match", object, verdict.action.as_str(), Some(detail)).await?;
    }
    Ok(verdict)
}

fn via_of(ctx: &Ctx) -> Via {
    match &ctx.actor {
        Actor::Account { via, .. } => via.clone(),
        Actor::System(_) | Actor::Operator | Actor::Machine { .. } | Actor::Anonymous => Via::Door,
    }
}

/// What the checks found.
pub(super) struct Checked {
    pub(super) resource: TargetRow,
    pub(super) voucher: TargetVoucherRow,
    pub(super) terms: super::Terms,
    pub(super) limits: policy::Limits,
    pub(super) approval: Option<ApprovalRow>,
    pub(super) epoch: i64,
}

/// The checks that must also hold while a stay lasts, in the order of the specification.
pub(super) async fn check(
    ctx: &Ctx,
    tx: &mut impl Query,
    account: AccountId,
    asked: &Asked,
) -> std::result::Result<Checked, Refusal> {
    let standing = target::find_standing(tx, account).await?.ok_or(Refusal::Forbidden)?;
    if !standing.is_enabled || !standing.is_staff {
        return Err(Refusal::Forbidden);
    }
    if standing.must_change_password {
        return Err(Refusal::Limited);
    }
    let resource = target::find_resource(tx, asked.resource).await?.ok_or(Refusal::Forbidden)?;
    let voucher = target::find_voucher(tx, asked.voucher).await?.ok_or(Refusal::Forbidden)?;
    let approval = target::find_approval(tx, account, asked.resource, asked.voucher, ctx.now()).await?;
    let group = resource.resource_group_id;
    let is_permanent = permission::holds_on(ctx, tx, "resource.self.read", group).await?
        && permission::holds_on(ctx, tx, "resource.voucher.read", voucher.resource_group_id).await?;
    if !is_permanent && approval.is_none() {
        return Err(Refusal::Forbidden);
    }
    if resource.root_id != voucher.root_id || !is_usable(ctx, tx, asked.resource, asked.voucher).await? {
        return Err(Refusal::GroupMismatch);
    }
    if !resource.is_enabled {
        return Err(Refusal::ResourceDisabled);
    }
    if resource.protocol_id != protocol::SSH {
        return Err(Refusal::NotSsh);
    }
    let (terms, limits) = policy::of_resource(ctx, tx, group, asked.resource).await?;
    if !limits.allows(ctx) {
        return Err(Refusal::Window);
    }
    if limits.require_approval && approval.is_none() {
        return Err(Refusal::Approval);
    }
    let is_allowed = match asked.purpose {
        Purpose::Shell => true,
        Purpose::Exec(_) => terms.exec,
        Purpose::Sftp => terms.sftp,
        Purpose::Forward => terms.forward,
    };
    if !is_allowed {
        return Err(Refusal::PurposeDenied);
    }
    if let Some(age) = limits.mfa_max_age {
        let factor_at = match via_of(ctx) {
            Via::Session(id) => factor_at(tx, id).await?,
            // A door proves the factor, if the account has one, at its login just now; a token never does.
            Via::Door => Some(ctx.now()),
            Via::Token { .. } | Via::Limited(_) => None,
        };
        if factor_at.is_none_or(|at| at.plus(age) < ctx.now()) {
            return Err(Refusal::Factor);
        }
    }
    Ok(Checked { resource, voucher, terms, limits, approval, epoch: standing.epoch })
}

async fn factor_at(tx: &mut impl Query, id: LoginSessionId) -> Result<Option<gatehouse_model::Millis>> {
    Ok(login_session::find_factor_at(tx, id).await?)
}

async fn is_usable(ctx: &Ctx, tx: &mut impl Query, resource: ResourceId, voucher: VoucherId) -> Result<bool> {
    Ok(!setting::in_force(&ctx.app, tx).await?.terminal.require_binding
        || target::is_bound(tx, resource, voucher).await?)
}

async fn may_move(
    ctx: &Ctx,
    tx: &mut Tx,
    code: &'static str,
    group: ResourceGroupId,
    approval: Option<ApprovalRow>,
) -> Result<bool> {
    Ok(approval.is_some_and(|approval| approval.with_files) || permission::holds_on(ctx, tx, code, group).await?)
}

/// Refuses a stay beyond the limits on open ones, as [`admit`] did when others were still on their way to their targets. In the
/// transaction that writes the opening.
///
/// Errors: `QuotaExceeded`.
pub(super) async fn recount(ctx: &Ctx, tx: &mut Tx, admitted: &Admitted) -> Result<()> {
    visit_terminal::lock_openings(tx, admitted.account).await?;
    let resource = admitted.asked.resource;
    let (_, limits) = policy::of_resource(ctx, tx, admitted.group, resource).await?;
    match check_quota(ctx, tx, admitted.account, resource, &limits).await {
        Ok(_) => Ok(()),
        Err(Refusal::Error(error)) => Err(error),
        Err(_) => Err(Error::QuotaExceeded { what: "sessions" }),
    }
}

/// The limits on open stays; gives how many the account may have. Those that are on their way to the target are not in the
/// database yet: the door counts its own before it dials, and [`recount`] those of all processes.
async fn check_quota(
    ctx: &Ctx,
    tx: &mut Tx,
    account: AccountId,
    resource: ResourceId,
    limits: &policy::Limits,
) -> std::result::Result<Quota, Refusal> {
    let terminal = setting::in_force(&ctx.app, tx).await?.terminal;
    let quota = Quota { of_account: terminal.max_sessions_per_user, of_process: terminal.max_sessions };
    if visit_terminal::count_open(tx, account).await? >= i64::from(quota.of_account) {
        return Err(Refusal::Quota);
    }
    if let Some(most) = limits.max_sessions
        && visit_terminal::count_open_at(tx, account, resource).await? >= most
    {
        return Err(Refusal::Quota);
    }
    Ok(quota)
}
