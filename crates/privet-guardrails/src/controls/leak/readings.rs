//! One text read in several ways at once: as it stands, and with encodings undone. Character by character, with bounded state.

use unicode_normalization::char::decompose_compatible;

/// Ways that a text is read: as it stands, with percent-encoding undone, four phases of base64, two of hexadecimal digits; and six
/// more behind each of the last six, for what is encoded twice.
pub(super) const READINGS: usize = 2 + CODES + CODES * CODES;

const CODES: usize = 6;
/// Printable characters in a row from which on what was decoded is decoded again: other text decodes to noise.
const MOST_NOISE: u32 = 12;

/// Reads a text. Base64 and hexadecimal digits are read from every phase, so that it does not matter where they begin; spaces and
/// line ends between them count for nothing.
#[derive(Debug, Default)]
pub(super) struct Readings {
    percent: Percent,
    codes: [Code; CODES],
    is_ready: bool,
}

impl Readings {
    /// Takes the next character; gives each reading's next letters and digits, lower case, without marks.
    pub(super) fn push(&mut self, c: char, sink: &mut impl FnMut(usize, char)) {
        if !self.is_ready {
            self.codes = codes();
            self.is_ready = true;
        }
        squeeze(c, |c| sink(0, c));
        self.percent.push(c, &mut |c| squeeze(c, |c| sink(1, c)));
        for (index, code) in self.codes.iter_mut().enumerate() {
            let own = 2 + index;
            code.push(c, &mut |depth, c| {
                let reading = match depth {
                    None => own,
                    Some(inner) => 2 + CODES + index * CODES + inner,
                };
                squeeze(c, |c| sink(reading, c));
            });
        }
    }
}

fn codes() -> [Code; CODES] {
    let base64 = |phase| Code::new(6, phase);
    let hex = |phase| Code::new(4, phase);
    [base64(0), base64(1), base64(2), base64(3), hex(0), hex(1)]
}

/// The letters and digits of `c` as they are compared: compatibility forms and accents undone (NFKD), lower case.
pub(super) fn squeeze(c: char, mut sink: impl FnMut(char)) {
    if c.is_ascii() {
        if c.is_ascii_alphanumeric() {
            sink(c.to_ascii_lowercase());
        }
        return;
    }
    decompose_compatible(c, |part| {
        if part.is_alphanumeric() {
            part.to_lowercase().for_each(&mut sink);
        }
    });
}

/// All letters and digits of `text`, as they are compared.
pub(in crate::controls) fn squeezed(text: &str) -> Vec<char> {
    let mut all = Vec::with_capacity(text.len());
    text.chars().for_each(|c| squeeze(c, |c| all.push(c)));
    all
}

/// How a value may be written besides as it stands: Latin letters turned by 13, backwards, both.
pub(super) struct Variant {
    pub(super) letters: Vec<char>,
    pub(super) is_backwards: bool,
}

/// The variants of `value`, itself first; only those that differ.
pub(super) fn variants(value: &[char]) -> Vec<Variant> {
    let backwards: Vec<char> = value.iter().rev().copied().collect();
    let (turned, both) = (rot13(value), rot13(&backwards));
    let all = [
        (value.to_vec(), false),
        (backwards, true),
        (turned, false),
        (both, true),
    ];
    let mut different: Vec<Variant> = Vec::new();
    for (letters, is_backwards) in all {
        if different.iter().all(|other| other.letters != letters) {
            different.push(Variant {
                letters,
                is_backwards,
            });
        }
    }
    different
}

fn rot13(value: &[char]) -> Vec<char> {
    let turn = |c: &char| match c {
        'a'..='m' => char::from_u32(u32::from(*c) + 13).unwrap_or(*c),
        'n'..='z' => char::from_u32(u32::from(*c) - 13).unwrap_or(*c),
        _ => *c,
    };
    value.iter().map(turn).collect()
}

/// Undoes `%41`; all else stays.
#[derive(Debug, Default)]
struct Percent {
    pending: String,
    bytes: Utf8,
}

impl Percent {
    fn push(&mut self, c: char, sink: &mut impl FnMut(char)) {
        if self.pending.is_empty() {
            if c == '%' {
                self.pending.push(c);
            } else {
                self.bytes.clear();
                sink(c);
            }
            return;
        }
        if !c.is_ascii_hexdigit() {
            let pending = std::mem::take(&mut self.pending);
            pending.chars().for_each(&mut *sink);
            return self.push(c, sink);
        }
        self.pending.push(c);
        if let Some(digits) = self.pending.get(1..3) {
            let byte = u8::from_str_radix(digits, 16).unwrap_or_default();
            self.bytes.push(byte, sink);
            self.pending.clear();
        }
    }
}

/// Bytes written in digits of 4 or 6 bits, read from one phase.
#[derive(Debug, Default)]
struct Code {
    width: u32,
    phase: u32,
    /// Digits left to skip.
    skip: u32,
    bits: u32,
    count: u32,
    bytes: Utf8,
    printable: u32,
    inner: Option<Box<[Code; CODES]>>,
    is_inner: bool,
}

impl Code {
    fn new(width: u32, phase: u32) -> Self {
        Self {
            width,
            phase,
            skip: phase,
            ..Self::default()
        }
    }

    /// Gives decoded characters; behind an inner code, with its number.
    fn push(&mut self, c: char, sink: &mut dyn FnMut(Option<usize>, char)) {
        let digit = if self.width == 6 {
            sextet(c)
        } else {
            c.to_digit(16)
        };
        let Some(digit) = digit else {
            let is_prefix = self.width == 4 && matches!(c, 'x' | 'X');
            if is_prefix {
                // Of `0x41` and `\x41`: a byte begins here.
                (self.bits, self.count, self.skip) = (0, 0, 0);
            } else if !is_between(c, self.width) {
                self.reset();
            }
            return;
        };
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.bits = self.bits << self.width | digit;
        self.count += self.width;
        if self.count < 8 {
            return;
        }
        self.count -= 8;
        let byte = u8::try_from(self.bits >> self.count & 0xff).unwrap_or_default();
        self.bits &= (1 << self.count) - 1;
        let mut decoded = None;
        self.bytes.push(byte, &mut |c| decoded = Some(c));
        let Some(c) = decoded else { return };
        sink(None, c);
        if self.is_inner {
            return;
        }
        let is_plain = c.is_ascii_graphic() || c == ' ' || c == '\n';
        self.printable = if is_plain { self.printable + 1 } else { 0 };
        if self.printable < MOST_NOISE {
            self.inner = None;
            return;
        }
        let inner = self.inner.get_or_insert_with(|| {
            let mut codes = codes();
            codes.iter_mut().for_each(|code| code.is_inner = true);
            Box::new(codes)
        });
        for (index, code) in inner.iter_mut().enumerate() {
            code.push(c, &mut |_, c| sink(Some(index), c));
        }
    }

    fn reset(&mut self) {
        (self.bits, self.count, self.skip) = (0, 0, self.phase);
        self.bytes.clear();
        self.printable = 0;
        self.inner = None;
    }
}

/// The value of a digit of base64 or base64url (RFC 4648).
fn sextet(c: char) -> Option<u32> {
    let code = u32::from(c);
    Some(match c {
        'A'..='Z' => code - u32::from('A'),
        'a'..='z' => code - u32::from('a') + 26,
        '0'..='9' => code - u32::from('0') + 52,
        '+' | '-' => 62,
        '/' | '_' => 63,
        _ => return None,
    })
}

/// What may stand between digits.
fn is_between(c: char, width: u32) -> bool {
    c.is_whitespace()
        || matches!(c, '\\' | '"' | '\'' | ',')
        || (width == 4 && matches!(c, ':' | '-' | ';' | '%'))
}

/// Bytes that become characters one by one; what is no UTF-8 becomes U+FFFD.
#[derive(Debug, Default)]
struct Utf8 {
    bytes: [u8; 4],
    length: usize,
}

impl Utf8 {
    fn clear(&mut self) {
        self.length = 0;
    }

    fn push(&mut self, byte: u8, sink: &mut impl FnMut(char)) {
        if self.length == 0 && byte.is_ascii() {
            return sink(char::from(byte));
        }
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
        let seen = self.bytes.get(..self.length).unwrap_or_default();
        match std::str::from_utf8(seen) {
            Ok(text) => {
                text.chars().for_each(&mut *sink);
                self.length = 0;
            }
            Err(error) if error.error_len().is_some() => {
                // The byte itself may begin another character.
                let was_longer = self.length > 1;
                self.length = 0;
                sink(char::REPLACEMENT_CHARACTER);
                if was_longer {
                    self.push(byte, sink);
                }
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

    use super::*;

    /// What each reading makes of `text`.
    fn read(text: &str) -> Vec<String> {
        let mut all = vec![String::new(); READINGS];
        let mut readings = Readings::default();
        text.chars()
            .for_each(|c| readings.push(c, &mut |reading, c| all[reading].push(c)));
        all
    }

    #[test]
    fn a_sentence_is_read_through_its_encodings() {
        let plain = "the secret word is Köln";
        let bytes = plain.as_bytes();
        let spaced: String = plain.chars().flat_map(|c| [c, ' ']).collect();
        let wrapped: String = BASE64
            .encode(bytes)
            .as_bytes()
            .chunks(7)
            .map(|c| format!("{}\n", String::from_utf8_lossy(c)))
            .collect();
        let listed: String = bytes.iter().map(|b| format!("0x{b:02x}, ")).collect();
        let escaped: String = bytes.iter().map(|b| format!("\\x{b:02X}")).collect();
        let percent: String = bytes.iter().map(|b| format!("%{b:02X}")).collect();
        for written in [
            plain.to_owned(),
            plain.to_uppercase(),
            spaced,
            BASE64.encode(bytes),
            BASE64URL_NOPAD.encode(bytes),
            format!("it is {}", BASE64.encode(bytes)),
            format!("abc {} d", BASE64.encode(bytes)),
            BASE64.encode(format!("xy{plain}").as_bytes()),
            wrapped,
            HEXLOWER.encode(bytes),
            format!("a {}", HEXUPPER.encode(bytes)),
            listed,
            escaped,
            percent,
            "the%20secret%20word%20is%20K%c3%b6ln".to_owned(),
            BASE64.encode(format!("padding first: {}", BASE64.encode(bytes)).as_bytes()),
            HEXLOWER.encode(format!("padding first: {}", BASE64.encode(bytes)).as_bytes()),
            BASE64.encode(format!("padding first: {}", HEXLOWER.encode(bytes)).as_bytes()),
        ] {
            let found = read(&written)
                .iter()
                .any(|read| read.contains("thesecretwordiskoln"));
            assert!(found, "{written}");
        }
    }

    #[test]
    fn variants_of_what_has_no_letters_are_few() {
        assert_eq!(variants(&['1', '2']).len(), 2);
        assert_eq!(variants(&['a', 'b']).len(), 4);
    }
}
