//! What the peer knows and is not spoken here: the answer says so, instead of that there is no such call.

use std::future::ready;

use http::Method;
use privet_types::KeyScope::VaultAdmin;

use super::refusal::Refusal;
use super::table::{Entry, Table};

/// Why is written in `docs/databunker.md`.
const CALLS: [&str; 34] = [
    "BulkListFilesByTag",
    "BulkListGroupUsers",
    "FileCreate",
    "FileDelete",
    "FileGet",
    "FileListUserFiles",
    "FileReplaceTags",
    "GroupAddUser",
    "GroupCreate",
    "GroupDelete",
    "GroupDeleteUser",
    "GroupGet",
    "GroupListAllGroups",
    "GroupListUserGroups",
    "GroupUpdate",
    "PolicyCreate",
    "PolicyGet",
    "PolicyListAllPolicies",
    "PolicyUpdate",
    "RoleCreate",
    "RoleLinkPolicy",
    "RoleUpdate",
    "SystemDeleteUserProfiles",
    "SystemGenerateWrappingKey",
    "SystemGetUserProfiles",
    "SystemRestoreUserProfile",
    "SystemSearchUserProfiles",
    "SystemSetLicenseKey",
    "TenantCreate",
    "TenantDelete",
    "TenantGet",
    "TenantListTenants",
    "TenantUpdate",
    "XTokenCreateForRole",
];

pub(super) fn register(table: &mut Table) {
    let entry = |name| {
        Entry::new(name, VaultAdmin, |call| {
            Box::pin(ready(Err(Refusal::NotSpoken(call.name))))
        })
        .with_any_key()
        .unlogged()
    };
    for name in CALLS {
        table.v2(entry(name));
    }
    table.v1(Method::GET, "sys/backup", entry("SystemBackup"));
}
