//! The original's `config.ini`, read as the original reads it (specs/oa.md §8.2).

use std::{collections::BTreeMap, path::Path};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use toml::Value;

use super::{
    ConfigError,
    layer::{Layers, Place},
};

/// A parsed `config.ini`: `(section, key)` → value and line. Keys are case-sensitive; of repeated keys the last counts.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Ini(BTreeMap<(String, String), (String, usize)>);

/// Values may be passwords.
impl std::fmt::Debug for Ini {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a text is no `config.ini`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(crate) struct IniError {
    line: usize,
    why: &'static str,
}

impl Ini {
    /// Reads the text of the file.
    pub(crate) fn parse(text: &str) -> Result<Self, IniError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut values = BTreeMap::new();
        let mut section = String::new();
        let mut lines = text.lines().enumerate().map(|(index, text)| (index + 1, text));
        while let Some((line, text)) = lines.next() {
            let wrong = |why| IniError { line, why };
            let text = text.trim();
            if text.is_empty() || text.starts_with(['#', ';']) {
                continue;
            }
            if let Some(rest) = text.strip_prefix('[') {
                let (name, _) = rest.split_once(']').ok_or_else(|| wrong("a section's `]` is missing"))?;
                name.trim().clone_into(&mut section);
                continue;
            }
            let (key, value) = text.split_once(['=', ':']).ok_or_else(|| wrong("neither `=` nor `:` found"))?;
            let key = key.trim();
            if key.is_empty() {
                return Err(wrong("the name before `=` is empty"));
            }
            let value = read_value(value.trim(), &mut lines).ok_or_else(|| wrong("a closing quote is missing"))?;
            values.insert((section.clone(), key.to_owned()), (value, line));
        }
        Ok(Self(values))
    }

    /// Whether the file is meant for this product: the short verbs look for that in `./config.ini`.
    pub(crate) fn has_section(&self, section: &str) -> bool {
        self.0.keys().any(|(name, _)| name == section)
    }

    /// Puts its settings below those of TOML, environment and flags.
    pub(crate) fn fill(&self, path: &Path, layers: &mut Layers) -> Result<(), ConfigError> {
        let mut put = |key: &str, (value, line): (Value, usize)| {
            layers.set(key, value, Place::Line(path.to_path_buf(), line));
        };
        let (admin, admin_line) = self.required(path, "panelWeb", "username")?;
        let (port, port_line) = self.required(path, "vpnHelper", "webPort")?;
        let (domain, domain_line) = self.required(path, "vpnHelper", "userEmailDomain")?;
        let port: u16 = port.parse().map_err(|_| not_a_port(path, port_line, "webPort", &port))?;
        let everywhere = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
        put("oa.backend", ("django-sspanel".into(), admin_line));
        put("oa.admin_names", (vec![admin].into(), admin_line));
        put("oa.user_email_domain", (domain.into(), domain_line));
        put("oa.listen", (everywhere.to_vec().into(), port_line));
        Ok(())
    }

    /// Where the original kept its data, as a `postgres://` URL.
    pub(crate) fn database_url(&self, path: &Path) -> Result<String, ConfigError> {
        let value = |key| self.required(path, "vpnHelper", key);
        let (port, line) = value("dbPort")?;
        let port: u16 = port.parse().map_err(|_| not_a_port(path, line, "dbPort", &port))?;
        let text = |key| value(key).map(|(text, _)| utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string());
        let (username, password, host) = (text("dbUsername")?, text("dbPassword")?, value("dbAddress")?.0);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        // The original folds the name, as PostgreSQL does with names that are not quoted.
        let name = text("dbName")?.to_lowercase();
        Ok(format!("postgres://{username}:{password}@{host}:{port}/{name}"))
    }

    fn required(&self, path: &Path, section: &str, key: &str) -> Result<(String, usize), ConfigError> {
        let found = self.0.get(&(section.to_owned(), key.to_owned())).filter(|(value, _)| !value.is_empty());
        found
            .cloned()
            .ok_or_else(|| ConfigError::one(format!("{}: key {key} is missing in section [{section}]", path.display())))
    }
}

fn not_a_port(path: &Path, line: usize, key: &str, value: &str) -> ConfigError {
    ConfigError::one(format!("{}:{line}: [vpnHelper] {key} = {value:?}: wanted is a port, 0 to 65535", path.display()))
}

/// A value with quotes and comment taken off. A text in backquotes or `"""` is verbatim and may span lines;
/// `None`: its end is missing.
fn read_value<'a>(value: &str, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Option<String> {
    for quote in ["\"\"\"", "`"] {
        let Some(rest) = value.strip_prefix(quote) else { continue };
        let mut text = rest.to_owned();
        while !text.contains(quote) {
            text.push('\n');
            text.push_str(lines.next()?.1);
        }
        return text.split_once(quote).map(|(inner, _)| inner.to_owned());
    }
    let value = value.split_once([';', '#']).map_or(value, |(value, _)| value).trim();
    let inner = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    Some(inner('"').or_else(|| inner('\'')).unwrap_or(value).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\u{feff}# the panel\r\n[panelWeb]\r\naddress = 127.0.0.1 ;panel address\r\nport = 80 ;port\r\n\
        username = admin ; login\r\npassword = `a;b#c` ; verbatim\r\n\r\n[vpnHelper]\r\nwebPort : 20220 ;port\r\n\
        userEmailDomain = \"example.com\" ;domain\r\ndbAddress=127.0.0.1\r\ndbPort=5432\r\ndbUsername=postgres\r\n\
        dbPassword = \"\"\" x'y \"\"\"\r\ndbName = VpnHelper\r\n";

    fn value(text: &str) -> String {
        let ini = Ini::parse(&format!("[s]\nk = {text}")).unwrap();
        ini.0[&("s".to_owned(), "k".to_owned())].0.clone()
    }

    #[test]
    fn every_rule_of_a_value_holds() {
        assert_eq!(value("a b ;c"), "a b");
        assert_eq!(value("a#b"), "a", "a comment needs no blank before it");
        assert_eq!(value("'a b'"), "a b");
        assert_eq!(value("\"a=b:c\""), "a=b:c");
        assert_eq!(value("\"a\" # c"), "a");
        assert_eq!(value("'a\""), "'a\"", "quotes that differ are no quotes");
        assert_eq!(value("\"a#b\""), "\"a", "ordinary quotes do not protect a comment sign");
        assert_eq!(value("`a;#b ` ; c"), "a;#b ");
        assert_eq!(value("\"\"\"a;\"#b\"\"\""), "a;\"#b");
        assert_eq!(value("`a\nb`"), "a\nb");
        assert_eq!(value(""), "");
        assert_eq!(value("\""), "\"");
    }

    #[test]
    fn the_sample_file_is_read_with_its_mark_and_line_ends() {
        let ini = Ini::parse(SAMPLE).unwrap();
        assert!(ini.has_section("vpnHelper") && !ini.has_section("vpnhelper"));
        let path = Path::new("config.ini");
        assert_eq!(ini.required(path, "panelWeb", "password").unwrap().0, "a;b#c");
        assert_eq!(ini.required(path, "vpnHelper", "webPort").unwrap(), ("20220".to_owned(), 9));
        let url = ini.database_url(path).unwrap();
        assert_eq!(url, "postgres://postgres:%20x%27y%20@127.0.0.1:5432/vpnhelper");
        assert!(!format!("{ini:?}").contains("a;b#c"));
    }

    #[test]
    fn names_are_case_sensitive_and_the_last_of_equal_keys_counts() {
        let ini = Ini::parse("[vpnHelper]\nwebport=1\nwebPort=2\n[other]\nx=1\n[vpnHelper]\nwebPort=3").unwrap();
        assert_eq!(ini.required(Path::new("f"), "vpnHelper", "webPort").unwrap().0, "3");
    }

    #[test]
    fn a_broken_file_names_its_line() {
        for (text, line) in [("[a\n", 1), ("[a]\nnothing", 2), ("[a]\n = x", 2), ("[a]\n\nk = `open\n", 3)] {
            assert_eq!(Ini::parse(text).unwrap_err().line, line, "{text:?}");
        }
    }

    #[test]
    fn a_missing_key_is_named_with_its_section() {
        let ini = Ini::parse("[panelWeb]\nusername=admin\n[vpnHelper]\nwebPort=\n").unwrap();
        let error = ini.fill(Path::new("config.ini"), &mut Layers::default()).unwrap_err();
        assert_eq!(error.to_string(), "config.ini: key webPort is missing in section [vpnHelper]");
    }
}
