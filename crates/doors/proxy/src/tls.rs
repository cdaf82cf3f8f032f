//! Certificates of TLS listeners: loaded from PEM, replaced while running.

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use gatehouse_domain::proxy::node::Certificate;
use rustls::{
    CipherSuite, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

/// What a listener offers: what it speaks to strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpn {
    /// Over TCP; the fallback speaks nothing else.
    Http1,
    /// Over QUIC.
    Http3,
}

/// Why a certificate cannot be used. Never shows key material.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadCertificate {
    #[error("certificate file: {0}")]
    Io(#[from] io::Error),
    #[error("certificate or key is not PEM: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
    #[error("certificate chain is empty")]
    Empty,
    #[error("certificate: {0}")]
    Tls(#[from] rustls::Error),
    #[error("no cipher suite of QUIC")]
    Quic,
}

/// A listener's TLS: whatever name a client asks for, it gets the one certificate.
pub(crate) struct Tls {
    source: Certificate,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    stamps: Mutex<Option<[Stamp; 2]>>,
}

/// When a file changed and how long it is.
type Stamp = (Option<SystemTime>, u64);

struct Current(ArcSwap<CertifiedKey>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Loads the certificate of a node.
    pub(crate) fn load(source: &Certificate, alpn: Alpn) -> Result<Self, BadCertificate> {
        let provider = Arc::new(provider());
        let stamps = stamps(source);
        let current = Arc::new(Current(ArcSwap::from_pointee(load(source, &provider)?)));
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = match alpn {
            Alpn::Http1 => builder.with_safe_default_protocol_versions()?,
            Alpn::Http3 => builder.with_protocol_versions(&[&TLS13])?,
        };
        let mut config =
            builder.with_no_client_auth().with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.ignore_client_order = true;
        config.alpn_protocols = match alpn {
            Alpn::Http1 => vec![b"http/1.1".to_vec()],
            Alpn::Http3 => vec![b"h3".to_vec()],
        };
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Self { source: source.clone(), current, config: Arc::new(config), stamps: Mutex::new(stamps) })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Loads the files again if they changed. A bad new file keeps the old certificate.
    pub(crate) fn reload(&self) -> Result<(), BadCertificate> {
        let now = stamps(&self.source);
        let mut before = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        if *before == now {
            return Ok(());
        }
        *before = now;
        self.current.0.store(Arc::new(load(&self.source, self.config.crypto_provider())?));
        Ok(())
    }
}

/// AES-128 first, as Go's servers have it: OpenSSL's clients would ask for AES-256, which is dearer for both ends.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

fn stamps(source: &Certificate) -> Option<[Stamp; 2]> {
    let stamp = |path: &str| Path::new(path).metadata().map_or((None, 0), |meta| (meta.modified().ok(), meta.len()));
    match source {
        Certificate::File { cert_file, key_file } => Some([stamp(cert_file), stamp(key_file)]),
        Certificate::Content { .. } => None,
    }
}

fn load(source: &Certificate, provider: &CryptoProvider) -> Result<CertifiedKey, BadCertificate> {
    let (chain, key) = match source {
        Certificate::File { cert_file, key_file } => (std::fs::read(cert_file)?, std::fs::read(key_file)?),
        Certificate::Content { cert_pem, key_pem, .. } => (cert_pem.clone().into_bytes(), key_pem.clone().into_bytes()),
    };
    let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>()?;
    if chain.is_empty() {
        return Err(BadCertificate::Empty);
    }
    Ok(CertifiedKey::from_der(chain, PrivateKeyDer::from_pem_slice(&key)?, provider)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_loaded_and_a_bad_one_keeps_the_old() {
        let (old_cert, old_key) = crate::testing::certificate("old.example.net");
        let (new_cert, new_key) = crate::testing::certificate("new.example.net");
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let write = |cert: &str, key: &str| {
            std::fs::write(path("cert"), cert).unwrap();
            std::fs::write(path("key"), key).unwrap();
        };
        write(&old_cert, &old_key);
        let tls =
            Tls::load(&Certificate::File { cert_file: path("cert"), key_file: path("key") }, Alpn::Http1).unwrap();
        let served = || tls.current.0.load().cert[0].to_vec();
        let old = served();
        tls.reload().unwrap();
        assert_eq!(served(), old);
        write("nonsense", "nonsense");
        assert!(tls.reload().is_err());
        assert_eq!(served(), old);
        write(&new_cert, &format!("{new_key}\n"));
        tls.reload().unwrap();
        assert_ne!(served(), old);
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (cert_pem, _) = crate::testing::certificate("a.example.net");
        let (_, key_pem) = crate::testing::certificate("b.example.net");
        assert!(Tls::load(&Certificate::Content { cert_pem, key_pem, is_self_signed: true }, Alpn::Http1).is_err());
    }
}
