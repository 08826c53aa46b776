//! Scores of CVSS version 4.0: a table of macro vectors, and interpolation inside one.

use super::cvss::{Metrics, to_tenths};

/// Score in tenths of each macro vector. Rows: EQ1 (3) × EQ2 (2). In a row: the five pairs of EQ3 and EQ6 that exist (00, 01, 10, 11,
/// 21) × EQ4 (3) × EQ5 (3).
///
/// # Source
/// FIRST, CVSS v4.0 specification, 8.2 and its lookup table (`cvss_lookup.js` of the reference calculator).
#[rustfmt::skip]
const SCORES: [[u8; 45]; 6] = [
    [
        100, 98, 95, 100, 93, 91, 93, 89, 81,
        99, 95, 92, 96, 87, 81, 90, 80, 68,
        98, 95, 90, 93, 89, 81, 88, 78, 69,
        95, 92, 84, 92, 81, 65, 80, 70, 48,
        92, 82, 72, 79, 69, 50, 69, 55, 27,
    ],
    [
        99, 95, 92, 95, 90, 84, 92, 82, 72,
        97, 92, 85, 91, 83, 71, 81, 71, 53,
        95, 92, 85, 92, 80, 70, 84, 71, 50,
        93, 85, 73, 82, 72, 59, 70, 52, 30,
        86, 75, 52, 71, 52, 29, 63, 29, 17,
    ],
    [
        98, 94, 91, 94, 86, 77, 87, 74, 63,
        95, 87, 81, 89, 74, 64, 75, 63, 49,
        94, 88, 76, 86, 74, 59, 72, 57, 52,
        89, 77, 67, 76, 58, 50, 57, 52, 25,
        83, 70, 54, 65, 58, 26, 53, 21, 13,
    ],
    [
        95, 88, 76, 90, 75, 61, 77, 68, 52,
        90, 76, 70, 77, 62, 53, 66, 59, 30,
        89, 76, 62, 74, 57, 47, 61, 57, 24,
        78, 67, 58, 59, 57, 23, 52, 29, 16,
        71, 59, 30, 58, 26, 15, 23, 13, 6,
    ],
    [
        93, 86, 75, 86, 74, 56, 70, 52, 40,
        87, 72, 58, 74, 61, 34, 54, 40, 22,
        85, 74, 62, 72, 55, 46, 53, 34, 19,
        75, 55, 51, 57, 41, 19, 36, 19, 8,
        64, 51, 20, 47, 21, 11, 24, 9, 4,
    ],
    [
        88, 73, 60, 73, 59, 41, 54, 45, 20,
        75, 53, 50, 55, 40, 20, 43, 22, 11,
        75, 58, 40, 61, 48, 20, 46, 17, 8,
        55, 45, 21, 51, 18, 9, 18, 7, 2,
        53, 24, 14, 24, 12, 5, 10, 3, 1,
    ],
];

/// Values of a metric from worst to mildest.
const ORDERS: [(&str, &str); 14] = [
    ("AV", "NALP"),
    ("PR", "NLH"),
    ("UI", "NPA"),
    ("AC", "LH"),
    ("AT", "NP"),
    ("VC", "HLN"),
    ("VI", "HLN"),
    ("VA", "HLN"),
    ("SC", "SHLN"),
    ("SI", "SHLN"),
    ("SA", "SHLN"),
    ("CR", "HML"),
    ("IR", "HML"),
    ("AR", "HML"),
];

/// A highest-severity vector of an equivalence class: its metrics and their values.
type Highest = &'static [(&'static str, char)];

/// The highest-severity vectors by class (specification, table 24 to 30), and the depth of the class in steps.
struct Class {
    highest: &'static [Highest],
    depth: f64,
}

const EQ1: [Class; 3] = [
    Class {
        highest: &[&[("AV", 'N'), ("PR", 'N'), ("UI", 'N')]],
        depth: 1.0,
    },
    Class {
        highest: &[
            &[("AV", 'A'), ("PR", 'N'), ("UI", 'N')],
            &[("AV", 'N'), ("PR", 'L'), ("UI", 'N')],
            &[("AV", 'N'), ("PR", 'N'), ("UI", 'P')],
        ],
        depth: 4.0,
    },
    Class {
        highest: &[
            &[("AV", 'P'), ("PR", 'N'), ("UI", 'N')],
            &[("AV", 'A'), ("PR", 'L'), ("UI", 'P')],
        ],
        depth: 5.0,
    },
];

const EQ2: [Class; 2] = [
    Class {
        highest: &[&[("AC", 'L'), ("AT", 'N')]],
        depth: 1.0,
    },
    Class {
        highest: &[&[("AC", 'H'), ("AT", 'N')], &[("AC", 'L'), ("AT", 'P')]],
        depth: 2.0,
    },
];

/// By the pairs of EQ3 and EQ6, in the order of [`SCORES`].
const EQ36: [Class; 5] = [
    Class {
        highest: &[&[
            ("VC", 'H'),
            ("VI", 'H'),
            ("VA", 'H'),
            ("CR", 'H'),
            ("IR", 'H'),
            ("AR", 'H'),
        ]],
        depth: 7.0,
    },
    Class {
        highest: &[
            &[
                ("VC", 'H'),
                ("VI", 'H'),
                ("VA", 'L'),
                ("CR", 'M'),
                ("IR", 'M'),
                ("AR", 'H'),
            ],
            &[
                ("VC", 'H'),
                ("VI", 'H'),
                ("VA", 'H'),
                ("CR", 'M'),
                ("IR", 'M'),
                ("AR", 'M'),
            ],
        ],
        depth: 6.0,
    },
    Class {
        highest: &[
            &[
                ("VC", 'L'),
                ("VI", 'H'),
                ("VA", 'H'),
                ("CR", 'H'),
                ("IR", 'H'),
                ("AR", 'H'),
            ],
            &[
                ("VC", 'H'),
                ("VI", 'L'),
                ("VA", 'H'),
                ("CR", 'H'),
                ("IR", 'H'),
                ("AR", 'H'),
            ],
        ],
        depth: 8.0,
    },
    Class {
        highest: &[
            &[
                ("VC", 'L'),
                ("VI", 'H'),
                ("VA", 'L'),
                ("CR", 'H'),
                ("IR", 'M'),
                ("AR", 'H'),
            ],
            &[
                ("VC", 'L'),
                ("VI", 'H'),
                ("VA", 'H'),
                ("CR", 'H'),
                ("IR", 'M'),
                ("AR", 'M'),
            ],
            &[
                ("VC", 'H'),
                ("VI", 'L'),
                ("VA", 'H'),
                ("CR", 'M'),
                ("IR", 'H'),
                ("AR", 'M'),
            ],
            &[
                ("VC", 'H'),
                ("VI", 'L'),
                ("VA", 'L'),
                ("CR", 'M'),
                ("IR", 'H'),
                ("AR", 'H'),
            ],
            &[
                ("VC", 'L'),
                ("VI", 'L'),
                ("VA", 'H'),
                ("CR", 'H'),
                ("IR", 'H'),
                ("AR", 'M'),
            ],
        ],
        depth: 8.0,
    },
    Class {
        highest: &[&[
            ("VC", 'L'),
            ("VI", 'L'),
            ("VA", 'L'),
            ("CR", 'H'),
            ("IR", 'H'),
            ("AR", 'H'),
        ]],
        depth: 10.0,
    },
];

const EQ4: [Class; 3] = [
    Class {
        highest: &[&[("SC", 'H'), ("SI", 'S'), ("SA", 'S')]],
        depth: 6.0,
    },
    Class {
        highest: &[&[("SC", 'H'), ("SI", 'H'), ("SA", 'H')]],
        depth: 5.0,
    },
    Class {
        highest: &[&[("SC", 'L'), ("SI", 'L'), ("SA", 'L')]],
        depth: 4.0,
    },
];

/// Which class of each set the vector is in.
#[derive(Clone, Copy)]
struct Macro {
    eq1: usize,
    eq2: usize,
    eq3: usize,
    eq4: usize,
    eq5: usize,
    eq6: usize,
}

impl Macro {
    fn pair(self) -> Option<usize> {
        match (self.eq3, self.eq6) {
            (0, 0) => Some(0),
            (0, 1) => Some(1),
            (1, 0) => Some(2),
            (1, 1) => Some(3),
            (2, 1) => Some(4),
            _ => None,
        }
    }

    /// `None` where there is no such macro vector.
    fn score(self) -> Option<f64> {
        if self.eq1 > 2 || self.eq2 > 1 || self.eq4 > 2 || self.eq5 > 2 {
            return None;
        }
        let row = SCORES.get(self.eq1 * 2 + self.eq2)?;
        let tenths = row.get(self.pair()? * 9 + self.eq4 * 3 + self.eq5)?;
        Some(f64::from(*tenths) / 10.0)
    }
}

/// The score of a version 4.0 vector; `None` if a base metric is missing or a value is not one of the metric's.
pub(super) fn score(metrics: &Metrics<'_>) -> Option<f64> {
    let value = |name: &str| effective(metrics, name);
    let is = |name: &str, wanted: char| value(name) == Some(wanted);
    for (name, order) in ORDERS {
        if !order.contains(value(name)?) {
            return None;
        }
    }
    if ["VC", "VI", "VA", "SC", "SI", "SA"]
        .iter()
        .all(|name| is(name, 'N'))
    {
        return Some(0.0);
    }
    let class = classify(&is);
    let top = class.score()?;
    let lower36 = [
        Macro {
            eq3: class.eq3 + 1,
            ..class
        },
        Macro {
            eq6: class.eq6 + 1,
            ..class
        },
    ];
    // From 00 both neighbours exist and the higher one counts; from 01 and 11 only EQ3 can fall, from 10 only EQ6.
    let lower36 = match (class.eq3, class.eq6) {
        (1, 0) => lower36.get(1).and_then(|one| one.score()),
        (0, 0) => lower36
            .iter()
            .filter_map(|one| one.score())
            .max_by(f64::total_cmp),
        _ => lower36.first().and_then(|one| one.score()),
    };
    let sets = [
        (
            EQ1.get(class.eq1),
            Macro {
                eq1: class.eq1 + 1,
                ..class
            }
            .score(),
        ),
        (
            EQ2.get(class.eq2),
            Macro {
                eq2: class.eq2 + 1,
                ..class
            }
            .score(),
        ),
        (EQ36.get(class.pair()?), lower36),
        (
            EQ4.get(class.eq4),
            Macro {
                eq4: class.eq4 + 1,
                ..class
            }
            .score(),
        ),
    ];
    let mut sum = 0.0;
    let mut count = 0.0;
    for (set, lower) in sets {
        let Some(lower) = lower else { continue };
        let set = set?;
        count += 1.0;
        sum += (top - lower) * distance(set, &value)? / set.depth;
    }
    // EQ5 has one vector a class: it counts, with a distance of zero.
    if (Macro {
        eq5: class.eq5 + 1,
        ..class
    })
    .score()
    .is_some()
    {
        count += 1.0;
    }
    let mean = if count > 0.0 { sum / count } else { 0.0 };
    let score = (top - mean).clamp(0.0, 10.0);
    // Halves go up; a millionth makes up for binary fractions (8.6 − 7.15 is 1.4499…).
    Some(to_tenths(((score + 1e-6) * 10.0 + 0.5).floor()))
}

/// The value that counts: the modified one if given, else the base one; "not defined" as the worst (specification, 8.1).
fn effective(metrics: &Metrics<'_>, name: &str) -> Option<char> {
    let of = |name: &str| {
        metrics
            .get(name)
            .filter(|value| value.len() == 1 && *value != "X")
            .and_then(|value| value.chars().next())
    };
    match name {
        "CR" | "IR" | "AR" => Some(of(name).unwrap_or('H')),
        "E" => Some(of(name).unwrap_or('A')),
        _ => {
            let base = of(name)?;
            Some(of(&format!("M{name}")).unwrap_or(base))
        }
    }
}

fn classify(is: &impl Fn(&str, char) -> bool) -> Macro {
    let open = [is("AV", 'N'), is("PR", 'N'), is("UI", 'N')];
    let eq1 = match open {
        [true, true, true] => 0,
        [false, false, false] => 2,
        _ if is("AV", 'P') => 2,
        _ => 1,
    };
    let eq2 = usize::from(!(is("AC", 'L') && is("AT", 'N')));
    let high = [is("VC", 'H'), is("VI", 'H'), is("VA", 'H')];
    let eq3 = match high {
        [true, true, _] => 0,
        [false, false, false] => 2,
        _ => 1,
    };
    let eq4 = if is("SI", 'S') || is("SA", 'S') {
        0
    } else if is("SC", 'H') || is("SI", 'H') || is("SA", 'H') {
        1
    } else {
        2
    };
    let eq5 = if is("E", 'A') {
        0
    } else if is("E", 'P') {
        1
    } else {
        2
    };
    let is_asked_for = [("VC", "CR"), ("VI", "IR"), ("VA", "AR")]
        .iter()
        .any(|(loss, requirement)| is(loss, 'H') && is(requirement, 'H'));
    Macro {
        eq1,
        eq2,
        eq3,
        eq4,
        eq5,
        eq6: usize::from(!is_asked_for),
    }
}

/// Steps from the first highest-severity vector that is in no metric milder than the given one.
fn distance(class: &Class, value: &impl Fn(&str) -> Option<char>) -> Option<f64> {
    class.highest.iter().find_map(|highest| {
        let mut sum = 0.0;
        for (name, worst) in *highest {
            let steps = level(name, value(name)?)? - level(name, *worst)?;
            if steps < 0.0 {
                return None;
            }
            sum += steps;
        }
        Some(sum)
    })
}

fn level(name: &str, value: char) -> Option<f64> {
    let (_, order) = ORDERS.iter().find(|(known, _)| *known == name)?;
    let at = order.chars().position(|one| one == value)?;
    u8::try_from(at).ok().map(f64::from)
}
