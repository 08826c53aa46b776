//! E-mail addresses: the mailboxes of RFC 5321 section 4.1.2 with the international ones of RFC 6531, as people write
//! them. Of the marks that a local part may hold only those that addresses really have are taken, since the others
//! mostly stand between an address and its neighbour.

use privet_types::Entity;

use super::Outcome;
use super::scan::{Scan, is_escape_letter};

/// Bytes read to the left. RFC 5321 allows 64; the excess is covered all the same.
const LONGEST_LOCAL: usize = 256;
/// Bytes read to the right, RFC 1035 section 2.3.4.
const LONGEST_DOMAIN: usize = 255;

/// Finds the address whose `@` stands at `at`.
pub(super) fn find(scan: &mut Scan<'_>, at: usize) -> Outcome {
    let start = local_start(scan, at);
    let end = if start < at {
        domain_end(scan, at + 1)
    } else {
        None
    };
    scan.spend(at - start + end.map_or(1, |e| e - at))?;
    // `git@host:path` names a service, not a person.
    if let Some(end) = end
        && scan.str(start, at) != "git"
    {
        scan.report(Entity::EMAIL_ADDRESS, start, end, 1.0, "email/address");
    }
    Ok(())
}

/// Where the local part that ends at `end` begins; `end` if there is none.
fn local_start(scan: &Scan<'_>, end: usize) -> usize {
    if scan.back(end, 1) == b'"' {
        return quoted_start(scan, end);
    }
    let window = scan.str(scan.floor(end.saturating_sub(LONGEST_LOCAL)), end);
    let mut start = end;
    let mut has_ascii = false;
    for c in window.chars().rev() {
        let fits = c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'' | '~');
        // Scripts without spaces run into an ASCII address: 邮箱是a@example.com.
        let is_prose = has_ascii && is_unspaced(c);
        let is_doubled = c == '.' && scan.at(start) == b'.' && start < end;
        if !fits || is_prose || is_doubled {
            break;
        }
        has_ascii |= c.is_ascii_alphanumeric();
        start -= c.len_utf8();
    }
    if scan.back(start, 1) == b'\\' {
        // The letter of an escape is no part of the address, nor are the digits of `\u00e9`.
        start += match scan.at(start) {
            b'u' => 5,
            byte => usize::from(is_escape_letter(byte)),
        };
    }
    while start < end && matches!(scan.at(start), b'.' | b'\'' | b'-' | b'+' | b'~') {
        start += 1;
    }
    if start >= end || scan.back(end, 1) == b'.' {
        end
    } else {
        start
    }
}

fn quoted_start(scan: &Scan<'_>, end: usize) -> usize {
    let window = scan.str(scan.floor(end.saturating_sub(LONGEST_LOCAL)), end - 1);
    let inside = window.rsplit(['"', '@', '\n']).next().unwrap_or_default();
    let start = end - 1 - inside.len();
    if scan.back(start, 1) == b'"' && !inside.is_empty() {
        start - 1
    } else {
        end
    }
}

/// Where the domain that begins at `start` ends; none if it has no top-level domain.
fn domain_end(scan: &Scan<'_>, start: usize) -> Option<usize> {
    let window = scan.str(start, scan.floor((start + LONGEST_DOMAIN).min(scan.bytes.len())));
    let mut label_is_ascii = true;
    let mut label = 0;
    let mut last = '.';
    let mut end = window.len();
    for (i, c) in window.char_indices() {
        let ends = match c {
            '.' => {
                label = 0;
                label_is_ascii = true;
                last == '.'
            }
            '-' => label == 0,
            c if c.is_alphanumeric() => {
                let is_prose = label > 0 && label_is_ascii && is_unspaced(c);
                label_is_ascii &= c.is_ascii();
                label += 1;
                is_prose
            }
            _ => true,
        };
        if ends {
            end = i;
            break;
        }
        last = c;
    }
    let mut domain = window.get(..end)?.trim_end_matches(['.', '-']);
    while let Some((rest, top)) = domain.rsplit_once('.') {
        if is_top(top) && !is_image(rest, top) {
            return Some(start + domain.len());
        }
        domain = rest.trim_end_matches(['.', '-']);
    }
    None
}

/// Whether a label can be a top-level domain: two letters or more, or an encoded one (RFC 5890).
fn is_top(label: &str) -> bool {
    label.starts_with("xn--") && label.len() > 4
        || label.chars().all(char::is_alphabetic) && label.chars().nth(1).is_some()
}

/// Whether it is a file like `icon@2x.png`.
fn is_image(rest: &str, top: &str) -> bool {
    ["png", "jpg", "jpeg", "gif", "svg", "webp"].contains(&top.to_ascii_lowercase().as_str())
        && !rest.contains('.')
}

/// Whether a character belongs to a script that is written without spaces.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn addresses_are_found_with_tags_subdomains_and_other_scripts() {
        for value in [
            "ann@example.com",
            "ann.lee+news@mail.example.co.uk",
            "o'neil_9-x@ex-ample.org",
            "müller@bücher.example",
            "user@xn--80ak6aa92e.com",
            "用户@例子.广告",
            "\"ann lee\"@example.com",
        ] {
            finds(Entity::EMAIL_ADDRESS, &format!("write to {value}."), value);
        }
    }

    #[test]
    fn the_neighbourhood_is_no_part_of_the_address() {
        for (text, value) in [
            ("<ann@example.com>,", "ann@example.com"),
            ("mailto:ann@example.com?subject=x", "ann@example.com"),
            ("email=ann@example.com&x=1", "ann@example.com"),
            ("'ann@example.com'", "ann@example.com"),
            ("邮箱是ann@example.com的", "ann@example.com"),
            (r"one\nann@example.com\ntwo", "ann@example.com"),
            ("...ann@example.com...", "ann@example.com"),
            ("ann@example.com-", "ann@example.com"),
        ] {
            finds(Entity::EMAIL_ADDRESS, text, value);
        }
    }

    #[test]
    fn what_has_no_domain_is_not_reported() {
        for text in [
            "@handle",
            "a@b",
            "pkg@1.2.3",
            "user@localhost",
            "icon@2x.png",
            "a@@example",
            "@@@@",
            "x@.com",
        ] {
            misses(Entity::EMAIL_ADDRESS, text);
        }
    }
}
