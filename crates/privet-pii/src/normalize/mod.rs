//! Undoes the disguises that hide personal data and instructions from a reader of plain text, and tells where each byte
//! came from.
//!
//! [`views`] gives rewritten stretches of a text: look at them as at the text itself, then map what you find back with
//! [`View::to_original`]. An ordinary text has no view, and costs one quick pass.
//!
//! Undone, also one inside the other, [`DEPTH`] deep: HTML entities, percent-encoding, backslash escapes, quoted-printable,
//! base64 and base64url, hexadecimal digits; invisible characters, variants (NFKC), digits of other scripts, letters of
//! other alphabets inside Latin words; numbers spread out, broken over lines or cut irregularly; digits as words; spelt e-mail
//! addresses, also broken over lines; letters in place of digits; codes cut into parts. Not undone: ciphers, reversal and the like.

mod address;
mod classes;
mod codes;
mod confusable;
mod decode;
mod digitlike;
mod east;
mod encoded;
mod escape;
mod fold;
mod gate;
mod groups;
mod lexicon;
mod map;
mod numerals;
mod rewrite;
mod spaced;
mod spoken;
mod tokens;
mod words;

use std::ops::Range;

use privet_types::{Budget, BudgetError, Span};

use gate::{Reasons, Stretch, reason};
pub use map::OffsetMap;
use rewrite::Piece;
use tokens::{Token, tokens};

/// Layers of encoding that are undone.
pub const DEPTH: usize = 3;

/// Work units of the quick pass, for each byte of the text.
const GATE_UNITS: u64 = 1;
/// Work units of all passes over a stretch, for each of its bytes and layer.
const LAYER_UNITS: u64 = 8;

/// A stretch of a text with its disguises undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The rewritten stretch, with at least 64 bytes of what stands on either side where there is that much.
    pub text: String,
    /// Where its bytes come from.
    pub map: OffsetMap,
    /// Layers of encoding that were undone, 0 ..= [`DEPTH`]; 0 if it was only characters, spacing or spelling.
    pub layers: usize,
    /// Whether letters were taken for digits (`4OOO`), or parts for one code, so that only a check digit or a word tells
    /// that it was right.
    pub is_guess: bool,
}

impl View {
    /// The smallest span of the original text that produced the bytes `range` of [`Self::text`], on character bounds.
    /// A bound inside a character of the view takes the whole character in.
    #[must_use]
    pub fn to_original(&self, range: Range<usize>) -> Span {
        let (mut start, mut end) = (range.start.min(self.text.len()), range.end.min(self.text.len()));
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        self.map.to_original(start..end)
    }
}

/// Rewritten stretches of `text`, in order; for a stretch that is encoded and disguised besides, one view as it stands and
/// one of the innermost layer; one more of each where letters may stand for digits, or parts for a code. None for an
/// ordinary text.
///
/// Together they are at most six times as long as the text, and a third more where characters such as ⑽ become several. O(n)
/// time and memory: a budget of 40 units per byte covers every text.
///
/// # Errors
/// [`BudgetError`] if the budget is spent or cancelled.
///
/// ```
/// use privet_pii::normalize::views;
/// use privet_types::Budget;
/// let text = "mail john (at) example (dot) com";
/// let views = views(text, &Budget::unlimited())?;
/// let at = views[0].text.find("john@example.com").unwrap();
/// let span = views[0].to_original(at..at + 16);
/// assert_eq!(span.of(text), Some("john (at) example (dot) com"));
/// # Ok::<(), privet_types::BudgetError>(())
/// ```
pub fn views(text: &str, budget: &Budget) -> Result<Vec<View>, BudgetError> {
    budget.charge(GATE_UNITS * units(text.len()))?;
    let mut views = Vec::new();
    for found in gate::stretches(text) {
        stretch(text, found, budget, &mut views)?;
    }
    Ok(views)
}

fn units(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Undoes layer by layer; a view where characters, spacing or spelling hid something, and one of the innermost layer.
///
/// As long as nothing was changed, only the passes run that the quick pass has named.
fn stretch(text: &str, found: Stretch, budget: &Budget, views: &mut Vec<View>) -> Result<(), BudgetError> {
    let Stretch { span, mut reasons } = found;
    let mut piece = Piece {
        text: span.of(text).unwrap_or_default().to_owned(),
        map: OffsetMap::copy(span),
    };
    for layer in 0..=DEPTH {
        budget.charge(LAYER_UNITS * units(piece.text.len()))?;
        let is_folded = {
            let folded = fold::fold(&piece.text);
            apply(&mut piece, folded)
        };
        if is_folded {
            reasons = reason::ALL;
        }
        let next = if layer < DEPTH && reasons & reason::CODED != 0 {
            decode::decode(&piece.text)
        } else {
            None
        };
        let next = next.map(|next| Piece {
            map: piece.map.then(&next.map),
            text: next.text,
        });
        // What lies between the outermost and the innermost layer is itself encoded.
        if layer == 0 || next.is_none() {
            let is_respelt = respell(&mut piece, reasons);
            let guesses = if is_respelt || reasons & reason::GUESS != 0 {
                let tokens = tokens(&piece.text);
                [
                    digitlike::undo(&piece.text, &tokens),
                    codes::join(&piece.text, &tokens),
                ]
            } else {
                [None, None]
            };
            for guess in guesses.into_iter().flatten() {
                views.push(View {
                    map: piece.map.then(&guess.map),
                    text: guess.text,
                    layers: layer,
                    is_guess: true,
                });
            }
            if is_folded || layer > 0 || is_respelt {
                views.push(View {
                    text: piece.text,
                    map: piece.map,
                    layers: layer,
                    is_guess: false,
                });
            }
        }
        let Some(next) = next else { break };
        piece = next;
        reasons = reason::ALL;
    }
    Ok(())
}

/// One way to undo a spelling, over a text and its tokens.
type Pass = fn(&str, &[Token<'_>]) -> Option<Piece>;

/// Undoes spacing and spelling; whether that changed anything. The passes share the tokens till one changes the text; from
/// then on all of them run.
fn respell(piece: &mut Piece, reasons: Reasons) -> bool {
    let passes: [(Reasons, Pass); 5] = [
        (reason::SPOKEN, spoken::unspeak),
        (reason::ALL, |text, _| east::undo(text)),
        (reason::ALL, spaced::close_up),
        (reason::ALL, groups::join),
        (reason::ADDRESS, address::unspell),
    ];
    let mut passes = passes.into_iter();
    let mut is_changed = false;
    loop {
        let changed = {
            let tokens = tokens(&piece.text);
            passes.find_map(|(why, pass)| {
                let runs = why == reason::ALL || is_changed || reasons & why != 0;
                if runs { pass(&piece.text, &tokens) } else { None }
            })
        };
        if !apply(piece, changed) {
            return is_changed;
        }
        is_changed = true;
    }
}

/// Takes what a pass made of the piece; whether it changed anything.
fn apply(piece: &mut Piece, changed: Option<Piece>) -> bool {
    let Some(changed) = changed else { return false };
    *piece = Piece {
        map: piece.map.then(&changed.map),
        text: changed.text,
    };
    true
}
