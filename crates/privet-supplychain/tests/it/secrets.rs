//! Secrets: own rules, rule files of gitleaks, inline comments. All secrets here are made up; none was ever live.

use privet_supplychain::Severity;
use privet_supplychain::secrets::{Error, Rules, allowed_inline};
use privet_types::{Budget, BudgetError};
use proptest::prelude::*;

fn found(text: &str) -> Vec<String> {
    found_in("notes.txt", text)
}

fn found_in(path: &str, text: &str) -> Vec<String> {
    let found = rules().scan(path, text.as_bytes(), &Budget::unlimited()).unwrap();
    found
        .into_iter()
        .map(|finding| finding.rule.to_string())
        .collect()
}

fn rules() -> &'static Rules {
    static RULES: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(Rules::embedded);
    &RULES
}

/// A run of letters and digits that looks drawn by chance, from a fixed seed.
fn made_up(seed: u64, length: usize) -> String {
    const SIGNS: &[u8] = b"bq7Zk2Rw9XtHn4LsVj8PmFc3GdY6";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(SIGNS[usize::try_from(state >> 33).unwrap() % SIGNS.len()])
        })
        .collect()
}

/// Ways to write a value beside its name, each with `NAME` and `VALUE`.
const SYNTAXES: [&str; 30] = [
    "NAME=VALUE",
    "NAME = VALUE",
    "NAME = \"VALUE\"",
    "NAME = 'VALUE'",
    "NAME: VALUE",
    "NAME: \"VALUE\"",
    "\"NAME\": \"VALUE\",",
    "'NAME' => 'VALUE',",
    "NAME := \"VALUE\"",
    "NAME := `VALUE`",
    "NAME ?= \"VALUE\"",
    "export NAME=VALUE",
    "export NAME='VALUE'",
    "set NAME=VALUE",
    "ENV NAME VALUE_IS=1\nENV NAME=VALUE",
    "<NAME>VALUE</NAME>",
    "<NAME>\n    VALUE\n</NAME>",
    "<add key=\"NAME\" value=\"VALUE\" />",
    "<property name=\"NAME\" value=\"VALUE\"/>",
    "config.set(\"NAME\", \"VALUE\");",
    "os.environ.get('NAME', 'VALUE')",
    "var NAME string = \"VALUE\"",
    "let NAME: &str = \"VALUE\";",
    "String NAME = \"VALUE\";",
    "connect(host, NAME=\"VALUE\")",
    "{\\\"NAME\\\": \\\"VALUE\\\"}",
    "run --NAME VALUE",
    "run --NAME=VALUE",
    "- name: NAME\n  value: \"VALUE\"",
    "{\"config.ini\": \"NAME=VALUE\\nOTHER=1\"}",
];

#[test]
fn every_embedded_rule_finds_its_example_and_not_its_counter_example() {
    let rules = rules();
    let mut wrong = Vec::new();
    for rule in rules.list() {
        let (example, counter) = rules.examples(&rule.id).unwrap();
        let alone = rules
            .scan("a.txt", example.as_bytes(), &Budget::unlimited())
            .unwrap();
        if alone.is_empty() {
            wrong.push(format!("{}: example not found: {example}", rule.id));
        }
        let none = rules
            .scan("a.txt", counter.as_bytes(), &Budget::unlimited())
            .unwrap();
        if none.iter().any(|finding| finding.rule == rule.id) {
            wrong.push(format!("{}: counter-example found: {counter}", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_embedded_rule_finds_what_is_almost_its_secret() {
    let rules = rules();
    let mut wrong = Vec::new();
    let (mut asked, mut without) = (0, 0);
    for rule in rules.list() {
        let misses = rules.near_misses(&rule.id);
        without += usize::from(misses.is_empty());
        for text in misses {
            asked += 1;
            let found = rules
                .scan("a.txt", text.as_bytes(), &Budget::unlimited())
                .unwrap();
            if found.iter().any(|finding| finding.rule == rule.id) {
                wrong.push(format!("{}: {text}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join(""));
    assert!(
        asked > 10_000 && without < 30,
        "{asked} asked, {without} rules without"
    );
}

#[test]
fn a_token_whose_checksum_does_not_fit_is_told_as_low() {
    let published = concat!("npm_", "qkJaB6MffYVzZXWqmcoF49yrUxP3wf0LsakP");
    let severity = |text: &str| {
        let found = rules().scan("a", text.as_bytes(), &Budget::unlimited()).unwrap();
        found
            .first()
            .map(|finding| (finding.severity, finding.confidence))
    };
    assert_eq!(severity(published), Some((Severity::Critical, 1.0)));
    assert_eq!(
        severity(&published.replace("qkJ", "qkj")),
        Some((Severity::Low, 0.3))
    );
}

#[test]
fn what_only_looks_like_a_secret_is_not_flagged() {
    let key = made_up(11, 24);
    let hex = "2d773be37adb1e4d683bf0075e79c4ee037918535a7f99ccb7040fb5f5f43aea";
    let texts = [
        // Part of an address, a path, a type, a number, a date, a query.
        format!("curl https://workflow.googleapis.com/v1/token/{key}"),
        "Make it private ([#5533](https://github.com/rust-lang/libc/pull/5533))".to_owned(),
        "pub const NO_TRUST_SECRET: WIN32_ERROR = 8633u32;".to_owned(),
        "pub log_passwd: __u32,".to_owned(),
        "key = 1979-05-27T07:32:00Z".to_owned(),
        "new_tokenizer = fts5V1toV2Tokenize;".to_owned(),
        "let key: PrivatePkcs8KeyDer<'_>,".to_owned(),
        // A test vector; a row of the alphabet; what has the form of a UUID and is none.
        format!("Key = {hex}\nNonce = 01\nInput = 89dab80b7717c1db\nTag = 00\n"),
        "secret_key = 'abcdefg12346+FJQCK'".to_owned(),
        "deployKey=px-dep-d4c3b2a1-f6e5-h8g7-j1i8-p5o0n5m3l2k1".to_owned(),
        "licenseKey=a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8".to_owned(),
        // Nobody answers at these addresses.
        "postgresql://user:s3cretpass@[2001:db8::1234]/main".to_owned(),
        "ftp://me:Xy7hunter@203.0.113.7/".to_owned(),
        // Code between two texts; a list; a verb; text about keys.
        "log(\"//localhost/:_password = \"+new Buffer(\"feast\").toString())".to_owned(),
        "Moved(\"HTTPPasswordMgr\", \"urllib2\", \"urllib.request\")".to_owned(),
        "pass `extras9` along when resolving".to_owned(),
        "/// -----BEGIN PRIVATE KEY-----\n/// and then the key, which can be encrypted under a password, as is told in RFC 5958".to_owned(),
        "connect(user=user, password=password, host=host)".to_owned(),
    ];
    let flagged: Vec<&String> = texts.iter().filter(|text| !found(text).is_empty()).collect();
    assert!(flagged.is_empty(), "{flagged:#?}");
}

#[test]
fn a_line_of_a_certificate_is_no_token() {
    let row = |seed: u64| made_up(seed, 64);
    let with_token = format!("AKC{}/{}", made_up(1, 30), made_up(2, 30));
    let block = format!("{}\n{with_token}\n{}\n", row(3), row(4));
    assert!(found(&block).is_empty(), "{:?}", found(&block));
    assert_eq!(
        found(&format!("x = AKC{}\n", made_up(1, 30))),
        ["jfrog-api-key-old"]
    );
}

#[test]
fn ids_of_embedded_rules_are_kebab_case_and_unique() {
    let mut ids: Vec<String> = rules().list().map(|rule| rule.id.to_string()).collect();
    let count = ids.len();
    assert!(
        ids.iter().all(|id| id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')),
        "{ids:?}"
    );
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(count > 1_000, "{count}");
}

/// Floor over made-up positives: 30 syntaxes, 6 names each. Names and values are of our own making.
#[test]
fn secrets_in_thirty_syntaxes_are_found() {
    let names = [
        "db_password",
        "client_secret",
        "API_KEY",
        "acme_token",
        "authToken",
        "adafruit_key",
    ];
    let mut missed = Vec::new();
    for (index, (syntax, name)) in SYNTAXES
        .iter()
        .flat_map(|s| names.iter().map(move |n| (s, n)))
        .enumerate()
    {
        let text = syntax
            .replace("NAME", name)
            .replace("VALUE", &made_up(index as u64 + 7, 32));
        if found(&text).is_empty() {
            missed.push(text);
        }
    }
    let all = SYNTAXES.len() * names.len();
    assert!(
        missed.len() * 100 <= all * 3,
        "{} of {all} missed:\n{}",
        missed.len(),
        missed.join("\n")
    );
}

/// Floor over made-up hard negatives: 12 values that are no secrets in 14 syntaxes.
#[test]
fn stand_ins_and_references_are_not_flagged() {
    let values = [
        "${DB_PASSWORD}",
        "<your password>",
        "xxxxxxxxxxxxxxxx",
        "changeme",
        "{{ .Values.password }}",
        "********",
        "$(cat /run/secret)",
        "%(password)s",
        "$PASSWORD",
        "your_password_here",
        "@@PASSWORD@@",
        "...",
    ];
    let mut flagged = Vec::new();
    for (syntax, value) in SYNTAXES
        .iter()
        .take(14)
        .flat_map(|s| values.iter().map(move |v| (s, v)))
    {
        for name in ["db_password", "api_key"] {
            let text = syntax.replace("NAME", name).replace("VALUE", value);
            if !found(&text).is_empty() {
                flagged.push(text);
            }
        }
    }
    let all = 14 * values.len() * 2;
    assert!(
        flagged.len() * 100 <= all * 5,
        "{} of {all} flagged:\n{}",
        flagged.len(),
        flagged.join("\n")
    );
}

#[test]
fn code_about_secrets_is_not_flagged() {
    let lines = [
        "password = getpass.getpass()",
        "self.password = password",
        "token = tokenizer.next_token()",
        "let key = map.keys().next();",
        "passwordLabel: \"Password:\",",
        "this.addPassword = '#add-password';",
        "const password = process.env.PASSWORD;",
        "if password == user.password:",
        "api_key = os.environ[\"API_KEY\"]",
        "public_key_token=b77a5c561934e089x",
        "\"keyboard\": \"qwertz-de-1999\"",
        "primary_key = 'user_account_identifier'",
        "cache_key = f\"{user}-{page}\"",
        "fn token(&self) -> Token { self.token }",
        "secret_name: my-app-secret",
        "TOKEN_URL = \"https://example.com/oauth/token\"",
        "password: { type: String, required: true }",
        "password VARCHAR(255) NOT NULL",
        "Forgot your password? Click here.",
        "author = \"Jane Doe\"",
        "key: 'ArrowDown'",
        "auth: 'required'",
        "tokens = [1, 2, 3]",
        "X-API-Name: \"NRG0-Hermes-INTERNAL\"",
    ];
    let flagged: Vec<&str> = lines.into_iter().filter(|line| !found(line).is_empty()).collect();
    assert!(flagged.len() <= 1, "{flagged:?}");
}

#[test]
fn the_more_specific_rule_wins_where_findings_overlap() {
    let text = format!("password = \"ghp_{}\"", made_up(3, 36));
    assert_eq!(found(&text), ["github-pat"]);
}

#[test]
fn a_password_in_an_output_of_a_data_frame_is_found() {
    let text = "    user      password\n0  alice   Tr0ub4dor&3\n1    bob    c0rrect-h0\n";
    assert_eq!(found(text).len(), 2, "{:?}", found(text));
}

#[test]
fn a_password_in_a_table_of_html_is_found() {
    let text = "<table><tr><th></th><th>user</th><th>password</th></tr>\n<tr><th>0</th><td>alice</td><td>Tr0ub4dor&3</td></tr></table>";
    assert_eq!(found(text), ["generic-password"]);
}

#[test]
fn files_that_hold_passwords_by_their_form_are_known_by_their_names() {
    assert_eq!(
        found_in("db/.pgpass", "localhost:5432:main:root:hunter2!\n"),
        ["pgpass-line"]
    );
    assert_eq!(found_in("store/keys.kdbx", "x"), ["key-store-file"]);
    assert_eq!(
        found_in("config/master.key", &made_up(1, 32)),
        ["rails-master-key"]
    );
}

#[test]
fn a_spent_budget_is_an_error_not_an_empty_result() {
    let text = vec![b'a'; 1 << 20];
    let result = rules().scan("a", &text, &Budget::new(1_000));
    assert!(
        matches!(result, Err(Error::Budget(BudgetError::Spent))),
        "{result:?}"
    );
}

#[test]
fn findings_never_show_the_secret() {
    let secret = made_up(5, 36);
    let shown = format!(
        "{:?}",
        rules()
            .scan("a", format!("t = ghp_{secret}").as_bytes(), &Budget::unlimited())
            .unwrap()
    );
    assert!(!shown.contains(&secret));
}

#[test]
fn an_inline_comment_allows_one_rule_or_all() {
    let one = allowed_inline(b"x = 1 # privet:allow github-pat a key of the test server").unwrap();
    assert_eq!(
        (one.rule.as_deref(), one.text.as_str()),
        (Some("github-pat"), "a key of the test server")
    );
    assert_eq!(allowed_inline(b"x = 1 // privet:allow").unwrap().rule, None);
    assert!(allowed_inline(b"x = 1 # gitleaks:allow").is_some());
    assert!(allowed_inline(b"x = 1 # pragma: allowlist secret").is_none());
    assert!(allowed_inline(b"x = 1 # nosec").is_none());
}

const RULE: &str = "[[rules]]\nid = \"acme\"\ndescription = \"Acme\"\nregex = '''(?i)acme_([a-z0-9]{12})'''\nkeywords = [\"acme_\"]\n";

fn foreign(toml: &str, path: &str, text: &str) -> Vec<String> {
    let found = Rules::from_gitleaks(toml)
        .unwrap()
        .scan(path, text.as_bytes(), &Budget::unlimited())
        .unwrap();
    found
        .into_iter()
        .map(|finding| text.get(finding.span).unwrap().to_owned())
        .collect()
}

#[test]
fn a_gitleaks_rule_finds_its_group() {
    assert_eq!(
        foreign(RULE, "a", "x ACME_abcdef123456 y acme_000000000000"),
        ["abcdef123456", "000000000000"]
    );
}

#[test]
fn entropy_of_a_gitleaks_rule_is_a_floor() {
    assert_eq!(
        foreign(
            &format!("{RULE}entropy = 2\n"),
            "a",
            "acme_abcdef123456 acme_000000000000"
        ),
        ["abcdef123456"]
    );
}

#[test]
fn allow_lists_of_gitleaks_rules_hold() {
    let stop = format!("{RULE}[[rules.allowlists]]\nstopwords = [\"abcdef\"]\n");
    assert!(foreign(&stop, "a", "acme_abcdef123456").is_empty());
    let line = format!("{RULE}[[rules.allowlists]]\nregexTarget = \"line\"\nregexes = ['''^test''']\n");
    assert!(foreign(&line, "a", "test acme_abcdef123456").is_empty());
    assert_eq!(foreign(&line, "a", "live acme_abcdef123456").len(), 1);
    let both = format!(
        "{RULE}[[rules.allowlists]]\ncondition = \"AND\"\npaths = ['''\\.md$''']\nstopwords = [\"abcdef\"]\n"
    );
    assert!(foreign(&both, "a.md", "acme_abcdef123456").is_empty());
    assert_eq!(foreign(&both, "a.rs", "acme_abcdef123456").len(), 1);
    let global = format!("[allowlist]\npaths = ['''^vendor/''']\n{RULE}");
    assert!(foreign(&global, "vendor/a", "acme_abcdef123456").is_empty());
    let old = format!("{RULE}[rules.allowlist]\nregexes = ['''123456$''']\n");
    assert!(foreign(&old, "a", "acme_abcdef123456").is_empty());
}

#[test]
fn a_gitleaks_rule_with_a_path_alone_flags_the_file() {
    let toml = "[[rules]]\nid = \"p12\"\npath = '''\\.p13$'''\n";
    assert_eq!(foreign(toml, "a.p13", "bytes"), ["bytes"]);
    assert!(foreign(toml, "a.txt", "bytes").is_empty());
}

#[test]
fn a_composite_gitleaks_rule_wants_its_required_rule_nearby() {
    let toml = format!(
        "{RULE}[[rules.required]]\nid = \"user\"\nwithinLines = 1\n[[rules]]\nid = \"user\"\nregex = '''user-[0-9]{{4}}'''\nkeywords = [\"user-\"]\nskipReport = true\n"
    );
    assert_eq!(
        foreign(&toml, "a", "user-1234\nacme_abcdef123456"),
        ["abcdef123456"]
    );
    assert!(foreign(&toml, "a", "user-1234\n\n\nacme_abcdef123456").is_empty());
}

#[test]
fn a_gitleaks_file_extends_the_embedded_rules_and_disables_some() {
    let text = format!("ghp_{}", made_up(9, 36));
    let with = Rules::from_gitleaks("[extend]\nuseDefault = true\n").unwrap();
    assert_eq!(
        with.scan("a", text.as_bytes(), &Budget::unlimited())
            .unwrap()
            .len(),
        1
    );
    let without =
        Rules::from_gitleaks("[extend]\nuseDefault = true\ndisabledRules = [\"github-pat\"]\n").unwrap();
    assert!(!without.list().any(|rule| &*rule.id == "github-pat"));
}

#[test]
fn a_rule_that_cannot_be_used_is_named_with_its_field() {
    let bad = Rules::from_gitleaks("[[rules]]\nid = \"acme\"\nregex = '''(?<=x)y'''\n").unwrap_err();
    assert!(
        matches!(&bad, Error::Rule { rule, field: "regex", .. } if rule == "acme"),
        "{bad}"
    );
    let group =
        Rules::from_gitleaks("[[rules]]\nid = \"acme\"\nregex = '''y'''\nsecretGroup = 3\n").unwrap_err();
    assert!(
        matches!(
            &group,
            Error::Rule {
                field: "secretGroup",
                ..
            }
        ),
        "{group}"
    );
    assert!(matches!(
        Rules::from_gitleaks("rules = 3"),
        Err(Error::Syntax { .. })
    ));
}

#[test]
fn the_hash_changes_with_the_rules_and_not_with_their_use() {
    let rules = Rules::embedded();
    let before = rules.hash();
    rules
        .scan("a", b"Authorization: Basic abcdefghijkl", &Budget::unlimited())
        .unwrap();
    assert_eq!(rules.hash(), before);
    assert_ne!(rules.clone().without(&["github-pat".to_owned()]).hash(), before);
    assert_ne!(rules.with(&Rules::from_gitleaks(RULE).unwrap()).hash(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Words that rules look for, between bytes of any kind, in any order.
    #[test]
    fn findings_lie_in_the_text_in_order_and_apart(parts in proptest::collection::vec(prop_oneof![
        any::<Vec<u8>>(),
        Just(b"password = \"".to_vec()), Just(b"://a:b1c2@".to_vec()), Just(b"eyJhbGciOi.eyJ".to_vec()), Just(b"<th>password</th>".to_vec()),
        Just(b"-----BEGIN PRIVATE KEY-----".to_vec()), Just(b"kind: Secret\ndata:\n".to_vec()), Just(b"\"".to_vec()), Just(b"\n".to_vec()),
        "[A-Za-z0-9]{10,50}".prop_map(String::into_bytes),
    ], 0..24)) {
        let text = parts.concat();
        let found = rules().scan("a", &text, &Budget::unlimited()).unwrap();
        let mut end = 0;
        for finding in &found {
            prop_assert!(finding.span.start >= end && finding.span.end <= text.len() && finding.span.start < finding.span.end);
            prop_assert!((0.0..=1.0).contains(&finding.confidence));
            end = finding.span.end;
        }
    }

    #[test]
    fn any_text_is_a_rule_file_or_an_error(text in ".{0,200}") {
        let _ = Rules::from_gitleaks(&text);
    }
}
