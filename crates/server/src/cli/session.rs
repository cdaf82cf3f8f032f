//! `session …`: who is in, through which door

use clap::Subcommand;
use gatehouse_domain::visit;
use gatehouse_model::Millis;
use gatehouse_store::visit::VisitRow;
use serde::Serialize;
use serde_json::json;

use super::{Global, Output, open, output};

/// Rows read from the database at a time.
const PAGE: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// List open sessions, newest first
    List {
        /// Ended ones too
        #[arg(long)]
        all: bool,
        /// Only of this login
        #[arg(long)]
        login: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = PAGE)]
        limit: usize,
    },
    /// Put somebody out: the session ends within a second
    End {
        /// Id of the session, as `session list` shows it
        id: String,
    },
}

impl Session {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let opened = open::open(global).await?;
        let ctx = &opened.ctx;
        match self {
            Self::List { all, login, limit } => {
                let mut visits: Vec<VisitRow> = Vec::new();
                while visits.len() < limit {
                    let before = visits.last().map(|visit| visit.id);
                    let most = i64::try_from((limit - visits.len()).min(PAGE))?;
                    let page = visit::list(ctx, before, !all, login.as_deref(), most).await?;
                    if page.is_empty() {
                        break;
                    }
                    visits.extend(page);
                }
                let head = ["session", "door", "login", "from", "since", "until", "why", "up", "down"];
                let shown: Vec<Shown> = visits.into_iter().map(Shown::from).collect();
                output.table(head, &shown, row)?;
            }
            Self::End { id } => {
                visit::end(ctx, &id).await?;
                output.show(&json!({ "result": "asked to end" }), |_| "asked to end".to_owned())?;
            }
        }
        opened.close().await
    }
}

/// A session as it is printed. Times in milliseconds, traffic in raw bytes.
#[derive(Debug, Serialize)]
struct Shown {
    session: String,
    door: String,
    node: Option<String>,
    resource: Option<String>,
    voucher: Option<String>,
    user: Option<String>,
    purpose: Option<String>,
    login: String,
    from: Option<String>,
    since_at: Millis,
    until_at: Option<Millis>,
    ended_why: Option<String>,
    up: i64,
    down: i64,
}

impl From<VisitRow> for Shown {
    fn from(visit: VisitRow) -> Self {
        Self {
            session: visit.uuid,
            door: visit.door,
            node: visit.node_name,
            resource: visit.resource_name,
            voucher: visit.voucher_name,
            user: visit.username,
            purpose: visit.kind,
            login: visit.login,
            from: visit.from_address,
            since_at: visit.since_at,
            until_at: visit.until_at,
            ended_why: visit.ended_why,
            up: visit.up,
            down: visit.down,
        }
    }
}

impl Shown {
    /// The door and where it leads: a proxy node, or user, resource and purpose.
    fn way(&self) -> String {
        match (&self.node, &self.user, &self.resource, &self.purpose) {
            (Some(node), ..) => format!("{} ({node})", self.door),
            (None, Some(user), Some(resource), Some(purpose)) => {
                format!("{} ({user}@{resource}, {purpose})", self.door)
            }
            _ => self.door.clone(),
        }
    }
}

fn row(visit: &Shown) -> [String; 9] {
    [
        visit.session.clone(),
        visit.way(),
        visit.login.clone(),
        visit.from.clone().unwrap_or_default(),
        output::time(Some(visit.since_at)),
        output::time(visit.until_at),
        visit.ended_why.clone().unwrap_or_default(),
        visit.up.to_string(),
        visit.down.to_string(),
    ]
}
