//! IP addresses: dotted quads, and RFC 4291 text (section 2.2) with the zones of RFC 4007; prefix lengths (RFC 4632, RFC
//! 4291 section 2.3) belong to them.
//!
//! Unspecified and loopback addresses are nobody's and score next to nothing. Not reported at all: netmasks and limited
//! broadcast (255.…), and for version 6 short forms such as `1::2`, which programs write as slices.

use std::net::{Ipv4Addr, Ipv6Addr};

use privet_types::{Basis, BudgetError, Entity};

use super::Outcome;
use super::context::{ADDRESS, VERSION};
use super::number::Number;
use super::scan::Scan;

/// Longest dotted quad.
const LONGEST_V4: usize = 15;
/// Longest version 6 address with an embedded dotted quad, and room for what is trimmed.
const LONGEST_V6: usize = 48;
/// Score of an address that is nobody's, and of what is a version or an object identifier more often than an address.
const HARDLY: f32 = 0.1;
/// Longest zone name taken along (Linux `IFNAMSIZ` is 16).
const LONGEST_ZONE: usize = 16;

/// Finds dotted quads.
pub(super) fn find_v4(scan: &mut Scan<'_>, number: &Number) -> Result<bool, BudgetError> {
    let Some(first) = number.groups().first() else {
        return Ok(false);
    };
    let start = first.start;
    if first.len() > 3 || scan.at(first.end) != b'.' || scan.back(start, 1) == b'.' {
        return Ok(false);
    }
    let quad = scan.slice(start, (start + LONGEST_V4 + 1).min(scan.bytes.len()));
    let len = quad
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b'.')
        .count();
    scan.spend(len)?;
    let len = if scan.back(start + len, 1) == b'.' {
        len - 1
    } else {
        len
    };
    let end = start + len;
    let goes_on = scan.is_glued_right(end) || scan.at(end) == b'.' && scan.is_glued_right(end + 1);
    let Ok(address) = scan.str(start, end).parse::<Ipv4Addr>() else {
        return Ok(false);
    };
    if goes_on || address.octets().first() == Some(&255) {
        return Ok(false);
    }
    // In `http://192.0.2.1/24` the last number is a path.
    let with_prefix = if scan.back(start, 1) == b'/' {
        end
    } else {
        end + prefix_length(scan, end, 32)
    };
    let nobodys = address.is_unspecified() || address.is_loopback();
    let around = scan.around(start, end)?;
    // `1.5.4.1` is a version more often than an address; the resolvers `1.1.1.1` and `8.8.8.8` are nobody's anyway.
    let is_short = address.octets().iter().all(|o| *o < 10);
    // Attribute types and extensions of X.500 (ITU-T X.520, X.509), in every certificate library.
    let is_oid = matches!(address.octets(), [2, 5, 4 | 29, _]);
    if nobodys || around.before & VERSION != 0 || (is_short || is_oid) && around.near & ADDRESS == 0 {
        scan.report_as(
            Entity::IP_ADDRESS,
            start,
            with_prefix,
            HARDLY,
            "ip/v4",
            Basis::Form,
        );
        return Ok(false);
    }
    scan.report(Entity::IP_ADDRESS, start, with_prefix, 1.0, "ip/v4");
    scan.done.number = with_prefix;
    Ok(true)
}

/// Bytes of a prefix length `/0` ..= `/most` at `at`; 0 if there is none.
fn prefix_length(scan: &Scan<'_>, at: usize, most: u32) -> usize {
    if scan.at(at) != b'/' {
        return 0;
    }
    let digits = scan.slice(at + 1, (at + 5).min(scan.bytes.len()));
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let value = digits
        .iter()
        .take(count)
        .fold(0, |n, b| n * 10 + u32::from(b - b'0'));
    let end = at + 1 + count;
    let goes_on = scan.is_glued_right(end)
        || matches!(scan.at(end), b'.' | b'/' | b':' | b'-') && scan.is_glued_right(end + 1)
        || scan.at(end) == b'_';
    if (1..=3).contains(&count) && value <= most && !goes_on {
        1 + count
    } else {
        0
    }
}

/// Finds version 6 addresses round a colon.
pub(super) fn find_v6(scan: &mut Scan<'_>, colon: usize) -> Outcome {
    let Some((start, end)) = hex_run(scan, colon)? else {
        return Ok(());
    };
    let text = scan.str(start, end);
    let trimmed = text.trim_end_matches('.');
    let trimmed = if trimmed.ends_with("::") {
        trimmed
    } else {
        trimmed.trim_end_matches(':')
    };
    let end = start + trimmed.len();
    if end - start > LONGEST_V6 || scan.is_glued_right(end) || scan.at(end) == b'_' {
        return Ok(());
    }
    let Ok(address) = trimmed.parse::<Ipv6Addr>() else {
        return Ok(());
    };
    let nobodys = address.is_unspecified() || address.is_loopback() || address.octets() == LOOPBACK_MAPPED;
    if is_slice(trimmed) && !nobodys {
        return Ok(());
    }
    let zone = scan.slice(end + 1, (end + 1 + LONGEST_ZONE).min(scan.bytes.len()));
    let zone = zone
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        .count();
    let end = if scan.at(end) == b'%' && zone > 0 {
        end + 1 + zone
    } else {
        end
    };
    let end = end + prefix_length(scan, end, 128);
    if nobodys {
        scan.report_as(Entity::IP_ADDRESS, start, end, HARDLY, "ip/v6", Basis::Form);
    } else {
        scan.report(Entity::IP_ADDRESS, start, end, 1.0, "ip/v6");
    }
    Ok(())
}

/// `::ffff:127.0.0.1`.
const LOOPBACK_MAPPED: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];

/// Whether it may as well be a slice (`x[1::2]`) or a path of names (`a::b`).
fn is_slice(text: &str) -> bool {
    let mut groups = text.split(':').filter(|g| !g.is_empty());
    let count = groups.clone().count();
    let is_short =
        count <= 1 && groups.clone().all(|g| g.len() < 4) || count <= 2 && groups.all(|g| g.len() <= 2);
    is_short || !text.bytes().any(|b| b.is_ascii_digit()) && text.split(':').count() < 5
}

/// The run of hexadecimal digits, colons and full stops round `colon`, once; its start is never glued to a letter.
fn hex_run(scan: &mut Scan<'_>, colon: usize) -> Result<Option<(usize, usize)>, BudgetError> {
    if colon < scan.done.hex {
        return Ok(None);
    }
    let left = (1..=5)
        .take_while(|i| scan.back(colon, *i).is_ascii_hexdigit())
        .count();
    let start = colon - left;
    let rest = scan.slice(colon, scan.bytes.len());
    let limit = 2 * LONGEST_V6;
    let len = rest
        .iter()
        .take(limit)
        .take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        .count();
    scan.spend(left + len)?;
    let end = colon + len;
    scan.done.hex = end;
    if left > 4 && scan.slice(start, colon).iter().any(u8::is_ascii_digit) {
        return Ok(None);
    }
    let is_glued = left > 4 || scan.is_glued_left(start) || matches!(scan.back(start, 1), b'.' | b'_' | b':');
    let start = if is_glued { colon + 1 } else { start };
    // `ip:2001:db8::1`: one leading colon belongs to the words before.
    let start = start + usize::from(scan.at(start) == b':' && scan.at(start + 1) != b':');
    Ok((len < limit && end >= start + 2).then_some((start, end)))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn addresses_of_both_versions_are_found() {
        for (text, value) in [
            ("from 192.0.2.17.", "192.0.2.17"),
            ("http://198.51.100.7:8080/x", "198.51.100.7"),
            ("route 10.0.0.0/8.", "10.0.0.0/8"),
            ("http://192.0.2.1/24", "192.0.2.1"),
            ("192.0.2.1/33", "192.0.2.1"),
            ("192.0.2.1/24/x", "192.0.2.1"),
            ("192.0.2.1/10.0.0.5x", "192.0.2.1"),
            ("rack 5 203.0.113.9", "203.0.113.9"),
            ("ip 9.8.7.6", "9.8.7.6"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("IPv6:2001:db8::1", "2001:db8::1"),
            ("ip:2001:db8:0:0:0:0:2:1", "2001:db8:0:0:0:0:2:1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
            ("fe80::1%eth0 up", "fe80::1%eth0"),
            ("prefix 2001:db8::/32", "2001:db8::/32"),
            ("2001:db8::/999", "2001:db8::"),
            ("fe80::1%eth0/64", "fe80::1%eth0/64"),
            ("64:ff9b::198.51.100.1", "64:ff9b::198.51.100.1"),
            (
                "Server 2400:c401::5054:ff:fe1b:b031.",
                "2400:c401::5054:ff:fe1b:b031",
            ),
        ] {
            finds(Entity::IP_ADDRESS, text, value);
        }
    }

    #[test]
    fn versions_times_paths_and_nobodys_addresses_are_not_reported() {
        for text in [
            "v1.2.3.4 and version 1.2.3.4",
            "1.2.3",
            "Git 1.8.1.4, base b64::*, OID 2.5.29.17",
            "1.2.3.4.5",
            "256.1.1.1",
            "127.0.0.1 0.0.0.0 255.255.255.0 ::1 ::",
            "12:30:45",
            "std::cout << a::b",
            "x[1::2] y[::-1]",
            "2001::25de::cade",
            "12345:db8::1",
            ":::",
            "fe80::1text",
        ] {
            misses(Entity::IP_ADDRESS, text);
        }
    }
}
