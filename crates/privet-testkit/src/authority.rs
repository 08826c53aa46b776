//! Certificates of an authority that exists for one test alone.

use data_encoding::BASE64;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PublicKeyData, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};

/// Signs certificates, and is trusted by nobody who was not told to.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters of a certificate");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        Self {
            issuer: issuer.expect("a certificate of an authority"),
        }
    }
}

impl Authority {
    /// Its own certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate())
    }

    /// Its own certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        AsRef::<rcgen::Certificate>::as_ref(&self.issuer).der()
    }

    /// A certificate for `names`: hosts, IP addresses, and URIs.
    #[must_use]
    pub fn sign(&self, names: &[&str]) -> Identity {
        self.make(names, |_| {})
    }

    /// The same, long expired.
    #[must_use]
    pub fn sign_expired(&self, names: &[&str]) -> Identity {
        self.make(names, |params| params.not_after = date_time_ymd(2001, 1, 1))
    }

    /// A certificate for these hosts and a key that only its owner has, and this authority's own behind it, PEM. Good from the first time
    /// to the second.
    pub(crate) fn issue(
        &self,
        names: &[String],
        key: &impl PublicKeyData,
        (from, until): (Timestamp, Timestamp),
    ) -> String {
        let mut params = CertificateParams::new(names.to_vec()).expect("parameters of a certificate");
        let day = |at: Timestamp| {
            let at = at.to_zoned(TimeZone::UTC);
            let (month, day) = (at.month(), at.day());
            date_time_ymd(at.year().into(), month.unsigned_abs(), day.unsigned_abs())
        };
        (params.not_before, params.not_after) = (day(from), day(until));
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(key, &self.issuer).expect("a certificate");
        pem("CERTIFICATE", certificate.der()) + &self.pem()
    }

    fn make(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let (uris, others): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains("://"));
        let others: Vec<String> = others.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(others).expect("parameters of a certificate");
        for uri in uris {
            let uri = uri.try_into().expect("a URI of ASCII");
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity {
            certificate: certificate.der().clone(),
            key,
        }
    }
}

impl Identity {
    /// The certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The key, PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.key.serialized_der())
    }

    /// The certificate, DER.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The key, DER.
    #[must_use]
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }

    /// Its public key as certificates hold it, DER.
    #[must_use]
    pub fn public_key(&self) -> SubjectPublicKeyInfoDer<'static> {
        self.key.subject_public_key_info().into()
    }
}

/// As RFC 7468 writes it.
fn pem(label: &str, der: &[u8]) -> String {
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        out.push_str(&BASE64.encode(line));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}
