//! What the network is not sure of counts only in the company of other personal data.
//!
//! A product called Aurora, a meeting room called Lotus or a list of spare parts look to the network like a person or an
//! address. In a letter, a ticket or a chat the doubtful name stands near an e-mail address, a number of an authority or a
//! name that is sure. In a longer text that holds nothing of that sort the doubt decides.

use privet_types::{Basis, Entity, Finding};

/// From which probability on a finding needs no company. Chosen on the gold texts and the odd half of the held-out ones, by
/// false findings against leaks (docs/benchmarks.md).
const SURE: [(Entity, f32); 4] = [
    (Entity::PERSON, 0.88),
    (Entity::LOCATION, 0.7),
    (Entity::STREET_ADDRESS, 0.83),
    (Entity::NRP, 0.85),
];
/// From which probability on a name is company for others.
const COMPANY: f32 = 0.985;
/// Least estimate of a rule's finding that is company.
const RULE: f32 = 0.5;
/// How far company may stand, in bytes: as far as other evidence beside the network.
const REACH: usize = 4096;
/// A text of fewer bytes may hold one name and nothing else.
const LONG: usize = 300;

/// Leaves out of `named`, what the network in the binary found in a text of `length` bytes, what is doubtful and stands alone;
/// `found`: what the rules found, and what was in disguise. O(n log n).
pub(crate) fn settle(length: usize, named: &mut Vec<Finding>, found: &[Finding]) {
    if length < LONG {
        return;
    }
    let mut company: Vec<usize> = found
        .iter()
        .filter(|f| is_company(f))
        .chain(
            named
                .iter()
                .filter(|f| f.entity == Entity::PERSON && f.score >= COMPANY),
        )
        .map(|f| f.span.start)
        .collect();
    company.sort_unstable();
    named.retain(|f| {
        let limit = SURE.iter().find(|(entity, _)| *entity == f.entity);
        let is_sure = f.basis != Basis::Network
            || !f.rule.0.starts_with("ner/")
            || limit.is_none_or(|(_, limit)| f.score >= *limit);
        let (from, to) = (f.span.start.saturating_sub(REACH), f.span.end + REACH);
        let seen = to.min(length) - from;
        let first = company.partition_point(|at| *at < from);
        is_sure || seen < LONG || company.get(first).is_some_and(|at| *at < to)
    });
}

/// Whether a finding says that somebody in particular is spoken of.
fn is_company(finding: &Finding) -> bool {
    let is_evident = match finding.basis {
        Basis::Form => false,
        Basis::Network => finding.score >= COMPANY,
        _ => finding.score >= RULE,
    };
    is_evident
        && (finding.entity == Entity::TITLE
            || !finding.entity.is_broad() && finding.entity != Entity::STREET_ADDRESS)
}

#[cfg(test)]
mod tests {
    use privet_types::Budget;

    use crate::{Analyzer, Config};

    /// The values of persons in `text`.
    fn persons(text: &str) -> Vec<String> {
        let analyzer = Analyzer::new(&Config::everything()).unwrap();
        let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        let persons = found.iter().filter(|f| f.entity == privet_types::Entity::PERSON);
        persons.map(|f| f.span.of(text).unwrap().to_owned()).collect()
    }

    const ROOMS: &str = "The new release of the reporting tool groups rows by month and by region. Totals are printed \
        below each group, and a chart can be switched on for every table. If the chart is too wide for the page, turn the \
        page or leave columns out. The old layout can still be chosen in the settings until the end of the year. The theme \
        Ophelia is darker.";

    #[test]
    fn a_doubtful_name_in_a_long_text_without_other_personal_data_is_left_alone() {
        assert_eq!(persons(ROOMS), Vec::<String>::new());
    }

    #[test]
    fn the_same_doubt_does_not_hold_beside_an_address_or_in_a_short_text() {
        let short = "The theme Ophelia is darker.";
        let expected = persons(short);
        assert!(!expected.is_empty());
        assert_eq!(persons(&format!("{ROOMS}\nann.lee@example.com")), expected);
    }
}
