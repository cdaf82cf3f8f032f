//! Programs that end a session where a concentrator takes no Disconnect (specs/radius.md §8.4). They are named in the configuration
//! file only, and get an argument vector, never a shell.

use std::{collections::BTreeMap, ffi::OsString, os::unix::ffi::OsStringExt as _, process::Stdio, time::Duration};

use gatehouse_domain::radius::enforce::{Outcome, Stay};
use tokio::{process::Command, time::timeout};

/// How long a program may run.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where programs find others; nothing of our own environment reaches them, since secrets may be in it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// `radius.commands`.
#[derive(Debug)]
pub(crate) struct Commands {
    vectors: BTreeMap<String, Vec<String>>,
    patience: Duration,
}

impl Commands {
    /// Programs with their arguments, by name.
    pub(crate) fn new(vectors: BTreeMap<String, Vec<String>>) -> Self {
        Self { vectors, patience: PATIENCE }
    }

    /// Programs that may take only so long.
    #[cfg(test)]
    pub(crate) fn with_patience(vectors: BTreeMap<String, Vec<String>>, patience: Duration) -> Self {
        Self { vectors, patience }
    }

    /// Runs the program that the NAS entry names. Exit status 0 is an ACK.
    pub(crate) async fn run(&self, stay: &Stay) -> Outcome {
        let Some(name) = &stay.nas.settings.command else {
            tracing::warn!(nas = stay.nas.name, "the entry names no command");
            return Outcome::Impossible;
        };
        let Some([program, templates @ ..]) = self.vectors.get(name).map(Vec::as_slice) else {
            tracing::warn!(
                nas = stay.nas.name,
                command = name,
                "radius.commands does not have the command of the entry"
            );
            return Outcome::Impossible;
        };
        let Some(arguments) = templates.iter().map(|template| argument(template, stay)).collect::<Option<Vec<_>>>()
        else {
            tracing::warn!(
                nas = stay.nas.name,
                command = name,
                "an argument would be taken for an option or is unknown"
            );
            return Outcome::Impossible;
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", PATH).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match timeout(self.patience, command.status()).await {
            Ok(Ok(status)) if status.success() => Outcome::Ack,
            Ok(Ok(status)) => {
                tracing::warn!(nas = stay.nas.name, command = name, %status, "a command failed");
                Outcome::Nak(0)
            }
            Ok(Err(error)) => {
                tracing::error!(nas = stay.nas.name, command = name, %error, "a command cannot be run");
                Outcome::Nak(0)
            }
            Err(_) => {
                tracing::warn!(nas = stay.nas.name, command = name, "a command took too long and was killed");
                Outcome::Silent
            }
        }
    }
}

/// Fills in a template, octets as they are. `None` if a value is unknown, holds a zero byte, or makes an option of an argument that
/// is none in the configuration.
fn argument(template: &str, stay: &Stay) -> Option<OsString> {
    let mut filled = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.extend(before.bytes());
        match name {
            "login" => filled.extend(stay.login.bytes()),
            "session" => filled.extend(&stay.session_id),
            "ip" => filled.extend(stay.framed_ip.as_ref()?.bytes()),
            "nas" => filled.extend(stay.nas.name.bytes()),
            _ => return None,
        }
        rest = after;
    }
    filled.extend(rest.bytes());
    let becomes_option = filled.first() == Some(&b'-') && !template.starts_with('-');
    (!becomes_option && !filled.contains(&0)).then(|| OsString::from_vec(filled))
}
