//! From leave to go to a target to an open stay.

use std::sync::Arc;

use gatehouse_domain::{
    Ctx,
    bastion::terminal::{Admitted, AskHostKey, Credential, Failure, Opened, Purpose, Size},
};
use gatehouse_model::{AccountId, EndedWhy, Secret};
use russh::{
    Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf,
    client::{Handle, Msg},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{Input, Output, Shared, overseer};
use crate::{
    Inner,
    place::{Limits, Place},
    target::{Link, Target, leave, reach},
};

/// Window of a file transfer, bytes.
const FILE_WINDOW: u32 = 2 << 20;
/// Size of what has no terminal, for its recording.
const NO_TERMINAL: Size = Size { cols: 80, rows: 24 };

/// A terminal at the target.
#[derive(Debug, Clone)]
pub(crate) struct Pty {
    pub(crate) size: Size,
    pub(crate) term: String,
    /// As the client's terminal is set; empty: as the target likes.
    pub(crate) modes: Vec<(russh::Pty, u32)>,
}

/// What is started at the target; what for is told by the admission.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    pub(crate) pty: Option<Pty>,
    /// Already filtered.
    pub(crate) env: Vec<(String, String)>,
    /// Host and port as the target sees them, and who asks, for forwarded connections.
    pub(crate) forward: Option<(String, u32, String, u32)>,
}

/// An open stay in the hands of whoever opened it.
pub(crate) struct Stay {
    pub(crate) opened: Opened,
    pub(crate) output: Output,
    pub(crate) input: Input,
}

/// Opens a stay. Goes on when the caller gives up, so that what was written is closed again.
pub(crate) async fn open(
    inner: Arc<Inner>,
    ctx: Ctx,
    admitted: Admitted,
    start: Start,
    ask: Option<AskHostKey>,
) -> Result<Stay, Failure> {
    let (answer, answered) = oneshot::channel();
    let app = ctx.app.clone();
    app.spawn("ssh.open", async move {
        // Whoever asked may have left; the stay then ends at once, because nobody holds it.
        drop(answer.send(try_open(&inner, ctx, admitted, start, ask).await));
    });
    answered.await.unwrap_or(Err(Failure::Shutdown))
}

async fn try_open(
    inner: &Arc<Inner>,
    ctx: Ctx,
    admitted: Admitted,
    start: Start,
    ask: Option<AskHostKey>,
) -> Result<Stay, Failure> {
    if ctx.app.shutdown().is_cancelled() {
        return Err(Failure::Shutdown);
    }
    let limits = Limits { in_all: admitted.quota.of_process, of_one: admitted.quota.of_account };
    let Some(place) = inner.places.enter(admitted.account, limits) else {
        metrics::counter!("gatehouse_terminals_failed_total", "cause" => Failure::Quota.cause()).increment(1);
        return Err(Failure::Quota);
    };
    let ledger = inner.ledger.as_ref();
    let (key, reached) = reach(ledger, &ctx, &admitted, window(&ctx, &admitted.asked.purpose), ask).await;
    let begun = async {
        let link = reached?;
        let deadline = Instant::now() + ctx.app.settings().terminal.connect_timeout.0;
        match begin(&link, &admitted.asked.purpose, &start, deadline).await {
            Ok(halves) => Ok((link, halves)),
            Err(failure) => {
                leave(&link.handle, &link.gate).await;
                Err(failure)
            }
        }
    };
    let (link, (read, write)) = match begun.await {
        Ok(begun) => begun,
        Err(failure) => {
            metrics::counter!("gatehouse_terminals_failed_total", "cause" => failure.cause()).increment(1);
            ledger.failed(&ctx, &admitted, &failure, key.as_ref()).await;
            return Err(failure);
        }
    };
    if let Err(failure) = ledger.opened(&ctx, &admitted, &link.host_key).await {
        leave(&link.handle, &link.gate).await;
        return Err(failure);
    }
    // It has served.
    let admitted = Admitted { credential: Credential::Password(Secret::new("")), ..admitted };
    settle(inner, ctx, admitted, start, (link, place), (read, write)).await
}

fn window(ctx: &Ctx, purpose: &Purpose) -> u32 {
    match purpose {
        Purpose::Shell => u32::try_from(ctx.app.settings().terminal.ssh_window.0).unwrap_or(FILE_WINDOW),
        Purpose::Exec(_) | Purpose::Sftp | Purpose::Forward => FILE_WINDOW,
    }
}

type Halves = (ChannelReadHalf, ChannelWriteHalf<Msg>);

/// Opens the channel and starts what it is for.
async fn begin(link: &Link, purpose: &Purpose, start: &Start, deadline: Instant) -> Result<Halves, Failure> {
    let opening = async {
        let channel = channel(&link.handle, start).await?;
        let mut answers = 0;
        if let Some(pty) = &start.pty {
            let Size { cols, rows } = pty.size;
            channel.request_pty(true, &pty.term, cols, rows, 0, 0, &pty.modes).await?;
            answers += 1;
        }
        for (name, value) in &start.env {
            channel.set_env(false, name, value).await?;
        }
        match purpose {
            Purpose::Shell => channel.request_shell(true).await?,
            Purpose::Exec(command) => channel.exec(true, command.as_bytes()).await?,
            Purpose::Sftp => channel.request_subsystem(true, "sftp").await?,
            Purpose::Forward => return Ok(Some(channel.split())),
        }
        let (mut read, write) = channel.split();
        answers += 1;
        // The requests were sent together; their answers come in the same order, and output comes after the last.
        while answers > 0 {
            match read.wait().await {
                Some(ChannelMsg::Success) => answers -= 1,
                Some(ChannelMsg::WindowAdjusted { .. }) => {}
                _ => return Ok(None),
            }
        }
        Ok::<_, russh::Error>(Some((read, write)))
    };
    match timeout_at(deadline, opening).await {
        Ok(Ok(Some(halves))) => Ok(halves),
        Ok(Ok(None) | Err(_)) => Err(Failure::Channel),
        Err(_) => Err(Failure::Timeout),
    }
}

async fn channel(handle: &Handle<Target>, start: &Start) -> Result<Channel<Msg>, russh::Error> {
    match &start.forward {
        None => handle.channel_open_session().await,
        Some((host, port, from, from_port)) => handle.channel_open_direct_tcpip(host, *port, from, *from_port).await,
    }
}

/// Begins the recording and hands the stay to its overseer.
async fn settle(
    inner: &Arc<Inner>,
    ctx: Ctx,
    admitted: Admitted,
    start: Start,
    (link, place): (Link, Place<AccountId>),
    (read, write): Halves,
) -> Result<Stay, Failure> {
    let recording = match admitted.asked.purpose {
        Purpose::Shell | Purpose::Exec(_) => {
            let (size, term) = match &start.pty {
                Some(pty) => (pty.size, pty.term.as_str()),
                None => (NO_TERMINAL, "dumb"),
            };
            inner.ledger.record(&ctx, &admitted, size, term).await.map(Some)
        }
        // Files and connections are no text; their records are the rows of transfers.
        Purpose::Sftp | Purpose::Forward => Ok(None),
    };
    let (recorder, failure) = match recording {
        Ok(recorder) => (recorder, None),
        Err(failure) => (None, Some(failure)),
    };
    let opened = Opened {
        visit: admitted.visit,
        host_key: link.host_key.clone(),
        is_recorded: recorder.as_ref().is_some_and(|recorder| recorder.is_recording()),
    };
    let watch = recorder.as_ref().map(|recorder| (recorder.failed(), recorder.watchers()));
    let shared = Shared::new(ctx, admitted, link.gate.clone(), recorder);
    let (notices, noticed) = mpsc::channel(8);
    inner.stays.insert(&shared);
    let write = Arc::new(write);
    let oversight = overseer::Oversight { inner: inner.clone(), shared: shared.clone(), link, place, notices, watch };
    shared.ctx.app.spawn("ssh.stay", oversight.run());
    if let Some(failure) = failure {
        shared.end_because(EndedWhy::RecordingFailed);
        return Err(failure);
    }
    let size = start.pty.map(|pty| pty.size);
    Ok(Stay { opened, output: Output::new(shared.clone(), read, noticed), input: Input::new(shared, write, size) })
}
