//! Format-preserving encryption: a value of some form becomes another value of the same form.

use std::fmt;

use aes::Aes256Enc;
use fpe::ff1::{FF1, FlexibleNumeralString};
use num_bigint::BigUint;
use zeroize::Zeroizing;

use crate::Error;

/// Fewest possible values of a form: NIST SP 800-38G Rev. 1 (draft), which raised it after attacks on small domains
/// (Bellare, Hoang, Tessaro, CCS 2016; Durak and Vaudenay, CRYPTO 2017).
pub const MIN_DOMAIN: u64 = 1_000_000;
/// Most symbols of one value. The cost grows with the square of it.
pub const MAX_POSITIONS: usize = 512;
/// Draws before giving up; each lands in the domain with a chance above one half.
const MAX_WALK: usize = 256;

/// FF1 with AES-256 (NIST SP 800-38G), over the `fpe` crate.
///
/// Review status: `fpe` is tested against NIST's samples and was written for the Zcash protocol, but no published audit of
/// it is known; the standard itself is in revision. FF1 is not authenticated: any value of the right form decrypts to
/// something. Prefer authenticated encryption where the form need not be kept. Encryption is a permutation: a value can,
/// with a chance of one in the number of possible values, be encrypted to itself.
pub struct Ff1Key(Zeroizing<[u8; 32]>);

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

impl Ff1Key {
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// Encrypts `symbols`; symbol `i` is in `0..radices[i]` and stays there. `tweak` is not secret: the same symbols
    /// under another tweak become others.
    ///
    /// Where all radices are equal this is plain FF1 of that radix. Else the symbols are ranked as one number in mixed
    /// radix, the number is encrypted by FF1 of radix 2 until it falls back into range (cycle walking; Black and
    /// Rogaway, CT-RSA 2002; Bellare et al., SAC 2009), which takes fewer than two rounds on average.
    ///
    /// # Errors
    /// [`Error::Domain`] if there are fewer than [`MIN_DOMAIN`] possible values or more than [`MAX_POSITIONS`] symbols;
    /// [`Error::Symbol`] if a symbol is not below its radix, a radix is not 2 to 65,536, or the lists differ in length.
    pub fn encrypt(&self, tweak: &[u8], radices: &[u32], symbols: &[u16]) -> Result<Vec<u16>, Error> {
        self.run(Direction::Encrypt, tweak, radices, symbols)
    }

    /// Undoes [`encrypt`](Self::encrypt) with the same tweak and radices.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt).
    pub fn decrypt(&self, tweak: &[u8], radices: &[u32], symbols: &[u16]) -> Result<Vec<u16>, Error> {
        self.run(Direction::Decrypt, tweak, radices, symbols)
    }

    fn run(
        &self,
        direction: Direction,
        tweak: &[u8],
        radices: &[u32],
        symbols: &[u16],
    ) -> Result<Vec<u16>, Error> {
        let is_inside =
            |(symbol, radix): (&u16, &u32)| (2..=65_536).contains(radix) && u32::from(*symbol) < *radix;
        if radices.len() != symbols.len() || !symbols.iter().zip(radices).all(is_inside) {
            return Err(Error::Symbol);
        }
        let domain = radices
            .iter()
            .fold(1_u64, |product, radix| product.saturating_mul(u64::from(*radix)));
        if domain < MIN_DOMAIN || symbols.len() > MAX_POSITIONS {
            return Err(Error::Domain);
        }
        match radices.first() {
            // FF1 splits its input in two, so one symbol alone, however large its alphabet, cannot be an input.
            Some(first) if radices.len() > 1 && radices.iter().all(|r| r == first) => {
                self.once(direction, tweak, *first, symbols)
            }
            _ => self.walk(direction, tweak, radices, symbols),
        }
    }

    fn once(
        &self,
        direction: Direction,
        tweak: &[u8],
        radix: u32,
        symbols: &[u16],
    ) -> Result<Vec<u16>, Error> {
        let cipher = FF1::<Aes256Enc>::new(self.0.as_slice(), radix).map_err(|_| Error::Symbol)?;
        let input = FlexibleNumeralString::from(symbols.to_vec());
        let output = match direction {
            Direction::Encrypt => cipher.encrypt(tweak, &input),
            Direction::Decrypt => cipher.decrypt(tweak, &input),
        };
        Ok(output.map_err(|_| Error::Domain)?.into())
    }

    fn walk(
        &self,
        direction: Direction,
        tweak: &[u8],
        radices: &[u32],
        symbols: &[u16],
    ) -> Result<Vec<u16>, Error> {
        let size = radices
            .iter()
            .fold(BigUint::from(1_u32), |product, radix| product * *radix);
        let mut rank = symbols
            .iter()
            .zip(radices)
            .fold(BigUint::ZERO, |rank, (symbol, radix)| rank * *radix + *symbol);
        let bits = (&size - 1_u32).bits();
        for _ in 0..MAX_WALK {
            let binary: Vec<u16> = (0..bits).rev().map(|bit| u16::from(rank.bit(bit))).collect();
            let binary = self.once(direction, tweak, 2, &binary)?;
            rank = binary
                .iter()
                .fold(BigUint::ZERO, |rank, bit| (rank << 1_u32) + *bit);
            if rank < size {
                return unrank(rank, radices);
            }
        }
        Err(Error::Library)
    }
}

fn unrank(mut rank: BigUint, radices: &[u32]) -> Result<Vec<u16>, Error> {
    let mut symbols = Vec::with_capacity(radices.len());
    for radix in radices.iter().rev() {
        let symbol = &rank % *radix;
        rank /= *radix;
        symbols.push(u16::try_from(symbol).map_err(|_| Error::Library)?);
    }
    symbols.reverse();
    Ok(symbols)
}

impl fmt::Debug for Ff1Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ff1Key([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    fn symbols(text: &str) -> Vec<u16> {
        text.chars().map(|c| c.to_digit(36).unwrap() as u16).collect()
    }

    fn nist_key() -> Ff1Key {
        let hex = b"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94";
        let bytes: [u8; 32] = HEXLOWER.decode(hex).unwrap().try_into().unwrap();
        Ff1Key::new(Zeroizing::new(bytes))
    }

    #[test]
    fn the_aes_256_samples_of_nist_are_reproduced_both_ways() {
        // NIST cryptographic standards, examples with intermediate values, FF1 samples 7 to 9.
        for (radix, tweak, plain, sealed) in [
            (10, "", "0123456789", "6657667009"),
            (10, "39383736353433323130", "0123456789", "1001623463"),
            (
                36,
                "3737373770717273373737",
                "0123456789abcdefghi",
                "xs8a0azh2avyalyzuwd",
            ),
        ] {
            let tweak = HEXLOWER.decode(tweak.as_bytes()).unwrap();
            let radices = vec![radix; plain.len()];
            let key = nist_key();
            assert_eq!(
                key.encrypt(&tweak, &radices, &symbols(plain)).unwrap(),
                symbols(sealed)
            );
            assert_eq!(
                key.decrypt(&tweak, &radices, &symbols(sealed)).unwrap(),
                symbols(plain)
            );
        }
    }

    #[test]
    fn the_aes_128_and_192_samples_of_nist_hold_for_the_library() {
        // Samples 1 and 4: the same numerals under the shorter keys.
        let input = FlexibleNumeralString::from(symbols("0123456789"));
        let key = HEXLOWER
            .decode(b"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f")
            .unwrap();
        let short = FF1::<aes::Aes128Enc>::new(&key[..16], 10).unwrap();
        let made: Vec<u16> = short.encrypt(&[], &input).unwrap().into();
        assert_eq!(made, symbols("2433477484"));
        let long = FF1::<aes::Aes192Enc>::new(&key, 10).unwrap();
        let made: Vec<u16> = long.encrypt(&[], &input).unwrap().into();
        assert_eq!(made, symbols("2830668132"));
    }

    #[test]
    fn forms_with_too_few_values_or_too_many_symbols_are_refused() {
        let key = nist_key();
        assert_eq!(key.encrypt(b"", &[10; 5], &[1; 5]), Err(Error::Domain));
        assert!(key.encrypt(b"", &[10; 6], &[1; 6]).is_ok());
        assert_eq!(key.encrypt(b"", &[26, 10, 10, 10], &[1; 4]), Err(Error::Domain));
        assert!(key.encrypt(b"", &[26, 26, 10, 10, 10, 10], &[1; 6]).is_ok());
        assert_eq!(key.encrypt(b"", &[10; 513], &[1; 513]), Err(Error::Domain));
        assert_eq!(key.encrypt(b"", &[], &[]), Err(Error::Domain));
    }

    #[test]
    fn symbols_outside_their_alphabet_are_refused() {
        let key = nist_key();
        assert_eq!(key.encrypt(b"", &[10; 7], &[10; 7]), Err(Error::Symbol));
        assert_eq!(key.encrypt(b"", &[10; 7], &[1; 6]), Err(Error::Symbol));
        assert_eq!(key.encrypt(b"", &[65_537; 7], &[1; 7]), Err(Error::Symbol));
        assert_eq!(key.encrypt(b"", &[1; 7], &[0; 7]), Err(Error::Symbol));
    }

    proptest! {
        #[test]
        fn every_form_is_kept_and_decrypts_exactly(
            pairs in prop::collection::vec(
                prop::sample::select(vec![2_u32, 10, 26, 36, 11_172, 65_536])
                    .prop_flat_map(|radix| (Just(radix), 0..=u16::try_from(radix - 1).unwrap())),
                6..40,
            ),
            tweak in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let (radices, plain): (Vec<u32>, Vec<u16>) = pairs.into_iter().unzip();
            let key = nist_key();
            match key.encrypt(&tweak, &radices, &plain) {
                Ok(sealed) => {
                    prop_assert!(sealed.iter().zip(&radices).all(|(s, r)| u32::from(*s) < *r));
                    prop_assert_eq!(key.decrypt(&tweak, &radices, &sealed).unwrap(), plain);
                }
                Err(error) => prop_assert_eq!(error, Error::Domain),
            }
        }
    }
}
