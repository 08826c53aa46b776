//! Words of a text, one by one.

/// FNV-1a, 64 bit.
const START: u64 = 0xcbf2_9ce4_8422_2325;
const TIMES: u64 = 0x0100_0000_01b3;

/// Reads the words of a text: runs of letters and digits, lower case; each ideograph, kana or Thai letter is a word of its own. Gives
/// hashes below 2^60.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    hash: u64,
    letters: usize,
}

impl Words {
    /// The words that end with `c`: at most one before it, and `c` itself.
    pub(super) fn push(&mut self, c: char) -> [Option<u64>; 2] {
        if is_alone(c) {
            let before = self.end();
            self.add(c);
            return [before, self.end()];
        }
        if c.is_alphanumeric() {
            c.to_lowercase().for_each(|c| self.add(c));
            return [None, None];
        }
        // An apostrophe or a mark stands in the middle of a word.
        if matches!(c, '\'' | '’' | '\u{300}'..='\u{36f}') {
            return [None, None];
        }
        [self.end(), None]
    }

    /// The word that the text ends with.
    pub(super) fn end(&mut self) -> Option<u64> {
        let hash = (self.letters > 0).then_some(self.hash >> 4);
        (self.hash, self.letters) = (0, 0);
        hash
    }

    fn add(&mut self, c: char) {
        if self.letters == 0 {
            self.hash = START;
        }
        for byte in u32::from(c).to_le_bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(TIMES);
        }
        self.letters += 1;
    }
}

fn is_alone(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}
