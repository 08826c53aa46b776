//! Alerts for a syslog server: RFC 5424 over TLS (RFC 5425), TCP (RFC 6587, octet counting) or UDP (RFC 5426).

use std::path::PathBuf;
use std::sync::Arc;

use privet_policy::{SyslogServer, SyslogTransport};
use privet_types::Clock;
use privet_watch::Severity;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use super::deliver::NotTaken;
use crate::Error;
use crate::upstream::client_config;

/// The facility *log audit* (RFC 5424, table 1).
const FACILITY: u8 = 13;

/// A syslog server. Each message has a connection of its own: alerts are rare.
pub(super) struct Syslog {
    server: SyslogServer,
    tls: Option<Arc<ClientConfig>>,
    clock: Arc<dyn Clock>,
}

impl Syslog {
    pub(super) fn new(
        server: SyslogServer,
        ca_file: Option<PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let tls = match server.transport {
            SyslogTransport::Tls => Some(Arc::new(client_config(ca_file)?)),
            SyslogTransport::Tcp | SyslogTransport::Udp => None,
        };
        Ok(Self { server, tls, clock })
    }

    pub(super) async fn send(&self, severity: Severity, finding: &str) -> Result<(), NotTaken> {
        let time = self.clock.now().to_string();
        let message = message(severity, &time, finding);
        let address = (self.server.host.as_str(), self.server.port);
        let unreachable = |_| NotTaken::Unreachable;
        if self.server.transport == SyslogTransport::Udp {
            let found = tokio::net::lookup_host(address).await.map_err(unreachable)?;
            let target = found.into_iter().next().ok_or(NotTaken::Unreachable)?;
            let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).await.map_err(unreachable)?;
            let sent = socket.send_to(message.as_bytes(), target).await;
            return sent.map(drop).map_err(unreachable);
        }
        let stream = TcpStream::connect(address).await.map_err(unreachable)?;
        let framed = framed(&message);
        match &self.tls {
            None => write(stream, &framed).await,
            Some(config) => {
                let name = ServerName::try_from(self.server.host.clone()).map_err(|_| NotTaken::Address)?;
                let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
                write(stream.map_err(unreachable)?, &framed).await
            }
        }
    }
}

async fn write(mut stream: impl AsyncWrite + Unpin, bytes: &str) -> Result<(), NotTaken> {
    let unreachable = |_| NotTaken::Unreachable;
    stream.write_all(bytes.as_bytes()).await.map_err(unreachable)?;
    stream.shutdown().await.map_err(unreachable)
}

/// With its length before it (RFC 6587, section 3.4.1).
fn framed(message: &str) -> String {
    format!("{} {message}", message.len())
}

/// `<PRI>1 TIME - privet - alert - JSON`: the JSON is ASCII or UTF-8 without a byte order mark, which RFC 5424 allows as MSG-ANY.
fn message(severity: Severity, time: &str, finding: &str) -> String {
    // Alert, error, and notice (RFC 5424, table 2).
    let severity = match severity {
        Severity::High => 1,
        Severity::Medium => 3,
        Severity::Low => 5,
    };
    let priority = FACILITY * 8 + severity;
    format!("<{priority}>1 {time} - privet - alert - {finding}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_parts_of_rfc_5424_and_its_length_before_it() {
        let message = message(Severity::High, "2026-03-02T09:00:00Z", "{}");
        assert_eq!(message, "<105>1 2026-03-02T09:00:00Z - privet - alert - {}");
        assert_eq!(framed("{}"), "2 {}");
        assert_eq!(framed("ä"), "2 ä", "octets are counted, not characters");
    }
}
