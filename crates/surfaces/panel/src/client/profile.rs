//! `client/subscribe` and `/{subscribe_path}/{token}` (specs/panel-nodes.md N1).

use axum::{body::Body, response::Response};
use gatehouse_domain::{
    Ctx,
    panel::profile::{self, Wish},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::Input,
};

/// Gives the profile of a token. Errors: 403 for no and for an unknown token; 429.
pub(super) async fn subscribe(call: &Call) -> Outcome {
    let token = call.input.text("token").unwrap_or_default();
    let response = fetch(&call.ctx, &token, &call.method, &call.headers, &call.input).await?;
    Ok(Answer::Raw(Box::new(response)))
}

/// The same for a path.
pub(crate) async fn by_path(
    ctx: &Ctx,
    token: &str,
    method: &Method,
    headers: &HeaderMap,
    query: &str,
) -> Result<Response, Failure> {
    // What cannot be read is ignored, as every unknown parameter is.
    let input = Input::read(&HeaderMap::new(), query, &[]).unwrap_or_default();
    fetch(ctx, token, method, headers, &input).await
}

async fn fetch(
    ctx: &Ctx,
    token: &str,
    method: &Method,
    headers: &HeaderMap,
    input: &Input,
) -> Result<Response, Failure> {
    let (flag, types, filter) = (input.text("flag"), input.text("types"), input.text("filter"));
    let wish = Wish {
        user_agent: headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default(),
        flag: flag.as_deref(),
        types: types.as_deref(),
        filter: filter.as_deref(),
    };
    let mut response = Response::new(Body::empty());
    if let Some(document) = profile::fetch(ctx, token, &wish).await? {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(document.content_type));
        for (name, value) in &document.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        if method != Method::HEAD {
            *response.body_mut() = Body::from(document.body);
        }
    } else {
        // Nothing that an app could take for a profile: it keeps its last one.
        *response.status_mut() = StatusCode::FORBIDDEN;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}
