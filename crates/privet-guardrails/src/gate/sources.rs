//! The documents of a request that a reply may cite.

use std::collections::BTreeMap;

use super::config::Mark;
use super::prompt::pieces;
use crate::controls::Citations;
use crate::controls::{CitationsConfig, Error, Source};
use privet_types::{Budget, Channel};

/// Documents of a request that are told apart.
const MOST_SOURCES: usize = 1024;
/// Letters of a name that a document is cited by.
const LONGEST_ID: usize = 64;
/// Attributes of a mark's tag that name what stands behind it.
const NAMES: [&str; 4] = ["id", "index", "name", "source"];

/// Documents by how they are cited.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    texts: BTreeMap<String, String>,
    count: usize,
}

impl Sources {
    /// Adds the documents between marks in a text. Each is cited by its number, and by what its mark's tag says: `<document id="a7">`.
    pub(super) fn add(&mut self, text: &str, channel: Channel, marks: &[Mark]) {
        for (range, marked) in pieces(text, channel, marks) {
            let (Some(_), Some(piece)) = (marked, text.get(range.clone())) else {
                continue;
            };
            let before = text.get(..range.start).unwrap_or_default();
            let Some(mark) = marks.iter().find(|mark| before.ends_with(&mark.begin)) else {
                continue;
            };
            for one in piece.split(&mark.begin) {
                let one = one.split(&mark.end).next().unwrap_or_default();
                self.document(one, mark);
            }
        }
    }

    fn document(&mut self, text: &str, mark: &Mark) {
        if self.count >= MOST_SOURCES {
            return;
        }
        self.count += 1;
        let is_open_tag = mark.begin.starts_with('<') && !mark.begin.contains('>');
        let tag = is_open_tag.then(|| text.split_once('>')).flatten();
        let (tag, text) = tag.unwrap_or(("", text));
        let mut ids: Vec<String> = NAMES.iter().filter_map(|name| attribute(tag, name)).collect();
        ids.push(self.count.to_string());
        ids.dedup();
        for id in ids {
            let known = self.texts.entry(id).or_default();
            known.push('\n');
            known.push_str(text);
        }
    }

    /// What holds citations against them; none if there are no documents.
    pub(super) fn citations(
        &self,
        config: &CitationsConfig,
        budget: &Budget,
    ) -> Result<Option<Citations>, Error> {
        if self.texts.is_empty() {
            return Ok(None);
        }
        let sources: Vec<Source<'_>> = self.texts.iter().map(|(id, text)| Source { id, text }).collect();
        Citations::new(config, &sources, budget).map(Some)
    }
}

/// The value of an attribute in `tag`.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once(name) {
        let is_word = before.ends_with(char::is_whitespace);
        if let Some(value) = after.trim_start().strip_prefix('=').filter(|_| is_word) {
            let value = value.trim_start();
            let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''));
            let value = match quote {
                Some(quote) => value.trim_start_matches(quote).split(quote).next(),
                None => value.split(|c: char| c.is_whitespace() || c == '/').next(),
            };
            return value
                .filter(|value| !value.is_empty() && value.len() <= LONGEST_ID)
                .map(str::to_owned);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::MarkedChannel;

    fn mark(begin: &str, end: &str) -> Mark {
        Mark {
            begin: begin.to_owned(),
            end: end.to_owned(),
            channel: MarkedChannel::Document,
        }
    }

    #[test]
    fn each_document_is_cited_by_its_number_and_by_what_its_tag_says() {
        let mut sources = Sources::default();
        let text = "Answer by these: <document id=\"a7\" title='x'>The quay is closed.</document>\n\
                    <document index=9>Tides are high.</document> Thanks.";
        sources.add(text, Channel::User, &[mark("<document", "</document>")]);
        let ids: Vec<&str> = sources.texts.keys().map(String::as_str).collect();
        assert_eq!(ids, ["1", "2", "9", "a7"]);
        assert_eq!(sources.texts["a7"], "\nThe quay is closed.");
        assert_eq!(sources.texts["2"], "\nTides are high.");
    }

    #[test]
    fn plain_marks_have_numbers_alone() {
        let mut sources = Sources::default();
        sources.add(
            "BEGIN one END and BEGIN two END",
            Channel::User,
            &[mark("BEGIN", "END")],
        );
        assert_eq!(sources.texts.len(), 2);
        assert_eq!(sources.texts["1"], "\n one ");
        sources.add("BEGIN three END", Channel::Assistant, &[mark("BEGIN", "END")]);
        assert_eq!(sources.texts.len(), 2, "a model gives no sources");
    }
}
