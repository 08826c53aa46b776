//! The wire format of Protocol Buffers, as far as reading needs it.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>. Nothing is copied and nothing recurses: a message is a
//! slice, and its fields are read one after the other.

use crate::error::Error;

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// A variable-length number.
    Number(u64),
    /// Four bytes, little-endian.
    Four([u8; 4]),
    /// Eight bytes, little-endian.
    Eight([u8; 8]),
    /// A text, a message, or packed numbers.
    Bytes(&'a [u8]),
}

/// The fields of a message in the order they stand in.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

const BAD: Error = Error::Model {
    reason: "it is not a well-formed Protocol Buffers message",
};

impl<'a> Fields<'a> {
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn next_field(&mut self) -> Result<(u64, Value<'a>), Error> {
        let tag = number(&mut self.rest)?;
        let value = match tag & 7 {
            0 => Value::Number(number(&mut self.rest)?),
            1 => Value::Eight(*self.take_chunk()?),
            2 => {
                let length = usize::try_from(number(&mut self.rest)?).map_err(|_| BAD)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(BAD)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Four(*self.take_chunk()?),
            _ => return Err(BAD),
        };
        Ok((tag >> 3, value))
    }

    fn take_chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], Error> {
        let (chunk, rest) = self.rest.split_first_chunk::<N>().ok_or(BAD)?;
        self.rest = rest;
        Ok(chunk)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.next_field();
        if field.is_err() {
            // Nothing after a fault can be trusted.
            self.rest = &[];
        }
        Some(field)
    }
}

/// Takes a variable-length number of at most ten bytes from the front of `bytes`.
fn number(bytes: &mut &[u8]) -> Result<u64, Error> {
    let mut sum = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(BAD)?;
        *bytes = rest;
        sum |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(sum);
        }
    }
    Err(BAD)
}

/// The numbers of a packed field.
pub(crate) fn packed(mut bytes: &[u8]) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        numbers.push(number(&mut bytes)?);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_kind_are_read() {
        let message = [
            0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0,
        ];
        let fields: Vec<_> = Fields::new(&message).map(Result::unwrap).collect();
        let expected = [
            (1, Value::Number(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Four([1, 0, 0, 0])),
            (4, Value::Eight([2, 0, 0, 0, 0, 0, 0, 0])),
        ];
        assert_eq!(fields, expected);
        assert_eq!(packed(&[1, 0x96, 1]), Ok(vec![1, 150]));
    }

    #[test]
    fn what_is_cut_or_too_long_or_of_no_kind_is_refused_once() {
        for message in [
            &[0x08][..],
            &[0x12, 5, 1],
            &[0x0b],
            &[0x1d, 1],
            &[0x80; 11],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ] {
            let fields: Vec<_> = Fields::new(message).collect();
            assert_eq!(fields, [Err(BAD)], "{message:?}");
        }
    }
}
