//! What actix itself can do here: takes a body, answers it.

use actix_web::{App, HttpResponse, HttpServer, web};

/// Serves until killed.
pub fn serve(port: u16) -> anyhow::Result<()> {
    actix_web::rt::System::new().block_on(async {
        let app = || App::new().default_service(web::to(echo));
        HttpServer::new(app).bind(("127.0.0.1", port))?.run().await
    })?;
    Ok(())
}

async fn echo(body: web::Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(body)
}
