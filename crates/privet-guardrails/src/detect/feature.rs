//! Turns tokens into numbered features: what the weights were trained on, and what they are asked for.
//!
//! Three families. *Letters*: runs of 3, 4 and 5 characters of a word with its ends, runs of up to 4 unspaced characters.
//! *Words*: a word, two and three in a row, and two with one between. *Ideas*: which ideas of the lexicon a window names,
//! pairs and triples of them in their order, rules that hit, and what the window looks like.

use super::lexicon::Mention;
use super::rules;
use super::token::{Kind, Token, Tokens};

/// Features there are numbers for, as a power of two.
pub(crate) const BITS: u32 = 20;
/// Tokens of a window, and how far the next one lies.
pub(crate) const WINDOW: usize = 64;
pub(crate) const STRIDE: usize = 32;
/// Characters of a word that are looked at.
const MOST_CHARACTERS: usize = 18;
/// Tokens from one idea to another that still belong together.
const NEAR: u32 = 14;
/// Mentions after one that are paired with it.
const MOST_PAIRS: usize = 12;

/// What a feature is about; families are weighed apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Family {
    Letters = 0,
    Words = 1,
    Ideas = 2,
}

/// Families there are.
pub(crate) const FAMILIES: usize = 3;

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(hash: u64, value: u64) -> u64 {
    let mixed = (hash ^ value).wrapping_mul(MULTIPLIER);
    mixed ^ (mixed >> 29)
}

const fn bucket(hash: u64) -> u32 {
    (hash.wrapping_mul(0xd6e8_feb8_6659_fd93) >> (64 - BITS)) as u32
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0x51_7c_c1_b7, |h, b| mix(h, u64::from(b) + 1))
}

/// Hands each feature of letters and words to `take`, with the number of its token; tokens in their order.
pub(crate) fn lexical(tokens: &Tokens, mut take: impl FnMut(usize, Family, u32)) {
    // Hashes of the two tokens before; line breaks do not part words.
    let (mut last, mut last_but_one) = (1_u64, 2_u64);
    let mut unspaced: [u64; 3] = [0; 3];
    for (number, token) in tokens.tokens.iter().enumerate() {
        let text = tokens.of(*token);
        if token.kind == Kind::Break {
            take(
                number,
                Family::Words,
                bucket(mix(9, u64::from(token.times.min(3)))),
            );
            unspaced = [0; 3];
            continue;
        }
        let own = match token.kind {
            Kind::Mark => mix(hash(text), u64::from(token.times.min(4))),
            _ => hash(text),
        };
        take(number, Family::Words, bucket(mix(11, own)));
        take(number, Family::Words, bucket(mix(mix(12, last), own)));
        if token.kind == Kind::Sign {
            let mut run = mix(21, own);
            for before in unspaced.iter().take_while(|before| **before != 0) {
                run = mix(run, *before);
                take(number, Family::Letters, bucket(run));
            }
            unspaced = [own, unspaced[0], unspaced[1]];
        } else {
            unspaced = [0; 3];
            take(
                number,
                Family::Words,
                bucket(mix(mix(mix(13, last_but_one), last), own)),
            );
            take(number, Family::Words, bucket(mix(mix(14, last_but_one), own)));
        }
        if token.kind == Kind::Word {
            letters(text, |bucket| take(number, Family::Letters, bucket));
        }
        (last, last_but_one) = (own, last);
    }
}

/// Runs of 3, 4 and 5 characters of `word`.
fn letters(word: &str, mut take: impl FnMut(u32)) {
    // `^` before and `$` behind; four characters back are enough for runs of five.
    let mut back = [0_u64; 4];
    let ends = std::iter::once('^')
        .chain(word.chars().take(MOST_CHARACTERS))
        .chain(std::iter::once('$'));
    for (at, c) in ends.enumerate() {
        let c = u64::from(u32::from(c));
        if at >= 2 {
            let three = mix(mix(mix(31, c), back[0]), back[1]);
            take(bucket(three));
            if at >= 3 {
                let four = mix(three, back[2]);
                take(bucket(four));
                if at >= 4 {
                    take(bucket(mix(four, back[3])));
                }
            }
        }
        back = [c, back[0], back[1], back[2]];
    }
}

/// Features of ideas in the window of tokens `from..to`: each once, sorted.
pub(crate) fn ideas(tokens: &[Token], mentions: &[Mention], from: usize, to: usize, out: &mut Vec<u32>) {
    out.clear();
    let own = within(mentions, from, to);
    let mut kinds = 0_u32;
    // Ideas that follow each other, without repetition.
    let (mut last, mut last_but_one): (Option<Mention>, Option<Mention>) = (None, None);
    for (at, mention) in own.iter().enumerate() {
        let concept = u64::from(mention.concept.0);
        if kinds & mention.concept.bit() == 0 {
            out.push(bucket(mix(41, concept)));
        }
        kinds |= mention.concept.bit();
        for next in own.iter().skip(at + 1).take(MOST_PAIRS) {
            let gap = next.first.saturating_sub(mention.last);
            if gap > NEAR {
                break;
            }
            if next.concept != mention.concept {
                let pair = mix(mix(42, concept), u64::from(next.concept.0));
                out.push(bucket(pair));
                if gap <= 3 {
                    out.push(bucket(mix(pair, 1)));
                }
            }
        }
        if last.is_none_or(|l| l.concept != mention.concept) {
            if let (Some(a), Some(b)) = (last_but_one, last)
                && mention.first.saturating_sub(a.last) <= 2 * NEAR
            {
                let triple = mix(mix(43, u64::from(a.concept.0)), u64::from(b.concept.0));
                out.push(bucket(mix(triple, concept)));
            }
            (last_but_one, last) = (last, Some(*mention));
        }
    }
    out.push(bucket(mix(44, u64::from(kinds.count_ones().min(15)))));
    rules::hits(own, |rule, _, _| out.push(bucket(mix(45, u64::from(rule.0)))));
    looks(tokens.get(from..to).unwrap_or_default(), |look, value| {
        out.push(bucket(mix(mix(46, look), value)));
    });
    out.sort_unstable();
    out.dedup();
}

/// The mentions that begin in the tokens `from..to`.
pub(crate) fn within(mentions: &[Mention], from: usize, to: usize) -> &[Mention] {
    let start = mentions.partition_point(|m| (m.first as usize) < from);
    let end = mentions.partition_point(|m| (m.first as usize) < to);
    mentions.get(start..end).unwrap_or_default()
}

/// What a window looks like, in few steps: shares of marks and breaks, long rows of one mark, long words.
fn looks(tokens: &[Token], mut take: impl FnMut(u64, u64)) {
    let count = |is: &dyn Fn(&Token) -> bool| tokens.iter().filter(|t| is(t)).count() as u64;
    let all = (tokens.len() as u64).max(1);
    take(1, 8 * count(&|t| t.kind == Kind::Mark) / all);
    take(2, 16 * count(&|t| t.kind == Kind::Break) / all);
    take(3, count(&|t| t.kind == Kind::Mark && t.times >= 5).min(3));
    take(
        4,
        count(&|t| t.kind == Kind::Word && t.end - t.start >= 28).min(3),
    );
    take(5, u64::from(all.ilog2()));
}
