//! What becomes of each row of the original, decided without looking into any database.

use std::collections::BTreeSet;

use gatehouse_model::{Millis, Secret};
use gatehouse_store::foreign::{OriginalOa, OriginalOaUser};
use jiff::tz::TimeZone;

use super::{Note, time};
use crate::{oa::entry::check_username, settings::OaSettings};

/// What is to be imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Tokens, each once, unchanged.
    pub tokens: Vec<Secret>,
    /// Users, by name.
    pub users: Vec<PlannedUser>,
    /// Rows that are left out, and why.
    pub skipped: Vec<Note>,
    /// What was assumed.
    pub warnings: Vec<Note>,
}

/// A user to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedUser {
    /// Exact name.
    pub username: String,
    /// `<username>@<domain>`: the name verbatim as the original did, the domain in lower case as the panel stores it.
    pub email: String,
    /// When the original was last asked, never later than the import.
    pub requested_at: Millis,
    /// The state the row gets.
    pub target: Target,
}

/// The state a row gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `submit`: waits for its turn.
    Queued,
    /// `processing`: its creation is taken up again.
    Begun,
    /// `exists`/200: an account with new credentials.
    Made,
    /// `exists`/202, with a reason if we know one.
    Refused(Option<&'static str>),
    /// `markRemove` with this code.
    Removing(i64),
}

/// Decides on every row (specs/oa.md §9).
pub fn plan(original: &OriginalOa, settings: &OaSettings, zone: &TimeZone, now: Millis) -> Plan {
    let mut plan = Plan::default();
    let tokens: BTreeSet<&String> = original.tokens.iter().collect();
    for token in tokens {
        if token.is_empty() {
            plan.skipped.push(Note::new("token", "is empty"));
        } else {
            plan.tokens.push(Secret::new(token));
        }
    }
    let domain = settings.user_email_domain.to_lowercase();
    for row in &original.users {
        if let Err(rule) = check_username(&settings.admin_names, &row.username) {
            plan.skipped.push(Note::new(format!("user `{}`", row.username.escape_debug()), rule));
            continue;
        }
        plan.users.push(PlannedUser {
            username: row.username.clone(),
            email: format!("{}@{domain}", row.username),
            requested_at: requested_at(row, zone, now, &mut plan.warnings),
            target: target(row),
        });
    }
    plan
}

fn target(row: &OriginalOaUser) -> Target {
    match (row.status.as_str(), row.statuscode) {
        ("submit", None) => Target::Queued,
        ("processing", Some(102)) => Target::Begun,
        ("exists", Some(200)) => Target::Made,
        ("exists", Some(202)) => Target::Refused(None),
        ("markRemove", Some(code @ (200 | 202 | 500))) => Target::Removing(code),
        _ => Target::Refused(Some("import_unknown_state")),
    }
}

/// The moment of the last request; the import itself when that cannot be read or lies ahead, as only a deletion's delay
/// and the order of the queue depend on it.
fn requested_at(row: &OriginalOaUser, zone: &TimeZone, now: Millis, warnings: &mut Vec<Note>) -> Millis {
    let text = row.requesttime.as_deref().unwrap_or_default();
    let read = time::read(text, zone);
    if let Some(at) = read.filter(|at| *at <= now) {
        return at;
    }
    if row.status == "markRemove" {
        let what = if read.is_some() { "lies ahead" } else { "cannot be read" };
        let why = format!("its request time `{}` {what}: the delay of the deletion starts now", text.escape_debug());
        warnings.push(Note::new(format!("user `{}`", row.username), why));
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_258_000_000);

    fn row(username: &str, status: &str, statuscode: Option<i64>) -> OriginalOaUser {
        let requesttime = Some("21 Nov 26 10:01 UTC".to_owned());
        OriginalOaUser { username: username.to_owned(), status: status.to_owned(), statuscode, requesttime }
    }

    fn planned(users: Vec<OriginalOaUser>, tokens: &[&str]) -> Plan {
        let settings = OaSettings { user_email_domain: "Example.COM".to_owned(), ..OaSettings::default() };
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        plan(&OriginalOa { tokens, users }, &settings, &TimeZone::UTC, NOW)
    }

    #[test]
    fn every_state_finds_its_place_and_the_rest_is_refused() {
        let unknown = Target::Refused(Some("import_unknown_state"));
        for (status, code, expected) in [
            ("submit", None, Target::Queued),
            ("processing", Some(102), Target::Begun),
            ("exists", Some(200), Target::Made),
            ("exists", Some(202), Target::Refused(None)),
            ("markRemove", Some(200), Target::Removing(200)),
            ("markRemove", Some(202), Target::Removing(202)),
            ("markRemove", Some(500), Target::Removing(500)),
            ("submit", Some(200), unknown),
            ("processing", None, unknown),
            ("exists", None, unknown),
            ("exists", Some(500), unknown),
            ("markRemove", None, unknown),
            ("Exists", Some(200), unknown),
            ("", None, unknown),
        ] {
            let plan = planned(vec![row("ann", status, code)], &[]);
            assert_eq!(plan.users[0].target, expected, "{status}/{code:?}");
        }
    }

    #[test]
    fn names_stay_as_they_are_and_the_domain_is_lower_case() {
        let plan = planned(vec![row("张 San..X", "exists", Some(200))], &[]);
        assert_eq!(plan.users[0].username, "张 San..X");
        assert_eq!(plan.users[0].email, "张 San..X@example.com");
    }

    #[test]
    fn names_that_a_request_could_not_have_are_skipped() {
        let long = "x".repeat(256);
        let names = ["", "admin", "a\nb", &long, "Admin", &"x".repeat(255)];
        let plan = planned(names.iter().map(|name| row(name, "exists", Some(200))).collect(), &[]);
        assert_eq!(plan.users.iter().map(|user| user.username.as_str()).collect::<Vec<_>>(), names[4..]);
        let skipped: Vec<_> = plan.skipped.iter().map(ToString::to_string).collect();
        let expected = [
            "user ``: 1 to 255 characters".to_owned(),
            "user `admin`: reserved".to_owned(),
            "user `a\\nb`: no control characters".to_owned(),
            format!("user `{long}`: 1 to 255 characters"),
        ];
        assert_eq!(skipped, expected);
    }

    #[test]
    fn tokens_come_once_and_unchanged() {
        let plan = planned(vec![], &["b", "a", "b", "", " a "]);
        assert_eq!(plan.tokens.iter().map(Secret::expose).collect::<Vec<_>>(), [" a ", "a", "b"]);
        assert_eq!(plan.skipped, [Note::new("token", "is empty")]);
    }

    #[test]
    fn a_request_time_that_says_nothing_starts_the_delay_now_with_a_warning() {
        let with = |status: &str, time: Option<&str>| {
            let row = OriginalOaUser { requesttime: time.map(str::to_owned), ..row("ann", status, Some(200)) };
            let plan = planned(vec![row], &[]);
            (plan.users[0].requested_at, plan.warnings.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let warning =
            |text: &str| vec![format!("user `ann`: its request time {text}: the delay of the deletion starts now")];
        assert_eq!(with("markRemove", Some("21 Nov 26 10:01 UTC")), (Millis(1_795_255_260_000), vec![]));
        assert_eq!(with("markRemove", Some("soon")), (NOW, warning("`soon` cannot be read")));
        assert_eq!(with("markRemove", None), (NOW, warning("`` cannot be read")));
        assert_eq!(with("markRemove", Some("22 Nov 26 10:01 UTC")), (NOW, warning("`22 Nov 26 10:01 UTC` lies ahead")));
        assert_eq!(with("exists", Some("soon")), (NOW, vec![]));
    }
}
