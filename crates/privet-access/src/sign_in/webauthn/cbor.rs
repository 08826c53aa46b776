//! What authenticators write: the part of CBOR that CTAP2 allows (definite lengths, no tags, shallow), read strictly.

/// How many lists and maps may stand in each other.
const DEPTH: u8 = 6;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// An integer of either sign.
    Int(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// True, false, null and undefined.
    Simple(u8),
}

impl<'a> Value<'a> {
    /// The one value that `bytes` are.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (value, rest) = Self::read_first(bytes)?;
        rest.is_empty().then_some(value)
    }

    /// The value that `bytes` begin with, and what is left.
    pub(super) fn read_first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut reader = Reader(bytes);
        let value = reader.value(DEPTH)?;
        Some((value, reader.0))
    }

    /// What a map has under the text `key`.
    pub(super) fn at(&self, key: &str) -> Option<&Self> {
        self.find(&Value::Text(key))
    }

    /// What a map has under the integer `key`.
    pub(super) fn at_int(&self, key: i64) -> Option<&Self> {
        self.find(&Value::Int(key))
    }

    fn find(&self, key: &Value<'_>) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        let mut found = entries.iter().filter(|(known, _)| known == key);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            // Two under one key leave open which counts.
            _ => None,
        }
    }

    pub(super) const fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The major type and the argument of the next item (RFC 8949 §3), of shortest form.
    fn head(&mut self) -> Option<(u8, u64)> {
        let [first] = *self.take(1)?.first_chunk()?;
        let (major, info) = (first >> 5, first & 0x1f);
        let (argument, least) = match info {
            0..=23 => (u64::from(info), 0),
            24 => (u64::from(*self.take(1)?.first()?), 24),
            25 => (
                u64::from(u16::from_be_bytes(*self.take(2)?.first_chunk()?)),
                1 << 8,
            ),
            26 => (
                u64::from(u32::from_be_bytes(*self.take(4)?.first_chunk()?)),
                1 << 16,
            ),
            27 => (u64::from_be_bytes(*self.take(8)?.first_chunk()?), 1 << 32),
            _ => return None,
        };
        (argument >= least).then_some((major, argument))
    }

    fn value(&mut self, depth: u8) -> Option<Value<'a>> {
        let (major, argument) = self.head()?;
        let deeper = || depth.checked_sub(1);
        Some(match major {
            0 => Value::Int(i64::try_from(argument).ok()?),
            1 => Value::Int(-1 - i64::try_from(argument).ok()?),
            2 => Value::Bytes(self.take(usize::try_from(argument).ok()?)?),
            3 => Value::Text(std::str::from_utf8(self.take(usize::try_from(argument).ok()?)?).ok()?),
            4 => {
                let depth = deeper()?;
                let mut items = Vec::new();
                for _ in 0..argument {
                    items.push(self.value(depth)?);
                }
                Value::List(items)
            }
            5 => {
                let depth = deeper()?;
                let mut entries = Vec::new();
                for _ in 0..argument {
                    entries.push((self.value(depth)?, self.value(depth)?));
                }
                Value::Map(entries)
            }
            7 if (20..=23).contains(&argument) => Value::Simple(u8::try_from(argument).ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    fn read(hex: &str) -> Option<String> {
        let bytes = HEXLOWER.decode(hex.as_bytes()).unwrap();
        Value::read(&bytes).map(|value| format!("{value:?}"))
    }

    #[test]
    fn the_examples_of_rfc_8949_are_read() {
        // Appendix A.
        for (hex, value) in [
            ("00", "Int(0)"),
            ("1903e8", "Int(1000)"),
            ("1b000000e8d4a51000", "Int(1000000000000)"),
            ("3903e7", "Int(-1000)"),
            ("f5", "Simple(21)"),
            ("4401020304", "Bytes([1, 2, 3, 4])"),
            ("62c3bc", "Text(\"ü\")"),
            (
                "8301820203820405",
                "List([Int(1), List([Int(2), Int(3)]), List([Int(4), Int(5)])])",
            ),
            ("a201020304", "Map([(Int(1), Int(2)), (Int(3), Int(4))])"),
        ] {
            assert_eq!(read(hex).as_deref(), Some(value), "{hex}");
        }
    }

    #[test]
    fn what_ctap_does_not_allow_is_refused() {
        for bad in [
            "",
            "0000",
            "1800",
            "190001",
            "4401",
            "62c328",
            "5f42010243030405ff",
            "9fff",
            "c074",
            "fb3ff199999999999a",
            "f7f7",
            "9bffffffffffffffff",
            "81818181818181",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let twice = HEXLOWER.decode(b"a201020103").unwrap();
        assert_eq!(Value::read(&twice).unwrap().at_int(1), None);
    }
}
