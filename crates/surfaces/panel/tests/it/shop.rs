//! A shop for stories about orders: plans, buyers, payments to staff.

use std::sync::Arc;

use gatehouse_domain::{Settings, ledger};
use gatehouse_testkit::Engine;
use serde_json::{Value, json};

use crate::support::{self, Answer, Surface};

pub(crate) struct Shop {
    pub(crate) surface: Surface,
    pub(crate) admin: String,
}

pub(crate) async fn on(engine: Engine) -> Arc<Shop> {
    let surface = support::on(engine, Settings::default()).await;
    let admin = surface.admin().await;
    Arc::new(Shop { surface, admin })
}

/// The same on SQLite.
pub(crate) async fn shop() -> Arc<Shop> {
    on(Engine::Sqlite).await
}

impl Shop {
    /// Makes a plan that is for sale; what `with` says of it wins. Gives its number.
    pub(crate) async fn plan(&self, with: Value) -> i64 {
        let mut plan = json!({
            "name": "plan",
            "transfer_enable": 100,
            "show": 1,
            "prices": {"monthly": 10, "quarterly": "27.00", "yearly": 99.9, "onetime": 50, "reset_traffic": 3},
        });
        plan.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        self.staff("plan/save", plan).await;
        let plans = self.surface.get(&self.admin, "v2/{sp}/plan/fetch").await.data();
        plans.as_array().unwrap().iter().map(|plan| plan["id"].as_i64().unwrap()).max().unwrap()
    }

    /// A call of staff that succeeds.
    pub(crate) async fn staff(&self, path: &str, body: Value) -> Value {
        self.surface.post(&self.admin, &format!("v2/{{sp}}/{path}"), body).await.data()
    }

    /// Saves settings.
    pub(crate) async fn set(&self, settings: Value) {
        self.staff("config/save", settings).await;
    }

    /// Makes a user with so much balance; gives his token.
    pub(crate) async fn buyer(&self, email: &str, balance: i64) -> String {
        self.surface.user(email).await;
        let token = self.surface.login(email).await;
        if balance > 0 {
            let deposit = json!({"plan_id": 0, "period": "deposit", "deposit_amount": balance});
            let trade_no = self.surface.post(&token, "v1/user/order/save", deposit).await.data();
            self.staff("order/paid", json!({"trade_no": trade_no})).await;
        }
        token
    }

    pub(crate) async fn save(&self, token: &str, plan: i64, period: &str) -> Answer {
        self.surface.post(token, "v1/user/order/save", json!({"plan_id": plan, "period": period})).await
    }

    pub(crate) async fn checkout(&self, token: &str, trade_no: &Value) -> Answer {
        self.surface.post(token, "v1/user/order/checkout", json!({"trade_no": trade_no})).await
    }

    pub(crate) async fn cancel(&self, token: &str, trade_no: &Value) -> Answer {
        self.surface.post(token, "v1/user/order/cancel", json!({"trade_no": trade_no})).await
    }

    /// Buys a plan from the balance, or by paying staff what the balance lacks.
    pub(crate) async fn buy(&self, token: &str, plan: i64, period: &str) -> Value {
        let trade_no = self.save(token, plan, period).await.data();
        if self.order(token, &trade_no).await["total_amount"] == 0 {
            assert_eq!(self.checkout(token, &trade_no).await.json(), json!({"type": -1, "data": true}));
        } else {
            self.staff("order/paid", json!({"trade_no": trade_no})).await;
        }
        trade_no
    }

    pub(crate) async fn order(&self, token: &str, trade_no: &Value) -> Value {
        let trade_no = trade_no.as_str().unwrap();
        self.surface.get(token, &format!("v1/user/order/detail?trade_no={trade_no}")).await.data()
    }

    pub(crate) async fn info(&self, token: &str) -> Value {
        self.surface.get(token, "v1/user/info").await.data()
    }

    pub(crate) async fn balance(&self, token: &str) -> i64 {
        self.info(token).await["balance"].as_i64().unwrap()
    }

    pub(crate) async fn subscription(&self, token: &str) -> Value {
        self.surface.get(token, "v1/user/getSubscribe").await.data()
    }

    /// Does what is due in a minute from now.
    pub(crate) async fn minute(&self) {
        self.surface.test.advance(std::time::Duration::from_mins(1));
        self.surface.test.run_due_periodic().await.unwrap();
    }

    /// Asserts that the ledger adds up.
    pub(crate) async fn adds_up(&self) {
        let found = ledger::check::check(&mut self.surface.test.app.db().read()).await.unwrap();
        assert!(found.is_empty(), "{found:?}");
    }
}
