//! Which versions an advisory is about (OSV schema, "Evaluation").

use super::{Ecosystem, Event, Version, VersionRange};

/// How the schema writes "before every version".
const BEFORE_ALL: &str = "0";
/// How the schema writes "after every version" in a limit.
const AFTER_ALL: &str = "*";

/// Ranges with their versions read and their events in order, to be asked many times.
pub(super) struct Known<'a>(Vec<Vec<(Option<Version>, &'a Event)>>);

impl<'a> Known<'a> {
    pub(super) fn new(ecosystem: Ecosystem, ranges: &'a [VersionRange]) -> Self {
        Self(ranges.iter().map(|range| sorted(ecosystem, range)).collect())
    }

    /// Whether `version` lies in one of them.
    pub(super) fn contain(&self, version: &Version) -> bool {
        self.0.iter().any(|events| covers(events, version))
    }
}

fn covers(events: &[(Option<Version>, &Event)], version: &Version) -> bool {
    let mut is_affected = false;
    let mut has_limit = false;
    let mut is_before_limit = false;
    for (at, event) in events {
        // INVARIANT: `None` is below every version.
        let is_reached = at.as_ref().is_none_or(|at| version >= at);
        let is_passed = at.as_ref().is_none_or(|at| version > at);
        match event {
            Event::Introduced(_) if is_reached => is_affected = true,
            Event::Fixed(_) if is_reached => is_affected = false,
            Event::LastAffected(_) if is_passed => is_affected = false,
            Event::Limit(text) => {
                has_limit = true;
                is_before_limit |= text == AFTER_ALL || !is_reached;
            }
            _ => {}
        }
    }
    is_affected && (!has_limit || is_before_limit)
}

/// The events in the order of their versions; `None` is before every version. Where two have one version the order of the file holds:
/// `fixed 1.0, introduced 1.0` goes on, `introduced 1.0, fixed 1.0` is nothing. One whose version cannot be read is left out.
fn sorted(ecosystem: Ecosystem, range: &VersionRange) -> Vec<(Option<Version>, &Event)> {
    let mut known: Vec<_> = range
        .events
        .iter()
        .filter_map(|event| {
            let text = event.version();
            let is_start = matches!(event, Event::Introduced(_)) && text == BEFORE_ALL;
            let is_end = matches!(event, Event::Limit(_)) && text == AFTER_ALL;
            let at = if is_start || is_end {
                None
            } else {
                Some(Version::parse(ecosystem, text)?)
            };
            Some((at, event))
        })
        .collect();
    known.sort_by(|one, two| one.0.cmp(&two.0));
    known
}

/// Whether `version` is one of those listed by name: the same version, or the same text where it is no version.
pub(super) fn is_listed(
    ecosystem: Ecosystem,
    versions: &[String],
    text: &str,
    wanted: Option<&Version>,
) -> bool {
    versions.iter().any(|listed| {
        listed == text
            || match (wanted, Version::parse(ecosystem, listed)) {
                (Some(wanted), Some(listed)) => *wanted == listed,
                _ => false,
            }
    })
}

/// The lowest fixed version above `version`: what mends it with the least change.
pub(super) fn fixed_after<'a>(
    ecosystem: Ecosystem,
    ranges: &'a [VersionRange],
    version: &Version,
) -> Option<(Version, &'a str)> {
    ranges
        .iter()
        .flat_map(|range| &range.events)
        .filter_map(|event| match event {
            Event::Fixed(text) => Some((Version::parse(ecosystem, text)?, text.as_str())),
            _ => None,
        })
        .filter(|(fixed, _)| fixed > version)
        .min_by(|one, two| one.0.cmp(&two.0))
}
