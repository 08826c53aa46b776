//! A red team for applications of language models: attacks, what tells that one succeeded, and what all of them measure.
//!
//! For people who want to know what a model, or a gateway before it, lets through. A [`Probe`] is a made-up conversation with an
//! attack in it, and a benign twin of the same shape. [`Plan`] says which conversations are to be held, [`Conversation`] holds one
//! as a state machine (request out, reply in), an [`Oracle`] judges, [`RunLog`] keeps what is finished, and [`Report`] says what
//! came out, as JSON, HTML, SARIF or JUnit.
//!
//! It opens no connection, reads no clock and draws no chance of its own: requests, replies and seeds come from the caller.
//!
//! ```
//! use privet_redteam::{Catalogue, Conversation, Heard, Next, Options, Plan, Reply, Role, Verdict};
//! let plan = Plan::new(Options { seed: 7, ..Options::default() })?;
//! let catalogue = Catalogue::new(7, 0);
//! let probe = catalogue.probe("override/plain-en").ok_or("no such probe")?;
//! let mut talk = Conversation::new(probe, Role::Attack, "http://127.0.0.1:1/t/0");
//! assert!(matches!(talk.next_step(), Next::Ask(_)));
//! talk.hear(Heard::reply(Reply { text: "I would rather not.".to_owned(), ..Reply::default() }));
//! assert!(matches!(talk.next_step(), Next::Done(end) if end.verdict == Verdict::Resisted));
//! assert!(plan.trials().len() > 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it does not do: it searches for no new attacks by itself, asks no model to judge, and cannot tell that a target is safe;
//! only how often these attacks got through.

mod catalogue;
mod chance;
mod conversation;
mod disguise;
mod error;
mod family;
mod oracle;
mod plan;
mod probe;
mod render;
mod reply;
mod report;
mod results;
mod run_log;
mod statistics;
mod tools;

pub use catalogue::Catalogue;
pub use conversation::{Conversation, Ending, Heard, Next, Request, Role, Verdict};
pub use error::Error;
pub use family::{AgenticRisk, Channel, Family, LlmRisk};
pub use oracle::{Oracle, Sink, Transcript};
pub use plan::{Needs, Options, Plan, Side, Trial};
pub use probe::{Document, Expected, Given, Probe, Scenario, Tool, Turn};
pub use render::fetched_by_a_reader;
pub use reply::{Call, Reply, read_json, read_stream};
pub use report::{
    ChangeReport, DifferenceReport, FamilyChange, FamilyReport, NumbersReport, OutcomeName, ProbeReport,
    Report, ShareReport, SideReport, html, junit, report_schema, sarif,
};
pub use results::{FamilyResult, Limit, Outcome, Results, SideResult};
pub use run_log::{Finished, Header, RunLog};
pub use statistics::{Rate, difference};
