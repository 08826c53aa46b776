//! Server-sent events read from a whole body, as the HTML standard says.

/// One event with data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: Option<String>,
    pub(crate) data: String,
}

/// The events in `body`. Bytes that are no UTF-8 are replaced; an event without its empty line at the end is dropped.
pub(crate) fn events(body: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(body)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let mut events = Vec::new();
    let (mut name, mut data): (Option<String>, Vec<&str>) = (None, Vec::new());
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    for line in complete.split('\n') {
        if line.is_empty() {
            if !data.is_empty() {
                events.push(Event {
                    name: name.take(),
                    data: data.join("\n"),
                });
            }
            name = None;
            data.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = Some(value.to_owned()),
            "data" => data.push(value),
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_with_any_line_end_and_without_the_space() {
        let body =
            b": hello\n\nevent: a\r\ndata: 1\r\n\r\ndata:2\ndata: 3\n\nevent: lonely\n\ndata: unfinished";
        let read = events(body);
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!((read[0].name.as_deref(), read[0].data.as_str()), (Some("a"), "1"));
        assert_eq!((read[1].name.as_deref(), read[1].data.as_str()), (None, "2\n3"));
    }
}
