//! Templates of Surge and Surfboard: text with placeholders.

use crate::{
    format::{Site, line_char},
    settings::Fault,
};

/// A parsed template.
#[derive(Debug)]
pub(crate) struct IniTemplate {
    pub(crate) pieces: Vec<Piece>,
    reserved: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    /// The subscription's own address.
    Link,
    /// One line per node.
    Proxies,
    /// Names, with commas between.
    Group,
    /// What is used and left.
    Info,
}

const PLACEHOLDERS: [(&str, Piece); 4] = [
    ("$subs_link", Piece::Link),
    ("$proxies", Piece::Proxies),
    ("$proxy_group", Piece::Group),
    ("$subscribe_info", Piece::Info),
];
const BUILT_IN: [&str; 5] = ["DIRECT", "REJECT", "REJECT-TINYGIF", "REJECT-DROP", "REJECT-NO-DROP"];

impl IniTemplate {
    pub(super) fn parse(text: &str, site: &Site) -> Result<Self, Fault> {
        for section in ["[Proxy]", "[Proxy Group]", "[Rule]"] {
            if !text.lines().any(|line| line.trim() == section) {
                return Err(Fault::new("", format!("must have a section {section}")));
            }
        }
        if !text.contains("$proxies") {
            return Err(Fault::new("", "must have $proxies in its section [Proxy]"));
        }
        let app_name: String = site.title().chars().map(line_char).collect();
        let mut text = text.replace("$app_name", &app_name);
        if site.subscribe_host.is_empty() {
            let keeps = |line: &&str| !line.contains("$subs_domain");
            text = text.split_inclusive('\n').filter(keeps).collect();
        }
        let text = text.replace("$subs_domain", &site.subscribe_host);
        let mut pieces = Vec::new();
        if !text.starts_with("#!MANAGED-CONFIG") {
            pieces.extend([
                Piece::Text("#!MANAGED-CONFIG ".into()),
                Piece::Link,
                Piece::Text(" interval=43200 strict=true\n".into()),
            ]);
        }
        let mut rest = text.as_str();
        while let Some((at, word, piece)) = next_placeholder(rest) {
            pieces.push(Piece::Text(rest.get(..at).unwrap_or_default().to_owned()));
            pieces.push(piece);
            rest = rest.get(at + word.len()..).unwrap_or_default();
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let reserved = BUILT_IN.iter().map(|name| (*name).to_owned()).chain(own_names(&text)).collect();
        Ok(Self { pieces, reserved })
    }

    /// Names no node may have.
    pub(crate) fn reserved(&self) -> &[String] {
        &self.reserved
    }
}

fn next_placeholder(text: &str) -> Option<(usize, &'static str, Piece)> {
    let found = PLACEHOLDERS.iter().filter_map(|(word, piece)| Some((text.find(word)?, *word, piece)));
    found.min_by_key(|(at, ..)| *at).map(|(at, word, piece)| (at, word, piece.clone()))
}

/// What the template itself calls proxies and groups.
fn own_names(text: &str) -> Vec<String> {
    let mut section = "";
    let mut names = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if matches!(section, "[Proxy]" | "[Proxy Group]")
            && !line.starts_with('#')
            && let Some((name, _)) = line.split_once('=')
        {
            names.push(name.trim().to_owned());
        }
    }
    names
}
