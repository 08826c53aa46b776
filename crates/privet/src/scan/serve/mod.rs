//! `privet scan --serve`: answers editors on this machine what is in a file, and how a notebook looks mended.

mod answer;
mod doors;
mod look;
mod problem;
mod token;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use privet_server::SystemClock;
use privet_types::Clock;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::options::ScanArgs;
use super::outcome::Ground;
use crate::{rim, serve};
use answer::Service;
use doors::Doors;
use look::Looker;

/// Connections that are served at once; more wait in the operating system's queue.
const MOST_CONNECTIONS: usize = 32;
/// How long a caller may take to send the head of a request.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Files that are looked at at once, if `--jobs` does not say. Each may hold the longest body a few times.
const JOBS: usize = 2;

/// Serves until a signal ends it.
///
/// # Errors
/// If the settings or the token cannot be used, or the port is taken.
pub(super) fn run(args: &ScanArgs) -> Result<ExitCode> {
    let ground = Ground::lay(args, SystemClock.now())?;
    let origins = doors::origins(&args.allow_origin)?;
    let (token, token_file) = token::open(args.token_file.as_deref())?;
    let looker = Looker::new(ground, args.baseline.clone(), args.jobs.unwrap_or(JOBS).max(1));
    let runtime = serve::runtime()?;
    runtime.block_on(async {
        let shutdown = serve::shutdown_signal()?;
        let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
        let listener = TcpListener::bind(asked).await.with_context(|| {
            format!(
                "cannot listen on `{asked}`; if another `privet scan --serve` does, choose another `--port`"
            )
        })?;
        let port = listener.local_addr().context("cannot listen")?.port();
        let service = Arc::new(Service::new(Doors::new(port, origins, &token)?, looker));
        rim::say(format_args!(
            "scans are served at http://127.0.0.1:{port}; the token is in `{}`",
            token_file.display()
        ))?;
        tokio::select! {
            () = accept(&listener, &service) => {}
            () = shutdown => {}
        }
        anyhow::Ok(())
    })?;
    // What is still looked at is for nobody any more.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn accept(listener: &TcpListener, service: &Arc<Service>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: let some connections end first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let service = Arc::clone(service);
        connections.spawn(async move {
            let answer = service_fn(move |request| {
                let service = Arc::clone(&service);
                async move { Ok::<_, Infallible>(service.answer(request).await) }
            });
            // A caller that goes away is no failure of the server.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_DEADLINE)
                .serve_connection(TokioIo::new(stream), answer)
                .await;
            drop(place);
        });
    }
}
