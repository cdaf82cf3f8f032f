//! Questions to a person with a terminal.

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::PresentedKey;
use russh::ChannelMsg;

use super::{channel::Session, text};

/// Lines of a list that are shown at once.
const SHOWN: usize = 50;
/// Longest answer, characters.
const ANSWER: usize = 100;

/// Lets a person choose: a number, or a part of a name, which narrows the list.
pub(super) async fn choose(session: &mut Session, title: &str, items: &[(String, String)]) -> Option<usize> {
    let mut left: Vec<usize> = (0..items.len()).collect();
    loop {
        if left.is_empty() {
            left = (0..items.len()).collect();
        }
        let mut page = format!("{title}\r\n");
        for (at, item) in left.iter().take(SHOWN).enumerate() {
            let (name, more) = items.get(*item)?;
            page.push_str(&format!("{:>4}  {}  {}\r\n", at + 1, text::plain(name), text::plain(more)));
        }
        if left.len() > SHOWN {
            page.push_str(&format!("      … {}\r\n", left.len() - SHOWN));
        }
        page.push_str("编号或过滤: ");
        say(session, page).await;
        let answer = line(session).await?;
        if let Some(at) = answer.parse::<usize>().ok().and_then(|n| n.checked_sub(1))
            && let Some(item) = left.get(at).filter(|_| at < SHOWN)
        {
            return Some(*item);
        }
        let wanted = answer.to_lowercase();
        let fits = |item: &usize| {
            items.get(*item).is_some_and(|(name, more)| {
                name.to_lowercase().contains(&wanted) || more.to_lowercase().contains(&wanted)
            })
        };
        left = (0..items.len()).filter(fits).collect();
        if let [one] = left.as_slice() {
            return Some(*one);
        }
    }
}

/// Asks whether an unknown key is to be trusted.
pub(super) async fn confirm(session: &mut Session, key: &PresentedKey) -> bool {
    let question = format!("主机密钥未登记: {} {}\r\n是否信任? (yes/no) ", key.algorithm, key.fingerprint);
    say(session, question).await;
    line(session).await.as_deref() == Some("yes")
}

async fn say(session: &Session, text: String) {
    // A client that left is noticed by reading.
    let _ = session.write.data_bytes(Bytes::from(text)).await;
}

/// A line as typed: the client's terminal is raw, so echo and corrections are ours. None: the person does not want to.
async fn line(session: &mut Session) -> Option<String> {
    let mut typed = String::new();
    loop {
        let data = match session.next().await? {
            ChannelMsg::Data { data } => data,
            ChannelMsg::Eof | ChannelMsg::Close => return None,
            _ => continue,
        };
        for c in String::from_utf8_lossy(&data).chars() {
            match c {
                '\r' | '\n' => {
                    say(session, "\r\n".to_owned()).await;
                    return Some(typed.trim().to_owned());
                }
                '\u{3}' | '\u{4}' => {
                    say(session, "\r\n".to_owned()).await;
                    return None;
                }
                '\u{7f}' | '\u{8}' if typed.pop().is_some() => say(session, "\u{8} \u{8}".to_owned()).await,
                c if !c.is_control() && typed.chars().count() < ANSWER => {
                    typed.push(c);
                    say(session, c.to_string()).await;
                }
                _ => {}
            }
        }
    }
}
