//! Which part of a notebook each spot stands in.

use std::borrow::Cow;
use std::ops::Range;

use crate::segments::{JsonString, Kind, Value};

/// What a string or number is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The source of a cell.
    Source,
    /// Text that may say anything.
    Free,
    /// A word that the format needs as it is: `output_type`, a MIME type.
    Word,
    /// A name that must stay unlike its neighbours and of few letters: the id of a cell, a tag. The text to put in its place.
    Name(String),
}

/// A string, key or number with a spot in it.
pub(super) struct Hit<'t> {
    pub(super) role: Role,
    /// Index in [`Found::outputs`].
    pub(super) output: Option<usize>,
    pub(super) leaf: Leaf<'t>,
    /// Indices of the spots.
    pub(super) spots: Range<usize>,
}

pub(super) enum Leaf<'t> {
    Text(JsonString<'t>),
    Number(Range<usize>),
}

/// An output: where it stands, and in which list.
pub(super) struct Output {
    pub(super) range: Range<usize>,
    pub(super) list: usize,
}

/// What stands where the spots are.
#[derive(Default)]
pub(super) struct Found<'t> {
    pub(super) hits: Vec<Hit<'t>>,
    /// In the order of the file; those of one list follow each other.
    pub(super) outputs: Vec<Output>,
    /// Between the brackets of each list of outputs.
    pub(super) lists: Vec<Range<usize>>,
}

/// Goes through the notebook `root` for strings and numbers that `spots` (sorted, disjoint) touch.
pub(super) fn find<'t>(root: Value<'t, '_>, spots: &[Range<usize>]) -> Found<'t> {
    let mut finder = Finder {
        spots,
        found: Found::default(),
        cells: 0,
        output: None,
    };
    finder.notebook(root);
    finder.found.hits.sort_by_key(|hit| match &hit.leaf {
        Leaf::Text(text) => text.range().start,
        Leaf::Number(range) => range.start,
    });
    finder.found
}

struct Finder<'s, 't> {
    spots: &'s [Range<usize>],
    found: Found<'t>,
    cells: usize,
    output: Option<usize>,
}

fn name<'t>(key: Value<'t, '_>) -> Cow<'t, str> {
    key.string().map_or(Cow::Borrowed(""), |s| s.decode().text)
}

impl<'t> Finder<'_, 't> {
    fn notebook(&mut self, root: Value<'t, '_>) {
        for (key, value) in root.members() {
            match name(key).as_ref() {
                "cells" if value.kind() == Kind::List => self.cells(value),
                "worksheets" if value.kind() == Kind::List => {
                    for sheet in value.items() {
                        if sheet.kind() != Kind::Object {
                            self.all(sheet, &Role::Free);
                        }
                        for (key, value) in sheet.members() {
                            if key.is("cells") && value.kind() == Kind::List {
                                self.cells(value);
                            } else {
                                self.member(key, value);
                            }
                        }
                    }
                }
                "nbformat" | "nbformat_minor" => self.all(value, &Role::Word),
                _ => self.member(key, value),
            }
        }
    }

    /// A member that the format knows by its key, or does not know at all.
    fn member(&mut self, key: Value<'t, '_>, value: Value<'t, '_>) {
        let known = key.is("metadata");
        self.leaf(key, &if known { Role::Word } else { Role::Free });
        self.all(value, &Role::Free);
    }

    fn cells(&mut self, list: Value<'t, '_>) {
        for cell in list.items() {
            self.cells += 1;
            self.cell(cell);
        }
    }

    fn cell(&mut self, cell: Value<'t, '_>) {
        if cell.kind() != Kind::Object {
            return self.all(cell, &Role::Free);
        }
        for (key, value) in cell.members() {
            match name(key).as_ref() {
                "source" | "input" => self.all(value, &Role::Source),
                "outputs" if value.kind() == Kind::List => self.outputs(value),
                "attachments" => {
                    for (file, bundle) in value.members() {
                        self.leaf(file, &Role::Free);
                        self.bundle(bundle);
                    }
                    if value.kind() != Kind::Object {
                        self.all(value, &Role::Free);
                    }
                }
                "metadata" => {
                    for (key, value) in value.members() {
                        self.leaf(key, &Role::Free);
                        if key.is("tags") && value.kind() == Kind::List {
                            for (number, tag) in (1..).zip(value.items()) {
                                self.all(tag, &Role::Name(format!("redacted-{number}")));
                            }
                        } else {
                            self.all(value, &Role::Free);
                        }
                    }
                    if value.kind() != Kind::Object {
                        self.all(value, &Role::Free);
                    }
                }
                "id" => self.all(value, &Role::Name(format!("redacted-{}", self.cells))),
                "cell_type" | "execution_count" | "prompt_number" | "level" => self.all(value, &Role::Word),
                _ => self.member(key, value),
            }
        }
    }

    fn outputs(&mut self, list: Value<'t, '_>) {
        let range = list.range();
        let index = self.found.lists.len();
        self.found
            .lists
            .push(range.start + 1..range.end.saturating_sub(1));
        for output in list.items() {
            self.output = Some(self.found.outputs.len());
            self.found.outputs.push(Output {
                range: output.range(),
                list: index,
            });
            if output.kind() != Kind::Object {
                self.all(output, &Role::Free);
            }
            for (key, value) in output.members() {
                match name(key).as_ref() {
                    "data" if value.kind() == Kind::Object => self.bundle(value),
                    "output_type" | "name" | "stream" | "execution_count" | "prompt_number" => {
                        self.all(value, &Role::Word);
                    }
                    _ => {
                        self.leaf(key, &Role::Word);
                        self.all(value, &Role::Free);
                    }
                }
            }
        }
        self.output = None;
    }

    fn bundle(&mut self, bundle: Value<'t, '_>) {
        if bundle.kind() != Kind::Object {
            return self.all(bundle, &Role::Free);
        }
        for (mime, value) in bundle.members() {
            self.leaf(mime, &Role::Word);
            self.all(value, &Role::Free);
        }
    }

    fn all(&mut self, value: Value<'t, '_>, role: &Role) {
        if self.spots_in(&value.range()).is_empty() {
            return;
        }
        for leaf in value.subtree() {
            self.leaf(leaf, role);
        }
    }

    fn leaf(&mut self, value: Value<'t, '_>, role: &Role) {
        let leaf = match (value.kind(), value.string()) {
            (_, Some(text)) => Leaf::Text(text),
            (Kind::Number, None) => Leaf::Number(value.range()),
            _ => return,
        };
        let range = match &leaf {
            Leaf::Text(text) => text.range(),
            Leaf::Number(range) => range.clone(),
        };
        let spots = self.spots_in(&range);
        if !spots.is_empty() {
            self.found.hits.push(Hit {
                role: role.clone(),
                output: self.output,
                leaf,
                spots,
            });
        }
    }

    /// The spots that share a byte with `range`.
    fn spots_in(&self, range: &Range<usize>) -> Range<usize> {
        let first = self.spots.partition_point(|spot| spot.end <= range.start);
        let end = self.spots.partition_point(|spot| spot.start < range.end);
        first..end.max(first)
    }
}
