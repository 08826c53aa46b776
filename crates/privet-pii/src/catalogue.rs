//! Which rules look for which kinds.

use privet_types::Entity;

use crate::recognizers::ids;

/// Rules of the recognisers that are written as code; those of [`ids`] are listed by their specs. A rule named with `*`
/// stands for all of its family. Terms, recognisers and networks of one's own report any kind, as `term/listed`, `custom/*` and
/// `onnx/label`.
const RULES: &[(Entity, &[&str])] = &[
    (Entity::AGE, &["age/word"]),
    (
        Entity::API_KEY,
        &["key/*", "secret/assigned", "secret/named", "secret/spoken"],
    ),
    (Entity::CARD_EXPIRY, &["told/word"]),
    (Entity::CREDIT_CARD, &["card/luhn"]),
    (
        Entity::CRYPTO,
        &["crypto/base58check", "crypto/bech32", "crypto/ethereum"],
    ),
    (Entity::CVV, &["told/word"]),
    (Entity::DATE_OF_BIRTH, &["birth/date"]),
    (Entity::DATE_TIME, &["date/*", "ner/date_time"]),
    (Entity::EMAIL_ADDRESS, &["email/address"]),
    (Entity::IBAN_CODE, &["iban/mod97"]),
    (Entity::IP_ADDRESS, &["ip/v4", "ip/v6"]),
    (
        Entity::LOCATION,
        &["ner/location", "place/country", "rampart/location"],
    ),
    (Entity::MAC_ADDRESS, &["mac/colons", "mac/dashes", "mac/dots"]),
    (Entity::MEDICAL_RECORD_NUMBER, &["told/word"]),
    (Entity::NRP, &["ner/nrp"]),
    (Entity::ORGANIZATION, &["ner/organization"]),
    (
        Entity::PASSWORD,
        &["secret/assigned", "secret/named", "secret/spoken", "told/word"],
    ),
    (Entity::PERSON, &["ner/person", "person/word", "rampart/person"]),
    (
        Entity::PHONE_NUMBER,
        &[
            "phone/context",
            "phone/international",
            "phone/national",
            "phone/possible",
            "rampart/phone_number",
        ],
    ),
    (Entity::PIN, &["told/word"]),
    (Entity::PRIVATE_KEY, &["private-key/armour"]),
    (
        Entity::STREET_ADDRESS,
        &["address/*", "ner/street_address", "rampart/street_address"],
    ),
    (Entity::SURROGATE, &["surrogate/lookalike"]),
    (Entity::SWIFT_CODE, &["swift-code/word"]),
    (Entity::TERM, &["term/listed"]),
    (Entity::TITLE, &["title/abbreviation", "title/name"]),
    (Entity::TR_PHONE_NUMBER, &["phone-tr/plan"]),
    (Entity::URL, &["url/host", "url/scheme", "url/www"]),
    (Entity::URL_CREDENTIALS, &["url/parameter", "url/userinfo"]),
    (Entity::USERNAME, &["told/word"]),
    (Entity::US_SSN, &["ssn/cut", "ssn/digits", "ssn/grouped"]),
    (Entity::UUID, &["uuid/text"]),
    (Entity::ZIP_CODE, &["told/word"]),
];

/// The names of the rules that look for `entity`, as findings carry them; none for a kind that only others report.
///
/// ```
/// use privet_types::Entity;
/// assert_eq!(privet_pii::catalogue::rules(Entity::CREDIT_CARD), ["card/luhn"]);
/// ```
#[must_use]
pub fn rules(entity: Entity) -> Vec<&'static str> {
    let coded = RULES
        .iter()
        .filter(|(e, _)| *e == entity)
        .flat_map(|(_, rules)| *rules);
    let mut all: Vec<_> = coded.copied().chain(ids::rules(entity)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether `rules` name `rule`, by itself or by its family.
#[must_use]
pub fn holds(rules: &[&str], rule: &str) -> bool {
    rules.iter().any(|known| match known.strip_suffix('*') {
        Some(family) => rule.starts_with(family),
        None => *known == rule,
    })
}
