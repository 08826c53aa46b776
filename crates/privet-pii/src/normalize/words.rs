//! Words that spell a digit or a mark.

use std::borrow::Cow;

use super::numerals;

/// What a word spells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelt {
    /// A digit.
    Digit(u8),
    /// A number from 10 to 99 as one word.
    Whole(u16),
    /// Tens that ones may follow.
    Tens(u16),
    /// Tens behind their ones, as in Arabic.
    AndTens(u16),
    /// Hundreds that a smaller number may follow.
    Hundreds(u16),
    /// A hundred, or as often as the digit before it says.
    Hundred,
    /// Between tens and ones.
    And,
    /// The next digit this many times.
    Times(u8),
    /// A mark inside numbers and addresses.
    Mark(char),
    /// The at sign, by a word that means little else.
    At,
    /// The at sign, by a word that is mostly something else.
    WeakAt,
}

/// The digits from 0 to 9 in several languages; variants of a digit are parted by `|`.
const DIGITS: &[[&str; 10]] = &[
    [
        "zero|oh|nought",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine|niner",
    ],
    [
        "null",
        "eins|ein",
        "zwei|zwo",
        "drei",
        "vier",
        "fünf|fuenf",
        "sechs",
        "sieben",
        "acht",
        "neun",
    ],
    [
        "zéro", "un|une", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf",
    ],
    [
        "cero", "uno|una", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve",
    ],
    [
        "zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove",
    ],
    [
        "nul",
        "een|één",
        "twee",
        "drie",
        "vier",
        "vijf",
        "zes",
        "zeven",
        "acht",
        "negen",
    ],
    [
        "zero",
        "um|uma",
        "dois|duas",
        "três",
        "quatro",
        "cinco",
        "seis|meia",
        "sete",
        "oito",
        "nove",
    ],
    [
        "zero",
        "jeden",
        "dwa",
        "trzy",
        "cztery",
        "pięć|piec",
        "sześć|szesc",
        "siedem",
        "osiem",
        "dziewięć|dziewiec",
    ],
    [
        "noll", "ett", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio",
    ],
    [
        "nula", "jedna", "dva", "tři", "čtyři", "pět", "šest", "sedm", "osm", "devět",
    ],
    [
        "sıfır|sifir",
        "bir",
        "iki",
        "üç",
        "dört",
        "beş",
        "altı",
        "yedi",
        "sekiz",
        "dokuz",
    ],
    [
        "صفر",
        "واحد",
        "اثنان|اثنين|إثنان|إثنين",
        "ثلاثة|ثلاث|تلاتة",
        "أربعة|أربع|اربعة|اربع",
        "خمسة|خمس",
        "ستة|ست",
        "سبعة|سبع",
        "ثمانية|ثماني|ثمان|تمانية",
        "تسعة|تسع",
    ],
    [
        "शून्य|ज़ीरो|ज़ीरो|जीरो",
        "एक",
        "दो",
        "तीन",
        "चार",
        "पाँच|पांच",
        "छह|छः|छे",
        "सात",
        "आठ",
        "नौ",
    ],
    [
        "ゼロ|れい|まる",
        "いち|イチ",
        "に|ニ",
        "さん|サン",
        "よん|ヨン",
        "ご|ゴ",
        "ろく|ロク",
        "なな|ナナ",
        "はち|ハチ",
        "きゅう|キュウ",
    ],
    [
        "ноль|нуль",
        "один|одна",
        "два|две",
        "три",
        "четыре",
        "пять",
        "шесть",
        "семь",
        "восемь",
        "девять",
    ],
];

const OTHERS: &[(&[&str], Spelt)] = &[
    (
        &[
            "double",
            "doble",
            "doppio",
            "dubbel",
            "doppel",
            "duplo",
            "podwójne",
            "डबल",
        ],
        Spelt::Times(2),
    ),
    (&["triple", "triplo", "dreifach", "driedubbel"], Spelt::Times(3)),
    (
        &[
            "dot",
            "punkt",
            "point",
            "punto",
            "ponto",
            "kropka",
            "punt",
            "точка",
            "nokta",
            "tečka",
            "piste",
            "نقطة",
            "डॉट",
            "ドット",
            "どっと",
            "点",
            "دوت",
        ],
        Spelt::Mark('.'),
    ),
    (
        &[
            "dash",
            "hyphen",
            "minus",
            "bindestrich",
            "strich",
            "tiret",
            "guion",
            "guión",
            "trattino",
            "hífen",
            "streepje",
            "koppelteken",
            "myślnik",
            "menos",
            "moins",
            "bindestreck",
        ],
        Spelt::Mark('-'),
    ),
    (&["plus", "più", "más"], Spelt::Mark('+')),
    (
        &["slash", "schrägstrich", "ukośnik", "snedstreck", "слэш", "дробь"],
        Spelt::Mark('/'),
    ),
    (
        &["underscore", "unterstrich", "podkreślnik", "understreck"],
        Spelt::Mark('_'),
    ),
    (
        &[
            "arobase",
            "arobas",
            "arroba",
            "chiocciola",
            "chiocciolina",
            "małpa",
            "malpa",
            "klammeraffe",
            "apenstaartje",
            "apestaartje",
            "собака",
            "zavináč",
            "zavinac",
            "snabela",
            "snabel",
            "アットマーク",
            "あっと",
            "艾特",
            "एट",
            "آت",
            "アット",
            "ऐट",
        ],
        Spelt::At,
    ),
    (&["at", "ät", "et"], Spelt::WeakAt),
];

/// Every word with what it spells; a word may be listed more than once with the same meaning.
pub(super) fn all() -> impl Iterator<Item = (Cow<'static, str>, Spelt)> {
    let digits = DIGITS.iter().flat_map(|language| {
        (0_u8..).zip(language).flat_map(|(value, words)| {
            words
                .split('|')
                .map(move |w| (Cow::Borrowed(w), Spelt::Digit(value)))
        })
    });
    let others = OTHERS
        .iter()
        .flat_map(|(words, spelt)| words.iter().map(|w| (Cow::Borrowed(*w), *spelt)));
    let numerals = numerals::all()
        .into_iter()
        .map(|(w, spelt)| (Cow::Owned(w), spelt));
    digits.chain(others).chain(numerals)
}
