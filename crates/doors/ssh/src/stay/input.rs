//! What goes to the target, under its flow control and never behind output.

use std::sync::Arc;

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::{Boxed, Size, TerminalInput};
use russh::{ChannelWriteHalf, Sig, client::Msg};

use super::Shared;

/// The writing half.
pub(crate) struct Input {
    shared: Arc<Shared>,
    write: Arc<ChannelWriteHalf<Msg>>,
    size: Option<Size>,
}

impl Input {
    pub(super) fn new(shared: Arc<Shared>, write: Arc<ChannelWriteHalf<Msg>>, size: Option<Size>) -> Self {
        Self { shared, write, size }
    }

    /// False when the stay is over, or ends while this waits.
    async fn unless_over(&self, work: impl Future<Output = Result<(), russh::Error>>) -> bool {
        tokio::select! {
            biased;
            () = self.shared.over.cancelled() => false,
            done = work => done.is_ok(),
        }
    }

    pub(crate) async fn write(&mut self, bytes: Bytes) -> bool {
        self.shared.typed(bytes.len());
        if !self.shared.recorded(|recorder| recorder.input(&bytes)) {
            return false;
        }
        self.unless_over(self.write.data_bytes(bytes)).await
    }

    /// Nothing more will be written.
    pub(crate) async fn eof(&mut self) -> bool {
        self.unless_over(self.write.eof()).await
    }

    async fn change_size(&mut self, size: Size) -> bool {
        if self.size == Some(size) {
            return !self.shared.over.is_cancelled();
        }
        self.size = Some(size);
        if !self.shared.recorded(|recorder| recorder.resize(size)) {
            return false;
        }
        self.unless_over(self.write.window_change(size.cols, size.rows, 0, 0)).await
    }
}

impl TerminalInput for Input {
    fn send(&mut self, bytes: Bytes) -> Boxed<'_, bool> {
        Box::pin(self.write(bytes))
    }

    fn resize(&mut self, size: Size) -> Boxed<'_, bool> {
        Box::pin(self.change_size(size))
    }

    fn signal(&mut self, name: String) -> Boxed<'_, bool> {
        Box::pin(async move {
            let Some(signal) = signal(&name) else { return !self.shared.over.is_cancelled() };
            self.unless_over(self.write.signal(signal)).await
        })
    }

    fn close(&mut self) {
        self.shared.end_because(gatehouse_model::EndedWhy::Closed);
    }
}

/// A signal for a client, by the name a target gave it.
pub(crate) fn signal_of(name: &str) -> Sig {
    signal(name).unwrap_or_else(|| Sig::Custom(name.to_owned()))
}

/// A signal by its name; targets know no others.
fn signal(name: &str) -> Option<Sig> {
    Some(match name {
        "ABRT" => Sig::ABRT,
        "ALRM" => Sig::ALRM,
        "FPE" => Sig::FPE,
        "HUP" => Sig::HUP,
        "ILL" => Sig::ILL,
        "INT" => Sig::INT,
        "KILL" => Sig::KILL,
        "PIPE" => Sig::PIPE,
        "QUIT" => Sig::QUIT,
        "SEGV" => Sig::SEGV,
        "TERM" => Sig::TERM,
        "USR1" => Sig::USR1,
        "USR2" => Sig::Custom("USR2".to_owned()),
        _ => return None,
    })
}
