//! Web addresses: URLs (RFC 3986) of the web and of file servers, and host names by themselves.
//!
//! The top-level domains are some of those in the root zone (IANA, "Root Zone Database"); those that are endings of
//! file names or words count only with a path or a third label.

use privet_types::Entity;

use super::Outcome;
use super::scan::Scan;
use super::url::url_at;
use super::words::{Senses, Word, sense};

/// Words that a host name ends or begins with.
pub(super) const SENSES: Senses = sense::TLD | sense::TLD_WEAK | sense::WWW;
/// Longest host name, RFC 1035.
const LONGEST_HOST: usize = 253;
/// Longest path read behind a host name.
const LONGEST_PATH: usize = 2048;

/// Finds URLs with a scheme.
pub(super) fn find_scheme(scan: &mut Scan<'_>, colon: usize) -> Outcome {
    let Some(span) = url_at(scan, colon)? else {
        return Ok(());
    };
    let scheme = scan.str(span.start, colon);
    let is_web = ["http", "https", "ftp", "ftps", "sftp", "ws", "wss"]
        .iter()
        .any(|s| scheme.eq_ignore_ascii_case(s));
    if !is_web {
        return Ok(());
    }
    let end = trimmed_end(scan, colon + 3, span.end);
    let rest = scan.str(colon + 3, scan.floor((colon + 3 + LONGEST_HOST).min(end)));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let labels = host.split('.').filter(|l| !l.is_empty()).count();
    let is_name = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') || !b.is_ascii());
    if labels >= 2 && is_name {
        scan.report(Entity::URL, span.start, end, 0.9, "url/scheme");
    }
    Ok(())
}

/// Where the URL ends if an apostrophe or a bracket that it does not open closes it.
fn trimmed_end(scan: &Scan<'_>, start: usize, end: usize) -> usize {
    let text = scan.str(start, end);
    let mut depth = 0_i32;
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '\'' => depth = -1,
            '、' | '。' | '，' | '（' | '）' | '」' | '』' | '】' | '》' | '；' | '»' | '”' | '’' | '،' => {
                depth = -1
            }
            _ => {}
        }
        if depth < 0 {
            return start + i;
        }
    }
    end
}

/// Finds host names without a scheme, by their top-level domain or their `www`.
pub(super) fn find_host(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    if word.start < scan.done.web {
        return Ok(());
    }
    if word.is(sense::WWW) {
        if scan.at(word.end) != b'.'
            || scan.is_word_inside(word.start)
            || scan.back(word.start, 1) == b'/'
            || scan.back(word.start, 1) == b'@'
        {
            return Ok(());
        }
        let end = host_end(scan, word.end + 1);
        scan.spend(end - word.start)?;
        let host = scan.str(word.end + 1, end);
        if host.split('.').filter(|l| !l.is_empty()).count() >= 2 {
            report(scan, word.start, end, 0.8, "url/www");
        }
        return Ok(());
    }
    // The last label of a host name: behind a full stop, and nothing that goes on.
    if scan.back(word.start, 1) != b'.'
        || !scan.back(word.start, 2).is_ascii_alphanumeric() && scan.back(word.start, 2).is_ascii()
    {
        return Ok(());
    }
    let next = scan.at(word.end);
    let goes_on = next == b'.'
        && (scan.at(word.end + 1).is_ascii_alphanumeric() || scan.at(word.end + 1) == b'_')
        || next.is_ascii_alphanumeric()
        || matches!(
            next,
            b'(' | b'-' | b'_' | b'@' | b'[' | b'=' | b'{' | b'!' | b'<' | b'\\'
        )
        || !next.is_ascii() && scan.is_word_inside(word.end);
    let tld = scan.str(word.start, word.end);
    let is_small = tld.bytes().all(|b| b.is_ascii_lowercase());
    let is_large = tld.bytes().all(|b| b.is_ascii_uppercase());
    if goes_on || !is_small && !is_large {
        return Ok(());
    }
    let start = host_start(scan, word.start);
    scan.spend(word.end - start)?;
    let host = scan.str(start, word.start - 1);
    let before = scan.back(start, 1);
    let is_part =
        matches!(
            before,
            b'@' | b'/' | b':' | b'.' | b'_' | b'$' | b'\\' | b'#' | b'-' | b'=' | b'&' | b'%' | b'>'
        ) && !(before == b':' && scan.back(start, 2) != b'/' && !scan.back(start, 2).is_ascii_digit());
    let labels = host.split('.').count() + 1;
    let last = host.rsplit('.').next().unwrap_or_default();
    let has_path = next == b'/' && scan.at(word.end + 1).is_ascii_alphanumeric();
    let is_plausible = last.len() >= 2
        && !host
            .split('.')
            .any(|l| l.is_empty() || l.starts_with('-') || l.ends_with('-'))
        && host.bytes().any(|b| b.is_ascii_alphabetic())
        && !host.bytes().any(|b| b == b'_')
        && (is_small || host.bytes().all(|b| !b.is_ascii_lowercase()));
    let is_weak = word.is(sense::TLD_WEAK) && !word.is(sense::TLD);
    // `Foo.info`, `self.name.com`: a name of code, not of a host, has capitals inside.
    let has_capital = host.bytes().any(|b| b.is_ascii_uppercase()) && is_small;
    let is_common = [
        "com", "org", "net", "de", "eu", "edu", "gov", "example", "uk", "fr",
    ]
    .contains(&tld);
    let is_sure = if is_weak {
        has_path || labels >= 3 && !has_capital
    } else {
        !has_capital || is_common
    };
    if is_part || !is_plausible || !is_sure {
        return Ok(());
    }
    let score = if is_common || has_path || labels >= 3 {
        0.6
    } else {
        0.5
    };
    let end = host_end(scan, word.end);
    report(scan, start, end, score, "url/host");
    Ok(())
}

fn report(scan: &mut Scan<'_>, start: usize, end: usize, score: f32, rule: &'static str) {
    scan.report(Entity::URL, start, end, score, rule);
    scan.done.web = end;
}

/// Where the labels that end at `end` begin.
fn host_start(scan: &Scan<'_>, end: usize) -> usize {
    let window = scan.str(scan.floor(end.saturating_sub(LONGEST_HOST)), end);
    let len: usize = window
        .chars()
        .rev()
        .take_while(|c| {
            c.is_alphanumeric() && !super::words::is_ideographic(*c) || matches!(c, '-' | '.' | '_')
        })
        .map(char::len_utf8)
        .sum();
    end - len
}

/// Where the host name, port, path, query and fragment from `at` on end.
fn host_end(scan: &Scan<'_>, at: usize) -> usize {
    let rest = scan.str(at, scan.floor((at + LONGEST_PATH).min(scan.bytes.len())));
    let mut end = at;
    let mut is_path = false;
    for (i, c) in rest.char_indices() {
        let fits = match c {
            '/' | '?' | '#' => {
                is_path = true;
                true
            }
            ':' => rest.as_bytes().get(i + 1).is_some_and(u8::is_ascii_digit),
            _ if is_path => {
                c.is_alphanumeric() && !super::words::is_ideographic(c) || "-._~%!$&*+,;=:@()".contains(c)
            }
            _ => c.is_alphanumeric() && !super::words::is_ideographic(c) || matches!(c, '-' | '.'),
        };
        if !fits {
            break;
        }
        end = at + i + c.len_utf8();
    }
    while end > at
        && matches!(
            scan.back(end, 1),
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b'-' | b'*' | b'_'
        )
    {
        end -= 1;
    }
    trimmed_end(scan, at, end)
}
