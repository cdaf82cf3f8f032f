//! `doctor`: looks at configuration, database, keys, ports, nodes and the audit chain, and says what to do

mod certificate;
mod node;

use std::path::Path;

use clap::Args;
use gatehouse_domain::{App, audit, oa::token, proxy::user};
use gatehouse_model::Millis;
use gatehouse_store::{Engine, process};
use serde::Serialize;

use super::{Global, Output, open};
use crate::{config::Config, serve::signal};

/// A certificate that ends sooner is reported.
const CERTIFICATE_MARGIN: std::time::Duration = std::time::Duration::from_hours(21 * 24);

/// A process that was not seen for so long does not run.
const PROCESS_SEEN: std::time::Duration = std::time::Duration::from_secs(30);

/// Has no arguments of its own.
#[derive(Debug, Args)]
pub(crate) struct Doctor;

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    state: State,
    /// What was found, and what to do about it.
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// Works, with a risk to know of.
    Warning,
    /// Does not work.
    Problem,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, state: State, what: impl Into<String>, text: impl Into<String>) {
        self.0.push(Finding { what: what.into(), state, text: text.into() });
    }
}

impl Doctor {
    /// Prints all findings; fails when there is a problem.
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let config = global.load()?;
        let mut findings = Findings::default();
        configuration(&config, &mut findings);
        let opened = open::open_configured(config).await?;
        let (app, config) = (&opened.ctx.app, &opened.config);
        database(app, &mut findings).await?;
        keys(&opened.ctx, &mut findings).await?;
        audit_chain(app, &mut findings).await?;
        node::look(&opened.ctx, config, &mut findings).await?;
        let problems = findings.0.iter().filter(|finding| finding.state == State::Problem).count();
        output.table(["state", "what", "found"], &findings.0, |finding| {
            let state = match finding.state {
                State::Ok => "ok",
                State::Warning => "warning",
                State::Problem => "PROBLEM",
            };
            [state.to_owned(), finding.what.clone(), finding.text.clone()]
        })?;
        opened.close().await?;
        if problems > 0 { Err(anyhow::anyhow!("{problems} problems found")) } else { Ok(()) }
    }
}

fn configuration(config: &Config, findings: &mut Findings) {
    match config.serving_refusal() {
        None => findings.add(State::Ok, "configuration", "valid"),
        Some(refusal) => findings.add(State::Problem, "configuration", refusal),
    }
    let files = signal::raise_open_files();
    let wanted = config.http.max_connections as u64;
    if files > wanted {
        findings.add(State::Ok, "open files", files.to_string());
    } else {
        let text = format!("{files}, fewer than http.max_connections = {wanted}: raise LimitNOFILE or `ulimit -Hn`");
        findings.add(State::Warning, "open files", text);
    }
    if config.settings.proxy.log_targets {
        findings.add(State::Warning, "proxy.log_targets", "visits record where users go; check that you may keep that");
    }
    if let Some(tls) = &config.http.tls {
        file_certificate("http.tls.cert_file", &tls.cert_file, gatehouse_domain::Clock::System.now(), findings);
    }
}

/// Looks at the end of a certificate in a file.
fn file_certificate(what: &str, path: &Path, now: Millis, findings: &mut Findings) {
    match std::fs::read(path) {
        Ok(pem) => pem_certificate(what, &pem, now, findings),
        Err(error) => findings.add(State::Problem, what, format!("cannot read {}: {error}", path.display())),
    }
}

fn pem_certificate(what: &str, pem: &[u8], now: Millis, findings: &mut Findings) {
    match certificate::not_after(pem) {
        None => findings.add(State::Problem, what, "is no PEM certificate"),
        Some(end) if end <= now => findings.add(State::Problem, what, format!("ended {}; renew it", end.to_rfc3339())),
        Some(end) if end <= now.plus(CERTIFICATE_MARGIN) => {
            findings.add(State::Warning, what, format!("ends {}; renew it", end.to_rfc3339()));
        }
        Some(end) => findings.add(State::Ok, what, format!("valid until {}", end.to_rfc3339())),
    }
}

async fn database(app: &App, findings: &mut Findings) -> anyhow::Result<()> {
    let engine = match app.db().engine() {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    findings.add(State::Ok, "database", format!("{engine}, schema up to date"));
    let running = process::count_running(&mut app.db().read(), app.now().minus(PROCESS_SEEN)).await?;
    match running {
        0 => findings.add(State::Warning, "servers", "none runs; start `gatehouse serve`"),
        n => findings.add(State::Ok, "servers", n.to_string()),
    }
    Ok(())
}

/// Opens every sealed value: what cannot be opened was sealed under a key that is missing.
async fn keys(ctx: &gatehouse_domain::Ctx, findings: &mut Findings) -> anyhow::Result<()> {
    let lost = "unreadable: the key ring lacks the key they were sealed with; bring its file back";
    match token::list(ctx, true).await {
        Ok(tokens) => findings.add(State::Ok, "oa tokens", tokens.len().to_string()),
        Err(error) => findings.add(State::Problem, "oa tokens", format!("{lost} ({error})")),
    }
    let (users, unreadable) = user::probe(&ctx.app).await?;
    if unreadable.is_empty() {
        findings.add(State::Ok, "proxy users", users.to_string());
    } else {
        let ids: Vec<_> = unreadable.iter().map(ToString::to_string).collect();
        findings.add(State::Problem, "proxy users", format!("{lost} (accounts {})", ids.join(", ")));
    }
    Ok(())
}

async fn audit_chain(app: &App, findings: &mut Findings) -> anyhow::Result<()> {
    let (checked, breaks) = audit::verify(app).await?;
    if breaks.is_empty() {
        findings.add(State::Ok, "audit chain", format!("{checked} links hold"));
    }
    for found in breaks {
        let text =
            format!("stream {} breaks at {}: {}; somebody changed the database", found.stream, found.seq, found.what);
        findings.add(State::Problem, "audit chain", text);
    }
    Ok(())
}
