//! What is known of each token before the network is asked.

use privet_inference::token::{Kind, Token};

use super::lexicon::{Cue, Entry, entry};

/// How a word is written, and in which script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Case {
    /// No word: a sign, a number, a line break.
    #[default]
    None,
    /// `Anna`.
    Capital,
    /// `ANNA`.
    Upper,
    /// `A`.
    Initial,
    /// `anna`.
    Lower,
    /// `iPhone`, `OpenSsl`: capitals inside.
    Mixed,
    /// A script without capitals, such as Arabic or Devanagari.
    Plain,
    /// Han, Kana: without capitals and without spaces.
    Unspaced,
}

/// What is known of a token.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fact {
    pub(super) case: Case,
    pub(super) entry: Entry,
    /// Of a single Han character: what it is as a word of its own.
    pub(super) alone: Entry,
    /// A line break.
    pub(super) is_break: bool,
    /// The character of a sign; 0 for other tokens.
    pub(super) sign: char,
    /// Whether there is white space before it.
    pub(super) is_spaced: bool,
    /// A word with a digit.
    pub(super) has_digit: bool,
}

impl Fact {
    /// 0 no name known, 1 perhaps a name, 2 given name, 3 surname, 4 both.
    pub(super) const fn name(self) -> usize {
        match (self.entry.is_given(), self.entry.is_surname()) {
            (true, true) => 4,
            (true, false) => 2,
            (false, true) => 3,
            (false, false) => self.entry.is_some_name() as usize,
        }
    }

    /// How much stands for a name when both lists are taken together: 0 a common word, 1 both a name and a common
    /// word, 2 a name, 3 perhaps a name, 4 unknown.
    pub(super) const fn strength(self) -> usize {
        match (self.name(), self.entry.common()) {
            (2.., 2..) => 1,
            (2.., _) => 2,
            (_, 2..) => 0,
            (1, _) => 3,
            _ => 4,
        }
    }

    /// Whether it could be part of a name by its look.
    pub(super) const fn is_namelike(self) -> bool {
        matches!(self.case, Case::Capital | Case::Upper | Case::Initial)
            || self.name() >= 2 && self.entry.common() < 2
    }

    pub(super) fn is_cue(self, cue: Cue) -> bool {
        self.entry.cue() == Some(cue)
    }

    pub(super) fn is_word(self) -> bool {
        self.case != Case::None
    }
}

/// Longest word of Han and Kana that is looked up, in characters.
const LONGEST_UNSPACED: usize = 4;

/// The facts of `tokens`. O(n).
pub(super) fn facts(text: &str, tokens: &[Token]) -> Vec<Fact> {
    let mut facts: Vec<Fact> = tokens.iter().map(|token| fact(text, token)).collect();
    for first in 0..tokens.len() {
        if tokens.get(first).is_some_and(|t| t.kind == Kind::Glyph) {
            unspaced(text, tokens, first, &mut facts);
        }
    }
    facts
}

fn fact(text: &str, token: &Token) -> Fact {
    let word = text.get(token.start..token.end).unwrap_or_default();
    let mut fact = Fact {
        is_spaced: token.is_spaced,
        ..Fact::default()
    };
    match token.kind {
        Kind::Break => fact.is_break = true,
        Kind::Sign => fact.sign = word.chars().next().unwrap_or_default(),
        Kind::Glyph => {
            fact.case = Case::Unspaced;
            fact.alone = entry(word);
            if word.chars().nth(1).is_some() {
                fact.entry = fact.alone;
            }
        }
        Kind::Word => {
            fact.has_digit = word.contains(char::is_numeric);
            if !fact.has_digit {
                fact.case = case(word);
                fact.entry = entry(word);
                if fact.name() == 0 && fact.entry.common() < 2 && fact.entry.cue().is_none() {
                    let more = match arabic_stem(word) {
                        Some(stem) => entry(stem).names(),
                        None => by_ending(word, fact.case),
                    };
                    fact.entry = fact.entry.joined(more);
                }
            }
        }
    }
    fact
}

fn case(word: &str) -> Case {
    let mut chars = word.chars();
    let Some(first) = chars.next() else {
        return Case::None;
    };
    if !first.is_uppercase() && !first.is_lowercase() {
        return Case::Plain;
    }
    let (mut upper, mut lower) = (0, 0);
    for c in chars {
        upper += usize::from(c.is_uppercase());
        lower += usize::from(c.is_lowercase());
    }
    match (first.is_uppercase(), upper, lower) {
        (true, 0, 0) => Case::Initial,
        (true, _, 0) => Case::Upper,
        (true, 0, _) => Case::Capital,
        (false, 0, _) => Case::Lower,
        _ => Case::Mixed,
    }
}

/// Endings of patronymics, which nothing but names has.
const PATRONYMICS: &[&str] = &[
    "ович",
    "евич",
    "овича",
    "евича",
    "овичу",
    "евичу",
    "овичем",
    "евичем",
    "овна",
    "евна",
    "овны",
    "евны",
    "овне",
    "евне",
    "овну",
    "евну",
    "овной",
    "евной",
];
/// Endings that many surnames and few other words have.
const SURNAMES: &[&str] = &[
    "ский",
    "ская",
    "ского",
    "скому",
    "ским",
    "ской",
    "енко",
    "ян",
    "швили",
    "дзе",
    "ов",
    "ова",
    "ову",
    "овой",
    "овым",
    "ев",
    "ева",
    "еву",
    "евой",
    "евым",
    "ин",
    "ина",
    "ину",
    "иной",
    "иным",
    "чук",
    "ski",
    "ska",
    "skiego",
    "skiemu",
    "skim",
    "skiej",
    "ską",
    "cki",
    "cka",
    "ckiego",
    "ckiej",
    "cką",
    "wicz",
    "wicza",
    "wiczowi",
    "wiczem",
    "czyk",
    "czyka",
    "czykiem",
    "ević",
    "ović",
    "sson",
    "oğlu",
    "sdóttir",
    "enko",
    "idis",
    "opoulos",
    "shvili",
];

/// What the ending of a capitalised word shows.
fn by_ending(word: &str, case: Case) -> Entry {
    if !matches!(case, Case::Capital) || word.len() < 6 {
        return Entry::default();
    }
    let ends = |list: &[&str]| list.iter().any(|e| word.ends_with(e));
    if ends(PATRONYMICS) {
        Entry::by_ending(true)
    } else if ends(SURNAMES) {
        Entry::by_ending(false)
    } else {
        Entry::default()
    }
}

/// An Arabic word without the conjunction or preposition that is written together with it.
fn arabic_stem(word: &str) -> Option<&str> {
    let rest = word.strip_prefix(['و', 'ل', 'ب', 'ك', 'ف'])?;
    (rest.chars().nth(2).is_some()).then_some(rest)
}

/// Looks up the words of Han and Kana that begin at `first`.
fn unspaced(text: &str, tokens: &[Token], first: usize, facts: &mut [Fact]) {
    let Some(start) = tokens.get(first).map(|t| t.start) else {
        return;
    };
    for (length, token) in tokens.iter().skip(first).take(LONGEST_UNSPACED).enumerate() {
        if token.kind != Kind::Glyph || length > 0 && token.is_spaced {
            break;
        }
        let known = entry(text.get(start..token.end).unwrap_or_default());
        if known == Entry::default() {
            continue;
        }
        for fact in facts.iter_mut().skip(first).take(length + 1) {
            if length > 0 {
                fact.entry = fact.entry.joined(known);
            }
        }
        // A cue is noted where it begins.
        if known.cue().is_some()
            && let Some(fact) = facts.get_mut(first)
        {
            fact.entry = known.joined(fact.entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use privet_inference::token::tokenize;

    use super::*;

    fn of(text: &str) -> Vec<Fact> {
        facts(text, &tokenize(text))
    }

    #[test]
    fn the_way_of_writing_is_seen() {
        let cases: Vec<_> = of("Anna ANNA A anna iPhone محمد 田 12 .")
            .iter()
            .map(|f| f.case)
            .collect();
        assert_eq!(
            cases,
            [
                Case::Capital,
                Case::Upper,
                Case::Initial,
                Case::Lower,
                Case::Mixed,
                Case::Plain,
                Case::Unspaced,
                Case::None,
                Case::None
            ]
        );
    }

    #[test]
    fn words_without_spaces_are_found_in_their_run() {
        let facts = of("田中様");
        assert!(facts[0].entry.is_surname() && facts[1].entry.is_surname());
        assert!(facts[2].is_cue(Cue::After));
    }
}
