//! Cuts text into the pieces that BERT encoders read: lower case, without accents, longest match first.
//!
//! Source: Devlin et al. 2019, and Wu et al., "Google's Neural Machine Translation System", 2016, for WordPiece. It does
//! what Hugging Face's `BertNormalizer` (uncased) and `BertPreTokenizer` do, but keeps for each piece the bytes of the
//! original text that it comes from.

use std::collections::HashMap;

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use crate::error::Error;

/// A word of more characters than this is unknown as a whole.
const MOST_CHARS: usize = 100;
/// More than any vocabulary has, in pieces and in bytes of one.
const MOST_PIECES: usize = 1 << 20;
const LONGEST: usize = 256;

/// How a text is spelt before it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelling {
    /// Capital letters become small ones.
    pub is_lower_case: bool,
    /// Letters lose their accents.
    pub strips_accents: bool,
    /// Each Han character is a word.
    pub cuts_ideographs: bool,
}

impl Spelling {
    /// That of BERT's uncased networks.
    pub const UNCASED: Self = Self {
        is_lower_case: true,
        strips_accents: true,
        cuts_ideographs: true,
    };
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its number in the vocabulary.
    pub id: u32,
    /// First byte in the text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Whether a word begins with it.
    pub begins_word: bool,
}

/// The pieces that an encoder knows.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// Pieces that begin a word.
    firsts: HashMap<Box<str>, u32>,
    /// Pieces that go on with one, without the `##` before them.
    others: HashMap<Box<str>, u32>,
    /// In bytes.
    longest: usize,
    unknown: u32,
    /// Stands before every text.
    pub(crate) first: u32,
    /// Stands behind every text.
    pub(crate) last: u32,
    pub(crate) size: usize,
    spelling: Spelling,
}

impl Vocabulary {
    /// Reads `vocab.txt`: a piece a line, numbered from 0.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        Self::of(text.lines(), Spelling::UNCASED)
    }

    /// The vocabulary of `pieces`, numbered from 0, for text in `spelling`.
    pub(crate) fn of<'p>(
        pieces: impl IntoIterator<Item = &'p str>,
        spelling: Spelling,
    ) -> Result<Self, Error> {
        let bad = |reason| Error::Vocabulary { reason };
        let (mut firsts, mut others) = (HashMap::new(), HashMap::new());
        let (mut longest, mut size) = (0, 0);
        for (line, id) in pieces.into_iter().zip(0_u32..) {
            if line.is_empty() || line.len() > LONGEST || size >= MOST_PIECES {
                return Err(bad("a line is empty or too long, or there are too many"));
            }
            longest = longest.max(line.len());
            size += 1;
            match line.strip_prefix("##").filter(|rest| !rest.is_empty()) {
                Some(rest) => others.insert(rest.into(), id),
                None => firsts.insert(line.into(), id),
            };
        }
        let named = |name: &str| {
            firsts
                .get(name)
                .copied()
                .ok_or_else(|| bad("it lacks [UNK], [CLS] or [SEP]"))
        };
        Ok(Self {
            unknown: named("[UNK]")?,
            first: named("[CLS]")?,
            last: named("[SEP]")?,
            firsts,
            others,
            longest,
            size,
            spelling,
        })
    }

    /// The pieces of `text`, whose first byte counts as `offset`. O(n): a word of more than 100 characters is one piece.
    pub(crate) fn pieces(&self, text: &str, offset: usize, out: &mut Vec<Piece>) {
        let Spelling {
            is_lower_case,
            strips_accents,
            cuts_ideographs,
        } = self.spelling;
        let mut word = Word::default();
        for (start, c) in text.char_indices() {
            let (start, end) = (offset + start, offset + start + c.len_utf8());
            if c.is_ascii() {
                // The usual case, without the tables.
                match c {
                    ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => word.cut(self, out),
                    c if c.is_ascii_punctuation() => word.alone(c, start, end, self, out),
                    c if c.is_ascii_control() => {}
                    c if is_lower_case => word.push(c.to_ascii_lowercase(), start, end),
                    c => word.push(c, start, end),
                }
            } else if is_left_out(c) {
            } else if c.is_whitespace() {
                word.cut(self, out);
            } else if cuts_ideographs && is_ideograph(c) {
                word.alone(c, start, end, self, out);
            } else {
                let mut take = |part: char| {
                    if is_punctuation(part) {
                        word.alone(part, start, end, self, out);
                    } else {
                        word.push(part, start, end);
                    }
                };
                let is_lost = |part: char| strips_accents && is_combining_mark(part);
                let mut spell = |part: char| {
                    if is_lost(part) {
                    } else if is_lower_case {
                        part.to_lowercase().filter(|c| !is_lost(*c)).for_each(&mut take);
                    } else {
                        take(part);
                    }
                };
                if strips_accents {
                    decompose_canonical(c, spell);
                } else {
                    spell(c);
                }
            }
        }
        word.cut(self, out);
    }
}

/// A word on its way: what the vocabulary is asked for, and where each character comes from.
#[derive(Default)]
struct Word {
    text: String,
    /// Of each character: its end in `text`, and its bytes in the text.
    chars: Vec<(usize, usize, usize)>,
}

impl Word {
    fn push(&mut self, c: char, start: usize, end: usize) {
        // One more than is looked up tells that there are too many.
        if self.chars.len() > MOST_CHARS {
            if let Some(last) = self.chars.last_mut() {
                last.2 = end;
            }
            return;
        }
        self.text.push(c);
        self.chars.push((self.text.len(), start, end));
    }

    fn alone(&mut self, c: char, start: usize, end: usize, vocabulary: &Vocabulary, out: &mut Vec<Piece>) {
        self.cut(vocabulary, out);
        self.push(c, start, end);
        self.cut(vocabulary, out);
    }

    /// Ends the word: its pieces go to `out`.
    fn cut(&mut self, vocabulary: &Vocabulary, out: &mut Vec<Piece>) {
        let (Some((_, start, _)), Some((_, _, end))) = (self.chars.first(), self.chars.last()) else {
            return;
        };
        let unknown = Piece {
            id: vocabulary.unknown,
            start: *start,
            end: *end,
            begins_word: true,
        };
        let from = out.len();
        if self.chars.len() > MOST_CHARS || !self.find_pieces(vocabulary, out) {
            out.truncate(from);
            out.push(unknown);
        }
        self.text.clear();
        self.chars.clear();
    }

    /// The longest piece that fits, then the longest that goes on; `false` if there is none somewhere.
    fn find_pieces(&self, vocabulary: &Vocabulary, out: &mut Vec<Piece>) -> bool {
        let (mut at, mut rest) = (0, self.chars.as_slice());
        while let Some((_, start, _)) = rest.first() {
            let known = if at == 0 {
                &vocabulary.firsts
            } else {
                &vocabulary.others
            };
            let fitting = rest
                .iter()
                .take_while(|(end, ..)| end - at <= vocabulary.longest)
                .count();
            let longest = (1..=fitting).rev().find_map(|count| {
                let (end, _, byte_end) = rest.get(count - 1)?;
                let id = known.get(self.text.get(at..*end)?)?;
                Some((count, *end, *byte_end, *id))
            });
            let Some((count, end, byte_end, id)) = longest else {
                return false;
            };
            out.push(Piece {
                id,
                start: *start,
                end: byte_end,
                begins_word: at == 0,
            });
            at = end;
            rest = rest.get(count..).unwrap_or_default();
        }
        true
    }
}

/// Characters without a form of their own: controls, formatting, private use, and what stands for a lost one.
fn is_left_out(c: char) -> bool {
    c.is_control() && !matches!(c, '\u{85}')
        || matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffd}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Han characters, each of which is a word to BERT.
const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

fn is_punctuation(c: char) -> bool {
    let code = u32::from(c);
    c.is_ascii_punctuation()
        || PUNCTUATION
            .binary_search_by(|(from, to)| {
                if code < *from {
                    std::cmp::Ordering::Greater
                } else if code > *to {
                    std::cmp::Ordering::Less
                } else {
                    std::cmp::Ordering::Equal
                }
            })
            .is_ok()
}

/// Unicode 15's general categories P, beyond ASCII, in the basic plane.
#[rustfmt::skip]
const PUNCTUATION: &[(u32, u32)] = &[
    (0xa1, 0xa1), (0xa7, 0xa7), (0xab, 0xab), (0xb6, 0xb7), (0xbb, 0xbb), (0xbf, 0xbf), (0x37e, 0x37e),
    (0x387, 0x387), (0x55a, 0x55f), (0x589, 0x58a), (0x5be, 0x5be), (0x5c0, 0x5c0), (0x5c3, 0x5c3),
    (0x5c6, 0x5c6), (0x5f3, 0x5f4), (0x609, 0x60a), (0x60c, 0x60d), (0x61b, 0x61b), (0x61d, 0x61f),
    (0x66a, 0x66d), (0x6d4, 0x6d4), (0x700, 0x70d), (0x7f7, 0x7f9), (0x830, 0x83e), (0x85e, 0x85e),
    (0x964, 0x965), (0x970, 0x970), (0x9fd, 0x9fd), (0xa76, 0xa76), (0xaf0, 0xaf0), (0xc77, 0xc77),
    (0xc84, 0xc84), (0xdf4, 0xdf4), (0xe4f, 0xe4f), (0xe5a, 0xe5b), (0xf04, 0xf12), (0xf14, 0xf14),
    (0xf3a, 0xf3d), (0xf85, 0xf85), (0xfd0, 0xfd4), (0xfd9, 0xfda), (0x104a, 0x104f), (0x10fb, 0x10fb),
    (0x1360, 0x1368), (0x1400, 0x1400), (0x166e, 0x166e), (0x169b, 0x169c), (0x16eb, 0x16ed),
    (0x1735, 0x1736), (0x17d4, 0x17d6), (0x17d8, 0x17da), (0x1800, 0x180a), (0x1944, 0x1945),
    (0x1a1e, 0x1a1f), (0x1aa0, 0x1aa6), (0x1aa8, 0x1aad), (0x1b5a, 0x1b60), (0x1b7d, 0x1b7e),
    (0x1bfc, 0x1bff), (0x1c3b, 0x1c3f), (0x1c7e, 0x1c7f), (0x1cc0, 0x1cc7), (0x1cd3, 0x1cd3),
    (0x2010, 0x2027), (0x2030, 0x2043), (0x2045, 0x2051), (0x2053, 0x205e), (0x207d, 0x207e),
    (0x208d, 0x208e), (0x2308, 0x230b), (0x2329, 0x232a), (0x2768, 0x2775), (0x27c5, 0x27c6),
    (0x27e6, 0x27ef), (0x2983, 0x2998), (0x29d8, 0x29db), (0x29fc, 0x29fd), (0x2cf9, 0x2cfc),
    (0x2cfe, 0x2cff), (0x2d70, 0x2d70), (0x2e00, 0x2e2e), (0x2e30, 0x2e4f), (0x2e52, 0x2e5d),
    (0x3001, 0x3003), (0x3008, 0x3011), (0x3014, 0x301f), (0x3030, 0x3030), (0x303d, 0x303d),
    (0x30a0, 0x30a0), (0x30fb, 0x30fb), (0xa4fe, 0xa4ff), (0xa60d, 0xa60f), (0xa673, 0xa673),
    (0xa67e, 0xa67e), (0xa6f2, 0xa6f7), (0xa874, 0xa877), (0xa8ce, 0xa8cf), (0xa8f8, 0xa8fa),
    (0xa8fc, 0xa8fc), (0xa92e, 0xa92f), (0xa95f, 0xa95f), (0xa9c1, 0xa9cd), (0xa9de, 0xa9df),
    (0xaa5c, 0xaa5f), (0xaade, 0xaadf), (0xaaf0, 0xaaf1), (0xabeb, 0xabeb), (0xfd3e, 0xfd3f),
    (0xfe10, 0xfe19), (0xfe30, 0xfe52), (0xfe54, 0xfe61), (0xfe63, 0xfe63), (0xfe68, 0xfe68),
    (0xfe6a, 0xfe6b), (0xff01, 0xff03), (0xff05, 0xff0a), (0xff0c, 0xff0f), (0xff1a, 0xff1b),
    (0xff1f, 0xff20), (0xff3b, 0xff3d), (0xff3f, 0xff3f), (0xff5b, 0xff5b), (0xff5d, 0xff5d),
    (0xff5f, 0xff65),
];

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nan\n##na\n##n\n.\nmull\n##er\nstrasse\n京\n«\n##a";

    fn pieces(text: &str) -> Vec<(u32, &str)> {
        let mut out = Vec::new();
        Vocabulary::read(LIST).unwrap().pieces(text, 0, &mut out);
        out.iter()
            .map(|p| (p.id, text.get(p.start..p.end).unwrap()))
            .collect()
    }

    #[test]
    fn the_longest_piece_is_taken_and_places_are_those_of_the_text() {
        assert_eq!(pieces("Anna."), [(4, "An"), (5, "na"), (7, ".")]);
        assert_eq!(
            pieces("Müller\u{a0}«ANN»"),
            [(8, "Müll"), (9, "er"), (12, "«"), (4, "AN"), (6, "N"), (1, "»")]
        );
        assert_eq!(pieces("Mu\u{308}ller"), [(8, "Mu\u{308}ll"), (9, "er")]);
        assert_eq!(pieces("東京"), [(1, "東"), (11, "京")]);
        assert_eq!(pieces("an\u{ad}na"), [(4, "an"), (5, "na")]);
    }

    #[test]
    fn a_word_with_a_part_that_no_piece_fits_is_unknown_as_a_whole() {
        assert_eq!(pieces("annx an"), [(1, "annx"), (4, "an")]);
        let long = "an".repeat(51);
        assert_eq!(pieces(&format!("{long} an")), [(1, long.as_str()), (4, "an")]);
    }

    #[test]
    fn a_cased_vocabulary_keeps_capitals_and_accents() {
        let spelling = Spelling {
            is_lower_case: false,
            strips_accents: false,
            cuts_ideographs: false,
        };
        let list = ["[UNK]", "[CLS]", "[SEP]", "An", "Mü", "##na", "mu", "東京"];
        let vocabulary = Vocabulary::of(list, spelling).unwrap();
        let mut out = Vec::new();
        vocabulary.pieces("Anna Müna anna 東京", 0, &mut out);
        let ids: Vec<u32> = out.iter().map(|p| p.id).collect();
        assert_eq!(ids, [3, 5, 4, 5, 0, 7]);
    }

    #[test]
    fn a_vocabulary_without_the_pieces_that_every_text_needs_is_refused() {
        for text in ["", "[UNK]\n[CLS]\nan", "[UNK]\n\n[CLS]\n[SEP]", &"x".repeat(300)] {
            assert!(Vocabulary::read(text).is_err(), "{text}");
        }
    }
}
