//! The recognisers, one file each, and the scan that calls them.
//!
//! One pass over the bytes stops at tokens that hold a digit or are long, and at `@`, `:` and `=`; [`TABLE`] says who
//! looks at which. A recogniser looks a bounded number of bytes round the stop, or notes in [`scan::Done`] how far it
//! read, so that no input makes it read anything more than a few times.

pub(crate) mod class;
pub(crate) mod context;
pub(crate) mod custom;
mod eight;
mod false_friends;
pub(crate) mod ids;
mod meter;
mod number;
mod phrases;
pub(crate) mod scan;
mod sides;
mod spelling;
mod stops;
mod walk;
mod words;

mod address;
mod address_east;
mod address_tail;
mod age;
mod api_key;
mod base58;
mod bech32;
mod bic;
mod birth;
mod card;
mod clock;
mod country;
mod crypto;
mod date;
mod email;
mod iban;
mod ip;
mod jwt;
mod mac;
mod person;
mod phone;
mod phone_plan;
mod phone_tr;
mod private_key;
mod secret;
mod ssn;
pub(crate) mod terms;
mod told;
mod url;
mod uuid;
mod web;

use privet_types::{BudgetError, Entity};

pub(crate) use walk::walk;
pub(crate) use words::{known, neutral};

use number::Number;
use scan::Scan;
use words::{Digits, Senses, Word};

type Outcome = Result<(), BudgetError>;
type AtText = fn(&mut Scan<'_>) -> Outcome;
type AtNumber = fn(&mut Scan<'_>, &Number) -> Result<bool, BudgetError>;
type AtToken = fn(&mut Scan<'_>, Token) -> Outcome;
type AtWord = fn(&mut Scan<'_>, &Word) -> Outcome;
type AtDigits = fn(&mut Scan<'_>, Digits) -> Outcome;
type AtMark = fn(&mut Scan<'_>, usize) -> Outcome;

/// A maximal run of ASCII letters, digits, `_` and `-`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) has_digit: bool,
    pub(crate) has_letter: bool,
}

/// Where a recogniser looks.
#[derive(Clone, Copy)]
pub(crate) enum Trigger {
    /// Once, before the scan.
    Text(AtText),
    /// At a run of digits that no ASCII letter or digit touches from the left. Returns whether it found something;
    /// recognisers after it then do not look.
    Number(AtNumber),
    /// At a token that holds a digit or is at least [`walk::LONG`] bytes long, if it has at least so many bytes.
    Token(usize, AtToken),
    /// At a word of one of these senses.
    Word(Senses, AtWord),
    /// At a run of digits of any script that no letter, digit or `_` touches from the left.
    Digits(AtDigits),
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
    (Entity::SWIFT_CODE, Trigger::Text(bic::find)),
    (Entity::CREDIT_CARD, Trigger::Number(card::find)),
    (Entity::US_SSN, Trigger::Number(ssn::find)),
    (Entity::IP_ADDRESS, Trigger::Number(ip::find_v4)),
    (Entity::DATE_OF_BIRTH, Trigger::Number(birth::find)),
    (Entity::TR_PHONE_NUMBER, Trigger::Number(phone_tr::find)),
    (Entity::PHONE_NUMBER, Trigger::Number(phone::find)),
    (Entity::IBAN_CODE, Trigger::Token(1, iban::find)),
    (Entity::MAC_ADDRESS, Trigger::Token(4, mac::find_dashed_or_dotted)),
    (Entity::CRYPTO, Trigger::Token(12, crypto::find)),
    (Entity::API_KEY, Trigger::Token(12, api_key::find)),
    (Entity::API_KEY, Trigger::Token(12, jwt::find)),
    (Entity::API_KEY, Trigger::Token(1, secret::find_spoken)),
    (Entity::UUID, Trigger::Token(12, uuid::find)),
    (Entity::DATE_TIME, Trigger::Digits(date::find_digits)),
    (Entity::DATE_TIME, Trigger::Word(date::SENSES, date::find_word)),
    (Entity::AGE, Trigger::Word(age::SENSES, age::find)),
    (Entity::CVV, Trigger::Word(told::CVV, told::find_cvv)),
    (
        Entity::CARD_EXPIRY,
        Trigger::Word(told::EXPIRY, told::find_expiry),
    ),
    (Entity::PIN, Trigger::Word(told::PIN, told::find_pin)),
    (
        Entity::USERNAME,
        Trigger::Word(told::USERNAME, told::find_username),
    ),
    (
        Entity::PASSWORD,
        Trigger::Word(told::PASSWORD, told::find_password),
    ),
    (
        Entity::MEDICAL_RECORD_NUMBER,
        Trigger::Word(told::RECORD, told::find_record),
    ),
    (
        Entity::ZIP_CODE,
        Trigger::Word(told::POSTCODE, told::find_postcode),
    ),
    (Entity::TITLE, Trigger::Word(person::TITLE, person::find_title)),
    (Entity::PERSON, Trigger::Word(person::SENSES, person::find)),
    (Entity::STREET_ADDRESS, Trigger::Digits(address::find_digits)),
    (
        Entity::STREET_ADDRESS,
        Trigger::Word(address::SENSES, address::find_word),
    ),
    (
        Entity::STREET_ADDRESS,
        Trigger::Word(words::sense::STREET_HEAD, address_east::find_arabic),
    ),
    (
        Entity::STREET_ADDRESS,
        Trigger::Word(address_east::SENSES, address_east::find),
    ),
    (Entity::LOCATION, Trigger::Word(country::SENSES, country::find)),
    (Entity::URL, Trigger::Word(web::SENSES, web::find_host)),
    (Entity::URL, Trigger::Colon(web::find_scheme)),
    (Entity::EMAIL_ADDRESS, Trigger::At(email::find)),
    (Entity::URL_CREDENTIALS, Trigger::Colon(url::find_credentials)),
    (Entity::API_KEY, Trigger::Colon(url::find_webhook)),
    (Entity::MAC_ADDRESS, Trigger::Colon(mac::find_colons)),
    (Entity::IP_ADDRESS, Trigger::Colon(ip::find_v6)),
    (Entity::API_KEY, Trigger::Colon(secret::find_assigned)),
    (Entity::API_KEY, Trigger::Equals(secret::find_assigned)),
];

/// Kinds that a whole text can be, if the name outside it says so.
const NAMED: &[Entity] = &[
    Entity::AGE,
    Entity::CARD_EXPIRY,
    Entity::CVV,
    Entity::MEDICAL_RECORD_NUMBER,
    Entity::PIN,
    Entity::USERNAME,
    Entity::ZIP_CODE,
];

/// Who looks at words of which senses; at most 64.
struct AtWords {
    finders: Vec<AtWord>,
    /// By sense: a bit for each finder that asks for it.
    by_sense: [u64; Senses::BITS as usize],
    senses: Senses,
}

impl Default for AtWords {
    fn default() -> Self {
        Self {
            finders: Vec::new(),
            by_sense: [0; Senses::BITS as usize],
            senses: 0,
        }
    }
}

impl AtWords {
    fn push(&mut self, senses: Senses, find: AtWord) {
        let bit = 1 << self.finders.len();
        for (sense, finders) in self.by_sense.iter_mut().enumerate() {
            if senses >> sense & 1 == 1 {
                *finders |= bit;
            }
        }
        self.senses |= senses;
        self.finders.push(find);
    }

    /// Every sense that anybody asks for.
    const fn senses(&self) -> Senses {
        self.senses
    }

    const fn is_empty(&self) -> bool {
        self.finders.is_empty()
    }

    /// A bit for each finder that asks for any of `senses`; the lowest one is asked first.
    fn asked(&self, senses: Senses) -> u64 {
        let mut senses = senses & self.senses;
        let mut asked = 0;
        while senses != 0 {
            asked |= self
                .by_sense
                .get(senses.trailing_zeros() as usize)
                .copied()
                .unwrap_or(0);
            senses &= senses - 1;
        }
        asked
    }

    fn get(&self, finder: u32) -> Option<AtWord> {
        self.finders.get(finder as usize).copied()
    }
}

/// [`TABLE`] without the kinds that nobody asks for, by trigger.
#[derive(Default)]
pub(crate) struct Plan {
    text: Vec<AtText>,
    number: Vec<AtNumber>,
    /// With the length from which on each looks.
    token: Vec<(usize, AtToken)>,
    word: AtWords,
    digits: Vec<AtDigits>,
    wants_birth: bool,
    /// Kinds that a recogniser of another kind may find, and that nobody asks for.
    pub(crate) unwanted: Vec<Entity>,
    at: Vec<AtMark>,
    colon: Vec<AtMark>,
    equals: Vec<AtMark>,
    ids: Option<ids::Ids>,
}

impl Plan {
    /// The codes of authorities that are looked for.
    pub(crate) const fn ids(&self) -> Option<&ids::Ids> {
        self.ids.as_ref()
    }

    /// The recognisers of the kinds that `wants` names.
    pub(crate) fn new(wants: impl Fn(Entity) -> bool, threshold: f32) -> Result<Self, String> {
        let mut plan = Self {
            wants_birth: wants(Entity::DATE_OF_BIRTH),
            ids: ids::Ids::new(&wants, threshold)?,
            ..Self::default()
        };
        plan.unwanted = [Entity::API_KEY, Entity::DATE_TIME, Entity::PASSWORD]
            .into_iter()
            .chain(NAMED.iter().copied())
            .filter(|e| !wants(*e))
            .collect();
        if NAMED.iter().any(|e| wants(*e)) {
            plan.text.push(told::find_named);
        }
        let wants = |entity| {
            wants(entity)
                || entity == Entity::API_KEY && wants(Entity::PASSWORD)
                || entity == Entity::DATE_TIME && wants(Entity::DATE_OF_BIRTH)
        };
        for (_, trigger) in TABLE.iter().filter(|(entity, _)| wants(*entity)) {
            match *trigger {
                Trigger::Text(find) => plan.text.push(find),
                Trigger::Number(find) => plan.number.push(find),
                Trigger::Token(least, find) => plan.token.push((least, find)),
                Trigger::Word(senses, find) => plan.word.push(senses, find),
                Trigger::Digits(find) => plan.digits.push(find),
                Trigger::At(find) => plan.at.push(find),
                Trigger::Colon(find) => plan.colon.push(find),
                Trigger::Equals(find) => plan.equals.push(find),
            }
        }
        Ok(plan)
    }
}
