//! Terminals: what surfaces and the ssh door agree on. The door dials and bridges; who may, and what is kept, is decided here.
//!
//! Surfaces reach the door through [`App::terminals`](crate::App::terminals), because neither imports the other.

mod admission;
mod naming;
mod recheck;
mod visit;

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

use bytes::Bytes;
use gatehouse_model::{
    AccessRequestId, AccountId, EndedWhy, HostKeyId, ResourceGroupId, ResourceId, Secret, VoucherId,
};
use uuid::Uuid;

pub use admission::admit;
pub(crate) use admission::secret_place;
pub use naming::{NamedResource, NamedVoucher, find_resource, find_vouchers, resources};
pub use recheck::{Ground, Stay, recheck};
pub(crate) use recheck::{has_expired, note_expired};
pub use visit::{AskedEnd, Direction, Moved, Transfer, closed, failed, opened, seen, to_end, transferred};

use super::rule::Verdict;
use crate::{
    Ctx, Error, Via,
    settings::{HostKeyPolicy, RecordingMode},
};

/// What a stay at a target is for. The stored names are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A shell with a pty.
    Shell,
    /// A command, with or without a pty.
    Exec(String),
    /// File transfer.
    Sftp,
    /// A forwarded connection through the target.
    Forward,
}

impl Purpose {
    /// The stored name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Exec(_) => "exec",
            Self::Sftp => "sftp",
            Self::Forward => "forward",
        }
    }
}

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Where to.
    pub resource: ResourceId,
    /// With what.
    pub voucher: VoucherId,
    /// What for.
    pub purpose: Purpose,
    /// The client: `web`, `web.v2`, `ssh`.
    pub client: &'static str,
}

/// Why a person does not get to a target, before anything is dialled. Each surface has its own texts (specs/bastion.md §7.4).
#[derive(Debug)]
pub enum Refusal {
    /// No permission, or no such resource or voucher: never told apart.
    Forbidden,
    /// The voucher is of another root group, or must be bound and is not.
    GroupMismatch,
    /// The address or the time is not allowed.
    Window,
    /// An approved request is needed.
    Approval,
    /// A second factor is needed, or a fresher one.
    Factor,
    /// The session may not do anything yet: a new password or a second factor is owed.
    Limited,
    /// The resource is disabled.
    ResourceDisabled,
    /// The resource speaks another protocol.
    NotSsh,
    /// The policy of the resource forbids this purpose.
    PurposeDenied,
    /// A command rule forbids the command; its name.
    CommandDenied(String),
    /// Too many open sessions.
    Quota,
    /// It would have to be recorded and cannot be.
    Recording,
    /// Anything else.
    Error(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Forbidden { .. } | Error::NotFound { .. } => Self::Forbidden,
            other => Self::Error(other),
        }
    }
}

impl From<gatehouse_store::Error> for Refusal {
    fn from(error: gatehouse_store::Error) -> Self {
        Self::Error(error.into())
    }
}

/// How many stays may be open at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Of the account, in all processes.
    pub of_account: u32,
    /// In this process, of all accounts.
    pub of_process: u32,
}

/// How a target is logged in to.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A password.
    Password(Secret),
    /// A private key without passphrase, OpenSSH or PEM.
    PrivateKey(Secret),
}

/// A key known for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedKey {
    /// Its row.
    pub id: HostKeyId,
    /// `ssh-ed25519` …
    pub algorithm: String,
    /// `ssh-ed25519 AAAA…`
    pub public_key: String,
    /// `SHA256:…`
    pub fingerprint: String,
}

/// What holds for one stay: the nearest value of each policy (specs/bastion.md §11.1).
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the specification")]
pub struct Terms {
    /// Without input it ends.
    pub idle: std::time::Duration,
    /// Longest stay.
    pub max_duration: std::time::Duration,
    /// What happens with unknown host keys.
    pub hostkey: HostKeyPolicy,
    /// What it owes its recording.
    pub recording: RecordingMode,
    /// Whether input is recorded.
    pub record_input: bool,
    /// Whether commands may be run.
    pub exec: bool,
    /// Whether files may be transferred.
    pub sftp: bool,
    /// Whether connections may be forwarded.
    pub forward: bool,
    /// Whether algorithms of old may be used.
    pub legacy_algorithms: bool,
    /// Whether scp without SFTP may be used.
    pub legacy_scp: bool,
    /// Largest file, bytes.
    pub max_file: Option<i64>,
    /// Encoding of the target's output: `utf-8` or `gbk`.
    pub encoding: Encoding,
}

/// How a target writes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// GBK.
    Gbk,
}

/// Leave to go to a target, and all that is needed to.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Public name of the visit that comes of it.
    pub visit: Uuid,
    /// Who.
    pub account: AccountId,
    /// His login.
    pub login: String,
    /// His display name.
    pub name: Option<String>,
    /// What proved him.
    pub via: Via,
    /// The account's epoch then.
    pub epoch: i64,
    /// From where.
    pub address: Option<IpAddr>,
    /// What was asked.
    pub asked: Asked,
    /// Name of the resource.
    pub resource_name: String,
    /// Its group.
    pub group: ResourceGroupId,
    /// Address or name that is dialled.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Name of the voucher.
    pub voucher_name: String,
    /// User at the target.
    pub username: String,
    /// His credential.
    pub credential: Credential,
    /// Known keys of the target; empty: unknown host.
    pub pins: Vec<PinnedKey>,
    /// What holds.
    pub terms: Terms,
    /// What the command rules said of the command of exec.
    pub verdict: Verdict,
    /// The approved request it rests on.
    pub request: Option<AccessRequestId>,
    /// Whether files may be written to the target (112).
    pub may_upload: bool,
    /// Whether files may be read from the target (113).
    pub may_download: bool,
    /// Stays that may be open at the same time, those on their way included.
    pub quota: Quota,
}

impl From<gatehouse_store::target::PinRow> for PinnedKey {
    fn from(row: gatehouse_store::target::PinRow) -> Self {
        Self { id: row.id, algorithm: row.algorithm, public_key: row.public_key, fingerprint: row.fingerprint }
    }
}

/// A key as a target presented it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedKey {
    /// `ssh-ed25519` …
    pub algorithm: String,
    /// `ssh-ed25519 AAAA…`
    pub public_key: String,
    /// `SHA256:…`
    pub fingerprint: String,
}

/// Why a target was not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The name does not resolve, or only to addresses that are never dialled.
    Dns,
    /// The target refused the connection.
    Refused,
    /// No way there.
    Unreachable,
    /// Not in time.
    Timeout,
    /// No SSH, or no algorithm in common; what happened.
    Negotiation(String),
    /// The credential was rejected.
    TargetAuth,
    /// The key is unknown and the policy does not pin it.
    HostKeyUnknown(PresentedKey),
    /// The key is not the pinned one.
    HostKeyChanged {
        /// The pinned fingerprints.
        pinned: Vec<String>,
        /// What came.
        presented: PresentedKey,
    },
    /// The target would not open the channel, run the command or the subsystem.
    Channel,
    /// It would have to be recorded and cannot be.
    Recording,
    /// Too many stays are open or on their way, of the account or of the process.
    Quota,
    /// The process is stopping.
    Shutdown,
}

impl Failure {
    /// The true cause, for staff and v2 clients.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Negotiation(_) => "negotiation",
            Self::TargetAuth => "target-auth",
            Self::HostKeyUnknown(_) => "hostkey-unknown",
            Self::HostKeyChanged { .. } => "hostkey-changed",
            Self::Channel => "channel",
            Self::Recording => "recording",
            Self::Quota => "quota",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Size of a terminal in characters, each 1–1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub cols: u32,
    /// Rows.
    pub rows: u32,
}

/// Output of the target, as bytes and as the text that was recorded of it.
#[derive(Debug, Clone)]
pub struct Output {
    /// As the target sent them.
    pub bytes: Bytes,
    /// What became text of it: valid UTF-8, possibly less (an unfinished character waits) or more. Shares memory with `bytes` when equal.
    pub text: Bytes,
}

/// How a stay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The class.
    pub why: EndedWhy,
    /// Who ended it and the reason he gave, when somebody did.
    pub by: Option<(String, String)>,
    /// Exit status of shell or command.
    pub exit_code: Option<u32>,
    /// Signal that killed it, without `SIG`.
    pub exit_signal: Option<String>,
}

/// What happens at an open terminal.
#[derive(Debug, Clone)]
pub enum Event {
    /// The target wrote.
    Output(Output),
    /// Input is missed; it ends in so many seconds.
    IdleWarning(u64),
    /// Who watches changed: (name, role).
    Participants(Vec<(String, &'static str)>),
    /// It is over; nothing follows.
    Ended(Ended),
}

/// What a client is told of a terminal it opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Public name of the visit.
    pub visit: Uuid,
    /// The target's key.
    pub host_key: PresentedKey,
    /// Whether it is recorded.
    pub is_recorded: bool,
}

/// A future of a trait object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Asks the person whether to trust an unknown key.
pub type AskHostKey = Box<dyn FnOnce(PresentedKey) -> Boxed<'static, bool> + Send>;

/// An open terminal. Dropping output and input closes the SSH connection and ends the visit.
pub struct Terminal {
    /// What the client is told.
    pub opened: Opened,
    /// What comes from the target.
    pub output: Box<dyn TerminalOutput>,
    /// What goes to the target.
    pub input: Box<dyn TerminalInput>,
}

/// The output half. Nothing is read from the target but by [`TerminalOutput::next`]: who does not call it holds the target up.
pub trait TerminalOutput: Send {
    /// Waits for the next event. Cancel-safe. After `Ended` it pends for ever.
    ///
    /// It is polled all the time; while blocked it gives every event but output. `Ended` overtakes output that was not
    /// given yet, unless the shell or command ended by itself.
    fn next(&mut self) -> Boxed<'_, Event>;
    /// Tells that there is, or is no more, no room on the way to the client. While blocked nothing is read from the
    /// target, silence of the client is not held against it, and after `terminal.stall_limit` the stay ends. Called on
    /// changes only.
    fn set_blocked(&mut self, is_blocked: bool);
    /// Round trip of the last keep-alive to the target.
    fn latency(&self) -> Option<std::time::Duration> {
        None
    }
}

/// The input half.
pub trait TerminalInput: Send {
    /// Sends bytes as they are, under the target's flow control; who has text encodes it as the terms say. False: the
    /// terminal is over.
    fn send(&mut self, bytes: Bytes) -> Boxed<'_, bool>;
    /// Changes the size; only the last of several counts.
    fn resize(&mut self, size: Size) -> Boxed<'_, bool>;
    /// Sends a signal by its SSH name, without `SIG`.
    fn signal(&mut self, name: String) -> Boxed<'_, bool>;
    /// Ends the stay in order: the person left.
    fn close(&mut self);
}

/// The ssh door as surfaces see it.
pub trait Terminals: Send + Sync {
    /// Dials, checks the key, logs in and opens a shell. The visit is recorded whether it succeeds or not.
    fn open(
        &self,
        ctx: Ctx,
        admitted: Admitted,
        size: Size,
        term: String,
        ask: Option<AskHostKey>,
    ) -> Boxed<'static, Result<Terminal, Failure>>;

    /// Ends a stay that is open in this process, at once; false: it is not open here. The reason and who gave it go to the
    /// person. Stays of other processes are ended through their visit rows.
    fn cut(&self, visit: Uuid, why: EndedWhy, by: Option<(String, String)>) -> bool {
        let _ = (visit, why, by);
        false
    }

    /// What is open in this process.
    fn live(&self) -> Vec<LiveStay> {
        Vec::new()
    }
}

/// A stay that is open in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveStay {
    /// Public name of the visit.
    pub visit: Uuid,
    /// Whose.
    pub account: AccountId,
    /// How long it has been open.
    pub since: std::time::Duration,
    /// How long nothing was typed.
    pub idle: std::time::Duration,
}

/// A door that is there, or not.
pub type TerminalsHandle = Arc<dyn Terminals>;
