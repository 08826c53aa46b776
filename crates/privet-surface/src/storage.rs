//! Requests that the provider is not to keep for later ones.

use privet_types::SurfaceKind;

use crate::json::{Kind, Value};
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
            Ok(match store {
                Some(value) if value.raw() == "false" => None,
                Some(value) => Some(Edit::beside(value.range(), "false".to_owned())),
                // Left out, it means true. The object is not empty: it names a model.
                None => {
                    let start = root.range().start + 1;
                    Some(Edit::beside(start..start, "\"store\":false,".to_owned()))
                }
            })
        }
        // Left out, it means false.
        SurfaceKind::OpenaiChat => Ok(store
            .filter(|value| value.kind() != Kind::Literal || value.raw() == "true")
            .map(|value| Edit::beside(value.range(), "false".to_owned()))),
        _ => Ok(None),
    }
}
