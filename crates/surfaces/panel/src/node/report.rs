//! `UniProxy/push`, `alive`, `status` (specs/panel-nodes.md N4.2, N4.3).

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    net::{IpAddr, SocketAddr},
};

use gatehouse_domain::panel::{Refusal, node::serve};
use gatehouse_model::AccountId;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use super::{CREDENTIAL, bad_report, malformed, node_of, refused, spoken};
use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Takes the traffic of users since the last push: `{"<uid>":[up,down]}`, bytes. All of it counts or nothing.
///
/// Errors: 422 for anything else, for a repeated user, and for more than a node can carry.
pub(super) async fn push(call: &Call) -> Outcome {
    let node = node_of(call).await?;
    let moved = match serde_json::from_slice::<Entries<(i64, i64)>>(&call.body) {
        Ok(entries) => entries.0,
        Err(error) => return Err(malformed(call, &node, &error.to_string()).await),
    };
    let moved: Vec<(AccountId, i64, i64)> = moved.into_iter().map(|(id, (up, down))| (id, up, down)).collect();
    serve::push(&call.ctx, &node, &moved).await.map_err(|failure| spoken(call, failure))?;
    Ok(Answer::Bare(json!({"data": true})))
}

/// Takes who is on the node from where: `{"<uid>":["192.0.2.1", …]}`. Errors: 400 `{error}` for another shape.
pub(super) async fn alive(call: &Call) -> Outcome {
    let node = node_of(call).await?;
    let Ok(Entries(entries)) = serde_json::from_slice::<Entries<Vec<String>>>(&call.body) else {
        return Err(bad_report());
    };
    let of: BTreeMap<AccountId, BTreeSet<IpAddr>> =
        entries.into_iter().map(|(id, texts)| (id, texts.iter().filter_map(|text| address(text)).collect())).collect();
    serve::alive(&call.ctx.app, &node, of).await?;
    Ok(Answer::Bare(json!({"data": true})))
}

/// Takes the node's load. Shape: `{cpu, mem:{total,used}, swap:{…}, disk:{…}}`. Errors: 422 for what is no object of numbers.
pub(super) async fn status(call: &Call) -> Outcome {
    let node = node_of(call).await?;
    let load = serde_json::from_slice::<Value>(&call.body).ok().as_ref().and_then(load);
    let Some(load) = load else { return Err(refused(call, Refusal::input("data", "Invalid data format"))) };
    serve::status(&call.ctx.app, node.id, load);
    Ok(Answer::Bare(json!({"data": true, "code": 0, "message": "success"})))
}

/// An address, without the port that some nodes leave on it.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()))?;
    Some(parsed.to_canonical())
}

/// The known parts of a load, where they are numbers.
fn load(given: &Value) -> Option<Value> {
    let given = given.as_object()?;
    let number = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(json!(0)),
        Some(Value::Number(number)) => Some(Value::Number(number.clone())),
        Some(_) => None,
    };
    let mut load = Map::new();
    load.insert("cpu".to_owned(), number(given.get("cpu"))?);
    for part in ["mem", "swap", "disk"] {
        let of = match given.get(part) {
            None | Some(Value::Null) => &Map::new(),
            Some(Value::Object(of)) => of,
            Some(_) => return None,
        };
        load.insert(part.to_owned(), json!({"total": number(of.get("total"))?, "used": number(of.get("used"))?}));
    }
    Some(Value::Object(load))
}

/// `{"<uid>": value}`, each user once; an empty list, which is what PHP makes of an empty object, is empty.
struct Entries<T>(Vec<(AccountId, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfEntries(std::marker::PhantomData)).map(Self)
    }
}

struct OfEntries<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfEntries<T> {
    type Value = Vec<(AccountId, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of users")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(Vec::new()),
            Some(_) => Err(de::Error::custom("a list is no object of users")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if CREDENTIAL.contains(&&*name) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let id = name.parse().ok().filter(|id: &i64| *id >= 0 && name.bytes().all(|b| b.is_ascii_digit()));
            let id = id.ok_or_else(|| de::Error::custom("a name is no user id"))?;
            if !seen.insert(id) {
                return Err(de::Error::custom("a user is named twice"));
            }
            entries.push((AccountId(id), map.next_value()?));
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(text: &str) -> Option<Vec<(i64, (i64, i64))>> {
        let entries = serde_json::from_str::<Entries<(i64, i64)>>(text).ok()?;
        Some(entries.0.into_iter().map(|(id, moved)| (id.0, moved)).collect())
    }

    #[test]
    fn a_push_is_an_object_of_pairs_of_integers() {
        assert_eq!(push(r#"{"1":[2,3],"token":"x"}"#), Some(vec![(1, (2, 3))]));
        assert_eq!(push("{}"), Some(Vec::new()));
        assert_eq!(push("[]"), Some(Vec::new()));
        for text in [
            "null",
            "1",
            "[1]",
            r#"{"1":[1]}"#,
            r#"{"1":[1,2,3]}"#,
            r#"{"1":["1",2]}"#,
            r#"{"1":[1.5,2]}"#,
            r#"{"1":[1.0,2]}"#,
            r#"{"1":[1,2],"1":[1,2]}"#,
            r#"{"a":[1,2]}"#,
            r#"{"-1":[1,2]}"#,
            r#"{"1":null}"#,
            r#"{"1":[9223372036854775808,2]}"#,
            "{\"1\":[1,2]",
            "",
        ] {
            assert_eq!(push(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_lose_their_ports() {
        for (text, ip) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:443", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(address(text), Some(ip.parse().unwrap()), "{text}");
        }
        assert_eq!(address("nowhere"), None);
    }
}
