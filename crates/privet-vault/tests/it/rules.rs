//! Laws of the rule that turns a history into a verdict.

use privet_vault::{
    Ask, ConsentEvent, EventKind, GivenBy, LegalBasis, Purpose, Reason, SpecialCondition, SubjectPseudonym,
    Track, Verdict, evaluate,
};
use proptest::prelude::*;

use crate::site::{names, purpose};

const ASK: Ask<'static> = Ask {
    purpose: "support",
    category: Some("prompt"),
    recipient: Some("acme-ai"),
};

fn event(id: usize, kind: EventKind, at: i64) -> ConsentEvent {
    ConsentEvent {
        statement: format!("{id:04}"),
        seq: 1,
        subject: SubjectPseudonym([1; 32]),
        purpose: "support".to_owned(),
        kind,
        at,
        recorded_at: at,
        expires_at: None,
        categories: None,
        recipients: None,
        is_explicit: false,
        given_by: GivenBy::Subject,
        is_minor: false,
        method: "api".to_owned(),
        actor: String::new(),
        agreement: None,
        evidence: None,
    }
}

fn judge(purpose: &Purpose, events: &[ConsentEvent], at: i64) -> Verdict {
    evaluate(Some(purpose), true, events, &ASK, at)
}

fn scope(of: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<String>>> {
    prop::option::weighted(
        0.3,
        prop::sample::subsequence(of, 1..=of.len())
            .prop_map(|names| names.into_iter().map(str::to_owned).collect()),
    )
}

prop_compose! {
    fn any_event()(
        kind in prop::sample::select(EventKind::ALL.to_vec()),
        at in 0_i64..20,
        lasts in prop::option::of(1_i64..20),
        purpose in prop::sample::select(vec!["support", "*", "other"]),
        categories in scope(&["prompt", "profile"]),
        recipients in scope(&["acme-ai", "other-ai"]),
        is_explicit in any::<bool>(),
        is_minor in any::<bool>(),
        by_guardian in any::<bool>(),
    ) -> ConsentEvent {
        ConsentEvent {
            purpose: purpose.to_owned(),
            expires_at: lasts.filter(|_| kind == EventKind::Given).map(|lasts| at + lasts),
            categories,
            recipients,
            is_explicit,
            is_minor,
            given_by: if by_guardian { GivenBy::Guardian } else { GivenBy::Subject },
            ..event(0, kind, at)
        }
    }
}

prop_compose! {
    fn any_history()(mut events in prop::collection::vec(any_event(), 0..12)) -> Vec<ConsentEvent> {
        for (id, event) in events.iter_mut().enumerate() {
            event.statement = format!("{id:04}");
        }
        events
    }
}

fn any_basis() -> impl Strategy<Value = LegalBasis> {
    prop::sample::select(LegalBasis::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (events, shuffled) in any_history().prop_flat_map(|events| {
            (Just(events.clone()), Just(events).prop_shuffle())
        }),
        basis in any_basis(),
        at in 0_i64..45,
    ) {
        let purpose = purpose("support", basis);
        prop_assert_eq!(judge(&purpose, &events, at), judge(&purpose, &shuffled, at));
    }

    #[test]
    fn a_withdrawal_holds_until_consent_is_given_later(events in any_history(), withdrawn in 0_i64..20, at in 0_i64..45) {
        let purpose = purpose("support", LegalBasis::Consent);
        let mut events: Vec<_> = events
            .into_iter()
            .filter(|event| event.kind != EventKind::Given || event.at <= withdrawn || event.at > at)
            .collect();
        events.push(event(99, EventKind::Withdrawn, withdrawn));
        prop_assert!(at < withdrawn || !judge(&purpose, &events, at).allowed);
    }

    #[test]
    fn what_only_restricts_never_opens_the_way(
        events in any_history(),
        more in any_event(),
        basis in any_basis(),
        at in 0_i64..45,
    ) {
        prop_assume!(!more.kind.permits());
        let purpose = purpose("support", basis);
        let before = judge(&purpose, &events, at);
        let mut events = events;
        events.push(ConsentEvent { statement: "9999".to_owned(), ..more });
        prop_assert!(before.allowed || !judge(&purpose, &events, at).allowed);
    }

    #[test]
    fn what_comes_after_the_asked_time_does_not_count(events in any_history(), basis in any_basis(), at in 0_i64..20) {
        let purpose = purpose("support", basis);
        let past: Vec<_> = events.iter().filter(|event| event.at <= at).cloned().collect();
        prop_assert_eq!(judge(&purpose, &events, at), judge(&purpose, &past, at));
    }

    #[test]
    fn a_verdict_lasts_until_it_says_it_ends(events in any_history(), basis in any_basis(), later in 0_i64..40) {
        let purpose = purpose("support", basis);
        // All events are past.
        let now = judge(&purpose, &events, 20);
        let then = judge(&purpose, &events, 20 + later);
        let is_over = now.expires.is_some_and(|end| end <= 20 + later);
        prop_assert_eq!(then.allowed, now.allowed && !is_over);
    }

    #[test]
    fn leave_for_everything_is_leave_for_each(events in any_history(), basis in any_basis(), at in 0_i64..45) {
        let purpose = purpose("support", basis);
        let all = Ask { category: None, ..ASK };
        let whole = evaluate(Some(&purpose), true, &events, &all, at);
        for category in ["prompt", "profile"] {
            let one = Ask { category: Some(category), ..ASK };
            // What permits must name all categories to count for the whole, and then counts for each.
            let each = evaluate(Some(&purpose), true, &events, &one, at);
            let is_about_one = events.iter().any(|event| event.categories.is_some());
            prop_assert!(is_about_one || each.allowed == whole.allowed);
        }
    }
}

#[test]
fn consent_is_in_force_from_its_time_to_its_end() {
    let purpose = purpose("support", LegalBasis::Consent);
    let given = ConsentEvent {
        expires_at: Some(20),
        ..event(1, EventKind::Given, 10)
    };
    let reason = |at| judge(&purpose, std::slice::from_ref(&given), at).reason;
    assert_eq!(reason(9), Reason::NoConsent);
    assert_eq!(reason(10), Reason::ConsentInForce);
    assert_eq!(reason(19), Reason::ConsentInForce);
    assert_eq!(reason(20), Reason::Expired);
}

#[test]
fn a_purpose_can_end_consent_after_some_days() {
    let purpose = Purpose {
        valid_days: Some(2),
        ..purpose("support", LegalBasis::Consent)
    };
    let given = [event(1, EventKind::Given, 0)];
    let verdict = judge(&purpose, &given, 0);
    assert_eq!((verdict.allowed, verdict.expires), (true, Some(2 * 86_400_000)));
    assert_eq!(judge(&purpose, &given, 2 * 86_400_000).reason, Reason::Expired);
}

#[test]
fn given_and_withdrawn_at_one_instant_is_withdrawn() {
    let purpose = purpose("support", LegalBasis::Consent);
    let events = [event(9, EventKind::Given, 5), event(1, EventKind::Withdrawn, 5)];
    assert_eq!(judge(&purpose, &events, 5).reason, Reason::Withdrawn);
}

#[test]
fn consent_to_everything_is_no_consent() {
    let purpose = purpose("support", LegalBasis::Consent);
    let every = ConsentEvent {
        purpose: "*".to_owned(),
        ..event(1, EventKind::Given, 0)
    };
    assert_eq!(judge(&purpose, &[every], 5).reason, Reason::NoConsent);
}

#[test]
fn being_asked_again_takes_no_consent_away() {
    let purpose = purpose("support", LegalBasis::Consent);
    let events = [event(1, EventKind::Given, 0), event(2, EventKind::Requested, 3)];
    assert!(judge(&purpose, &events, 5).allowed);
    assert_eq!(judge(&purpose, &events[1..], 5).reason, Reason::NoConsent);
}

#[test]
fn a_child_does_not_consent_alone() {
    let purpose = purpose("support", LegalBasis::Consent);
    let alone = ConsentEvent {
        is_minor: true,
        ..event(1, EventKind::Given, 0)
    };
    let guarded = ConsentEvent {
        given_by: GivenBy::Guardian,
        ..alone.clone()
    };
    assert_eq!(judge(&purpose, &[alone], 5).reason, Reason::MinorAlone);
    assert!(judge(&purpose, &[guarded], 5).allowed);
}

#[test]
fn an_objection_holds_where_the_law_gives_one() {
    let objected = [event(1, EventKind::Objected, 3)];
    let reason = |basis| judge(&purpose("support", basis), &objected, 5).reason;
    assert_eq!(reason(LegalBasis::LegitimateInterests), Reason::Objected);
    assert_eq!(reason(LegalBasis::PublicTask), Reason::Objected);
    assert_eq!(reason(LegalBasis::Consent), Reason::Objected);
    assert_eq!(reason(LegalBasis::Contract), Reason::BasisHolds);
    assert_eq!(reason(LegalBasis::LegalObligation), Reason::BasisHolds);
    assert_eq!(reason(LegalBasis::VitalInterests), Reason::BasisHolds);
}

#[test]
fn compelling_grounds_outweigh_an_objection_but_not_one_to_marketing() {
    let objected = [event(1, EventKind::Objected, 3)];
    let compelling = Purpose {
        compelling_grounds: Some("fraud case".to_owned()),
        ..purpose("support", LegalBasis::LegitimateInterests)
    };
    assert!(judge(&compelling, &objected, 5).allowed);
    let marketing = Purpose {
        is_direct_marketing: true,
        ..compelling
    };
    assert_eq!(judge(&marketing, &objected, 5).reason, Reason::Objected);
    let lifted = [
        event(1, EventKind::Objected, 3),
        event(2, EventKind::ObjectionLifted, 4),
    ];
    assert!(judge(&marketing, &lifted, 5).allowed);
}

#[test]
fn a_restriction_stops_everything_but_legal_claims() {
    let restricted = ConsentEvent {
        purpose: "*".to_owned(),
        ..event(1, EventKind::Restricted, 3)
    };
    let contract = purpose("support", LegalBasis::Contract);
    let claims = Purpose {
        serves_legal_claims: true,
        ..contract.clone()
    };
    let history = [restricted];
    assert_eq!(judge(&contract, &history, 5).reason, Reason::Restricted);
    assert!(judge(&claims, &history, 5).allowed);
    assert!(judge(&contract, &history, 2).allowed);
}

#[test]
fn a_special_category_needs_what_article_9_demands() {
    let health = Ask {
        category: Some("health"),
        ..ASK
    };
    let special = |special, basis| Purpose {
        special,
        categories: names(&["health"]),
        special_categories: names(&["health"]),
        ..purpose("support", basis)
    };
    let given = [event(1, EventKind::Given, 0)];
    let explicit = [ConsentEvent {
        is_explicit: true,
        ..event(1, EventKind::Given, 0)
    }];
    let reason =
        |purpose: &Purpose, events: &[ConsentEvent]| evaluate(Some(purpose), true, events, &health, 5).reason;
    let consent = special(Some(SpecialCondition::ExplicitConsent), LegalBasis::Consent);
    assert_eq!(reason(&consent, &given), Reason::NotExplicit);
    assert_eq!(reason(&consent, &explicit), Reason::ConsentInForce);
    let contract = special(Some(SpecialCondition::ExplicitConsent), LegalBasis::Contract);
    assert_eq!(reason(&contract, &[]), Reason::NoConsent);
    assert_eq!(
        reason(&special(None, LegalBasis::Contract), &[]),
        Reason::SpecialCategory
    );
    let care = special(Some(SpecialCondition::HealthCare), LegalBasis::Contract);
    assert_eq!(reason(&care, &[]), Reason::BasisHolds);
}

#[test]
fn only_what_the_purpose_covers_is_allowed() {
    let contract = purpose("support", LegalBasis::Contract);
    let reason = |category, recipient, is_recipient| {
        let ask = Ask {
            purpose: "support",
            category,
            recipient,
        };
        evaluate(Some(&contract), is_recipient, &[], &ask, 5).reason
    };
    assert_eq!(reason(Some("prompt"), None, false), Reason::BasisHolds);
    assert_eq!(reason(Some("health"), None, false), Reason::CategoryNotCovered);
    assert_eq!(
        reason(Some("prompt"), Some("other-ai"), true),
        Reason::RecipientNotCovered
    );
    assert_eq!(
        reason(Some("prompt"), Some("acme-ai"), false),
        Reason::RecipientNotCovered
    );
    assert_eq!(evaluate(None, true, &[], &ASK, 5).reason, Reason::UnknownPurpose);
}

#[test]
fn consent_for_one_category_or_recipient_is_for_that_one() {
    let purpose = purpose("support", LegalBasis::Consent);
    let narrow = [ConsentEvent {
        categories: Some(vec!["prompt".to_owned()]),
        ..event(1, EventKind::Given, 0)
    }];
    let allowed = |category| {
        let ask = Ask { category, ..ASK };
        evaluate(Some(&purpose), true, &narrow, &ask, 5).allowed
    };
    assert!(allowed(Some("prompt")));
    assert!(!allowed(Some("profile")));
    assert!(!allowed(None));
}

#[test]
fn each_kind_is_on_one_track_and_read_back_by_its_name() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::parse(kind.name()), Some(kind));
    }
    assert_eq!(EventKind::Withdrawn.track(), Track::Consent);
    assert_eq!(EventKind::Objected.track(), Track::Objection);
    assert_eq!(EventKind::Restricted.track(), Track::Restriction);
}
