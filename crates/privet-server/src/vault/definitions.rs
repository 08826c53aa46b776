//! Purposes, recipients, agreements, processing activities, the controller: all are defined in the same way.

use privet_vault::{Definition, Versioned};
use schemars::JsonSchema;

use super::bodies::{DefinedBody, DefinitionsBody, time};
use super::call::{Call, Reply};
use super::problem::VaultProblem;

pub(crate) async fn list<D: Definition + JsonSchema>(call: Call) -> Result<Reply, VaultProblem> {
    let tenant = &call.actor.tenant;
    let found = call.api.consent.definitions::<D>(tenant, false).await?;
    Reply::ok(&DefinitionsBody {
        rows: found.into_iter().map(shown).collect(),
    })
}

pub(crate) async fn read<D: Definition + JsonSchema>(call: Call) -> Result<Reply, VaultProblem> {
    let (consent, tenant) = (&call.api.consent, &call.actor.tenant);
    let found = consent.definition::<D>(tenant, call.param("name")).await?;
    let found = found.filter(|found| found.is_active);
    Reply::ok(&shown(found.ok_or_else(|| VaultProblem::absent(D::KIND.name()))?))
}

pub(crate) async fn versions<D: Definition + JsonSchema>(call: Call) -> Result<Reply, VaultProblem> {
    let (consent, tenant) = (&call.api.consent, &call.actor.tenant);
    let found = consent.versions::<D>(tenant, call.param("name")).await?;
    if found.is_empty() {
        return Err(VaultProblem::absent(D::KIND.name()));
    }
    Reply::ok(&DefinitionsBody {
        rows: found.into_iter().map(shown).collect(),
    })
}

/// Makes it, or a new version of it.
pub(crate) async fn put<D: Definition + JsonSchema>(mut call: Call) -> Result<Reply, VaultProblem> {
    let definition: D = call.json().await?;
    if definition.name() != call.param("name") {
        return Err(VaultProblem::field("name", "is not the name in the address"));
    }
    let stored = call.api.consent.define(&call.actor, &definition).await?;
    Reply::ok(&shown(stored))
}

pub(crate) async fn delete<D: Definition + JsonSchema>(call: Call) -> Result<Reply, VaultProblem> {
    let name = call.param("name");
    if call.api.consent.delete_definition::<D>(&call.actor, name).await? {
        Ok(Reply::done())
    } else {
        Err(VaultProblem::absent(D::KIND.name()))
    }
}

fn shown<D>(found: Versioned<D>) -> DefinedBody<D> {
    DefinedBody {
        version: found.version,
        at: time(found.at),
        is_active: found.is_active,
        hash: found.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        definition: found.definition,
    }
}
