//! What the name beside a value promises: a password, a key, or nothing.

/// How much a name says that its value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A person chose it: it may be a word.
    Password,
    /// A machine drew it, and the name says that it is secret.
    Secret,
    /// A machine may have drawn it: `key`, `auth`.
    Key,
}

/// Words that start the generic look: each in lower case.
pub(super) const WORDS: [(&str, Kind); 17] = [
    ("pass", Kind::Password),
    ("pwd", Kind::Password),
    ("pswd", Kind::Password),
    ("_pw", Kind::Password),
    ("senha", Kind::Password),
    ("kennwort", Kind::Password),
    ("contrase", Kind::Password),
    ("motdepasse", Kind::Password),
    ("secret", Kind::Secret),
    ("token", Kind::Secret),
    ("credential", Kind::Secret),
    ("apikey", Kind::Secret),
    ("key", Kind::Key),
    ("auth", Kind::Key),
    ("creds", Kind::Key),
    ("salt", Kind::Key),
    ("bearer", Kind::Key),
];

/// What may not follow the word: the value is then about the secret, not the secret.
const AFTER: [&str; 106] = [
    "label",
    "hint",
    "field",
    "placeholder",
    "file",
    "path",
    "policy",
    "length",
    "len",
    "size",
    "type",
    "regex",
    "pattern",
    "error",
    "message",
    "msg",
    "url",
    "uri",
    "endpoint",
    "prompt",
    "reset",
    "forgot",
    "forgotten",
    "expired",
    "expiry",
    "expires",
    "expiration",
    "ttl",
    "count",
    "enabled",
    "required",
    "min",
    "max",
    "version",
    "format",
    "algorithm",
    "algo",
    "header",
    "param",
    "parameter",
    "input",
    "selector",
    "class",
    "visible",
    "mode",
    "event",
    "handler",
    "callback",
    "ref",
    "store",
    "board",
    "word_count",
    "text",
    "title",
    "help",
    "description",
    "column",
    "index",
    "prefix",
    "suffix",
    "provider",
    "service",
    "manager",
    "factory",
    "generator",
    "validator",
    "vault",
    "name",
    "variable",
    "env",
    "range",
    "stream",
    "kind",
    "list",
    "set",
    "map",
    "pair",
    "press",
    "down",
    "up",
    "code",
    "frame",
    "stroke",
    "space",
    "chain",
    "usage",
    "status",
    "state",
    "strength",
    "window",
    "dir",
    "location",
    "template",
    "scope",
    "rule",
    "line",
    "key_name",
    "management",
    "attempt",
    "history",
    "char",
    "buf",
    "ptr",
    "base",
    "stmt",
    "getpw",
];

/// What may not stand before the word `key` or its like.
const BEFORE: [&str; 48] = [
    "public",
    "pub",
    "foreign",
    "primary",
    "sort",
    "partition",
    "cache",
    "bucket",
    "index",
    "row",
    "hot",
    "short",
    "map",
    "dict",
    "hash",
    "range",
    "object",
    "object_",
    "schema",
    "sequence",
    "mon",
    "tur",
    "don",
    "whis",
    "hoc",
    "joc",
    "mc",
    "group",
    "registry",
    "answer",
    "field",
    "translation",
    "i18n",
    "message",
    "route",
    "routing",
    "press",
    "on",
    "author",
    "co",
    "column",
    "unique",
    "natural",
    "surrogate",
    "lookup",
    "config",
    "query",
    "param",
];

/// Words of names whose value is made up, to show what is refused.
const MADE_UP: [&[u8]; 8] = [
    b"invalid",
    b"nonmatching",
    b"non_matching",
    b"dummy",
    b"bogus",
    b"wrong",
    b"fake",
    b"mock",
];

/// What a name, read whole, promises; `None` if its value is not secret. `name` is in lower case, `word` starts at `at` in it.
pub(super) fn judge(name: &[u8], at: usize, word: &str, kind: Kind) -> Option<Kind> {
    let tail = name.get(at + word.len()..)?;
    let head = name.get(..at)?;
    if MADE_UP.iter().any(|word| super::value::contains(head, word)) {
        return None;
    }
    let mut after = trim(tail);
    if word == "pass" {
        after = match tail {
            _ if tail.starts_with(b"word")
                || tail.starts_with(b"wort")
                || tail.starts_with(b"code")
                || tail.starts_with(b"wrod") =>
            {
                trim(tail.get(4..)?)
            }
            _ if tail.starts_with(b"phrase") => trim(tail.get(6..)?),
            _ if tail.starts_with(b"wd") => trim(tail.get(2..)?),
            b"" | b"1" | b"2" => b"",
            _ if !tail.first().is_some_and(u8::is_ascii_lowercase) => after,
            // passive, passenger, passport, passthrough
            _ => return None,
        };
        if head.ends_with(b"by") {
            return None;
        }
        // compass, surpass
        if after.is_empty() && tail.is_empty() && head.last().is_some_and(u8::is_ascii_alphabetic) {
            let joined = [
                &b"com"[..],
                b"sur",
                b"tres",
                b"over",
                b"en",
                b"on",
                b"all",
                b"single",
                b"multi",
                b"render",
                b"low",
                b"high",
                b"first",
                b"second",
            ];
            if joined.iter().any(|j| head.ends_with(j)) {
                return None;
            }
        }
    }
    if word == "_pw" && !tail.is_empty() {
        return None;
    }
    if word == "auth" && (tail.starts_with(b"or") || tail.starts_with(b"entic")) {
        return None;
    }
    if word == "salt" && head.last().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    if word == "key" && (tail.starts_with(b"word") || tail.starts_with(b"ed") || tail.starts_with(b"ing")) {
        return None;
    }
    if AFTER.iter().any(|bad| is_part(after, bad)) {
        return None;
    }
    if kind == Kind::Key {
        let before = trim_end(head);
        if BEFORE
            .iter()
            .any(|bad| ends_with_word(before, bad.as_bytes(), head.len() == before.len()))
        {
            return None;
        }
    } else if trim_end(head).ends_with(b"public") || head.starts_with(b"csrf") || head.starts_with(b"xsrf") {
        return None;
    }
    if kind != Kind::Password && after == b"id" && word != "key" {
        return None;
    }
    // `api_key`, `access_key`, `secret_key`, `private_key`, `encryption_key`: as good as `secret`.
    const STRONG: [&[u8]; 12] = [
        b"api",
        b"access",
        b"secret",
        b"private",
        b"priv",
        b"encryption",
        b"encrypt",
        b"signing",
        b"master",
        b"account",
        b"license",
        b"licence",
    ];
    if word == "key" && STRONG.iter().any(|strong| trim_end(head).ends_with(strong)) {
        return Some(Kind::Secret);
    }
    Some(kind)
}

/// `rest` without what joins words.
fn trim(rest: &[u8]) -> &[u8] {
    let plural =
        usize::from(rest.first() == Some(&b's') && !rest.get(1).is_some_and(u8::is_ascii_alphabetic));
    let rest = rest.get(plural..).unwrap_or(b"");
    let skip = rest
        .iter()
        .take_while(|b| matches!(b, b'_' | b'-' | b'.'))
        .count();
    rest.get(skip..).unwrap_or(b"")
}

fn trim_end(head: &[u8]) -> &[u8] {
    let skip = head
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'_' | b'-' | b'.' | b' '))
        .count();
    head.get(..head.len() - skip).unwrap_or(b"")
}

/// Whether `before` ends with `bad`: a long word anywhere, a short one by itself, or glued to what follows (`monkey`).
fn ends_with_word(before: &[u8], bad: &[u8], glued: bool) -> bool {
    let Some(rest) = before.strip_suffix(bad) else {
        return false;
    };
    bad.len() >= 5 || !rest.last().is_some_and(u8::is_ascii_alphabetic) || glued && rest.is_empty()
}

/// Whether `after` starts with `bad`, or ends with it as a word of its own.
fn is_part(after: &[u8], bad: &str) -> bool {
    let bad = bad.as_bytes();
    let segment = after
        .strip_suffix(bad)
        .is_some_and(|rest| matches!(rest.last(), Some(b'_' | b'-')));
    after.starts_with(bad)
        || segment
        || (after.len() > bad.len() && after.ends_with(bad) && after.len() - bad.len() < 12 && bad.len() > 3)
}

/// What is written for a password when there is none.
pub(super) fn is_no_password(lower: &[u8]) -> bool {
    const NONE: [&[u8]; 79] = [
        b"password",
        b"token",
        b"passwd",
        b"pass",
        b"passphrase",
        b"pwd",
        b"secret",
        b"string",
        b"str",
        b"null",
        b"none",
        b"nil",
        b"true",
        b"false",
        b"undefined",
        b"empty",
        b"required",
        b"optional",
        b"text",
        b"hidden",
        b"input",
        b"username",
        b"user",
        b"foo",
        b"bar",
        b"baz",
        b"example",
        b"value",
        b"todo",
        b"basic",
        b"plain",
        b"plaintext",
        b"login",
        b"field",
        b"label",
        b"name",
        b"default",
        b"invalid",
        b"wrong",
        b"mismatch",
        b"encrypted",
        b"<password>",
        b"blank",
        b"unset",
        b"disabled",
        b"enabled",
        b"prompt",
        b"ask",
        b"auto",
        b"never",
        b"always",
        b"file",
        b"bytes",
        b"object",
        b"boolean",
        b"number",
        b"self",
        b"this",
        b"args",
        b"kwargs",
        b"options",
        b"opts",
        b"data",
        b"config",
        b"settings",
        b"env",
        b"environment",
        b"varchar",
        b"char",
        b"static",
        b"return",
        b"function",
        b"const",
        b"async",
        b"await",
        b"with",
        b"from",
        b"files",
        b"compat",
    ];
    NONE.contains(&lower)
        || super::value::contains(lower, b"yourpassw")
        || super::value::contains(lower, b"your_passw")
        || super::value::contains(lower, b"****")
}
