//! The settings of a gateway under test.

use std::net::SocketAddr;

/// With the demo provider at `provider` in both dialects; the rest is what tables of the document hold.
pub(crate) fn settings(
    provider: SocketAddr,
    [
        keys,
        store,
        limits,
        presidio,
        metrics,
        routing,
        tls,
        vault,
        providers,
        models,
        prices,
        access,
        sign_in,
        telemetry,
    ]: [&str; 14],
) -> String {
    format!(
        r#"
listen = "127.0.0.1:0"
[keys]
{keys}
[store]
{store}
[limits]
{limits}
[presidio]
{presidio}
[metrics]
{metrics}
[routing]
{routing}
[tls]
{tls}
[vault]
{vault}
[access]
{access}
[sign_in]
{sign_in}
[telemetry]
{telemetry}
[[providers]]
name = "openai"
dialect = "openai"
base_url = "http://{provider}/v1"
api_key = {{ env = "READ_BY_NOBODY" }}
[[providers]]
name = "anthropic"
dialect = "anthropic"
base_url = "http://{provider}"
api_key = {{ env = "READ_BY_NOBODY" }}
{providers}
{models}
[[models]]
match = "demo*"
provider = "openai"
[[models]]
match = "claude*"
provider = "anthropic"
{prices}
"#
    )
}
