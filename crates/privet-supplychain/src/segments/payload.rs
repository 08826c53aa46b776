//! Parts of texts that are no text: pictures in base64, colour codes.

use std::ops::Range;

/// Shortest base64 of a picture that is cut out; below, it is left to the detectors.
const SHORTEST: usize = 64;

/// How the base64 of pictures, sounds, videos, fonts, PDFs and archives begins: their magic bytes, encoded (RFC 4648).
const MAGIC: [&[u8]; 17] = [
    b"iVBORw0KGgo", // PNG
    b"/9j/",        // JPEG
    b"R0lGOD",      // GIF
    b"UklGR",       // RIFF: WebP, WAV
    b"Qk0",         // BMP
    b"SUkqA",       // TIFF, little-endian
    b"TU0AK",       // TIFF, big-endian
    b"AAABAA",      // ICO
    b"JVBERi0",     // PDF
    b"T2dnU",       // Ogg
    b"SUQz",        // MP3 with ID3
    b"AAAA",        // MP4
    b"GkXfo",       // WebM
    b"d09GR",       // WOFF
    b"d09GM",       // WOFF2
    b"AAEAAAA",     // TrueType
    b"T1RUT",       // OpenType
];

/// Whether `mime` names data that is not text.
pub(super) fn is_binary_type(mime: &str) -> bool {
    let mime = mime.trim().to_ascii_lowercase();
    let is_media = ["image/", "audio/", "video/", "font/"]
        .iter()
        .any(|t| mime.starts_with(t));
    (is_media && !mime.starts_with("image/svg"))
        || matches!(
            mime.as_str(),
            // The short names are nbformat 3's.
            "application/pdf" | "application/octet-stream" | "application/zip" | "png" | "jpeg" | "pdf"
        )
}

/// Whether `text` is base64 from its first to its last letter and begins as media do. A name alone is not believed: who
/// calls a password `image/png` is found.
pub(super) fn is_media_base64(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    text.len() >= SHORTEST
        && MAGIC.iter().any(|magic| text.starts_with(magic))
        && text.iter().all(|b| is_base64(*b) || b.is_ascii_whitespace())
}

const fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
}

/// The payloads of `data:` URIs (RFC 2397) that are base64 of media.
pub(super) fn data_uris(text: &[u8]) -> Vec<Range<usize>> {
    let mark = b";base64,";
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| memchr::memmem::find(rest, mark)) {
        let start = from + at + mark.len();
        let rest = text.get(start..).unwrap_or_default();
        let len = rest.iter().take_while(|b| is_base64(**b)).count();
        let before = text
            .get((start - mark.len()).saturating_sub(80)..start)
            .unwrap_or_default();
        if len >= SHORTEST
            && memchr::memmem::rfind(before, b"data:").is_some()
            && is_media_base64(rest.get(..len).unwrap_or_default())
        {
            found.push(start..start + len);
        }
        from = start + len;
    }
    found
}

/// Control sequences of terminals (ECMA-48): CSI … final byte, OSC … BEL or ST, and two-byte escapes.
pub(super) fn control_sequences(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| memchr::memchr(0x1b, rest)) {
        let start = from + at;
        let rest = text.get(start + 1..).unwrap_or_default();
        let len = match rest.first() {
            Some(b'[') => {
                let body = rest
                    .iter()
                    .skip(1)
                    .take(64)
                    .take_while(|b| (0x20..0x40).contains(*b))
                    .count();
                match rest.get(1 + body) {
                    Some(0x40..0x7f) => 2 + body,
                    _ => 1 + body,
                }
            }
            Some(b']') => {
                let body = rest
                    .iter()
                    .skip(1)
                    .take(2048)
                    .take_while(|b| !matches!(b, 0x07 | 0x1b | b'\n'))
                    .count();
                // What an OSC carries may be a secret (a link's target), so only its ends are cut if it ends well.
                let end = 1 + body;
                match rest.get(end) {
                    Some(7) => {
                        found.push(start..start + 2);
                        found.push(start + 1 + end..start + 2 + end);
                        from = start + 2 + end;
                        continue;
                    }
                    _ => 1,
                }
            }
            Some(b'\\' | b'(' | b')' | b'=' | b'>' | b'7' | b'8' | b'M' | b'c') => 1,
            _ => 0,
        };
        found.push(start..start + 1 + len);
        from = start + 1 + len;
    }
    found
}
