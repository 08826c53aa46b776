//! `privet user`, `privet service`, `privet group` and `privet tenant`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use privet_access::{Accounts, Holder, People, load_accounts};
use privet_crypto::RootKey;
use privet_policy::Settings;
use privet_server::SystemClock;
use privet_store::Store;
use privet_types::{Clock, GroupName, Principal, PrincipalKind, RoleName, TenantId};
use serde_json::json;

use crate::cli::Format;
use crate::sign_in::{self, SignInCommand};
use crate::update::Sources;
use crate::{access, key, rim, serve};

/// Where, and in whose installation space.
#[derive(Args, Clone)]
pub(crate) struct Place {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
    /// Whose installation space.
    #[arg(long, default_value = "default")]
    tenant: String,
}

#[derive(Subcommand)]
pub(crate) enum PrincipalCommand {
    /// Make one. It may do nothing until it, or a group that it is in, has a role.
    Create {
        /// The name.
        name: String,
        /// A role to begin with; may be given several times.
        #[arg(long = "role")]
        roles: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// List them with their roles and groups.
    List {
        /// A table for people, or one JSON object per line.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        #[command(flatten)]
        place: Place,
    },
    /// Show one: roles, groups, trainings and keys, as JSON.
    Show {
        /// The name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Switch one off: running gateways refuse its keys within a second.
    Disable {
        /// The name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Switch one on again.
    Enable {
        /// The name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Grant a role.
    Grant {
        /// The name.
        name: String,
        /// The role.
        role: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take a role back.
    Revoke {
        /// The name.
        name: String,
        /// The role.
        role: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Subcommand)]
pub(crate) enum UserCommand {
    #[command(flatten)]
    Common(PrincipalCommand),
    #[command(flatten)]
    SignIn(SignInCommand),
    /// Keep a signed record of training (`privet policy training`).
    Train {
        /// The record.
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Subcommand)]
pub(crate) enum GroupCommand {
    /// Make a group.
    Create {
        /// The name.
        name: String,
        /// A role for all its members; may be given several times.
        #[arg(long = "role")]
        roles: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// List groups with their roles and members.
    List {
        /// A table for people, or one JSON object per line.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        #[command(flatten)]
        place: Place,
    },
    /// Put somebody into a group.
    Add {
        /// The group.
        group: String,
        /// Who.
        member: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take somebody out of a group.
    Remove {
        /// The group.
        group: String,
        /// Who.
        member: String,
        #[command(flatten)]
        place: Place,
    },
    /// Grant a role to all members.
    Grant {
        /// The group.
        name: String,
        /// The role.
        role: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take a role back from all members.
    Revoke {
        /// The group.
        name: String,
        /// The role.
        role: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant. One is also there as soon as it has a key.
    Create {
        #[command(flatten)]
        place: Place,
    },
    /// List tenants that were made or switched off.
    List {
        /// A table for people, or one JSON object per line.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        #[command(flatten)]
        place: Place,
    },
    /// Switch a tenant off: running gateways refuse all its keys within a second.
    Disable {
        #[command(flatten)]
        place: Place,
    },
    /// Switch a tenant on again.
    Enable {
        #[command(flatten)]
        place: Place,
    },
}

/// An open store, and what is asked of it.
pub(crate) struct Desk {
    pub(crate) settings: Settings,
    pub(crate) root: RootKey,
    pub(crate) store: Store,
    pub(crate) tenant: TenantId,
}

impl Desk {
    fn people(&self) -> People<'_> {
        People::new(&self.store, &self.root, self.tenant.clone(), &SystemClock)
    }

    async fn accounts(&self) -> Result<Accounts> {
        Ok(load_accounts(&self.store, &access::signers(&self.settings)?).await?)
    }

    /// Grants a role or takes it back, and says so.
    async fn set_role(&self, holder: &Holder, role: &str, is_granted: bool) -> Result<()> {
        let role: RoleName = role.parse()?;
        let has_changed = self.people().set_role(holder, &role, is_granted).await?;
        let name = match holder {
            Holder::Principal(name) => name.to_string(),
            Holder::Group(name) => format!("group {name}"),
        };
        match (is_granted, has_changed) {
            (true, true) => {
                eprintln!("{name} has the role {role} now; running gateways know within a second");
                self.warn_of(&role)?;
            }
            (true, false) => eprintln!("{name} had the role {role} already"),
            (false, true) => {
                eprintln!("{name} has the role {role} no more; running gateways know within a second");
            }
            (false, false) => eprintln!("{name} did not have the role {role}"),
        }
        Ok(())
    }

    /// A role that no policy speaks of permits nothing: most likely it is mistyped.
    fn warn_of(&self, role: &RoleName) -> Result<()> {
        let sources = Sources::new(&self.settings);
        let policy = sources.policy()?;
        let files = access::own_policies(&sources, &policy)?;
        if !access::authorizer(&policy, &files)?.speaks_of(role) {
            eprintln!(
                "privet: no policy speaks of the role `{role}`, so it permits nothing; see `privet policy show`"
            );
        }
        Ok(())
    }
}

/// Opens the store, works, and closes it.
pub(crate) fn at_desk(place: &Place, work: impl AsyncFnOnce(&Desk) -> Result<()>) -> Result<ExitCode> {
    let settings = rim::settings(&place.config)?;
    let tenant = place.tenant.parse()?;
    let root = rim::root_key(&settings)?;
    serve::runtime()?.block_on(async {
        let store = key::open(&settings, &root).await?;
        let desk = Desk {
            settings,
            root,
            store,
            tenant,
        };
        let done = work(&desk).await;
        desk.store.close().await;
        done
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn user(command: UserCommand) -> Result<ExitCode> {
    match command {
        UserCommand::Common(command) => principal(PrincipalKind::User, command),
        UserCommand::SignIn(command) => sign_in::run(command),
        UserCommand::Train { file, place } => at_desk(&place, async |desk| {
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
            let signers = access::signers(&desk.settings)?;
            let training = desk.people().record_training(&text, &signers).await?;
            eprintln!(
                "{} has completed {}, which counts until {}",
                training.principal, training.course, training.expires_at
            );
            Ok(())
        }),
    }
}

pub(crate) fn service(command: PrincipalCommand) -> Result<ExitCode> {
    principal(PrincipalKind::Service, command)
}

fn principal(kind: PrincipalKind, command: PrincipalCommand) -> Result<ExitCode> {
    let what = kind.name();
    match command {
        PrincipalCommand::Create { name, roles, place } => at_desk(&place, async |desk| {
            let name: Principal = name.parse()?;
            // Before anything is made, so that a mistyped role leaves nothing behind.
            for role in &roles {
                role.parse::<RoleName>()?;
            }
            desk.people().create(&name, kind).await?;
            eprintln!("{what} {name} was made");
            for role in &roles {
                desk.set_role(&Holder::Principal(name.clone()), role, true)
                    .await?;
            }
            if roles.is_empty() {
                eprintln!("it may do nothing yet; grant a role: privet {what} grant {name} ROLE");
            }
            Ok(())
        }),
        PrincipalCommand::List { format, place } => at_desk(&place, async |desk| {
            let accounts = desk.accounts().await?;
            if format == Format::Table {
                rim::say(format_args!("{:<24}{:<10}{:<32}groups", "name", "state", "roles"))?;
            }
            let of_kind =
                |a: &&std::sync::Arc<privet_access::Account>| *a.tenant() == desk.tenant && a.kind() == kind;
            for account in accounts.iter().filter(of_kind) {
                let roles: Vec<&str> = account.roles().into_iter().map(RoleName::as_str).collect();
                let groups: Vec<&str> = account.groups().map(|(group, _)| group.as_str()).collect();
                let state = match (account.is_disabled(), account.is_known()) {
                    (true, _) => "disabled",
                    (false, true) => "active",
                    (false, false) => "by key",
                };
                match format {
                    Format::Table => rim::say(format_args!(
                        "{:<24}{state:<10}{:<32}{}",
                        account.name().as_str(),
                        roles.join(","),
                        groups.join(",")
                    ))?,
                    Format::Jsonl => rim::say(json!({
                        "name": account.name(), "tenant": account.tenant(), "kind": what, "state": state,
                        "roles": roles, "groups": groups,
                    }))?,
                }
            }
            Ok(())
        }),
        PrincipalCommand::Show { name, place } => at_desk(&place, async |desk| show(desk, &name, kind).await),
        PrincipalCommand::Disable { name, place } => switch(kind, &name, &place, false),
        PrincipalCommand::Enable { name, place } => switch(kind, &name, &place, true),
        PrincipalCommand::Grant { name, role, place } => role_of(kind, &name, &role, &place, true),
        PrincipalCommand::Revoke { name, role, place } => role_of(kind, &name, &role, &place, false),
    }
}

async fn show(desk: &Desk, name: &str, kind: PrincipalKind) -> Result<()> {
    let name: Principal = name.parse()?;
    let accounts = desk.accounts().await?;
    let found = accounts
        .get(&desk.tenant, &name)
        .filter(|account| account.kind() == kind);
    let Some(account) = found else {
        bail!(
            "there is no {} `{name}`; list them with `privet {} list`",
            kind.name(),
            kind.name()
        );
    };
    let now = SystemClock.now();
    let keys = privet_access::list_keys(&desk.store).await?;
    let keys: Vec<String> = keys
        .into_iter()
        .filter(|key| key.tenant == desk.tenant && key.principal == name && key.revoked_at.is_none())
        .map(|key| key.id)
        .collect();
    let groups: serde_json::Map<String, serde_json::Value> = account
        .groups()
        .map(|(group, roles)| (group.to_string(), json!(roles)))
        .collect();
    let shown = json!({
        "name": name, "tenant": desk.tenant, "kind": kind.name(),
        "is_made": account.is_known(), "is_disabled": account.is_disabled(),
        "roles": account.own_roles().collect::<Vec<_>>(), "groups": groups,
        "training": account.trained(now).collect::<Vec<_>>(), "keys": keys,
    });
    rim::say(format_args!("{shown:#}"))?;
    Ok(())
}

fn switch(kind: PrincipalKind, name: &str, place: &Place, is_on: bool) -> Result<ExitCode> {
    at_desk(place, async |desk| {
        let name: Principal = name.parse()?;
        let has_changed = desk.people().switch(&name, kind, is_on).await?;
        let state = if is_on { "on" } else { "off" };
        if has_changed {
            eprintln!("{name} is switched {state}; running gateways know within a second");
        } else {
            eprintln!("{name} was switched {state} already");
        }
        Ok(())
    })
}

fn role_of(kind: PrincipalKind, name: &str, role: &str, place: &Place, is_granted: bool) -> Result<ExitCode> {
    at_desk(place, async |desk| {
        let name: Principal = name.parse()?;
        desk.people().find(&name, kind).await?;
        desk.set_role(&Holder::Principal(name), role, is_granted).await
    })
}

pub(crate) fn group(command: GroupCommand) -> Result<ExitCode> {
    match command {
        GroupCommand::Create { name, roles, place } => at_desk(&place, async |desk| {
            let name: GroupName = name.parse()?;
            for role in &roles {
                role.parse::<RoleName>()?;
            }
            desk.people().create_group(&name).await?;
            eprintln!("group {name} was made");
            for role in &roles {
                desk.set_role(&Holder::Group(name.clone()), role, true).await?;
            }
            Ok(())
        }),
        GroupCommand::List { format, place } => at_desk(&place, async |desk| list_groups(desk, format).await),
        GroupCommand::Add { group, member, place } => set_member(&group, &member, &place, true),
        GroupCommand::Remove { group, member, place } => set_member(&group, &member, &place, false),
        GroupCommand::Grant { name, role, place } => role_of_group(&name, &role, &place, true),
        GroupCommand::Revoke { name, role, place } => role_of_group(&name, &role, &place, false),
    }
}

fn role_of_group(name: &str, role: &str, place: &Place, is_granted: bool) -> Result<ExitCode> {
    at_desk(place, async |desk| {
        desk.set_role(&Holder::Group(name.parse()?), role, is_granted)
            .await
    })
}

fn set_member(group: &str, member: &str, place: &Place, is_in: bool) -> Result<ExitCode> {
    at_desk(place, async |desk| {
        let (group, member): (GroupName, Principal) = (group.parse()?, member.parse()?);
        let has_changed = desk.people().set_member(&group, &member, is_in).await?;
        let place = if is_in { "in" } else { "not in" };
        if has_changed {
            eprintln!("{member} is {place} group {group} now; running gateways know within a second");
        } else {
            eprintln!("{member} was {place} group {group} already");
        }
        Ok(())
    })
}

async fn list_groups(desk: &Desk, format: Format) -> Result<()> {
    let people = desk.store.load_people().await?;
    if format == Format::Table {
        rim::say(format_args!("{:<24}{:<32}members", "name", "roles"))?;
    }
    for group in people.groups.iter().filter(|group| group.tenant == desk.tenant) {
        let holder = Holder::Group(group.name.clone());
        let grants = people.grants.iter();
        let roles: Vec<&str> = grants
            .filter(|grant| grant.tenant == desk.tenant && grant.holder == holder)
            .map(|grant| grant.role.as_str())
            .collect();
        let members = people.members.iter();
        let members: Vec<&str> = members
            .filter(|member| member.tenant == desk.tenant && member.group == group.name)
            .map(|member| member.principal.as_str())
            .collect();
        match format {
            Format::Table => rim::say(format_args!(
                "{:<24}{:<32}{}",
                group.name.as_str(),
                roles.join(","),
                members.join(",")
            ))?,
            Format::Jsonl => rim::say(json!({
                "name": group.name, "tenant": group.tenant, "roles": roles, "members": members,
            }))?,
        }
    }
    Ok(())
}

pub(crate) fn tenant(command: &TenantCommand) -> Result<ExitCode> {
    match command {
        TenantCommand::Create { place } => at_desk(place, async |desk| {
            if desk.people().create_tenant().await? {
                eprintln!("tenant {} was made", desk.tenant);
            } else {
                eprintln!("tenant {} was there already", desk.tenant);
            }
            Ok(())
        }),
        TenantCommand::Disable { place } => switch_tenant(place, false),
        TenantCommand::Enable { place } => switch_tenant(place, true),
        TenantCommand::List { format, place } => at_desk(place, async |desk| {
            if *format == Format::Table {
                rim::say(format_args!("{:<24}{:<24}state", "name", "made"))?;
            }
            for tenant in desk.store.load_people().await?.tenants {
                let state = if tenant.disabled_at.is_some() {
                    "disabled"
                } else {
                    "active"
                };
                match format {
                    Format::Table => rim::say(format_args!(
                        "{:<24}{:<24}{state}",
                        tenant.tenant.as_str(),
                        day(tenant.created_at)
                    ))?,
                    Format::Jsonl => rim::say(json!({
                        "name": tenant.tenant, "created_at": tenant.created_at,
                        "disabled_at": tenant.disabled_at, "state": state,
                    }))?,
                }
            }
            Ok(())
        }),
    }
}

fn switch_tenant(place: &Place, is_on: bool) -> Result<ExitCode> {
    at_desk(place, async |desk| {
        let state = if is_on { "on" } else { "off" };
        if desk.people().switch_tenant(is_on).await? {
            eprintln!(
                "tenant {} is switched {state}; running gateways know within a second",
                desk.tenant
            );
        } else {
            eprintln!("tenant {} was switched {state} already", desk.tenant);
        }
        Ok(())
    })
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
