//! What restores a text, sealed for its caller to keep: nothing of it is stored here.

use data_encoding::BASE64URL_NOPAD;
use privet_crypto::SealingKey;
use privet_pii::{Form, Pair, SurrogateMap};
use privet_types::{Secret, SurfaceKind};

/// Begins every token, so that people and scanners know one when they see it.
const MARK: &str = "prvr1_";
/// What the seal is bound to.
const PLACE: &[u8] = b"restoration-1";
/// Most bytes of values and stand-ins in one token: the tokens of some 10,000 values.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// What a token holds.
pub(super) struct Restorable {
    /// Seconds since 1970 at which it ends.
    pub(super) expires: i64,
    pub(super) surface: SurfaceKind,
    pub(super) map: SurrogateMap,
}

/// Why no token could be made.
#[derive(Debug)]
pub(super) enum NoToken {
    /// It would hold more than [`MOST_BYTES`].
    TooLarge,
    /// There are no random bytes.
    Crypto,
}

/// The surfaces whose bodies can be protected, by the byte that stands for each.
const SURFACES: [(u8, SurfaceKind); 4] = [
    (0, SurfaceKind::OpenaiResponses),
    (1, SurfaceKind::OpenaiChat),
    (2, SurfaceKind::AnthropicMessages),
    (3, SurfaceKind::OpenaiEmbeddings),
];
const FORMS: [(u8, Form); 4] = [
    (0, Form::Tag),
    (1, Form::Word),
    (2, Form::Digits),
    (3, Form::Number),
];

/// The surface of this name, if its bodies can be protected.
pub(super) fn surface(name: &str) -> Option<SurfaceKind> {
    let known = SURFACES.iter().find(|(_, surface)| surface.name() == name)?;
    Some(known.1)
}

/// `expires` (8 bytes), the surface (1), then for each pair its form (1) and stand-in and value, each behind its length (4);
/// all integers big-endian; sealed, in base64url.
pub(super) fn seal(key: &SealingKey, restorable: &Restorable) -> Result<String, NoToken> {
    let mut plain = restorable.expires.to_be_bytes().to_vec();
    let byte = SURFACES.iter().find(|(_, known)| *known == restorable.surface);
    plain.push(byte.map_or(0, |(byte, _)| *byte));
    for pair in restorable.map.pairs() {
        let byte = FORMS.iter().find(|(_, known)| *known == pair.form);
        plain.push(byte.map_or(0, |(byte, _)| *byte));
        for text in [pair.surrogate.as_str(), pair.value.expose()] {
            let length = u32::try_from(text.len()).map_err(|_| NoToken::TooLarge)?;
            plain.extend(length.to_be_bytes());
            plain.extend(text.as_bytes());
        }
        if plain.len() > MOST_BYTES {
            return Err(NoToken::TooLarge);
        }
    }
    let sealed = key.seal(PLACE, &plain).map_err(|_| NoToken::Crypto)?;
    Ok(format!("{MARK}{}", BASE64URL_NOPAD.encode(&sealed)))
}

/// What `token` holds; none if it was not made under `key`, or was changed.
pub(super) fn open(key: &SealingKey, token: &str) -> Option<Restorable> {
    // Sealing adds 28 bytes, base64 a third.
    if token.len() > MOST_BYTES / 3 * 4 + 128 {
        return None;
    }
    let sealed = BASE64URL_NOPAD
        .decode(token.strip_prefix(MARK)?.as_bytes())
        .ok()?;
    let plain = key.open(PLACE, &sealed).ok()?;
    let (expires, rest) = plain.split_first_chunk::<8>()?;
    let (surface, mut rest) = rest.split_first()?;
    let surface = SURFACES.iter().find(|(byte, _)| byte == surface)?;
    let mut pairs = Vec::new();
    while let Some((form, after)) = rest.split_first() {
        let form = FORMS.iter().find(|(byte, _)| byte == form)?;
        let (surrogate, after) = text(after)?;
        let (value, after) = text(after)?;
        pairs.push(Pair {
            surrogate: surrogate.to_owned(),
            form: form.1,
            value: Secret::new(value.to_owned()),
        });
        rest = after;
    }
    Some(Restorable {
        expires: i64::from_be_bytes(*expires),
        surface: surface.1,
        map: SurrogateMap::new(pairs),
    })
}

/// A text behind its length, and what follows it.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use privet_crypto::RootKey;

    use super::*;

    fn key(context: &[u8]) -> SealingKey {
        let root = RootKey::parse(&format!("privet-root-1:{}", "07".repeat(32))).unwrap();
        root.sealing_key("privet/test", context)
    }

    fn restorable(value: &str) -> Restorable {
        let pair = Pair {
            surrogate: "EMAIL_ADDRESS_7Q2MX9PKR4TWZ".to_owned(),
            form: Form::Tag,
            value: Secret::new(value.to_owned()),
        };
        Restorable {
            expires: 1_900_000_000,
            surface: SurfaceKind::OpenaiChat,
            map: SurrogateMap::new(vec![pair]),
        }
    }

    #[test]
    fn a_token_opens_for_its_own_caller_alone_and_unchanged_alone() {
        let token = seal(&key(b"ann"), &restorable("grüezi@example.com")).unwrap();
        let opened = open(&key(b"ann"), &token).unwrap();
        assert_eq!(
            (opened.expires, opened.surface),
            (1_900_000_000, SurfaceKind::OpenaiChat)
        );
        assert_eq!(opened.map.pairs()[0].value.expose(), "grüezi@example.com");
        assert!(open(&key(b"bob"), &token).is_none());
        for at in MARK.len()..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(
                open(&key(b"ann"), std::str::from_utf8(&changed).unwrap()).is_none(),
                "{at}"
            );
        }
        for cut in 0..token.len() {
            assert!(
                open(&key(b"ann"), token.get(..cut).unwrap_or_default()).is_none(),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_token_does_not_grow_without_bound() {
        let large = restorable(&"x".repeat(MOST_BYTES));
        assert!(matches!(seal(&key(b"ann"), &large), Err(NoToken::TooLarge)));
    }
}
