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
    let analyzer = Analyzer::new(&Config {
        network: false,
        ..Config::default()
    })
    .unwrap();
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

/// A value of the matrix that `bench/disguises.py` makes, and where it stands.
#[derive(serde::Deserialize)]
struct Row {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    start: usize,
    end: usize,
    text: String,
}

/// Six values in the seventeen disguises of the comparison with Presidio, 89 pairs; Presidio finds 8 of them.
const MATRIX: &str = include_str!("fixtures/disguises.jsonl");
/// Of 89; the goal that the project set itself.
const FLOOR: usize = 80;

#[test]
fn eighty_of_the_89_disguised_values_are_found() {
    let analyzer = Analyzer::new(&Config::everything()).unwrap();
    let rows: Vec<Row> = MATRIX
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let is_found = |row: &Row| {
        let stretch = row.text.get(row.start..row.end).unwrap();
        let stretch: Vec<_> = stretch.char_indices().collect();
        let reach = row.start + stretch[4].0..row.start + stretch[stretch.len() - 4].0;
        let found = analyzer.analyze(&row.text, None, &Budget::unlimited()).unwrap();
        found
            .iter()
            .any(|f| f.entity.name() == row.kind && f.span.start <= reach.start && f.span.end >= reach.end)
    };
    let missed: Vec<_> = rows
        .iter()
        .filter(|row| !is_found(row))
        .map(|row| &row.id)
        .collect();
    assert_eq!(rows.len(), 89);
    assert!(rows.len() - missed.len() >= FLOOR, "missed: {missed:#?}");
}

/// Text that people and programs write, in which nothing is disguised.
const ORDINARY: &[&str] = &[
    "The committee met at noon; one two three, and then four of them left. See section 3.1.4 and version 10.15.7.2.",
    "I have one, two, three, four, five reasons. Zero. Six seven eight nine ten.",
    "Der Ausschuss traf sich um neun Uhr, Punkt zwölf war Schluss; eins, zwei, drei, vier Eckstein.",
    "Le comité s'est réuni à dix heures ; à ce point, un, deux, trois, nous irons au bois. N° 12, 10 m², 1er étage.",
    "El comité se reunió a las nueve en punto; uno, dos, tres, cuatro, cinco lobitos. 1.º B, año 2024.",
    "Il comitato si è riunito alle nove in punto; uno, due, tre, quattro stelle. Caffè à la carte.",
    "De commissie vergaderde om negen uur; één, twee, drie, vier, hoedje van papier.",
    "A comissão reuniu-se às nove em ponto; um, dois, três, quatro, cinco, mil. São João, 2ª edição.",
    "Komisja zebrała się o dziewiątej; raz, dwa, trzy, cztery. Kropka nad i.",
    "Комиссия собралась в девять часов. IT-отдел, 1С:Предприятие, USB-кабель, 5 км, Wi-Fi.",
    "Η επιτροπή συνεδρίασε στις εννέα. Το USB είναι 5 μm, β-carotene, γ-ray.",
    "اجتمعت اللجنة في الساعة التاسعة يوم ١٢ مارس ٢٠٢٤ في القاهرة. می\u{200c}خواهم بروم.",
    "समिति की बैठक नौ बजे हुई, १५ अगस्त १९४७ को। क्\u{200d}ष",
    "委员会在九点开会，共有１２人参加。使用Python，时间：10点。ＡＢＣ公司。",
    "委員会は２０２４年３月９日（土）に開かれ、ＮＨＫで放送された。①第一 ②第二 ③第三",
    "คณะกรรมการประชุมเวลา ๙ นาฬิกา วันที่ ๑๒ มีนาคม ๒๕๖๗",
    "위원회는 9시에 모였다. ❤\u{fe0f} 👩\u{200d}💻 1\u{fe0f}\u{20e3}",
    "הוועדה התכנסה בשעה \u{200f}9 בבוקר בשנת \u{200f}2024.",
    "Uỷ ban họp lúc chín giờ; một, hai, ba, bốn. Komite saat dokuzda toplandı; bir, iki, üç.",
    "let s = \"caf\\u00e9 \\u4f60\\u597d\\n\\t\\x1b[0m\"; if a == b && c != d { x = 10; y=20; z=30 }",
    "const ids = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];",
    "for (i=0;i<10;i++) { a[i]=0x41; b[i]=0x42; } getUserNameById(administrationSettings2);",
    "GET /search?q=hello%20world&lang=de&page=3 HTTP/1.1 200 5123 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
    "2024-03-12 10:30:45,123 INFO [main] c.e.App - took 12 ms, 3 of 5 done, id=550e8400-e29b-41d4-a716-446655440000",
    "<p>Fish &amp; chips &lt;b&gt;5&nbsp;%&lt;/b&gt; &copy; 2024 &hellip; caf&eacute;</p>",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 md5 d41d8cd98f00b204e9800998ecf8427e",
    "commit 4539865f0c2b1a9d8e7f6a5b4c3d2e1f0a9b8c7d, merge 76a4cd4 bc8c632",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "1 2 3\n4 5 6\n7 8 9\n3 5 2 8\n4 1 0 3\n9 2 1 1\n4 0 2 5",
    "year,count\n2019,1234\n2020,5678\n2021,9012\n2022,3456\n3530,1113\n3330,0000",
    "12 345 6789\n98 765 4321\n11 222 3333\n5105 1051 0510\n5100\n",
    "Look at the dot. Meet me at example.com; at this point in time, at polka dot level.",
    "see https://en.wikipedia.org/wiki/%D0%9C%D0%BE%D1%81%D0%BA%D0%B2%D0%B0 and caf%C3%A9?x=1%2F2",
    "A B C D E F G; a, b, c, d, e; I, II, III, IV; 1. 2. 3. 4. 5. 6. 7.",
    "31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50",
    "00:00:5e:00:53:01 is up; ratio 3:4:5; 12:30:45",
];

#[test]
fn ordinary_text_yields_nothing_more() {
    let analyzer = Analyzer::new(&Config {
        network: false,
        ..Config::default()
    })
    .unwrap();
    for text in ORDINARY {
        let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        let kinds: Vec<_> = found
            .iter()
            .map(|f| (f.entity, f.span.of(text).unwrap()))
            .collect();
        let plain = kinds.iter().all(|(e, _)| *e == Entity::MAC_ADDRESS);
        assert!(plain, "{text:?}: {kinds:?}");
    }
}

#[test]
fn ordinary_prose_of_any_language_has_no_view() {
    for text in ORDINARY.iter().take(19) {
        let views = privet_pii::normalize::views(text, &Budget::unlimited()).unwrap();
        assert!(views.is_empty(), "{text:?}: {views:?}");
    }
}
