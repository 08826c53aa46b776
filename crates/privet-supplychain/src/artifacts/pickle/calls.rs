//! What calls in a pickle come to.

use std::cell::Cell;
use std::rc::Rc;

use super::Arrays;
use super::danger::TELLTALES;
use super::known::HARMLESS;
use super::machine::{End, Machine};
use super::policy::{self, Gadget, Judgement};
use super::value::{Global, Leaf, Made, Value};
use crate::Severity;
use crate::artifacts::error::Stop;
use crate::artifacts::npy::Element;

/// How deep arrays of objects may lie in one another.
const LEVELS: u8 = 8;
/// Encodings that turn text into bytes one to one; others (`rot13`, `zlib`, `hex`) hide text.
const PLAIN_ENCODINGS: [&str; 8] = [
    "latin1",
    "latin-1",
    "iso-8859-1",
    "ascii",
    "utf8",
    "utf-8",
    "UTF-8",
    "raw-unicode-escape",
];

impl Machine<'_, '_, '_> {
    /// Calls something, or makes an instance of it.
    pub(super) fn call(&mut self, callee: &Value, arguments: &Value) -> Result<Value, Stop> {
        let global = match callee {
            Value::Global(global) => Rc::clone(global),
            Value::Made(made) => {
                let what = format!(
                    "calls what `{}` gave, so what is called cannot be told: do not load it",
                    made.by.path
                );
                self.suspect("pickle-computed-call", Severity::High, &what);
                return Ok(Value::Opaque);
            }
            _ => {
                self.suspect(
                    "pickle-computed-call",
                    Severity::High,
                    "calls something that it has built itself, so what is called cannot be told: do not load it",
                );
                return Ok(Value::Opaque);
            }
        };
        self.mark_called(&global);
        let items = arguments.items().unwrap_or_default();
        if let Some(inner) = known_attribute(&global, items) {
            return Ok(Value::Global(self.refer(inner, Judgement::Harmless)));
        }
        match global.judgement {
            Judgement::Depends(gadget) => self.weigh(gadget, &global, items),
            Judgement::Dangerous(_) => {
                self.note_nested(&global, items);
            }
            Judgement::Suspicious(_) | Judgement::Harmless => {}
        }
        Ok(Value::Made(Rc::new(Made {
            text: items.first().and_then(Value::as_text).cloned(),
            holds_objects: Cell::new(false),
            by: global,
        })))
    }

    /// Looks at the arguments of a callable that may or may not be harmless.
    fn weigh(&mut self, gadget: Gadget, global: &Global, items: &[Value]) {
        match gadget {
            Gadget::Distribution => {}
            Gadget::Nested => {
                if !self.note_nested(global, items) {
                    self.gadget(global, "is given bytes that cannot be told");
                }
            }
            Gadget::Encode => {
                let encoding = items.get(1).and_then(Value::as_text);
                if !encoding.is_some_and(|name| PLAIN_ENCODINGS.contains(&&**name)) {
                    self.gadget(global, "turns hidden text into other text");
                }
            }
            Gadget::Getattr => self.attribute(global, items),
            Gadget::Partial => match items.first() {
                Some(Value::Global(inner)) if matches!(inner.judgement, Judgement::Depends(_)) => {
                    self.gadget(global, "wraps a function that reaches others");
                }
                Some(Value::Global(_) | Value::Made(_)) => {}
                _ => self.gadget(global, "wraps something that cannot be told"),
            },
            Gadget::Ufunc => self.ufunc(global, items),
        }
    }

    fn attribute(&mut self, global: &Global, items: &[Value]) {
        let (Some(object), Some(Value::Text(name))) = (items.first(), items.get(1)) else {
            self.gadget(global, "reaches for an attribute that cannot be told");
            return;
        };
        if let Some((_, effect)) = TELLTALES.iter().find(|(known, _)| *known == &**name) {
            self.refer(format!("getattr(…, {name})"), Judgement::Dangerous(effect));
            return;
        }
        let is_plain = !name.starts_with('_') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match object {
            Value::Global(owner) if owner.judgement == Judgement::Harmless && is_plain => {}
            // The owner is reported already; its attribute makes it no better.
            Value::Global(owner) if matches!(owner.judgement, Judgement::Dangerous(_)) => {}
            _ => self.gadget(global, "reaches into something that is no known class"),
        }
    }

    fn ufunc(&mut self, global: &Global, items: &[Value]) {
        let [Value::Text(module), Value::Text(name)] = items else {
            self.gadget(global, "imports a function that cannot be told");
            return;
        };
        let is_numeric = matches!(
            &**module,
            "numpy" | "numpy.core.umath" | "numpy._core.umath" | "scipy.special" | "scipy.special._ufuncs"
        );
        match policy::judge(module, name) {
            Judgement::Suspicious(_) if is_numeric && !name.contains(['.', '_']) => {}
            _ => {
                self.global(module, name);
            }
        }
    }

    fn gadget(&mut self, global: &Global, why: &str) {
        let what = format!(
            "calls `{}`, which {why}: load it only if you trust who made it",
            global.path
        );
        self.suspect("pickle-gadget", Severity::High, &what);
    }

    /// Remembers bytes that are loaded as a file of their own.
    fn note_nested(&mut self, global: &Global, items: &[Value]) -> bool {
        let loads = global.path.ends_with("loads") || global.path.ends_with("_load_from_bytes");
        match items.first() {
            Some(Value::Bytes { start, size }) if loads => {
                if self.nested.len() < 1000 {
                    self.nested.push((*start, *size));
                    return true;
                }
                false
            }
            _ => false,
        }
    }

    /// Fills an object with its state.
    pub(super) fn build(&mut self, object: &Value, state: &Value) -> Result<(), Stop> {
        let made = match object {
            Value::Made(made) => made,
            Value::Global(global) => {
                let what = format!(
                    "changes `{}` itself, not an object of it: do not load it",
                    global.path
                );
                self.suspect("pickle-changes-global", Severity::High, &what);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let first = state.items().and_then(|items| items.first());
        match (made.by.judgement, first) {
            (Judgement::Depends(Gadget::Distribution), _) => {
                let what = format!(
                    "fills `{}`, whose state holds text that SciPy runs as code: load it only if you trust who made it",
                    made.by.path
                );
                self.suspect("pickle-code-in-state", Severity::Medium, &what);
            }
            (Judgement::Depends(Gadget::Partial), Some(Value::Global(inner)))
                if matches!(inner.judgement, Judgement::Depends(_)) =>
            {
                self.gadget(&Rc::clone(&made.by), "wraps a function that reaches others");
            }
            _ => {}
        }
        if made.by.path == "numpy.dtype" {
            // `(version, order, subdtype, names, fields, size, alignment, flags)`; NPY_ITEM_HASOBJECT of the flags is 1.
            let flags = state.items().and_then(|items| items.get(7));
            let is_object = matches!(flags, Some(Value::Int(flags)) if flags & 1 == 1);
            made.holds_objects.set(is_object);
        }
        if made.by.path.ends_with(".numpy_pickle.NumpyArrayWrapper") {
            self.has_arrays = true;
            if self.arrays == Arrays::Interleaved {
                return self.skip_array(state);
            }
        }
        Ok(())
    }

    /// Passes over the array that joblib wrote after its wrapper.
    ///
    /// # Source
    /// `joblib/numpy_pickle.py`, `NumpyArrayWrapper.read_array`.
    fn skip_array(&mut self, state: &Value) -> Result<(), Stop> {
        let unknown = || self.damage("an array's kind cannot be told, so it cannot be passed over");
        let Some(Leaf::Ints(shape)) = state.get("shape") else {
            return Err(unknown());
        };
        let element = match state.get("dtype") {
            Some(Leaf::Made(dtype)) if dtype.by.path == "numpy.dtype" => {
                let element = dtype.text.as_ref().and_then(|text| Element::parse(text));
                let element = element.ok_or_else(unknown)?;
                Element {
                    has_objects: element.has_objects || dtype.holds_objects.get(),
                    ..element
                }
            }
            // `numpy.dtypes.Float64DType` and the like write the same state; only `numpy.dtype` is written by joblib.
            _ => return Err(unknown()),
        };
        if element.has_objects {
            // A pickle of its own follows at once.
            if self.level >= LEVELS {
                return Err(self.damage("pickles lie too deep in one another"));
            }
            let mut inner = Machine::new(self.inspector, self.feed, self.arrays, self.nested);
            inner.level = self.level + 1;
            return match inner.run()? {
                End::Stopped => Ok(()),
                End::Empty => Err(self.damage("the pickle of an array is missing")),
            };
        }
        let size = shape
            .iter()
            .try_fold(element.size, |size, n| size.checked_mul(u64::try_from(*n).ok()?))
            .ok_or_else(unknown)?;
        if let Some(Leaf::Int) = state.get("numpy_array_alignment_bytes") {
            let padding = self.feed.byte()?;
            self.feed.skip(padding.into())?;
        }
        if size > 0 {
            self.feed.skip(size)?;
        }
        Ok(())
    }
}

/// The path of an attribute of a known class that is itself known, as `zoneinfo.ZoneInfo._unpickle`.
fn known_attribute(global: &Global, items: &[Value]) -> Option<String> {
    if global.judgement != Judgement::Depends(Gadget::Getattr) {
        return None;
    }
    let [Value::Global(owner), Value::Text(name)] = items else {
        return None;
    };
    let path = format!("{}.{name}", owner.path);
    HARMLESS.binary_search(&path.as_str()).is_ok().then_some(path)
}
