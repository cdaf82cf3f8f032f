//! Counters of one NAS (specs/radius.md §10). Those of every packet are looked up once, the rare ones when they happen.

use std::time::Duration;

use gatehouse_domain::radius::report::Status;
use metrics::{Counter, Histogram};

/// The counters.
pub(crate) struct Meter {
    nas: String,
    pub(crate) requests: Counter,
    pub(crate) accepts: Counter,
    pub(crate) duplicates: Counter,
    access_seconds: Histogram,
    accounting_seconds: Histogram,
    reports: [(Status, Counter); 5],
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Meter").field(&self.nas).finish()
    }
}

impl Meter {
    pub(crate) fn new(nas: &str) -> Self {
        let nas = nas.to_owned();
        let seconds =
            |kind: &'static str| metrics::histogram!("gatehouse_radius_seconds", "nas" => nas.clone(), "kind" => kind);
        let reports = [Status::Start, Status::Stop, Status::Interim, Status::On, Status::Off].map(|status| {
            let kind = status.as_str();
            (status, metrics::counter!("gatehouse_radius_accounting_total", "nas" => nas.clone(), "kind" => kind))
        });
        Self {
            requests: metrics::counter!("gatehouse_radius_requests_total", "nas" => nas.clone()),
            accepts: metrics::counter!("gatehouse_radius_accepts_total", "nas" => nas.clone()),
            duplicates: metrics::counter!("gatehouse_radius_duplicates_total", "nas" => nas.clone()),
            access_seconds: seconds("access"),
            accounting_seconds: seconds("accounting"),
            reports,
            nas,
        }
    }

    pub(crate) fn dropped(&self, reason: &'static str) {
        dropped(&self.nas, reason);
    }

    pub(crate) fn rejected(&self, reason: &'static str) {
        metrics::counter!("gatehouse_radius_rejects_total", "nas" => self.nas.clone(), "reason" => reason).increment(1);
    }

    pub(crate) fn reported(&self, status: Status) {
        self.reports.iter().filter(|(of, _)| *of == status).for_each(|(_, counter)| counter.increment(1));
    }

    pub(crate) fn access_took(&self, time: Duration) {
        self.access_seconds.record(time);
    }

    pub(crate) fn accounting_took(&self, time: Duration) {
        self.accounting_seconds.record(time);
    }
}

/// Counts a packet that nobody answers; `nas` is empty for an unknown source.
pub(crate) fn dropped(nas: &str, reason: &'static str) {
    metrics::counter!("gatehouse_radius_drops_total", "nas" => nas.to_owned(), "reason" => reason).increment(1);
}

/// Counts what became of an order to a NAS.
pub(crate) fn ordered(nas: &str, order: &'static str, outcome: String) {
    metrics::counter!("gatehouse_radius_orders_total", "nas" => nas.to_owned(), "order" => order, "outcome" => outcome)
        .increment(1);
}
