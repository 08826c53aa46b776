//! A question to the policies: who wants to do what to what, in which circumstances.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use cedar_policy::{Context, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::Offset;
use privet_types::Entity as Kind;

use super::mention::Mentioned;
use crate::account::Account;
use crate::assessment::Standing;
use crate::{DecideError, Privilege};

/// What is asked of the policies.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// What is to be done.
    pub privilege: Privilege,
    /// To what.
    pub resource: Resource<'a>,
    /// When, UTC.
    pub at: Timestamp,
    /// From where, if that is known.
    pub address: Option<IpAddr>,
    /// What is known of the prompt, where it is about one.
    pub prompt: Option<PromptFacts<'a>>,
}

/// What something is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// What belongs to the caller's tenant.
    Tenant,
    /// A subject of the vault, by its token.
    Subject(&'a str),
    /// A model, as the caller names it.
    Model {
        /// Its name.
        name: &'a str,
        /// Who answers for it, as the settings name them.
        provider: &'a str,
        /// Whether that is on this machine.
        is_local: bool,
    },
    /// A server of tools of others, by the Model Context Protocol.
    Tools {
        /// The server, as the settings name it.
        server: &'a str,
        /// What is asked of it, such as `tools/call`.
        method: &'a str,
        /// The tool, the prompt or the address of the resource; empty where the call names none.
        name: &'a str,
        /// How many private values were found in what is sent, of the kinds that are looked for.
        found: u32,
    },
}

/// What is known of a prompt once it has been looked at.
#[derive(Debug, Clone, Copy)]
pub struct PromptFacts<'a> {
    /// Through which dialect it came.
    pub surface: &'a str,
    /// What was found in it, by kind.
    pub counts: &'a BTreeMap<Kind, u32>,
    /// How many values were replaced.
    pub masked: usize,
    /// What it is for, if it says so.
    pub purpose: Option<&'a str>,
    /// Whether it names a person, who has agreed.
    pub has_consent: bool,
    /// What is known of the provider.
    pub assessment: &'a Standing,
    /// The ids of notices that the caller has acknowledged, as they are worded now; in the order of the policy.
    pub acknowledged: &'a [&'a str],
}

/// The entity `id` of one of the schema's types.
pub(crate) fn uid(kind: &str, id: &str) -> Result<EntityUid, DecideError> {
    let kind: EntityTypeName = format!("Privet::{kind}").parse().map_err(DecideError::new)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn number(value: u64) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The hour and the day of the week where the policy is at home.
fn moment(at: Timestamp, offset: Offset) -> (u64, &'static str) {
    let there = offset.to_datetime(at);
    let day = match there.weekday() {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    };
    (u64::from(there.hour().unsigned_abs()), day)
}

impl Ask<'_> {
    /// The entity that is acted on, and those it is in.
    pub(super) fn resource(&self, account: &Account) -> Result<(EntityUid, Vec<Entity>), DecideError> {
        let tenant = uid("Tenant", account.tenant.as_str())?;
        Ok(match self.resource {
            Resource::Tenant | Resource::Tools { .. } => (tenant, Vec::new()),
            Resource::Subject(token) => {
                let subject = uid("Subject", &format!("{}/{token}", account.tenant))?;
                let entity = Entity::new_no_attrs(subject.clone(), HashSet::from([tenant]));
                (subject, vec![entity])
            }
            Resource::Model {
                name,
                provider,
                is_local,
            } => {
                let (model, by) = (uid("Model", name)?, uid("Provider", provider)?);
                let attributes = HashMap::from([("name".to_owned(), text(name))]);
                let of_provider = HashMap::from([
                    ("name".to_owned(), text(provider)),
                    ("is_local".to_owned(), RestrictedExpression::new_bool(is_local)),
                ]);
                let entities = vec![
                    Entity::new(model.clone(), attributes, HashSet::from([by.clone()]))
                        .map_err(DecideError::new)?,
                    Entity::new(by, of_provider, HashSet::new()).map_err(DecideError::new)?,
                ];
                (model, entities)
            }
        })
    }

    pub(super) fn context(&self, account: &Account, offset: Offset) -> Result<Context, DecideError> {
        let (hour, weekday) = moment(self.at, offset);
        let training: BTreeSet<&str> = account.trained(self.at).collect();
        let mut pairs = vec![
            ("hour", number(hour)),
            ("weekday", text(weekday)),
            (
                "training",
                RestrictedExpression::new_set(training.into_iter().map(text)),
            ),
        ];
        if let Some(address) = self.address {
            pairs.push(("address", RestrictedExpression::new_ip(address.to_string())));
        }
        if self.privilege == Privilege::McpCall {
            // Asked of the tenant as a whole, it is a call of nothing.
            let (server, method, name, found) = match self.resource {
                Resource::Tools {
                    server,
                    method,
                    name,
                    found,
                } => (server, method, name, found),
                _ => ("", "", "", 0),
            };
            pairs.extend([
                ("server", text(server)),
                ("method", text(method)),
                ("tool", text(name)),
                ("found", number(found.into())),
            ]);
        }
        if let (Some(facts), Resource::Model { provider, .. }) = (&self.prompt, self.resource) {
            let kinds = facts.counts.keys().map(|kind| text(kind.name()));
            let found = facts.counts.values().map(|count| u64::from(*count)).sum();
            pairs.extend([
                ("surface", text(facts.surface)),
                ("provider", text(provider)),
                ("assessment", assessment(facts.assessment)?),
                ("kinds", RestrictedExpression::new_set(kinds)),
                (
                    "acknowledged",
                    RestrictedExpression::new_set(facts.acknowledged.iter().map(|id| text(id))),
                ),
                ("found", number(found)),
                ("masked", number(facts.masked as u64)),
                (
                    "consent",
                    text(if facts.has_consent { "given" } else { "not_asked" }),
                ),
            ]);
            if let Some(purpose) = facts.purpose {
                pairs.push(("purpose", text(purpose)));
            }
        }
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
        Context::from_pairs(pairs).map_err(DecideError::new)
    }

    /// All that the answer can depend on, and no two questions with different answers have the same: fields end in a byte that
    /// no name holds.
    pub(super) fn key(&self, account: &Account, mentioned: &Mentioned, offset: Offset) -> Vec<u8> {
        let mut key = Vec::with_capacity(96);
        key.extend_from_slice(&account.id.to_le_bytes());
        key.push(u8::try_from(self.privilege.index()).unwrap_or(u8::MAX));
        let mut field = |bytes: &[u8]| {
            key.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            key.extend_from_slice(bytes);
        };
        match self.resource {
            Resource::Tenant => field(b"t"),
            Resource::Subject(token) => {
                field(b"s");
                field(token.as_bytes());
            }
            Resource::Model {
                name,
                provider,
                is_local,
            } => {
                field(if is_local { b"l" } else { b"m" });
                field(name.as_bytes());
                field(provider.as_bytes());
            }
            Resource::Tools {
                server,
                method,
                name,
                found,
            } => {
                field(b"c");
                for part in [server, method, name] {
                    field(part.as_bytes());
                }
                field(&found.to_le_bytes());
            }
        }
        if mentioned.has("hour") || mentioned.has("weekday") {
            let (hour, weekday) = moment(self.at, offset);
            field(&hour.to_le_bytes());
            field(weekday.as_bytes());
        }
        if mentioned.has("training") {
            for course in account.trained(self.at) {
                field(course.as_bytes());
            }
            field(b"");
        }
        if mentioned.has("address") {
            match self.address {
                Some(IpAddr::V4(address)) => field(&address.octets()),
                Some(IpAddr::V6(address)) => field(&address.octets()),
                None => field(b""),
            }
        }
        let Some(facts) = &self.prompt else { return key };
        if mentioned.has("surface") {
            field(facts.surface.as_bytes());
        }
        if mentioned.has("assessment") {
            field(facts.assessment.key().as_bytes());
        }
        if mentioned.has("kinds") {
            for kind in facts.counts.keys() {
                field(kind.name().as_bytes());
            }
            field(b"");
        }
        if mentioned.has("acknowledged") {
            for id in facts.acknowledged {
                field(id.as_bytes());
            }
            field(b"");
        }
        if mentioned.has("found") {
            let found: u64 = facts.counts.values().map(|count| u64::from(*count)).sum();
            field(&found.to_le_bytes());
        }
        if mentioned.has("masked") {
            field(&(facts.masked as u64).to_le_bytes());
        }
        if mentioned.has("purpose") {
            field(if facts.purpose.is_some() { b"1" } else { b"0" });
            field(facts.purpose.unwrap_or_default().as_bytes());
        }
        if mentioned.has("consent") {
            field(if facts.has_consent { b"1" } else { b"0" });
        }
        key
    }
}

fn assessment(standing: &Standing) -> Result<RestrictedExpression, DecideError> {
    let mut fields = vec![
        ("status".to_owned(), text(standing.status().name())),
        (
            "is_valid".to_owned(),
            RestrictedExpression::new_bool(standing.is_valid()),
        ),
    ];
    let record = standing.record();
    fields.push((
        "region".to_owned(),
        text(record.map_or("", |r| r.region.as_str())),
    ));
    fields.push((
        "trains_on_data".to_owned(),
        // Of whom nothing is known, the worst is assumed.
        RestrictedExpression::new_bool(record.is_none_or(|r| !r.training_opt_out)),
    ));
    if let Some(record) = record {
        fields.push((
            "retention_days".to_owned(),
            number(u64::from(record.retention_days)),
        ));
    }
    RestrictedExpression::new_record(fields).map_err(DecideError::new)
}
