//! Where a package index says that a file lies.
//!
//! Source: the simple repository API, <https://packaging.python.org/en/latest/specifications/simple-repository-api/> (PEP 503
//! for HTML, PEP 691 for JSON).

use anyhow::{Context, Result};
use serde_json::Value;

use crate::fetch::join;

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
}
