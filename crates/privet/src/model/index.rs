//! Where a package index says that a file lies.
//!
//! Source: the simple repository API, <https://packaging.python.org/en/latest/specifications/simple-repository-api/> (PEP 503
//! for HTML, PEP 691 for JSON).

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The address of `file` on the project's page `page`, which came from `address`.
///
/// # Errors
/// If the page does not name the file.
pub(super) fn find(page: &str, address: &str, file: &str) -> Result<String> {
    let named = if page.trim_start().starts_with('{') {
        in_json(page, file)?
    } else {
        in_html(page, file)
    };
    let link = named.with_context(|| {
        format!("the index at `{address}` has no `{file}`; look whether `--index` names the right one, or use `--from`")
    })?;
    join(address, &link)
}

fn in_json(page: &str, file: &str) -> Result<Option<String>> {
    let page: Value = serde_json::from_str(page).context("the index's answer is not JSON")?;
    let files = page.get("files").and_then(Value::as_array).into_iter().flatten();
    let mut fitting = files.filter(|entry| entry.get("filename").and_then(Value::as_str) == Some(file));
    Ok(fitting.find_map(|entry| Some(entry.get("url")?.as_str()?.to_owned())))
}

/// The first link to a file of this name; what follows `#` is left out.
fn in_html(page: &str, file: &str) -> Option<String> {
    page.split("href=").skip(1).find_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let link = rest.get(1..)?.split(quote).next()?;
        let link = link.split('#').next()?.replace("&amp;", "&");
        let path = link.split('?').next()?;
        (path.rsplit('/').next() == Some(file)).then_some(link)
    })
}

/// `link` as it is meant on the page at `address` (RFC 3986, section 5.2, for what package indexes use).
pub(super) fn join(address: &str, link: &str) -> Result<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return Ok(link.to_owned());
    }
    let (scheme, rest) = address.split_once("://").context("the address has no scheme")?;
    if let Some(rest) = link.strip_prefix("//") {
        return Ok(format!("{scheme}://{rest}"));
    }
    if link.contains(':') && !link.split('/').next().unwrap_or_default().contains('.') {
        bail!("the link `{link}` is of a kind that cannot be followed");
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut parts: Vec<&str> = path.split('/').collect();
    // What is behind the last slash is the page itself.
    parts.pop();
    let link = match link.strip_prefix('/') {
        Some(link) => {
            parts.clear();
            link
        }
        None => link,
    };
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Ok(format!("{scheme}://{host}/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "a_b-1.0-py3-none-any.whl";
    const PAGE: &str = "https://index.example.com/simple/a-b/";

    #[test]
    fn both_forms_of_a_page_are_read() {
        let json = format!(
            r#"{{"files": [{{"filename": "x"}}, {{"filename": "{FILE}", "url": "../../f/{FILE}"}}]}}"#
        );
        let html = format!(
            "<a href=\"/o/a_b-0.9-py3-none-any.whl\">old</a> <a href='../../f/{FILE}#sha256=00'>{FILE}</a>"
        );
        for page in [json, html] {
            assert_eq!(
                find(&page, PAGE, FILE).unwrap(),
                format!("https://index.example.com/f/{FILE}")
            );
        }
    }

    #[test]
    fn a_page_without_the_file_says_what_to_do() {
        for page in ["<html></html>", "{\"files\": []}"] {
            let error = find(page, PAGE, FILE).unwrap_err().to_string();
            assert!(error.contains("--from"), "{error}");
        }
    }

    #[test]
    fn links_of_every_kind_are_followed() {
        for (link, expected) in [
            ("https://files.example.com/x", "https://files.example.com/x"),
            ("//files.example.com/x", "https://files.example.com/x"),
            ("/x/y", "https://index.example.com/x/y"),
            ("x", "https://index.example.com/simple/a-b/x"),
            ("./../x", "https://index.example.com/simple/x"),
            ("../../../../x", "https://index.example.com/x"),
        ] {
            assert_eq!(join(PAGE, link).unwrap(), expected);
        }
        assert!(join(PAGE, "file:///etc/passwd").is_err());
    }
}
