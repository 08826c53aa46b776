//! What a Python name that a pickle imports can do.

use super::danger::{DANGEROUS_MODULES, DANGEROUS_NAMES, RISKY, TELLTALES};
use super::known::{CLASS_PACKAGES, HARMLESS, HARMLESS_FUNCTIONS};

/// What is thought of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Data and containers of well-known packages: importing, calling or filling it runs nothing of the file's choice.
    Harmless,
    /// Harmless for some arguments; the machine looks at them.
    Depends(Gadget),
    /// Not known to be harmless, with the reason.
    Suspicious(&'static str),
    /// It runs code, commands, or reaches files and networks, with what it does.
    Dangerous(&'static str),
}

/// A callable whose arguments decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gadget {
    /// `getattr(object, name)`.
    Getattr,
    /// `functools.partial(function, …)`: what it gives is a function.
    Partial,
    /// `_codecs.encode(text, encoding)`.
    Encode,
    /// NumPy's `_ufunc_reconstruct(module, name)`, which imports both.
    Ufunc,
    /// `torch.storage._load_from_bytes(bytes)`, which loads a nested file.
    Nested,
    /// A distribution of SciPy, whose state is run as code by `__setstate__`.
    Distribution,
}

/// Why a name that nothing is known of is not let through.
const UNKNOWN: &str = "is not known to be harmless";

/// Judges `module.name` as `find_class` would import it.
pub(super) fn judge(module: &str, name: &str) -> Judgement {
    let module = python3(module);
    let path = format!("{module}.{name}");
    if HARMLESS.binary_search(&path.as_str()).is_ok() || is_known_function(module, name) {
        return Judgement::Harmless;
    }
    if let Some(gadget) = gadget(module, name) {
        return Judgement::Depends(gadget);
    }
    if let Some((_, effect)) = DANGEROUS_NAMES.iter().find(|(known, _)| *known == path) {
        return Judgement::Dangerous(effect);
    }
    if let Some((_, reason)) = RISKY.iter().find(|(known, _)| *known == path) {
        return Judgement::Suspicious(reason);
    }
    // The longest prefix first: `os.path` before `os`.
    for prefix in prefixes(module) {
        if let Some((_, effect)) = DANGEROUS_MODULES.iter().find(|(known, _)| *known == prefix) {
            return Judgement::Dangerous(effect);
        }
    }
    let parts: Vec<&str> = name.split('.').collect();
    for part in &parts {
        if let Some((_, effect)) = TELLTALES.iter().find(|(known, _)| known == part) {
            return Judgement::Dangerous(effect);
        }
    }
    // A dotted name walks through attributes: the modules that a module imported are among them.
    for part in &parts {
        if let Some((_, effect)) = DANGEROUS_MODULES.iter().find(|(known, _)| known == part)
            && parts.len() > 1
        {
            return Judgement::Dangerous(effect);
        }
    }
    if is_known_class(module, &parts) {
        return Judgement::Harmless;
    }
    if module == "__main__" || module == "__mp_main__" {
        return Judgement::Suspicious(
            "is code of the script that loads the file, so what it does depends on that script",
        );
    }
    Judgement::Suspicious(UNKNOWN)
}

/// The package of a name, as it stands in a bill of materials.
pub(super) fn package(module: &str) -> &str {
    python3(module).split('.').next().unwrap_or(module)
}

fn gadget(module: &str, name: &str) -> Option<Gadget> {
    match (module, name) {
        ("builtins", "getattr") => Some(Gadget::Getattr),
        ("functools", "partial") => Some(Gadget::Partial),
        ("_codecs" | "codecs", "encode") => Some(Gadget::Encode),
        ("torch.storage", "_load_from_bytes") => Some(Gadget::Nested),
        ("numpy.core" | "numpy._core", "_ufunc_reconstruct") => Some(Gadget::Ufunc),
        (module, name)
            if module.starts_with("scipy.stats") && (name.ends_with("_gen") || name.starts_with("rv_")) =>
        {
            Some(Gadget::Distribution)
        }
        _ => None,
    }
}

/// Modules that Python 3 renames when it reads pickles of Python 2 (`_compat_pickle.IMPORT_MAPPING`).
fn python3(module: &str) -> &str {
    match module {
        "__builtin__" | "exceptions" => "builtins",
        "copy_reg" => "copyreg",
        "UserDict" | "UserList" | "UserString" => "collections",
        "numpy.core.multiarray" | "numpy._core.multiarray" => "numpy.core.multiarray",
        other => other,
    }
}

fn prefixes(module: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(module), |prefix| {
        prefix.rsplit_once('.').map(|(head, _)| head)
    })
}

/// A class of a package whose classes hold data. Names in lower case may be modules or functions, which these packages re-export
/// by the hundred, so only what is written as a class counts.
fn is_known_class(module: &str, parts: &[&str]) -> bool {
    let is_class = |part: &&str| {
        let bare = part.trim_start_matches('_');
        !part.starts_with("__")
            && bare.starts_with(|c: char| c.is_ascii_uppercase())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let is_private_test = module.split('.').any(|part| part.contains("test"));
    !is_private_test
        && parts.iter().all(is_class)
        && prefixes(module).any(|prefix| CLASS_PACKAGES.binary_search(&prefix).is_ok())
}

/// Functions that rebuild objects, of whole packages.
fn is_known_function(module: &str, name: &str) -> bool {
    let is_cython = name.starts_with("__pyx_unpickle_") || name == "newObj";
    is_cython && prefixes(module).any(|prefix| CLASS_PACKAGES.binary_search(&prefix).is_ok())
        || HARMLESS_FUNCTIONS
            .iter()
            .any(|(known, names)| *known == module && names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_that_are_searched_by_halves_are_sorted() {
        assert!(HARMLESS.is_sorted());
        assert!(CLASS_PACKAGES.is_sorted());
    }
}
