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

/// Whether bytes that follow one another in order, or repeat, make up `percent` of `value`: `abcdef`, `1234567890`, `aaaa`.
pub(super) fn is_sequence(value: &[u8], percent: usize) -> bool {
    if value.len() < 4 {
        return false;
    }
    let runs = value
        .iter()
        .zip(value.iter().skip(1))
        .filter(|(a, b)| {
            let step = i16::from(b.to_ascii_lowercase()) - i16::from(a.to_ascii_lowercase());
            (-1..=1).contains(&step)
        })
        .count();
    runs * 100 >= (value.len() - 1) * percent
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
    if value.len() < least || made.space > 0 || is_stand_in(value) {
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

/// Whether `value` is words and small numbers joined by signs: `EVP_PKEY_ED25519`, `ml_dsa_44_keypair`.
fn is_identifier(value: &[u8]) -> bool {
    let parts = value.split(|b| matches!(b, b'_' | b'-' | b'.'));
    let mut count = 0;
    for part in parts {
        count += 1;
        let made = make(part);
        let known = made.digit == 0 && part.len() <= 4
            || made.digit <= 5 && (is_wordy(part) || made.turns <= 2 && part.len() <= 10);
        if made.other > 0 || !(part.is_empty() || known) {
            return false;
        }
    }
    count >= 2
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
