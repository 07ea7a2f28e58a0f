//! The live pages, embedded in the binary. They ask no other host for anything, and their
//! Content-Security-Policy lets them ask none: no inline script or style, no `eval`, no frame.
//!
//! A file is served if it stands in [`FILES`], and only then. Pages are under `/`, `/ops` and `/docs`;
//! whatever they load under `/ui/`.

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// A file of the pages.
struct File {
    /// Where it is served.
    path: &'static str,
    /// `Content-Type`.
    content_type: &'static str,
    /// What it is.
    bytes: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Every file. A new one needs a line here.
const FILES: &[File] = &[
    File { path: "/", content_type: HTML, bytes: include_bytes!("../ui/index.html") },
    File { path: "/ops", content_type: HTML, bytes: include_bytes!("../ui/ops.html") },
    File { path: "/docs", content_type: HTML, bytes: include_bytes!("../ui/docs.html") },
    File { path: "/ui/base.css", content_type: CSS, bytes: include_bytes!("../ui/base.css") },
    File {
        path: "/ui/customer.css",
        content_type: CSS,
        bytes: include_bytes!("../ui/customer.css"),
    },
    File { path: "/ui/docs.css", content_type: CSS, bytes: include_bytes!("../ui/docs.css") },
    File { path: "/ui/ops.css", content_type: CSS, bytes: include_bytes!("../ui/ops.css") },
    File { path: "/ui/icon.svg", content_type: SVG, bytes: include_bytes!("../ui/icon.svg") },
    File { path: "/ui/api.js", content_type: JS, bytes: include_bytes!("../ui/api.js") },
    File { path: "/ui/chat.js", content_type: JS, bytes: include_bytes!("../ui/chat.js") },
    File { path: "/ui/city-map.js", content_type: JS, bytes: include_bytes!("../ui/city-map.js") },
    File { path: "/ui/counters.js", content_type: JS, bytes: include_bytes!("../ui/counters.js") },
    File { path: "/ui/customer.js", content_type: JS, bytes: include_bytes!("../ui/customer.js") },
    File { path: "/ui/docs.js", content_type: JS, bytes: include_bytes!("../ui/docs.js") },
    File { path: "/ui/format.js", content_type: JS, bytes: include_bytes!("../ui/format.js") },
    File { path: "/ui/fragment.js", content_type: JS, bytes: include_bytes!("../ui/fragment.js") },
    File { path: "/ui/geometry.js", content_type: JS, bytes: include_bytes!("../ui/geometry.js") },
    File { path: "/ui/glide.js", content_type: JS, bytes: include_bytes!("../ui/glide.js") },
    File { path: "/ui/ground.js", content_type: JS, bytes: include_bytes!("../ui/ground.js") },
    File { path: "/ui/ops.js", content_type: JS, bytes: include_bytes!("../ui/ops.js") },
    File {
        path: "/ui/order-map.js",
        content_type: JS,
        bytes: include_bytes!("../ui/order-map.js"),
    },
    File { path: "/ui/pins.js", content_type: JS, bytes: include_bytes!("../ui/pins.js") },
    File { path: "/ui/progress.js", content_type: JS, bytes: include_bytes!("../ui/progress.js") },
    File { path: "/ui/receipt.js", content_type: JS, bytes: include_bytes!("../ui/receipt.js") },
    File {
        path: "/ui/server-clock.js",
        content_type: JS,
        bytes: include_bytes!("../ui/server-clock.js"),
    },
    File { path: "/ui/sign-in.js", content_type: JS, bytes: include_bytes!("../ui/sign-in.js") },
    File { path: "/ui/stage.js", content_type: JS, bytes: include_bytes!("../ui/stage.js") },
    File { path: "/ui/statuses.js", content_type: JS, bytes: include_bytes!("../ui/statuses.js") },
    File { path: "/ui/steering.js", content_type: JS, bytes: include_bytes!("../ui/steering.js") },
    File { path: "/ui/tracking.js", content_type: JS, bytes: include_bytes!("../ui/tracking.js") },
    File {
        path: "/ui/waiting-room.js",
        content_type: JS,
        bytes: include_bytes!("../ui/waiting-room.js"),
    },
];

/// What a page may load and whom it may ask: this host, nobody else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PERMISSIONS_POLICY: &str = "geolocation=(), camera=(), microphone=(), payment=()";

/// The routes of the pages.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, file| {
        let etag = etag(file.bytes);
        router.route(file.path, get(move |headers: HeaderMap| answer(file, etag, headers)))
    })
}

async fn answer(file: &'static File, etag: u64, headers: HeaderMap) -> Response {
    let etag = format!("\"{etag:016x}\"");
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen == etag.as_str());
    let fixed: [(HeaderName, &'static str); 7] = [
        (header::CONTENT_TYPE, file.content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { file.bytes.into_response() };
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// FNV-1a: tells one build's file from another's, and is no secret.
fn etag(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str, etag: Option<&HeaderValue>) -> Response {
        let mut request = Request::get(path);
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        routes::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn every_file_is_served_under_a_strict_policy_and_named_by_its_content() {
        for file in FILES {
            let first = get(file.path, None).await;
            assert_eq!(first.status(), StatusCode::OK, "{}", file.path);
            let policy = &first.headers()[header::CONTENT_SECURITY_POLICY];
            assert!(policy.to_str().unwrap().starts_with("default-src 'none'"));
            assert!(!policy.to_str().unwrap().contains("unsafe"));
            let etag = first.headers()[header::ETAG].clone();
            let body = first.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, file.bytes);
            assert_eq!(get(file.path, Some(&etag)).await.status(), StatusCode::NOT_MODIFIED);
        }
        assert_eq!(get("/ui/../Cargo.toml", None).await.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn no_file_asks_another_host_or_carries_inline_script_or_style() {
        for file in FILES {
            let Ok(text) = std::str::from_utf8(file.bytes) else { continue };
            for (nth, line) in text.lines().enumerate() {
                let names_a_host = line.contains("http://") || line.contains("https://");
                // The name of a vocabulary is no address that anything is loaded from.
                let vocabulary = line.contains("http://www.w3.org/");
                assert!(!names_a_host || vocabulary, "{}:{}", file.path, nth + 1);
                if file.content_type == HTML {
                    let inline = line.contains("<style") || line.contains(" style=");
                    assert!(!inline, "{}:{}", file.path, nth + 1);
                    let script = line.contains("<script") && !line.contains("src=");
                    assert!(!script, "{}:{}", file.path, nth + 1);
                }
            }
        }
    }
}
