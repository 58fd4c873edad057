//! The token that requests carry: asked for when there is none, kept for a while, and asked for anew when it is refused.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::jwt;
use super::org::{Login, Salesforce};
use crate::crm::exchange::{Request, Response, excerpt};
use crate::crm::retry::{Failure, Verdict};
use crate::crm::session::Session;
use crate::secret::Secret;
use crate::time::Millis;

/// What the token is called among what is known of the destination.
const TOKEN: &str = "token";
/// What the organisation's id is called there.
pub(super) const ORGANIZATION: &str = "organization";
/// How long a token is used. How long it holds is a setting of the org; a refused one is renewed before that.
const HOLD: Duration = Duration::from_hours(1);
/// For how long an assertion may be used, in seconds: Salesforce allows five minutes.
const ASSERTED: i64 = 180;

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Whose it is: `https://login.salesforce.com/id/00D…/005…`.
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Sends a request with a token. A token that is refused is renewed, once.
///
/// # Errors
/// When there is no answer, or no token.
pub async fn call(org: &Salesforce, session: &Session<'_>, request: Request) -> Result<Response, Failure> {
    if let Some(token) = session.known(TOKEN) {
        let answer = session.send(request.clone().bearer(&Secret::new(&token))).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        session.unlearn(TOKEN);
    }
    let token = token(org, session).await?;
    session.send(request.bearer(&token)).await
}

async fn token(org: &Salesforce, session: &Session<'_>) -> Result<Secret, Failure> {
    let answer = session.send(asking(org, session.now())?).await?;
    let Some(granted) = answer.json::<Granted>().filter(|_| answer.is_success()) else {
        return Err(denied(&answer, session.now()));
    };
    if let Some(organization) = granted.id.rsplit('/').nth(1).filter(|id| id.starts_with("00D")) {
        session.learn(ORGANIZATION, organization, HOLD);
    }
    session.learn(TOKEN, granted.access_token.as_str(), HOLD);
    Ok(Secret::new(&granted.access_token))
}

fn asking(org: &Salesforce, now: Millis) -> Result<Request, Failure> {
    let mut url = org.url.clone();
    url.set_path(&format!("{}services/oauth2/token", org.url.path()));
    let mut request = Request::new(Method::POST, url)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let mut form = Serializer::new(String::new());
    match &org.login {
        Login::Secret(secret) => {
            form.append_pair("grant_type", "client_credentials");
            let proof = STANDARD.encode(format!("{}:{}", org.client_id, secret.expose()));
            if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {proof}")) {
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
        }
        Login::Jwt { key, user, audience } => {
            let until = now.0.div_euclid(Millis::SECOND) + ASSERTED;
            let claims = json!({ "iss": &*org.client_id, "sub": &**user, "aud": &**audience, "exp": until });
            let assertion = jwt::assertion(key, &claims)
                .map_err(|error| Failure::here(Verdict::Failed, format!("`jwt.key`: {error}"), "key"))?;
            form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
            form.append_pair("assertion", &assertion);
        }
    }
    request.body = form.finish().into_bytes();
    Ok(request)
}

/// Why there is no token. It concerns every delivery, so all of them wait until it is fixed.
fn denied(answer: &Response, now: Millis) -> Failure {
    let Some(denied) = answer.json::<Denied>() else {
        return Failure {
            verdict: Verdict::Failed,
            ..Failure::answered(answer, token_error(&answer.status_line()), now)
        };
    };
    let said = excerpt(&denied.error_description);
    let text = token_error(&format!("{} ({said}); {}", excerpt(&denied.error), fix(&denied.error)));
    Failure::denied(text, "no token")
}

fn token_error(what: &str) -> String {
    format!("Salesforce gives no token: {what}")
}

fn fix(error: &str) -> &'static str {
    match error {
        "invalid_client_id" | "invalid_client" => {
            "`client_id` and `client_secret` are the consumer key and secret of an external client app in this org; `url` is the org's own \
             domain"
        }
        "invalid_grant" => {
            "the app's policies must name a user to run as (client credentials), or allow the user of `jwt` by profile and hold the \
             certificate of its key; `jwt.audience` is https://test.salesforce.com for a sandbox"
        }
        "unsupported_grant_type" | "invalid_request" => {
            "enable the client credentials flow, or the JWT bearer flow, of the app"
        }
        _ => "see the app's policies, and the user's login history",
    }
}
