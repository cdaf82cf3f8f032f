//! `serve` and its names in the original, `runProd` and `runDebug`

use clap::Args;

use super::{BadUsage, Global, open};
use crate::serve::{self, log};

/// What kind of server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Serve,
    Prod,
    Debug,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address and port of the shared HTTP listener [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Address and port of /metrics, /healthz and /readyz [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics_listen: Option<String>,
    /// Own listener of the oa surface
    #[arg(long, value_name = "ADDRESS:PORT")]
    oa_listen: Option<String>,
    /// Address of proxy nodes that name none [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    proxy_listen: Option<String>,
}

impl Serve {
    pub(crate) async fn run(self, global: &Global, mode: Mode) -> anyhow::Result<()> {
        let mut sources = if mode == Mode::Serve { global.sources() } else { global.sources_as_original() };
        sources.flag("--listen", "http.listen", self.listen);
        sources.flag("--metrics-listen", "metrics.listen", self.metrics_listen);
        sources.flag("--oa-listen", "oa.listen", self.oa_listen);
        sources.flag("--proxy-listen", "proxy.listen", self.proxy_listen);
        if mode == Mode::Debug {
            sources.flag("runDebug", "log.filter", Some("debug"));
        }
        let config = super::Config::load(sources)?;
        if let Some(refusal) = config.serving_refusal() {
            return Err(BadUsage(refusal).into());
        }
        let copy = (mode == Mode::Debug).then(|| config.data_dir.join("log/vpnHelper.log"));
        log::init(&config.log, copy.as_deref())?;
        let listeners = serve::Listeners::bind(&config)?;
        let app = open::open_app(&config).await?;
        serve::run(app, &config, listeners, serve::announce).await
    }
}
