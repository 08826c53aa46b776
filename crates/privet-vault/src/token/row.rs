//! The row of a token.

use privet_crypto::KeyId;
use privet_store::{FromRow, Leaf, Row, Tx, append_leaf, values};
use privet_types::TenantId;

use super::TABLE;
use super::life::Life;
use crate::audit::SubjectChange;
use crate::followed::{RowName, name_of, tell_ended};
use crate::subject::{Keys, Place};
use crate::{Error, SubjectId};

/// A token as it is stored.
#[derive(Debug)]
pub(super) struct TokenRow {
    pub(super) token: String,
    pub(super) substitute: Option<String>,
    pub(super) kind: String,
    pub(super) subject: Option<SubjectId>,
    pub(super) key_id: KeyId,
    pub(super) keeps_form: bool,
    pub(super) created_at: i64,
    pub(super) life: Life,
    /// Absent in rows from before there were marks.
    pub(super) mark: Option<[u8; 32]>,
    pub(super) sealed: Vec<u8>,
}

/// How a try to store a token went.
pub(super) enum Tried {
    Stored,
    /// An equal value has this token.
    Known(String),
    /// Another value has it, or the subject has changed.
    Again,
}

/// What is to be stored.
pub(super) struct WriteToken {
    pub(super) tenant: TenantId,
    pub(super) token: String,
    pub(super) substitute: Option<String>,
    pub(super) kind: String,
    pub(super) subject: Option<SubjectId>,
    pub(super) key_id: KeyId,
    pub(super) keeps_form: bool,
    /// The first is its own; an equal value from before a rotation may have one of the others. Empty where none is shared.
    pub(super) dedup: Vec<[u8; 32]>,
    pub(super) life: Life,
    pub(super) mark: [u8; 32],
    pub(super) container: Vec<u8>,
    pub(super) change: SubjectChange,
}

/// The token of this name, or with this substitute, if it has not ended.
pub(super) async fn live(tx: &mut Tx, tenant: &str, name: &str, now: i64) -> Result<Option<TokenRow>, Error> {
    // A token is shown before a substitute that looks like it.
    Ok(tx
        .optional(
            "SELECT token, substitute, kind, subject, key_id, preserves_format, created_at, final_at, sliding_ms, \
             expires_at, mark, sealed FROM vault_tokens WHERE tenant = $1 AND (token = $2 OR substitute = $2) \
             AND (expires_at IS NULL OR expires_at > $3) \
             ORDER BY CASE WHEN token = $2 THEN 0 ELSE 1 END LIMIT 1",
            values![tenant, name, now],
        )
        .await?)
}

impl FromRow for TokenRow {
    fn from_row(row: Row) -> Result<Self, privet_store::Error> {
        type Columns = (
            String,
            Option<String>,
            String,
            Option<String>,
            [u8; 16],
            bool,
            i64,
            Option<i64>,
            Option<i64>,
            Option<i64>,
            Option<[u8; 32]>,
            Vec<u8>,
        );
        let (
            token,
            substitute,
            kind,
            subject,
            key,
            keeps_form,
            created_at,
            final_at,
            sliding,
            expires_at,
            mark,
            sealed,
        ) = Columns::from_row(row)?;
        Ok(Self {
            token,
            substitute,
            kind,
            subject: subject.map(SubjectId::stored),
            key_id: KeyId::from_bytes(key),
            keeps_form,
            created_at,
            life: Life {
                final_at,
                sliding,
                expires_at,
            },
            mark,
            sealed,
        })
    }
}

impl TokenRow {
    /// That nobody changed the row's times.
    pub(super) fn check(&self, tenant: &str, keys: &Keys) -> Result<(), Error> {
        match self.mark {
            Some(mark) if mark != self.life.mark(keys, tenant, &self.token) => {
                Err(Error::Damaged { table: TABLE })
            }
            _ => Ok(()),
        }
    }

    /// What its seal is bound to.
    pub(super) fn record_name(&self) -> String {
        let Self {
            token,
            kind,
            keeps_form,
            created_at,
            ..
        } = self;
        match self.mark {
            Some(_) => record_name(token, self.substitute.as_deref(), kind, *keeps_form, *created_at),
            None => first_record_name(token, kind, *keeps_form, *created_at, self.life.expires_at),
        }
    }
}

impl WriteToken {
    pub(super) async fn run(self, tx: &mut Tx) -> Result<Tried, Error> {
        let tenant = self.tenant.as_str();
        let at = self.change.at.as_millisecond();
        for dedup in &self.dedup {
            // What has ended is no token any more.
            let ended: Vec<Option<RowName>> = tx
                .rows(
                    "DELETE FROM vault_tokens WHERE tenant = $1 AND kind = $2 AND dedup = $3 AND expires_at <= $4 \
                     RETURNING name_in_log",
                    values![tenant, &self.kind, *dedup, at],
                )
                .await?;
            let change = SubjectChange::by_installation(tenant, self.change.at);
            tell_ended(tx, "tokens_ended", &change, &ended).await?;
        }
        for dedup in self.dedup.iter().skip(1) {
            if let Some(known) = known(tx, tenant, &self.kind, *dedup).await? {
                return Ok(Tried::Known(known));
            }
        }
        // A name leads to one value, whichever of the two it is.
        let taken: i64 = tx
            .one(
                "SELECT COUNT(*) FROM vault_tokens WHERE tenant = $1 AND (token = $2 OR substitute = $3)",
                values![tenant, self.substitute.as_deref(), &self.token],
            )
            .await?;
        let stored = match taken {
            0 => self.insert(tx).await?,
            _ => 0,
        };
        if stored == 0 {
            let Some(dedup) = self.dedup.first() else {
                return Ok(Tried::Again);
            };
            let known = known(tx, tenant, &self.kind, *dedup).await?;
            return Ok(known.map_or(Tried::Again, Tried::Known));
        }
        let leaf = Leaf {
            kind: if self.keeps_form {
                "format_preserving_token_created"
            } else {
                "token_created"
            },
            tenant,
            at: self.change.at,
            payload: &self.change,
        };
        append_leaf(tx, leaf).await?;
        Ok(Tried::Stored)
    }

    async fn insert(&self, tx: &mut Tx) -> Result<u64, Error> {
        Ok(tx
            .execute(
                "INSERT INTO vault_tokens (tenant, token, substitute, kind, subject, key_id, preserves_format, dedup, \
                 created_at, final_at, sliding_ms, expires_at, mark, sealed, name_in_log) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING",
                values![
                    self.tenant.as_str(),
                    &self.token,
                    self.substitute.as_deref(),
                    &self.kind,
                    self.subject.as_ref().map(SubjectId::as_str),
                    *self.key_id.as_bytes(),
                    self.keeps_form,
                    self.dedup.first().map(|dedup| dedup.to_vec()),
                    self.change.at.as_millisecond(),
                    self.life.final_at,
                    self.life.sliding,
                    self.life.expires_at,
                    self.mark,
                    self.container.as_slice(),
                    name_of(&self.container)
                ],
            )
            .await?)
    }
}

/// The token of an equal value.
async fn known(tx: &mut Tx, tenant: &str, kind: &str, dedup: [u8; 32]) -> Result<Option<String>, Error> {
    Ok(tx
        .optional(
            "SELECT token FROM vault_tokens WHERE tenant = $1 AND kind = $2 AND dedup = $3",
            values![tenant, kind, dedup],
        )
        .await?)
}

/// What is clear in the row is bound, so that nobody gives a token another kind or substitute; its times are bound by the
/// mark.
pub(crate) fn record_name(
    token: &str,
    substitute: Option<&str>,
    kind: &str,
    keeps_form: bool,
    created_at: i64,
) -> String {
    let substitute = substitute.unwrap_or("-");
    format!("token-2/{kind}/{keeps_form}/{created_at}/{substitute}/{token}")
}

/// The same of rows from before there were marks.
pub(crate) fn first_record_name(
    token: &str,
    kind: &str,
    keeps_form: bool,
    created_at: i64,
    expires_at: Option<i64>,
) -> String {
    let end = expires_at.unwrap_or(-1);
    format!("token/{kind}/{keeps_form}/{created_at}/{end}/{token}")
}

pub(super) fn place<'a>(tenant: &'a TenantId, subject: Option<&'a SubjectId>, record: &'a str) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        subject: subject.map_or("", SubjectId::as_str),
        record,
        version: 1,
        table: TABLE,
    }
}
