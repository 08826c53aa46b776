//! Private keys in text armour: PEM (RFC 7468), OpenSSH (`PROTOCOL.key`), OpenPGP (RFC 9580, section 6.2).

use std::sync::LazyLock;

use memchr::memmem;
use privet_types::{BudgetError, Entity};

use super::Outcome;
use super::scan::Scan;

const BEGIN: &[u8] = b"-----BEGIN ";
/// Made once: that takes longer than to look through a short text.
static BEGINNING: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(BEGIN));
const DASHES: &[u8] = b"-----";
/// Longest label between the dashes; `ENCRYPTED PRIVATE KEY` and `PGP PRIVATE KEY BLOCK` are the longest in use.
const LONGEST_LABEL: usize = 48;
/// A line of key text without a space is at least this long, but for the last.
const LINE: usize = 16;

/// Finds blocks, each once, from `-----BEGIN` to the end of `-----END`, or of the key text if that is missing.
pub(super) fn find(scan: &mut Scan<'_>) -> Outcome {
    let mut from = 0;
    while let Some(found) = BEGINNING.find(scan.bytes.get(from..).unwrap_or_default()) {
        // The search itself runs many bytes a cycle, so that its work is not worth counting.
        let start = from + found;
        let label_start = start + BEGIN.len();
        let label = scan.slice(label_start, (label_start + LONGEST_LABEL).min(scan.bytes.len()));
        scan.spend(label.len())?;
        from = label_start;
        let Some(label_len) = memmem::find(label, DASHES) else {
            continue;
        };
        let label = label.get(..label_len).unwrap_or_default();
        let body_start = label_start + label_len + DASHES.len();
        if memmem::find(label, b"PRIVATE KEY").is_none() {
            continue;
        }
        from = block(scan, start, body_start)?;
    }
    Ok(())
}

/// Reports the block that begins at `start`; returns where to go on.
fn block(scan: &mut Scan<'_>, start: usize, body_start: usize) -> Result<usize, BudgetError> {
    let rest = scan.slice(body_start, scan.bytes.len());
    let next = memmem::find(rest, DASHES).map(|at| body_start + at);
    let text_end = next.unwrap_or(scan.bytes.len());
    let (body_end, has_key) = body(scan, body_start, text_end)?;
    let closing = next.filter(|at| scan.slice(*at, *at + 9) == b"-----END ");
    let end = match closing {
        Some(at) if has_key => {
            let label = scan.slice(at + 9, (at + 9 + LONGEST_LABEL).min(scan.bytes.len()));
            memmem::find(label, DASHES).map_or(at + 9, |len| at + 9 + len + DASHES.len())
        }
        _ => body_end,
    };
    if has_key {
        scan.report(Entity::PRIVATE_KEY, start, end, 1.0, "private-key/armour");
    }
    Ok(end.max(body_start))
}

/// Where the key text between `start` and `limit` ends, and whether there is any. Lines may be joined by spaces or by
/// `\n` written as two characters; lines such as `Proc-Type: 4,ENCRYPTED` belong to it.
fn body(scan: &mut Scan<'_>, start: usize, limit: usize) -> Result<(usize, bool), BudgetError> {
    let mut at = start;
    let mut end = start;
    let mut has_key = false;
    while at < limit {
        if scan.at(at).is_ascii_whitespace() {
            at += 1;
            scan.spend(1)?;
            continue;
        }
        if scan.at(at) == b'\\' && matches!(scan.at(at + 1), b'n' | b'r' | b't' | b'\\') {
            at += if scan.at(at + 1) == b'\\' { 1 } else { 2 };
            scan.spend(2)?;
            continue;
        }
        let line = run(scan, at, limit, is_key_byte)?;
        let stops = scan.at(at + line);
        if line > 0 && (stops == b':' || stops == b'-') && at + line < limit && line < LINE {
            // An armour header; it ends with its line.
            at += run(scan, at, limit, |b| b != b'\n' && b != b'\\')?;
            continue;
        }
        if line < LINE {
            // The last line of a key may be short.
            return Ok((if has_key { at + line } else { end }, has_key));
        }
        at += line;
        end = at;
        has_key = true;
    }
    Ok((end, has_key))
}

fn run(scan: &mut Scan<'_>, from: usize, limit: usize, fits: fn(u8) -> bool) -> Result<usize, BudgetError> {
    let mut at = from;
    loop {
        let chunk = scan.slice(at, (at + 4096).min(limit));
        let len = chunk.iter().take_while(|b| fits(**b)).count();
        scan.spend(len)?;
        at += len;
        if len < 4096 {
            return Ok(at - from);
        }
    }
}

const fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    fn armour(label: &str, newline: &str, end: bool) -> String {
        let line = "MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEAq7BFUpkGp3".to_owned() + "+LQmlQ";
        let begin = format!("-----BEGIN {label}-----{newline}{line}{newline}{line}{newline}QJAIQ==");
        if end {
            format!("{begin}{newline}-----END {label}-----")
        } else {
            begin
        }
    }

    #[test]
    fn blocks_are_found_whole_also_when_cut_or_escaped() {
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        ] {
            for newline in ["\n", "\\n", "\r\n", " "] {
                for end in [true, false] {
                    let value = armour(label, newline, end);
                    finds(Entity::PRIVATE_KEY, &format!("key: \"{value}\", done"), &value);
                }
            }
        }
    }

    #[test]
    fn armour_headers_belong_to_the_block() {
        let value = armour("RSA PRIVATE KEY", "\n", true).replacen(
            "\n",
            "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n",
            1,
        );
        finds(Entity::PRIVATE_KEY, &value, &value);
    }

    #[test]
    fn public_keys_and_prose_are_not_reported() {
        misses(Entity::PRIVATE_KEY, &armour("PUBLIC KEY", "\n", true));
        misses(Entity::PRIVATE_KEY, &armour("CERTIFICATE", "\n", true));
        misses(
            Entity::PRIVATE_KEY,
            "it starts with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----",
        );
    }
}
