//! Server-sent events (WHATWG HTML, "9.2 Server-sent events"), read piece by piece.

/// Largest single event kept in memory before a stream is refused.
pub const MAX_EVENT_BYTES: usize = 8 << 20;

/// A stream held more than [`MAX_EVENT_BYTES`] without ending an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one server-sent event is larger than {MAX_EVENT_BYTES} bytes")]
pub struct EventTooLarge;

/// Cuts a byte stream into events, wherever its chunks are cut.
#[derive(Debug, Default)]
pub struct EventReader {
    buffer: Vec<u8>,
    /// Start of the first event not yet given out.
    start: usize,
    /// Up to here no event ends.
    scanned: usize,
}

/// One event as it was written, its closing blank line included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'b> {
    /// The bytes as they came.
    pub raw: &'b [u8],
}

impl EventReader {
    /// Adds the next bytes of the stream.
    ///
    /// # Errors
    /// [`EventTooLarge`] if too much came without the end of an event.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), EventTooLarge> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.buffer.len() + bytes.len() > MAX_EVENT_BYTES {
            return Err(EventTooLarge);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole event, if its blank line has come.
    pub fn next_event(&mut self) -> Option<Event<'_>> {
        let end = self.find_end()?;
        let start = std::mem::replace(&mut self.start, end);
        self.scanned = end;
        self.buffer.get(start..end).map(|raw| Event { raw })
    }

    /// What is left when the stream has ended: an event that never got its blank line, or nothing.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// One past the first blank line that is not scanned yet. Lines end in LF, CR or CRLF.
    fn find_end(&mut self) -> Option<usize> {
        let mut at = self.scanned;
        loop {
            let rest = self.buffer.get(at..)?;
            let Some(found) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.scanned = self.buffer.len();
                return None;
            };
            let line_end = at + found;
            let Some(next_line) = self.after_line_end(line_end) else {
                // A CR at the very end: the LF that may belong to it has not come yet.
                self.scanned = line_end;
                return None;
            };
            let Some(first) = self.buffer.get(next_line) else {
                self.scanned = line_end;
                return None;
            };
            if line_end == self.start {
                // A blank line without an event before it.
                return Some(next_line);
            }
            match first {
                b'\n' => return Some(next_line + 1),
                // A second CR ends the event even when an LF may follow: that LF then counts as one more blank line.
                b'\r' => return Some(self.after_line_end(next_line).unwrap_or(next_line + 1)),
                _ => at = next_line,
            }
        }
    }

    fn after_line_end(&self, at: usize) -> Option<usize> {
        match (self.buffer.get(at)?, self.buffer.get(at + 1)) {
            (b'\r', Some(b'\n')) => Some(at + 2),
            (b'\r', None) => None,
            _ => Some(at + 1),
        }
    }
}

impl<'b> Event<'b> {
    /// The values of its `data` lines.
    pub fn data_lines(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        lines(self.raw).filter_map(|line| {
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            let value = line.strip_prefix(b"data")?;
            match value.split_first() {
                None => Some(value),
                Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
                Some(_) => None,
            }
        })
    }

    /// The event with its data replaced by `data` (no line ends in it), all other lines as they came.
    #[must_use]
    pub fn with_data(&self, data: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.raw.len() + data.len());
        let mut is_written = false;
        for line in lines(self.raw) {
            let bare = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            let is_data = bare == b"data" || bare.starts_with(b"data:");
            if is_data && is_written {
                continue;
            }
            if is_data {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(data.as_bytes());
                is_written = true;
            } else {
                out.extend_from_slice(line);
            }
            out.push(b'\n');
        }
        out.push(b'\n');
        out
    }
}

/// The lines of an event, without their ends and without the blank one.
fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    raw.split(|b| *b == b'\n' || *b == b'\r')
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<String> {
        let mut reader = EventReader::default();
        let mut found = Vec::new();
        for chunk in chunks {
            reader.push(chunk).unwrap();
            while let Some(event) = reader.next_event() {
                found.push(String::from_utf8_lossy(event.raw).into_owned());
            }
        }
        found.push(String::from_utf8_lossy(reader.rest()).into_owned());
        found
    }

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let streams = [
            "event: a\ndata: 1\n\ndata: 2\n\n",
            "data: 1\r\n\r\ndata: 2\r\n\r\nx",
        ];
        for stream in streams {
            let whole = events(&[stream.as_bytes()]);
            for cut in 0..=stream.len() {
                let (a, b) = stream.as_bytes().split_at(cut);
                assert_eq!(events(&[a, b]).concat(), whole.concat(), "cut at {cut}");
                assert_eq!(
                    events(&[a, b]).iter().filter(|e| e.contains("data")).count(),
                    2,
                    "cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn carriage_returns_alone_end_lines_too() {
        assert_eq!(
            events(&[b"data: 1\r\rdata: 2\r\r"]),
            ["data: 1\r\r", "data: 2\r\r", ""]
        );
    }

    #[test]
    fn data_lines_are_read_and_replaced_in_place() {
        let raw = b"event: message\r\ndata: {\"a\":1}\r\nid: 7\r\n\r\n";
        let event = Event { raw };
        assert_eq!(event.data_lines().collect::<Vec<_>>(), [b"{\"a\":1}"]);
        assert_eq!(event.with_data("{}"), b"event: message\ndata: {}\nid: 7\n\n");
        let fields = Event {
            raw: b"data:x\ndata\ndatax: no\n: comment\n\n",
        };
        assert_eq!(fields.data_lines().collect::<Vec<_>>(), [&b"x"[..], b""]);
        let marked = Event {
            raw: b"\xef\xbb\xbfdata: {\"a\":1}\n\n",
        };
        assert_eq!(marked.with_data("{}"), b"data: {}\n\n");
    }

    #[test]
    fn an_event_that_never_ends_is_refused() {
        let mut reader = EventReader::default();
        assert_eq!(reader.push(&vec![b'x'; MAX_EVENT_BYTES]), Ok(()));
        assert_eq!(reader.push(b"x"), Err(EventTooLarge));
    }
}
