//! JSON that is given up while it is written, once it is too large.

use std::io::{self, Write};

use serde::Serialize;

use crate::Error;

/// `value` as JSON of `most` bytes at most; `what` is what the error calls it.
///
/// # Errors
/// [`Error::TooMany`] if it is larger, [`Error::Json`].
pub(super) fn to_json(value: &impl Serialize, what: &'static str, most: usize) -> Result<String, Error> {
    let mut text = Capped::new(Vec::new(), most);
    let written = serde_json::to_writer(&mut text, value);
    finish(text, what, written)
}

/// As [`to_json`], for people.
pub(super) fn to_pretty_json(
    value: &impl Serialize,
    what: &'static str,
    most: usize,
) -> Result<String, Error> {
    let mut text = Capped::new(Vec::new(), most);
    let written = serde_json::to_writer_pretty(&mut text, value);
    finish(text, what, written)
}

/// Whether `value` is no larger than that, without keeping it.
///
/// # Errors
/// Those of [`to_json`].
pub(super) fn check(value: &impl Serialize, what: &'static str, most: usize) -> Result<(), Error> {
    let mut text = Capped::new(io::sink(), most);
    let written = serde_json::to_writer(&mut text, value);
    text.outcome(what, written)
}

fn finish(
    text: Capped<Vec<u8>>,
    what: &'static str,
    written: Result<(), serde_json::Error>,
) -> Result<String, Error> {
    text.outcome(what, written)?;
    String::from_utf8(text.inner).map_err(|_| Error::Stopped)
}

/// Takes so many bytes, and then fails.
struct Capped<W> {
    inner: W,
    left: usize,
    most: usize,
    is_over: bool,
}

impl<W> Capped<W> {
    const fn new(inner: W, most: usize) -> Self {
        Self {
            inner,
            left: most,
            most,
            is_over: false,
        }
    }

    fn outcome(&self, what: &'static str, written: Result<(), serde_json::Error>) -> Result<(), Error> {
        match written {
            Err(_) if self.is_over => Err(Error::TooMany {
                what,
                most: self.most as u64,
            }),
            written => written.map_err(Error::Json),
        }
    }
}

impl<W: Write> Write for Capped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            self.is_over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        self.left = left;
        self.inner.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde::Serializer;
    use serde::ser::SerializeSeq as _;

    use super::*;

    /// Zeros without an end, and how many were asked for.
    struct Endless(Cell<u32>);

    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut all = serializer.serialize_seq(None)?;
            loop {
                self.0.set(self.0.get() + 1);
                all.serialize_element(&0)?;
            }
        }
    }

    #[test]
    fn what_is_too_large_is_given_up_while_it_is_written() {
        let most = 1000;
        for write in [
            |endless: &Endless| to_json(endless, "bytes", 1000).map(|_| ()),
            |endless: &Endless| to_pretty_json(endless, "bytes", 1000).map(|_| ()),
            |endless: &Endless| check(endless, "bytes", 1000),
        ] {
            let endless = Endless(Cell::new(0));
            let refused = write(&endless).unwrap_err();
            assert!(
                matches!(
                    refused,
                    Error::TooMany {
                        what: "bytes",
                        most: 1000
                    }
                ),
                "{refused:?}"
            );
            assert!(endless.0.get() <= most, "{:?}", endless.0);
        }
    }

    #[test]
    fn what_fits_is_as_it_is_written() {
        assert_eq!(to_json(&[1, 2], "bytes", 5).unwrap(), "[1,2]");
        assert!(to_json(&[1, 2], "bytes", 4).is_err());
        assert!(check(&[1, 2], "bytes", 5).is_ok());
    }
}
