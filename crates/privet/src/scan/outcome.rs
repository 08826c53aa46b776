//! One scan from its settings to its exit status.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use privet_server::SystemClock;
use privet_supplychain::baseline::{AllowList, Baseline, Because, ScanKey};
use privet_supplychain::cache::{Cache, CacheLimits};
use privet_supplychain::report::{FileError, Report, Suppressed, SuppressedBy};
use privet_supplychain::scan::{FileName, Parts, Scanner};
use privet_supplychain::secrets::Rules;
use privet_supplychain::settings::{FailOn, KeyRef, ScanConfig};
use privet_supplychain::{Category, Finding, Severity, artifacts, segments};
use privet_types::{Clock, Entity};

use super::inputs::Inputs;
use super::options::{FailOn as FailOnOption, ScanArgs, Wanted};
use super::work::{self, Done, Work};
use super::{FOUND, INCOMPLETE, advisories, key, mend, quarantine, show};
use crate::rim;

/// The settings file that is used if there is one.
const USUAL: &str = "privet.toml";

/// Scans what `args` name.
///
/// # Errors
/// For wrong usage, and for files that cannot be read or written.
pub(super) fn scan(args: &ScanArgs) -> Result<ExitCode> {
    let now = SystemClock.now();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let ground = Ground::lay(args, now)?;
    let exclude = ground
        .config
        .exclude
        .iter()
        .chain(&args.exclude)
        .cloned()
        .collect();
    let inputs = Inputs::gather(args, exclude, ground.config.max_file_bytes)?;
    let cache = cache(args, &ground.key);

    let is_watched =
        std::io::stderr().is_terminal() && (args.output.is_some() || !std::io::stdout().is_terminal());
    let bar = work::bar(&inputs, is_watched);
    let work = Work {
        scanner: &ground.scanner,
        cache: cache.as_ref(),
        rule_set: &ground.rule_set,
        now_ns: now.as_nanosecond(),
    };
    let jobs = args
        .jobs
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    let done = work.all(&inputs, jobs.unwrap_or(1), &bar);
    bar.finish_and_clear();
    if let Some(Err(error)) = cache.as_ref().map(Cache::flush) {
        rim::tell(&format!("privet: what was found is not remembered: {error}"));
    }

    let mut report = ground.report(&inputs, done, &roots(args), today);
    let known = ground.baseline(args.baseline.as_deref());
    for path in known.iter().chain(&args.write_baseline) {
        leave_out_own_fingerprints(path, &mut report, &ground.key);
    }
    if let Some(path) = &args.write_baseline {
        write_baseline(path, &report.findings, &ground.key, today)?;
    }
    ground.leave_out_known(args.baseline.as_deref(), &mut report, today)?;
    report.put_in_order();
    if let Some(how) = args.fix {
        mend::notebooks(args, how, &inputs, &mut report)?;
    }
    if let Some(folder) = &args.quarantine {
        quarantine::models(folder, &inputs, &mut report, now)?;
    }
    show::write(args, &report, now)?;
    Ok(status(args, &ground.config, &report))
}

/// What files are scanned with: settings, detectors, and what is allowed.
pub(super) struct Ground {
    pub(super) config: ScanConfig,
    /// The folder that paths of the settings start from.
    base: PathBuf,
    key: Arc<ScanKey>,
    advisories: Option<advisories::Loaded>,
    allow: AllowList,
    pub(super) scanner: Scanner,
    rule_set: String,
}

impl Ground {
    /// What `args` and the settings ask for.
    pub(super) fn lay(args: &ScanArgs, now: Timestamp) -> Result<Self> {
        let (config, base) = settings(args)?;
        let reference = match &args.key {
            Some(text) => Some(text.parse::<KeyRef>()?),
            None => config.key.clone(),
        };
        let key = Arc::new(key::of(reference.as_ref())?);
        let advisories = advisories::load(&config, &base, now)?;
        let rules = rules(args, &config, &base)?;
        let allow = config.allow_list()?;
        let scanner = scanner(args, &config, &key, &advisories, rules)?;
        Ok(Self {
            rule_set: scanner.identity(),
            config,
            base,
            key,
            advisories,
            allow,
            scanner,
        })
    }

    /// What was found, without what the settings allow. It is to be put in order once it is whole.
    pub(super) fn report(&self, inputs: &Inputs, done: Vec<Done>, root: &str, today: Date) -> Report {
        let mut report = report(&self.scanner, inputs, done, (root, &self.rule_set));
        report.advisories = self.advisories.as_ref().map(|loaded| loaded.told.clone());
        if report.advisories.as_ref().is_some_and(|index| index.is_stale) {
            report.warnings.push(
                "the index of advisories is out of date; make a new one with `privet scan update`".to_owned(),
            );
        }
        let allowed = self.allow.apply(std::mem::take(&mut report.findings), today);
        report.warnings.extend(allowed.warnings());
        report.findings = allowed.kept;
        report.suppressed.extend(
            allowed
                .suppressed
                .into_iter()
                .map(|(finding, reason)| Suppressed {
                    by: SuppressedBy::Allow,
                    reason,
                    finding,
                }),
        );
        report
    }

    /// Takes out of `report` what the baseline `named`, or that of the settings, knows. It is read anew each time.
    pub(super) fn leave_out_known(
        &self,
        named: Option<&Path>,
        report: &mut Report,
        today: Date,
    ) -> Result<()> {
        match self.baseline(named) {
            Some(path) => apply_baseline(&path, report, &self.key, today),
            None => Ok(()),
        }
    }

    /// The baseline `named`, or that of the settings.
    fn baseline(&self, named: Option<&Path>) -> Option<PathBuf> {
        let configured = || self.config.baseline.as_ref().map(|path| self.base.join(path));
        named.map(Path::to_owned).or_else(configured)
    }
}

fn status(args: &ScanArgs, config: &ScanConfig, report: &Report) -> ExitCode {
    let least = match args.fail_on {
        Some(FailOnOption::Low) => Some(Severity::Low),
        Some(FailOnOption::Medium) => Some(Severity::Medium),
        Some(FailOnOption::High) => Some(Severity::High),
        Some(FailOnOption::Critical) => Some(Severity::Critical),
        Some(FailOnOption::Never) => None,
        None => match config.fail_on {
            FailOn::Low => Some(Severity::Low),
            FailOn::Medium => Some(Severity::Medium),
            FailOn::High => Some(Severity::High),
            FailOn::Critical => Some(Severity::Critical),
            FailOn::Never => None,
        },
    };
    let fails = |finding: &Finding| least.is_some_and(|least| finding.severity >= least);
    if report.findings.iter().any(fails) {
        ExitCode::from(FOUND)
    } else if report.errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(INCOMPLETE)
    }
}

/// `[scan]` of the settings file, and the folder that its paths start from.
fn settings(args: &ScanArgs) -> Result<(ScanConfig, PathBuf)> {
    let (path, is_named) = match &args.config {
        Some(path) => (path.clone(), true),
        None => (PathBuf::from(USUAL), false),
    };
    if !is_named && !path.is_file() {
        return Ok((ScanConfig::default(), PathBuf::new()));
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let config = ScanConfig::parse(&text).with_context(|| format!("in `{}`", path.display()))?;
    let base = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok((config, base))
}

fn rules(args: &ScanArgs, config: &ScanConfig, base: &Path) -> Result<Rules> {
    let mut rules = Rules::embedded();
    let configured = config.secrets.rules.iter().map(|path| base.join(path));
    for path in configured.chain(args.rules.iter().cloned()) {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the rules `{}`", path.display()))?;
        let more =
            Rules::from_gitleaks(&text).with_context(|| format!("in the rules `{}`", path.display()))?;
        rules = rules.with(&more);
    }
    Ok(rules.without(&config.secrets.disable))
}

fn scanner(
    args: &ScanArgs,
    config: &ScanConfig,
    key: &Arc<ScanKey>,
    advisories: &Option<advisories::Loaded>,
    rules: Rules,
) -> Result<Scanner> {
    let mut entities = Vec::new();
    for name in &config.pii.entities {
        match Entity::parse(name) {
            Some(entity) => entities.push(entity),
            None => bail!(
                "`scan.pii.entities` of the settings names `{name}`, which is no kind of personal data; `privet pii entities` lists them"
            ),
        }
    }
    let categories = if args.categories.is_empty() {
        config.categories.iter().copied().collect()
    } else {
        args.categories.iter().map(|wanted| category(*wanted)).collect()
    };
    let artifacts = artifacts::Limits::default().with_archives(
        config.archives.depth,
        config.archives.ratio,
        config.archives.members,
    );
    Ok(Scanner::new(Parts {
        categories,
        rules,
        entities,
        min_score: Some(config.pii.min_score),
        pii_in_code: config.pii.in_code,
        licences: config.licences.clone(),
        advisories: advisories.as_ref().map(|loaded| Arc::clone(&loaded.index)),
        key: Arc::clone(key),
        texts: segments::Limits::default(),
        artifacts,
    })?)
}

const fn category(wanted: Wanted) -> Category {
    match wanted {
        Wanted::Secret => Category::Secret,
        Wanted::Pii => Category::Pii,
        Wanted::Injection => Category::Injection,
        Wanted::Model => Category::Model,
        Wanted::Dependency => Category::Dependency,
        Wanted::Licence => Category::Licence,
    }
}

fn cache(args: &ScanArgs, key: &ScanKey) -> Option<Cache> {
    if args.no_cache {
        return None;
    }
    let folder = key::folder("XDG_CACHE_HOME", ".cache")?.join("scan");
    match Cache::open(&folder, key, CacheLimits::default()) {
        Ok(cache) => Some(cache),
        Err(error) => {
            rim::tell(&format!(
                "privet: nothing is remembered from scan to scan: `{}` cannot be used ({error})",
                folder.display()
            ));
            None
        }
    }
}

fn roots(args: &ScanArgs) -> String {
    let shown: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    if shown.is_empty() {
        ".".to_owned()
    } else {
        shown.join(" ")
    }
}

/// All that was found, before allow lists and baselines.
fn report(scanner: &Scanner, inputs: &Inputs, done: Vec<Done>, (root, rule_set): (&str, &str)) -> Report {
    let mut report = Report::new(env!("CARGO_PKG_VERSION"), root, rule_set);
    let mut imports = Vec::new();
    for unread in &inputs.unread {
        *report.counts.skipped.entry(unread.reason.clone()).or_insert(0) += 1;
    }
    for (input, one) in inputs.all.iter().zip(done) {
        let counts = &mut report.counts;
        counts.files += 1;
        counts.bytes += one.bytes;
        counts.segments += one.scan.segments;
        counts.from_cache += u64::from(one.is_from_cache);
        let path = input.shown().to_owned();
        for reason in one.scan.skipped {
            // Where in the file is not counted by.
            let reason = reason.rsplit(": ").next().unwrap_or(&reason).to_owned();
            *counts.skipped.entry(reason).or_insert(0) += 1;
        }
        for message in one.error.into_iter().chain(one.scan.gaps) {
            report.errors.push(FileError {
                path: path.clone(),
                message,
            });
        }
        report.findings.extend(one.scan.findings);
        report
            .suppressed
            .extend(one.scan.allowed.into_iter().map(|(finding, reason)| Suppressed {
                by: SuppressedBy::Inline,
                reason,
                finding,
            }));
        report.components.extend(one.scan.components);
        report.models.extend(one.scan.models);
        if !one.scan.imports.is_empty() {
            imports.push((input, one.scan.imports));
        }
    }
    let pinned: BTreeSet<String> = report
        .components
        .iter()
        .filter(|component| component.version.is_some())
        .map(|component| component.name.clone())
        .collect();
    let local = local_modules(inputs);
    for (input, spots) in &imports {
        let name = FileName {
            shown: input.shown(),
            path: input.path(),
        };
        report
            .findings
            .extend(scanner.imports(name, spots, &pinned, &|module| local.contains(module)));
    }
    report.put_in_order();
    report.rules = rule_help(scanner, &report);
    report
}

/// Modules that stand in the tree itself: names of Python files and of folders.
fn local_modules(inputs: &Inputs) -> BTreeSet<String> {
    let mut local = BTreeSet::new();
    for input in &inputs.all {
        let Some(path) = input.path().strip_suffix(".py") else {
            continue;
        };
        local.extend(path.split('/').map(str::to_owned));
    }
    local
}

/// What the rules of secrets among the findings are about.
fn rule_help(scanner: &Scanner, report: &Report) -> BTreeMap<String, privet_supplychain::report::RuleHelp> {
    let hit: BTreeSet<&str> = report
        .findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    scanner
        .rule_help()
        .into_iter()
        .filter(|(id, _)| hit.contains(id.as_str()))
        .collect()
}

fn write_baseline(path: &Path, findings: &[Finding], key: &ScanKey, today: Date) -> Result<()> {
    let because = Because {
        reason: "found when the baseline was made".to_owned(),
        who: rim::environment("USER").unwrap_or_else(|| "unknown".to_owned()),
        when: today,
        expires: None,
    };
    let newer = Baseline::accepting(findings, &because, key)?;
    let baseline = match std::fs::read(path) {
        Ok(bytes) => {
            let mut baseline = Baseline::read(&bytes, key)
                .with_context(|| format!("the baseline `{}` cannot be added to", path.display()))?;
            baseline.merge(newer)?;
            baseline
        }
        Err(_) => newer,
    };
    super::replace_file(path, baseline.write().as_bytes())
        .with_context(|| format!("cannot write the baseline `{}`", path.display()))?;
    rim::tell(&format!(
        "privet: {} findings are known now, in `{}`; write down why each is",
        baseline.findings().len(),
        path.display()
    ));
    Ok(())
}

/// Takes out findings that are nothing but fingerprints of the baseline at `path`, in that file itself: keyed hashes beside names of
/// rules look like secrets. Everything else in it counts.
fn leave_out_own_fingerprints(path: &Path, report: &mut Report, key: &ScanKey) {
    let (Ok(full), Ok(bytes)) = (std::fs::canonicalize(path), std::fs::read(path)) else {
        return;
    };
    // One that cannot be read is told where it is used.
    let Ok(baseline) = Baseline::read(&bytes, key) else {
        return;
    };
    let prints: BTreeSet<&str> = baseline
        .findings()
        .iter()
        .map(|known| known.fingerprint.as_str())
        .collect();
    let is_print = |finding: &Finding| {
        let span = usize::try_from(finding.start)
            .ok()
            .zip(usize::try_from(finding.end).ok());
        let text = span.and_then(|(start, end)| std::str::from_utf8(bytes.get(start..end)?).ok());
        text.is_some_and(|text| prints.contains(text))
    };
    report
        .findings
        .retain(|finding| !full.ends_with(&finding.path) || !is_print(finding));
}

fn apply_baseline(path: &Path, report: &mut Report, key: &ScanKey, today: Date) -> Result<()> {
    let bytes =
        std::fs::read(path).with_context(|| format!("cannot read the baseline `{}`", path.display()))?;
    let baseline =
        Baseline::read(&bytes, key).with_context(|| format!("in the baseline `{}`", path.display()))?;
    let applied = baseline.apply(&report.findings, today);
    let known: Vec<Suppressed> = applied
        .known
        .iter()
        .map(|(finding, accepted)| Suppressed {
            by: SuppressedBy::Baseline,
            reason: accepted.reason.clone(),
            finding: (*finding).clone(),
        })
        .collect();
    let mut left: Vec<Finding> = applied.fresh.iter().map(|finding| (*finding).clone()).collect();
    left.extend(applied.expired.iter().map(|(finding, _)| (*finding).clone()));
    let (expired, gone) = (applied.expired.len(), applied.gone.len());
    if expired > 0 {
        report.warnings.push(format!(
            "{expired} findings of the baseline were accepted until a day that is over"
        ));
    }
    if gone > 0 {
        report.warnings.push(format!(
            "{gone} findings of the baseline are not found any more; take them out of `{}`",
            path.display()
        ));
    }
    report.findings = left;
    report.suppressed.extend(known);
    Ok(())
}

/// The day of `now`, UTC.
pub(super) fn day(now: Timestamp) -> String {
    now.strftime("%Y-%m-%d").to_string()
}
