//! One's own account: sessions, second factors, password, keys and tokens. The same as `/api/v1/me` and `/api/v1/tokens` do for programs.

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use privet_access::{Privilege, SignInError, SignInWay};
use privet_console::account::{AccountPage, App, PasskeyRow, SessionRow};
use privet_console::keys::Scope;
use privet_console::sign_in::{NewApp, RecoveryCodesPage};
use privet_console::{Frame, Notice, Once, day_and_time};
use privet_types::{KeyScope, Secret};

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::sign_in::{Comer, SIGN_IN, log, new_app};
use super::visit::Visit;
use crate::admin::{self, Page};
use crate::problem::Problem;
use crate::tokens;

pub(super) const PATH: &str = "/console/account";
/// What the page before did.
const DONE: [(&str, &str); 8] = [
    ("session", "The session ended."),
    ("others", "All sessions but this one ended."),
    ("app", "The authenticator app was removed."),
    ("passkey", "The passkey was added."),
    ("passkey_gone", "The passkey was removed."),
    (
        "password",
        "The password was changed. All sessions but this one ended.",
    ),
    (
        "tokens",
        "All tokens of yours were taken back, here at once and on other nodes within a second.",
    ),
    ("none", "There was nothing to do."),
];
/// Steps that take something from oneself, and are to be confirmed.
const SURE: [&str; 4] = ["remove_app", "remove_passkey", "codes", "tokens"];
/// Steps that ask for no fresh proof.
const OPEN: [&str; 1] = ["tokens"];
/// For how long a token can be asked for, in minutes, as far as the settings allow it.
const LIVES: [u64; 4] = [5, 15, 30, 60];

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::SignIn).await?;
        let notice = visit.done(&DONE);
        Answer::page(&desk.account_page(&visit, Shown::default(), notice).await?)
    })
    .await
}

/// No policy keeps anybody from ending its own sessions.
pub(super) async fn end(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let Comer { live, now, form, .. } = desk.comer_to_end(request).await?;
        live.check()?;
        let sign_in = desk.door.sign_in();
        if form.text("others") == "yes" {
            let ended = sign_in.end_own(&live, None, now).await?;
            return Ok(see(if ended > 0 { "others" } else { "none" }));
        }
        let id = form.text("id");
        let ended = sign_in.end_own(&live, Some(id), now).await?;
        if ended > 0 && id == live.session().id {
            return Ok(Answer::see(SIGN_IN).with_cookie(desk.door.set_cookie(None)));
        }
        Ok(see(if ended > 0 { "session" } else { "none" }))
    })
    .await
}

fn see(done: &str) -> Answer {
    Answer::see(format!("{PATH}?done={done}"))
}

pub(super) async fn step(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::SignIn).await?;
        let step = visit.form.text("step");
        if !OPEN.contains(&step) {
            desk.check_proof(&visit, PATH)?;
        }
        let problem = match Box::pin(desk.step_of_account(&visit)).await {
            Ok(Step::Done(done)) => return Ok(see(done)),
            Ok(Step::Shown(shown)) => {
                return Answer::page(&desk.account_page(&visit, shown, None).await?);
            }
            Ok(Step::Whole(answer)) => return Ok(answer),
            Err(Stop::Problem { problem, .. }) => log(problem),
            Err(other) => return Err(other),
        };
        let notice = Notice::failed(in_words(&problem));
        let mut shown = Shown::default();
        if step == "confirm_app" && matches!(problem, Problem::SignIn(SignInError::WrongProof)) {
            shown.app = Some(NewApp {
                picture: None,
                secret: String::new(),
            });
        }
        let page = desk.account_page(&visit, shown, Some(notice)).await?;
        Ok(Answer::page(&page)?.because_of(&problem))
    })
    .await
}

/// What a page shows once.
#[derive(Default)]
struct Shown {
    app: Option<NewApp>,
    made: Option<Once>,
}

/// What came of a step.
enum Step {
    Done(&'static str),
    Shown(Shown),
    /// Another page takes the place of this one.
    Whole(Answer),
}

impl Desk {
    async fn step_of_account(&self, visit: &Visit) -> Result<Step, Stop> {
        let (sign_in, live, now, form) = (self.door.sign_in(), &visit.live, visit.now, &visit.form);
        let step = form.text("step");
        if SURE.contains(&step) {
            visit.is_sure()?;
        }
        Ok(match step {
            "add_app" => {
                let new = sign_in.begin_totp(live, now).await?;
                Step::Shown(Shown {
                    app: Some(new_app(&new)),
                    made: None,
                })
            }
            "confirm_app" => {
                let (codes, new) = sign_in.confirm_totp(live, form.text("code"), now).await?;
                // The session goes on under a new token, which the forms of this request's frame do not have.
                let page = codes_page(Frame::outside("Recovery codes"), &codes);
                let cookie = self.door.set_cookie(Some(new.token.expose()));
                Step::Whole(Answer::page(&page)?.with_cookie(cookie))
            }
            "remove_app" => {
                sign_in.remove_totp(live, now).await?;
                Step::Done("app")
            }
            "remove_passkey" => {
                let removed = sign_in.remove_passkey(live, form.text("id"), now).await?;
                Step::Done(if removed { "passkey_gone" } else { "none" })
            }
            "codes" => {
                let codes = sign_in.new_recovery_codes(live, now).await?;
                Step::Whole(Answer::page(&codes_page(
                    self.frame(visit, "Recovery codes"),
                    &codes,
                ))?)
            }
            "password" => {
                let password = form.raw("password");
                if password != form.raw("again") {
                    let text = "The two passwords differ. Type the same one twice.";
                    return Err(Problem::told(http::StatusCode::BAD_REQUEST, text).into());
                }
                sign_in.change_password(live, password, now).await?;
                Step::Done("password")
            }
            "token" => Step::Shown(Shown {
                app: None,
                made: Some(self.new_token(visit).await?),
            }),
            "tokens" => {
                self.may_make_tokens(visit)?;
                tokens::take_all_back_of(&self.gateway, visit.caller()).await?;
                Step::Done("tokens")
            }
            _ => return Err(visit.unknown_step().into()),
        })
    }

    fn may_make_tokens(&self, visit: &Visit) -> Result<(), Problem> {
        self.gateway
            .permit_any_scope(&visit.parts, visit.caller(), Privilege::MakeTokens)
    }

    /// A token by this session, as `POST /api/v1/tokens` makes it.
    async fn new_token(&self, visit: &Visit) -> Result<Once, Problem> {
        self.may_make_tokens(visit)?;
        let scopes = KeyScope::ALL.into_iter().map(KeyScope::name);
        let order = tokens::Order {
            scopes: scopes
                .filter(|scope| is_chosen(visit, scope))
                .map(str::to_owned)
                .collect(),
            expires_in: visit.form.number("expires_in").map(u64::from),
            models: Vec::new(),
            addresses: Vec::new(),
        };
        let session = Some(visit.live.session());
        let (made, _) = tokens::make_for(&self.gateway, visit.caller(), session, order).await?;
        Ok(Once {
            what: "Your token".to_owned(),
            how: format!(
                "A program sends it as `Authorization: Bearer …`, until {}, UTC.",
                day_and_time(made.expires_at)
            ),
            text: made.token.expose().clone(),
        })
    }

    async fn account_page(
        &self,
        visit: &Visit,
        shown: Shown,
        notice: Option<Notice>,
    ) -> Result<AccountPage, Stop> {
        let (sign_in, live, caller) = (self.door.sign_in(), &visit.live, visit.caller());
        let sessions = sign_in.list(live, false, visit.now).await?;
        let passkeys = sign_in.list_passkeys(live).await?;
        let (has_totp, _) = live.factors();
        let app = match shown.app {
            Some(app) => App::New(app),
            None if has_totp => App::Added,
            None => App::Missing,
        };
        let filter = admin::KeyFilter {
            name: Some(caller.principal.as_str()),
            state: None,
            unused_since: None,
        };
        let (keys, more) = admin::keys(&self.gateway, &caller.tenant, &Page::behind(""), &filter).await?;
        let may_make_tokens = self.may_make_tokens(visit).is_ok();
        Ok(AccountPage {
            frame: self.frame(visit, "Your account").with_notice(notice),
            sessions: sessions
                .into_iter()
                .map(|session| SessionRow {
                    is_current: session.id == live.session().id,
                    id: session.id,
                    way: match session.way {
                        SignInWay::Oidc => "identity provider",
                        way => way.name(),
                    },
                    has_two_factors: session.has_two_factors,
                    made_at: day_and_time(session.made_at),
                    seen_at: day_and_time(session.seen_at),
                    expires_at: day_and_time(session.expires_at),
                })
                .collect(),
            is_proved: sign_in.check_proof(live, visit.now).is_ok(),
            app,
            passkeys: passkeys
                .into_iter()
                .map(|passkey| PasskeyRow {
                    id: passkey.id,
                    name: passkey.name,
                    made_at: day_and_time(passkey.made_at),
                    used_at: passkey.used_at.map_or_else(|| "never".to_owned(), day_and_time),
                    suspect_at: passkey.suspect_at.map(day_and_time).unwrap_or_default(),
                })
                .collect(),
            recovery_codes: sign_in.count_recovery_codes(live).await?,
            least_length: sign_in.config().least_length,
            keys: keys.into_iter().map(super::keys::row).collect(),
            has_more_keys: more.is_some(),
            may_see_keys: self.may(visit, Privilege::KeyRead),
            scopes: if may_make_tokens {
                self.scopes_of_tokens(visit)
            } else {
                Vec::new()
            },
            lives: self.lives_of_tokens(),
            may_make_tokens,
            made: shown.made,
        })
    }

    /// What a token of this session could be good for: scopes of the session of which the policies permit something.
    fn scopes_of_tokens(&self, visit: &Visit) -> Vec<Scope> {
        let is_of_use = |scope: &KeyScope| {
            let mut all = Privilege::ALL
                .into_iter()
                .filter(|one| one.scope() == Some(*scope));
            all.any(|one| self.may(visit, one))
        };
        let scopes = visit.caller().scopes.iter().filter(is_of_use);
        scopes
            .map(|scope| Scope {
                name: scope.name(),
                is_chosen: is_chosen(visit, scope.name()),
            })
            .collect()
    }

    /// The longest first: that is what is usual.
    fn lives_of_tokens(&self) -> Vec<(u64, String)> {
        let longest = self.gateway.settings.access.token_life.duration().as_secs();
        let mut lives = vec![(longest, said(longest))];
        let shorter = LIVES.into_iter().rev().map(|minutes| minutes * 60);
        lives.extend(
            shorter
                .filter(|life| *life < longest)
                .map(|life| (life, said(life))),
        );
        lives
    }
}

fn codes_page(frame: Frame, codes: &[Secret<String>]) -> RecoveryCodesPage {
    RecoveryCodesPage {
        frame,
        codes: codes.iter().map(|code| code.expose().clone()).collect(),
        next: PATH,
    }
}

fn is_chosen(visit: &Visit, scope: &str) -> bool {
    visit.form.text(&format!("scope.{scope}")) == "yes"
}

/// Seconds as they are read.
fn said(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (60, 0) => "an hour".to_owned(),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_said_in_minutes() {
        assert_eq!(
            [30, 60, 90, 900, 3600].map(said),
            ["30 s", "1 min", "1 min 30 s", "15 min", "an hour"]
        );
    }
}
