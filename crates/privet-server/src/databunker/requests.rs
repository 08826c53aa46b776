//! Users' requests: changes that wait until somebody approves them.

use http::Method;
use privet_types::KeyScope::{VaultApprove, VaultBulk, VaultRead, VaultWrite};
use privet_vault::{
    Approved, Ground, PermittedUse, Proposal, ProposalKind, ProposalPage, ProposalStatus, Proposals,
    Proposed, RecordChange, SubjectRef,
};
use serde_json::{Map, Value, json};

use super::apps::app_name;
use super::bulk::named_unlock;
use super::call::{Answer, Call};
use super::refusal::{Refusal, absent};
use super::table::{Entry, Interface, Table};
use super::time::seconds;

const WHO: &[&str] = &["mode", "identity"];
const REQUEST: &[&str] = &["requestuuid"];
/// Longest name of an application or a legal basis.
const LONGEST: usize = 64;

pub(super) fn register(table: &mut Table) {
    register_v1(table);
    register_v2(table);
}

fn register_v1(table: &mut Table) {
    let get = Entry::new("UserRequestGet", VaultRead, |call| Box::pin(get(call)));
    table.v1(Method::GET, "request/{requestuuid}", get.own());
    let approve = Entry::new("UserRequestApprove", VaultApprove, |call| Box::pin(approve(call)));
    table.v1(Method::POST, "request/{requestuuid}", approve);
    let cancel = Entry::new("UserRequestCancel", VaultApprove, |call| Box::pin(cancel(call)));
    table.v1(Method::DELETE, "request/{requestuuid}", cancel.own());
    let all = Entry::new("BulkListAllUserRequests", VaultRead, |call| {
        Box::pin(list_waiting(call))
    });
    table.v1(Method::GET, "requests", all);
    let own = Entry::new("UserRequestListUserRequests", VaultRead, |call| {
        Box::pin(list(call))
    });
    table.v1(Method::GET, "requests/{mode}/{identity}", own.own());
}

fn register_v2(table: &mut Table) {
    let get = Entry::new("UserRequestGet", VaultRead, |call| Box::pin(get(call)));
    table.v2(get.fields(REQUEST).own());
    let list = Entry::new("UserRequestListUserRequests", VaultRead, |call| {
        Box::pin(list(call))
    });
    table.v2(list.fields(WHO).own());
    let cancel = Entry::new("UserRequestCancel", VaultApprove, |call| Box::pin(cancel(call)));
    table.v2(cancel.fields(REQUEST).own());
    let approve = Entry::new("UserRequestApprove", VaultApprove, |call| Box::pin(approve(call)));
    table.v2(approve.fields(REQUEST));
    let all = Entry::new("BulkListAllUserRequests", VaultBulk, |call| {
        Box::pin(list_all(call))
    });
    table.v2(all.fields(&["unlockuuid"]));

    let forget = Entry::new("UserDeleteRequest", VaultWrite, |call| {
        Box::pin(ask_to_forget(call))
    });
    table.v2(forget.fields(WHO).own());
    let update = Entry::new("UserUpdateRequest", VaultWrite, |call| {
        Box::pin(ask_to_update(call))
    });
    table.v2(update.fields(&["mode", "identity", "profile"]).own());
    let patch = Entry::new("UserPatchRequest", VaultWrite, |call| {
        Box::pin(ask_to_patch(call))
    });
    table.v2(patch.fields(&["mode", "identity", "patch"]).own());
    let app = Entry::new("AppdataUpdateRequest", VaultWrite, |call| {
        Box::pin(ask_to_update_app(call))
    });
    table.v2(app.fields(&["mode", "identity", "appname", "appdata"]).own());
    let withdraw = Entry::new("AgreementCancelRequest", VaultWrite, |call| {
        Box::pin(ask_to_withdraw(call))
    });
    table.v2(withdraw.fields(&["mode", "identity", "brief"]).own());
}

/// What requests are kept in.
fn proposals(call: &Call) -> Proposals {
    let api = &call.bunker.api;
    let proposals = Proposals::new(api.vault.clone(), api.consent.clone());
    if call.bunker.settings.needs_second_for_requests {
        proposals
    } else {
        proposals.with_one_principal()
    }
}

/// Opens a request about whom the call names. What a subject asks for themselves they may ask also while processing is
/// restricted.
async fn open(call: &mut Call, proposed: &Proposed) -> Result<privet_vault::Opened, Refusal> {
    let who = SubjectRef::Token(call.person().await?);
    let ground = match call.own {
        Some(_) => Ground::Permitted(PermittedUse::SubjectRequest),
        None => Ground::Ordinary,
    };
    Ok(proposals(call).open(&call.actor, &who, proposed, ground).await?)
}

/// What a call of `/v1` by a token of a subject's own does instead of the change itself.
pub(super) async fn instead(call: &mut Call, proposed: Proposed) -> Result<Answer, Refusal> {
    if let Proposed::ChangeApp { app, .. } = &proposed {
        call.event.app = Some(app.clone());
    }
    let opened = open(call, &proposed).await?;
    let result = if opened.is_new {
        "request-created"
    } else {
        "request-exists"
    };
    Ok(Answer::of(json!({ "result": result, "rtoken": opened.id })))
}

async fn ask(call: &mut Call, proposed: Proposed) -> Result<Answer, Refusal> {
    let opened = open(call, &proposed).await?;
    Ok(Answer::of(json!({ "requestuuid": opened.id })))
}

async fn ask_to_forget(call: &mut Call) -> Result<Answer, Refusal> {
    ask(call, Proposed::Forget).await
}

async fn ask_to_update(call: &mut Call) -> Result<Answer, Refusal> {
    let patch = RecordChange::Merge(Value::Object(call.object("profile")?));
    ask(call, Proposed::ChangeRecord(patch)).await
}

async fn ask_to_patch(call: &mut Call) -> Result<Answer, Refusal> {
    let patch = RecordChange::Operations(call.list("patch")?.to_vec());
    ask(call, Proposed::ChangeRecord(patch)).await
}

async fn ask_to_update_app(call: &mut Call) -> Result<Answer, Refusal> {
    let app = app_name("appname", call.text("appname")?)?;
    let change = RecordChange::Merge(Value::Object(call.object("appdata")?));
    call.event.app = Some(app.clone());
    ask(call, Proposed::ChangeApp { app, change }).await
}

async fn ask_to_withdraw(call: &mut Call) -> Result<Answer, Refusal> {
    let brief = call.text("brief")?.to_ascii_lowercase();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = brief.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !begins || brief.len() > LONGEST || !brief.bytes().all(fits) {
        return Err(Refusal::field(
            "brief",
            "use up to 64 of a-z, 0-9 and -, not - first",
        ));
    }
    ask(call, Proposed::WithdrawAgreement(brief)).await
}

/// The request that the call names. To the owner of a token of their own those of others are absent.
async fn named(call: &mut Call) -> Result<Proposal, Refusal> {
    let id = call.uuid("requestuuid")?;
    let read = proposals(call).read(&call.actor, &id).await?;
    if call.own.is_some() && call.own != read.value.subject {
        return Err(Refusal::Absent(absent::REQUEST));
    }
    call.event.subject.clone_from(&read.value.subject);
    if read.value.kind == ProposalKind::ChangeApp {
        call.event.app.clone_from(&read.value.object);
    }
    Ok(call.shown(read))
}

async fn get(call: &mut Call) -> Result<Answer, Refusal> {
    let proposal = named(call).await?;
    let original = original(call, &proposal).await?;
    let mut fields = row(call.interface, &proposal);
    fields.insert("original".to_owned(), original);
    if let Some(change) = proposal.change {
        fields.insert("change".to_owned(), change);
    }
    Ok(match call.interface {
        Interface::V1 => {
            // The row's own status is not the answer's.
            let kept = ["original", "change", "app"];
            fields.retain(|name, _| kept.contains(&name.as_str()));
            Answer::Fields(fields)
        }
        Interface::V2 => Answer::of(json!({ "request": fields })),
    })
}

/// What there is now of what is to change; `null` if it is gone.
async fn original(call: &Call, proposal: &Proposal) -> Result<Value, Refusal> {
    let Some(subject) = proposal.subject.clone() else {
        return Ok(Value::Null);
    };
    let ground = match call.own {
        Some(_) => Ground::Permitted(PermittedUse::SubjectRequest),
        None => Ground::Ordinary,
    };
    let who = SubjectRef::Token(subject.clone());
    let found = match (proposal.kind, proposal.object.as_deref()) {
        (ProposalKind::ChangeApp, Some(app)) => {
            let read = call.vault().read_app(&call.actor, &who, app, ground).await;
            read.map(|read| read.value.data.into_value())
        }
        (ProposalKind::WithdrawAgreement, Some(brief)) => {
            let consent = &call.bunker.api.consent;
            let known = consent
                .agreements_of(&call.actor.tenant, subject.as_str())
                .await?;
            let named = known.into_iter().find(|status| {
                let agreement = status.event.agreement.as_ref();
                agreement.is_some_and(|agreement| agreement.name == brief)
            });
            Ok(named.map_or(Value::Null, |status| {
                let begun = jiff::Timestamp::from_millisecond(status.first_at).ok();
                json!({ "brief": brief, "given": status.status.permits(), "creationtime": seconds(begun) })
            }))
        }
        _ => {
            let read = call.vault().read(&call.actor, &who, ground).await;
            read.map(|read| read.value.record.into_value())
        }
    };
    match found {
        Err(privet_vault::Error::Absent { .. }) => Ok(Value::Null),
        other => Ok(other?),
    }
}

async fn approve(call: &mut Call) -> Result<Answer, Refusal> {
    let reason = call.said("reason")?.map(str::to_owned);
    let proposal = named(call).await?;
    // What is done here is told by the change itself, and not as a read.
    call.event.access = None;
    if proposal.kind == ProposalKind::Forget {
        // Erasing has a scope of its own, whatever way it comes by.
        if !call.may_erase {
            return Err(Refusal::NotAllowed("API access denied".into()));
        }
        // The event of an erasure names nobody.
        call.event.subject = None;
    }
    let approved = proposals(call)
        .approve(&call.actor, &proposal.id, reason.as_deref())
        .await?;
    match approved {
        Approved::Done => Ok(Answer::of(json!({ "result": "done" }))),
        Approved::Held(_) => Err(Refusal::Conflict("a legal hold keeps the data".into())),
    }
}

async fn cancel(call: &mut Call) -> Result<Answer, Refusal> {
    let reason = call.said("reason")?.map(str::to_owned);
    let proposal = named(call).await?;
    call.event.access = None;
    proposals(call)
        .cancel(&call.actor, &proposal.id, reason.as_deref())
        .await?;
    Ok(Answer::of(json!({ "result": "done" })))
}

/// Those of one subject, in all states.
async fn list(call: &mut Call) -> Result<Answer, Refusal> {
    let page = page(call, None)?;
    let who = SubjectRef::Token(call.person().await?);
    let listed = proposals(call).of_subject(&call.actor, &who, page).await?;
    let (total, found) = call.shown(listed);
    Ok(rows(call, total, &found))
}

/// Those of all subjects in one state; that of waiting if none is said.
async fn list_waiting(call: &mut Call) -> Result<Answer, Refusal> {
    let status = match call.asked("status").and_then(Value::as_str) {
        None | Some("open") => ProposalStatus::Open,
        Some("approved") => ProposalStatus::Approved,
        Some("canceled") => ProposalStatus::Cancelled,
        Some(_) => return Err(Refusal::field("status", "use open, approved or canceled")),
    };
    let page = page(call, Some(status))?;
    let listed = proposals(call).list(&call.actor, page).await?;
    let (total, found) = call.shown(listed);
    Ok(rows(call, total, &found))
}

/// Those of all subjects in all states, once that is unlocked.
async fn list_all(call: &mut Call) -> Result<Answer, Refusal> {
    let page = page(call, None)?;
    let unlock = named_unlock(call)?;
    let locked = |error| match error {
        privet_vault::Error::Absent { .. } | privet_vault::Error::NotOpen { .. } => Refusal::Locked,
        other => other.into(),
    };
    call.vault()
        .check_unlock(&call.actor, &unlock)
        .await
        .map_err(locked)?;
    let listed = proposals(call).list_in_bulk(&call.actor, page).await?;
    let shown = u64::try_from(listed.value.1.len()).unwrap_or(u64::MAX);
    call.vault()
        .use_unlock(&call.actor, &unlock, shown)
        .await
        .map_err(locked)?;
    let (total, found) = call.shown(listed);
    Ok(rows(call, total, &found))
}

fn page(call: &Call, status: Option<ProposalStatus>) -> Result<ProposalPage, Refusal> {
    let page = call.page()?;
    Ok(ProposalPage {
        status,
        offset: page.offset,
        limit: page.limit,
    })
}

fn rows(call: &Call, total: u64, found: &[Proposal]) -> Answer {
    let rows: Vec<Map<String, Value>> = found.iter().map(|one| row(call.interface, one)).collect();
    Answer::of(json!({ "total": total, "rows": rows }))
}

/// The row of a request, as both interfaces shape it.
fn row(interface: Interface, proposal: &Proposal) -> Map<String, Value> {
    let (id, kind) = match interface {
        Interface::V1 => ("rtoken", "action"),
        Interface::V2 => ("requestuuid", "requesttype"),
    };
    let mut row = Map::new();
    row.insert(id.to_owned(), proposal.id.as_str().into());
    let action = match proposal.kind {
        ProposalKind::ChangeRecord => "change-profile",
        ProposalKind::ChangeApp => "change-app-data",
        ProposalKind::Forget => "forget-me",
        ProposalKind::WithdrawAgreement => "agreement-withdraw",
    };
    row.insert(kind.to_owned(), action.into());
    let status = match proposal.status {
        ProposalStatus::Open => "open",
        ProposalStatus::Approved => "approved",
        ProposalStatus::Cancelled => "canceled",
    };
    row.insert("status".to_owned(), status.into());
    let token = proposal.subject.as_ref().map_or("", |subject| subject.as_str());
    row.insert("token".to_owned(), token.into());
    if let Some(object) = &proposal.object {
        let name = match proposal.kind {
            ProposalKind::WithdrawAgreement => "brief",
            _ => "app",
        };
        row.insert(name.to_owned(), object.as_str().into());
    }
    let changed_at = proposal.closed_at.unwrap_or(proposal.opened_at);
    row.insert(
        "creationtime".to_owned(),
        seconds(Some(proposal.opened_at)).into(),
    );
    row.insert("when".to_owned(), seconds(Some(changed_at)).into());
    row.insert(
        "reason".to_owned(),
        proposal.reason.as_deref().unwrap_or_default().into(),
    );
    row.insert("more".to_owned(), proposal.change.is_some().into());
    row
}
