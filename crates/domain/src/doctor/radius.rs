//! The radius door: NAS entries that cannot be read, weak secrets, sessions that should have ended (specs/radius.md §1, §8).

use std::time::Duration;

use gatehouse_store::radius_outbox;

use super::Finding;
use crate::{
    Ctx, Result,
    radius::{enforcing::ALARM_AFTER, nas},
};

const AREA: &str = "radius";
/// Shorter secrets are guessed from a captured packet.
const SECRET_LENGTH: usize = 16;
/// More frequent reports make much work.
const INTERIM: Duration = Duration::from_mins(1);
/// Sessions that are named.
const NAMED: i64 = 10;

pub(super) async fn look(ctx: &Ctx) -> Result<Vec<Finding>> {
    ctx.app.live().refresh(&ctx.app).await?;
    let live = ctx.app.live().nas();
    let mut findings = Vec::new();
    for name in nas::unreadable(ctx).await? {
        let message = format!("NAS {name} cannot be read and is not answered");
        let advice = "bring its key back to the key ring, or describe it again with `apply`";
        findings.push(Finding::fail(AREA, message, advice));
    }
    for nas in &live.entries {
        let secrets = [(&nas.secret, "secret"), (&nas.coa_secret, "coa_secret")];
        if let Some((_, key)) = secrets.iter().find(|(secret, _)| secret.expose().len() < SECRET_LENGTH) {
            let message = format!("the {key} of NAS {} is shorter than {SECRET_LENGTH} characters", nas.name);
            findings.push(Finding::warn(AREA, message, "give it a long random one, here and at the NAS"));
        }
        if nas.settings.interim.0 < INTERIM {
            let message = format!("NAS {} reports every {}", nas.name, nas.settings.interim);
            findings.push(Finding::warn(AREA, message, "set `interim` to `60s` or more"));
        }
    }
    let attempts = i64::try_from(ALARM_AFTER).unwrap_or(i64::MAX);
    for stay in radius_outbox::list_still_open(&mut ctx.read(), attempts, NAMED).await? {
        let message = format!(
            "the session {} of {} at NAS {} should have ended: {}",
            stay.uuid, stay.login, stay.nas_name, stay.outcome
        );
        let advice = "end it at the NAS; check `coa_port`, `coa_secret` and whether it listens to us";
        findings.push(Finding::fail(AREA, message, advice));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(AREA, format!("{} NAS entries", live.entries.len())));
    }
    Ok(findings)
}
