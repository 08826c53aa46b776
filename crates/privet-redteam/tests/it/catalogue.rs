//! The probes.

use std::collections::{BTreeMap, BTreeSet};

use privet_redteam::{Catalogue, Family, Needs, Options, Plan, Role, Side};

use crate::plan;

#[test]
fn every_family_has_probes_in_several_shapes() {
    let catalogue = Catalogue::new(1, 0);
    let mut counts: BTreeMap<Family, usize> = BTreeMap::new();
    for probe in catalogue.probes() {
        *counts.entry(probe.family).or_default() += 1;
        assert!(probe.id.starts_with(probe.family.name()), "{}", probe.id);
        assert_eq!(probe.attack.is_some(), probe.family.has_attacks(), "{}", probe.id);
        assert_eq!(probe.oracles.is_empty(), probe.attack.is_none(), "{}", probe.id);
    }
    assert_eq!(counts.len(), Family::ALL.len());
    assert!(counts.values().all(|count| *count >= 8), "{counts:?}");
    let languages: BTreeSet<&str> = catalogue.probes().iter().map(|probe| probe.language).collect();
    assert!(languages.len() >= 14, "{languages:?}");
    let ids: BTreeSet<&str> = catalogue.probes().iter().map(|probe| probe.id.as_str()).collect();
    assert_eq!(ids.len(), catalogue.probes().len());
}

#[test]
fn judges_of_strings_come_after_facts() {
    for probe in Catalogue::new(1, 0).probes() {
        let judges: Vec<bool> = probe.oracles.iter().map(|oracle| oracle.is_judge()).collect();
        assert!(judges.is_sorted(), "{}", probe.id);
        assert_ne!(judges.first(), Some(&true), "{}", probe.id);
    }
}

#[test]
fn a_seed_makes_the_same_probes_and_another_one_others() {
    let texts = |seed, round| format!("{:?}", Catalogue::new(seed, round).probes());
    assert_eq!(texts(5, 0), texts(5, 0));
    assert_ne!(texts(5, 0), texts(6, 0));
    assert_ne!(texts(5, 0), texts(5, 1));
    assert_eq!(plan(5).trials(), plan(5).trials());
    assert_ne!(plan(5).fingerprint(), plan(6).fingerprint());
}

#[test]
fn an_early_end_has_looked_at_every_family_on_both_sides() {
    let plan = plan(3);
    // Three trials for each family with attacks would be four; over-refusal has two.
    let seen: BTreeSet<_> = plan
        .trials()
        .iter()
        .take(42)
        .map(|trial| (trial.family, trial.side))
        .collect();
    assert_eq!(seen.len(), Family::ALL.len() * 2);
    assert_eq!(plan.trials().first().map(|trial| trial.role), Some(Role::Attack));
}

#[test]
fn probes_that_need_more_than_there_is_are_left_out() {
    let with = |has, families: &[Family]| {
        Plan::new(Options {
            has,
            families: families.to_vec(),
            sides: vec![Side::Off],
            ..Options::default()
        })
        .map(|plan| plan.probes().count())
    };
    let all = Needs {
        knowledge: true,
        provider_view: true,
    };
    let private = [Family::PrivateData];
    assert!(with(Needs::default(), &private).unwrap() < with(all, &private).unwrap());
    assert!(with(Needs::default(), &[]).unwrap() > 100);
}
