//! The one client for services that speak HTTP.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

/// To a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// To the end of the answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Bytes of an answer: ours are some kilobytes.
const LONGEST: usize = 1 << 20;

/// Made at its first use, as it reads the system's authorities; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Http(Arc<OnceCell<reqwest::Client>>);

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Http {
    /// Posts a body and reads the whole answer, within ten seconds. No redirection is followed, no proxy asked.
    pub(crate) async fn post(
        &self,
        url: &str,
        content_type: &'static str,
        bearer: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Reply, String> {
        self.post_keyed(url, content_type, bearer, None, body).await
    }

    /// The same under a key that makes it happen once, where the service knows such keys.
    pub(crate) async fn post_keyed(
        &self,
        url: &str,
        content_type: &'static str,
        bearer: Option<&str>,
        key: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Reply, String> {
        let client = self.0.get_or_try_init(make).await?;
        let mut request = client.post(url).header(CONTENT_TYPE, content_type).body(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(told)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > LONGEST {
                return Err(format!("the answer is longer than {LONGEST} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, retry_after, body })
    }
}

async fn make() -> Result<reqwest::Client, String> {
    let made = tokio::task::spawn_blocking(|| {
        let mut roots = RootCertStore::empty();
        // What could not be read is missed by whoever needs it, in the handshake.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        reqwest::Client::builder()
            .tls_backend_preconfigured(builder.with_root_certificates(roots).with_no_client_auth())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()
            .map_err(told)
    });
    made.await.map_err(|error| error.to_string())?
}

/// The error and its causes, without the address, which may hold something secret.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A form body.
pub(crate) fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    let encode = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&").into_bytes()
}
