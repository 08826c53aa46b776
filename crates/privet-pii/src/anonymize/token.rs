//! Values sealed into the text itself: `<EMAIL_ADDRESS:enc:…>` and `<EMAIL_ADDRESS:det:…>`.

use data_encoding::BASE64URL_NOPAD;
use memchr::memchr_iter;
use privet_types::{Entity, Span};
use zeroize::Zeroizing;

use super::keys::Keys;
use crate::Error;

/// Longest name of a kind.
const MAX_NAME: usize = 64;
/// 16 bytes of authentication tag in base64url: less cannot be a token.
const MIN_PAYLOAD: usize = 22;

/// How a token was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// AES-256-GCM under a random nonce.
    Random,
    /// AES-256-GCM-SIV under a fixed nonce.
    Deterministic,
}

/// What has the form of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'t> {
    pub(crate) span: Span,
    kind: Kind,
    name: &'t str,
    payload: &'t str,
}

impl Kind {
    const fn marker(self) -> &'static str {
        match self {
            Self::Random => "enc",
            Self::Deterministic => "det",
        }
    }
}

/// Seals `value` as a token of `entity`.
pub(crate) fn seal(keys: &Keys, kind: Kind, entity: Entity, value: &str) -> Result<String, Error> {
    seal_as(keys, kind, entity.name(), value)
}

fn seal_as(keys: &Keys, kind: Kind, name: &str, value: &str) -> Result<String, Error> {
    let sealed = match kind {
        Kind::Random => keys.random.seal(name.as_bytes(), value.as_bytes())?,
        Kind::Deterministic => keys.deterministic.seal(name.as_bytes(), value.as_bytes())?,
    };
    Ok(format!(
        "<{name}:{}:{}>",
        kind.marker(),
        BASE64URL_NOPAD.encode(&sealed)
    ))
}

/// Seals `value` under a name of 1 to 64 capitals, digits and `_` that need not be a kind.
pub(crate) fn seal_with_name(keys: &Keys, name: &str, value: &str) -> Result<String, Error> {
    seal_as(keys, Kind::Random, name, value)
}

/// The value in `text`, which must be one token under `name` and nothing else.
pub(crate) fn open_with_name(keys: &Keys, name: &str, text: &str) -> Option<Zeroizing<String>> {
    let token = token_at(text, 0).filter(|_| text.starts_with('<'))?;
    let is_whole = token.span == Span::new(0, text.len());
    (is_whole && token.name == name)
        .then(|| token.open(keys))
        .flatten()
}

impl Token<'_> {
    /// The value inside; none if the token was changed or sealed for another tenant, scope or kind.
    pub(crate) fn open(&self, keys: &Keys) -> Option<Zeroizing<String>> {
        let sealed = BASE64URL_NOPAD.decode(self.payload.as_bytes()).ok()?;
        let place = self.name.as_bytes();
        let opened = match self.kind {
            Kind::Random => keys.random.open(place, &sealed),
            Kind::Deterministic => keys.deterministic.open(place, &sealed),
        };
        let opened = opened.ok()?;
        std::str::from_utf8(&opened)
            .ok()
            .map(|text| Zeroizing::new(text.to_owned()))
    }
}

/// All that has the form of a token, in order, disjoint. O(n).
pub(crate) fn scan(text: &str) -> Vec<Token<'_>> {
    memchr_iter(b'<', text.as_bytes())
        .filter_map(|start| token_at(text, start))
        .collect()
}

/// The token that begins at byte `start`, which holds `<`. Looks no further than the next byte that cannot belong to it;
/// a payload holds no `<`, so no byte is looked at for two tokens.
fn token_at(text: &str, start: usize) -> Option<Token<'_>> {
    let rest = text.get(start + 1..)?;
    let is_name = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
    let length = rest.bytes().take(MAX_NAME + 1).take_while(|b| is_name(b)).count();
    let (name, rest) = rest
        .split_at_checked(length)
        .filter(|_| (1..=MAX_NAME).contains(&length))?;
    let (kind, payload) = [Kind::Random, Kind::Deterministic].into_iter().find_map(|kind| {
        let rest = rest.strip_prefix(':')?.strip_prefix(kind.marker())?;
        Some((kind, rest.strip_prefix(':')?))
    })?;
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let length = payload.bytes().take_while(|b| is_digit(b)).count();
    let (payload, rest) = payload.split_at_checked(length)?;
    let is_whole = length >= MIN_PAYLOAD && rest.starts_with('>');
    let end = start + 1 + name.len() + ":enc:".len() + length + 1;
    is_whole.then_some(Token {
        span: Span::new(start, end),
        kind,
        name,
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_crypto::RootKey;
    use privet_types::TenantId;

    fn keys(scope: &str) -> Keys {
        let root = RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64))).unwrap();
        Keys::derive(&root, &TenantId::default(), scope)
    }

    #[test]
    fn a_token_opens_under_its_scope_and_kind_only() {
        for kind in [Kind::Random, Kind::Deterministic] {
            let made = seal(&keys("a"), kind, Entity::EMAIL_ADDRESS, "ada@example.com").unwrap();
            let text = format!("to {made}.");
            let seen = scan(&text);
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].span.of(&text), Some(made.as_str()));
            assert_eq!(seen[0].open(&keys("a")).unwrap().as_str(), "ada@example.com");
            assert!(seen[0].open(&keys("b")).is_none());
            let renamed = made.replace("EMAIL_ADDRESS", "PHONE_NUMBER");
            assert!(scan(&renamed)[0].open(&keys("a")).is_none());
        }
    }

    #[test]
    fn every_changed_character_of_the_payload_is_noticed() {
        let made = seal(&keys("a"), Kind::Deterministic, Entity::TERM, "x").unwrap();
        for at in "<TERM:det:".len()..made.len() - 1 {
            let mut bytes = made.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(scan(&changed)[0].open(&keys("a")).is_none(), "at {at}");
        }
    }

    #[test]
    fn what_is_cut_or_too_short_is_no_token() {
        let payload = "A".repeat(30);
        for text in [
            format!("<TERM:enc:{payload}"),
            format!("<TERM:enc:{payload}="),
            format!("<TERM:xyz:{payload}>"),
            format!("<:enc:{payload}>"),
            format!("<term:enc:{payload}>"),
            "<TERM:enc:AAAA>".to_owned(),
        ] {
            assert!(scan(&text).is_empty(), "{text}");
        }
        assert_eq!(scan(&format!("<<TERM:enc:{payload}>>")).len(), 1);
    }
}
