//! What each role that ships may do, and no more; written down a second time by hand.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::Offset;
use privet_access::{Account, Ask, Authorizer, Described, Privilege, PromptFacts, Resource, Standing};
use privet_types::PrincipalKind;

/// Rows are roles, in each the actions it permits.
const MATRIX: &[(&str, PrincipalKind, &[&str])] = &[
    (
        "admin",
        PrincipalKind::User,
        &[
            "key.manage",
            "key.read",
            "kill.read",
            "metrics.read",
            "models.list",
            "notice.acknowledge",
            "people.manage",
            "people.read",
            "policy.read",
            "sign_in",
            "token.make",
        ],
    ),
    (
        "security",
        PrincipalKind::User,
        &[
            "key.manage",
            "key.read",
            "kill.manage",
            "kill.read",
            "metrics.read",
            "notice.acknowledge",
            "people.read",
            "policy.read",
            "sign_in",
            "token.make",
            "vault.audit",
            "watch.manage",
            "watch.read",
        ],
    ),
    (
        "privacy_officer",
        PrincipalKind::User,
        &[
            "notice.acknowledge",
            "policy.read",
            "sign_in",
            "text.detect",
            "token.make",
            "vault.admin",
            "vault.approve",
            "vault.audit",
            "vault.erase",
            "vault.read",
            "vault.write",
            "watch.manage",
            "watch.read",
        ],
    ),
    (
        "developer",
        PrincipalKind::User,
        &[
            "mcp.call",
            "models.list",
            "notice.acknowledge",
            "policy.read",
            "prompt",
            "sign_in",
            "text.anonymize",
            "text.detect",
            "text.restore",
            "token.make",
        ],
    ),
    (
        "user",
        PrincipalKind::User,
        &[
            "mcp.call",
            "models.list",
            "notice.acknowledge",
            "prompt",
            "sign_in",
            "text.anonymize",
            "text.detect",
            "text.restore",
            "token.make",
        ],
    ),
    (
        "auditor",
        PrincipalKind::User,
        &[
            "key.read",
            "kill.read",
            "notice.acknowledge",
            "people.read",
            "policy.read",
            "sign_in",
            "token.make",
            "vault.audit",
            "watch.read",
        ],
    ),
    (
        "service",
        PrincipalKind::Service,
        &[
            "kill.manage",
            "kill.read",
            "mcp.call",
            "metrics.read",
            "models.list",
            "prompt",
            "text.anonymize",
            "text.detect",
            "text.restore",
            "token.make",
            "vault.admin",
            "vault.approve",
            "vault.audit",
            "vault.bulk",
            "vault.erase",
            "vault.read",
            "vault.write",
            "watch.manage",
            "watch.read",
        ],
    ),
    // A person does not get by it what service accounts may.
    (
        "service",
        PrincipalKind::User,
        &["notice.acknowledge", "sign_in", "token.make"],
    ),
    ("no-such-role", PrincipalKind::Service, &["token.make"]),
];

fn account(role: &str, kind: PrincipalKind) -> Account {
    Account::from(Described {
        tenant: "acme".parse().unwrap(),
        name: "ann".parse().unwrap(),
        kind,
        roles: BTreeSet::from([role.parse().unwrap()]),
        groups: BTreeMap::new(),
        training: BTreeSet::new(),
    })
}

fn is_allowed(authorizer: &Authorizer, account: &Account, privilege: Privilege) -> bool {
    let (counts, standing) = (BTreeMap::new(), Standing::absent());
    let facts = PromptFacts {
        surface: "openai_chat",
        counts: &counts,
        masked: 0,
        purpose: None,
        has_consent: false,
        assessment: &standing,
        acknowledged: &[],
    };
    let is_prompt = privilege == Privilege::Prompt;
    let model = Resource::Model {
        name: "demo",
        provider: "local",
        is_local: true,
    };
    let ask = Ask {
        privilege,
        resource: if is_prompt { model } else { Resource::Tenant },
        at: Timestamp::UNIX_EPOCH,
        address: None,
        prompt: is_prompt.then_some(facts),
    };
    authorizer.decide(account, &ask).is_allowed
}

#[test]
fn each_role_permits_what_the_matrix_says_and_nothing_else() {
    let authorizer = Authorizer::new(&[], Offset::UTC).unwrap();
    for (role, kind, permitted) in MATRIX {
        let account = account(role, *kind);
        let found: BTreeSet<&str> = Privilege::ALL
            .into_iter()
            .filter(|privilege| is_allowed(&authorizer, &account, *privilege))
            .map(Privilege::name)
            .collect();
        let expected: BTreeSet<&str> = permitted.iter().copied().collect();
        assert_eq!(found, expected, "{role} {kind:?}");
    }
}

#[test]
fn a_subject_of_the_vault_is_reached_like_the_tenant_it_is_of() {
    let authorizer = Authorizer::new(&[], Offset::UTC).unwrap();
    let account = account("privacy_officer", PrincipalKind::User);
    let ask = |privilege| Ask {
        privilege,
        resource: Resource::Subject("0123"),
        at: Timestamp::UNIX_EPOCH,
        address: None,
        prompt: None,
    };
    assert!(authorizer.decide(&account, &ask(Privilege::VaultRead)).is_allowed);
    assert!(!authorizer.decide(&account, &ask(Privilege::VaultBulk)).is_allowed);
    // An action that is for no subject is denied there, whatever a role permits.
    assert!(
        !authorizer
            .decide(&account, &ask(Privilege::PolicyRead))
            .is_allowed
    );
}
