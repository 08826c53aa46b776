//! `[tls]`: as written, and as checked.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use privet_types::{KeyScopes, Principal, TenantId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::acme::{self, AcmeFile, AcmeSettings};
use super::check::full_path;
use crate::Period;
use crate::key_path::{Fault, KeyPath};

/// Longest name in a certificate: RFC 1035 for hosts; SPIFFE for URIs has 2048.
const LONGEST_NAME: usize = 2048;

/// The `[tls]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFile {
    /// The certificate (PEM), with those that lead from it to its authority. With it every address of Privet speaks TLS.
    pub cert: Option<PathBuf>,
    /// The key of that certificate (PEM).
    pub key: Option<PathBuf>,
    /// Further certificates, for other names. The first whose certificate is for the name that a client asks for is shown.
    pub names: Vec<CertificateFile>,
    /// A certificate that an authority issues, and renews in time, in the place of `cert` and `key` or beside them.
    pub acme: Option<AcmeFile>,
    /// Says that a proxy in front speaks TLS: allows plain HTTP beyond this machine.
    pub terminated_elsewhere: bool,
    /// How long browsers shall use nothing but TLS (`Strict-Transport-Security`); `"0s"` leaves the header out.
    pub hsts: Period,
    /// The authorities (PEM) whose certificates clients may show.
    pub client_ca: Option<PathBuf>,
    /// Whether clients have to show one; `required` if left out where there is a `client_ca`.
    pub client_auth: Option<ClientAuth>,
    /// Whom a client's certificate stands for. Who shows one that is not listed needs an API key.
    pub clients: Vec<TlsClientFile>,
}

impl Default for TlsFile {
    fn default() -> Self {
        Self {
            cert: None,
            key: None,
            names: Vec::new(),
            acme: None,
            terminated_elsewhere: false,
            hsts: Period::from_secs(365 * 86_400),
            client_ca: None,
            client_auth: None,
            clients: Vec::new(),
        }
    }
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateFile {
    /// The certificate (PEM), with those that lead from it to its authority.
    pub cert: PathBuf,
    /// Its key (PEM).
    pub key: PathBuf,
}

/// Whether clients show certificates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// They are not asked for one.
    #[default]
    Off,
    /// They may.
    Optional,
    /// They must: nobody else gets a connection.
    Required,
}

/// One of `[[tls.clients]]`: by exactly one of `dns`, `uri` and `spki`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsClientFile {
    /// A DNS name in the certificate's subject alternative names; no `*`.
    #[serde(default)]
    pub dns: Option<String>,
    /// A URI there, such as `spiffe://example.org/ci`.
    #[serde(default)]
    pub uri: Option<String>,
    /// The SHA-256 of its key (`SubjectPublicKeyInfo`, DER), 64 hexadecimal digits.
    #[serde(default)]
    pub spki: Option<String>,
    /// Who that is: as the name of an API key.
    pub principal: String,
    /// In whose installation space; `default` if left out.
    #[serde(default)]
    pub tenant: Option<String>,
    /// What for; `gateway` if left out.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
}

/// TLS on Privet's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// Certificates and keys; the first is shown where no name fits. INVARIANT: at least one, or `acme`.
    pub certificates: Vec<CertificateFile>,
    /// A certificate that an authority issues; shown after those of files.
    pub acme: Option<AcmeSettings>,
    /// How long browsers shall use nothing but TLS, if they are told.
    pub hsts: Option<Duration>,
    /// The authorities of clients. INVARIANT: `None` means [`ClientAuth::Off`], and the other way round.
    pub client_ca: Option<PathBuf>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// Whom they stand for. INVARIANT: no two of one name.
    pub clients: Vec<TlsClient>,
}

/// Whom a client's certificate stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsClient {
    /// What the certificate holds.
    pub certificate: ClientName,
    /// In whose installation space.
    pub tenant: TenantId,
    /// Who calls.
    pub principal: Principal,
    /// What for.
    pub scopes: KeyScopes,
}

/// What tells a client's certificate from others of its authority.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientName {
    /// A DNS name among its subject alternative names, in small letters.
    Dns(String),
    /// A URI there, byte for byte.
    Uri(String),
    /// The SHA-256 of its `SubjectPublicKeyInfo`.
    Spki([u8; 32]),
}

/// Whether what is said beyond this machine is safe from who listens on the way.
pub(super) const fn is_safe(file: &TlsFile) -> bool {
    file.cert.is_some() || file.acme.is_some() || file.terminated_elsewhere
}

/// That plain HTTP stays on this machine. `addresses`: where Privet listens, and the keys that say so.
pub(super) fn check_addresses(
    file: &TlsFile,
    addresses: impl IntoIterator<Item = (SocketAddr, KeyPath)>,
) -> Result<(), Fault> {
    let beyond = |(address, _): &(SocketAddr, KeyPath)| !address.ip().is_loopback();
    match addresses.into_iter().find(beyond) {
        Some((_, at)) if !is_safe(file) => Err(at.fault(
            "prompts and keys would travel in the clear beyond this machine; set `cert` and `key` in `[tls]`, or `[tls.acme]`, or use a loopback address, or say with `terminated_elsewhere = true` in `[tls]` that a proxy in front speaks TLS",
        )),
        _ => Ok(()),
    }
}

pub(super) fn check(file: TlsFile, document: &Path) -> Result<Option<TlsSettings>, Fault> {
    let TlsFile {
        cert,
        key,
        names,
        acme,
        terminated_elsewhere,
        hsts,
        client_ca,
        client_auth,
        clients,
    } = file;
    let at = KeyPath::of("tls");
    let years = Period::from_secs(10 * 365 * 86_400);
    if hsts > years {
        return Err(at.key("hsts").fault(format!("use 0s to {years}")));
    }
    let first = match (cert, key) {
        (Some(cert), Some(key)) => Some(CertificateFile { cert, key }),
        (Some(_), None) => return Err(at.key("cert").fault("needs its `key`, too")),
        (None, Some(_)) => return Err(at.key("key").fault("needs its `cert`, too")),
        (None, None) if acme.is_some() => None,
        (None, None) => {
            let without = [
                (!names.is_empty(), "names"),
                (client_ca.is_some(), "client_ca"),
                (
                    client_auth.is_some_and(|auth| auth != ClientAuth::Off),
                    "client_auth",
                ),
                (!clients.is_empty(), "clients"),
            ];
            return match without.into_iter().find(|(is_set, _)| *is_set) {
                Some((_, key)) => Err(at
                    .key(key)
                    .fault("is of no use without `cert` and `key`, or `[tls.acme]`")),
                None => Ok(None),
            };
        }
    };
    if terminated_elsewhere {
        return Err(at.key("terminated_elsewhere").fault(
            "Privet speaks TLS itself with `cert` and `key`, or `[tls.acme]`; delete this line, or those",
        ));
    }
    let first = first.map(|first| whole(&first, &at, document)).transpose()?;
    let mut certificates: Vec<_> = first.into_iter().collect();
    for (index, more) in names.iter().enumerate() {
        certificates.push(whole(more, &at.key("names").index(index), document)?);
    }
    let client_auth = match (&client_ca, client_auth) {
        (Some(_), Some(ClientAuth::Off)) => {
            return Err(at
                .key("client_auth")
                .fault("is off, but there is a `client_ca`; delete one of the two"));
        }
        (Some(_), auth) => auth.unwrap_or(ClientAuth::Required),
        (None, Some(ClientAuth::Optional | ClientAuth::Required)) => {
            return Err(at
                .key("client_auth")
                .fault("needs the authorities of clients, too: `client_ca`"));
        }
        (None, _) => ClientAuth::Off,
    };
    if client_ca.is_none() && !clients.is_empty() {
        return Err(at
            .key("clients")
            .fault("needs the authorities of clients, too: `client_ca`"));
    }
    let client_ca = client_ca
        .map(|path| full_path(&path, &at.key("client_ca"), document))
        .transpose()?;
    let mut known = BTreeSet::new();
    let mut checked = Vec::with_capacity(clients.len());
    for (index, client) in clients.into_iter().enumerate() {
        let at = at.key("clients").index(index);
        let client = check_client(client, &at)?;
        if !known.insert(client.certificate.clone()) {
            return Err(
                at.fault("an entry before this one has the same name; a certificate stands for one caller")
            );
        }
        checked.push(client);
    }
    Ok(Some(TlsSettings {
        certificates,
        acme: acme
            .map(|acme| acme::check(acme, &at.key("acme"), document))
            .transpose()?,
        hsts: Some(hsts.duration()).filter(|time| !time.is_zero()),
        client_ca,
        client_auth,
        clients: checked,
    }))
}

fn whole(file: &CertificateFile, at: &KeyPath, document: &Path) -> Result<CertificateFile, Fault> {
    Ok(CertificateFile {
        cert: full_path(&file.cert, &at.key("cert"), document)?,
        key: full_path(&file.key, &at.key("key"), document)?,
    })
}

fn check_client(file: TlsClientFile, at: &KeyPath) -> Result<TlsClient, Fault> {
    let certificate = match (file.dns, file.uri, file.spki) {
        (Some(dns), None, None) => host_name(&dns).map(ClientName::Dns).ok_or_else(|| {
            at.key("dns")
                .fault("use one host's full name, such as `ci.example.com`, without `*`")
        })?,
        (None, Some(uri), None) => {
            let is_uri = uri.len() <= LONGEST_NAME
                && uri.contains(':')
                && uri.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_uri {
                return Err(at.key("uri").fault("use a URI, such as `spiffe://example.org/ci`"));
            }
            ClientName::Uri(uri)
        }
        (None, None, Some(digits)) => ClientName::Spki(fingerprint(&digits).ok_or_else(|| {
            at.key("spki").fault(
                "use the SHA-256 of the certificate's key, 64 hexadecimal digits: openssl x509 -in client.pem -pubkey -noout | openssl pkey -pubin -outform der | sha256sum",
            )
        })?),
        _ => return Err(at.fault("name the certificate by exactly one of `dns`, `uri` and `spki`")),
    };
    let principal = file.principal.parse().map_err(|_| {
        at.key("principal")
            .fault("use 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`, `@`")
    })?;
    Ok(TlsClient {
        certificate,
        tenant: tenant(file.tenant, at)?,
        principal,
        scopes: scopes(file.scopes, at)?,
    })
}

/// In whose installation space somebody is who comes without a key.
pub(super) fn tenant(name: Option<String>, at: &KeyPath) -> Result<TenantId, Fault> {
    let Some(name) = name else {
        return Ok(TenantId::default());
    };
    name.parse().map_err(|_| {
        at.key("tenant")
            .fault("use 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`, `@`")
    })
}

/// What somebody may do who comes without a key.
pub(super) fn scopes(names: Option<Vec<String>>, at: &KeyPath) -> Result<KeyScopes, Fault> {
    let Some(names) = names else {
        return Ok(KeyScopes::default());
    };
    let mut scopes = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let at = at.key("scopes").index(index);
        scopes.push(
            name.parse()
                .map_err(|_| at.fault("no such scope; `privet key create --help` lists them"))?,
        );
    }
    Ok(KeyScopes::of(&scopes))
}

/// A host's full name in small letters, if it is one.
pub(super) fn host_name(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (text.len() <= 253 && text.split('.').all(is_label)).then(|| text.to_ascii_lowercase())
}

fn fingerprint(digits: &str) -> Option<[u8; 32]> {
    let bytes = digits.as_bytes();
    if bytes.len() != 64 || !bytes.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(bytes.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
