//! Ids of a server's sessions and events, sealed for one caller: nobody else can use them, and nothing is kept of them here.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use privet_crypto::{RootKey, SealingKey};
use privet_types::TenantId;

/// Longest id of a server's that is passed on.
const LONGEST: usize = 1_024;

/// Seals for one caller of one server.
#[derive(Clone)]
pub(super) struct Seal(Arc<SealingKey>);

/// What an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Session,
    Event,
}

impl Of {
    const fn place(self) -> &'static [u8] {
        match self {
            Self::Session => b"session",
            Self::Event => b"event",
        }
    }
}

impl Seal {
    pub(super) fn new(root: &RootKey, tenant: &TenantId, principal: &str, server: &str) -> Self {
        // No name can hold a zero byte.
        let context = format!("{tenant}\0{principal}\0{server}");
        Self(Arc::new(
            root.sealing_key("privet/server/mcp", context.as_bytes()),
        ))
    }

    /// `id` as the caller gets it; none if it is too long, or there are no random bytes.
    pub(super) fn seal(&self, of: Of, id: &str) -> Option<String> {
        let fits = id.len() <= LONGEST && id.bytes().all(|b| (0x20..=0x7e).contains(&b));
        let sealed = fits.then(|| self.0.seal(of.place(), id.as_bytes()).ok())??;
        Some(BASE64URL_NOPAD.encode(&sealed))
    }

    /// The server's own id; none if it was not sealed for this caller and this server.
    pub(super) fn open(&self, of: Of, sealed: &str) -> Option<String> {
        // Sealing adds 28 bytes, base64 a third.
        if sealed.len() > LONGEST / 3 * 4 + 64 {
            return None;
        }
        let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        let id = self.0.open(of.place(), &sealed).ok()?;
        String::from_utf8(id.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_opens_for_its_caller_its_server_and_its_purpose_alone() {
        let root = RootKey::parse(&format!("privet-root-1:{}", "07".repeat(32))).unwrap();
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let seal = |tenant, principal, server| Seal::new(&root, tenant, principal, server);
        let ann = seal(&acme, "ann", "crm");
        let sealed = ann.seal(Of::Session, "1868a90c-x").unwrap();
        assert!(!sealed.contains("1868a90c"));
        assert_eq!(ann.open(Of::Session, &sealed).as_deref(), Some("1868a90c-x"));
        assert_eq!(ann.open(Of::Event, &sealed), None);
        for stranger in [
            seal(&acme, "bob", "crm"),
            seal(&other, "ann", "crm"),
            seal(&acme, "ann", "web"),
        ] {
            assert_eq!(stranger.open(Of::Session, &sealed), None);
        }
        let mut changed = sealed.into_bytes();
        changed[3] = if changed[3] == b'A' { b'B' } else { b'A' };
        assert_eq!(
            ann.open(Of::Session, std::str::from_utf8(&changed).unwrap()),
            None
        );
        assert_eq!(ann.seal(Of::Event, &"x".repeat(LONGEST + 1)), None);
        assert_eq!(ann.seal(Of::Event, "line\nend"), None);
    }
}
