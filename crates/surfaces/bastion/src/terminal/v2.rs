//! `bastion.v2`: terminal bytes as binary frames, everything else as JSON texts (specs/bastion.md §7.6).

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::{Admitted, Ended, Opened, PresentedKey, Size};
use serde::Serialize;
use serde_json::Value;

use super::action::{self, Action};

/// The name of the subprotocol.
pub(super) const PROTOCOL: &str = "bastion.v2";

/// TERM unless the client names one.
pub(super) const TERM: &str = "xterm-256color";

/// Bounds of the client's window.
const WINDOW: std::ops::RangeInclusive<u64> = 16_384..=1_048_576;

/// Longest text that a ping may carry.
const PING_TEXT: usize = 64;

/// Reads a text message.
pub(super) fn read(message: &[u8]) -> Action {
    if message.is_empty() {
        return Action::End;
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(message) else { return Action::Bad };
    let number = |name| fields.get(name).and_then(Value::as_u64);
    let read = match fields.get("op").and_then(Value::as_str) {
        Some("resize") => action::size(&Value::Object(fields)).map(Action::Resize),
        Some("signal") => fields.get("name").and_then(Value::as_str).and_then(signal).map(Action::Signal),
        Some("window") => number("bytes").map(|bytes| Action::Window(bytes.clamp(*WINDOW.start(), *WINDOW.end()))),
        Some("ack") => number("bytes").map(Action::Acknowledge),
        Some("drop") => Some(Action::Drop),
        Some("answer") => {
            let accept = fields.get("accept").and_then(Value::as_bool);
            number("id").zip(accept).map(|(id, accept)| Action::Answer { id, accept })
        }
        Some("ping") => fields.get("t").filter(|t| is_small(t)).cloned().map(Action::Ping),
        Some("close") => Some(Action::End),
        _ => None,
    };
    read.unwrap_or(Action::Bad)
}

/// Reads a binary message: terminal bytes as they are. An empty one ends the session, as in the seed.
pub(super) fn read_binary(message: Bytes) -> Action {
    if message.is_empty() { Action::End } else { Action::Input(message) }
}

/// A signal's name without `SIG`, if it is one.
fn signal(name: &str) -> Option<String> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    let is_name = (1..=16).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    is_name.then(|| name.to_owned())
}

/// A pong repeats what the ping said, so that has to be little.
fn is_small(value: &Value) -> bool {
    match value {
        Value::Number(_) | Value::Null => true,
        Value::String(text) => text.len() <= PING_TEXT,
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Message<'a> {
    /// The terminal is open, or open again.
    Ready {
        session_id: String,
        resource: Named<'a>,
        voucher: Login<'a>,
        host_key: Key<'a>,
        cols: u32,
        rows: u32,
        recording: bool,
        /// The token for one resumption.
        resume: &'a str,
    },
    /// Shell or command ended by itself.
    Exit {
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        signal: Option<&'a str>,
    },
    /// Before a close with 4xxx.
    Error { code: &'a str, text: &'a str },
    /// Something to be shown.
    Notice(Notice),
    /// A question about an unknown host key.
    Ask {
        id: u64,
        kind: &'static str,
        host: &'a str,
        #[serde(rename = "type")]
        algorithm: &'a str,
        sha256: &'a str,
    },
    /// Round trips, milliseconds; null: not measured yet.
    Latency { ws_ms: Option<f64>, ssh_ms: Option<f64> },
    /// Who watches.
    Participants { participants: Vec<Participant<'a>> },
    /// The answer to a ping.
    Pong { t: &'a Value },
}

#[derive(Debug, Serialize)]
pub(super) struct Named<'a> {
    id: i64,
    name: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Login<'a> {
    id: i64,
    username: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Key<'a> {
    #[serde(rename = "type")]
    algorithm: &'a str,
    sha256: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Participant<'a> {
    pub(super) name: &'a str,
    pub(super) role: &'a str,
}

/// Kinds of notice.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Notice {
    /// It ends without input.
    Idle { seconds: u64, text: String },
    /// So much output is gone for good.
    Gap { bytes: u64, text: String },
    /// So much waiting output was thrown away on request.
    Dropped { bytes: u64, text: String },
    /// The server stops.
    Shutdown { text: String },
}

impl Notice {
    pub(super) fn idle(seconds: u64) -> Self {
        Self::Idle { seconds, text: format!("会话将在{seconds}秒后因空闲断开") }
    }

    pub(super) fn gap(bytes: u64) -> Self {
        Self::Gap { bytes, text: format!("{bytes}字节输出已丢失") }
    }

    pub(super) fn dropped(bytes: u64) -> Self {
        Self::Dropped { bytes, text: format!("{bytes}字节未发送的输出已丢弃") }
    }

    pub(super) fn shutdown() -> Self {
        Self::Shutdown { text: super::close::SHUTDOWN_TEXT.to_owned() }
    }
}

impl Message<'_> {
    /// As it is sent.
    pub(super) fn text(&self) -> Bytes {
        // Plain structs in memory: cannot fail.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// `ready`.
pub(super) fn ready(admitted: &Admitted, opened: &Opened, size: Size, resume: &str) -> Bytes {
    let ready = Message::Ready {
        session_id: opened.visit.to_string(),
        resource: Named { id: admitted.asked.resource.0, name: &admitted.resource_name },
        voucher: Login { id: admitted.asked.voucher.0, username: &admitted.username },
        host_key: Key { algorithm: &opened.host_key.algorithm, sha256: &opened.host_key.fingerprint },
        cols: size.cols,
        rows: size.rows,
        recording: opened.is_recorded,
        resume,
    };
    ready.text()
}

/// `exit`.
pub(super) fn exit(ended: &Ended) -> Bytes {
    Message::Exit { code: ended.exit_code, signal: ended.exit_signal.as_deref() }.text()
}

/// `ask`, about a host key.
pub(super) fn ask(id: u64, host: &str, key: &PresentedKey) -> Bytes {
    Message::Ask { id, kind: "hostkey", host, algorithm: &key.algorithm, sha256: &key.fingerprint }.text()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(message: &Value) -> Action {
        read(message.to_string().as_bytes())
    }

    #[test]
    fn operations_are_read_and_brought_into_bounds() {
        assert_eq!(
            text(&json!({"op": "resize", "cols": 0, "rows": 5000})),
            Action::Resize(Size { cols: 1, rows: 1_000 })
        );
        assert_eq!(text(&json!({"op": "signal", "name": "INT"})), Action::Signal("INT".to_owned()));
        assert_eq!(text(&json!({"op": "signal", "name": "SIGUSR1"})), Action::Signal("USR1".to_owned()));
        assert_eq!(text(&json!({"op": "window", "bytes": 1})), Action::Window(16_384));
        assert_eq!(text(&json!({"op": "window", "bytes": 9_000_000})), Action::Window(1_048_576));
        assert_eq!(text(&json!({"op": "ack", "bytes": 5})), Action::Acknowledge(5));
        assert_eq!(text(&json!({"op": "drop"})), Action::Drop);
        assert_eq!(text(&json!({"op": "answer", "id": 1, "accept": true})), Action::Answer { id: 1, accept: true });
        assert_eq!(text(&json!({"op": "ping", "t": 1.5})), Action::Ping(json!(1.5)));
        assert_eq!(text(&json!({"op": "close"})), Action::End);
        assert_eq!((read(b""), read_binary(Bytes::new())), (Action::End, Action::End));
        assert_eq!(read_binary(Bytes::from_static(b"\xff")), Action::Input(Bytes::from_static(b"\xff")));
    }

    #[test]
    fn anything_else_is_bad() {
        for message in [
            json!({"op": "format"}),
            json!({"op": 1}),
            json!(["resize"]),
            json!({"op": "resize", "cols": -1, "rows": 5}),
            json!({"op": "signal", "name": "int; rm"}),
            json!({"op": "signal", "name": "SIG"}),
            json!({"op": "window"}),
            json!({"op": "ack", "bytes": -5}),
            json!({"op": "answer", "id": 1, "accept": "yes"}),
            json!({"op": "ping", "t": "x".repeat(65)}),
            json!({"op": "ping", "t": [1]}),
        ] {
            assert_eq!(text(&message), Action::Bad, "{message}");
        }
    }

    #[test]
    fn messages_are_named_by_op_and_notices_by_kind() {
        let parsed = |message: &Message<'_>| serde_json::from_slice::<Value>(&message.text()).unwrap();
        let notice = parsed(&Message::Notice(Notice::gap(7)));
        assert_eq!((&notice["op"], &notice["kind"], &notice["bytes"]), (&json!("notice"), &json!("gap"), &json!(7)));
        let exit = Ended { why: gatehouse_model::EndedWhy::Closed, by: None, exit_code: Some(3), exit_signal: None };
        assert_eq!(super::exit(&exit), r#"{"op":"exit","code":3}"#);
        let latency = parsed(&Message::Latency { ws_ms: Some(0.5), ssh_ms: None });
        assert_eq!(latency, json!({"op": "latency", "ws_ms": 0.5, "ssh_ms": null}));
    }
}
