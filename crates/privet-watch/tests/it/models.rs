use jiff::Timestamp;
use privet_watch::{Alert, Reply, Rule, WatchConfig, Watched, Watcher};

/// A reply whose length varies by a third, by a fixed sequence.
fn reply(number: u64) -> Reply {
    let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    Reply {
        at: Timestamp::from_second(1_704_067_200 + number as i64 * 30).unwrap(),
        model: Watched(5),
        is_error: number % 50 == 7,
        is_refusal: number % 100 == 3,
        bytes: 800 + noise % 800,
        has_leftover: false,
    }
}

fn watch(count: u64, later: impl Fn(u64, Reply) -> Reply) -> Vec<Alert> {
    let mut watcher = Watcher::new(WatchConfig::default(), 0);
    (0..count)
        .flat_map(|number| {
            let usual = reply(number);
            let seen = if number < 2000 {
                usual
            } else {
                later(number, usual)
            };
            watcher.observe_reply(&seen)
        })
        .collect()
}

#[test]
fn a_model_that_stays_as_it_is_alerts_nobody() {
    assert_eq!(watch(20_000, |_, reply| reply), []);
}

#[test]
fn a_model_that_refuses_or_fails_more_often_or_writes_more_is_told() {
    for (rule, later) in [
        (
            Rule::ModelRefusals,
            (|number, reply| Reply {
                is_refusal: number % 12 == 0,
                ..reply
            }) as fn(u64, Reply) -> Reply,
        ),
        (Rule::ModelErrors, |number, reply| Reply {
            is_error: number % 8 == 0,
            ..reply
        }),
        (Rule::ModelLength, |_, reply| Reply {
            bytes: reply.bytes * 3 / 2,
            ..reply
        }),
        (Rule::ModelLeftovers, |number, reply| Reply {
            has_leftover: number % 20 == 0,
            ..reply
        }),
    ] {
        let alerts = watch(4000, later);
        let alert = alerts.first().unwrap_or_else(|| panic!("{}", rule.name()));
        assert_eq!(alert.rule, rule);
        let after = (alert.at.as_second() - 1_704_067_200) / 30 - 2000;
        assert!((1..1000).contains(&after), "{} after {after}", rule.name());
    }
}
