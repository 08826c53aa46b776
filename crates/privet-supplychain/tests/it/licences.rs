//! Licences and the policy over them.

use privet_supplychain::dependencies::{
    Judgement, LicenceException, LicencePolicy, normalise_licence, parse_licence,
};
use proptest::prelude::*;

fn policy(allow: &[&str], deny: &[&str]) -> LicencePolicy {
    let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    let policy = LicencePolicy {
        allow: owned(allow),
        deny: owned(deny),
        ..LicencePolicy::default()
    };
    policy.check().expect("it names licences");
    policy
}

fn denied(licence: &str) -> Judgement {
    Judgement::Denied {
        licence: licence.to_owned(),
    }
}

fn not_allowed(licence: &str) -> Judgement {
    Judgement::NotAllowed {
        licence: licence.to_owned(),
    }
}

#[test]
fn common_names_are_mapped_to_identifiers() {
    for (text, id) in [
        ("Apache 2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache Software License", "Apache-2.0"),
        ("Apache License 2.0", "Apache-2.0"),
        ("apache-2", "Apache-2.0"),
        ("BSD", "BSD-3-Clause"),
        ("BSD License", "BSD-3-Clause"),
        ("New BSD License", "BSD-3-Clause"),
        ("3-Clause BSD License", "BSD-3-Clause"),
        ("BSD 3-Clause \"New\" or \"Revised\" License", "BSD-3-Clause"),
        ("Simplified BSD", "BSD-2-Clause"),
        ("MIT License", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("mit", "MIT"),
        ("GPLv3", "GPL-3.0-only"),
        ("GPL v2", "GPL-2.0-only"),
        ("GPLv3+", "GPL-3.0-or-later"),
        (
            "GNU General Public License v3 or later (GPLv3+)",
            "GPL-3.0-or-later",
        ),
        ("GNU GPL v3", "GPL-3.0-only"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("LGPLv2.1+", "LGPL-2.1-or-later"),
        ("GNU Lesser General Public License v3 (LGPLv3)", "LGPL-3.0-only"),
        ("AGPL-3.0", "AGPL-3.0-only"),
        ("MPL 2.0", "MPL-2.0"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("ISC License (ISCL)", "ISC"),
        ("PSF", "PSF-2.0"),
        ("Python Software Foundation License", "PSF-2.0"),
        ("Public Domain", "LicenseRef-Public-Domain"),
        ("Proprietary", "LicenseRef-Proprietary"),
        ("UNLICENSED", "LicenseRef-Proprietary"),
        ("The Unlicense (Unlicense)", "Unlicense"),
        ("CC0", "CC0-1.0"),
        ("CC BY-NC 4.0", "CC-BY-NC-4.0"),
        ("Boost Software License 1.0", "BSL-1.0"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("MIT or Apache 2.0", "MIT OR Apache-2.0"),
        ("Apache 2.0 and BSD", "Apache-2.0 AND BSD-3-Clause"),
        ("MIT, BSD", "MIT AND BSD-3-Clause"),
    ] {
        assert_eq!(normalise_licence(text).as_deref(), Some(id), "{text}");
    }
    for text in [
        "",
        "see LICENSE",
        "SEE LICENSE IN x.md",
        "Bob's own",
        "UNKNOWN",
        "MIT or Bob's",
    ] {
        assert_eq!(normalise_licence(text), None, "{text}");
    }
}

#[test]
fn a_whole_licence_text_is_told_by_a_sentence_of_it() {
    let text = format!(
        "Copyright (c) Someone\n\nPermission is hereby granted, free of charge, to any person\nobtaining a copy {}",
        "x ".repeat(200)
    );
    assert_eq!(normalise_licence(&text).as_deref(), Some("MIT"));
}

#[test]
fn of_alternatives_one_must_be_allowed_and_of_all_each() {
    let policy = policy(&["MIT", "Apache-2.0"], &[]);
    assert_eq!(policy.judge("a", "GPL-3.0-only OR MIT"), Judgement::Allowed);
    assert_eq!(
        policy.judge("a", "GPL-3.0-only AND MIT"),
        not_allowed("GPL-3.0-only")
    );
    assert_eq!(
        policy.judge("a", "MIT AND (GPL-3.0-only OR Apache-2.0)"),
        Judgement::Allowed
    );
    assert_eq!(policy.judge("a", "who knows"), Judgement::Unknown);
    assert_eq!(policy.judge("a", "who knows").rule(), Some("licence-unknown"));
}

#[test]
fn a_denied_licence_is_denied_with_every_exception_but_one_that_is_named() {
    let policy = policy(&["GPL-2.0-only WITH Classpath-exception-2.0", "MIT"], &["GPL-*"]);
    assert_eq!(policy.judge("a", "GPL-2.0"), denied("GPL-2.0-only"));
    assert_eq!(policy.judge("a", "GPL-2.0+"), denied("GPL-2.0-or-later"));
    assert_eq!(
        policy.judge("a", "GPL-2.0-only WITH Classpath-exception-2.0"),
        Judgement::Allowed
    );
    assert_eq!(
        policy.judge("a", "GPL-3.0-only WITH GCC-exception-3.1"),
        denied("GPL-3.0-only WITH GCC-exception-3.1")
    );
    assert_eq!(policy.judge("a", "LGPL-3.0-only"), not_allowed("LGPL-3.0-only"));
}

#[test]
fn an_allowed_version_allows_it_or_later() {
    let policy = policy(&["GPL-2.0", "Apache-2.0"], &[]);
    assert_eq!(policy.judge("a", "GPL-2.0-or-later"), Judgement::Allowed);
    assert_eq!(policy.judge("a", "Apache-2.0+"), Judgement::Allowed);
    assert_eq!(
        policy.judge("a", "Apache-2.0 WITH LLVM-exception"),
        Judgement::Allowed
    );
}

#[test]
fn an_exception_holds_for_its_package_and_licence_alone() {
    let mut policy = policy(&["MIT"], &[]);
    policy.exceptions.push(LicenceException {
        package: "My_Tool".to_owned(),
        licence: Some("GPL-3.0-only".to_owned()),
        reason: "bought".to_owned(),
    });
    let bought = Judgement::Excepted {
        reason: "bought".to_owned(),
    };
    assert_eq!(policy.judge("my-tool", "GPLv3"), bought);
    assert_eq!(
        policy.judge("my-tool", "AGPL-3.0-only"),
        not_allowed("AGPL-3.0-only")
    );
    assert_eq!(policy.judge("other", "GPLv3"), not_allowed("GPL-3.0-only"));
}

#[test]
fn the_default_policy_allows_what_is_known() {
    let policy = LicencePolicy::default();
    assert_eq!(policy.judge("a", "GPL-3.0-only"), Judgement::Allowed);
    assert_eq!(policy.judge("a", ""), Judgement::Unknown);
    let lenient = LicencePolicy {
        allow_unknown: true,
        ..LicencePolicy::default()
    };
    assert_eq!(lenient.judge("a", ""), Judgement::Allowed);
}

#[test]
fn a_policy_with_an_unknown_name_or_field_is_refused() {
    let policy = LicencePolicy {
        deny: vec!["GPL-9.9".to_owned()],
        ..LicencePolicy::default()
    };
    let error = policy.check().expect_err("there is no such licence").to_string();
    assert!(error.contains("`GPL-9.9`"), "{error}");
    assert!(serde_json::from_str::<LicencePolicy>(r#"{"alow": []}"#).is_err());
}

#[test]
fn entries_that_would_fit_no_licence_are_refused() {
    for name in ["MIT OR Apache-2.0", "(MIT)", " MIT", "MIT AND BSD-3-Clause"] {
        let policy = LicencePolicy {
            deny: vec![name.to_owned()],
            ..LicencePolicy::default()
        };
        assert!(policy.check().is_err(), "{name}");
    }
}

#[test]
fn an_exception_is_allowed_in_either_spelling_of_gnus() {
    for entry in [
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "gpl-2.0 with classpath-exception-2.0",
    ] {
        let policy = policy(&[entry], &["GPL-2.0-only"]);
        let judged = policy.judge("a", "GPL-2.0 WITH Classpath-exception-2.0");
        assert_eq!(judged, Judgement::Allowed, "{entry}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(text in r"(MIT|Apache-2\.0|GPL-2\.0\+|\(|\)| AND | OR | WITH |Classpath-exception-2\.0| ){0,20}") {
        if let Some(licence) = parse_licence(&text) {
            prop_assert_eq!(parse_licence(&licence.to_string()), Some(licence));
        }
    }

    #[test]
    fn any_text_is_judged(text in "\\PC{0,300}") {
        let _ = LicencePolicy::default().judge("a", &text);
    }
}
