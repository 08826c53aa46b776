//! Runs that are cut, and go on.

use privet_redteam::{Error, Header, Options, Plan, RunLog, Side, Verdict};
use proptest::prelude::*;

use crate::{finished, log_of, plan};

fn whole(plan: &Plan, header: &Header) -> String {
    let lines: Vec<String> = log_of(plan).finished().map(|one| one.to_line()).collect();
    header.to_line() + &lines.concat()
}

#[test]
fn a_log_of_another_run_is_refused() {
    let plan = plan(1);
    let header = Header::new(&plan, "http://a.example/v1", "m");
    let text = whole(&plan, &header);
    assert!(RunLog::read(&text, &header).is_ok());
    for other in [
        Header::new(&crate::plan(2), "http://a.example/v1", "m"),
        Header::new(&plan, "http://b.example/v1", "m"),
        Header::new(&plan, "http://a.example/v1", "n"),
        Header::new(
            &Plan::new(Options {
                sides: vec![Side::Off],
                ..plan.options().clone()
            })
            .unwrap(),
            "http://a.example/v1",
            "m",
        ),
        Header::new(
            &Plan::new(Options {
                families: vec![privet_redteam::Family::Override],
                ..plan.options().clone()
            })
            .unwrap(),
            "http://a.example/v1",
            "m",
        ),
    ] {
        assert!(
            matches!(RunLog::read(&text, &other), Err(Error::OtherRun { .. })),
            "{other:?}"
        );
    }
}

#[test]
fn a_line_that_was_changed_is_told() {
    let plan = plan(1);
    let header = Header::new(&plan, "t", "m");
    let text = whole(&plan, &header).replacen("\"verdict\"", "\"verdikt\"", 1);
    let refused = RunLog::read(&text, &header).unwrap_err();
    assert!(matches!(refused, Error::BadLog { line: 2 }), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_log_that_is_cut_anywhere_goes_on_from_its_last_whole_line(share in 0.0_f64..1.0) {
        let plan = plan(1);
        let header = Header::new(&plan, "t", "m");
        let text = whole(&plan, &header);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a text")]
        let at = (text.len() as f64 * share) as usize;
        let cut = text.get(..at).expect("logs are ASCII");
        let mut log = RunLog::read(cut, &header).expect("it can be read");
        let good = cut.get(..log.good_bytes()).expect("a place between lines");
        prop_assert!(good.is_empty() || good.ends_with('\n'));
        prop_assert_eq!(log.finished().count(), good.lines().count().saturating_sub(1));
        let open: Vec<_> = plan.trials().iter().filter(|trial| !log.has(trial)).cloned().collect();
        for trial in &open {
            log.add(finished(trial, Verdict::Resisted));
        }
        prop_assert_eq!(log.finished().count(), plan.trials().len());
    }

    #[test]
    fn any_bytes_are_read_without_panic(text in "(?s).{0,400}") {
        let header = Header::new(&plan(1), "t", "m");
        let _ = RunLog::read(&text, &header);
        let _ = RunLog::read(&(header.to_line() + &text), &header);
    }
}
