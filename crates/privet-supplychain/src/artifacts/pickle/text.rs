//! The text forms of protocol 0.

/// What Python's `repr` of a byte string means, quotes taken off and escapes resolved. `None` if it is not one.
pub(super) fn quoted(line: &[u8]) -> Option<String> {
    let line = line.trim_ascii();
    let (first, rest) = line.split_first()?;
    let (last, body) = rest.split_last()?;
    if first != last || !matches!(first, b'\'' | b'"') {
        return None;
    }
    let mut out = String::new();
    let mut bytes = body.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(char::from(byte));
            continue;
        }
        match bytes.next()? {
            b'\n' => {}
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'a' => out.push('\u{7}'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'v' => out.push('\u{b}'),
            b'x' => {
                let high = digit(bytes.next()?, 16)?;
                let low = digit(bytes.next()?, 16)?;
                out.push(char::from_u32(high * 16 + low)?);
            }
            octal @ b'0'..=b'7' => {
                let mut value = digit(octal, 8)?;
                for _ in 0..2 {
                    let Some(next) = bytes.peek().and_then(|b| digit(*b, 8)) else {
                        break;
                    };
                    value = value * 8 + next;
                    bytes.next();
                }
                out.push(char::from_u32(value & 0xff)?);
            }
            other @ (b'\\' | b'\'' | b'"') => out.push(char::from(other)),
            other => {
                out.push('\\');
                out.push(char::from(other));
            }
        }
    }
    Some(out)
}

/// What Python's `raw-unicode-escape` means: Latin-1 but for `\uXXXX` and `\UXXXXXXXX`.
pub(super) fn raw_unicode(line: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(char::from(byte));
            continue;
        }
        let Some(kind) = bytes.next() else {
            out.push('\\');
            break;
        };
        let digits = match kind {
            b'u' => 4,
            b'U' => 8,
            other => {
                out.push('\\');
                out.push(char::from(other));
                continue;
            }
        };
        let mut value = 0_u32;
        for _ in 0..digits {
            value = value.checked_mul(16)?.checked_add(digit(bytes.next()?, 16)?)?;
        }
        // A lone surrogate is a character to Python; no name of a module holds one.
        out.push(char::from_u32(value).unwrap_or('\u{fffd}'));
    }
    Some(out)
}

/// A number in the text of an opcode, as Python's `int` reads it.
pub(super) fn number(line: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(line).ok()?.trim().replace('_', "");
    text.strip_suffix('L').unwrap_or(&text).parse().ok()
}

fn digit(byte: u8, radix: u32) -> Option<u32> {
    char::from(byte).to_digit(radix)
}
