//! Runs of base64 and hexadecimal digits that encode text.

/// Fewest bytes that a run must decode to: the shortest dotted quad, the shortest e-mail address.
const FEWEST_BYTES: usize = 6;
/// A decoded text of this many bytes may hold another encoding even without a digit or `@`.
const LONG: usize = 12;

/// A decoded run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// Encoded bytes of each `view_unit` bytes; the rest of the run belongs to the last unit.
    pub(super) view_unit: usize,
    pub(super) original_unit: usize,
    /// Encoded bytes that were read.
    pub(super) len: usize,
}

/// The value of a character of base64 or base64url (RFC 4648, sections 4 and 5).
pub(super) const fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Which bytes are characters of base64 or base64url.
const IS_SEXTET: [bool; 256] = {
    let mut is_one = [false; 256];
    let mut byte = 0_u8;
    loop {
        #[expect(
            clippy::indexing_slicing,
            reason = "a byte is below 256; checked when compiled"
        )]
        {
            is_one[byte as usize] = sextet(byte).is_some();
        }
        if byte == u8::MAX {
            break is_one;
        }
        byte += 1;
    }
};

/// Whether a byte is a character of base64 or base64url.
#[inline]
pub(super) fn is_sextet(byte: u8) -> bool {
    IS_SEXTET.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Decodes a run of base64 characters, without or with its padding. Line breaks are not part of a run.
pub(super) fn base64(run: &[u8]) -> Option<Decoded> {
    let body = run.iter().take_while(|b| **b != b'=').count();
    if body < FEWEST_BYTES * 4 / 3 || body % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in run.get(..body)? {
        buffer = buffer << 6 | u32::from(sextet(*byte)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            let byte = u8::try_from(buffer >> bits & 0xff).ok()?;
            // Stops at once in images and keys, so that what is no text costs little.
            (is_text_byte(byte)).then_some(())?;
            bytes.push(byte);
        }
    }
    Some(Decoded {
        text: text(bytes)?,
        view_unit: 3,
        original_unit: 4,
        len: run.len(),
    })
}

/// Decodes pairs of hexadecimal digits, of which `run` holds one every `stride` bytes from `first` on.
pub(super) fn hex(run: &[u8], first: usize, stride: usize) -> Option<Decoded> {
    let mut bytes = Vec::new();
    let mut at = first;
    while let (Some(a), Some(b)) = (run.get(at), run.get(at + 1)) {
        let value = char::from(*a).to_digit(16)? << 4 | char::from(*b).to_digit(16)?;
        let byte = u8::try_from(value).ok()?;
        is_text_byte(byte).then_some(())?;
        bytes.push(byte);
        at += stride;
    }
    Some(Decoded {
        text: text(bytes)?,
        view_unit: 1,
        original_unit: stride,
        len: run.len(),
    })
}

/// Whether text may hold the byte: no control character but white space.
pub(super) const fn is_text_byte(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r')
}

fn text(bytes: Vec<u8>) -> Option<String> {
    if bytes.len() < FEWEST_BYTES {
        return None;
    }
    let text = String::from_utf8(bytes).ok()?;
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let foreign = text.bytes().filter(|b| !b.is_ascii()).count();
    let is_useful = text.contains('@') || digits >= 4 || text.len() >= LONG;
    // Chance bytes are rarely valid UTF-8, but short ones may be.
    (is_useful && foreign * 2 <= text.len() && !text.chars().any(|c| c.is_control() && !c.is_ascii()))
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_either_alphabet_with_or_without_padding_is_decoded() {
        for (run, plain) in [
            ("am9obkBleGFtcGxlLmNvbQ==", "john@example.com"),
            ("am9obkBleGFtcGxlLmNvbQ", "john@example.com"),
            ("MTkyLjAuMi4xNw==", "192.0.2.17"),
            ("Pz8_Pz8-Pj4-QA", "?????>>>>@"),
        ] {
            assert_eq!(
                base64(run.as_bytes()).map(|d| d.text),
                Some(plain.to_owned()),
                "{run}"
            );
        }
    }

    #[test]
    fn hexadecimal_digits_are_decoded_with_and_without_separators() {
        assert_eq!(
            hex(b"6a6f686e40612e62", 0, 2).map(|d| d.text).as_deref(),
            Some("john@a.b")
        );
        assert_eq!(
            hex(b"6a 6f 68 6e 40 61", 0, 3).map(|d| d.text).as_deref(),
            Some("john@a")
        );
    }

    #[test]
    fn what_is_no_text_is_not_decoded() {
        for run in [
            "iVBORw0KGgoAAAANSUhEUg==",
            "administration",
            "getUserNameById",
            "QUJD",
        ] {
            assert_eq!(base64(run.as_bytes()), None, "{run}");
        }
        assert_eq!(hex(b"da39a3ee5e6b4b0d3255bfef95601890afd80709", 0, 2), None);
    }
}
