//! `[tls.acme]`: certificates that an authority issues (RFC 8555), as written and as checked.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::full_path;
use super::tls::host_name;
use crate::key_path::{Fault, KeyPath};
use crate::{SecretRef, web_address};

/// Authorities that have a name, and the addresses of their directories.
const NAMED: [(&str, &str); 2] = [
    ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
    (
        "letsencrypt-staging",
        "https://acme-staging-v02.api.letsencrypt.org/directory",
    ),
];
/// Most names in one certificate: Let's Encrypt's limit.
const MOST_DOMAINS: usize = 100;
/// Longest address, id and profile.
const LONGEST: usize = 2048;

/// The `[tls.acme]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcmeFile {
    /// What the certificate is for: full names of hosts, which lead to this gateway from where the authority stands.
    pub domains: Vec<String>,
    /// Says that you agree to the authority's terms of service.
    #[serde(default)]
    pub agree_to_terms: bool,
    /// The authority: `letsencrypt` (default), `letsencrypt-staging`, or the address of its directory.
    #[serde(default)]
    pub directory: Option<String>,
    /// An e-mail address at which the authority may reach you.
    #[serde(default)]
    pub contact: Option<String>,
    /// How the authority looks whether the names are yours.
    #[serde(default)]
    pub challenge: AcmeChallengeKind,
    /// Where it looks with `http-01`: an address of its own that answers nothing else. The authority asks on port 80.
    #[serde(default)]
    pub http_listen: Option<String>,
    /// Certificates (PEM) that the authority's own address rests on, instead of the usual ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The kind of certificate, where the authority has several (`shortlived`); its default one if left out.
    #[serde(default)]
    pub profile: Option<String>,
    /// The account that you have with the authority elsewhere, where it wants one.
    #[serde(default)]
    pub external_account: Option<ExternalAccountFile>,
}

/// An account elsewhere (RFC 8555, 7.3.4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalAccountFile {
    /// The key's id, as the authority gave it.
    pub id: String,
    /// Where the key is kept: base64url, as the authority gave it.
    pub key: SecretRef,
}

/// How an authority looks whether a name is ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AcmeChallengeKind {
    /// By a TLS handshake on port 443 (RFC 8737), on the gateway's own address.
    #[default]
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// By a plain request on port 80 (RFC 8555, 8.3), on an address of its own.
    #[serde(rename = "http-01")]
    Http01,
}

/// Certificates that an authority issues.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcmeSettings {
    /// The address of the authority's directory. INVARIANT: `https`.
    pub directory: String,
    /// What the certificate is for, in small letters. INVARIANT: 1 to 100, in order, no two alike.
    pub domains: BTreeSet<String>,
    /// An e-mail address.
    pub contact: Option<String>,
    /// Where the authority looks with `http-01`; with `tls-alpn-01`, which comes to the gateway's own addresses, there is none.
    pub http_listen: Option<SocketAddr>,
    /// Certificates that the authority's own address rests on.
    pub ca_file: Option<PathBuf>,
    /// The kind of certificate.
    pub profile: Option<String>,
    /// An account elsewhere.
    pub external_account: Option<ExternalAccountFile>,
}

pub(super) fn check(file: AcmeFile, at: &KeyPath, document: &Path) -> Result<AcmeSettings, Fault> {
    let AcmeFile {
        domains,
        agree_to_terms,
        directory,
        contact,
        challenge,
        http_listen,
        ca_file,
        profile,
        external_account,
    } = file;
    if !agree_to_terms {
        return Err(at.key("agree_to_terms").fault(
            "set it to true once you have read and agree to the authority's terms of service; there is no certificate without",
        ));
    }
    let http_listen = match (challenge, http_listen) {
        (AcmeChallengeKind::TlsAlpn01, None) => None,
        (AcmeChallengeKind::TlsAlpn01, Some(_)) => {
            return Err(at
                .key("http_listen")
                .fault("is only used with `challenge = \"http-01\"`; set that, or delete this line"));
        }
        (AcmeChallengeKind::Http01, None) => {
            return Err(at
                .key("challenge")
                .fault("needs an address that answers the authority, too: `http_listen = \"0.0.0.0:80\"`"));
        }
        (AcmeChallengeKind::Http01, Some(listen)) => Some(listen.parse().map_err(|_| {
            at.key("http_listen")
                .fault("use an IP address and a port, such as `0.0.0.0:80` or `[::]:80`")
        })?),
    };
    let is_word =
        |text: &str| (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if let Some(contact) = &contact {
        let is_address = contact.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.contains(['@', '?', ',']) && host_name(host).is_some()
        });
        if !is_address || !is_word(contact) {
            return Err(at
                .key("contact")
                .fault("use one e-mail address, such as `security@example.com`"));
        }
    }
    if profile.as_deref().is_some_and(|profile| !is_word(profile)) {
        return Err(at
            .key("profile")
            .fault("use a name that the authority's directory lists"));
    }
    let external_account = external_account
        .map(|account| {
            if !is_word(&account.id) {
                let at = at.key("external_account").key("id");
                return Err(at.fault("use the id that the authority gave you with the key"));
            }
            Ok(ExternalAccountFile {
                key: account.key.beside(document),
                ..account
            })
        })
        .transpose()?;
    Ok(AcmeSettings {
        directory: check_directory(directory.as_deref(), &at.key("directory"))?,
        domains: check_domains(&domains, &at.key("domains"))?,
        contact,
        http_listen,
        ca_file: ca_file
            .map(|path| full_path(&path, &at.key("ca_file"), document))
            .transpose()?,
        profile,
        external_account,
    })
}

fn check_directory(wanted: Option<&str>, at: &KeyPath) -> Result<String, Fault> {
    let wanted = wanted.unwrap_or("letsencrypt");
    if let Some((_, url)) = NAMED.iter().find(|(name, _)| *name == wanted) {
        return Ok((*url).to_owned());
    }
    let is_usable = web_address::parse(wanted).is_ok_and(|address| address.is_https);
    if !is_usable || wanted.len() > LONGEST {
        return Err(at.fault(
            "use `letsencrypt`, `letsencrypt-staging`, or the address of the authority's directory, such as `https://ca.example.com/acme/acme/directory`",
        ));
    }
    Ok(wanted.to_owned())
}

fn check_domains(wanted: &[String], at: &KeyPath) -> Result<BTreeSet<String>, Fault> {
    if wanted.is_empty() || wanted.len() > MOST_DOMAINS {
        return Err(at.fault(format!("use 1 to {MOST_DOMAINS} names of hosts")));
    }
    let mut domains = BTreeSet::new();
    for (index, domain) in wanted.iter().enumerate() {
        let at = at.index(index);
        if domain.starts_with('*') {
            return Err(at.fault(
                "a name with `*` needs a change of DNS, which Privet does not make; name the hosts, or use `cert` and `key`",
            ));
        }
        let name = host_name(domain)
            .filter(|name| !name.rsplit('.').next().is_some_and(is_number))
            .ok_or_else(|| at.fault("use a host's full name, such as `gateway.example.com`"))?;
        if !domains.insert(name) {
            return Err(at.fault("is there twice"));
        }
    }
    Ok(domains)
}

/// The last label of an IPv4 address, which no host's name has.
fn is_number(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_digit())
}
