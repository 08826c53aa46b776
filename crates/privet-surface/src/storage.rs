//! Requests that the provider is not to keep for later ones.

use privet_types::SurfaceKind;

use crate::json::Value;
use crate::refusal::Refusal;
use crate::splice::Edit;

/// The edit by which the request `root` says that it is not to be stored; none if it says so, or need not.
///
/// # Errors
/// [`Refusal::Stored`] if it asks for what only a stored reply can give.
pub(crate) fn forbidden(surface: SurfaceKind, root: Value<'_>) -> Result<Option<Edit>, Refusal> {
    let store = root.get("store");
    match surface {
        SurfaceKind::OpenaiResponses => {
            let is_null = |value: Value<'_>| value.raw() == "null";
            let needs = [
                (
                    "background",
                    root.get("background")
                        .is_some_and(|v| v.raw() != "false" && !is_null(v)),
                ),
                (
                    "conversation",
                    root.get("conversation").is_some_and(|v| !is_null(v)),
                ),
            ];
            if let Some((field, _)) = needs.into_iter().find(|(_, is_wanted)| *is_wanted) {
                return Err(Refusal::Stored { field });
            }
            Ok(said(store, root))
        }
        SurfaceKind::OpenaiChat => Ok(said(store, root)),
        _ => Ok(None),
    }
}

/// Whether the provider keeps the request `root` and its reply for later ones, unless it is told not to.
pub(crate) fn is_kept(surface: SurfaceKind, root: Value<'_>) -> bool {
    surface == SurfaceKind::OpenaiResponses && root.get("store").is_none_or(|store| store.raw() != "false")
}

/// Whether the request `root` goes on where an earlier one ended, or names items of one.
pub(crate) fn goes_on(surface: SurfaceKind, root: Value<'_>) -> bool {
    let is_set = |field| root.get(field).is_some_and(|value| value.raw() != "null");
    let is_reference = |item: Value<'_>| item.get_str("type").is_some_and(|kind| kind == "item_reference");
    surface == SurfaceKind::OpenaiResponses
        && (is_set("previous_response_id")
            || is_set("conversation")
            || root
                .get("input")
                .is_some_and(|input| input.items().any(is_reference)))
}

/// Makes it say `false`, which is not what it means where it is left out: so responses are kept, and chats by some accounts.
fn said(store: Option<Value<'_>>, root: Value<'_>) -> Option<Edit> {
    match store {
        Some(value) if value.raw() == "false" => None,
        Some(value) => Some(Edit::beside(value.range(), "false".to_owned())),
        None => {
            let start = root.range().start + 1;
            let comma = if root.entries().next().is_some() { "," } else { "" };
            Some(Edit::beside(start..start, format!("\"store\":false{comma}")))
        }
    }
}
