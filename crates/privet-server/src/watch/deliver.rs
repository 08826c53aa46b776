//! Who is told of alerts: a webhook, signed, and a syslog server. Nothing waits for them; what they do not take in a few tries stands
//! in the list of alerts all the same.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use privet_crypto::hmac_sha256;
use privet_policy::AlertSettings;
use privet_types::{Clock, Secret};
use privet_watch::Severity;
use serde_json::Value;
use tokio::sync::mpsc;

use super::syslog::Syslog;
use crate::Error;
use crate::connection::Origin;
use crate::upstream::connector;

/// How long connecting may take, and then the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Alerts on their way.
const MOST_WAITING: usize = 256;
/// The pauses before each try.
const PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(8),
    Duration::from_secs(30),
];
/// When the message was signed, in seconds since 1970.
const TIMESTAMP: HeaderName = HeaderName::from_static("x-privet-timestamp");
/// `sha256=` and the HMAC of timestamp, a dot, and the body.
const SIGNATURE: HeaderName = HeaderName::from_static("x-privet-signature");

/// Takes alerts to those whom the settings name. Cheap to clone.
#[derive(Clone, Default)]
pub struct AlertOutbox(Vec<mpsc::Sender<Arc<(Severity, String)>>>);

/// Why nobody took an alert. Says nothing of what was in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("its address cannot be used")]
    Address,
    #[error("nobody can be reached there")]
    Unreachable,
    #[error("it was not answered in time")]
    Silence,
    #[error("it was answered with status {0}")]
    Status(u16),
}

/// Who is told.
enum Receiver {
    Webhook(Webhook),
    Syslog(Syslog),
}

/// Where alerts are posted to.
struct Webhook {
    origin: Arc<Origin>,
    path: Uri,
    secret: Secret<String>,
    clock: Arc<dyn Clock>,
}

impl AlertOutbox {
    /// Tells whom `settings` name; `secret` is what their `webhook_secret` leads to. Runs until the last clone is gone; to be called
    /// on a runtime.
    ///
    /// # Errors
    /// [`Error::BadCertificates`] if the `ca_file` holds none, [`Error::Tls`], [`Error::BadWebhook`].
    pub fn start(
        settings: &AlertSettings,
        secret: Option<Secret<String>>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let mut outbox = Self::default();
        if let Some(((url, _), secret)) = settings.webhook.as_ref().zip(secret) {
            let connector = connector(settings.ca_file.as_deref(), PATIENCE)?;
            let parts = url.parse::<Uri>().map_err(|_| Error::BadWebhook)?.into_parts();
            let (Some(scheme), Some(authority), path) = (parts.scheme, parts.authority, parts.path_and_query)
            else {
                return Err(Error::BadWebhook);
            };
            let webhook = Webhook {
                origin: Origin::new(connector, scheme, authority).ok_or(Error::BadWebhook)?,
                path: path.map_or_else(|| Uri::from_static("/"), Uri::from),
                secret,
                clock: Arc::clone(clock),
            };
            outbox.run(Receiver::Webhook(webhook));
        }
        if let Some(server) = &settings.syslog {
            let syslog = Syslog::new(server.clone(), settings.ca_file.as_deref(), Arc::clone(clock))?;
            outbox.run(Receiver::Syslog(syslog));
        }
        Ok(outbox)
    }

    /// Hands an alert over; does not wait.
    pub(super) fn tell(&self, severity: Severity, finding: &Value) {
        if self.0.is_empty() {
            return;
        }
        let alert = Arc::new((severity, finding.to_string()));
        for sender in &self.0 {
            if sender.try_send(Arc::clone(&alert)).is_err() {
                tracing::error!(
                    "an alert is not told: too many are on their way; `privet alert list` shows it"
                );
            }
        }
    }

    fn run(&mut self, receiver: Receiver) {
        let name = receiver.name();
        let (sender, mut alerts) = mpsc::channel::<Arc<(Severity, String)>>(MOST_WAITING);
        self.0.push(sender);
        tokio::spawn(async move {
            while let Some(alert) = alerts.recv().await {
                let mut is_taken = false;
                for pause in PAUSES {
                    tokio::time::sleep(pause).await;
                    match receiver.send(&alert).await {
                        Ok(()) => {
                            is_taken = true;
                            break;
                        }
                        Err(error) => tracing::warn!(to = name, %error, "an alert was not taken"),
                    }
                }
                if !is_taken {
                    tracing::error!(to = name, "nobody takes an alert; `privet alert list` shows it");
                }
            }
        });
    }
}

impl Receiver {
    const fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Syslog(_) => "syslog",
        }
    }

    async fn send(&self, alert: &(Severity, String)) -> Result<(), NotTaken> {
        match self {
            Self::Webhook(webhook) => webhook.post(&alert.1).await,
            Self::Syslog(syslog) => tokio::time::timeout(PATIENCE, syslog.send(alert.0, &alert.1))
                .await
                .unwrap_or(Err(NotTaken::Silence)),
        }
    }
}

impl Webhook {
    async fn post(&self, body: &str) -> Result<(), NotTaken> {
        let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let time = self.clock.now().as_second().to_string();
        let signature = signature(self.secret.expose(), &time, body);
        for (name, value) in [(TIMESTAMP, time), (SIGNATURE, signature)] {
            let value = HeaderValue::from_str(&value).map_err(|_| NotTaken::Address)?;
            headers.insert(name, value);
        }
        let answered = tokio::time::timeout(PATIENCE, self.origin.send(request)).await;
        let answered = answered.map_err(|_| NotTaken::Silence)?;
        let status = answered.map_err(|_| NotTaken::Unreachable)?.status();
        // A redirect is not followed: it could lead anywhere.
        if status.is_success() {
            Ok(())
        } else {
            Err(NotTaken::Status(status.as_u16()))
        }
    }
}

fn signature(secret: &str, time: &str, body: &str) -> String {
    let message = format!("{time}.{body}");
    let hash = hmac_sha256(secret.as_bytes(), message.as_bytes());
    format!("sha256={}", HEXLOWER.encode(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `printf '%s' '1700000000.{}' | openssl dgst -sha256 -hmac secret`.
    #[test]
    fn a_message_is_signed_with_its_time() {
        let signed = signature("secret", "1700000000", "{}");
        assert_eq!(
            signed,
            "sha256=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
        );
    }
}
