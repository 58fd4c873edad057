//! The OpenAPI document, made from the handlers themselves, and the viewer at `/docs`.

use actix_web::App;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, Response, ResponseBuilder, SecurityRequirement};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::SwaggerUi;

use super::{admin, health, metrics};

/// Where the document is served.
pub const DOCUMENT_PATH: &str = "/openapi.json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Handraiser",
        description = "Operate Handraiser: leads and why they qualified, deliveries, rejected events, subjects, and the \
                       state of the server. Every path below `/admin/v1` needs the bearer token `server.admin_token` of \
                       the configuration.",
    ),
    tags(
        (name = "leads", description = "Product-qualified leads"),
        (name = "subjects", description = "Users and accounts: where they stand, what is stored, forgetting them"),
        (name = "reps", description = "When reps are away"),
        (name = "deliveries", description = "Deliveries to destinations"),
        (name = "events", description = "Events and their sources"),
        (name = "system", description = "Configuration and queues"),
        (name = "health", description = "For load balancers and monitoring; no token"),
    ),
)]
struct Base;

/// Adds everything that the document describes.
pub fn configure(config: &mut ServiceConfig) {
    configure_health(config);
    config.service(metrics::scrape);
    admin::configure(config);
}

/// Adds what load balancers ask for, and nothing else.
pub fn configure_health(config: &mut ServiceConfig) {
    config.service(health::health).service(health::ready);
}

/// The document.
pub fn document() -> OpenApi {
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(<Base as utoipa::OpenApi>::openapi())
        .configure(configure)
        .split_for_parts();
    require_token(&mut document);
    document
}

/// The viewer at `/docs`, and the document itself.
pub fn viewer() -> SwaggerUi {
    SwaggerUi::new("/docs/{_:.*}").url(DOCUMENT_PATH, document())
}

/// What every path of the admin API may answer besides its own.
const REFUSALS: [(&str, &str); 4] = [
    ("401", "the token is missing or wrong"),
    ("403", "no token is configured"),
    ("429", "too many wrong tokens came from this address"),
    ("503", "the store does not answer"),
];

fn refusal(description: &str) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
    ResponseBuilder::new().description(description).content("application/json", body).build()
}

/// Says of every path of the admin API that it needs the token, and what it answers without.
fn require_token(document: &mut OpenApi) {
    let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    document.components.get_or_insert_default().add_security_scheme("token", scheme);
    let guarded = document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with(admin::BASE));
    for (_, item) in guarded {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
            for (status, description) in REFUSALS {
                operation.responses.responses.insert(status.to_owned(), refusal(description).into());
            }
        }
    }
}
