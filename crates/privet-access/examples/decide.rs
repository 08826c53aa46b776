//! What a decision costs: `cargo run --release -p privet-access --example decide`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::Offset;
use privet_access::{
    Account, Ask, Authorizer, Described, PolicyText, Privilege, PromptFacts, Resource, Standing,
};
use privet_types::{Entity, PrincipalKind};

const ROUNDS: u32 = 20_000;

/// Looks at all that differs from one prompt to the next.
const OWN: &str = r#"
forbid (principal, action == Privet::Action::"prompt", resource)
when { context.hour > 24 || context.found > 1000000 || context.kinds.contains("NONE") ||
       (context has address && context.address.isInRange(ip("192.0.2.0/24"))) };
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let account = Account::from(Described {
        tenant: "acme".parse()?,
        name: "ann".parse()?,
        kind: PrincipalKind::User,
        roles: BTreeSet::from(["user".parse()?]),
        groups: BTreeMap::from([("research".parse()?, BTreeSet::new())]),
        training: BTreeSet::new(),
    });
    let own = [PolicyText {
        name: "own.cedar",
        text: OWN,
    }];
    for (what, own) in [
        ("the roles that ship", &[][..]),
        ("and a policy on all circumstances", &own[..]),
    ] {
        let authorizer = Authorizer::new(own, Offset::UTC)?;
        let remembered = measure(&authorizer, &account, |_| 1);
        // Each question is another one: the number of values found, or else the name of the model.
        let fresh = measure(&authorizer, &account, |round| round);
        println!("{what}: {remembered:.2} µs remembered, {fresh:.1} µs asked anew");
    }
    Ok(())
}

fn measure(authorizer: &Authorizer, account: &Account, number: impl Fn(u32) -> u32) -> f64 {
    let standing = Standing::absent();
    let models: Vec<String> = (0..ROUNDS)
        .map(|round| format!("gpt-{}", number(round)))
        .collect();
    let begun = Instant::now();
    for (round, model) in (0..).zip(&models) {
        let counts = BTreeMap::from([(Entity::EMAIL_ADDRESS, number(round)), (Entity::PERSON, 2)]);
        let ask = Ask {
            privilege: Privilege::Prompt,
            resource: Resource::Model {
                name: model,
                provider: "openai",
                is_local: false,
            },
            at: Timestamp::UNIX_EPOCH,
            address: Some([10, 1, 2, 3].into()),
            prompt: Some(PromptFacts {
                surface: "openai_chat",
                counts: &counts,
                masked: 3,
                purpose: None,
                has_consent: false,
                assessment: &standing,
                acknowledged: &[],
            }),
        };
        assert!(authorizer.decide(account, &ask).is_allowed);
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
}
