//! Imports from files.

use std::future::Future;
use std::io::Cursor;
use std::pin::Pin;
use std::sync::Arc;

use privet_types::TenantId;
use privet_vault::{
    ErasedList, Error, Identifier, ImportFormat, ImportLimits, ImportOptions, ImportReport, Vault,
};
use serde_json::json;

use crate::support::{House, ann, by, on_both_databases};

on_both_databases! {
    a_csv_is_imported_and_bad_lines_are_told_of
    json_lines_are_imported_over_several_batches
    a_dry_run_tells_the_same_and_stores_nothing
    an_import_goes_on_where_it_was_stopped
    erased_people_do_not_come_back
    a_file_that_ends_in_a_quote_keeps_what_was_told_of
}

const CSV: ImportFormat = ImportFormat::Csv { delimiter: b',' };

fn options(format: ImportFormat) -> ImportOptions {
    ImportOptions {
        format,
        is_dry_run: false,
        first_line: 1,
        limits: ImportLimits::default(),
    }
}

async fn import(vault: &Vault, text: &str, options: ImportOptions) -> Result<ImportReport, Error> {
    vault
        .import(&ann(), Cursor::new(text.to_owned()), options, |_| {})
        .await
}

fn lines(report: &ImportReport) -> Vec<(u64, Option<&str>)> {
    report
        .errors
        .iter()
        .map(|error| (error.line, error.field.as_deref()))
        .collect()
}

const PEOPLE: &str = "login,email,age\n\
    ann,ann@example.org,41\n\
    bob,no address,42\n\
    cid,cid@example.org\n\
    ann,again@example.org,43\n\
    dan,dan@example.org,44\n";

async fn a_csv_is_imported_and_bad_lines_are_told_of(house: &House) {
    house.subject(json!({"email": "dan@example.org"})).await;
    let report = import(&house.vault, PEOPLE, options(CSV)).await.unwrap();
    assert_eq!(
        lines(&report),
        [
            (3, Some("email")),
            (4, None),
            (5, Some("login")),
            (6, Some("email"))
        ]
    );
    assert_eq!(
        (
            report.progress.created,
            report.progress.refused,
            report.progress.next_line
        ),
        (1, 4, 7)
    );
    assert!(
        report
            .errors
            .iter()
            .all(|error| !error.why.contains("address\"") && !error.why.contains("dan"))
    );
    let expected = json!({"login": "ann", "email": "ann@example.org", "age": "41"});
    assert_eq!(house.read(&by("login", "ann")).await.unwrap(), expected);
}

async fn json_lines_are_imported_over_several_batches(house: &House) {
    let text: String = (0..1203)
        .map(|n| format!("{{\"login\":\"n{n}\",\"age\":{n}}}\n"))
        .collect();
    let mut told = Vec::new();
    let report = house
        .vault
        .import(
            &ann(),
            Cursor::new(text),
            options(ImportFormat::JsonLines),
            |progress| told.push(progress.next_line),
        )
        .await
        .unwrap();
    assert_eq!((report.progress.created, report.progress.refused), (1203, 0));
    assert_eq!(told, [501, 1001, 1204]);
    assert_eq!(house.vault.count(&ann()).await.unwrap(), 1203);
    assert_eq!(house.leaves().await.len(), 1203);
    assert_eq!(
        house.read(&by("login", "n777")).await.unwrap(),
        json!({"login": "n777", "age": 777})
    );
}

async fn a_dry_run_tells_the_same_and_stores_nothing(house: &House) {
    let dry = ImportOptions {
        is_dry_run: true,
        ..options(CSV)
    };
    let looked = import(&house.vault, PEOPLE, dry).await.unwrap();
    assert_eq!(house.vault.count(&ann()).await.unwrap(), 0);
    assert!(house.leaves().await.is_empty());
    assert_eq!(import(&house.vault, PEOPLE, options(CSV)).await.unwrap(), looked);
}

async fn an_import_goes_on_where_it_was_stopped(house: &House) {
    let text: String = (0..20).map(|n| format!("{{\"age\":{n}}}\n")).collect();
    let rest = ImportOptions {
        first_line: 16,
        ..options(ImportFormat::JsonLines)
    };
    let report = import(&house.vault, &text, rest).await.unwrap();
    assert_eq!((report.progress.created, report.progress.next_line), (5, 21));
}

/// Knows one login.
struct Erased(&'static str);

impl ErasedList for Erased {
    fn are_erased<'a>(
        &'a self,
        _: &'a TenantId,
        people: &'a [Vec<Identifier>],
    ) -> Pin<Box<dyn Future<Output = Result<Vec<bool>, Error>> + Send + 'a>> {
        let is_erased = |person: &Vec<Identifier>| {
            person
                .iter()
                .any(|id| id.field == "login" && id.value.expose() == self.0)
        };
        Box::pin(async move { Ok(people.iter().map(is_erased).collect()) })
    }
}

async fn erased_people_do_not_come_back(house: &House) {
    let vault = house.vault.clone().with_erased_list(Arc::new(Erased("ann")));
    let report = import(&vault, "login,age\nANN,1\nbob,2\n", options(CSV))
        .await
        .unwrap();
    assert_eq!(lines(&report), [(2, None)]);
    assert!(house.read(&by("login", "ann")).await.is_err());
    assert!(house.read(&by("login", "bob")).await.is_ok());
}

async fn a_file_that_ends_in_a_quote_keeps_what_was_told_of(house: &House) {
    let mut text = "login\n".to_owned();
    text.extend((0..600).map(|n| format!("n{n}\n")));
    text += "\"never\nended\n";
    let mut told = 0;
    let ended = house
        .vault
        .import(&ann(), Cursor::new(text), options(CSV), |progress| {
            told = progress.created;
        })
        .await;
    assert!(
        matches!(ended, Err(Error::BadImport { line: 602, .. })),
        "{ended:?}"
    );
    assert_eq!((told, house.vault.count(&ann()).await.unwrap()), (500, 500));
}
