use super::*;

fn nets(nets: &[&str]) -> Vec<IpNet> {
    nets.iter().map(|net| net.parse().expect("a network")).collect()
}

fn check(url: &str, allowed: &[&str]) -> Result<(), Forbidden> {
    check_url(&Url::parse(url).expect("a URL"), &nets(allowed))
}

#[test]
fn public_addresses_are_open() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "11.0.0.0",
        "126.255.255.255",
        "169.253.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "2001:200::1",
        "2400::1",
    ] {
        assert!(permits(address.parse().expect("an address"), &[]), "{address}");
    }
}

#[test]
fn everything_else_is_closed() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:c0a8:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ] {
        assert!(!permits(address.parse().expect("an address"), &[]), "{address}");
    }
}

#[test]
fn a_range_can_be_allowed_in_every_spelling_of_its_addresses() {
    let allowed = nets(&["10.1.0.0/16", "fd12::/16", "127.0.0.1/32"]);
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd12::7", "127.0.0.1", "::ffff:127.0.0.1"] {
        assert!(permits(address.parse().expect("an address"), &allowed), "{address}");
    }
    for address in ["10.2.0.1", "fd13::1", "127.0.0.2", "::1"] {
        assert!(!permits(address.parse().expect("an address"), &allowed), "{address}");
    }
}

#[test]
fn the_metadata_services_need_their_own_permission() {
    let metadata: IpAddr = "169.254.169.254".parse().expect("an address");
    assert!(!permits(metadata, &nets(&["169.254.0.0/16", "0.0.0.0/0"])));
    assert!(permits(metadata, &nets(&["169.254.169.254/32"])));
    assert!(!permits("fd00:ec2::254".parse().expect("an address"), &nets(&["fd00::/8"])));
    assert!(!permits("100.100.100.200".parse().expect("an address"), &nets(&["100.64.0.0/10"])));
}

#[test]
fn an_address_in_the_url_is_seen_in_whatever_disguise() {
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "https://10.0.0.8:8443/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://0/",
        "http://user:word@192.168.1.1/",
        "http://127。0。0。1/",
        "http://①27.0.0.1/",
        "http://127.0.0.1./",
    ] {
        assert!(matches!(check(url, &[]), Err(Forbidden::Address(_))), "{url}: {:?}", check(url, &[]));
    }
    assert_eq!(check("http://127.0.0.1:9/", &["127.0.0.0/8"]), Ok(()));
    assert_eq!(check("https://crm.example.com/hook", &[]), Ok(()));
    assert_eq!(check("https://8.8.8.8/", &[]), Ok(()));
}

#[test]
fn only_http_leaves() {
    assert_eq!(check("ftp://example.com/", &[]), Err(Forbidden::Scheme("ftp".to_owned())));
    assert_eq!(check("file:///etc/passwd", &[]), Err(Forbidden::Scheme("file".to_owned())));
    assert_eq!(check("data:text/plain,x", &[]), Err(Forbidden::Scheme("data".to_owned())));
}

#[test]
fn of_what_a_name_resolves_to_only_the_permitted_stays() {
    let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let mixed = [at("10.0.0.1:443"), at("8.8.8.8:443")];
    assert_eq!(filter("crm", mixed.into_iter(), &[]), Ok(vec![at("8.8.8.8:443")]));
    let refused = filter("rebind.example", [at("127.0.0.1:80")].into_iter(), &[]).expect_err("loopback is closed");
    insta::assert_snapshot!(refused, @"`rebind.example` leads to 127.0.0.1, which is not a public address; list its range under `allow_addresses` if deliveries may go there");
    assert_eq!(filter("void", std::iter::empty(), &[]), Err(Forbidden::Nowhere("void".to_owned())));
}
