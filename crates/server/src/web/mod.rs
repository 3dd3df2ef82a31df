//! The pages: the shim for CRM pages (`/starter/`), the demo CRM page (`/crm/`) and the guest page (`/join/{roomID}`).
//!
//! Release builds carry them inside; other builds read them from `ui/*/dist`, so that a page can be rebuilt while the
//! server runs.

use std::borrow::Cow;
use std::fmt::Write;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use rust_embed::{EmbeddedFile, RustEmbed};
use url::Url;

#[derive(RustEmbed)]
#[folder = "../../ui/starter/dist"]
#[allow_missing = true]
struct Starter;

#[derive(RustEmbed)]
#[folder = "../../ui/crm/dist"]
#[allow_missing = true]
struct Crm;

#[derive(RustEmbed)]
#[folder = "../../ui/guest/dist"]
#[allow_missing = true]
struct Guest;

/// What customers' pages load.
const SHIM: &str = "EXEStarter.js";
/// What to do where a page was not built.
pub const BUILD: &str = "run `npm ci && npm run build` in ui/ (and build beckond again, if it is a release build)";

/// What is served.
#[derive(Debug, Clone)]
pub struct Pages {
    /// Whether the demo is.
    pub demo: bool,
    /// A LiveKit server that the guest page connects to.
    pub livekit: Option<Url>,
}

/// How long browsers may keep a file without asking.
#[derive(Clone, Copy)]
enum Keep {
    /// Its name changes with its content.
    Forever,
    /// Ask each time whether it changed.
    Ask,
}

impl Pages {
    /// The routes.
    pub fn router(self) -> Router {
        let mut router = Router::new()
            .route("/starter/{*file}", get(starter).options(starter_preflight))
            .route("/join/{room}", get(guest_page))
            .route("/guest/{*file}", get(guest_file));
        router = if self.demo {
            router
                .route("/", get(|| async { Redirect::temporary("/crm/") }))
                .route("/crm", get(|| async { Redirect::permanent("/crm/") }))
                .route("/crm/", get(crm_page))
                .route("/crm/{*file}", get(crm_file))
        } else {
            router
        };
        router.with_state(self)
    }

    /// The pages of those it serves that were not built.
    pub fn missing(&self) -> Vec<&'static str> {
        let crm = !self.demo || Crm::get("index.html").is_some();
        [("starter", Starter::get(SHIM).is_some()), ("guest", Guest::get("index.html").is_some()), ("crm", crm)]
            .into_iter()
            .filter_map(|(page, is_there)| (!is_there).then_some(page))
            .collect()
    }

    /// What a page of ours may do: run its own scripts, talk to this server, to the app on this machine and to where
    /// rooms run, and open `beckon:`.
    fn policy(&self) -> String {
        let mut policy = String::from(
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
             img-src 'self' data: blob: https: http:; media-src 'self' blob: data: mediastream:; worker-src 'self' blob:; \
             manifest-src 'self'; frame-src 'self' beckon:; form-action 'self'; base-uri 'none'; object-src 'none'; \
             frame-ancestors 'self'; connect-src 'self' ws: wss:",
        );
        if let Some(url) = &self.livekit
            && let Some(host) = url.host_str()
        {
            let scheme = if matches!(url.scheme(), "https" | "wss") { "https" } else { "http" };
            // Writing to a string cannot fail.
            let _ = match url.port() {
                Some(port) => write!(policy, " {scheme}://{host}:{port}"),
                None => write!(policy, " {scheme}://{host}"),
            };
        }
        policy
    }
}

async fn starter(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let mut response = answer("starter", Starter::get(&file), &file, Keep::Ask, &headers);
    open_to_all(response.headers_mut());
    response
}

/// Any page may load the shim: that is what it is for.
fn open_to_all(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
}

async fn starter_preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    open_to_all(response.headers_mut());
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
    response
}

async fn guest_page(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    pages.page("guest", Guest::get("index.html"), &headers)
}

async fn guest_file(State(pages): State<Pages>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    if file == "index.html" {
        return StatusCode::NOT_FOUND.into_response();
    }
    pages.file("guest", Guest::get(&file), &file, &headers)
}

async fn crm_page(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    pages.page("crm", Crm::get("index.html"), &headers)
}

async fn crm_file(State(pages): State<Pages>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    if file == "index.html" {
        return pages.page("crm", Crm::get("index.html"), &headers);
    }
    pages.file("crm", Crm::get(&file), &file, &headers)
}

impl Pages {
    fn page(&self, name: &str, file: Option<EmbeddedFile>, headers: &HeaderMap) -> Response {
        let mut response = answer(name, file, "index.html", Keep::Ask, headers);
        let headers = response.headers_mut();
        if let Ok(policy) = HeaderValue::from_str(&self.policy()) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        // The guest page's address holds an invitation.
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(self), microphone=(self), display-capture=(self)"),
        );
        response
    }

    fn file(&self, name: &str, file: Option<EmbeddedFile>, path: &str, headers: &HeaderMap) -> Response {
        // Vite puts what has its hash in its name under assets/.
        let keep = if path.starts_with("assets/") { Keep::Forever } else { Keep::Ask };
        answer(name, file, path, keep, headers)
    }
}

fn answer(page: &str, file: Option<EmbeddedFile>, path: &str, keep: Keep, asked: &HeaderMap) -> Response {
    let Some(file) = file else {
        let entry = matches!(path, "index.html" | SHIM);
        return if entry {
            let text = format!("This beckond was built without its page \"{page}\": {BUILD}.\n");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        } else {
            StatusCode::NOT_FOUND.into_response()
        };
    };
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in &file.metadata.sha256_hash()[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    let kept = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == tag);
    let mut response = if kept {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = match file.data {
            Cow::Borrowed(bytes) => axum::body::Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let mut response = bytes.into_response();
        let kind = match file.metadata.mimetype() {
            // Text without its encoding is read as the reader's country likes.
            kind if kind.starts_with("text/") && !kind.contains("charset") => format!("{kind}; charset=utf-8"),
            kind => kind.to_owned(),
        };
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        response
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    let keep = match keep {
        Keep::Forever => "public, max-age=31536000, immutable",
        Keep::Ask => "no-cache",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rust_embed::Metadata;

    fn file(text: &'static str, kind: &'static str) -> Option<EmbeddedFile> {
        let metadata = Metadata::__rust_embed_new([7; 32], None, None, kind);
        Some(EmbeddedFile { data: Cow::Borrowed(text.as_bytes()), metadata })
    }

    #[test]
    fn files_with_a_hash_in_their_name_are_kept_and_others_asked_for() {
        let pages = Pages { demo: true, livekit: None };
        let asset = pages.file("crm", file("x", "text/javascript"), "assets/index-abc.js", &HeaderMap::new());
        assert!(asset.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        assert_eq!(asset.headers()["content-type"], "text/javascript; charset=utf-8");
        let page = pages.page("crm", file("x", "text/html"), &HeaderMap::new());
        assert_eq!(page.headers()["cache-control"], "no-cache");
        assert!(page.headers().contains_key("content-security-policy"));

        let mut again = HeaderMap::new();
        again.insert(header::IF_NONE_MATCH, page.headers()["etag"].clone());
        assert_eq!(pages.page("crm", file("x", "text/html"), &again).status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn a_page_that_was_not_built_says_so() {
        assert_eq!(answer("crm", None, "index.html", Keep::Ask, &HeaderMap::new()).status(), 503);
        assert_eq!(answer("crm", None, "x.png", Keep::Ask, &HeaderMap::new()).status(), 404);
    }

    #[test]
    fn a_demo_that_is_not_served_is_not_missed() {
        let missing = |demo| Pages { demo, livekit: None }.missing();
        assert!(!missing(false).contains(&"crm"));
        // Built or not: what is missing is what is answered with 503.
        assert_eq!(missing(true).contains(&"crm"), Crm::get("index.html").is_none());
        assert_eq!(missing(true).contains(&"guest"), Guest::get("index.html").is_none());
    }

    #[test]
    fn the_policy_lets_the_guest_page_reach_an_external_livekit() {
        let pages = Pages { demo: false, livekit: Some("wss://lk.example.com:7443".parse().unwrap()) };
        assert!(pages.policy().ends_with("ws: wss: https://lk.example.com:7443"));
    }
}
