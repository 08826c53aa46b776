//! The console: pages for people who have signed in with a browser, under `/console`.
//!
//! A page is a module here, which collects what it shows and asks for what its privilege lets somebody see, and a module of
//! `privet-console`, which makes HTML of it. [`PAGES`] says which privilege opens which page: the menu shows what somebody may see, and
//! [`Desk::visit`] refuses the rest. A session's cookie is the only way in; keys and certificates count for nothing here.

mod account;
mod alerts;
mod answer;
mod audit;
mod budgets;
mod changes;
mod decisions;
mod form;
mod groups;
mod health;
mod holds;
mod incidents;
mod keys;
mod kill;
mod overview;
mod past;
mod people;
mod policy;
mod roles;
mod sign_in;
mod try_prompt;
mod usage;
mod vault;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{any, get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use privet_access::Privilege;
use privet_console::asset;
use tokio::sync::Semaphore;

use crate::gateway::Gateway;
use crate::named::Named;
use crate::problem::Problem;
use crate::sign_in::Door;
use answer::{Answer, Stop, answer, dress};

/// How many pages at once read long stretches of what was decided.
const READERS: usize = 2;

/// A page of the menu.
struct Page {
    /// The section of the menu.
    section: &'static str,
    name: &'static str,
    path: &'static str,
    /// What opens it.
    needs: Privilege,
    /// Whether it is there only where there is a vault.
    of_vault: bool,
}

const fn page(section: &'static str, name: &'static str, path: &'static str, needs: Privilege) -> Page {
    Page {
        section,
        name,
        path,
        needs,
        of_vault: false,
    }
}

/// The pages, in the order of the menu.
const PAGES: &[Page] = &[
    page("Today", "Overview", "/console", Privilege::SignIn),
    page(
        "Today",
        "Live decisions",
        "/console/decisions",
        Privilege::VaultAudit,
    ),
    page("Today", "Try a prompt", "/console/try", Privilege::DetectText),
    page("Today", "Budgets", "/console/budgets", Privilege::ListModels),
    page("Watch", "Alerts", "/console/alerts", Privilege::WatchRead),
    page("Watch", "Incidents", "/console/incidents", Privilege::WatchRead),
    page("Watch", "Held for approval", holds::PATH, Privilege::WatchRead),
    page("Watch", "Use of budgets", usage::PATH, Privilege::ReadMetrics),
    page("Watch", "Kill switch", "/console/kill", Privilege::KillRead),
    page("Access", "API keys", "/console/keys", Privilege::KeyRead),
    page("Access", "People", "/console/people", Privilege::PeopleRead),
    page(
        "Access",
        "Service accounts",
        "/console/services",
        Privilege::PeopleRead,
    ),
    page("Access", "Groups", "/console/groups", Privilege::PeopleRead),
    page("Access", "Roles", "/console/roles", Privilege::PeopleRead),
    page(
        "Access",
        "Access review",
        "/console/review",
        Privilege::PeopleRead,
    ),
    Page {
        of_vault: true,
        ..page("Prove", "Subject data", "/console/vault", Privilege::VaultRead)
    },
    page("Prove", "Policy", "/console/policy", Privilege::PolicyRead),
    page("Prove", "Audit log", "/console/audit", Privilege::VaultAudit),
    page("You", "Your account", account::PATH, Privilege::SignIn),
];

/// What all pages share, whatever the policy.
pub(crate) struct Console {
    readers: Semaphore,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            readers: Semaphore::new(READERS),
        }
    }
}

/// What a page is made from.
#[derive(Clone)]
struct Desk {
    gateway: Arc<Gateway>,
    door: Arc<Door>,
    console: Arc<Console>,
}

/// The pages, if there is a console.
pub(crate) fn routes(gateway: &Arc<Gateway>) -> Router {
    let (Some(door), Some(console)) = (&gateway.door, &gateway.console) else {
        return Router::new();
    };
    let desk = Desk {
        gateway: Arc::clone(gateway),
        door: Arc::clone(door),
        console: Arc::clone(console),
    };
    Router::new()
        .route("/console", get(overview::show))
        .route("/console/", get(overview::show))
        .route("/console/decisions", get(decisions::show))
        .route("/console/try", get(try_prompt::page).post(try_prompt::submit))
        .route("/console/budgets", get(budgets::show))
        .route(usage::PATH, get(usage::show))
        .route("/console/alerts", get(alerts::show))
        .route("/console/alerts/close", post(alerts::close))
        .route("/console/incidents", get(incidents::list).post(incidents::open))
        .route(
            "/console/incidents/{id}",
            get(incidents::show).post(incidents::step),
        )
        .route(holds::PATH, get(holds::show).post(holds::decide))
        .route("/console/kill", get(kill::show).post(kill::set))
        .route("/console/kill/lift", post(kill::lift))
        .route("/console/keys", get(keys::list).post(keys::create))
        .route("/console/keys/{id}", get(keys::show).post(keys::step))
        .route("/console/people", get(people::people).post(people::make_person))
        .route(
            "/console/people/{name}",
            get(people::person).post(people::change_person),
        )
        .route(
            "/console/services",
            get(people::services).post(people::make_service),
        )
        .route(
            "/console/services/{name}",
            get(people::service).post(people::change_service),
        )
        .route("/console/groups", get(groups::list).post(groups::create))
        .route("/console/groups/{name}", get(groups::show).post(groups::step))
        .route("/console/roles", get(roles::show))
        .route("/console/review", get(roles::review))
        .route("/console/proof", get(changes::page).post(changes::prove))
        .route("/console/vault", get(vault::show))
        .route("/console/policy", get(policy::show).post(policy::run))
        .route("/console/audit", get(audit::search))
        .route("/console/audit/{position}", get(audit::entry))
        .route("/console/account", get(account::show).post(account::step))
        .route("/console/account/sessions", post(account::end))
        .route("/console/sign-in", get(sign_in::page).post(sign_in::enter))
        .route(
            "/console/second-factor",
            get(sign_in::second_factor).post(sign_in::prove),
        )
        .route("/console/enrol", get(sign_in::enrol))
        .route("/console/enrol/totp", post(sign_in::begin_totp))
        .route("/console/enrol/confirm", post(sign_in::confirm_totp))
        .route(
            "/console/invite",
            get(sign_in::invite).post(sign_in::accept_invite),
        )
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/assets/{name}", get(asset_file))
        .route("/console/{*rest}", any(no_such_page))
        .method_not_allowed_fallback(wrong_method)
        .with_state(desk)
}

async fn asset_file(Named(name): Named) -> Response<Body> {
    let Some(asset) = asset::find(&name) else {
        return dress(
            Answer::from(Stop::from(Problem::told(
                StatusCode::NOT_FOUND,
                "There is no such file.",
            )))
            .respond(),
        );
    };
    let mut response = dress(Response::new(Body::from(asset.bytes)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    // Another version has another name.
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, kept);
    response
}

/// Not even this says what pages there are to who has not signed in.
async fn no_such_page(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        desk.look(request).await?;
        let text = "There is no such page. The menu shows all that there are.";
        Err(Problem::told(StatusCode::NOT_FOUND, text).into())
    })
    .await
}

async fn wrong_method(State(_): State<Desk>) -> Response<Body> {
    answer(async { Err(Problem::WrongMethod.into()) }).await
}
