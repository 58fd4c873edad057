//! Deliveries over HTTPS to a receiver whose certificate a private authority signed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use handraiser::crm::{Authorities, Destination, Receiver};
use handraiser::secret::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::plant::{Plant, SECRET, destination};

pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// An authority of one's own.
pub fn authority() -> Authority {
    let mut request = CertificateParams::default();
    request.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(request, key).expect("a certificate")
}

/// A receiver behind TLS, as `name`: what arrives is decrypted and passed on.
struct Secure {
    plain: Receiver,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Secure {
    async fn start(authority: &Authority, name: &str) -> Self {
        let plain = Receiver::start(&[Secret::new(SECRET)]).expect("a free port");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let task = tokio::spawn(terminate(listener, acceptor(authority, name), plain.address()));
        Self { plain, address, task }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/hook", self.address.port())
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn acceptor(authority: &Authority, name: &str) -> TlsAcceptor {
    let key = KeyPair::generate().expect("a key");
    let request = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let certificate = request.signed_by(&key, authority).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider's own versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("the key fits");
    TlsAcceptor::from(Arc::new(config))
}

async fn terminate(listener: TcpListener, acceptor: TlsAcceptor, to: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        // A handshake that fails is what some tests are about.
        tokio::spawn(async move {
            let mut secure = acceptor.accept(stream).await?;
            tokio::io::copy_bidirectional(&mut secure, &mut TcpStream::connect(to).await?).await
        });
    }
}

fn trusting(authority: Option<&Authority>, url: &str) -> Destination {
    let mut destination = destination("crm", url);
    destination.http.ca = authority.map(|authority| Authorities::from_pem(&authority.pem()).expect("a certificate"));
    destination
}

#[actix_web::test]
async fn a_receiver_is_trusted_by_the_authority_that_its_destination_names() {
    let authority = authority();
    let crm = Secure::start(&authority, "localhost").await;
    let plant = Plant::new(vec![trusting(Some(&authority), &crm.url())]);
    let _engine = plant.start("one");
    let id = plant.send("crm", "lead_1", 1).await;
    plant.done("crm", 1).await;
    let arrivals = crm.plain.arrivals();
    assert_eq!(arrivals.iter().map(|arrival| arrival.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    assert!(arrivals[0].verified);
}

#[actix_web::test]
async fn a_certificate_that_is_not_trusted_is_refused_with_the_fix() {
    let (ours, theirs) = (authority(), authority());
    for (name, trusted, served_as, expected) in [
        (
            "another authority's",
            Some(&theirs),
            "localhost",
            "name a file with the certificate of its authority under `ca`",
        ),
        ("nobody named", None, "localhost", "name a file with the certificate of its authority under `ca`"),
        ("another host's", Some(&ours), "crm.example", "write the name that it was made for into `url`"),
    ] {
        let crm = Secure::start(&ours, served_as).await;
        let plant = Plant::new(vec![trusting(trusted, &crm.url())]).by_hand();
        let _engine = plant.start("one");
        plant.send("crm", "lead_1", 1).await;
        // What `handraiser deliveries` shows beside the delivery.
        let error = plant.failed("crm", 1).await;
        assert!(
            error.starts_with("the receiver's certificate is not trusted (") && error.ends_with(expected),
            "{name}: {error}"
        );
        assert!(crm.plain.arrivals().is_empty(), "{name}");
    }
}
