//! Conda: `environment.yml`, and the records of installed packages.
//!
//! # Source
//! Conda documentation, "Managing environments" and "Package match specifications".

use super::bounds::Notation;
use super::kind::Draft;
use super::tree::{Key, Node};
use super::{Dependency, Ecosystem, names, pep508, requirements};

/// Conda names whose PyPI project has another, beyond `-`, `_` and `.`. Facts of the conda-forge and defaults recipes.
const RENAMED: [(&str, &str); 13] = [
    ("pytorch", "torch"),
    ("pytorch-cpu", "torch"),
    ("pytorch-gpu", "torch"),
    ("tensorflow-base", "tensorflow"),
    ("py-opencv", "opencv-python"),
    ("opencv", "opencv-python"),
    ("py-xgboost", "xgboost"),
    ("msgpack-python", "msgpack"),
    ("python-graphviz", "graphviz"),
    ("matplotlib-base", "matplotlib"),
    ("dask-core", "dask"),
    ("seaborn-base", "seaborn"),
    ("ray-core", "ray"),
];

/// Packages that are no Python projects, though PyPI has a project of the name or had one: compilers, libraries, tools.
const NOT_PYTHON: [&str; 24] = [
    "python",
    "pypy",
    "openssl",
    "libcurl",
    "curl",
    "zlib",
    "sqlite",
    "cmake",
    "make",
    "git",
    "nodejs",
    "openjdk",
    "cudatoolkit",
    "cudnn",
    "ffmpeg",
    "graphviz",
    "hdf5",
    "krb5",
    "libxml2",
    "mkl",
    "ninja",
    "postgresql",
    "redis",
    "rust",
];

/// The PyPI project by which a conda package is looked up.
pub(super) fn pypi_name(name: &str) -> Option<String> {
    // R's packages are `r-*`, its base packages too.
    if NOT_PYTHON.contains(&name)
        || name.starts_with("r-")
        || name.starts_with("lib")
        || name.starts_with('_')
    {
        return None;
    }
    let name = RENAMED
        .iter()
        .find(|(conda, _)| *conda == name)
        .map_or(name, |(_, pypi)| pypi);
    Some(names::normalise(Ecosystem::PyPi, name))
}

/// `environment.yml`.
pub(super) fn environment(tree: &Node, draft: &mut Draft) {
    for item in tree.get("dependencies").map_or(&[][..], Node::items) {
        if let Some(text) = item.scalar() {
            let line = draft.line(item.span.start);
            match match_spec(text, line, item) {
                Some(dependency) => draft.out.dependencies.push(dependency),
                None => draft.problem(item.span.start, "a dependency is not a match specification"),
            }
        }
        for (Key { name, .. }, packages) in item.entries() {
            if name == "pip" {
                for package in packages.items() {
                    pip(package, draft);
                }
            }
        }
    }
}

/// What is handed to pip: requirements, and options, which are passed over (an `-r` names a file that is read for itself).
fn pip(package: &Node, draft: &mut Draft) {
    let Some(text) = package.scalar() else {
        draft.problem(package.span.start, "a requirement is not a text");
        return;
    };
    let text = text.split(" #").next().unwrap_or(text).trim();
    let line = draft.line(package.span.start);
    let span = package.span.clone();
    let place = text
        .strip_prefix("-e ")
        .or_else(|| text.strip_prefix("--editable "));
    let read = match place {
        Some(place) => requirements::from_place(place.trim(), line, span),
        None if text.starts_with('-') => return,
        None if requirements::is_place(text) => requirements::from_place(text, line, span),
        None => pep508::dependency(text, line, span),
    };
    match read {
        Ok(dependency) => draft.out.dependencies.push(dependency),
        Err(what) => draft.problem(package.span.start, what),
    }
}

/// `channel::name=version=build`, `name>=1,<2`, `name 1.2.*`, `name[version='1.2']`.
fn match_spec(text: &str, line: u32, node: &Node) -> Option<Dependency> {
    specification(text, line, node.span.clone())
}

/// A match specification at `line` and `span`.
pub(super) fn specification(text: &str, line: u32, span: std::ops::Range<usize>) -> Option<Dependency> {
    let text = text.split(" #").next().unwrap_or(text).trim();
    let text = text.rsplit_once("::").map_or(text, |(_, text)| text);
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let mut out = Dependency::named(Ecosystem::Conda, name, line, span)?;
    let rest = rest.trim();
    let asked = match rest.strip_prefix('[') {
        Some(fields) => fields
            .trim_end_matches(']')
            .split(',')
            .find_map(|field| field.trim().strip_prefix("version="))
            .map_or("", |version| version.trim_matches(['\'', '"'])),
        None => rest,
    };
    out.ask(asked, bounds(asked));
    Some(out)
}

fn bounds(asked: &str) -> super::bounds::Bounds {
    let single = asked.strip_prefix('=').filter(|rest| !rest.starts_with('='));
    // `=1.2.3=py310_0` names a build, and with it one version.
    if let Some((version, _build)) = single.and_then(|rest| rest.split_once('=')) {
        return Notation::Conda.bounds(&format!("=={version}"));
    }
    // `==1.2.3=build` likewise; `1.2.3 py310_0` as the command line writes it.
    if let Some(rest) = asked.strip_prefix("==") {
        let version = rest.split(['=', ' ']).next().unwrap_or(rest);
        return Notation::Conda.bounds(&format!("=={version}"));
    }
    Notation::Conda.bounds(asked)
}

/// A record in `conda-meta`: one package with its licence.
pub(super) fn installed(tree: &Node, draft: &mut Draft) {
    let Some(name) = tree.get("name") else {
        draft.problem(0, "a package has no `name`");
        return;
    };
    let line = draft.line(name.span.start);
    let text = name.text().unwrap_or_default();
    let Some(mut dependency) = Dependency::named(Ecosystem::Conda, text, line, name.span.clone()) else {
        draft.problem(name.span.start, "`name` is not a package's name");
        return;
    };
    if let Some(version) = tree.text_of("version") {
        dependency.lock(version);
    }
    dependency.licence = tree.text_of("license").map(str::to_owned);
    let hash = |kind: &str| tree.text_of(kind).and_then(|hex| super::Hash::new(kind, hex));
    dependency.hashes.extend(hash("sha256"));
    dependency.hashes.extend(hash("md5"));
    draft.out.dependencies.push(dependency);
}
