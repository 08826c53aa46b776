//! `privet serve`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use privet_guardrails::gate::Models;
use privet_policy::{policy_example, settings_example};
use privet_server::SystemClock;
use privet_types::Clock;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::access::Access;
use crate::cli::ServeArgs;
use crate::node::Node;
use crate::policy_watch::Seen;
use crate::{rim, telemetry};

pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode> {
    if args.print_example {
        rim::say(settings_example().trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.print_policy {
        rim::say(policy_example().trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = rim::settings(&args.config)?;
    let seen = Seen::now(&settings, &[]);
    let access = Access::load(&settings)?.with_guard_models(&settings, &Models::default())?;
    let policy = &access.policy;
    policy.routing().check_against(&settings)?;
    let upstream_keys = rim::upstream_keys(&settings)?;
    let model = rim::model(&settings, policy)?;
    if args.check {
        rim::alert_secret(&settings)?;
        rim::login_secrets(&settings)?;
        rim::store_location(&settings)?;
        crate::keyring::location(&settings)?;
        let external_account = rim::external_account(&settings)?;
        privet_server::check_certificates(&settings, external_account.as_ref())?;
        telemetry::of(&settings)?;
        let now = SystemClock.now();
        for warning in access.updates.iter().filter_map(|used| used.warning(now)) {
            eprintln!("privet: {warning}");
        }
        rim::say(format_args!(
            "settings and policy are fine; policy version {}",
            policy.version()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (telemetry, exporter) = telemetry::of(&settings)?;
    telemetry::start_log(&settings.log, &telemetry)?;
    let root = rim::root_key(&settings)?;
    let log_key = rim::log_key(&settings)?;
    runtime()?.block_on(async {
        // Listened for before anything is started: no signal is lost.
        let shutdown = shutdown_signal()?;
        let config = args.config.clone();
        let log_key_now = move || {
            let key = rim::settings(&config).and_then(|settings| rim::log_key(&settings));
            key.inspect_err(|error| tracing::warn!(error = %format!("{error:#}"), "the new key of the audit log cannot be read"))
                .ok()
                .flatten()
        };
        let (log_keys, traced) = ((log_key, log_key_now), (telemetry, exporter));
        let node = Node::start(settings, (access, seen), model, root, log_keys, upstream_keys, traced).await?;
        let scheme = if node.has_tls() { "https" } else { "http" };
        tracing::info!(address = %node.address(), url = format!("{scheme}://{}", node.address()), version = env!("CARGO_PKG_VERSION"), "listening");
        node.run(shutdown).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Threads that wait for files.
const FILE_THREADS: usize = 4;

/// A runtime for everything but the serving of connections, which has threads of its own.
pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(1)
        .max_blocking_threads(FILE_THREADS)
        .build()
        .context("cannot start")
}

/// Done at the first SIGINT or SIGTERM; the second one ends the process at once.
pub(crate) fn shutdown_signal() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            abort();
        });
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user asked a second time; nothing else may hold the process up"
)]
fn abort() {
    std::process::exit(130);
}
