//! The example file equals the defaults and names every key; problems name their place.

use std::{cell::RefCell, collections::BTreeSet, path::Path, rc::Rc};

use gatehouse_domain::settings::{
    AuditSettings, BastionSettings, BillingApi, BillingCredit, BillingMessage, BillingPay, BillingRadius, BillingRenew,
    BillingSession, BillingSettings, FondySettings, HostKeySettings, LiqpaySettings, LoginSettings, OaSettings,
    PanelConfig, ProxySettings, PushSettings, RadiusSettings, RecordingSettings, SshSettings, TerminalSettings,
    VisitSettings, VpnSettings,
};
use serde::{
    Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::Error as Refused},
    forward_to_deserialize_any,
};

use super::*;

fn load(text: &str) -> Result<Config, String> {
    load_with(text, &[], &[])
}

fn load_with(text: &str, env: &[(&str, &str)], flags: &[(&'static str, &str, &'static str)]) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("g.toml");
    std::fs::write(&file, text).unwrap();
    let sources = Sources {
        file: Some(file),
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags: flags.iter().map(|(key, value, flag)| (*key, (*value).to_owned(), *flag)).collect(),
        ..Sources::default()
    };
    Config::load(sources).map_err(|error| error.to_string().replace(&format!("{}/", directory.path().display()), ""))
}

/// The example's lines with their keys active; `examples`: also those that are unset by default.
fn example(examples: bool) -> String {
    let mut unset = false;
    let mut text = String::new();
    for line in EXAMPLE.lines() {
        let key = line.strip_prefix('#').filter(|key| key.starts_with(|c: char| c.is_ascii_lowercase() || c == '['));
        match key {
            Some(key) if examples || !unset => text.push_str(key),
            None if line.starts_with('#') => unset |= line.contains("Unset: "),
            None => {
                text.push_str(line);
                unset &= !line.is_empty();
            }
            Some(_) => {}
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_example_file_shows_the_defaults() {
    let shown = |mut config: Config| {
        config.files.clear();
        config.settings.pinned.clear();
        format!("{config:#?}")
    };
    assert_eq!(shown(load(&example(false)).unwrap()), shown(load("").unwrap()));
    load(&example(true)).expect("values given as examples are valid");
    load(EXAMPLE).expect("the file as it is");
}

#[test]
fn the_example_file_names_every_key() {
    let table: toml::Table = example(true).parse().unwrap();
    let known = [
        ("", keys::<section::Top>()),
        ("http", keys::<HttpConfig>()),
        ("http.tls", keys::<TlsConfig>()),
        ("metrics", keys::<MetricsConfig>()),
        ("database", keys::<DatabaseConfig>()),
        ("log", keys::<LogConfig>()),
        ("login", keys::<LoginSettings>()),
        ("visits", keys::<VisitSettings>()),
        ("audit", keys::<AuditSettings>()),
        ("oa", keys::<OaSettings>()),
        ("oa", keys::<SurfaceConfig>()),
        ("proxy", keys::<ProxySettings>()),
        ("bastion", keys::<BastionSettings>()),
        ("bastion", keys::<SurfaceConfig>()),
        ("terminal", keys::<TerminalSettings>()),
        ("hostkey", keys::<HostKeySettings>()),
        ("recordings", keys::<RecordingSettings>()),
        ("ssh", keys::<SshSettings>()),
        ("ssh", keys::<SshListen>()),
        ("vpn", keys::<VpnSettings>()),
        ("vpn", keys::<SurfaceConfig>()),
        ("billing", keys::<BillingSettings>()),
        ("billing", keys::<SurfaceConfig>()),
        ("billing.api", keys::<BillingApi>()),
        ("billing.session", keys::<BillingSession>()),
        ("billing.message", keys::<BillingMessage>()),
        ("billing.credit", keys::<BillingCredit>()),
        ("billing.renew", keys::<BillingRenew>()),
        ("billing.pay", keys::<BillingPay>()),
        ("billing.fondy", keys::<FondySettings>()),
        ("billing.liqpay", keys::<LiqpaySettings>()),
        ("billing.push", keys::<PushSettings>()),
        ("billing.radius", keys::<BillingRadius>()),
        ("panel", keys::<PanelConfig>()),
        ("panel", keys::<SurfaceConfig>()),
        ("radius", keys::<RadiusSettings>()),
        ("radius", keys::<RadiusListen>()),
    ];
    let mut missing = BTreeSet::new();
    for (section, keys) in known {
        for key in keys {
            let path = if section.is_empty() { key } else { format!("{section}.{key}") };
            let (first, rest) = path.split_once('.').map_or((path.as_str(), None), |(first, rest)| (first, Some(rest)));
            let mut found = table.get(first);
            for part in rest.into_iter().flat_map(|rest| rest.split('.')) {
                found = found.and_then(|value| value.get(part));
            }
            if found.is_none() {
                missing.insert(path);
            }
        }
    }
    assert!(missing.is_empty(), "not in the example: {missing:?}");
}

/// The dotted names of every field of a type, nested structures included.
fn keys<T: DeserializeOwned>() -> Vec<String> {
    fn walk<T: DeserializeOwned>(path: &mut Vec<&'static str>, found: &mut Vec<String>) {
        let fields = Rc::new(RefCell::new(None));
        let _refused = T::deserialize(Probe { path: path.clone(), fields: fields.clone() });
        let fields: Option<&'static [&'static str]> = *fields.borrow();
        match fields {
            None => found.push(path.join(".")),
            Some(fields) => {
                for field in fields {
                    path.push(field);
                    walk::<T>(path, found);
                    path.pop();
                }
            }
        }
    }
    let mut found = Vec::new();
    walk::<T>(&mut Vec::new(), &mut found);
    found
}

/// Follows one path of fields and notes the fields of the structure it ends at.
struct Probe {
    path: Vec<&'static str>,
    fields: Rc<RefCell<Option<&'static [&'static str]>>>,
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(serde::de::Error::custom("a leaf"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_some(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        if self.path.is_empty() {
            *self.fields.borrow_mut() = Some(fields);
            return Err(serde::de::Error::custom("seen"));
        }
        visitor.visit_map(ProbeMap(Some(self)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for ProbeMap {
    type Error = Refused;

    fn next_key_seed<K: serde::de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some(probe) = &mut self.0 else { return Ok(None) };
        seed.deserialize(serde::de::value::StrDeserializer::new(probe.path.remove(0))).map(Some)
    }

    fn next_value_seed<S: serde::de::DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        seed.deserialize(self.0.take().unwrap())
    }
}

struct ProbeMap(Option<Probe>);

#[test]
fn a_problem_names_key_value_and_line() {
    let cases = [
        ("[oa]\n\nretry_min = \"5 parsecs\"", "g.toml:3: oa.retry_min = \"5 parsecs\": `5 parsecs` is not a duration"),
        (
            "[oa.local]\nquoat = 1",
            "g.toml:2: oa.local.quoat = 1: unknown field `quoat`, expected one of `group`, `quota`",
        ),
        (
            "[http]\nlisten = [\n  \"127.0.0.1:1\",\n  \"here\"]",
            "g.toml:4: http.listen[1] = \"here\": `here` is not an",
        ),
        ("[hppt]\nx = 1", "g.toml:1: hppt: there is no such section"),
        ("colour = 1", "g.toml:1: colour = 1: unknown field `colour`"),
        ("[proxy]\nflush_interval = \"2m\"", "g.toml:2: proxy.flush_interval = \"2m\": from 1s to 60s"),
        ("[proxy]\nclassic_user_cap = 5001", "g.toml:2: proxy.classic_user_cap = 5001: at most 5000"),
        ("[proxy]\negress_deny = [\"10.0.0.0/99\"]", "g.toml:2: proxy.egress_deny[0] = \"10.0.0.0/99\": "),
        (
            "[proxy]\negress_allow = [\"10.0.0.0/8\", \"127.0.0.1/32\"]",
            "g.toml:2: proxy.egress_allow[1] = \"127.0.0.1/32\": covers loopback",
        ),
        ("[oa]\nextra_node_types = [\"hysteria2\", \"foo\"]", "g.toml:2: oa.extra_node_types[1] = \"foo\": known are"),
        ("[oa.rate_limit]\napply_to = [\"all\"]", "g.toml:2: oa.rate_limit.apply_to = [\"all\"]: a list out of"),
        ("[database]\nurl = \"mysql://u:secret@h/d\"", "g.toml:2: database.url = ***: starts with"),
        ("x = \n", "g.toml:1: "),
        ("[oa]\ntime_zone = \"Mars/Olympus\"", "g.toml:2: oa.time_zone = \"Mars/Olympus\": a zone of"),
        ("[http.tls]\ncert_file = \"c\"", "g.toml:1: http.tls: missing field `key_file`"),
    ];
    for (text, wanted) in cases {
        let error = load(text).unwrap_err();
        assert!(error.starts_with(wanted), "{error:?} does not begin with {wanted:?}");
    }
    let both = load("[oa]\nbackend = \"none\"\n[log]\nformat = \"xml\"").unwrap_err();
    assert_eq!(both.lines().count(), 2, "all problems together: {both}");
}

#[test]
fn the_environment_beats_the_file_and_flags_beat_both() {
    let env = [
        ("GATEHOUSE__HTTP__LISTEN", "127.0.0.1:2"),
        ("GATEHOUSE__OA__ADMIN_NAMES", "[\"a\", \"b\"]"),
        ("GATEHOUSE__OA__USER_EMAIL_DOMAIN", "123"),
        ("GATEHOUSE__OA__LOCAL__QUOTA", "1GB"),
        ("GATEHOUSE__LOGIN__HASH_PARALLEL", "3"),
        ("GATEHOUSE_CONFIG", "ignored"),
    ];
    let text = "[http]\nlisten = \"127.0.0.1:1\"\nmax_connections = 7";
    let config = load_with(text, &env, &[]).unwrap();
    assert_eq!(config.http.listen.0[0].port(), 2);
    assert_eq!(config.http.max_connections, 7);
    assert_eq!(config.settings.oa.admin_names, ["a", "b"]);
    assert_eq!(config.settings.oa.user_email_domain, "123", "a text that looks like a number");
    assert_eq!(config.settings.oa.local.quota.unwrap().0, 1_000_000_000);
    assert_eq!(config.settings.login.hash_parallel, 3);
    let config = load_with(text, &env, &[("http.listen", "127.0.0.1:3", "--listen")]).unwrap();
    assert_eq!(config.http.listen.0[0].port(), 3);

    let error = load_with("", &[("GATEHOUSE__OA__TYPO", "1")], &[]).unwrap_err();
    assert!(error.starts_with("environment GATEHOUSE__OA__TYPO: oa.typo = "), "{error}");
    let error = load_with("", &[], &[("http.listen", "x", "--listen")]).unwrap_err();
    assert!(error.starts_with("flag --listen: http.listen = \"x\": "), "{error}");
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("url");
    std::fs::write(&secret, "sqlite://elsewhere.db\n").unwrap();
    let text = format!("[database]\nurl_file = {:?}", secret.display().to_string());
    assert_eq!(load(&text).unwrap().database_url(), "sqlite://elsewhere.db");
    let error = load(&format!("{text}\nurl = \"sqlite://x\"")).unwrap_err();
    assert!(error.starts_with("g.toml:2: database.url_file") && error.contains("only one of them"), "{error}");
    let error = load("[database]\nurl_file = \"/nonexistent/url\"").unwrap_err();
    assert!(error.contains("cannot read /nonexistent/url"), "{error}");
}

#[test]
fn the_config_ini_fills_what_is_unset_and_selects_the_panel() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.ini");
    std::fs::write(
        &path,
        "[panelWeb]\nusername = root ;login\n[vpnHelper]\nwebPort = 20220 ;port\nuserEmailDomain = example.com\n",
    )
    .unwrap();
    let load = |flags: Vec<(&'static str, String, &'static str)>| {
        Config::load(Sources { ini: Some(path.clone()), flags, ..Sources::default() }).unwrap()
    };
    let config = load(Vec::new());
    assert_eq!(config.settings.oa.backend, OaBackend::DjangoSspanel);
    let refusal = config.serving_refusal().unwrap();
    assert!(refusal.contains("config.ini") && refusal.contains("--oa-backend local"), "{refusal}");

    let config = load(vec![("oa.backend", "local".to_owned(), "--oa-backend")]);
    assert_eq!(config.serving_refusal(), None);
    assert_eq!(config.settings.oa.admin_names, ["root"]);
    assert_eq!(config.settings.oa.user_email_domain, "example.com");
    let listen: Vec<_> = config.oa.listen.0.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["0.0.0.0:20220", "[::]:20220"]);

    let missing = Sources { ini: Some("/nonexistent/config.ini".into()), ..Sources::default() };
    let error = Config::load(missing).unwrap_err().to_string();
    assert!(error.starts_with("读取配置文件 /nonexistent/config.ini 失败，失败原因为: "), "{error}");
}

#[test]
fn the_database_lies_in_the_data_directory() {
    let config = load("data_dir = \"/x\"").unwrap();
    assert_eq!(config.database_url(), "sqlite:///x/gatehouse.db");
    assert_eq!(config.key_ring_file, Path::new("/x/key-ring"));
}
