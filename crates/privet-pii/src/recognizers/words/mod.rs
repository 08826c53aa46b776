//! The pass over words and numbers, and what it knows of them.

mod keys;
mod known;
mod lexicon;
mod pass;
mod places;
mod reader;
pub(super) mod sense;
mod time;

pub(crate) use known::{known, neutral};
pub(crate) use lexicon::{Lexicon, Senses};
pub(crate) use pass::pass;
pub(crate) use reader::{Digits, Word, decimal, is_ideographic, is_word_char};
