//! Kill switches on the path of a request: nobody who is cut off is let in, and what they have under way ends.

mod routes;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use privet_access::{Authenticated, Denied, Switches};
use privet_policy::Route;
use privet_types::TenantId;
use tokio::sync::watch;

use crate::gateway::Gateway;
use crate::problem::Problem;

pub(crate) use routes::{Order, described, lift, list, routes, set};

impl Gateway {
    /// That calls which need no key are not cut off.
    pub(crate) fn check_open(&self) -> Result<(), Denied> {
        let switches = self.keys().switches_in_force();
        if switches.cuts_off_tenant(&self.tenant, self.clock.now()) {
            return Err(Denied::SwitchedOff);
        }
        Ok(())
    }

    /// That neither `model` nor the provider of `route` is cut off. Gives back the other targets whose providers are.
    pub(crate) fn check_route(
        &self,
        tenant: &TenantId,
        model: &str,
        route: &Route<'_>,
    ) -> Result<Vec<usize>, Problem> {
        let now = self.clock.now();
        let switches = self.keys().switches_in_force();
        let is_off = |provider: &str| switches.cuts_off_provider(tenant, provider, now);
        let is_model = switches.cuts_off_model(tenant, model, now);
        if is_model || is_off(route.provider.name()) {
            return Err(Problem::SwitchedOff {
                is_model,
                provider: route.provider.name().to_owned(),
                model: model.to_owned(),
            });
        }
        if !switches.has_providers() {
            return Ok(Vec::new());
        }
        let targets = 0..route.targets().len();
        let off = targets.filter(|index| {
            let target = route.with(*index);
            target.is_some_and(|target| is_off(target.provider.name()))
        });
        Ok(off.collect())
    }

    /// The providers that are cut off for `tenant`.
    pub(crate) fn providers_off(&self, tenant: &TenantId) -> Vec<String> {
        let switches = self.keys().switches_in_force();
        if !switches.has_providers() {
            return Vec::new();
        }
        let now = self.clock.now();
        let names = self.settings.providers().iter().map(|provider| provider.name());
        let off = names.filter(|name| switches.cuts_off_provider(tenant, name, now));
        off.map(str::to_owned).collect()
    }
}

/// Tells when a request under way is cut off.
pub(crate) struct SwitchedOff {
    gateway: Arc<Gateway>,
    switches: watch::Receiver<Switches>,
    caller: Authenticated,
    model: String,
    /// Who answers, once that is known.
    provider: Option<String>,
}

impl SwitchedOff {
    pub(crate) fn new(gateway: &Arc<Gateway>, caller: Authenticated, model: String) -> Self {
        Self {
            switches: gateway.keys().switches(),
            gateway: Arc::clone(gateway),
            caller,
            model,
            provider: None,
        }
    }

    /// `provider` answers.
    pub(crate) fn answers(&mut self, provider: String) {
        self.provider = Some(provider);
    }

    /// Whether it is cut off now.
    pub(crate) fn is_off(&mut self) -> bool {
        let now = self.gateway.clock.now();
        let switches = self.switches.borrow_and_update();
        let tenant = &self.caller.tenant;
        let is_off = |provider: &String| switches.cuts_off_provider(tenant, provider, now);
        switches.cuts_off(&self.caller, now).is_some()
            || switches.cuts_off_model(tenant, &self.model, now)
            || self.provider.as_ref().is_some_and(is_off)
    }

    /// Ends when it is cut off, and never else.
    pub(crate) async fn wait(&mut self) {
        while !self.is_off() {
            if self.switches.changed().await.is_err() {
                // Nobody can change them any more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The reply, which ends when it is cut off. One that is there as a whole is left as it is.
    pub(crate) fn watch(mut self, response: Response<Body>) -> Response<Body> {
        if http_body::Body::size_hint(response.body()).exact().is_some() {
            return response;
        }
        response.map(|body| {
            Body::new(Watched {
                body: Some(body),
                off: Box::pin(async move { self.wait().await }),
            })
        })
    }
}

/// Why a reply was broken off.
#[derive(Debug, thiserror::Error)]
#[error("the reply was cut off by a kill switch")]
struct CutOff;

struct Watched {
    /// None once it is cut off.
    body: Option<Body>,
    off: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        if this.off.as_mut().poll(context).is_ready() {
            tracing::info!(error = %CutOff, "stream ended early");
            this.body = None;
            return Poll::Ready(Some(Err(axum::Error::new(CutOff))));
        }
        Pin::new(body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}
