//! What a reply speaks of: bans, patterns, code, languages, citations, packages, personal data.

use std::sync::Arc;

use privet_guardrails::controls::{
    Action, Ban, BanKind, Brought, BroughtBy, Chain, Citations, CitationsConfig, CodeConfig, CodeFilter,
    Ecosystem, Escapes, EscapesConfig, Filter, LanguageConfig, LanguageFilter, PackageFilter, PackageList,
    PackagesConfig, Passed, PatternBan, Patterns, Phrases, Private, PrivateConfig, RepetitionConfig, Source,
    Watching,
};
use privet_pii::{Analyzer, Config};
use privet_types::Budget;
use proptest::prelude::*;

use crate::cuts::{cuts, run, same_however_cut, texts};

fn rules(passed: &Passed) -> Vec<&'static str> {
    passed.hits.iter().map(|hit| hit.rule.0).collect()
}

fn bans(action: Action) -> Phrases {
    let ban = |kind, phrases: &[&str]| Ban {
        kind,
        phrases: phrases.iter().map(|phrase| (*phrase).to_owned()).collect(),
        action,
    };
    Phrases::new(&[
        ban(BanKind::Competitor, &["Acme Bank", "Müller & Söhne", "東京銀行"]),
        ban(BanKind::Topic, &["merger", "invest*"]),
        ban(BanKind::Word, &["darn"]),
    ])
    .unwrap()
}

#[test]
fn banned_phrases_go_and_their_neighbours_stay() {
    for (text, left) in [
        ("Try Acme Bank, please.", "Try (removed), please."),
        ("try ACME-BANK cards", "try (removed) cards"),
        ("Acme\n  Bank", "(removed)"),
        (
            "Muller und Sohne; Mu\u{308}ller &  So\u{308}hne!",
            "Muller und Sohne; (removed)!",
        ),
        ("彼は東京銀行に行く", "彼は(removed)に行く"),
        ("the merger", "the (removed)"),
        ("merger", "(removed)"),
        ("The ｍｅｒｇｅｒ is", "The (removed) is"),
        (
            "investing in investments is not divesting",
            "(removed) in (removed) is not divesting",
        ),
        ("darn darn darned", "(removed) (removed) darned"),
        (
            "Acme is a bank; emergers; submerger",
            "Acme is a bank; emergers; submerger",
        ),
    ] {
        let passed = run(&mut bans(Action::Redact).filter().unwrap(), text, &[]);
        assert_eq!(passed.text, left, "{text}");
    }
    let passed = run(
        &mut bans(Action::Block).filter().unwrap(),
        "so the merger is on",
        &[],
    );
    assert_eq!(
        (passed.text.as_str(), rules(&passed)),
        ("so the ", vec!["bans/topic"])
    );
    let passed = run(
        &mut bans(Action::Flag).filter().unwrap(),
        "so the merger is on",
        &[],
    );
    assert_eq!(
        (passed.text.as_str(), passed.action()),
        ("so the merger is on", Action::Flag)
    );
    let bad = Ban {
        kind: BanKind::Word,
        phrases: vec!["--".to_owned()],
        action: Action::Block,
    };
    assert!(Phrases::new(&[bad]).is_err());
}

fn patterns(action: Action) -> Patterns {
    let ban = |regex: &str| PatternBan {
        regex: regex.to_owned(),
        ignore_case: true,
        action,
    };
    Patterns::new(&[ban(r"project-\d+"), ban(r"\bcase no\. \w+")]).unwrap()
}

#[test]
fn patterns_go_line_by_line() {
    let passed = run(
        &mut patterns(Action::Redact).filter(),
        "see Project-17 and\ncase no. X9, project-\n",
        &[],
    );
    assert_eq!(passed.text, "see (removed) and\n(removed), project-\n");
    let passed = run(
        &mut patterns(Action::Block).filter(),
        "one\nsee Project-17\n",
        &[],
    );
    assert_eq!(passed.text, "one\nsee ");
    for bad in ["(", "(?=x)", "x*"] {
        let ban = PatternBan {
            regex: bad.to_owned(),
            ignore_case: false,
            action: Action::Block,
        };
        assert!(Patterns::new(&[ban]).is_err(), "{bad}");
    }
}

#[test]
fn code_goes_and_prose_stays() {
    let code = |text: &str| {
        run(
            &mut CodeFilter::new(&CodeConfig {
                languages: vec!["text".to_owned()],
                ..CodeConfig::default()
            }),
            text,
            &[],
        )
    };
    for (text, left) in [
        (
            "Here:\n```python\nprint(1)\n```\nDone.\n",
            "Here:\n(code removed)\nDone.\n",
        ),
        ("Here:\n~~~~\nx\n~~~\n~~~~\nDone.", "Here:\n(code removed)\nDone."),
        ("> ```js\n> x()\n> ```\nDone.", "(code removed)\nDone."),
        ("```\nnever closed", "(code removed)\n"),
        (
            "So:\nimport os\nos.remove(x)\nprint(x == 1)\nfor (;;) {\n}\nDone.",
            "So:\n(code removed)\nDone.",
        ),
        ("def f(x):\n    return x + 1;\n\nf(2);\n", "(code removed)\n"),
    ] {
        let passed = code(text);
        assert_eq!(passed.text, left, "{text}");
    }
    for twin in [
        "```text\njust words\n```\n",
        "I import tea from China (and from India).\nFor me, use `print(x)` only.\nReturn it, please.\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "- first; second\n- third\n\n1. x = y\nand so on.\n",
        "Dear all,\n\nlet us meet at ten.\n\nClass is over;\nwe go home.\n",
    ] {
        let passed = code(twin);
        assert_eq!((passed.text.as_str(), passed.hits.len()), (twin, 0));
    }
}

#[test]
fn a_line_in_another_language_is_noticed() {
    let config = LanguageConfig {
        allowed: vec!["english".to_owned(), "German".to_owned()],
        action: Action::Redact,
    };
    let text = "The weather is fine today, and we are going to the sea.\nDas Wetter ist heute schön, und wir fahren ans Meer.\n\
        Il fait beau aujourd'hui, et nous allons à la mer avec les enfants.\nОчень хорошая погода, мы едем на море.\nOk!\n";
    let passed = run(&mut LanguageFilter::new(&config).unwrap(), text, &[]);
    assert_eq!(rules(&passed), ["language/other", "language/other"]);
    assert!(
        passed.text.contains("weather") && passed.text.contains("Wetter") && !passed.text.contains("beau")
    );
    let bad = LanguageConfig {
        allowed: vec!["klingon".to_owned()],
        action: Action::Flag,
    };
    assert!(LanguageFilter::new(&bad).is_err());
}

fn citations() -> Citations {
    let sources = [
        Source {
            id: "1",
            text: "The river is 300 km long and rises in the hills.",
        },
        Source {
            id: "doc-2",
            text: "The town has 12,000 people.",
        },
    ];
    Citations::new(&CitationsConfig::default(), &sources, &Budget::unlimited()).unwrap()
}

#[test]
fn citations_lead_to_sources_and_quotations_stand_in_them() {
    for (text, left, found) in [
        (
            "It is long [1], and the town small [doc-2].",
            "It is long [1], and the town small [doc-2].",
            vec![],
        ),
        ("It is long [7].", "It is long .", vec!["citations/unknown"]),
        (
            "It is long[^1] [1, 3] 【2†source】",
            "It is long[^1]  ",
            vec!["citations/unknown", "citations/unknown"],
        ),
        ("As [doc-9] says", "As  says", vec!["citations/unknown"]),
        (
            "“The river is 300 km long” [1]",
            "“The river is 300 km long” [1]",
            vec![],
        ),
        (
            "\"the river is 900 km long\" [1]",
            "\"the river is 900 km long\" [1]",
            vec!["citations/quotation"],
        ),
        (
            "\"the town has 12.000 people\" [1]",
            "\"the town has 12.000 people\" [1]",
            vec!["citations/quotation"],
        ),
        (
            "a link [7](https://example.org), a task [x], a note [sic], `a[7]`",
            "a link [7](https://example.org), a task [x], a note [sic], `a[7]`",
            vec![],
        ),
        ("```\na[7]\n```\n", "```\na[7]\n```\n", vec![]),
    ] {
        let passed = run(&mut citations(), text, &[]);
        assert_eq!((passed.text.as_str(), rules(&passed)), (left, found), "{text}");
    }
}

fn packages(action: Action) -> PackageFilter {
    let pypi = PackageList::new(Ecosystem::Pypi, "# names\nrequests\nZope.Interface\nnumpy\n").unwrap();
    let npm = PackageList::new(Ecosystem::Npm, "left-pad\n@types/node\n").unwrap();
    PackageFilter::new(&PackagesConfig { action }, &[pypi, npm])
}

#[test]
fn packages_that_do_not_exist_are_not_recommended() {
    for (text, left) in [
        ("pip install requests", "pip install requests"),
        (
            "pip install -U requests[socks]==2.0 zope_interface 'numpy>=1'",
            "pip install -U requests[socks]==2.0 zope_interface 'numpy>=1'",
        ),
        (
            "Run `pip install reqeusts-pro` and go on.",
            "Run `pip install (unknown package)` and go on.",
        ),
        (
            "pip3 install numpy fastjsonx -r more.txt && ls x",
            "pip3 install numpy (unknown package) -r more.txt && ls x",
        ),
        (
            "npm i @types/node @evil/node left-pad@1.3.0",
            "npm i @types/node (unknown package) left-pad@1.3.0",
        ),
        ("npx create-evil-app my-app", "npx (unknown package) my-app"),
        (
            "pip install -e . ; pip install git+https://example.org/x",
            "pip install -e . ; pip install git+https://example.org/x",
        ),
        (
            "cargo add whatever-there-is-no-list",
            "cargo add whatever-there-is-no-list",
        ),
        ("I pip the install of nothing", "I pip the install of nothing"),
    ] {
        let passed = run(&mut packages(Action::Redact), text, &[]);
        assert_eq!(passed.text, left, "{text}");
    }
}

#[test]
fn a_list_of_packages_is_read_back_and_a_damaged_one_refused() {
    let bytes = PackageList::new(Ecosystem::Npm, "a\nb\nc\n").unwrap().to_bytes();
    assert_eq!(PackageList::parse(&bytes).unwrap().to_bytes(), bytes);
    let mut unsorted = bytes.clone();
    unsorted[24..40].rotate_left(8);
    for damaged in [
        &bytes[..20],
        &bytes[..bytes.len() - 1],
        &bytes[..bytes.len() - 8],
        &unsorted,
        b"PRVPKG2\n",
    ] {
        assert!(PackageList::parse(damaged).is_err());
    }
}

fn private(user: &str, config: &PrivateConfig) -> Private {
    let pii = Config {
        network: false,
        ..Config::default()
    };
    let mut brought = Brought::default();
    brought.add(user, &Budget::unlimited()).unwrap();
    Private::new(config, Arc::new(Analyzer::new(&pii).unwrap()), brought)
}

#[test]
fn personal_data_that_the_user_did_not_bring_goes() {
    let user = "My mail is ada@example.com, my card 4111 1111 1111 1111.";
    let reply = "You are ada@example.com with 4111-1111-1111-1111. Bob is bob@example.com, his card 5555 5555 5555 4444, \
        his key sk-proj-Zq3vN8kT1xWb7Rj5Ld2Pf9Hs6Mc4Yg0Ae.";
    let passed = run(&mut private(user, &PrivateConfig::default()), reply, &[]);
    assert!(
        passed
            .text
            .starts_with("You are ada@example.com with 4111-1111-1111-1111. Bob is [EMAIL_ADDRESS removed]"),
        "{}",
        passed.text
    );
    assert!(
        !passed.text.contains("5555") && !passed.text.contains("sk-proj"),
        "{}",
        passed.text
    );
    assert!(rules(&passed).contains(&"private/secret"));
    let config = PrivateConfig {
        secrets: Action::Block,
        ..PrivateConfig::default()
    };
    let passed = run(&mut private(user, &config), &format!("{reply} And so on."), &[]);
    assert!(passed.is_stopped() && !passed.text.contains("sk-proj") && !passed.text.contains("so on"));
}

#[test]
fn a_stand_in_that_the_user_did_not_bring_goes_where_only_the_user_brings() {
    let (own, other) = ("<EMAIL_ADDRESS_7Q2MX9PLR4TWZ>", "<EMAIL_ADDRESS_3K8TN5RWY2DHC>");
    let reply = format!("You are {own}; the curator is {other}.");
    let passed = run(&mut private(own, &PrivateConfig::default()), &reply, &[]);
    assert_eq!(passed.text, reply);
    let config = PrivateConfig {
        brought: BroughtBy::User,
        ..PrivateConfig::default()
    };
    let passed = run(&mut private(own, &config), &reply, &[]);
    assert_eq!(
        passed.text,
        format!("You are {own}; the curator is [private value removed].")
    );
}

#[test]
fn a_chain_stops_where_one_of_its_filters_does() {
    let mut watching = Watching::default();
    RepetitionConfig::default().watch(&mut watching).unwrap();
    let mut chain = Chain::new(vec![
        Box::new(Escapes::new(&EscapesConfig::default())),
        Box::new(bans(Action::Block).filter().unwrap()),
        Box::new(watching),
    ]);
    let passed = run(&mut chain, "\u{1b}[1mso\u{1b}[0m the merger is on", &[]);
    assert_eq!(
        rules(&passed),
        ["escapes/sequence", "escapes/sequence", "bans/topic"]
    );
    assert!("so the ".starts_with(&passed.text));
    let mut passed = Passed::default();
    chain.push("more", &mut passed, &Budget::unlimited()).unwrap();
    chain.finish(&mut passed, &Budget::unlimited()).unwrap();
    assert_eq!(passed, Passed::default());
}

const SCRAPS: &[&str] = &[
    "Acme",
    " ",
    "Bank",
    "-",
    "merger",
    "invest",
    "ing",
    "\n",
    "é",
    "東京",
    "銀行",
    "```",
    "\n```\n",
    "x = f(1);\n",
    "import a.b()\n",
    "[1]",
    "[7]",
    "\"the river is 900 km\" ",
    "【2†s】",
    "pip install ",
    "requests",
    "nosuch",
    "`",
    "Project-17",
    "u\u{308}",
    ". ",
    "Il fait beau aujourd'hui et nous allons. ",
    "bob@example.com ",
    "4111 1111 1111 1111 ",
    "................",
];

fn actions() -> impl Strategy<Value = Action> {
    prop::sample::select(&[Action::Flag, Action::Redact, Action::Block][..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn content_is_judged_the_same_however_a_text_is_cut(text in texts(SCRAPS), cuts in cuts(), action in actions(), which in 0..6_usize) {
        let make = || -> Box<dyn Filter> {
            match which {
                0 => Box::new(bans(action).filter().unwrap()),
                1 => Box::new(patterns(action).filter()),
                2 => Box::new(CodeFilter::new(&CodeConfig { action, languages: vec![] })),
                3 => Box::new(LanguageFilter::new(&LanguageConfig { allowed: vec!["english".to_owned()], action }).unwrap()),
                4 => Box::new(citations()),
                _ => Box::new(packages(action)),
            }
        };
        same_however_cut(&make, &text, &cuts);
    }

    #[test]
    fn chains_judge_the_same_however_a_text_is_cut(text in texts(SCRAPS), cuts in cuts(), action in actions()) {
        let make = || -> Box<dyn Filter> {
            Box::new(Chain::new(vec![
                Box::new(CodeFilter::new(&CodeConfig { action: Action::Redact, languages: vec![] })),
                Box::new(bans(action).filter().unwrap()),
                Box::new(citations()),
            ]))
        };
        same_however_cut(&make, &text, &cuts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn personal_data_is_judged_the_same_however_a_text_is_cut(text in texts(SCRAPS), cuts in cuts(), action in actions()) {
        let config = PrivateConfig { action, secrets: action, ..PrivateConfig::default() };
        same_however_cut(&|| Box::new(private("ada@example.com", &config)), &text.repeat(9), &cuts);
    }
}
