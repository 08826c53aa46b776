//! Rules that say in words why a text looks like an attack: ideas that stand close together.
//!
//! A rule alone decides nothing. That it hits is one feature among others, and its name explains a finding.

use privet_types::RuleId;

use super::lexicon::{Concept, Mention};

/// The number of a rule. It is part of what was trained: new rules go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) u8);

/// A rule: one mention of each slot within so many tokens, in any order.
struct Rule {
    id: RuleId,
    /// Sets of ideas, as bits.
    slots: &'static [u32],
    /// Tokens from the first to the last.
    reach: u32,
}

const fn any<const N: usize>(ideas: [Concept; N]) -> u32 {
    let mut set = 0;
    let mut at = 0;
    while at < N {
        #[expect(
            clippy::indexing_slicing,
            reason = "`at` is below the length, and constants know no iterators"
        )]
        {
            set |= ideas[at].bit();
        }
        at += 1;
    }
    set
}

const RULES: &[Rule] = &[
    Rule {
        id: RuleId("override/earlier"),
        slots: &[Concept::IGNORE.bit(), Concept::PREV.bit(), Concept::INSTR.bit()],
        reach: 12,
    },
    Rule {
        id: RuleId("override/rules"),
        slots: &[Concept::IGNORE.bit(), any([Concept::INSTR, Concept::PROMPT])],
        reach: 5,
    },
    Rule {
        id: RuleId("extraction/prompt"),
        slots: &[Concept::REVEAL.bit(), Concept::PROMPT.bit()],
        reach: 10,
    },
    Rule {
        id: RuleId("extraction/verbatim"),
        slots: &[
            Concept::REVEAL.bit(),
            any([Concept::PROMPT, Concept::PREV]),
            any([Concept::VERBATIM, Concept::ENCODE]),
        ],
        reach: 18,
    },
    Rule {
        id: RuleId("extraction/secret"),
        slots: &[Concept::REVEAL.bit(), Concept::SECRET.bit()],
        reach: 7,
    },
    Rule {
        id: RuleId("persona/unbound"),
        slots: &[Concept::PERSONA.bit(), Concept::UNBOUND.bit()],
        reach: 30,
    },
    Rule {
        id: RuleId("persona/no_refusal"),
        slots: &[
            any([Concept::PERSONA, Concept::COERCE]),
            Concept::REFUSE.bit(),
            any([Concept::UNBOUND, Concept::HARM, Concept::COERCE]),
        ],
        reach: 40,
    },
    Rule {
        id: RuleId("boundary/new_orders"),
        slots: &[
            Concept::BOUNDARY.bit(),
            any([
                Concept::IGNORE,
                Concept::NEWTASK,
                Concept::SAYONLY,
                Concept::PROMPT,
            ]),
        ],
        reach: 16,
    },
    Rule {
        id: RuleId("boundary/to_the_model"),
        slots: &[
            Concept::AI.bit(),
            any([
                Concept::NEWTASK,
                Concept::SAYONLY,
                Concept::EXFIL,
                Concept::STEALTH,
            ]),
        ],
        reach: 14,
    },
    Rule {
        id: RuleId("exfiltration/secret"),
        slots: &[Concept::EXFIL.bit(), any([Concept::SECRET, Concept::PROMPT])],
        reach: 16,
    },
    Rule {
        id: RuleId("stealth/from_user"),
        slots: &[
            Concept::STEALTH.bit(),
            any([
                Concept::EXFIL,
                Concept::NEWTASK,
                Concept::SECRET,
                Concept::IGNORE,
                Concept::INSTR,
            ]),
        ],
        reach: 20,
    },
    Rule {
        id: RuleId("grant/access"),
        slots: &[
            Concept::GRANT.bit(),
            any([
                Concept::SAYONLY,
                Concept::REVEAL,
                Concept::IGNORE,
                Concept::SECRET,
                Concept::COERCE,
            ]),
        ],
        reach: 16,
    },
    Rule {
        id: RuleId("authority/claimed"),
        slots: &[
            Concept::ADMIN.bit(),
            any([Concept::IGNORE, Concept::PROMPT, Concept::UNBOUND]),
        ],
        reach: 16,
    },
    Rule {
        id: RuleId("answer/forced"),
        slots: &[Concept::SAYONLY.bit(), any([Concept::IGNORE, Concept::REFUSE])],
        reach: 20,
    },
];

impl Number {
    /// The name of the rule.
    pub(crate) fn id(self) -> RuleId {
        RULES
            .get(usize::from(self.0))
            .map_or(RuleId("unknown"), |rule| rule.id)
    }
}

/// Names of all rules.
pub(crate) fn ids() -> impl Iterator<Item = RuleId> {
    RULES.iter().map(|rule| rule.id)
}

/// Hands each rule that hits to `take`, once, with the tokens of its first place (first and last).
pub(crate) fn hits(mentions: &[Mention], mut take: impl FnMut(Number, u32, u32)) {
    for (number, rule) in (0_u8..).zip(RULES) {
        if let Some((first, last)) = rule.find(mentions) {
            take(Number(number), first, last);
        }
    }
}

impl Rule {
    fn find(&self, mentions: &[Mention]) -> Option<(u32, u32)> {
        let wanted = self.slots.iter().fold(0, |all, slot| all | slot);
        for (at, first) in mentions.iter().enumerate() {
            if first.concept.bit() & wanted == 0 {
                continue;
            }
            let mut open: u64 = (1 << self.slots.len()) - 1;
            let mut last = first.last;
            for mention in mentions.iter().skip(at) {
                if mention.first > first.first + self.reach {
                    break;
                }
                let filled = self
                    .slots
                    .iter()
                    .enumerate()
                    .find(|(slot, ideas)| open >> slot & 1 == 1 && mention.concept.bit() & **ideas != 0);
                if let Some((slot, _)) = filled {
                    open &= !(1 << slot);
                    last = last.max(mention.last);
                }
                if open == 0 {
                    return Some((first.first, last));
                }
            }
        }
        None
    }
}
