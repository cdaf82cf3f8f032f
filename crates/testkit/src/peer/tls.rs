//! Certificates that nobody vouches for, and clients that do not mind.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rcgen::{CertifiedKey, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest as _, Sha256};

/// What a client must know of a TLS server with a self-signed certificate.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The name it asks for.
    pub server_name: String,
    /// Lower-case hex of the SHA-256 of the certificate in DER. Xray pins it; the others are told not to verify.
    pub certificate_sha256: String,
}

impl Tls {
    /// For a certificate in DER.
    pub fn new(server_name: &str, certificate: &[u8]) -> Self {
        Self { server_name: server_name.to_owned(), certificate_sha256: hex::encode(Sha256::digest(certificate)) }
    }
}

/// A self-signed certificate and its key.
pub struct SelfSigned(CertifiedKey<KeyPair>);

impl SelfSigned {
    /// Makes one for `server_name`.
    pub fn new(server_name: &str) -> Result<Self> {
        Ok(Self(rcgen::generate_simple_self_signed([server_name.to_owned()])?))
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        self.0.cert.der()
    }

    /// The certificate in PEM.
    pub fn certificate_pem(&self) -> String {
        self.0.cert.pem()
    }

    /// The key in PEM.
    pub fn key_pem(&self) -> String {
        self.0.signing_key.serialize_pem()
    }
}

/// A TLS client that takes any certificate: tests know whom they talk to by having started it.
pub fn trusting_client_config() -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(AnyCertificate(provider.clone()));
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The certificate, in DER, that the TLS server at `address` shows when asked for `server_name`.
pub async fn certificate_of(address: SocketAddr, server_name: &str) -> Result<Vec<u8>> {
    let name = ServerName::try_from(server_name.to_owned())?;
    let handshake = move || -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut tls = ClientConnection::new(Arc::new(trusting_client_config()?), name)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        let chain = tls.peer_certificates().unwrap_or_default();
        Ok(chain.first().context("the server showed no certificate")?.to_vec())
    };
    tokio::task::spawn_blocking(handshake).await?
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
