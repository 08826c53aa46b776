//! The key that signs a tenant's receipts.

use privet_crypto::{SigningKey, VerifyingKey};
use privet_types::TenantId;

use crate::{ConsentReceipt, Error, SignedReceipt, Vault};

impl Vault {
    /// The public key that a tenant's receipts of erasure and of consent are verified with.
    ///
    /// # Errors
    /// [`Error::Store`] if the keyring does not answer.
    pub async fn receipt_key(&self, tenant: &TenantId) -> Result<VerifyingKey, Error> {
        Ok(self.receipt_signer(tenant).await?.verifying_key())
    }

    /// Signs a receipt of consent with the key of its tenant.
    ///
    /// # Errors
    /// [`Error::Store`] if the keyring does not answer.
    pub async fn sign_consent_receipt(
        &self,
        tenant: &TenantId,
        receipt: ConsentReceipt,
    ) -> Result<SignedReceipt, Error> {
        receipt.sign(&self.receipt_signer(tenant).await?)
    }

    /// One key for both kinds: what is signed of one begins with `{`, of the other with its own name.
    pub(super) async fn receipt_signer(&self, tenant: &TenantId) -> Result<SigningKey, Error> {
        let secret = self.keyring.tenant_secret(tenant).await?;
        Ok(secret.signing_key("privet/vault/receipts", tenant.as_str().as_bytes())?)
    }
}
