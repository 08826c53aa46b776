//! What pages about keys, people and groups share: a fresh proof, being sure, and the next page of a list.

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use privet_access::{Administration, Privilege, Proof, SignInError, SignInWay};
use privet_console::changes::ProofPage;
use privet_console::{Notice, day_and_time};

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::form::{local, with_query};
use super::visit::Visit;
use crate::access::address_of;
use crate::problem::Problem;

const PROOF: &str = "/console/proof";

pub(super) async fn page(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::SignIn).await?;
        Answer::page(&desk.proof_page(&visit, None))
    })
    .await
}

pub(super) async fn prove(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::SignIn).await?;
        let (code, password) = (visit.form.text("code"), visit.form.raw("password"));
        let proof = if password.is_empty() {
            Proof::Code(code)
        } else {
            Proof::Password(password)
        };
        let address = address_of(&visit.parts.extensions);
        let proved = desk.door.sign_in().prove(&visit.live, proof, address, visit.now);
        match proved.await {
            Ok(new) => {
                let cookie = desk.door.set_cookie(Some(new.token.expose()));
                Ok(Answer::see(local(visit.form.text("next"))).with_cookie(cookie))
            }
            Err(error) => {
                let problem = Problem::from(error);
                tracing::info!(problem = problem.code(), "refused");
                let notice = Notice::failed(in_words(&problem));
                Ok(Answer::page(&desk.proof_page(&visit, Some(notice)))?.because_of(&problem))
            }
        }
    })
    .await
}

impl Desk {
    fn proof_page(&self, visit: &Visit, notice: Option<Notice>) -> ProofPage {
        let (has_totp, has_passkey) = visit.live.factors();
        let next = local(visit.form.text("next"));
        let is_from_issuer = visit.live.session().way == SignInWay::Oidc;
        ProofPage {
            frame: self.frame(visit, "Show that it is you").with_notice(notice),
            next: next.to_owned(),
            has_totp,
            has_passkey,
            issuers: if is_from_issuer {
                self.issuer_links(next)
            } else {
                Vec::new()
            },
        }
    }

    /// That who looks showed not long ago who it is; else it is asked to, and goes on at `next`.
    pub(super) fn check_proof(&self, visit: &Visit, next: &str) -> Result<(), Stop> {
        match self.door.sign_in().check_proof(&visit.live, visit.now) {
            Err(SignInError::NeedsProof) => Err(Stop::See {
                path: PROOF,
                next: next.to_owned(),
                is_part: false,
            }),
            other => Ok(other?),
        }
    }

    /// Changes, within what who looks may do and hand on.
    pub(super) fn administration<'a>(&'a self, visit: &'a Visit) -> Administration<'a> {
        let address = address_of(&visit.parts.extensions);
        crate::admin::administration(&self.gateway, (visit.caller(), true), address)
    }
}

impl Visit {
    /// That the box was ticked which says what will happen.
    pub(super) fn is_sure(&self) -> Result<(), Problem> {
        if self.form.text("sure") == "yes" {
            return Ok(());
        }
        let text = "Tick the box that says what will happen.";
        Err(Problem::told(StatusCode::BAD_REQUEST, text))
    }

    /// The form asks for what this page does not do.
    pub(super) fn unknown_step(&self) -> Problem {
        Problem::told(
            StatusCode::BAD_REQUEST,
            "This page does not do that. Load it again.",
        )
    }
}

/// A time of an answer as people read it; `none` where there is none.
pub(super) fn said(at: Option<&String>, none: &str) -> String {
    let at = at.and_then(|at| at.parse::<Timestamp>().ok());
    at.map_or_else(|| none.to_owned(), day_and_time)
}

/// Where the list at `path` with these `fields` goes on behind `after`.
pub(super) fn more(path: &str, fields: &[(&str, &str)], after: &str) -> String {
    let mut all = fields.to_vec();
    all.push(("after", after));
    with_query(path, &all)
}
