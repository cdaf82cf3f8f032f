//! What the stories of the radius door share: a concentrator, VPN users, reports, and a door that does as it is told.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
};

use gatehouse_domain::{
    Ctx,
    account::{self, NewAccount},
    radius::{
        enforce::{Enforcer, Enforcing, Order, Outcome, Stay},
        nas::{self, Nas, NasSettings, NasSpec},
        report::{Counter, Report, Status},
    },
};
use gatehouse_model::{AccountId, Login, Secret};
use gatehouse_testkit::TestApp;

/// Where reports come from.
pub(crate) const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));

/// Makes an entry, and gives it as the door has it.
pub(crate) async fn concentrator(app: &TestApp, settings: NasSettings) -> anyhow::Result<Arc<Nas>> {
    let spec = NasSpec {
        name: "gate".into(),
        network: "192.0.2.0/24".parse()?,
        secret: Secret::new("a secret of the tests"),
        coa_secret: None,
        settings,
    };
    nas::save(&app.operator(), &spec).await?;
    app.app.live().refresh(&app.app).await?;
    Ok(app.app.live().nas().find(SOURCE).cloned().expect("the entry holds the source"))
}

/// Makes a live VPN user in a group, without the staged detour.
pub(crate) async fn user(app: &TestApp, login: &str, group: i64, expires_at: Option<i64>) -> anyhow::Result<AccountId> {
    let password = Some(Secret::new("open sesame"));
    let new = NewAccount { login: Login::new(login)?, name: None, email: None, phone: None, password };
    let id = account::create(&app.operator(), &new).await?;
    let expires_at = expires_at.map_or("NULL".to_owned(), |at| at.to_string());
    let columns = "account_id, vpn_group_id, note, phone, is_enabled, is_public, expires_at, inherits_auth, inherits_policy, methods, \
                   is_any_of, token_server_id, policy_set_id, created_at, updated_at";
    let values = format!("{id}, {group}, 'n', '1', TRUE, FALSE, {expires_at}, TRUE, TRUE, 1, FALSE, 0, 0, 0, 0");
    app.execute(&format!(
        "INSERT INTO vpn_pass ({columns}, is_password_staged, seal_ref) VALUES ({values}, FALSE, 'r{id}'); \
         INSERT INTO vpn_pass_live ({columns}) VALUES ({values})"
    ))
    .await?;
    Ok(id)
}

/// Makes a live VPN group.
pub(crate) async fn group(app: &TestApp, id: i64, parent: i64, path: &str) -> anyhow::Result<()> {
    for table in ["vpn_group", "vpn_group_live"] {
        app.execute(&format!(
            "INSERT INTO {table} (id, name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, forces_auth, \
             forces_policy, methods, is_any_of, token_server_id, policy_set_id, created_at, updated_at) VALUES \
             ({id}, 'g{id}', '{path}', {parent}, '', TRUE, TRUE, TRUE, TRUE, FALSE, FALSE, 1, FALSE, 0, 0, 0, 0)"
        ))
        .await?;
    }
    Ok(())
}

/// A context as the door has it.
pub(crate) fn door(app: &gatehouse_domain::App) -> Ctx {
    app.ctx(gatehouse_domain::Actor::System("radius"), gatehouse_model::Origin::System)
}

/// A report of a user's session.
pub(crate) fn report(status: Status, session: &str, user: &str) -> Report {
    let mut report = Report::new(status, SOURCE, session);
    report.user_name = user.into();
    report.calling_station = Some("203.0.113.9".into());
    report
}

/// The same with counters, all from the beginning of the session.
pub(crate) fn counted(status: Status, session: &str, user: &str, (seconds, up, down): (u32, u32, u32)) -> Report {
    let octets = |octets| Counter { octets: Some(octets), gigawords: None, packets: Some(octets / 100) };
    Report { session_time: Some(seconds), input: octets(up), output: octets(down), ..report(status, session, user) }
}

/// A door that answers what it is told to, and remembers what was asked of it.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    outcomes: Mutex<VecDeque<Outcome>>,
    seen: Mutex<Vec<(Stay, Order)>>,
}

impl Fake {
    /// Serves a process; silent once it has given these outcomes.
    pub(crate) fn serve(app: &gatehouse_domain::App, outcomes: impl IntoIterator<Item = Outcome>) -> Arc<Self> {
        let fake = Arc::new(Self { outcomes: Mutex::new(outcomes.into_iter().collect()), seen: Mutex::default() });
        app.serve_enforcer(fake.clone());
        fake
    }

    /// What was asked since the last time.
    pub(crate) fn seen(&self) -> Vec<(Stay, Order)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Enforcer for Fake {
    fn enforce(&self, stay: Stay, order: Order) -> Enforcing {
        self.seen.lock().unwrap().push((stay, order));
        let outcome = self.outcomes.lock().unwrap().pop_front().unwrap_or(Outcome::Silent);
        Box::pin(async move { outcome })
    }
}
