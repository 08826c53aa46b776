//! Words for numbers above nine, as people say telephone numbers: `sixty-seven`, `beş yüz otuz iki`, `quatre-vingt-deux`.

use super::lexicon::spelt;
use super::tokens::{Token, between};
use super::words::Spelt;

/// From ten to nineteen, where one word says it; variants are parted by `|`, and what two words say is empty.
const TEENS: &[[&str; 10]] = &[
    [
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ],
    [
        "zehn",
        "elf",
        "zwölf|zwoelf",
        "dreizehn",
        "vierzehn",
        "fünfzehn|fuenfzehn",
        "sechzehn",
        "siebzehn",
        "achtzehn",
        "neunzehn",
    ],
    [
        "", "onze", "douze", "treize", "quatorze", "quinze", "seize", "", "", "",
    ],
    [
        "diez",
        "once",
        "doce",
        "trece",
        "catorce",
        "quince",
        "dieciséis|dieciseis",
        "diecisiete",
        "dieciocho",
        "diecinueve",
    ],
    [
        "dieci",
        "undici",
        "dodici",
        "tredici",
        "quattordici",
        "quindici",
        "sedici",
        "diciassette",
        "diciotto",
        "diciannove",
    ],
    [
        "tien",
        "elf",
        "twaalf",
        "dertien",
        "veertien",
        "vijftien",
        "zestien",
        "zeventien",
        "achttien",
        "negentien",
    ],
    [
        "dez",
        "onze",
        "doze",
        "treze",
        "catorze|quatorze",
        "quinze",
        "dezesseis|dezasseis",
        "dezessete|dezassete",
        "dezoito",
        "dezenove|dezanove",
    ],
    [
        "dziesięć|dziesiec",
        "jedenaście|jedenascie",
        "dwanaście|dwanascie",
        "trzynaście|trzynascie",
        "czternaście|czternascie",
        "piętnaście|pietnascie",
        "szesnaście|szesnascie",
        "siedemnaście|siedemnascie",
        "osiemnaście|osiemnascie",
        "dziewiętnaście|dziewietnascie",
    ],
    [
        "tio", "elva", "tolv", "tretton", "fjorton", "femton", "sexton", "sjutton", "arton", "nitton",
    ],
    ["عشرة|عشر", "", "", "", "", "", "", "", "", ""],
    [
        "десять",
        "одиннадцать",
        "двенадцать",
        "тринадцать",
        "четырнадцать",
        "пятнадцать",
        "шестнадцать",
        "семнадцать",
        "восемнадцать",
        "девятнадцать",
    ],
];

/// From twenty to ninety in steps of ten.
const TENS: &[[&str; 8]] = &[
    [
        "twenty",
        "thirty",
        "forty|fourty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
    ],
    GERMAN_TENS,
    [
        "vingt|vingts",
        "trente",
        "quarante",
        "cinquante",
        "soixante",
        "septante",
        "huitante|octante",
        "nonante",
    ],
    [
        "veinte",
        "treinta",
        "cuarenta",
        "cincuenta",
        "sesenta",
        "setenta",
        "ochenta",
        "noventa",
    ],
    ITALIAN_TENS,
    DUTCH_TENS,
    [
        "vinte",
        "trinta",
        "quarenta",
        "cinquenta",
        "sessenta",
        "setenta",
        "oitenta",
        "noventa",
    ],
    [
        "dwadzieścia|dwadziescia",
        "trzydzieści|trzydziesci",
        "czterdzieści|czterdziesci",
        "pięćdziesiąt|piecdziesiat",
        "sześćdziesiąt|szescdziesiat",
        "siedemdziesiąt|siedemdziesiat",
        "osiemdziesiąt|osiemdziesiat",
        "dziewięćdziesiąt|dziewiecdziesiat",
    ],
    SWEDISH_TENS,
    [
        "yirmi",
        "otuz",
        "kırk|kirk",
        "elli",
        "altmış|altmis",
        "yetmiş|yetmis",
        "seksen",
        "doksan",
    ],
    [
        "عشرون|عشرين",
        "ثلاثون|ثلاثين",
        "أربعون|أربعين|اربعين",
        "خمسون|خمسين",
        "ستون|ستين",
        "سبعون|سبعين",
        "ثمانون|ثمانين",
        "تسعون|تسعين",
    ],
    [
        "двадцать",
        "тридцать",
        "сорок",
        "пятьдесят",
        "шестьдесят",
        "семьдесят",
        "восемьдесят",
        "девяносто",
    ],
];

const GERMAN_TENS: [&str; 8] = [
    "zwanzig",
    "dreißig|dreissig",
    "vierzig",
    "fünfzig|fuenfzig",
    "sechzig",
    "siebzig",
    "achtzig",
    "neunzig",
];
const GERMAN_UNITS: [&str; 9] = [
    "einund",
    "zweiund",
    "dreiund",
    "vierund",
    "fünfund|fuenfund",
    "sechsund",
    "siebenund",
    "achtund",
    "neunund",
];
const DUTCH_TENS: [&str; 8] = [
    "twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig",
];
const DUTCH_UNITS: [&str; 9] = [
    "eenen",
    "tweeën|tweeen",
    "drieën|drieen",
    "vieren",
    "vijfen",
    "zesen",
    "zevenen",
    "achten",
    "negenen",
];
const ITALIAN_TENS: [&str; 8] = [
    "venti",
    "trenta",
    "quaranta",
    "cinquanta",
    "sessanta",
    "settanta",
    "ottanta",
    "novanta",
];
const ITALIAN_UNITS: [&str; 9] = [
    "uno", "due", "tre|tré", "quattro", "cinque", "sei", "sette", "otto", "nove",
];
const SWEDISH_TENS: [&str; 8] = [
    "tjugo", "trettio", "fyrtio", "femtio", "sextio", "sjuttio", "åttio", "nittio",
];
const SWEDISH_UNITS: [&str; 9] = ["ett", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio"];
const SPANISH_TWENTIES: [&str; 9] = [
    "veintiuno|veintiún",
    "veintidós|veintidos",
    "veintitrés|veintitres",
    "veinticuatro",
    "veinticinco",
    "veintiséis|veintiseis",
    "veintisiete",
    "veintiocho",
    "veintinueve",
];
/// From ten to ninety-nine in Hindi, where each has a word of its own.
const HINDI: [&str; 90] = [
    "दस",
    "ग्यारह",
    "बारह",
    "तेरह",
    "चौदह",
    "पंद्रह|पन्द्रह",
    "सोलह",
    "सत्रह",
    "अठारह",
    "उन्नीस",
    "बीस",
    "इक्कीस",
    "बाईस",
    "तेईस",
    "चौबीस",
    "पच्चीस",
    "छब्बीस",
    "सत्ताईस",
    "अट्ठाईस|अठाईस",
    "उनतीस",
    "तीस",
    "इकतीस|इकत्तीस",
    "बत्तीस",
    "तैंतीस",
    "चौंतीस",
    "पैंतीस",
    "छत्तीस",
    "सैंतीस",
    "अड़तीस",
    "उनतालीस",
    "चालीस",
    "इकतालीस",
    "बयालीस",
    "तैंतालीस",
    "चौवालीस|चवालीस",
    "पैंतालीस",
    "छियालीस",
    "सैंतालीस",
    "अड़तालीस",
    "उनचास",
    "पचास",
    "इक्यावन",
    "बावन",
    "तिरेपन|तिरपन",
    "चौवन",
    "पचपन",
    "छप्पन",
    "सत्तावन",
    "अट्ठावन|अठावन",
    "उनसठ",
    "साठ",
    "इकसठ",
    "बासठ",
    "तिरेसठ|तिरसठ",
    "चौंसठ|चौसठ",
    "पैंसठ",
    "छियासठ",
    "सड़सठ",
    "अड़सठ",
    "उनहत्तर",
    "सत्तर",
    "इकहत्तर",
    "बहत्तर",
    "तिहत्तर",
    "चौहत्तर",
    "पचहत्तर",
    "छिहत्तर",
    "सतहत्तर",
    "अठहत्तर",
    "उनासी|उन्यासी",
    "अस्सी",
    "इक्यासी",
    "बयासी",
    "तिरासी",
    "चौरासी",
    "पचासी",
    "छियासी",
    "सत्तासी",
    "अट्ठासी|अठासी",
    "नवासी",
    "नब्बे",
    "इक्यानवे",
    "बानवे",
    "तिरानवे",
    "चौरानवे",
    "पचानवे",
    "छियानवे",
    "सत्तानवे",
    "अट्ठानवे|अठानवे",
    "निन्यानवे",
];
/// From a hundred to nine hundred, where one word says it.
const HUNDREDS: &[[&str; 9]] = &[
    [
        "",
        "doscientos",
        "trescientos",
        "cuatrocientos",
        "quinientos",
        "seiscientos",
        "setecientos",
        "ochocientos",
        "novecientos",
    ],
    [
        "",
        "duecento",
        "trecento",
        "quattrocento",
        "cinquecento",
        "seicento",
        "settecento",
        "ottocento",
        "novecento",
    ],
    [
        "",
        "duzentos",
        "trezentos",
        "quatrocentos",
        "quinhentos",
        "seiscentos",
        "setecentos",
        "oitocentos",
        "novecentos",
    ],
    [
        "sto",
        "dwieście|dwiescie",
        "trzysta",
        "czterysta",
        "pięćset|piecset",
        "sześćset|szescset",
        "siedemset",
        "osiemset",
        "dziewięćset|dziewiecset",
    ],
    [
        "сто",
        "двести",
        "триста",
        "четыреста",
        "пятьсот",
        "шестьсот",
        "семьсот",
        "восемьсот",
        "девятьсот",
    ],
];
/// A hundred, or as often as the digit before it says.
const HUNDRED: &str = "hundred|hundert|cent|cents|cien|ciento|cento|cem|honderd|hundra|yüz|مئة|مائة|सौ";
/// Between tens and ones.
const AND: &str = "y|e";
/// Turkish digits: only beside one of them is `on` ten.
const TURKISH: &str = "sıfır|sifir|bir|iki|üç|dört|beş|altı|yedi|sekiz|dokuz";

/// All words of this file with what they spell.
pub(super) fn all() -> Vec<(String, Spelt)> {
    let mut all = Vec::new();
    let mut add = |words: &str, spelt: Spelt| {
        all.extend(
            words
                .split('|')
                .filter(|w| !w.is_empty())
                .map(|w| (w.to_owned(), spelt)),
        );
    };
    for language in TEENS {
        for (value, words) in (10_u16..).zip(language) {
            add(words, Spelt::Whole(value));
        }
    }
    for language in TENS {
        for (ten, words) in (2_u16..).zip(language) {
            add(words, Spelt::Tens(10 * ten));
            // `خمسة وعشرون`: the ones stand before the tens.
            for word in words
                .split('|')
                .filter(|w| w.starts_with(|c: char| ('\u{620}'..='\u{64a}').contains(&c)))
            {
                add(&format!("و{word}"), Spelt::AndTens(10 * ten));
            }
        }
    }
    add("dix|on", Spelt::Tens(10));
    for language in HUNDREDS {
        for (hundred, words) in (1_u16..).zip(language) {
            add(words, Spelt::Hundreds(100 * hundred));
        }
    }
    add(HUNDRED, Spelt::Hundred);
    add(AND, Spelt::And);
    for (value, words) in (10_u16..).zip(HINDI) {
        add(words, Spelt::Whole(value));
    }
    for (value, words) in (21_u16..).zip(SPANISH_TWENTIES) {
        add(words, Spelt::Whole(value));
    }
    glued(
        &GERMAN_TENS,
        &GERMAN_UNITS,
        |ten, unit| format!("{unit}{ten}"),
        &mut add,
    );
    glued(
        &DUTCH_TENS,
        &DUTCH_UNITS,
        |ten, unit| format!("{unit}{ten}"),
        &mut add,
    );
    glued(
        &SWEDISH_TENS,
        &SWEDISH_UNITS,
        |ten, unit| format!("{ten}{unit}"),
        &mut add,
    );
    // `ventuno`, `ventotto`: the last vowel of the tens falls away before another.
    let italian = |ten: &str, unit: &str| {
        let ten = if unit.starts_with(['u', 'o']) {
            ten.get(..ten.len() - 1).unwrap_or(ten)
        } else {
            ten
        };
        format!("{ten}{unit}")
    };
    glued(&ITALIAN_TENS, &ITALIAN_UNITS, italian, &mut add);
    all
}

/// The words from 21 to 99 that are made of tens and ones.
fn glued(
    tens: &[&str; 8],
    units: &[&str; 9],
    join: impl Fn(&str, &str) -> String,
    add: &mut impl FnMut(&str, Spelt),
) {
    for (ten, ten_words) in (2_u16..).zip(tens) {
        for (unit, unit_words) in (1_u16..).zip(units) {
            for ten_word in ten_words.split('|') {
                for unit_word in unit_words.split('|') {
                    add(&join(ten_word, unit_word), Spelt::Whole(10 * ten + unit));
                }
            }
        }
    }
}

/// A number from 0 to 999 in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numeral {
    pub(super) value: u16,
    /// Tokens that it is said in.
    pub(super) len: usize,
}

/// The number that the first of `tokens` begins; `before` is the token before it.
pub(super) fn numeral(text: &str, tokens: &[Token<'_>], before: Option<&Token<'_>>) -> Option<Numeral> {
    match spelt(tokens.first()?.text)? {
        Spelt::Hundred => Some(with_rest(text, tokens, 100, 1)),
        Spelt::Hundreds(value) => Some(with_rest(text, tokens, value, 1)),
        Spelt::Digit(digit @ 1..=9) if next(text, tokens, 1) == Some(Spelt::Hundred) => {
            Some(with_rest(text, tokens, 100 * u16::from(digit), 2))
        }
        _ => below_hundred(text, tokens, before),
    }
}

/// What the token `i` spells, if it stands right behind the one before it.
fn next(text: &str, tokens: &[Token<'_>], i: usize) -> Option<Spelt> {
    let (left, right) = (tokens.get(i.checked_sub(1)?)?, tokens.get(i)?);
    let gap = text.get(between(left, right))?;
    matches!(gap, " " | "-" | "\u{a0}" | "\u{2011}")
        .then(|| spelt(right.text))
        .flatten()
}

fn with_rest(text: &str, tokens: &[Token<'_>], hundreds: u16, len: usize) -> Numeral {
    let alone = Numeral { value: hundreds, len };
    let behind = tokens.get(len..).unwrap_or_default();
    let is_near = next(text, tokens, len).is_some();
    let Some(rest) = below_hundred(text, behind, None).filter(|r| is_near && r.value > 0) else {
        return alone;
    };
    // Digits that another one follows are said one by one: `nine hundred four one two`.
    if rest.value < 10 && is_row(rest, behind) {
        return alone;
    }
    Numeral {
        value: hundreds + rest.value,
        len: len + rest.len,
    }
}

/// Whether a digit follows the digit that `tokens` begin with.
fn is_row(first: Numeral, tokens: &[Token<'_>]) -> bool {
    tokens
        .get(first.len)
        .is_some_and(|t| matches!(spelt(t.text), Some(Spelt::Digit(_) | Spelt::Times(_))))
}

fn below_hundred(text: &str, tokens: &[Token<'_>], before: Option<&Token<'_>>) -> Option<Numeral> {
    let first = tokens.first()?;
    let at = |i: usize| next(text, tokens, i);
    let one = |value: u16| Some(Numeral { value, len: 1 });
    match spelt(first.text)? {
        Spelt::Digit(4) if first.text.eq_ignore_ascii_case("quatre") && at(1) == Some(Spelt::Tens(20)) => {
            Some(with_ones(&at, 80, 2))
        }
        Spelt::Digit(digit) => match at(1) {
            Some(Spelt::AndTens(tens)) if digit > 0 => Some(Numeral {
                value: tens + u16::from(digit),
                len: 2,
            }),
            _ => one(u16::from(digit)),
        },
        Spelt::Whole(value) => one(value),
        Spelt::Tens(10) if first.text.eq_ignore_ascii_case("on") => {
            let is_turkish = |t: &Token<'_>| TURKISH.split('|').any(|w| w == t.text.to_lowercase());
            let is_beside = before.is_some_and(is_turkish) || tokens.get(1).is_some_and(is_turkish);
            is_beside.then(|| with_ones(&at, 10, 1))
        }
        Spelt::Tens(10) => match at(1) {
            Some(Spelt::Digit(digit @ 7..=9)) => Some(Numeral {
                value: 10 + u16::from(digit),
                len: 2,
            }),
            _ => one(10),
        },
        Spelt::Tens(tens) => Some(with_ones(&at, tens, 1)),
        _ => None,
    }
}

/// `tens` that end before token `len`, with the ones behind them.
fn with_ones(at: &impl Fn(usize) -> Option<Spelt>, tens: u16, len: usize) -> Numeral {
    let joined = usize::from(matches!(at(len), Some(Spelt::And | Spelt::WeakAt)));
    match at(len + joined) {
        Some(Spelt::Digit(digit @ 1..=9)) => Numeral {
            value: tens + u16::from(digit),
            len: len + joined + 1,
        },
        // `soixante-douze`, `quatre-vingt-dix-sept`
        Some(Spelt::Whole(teen @ 11..=16)) if matches!(tens, 60 | 80) => Numeral {
            value: tens + teen,
            len: len + joined + 1,
        },
        Some(Spelt::Tens(10)) if matches!(tens, 60 | 80) => match at(len + joined + 1) {
            Some(Spelt::Digit(digit @ 7..=9)) => Numeral {
                value: tens + 10 + u16::from(digit),
                len: len + joined + 2,
            },
            _ => Numeral {
                value: tens + 10,
                len: len + joined + 1,
            },
        },
        _ => Numeral { value: tens, len },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::tokens::tokens;

    fn read(text: &str) -> Option<(u16, usize)> {
        numeral(text, &tokens(text), None).map(|n| (n.value, n.len))
    }

    #[test]
    fn numbers_below_a_thousand_are_read_as_they_are_said() {
        for (text, value) in [
            ("sixteen", 16),
            ("twenty-seven", 27),
            ("nine hundred", 900),
            ("five hundred twelve", 512),
            ("siebenundzwanzig", 27),
            ("soixante-dix-sept", 77),
            ("quatre-vingt-douze", 92),
            ("quatre-vingts", 80),
            ("vingt et un", 21),
            ("treinta y cuatro", 34),
            ("veintidós", 22),
            ("quinientos doce", 512),
            ("trentotto", 38),
            ("ventitré", 23),
            ("tweeëntwintig", 22),
            ("setenta e oito", 78),
            ("sześćdziesiąt trzy", 63),
            ("tjugosju", 27),
            ("beş yüz otuz iki", 532),
            ("on iki", 12),
            ("خمسة وعشرون", 25),
            ("पचहत्तर", 75),
            ("девятьсот три", 903),
        ] {
            assert_eq!(read(text), Some((value, tokens(text).len())), "{text}");
        }
    }

    #[test]
    fn a_row_of_digits_is_not_taken_for_one_number() {
        assert_eq!(read("nine hundred four one two"), Some((900, 2)));
        assert_eq!(read("on one two three"), None);
        assert_eq!(read("dix deux"), Some((10, 1)));
    }
}
