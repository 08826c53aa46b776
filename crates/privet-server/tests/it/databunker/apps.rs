use serde_json::{Value, json};

use super::{assert_ok, assert_refused, bunkers, who};

#[tokio::test]
async fn application_data_have_versions_until_they_are_deleted() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let app = |more: Value| {
            let mut body = who(&token, json!({"appname": "Shop"}));
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            body
        };
        let absent = bunker
            .v2("AppdataUpdate", app(json!({"appdata": {"a": 1}})))
            .await;
        assert_refused(&absent, 404);
        bunker
            .good("AppdataCreate", app(json!({"appdata": {"a": 1, "b": 2}})))
            .await;
        bunker
            .good("AppdataUpdate", app(json!({"appdata": {"b": null}})))
            .await;
        assert_ok(
            &bunker
                .put(
                    "userapp/login/ada/shop",
                    json!([{"op": "add", "path": "/c", "value": []}]),
                )
                .await,
        );
        let now = bunker.good("AppdataGet", app(json!({}))).await;
        assert_eq!(
            (&now["appdata"], &now["version"]),
            (&json!({"a": 1, "c": []}), &json!(3))
        );
        let first = bunker.good("AppdataGet", app(json!({"version": 1}))).await;
        assert_eq!(
            (&first["appdata"], &first["version"]),
            (&json!({"a": 1, "b": 2}), &json!(1))
        );
        let listed = bunker.good("AppdataListVersions", app(json!({}))).await;
        let rows = listed["versions"].as_array().unwrap();
        assert_eq!(
            rows.iter().map(|row| &row["version"]).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_refused(&bunker.v2("AppdataGet", app(json!({"version": 4}))).await, 404);
        let names = assert_ok(&bunker.get("userapps").await);
        assert_eq!(names["apps"], json!(["shop"]));
        assert_ok(&bunker.delete("userapp/login/ada/shop").await);
        assert_refused(&bunker.v2("AppdataListVersions", app(json!({}))).await, 404);
        assert_refused(&bunker.v2("AppdataGet", app(json!({"version": 1}))).await, 404);
        // A new one begins anew.
        bunker
            .good("AppdataCreate", app(json!({"appdata": {"z": 1}})))
            .await;
        let again = bunker.good("AppdataListVersions", app(json!({}))).await;
        assert_eq!(again["versions"].as_array().unwrap().len(), 1);
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_name_that_is_none_of_an_application_is_refused_by_field() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        for app in ["", "9lives", "a b", "ä", "../user"] {
            let body = who(&token, json!({"appname": app, "appdata": {"a": 1}}));
            let refused = bunker.v2("AppdataCreate", body).await;
            assert!(assert_refused(&refused, 400).contains("appname"), "{app}");
        }
        bunker.end().await;
    }
}
