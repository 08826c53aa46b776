//! Processing activities, and the legal bases they rest on.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use privet_types::KeyScope::{VaultAdmin, VaultRead};
use privet_vault::{Activity, Agreement, Error, KnownAgreement};
use serde_json::{Value, json};

use super::bases::{self, brief};
use super::call::{Answer, Call};
use super::refusal::{Refusal, absent};
use super::table::{Entry, Table};

pub(super) fn register(table: &mut Table) {
    let entry = Entry::new("ProcessingActivityCreate", VaultAdmin, |call| {
        Box::pin(create(call))
    });
    table.v2(entry.fields(&["activity"]));
    let entry = Entry::new("ProcessingActivityUpdate", VaultAdmin, |call| {
        Box::pin(update(call))
    });
    table.v2(entry.fields(&["activity"]));
    let entry = Entry::new("ProcessingActivityUpdate", VaultAdmin, |call| Box::pin(put(call)));
    table.v1(Method::POST, "pactivity/{activity}", entry);
    let entry = || {
        Entry::new("ProcessingActivityDelete", VaultAdmin, |call| {
            Box::pin(delete(call))
        })
    };
    table.v2(entry().fields(&["activity"]));
    table.v1(Method::DELETE, "pactivity/{activity}", entry());
    let both: &[&str] = &["activity", "brief"];
    let entry = || {
        Entry::new("ProcessingActivityLinkLegalBasis", VaultAdmin, |call| {
            Box::pin(link(call))
        })
    };
    table.v2(entry().fields(both));
    table.v1(Method::POST, "pactivity/{activity}/{brief}", entry());
    let entry = || {
        Entry::new("ProcessingActivityUnlinkLegalBasis", VaultAdmin, |call| {
            Box::pin(unlink(call))
        })
    };
    table.v2(entry().fields(both));
    table.v1(Method::DELETE, "pactivity/{activity}/{brief}", entry());
    let entry = || {
        Entry::new("ProcessingActivityListActivities", VaultRead, |call| {
            Box::pin(list(call))
        })
    };
    table.v2(entry());
    table.v1(Method::GET, "pactivity", entry());
}

/// What a call says of an activity; what it does not name is absent.
struct Said {
    title: Option<String>,
    description: Option<String>,
    applies_to: Option<String>,
    script: Option<String>,
}

impl Said {
    fn read(call: &Call) -> Result<Self, Refusal> {
        let text = |name| Ok::<_, Refusal>(call.said(name)?.map(str::to_owned));
        Ok(Self {
            title: text("title")?.filter(|title| !title.is_empty()),
            description: text("fulldesc")?,
            applies_to: text("applicableto")?,
            script: text("script")?,
        })
    }

    fn put_on(&self, mut known: Activity) -> Activity {
        let texts = [
            (&mut known.title, &self.title),
            (&mut known.description, &self.description),
            (&mut known.applies_to, &self.applies_to),
            (&mut known.script, &self.script),
        ];
        for (known, said) in texts {
            if let Some(said) = said {
                known.clone_from(said);
            }
        }
        known
    }
}

/// The activity `name` with nothing said of it.
fn plain(name: String) -> Activity {
    Activity {
        title: name.clone(),
        name,
        description: String::new(),
        applies_to: String::new(),
        script: String::new(),
        purposes: BTreeSet::new(),
        agreements: BTreeSet::new(),
        subjects: BTreeSet::new(),
        categories: BTreeSet::new(),
        recipients: BTreeSet::new(),
        retention: BTreeSet::new(),
        measures: BTreeSet::new(),
    }
}

/// What is wrong with a definition, with the field as the peer calls it.
fn named(error: Error) -> Refusal {
    match error {
        Error::BadField { field, why } => {
            let field = match field.as_str() {
                "title" => "title",
                "description" => "fulldesc",
                "applies_to" => "applicableto",
                "script" => "script",
                _ => "activity",
            };
            Refusal::field(field, why)
        }
        error => error.into(),
    }
}

async fn create(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("activity", call.text("activity")?)?;
    let activity = Said::read(call)?.put_on(plain(name));
    let consent = &call.bunker.api.consent;
    consent.create(&call.actor, &activity).await.map_err(named)?;
    Ok(Answer::done())
}

async fn update(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("activity", call.text("activity")?)?;
    let new = call.said("newactivity")?.filter(|new| !new.is_empty());
    let new = new.map_or_else(|| Ok(name.clone()), |new| brief("newactivity", new))?;
    let said = Said::read(call)?;
    let change = |known: Activity| {
        Ok(Activity {
            name: new.clone(),
            ..said.put_on(known)
        })
    };
    changed(call, &name, change).await
}

/// Makes an activity, or changes one: what is left out becomes empty, as with the peer; what it rests on stays.
async fn put(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("activity", call.param("activity"))?;
    let new = call.said("activity")?.filter(|new| !new.is_empty());
    let new = new.map_or_else(|| Ok(name.clone()), |new| brief("activity", new))?;
    let said = Said::read(call)?;
    let change = |known: Activity| {
        let empty = plain(new.clone());
        Ok(said.put_on(Activity {
            name: empty.name,
            title: empty.title,
            description: String::new(),
            applies_to: String::new(),
            script: String::new(),
            ..known
        }))
    };
    let consent = &call.bunker.api.consent;
    match consent.change::<Activity>(&call.actor, &name, change).await {
        Err(Error::Undefined { .. }) => {
            let activity = said.put_on(plain(new.clone()));
            consent.create(&call.actor, &activity).await.map_err(named)?;
        }
        outcome => {
            outcome.map_err(named)?;
        }
    }
    Ok(Answer::done())
}

async fn changed(
    call: &Call,
    name: &str,
    change: impl Fn(Activity) -> Result<Activity, Error> + Send + Sync,
) -> Result<Answer, Refusal> {
    let consent = &call.bunker.api.consent;
    consent
        .change::<Activity>(&call.actor, name, change)
        .await
        .map_err(named)?;
    Ok(Answer::done())
}

async fn delete(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("activity", call.text("activity")?)?;
    let consent = &call.bunker.api.consent;
    if consent.delete_definition::<Activity>(&call.actor, &name).await? {
        Ok(Answer::done())
    } else {
        Err(Refusal::Absent(absent::ACTIVITY))
    }
}

async fn link(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("activity", call.text("activity")?)?;
    let basis = brief("brief", call.text("brief")?)?;
    let consent = &call.bunker.api.consent;
    let known = consent
        .definition::<Agreement>(&call.actor.tenant, &basis)
        .await?;
    if known.is_none() {
        return Err(Refusal::Absent(absent::BASIS));
    }
    let change = |mut known: Activity| {
        known.agreements.insert(basis.clone());
        Ok(known)
    };
    changed(call, &name, change).await
}

async fn unlink(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("activity", call.text("activity")?)?;
    let basis = brief("brief", call.text("brief")?)?;
    let change = |mut known: Activity| {
        known.agreements.remove(&basis);
        Ok(known)
    };
    changed(call, &name, change).await
}

async fn list(call: &mut Call) -> Result<Answer, Refusal> {
    let (consent, tenant) = (&call.bunker.api.consent, &call.actor.tenant);
    let bases = consent.known_agreements(tenant).await?;
    let bases: BTreeMap<&str, &KnownAgreement> = bases
        .iter()
        .filter(|known| !known.is_deleted)
        .map(|known| (known.agreement.name.as_str(), known))
        .collect();
    let activities = consent.known_activities(tenant).await?;
    let rows: Vec<Value> = activities
        .iter()
        .map(|(created_at, activity)| {
            let linked: Vec<&KnownAgreement> = activity
                .agreements
                .iter()
                .filter_map(|name| bases.get(name.as_str()).copied())
                .collect();
            let names: Vec<&str> = linked.iter().map(|known| known.agreement.name.as_str()).collect();
            json!({
                "activity": activity.name,
                "title": activity.title,
                "script": activity.script,
                "fulldesc": activity.description,
                "applicableto": activity.applies_to,
                "legalbasis": names.join(","),
                "briefs": linked.iter().map(|known| bases::row(known)).collect::<Vec<_>>(),
                "creationtime": created_at / 1000,
            })
        })
        .collect();
    Ok(Answer::of(json!({ "total": rows.len(), "rows": rows })))
}
