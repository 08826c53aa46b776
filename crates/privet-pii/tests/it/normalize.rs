//! Laws of the normaliser that hold for every text.

use privet_pii::normalize::{DEPTH, views};
use privet_types::{Budget, BudgetError};
use proptest::prelude::*;

/// What callers give per byte.
const UNITS_PER_BYTE: u64 = 40;

const PIECES: &[&str] = &[
    "john",
    "@",
    "example.com",
    " (at) ",
    "[dot]",
    " at ",
    " dot ",
    "com",
    "four ",
    "zero ",
    "double ",
    "4 1 1 1 ",
    "4-1-1-1-1",
    "41\n11 1111 1111 1111",
    "DE 89 3704 0044 0532 0130 00",
    "\u{200b}",
    "\u{ad}",
    "\u{336}",
    "\u{e0041}",
    "е",
    "ж",
    "１",
    "ｊ",
    "٤١١١",
    "⑽",
    "𝐣",
    "é",
    "漢",
    " ",
    "\n",
    ".",
    "%40",
    "%25",
    "%C3%A9",
    "&#64;",
    "&amp;",
    "\\u0040",
    "\\",
    "=34",
    "=\n",
    "am9obkBleGFtcGxlLmNvbQ==",
    "SsO8cmdlbiBNw7xsbGVyIDEyMzQ=",
    "3139322e302e322e3137",
    "31 39 32 2e 30 2e 32 2e 31 37",
    "The committee met again and talked about the roof that had leaked since autumn; nobody wanted to pay. ",
];

fn any_text() -> impl Strategy<Value = String> {
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 0..32);
    prop_oneof![pieces.prop_map(|p| p.concat()), any::<String>()]
}

proptest! {
    #[test]
    fn every_character_of_a_view_maps_to_whole_characters_of_the_text_in_order(text in any_text()) {
        let given = Budget::new(UNITS_PER_BYTE * text.len() as u64);
        let views = views(&text, &given).unwrap();
        let mut length = 0;
        for view in &views {
            length += view.text.len();
            prop_assert!(view.layers <= DEPTH);
            prop_assert_eq!(view.map.view_len(), view.text.len());
            let (mut start, mut end) = (0, 0);
            for (at, c) in view.text.char_indices() {
                let span = view.to_original(at..at + c.len_utf8());
                prop_assert!(span.of(&text).is_some_and(|s| !s.is_empty()), "{:?} of {:?}", span, text);
                prop_assert!(span.start >= start && span.end >= end, "{:?} of {:?}", span, text);
                (start, end) = (span.start, span.end);
            }
            let whole = view.to_original(0..view.text.len() + 9);
            prop_assert!(whole.of(&text).is_some() && whole.end == end);
        }
        prop_assert!(length <= 6 * text.len());
    }

    #[test]
    fn plain_words_have_no_view(text in "([a-z]{2,9}[,.]? ){0,60}") {
        let words = ["at", "dot", "oh"];
        prop_assume!(!text.split([' ', ',', '.']).any(|w| words.contains(&w)));
        prop_assert_eq!(views(&text, &Budget::unlimited()).unwrap(), []);
    }
}

#[test]
fn work_is_linear_and_a_spent_or_cancelled_budget_is_an_error() {
    for piece in PIECES {
        let spent = |len: usize| {
            let budget = Budget::new(u64::MAX);
            views(&piece.repeat(len / piece.len()), &budget).unwrap();
            u64::MAX - budget.left()
        };
        assert!(
            spent(65_536) <= UNITS_PER_BYTE * 65_536,
            "{piece:?}: {}",
            spent(65_536) / 65_536
        );
        assert!(spent(65_536) <= 8 * spent(8_192) + 65_536, "{piece:?}");
    }
    assert_eq!(
        views("john (at) example (dot) com", &Budget::new(30)),
        Err(BudgetError::Spent)
    );
    let budget = Budget::unlimited();
    budget.cancel_flag().cancel();
    assert_eq!(views("john", &budget), Err(BudgetError::Cancelled));
}

/// Speed on one core: `cargo test --release -p privet-pii --test it -- --ignored --nocapture speed`.
#[test]
#[ignore = "measures time"]
fn speed_of_the_quick_pass_and_of_hostile_texts() {
    let prose = "The committee met again on Tuesday to talk about the roof, which had leaked since autumn. Nobody wanted \
                 to pay for it, but everybody agreed that something would have to be done before the winter. ";
    let rows = [
        ("English prose", prose.to_owned()),
        ("German prose", "Der Ausschuss traf sich am Dienstag erneut, um über das Dach zu sprechen, das seit Herbst undicht war. ".to_owned()),
        ("Russian prose", "Комиссия снова собралась во вторник, чтобы поговорить о крыше, которая протекала с осени. ".to_owned()),
        ("Chinese prose", "委员会星期二再次开会，讨论自秋天以来一直漏水的屋顶。没有人愿意付钱。".to_owned()),
        ("Arabic prose", "اجتمعت اللجنة مرة أخرى يوم الثلاثاء للحديث عن السقف الذي كان يتسرب منذ الخريف. ".to_owned()),
        ("source code", include_str!("normalize.rs").to_owned()),
        ("spaced digits", "4 1 1 1 ".to_owned()),
        ("digit words", "four one one one ".to_owned()),
        ("zero width", "4\u{200b}1\u{200b}".to_owned()),
        ("full width", "ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ ".to_owned()),
        ("spelt addresses", "john (at) example (dot) com ".to_owned()),
        ("entities", "&#106;&#111;".to_owned()),
        ("base64", "am9obkBleGFtcGxlLmNvbQ== ".to_owned()),
        ("percent thrice", "%25252541".to_owned()),
        ("broken numbers", "41\n11 1111 ".to_owned()),
        ("all pieces", PIECES.concat()),
    ];
    for (name, piece) in rows {
        let text = piece.repeat(1_000_000 / piece.len());
        let mut best = f64::MAX;
        let mut made = 0;
        for _ in 0..5 {
            let start = std::time::Instant::now();
            made = views(&text, &Budget::unlimited())
                .unwrap()
                .iter()
                .map(|v| v.text.len())
                .sum();
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!(
            "{name:16} {:8.1} MB/s, views {made} bytes",
            text.len() as f64 / best / 1e6
        );
    }
}
