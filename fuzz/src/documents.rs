//! Settings and policy documents.

use std::path::Path;

use privet_policy::{Policy, Settings};

/// Stands for a pasted key in the corpus; mutations keep it more often than not.
const PASTED: &str = "4eC39HqLyjWD";

/// Any text is either refused with its place, or gives settings that can be asked; no refusal repeats a pasted key.
pub fn fuzz_settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Settings::parse(text, Path::new("privet.toml")) {
        Ok(settings) => {
            for (pattern, provider) in settings.models() {
                assert!(!pattern.is_empty() && !provider.name().is_empty());
                if let Some(route) = settings.route(pattern) {
                    assert!(settings.providers().contains(route.provider));
                }
            }
        }
        Err(error) => assert_discreet(&error.to_string()),
    }
    match Policy::parse(text, Path::new("policy.toml")) {
        Ok(policy) => assert_eq!(policy.version().len(), 16),
        Err(error) => assert_discreet(&error.to_string()),
    }
}

fn assert_discreet(shown: &str) {
    // A refusal lists the names of providers, which a mutation may have made of anything.
    assert!(
        !shown.contains(PASTED) || shown.contains("no such provider"),
        "{shown}"
    );
    assert!(!shown.contains('\n'), "{shown}");
}
