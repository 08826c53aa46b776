//! Trying a prompt: what was written, what a provider would see, what would come back, and which rule decided.

use std::collections::BTreeSet;

use askama::Template;
use privet_types::Span;

use crate::Frame;

/// A text to try, and what became of it.
#[derive(Clone, PartialEq, Eq, Template)]
#[template(path = "try_prompt.html")]
pub struct TryPage {
    /// What stands round it.
    pub frame: Frame,
    /// What was written.
    pub text: String,
    /// The model that was named.
    pub model: String,
    /// Models that the settings name in full, to choose from.
    pub models: Vec<String>,
    /// What became of it; none before anything was tried.
    pub tried: Option<Tried>,
}

/// What became of a text.
#[derive(Clone, PartialEq, Eq)]
pub struct Tried {
    /// What was written, with what was found in it.
    pub written: Vec<Piece>,
    /// What becomes of it on its way.
    pub way: Way,
    /// What was found, in order.
    pub rules: Vec<RuleRow>,
    /// How many were found beyond those that are told of.
    pub more: usize,
}

/// What becomes of a text on its way to a provider.
#[derive(Clone, PartialEq, Eq)]
pub enum Way {
    /// Who looks may see what is found, and not what masking makes of it.
    Hidden,
    /// It would not be sent, for this reason.
    Refused(String),
    /// It would be sent.
    Sent {
        /// What a provider would see.
        seen: Vec<Piece>,
        /// What would come back of a reply that says the same.
        back: Vec<Piece>,
        /// Where it would go; none if no model was named.
        to: Option<Destination>,
    },
}

/// Where a text would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The provider, as the settings name it.
    pub provider: String,
    /// The model that it would be asked for.
    pub model: String,
    /// Whether the provider is a machine of one's own.
    pub is_local: bool,
    /// The number of the rule of `[[routing.sensitive]]` that sends it there and nowhere else, from 1; none if no rule fits.
    pub rule: Option<usize>,
    /// Whether that rule sends it as it was written.
    pub is_unmasked: bool,
    /// Who would be asked in its place if it fails.
    pub others: Vec<String>,
}

/// A piece of a text.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether it is one of what the page is about.
    pub is_marked: bool,
}

/// One finding, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// What kind.
    pub kind: String,
    /// Where it stands: characters from the first one.
    pub place: String,
    /// The rule.
    pub rule: String,
    /// How sure, in hundredths as it is read.
    pub score: String,
    /// What it rests on.
    pub basis: &'static str,
    /// The word beside it that decided; empty if none did.
    pub word: String,
    /// What else there is to say: check digits, disguise, the score without that word.
    pub more: String,
    /// What the policy does: `replaced`, `refused`.
    pub action: &'static str,
}

/// Texts may be private.
impl std::fmt::Debug for TryPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TryPage").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Piece({} bytes, {})", self.text.len(), self.is_marked)
    }
}

impl Piece {
    /// `text` in pieces, those at `spans` marked. Spans that overlap one before them, or do not lie in the text, are left out.
    #[must_use]
    pub fn at(text: &str, spans: &[Span]) -> Vec<Self> {
        let mut spans = spans.to_vec();
        spans.sort();
        let (mut pieces, mut at) = (Vec::new(), 0);
        for span in spans {
            let (Some(before), Some(marked)) = (text.get(at..span.start), span.of(text)) else {
                continue;
            };
            if marked.is_empty() {
                continue;
            }
            push(&mut pieces, before, false);
            push(&mut pieces, marked, true);
            at = span.end;
        }
        push(&mut pieces, text.get(at..).unwrap_or_default(), false);
        pieces
    }

    /// `text` in pieces, each place of one of `values` marked; the longest where several begin. One walk through the text, with a look
    /// into the sorted values at each character.
    #[must_use]
    pub fn of_values(text: &str, values: &[&str]) -> Vec<Self> {
        let values: BTreeSet<&str> = values.iter().copied().filter(|value| !value.is_empty()).collect();
        let (mut spans, mut at) = (Vec::new(), 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let length = if let Some(length) = longest(&values, rest) {
                spans.push(Span::new(at, at + length));
                length
            } else {
                rest.chars().next().map_or(1, char::len_utf8)
            };
            at += length;
        }
        Self::at(text, &spans)
    }
}

/// How long the longest of `values` is that `text` begins with.
fn longest(values: &BTreeSet<&str>, mut text: &str) -> Option<usize> {
    loop {
        // What a text begins with lies before it in the order, and all that lies between the two begins the same.
        let nearest = values.range::<&str, _>(..=text).next_back()?;
        let same = text.chars().zip(nearest.chars()).take_while(|(a, b)| a == b);
        let same: usize = same.map(|(a, _)| a.len_utf8()).sum();
        if same == nearest.len() {
            return Some(same);
        }
        text = text.get(..same)?;
    }
}

fn push(pieces: &mut Vec<Piece>, text: &str, is_marked: bool) {
    if !text.is_empty() {
        pieces.push(Piece {
            text: text.to_owned(),
            is_marked,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[Piece]) -> String {
        let piece = |piece: &Piece| {
            if piece.is_marked {
                format!("[{}]", piece.text)
            } else {
                piece.text.clone()
            }
        };
        pieces.iter().map(piece).collect()
    }

    #[test]
    fn spans_are_marked_and_bad_ones_left_out() {
        let text = "é ab cd";
        let pieces = Piece::at(
            text,
            &[
                Span::new(6, 8),
                Span::new(3, 5),
                Span::new(4, 7),
                Span::new(1, 3),
                Span::new(7, 99),
            ],
        );
        assert_eq!(shown(&pieces), "é [ab] [cd]");
        assert_eq!(shown(&Piece::at("", &[])), "");
    }

    #[test]
    fn every_place_of_a_value_is_marked_and_the_longest_wins() {
        let pieces = Piece::of_values("X_12 and X_1, X_1", &["X_1", "X_12", ""]);
        assert_eq!(shown(&pieces), "[X_12] and [X_1], [X_1]");
        let pieces = Piece::of_values("aab aé aac", &["aaa", "a", "aé", "aac", "b"]);
        assert_eq!(shown(&pieces), "[a][a][b] [aé] [aac]");
    }

    #[test]
    fn many_values_in_a_long_text_are_found_in_one_walk() {
        let values: Vec<String> = (0..10_000)
            .map(|number| format!("user{number}@example.com"))
            .collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let pieces = Piece::of_values(&values.join(" "), &values);
        assert_eq!(pieces.iter().filter(|piece| piece.is_marked).count(), 10_000);
    }

    #[test]
    fn what_was_written_is_escaped_wherever_it_stands() {
        let page = TryPage {
            frame: Frame::outside("Try a prompt"),
            text: "</textarea><script>".to_owned(),
            model: "\"><script>".to_owned(),
            models: vec!["\"><script>".to_owned()],
            tried: Some(Tried {
                written: Piece::of_values("<b>ann</b>", &["ann"]),
                way: Way::Refused("<i>no</i>".to_owned()),
                rules: Vec::new(),
                more: 0,
            }),
        };
        let html = page.render().unwrap();
        assert!(
            !html.contains("<b>")
                && !html.contains("<i>no")
                && !html.contains("</textarea><script>")
                && !html.contains("\"><script>"),
            "{html}"
        );
        assert!(html.contains("<mark>ann</mark>"), "{html}");
    }
}
