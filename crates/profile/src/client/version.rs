//! Versions in User-Agents: `clash-verge/v1.3.8`, `sing-box 1.12.0`, `NekoBox/Android/1.3.1`, `Loon/762`.

/// Major, minor, patch; what is not said is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

/// The version that follows a name; both in lower case. The name stands alone: `v2rayn` is not in `v2rayng/1.9`.
pub(super) fn version_after(agent: &str, name: &str) -> Option<Version> {
    agent.match_indices(name).find_map(|(at, _)| {
        let before = agent.get(..at)?.chars().next_back();
        if before.is_some_and(char::is_alphanumeric) {
            return None;
        }
        let rest = agent.get(at + name.len()..)?.strip_prefix(['/', ' '])?;
        let rest = rest.strip_prefix("android/").unwrap_or(rest);
        parse(rest.strip_prefix('v').unwrap_or(rest))
    })
}

/// The digits at the beginning: `1.12.0-beta.1` is 1.12.0.
fn parse(text: &str) -> Option<Version> {
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let mut parts = text.get(..end)?.split('.').map_while(|part| part.parse().ok());
    let major = parts.next()?;
    Some(Version(major, parts.next().unwrap_or(0), parts.next().unwrap_or(0)))
}
