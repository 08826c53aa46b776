//! Signed assessments of providers.

use jiff::{SignedDuration, Timestamp};
use privet_access::{Assessment, AssessmentStatus, Assessments, RecordError, Signer, Training};
use privet_crypto::SigningKey;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
}

fn assessment() -> Assessment {
    Assessment {
        provider: "public".to_owned(),
        contract: "DPA 2026-7".to_owned(),
        retention_days: 30,
        region: "eu".to_owned(),
        training_opt_out: true,
        evidence_sha256: "0123456789abcdef".repeat(4),
        assessor: "Privacy Office".to_owned(),
        issued_at: at(0),
        expires_at: at(365),
    }
}

fn key() -> SigningKey {
    SigningKey::parse(&format!("privet-signing-1:{}", "7".repeat(64))).unwrap()
}

#[test]
fn a_signed_assessment_holds_from_its_issue_to_its_end() {
    let text = assessment().sign(&key()).unwrap();
    let (read, signer) = Assessment::verify(&text, &[Signer::of(&key())]).unwrap();
    assert_eq!((read, signer), (assessment(), Signer::of(&key())));
    let (all, faults) = Assessments::read(&[text], &[Signer::of(&key())]);
    assert!(faults.is_empty(), "{faults:?}");
    for (day, status) in [
        (-1, AssessmentStatus::NotYetValid),
        (0, AssessmentStatus::Valid),
        (364, AssessmentStatus::Valid),
        (365, AssessmentStatus::Expired),
    ] {
        assert_eq!(all.standing("public", at(day)).status(), status, "{day}");
    }
    assert_eq!(all.standing("other", at(1)).status(), AssessmentStatus::Absent);
}

#[test]
fn every_change_of_a_signed_assessment_is_noticed() {
    let text = assessment().sign(&key()).unwrap();
    let signers = [Signer::of(&key())];
    for (from, to) in [
        ("\"public\"", "\"other\""),
        ("\"retention_days\": 30", "\"retention_days\": 0"),
        ("\"eu\"", "\"us\""),
        ("\"training_opt_out\": true", "\"training_opt_out\": false"),
        ("DPA 2026-7", "DPA 2026-8"),
        ("Privacy Office", "Nobody"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let refused = Assessment::verify(&changed, &signers);
        assert!(
            matches!(refused, Err(RecordError::BadSignature { .. })),
            "{from}: {refused:?}"
        );
    }
    let with_more = text.replacen("\"provider\"", "\"extra\": 1, \"provider\"", 1);
    assert!(matches!(
        Assessment::verify(&with_more, &signers),
        Err(RecordError::Shape { .. })
    ));
}

#[test]
fn a_key_that_is_not_listed_signs_nothing_and_the_provider_is_known_for_it() {
    let text = assessment().sign(&SigningKey::generate().unwrap()).unwrap();
    let (all, faults) = Assessments::read(&[text], &[Signer::of(&key())]);
    assert!(matches!(
        faults.as_slice(),
        [(0, RecordError::UnknownSigner { .. })]
    ));
    assert_eq!(
        all.standing("public", at(1)).status(),
        AssessmentStatus::BadSignature
    );
    assert!(!all.standing("public", at(1)).is_valid());
}

#[test]
fn a_signature_under_another_kind_of_record_does_not_count() {
    let training = Training {
        tenant: "default".to_owned(),
        principal: "ann".to_owned(),
        course: "basics".to_owned(),
        trainer: "HR".to_owned(),
        issued_at: at(0),
        expires_at: at(1),
    };
    let training = training.sign(&key()).unwrap();
    let signature = training.split("\"signature\": ").nth(1).unwrap();
    let text = assessment().sign(&key()).unwrap();
    let mixed = format!(
        "{}\"signature\": {signature}",
        text.split("\"signature\": ").next().unwrap()
    );
    let refused = Assessment::verify(&mixed, &[Signer::of(&key())]);
    assert!(
        matches!(refused, Err(RecordError::BadSignature { .. })),
        "{refused:?}"
    );
}

#[test]
fn what_cannot_be_true_is_not_signed() {
    let backwards = Assessment {
        expires_at: at(0),
        ..assessment()
    };
    let no_hash = Assessment {
        evidence_sha256: "none".to_owned(),
        ..assessment()
    };
    for (record, wrong) in [(backwards, "expires_at"), (no_hash, "evidence_sha256")] {
        let refused = record.sign(&key());
        assert!(
            matches!(&refused, Err(RecordError::Field { field, .. }) if *field == wrong),
            "{refused:?}"
        );
    }
}

#[test]
fn of_two_assessments_the_one_that_holds_counts() {
    let earlier = Assessment {
        issued_at: at(-400),
        expires_at: at(-35),
        region: "us".to_owned(),
        ..assessment()
    };
    let texts = [earlier.sign(&key()).unwrap(), assessment().sign(&key()).unwrap()];
    let (all, _) = Assessments::read(&texts, &[Signer::of(&key())]);
    let standing = all.standing("public", at(1));
    assert_eq!(standing.record().unwrap().region, "eu");
    let long_after = at(365).checked_add(SignedDuration::from_secs(1)).unwrap();
    assert_eq!(
        all.standing("public", long_after).status(),
        AssessmentStatus::Expired
    );
}

#[test]
fn a_public_key_survives_being_written_and_read() {
    let signer = Signer::of(&key());
    assert_eq!(signer.to_string().parse(), Ok(signer));
    assert_eq!(
        "privet-verifying-1:77".parse::<Signer>(),
        Err(RecordError::BadKey)
    );
}
