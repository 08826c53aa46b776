//! Any cut of a text gives the same verdict.

use privet_guardrails::controls::{
    Action, Escapes, EscapesConfig, Filter, InvisibleConfig, Passed, StripInvisible,
};
use privet_types::Budget;
use proptest::prelude::*;

/// What a filter makes of `text` in pieces that end at `cuts`; each cut is moved to the next character bound.
pub(crate) fn run(filter: &mut dyn Filter, text: &str, cuts: &[usize]) -> Passed {
    let mut cuts: Vec<usize> = cuts
        .iter()
        .map(|cut| cut % (text.len() + 1))
        .map(|cut| (cut..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap())
        .collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    let mut passed = Passed::default();
    for pair in cuts.windows(2) {
        let piece = &text[pair[0]..pair[1]];
        filter.push(piece, &mut passed, &Budget::unlimited()).unwrap();
    }
    if !passed.is_stopped() {
        filter.finish(&mut passed, &Budget::unlimited()).unwrap();
    }
    passed
}

/// Holds a filter's verdict on the whole text against that on single characters and on `cuts`.
pub(crate) fn same_however_cut(make: &dyn Fn() -> Box<dyn Filter>, text: &str, cuts: &[usize]) {
    let whole = run(&mut *make(), text, &[]);
    let every: Vec<usize> = (0..=text.len()).collect();
    assert_eq!(
        run(&mut *make(), text, &every),
        whole,
        "single characters of {text:?}"
    );
    assert_eq!(run(&mut *make(), text, cuts), whole, "{cuts:?} of {text:?}");
}

/// Texts of these scraps.
pub(crate) fn texts(scraps: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(scraps), 0..24).prop_map(|parts| parts.concat())
}

pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..4096_usize, 0..6)
}

const UNSEEN: &[&str] = &[
    "a",
    "é",
    " ",
    "م",
    "👨",
    "\u{200d}",
    "\u{200c}",
    "\u{200b}",
    "\u{fe0f}",
    "\u{e0100}",
    "葛",
    "\u{1f3f4}",
    "\u{e0067}",
    "\u{e0062}",
    "\u{e0065}\u{e006e}\u{e0067}",
    "\u{e007f}",
    "\u{202e}",
    "1",
];

const CONTROLS: &[&str] = &[
    "a", "\u{1b}", "[", "31m", "]", "0;", "\u{7}", "\\", "P", "\u{9b}", "\u{9c}", "\u{18}", "\n", "é",
    "\u{8}", "(", "B",
];

proptest! {
    #[test]
    fn invisible_characters_are_told_however_a_text_is_cut(text in texts(UNSEEN), cuts in cuts(), blocks: bool) {
        let smuggled = if blocks { Action::Block } else { Action::Redact };
        let config = InvisibleConfig { smuggled, ..InvisibleConfig::default() };
        same_however_cut(&|| Box::new(StripInvisible::new(&config)), &text, &cuts);
    }

    #[test]
    fn what_is_left_without_invisible_characters_has_none(text in texts(UNSEEN)) {
        let once = run(&mut StripInvisible::new(&InvisibleConfig::default()), &text, &[]).text;
        let twice = run(&mut StripInvisible::new(&InvisibleConfig::default()), &once, &[]);
        prop_assert_eq!(&twice.text, &once);
    }

    #[test]
    fn terminal_sequences_are_told_however_a_text_is_cut(text in texts(CONTROLS), cuts in cuts(), blocks: bool) {
        let config = EscapesConfig { action: if blocks { Action::Hold } else { Action::Redact } };
        same_however_cut(&|| Box::new(Escapes::new(&config)), &text, &cuts);
    }

    #[test]
    fn no_terminal_sequence_is_left(text in texts(CONTROLS)) {
        let left = run(&mut Escapes::new(&EscapesConfig::default()), &text, &[]).text;
        prop_assert!(!left.contains(|c: char| c.is_control() && c != '\n'));
    }
}
