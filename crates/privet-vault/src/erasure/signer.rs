//! The key that signs a tenant's receipts.

use privet_crypto::{SigningKey, VerifyingKey};
use privet_types::TenantId;

use crate::{ConsentReceipt, Error, SignedReceipt, Vault};

impl Vault {
    /// The public key that all receipts of a tenant are verified with: of erasures, requests and consent.
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

    /// One key for all kinds: statements name their format, and what is signed of consent begins with a name of its own.
    pub(crate) async fn receipt_signer(&self, tenant: &TenantId) -> Result<SigningKey, Error> {
        let secret = self.keyring.tenant_secret(tenant).await?;
        Ok(secret.signing_key("privet/vault/receipts", tenant.as_str().as_bytes())?)
    }
}
