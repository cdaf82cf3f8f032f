//! Templates of the Clash family: YAML whose groups name nodes by pattern.

use std::collections::HashSet;

use regex::{Regex, RegexBuilder};

use super::{
    read,
    tree::{Scalar, Tree, blanks},
};
use crate::{format::Site, settings::Fault};

/// Policies every core has.
const BUILT_IN: [&str; 8] = ["DIRECT", "REJECT", "REJECT-DROP", "PASS", "COMPATIBLE", "GLOBAL", "PASS-RULE", "DNS"];

/// A parsed template: texts that never change, and between them what depends on the nodes.
#[derive(Debug)]
pub(crate) struct ClashTemplate {
    pieces: Vec<Piece>,
    groups: Vec<Group>,
    reserved: Vec<String>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// The generated entries of `proxies`.
    Proxies,
    /// `proxy-groups` with its key.
    Groups,
    /// The end of `rules`, which may have become empty.
    EndOfRules,
    /// A rule that needs something which may be missing.
    Rule {
        line: String,
        needs: Needs,
        instead: Option<String>,
    },
}

/// What a group member or rule needs to be there.
#[derive(Debug)]
enum Needs {
    /// Something always there.
    Nothing,
    /// A group of the template.
    Group(usize),
    /// A node of this name.
    Node(String),
}

#[derive(Debug)]
struct Group {
    name: String,
    /// Every key but `proxies`, as lines of a list item.
    head: String,
    members: Vec<Member>,
    /// Whether every node is appended.
    takes_all: bool,
    /// Whether it may stand without members, because it has providers.
    has_providers: bool,
}

#[derive(Debug)]
enum Member {
    Name(String, Needs),
    Pattern(Regex),
}

impl ClashTemplate {
    pub(super) fn parse(text: &str, site: &Site) -> Result<Self, Fault> {
        let mut tree = read::yaml(text)?;
        // A comma would end the target of a rule.
        tree.substitute("$app_name", &site.title().replace(',', "，"));
        let Tree::Map(entries) = tree else { return Err(Fault::new("", "must be a YAML map")) };
        let get = |key: &str| entries.iter().find(|(name, _)| name.text == key).map(|(_, value)| value);
        let own: Vec<String> = names(get("proxies"), "proxies")?;
        let group_names: Vec<String> = names(get("proxy-groups"), "proxy-groups")?;
        let mut seen = HashSet::new();
        if let Some(twice) = own.iter().chain(&group_names).find(|name| !seen.insert(name.as_str())) {
            return Err(Fault::new("proxy-groups", format!("names `{twice}` twice")));
        }
        let needs = |name: &str| {
            if BUILT_IN.contains(&name) || own.iter().any(|own| own == name) {
                Needs::Nothing
            } else if let Some(index) = group_names.iter().position(|group| group == name) {
                Needs::Group(index)
            } else {
                Needs::Node(name.to_owned())
            }
        };
        let groups = get("proxy-groups").and_then(Tree::as_list).unwrap_or_default();
        let groups = groups.iter().map(|group| Group::parse(group, &needs)).collect::<Result<Vec<_>, _>>()?;

        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut keys: Vec<(&Scalar, Option<&Tree>)> = entries.iter().map(|(key, value)| (key, Some(value))).collect();
        let missing = ["proxies", "proxy-groups", "rules"].map(Scalar::plain);
        keys.extend(missing.iter().filter(|key| get(&key.text).is_none()).map(|key| (key, None)));
        for (key, value) in keys {
            match key.text.as_str() {
                "proxies" => {
                    text.push_str("proxies:\n");
                    let own = value.and_then(Tree::as_list).unwrap_or_default();
                    write_items(&mut text, own.iter());
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(Piece::Proxies);
                }
                "proxy-groups" => {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(Piece::Groups);
                }
                "rules" => {
                    text.push_str("rules:\n");
                    if !site.subscribe_host.is_empty() {
                        let is_address = site.subscribe_host.parse::<std::net::IpAddr>();
                        let rule = match is_address {
                            Ok(std::net::IpAddr::V4(v4)) => format!("IP-CIDR,{v4}/32,DIRECT,no-resolve"),
                            Ok(std::net::IpAddr::V6(v6)) => format!("IP-CIDR6,{v6}/128,DIRECT,no-resolve"),
                            Err(_) => format!("DOMAIN,{},DIRECT", site.subscribe_host.replace(',', "")),
                        };
                        write_items(&mut text, std::iter::once(&Tree::text(rule)));
                    }
                    for rule in value.and_then(Tree::as_list).unwrap_or_default() {
                        push_rule(&mut pieces, &mut text, rule, &needs)?;
                    }
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(Piece::EndOfRules);
                }
                _ => {
                    let line = Tree::Map(vec![(key.clone(), value.cloned().unwrap_or_else(|| Tree::word("null")))]);
                    line.write_yaml(&mut text, 0);
                }
            }
        }
        pieces.push(Piece::Text(text));
        let reserved = own.into_iter().chain(group_names).chain(BUILT_IN.map(str::to_owned)).collect();
        Ok(Self { pieces, groups, reserved })
    }

    /// Names no node may have.
    pub(crate) fn reserved(&self) -> &[String] {
        &self.reserved
    }

    /// Writes the document around the nodes of these names; `write_proxies` writes them as list items.
    pub(crate) fn render(&self, out: &mut String, names: &[&str], write_proxies: impl Fn(&mut String)) {
        let known: HashSet<&str> = names.iter().copied().collect();
        let alive = self.alive(names, &known);
        let is_there = |needs: &Needs| match needs {
            Needs::Nothing => true,
            Needs::Group(index) => alive.get(*index).copied().unwrap_or(false),
            Needs::Node(name) => known.contains(name.as_str()),
        };
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Proxies if names.is_empty() => end_empty_list(out),
                Piece::EndOfRules => end_empty_list(out),
                Piece::Proxies => write_proxies(out),
                Piece::Groups => {
                    out.push_str("proxy-groups:\n");
                    for (group, _) in self.groups.iter().zip(&alive).filter(|(_, alive)| **alive) {
                        group.write(out, names, is_there);
                    }
                    end_empty_list(out);
                }
                Piece::Rule { line, needs, instead } => {
                    if is_there(needs) {
                        out.push_str(line);
                    } else if let Some(instead) = instead {
                        out.push_str(instead);
                    }
                }
            }
        }
    }

    /// Which groups have a member that is there, directly or through other groups.
    fn alive(&self, names: &[&str], known: &HashSet<&str>) -> Vec<bool> {
        let mut alive = vec![false; self.groups.len()];
        loop {
            let next: Vec<bool> = self
                .groups
                .iter()
                .map(|group| {
                    group.has_providers
                        || group.takes_all && !names.is_empty()
                        || group.members.iter().any(|member| match member {
                            Member::Name(_, Needs::Nothing) => true,
                            Member::Name(_, Needs::Group(index)) => alive.get(*index).copied().unwrap_or(false),
                            Member::Name(_, Needs::Node(name)) => known.contains(name.as_str()),
                            Member::Pattern(pattern) => names.iter().any(|name| pattern.is_match(name)),
                        })
                })
                .collect();
            if next == alive {
                return alive;
            }
            alive = next;
        }
    }
}

impl Group {
    fn parse(tree: &Tree, needs: &impl Fn(&str) -> Needs) -> Result<Self, Fault> {
        let name = tree.get_text("name").unwrap_or_default().to_owned();
        let mut head = tree.clone();
        let listed = head.remove("proxies").unwrap_or_else(|| Tree::List(Vec::new()));
        let mut members = Vec::new();
        for item in listed.as_list().unwrap_or_default() {
            let text = item.as_text().ok_or_else(|| Fault::new(name.as_str(), "may list only names and /patterns/"))?;
            members.push(match pattern(text) {
                Some(pattern) => Member::Pattern(pattern.map_err(|error| Fault::new(name.as_str(), error))?),
                None => Member::Name(text.to_owned(), needs(text)),
            });
        }
        let is_true = |key: &str| head.get_text(key) == Some("true");
        let includes = is_true("include-all") || is_true("include-all-proxies");
        let has_providers = head.get("use").and_then(Tree::as_list).is_some_and(|list| !list.is_empty())
            || includes
            || is_true("include-all-providers");
        let has_pattern = members.iter().any(|member| matches!(member, Member::Pattern(_)));
        let mut lines = String::from("  - ");
        head.write_yaml(&mut lines, 4);
        Ok(Self { name, head: lines, members, takes_all: !has_pattern && !includes, has_providers })
    }

    fn write(&self, out: &mut String, names: &[&str], is_there: impl Fn(&Needs) -> bool) {
        out.push_str(&self.head);
        out.push_str("    proxies:\n");
        let mut seen: HashSet<&str> = HashSet::with_capacity(names.len() + self.members.len());
        seen.insert(&self.name);
        let put = |name: &str, out: &mut String| {
            out.push_str("      - ");
            super::tree::write_quoted(out, name);
            out.push('\n');
        };
        for member in &self.members {
            match member {
                Member::Name(name, needs) if is_there(needs) => {
                    if seen.insert(name) {
                        put(name, out);
                    }
                }
                Member::Name(..) => {}
                Member::Pattern(pattern) => {
                    for name in names.iter().filter(|name| pattern.is_match(name)) {
                        if seen.insert(name) {
                            put(name, out);
                        }
                    }
                }
            }
        }
        if self.takes_all {
            for name in names {
                if seen.insert(name) {
                    put(name, out);
                }
            }
        }
        end_empty_list(out);
    }
}

/// `/…/` with the flag `i`, if it is one.
fn pattern(text: &str) -> Option<Result<Regex, String>> {
    let (inner, flags) = text.strip_prefix('/')?.rsplit_once('/')?;
    if inner.is_empty() || !flags.bytes().all(|flag| matches!(flag, b'i' | b'u')) {
        return None;
    }
    Some(compile(inner, flags.contains('i')))
}

/// A pattern of a template; bounded, as it runs for every subscription.
pub(super) fn compile(text: &str, ignores_case: bool) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).case_insensitive(ignores_case).size_limit(1 << 20).build();
    built.map_err(|error| format!("has a pattern that does not work: {error}"))
}

fn names(list: Option<&Tree>, key: &str) -> Result<Vec<String>, Fault> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let items = match list {
        Tree::List(items) => items.as_slice(),
        // `proxies:` with nothing behind it is null.
        Tree::Scalar(scalar) if scalar.plain && matches!(scalar.text.as_str(), "~" | "null") => &[],
        _ => return Err(Fault::new(key, "must be a list")),
    };
    let name = |(index, item): (usize, &Tree)| match item.get_text("name") {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Fault::new(format!("{key}.{index}.name"), "is required")),
    };
    items.iter().enumerate().map(name).collect()
}

fn write_items<'a>(out: &mut String, items: impl Iterator<Item = &'a Tree>) {
    for item in items {
        blanks(out, 2);
        out.push_str("- ");
        item.write_yaml(out, 4);
    }
}

/// A list without items says so: `key:` alone would be null.
fn end_empty_list(out: &mut String) {
    if out.ends_with(":\n") {
        out.pop();
        out.push_str(" []\n");
    }
}

fn push_rule(
    pieces: &mut Vec<Piece>,
    text: &mut String,
    rule: &Tree,
    needs: &impl Fn(&str) -> Needs,
) -> Result<(), Fault> {
    let words = rule.as_text().ok_or_else(|| Fault::new("rules", "must be a list of texts"))?;
    let mut line = String::new();
    write_items(&mut line, std::iter::once(rule));
    let parts: Vec<&str> = words.split(',').map(str::trim).collect();
    let kind = parts.first().copied().unwrap_or_default();
    let target = parts.iter().rev().find(|part| !matches!(**part, "no-resolve" | "src")).copied().unwrap_or_default();
    let needs = if kind == "SUB-RULE" { Needs::Nothing } else { needs(target) };
    if matches!(needs, Needs::Nothing) {
        text.push_str(&line);
        return Ok(());
    }
    let instead = (kind == "MATCH" || kind == "FINAL").then(|| "  - \"MATCH,DIRECT\"\n".to_owned());
    pieces.push(Piece::Text(std::mem::take(text)));
    pieces.push(Piece::Rule { line, needs, instead });
    Ok(())
}
