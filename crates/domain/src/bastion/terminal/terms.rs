//! What holds at a resource, from the settings.

use std::time::Duration;

use gatehouse_model::{ResourceGroupId, ResourceId};
use gatehouse_store::Query;

use super::{Encoding, Terms};
use crate::{Ctx, Result};

/// What is asked at the opening of a stay.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    /// Whether even permanent holders need an approved request.
    pub(super) require_approval: bool,
    /// Open stays of one account at this resource.
    pub(super) max_sessions: Option<i64>,
    /// How old the proof of the second factor may be.
    pub(super) mfa_max_age: Option<Duration>,
}

impl Limits {
    /// Whether address and time of the caller are allowed.
    pub(super) fn allows(&self, _ctx: &Ctx) -> bool {
        true
    }
}

/// The terms of a resource.
pub(super) async fn of_resource(
    ctx: &Ctx,
    _q: &mut impl Query,
    _group: ResourceGroupId,
    _resource: ResourceId,
) -> Result<(Terms, Limits)> {
    let settings = ctx.app.settings();
    let terms = Terms {
        idle: settings.terminal.idle.0,
        max_duration: settings.terminal.max_duration.0,
        hostkey: settings.hostkey.policy,
        recording: settings.recordings.mode,
        record_input: settings.recordings.input,
        exec: true,
        sftp: true,
        forward: false,
        legacy_algorithms: false,
        legacy_scp: false,
        max_file: None,
        encoding: Encoding::Utf8,
    };
    Ok((terms, Limits::default()))
}
