//! One run: start everything, measure row by row, say what came out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::args::Options;
use crate::body;
use crate::error::Error;
use crate::facts::Facts;
use crate::goals;
use crate::load::{Connections, Expects, Plan, Samples};
use crate::matrix::{Case, Target, cases, other_audit};
use crate::mock;
use crate::process::{Gateway, Memory, Own, Policy, Running, find_privet};
use crate::report::Report;

/// Between load and a look at the CPU time: longer than decisions wait for the store, so that their cost is counted.
const SETTLE: Duration = Duration::from_millis(350);
pub(crate) const SURFACE: &str = "/v1/chat/completions";
/// Before the look at idle memory.
const IDLE: Duration = Duration::from_secs(2);

/// The figures of one row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) name: String,
    pub(crate) requests: usize,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Median time to the first byte of the body.
    pub(crate) first_ms: f64,
    /// CPU time of the gateway for each request; none where there is no gateway.
    pub(crate) cpu_us: Option<f64>,
    /// CPU time of the mock for each request.
    pub(crate) mock_us: f64,
}

/// Memory of one gateway.
#[derive(Debug, Clone)]
pub(crate) struct Resident {
    pub(crate) target: String,
    /// It is Privet, and its network is off: the goal is for that.
    pub(crate) has_no_network: bool,
    pub(crate) idle: Memory,
    pub(crate) loaded: Memory,
}

/// Who is asked.
pub(crate) struct Server<'a> {
    address: SocketAddr,
    path: String,
    key: &'a str,
    headers: &'a [(String, String)],
    /// Whose CPU time is measured.
    process: Option<&'a Running>,
}

impl<'a> Server<'a> {
    pub(crate) fn gateway(gateway: &'a Gateway) -> Self {
        Self {
            address: gateway.address,
            path: SURFACE.to_owned(),
            key: &gateway.key,
            headers: &[],
            process: Some(&gateway.process),
        }
    }

    pub(crate) fn proxy(proxy: &'a Own) -> Self {
        Self {
            address: proxy.address,
            path: SURFACE.to_owned(),
            key: mock::KEY,
            headers: &[],
            process: Some(&proxy.process),
        }
    }
}

pub(crate) async fn run(options: &Options) -> Result<(), Error> {
    let cases = cases(options);
    if cases.is_empty() {
        let only = options.only.as_deref().unwrap_or_default();
        return Err(Error::Usage(format!("`--only {only}` fits no row")));
    }
    let privet = find_privet(options.privet.as_deref())?;
    let dir = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    let began = Instant::now();
    let report = Report::new(options.format);
    report.facts(&Facts::collect(&privet, &dir), options);
    let mock = Own::start(&["mock"])?;
    let proxy = Own::start(&["proxy", &mock.address.to_string()])?;
    let mut gateways = BTreeMap::new();
    for target in [
        Target::PassThrough,
        Target::MaskedByRules,
        Target::Masked,
        Target::MaskedOtherAudit,
    ] {
        if cases.iter().any(|case| case.target == target) {
            let (policy, audit) = match target {
                Target::PassThrough => (Policy::PassThrough, options.audit),
                Target::MaskedByRules => (Policy::ByRules, options.audit),
                Target::MaskedOtherAudit => (Policy::Masked, other_audit(options.audit)),
                Target::Masked | Target::Direct | Target::BareProxy | Target::Peer(_) => {
                    (Policy::Masked, options.audit)
                }
            };
            gateways.insert(
                target,
                Gateway::start(&privet, &dir, mock.address, policy, audit)?,
            );
        }
    }
    let mut peers = BTreeMap::new();
    for (index, peer) in options.peers.iter().enumerate() {
        let target = Target::Peer(index);
        if cases.iter().any(|case| case.target == target) {
            peers.insert(target, peer.start(&dir, mock.address)?);
        }
    }
    tokio::time::sleep(IDLE).await;
    let processes: Vec<(Target, &Running)> = gateways
        .iter()
        .map(|(target, gateway)| (*target, &gateway.process))
        .chain(peers.iter().map(|(target, peer)| (*target, &peer.process)))
        .collect();
    let idle: BTreeMap<Target, Memory> = processes
        .iter()
        .map(|(target, process)| Ok((*target, process.memory()?)))
        .collect::<Result<_, Error>>()?;
    let mut rows = Vec::new();
    for case in cases {
        let server = match (case.target, gateways.get(&case.target)) {
            (_, Some(gateway)) => Server::gateway(gateway),
            (Target::Peer(index), None) => {
                let peer = peers.get(&case.target);
                let peer = peer.ok_or_else(|| Error::Usage("no such peer".to_owned()))?;
                Server {
                    address: peer.address,
                    path: SURFACE.to_owned(),
                    key: options
                        .peers
                        .get(index)
                        .map_or(mock::KEY, |peer| peer.key.as_str()),
                    headers: &peer.headers,
                    process: Some(&peer.process),
                }
            }
            (Target::BareProxy, None) => Server::proxy(&proxy),
            (_, None) => Server {
                address: mock.address,
                path: format!("{}{SURFACE}", mock::PLAIN),
                key: mock::KEY,
                headers: &[],
                process: None,
            },
        };
        let row = measure(case, &mock, server, options).await?;
        report.row(&row);
        rows.push(row);
    }
    tokio::time::sleep(IDLE).await;
    let resident = processes.iter().filter_map(|(target, process)| {
        let idle = *idle.get(target)?;
        let loaded = process.memory();
        Some(loaded.map(|loaded| Resident {
            target: target.name(options),
            has_no_network: *target == Target::MaskedByRules,
            idle,
            loaded,
        }))
    });
    let resident: Vec<Resident> = resident.collect::<Result<_, _>>()?;
    report.resident(&resident);
    report.goals(&goals::judge(&rows, &resident));
    report.end(began.elapsed(), rows.iter().map(|row| row.requests).sum());
    Ok(())
}

/// Warms up, then measures one row.
pub(crate) async fn measure(
    case: Case,
    mock: &Own,
    server: Server<'_>,
    options: &Options,
) -> Result<Row, Error> {
    let name = case.name(options);
    let plan = Plan {
        row: name.clone(),
        address: server.address,
        path: server.path,
        key: server.key.to_owned(),
        headers: server.headers.to_vec(),
        calls: body::calls(case.size, case.shape),
        shape: case.shape,
        expects: match case.target {
            Target::Direct | Target::BareProxy | Target::Peer(_) => Expects::Plain,
            Target::PassThrough => Expects::PassedThrough,
            Target::MaskedByRules | Target::Masked | Target::MaskedOtherAudit => Expects::Restored,
        },
    };
    let mut connections = Connections::open(plan, case.connections).await?;
    connections.run(options.warm_up).await?;
    tokio::time::sleep(SETTLE).await;
    let cpu = || Ok::<_, Error>((server.process.map(Running::cpu).transpose()?, mock.process.cpu()?));
    let (before, mock_before) = cpu()?;
    let (mut samples, took) = connections.run(options.measured).await?;
    tokio::time::sleep(SETTLE).await;
    let (after, mock_after) = cpu()?;
    samples.total_us.sort_unstable();
    samples.first_us.sort_unstable();
    let requests = samples.total_us.len();
    let count = u32::try_from(requests).map_or(f64::MAX, f64::from);
    let each = |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64() * 1e6 / count;
    let percentile = |sorted: &[u32], n| Samples::percentile(sorted, n).unwrap_or_default();
    Ok(Row {
        case,
        name,
        requests,
        per_second: count / took.as_secs_f64(),
        p50_ms: percentile(&samples.total_us, 50),
        p99_ms: percentile(&samples.total_us, 99),
        first_ms: percentile(&samples.first_us, 50),
        cpu_us: before.zip(after).map(|(a, b)| each(a, b)),
        mock_us: each(mock_before, mock_after),
    })
}
