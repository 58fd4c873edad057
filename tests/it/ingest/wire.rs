//! Over a real connection: what a client sees that is still sending when it is refused.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use actix_web::{HttpServer, rt, web};

use super::*;

/// Serves `kit` on a loopback port until the handle is stopped.
fn serve(kit: &Kit) -> (SocketAddr, actix_web::dev::ServerHandle) {
    let state = Data::clone(&kit.state);
    let server = HttpServer::new(move || App::new().app_data(Data::clone(&state)).configure(http::configure))
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .expect("a loopback port");
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    rt::spawn(server);
    (address, handle)
}

/// Sends `parts` one after the other and answers the status line and the body of what comes back before the server closes
/// the connection.
async fn exchange(address: SocketAddr, parts: Vec<Vec<u8>>) -> (String, String) {
    web::block(move || {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        for part in parts {
            stream.write_all(&part).expect("the server reads on, so that the client gets to its answer");
        }
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    })
    .await
    .expect("the client")
}

fn head(rest: &str) -> Vec<u8> {
    format!("POST /v1/batch HTTP/1.1\r\nhost: h\r\nauthorization: Basic a2V5Og==\r\n{rest}\r\n\r\n").into_bytes()
}

#[actix_web::test]
async fn a_client_that_declares_too_much_reads_why() {
    let kit = Kit::new();
    let (address, handle) = serve(&kit);
    let parts = vec![head("content-length: 4500000"), vec![b' '; 4_500_000]];
    let (status, body) = exchange(address, parts).await;
    assert_eq!(status, "HTTP/1.1 413 Payload Too Large");
    assert!(body.contains(r#""code":"request_too_large""#), "{body}");
    assert_eq!(kit.report("app")["last_failure"]["code"], "request_too_large");
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_client_that_streams_too_much_reads_why() {
    let kit = Kit::new();
    let (address, handle) = serve(&kit);
    let chunk = [b"fa000\r\n".to_vec(), vec![b' '; 0xfa000], b"\r\n".to_vec()].concat();
    let mut parts = vec![head("transfer-encoding: chunked\r\nconnection: close")];
    parts.extend(vec![chunk; 4]);
    parts.push(b"0\r\n\r\n".to_vec());
    let (status, _) = exchange(address, parts).await;
    assert_eq!(status, "HTTP/1.1 413 Payload Too Large", "4,096,000 bytes");
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_body_in_pieces_is_read_whole() {
    let kit = Kit::new();
    let (address, handle) = serve(&kit);
    let body = format!(r#"{{"batch":[{}]}}"#, vec![TRACK; 2_000].join(","));
    let half = body.len() / 2;
    let parts = vec![
        head(&format!("connection: close\r\ncontent-length: {}", body.len())),
        body.as_bytes()[..half].to_vec(),
        body.as_bytes()[half..].to_vec(),
    ];
    let (status, answer) = exchange(address, parts).await;
    assert_eq!((status.as_str(), answer.as_str()), ("HTTP/1.1 200 OK", r#"{"success":true}"#));
    assert_eq!(kit.report("app")["accepted"], 2_000);
    handle.stop(false).await;
}
