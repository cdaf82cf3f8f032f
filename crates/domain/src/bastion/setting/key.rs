//! Every key of specs/bastion.md §17, and which of them can be changed while the server runs.

use std::time::Duration;

use gatehouse_model::{ByteSize, Span};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    password,
    settings::{HostKeyPolicy, RecordingMode, Settings},
};

/// A setting: its dotted name and where it is.
pub(super) struct Key {
    pub(super) name: &'static str,
    place: Place,
}

type Of<T> = fn(&mut Settings) -> &mut T;

/// Where a setting is, and what it takes.
enum Place {
    /// It holds from the start of the server on.
    Fixed(fn(&Settings) -> Value),
    /// A duration of at least so many seconds.
    Span(u64, Of<Span>),
    /// A size, if there is a limit.
    Size(Of<Option<ByteSize>>),
    Switch(Of<bool>),
    /// A number of at least and at most.
    Count(u32, u32, Of<u32>),
    /// A number of rows; 0: no limit.
    Rows(Of<u64>),
    HostKey(Of<HostKeyPolicy>),
    Recording(Of<RecordingMode>),
}

use Place::{Count, Fixed, HostKey, Recording, Rows, Size, Switch};

const DAY: u64 = 86_400;

const fn key(name: &'static str, place: Place) -> Key {
    Key { name, place }
}

/// By name. What is editable is read from the database where it is used.
pub(super) const KEYS: &[Key] = &[
    key("audit.login_max_rows", Rows(|s| &mut s.audit.login_max_rows)),
    key("audit.login_retention", Place::Span(DAY, |s| &mut s.audit.login_retention)),
    key("bastion.account_max", Fixed(|s| json!(s.bastion.account_max))),
    key("bastion.auth.access_ttl", Fixed(|s| span(s.bastion.auth.access_ttl))),
    key("bastion.auth.mfa_roles", Fixed(|s| json!(s.bastion.auth.mfa_roles))),
    key("bastion.auth.otp_suffix", Fixed(|s| json!(s.bastion.auth.otp_suffix))),
    key("bastion.auth.password_max", Fixed(|_| json!(password::MAX_LENGTH))),
    key("bastion.auth.password_min", Fixed(|s| json!(s.bastion.auth.password_min))),
    key("bastion.auth.refresh_ceiling", Fixed(|s| span(s.bastion.auth.refresh_ceiling))),
    key("bastion.auth.refresh_grace", Fixed(|s| span(s.bastion.auth.refresh_grace))),
    key("bastion.auth.refresh_ttl", Fixed(|s| span(s.bastion.auth.refresh_ttl))),
    key("bastion.compat.bare_errors", Fixed(|s| json!(s.bastion.compat.bare_errors))),
    // There is no other one.
    key("bastion.compat.catalogue", Fixed(|_| json!("seed"))),
    key("bastion.compat.default_admin", Fixed(|s| json!(s.bastion.compat.default_admin))),
    key("bastion.compat.short_passwords", Fixed(|s| json!(s.bastion.compat.short_passwords))),
    key("bastion.cors_origins", Fixed(|s| json!(s.bastion.cors_origins))),
    key("bastion.group_level_max", Count(1, 32, |s| &mut s.bastion.group_level_max)),
    key("bastion.prefix", Fixed(|s| json!(s.bastion.prefix))),
    key("bastion.time_zone", Fixed(|s| json!(s.bastion.time_zone))),
    key("hostkey.policy", HostKey(|s| &mut s.hostkey.policy)),
    key("login.account_failures", Count(0, u32::MAX, |s| &mut s.login.account_failures)),
    key("login.account_window", Place::Span(1, |s| &mut s.login.account_window)),
    key("login.address_failures", Count(0, u32::MAX, |s| &mut s.login.address_failures)),
    key("login.address_window", Place::Span(1, |s| &mut s.login.address_window)),
    key("login.known_address", Fixed(|s| span(s.login.known_address))),
    key("login.pair_failures", Count(0, u32::MAX, |s| &mut s.login.pair_failures)),
    key("login.pair_window", Place::Span(1, |s| &mut s.login.pair_window)),
    key("recordings.dir", Fixed(|s| json!(s.recordings.dir))),
    key("recordings.input", Switch(|s| &mut s.recordings.input)),
    key("recordings.max_age", Place::Span(DAY, |s| &mut s.recordings.max_age)),
    key("recordings.max_bytes", Size(|s| &mut s.recordings.max_bytes)),
    key("recordings.mode", Recording(|s| &mut s.recordings.mode)),
    key("ssh.listen", Fixed(|s| json!(s.ssh.listen))),
    key("ssh.login_deadline", Fixed(|s| span(s.ssh.login_deadline))),
    key("ssh.max_tries", Fixed(|s| json!(s.ssh.max_tries))),
    key("ssh.max_unauthenticated", Fixed(|s| json!(s.ssh.max_unauthenticated))),
    key("ssh.max_unauthenticated_per_address", Fixed(|s| json!(s.ssh.max_unauthenticated_per_address))),
    key("terminal.allow_loopback_targets", Fixed(|s| json!(s.terminal.allow_loopback_targets))),
    key("terminal.bad_messages", Fixed(|s| json!(s.terminal.bad_messages))),
    key("terminal.connect_timeout", Fixed(|s| span(s.terminal.connect_timeout))),
    key("terminal.drain", Fixed(|s| span(s.terminal.drain))),
    key("terminal.frame_in", Fixed(|s| size(s.terminal.frame_in))),
    key("terminal.frame_out", Fixed(|s| size(s.terminal.frame_out))),
    key("terminal.idle", Place::Span(1, |s| &mut s.terminal.idle)),
    key("terminal.idle_warning", Fixed(|s| span(s.terminal.idle_warning))),
    key("terminal.max_duration", Place::Span(1, |s| &mut s.terminal.max_duration)),
    key("terminal.max_sessions", Count(1, u32::MAX, |s| &mut s.terminal.max_sessions)),
    key("terminal.max_sessions_per_user", Count(1, u32::MAX, |s| &mut s.terminal.max_sessions_per_user)),
    key("terminal.ping", Fixed(|s| span(s.terminal.ping))),
    key("terminal.queue", Fixed(|s| size(s.terminal.queue))),
    key("terminal.require_binding", Switch(|s| &mut s.terminal.require_binding)),
    key("terminal.resume_grace", Fixed(|s| span(s.terminal.resume_grace))),
    key("terminal.ssh_keepalive", Fixed(|s| span(s.terminal.ssh_keepalive))),
    key("terminal.ssh_window", Fixed(|s| size(s.terminal.ssh_window))),
    key("terminal.stall_limit", Fixed(|s| span(s.terminal.stall_limit))),
    key("terminal.term", Fixed(|s| json!(s.terminal.term))),
    key("terminal.watch_notice", Fixed(|s| json!(s.terminal.watch_notice))),
];

impl Key {
    pub(super) fn is_editable(&self) -> bool {
        !matches!(self.place, Fixed(_))
    }

    /// The value as it is shown.
    pub(super) fn get(&self, settings: &mut Settings) -> Value {
        match &self.place {
            Fixed(of) => of(settings),
            Place::Span(_, of) => span(*of(settings)),
            Size(of) => of(settings).map_or(Value::Null, size),
            Switch(of) => json!(of(settings)),
            Count(_, _, of) => json!(of(settings)),
            Rows(of) => json!(of(settings)),
            HostKey(of) => json!(of(settings)),
            Recording(of) => json!(of(settings)),
        }
    }

    /// Takes a value as it is stored. Errors: what it must be like.
    pub(super) fn set(&self, settings: &mut Settings, value: &str) -> Result<(), String> {
        match &self.place {
            Fixed(_) => return Err("set in the configuration file only".to_owned()),
            Place::Span(least, of) => {
                let rule = || format!("a duration such as \"30m\", at least {least}s");
                let read: Span = read(value).ok_or_else(rule)?;
                *of(settings) = Some(read).filter(|read| read.0 >= Duration::from_secs(*least)).ok_or_else(rule)?;
            }
            Size(of) => *of(settings) = Some(read(value).ok_or("a size such as \"20GiB\"")?),
            Switch(of) => *of(settings) = read(value).ok_or("true or false")?,
            Count(least, most, of) => {
                let read = read(value).filter(|read| (*least..=*most).contains(read));
                *of(settings) = read.ok_or_else(|| format!("a number from {least} to {most}"))?;
            }
            Rows(of) => *of(settings) = read(value).ok_or("a number; 0 is no limit")?,
            HostKey(of) => *of(settings) = read(value).ok_or("tofu, prompt or strict")?,
            Recording(of) => *of(settings) = read(value).ok_or("strict, best_effort or off")?,
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

fn span(Span(span): Span) -> Value {
    let is_whole = span.subsec_millis() == 0;
    json!(if is_whole { format!("{}s", span.as_secs()) } else { format!("{}ms", span.as_millis()) })
}

fn size(ByteSize(bytes): ByteSize) -> Value {
    json!(if bytes % 1_024 == 0 { format!("{}KiB", bytes / 1_024) } else { format!("{bytes}B") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_and_take_what_they_show() {
        assert!(KEYS.is_sorted_by(|a, b| a.name < b.name));
        let mut settings = Settings::default();
        settings.recordings.max_bytes = Some(ByteSize(20 << 30));
        for key in KEYS.iter().filter(|key| key.is_editable()) {
            let shown = key.get(&mut settings);
            key.set(&mut settings, &shown.to_string()).unwrap();
            assert_eq!(key.get(&mut settings), shown, "{}", key.name);
            for wrong in ["null", "[]", "\"x\"", "-1", "1.5"] {
                assert!(key.set(&mut settings, wrong).is_err(), "{} {wrong}", key.name);
            }
        }
    }

    #[test]
    fn units_are_the_largest_that_fit() {
        assert_eq!(span(Span(Duration::from_millis(1_500))), json!("1500ms"));
        assert_eq!((size(ByteSize(65_536)), size(ByteSize(1_000))), (json!("64KiB"), json!("1000B")));
    }
}
