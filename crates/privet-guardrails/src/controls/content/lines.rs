//! Texts in pieces, line by line.

/// Bytes of a line; a longer one is cut at its last blank.
pub(super) const MOST_LINE: usize = 2048;

/// Gathers a text's lines, with their ends. Where they are cut depends on the text alone.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: String,
}

impl Lines {
    pub(super) fn push(&mut self, piece: &str) {
        self.held.push_str(piece);
    }

    /// The next whole line; at the end also what is left.
    pub(super) fn next(&mut self, is_end: bool) -> Option<String> {
        let seen = self.held.as_bytes();
        let line_end = seen.iter().take(MOST_LINE).position(|b| *b == b'\n');
        let length = match line_end {
            Some(at) => at + 1,
            None if seen.len() >= MOST_LINE => self.cut(),
            None if is_end && !seen.is_empty() => seen.len(),
            None => return None,
        };
        let rest = self.held.split_off(length);
        Some(std::mem::replace(&mut self.held, rest))
    }

    /// Where a line that is too long is cut.
    fn cut(&self) -> usize {
        let mut end = MOST_LINE;
        while !self.held.is_char_boundary(end) {
            end -= 1;
        }
        let head = self.held.get(..end).unwrap_or_default();
        let blank = head.rfind(char::is_whitespace);
        blank
            .and_then(|at| head.get(at..)?.chars().next().map(|c| at + c.len_utf8()))
            .unwrap_or(end)
    }
}
