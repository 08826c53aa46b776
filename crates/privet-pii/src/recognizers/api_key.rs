//! Keys and tokens that name their issuer by a prefix.

use privet_types::Entity;

use super::scan::Scan;
use super::{Outcome, Token};

/// Bytes of a key looked at to judge it; what follows of the same token is covered too.
const ENOUGH: usize = 72;

/// What a key is made of after its prefix.
#[derive(Clone, Copy)]
enum Body {
    /// Upper-case letters and digits, exactly as many.
    Upper(usize),
    /// Hexadecimal digits, exactly as many.
    Hex(usize),
    /// Hexadecimal digits, at least as many.
    LongHex(usize),
    /// Letters and digits, at least as many.
    Alnum(usize),
    /// Letters, digits, `_` and `-`, at least as many, with a digit among them.
    Any(usize),
    /// The same, and it must look random: digits and capitals, or a long run without dashes.
    Random(usize),
}

/// Prefixes with what follows them, by issuer.
///
/// Sources: the issuers' pages on key formats, and the prefix list of GitHub's "Supported secret scanning patterns".
const PREFIXES: &[(&str, Body, &str)] = &[
    ("AKIA", Body::Upper(16), "key/aws"),
    ("ASIA", Body::Upper(16), "key/aws"),
    ("ghp_", Body::Alnum(30), "key/github"),
    ("gho_", Body::Alnum(30), "key/github"),
    ("ghu_", Body::Alnum(30), "key/github"),
    ("ghs_", Body::Alnum(30), "key/github"),
    ("ghr_", Body::Alnum(30), "key/github"),
    ("github_pat_", Body::Any(40), "key/github"),
    ("glpat-", Body::Any(20), "key/gitlab"),
    ("gldt-", Body::Any(20), "key/gitlab"),
    ("glrt-", Body::Any(20), "key/gitlab"),
    ("glptt-", Body::Any(20), "key/gitlab"),
    ("glcbt-", Body::Any(20), "key/gitlab"),
    ("xoxb-", Body::Any(10), "key/slack"),
    ("xoxp-", Body::Any(10), "key/slack"),
    ("xoxa-", Body::Any(10), "key/slack"),
    ("xoxr-", Body::Any(10), "key/slack"),
    ("xoxs-", Body::Any(10), "key/slack"),
    ("xoxe-", Body::Any(10), "key/slack"),
    ("xapp-", Body::Any(10), "key/slack"),
    ("sk_live_", Body::Alnum(16), "key/stripe"),
    ("sk_test_", Body::Alnum(16), "key/stripe"),
    ("rk_live_", Body::Alnum(16), "key/stripe"),
    ("rk_test_", Body::Alnum(16), "key/stripe"),
    ("whsec_", Body::Alnum(24), "key/stripe"),
    ("sk-ant-", Body::Any(20), "key/anthropic"),
    ("sk-proj-", Body::Any(20), "key/openai"),
    ("sk-svcacct-", Body::Any(20), "key/openai"),
    ("sk-or-v1-", Body::Any(20), "key/openrouter"),
    ("sk-", Body::Random(20), "key/openai"),
    ("AIza", Body::Any(33), "key/google"),
    ("GOCSPX-", Body::Any(20), "key/google"),
    ("SK", Body::Hex(32), "key/twilio"),
    ("AC", Body::Hex(32), "key/twilio"),
    ("npm_", Body::Alnum(30), "key/npm"),
    ("pypi-", Body::Any(40), "key/pypi"),
    ("hf_", Body::Alnum(30), "key/huggingface"),
    ("dop_v1_", Body::LongHex(60), "key/digitalocean"),
    ("doo_v1_", Body::LongHex(60), "key/digitalocean"),
    ("dor_v1_", Body::LongHex(60), "key/digitalocean"),
    ("key-", Body::Hex(32), "key/mailgun"),
    ("shpat_", Body::LongHex(32), "key/shopify"),
    ("shpss_", Body::LongHex(32), "key/shopify"),
    ("shpca_", Body::LongHex(32), "key/shopify"),
    ("sq0atp-", Body::Any(20), "key/square"),
    ("sq0csp-", Body::Any(20), "key/square"),
    ("rubygems_", Body::LongHex(40), "key/rubygems"),
    ("dckr_pat_", Body::Any(20), "key/docker"),
    ("gsk_", Body::Alnum(40), "key/groq"),
    ("xai-", Body::Random(40), "key/xai"),
    ("lin_api_", Body::Alnum(30), "key/linear"),
    ("sntrys_", Body::Any(40), "key/sentry"),
    ("tskey-", Body::Random(20), "key/tailscale"),
    ("prvt_", Body::Alnum(40), "key/privet"),
];

/// With which bytes a prefix begins.
const FIRST: [bool; 256] = {
    let mut is_first = [false; 256];
    let mut rest = PREFIXES;
    while let [(prefix, ..), more @ ..] = rest {
        if let [first, ..] = prefix.as_bytes() {
            #[expect(
                clippy::indexing_slicing,
                reason = "a byte is below 256; checked when compiled"
            )]
            {
                is_first[*first as usize] = true;
            }
        }
        rest = more;
    }
    is_first
};

/// Prefixes that end in a full stop, so that the token stands after it; least length of the token, and of all.
const DOTTED: &[(&str, usize, &str)] = &[
    ("SG.", 16, "key/sendgrid"),
    ("ya29.", 20, "key/google"),
    ("hvs.", 20, "key/vault"),
    ("dp.pt.", 30, "key/doppler"),
];

/// Finds keys in a long token: at its start, or after a `_` or `-` in it.
pub(super) fn find(scan: &mut Scan<'_>, token: Token) -> Outcome {
    let Token { start, end, .. } = token;
    if end - start < super::walk::LONG {
        return Ok(());
    }
    dotted(scan, start, end);
    let mut joined = false;
    for (i, byte) in scan.slice(start, end).iter().enumerate() {
        let begins = !joined && FIRST.get(usize::from(*byte)).copied().unwrap_or(false);
        joined = byte.is_ascii_alphanumeric();
        if !begins {
            continue;
        }
        let at = start + i;
        let key = scan.slice(at, end.min(at + ENOUGH));
        scan.spend(2)?;
        let Some((prefix, body, rule)) = PREFIXES.iter().find(|(prefix, ..)| {
            prefix.as_bytes().first() == Some(byte) && key.starts_with(prefix.as_bytes())
        }) else {
            continue;
        };
        scan.spend(key.len())?;
        let rest = key.get(prefix.len()..).unwrap_or_default();
        if is_body(rest, *body) {
            scan.report(Entity::API_KEY, at, end, 0.95, rule);
            return Ok(());
        }
    }
    Ok(())
}

/// Keys whose prefix ends in a full stop just before the token; a second part behind another one belongs to them.
fn dotted(scan: &mut Scan<'_>, start: usize, end: usize) {
    for (prefix, least, rule) in DOTTED {
        let from = start.saturating_sub(prefix.len());
        if end - start < *least || scan.slice(from, start) != prefix.as_bytes() || scan.is_glued_left(from) {
            continue;
        }
        let second = scan.slice(end + 1, (end + 1 + ENOUGH).min(scan.bytes.len()));
        let len = second.iter().take_while(|b| is_key_byte(**b)).count();
        let end = if scan.at(end) == b'.' && len >= 16 {
            end + 1 + len
        } else {
            end
        };
        scan.report(Entity::API_KEY, from, end, 0.95, rule);
    }
}

const fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_body(rest: &[u8], body: Body) -> bool {
    let has_digit = rest.iter().any(u8::is_ascii_digit);
    let leading = |fits: fn(&u8) -> bool| rest.iter().take_while(|b| fits(b)).count();
    match body {
        Body::Upper(n) => {
            rest.len() == n && rest.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        }
        Body::Hex(n) => rest.len() == n && has_digit && rest.iter().all(u8::is_ascii_hexdigit),
        Body::LongHex(n) => leading(u8::is_ascii_hexdigit) >= n,
        Body::Alnum(n) => leading(u8::is_ascii_alphanumeric) >= n && is_varied(rest),
        Body::Any(n) => rest.len() >= n && has_digit && is_varied(rest),
        Body::Random(n) => {
            let has_upper = rest.iter().any(u8::is_ascii_uppercase);
            rest.len() >= n
                && has_digit
                && (has_upper || leading(u8::is_ascii_alphanumeric) >= 32)
                && is_varied(rest)
        }
    }
}

/// Whether it is more than one byte over and over, as in `xxxxxxxx`.
fn is_varied(rest: &[u8]) -> bool {
    rest.iter().any(|b| Some(b) != rest.first())
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    /// Joined here so that no scanner takes the test for a leak.
    fn key(prefix: &str, len: usize) -> String {
        prefix
            .chars()
            .chain("a1B2c3D4e5F6g7H8i9J0k".chars().cycle().take(len))
            .collect()
    }

    fn hex(prefix: &str, len: usize) -> String {
        prefix
            .chars()
            .chain("0123456789abcdef".chars().cycle().take(len))
            .collect()
    }

    #[test]
    fn keys_of_each_form_are_found() {
        let keys = [
            "AKIA".to_owned() + "IOSFODNN7EXAMPLE",
            key("ghp_", 36),
            key("github_pat_", 60),
            key("glpat-", 20),
            key("xoxb-123-456-", 20),
            key("sk_live_", 24),
            key("sk-ant-api03-", 40),
            key("sk-proj-", 40),
            key("sk-", 48),
            key("AIza", 35),
            key("ya29.", 60),
            key("SG.", 22) + &key(".", 43),
            hex("SK", 32),
            key("npm_", 36),
            key("pypi-", 60),
            key("hf_", 34),
            hex("dop_v1_", 64),
            hex("key-", 32),
            key("prvt_", 43),
        ];
        for value in keys {
            finds(Entity::API_KEY, &format!("use {value} now"), &value);
            finds(Entity::API_KEY, &format!("k={value}"), &value);
        }
    }

    #[test]
    fn words_and_placeholders_are_not_reported() {
        for text in [
            "sk-learn-something-with-a-long-name",
            "key-value-store-benchmarks-2024",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "AKIA is the prefix",
            "hf_hub_download",
            "a-very-long-hyphenated-compound-word",
        ] {
            misses(Entity::API_KEY, text);
        }
    }
}
