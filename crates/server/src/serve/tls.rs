//! The certificate of the HTTP listeners, replaced while running.

use std::sync::Arc;

use anyhow::Context;
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;

/// The TLS settings in force, and the files they come from.
pub(crate) struct Tls {
    files: TlsConfig,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files; `None` without any configured.
    pub(crate) fn load(files: Option<&TlsConfig>) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(files) = files else { return Ok(None) };
        let current = watch::Sender::new(read(files)?);
        Ok(Some(Arc::new(Self { files: files.clone(), current })))
    }

    /// Reads the files again; new connections get the new certificate. If that fails, the old one stays.
    pub(crate) fn reload(&self) -> anyhow::Result<()> {
        self.current.send_replace(read(&self.files)?);
        Ok(())
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.borrow()))
    }
}

fn read(files: &TlsConfig) -> anyhow::Result<Arc<ServerConfig>> {
    let cert = || format!("http.tls.cert_file {}", files.cert_file.display());
    let key = || format!("http.tls.key_file {}", files.key_file.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&files.cert_file).with_context(cert)?.collect();
    let private = PrivateKeyDer::from_pem_file(&files.key_file).with_context(key)?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.with_context(cert)?, private)
        .with_context(|| format!("{} and {} do not belong together", cert(), key()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
