//! Local forwards: through the target's own SSH connection, never dialled by us (specs/bastion.md §9.3).

use gatehouse_domain::bastion::terminal::{self, Asked, Purpose};
use russh::{ChannelOpenFailure, server::ChannelOpenHandle};

use super::{bridge, channel::Session};
use crate::stay::{Piece, Start, Stay};

/// Host and port as the target sees them, and who asks.
pub(super) type To = (String, u32, String, u32);

pub(super) async fn run(mut session: Session, to: To, reply: ChannelOpenHandle) {
    let Some(stay) = open(&mut session, to).await else {
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        return;
    };
    reply.accept().await;
    carry(session, stay).await;
}

/// The stay, if the person may have it. A client cannot be asked or told anything here.
async fn open(session: &mut Session, to: To) -> Option<Stay> {
    let (ctx, name) = (session.person.ctx.clone(), session.person.name.clone());
    if session.person.shut_out.is_some() {
        return None;
    }
    let resource = terminal::find_resource(&ctx, &name.resource?).await.ok()??;
    let vouchers = terminal::find_vouchers(&ctx, resource, name.voucher.as_deref()).await.ok()?;
    let [voucher] = vouchers.as_slice() else { return None };
    let asked = Asked { resource, voucher: voucher.id, purpose: Purpose::Forward, client: "ssh" };
    let admitted = session.admit(asked).await.ok()?;
    let start = Start { forward: Some(to), ..Start::default() };
    session.open(admitted, start).await.ok()
}

async fn carry(mut session: Session, stay: Stay) {
    use gatehouse_domain::bastion::terminal::TerminalInput as _;
    use russh::ChannelMsg;

    let Stay { mut output, mut input, .. } = stay;
    let shared = output.shared().clone();
    let gate = session.gate.clone();
    let (read, write) = (&mut session.read, &session.write);
    let down = async {
        loop {
            match output.next_piece().await {
                Piece::Data { bytes, .. } => bridge::give((write, &gate), &mut output, false, bytes).await,
                // The other direction may go on; failing means that the client left.
                Piece::Eof => drop(write.eof().await),
                Piece::Notice(_) => {}
                Piece::Ended(ended) => return ended,
            }
        }
    };
    let up = async {
        while let Some(message) = super::channel::next(read, &gate).await {
            let goes_on = match message {
                ChannelMsg::Data { data } => input.write(data).await,
                ChannelMsg::Eof => input.eof().await,
                ChannelMsg::Close => false,
                _ => true,
            };
            if !goes_on {
                break;
            }
        }
        input.close();
    };
    bridge::until_over(down, up, &gate, &shared).await;
    // Both fail only when the client has left.
    let _ = write.eof().await;
    let _ = write.close().await;
}
