//! Files of certificates, beside the configuration that names them.

use std::path::Path;

use crate::config::{Loaded, load};

const CONFIG: &str = "destinations: { crm: { webhook: { url: https://crm.example.com }, ca: certificates/crm.pem } }\n";

fn load_with(ca: Option<&str>) -> Result<Loaded, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("handraiser.yaml");
    std::fs::write(&path, CONFIG).expect("written");
    if let Some(ca) = ca {
        std::fs::create_dir(directory.path().join("certificates")).expect("made");
        std::fs::write(directory.path().join("certificates/crm.pem"), ca).expect("written");
    }
    load(&path, &|_| None).map_err(|all| {
        let first = all.iter().find(|one| one.is_error()).expect("an error");
        format!("{}:{} {}", first.line, first.column, first.message)
    })
}

fn authority() -> String {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut request = rcgen::CertificateParams::default();
    request.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    request.self_signed(&key).expect("a certificate").pem()
}

#[test]
fn certificates_are_read_beside_the_configuration_and_belong_to_its_version() {
    let (one, other) = (authority(), authority());
    let loaded = load_with(Some(&one)).expect("right");
    let ca = loaded.config.destinations[0].http.ca.as_ref().expect("authorities");
    assert_eq!(ca.certificates().count(), 1);
    assert!(loaded.files.iter().any(|file| file.ends_with(Path::new("certificates/crm.pem"))), "{:?}", loaded.files);
    let two = load_with(Some(&format!("# both\n{one}{other}"))).expect("right");
    assert_eq!(two.config.destinations[0].http.ca.as_ref().map(|ca| ca.certificates().count()), Some(2));
    assert_ne!(two.config.version, loaded.config.version, "other certificates are another configuration");
}

#[test]
fn what_is_no_file_of_certificates_is_refused_at_its_place() {
    for (ca, expected) in [
        (None, "it doesn't exist"),
        (Some(""), "`certificates/crm.pem` can't be used: there is no certificate in it"),
        (
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "its certificate number 1 can't be used",
        ),
    ] {
        let error = load_with(ca).expect_err(expected);
        assert!(error.starts_with("1:71 ") && error.contains(expected), "{error}");
    }
}
