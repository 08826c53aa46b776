//! What words can stand for.

use super::lexicon::Senses;

/// The name of a month, with its number.
pub(crate) const MONTH: Senses = 1;
/// A short name of a month, or one that is another word too.
pub(crate) const MONTH_WEAK: Senses = 1 << 1;
/// The name of a day of the week.
pub(crate) const WEEKDAY: Senses = 1 << 2;
/// A short name of a day of the week, or one that is another word too.
pub(crate) const WEEKDAY_WEAK: Senses = 1 << 3;
/// A day or time seen from now: `yesterday`.
pub(crate) const RELATIVE: Senses = 1 << 4;
/// `next`, `last`, `this`.
pub(crate) const NEXT: Senses = 1 << 5;
/// `week`, `month`, `morning`.
pub(crate) const PERIOD: Senses = 1 << 6;
/// A word before a bare year: `since`, `in`.
pub(crate) const YEAR_CUE: Senses = 1 << 7;
/// A word before a date without a year: `on`, `until`, `date`.
pub(crate) const DATE_CUE: Senses = 1 << 8;
/// `am`, `pm`.
pub(crate) const HALF: Senses = 1 << 9;
/// `Uhr`, `h`, `o'clock`: behind an hour.
pub(crate) const HOUR: Senses = 1 << 10;
/// `at`, `um`, `à`: before an hour.
pub(crate) const AT_HOUR: Senses = 1 << 11;
/// `of`, `de`: inside a date or a name of a street.
pub(crate) const OF: Senses = 1 << 12;
/// Years of age, which need a word such as `old`, or `Jahre`, which need none.
pub(crate) const YEARS: Senses = 1 << 13;
/// `old`, `alt`, `jährig`.
pub(crate) const OLD: Senses = 1 << 14;
/// `aged`, `age`: before an age.
pub(crate) const AGED: Senses = 1 << 15;
/// A country.
pub(crate) const COUNTRY: Senses = 1 << 16;
/// What ends the name of a street: `Street`.
pub(crate) const STREET_END: Senses = 1 << 17;
/// What begins the name of a street: `rue`.
pub(crate) const STREET_HEAD: Senses = 1 << 18;
/// A flat, suite, floor.
pub(crate) const UNIT: Senses = 1 << 19;
/// A form of address or academic title.
pub(crate) const TITLE: Senses = 1 << 20;
/// Words before somebody's name: `my name is`.
pub(crate) const NAME_CUE: Senses = 1 << 21;
/// The name of a field that holds a person's name.
pub(crate) const NAME_KEY: Senses = 1 << 22;
/// A word inside a name: `van`.
pub(crate) const PARTICLE: Senses = 1 << 23;
/// A word between an announcement and its value: `is`, `number`.
pub(crate) const FILLER: Senses = 1 << 24;
/// Announces a card's security code.
pub(crate) const CVV: Senses = 1 << 25;
/// Announces a card's expiry.
pub(crate) const EXPIRY: Senses = 1 << 26;
/// Announces a PIN.
pub(crate) const PIN: Senses = 1 << 27;
/// Announces a name of an account.
pub(crate) const USERNAME: Senses = 1 << 28;
/// Announces a password.
pub(crate) const PASSWORD: Senses = 1 << 29;
/// Announces a patient's record.
pub(crate) const RECORD: Senses = 1 << 30;
/// Announces a postcode.
pub(crate) const POSTCODE: Senses = 1 << 31;
/// A top-level domain.
pub(crate) const TLD: Senses = 1 << 32;
/// A top-level domain that is an ending of file names, too.
pub(crate) const TLD_WEAK: Senses = 1 << 33;
/// `www`.
pub(crate) const WWW: Senses = 1 << 34;
/// `Q3`, `quarter`.
pub(crate) const QUARTER: Senses = 1 << 35;
/// `ago`: behind a count of days.
pub(crate) const AGO: Senses = 1 << 36;
/// A unit of time that `ago` follows.
pub(crate) const SPAN_UNIT: Senses = 1 << 37;
/// `vor`, `il y a`: before a count of days.
pub(crate) const BEFORE_SPAN: Senses = 1 << 38;
/// A post box.
pub(crate) const BOX: Senses = 1 << 39;
/// A province of China or a prefecture of Japan.
pub(crate) const PROVINCE: Senses = 1 << 40;
/// What begins or ends the name of a Russian or Turkish street or place: `ул`, `Mah`.
pub(crate) const LOCALITY: Senses = 1 << 41;
/// A time zone.
pub(crate) const ZONE: Senses = 1 << 42;
/// The first character of a word of a script without spaces.
pub(crate) const HEAD: Senses = 1 << 43;
/// A word before a name in running text where the field is a person: `name` alone.
pub(crate) const NAME_FIELD: Senses = 1 << 44;
/// A word that opens a letter: `Dear`.
pub(crate) const GREETING: Senses = 1 << 45;
/// Announces an address.
pub(crate) const ADDRESS: Senses = 1 << 46;
/// Says that an announced value is of another kind: `policy`, `hash`, `field`.
pub(crate) const NOT_VALUE: Senses = 1 << 47;
/// A phrase of two or more words begins with it.
pub(crate) const BEGINS: Senses = 1 << 48;
