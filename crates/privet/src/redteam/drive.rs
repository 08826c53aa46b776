//! Holds the conversations of a plan, several at once, within a budget of requests.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use privet_redteam::{
    Conversation, Finished, Heard, Next, Plan, Reply, Request, Transcript, Trial, fetched_by_a_reader,
};
use tokio::task::JoinSet;

use super::browser::Browser;
use super::folder::Folder;
use super::options::RunArgs;
use super::target::{Answer, Target};

/// How often a request is sent before its conversation is given up.
const ATTEMPTS: u32 = 3;
/// How long is waited before the second time; twice as long before the third.
const PAUSE: Duration = Duration::from_millis(500);
/// Conversations given up in a row, after which the target is taken for dead.
const MOST_GIVEN_UP: u32 = 5;

/// A run under way.
pub(super) struct Run<'a> {
    plan: &'a Plan,
    targets: Vec<Target>,
    browser: Arc<Browser>,
    budget: Arc<Budget>,
    concurrency: usize,
}

/// Requests that are left.
struct Budget {
    left: AtomicU64,
}

/// How one conversation went.
enum Held {
    Ended(Box<(Finished, Transcript)>),
    /// The budget is spent.
    Spent,
    /// The target failed.
    GivenUp(String),
    /// It will fail for all others, too.
    Hopeless(String),
}

impl Budget {
    /// Takes one request, if there is one.
    fn take(&self) -> bool {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok()
    }
}

impl<'a> Run<'a> {
    /// Prepares to run `plan` against `targets`.
    ///
    /// # Errors
    /// If no address can be had on this machine.
    pub(super) async fn new(args: &RunArgs, plan: &'a Plan, targets: Vec<Target>) -> Result<Self> {
        Ok(Self {
            plan,
            targets,
            browser: Arc::new(Browser::start().await?),
            budget: Arc::new(Budget {
                left: AtomicU64::new(args.budget.unwrap_or(u64::MAX)),
            }),
            concurrency: usize::from(args.concurrency),
        })
    }

    /// Holds what is not held yet. Returns why it ended early, if it did.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub(super) async fn hold(self, folder: &mut Folder) -> Result<Option<String>> {
        let open: Vec<(usize, &Trial)> = self
            .plan
            .trials()
            .iter()
            .enumerate()
            .filter(|(_, trial)| !folder.log().has(trial))
            .collect();
        let bar = bar(self.plan.trials().len(), self.plan.trials().len() - open.len());
        let mut open = open.into_iter();
        let mut under_way = JoinSet::new();
        let (mut problem, mut given_up, mut is_over) = (None, 0, false);
        loop {
            while !is_over && under_way.len() < self.concurrency {
                let Some((number, trial)) = open.next() else { break };
                if let Some(task) = self.task(number, trial) {
                    under_way.spawn(task);
                }
            }
            let Some(held) = under_way.join_next().await else {
                break;
            };
            match held? {
                Held::Ended(ended) => {
                    given_up = 0;
                    let (finished, transcript) = *ended;
                    folder.add(finished, &transcript)?;
                    bar.inc(1);
                }
                Held::Spent => {
                    is_over = true;
                    problem.get_or_insert_with(|| {
                        "the budget of requests is spent; `--resume` goes on".to_owned()
                    });
                }
                Held::GivenUp(reason) => {
                    given_up += 1;
                    is_over |= given_up >= MOST_GIVEN_UP;
                    problem = Some(reason);
                }
                Held::Hopeless(reason) => {
                    is_over = true;
                    problem = Some(reason);
                }
            }
        }
        bar.finish_and_clear();
        Ok(problem)
    }

    fn task(&self, number: usize, trial: &Trial) -> Option<impl Future<Output = Held> + Send + 'static> {
        let probe = self.plan.probe(trial)?.clone();
        let target = self
            .targets
            .iter()
            .find(|target| target.side() == trial.side)?
            .clone();
        let (browser, budget, trial) = (Arc::clone(&self.browser), Arc::clone(&self.budget), trial.clone());
        Some(async move {
            let mut talk = Conversation::new(&probe, trial.role, &browser.base(number));
            loop {
                let request = match talk.next_step() {
                    Next::Ask(request) => request,
                    Next::Done(end) => {
                        let finished = Finished {
                            side: trial.side,
                            probe: trial.probe.clone(),
                            family: trial.family,
                            role: trial.role,
                            round: trial.round,
                            verdict: end.verdict,
                            oracle: end.oracle.map(str::to_owned),
                            code: end.code,
                            requests: end.requests as u64,
                        };
                        return Held::Ended(Box::new((finished, talk.transcript().clone())));
                    }
                };
                let answer = match asked(&target, &request, trial.is_streamed(), &budget).await {
                    Ok(answer) => answer,
                    Err(held) => return held,
                };
                let mut heard = Heard {
                    reached_provider: target.reached_provider(talk.watched_values()),
                    ..Heard::default()
                };
                match answer {
                    Ok(reply) => {
                        browser.fetch(&fetched_by_a_reader(&reply.text)).await;
                        heard.reply = Some(reply);
                    }
                    Err(code) => heard.refused = Some(code),
                }
                heard.fetched = browser.heard(number);
                talk.hear(heard);
            }
        })
    }
}

/// A reply, or the code of a refusal; failures are tried again.
async fn asked(
    target: &Target,
    request: &Request,
    is_streamed: bool,
    budget: &Budget,
) -> Result<Result<Reply, String>, Held> {
    let mut reason = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE * attempt).await;
        }
        if !budget.take() {
            return Err(Held::Spent);
        }
        match target.ask(request, is_streamed).await {
            Answer::Reply(reply) => return Ok(Ok(reply)),
            Answer::Refused(code) => return Ok(Err(code)),
            Answer::Failed(why) => reason = why,
            Answer::Wrong(why) => return Err(Held::Hopeless(why)),
        }
    }
    Err(Held::GivenUp(reason))
}

/// A bar over conversations; nothing is shown if nobody watches.
fn bar(all: usize, done: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(all as u64).with_position(done as u64);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {pos} of {len} conversations, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}
