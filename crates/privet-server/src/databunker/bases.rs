//! Legal bases: agreements of the vault, as they are defined.

use std::collections::BTreeSet;

use http::Method;
use privet_types::KeyScope::{VaultAdmin, VaultRead};
use privet_vault::{Agreement, Error, KnownAgreement, LegalBasis};
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::refusal::{Refusal, absent};
use super::table::{Entry, Table};

/// The peer's names of the six legal bases.
const KINDS: [(&str, LegalBasis); 6] = [
    ("consent", LegalBasis::Consent),
    ("contract", LegalBasis::Contract),
    ("legal-requirement", LegalBasis::LegalObligation),
    ("legitimate-interest", LegalBasis::LegitimateInterests),
    ("public-interest", LegalBasis::PublicTask),
    ("vital-interest", LegalBasis::VitalInterests),
];

pub(super) fn register(table: &mut Table) {
    let entry = Entry::new("LegalBasisCreate", VaultAdmin, |call| Box::pin(create(call)));
    table.v2(entry.fields(&["brief"]));
    let entry = Entry::new("LegalBasisUpdate", VaultAdmin, |call| Box::pin(update(call)));
    table.v2(entry.fields(&["brief"]));
    let entry = Entry::new("LegalBasisUpdate", VaultAdmin, |call| Box::pin(put(call)));
    table.v1(Method::POST, "lbasis/{brief}", entry);
    let entry = || Entry::new("LegalBasisDelete", VaultAdmin, |call| Box::pin(delete(call)));
    table.v2(entry().fields(&["brief"]));
    table.v1(Method::DELETE, "lbasis/{brief}", entry());
    let entry = || Entry::new("LegalBasisListAgreements", VaultRead, |call| Box::pin(list(call)));
    table.v2(entry());
    table.v1(Method::GET, "lbasis", entry());
}

/// What a call says of a basis; what it does not name is absent.
struct Said {
    title: Option<String>,
    text: Option<String>,
    module: Option<String>,
    required_message: Option<String>,
    basis: Option<LegalBasis>,
    is_open: Option<bool>,
    is_required: Option<bool>,
    is_user_controlled: Option<bool>,
}

/// `text` as the name of a basis or an activity, in lower case.
pub(super) fn brief(field: &'static str, text: &str) -> Result<String, Refusal> {
    let name = text.to_ascii_lowercase();
    let fits = (1..=64).contains(&name.len())
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(name)
    } else {
        Err(Refusal::field(
            field,
            "use 1 to 64 of a-z, 0-9 and -, not - first",
        ))
    }
}

/// The kind of basis of this name.
pub(super) fn kind(field: &'static str, text: &str) -> Result<LegalBasis, Refusal> {
    let name = text.trim().to_ascii_lowercase().replace('_', "-");
    let found = KINDS.iter().find(|(known, _)| *known == name);
    found.map(|(_, basis)| *basis).ok_or_else(|| {
        Refusal::field(
            field,
            "use consent, contract, legal-requirement, legitimate-interest, public-interest or vital-interest",
        )
    })
}

/// The name of a kind of basis.
pub(super) fn kind_name(basis: LegalBasis) -> &'static str {
    let found = KINDS.iter().find(|(_, known)| *known == basis);
    found.map_or("", |(name, _)| name)
}

/// A basis as it is answered.
pub(super) fn row(known: &KnownAgreement) -> Value {
    let basis = &known.agreement;
    json!({
        "brief": basis.name,
        "status": match (known.is_deleted, basis.is_open) {
            (true, _) => "deleted",
            (false, true) => "active",
            (false, false) => "inactive",
        },
        "module": basis.module,
        "shortdesc": basis.title,
        "fulldesc": basis.text,
        "basistype": kind_name(basis.basis),
        "requiredmsg": basis.required_message,
        "requiredflag": basis.is_required,
        "usercontrol": basis.is_user_controlled,
        "creationtime": known.created_at / 1000,
    })
}

/// The basis `name` with nothing said of it.
pub(super) fn plain(name: String) -> Agreement {
    Agreement {
        name,
        title: String::new(),
        text: String::new(),
        language: "en".to_owned(),
        basis: LegalBasis::Consent,
        purposes: BTreeSet::new(),
        module: String::new(),
        is_required: false,
        required_message: String::new(),
        is_user_controlled: false,
        is_open: true,
    }
}

impl Said {
    fn read(call: &Call) -> Result<Self, Refusal> {
        let text = |name| Ok::<_, Refusal>(call.said(name)?.map(str::to_owned));
        let flag = |name| call.field(name).map(|_| call.flag(name)).transpose();
        let is_open = match call.said("status")?.map(str::trim) {
            None => None,
            Some("active") => Some(true),
            Some("inactive" | "disabled") => Some(false),
            Some(_) => return Err(Refusal::field("status", "use active or inactive")),
        };
        let basis = call.said("basistype")?.filter(|text| !text.trim().is_empty());
        Ok(Self {
            title: text("shortdesc")?,
            text: text("fulldesc")?,
            module: text("module")?,
            required_message: text("requiredmsg")?,
            basis: basis.map(|text| kind("basistype", text)).transpose()?,
            is_open,
            is_required: flag("requiredflag")?,
            is_user_controlled: flag("usercontrol")?,
        })
    }

    /// What it makes of `known`.
    fn put_on(&self, mut known: Agreement) -> Agreement {
        let texts = [
            (&mut known.title, &self.title),
            (&mut known.text, &self.text),
            (&mut known.module, &self.module),
            (&mut known.required_message, &self.required_message),
        ];
        for (known, said) in texts {
            if let Some(said) = said {
                known.clone_from(said);
            }
        }
        known.basis = self.basis.unwrap_or(known.basis);
        known.is_open = self.is_open.unwrap_or(known.is_open);
        known.is_required = self.is_required.unwrap_or(known.is_required);
        known.is_user_controlled = self.is_user_controlled.unwrap_or(known.is_user_controlled);
        known
    }
}

/// What is wrong with a definition, with the field as the peer calls it.
fn named(error: Error) -> Refusal {
    match error {
        Error::BadField { field, why } => {
            let field = match field.as_str() {
                "title" => "shortdesc",
                "text" => "fulldesc",
                "required_message" => "requiredmsg",
                "module" => "module",
                _ => "brief",
            };
            Refusal::field(field, why)
        }
        error => error.into(),
    }
}

async fn create(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("brief", call.text("brief")?)?;
    let basis = Said::read(call)?.put_on(plain(name));
    let consent = &call.bunker.api.consent;
    consent.create(&call.actor, &basis).await.map_err(named)?;
    Ok(Answer::done())
}

async fn update(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("brief", call.text("brief")?)?;
    let new = call.said("newbrief")?.filter(|new| !new.is_empty());
    let new = new.map(|new| brief("newbrief", new)).transpose()?;
    let said = Said::read(call)?;
    let change = |known| {
        let mut changed = said.put_on(known);
        if let Some(new) = &new {
            changed.name.clone_from(new);
        }
        Ok(changed)
    };
    let consent = &call.bunker.api.consent;
    consent
        .change::<Agreement>(&call.actor, &name, change)
        .await
        .map_err(named)?;
    Ok(Answer::done())
}

/// Makes a basis, or changes one: what is left out becomes empty, as with the peer.
async fn put(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("brief", call.param("brief"))?;
    let new = call.said("brief")?.filter(|new| !new.is_empty());
    let new = new.map_or_else(|| Ok(name.clone()), |new| brief("brief", new))?;
    let said = Said::read(call)?;
    let consent = &call.bunker.api.consent;
    let change = |known: Agreement| {
        Ok(Agreement {
            // What the peer does not know of stays.
            language: known.language,
            purposes: known.purposes,
            ..said.put_on(plain(new.clone()))
        })
    };
    match consent.change::<Agreement>(&call.actor, &name, change).await {
        Err(Error::Undefined { .. }) => {
            let basis = said.put_on(plain(new.clone()));
            consent.create(&call.actor, &basis).await.map_err(named)?;
        }
        outcome => {
            outcome.map_err(named)?;
        }
    }
    Ok(Answer::done())
}

async fn delete(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("brief", call.text("brief")?)?;
    let consent = &call.bunker.api.consent;
    match consent.end_agreement(&call.actor, &name).await {
        Err(Error::Undefined { .. }) => Err(Refusal::Absent(absent::BASIS)),
        outcome => {
            outcome?;
            Ok(Answer::done())
        }
    }
}

async fn list(call: &mut Call) -> Result<Answer, Refusal> {
    // The name in `/v2` misleads: what is listed are the bases.
    let known = call
        .bunker
        .api
        .consent
        .known_agreements(&call.actor.tenant)
        .await?;
    let rows: Vec<Value> = known.iter().map(row).collect();
    Ok(Answer::of(json!({ "total": rows.len(), "rows": rows })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brief_is_lower_cased_and_short() {
        assert_eq!(brief("brief", "News-2").unwrap(), "news-2");
        for text in ["", "a b", "-a", "a_b", "ä", &"x".repeat(65)] {
            assert!(brief("brief", text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_legal_basis_has_one_name() {
        for basis in LegalBasis::ALL {
            assert_eq!(kind("basistype", kind_name(basis)).unwrap(), basis);
        }
        assert_eq!(
            kind("basistype", "Legal_Requirement").unwrap(),
            LegalBasis::LegalObligation
        );
        assert!(kind("basistype", "because").is_err());
    }
}
