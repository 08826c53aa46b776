//! Shared records: a token shows fields of one subject to whoever holds it, until it ends.

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::{random_token, random_uuid, sha256};
use privet_store::{Leaf, Scope, Tx, append_leaf, values};
use privet_types::{Secret, TenantId};
use serde::Serialize;
use serde_json::{Value, json};

use super::app::check_name;
use super::change::signed;
use super::container::{Place, open, seal};
use super::id::{SubjectId, SubjectRef};
use super::read::timestamp;
use super::record::Record;
use super::row::{Found, SubjectState};
use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::followed::{RowName, name_of};
use crate::{Actor, Error, Ground, Vault};

const ATTEMPTS: usize = 16;
const ABSENT: Error = Error::Absent {
    what: "shared record",
};
const TABLE: &str = "subject_shares";
/// Most shared records of one subject that have not ended.
const MOST_SHARES: i64 = 1000;
/// Longest life.
pub(super) const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// What a shared record is to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// These fields of the record, where it has them.
    Fields(Vec<String>),
    /// What this application keeps.
    App(String),
}

/// What a shared record is to be.
#[derive(Debug, Clone)]
pub struct NewShare {
    /// What it shows.
    pub shown: Shown,
    /// How long it lives: 1 s to 366 days.
    pub ttl: Duration,
    /// How often it can be read; any number of times if absent.
    pub most_reads: Option<u32>,
}

/// A shared record that was made.
#[derive(Debug, Clone)]
pub struct Share {
    /// What its holder needs. Only its hash is kept.
    pub token: Secret<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a shared record shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// Whose installation space it came from.
    pub tenant: String,
    /// The fields.
    pub data: Record,
    /// How often it has been read, this time counted.
    pub reads: u64,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A shared record that is to be made.
pub(super) struct Order {
    /// What it shows, as it is sealed.
    pub(super) what: Record,
    pub(super) ttl: Duration,
    pub(super) most_reads: Option<u32>,
    pub(super) form: TokenForm,
}

/// How the token of a shared record looks.
#[derive(Debug, Clone, Copy)]
pub(super) enum TokenForm {
    /// 256 random bits.
    Long,
    /// A random UUID: 122 bits.
    Uuid,
}

/// A shared record that was opened.
pub(super) struct Opened {
    /// Who reads, in the tenant it is of.
    pub(super) actor: Actor,
    /// Whom it is about.
    pub(super) found: Found,
    /// What it shows, as it was sealed.
    pub(super) what: Record,
    id: [u8; 32],
    now: Timestamp,
    expires_at: Timestamp,
}

/// `tenant, subject, created_at, expires_at, most_reads, reads, sealed`.
type ShareRow = (String, String, i64, i64, Option<i64>, i64, Vec<u8>);

impl Vault {
    /// Makes a shared record of `who`.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`]; [`Error::BadField`] if no field is named or the life is not possible;
    /// [`Error::TooMany`] past 1,000 of one subject.
    pub async fn share(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        new: &NewShare,
        ground: Ground,
    ) -> Result<Share, Error> {
        let what = match &new.shown {
            Shown::Fields(fields) if fields.is_empty() => {
                return Err(bad("fields", "a shared record shows one field or more"));
            }
            Shown::Fields(fields) => json!({"fields": fields}),
            Shown::App(app) => {
                check_name("app", app)?;
                json!({"app": app})
            }
        };
        if new.ttl < Duration::from_secs(1) || new.ttl > LONGEST {
            return Err(bad("expiration", "a shared record lives 1 second to 366 days"));
        }
        let order = Order {
            what: Record::from_value(what)?,
            ttl: new.ttl,
            most_reads: new.most_reads,
            form: TokenForm::Long,
        };
        self.share_order(actor, who, order, ground).await
    }

    pub(super) async fn share_order(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        order: Order,
        ground: Ground,
    ) -> Result<Share, Error> {
        let Order { what, ttl, .. } = order;
        for _ in 0..ATTEMPTS {
            let found = self.find_for(actor, who, ground).await?;
            let at = self.now();
            let expires_at = Timestamp::from_millisecond(at.as_millisecond() + millis(ttl))
                .map_err(|_| bad("expiration", "out of range"))?;
            let token = Secret::new(match order.form {
                TokenForm::Long => random_token()?,
                TokenForm::Uuid => random_uuid()?,
            });
            let id = sha256(token.expose().as_bytes());
            let most_reads = order.most_reads.map(i64::from);
            let name = record_name(&id, at.as_millisecond(), expires_at.as_millisecond(), most_reads);
            self.count_seals(&actor.tenant, found.keys.id, &what).await?;
            let container = seal(&found.keys, &place(&found, &name), &what)?;
            let change = SubjectChange {
                subject: Some(found.pseudonym()),
                expires_at: Some(expires_at),
                ground,
                ..SubjectChange::by(actor, at).storing(&container)
            };
            let is_written = self
                .store
                .database()
                .write(&Self::scope(actor), move |tx| {
                    Box::pin(async move { write(tx, &found, id, container, most_reads, &change).await })
                })
                .await?;
            if is_written {
                return Ok(Share { token, expires_at });
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }

    /// What the shared record of `token` shows, and counts that it was read. The holder of a token names no tenant;
    /// `principal` is who the log says it was.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, it has ended, was revoked, was read as often as it may, or its subject is
    /// restricted or erased: all the same from outside. [`Error::Damaged`].
    pub async fn shared(
        &self,
        token: &str,
        principal: &privet_types::Pseudonym,
    ) -> Result<Audited<Shared>, Error> {
        let opened = self.open_shared(token, principal, None).await?;
        let data = self
            .shown(&opened.actor, &opened.found, opened.what.clone())
            .await?;
        let (reads, mut access) = self.read_shared(&opened, data.fields().len()).await?;
        if opened.what.fields().contains_key("fields") {
            access.names = opened.found.names_in_log(&data);
        }
        Ok(Audited {
            value: Shared {
                tenant: opened.actor.tenant.as_str().to_owned(),
                data,
                reads,
                expires_at: opened.expires_at,
            },
            access,
        })
    }

    /// Opens the shared record of `token`, if it is one of `within`. Before anything of it is shown,
    /// [`read_shared`](Self::read_shared) counts the read.
    pub(super) async fn open_shared(
        &self,
        token: &str,
        principal: &privet_types::Pseudonym,
        within: Option<&TenantId>,
    ) -> Result<Opened, Error> {
        let id = sha256(token.as_bytes());
        let now = self.now();
        // Who holds a token need not know whose it is, so the tenant comes from the row.
        let row: Option<ShareRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT tenant, subject, created_at, expires_at, most_reads, reads, sealed \
                             FROM subject_shares WHERE id = $1 AND expires_at > $2",
                            values![id, now.as_millisecond()],
                        )
                        .await?)
                })
            })
            .await?;
        let row = row.filter(|row| within.is_none_or(|tenant| tenant.as_str() == row.0));
        let (tenant, subject, created_at, expires_at, most_reads, _, container) = row.ok_or(ABSENT)?;
        let actor = Actor {
            tenant: tenant.parse().map_err(|_| Error::Damaged { table: TABLE })?,
            principal: principal.clone(),
        };
        let who = SubjectRef::Token(SubjectId::stored(subject));
        let found = match self.find_for(&actor, &who, Ground::Ordinary).await {
            Err(Error::Restricted | Error::Absent { .. }) => return Err(ABSENT),
            other => other?,
        };
        let name = record_name(&id, created_at, expires_at, most_reads);
        let what = open(&found.keys, &place(&found, &name), &container)?;
        Ok(Opened {
            actor,
            found,
            what,
            id,
            now,
            expires_at: timestamp(expires_at)?,
        })
    }

    /// Counts a read that shows `fields` fields. How many there were, and what the log is to be told.
    pub(super) async fn read_shared(&self, opened: &Opened, fields: usize) -> Result<(u64, Access), Error> {
        let Opened {
            actor,
            found,
            id,
            now,
            ..
        } = opened;
        let reads = self.count_read(&actor.tenant, *id, *now).await?;
        let access = Access::shown(actor, *now, Operation::ReadShare, Ground::Ordinary);
        Ok((reads, access.of(found.pseudonym(), fields)))
    }

    /// Ends the shared record of `token`.
    ///
    /// # Errors
    /// [`Error::Absent`] if the tenant has none of that token.
    pub async fn revoke_share(&self, actor: &Actor, token: &str) -> Result<(), Error> {
        let id = sha256(token.as_bytes());
        let at = self.now();
        let (tenant, change) = (actor.tenant.clone(), SubjectChange::by(actor, at));
        self.store
            .database()
            .write(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let deleted: Option<Option<RowName>> = tx
                        .optional(
                            "DELETE FROM subject_shares WHERE tenant = $1 AND id = $2 AND expires_at > $3 \
                             RETURNING name_in_log",
                            values![tenant.as_str(), id, at.as_millisecond()],
                        )
                        .await?;
                    let name = deleted.ok_or(ABSENT)?;
                    let leaf = Leaf {
                        kind: "share_revoked",
                        tenant: tenant.as_str(),
                        at,
                        payload: &change.ending([name]),
                    };
                    Ok(append_leaf(tx, leaf).await?)
                })
            })
            .await
    }

    async fn shown(&self, actor: &Actor, found: &Found, what: Record) -> Result<Record, Error> {
        let who = SubjectRef::Token(found.row.id.clone());
        match what.fields().iter().next() {
            Some((kind, Value::Array(fields))) if kind == "fields" => {
                let fields: Vec<&str> = fields.iter().filter_map(Value::as_str).collect();
                Ok(found.subject_with(&fields)?.record)
            }
            Some((kind, Value::String(app))) if kind == "app" => {
                match self.read_app(actor, &who, app, Ground::Ordinary).await {
                    Ok(data) => Ok(data.value.data),
                    Err(Error::Absent { .. } | Error::Restricted) => Err(ABSENT),
                    Err(error) => Err(error),
                }
            }
            // Views are read in another way.
            Some((kind, _)) if kind == "view" => Err(ABSENT),
            _ => Err(Error::Damaged { table: TABLE }),
        }
    }

    /// Counts a read before anything is shown. The row, the subject's state and the bound are looked at again with it.
    async fn count_read(&self, tenant: &TenantId, id: [u8; 32], now: Timestamp) -> Result<u64, Error> {
        let owner = tenant.clone();
        let reads: Option<i64> = self
            .store
            .database()
            .write::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "UPDATE subject_shares SET reads = reads + 1 WHERE tenant = $1 AND id = $2 \
                             AND expires_at > $3 AND (most_reads IS NULL OR reads < most_reads) AND EXISTS \
                             (SELECT 1 FROM subjects s WHERE s.tenant = subject_shares.tenant \
                             AND s.id = subject_shares.subject AND s.state = $4) RETURNING reads",
                            values![
                                owner.as_str(),
                                id,
                                now.as_millisecond(),
                                SubjectState::Active.name()
                            ],
                        )
                        .await?)
                })
            })
            .await?;
        Ok(reads.ok_or(ABSENT)?.unsigned_abs())
    }
}

async fn write(
    tx: &mut Tx,
    found: &Found,
    id: [u8; 32],
    container: Vec<u8>,
    most_reads: Option<i64>,
    change: &SubjectChange,
) -> Result<bool, Error> {
    if !found.row.hold(tx).await? {
        return Ok(false);
    }
    let (tenant, subject) = (found.row.tenant.as_str(), found.row.id.as_str());
    let at = change.at.as_millisecond();
    let shares: i64 = tx
        .one(
            "SELECT COUNT(*) FROM subject_shares WHERE tenant = $1 AND subject = $2 AND expires_at > $3",
            values![tenant, subject, at],
        )
        .await?;
    if shares >= MOST_SHARES {
        return Err(Error::TooMany {
            what: "shared records of a subject",
            most: MOST_SHARES.unsigned_abs(),
        });
    }
    tx.execute(
        "INSERT INTO subject_shares (tenant, id, subject, created_at, expires_at, most_reads, reads, sealed, \
         name_in_log) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        values![
            tenant,
            id,
            subject,
            at,
            change.expires_at.map_or(0, Timestamp::as_millisecond),
            most_reads,
            signed(0),
            container.as_slice(),
            name_of(&container)
        ],
    )
    .await?;
    let leaf = Leaf {
        kind: "share_created",
        tenant,
        at: change.at,
        payload: change,
    };
    append_leaf(tx, leaf).await?;
    Ok(true)
}

/// Times and bound are sealed with it, so that nobody makes it live longer or be read more often.
pub(crate) fn record_name(
    id: &[u8; 32],
    created_at: i64,
    expires_at: i64,
    most_reads: Option<i64>,
) -> String {
    let most = most_reads.unwrap_or(-1);
    format!("share/{}/{created_at}/{expires_at}/{most}", HEXLOWER.encode(id))
}

fn place<'a>(found: &'a Found, name: &'a str) -> Place<'a> {
    Place {
        table: TABLE,
        ..found.row.place(name, 1)
    }
}

/// A span in milliseconds.
pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

pub(super) fn bad(field: &str, why: &'static str) -> Error {
    Error::BadField {
        field: field.to_owned(),
        why,
    }
}
