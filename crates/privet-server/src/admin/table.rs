//! Every route.

use http::Method;
use privet_access::Privilege;

use super::call::{Answer, Call, Duty};
use super::groups::{GroupBody, GroupsBody};
use super::keys::{KeyBody, KeysBody, MadeKeyBody, NewKeyBody, RotateBody};
use super::page::{AFTER, LIMIT};
use super::people::{EndedBody, InviteBody, NewNameBody, PrincipalBody, PrincipalsBody, SwitchBody};
use super::review::ReviewBody;
use super::roles::RolesBody;
use super::{groups, keys, people, review, roles};
use crate::vault::route::Route;

const OF_KEYS: &[(&str, &str)] = &[
    LIMIT,
    AFTER,
    ("name", "Of this owner alone."),
    (
        "state",
        "In this state alone: `active`, `rotating`, `rotated`, `expired` or `revoked`.",
    ),
    (
        "unused_since",
        "Good keys alone that were neither made nor used for so long, such as `90d`.",
    ),
];
const OF_PRINCIPALS: &[(&str, &str)] = &[
    LIMIT,
    AFTER,
    ("begins", "Names that begin so."),
    ("role", "Who has this role, by itself or by a group."),
    ("group", "Who is in this group."),
    ("state", "In this state alone: `active`, `disabled` or `by_key`."),
];
const OF_REVIEW: &[(&str, &str)] = &[
    LIMIT,
    AFTER,
    ("unused", "`true`: what was never used, as far as is known."),
];

fn route(
    method: Method,
    path: &'static str,
    privilege: Privilege,
    summary: &'static str,
    run: fn(Call) -> Answer,
) -> Route<Duty> {
    let duty = Duty {
        privilege,
        needs_proof: false,
        run,
    };
    Route::of(method, path, privilege.scope(), summary, duty)
}

/// The same for people who have shown not long ago who they are.
fn proved(
    method: Method,
    path: &'static str,
    privilege: Privilege,
    summary: &'static str,
    run: fn(Call) -> Answer,
) -> Route<Duty> {
    let mut route = route(method, path, privilege, summary, run);
    route.handler.needs_proof = true;
    route
}

/// All routes, grouped by what they are about.
pub(super) fn routes() -> Vec<Route<Duty>> {
    let mut routes = of_keys();
    routes.extend(of_people());
    routes.extend(of_services());
    routes.extend(of_groups());
    let (get, read) = (Method::GET, Privilege::PeopleRead);
    routes.extend([
        route(
            get.clone(),
            "/api/v1/roles",
            read,
            "What each role may do.",
            roles::list,
        )
        .gives::<RolesBody>(200),
        route(
            get,
            "/api/v1/access_review",
            read,
            "What was granted against what is used.",
            review::list,
        )
        .query(OF_REVIEW)
        .gives::<ReviewBody>(200),
    ]);
    routes
}

fn of_keys() -> Vec<Route<Duty>> {
    let (read, manage) = (Privilege::KeyRead, Privilege::KeyManage);
    let (all, one) = ("/api/v1/keys", "/api/v1/keys/{id}");
    vec![
        route(Method::GET, all, read, "Lists API keys.", keys::list)
            .query(OF_KEYS)
            .gives::<KeysBody>(200),
        proved(
            Method::POST,
            all,
            manage,
            "Makes an API key. It is shown in the answer, and never again.",
            keys::create,
        )
        .takes::<NewKeyBody>()
        .gives::<MadeKeyBody>(201),
        route(Method::GET, one, read, "Shows what is known of a key.", keys::one).gives::<KeyBody>(200),
        route(
            Method::DELETE,
            one,
            manage,
            "Revokes a key for good; one that is revoked stays so.",
            keys::revoke,
        )
        .gives::<KeyBody>(200),
        proved(
            Method::POST,
            "/api/v1/keys/{id}/rotate",
            manage,
            "Makes a key in the place of one, which works beside it for a while.",
            keys::rotate,
        )
        .takes::<RotateBody>()
        .gives::<MadeKeyBody>(201),
    ]
}

fn of_people() -> Vec<Route<Duty>> {
    let (read, manage) = (Privilege::PeopleRead, Privilege::PeopleManage);
    let (all, one, role) = (
        "/api/v1/people",
        "/api/v1/people/{name}",
        "/api/v1/people/{name}/roles/{role}",
    );
    vec![
        route(Method::GET, all, read, "Lists people.", people::list_people)
            .query(OF_PRINCIPALS)
            .gives::<PrincipalsBody>(200),
        route(
            Method::POST,
            all,
            manage,
            "Makes a person, who may do nothing yet but sign in.",
            people::create_person,
        )
        .takes::<NewNameBody>()
        .gives::<PrincipalBody>(201),
        route(Method::GET, one, read, "Shows a person.", people::person).gives::<PrincipalBody>(200),
        proved(
            Method::PATCH,
            one,
            manage,
            "Switches a person off, with all keys and sessions, or on again.",
            people::switch_person,
        )
        .takes::<SwitchBody>()
        .gives::<PrincipalBody>(200),
        proved(
            Method::POST,
            "/api/v1/people/{name}/invite",
            manage,
            "Makes a one-time code with which the person sets a password. An earlier one counts no more.",
            people::invite,
        )
        .gives::<InviteBody>(201),
        proved(
            Method::POST,
            "/api/v1/people/{name}/unlock",
            manage,
            "Forgets wrong passwords and codes.",
            people::unlock,
        ),
        proved(
            Method::POST,
            "/api/v1/people/{name}/password/reset",
            manage,
            "Takes the password away, an invite with it, and ends sessions.",
            people::reset_password,
        ),
        proved(
            Method::POST,
            "/api/v1/people/{name}/factors/reset",
            manage,
            "Takes all second factors away, and ends sessions.",
            people::reset_factors,
        ),
        route(
            Method::DELETE,
            "/api/v1/people/{name}/sessions",
            manage,
            "Ends all sessions.",
            people::end_sessions,
        )
        .gives::<EndedBody>(200),
        proved(Method::PUT, role, manage, "Grants a role.", people::grant_person),
        proved(
            Method::DELETE,
            role,
            manage,
            "Takes a role back.",
            people::take_from_person,
        ),
    ]
}

fn of_services() -> Vec<Route<Duty>> {
    let (read, manage) = (Privilege::PeopleRead, Privilege::PeopleManage);
    let (all, one, role) = (
        "/api/v1/services",
        "/api/v1/services/{name}",
        "/api/v1/services/{name}/roles/{role}",
    );
    vec![
        route(
            Method::GET,
            all,
            read,
            "Lists service accounts.",
            people::list_services,
        )
        .query(OF_PRINCIPALS)
        .gives::<PrincipalsBody>(200),
        route(
            Method::POST,
            all,
            manage,
            "Makes a service account, which may do nothing yet.",
            people::create_service,
        )
        .takes::<NewNameBody>()
        .gives::<PrincipalBody>(201),
        route(
            Method::GET,
            one,
            read,
            "Shows a service account.",
            people::service,
        )
        .gives::<PrincipalBody>(200),
        proved(
            Method::PATCH,
            one,
            manage,
            "Switches a service account off, with all keys, or on again.",
            people::switch_service,
        )
        .takes::<SwitchBody>()
        .gives::<PrincipalBody>(200),
        proved(Method::PUT, role, manage, "Grants a role.", people::grant_service),
        proved(
            Method::DELETE,
            role,
            manage,
            "Takes a role back.",
            people::take_from_service,
        ),
    ]
}

fn of_groups() -> Vec<Route<Duty>> {
    let (read, manage) = (Privilege::PeopleRead, Privilege::PeopleManage);
    let (all, role, member) = (
        "/api/v1/groups",
        "/api/v1/groups/{name}/roles/{role}",
        "/api/v1/groups/{name}/members/{member}",
    );
    vec![
        route(Method::GET, all, read, "Lists groups.", groups::list)
            .query(&[LIMIT, AFTER])
            .gives::<GroupsBody>(200),
        route(Method::POST, all, manage, "Makes a group.", groups::create)
            .takes::<NewNameBody>()
            .gives::<GroupBody>(201),
        route(
            Method::GET,
            "/api/v1/groups/{name}",
            read,
            "Shows a group.",
            groups::one,
        )
        .gives::<GroupBody>(200),
        proved(
            Method::PUT,
            member,
            manage,
            "Puts somebody into a group.",
            groups::add,
        ),
        proved(
            Method::DELETE,
            member,
            manage,
            "Takes somebody out of a group.",
            groups::remove,
        ),
        proved(
            Method::PUT,
            role,
            manage,
            "Grants a role to all in a group.",
            groups::grant,
        ),
        proved(
            Method::DELETE,
            role,
            manage,
            "Takes a role back from all in a group.",
            groups::take_back,
        ),
    ]
}
