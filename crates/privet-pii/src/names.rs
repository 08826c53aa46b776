//! The parts of a written personal name.

/// Longest name that is taken apart, in bytes.
const MAX_NAME: usize = 128;

/// Words before a name that are no part of it, folded. English, German, French, Spanish, Italian, Dutch, Portuguese,
/// Polish, Swedish.
const TITLES: &[&str] = &[
    "admiral",
    "attorney",
    "bishop",
    "captain",
    "capt",
    "chancellor",
    "colonel",
    "col",
    "commander",
    "congressman",
    "congresswoman",
    "councillor",
    "count",
    "countess",
    "dame",
    "deputy",
    "dhr",
    "dipl",
    "doctor",
    "doctora",
    "doktor",
    "dom",
    "don",
    "dona",
    "dott",
    "dottor",
    "dottoressa",
    "dottssa",
    "dr",
    "dra",
    "duke",
    "engineer",
    "father",
    "frau",
    "fraulein",
    "fru",
    "general",
    "gen",
    "governor",
    "heer",
    "herr",
    "herrn",
    "hon",
    "ing",
    "inspector",
    "judge",
    "justice",
    "king",
    "lady",
    "lieutenant",
    "lord",
    "lt",
    "madam",
    "madame",
    "mademoiselle",
    "maestro",
    "maitre",
    "major",
    "med",
    "meneer",
    "mevr",
    "mevrouw",
    "minister",
    "miss",
    "mister",
    "mlle",
    "mme",
    "monsieur",
    "mr",
    "mrs",
    "ms",
    "mw",
    "mx",
    "nurse",
    "officer",
    "pan",
    "pani",
    "pastor",
    "president",
    "prince",
    "princess",
    "prof",
    "professor",
    "professeur",
    "professora",
    "queen",
    "rabbi",
    "rev",
    "reverend",
    "senator",
    "senhor",
    "senhora",
    "senor",
    "senora",
    "senorita",
    "sergeant",
    "sgt",
    "sig",
    "signor",
    "signora",
    "signorina",
    "signore",
    "sigra",
    "sir",
    "sister",
    "sra",
    "srta",
    "sr",
    "uncle",
    "aunt",
    "widow",
    "witness",
];

/// Titles that stand before a given name where one word follows: "Sir Paul", "Doña Ana", "Queen Anne".
const GIVEN_NAME_TITLES: &[&str] = &[
    "aunt", "dame", "dom", "don", "dona", "father", "king", "prince", "princess", "queen", "sir", "sister",
    "uncle",
];

/// Words inside surnames that do not name the family, folded.
const PARTICLES: &[&str] = &[
    "af", "al", "av", "ben", "bin", "bint", "d", "da", "das", "de", "degli", "dei", "del", "della", "den",
    "der", "des", "di", "do", "dos", "du", "el", "ibn", "la", "las", "le", "los", "het", "'t", "san", "st",
    "ten", "ter", "van", "vande", "vander", "vom", "von", "y", "e", "zu", "zum", "zur",
];

/// Titles of men and of women, among those above.
const MALE_TITLES: &[&str] = &[
    "congressman",
    "count",
    "dhr",
    "dom",
    "don",
    "duke",
    "father",
    "heer",
    "herr",
    "herrn",
    "king",
    "lord",
    "meneer",
    "mister",
    "monsieur",
    "mr",
    "pan",
    "prince",
    "senhor",
    "senor",
    "sig",
    "signor",
    "signore",
    "sir",
    "sr",
    "uncle",
];
const FEMALE_TITLES: &[&str] = &[
    "aunt",
    "congresswoman",
    "countess",
    "dame",
    "doctora",
    "dona",
    "dottoressa",
    "dottssa",
    "dra",
    "frau",
    "fraulein",
    "fru",
    "lady",
    "madam",
    "madame",
    "mademoiselle",
    "mevr",
    "mevrouw",
    "miss",
    "mlle",
    "mme",
    "mrs",
    "ms",
    "mw",
    "pani",
    "princess",
    "professora",
    "queen",
    "senhora",
    "senora",
    "senorita",
    "signora",
    "signorina",
    "sigra",
    "sister",
    "sra",
    "srta",
];

/// Particles that are given names too, so that they begin a surname only where they are written small.
const DOUBTFUL_PARTICLES: &[&str] = &["al", "ben", "d", "e", "san", "st", "y"];

/// Words after a name, folded.
const SUFFIXES: &[&str] = &[
    "jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "mba", "dds", "jun", "sen", "fils", "pere",
];

/// What a name consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A given name and a surname.
    Full,
    /// Only initials before a surname.
    Initial,
    /// A surname.
    Last,
    /// A given name.
    First,
    /// One word that may be either.
    Single,
    /// Nothing that can be taken apart.
    Other,
}

/// How the words are arranged, for writing a stand-in alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    GivenFirst,
    /// `Lopez, Maria`
    Comma,
    /// `LOPEZ Maria`
    CapitalsFirst,
}

/// What a title says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Gender {
    Female,
    Male,
}

/// A name taken apart. Words are folded: lower case, without accents.
#[derive(Debug, Clone)]
pub(crate) struct Name<'t> {
    pub(crate) shape: Shape,
    pub(crate) order: Order,
    pub(crate) gender: Option<Gender>,
    /// As written, with the space behind it.
    pub(crate) titles: &'t str,
    /// As written: `'s`.
    pub(crate) possessive: &'t str,
    pub(crate) given: Vec<String>,
    /// Without particles.
    pub(crate) surname: Vec<String>,
}

impl<'t> Name<'t> {
    /// Takes `text` apart. O(n).
    pub(crate) fn parse(text: &'t str) -> Self {
        let (body, possessive) = split_possessive(text);
        let (titles, body) = split_titles(body);
        let mut name = Name {
            shape: Shape::Other,
            order: Order::GivenFirst,
            gender: gender(titles),
            titles,
            possessive,
            given: Vec::new(),
            surname: Vec::new(),
        };
        if text.len() > MAX_NAME {
            return name;
        }
        if let Some((before, after)) = body.split_once(',') {
            let after = split_titles(after.trim_start()).1;
            let given = words(after);
            let is_suffix = given.iter().all(|w| SUFFIXES.contains(&fold(w).as_str()));
            if !is_suffix && !before.trim().is_empty() {
                name.order = Order::Comma;
                name.given = given.iter().map(|w| fold(w)).collect();
                name.surname = core(&words(before));
                return name.with_shape(false);
            }
            return name.arranged(&words(if before.trim().is_empty() { after } else { before }));
        }
        name.arranged(&words(body))
    }

    fn arranged(mut self, words: &[&str]) -> Self {
        let folded: Vec<String> = words.iter().map(|w| fold(w)).collect();
        let is_capitals = |word: &&str| {
            word.chars().filter(|c| c.is_alphabetic()).count() > 1
                && word.chars().all(|c| !c.is_lowercase())
                && !is_initial(word)
        };
        let capitals = words.iter().take_while(|w| is_capitals(w)).count();
        let starts_surname = |(index, word): (usize, &String)| {
            let is_small = words
                .get(index)
                .is_some_and(|w| w.chars().all(|c| !c.is_uppercase()));
            let is_sure = !DOUBTFUL_PARTICLES.contains(&word.as_str())
                || (is_small && words.iter().any(|w| w.chars().any(char::is_uppercase)));
            PARTICLES.contains(&word.as_str()) && is_sure && index + 1 < words.len()
        };
        let particle = folded.iter().enumerate().position(starts_surname);
        let split = match particle {
            _ if words.len() == 1 => {
                let is_given = GIVEN_NAME_TITLES.contains(&fold(self.titles.trim()).as_str());
                self.shape = match (self.titles.is_empty(), is_given) {
                    (true, _) => Shape::Single,
                    (false, true) => Shape::First,
                    (false, false) => Shape::Last,
                };
                if self.shape == Shape::First { 1 } else { 0 }
            }
            _ if capitals > 0 && capitals < words.len() && !words.iter().skip(capitals).any(is_capitals) => {
                self.order = Order::CapitalsFirst;
                let (surname, given) = words.split_at_checked(capitals).unwrap_or((words, &[]));
                self.given = given.iter().map(|w| fold(w)).collect();
                self.surname = core(surname);
                return self.with_shape(false);
            }
            Some(index) => index,
            None => words.len().saturating_sub(1),
        };
        let (given, surname) = words.split_at_checked(split).unwrap_or((words, &[]));
        self.given = given.iter().map(|w| fold(w)).collect();
        self.surname = core(surname);
        self.with_shape(words.len() == 1)
    }

    fn with_shape(mut self, is_known: bool) -> Self {
        if !is_known {
            let is_abbreviated = self.given.iter().all(|g| g.chars().count() == 1 || g.is_empty());
            self.shape = match (self.given.is_empty(), self.surname.is_empty()) {
                (true, true) => Shape::Other,
                (true, false) => Shape::Last,
                (false, true) => Shape::First,
                (false, false) if is_abbreviated => Shape::Initial,
                (false, false) => Shape::Full,
            };
        }
        if self.surname.iter().chain(&self.given).all(String::is_empty) {
            self.shape = Shape::Other;
        }
        self
    }

    /// First given name.
    pub(crate) fn first(&self) -> &str {
        self.given.first().map_or("", String::as_str)
    }

    /// The surname as one key.
    pub(crate) fn last(&self) -> String {
        self.surname.join(" ")
    }

    /// Other words by which the surname may be called: its single words, halves of a hyphenated one, and middle names,
    /// of which the last is often a first surname (Spanish, Portuguese).
    pub(crate) fn other_surnames(&self) -> impl Iterator<Item = &str> {
        let middle = self.given.iter().skip(1).filter(|g| g.chars().count() > 1);
        let words = self.surname.iter().filter(|_| self.surname.len() > 1);
        let halves = self
            .surname
            .iter()
            .filter(|s| s.contains('-'))
            .flat_map(|s| s.split('-'));
        middle.chain(words).map(String::as_str).chain(halves).take(8)
    }

    /// Given names and surname in one fixed order: the same for `Lopez, Maria` and `MARIA LOPEZ`.
    pub(crate) fn canonical(&self) -> String {
        let words: Vec<&str> = self
            .given
            .iter()
            .chain(&self.surname)
            .map(String::as_str)
            .collect();
        words.join(" ")
    }
}

/// Lower case, without accents, dots and other marks around it.
pub(crate) fn fold(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    if word.is_ascii() {
        let kept = word
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '\''));
        out.extend(kept.map(|c| c.to_ascii_lowercase()));
        return out;
    }
    for c in word.chars().flat_map(char::to_lowercase) {
        match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' => out.push('a'),
            'æ' => out.push_str("ae"),
            'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => out.push('c'),
            'ð' | 'ď' | 'đ' => out.push('d'),
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => out.push('e'),
            'ĝ' | 'ğ' | 'ġ' | 'ģ' => out.push('g'),
            'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => out.push('i'),
            'ĺ' | 'ļ' | 'ľ' | 'ł' => out.push('l'),
            'ñ' | 'ń' | 'ņ' | 'ň' => out.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => out.push('o'),
            'œ' => out.push_str("oe"),
            'ŕ' | 'ŗ' | 'ř' => out.push('r'),
            'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => out.push('s'),
            'ß' => out.push_str("ss"),
            'ţ' | 'ť' | 'ț' => out.push('t'),
            'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => out.push('u'),
            'ý' | 'ÿ' => out.push('y'),
            'ź' | 'ż' | 'ž' => out.push('z'),
            '’' | '\'' | 'ʼ' => out.push('\''),
            '-' | '\u{2010}' | '\u{2011}' => out.push('-'),
            // Combining accents.
            '\u{300}'..='\u{36f}' => {}
            c if c.is_alphanumeric() => out.push(c),
            c if !c.is_ascii() && !c.is_whitespace() => out.push(c),
            _ => {}
        }
    }
    out
}

/// The words of a name, without the suffixes at its end.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split_whitespace().filter(|w| !fold(w).is_empty()).collect();
    while words.len() > 1 && words.last().is_some_and(|w| SUFFIXES.contains(&fold(w).as_str())) {
        words.pop();
    }
    words
}

/// Folded words of a surname without particles; all of them if nothing else is left.
fn core(words: &[&str]) -> Vec<String> {
    let folded: Vec<String> = words.iter().map(|w| fold(w)).collect();
    let named: Vec<String> = folded
        .iter()
        .filter(|w| !PARTICLES.contains(&w.as_str()))
        .map(|w| {
            let bare = ["al-", "el-", "d'", "l'"]
                .iter()
                .find_map(|prefix| w.strip_prefix(prefix));
            bare.filter(|b| !b.is_empty()).unwrap_or(w).to_owned()
        })
        .collect();
    if named.is_empty() { folded } else { named }
}

fn is_initial(word: &str) -> bool {
    word.chars().filter(|c| c.is_alphabetic()).count() == 1 || word.matches('.').count() > 1
}

fn split_possessive(text: &str) -> (&str, &str) {
    for ending in ["'s", "’s", "'S", "’S"] {
        if let Some(body) = text.strip_suffix(ending).filter(|b| !b.is_empty()) {
            return text.split_at_checked(body.len()).unwrap_or((text, ""));
        }
    }
    for ending in ["s'", "s’", "S'", "S’"] {
        if text.ends_with(ending) {
            let at = text.char_indices().next_back().map_or(text.len(), |(at, _)| at);
            return text.split_at_checked(at).unwrap_or((text, ""));
        }
    }
    (text, "")
}

fn gender(titles: &str) -> Option<Gender> {
    titles.split_whitespace().find_map(|title| {
        let title = fold(title);
        if FEMALE_TITLES.contains(&title.as_str()) {
            Some(Gender::Female)
        } else if MALE_TITLES.contains(&title.as_str()) {
            Some(Gender::Male)
        } else {
            None
        }
    })
}

/// Splits off titles, as long as a word follows.
fn split_titles(text: &str) -> (&str, &str) {
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let word_end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(word_end).unwrap_or((rest, ""));
        let next = after.trim_start();
        if next.is_empty() || !TITLES.contains(&fold(word).as_str()) {
            break;
        }
        at = text.len() - next.len();
    }
    text.split_at_checked(at).unwrap_or(("", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_with_a_gender_are_titles() {
        assert!(
            MALE_TITLES
                .iter()
                .chain(FEMALE_TITLES)
                .all(|t| TITLES.contains(t))
        );
        assert!(!MALE_TITLES.iter().any(|t| FEMALE_TITLES.contains(t)));
    }

    #[test]
    fn names_are_taken_apart() {
        for (text, shape, given, surname) in [
            ("Maria Lopez", Shape::Full, "maria", "lopez"),
            ("MARIA LÓPEZ", Shape::Full, "maria", "lopez"),
            ("LOPEZ, Maria", Shape::Full, "maria", "lopez"),
            ("Lopez, Dr. Maria", Shape::Full, "maria", "lopez"),
            ("LOPEZ Maria", Shape::Full, "maria", "lopez"),
            ("Dr. Maria Lopez, PhD", Shape::Full, "maria", "lopez"),
            ("Maria E. Lopez Jr.", Shape::Full, "maria e", "lopez"),
            ("M. Lopez", Shape::Initial, "m", "lopez"),
            ("Ms Lopez", Shape::Last, "", "lopez"),
            ("Frau Dr. Müller", Shape::Last, "", "muller"),
            ("Sir Paul", Shape::First, "paul", ""),
            ("Maria", Shape::Single, "", "maria"),
            ("Maria's", Shape::Single, "", "maria"),
            ("Mr Jones’", Shape::Last, "", "jones"),
            ("Vincent van Gogh", Shape::Full, "vincent", "gogh"),
            ("Van Gogh", Shape::Last, "", "gogh"),
            ("Ludwig van der Rohe", Shape::Full, "ludwig", "rohe"),
            ("Salma bint Yusuf al-Rashid", Shape::Full, "salma", "yusuf rashid"),
            ("Al Gore", Shape::Full, "al", "gore"),
            ("Ana García-Lorca", Shape::Full, "ana", "garcia-lorca"),
            ("Charles d'Artagnan", Shape::Full, "charles", "artagnan"),
            ("王小明", Shape::Single, "", "王小明"),
            ("Лев Толстой", Shape::Full, "лев", "толстой"),
            ("", Shape::Other, "", ""),
            ("...", Shape::Other, "", ""),
        ] {
            let name = Name::parse(text);
            assert_eq!(
                (
                    name.shape.clone(),
                    name.given.join(" ").as_str(),
                    name.last().as_str()
                ),
                (shape, given, surname),
                "{text}"
            );
        }
    }
}
