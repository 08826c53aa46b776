//! What the world's numbering plans say of digits: a table made of the metadata of Google's libphonenumber by
//! `training/phones/build.py`, which says how it is laid out.
//!
//! A question takes one step a digit. The tests hold the table to the library.

use std::sync::LazyLock;

/// The table: 150 KB.
static TABLE: &[u8] = include_bytes!("../../lexicon/phones.bin");
/// Bytes before the first node: the number of nodes, the start of international numbers, and those of the regions.
const HEAD: usize = 2 + 2 + 2 * Region::COUNT;

/// Where each node begins in [`TABLE`].
static NODES: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut nodes = Vec::with_capacity(usize::from(number(0)));
    let mut at = HEAD;
    while let Some(head) = TABLE.get(at) {
        nodes.push(u32::try_from(at).unwrap_or(u32::MAX));
        at += 1 + children_len(*head);
    }
    nodes
});

/// A region in which digits are read as they are dialled there. The order is that of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Region {
    Us,
    Gb,
    Fr,
    De,
    It,
    Nl,
    Ch,
    Au,
    Es,
    Pl,
    In,
    Br,
}

impl Region {
    const COUNT: usize = Self::Br as usize + 1;
}

/// What the plans say of some digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Given out, or ready to be.
    Valid,
    /// As long as numbers are there.
    Possible,
}

/// Reads `digits`, 7 to 15 values of 0 to 9: as they stand behind `+`, or as they are dialled in `region`.
pub(super) fn ask(digits: &[u8], region: Option<Region>) -> Option<Answer> {
    let start = region.map_or(2, |region| 4 + 2 * region as usize);
    let mut node = number(start);
    for digit in digits {
        node = child(node, *digit)?;
    }
    match head(node)? & 3 {
        2 => Some(Answer::Valid),
        1 => Some(Answer::Possible),
        _ => None,
    }
}

/// The node that `digit` leads to; none if none is reached from there.
fn child(node: u16, digit: u8) -> Option<u16> {
    let at = place(node)?;
    let count = usize::from(head(node)? >> 2);
    let which = if count > 1 {
        let pair = TABLE.get(at + 1 + 2 * count + usize::from(digit / 2))?;
        usize::from(pair >> (4 * (digit % 2)) & 15)
    } else {
        0
    };
    let next = number(at + 1 + 2 * which);
    // Only the node of no answer leads to itself.
    (next != node).then_some(next)
}

fn place(node: u16) -> Option<usize> {
    NODES
        .get(usize::from(node))
        .and_then(|at| usize::try_from(*at).ok())
}

fn head(node: u16) -> Option<u8> {
    TABLE.get(place(node)?).copied()
}

/// Bytes of the children of a node whose first byte is `head`.
const fn children_len(head: u8) -> usize {
    let count = (head >> 2) as usize;
    2 * count + if count > 1 { 5 } else { 0 }
}

fn number(at: usize) -> u16 {
    match TABLE.get(at..at + 2) {
        Some([low, high]) => u16::from_le_bytes([*low, *high]),
        _ => u16::MAX,
    }
}

#[cfg(test)]
mod tests {
    use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType, Region as TheirRegion};

    use super::*;

    const REGIONS: [(Region, &str); Region::COUNT] = [
        (Region::Us, "US"),
        (Region::Gb, "GB"),
        (Region::Fr, "FR"),
        (Region::De, "DE"),
        (Region::It, "IT"),
        (Region::Nl, "NL"),
        (Region::Ch, "CH"),
        (Region::Au, "AU"),
        (Region::Es, "ES"),
        (Region::Pl, "PL"),
        (Region::In, "IN"),
        (Region::Br, "BR"),
    ];

    fn library(digits: &str, region: Option<&str>) -> Option<Answer> {
        let plus = if region.is_none() { "+" } else { "" };
        let region = region.map(|r| TheirRegion::try_from(r).unwrap());
        let parsed = PHONE_NUMBER_UTIL.parse(format!("{plus}{digits}"), region).ok()?;
        if PHONE_NUMBER_UTIL.is_valid_number(&parsed) {
            return Some(Answer::Valid);
        }
        PHONE_NUMBER_UTIL
            .is_possible_number(&parsed)
            .then_some(Answer::Possible)
    }

    fn ours(digits: &str, region: Option<Region>) -> Option<Answer> {
        let digits: Vec<u8> = digits.bytes().map(|b| b - b'0').collect();
        ask(&digits, region)
    }

    /// Examples of the library, of every region and type, with their country code.
    fn examples() -> Vec<(String, String)> {
        let types = [
            PhoneNumberType::FixedLine,
            PhoneNumberType::Mobile,
            PhoneNumberType::TollFree,
            PhoneNumberType::PremiumRate,
            PhoneNumberType::SharedCost,
            PhoneNumberType::VoIP,
            PhoneNumberType::PersonalNumber,
            PhoneNumberType::UAN,
        ];
        let mut regions: Vec<_> = PHONE_NUMBER_UTIL.get_supported_regions().collect();
        regions.sort_by_key(|r| format!("{r:?}"));
        let mut all = Vec::new();
        for region in regions {
            for kind in types {
                if let Ok(number) = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind) {
                    let national = rlibphonenumber::get_national_significant_number_owned(&number);
                    all.push((number.country_code.to_string(), national));
                }
            }
        }
        all
    }

    /// Numbers from a fixed seed.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, n: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 33).unwrap() % n
        }

        /// `digits` with up to two of them changed, and perhaps one more or less.
        fn changed(&mut self, digits: &str) -> String {
            let mut bytes = digits.as_bytes().to_vec();
            for _ in 0..self.below(3) {
                let at = self.below(bytes.len());
                bytes[at] = b'0' + u8::try_from(self.below(10)).unwrap();
            }
            match self.below(8) {
                0 => bytes.push(b'0' + u8::try_from(self.below(10)).unwrap()),
                1 => bytes.truncate(bytes.len() - 1),
                _ => {}
            }
            String::from_utf8(bytes).unwrap()
        }
    }

    #[test]
    fn the_table_says_of_international_numbers_what_the_library_says() {
        let mut chance = Chance(20_261_128);
        let examples = examples();
        assert!(examples.len() > 1000);
        let mut wrong = Vec::new();
        let mut valid = 0;
        for (code, national) in &examples {
            let prefixed = format!("{code}0{national}");
            let plain = format!("{code}{national}");
            let mut all = vec![plain.clone(), prefixed];
            all.extend((0..12).map(|_| format!("{code}{}", chance.changed(national))));
            for digits in all.iter().filter(|d| (7..=15).contains(&d.len())) {
                let (own, theirs) = (ours(digits, None), library(digits, None));
                valid += usize::from(theirs == Some(Answer::Valid));
                if own != theirs {
                    wrong.push((digits.clone(), own, theirs));
                }
            }
        }
        assert!(valid > 3000, "{valid}");
        assert!(
            wrong.is_empty(),
            "{} {:?}",
            wrong.len(),
            wrong.get(..20).unwrap_or(&wrong)
        );
    }

    #[test]
    fn the_table_says_of_numbers_as_dialled_what_the_library_says() {
        let mut chance = Chance(7);
        let examples = examples();
        let mut wrong = Vec::new();
        for (region, name) in REGIONS {
            let code = PHONE_NUMBER_UTIL
                .get_country_code_for_region(TheirRegion::try_from(name).unwrap())
                .unwrap()
                .to_string();
            for (_, national) in examples.iter().filter(|(c, _)| *c == code) {
                for lead in ["", "0", "1", &code, "00"] {
                    for _ in 0..12 {
                        let digits = format!("{lead}{}", chance.changed(national));
                        if !super::super::phone::is_asked(&digits, region) {
                            continue;
                        }
                        let (own, theirs) = (ours(&digits, Some(region)), library(&digits, Some(name)));
                        if own != theirs {
                            wrong.push((name, digits, own, theirs));
                        }
                    }
                }
            }
        }
        assert!(
            wrong.is_empty(),
            "{} {:?}",
            wrong.len(),
            wrong.get(..20).unwrap_or(&wrong)
        );
    }
}
