//! Values in disguise are found where they stand; ordinary text yields nothing more.

use privet_pii::{Analyzer, Config};
use privet_types::{Budget, Entity};

/// A kind, a value of it that is nobody's, and sentences that it stands in.
struct Value {
    entity: Entity,
    text: &'static str,
    carriers: &'static [&'static str],
}

const VALUES: &[Value] = &[
    Value {
        entity: Entity::EMAIL_ADDRESS,
        text: "ann.lee@example.com",
        carriers: &[
            "My email is {}, thanks.",
            "Schreib mir an {} bitte",
            "Mon adresse : {}",
        ],
    },
    Value {
        entity: Entity::PHONE_NUMBER,
        text: "+1 202-555-0143",
        carriers: &[
            "My phone number is {}, thanks.",
            "Ruf mich an: {} (abends)",
            "Llámame al {} mañana",
        ],
    },
    Value {
        entity: Entity::CREDIT_CARD,
        text: "4000 0012 3456 7899",
        carriers: &[
            "My card number is {}, thanks.",
            "Zahle bitte mit {} heute",
            "Carte : {}.",
        ],
    },
    Value {
        entity: Entity::IBAN_CODE,
        text: "DE89 3704 0044 0532 0130 00",
        carriers: &["My IBAN is {}, thanks.", "Bitte an {} zahlen", "Compte {} merci"],
    },
    Value {
        entity: Entity::US_SSN,
        text: "219-09-9999",
        carriers: &[
            "My SSN is {}, thanks.",
            "Social security number: {}",
            "SSN {} for the form",
        ],
    },
    Value {
        entity: Entity::IP_ADDRESS,
        text: "192.0.2.117",
        carriers: &[
            "My IP address is {}, thanks.",
            "Der Server {} antwortet nicht",
            "from {} at night",
        ],
    },
];

type Disguise = (&'static str, fn(&str) -> String);

fn each(value: &str, spell: impl Fn(char) -> String) -> String {
    value.chars().map(spell).collect()
}

fn between(value: &str, separator: &str) -> String {
    value
        .chars()
        .map(String::from)
        .collect::<Vec<_>>()
        .join(separator)
}

/// Digits only, as a person would spread them.
fn digits(value: &str, separator: &str) -> String {
    let kept: Vec<_> = value
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '@' | '.' | '+'))
        .map(String::from)
        .collect();
    kept.join(separator)
}

fn words(value: &str, language: [&str; 10], dot: &str, dash: &str) -> String {
    let spelt = value
        .chars()
        .filter(|c| *c != ' ')
        .map(|c| match (c, c.to_digit(10)) {
            (_, Some(d)) => language[usize::try_from(d).unwrap()].to_owned(),
            ('.', _) => dot.to_owned(),
            ('-', _) => dash.to_owned(),
            ('+', _) => "plus".to_owned(),
            (c, _) => c.to_string(),
        });
    spelt.collect::<Vec<_>>().join(" ")
}

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let n = group.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let sextet = usize::try_from(n >> (18 - 6 * i) & 63).unwrap();
            out.push(if i > group.len() {
                '='
            } else {
                char::from(alphabet[sextet])
            });
        }
    }
    out
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const ENGLISH: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];
const GERMAN: [&str; 10] = [
    "null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
];
const SPANISH: [&str; 10] = [
    "cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve",
];

/// The character `offset` from `from` on if `c` is one of `range`.
fn shift(c: char, from: char, to: u32) -> String {
    char::from_u32(u32::from(c).saturating_sub(u32::from(from)) + to)
        .unwrap()
        .to_string()
}

fn homoglyph(c: char) -> char {
    let pairs = [
        ('a', 'а'),
        ('e', 'е'),
        ('o', 'о'),
        ('c', 'с'),
        ('p', 'р'),
        ('x', 'х'),
        ('D', 'Ꭰ'),
        ('E', 'Е'),
    ];
    pairs
        .iter()
        .find(|(plain, _)| *plain == c)
        .map_or(c, |(_, other)| *other)
}

const DISGUISES: &[Disguise] = &[
    ("spaced", |v| digits(v, " ")),
    ("spaced throughout", |v| between(v, " ")),
    ("dashed", |v| digits(v, "-")),
    ("dashed throughout", |v| between(v, "-")),
    ("dotted", |v| digits(&v.replace('.', ""), ".")),
    ("lines", |v| digits(v, "\n")),
    ("broken in the middle", |v| {
        let (a, b) = v.split_at(v.len() / 2);
        format!("{a}\n{b}")
    }),
    ("broken twice", |v| {
        let (a, b) = v.split_at(v.len() / 3);
        let (b, c) = b.split_at(v.len() / 3);
        format!("{a}\n{b}\n{c}")
    }),
    ("English words", |v| words(v, ENGLISH, "dot", "dash")),
    ("words without marks", |v| {
        words(&v.replace('-', ""), ENGLISH, "point", "")
    }),
    ("German words", |v| words(v, GERMAN, "Punkt", "Strich")),
    ("Spanish words", |v| words(v, SPANISH, "punto", "guion")),
    ("zero width", |v| between(v, "\u{200b}")),
    ("joiners", |v| between(v, "\u{2060}")),
    ("soft hyphen", |v| between(v, "\u{ad}")),
    ("variation selectors", |v| between(v, "\u{fe0f}")),
    ("bidi", |v| format!("\u{202d}{}\u{202c}", between(v, "\u{200e}"))),
    ("combining", |v| {
        each(v, |c| {
            if c.is_ascii_digit() {
                format!("{c}\u{336}")
            } else {
                c.to_string()
            }
        })
    }),
    ("homoglyphs", |v| each(v, |c| homoglyph(c).to_string())),
    ("full width", |v| {
        each(v, |c| {
            if c == ' ' {
                "\u{3000}".to_owned()
            } else {
                shift(c, '!', 0xff01)
            }
        })
    }),
    ("mathematical", |v| {
        each(v, |c| match c {
            'a'..='z' => shift(c, 'a', 0x1d41a),
            'A'..='Z' => shift(c, 'A', 0x1d400),
            '0'..='9' => shift(c, '0', 0x1d7ce),
            c => c.to_string(),
        })
    }),
    ("Arabic-Indic", |v| {
        each(v, |c| {
            if c.is_ascii_digit() {
                shift(c, '0', 0x660)
            } else {
                c.to_string()
            }
        })
    }),
    ("Devanagari", |v| {
        each(v, |c| {
            if c.is_ascii_digit() {
                shift(c, '0', 0x966)
            } else {
                c.to_string()
            }
        })
    }),
    ("Thai", |v| {
        each(v, |c| {
            if c.is_ascii_digit() {
                shift(c, '0', 0xe50)
            } else {
                c.to_string()
            }
        })
    }),
    ("circled", |v| {
        each(v, |c| match c {
            '1'..='9' => shift(c, '1', 0x2460),
            '0' => "⓪".to_owned(),
            c => c.to_string(),
        })
    }),
    ("(at) (dot)", |v| v.replace('@', " (at) ").replace('.', " (dot) ")),
    ("[at] [dot]", |v| v.replace('@', "[at]").replace('.', "[dot]")),
    ("at dot", |v| v.replace('@', " at ").replace('.', " dot ")),
    ("base64", |v| base64(v.as_bytes(), STANDARD)),
    ("base64 twice", |v| {
        base64(base64(v.as_bytes(), STANDARD).as_bytes(), STANDARD)
    }),
    ("hex", |v| v.bytes().map(|b| format!("{b:02x}")).collect()),
    ("spaced hex", |v| {
        v.bytes()
            .map(|b| format!("{b:02x}"))
            .collect::<Vec<_>>()
            .join(" ")
    }),
    ("percent", |v| v.bytes().map(|b| format!("%{b:02X}")).collect()),
    ("percent marks", |v| {
        v.replace('%', "%25")
            .replace('@', "%40")
            .replace('+', "%2B")
            .replace(' ', "%20")
    }),
    ("percent twice", |v| {
        v.bytes().map(|b| format!("%25{b:02X}")).collect()
    }),
    ("decimal entities", |v| {
        each(v, |c| format!("&#{};", u32::from(c)))
    }),
    ("hex entities", |v| each(v, |c| format!("&#x{:x};", u32::from(c)))),
    ("\\u", |v| each(v, |c| format!("\\u{:04x}", u32::from(c)))),
    ("\\x", |v| v.bytes().map(|b| format!("\\x{b:02x}")).collect()),
    ("quoted-printable", |v| {
        v.bytes().map(|b| format!("={b:02X}")).collect()
    }),
    ("tags", |v| each(v, |c| shift(c, '\0', 0xe0000))),
    ("entities in base64", |v| {
        base64(each(v, |c| format!("&#{};", u32::from(c))).as_bytes(), STANDARD)
    }),
    ("full width in percent", |v| {
        each(v, |c| {
            shift(c, '!', 0xff01)
                .bytes()
                .map(|b| format!("%{b:02X}"))
                .collect()
        })
    }),
];

/// Pairs that make no sense, or for which plain text is all there is.
fn is_effective(value: &Value, disguise: &str, disguised: &str) -> bool {
    let is_email = value.entity == Entity::EMAIL_ADDRESS;
    let loses_dots = value.entity == Entity::IP_ADDRESS && disguise == "dotted";
    let is_spoken = disguise.contains("words") && is_email;
    let is_email_in_lines = is_email && (disguise.contains("broken") || disguise.contains("dotted"));
    let is_spelt = disguise.contains("dot") && disguise.contains("at") && !is_email;
    let no_space = disguise == "full width in percent" && value.text.contains(' ');
    disguised != value.text && !loses_dots && !is_spoken && !is_email_in_lines && !is_spelt && !no_space
}

#[test]
fn values_in_disguise_are_found_where_they_stand() {
    let analyzer = Analyzer::new(&Config::default()).unwrap();
    let (mut all, mut missed) = (0, Vec::new());
    for value in VALUES {
        for (name, disguise) in DISGUISES {
            let disguised = disguise(value.text);
            if !is_effective(value, name, &disguised) {
                continue;
            }
            for carrier in value.carriers {
                let text = carrier.replace("{}", &disguised);
                let start = carrier.find("{}").unwrap();
                let end = start + disguised.len();
                let found = analyzer.analyze(&text, None, &Budget::unlimited()).unwrap();
                let slack = 4;
                let is_found = found.iter().any(|f| {
                    f.entity == value.entity
                        && f.span.start <= start + slack
                        && f.span.end + slack >= end
                        && f.span.start + 12 >= start
                        && f.span.end <= end + 12
                });
                all += 1;
                if !is_found {
                    let seen: Vec<_> = found
                        .iter()
                        .map(|f| (f.entity, f.span.of(&text).unwrap()))
                        .collect();
                    missed.push(format!("{name} | {text:?} | {seen:?}"));
                }
            }
        }
    }
    assert!(
        missed.len() * 50 <= all,
        "{} of {all} missed:\n{}",
        missed.len(),
        missed.join("\n")
    );
}
