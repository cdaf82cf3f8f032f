//! Who calls the WebApi, and what is kept of a call that changed nothing: every call leaves a row in the audit trail (specs/vpn.md
//! §13). Calls that change something leave theirs in the transaction of the change.

use std::time::Duration;

use gatehouse_model::Origin;

use crate::{
    Actor, App, Caller, Ctx, Error,
    audit::{self, Object, Stream},
    permission::CATALOGUE,
};

/// Longest text of names in a row, characters.
const MAX_NAMES: usize = 200;

/// Who signed with the secret: a machine that holds all codes of the surface, and nothing else.
pub fn verified(app: &App, caller: Caller) -> Ctx {
    let codes = CATALOGUE.iter().filter(|code| code.starts_with("vpn."));
    let codes = codes.map(|code| (*code).to_owned()).collect();
    let actor = Actor::Machine { id: None, label: "vpn api".to_owned(), codes };
    Ctx { app: app.clone(), actor, origin: Origin::Vpn, caller }
}

/// What a call was about.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// `vpn.user.create` …
    pub event: &'static str,
    /// Kind of the things named.
    pub kind: &'static str,
    /// Their names as they were sent.
    pub names: &'a str,
}

/// Records a query that was answered. The answer does not wait for it.
pub fn note_answered(ctx: &Ctx, call: Call<'_>) {
    note(ctx, Stream::Access, call, "ok".to_owned());
}

/// Records a call that was refused. The answer does not wait for it.
pub fn note_refused(ctx: &Ctx, call: Call<'_>, outcome: impl Into<String>) {
    note(ctx, Stream::Change, call, outcome.into());
}

/// Audits calls without a valid token, one row per address and minute: a flood must not become a flood of writes.
pub fn note_unverified(app: &App, caller: Caller, why: &'static str) {
    if app.once_per(Duration::from_mins(1), &format!("vpn.call {:?}", caller.address)) {
        let ctx = Ctx { app: app.clone(), actor: Actor::Anonymous, origin: Origin::Vpn, caller };
        note(&ctx, Stream::Login, Call { event: "vpn.call.verify", kind: "api_token", names: "" }, why.to_owned());
    }
}

fn note(ctx: &Ctx, stream: Stream, call: Call<'_>, outcome: String) {
    let (ctx, event, kind) = (ctx.clone(), call.event, call.kind);
    let names: String = call.names.chars().filter(|c| !c.is_control()).take(MAX_NAMES).collect();
    ctx.app.clone().spawn("vpn.note", async move {
        let written = async {
            let mut tx = ctx.begin().await?;
            audit::record(&mut tx, &ctx, stream, event, Object::new(kind, None, &names), &outcome, None).await?;
            tx.commit().await.map_err(Error::from)
        };
        if let Err(error) = written.await {
            tracing::warn!(
                event = "audit.failed",
                error = error.chain(),
                "a call of the vpn surface could not be audited"
            );
        }
    });
}
