//! The configuration: defaults, then the original's `config.ini`, the TOML file, the environment, flags; later ones win.
//!
//! `deploy/gatehouse.example.toml` documents every key; a test keeps it equal to the defaults written here.

mod check;
mod ini;
mod layer;
mod problem;
mod section;
#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use gatehouse_domain::Settings;
use gatehouse_domain::settings::OaBackend;

use check::oa_backend_refusal;
pub(crate) use ini::Ini;
use layer::Layers;
pub(crate) use layer::line_of;
pub(crate) use problem::ConfigError;
use problem::Problem;
pub(crate) use section::{
    DatabaseConfig, HttpConfig, Listen, LogConfig, LogFormat, MetricsConfig, RadiusListen, SshListen, SurfaceConfig,
    Synchronous, TlsConfig,
};

/// The commented configuration file that documents every key.
pub(crate) const EXAMPLE: &str = include_str!("../../../../deploy/gatehouse.example.toml");

/// Read when no `--config` is given and the file exists.
pub(crate) const SYSTEM_FILE: &str = "/etc/gatehouse/gatehouse.toml";

/// The data directory of an installed system; where it does not exist, `./gatehouse-data` is used.
const SYSTEM_DATA_DIR: &str = "/var/lib/gatehouse";

/// Everything a process is told from outside.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// `[http]`
    pub(crate) http: HttpConfig,
    /// `[metrics]`
    pub(crate) metrics: MetricsConfig,
    /// `[database]`
    pub(crate) database: DatabaseConfig,
    /// `[log]`
    pub(crate) log: LogConfig,
    /// Where database, keys and logs live.
    pub(crate) data_dir: PathBuf,
    /// The file of the sealing keys, made on first start.
    pub(crate) key_ring_file: PathBuf,
    /// What surfaces use that name no zone of their own.
    pub(crate) time_zone: Option<String>,
    /// The keys of `[oa]` that every surface has.
    pub(crate) oa: SurfaceConfig,
    /// The keys of `[bastion]` that every surface has; its prefix stands before every path, slashes at both ends.
    pub(crate) bastion: SurfaceConfig,
    /// The keys of `[vpn]` that every surface has.
    pub(crate) vpn: SurfaceConfig,
    /// The keys of `[billing]` that every surface has.
    pub(crate) billing: SurfaceConfig,
    /// The keys of `[panel]` that every surface has.
    pub(crate) panel: SurfaceConfig,
    /// Where the ssh door listens.
    pub(crate) ssh: SshListen,
    /// Where the radius door listens.
    pub(crate) radius: RadiusListen,
    /// What the domain reads.
    pub(crate) settings: Settings,
    /// The original's file, when one was read; `oa import` takes its database from it.
    pub(crate) ini: Option<Ini>,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
}

/// Where a configuration comes from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// `--config`; unset: [`SYSTEM_FILE`] when it exists.
    pub(crate) file: Option<PathBuf>,
    /// `--oa-config`.
    pub(crate) ini: Option<PathBuf>,
    /// The variables of the environment; only `GATEHOUSE__…` are looked at.
    pub(crate) env: Vec<(String, String)>,
    /// Key, value and name of each flag given.
    pub(crate) flags: Vec<(&'static str, String, &'static str)>,
}

impl Sources {
    /// Files as given, environment of this process.
    pub(crate) fn of_process(file: Option<PathBuf>, ini: Option<PathBuf>) -> Self {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let env = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self { file, ini, env, flags: Vec::new() }
    }

    /// Sets one key from a flag that was given.
    pub(crate) fn flag(&mut self, flag: &'static str, key: &'static str, value: Option<impl ToString>) {
        self.flags.extend(value.map(|value| (key, value.to_string(), flag)));
    }
}

impl Config {
    /// Reads all sources and checks every value; all problems are reported together, each with its place.
    pub(crate) fn load(sources: Sources) -> Result<Self, ConfigError> {
        let mut layers = Layers::default();
        let mut files = Vec::new();
        let ini = sources.ini.as_deref().map(|path| read_ini(path, &mut layers)).transpose()?;
        files.extend(sources.ini);
        let file = sources.file.or_else(|| Some(PathBuf::from(SYSTEM_FILE)).filter(|path| path.exists()));
        if let Some(path) = file {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                ConfigError::one(format!("cannot read configuration file {}: {error}", path.display()))
            })?;
            layers.add_file(&path, &text)?;
            files.push(path);
        }
        layers.add_env(&sources.env);
        for (key, value, flag) in sources.flags {
            layers.add_flag(key, &value, flag);
        }
        let mut problems = layers.read_secret_files();
        let shown = layers.clone();
        let mut config = Self::from_layers(layers, &mut problems);
        config.ini = ini;
        config.files = files;
        if problems.is_empty() {
            problems = check::check(&config);
        }
        if problems.is_empty() { Ok(config) } else { Err(shown.explain(&problems)) }
    }

    fn from_layers(mut layers: Layers, problems: &mut Vec<Problem>) -> Self {
        let top: section::Top = layers.top(problems);
        let data_dir = top.data_dir.unwrap_or_else(default_data_dir);
        let pinned = layers.given();
        let mut config = Self {
            key_ring_file: top.key_ring_file.unwrap_or_else(|| data_dir.join("key-ring")),
            data_dir,
            time_zone: top.time_zone,
            oa: layers.surface("oa", problems),
            bastion: layers.surface("bastion", problems),
            vpn: layers.surface("vpn", problems),
            billing: layers.surface("billing", problems),
            panel: layers.surface("panel", problems),
            radius: layers.part("radius", &RadiusListen::KEYS, problems),
            ssh: layers.part("ssh", &SshListen::KEYS, problems),
            http: layers.section("http", problems),
            metrics: layers.section("metrics", problems),
            database: layers.section("database", problems),
            log: layers.section("log", problems),
            settings: Settings {
                login: layers.section("login", problems),
                visits: layers.section("visits", problems),
                audit: layers.section("audit", problems),
                oa: layers.section("oa", problems),
                proxy: layers.section("proxy", problems),
                bastion: layers.section("bastion", problems),
                terminal: layers.section("terminal", problems),
                hostkey: layers.section("hostkey", problems),
                recordings: layers.section("recordings", problems),
                ssh: layers.section("ssh", problems),
                vpn: layers.section("vpn", problems),
                billing: layers.section("billing", problems),
                panel: layers.section("panel", problems),
                radius: layers.section("radius", problems),
                pinned,
            },
            ini: None,
            files: Vec::new(),
        };
        layers.refuse_rest(problems);
        config.complete();
        config
    }

    /// Fills what other keys decide.
    fn complete(&mut self) {
        let settings = &mut self.settings;
        settings.recordings.dir.get_or_insert_with(|| self.data_dir.join("recordings"));
        if let Some(zone) = self.bastion.time_zone.as_ref().or(self.time_zone.as_ref()) {
            settings.bastion.time_zone.clone_from(zone);
        }
        if let Some(zone) = self.vpn.time_zone.as_ref().or(self.time_zone.as_ref()) {
            settings.vpn.time_zone.clone_from(zone);
        }
        if let Some(zone) = self.panel.time_zone.as_ref().or(self.time_zone.as_ref()) {
            settings.panel.time_zone.clone_from(zone);
        }
        // Not the zone at the top: renewals are moments of the country that the subscribers live in.
        if let Some(zone) = &self.billing.time_zone {
            settings.billing.time_zone.clone_from(zone);
        }
        if self.bastion.prefix.is_empty() {
            gatehouse_bastion::DEFAULT_PREFIX.clone_into(&mut self.bastion.prefix);
        }
        settings.bastion.prefix.clone_from(&self.bastion.prefix);
        settings.ssh.listen.clone_from(&self.ssh.listen.0);
    }

    /// The database this process opens: the configured one, else a file in the data directory.
    pub(crate) fn database_url(&self) -> String {
        if let Some(url) = &self.database.url {
            return url.expose().to_owned();
        }
        // The path stands in a URL.
        let path = self.data_dir.join("gatehouse.db").display().to_string().replace('%', "%25").replace('?', "%3F");
        format!("sqlite://{path}")
    }

    /// Makes the data directory, for its owner only.
    pub(crate) fn make_data_dir(&self) -> anyhow::Result<()> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data_dir);
        made.with_context(|| {
            format!("cannot make the data directory {}; choose another with --data-dir", self.data_dir.display())
        })
    }

    /// Why these settings cannot be served although every value is valid.
    pub(crate) fn serving_refusal(&self) -> Option<String> {
        if self.oa.enabled && self.settings.oa.backend == OaBackend::DjangoSspanel {
            return Some(oa_backend_refusal(self));
        }
        let (key, ip) = self.outside_loopback().filter(|_| self.settings.bastion.compat.default_admin)?;
        Some(format!(
            "bastion.compat.default_admin gives the administrator a password that everybody knows, and {key} is {ip}; \
             set it to false, or every listener to loopback"
        ))
    }

    /// What these settings allow that no installation should, for `check-config`.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let (key, listen) = if self.panel.listen.0.is_empty() {
            ("http.listen", &self.http.listen)
        } else {
            ("panel.listen", &self.panel.listen)
        };
        let outside = listen.0.iter().find(|address| !address.ip().is_loopback());
        let is_shown = self.panel.enabled && self.settings.panel.debug_code;
        let warn = |address: &std::net::SocketAddr| {
            format!(
                "panel.debug_code answers mail codes to whoever asks for them, and {key} is {}: set it to false",
                address.ip()
            )
        };
        outside.filter(|_| is_shown).map(warn).into_iter().collect()
    }

    /// The first listener that others than this machine reach: its key and address.
    pub(crate) fn outside_loopback(&self) -> Option<(&'static str, IpAddr)> {
        let listeners = [
            ("http.listen", &self.http.listen),
            ("metrics.listen", &self.metrics.listen),
            ("oa.listen", &self.oa.listen),
            ("bastion.listen", &self.bastion.listen),
            ("vpn.listen", &self.vpn.listen),
            ("billing.listen", &self.billing.listen),
            ("panel.listen", &self.panel.listen),
            ("ssh.listen", &self.ssh.listen),
            ("radius.auth", &self.radius.auth),
            ("radius.acct", &self.radius.acct),
        ];
        let addresses =
            listeners.into_iter().flat_map(|(key, listen)| listen.0.iter().map(move |address| (key, address.ip())));
        let proxy: (&str, IpAddr) = ("proxy.listen", self.settings.proxy.listen);
        addresses.chain([proxy]).find(|(_, ip)| !ip.is_loopback())
    }
}

fn read_ini(path: &Path, layers: &mut Layers) -> Result<Ini, ConfigError> {
    let failed = |cause: String| ConfigError::one(format!("读取配置文件 {} 失败，失败原因为: {cause}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let ini = Ini::parse(&text).map_err(|error| failed(error.to_string()))?;
    ini.fill(path, layers)?;
    Ok(ini)
}

fn default_data_dir() -> PathBuf {
    let system = Path::new(SYSTEM_DATA_DIR);
    if system.is_dir() { system.to_path_buf() } else { PathBuf::from("gatehouse-data") }
}
