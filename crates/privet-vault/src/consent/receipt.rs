//! Consent receipts: what was agreed to, signed, for the subject to keep.
//!
//! Shaped after ISO/IEC TS 27560: a record's and receipt's identity, the parties, the notice, the purposes with what may
//! be done for them, and the event. The words are ours; field names follow the standard's structure.

use data_encoding::HEXLOWER;
use privet_crypto::{SigningKey, VerifyingKey, sha256};
use privet_store::Scope;
use privet_types::TenantId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::basis::LegalBasis;
use super::catalog::{current, last};
use super::definition::{Agreement, Controller, Purpose, Recipient, RecipientRole, Transfer, Versioned};
use super::event::{AgreementRef, ConsentEvent, EventKind, GivenBy};
use super::{Consent, hex};
use crate::receipt::{check, read};
use crate::{Error, ReceiptError, RetentionPolicy};

/// Which shape a receipt has.
pub const RECEIPT_SCHEMA: &str = "privet-consent-receipt/2";
/// Shapes that earlier versions gave out: they lack fields, and hold what they held.
const EARLIER_SCHEMAS: [&str; 1] = ["privet-consent-receipt/1"];
/// What a signature is over begins with this, so that no signature for something else fits.
const DOMAIN: &[u8] = b"privet consent receipt 1\n";
/// How it is signed.
const ALGORITHM: &str = "Ed25519";
/// The name of the controller on receipts.
const CONTROLLER: &str = "controller";

/// A consent receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentReceipt {
    /// Its shape: [`RECEIPT_SCHEMA`].
    pub schema_version: String,
    /// Identifies the receipt: SHA-256 of record id and time of issue, 32 hexadecimal digits.
    pub receipt_id: String,
    /// Identifies the record that it is of: the statement.
    pub record_id: String,
    /// When it was issued, RFC 3339.
    pub issued_at: String,
    /// The tenant of the installation that issued it.
    pub tenant: String,
    /// The subject's pseudonym, hexadecimal. Only who holds the subject's key can tell whose it is.
    pub principal_id: String,
    /// The controllers.
    pub controllers: Vec<ReceiptParty>,
    /// The notice: which version of which agreement; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<ReceiptNotice>,
    /// What was said, by purpose.
    pub purposes: Vec<ReceiptPurpose>,
    /// What happened.
    pub event: ReceiptEvent,
    /// How to withdraw.
    pub withdrawal: String,
}

/// A controller, as on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptParty {
    /// Identifies it here: its name among the definitions. Empty on receipts of the first shape, as `role` is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What it is: `controller`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// Its legal name.
    pub name: String,
    /// How to reach it.
    pub contact: String,
    /// Where it is.
    pub address: String,
    /// Its country, ISO 3166-1 alpha-2.
    pub country: String,
    /// How to reach its data protection officer.
    pub officer: String,
}

/// What the subject was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptNotice {
    /// Which version of which agreement, with the hash of its text.
    pub agreement: AgreementRef,
    /// Its title.
    pub title: String,
    /// Its language, BCP 47.
    pub language: String,
    /// Where to read the privacy notice.
    pub url: String,
}

/// A purpose, as on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptPurpose {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it is.
    pub description: String,
    /// Its term in DPV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iri: Option<String>,
    /// On what it rests.
    pub lawful_basis: LegalBasis,
    /// The basis's term in DPV.
    pub lawful_basis_iri: String,
    /// Categories of data.
    pub categories: Vec<String>,
    /// Those that are special.
    pub special_categories: Vec<String>,
    /// Who gets the data.
    pub recipients: Vec<ReceiptRecipient>,
    /// How long the data is kept, by the policies that stood when the receipt was issued.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retention: Vec<ReceiptRetention>,
    /// After how many days the consent runs out, if it says nothing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
}

/// How long data is kept, as on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRetention {
    /// Which category of data; absent if all of the purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// For how many days.
    pub days: u32,
}

/// A recipient, as on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRecipient {
    /// Its name.
    pub name: String,
    /// Its country, ISO 3166-1 alpha-2; empty if it is not defined any more.
    pub country: String,
    /// What it is to the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RecipientRole>,
    /// What allows the transfer, if the country is outside the European Economic Area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
}

/// What happened, as on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptEvent {
    /// What.
    pub kind: EventKind,
    /// Its term in DPV.
    pub kind_iri: String,
    /// When it took effect, RFC 3339.
    pub at: String,
    /// Until when it is good, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Who spoke.
    pub given_by: GivenBy,
    /// How.
    pub method: String,
    /// Whether the consent is explicit.
    pub is_explicit: bool,
}

/// A receipt with its signature, as it is handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// The receipt.
    pub receipt: ConsentReceipt,
    /// The signature over it.
    pub signature: ReceiptSignature,
}

/// The signature of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptSignature {
    /// `Ed25519`.
    pub algorithm: String,
    /// The public key, hexadecimal; to look it up by, not to trust.
    pub key: String,
    /// The signature, hexadecimal, over `privet consent receipt 1`, a line feed and the receipt as compact JSON in the
    /// order of fields given here.
    pub value: String,
}

impl ConsentReceipt {
    /// Signs it.
    ///
    /// # Errors
    /// [`Error::Json`] if it cannot be written.
    pub fn sign(self, key: &SigningKey) -> Result<SignedReceipt, Error> {
        let value = key.sign(&message(&self).map_err(Error::Json)?);
        Ok(SignedReceipt {
            receipt: self,
            signature: ReceiptSignature {
                algorithm: ALGORITHM.to_owned(),
                key: hex(key.verifying_key().as_bytes()),
                value: hex(&value),
            },
        })
    }
}

/// Checks a signed receipt against the public key `key`, offline, and returns what it says.
///
/// # Errors
/// [`ReceiptError`] says what is wrong with it.
pub fn verify_receipt(json: &[u8], key: &VerifyingKey) -> Result<ConsentReceipt, ReceiptError> {
    let signed: SignedReceipt = read(json)?;
    let schema = signed.receipt.schema_version.as_str();
    if schema != RECEIPT_SCHEMA && !EARLIER_SCHEMAS.contains(&schema) {
        return Err(ReceiptError::Unknown {
            field: "schema_version",
        });
    }
    if signed.signature.algorithm != ALGORITHM {
        return Err(ReceiptError::Unknown { field: "algorithm" });
    }
    let value = HEXLOWER.decode(signed.signature.value.as_bytes());
    let value = value.map_err(|_| ReceiptError::BadSignature)?;
    let message = message(&signed.receipt).map_err(|_| ReceiptError::BadSignature)?;
    check(key, &signed.signature.key, &message, &value)?;
    Ok(signed.receipt)
}

/// What is signed. Reading a receipt and writing it again gives these bytes whatever its white space and order of fields
/// was: it has no floats, and unknown and repeated fields are refused.
fn message(receipt: &ConsentReceipt) -> Result<Vec<u8>, serde_json::Error> {
    let mut message = DOMAIN.to_vec();
    serde_json::to_writer(&mut message, receipt)?;
    Ok(message)
}

/// What a receipt is made of.
struct Parts {
    events: Vec<ConsentEvent>,
    controllers: Vec<Versioned<Controller>>,
    agreement: Option<Versioned<Agreement>>,
    purposes: Vec<Versioned<Purpose>>,
    recipients: Vec<Versioned<Recipient>>,
    retention: Vec<RetentionPolicy>,
}

impl Consent {
    /// The receipt of the statement `statement` of `subject`, not yet signed. Its purposes are described as they were when
    /// the statement was recorded.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such subject, [`Error::Undefined`] if there is no such statement.
    pub async fn receipt(
        &self,
        tenant: &TenantId,
        subject: &str,
        statement: &str,
    ) -> Result<ConsentReceipt, Error> {
        let (name, _) = self.expect_known(tenant, subject).await?;
        let (owner, id) = (tenant.clone(), statement.to_owned());
        let policies = self.definitions::<RetentionPolicy>(tenant, false).await?;
        let retention = policies.into_iter().map(|one| one.definition).collect();
        let parts = self
            .database
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let mut events = super::history::select(tx, owner.as_str(), name).await?;
                    events.retain(|event| event.statement == id);
                    let recorded_at = events.first().map_or(0, |event| event.recorded_at);
                    let agreement = match events.first().and_then(|event| event.agreement.clone()) {
                        Some(named) => {
                            super::catalog::version(tx, owner.as_str(), &named.name, named.version).await?
                        }
                        None => None,
                    };
                    let mut purposes = Vec::new();
                    for event in &events {
                        let purpose = super::catalog::as_of(tx, owner.as_str(), &event.purpose, recorded_at);
                        purposes.extend(purpose.await?);
                    }
                    let mut recipients = Vec::new();
                    for purpose in &purposes {
                        let purpose: &Versioned<Purpose> = purpose;
                        for recipient in &purpose.definition.recipients {
                            recipients.extend(last(tx, owner.as_str(), recipient).await?);
                        }
                    }
                    Ok::<_, Error>(Parts {
                        controllers: current(tx, owner.as_str(), CONTROLLER)
                            .await?
                            .into_iter()
                            .collect(),
                        events,
                        agreement,
                        purposes,
                        recipients,
                        retention,
                    })
                })
            })
            .await?;
        build(tenant, statement, &parts, self.clock.now())
    }
}

fn build(
    tenant: &TenantId,
    statement: &str,
    parts: &Parts,
    now: jiff::Timestamp,
) -> Result<ConsentReceipt, Error> {
    let Some(first) = parts.events.first() else {
        return Err(Error::Undefined {
            what: "statement",
            name: statement.to_owned(),
        });
    };
    let issued_at = now.to_string();
    let id = sha256(format!("{statement}\n{issued_at}").as_bytes());
    let controller = parts.controllers.first().map(|one| &one.definition);
    let notice_url = controller.map(|one| one.notice_url.clone()).unwrap_or_default();
    let notice = first.agreement.clone().map(|agreement| {
        let shown = parts.agreement.as_ref().map(|one| &one.definition);
        ReceiptNotice {
            agreement,
            title: shown.map(|one| one.title.clone()).unwrap_or_default(),
            language: shown.map(|one| one.language.clone()).unwrap_or_default(),
            url: notice_url,
        }
    });
    let recipient = |name: &str| {
        let found = parts.recipients.iter().find(|one| one.definition.name == name);
        let found = found.map(|one| &one.definition);
        ReceiptRecipient {
            name: name.to_owned(),
            country: found.map(|one| one.country.clone()).unwrap_or_default(),
            role: found.map(|one| one.role),
            transfer: found.and_then(|one| one.transfer),
        }
    };
    let purposes = parts
        .purposes
        .iter()
        .map(|one| receipt_purpose(&one.definition, first, recipient, &parts.retention))
        .collect();
    Ok(ConsentReceipt {
        schema_version: RECEIPT_SCHEMA.to_owned(),
        receipt_id: hex(id.get(..16).unwrap_or(&id)),
        record_id: statement.to_owned(),
        issued_at,
        tenant: tenant.as_str().to_owned(),
        principal_id: first.subject.to_hex(),
        controllers: controller
            .map(|one| ReceiptParty {
                id: one.name.clone(),
                role: CONTROLLER.to_owned(),
                name: one.title.clone(),
                contact: one.contact.clone(),
                address: one.address.clone(),
                country: one.country.clone(),
                officer: one.officer.clone(),
            })
            .into_iter()
            .collect(),
        notice,
        purposes,
        event: ReceiptEvent {
            kind: first.kind,
            kind_iri: first.kind.iri().to_owned(),
            at: rfc3339(first.at)?,
            expires_at: first.expires_at.map(rfc3339).transpose()?,
            given_by: first.given_by,
            method: first.method.clone(),
            is_explicit: first.is_explicit,
        },
        withdrawal: controller.map(|one| one.withdrawal.clone()).unwrap_or_default(),
    })
}

fn receipt_purpose(
    purpose: &Purpose,
    event: &ConsentEvent,
    recipient: impl Fn(&str) -> ReceiptRecipient,
    retention: &[RetentionPolicy],
) -> ReceiptPurpose {
    let is_said =
        |said: &Option<Vec<String>>, name: &String| said.as_ref().is_none_or(|all| all.contains(name));
    let categories = |all: &std::collections::BTreeSet<String>| {
        all.iter()
            .filter(|name| is_said(&event.categories, name))
            .cloned()
            .collect()
    };
    ReceiptPurpose {
        name: purpose.name.clone(),
        title: purpose.title.clone(),
        description: purpose.description.clone(),
        iri: purpose.iri.clone(),
        lawful_basis: purpose.basis,
        lawful_basis_iri: purpose.basis.iri().to_owned(),
        categories: categories(&purpose.categories),
        special_categories: categories(&purpose.special_categories),
        recipients: purpose
            .recipients
            .iter()
            .filter(|name| is_said(&event.recipients, name))
            .map(|name| recipient(name))
            .collect(),
        retention: kept(purpose, retention),
        valid_days: purpose.valid_days,
    }
}

/// How long what is processed for `purpose` is kept, whatever the surface.
fn kept(purpose: &Purpose, policies: &[RetentionPolicy]) -> Vec<ReceiptRetention> {
    let bears = |policy: &&RetentionPolicy| {
        let of_purpose = policy.purpose.as_ref().is_none_or(|name| *name == purpose.name);
        let category = policy.category.as_ref();
        of_purpose
            && policy.surface.is_none()
            && category.is_none_or(|name| purpose.categories.contains(name))
    };
    let kept = policies.iter().filter(bears).map(|policy| ReceiptRetention {
        category: policy.category.clone(),
        days: policy.keep_days,
    });
    kept.collect()
}

fn rfc3339(ms: i64) -> Result<String, Error> {
    jiff::Timestamp::from_millisecond(ms)
        .map(|at| at.to_string())
        .map_err(|_| Error::Damaged {
            table: "consent_events",
        })
}
