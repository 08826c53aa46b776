//! `privet user invite` and its like: how people get in, and get in again.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Subcommand;
use privet_access::{Enrolment, Identity};
use privet_server::SystemClock;
use privet_types::Principal;
use serde_json::json;

use crate::cli::Format;
use crate::people::{Desk, Place, at_desk};
use crate::rim;

#[derive(Subcommand)]
pub(crate) enum SignInCommand {
    /// Print a one-time code with which a person sets a password. An earlier one counts no more.
    Invite {
        /// The name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take a person's password away, and an invite: sessions end. Passkeys stay, and sign in alone: `privet user mfa` takes those.
    Password {
        /// The name.
        name: String,
        /// Do it.
        #[arg(long, required = true)]
        reset: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Let a person try again at once that is locked after wrong passwords or codes.
    Unlock {
        /// The name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take a person's second factors away, recovery codes too: sessions end, and the person adds one anew.
    Mfa {
        /// The name.
        name: String,
        /// Do it.
        #[arg(long, required = true)]
        reset: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Say who of an identity provider's people somebody is here, so that they can sign in there.
    Link {
        /// The name.
        name: String,
        /// The issuer, by its name in `[[access.issuers]]` of the settings.
        #[arg(long)]
        issuer: String,
        /// What the issuer calls the person in its tokens (`sub`).
        #[arg(long)]
        subject: String,
        #[command(flatten)]
        place: Place,
    },
    /// Forget that again: sessions end.
    Unlink {
        /// The name.
        name: String,
        /// The issuer.
        #[arg(long)]
        issuer: String,
        #[command(flatten)]
        place: Place,
    },
    /// List who is linked with somebody at an identity provider.
    Links {
        /// Whose; everybody's if left out.
        name: Option<String>,
        /// A table for people, or one JSON object per line.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        #[command(flatten)]
        place: Place,
    },
    /// List who is signed in, or end somebody's sessions.
    Sessions {
        /// Whose; everybody's if left out.
        name: Option<String>,
        /// End them.
        #[arg(long, requires = "name")]
        end: bool,
        /// A table for people, or one JSON object per line.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        #[command(flatten)]
        place: Place,
    },
}

fn enrolment(desk: &Desk) -> Enrolment<'_> {
    Enrolment::new(&desk.store, &desk.root, desk.tenant.clone(), &SystemClock)
}

pub(crate) fn run(command: SignInCommand) -> Result<ExitCode> {
    match command {
        SignInCommand::Invite { name, place } => at_desk(&place, async |desk| invite(desk, &name).await),
        SignInCommand::Password { name, place, .. } => at_desk(&place, async |desk| {
            let name: Principal = name.parse()?;
            if enrolment(desk).remove_password(&name).await? {
                eprintln!(
                    "{name} has no password and no invite any more, and is signed out; passkeys stay (privet user mfa {name} --reset); invite anew: privet user invite {name}"
                );
            } else {
                eprintln!("{name} had no password and no invite");
            }
            Ok(())
        }),
        SignInCommand::Unlock { name, place } => at_desk(&place, async |desk| {
            let name: Principal = name.parse()?;
            if enrolment(desk).unlock(&name).await? {
                eprintln!("the failures of {name} are forgotten");
            } else {
                eprintln!("{name} had no failures");
            }
            Ok(())
        }),
        SignInCommand::Mfa { name, place, .. } => at_desk(&place, async |desk| {
            let name: Principal = name.parse()?;
            if enrolment(desk).remove_factors(&name).await? {
                eprintln!("{name} has no second factor any more, and is signed out");
            } else {
                eprintln!("{name} had no second factor");
            }
            Ok(())
        }),
        SignInCommand::Link {
            name,
            issuer,
            subject,
            place,
        } => at_desk(&place, async |desk| link(desk, &name, &issuer, &subject).await),
        SignInCommand::Unlink { name, issuer, place } => at_desk(&place, async |desk| {
            let name: Principal = name.parse()?;
            if enrolment(desk).unlink(&name, &issuer).await? > 0 {
                eprintln!("{name} is nobody at {issuer} any more, and is signed out");
            } else {
                eprintln!("{name} was nobody at {issuer}");
            }
            Ok(())
        }),
        SignInCommand::Links { name, format, place } => at_desk(&place, async |desk| {
            let name = name.map(|name| name.parse::<Principal>()).transpose()?;
            links(desk, name.as_ref(), format).await
        }),
        SignInCommand::Sessions {
            name,
            end,
            format,
            place,
        } => at_desk(&place, async |desk| {
            let name = name.map(|name| name.parse::<Principal>()).transpose()?;
            match name {
                Some(name) if end => {
                    let ended = enrolment(desk).end_sessions(&name).await?;
                    eprintln!("{ended} sessions of {name} ended");
                    Ok(())
                }
                name => list(desk, name.as_ref(), format).await,
            }
        }),
    }
}

async fn invite(desk: &Desk, name: &str) -> Result<()> {
    let name: Principal = name.parse()?;
    let Some(sign_in) = &desk.settings.sign_in else {
        bail!(
            "nobody can sign in yet: set `origin` in `[sign_in]` of the settings, where browsers reach Privet, and start `privet serve` anew"
        );
    };
    let new = enrolment(desk).invite(&name, sign_in.invite.duration()).await?;
    eprintln!(
        "{name} sets a password with this code until {}; it is shown this once, and goes to {name} alone:",
        new.expires_at
    );
    rim::say(format_args!("{}", new.code.expose()))?;
    eprintln!(
        "POST {}/api/v1/invites/accept with {{\"code\": \"…\", \"password\": \"…\"}}",
        sign_in.origin
    );
    Ok(())
}

async fn link(desk: &Desk, name: &str, issuer: &str, subject: &str) -> Result<()> {
    let name: Principal = name.parse()?;
    let mut issuers = desk.settings.access.issuers.iter();
    let Some(found) = issuers.find(|known| known.name == issuer) else {
        bail!(
            "there is no issuer `{issuer}` in `[[access.issuers]]` of the settings; use one of their names"
        );
    };
    if found.login.is_none() {
        bail!("nobody signs in at `{issuer}`; add `[access.issuers.login]` to its entry in the settings");
    }
    if found.tenant != desk.tenant {
        bail!(
            "the people of `{issuer}` are of the tenant `{0}`; add `--tenant {0}`",
            found.tenant
        );
    }
    let identity = Identity {
        issuer: &found.issuer,
        subject,
    };
    if !enrolment(desk).link(&name, issuer, identity).await? {
        bail!("that person of `{issuer}` is somebody here already; `privet user links` lists whom");
    }
    eprintln!("{name} can sign in at {issuer} from now on");
    Ok(())
}

async fn links(desk: &Desk, name: Option<&Principal>, format: Format) -> Result<()> {
    if format == Format::Table {
        rim::say(format_args!("{:<14}{:<24}{:<24}linked", "id", "name", "issuer"))?;
    }
    for link in enrolment(desk).links(name).await? {
        match format {
            Format::Table => rim::say(format_args!(
                "{:<14}{:<24}{:<24}{}",
                link.id,
                link.principal.as_str(),
                link.issuer,
                link.linked_at
            ))?,
            Format::Jsonl => rim::say(json!({
                "id": link.id, "name": link.principal, "tenant": link.tenant,
                "issuer": link.issuer, "linked_at": link.linked_at,
            }))?,
        }
    }
    Ok(())
}

async fn list(desk: &Desk, name: Option<&Principal>, format: Format) -> Result<()> {
    if format == Format::Table {
        rim::say(format_args!(
            "{:<14}{:<24}{:<10}{:<9}{:<26}{:<26}ends",
            "id", "name", "way", "factors", "began", "last used"
        ))?;
    }
    // Without the settings nobody can be signed in: then all that is left is shown.
    let sign_in = desk.settings.sign_in.as_ref();
    let idle_lasts = sign_in.map_or(Duration::MAX, |sign_in| sign_in.idle.duration());
    for session in enrolment(desk).sessions(name, idle_lasts).await? {
        let factors = if session.has_two_factors { 2 } else { 1 };
        match format {
            Format::Table => rim::say(format_args!(
                "{:<14}{:<24}{:<10}{factors:<9}{:<26}{:<26}{}",
                session.id,
                session.principal.as_str(),
                session.way.name(),
                session.made_at.to_string(),
                session.seen_at.to_string(),
                session.expires_at
            ))?,
            Format::Jsonl => rim::say(json!({
                "id": session.id, "name": session.principal, "tenant": session.tenant,
                "way": session.way.name(), "has_two_factors": session.has_two_factors,
                "made_at": session.made_at, "seen_at": session.seen_at, "expires_at": session.expires_at,
            }))?,
        }
    }
    Ok(())
}
