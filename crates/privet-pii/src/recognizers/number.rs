//! Groups of digits with separators, read once for all number recognisers.

use privet_types::BudgetError;

use super::scan::Scan;

/// Most digits read: one more than the longest card number.
pub(crate) const MOST_DIGITS: usize = 20;
/// Most characters between two groups, as in `) - `.
const MOST_SEPARATORS: usize = 3;

/// Characters between two groups of digits, as a set.
pub(crate) type Separators = u8;
/// A space, also a no-break or thin one.
pub(crate) const SPACE: Separators = 1;
/// A hyphen or dash.
pub(crate) const DASH: Separators = 2;
/// A full stop.
pub(crate) const DOT: Separators = 4;
/// A slash.
pub(crate) const SLASH: Separators = 8;
/// A parenthesis.
pub(crate) const PAREN: Separators = 16;

/// A run of digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What stands between the group before and this one; nothing for the first.
    pub(crate) before: Separators,
    /// Whether an ASCII letter touches it from the right.
    pub(crate) is_glued: bool,
    /// Digits up to the end of this group.
    pub(crate) total: usize,
}

impl Group {
    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Groups of digits from one place on, at most [`MOST_DIGITS`] digits.
#[derive(Debug)]
pub(crate) struct Number {
    groups: [Group; MOST_DIGITS],
    count: usize,
    digits: [u8; MOST_DIGITS],
}

impl Number {
    /// Reads groups from `start`, where a digit stands. A group that would exceed [`MOST_DIGITS`] is left out.
    pub(crate) fn read(scan: &mut Scan<'_>, start: usize) -> Result<Self, BudgetError> {
        let mut number = Self::new();
        number.read_at(scan, start)?;
        Ok(number)
    }

    /// No digits.
    pub(crate) const fn new() -> Self {
        const NONE: Group = Group {
            start: 0,
            end: 0,
            before: 0,
            is_glued: false,
            total: 0,
        };
        Self {
            groups: [NONE; MOST_DIGITS],
            count: 0,
            digits: [0; MOST_DIGITS],
        }
    }

    /// [`Self::read`] into the place of another number, which is what the walk does for every one: a number is large.
    pub(crate) fn read_at(&mut self, scan: &mut Scan<'_>, start: usize) -> Result<(), BudgetError> {
        let number = self;
        number.count = 0;
        let mut at = start;
        let mut total = 0;
        let mut before = 0;
        loop {
            let from = at;
            let first = total;
            for slot in number.digits.iter_mut().skip(total) {
                let byte = scan.at(at);
                if !byte.is_ascii_digit() {
                    break;
                }
                *slot = byte - b'0';
                at += 1;
                total += 1;
            }
            let is_glued = scan.at(at).is_ascii_alphabetic();
            if scan.at(at).is_ascii_digit() || total == first {
                break;
            }
            if let Some(group) = number.groups.get_mut(number.count) {
                *group = Group {
                    start: from,
                    end: at,
                    before,
                    is_glued,
                    total,
                };
                number.count += 1;
            }
            if is_glued {
                break;
            }
            let Some((kinds, next)) = separators(scan, at) else {
                break;
            };
            before = kinds;
            at = next;
        }
        scan.spend(at - start)
    }

    /// The groups; none if the first run of digits is too long.
    pub(crate) fn groups(&self) -> &[Group] {
        self.groups.get(..self.count).unwrap_or_default()
    }

    /// Values, 0 to 9, of the first `count` digits.
    pub(crate) fn digits(&self, count: usize) -> &[u8] {
        self.digits.get(..count).unwrap_or_default()
    }
}

/// The separators at `at` if a digit follows them: what they are, and where the digit stands.
fn separators(scan: &Scan<'_>, at: usize) -> Option<(Separators, usize)> {
    let mut kinds = 0;
    let mut last = 0;
    let mut at = at;
    for _ in 0..MOST_SEPARATORS {
        let (kind, len) = separator(scan, at)?;
        // ` / ` has two spaces; any other mark stands once.
        if kinds & kind != 0 && (kind != SPACE || last == SPACE) {
            return None;
        }
        kinds |= kind;
        last = kind;
        at += len;
        if scan.at(at).is_ascii_digit() {
            return Some((kinds, at));
        }
    }
    None
}

fn separator(scan: &Scan<'_>, at: usize) -> Option<(Separators, usize)> {
    Some(match scan.at(at) {
        b' ' => (SPACE, 1),
        b'-' => (DASH, 1),
        b'.' => (DOT, 1),
        b'/' => (SLASH, 1),
        b'(' | b')' => (PAREN, 1),
        byte if byte.is_ascii() => return None,
        _ => match scan.char_at(at)? {
            '\u{a0}' => (SPACE, 2),
            '\u{2007}' | '\u{2009}' | '\u{202f}' => (SPACE, 3),
            '\u{2010}'..='\u{2013}' | '\u{2212}' => (DASH, 3),
            _ => return None,
        },
    })
}

/// Whether two groups name a month, as in `09/2015 – 12/2018`.
fn is_month(a: &Group, b: &Group, number: &Number) -> bool {
    a.len() <= 2
        && b.len() == 4
        && matches!(b.before, SLASH | DOT)
        && (1..=12).contains(&number.value(a))
        && (1900..=2100).contains(&number.value(b))
}

/// Whether the first groups make a month, or three of them a date: year first or last, the same single separator twice, plausible month and day.
pub(crate) fn is_date(groups: &[Group], number: &Number) -> bool {
    if let [a, b, rest @ ..] = groups
        && is_month(a, b, number)
        && rest.first().is_none_or(|c| c.before & DASH != 0)
    {
        return true;
    }
    let [a, b, c, ..] = groups else { return false };
    let kind = b.before;
    if !(kind == c.before && matches!(kind, DASH | SLASH | DOT)) || b.len() > 2 {
        return false;
    }
    let value = |g: &Group| number.value(g);
    let plausible = |day: u32, month: u32| (1..=31).contains(&day) && (1..=12).contains(&month);
    let (x, y, z) = (value(a), value(b), value(c));
    match (a.len(), c.len()) {
        (4, 1 | 2) => (1000..=2999).contains(&x) && plausible(z, y),
        (1 | 2, 4) => (1000..=2999).contains(&z) && (plausible(x, y) || plausible(y, x)),
        // Six digits are a date only if nothing goes on after them: `01.42.68.53.00` is a telephone number.
        (1 | 2, 2) => groups.get(3).is_none_or(|d| d.before != kind) && (plausible(x, y) || plausible(y, x)),
        _ => false,
    }
}

impl Number {
    /// The number a group writes; at most four digits count.
    pub(crate) fn value(&self, group: &Group) -> u32 {
        let digits = self.digits(group.total);
        let own = digits
            .get(group.total.saturating_sub(group.len())..)
            .unwrap_or_default();
        own.iter().take(4).fold(0, |n, d| n * 10 + u32::from(*d))
    }
}
