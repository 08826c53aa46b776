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
