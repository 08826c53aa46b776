//! Many subjects at once: creation, import, and reads that a second person approves.

use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use privet_policy::ByteSize;
use privet_vault::{
    BulkRead, BulkState, Error, Ground, ImportFormat, ImportLimits, ImportOptions, ImportProgress,
    NewSubjects, Operation, Page,
};

use super::bodies::{
    BulkPageBody, BulkReadBody, BulkReadsBody, ImportBody, LineBody, OutcomeBody, OutcomesBody, ReasonBody,
    StoredBody, SubjectsBody, UnlockBody, record,
};
use super::call::{Call, Reply};
use super::problem::VaultProblem;
use crate::records;

/// Makes subjects of the records of the body, in one transaction. Only a batch of them is values at one time; the others are
/// text, or sealed. Nothing is stored if one of them is no record.
pub(crate) async fn create(mut call: Call) -> Result<Reply, VaultProblem> {
    let body = call.json_text().await?;
    let limits = &call.api.limits;
    let limits = records::Limits {
        records: limits.bulk_records as usize,
        bytes: size(limits.bulk_record),
        depth: limits.bulk_depth as usize,
    };
    let (beside, records) = records::read(&body, limits)?;
    if let Some(name) = beside.keys().find(|name| *name != "records") {
        return Err(VaultProblem::field(name.clone(), "there is no such field"));
    }
    let records = records
        .filter(|records| records.len() > 0)
        .ok_or_else(|| VaultProblem::field("records", "use a list of objects, with at least one"))?;
    for batch in records.batches() {
        for (index, sent) in batch? {
            record(sent).map_err(|problem| {
                VaultProblem::field("records", format!("number {index}: {}", problem.detail))
            })?;
        }
    }
    let (vault, actor) = (&call.api.vault, &call.actor);
    let mut sealed = NewSubjects::default();
    for batch in records.batches() {
        let batch = batch?.into_iter().map(|(_, sent)| record(sent));
        let batch = batch.collect::<Result<_, _>>()?;
        vault.seal_new(actor, &mut sealed, batch).await?;
    }
    let made = vault.store_new(actor, sealed).await?;
    let rows = made.into_iter().map(|outcome| match outcome {
        Ok(stored) => OutcomeBody::Stored(StoredBody::from(stored)),
        Err(error) => OutcomeBody::refused(error.into()),
    });
    Reply::ok(&OutcomesBody { rows: rows.collect() })
}

fn size(bytes: ByteSize) -> usize {
    usize::try_from(bytes.bytes()).unwrap_or(usize::MAX)
}

/// Reads lines as they come and stores them in batches. Who is cut off goes on at the line that the answer names.
pub(crate) async fn import(mut call: Call) -> Result<Reply, VaultProblem> {
    let format = match (call.asked("format"), call.media().as_str()) {
        (Some("jsonl"), _) | (None, "application/x-ndjson" | "application/jsonl") => ImportFormat::JsonLines,
        (Some("csv"), _) | (None, "text/csv") => ImportFormat::Csv {
            delimiter: delimiter(call.asked("delimiter"))?,
        },
        _ => return Err(VaultProblem::field("format", "use `jsonl` or `csv`")),
    };
    let options = ImportOptions {
        format,
        is_dry_run: match call.asked("dry_run") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(VaultProblem::field("dry_run", "use `true` or `false`")),
        },
        first_line: call.asked_number("first_line")?.unwrap_or(1),
        limits: ImportLimits {
            bytes: size(call.api.limits.bulk_record),
            depth: call.api.limits.bulk_depth as usize,
        },
    };
    let reader = call.stream()?;
    let reached: Arc<Mutex<Option<ImportProgress>>> = Arc::default();
    let tell = |progress: &ImportProgress| {
        *reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(*progress);
    };
    let imported = call.api.vault.import(&call.actor, reader, options, tell).await;
    let report = imported.map_err(|error| {
        let next = reached
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .map_or(options.first_line, |progress| progress.next_line);
        stopped(error, next)
    })?;
    Reply::ok(&ImportBody {
        next_line: report.progress.next_line,
        created: report.progress.created,
        refused: report.progress.refused,
        errors: report
            .errors
            .into_iter()
            .map(|error| LineBody {
                line: error.line,
                field: error.field,
                why: error.why,
            })
            .collect(),
    })
}

fn delimiter(asked: Option<&str>) -> Result<u8, VaultProblem> {
    match asked.unwrap_or(",").as_bytes() {
        [one] => Ok(*one),
        _ => Err(VaultProblem::field("delimiter", "use one ASCII character")),
    }
}

/// An import that ended early: what was stored stays, and where to go on is told.
fn stopped(error: Error, next_line: u64) -> VaultProblem {
    let kind = match &error {
        Error::Read(source) => Some(source.kind()),
        _ => None,
    };
    let mut problem = match kind {
        Some(std::io::ErrorKind::FileTooLarge) => VaultProblem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "request_too_large",
            "the import is larger than `import_body` of the settings",
        ),
        Some(std::io::ErrorKind::TimedOut) => VaultProblem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "the import did not arrive within `import_timeout` of the settings",
        ),
        _ => error.into(),
    };
    problem.detail = format!(
        "{}; all lines before line {next_line} are done, go on with `first_line={next_line}`",
        problem.detail
    );
    problem
}

pub(crate) async fn ask(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: ReasonBody = call.json().await?;
    let asked = call.api.vault.ask_bulk_read(&call.actor, &body.reason).await?;
    Reply::json(StatusCode::CREATED, &shown(asked))
}

pub(crate) async fn list(call: Call) -> Result<Reply, VaultProblem> {
    let reads = call.api.vault.bulk_reads(&call.actor).await?;
    Reply::ok(&BulkReadsBody {
        rows: reads.into_iter().map(shown).collect(),
    })
}

pub(crate) async fn approve(call: Call) -> Result<Reply, VaultProblem> {
    decide(call, true).await
}

pub(crate) async fn refuse(call: Call) -> Result<Reply, VaultProblem> {
    decide(call, false).await
}

async fn decide(call: Call, is_approved: bool) -> Result<Reply, VaultProblem> {
    let id = call.param("read");
    let decided = call
        .api
        .vault
        .decide_bulk_read(&call.actor, id, is_approved)
        .await?;
    Reply::ok(&shown(decided))
}

pub(crate) async fn unlock(call: Call) -> Result<Reply, VaultProblem> {
    let unlock = call
        .api
        .vault
        .unlock_bulk_read(&call.actor, call.param("read"))
        .await?;
    Reply::ok(&UnlockBody {
        unlock: unlock.id,
        expires_at: unlock.expires_at.to_string(),
    })
}

pub(crate) async fn page(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: BulkPageBody = call.json().await?;
    let most = call.api.limits.page;
    let limit = body.limit.unwrap_or(most);
    if !(1..=most).contains(&limit) {
        return Err(VaultProblem::field("limit", format!("use 1 to {most}")));
    }
    let after = body.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| VaultProblem::field("after", "use the token of a subject"))?;
    let page = Page { after, limit };
    let read = call.api.vault.bulk_page(&call.actor, &body.unlock, &page).await;
    let found = call.show(Operation::BulkPage, Ground::Ordinary, read).await?;
    Reply::ok(&SubjectsBody::from(found))
}

fn shown(read: BulkRead) -> BulkReadBody {
    BulkReadBody {
        id: read.id,
        reason: read.reason,
        asked_by: read.asked_by.0,
        asked_at: read.asked_at.to_string(),
        decided_by: read.decided_by.map(|who| who.0),
        state: match read.state {
            BulkState::Waiting => "waiting",
            BulkState::Approved => "approved",
            BulkState::Refused => "refused",
            BulkState::Open => "open",
            BulkState::Closed => "closed",
        },
        open_until: read.open_until.map(|at| at.to_string()),
        records: read.records,
    }
}
