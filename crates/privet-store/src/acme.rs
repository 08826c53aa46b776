//! Certificates that an authority issues by ACME (RFC 8555), as all nodes of an installation share them: accounts, certificates with
//! their keys, who obtains the next one, and what the authority is answered meanwhile.
//!
//! Nothing here is readable that is secret: accounts and certificates come sealed, and answers to challenges are public.

use jiff::Timestamp;
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row};
use crate::{Error, Store, values};

/// How long a certificate that nobody uses any more is kept after its end, in milliseconds: 30 days.
const KEPT: i64 = 30 * 86_400_000;

/// How things stand with one certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcmeState {
    /// How many were obtained; 0 before the first.
    pub version: i64,
    /// Attempts that failed since.
    pub failures: u32,
    /// When the last of them did; millisecond precision.
    pub failed_at: Option<Timestamp>,
    /// When the next attempt may begin.
    pub retry_at: Option<Timestamp>,
}

/// How the authority looks whether a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AcmeChallenge {
    /// By a TLS handshake (RFC 8737); kept by the name.
    TlsAlpn01,
    /// By a plain request (RFC 8555, 8.3); kept by the token.
    Http01,
}

/// What the log is told of a new certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcmeChange {
    /// When, UTC.
    pub at: Timestamp,
    /// The address of the authority's directory.
    pub directory: String,
    /// What the certificate is for.
    pub domains: Vec<String>,
    /// Its SHA-256, in hexadecimal digits.
    pub certificate: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Which node obtained it.
    pub node: String,
}

/// Leave to obtain a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeTurn {
    /// The certificate.
    pub name: String,
    /// Counts only while no other node has a higher one.
    pub fence: i64,
}

impl AcmeChallenge {
    /// As RFC 8555 and RFC 8737 spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Http01 => "http-01",
        }
    }
}

impl Store {
    /// The account with the authority of `directory`, sealed.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn acme_account(&self, directory: &str) -> Result<Option<Vec<u8>>, Error> {
        let directory = directory.to_owned();
        self.read(move |tx| {
            Box::pin(async move {
                let sql = "SELECT sealed FROM acme_accounts WHERE directory = $1";
                tx.optional(sql, values![directory]).await
            })
        })
        .await
    }

    /// Keeps the account with the authority of `directory`, unless there is one. Returns the one that is kept.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn put_acme_account(
        &self,
        directory: &str,
        sealed: Vec<u8>,
        at: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        let directory = directory.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "INSERT INTO acme_accounts (directory, sealed, made_at) VALUES ($1, $2, $3) \
                           ON CONFLICT DO NOTHING";
                tx.execute(sql, values![&directory, sealed, at.as_millisecond()])
                    .await?;
                let sql = "SELECT sealed FROM acme_accounts WHERE directory = $1";
                tx.one(sql, values![directory]).await
            })
        })
        .await
    }

    /// Forgets the account with the authority of `directory`, if it is still this one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn remove_acme_account(&self, directory: &str, sealed: &[u8]) -> Result<(), Error> {
        let (directory, sealed) = (directory.to_owned(), sealed.to_vec());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM acme_accounts WHERE directory = $1 AND sealed = $2";
                tx.execute(sql, values![directory, sealed]).await.map(drop)
            })
        })
        .await
    }

    /// How things stand with the certificate `name`; as before the first if nobody has asked for it yet.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn acme_state(&self, name: &str) -> Result<AcmeState, Error> {
        let name = name.to_owned();
        let state = self.read(move |tx| {
            Box::pin(async move {
                let sql =
                    "SELECT version, failures, failed_at, retry_at FROM acme_certificates WHERE name = $1";
                tx.optional(sql, values![name]).await
            })
        });
        Ok(state.await?.unwrap_or_default())
    }

    /// The certificate `name` with its key, sealed, and its version, if there is one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn acme_certificate(&self, name: &str) -> Result<Option<(i64, Vec<u8>)>, Error> {
        let name = name.to_owned();
        self.read(move |tx| {
            Box::pin(async move {
                let sql =
                    "SELECT version, sealed FROM acme_certificates WHERE name = $1 AND sealed IS NOT NULL";
                tx.optional(sql, values![name]).await
            })
        })
        .await
    }

    /// Takes leave for `node` to obtain the certificate `name` that follows `version`, until `until`. `None` if another node has it, a
    /// failure is not long enough ago, or it was obtained meanwhile. A node that asks again gets it anew.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn take_acme_turn(
        &self,
        (name, version): (&str, i64),
        node: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<AcmeTurn>, Error> {
        let (name, node) = (name.to_owned(), node.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "INSERT INTO acme_certificates (name, version, fence, held_until, failures, retry_at) \
                           VALUES ($1, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
                tx.execute(sql, values![&name]).await?;
                let sql = "UPDATE acme_certificates SET fence = fence + 1, holder = $3, held_until = $5 \
                           WHERE name = $1 AND version = $2 AND retry_at <= $4 \
                           AND (holder IS NULL OR holder = $3 OR held_until <= $4) RETURNING fence";
                let (now, until) = (now.as_millisecond(), until.as_millisecond());
                let fence: Option<i64> = tx
                    .optional(sql, values![&name, version, node, now, until])
                    .await?;
                Ok(fence.map(|fence| AcmeTurn { name, fence }))
            })
        })
        .await
    }

    /// Keeps the certificate that was obtained in `turn`, with its key, sealed, and tells the log. Returns false, and
    /// changes nothing, if the turn is over. `version` is the one that it follows. No node obtains another one before `again_at`, whatever
    /// this one says of itself.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn put_acme_certificate(
        &self,
        turn: &AcmeTurn,
        version: i64,
        sealed: Vec<u8>,
        again_at: Timestamp,
        change: &AcmeChange,
    ) -> Result<bool, Error> {
        let (turn, change) = (turn.clone(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE acme_certificates SET version = version + 1, sealed = $4, expires_at = $5, holder = NULL, \
                           held_until = 0, failures = 0, failed_at = NULL, retry_at = $6 \
                           WHERE name = $1 AND fence = $2 AND version = $3";
                let ends = change.expires_at.as_millisecond();
                let again = again_at.as_millisecond();
                let row = values![turn.name, turn.fence, version, sealed, ends, again];
                if tx.execute(sql, row).await? == 0 {
                    return Ok(false);
                }
                // Those of names that are not in the settings any more.
                let sql = "DELETE FROM acme_certificates WHERE expires_at < $1";
                tx.execute(sql, values![change.at.as_millisecond() - KEPT]).await?;
                let leaf = Leaf {
                    kind: "certificate_obtained",
                    tenant: "*",
                    at: change.at,
                    payload: &change,
                };
                append_leaf(tx, leaf).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Gives `turn` back without a certificate. No node tries again before `retry_at`. Does nothing if the turn is over.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn fail_acme_turn(
        &self,
        turn: &AcmeTurn,
        at: Timestamp,
        retry_at: Timestamp,
    ) -> Result<(), Error> {
        let turn = turn.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE acme_certificates SET holder = NULL, held_until = 0, failures = failures + 1, \
                           failed_at = $3, retry_at = $4 WHERE name = $1 AND fence = $2";
                let row = values![
                    turn.name,
                    turn.fence,
                    at.as_millisecond(),
                    retry_at.as_millisecond()
                ];
                tx.execute(sql, row).await.map(drop)
            })
        })
        .await
    }

    /// Keeps what the authority is to be answered, until `expires_at`, and forgets answers whose time is over at `now`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn put_acme_answer(
        &self,
        (kind, name): (AcmeChallenge, &str),
        answer: Vec<u8>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        let name = name.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM acme_challenges WHERE expires_at <= $1";
                tx.execute(sql, values![now.as_millisecond()]).await?;
                let sql = "INSERT INTO acme_challenges (kind, name, answer, expires_at) VALUES ($1, $2, $3, $4) \
                           ON CONFLICT (kind, name) DO UPDATE SET answer = excluded.answer, expires_at = excluded.expires_at";
                let row = values![kind.name(), name, answer, expires_at.as_millisecond()];
                tx.execute(sql, row).await.map(drop)
            })
        })
        .await
    }

    /// What the authority is to be answered at `now`, if anything.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn acme_answer(
        &self,
        (kind, name): (AcmeChallenge, &str),
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, Error> {
        let name = name.to_owned();
        self.read(move |tx| {
            Box::pin(async move {
                let sql =
                    "SELECT answer FROM acme_challenges WHERE kind = $1 AND name = $2 AND expires_at > $3";
                tx.optional(sql, values![kind.name(), name, now.as_millisecond()])
                    .await
            })
        })
        .await
    }

    /// Forgets an answer, if it is still this one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn remove_acme_answer(
        &self,
        (kind, name): (AcmeChallenge, &str),
        answer: Vec<u8>,
    ) -> Result<(), Error> {
        let name = name.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM acme_challenges WHERE kind = $1 AND name = $2 AND answer = $3";
                tx.execute(sql, values![kind.name(), name, answer])
                    .await
                    .map(drop)
            })
        })
        .await
    }
}

impl FromRow for AcmeState {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (version, failures, failed_at, retry_at) = <(i64, i64, Option<i64>, i64)>::from_row(row)?;
        let bad = || Error::BadRow {
            table: "acme_certificates",
            row: format!("version {version}"),
        };
        let at = |millis| Timestamp::from_millisecond(millis).map_err(|_| bad());
        Ok(Self {
            version,
            failures: u32::try_from(failures).map_err(|_| bad())?,
            failed_at: failed_at.map(at).transpose()?,
            retry_at: Some(retry_at).filter(|millis| *millis > 0).map(at).transpose()?,
        })
    }
}
