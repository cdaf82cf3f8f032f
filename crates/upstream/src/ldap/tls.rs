//! Whom a directory's certificate must come from.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};

use super::directory::Directory;
use crate::SettingsError;

/// A client that verifies certificates against `ca_file`, or against the system's authorities.
pub(super) fn client_config(directory: &Directory) -> Result<Arc<ClientConfig>, SettingsError> {
    let wrong = |what| SettingsError { name: directory.name.clone(), what };
    let mut roots = RootCertStore::empty();
    if let Some(path) = &directory.ca_file {
        for certificate in read(path).map_err(wrong)? {
            let added = roots.add(certificate);
            added.map_err(|error| wrong(format!("cannot use a certificate of {}: {error}", path.display())))?;
        }
    } else {
        // What it could not read is missed by whoever needs it, in the handshake.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error| format!("cannot read `ca_file` {}: {error}; it must hold certificates in PEM", path.display());
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect();
    let found = found.map_err(wrong)?;
    if found.is_empty() {
        return Err(format!("`ca_file` {} holds no certificate in PEM", path.display()));
    }
    Ok(found)
}
