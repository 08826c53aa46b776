//! The root key in shares, of which some together give it back.

use std::convert::Infallible;
use std::fmt;

use data_encoding::HEXLOWER;
use rand_core::{TryCryptoRng, TryRng};
use vsss_rs::Gf256;
use zeroize::{Zeroize, Zeroizing};

use crate::keys::{expand, is_equal};
use crate::{Error, RootKey, random, sha256};

/// Written form: this prefix, then set, threshold, index, data and checksum, with colons between.
const PREFIX: &str = "privet-share-1:";
/// Longest written form that is looked at; the longest there is has 129 characters.
const MAX_TEXT: usize = 160;
const SET_SIZE: usize = 8;
const CHECK_SIZE: usize = 8;
const CHECKSUM_SIZE: usize = 4;

/// One of the shares of a root key (Shamir, "How to Share a Secret", CACM 22(11), 1979; over GF(2^8), byte by byte, by the
/// `vsss-rs` crate). Wiped when dropped.
///
/// Any `threshold` shares of one set give the root key; fewer say nothing of it but a 64-bit check value, with which a
/// guess of all 256 bits could be confirmed.
///
/// A checksum notices typing errors. It does not notice forgery; the check value does, once the shares are put together,
/// but cannot say whose share is false.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    set: [u8; SET_SIZE],
    threshold: u8,
    index: u8,
    check: [u8; CHECK_SIZE],
    data: Zeroizing<[u8; 32]>,
}

impl RootKey {
    /// Splits the key into `count` shares, any `threshold` of which give it back. Each call makes a set of its own.
    ///
    /// # Errors
    /// [`Error::BadShareCount`] unless 2 ≤ `threshold` ≤ `count`; [`Error::Library`] if there are no random bytes.
    pub fn split(&self, threshold: u8, count: u8) -> Result<Vec<Share>, Error> {
        if threshold < 2 || count < threshold {
            return Err(Error::BadShareCount);
        }
        let set = random()?;
        let check = self.share_check(&set);
        let mut source = SystemRandom { has_failed: false };
        let mut points = Gf256::split_bytes(
            threshold.into(),
            count.into(),
            self.as_secret().as_slice(),
            &mut source,
        )
        .map_err(|_| Error::Library)?;
        let shares = points.iter().map(|point| {
            let (index, data) = point.split_first().ok_or(Error::Library)?;
            let data: &[u8; 32] = data.try_into().map_err(|_| Error::Library)?;
            Ok(Share {
                set,
                threshold,
                index: *index,
                check,
                data: Zeroizing::new(*data),
            })
        });
        let shares = shares.collect();
        points.zeroize();
        if source.has_failed {
            return Err(Error::Library);
        }
        shares
    }

    /// The key that was split into `shares`, which may be more than are needed, and in any order. The same share twice
    /// counts once.
    ///
    /// # Errors
    /// [`Error::MixedShares`] if they are not of one set; [`Error::TooFewShares`]; [`Error::FalseShare`] if they give
    /// another key than the one that was split.
    pub fn combine(shares: &[Share]) -> Result<Self, Error> {
        let first = shares.first().ok_or(Error::TooFewShares { have: 0, need: 2 })?;
        let mut different: Vec<&Share> = Vec::new();
        for share in shares {
            if !share.is_of_set(first) {
                return Err(Error::MixedShares);
            }
            match different.iter().find(|other| other.index == share.index) {
                None => different.push(share),
                Some(other) if **other == *share => {}
                Some(_) => return Err(Error::MixedShares),
            }
        }
        if different.len() < usize::from(first.threshold) {
            return Err(Error::TooFewShares {
                // INVARIANT: below the threshold, which is a byte.
                have: u8::try_from(different.len()).unwrap_or(u8::MAX),
                need: first.threshold,
            });
        }
        // All of them: a false one shows even if it is not needed.
        let points: Vec<Vec<u8>> = different
            .iter()
            .map(|share| [&[share.index], share.data.as_slice()].concat())
            .collect();
        let points = Zeroizing::new(points);
        let secret = Gf256::combine_bytes(points.as_slice()).map_err(|_| Error::FalseShare)?;
        let secret = Zeroizing::new(secret);
        let mut bytes = Zeroizing::new([0; 32]);
        if secret.len() != bytes.len() {
            return Err(Error::FalseShare);
        }
        bytes.copy_from_slice(&secret);
        let root = Self::from_secret(bytes);
        if is_equal(&root.share_check(&first.set), &first.check) {
            Ok(root)
        } else {
            Err(Error::FalseShare)
        }
    }

    fn share_check(&self, set: &[u8; SET_SIZE]) -> [u8; CHECK_SIZE] {
        let check = expand(self.as_secret().as_slice(), b"privet/share/check/1", set);
        check.first_chunk().copied().unwrap_or_default()
    }
}

impl Share {
    /// The number of the set, 16 hexadecimal digits; the same in all its shares.
    #[must_use]
    pub fn set(&self) -> String {
        HEXLOWER.encode(&self.set)
    }

    /// How many shares of the set are needed.
    #[must_use]
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }

    /// Which share of the set it is, from 1.
    #[must_use]
    pub const fn index(&self) -> u8 {
        self.index
    }

    /// Reads the written form; white space around it is ignored.
    ///
    /// # Errors
    /// [`Error::BadShare`] if it is not one, or the checksum does not fit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(Error::BadShare);
        }
        let (checked, checksum) = text.rsplit_once(':').ok_or(Error::BadShare)?;
        if checksum != checksum_of(checked) {
            return Err(Error::BadShare);
        }
        let mut fields = checked.strip_prefix(PREFIX).ok_or(Error::BadShare)?.split(':');
        let mut next = || fields.next().ok_or(Error::BadShare);
        let (set, threshold, index, data) = (next()?, next()?, next()?, next()?);
        let data = decode::<{ CHECK_SIZE + 32 }>(data)?;
        let (check, data) = data.split_first_chunk().ok_or(Error::BadShare)?;
        let data: &[u8; 32] = data.try_into().map_err(|_| Error::BadShare)?;
        let share = Self {
            set: *decode(set)?,
            threshold: threshold.parse().map_err(|_| Error::BadShare)?,
            index: index.parse().map_err(|_| Error::BadShare)?,
            check: *check,
            data: Zeroizing::new(*data),
        };
        // One spelling, no field too many, and no share at 0, where the key itself would stand.
        if share.threshold >= 2 && share.index >= 1 && share.to_text().as_str() == text {
            Ok(share)
        } else {
            Err(Error::BadShare)
        }
    }

    /// The written form, for the holder of the share.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let data = Zeroizing::new(HEXLOWER.encode(self.data.as_slice()));
        let checked = Zeroizing::new(format!(
            "{PREFIX}{}:{}:{}:{}{}",
            HEXLOWER.encode(&self.set),
            self.threshold,
            self.index,
            HEXLOWER.encode(&self.check),
            data.as_str(),
        ));
        Zeroizing::new(format!("{}:{}", checked.as_str(), checksum_of(&checked)))
    }

    fn is_of_set(&self, other: &Self) -> bool {
        (self.set, self.threshold, self.check) == (other.set, other.threshold, other.check)
    }
}

/// The beginning of the SHA-256 of a share's text.
fn checksum_of(text: &str) -> String {
    let hash = sha256(text.as_bytes());
    let first: [u8; CHECKSUM_SIZE] = hash.first_chunk().copied().unwrap_or_default();
    HEXLOWER.encode(&first)
}

fn decode<const N: usize>(text: &str) -> Result<Zeroizing<[u8; N]>, Error> {
    let bytes = Zeroizing::new(HEXLOWER.decode(text.as_bytes()).map_err(|_| Error::BadShare)?);
    let bytes: &[u8; N] = bytes.as_slice().try_into().map_err(|_| Error::BadShare)?;
    Ok(Zeroizing::new(*bytes))
}

/// The system's random source in the form that `vsss-rs` takes, which cannot fail halfway. So a failure is remembered, and
/// what was made of the zeros is thrown away.
struct SystemRandom {
    has_failed: bool,
}

impl SystemRandom {
    fn draw<const N: usize>(&mut self) -> [u8; N] {
        random().unwrap_or_else(|_| {
            self.has_failed = true;
            [0; N]
        })
    }
}

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.draw()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.draw()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            let [drawn] = self.draw();
            *byte = drawn;
        }
        Ok(())
    }
}

impl TryCryptoRng for SystemRandom {}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of set {}, [secret])", self.index, self.set())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn root() -> RootKey {
        RootKey::from_secret(Zeroizing::new(std::array::from_fn(|i| i as u8)))
    }

    /// The shares whose bit is set in `chosen`.
    fn choose(shares: &[Share], chosen: u32) -> Vec<Share> {
        let chosen = shares.iter().enumerate().filter(|(i, _)| chosen >> i & 1 == 1);
        chosen.map(|(_, share)| share.clone()).collect()
    }

    #[test]
    fn any_threshold_shares_give_the_key_and_fewer_are_refused() {
        let shares = root().split(3, 5).unwrap();
        for chosen in 1..32_u32 {
            let outcome = RootKey::combine(&choose(&shares, chosen));
            let have = chosen.count_ones() as u8;
            let expected = match have {
                1 | 2 => Err(Error::TooFewShares { have, need: 3 }),
                _ => Ok(root().as_secret().clone()),
            };
            assert_eq!(outcome.map(|key| key.as_secret().clone()), expected, "{chosen:b}");
        }
        assert_eq!(
            RootKey::combine(&[]).unwrap_err(),
            Error::TooFewShares { have: 0, need: 2 }
        );
    }

    #[test]
    fn fewer_shares_give_nothing_even_if_they_claim_to_be_enough() {
        let mut shares = root().split(3, 5).unwrap();
        shares.truncate(2);
        for share in &mut shares {
            share.threshold = 2;
        }
        assert_eq!(RootKey::combine(&shares).unwrap_err(), Error::FalseShare);
    }

    #[test]
    fn the_other_coefficients_are_uniform_zero_among_them() {
        // Of two needed shares, a byte of share 1 is the key's byte plus the random coefficient. 32 * 600 of them, 75 a
        // value; the statistic has mean 255 and deviation 22.6. Above 400 in one run of 10^8.
        let mut seen = [0_u32; 256];
        for _ in 0..600 {
            let share = &root().split(2, 2).unwrap()[0];
            assert_eq!(share.index, 1);
            for (data, secret) in share.data.iter().zip(root().as_secret().iter()) {
                seen[usize::from(data ^ secret)] += 1;
            }
        }
        let squares = seen.iter().map(|&n| (f64::from(n) - 75.0).powi(2) / 75.0);
        let statistic: f64 = squares.sum();
        assert!(statistic < 400.0, "{statistic}");
    }

    #[test]
    fn sets_are_not_mixed_even_of_one_key() {
        let shares = [
            root().split(2, 3).unwrap()[0].clone(),
            root().split(2, 3).unwrap()[1].clone(),
        ];
        assert_eq!(RootKey::combine(&shares).unwrap_err(), Error::MixedShares);
    }

    #[test]
    fn the_same_share_twice_counts_once_and_two_of_one_number_are_refused() {
        let shares = root().split(2, 3).unwrap();
        let twice = [shares[0].clone(), shares[0].clone()];
        assert_eq!(
            RootKey::combine(&twice).unwrap_err(),
            Error::TooFewShares { have: 1, need: 2 }
        );
        let mut other = shares[1].clone();
        other.index = 1;
        assert_eq!(
            RootKey::combine(&[shares[0].clone(), other, shares[2].clone()]).unwrap_err(),
            Error::MixedShares
        );
    }

    #[test]
    fn a_false_share_shows_though_its_checksum_fits() {
        let mut shares = root().split(2, 3).unwrap();
        shares[2].data[5] ^= 1;
        let written = Share::parse(&shares[2].to_text()).unwrap();
        assert_eq!(
            RootKey::combine(&[shares[0].clone(), written.clone()]).unwrap_err(),
            Error::FalseShare
        );
        assert_eq!(
            RootKey::combine(&[shares[0].clone(), shares[1].clone(), written]).unwrap_err(),
            Error::FalseShare
        );
    }

    #[test]
    fn a_share_survives_being_written_and_every_mistyped_character_is_noticed() {
        let share = root().split(2, 2).unwrap()[1].clone();
        let text = share.to_text();
        assert!(Share::parse(&format!("  {}\n", text.as_str())).unwrap() == share);
        for (at, old) in text.char_indices() {
            for new in "0123456789abcdef:x ".chars().filter(|new| *new != old) {
                let mut typed = text.to_string();
                typed.replace_range(at..at + 1, &new.to_string());
                assert_eq!(Share::parse(&typed).unwrap_err(), Error::BadShare, "{at} {new}");
            }
        }
    }

    #[test]
    fn a_share_that_nobody_could_have_made_is_refused_though_its_checksum_fits() {
        let text = root().split(2, 2).unwrap()[0].to_text();
        let (checked, _) = text.rsplit_once(':').unwrap();
        for (from, to) in [
            (":2:1:", ":2:0:"),
            (":2:1:", ":1:1:"),
            (":2:1:", ":02:1:"),
            (":2:1:", ":2:256:"),
            (":2:1:", ":2:1:1:"),
            ("privet-share-1:", "privet-share-2:"),
            ("privet-share-1:", "privet-share-1:00"),
        ] {
            let bad = checked.replacen(from, to, 1);
            let bad = format!("{bad}:{}", checksum_of(&bad));
            assert_eq!(Share::parse(&bad).unwrap_err(), Error::BadShare, "{from} {to}");
        }
    }

    #[test]
    fn the_longest_share_is_within_the_bound() {
        let longest = root().split(255, 255).unwrap()[254].to_text();
        assert_eq!(longest.len(), 129);
        assert!(Share::parse(&longest).is_ok());
    }

    #[test]
    fn numbers_of_shares_that_make_no_sense_are_refused() {
        for (threshold, count) in [(0, 0), (0, 5), (1, 1), (1, 5), (3, 2)] {
            assert_eq!(root().split(threshold, count).unwrap_err(), Error::BadShareCount);
        }
        assert_eq!(root().split(2, 255).unwrap().len(), 255);
    }

    #[test]
    fn a_share_does_not_print_itself() {
        let share = root().split(2, 2).unwrap()[0].clone();
        let shown = format!("{share:?}");
        assert_eq!(shown, format!("Share(1 of set {}, [secret])", share.set()));
        assert_eq!((share.threshold(), share.index()), (2, 1));
    }

    proptest! {
        #[test]
        fn shares_of_any_key_give_it_back(secret: [u8; 32], threshold in 2..12_u8, more in 0..8_u8, from: usize) {
            let root = RootKey::from_secret(Zeroizing::new(secret));
            let mut shares = root.split(threshold, threshold + more).unwrap();
            let from = from % shares.len();
            shares.rotate_left(from);
            shares.truncate(threshold.into());
            let texts = shares.iter().map(Share::to_text);
            let read: Vec<Share> = texts.map(|text| Share::parse(&text).unwrap()).collect();
            let again = RootKey::combine(&read).unwrap();
            prop_assert_eq!(again.as_secret(), root.as_secret());
        }
    }
}
