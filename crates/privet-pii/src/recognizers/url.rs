//! URLs (RFC 3986) that carry credentials: in the user information, in a parameter, or as a secret path.

use privet_types::{BudgetError, Entity, Span};

use super::Outcome;
use super::scan::{Scan, is_escape_letter};

/// Longest scheme looked at; the longest registered ones in use have fewer letters.
const LONGEST_SCHEME: usize = 24;
/// A user name without a password is a credential from this length on, if it holds a digit.
const LONG_USER: usize = 16;
/// A value of an ambiguous parameter is a credential from this length on, if it holds a digit.
const LONG_VALUE: usize = 8;

/// Parameters whose value is always a credential.
const SURE: &[&str] = &[
    "access_token",
    "api_key",
    "apikey",
    "api-key",
    "auth_token",
    "authtoken",
    "client_secret",
    "id_token",
    "refresh_token",
    "password",
    "passwd",
    "pwd",
    "secret",
    "secret_key",
    "private_token",
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
    "sessionid",
    "session_id",
    "jwt",
];
/// Parameters whose value is a credential if it looks like one.
const MAYBE: &[&str] = &[
    "token",
    "key",
    "sig",
    "signature",
    "auth",
    "code",
    "accesskey",
    "access_key",
    "pass",
    "sid",
    "session",
    "hash",
    "otp",
];
/// Web hooks: who knows the path may write. Slack "Incoming webhooks", Discord "Webhook resource", Microsoft Teams.
const HOOKS: &[&str] = &[
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "webhook.office.com/webhookb2/",
];

/// Finds URLs with a password or a credential parameter.
pub(super) fn find_credentials(scan: &mut Scan<'_>, colon: usize) -> Outcome {
    let Some(span) = url_at(scan, colon)? else {
        return Ok(());
    };
    let url = scan.str(span.start, span.end);
    scan.spend(url.len())?;
    let rule = if url.split("://").skip(1).any(has_user) {
        "url/userinfo"
    } else if has_parameter(url) {
        "url/parameter"
    } else {
        return Ok(());
    };
    scan.report(Entity::URL_CREDENTIALS, span.start, span.end, 0.95, rule);
    Ok(())
}

/// Finds web hooks.
pub(super) fn find_webhook(scan: &mut Scan<'_>, colon: usize) -> Outcome {
    let Some(span) = url_at(scan, colon)? else {
        return Ok(());
    };
    let start = scan.str(colon + 3, scan.floor((colon + 96).min(span.end)));
    scan.spend(start.len())?;
    let is_hook = HOOKS
        .iter()
        .any(|hook| find(start, hook).is_some_and(|at| start.len() > at + hook.len()));
    if is_hook {
        scan.report(Entity::API_KEY, span.start, span.end, 0.95, "key/webhook");
    }
    Ok(())
}

/// Where `hook` stands in the beginning of a URL.
fn find(start: &str, hook: &str) -> Option<usize> {
    // To set up a search costs more than to compare at every place of so short a text.
    let mut places = start.as_bytes().windows(hook.len());
    places.position(|place| place.first() == hook.as_bytes().first() && place == hook.as_bytes())
}

/// The URL whose `://` begins at `colon`; none inside a URL that was read before.
pub(super) fn url_at(scan: &mut Scan<'_>, colon: usize) -> Result<Option<Span>, BudgetError> {
    if scan.at(colon + 1) != b'/' || scan.at(colon + 2) != b'/' {
        return Ok(None);
    }
    if let Some(span) = scan.last_url
        && colon < scan.done.url
    {
        return Ok((span.start < colon && !scan.str(span.start, colon).contains(':')).then_some(span));
    }
    let scheme = (1..=LONGEST_SCHEME).take_while(
        |i| matches!(scan.back(colon, *i), b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.'),
    );
    let mut start = colon - scheme.last().unwrap_or(0);
    if scan.back(start, 1) == b'\\' && is_escape_letter(scan.at(start)) {
        start += 1;
    }
    while start < colon && !scan.at(start).is_ascii_alphabetic() {
        start += 1;
    }
    let mut end = colon + 3;
    loop {
        let chunk = scan.slice(end, (end + 4096).min(scan.bytes.len()));
        let len = chunk.iter().take_while(|b| is_url_byte(**b)).count();
        scan.spend(len)?;
        end += len;
        if len < 4096 {
            break;
        }
    }
    scan.done.url = end;
    while end > colon + 3 && is_trailing(scan.back(end, 1)) {
        end -= 1;
    }
    let end = scan.floor(end);
    let span = Span::new(start, end);
    scan.last_url = Some(span);
    Ok((start < colon).then_some(span))
}

fn is_url_byte(byte: u8) -> bool {
    !(byte.is_ascii_whitespace()
        || byte.is_ascii_control()
        || matches!(byte, b'"' | b'<' | b'>' | b'`' | b'\\' | b'|'))
}

/// Marks that end a sentence or a bracket rather than a URL.
fn is_trailing(byte: u8) -> bool {
    matches!(
        byte,
        b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b']' | b'}' | b'\'' | b'*' | b'_'
    )
}

/// Whether what follows `://` has a password, or a user name that looks like a token.
fn has_user(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, host)) = authority.rsplit_once('@') else {
        return false;
    };
    if host.is_empty() {
        return false;
    }
    match user.split_once(':') {
        Some((_, password)) => !password.is_empty(),
        None => user.len() >= LONG_USER && user.bytes().any(|b| b.is_ascii_digit()),
    }
}

fn has_parameter(url: &str) -> bool {
    let Some((_, parameters)) = url.split_once(['?', '#']) else {
        return false;
    };
    parameters
        .split(['&', ';', '?', '#'])
        .filter_map(|p| p.split_once('='))
        .any(|(name, value)| {
            let is = |names: &[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(name));
            let is_filled = !value.is_empty() && !value.starts_with(['{', '$', '<', '%']);
            is_filled
                && (is(SURE)
                    || is(MAYBE) && value.len() >= LONG_VALUE && value.bytes().any(|b| b.is_ascii_digit()))
        })
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn urls_with_passwords_tokens_and_signatures_are_found_whole() {
        for value in [
            "https://ann:hunter2@example.com/path",
            "postgres://app:s3cret@db.example.com:5432/main?sslmode=require",
            "redis://:pa55@cache.example.com",
            "https://ghtoken1234567890@example.com/x.git",
            "https://example.com/cb?state=1&access_token=abc",
            "https://example.com/f?token=a1b2c3d4e5",
            "https://example.com/p#id_token=x.y.z",
        ] {
            finds(Entity::URL_CREDENTIALS, &format!("see ({value})."), value);
        }
        let hook = format!(
            "https://hooks.slack.com/{}/T00000000/B00000000/XXXXXXXXXXXXXXXX",
            "services"
        );
        finds(Entity::API_KEY, &format!("post to {hook}"), &hook);
    }

    #[test]
    fn plain_urls_are_not_reported() {
        for text in [
            "https://example.com/path?q=1&key=name",
            "https://example.com/@ann/posts:1",
            "ssh://git@example.com/x.git",
            "see https://example.com?token={token}",
            "://a:b@c",
        ] {
            misses(Entity::URL_CREDENTIALS, text);
        }
    }
}
