//! Which document an app wants, and which nodes it understands (specs/panel-nodes.md N1, N2, N3.3).

mod gate;
mod import;
mod query;
mod version;

#[cfg(test)]
mod tests;

pub use import::import_links;
pub use query::Query;
pub use version::Version;
use version::version_after;

/// The eleven documents, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Surge.
    Surge,
    /// Surfboard.
    Surfboard,
    /// Stash.
    Stash,
    /// sing-box and what is built on it.
    SingBox,
    /// SIP008, the reference Shadowsocks client's.
    Sip008,
    /// Shadowrocket.
    Shadowrocket,
    /// Quantumult X.
    QuantumultX,
    /// Loon.
    Loon,
    /// Base64 of links: V2Ray's apps, and everybody unknown.
    General,
    /// Clash Meta (mihomo).
    ClashMeta,
    /// Clash.
    Clash,
}

/// Match words in the order in which they are tried.
const WORDS: [(Format, &[&str]); 11] = [
    (Format::Surge, &["surge"]),
    (Format::Surfboard, &["surfboard"]),
    (Format::Stash, &["stash"]),
    (Format::SingBox, &["sing-box", "hiddify", "sfm", "sfa", "sfi", "sft", "karing"]),
    (Format::Sip008, &["shadowsocks"]),
    (Format::Shadowrocket, &["shadowrocket"]),
    (Format::QuantumultX, &["quantumult%20x", "quantumult-x"]),
    (Format::Loon, &["loon"]),
    (Format::General, &["general", "v2rayn", "v2rayng", "passwall", "ssrplus", "sagernet"]),
    (
        Format::ClashMeta,
        &[
            "meta",
            "verge",
            "flclash",
            "nekobox",
            "clashmetaforandroid",
            "mihomo",
            "nekoray",
            "clash-nyanpasu",
            "clash.meta",
        ],
    ),
    (Format::Clash, &["clash"]),
];

impl Format {
    /// Every format, in the order in which they are tried.
    pub const ALL: [Self; 11] = [
        Self::Surge,
        Self::Surfboard,
        Self::Stash,
        Self::SingBox,
        Self::Sip008,
        Self::Shadowrocket,
        Self::QuantumultX,
        Self::Loon,
        Self::General,
        Self::ClashMeta,
        Self::Clash,
    ];

    /// The suffix of its setting `subscribe_template_*`, where it has a template.
    pub const fn template_key(self) -> Option<&'static str> {
        match self {
            Self::Surge => Some("surge"),
            Self::Surfboard => Some("surfboard"),
            Self::Stash => Some("stash"),
            Self::SingBox => Some("singbox"),
            Self::ClashMeta => Some("clashmeta"),
            Self::Clash => Some("clash"),
            Self::Sip008 | Self::Shadowrocket | Self::QuantumultX | Self::Loon | Self::General => None,
        }
    }

    /// The format whose template a setting is.
    pub fn of_template_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.template_key() == Some(key))
    }

    fn of(agent: &str) -> Self {
        let is_named = |word: &&str| if word.len() <= 3 { has_word(agent, word) } else { agent.contains(*word) };
        WORDS.iter().find(|(_, words)| words.iter().any(is_named)).map_or(Self::General, |(format, _)| *format)
    }
}

/// Whether a short word stands alone: no letter before, `/`, a blank or the end after.
fn has_word(agent: &str, word: &str) -> bool {
    agent.match_indices(word).any(|(at, _)| {
        let before = agent.get(..at).and_then(|text| text.chars().next_back());
        let after = agent.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(char::is_alphabetic) && matches!(after, None | Some('/' | ' '))
    })
}

/// Who asks: the document wanted, and what the app is too old for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The document.
    pub format: Format,
    /// The version that gates nodes: of the core for sing-box and mihomo, else of the app. Unknown gates nothing.
    version: Option<Version>,
    /// Whether the app is known to be older than its Hysteria 2 support.
    lacks_hysteria2: bool,
}

/// Apps whose own version says whether they know Hysteria 2. `FlClash` also calls itself clash-verge, so it comes first.
const HYSTERIA2_SINCE: [(&str, Version); 8] = [
    ("v2rayng", Version(1, 9, 5)),
    ("v2rayn", Version(6, 31, 0)),
    ("nekobox", Version(1, 2, 7)),
    ("nekoray", Version(3, 24, 0)),
    ("flclash", Version(0, 8, 0)),
    ("clashmetaforandroid", Version(2, 9, 0)),
    ("clashx meta", Version(1, 3, 5)),
    ("clash-verge", Version(1, 3, 8)),
];

/// Longest User-Agent looked at.
const MAX_AGENT: usize = 512;

impl Client {
    /// Recognises an app by its User-Agent, or by `flag`, which overrides it.
    pub fn detect(user_agent: &str, flag: Option<&str>) -> Self {
        let text = flag.map(str::trim).filter(|flag| !flag.is_empty()).unwrap_or(user_agent);
        let agent: String = text.chars().take(MAX_AGENT).flat_map(char::to_lowercase).collect();
        let format = Format::of(&agent);
        let version = match format {
            Format::SingBox => version_after(&agent, "sing-box"),
            Format::ClashMeta => version_after(&agent, "mihomo").or_else(|| version_after(&agent, "clash.meta")),
            Format::Stash => version_after(&agent, "stash"),
            Format::Loon => version_after(&agent, "loon"),
            _ => None,
        };
        let app = HYSTERIA2_SINCE.iter().find_map(|(name, since)| Some((version_after(&agent, name)?, since)));
        Self { format, version, lacks_hysteria2: app.is_some_and(|(version, since)| version < *since) }
    }

    /// A client of a format of which nothing else is known.
    pub const fn of(format: Format) -> Self {
        Self { format, version: None, lacks_hysteria2: false }
    }

    /// Whether the version is known and older.
    pub(crate) fn is_older_than(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.version.is_some_and(|version| version < Version(major, minor, patch))
    }
}
