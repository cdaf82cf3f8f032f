//! The query parameters `types` and `filter`.

use gatehouse_model::NodeKind;

use crate::settings::Settings;

/// What of the nodes is wanted; by default all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Protocols; none is every one.
    types: Option<Vec<Kind>>,
    /// Words in lower case, of which a name or tag must contain one; none is every node.
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Is(NodeKind),
    /// `hysteria2` is a version, not a type of its own.
    Hysteria2,
    /// Something we do not have: asked for alone, it keeps nothing.
    Unknown,
}

/// Beyond this, `filter` is cut.
const MAX_FILTER: usize = 20;
const SEPARATORS: [char; 4] = ['|', ',', '｜', '，'];

impl Query {
    /// Reads the parameters; words are literal, never patterns.
    pub fn parse(types: Option<&str>, filter: Option<&str>) -> Self {
        let words = |text: &str| {
            let words = text.split(SEPARATORS).map(|word| word.trim().to_lowercase());
            words.filter(|word| !word.is_empty()).collect::<Vec<_>>()
        };
        let types = types.map(words).unwrap_or_default();
        let is_all = types.is_empty() || types.iter().any(|word| word == "all");
        let filter: String = filter.unwrap_or_default().chars().take(MAX_FILTER).collect();
        Self {
            types: (!is_all).then(|| types.iter().take(NodeKind::ALL.len() * 2).map(|word| Kind::of(word)).collect()),
            words: words(&filter),
        }
    }

    /// Whether a node is wanted.
    pub fn keeps(&self, name: &str, tags: &[String], settings: &Settings) -> bool {
        let is_type = self.types.as_ref().is_none_or(|types| types.iter().any(|kind| kind.is(settings)));
        let has_word = || {
            let texts: Vec<String> =
                std::iter::once(name).chain(tags.iter().map(String::as_str)).map(str::to_lowercase).collect();
            self.words.iter().any(|word| texts.iter().any(|text| text.contains(word.as_str())))
        };
        is_type && (self.words.is_empty() || has_word())
    }
}

impl Kind {
    fn of(word: &str) -> Self {
        match word {
            "hysteria2" | "hy2" => Self::Hysteria2,
            "ss" => Self::Is(NodeKind::Shadowsocks),
            "v2ray" => Self::Is(NodeKind::Vmess),
            "socks5" => Self::Is(NodeKind::Socks),
            word => NodeKind::parse(word).map_or(Self::Unknown, Self::Is),
        }
    }

    fn is(self, settings: &Settings) -> bool {
        match self {
            Self::Is(kind) => kind == settings.kind(),
            Self::Hysteria2 => matches!(settings, Settings::Hysteria(hysteria) if hysteria.version == 2),
            Self::Unknown => false,
        }
    }
}
