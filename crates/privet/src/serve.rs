//! `privet serve`.

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use privet_policy::{Log, LogFormat, policy_example, settings_example};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::access::Access;
use crate::cli::ServeArgs;
use crate::node::Node;
use crate::rim;

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
    let access = Access::load(&settings)?;
    let policy = &access.policy;
    policy.routing().check_against(&settings)?;
    let upstream_keys = rim::upstream_keys(&settings)?;
    let model = rim::model(&settings, policy)?;
    if args.check {
        rim::alert_secret(&settings)?;
        rim::login_secrets(&settings)?;
        rim::store_location(&settings)?;
        crate::keyring::location(&settings)?;
        privet_server::check_certificates(&settings)?;
        rim::say(format_args!(
            "settings and policy are fine; policy version {}",
            policy.version()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    start_log(&settings.log)?;
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
        let node = Node::start(settings, access, model, root, log_key, log_key_now, upstream_keys).await?;
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

fn start_log(log: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(format!(
        "warn,privet={0},privet_server={0},privet_store={0},privet_access={0},privet_vault={0}",
        log.level.name()
    ))?;
    let log_to_stderr = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Json => log_to_stderr.json().try_init(),
        LogFormat::Text => log_to_stderr.with_ansi(false).try_init(),
    };
    started.map_err(|error| anyhow!("cannot start the log: {error}"))
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
