//! What browsers are served.

use reqwest::{StatusCode, redirect::Policy};

use crate::support::TestServer;

#[tokio::test]
async fn the_server_is_healthy_and_every_answer_is_taken_at_its_word() {
    let server = TestServer::start().await;
    let answer = server.get("/healthz").await;
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let health: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(health["status"], "ok");
    server.stop().await;
}

#[tokio::test]
async fn pages_come_with_a_policy_and_the_shim_for_every_origin() {
    let server = TestServer::start().await;
    // Whether or not the pages are built here: their headers are the server's.
    let guest = server.get("/join/r1?i=x.y").await;
    assert!(guest.headers().contains_key("content-security-policy"));
    assert_eq!(guest.headers()["referrer-policy"], "no-referrer");
    let shim = server.get("/starter/EXEStarter.js").await;
    assert_eq!(shim.headers()["access-control-allow-origin"], "*");
    for path in ["/starter/nothing.js", "/guest/index.html", "/guest/..%2f..%2fpackage.json", "/crm/../Cargo.toml"] {
        assert_eq!(server.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let calm = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let home = calm.get(server.url("/")).send().await.unwrap();
    assert_eq!(home.headers()["location"], "/crm/");
    server.stop().await;

    let server = TestServer::with(|config| config.web.demo = false).await;
    assert_eq!(server.get("/crm/").await.status(), StatusCode::NOT_FOUND);
    server.stop().await;
}
