//! The seed's protocol: JSON texts in, raw terminal output out (specs/bastion.md §7.1).

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::Encoding;
use serde_json::Value;

use super::action::{self, Action};

/// Reads a text message. An empty one ends the session.
pub(super) fn read(message: &[u8], encoding: Encoding) -> Action {
    if message.is_empty() {
        return Action::End;
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(message) else { return Action::Bad };
    let Some(data) = fields.remove("data") else { return Action::Bad };
    match (fields.get("type").and_then(Value::as_u64), data) {
        (Some(1), data) => action::size(&data).map_or(Action::Bad, Action::Resize),
        (Some(2), Value::String(text)) => Action::Input(action::encode(text, encoding)),
        _ => Action::Bad,
    }
}

/// Reads a binary message: only an empty one means anything.
pub(super) fn read_binary(message: &Bytes) -> Action {
    if message.is_empty() { Action::End } else { Action::Bad }
}

#[cfg(test)]
mod tests {
    use gatehouse_domain::bastion::terminal::Size;

    use super::*;

    fn utf8(message: &str) -> Action {
        read(message.as_bytes(), Encoding::Utf8)
    }

    #[test]
    fn the_messages_of_the_seed_are_read() {
        let resize = r#"{ "type": 1, "data": { "cols": 80, "rows": 24 } }"#;
        assert_eq!(utf8(resize), Action::Resize(Size { cols: 80, rows: 24 }));
        assert_eq!(utf8(r#"{"type":2,"data":"ls -la\n"}"#), Action::Input("ls -la\n".into()));
        assert_eq!(utf8(r#"{"type":2,"data":"\u4e2d\u0003","more":1}"#), Action::Input("中\u{3}".into()));
        assert_eq!(
            read("{\"type\":2,\"data\":\"中\"}".as_bytes(), Encoding::Gbk),
            Action::Input(vec![0xd6, 0xd0].into())
        );
        assert_eq!((utf8(""), read_binary(&Bytes::new())), (Action::End, Action::End));
    }

    #[test]
    fn anything_else_is_bad_and_no_more() {
        for message in [
            "ls",
            "[]",
            "null",
            "2",
            "{}",
            " ",
            r#"{"type":2}"#,
            r#"{"data":"x"}"#,
            r#"{"type":2,"data":5}"#,
            r#"{"type":2,"data":null}"#,
            r#"{"type":"2","data":"x"}"#,
            r#"{"type":3,"data":"x"}"#,
            r#"{"type":-2,"data":"x"}"#,
            r#"{"type":1,"data":"x"}"#,
            r#"{"type":1,"data":{"cols":80}}"#,
            r#"{"type":1,"data":{"cols":-80,"rows":24}}"#,
            r#"{"type":2,"data":"\ud800"}"#,
            r#"{"type":2,"data":"x"} x"#,
        ] {
            assert_eq!(utf8(message), Action::Bad, "{message}");
        }
        assert_eq!(read(&[0xff, 0xfe], Encoding::Utf8), Action::Bad);
        assert_eq!(read_binary(&Bytes::from_static(b"x")), Action::Bad);
        let deep = format!("{{\"type\":1,\"data\":{}", "[".repeat(60_000));
        assert_eq!(utf8(&deep), Action::Bad);
    }
}
