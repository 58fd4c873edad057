//! What browser SDKs need: cross-origin answers, the configurations that they load, beacons and pixels.

use super::*;

const ORIGIN: (&str, &str) = ("origin", "https://app.example.com");

#[actix_web::test]
async fn a_preflight_allows_the_headers_that_it_asks_for() {
    let kit = Kit::new();
    let asked = [
        ORIGIN,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "anonymousid,authorization,content-type,sentat"),
    ];
    for uri in ["/v1/t", "/v1/batch/", "/beacon/v1/batch", "/v1/webhook/app", "/sourceConfig/", "/proxy/v1/track"] {
        let answer = kit.request(Method::OPTIONS, uri, &asked, "").await;
        insta::allow_duplicates! {
            insta::assert_debug_snapshot!((answer.status, &answer.headers), @r#"
            (
                204,
                {
                    "access-control-allow-credentials": "true",
                    "access-control-allow-headers": "anonymousid,authorization,content-type,sentat",
                    "access-control-allow-methods": "GET, POST, PUT, PATCH, OPTIONS",
                    "access-control-allow-origin": "https://app.example.com",
                    "access-control-expose-headers": "Retry-After",
                    "access-control-max-age": "900",
                    "vary": "Origin",
                },
            )
            "#);
        }
    }
}

#[actix_web::test]
async fn good_and_bad_answers_can_be_read_across_origins() {
    let kit = Kit::new();
    for (body, status) in [(TRACK, 200), ("{", 400)] {
        let answer = kit.post("/v1/t", &[BASIC, ORIGIN, ("content-type", "text/plain")], body).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.com"), "{status}");
        assert_eq!(answer.header("access-control-expose-headers"), Some("Retry-After"), "{status}");
    }
    let answer = kit.post("/v1/t", &[BASIC], TRACK).await;
    assert_eq!(answer.header("access-control-allow-origin"), None, "nobody asked");
}

#[actix_web::test]
async fn the_rudderstack_browser_sdk_finds_its_configuration() {
    let kit = Kit::new();
    let query = "p=cdn&v=3.31.6&build=modern&lockIntegrationsVersion=false";
    for (uri, headers) in [
        (format!("/sourceConfig/?{query}&writeKey=key"), vec![ORIGIN]),
        (format!("/sourceConfig?{query}"), vec![ORIGIN, BASIC]),
    ] {
        let answer = kit.request(Method::GET, &uri, &headers, "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.com"));
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(answer.json(), @r#"
            {
              "source": {
                "id": "app",
                "name": "app",
                "enabled": true,
                "workspaceId": "handraiser",
                "config": {
                  "statsCollection": {
                    "errors": {
                      "enabled": false
                    },
                    "metrics": {
                      "enabled": false
                    }
                  }
                },
                "destinations": [],
                "dataplanes": {}
              },
              "version": "0123456789ab"
            }
            "#);
        }
    }
    let wrong = kit.request(Method::GET, "/sourceConfig?writeKey=nope", &[], "").await;
    assert_eq!(wrong.error(), (401, "unknown_write_key".to_owned()));
    assert_eq!(kit.report("(unknown)")["unauthorised"], 1);
}

#[actix_web::test]
async fn segments_sdks_find_their_settings() {
    let kit = Kit::new();
    for uri in ["/v1/projects/key/settings", "/projects/key/settings"] {
        let answer = kit.request(Method::GET, uri, &[("host", "events.example.com:8080")], "").await;
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(answer.json(), @r#"
            {
              "integrations": {
                "Segment.io": {
                  "apiKey": "key",
                  "apiHost": "events.example.com:8080/v1",
                  "protocol": "http"
                }
              },
              "plan": {
                "track": {
                  "__default": {
                    "enabled": true,
                    "integrations": {}
                  }
                }
              },
              "metrics": {
                "sampleRate": 0
              },
              "edgeFunction": {},
              "enabledMiddleware": {},
              "remotePlugins": []
            }
            "#);
        }
    }
    let behind_tls = [("host", "internal:1"), ("x-forwarded-host", "e.example.com"), ("x-forwarded-proto", "https")];
    for (trusted, expected) in
        [(None, ("internal:1/cdp/v1", "http")), (Some("10.0.0.0/8"), ("e.example.com/cdp/v1", "https"))]
    {
        kit.configure(|config| {
            config.server.trusted_proxies = trusted.into_iter().map(|range| range.parse().expect("a range")).collect();
        });
        let mut request = TestRequest::get().uri("/cdp/v1/projects/key/settings");
        request = request.peer_addr(([10, 0, 0, 1], 4711).into());
        for header in behind_tls {
            request = request.insert_header(header);
        }
        let answer = kit.send(request).await.json();
        let segment = &answer["integrations"]["Segment.io"];
        assert_eq!((segment["apiHost"].as_str(), segment["protocol"].as_str()), (Some(expected.0), Some(expected.1)));
    }
    assert_eq!(kit.request(Method::GET, "/projects/nope/settings", &[], "").await.status, 401);
}

#[actix_web::test]
async fn rudderstacks_go_sdk_learns_that_there_is_one_node() {
    let answer = Kit::new().request(Method::GET, "/cluster-info", &[BASIC], "").await;
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"nodeCount": 1})));
}

#[actix_web::test]
async fn a_pixel_is_always_answered_and_its_call_counts() {
    let kit = Kit::new();
    let data = "eyJ3cml0ZUtleSI6ImtleSIsInVzZXJJZCI6InUiLCJldmVudCI6Ik1haWwgT3BlbmVkIn0="; // {"writeKey":"key","userId":"u",…}
    for uri in [
        format!("/v1/pixel/track?data={data}"),
        "/pixel/v1/page?writeKey=key&userId=u&properties.title=Home&name=Start".to_owned(),
        "/v1/pixel/track?writeKey=nope&userId=u&event=e".to_owned(),
        "/v1/pixel/track?writeKey=key&userId=u".to_owned(),
        "/v1/pixel/track".to_owned(),
    ] {
        let answer = kit.request(Method::GET, &uri, &[], "").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/gif")), "{uri}");
        assert!(answer.body.starts_with(b"GIF89a") && answer.body.len() == 43, "{uri}");
        assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")), "{uri}");
    }
    let arrived: Vec<_> = kit.arrived().iter().map(|e| (e["type"].clone(), e["name"].clone())).collect();
    assert_eq!(arrived, [("track".into(), "Mail Opened".into()), ("page".into(), "Start".into())]);
    assert_eq!(kit.report("app")["rejected"], 1);
    assert_eq!(kit.report("(unknown)")["unauthorised"], 2);
}
