//! The recognisers, one file each, and the scan that calls them.
//!
//! One pass over the bytes stops at tokens that hold a digit or are long, and at `@`, `:` and `=`; [`TABLE`] says who
//! looks at which. A recogniser looks a bounded number of bytes round the stop, or notes in [`scan::Done`] how far it
//! read, so that no input makes it read anything more than a few times.

mod class;
pub(crate) mod context;
pub(crate) mod custom;
pub(crate) mod ids;
mod meter;
mod number;
pub(crate) mod scan;
mod walk;

mod api_key;
mod base58;
mod bech32;
mod birth;
mod card;
mod crypto;
mod email;
mod iban;
mod ip;
mod jwt;
mod mac;
mod phone;
mod private_key;
mod secret;
mod ssn;
pub(crate) mod terms;
mod url;

use privet_types::{BudgetError, Entity};

pub(crate) use phone::metadata as phone_metadata;
pub(crate) use walk::walk;

use number::Number;
use scan::Scan;

type Outcome = Result<(), BudgetError>;
type AtText = fn(&mut Scan<'_>) -> Outcome;
type AtNumber = fn(&mut Scan<'_>, &Number) -> Result<bool, BudgetError>;
type AtToken = fn(&mut Scan<'_>, Token) -> Outcome;
type AtMark = fn(&mut Scan<'_>, usize) -> Outcome;

/// A maximal run of ASCII letters, digits, `_` and `-`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) has_digit: bool,
}

/// Where a recogniser looks.
#[derive(Clone, Copy)]
pub(crate) enum Trigger {
    /// Once, before the scan.
    Text(AtText),
    /// At a run of digits that no ASCII letter or digit touches from the left. Returns whether it found something;
    /// recognisers after it then do not look.
    Number(AtNumber),
    /// At a token that holds a digit or is at least [`walk::LONG`] bytes long.
    Token(AtToken),
    /// At `@`.
    At(AtMark),
    /// At `:`.
    Colon(AtMark),
    /// At `=`.
    Equals(AtMark),
}

/// Who looks for what, where. Within a trigger they are asked in this order.
pub(crate) const TABLE: &[(Entity, Trigger)] = &[
    (Entity::PRIVATE_KEY, Trigger::Text(private_key::find)),
    (Entity::API_KEY, Trigger::Text(secret::find_named)),
    (Entity::CREDIT_CARD, Trigger::Number(card::find)),
    (Entity::US_SSN, Trigger::Number(ssn::find)),
    (Entity::IP_ADDRESS, Trigger::Number(ip::find_v4)),
    (Entity::DATE_OF_BIRTH, Trigger::Number(birth::find)),
    (Entity::PHONE_NUMBER, Trigger::Number(phone::find)),
    (Entity::IBAN_CODE, Trigger::Token(iban::find)),
    (Entity::MAC_ADDRESS, Trigger::Token(mac::find_dashed_or_dotted)),
    (Entity::CRYPTO, Trigger::Token(crypto::find)),
    (Entity::API_KEY, Trigger::Token(api_key::find)),
    (Entity::API_KEY, Trigger::Token(jwt::find)),
    (Entity::API_KEY, Trigger::Token(secret::find_spoken)),
    (Entity::EMAIL_ADDRESS, Trigger::At(email::find)),
    (Entity::URL_CREDENTIALS, Trigger::Colon(url::find_credentials)),
    (Entity::API_KEY, Trigger::Colon(url::find_webhook)),
    (Entity::MAC_ADDRESS, Trigger::Colon(mac::find_colons)),
    (Entity::IP_ADDRESS, Trigger::Colon(ip::find_v6)),
    (Entity::API_KEY, Trigger::Colon(secret::find_assigned)),
    (Entity::API_KEY, Trigger::Equals(secret::find_assigned)),
];

/// [`TABLE`] without the kinds that nobody asks for, by trigger.
#[derive(Default)]
pub(crate) struct Plan {
    text: Vec<AtText>,
    number: Vec<AtNumber>,
    token: Vec<AtToken>,
    at: Vec<AtMark>,
    colon: Vec<AtMark>,
    equals: Vec<AtMark>,
    ids: Option<ids::Ids>,
}

impl Plan {
    /// The recognisers of the kinds that `wants` names.
    pub(crate) fn new(wants: impl Fn(Entity) -> bool, threshold: f32) -> Result<Self, String> {
        let mut plan = Self {
            ids: ids::Ids::new(&wants, threshold)?,
            ..Self::default()
        };
        for (_, trigger) in TABLE.iter().filter(|(entity, _)| wants(*entity)) {
            match *trigger {
                Trigger::Text(find) => plan.text.push(find),
                Trigger::Number(find) => plan.number.push(find),
                Trigger::Token(find) => plan.token.push(find),
                Trigger::At(find) => plan.at.push(find),
                Trigger::Colon(find) => plan.colon.push(find),
                Trigger::Equals(find) => plan.equals.push(find),
            }
        }
        Ok(plan)
    }
}
