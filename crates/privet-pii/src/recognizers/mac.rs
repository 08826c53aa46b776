//! Hardware addresses: EUI-48, IEEE 802 (2014) clause 8; colons, dashes, or Cisco's three groups of four.

use privet_types::Entity;

use super::scan::Scan;
use super::{Outcome, Token};

/// Six pairs and five separators.
const LENGTH: usize = 17;
/// Three groups of four and two dots.
const DOTTED: usize = 14;

/// Finds six pairs joined by colons; `colon` is the first of them.
pub(super) fn find_colons(scan: &mut Scan<'_>, colon: usize) -> Outcome {
    let Some(start) = colon.checked_sub(2) else {
        return Ok(());
    };
    if scan.at(colon + 3) == b':'
        && scan.at(start).is_ascii_hexdigit()
        && !scan.is_glued_left(start)
        && !is_preceded(scan, start)
    {
        let end = start + LENGTH;
        scan.spend(LENGTH)?;
        if is_address(scan.slice(start, end), b':', 2) && !scan.is_glued_right(end) && !is_more(scan, end) {
            scan.report(Entity::MAC_ADDRESS, start, end, 0.95, "mac/colons");
        }
    }
    Ok(())
}

/// Whether a pair comes before, so that this is the middle of a longer row.
fn is_preceded(scan: &Scan<'_>, start: usize) -> bool {
    scan.back(start, 1) == b':'
        && scan.back(start, 2).is_ascii_hexdigit()
        && scan.back(start, 3).is_ascii_hexdigit()
        && !scan.back(start, 4).is_ascii_alphanumeric()
}

/// Whether a seventh pair follows.
fn is_more(scan: &Scan<'_>, end: usize) -> bool {
    scan.at(end) == b':' && scan.at(end + 1).is_ascii_hexdigit()
}

/// Finds six pairs joined by dashes, and three groups joined by full stops.
pub(super) fn find_dashed_or_dotted(scan: &mut Scan<'_>, token: Token) -> Outcome {
    let Token { start, end, .. } = token;
    if end - start == LENGTH {
        scan.spend(LENGTH)?;
        if is_address(scan.slice(start, end), b'-', 2) {
            scan.report(Entity::MAC_ADDRESS, start, end, 0.95, "mac/dashes");
        }
    }
    if end - start == 4 && (scan.at(end) == b'.' || scan.back(start, 1) == b'.') {
        // The first group with a digit may be any of the three.
        for start in [0, 5, 10].into_iter().filter_map(|back| start.checked_sub(back)) {
            let end = start + DOTTED;
            scan.spend(DOTTED)?;
            let goes_on = scan.is_glued_right(end) || scan.at(end) == b'.' && scan.is_glued_right(end + 1);
            let is_whole = !goes_on && !scan.is_glued_left(start) && scan.back(start, 1) != b'.';
            if is_whole && is_address(scan.slice(start, end), b'.', 4) {
                scan.report(Entity::MAC_ADDRESS, start, end, 0.95, "mac/dots");
            }
        }
    }
    Ok(())
}

/// Whether `text` is hexadecimal groups of `size` joined by `separator`, neither all zeros nor the broadcast address,
/// and not digits only where dots could make it a number.
fn is_address(text: &[u8], separator: u8, size: usize) -> bool {
    let is_shaped = text.len() == 12 + 12 / size - 1
        && text.iter().enumerate().all(|(i, b)| {
            if i % (size + 1) == size {
                *b == separator
            } else {
                b.is_ascii_hexdigit()
            }
        });
    let mut digits = text.iter().filter(|b| **b != separator);
    is_shaped
        && !digits.clone().all(|b| *b == b'0')
        && !digits.clone().all(|b| b.eq_ignore_ascii_case(&b'f'))
        && (separator == b':' || digits.any(u8::is_ascii_alphabetic) || separator == b'-' && size == 2)
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn the_three_notations_are_found() {
        for value in [
            "00:00:5e:00:53:01",
            "00-00-5E-00-53-AF",
            "AA-BB-CC-DD-EE-FF",
            "0000.5e00.5301",
            "aabb.ccdd.ee01",
            "AABB.CCDD.EEFF",
        ] {
            finds(Entity::MAC_ADDRESS, &format!("mac {value}, up"), value);
        }
        finds(Entity::MAC_ADDRESS, "mac:00:00:5e:00:53:01", "00:00:5e:00:53:01");
    }

    #[test]
    fn broadcast_times_and_fingerprints_are_not_reported() {
        for text in [
            "FF:FF:FF:FF:FF:FF 00:00:00:00:00:00",
            "12:30:45",
            "10:2F:33-AC-29-C3",
            "0c:d3:4a:6a:d9:cf:11:22:33:44:55:66:77:88:99:aa",
            "1234.5678.9012",
            "ZZ:ZZ:ZZ:ZZ:ZZ:ZZ",
        ] {
            misses(Entity::MAC_ADDRESS, text);
        }
    }
}
