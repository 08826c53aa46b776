//! `privet model open`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use privet_crypto::VerifyingKey;
use privet_server::SystemClock;
use privet_supplychain::artifacts::seal::{Error, Manifest, Sealed, SignedManifest};
use privet_types::Clock;
use serde_json::json;

use super::super::command::OpenArgs;
use super::{bar, keys, look, whole};
use crate::keyring::Format;
use crate::rim;

pub(in super::super) fn run(args: &OpenArgs) -> Result<ExitCode> {
    let shown = args.file.display();
    whole::expect_free(&args.output)?;
    let (mut file, bytes) = look::plain(&args.file)?;
    let sealed = Sealed::read(&mut file).with_context(|| format!("`{shown}`"))?;
    let head = sealed.head();
    if head.tenant != args.owner.tenant {
        bail!(
            "`{shown}` was sealed for another tenant than `{}`; name the one that it was sealed for with `--tenant`",
            args.owner.tenant
        );
    }
    let trusted = keys::trusted(&args.keys)?;
    let keys = keys::of(&args.owner, keys::Missing::Refused)?;
    let own = keys.signing.verifying_key();
    let (manifest, signers) =
        believed(&head.manifest, &trusted, own).with_context(|| format!("`{shown}` is not opened"))?;
    let digest = whole::write(&args.output, |out| {
        // The bar goes over it twice: once to prove it, and once to write it.
        let bar = bar(bytes, "opening");
        let opened = sealed.open(&mut bar.wrap_read(&mut file), out, &keys.wrapping);
        bar.finish_and_clear();
        opened.with_context(|| {
            format!(
                "`{shown}` does not open, and nothing was written: it is cut or changed, or of another installation"
            )
        })
    })?;
    let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
    if args.format == Format::Json {
        rim::say(json!({
            "file": args.output, "plain": digest, "manifest": manifest, "signers": signers,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    rim::say(format_args!(
        "{}: {} bytes of `{}`, {}",
        args.output.display(),
        digest.size,
        manifest.name,
        match signers.as_slice() {
            [] => "signed by nobody who is known here".to_owned(),
            signers => format!("signed by {}", signers.join(", ")),
        }
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The manifest, and who of those who are trusted signed it. Keys that were named have to have signed it, and it has to hold; without
/// them the tenant's own key is looked for, and what is amiss is told.
fn believed(
    signed: &SignedManifest,
    trusted: &[VerifyingKey],
    own: VerifyingKey,
) -> Result<(Manifest, Vec<VerifyingKey>)> {
    let now = SystemClock.now();
    if !trusted.is_empty() {
        let (manifest, signers) = signed.verify(trusted)?;
        manifest.expect_current(now)?;
        return Ok((manifest, signers));
    }
    let (manifest, signers) = match signed.verify(&[own]) {
        Err(Error::NotSigned) => {
            rim::tell(
                "privet: the manifest is not signed by this tenant's key, and who signed it is not checked; name whom you trust with `--key`",
            );
            (signed.unverified()?, Vec::new())
        }
        other => other?,
    };
    if let Err(error) = manifest.expect_current(now) {
        rim::tell(&format!("privet: {error}"));
    }
    Ok((manifest, signers))
}
