//! Signing in and out by forms. The same as `server::sign_in` does for programs that speak JSON, over the same library.

use axum::body::Body;
use axum::extract::State;
use http::request::Parts;
use http::{Request, Response};
use jiff::Timestamp;
use privet_access::{Attempt, Live, NewSession, NewTotp, Privilege, Proof, SessionStanding, SignInError};
use privet_console::sign_in::{
    EnrolPage, InvitePage, IssuerLink, NewApp, RecoveryCodesPage, SecondFactorPage, SignInPage,
};
use privet_console::{Frame, Notice};
use privet_types::TenantId;

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::form::{Form, MOST_OUTSIDE, local, with_query};
use super::visit::bare_frame;
use crate::access::address_of;
use crate::problem::Problem;

pub(super) const SIGN_IN: &str = "/console/sign-in";
const SECOND_FACTOR: &str = "/console/second-factor";
const ENROL: &str = "/console/enrol";

/// Why nobody came in from an identity provider, by the code that `server::sign_in` leads back here with.
const FAILED: [(&str, &str); 5] = [
    (
        "login_refused",
        "Your identity provider's word was not accepted, or you cannot sign in here now. Begin anew, or ask an administrator, who may \
         have to link you.",
    ),
    (
        "login_spent",
        "This sign-in has expired, was begun elsewhere, or was used already. Begin anew.",
    ),
    (
        "issuer_unavailable",
        "Your identity provider cannot be reached at the moment. Try again in a moment.",
    ),
    (
        "busy",
        "Too many people sign in at this moment. Try again in a moment.",
    ),
    (
        "sign_in_unavailable",
        "Nobody can sign in at the moment; the operator finds the reason in Privet's log.",
    ),
];

/// Somebody who has signed in, with or without all that is asked for.
pub(super) struct Comer {
    pub(super) live: Live,
    parts: Parts,
    pub(super) now: Timestamp,
    pub(super) form: Form,
}

pub(super) async fn page(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let (parts, _) = request.into_parts();
        let form = Form::of_query(&parts)?;
        let next = local(form.text("next"));
        if let Ok(live) = desk.door.find(&parts.headers, desk.now()).await {
            return Ok(Answer::see(way(live.standing(), next)));
        }
        let notice = if form.text("done") == "invite" {
            Some(Notice::done("Your password is set. Sign in with it."))
        } else {
            let failed = FAILED.iter().find(|(code, _)| *code == form.text("failed"));
            failed.map(|(_, text)| Notice::failed(*text))
        };
        Answer::page(&desk.sign_in_page(next, "", "", notice))
    })
    .await
}

/// Where somebody goes on whose session is worth `standing`.
fn way(standing: SessionStanding, next: &str) -> String {
    match standing {
        SessionStanding::Full => next.to_owned(),
        SessionStanding::NeedsSecondFactor => with_query(SECOND_FACTOR, &[("next", next)]),
        SessionStanding::NeedsEnrolment => ENROL.to_owned(),
    }
}

pub(super) async fn enter(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let (parts, form) = desk.read_from_us(request).await?;
        let (name, tenant) = (form.text("name"), form.text("tenant"));
        let next = local(form.text("next"));
        let done = desk
            .try_password(&parts, name, tenant, form.raw("password"))
            .await;
        match done {
            Ok(new) => Ok(desk.go_on(&new, next)),
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.sign_in_page(next, name, tenant, Some(notice));
                Ok(Answer::page(&page)?.because_of(&log(problem)))
            }
        }
    })
    .await
}

pub(super) async fn second_factor(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let comer = desk.comer(request).await?;
        let next = local(comer.form.text("next"));
        if comer.live.standing() != SessionStanding::NeedsSecondFactor {
            return Ok(Answer::see(way(comer.live.standing(), next)));
        }
        Answer::page(&second_factor_page(&comer.live, next, None))
    })
    .await
}

fn second_factor_page(live: &Live, next: &str, notice: Option<Notice>) -> SecondFactorPage {
    let (has_totp, has_passkey) = live.factors();
    SecondFactorPage {
        frame: Frame::outside("Second factor").with_notice(notice),
        next: next.to_owned(),
        name: live.caller().principal.to_string(),
        forgery_token: live.forgery_token().to_owned(),
        has_totp,
        has_passkey,
    }
}

pub(super) async fn prove(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let comer = desk.comer(request).await?;
        let next = local(comer.form.text("next"));
        let (code, recovery) = (comer.form.text("code"), comer.form.text("recovery_code"));
        let proof = if recovery.is_empty() {
            Proof::Code(code)
        } else {
            Proof::Recovery(recovery)
        };
        let address = address_of(&comer.parts.extensions);
        let proved = desk.door.sign_in().prove(&comer.live, proof, address, comer.now);
        match proved.await {
            Ok(new) => Ok(desk.go_on(&new, next)),
            Err(error) => {
                let problem = log(error.into());
                let notice = Notice::failed(in_words(&problem));
                let page = second_factor_page(&comer.live, next, Some(notice));
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

pub(super) async fn enrol(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let comer = desk.comer(request).await?;
        if comer.live.standing() != SessionStanding::NeedsEnrolment {
            return Ok(Answer::see(way(comer.live.standing(), "/console")));
        }
        Answer::page(&enrol_page(&comer.live, None, None))
    })
    .await
}

fn enrol_page(live: &Live, app: Option<NewApp>, notice: Option<Notice>) -> EnrolPage {
    EnrolPage {
        frame: Frame::outside("Add a second factor").with_notice(notice),
        name: live.caller().principal.to_string(),
        forgery_token: live.forgery_token().to_owned(),
        app,
    }
}

pub(super) async fn begin_totp(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let comer = desk.comer(request).await?;
        let new = desk.door.sign_in().begin_totp(&comer.live, comer.now).await?;
        Answer::page(&enrol_page(&comer.live, Some(new_app(&new)), None))
    })
    .await
}

/// An authenticator app as it is shown to be added.
pub(super) fn new_app(new: &NewTotp) -> NewApp {
    let secret = new
        .uri
        .expose()
        .split_once("secret=")
        .map_or("", |(_, rest)| rest);
    let secret: Vec<char> = secret.chars().take_while(|c| *c != '&').collect();
    let secret: Vec<String> = secret.chunks(4).map(|four| four.iter().collect()).collect();
    NewApp {
        picture: new.picture(),
        secret: secret.join(" "),
    }
}

pub(super) async fn confirm_totp(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let comer = desk.comer(request).await?;
        let code = comer.form.text("code");
        let confirmed = desk.door.sign_in().confirm_totp(&comer.live, code, comer.now);
        match confirmed.await {
            Ok((codes, new)) => {
                let page = RecoveryCodesPage {
                    frame: Frame::outside("Recovery codes"),
                    codes: codes.iter().map(|code| code.expose().clone()).collect(),
                    next: "/console",
                };
                let cookie = desk.door.set_cookie(Some(new.token.expose()));
                Ok(Answer::page(&page)?.with_cookie(cookie))
            }
            Err(SignInError::WrongProof) => {
                let text = "This is not the code of the app that you added. Wait for the next code and try it, or start over.";
                let app = NewApp {
                    picture: None,
                    secret: String::new(),
                };
                let page = enrol_page(&comer.live, Some(app), Some(Notice::failed(text)));
                let problem = log(SignInError::WrongProof.into());
                Ok(Answer::page(&page)?.because_of(&problem))
            }
            Err(error) => Err(error.into()),
        }
    })
    .await
}

pub(super) async fn invite(State(desk): State<Desk>) -> Response<Body> {
    answer(async { Answer::page(&desk.invite_page(None)) }).await
}

pub(super) async fn accept_invite(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let (_, form) = desk.read_from_us(request).await?;
        let password = form.raw("password");
        if password != form.raw("again") {
            let notice = Notice::failed("The two passwords differ. Type the same one twice.");
            return Answer::page(&desk.invite_page(Some(notice)));
        }
        let accepted = desk
            .door
            .sign_in()
            .accept_invite(form.text("code"), password, desk.now());
        match accepted.await {
            Ok(()) => Ok(Answer::see(with_query(SIGN_IN, &[("done", "invite")]))),
            Err(error) => {
                let problem = log(error.into());
                let page = desk.invite_page(Some(Notice::failed(in_words(&problem))));
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

/// No policy keeps anybody from it.
pub(super) async fn sign_out(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let comer = desk.comer_to_end(request).await?;
        let id = &comer.live.session().id;
        desk.door
            .sign_in()
            .end_own(&comer.live, Some(id), comer.now)
            .await?;
        Ok(Answer::see(SIGN_IN).with_cookie(desk.door.set_cookie(None)))
    })
    .await
}

/// For the log: the code, and nothing that was typed.
pub(super) fn log(problem: Problem) -> Problem {
    tracing::info!(problem = problem.code(), "refused");
    if let Problem::SignIn(SignInError::Store(error)) = &problem {
        tracing::error!(%error, "the store cannot be asked about who signs in");
    }
    problem
}

impl Desk {
    async fn try_password(
        &self,
        parts: &Parts,
        name: &str,
        tenant: &str,
        password: &str,
    ) -> Result<NewSession, Problem> {
        let tenant = if tenant.is_empty() {
            TenantId::default()
        } else {
            tenant.parse().map_err(|_| SignInError::Refused)?
        };
        let attempt = Attempt {
            tenant: &tenant,
            name: &name.parse().map_err(|_| SignInError::Refused)?,
            password,
            address: address_of(&parts.extensions),
        };
        Ok(self.door.sign_in().sign_in(attempt, self.now()).await?)
    }

    /// The way on after `new` was opened, or goes on under a new token.
    fn go_on(&self, new: &NewSession, next: &str) -> Answer {
        let cookie = self.door.set_cookie(Some(new.token.expose()));
        Answer::see(way(new.standing, next)).with_cookie(cookie)
    }

    fn sign_in_page(&self, next: &str, name: &str, tenant: &str, notice: Option<Notice>) -> SignInPage {
        SignInPage {
            frame: Frame::outside("Sign in").with_notice(notice),
            next: next.to_owned(),
            name: name.to_owned(),
            tenant: tenant.to_owned(),
            issuers: self.issuer_links(next),
        }
    }

    /// The ways to the identity providers at which people sign in, each back to `next`.
    pub(super) fn issuer_links(&self, next: &str) -> Vec<IssuerLink> {
        let issuers = self.gateway.issuers.as_ref();
        let names = issuers.map(|issuers| issuers.logins()).unwrap_or_default();
        let next = crate::sign_in::way_on(next).unwrap_or("/console");
        let link = |name: &str| IssuerLink {
            name: name.to_owned(),
            path: with_query(&crate::sign_in::way_to(name), &[("next", next)]),
        };
        names.into_iter().map(link).collect()
    }

    fn invite_page(&self, notice: Option<Notice>) -> InvitePage {
        InvitePage {
            frame: Frame::outside("Set your password").with_notice(notice),
            least_length: self.door.sign_in().config().least_length,
        }
    }

    /// A form of somebody who has not signed in. A browser says of every form where it comes from; what does not say so is no browser,
    /// and another site's page must not sign anybody in.
    async fn read_from_us(&self, request: Request<Body>) -> Result<(Parts, Form), Stop> {
        let (parts, body) = request.into_parts();
        if self.door.comes_from_us(&parts.headers) != Some(true) {
            return Err(SignInError::Forged.into());
        }
        let form = Form::read_up_to(MOST_OUTSIDE, &self.gateway, &parts.headers, body).await?;
        Ok((parts, form))
    }

    /// Who has signed in and is yet to show more, if the policies permit it that.
    async fn comer(&self, request: Request<Body>) -> Result<Comer, Stop> {
        let comer = self.comer_to_end(request).await?;
        let caller = comer.live.caller();
        let keys = self.gateway.keys();
        let within = |stop: Stop| stop.within(|| bare_frame(&comer.live));
        let cut_off = keys.check_switches(caller, Some(Privilege::SignIn), comer.now);
        cut_off.map_err(|denied| within(denied.into()))?;
        self.check_signed_in(&comer.live, &comer.parts, comer.now)?;
        Ok(comer)
    }

    /// The same, whatever the policies say.
    pub(super) async fn comer_to_end(&self, request: Request<Body>) -> Result<Comer, Stop> {
        let (parts, body) = request.into_parts();
        let now = self.now();
        let live = match self.door.find(&parts.headers, now).await {
            Ok(live) => live,
            Err(SignInError::NoSession) => {
                return Err(Stop::See {
                    path: SIGN_IN,
                    next: String::new(),
                    is_part: false,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let form = if crate::sign_in::is_safe(&parts.method) {
            Form::of_query(&parts)?
        } else {
            self.read_form(&live, &parts, body).await?
        };
        Ok(Comer {
            live,
            parts,
            now,
            form,
        })
    }
}
