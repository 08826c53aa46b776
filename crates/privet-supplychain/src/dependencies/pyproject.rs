//! What Python projects ask for: `pyproject.toml`, `Pipfile`, `setup.cfg`.
//!
//! # Source
//! PEP 621, PEP 639, PEP 735; the documentations of Poetry 1.8 and 2.0, PDM 2, uv 0.5, Pipenv and setuptools.

use privet_types::Budget;

use super::bounds::Notation;
use super::kind::Draft;
use super::tree::{Key, Node, Value};
use super::{Dependency, Ecosystem, Error, Manifest, Scope, licence, names, pep508, requirements};

/// `pyproject.toml`.
pub(super) fn pyproject(tree: &Node, draft: &mut Draft) {
    let at = |path: &[&str]| tree.at(path);
    project(tree, draft);
    list(at(&["project", "dependencies"]), Scope::Run, draft);
    groups(at(&["project", "optional-dependencies"]), Scope::Optional, draft);
    groups(at(&["dependency-groups"]), Scope::Development, draft);
    list(at(&["build-system", "requires"]), Scope::Build, draft);

    table(at(&["tool", "poetry", "dependencies"]), Scope::Run, draft);
    table(
        at(&["tool", "poetry", "dev-dependencies"]),
        Scope::Development,
        draft,
    );
    for (_, group) in entries(at(&["tool", "poetry", "group"])) {
        table(group.get("dependencies"), Scope::Development, draft);
    }
    groups(
        at(&["tool", "pdm", "dev-dependencies"]),
        Scope::Development,
        draft,
    );
    list(at(&["tool", "uv", "dev-dependencies"]), Scope::Development, draft);
    list(
        at(&["tool", "uv", "constraint-dependencies"]),
        Scope::Constraint,
        draft,
    );
    list(
        at(&["tool", "uv", "override-dependencies"]),
        Scope::Constraint,
        draft,
    );
    list(at(&["tool", "flit", "metadata", "requires"]), Scope::Run, draft);
    groups(
        at(&["tool", "flit", "metadata", "requires-extra"]),
        Scope::Optional,
        draft,
    );
    for (_, environment) in entries(at(&["tool", "hatch", "envs"])) {
        list(environment.get("dependencies"), Scope::Development, draft);
        list(environment.get("extra-dependencies"), Scope::Development, draft);
    }
}

fn entries(node: Option<&Node>) -> &[(Key, Node)] {
    node.map_or(&[], Node::entries)
}

/// The project's own name, version and licence.
fn project(tree: &Node, draft: &mut Draft) {
    for path in [&["project"][..], &["tool", "poetry"]] {
        let Some(project) = tree.at(path) else {
            continue;
        };
        let text = |key: &str| project.text_of(key).map(str::to_owned);
        let out = &mut draft.out;
        out.name = out.name.take().or_else(|| text("name"));
        out.version = out.version.take().or_else(|| text("version"));
        let written = project.get("license");
        let own = written
            .and_then(Node::text)
            .or_else(|| written.and_then(|node| node.text_of("text")))
            .map(str::to_owned);
        let classified = || {
            let classifiers = project.get("classifiers").map_or(&[][..], Node::items);
            licence::of_classifiers(classifiers.iter().filter_map(Node::text))
        };
        out.licence = out.licence.take().or(own).or_else(classified);
    }
}

/// Named lists of requirements.
fn groups(node: Option<&Node>, scope: Scope, draft: &mut Draft) {
    for (_, group) in entries(node) {
        list(Some(group), scope, draft);
    }
}

/// A list of PEP 508 requirements. An `{include-group = …}` (PEP 735) names a group that is read for itself.
fn list(node: Option<&Node>, scope: Scope, draft: &mut Draft) {
    for item in node.map_or(&[][..], Node::items) {
        match item.text() {
            Some(text) => requirement(text, item, scope, draft),
            None if item.get("include-group").is_some() => {}
            None => draft.problem(item.span.start, "a requirement is not a text"),
        }
    }
}

fn requirement(text: &str, node: &Node, scope: Scope, draft: &mut Draft) {
    let line = draft.line(node.span.start);
    // PDM writes `-e file:///…#egg=name` among them.
    let read = match text.strip_prefix("-e ") {
        Some(place) => requirements::from_place(place.trim(), line, node.span.clone()),
        None => pep508::dependency(text, line, node.span.clone()),
    };
    match read {
        Ok(mut dependency) => {
            dependency.scope = scope;
            draft.out.dependencies.push(dependency);
        }
        Err(what) => draft.problem(node.span.start, what),
    }
}

/// A table of Poetry's or Pipenv's: name to requirement, table of them, or list of tables.
fn table(node: Option<&Node>, scope: Scope, draft: &mut Draft) {
    for (key, value) in entries(node) {
        if key.name == "python" {
            continue;
        }
        match &value.value {
            Value::List(items) => {
                for item in items {
                    entry(key, item, scope, draft);
                }
            }
            _ => entry(key, value, scope, draft),
        }
    }
}

fn entry(key: &Key, value: &Node, scope: Scope, draft: &mut Draft) {
    let line = draft.line(key.span.start);
    let span = if value.text().is_some() {
        key.span.start..value.span.end
    } else {
        key.span.clone()
    };
    let Some(mut dependency) = Dependency::named(Ecosystem::PyPi, &key.name, line, span) else {
        draft.problem(key.span.start, "a dependency's name is not a project's name");
        return;
    };
    let place = ["git", "url", "path", "file", "hg", "svn"]
        .into_iter()
        .find_map(|kind| value.text_of(kind));
    let asked = value.text().or_else(|| value.text_of("version"));
    if let Some(asked) = asked {
        dependency.ask(asked, Notation::Poetry.bounds(asked));
    }
    if let Some(place) = place {
        dependency.come_from(place);
    } else if value.is_true("editable") {
        dependency.come_from(".");
    }
    dependency.condition = value.text_of("markers").map(str::to_owned);
    dependency.scope = if value.is_true("optional") {
        Scope::Optional
    } else {
        scope
    };
    draft.out.dependencies.push(dependency);
}

/// `Pipfile`. Every table but Pipenv's own is a group of packages.
pub(super) fn pipfile(tree: &Node, draft: &mut Draft) {
    for (key, group) in tree.entries() {
        let scope = match key.name.as_str() {
            "source" | "requires" | "pipenv" | "scripts" => continue,
            "packages" => Scope::Run,
            _ => Scope::Development,
        };
        table(Some(group), scope, draft);
    }
}

/// `setup.cfg` of setuptools, an INI file.
pub(super) fn setup_cfg(text: &str, budget: &Budget) -> Result<Manifest, Error> {
    budget.charge(text.len() as u64)?;
    let mut draft = Draft::new(text);
    let mut section = "";
    let mut key = "";
    let mut classifiers = Vec::new();
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let start = at;
        at += raw.len();
        let body = raw.trim_end();
        let trimmed = body.trim_start();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let is_continued = trimmed.len() < body.len();
        let value = if is_continued {
            trimmed
        } else if let Some(name) = trimmed.strip_prefix('[') {
            section = name.trim_end_matches(']').trim();
            key = "";
            continue;
        } else if let Some((name, value)) = trimmed.split_once(['=', ':']) {
            key = name.trim();
            value.trim()
        } else {
            continue;
        };
        let scope = match (section, key) {
            ("metadata", "name") => {
                draft.out.name = Some(value.to_owned());
                continue;
            }
            ("metadata", "version") if !value.starts_with("attr:") && !value.starts_with("file:") => {
                draft.out.version = Some(value.to_owned());
                continue;
            }
            ("metadata", "license") => {
                draft.out.licence = Some(value.to_owned());
                continue;
            }
            ("metadata", "classifiers") => {
                classifiers.push(value);
                continue;
            }
            ("options", "install_requires") => Scope::Run,
            ("options", "setup_requires") => Scope::Build,
            ("options", "tests_require") => Scope::Development,
            ("options.extras_require", _) => Scope::Optional,
            _ => continue,
        };
        // `file: requirements.txt` names a manifest that is read for itself.
        if value.starts_with("file:") {
            continue;
        }
        for part in split_requirements(value) {
            let offset = start + raw.find(part).unwrap_or(0);
            let span = offset..offset + part.len();
            match pep508::dependency(part, draft.line(offset), span) {
                Ok(mut dependency) => {
                    dependency.scope = scope;
                    draft.out.dependencies.push(dependency);
                }
                Err(what) => draft.problem(offset, what),
            }
        }
    }
    let out = &mut draft.out;
    out.licence = out
        .licence
        .take()
        .or_else(|| licence::of_classifiers(classifiers.into_iter()));
    out.name = out
        .name
        .take()
        .map(|name| names::normalise(Ecosystem::PyPi, &name));
    Ok(draft.out)
}

/// Requirements on one line are parted by `;` where no marker follows, as setuptools reads them.
fn split_requirements(value: &str) -> Vec<&str> {
    let value = value.split(" #").next().unwrap_or(value).trim();
    let is_marked = [
        " python_",
        "python_version",
        "sys_platform",
        "platform_",
        "os_name",
        "extra",
        "implementation_",
    ]
    .iter()
    .any(|name| value.split_once(';').is_some_and(|(_, rest)| rest.contains(name)));
    if is_marked {
        return vec![value];
    }
    value
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}
