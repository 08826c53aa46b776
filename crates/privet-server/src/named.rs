//! What the address of a request names.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

/// The first name in the address, decoded. Of what is no text it is empty, which is nobody's name: whoever asks is told so in the
/// shape of the address, and not by the router.
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let name = params.ok().and_then(|params| {
            let (_, name) = params.iter().next()?;
            Some(name.to_owned())
        });
        Ok(Self(name.unwrap_or_default()))
    }
}
