//! Style and script, built in. Their addresses change with their content, so that browsers keep them.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use std::sync::LazyLock;

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/page.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// A part of the addresses of both.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all = [STYLE, SCRIPT, ICON].concat();
    let digest = digest(&SHA256, all.as_bytes());
    data_encoding::HEXLOWER.encode(digest.as_ref().get(..6).unwrap_or_default())
});

/// `/assets/{version}/{name}`.
pub(crate) async fn asset(Path((version, name)): Path<(String, String)>) -> Response {
    let (kind, text) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "page.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return (StatusCode::NOT_FOUND, "404: Not found\n").into_response(),
    };
    let keep = if version == *VERSION {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, keep)], text).into_response()
}
