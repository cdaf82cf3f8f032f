//! User names of native clients: who, where to, with what (specs/bastion.md §9.1).

use gatehouse_domain::Actor;
use gatehouse_domain::{App, Error, Result, account};
use gatehouse_model::Origin;

/// A user name taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Name {
    pub(super) account: String,
    pub(super) resource: Option<String>,
    pub(super) voucher: Option<String>,
}

impl Name {
    /// Takes a name apart at a separator; the last part keeps what is left.
    fn split(text: &str, separator: char) -> Self {
        let mut parts = text.splitn(3, separator).map(str::to_owned);
        let account = parts.next().unwrap_or_default();
        let mut part = || parts.next().filter(|part| !part.is_empty());
        Self { account, resource: part(), voucher: part() }
    }

    /// Takes a name apart: at `#`; at `%` where the whole is no account.
    pub(super) async fn parse(app: &App, text: &str) -> Result<Self> {
        if text.contains('#') || !text.contains('%') {
            return Ok(Self::split(text, '#'));
        }
        match account::find(&app.ctx(Actor::System("ssh"), Origin::System), text).await {
            Ok(_) => Ok(Self { account: text.to_owned(), ..Self::default() }),
            Err(Error::NotFound { .. }) => Ok(Self::split(text, '%')),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_up_to_three_parts() {
        let parts = |text, separator| {
            let name = Name::split(text, separator);
            (name.account, name.resource.unwrap_or_default(), name.voucher.unwrap_or_default())
        };
        let of = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(parts("alice", '#'), of("alice", "", ""));
        assert_eq!(parts("alice#web 1", '#'), of("alice", "web 1", ""));
        assert_eq!(parts("alice#web#root", '#'), of("alice", "web", "root"));
        assert_eq!(parts("alice##root", '#'), of("alice", "", "root"));
        assert_eq!(parts("alice#web#ro#ot", '#'), of("alice", "web", "ro#ot"));
        assert_eq!(parts("alice%web%root", '%'), of("alice", "web", "root"));
    }
}
