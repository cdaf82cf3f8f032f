//! Whether open stays may go on: asked again whenever something they rest on may have changed.

use std::time::Duration;

use gatehouse_model::{AccountId, EndedWhy};
use gatehouse_store::{Aspect, Query, api_token, login_session, target};

use super::{Admitted, Asked, Refusal, Terms, admission};
use crate::{Actor, App, Ctx, Result, Via};

/// What an open stay rests on, without secrets.
#[derive(Debug, Clone)]
pub struct Stay {
    account: AccountId,
    login: String,
    name: Option<String>,
    via: Via,
    address: Option<std::net::IpAddr>,
    asked: Asked,
    epoch: i64,
}

impl Stay {
    /// What an admitted stay rests on.
    pub fn of(admitted: &Admitted) -> Self {
        Self {
            account: admitted.account,
            login: admitted.login.clone(),
            name: admitted.name.clone(),
            via: admitted.via.clone(),
            address: admitted.address,
            asked: admitted.asked.clone(),
            epoch: admitted.epoch,
        }
    }
}

/// What became of the ground an open stay rests on.
#[derive(Debug, Clone)]
pub enum Ground {
    /// It holds, on these terms now; none: on those it began with.
    Holds(Option<Box<Terms>>),
    /// It is gone: the stay ends.
    Gone(EndedWhy),
}

/// Whether a stay may go on.
///
/// Asked of the database as it is now: status, session or token, rights, resource, voucher, group, policy, approval.
pub async fn recheck(app: &App, stay: &Stay) -> Result<Ground> {
    let actor = Actor::Account {
        id: stay.account,
        login: stay.login.clone(),
        name: stay.name.clone(),
        codes: std::collections::BTreeSet::new(),
        via: stay.via.clone(),
    };
    let mut ctx = app.ctx(actor, gatehouse_model::Origin::System);
    ctx.caller.address = stay.address;
    find_end(&ctx, &mut ctx.read(), stay).await
}

async fn find_end(ctx: &Ctx, tx: &mut impl Query, stay: &Stay) -> Result<Ground> {
    let Some(standing) = target::find_standing(tx, stay.account).await? else {
        return Ok(Ground::Gone(EndedWhy::Deleted));
    };
    if !standing.is_enabled {
        return Ok(Ground::Gone(EndedWhy::Disabled));
    }
    if !standing.is_staff {
        return Ok(Ground::Gone(EndedWhy::PassRevoked));
    }
    let is_proved = match &stay.via {
        Via::Session(id) => login_session::keeps_terminals(tx, *id).await?,
        Via::Token { id, .. } => api_token::is_alive(tx, *id, ctx.now()).await?,
        Via::Door => standing.epoch == stay.epoch,
        Via::Limited(_) => false,
    };
    if !is_proved {
        return Ok(Ground::Gone(EndedWhy::CredentialsChanged));
    }
    Ok(match admission::check(ctx, tx, stay.account, &stay.asked).await {
        // A factor is asked for at the opening only, and so is a quota.
        Ok(checked) => Ground::Holds(Some(Box::new(checked.terms))),
        Err(Refusal::Factor | Refusal::Quota) => Ground::Holds(None),
        Err(Refusal::Window | Refusal::PurposeDenied | Refusal::ResourceDisabled | Refusal::NotSsh) => {
            Ground::Gone(EndedWhy::PolicyChanged)
        }
        Err(Refusal::GroupMismatch) => Ground::Gone(EndedWhy::GroupChanged),
        Err(
            Refusal::Forbidden | Refusal::Approval | Refusal::Limited | Refusal::CommandDenied(_) | Refusal::Recording,
        ) => Ground::Gone(EndedWhy::PermissionRevoked),
        Err(Refusal::Error(error)) => return Err(error),
    })
}

/// How far back the periodic look for ended rights goes: farther than its turns are apart, as turns may be late.
const LOOK_BACK: Duration = Duration::from_secs(5);

/// Whether rights ended by themselves just now: a grant, a membership, an approval, or a window of a schedule closed.
pub(crate) async fn has_expired(app: &App) -> Result<bool> {
    let now = app.now();
    let is_new_minute = now.0.rem_euclid(60_000) < i64::try_from(LOOK_BACK.as_millis()).unwrap_or(i64::MAX);
    Ok(target::has_expired(&mut app.db().read(), now.minus(LOOK_BACK), now).await?
        || (is_new_minute && target::has_schedules(&mut app.db().read()).await?))
}

/// Announces that rights ended by themselves. Run every second by the periodic task `access.expire`, if any did.
pub(crate) async fn note_expired(app: &App) -> Result<()> {
    let mut tx = app.db().begin().await?;
    tx.touch(Aspect::Access, None);
    tx.commit().await?;
    Ok(())
}
