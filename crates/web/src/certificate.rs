//! The certificate: the configured one, or one that this program made for itself at its first start.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{Certificate, Config};
use crate::origin::machine_name;

/// TLS as it is served. Makes a certificate where none is configured and none was made.
///
/// # Errors
/// There is no certificate and none can be made, or it does not fit its key.
pub(crate) fn tls(config: &Config) -> anyhow::Result<Arc<ServerConfig>> {
    if config.certificate.is_none() {
        make_once(config).context("the certificate cannot be made")?;
    }
    let files = files(config);
    let shown = files.key.display();
    let key = PrivateKeyDer::from_pem_file(&files.key).with_context(|| format!("key {shown}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain(&files.chain)?, key)
        .with_context(|| format!("certificate {} with key {shown}", files.chain.display()))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

/// Where people find it, and what they compare: for `midclt 2fa web`.
///
/// # Errors
/// There is no certificate yet.
pub(crate) fn describe(config: &Config) -> anyhow::Result<String> {
    let port = config.listen.port();
    let host = config.hosts.first().cloned().unwrap_or_else(machine_name);
    if config.http {
        return Ok(format!(
            "http://localhost:{port}/, for a proxy on this machine\n"
        ));
    }
    let files = files(config);
    let print = fingerprint(&files.chain)?;
    let shown = files.chain.display();
    Ok(format!(
        "https://{host}:{port}/\ncertificate: {shown}\nSHA-256:     {print}\n"
    ))
}

/// The SHA-256 of a certificate, as browsers and `openssl x509 -fingerprint -sha256` print it.
///
/// # Errors
/// The file cannot be read, or holds none.
pub(crate) fn fingerprint(file: &Path) -> anyhow::Result<String> {
    let chain = chain(file)?;
    let first = chain.first().context("no certificate")?;
    let digest = ring::digest::digest(&ring::digest::SHA256, first);
    let pairs: Vec<_> = (digest.as_ref().iter())
        .map(|byte| format!("{byte:02X}"))
        .collect();
    Ok(pairs.join(":"))
}

/// The files that are in force.
pub(crate) fn files(config: &Config) -> Certificate {
    config.certificate.clone().unwrap_or_else(|| Certificate {
        chain: config.state_dir.join("certificate.pem"),
        key: config.state_dir.join("key.pem"),
    })
}

fn chain(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let context = || format!("certificate {}", file.display());
    let read = CertificateDer::pem_file_iter(file).with_context(context)?;
    let chain: Vec<_> = read.collect::<Result<_, _>>().with_context(context)?;
    ensure!(!chain.is_empty(), "{} holds no certificate", file.display());
    Ok(chain)
}

/// The key is written first: a certificate without one would be taken for a whole pair.
fn make_once(config: &Config) -> anyhow::Result<()> {
    let Certificate { chain, key } = files(config);
    if chain.exists() && key.exists() {
        return Ok(());
    }
    let made = DirBuilder::new().mode(0o700).create(&config.state_dir);
    if let Err(error) = made
        && error.kind() != ErrorKind::AlreadyExists
    {
        return Err(error).with_context(|| config.state_dir.display().to_string());
    }
    let pair = KeyPair::generate()?;
    let certificate = parameters(config)?.self_signed(&pair)?;
    write(&key, &pair.serialize_pem())?;
    write(&chain, &certificate.pem())?;
    tracing::info!(
        fingerprint = fingerprint(&chain)?,
        "made a certificate; compare its fingerprint before you trust it"
    );
    Ok(())
}

fn parameters(config: &Config) -> anyhow::Result<CertificateParams> {
    let machine = machine_name();
    let mut names = vec![machine.clone(), "localhost".to_owned()];
    names.extend(["127.0.0.1", "::1"].map(str::to_owned));
    names.extend(config.hosts.iter().cloned());
    names.sort_unstable();
    names.dedup();
    let mut parameters = CertificateParams::new(names)?;
    // What nobody renews must not end: people compare the fingerprint, which is then new.
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2099, 12, 31);
    (parameters.distinguished_name).push(DnType::CommonName, machine);
    Ok(parameters)
}

/// Written aside and renamed, so that there is never half a file.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let aside = path.with_extension("new");
    let context = || aside.display().to_string();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&aside).with_context(context)?;
    file.write_all(text.as_bytes()).with_context(context)?;
    file.sync_all().with_context(context)?;
    fs::rename(&aside, path).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;
    use clap::Parser;
    use std::os::unix::fs::PermissionsExt;

    fn config(directory: &Path) -> Config {
        let state = directory.join("state");
        let empty = directory.join("web.toml");
        fs::write(&empty, "hosts = [\"nas.example.org\"]\n").unwrap();
        let (empty, state) = (empty.to_str().unwrap(), state.to_str().unwrap());
        let args = ["middlewared-web", "--config", empty, "--state-dir", state];
        Config::load(&Flags::parse_from(args)).unwrap()
    }

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_private() {
        let directory = tempfile::TempDir::new().unwrap();
        let config = config(directory.path());
        tls(&config).unwrap();
        let first = describe(&config).unwrap();
        tls(&config).unwrap();
        assert_eq!(describe(&config).unwrap(), first);
        assert!(
            first.starts_with("https://nas.example.org:8443/\n"),
            "{first}"
        );
        let mode = fs::metadata(files(&config).key)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_half_made_pair_is_made_anew_and_a_broken_file_is_named() {
        let directory = tempfile::TempDir::new().unwrap();
        let config = config(directory.path());
        tls(&config).unwrap();
        fs::remove_file(files(&config).key).unwrap();
        tls(&config).unwrap();
        fs::write(files(&config).chain, "nothing").unwrap();
        let error = format!("{:#}", tls(&config).unwrap_err());
        assert!(
            error.contains("certificate.pem holds no certificate"),
            "{error}"
        );
    }
}
