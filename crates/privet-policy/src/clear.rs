//! The one door between a prompt as it came and a prompt that may be sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_crypto::HashKey;
use privet_pii::{Analyzer, SurrogateMap, escape_into};
use privet_surface::json::Document;
use privet_surface::mcp::Message;
use privet_surface::{DetectionMemory, Masked, Masking, PartKind, PassedPart, Refusal, Request, Restoration};
use privet_types::{Budget, Entity, SurfaceKind};

use crate::{Policy, SensitiveAction, SensitiveRule, Storage};

/// A prompt as it came. It cannot be sent; only [`Policy::clear`] makes it a [`Prompt<Cleared>`].
#[derive(Debug)]
pub struct Raw(());

/// A prompt that the policy lets out.
#[derive(Debug)]
pub struct Cleared(());

/// A request body on its way to a provider.
pub struct Prompt<State> {
    surface: SurfaceKind,
    body: Vec<u8>,
    _state: State,
}

impl<State> std::fmt::Debug for Prompt<State> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prompt({} bytes)", self.body.len())
    }
}

impl Prompt<Raw> {
    /// The body that came for `surface`.
    #[must_use]
    pub fn new(surface: SurfaceKind, body: Vec<u8>) -> Self {
        Self {
            surface,
            body,
            _state: Raw(()),
        }
    }

    /// The body as it came, for hashing.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl Prompt<Cleared> {
    /// The dialect of the body.
    #[must_use]
    pub fn surface(&self) -> SurfaceKind {
        self.surface
    }

    /// The body to send.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The same prompt, asking for `model`. O(n); nothing else changes. `None` only if the body cannot be read, which was read
    /// before.
    #[must_use]
    pub fn for_model(&self, model: &str) -> Option<Self> {
        Some(Self {
            surface: self.surface,
            body: with_model(&self.body, model)?,
            _state: Cleared(()),
        })
    }

    /// A copy, to be sent while this one is kept.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            surface: self.surface,
            body: self.body.clone(),
            _state: Cleared(()),
        }
    }

    /// The body to send, without a copy.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

/// `body` with another model's name in it; `None` if it cannot be read. O(n).
#[must_use]
pub fn with_model(body: &[u8], model: &str) -> Option<Vec<u8>> {
    let document = Document::parse(body, &Budget::unlimited()).ok()?;
    let at = document.root().get("model")?.range();
    let mut name = String::from("\"");
    escape_into(model, &mut name);
    name.push('"');
    let (before, after) = (body.get(..at.start)?, body.get(at.end..)?);
    Some([before, name.as_bytes(), after].concat())
}

/// Who gets a prompt that must not go anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// The name to ask for, if it is not the caller's.
    pub upstream_model: Option<String>,
    /// Whether all who may answer are machines of one's own.
    pub is_local: bool,
}

/// What clearing needs beside the policy.
#[derive(Clone, Copy)]
pub struct Clearing<'a> {
    /// The detector, made from the same policy.
    pub analyzer: &'a Analyzer,
    /// The surrogate key of tenant, epoch and principal.
    pub key: &'a HashKey,
    /// Remembers what was found before under the same policy; none to look at everything every time.
    pub memory: Option<&'a DetectionMemory>,
    /// Tags that the caller was handed elsewhere, which stay as they are.
    pub known: Option<&'a SurrogateMap>,
    /// What the caller's requests were masked by that the provider keeps: the reply to one that goes on from them may hold it.
    pub earlier: Option<&'a SurrogateMap>,
    /// Finds the provider for a model: its name there, if it differs, or nothing if no provider has the model.
    pub route: &'a (dyn Fn(&str) -> Option<Option<String>> + Sync),
    /// Finds who gets a prompt for a model instead, by the rule of `[[routing.sensitive]]` at a place; nothing if nobody can.
    pub local: &'a (dyn Fn(usize, &str) -> Option<LocalModel> + Sync),
}

/// A prompt that may be sent, and all that its reply needs.
#[derive(Debug)]
pub struct Clearance {
    /// What to send.
    pub prompt: Prompt<Cleared>,
    /// The model asked for, as the caller named it.
    pub model: String,
    /// Undoes the masking in the reply.
    pub restoration: Restoration,
    /// Findings by kind.
    pub counts: BTreeMap<Entity, u32>,
    /// How many values were replaced.
    pub masked: usize,
    /// Whether later requests of the caller may go on from it, and its values are to be remembered for their replies.
    pub may_be_gone_on_with: bool,
    /// The rule of `[[routing.sensitive]]` by which it must go to a local model and to nobody else.
    pub rule: Option<usize>,
}

/// Why a prompt may not be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotCleared {
    /// It cannot be read, or holds what must not go out.
    #[error("{refusal}")]
    Refused {
        /// Why.
        #[source]
        refusal: Refusal,
        /// The model asked for, if it could be read.
        model: Option<String>,
    },
    /// It holds what may go to no provider, or to none that there is.
    #[error(
        "the request holds {}, which must not be sent to this model; remove it, or use a model that is meant for such data",
        list(.kinds)
    )]
    Sensitive {
        /// The kinds that were found.
        kinds: Vec<Entity>,
        /// The model asked for.
        model: String,
    },
    /// No provider answers for its model.
    #[error("no provider is set up for the model that was asked for; `GET /v1/models` lists those that are")]
    NoRoute,
}

impl NotCleared {
    /// Whether it is what the prompt holds that must not go out, and not that it could not be looked at.
    #[must_use]
    pub const fn is_about_content(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                refusal: Refusal::Blocked { .. } | Refusal::Opaque { .. },
                ..
            }
        )
    }
}

/// What masking for another sender needs beside the policy.
#[derive(Clone, Copy)]
pub struct Protecting<'a> {
    /// The detector, made from the same policy.
    pub analyzer: &'a Analyzer,
    /// The surrogate key of tenant, epoch and principal.
    pub key: &'a HashKey,
    /// Remembers what was found before under the same policy.
    pub memory: Option<&'a DetectionMemory>,
    /// Tags that the caller was handed elsewhere, which stay as they are.
    pub known: Option<&'a SurrogateMap>,
}

impl Policy {
    /// Masks a body that its owner will send to a provider without Privet. It needs no model. O(n) work for n bytes, charged to
    /// `budget`.
    ///
    /// # Errors
    /// [`NotCleared::Refused`] if anything must not, or cannot safely, be sent; [`NotCleared::Sensitive`] if a rule keeps it from
    /// providers.
    pub fn protect(
        &self,
        surface: SurfaceKind,
        body: &[u8],
        protecting: Protecting<'_>,
        budget: &Budget,
    ) -> Result<Masked, NotCleared> {
        let refused = |refusal| NotCleared::Refused { refusal, model: None };
        let request = self.storable(Request::parse(surface, body, budget).map_err(refused)?);
        let masking = Masking {
            analyzer: protecting.analyzer,
            pii: self.pii(),
            parts: self.parts(),
            key: protecting.key,
            memory: protecting.memory,
            known: protecting.known,
        };
        let masked = request.mask(masking, None, budget).map_err(refused)?;
        // Whoever sends it is not known to be a machine of one's own.
        if let Some((_, rule)) = self.routing().rule_for(&masked.counts, &masked.passed) {
            let kinds = self.meant(rule, &masked.counts);
            return Err(match unseen(rule, &masked.passed).filter(|_| kinds.is_empty()) {
                Some(refusal) => refused(refusal),
                None => NotCleared::Sensitive {
                    kinds,
                    model: String::new(),
                },
            });
        }
        Ok(masked)
    }

    /// Masks a message between a client and a server of tools. O(n) work for n bytes, charged to `budget`.
    ///
    /// # Errors
    /// [`Refusal`] if anything must not, or cannot safely, go on.
    pub fn mask_message(
        &self,
        message: &Message<'_>,
        protecting: Protecting<'_>,
        budget: &Budget,
    ) -> Result<Masked, Refusal> {
        let masking = Masking {
            analyzer: protecting.analyzer,
            pii: self.pii(),
            parts: self.parts(),
            key: protecting.key,
            memory: protecting.memory,
            known: protecting.known,
        };
        message.mask(masking, budget)
    }

    /// The kinds among `counts` that `rule` is for.
    fn meant(&self, rule: &SensitiveRule, counts: &BTreeMap<Entity, u32>) -> Vec<Entity> {
        let kinds = counts.keys().copied();
        kinds
            .filter(|kind| self.routing().is_meant(rule, *kind))
            .collect()
    }

    fn storable<'t>(&self, request: Request<'t>) -> Request<'t> {
        match self.responses().store {
            Storage::AsAsked => request,
            Storage::Never => request.without_storage(),
        }
    }

    /// Restores what [`Policy::protect`] masked, where the policy lets it.
    #[must_use]
    pub fn unprotect(&self, surface: SurfaceKind, map: SurrogateMap) -> Restoration {
        Restoration::new(
            surface.dialect(),
            Arc::new(map),
            Arc::clone(self.shared_restore()),
            Arc::clone(self.urls()),
        )
    }

    /// Looks at the whole of `prompt` and replaces what is private. O(n) work for n bytes, charged to `budget`.
    ///
    /// # Errors
    /// [`NotCleared`] if anything must not, or cannot safely, be sent; nothing may be sent then.
    pub fn clear(
        &self,
        prompt: &Prompt<Raw>,
        clearing: Clearing<'_>,
        budget: &Budget,
    ) -> Result<Clearance, NotCleared> {
        let refused = |model: Option<&str>| {
            let model = model.map(str::to_owned);
            |refusal| NotCleared::Refused { refusal, model }
        };
        let request = Request::parse(prompt.surface, &prompt.body, budget).map_err(refused(None))?;
        let request = self.storable(request);
        let model = request.model().map_err(refused(None))?;
        // The name goes to the provider and into the audit event as it is.
        let found = clearing
            .analyzer
            .analyze_code(&model, None, budget)
            .map_err(Refusal::from)
            .map_err(refused(None))?;
        if let Some(finding) = found.first() {
            let refusal = Refusal::CannotMask {
                entity: finding.entity,
                pointer: "/model".to_owned(),
            };
            return Err(refused(None)(refusal));
        }
        let upstream_model = (clearing.route)(&model).ok_or(NotCleared::NoRoute)?;
        // More than may go everywhere: a rule that is known only below may let it go to a local model.
        let parts = self.routing().parts_beside(self.parts());
        let masking = Masking {
            analyzer: clearing.analyzer,
            pii: self.pii(),
            parts: &parts,
            key: clearing.key,
            memory: clearing.memory,
            known: clearing.known,
        };
        let masked = request
            .mask(masking, upstream_model.as_deref(), budget)
            .map_err(refused(Some(&model)))?;
        let (counts, passed) = (masked.counts, masked.passed);
        let (mut body, mut map, mut replaced) = (masked.body, masked.map, masked.replaced.len());
        let mut rule_at = None;
        let rule = self.routing().rule_for(&counts, &passed);
        // INVARIANT: what `[parts]` does not pass goes by a rule that names it, or not at all.
        let goes_by_rule = |kind: &PartKind| rule.is_some_and(|(_, rule)| rule.parts.contains(kind));
        let stays = |kind: &PartKind| !self.parts().pass.contains(kind) && !goes_by_rule(kind);
        if let Some((kind, part)) = passed.iter().find(|(kind, _)| stays(kind)) {
            return Err(refused(Some(&model))(opaque(*kind, part)));
        }
        if let Some((index, rule)) = rule {
            let refused = || {
                let kinds = self.meant(rule, &counts);
                match unseen(rule, &passed).filter(|_| kinds.is_empty()) {
                    Some(refusal) => refused(Some(&model))(refusal),
                    None => NotCleared::Sensitive {
                        kinds,
                        model: model.clone().into_owned(),
                    },
                }
            };
            let local = match rule.action {
                SensitiveAction::Refuse => None,
                SensitiveAction::Local => (clearing.local)(index, &model),
            };
            let local = local.filter(|local| local.is_local).ok_or_else(refused)?;
            if !rule.mask {
                prompt.body.clone_into(&mut body);
                (map, replaced) = (SurrogateMap::new(Vec::new()), 0);
            }
            let name = local.upstream_model.as_deref().unwrap_or(&model);
            body = with_model(&body, name).ok_or_else(refused)?;
            rule_at = Some(index);
        }
        if !prompt.surface.has_words_in_reply() {
            map = SurrogateMap::default();
        } else if let Some(earlier) = clearing
            .earlier
            .filter(|_| self.responses().remember && request.goes_on())
        {
            map = map.going_on_from(earlier);
        }
        let restoration = Restoration::new(
            prompt.surface.dialect(),
            Arc::new(map),
            Arc::clone(self.shared_restore()),
            Arc::clone(self.urls()),
        )
        .with_json_reply(request.wants_json());
        Ok(Clearance {
            prompt: Prompt {
                surface: prompt.surface,
                body,
                _state: Cleared(()),
            },
            model: model.into_owned(),
            restoration,
            counts,
            masked: replaced,
            may_be_gone_on_with: self.responses().remember && request.may_be_gone_on_with(),
            rule: rule_at,
        })
    }
}

/// Why a prompt is refused that `rule` is for by what nobody looked into.
fn unseen(rule: &SensitiveRule, passed: &BTreeMap<PartKind, PassedPart>) -> Option<Refusal> {
    let (kind, part) = passed.iter().find(|(kind, _)| rule.parts.contains(kind))?;
    Some(opaque(*kind, part))
}

fn opaque(kind: PartKind, part: &PassedPart) -> Refusal {
    Refusal::Opaque {
        kind: kind.name(),
        pointer: part.pointer.clone(),
    }
}

fn list(kinds: &[Entity]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}
