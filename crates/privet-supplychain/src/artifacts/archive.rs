//! Zip files of every kind: what their directory gives away, and the models in them.

use std::collections::BTreeSet;

use super::error::{Broken, Stop};
use super::inspect::{HEAD, Inspector};
use super::report::{Format, clip};
use super::source::{self, FREE, Inflate, Source, Window, Wrapping};
use super::zip::{self, Directory, Member};
use super::{keras, skops};
use crate::{Severity, Verdict};

/// Bytes by which members may be longer together than twice their archive: small ones are no bomb.
const SLACK: u64 = 1 << 20;
/// Longest target of a symbolic link that is read.
const LINK: u64 = 4096;

/// Looks at a zip file.
pub(super) fn inspect(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    let directory = zip::read(inspector, source)?;
    if directory.members.is_empty() && directory.is_cut {
        return Err(Stop::damaged(0, "it has no members that can be read"));
    }
    whole(inspector, &directory);
    let is_torch = directory.members.iter().any(|m| m.name.ends_with("data.pkl"));
    let mut names = BTreeSet::new();
    // Members that share bytes are read again and again: more of them than twice the file, and it is a bomb.
    let size = source::size(source)?;
    let mut left = size.saturating_mul(2).saturating_add(SLACK);
    for member in &directory.members {
        // It may say what it likes, but no more can be read than follows.
        left = left
            .checked_sub(member.packed.min(size.saturating_sub(member.data_at)))
            .ok_or_else(|| Stop::over(member.header_at, "its members share more bytes than can be read"))?;
        inspector.facts.members += 1;
        if inspector.facts.members > inspector.limits.members {
            return Err(Stop::over(member.header_at, "it has too many members"));
        }
        inspector.budget.charge(64)?;
        if !names.insert(member.name.as_str()) {
            odd(
                inspector,
                "archive-duplicate",
                Severity::Medium,
                member,
                "is there twice, and loaders differ in which one they take",
            );
        }
        look(inspector, source, member, is_torch)?;
    }
    Ok(())
}

/// Looks at a zip that follows another format in the same file: loaders that look for its end would take it.
pub(super) fn inspect_appended(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    if source::size(source)? < 22 || !zip::has_end(source)? {
        return Ok(());
    }
    let directory = match zip::read(inspector, source) {
        Ok(directory) => directory,
        Err(Stop::Broken(_)) => return Ok(()),
        Err(stop) => return Err(stop),
    };
    if directory.members.iter().all(|member| member.data_at == 0) {
        return Ok(());
    }
    inspector.report(
        "polyglot",
        Severity::High,
        Verdict::Suspicious,
        0..0,
        "it is a pickle and a zip at once, so loaders differ in what they load: do not load it".to_owned(),
    );
    inspector.within(None, |inspector| inspect(inspector, source))
}

fn whole(inspector: &mut Inspector<'_>, directory: &Directory) {
    if directory.is_cut {
        inspector.report(
            "damaged",
            Severity::Medium,
            Verdict::Unreadable,
            0..0,
            "the directory at its end is missing, so members may be missing too: fetch it again".to_owned(),
        );
    }
    if directory.prefix > 0 {
        inspector.report(
            "archive-prefix",
            Severity::Medium,
            Verdict::Suspicious,
            0..directory.prefix,
            "other bytes stand before the archive, so it may be a file of another kind as well: find out what they are".to_owned(),
        );
    }
    let (packed, unpacked) = directory.members.iter().fold((0_u64, 0_u64), |(p, u), m| {
        (p.saturating_add(m.packed), u.saturating_add(m.unpacked))
    });
    if unpacked > FREE && unpacked / packed.max(1) > inspector.limits.ratio {
        inspector.report(
            "bomb",
            Severity::High,
            Verdict::Suspicious,
            0..0,
            format!(
                "it unpacks from {packed} bytes to {unpacked}: it would fill memory or disk; do not unpack it"
            ),
        );
    }
    let mut runs: Vec<(u64, u64)> = directory
        .members
        .iter()
        .filter(|m| m.data_at > 0)
        .map(|m| (m.header_at, m.data_at.saturating_add(m.packed)))
        .collect();
    runs.sort_unstable();
    let overlap = runs
        .iter()
        .zip(runs.iter().skip(1))
        .find(|(before, after)| before.1 > after.0 && !directory.is_cut);
    if let Some((_, after)) = overlap {
        inspector.report(
            "archive-overlap",
            Severity::High,
            Verdict::Suspicious,
            after.0..after.1,
            "its members share bytes, as in bombs and in files made to be read in two ways: do not unpack it"
                .to_owned(),
        );
    }
}

fn odd(inspector: &mut Inspector<'_>, rule: &'static str, severity: Severity, member: &Member, what: &str) {
    let span = member.header_at..member.data_at.max(member.header_at);
    let message = format!("the member `{}` {what}", clip(&member.name));
    inspector.report(rule, severity, Verdict::Suspicious, span, message);
}

fn look(
    inspector: &mut Inspector<'_>,
    source: &mut dyn Source,
    member: &Member,
    is_torch: bool,
) -> Result<(), Stop> {
    path(inspector, &member.name, member.header_at);
    if let Some(disagreement) = member.disagreement {
        let what = format!("{disagreement}; loaders differ in what they take: do not load it");
        odd(inspector, "archive-disagrees", Severity::High, member, &what);
    }
    if member.data_at == 0 || member.name.ends_with('/') {
        return Ok(());
    }
    if is_torch && is_storage(&member.name) {
        return Ok(());
    }
    script(inspector, member, is_torch);
    if member.is_encrypted {
        // Looked into all the same: a loader that ignores the flag would take it as it is.
        inspector.report(
            "archive-encrypted",
            Severity::Medium,
            Verdict::Unreadable,
            member.header_at..member.data_at,
            format!(
                "the member `{}` is said to be encrypted, so what it holds may be hidden: unpack it with its password and scan that",
                clip(&member.name)
            ),
        );
    }
    let mut window = Window::new(source, member.data_at, member.packed);
    let (limits, budget) = (inspector.unpacking(), inspector.budget);
    match member.method {
        0 => content(inspector, member, &mut window),
        8 => content(
            inspector,
            member,
            &mut Inflate::new(&mut window, Wrapping::Raw, limits, budget),
        ),
        _ => inspector.within(Some(&member.name), |_| {
            Err(Stop::Broken(Broken {
                rule: "packed",
                at: Some(0),
                why: "it is packed in a way that is not read here; unpack it and scan what is in it".into(),
            }))
        }),
    }
}

fn content(inspector: &mut Inspector<'_>, member: &Member, source: &mut dyn Source) -> Result<(), Stop> {
    if member.is_link {
        let target = source::head(source, LINK)?;
        link(
            inspector,
            &member.name,
            &String::from_utf8_lossy(&target),
            member.header_at,
        );
        return Ok(());
    }
    let base = member.name.rsplit('/').next().unwrap_or(&member.name);
    let limit = inspector.limits.held_bytes;
    inspector.within(Some(&member.name), |inspector| match base {
        "schema.json" => {
            let text = source::whole(source, limit)?;
            skops::inspect_schema(inspector, &text);
            inspector.text(source)
        }
        "config.json" | "model_config.json" => {
            let text = source::whole(source, limit)?;
            keras::inspect_config(inspector, &text, 0);
            inspector.text(source)
        }
        name => {
            let head = source::head(source, HEAD)?;
            match super::recognise(name, &head) {
                // A gzip or packed file in an archive is looked into only if its name is a model's or archive's.
                Some(Format::Packed) => Ok(()),
                None => inspector.text(source),
                Some(_) => inspector.judge(name, source).map(|_| ()),
            }
        }
    })
}

/// `data/0` and so on beside a `data.pkl`: the numbers of tensors, which PyTorch never takes for anything else.
fn is_storage(name: &str) -> bool {
    let mut parts = name.rsplit('/');
    let is_number = parts
        .next()
        .is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
    is_number && parts.next() == Some("data")
}

fn script(inspector: &mut Inspector<'_>, member: &Member, is_torch: bool) {
    let parts: Vec<&str> = member.name.split('/').collect();
    let is_script = is_torch && parts.contains(&"code") && member.name.ends_with(".py");
    let is_package = member.name.ends_with(".data/extern_modules");
    if is_script {
        inspector.report(
            "torchscript",
            Severity::Low,
            Verdict::Suspicious,
            member.header_at..member.data_at,
            "it holds a TorchScript program, whose operators can read and write files: load it only if you trust who made it, or ask for weights alone".to_owned(),
        );
    }
    if is_package {
        inspector.report(
            "torch-package",
            Severity::High,
            Verdict::Dangerous,
            member.header_at..member.data_at,
            "it is a `torch.package`, which brings Python modules along and imports them: do not load it unless you have read them".to_owned(),
        );
    }
}

/// Whether a member's name leads out of the folder that an archive is unpacked into.
pub(super) fn leads_out(name: &str) -> bool {
    let name = name.replace('\\', "/");
    let is_absolute = name.starts_with('/') || name.as_bytes().get(1) == Some(&b':');
    let mut depth = 0_i64;
    let mut is_out = is_absolute;
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        is_out |= depth < 0;
    }
    is_out
}

/// Reports a member whose name leads out.
pub(super) fn path(inspector: &mut Inspector<'_>, name: &str, at: u64) {
    if leads_out(name) || name.contains('\0') {
        inspector.report(
            "archive-path",
            Severity::High,
            Verdict::Dangerous,
            at..at,
            format!(
                "the member `{}` would be written outside the folder that the archive is unpacked into: do not unpack it",
                clip(name)
            ),
        );
    }
}

/// Reports a link whose target lies outside.
pub(super) fn link(inspector: &mut Inspector<'_>, name: &str, target: &str, at: u64) {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_absolute = target.starts_with(['/', '\\']) || target.as_bytes().get(1) == Some(&b':');
    if is_absolute
        || leads_out(&format!("{folder}/{target}").replace("//", "/")) && !folder.is_empty()
        || folder.is_empty() && leads_out(target)
    {
        inspector.report(
            "archive-link",
            Severity::High,
            Verdict::Dangerous,
            at..at,
            format!(
                "the link `{}` leads to `{}`, outside the folder that the archive is unpacked into: do not unpack it",
                clip(name),
                clip(target)
            ),
        );
    }
}
