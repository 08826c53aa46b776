use jiff::Timestamp;
use privet_watch::{Alert, Observation, Rule, Severity, Sketch, WatchConfig, Watched, Watcher};

/// Monday, the first of January 2024.
const MONDAY: i64 = 1_704_067_200;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn at(second: i64) -> Observation {
    Observation {
        at: Timestamp::from_second(second).unwrap(),
        who: Watched(1),
        key: 9,
        network: Some(1),
        model: Some(1),
        is_denied: false,
        values: [1, 0, 0, 0, 0],
        bytes: 1000,
        sketch: None,
    }
}

/// Four weeks of working days from eight to four, six to eight requests an hour.
fn known() -> Watcher {
    let mut watcher = Watcher::new(WatchConfig::default(), 0);
    for day in (0..28).filter(|day| day % 7 < 5) {
        for hour in 8..16 {
            for number in 0..6 + (day + hour) % 3 {
                let alerts = watcher.observe(&at(MONDAY + day * DAY + hour * HOUR + number * 60));
                assert!(alerts.is_empty(), "{alerts:?}");
            }
        }
    }
    watcher
}

/// Ten in the morning of the Monday after it.
const TEN: i64 = MONDAY + 28 * DAY + 10 * HOUR;

fn rules(alerts: &[Alert]) -> Vec<Rule> {
    alerts.iter().map(|alert| alert.rule).collect()
}

fn many(watcher: &mut Watcher, count: i64, make: impl Fn(i64) -> Observation) -> Vec<Alert> {
    (0..count)
        .flat_map(|number| watcher.observe(&make(number)))
        .collect()
}

#[test]
fn a_caller_nobody_knows_yet_is_not_judged_and_it_is_said_what_is_missing() {
    let mut watcher = Watcher::new(WatchConfig::default(), 0);
    let alerts = many(&mut watcher, 5000, |number| Observation {
        values: [9; 5],
        network: Some(number as u64),
        ..at(TEN + number)
    });
    assert_eq!(alerts, []);
    let missing = watcher.standing(Watched(1)).unwrap().not_enough_evidence;
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert_eq!(known().standing(Watched(1)).unwrap().not_enough_evidence, [""; 0]);
}

#[test]
fn much_personal_data_in_an_hour_is_told_with_what_was_expected_and_seen() {
    let mut watcher = known();
    let alerts = many(&mut watcher, 20, |number| Observation {
        values: [2, 3, 0, 0, 0],
        ..at(TEN + number * 60)
    });
    let alert = alerts
        .iter()
        .find(|alert| alert.rule == Rule::PersonalData)
        .unwrap();
    assert!(
        alert.seen > alert.expected_high && alert.expected_high < 40.0,
        "{alert:?}"
    );
    assert_eq!(alert.evidence, "48 active hours");
    assert!(
        alert
            .explanation()
            .contains("personal values in an hour, expected"),
        "{}",
        alert.explanation()
    );
    assert_eq!(alert.key, Some(9));
}

#[test]
fn what_was_told_is_not_told_again_until_it_is_quiet_but_for_what_is_graver() {
    let mut watcher = known();
    let flood = |number: i64| Observation {
        values: [5, 0, 0, 0, 0],
        ..at(TEN + number * 10)
    };
    let told = many(&mut watcher, 300, flood);
    let severities: Vec<Severity> = told
        .iter()
        .filter(|alert| alert.rule == Rule::PersonalData)
        .map(|alert| alert.severity)
        .collect();
    assert_eq!(severities, [Severity::Medium, Severity::High]);
    assert_eq!(many(&mut watcher, 50, |number| flood(300 + number)), []);
}

#[test]
fn an_attack_that_goes_on_does_not_become_usual() {
    let mut watcher = known();
    let mut told = 0;
    for day in 0..5 {
        let alerts = many(&mut watcher, 300, |number| Observation {
            values: [5, 0, 0, 0, 0],
            ..at(TEN + day * DAY + number * 10)
        });
        told += usize::from(rules(&alerts).contains(&Rule::PersonalData));
    }
    assert_eq!(told, 5);
}

#[test]
fn a_new_network_alone_is_little_and_both_at_once_are_more() {
    let mut watcher = known();
    let foreign = |number: i64| Observation {
        network: Some(2),
        ..at(TEN + number)
    };
    let alerts = watcher.observe(&foreign(0));
    assert_eq!(rules(&alerts), [Rule::NewNetwork]);
    assert_eq!(alerts[0].severity, Severity::Low);
    let both = many(&mut watcher, 10, |number| Observation {
        network: Some(1 + number as u64 % 2),
        ..foreign(number)
    });
    assert_eq!(rules(&both), [Rule::TwoNetworks]);
    assert_eq!(both[0].severity, Severity::Medium);
}

#[test]
fn beside_a_new_network_less_is_unusual_and_all_of_it_is_graver() {
    let much = |network: u64| {
        let mut watcher = known();
        many(&mut watcher, 20, |number| Observation {
            values: [3, 0, 0, 0, 0],
            network: Some(network),
            ..at(TEN + number * 60)
        })
    };
    let alerts = much(2);
    let alert = alerts
        .iter()
        .find(|alert| alert.rule == Rule::PersonalData)
        .unwrap();
    assert_eq!(alert.severity, Severity::High);
    assert_eq!(alert.company, ["the caller came from a new network within a day"]);
}

#[test]
fn who_often_comes_from_new_networks_is_not_unusual_for_it() {
    let mut watcher = Watcher::new(WatchConfig::default(), 0);
    let mut alerts = Vec::new();
    for day in 0..60 {
        for hour in 8..16 {
            let network = if day % 3 == 0 { 100 + day } else { 1 };
            alerts.extend(watcher.observe(&Observation {
                network: Some(network as u64),
                ..at(MONDAY + day * DAY + hour * HOUR)
            }));
        }
    }
    let late = |alert: &&Alert| alert.at.as_second() > MONDAY + 30 * DAY;
    assert_eq!(alerts.iter().filter(late).count(), 0, "{alerts:?}");
    // The same network on a day of its own is news for who never travels.
    assert_eq!(
        rules(&known().observe(&Observation {
            network: Some(7),
            ..at(TEN)
        })),
        [Rule::NewNetwork]
    );
}

#[test]
fn a_model_that_was_never_asked_is_told_once() {
    let mut watcher = known();
    let alerts = many(&mut watcher, 3, |number| Observation {
        model: Some(2),
        ..at(TEN + number)
    });
    assert_eq!(rules(&alerts), [Rule::NewModel]);
}

#[test]
fn bulk_at_three_in_the_morning_is_told_and_at_work_the_same_is_not() {
    let bulk = |from: i64| {
        let mut watcher = known();
        rules(&many(&mut watcher, 30, |number| at(from + number * 60)))
    };
    let night = MONDAY + 29 * DAY + 3 * HOUR;
    assert!(bulk(night).contains(&Rule::OffHours));
    assert!(!bulk(TEN).contains(&Rule::OffHours));
    // Saturday: five weekends were without use.
    let mut watcher = known();
    watcher.observe(&at(TEN));
    let saturday = many(&mut watcher, 30, |number| {
        at(MONDAY + 33 * DAY + 10 * HOUR + number * 60)
    });
    assert!(rules(&saturday).contains(&Rule::OffHours), "{saturday:?}");
}

#[test]
fn hours_of_work_that_the_policy_names_count_in_the_place_of_learnt_ones() {
    let config = WatchConfig {
        work_hours: Some([8, 10]),
        ..WatchConfig::default()
    };
    let mut watcher = Watcher::new(config, 0);
    for day in (0..28).filter(|day| day % 7 < 5) {
        many(&mut watcher, 8, |hour| at(MONDAY + day * DAY + (8 + hour) * HOUR));
    }
    let alerts = many(&mut watcher, 30, |number| at(TEN + HOUR + number * 60));
    assert!(rules(&alerts).contains(&Rule::OffHours), "{alerts:?}");
}

#[test]
fn near_equal_prompts_in_large_number_are_told_and_different_ones_are_not() {
    let prompts = |make: &dyn Fn(i64) -> String| {
        let mut watcher = known();
        rules(&many(&mut watcher, 90, |number| Observation {
            values: [0; 5],
            sketch: Sketch::of(make(number).as_bytes(), 1),
            ..at(TEN + number * 10)
        }))
    };
    let extraction = |number: i64| {
        format!(
            "print the complete record of customer number {number} with every field and nothing left out please"
        )
    };
    assert!(prompts(&extraction).contains(&Rule::Repetition));
    let different = |number: i64| {
        let word = |place: i64| {
            format!("{:?}", (number * 31 + place * 17) % 997).replace(|c: char| c.is_ascii_digit(), "x")
        };
        (0..12)
            .map(|place| {
                let letter = char::from(b'a' + ((number * 7 + place * 11) % 26) as u8);
                format!(
                    "{letter}{}{letter}{}",
                    word(place),
                    char::from(b'a' + ((number / 26 + place) % 26) as u8)
                )
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert!(!prompts(&different).contains(&Rule::Repetition));
}

#[test]
fn a_sketch_knows_a_text_again_that_only_counts_on_and_tells_nothing_under_another_seed() {
    let text =
        |n: u32| format!("give me the full record of customer {n}, all of the fields, as one line of text");
    let of = |n: u32, seed: u64| Sketch::of(text(n).as_bytes(), seed).unwrap();
    assert!(of(1, 7).is_like(&of(99_841, 7)));
    assert!(!of(1, 7).is_like(&of(1, 8)));
    assert_eq!(Sketch::of(b"go on", 7), None);
    let other = b"which of the two contracts ends earlier, and who has to be told about that in writing";
    assert!(!of(1, 7).is_like(&Sketch::of(other, 7).unwrap()));
}

#[test]
fn a_larger_share_of_refusals_is_told() {
    let mut watcher = known();
    let alerts = many(&mut watcher, 30, |number| Observation {
        is_denied: number % 2 == 0,
        ..at(TEN + number * 60)
    });
    let alert = alerts.iter().find(|alert| alert.rule == Rule::Denied).unwrap();
    assert!(alert.seen >= 0.4 && alert.expected_high < 0.1, "{alert:?}");
}

#[test]
fn a_little_more_on_each_day_is_told_after_some_days() {
    let mut watcher = known();
    let mut first = None;
    for day in (0..21).filter(|day| day % 7 < 5) {
        for hour in 8..16 {
            let alerts = many(&mut watcher, 7, |number| Observation {
                values: [3, 0, 0, 0, 0],
                ..at(TEN - 10 * HOUR + day * DAY + hour * HOUR + number * 60)
            });
            if rules(&alerts).contains(&Rule::SlowExfiltration) {
                first = first.or(Some(day));
            }
        }
    }
    let first = first.unwrap();
    assert!((2..=9).contains(&first), "day {first}");
}

#[test]
fn a_restart_neither_blinds_nor_changes_anything() {
    let (mut whole, mut first) = (known(), known());
    let saved = first.changed();
    assert_eq!(saved.len(), 1);
    assert_eq!(first.changed(), []);
    let mut second = Watcher::new(WatchConfig::default(), 0);
    for snapshot in &saved {
        second
            .restore(snapshot, Timestamp::from_second(TEN).unwrap())
            .unwrap();
    }
    let flood = |number: i64| Observation {
        values: [5, 0, 0, 0, 0],
        network: Some(2),
        ..at(TEN + number * 10)
    };
    let expected = many(&mut whole, 200, flood);
    assert!(!expected.is_empty());
    assert_eq!(many(&mut second, 200, flood), expected);
    // Two months later nobody knows whether that is still so.
    let mut late = Watcher::new(WatchConfig::default(), 0);
    late.restore(&saved[0], Timestamp::from_second(TEN + 61 * DAY).unwrap())
        .unwrap();
    assert_eq!(late.callers(), 0);
    assert!(saved[0].json.len() < 8192, "{}", saved[0].json.len());
}

#[test]
fn memory_is_bounded_and_those_seen_longest_ago_are_forgotten() {
    let config = WatchConfig {
        most_callers: 64,
        ..WatchConfig::default()
    };
    let mut watcher = Watcher::new(config, 0);
    for caller in 0..1000_u32 {
        watcher.observe(&Observation {
            who: Watched(u128::from(caller)),
            ..at(TEN + i64::from(caller) * HOUR)
        });
        assert!(watcher.callers() <= 64);
    }
    assert!(watcher.standing(Watched(999)).is_some() && watcher.standing(Watched(3)).is_none());
}
