//! The house's own pages: `/healthz`, `/readyz` and, on its own listener, `/metrics`.

use std::time::Duration;

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use gatehouse_domain::App;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::timeout;

/// A database that answers slower than this is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long recorded times may pile up.
const UPKEEP: Duration = Duration::from_secs(5);

/// `/healthz`: the process runs. `/readyz`: it can serve: the database answers and no stop is under way; else 503 with
/// the reason.
pub(crate) fn health(app: App) -> Router {
    let ready = async move || {
        if app.shutdown().is_cancelled() {
            return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
        }
        match timeout(PATIENCE, app.db().ping()).await {
            Ok(Ok(())) => (StatusCode::OK, "ready\n"),
            Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "database unavailable\n"),
        }
    };
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

/// `/metrics` in Prometheus's text form.
pub(crate) fn metrics(handle: PrometheusHandle) -> Router {
    let render = async move || {
        handle.run_upkeep();
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response()
    };
    Router::new().route("/metrics", get(render))
}

/// Counts recorded times into their buckets every few seconds. Otherwise each would be kept until somebody asks for the
/// metrics, for ever where nobody does.
pub(crate) async fn upkeep(app: App, handle: PrometheusHandle) {
    while !app.pause(UPKEEP).await {
        handle.run_upkeep();
    }
}

/// Starts to collect metrics. Times are histograms with these bounds, in seconds.
pub(crate) fn install_recorder() -> anyhow::Result<PrometheusHandle> {
    const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
    Ok(PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?)
}
