//! Policies of an operator's own: what they see, what is wrong with them, and why they decide as they do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::Offset;
use privet_access::{
    Account, Ask, Authorizer, Described, Lint, PolicyBearing, PolicyText, Privilege, PromptFacts, Resource,
    Standing,
};
use privet_types::{Entity, PrincipalKind};

/// A Monday, 08:30 UTC.
const MONDAY: &str = "2026-03-02T08:30:00Z";

fn authorizer(text: &str) -> Authorizer {
    Authorizer::new(
        &[PolicyText {
            name: "own.cedar",
            text,
        }],
        Offset::UTC,
    )
    .unwrap()
}

fn account() -> Account {
    described(&["basics"])
}

fn described(courses: &[&str]) -> Account {
    Account::from(Described {
        tenant: "acme".parse().unwrap(),
        name: "ann".parse().unwrap(),
        kind: PrincipalKind::User,
        roles: BTreeSet::from(["user".parse().unwrap()]),
        groups: BTreeMap::from([("lab".parse().unwrap(), BTreeSet::new())]),
        training: courses.iter().map(|course| course.parse().unwrap()).collect(),
    })
}

/// A prompt with what policies may look at.
struct Prompted {
    at: Timestamp,
    address: Option<&'static str>,
    counts: BTreeMap<Entity, u32>,
    purpose: Option<&'static str>,
    model: &'static str,
    standing: Standing,
}

impl Default for Prompted {
    fn default() -> Self {
        Self {
            at: MONDAY.parse().unwrap(),
            address: Some("10.1.2.3"),
            counts: BTreeMap::from([(Entity::EMAIL_ADDRESS, 2)]),
            purpose: Some("support"),
            model: "gpt",
            standing: Standing::absent(),
        }
    }
}

impl Prompted {
    fn ask(&self) -> Ask<'_> {
        Ask {
            privilege: Privilege::Prompt,
            resource: Resource::Model {
                name: self.model,
                provider: "public",
                is_local: false,
            },
            at: self.at,
            address: self.address.map(|address| address.parse().unwrap()),
            prompt: Some(PromptFacts {
                surface: "openai_chat",
                counts: &self.counts,
                masked: 2,
                purpose: self.purpose,
                has_consent: false,
                assessment: &self.standing,
                acknowledged: &[],
            }),
        }
    }
}

fn is_allowed(authorizer: &Authorizer, prompted: &Prompted) -> bool {
    authorizer.decide(&account(), &prompted.ask()).is_allowed
}

#[test]
fn each_circumstance_can_forbid_and_its_absence_does_not() {
    for (condition, otherwise) in [
        (
            r#"context.weekday == "monday""#,
            Prompted {
                at: "2026-03-03T08:30:00Z".parse().unwrap(),
                ..Prompted::default()
            },
        ),
        (
            "context.hour < 9",
            Prompted {
                at: "2026-03-02T09:00:00Z".parse().unwrap(),
                ..Prompted::default()
            },
        ),
        (
            r#"context has address && context.address.isInRange(ip("10.0.0.0/8"))"#,
            Prompted {
                address: Some("192.0.2.1"),
                ..Prompted::default()
            },
        ),
        (
            r#"context.kinds.contains("EMAIL_ADDRESS")"#,
            Prompted {
                counts: BTreeMap::from([(Entity::PERSON, 2)]),
                ..Prompted::default()
            },
        ),
        (
            "context.found > 1",
            Prompted {
                counts: BTreeMap::from([(Entity::EMAIL_ADDRESS, 1)]),
                ..Prompted::default()
            },
        ),
        (
            r#"context has purpose && context.purpose == "support""#,
            Prompted {
                purpose: None,
                ..Prompted::default()
            },
        ),
        (
            r#"resource.name like "gp*""#,
            Prompted {
                model: "other",
                ..Prompted::default()
            },
        ),
    ] {
        let text = format!(
            r#"forbid (principal, action == Privet::Action::"prompt", resource) when {{ {condition} }};"#
        );
        let authorizer = authorizer(&text);
        // Asked twice, so that remembered answers are held to it as well.
        for _ in 0..2 {
            assert!(!is_allowed(&authorizer, &Prompted::default()), "{condition}");
            assert!(is_allowed(&authorizer, &otherwise), "{condition}");
        }
    }
}

#[test]
fn a_model_can_be_kept_for_those_who_were_trained() {
    let authorizer = authorizer(
        r#"@id("trained") @message("complete the course basics first")
        forbid (principal, action == Privet::Action::"prompt", resource)
        unless { context.training.contains("basics") };"#,
    );
    let prompted = Prompted::default();
    assert!(
        authorizer
            .decide(&described(&["basics"]), &prompted.ask())
            .is_allowed
    );
    let refused = authorizer.decide(&described(&[]), &prompted.ask());
    assert_eq!(
        (
            refused.is_allowed,
            refused.policies.as_slice(),
            refused.message.as_deref()
        ),
        (
            false,
            &["own.cedar#trained".to_owned()][..],
            Some("complete the course basics first")
        )
    );
}

#[test]
fn groups_providers_and_assessments_can_be_named() {
    let authorizer = authorizer(
        r#"forbid (principal in Privet::Group::"acme/lab", action == Privet::Action::"prompt",
            resource in Privet::Provider::"public")
        unless { context.assessment.is_valid && !context.assessment.trains_on_data };"#,
    );
    assert!(!is_allowed(&authorizer, &Prompted::default()));
    let elsewhere = Account::from(Described {
        tenant: "other".parse().unwrap(),
        name: "ann".parse().unwrap(),
        kind: PrincipalKind::User,
        roles: BTreeSet::from(["user".parse().unwrap()]),
        groups: BTreeMap::from([("lab".parse().unwrap(), BTreeSet::new())]),
        training: BTreeSet::new(),
    });
    // A group of the same name of another tenant is another group.
    assert!(
        authorizer
            .decide(&elsewhere, &Prompted::default().ask())
            .is_allowed
    );
}

#[test]
fn a_policy_that_cannot_be_evaluated_denies() {
    let authorizer = authorizer(
        r#"forbid (principal, action == Privet::Action::"prompt", resource)
        when { context.found + 9223372036854775807 > 0 && false };"#,
    );
    assert!(!is_allowed(&authorizer, &Prompted::default()));
}

#[test]
fn faults_are_told_with_their_place() {
    for (text, place, what) in [
        ("permit (principal, action, resource)", (1, 37), "unexpected"),
        (
            "\npermit (principal, action == Privet::Action::\"prompt\", resource)\nwhen { context.colour == 1 };",
            (3, 8),
            "colour",
        ),
        (
            "permit (principal == ?principal, action, resource);",
            (1, 1),
            "?principal",
        ),
        (
            "permit (principal, action == Privet::Action::\"promt\", resource);",
            (1, 30),
            "promt",
        ),
        (
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);",
            (1, 1),
            "own.cedar#a",
        ),
    ] {
        let error = Authorizer::new(
            &[PolicyText {
                name: "own.cedar",
                text,
            }],
            Offset::UTC,
        )
        .unwrap_err();
        assert_eq!((error.line, error.column), place, "{error}");
        assert!(error.message.contains(what), "{error}");
    }
}

#[test]
fn an_explanation_names_the_policies_that_are_about_it_and_what_they_miss() {
    let authorizer = authorizer(
        r#"@id("office")
        forbid (principal, action == Privet::Action::"prompt", resource)
        unless { context has address && context.address.isInRange(ip("10.0.0.0/8")) };
        @id("others")
        forbid (principal == Privet::User::"acme/bob", action, resource is Privet::Model);
        @id("night")
        forbid (principal, action == Privet::Action::"prompt", resource)
        when { context.hour < 6 };"#,
    );
    let from_nowhere = Prompted {
        address: None,
        ..Prompted::default()
    };
    let why = authorizer.explain(&account(), &from_nowhere.ask()).unwrap();
    assert!(!why.verdict.is_allowed);
    let steps: Vec<_> = why
        .steps
        .iter()
        .map(|step| (step.policy.as_str(), step.bearing, step.missing.len()))
        .collect();
    assert_eq!(
        steps,
        [
            ("own.cedar#night", PolicyBearing::ConditionFails, 0),
            ("own.cedar#office", PolicyBearing::Applies, 1),
            ("privet#user", PolicyBearing::Applies, 0),
        ]
    );
}

#[test]
fn policies_that_do_nothing_are_pointed_at() {
    let text = r#"
        @id("shadowed") permit (principal in Privet::Role::"analyst", action == Privet::Action::"prompt", resource);
        @id("ban") forbid (principal in Privet::Role::"analyst", action, resource);
        @id("again") permit (principal in Privet::Role::"user", action == Privet::Action::"prompt", resource);
    "#;
    let own = [PolicyText {
        name: "own.cedar",
        text,
    }];
    let granted = BTreeSet::from(["user".parse().unwrap()]);
    let found = Lint::look(&own, Some(&granted)).unwrap();
    let about: Vec<_> = found.iter().map(|lint| lint.policy.as_str()).collect();
    assert_eq!(
        about,
        [
            "own.cedar#again",
            "own.cedar#ban",
            "own.cedar#shadowed",
            "own.cedar#shadowed"
        ],
        "{found:?}"
    );
    assert!(found[0].message.contains("privet#user"), "{found:?}");
    assert!(found[1].message.contains("analyst"), "{found:?}");
}

#[test]
fn versions_name_what_policies_say() {
    assert_eq!(Authorizer::new(&[], Offset::UTC).unwrap().version(), None);
    let permit = "permit (principal, action, resource);";
    let one = authorizer(permit);
    assert_eq!(one.version().unwrap().len(), 16);
    assert_ne!(one.version(), authorizer(&format!("{permit}\n")).version());
}
