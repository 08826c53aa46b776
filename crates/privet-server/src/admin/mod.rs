//! Keys, people, service accounts, groups and roles over HTTP, for those whom the policies let look after them.
//!
//! One table ([`table`]) holds every route; router and document are both made from it. What may be changed is decided by
//! [`privet_access::Administration`]: the routes only read what was asked and show what came of it.

mod call;
mod groups;
mod keys;
mod page;
mod people;
mod review;
mod roles;
mod table;

use std::sync::Arc;

use axum::Router;
use schemars::SchemaGenerator;
use serde_json::{Map, Value};

use crate::gateway::Gateway;
use crate::vault::describe::{About, describe};
use crate::vault::route::{Route, router};
use call::Duty;

pub(crate) use call::{administration, name_of, period};
pub(crate) use groups::{GroupBody, find as group, rows as groups};
pub(crate) use keys::{KeyBody, KeyFilter, NewKeyBody, find as key, rows as keys};
pub(crate) use page::Page;
pub(crate) use people::{
    PeopleFilter, PrincipalBody, find as principal, invite_person as invite, parse_name, rows as principals,
};
pub(crate) use review::{GrantedBody, rows as review};
pub(crate) use roles::{RoleBody, rows as roles};

const ABOUT: About<Duty> = About {
    schemes: &["key", "session"],
    finish: tell_of_proof,
};

fn tell_of_proof(route: &Route<Duty>, operation: &mut Map<String, Value>) {
    if route.handler.needs_proof {
        operation.insert("x-privet-fresh-proof".to_owned(), true.into());
    }
}

/// Each route: its path, its method in small letters, and what it does.
pub(crate) fn described(generator: &mut SchemaGenerator) -> Vec<(&'static str, String, Value)> {
    describe(&table::routes(), &ABOUT, generator)
}

/// The addresses.
pub(crate) fn routes(gateway: &Arc<Gateway>) -> Router {
    let gateway = Arc::clone(gateway);
    let answer = move |route, params, request| {
        let gateway = Arc::clone(&gateway);
        async move { call::answer(gateway, &route, params, request).await }
    };
    router(table::routes(), answer)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::Method;

    use super::*;

    #[test]
    fn every_route_needs_a_scope_and_every_change_the_right_to_change() {
        let routes = table::routes();
        let listed: BTreeSet<(&str, &str)> = routes
            .iter()
            .map(|route| (route.path, route.method.as_str()))
            .collect();
        assert_eq!(listed.len(), routes.len(), "a route stands twice");
        for route in &routes {
            let scope = route.scope.expect("a scope").name();
            let suffix = if route.method == Method::GET {
                ".read"
            } else {
                ".manage"
            };
            assert!(scope.ends_with(suffix), "{} {}", route.method, route.path);
            assert_eq!(route.handler.privilege.scope(), route.scope);
        }
    }

    #[test]
    fn what_gives_somebody_a_way_in_or_more_rights_asks_for_a_fresh_proof() {
        let open: Vec<String> = table::routes()
            .iter()
            .filter(|route| route.method != Method::GET && !route.handler.needs_proof)
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        assert_eq!(
            open,
            [
                "DELETE /api/v1/keys/{id}",
                "POST /api/v1/people",
                "DELETE /api/v1/people/{name}/sessions",
                "POST /api/v1/services",
                "POST /api/v1/groups",
            ]
        );
    }
}
