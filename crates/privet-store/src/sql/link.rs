//! How the way to a database is protected.

use super::database::{Database, Scope};
use super::tx::Backend;
use crate::{Error, values};

/// How what is read and written travels between Privet and a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkSecurity {
    /// It does not leave the process.
    InProcess,
    /// Between processes of one machine: a Unix socket, or a loopback address without TLS.
    OneMachine,
    /// Over a network, readable to who is on the way.
    Plain,
    /// The server does not say.
    Unknown,
    /// TLS.
    Tls {
        /// The cipher suite, as the server names it.
        cipher: String,
        /// Bits of the cipher's key.
        bits: u32,
    },
}

impl Database {
    /// How the way to it is protected, as the server sees the connection.
    ///
    /// # Errors
    /// [`Error::Database`] if the server does not answer.
    pub async fn link_security(&self) -> Result<LinkSecurity, Error> {
        if self.backend() == Backend::Sqlite {
            return Ok(LinkSecurity::InProcess);
        }
        let seen: Option<(bool, Option<String>, Option<i64>, bool)> = self
            .read::<_, Error, _>(&Scope::Installation, |tx| {
                Box::pin(async move {
                    // A server tells of a connection only who opened it, which the role that works is not. The role is back
                    // when the transaction ends.
                    tx.script("SET LOCAL ROLE NONE").await?;
                    tx.optional(
                        "SELECT COALESCE(ssl, false), cipher, bits, \
                         COALESCE(inet_server_addr() <<= inet '127.0.0.0/8' OR inet_server_addr() = inet '::1', true) \
                         FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
                        values![],
                    )
                    .await
                })
            })
            .await?;
        let Some((is_tls, cipher, bits, is_local)) = seen else {
            return Ok(LinkSecurity::Unknown);
        };
        Ok(match (is_tls, cipher) {
            (true, cipher) => LinkSecurity::Tls {
                cipher: cipher.unwrap_or_default(),
                bits: bits.and_then(|bits| bits.try_into().ok()).unwrap_or(0),
            },
            (false, _) if is_local => LinkSecurity::OneMachine,
            (false, _) => LinkSecurity::Plain,
        })
    }
}
