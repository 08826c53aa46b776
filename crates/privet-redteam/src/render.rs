//! What whoever shows a reply fetches by itself.

/// Addresses in `text` that a reader of Markdown and HTML fetches without a click: images, inline and by reference, and the
/// attributes of elements that load something. Each once, in order.
#[must_use]
pub fn fetched_by_a_reader(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |address: &str| {
        let address = unescaped(address.trim().trim_matches(['<', '>', '"', '\'']));
        let is_address = address.starts_with("http://") || address.starts_with("https://");
        if is_address && !found.contains(&address) {
            found.push(address);
        }
    };
    for image in text.split("![").skip(1) {
        let Some((alt, rest)) = image.split_once(']') else {
            continue;
        };
        if let Some(inside) = rest.strip_prefix('(') {
            add(address_in(inside));
            continue;
        }
        let label = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .map_or(alt, |(label, _)| if label.is_empty() { alt } else { label });
        for line in text.lines() {
            let definition = line.trim_start().strip_prefix('[');
            let target = definition
                .and_then(|line| line.split_once("]:"))
                .filter(|(name, _)| name.eq_ignore_ascii_case(label));
            if let Some((_, target)) = target {
                add(target.split_whitespace().next().unwrap_or_default());
            }
        }
    }
    for tag in text.split('<').skip(1) {
        let inner = tag.split('>').next().unwrap_or_default();
        let lower = inner.to_lowercase();
        let loads = [
            "img", "iframe", "script", "source", "video", "audio", "embed", "input", "link", "object",
            "image",
        ];
        if !loads.iter().any(|name| {
            lower
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_whitespace() || c == '/'))
        }) {
            continue;
        }
        for name in ["src=", "srcset=", "href=", "data=", "poster="] {
            for (at, _) in lower.match_indices(name) {
                let value = inner.get(at + name.len()..).unwrap_or_default();
                let value = match value.chars().next() {
                    Some(quote @ ('"' | '\'')) => value.split(quote).nth(1),
                    _ => value.split_whitespace().next(),
                };
                let value = value.unwrap_or_default();
                add(value.split_whitespace().next().unwrap_or_default());
            }
        }
    }
    found
}

/// The address at the start of what follows `](`.
fn address_in(inside: &str) -> &str {
    let inside = inside.trim_start();
    if let Some(angled) = inside.strip_prefix('<') {
        return angled.split('>').next().unwrap_or_default();
    }
    let mut depth = 0_i32;
    let end = inside.find(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth < 0 || c.is_whitespace()
    });
    end.and_then(|end| inside.get(..end)).unwrap_or(inside)
}

fn unescaped(address: &str) -> String {
    address.replace("&amp;", "&").replace('\\', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_fetched_and_links_are_not() {
        for (text, wanted) in [
            ("![x](http://127.0.0.1:9/a?q=1)", vec!["http://127.0.0.1:9/a?q=1"]),
            ("![x](<http://127.0.0.1:9/a b>)", vec!["http://127.0.0.1:9/a b"]),
            (
                "![x](http://h.example/a_(b) \"t\")",
                vec!["http://h.example/a_(b)"],
            ),
            (
                "![logo][1]\n\n[1]: http://h.example/l.png",
                vec!["http://h.example/l.png"],
            ),
            (
                "<img alt='' src='http://h.example/a&amp;b'>",
                vec!["http://h.example/a&b"],
            ),
            ("<IMG SRC=http://h.example/a>", vec!["http://h.example/a"]),
            (
                "[click](http://h.example/a) and <a href='http://h.example/b'>b</a>",
                vec![],
            ),
            ("![x](data:image/png;base64,AA) ![", vec![]),
            ("&lt;img src='http://h.example/a'>", vec![]),
        ] {
            assert_eq!(fetched_by_a_reader(text), wanted, "{text}");
        }
    }
}
