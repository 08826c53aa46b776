//! Lists of passwords that others know, in files that are not loaded.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use data_encoding::HEXUPPER;
use privet_crypto::sha1;

use crate::Error;

/// Digits of a SHA-1 hash.
const DIGITS: usize = 40;
/// Longest line of a list of hashes: digits, a colon, a count, a line end.
const LINE: usize = 80;
/// Longest line of a list of words.
const WORD: u64 = 4 << 10;
/// At how many places a list of hashes is looked at before it is used.
const SAMPLES: u64 = 64;

/// That `path` is a list of hashes in order, as far as samples show.
///
/// # Errors
/// [`Error::PasswordList`] if it is not.
pub fn check_hashes(path: &Path) -> Result<(), Error> {
    let mut list = Hashes::open(path)?;
    let mut before = String::new();
    for sample in 0..SAMPLES {
        let at = list.length / SAMPLES * sample;
        if let Some((_, digits)) = list.line_from(at)? {
            if digits < before {
                return Err(
                    list.bad("is not in the order of its hashes; take the download that is ordered by hash")
                );
            }
            before = digits;
        }
    }
    if before.is_empty() {
        return Err(list.bad("holds no hash"));
    }
    Ok(())
}

/// Whether the SHA-1 hash of `password` is in the list. Reads some 35 lines of a list of a thousand million.
pub(super) fn has_hash(path: &Path, password: &str) -> Result<bool, Error> {
    let wanted = HEXUPPER.encode(&sha1(password.as_bytes()));
    let mut list = Hashes::open(path)?;
    // INVARIANT: a line of `wanted` begins in low..high, if there is one.
    let (mut low, mut high) = (0, list.length);
    while low < high {
        let middle = low + (high - low) / 2;
        match list.line_from(middle)? {
            Some((begin, digits)) if begin < high => {
                if digits == wanted {
                    return Ok(true);
                }
                if digits < wanted {
                    low = begin + 1;
                } else {
                    high = middle;
                }
            }
            // No line begins between the middle and the end.
            _ => high = middle,
        }
    }
    Ok(false)
}

/// A list of hashes.
struct Hashes<'p> {
    path: &'p Path,
    file: File,
    length: u64,
}

impl<'p> Hashes<'p> {
    fn open(path: &'p Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| unreadable(path, source))?;
        let length = file.metadata().map_err(|source| unreadable(path, source))?.len();
        Ok(Self { path, file, length })
    }

    fn bad(&self, what: &'static str) -> Error {
        bad(self.path, what)
    }

    /// Where the first line begins that begins at `at` or after it, and its hash in capitals.
    fn line_from(&mut self, at: u64) -> Result<Option<(u64, String)>, Error> {
        // From one byte before, so that a line end there shows that one begins at `at`.
        let from = at.saturating_sub(1);
        let seen = self.file.seek(SeekFrom::Start(from));
        seen.map_err(|source| unreadable(self.path, source))?;
        let mut buffer = Vec::with_capacity(2 * LINE);
        let read = Read::by_ref(&mut self.file)
            .take(2 * LINE as u64)
            .read_to_end(&mut buffer);
        read.map_err(|source| unreadable(self.path, source))?;
        let skipped = if at == 0 {
            0
        } else {
            match buffer.iter().position(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                None if buffer.len() < LINE => return Ok(None),
                None => return Err(self.bad("has a line that is too long for `HASH:count`")),
            }
        };
        let rest = buffer.get(skipped..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let digits = rest
            .get(..DIGITS)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .filter(|_| matches!(rest.get(DIGITS), None | Some(b':' | b'\r' | b'\n')));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let digits =
            digits.ok_or_else(|| self.bad("has a line that is not `HASH:count`, with a SHA-1 hash"))?;
        Ok(Some((from + skipped as u64, digits.to_ascii_uppercase())))
    }
}

/// That `path` can be read.
pub(super) fn check_words(path: &Path) -> Result<(), Error> {
    File::open(path)
        .map(drop)
        .map_err(|source| unreadable(path, source))
}

/// Whether `password` is one of the words, in capitals or not. Reads the whole list, a line at a time.
pub(super) fn has_word(path: &Path, password: &str) -> Result<bool, Error> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let wanted = password.to_lowercase();
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = Read::by_ref(&mut lines).take(WORD).read_until(b'\n', &mut line);
        if read.map_err(|source| unreadable(path, source))? == 0 {
            return Ok(false);
        }
        let is_it = std::str::from_utf8(&line)
            .is_ok_and(|line| line.trim_end_matches(['\r', '\n']).to_lowercase() == wanted);
        if is_it {
            return Ok(true);
        }
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::PasswordList {
        path: path.to_owned(),
        what: "cannot be read",
        source: Some(source),
    }
}

fn bad(path: &Path, what: &'static str) -> Error {
    Error::PasswordList {
        path: path.to_owned(),
        what,
        source: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;

    use super::*;

    fn list(lines: impl IntoIterator<Item = String>) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.txt");
        let text = lines.into_iter().fold(String::new(), |mut text, line| {
            write!(text, "{line}").unwrap();
            text
        });
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn hash(password: &str) -> String {
        HEXUPPER.encode(&sha1(password.as_bytes()))
    }

    #[test]
    fn every_hash_of_a_list_is_found_whatever_its_lines_end_in_and_no_other() {
        let known: Vec<String> = (0..500).map(|number| format!("password {number}")).collect();
        let hashes: BTreeSet<String> = known.iter().map(|word| hash(word)).collect();
        for (between, end) in [(":7\r\n", ":7"), ("\n", "\n"), (":123456789\n", ":1\r\n")] {
            let last = hashes.len() - 1;
            let lines = hashes
                .iter()
                .enumerate()
                .map(|(index, hash)| format!("{hash}{}", if index == last { end } else { between }));
            let (_dir, path) = list(lines);
            check_hashes(&path).unwrap();
            for word in &known {
                assert!(has_hash(&path, word).unwrap(), "{word}");
            }
            for number in 500..1000 {
                assert!(!has_hash(&path, &format!("password {number}")).unwrap());
            }
        }
    }

    #[test]
    fn a_list_of_one_hash_and_small_letters_will_do() {
        let (_dir, path) = list([hash("only one of them").to_lowercase()]);
        check_hashes(&path).unwrap();
        assert!(has_hash(&path, "only one of them").unwrap());
        assert!(!has_hash(&path, "another of them").unwrap());
    }

    #[test]
    fn a_list_that_is_not_in_order_or_holds_something_else_is_refused() {
        let hashes: BTreeSet<String> = (0..500).map(|n| format!("{}\n", hash(&n.to_string()))).collect();
        let (_dir, unordered) = list(hashes.into_iter().rev());
        assert!(
            check_hashes(&unordered)
                .unwrap_err()
                .to_string()
                .contains("order")
        );
        let (_dir, words) = list(["letmein\n".to_owned(), "password\n".to_owned()]);
        assert!(check_hashes(&words).is_err());
        let (_dir, empty) = list([]);
        assert!(check_hashes(&empty).is_err());
        assert!(check_hashes(Path::new("/nowhere/list")).is_err());
        assert!(check_words(Path::new("/nowhere/list")).is_err());
    }

    #[test]
    fn words_are_found_in_capitals_or_not_and_only_whole() {
        let (_dir, path) = list(["letmein1234567\r\nTrustNo1 and more\nlast one here".to_owned()]);
        for known in ["LetMeIn1234567", "trustno1 AND more", "last one here"] {
            assert!(has_word(&path, known).unwrap(), "{known}");
        }
        assert!(!has_word(&path, "letmein123456").unwrap());
    }
}
