//! `doctor`: looks at everything and says what to do

mod certificate;
mod external;

use std::{
    net::{TcpListener, UdpSocket},
    path::Path,
    time::Duration,
};

use clap::Args;
use gatehouse_domain::{
    Ctx,
    doctor::{self, Finding, Level},
    proxy::node::Certificate,
};
use gatehouse_model::Millis;

use super::{Global, Output, open};
use crate::{
    config::{Config, Listen},
    serve::{connection_limit, signal},
};

/// A certificate that ends sooner is reported.
const CERTIFICATE_MARGIN: Duration = Duration::from_hours(21 * 24);

/// Has no arguments of its own.
#[derive(Debug, Args)]
pub(crate) struct Doctor;

impl Doctor {
    /// Prints all findings; fails when something does not work.
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let config = global.load()?;
        let opened = open::open_configured(config).await?;
        let (ctx, config) = (&opened.ctx, &opened.config);
        let mut findings = configuration(config);
        let found = doctor::examine(ctx).await?;
        let is_serving = found.iter().any(|finding| finding.area == "servers" && finding.level == Level::Ok);
        if !is_serving {
            findings.extend(ports(config));
        }
        findings.extend(found);
        findings.extend(certificates(ctx, config));
        findings.extend(external::servers(ctx).await);
        findings.extend(external::push(ctx));
        output.table(["state", "area", "found", "advice"], &findings, |finding| {
            let state = match finding.level {
                Level::Ok => "ok",
                Level::Warn => "warning",
                Level::Fail => "PROBLEM",
            };
            let advice = finding.advice.clone().unwrap_or_default();
            [state.to_owned(), finding.area.to_owned(), finding.message.clone(), advice]
        })?;
        let problems = findings.iter().filter(|finding| finding.level == Level::Fail).count();
        opened.close().await?;
        anyhow::ensure!(problems == 0, "{problems} of {} findings are problems", findings.len());
        Ok(())
    }
}

fn finding(level: Level, area: &'static str, message: impl Into<String>, advice: &str) -> Finding {
    let advice = Some(advice.to_owned()).filter(|advice| !advice.is_empty());
    Finding { level, area, message: message.into(), advice }
}

fn configuration(config: &Config) -> Vec<Finding> {
    let valid = match config.serving_refusal() {
        None => finding(Level::Ok, "configuration", "valid", ""),
        Some(refusal) => finding(Level::Fail, "configuration", refusal, "see `gatehouse check-config`"),
    };
    let files = signal::raise_open_files();
    let wanted = config.http.max_connections;
    let held = connection_limit(wanted, files);
    let open_files = if held < wanted {
        let message = format!("{files} may be open: {held} connections instead of http.max_connections = {wanted}");
        finding(Level::Warn, "open files", message, "raise LimitNOFILE or `ulimit -Hn`, or lower http.max_connections")
    } else {
        finding(Level::Ok, "open files", format!("{files} may be open"), "")
    };
    vec![valid, open_files]
}

/// Without a running server every configured port must be free.
fn ports(config: &Config) -> Vec<Finding> {
    let listens = [
        ("http.listen", &config.http.listen),
        ("oa.listen", &config.oa.listen),
        ("vpn.listen", &config.vpn.listen),
        ("billing.listen", &config.billing.listen),
        ("metrics.listen", &config.metrics.listen),
    ];
    let none = Listen::default();
    let radius = |listen| if config.settings.radius.enabled { listen } else { &none };
    let packets = [("radius.auth", radius(&config.radius.auth)), ("radius.acct", radius(&config.radius.acct))];
    let each =
        |(key, listen): (&'static str, &Listen)| listen.0.iter().map(|address| (key, *address)).collect::<Vec<_>>();
    let connections = listens.into_iter().flat_map(each);
    let connections = connections.map(|(key, address)| (key, address, TcpListener::bind(address).map(drop)));
    let packets = packets.into_iter().flat_map(each);
    let packets = packets.map(|(key, address)| (key, address, UdpSocket::bind(address).map(drop)));
    let taken = connections.chain(packets).filter_map(|(key, address, bound)| {
        let error = bound.err()?;
        Some(finding(
            Level::Fail,
            "ports",
            format!("{address} ({key}): {error}"),
            "free the port, or change the setting",
        ))
    });
    taken.collect()
}

/// Certificates of the HTTP listeners and of the nodes.
fn certificates(ctx: &Ctx, config: &Config) -> Vec<Finding> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
    let http = config.http.tls.iter().map(|tls| ("http.tls.cert_file".to_owned(), read(&tls.cert_file)));
    let nodes = ctx.app.live().nodes();
    let nodes = nodes.nodes.iter().filter_map(|node| {
        let pem = match &node.protocol.tls()?.certificate {
            Certificate::File { cert_file, .. } => read(cert_file.as_ref()),
            Certificate::Content { cert_pem, .. } => Ok(cert_pem.clone().into_bytes()),
        };
        Some((format!("node {} ({})", node.id, node.name), pem))
    });
    http.chain(nodes).map(|(what, pem)| certificate(&what, pem, ctx.now())).collect()
}

fn certificate(what: &str, pem: Result<Vec<u8>, String>, now: Millis) -> Finding {
    const AREA: &str = "certificates";
    let end = match pem.map(|pem| certificate::not_after(&pem)) {
        Ok(Some(end)) => end,
        Ok(None) => return finding(Level::Fail, AREA, format!("{what}: is no PEM certificate"), "replace the file"),
        Err(error) => return finding(Level::Fail, AREA, format!("{what}: {error}"), "make it readable"),
    };
    let date = end.to_rfc3339();
    if end <= now {
        finding(Level::Fail, AREA, format!("{what}: ended {date}"), "renew it, then send SIGHUP")
    } else if end <= now.plus(CERTIFICATE_MARGIN) {
        finding(Level::Warn, AREA, format!("{what}: ends {date}"), "renew it, then send SIGHUP")
    } else {
        finding(Level::Ok, AREA, format!("{what}: until {date}"), "")
    }
}
