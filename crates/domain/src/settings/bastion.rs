//! What the bastion surface and the ssh door read (specs/bastion.md §17).

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use gatehouse_model::{ByteSize, Span};
use serde::Deserialize;

const fn seconds(n: u64) -> Span {
    Span(Duration::from_secs(n))
}

/// `[bastion]` without the keys every surface has.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BastionSettings {
    /// Zone of the times shown and of schedules; from `bastion.time_zone`, else `time_zone`, else Asia/Shanghai.
    #[serde(skip)]
    pub time_zone: String,
    /// What stands before every path, slashes at both ends; from `bastion.prefix`, to be shown.
    #[serde(skip)]
    pub prefix: String,
    /// Deepest level of a resource group, the root being 0.
    pub group_level_max: u32,
    /// Longest login that is made and that may log in here, characters.
    pub account_max: usize,
    /// Origins of front ends on other hosts, `https://host[:port]`.
    pub cors_origins: Vec<String>,
    /// Longest time until a request body is complete.
    pub request_timeout: Span,
    /// Differences from the seed's letter.
    pub compat: BastionCompat,
    /// Logins.
    pub auth: BastionAuth,
}

impl Default for BastionSettings {
    fn default() -> Self {
        Self {
            time_zone: "Asia/Shanghai".to_owned(),
            prefix: "/api/".to_owned(),
            group_level_max: 5,
            account_max: 20,
            cors_origins: Vec::new(),
            request_timeout: seconds(30),
            compat: BastionCompat::default(),
            auth: BastionAuth::default(),
        }
    }
}

/// `[bastion.compat]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BastionCompat {
    /// Whether the failures the seed prints without code or without detail look exactly so.
    pub bare_errors: bool,
    /// Whether the first password of the administrator is his login; only on loopback.
    pub default_admin: bool,
    /// Whether passwords of one character may be set.
    pub short_passwords: bool,
}

/// `[bastion.auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BastionAuth {
    /// Life of an access token.
    pub access_ttl: Span,
    /// Life of a refresh token, and of the session since its last use.
    pub refresh_ttl: Span,
    /// Longest life of a session.
    pub refresh_ceiling: Span,
    /// How long the pair before the present one still counts.
    pub refresh_grace: Span,
    /// Shortest password that may be set, characters.
    pub password_min: usize,
    /// Whether the six digits may follow the password in its field.
    pub otp_suffix: bool,
    /// Codes of the roles whose members must have a second factor.
    pub mfa_roles: Vec<String>,
}

impl Default for BastionAuth {
    fn default() -> Self {
        Self {
            access_ttl: seconds(900),
            refresh_ttl: seconds(7 * 86_400),
            refresh_ceiling: seconds(30 * 86_400),
            refresh_grace: seconds(10),
            password_min: 8,
            otp_suffix: false,
            mfa_roles: Vec::new(),
        }
    }
}

/// `[terminal]`: terminals of the web and of the ssh door alike. Policies of groups and resources may narrow some of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TerminalSettings {
    /// Name resolution, connection and login to a target together.
    pub connect_timeout: Span,
    /// Without input a terminal ends.
    pub idle: Span,
    /// How long before that the user is warned.
    pub idle_warning: Span,
    /// Longest stay.
    pub max_duration: Span,
    /// How long terminals may end at shutdown.
    pub drain: Span,
    /// WebSocket ping; dead after two without answer.
    pub ping: Span,
    /// SSH keep-alive to the target; dead after three without answer.
    pub ssh_keepalive: Span,
    /// A client that takes no output for so long is given up.
    pub stall_limit: Span,
    /// How long a v2 terminal waits for a lost client.
    pub resume_grace: Span,
    /// Largest message from a client.
    pub frame_in: ByteSize,
    /// Largest frame of output.
    pub frame_out: ByteSize,
    /// Output held for a client that is slow.
    pub queue: ByteSize,
    /// SSH window of a terminal.
    pub ssh_window: ByteSize,
    /// Unusable messages in a row that end a terminal.
    pub bad_messages: u32,
    /// Open terminals of one account.
    pub max_sessions_per_user: u32,
    /// Open terminals of this process.
    pub max_sessions: u32,
    /// TERM of compat terminals.
    pub term: String,
    /// Whether a voucher must be bound to the resource.
    pub require_binding: bool,
    /// Whether targets on loopback may be saved and dialled.
    pub allow_loopback_targets: bool,
    /// Whether v2 users are told who watches.
    pub watch_notice: bool,
}

impl Default for TerminalSettings {
    fn default() -> Self {
        Self {
            connect_timeout: seconds(10),
            idle: seconds(1_800),
            idle_warning: seconds(60),
            max_duration: seconds(43_200),
            drain: seconds(10),
            ping: seconds(30),
            ssh_keepalive: seconds(30),
            stall_limit: seconds(600),
            resume_grace: seconds(60),
            frame_in: ByteSize(64 << 10),
            frame_out: ByteSize(32 << 10),
            queue: ByteSize(64 << 10),
            ssh_window: ByteSize(256 << 10),
            bad_messages: 100,
            max_sessions_per_user: 200,
            max_sessions: 5_000,
            term: "xterm".to_owned(),
            require_binding: false,
            allow_loopback_targets: true,
            watch_notice: true,
        }
    }
}

/// What happens with the key a target shows for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HostKeyPolicy {
    /// It is pinned.
    #[default]
    Tofu,
    /// The user is asked.
    Prompt,
    /// It is refused.
    Strict,
}

/// `[hostkey]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostKeySettings {
    /// What happens with unknown keys.
    pub policy: HostKeyPolicy,
}

/// What a terminal owes its recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    /// No recording, no session.
    #[default]
    Strict,
    /// A failing recording raises an alert.
    BestEffort,
    /// Nothing is recorded.
    Off,
}

/// `[recordings]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingSettings {
    /// What a terminal owes its recording.
    pub mode: RecordingMode,
    /// Where recordings are; unset: `recordings` in the data directory, which the server fills in.
    pub dir: Option<PathBuf>,
    /// Whether input is recorded, too; never while it is not echoed.
    pub input: bool,
    /// How long recordings are kept.
    pub max_age: Span,
    /// How much of the disk they may take; unset: no limit.
    pub max_bytes: Option<ByteSize>,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self { mode: RecordingMode::Strict, dir: None, input: false, max_age: seconds(180 * 86_400), max_bytes: None }
    }
}

/// `[ssh]` without `listen`: the door for native clients.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SshSettings {
    /// Whether this process listens for native clients. Web terminals work without.
    pub enabled: bool,
    /// Where it listens; from `ssh.listen`, to be shown.
    #[serde(skip)]
    pub listen: Vec<SocketAddr>,
    /// From accept to a complete login.
    pub login_deadline: Span,
    /// Failed logins on one connection.
    pub max_tries: u32,
    /// Connections that have not logged in yet: in all.
    pub max_unauthenticated: u32,
    /// The same from one address.
    pub max_unauthenticated_per_address: u32,
}

impl Default for SshSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: Vec::new(),
            login_deadline: seconds(30),
            max_tries: 6,
            max_unauthenticated: 100,
            max_unauthenticated_per_address: 10,
        }
    }
}
