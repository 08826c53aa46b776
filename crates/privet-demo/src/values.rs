//! Tokens of a text that look like somebody's value.

/// The tokens of `text` that look like a value, in order, each once: angle-bracket tags, e-mail addresses, bank accounts,
/// numbers of seven digits or more, IPv4 addresses, and long words that mix letters and digits.
pub(crate) fn values(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut skip_to, mut before) = (0, ' ');
    for (at, c) in text.char_indices() {
        let is_word_start = !before.is_alphanumeric() && before != '_';
        before = c;
        let Some(rest) = text.get(at..).filter(|_| at >= skip_to) else {
            continue;
        };
        let len = match c {
            '<' => tag(rest),
            _ if is_word_start => [email(rest), iban(rest), number(rest), key(rest)]
                .into_iter()
                .max()
                .unwrap_or(0),
            _ => 0,
        };
        if let Some(value) = rest.get(..len).filter(|value| !value.is_empty()) {
            skip_to = at + len;
            if !found.iter().any(|known| known == value) {
                found.push(value.to_owned());
            }
        }
    }
    found
}

/// How many bytes at the start of `text` are of the kind that `fits`, all ASCII.
fn run(text: &str, fits: impl Fn(u8) -> bool) -> usize {
    text.bytes()
        .take_while(|byte| byte.is_ascii() && fits(*byte))
        .count()
}

fn tag(text: &str) -> usize {
    let inner = text.get(1..).map_or(0, |rest| {
        run(rest, |b| {
            b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'
        })
    });
    if inner > 0 && text.as_bytes().get(1 + inner) == Some(&b'>') {
        inner + 2
    } else {
        0
    }
}

fn email(text: &str) -> usize {
    let local = run(text, |b| b.is_ascii_alphanumeric() || b"._%+-".contains(&b));
    let Some(domain) = text.get(local..).and_then(|rest| rest.strip_prefix('@')) else {
        return 0;
    };
    let len = run(domain, |b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    let host = domain.get(..len).unwrap_or("").trim_end_matches(['.', '-']);
    if local > 0 && host.contains('.') {
        local + 1 + host.len()
    } else {
        0
    }
}

fn iban(text: &str) -> usize {
    let is_group_byte = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let first = run(text, is_group_byte);
    let starts_well = run(text, |b| b.is_ascii_uppercase()) == 2
        && text
            .get(2..4)
            .is_some_and(|check| check.bytes().all(|b| b.is_ascii_digit()));
    if !starts_well {
        return 0;
    }
    let (mut len, mut kept) = (first, first);
    while let Some(rest) = text.get(len..).and_then(|rest| rest.strip_prefix(' ')) {
        let group = run(rest, is_group_byte);
        let has_digit = rest
            .get(..group)
            .is_some_and(|g| g.bytes().any(|b| b.is_ascii_digit()));
        if !has_digit || group > 4 {
            break;
        }
        len += 1 + group;
        kept += group;
    }
    // The shortest account number in use, Norway's, has 15 characters.
    if kept >= 15 { len } else { 0 }
}

fn number(text: &str) -> usize {
    let plus = run(text, |b| b == b'+').min(1);
    let (mut len, mut digits, mut gap, mut dots) = (0, 0, 0, 0);
    for (at, byte) in text.bytes().enumerate().skip(plus) {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                gap = 0;
                len = at + 1;
            }
            b' ' | b'-' | b'.' | b')' | b'/' if digits > 0 && gap < 2 => {
                gap += 1;
                let is_between = text.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
                dots += usize::from(byte == b'.' && is_between);
            }
            _ => break,
        }
    }
    if digits >= 7 || (dots == 3 && digits >= 4) {
        len
    } else {
        0
    }
}

fn key(text: &str) -> usize {
    let len = run(text, |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let word = text.get(..len).unwrap_or("");
    let mixes = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
    if len >= 16 && mixes { len } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind_are_found_in_order_and_once() {
        let text = "Write <EMAIL_ADDRESS_7Q2MX9PKR4TWZ>, jane.roe@example.com. Card 4111 1111 1111 1111; DE89 3704 0044 \
                    0532 0130 00 and +1 202-555-0143 from 198.51.100.23 (10.0.0.1), jane.roe@example.com again";
        assert_eq!(
            values(text),
            [
                "<EMAIL_ADDRESS_7Q2MX9PKR4TWZ>",
                "jane.roe@example.com",
                "4111 1111 1111 1111",
                "DE89 3704 0044 0532 0130 00",
                "+1 202-555-0143",
                "198.51.100.23",
                "10.0.0.1",
            ]
        );
    }

    #[test]
    fn bare_surrogates_and_keys_are_found() {
        assert_eq!(
            values("see EMAIL_ADDRESS_7Q2MX9PKR4TWZ."),
            ["EMAIL_ADDRESS_7Q2MX9PKR4TWZ"]
        );
        assert_eq!(values("key=abcd-0123456789abcdef"), ["abcd-0123456789abcdef"]);
    }

    #[test]
    fn ordinary_words_and_multibyte_text_are_no_values() {
        assert!(values("Grüße aus 日本 🔒, 1 < 2, <b>bold</b>, 12 of 40 in 2024").is_empty());
    }
}
