//! The least a proxy can do: a process that hands requests on and replies back, and looks at nothing.
//!
//! Made of the same parts as Privet's server, so that the difference is what Privet itself costs.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::error::Error;
use crate::mock;
use crate::process::serve_until_orphaned;

type Forward = Client<HttpConnector, Full<Bytes>>;

/// Hands all requests on to the mock at `to`, an address and a port, until standard input ends.
pub(crate) async fn run(to: String) -> Result<(), Error> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Forward = Client::builder(TokioExecutor::new()).build(connector);
    let shared = Arc::new((client, to));
    serve_until_orphaned(move |stream| {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| forward(Arc::clone(&shared), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    })
    .await
}

async fn forward(
    shared: Arc<(Forward, String)>,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, hyper::Error>>, hyper::Error> {
    let (client, to) = &*shared;
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut onward = Request::new(Full::new(body));
    *onward.method_mut() = parts.method;
    *onward.headers_mut() = parts.headers;
    onward.headers_mut().remove(header::HOST);
    let uri = format!("http://{to}{}{}", mock::PLAIN, parts.uri.path());
    let reply = match uri.parse::<Uri>() {
        Ok(uri) => {
            *onward.uri_mut() = uri;
            client.request(onward).await.ok()
        }
        Err(_) => None,
    };
    Ok(reply.map_or_else(bad_gateway, |reply| reply.map(BodyExt::boxed)))
}

fn bad_gateway() -> Response<BoxBody<Bytes, hyper::Error>> {
    let mut reply = Response::new(
        Full::from("the mock cannot be reached")
            .map_err(|never| match never {})
            .boxed(),
    );
    *reply.status_mut() = StatusCode::BAD_GATEWAY;
    reply
}
