//! What is seen of one request, and of one reply.

use std::collections::BTreeMap;

use jiff::Timestamp;
use privet_types::Entity;
use serde::{Deserialize, Serialize};

use crate::Sketch;

/// Whom or what is watched: 128 bits of a keyed hash. The watch never learns a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watched(pub u128);

/// How many classes there are.
pub const CLASSES: usize = 5;

/// Classes of personal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Addresses, telephones, user names.
    Contact,
    /// Persons, birth dates, numbers of authorities and of health insurers.
    Identity,
    /// Accounts and cards.
    Financial,
    /// Keys and passwords.
    Secret,
    /// All else, own kinds among it.
    Other,
}

impl Class {
    /// The class of `entity`.
    #[must_use]
    pub fn of(entity: Entity) -> Self {
        match entity.name() {
            "EMAIL_ADDRESS" | "PHONE_NUMBER" | "PH_MOBILE_NUMBER" | "TR_PHONE_NUMBER" | "STREET_ADDRESS"
            | "LOCATION" | "ZIP_CODE" | "UK_POSTCODE" | "DE_PLZ" | "USERNAME" | "IP_ADDRESS"
            | "MAC_ADDRESS" => Self::Contact,
            "IBAN_CODE" | "CREDIT_CARD" | "CARD_EXPIRY" | "CVV" | "CRYPTO" | "SWIFT_CODE"
            | "US_BANK_NUMBER" | "ABA_ROUTING_NUMBER" => Self::Financial,
            "API_KEY" | "PASSWORD" | "PIN" | "PRIVATE_KEY" | "URL_CREDENTIALS" => Self::Secret,
            "DATE_TIME" | "ORGANIZATION" | "SURROGATE" | "TERM" | "TITLE" | "URL" | "UUID" | "VIN" => {
                Self::Other
            }
            "PERSON" | "AGE" | "DATE_OF_BIRTH" | "NRP" | "MEDICAL_LICENSE" | "MEDICAL_RECORD_NUMBER" => {
                Self::Identity
            }
            // `DE_TAX_ID`: what an authority of one country gave out.
            name if name.as_bytes().get(2) == Some(&b'_') && Entity::ALL.contains(&entity) => Self::Identity,
            _ => Self::Other,
        }
    }
}

/// One request, after it was decided upon.
#[derive(Debug, Clone)]
pub struct Observation {
    /// When.
    pub at: Timestamp,
    /// Who: of the tenant's and the principal's names.
    pub who: Watched,
    /// With which key.
    pub key: u64,
    /// From which network: of an IPv4 address's first 24 bits, or an IPv6 address's first 48; `None` if it is not known.
    pub network: Option<u64>,
    /// To which model; `None` where it asked for none that is known.
    pub model: Option<u64>,
    /// Whether it was refused.
    pub is_denied: bool,
    /// How many personal values it held, in the order of [`Class`].
    pub values: [u32; CLASSES],
    /// Bytes that went to the provider.
    pub bytes: u64,
    /// What its last message looks like.
    pub sketch: Option<Sketch>,
}

impl Observation {
    /// `counts` by class.
    #[must_use]
    pub fn by_class(counts: &BTreeMap<Entity, u32>) -> [u32; CLASSES] {
        let mut values = [0_u32; CLASSES];
        for (entity, count) in counts {
            // What only looks like a surrogate is no data of a person.
            if *entity == Entity::SURROGATE {
                continue;
            }
            if let Some(value) = values.get_mut(Class::of(*entity) as usize) {
                *value = value.saturating_add(*count);
            }
        }
        values
    }
}

/// One reply, when it has ended.
#[derive(Debug, Clone)]
pub struct Reply {
    /// When.
    pub at: Timestamp,
    /// Which model of which provider, in the version that the provider names.
    pub model: Watched,
    /// Whether the provider failed or refused to answer.
    pub is_error: bool,
    /// Whether the model refused: `content_filter`, `refusal`.
    pub is_refusal: bool,
    /// Bytes of the reply.
    pub bytes: u64,
    /// Whether it held a surrogate of the prompt that was not restored.
    pub has_leftover: bool,
}
