//! The HTTP server: ingestion, admin API, health, metrics, the error table.
