//! The ledger of a running process: visits, pins and recordings of the domain.

use std::time::Duration;

use gatehouse_domain::{
    Ctx, Error,
    bastion::{
        host_key::{self, First},
        terminal::{self, Admitted, Boxed, Ended, Failure, Moved, PinnedKey, PresentedKey, Size, Transfer},
    },
    recording::{self, NewRecording, Pace, Watcher},
};
use tokio::{sync::watch, time::sleep};

use crate::ledger::{Failed, Ledger, Recorder};

/// How often the end of a stay is written anew when the database does not answer, and how long apart.
const AGAIN: (u32, Duration) = (5, Duration::from_secs(1));

/// Keeps everything in the database and the folder of recordings.
#[derive(Debug, Default)]
pub(crate) struct Rows;

fn complain(event: &'static str, admitted: &Admitted, error: &Error) {
    tracing::error!(event, visit = %admitted.visit, error = error.chain(), "{event}");
}

fn changed(pins: &[PinnedKey], key: &PresentedKey) -> Failure {
    let pinned = pins.iter().map(|pin| pin.fingerprint.clone()).collect();
    Failure::HostKeyChanged { pinned, presented: key.clone() }
}

impl Ledger for Rows {
    fn pin<'a>(
        &'a self,
        ctx: &'a Ctx,
        admitted: &'a Admitted,
        key: &'a PresentedKey,
    ) -> Boxed<'a, Result<(), Failure>> {
        Box::pin(async move {
            match host_key::pin_first(ctx, &admitted.host, admitted.port, key).await {
                Ok(First::Pinned) => Ok(()),
                Ok(First::Others(pins)) => Err(changed(&pins, key)),
                Err(error) => {
                    complain("ssh.pin_failed", admitted, &error);
                    Err(Failure::HostKeyUnknown(key.clone()))
                }
            }
        })
    }

    fn opened<'a>(
        &'a self,
        ctx: &'a Ctx,
        admitted: &'a Admitted,
        key: &'a PresentedKey,
    ) -> Boxed<'a, Result<(), Failure>> {
        Box::pin(async move {
            match terminal::opened(ctx, admitted, key).await {
                Ok(()) => Ok(()),
                Err(Error::QuotaExceeded { .. }) => Err(Failure::Quota),
                Err(error) => {
                    complain("ssh.open_not_written", admitted, &error);
                    // What cannot be kept does not take place.
                    Err(Failure::Recording)
                }
            }
        })
    }

    fn failed<'a>(
        &'a self,
        ctx: &'a Ctx,
        admitted: &'a Admitted,
        failure: &'a Failure,
        _: Option<&'a PresentedKey>,
    ) -> Boxed<'a, ()> {
        Box::pin(async move {
            if let Err(error) = terminal::failed(ctx, admitted, failure).await {
                complain("ssh.failure_not_written", admitted, &error);
            }
            let (host, port) = (admitted.host.as_str(), admitted.port);
            let noted = match failure {
                Failure::HostKeyUnknown(key) => host_key::note_unknown(ctx, host, port, key).await,
                Failure::HostKeyChanged { presented, .. } => {
                    host_key::note_changed(ctx, host, port, presented, &admitted.pins).await
                }
                _ => Ok(()),
            };
            if let Err(error) = noted {
                complain("ssh.host_key_not_noted", admitted, &error);
            }
        })
    }

    fn closed<'a>(&'a self, ctx: &'a Ctx, admitted: &'a Admitted, ended: &'a Ended, moved: Moved) -> Boxed<'a, ()> {
        Box::pin(async move {
            for _ in 0..AGAIN.0 {
                match terminal::closed(&ctx.app, admitted.visit, ended, moved).await {
                    Ok(()) => return,
                    Err(error) => complain("ssh.close_not_written", admitted, &error),
                }
                sleep(AGAIN.1).await;
            }
        })
    }

    fn transferred<'a>(&'a self, ctx: &'a Ctx, admitted: &'a Admitted, transfer: &'a Transfer) -> Boxed<'a, ()> {
        Box::pin(async move {
            if let Err(error) = terminal::transferred(&ctx.app, admitted.visit, transfer).await {
                complain("ssh.transfer_not_written", admitted, &error);
            }
        })
    }

    fn record<'a>(
        &'a self,
        ctx: &'a Ctx,
        admitted: &'a Admitted,
        size: Size,
        term: &'a str,
    ) -> Boxed<'a, Result<Box<dyn Recorder>, Failure>> {
        Box::pin(async move {
            let new = NewRecording {
                visit: admitted.visit,
                size,
                term: term.to_owned(),
                title: format!("{} · {}@{}", admitted.login, admitted.username, admitted.resource_name),
                mode: admitted.terms.recording,
                input: admitted.terms.record_input,
            };
            match recording::start(&ctx.app, new).await {
                Ok(recorder) => Ok(Box::new(Recording::new(recorder)) as Box<dyn Recorder>),
                Err(error) => {
                    complain("ssh.recording_failed", admitted, &error);
                    Err(Failure::Recording)
                }
            }
        })
    }
}

/// A recording of the domain.
struct Recording {
    recorder: recording::Recorder,
    pace: Pace,
}

impl Recording {
    fn new(recorder: recording::Recorder) -> Self {
        Self { pace: recorder.pace(), recorder }
    }
}

fn failed(failed: &recording::Failed) -> Failed {
    Failed(failed.to_string())
}

impl Recorder for Recording {
    fn is_recording(&self) -> bool {
        self.recorder.is_recording()
    }

    fn output(&mut self, text: &[u8]) -> Result<(), Failed> {
        self.recorder.output(text).map_err(|error| failed(&error))
    }

    fn input(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        self.recorder.input(bytes).map_err(|error| failed(&error))
    }

    fn resize(&mut self, size: Size) -> Result<(), Failed> {
        self.recorder.resize(size).map_err(|error| failed(&error))
    }

    fn marker(&mut self, label: &str) -> Result<(), Failed> {
        self.recorder.marker(label).map_err(|error| failed(&error))
    }

    fn room(&self) -> Option<Boxed<'static, Result<(), Failed>>> {
        self.pace.is_behind().then(|| {
            let pace = self.pace.clone();
            Box::pin(async move { pace.room().await.map_err(|error| failed(&error)) }) as Boxed<'static, _>
        })
    }

    fn failed(&self) -> Boxed<'static, Failed> {
        let pace = self.pace.clone();
        Box::pin(async move { failed(&pace.failed().await) })
    }

    fn watchers(&self) -> watch::Receiver<Vec<Watcher>> {
        self.recorder.watchers()
    }

    fn finish(self: Box<Self>) -> Boxed<'static, ()> {
        Box::pin(async move {
            if let Err(error) = self.recorder.finish().await {
                tracing::warn!(
                    event = "ssh.recording_not_finished",
                    error = error.chain(),
                    "its caretaker tries again"
                );
            }
        })
    }
}
