//! What a file is, told from its bytes.

use super::csv;

/// What a file is. Told from magic bytes and structure; the name only decides between readings that fit alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// No bytes.
    Empty,
    /// A Jupyter notebook: JSON with `nbformat` or `cells` or `worksheets`.
    Notebook,
    /// JSON.
    Json,
    /// JSON, one value a line.
    JsonLines,
    /// Values separated by commas, semicolons, tabs or bars, below a line of names.
    Csv,
    /// HTML.
    Html,
    /// XML.
    Xml,
    /// Any other text.
    Text,
    /// UTF-16 text.
    Utf16,
    /// A gzip stream.
    Gzip,
    /// A zip archive with a document of Office Open XML.
    Office,
    /// Another zip archive.
    Zip,
    /// A PDF.
    Pdf,
    /// An image, sound, video or font.
    Media,
    /// Binary data of another kind.
    Binary,
}

impl FileKind {
    /// The name as it stands in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Notebook => "notebook",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Html => "html",
            Self::Xml => "xml",
            Self::Text => "text",
            Self::Utf16 => "utf-16 text",
            Self::Gzip => "gzip",
            Self::Office => "office document",
            Self::Zip => "zip",
            Self::Pdf => "pdf",
            Self::Media => "media",
            Self::Binary => "binary",
        }
    }

    /// Tells the kind from the start of `bytes`. A notebook is told here by its keys standing somewhere in JSON;
    /// [`segments`](super::segments()) parses it and says [`Json`](Self::Json) if the keys are not those of its root.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Some(kind) = by_magic(bytes) {
            return kind;
        }
        if utf16(bytes).is_some() {
            return Self::Utf16;
        }
        let head = bytes.get(..bytes.len().min(HEAD)).unwrap_or(bytes);
        if is_binary(head) {
            return Self::Binary;
        }
        let text = bytes
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(bytes)
            .trim_ascii_start();
        match text.first() {
            Some(b'{') if has_notebook_keys(text) => Self::Notebook,
            Some(b'{' | b'[') if is_json_lines(text) => Self::JsonLines,
            Some(b'{' | b'[') => Self::Json,
            Some(b'<') => markup(text),
            _ if csv::dialect(name, bytes).is_some() => Self::Csv,
            _ => Self::Text,
        }
    }
}

/// Bytes at the start that decide.
const HEAD: usize = 8192;

/// Byte orders of UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// Magic bytes, from the specifications of the formats: RFC 1952 (gzip), APPNOTE.TXT (zip), ISO 32000 (PDF), W3C PNG, JFIF,
/// GIF89a, RFC 9649 (WebP in RIFF), TIFF 6.0, ISO/IEC 14496-12 (`ftyp`), RFC 3533 (Ogg), RFC 9639 (FLAC), ID3v2, WOFF 1 and 2.
fn by_magic(bytes: &[u8]) -> Option<FileKind> {
    const MEDIA: [&[u8]; 16] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF87a",
        b"GIF89a",
        b"RIFF",
        b"II*\0",
        b"MM\0*",
        b"OggS",
        b"fLaC",
        b"ID3",
        b"wOFF",
        b"wOF2",
        b"\0\x01\0\0\0",
        b"OTTO\0",
        b"\0\0\x01\0",
        b"\x1aE\xdf\xa3",
    ];
    if bytes.starts_with(&[0x1f, 0x8b, 8]) {
        return Some(FileKind::Gzip);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        let head = bytes.get(..bytes.len().min(HEAD)).unwrap_or(bytes);
        let is_office = [&b"[Content_Types].xml"[..], b"word/", b"xl/", b"ppt/"]
            .iter()
            .any(|name| memchr::memmem::find(head, name).is_some());
        return Some(if is_office {
            FileKind::Office
        } else {
            FileKind::Zip
        });
    }
    if bytes.starts_with(b"%PDF-") {
        return Some(FileKind::Pdf);
    }
    let is_media = MEDIA.iter().any(|magic| bytes.starts_with(magic)) || bytes.get(4..8) == Some(b"ftyp");
    // Text may begin with the letters of some of them.
    let head = bytes.get(..bytes.len().min(512)).unwrap_or(bytes);
    (is_media && is_binary(head)).then_some(FileKind::Media)
}

/// Whether bytes are not text: a NUL, or more than one in ten a control character that text does not have.
pub(super) fn is_binary(head: &[u8]) -> bool {
    let odd = head
        .iter()
        .filter(|b| matches!(b, 1..=6 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f))
        .count();
    memchr::memchr(0, head).is_some() || odd * 10 > head.len()
}

/// The byte order of UTF-16 and whether a byte-order mark says so. Without a mark, text mostly of ASCII is told by its NULs.
pub(super) fn utf16(bytes: &[u8]) -> Option<(ByteOrder, bool)> {
    match bytes {
        // UTF-32 with a mark begins like UTF-16 with one.
        [0xff, 0xfe, 0, 0, ..] => return None,
        [0xff, 0xfe, ..] => return Some((ByteOrder::Little, true)),
        [0xfe, 0xff, ..] => return Some((ByteOrder::Big, true)),
        _ => {}
    }
    let head = bytes.get(..bytes.len().min(512)).unwrap_or(bytes);
    if head.len() < 8 {
        return None;
    }
    let is_text = |b: u8| b == b'\n' || b == b'\r' || b == b'\t' || (b' '..0x7f).contains(&b);
    let share = |text_at: usize| {
        let good = head
            .chunks_exact(2)
            .filter(|pair| {
                pair.get(text_at).is_some_and(|b| is_text(*b)) && pair.get(1 - text_at) == Some(&0)
            })
            .count();
        good * 10 >= head.len() / 2 * 9
    };
    if share(0) {
        Some((ByteOrder::Little, false))
    } else if share(1) {
        Some((ByteOrder::Big, false))
    } else {
        None
    }
}

fn has_notebook_keys(text: &[u8]) -> bool {
    ["\"nbformat\"", "\"cells\"", "\"worksheets\""]
        .iter()
        .any(|key| memchr::memmem::find(text, key.as_bytes()).is_some())
}

/// Whether the first two lines are each a whole object or list, by their brackets.
fn is_json_lines(text: &[u8]) -> bool {
    let mut lines = text
        .get(..text.len().min(1 << 20))
        .unwrap_or(text)
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|l| !l.is_empty());
    let is_whole = |line: &[u8]| {
        matches!(
            (line.first(), line.last()),
            (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))
        )
    };
    matches!((lines.next(), lines.next()), (Some(a), Some(b)) if is_whole(a) && is_whole(b))
}

fn markup(text: &[u8]) -> FileKind {
    let head = text
        .get(..text.len().min(1024))
        .unwrap_or(text)
        .to_ascii_lowercase();
    let has = |what: &str| memchr::memmem::find(&head, what.as_bytes()).is_some();
    let tags = [
        "<html", "<head", "<body", "<table", "<div", "<p>", "<img ", "<span", "<ul>", "<h1", "<script",
    ];
    if head.starts_with(b"<!doctype html") || tags.iter().any(|tag| has(tag)) {
        FileKind::Html
    } else if head.starts_with(b"<?xml") || has("xmlns") || has("</") {
        FileKind::Xml
    } else {
        FileKind::Text
    }
}
