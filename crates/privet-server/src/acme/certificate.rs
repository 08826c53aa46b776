//! A certificate with its key: as it is kept, what it says of itself, and the request for one.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use webpki::EndEntityCert;
use yasna::models::ObjectIdentifier;
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result, BERReader, BERReaderSeq, Tag, tags};

use crate::tls::certificates;

/// Authority key identifier (RFC 5280, 4.2.1.1).
const AUTHORITY_KEY: [u64; 4] = [2, 5, 29, 35];

/// A chain and its key, as they are kept: nothing of it is readable before it is sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Pair {
    /// PKCS #8, base64.
    key: String,
    /// PEM, the leaf first.
    chain: String,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// Its serial number, the content of the DER.
    pub(super) serial: Vec<u8>,
    /// By what it names its authority's key.
    pub(super) authority_key: Option<Vec<u8>>,
    /// SHA-256 of it.
    pub(super) hash: [u8; 32],
}

/// Why a certificate cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("the certificate cannot be read")]
    Unreadable,
    #[error("the certificate is not of the key that it was asked for with")]
    OtherKey,
    #[error("the certificate is not for all names of `domains` in `[tls.acme]`")]
    OtherNames,
    #[error("the certificate is not good at this time; check this machine's clock")]
    OutOfTime,
}

/// A key, and the request for a certificate of it (PKCS #10, DER).
pub(super) fn request(domains: &BTreeSet<String>) -> Result<(KeyPair, Vec<u8>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(domains.iter().cloned().collect::<Vec<_>>())?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key)?;
    Ok((key, request.der().to_vec()))
}

impl Pair {
    pub(super) fn new(key: &KeyPair, chain: String) -> Self {
        Self {
            key: BASE64.encode(key.serialized_der()),
            chain,
        }
    }

    /// What TLS needs of it, if it is for all of `domains`.
    pub(super) fn open(&self, domains: &BTreeSet<String>) -> Result<(CertifiedKey, Facts), Unusable> {
        let chain = certificates(self.chain.as_bytes()).ok_or(Unusable::Unreadable)?;
        let leaf = chain.first().ok_or(Unusable::Unreadable)?;
        let facts = Facts::of(leaf)?;
        let named = EndEntityCert::try_from(leaf).map_err(|_| Unusable::Unreadable)?;
        let is_for = |domain: &String| {
            let name = ServerName::try_from(domain.as_str());
            name.is_ok_and(|name| named.verify_is_valid_for_subject_name(&name).is_ok())
        };
        if !domains.iter().all(is_for) {
            return Err(Unusable::OtherNames);
        }
        let key = BASE64.decode(self.key.as_bytes());
        let key = PrivateKeyDer::Pkcs8(key.map_err(|_| Unusable::Unreadable)?.into());
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(|_| Unusable::OtherKey)?;
        Ok((pair, facts))
    }
}

impl Facts {
    fn of(certificate: &CertificateDer<'_>) -> Result<Self, Unusable> {
        let read = yasna::parse_der(certificate, |reader| {
            reader.read_sequence(|reader| {
                let facts = reader.next().read_sequence(signed_part)?;
                // How it is signed, and the signature.
                reader.next().read_der()?;
                reader.next().read_der()?;
                Ok(facts)
            })
        });
        let (serial, [from, until], authority_key) = read.map_err(|_| Unusable::Unreadable)?;
        let at = |seconds| Timestamp::from_second(seconds).map_err(|_| Unusable::Unreadable);
        Ok(Self {
            from: at(from)?,
            until: at(until)?,
            serial,
            authority_key,
            hash: privet_crypto::sha256(certificate),
        })
    }

    /// How long it is good in all.
    pub(super) fn lifetime(&self) -> jiff::SignedDuration {
        self.until.duration_since(self.from)
    }
}

type Read = (Vec<u8>, [i64; 2], Option<Vec<u8>>);

/// `TBSCertificate` (RFC 5280, 4.1).
fn signed_part(reader: &mut BERReaderSeq<'_, '_>) -> ASN1Result<Read> {
    // Certificates of servers are of version 3.
    reader
        .next()
        .read_tagged(Tag::context(0), |reader| reader.read_u8())?;
    let serial = reader.next().read_tagged_der()?;
    for _algorithm_and_issuer in 0..2 {
        reader.next().read_der()?;
    }
    let times = reader
        .next()
        .read_sequence(|reader| Ok([seconds(reader.next())?, seconds(reader.next())?]))?;
    for _subject_and_key in 0..2 {
        reader.next().read_der()?;
    }
    for unique_id in 1..=2 {
        let skip = |reader: BERReader<'_, '_>| {
            reader.read_tagged_implicit(Tag::context(unique_id), |reader| reader.read_bitvec_bytes())
        };
        reader.read_optional(skip)?;
    }
    let extensions = reader.read_optional(|reader| {
        reader.read_tagged(Tag::context(3), |reader| reader.collect_sequence_of(extension))
    })?;
    let wanted = ObjectIdentifier::from_slice(&AUTHORITY_KEY);
    let mut extensions = extensions.into_iter().flatten();
    let value = extensions.find(|(oid, _)| *oid == wanted).map(|(_, value)| value);
    let authority_key = value
        .map(|value| yasna::parse_der(&value, key_identifier))
        .transpose()?;
    Ok((serial.value().to_vec(), times, authority_key.flatten()))
}

fn extension(reader: BERReader<'_, '_>) -> ASN1Result<(ObjectIdentifier, Vec<u8>)> {
    reader.read_sequence(|reader| {
        let oid = reader.next().read_oid()?;
        // Whether it is critical. Some write down that it is not, which DER forbids.
        reader.read_optional(|reader| reader.read_bool())?;
        Ok((oid, reader.next().read_bytes()?))
    })
}

fn key_identifier(reader: BERReader<'_, '_>) -> ASN1Result<Option<Vec<u8>>> {
    reader.read_sequence(|reader| {
        let id = reader.read_optional(|reader| {
            reader.read_tagged_implicit(Tag::context(0), |reader| reader.read_bytes())
        })?;
        // The authority's certificate, by its issuer and number.
        while reader.read_optional(|reader| reader.read_der())?.is_some() {}
        Ok(id)
    })
}

/// Seconds since 1970.
fn seconds(reader: BERReader<'_, '_>) -> ASN1Result<i64> {
    match reader.lookahead_tag()? {
        tags::TAG_UTCTIME => Ok(reader.read_utctime()?.datetime().unix_timestamp()),
        tags::TAG_GENERALIZEDTIME => Ok(reader.read_generalized_time()?.datetime().unix_timestamp()),
        _ => Err(ASN1Error::new(ASN1ErrorKind::Invalid)),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedIssuer, IsCa, KeyIdMethod, SerialNumber, date_time_ymd};

    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// A chain for `a.example` and the key it is of, from 2031 to 2051: times of both kinds that certificates have.
    fn made() -> (KeyPair, String, Vec<u8>) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1, 2, 3, 4]);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2031, 5, 6);
        params.not_after = date_time_ymd(2051, 5, 6);
        params.serial_number = Some(SerialNumber::from_slice(&[0x87, 0x65]));
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let der = certificate.der().to_vec();
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            BASE64.encode(&der)
        );
        (key, pem, der)
    }

    #[test]
    fn a_certificate_says_how_long_it_is_good_and_who_signed_it() {
        let (key, pem, _) = made();
        let (_, facts) = Pair::new(&key, pem).open(&names(&["a.example"])).unwrap();
        assert_eq!(facts.from, "2031-05-06T00:00:00Z".parse().unwrap());
        assert_eq!(facts.until, "2051-05-06T00:00:00Z".parse().unwrap());
        // With the zero that keeps it above zero, as RFC 9773, 4.1 wants it.
        assert_eq!(facts.serial, [0, 0x87, 0x65]);
        assert_eq!(facts.authority_key, Some(vec![1, 2, 3, 4]));
    }

    #[test]
    fn another_key_or_another_name_is_noticed() {
        let (key, pem, _) = made();
        let open = |key: &KeyPair, domains: &[&str]| {
            let opened = Pair::new(key, pem.clone()).open(&names(domains));
            opened.map(drop).unwrap_err()
        };
        assert_eq!(
            open(&KeyPair::generate().unwrap(), &["a.example"]),
            Unusable::OtherKey
        );
        assert_eq!(open(&key, &["a.example", "b.example"]), Unusable::OtherNames);
        let none = Pair::new(&key, "nothing".to_owned()).open(&names(&["a.example"]));
        assert_eq!(none.map(drop).unwrap_err(), Unusable::Unreadable);
    }

    #[test]
    fn no_damage_to_a_certificate_ends_the_process() {
        let (_, _, der) = made();
        for length in 0..der.len() {
            let cut = CertificateDer::from(der[..length].to_vec());
            assert_eq!(Facts::of(&cut).unwrap_err(), Unusable::Unreadable);
        }
        for place in 0..der.len() {
            let mut changed = der.clone();
            changed[place] ^= 0xff;
            // Whatever it says: it says something.
            let _ = Facts::of(&CertificateDer::from(changed));
        }
    }
}
