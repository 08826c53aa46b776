//! Made-up values that look real and belong to nobody.

use privet_types::Entity;

use crate::restore::is_separator;
use crate::surrogate::{Bits, Form};

/// Whether values of `entity` have a range that belongs to nobody, so that one can be made up.
pub(crate) fn covers(entity: Entity) -> bool {
    [
        Entity::CREDIT_CARD,
        Entity::EMAIL_ADDRESS,
        Entity::IBAN_CODE,
        Entity::PERSON,
        Entity::PHONE_NUMBER,
    ]
    .contains(&entity)
}

/// A made-up value of the form of `value`; none if its form offers no free range.
pub(crate) fn surrogate(entity: Entity, value: &str, bits: &mut Bits<'_>) -> Option<(String, Form)> {
    match entity {
        Entity::CREDIT_CARD => Some((card(value, bits)?, Form::Digits)),
        Entity::EMAIL_ADDRESS => Some((email(bits), Form::Word)),
        Entity::IBAN_CODE => Some((iban(value, bits)?, Form::Digits)),
        Entity::PERSON => Some((person(value, bits)?, Form::Word)),
        Entity::PHONE_NUMBER => Some((phone(value, bits), Form::Digits)),
        _ => None,
    }
}

/// A JSON number with as many digits as `value`, which is no card, SSN or ITIN: Luhn-invalid, and with nine digits a
/// group of `00`, which neither the SSA nor the IRS issues. Sixteen digits stay below 2⁵³, so every reader keeps them.
/// None below seven digits: too few to tell values apart.
pub(crate) fn number(value: &str, bits: &mut Bits<'_>) -> Option<String> {
    let count = value.bytes().filter(u8::is_ascii_digit).count();
    if !(7..=19).contains(&count) {
        return None;
    }
    let mut digits = vec![if count >= 16 { '8' } else { '9' }];
    digits.extend((1..count).map(|_| bits.digit()));
    if count == 9 {
        digits.iter_mut().skip(3).take(2).for_each(|d| *d = '0');
    }
    if luhn_sum(&digits).is_multiple_of(10) {
        let last = digits.last_mut()?;
        *last = if *last == '9' {
            '0'
        } else {
            char::from(*last as u8 + 1)
        };
    }
    Some(digits.into_iter().collect())
}

/// `firstname.lastname42@mail.example`: the top-level domain `.example` is reserved (RFC 2606).
fn email(bits: &mut Bits<'_>) -> String {
    let (first, last) = (latin_word(bits, 2), latin_word(bits, 3));
    format!("{first}.{last}{}{}@mail.example", bits.digit(), bits.digit())
}

/// A card number under the issuer prefix 9999: digit 9 leaves the rest to national bodies by country code
/// (ISO/IEC 7812-1), and 999 is no country's (ISO 3166-1). Length, grouping and a valid Luhn digit are kept. None if
/// `value` has not the 12 to 19 digits of a card: a shorter one would be mistaken for other numbers.
fn card(value: &str, bits: &mut Bits<'_>) -> Option<String> {
    let count = value.chars().filter(char::is_ascii_digit).count();
    if !(12..=19).contains(&count) || !is_grouped(value) {
        return None;
    }
    let mut digits = vec!['9'; 4];
    digits.extend((4..count - 1).map(|_| bits.digit()));
    digits.push('0');
    let check = (10 - luhn_sum(&digits) % 10) % 10;
    *digits.last_mut()? = char::from_digit(check, 10)?;
    regroup(value, &digits)
}

/// An IBAN of the same country and grouping whose check digits are 00, which ISO 13616 never yields (02 to 98). None if
/// `value` has not the 15 to 34 characters of one.
fn iban(value: &str, bits: &mut Bits<'_>) -> Option<String> {
    let characters: Vec<char> = value.chars().filter(char::is_ascii_alphanumeric).collect();
    if !(15..=34).contains(&characters.len()) || !is_grouped(value) {
        return None;
    }
    let made: Vec<char> = characters
        .iter()
        .enumerate()
        .map(|(i, c)| match (i, c) {
            (0 | 1, c) => c.to_ascii_uppercase(),
            (2 | 3, _) => '0',
            (_, c) if c.is_ascii_digit() => bits.digit(),
            _ => bits.pick(&['B', 'D', 'F', 'G', 'K', 'M', 'N', 'P', 'R', 'T', 'V', 'X']),
        })
        .collect();
    let mut made = made.into_iter();
    value
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                made.next()
            } else {
                Some(c)
            }
        })
        .collect()
}

/// For North American numbers one ending in 555-0100 to 555-0199, which the numbering plan keeps for fiction;
/// for all others one under +999, which ITU-T E.164 assigns to nobody.
fn phone(value: &str, bits: &mut Bits<'_>) -> String {
    let digits: Vec<char> = value.chars().filter(char::is_ascii_digit).collect();
    let is_north_american = (value.trim_start().starts_with("+1") && digits.len() == 11)
        || (!value.contains('+') && digits.len() == 10);
    if is_north_american {
        let area = 200 + bits.below(800);
        return format!("+1 {area}-555-01{}{}", bits.digit(), bits.digit());
    }
    let mut made = String::from("+999 ");
    for i in 0..9 {
        if i == 3 || i == 6 {
            made.push(' ');
        }
        made.push(bits.digit());
    }
    made
}

/// Syllables of made-up words, per script. Their combinations are meant to be no word and nobody's name.
struct Script {
    range: std::ops::RangeInclusive<char>,
    syllables: &'static [&'static str],
    per_word: usize,
    has_capitals: bool,
}

const SCRIPTS: &[Script] = &[
    Script {
        range: 'a'..='ɏ',
        syllables: &[
            "zax", "vel", "quor", "mex", "tyv", "jor", "xil", "brev", "kaz", "wex", "plo", "dru", "fyx",
            "gaz", "nuv", "rhoq", "skiv", "thoz", "vyr", "yax", "zeb", "quil", "drax", "fenz",
        ],
        per_word: 3,
        has_capitals: true,
    },
    Script {
        range: 'Ͱ'..='Ͽ',
        syllables: &[
            "ζαξ", "βελ", "ψορ", "μεξ", "τυβ", "χορ", "ξιλ", "κρεβ", "καζ", "πλο", "δρυ", "φυξ", "γαζ",
            "νυψ", "ροζ", "θωξ",
        ],
        per_word: 3,
        has_capitals: true,
    },
    Script {
        range: 'Ѐ'..='ӿ',
        syllables: &[
            "зах", "вел", "щор", "мэк", "тыв", "жор", "хил", "брэв", "каз", "плю", "дру", "фых", "газ",
            "нуж", "шоз", "юрд",
        ],
        per_word: 3,
        has_capitals: true,
    },
    Script {
        range: 'א'..='ת',
        syllables: &[
            "זק", "וצ", "קט", "מג", "טפ", "גצ", "כז", "בק", "פד", "סט", "דז", "צג", "נק", "רז", "שג", "תפ",
        ],
        per_word: 3,
        has_capitals: false,
    },
    Script {
        range: 'ء'..='ي',
        syllables: &[
            "زك", "فظ", "قط", "مج", "طف", "جص", "خز", "بق", "فد", "ضغ", "دز", "صج", "نق", "رظ", "شج", "ثف",
        ],
        per_word: 3,
        has_capitals: false,
    },
    Script {
        range: 'ऄ'..='ह',
        syllables: &[
            "झक", "वठ", "टघ", "मढ", "तफ", "जघ", "खझ", "बठ", "पढ", "भट", "दझ", "षज", "नख", "रघ", "शठ", "थफ",
        ],
        per_word: 3,
        has_capitals: false,
    },
    Script {
        range: 'ぁ'..='ヿ',
        syllables: &[
            "ゾク", "ヴェ", "ギュ", "メポ", "テヌ", "ジョ", "ヒグ", "ブレ", "カゼ", "プロ", "ドル", "フユ",
            "ガズ", "ヌボ", "ロギ", "ザペ",
        ],
        per_word: 2,
        has_capitals: false,
    },
    Script {
        range: '一'..='鿿',
        syllables: &[
            "凸", "鑫", "曌", "囧", "彧", "翀", "垚", "淼", "焱", "骉", "犇", "羴", "鱻", "赑", "劦", "嚞",
            "矗", "喆", "砳", "皛",
        ],
        per_word: 4,
        has_capitals: false,
    },
    Script {
        range: '가'..='힣',
        syllables: &[
            "쟉", "벨", "퀏", "멕", "튑", "죡", "힐", "붸", "캊", "플", "듈", "퓍", "갖", "뉵", "롯", "쉽",
        ],
        per_word: 3,
        has_capitals: false,
    },
];

/// A name of as many words (at most three) in the same script; none for scripts without syllables above.
fn person(value: &str, bits: &mut Bits<'_>) -> Option<String> {
    let letter = value.chars().find(|c| c.is_alphabetic())?;
    let lower = letter.to_lowercase().next()?;
    let script = SCRIPTS.iter().find(|s| s.range.contains(&lower))?;
    let words = value.split_whitespace().count().clamp(1, 3);
    let made: Vec<String> = (0..words)
        .map(|_| word(script, bits, script.per_word, script.has_capitals))
        .collect();
    Some(made.join(" "))
}

/// A made-up given name and surname in the script of `value`; none for scripts without syllables above.
pub(crate) fn full_name(value: &str, bits: &mut Bits<'_>) -> Option<(String, String)> {
    let letter = value.chars().find(|c| c.is_alphabetic())?;
    let lower = letter.to_lowercase().next()?;
    let script = SCRIPTS.iter().find(|s| s.range.contains(&lower))?;
    let mut next = || word(script, bits, script.per_word, script.has_capitals);
    Some((next(), next()))
}

fn latin_word(bits: &mut Bits<'_>, syllables: usize) -> String {
    SCRIPTS
        .first()
        .map(|latin| word(latin, bits, syllables, false))
        .unwrap_or_default()
}

fn word(script: &Script, bits: &mut Bits<'_>, syllables: usize, with_capital: bool) -> String {
    let made: String = (0..syllables).map(|_| bits.pick(script.syllables)).collect();
    let mut letters = made.chars();
    match letters.next() {
        Some(first) if with_capital => first.to_uppercase().chain(letters).collect(),
        _ => made,
    }
}

/// Whether `value` is letters and digits in groups, with nothing around it: only such grouping is read over on the way
/// back.
fn is_grouped(value: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    is_edge(value.chars().next())
        && is_edge(value.chars().next_back())
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || is_separator(c))
}

/// `digits` in place of the digits of `value`, its separators kept.
fn regroup(value: &str, digits: &[char]) -> Option<String> {
    let mut digits = digits.iter().copied();
    value
        .chars()
        .map(|c| {
            if c.is_ascii_digit() {
                digits.next()
            } else {
                Some(c)
            }
        })
        .collect()
}

/// The sum of Luhn's formula (ISO/IEC 7812-1 annex B), check digit included; valid if divisible by ten.
fn luhn_sum(digits: &[char]) -> u32 {
    let doubled = |d: u32| if d > 4 { 2 * d - 9 } else { 2 * d };
    let values = digits.iter().rev().filter_map(|c| c.to_digit(10));
    values
        .enumerate()
        .map(|(i, d)| if i % 2 == 1 { doubled(d) } else { d })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_crypto::{HashKey, RootKey};

    fn key() -> HashKey {
        RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64)))
            .unwrap()
            .hash_key("test", b"")
    }

    fn made(entity: Entity, value: &str) -> String {
        surrogate(entity, value, &mut Bits::new(&key(), entity, value, 0))
            .unwrap()
            .0
    }

    #[test]
    fn made_up_values_keep_the_form_and_stay_in_ranges_of_nobody() {
        let card = made(Entity::CREDIT_CARD, "4111-1111 1111-1111");
        assert!(card.starts_with("9999-") && card.len() == 19, "{card}");
        assert_eq!(
            luhn_sum(&card.chars().filter(char::is_ascii_digit).collect::<Vec<_>>()) % 10,
            0
        );
        let iban = made(Entity::IBAN_CODE, "GB82 WEST 1234 5698 7654 32");
        assert!(iban.starts_with("GB00 ") && iban.len() == 27, "{iban}");
        assert!(made(Entity::EMAIL_ADDRESS, "a@b.com").ends_with("@mail.example"));
        assert!(made(Entity::PHONE_NUMBER, "(202) 456-1414").contains("-555-01"));
        assert!(made(Entity::PHONE_NUMBER, "+49 30 901820").starts_with("+999 "));
    }

    #[test]
    fn names_keep_their_script_and_number_of_words() {
        for name in [
            "Ada Lovelace",
            "Лев Толстой",
            "Ελένη",
            "שרה",
            "محمد علي",
            "राम",
            "さくら",
            "王小明",
            "김철수",
        ] {
            let made = made(Entity::PERSON, name);
            assert_eq!(made.split(' ').count(), name.split(' ').count(), "{made}");
            let script = |c: char| {
                SCRIPTS
                    .iter()
                    .position(|s| s.range.contains(&c.to_lowercase().next().unwrap()))
            };
            assert_eq!(
                script(made.chars().next().unwrap()),
                script(name.chars().next().unwrap()),
                "{made}"
            );
        }
    }

    #[test]
    fn numbers_keep_their_length_and_are_no_card() {
        let key = key();
        for value in ["4111111111111111", "078051120", "2025550143"] {
            let made = number(value, &mut Bits::new(&key, Entity::CREDIT_CARD, value, 0)).unwrap();
            assert_eq!(made.len(), value.len());
            assert_ne!(luhn_sum(&made.chars().collect::<Vec<_>>()) % 10, 0);
        }
        assert_eq!(
            number("123456", &mut Bits::new(&key, Entity::US_SSN, "123456", 0)),
            None
        );
    }
}
