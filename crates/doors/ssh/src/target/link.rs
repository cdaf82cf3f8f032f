//! A logged-in connection to a target.

use std::{borrow::Cow, sync::Arc, time::Duration};

use gatehouse_domain::{
    Ctx,
    bastion::terminal::{Admitted, AskHostKey, Credential, Failure, PresentedKey},
    settings::{HostKeyPolicy, TerminalSettings},
};
use russh::{
    Disconnect, SshId,
    client::{AuthResult, Config, GexParams, Handle, connect_stream},
    keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg},
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Dialled, IDENTIFICATION, algorithm,
    handler::{Fault, Seen, Target},
    key,
    wire::{Gate, Wire},
};
use crate::ledger::Ledger;

/// Output that waits for its reader before nothing more is read.
const QUEUE: usize = 64 << 10;
/// How long a target may take to hear that we leave.
const FAREWELL: Duration = Duration::from_millis(200);

/// How long a person may think about an unknown key.
const THINKING: Duration = Duration::from_mins(1);

/// How a target is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) admitted: &'a Admitted,
    pub(crate) settings: &'a TerminalSettings,
    /// Window of each channel.
    pub(crate) window: u32,
    pub(crate) deadline: Instant,
}

/// A connection that is logged in.
pub(crate) struct Link {
    pub(crate) handle: Arc<Handle<Target>>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) host_key: PresentedKey,
}

/// What becomes of a key that is not pinned.
#[derive(Debug, Clone)]
pub(crate) enum HostKeyRule {
    /// It is accepted.
    Trust,
    /// It is refused.
    Refuse,
    /// This one is accepted, because a person said so.
    Only(PresentedKey),
}

/// The key a target showed, if it came to that, and what came of the attempt.
pub(crate) type Reached<T> = (Option<PresentedKey>, Result<T, Failure>);

/// A connection whose key is accepted and that is not logged in yet.
pub(crate) struct Shaken {
    handle: Handle<Target>,
    gate: Arc<Gate>,
    seen: Arc<Seen>,
    pub(crate) host_key: PresentedKey,
}

/// Dials and negotiates. The key that was shown is given in any case.
pub(crate) async fn connect(plan: Plan<'_>, unknown: HostKeyRule) -> Reached<Shaken> {
    let seen = Arc::new(Seen::default());
    let result = shake(plan, unknown, &seen).await;
    (seen.key(), result)
}

async fn shake(plan: Plan<'_>, unknown: HostKeyRule, seen: &Arc<Seen>) -> Result<Shaken, Failure> {
    let admitted = plan.admitted;
    let dialled =
        Dialled { host: &admitted.host, port: admitted.port, allow_loopback: plan.settings.allow_loopback_targets };
    let stream = dialled.dial(plan.deadline).await?;
    // Without it keys wait for one another.
    stream.set_nodelay(true).map_err(|_| Failure::Unreachable)?;
    let gate = Gate::new(QUEUE);
    let config = Config {
        client_id: SshId::Standard(Cow::Borrowed(IDENTIFICATION)),
        window_size: plan.window,
        channel_buffer_size: gate.messages(),
        preferred: algorithm::preferred(&admitted.pins, admitted.terms.legacy_algorithms),
        gex: GexParams::new(2_048, 3_072, 8_192).unwrap_or_default(),
        // Kept by the overseer, who knows when silence is our own doing.
        keepalive_interval: None,
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    };
    let target = Target { pins: admitted.pins.clone(), unknown, seen: seen.clone(), gate: gate.clone() };
    let wire = Wire::new(stream, gate.clone());
    let cut = Cut(Some(gate.clone()));
    let handle = timeout_at(plan.deadline, connect_stream(Arc::new(config), wire, target))
        .await
        .map_err(|_| Failure::Timeout)?
        .map_err(|fault| failure(&fault))?;
    let host_key = seen.key().ok_or_else(|| Failure::Negotiation("no host key was shown".to_owned()))?;
    cut.keep();
    Ok(Shaken { handle, gate, seen: seen.clone(), host_key })
}

/// Breaks the connection when whoever waits for it gives up.
struct Cut(Option<Arc<Gate>>);

impl Cut {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if let Some(gate) = &self.0 {
            gate.cut();
        }
    }
}

fn failure(fault: &Fault) -> Failure {
    match fault {
        Fault::HostKey(failure) => failure.clone(),
        Fault::Ssh(error) => Failure::Negotiation(error.to_string()),
    }
}

impl Shaken {
    /// Logs in: one attempt, of the credential's kind, without prompts.
    pub(crate) async fn log_in(mut self, plan: Plan<'_>) -> Result<Link, Failure> {
        let cut = Cut(Some(self.gate.clone()));
        let result = timeout_at(plan.deadline, self.try_credential(plan.admitted)).await;
        match result.map_err(|_| Failure::Timeout)?? {
            AuthResult::Success => {}
            // An end without any answer; an end with one is what some send instead of "no".
            AuthResult::Failure { .. } if self.handle.is_closed() && self.seen.farewell().is_none() => {
                return Err(Failure::Negotiation("the target closed the connection during the login".to_owned()));
            }
            AuthResult::Failure { .. } => return Err(Failure::TargetAuth),
        }
        cut.keep();
        Ok(Link { handle: Arc::new(self.handle), gate: self.gate, host_key: self.host_key })
    }

    async fn try_credential(&mut self, admitted: &Admitted) -> Result<AuthResult, Failure> {
        let user = admitted.username.clone();
        let lost = |error: russh::Error| Failure::Negotiation(error.to_string());
        match &admitted.credential {
            Credential::Password(password) => {
                self.handle.authenticate_password(user, password.expose()).await.map_err(lost)
            }
            Credential::PrivateKey(text) => {
                // It was read when it was saved; one that cannot be read now is as good as refused.
                let key = key::private(text).ok_or(Failure::TargetAuth)?;
                let hash = match key.algorithm() {
                    Algorithm::Rsa { .. } => self.rsa_hash(admitted.terms.legacy_algorithms).await.map_err(lost)?,
                    _ => None,
                };
                let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
                self.handle.authenticate_publickey(user, key).await.map_err(lost)
            }
        }
    }

    /// How an RSA key signs: as the target says it can; a target that says nothing is new enough for SHA-256, or old.
    async fn rsa_hash(&self, with_old: bool) -> Result<Option<HashAlg>, russh::Error> {
        Ok(match self.handle.best_supported_rsa_hash().await? {
            Some(Some(hash)) => Some(hash),
            Some(None) | None if with_old => None,
            Some(None) | None => Some(HashAlg::Sha256),
        })
    }
}

/// Leaves in order, or at least leaves.
pub(crate) async fn leave(handle: &Handle<Target>, gate: &Gate) {
    // A target that does not listen is not waited for.
    let _ = timeout(FAREWELL, async {
        if handle.disconnect(Disconnect::ByApplication, "", "").await.is_ok() {
            gate.gone().cancelled().await;
        }
    })
    .await;
    gate.cut();
}

/// Goes all the way: dials, settles the key as the terms say, logs in.
///
/// While a person thinks about a key nothing is open at the target: it is dialled again after the answer.
pub(crate) async fn reach(
    ledger: &dyn Ledger,
    ctx: &Ctx,
    admitted: &Admitted,
    window: u32,
    ask: Option<AskHostKey>,
) -> Reached<Link> {
    let settings = &ctx.app.settings().terminal;
    let plan = || Plan { admitted, settings, window, deadline: Instant::now() + settings.connect_timeout.0 };
    let rule = match admitted.terms.hostkey {
        HostKeyPolicy::Tofu => HostKeyRule::Trust,
        HostKeyPolicy::Prompt | HostKeyPolicy::Strict => HostKeyRule::Refuse,
    };
    let mut now = plan();
    let (mut key, mut result) = connect(now, rule).await;
    if let (Err(Failure::HostKeyUnknown(shown)), HostKeyPolicy::Prompt, Some(ask)) =
        (&result, admitted.terms.hostkey, ask)
    {
        let shown = shown.clone();
        if timeout(THINKING, ask(shown.clone())).await.unwrap_or(false) {
            now = plan();
            (key, result) = connect(now, HostKeyRule::Only(shown)).await;
        }
    }
    let logged_in = async {
        let shaken = result?;
        if admitted.pins.is_empty() {
            ledger.pin(ctx, admitted, &shaken.host_key).await?;
        }
        shaken.log_in(now).await
    };
    (key, logged_in.await)
}
