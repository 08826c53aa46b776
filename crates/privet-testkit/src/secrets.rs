//! The secrets of a gateway under test.

use data_encoding::BASE64URL_NOPAD;
use privet_policy::{Provider, TlsSettings};
use privet_server::{AwsKeys, ProviderKey};
use privet_types::Secret;

/// With what accounts elsewhere are signed for, where the authority of certificates wants one.
pub const EXTERNAL_ACCOUNT_KEY: &[u8; 32] = b"a key of thirty-two bytes, or so";

/// What signs for the account elsewhere, where the authority of certificates wants one.
pub(crate) fn external_account(tls: &TlsSettings) -> Option<Secret<String>> {
    let wanted = tls.acme.as_ref()?.external_account.as_ref();
    wanted.map(|_| Secret::new(BASE64URL_NOPAD.encode(EXTERNAL_ACCOUNT_KEY)))
}

/// `upstream-key-of-NAME`, or what signs requests to AWS.
pub(crate) fn key_of(provider: &Provider) -> ProviderKey {
    let name = provider.name();
    let Some(aws) = provider.aws() else {
        return ProviderKey::Header(Secret::new(format!("upstream-key-of-{name}")));
    };
    ProviderKey::Aws(AwsKeys {
        access_key_id: format!("id-of-{name}"),
        secret_access_key: Secret::new(format!("upstream-key-of-{name}")),
        session_token: aws
            .session_token
            .as_ref()
            .map(|_| Secret::new(format!("token-of-{name}"))),
    })
}
