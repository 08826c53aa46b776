//! The pickle machine: protocols 0 to 5, with stack and memo, over stand-ins for objects.
//!
//! # Source
//! CPython's `Lib/pickletools.py` describes every opcode; PEP 307, PEP 3154 and PEP 574 the later protocols.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::rc::Rc;

use super::Arrays;
use super::policy::{self, Gadget, Judgement};
use super::text;
use super::value::{Global, Value};
use crate::artifacts::error::Stop;
use crate::artifacts::inspect::Inspector;
use crate::artifacts::report::{Limits, clip};
use crate::artifacts::source::Feed;
use crate::{Severity, Verdict};

/// Longest text that is kept; names of modules are shorter.
const KEPT_TEXT: usize = 1024;
/// Longest line of an opcode of protocol 0.
const LINE: usize = 16 << 20;
/// Most names that are told apart in one pickle.
const REFERENCES: usize = 10_000;

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At a STOP.
    Stopped,
    /// There was no byte left to begin with.
    Empty,
}

/// A name the pickle imports, and what became of it.
#[derive(Debug)]
struct Reference {
    judgement: Judgement,
    start: u64,
    end: u64,
    is_called: bool,
}

/// Runs one pickle.
pub(super) struct Machine<'m, 'i, 'f> {
    pub(super) inspector: &'m mut Inspector<'i>,
    pub(super) feed: &'m mut Feed<'f>,
    pub(super) arrays: Arrays,
    /// Runs of bytes that the pickle loads as files of their own.
    pub(super) nested: &'m mut Vec<(u64, u64)>,
    pub(super) has_arrays: bool,
    stack: Vec<Value>,
    memo: Vec<Value>,
    far_memo: BTreeMap<u64, Value>,
    references: BTreeMap<String, Reference>,
    kept: u64,
    op_at: u64,
    /// How many pickles this one lies in.
    pub(super) level: u8,
}

impl<'m, 'i, 'f> Machine<'m, 'i, 'f> {
    pub(super) fn new(
        inspector: &'m mut Inspector<'i>,
        feed: &'m mut Feed<'f>,
        arrays: Arrays,
        nested: &'m mut Vec<(u64, u64)>,
    ) -> Self {
        Self {
            inspector,
            feed,
            arrays,
            nested,
            has_arrays: false,
            stack: Vec::new(),
            memo: Vec::new(),
            far_memo: BTreeMap::new(),
            references: BTreeMap::new(),
            kept: 0,
            op_at: 0,
            level: 0,
        }
    }

    /// Whether arrays lay between its opcodes.
    pub(super) fn has_arrays(&self) -> bool {
        self.has_arrays
    }

    /// Whether it imports anything.
    pub(super) fn named_something(&self) -> bool {
        !self.references.is_empty()
    }

    /// Runs to STOP. What was seen before damage is reported all the same, since it would have run.
    pub(super) fn run(&mut self) -> Result<End, Stop> {
        let end = self.run_opcodes();
        self.report_references();
        end
    }

    fn run_opcodes(&mut self) -> Result<End, Stop> {
        let mut opcodes = 0_u64;
        loop {
            self.op_at = self.feed.at();
            let Some(opcode) = self.feed.next()? else {
                return match opcodes {
                    0 => Ok(End::Empty),
                    _ => Err(self.damage("the pickle ends before its STOP")),
                };
            };
            opcodes += 1;
            if opcodes.is_multiple_of(4096) {
                self.inspector.budget.charge(4096)?;
            }
            if opcodes > self.inspector.limits.opcodes {
                return Err(Stop::over(self.op_at, "it has too many opcodes"));
            }
            if opcode == b'.' {
                self.pop()?;
                return Ok(End::Stopped);
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Stop> {
        match opcode {
            b'(' => self.push(Value::Mark),
            b'0' => {
                let at = self.op_at;
                self.stack
                    .pop()
                    .map(|_| ())
                    .ok_or_else(|| Stop::damaged(at, "an opcode finds nothing on the stack"))
            }
            b'1' => self.pop_mark().map(|_| ()),
            b'2' => {
                let top = self.peek()?.clone();
                self.push(top)
            }
            b'N' => self.push(Value::None),
            0x88 | 0x89 => self.push(Value::Bool),
            b'I' | b'L' | b'F' => self.number_line(opcode),
            b'J' => {
                let value = i32::from_le_bytes(self.feed.array()?);
                self.push(Value::Int(value.into()))
            }
            b'K' => {
                let value = self.feed.byte()?;
                self.push(Value::Int(value.into()))
            }
            b'M' => {
                let value = u16::from_le_bytes(self.feed.array()?);
                self.push(Value::Int(value.into()))
            }
            b'G' => self.skipped(8, Value::Opaque),
            0x8a => {
                let size = self.feed.byte()?;
                self.long(size)
            }
            0x8b => {
                let size = u32::from_le_bytes(self.feed.array()?);
                self.skipped(size.into(), Value::Opaque)
            }
            b'S' | b'V' | b'U' | b'T' | b'X' | 0x8c | 0x8d => self.text(opcode),
            b'C' | b'B' | 0x8e | 0x96 => self.bytes(opcode),
            b']' | 0x8f | 0x97 => self.push(Value::Opaque),
            b'}' => self.push(Value::dict()),
            b')' => self.push(Value::tuple(Vec::new())),
            b't' => {
                let items = self.pop_mark()?;
                self.push(Value::tuple(items))
            }
            0x85..=0x87 => {
                let mut items = Vec::new();
                for _ in 0..=(opcode - 0x85) {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(Value::tuple(items))
            }
            b'l' | 0x91 => {
                self.pop_mark()?;
                self.push(Value::Opaque)
            }
            b'd' => {
                let items = self.pop_mark()?;
                let dict = Value::dict();
                dict.put(&items);
                self.push(dict)
            }
            b'a' => {
                self.pop()?;
                self.peek().map(|_| ())
            }
            b'e' | 0x90 => {
                self.pop_mark()?;
                self.peek().map(|_| ())
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.peek()?.put(&[key, value]);
                Ok(())
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.peek()?.put(&items);
                Ok(())
            }
            b'p' | b'q' | b'r' | 0x94 => self.put(opcode),
            b'g' | b'h' | b'j' => self.get(opcode),
            b'c' => {
                let global = self.global_lines()?;
                self.push(Value::Global(global))
            }
            0x93 => self.stack_global(),
            b'i' => {
                let global = self.global_lines()?;
                let arguments = self.pop_mark()?;
                let made = self.call(&Value::Global(global), &Value::tuple(arguments))?;
                self.push(made)
            }
            b'o' => {
                let mut items = self.pop_mark()?.into_iter();
                let callee = items
                    .next()
                    .ok_or_else(|| self.damage("an object is made of nothing"))?;
                let made = self.call(&callee, &Value::tuple(items.collect()))?;
                self.push(made)
            }
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let callee = self.pop()?;
                let made = self.call(&callee, &arguments)?;
                self.push(made)
            }
            0x92 => {
                self.pop()?;
                let arguments = self.pop()?;
                let callee = self.pop()?;
                let made = self.call(&callee, &arguments)?;
                self.push(made)
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.peek()?.clone();
                self.build(&object, &state)
            }
            b'P' => {
                self.feed.line(LINE)?;
                self.persistent(&Value::Opaque)
            }
            b'Q' => {
                let id = self.pop()?;
                self.persistent(&id)
            }
            0x82..=0x84 => self.extension(opcode),
            0x80 => {
                let protocol = self.feed.byte()?;
                if protocol > 5 {
                    return Err(self.damage("the pickle is of an unknown protocol"));
                }
                Ok(())
            }
            0x95 => self.feed.array::<8>().map(|_| ()),
            0x98 => self.peek().map(|_| ()),
            _ => Err(self.damage("there is no such opcode")),
        }
    }

    pub(super) fn damage(&self, why: &'static str) -> Stop {
        Stop::damaged(self.op_at, why)
    }

    fn push(&mut self, value: Value) -> Result<(), Stop> {
        if self.stack.len() >= self.inspector.limits.memo {
            return Err(Stop::over(self.op_at, "the pickle's stack grows too large"));
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, Stop> {
        match self.stack.pop() {
            Some(Value::Mark) | None => Err(self.damage("an opcode finds nothing on the stack")),
            Some(value) => Ok(value),
        }
    }

    fn peek(&self) -> Result<&Value, Stop> {
        match self.stack.last() {
            Some(Value::Mark) | None => Err(self.damage("an opcode finds nothing on the stack")),
            Some(value) => Ok(value),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>, Stop> {
        let mark = self
            .stack
            .iter()
            .rposition(|value| matches!(value, Value::Mark))
            .ok_or_else(|| self.damage("an opcode finds no mark on the stack"))?;
        let items = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(items)
    }

    fn skipped(&mut self, size: u64, value: Value) -> Result<(), Stop> {
        self.feed.skip(size)?;
        self.push(value)
    }

    fn number_line(&mut self, opcode: u8) -> Result<(), Stop> {
        let line = self.feed.line(LINE)?;
        let value = match (opcode, line.as_slice()) {
            (b'I', b"00" | b"01") => Value::Bool,
            (b'F', _) => Value::Opaque,
            (_, line) => text::number(line).map_or(Value::Opaque, Value::Int),
        };
        self.push(value)
    }

    fn long(&mut self, size: u8) -> Result<(), Stop> {
        if size > 8 {
            return self.skipped(size.into(), Value::Opaque);
        }
        let bytes = self.feed.take(size.into())?;
        let sign = bytes.last().is_some_and(|b| b & 0x80 != 0);
        let mut wide = [if sign { 0xff } else { 0 }; 8];
        for (slot, byte) in wide.iter_mut().zip(&bytes) {
            *slot = *byte;
        }
        self.push(Value::Int(i64::from_le_bytes(wide)))
    }

    fn size(&mut self, opcode: u8) -> Result<u64, Stop> {
        Ok(match opcode {
            b'U' | 0x8c | b'C' => self.feed.byte()?.into(),
            b'T' | b'X' | b'B' => u32::from_le_bytes(self.feed.array()?).into(),
            _ => u64::from_le_bytes(self.feed.array()?),
        })
    }

    fn text(&mut self, opcode: u8) -> Result<(), Stop> {
        let text = match opcode {
            b'S' => {
                let line = self.feed.line(LINE)?;
                text::quoted(&line).ok_or_else(|| self.damage("a string is not well formed"))?
            }
            b'V' => {
                let line = self.feed.line(LINE)?;
                text::raw_unicode(&line).ok_or_else(|| self.damage("a string is not well formed"))?
            }
            _ => {
                let size = self.size(opcode)?;
                let Some(size) = usize::try_from(size).ok().filter(|size| *size <= KEPT_TEXT) else {
                    return self.skipped(size, Value::Opaque);
                };
                let bytes = self.feed.take(size)?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.kept = self.kept.saturating_add(size.saturating_add(32));
        if text.len() > KEPT_TEXT || self.kept > self.inspector.limits.held_bytes.saturating_mul(4) {
            return self.push(Value::Opaque);
        }
        self.push(Value::Text(text.into()))
    }

    fn bytes(&mut self, opcode: u8) -> Result<(), Stop> {
        let size = self.size(opcode)?;
        let start = self.feed.at();
        self.skipped(size, Value::Bytes { start, size })
    }

    fn put(&mut self, opcode: u8) -> Result<(), Stop> {
        let index = match opcode {
            b'p' => self.memo_line()?,
            b'q' => self.feed.byte()?.into(),
            b'r' => u32::from_le_bytes(self.feed.array()?).into(),
            _ => u64::try_from(self.memo.len() + self.far_memo.len()).unwrap_or(u64::MAX),
        };
        let value = self.peek()?.clone();
        let dense = usize::try_from(index).unwrap_or(usize::MAX);
        if self.memo.len() + self.far_memo.len() >= self.inspector.limits.memo {
            return Err(Stop::over(self.op_at, "the pickle's memo grows too large"));
        }
        if let Some(slot) = self.memo.get_mut(dense) {
            *slot = value;
        } else if dense == self.memo.len() && !self.far_memo.contains_key(&index) {
            self.memo.push(value);
        } else {
            self.far_memo.insert(index, value);
        }
        Ok(())
    }

    fn memo_line(&mut self) -> Result<u64, Stop> {
        let line = self.feed.line(LINE)?;
        text::number(&line)
            .and_then(|index| u64::try_from(index).ok())
            .ok_or_else(|| self.damage("a place in the memo is not a number"))
    }

    fn get(&mut self, opcode: u8) -> Result<(), Stop> {
        let index = match opcode {
            b'g' => self.memo_line()?,
            b'h' => self.feed.byte()?.into(),
            _ => u32::from_le_bytes(self.feed.array()?).into(),
        };
        let dense = usize::try_from(index).unwrap_or(usize::MAX);
        let value = self
            .memo
            .get(dense)
            .or_else(|| self.far_memo.get(&index))
            .cloned()
            .ok_or_else(|| self.damage("nothing is in the memo at that place"))?;
        self.push(value)
    }

    fn global_lines(&mut self) -> Result<Rc<Global>, Stop> {
        let module = self.feed.line(LINE)?;
        let name = self.feed.line(LINE)?;
        let (Ok(module), Ok(name)) = (std::str::from_utf8(&module), std::str::from_utf8(&name)) else {
            return Err(self.damage("a name is not text"));
        };
        Ok(self.global(module, name))
    }

    fn stack_global(&mut self) -> Result<(), Stop> {
        let name = self.pop()?;
        let module = self.pop()?;
        let global = match (module, name) {
            (Value::Text(module), Value::Text(name)) => self.global(&module, &name),
            _ => {
                self.suspect(
                    "pickle-hidden-global",
                    Severity::High,
                    "imports a name that is not written in the file as text, so what it is cannot be told: do not load it",
                );
                Rc::new(Global {
                    path: "a hidden name".to_owned(),
                    judgement: Judgement::Suspicious("is not written in the file as text"),
                })
            }
        };
        self.push(Value::Global(global))
    }

    /// Notes that `module.name` is imported.
    pub(super) fn global(&mut self, module: &str, name: &str) -> Rc<Global> {
        let judgement = policy::judge(module, name);
        let path = clip(&format!("{module}.{name}"));
        let facts = &mut self.inspector.facts;
        if facts.globals.len() < 1000 {
            facts.globals.insert(path.clone());
            facts.packages.insert(clip(policy::package(module)));
        }
        self.refer(path, judgement)
    }

    pub(super) fn refer(&mut self, path: String, judgement: Judgement) -> Rc<Global> {
        let (start, end) = (self.op_at, self.feed.at());
        let is_worst = matches!(judgement, Judgement::Dangerous(_));
        if self.references.len() < REFERENCES || is_worst {
            self.references.entry(path.clone()).or_insert(Reference {
                judgement,
                start,
                end,
                is_called: false,
            });
        } else {
            self.suspect(
                "pickle-many-globals",
                Severity::Medium,
                "imports more names than a model needs",
            );
        }
        Rc::new(Global { path, judgement })
    }

    /// Notes that a name is called.
    pub(super) fn mark_called(&mut self, global: &Global) {
        if let Some(reference) = self.references.get_mut(&global.path) {
            reference.is_called = true;
        }
    }

    /// Reports something suspicious at this opcode.
    pub(super) fn suspect(&mut self, rule: &'static str, severity: Severity, what: &str) {
        let span = self.op_at..self.feed.at();
        let message = format!("the pickle {what}");
        self.inspector
            .report(rule, severity, Verdict::Suspicious, span, message);
    }

    fn persistent(&mut self, id: &Value) -> Result<(), Stop> {
        let is_storage = id
            .items()
            .and_then(|items| items.first())
            .and_then(Value::as_text)
            .is_some_and(|kind| matches!(&**kind, "storage" | "module"));
        if !is_storage {
            self.suspect(
                "pickle-persistent-id",
                Severity::Low,
                "refers to objects outside itself, which its loader looks up: find out what the loader does with them",
            );
        }
        self.push(Value::Opaque)
    }

    fn extension(&mut self, opcode: u8) -> Result<(), Stop> {
        match opcode {
            0x82 => self.feed.skip(1)?,
            0x83 => self.feed.skip(2)?,
            _ => self.feed.skip(4)?,
        }
        self.suspect(
            "pickle-extension",
            Severity::High,
            "calls for something by a number of the `copyreg` extension registry, which hides what it is: do not load it",
        );
        self.push(Value::Opaque)
    }

    fn report_references(&mut self) {
        let references = std::mem::take(&mut self.references);
        for (path, reference) in &references {
            let span = reference.start..reference.end;
            let does = if reference.is_called { "calls" } else { "imports" };
            match reference.judgement {
                Judgement::Dangerous(effect) => self.inspector.report(
                    "pickle-dangerous-global",
                    Severity::Critical,
                    Verdict::Dangerous,
                    span,
                    format!("loading it {does} `{path}`, which {effect}: do not load it, and find out where it came from"),
                ),
                Judgement::Suspicious(reason) => self.inspector.report(
                    "pickle-unknown-global",
                    Severity::Medium,
                    Verdict::Suspicious,
                    span,
                    format!("loading it {does} `{path}`, which {reason}: load it only if you trust who made it, or ask for safetensors"),
                ),
                Judgement::Depends(gadget) if !reference.is_called && gadget != Gadget::Distribution => {
                    self.inspector.report(
                        "pickle-gadget",
                        Severity::Medium,
                        Verdict::Suspicious,
                        span,
                        format!("it hands on `{path}`, which reaches other functions: load it only if you trust who made it"),
                    );
                }
                Judgement::Depends(_) | Judgement::Harmless => {}
            }
        }
        self.references = references;
    }
}

/// Whether a head reads as a pickle: to its STOP, or up to a name that pickles are known to import.
pub(super) fn probe(head: &[u8]) -> bool {
    let limits = Limits {
        opcodes: 20_000,
        memo: 20_000,
        held_bytes: 1 << 20,
        ..Limits::default()
    };
    let budget = privet_types::Budget::new(1 << 22);
    let mut inspector = Inspector::new(&limits, &budget);
    let mut cursor = Cursor::new(head);
    let Ok(mut feed) = Feed::new(&mut cursor, 0) else {
        return false;
    };
    let mut nested = Vec::new();
    let mut machine = Machine::new(&mut inspector, &mut feed, Arrays::Ignored, &mut nested);
    let end = machine.run_opcodes();
    let is_marked = matches!(head, [0x80, 0..=5, ..]);
    // Lines of text read as imports too, but nothing calls them.
    let knows = machine
        .references
        .values()
        .any(|r| !matches!(r.judgement, Judgement::Suspicious(_)) && (is_marked || r.is_called));
    let is_whole = matches!(end, Ok(End::Stopped)) && !machine.references.is_empty();
    knows || is_whole || (is_marked && (machine.feed.at() > 8 || matches!(end, Ok(End::Stopped))))
}
