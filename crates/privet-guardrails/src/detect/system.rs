//! What the operator's instructions forbid, and whether a text goes for it.
//!
//! Many texts attack only if one knows the instructions: "what is the codeword?" is an attack where a codeword is to be
//! kept, and a question elsewhere.

use std::fmt;

use privet_types::RuleId;

use super::lexicon::{Concept, Lexicon, Mention, Plain};
use super::token::{Kind, Tokens, tokens};

/// The rule of evidence that rests on the operator's instructions.
pub(crate) const RULE: RuleId = RuleId("system/forbidden");
/// What a conflict adds to the log-odds. A choice, held by the pairs in `tests/it/detect.rs`.
pub(crate) const WEIGHT: f32 = 4.0;
/// Tokens between what is asked for and the asking.
const NEAR: u32 = 10;
/// Words shorter than this say nothing about what is kept.
const SHORTEST: usize = 4;
/// Words of the instructions that are remembered.
const MOST_WORDS: usize = 256;
/// Bytes of the instructions that are read.
const MOST_BYTES: usize = 64 * 1024;

/// Words that forbid, folded, in the languages that most instructions are written in.
const FORBIDS: &[&str] = &[
    "never",
    "not",
    "dont",
    "don",
    "must",
    "only",
    "unless",
    "refuse",
    "keep",
    "secret",
    "confidential",
    "nie",
    "niemals",
    "nicht",
    "nur",
    "geheim",
    "jamais",
    "ne",
    "seulement",
    "secrete",
    "nunca",
    "no",
    "solo",
    "secreto",
    "nao",
    "somente",
    "apenas",
    "mai",
    "non",
    "soltanto",
    "nooit",
    "niet",
    "alleen",
    "nigdy",
    "tylko",
    "никогда",
    "не",
    "только",
    "asla",
    "sadece",
];
/// Words that no instruction keeps secret.
const COMMON: &[&str] = &[
    "never",
    "dont",
    "must",
    "only",
    "unless",
    "refuse",
    "keep",
    "that",
    "this",
    "with",
    "from",
    "your",
    "user",
    "users",
    "they",
    "them",
    "what",
    "when",
    "about",
    "answer",
    "questions",
    "question",
    "anyone",
    "anybody",
    "under",
    "circumstances",
    "please",
    "reveal",
    "tell",
    "give",
    "share",
    "show",
    "will",
    "have",
    "their",
    "should",
    "always",
    "help",
    "assistant",
    "helpful",
    "other",
    "anything",
    "even",
    "asked",
    "asks",
    "nicht",
    "niemals",
    "jamais",
    "nunca",
];

/// What is known of the operator's instructions.
pub(crate) struct SystemPrompt {
    /// Words of sentences that forbid, sorted.
    kept: Vec<String>,
}

impl fmt::Debug for SystemPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its words are the operator's secrets.
        f.debug_struct("SystemPrompt")
            .field("kept", &self.kept.len())
            .finish()
    }
}

impl SystemPrompt {
    pub(crate) fn new(lexicon: &Lexicon, prompt: &str) -> Self {
        let end = (0..=MOST_BYTES.min(prompt.len()))
            .rev()
            .find(|at| prompt.is_char_boundary(*at))
            .unwrap_or(0);
        let mut kept = Vec::new();
        for sentence in prompt
            .get(..end)
            .unwrap_or_default()
            .split(['.', '!', '?', '\n', ';', '。', '！'])
        {
            let cut = tokens(sentence);
            let words: Vec<&str> = cut
                .tokens
                .iter()
                .filter(|t| t.kind == Kind::Word)
                .map(|t| cut.of(*t))
                .collect();
            let keeps = lexicon.mentions(&Plain::new(&cut)).iter().any(|m| {
                [Concept::REVEAL, Concept::SECRET, Concept::STEALTH, Concept::GRANT].contains(&m.concept)
            });
            if keeps && words.iter().any(|w| FORBIDS.contains(w)) {
                let telling = words
                    .iter()
                    .filter(|w| w.chars().count() >= SHORTEST && !COMMON.contains(w))
                    .map(|w| (*w).to_owned());
                kept.extend(telling);
            }
        }
        kept.sort_unstable();
        kept.dedup();
        kept.truncate(MOST_WORDS);
        Self { kept }
    }

    /// Whether anything is to be kept.
    pub(crate) fn forbids(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Where a text asks for what is to be kept: first and last token.
    pub(crate) fn conflict(&self, tokens: &Tokens, mentions: &[Mention]) -> Option<(u32, u32)> {
        let asks = |m: &&Mention| {
            [
                Concept::REVEAL,
                Concept::IGNORE,
                Concept::GRANT,
                Concept::EXFIL,
                Concept::ENCODE,
            ]
            .contains(&m.concept)
        };
        let asking: Vec<&Mention> = mentions.iter().filter(asks).collect();
        let (number, ask) = (0_u32..).zip(&tokens.tokens).find_map(|(number, token)| {
            let is_kept = token.kind == Kind::Word
                && self
                    .kept
                    .binary_search_by(|k| k.as_str().cmp(tokens.of(*token)))
                    .is_ok();
            if !is_kept {
                return None;
            }
            let from = asking.partition_point(|m| m.first + NEAR < number);
            let near = asking.iter().skip(from).take_while(|m| m.first <= number + NEAR);
            near.filter(|m| m.first != number).map(|m| (number, **m)).next()
        })?;
        Some((ask.first.min(number), ask.last.max(number)))
    }
}
