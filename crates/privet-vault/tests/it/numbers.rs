//! Measurements are made from rows, keys and leaves as they are.

use jiff::Timestamp;
use privet_store::values;
use privet_types::{Clock, Measurement};
use privet_vault::{
    FieldNeed, Fineness, Measures, Metric, NewCall, Processing, RootProtection, Surroundings, column_use,
};
use serde_json::json;

use crate::furnished::{Furnished, furnish, log, sequence};
use crate::support::{House, actor, ann, on_both_databases};

on_both_databases! {
    consent_compliance_counts_what_had_a_basis_at_its_time
    encryption_strength_is_what_is_on_disk
    a_value_that_is_plain_has_no_strength
    minimisation_counts_what_is_unused_too_fine_and_sent_raw
    minimisation_counts_each_field_of_records_once
    minimisation_counts_calls_of_databunkers_interfaces_as_reads
    what_applications_keep_is_no_field_of_a_record
    what_cannot_be_measured_says_why
    auditability_falls_with_what_has_no_leaf_and_is_zero_with_a_gap
    a_sample_has_an_interval
    a_long_log_is_verified_by_a_sample
    of_every_column_it_is_known_what_it_holds
}

async fn around(house: &House) -> Surroundings {
    Surroundings {
        root: RootProtection::Plain,
        log: Some(log(house).await),
        backups: None,
        since: None,
        sample: None,
    }
}

fn measures(home: &Furnished) -> Measures {
    Measures::new(home.vault.clone(), home.consent.clone(), home.retention.clone())
}

async fn measure(house: &House, home: &Furnished, metric: Metric) -> Vec<Measurement> {
    let around = around(house).await;
    let measured = measures(home)
        .measure(&ann().tenant, metric, &around)
        .await
        .unwrap();
    for one in &measured {
        assert!(!one.formula.is_empty() && !one.source.is_empty() && !one.method.is_empty());
        assert!(one.value.is_some() != one.reason.is_some(), "{one:?}");
        assert!(one.log_position.root.is_some() && one.log_position.size > 0);
        assert_eq!(one.at, house.clock.now());
    }
    measured
}

fn near(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() < 1e-9)
}

fn part(measured: &Measurement, name: &str) -> (Option<f64>, u64, u64) {
    let part = measured.parts.iter().find(|part| part.name == name);
    let part = part.unwrap_or_else(|| panic!("no part {name}: {measured:?}"));
    (part.value, part.numerator, part.denominator)
}

async fn process(home: &Furnished, at: Timestamp) {
    let done = Processing {
        subject: home.ada.as_str().to_owned(),
        purpose: "support".to_owned(),
        category: None,
        recipient: None,
        surface: "job".to_owned(),
        at,
    };
    home.consent.record_processing(&ann(), &[done]).await.unwrap();
}

async fn consent_compliance_counts_what_had_a_basis_at_its_time(house: &House) {
    let home = furnish(house).await;
    // Consent was given, then withdrawn a second later.
    let given = house.clock.now() - jiff::SignedDuration::from_secs(1);
    process(&home, given).await;
    process(&home, house.clock.now()).await;
    let measured = measure(house, &home, Metric::ConsentCompliance).await;
    assert_eq!(measured[0].metric, "consent_compliance");
    assert!(near(measured[0].value, 0.5), "{measured:?}");
    assert_eq!(
        (measured[0].numerator, measured[0].denominator),
        (Some(1), Some(2))
    );
    assert_eq!(measured[1].metric, "processing_after_withdrawal");
    assert!(near(measured[1].value, 1.0));
}

async fn encryption_strength_is_what_is_on_disk(house: &House) {
    let home = furnish(house).await;
    let measured = measure(house, &home, Metric::EncryptionStrength).await;
    assert_eq!(
        (measured[0].metric.as_str(), measured[0].unit.as_str()),
        ("encryption_strength", "bits")
    );
    assert!(near(measured[0].value, 256.0), "{measured:?}");
    assert!(near(measured[1].value, 1.0));
    let (_, good, all) = part(&measured[0], "aead");
    // Three versions, of which ada's have four fields and the whole each; more than 30 values in all.
    assert!(good == all && all > 30, "{measured:?}");
    let keys: Vec<i64> = vec![part(&measured[0], "data_keys").2.cast_signed()];
    let stored: i64 = house
        .keyring
        .status()
        .await
        .unwrap()
        .tenants
        .iter()
        .map(|tenant| tenant.subject_keys.cast_signed())
        .sum();
    assert_eq!(keys, [stored]);
    assert!(measured[0].excluded.iter().any(|what| what.contains("backups")));
    let locked = Surroundings {
        root: RootProtection::Passphrase,
        backups: Some((1, 1)),
        ..around(house).await
    };
    let measured = measures(&home)
        .measure(&ann().tenant, Metric::EncryptionStrength, &locked)
        .await
        .unwrap();
    assert!(
        near(measured[0].value, 0.0),
        "a backup that does not open: {measured:?}"
    );
    assert!(
        measured[0]
            .excluded
            .iter()
            .any(|what| what.contains("passphrase"))
    );
}

async fn a_value_that_is_plain_has_no_strength(house: &House) {
    let home = furnish(house).await;
    let before = measure(house, &home, Metric::EncryptionStrength).await;
    house
        .sql(
            "UPDATE subject_apps SET sealed = $1",
            values![b"{\"cart\": 3}".to_vec()],
        )
        .await;
    let after = measure(house, &home, Metric::EncryptionStrength).await;
    assert!(near(after[0].value, 0.0), "{after:?}");
    let lost = before[1].numerator.unwrap() - after[1].numerator.unwrap();
    assert_eq!(lost, 2, "the field and the whole");
    let apps = after[1]
        .classes
        .iter()
        .find(|class| class.class == "subject_apps");
    assert_eq!(apps.unwrap().numerator, 0);
    // A key that sealed more often than random nonces allow is no protection of what it sealed.
    house
        .damage(true, "UPDATE subject_keys SET seals = 4294967297")
        .await;
    let worn = measure(house, &home, Metric::EncryptionStrength).await;
    assert!(near(worn[1].value, 0.0), "{worn:?}");
    assert!(near(part(&worn[0], "data_keys").0, 0.0));
}

/// A leaf as the spool of a node brings it.
async fn leaf(house: &House, seq: i64, kind: &str, payload: serde_json::Value) {
    let at = house.clock.now().as_millisecond();
    house
        .sql(
            "INSERT INTO audit_events (node, seq, at, kind, tenant, payload) VALUES ('n1', $1, $2, $3, 'acme', $4)",
            values![seq, at, kind, payload.to_string()],
        )
        .await;
}

fn decision(house: &House, action: &str, sent: Option<&str>, count: u32) -> serde_json::Value {
    json!({
        "at": house.clock.now(), "tenant": "acme", "principal": "p", "request_id": "00", "surface": "openai_chat",
        "model": null, "provider": null, "request_hash": null, "sent_hash": sent, "policy": "0",
        "decision": {"action": action, "reason": "masked", "counts": {"EMAIL_ADDRESS": count}, "latency_us": 1},
    })
}

async fn minimisation_counts_what_is_unused_too_fine_and_sent_raw(house: &House) {
    let home = furnish(house).await;
    for (name, fineness) in [
        ("city", Fineness::Characters(3)),
        ("login", Fineness::Characters(2)),
    ] {
        let need = FieldNeed {
            name: name.to_owned(),
            fineness,
            ground: String::new(),
        };
        home.consent.define(&ann(), &need).await.unwrap();
    }
    let who = privet_vault::SubjectRef::Token(home.ada.clone());
    let (by, ground) = (ann(), privet_vault::Ground::Ordinary);
    let read = home.vault.read_fields(&by, &who, &["city"], ground).await;
    let access = read.unwrap().access;
    leaf(house, 1, "vault_read", serde_json::to_value(&access).unwrap()).await;
    leaf(house, 2, "decision", decision(house, "redact", Some("ab"), 3)).await;
    leaf(house, 3, "decision", decision(house, "allow", Some("ab"), 1)).await;
    leaf(house, 4, "decision", decision(house, "block", None, 50)).await;
    let measured = measure(house, &home, Metric::Minimisation).await;
    // Ada has four fields, Bo one; one of Ada's was shown.
    assert_eq!(part(&measured[0], "used_fields"), (Some(0.2), 1, 5));
    // Ulmen and ada are too fine, bo is not.
    assert_eq!(part(&measured[0], "no_finer_than_needed").1, 1);
    assert_eq!(part(&measured[0], "no_finer_than_needed").2, 3);
    assert_eq!(part(&measured[0], "not_sent_raw"), (Some(0.75), 3, 4));
    assert!(
        near(measured[0].value, (0.2 + 1.0 / 3.0 + 0.75) / 3.0),
        "{measured:?}"
    );
}

async fn minimisation_counts_each_field_of_records_once(house: &House) {
    let home = furnish(house).await;
    let used = async || {
        let measured = measure(house, &home, Metric::Minimisation).await;
        part(&measured[0], "used_fields")
    };
    let who = privet_vault::SubjectRef::Token(home.ada.clone());
    let (by, ground) = (ann(), privet_vault::Ground::Ordinary);
    let told = async |seq: i64, access: &privet_vault::Access| {
        assert!(!access.names.iter().any(|name| name.contains("city")));
        leaf(house, seq, "vault_read", serde_json::to_value(access).unwrap()).await;
    };
    // What an application keeps is no field of a record, and a field that is shown again is the same one.
    let app = home.vault.read_app(&by, &who, "shop", ground).await.unwrap();
    told(1, &app.access).await;
    for (seq, fields) in [
        (2, ["city", "login"]),
        (3, ["city", "login"]),
        (4, ["login", "none"]),
    ] {
        let read = home.vault.read_fields(&by, &who, &fields, ground).await.unwrap();
        told(seq, &read.access).await;
    }
    assert_eq!(used().await, (Some(0.4), 2, 5));
    // A read of the record from before it was changed showed so many fields, and nobody knows whether they are these.
    let read = home.vault.read(&by, &who, ground).await.unwrap();
    told(5, &read.access).await;
    assert_eq!(used().await, (Some(0.8), 4, 5));
    house.pass(1);
    let change = json!({"shoe": 41, "hat": 56});
    home.vault.update(&by, &who, &change, None, ground).await.unwrap();
    assert_eq!(used().await, (Some(4.0 / 7.0), 4, 7));
}

async fn minimisation_counts_calls_of_databunkers_interfaces_as_reads(house: &House) {
    let home = furnish(house).await;
    let used = async || {
        let measured = measure(house, &home, Metric::Minimisation).await;
        part(&measured[0], "used_fields")
    };
    let call = |call, why, subject: Option<&privet_vault::SubjectId>, fields| NewCall {
        call,
        why,
        subject: subject.cloned(),
        mode: None,
        app: None,
        note: None,
        fields,
        subjects: 1,
        version: None,
        wrote: None,
        since: None,
    };
    // What was written or refused is no read.
    for new in [
        call("UserUpdate", None, Some(&home.ada), 0),
        call("UserGet", Some("not allowed"), Some(&home.ada), 4),
    ] {
        home.vault.tell_call(&ann(), new).await.unwrap();
    }
    assert_eq!(used().await, (None, 0, 0));
    home.vault
        .tell_call(&ann(), call("UserGet", None, Some(&home.ada), 4))
        .await
        .unwrap();
    // Ada has four fields, Bo one.
    assert_eq!(used().await, (Some(0.8), 4, 5));
    // Of many nobody knows of whom.
    home.vault
        .tell_call(&ann(), call("BulkListUsers", None, None, 9))
        .await
        .unwrap();
    assert_eq!(used().await, (Some(0.8), 4, 5));
    let late = Surroundings {
        since: Some(house.clock.now() + jiff::SignedDuration::from_secs(1)),
        ..around(house).await
    };
    let measured = measures(&home)
        .measure(&ann().tenant, Metric::Minimisation, &late)
        .await
        .unwrap();
    assert_eq!(part(&measured[0], "used_fields").1, 0);
}

async fn what_applications_keep_is_no_field_of_a_record(house: &House) {
    let home = furnish(house).await;
    let who = privet_vault::SubjectRef::Token(home.ada.clone());
    let (by, ground) = (ann(), privet_vault::Ground::Ordinary);
    let data = privet_vault::Record::from_value(json!({"a": 1, "b": 2, "c": 3})).unwrap();
    let put = home.vault.put_app(&by, &who, "club", &data, None, ground).await;
    put.unwrap();
    let data = home.vault.read_app(&by, &who, "club", ground).await.unwrap();
    let version = home.vault.read_app_version(&by, &who, "club", 1, ground).await;
    for (seq, access) in (1..).zip([data.access, version.unwrap().access]) {
        assert_eq!(access.fields, 3);
        leaf(house, seq, "vault_read", serde_json::to_value(&access).unwrap()).await;
    }
    for call in ["AppdataGet", "SessionGet", "TokenGet", "SharedRecordGet"] {
        let shown = NewCall {
            call,
            why: None,
            subject: Some(home.ada.clone()),
            mode: None,
            app: None,
            note: None,
            fields: 3,
            subjects: 1,
            version: None,
            wrote: None,
            since: None,
        };
        home.vault.tell_call(&by, shown).await.unwrap();
    }
    let measured = measure(house, &home, Metric::Minimisation).await;
    assert_eq!(part(&measured[0], "used_fields"), (Some(0.0), 0, 5));
    assert!(!measured[0].excluded.iter().any(|what| what.contains("searches")));
}

async fn what_cannot_be_measured_says_why(house: &House) {
    let home = furnish(house).await;
    let measured = measure(house, &home, Metric::ConsentCompliance).await;
    assert!(
        measured[0]
            .reason
            .as_deref()
            .is_some_and(|why| why.contains("no processing event"))
    );
    let measured = measure(house, &home, Metric::Minimisation).await;
    assert!(measured[0].value.is_none() && measured[0].reason.is_some());
    let no_log = Surroundings {
        log: None,
        ..around(house).await
    };
    let measured = measures(&home)
        .measure(&ann().tenant, Metric::Auditability, &no_log)
        .await
        .unwrap();
    assert!(
        measured[0]
            .reason
            .as_deref()
            .is_some_and(|why| why.contains("not verified"))
    );
    let nobody = actor("nobody", "p").tenant;
    for metric in Metric::ALL {
        let around = around(house).await;
        let measured = measures(&home).measure(&nobody, metric, &around).await.unwrap();
        assert!(
            measured[0].value.is_none() && measured[0].reason.is_some(),
            "{measured:?}"
        );
        assert_eq!(Metric::parse(metric.name()), Some(metric));
    }
    let tenants = house.keyring.status().await.unwrap().tenants;
    assert_eq!(tenants.len(), 1, "measuring makes no keys");
}

async fn auditability_falls_with_what_has_no_leaf_and_is_zero_with_a_gap(house: &House) {
    let home = furnish(house).await;
    let whole = measure(house, &home, Metric::Auditability).await;
    let (coverage, told, rows) = part(&whole[0], "coverage");
    assert!(near(coverage, 1.0) && told == rows && rows > 15, "{whole:?}");
    assert!(near(part(&whole[0], "verified_share").0, 1.0));
    assert!(near(part(&whole[0], "timeliness").0, 1.0), "{whole:?}");
    // The history of consent, definitions and holds among them.
    assert!(near(part(&whole[0], "field_completeness").0, 1.0), "{whole:?}");
    assert!(near(whole[0].value, 1.0), "{whole:?}");
    house
        .sql(
            "INSERT INTO bulk_reads (tenant, id, reason, asked_by, asked_at, records) \
             VALUES ('acme', 'b-1', 'none', 'p', 1, 0)",
            values![],
        )
        .await;
    let less = measure(house, &home, Metric::Auditability).await;
    assert_eq!(part(&less[0], "coverage").1, told);
    assert_eq!(part(&less[0], "coverage").2, rows + 1);
    assert!(less[0].value < whole[0].value);
    // An event that has waited for a position for long.
    leaf(house, 1, "decision", decision(house, "allow", None, 0)).await;
    house.pass(60);
    let late = measure(house, &home, Metric::Auditability).await;
    let (_, timely, leaves) = part(&late[0], "timeliness");
    assert_eq!(leaves - timely, 1, "{late:?}");
    // Number 2 of the node is missing.
    leaf(house, 3, "decision", decision(house, "allow", None, 0)).await;
    sequence(house).await;
    let gap = measure(house, &home, Metric::Auditability).await;
    assert!(near(gap[0].value, 0.0), "{gap:?}");
}

async fn a_sample_has_an_interval(house: &House) {
    let home = furnish(house).await;
    for _ in 0..20 {
        process(&home, house.clock.now()).await;
    }
    let around = Surroundings {
        sample: Some(5),
        ..around(house).await
    };
    let measured = measures(&home)
        .measure(&ann().tenant, Metric::ConsentCompliance, &around)
        .await
        .unwrap();
    let interval = measured[0].interval.unwrap();
    assert_eq!((measured[0].sample_size, measured[0].population), (5, 20));
    assert!(interval.low < 1e-9 && interval.high > 0.3, "{measured:?}");
}

async fn a_long_log_is_verified_by_a_sample(house: &House) {
    let home = furnish(house).await;
    let signer = privet_store::log_signer(&house.root, None).unwrap();
    let drawn = async |most| {
        let check = house.store.check_log(signer.key(), most, &mut |_, _| {}).await;
        check.unwrap()
    };
    let whole = drawn(12).await;
    assert!(whole.position.size > 12 && !whole.is_recomputed, "{whole:?}");
    assert_eq!(
        (whole.sampled, whole.verified, whole.fault_count),
        (Some(12), 12, 0)
    );
    let measured = async |log| {
        let around = Surroundings {
            log: Some(log),
            ..around(house).await
        };
        let mut measured = measures(&home)
            .measure(&ann().tenant, Metric::Auditability, &around)
            .await
            .unwrap();
        measured.remove(0)
    };
    let good = measured(whole).await;
    assert!(near(good.value, 1.0), "{good:?}");
    // 12 of 12, by Wilson: 0.7575 at least.
    let interval = good.interval.unwrap();
    assert!((interval.low - 0.7575_f64.powf(0.25)).abs() < 1e-3 && near(Some(interval.high), 1.0));
    house
        .damage(false, "UPDATE audit_events SET payload = '{}'")
        .await;
    let damaged = drawn(12).await;
    assert_eq!((damaged.verified, damaged.fault_count), (0, 12), "{damaged:?}");
    // The tree is computed whole, whatever is drawn.
    house.damage(false, "DELETE FROM log_tiles").await;
    let bare = drawn(1).await;
    assert!(
        bare.faults
            .iter()
            .any(|fault| matches!(fault, privet_store::LogFault::Tile { .. }))
    );
    assert!(near(measured(bare).await.value, 0.0));
}

async fn of_every_column_it_is_known_what_it_holds(house: &House) {
    let home = furnish(house).await;
    let measured = measure(house, &home, Metric::EncryptionStrength).await;
    let (_, known, all) = part(&measured[0], "known_columns");
    assert_eq!(known, all, "{:?}", measured[0].excluded);
    assert!(column_use("subjects", "nonsense").is_none());
}
