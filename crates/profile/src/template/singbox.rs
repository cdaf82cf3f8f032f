//! Templates of sing-box: JSON whose selectors choose nodes by `include`, `exclude` and `fallback`.

use std::collections::HashSet;

use regex::Regex;

use super::{
    clash::compile,
    read,
    tree::{Scalar, Tree, blanks, write_quoted},
    version,
};
use crate::{client::Client, format::Site, settings::Fault};

/// A parsed template in the spellings of four ages of the core.
#[derive(Debug)]
pub(crate) struct SingBoxTemplate {
    ages: Vec<(Age, Rendition)>,
    reserved: Vec<String>,
}

/// What changed in the configuration between cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Age {
    /// Before 1.10: `inet4_address`.
    Before1_10,
    /// Before 1.11: no rule actions.
    Before1_11,
    /// Before 1.12: DNS servers are `address` URLs.
    Before1_12,
    /// 1.12 and later, and unknown.
    Modern,
}

impl Age {
    const ALL: [Self; 4] = [Self::Before1_10, Self::Before1_11, Self::Before1_12, Self::Modern];

    pub(crate) fn of(client: &Client) -> Self {
        if client.is_older_than(1, 10, 0) {
            Self::Before1_10
        } else if client.is_older_than(1, 11, 0) {
            Self::Before1_11
        } else if client.is_older_than(1, 12, 0) {
            Self::Before1_12
        } else {
            Self::Modern
        }
    }
}

/// One spelling, cut at the places that depend on the nodes.
#[derive(Debug)]
struct Rendition {
    /// Up to the first outbound.
    head: String,
    outbounds: Vec<Outbound>,
    /// From the end of the outbounds.
    tail: String,
}

#[derive(Debug)]
enum Outbound {
    Fixed(String),
    Group(Group),
}

#[derive(Debug)]
struct Group {
    /// Every key but `outbounds` and `default`, without the closing brace.
    head: String,
    own: Vec<String>,
    include: Option<Regex>,
    exclude: Option<Regex>,
    fallback: Option<Fallback>,
    default: Option<String>,
}

#[derive(Debug)]
enum Fallback {
    Tag(String),
    Pattern(Regex),
}

/// Where the list of outbounds was, before the text is cut there.
const MARK: &str = "\u{1}outbounds\u{1}";
/// The outbound that connects directly; a group without members falls back to it.
const DIRECT: &str = "direct";

impl SingBoxTemplate {
    pub(super) fn parse(text: &str, site: &Site) -> Result<Self, Fault> {
        let mut tree = read::json(text)?;
        if !matches!(tree, Tree::Map(_)) {
            return Err(Fault::new("", "must be a JSON object"));
        }
        tree.substitute("$app_name", &site.title());
        if tree.get("outbounds").is_none() {
            tree.set("outbounds", Tree::List(Vec::new()));
        }
        let direct = prepare_outbounds(&mut tree)?;
        let tags = tags(&tree);
        check_references(&tree, &tags)?;
        let mut ages = Vec::with_capacity(Age::ALL.len());
        for age in Age::ALL {
            let mut spelled = tree.clone();
            version::spell(&mut spelled, age);
            ages.push((age, Rendition::new(spelled, &tags, &direct)?));
        }
        // Older spellings add these.
        let reserved = tags.into_iter().chain(["dns-out".to_owned(), "block".to_owned()]).collect();
        Ok(Self { ages, reserved })
    }

    /// Tags no node may have.
    pub(crate) fn reserved(&self) -> &[String] {
        &self.reserved
    }

    /// Writes the document around the nodes of these tags; `write_node` writes the outbound of one.
    pub(crate) fn render(&self, out: &mut String, age: Age, tags: &[&str], write_node: impl Fn(&mut String, usize)) {
        let Some((_, rendition)) = self.ages.iter().find(|(known, _)| *known == age) else { return };
        out.push_str(&rendition.head);
        let mut is_first = true;
        let mut begin = |out: &mut String| {
            out.push_str(if is_first { "\n    " } else { ",\n    " });
            is_first = false;
        };
        for outbound in &rendition.outbounds {
            begin(out);
            match outbound {
                Outbound::Fixed(text) => out.push_str(text),
                Outbound::Group(group) => group.write(out, tags),
            }
        }
        for index in 0..tags.len() {
            begin(out);
            write_node(out, index);
        }
        out.push_str("\n  ");
        out.push_str(&rendition.tail);
    }
}

/// Makes sure that something connects directly, and returns its tag.
fn prepare_outbounds(tree: &mut Tree) -> Result<String, Fault> {
    let outbounds = tree.get_mut("outbounds").and_then(Tree::items_mut);
    let outbounds = outbounds.ok_or_else(|| Fault::new("outbounds", "must be a list"))?;
    for (index, outbound) in outbounds.iter().enumerate() {
        if outbound.get_text("tag").is_none_or(str::is_empty) || outbound.get_text("type").is_none() {
            return Err(Fault::new(format!("outbounds.{index}"), "needs a `type` and a `tag`"));
        }
    }
    let direct = outbounds.iter().find(|outbound| outbound.get_text("type") == Some("direct"));
    if let Some(tag) = direct.and_then(|outbound| outbound.get_text("tag")) {
        return Ok(tag.to_owned());
    }
    outbounds.push(Tree::Map(vec![
        (Scalar::quoted("type"), Tree::text("direct")),
        (Scalar::quoted("tag"), Tree::text(DIRECT)),
    ]));
    Ok(DIRECT.to_owned())
}

fn tags(tree: &Tree) -> Vec<String> {
    let lists = ["outbounds", "endpoints"].into_iter().filter_map(|key| tree.get(key).and_then(Tree::as_list));
    lists.flatten().filter_map(|item| item.get_text("tag")).map(str::to_owned).collect()
}

/// Every outbound named anywhere in the template must be in it: nodes come and go, and the app refuses the whole
/// profile for one name too many.
fn check_references(tree: &Tree, tags: &[String]) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    if let Some(twice) = tags.iter().find(|tag| !seen.insert(tag.as_str())) {
        return Err(Fault::new("outbounds", format!("has the tag `{twice}` twice")));
    }
    let mut named: Vec<(String, &str)> = Vec::new();
    for section in ["dns", "route", "ntp", "experimental"] {
        if let Some(value) = tree.get(section) {
            collect_references(value, section, &mut named);
        }
    }
    if let Some(target) = tree.get("route").and_then(|route| route.get_text("final")) {
        named.push(("route.final".into(), target));
    }
    let missing = named.into_iter().find(|(_, name)| !tags.iter().any(|tag| tag == name));
    missing
        .map_or(Ok(()), |(key, name)| Err(Fault::new(key, format!("names the outbound `{name}`, which is not there"))))
}

fn collect_references<'a>(tree: &'a Tree, path: &str, named: &mut Vec<(String, &'a str)>) {
    match tree {
        Tree::Scalar(_) => {}
        Tree::List(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_references(item, &format!("{path}.{index}"), named);
            }
        }
        Tree::Map(entries) => {
            for (key, value) in entries {
                let path = format!("{path}.{}", key.text);
                // In DNS rules `outbound` is what the query is for, and may be `any`.
                let is_reference =
                    matches!(key.text.as_str(), "detour" | "download_detour" | "external_ui_download_detour")
                        || key.text == "outbound" && !path.starts_with("dns.");
                match value.as_text() {
                    Some(name) if is_reference && !name.is_empty() => named.push((path, name)),
                    _ => collect_references(value, &path, named),
                }
            }
        }
    }
}

impl Rendition {
    fn new(mut tree: Tree, tags: &[String], direct: &str) -> Result<Self, Fault> {
        let mut outbounds = Vec::new();
        for outbound in tree.get("outbounds").and_then(Tree::as_list).unwrap_or_default() {
            outbounds.push(if matches!(outbound.get_text("type"), Some("selector" | "urltest")) {
                Outbound::Group(Group::parse(outbound, tags, direct)?)
            } else {
                let mut text = String::new();
                outbound.write_json(&mut text, 4);
                Outbound::Fixed(text)
            });
        }
        tree.set("outbounds", Tree::word(MARK));
        let mut text = String::new();
        tree.write_json(&mut text, 0);
        text.push('\n');
        let (head, tail) = text.split_once(MARK).ok_or_else(|| Fault::new("outbounds", "must be a list"))?;
        Ok(Self { head: format!("{head}["), outbounds, tail: format!("]{tail}") })
    }
}

impl Group {
    fn parse(tree: &Tree, tags: &[String], direct: &str) -> Result<Self, Fault> {
        let mut tree = tree.clone();
        let tag = tree.get_text("tag").unwrap_or_default().to_owned();
        let at = |key: &str| format!("outbounds.{tag}.{key}");
        let mut regex = |key: &str| match tree.remove(key) {
            None => Ok(None),
            Some(value) => {
                let text = value.as_text().map(bare).ok_or_else(|| Fault::new(at(key), "must be a text"))?;
                if text.is_empty() {
                    return Ok(None);
                }
                compile(&text, false).map(Some).map_err(|error| Fault::new(at(key), error))
            }
        };
        let (include, exclude) = (regex("include")?, regex("exclude")?);
        let fallback = match tree.remove("fallback").as_ref().and_then(Tree::as_text) {
            None | Some("") => None,
            Some(text) if tags.iter().any(|tag| tag == text) => Some(Fallback::Tag(text.to_owned())),
            Some(text) => {
                Some(Fallback::Pattern(compile(&bare(text), false).map_err(|error| Fault::new(at("fallback"), error))?))
            }
        };
        let default = tree.remove("default").as_ref().and_then(Tree::as_text).map(str::to_owned);
        let own = tree.remove("outbounds");
        let own: Vec<String> = own
            .as_ref()
            .and_then(Tree::as_list)
            .unwrap_or_default()
            .iter()
            .filter_map(Tree::as_text)
            .map(str::to_owned)
            .collect();
        if let Some(missing) = own.iter().find(|name| !tags.contains(name)) {
            return Err(Fault::new(at("outbounds"), format!("names the outbound `{missing}`, which is not there")));
        }
        let fallback = fallback.or_else(|| Some(Fallback::Tag(direct.to_owned())));
        let mut head = String::new();
        tree.write_json(&mut head, 4);
        let head = head.strip_suffix("\n    }").unwrap_or(&head).to_owned();
        Ok(Self { head, own, include, exclude, fallback, default })
    }

    fn write(&self, out: &mut String, tags: &[&str]) {
        let is_chosen = |tag: &str| {
            self.include.as_ref().is_none_or(|pattern| pattern.is_match(tag))
                && !self.exclude.as_ref().is_some_and(|pattern| pattern.is_match(tag))
        };
        let mut members: Vec<&str> = self.own.iter().map(String::as_str).collect();
        members.extend(tags.iter().filter(|tag| is_chosen(tag)));
        if members.is_empty() {
            match &self.fallback {
                Some(Fallback::Tag(tag)) => members.push(tag),
                Some(Fallback::Pattern(pattern)) => members.extend(tags.iter().filter(|tag| pattern.is_match(tag))),
                None => {}
            }
        }
        if members.is_empty() {
            members.push(DIRECT);
        }
        out.push_str(&self.head);
        out.push_str(",\n      \"outbounds\": [");
        for (index, member) in members.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { ", " });
            write_quoted(out, member);
        }
        out.push(']');
        if let Some(default) = self.default.as_deref().filter(|default| members.contains(default)) {
            out.push_str(",\n      \"default\": ");
            write_quoted(out, default);
        }
        out.push('\n');
        blanks(out, 4);
        out.push('}');
    }
}

/// `/…/i` as the pattern it means.
fn bare(text: &str) -> String {
    let Some((inner, flags)) = text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) else {
        return text.to_owned();
    };
    match flags {
        "" | "u" => inner.to_owned(),
        "i" | "iu" | "ui" => format!("(?i){inner}"),
        _ => text.to_owned(),
    }
}
