//! The HTTP side of a running server.

use std::any::Any;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use tracing::Instrument as _;
use utoipa_actix_web::AppExt as _;

use crate::http::{AppState, edge, openapi};

/// Senders keep connections for a while; load balancers commonly close theirs after 60 s and must not find ours closed first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What is answered at an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Ingestion, health, and all that operators ask for.
    Whole,
    /// Ingestion and health.
    Public,
    /// What operators ask for, and health.
    Admin,
}

/// How to listen.
#[derive(Clone, Copy)]
pub(super) struct Listening {
    pub threads: Option<usize>,
    /// Whether there is a span around each request.
    pub traced: bool,
}

/// One address that is listened at.
pub(super) struct Web {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Web {
    /// Listens and answers.
    pub(super) fn start(side: Side, listen: SocketAddr, how: Listening, state: &AppState) -> std::io::Result<Self> {
        let (app, state) = (Data::new(state.clone()), state.clone());
        let mut server = HttpServer::new(move || {
            App::new()
                .app_data(Data::clone(&app))
                .into_utoipa_app()
                .configure(move |config| documented(side, config))
                .into_app()
                .configure(move |config| undocumented(side, config))
                .wrap(Condition::new(how.traced, from_fn(trace)))
                .wrap(from_fn(edge::around))
        });
        if let Some(threads) = how.threads {
            server = server.workers(threads);
        }
        let server = server
            .on_connect(move |io, data| take_up(&state, io, data))
            // Ours is the bound that counts: at this one, new connections would wait unheard.
            .max_connections(1_000_000)
            .tcp_nodelay(true)
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .disable_signals()
            .bind(listen)?;
        let address = server.addrs().first().copied().unwrap_or(listen);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the HTTP server ended");
            }
        });
        Ok(Self { address, handle })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections; those that are there go on.
    pub(super) async fn pause(&self) {
        self.handle.pause().await;
    }

    /// Ends at once. Whoever wants answers to arrive waits for them first: a graceful stop of the HTTP server itself would
    /// wait for connections that are kept alive and carry nothing.
    pub(super) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

fn documented(side: Side, config: &mut utoipa_actix_web::service_config::ServiceConfig) {
    match side {
        Side::Whole | Side::Admin => openapi::configure(config),
        Side::Public => openapi::configure_health(config),
    }
}

fn undocumented(side: Side, config: &mut ServiceConfig) {
    if side != Side::Public {
        config.route("/docs", web::get().to(to_viewer)).service(openapi::viewer());
    }
    // It comes last: it takes whatever nothing else claims.
    if side != Side::Admin {
        crate::http::configure(config);
    }
}

fn take_up(state: &AppState, io: &dyn Any, data: &mut Extensions) {
    let Some(stream) = io.downcast_ref::<TcpStream>() else { return };
    if let Some(connection) = state.connections.opened(stream, &state.config.load().server) {
        data.insert(connection);
    }
}

async fn to_viewer() -> HttpResponse {
    HttpResponse::Found().insert_header(("location", "/docs/")).finish()
}

/// A span around a request: never its query, which may carry a write key, nor any header.
async fn trace<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, actix_web::Error> {
    let span = tracing::debug_span!(
        target: "handraiser::http",
        "request",
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = request.match_pattern().as_deref().unwrap_or("(ingestion)"),
        http.response.status_code = tracing::field::Empty,
    );
    let response = next.call(request).instrument(span.clone()).await?;
    span.record("http.response.status_code", response.status().as_u16());
    Ok(response)
}
