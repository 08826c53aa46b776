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
