//! Tokens: stand-ins for single values that are sealed here.

mod format;
mod life;
mod many;
mod rehash;
mod row;
mod substitute;

use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::{KeyId, random_uuid};
use privet_store::{Leaf, append_leaf, values};
use privet_types::{Secret, TenantId};
use serde_json::{Value, json};

pub use substitute::Substitute;

pub(crate) use life::Life;
pub(crate) use row::{first_record_name, record_name};

use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::followed::RowName;
use crate::subject::{Owner, check_name, sealed, timestamp};
use crate::{Actor, Error, Ground, Record, SubjectId, SubjectRef, Vault};
use row::{TokenRow, Tried, WriteToken, place};

const ABSENT: Error = Error::Absent { what: "token" };
const TABLE: &str = "vault_tokens";
const ATTEMPTS: u8 = 16;
/// Longest value of a token.
const LONGEST_VALUE: usize = 64 << 10;
/// Longest text that can be a token.
const LONGEST_TOKEN: usize = 512;

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
    /// How long it lives however it is used; for ever if absent.
    pub ttl: Option<Duration>,
    /// How long it lives without being read; for ever if absent.
    pub sliding: Option<Duration>,
    /// Whether an equal value of this kind and subject gets the token that is there already.
    pub is_shared: bool,
    /// Whether the times of a token that is there already start anew, with `ttl` and `sliding` of this order.
    pub renews: bool,
    /// Of which kind a substitute is to be that stands for the value too; none if absent. Not with
    /// [`TokenForm::PreservingFormat`].
    pub substitute: Option<Substitute>,
    /// What it looks like.
    pub form: TokenForm,
}

/// A token that was made or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What stands for the value.
    pub token: String,
    /// What stands for it too, and is of the same kind.
    pub substitute: Option<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it was there already.
    pub is_known: bool,
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub struct TokenValue {
    /// The token itself, also if it was found by its substitute.
    pub token: String,
    /// Its substitute, if it has one.
    pub substitute: Option<String>,
    /// What kind of value.
    pub kind: String,
    /// The value.
    pub value: Secret<String>,
    /// Whose.
    pub subject: Option<SubjectId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; of one with a sliding life, if it is not read before.
    pub expires_at: Option<Timestamp>,
    /// Whether it survives the shredding of its key.
    pub preserves_format: bool,
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
        if [new.ttl, new.sliding].contains(&Some(Duration::ZERO)) {
            return Err(bad("expiration", "a token lives one millisecond or longer"));
        }
        if let Some(substitute) = new.substitute {
            if new.form == TokenForm::PreservingFormat {
                return Err(bad("substitute", "a token that keeps the form has no substitute"));
            }
            substitute.check(value)?;
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

    /// What `token`, or the token whose substitute that is, stands for. A sliding life starts anew.
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
        let row = self.token_row(actor, token).await?;
        let owner = self.token_owner(actor, &row, ground).await?;
        let value = self.token_value(actor, &row, &owner).await?;
        let mut access = Access::shown(actor, self.now(), Operation::ResolveToken, ground);
        if let Some(pseudonym) = owner.pseudonym() {
            access = access.of(pseudonym, 1);
        }
        access.fields = 1;
        Ok(Audited { value, access })
    }

    /// Deletes `token`, or the token whose substitute that is, and shreds its key if that was its alone.
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
                    let deleted: Option<(Option<String>, [u8; 16], Option<RowName>)> = tx
                        .optional(
                            "DELETE FROM vault_tokens WHERE tenant = $1 AND (token = $2 OR substitute = $2) \
                             AND (expires_at IS NULL OR expires_at > $3) RETURNING subject, key_id, name_in_log",
                            values![tenant.as_str(), name, at.as_millisecond()],
                        )
                        .await?;
                    let (subject, key, name) = deleted.ok_or(ABSENT)?;
                    let leaf = Leaf {
                        kind: "token_deleted",
                        tenant: tenant.as_str(),
                        at,
                        payload: &change.ending([name]),
                    };
                    append_leaf(tx, leaf).await?;
                    Ok(subject.is_none().then(|| KeyId::from_bytes(key)))
                })
            })
            .await?;
        self.shred_own(&actor.tenant, &own.into_iter().collect::<Vec<_>>())
            .await
    }

    /// The row of `token`, if it has not ended.
    async fn token_row(&self, actor: &Actor, token: &str) -> Result<TokenRow, Error> {
        let (tenant, name, now) = (actor.tenant.clone(), token.to_owned(), self.now());
        let row = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move { row::live(tx, tenant.as_str(), &name, now.as_millisecond()).await })
            })
            .await?;
        row.ok_or(ABSENT)
    }

    async fn token_owner(&self, actor: &Actor, row: &TokenRow, ground: Ground) -> Result<Owner, Error> {
        let owner = self
            .owner(&actor.tenant, row.subject.as_ref(), row.key_id, ground, "token")
            .await?;
        row.check(actor.tenant.as_str(), owner.keys())?;
        Ok(owner)
    }

    /// What the token of `row` stands for. A sliding life starts anew.
    async fn token_value(&self, actor: &Actor, row: &TokenRow, owner: &Owner) -> Result<TokenValue, Error> {
        let name = row.record_name();
        let place = place(&actor.tenant, row.subject.as_ref(), &name);
        let record = sealed::open(owner.keys(), &place, &row.sealed)?;
        let value = match record.fields().get("value") {
            Some(Value::String(value)) => Secret::new(value.clone()),
            _ => return Err(Error::Damaged { table: TABLE }),
        };
        let mut life = row.life;
        if life.sliding.is_some() {
            life = life.slid(self.now().as_millisecond());
            // Who changed its times meanwhile has the last word.
            self.set_life(actor, row, owner, life, None).await?;
        }
        Ok(TokenValue {
            token: row.token.clone(),
            substitute: row.substitute.clone(),
            kind: row.kind.clone(),
            value,
            subject: row.subject.clone(),
            created_at: timestamp(row.created_at)?,
            expires_at: life.expires_at.map(timestamp).transpose()?,
            preserves_format: row.keeps_form,
        })
    }

    /// Gives the token of `row` other times, unless somebody else did meanwhile. Says whether it did.
    async fn set_life(
        &self,
        actor: &Actor,
        row: &TokenRow,
        owner: &Owner,
        life: Life,
        change: Option<SubjectChange>,
    ) -> Result<bool, Error> {
        let tenant = actor.tenant.clone();
        let mark = life.mark(owner.keys(), tenant.as_str(), &row.token);
        let (token, before) = (row.token.clone(), row.mark);
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let written = tx
                        .execute(
                            "UPDATE vault_tokens SET final_at = $1, sliding_ms = $2, expires_at = $3, mark = $4 \
                             WHERE tenant = $5 AND token = $6 AND mark = $7",
                            values![
                                life.final_at,
                                life.sliding,
                                life.expires_at,
                                mark,
                                tenant.as_str(),
                                token,
                                before.map(|mark| mark.to_vec())
                            ],
                        )
                        .await?;
                    if let (1, Some(change)) = (written, &change) {
                        let leaf = Leaf {
                            kind: "token_renewed",
                            tenant: tenant.as_str(),
                            at: change.at,
                            payload: change,
                        };
                        append_leaf(tx, leaf).await?;
                    }
                    Ok(written == 1)
                })
            })
            .await
    }

    /// The token `token`, which an equal value has, its times started anew if `new` says so; `None` to try again.
    async fn known_token(
        &self,
        actor: &Actor,
        new: &NewToken,
        token: &str,
        ground: Ground,
    ) -> Result<Option<Token>, Error> {
        let row = match self.token_row(actor, token).await {
            Err(Error::Absent { .. }) => return Ok(None),
            row => row?,
        };
        let owner = match self.token_owner(actor, &row, ground).await {
            Err(Error::Absent { .. }) => return Ok(None),
            owner => owner?,
        };
        let mut life = row.life;
        // The times of a row from before are bound by its seal, and stay.
        if new.renews && row.mark.is_some() {
            let at = self.now();
            life = Life::new(at.as_millisecond(), new)?;
            let change = SubjectChange {
                subject: owner.pseudonym(),
                expires_at: life.expires_at.map(timestamp).transpose()?,
                ground,
                ..SubjectChange::by(actor, at)
            };
            if !self.set_life(actor, &row, &owner, life, Some(change)).await? {
                return Ok(None);
            }
        }
        Ok(Some(Token {
            token: row.token,
            substitute: row.substitute,
            expires_at: life.expires_at.map(timestamp).transpose()?,
            is_known: true,
        }))
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
        let life = Life::new(created_at, new)?;
        let expiry = life.expires_at.map(timestamp).transpose()?;
        let keeps_form = new.form == TokenForm::PreservingFormat;
        let token = self.token_text(&actor.tenant, new, attempt).await?;
        let substitute = new
            .substitute
            .map(|kind| kind.draw(new.value.expose()))
            .transpose()?;
        let subject = owner.subject();
        // Equal values have one token of a kind that keeps the form: the cipher gives no other.
        let dedup = match new.is_shared || keeps_form {
            true => self.dedup(&actor.tenant, new, subject).await?,
            false => Vec::new(),
        };
        let value = Record::from_value(json!({"value": new.value.expose()}))?;
        let record = record_name(&token, substitute.as_deref(), &new.kind, keeps_form, created_at);
        self.count_seals(&actor.tenant, owner.keys().id, &value).await?;
        let container = sealed::seal(owner.keys(), &place(&actor.tenant, subject, &record), &value)?;
        let write = WriteToken {
            change: SubjectChange {
                subject: owner.pseudonym(),
                count: Some(1),
                expires_at: expiry,
                ground,
                ..SubjectChange::by(actor, at).storing(&container)
            },
            tenant: actor.tenant.clone(),
            token: token.clone(),
            substitute: substitute.clone(),
            kind: new.kind.clone(),
            subject: subject.cloned(),
            key_id: owner.keys().id,
            keeps_form,
            dedup,
            mark: life.mark(owner.keys(), actor.tenant.as_str(), &token),
            life,
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
        match tried {
            Tried::Stored => Ok(Some((
                Token {
                    token,
                    substitute,
                    expires_at: expiry,
                    is_known: false,
                },
                true,
            ))),
            Tried::Known(token) => {
                let known = self.known_token(actor, new, &token, ground).await?;
                Ok(known.map(|token| (token, false)))
            }
            Tried::Again => Ok(None),
        }
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
    ) -> Result<Vec<[u8; 32]>, Error> {
        let form = dedup_form(new.form, new.substitute.is_some());
        let owner = subject.map_or("", SubjectId::as_str);
        self.dedup_of(tenant, form, &new.kind, new.value.expose(), owner)
            .await
    }

    /// The blind index of `value` of a token of this form and kind; `owner` is the subject's id, or empty. First what a new token
    /// gets, then what those may have that a rotation has not come to.
    pub(crate) async fn dedup_of(
        &self,
        tenant: &TenantId,
        form: &str,
        kind: &str,
        value: &str,
        owner: &str,
    ) -> Result<Vec<[u8; 32]>, Error> {
        let field = format!("privet/token/{form}/{kind}");
        let keys = self.keyring.index_keys(tenant, &field).await?;
        let text = format!("{owner}/{value}");
        Ok(keys.iter().map(|key| key.exact(text.as_bytes())).collect())
    }
}

/// What the blind index of a token is named for.
pub(crate) const fn dedup_form(form: TokenForm, has_substitute: bool) -> &'static str {
    match (form, has_substitute) {
        (TokenForm::Random, false) => "random",
        (TokenForm::Random, true) => "substitute",
        (TokenForm::PreservingFormat, _) => "format",
    }
}

fn bad(field: &str, why: &'static str) -> Error {
    Error::BadField {
        field: field.to_owned(),
        why,
    }
}
