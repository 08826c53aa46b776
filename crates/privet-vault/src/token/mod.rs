//! Tokens: stand-ins for single values that are sealed here.

mod format;

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::{KeyId, random_uuid, sha256};
use privet_store::{Leaf, Tx, append_leaf, values};
use privet_types::{Secret, TenantId};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::subject::{Owner, Place, check_name, millis, sealed, timestamp};
use crate::{Actor, Error, Ground, Record, SubjectId, SubjectRef, Vault};

const ABSENT: Error = Error::Absent { what: "token" };
const TABLE: &str = "vault_tokens";
const ATTEMPTS: u8 = 16;
/// Longest value of a token.
const LONGEST_VALUE: usize = 64 << 10;
/// Longest text that can be a token.
const LONGEST_TOKEN: usize = 512;
/// Most tokens that are made in one call.
const MOST_TOKENS: usize = 1000;
/// So many of them are made at once.
const TOKENS_AT_ONCE: usize = 64;

/// What a token looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenForm {
    /// A random UUID. It says nothing of the value, and is worthless once the key is shredded.
    #[default]
    Random,
    /// Digits stay digits, letters letters of their case, all else stays (FF1). Who holds the tenant's keys can compute
    /// the value from it, so it survives the shredding of a subject's key: rows are flagged. At least 10^6 values of
    /// that form are needed.
    PreservingFormat,
}

/// What a token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What kind of value: an operator's name, such as `card`.
    pub kind: String,
    /// The value, 64 KiB at most.
    pub value: Secret<String>,
    /// Whose value it is. It goes with the subject's erasure.
    pub subject: Option<SubjectRef>,
    /// How long it lives; for ever if absent.
    pub ttl: Option<Duration>,
    /// Whether an equal value of this kind and subject gets the token that is there already.
    pub is_shared: bool,
    /// What it looks like.
    pub form: TokenForm,
}

/// A token that was made or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What stands for the value.
    pub token: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it was there already.
    pub is_known: bool,
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub struct TokenValue {
    /// What kind of value.
    pub kind: String,
    /// The value.
    pub value: Secret<String>,
    /// Whose.
    pub subject: Option<SubjectId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it survives the shredding of its key.
    pub preserves_format: bool,
}

/// `kind, subject, key_id, preserves_format, created_at, expires_at, sealed`.
type TokenRow = (String, Option<String>, [u8; 16], bool, i64, Option<i64>, Vec<u8>);

/// How a try to store a token went.
enum Tried {
    Stored,
    /// An equal value has this token.
    Known(String, Option<i64>),
    /// Another value has it, or the subject has changed.
    Again,
}

impl Vault {
    /// A token for a value.
    ///
    /// # Errors
    /// [`Error::BadField`] if kind, value or life are not possible, [`Error::Crypto`] if there are too few values of the
    /// form that is to be kept; [`Error::Absent`] and [`Error::Restricted`] of the subject.
    pub async fn create_token(&self, actor: &Actor, new: &NewToken, ground: Ground) -> Result<Token, Error> {
        check_name("kind", &new.kind)?;
        let value = new.value.expose();
        if !(1..=LONGEST_VALUE).contains(&value.len()) {
            return Err(bad("record", "a token's value has 1 byte to 64 KiB"));
        }
        if new.ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Err(bad("expiration", "a token lives one millisecond or longer"));
        }
        if new.form == TokenForm::PreservingFormat && value.len() > LONGEST_TOKEN {
            return Err(bad("record", "a token that keeps the form has 512 bytes at most"));
        }
        let mut owner = self.new_owner(actor, new.subject.as_ref(), ground).await?;
        for attempt in 0..ATTEMPTS {
            let result = self.try_token(actor, new, &owner, attempt, ground).await;
            let done = match result {
                Ok(None) => None,
                Ok(Some((token, is_new))) => Some((Ok(token), is_new)),
                Err(error) => Some((Err(error), false)),
            };
            if let Some((outcome, is_new)) = done {
                // After an error of the store nobody knows whether a row that needs the key is durable.
                let is_unused = !is_new && !matches!(outcome, Err(Error::Store(_)));
                if is_unused && let Owner::Nobody(keys) = &owner {
                    self.shred_own(&actor.tenant, &[keys.id]).await?;
                }
                return outcome;
            }
            if new.subject.is_some() {
                owner = self.new_owner(actor, new.subject.as_ref(), ground).await?;
            }
        }
        Err(Error::Taken {
            field: "token".to_owned(),
        })
    }

    /// Tokens for several values, 1,000 at most; each by itself, in the order of the values.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub async fn create_tokens(
        &self,
        actor: &Actor,
        new: &[NewToken],
        ground: Ground,
    ) -> Result<Vec<Result<Token, Error>>, Error> {
        if new.len() > MOST_TOKENS {
            return Err(Error::TooMany {
                what: "tokens at a time",
                most: MOST_TOKENS as u64,
            });
        }
        let mut tokens: Vec<Result<Token, Error>> = new.iter().map(|_| Err(Error::Stopped)).collect();
        let mut open = JoinSet::new();
        let mut waiting = new.iter().cloned().enumerate();
        loop {
            // At once, so that they share commits.
            while open.len() < TOKENS_AT_ONCE
                && let Some((number, one)) = waiting.next()
            {
                let (vault, actor) = (self.clone(), actor.clone());
                open.spawn(async move { (number, vault.create_token(&actor, &one, ground).await) });
            }
            let Some(done) = open.join_next().await else {
                return Ok(tokens);
            };
            if let Ok((number, outcome)) = done
                && let Some(slot) = tokens.get_mut(number)
            {
                *slot = outcome;
            }
        }
    }

    /// What `token` stands for.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, it has ended, or its key is shredded; [`Error::Restricted`];
    /// [`Error::Damaged`].
    pub async fn resolve_token(
        &self,
        actor: &Actor,
        token: &str,
        ground: Ground,
    ) -> Result<Audited<TokenValue>, Error> {
        let (tenant, name, now) = (
            actor.tenant.clone(),
            token.to_owned(),
            self.now().as_millisecond(),
        );
        let row: Option<TokenRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT kind, subject, key_id, preserves_format, created_at, expires_at, sealed \
                             FROM vault_tokens WHERE tenant = $1 AND token = $2 \
                             AND (expires_at IS NULL OR expires_at > $3)",
                            values![tenant.as_str(), name, now],
                        )
                        .await?)
                })
            })
            .await?;
        let (kind, subject, key_id, preserves_format, created_at, expires_at, container) =
            row.ok_or(ABSENT)?;
        let subject = subject.map(SubjectId::stored);
        let key_id = KeyId::from_bytes(key_id);
        let owner = self
            .owner(&actor.tenant, subject.as_ref(), key_id, ground, "token")
            .await?;
        let record = record_name(token, &kind, preserves_format, created_at, expires_at);
        let place = place(&actor.tenant, subject.as_ref(), &record);
        let record = sealed::open(owner.keys(), &place, &container)?;
        let value = match record.fields().get("value") {
            Some(Value::String(value)) => Secret::new(value.clone()),
            _ => return Err(Error::Damaged { table: TABLE }),
        };
        let mut access = Access::shown(actor, self.now(), Operation::ResolveToken, ground);
        if let Some(pseudonym) = owner.pseudonym() {
            access = access.of(pseudonym, 1);
        }
        access.fields = 1;
        Ok(Audited {
            value: TokenValue {
                kind,
                value,
                subject,
                created_at: timestamp(created_at)?,
                expires_at: expires_at.map(timestamp).transpose()?,
                preserves_format,
            },
            access,
        })
    }

    /// Deletes `token`, and shreds its key if that was its alone.
    ///
    /// # Errors
    /// [`Error::Absent`].
    pub async fn delete_token(&self, actor: &Actor, token: &str) -> Result<(), Error> {
        let at = self.now();
        let (tenant, name) = (actor.tenant.clone(), token.to_owned());
        let change = SubjectChange::by(actor, at);
        let own = self
            .store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let deleted: Option<(Option<String>, [u8; 16])> = tx
                        .optional(
                            "DELETE FROM vault_tokens WHERE tenant = $1 AND token = $2 \
                             AND (expires_at IS NULL OR expires_at > $3) RETURNING subject, key_id",
                            values![tenant.as_str(), name, at.as_millisecond()],
                        )
                        .await?;
                    let (subject, key) = deleted.ok_or(ABSENT)?;
                    let leaf = Leaf {
                        kind: "token_deleted",
                        tenant: tenant.as_str(),
                        at,
                        payload: &change,
                    };
                    append_leaf(tx, leaf).await?;
                    Ok(subject.is_none().then(|| KeyId::from_bytes(key)))
                })
            })
            .await?;
        self.shred_own(&actor.tenant, &own.into_iter().collect::<Vec<_>>())
            .await
    }

    /// One try: the token and whether it is new; `None` to try again.
    async fn try_token(
        &self,
        actor: &Actor,
        new: &NewToken,
        owner: &Owner,
        attempt: u8,
        ground: Ground,
    ) -> Result<Option<(Token, bool)>, Error> {
        let at = self.now();
        let created_at = at.as_millisecond();
        let expires_at = new.ttl.map(|ttl| created_at.saturating_add(millis(ttl)));
        let expiry = expires_at
            .map(|end| {
                Timestamp::from_millisecond(end).map_err(|_| bad("expiration", "a token lives too long"))
            })
            .transpose()?;
        let keeps_form = new.form == TokenForm::PreservingFormat;
        let token = self.token_text(&actor.tenant, new, attempt).await?;
        let subject = owner.subject();
        // Equal values have one token of a kind that keeps the form: the cipher gives no other.
        let dedup = match new.is_shared || keeps_form {
            true => Some(self.dedup(&actor.tenant, new, subject).await?),
            false => None,
        };
        let value = Record::from_value(json!({"value": new.value.expose()}))?;
        let record = record_name(&token, &new.kind, keeps_form, created_at, expires_at);
        self.count_seals(&actor.tenant, owner.keys().id, &value).await?;
        let container = sealed::seal(owner.keys(), &place(&actor.tenant, subject, &record), &value)?;
        let write = WriteToken {
            change: SubjectChange {
                subject: owner.pseudonym(),
                count: Some(1),
                sealed: Some(HEXLOWER.encode(&sha256(&container))),
                expires_at: expiry,
                ground,
                ..SubjectChange::by(actor, at)
            },
            tenant: actor.tenant.clone(),
            token: token.clone(),
            kind: new.kind.clone(),
            subject: subject.cloned(),
            key_id: owner.keys().id,
            keeps_form,
            dedup,
            expires_at,
            container,
        };
        let hold = match owner {
            Owner::Subject(found) => Some(found.row.clone()),
            Owner::Nobody(_) => None,
        };
        let tried = self
            .store
            .database()
            .write(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    if let Some(row) = hold
                        && !row.hold(tx).await?
                    {
                        return Ok(Tried::Again);
                    }
                    write.run(tx).await
                })
            })
            .await?;
        Ok(match tried {
            Tried::Stored => Some((
                Token {
                    token,
                    expires_at: expiry,
                    is_known: false,
                },
                true,
            )),
            Tried::Known(token, expires_at) => Some((
                Token {
                    token,
                    expires_at: expires_at.map(timestamp).transpose()?,
                    is_known: true,
                },
                false,
            )),
            Tried::Again => None,
        })
    }

    async fn token_text(&self, tenant: &TenantId, new: &NewToken, attempt: u8) -> Result<String, Error> {
        match new.form {
            TokenForm::Random => Ok(random_uuid()?),
            TokenForm::PreservingFormat => {
                let secret = self.keyring.tenant_secret(tenant).await?;
                let key = secret.ff1_key("privet/vault/token", tenant.as_str().as_bytes());
                let value = new.value.expose();
                // A permutation can leave a value as it is: then the next tweak.
                for more in 0..ATTEMPTS {
                    let tweak = [new.kind.as_bytes(), &[0, attempt, more]].concat();
                    let token = format::token(&key, &tweak, value)?;
                    if token != *value {
                        return Ok(token);
                    }
                }
                Err(Error::Stopped)
            }
        }
    }

    /// The blind index of the value, within its kind and its subject: a token shared by two subjects would outlive
    /// one's erasure, or die with it.
    async fn dedup(
        &self,
        tenant: &TenantId,
        new: &NewToken,
        subject: Option<&SubjectId>,
    ) -> Result<[u8; 32], Error> {
        let owner = subject.map_or("", SubjectId::as_str);
        self.dedup_of(tenant, new.form, &new.kind, new.value.expose(), owner)
            .await
    }

    /// The blind index of `value` of a token of this form and kind; `owner` is the subject's id, or empty.
    pub(crate) async fn dedup_of(
        &self,
        tenant: &TenantId,
        form: TokenForm,
        kind: &str,
        value: &str,
        owner: &str,
    ) -> Result<[u8; 32], Error> {
        let form = match form {
            TokenForm::Random => "random",
            TokenForm::PreservingFormat => "format",
        };
        let field = format!("privet/token/{form}/{kind}");
        let key = self.keyring.index_key(tenant, &field).await?;
        Ok(key.exact(format!("{owner}/{value}").as_bytes()))
    }
}

struct WriteToken {
    tenant: TenantId,
    token: String,
    kind: String,
    subject: Option<SubjectId>,
    key_id: KeyId,
    keeps_form: bool,
    dedup: Option<[u8; 32]>,
    expires_at: Option<i64>,
    container: Vec<u8>,
    change: SubjectChange,
}

impl WriteToken {
    async fn run(self, tx: &mut Tx) -> Result<Tried, Error> {
        let tenant = self.tenant.as_str();
        let at = self.change.at.as_millisecond();
        let dedup = self.dedup.map(|dedup| dedup.to_vec());
        if let Some(dedup) = &dedup {
            // What has ended is no token any more.
            tx.execute(
                "DELETE FROM vault_tokens WHERE tenant = $1 AND kind = $2 AND dedup = $3 AND expires_at <= $4",
                values![tenant, &self.kind, dedup.as_slice(), at],
            )
            .await?;
        }
        let stored = tx
            .execute(
                "INSERT INTO vault_tokens (tenant, token, kind, subject, key_id, preserves_format, dedup, created_at, \
                 expires_at, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
                values![
                    tenant,
                    &self.token,
                    &self.kind,
                    self.subject.as_ref().map(SubjectId::as_str),
                    *self.key_id.as_bytes(),
                    self.keeps_form,
                    dedup.clone(),
                    at,
                    self.expires_at,
                    self.container
                ],
            )
            .await?;
        if stored == 0 {
            let Some(dedup) = dedup else {
                return Ok(Tried::Again);
            };
            let known: Option<(String, Option<i64>)> = tx
                .optional(
                    "SELECT token, expires_at FROM vault_tokens WHERE tenant = $1 AND kind = $2 AND dedup = $3",
                    values![tenant, &self.kind, dedup],
                )
                .await?;
            return Ok(known.map_or(Tried::Again, |(token, end)| Tried::Known(token, end)));
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
}

/// What is clear in the row is bound, so that nobody gives a token another kind or life.
pub(crate) fn record_name(
    token: &str,
    kind: &str,
    keeps_form: bool,
    created_at: i64,
    expires_at: Option<i64>,
) -> String {
    let end = expires_at.unwrap_or(-1);
    format!("token/{kind}/{keeps_form}/{created_at}/{end}/{token}")
}

fn place<'a>(tenant: &'a TenantId, subject: Option<&'a SubjectId>, record: &'a str) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        subject: subject.map_or("", SubjectId::as_str),
        record,
        version: 1,
        table: TABLE,
    }
}

fn bad(field: &str, why: &'static str) -> Error {
    Error::BadField {
        field: field.to_owned(),
        why,
    }
}
