//! TLS on Privet's own addresses: certificates from files, looked at again while it runs, or from an authority, and whom a
//! client's certificate stands for.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use http::header::HeaderValue;
use privet_access::Vouched;
use privet_policy::{CertificateFile, ClientAuth, ClientName, Settings, TlsSettings};
use privet_store::AcmeChallenge;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use webpki::EndEntityCert;

use crate::Error;
use crate::acme::{self, Acme, ExternalAccountKey};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Larger files hold no certificates.
const LARGEST: u64 = 1 << 20;

pub(crate) const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Who calls, by the certificate shown when the connection was made. Only the listener makes one, so no header can.
#[derive(Debug, Clone)]
pub(crate) struct ByCertificate(pub(crate) Arc<Vouched>);

/// Certificates and keys as the files have them, and who clients are.
pub(crate) struct Tls {
    settings: TlsSettings,
    clients: Clients,
    hsts: Option<HeaderValue>,
    now: RwLock<Arc<ServerConfig>>,
    acme: Option<Arc<Acme>>,
    /// The hash of what the files held when they were last looked at, whether it could be used or not.
    seen: Mutex<[u8; 32]>,
}

/// That the certificates of `settings` can be used, and the authority that issues others; `key` is that of `external_account`.
///
/// # Errors
/// [`Error::Certificate`] if they cannot; [`Error::BadCertificates`], [`Error::BadAuthority`], [`Error::BadExternalKey`] if the
/// authority cannot.
pub fn check_certificates(settings: &Settings, key: Option<&ExternalAccountKey>) -> Result<(), Error> {
    let Some(tls) = &settings.tls else { return Ok(()) };
    if let Some(wanted) = &tls.acme {
        acme::check(wanted, key)?;
    }
    Tls::new(tls, None).map(drop)
}

/// Whom certificates stand for.
struct Clients(BTreeMap<ClientName, Arc<Vouched>>);

/// Why files cannot be used for TLS. Holds their names, and nothing of what is in them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is far too large.
    #[error("`{path}` cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file without certificates.
    #[error("`{path}` holds no certificates; use PEM, with the line `-----BEGIN CERTIFICATE-----`")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file without a key.
    #[error("`{path}` holds no key; use PEM without a passphrase, such as `-----BEGIN PRIVATE KEY-----`")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A certificate of another key.
    #[error("certificate `{cert}` and key `{key}` cannot be used together")]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// Authorities that are none.
    #[error("the authorities in `{path}` cannot be used")]
    Authorities {
        /// The file.
        path: PathBuf,
    },
    /// The TLS library refused its own defaults.
    #[error("TLS cannot be set up")]
    Library(#[from] rustls::Error),
}

/// What the files hold: a certificate and a key for each pair, and the authorities of clients.
struct Files {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    client_ca: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files that `settings` name. What `acme` obtains is shown as well.
    ///
    /// # Errors
    /// [`Error::Certificate`] if they cannot be used.
    pub(crate) fn new(settings: &TlsSettings, acme: Option<&Arc<Acme>>) -> Result<Self, Error> {
        let files = Files::read(settings)?;
        let seconds = settings.hsts.map(|time| format!("max-age={}", time.as_secs()));
        Ok(Self {
            clients: Clients::of(settings),
            hsts: seconds.and_then(|text| HeaderValue::try_from(text).ok()),
            now: RwLock::new(Arc::new(files.config(settings, acme)?)),
            acme: acme.cloned(),
            seen: Mutex::new(files.hash()),
            settings: settings.clone(),
        })
    }

    /// What new connections are made with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What every reply says of TLS, if it says anything.
    pub(crate) const fn hsts(&self) -> Option<&HeaderValue> {
        self.hsts.as_ref()
    }

    /// Who is asked by the authority that issues certificates, if it asks here.
    pub(crate) fn challenged(&self) -> Option<&Arc<Acme>> {
        let acme = self.acme.as_ref();
        acme.filter(|acme| acme.challenge() == AcmeChallenge::TlsAlpn01)
    }

    /// Whom the certificate stands for that a client has shown and the TLS library has verified.
    pub(crate) fn client(&self, shown: Option<&[CertificateDer<'_>]>) -> Option<ByCertificate> {
        self.clients.find(shown?.first()?).map(ByCertificate)
    }

    /// Looks at the files for as long as it is polled.
    pub(crate) async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let tls = Arc::clone(&self);
            // A look that panics is no reason to end the others.
            let _ = tokio::task::spawn_blocking(move || tls.look()).await;
        }
    }

    /// Takes what the files hold if it is new and can be used whole; keeps what there is else.
    fn look(&self) {
        let taken = Files::read(&self.settings).and_then(|files| {
            let hash = files.hash();
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == hash {
                return Ok(false);
            }
            *seen = hash;
            drop(seen);
            let config = Arc::new(files.config(&self.settings, self.acme.as_ref())?);
            *self.now.write().unwrap_or_else(PoisonError::into_inner) = config;
            Ok(true)
        });
        match taken {
            Ok(false) => {}
            Ok(true) => tracing::info!("new certificates are in use for new connections"),
            Err(error) => {
                tracing::warn!(error = %told(&error), "the certificates have changed and cannot be used; the former ones stay in use");
            }
        }
    }
}

/// The error with what caused it.
fn told(error: &TlsError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl Files {
    fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let pair = |file: &CertificateFile| Ok((read(&file.cert)?, read(&file.key)?));
        Ok(Self {
            pairs: settings
                .certificates
                .iter()
                .map(pair)
                .collect::<Result<_, TlsError>>()?,
            client_ca: settings.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn hash(&self) -> [u8; 32] {
        let mut all = Vec::new();
        let pairs = self.pairs.iter().flat_map(|(cert, key)| [cert, key]);
        for file in pairs.chain(&self.client_ca) {
            all.extend((file.len() as u64).to_le_bytes());
            all.extend(file);
        }
        privet_crypto::sha256(&all)
    }

    fn config(&self, settings: &TlsSettings, acme: Option<&Arc<Acme>>) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut keys = Vec::with_capacity(self.pairs.len());
        for ((cert, key), names) in self.pairs.iter().zip(&settings.certificates) {
            let chain = certificates(cert).ok_or_else(|| TlsError::NoCertificate {
                path: names.cert.clone(),
            })?;
            let private = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey {
                path: names.key.clone(),
            })?;
            let pair = CertifiedKey::from_der(chain, private, &provider);
            keys.push(Arc::new(pair.map_err(|source| TlsError::Pair {
                cert: names.cert.clone(),
                key: names.key.clone(),
                source,
            })?));
        }
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])?;
        let builder = match (&self.client_ca, &settings.client_ca) {
            (Some(pem), Some(path)) => {
                let bad = || TlsError::Authorities { path: path.clone() };
                let mut roots = RootCertStore::empty();
                for certificate in certificates(pem).ok_or_else(bad)? {
                    roots.add(certificate).map_err(|_| bad())?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match settings.client_auth {
                    ClientAuth::Required => verifier,
                    ClientAuth::Optional | ClientAuth::Off => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|_| bad())?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(ByName {
            files: keys,
            acme: acme.cloned(),
        }));
        config.alpn_protocols = vec![H2.to_vec(), HTTP1.to_vec()];
        if self.client_ca.is_some() {
            // A resumed session would not look at the client's certificate again, which may have expired meanwhile.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = || {
        let length = std::fs::metadata(path)?.len();
        if length > LARGEST {
            return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
        }
        std::fs::read(path)
    };
    read().map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The certificates of a PEM text, if it has any and all of them can be read.
pub(crate) fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    all.ok().filter(|all| !all.is_empty())
}

/// Shows the first certificate that is for the name a client asks for; the very first where none is. That of an authority comes last,
/// and is whichever is in use when it is asked for.
struct ByName {
    files: Vec<Arc<CertifiedKey>>,
    acme: Option<Arc<Acme>>,
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificates", self.files.len())
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let wanted = hello
            .server_name()
            .and_then(|name| ServerName::try_from(name).ok());
        let is_for = |key: &&Arc<CertifiedKey>, name: &ServerName<'_>| {
            let parsed = key.cert.first().map(EndEntityCert::try_from);
            matches!(parsed, Some(Ok(cert)) if cert.verify_is_valid_for_subject_name(name).is_ok())
        };
        let issued = self.acme.as_ref().and_then(|acme| acme.certified());
        let all = || self.files.iter().chain(&issued);
        let named = wanted.and_then(|name| all().find(|key| is_for(key, &name)));
        named.or_else(|| all().next()).cloned()
    }
}

impl Clients {
    fn of(settings: &TlsSettings) -> Self {
        let one = |client: &privet_policy::TlsClient| {
            let who = Vouched {
                principal: client.principal.clone(),
                tenant: client.tenant.clone(),
                // Stands where a key's id does; no key's id holds a colon.
                id: format!("certificate:{}", client.principal),
                scopes: client.scopes,
            };
            (client.certificate.clone(), Arc::new(who))
        };
        Self(settings.clients.iter().map(one).collect())
    }

    /// By its key first, since that is the narrowest; then by its names in their order.
    fn find(&self, certificate: &CertificateDer<'_>) -> Option<Arc<Vouched>> {
        let certificate = EndEntityCert::try_from(certificate).ok()?;
        let key = privet_crypto::sha256(&certificate.subject_public_key_info());
        let uris = certificate
            .valid_uri_names()
            .map(|uri| ClientName::Uri(uri.to_owned()));
        let hosts = certificate
            .valid_dns_names()
            .map(|host| ClientName::Dns(host.to_ascii_lowercase()));
        let mut names = std::iter::once(ClientName::Spki(key)).chain(uris).chain(hosts);
        names.find_map(|name| self.0.get(&name).cloned())
    }
}
