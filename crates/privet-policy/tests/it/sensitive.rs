//! `[[routing.sensitive]]`: which rule a prompt falls under, and whether it can be followed.

use std::collections::BTreeMap;

use privet_policy::{Policy, Settings};
use privet_surface::{PartKind, PassedPart};
use privet_types::Entity;

use crate::{policy, refused_policy, settings};

fn rule_for(policy: &Policy, found: &[(Entity, u32)]) -> Option<usize> {
    let counts: BTreeMap<Entity, u32> = found.iter().copied().collect();
    let rule = policy.routing().rule_for(&counts, &BTreeMap::new());
    rule.map(|(index, _)| index)
}

#[test]
fn the_first_rule_that_fits_what_was_found_counts() {
    let policy = policy(
        "[routing.classes]\nmoney = [\"CREDIT_CARD\", \"IBAN_CODE\"]\n\
         [[routing.sensitive]]\nentities = [\"US_SSN\"]\naction = \"refuse\"\n\
         [[routing.sensitive]]\nclasses = [\"money\"]\nentities = [\"EMAIL_ADDRESS\"]\nmin_count = 3\naction = \"local\"\nto = \"home\"\n",
    )
    .unwrap();
    assert_eq!(rule_for(&policy, &[]), None);
    assert_eq!(rule_for(&policy, &[(Entity::PERSON, 9)]), None);
    assert_eq!(rule_for(&policy, &[(Entity::CREDIT_CARD, 2)]), None);
    assert_eq!(rule_for(&policy, &[(Entity::CREDIT_CARD, 3)]), Some(1));
    let together = [
        (Entity::CREDIT_CARD, 1),
        (Entity::IBAN_CODE, 1),
        (Entity::EMAIL_ADDRESS, 1),
    ];
    assert_eq!(rule_for(&policy, &together), Some(1));
    assert_eq!(
        rule_for(&policy, &[(Entity::CREDIT_CARD, 9), (Entity::US_SSN, 1)]),
        Some(0)
    );
}

#[test]
fn attachments_count_as_findings_of_the_rules_that_name_them() {
    let policy = policy(
        "[[routing.sensitive]]\nparts = [\"image\"]\nentities = [\"US_SSN\"]\nmin_count = 3\naction = \"local\"\nto = \"home\"\n\
         [[routing.sensitive]]\nparts = [\"file\"]\naction = \"local\"\nto = \"home\"\n",
    )
    .unwrap();
    let rule_for = |images: u32, files: u32, numbers: u32| {
        let part = |count: u32| PassedPart {
            count,
            pointer: "/messages/0".to_owned(),
        };
        let passed = [(PartKind::Image, images), (PartKind::File, files)];
        let passed = passed.into_iter().filter(|(_, count)| *count > 0);
        let passed = passed.map(|(kind, count)| (kind, part(count))).collect();
        let counts = [(Entity::US_SSN, numbers)]
            .into_iter()
            .filter(|(_, count)| *count > 0);
        let rule = policy.routing().rule_for(&counts.collect(), &passed);
        rule.map(|(index, _)| index)
    };
    assert_eq!(rule_for(2, 0, 0), None);
    assert_eq!(rule_for(2, 0, 1), Some(0));
    assert_eq!(rule_for(1, 1, 1), Some(1));
    assert_eq!(rule_for(0, 0, 0), None);
    // Assessments are asked for what goes out unseen, by a rule, too.
    assert!(policy.refusing_what_passes().is_some());
}

#[test]
fn a_policy_without_rules_keeps_its_version() {
    assert_eq!(
        policy("[routing]\n").unwrap().version(),
        Policy::default().version()
    );
    let with = policy("[[routing.sensitive]]\nentities = [\"US_SSN\"]\naction = \"refuse\"\n").unwrap();
    assert_ne!(with.version(), Policy::default().version());
}

#[test]
fn a_rule_that_says_nothing_or_too_much_is_refused() {
    let cases = [
        ("action = \"refuse\"", "names no kind"),
        ("entities = [\"SSN\"]\naction = \"refuse\"", "unknown entity"),
        (
            "entities = [\"LOCATION\"]\naction = \"refuse\"",
            "a kind that is not looked for",
        ),
        ("classes = [\"money\"]\naction = \"refuse\"", "does not have"),
        (
            "parts = [\"image\"]\naction = \"refuse\"",
            "for `action = \"local\"` only",
        ),
        ("parts = [\"picture\"]\naction = \"local\"\nto = \"x\"", "image"),
        ("entities = [\"US_SSN\"]\naction = \"local\"", "`to` is missing"),
        (
            "entities = [\"US_SSN\"]\naction = \"refuse\"\nto = \"x\"",
            "for `action = \"local\"` only",
        ),
        (
            "entities = [\"US_SSN\"]\naction = \"refuse\"\nmask = false",
            "for `action = \"local\"` only",
        ),
        (
            "entities = [\"US_SSN\"]\naction = \"refuse\"\nmin_count = 0",
            "use 1 or more",
        ),
    ];
    for (rule, fault) in cases {
        let said = refused_policy(&format!("[[routing.sensitive]]\n{rule}"));
        assert!(said.contains(fault), "{rule}: {said}");
    }
    let kept = "[archive]\ncontent = \"masked\"\n[[routing.sensitive]]\nentities = [\"US_SSN\"]\naction = \"local\"\nto = \"x\"\nmask = false";
    assert!(refused_policy(kept).contains("would keep prompts unmasked"));
    let stored = "[responses]\nstore = \"never\"\n[[routing.sensitive]]\nentities = [\"US_SSN\"]\naction = \"local\"\nto = \"x\"\nmask = false";
    assert!(refused_policy(stored).contains("cannot be kept"));
}

fn at_home() -> Settings {
    settings(
        "[[providers]]\nname = \"public\"\nkind = \"openai\"\n[[providers]]\nname = \"home\"\nkind = \"ollama\"\n\
         [[models]]\nmatch = \"llama\"\nprovider = \"home\"\n\
         [[models]]\nmatch = \"mixed\"\nprovider = \"home\"\nfallback = [{ provider = \"public\" }]\n\
         [[models]]\nmatch = \"gpt-*\"\nprovider = \"public\"\n",
    )
    .unwrap()
}

fn to(lines: &str) -> Policy {
    policy(&format!(
        "[[routing.sensitive]]\nentities = [\"US_SSN\"]\naction = \"local\"\n{lines}"
    ))
    .unwrap()
}

#[test]
fn a_rule_leads_to_local_providers_alone() {
    let settings = at_home();
    let check = |lines: &str| {
        let checked = to(lines).routing().check_against(&settings);
        checked.map_err(|error| error.to_string())
    };
    assert_eq!(check("to = \"llama\""), Ok(()));
    assert_eq!(check("to = \"home\"\nmodel = \"llama3.2\""), Ok(()));
    for lines in ["to = \"public\"", "to = \"gpt-4\"", "to = \"mixed\""] {
        let said = check(lines).unwrap_err();
        assert!(said.contains("is not local"), "{lines}: {said}");
    }
    assert!(
        check("to = \"nobody\"")
            .unwrap_err()
            .contains("neither a provider")
    );
    assert!(
        check("to = \"llama\"\nmodel = \"x\"")
            .unwrap_err()
            .contains("leave `model` out")
    );
}

#[test]
fn a_local_route_asks_for_the_local_models_name() {
    let settings = at_home();
    let asked = |lines: &str| {
        let policy = to(lines);
        let route = policy.routing().route(0, "gpt-4", &settings)?;
        Some((
            route.provider.name().to_owned(),
            route.upstream_model.map(str::to_owned),
        ))
    };
    let home = |model: &str| Some(("home".to_owned(), Some(model.to_owned())));
    assert_eq!(asked("to = \"llama\""), home("llama"));
    assert_eq!(asked("to = \"home\"\nmodel = \"llama3.2\""), home("llama3.2"));
    assert_eq!(asked("to = \"home\""), home("gpt-4"));
    assert_eq!(
        asked("to = \"mixed\""),
        None,
        "never to a provider that is not local"
    );
}
