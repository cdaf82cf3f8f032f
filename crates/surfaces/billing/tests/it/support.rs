//! The surface under test: its real router over the real application, subscribers and staff.

use axum::{Router, body::Body};
use gatehouse_domain::{
    Settings,
    account::{self, NewAccount, administrator, change, pass, view},
    apply::{
        self, AccountEntry, Applied, BillingEntries, BillingGroupEntry, Mode, RoleEntry, RoleGroups, StaffEntry,
        StateFile,
    },
    billing::{Who, group},
    ledger::{self, Author, Book, Event, Line, Shown},
};
use gatehouse_model::{AccountId, BillingGroupId, Login, Money, PassKind, Secret};
use gatehouse_testkit::{Engine, TestApp};
use http::{HeaderName, HeaderValue, Method, Request, header, request::Builder};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// The address of the API.
pub(crate) const API: &str = "/cgi-bin/noapi.pl";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
/// Everybody's password here.
pub(crate) const PASSWORD: &str = "a password";

pub(crate) struct Surface {
    pub(crate) test: TestApp,
    pub(crate) router: Router,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Headers in order of their names, one line each.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The object that every answer of the API is.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.head.contains("content-type: application/json; charset=utf-8"), "{}", self.head);
        let value: Value = serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body));
        let object = value.as_object().unwrap();
        if let Some(error) = object.get("error") {
            assert!(object.len() == 2 && object["err_cod"].is_string() && error != "", "{}", self.body);
        }
        value
    }

    /// `err_cod`, `ok` where there is none.
    pub(crate) fn code(&self) -> String {
        self.json().get("err_cod").map_or("ok".to_owned(), |code| code.as_str().unwrap().to_owned())
    }
}

/// The surface with default settings on SQLite.
pub(crate) async fn surface() -> Surface {
    with(Settings::default()).await
}

pub(crate) async fn with(settings: Settings) -> Surface {
    let test = TestApp::with(Engine::Sqlite, settings).await.unwrap();
    let router = gatehouse_billing::router(test.app.clone());
    let surface = Surface { test, router };
    change::set_password(&surface.test.operator(), administrator::LOGIN, &Secret::new(PASSWORD)).await.unwrap();
    surface
}

/// Percent-encodes what a query cannot hold.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

impl Surface {
    pub(crate) async fn exchange(&self, request: Builder, body: impl Into<Body>) -> Answer {
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let header = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut lines: Vec<String> = response.headers().iter().map(header).collect();
        lines.sort();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, head: lines.join("\n"), body: String::from_utf8(body.into()).unwrap() }
    }

    /// GET with a session, as the seed's lines do; an empty session sends no cookie.
    pub(crate) async fn get(&self, session: &str, query: &str) -> Answer {
        self.exchange(request(Method::GET, session, query), Body::empty()).await
    }

    /// POST of a form with a session.
    pub(crate) async fn post(&self, session: &str, query: &str, body: impl Into<Body>) -> Answer {
        self.exchange(request(Method::POST, session, query).header(header::CONTENT_TYPE, FORM), body).await
    }

    /// Logs in; gives the session.
    pub(crate) async fn login(&self, login: &str, password: &str) -> String {
        let answer = self.get("", &format!("_uu={}&_pp={}", encode(login), encode(password))).await.json();
        assert_eq!(answer["result"], "auth ok", "{answer}");
        answer["ses"].as_str().unwrap().to_owned()
    }

    /// The administrator, who holds every code.
    pub(crate) async fn admin(&self) -> String {
        self.login(administrator::LOGIN, PASSWORD).await
    }

    /// Makes an account with a pass.
    pub(crate) async fn account(&self, login: &str, kind: PassKind) -> AccountId {
        let ctx = self.test.operator();
        let password = Some(Secret::new(PASSWORD));
        let login = Login::new(login).unwrap();
        let new = NewAccount { login: login.clone(), name: None, email: None, phone: None, password };
        let id = account::create(&ctx, &new).await.unwrap();
        pass::grant(&ctx, login.as_str(), kind).await.unwrap();
        id
    }

    /// Makes a subscriber; gives account and number.
    pub(crate) async fn subscriber(&self, login: &str) -> (AccountId, i64) {
        let id = self.account(login, PassKind::Subscriber).await;
        let shown = view::show(&self.test.operator(), login).await.unwrap();
        (id, shown.subscriber.unwrap().uid)
    }

    /// Makes staff with codes on some billing groups, none: on all; gives the session.
    pub(crate) async fn staff(&self, login: &str, codes: &[&str], groups: Option<&[BillingGroupId]>) -> String {
        self.account(login, PassKind::Staff).await;
        let known = self.groups().await;
        let named = |groups: &[BillingGroupId]| {
            let names = known.iter().filter(|(id, _)| groups.contains(id)).map(|(_, name)| name.clone());
            RoleGroups::Some(names.collect())
        };
        let role = RoleEntry {
            code: login.to_owned(),
            codes: Some(codes.iter().map(|code| (*code).to_owned()).collect()),
            billing_groups: groups.map(named),
            ..RoleEntry::default()
        };
        let staff = StaffEntry { roles: Some([login.to_owned()].into()), ..StaffEntry::default() };
        let account = AccountEntry { login: login.to_owned(), staff: Some(staff), ..AccountEntry::default() };
        self.apply(&StateFile { role: vec![role], account: vec![account], ..StateFile::default() }).await;
        self.login(login, PASSWORD).await
    }

    /// Makes a billing group.
    pub(crate) async fn group(&self, name: &str) -> BillingGroupId {
        let group = BillingGroupEntry { name: name.to_owned(), ..BillingGroupEntry::default() };
        let billing = BillingEntries { group: vec![group], ..BillingEntries::default() };
        self.apply(&StateFile { billing, ..StateFile::default() }).await;
        self.groups().await.into_iter().find(|(_, known)| known == name).unwrap().0
    }

    async fn groups(&self) -> Vec<(BillingGroupId, String)> {
        let Ok(groups) = group::list(&Who::operator(self.test.operator())).await else { panic!("groups are listed") };
        groups.into_iter().map(|group| (group.id, group.name)).collect()
    }

    async fn apply(&self, file: &StateFile) {
        let applied = apply::apply(&self.test.operator(), file, Mode::Write).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
    }

    /// Pays into a wallet.
    pub(crate) async fn pay(&self, account: AccountId, amount: Money, comment: &str) {
        let ctx = self.test.operator();
        let mut tx = ctx.begin().await.unwrap();
        let key = format!("staff:{}", self.test.app.request_id());
        let shown =
            Shown { kind: ledger::kind::CASH, at: None, reason: "internal", comment, reference: None, settles: None };
        let lines = [Line::wallet(account, amount, shown), Line::house(Book::Clearing("cash"), amount.negated())];
        let author = Author::staff(&ctx, 7);
        let event = Event { key: &key, reason: "test.pay", author: &author, lines: &lines };
        ledger::post(&ctx, &mut tx, "UAH", &event).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Runs SQL behind the application's back.
    pub(crate) async fn execute(&self, sql: &str) {
        self.test.execute(sql).await.unwrap();
    }
}

/// A request with a session.
pub(crate) fn request(method: Method, session: &str, query: &str) -> Builder {
    let request = Request::builder().method(method).uri(format!("{API}?{query}")).header(header::HOST, "bill.example");
    if session.is_empty() { request } else { request.header(header::COOKIE, format!("noses={session}")) }
}
