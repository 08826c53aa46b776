//! In which language a stretch of text is written.
//!
//! Scripts tell most of it; within the Latin one, trigrams of letters, counted in sentences of our own
//! (`training/language/trigrams.py`). Nothing is detected where nobody asks: a scan asks only beside a word that means
//! something else in another language.

use std::sync::LazyLock;

use crate::letters::{is_alphabetic, is_alphanumeric};
use serde::{Serialize, Serializer};

/// Letters below which nothing is said; letters of other scripts than the Latin count double or more.
const LEAST_LETTERS: u32 = 20;
/// How much likelier the first language is than the second, in quarters of a nat: e³ times.
const MARGIN: i32 = 12;
/// Bytes looked at to either side of a place.
const REACH: usize = 120;

/// The languages of the Latin script, in the order of the columns of `trigrams.txt`.
const LATIN: [Language; 10] = [
    Language::Dutch,
    Language::English,
    Language::French,
    Language::German,
    Language::Italian,
    Language::Polish,
    Language::Portuguese,
    Language::Spanish,
    Language::Swedish,
    Language::Turkish,
];

/// A language whose words the recognisers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Language {
    Arabic,
    Chinese,
    Dutch,
    English,
    French,
    German,
    Hindi,
    Italian,
    Japanese,
    Polish,
    Portuguese,
    Russian,
    Spanish,
    Swedish,
    Turkish,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Arabic,
        Self::Chinese,
        Self::Dutch,
        Self::English,
        Self::French,
        Self::German,
        Self::Hindi,
        Self::Italian,
        Self::Japanese,
        Self::Polish,
        Self::Portuguese,
        Self::Russian,
        Self::Spanish,
        Self::Swedish,
        Self::Turkish,
    ];

    /// Its code of ISO 639-1, such as `en`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::Chinese => "zh",
            Self::Dutch => "nl",
            Self::English => "en",
            Self::French => "fr",
            Self::German => "de",
            Self::Hindi => "hi",
            Self::Italian => "it",
            Self::Japanese => "ja",
            Self::Polish => "pl",
            Self::Portuguese => "pt",
            Self::Russian => "ru",
            Self::Spanish => "es",
            Self::Swedish => "sv",
            Self::Turkish => "tr",
        }
    }

    /// The language that most of `text` is written in; none if it is too short, of another language, or mixed.
    ///
    /// O(n).
    ///
    /// ```
    /// use privet_pii::Language;
    /// assert_eq!(Language::detect("Bitte rufen Sie mich morgen zurück."), Some(Language::German));
    /// assert_eq!(Language::detect("OK, 12:30"), None);
    /// ```
    #[must_use]
    pub fn detect(text: &str) -> Option<Self> {
        let scripts = Scripts::of(text);
        match scripts.main()? {
            Script::Latin => latin(text),
            Script::Cyrillic => {
                (!text.contains(['і', 'ї', 'є', 'ґ', 'ў', 'ј', 'љ', 'њ'])).then_some(Self::Russian)
            }
            Script::Arabic => {
                (!text.contains(['پ', 'چ', 'گ', 'ژ', 'ک', 'ی', 'ٹ', 'ں'])).then_some(Self::Arabic)
            }
            Script::Devanagari => Some(Self::Hindi),
            Script::EastAsian if scripts.kana * 20 >= scripts.ideographs => Some(Self::Japanese),
            Script::EastAsian => Some(Self::Chinese),
            Script::Other => None,
        }
    }

    /// The language of the paragraph of `text` that byte `at` lies in; at most 240 bytes of it are looked at.
    #[must_use]
    pub fn detect_at(text: &str, at: usize) -> Option<Self> {
        Self::detect(paragraph(text, at))
    }

    /// Units of work of one [`detect_at`](Self::detect_at).
    pub(crate) const UNITS: usize = 4 * REACH;

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// A set of languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Languages(u16);

impl Languages {
    /// Those of `list`.
    pub(crate) fn of(list: &[Language]) -> Self {
        Self(list.iter().fold(0, |set, language| set | language.bit()))
    }

    /// Whether `language` is one of them; no unknown one is.
    pub(crate) fn has(self, language: Option<Language>) -> bool {
        language.is_some_and(|l| self.0 & l.bit() != 0)
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The lines round `at` up to empty ones, at most [`REACH`] bytes to either side.
fn paragraph(text: &str, at: usize) -> &str {
    let bound = |at: usize| {
        let at = at.min(text.len());
        (at.saturating_sub(3)..=at)
            .rev()
            .find(|i| text.is_char_boundary(*i))
            .unwrap_or(0)
    };
    let at = bound(at);
    let before = text.get(bound(at.saturating_sub(REACH))..at).unwrap_or_default();
    let after = text.get(at..bound(at + REACH)).unwrap_or_default();
    let start = at - before.len() + before.rfind("\n\n").map_or(0, |i| i + 2);
    let end = at + after.find("\n\n").unwrap_or(after.len());
    text.get(start..end).unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Cyrillic,
    Arabic,
    Devanagari,
    EastAsian,
    Other,
}

/// Ideographs that Japanese has in this form and Chinese in another one or not at all.
const JAPANESE: &str = "円様県込払価発気駅広図売読対検権経総収済単営続労齢桜沢浜辺関応満塩塚枠々町働畑匂〆〒";

/// How many letters of which script.
#[derive(Debug, Default)]
struct Scripts {
    latin: u32,
    cyrillic: u32,
    arabic: u32,
    devanagari: u32,
    /// Kana, and ideographs of Japan alone.
    kana: u32,
    ideographs: u32,
    other: u32,
}

impl Scripts {
    /// Letters of `text`, addresses of mail and web left out.
    fn of(text: &str) -> Self {
        let mut scripts = Self::default();
        for c in text
            .split_whitespace()
            .filter(|t| !is_address(t))
            .flat_map(str::chars)
        {
            match c {
                'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => scripts.latin += 1,
                c if c.is_ascii() => {}
                '\u{400}'..='\u{52f}' => scripts.cyrillic += 1,
                '\u{620}'..='\u{64a}' | '\u{671}'..='\u{6d3}' => scripts.arabic += 1,
                '\u{904}'..='\u{939}' | '\u{93e}'..='\u{94c}' => scripts.devanagari += 1,
                '\u{3041}'..='\u{30ff}' => scripts.kana += 1,
                c if JAPANESE.contains(c) => scripts.kana += 1,
                '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => scripts.ideographs += 1,
                c => scripts.other += u32::from(is_alphabetic(c)),
            }
        }
        scripts
    }

    /// The script of most of it; none if there is too little. A character of East Asia says as much as three letters.
    fn main(&self) -> Option<Script> {
        let counts = [
            (self.latin, Script::Latin),
            (2 * self.cyrillic, Script::Cyrillic),
            (2 * self.arabic, Script::Arabic),
            (2 * self.devanagari, Script::Devanagari),
            (4 * (self.kana + self.ideographs), Script::EastAsian),
            (self.other, Script::Other),
        ];
        let (most, script) = counts.into_iter().max_by_key(|(count, _)| *count)?;
        (most >= LEAST_LETTERS).then_some(script)
    }
}

/// Whether a token is no word of a language: an address of mail or web, or a name of a file.
fn is_address(token: &str) -> bool {
    // Most tokens hold no mark of an address.
    if !token.bytes().any(|b| matches!(b, b'@' | b':' | b'.' | b'_')) {
        return false;
    }
    let inner = token.trim_matches(|c: char| !is_alphanumeric(c));
    let is_joined = |mark: char| {
        inner.split_once(mark).is_some_and(|(a, b)| {
            a.chars().next_back().is_some_and(is_alphanumeric)
                && b.chars().next().is_some_and(is_alphanumeric)
        })
    };
    inner.is_ascii() && (inner.contains('@') || inner.contains("://") || is_joined('.') || is_joined('_'))
}

/// How much a trigram of letters speaks for each language of the Latin script, in steps of a quarter of a nat.
type Weights = [i8; LATIN.len()];

/// The trigrams of `trigrams.txt` by their letters packed in one number, which is never 0: a table with open addressing, whose
/// length is a power of two.
static TRIGRAMS: LazyLock<Vec<(u64, Weights)>> = LazyLock::new(|| {
    let all: Vec<_> = include_str!("trigrams.txt").lines().filter_map(entry).collect();
    let mut table = vec![(0, Weights::default()); (4 * all.len()).next_power_of_two()];
    for (trigram, weights) in all {
        let mut at = slot(trigram, table.len());
        while table
            .get(at)
            .is_some_and(|(known, _)| *known != 0 && *known != trigram)
        {
            at = (at + 1) % table.len();
        }
        if let Some(free) = table.get_mut(at) {
            *free = (trigram, weights);
        }
    }
    table
});

/// Where a trigram belongs in a table of `len` places. The multiplier is 2^64 over the golden ratio: Knuth, The Art of Computer
/// Programming, volume 3, section 6.4.
const fn slot(trigram: u64, len: usize) -> usize {
    (trigram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (len - 1)
}

/// A line of the table: three letters, a space, a letter of weight for each language, `Q` for none.
fn entry(line: &str) -> Option<(u64, Weights)> {
    let (letters, written) = line.split_once(' ')?;
    let trigram = letters
        .chars()
        .fold(0, |key, c| pushed(key, if c == '_' { ' ' } else { c }));
    let mut weights = Weights::default();
    for (weight, byte) in weights.iter_mut().zip(written.bytes()) {
        *weight = i8::try_from(i16::from(byte) - i16::from(b'Q')).ok()?;
    }
    Some((trigram, weights))
}

/// The last three letters of what `key` stands for and `c`.
const fn pushed(key: u64, c: char) -> u64 {
    (key << 21 | c as u64) & ((1 << 63) - 1)
}

/// The language of a text in Latin script: naive Bayes over trigrams of letters.
fn latin(text: &str) -> Option<Language> {
    let mut sums = [0_i32; LATIN.len()];
    for token in text.split_whitespace().filter(|t| is_prose(t)) {
        for word in token.split(|c: char| !is_alphabetic(c)).filter(|w| !w.is_empty()) {
            let mut key = pushed(0, ' ');
            let letters = word.chars().flat_map(char::to_lowercase).chain([' ']);
            for (count, c) in letters.enumerate() {
                key = pushed(key, c);
                if count > 0 {
                    add(&mut sums, key);
                }
            }
        }
    }
    let mut ranked: Vec<(i32, Language)> = sums.into_iter().zip(LATIN).collect();
    ranked.sort_unstable_by_key(|(sum, _)| std::cmp::Reverse(*sum));
    match ranked.as_slice() {
        [(first, language), (second, _), ..] if first - second >= MARGIN => Some(*language),
        _ => None,
    }
}

fn add(sums: &mut [i32; LATIN.len()], trigram: u64) {
    let table = &*TRIGRAMS;
    let mut at = slot(trigram, table.len());
    while let Some((known, weights)) = table.get(at).filter(|(known, _)| *known != 0) {
        if *known == trigram {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += i32::from(*weight);
            }
            return;
        }
        at = (at + 1) % table.len();
    }
}

/// Whether a token of a text in Latin script is made of words, and no name of a program or number.
fn is_prose(token: &str) -> bool {
    let inner = token.trim_matches(['.', ',', ';', ':', '(', ')', '"']);
    !inner
        .contains(|c: char| c.is_ascii_digit() || matches!(c, '=' | '_' | '/' | '@' | '<' | '>' | '{' | '}'))
        && !is_address(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_sentences_of_every_language_are_told_apart() {
        for (text, language) in [
            ("Please call me back tomorrow.", Language::English),
            ("Bitte rufen Sie mich morgen zurück.", Language::German),
            ("Merci de me rappeler demain matin.", Language::French),
            ("Por favor, llámeme mañana por la tarde.", Language::Spanish),
            ("La prego di richiamarmi domani mattina.", Language::Italian),
            ("Kunt u mij morgen terugbellen?", Language::Dutch),
            (
                "Por favor, ligue-me amanhã de manhã, obrigado.",
                Language::Portuguese,
            ),
            ("Proszę oddzwonić do mnie jutro.", Language::Polish),
            ("Var vänlig och ring mig i morgon.", Language::Swedish),
            ("Lütfen beni yarın sabah arayın, teşekkürler.", Language::Turkish),
            ("Перезвоните мне завтра.", Language::Russian),
            ("يرجى الاتصال بي غداً.", Language::Arabic),
            ("कृपया मुझे कल फ़ोन करें।", Language::Hindi),
            ("明日お電話ください。", Language::Japanese),
            ("请明天给我打电话。", Language::Chinese),
        ] {
            assert_eq!(Language::detect(text), Some(language), "{text}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_short_mixed_or_foreign() {
        for text in [
            "",
            "OK",
            "12:30, 4111 1111 1111 1111",
            "ada@example.com",
            "Ada Lovelace, Zürich",
            "Я зателефоную їй завтра, і вона є вдома.",
            "Καλημέρα σας, τηλεφωνήστε μου αύριο.",
        ] {
            assert_eq!(Language::detect(text), None, "{text}");
        }
    }

    #[test]
    fn a_place_is_read_with_its_own_paragraph_only() {
        let text = "Bitte rufen Sie mich morgen zurück.\n\nPlease call me back tomorrow, thank you.";
        assert_eq!(Language::detect_at(text, 3), Some(Language::German));
        assert_eq!(Language::detect_at(text, text.len() - 5), Some(Language::English));
        assert_eq!(Language::detect_at(text, usize::MAX), Some(Language::English));
    }
}
