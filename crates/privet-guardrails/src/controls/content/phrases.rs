//! Words and phrases that are not to be said: topics by their words, competitors by their names.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};
use privet_types::{Budget, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::char::decompose_compatible;

use crate::controls::{Action, Control, Error, Filter, Hit, Passed};

/// Letters of a phrase.
const MOST_LETTERS: usize = 128;
/// Phrases of all bans.
const MOST_PHRASES: usize = 100_000;
/// Characters between two words of a phrase.
const MOST_BETWEEN: usize = 16;
/// What stands where something was.
const REMOVED: &str = "(removed)";

/// Words that are not to be said (`[[guardrails.replies.bans]]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ban {
    /// What they are.
    #[serde(default)]
    pub kind: BanKind,
    /// Words and phrases. Case, accents, and what stands between words do not count; a `*` at the end stands for any ending.
    pub phrases: Vec<String>,
    /// What becomes of them.
    #[serde(default = "redact")]
    pub action: Action,
}

const fn redact() -> Action {
    Action::Redact
}

/// What banned words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BanKind {
    /// Words as such.
    #[default]
    Word,
    /// Words that a topic is spoken of in. A weak sign of it: who speaks of it in other words is not noticed.
    Topic,
    /// Names of competitors.
    Competitor,
}

impl BanKind {
    const fn rule(self) -> &'static str {
        match self {
            Self::Word => "bans/word",
            Self::Topic => "bans/topic",
            Self::Competitor => "bans/competitor",
        }
    }
}

/// Phrases, ready to be looked for. Cheap to share.
#[derive(Clone)]
pub struct Phrases(Arc<Known>);

struct Known {
    automaton: NFA,
    bans: Vec<(BanKind, Action, bool)>,
    longest: usize,
}

impl fmt::Debug for Phrases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phrases")
            .field("phrases", &self.0.bans.len())
            .finish_non_exhaustive()
    }
}

impl Phrases {
    /// # Errors
    /// [`Error::Config`] with the place of a phrase without letters, or a long one.
    pub fn new(bans: &[Ban]) -> Result<Self, Error> {
        let (mut patterns, mut kinds) = (Vec::new(), Vec::new());
        for (list, ban) in bans.iter().enumerate() {
            for (index, phrase) in ban.phrases.iter().enumerate() {
                let key = || format!("bans {} phrases {}", list + 1, index + 1);
                let (stem, is_open) = match phrase.strip_suffix('*') {
                    Some(stem) => (stem, true),
                    None => (phrase.as_str(), false),
                };
                let folded = folded(stem);
                let letters = folded.trim();
                if letters.is_empty() || letters.len() > MOST_LETTERS {
                    return Err(Error::config(
                        Control::Bans,
                        key(),
                        "use 1 to 128 letters and digits",
                    ));
                }
                // Scripts without spaces between words have no ends of words to look for.
                let begins = if letters.starts_with(is_unspaced) { "" } else { " " };
                let ends = if is_open || letters.ends_with(is_unspaced) {
                    ""
                } else {
                    " "
                };
                patterns.push(format!("{begins}{letters}{ends}"));
                kinds.push((ban.kind, ban.action, is_open));
            }
        }
        if patterns.len() > MOST_PHRASES {
            return Err(Error::config(
                Control::Bans,
                "bans",
                "use at most 100,000 phrases",
            ));
        }
        let longest = patterns.iter().map(String::len).max().unwrap_or_default();
        let built = NFA::builder().match_kind(MatchKind::Standard).build(&patterns);
        let automaton = built.map_err(|_| Error::config(Control::Bans, "bans", "are too many for memory"))?;
        Ok(Self(Arc::new(Known {
            automaton,
            bans: kinds,
            longest,
        })))
    }

    /// A filter for one reply.
    ///
    /// # Errors
    /// [`Error::Config`] if the automaton cannot begin.
    pub fn filter(&self) -> Result<PhraseFilter, Error> {
        let start = self.0.automaton.start_state(Anchored::No);
        let start = start.map_err(|_| Error::config(Control::Bans, "bans", "cannot be looked for"))?;
        let mut filter = PhraseFilter {
            known: Arc::clone(&self.0),
            start,
            state: start,
            folded: VecDeque::new(),
            between: 0,
            held: String::new(),
            released: 0,
            at: 0,
            cut: None,
            is_open: false,
            is_stopped: false,
        };
        // A text begins where a word may.
        filter.step(b' ', 0);
        Ok(filter)
    }
}

fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A phrase as it is compared: letters and digits in lower case without accents, one space for all between.
fn folded(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let before = out.len();
        fold(c, |c| out.push(c));
        if out.len() == before && !is_mark(c) && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out
}

fn fold(c: char, mut sink: impl FnMut(char)) {
    if c.is_ascii_alphanumeric() {
        return sink(c.to_ascii_lowercase());
    }
    if !c.is_ascii() {
        decompose_compatible(c, |part| {
            if part.is_alphanumeric() {
                part.to_lowercase().for_each(&mut sink);
            }
        });
    }
}

/// What stands in words and counts for nothing.
fn is_mark(c: char) -> bool {
    matches!(c, '\'' | '’' | '\u{300}'..='\u{36f}' | '\u{ad}' | '\u{200b}'..='\u{200d}')
}

/// Looks for [`Phrases`] in a reply. Holds back as much as the longest phrase may take.
pub struct PhraseFilter {
    known: Arc<Known>,
    start: StateID,
    state: StateID,
    /// Where in the reply each of the last compared bytes begins.
    folded: VecDeque<usize>,
    /// Characters since the last word.
    between: usize,
    held: String,
    released: usize,
    at: usize,
    /// What is to be taken out of what is held, and whether it goes on to the end of the word.
    cut: Option<Span>,
    is_open: bool,
    is_stopped: bool,
}

impl PhraseFilter {
    /// Takes one compared byte that comes from `from`; what ends with it, and where that began.
    fn step(&mut self, byte: u8, from: usize) -> Option<(usize, usize)> {
        if self.folded.len() > self.known.longest {
            self.folded.pop_front();
        }
        self.folded.push_back(from);
        self.state = self.known.automaton.next_state(Anchored::No, self.state, byte);
        if !self.known.automaton.is_match(self.state) {
            return None;
        }
        let count = self.known.automaton.match_len(self.state);
        let all = (0..count).map(|index| self.known.automaton.match_pattern(self.state, index));
        let gravest = all
            .map(|id| (id.as_usize(), self.known.automaton.pattern_len(id)))
            .max_by_key(|(id, length)| (self.known.bans.get(*id).map(|ban| ban.1), *length))?;
        let first = self.folded.len().checked_sub(gravest.1)?;
        Some((gravest.0, *self.folded.get(first)?))
    }

    fn character(&mut self, c: char, passed: &mut Passed) {
        let from = self.at;
        let mut found = None;
        let mut bytes = [0; 4];
        let mut is_word = false;
        let mut letters = [None; 8];
        let mut count = 0;
        fold(c, |c| {
            if let Some(place) = letters.get_mut(count) {
                *place = Some(c);
                count += 1;
            }
        });
        for letter in letters.into_iter().flatten() {
            is_word = true;
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                found = self.step(byte, from).or(found);
            }
        }
        self.at += c.len_utf8();
        self.held.push(c);
        if is_word {
            self.between = 0;
        } else if !is_mark(c) {
            self.between += 1;
            if self.between == 1 {
                found = self.step(b' ', from).or(found);
            } else if self.between == MOST_BETWEEN {
                // Too far apart for one phrase; a word may begin.
                self.state = self.start;
                self.step(b' ', from);
            }
        }
        if let Some(cut) = &mut self.cut
            && is_word
            && self.is_open
            && cut.end == from
        {
            cut.end = self.at;
        }
        // The space behind a phrase stays.
        let end = if is_word { self.at } else { from };
        self.settle(found.map(|(id, start)| (id, start, end)), passed);
    }

    fn settle(&mut self, found: Option<(usize, usize, usize)>, passed: &mut Passed) {
        if let Some((id, start, end)) = found
            && let Some((kind, action, is_open)) = self.known.bans.get(id).copied()
        {
            let start = self.word_start(start);
            passed.hit(Hit::new(
                Control::Bans,
                kind.rule(),
                Span::new(start, end),
                action,
            ));
            if action.stops() {
                self.release(start, passed);
                self.is_stopped = true;
                return;
            }
            if action == Action::Redact {
                if let Some(before) = self.cut.filter(|cut| cut.end <= start) {
                    self.release(before.end, passed);
                }
                let start = self.cut.map_or(start, |cut| cut.start.min(start));
                self.cut = Some(Span::new(start, end));
                self.is_open = is_open;
            }
        }
        // What a phrase may still begin in stays.
        let needed = match self.folded.front() {
            Some(first) if self.folded.len() > self.known.longest => *first,
            _ => 0,
        };
        let free = if self.between >= MOST_BETWEEN {
            self.at
        } else {
            needed
        };
        if free > self.released {
            self.release(free, passed);
        }
    }

    /// The first character of a word at or behind `from`, at which the blank before a phrase stands.
    fn word_start(&self, from: usize) -> usize {
        let from = from.max(self.released);
        let Some(rest) = from.checked_sub(self.released).and_then(|at| self.held.get(at..)) else {
            return from;
        };
        let is_letter = |c: char| {
            let mut is_letter = false;
            fold(c, |_| is_letter = true);
            is_letter
        };
        rest.find(is_letter).map_or(from, |at| from + at)
    }

    /// Lets everything before `to` go, but for what is taken out.
    fn release(&mut self, to: usize, passed: &mut Passed) {
        if let Some(cut) = self.cut {
            if cut.end > to && cut.start < to {
                return self.release(cut.start, passed);
            }
            if cut.end <= to {
                self.let_go(cut.start, passed);
                let length = cut.end.saturating_sub(self.released).min(self.held.len());
                self.held.drain(..length);
                self.released += length;
                passed.text.push_str(REMOVED);
                self.cut = None;
            }
        }
        self.let_go(to, passed);
    }

    fn let_go(&mut self, to: usize, passed: &mut Passed) {
        let length = to.saturating_sub(self.released).min(self.held.len());
        passed.text.extend(self.held.drain(..length));
        self.released += length;
    }
}

impl Filter for PhraseFilter {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        budget.charge(2 * piece.len() as u64)?;
        for c in piece.chars() {
            if self.is_stopped {
                break;
            }
            self.character(c, passed);
        }
        Ok(())
    }

    fn finish(&mut self, passed: &mut Passed, _: &Budget) -> Result<(), Error> {
        if self.is_stopped {
            return Ok(());
        }
        if self.between == 0 {
            let (at, found) = (self.at, self.step(b' ', self.at));
            self.settle(found.map(|(id, start)| (id, start, at)), passed);
        }
        if !self.is_stopped {
            self.release(self.at, passed);
        }
        Ok(())
    }
}
