//! Credentials without a form of their own, told by the name they are given: `password = "…"`, a JSON key, or
//! "the password is …".

use memchr::memrchr_iter;
use privet_types::{BudgetError, Entity};

use super::context::{NOT_SECRET, PASS, SECRET, Topics};
use super::scan::Scan;
use super::{Outcome, Token};

/// Shortest value.
const SHORTEST: usize = 8;
/// Bytes of a name looked at.
const LONGEST_NAME: usize = 48;
/// Bytes of a value looked at to judge it; what follows up to a space or quote is covered too.
const ENOUGH: usize = 128;
/// A value this long with digits in one place only is a name of code.
const LONG_NAME: usize = 24;
/// Longest whole text taken as the value of a named field.
const LONGEST_FIELD: usize = 4096;

/// A credential whose name speaks of passwords is one.
const fn kind(topics: Topics) -> Entity {
    if topics & PASS != 0 {
        Entity::PASSWORD
    } else {
        Entity::API_KEY
    }
}

/// Takes a whole text as a credential if the name outside says so.
pub(super) fn find_named(scan: &mut Scan<'_>) -> Outcome {
    if scan.outside & SECRET == 0 || scan.outside & NOT_SECRET != 0 || scan.text.len() > LONGEST_FIELD {
        return Ok(());
    }
    scan.spend(scan.text.len())?;
    let value = scan.text.trim();
    let value = value
        .strip_prefix("Bearer ")
        .or_else(|| value.strip_prefix("Basic "))
        .unwrap_or(value);
    if is_secret(value, true) {
        let end = scan.text.trim_end().len();
        let entity = kind(scan.outside);
        scan.report(entity, end - value.len(), end, 0.85, "secret/named");
    }
    Ok(())
}

/// Finds the value assigned at `at`, a colon or an equals sign, to a name that speaks of credentials.
pub(super) fn find_assigned(scan: &mut Scan<'_>, at: usize) -> Outcome {
    // `://` begins a URL, `::` joins names of code.
    if at < scan.done.assignment || matches!(scan.at(at + 1), b'/' | b':') || scan.back(at, 1) == b':' {
        return Ok(());
    }
    let Some((name_start, name_end)) = name_before(scan, at) else {
        return Ok(());
    };
    let topics = scan.topics(name_start, name_end)?;
    if topics & SECRET == 0 || topics & NOT_SECRET != 0 {
        return Ok(());
    }
    let mut start = at + 1;
    // `:=`, `=>`, `==`, spaces and one quote, perhaps escaped as in JSON within JSON.
    let lead = scan.slice(start, start + 4);
    start += lead
        .iter()
        .take_while(|b| matches!(b, b'=' | b'>' | b' ' | b'\t'))
        .count();
    let quoted = quote(scan, start);
    start += quoted;
    for scheme in ["Bearer ", "Basic ", "Token ", "bearer ", "basic ", "token "] {
        if scan.slice(start, start + scheme.len()) == scheme.as_bytes() {
            start += scheme.len();
        }
    }
    let end = value_end(scan, start, quoted > 0)?;
    let value = scan.str(start, end);
    if is_secret(value, quoted > 0) {
        scan.report(kind(topics), start, end, 0.8, "secret/assigned");
        scan.done.assignment = end;
    } else if end - start > ENOUGH {
        scan.done.assignment = end;
    }
    Ok(())
}

/// Finds a value that words announce: `password is X`, `--password X`.
pub(super) fn find_spoken(scan: &mut Scan<'_>, token: Token) -> Outcome {
    if token.start < scan.done.spoken {
        return Ok(());
    }
    if scan.back(token.start, 1) == b' ' && !may_announce(scan, token.start) {
        scan.done.spoken = token.end;
        return Ok(());
    }
    announced(scan, token)
}

/// [`find_spoken`] behind words that may announce a value, or inside one.
fn announced(scan: &mut Scan<'_>, token: Token) -> Outcome {
    // A value is looked at once, at its first token; later tokens of it reach back to where that one was.
    let from = token.start.saturating_sub(32).max(scan.done.spoken);
    let before = scan.slice(from, token.start);
    let lead = before
        .iter()
        .rev()
        .take_while(|b| !b.is_ascii_whitespace())
        .count();
    scan.spend(lead)?;
    scan.done.spoken = token.end;
    let start = scan.floor(token.start - lead);
    if scan.back(start, 1) != b' ' || !may_announce(scan, start) {
        return Ok(());
    }
    let window_start = scan.floor(start.saturating_sub(LONGEST_NAME));
    let window = scan.str(window_start, start);
    if lead >= before.len() || !window.ends_with(' ') {
        return Ok(());
    }
    let mut words = window.split_whitespace().rev();
    let Some(last) = words.next() else { return Ok(()) };
    scan.spend(last.len() * 2)?;
    let is_verb = matches!(last, "is" | "was" | "to" | "is:" | "ist" | "est" | "es" | "è");
    let name = if is_verb {
        words.next().unwrap_or_default()
    } else {
        last
    };
    let is_password = [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "passwort",
        "kennwort",
        "contraseña",
        "passe",
        "--password",
        "--token",
        "--api-key",
        "--secret",
    ]
    .iter()
    .any(|w| name.eq_ignore_ascii_case(w));
    let is_key = is_verb
        && ["token", "secret", "key", "apikey"]
            .iter()
            .any(|w| name.eq_ignore_ascii_case(w));
    if !is_password && !is_key {
        return Ok(());
    }
    let quoted = quote(scan, start);
    let start = start + quoted;
    let end = value_end(scan, start, quoted > 0)?;
    let value = scan
        .str(start, end)
        .trim_end_matches(['.', ',', '!', '?', ';', ':', ')', '"', '\'']);
    scan.done.spoken = end.max(token.end);
    if is_secret(value, false) && (is_password || value.len() >= 16) {
        let is_other = ["--token", "--api-key", "--secret"].contains(&name);
        let entity = if is_password && !is_other {
            Entity::PASSWORD
        } else {
            Entity::API_KEY
        };
        scan.report(entity, start, start + value.len(), 0.7, "secret/spoken");
    }
    Ok(())
}

/// Whether the last word before the spaces at `start` may be one that [`find_spoken`] knows: told by its last two letters,
/// which few others have.
fn may_announce(scan: &Scan<'_>, start: usize) -> bool {
    let spaces = (1..LONGEST_NAME)
        .take_while(|back| scan.back(start, *back) == b' ')
        .count();
    let (before, last) = (scan.back(start, spaces + 2), scan.back(start, spaces + 1));
    if !before.is_ascii() || !last.is_ascii() || last.is_ascii_whitespace() || last.is_ascii_control() {
        return true;
    }
    matches!(
        [before | 0x20, last | 0x20],
        [b'i' | b'a' | b'e' | b's', b's']
            | [b't', b'o']
            | [b's', b':' | b't' | b'e']
            | [b'r' | b'w', b'd']
            | [b'd', b'e']
            | [b'r' | b'e', b't']
            | [b'e', b'n' | b'y']
    )
}

/// The name that stands before `at`, without quotes.
fn name_before(scan: &Scan<'_>, at: usize) -> Option<(usize, usize)> {
    let skip = (1..=3)
        .take_while(|i| matches!(scan.back(at, *i), b' ' | b'"' | b'\'' | b'\\' | b']' | b'`'))
        .count();
    let end = at.checked_sub(skip)?;
    let window = scan.str(scan.floor(end.saturating_sub(LONGEST_NAME)), end);
    let len = window
        .bytes()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b' ') || !b.is_ascii())
        .count();
    let start = scan.floor(end - len);
    // The last three words are the name; what stands before them is prose.
    let name = scan.str(start, end);
    let from = memrchr_iter(b' ', name.as_bytes()).nth(2).map_or(0, |i| i + 1);
    (len > 0).then_some((start + from, end))
}

/// Bytes of an opening quote at `at`.
fn quote(scan: &Scan<'_>, at: usize) -> usize {
    match (scan.at(at), scan.at(at + 1)) {
        (b'"' | b'\'' | b'`', _) => 1,
        (b'\\', b'"' | b'\'') => 2,
        _ => 0,
    }
}

/// Where the value that begins at `start` ends: at a space or quote, or without quotes at a mark of syntax.
fn value_end(scan: &mut Scan<'_>, start: usize, quoted: bool) -> Result<usize, BudgetError> {
    let mut end = start;
    loop {
        let chunk = scan.slice(end, (end + 4096).min(scan.bytes.len()));
        let inside = |b: &u8| {
            !b.is_ascii_whitespace()
                && !matches!(b, b'"' | b'\'' | b'`' | b'\\')
                && (quoted || !matches!(b, b',' | b';' | b'<' | b'>' | b'&'))
        };
        let len = chunk.iter().take_while(|b| inside(b)).count();
        scan.spend(len)?;
        end += len;
        if len < 4096 {
            break;
        }
    }
    if !quoted {
        while end > start && matches!(scan.back(end, 1), b'.' | b')' | b']' | b'}' | b':' | b'?') {
            end -= 1;
        }
    }
    Ok(scan.floor(end))
}

/// Whether a value looks made up for a machine or a lock, rather than a word, a name of code or a placeholder.
fn is_secret(value: &str, quoted: bool) -> bool {
    let head = value
        .as_bytes()
        .get(..ENOUGH.min(value.len()))
        .unwrap_or_default();
    let count = |fits: fn(&u8) -> bool| head.iter().filter(|b| fits(b)).count();
    let (digits, uppers, lowers) = (
        count(u8::is_ascii_digit),
        count(u8::is_ascii_uppercase),
        count(u8::is_ascii_lowercase),
    );
    let marks = head.len() - digits - uppers - lowers;
    let classes = [digits, uppers, lowers, marks].iter().filter(|n| **n > 0).count();
    let has_space = head.iter().any(u8::is_ascii_whitespace);
    let is_varied = head.iter().any(|b| Some(b) != head.first());
    let is_placeholder = matches!(head.first(), Some(b'$' | b'{' | b'<' | b'%' | b'[' | b'(' | b'*'))
        || head
            .windows(2)
            .any(|w| matches!(w, b"::" | b"()" | b"{{" | b"${" | b"**" | b"</" | b"->"))
        || head.contains(&b'(')
        || is_placeholder_word(value)
        || is_literal(value);
    if head.len() < SHORTEST || has_space || !is_varied || is_placeholder || classes < 2 {
        return false;
    }
    let has_letter = uppers + lowers > 0;
    // `node.token_2`, `_key_ty_5`, `X509CertificateKeyFlag`: a name of code counts, it does not mix.
    let digit_runs = head
        .split(|b| !b.is_ascii_digit())
        .filter(|run| !run.is_empty())
        .count();
    let is_name = head
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
        && digit_runs <= 1
        && (marks > 0 || head.len() >= LONG_NAME);
    let has_mark = head
        .iter()
        .any(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'_' | b'.'));
    // `config.api_key`, `auth-token`, `MyType`: names hold no digit, or only dots and underscores beside letters.
    if quoted {
        digits > 0 || has_mark && classes >= 3 || head.len() >= 24 && classes >= 3
    } else {
        digits > 0 && has_letter && !is_name
    }
}

/// Whether it is a number with its type or unit, such as `4096u32`.
fn is_literal(value: &str) -> bool {
    let suffix = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
    [
        "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64", "ms", "s",
        "px", "kb", "mb", "gb",
    ]
    .iter()
    .any(|unit| suffix.eq_ignore_ascii_case(unit))
}

fn is_placeholder_word(value: &str) -> bool {
    if value.len() > 64 {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    [
        "your",
        "example",
        "placeholder",
        "changeme",
        "redacted",
        "process.env",
        "os.environ",
        "secrets.",
        "env.",
        "xxxx",
        "http:",
        "https:",
        "vault:",
        "arn:",
        "null",
        "none",
        "self.",
    ]
    .iter()
    .any(|word| lower.starts_with(word))
        || ["your_", "your-", "_here", "-here", "<", "..."]
            .iter()
            .any(|part| lower.contains(part))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, finds_named, misses};

    #[test]
    fn assigned_announced_and_named_values_are_found() {
        for (text, value) in [
            (r#"password = "hunter2-hunter2""#, "hunter2-hunter2"),
            ("DB_PASSWORD=Tr0ub4dor&3", "Tr0ub4dor&3"),
            ("my password is Blue7Tiger!42.", "Blue7Tiger!42"),
            ("run --password hunter2hunter", "hunter2hunter"),
        ] {
            finds(Entity::PASSWORD, text, value);
        }
        for (text, value) in [
            (r#"{"api_key": "a1b2c3d4e5f6"}"#, "a1b2c3d4e5f6"),
            (r#"{\"clientSecret\":\"Q7~x8Z_kk29\"}"#, "Q7~x8Z_kk29"),
            (
                "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzKEY",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzKEY",
            ),
            ("Authorization: Bearer abc123def456ghi", "abc123def456ghi"),
            ("token: 9f8e7d6c5b4a", "9f8e7d6c5b4a"),
        ] {
            finds(Entity::API_KEY, text, value);
        }
        finds_named(Entity::PASSWORD, "hunter2hunter2", "dbPassword", "hunter2hunter2");
    }

    #[test]
    fn types_names_counts_and_placeholders_are_not_reported() {
        for text in [
            "token: string, secret: Option<String>",
            "password: required field",
            "api_key = os.environ[\"API_KEY_1\"]",
            "api_key = config.get_key2(name)",
            "password=${DB_PASSWORD_1}",
            "max_tokens: 409600000a",
            "secret = \"your_secret_here_1\"",
            "token = \"xxxxxxxxxxxx\"",
            "password: hunter2",
            "the password is on page12345 of it",
            "private_token: X509CertificateTemplateFlag",
            "ACCESS_TOKEN_MASK = 16777216u32, Secrets::Aes128Gcm256",
            "private_key: \"_RSAPrivateKey\",",
            "stable_secret: _bindgen_ty_5",
            "const token = self.next_token2;",
        ] {
            misses(Entity::API_KEY, text);
        }
    }
}
