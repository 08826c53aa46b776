//! The one door between a prompt as it came and a prompt that may be sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_crypto::HashKey;
use privet_pii::Analyzer;
use privet_surface::{DetectionMemory, Masking, Refusal, Request, Restoration};
use privet_types::{Budget, Entity, SurfaceKind};

use crate::Policy;

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

    /// The body to send, without a copy.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
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
    /// Finds the provider for a model: its name there, if it differs, or nothing if no provider has the model.
    pub route: &'a (dyn Fn(&str) -> Option<Option<String>> + Sync),
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

impl Policy {
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
        let masking = Masking {
            analyzer: clearing.analyzer,
            pii: self.pii(),
            parts: self.parts(),
            key: clearing.key,
            memory: clearing.memory,
        };
        let masked = request
            .mask(masking, upstream_model.as_deref(), budget)
            .map_err(refused(Some(&model)))?;
        let restoration = Restoration::new(
            prompt.surface,
            Arc::new(masked.map),
            Arc::clone(self.shared_restore()),
            Arc::clone(self.urls()),
        )
        .with_json_reply(request.wants_json());
        Ok(Clearance {
            prompt: Prompt {
                surface: prompt.surface,
                body: masked.body,
                _state: Cleared(()),
            },
            model: model.into_owned(),
            restoration,
            counts: masked.counts,
            masked: masked.replaced.len(),
        })
    }
}
