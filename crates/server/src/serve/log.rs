//! Log lines on standard error, and for `runDebug` also in a file.

use std::{fs::File, io, path::Path, sync::Arc};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    Layer, Registry,
    filter::{FilterExt, Targets, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    registry::LookupSpan,
};

use crate::config::{LogConfig, LogFormat};

/// Starts logging; `copy` is a file that gets the same lines, started afresh.
pub(crate) fn init(config: &LogConfig, copy: Option<&Path>) -> anyhow::Result<()> {
    let copy = copy.map(start_file).transpose()?;
    let subscriber = Registry::default()
        .with(layer(config, io::stderr)?)
        .with(copy.map(|file| layer(config, Arc::new(file))).transpose()?);
    Ok(tracing::subscriber::set_global_default(subscriber)?)
}

/// Starts logging for a command that is no server: warnings only.
pub(crate) fn init_quiet() -> anyhow::Result<()> {
    init(&LogConfig { filter: "warn".to_owned(), ..LogConfig::default() }, None)
}

fn layer<S, W>(config: &LogConfig, writer: W) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter: Targets = config.filter.parse()?;
    let filter = filter.and(filter_fn(is_safe));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    Ok(match config.format {
        LogFormat::Human => lines.with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    })
}

/// The proxy library prints user keys at its lower levels: nothing below a warning of it is ever written, whatever the
/// filter says.
fn is_safe(line: &Metadata<'_>) -> bool {
    let library = line.target().strip_prefix("shadowsocks");
    !library.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '_'])) || *line.level() <= Level::WARN
}

fn start_file(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::create(path)
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(filter: &str, format: LogFormat) -> String {
        let buffer = Buffer::default();
        let config = LogConfig { format, filter: filter.to_owned() };
        let writer = buffer.clone();
        let subscriber = Registry::default().with(layer(&config, move || writer.clone()).unwrap());
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "shadowsocks::relay", "key one");
            tracing::debug!(target: "shadowsocks", "key two");
            tracing::info!(target: "shadowsocks_crypto", "key three");
            tracing::warn!(target: "shadowsocks::relay", "a warning");
            tracing::debug!(target: "shadowsocks2", port = 5, "not the library");
        });
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn keys_that_the_proxy_library_prints_never_reach_the_log() {
        for filter in ["trace", "shadowsocks=trace,info", "shadowsocks::relay=trace,shadowsocks_crypto=trace,debug"] {
            let text = written(filter, LogFormat::Human);
            assert!(!text.contains("key") && text.contains("a warning"), "{filter}: {text}");
        }
        assert!(written("debug", LogFormat::Human).contains("not the library"));
    }

    #[test]
    fn json_is_one_object_per_line() {
        let text = written("debug", LogFormat::Json);
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[1]["message"], &lines[1]["port"]), (&"not the library".into(), &5.into()));
    }
}
