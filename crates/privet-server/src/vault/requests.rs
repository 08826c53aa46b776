//! Requests of subjects. Fields that OpenDSR has are called as they are there.

use http::StatusCode;
use privet_types::Secret;
use privet_vault::{
    Answer, CancelGround, ErasureReceipt, Error, ExtensionReason, Ground, IdentityMethod, NewRequestBody,
    OPEN_DSR_VERSION, Operation, PermittedUse, Request, RequestKind, RequestOutcome, RequestQuery,
    RequestReceipt, RequestStatus, SubjectPackage, as_written,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bodies::Object;
use super::call::{Call, HTML, JSON, Reply};
use super::consent::moment;
use super::problem::VaultProblem;

/// Where a request stands. Tells nobody whether its subject is known.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RequestBody {
    /// The tenant.
    controller_id: String,
    subject_request_id: String,
    subject_request_type: RequestKind,
    /// The article of the GDPR.
    article: u8,
    request_status: RequestStatus,
    /// RFC 3339.
    received_time: String,
    /// Until when it is to be done, RFC 3339.
    expected_completion_time: String,
    /// The version of OpenDSR that these fields are shaped after.
    api_version: &'static str,
    is_overdue: bool,
    /// Whether it must be made sure that the subject asks.
    needs_identity: bool,
    /// How that was made sure.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<IdentityMethod>,
    /// Whether a second principal must approve.
    needs_approval: bool,
    /// Whether one did.
    is_approved: bool,
    /// Why it takes longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<ExtensionReason>,
    /// When it ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_time: Option<String>,
    /// What it led to.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<RequestOutcome>,
}

/// A page of requests.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RequestsBody {
    rows: Vec<RequestBody>,
}

/// What happened to a request.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StepsBody {
    rows: Vec<StepBody>,
}

/// Something that happened to a request.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StepBody {
    /// From 1.
    step: u64,
    /// RFC 3339.
    at: String,
    /// As the log names it.
    kind: String,
    /// The status it led to.
    request_status: String,
    /// Who, as the log names it.
    principal: String,
    /// `waiting`, `told` or `given_up`; absent where nobody wants to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    callback: Option<privet_vault::CallbackState>,
}

/// What a request asks for.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AskedBody {
    /// The subject's token; absent if nobody of that name is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Object>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purposes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Where to send a code.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendBody {
    channel: Channel,
}

/// The field of the subject's own record that holds the address.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Channel {
    Email,
    Phone,
}

/// A code was sent, or seems so.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CodeSentBody {
    /// Until when it is good, RFC 3339.
    expires_at: String,
    /// How often it may be typed.
    attempts: u32,
}

/// A code as the subject typed it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeBody {
    code: String,
}

/// How it was made sure that the subject asks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MethodBody {
    /// Not `one_time_code`: a code has to be typed.
    method: IdentityMethod,
}

/// Why a request is refused.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroundBody {
    ground: CancelGround,
}

/// Why a request takes longer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtensionBody {
    reason: ExtensionReason,
}

/// A request that ended.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClosedBody {
    request: RequestBody,
    receipt: RequestReceipt,
}

/// A request that was carried out.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AnswerBody {
    request: RequestBody,
    receipt: RequestReceipt,
    /// Of access and portability: the copy, as the JSON text whose SHA-256 the receipt has.
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<String>,
    /// Of an erasure: its own receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    erasure: Option<ErasureReceipt>,
}

/// Public keys, Ed25519, 64 hexadecimal digits each.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KeysBody {
    /// Of receipts of requests.
    receipts: String,
    /// Of codes and callbacks that are sent out.
    messages: String,
}

pub(crate) async fn create(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: NewRequestBody = call.json().await?;
    let outbox = &call.api.outbox;
    if !body.callbacks().iter().all(|url| outbox.allows(url)) {
        return Err(VaultProblem::field(
            "status_callback_urls",
            "use `https` URLs of hosts that `callback_hosts` of the settings names",
        ));
    }
    let new = body.into_request(call.now())?;
    let (request, _) = call
        .api
        .requests
        .open(&call.actor, &new)
        .await
        .map_err(as_written)?;
    Reply::json(StatusCode::CREATED, &shown(&call, request))
}

pub(crate) async fn list(call: Call) -> Result<Reply, VaultProblem> {
    let query = RequestQuery {
        status: word(&call, "status")?,
        kind: word(&call, "type")?,
        due_before: moment("due_before", call.asked("due_before"))?,
        after: call.asked("after").map(str::to_owned),
        limit: call.limit()?,
    };
    let rows = call.api.requests.list(&call.actor, &query).await?;
    Reply::ok(&RequestsBody {
        rows: rows.into_iter().map(|request| shown(&call, request)).collect(),
    })
}

pub(crate) async fn read(call: Call) -> Result<Reply, VaultProblem> {
    let request = call.api.requests.request(&call.actor, call.param(ID)).await?;
    Reply::ok(&shown(&call, request))
}

pub(crate) async fn steps(call: Call) -> Result<Reply, VaultProblem> {
    let steps = call.api.requests.steps(&call.actor, call.param(ID)).await?;
    let rows = steps.into_iter().map(|step| StepBody {
        step: step.seq,
        at: step.at.to_string(),
        kind: step.step,
        request_status: step.status,
        principal: step.principal.0,
        callback: step.callback,
    });
    Reply::ok(&StepsBody { rows: rows.collect() })
}

pub(crate) async fn asked(call: Call) -> Result<Reply, VaultProblem> {
    let asked = call.api.requests.asked(&call.actor, call.param(ID)).await;
    let asked = call.show(Operation::ReadRequest, FOR_THE_SUBJECT, asked).await?;
    let patch = asked.patch.map(|patch| serde_json::from_str(patch.expose()));
    Reply::ok(&AskedBody {
        subject: asked.subject.map(Into::into),
        patch: patch.transpose().map_err(Error::Json)?,
        purposes: asked.purposes,
        note: asked.note.map(|note| note.expose().clone()),
    })
}

pub(crate) async fn receipt(call: Call) -> Result<Reply, VaultProblem> {
    Reply::ok(&call.api.requests.receipt(&call.actor, call.param(ID)).await?)
}

pub(crate) async fn send_code(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: SendBody = call.json().await?;
    let id = call.param(ID);
    if !call.api.outbox.delivers_codes() {
        // Nobody's business which requests there are, whatever the settings say.
        call.api.requests.request(&call.actor, id).await?;
        return Err(VaultProblem::new(
            StatusCode::CONFLICT,
            "no_code_delivery",
            "nobody takes codes to people; name `code_url` under `[vault.requests]` of the settings, or vouch for the subject",
        ));
    }
    let channel = match body.channel {
        Channel::Email => "email",
        Channel::Phone => "phone",
    };
    let sent = call.api.requests.send_code(&call.actor, id, channel).await?;
    Reply::json(
        StatusCode::ACCEPTED,
        &CodeSentBody {
            expires_at: sent.expires_at.to_string(),
            attempts: sent.attempts,
        },
    )
}

pub(crate) async fn check_code(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: CodeBody = call.json().await?;
    let typed = Secret::new(body.code);
    let id = call.param(ID);
    let request = call.api.requests.check_code(&call.actor, id, &typed).await?;
    Reply::ok(&shown(&call, request))
}

pub(crate) async fn vouch(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: MethodBody = call.json().await?;
    let id = call.param(ID);
    let request = call.api.requests.vouch(&call.actor, id, body.method).await?;
    Reply::ok(&shown(&call, request))
}

pub(crate) async fn approve(call: Call) -> Result<Reply, VaultProblem> {
    let request = call.api.requests.approve(&call.actor, call.param(ID)).await?;
    Reply::ok(&shown(&call, request))
}

pub(crate) async fn refuse(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: GroundBody = call.json().await?;
    end(&call, body.ground).await
}

pub(crate) async fn withdraw(call: Call) -> Result<Reply, VaultProblem> {
    end(&call, CancelGround::Withdrawn).await
}

async fn end(call: &Call, ground: CancelGround) -> Result<Reply, VaultProblem> {
    let id = call.param(ID);
    let (request, receipt) = call.api.requests.cancel(&call.actor, id, ground).await?;
    Reply::ok(&ClosedBody {
        request: shown(call, request),
        receipt,
    })
}

pub(crate) async fn extend(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: ExtensionBody = call.json().await?;
    let id = call.param(ID);
    let request = call.api.requests.extend(&call.actor, id, body.reason).await?;
    Reply::ok(&shown(&call, request))
}

pub(crate) async fn execute(call: Call) -> Result<Reply, VaultProblem> {
    carry_out(
        &call,
        false,
        "an erasure is carried out at /requests/{request}/erase",
    )
    .await
}

pub(crate) async fn erase(call: Call) -> Result<Reply, VaultProblem> {
    carry_out(
        &call,
        true,
        "it is no erasure; it is carried out at /requests/{request}/execute",
    )
    .await
}

/// Two addresses, because what a key may do depends on the address alone, and erasing has a scope of its own.
async fn carry_out(call: &Call, is_erasure: bool, otherwise: &str) -> Result<Reply, VaultProblem> {
    let (requests, id) = (&call.api.requests, call.param(ID));
    let kind = requests.request(&call.actor, id).await?.kind;
    if is_erasure != (kind == RequestKind::Erasure) {
        return Err(VaultProblem::new(StatusCode::CONFLICT, "not_ready", otherwise));
    }
    let Answer {
        request,
        receipt,
        package,
        erasure,
    } = requests.execute(&call.actor, id).await?;
    Reply::ok(&AnswerBody {
        request: shown(call, request),
        receipt,
        copy: package.as_ref().map(SubjectPackage::to_json).transpose()?,
        erasure,
    })
}

pub(crate) async fn copy(call: Call) -> Result<Reply, VaultProblem> {
    Ok(Reply::text(JSON, package(&call).await?.to_json()?))
}

pub(crate) async fn copy_page(call: Call) -> Result<Reply, VaultProblem> {
    Ok(Reply::text(HTML, package(&call).await?.to_html()?))
}

async fn package(call: &Call) -> Result<SubjectPackage, VaultProblem> {
    let read = call.api.requests.package(&call.actor, call.param(ID)).await;
    call.show(Operation::ReadCopy, FOR_THE_SUBJECT, read).await
}

pub(crate) async fn keys(call: Call) -> Result<Reply, VaultProblem> {
    let hex = |key: &[u8; 32]| key.iter().map(|byte| format!("{byte:02x}")).collect();
    let tenant = &call.actor.tenant;
    Reply::ok(&KeysBody {
        receipts: hex(call.api.requests.receipt_key(tenant).await?.as_bytes()),
        messages: hex(call.api.vault.message_key(tenant).await?.as_bytes()),
    })
}

const ID: &str = "request";

const FOR_THE_SUBJECT: Ground = Ground::Permitted(PermittedUse::SubjectRequest);

/// A word of a closed set in the query.
fn word<T: DeserializeOwned>(call: &Call, name: &'static str) -> Result<Option<T>, VaultProblem> {
    let value = call.asked(name).map(|text| serde_json::from_value(text.into()));
    value
        .transpose()
        .map_err(|_| VaultProblem::field(name, "is no such word; see GET /api/v1/openapi.json"))
}

fn shown(call: &Call, request: Request) -> RequestBody {
    RequestBody {
        controller_id: call.actor.tenant.to_string(),
        article: request.kind.article(),
        is_overdue: request.is_overdue(call.now()),
        subject_request_id: request.id,
        subject_request_type: request.kind,
        request_status: request.status,
        received_time: request.received_at.to_string(),
        expected_completion_time: request.due_at.to_string(),
        api_version: OPEN_DSR_VERSION,
        needs_identity: request.needs_identity,
        identity: request.identity.map(|proof| proof.method),
        needs_approval: request.needs_approval,
        is_approved: request.approval.is_some(),
        extension: request.extension.map(|extension| extension.reason),
        closed_time: request.closed_at.map(|at| at.to_string()),
        outcome: request.outcome,
    }
}
