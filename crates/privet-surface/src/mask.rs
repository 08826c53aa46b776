//! Masking a request: every private value replaced, everything else byte for byte as it came.

mod passed;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

pub use self::passed::PassedPart;
use privet_crypto::HashKey;
use privet_pii::{
    Analyzer, EntityAction, Mentions, Place, SurrogateMap, Surrogates, escape_into, lookalikes,
};
use privet_types::{Budget, Entity, Finding, Span, SurfaceKind};

use crate::dialect::{self, Class, Step};
use crate::json::{Document, JsonError, Kind, Value, looks_like_json};
use crate::memory::{Detected, DetectionMemory, Element};
use crate::private::{Private, digit_runs, is_apart, is_sure, merge};
use crate::refusal::{MAX_VALUES, Refusal};
use crate::splice::{Edit, splice};
use crate::tag::whole_tag;
use crate::{PartKind, PartsConfig, number, storage};

/// How deep JSON inside strings inside JSON is followed.
const MAX_LAYERS: usize = 4;
/// Work units of one search of a text for a known value; searching is some sixty times cheaper than detecting.
const fn search_units(bytes: usize) -> u64 {
    bytes as u64 / 64 + 16
}
/// Work units of making one surrogate: keyed hashes, and places in two tables. Few enough that a body full of the shortest
/// values keeps within its budget.
const SURROGATE_UNITS: u64 = 1024;

/// What a request is masked by.
#[derive(Clone, Copy)]
pub struct Masking<'a> {
    /// Finds private data.
    pub analyzer: &'a Analyzer,
    /// Says what is done with it.
    pub pii: &'a privet_pii::Config,
    /// Says which content may pass unseen.
    pub parts: &'a PartsConfig,
    /// Makes surrogates; one per tenant, epoch and principal.
    pub key: &'a HashKey,
    /// Remembers what was found in elements that come again; none to look at everything every time.
    pub memory: Option<&'a DetectionMemory>,
    /// Tags that were handed to the same caller elsewhere: where they stand they stay, and the reply restores them.
    pub known: Option<&'a SurrogateMap>,
}

/// A request body, parsed.
#[derive(Debug)]
pub struct Request<'t> {
    pub(crate) surface: SurfaceKind,
    pub(crate) body: &'t [u8],
    pub(crate) document: Document<'t>,
    may_be_stored: bool,
}

/// A request body that holds no private value, and how to undo that in the reply.
#[derive(Debug)]
pub struct Masked {
    /// The body to send.
    pub body: Vec<u8>,
    /// What was replaced, as ranges of the original body, sorted and disjoint.
    pub replaced: Vec<Range<usize>>,
    /// The surrogates used.
    pub map: SurrogateMap,
    /// What was replaced, by kind.
    pub counts: BTreeMap<Entity, u32>,
    /// What passed unseen, by kind.
    pub passed: BTreeMap<PartKind, PassedPart>,
}

impl<'t> Request<'t> {
    /// Parses a request body.
    ///
    /// # Errors
    /// [`Refusal::Json`], [`Refusal::NotAnObject`].
    pub fn parse(surface: SurfaceKind, body: &'t [u8], budget: &Budget) -> Result<Self, Refusal> {
        let document = Document::parse(body, budget)?;
        if document.root().kind() != Kind::Object {
            return Err(Refusal::NotAnObject);
        }
        Ok(Self {
            surface: surface.dialect(),
            body,
            document,
            may_be_stored: true,
        })
    }

    /// The same request, which forbids the provider to keep it and its reply for later requests.
    #[must_use]
    pub fn without_storage(self) -> Self {
        Self {
            may_be_stored: false,
            ..self
        }
    }

    /// Whether the provider may keep what is sent, so that a later request goes on where it ended.
    #[must_use]
    pub fn may_be_gone_on_with(&self) -> bool {
        self.may_be_stored && storage::is_kept(self.surface, self.document.root())
    }

    /// Whether it goes on where an earlier one ended, which the provider has kept.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        storage::goes_on(self.surface, self.document.root())
    }

    /// The model asked for.
    ///
    /// # Errors
    /// [`Refusal::NoModel`] if none is named by a token.
    pub fn model(&self) -> Result<Cow<'_, str>, Refusal> {
        self.document
            .root()
            .get_str("model")
            .filter(|m| is_model(m))
            .ok_or(Refusal::NoModel)
    }

    /// Whether the reply's text is to be a JSON document.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        let root = self.document.root();
        let nested = |config: &str| root.get(config).and_then(|config| config.get("format"));
        let format = root
            .get("response_format")
            .or_else(|| root.get("output_format"))
            .or_else(|| nested("output_config"))
            .or_else(|| nested("text"));
        let kind = format.and_then(|format| format.get_str("type"));
        kind.is_some_and(|kind| kind.starts_with("json"))
    }

    /// Replaces every private value. With `upstream_model` the model's name is replaced, too. O(n) for n bytes.
    ///
    /// # Errors
    /// [`Refusal`] if anything must not, or cannot safely, be sent.
    pub fn mask(
        &self,
        masking: Masking<'_>,
        upstream_model: Option<&str>,
        budget: &Budget,
    ) -> Result<Masked, Refusal> {
        let root = self.document.root();
        let unstored = if self.may_be_stored {
            None
        } else {
            storage::forbidden(self.surface, root)?
        };
        let mut walk = Walk {
            surface: self.surface,
            masking,
            budget,
            body: self.body,
            seen: 0..0,
            surrogates: Surrogates::new(masking.key, masking.pii.style),
            mentions: Mentions::new(),
            edits: Vec::new(),
            counts: BTreeMap::new(),
            passed: BTreeMap::new(),
            path: Vec::new(),
            is_looking: masking.pii.looks_for_anything(),
            remembered: BTreeMap::new(),
            judged: HashSet::new(),
            element: Element::None,
        };
        // Messages come first and in order: what one becomes must depend on those before it only.
        let conversation = dialect::conversation(self.surface);
        let is_messages = |key: &Value<'_>| key.as_str().is_some_and(|k| k == conversation);
        for wants_messages in [true, false] {
            if !wants_messages {
                walk.seen = 0..self.body.len();
                // Providers cache what stands before the messages: it must not change with them.
                walk.forget();
            }
            for (key, value) in root
                .entries()
                .filter(|(key, _)| is_messages(key) == wants_messages)
            {
                walk.entry(key, value)?;
            }
        }
        let Walk {
            surrogates,
            mut edits,
            counts,
            passed,
            ..
        } = walk;
        if let Some((name, value)) = upstream_model.zip(root.get("model")) {
            let mut text = String::from("\"");
            escape_into(name, &mut text);
            text.push('"');
            edits.retain(|e| e.range != value.range());
            edits.push(Edit::beside(value.range(), text));
        }
        if let Some(edit) = unstored {
            edits.retain(|e| e.range.end <= edit.range.start || edit.range.end <= e.range.start);
            edits.push(edit);
        }
        edits.sort_by_key(|e| e.range.start);
        let body = splice(self.body, &edits);
        let replaced = edits.into_iter().filter(|e| e.is_mask).map(|e| e.range).collect();
        Ok(Masked {
            body,
            replaced,
            map: surrogates.into_map(),
            counts,
            passed,
        })
    }
}

/// Model names may hold `@`, as Google's do, beside what tokens hold.
fn is_model(name: &str) -> bool {
    dialect::is_token(&name.replace(['@', '+'], "-"))
}

/// One text inside the body: how its offsets lead back to the body, and how deep in JSON strings it lies.
#[derive(Clone, Copy)]
struct Layer<'a> {
    locate: &'a dyn Fn(usize) -> usize,
    depth: usize,
}

struct Walk<'a, 'd> {
    surface: SurfaceKind,
    masking: Masking<'a>,
    budget: &'a Budget,
    body: &'a [u8],
    /// The part of the body that stand-ins may not be found in.
    seen: Range<usize>,
    surrogates: Surrogates<'a>,
    /// Who was named so far.
    mentions: Mentions,
    edits: Vec<Edit>,
    counts: BTreeMap<Entity, u32>,
    passed: BTreeMap<PartKind, PassedPart>,
    path: Vec<Step<'d>>,
    is_looking: bool,
    /// Values that only their context gave away: further on they are private without it, too.
    remembered: BTreeMap<String, Entity>,
    /// Values that were looked at for the above.
    judged: HashSet<String>,
    element: Element,
}

/// An element of fewer bytes is looked at anew each time.
const LEAST_ELEMENT: usize = 128;

/// How a text is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As language.
    Prose,
    /// As a name or number: nobody's name is looked for where programs have theirs.
    Code,
}

impl<'d> Walk<'_, 'd> {
    fn entry(&mut self, key: Value<'d>, value: Value<'d>) -> Result<(), Refusal> {
        let name = key.as_str().unwrap_or_default();
        if self.path.is_empty() && name == dialect::conversation(self.surface) {
            self.seen = value.range().start..value.range().start;
        }
        self.path.push(Step::Key(name));
        let base = Layer {
            locate: &|at| at,
            depth: 0,
        };
        let parent = self.path.len().checked_sub(2).and_then(|i| self.key_at(i));
        self.text_leaf(key, parent.as_deref(), Class::Text, Reading::Code, base)?;
        if self.path.len() == 1 && value.kind() == Kind::String {
            self.element(value)?;
        } else {
            self.value(value)?;
        }
        self.path.pop();
        Ok(())
    }

    /// Looks at a part of the body that may come again with the next turn.
    fn element(&mut self, value: Value<'d>) -> Result<(), Refusal> {
        let range = value.range();
        let name = self.key_at(0).unwrap_or_default();
        let memory = self
            .masking
            .memory
            .filter(|_| self.is_looking && range.len() >= LEAST_ELEMENT);
        let Some((memory, raw)) = memory.zip(self.body.get(range.clone())) else {
            return self.value(value);
        };
        self.charge(search_units(raw.len()))?;
        let parts = [
            b"detections".as_slice(),
            self.surface.name().as_bytes(),
            name.as_bytes(),
            raw,
        ];
        let key = self.masking.key.hash(&parts);
        self.element = match memory.get(&key) {
            Some(detected) if detected.is_clean() && !self.is_searching() => {
                // It came before, was let through as it is, and nothing that this request knows can stand in it.
                self.advance(range.start + detected.reach);
                return Ok(());
            }
            Some(detected) => Element::Known { detected, text: 0 },
            None => Element::New {
                detected: Detected::default(),
                text: 0,
            },
        };
        let done = self.value(value);
        if let Element::New { mut detected, .. } = std::mem::replace(&mut self.element, Element::None)
            && done.is_ok()
        {
            detected.reach = self.seen.end.saturating_sub(range.start);
            memory.put(key, detected);
        }
        done
    }

    /// Whether texts are searched for what was met earlier in this request.
    fn is_searching(&self) -> bool {
        !self.remembered.is_empty()
            || self.surrogates.has_numbers()
            || self.surrogates.confusable_words().next().is_some()
    }

    /// What the analyser finds in `text`, from memory if the element came before.
    fn detect(
        &mut self,
        text: &str,
        context: Option<&str>,
        reading: Reading,
    ) -> Result<Vec<Finding>, Refusal> {
        if let Element::Known { detected, text } = &mut self.element {
            *text += 1;
            return Ok(detected.of_text(*text).to_vec());
        }
        let analyzer = self.masking.analyzer;
        let found = match reading {
            Reading::Prose => analyzer.analyze(text, context, self.budget)?,
            Reading::Code => analyzer.analyze_code(text, context, self.budget)?,
        };
        if let Element::New { detected, text } = &mut self.element {
            *text += 1;
            if !found.is_empty() {
                detected.by_text.push((*text, found.clone()));
            }
        }
        Ok(found)
    }

    fn value(&mut self, value: Value<'d>) -> Result<(), Refusal> {
        match value.kind() {
            Kind::Object => {
                match dialect::classify_part(self.surface, &self.path, value) {
                    Some(Class::Opaque(kind)) if !self.masking.parts.pass.contains(&kind) => {
                        return Err(self.opaque(kind));
                    }
                    Some(Class::Sealed) => return Ok(()),
                    Some(Class::Opaque(kind)) => return self.passed_part(kind, value),
                    _ => {}
                }
                for (key, value) in value.entries() {
                    self.entry(key, value)?;
                }
                Ok(())
            }
            Kind::Array => {
                for (index, item) in value.items().enumerate() {
                    if self.surface == SurfaceKind::OpenaiEmbeddings && self.path.len() == 1 {
                        // A text has the same vector alone and beside others.
                        self.forget();
                    }
                    self.path.push(Step::Item(index));
                    if self.path.len() == 2 {
                        self.element(item)?;
                    } else {
                        self.value(item)?;
                    }
                    self.path.pop();
                }
                Ok(())
            }
            Kind::String => self.string(value),
            Kind::Number => {
                if self.is_token_of_text() {
                    return Err(Refusal::Tokens {
                        pointer: dialect::pointer(&self.path),
                    });
                }
                let class = dialect::classify(self.surface, &self.path);
                if class == Class::Sealed {
                    return Ok(());
                }
                let context = self.context();
                self.number_leaf(
                    value,
                    context.as_deref(),
                    class,
                    Layer {
                        locate: &|at| at,
                        depth: 0,
                    },
                )
            }
            Kind::Literal => Ok(()),
        }
    }

    fn string(&mut self, value: Value<'d>) -> Result<(), Refusal> {
        let class = dialect::classify(self.surface, &self.path);
        if value
            .as_str()
            .is_some_and(|v| dialect::is_sealed_field(self.surface, &self.path, &v))
        {
            return Ok(());
        }
        let class = match class {
            Class::Structural
                if value
                    .as_str()
                    .is_some_and(|v| dialect::is_token(&v) || is_model_at(&self.path, &v)) =>
            {
                return Ok(());
            }
            // Not what its field is for: looked at, and not replaceable.
            Class::Structural | Class::Sealed => Class::Fixed,
            class => class,
        };
        let context = self.context();
        self.text_leaf(
            value,
            context.as_deref(),
            class,
            Reading::Prose,
            Layer {
                locate: &|at| at,
                depth: 0,
            },
        )
    }

    /// Looks at one string or key, and at JSON inside it.
    fn text_leaf(
        &mut self,
        value: Value<'_>,
        context: Option<&str>,
        class: Class,
        reading: Reading,
        outer: Layer<'_>,
    ) -> Result<(), Refusal> {
        let Some(text) = value.decoded() else {
            return Ok(());
        };
        let locate = |at: usize| (outer.locate)(text.locate(at));
        let layer = Layer {
            locate: &locate,
            depth: outer.depth + 1,
        };
        self.advance(locate(text.text.len()));
        if text.text.is_empty() {
            return Ok(());
        }
        if class == Class::Text && layer.depth < MAX_LAYERS && looks_like_json(&text.text) {
            match Document::parse_str(&text.text, self.budget) {
                Ok(inner) => return self.inner_value(inner.root(), context, layer),
                Err(JsonError::Budget(error)) => return Err(JsonError::Budget(error).into()),
                // Two readings of one tool call: neither can be trusted.
                Err(error @ JsonError::DuplicateKey { .. }) if context == Some("arguments") => {
                    return Err(error.into());
                }
                Err(_) => {}
            }
        }
        self.plain_text(&text.text, context, class, reading, layer)
    }

    /// Looks at JSON that was found inside a string.
    fn inner_value(
        &mut self,
        value: Value<'_>,
        context: Option<&str>,
        layer: Layer<'_>,
    ) -> Result<(), Refusal> {
        match value.kind() {
            Kind::Object => {
                for (key, value) in value.entries() {
                    self.text_leaf(key, context, Class::Text, Reading::Code, layer)?;
                    let name = key.as_str();
                    self.inner_value(value, name.as_deref().or(context), layer)?;
                }
                Ok(())
            }
            Kind::Array => value
                .items()
                .try_for_each(|item| self.inner_value(item, context, layer)),
            Kind::String => self.text_leaf(value, context, Class::Text, Reading::Prose, layer),
            Kind::Number => self.number_leaf(value, context, Class::Text, layer),
            Kind::Literal => Ok(()),
        }
    }

    fn plain_text(
        &mut self,
        text: &str,
        context: Option<&str>,
        class: Class,
        reading: Reading,
        layer: Layer<'_>,
    ) -> Result<(), Refusal> {
        let reading = if class == Class::Text {
            reading
        } else {
            Reading::Code
        };
        for Private {
            span,
            entity,
            is_whole,
            is_sure,
        } in self.findings(text, context, reading)?
        {
            let whole = span.len() == text.len();
            let place = match class {
                Class::Name if whole => Place::Name,
                Class::Name | Class::Fixed | Class::Structural => return Err(self.cannot_mask(entity)),
                _ => Place::Text {
                    is_apart: is_whole && is_apart(text, span),
                },
            };
            let value = span.of(text).unwrap_or_default();
            let range = (layer.locate)(span.start)..(layer.locate)(span.end);
            // A made-up name is searched for in all that came so far.
            if !is_sure && self.judge(entity, value)? && entity == Entity::PERSON {
                self.charge(search_units(self.seen.len()))?;
            }
            self.replace(entity, value, place, range, layer.depth)?;
        }
        Ok(())
    }

    fn number_leaf(
        &mut self,
        value: Value<'_>,
        context: Option<&str>,
        class: Class,
        layer: Layer<'_>,
    ) -> Result<(), Refusal> {
        let raw = value.raw();
        let range = (layer.locate)(value.range().start)..(layer.locate)(value.range().end);
        self.advance(range.end);
        // Fewer digits are no card, account, telephone or social security number and no date; but they may be a listed term.
        if raw.len() < 7 && !raw.contains(['e', 'E']) && self.masking.pii.terms.is_empty() {
            return Ok(());
        }
        let Some(digits) = number::integer_digits(raw) else {
            return Ok(());
        };
        let Some(private) = self.findings(&digits, context, Reading::Code)?.into_iter().next() else {
            return Ok(());
        };
        let entity = private.entity;
        if class != Class::Text {
            return Err(self.cannot_mask(entity));
        }
        if self.judge(entity, raw)? {
            self.charge(search_units(self.seen.len()))?;
        }
        self.replace(entity, raw, Place::Number, range, layer.depth)
    }

    /// What is private in `text`, as disjoint spans in order; counts it and refuses what the policy blocks.
    fn findings(
        &mut self,
        text: &str,
        context: Option<&str>,
        reading: Reading,
    ) -> Result<Vec<Private>, Refusal> {
        if !self.is_looking {
            return Ok(Vec::new());
        }
        let mut found = self.detect(text, context, reading)?;
        let looks = lookalikes(text, self.masking.pii.style);
        if let Element::New { detected, .. } = &mut self.element {
            // Also those that are taken over now: next time they must be again.
            detected.has_lookalikes |= !looks.is_empty();
        }
        let (looks, kept) = self.adopt(text, looks);
        found.extend(looks);
        let known = |span| Finding {
            entity: Entity::SURROGATE,
            span,
            score: 1.0,
            rule: privet_types::RuleId("surrogate/known"),
            basis: privet_types::Basis::Listed,
        };
        for word in self.surrogates.confusable_words() {
            self.charge(search_units(text.len()))?;
            let starts = memchr::memmem::find_iter(text.as_bytes(), word);
            found.extend(starts.map(|at| known(Span::new(at, at + word.len()))));
        }
        if self.surrogates.has_numbers() {
            found.extend(
                digit_runs(text)
                    .filter(|s| self.surrogates.is_number(s.of(text).unwrap_or_default()))
                    .map(known),
            );
        }
        let mut masked: Vec<(Span, Entity, bool)> = Vec::new();
        for (value, entity) in &self.remembered {
            self.charge(search_units(text.len()))?;
            let spans =
                memchr::memmem::find_iter(text.as_bytes(), value).map(|at| Span::new(at, at + value.len()));
            masked.extend(
                spans
                    .filter(|span| is_apart(text, *span))
                    .map(|span| (span, *entity, true)),
            );
        }
        let is_kept = |span: Span| {
            kept.iter()
                .any(|tag| tag.start <= span.start && span.end <= tag.end)
        };
        for finding in found.iter().filter(|finding| !is_kept(finding.span)) {
            let is_lookalike = finding.rule.0.starts_with("surrogate/");
            match self.masking.pii.action(finding.entity) {
                EntityAction::Block if !is_lookalike => {
                    return Err(Refusal::Blocked {
                        entity: finding.entity,
                        pointer: dialect::pointer(&self.path),
                    });
                }
                EntityAction::Allow if !is_lookalike => {}
                _ => masked.push((finding.span, finding.entity, is_lookalike || is_sure(finding))),
            }
        }
        let disjoint = merge(masked);
        for private in &disjoint {
            *self.counts.entry(private.entity).or_default() += 1;
        }
        Ok(disjoint)
    }

    /// Takes over the tags among `looks` that this caller was handed elsewhere. Gives back the others, and where those stand.
    fn adopt(&mut self, text: &str, looks: Vec<Finding>) -> (Vec<Finding>, Vec<Span>) {
        let Some(known) = self.masking.known else {
            return (looks, Vec::new());
        };
        let mut kept = Vec::new();
        let others = looks.into_iter().filter(|look| {
            let tag = whole_tag(text, look.span);
            let pair = tag
                .of(text)
                .filter(|_| is_apart(text, tag))
                .and_then(|tag| known.tagged(tag));
            let is_known = pair.is_some_and(|pair| self.surrogates.adopt(pair));
            if is_known {
                kept.push(tag);
            }
            !is_known
        });
        (others.collect(), kept)
    }

    /// Remembers `value` if nothing but its context says that it is private. Returns whether it is met for the first time.
    fn judge(&mut self, entity: Entity, value: &str) -> Result<bool, Refusal> {
        if self.judged.contains(value) {
            return Ok(false);
        }
        self.judged.insert(value.to_owned());
        // Short names are everyday words as well: Will, Rose, Mai.
        let is_word = entity == Entity::PERSON && value.len() < 5;
        if entity != Entity::SURROGATE && !is_word && !self.is_private_alone(value)? {
            self.remembered.insert(value.to_owned(), entity);
        }
        Ok(true)
    }

    /// Whether `value` is seen to be private wherever it stands.
    fn is_private_alone(&self, value: &str) -> Result<bool, Refusal> {
        let memory = self.masking.memory.map(|memory| {
            let key = self.masking.key.hash(&[b"value".as_slice(), value.as_bytes()]);
            (memory, key)
        });
        if let Some(known) = memory.and_then(|(memory, key)| memory.get_value(&key)) {
            return Ok(known);
        }
        let alone = self.masking.analyzer.analyze_code(value, None, self.budget)?;
        let is_private = alone.iter().any(|f| f.span == Span::new(0, value.len()));
        if let Some((memory, key)) = memory {
            memory.put_value(key, is_private);
        }
        Ok(is_private)
    }

    fn replace(
        &mut self,
        entity: Entity,
        value: &str,
        place: Place,
        range: Range<usize>,
        depth: usize,
    ) -> Result<(), Refusal> {
        if self.surrogates.len() >= MAX_VALUES {
            return Err(Refusal::TooManyValues);
        }
        let seen = self.body.get(self.seen.clone()).unwrap_or_default();
        let occupied = |text: &str| memchr::memmem::find(seen, text.as_bytes()).is_some();
        let made = self.surrogates.len();
        let stand_in = if entity == Entity::PERSON && place != Place::Number {
            let mention = self.mentions.link(value);
            self.surrogates
                .surrogate_of_mention(&mention, value, place, &occupied)
        } else {
            self.surrogates.surrogate(entity, value, place, &occupied)
        };
        let Some(mut text) = stand_in else {
            return Err(self.cannot_mask(entity));
        };
        self.charge(if self.surrogates.len() > made {
            SURROGATE_UNITS
        } else {
            16
        })?;
        for _ in 0..depth {
            let mut escaped = String::with_capacity(text.len());
            escape_into(&text, &mut escaped);
            text = escaped;
        }
        self.edits.push(Edit::new(range, text));
        Ok(())
    }

    /// What stands further on is looked at as if nothing had come before it.
    fn forget(&mut self) {
        self.remembered.clear();
        self.judged.clear();
        self.mentions = Mentions::new();
    }

    /// Whether a number at this place is part of a text that was cut into tokens.
    fn is_token_of_text(&self) -> bool {
        self.surface == SurfaceKind::OpenaiEmbeddings
            && self.key_at(0).as_deref() == Some(dialect::conversation(self.surface))
    }

    fn charge(&self, units: u64) -> Result<(), Refusal> {
        Ok(self.budget.charge(units).map_err(privet_pii::Error::from)?)
    }

    /// Messages up to byte `end` of the body have been met now.
    fn advance(&mut self, end: usize) {
        self.seen.end = self.seen.end.max(end);
    }

    /// The key that the current value stands under.
    fn context(&self) -> Option<Cow<'d, str>> {
        (0..self.path.len()).rev().find_map(|i| self.key_at(i))
    }

    fn key_at(&self, index: usize) -> Option<Cow<'d, str>> {
        match self.path.get(index) {
            Some(Step::Key(key)) => Some(key.clone()),
            _ => None,
        }
    }

    fn cannot_mask(&self, entity: Entity) -> Refusal {
        Refusal::CannotMask {
            entity,
            pointer: dialect::pointer(&self.path),
        }
    }

    fn opaque(&self, kind: PartKind) -> Refusal {
        Refusal::Opaque {
            kind: kind.name(),
            pointer: dialect::pointer(&self.path),
        }
    }
}

fn is_model_at(path: &[Step<'_>], value: &str) -> bool {
    matches!(path, [Step::Key(key)] if key == "model") && is_model(value)
}
