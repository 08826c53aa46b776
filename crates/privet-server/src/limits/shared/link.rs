//! The connection to the server of shared limits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::SharedLimits;
use crate::Error;
use crate::upstream::client_roots;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Where the server is, and who Privet is there.
pub(crate) struct Target {
    host: String,
    port: u16,
    login: RedisConnectionInfo,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Why the settings' server cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedError {
    /// The URL is none.
    #[error(
        "the URL of `[shared_limits]` cannot be used; write it such as `rediss://user:password@host:6379`"
    )]
    BadUrl,
    /// It leads in the clear to another machine.
    #[error(
        "the URL of `[shared_limits]` leads to another machine without TLS; use `rediss://`, or say `allow_plaintext = true` where the network is closed"
    )]
    Plaintext,
    /// The host's name is none that a certificate can have.
    #[error("the host of `[shared_limits]` is no name or address that a certificate can hold")]
    BadHost,
}

/// The scripts, in the order in which they are loaded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scripts {
    Reserve,
    Settle,
    Live,
    Add,
}

const TEXTS: [&str; 4] = [
    include_str!("reserve.lua"),
    include_str!("settle.lua"),
    include_str!("live.lua"),
    include_str!("add.lua"),
];

/// An open connection; clones share it, and what they ask goes out together.
#[derive(Clone)]
pub(super) struct Link {
    number: u64,
    connection: MultiplexedConnection,
    hashes: Arc<[String; 4]>,
    timeout: Duration,
}

/// The server did not answer, or not as it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("no answer in time")]
    Timeout,
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    /// The driver's own words can hold what was asked.
    #[error("refused or broken ({0})")]
    Redis(&'static str),
    /// Others may go well.
    #[error("the server could not do what one call asked")]
    Call,
}

impl Target {
    pub(super) fn new(settings: &SharedLimits) -> Result<Self, Error> {
        let url = settings.url.expose();
        let (plain, has_tls) = match url.split_once("://") {
            Some(("redis" | "valkey", rest)) => (format!("redis://{rest}"), false),
            Some(("rediss" | "valkeys", rest)) => (format!("redis://{rest}"), true),
            _ => return Err(SharedError::BadUrl.into()),
        };
        let info = plain
            .as_str()
            .into_connection_info()
            .map_err(|_| SharedError::BadUrl)?;
        let ConnectionAddr::Tcp(host, port) = info.addr().clone() else {
            return Err(SharedError::BadUrl.into());
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        if !has_tls && !settings.allow_plaintext && !is_here(&host) {
            return Err(SharedError::Plaintext.into());
        }
        let tls = if has_tls {
            let roots = client_roots(settings.ca_file.as_deref())?;
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|_| Error::Tls)?
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = ServerName::try_from(host.clone()).map_err(|_| SharedError::BadHost)?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self {
            host,
            port,
            login: info.redis_settings().clone().set_skip_set_lib_name(),
            tls,
        })
    }

    /// Connects, and loads the scripts.
    pub(super) async fn connect(&self, number: u64, answer: Duration) -> Result<Link, LinkError> {
        timeout(CONNECT, self.open(number, answer))
            .await
            .map_err(|_| LinkError::Timeout)?
    }

    async fn open(&self, number: u64, answer: Duration) -> Result<Link, LinkError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(LinkError::Connect)?;
        stream.set_nodelay(true).map_err(LinkError::Connect)?;
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut connection = match &self.tls {
            None => {
                let (connection, driver) =
                    MultiplexedConnection::new_with_config(&self.login, stream, config)
                        .await
                        .map_err(|error| LinkError::of(&error))?;
                tokio::spawn(driver);
                connection
            }
            Some((connector, name)) => {
                let stream = connector
                    .connect(name.clone(), stream)
                    .await
                    .map_err(LinkError::Connect)?;
                let (connection, driver) =
                    MultiplexedConnection::new_with_config(&self.login, stream, config)
                        .await
                        .map_err(|error| LinkError::of(&error))?;
                tokio::spawn(driver);
                connection
            }
        };
        let mut hashes: [String; 4] = std::array::from_fn(|_| String::new());
        for (text, hash) in TEXTS.iter().zip(&mut hashes) {
            *hash = redis::cmd("SCRIPT")
                .arg("LOAD")
                .arg(*text)
                .query_async(&mut connection)
                .await
                .map_err(|error| LinkError::of(&error))?;
        }
        Ok(Link {
            number,
            connection,
            hashes: Arc::new(hashes),
            timeout: answer,
        })
    }
}

impl Link {
    /// Which of the connections that were made.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// A call of a script about `first` and `others`, still without arguments.
    pub(super) fn call(&self, script: Scripts, first: &str, others: &[String]) -> redis::Cmd {
        let mut call = redis::cmd("EVALSHA");
        let hash = self.hashes.get(script as usize).map_or("", String::as_str);
        call.arg(hash).arg(others.len() + 1).arg(first).arg(others);
        call
    }

    /// The answer to `call`.
    pub(super) async fn ask<T: FromRedisValue>(&self, call: redis::Cmd) -> Result<T, LinkError> {
        let mut connection = self.connection.clone();
        timeout(self.timeout, call.query_async(&mut connection))
            .await
            .map_err(|_| LinkError::Timeout)?
            .map_err(|error| LinkError::of(&error))
    }
}

impl LinkError {
    /// Whether it says nothing of other calls: the server answers.
    pub(super) const fn is_of_call(&self) -> bool {
        matches!(self, Self::Call)
    }

    fn of(error: &redis::RedisError) -> Self {
        if matches!(error.code(), Some("ERR" | "WRONGTYPE")) {
            return Self::Call;
        }
        Self::Redis(if error.is_io_error() {
            "connection"
        } else if error.is_connection_refusal() {
            "refused"
        } else {
            match error.code() {
                Some("NOAUTH" | "WRONGPASS") => "user or password",
                Some("NOPERM") => "the user may not do this",
                Some("NOSCRIPT") => "it was restarted",
                Some("OOM") => "it is out of memory",
                Some("READONLY") => "it is a replica",
                Some("LOADING") => "it is starting",
                _ => "another error",
            }
        })
    }
}

/// Whether the server is on this machine, as far as its address says.
fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
