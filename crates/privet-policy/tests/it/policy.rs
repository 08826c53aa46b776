use std::time::Duration;

use privet_pii::{EntityAction, Style};
use privet_policy::{Audit, Error, Policy, RulesFile, policy_example};
use privet_surface::PartKind;
use privet_types::Entity;

use crate::{policy, refused_policy, switched_on};

#[test]
fn an_empty_document_is_the_default_policy() {
    let policy = policy("").unwrap();
    assert_eq!(policy, Policy::default());
    assert_eq!(policy.audit(), Audit::DurableBeforeSend);
    assert_eq!(policy.pii().style, Style::Tag);
    assert!(policy.restore().text && policy.parts().pass.is_empty());
}

#[test]
fn the_example_says_what_the_default_policy_says() {
    assert_eq!(policy(policy_example()).unwrap(), Policy::default());
}

#[test]
fn the_example_with_everything_switched_on_is_read() {
    let policy = policy(&switched_on(policy_example())).unwrap();
    assert_eq!(policy.pii().action(Entity::PRIVATE_KEY), EntityAction::Block);
    assert_eq!(policy.pii().action(Entity::IP_ADDRESS), EntityAction::Allow);
    assert_eq!(
        policy.pii().terms.iter().map(|t| t.entity).collect::<Vec<_>>(),
        [Entity::PERSON, Entity::TERM]
    );
    assert_eq!(policy.restore().tools.get("web_search"), Some(&false));
    assert!(policy.parts().pass.contains(&PartKind::Image));
}

#[test]
fn a_loss_window_is_stated() {
    let policy = policy("audit = { durability = \"loss-window\", loss_window = \"100ms\" }").unwrap();
    assert_eq!(policy.audit(), Audit::LossWindow(Duration::from_millis(100)));
}

#[test]
fn the_version_is_the_same_however_the_policy_is_written() {
    let one = policy("[pii.entities]\nPHONE_NUMBER = \"block\"\nIP_ADDRESS = \"allow\"\n").unwrap();
    let two = policy("# IPs\npii.entities = { IP_ADDRESS = \"allow\", PHONE_NUMBER = \"block\" }").unwrap();
    assert_eq!(one.version(), two.version());
    assert_ne!(one.version(), Policy::default().version());
}

#[test]
fn the_network_that_is_asked_for_is_part_of_the_version_and_the_default_one_need_not_be_named() {
    let small = policy("[pii]\nmodel = \"small\"\n").unwrap();
    let rampart = policy("[pii]\nmodel = \"rampart\"\n").unwrap();
    assert_eq!(small.version(), Policy::default().version());
    assert_ne!(rampart.version(), small.version());
    assert_eq!(rampart.pii().model_wanted(), Some("rampart"));
    let error = policy("[pii]\nmodel = \"../x\"\n").unwrap_err().to_string();
    assert!(error.contains("pii.model"), "{error}");
}

#[test]
fn the_version_of_the_default_policy_changes_only_on_purpose() {
    // Versions stand in audit records: if this changes, say so in CHANGELOG.md.
    assert_eq!(Policy::default().version(), "2b5e32bfe3bb2307");
}

#[test]
fn url_prefixes_that_allow_more_than_they_seem_to_are_refused() {
    for prefix in [
        "",
        "https://",
        "https://intranet.example.com",
        "https://intranet.example.com/docs",
        "intranet.example.com/",
        "https://user@intranet.example.com/",
        "https://intranet.example.com/?q=/",
        "https://*.example.com/",
        "https://Intranet.example.com/",
        "https://intranet.example.com/a/../",
        "https://intranet.example.com//",
        "https://intranet.example.com/%2e%2e/",
        "javascript://x/",
    ] {
        let error = refused_policy(&format!(
            "restore.url_allow = [\"https://a.example/\", \"{prefix}\"]"
        ));
        assert!(
            error.starts_with("policy.toml:1:44: `restore.url_allow[1]`: "),
            "{prefix}: {error}"
        );
    }
}

#[test]
fn terms_that_would_mask_everything_or_nothing_are_refused() {
    for term in ["", " ", "-", " Jane", "Jane ", "a\\nb"] {
        let error = refused_policy(&format!("[[pii.terms]]\nvalues = [\"Jane\", \"{term}\"]"));
        assert!(
            error.starts_with("policy.toml:2:19: `pii.terms[0].values[1]`: a term "),
            "{term:?}: {error}"
        );
    }
}

#[test]
fn a_prompt_needs_the_categories_of_what_was_found_in_it() {
    const CONSENT: &str = "[consent]\ntext = \"prompt\"\n[consent.categories]\n\
        contact = [\"EMAIL_ADDRESS\", \"PHONE_NUMBER\"]\nall = [\"EMAIL_ADDRESS\"]\n";
    let policy = policy(CONSENT).unwrap();
    let of = |found: &[Entity]| {
        let needed = policy.consent().categories_of(found.iter().copied())?;
        Some(needed.into_iter().collect::<Vec<_>>())
    };
    assert_eq!(of(&[]), Some(vec!["prompt"]));
    assert_eq!(of(&[Entity::PHONE_NUMBER]), Some(vec!["contact", "prompt"]));
    let address = [Entity::EMAIL_ADDRESS, Entity::SURROGATE];
    assert_eq!(of(&address), Some(vec!["all", "contact", "prompt"]));
    assert_eq!(
        of(&[Entity::EMAIL_ADDRESS, Entity::CREDIT_CARD]),
        None,
        "a kind of no category"
    );
    assert_eq!(
        Policy::default().consent().categories_of([Entity::EMAIL_ADDRESS]),
        None
    );
    let unknown = refused_policy(&CONSENT.replace("PHONE_NUMBER", "PHONE_NUMBR"));
    assert!(unknown.contains("PHONE_NUMBER"), "{unknown}");
    let alone = refused_policy(&CONSENT.replace("text = \"prompt\"\n", ""));
    assert!(alone.contains("consent.categories"), "{alone}");
}

fn rules(text: &str) -> Result<RulesFile, Error> {
    RulesFile::parse(text, "rules.toml".as_ref())
}

#[test]
fn rules_are_added_to_the_policy_and_count_in_its_version() {
    let own = "[pii]\nallow_list = [\"info@example.com\"]\n[pii.entities]\nBADGE = \"block\"\n";
    let more = rules(
        "allow_list = [\"desk@example.com\"]\n[[terms]]\nvalues = [\"Kobold\"]\n\
         [[recognizers]]\nname = \"badges\"\nentity = \"BADGE\"\npatterns = [{ regex = 'B-[0-9]{4}', score = 0.5 }]\n",
    )
    .unwrap();
    assert!(policy(own).is_err(), "nobody knows the kind");
    let both =
        Policy::parse_with(own, "policy.toml".as_ref(), &[more.clone(), RulesFile::default()]).unwrap();
    assert_eq!(both.pii().allow_list, ["info@example.com", "desk@example.com"]);
    assert_eq!(both.pii().terms[0].values, ["Kobold"]);
    assert_eq!(both.pii().recognizers[0].name, "badges");
    let alone = Policy::parse_with("", "policy.toml".as_ref(), &[more]).unwrap();
    assert_ne!(alone.version(), Policy::default().version());
    let none = Policy::parse_with("", "policy.toml".as_ref(), &[RulesFile::default()]).unwrap();
    assert_eq!(none.version(), Policy::default().version());
}

#[test]
fn rules_that_cannot_be_used_are_refused_with_their_place() {
    for (text, says) in [
        ("[[terms]]\nvalues = [\" Kobold\"]\n", "`terms[0].values[0]`"),
        ("[[terms]]\nvalues = []\n", "lists no term"),
        (
            "[[terms]]\nentity = \"SURROGATE\"\nvalues = [\"a\"]\n",
            "cannot be surrogates",
        ),
        ("[entities]\nEMAIL_ADDRESS = \"allow\"\n", "entities"),
        ("threshold = 0.9\n", "threshold"),
    ] {
        let said = rules(text).unwrap_err().to_string();
        assert!(said.contains(says), "{text}: {said}");
        assert!(!said.contains("Kobold"), "{said}");
    }
}
