//! The vault in numbers, where there is one.

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use privet_access::Privilege;
use privet_console::day_and_time;
use privet_console::vault::{Kept, KeptRow, PurposeRow, RequestRow, VaultPage};
use privet_vault::{Actor, Purpose, RequestQuery};

use super::Desk;
use super::answer::{Answer, Stop, answer};
use super::visit::Visit;
use crate::problem::Problem;
use crate::vault::VaultApi;

/// Requests that are shown.
const MOST: u32 = 200;
/// A request is open if its time is over before then: none takes so long.
const FAR: SignedDuration = SignedDuration::from_hours(24 * 3650);

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::VaultRead).await?;
        let page = desk.vault_page(&visit).await;
        let page = page.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        Answer::page(&page)
    })
    .await
}

fn unavailable(error: &privet_vault::Error) -> Problem {
    tracing::warn!(%error, "the vault cannot be asked");
    Problem::StoreUnavailable
}

impl Desk {
    async fn vault_page(&self, visit: &Visit) -> Result<VaultPage, Problem> {
        let no_vault = || Problem::told(StatusCode::NOT_FOUND, "There is no vault here.");
        let api = self.gateway.vault.as_ref().ok_or_else(no_vault)?;
        let caller = visit.caller();
        let tenant = &caller.tenant;
        let actor = Actor {
            tenant: tenant.clone(),
            principal: self.gateway.pseudonyms.pseudonym(tenant, &caller.principal),
        };
        let open = RequestQuery {
            status: None,
            kind: None,
            due_before: visit.now.checked_add(FAR).ok(),
            after: None,
            limit: MOST,
        };
        let requests = api.requests.list(&actor, &open).await;
        let requests = requests.map_err(|error| unavailable(&error))?;
        let purposes = api.consent.definitions::<Purpose>(tenant, false).await;
        let purposes = purposes.map_err(|error| unavailable(&error))?;
        Ok(VaultPage {
            frame: self.frame(visit, "Subject data"),
            has_more: requests.len() >= MOST as usize,
            requests: requests.iter().map(|request| row(request, visit.now)).collect(),
            purposes: purposes
                .into_iter()
                .map(|purpose| PurposeRow {
                    version: purpose.version.unsigned_abs(),
                    basis: purpose.definition.basis.name().replace('_', " "),
                    categories: purpose
                        .definition
                        .categories
                        .into_iter()
                        .collect::<Vec<_>>()
                        .join(", "),
                    title: purpose.definition.title,
                    name: purpose.definition.name,
                })
                .collect(),
            kept: if self.may(visit, Privilege::VaultAdmin) {
                Some(kept(api, visit).await?)
            } else {
                None
            },
        })
    }
}

async fn kept(api: &VaultApi, visit: &Visit) -> Result<Kept, Problem> {
    let report = api.retention.report(&visit.caller().tenant, visit.now).await;
    let rows = report.map_err(|error| unavailable(&error))?.rows;
    Ok(Kept {
        overdue: rows.iter().map(|row| row.overdue).sum(),
        items: rows.iter().map(|row| row.items).sum(),
        rows: rows
            .into_iter()
            .filter(|row| row.items > 0 || row.policy.is_some())
            .map(|row| KeptRow {
                target: row.target.to_owned(),
                category: row.category.to_owned(),
                policy: row.policy.unwrap_or_default(),
                items: row.items,
                overdue: row.overdue,
                held: row.held,
            })
            .collect(),
    })
}

fn row(request: &privet_vault::Request, now: Timestamp) -> RequestRow {
    let waits_for = if request.needs_identity && request.identity.is_none() {
        "making sure who asks"
    } else if request.needs_approval && request.approval.is_none() {
        "approval by a second person"
    } else {
        ""
    };
    RequestRow {
        id: request.id.clone(),
        kind: request.kind.name(),
        article: request.kind.article(),
        status: request.status.name(),
        received_at: day_and_time(request.received_at),
        due_at: day_and_time(request.due_at),
        is_overdue: request.is_overdue(now),
        waits_for,
    }
}
