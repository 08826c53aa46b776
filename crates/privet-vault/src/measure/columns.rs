//! What each column of the store holds: whether it may be read by whoever reads the database.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnUse {
    /// Sealed values.
    Sealed,
    /// Keyed hashes, and hashes of random tokens.
    Hashed,
    /// Ids, times, states, numbers, pseudonyms, names that an operator gave.
    Clear,
    /// Words that an operator wrote, which must name no person.
    Words,
}

type Names = &'static [&'static str];

/// Tables with their sealed, hashed and clear columns; the clear ones in one text.
const TABLES: &[(&str, Names, Names, Names)] = &[
    (
        "acknowledgements",
        &[],
        &[],
        &["tenant principal notice text_hash at"],
    ),
    ("acme_accounts", &["sealed"], &[], &["directory made_at"]),
    (
        "acme_certificates",
        &["sealed"],
        &["name"],
        &["version expires_at fence holder held_until failures failed_at retry_at"],
    ),
    ("acme_challenges", &[], &["answer"], &["kind name expires_at"]),
    (
        "active_holds",
        &[],
        &[],
        &["tenant hold subject category at until reference"],
    ),
    (
        "alerts",
        &[],
        &[],
        &[
            "tenant id at rule severity who key_id finding response requests held_until lifted_at closed_at incident",
        ],
    ),
    (
        "api_keys",
        &[],
        &["hash"],
        &["id principal tenant created_at expires_at revoked_at scopes successor grace_until line"],
    ),
    ("api_key_uses", &[], &[], &["tenant id last_used_at"]),
    (
        "archive_entries",
        &["sealed"],
        &["name_in_log"],
        &["tenant day id subject key_id surface purpose at"],
    ),
    ("archive_words", &[], &["word"], &["tenant day id subject"]),
    (
        "audit_events",
        &[],
        &[],
        &["id node seq at kind tenant payload about"],
    ),
    (
        "bulk_reads",
        &[],
        &[],
        &[
            "tenant id asked_by asked_at decided_by decided_at is_approved unlock_id unlock_until records opens_ms",
        ],
    ),
    ("changes", &[], &[], &["name version"]),
    (
        "consent_events",
        &["evidence"],
        &["subject"],
        &[
            "tenant statement seq purpose track kind rank at recorded_at expires_at categories recipients is_explicit \
             given_by is_minor method actor agreement agreement_version agreement_hash",
        ],
    ),
    ("consent_versions", &[], &[], &["tenant version"]),
    ("day_keys", &[], &[], &["tenant purpose day key_id"]),
    (
        "definitions",
        &[],
        &["hash"],
        &["tenant kind name version seq at is_active actor body"],
    ),
    ("erased_identifiers", &[], &["entry"], &["tenant erased_at"]),
    (
        "erasures",
        &[],
        &[],
        &["tenant id subject key_id pseudonym reason principal state begun_at done_at outcomes receipt"],
    ),
    (
        "group_members",
        &[],
        &[],
        &["tenant group_name principal added_at"],
    ),
    (
        "guard_holds",
        &[],
        &["id"],
        &["tenant rule surface model tool who opened_at decided_at decided_by is_approved expires_at"],
    ),
    (
        "hold_events",
        &["why"],
        &["subject"],
        &["tenant hold version kind category at until actor reference"],
    ),
    (
        "incident_entries",
        &["sealed"],
        &[],
        &["tenant incident seq at actor kind"],
    ),
    (
        "incidents",
        &["sealed"],
        &[],
        &["tenant id kind state opened_at aware_at notified_at needs_none_at closed_at scope"],
    ),
    (
        "kill_switches",
        &[],
        &[],
        &["id tenant kind name reason set_by set_at ends_at lifted_at lifted_by"],
    ),
    (
        "limit_counters",
        &[],
        &["counter"],
        &["node window_start requests tokens cost_nanos"],
    ),
    (
        "lineage",
        &[],
        &[],
        &["tenant subject kind place node reach basis registered_at"],
    ),
    ("log_head", &[], &[], &["one size last_event checkpoint last_seq"]),
    ("log_positions", &[], &[], &["position event seq"]),
    ("log_tiles", &[], &["hashes"], &["level tile"]),
    (
        "mcp_tools",
        &[],
        &["pinned", "seen"],
        &["tenant server tool pinned_at changed_at"],
    ),
    ("principal_groups", &[], &[], &["tenant name created_at"]),
    (
        "principals",
        &[],
        &[],
        &["tenant name kind created_at disabled_at"],
    ),
    (
        "privilege_uses",
        &[],
        &[],
        &["tenant principal action last_used_at uses"],
    ),
    (
        "processing_events",
        &[],
        &["subject"],
        &["tenant id purpose category recipient surface at"],
    ),
    (
        "reply_maps",
        &["sealed"],
        &["id", "name_in_log"],
        &["tenant day subject key_id created_at expires_at"],
    ),
    ("request_tries", &[], &["person"], &["tenant kind made ends_at"]),
    (
        "role_grants",
        &[],
        &[],
        &["tenant holder_kind holder role granted_at"],
    ),
    ("settings", &[], &[], &["name value"]),
    (
        "identity_links",
        &[],
        &["entry"],
        &["id tenant principal issuer linked_at"],
    ),
    ("invites", &[], &["hash"], &["tenant principal expires_at"]),
    ("passkey_challenges", &[], &["hash"], &["tenant expires_at"]),
    (
        "passkeys",
        &[],
        &[],
        &["credential tenant principal id name public_key sign_count made_at used_at suspect_at"],
    ),
    ("passwords", &[], &["hash"], &["tenant principal changed_at"]),
    ("recovery_codes", &[], &["hash"], &["tenant principal"]),
    (
        "sign_in_failures",
        &[],
        &["counter"],
        &["failures last_at locked_until"],
    ),
    (
        "sign_in_sessions",
        &[],
        &["hash"],
        &["id tenant principal way has_two_factors made_at seen_at proved_at expires_at tokens_until"],
    ),
    ("token_counts", &[], &[], &["tenant principal taken_back"]),
    ("token_keys", &["sealed"], &[], &["generation kid made_at"]),
    (
        "token_revocations",
        &[],
        &[],
        &["tenant kind principal name ends_at"],
    ),
    (
        "totp_secrets",
        &["sealed"],
        &[],
        &["tenant principal made_at confirmed_at last_step"],
    ),
    (
        "subject_apps",
        &["sealed"],
        &["name_in_log"],
        &["tenant subject app version updated_at"],
    ),
    (
        "subject_app_versions",
        &["sealed"],
        &["name_in_log"],
        &["tenant subject app version at"],
    ),
    (
        "subject_buckets",
        &[],
        &["bucket"],
        &["tenant field key_version subject"],
    ),
    (
        "subject_expiries",
        &[],
        &["token_hash"],
        &["tenant subject state started_at expires_at"],
    ),
    (
        "subject_index",
        &[],
        &["entry"],
        &["tenant field key_version slot subject"],
    ),
    (
        "subject_request_steps",
        &[],
        &[],
        &["tenant request seq at step status principal is_told tries next_at told_urls"],
    ),
    (
        "subject_requests",
        &["sealed"],
        &["mark"],
        &["tenant id kind status subject received_at due_at body receipt"],
    ),
    (
        "subject_sessions",
        &["sealed"],
        &["id", "name_in_log"],
        &["tenant subject key_id version created_at expires_at until_at sliding_ms"],
    ),
    (
        "subject_shares",
        &["sealed"],
        &["id", "name_in_log"],
        &["tenant subject created_at expires_at most_reads reads"],
    ),
    (
        "subject_versions",
        &["sealed"],
        &[],
        &["tenant subject version at"],
    ),
    (
        "subjects",
        &[],
        &["mark"],
        &["tenant id key_id state version oldest_version created_at updated_at until_at sliding_ms ends_at"],
    ),
    (
        "proposals",
        &["sealed"],
        &["name_in_log"],
        &["tenant id kind status subject object asked_by seq opened_at closed_at"],
    ),
    (
        "own_tokens",
        &[],
        &["id", "mark", "name_in_log"],
        &["tenant subject created_at ends_at idle_ms expires_at"],
    ),
    (
        "vault_calls",
        &[],
        &[],
        &["tenant id event subject app note wrote"],
    ),
    ("vault_call_parts", &[], &[], &["tenant event"]),
    ("log_checkpoints", &[], &[], &["size at is_key_change checkpoint"]),
    ("log_former_keys", &[], &[], &["last_size key"]),
    ("log_cosignatures", &[], &[], &["size witness line"]),
    ("tenants", &[], &[], &["tenant created_at disabled_at"]),
    (
        "trainings",
        &[],
        &[],
        &["tenant principal course expires_at record"],
    ),
    (
        "vault_tokens",
        &["sealed"],
        &["dedup", "mark", "name_in_log"],
        &[
            "tenant token substitute kind subject key_id preserves_format created_at expires_at final_at sliding_ms",
        ],
    ),
    ("watch_states", &["sealed"], &["who"], &["node updated_at"]),
];

/// Columns with an operator's words.
const WORDS: &[(&str, &str)] = &[("bulk_reads", "reason")];

/// What the column `column` of `table` holds; `None` if nobody has said so yet. Nothing is known of what such a column shows.
#[must_use]
pub fn column_use(table: &str, column: &str) -> Option<ColumnUse> {
    if WORDS.contains(&(table, column)) {
        return Some(ColumnUse::Words);
    }
    let (_, sealed, hashed, clear) = TABLES.iter().find(|(name, ..)| *name == table)?;
    if sealed.contains(&column) {
        Some(ColumnUse::Sealed)
    } else if hashed.contains(&column) {
        Some(ColumnUse::Hashed)
    } else if clear
        .iter()
        .any(|names| names.split(' ').any(|name| name == column))
    {
        Some(ColumnUse::Clear)
    } else {
        None
    }
}
