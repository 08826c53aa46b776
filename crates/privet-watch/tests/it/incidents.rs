use jiff::Timestamp;
use privet_watch::incident::{Clock72, IncidentKind, IncidentState};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn seventy_two_hours_run_from_when_it_is_known_until_somebody_was_told() {
    let aware = at("2026-03-27T12:00:00Z");
    let clock = Clock72::at(aware, None, false, at("2026-03-28T12:00:00Z"));
    // The hours are hours: that the clocks go forward on that Sunday changes nothing.
    assert_eq!(clock.due_at, at("2026-03-30T12:00:00Z"));
    assert_eq!((clock.remaining, clock.is_late), (Some(48 * 3600), false));
    let late = Clock72::at(aware, None, false, at("2026-03-30T12:00:01Z"));
    assert_eq!((late.remaining, late.is_late), (Some(-1), true));
    let told = Clock72::at(
        aware,
        Some(at("2026-03-29T00:00:00Z")),
        false,
        at("2026-05-01T00:00:00Z"),
    );
    assert_eq!((told.remaining, told.is_late), (None, false));
    let told_late = Clock72::at(
        aware,
        Some(at("2026-03-31T00:00:00Z")),
        false,
        at("2026-05-01T00:00:00Z"),
    );
    assert!(told_late.is_late);
    let needs_none = Clock72::at(aware, None, true, at("2026-05-01T00:00:00Z"));
    assert_eq!((needs_none.remaining, needs_none.is_late), (None, false));
}

#[test]
fn a_closed_incident_can_only_be_opened_again() {
    use IncidentState::{Closed, Contained, Open, Resolved};
    assert_eq!(Open.step(Contained), Ok(Contained));
    assert_eq!(Resolved.step(Closed), Ok(Closed));
    assert_eq!(Closed.step(Open), Ok(Open));
    let refused = Closed.step(Resolved).unwrap_err().to_string();
    assert_eq!(
        refused,
        "an incident that is closed cannot become resolved; it can become open"
    );
}

#[test]
fn every_kind_has_a_playbook_with_steps() {
    for kind in IncidentKind::ALL {
        let text = kind.playbook_toml();
        assert!(
            text.starts_with("title = ") && text.matches("\n  \"").count() >= 5,
            "{kind}"
        );
        assert_eq!(kind.name().parse::<IncidentKind>(), Ok(kind));
    }
    assert!("flood".parse::<IncidentKind>().is_err());
}
