//! Between a client's channel and an open stay.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::{Ended, Event, TerminalInput as _};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, server::Msg};
use tokio::time::sleep;

use super::{
    channel::{self, Session},
    text,
};
use crate::{
    stay::{Input, Output, Piece, Shared, Stay},
    target::wire::Gate,
};

/// A client that takes nothing for so long counts as blocked.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bridges until the end, and tells it.
pub(super) async fn run(mut session: Session, stay: Stay) {
    let Stay { mut output, mut input, .. } = stay;
    let shared = output.shared().clone();
    let gate = session.gate.clone();
    let ended = {
        let down = downward(&session.write, &mut output);
        let up = upward(&mut session.read, &gate, &mut input);
        until_over(down, up, &gate, &shared).await
    };
    if let Some(told) = text::ended(&ended) {
        session.tell(&format!("\r\n{told}")).await;
    }
    session.finish(ended.exit_code, ended.exit_signal).await;
}

/// Runs both ways until the downward one says it is over; a client that is gone ends the stay.
pub(super) async fn until_over(
    down: impl Future<Output = Ended>,
    up: impl Future<Output = ()>,
    gate: &Gate,
    shared: &Arc<Shared>,
) -> Ended {
    tokio::pin!(down, up);
    let (mut is_up_done, mut is_gone) = (false, false);
    loop {
        tokio::select! {
            ended = &mut down => return ended,
            () = &mut up, if !is_up_done => is_up_done = true,
            () = gate.gone().cancelled(), if !is_gone => {
                is_gone = true;
                shared.end_by_itself();
            }
        }
    }
}

/// From the client to the target.
async fn upward(read: &mut ChannelReadHalf, gate: &Gate, input: &mut Input) {
    while let Some(message) = channel::next(read, gate).await {
        let goes_on = match message {
            ChannelMsg::Data { data } => input.write(data).await,
            ChannelMsg::Eof => input.eof().await,
            ChannelMsg::WindowChange { col_width, row_height, .. } => {
                input.resize(channel::size(col_width, row_height)).await
            }
            ChannelMsg::Signal { signal } => input.signal(crate::stay::name_of(&signal)).await,
            ChannelMsg::Close => false,
            _ => true,
        };
        if !goes_on {
            break;
        }
    }
    input.close();
}

/// From the target to the client.
async fn downward(write: &ChannelWriteHalf<Msg>, output: &mut Output) -> Ended {
    loop {
        match output.next_piece().await {
            Piece::Data { is_error, bytes, .. } => give(write, output, is_error, bytes).await,
            Piece::Notice(Event::IdleWarning(seconds)) => {
                let notice = format!("\r\n会话空闲,将在 {seconds} 秒后断开\r\n");
                give(write, output, true, Bytes::from(notice)).await;
            }
            Piece::Eof | Piece::Notice(_) => {}
            Piece::Ended(ended) => return ended,
        }
    }
}

/// Gives output to the client, whose window decides how fast. Returns early when the stay is over.
pub(super) async fn give(write: &ChannelWriteHalf<Msg>, output: &mut Output, is_error: bool, bytes: Bytes) {
    let over = output.shared().over().clone();
    let giving = async {
        // A client that left is noticed by whoever reads from it.
        let _ = if is_error { write.extended_data_bytes(1, bytes).await } else { write.data_bytes(bytes).await };
    };
    tokio::pin!(giving);
    tokio::select! {
        biased;
        () = &mut giving => return,
        () = over.cancelled() => return,
        () = sleep(PATIENCE) => output.block(true),
    }
    tokio::select! {
        biased;
        () = &mut giving => {}
        () = over.cancelled() => {}
    }
    output.block(false);
}
