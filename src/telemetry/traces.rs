//! Traces over OTLP/HTTP, sent in batches by a thread of their own that borrows the server's runtime for the exchange.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, filter::LevelFilter};

use super::TelemetryError;
use super::logs::BoxedLayer;

/// How long one export may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pipeline from spans to the collector.
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts sending to `endpoint`; `/v1/traces` is added when it has no path.
    pub(super) fn start(endpoint: &str) -> Result<Self, TelemetryError> {
        let bad = |message: String| TelemetryError::Traces(endpoint.to_owned(), message);
        let mut url = url::Url::parse(endpoint).map_err(|error| bad(error.to_string()))?;
        if url.path().is_empty() || url.path() == "/" {
            url.set_path("/v1/traces");
        }
        let client = TokioClient::new().map_err(&bad)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_timeout(TIMEOUT)
            .with_endpoint(url.as_str())
            .build()
            .map_err(|error| bad(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name("handraiser")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Self { provider })
    }

    /// The layer that hands our own spans over; those of libraries stay out.
    pub(super) fn layer<S>(&self) -> BoxedLayer<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let ours = Targets::new().with_target("handraiser", LevelFilter::DEBUG);
        let tracer = self.provider.tracer("handraiser");
        tracing_opentelemetry::layer().with_tracer(tracer).with_filter(ours).boxed()
    }

    pub(super) fn shutdown(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(Duration::from_secs(3)) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// The exporter's thread has no runtime, so the exchange is spawned on ours.
#[derive(Debug)]
struct TokioClient {
    client: reqwest::Client,
    runtime: tokio::runtime::Handle,
}

impl TokioClient {
    fn new() -> Result<Self, String> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| error.to_string())?;
        let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
        Ok(Self { client, runtime })
    }
}

#[async_trait]
impl HttpClient for TokioClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let exchange = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?.error_for_status()?;
            let mut response = Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                headers.clone_from(answer.headers());
            }
            Ok::<_, HttpError>(response.body(answer.bytes().await?)?)
        });
        exchange.await?
    }
}
