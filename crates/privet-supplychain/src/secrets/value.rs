//! What a value looks like by itself: random, made of words, or a stand-in for a secret that is not there.

/// Which letters follow which in English words and in identifiers: bit *b* of entry *a* is set where the pair *ab* makes up
/// at least a thousandth of all pairs. Counted over the documentation of some hundred crates: 212 of 676 pairs cover 93 % of
/// running words, and 31 % of random letters.
const COMMON_PAIRS: [u32; 26] = [
    0x13e_bd4e, 0x012_4911, 0x01a_4d95, 0x014_4119, 0x0af_b87d, 0x012_4931, 0x012_4190, 0x008_4111,
    0x22e_f87f, 0x000_0000, 0x000_0110, 0x11c_4919, 0x014_d111, 0x01c_417d, 0x07e_f84c, 0x01e_c911,
    0x010_0000, 0x11e_755d, 0x01c_c195, 0x11e_c995, 0x00e_b917, 0x000_0111, 0x000_4191, 0x008_8000,
    0x000_c000, 0x000_0010,
];

/// Shannon entropy of `bytes`, in bits a byte: 0 for one repeated byte, at most 8.
pub(super) fn entropy(bytes: &[u8]) -> f32 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = bytes.len() as f32;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| *count as f32 / total)
        .map(|p| -p * p.log2())
        .sum()
}

/// How many of which kind of byte a value has.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Make {
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digit: usize,
    /// Neither letter nor digit.
    pub(super) other: usize,
    pub(super) space: usize,
    /// Bytes that hexadecimal text may have.
    pub(super) hex: usize,
    /// Changes between letter and digit, or lower and upper case after the first letter.
    pub(super) turns: usize,
}

/// Counts what `value` is made of.
pub(super) fn make(value: &[u8]) -> Make {
    let mut made = Make::default();
    let mut before = 0_u8;
    for byte in value {
        let kind = match byte {
            b'a'..=b'z' => {
                made.lower += 1;
                1
            }
            b'A'..=b'Z' => {
                made.upper += 1;
                2
            }
            b'0'..=b'9' => {
                made.digit += 1;
                3
            }
            _ => {
                made.other += 1;
                4
            }
        };
        made.space += usize::from(*byte == b' ' || *byte == b'\t');
        made.hex += usize::from(byte.is_ascii_hexdigit());
        made.turns += usize::from(before != 0 && before != kind);
        before = kind;
    }
    made
}

/// Whether the letters of `value` run as those of words do. Digits and signs part words and say nothing.
pub(super) fn is_wordy(value: &[u8]) -> bool {
    let (mut pairs, mut common) = (0_u32, 0_u32);
    let mut before: Option<u8> = None;
    for byte in value {
        let letter = byte
            .is_ascii_alphabetic()
            .then(|| byte.to_ascii_lowercase() - b'a');
        // A capital after a small letter starts a word.
        let starts = byte.is_ascii_uppercase() && before.is_some_and(|b| b & 0x80 == 0);
        if let (Some(b), Some(l), false) = (before, letter, starts) {
            pairs += 1;
            let mask = COMMON_PAIRS.get(usize::from(b & 0x7f)).copied().unwrap_or(0);
            common += (mask >> l) & 1;
        }
        before = letter.map(|l| if byte.is_ascii_uppercase() { l | 0x80 } else { l });
    }
    pairs >= 3 && common * 100 >= pairs * 72
}

/// Whether bytes that follow one another in order, or repeat, make up `percent` of `value`: `abcdef`, `1234567890`, `aaaa`, and two
/// such rows that take turns: `a1b2c3d4`.
pub(super) fn is_sequence(value: &[u8], percent: usize) -> bool {
    let steps = |apart: usize| {
        value
            .iter()
            .zip(value.iter().skip(apart))
            .filter(|(a, b)| a.to_ascii_lowercase().abs_diff(b.to_ascii_lowercase()) <= 1)
            .count()
    };
    value.len() >= 4 && steps(1) * 100 >= (value.len() - 1) * percent
        || value.len() >= 8 && steps(2) * 100 >= (value.len() - 2) * percent
}

/// Whether a person typed `value` along the alphabet or the digits: a third of it, and six signs, are one row such as `abcdef`.
pub(super) fn is_typed_row(value: &[u8]) -> bool {
    let (mut row, mut longest) = (1_usize, 1_usize);
    for (a, b) in value.iter().zip(value.iter().skip(1)) {
        row = if a.is_ascii_alphanumeric() && b.wrapping_sub(*a) == 1 {
            row + 1
        } else {
            1
        };
        longest = longest.max(row);
    }
    longest >= 6 && longest * 3 >= value.len()
}

/// Whether `value` is a few words three times or more: `DemoKeyDemoKeyDemoKey`. The last may be cut.
pub(super) fn is_repeated_word(value: &[u8]) -> bool {
    (4..=value.len() / 3).any(|period| {
        value.iter().zip(value.iter().skip(period)).all(|(a, b)| a == b)
            && value
                .get(..period)
                .is_some_and(|word| word.iter().all(u8::is_ascii_alphabetic) && is_wordy(word))
    })
}

/// Whether `value` is a number of a program, a date, or the name of a type of numbers: `-1073740926i32`, `0x1f`, `1979-05-27T07:32:00Z`,
/// `__u32`, `uint8_t`.
pub(super) fn is_number_or_type(value: &[u8]) -> bool {
    let bare = value.strip_prefix(b"-").unwrap_or(value);
    let digits = bare
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b'_')
        .count();
    let suffix = bare.get(digits..).unwrap_or(b"");
    if digits > 0 && bare.first().is_some_and(u8::is_ascii_digit) {
        let is_date = digits == 4
            && suffix.first() == Some(&b'-')
            && suffix.len() >= 6
            && suffix.iter().all(|b| {
                b.is_ascii_digit()
                    || matches!(b, b'-' | b':' | b'.' | b'T' | b't' | b'Z' | b'z' | b' ' | b'+')
            });
        let hex = bare.strip_prefix(b"0x").or_else(|| bare.strip_prefix(b"0X"));
        return is_date || is_type(suffix) || hex.is_some_and(is_hex_number);
    }
    is_type(value)
}

/// Whether `digits` are up to 16 hexadecimal ones, perhaps with the type of the number.
fn is_hex_number(digits: &[u8]) -> bool {
    let mut parts = digits.split(|b| *b == b'_');
    let number = parts.next().unwrap_or(b"");
    number.len() <= 16
        && number.iter().all(u8::is_ascii_hexdigit)
        && parts.all(|part| is_type(part) || part.len() <= 4 && part.iter().all(u8::is_ascii_hexdigit))
}

/// Whether `name` is that of a type of numbers in C or Rust.
fn is_type(name: &[u8]) -> bool {
    let bare = name.strip_prefix(b"__").unwrap_or(name);
    let bare = bare.strip_suffix(b"_t").unwrap_or(bare);
    let letters = bare.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let (kind, bits) = bare.split_at_checked(letters).unwrap_or((bare, b""));
    let is_sized = matches!(bits, b"8" | b"16" | b"32" | b"64" | b"128");
    matches!(
        kind,
        b"u" | b"i" | b"f" | b"s" | b"int" | b"uint" | b"float" | b"be" | b"le"
    ) && is_sized
        || matches!(bare, b"usize" | b"isize" | b"size" | b"ssize")
}

/// Whether `value` is a path or an address without its scheme: of three parts or more between `/`, two are words.
pub(super) fn is_path(value: &[u8]) -> bool {
    let parts = value.split(|b| *b == b'/');
    let words = parts
        .clone()
        .filter(|part| part.len() >= 4 && is_wordy(part))
        .count();
    parts.count() >= 3 && words >= 2
}

/// Whether `value` ends with what has the form of a UUID, and letters that none has: `d4c3b2a1-f6e5-h8g7-j1i8-p5o0n5m3l2k1`.
pub(super) fn is_mock_uuid(value: &[u8]) -> bool {
    let tail = value.get(value.len().saturating_sub(36)..).unwrap_or(b"");
    let has_form = tail.len() == 36
        && tail.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_alphanumeric(),
        });
    has_form && !is_uuid(tail)
}

/// How many different bytes `value` has.
pub(super) fn distinct(value: &[u8]) -> u32 {
    let mut seen = [0_u64; 4];
    for byte in value {
        if let Some(word) = seen.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }
    seen.iter().map(|word| word.count_ones()).sum()
}

/// Whether `value` is a mask, a reference or a template, whatever the name beside it: `****`, `xxxx-xxxx`, `${VAR}`, `<key>`.
pub(super) fn is_stand_in(value: &[u8]) -> bool {
    let Some((&first, rest)) = value.split_first() else {
        return true;
    };
    let second = rest.first().copied().unwrap_or(0);
    if distinct(value) <= 1 || is_mask(value) {
        return true;
    }
    let last = value.last().copied().unwrap_or(0);
    match first {
        b'$' if second.is_ascii_alphabetic()
            && value
                .iter()
                .skip(1)
                .all(|b| is_name(*b) || matches!(b, b'.' | b':' | b'-' | b'>' | b'$')) =>
        {
            return true;
        }
        b'$' if matches!(second, b'{' | b'(' | b'$' | b'[' | b'_') => return true,
        b'<' | b'{' | b'[' | b'(' => return true,
        b'%' if last == b'%' || matches!(second, b'(' | b's' | b'd' | b'v' | b'{' | b'@') => return true,
        b'#' if second == b'{' || last == b'#' => return true,
        b'@' if last == b'@' || second == b'{' => return true,
        b'_' if last == b'_' && value.len() > 4 => return true,
        b'!' if second == b'!' || second == b'v' => return true,
        _ => {}
    }
    let whole = contains(value, b"${")
        || contains(value, b"$(")
        || contains(value, b"{{")
        || contains(value, b"#{")
        || contains(value, b"%s")
        || contains(value, b"<%")
        || contains(value, b"&lt;")
        || contains(value, b"...")
        || contains(value, b"\xe2\x80\xa6")
        || value.starts_with(b"arn:");
    whole || is_word_marker(value)
}

/// Letters, digits and `_`.
pub(super) const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Masked with one repeated sign: at least half of the value, or a run of five.
fn is_mask(value: &[u8]) -> bool {
    let mut run = (0_u8, 0_usize);
    let mut masked = 0_usize;
    for byte in value {
        let byte = byte.to_ascii_lowercase();
        if matches!(byte, b'x' | b'*' | b'.' | b'#' | b'?' | b'_') {
            masked += 1;
            run = if run.0 == byte {
                (byte, run.1 + 1)
            } else {
                (byte, 1)
            };
            if run.1 >= 5 {
                return true;
            }
        } else {
            run = (0, 0);
        }
    }
    masked * 2 >= value.len() && masked >= 3
}

/// Words that stand where a secret will be put.
fn is_word_marker(value: &[u8]) -> bool {
    const ANYWHERE: [&[u8]; 24] = [
        b"changeme",
        b"change_me",
        b"change-me",
        b"change this",
        b"placeholder",
        b"redacted",
        b"your_",
        b"your-",
        b"your ",
        b"yourpass",
        b"yourkey",
        b"yourtoken",
        b"yoursecret",
        b"yourapi",
        b"youraccess",
        b"fixme",
        b"replace",
        b"<your",
        b"insert_",
        b"insert-",
        b"dontlook",
        b"not-set",
        b"_here",
        b"-here",
    ];
    ANYWHERE.iter().any(|marker| contains_folded(value, marker))
}

/// Whether `haystack` has `needle`.
pub(super) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// Whether `haystack` has `needle`, which is in lower case, in any case.
pub(super) fn contains_folded(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window.eq_ignore_ascii_case(needle))
}

/// Whether `value` looks drawn by chance: what a key of an issuer that nobody knows looks like.
///
/// Wants at least `least` bytes without spaces, of more than one kind, whose letters are no words.
pub(super) fn is_random(value: &[u8], least: usize) -> bool {
    let made = make(value);
    if value.len() < least
        || made.space > 0
        || is_stand_in(value)
        || is_number_or_type(value)
        || is_path(value)
    {
        return false;
    }
    let letters = made.lower + made.upper;
    // Words with a number behind, versions, names of constants.
    if letters > 0 && is_wordy(value) && made.turns * 3 <= value.len() {
        return false;
    }
    let bits = entropy(value);
    let want = match value.len() {
        0..=11 => 2.8,
        12..=19 => 3.0,
        20..=31 => 3.1,
        _ => 3.2,
    };
    if is_identifier(value) {
        return false;
    }
    if made.digit == 0 {
        // No digits: only a change of case that words do not have.
        return made.turns * 3 >= value.len() && bits >= want && !is_wordy(value);
    }
    if letters == 0 {
        return false;
    }
    let of_hex = made.hex == value.len();
    bits >= if of_hex { 2.8 } else { want }
}

/// Whether `value` is a name of a program: words and small numbers joined by signs (`EVP_PKEY_ED25519`, `ml_dsa_44_keypair`), a
/// constant (`MLKEM512_SECRETKEYBYTES`), or words with capitals (`fts5V1toV2Tokenize`).
pub(super) fn is_identifier(value: &[u8]) -> bool {
    is_joined(value) || is_camel(value)
}

fn is_joined(value: &[u8]) -> bool {
    let is_constant = value.contains(&b'_') && !value.iter().any(u8::is_ascii_lowercase);
    let parts = value.split(|b| matches!(b, b'_' | b'-' | b'.'));
    let mut count = 0;
    for part in parts {
        count += 1;
        let made = make(part);
        let known = made.digit == 0 && part.len() <= 4
            || made.digit <= 5 && (is_wordy(part) || made.turns <= 2 && part.len() <= 10)
            || is_constant && made.digit == 0 && part.len() <= 20;
        if made.other > 0 || !(part.is_empty() || known) {
            return false;
        }
    }
    count >= 2
}

/// Whether `value` is words of which each but the first begins with a capital, and few digits.
fn is_camel(value: &[u8]) -> bool {
    let made = make(value);
    let starts = value
        .iter()
        .zip(value.iter().skip(1))
        .filter(|(a, b)| !a.is_ascii_uppercase() && b.is_ascii_uppercase())
        .count();
    made.other == 0
        && starts > 0
        && made.lower > made.upper
        && value.len() * 2 >= (starts + 1) * 7
        && made.digit * 4 <= value.len()
        && (is_wordy(value) || made.digit <= 2 && value.len() >= (starts + 1) * 5 && made.upper <= starts + 2)
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(i, b)| {
            if matches!(i, 8 | 13 | 18 | 23) {
                *b == b'-'
            } else {
                b.is_ascii_hexdigit()
            }
        })
}
