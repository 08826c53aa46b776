//! Somebody looks at a page: who it is, and whether that person may.

use axum::body::Body;
use http::request::Parts;
use http::{Request, StatusCode};
use jiff::Timestamp;
use privet_access::{Ask, Authenticated, Live, Privilege, Resource, SessionStanding, SignInError};
use privet_console::{Frame, MenuItem, MenuSection, Notice, Who};

use super::answer::Stop;
use super::form::Form;
use super::{Desk, PAGES};
use crate::access::address_of;
use crate::problem::Problem;
use crate::sign_in::is_safe;

/// Told to somebody whom a policy without words of its own keeps out.
const KEPT_OUT: &str = "a policy does not let you be signed in from here, or at this time. You can sign out; an administrator can say \
                        which policy it is";

/// Somebody who has signed in, with all that is asked for, looks at a page.
pub(super) struct Visit {
    pub(super) live: Live,
    pub(super) parts: Parts,
    pub(super) now: Timestamp,
    /// What the address or the form holds.
    pub(super) form: Form,
}

impl Desk {
    pub(super) fn now(&self) -> Timestamp {
        self.gateway.clock.now()
    }

    /// Who looks, if that person may do what `privilege` is for. What was sent by a form counts only if one of our own pages sent it.
    pub(super) async fn visit(&self, request: Request<Body>, privilege: Privilege) -> Result<Visit, Stop> {
        let (live, parts, body, now) = self.enter(request).await?;
        let within = |stop: Stop| stop.within(|| self.frame_of(&live, &parts, ""));
        let permitted = self
            .gateway
            .permit_in_console(&parts, live.caller(), privilege)
            .map_err(Stop::from);
        permitted.map_err(within)?;
        let form = if is_safe(&parts.method) {
            Form::of_query(&parts).map_err(Stop::from)
        } else {
            self.read_form(&live, &parts, body).await.map_err(Stop::from)
        };
        let form = form.map_err(within)?;
        Ok(Visit {
            live,
            parts,
            now,
            form,
        })
    }

    /// Who looks, whatever that person may do.
    pub(super) async fn look(&self, request: Request<Body>) -> Result<(), Stop> {
        self.enter(request).await.map(drop)
    }

    /// The form that a request of `live` brings, if one of our own pages sent it.
    pub(super) async fn read_form(&self, live: &Live, parts: &Parts, body: Body) -> Result<Form, Problem> {
        let form = Form::read(&self.gateway, &parts.headers, body).await?;
        self.door
            .check_not_forged(live, &parts.headers, form.raw("csrf_token"))?;
        Ok(form)
    }

    async fn enter(&self, request: Request<Body>) -> Result<(Live, Parts, Body, Timestamp), Stop> {
        let (parts, body) = request.into_parts();
        let now = self.now();
        let see = |path| {
            let is_part = parts.headers.contains_key("hx-request");
            let wanted = match parts.uri.path_and_query() {
                // The address of a part shows nothing of the page round it.
                Some(wanted) if is_part => wanted.path(),
                Some(wanted) => wanted.as_str(),
                None => "",
            };
            let next = if is_safe(&parts.method) { wanted } else { "" };
            Stop::See {
                path,
                next: next.to_owned(),
                is_part,
            }
        };
        let live = match self.door.find(&parts.headers, now).await {
            Ok(live) => live,
            Err(SignInError::NoSession) => return Err(see("/console/sign-in")),
            Err(error) => return Err(error.into()),
        };
        match live.standing() {
            SessionStanding::Full => {}
            SessionStanding::NeedsSecondFactor => return Err(see("/console/second-factor")),
            SessionStanding::NeedsEnrolment => return Err(see("/console/enrol")),
        }
        self.check_signed_in(&live, &parts, now)?;
        Ok((live, parts, body, now))
    }

    /// That the policies let the person of `live` be signed in; else a page that says why, from which it can sign out.
    pub(super) fn check_signed_in(&self, live: &Live, parts: &Parts, now: Timestamp) -> Result<(), Stop> {
        let ask = Ask {
            privilege: Privilege::SignIn,
            resource: Resource::Tenant,
            at: now,
            address: address_of(&parts.extensions),
            prompt: None,
        };
        let permitted = self.gateway.keys().authorise(live.caller(), &ask);
        permitted.map_err(|not| {
            let text = not.message.unwrap_or_else(|| KEPT_OUT.to_owned());
            let problem = Problem::coded(StatusCode::FORBIDDEN, "not_permitted", text);
            Stop::from(problem).within(|| bare_frame(live))
        })
    }

    /// Whether who looks would be permitted what `privilege` is for.
    pub(super) fn may(&self, visit: &Visit, privilege: Privilege) -> bool {
        self.gateway
            .would_permit(&visit.parts, visit.live.caller(), privilege)
    }

    /// What stands round the page `title`.
    pub(super) fn frame(&self, visit: &Visit, title: &str) -> Frame {
        self.frame_of(&visit.live, &visit.parts, title)
    }

    fn frame_of(&self, live: &Live, parts: &Parts, title: &str) -> Frame {
        let here = parts.uri.path();
        let mut menu: Vec<MenuSection> = Vec::new();
        for page in PAGES {
            if page.of_vault && self.gateway.vault.is_none() {
                continue;
            }
            if !self.gateway.would_permit(parts, live.caller(), page.needs) {
                continue;
            }
            let item = MenuItem {
                path: page.path,
                name: page.name,
                is_current: is_within(here, page.path),
            };
            match menu.last_mut().filter(|section| section.name == page.section) {
                Some(section) => section.items.push(item),
                None => menu.push(MenuSection {
                    name: page.section,
                    items: vec![item],
                }),
            }
        }
        Frame {
            title: title.to_owned(),
            menu,
            ..bare_frame(live)
        }
    }
}

/// What stands round a page of somebody who may go nowhere: who it is, and the way out.
pub(super) fn bare_frame(live: &Live) -> Frame {
    let account = &live.caller().account;
    Frame {
        title: String::new(),
        who: Some(Who {
            name: account.name().to_string(),
            tenant: account.tenant().to_string(),
            roles: account.roles().into_iter().map(ToString::to_string).collect(),
            forgery_token: live.forgery_token().to_owned(),
        }),
        menu: Vec::new(),
        notice: None,
    }
}

impl Visit {
    pub(super) fn caller(&self) -> &Authenticated {
        self.live.caller()
    }

    /// What was just done, if the page before says so in the address: one of the texts that this page knows.
    pub(super) fn done(&self, known: &[(&str, &str)]) -> Option<Notice> {
        let said = self.form.text("done");
        let text = known.iter().find(|(code, _)| *code == said)?.1;
        Some(Notice::done(text))
    }
}

/// Whether the page at `here` is that of `path`, or lies within it.
fn is_within(here: &str, path: &str) -> bool {
    let here = here.trim_end_matches('/');
    here == path || path != "/console" && here.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_lies_within_the_one_whose_path_begins_its_own() {
        assert!(is_within("/console", "/console") && is_within("/console/", "/console"));
        assert!(is_within("/console/incidents/7", "/console/incidents"));
        assert!(!is_within("/console/incidents", "/console"));
        assert!(!is_within("/console/incidentsx", "/console/incidents"));
    }
}
