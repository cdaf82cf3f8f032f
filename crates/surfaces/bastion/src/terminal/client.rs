//! The client at the other end of the socket: which protocol it speaks, and what its messages mean.

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::{Encoding, Ended};
use gatehouse_kit::ws::{Incoming, Kind, Socket};

use super::{
    action::Action,
    close::Close,
    compat,
    outbox::Form,
    v2::{self, Message, Notice},
};

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// The seed's; texts are encoded for the target.
    Compat(Encoding),
    /// `bastion.v2`.
    V2,
}

impl Protocol {
    pub(super) const fn is_v2(self) -> bool {
        matches!(self, Self::V2)
    }

    /// How output is framed.
    pub(super) const fn form(self) -> Form {
        match self {
            Self::Compat(_) => Form::Text,
            Self::V2 => Form::Binary,
        }
    }

    /// What is said before the close frame.
    pub(super) fn farewell(self, close: &Close, ended: Option<&Ended>) -> Option<Bytes> {
        match (self, close.code, &close.text) {
            (Self::Compat(_), _, text) => text.clone().map(Bytes::from),
            (Self::V2, 1000, _) => ended.map(v2::exit),
            (Self::V2, 1012, _) => Some(Message::Notice(Notice::shutdown()).text()),
            (Self::V2, _, Some(text)) => Some(Message::Error { code: close.cause, text }.text()),
            (Self::V2, _, None) => None,
        }
    }

    /// Says good-bye and closes.
    pub(super) async fn part(
        self,
        mut socket: Socket,
        close: &Close,
        ended: Option<&Ended>,
        limit: std::time::Duration,
    ) {
        if let Some(text) = self.farewell(close, ended) {
            socket.writer.push(Kind::Text, text);
        }
        socket.close(close.code, close.reason, limit).await;
    }
}

/// What a message asks of the terminal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something to do.
    Act(Action),
    /// A ping to be answered.
    Ping(Bytes),
    /// The answer to one of ours.
    Pong(Bytes),
    /// Nothing.
    Nothing,
    /// The person left.
    Left,
    /// The connection is gone.
    Lost,
    /// This goes too far.
    Cut(Close),
}

/// Reads a client's messages and counts those that mean nothing.
#[derive(Debug)]
pub(super) struct Ear {
    protocol: Protocol,
    bad: u32,
    most: u32,
}

impl Ear {
    /// Hears a client out until it has sent so many bad messages in a row.
    pub(super) fn new(protocol: Protocol, most: u32) -> Self {
        Self { protocol, bad: 0, most }
    }

    /// What a message means.
    pub(super) fn hear(&mut self, incoming: Incoming) -> Step {
        let action = match (incoming, self.protocol) {
            (Incoming::Text(text), Protocol::Compat(encoding)) => compat::read(&text, encoding),
            (Incoming::Text(text), Protocol::V2) => v2::read(&text),
            (Incoming::Binary(bytes), Protocol::Compat(_)) => compat::read_binary(&bytes),
            (Incoming::Binary(bytes), Protocol::V2) => v2::read_binary(bytes),
            (Incoming::Ping(payload), _) => return Step::Ping(payload),
            (Incoming::Pong(payload), _) => return Step::Pong(payload),
            (Incoming::Close, _) => return Step::Left,
            (Incoming::Gone, _) => return Step::Lost,
            (Incoming::TooLarge, _) => return Step::Cut(Close::too_large()),
            (Incoming::Broken, _) => return Step::Cut(Close::broken()),
        };
        match action {
            Action::End => Step::Left,
            Action::Bad => self.count(),
            action => {
                self.bad = 0;
                Step::Act(action)
            }
        }
    }

    /// One more message that means nothing.
    pub(super) fn count(&mut self) -> Step {
        self.bad += 1;
        if self.bad >= self.most { Step::Cut(Close::bad_messages()) } else { Step::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bad_messages_in_a_row_end_a_terminal() {
        let mut ear = Ear::new(Protocol::Compat(Encoding::Utf8), 3);
        let bad = || Incoming::Text(Bytes::from_static(b"{}"));
        let good = || Incoming::Text(Bytes::from_static(br#"{"type":2,"data":"x"}"#));
        for _ in 0..5 {
            assert_eq!(ear.hear(bad()), Step::Nothing);
            assert_eq!(ear.hear(Incoming::Binary(Bytes::from_static(b"x"))), Step::Nothing);
            assert_eq!(ear.hear(good()), Step::Act(Action::Input("x".into())));
        }
        assert_eq!((ear.hear(bad()), ear.hear(bad())), (Step::Nothing, Step::Nothing));
        assert_eq!(ear.hear(bad()), Step::Cut(Close::bad_messages()));
    }

    #[test]
    fn the_farewell_is_a_text_or_in_v2_an_operation() {
        let close = Close::unauthenticated();
        assert_eq!(Protocol::Compat(Encoding::Utf8).farewell(&close, None).unwrap(), "权限错误");
        assert_eq!(Protocol::V2.farewell(&close, None).unwrap(), r#"{"op":"error","code":"auth","text":"权限错误"}"#);
        assert_eq!(Protocol::Compat(Encoding::Utf8).farewell(&Close::normal(), None), None);
        assert_eq!(Protocol::V2.farewell(&Close::too_large(), None), None);
    }
}
