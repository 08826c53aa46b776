//! A provider on this machine and what it answers.

use privet_demo::client::{Client, Reply};
use privet_demo::{Cuts, Provider, ProviderConfig};
use serde_json::Value;

/// A surrogate as the gateway makes them.
pub(crate) const TAG: &str = "<EMAIL_ADDRESS_7Q2MX9PKR4TWZ>";

pub(crate) async fn provider(cuts: Cuts) -> (Provider, Client) {
    let provider = Provider::start(ProviderConfig {
        cuts,
        ..ProviderConfig::default()
    })
    .await
    .unwrap();
    let client = Client::new(provider.addr(), None);
    (provider, client)
}

pub(crate) fn json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

/// The `data:` lines of a stream, and the `event:` names, one for each event.
pub(crate) fn data_and_names(reply: &Reply) -> (Vec<String>, Vec<String>) {
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let field = |name: &str| {
        text.lines()
            .filter_map(|line| line.strip_prefix(name))
            .map(str::to_owned)
            .collect()
    };
    (field("data: "), field("event: "))
}
