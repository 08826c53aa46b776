//! Every route of the vault.

use http::Method;
use privet_types::KeyScope::{
    VaultAdmin, VaultApprove, VaultAudit, VaultBulk, VaultErase, VaultRead, VaultWrite,
};
use privet_vault::{
    Activity, Agreement, Controller, Definition, FieldNeed, NewRequestBody, Node, Purpose, Recipient,
    RequestReceipt, RetentionPolicy, SignedReceipt,
};
use schemars::JsonSchema;

use super::bodies::{
    AppBody, AppDataBody, BulkPageBody, BulkReadBody, BulkReadsBody, ChangedBody, CheckBody,
    ConsentEventsBody, CountBody, DefinedBody, DefinitionsBody, EventsBody, IdentityBody, ImportBody,
    InfosBody, NamesBody, NewSessionBody, NewShareBody, NewSubjectBody, NewSubjectsBody, NewTokenBody,
    NewTokensBody, Object, ObjectsBody, OutcomesBody, ReasonBody, RecordBody, RestrictBody, SearchBody,
    SessionBody, SessionsBody, ShareBody, ShareTokenBody, SharedBody, StandingsBody, StatementBody,
    StoredBody, SubjectBody, SubjectsBody, TokenBody, TokenNameBody, UnlockBody, ValueBody, VerdictBody,
    VersionsBody,
};
use super::call::{HTML, LINES};
use super::conversations::{ConversationBody, ConversationsBody, FindBody};
use super::erasures::{ErasureBody, NewErasureBody, ReceiptKeyBody};
use super::lineage::{NodeBody, NodesBody};
use super::measurements::MeasurementsBody;
use super::requests::{
    AnswerBody, AskedBody, ClosedBody, CodeBody, CodeSentBody, ExtensionBody, GroundBody, KeysBody,
    MethodBody, RequestBody, RequestsBody, SendBody, StepsBody,
};
use super::retained::{
    ExpiryBody, ExpiryTokenBody, HoldsBody, NewExpiryBody, NewHoldBody, PlacedBody, RetentionBody,
};
use super::route::{Route, Takes};
use super::{
    apps, audit, bulk, consent, conversations, definitions, erasures, lineage, measurements, requests,
    retained, sessions, shares, subjects, tokens,
};

const LIMIT: (&str, &str) = ("limit", "Most rows; no more than `page` of the settings.");
const AFTER: (&str, &str) = ("after", "Go on behind this subject.");

/// All routes, grouped by what they are about.
pub(crate) fn routes() -> Vec<Route> {
    let mut routes = subjects();
    routes.extend(belongings());
    routes.extend(many());
    routes.extend(statements());
    routes.extend(endings());
    routes.extend(asked());
    routes.extend(said());
    routes.extend(defined::<RetentionPolicy>(
        "/api/v1/vault/retention/policies",
        "/api/v1/vault/retention/policies/{name}",
        "/api/v1/vault/retention/policies/{name}/versions",
    ));
    routes.extend(defined::<FieldNeed>(
        "/api/v1/vault/needs",
        "/api/v1/vault/needs/{name}",
        "/api/v1/vault/needs/{name}/versions",
    ));
    routes.extend(defined::<Purpose>(
        "/api/v1/vault/purposes",
        "/api/v1/vault/purposes/{name}",
        "/api/v1/vault/purposes/{name}/versions",
    ));
    routes.extend(defined::<Recipient>(
        "/api/v1/vault/recipients",
        "/api/v1/vault/recipients/{name}",
        "/api/v1/vault/recipients/{name}/versions",
    ));
    routes.extend(defined::<Agreement>(
        "/api/v1/vault/agreements",
        "/api/v1/vault/agreements/{name}",
        "/api/v1/vault/agreements/{name}/versions",
    ));
    routes.extend(defined::<Activity>(
        "/api/v1/vault/activities",
        "/api/v1/vault/activities/{name}",
        "/api/v1/vault/activities/{name}/versions",
    ));
    routes.extend(defined::<Controller>(
        "/api/v1/vault/controllers",
        "/api/v1/vault/controllers/{name}",
        "/api/v1/vault/controllers/{name}/versions",
    ));
    routes
}

macro_rules! route {
    ($method:ident $path:literal, $scope:expr, $summary:literal, $handler:expr) => {
        Route::new(
            Method::$method,
            concat!("/api/v1/vault", $path),
            $scope,
            $summary,
            |call| Box::pin($handler(call)),
        )
    };
}

fn subjects() -> Vec<Route> {
    vec![
        route!(POST "/subjects", VaultWrite, "Makes a subject.", subjects::create)
            .takes::<NewSubjectBody>()
            .gives::<StoredBody>(201),
        route!(GET "/subjects", VaultRead, "Lists subjects, without their records.", subjects::list)
            .query(&[AFTER, LIMIT])
            .gives::<InfosBody>(200),
        route!(POST "/subjects/lookup", VaultRead, "Reads the subject that an identity leads to.", subjects::look_up)
            .takes::<IdentityBody>()
            .gives::<SubjectBody>(200),
        route!(POST "/subjects/search", VaultRead, "Searches subjects by a field with an index.", subjects::search)
            .takes::<SearchBody>()
            .gives::<SubjectsBody>(200),
        route!(GET "/subjects/{subject}", VaultRead, "Reads a subject.", subjects::read)
            .query(&[("fields", "Only these fields, with commas between.")])
            .gives::<SubjectBody>(200),
        route!(PATCH "/subjects/{subject}", VaultWrite, "Changes a record by a merge patch (RFC 7396).", subjects::update)
            .takes_body(Takes::MergePatch)
            .versioned()
            .gives::<StoredBody>(200),
        route!(PUT "/subjects/{subject}", VaultWrite, "Puts a record in the place of another.", subjects::replace)
            .takes::<RecordBody>()
            .versioned()
            .gives::<StoredBody>(200),
        route!(GET "/subjects/{subject}/versions", VaultRead, "Lists the versions of a record.", subjects::versions)
            .gives::<VersionsBody>(200),
        route!(GET "/subjects/{subject}/versions/{version}", VaultRead, "Reads a version of a record.", subjects::version)
            .gives::<SubjectBody>(200),
        route!(PUT "/subjects/{subject}/restriction", VaultAdmin, "Restricts the processing of a subject's data, or lifts that (GDPR Article 18).", subjects::restrict)
            .takes::<RestrictBody>()
            .gives::<ChangedBody>(200),
    ]
}

/// What belongs to subjects.
fn belongings() -> Vec<Route> {
    vec![
        route!(GET "/subjects/{subject}/apps", VaultRead, "Lists the applications that keep something of a subject.", apps::list)
            .gives::<NamesBody>(200),
        route!(GET "/subjects/{subject}/apps/{app}", VaultRead, "Reads what an application keeps.", apps::read)
            .gives::<AppBody>(200),
        route!(PUT "/subjects/{subject}/apps/{app}", VaultWrite, "Puts what an application keeps.", apps::put)
            .takes::<AppDataBody>()
            .versioned()
            .gives::<StoredBody>(200),
        route!(PATCH "/subjects/{subject}/apps/{app}", VaultWrite, "Changes what an application keeps by a merge patch (RFC 7396).", apps::update)
            .takes_body(Takes::MergePatch)
            .versioned()
            .gives::<StoredBody>(200),
        route!(DELETE "/subjects/{subject}/apps/{app}", VaultWrite, "Deletes what an application keeps.", apps::delete),
        route!(POST "/sessions", VaultWrite, "Makes a session, or puts new data into one.", sessions::put)
            .takes::<NewSessionBody>()
            .gives::<SessionBody>(201),
        route!(GET "/sessions/{session}", VaultRead, "Reads a session.", sessions::read)
            .gives::<SessionBody>(200),
        route!(DELETE "/sessions/{session}", VaultWrite, "Ends a session.", sessions::delete),
        route!(GET "/subjects/{subject}/sessions", VaultRead, "Lists a subject's sessions.", sessions::list)
            .gives::<SessionsBody>(200),
        route!(POST "/subjects/{subject}/shares", VaultWrite, "Shares a part of a record with who has the token.", shares::create)
            .takes::<NewShareBody>()
            .gives::<ShareBody>(201),
        route!(POST "/shares/read", VaultRead, "Reads a shared record; its token is all it takes.", shares::read)
            .takes::<ShareTokenBody>()
            .gives::<SharedBody>(200)
            .without_key(),
        route!(POST "/shares/revoke", VaultWrite, "Ends a shared record.", shares::revoke)
            .takes::<ShareTokenBody>(),
        route!(POST "/tokens", VaultWrite, "Makes a token for a value.", tokens::create)
            .takes::<NewTokenBody>()
            .gives::<TokenBody>(201),
        route!(POST "/tokens/batch", VaultWrite, "Makes tokens for several values.", tokens::create_many)
            .takes::<NewTokensBody>()
            .gives::<OutcomesBody<TokenBody>>(200),
        route!(POST "/tokens/resolve", VaultRead, "Tells what a token stands for.", tokens::resolve)
            .takes::<TokenNameBody>()
            .gives::<ValueBody>(200),
        route!(POST "/tokens/delete", VaultWrite, "Deletes a token and its value.", tokens::delete)
            .takes::<TokenNameBody>(),
    ]
}

/// Many records at once, and the log.
fn many() -> Vec<Route> {
    vec![
        route!(POST "/subjects/batch", VaultBulk, "Makes several subjects in one transaction. As many as `bulk_records`; only a batch of them is in memory as values.", bulk::create)
            .takes::<NewSubjectsBody>()
            .gives::<OutcomesBody<StoredBody>>(200),
        route!(POST "/imports", VaultBulk, "Imports subjects from JSON Lines or CSV, as they come.", bulk::import)
            .query(&[
                ("format", "`jsonl` or `csv`; else the content type says it."),
                ("delimiter", "What separates the cells of a CSV; a comma if left out."),
                ("dry_run", "`true` looks at everything and stores nothing."),
                ("first_line", "Pass over all lines before this one, from 1."),
            ])
            .takes_body(Takes::Lines)
            .gives::<ImportBody>(200),
        route!(POST "/bulk-reads", VaultBulk, "Asks for a read of many records.", bulk::ask)
            .takes::<ReasonBody>()
            .gives::<BulkReadBody>(201),
        route!(GET "/bulk-reads", VaultApprove, "Lists what was asked for.", bulk::list)
            .gives::<BulkReadsBody>(200),
        route!(POST "/bulk-reads/{read}/approve", VaultApprove, "Approves a bulk read; not by who asked.", bulk::approve)
            .gives::<BulkReadBody>(200),
        route!(POST "/bulk-reads/{read}/refuse", VaultApprove, "Refuses a bulk read.", bulk::refuse)
            .gives::<BulkReadBody>(200),
        route!(POST "/bulk-reads/{read}/unlock", VaultBulk, "Opens an approved bulk read for a short time.", bulk::unlock)
            .gives::<UnlockBody>(200),
        route!(POST "/bulk-reads/page", VaultBulk, "Reads a page of an open bulk read.", bulk::page)
            .takes::<BulkPageBody>()
            .gives::<SubjectsBody>(200),
        route!(GET "/audit", VaultAudit, "Lists the tenant's events, in the order of arrival.", audit::list)
            .query(&[
                ("after", "Go on behind the event with this id."),
                ("kind", "Only events of this kind, such as `vault_read`."),
                LIMIT,
            ])
            .gives::<EventsBody>(200),
        route!(GET "/measurements", VaultAudit, "Measures consent, retention, encryption, minimisation and auditability now.", measurements::list)
            .query(&[
                ("names", "Only these numbers, with commas between."),
                ("since", "Only consent, reads and prompts from this time on, RFC 3339."),
            ])
            .gives::<MeasurementsBody>(200),
    ]
}

/// What subjects say.
fn statements() -> Vec<Route> {
    vec![
        route!(POST "/subjects/{subject}/consents", VaultWrite, "Records what a subject says: consent, withdrawal, objection, restriction.", consent::record)
            .takes::<StatementBody>()
            .gives::<ConsentEventsBody>(201),
        route!(GET "/subjects/{subject}/consents", VaultRead, "The history of a subject's consent.", consent::history)
            .gives::<ConsentEventsBody>(200),
        route!(GET "/subjects/{subject}/consent/receipt", VaultRead, "The signed receipt of what a subject said.", consent::receipt)
            .query(&[("statement", "Of this statement; of the last one if left out.")])
            .gives::<SignedReceipt>(200),
        route!(GET "/receipts/key", VaultRead, "The key that the tenant's receipts are verified with.", erasures::key)
            .gives::<ReceiptKeyBody>(200),
        route!(GET "/subjects/{subject}/agreements", VaultRead, "How a subject stands to its agreements.", consent::agreements)
            .gives::<StandingsBody>(200),
        route!(POST "/consents/check", VaultRead, "Whether something may be done, and why.", consent::check)
            .takes::<CheckBody>()
            .gives::<VerdictBody>(200),
        route!(POST "/agreements/{name}/revoke", VaultAdmin, "Ends an agreement for everybody who agreed.", consent::revoke_all)
            .gives::<CountBody>(200),
        route!(GET "/records-of-processing", VaultAdmin, "The records of processing activities (GDPR Article 30).", consent::records_of_processing)
            .gives::<ObjectsBody>(200),
    ]
}

/// How data ends, and what holds it.
fn endings() -> Vec<Route> {
    vec![
        route!(POST "/erasures", VaultErase, "Erases a subject, or tells what that would do.", erasures::create)
            .takes::<NewErasureBody>()
            .gives::<ErasureBody>(200),
        route!(GET "/erasures/{erasure}", VaultErase, "Where an erasure stands, with its receipt.", erasures::read)
            .gives::<ErasureBody>(200),
        route!(GET "/subjects/{subject}/lineage", VaultRead, "Lists what was made of a subject outside the vault.", lineage::list)
            .gives::<NodesBody>(200),
        route!(POST "/subjects/{subject}/lineage", VaultWrite, "Registers something that was made of a subject.", lineage::register)
            .takes::<Node>()
            .gives::<NodeBody>(201),
        route!(POST "/retention/holds", VaultAdmin, "Places a legal hold.", retained::hold)
            .takes::<NewHoldBody>()
            .gives::<PlacedBody>(201),
        route!(GET "/retention/holds", VaultAdmin, "Lists the holds in force, the oldest first.", retained::holds)
            .gives::<HoldsBody>(200),
        route!(DELETE "/retention/holds/{hold}", VaultAdmin, "Releases a hold.", retained::release),
        route!(GET "/retention/report", VaultAdmin, "What is kept, and what is kept too long.", retained::report)
            .gives::<RetentionBody>(200),
        route!(POST "/subjects/{subject}/expiry", VaultErase, "Schedules a subject for deletion.", retained::start_expiry)
            .takes::<NewExpiryBody>()
            .gives::<ExpiryTokenBody>(201),
        route!(GET "/subjects/{subject}/expiry", VaultRead, "How a subject's scheduled deletion stands.", retained::expiry)
            .gives::<ExpiryBody>(200),
        route!(DELETE "/subjects/{subject}/expiry", VaultErase, "Cancels a subject's scheduled deletion.", retained::cancel_expiry),
        route!(POST "/expiries/keep", VaultErase, "The person keeps their data; their link's token is all it takes.", retained::keep)
            .takes::<ExpiryTokenBody>()
            .without_key(),
        route!(POST "/expiries/delete", VaultErase, "The person is erased now; their link's token is all it takes.", retained::delete)
            .takes::<ExpiryTokenBody>()
            .without_key(),
    ]
}

/// What subjects ask for.
fn asked() -> Vec<Route> {
    vec![
        route!(POST "/requests", VaultWrite, "Takes in a request of a subject (GDPR Articles 15 to 18, 20, 21).", requests::create)
            .takes::<NewRequestBody>()
            .gives::<RequestBody>(201),
        route!(GET "/requests", VaultRead, "Lists requests, by when they were received.", requests::list)
            .query(&[
                ("status", "`pending`, `in_progress`, `completed` or `cancelled`."),
                ("type", "`access`, `rectification`, `erasure`, `restriction`, `portability` or `objection`."),
                ("due_before", "Open ones whose time is over before then, RFC 3339."),
                ("after", "Go on behind the request with this id."),
                LIMIT,
            ])
            .gives::<RequestsBody>(200),
        route!(GET "/requests/{request}", VaultRead, "Where a request stands.", requests::read)
            .gives::<RequestBody>(200),
        route!(GET "/requests/{request}/steps", VaultRead, "What happened to a request, in order.", requests::steps)
            .gives::<StepsBody>(200),
        route!(GET "/requests/{request}/asked", VaultRead, "What a request asks for, for who decides about it.", requests::asked)
            .gives::<AskedBody>(200),
        route!(GET "/requests/{request}/receipt", VaultRead, "The signed receipt: that it was received, or how it ended.", requests::receipt)
            .gives::<RequestReceipt>(200),
        route!(POST "/requests/{request}/code", VaultWrite, "Sends a one-time code to the address in the subject's own record. The answer is the same where there is none.", requests::send_code)
            .takes::<SendBody>()
            .gives::<CodeSentBody>(202),
        route!(POST "/requests/{request}/identity", VaultWrite, "Takes the code that the subject typed.", requests::check_code)
            .takes::<CodeBody>()
            .gives::<RequestBody>(200),
        route!(POST "/requests/{request}/vouch", VaultAdmin, "Says in one's own name that the subject asks.", requests::vouch)
            .takes::<MethodBody>()
            .gives::<RequestBody>(200),
        route!(POST "/requests/{request}/approve", VaultApprove, "Approves a request; not by who took it in.", requests::approve)
            .gives::<RequestBody>(200),
        route!(POST "/requests/{request}/refuse", VaultApprove, "Ends a request without doing it.", requests::refuse)
            .takes::<GroundBody>()
            .gives::<ClosedBody>(200),
        route!(POST "/requests/{request}/withdraw", VaultWrite, "Ends a request that the subject took back.", requests::withdraw)
            .gives::<ClosedBody>(200),
        route!(POST "/requests/{request}/extend", VaultAdmin, "Extends the time to three months in all (GDPR Article 12(3)).", requests::extend)
            .takes::<ExtensionBody>()
            .gives::<RequestBody>(200),
        route!(POST "/requests/{request}/execute", VaultAdmin, "Carries out a request that is no erasure.", requests::execute)
            .gives::<AnswerBody>(200),
        route!(POST "/requests/{request}/erase", VaultErase, "Carries out an erasure that was asked for.", requests::erase)
            .gives::<AnswerBody>(200),
        route!(GET "/requests/{request}/copy", VaultRead, "The copy of a completed request again, of what is held now.", requests::copy)
            .gives::<Object>(200),
        route!(GET "/requests/{request}/copy.html", VaultRead, "The same as one page for people.", requests::copy_page)
            .gives_text(HTML),
        route!(GET "/request-keys", VaultRead, "The keys that receipts of requests, and what is sent out for them, are verified with.", requests::keys)
            .gives::<KeysBody>(200),
    ]
}

/// What was said to models, where it is kept.
fn said() -> Vec<Route> {
    vec![
        route!(POST "/conversations/search", VaultRead, "Searches the archived conversations of a subject.", conversations::search)
            .takes::<FindBody>()
            .gives::<ConversationsBody>(200),
        route!(POST "/conversations/export", VaultRead, "The same as JSON Lines; `x-privet-next` says where to go on.", conversations::export)
            .takes::<FindBody>()
            .gives_text(LINES),
        route!(GET "/conversations/{conversation}", VaultRead, "Reads an archived conversation.", conversations::read)
            .gives::<ConversationBody>(200),
        route!(POST "/bulk-reads/conversations", VaultBulk, "Archived conversations of anybody, under an open bulk read, as JSON Lines; `x-privet-next` says where to go on.", conversations::export_any)
            .takes::<FindBody>()
            .gives_text(LINES),
    ]
}

/// The routes of one kind of definition.
fn defined<D: Definition + JsonSchema>(
    all: &'static str,
    one: &'static str,
    versions: &'static str,
) -> Vec<Route> {
    vec![
        Route::new(Method::GET, all, VaultRead, "Lists what is in force.", |call| {
            Box::pin(definitions::list::<D>(call))
        })
        .gives::<DefinitionsBody<D>>(200),
        Route::new(
            Method::GET,
            one,
            VaultRead,
            "Reads the version in force.",
            |call| Box::pin(definitions::read::<D>(call)),
        )
        .gives::<DefinedBody<D>>(200),
        Route::new(
            Method::PUT,
            one,
            VaultAdmin,
            "Defines it, or a new version of it.",
            |call| Box::pin(definitions::put::<D>(call)),
        )
        .takes::<D>()
        .gives::<DefinedBody<D>>(200),
        Route::new(
            Method::DELETE,
            one,
            VaultAdmin,
            "Puts it out of force; its versions stay.",
            |call| Box::pin(definitions::delete::<D>(call)),
        ),
        Route::new(
            Method::GET,
            versions,
            VaultRead,
            "Lists all its versions.",
            |call| Box::pin(definitions::versions::<D>(call)),
        )
        .gives::<DefinitionsBody<D>>(200),
    ]
}
