use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use privet_policy::limits::{
    Amount, Asker, Counters, InMemory, Limiter, Measure, Money, Reservation, SavedCounter, Used,
};
use privet_policy::{Policy, policy_example};
use privet_types::SurfaceKind;
use proptest::prelude::*;

use crate::{LEAST, policy, refused, refused_policy, settings, switched_on};

const START: &str = "2026-03-31T23:58:30Z";

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(start().as_second() + seconds).unwrap()
}

fn rules(lines: &str) -> Policy {
    policy(&format!("[[limits.rules]]\n{lines}")).unwrap()
}

fn counters() -> Arc<InMemory> {
    Arc::new(InMemory::new([], Box::new(str::to_owned)))
}

fn limiter(lines: &str) -> Limiter {
    Limiter::new(rules(lines).limits(), "USD", counters())
}

fn ann(model: &str) -> Asker<'_> {
    Asker {
        tenant: "default",
        principal: "ann",
        key: "k1",
        groups: &[],
        surface: None,
        model: Some(model),
    }
}

fn tokens(tokens: u64) -> Amount {
    Amount {
        requests: 1,
        tokens,
        nanos: 0,
    }
}

/// Reserves at `now` for an hour.
fn take(limiter: &Limiter, asker: &Asker<'_>, ask: Amount, now: Timestamp) -> Result<Reservation, Measure> {
    let deadline = Timestamp::from_second(now.as_second() + 3600).unwrap();
    let taken = limiter.reserve(asker, ask, deadline, now);
    taken
        .map(|taken| taken.expect("a limit applies"))
        .map_err(|full| full.measure)
}

#[test]
fn requests_are_counted_in_windows_of_the_clock() {
    let limiter = limiter("name = \"a\"\nwindow = \"minute\"\nrequests = 2");
    for _ in 0..2 {
        limiter.settle(take(&limiter, &ann("m"), tokens(1), start()).unwrap(), tokens(1));
    }
    let refused = limiter
        .reserve(&ann("m"), tokens(1), after(60), start())
        .unwrap_err();
    assert_eq!(refused.measure, Measure::Requests);
    assert_eq!(refused.frees_at, Some("2026-03-31T23:59:00Z".parse().unwrap()));
    assert_eq!(
        refused.to_string(),
        "the limit `a` of 2 requests a minute is used up; there is room again at 2026-03-31T23:59:00Z"
    );
    assert!(take(&limiter, &ann("m"), tokens(1), after(30)).is_ok());
    // A clock that is set back opens no window again.
    assert!(take(&limiter, &ann("m"), tokens(1), start()).is_ok());
    assert_eq!(
        take(&limiter, &ann("m"), tokens(1), start()),
        Err(Measure::Requests)
    );
}

#[test]
fn what_is_reserved_is_taken_before_it_is_known_and_given_back_when_it_is() {
    let limiter = limiter("name = \"a\"\nwindow = \"hour\"\ntokens = 100");
    let held = take(&limiter, &ann("m"), tokens(70), start()).unwrap();
    assert_eq!(
        take(&limiter, &ann("m"), tokens(31), start()),
        Err(Measure::Tokens)
    );
    limiter.settle(held, tokens(20));
    let held = take(&limiter, &ann("m"), tokens(80), start()).unwrap();
    assert_eq!(
        take(&limiter, &ann("m"), tokens(1), start()),
        Err(Measure::Tokens)
    );
    // More than was reserved counts, too.
    limiter.settle(held, tokens(90));
    let standing = &limiter.standings(&ann("m"), start())[0];
    assert_eq!(
        (
            standing.settled.tokens,
            standing.reserved.tokens,
            standing.running
        ),
        (110, 0, 0)
    );
    let hopeless = limiter
        .reserve(&ann("m"), tokens(101), after(60), after(120))
        .unwrap_err();
    assert!(hopeless.to_string().contains("allows at all"), "{hopeless}");
}

#[test]
fn what_nobody_settles_is_used_when_its_deadline_has_passed_and_not_twice() {
    let limiter = limiter("name = \"a\"\nwindow = \"day\"\ntokens = 100\nconcurrent = 1");
    let lost = limiter
        .reserve(&ann("m"), tokens(60), after(10), start())
        .unwrap()
        .unwrap();
    assert_eq!(
        take(&limiter, &ann("m"), tokens(1), after(9)),
        Err(Measure::Concurrent)
    );
    assert_eq!(
        take(&limiter, &ann("m"), tokens(41), after(11)),
        Err(Measure::Tokens)
    );
    let held = take(&limiter, &ann("m"), tokens(40), after(11)).unwrap();
    // Too late: it has been counted in full.
    limiter.settle(lost, tokens(1));
    limiter.settle(held, tokens(40));
    let standing = &limiter.standings(&ann("m"), after(12))[0];
    assert_eq!(
        (
            standing.settled.tokens,
            standing.reserved.tokens,
            standing.running
        ),
        (100, 0, 0)
    );
}

#[test]
fn a_request_is_on_all_counts_or_on_none() {
    let text = "[[limits.rules]]\nname = \"wide\"\nwindow = \"minute\"\nrequests = 10\n\
                [[limits.rules]]\nname = \"narrow\"\neach = [\"principal\"]\nwindow = \"minute\"\nrequests = 1";
    let limiter = Limiter::new(policy(text).unwrap().limits(), "", counters());
    let _held = take(&limiter, &ann("m"), tokens(1), start()).unwrap();
    for _ in 0..20 {
        assert_eq!(
            take(&limiter, &ann("m"), tokens(1), start()),
            Err(Measure::Requests)
        );
    }
    let standings = limiter.standings(&ann("m"), start());
    assert_eq!(standings[0].reserved.requests, 1);
}

#[test]
fn each_part_has_a_count_of_its_own() {
    let bob = Asker {
        principal: "bob",
        ..ann("m")
    };
    let elsewhere = Asker {
        tenant: "acme",
        ..ann("m")
    };
    let other_key = Asker {
        key: "k2",
        ..ann("m")
    };
    for (each, apart) in [
        ("", [false, false, false, false]),
        ("\"tenant\"", [false, true, false, false]),
        ("\"principal\"", [true, true, false, false]),
        // Ids of keys are unique, but those that stand for certificates are not.
        ("\"key\"", [false, true, true, false]),
        ("\"model\"", [false, false, false, true]),
        ("\"principal\", \"model\"", [true, true, false, true]),
    ] {
        for (other, is_apart) in [bob, elsewhere, other_key, ann("n")].iter().zip(apart) {
            let limiter = limiter(&format!("name = \"a\"\neach = [{each}]\nconcurrent = 1"));
            let _held = take(&limiter, &ann("m"), tokens(1), start()).unwrap();
            assert_eq!(
                take(&limiter, other, tokens(1), start()).is_ok(),
                is_apart,
                "{each} {other:?}"
            );
        }
    }
}

#[test]
fn a_rule_applies_to_whom_it_names_and_to_nobody_else() {
    let limiter = limiter(
        "name = \"a\"\ntenants = [\"default\"]\nprincipals = [\"ann\"]\nmodels = [\"gpt-*\"]\nconcurrent = 1\n\
         stream_time = \"5s\"",
    );
    let reserve = |asker: &Asker<'_>| limiter.reserve(asker, tokens(1), after(9), start()).unwrap();
    assert!(reserve(&ann("claude")).is_none());
    let bob = Asker {
        principal: "bob",
        ..ann("gpt-5")
    };
    assert!(reserve(&bob).is_none());
    assert_eq!(limiter.stream_time(&bob), None);
    assert!(reserve(&ann("gpt-5")).is_some());
    assert_eq!(limiter.stream_time(&ann("gpt-5")), Some(Duration::from_secs(5)));
}

#[test]
fn a_rule_for_surfaces_counts_what_comes_there_and_one_without_models_what_has_none() {
    let text = Asker {
        surface: Some(SurfaceKind::Pii),
        model: None,
        ..ann("m")
    };
    let prompt = Asker {
        surface: Some(SurfaceKind::OpenaiChat),
        ..ann("m")
    };
    for (lines, of_text, of_prompt) in [
        ("", true, true),
        ("surfaces = [\"pii\", \"protect\"]", true, false),
        ("surfaces = [\"openai_chat\"]", false, true),
        ("models = [\"*\"]", false, true),
        ("each = [\"model\"]", false, true),
    ] {
        let limiter = limiter(&format!("name = \"a\"\nwindow = \"day\"\ntokens = 9\n{lines}"));
        for (asker, is_counted) in [(text, of_text), (prompt, of_prompt)] {
            assert_eq!(
                limiter.charges(&asker, start()).len(),
                usize::from(is_counted),
                "{lines}"
            );
            assert_eq!(limiter.counts_tokens(&asker), is_counted, "{lines}");
        }
        // Whoever asks how much is used is told of both.
        assert!(!limiter.of_caller(&text, start()).is_empty() || lines.contains("each"));
    }
    let error = refused_policy("[[limits.rules]]\nname = \"a\"\nsurfaces = [\"chat\"]\nconcurrent = 1");
    assert!(
        error.contains("openai_chat") && error.contains("presidio"),
        "{error}"
    );
}

const TEAMS: &str =
    "name = \"a\"\neach = [\"group\"]\nwindow = \"day\"\nrequests = 2\ntokens = 100\nconcurrent = 2";

fn in_groups<'a>(principal: &'a str, groups: &'a [&'a str]) -> Asker<'a> {
    Asker {
        principal,
        groups,
        ..ann("m")
    }
}

#[test]
fn each_group_of_a_caller_has_a_count_and_a_request_is_on_all_of_them_or_on_none() {
    let limiter = limiter(TEAMS);
    let (both, red, blue) = (
        in_groups("ann", &["blue", "red"]),
        in_groups("bob", &["red"]),
        in_groups("eve", &["blue"]),
    );
    let held = take(&limiter, &both, tokens(60), start()).unwrap();
    let used = |asker: &Asker<'_>| {
        let standings = limiter.standings(asker, start());
        let of_group = |standing: &privet_policy::limits::Standing| {
            let group = standing.group.clone().unwrap();
            (
                group,
                standing.settled.tokens,
                standing.reserved.tokens,
                standing.running,
            )
        };
        standings.iter().map(of_group).collect::<Vec<_>>()
    };
    let on = |group: &str, settled, reserved, running| (group.to_owned(), settled, reserved, running);
    assert_eq!(used(&both), [on("blue", 0, 60, 1), on("red", 0, 60, 1)]);
    // Blue has not enough left for this one, so that red gives nothing either.
    let other = take(&limiter, &blue, tokens(30), start()).unwrap();
    for _ in 0..3 {
        let full = limiter.reserve(&both, tokens(40), after(9), start()).unwrap_err();
        assert_eq!(
            (full.measure, full.group.as_deref()),
            (Measure::Concurrent, Some("blue"))
        );
    }
    assert_eq!(used(&red), [on("red", 0, 60, 1)]);
    limiter.settle(held, tokens(10));
    limiter.settle(other, tokens(30));
    assert_eq!(used(&both), [on("blue", 40, 0, 0), on("red", 10, 0, 0)]);
    let full = limiter.reserve(&both, tokens(1), after(9), start()).unwrap_err();
    assert_eq!(
        full.to_string(),
        "the limit `a` of 2 requests a day for the group `blue` is used up; there is room again at 2026-04-01T00:00:00Z"
    );
    assert!(take(&limiter, &red, tokens(1), start()).is_ok());
}

#[test]
fn what_nobody_settles_is_used_in_every_group() {
    let limiter = limiter(TEAMS);
    let both = in_groups("ann", &["blue", "red"]);
    let lost = limiter.reserve(&both, tokens(70), after(10), start()).unwrap();
    limiter.expire(after(11));
    for standing in limiter.standings(&both, after(11)) {
        assert_eq!(
            (
                standing.settled.tokens,
                standing.reserved.tokens,
                standing.running
            ),
            (70, 0, 0)
        );
    }
    limiter.settle(lost.unwrap(), tokens(1));
    assert_eq!(take(&limiter, &both, tokens(31), after(12)), Err(Measure::Tokens));
}

#[test]
fn a_rule_for_groups_applies_to_their_members_and_counts_by_no_other_group() {
    let lines = "name = \"a\"\ngroups = [\"red\", \"green\"]\nconcurrent = 1";
    for (each, apart) in [("", false), ("each = [\"group\"]\n", true)] {
        let limiter = limiter(&format!("{each}{lines}"));
        let reserve = |asker: &Asker<'_>| limiter.reserve(asker, tokens(1), after(9), start());
        assert_eq!(reserve(&in_groups("ann", &[])), Ok(None), "{each}");
        assert_eq!(reserve(&in_groups("ann", &["blue"])), Ok(None), "{each}");
        let _held = reserve(&in_groups("ann", &["blue", "red"])).unwrap().unwrap();
        assert!(reserve(&in_groups("bob", &["red"])).is_err(), "{each}");
        assert_eq!(
            reserve(&in_groups("bob", &["blue", "green"])).is_ok(),
            apart,
            "{each}"
        );
        // A group of this name elsewhere is another one.
        let elsewhere = Asker {
            tenant: "acme",
            ..in_groups("bob", &["red"])
        };
        assert_eq!(reserve(&elsewhere).is_ok(), apart, "{each}");
    }
}

#[test]
fn a_caller_in_more_groups_than_a_rule_counts_is_told_who_mends_it() {
    let names: Vec<String> = (0..33).map(|number| format!("g{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (fits, too_many) = (in_groups("ann", &names[..32]), in_groups("ann", &names));
    let by_group = limiter(TEAMS);
    assert_eq!(by_group.check_groups(&fits), Ok(()));
    assert_eq!(by_group.charges(&fits, start()).len(), 32);
    let error = by_group.check_groups(&too_many).unwrap_err();
    assert!(error.to_string().contains("`groups` of that rule"), "{error}");
    // One that says which count, or that counts by none, has no such bound.
    for lines in [
        "name = \"a\"\neach = [\"group\"]\ngroups = [\"g0\", \"g1\"]\nconcurrent = 1",
        "name = \"a\"\ngroups = [\"g0\"]\nconcurrent = 1",
    ] {
        assert_eq!(limiter(lines).check_groups(&too_many), Ok(()), "{lines}");
    }
}

#[test]
fn made_up_names_of_models_are_on_the_count_that_they_share_once_whatever_the_groups() {
    let limiter = limiter("name = \"l\"\neach = [\"group\", \"model\"]\nwindow = \"day\"\nrequests = 3");
    let model = |number: u32| format!("model-{number}");
    let take_one = |number: u32| {
        let model = model(number);
        let asker = Asker {
            model: Some(&model),
            ..in_groups("ann", &["blue", "red"])
        };
        take(&limiter, &asker, tokens(1), start()).map(drop)
    };
    // Each makes two counts, of the thousand that one principal can bring about.
    for number in 0..500 {
        assert_eq!(take_one(number), Ok(()), "{number}");
    }
    for number in 500..503 {
        assert_eq!(take_one(number), Ok(()), "{number}");
    }
    assert_eq!(take_one(503), Err(Measure::Requests));
}

#[test]
fn what_is_used_up_whatever_the_model_is_seen_without_one_and_nothing_is_taken() {
    let unknown = Asker {
        model: None,
        ..ann("m")
    };
    for (lines, is_seen) in [
        ("concurrent = 1", true),
        ("window = \"day\"\nrequests = 1", true),
        ("each = [\"model\"]\nconcurrent = 1", false),
        ("models = [\"m\"]\nconcurrent = 1", false),
    ] {
        let limiter = limiter(&format!("name = \"a\"\n{lines}"));
        for _ in 0..5 {
            assert_eq!(limiter.look(&unknown, start()), Ok(()), "{lines}");
        }
        let _held = take(&limiter, &ann("m"), tokens(1), start()).unwrap();
        assert_eq!(limiter.look(&unknown, start()).is_err(), is_seen, "{lines}");
    }
}

#[test]
fn budgets_are_saved_with_what_is_set_aside_and_gone_on_with() {
    let lines = "name = \"a\"\neach = [\"principal\"]\nwindow = \"month\"\ntokens = 100";
    let naming =
        || Box::new(|name: &str| name.replace('\0', "/")) as Box<dyn Fn(&str) -> String + Send + Sync>;
    let first = Arc::new(InMemory::new([], naming()));
    let limiter = Limiter::new(rules(lines).limits(), "", Arc::clone(&first) as Arc<dyn Counters>);
    limiter.settle(
        take(&limiter, &ann("m"), tokens(50), start()).unwrap(),
        tokens(30),
    );
    let _held = take(&limiter, &ann("m"), tokens(20), start()).unwrap();
    let (saved, last) = first.changed_since(0);
    assert_eq!(
        saved,
        [SavedCounter {
            counter: "a/default/ann".to_owned(),
            window_start: "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap().as_second(),
            used: Amount {
                requests: 2,
                tokens: 50,
                nanos: 0,
            },
        }]
    );
    assert_eq!(first.changed_since(last).0, []);
    // The process is killed here; the next one goes on.
    let second = Arc::new(InMemory::new(saved.clone(), naming()));
    let limiter = Limiter::new(rules(lines).limits(), "", second as Arc<dyn Counters>);
    assert_eq!(
        take(&limiter, &ann("m"), tokens(51), start()),
        Err(Measure::Tokens)
    );
    assert!(take(&limiter, &ann("m"), tokens(50), start()).is_ok());
    // In another month it says nothing any more.
    let third = Arc::new(InMemory::new(saved, naming()));
    let limiter = Limiter::new(rules(lines).limits(), "", third as Arc<dyn Counters>);
    assert!(take(&limiter, &ann("m"), tokens(100), after(90)).is_ok());
}

#[test]
fn made_up_names_of_models_share_a_count_by_who_makes_them_up() {
    let limiter = limiter("name = \"l\"\neach = [\"model\"]\nwindow = \"day\"\nrequests = 1");
    for number in 0..1_000 {
        let model = format!("model-{number}");
        assert!(
            take(&limiter, &ann(&model), tokens(1), start()).is_ok(),
            "{number}"
        );
    }
    // The first further one opens the shared count, the others find it full.
    assert!(take(&limiter, &ann("model-1000"), tokens(1), start()).is_ok());
    for number in 1_001..1_010 {
        let model = format!("model-{number}");
        let taken = take(&limiter, &ann(&model), tokens(1), start());
        assert_eq!(taken, Err(Measure::Requests), "{number}");
    }
    // Nobody else is hit by it, and a day later neither is she.
    let bob = Asker {
        principal: "bob",
        ..ann("model-1005")
    };
    assert!(take(&limiter, &bob, tokens(1), start()).is_ok());
    assert!(take(&limiter, &ann("model-1005"), tokens(1), after(86_400)).is_ok());
}

#[test]
fn cost_is_counted_by_the_prices_of_the_settings() {
    let text = format!(
        "{LEAST}\n[[prices]]\nmatch = \"gpt-*\"\ninput = 2\noutput = 8.5\ncurrency = \"EUR\"\n\
         [[prices]]\nmatch = \"*\"\ninput = 0\noutput = 0\ncurrency = \"EUR\""
    );
    let prices = settings(&text).unwrap().prices;
    assert_eq!(prices.currency(), "EUR");
    let used = Used {
        input: 1_000_000,
        cached: 0,
        output: 1_000_000,
    };
    assert_eq!(used.amount(prices.of("gpt-5")).nanos, 10_500_000_000);
    assert_eq!(used.amount(prices.of("llama")).nanos, 0);
    assert_eq!(settings(LEAST).unwrap().prices.of("gpt-5"), None);
    let limits = rules("name = \"a\"\nwindow = \"day\"\ncost = 10.5");
    let limiter = Limiter::new(limits.limits(), prices.currency(), counters());
    let ask = used.amount(prices.of("gpt-5"));
    limiter.settle(take(&limiter, &ann("gpt-5"), ask, start()).unwrap(), ask);
    let full = limiter.reserve(&ann("gpt-5"), tokens(1), after(1), start());
    assert!(full.is_ok(), "what costs nothing is within every limit of cost");
    let dear = Amount {
        nanos: 1,
        ..tokens(1)
    };
    let full = limiter
        .reserve(&ann("gpt-5"), dear, after(1), start())
        .unwrap_err();
    assert!(full.to_string().contains("`a` of 10.50 EUR a day"), "{full}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_way_out() {
    for (lines, at, says) in [
        ("name = \"a b\"\nconcurrent = 1", "name", "1 to 64"),
        ("name = \"a\"", "rules[0]", "limits nothing"),
        ("name = \"a\"\nrequests = 1", "window", "minute"),
        (
            "name = \"a\"\nwindow = \"day\"\nconcurrent = 1",
            "window",
            "no use",
        ),
        ("name = \"a\"\nconcurrent = 0", "concurrent", "more than 0"),
        ("name = \"a\"\nwindow = \"day\"\ncost = 0", "cost", "more than 0"),
        (
            "name = \"a\"\nwindow = \"day\"\ncost = -1.5",
            "cost",
            "sum of money",
        ),
        (
            "name = \"a\"\nmodels = [\"\"]\nconcurrent = 1",
            "models[0]",
            "1 to 256",
        ),
        (
            "name = \"a\"\ntenants = [\"a b\"]\nconcurrent = 1",
            "tenants",
            "names of tenants",
        ),
        (
            "name = \"a\"\nprincipals = [\"a b\"]\nconcurrent = 1",
            "principals",
            "names of principals",
        ),
        (
            "name = \"a\"\ngroups = [\"a b\"]\nconcurrent = 1",
            "groups",
            "names of groups",
        ),
        (
            "name = \"a\"\nconcurrent = 1\n[[limits.rules]]\nname = \"a\"\nconcurrent = 2",
            "rules[1].name",
            "use another",
        ),
    ] {
        let error = refused_policy(&format!("[[limits.rules]]\n{lines}"));
        assert!(error.contains(at) && error.contains(says), "{lines}: {error}");
    }
    let many: Vec<String> = (0..17)
        .map(|number| format!("[[limits.rules]]\nname = \"r{number}\"\neach = [\"group\"]\nconcurrent = 1\n"))
        .collect();
    assert!(policy(&many[..16].concat()).is_ok());
    let error = refused_policy(&many.concat());
    assert!(
        error.contains("limits.rules") && error.contains("at most 16"),
        "{error}"
    );
    let price = "[[prices]]\nmatch = \"*\"\ninput = 1\noutput = 1\n";
    for (lines, says) in [
        (format!("{price}currency = \"usd\""), "three capital letters"),
        (
            format!("{price}currency = \"USD\"\n{price}currency = \"USD\""),
            "never reached",
        ),
        (
            format!(
                "[[prices]]\nmatch = \"a\"\ninput = 1\noutput = 1\ncurrency = \"USD\"\n{price}currency = \"EUR\""
            ),
            "one currency",
        ),
    ] {
        let error = refused(&format!("{LEAST}\n{lines}"));
        assert!(error.contains(says), "{lines}: {error}");
    }
    let example = policy(&switched_on(policy_example())).unwrap();
    assert_eq!(example.limits().rules.len(), 4);
    assert_eq!(example.limits().rules[1].cost, Some(Money::new(500.0).unwrap()));
}

/// What can happen, in any order.
#[derive(Debug, Clone)]
enum Step {
    Reserve {
        caller: usize,
        tokens: u64,
        seconds: i64,
    },
    Settle {
        which: usize,
        tokens: u64,
    },
    Forget {
        which: usize,
    },
    Wait {
        seconds: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3usize, 0..40u64, 1..90i64).prop_map(|(caller, tokens, seconds)| Step::Reserve { caller, tokens, seconds }),
        3 => (any::<usize>(), 0..40u64).prop_map(|(which, tokens)| Step::Settle { which, tokens }),
        1 => any::<usize>().prop_map(|which| Step::Forget { which }),
        1 => (0..50i64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// One reservation as a bookkeeper would note it.
struct Noted {
    reservation: Option<Reservation>,
    caller: usize,
    ask: u64,
    minute: i64,
    deadline: i64,
}

proptest! {
    #[test]
    fn whatever_the_order_the_counts_are_those_of_a_bookkeeper(steps in proptest::collection::vec(step(), 1..120)) {
        const MOST: u64 = 100;
        const AT_ONCE: u32 = 4;
        let callers = ["ann", "bob", "eve"];
        let limiter = limiter(&format!(
            "name = \"a\"\neach = [\"principal\"]\nwindow = \"minute\"\ntokens = {MOST}\nconcurrent = {AT_ONCE}"
        ));
        let mut now = start().as_second();
        let mut open: Vec<Noted> = Vec::new();
        let mut used: BTreeMap<(usize, i64), u64> = BTreeMap::new();
        let minute = |second: i64| second - second.rem_euclid(60);
        for step in steps {
            match step {
                Step::Reserve { caller, tokens: ask, seconds } => {
                    let at = Timestamp::from_second(now).unwrap();
                    let deadline = now + seconds;
                    let asker = Asker { principal: callers[caller], ..ann("m") };
                    // Only the exact expiry is compared, not its rhythm.
                    limiter.expire(at);
                    let taken = limiter.reserve(&asker, tokens(ask), Timestamp::from_second(deadline).unwrap(), at);
                    let (due, left): (Vec<Noted>, Vec<Noted>) = open.into_iter().partition(|noted| noted.deadline <= now);
                    open = left;
                    for noted in due {
                        *used.entry((noted.caller, noted.minute)).or_default() += noted.ask;
                    }
                    let mine = open.iter().filter(|noted| noted.caller == caller);
                    let running = mine.clone().count();
                    let reserved: u64 = mine.filter(|noted| noted.minute == minute(now)).map(|noted| noted.ask).sum();
                    let settled = used.get(&(caller, minute(now))).copied().unwrap_or_default();
                    let fits = running < AT_ONCE as usize && settled + reserved + ask <= MOST;
                    prop_assert_eq!(taken.is_ok(), fits);
                    if let Ok(reservation) = taken {
                        open.push(Noted { reservation, caller, ask, minute: minute(now), deadline });
                    }
                }
                Step::Settle { which, tokens: spent } if !open.is_empty() => {
                    let at = which % open.len();
                    let noted = open.swap_remove(at);
                    if let Some(reservation) = noted.reservation {
                        limiter.settle(reservation, tokens(spent));
                        *used.entry((noted.caller, noted.minute)).or_default() += spent;
                    } else {
                        open.push(noted);
                    }
                }
                Step::Forget { which } if !open.is_empty() => {
                    let at = which % open.len();
                    open[at].reservation = None;
                }
                Step::Wait { seconds } => now += seconds,
                Step::Settle { .. } | Step::Forget { .. } => {}
            }
            let at = Timestamp::from_second(now).unwrap();
            limiter.expire(at);
            let (due, left): (Vec<Noted>, Vec<Noted>) = open.into_iter().partition(|noted| noted.deadline <= now);
            open = left;
            for noted in due {
                *used.entry((noted.caller, noted.minute)).or_default() += noted.ask;
            }
            for (caller, name) in callers.iter().enumerate() {
                let asker = Asker { principal: name, ..ann("m") };
                let standing = limiter.standings(&asker, at).remove(0);
                let mine = open.iter().filter(|noted| noted.caller == caller);
                prop_assert_eq!(standing.running as usize, mine.clone().count());
                let reserved: u64 = mine.filter(|noted| noted.minute == minute(now)).map(|noted| noted.ask).sum();
                prop_assert_eq!(standing.reserved.tokens, reserved);
                let settled = used.get(&(caller, minute(now))).copied().unwrap_or_default();
                prop_assert_eq!(standing.settled.tokens, settled);
            }
        }
    }
}

#[test]
fn threads_that_reserve_and_settle_at_once_pass_no_limit_and_lose_nothing() {
    const THREADS: u64 = 8;
    const TURNS: u64 = 2_000;
    const AT_ONCE: u32 = 3;
    const MOST: u64 = 20_000;
    let limiter = limiter(&format!(
        "name = \"a\"\nwindow = \"month\"\ntokens = {MOST}\nrequests = 1000000\nconcurrent = {AT_ONCE}"
    ));
    let (running, spent, set_aside, taken) = (
        AtomicU32::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
    );
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (limiter, running, spent, set_aside, taken) =
                (&limiter, &running, &spent, &set_aside, &taken);
            scope.spawn(move || {
                for turn in 0..TURNS {
                    let ask = 1 + (thread * 7 + turn * 13) % 17;
                    let Ok(Some(held)) = limiter.reserve(&ann("m"), tokens(ask), after(3600), start()) else {
                        std::thread::yield_now();
                        continue;
                    };
                    assert!(running.fetch_add(1, Ordering::SeqCst) < AT_ONCE);
                    let all = spent.load(Ordering::SeqCst) + set_aside.fetch_add(ask, Ordering::SeqCst) + ask;
                    // What another thread has just settled may be seen in both.
                    assert!(all <= MOST + u64::from(AT_ONCE) * 17, "{all}");
                    std::thread::yield_now();
                    let used = turn % (ask + 1);
                    spent.fetch_add(used, Ordering::SeqCst);
                    set_aside.fetch_sub(ask, Ordering::SeqCst);
                    taken.fetch_add(1, Ordering::SeqCst);
                    running.fetch_sub(1, Ordering::SeqCst);
                    limiter.settle(held, tokens(used));
                }
            });
        }
    });
    let standing = limiter.standings(&ann("m"), start()).remove(0);
    assert_eq!((standing.running, standing.reserved), (0, Amount::default()));
    assert_eq!(standing.settled.tokens, spent.load(Ordering::SeqCst));
    assert_eq!(standing.settled.requests, taken.load(Ordering::SeqCst));
    assert!(standing.settled.tokens <= MOST && taken.load(Ordering::SeqCst) > 0);
}
