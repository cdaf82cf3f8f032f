//! Route rules of a node: which targets its users may reach (specs/proxy.md §9).

use std::{net::IpAddr, ops::RangeInclusive};

use ipnet::IpNet;
use regex::{Regex, RegexBuilder};

use crate::{Error, Result};

/// Rules of one node.
const WORDS: usize = 1_000;
/// Longest word.
const WORD: usize = 1_024;
/// Memory a compiled regular expression may take.
const REGEX_SIZE: usize = 256 << 10;
/// Kinds of words that only remote nodes understand.
const REMOTE_WORDS: [&str; 3] = ["protocol:", "geoip:", "geosite:"];

/// A rule an embedded node obeys. The first one that hits decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    words: Vec<Word>,
    action: Action,
}

/// What a rule does with a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Refuses it; that looks like a target that cannot be reached.
    Block,
    /// Lets it pass; the deny list still holds.
    Direct,
}

/// What the rules say of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A rule hits.
    Decided(Action),
    /// No rule hits.
    Open,
    /// It depends on the address behind the name.
    NeedsAddress,
}

#[derive(Debug, Clone)]
enum Word {
    Suffix(Box<str>),
    Full(Box<str>),
    Keyword(Box<str>),
    Pattern(Regex),
    Net(IpNet),
    Ports(RangeInclusive<u16>),
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Suffix(a), Self::Suffix(b))
            | (Self::Full(a), Self::Full(b))
            | (Self::Keyword(a), Self::Keyword(b)) => a == b,
            (Self::Pattern(a), Self::Pattern(b)) => a.as_str() == b.as_str(),
            (Self::Net(a), Self::Net(b)) => a == b,
            (Self::Ports(a), Self::Ports(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Word {}

impl Rule {
    /// Reads a rule as staff write it: match words and an action.
    ///
    /// `domain:` is a suffix, `full:` a whole name, `keyword:` a part, `regexp:` an expression over the host name; an
    /// address or CIDR; `port:` one or `from-to`; anything else is an expression. `block_ip` and `block_port` are
    /// `block` with addresses and ports only, the latter without their prefix.
    ///
    /// Errors: `Invalid` naming the word or action that an embedded node cannot obey.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>, action: &str) -> Result<Self> {
        let read = match action {
            "block" | "direct" => Word::parse,
            "block_ip" => Word::parse_net,
            "block_port" => Word::parse_ports,
            other => {
                let rule = format!("embedded nodes know block and direct; `{other}` is for remote nodes");
                return Err(Error::invalid("action", rule));
            }
        };
        let words: Vec<_> = words.into_iter().map(str::trim).filter(|word| !word.is_empty()).collect();
        if words.is_empty() || words.len() > WORDS {
            return Err(Error::invalid("match", format!("1 to {WORDS} words")));
        }
        let words = words.into_iter().map(read).collect::<Result<_>>()?;
        Ok(Self { words, action: if action == "direct" { Action::Direct } else { Action::Block } })
    }

    /// The words of a match that is written as one text.
    pub fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty())
    }
}

impl Word {
    fn parse(word: &str) -> Result<Self> {
        if word.len() > WORD {
            return Err(Error::invalid("match", format!("a word of at most {WORD} bytes")));
        }
        if REMOTE_WORDS.iter().any(|kind| word.starts_with(kind)) {
            return Err(Error::invalid("match", format!("embedded nodes do not know `{word}`")));
        }
        let name = |name: &str| Box::from(name.trim_end_matches('.').to_ascii_lowercase());
        Ok(match word.split_once(':') {
            Some(("domain", rest)) if !rest.is_empty() => Self::Suffix(name(rest.trim_start_matches('.'))),
            Some(("full", rest)) if !rest.is_empty() => Self::Full(name(rest)),
            Some(("keyword", rest)) if !rest.is_empty() => Self::Keyword(name(rest)),
            Some(("regexp", rest)) => Self::pattern(rest)?,
            Some(("port", rest)) => Self::parse_ports(rest)?,
            _ => match net(word) {
                Some(net) => Self::Net(net),
                None => Self::pattern(word)?,
            },
        })
    }

    fn parse_net(word: &str) -> Result<Self> {
        net(word).map(Self::Net).ok_or_else(|| Error::invalid("match", format!("`{word}` is no address or CIDR")))
    }

    fn parse_ports(text: &str) -> Result<Self> {
        let text = text.strip_prefix("port:").unwrap_or(text);
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        match (from.trim().parse::<u16>(), to.trim().parse::<u16>()) {
            (Ok(from), Ok(to)) if 0 < from && from <= to => Ok(Self::Ports(from..=to)),
            _ => Err(Error::invalid("match", format!("`{text}` is no port and no range of ports"))),
        }
    }

    fn pattern(text: &str) -> Result<Self> {
        let refuse = |error: regex::Error| Error::invalid("match", format!("`{text}`: {error}"));
        // An empty expression would hit everything, which nobody means.
        if text.is_empty() {
            return Err(Error::invalid("match", "an empty expression"));
        }
        let built =
            RegexBuilder::new(text).case_insensitive(true).size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE).build();
        built.map(Self::Pattern).map_err(refuse)
    }

    /// Whether it hits; `None`: that depends on the address, which is not known yet.
    fn hits(&self, name: Option<&str>, ip: Option<IpAddr>, port: u16) -> Option<bool> {
        let named = |hit: &dyn Fn(&str) -> bool| Some(name.is_some_and(hit));
        match self {
            Self::Suffix(suffix) => {
                named(&|name| name.strip_suffix(&**suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
            }
            Self::Full(full) => named(&|name| name == &**full),
            Self::Keyword(keyword) => named(&|name| name.contains(&**keyword)),
            Self::Pattern(pattern) => named(&|name| pattern.is_match(name)),
            Self::Net(net) => ip.map(|ip| net.contains(&ip)),
            Self::Ports(ports) => Some(ports.contains(&port)),
        }
    }
}

fn net(word: &str) -> Option<IpNet> {
    let net = word.parse::<IpNet>().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(net.trunc())
}

/// Asks the rules about a target: the name the user asked for, if it was one, and the address, once it is known.
///
/// Names are in lower case and without a final dot; addresses are canonical.
pub fn verdict(rules: &[Rule], name: Option<&str>, ip: Option<IpAddr>, port: u16) -> Verdict {
    for rule in rules {
        let mut is_open = true;
        for word in &rule.words {
            match word.hits(name, ip, port) {
                Some(true) => return Verdict::Decided(rule.action),
                Some(false) => {}
                None => is_open = false,
            }
        }
        if !is_open {
            return Verdict::NeedsAddress;
        }
    }
    Verdict::Open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(words: &str, action: &str) -> Rule {
        Rule::parse(Rule::words(words), action).unwrap()
    }

    fn named(rules: &[Rule], name: &str, port: u16) -> Verdict {
        verdict(rules, Some(name), Some([192, 0, 2, 1].into()), port)
    }

    const BLOCK: Verdict = Verdict::Decided(Action::Block);
    const DIRECT: Verdict = Verdict::Decided(Action::Direct);

    #[test]
    fn every_kind_of_word_hits_what_it_names_and_nothing_else() {
        for (word, hits, misses) in [
            ("domain:example.com", &["example.com", "a.b.example.com"][..], &["notexample.com", "example.com.net"][..]),
            ("domain:.Example.COM.", &["example.com", "a.example.com"], &["example.org"]),
            ("full:example.com", &["example.com"], &["a.example.com"]),
            ("keyword:torrent", &["a.torrents.net", "torrent"], &["tor.net"]),
            (r"regexp:^ads?\d+\.", &["ad1.example.com", "ADS22.example.com"], &["bad1.example.com"]),
            (r"(api|ps|sv)\.example\.", &["api.example.com"], &["ap.example.com"]),
            ("port:80", &[], &["example.com"]),
        ] {
            let rules = [rule(word, "block")];
            for name in hits {
                assert_eq!(named(&rules, name, 443), BLOCK, "{word} {name}");
            }
            for name in misses {
                assert_eq!(named(&rules, name, 443), Verdict::Open, "{word} {name}");
            }
        }
    }

    #[test]
    fn addresses_and_ports_hit_with_and_without_a_name() {
        let rules = [rule("192.0.2.0/24, 2001:db8::1, port:6881-6889", "block")];
        let at = |ip: &str, port| verdict(&rules, None, Some(ip.parse().unwrap()), port);
        assert_eq!(at("192.0.2.200", 1), BLOCK);
        assert_eq!(at("2001:db8::1", 1), BLOCK);
        assert_eq!(at("2001:db8::2", 6_885), BLOCK);
        assert_eq!(at("2001:db8::2", 6_890), Verdict::Open);
        assert_eq!(named(&rules, "example.com", 1), BLOCK, "by the address behind the name");
        assert_eq!([rule("block_ip".len().to_string().as_str(), "block_port")], [rule("port:8", "block")]);
        assert_eq!(rule("10.1.2.3/8", "block_ip"), rule("10.0.0.0/8", "block"));
    }

    #[test]
    fn the_first_rule_that_hits_decides() {
        let rules = [
            rule("full:good.example.com", "direct"),
            rule("domain:example.com", "block"),
            rule("port:1-65535", "block"),
        ];
        assert_eq!(named(&rules, "good.example.com", 80), DIRECT);
        assert_eq!(named(&rules, "bad.example.com", 80), BLOCK);
        assert_eq!(named(&rules, "elsewhere.net", 80), BLOCK);
        assert_eq!(named(&[], "elsewhere.net", 80), Verdict::Open);
    }

    #[test]
    fn a_name_is_looked_up_only_if_an_address_may_matter_first() {
        let by_name = rule("domain:example.com", "block");
        let by_address = rule("10.0.0.0/8", "block");
        let ask = |rules: &[Rule], name| verdict(rules, Some(name), None, 80);
        assert_eq!(ask(&[by_name.clone(), by_address.clone()], "example.com"), BLOCK);
        assert_eq!(ask(&[by_address.clone(), by_name.clone()], "example.com"), Verdict::NeedsAddress);
        assert_eq!(ask(&[by_name.clone(), by_address], "example.net"), Verdict::NeedsAddress);
        assert_eq!(ask(&[by_name], "example.net"), Verdict::Open);
        assert_eq!(ask(&[rule("10.0.0.0/8, port:80", "block")], "example.net"), BLOCK);
    }

    #[test]
    fn what_an_embedded_node_cannot_obey_is_refused() {
        for (words, action) in [
            ("geosite:cn", "block"),
            ("geoip:private", "block"),
            ("protocol:bittorrent", "block"),
            ("domain:a", "dns"),
            ("domain:a", "proxy"),
            ("domain:a", "default_out"),
            ("", "block"),
            ("port:0", "block"),
            ("port:9-8", "block"),
            ("port:", "block"),
            ("regexp:", "block"),
            ("regexp:(", "block"),
            (r"regexp:\w{1000}{1000}", "block"),
            ("example.com", "block_ip"),
            ("x", "block_port"),
        ] {
            assert!(Rule::parse(Rule::words(words), action).is_err(), "{words} {action}");
        }
        assert!(Rule::parse([&*"a".repeat(2_000)], "block").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_words_are_a_rule_or_an_error(words in proptest::collection::vec(".{0,40}", 0..5), name in "[a-z.]{1,30}", port: u16) {
            if let Ok(rule) = Rule::parse(words.iter().map(String::as_str), "block") {
                let _ = verdict(&[rule], Some(&name), None, port);
            }
        }
    }
}
