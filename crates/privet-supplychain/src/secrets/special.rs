//! Secrets whose form no regular expression in a small window tells well: key blocks, JSON Web Tokens, URLs with credentials,
//! Kubernetes secrets, Discord tokens.

use std::ops::Range;

use data_encoding::{BASE64, BASE64URL_NOPAD};

use super::assign::{byte, slice};
use super::template::starts_token;
use super::value;
use crate::Severity;

/// What is found by code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    PrivateKey,
    PrivateKeyBase64,
    Jwt,
    JwtBase64,
    UrlCredentials,
    KubernetesSecret,
    DiscordToken,
}

/// A secret, the match it stands in, and how sure it is.
pub(super) type Hit = (Range<usize>, Range<usize>, f32);

/// Longest key block that is followed to its end.
const LONGEST_BLOCK: usize = 16 << 10;

impl Form {
    pub(super) const ALL: [Self; 7] = [
        Self::PrivateKey,
        Self::PrivateKeyBase64,
        Self::Jwt,
        Self::JwtBase64,
        Self::UrlCredentials,
        Self::KubernetesSecret,
        Self::DiscordToken,
    ];

    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::PrivateKey => "private-key",
            Self::PrivateKeyBase64 => "private-key-base64",
            Self::Jwt => "jwt",
            Self::JwtBase64 => "jwt-base64",
            Self::UrlCredentials => "url-credentials",
            Self::KubernetesSecret => "kubernetes-secret",
            Self::DiscordToken => "discord-bot-token",
        }
    }

    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::PrivateKey => "private key (PEM, OpenSSH, PGP or PuTTY)",
            Self::PrivateKeyBase64 => "private key in Base64",
            Self::Jwt => "JSON Web Token",
            Self::JwtBase64 => "JSON Web Token in Base64",
            Self::UrlCredentials => "password in a URL",
            Self::KubernetesSecret => "value of a Kubernetes secret",
            Self::DiscordToken => "Discord bot token",
        }
    }

    pub(super) const fn severity(self) -> Severity {
        match self {
            Self::PrivateKey | Self::PrivateKeyBase64 => Severity::Critical,
            Self::Jwt | Self::JwtBase64 => Severity::Medium,
            _ => Severity::High,
        }
    }

    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::PrivateKey => 5,
            Self::UrlCredentials => 2,
            _ => 3,
        }
    }

    /// In any case; none for what is looked for in a pass of its own.
    pub(super) const fn keywords(self) -> &'static [&'static str] {
        match self {
            Self::PrivateKey => &[
                "private key-----",
                "private key block-----",
                "putty-user-key-file",
                "private-lines:",
            ],
            Self::PrivateKeyBase64 => &["ls0tls1crudjti"],
            Self::Jwt => &[".ey"],
            Self::JwtBase64 => &["zxlk"],
            Self::UrlCredentials => &["://"],
            Self::KubernetesSecret => &[
                "kind: secret",
                "kind: \"secret\"",
                "kind: 'secret'",
                "kind\":\"secret\"",
                "kind\": \"secret\"",
            ],
            Self::DiscordToken => &[],
        }
    }

    /// What the keyword at `hit` leads to.
    pub(super) fn find(self, text: &[u8], hit: Range<usize>, out: &mut Vec<Hit>) {
        match self {
            Self::PrivateKey => out.extend(private_key(text, hit)),
            Self::PrivateKeyBase64 => out.extend(private_key_base64(text, hit.start)),
            Self::Jwt => out.extend(jwt(text, hit.start)),
            Self::JwtBase64 => out.extend(jwt_base64(text, hit.start)),
            Self::UrlCredentials => out.extend(url_credentials(text, hit)),
            Self::KubernetesSecret => kubernetes(text, hit, out),
            Self::DiscordToken => {}
        }
    }
}

fn private_key(text: &[u8], hit: Range<usize>) -> Option<Hit> {
    let word = slice(text, hit.clone());
    if word.eq_ignore_ascii_case(b"putty-user-key-file") {
        let block = slice(
            text,
            hit.start..hit.start.saturating_add(LONGEST_BLOCK).min(text.len()),
        );
        let at = memchr::memmem::find(block, b"Private-Lines:")?;
        let rest = block.get(at..)?;
        let end = memchr::memmem::find(rest, b"Private-MAC").unwrap_or_else(|| rest.len().min(4_000));
        return Some((
            hit.start + at..hit.start + at + end,
            hit.start..hit.start + at + end,
            1.0,
        ));
    }
    if !word.ends_with(b"-----") || !word.first()?.is_ascii_uppercase() {
        return None;
    }
    let line = slice(text, hit.start.saturating_sub(60)..hit.start);
    let begin = memchr::memmem::rfind(line, b"-----BEGIN")?;
    if !line
        .get(begin + 10..)?
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'-'))
    {
        return None;
    }
    let start = hit.start - (line.len() - begin);
    let body = slice(
        text,
        hit.end..hit.end.saturating_add(LONGEST_BLOCK).min(text.len()),
    );
    let end = memchr::memmem::find(body, b"-----END");
    let inside = body.get(..end.unwrap_or_else(|| body.len().min(4_000)))?;
    let coded = inside
        .iter()
        .filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        .count();
    // A key block without its key is an example or code that looks for keys.
    if coded < 40 || value::distinct(inside) < 12 || coded * 2 < inside.len() && end.is_none() {
        return None;
    }
    // Without an end, what follows must begin as a key does, not go on as a text about keys.
    if end.is_none() && !has_coded_line(inside.get(..inside.len().min(400)).unwrap_or(b"")) {
        return None;
    }
    if value::contains(inside, b"...") && coded < 120
        || value::contains(inside, b"${")
        || value::contains(inside, b"{{")
    {
        return None;
    }
    let stop = hit.end + inside.len();
    let close = end.map_or(0, |_| {
        let tail = slice(text, stop..stop.saturating_add(60).min(text.len()));
        memchr::memmem::find(tail.get(8..).unwrap_or(b""), b"-----").map_or(8, |at| at + 13)
    });
    Some((start..stop + close, start..stop + close, 1.0))
}

/// Whether 40 signs of Base64 stand in one row that is more than words.
fn has_coded_line(text: &[u8]) -> bool {
    text.split(|b| !is_base64(*b))
        .any(|row| row.len() >= 40 && !value::is_path(row))
}

fn run(text: &[u8], at: usize, most: usize, of: impl Fn(u8) -> bool) -> usize {
    text.get(at..)
        .map_or(0, |rest| rest.iter().take(most).take_while(|b| of(**b)).count())
}

fn run_back(text: &[u8], at: usize, most: usize, of: impl Fn(u8) -> bool) -> usize {
    text.get(..at).map_or(0, |head| {
        head.iter().rev().take(most).take_while(|b| of(**b)).count()
    })
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn private_key_base64(text: &[u8], start: usize) -> Option<Hit> {
    let length = run(text, start, LONGEST_BLOCK, is_base64);
    let coded = slice(text, start..start + length);
    if length < 80 || !coded.starts_with(b"LS0tLS1CRUdJTi") {
        return None;
    }
    let head = BASE64.decode(coded.get(..60)?).ok()?;
    value::contains(&head, b"PRIVATE KEY").then(|| (start..start + length, start..start + length, 1.0))
}

fn jwt(text: &[u8], dot: usize) -> Option<Hit> {
    if byte(text, dot + 1) != b'e' || byte(text, dot + 2) != b'y' {
        return None;
    }
    let head = run_back(text, dot, 2_048, is_base64url);
    let start = dot - head;
    let header = slice(text, start..dot);
    // An escape before it: `\neyJ…`.
    let skip = usize::from(
        !header.starts_with(b"ey")
            && header.get(1..3) == Some(b"ey")
            && byte(text, start.wrapping_sub(1)) == b'\\',
    );
    let (start, header) = (start + skip, header.get(skip..)?);
    if header.len() < 17 || !header.starts_with(b"ey") || !starts_token(text, start) {
        return None;
    }
    let body = run(text, dot + 1, 8_192, |b| {
        is_base64url(b) || matches!(b, b'/' | b'\\' | b'=')
    });
    let middle = dot + 1 + body;
    if body < 17 {
        return None;
    }
    if byte(text, middle) != b'.' {
        return None;
    }
    let mut signature = run(text, middle + 1, 2_048, |b| is_base64url(b) || b == b'/');
    signature += run(text, middle + 1 + signature, 2, |b| b == b'=');
    let end = middle + 1 + signature;
    let decoded = BASE64URL_NOPAD
        .decode(header)
        .ok()
        .filter(|json| json.starts_with(b"{") && json.ends_with(b"}"));
    let sure = match decoded {
        Some(json) if value::contains(&json, b"\"alg\"") => 0.95,
        Some(_) => 0.8,
        None => 0.4,
    };
    // A header that nothing can be read from, of a signature that is not there: chance.
    if value::distinct(header) < 6 {
        return None;
    }
    Some((start..end, start..end, sure))
}

fn jwt_base64(text: &[u8], start: usize) -> Option<Hit> {
    let coded = slice(text, start..start + 4);
    if coded != b"ZXlK" || !starts_token(text, start) {
        return None;
    }
    let length = run(text, start, 8_192, |b| is_base64(b) || matches!(b, b'-' | b'_'));
    let bare = run(text, start, length, |b| is_base64(b) && b != b'=');
    let plain = BASE64.decode(slice(text, start..start + bare / 4 * 4)).ok()?;
    // `{"alg":…` in Base64 twice: what is inside starts `eyJ` and has its dot.
    let token = plain.starts_with(b"eyJ") && bare >= 40 && (value::contains(&plain, b".eyJ") || bare < 120);
    token.then(|| (start..start + length, start..start + length, 0.8))
}

fn url_credentials(text: &[u8], hit: Range<usize>) -> Option<Hit> {
    let scheme = run_back(text, hit.start, 40, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')
    });
    if scheme == 0 {
        return None;
    }
    let rest = slice(text, hit.end..hit.end.saturating_add(300).min(text.len()));
    let length = rest
        .iter()
        .take_while(|b| {
            b.is_ascii_graphic()
                && !matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' | b'\\' | b',' | b')')
        })
        .count();
    let authority = rest.get(..length)?;
    let colon = memchr::memchr(b':', authority)?;
    // The last `@` before the path, or before the end where a password has a `/` or `#`.
    let slash = memchr::memchr(b'/', authority).unwrap_or(authority.len());
    let at = memchr::memrchr(b'@', authority.get(..slash)?).or_else(|| {
        let at = memchr::memchr(b'@', authority)?;
        (at < 120
            && slash > colon
            && slash < at
            && !value::contains(authority.get(colon..at)?, b"/@")
            && byte(authority, at + 1).is_ascii_alphanumeric()
            && !byte(authority, colon + 1).is_ascii_digit())
        .then_some(at)
    })?;
    let host_start = authority.get(at + 1).copied().unwrap_or(0);
    if at < colon
        || !(host_start.is_ascii_alphanumeric() || matches!(host_start, b'[' | b'$' | b'{' | b'%' | b'_'))
    {
        return None;
    }
    // `https://user@host:password@…` has the colon behind the first `@`.
    let user = authority.get(..colon)?;
    let secret = authority.get(colon + 1..at)?;
    let lower = secret.to_ascii_lowercase();
    const NONE: [&[u8]; 20] = [
        b"password",
        b"pass",
        b"passwd",
        b"pw",
        b"pwd",
        b"token",
        b"xxx",
        b"xxxx",
        b"port",
        b"oauth2",
        b"x-oauth-basic",
        b"x-token-auth",
        b"secretkey",
        b"%s",
        b"user_password",
        b"db_password",
        b"your_password",
        b"mypass",
        b"apikey",
        b"pswd",
    ];
    if secret.len() < 3
        || NONE.contains(&lower.as_slice())
        || value::is_stand_in(secret)
        || value::is_stand_in(user) && !user.is_empty() && !user.starts_with(b"_")
    {
        return None;
    }
    if secret
        .iter()
        .any(|b| matches!(b, b'{' | b'}' | b'(' | b'[' | b'<'))
        || user.iter().any(|b| matches!(b, b'{' | b'(' | b'/'))
        || value::contains(secret, b"://")
    {
        return None;
    }
    if secret.starts_with(b"$") && secret.iter().skip(1).all(|b| value::is_name(*b)) {
        return None;
    }
    if is_documentation_host(authority.get(at + 1..).unwrap_or(b"")) {
        return None;
    }
    let random = value::make(secret);
    let sure = if random.digit > 0 && random.lower + random.upper > 0 {
        0.8
    } else {
        0.45
    };
    let secret_start = hit.end + colon + 1;
    Some((
        secret_start..hit.end + at,
        hit.start - scheme..hit.end + length,
        sure,
    ))
}

/// Whether `host` is an address that is set aside for documentation, so that nothing answers there.
///
/// # Source
/// RFC 5737 (IPv4), RFC 3849 (IPv6).
fn is_documentation_host(host: &[u8]) -> bool {
    [
        &b"192.0.2."[..],
        b"198.51.100.",
        b"203.0.113.",
        b"[2001:db8:",
        b"[2001:DB8:",
    ]
    .iter()
    .any(|net| host.starts_with(net))
}

fn kubernetes(text: &[u8], hit: Range<usize>, out: &mut Vec<Hit>) {
    // The document round the line: between `---` lines, and no more than 8 KiB to either side.
    let low = hit.start.saturating_sub(8 << 10);
    let head = slice(text, low..hit.start);
    let start = low + memchr::memmem::rfind(head, b"\n---").map_or(0, |at| at + 4);
    let tail = slice(text, hit.end..hit.end.saturating_add(8 << 10).min(text.len()));
    let end = hit.end + memchr::memmem::find(tail, b"\n---").unwrap_or(tail.len());
    let document = slice(text, start..end);
    if !value::contains(document, b"apiVersion") {
        return;
    }
    let mut in_data = false;
    let mut indent = 0;
    let mut line_start = start;
    let mut in_block = false;
    for line in document.split(|b| *b == b'\n') {
        let here = line_start;
        line_start += line.len() + 1;
        let depth = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let content = line.trim_ascii();
        if content.is_empty() || content.starts_with(b"#") {
            continue;
        }
        if content == b"data:" || content == b"stringData:" {
            (in_data, indent, in_block) = (true, depth, false);
            continue;
        }
        if !in_data {
            continue;
        }
        if depth <= indent {
            in_data = false;
            continue;
        }
        let (at, found) = if in_block && !content.contains(&b':') {
            (0, content)
        } else {
            let Some(colon) = memchr::memchr(b':', content) else {
                continue;
            };
            let raw = content.get(colon + 1..).unwrap_or(b"").trim_ascii();
            in_block = matches!(raw.first(), Some(b'|' | b'>'));
            let bare = raw.split(|b| *b == b' ').next().unwrap_or(b"");
            let bare = bare
                .strip_prefix(b"\"")
                .or_else(|| bare.strip_prefix(b"'"))
                .unwrap_or(bare);
            let bare = bare
                .strip_suffix(b"\"")
                .or_else(|| bare.strip_suffix(b"'"))
                .unwrap_or(bare);
            (colon, bare)
        };
        let coded = found.len() >= 8 && found.iter().all(|b| is_base64(*b)) && BASE64.decode(found).is_ok();
        if !coded || value::distinct(found) < 5 {
            continue;
        }
        let key_is_user = content
            .get(..at)
            .is_some_and(|key| key.ends_with(b"username") || key.ends_with(b"user"));
        if key_is_user {
            continue;
        }
        let Some(offset) = memchr::memmem::find(line, found) else {
            continue;
        };
        let range = here + offset..here + offset + found.len();
        out.push((range.clone(), here..range.end, 0.8));
    }
}

/// Discord's bot tokens: a snowflake in Base64, six bytes of time, a MAC; `.` between.
///
/// # Source
/// Discord developer documentation, "Reference: Authentication".
pub(super) fn discord_tokens(text: &[u8], mut take: impl FnMut(Hit)) {
    for dot in memchr::memchr_iter(b'.', text) {
        if byte(text, dot + 7) != b'.' || !slice(text, dot + 1..dot + 7).iter().all(|b| is_base64url(*b)) {
            continue;
        }
        let head = run_back(text, dot, 40, |b| b.is_ascii_alphanumeric());
        let tail = run(text, dot + 8, 48, is_base64url);
        if !(24..=28).contains(&head) || !(27..=40).contains(&tail) {
            continue;
        }
        let start = dot - head;
        let ends = !is_base64url(byte(text, dot + 8 + tail));
        if ends
            && matches!(byte(text, start), b'M' | b'N' | b'O')
            && starts_token(text, start)
            && value::distinct(slice(text, start..dot)) > 6
        {
            take((start..dot + 8 + tail, start..dot + 8 + tail, 0.95));
        }
    }
}
