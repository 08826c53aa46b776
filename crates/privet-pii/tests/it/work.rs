//! The work done per byte, counted in budget units and so without a clock.

use privet_pii::{Analyzer, Config};
use privet_types::Budget;

/// What callers give per byte, and on top.
const UNITS_PER_BYTE: u64 = 256;
const UNITS_EXTRA: u64 = 65_536;

fn units(analyzer: &Analyzer, text: &str) -> u64 {
    let budget = Budget::new(u64::MAX);
    analyzer.analyze(text, None, &budget).unwrap();
    u64::MAX - budget.left()
}

/// `piece` over and over, about `len` bytes.
fn repeated(piece: &str, len: usize) -> String {
    piece.repeat(len / piece.len())
}

/// The dearest that a search by mutation found: 51 units per byte of the text itself, the rest for its disguises.
const DEAREST: &str = "00)7 .8-";

const PIECES: &[&str] = &[
    DEAREST,
    "6 1 1990 ",
    "B-QX 1 ",
    "B QX 1 Kennzeichen ",
    "34 Q 12 ",
    "HRB 1 ",
    "21/815/08150 ",
    "4823 270368 ",
    "281934009 ",
    "48173092613 ",
    "AA 1234567 ",
    "2 79 03 13 055 147 40 ",
    "0532 000 11 22 ",
    "bic ",
    "swift:",
    "BIC QQXXDEFF ",
    "00(.1/0(0(28)0(0/7(00/5)5 08/9)68/4(5(",
    "1 ",
    "11 ",
    "111 ",
    "1111 ",
    "12-",
    "1 - ",
    "01 02 03 ",
    "tel 01 02 03 04 05 06 07 08 09 ",
    "001 ",
    "00 1 ",
    "tel 001 ",
    "1",
    "@",
    "a@",
    "a@b.",
    "@1.",
    "\"@",
    ":",
    "::",
    "a:",
    "1:",
    "00:",
    "ab:cd:",
    "=",
    "a=",
    "token=",
    "token: ",
    "token=a ",
    "pwd=",
    "http://",
    "a://b?",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----END ",
    "-----",
    "sk-",
    "a-",
    "-",
    "_",
    "eyJ",
    "eyJhbGciOiJIUzI1.",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa ",
    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq ",
    "DE89 ",
    "DE89",
    "DE89-",
    "GB82 WEST ",
    "born 1/1/1990 ",
    "1 1 1990 ",
    "born 1 may 1990 ",
    "12 March ",
    "+",
    "+1 ",
    "+99 ",
    "+4930901820 ",
    "tel 5551234 ",
    "password is ",
    "is a1 ",
    "1.1.1.1.",
    "1.2.3.4 ",
    "0000.",
    "\\n",
    "\u{a0}1",
    "卡1",
    "é",
    "5555555555554444 ",
    "50 50 50 50 ",
    "card 50 50 ",
    "4111 1111 1111 1111 ",
    "4111111111111 ",
    "219-09-9999 ",
    "ssn 219099999 ",
    "1/1/1/1/",
    "(1)",
    "(1) ",
    ") 1",
    "x1 ",
    "1x1 ",
    "A.1 ",
    "SG.",
    "aaaaaaaaaaaaaaaa.",
    "\\",
    "\\\\n",
    "\u{3000}",
    "key=a1a1a1a1&",
    "AC0123456789abcdef0123456789abcdef ",
    "0 ",
    "00 ",
    "01 ",
    "012 3456789 ",
    "00)7 .8-00)7 .8-00)7 .8-%252541 ",
    "4-1-1-1-",
    "4\n11\n",
    "four ",
    "double ",
    "one A ",
    "j o h n @ ",
    "x at y dot ",
    "a (at) b (dot) com ",
    "&#64;",
    "%40",
    "%252540",
    "\\u0040",
    "=34=\n",
    "am9obkBleGFtcGxlLmNvbQ== ",
    "YW05b2JrQmxlR0Z0Y0d4bExtTnZiUT09 ",
    "343131 ",
    "34 31 ",
    "34313131313131 ",
    "AB 12 AB 1 ",
    "DE89 3704\n",
    "4\u{200b}",
    "\u{200b}",
    "٤",
    "ｊ＠",
    "jо",
    "⑽",
    "\u{e0041}",
    "\u{336}1",
    "123456789 ",
    "12345678 ",
    "A1234567 ",
    "A1 ",
    "AB 12 34 56 C ",
    "AB12 CDE ",
    "LS11 5DB ",
    "3123:4567:8909:",
    "870314-1520682 ",
    "a-1-",
    "ab 1-ab 1/",
    "license 123456 ",
    "1 A ",
    "No: 1 ",
    "1 Rd ",
    "Apt 1 ",
    "ul. A ",
    "Via Aa Bb Cc Dd ",
    "12 Main Road, Aa, ",
    "Aa Bb Cc Apt. 1 ",
    "PO Box 1 ",
    "شارع ا، ",
    "東京都1",
    "1年1月",
    "2000-2001 ",
    "1:00 ",
    "May 1 ",
    "Monday ",
    "Mr. Aa ",
    "Name: ",
    "user ",
    "password a1B_ ",
    "exp 1/",
    "Q1 ",
    "1 years ",
    "a.com ",
    "www.",
];

#[test]
fn rows_of_one_piece_cost_the_same_per_byte_at_every_length() {
    let analyzer = Analyzer::new(&Config {
        network: false,
        ..Config::everything()
    })
    .unwrap();
    for piece in PIECES {
        let short = units(&analyzer, &repeated(piece, 8_192));
        let long = units(&analyzer, &repeated(piece, 65_536));
        assert!(
            // Twice eight times: where a text is cut into stretches may fall in or out of step with the piece.
            long <= 16 * short + 4_096,
            "{piece:?}: {short} units for 8 KiB, {long} for 64 KiB"
        );
        assert!(
            long <= UNITS_PER_BYTE * 65_536,
            "{piece:?}: {} units per byte",
            long / 65_536
        );
    }
}

#[test]
fn no_mixture_of_pieces_exceeds_the_units_that_callers_give() {
    let analyzer = Analyzer::new(&Config {
        network: false,
        ..Config::everything()
    })
    .unwrap();
    // A linear congruential generator (Knuth's MMIX constants), seeded with its own constant.
    let mut state = 0x5851_f42d_4c95_7f2d_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..300 {
        let row: String = (0..1 + next(4)).map(|_| PIECES[next(PIECES.len())]).collect();
        let text = repeated(&row, 4_096);
        let spent = units(&analyzer, &text);
        let given = UNITS_PER_BYTE * u64::try_from(text.len()).unwrap();
        assert!(
            spent <= given,
            "{row:?}: {} units per byte",
            spent * UNITS_PER_BYTE / given
        );
        assert!(spent <= given + UNITS_EXTRA);
    }
}

#[test]
fn a_megabyte_of_anything_ends_within_its_budget() {
    let analyzer = Analyzer::new(&Config {
        network: false,
        ..Config::everything()
    })
    .unwrap();
    for piece in [
        "1",
        "1 ",
        "@",
        "a@",
        ":",
        "-----BEGIN ",
        "http://",
        "token=",
        "5555555555554444 ",
        "a",
    ] {
        let text = repeated(piece, 1_000_000);
        let given = UNITS_PER_BYTE * u64::try_from(text.len()).unwrap() + UNITS_EXTRA;
        analyzer.analyze(&text, None, &Budget::new(given)).unwrap();
    }
}
