//! Self-signed certificates of TLS nodes: ECDSA P-256, ten years, made once and kept with the node (specs/proxy.md §10).

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::{Error, Result};

/// A certificate and its key, PEM.
#[derive(Debug)]
pub struct Made {
    /// Certificate.
    pub cert_pem: String,
    /// Key; a secret.
    pub key_pem: zeroize::Zeroizing<String>,
}

/// Makes a certificate for a name or address. `Invalid` when the name can stand in no certificate.
pub fn self_signed(name: &str, now: gatehouse_model::Millis) -> Result<Made> {
    let refuse = |error: rcgen::Error| Error::invalid("server_name", error.to_string());
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::internal)?;
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(refuse)?;
    params.distinguished_name.push(DnType::CommonName, name);
    let year =
        jiff::Timestamp::from_millisecond(now.0).map_err(Error::internal)?.to_zoned(jiff::tz::TimeZone::UTC).year();
    // From the start of the present year, so that a slow clock on the client does no harm.
    params.not_before = rcgen::date_time_ymd(i32::from(year), 1, 1);
    params.not_after = rcgen::date_time_ymd(i32::from(year) + 10, 12, 31);
    let certificate = params.self_signed(&key).map_err(refuse)?;
    Ok(Made { cert_pem: certificate.pem(), key_pem: zeroize::Zeroizing::new(key.serialize_pem()) })
}
