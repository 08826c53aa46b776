//! Measures findings against a gold set: what was found, what was missed, what was found in vain, how honest the scores
//! are.
//!
//! Definitions. A finding is *exactly* right if a gold span of the same kind has the same start and end. A finding
//! *overlaps* if it shares at least one character with a gold span of the same kind; precision is the share of findings
//! that do, recall the share of gold spans that are touched so. *Characters* are counted whatever the kind: recall is the
//! share of gold characters under some finding, precision the share of characters under findings that are gold. A gold
//! character under no finding is *leaked*. Kinds are compared after a [`KindMap`] is applied to both sides.

mod gold;
mod interval;
mod reliability;

use std::collections::{BTreeMap, BTreeSet};

use privet_types::Span;
use serde::Serialize;

pub use gold::{GoldDocument, GoldError, GoldFormat, gold, predictions};
pub use interval::{Rate, Scores, wilson};
pub use reliability::{Bin, Reliability};

/// A span that somebody marked, and the kind it is said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The kind; gold sets may have kinds that Privet does not know.
    pub kind: String,
    /// Bytes of the text, on character bounds.
    pub span: Span,
}

/// A span that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// The kind.
    pub kind: String,
    /// Bytes of the text, on character bounds.
    pub span: Span,
    /// How sure, 0.0 ..= 1.0.
    pub score: f32,
}

/// Kinds that count as another one, as in `GPE=LOCATION`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KindMap(BTreeMap<String, String>);

impl KindMap {
    /// Counts `from` as `to`.
    pub fn insert(&mut self, from: &str, to: &str) {
        self.0.insert(from.to_owned(), to.to_owned());
    }

    /// What `kind` counts as.
    #[must_use]
    pub fn of<'k>(&'k self, kind: &'k str) -> &'k str {
        self.0.get(kind).map_or(kind, String::as_str)
    }
}

/// What became of one gold span or one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Same kind, start and end.
    Exact,
    /// Same kind, at least one character shared.
    Overlap,
    /// Only characters shared, the kind is another one.
    OtherKind,
    /// Nothing shared: a gold span was missed, or a finding is in vain.
    Alone,
}

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentOutcome {
    /// In the order of the gold spans given.
    pub gold: Vec<Outcome>,
    /// In the order of the findings given.
    pub found: Vec<Outcome>,
    /// Gold characters under no finding.
    pub leaked: u64,
}

/// Counts of one kind, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Gold spans.
    pub gold: u64,
    /// Findings.
    pub found: u64,
    /// Gold spans, equally findings, that match exactly.
    pub exact: u64,
    /// Gold spans that share a character with a finding of their kind.
    pub gold_touched: u64,
    /// Findings that share a character with a gold span of their kind.
    pub found_touching: u64,
    /// Gold characters (Unicode scalar values).
    pub characters: u64,
    /// Gold characters under no finding.
    pub leaked: u64,
}

impl Counts {
    /// Precision and recall of exact matches.
    #[must_use]
    pub const fn exact(&self) -> Scores {
        Scores {
            precision: Rate::new(self.exact, self.found),
            recall: Rate::new(self.exact, self.gold),
        }
    }

    /// Precision and recall by overlap.
    #[must_use]
    pub const fn overlap(&self) -> Scores {
        Scores {
            precision: Rate::new(self.found_touching, self.found),
            recall: Rate::new(self.gold_touched, self.gold),
        }
    }

    fn add(&mut self, other: &Self) {
        self.gold += other.gold;
        self.found += other.found;
        self.exact += other.exact;
        self.gold_touched += other.gold_touched;
        self.found_touching += other.found_touching;
        self.characters += other.characters;
        self.leaked += other.leaked;
    }
}

/// A gold kind and the kind found in its place; empty for nothing.
pub type Confusion = BTreeMap<(String, String), u64>;

/// Sums over the documents of a gold set.
///
/// ```
/// use std::collections::BTreeSet;
/// use privet_pii::eval::{Evaluation, Guess, Labelled};
/// use privet_types::Span;
/// let mut evaluation = Evaluation::new(BTreeSet::from(["PERSON".to_owned()]));
/// let gold = [Labelled { kind: "PERSON".to_owned(), span: Span::new(0, 12) }];
/// let found = [Guess { kind: "PERSON".to_owned(), span: Span::new(4, 12), score: 0.9 }];
/// evaluation.add("Ada Lovelace wrote", &gold, &found);
/// let total = evaluation.total();
/// assert_eq!((total.overlap().f1(), total.exact().f1()), (Some(1.0), Some(0.0)));
/// assert_eq!((total.characters, total.leaked), (12, 4));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    kinds: BTreeSet<String>,
    documents: u64,
    counts: BTreeMap<String, Counts>,
    confusion: Confusion,
    reliability: Reliability,
    /// Characters under findings, and those of them that are gold.
    precise: Rate,
    /// Gold characters of any kind (each once), and those under findings.
    covered: Rate,
    left_out: BTreeMap<String, u64>,
}

impl Evaluation {
    /// An evaluation of `kinds`, as they are after mapping. Gold spans and findings of other kinds are left out.
    #[must_use]
    pub fn new(kinds: BTreeSet<String>) -> Self {
        Self {
            kinds,
            ..Self::default()
        }
    }

    /// Counts one document, kinds mapped; spans lie in `text`. Findings may overlap, as those of other programs do: a
    /// character under several counts once. O(n log n) where few overlap.
    pub fn add(&mut self, text: &str, gold: &[Labelled], found: &[Guess]) -> DocumentOutcome {
        self.documents += 1;
        let mut gold_outcomes = vec![Outcome::Alone; gold.len()];
        let mut found_outcomes = vec![Outcome::Alone; found.len()];
        let of_kinds = found
            .iter()
            .enumerate()
            .filter(|(_, g)| self.kinds.contains(&g.kind));
        let counted = Sorted::new(of_kinds.collect());
        for guess in found.iter().filter(|g| !self.kinds.contains(&g.kind)) {
            *self.left_out.entry(guess.kind.clone()).or_default() += 1;
        }
        let mut intervals = Vec::new();
        for (labelled, outcome) in gold.iter().zip(&mut gold_outcomes) {
            if !self.kinds.contains(&labelled.kind) {
                continue;
            }
            intervals.push(labelled.span);
            *outcome = self.add_gold(text, labelled, &counted, &mut found_outcomes);
        }
        for (index, guess) in &counted.guesses {
            let outcome = found_outcomes.get(*index).copied().unwrap_or(Outcome::Alone);
            self.add_guess(guess, outcome);
        }
        let leaked = self.add_characters(text, intervals, &counted);
        DocumentOutcome {
            gold: gold_outcomes,
            found: found_outcomes,
            leaked,
        }
    }

    fn add_gold(
        &mut self,
        text: &str,
        labelled: &Labelled,
        counted: &Sorted<'_>,
        found_outcomes: &mut [Outcome],
    ) -> Outcome {
        let mut outcome = Outcome::Alone;
        let mut uncovered = characters(text, labelled.span);
        let total = uncovered;
        let mut best: Option<(u64, &str)> = None;
        let mut covered_to = labelled.span.start;
        for (index, guess) in counted.touching(labelled.span) {
            let common = shared(labelled.span, guess.span);
            let fresh = Span::new(common.start.max(covered_to), common.end);
            uncovered = uncovered.saturating_sub(characters(text, fresh));
            covered_to = covered_to.max(common.end);
            let shared = characters(text, common);
            if best.is_none_or(|(most, _)| shared > most) {
                best = Some((shared, &guess.kind));
            }
            let here = match (guess.kind == labelled.kind, guess.span == labelled.span) {
                (true, true) => Outcome::Exact,
                (true, false) => Outcome::Overlap,
                (false, _) => Outcome::OtherKind,
            };
            outcome = better(outcome, here);
            if let Some(known) = found_outcomes.get_mut(*index) {
                *known = better(*known, here);
            }
        }
        let found = best.map_or("", |(_, kind)| kind);
        *self
            .confusion
            .entry((labelled.kind.clone(), found.to_owned()))
            .or_default() += 1;
        let counts = self.counts.entry(labelled.kind.clone()).or_default();
        counts.gold += 1;
        counts.exact += u64::from(outcome == Outcome::Exact);
        counts.gold_touched += u64::from(matches!(outcome, Outcome::Exact | Outcome::Overlap));
        counts.characters += total;
        counts.leaked += uncovered;
        outcome
    }

    fn add_guess(&mut self, guess: &Guess, outcome: Outcome) {
        let is_right = matches!(outcome, Outcome::Exact | Outcome::Overlap);
        let counts = self.counts.entry(guess.kind.clone()).or_default();
        counts.found += 1;
        counts.found_touching += u64::from(is_right);
        self.reliability.add(guess.score, is_right);
        if outcome == Outcome::Alone {
            *self
                .confusion
                .entry((String::new(), guess.kind.clone()))
                .or_default() += 1;
        }
    }

    /// Counts characters of any kind; returns how many are leaked.
    fn add_characters(&mut self, text: &str, mut gold: Vec<Span>, counted: &Sorted<'_>) -> u64 {
        let found = counted.union();
        gold.sort_unstable();
        let mut end = 0;
        let mut total = 0;
        let mut hit = 0;
        for span in gold {
            let fresh = Span::new(span.start.max(end), span.end);
            end = end.max(span.end);
            total += characters(text, fresh);
            let first = found.partition_point(|under| under.end <= fresh.start);
            let touching = found.get(first..).unwrap_or_default().iter();
            hit += touching
                .take_while(|under| under.start < fresh.end)
                .map(|under| characters(text, shared(fresh, *under)))
                .sum::<u64>();
        }
        let under: u64 = found.iter().map(|under| characters(text, *under)).sum();
        self.covered = Rate::new(self.covered.hits + hit, self.covered.of + total);
        self.precise = Rate::new(self.precise.hits + hit, self.precise.of + under);
        total - hit
    }

    /// The kinds that are evaluated.
    #[must_use]
    pub const fn kinds(&self) -> &BTreeSet<String> {
        &self.kinds
    }

    /// Documents counted.
    #[must_use]
    pub const fn documents(&self) -> u64 {
        self.documents
    }

    /// Counts by kind.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<String, Counts> {
        &self.counts
    }

    /// Counts of all kinds together (micro average). Its characters count once for every gold span that has them.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.counts.values().fold(Counts::default(), |mut sum, counts| {
            sum.add(counts);
            sum
        })
    }

    /// Precision and recall of characters, whatever the kind.
    #[must_use]
    pub const fn characters(&self) -> Scores {
        Scores {
            precision: self.precise,
            recall: self.covered,
        }
    }

    /// What was found in place of what: for each gold span the kind of the finding that shares most characters with it,
    /// and each finding that shares none with any.
    #[must_use]
    pub const fn confusion(&self) -> &Confusion {
        &self.confusion
    }

    /// How often findings of a score are right.
    #[must_use]
    pub const fn reliability(&self) -> &Reliability {
        &self.reliability
    }

    /// Findings of kinds that are not evaluated, by kind.
    #[must_use]
    pub const fn left_out(&self) -> &BTreeMap<String, u64> {
        &self.left_out
    }
}

/// Findings by where they begin, with their places among all.
struct Sorted<'g> {
    guesses: Vec<(usize, &'g Guess)>,
    /// How far each and those before it reach. INVARIANT: rising, and as long as `guesses`.
    reach: Vec<usize>,
}

impl<'g> Sorted<'g> {
    fn new(mut guesses: Vec<(usize, &'g Guess)>) -> Self {
        guesses.sort_by_key(|(_, guess)| guess.span);
        let mut end = 0;
        let reach = guesses
            .iter()
            .map(|(_, guess)| {
                end = end.max(guess.span.end);
                end
            })
            .collect();
        Self { guesses, reach }
    }

    /// Those that share a byte with `span`.
    fn touching(&self, span: Span) -> impl Iterator<Item = &(usize, &'g Guess)> {
        let first = self.reach.partition_point(|end| *end <= span.start);
        let rest = self.guesses.get(first..).unwrap_or_default().iter();
        rest.take_while(move |(_, guess)| guess.span.start < span.end)
            .filter(move |(_, guess)| guess.span.end > span.start)
    }

    /// What they cover, sorted and disjoint.
    fn union(&self) -> Vec<Span> {
        let mut union: Vec<Span> = Vec::with_capacity(self.guesses.len());
        for (_, guess) in &self.guesses {
            match union.last_mut() {
                Some(last) if guess.span.start < last.end => last.end = last.end.max(guess.span.end),
                _ => union.push(guess.span),
            }
        }
        union
    }
}

fn shared(a: Span, b: Span) -> Span {
    Span::new(a.start.max(b.start), a.end.min(b.end))
}

fn characters(text: &str, span: Span) -> u64 {
    span.of(text).unwrap_or_default().chars().count() as u64
}

const fn better(a: Outcome, b: Outcome) -> Outcome {
    if (b as u8) < (a as u8) { b } else { a }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labelled(kind: &str, start: usize, end: usize) -> Labelled {
        Labelled {
            kind: kind.to_owned(),
            span: Span::new(start, end),
        }
    }

    fn guess(kind: &str, start: usize, end: usize, score: f32) -> Guess {
        Guess {
            kind: kind.to_owned(),
            span: Span::new(start, end),
            score,
        }
    }

    fn all() -> Evaluation {
        Evaluation::new(["A", "B"].map(str::to_owned).into())
    }

    #[test]
    fn every_outcome_is_counted_where_it_belongs() {
        let mut evaluation = all();
        let gold = [
            labelled("A", 0, 4),
            labelled("A", 5, 9),
            labelled("B", 10, 14),
            labelled("B", 15, 19),
            labelled("C", 30, 34),
        ];
        let found = [
            guess("A", 0, 4, 1.0),
            guess("A", 7, 12, 0.5),
            guess("A", 20, 22, 0.4),
            guess("D", 30, 34, 0.4),
        ];
        let outcome = evaluation.add(&"x".repeat(40), &gold, &found);
        assert_eq!(
            outcome.gold,
            [
                Outcome::Exact,
                Outcome::Overlap,
                Outcome::OtherKind,
                Outcome::Alone,
                Outcome::Alone
            ]
        );
        assert_eq!(
            outcome.found,
            [Outcome::Exact, Outcome::Overlap, Outcome::Alone, Outcome::Alone]
        );
        // 16 gold characters of A and B; 0..4, 7..9 and 10..12 are covered.
        assert_eq!(outcome.leaked, 8);
        let a = evaluation.counts()["A"];
        assert_eq!(
            (a.gold, a.found, a.exact, a.gold_touched, a.found_touching),
            (2, 3, 1, 2, 2)
        );
        let b = evaluation.counts()["B"];
        assert_eq!((b.gold, b.found, b.leaked), (2, 0, 6));
        let characters = evaluation.characters();
        assert_eq!((characters.recall.hits, characters.recall.of), (8, 16));
        assert_eq!((characters.precision.hits, characters.precision.of), (8, 11));
        let cell = |gold: &str, found: &str| evaluation.confusion()[&(gold.to_owned(), found.to_owned())];
        assert_eq!(
            (cell("A", "A"), cell("B", "A"), cell("B", ""), cell("", "A")),
            (2, 1, 1, 1)
        );
        assert_eq!(evaluation.left_out()["D"], 1);
    }

    #[test]
    fn characters_are_counted_as_characters_and_once_where_gold_spans_overlap() {
        let mut evaluation = all();
        let text = "éäöü";
        evaluation.add(
            text,
            &[labelled("A", 0, 6), labelled("B", 2, 8)],
            &[guess("A", 0, 4, 1.0)],
        );
        let characters = evaluation.characters();
        assert_eq!((characters.recall.hits, characters.recall.of), (2, 4));
        assert_eq!(evaluation.total().characters, 6);
    }

    #[test]
    fn a_character_under_several_findings_counts_once() {
        let mut evaluation = all();
        let found = [
            guess("B", 2, 6, 0.5),
            guess("A", 0, 8, 0.5),
            guess("A", 3, 5, 0.5),
            guess("A", 20, 24, 0.5),
        ];
        let outcome = evaluation.add(&"x".repeat(40), &[labelled("A", 4, 10)], &found);
        assert_eq!(outcome.gold, [Outcome::Overlap]);
        assert_eq!(
            outcome.found,
            [
                Outcome::OtherKind,
                Outcome::Overlap,
                Outcome::Overlap,
                Outcome::Alone
            ]
        );
        assert_eq!(outcome.leaked, 2);
        assert_eq!(evaluation.total().leaked, 2);
        let characters = evaluation.characters();
        assert_eq!((characters.recall.hits, characters.recall.of), (4, 6));
        assert_eq!((characters.precision.hits, characters.precision.of), (4, 12));
    }

    #[test]
    fn kinds_are_mapped() {
        let mut map = KindMap::default();
        map.insert("GPE", "LOCATION");
        assert_eq!((map.of("GPE"), map.of("PERSON")), ("LOCATION", "PERSON"));
    }

    fn spans() -> impl Strategy<Value = Vec<(bool, usize, usize)>> {
        prop::collection::vec((any::<bool>(), 0_usize..6, 1_usize..6), 0..8).prop_map(|parts| {
            let mut at = 0;
            parts
                .into_iter()
                .map(|(kind, gap, length)| {
                    let start = at + gap;
                    at = start + length;
                    (kind, start, at)
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn rates_are_ordered_and_what_is_found_of_itself_is_perfect(gold in spans(), found in spans()) {
            let text = "x".repeat(100);
            let kind = |is_a: bool| if is_a { "A" } else { "B" };
            let gold: Vec<_> = gold.iter().map(|(k, s, e)| labelled(kind(*k), *s, *e)).collect();
            let found: Vec<_> = found.iter().map(|(k, s, e)| guess(kind(*k), *s, *e, 0.5)).collect();
            let mut evaluation = all();
            let outcome = evaluation.add(&text, &gold, &found);
            let total = evaluation.total();
            prop_assert!(total.exact <= total.gold_touched && total.gold_touched <= total.gold);
            prop_assert!(total.exact <= total.found_touching && total.found_touching <= total.found);
            prop_assert_eq!(outcome.leaked, total.leaked);
            prop_assert_eq!(evaluation.confusion().values().sum::<u64>() >= total.gold, true);
            let mut perfect = all();
            let same: Vec<_> = gold.iter().map(|g| guess(&g.kind, g.span.start, g.span.end, 0.5)).collect();
            perfect.add(&text, &gold, &same);
            let total = perfect.total();
            prop_assert_eq!((total.exact, total.leaked), (total.gold, 0));
        }
    }
}
