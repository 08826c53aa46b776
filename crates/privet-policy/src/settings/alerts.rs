//! The `[alerts]` table of the settings: who is told of alerts.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::full_path;
use crate::key_path::{Fault, KeyPath};
use crate::{SecretRef, web_address};

/// The `[alerts]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsFile {
    /// Where each alert is sent as a POST of JSON (OCSF): `https`, or `http` on this machine. Redirects are not followed.
    pub webhook_url: Option<String>,
    /// The secret that signs these messages: HMAC-SHA256 in the header `x-privet-signature`.
    pub webhook_secret: Option<SecretRef>,
    /// A syslog server: `tls://host:6514`, `tcp://host:601` or `udp://host:514`.
    pub syslog: Option<String>,
    /// Certificates, in PEM, that the servers of both are checked by; the Mozilla root programme's if left out.
    pub ca_file: Option<PathBuf>,
    /// A folder with playbooks of your own, `leaked_key.toml` and so on, in the place of those that ship.
    pub playbooks: Option<PathBuf>,
}

/// A syslog server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogServer {
    /// How messages travel.
    pub transport: SyslogTransport,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// How messages travel to a syslog server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyslogTransport {
    /// TLS (RFC 5425).
    Tls,
    /// TCP (RFC 6587, octet counting).
    Tcp,
    /// UDP (RFC 5426).
    Udp,
}

/// Who is told of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertSettings {
    /// Where each is sent by HTTP, with the secret's reference. INVARIANT: `https`, or a loopback address.
    pub webhook: Option<(String, SecretRef)>,
    /// The syslog server.
    pub syslog: Option<SyslogServer>,
    /// Certificates that both are checked by.
    pub ca_file: Option<PathBuf>,
    /// The folder with playbooks of the operator's own.
    pub playbooks: Option<PathBuf>,
}

pub(super) fn check(file: AlertsFile, document: &Path) -> Result<AlertSettings, Fault> {
    let at = KeyPath::of("alerts");
    let webhook = match (file.webhook_url, file.webhook_secret) {
        (None, None) => None,
        (None, Some(_)) => {
            return Err(at
                .key("webhook_secret")
                .fault("is of no use without `webhook_url`"));
        }
        (Some(_), None) => {
            return Err(at.key("webhook_url").fault(
                "needs `webhook_secret`, so that whoever gets the alerts can tell that they are Privet's",
            ));
        }
        (Some(url), Some(secret)) => {
            let here = at.key("webhook_url");
            let address = web_address::parse(&url).map_err(|message| here.fault(message))?;
            if !address.is_https && !address.is_loopback() {
                return Err(
                    here.fault("would tell of alerts in the clear to another machine; use `https://`")
                );
            }
            Some((url, secret.beside(document)))
        }
    };
    let syslog = file
        .syslog
        .map(|text| {
            syslog(&text).ok_or_else(|| {
                at.key("syslog").fault(
                    "use `tls://host:6514`, or on a network of your own `tcp://host:601` or `udp://host:514`",
                )
            })
        })
        .transpose()?;
    let ca_file = file
        .ca_file
        .map(|path| full_path(&path, &at.key("ca_file"), document))
        .transpose()?;
    let playbooks = file
        .playbooks
        .map(|path| full_path(&path, &at.key("playbooks"), document))
        .transpose()?;
    Ok(AlertSettings {
        webhook,
        syslog,
        ca_file,
        playbooks,
    })
}

fn syslog(text: &str) -> Option<SyslogServer> {
    let (transport, rest) = [
        ("tls://", SyslogTransport::Tls),
        ("tcp://", SyslogTransport::Tcp),
        ("udp://", SyslogTransport::Udp),
    ]
    .into_iter()
    .find_map(|(scheme, transport)| Some((transport, text.strip_prefix(scheme)?)))?;
    let address = format!("https://{rest}");
    let parsed = web_address::parse(&address)
        .ok()
        .filter(|parsed| parsed.path.is_empty())?;
    let (_, port) = rest.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some(SyslogServer {
        transport,
        host: parsed.host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syslog_server_has_a_transport_a_host_and_a_port() {
        let server = syslog("tls://[::1]:6514").unwrap();
        assert_eq!(
            (server.transport, server.host.as_str(), server.port),
            (SyslogTransport::Tls, "::1", 6514)
        );
        assert_eq!(syslog("udp://siem.example:514").unwrap().host, "siem.example");
        for bad in [
            "siem.example:514",
            "tcp://siem.example",
            "tcp://:514",
            "tls://siem.example:6514/x",
            "tcp://a:0",
            "http://a:1",
        ] {
            assert_eq!(syslog(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_webhook_is_encrypted_and_signed() {
        let check = |url: &str, secret: Option<SecretRef>| {
            let file = AlertsFile {
                webhook_url: Some(url.to_owned()),
                webhook_secret: secret,
                ..AlertsFile::default()
            };
            check(file, Path::new("privet.toml"))
        };
        let secret = || Some(SecretRef::Env("SECRET".to_owned()));
        assert!(check("https://siem.example/hook", secret()).is_ok());
        assert!(check("http://127.0.0.1:9/hook", secret()).is_ok());
        assert!(check("http://siem.example/hook", secret()).is_err());
        assert!(check("https://siem.example/hook", None).is_err());
    }
}
