//! The part of the wire format of protocol buffers that OTLP needs: fields are written in order, and one number is read.
//!
//! # Source
//! <https://protobuf.dev/programming-guides/encoding/>

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// A message that is being written.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Any number but a negative one; written even if it is zero.
    pub(super) fn number(&mut self, field: u32, value: u64) {
        self.key(field, VARINT);
        self.varint(value);
    }

    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        self.key(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn fixed32(&mut self, field: u32, value: u32) {
        self.key(field, FIXED32);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Bytes or text.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, BYTES);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// A message within this one.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}

/// What stands in a field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The number in field `inner` of the message in field `outer` of `message`; none if there is none, or if it is no such message.
pub(super) fn number_within(message: &[u8], outer: u32, inner: u32) -> Option<u64> {
    let found = fields(message).find_map(|(field, value)| match value {
        Field::Bytes(bytes) if field == outer => Some(bytes),
        _ => None,
    });
    fields(found?).find_map(|(field, value)| match value {
        Field::Number(number) if field == inner => Some(number),
        _ => None,
    })
}

/// The fields of a message, up to the first that cannot be read.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = (u32, Field<'_>)> {
    std::iter::from_fn(move || {
        let key = u32::try_from(read_varint(&mut rest)?).ok()?;
        let value = match key & 7 {
            VARINT => Field::Number(read_varint(&mut rest)?),
            BYTES => {
                let length = usize::try_from(read_varint(&mut rest)?).ok()?;
                Field::Bytes(rest.split_off(..length)?)
            }
            FIXED64 => rest.split_off(..8).map(|_| Field::Fixed)?,
            FIXED32 => rest.split_off(..4).map(|_| Field::Fixed)?,
            _ => return None,
        };
        Some((key >> 3, value))
    })
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *rest.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the description of the format, and one of each other kind.
    #[test]
    fn fields_are_written_as_the_format_has_them() {
        let mut message = Message::default();
        message.number(1, 150);
        assert_eq!(message.0, [0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.bytes(2, b"testing");
        assert_eq!(message.0, b"\x12\x07testing");
        let mut message = Message::default();
        message.message(3, |inner| inner.number(1, 150));
        assert_eq!(message.0, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.fixed64(7, 1);
        message.fixed32(16, 0x301);
        assert_eq!(message.0, [0x39, 1, 0, 0, 0, 0, 0, 0, 0, 0x85, 0x01, 1, 3, 0, 0]);
    }

    #[test]
    fn a_number_is_found_within_a_message_and_nonsense_is_none() {
        let mut message = Message::default();
        message.fixed64(9, 7);
        message.message(1, |inner| {
            inner.bytes(2, b"why");
            inner.number(1, 300);
        });
        let bytes = message.into_bytes();
        assert_eq!(number_within(&bytes, 1, 1), Some(300));
        assert_eq!(number_within(&bytes, 1, 3), None);
        assert_eq!(number_within(&bytes, 2, 1), None);
        for end in 0..bytes.len() {
            assert_eq!(number_within(&bytes[..end], 1, 1), None, "cut at {end}");
        }
        assert_eq!(number_within(&[0xff; 40], 1, 1), None);
        assert_eq!(number_within(b"<html>", 1, 1), None);
    }
}
