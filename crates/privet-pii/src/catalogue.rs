//! Which rules look for which kinds.

use privet_types::Entity;

use crate::recognizers::ids;

/// Rules of the recognisers that are written as code; those of [`ids`] are listed by their specs. A rule named with `*`
/// stands for all of its family.
const RULES: &[(Entity, &[&str])] = &[
    (
        Entity::API_KEY,
        &["key/*", "secret/assigned", "secret/named", "secret/spoken"],
    ),
    (Entity::CREDIT_CARD, &["card/luhn"]),
    (
        Entity::CRYPTO,
        &["crypto/base58check", "crypto/bech32", "crypto/ethereum"],
    ),
    (Entity::DATE_OF_BIRTH, &["birth/date"]),
    (Entity::EMAIL_ADDRESS, &["email/address"]),
    (Entity::IBAN_CODE, &["iban/mod97"]),
    (Entity::IP_ADDRESS, &["ip/v4", "ip/v6"]),
    (Entity::MAC_ADDRESS, &["mac/colons", "mac/dashes", "mac/dots"]),
    (
        Entity::PHONE_NUMBER,
        &[
            "phone/context",
            "phone/international",
            "phone/national",
            "phone/possible",
        ],
    ),
    (Entity::PRIVATE_KEY, &["private-key/armour"]),
    (Entity::SURROGATE, &["surrogate/lookalike"]),
    (Entity::TERM, &["term/listed"]),
    (Entity::URL_CREDENTIALS, &["url/parameter", "url/userinfo"]),
    (Entity::US_SSN, &["ssn/digits", "ssn/grouped"]),
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
