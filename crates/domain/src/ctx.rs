//! Who asks, from where, through what: the first argument of every use case.

use std::{collections::BTreeSet, net::IpAddr};

use gatehouse_model::{AccountId, ApiTokenId, LoginSessionId, Millis, Origin};
use gatehouse_store::{Db, Reader, Tx};

use crate::{App, Error, Result, permission};

/// What is known of a caller before any credential was looked at.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Client address, by the rules of `http.trusted_proxies`.
    pub address: Option<IpAddr>,
    /// Name of the request in log and audit.
    pub request_id: String,
    /// Language the caller asked for.
    pub language: Option<String>,
}

/// Who acts.
#[derive(Debug, Clone)]
pub enum Actor {
    /// A job, a periodic task or a door.
    System(&'static str),
    /// Whoever may run commands on the database's machine: holds everything.
    Operator,
    /// A machine credential.
    Machine {
        /// Its row; the secret of the vpn surface, of which there is one, has none.
        id: Option<ApiTokenId>,
        /// Its name.
        label: String,
        /// Its codes.
        codes: BTreeSet<String>,
    },
    /// A person.
    Account {
        /// The account.
        id: AccountId,
        /// Its login.
        login: String,
        /// Its display name.
        name: Option<String>,
        /// Installation-wide codes that count now. [`permission::begin`] reads them anew.
        codes: BTreeSet<String>,
        /// What proved the person.
        via: Via,
    },
    /// Nobody yet: logins.
    Anonymous,
}

/// What proved a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A login session.
    Session(LoginSessionId),
    /// An API token: what its owner holds, but only these codes of it.
    Token {
        /// Its row.
        id: ApiTokenId,
        /// The codes it was made for, on groups or installation-wide.
        scopes: BTreeSet<String>,
    },
    /// A door, for one connection.
    Door,
    /// Not enough of it yet: a new password or a second factor is owed first, and until then no code counts, neither
    /// installation-wide nor on a group. The login session, if it is one.
    Limited(Option<LoginSessionId>),
}

/// One request, job or command.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// The application.
    pub app: App,
    /// Who acts.
    pub actor: Actor,
    /// Surface, door or command line.
    pub origin: Origin,
    /// Where from, and under which name.
    pub caller: Caller,
}

impl Ctx {
    /// Now.
    pub fn now(&self) -> Millis {
        self.app.now()
    }

    /// A connection to read with.
    pub fn read(&self) -> Reader {
        self.app.db().read()
    }

    /// The database.
    pub fn db(&self) -> &Db {
        self.app.db()
    }

    /// A write transaction.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(self.app.db().begin().await?)
    }

    /// Refuses with `Forbidden` unless the actor holds a code.
    pub fn require(&self, code: &'static str) -> Result<()> {
        let is_allowed = match &self.actor {
            Actor::System(_) | Actor::Operator => true,
            Actor::Machine { codes, .. } | Actor::Account { codes, .. } => permission::holds(codes, code),
            Actor::Anonymous => false,
        };
        if is_allowed { Ok(()) } else { Err(Error::Forbidden { need: code.to_owned() }) }
    }

    /// Refuses with `Forbidden` unless the actor holds all that the codes imply.
    pub fn require_covers(&self, codes: &BTreeSet<String>) -> Result<()> {
        let is_allowed = match &self.actor {
            Actor::System(_) | Actor::Operator => true,
            Actor::Machine { codes: mine, .. } | Actor::Account { codes: mine, .. } => permission::covers(mine, codes),
            Actor::Anonymous => false,
        };
        if is_allowed { Ok(()) } else { Err(Error::Forbidden { need: "what is granted".to_owned() }) }
    }

    /// The person who acts, if it is one.
    pub fn account(&self) -> Option<AccountId> {
        match &self.actor {
            Actor::Account { id, .. } => Some(*id),
            Actor::System(_) | Actor::Operator | Actor::Machine { .. } | Actor::Anonymous => None,
        }
    }

    /// The display name of the person who acts.
    pub(crate) fn actor_label(&self) -> Option<&str> {
        match &self.actor {
            Actor::Account { name, .. } => name.as_deref(),
            Actor::System(_) | Actor::Operator | Actor::Machine { .. } | Actor::Anonymous => None,
        }
    }

    /// The actor as audit and job rows name it: kind, id, name.
    pub fn actor_name(&self) -> (&'static str, Option<i64>, String) {
        match &self.actor {
            Actor::System(name) => ("system", None, (*name).to_owned()),
            Actor::Operator => ("operator", None, "operator".to_owned()),
            Actor::Machine { id, label, .. } => ("machine", id.map(|id| id.0), label.clone()),
            Actor::Account { id, login, .. } => ("account", Some(id.0), login.clone()),
            Actor::Anonymous => ("anonymous", None, String::new()),
        }
    }
}
