//! The TLS client configuration: one for the process, built on first use.
//!
//! 1. The cryptography is ring, named explicitly: nothing depends on a process-wide default, and a second
//!    back-end in the same program cannot make it panic.
//! 2. The roots are the machine's own (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured), so a company's
//!    certificate authority works. Reading them costs 5 to 13 ms of CPU, hence once.
//! 3. Certificates that cannot be read are skipped and counted: machines have odd ones.
//!
//! A private authority or a test passes its own configuration to
//! [`TcpConnector::with_tls`](crate::TcpConnector::with_tls); [`with_roots`] builds one.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

struct Native {
    config: Arc<ClientConfig>,
    roots: NativeRoots,
}

/// What was found of the machine's root certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NativeRoots {
    /// Certificates in use. With none, no server can be trusted.
    pub accepted: usize,
    /// Certificates or places that could not be read.
    pub ignored: usize,
}

/// The process's shared configuration. The first call reads the root certificates, on the calling thread.
#[must_use]
pub fn shared() -> Arc<ClientConfig> {
    Arc::clone(&native().config)
}

/// What the shared configuration found. Builds it if it is not there yet.
#[must_use]
pub fn native_roots() -> NativeRoots {
    native().roots
}

/// A configuration that trusts these roots and no others.
#[must_use]
pub fn with_roots(roots: RootCertStore) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring's default suites serve TLS 1.2 and 1.3, so the versions cannot be inconsistent")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn native() -> &'static Native {
    static NATIVE: OnceLock<Native> = OnceLock::new();
    NATIVE.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a root certificate was skipped");
        }
        let mut store = RootCertStore::empty();
        let (accepted, unusable) = store.add_parsable_certificates(found.certs);
        let roots = NativeRoots { accepted, ignored: unusable + found.errors.len() };
        tracing::debug!(accepted, ignored = roots.ignored, "root certificates loaded");
        Native { config: with_roots(store), roots }
    })
}
