//! Signatures of what is sent out: one-time codes, callbacks. As RFC 9421 says, with Ed25519, over method, address, media
//! type and the digest of the body (RFC 9530).

use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use privet_crypto::{SigningKey, VerifyingKey, sha256};
use privet_types::TenantId;

use crate::{Error, Vault};

/// What the signature covers.
const COVERED: &str = r#"("@method" "@target-uri" "content-type" "content-digest")"#;

/// The headers that make a signed POST of JSON, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `content-digest`.
    pub content_digest: String,
    /// `signature-input`.
    pub signature_input: String,
    /// `signature`.
    pub signature: String,
}

impl SignedHeaders {
    fn sign(key: &SigningKey, url: &str, body: &[u8], at: Timestamp) -> Self {
        let content_digest = format!("sha-256=:{}:", BASE64.encode(&sha256(body)));
        let keyid = HEXLOWER.encode(key.verifying_key().as_bytes());
        let params = format!(
            r#"{COVERED};created={};keyid="{keyid}";alg="ed25519""#,
            at.as_second()
        );
        let base = format!(
            "\"@method\": POST\n\"@target-uri\": {url}\n\"content-type\": application/json\n\
             \"content-digest\": {content_digest}\n\"@signature-params\": {params}"
        );
        Self {
            signature: format!("privet=:{}:", BASE64.encode(&key.sign(base.as_bytes()))),
            signature_input: format!("privet={params}"),
            content_digest,
        }
    }
}

impl Vault {
    /// The headers under which `body`, JSON, is sent to `url` by POST in the name of `tenant`.
    ///
    /// # Errors
    /// [`Error::Store`] if the keyring does not answer.
    pub async fn sign_message(
        &self,
        tenant: &TenantId,
        url: &str,
        body: &[u8],
    ) -> Result<SignedHeaders, Error> {
        let key = self.message_signer(tenant).await?;
        Ok(SignedHeaders::sign(&key, url, body, self.now()))
    }

    /// The key that messages of `tenant` are checked with. Give it out by another way than the messages.
    ///
    /// # Errors
    /// [`Error::Store`] if the keyring does not answer.
    pub async fn message_key(&self, tenant: &TenantId) -> Result<VerifyingKey, Error> {
        Ok(self.message_signer(tenant).await?.verifying_key())
    }

    async fn message_signer(&self, tenant: &TenantId) -> Result<SigningKey, Error> {
        let secret = self.keyring.tenant_secret(tenant).await?;
        Ok(secret.signing_key("privet/vault/messages", tenant.as_str().as_bytes())?)
    }
}
