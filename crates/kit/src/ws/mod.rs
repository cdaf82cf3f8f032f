//! WebSockets (RFC 6455), the server's side, over the upgraded socket itself.
//!
//! Our own few hundred lines instead of a library, because a terminal needs four things of them: the two directions are
//! independent; a writer knows whether the peer takes anything, and nothing queues behind its back; output goes from the
//! memory it arrived in to the socket without a copy; an idle socket holds no buffer. Extensions are not spoken.

mod handshake;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::time::Duration;

use tokio::time::timeout;

pub use gatehouse_websocket::Kind;
pub use handshake::{NotAnUpgrade, Opening, Upgrade};
pub use reader::{Incoming, Reader};
pub use writer::Writer;

/// An open WebSocket: two halves that do not wait for each other.
pub struct Socket {
    /// What comes.
    pub reader: Reader,
    /// What goes.
    pub writer: Writer,
}

impl Socket {
    /// Sends what is pending and a close frame, then waits until the peer has closed as well, all within the limit.
    /// What the peer still sends is thrown away.
    pub async fn close(mut self, code: u16, reason: &str, limit: Duration) {
        let closing = async {
            self.writer.close(code, reason);
            if self.writer.flush().await.is_err() {
                return;
            }
            self.reader.drain().await;
        };
        // Whoever does not answer in time is cut off: there is nothing left to be said.
        let _elapsed = timeout(limit, closing).await;
    }
}
