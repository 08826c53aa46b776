//! The texts of a notebook: nbformat 4 (`cells`) and nbformat 3 (`worksheets`). What the format does not know is read too, so
//! that no string of the file is left out.
//!
//! Source: the JSON schemas of nbformat (<https://nbformat.readthedocs.io/en/latest/format_description.html>).

use std::borrow::Cow;

use privet_types::BudgetError;

use super::collector::{Collector, Form};
use super::json::{Kind, Value};
use super::map::{Builder, Piece};
use super::payload;
use super::segment::{Place, SegmentKind, SkipReason};

/// Whether a document is a notebook: an object with `nbformat`, or with a list of cells or worksheets whose members have a
/// `cell_type` or `cells`.
pub(crate) fn is_notebook(root: Value<'_, '_>) -> bool {
    let has_cells =
        |list: Value<'_, '_>, of: &str| list.items().next().is_some_and(|first| first.get(of).is_some());
    root.members().any(|(key, value)| {
        key.is("nbformat") && value.kind() == Kind::Number
            || key.is("cells") && has_cells(value, "cell_type")
            || key.is("worksheets") && has_cells(value, "cells")
    })
}

/// Adds the segments of the notebook `root`.
pub(super) fn collect<'a>(root: Value<'a, '_>, into: &mut Collector<'a, '_>) -> Result<(), BudgetError> {
    Walker { into, cells: 0 }.notebook(root)
}

struct Walker<'c, 'a, 'l> {
    into: &'c mut Collector<'a, 'l>,
    cells: u32,
}

impl<'a> Walker<'_, 'a, '_> {
    fn notebook(&mut self, root: Value<'a, '_>) -> Result<(), BudgetError> {
        for (key, value) in root.members() {
            match name(key).as_ref() {
                "cells" if value.kind() == Kind::List => self.cells(value)?,
                "worksheets" if value.kind() == Kind::List => {
                    for sheet in value.items() {
                        self.worksheet(sheet)?;
                    }
                }
                "metadata" => self.json(SegmentKind::Metadata, &Place::of("metadata"), key, value)?,
                "nbformat" | "nbformat_minor" if value.kind() == Kind::Number => {}
                _ => self.unknown(&Place::default(), key, value)?,
            }
        }
        Ok(())
    }

    fn worksheet(&mut self, sheet: Value<'a, '_>) -> Result<(), BudgetError> {
        if sheet.kind() != Kind::Object {
            return self.loose(&Place::default(), sheet);
        }
        for (key, value) in sheet.members() {
            match name(key).as_ref() {
                "cells" if value.kind() == Kind::List => self.cells(value)?,
                "metadata" => {
                    self.json(
                        SegmentKind::Metadata,
                        &Place::of("worksheet metadata"),
                        key,
                        value,
                    )?;
                }
                _ => self.unknown(&Place::default(), key, value)?,
            }
        }
        Ok(())
    }

    fn cells(&mut self, list: Value<'a, '_>) -> Result<(), BudgetError> {
        for cell in list.items() {
            self.cells = self.cells.saturating_add(1);
            self.cell(cell)?;
        }
        Ok(())
    }

    fn cell(&mut self, cell: Value<'a, '_>) -> Result<(), BudgetError> {
        let at = Place {
            cell: Some(self.cells),
            ..Place::default()
        };
        if cell.kind() != Kind::Object {
            return self.loose(&at, cell);
        }
        let cell_type = cell.get("cell_type");
        let is = |what: &str| cell_type.is_some_and(|t| t.is(what));
        let (kind, form, part) = if is("markdown") || is("heading") || is("html") {
            (SegmentKind::Markdown, Form::Markdown, "Markdown")
        } else if is("raw") {
            (SegmentKind::Raw, Form::Markdown, "raw text")
        } else {
            (SegmentKind::Source, Form::Plain, "source")
        };
        for (key, value) in cell.members() {
            match name(key).as_ref() {
                // nbformat 3 calls the source of code cells `input`.
                "source" | "input" => self.multiline(kind, &at.with(part), key, value, form)?,
                "outputs" if value.kind() == Kind::List => {
                    for (number, output) in (1..).zip(value.items()) {
                        let at = Place {
                            output: Some(number),
                            ..at.clone()
                        };
                        self.output(&at, output)?;
                    }
                }
                "attachments" => self.attachments(&at, key, value)?,
                "metadata" => self.json(SegmentKind::Metadata, &at.with("metadata"), key, value)?,
                "cell_type" if is_word(value) => {}
                "id" if is_made_id(value) => {}
                "execution_count" | "prompt_number" | "level" | "collapsed" if is_scalar(value) => {}
                _ => self.unknown(&at, key, value)?,
            }
        }
        Ok(())
    }

    fn output(&mut self, at: &Place, output: Value<'a, '_>) -> Result<(), BudgetError> {
        if output.kind() != Kind::Object {
            return self.loose(at, output);
        }
        let output_type = output.get("output_type");
        let is_stream = output_type.is_some_and(|t| t.is("stream"));
        for (key, value) in output.members() {
            match name(key).as_ref() {
                "text" if is_stream => {
                    let stream = output.get("name").or_else(|| output.get("stream"));
                    let part = if stream.is_some_and(|s| s.is("stderr")) {
                        "stderr"
                    } else {
                        "stdout"
                    };
                    self.multiline(SegmentKind::Stream, &at.with(part), key, value, Form::Terminal)?;
                }
                "data" if value.kind() == Kind::Object => self.bundle(SegmentKind::Data, at, value)?,
                "ename" => self.multiline(
                    SegmentKind::Failure,
                    &at.with("error name"),
                    key,
                    value,
                    Form::Terminal,
                )?,
                "evalue" => self.multiline(
                    SegmentKind::Failure,
                    &at.with("error value"),
                    key,
                    value,
                    Form::Terminal,
                )?,
                "traceback" => self.traceback(at, key, value)?,
                "metadata" => self.json(SegmentKind::Metadata, &at.with("metadata"), key, value)?,
                "output_type" | "name" | "stream" if is_word(value) => {}
                "execution_count" | "prompt_number" if is_scalar(value) => {}
                // nbformat 3 has the MIME types, by short names, beside the other members.
                "text" | "html" | "svg" | "latex" | "javascript" | "json" | "png" | "jpeg" | "pdf" => {
                    self.mime(SegmentKind::Data, at, key, value)?;
                }
                mime if mime.contains('/') => self.mime(SegmentKind::Data, at, key, value)?,
                _ => self.unknown(at, key, value)?,
            }
        }
        Ok(())
    }

    fn attachments(
        &mut self,
        at: &Place,
        key: Value<'a, '_>,
        value: Value<'a, '_>,
    ) -> Result<(), BudgetError> {
        if value.kind() != Kind::Object {
            return self.unknown(at, key, value);
        }
        for (number, (file, bundle)) in (1..).zip(value.members()) {
            let place = at.with(format!("attachment {number}"));
            if let Some(file) = file.string() {
                self.into
                    .add(SegmentKind::Attachment, place.inside("name"), file.to_piece());
            }
            if bundle.kind() == Kind::Object {
                self.bundle(SegmentKind::Attachment, &place, bundle)?;
            } else {
                self.loose(&place, bundle)?;
            }
        }
        Ok(())
    }

    fn bundle(&mut self, kind: SegmentKind, at: &Place, bundle: Value<'a, '_>) -> Result<(), BudgetError> {
        for (key, value) in bundle.members() {
            self.mime(kind, at, key, value)?;
        }
        Ok(())
    }

    fn mime(
        &mut self,
        kind: SegmentKind,
        at: &Place,
        key: Value<'a, '_>,
        value: Value<'a, '_>,
    ) -> Result<(), BudgetError> {
        let mime = name(key).to_ascii_lowercase();
        let is_known = is_mime(&mime);
        let part = if is_known {
            mime.clone()
        } else {
            "other data".to_owned()
        };
        let place = if at.part.is_empty() {
            at.with(part)
        } else {
            at.inside(&part)
        };
        if !is_known && let Some(key) = key.string() {
            self.into.add(kind, place.inside("name"), key.to_piece());
        }
        let form = match mime.as_str() {
            "text/html" | "html" | "image/svg+xml" | "svg" | "application/xhtml+xml" => Form::Html,
            "text/markdown" => Form::Markdown,
            "text/plain" | "text" => Form::Terminal,
            _ => Form::Plain,
        };
        let is_binary = payload::is_binary_type(&mime);
        let Some(piece) = joined(value, b"") else {
            return self.json(kind, &place, key, value);
        };
        if is_binary && payload::is_media_base64(&piece.text) {
            let span = value.range();
            self.into
                .skip(place, span.start as u64..span.end as u64, SkipReason::Media);
            return Ok(());
        }
        self.into.add_text(kind, &place, piece, form)
    }

    fn traceback(&mut self, at: &Place, key: Value<'a, '_>, value: Value<'a, '_>) -> Result<(), BudgetError> {
        match joined(value, b"\n") {
            Some(piece) => {
                self.into
                    .add_text(SegmentKind::Failure, &at.with("traceback"), piece, Form::Terminal)
            }
            None => self.unknown(at, key, value),
        }
    }

    /// A string, or a list of strings that are its lines.
    fn multiline(
        &mut self,
        kind: SegmentKind,
        place: &Place,
        key: Value<'a, '_>,
        value: Value<'a, '_>,
        form: Form,
    ) -> Result<(), BudgetError> {
        match joined(value, b"") {
            Some(piece) => self.into.add_text(kind, place, piece, form),
            None => self.json(kind, place, key, value),
        }
    }

    /// A member that is free JSON, with its key before it, which may tell what it is.
    fn json(
        &mut self,
        kind: SegmentKind,
        place: &Place,
        key: Value<'a, '_>,
        value: Value<'a, '_>,
    ) -> Result<(), BudgetError> {
        if matches!(value.kind(), Kind::Object | Kind::List) && value.range().len() <= 2 {
            return Ok(());
        }
        let span = key.range().start..value.range().end;
        self.into.add_json(kind, place, span, [key, value])
    }

    fn unknown(&mut self, at: &Place, key: Value<'a, '_>, value: Value<'a, '_>) -> Result<(), BudgetError> {
        self.json(SegmentKind::Unknown, &at.with("other members"), key, value)
    }

    fn loose(&mut self, at: &Place, value: Value<'a, '_>) -> Result<(), BudgetError> {
        self.into.add_json(
            SegmentKind::Unknown,
            &at.with("other members"),
            value.range(),
            [value],
        )
    }
}

/// A string, or the strings of a list with `between` after each that does not end a line; nothing for any other value.
fn joined<'a>(value: Value<'a, '_>, between: &[u8]) -> Option<Piece<'a>> {
    if let Some(string) = value.string() {
        return Some(string.to_piece());
    }
    if value.kind() != Kind::List || has_other_items(value) {
        return None;
    }
    let mut out = Builder::default();
    for item in value.items() {
        if !out.is_empty() && out.last() != Some(b'\n') {
            out.push_context(between);
        }
        item.string()?.decode_into(&mut out);
    }
    Some(out.finish())
}

/// Whether a list holds anything but strings. Its numbers and literals are not kept as values, but stand between commas.
fn has_other_items(list: Value<'_, '_>) -> bool {
    let mut strings = list.items().peekable();
    if strings.peek().is_none() {
        return list.has_scalars();
    }
    strings.any(|item| item.kind() != Kind::String) || list.has_scalars()
}

fn name<'a>(key: Value<'a, '_>) -> Cow<'a, str> {
    key.string().map_or(Cow::Borrowed(""), |s| s.decode().text)
}

/// A string that is one of the format's own words, or could be.
fn is_word(value: Value<'_, '_>) -> bool {
    value
        .string()
        .is_some_and(|s| s.raw().len() <= 16 && s.raw().iter().all(|b| b.is_ascii_lowercase() || *b == b'_'))
}

/// An id that Jupyter made: hexadecimal digits, or a UUID.
fn is_made_id(value: Value<'_, '_>) -> bool {
    value
        .string()
        .is_some_and(|s| s.raw().len() <= 36 && s.raw().iter().all(|b| b.is_ascii_hexdigit() || *b == b'-'))
}

fn is_scalar(value: Value<'_, '_>) -> bool {
    match value.kind() {
        Kind::Literal => true,
        Kind::Number => value.range().len() <= 6,
        _ => false,
    }
}

/// Whether a name may be shown: a MIME type of RFC 6838, or one of nbformat 3's short names.
fn is_mime(name: &str) -> bool {
    let is_token = |t: &str| {
        !t.is_empty()
            && t.len() <= 64
            && t.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-'))
    };
    match name.split_once('/') {
        Some((
            kind @ ("text" | "image" | "audio" | "video" | "font" | "application" | "model" | "message"),
            subtype,
        )) => is_token(kind) && is_token(subtype),
        Some(_) => false,
        None => matches!(
            name,
            "text" | "html" | "svg" | "latex" | "javascript" | "json" | "png" | "jpeg" | "pdf"
        ),
    }
}
