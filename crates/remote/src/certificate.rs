//! Whose certificate is believed: the system's authorities', those of one file, or anybody's.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

/// Where systems keep the authorities they trust; `SSL_CERT_FILE` names another, as for OpenSSL.
const BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// What is believed.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Whatever comes.
    Anything,
    /// What these have signed, or one of these itself.
    Signed(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// The certificates of a file, else the system's.
    ///
    /// # Errors
    /// A file that was named has none.
    pub(crate) fn of_file(named: Option<&Path>) -> Result<Self> {
        let Some(file) = named else {
            // A system without authorities believes nobody, which is said of the certificate.
            let found = bundle().and_then(|file| certificates(&file).ok());
            return Ok(Self::Signed(found.unwrap_or_default()));
        };
        let shown = file.display();
        let found = certificates(file).with_context(|| format!("cannot read {shown}"))?;
        ensure!(!found.is_empty(), "{shown} has no certificate in PEM");
        Ok(Self::Signed(found))
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_file_iter(file)?.collect()
}

fn bundle() -> Option<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = || BUNDLES.iter().map(PathBuf::from).find(|file| file.exists());
    named.or_else(usual)
}

/// The fingerprint of the certificate that came, once one has.
pub(crate) type Seen = Arc<OnceLock<String>>;

/// TLS as it is spoken, and the certificate that was seen with it.
///
/// # Errors
/// TLS cannot be set up.
pub(crate) fn config(trust: Trust) -> Result<(ClientConfig, Seen)> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let seen = Seen::default();
    let judge = Judge::new(trust, &provider, &seen)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(judge))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((config, seen))
}

/// What to do about a certificate that was not believed.
pub(crate) fn refused(shown: &str, why: &CertificateError, fingerprint: Option<&str>) -> String {
    let why = match why {
        // The latter is of somebody with the name of one that is trusted, such as the one before.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "nobody that is trusted here has signed it".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired, or the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet, or the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        other => other.to_string(),
    };
    let print = fingerprint.unwrap_or("unknown");
    format!(
        "the certificate of {shown} is not trusted: {why}\n\
         SHA-256: {print}\n\
         Where that is what middlewared-web --show says there, name a copy of its certificate: --ca FILE.\n\
         --insecure takes any certificate, also that of somebody in between."
    )
}

/// SHA-256, as middlewared-web and OpenSSL show it.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate.as_ref());
    let mut text = String::new();
    for byte in digest.as_ref() {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

/// Judges certificates, and remembers what it has seen.
#[derive(Debug)]
struct Judge {
    /// None where no authority is trusted.
    signed: Option<Arc<WebPkiServerVerifier>>,
    named: Vec<CertificateDer<'static>>,
    takes_anything: bool,
    provider: Arc<CryptoProvider>,
    seen: Seen,
}

impl Judge {
    fn new(trust: Trust, provider: &Arc<CryptoProvider>, seen: &Seen) -> Result<Self> {
        let (named, takes_anything) = match trust {
            Trust::Anything => (Vec::new(), true),
            Trust::Signed(named) => (named, false),
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(named.iter().cloned());
        let signed = if roots.is_empty() {
            None
        } else {
            let provider = Arc::clone(provider);
            Some(WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?)
        };
        Ok(Self {
            signed,
            named,
            takes_anything,
            provider: Arc::clone(provider),
            seen: Arc::clone(seen),
        })
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // A second one on the same connection would be another handshake, which TLS 1.3 does not have.
        let _ = self.seen.set(fingerprint(end_entity));
        if self.takes_anything {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(signed) = &self.signed else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        let found =
            signed.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        // A certificate that signs itself as an authority may not stand for a server by the rules of
        // authorities. Whoever named that very certificate means it: it only has to be for this name.
        match found {
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_)))
                if self.named.iter().any(|named| named == end_entity) =>
            {
                let parsed = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&parsed, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            found => found,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };

    fn parameters(name: &str) -> CertificateParams {
        CertificateParams::new(vec![name.to_owned()]).unwrap()
    }

    fn self_signed(parameters: &CertificateParams) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().clone()
    }

    fn judged(
        trust: Trust,
        came: &CertificateDer<'_>,
        name: &str,
    ) -> (Result<(), rustls::Error>, Option<String>) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let seen = Seen::default();
        let judge = Judge::new(trust, &provider, &seen).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let found = judge.verify_server_cert(came, &[], &name, &[], UnixTime::now());
        (found.map(drop), seen.get().cloned())
    }

    fn signed(by: &CertificateDer<'static>) -> Trust {
        Trust::Signed(vec![by.clone()])
    }

    /// What `openssl req -x509` makes is an authority and a server in one.
    #[test]
    fn a_named_certificate_is_believed_for_its_name_alone() {
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let mut parameters = parameters("nas");
            parameters.is_ca = is_ca;
            let own = self_signed(&parameters);
            let other = self_signed(&parameters);
            assert_eq!(judged(signed(&own), &own, "nas").0, Ok(()));
            let wrong = judged(signed(&own), &own, "evil").0.unwrap_err();
            let said = match &wrong {
                rustls::Error::InvalidCertificate(why) => refused("evil:1", why, None),
                other => panic!("{other}"),
            };
            assert!(said.contains("for another name"), "{said}");
            // Another one of the same name is another one.
            assert!(judged(signed(&own), &other, "nas").0.is_err());
        }
    }

    #[test]
    fn what_a_named_authority_has_signed_is_believed() {
        let mut of_authority = parameters("authority");
        of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(of_authority, key).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = parameters("nas").signed_by(&key, &authority).unwrap();
        let trust = signed(authority.as_ref().der());
        assert_eq!(judged(trust, server.der(), "nas").0, Ok(()));
        let stranger = self_signed(&parameters("nas"));
        let (refusal, seen) = judged(signed(authority.as_ref().der()), &stranger, "nas");
        match refusal {
            Err(rustls::Error::InvalidCertificate(why)) => {
                let said = refused("nas:1", &why, Some("AA"));
                assert!(said.contains("nobody that is trusted here"), "{said}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(seen, Some(fingerprint(&stranger)));
    }

    #[test]
    fn what_is_over_is_not_believed_even_if_it_is_named() {
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let mut parameters = parameters("nas");
            parameters.is_ca = is_ca;
            parameters.not_before = date_time_ymd(2020, 1, 1);
            parameters.not_after = date_time_ymd(2021, 1, 1);
            let own = self_signed(&parameters);
            match judged(signed(&own), &own, "nas").0 {
                Err(rustls::Error::InvalidCertificate(why)) => {
                    let said = refused("nas:1", &why, Some("AA"));
                    assert!(said.contains("has expired"), "{said}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn whoever_insists_sees_the_fingerprint_all_the_same() {
        let own = self_signed(&parameters("nas"));
        let (found, seen) = judged(Trust::Anything, &own, "evil");
        assert_eq!((found, seen), (Ok(()), Some(fingerprint(&own))));
        let (found, _) = judged(Trust::Signed(Vec::new()), &own, "nas");
        assert!(found.is_err());
    }
}
