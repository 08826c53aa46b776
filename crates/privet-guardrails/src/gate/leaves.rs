//! The texts in the arguments of a tool call.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Levels of nesting.
const MOST_LEVELS: usize = 64;

/// A text of a tool call's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    /// The name that stands next above it; empty at the top.
    pub(super) name: String,
    pub(super) text: String,
}

/// All strings in `arguments` in their order, with escapes undone, and of a name that comes twice in an object all values: nobody
/// knows which one a tool reads. Names are texts of their own. What is no JSON, or is nested deeper than 64 levels, is one text as it
/// stands.
pub(super) fn leaves(arguments: &str) -> Vec<Leaf> {
    let mut all = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(arguments);
    let collect = Collect {
        name: "",
        levels: MOST_LEVELS,
        all: &mut all,
    };
    if collect
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .is_ok()
    {
        return all;
    }
    vec![Leaf {
        name: String::new(),
        text: arguments.to_owned(),
    }]
}

struct Collect<'a> {
    name: &'a str,
    /// How many levels may follow.
    levels: usize,
    all: &'a mut Vec<Leaf>,
}

impl Collect<'_> {
    fn below<'b, E: Error>(&'b mut self, name: &'b str) -> Result<Collect<'b>, E> {
        let levels = self.levels.checked_sub(1);
        Ok(Collect {
            name,
            levels: levels.ok_or_else(|| E::custom("nested too deep"))?,
            all: &mut *self.all,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Collect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.all.push(Leaf {
            name: self.name.to_owned(),
            text: text.to_owned(),
        });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let name = self.name;
        while items.next_element_seed(self.below(name)?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(name) = entries.next_key::<String>()? {
            self.all.push(Leaf {
                name: String::new(),
                text: name.clone(),
            });
            entries.next_value_seed(self.below(&name)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(arguments: &str) -> Vec<(String, String)> {
        leaves(arguments)
            .into_iter()
            .map(|leaf| (leaf.name, leaf.text))
            .collect()
    }

    fn pair(name: &str, text: &str) -> (String, String) {
        (name.to_owned(), text.to_owned())
    }

    #[test]
    fn all_strings_are_found_with_the_names_above_them() {
        assert_eq!(
            texts(r#"{"to":["a\u0040b",{"x":1.5,"y":null}],"to":"c","n":{"t":true}}"#),
            [
                pair("", "to"),
                pair("to", "a@b"),
                pair("", "x"),
                pair("", "y"),
                pair("", "to"),
                pair("to", "c"),
                pair("", "n"),
                pair("", "t"),
            ]
        );
        assert_eq!(texts("\"alone\""), [pair("", "alone")]);
        assert_eq!(texts("-7"), []);
    }

    #[test]
    fn what_is_no_json_is_one_text() {
        for text in ["", "{", "ls -l", "{} {}", &"[".repeat(70)] {
            assert_eq!(texts(text), [pair("", text)]);
        }
        let deep = format!("{}\"x\"{}", "[".repeat(70), "]".repeat(70));
        assert_eq!(texts(&deep), [pair("", &deep)]);
    }
}
