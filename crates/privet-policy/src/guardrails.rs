//! The `[guardrails]` table of the policy document, checked.

use std::sync::Arc;

use privet_guardrails::gate::{
    Files, FilesConfig, GateError, Guardrails, GuardrailsConfig, Models, ReplyControls, Secrets,
};

use crate::key_path::{Fault, KeyPath};

/// Checks `[guardrails]`, but for its files and models: those are not here yet.
pub(crate) fn check(config: Option<&GuardrailsConfig>) -> Result<(), Fault> {
    let Some(config) = config else { return Ok(()) };
    let mut config = config.clone();
    config.files = FilesConfig::default();
    let others = config.rules.iter_mut().map(|of| &mut of.replies);
    others.chain([&mut config.replies]).for_each(without_files);
    let others = config.rules.iter_mut().map(|of| &mut of.prompts);
    for prompts in others.chain([&mut config.prompts]) {
        prompts.detector.iter_mut().for_each(|it| it.model = None);
    }
    let secrets = Secrets {
        keyed: Arc::new(privet_crypto::sha256),
        seed: 0,
    };
    match Guardrails::new(&config, &Files::new(), &Models::default(), secrets) {
        Ok(_) => Ok(()),
        Err(error) => Err(place(&error.place()).fault(message(&error))),
    }
}

fn without_files(replies: &mut ReplyControls) {
    replies.honey = None;
    replies.corpus = None;
    replies.packages = None;
}

fn message(error: &GateError) -> String {
    match error {
        GateError::Control { source, .. } => source.to_string(),
        GateError::Key { problem, .. } => (*problem).to_owned(),
        other => other.to_string(),
    }
}

/// `guardrails.rules[0].tools` as a way down the document.
fn place(written: &str) -> KeyPath {
    written.split('.').fold(KeyPath::default(), |at, part| {
        let (name, index) = part.split_once('[').unwrap_or((part, ""));
        let at = at.key(name);
        match index.trim_end_matches(']').parse() {
            Ok(index) => at.index(index),
            Err(_) => at,
        }
    })
}
