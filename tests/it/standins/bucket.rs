//! A stand-in of S3: what it takes is there whole for whoever asks next. It may be away, or lose its answers, as the test wants it. It has a
//! thread of its own, since whoever asks waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handraiser::history::{Archive, BucketAt};

const BUCKET: &str = "events";
const KEY: &str = "AKIASTANDIN";
/// So many are listed at once, so that lists have pages.
const PAGE: usize = 3;

#[derive(Default)]
struct State {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    away: AtomicBool,
    /// Every so many requests are answered with an error, in turns before and after they were worked; 0: none.
    faults: AtomicU64,
    requests: AtomicU64,
}

pub struct StandInBucket {
    address: SocketAddr,
    state: Arc<State>,
}

impl StandInBucket {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port can be bound");
        let (address, state) = (listener.local_addr().expect("it has an address"), Arc::<State>::default());
        let shared = Arc::clone(&state);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    pub fn at(&self, prefix: &str) -> BucketAt {
        let endpoint = Some(format!("http://{}", self.address));
        BucketAt { bucket: BUCKET.into(), prefix: prefix.into(), endpoint, region: Some("eu-central-1".into()) }
    }

    pub fn archive(&self, prefix: &str) -> Archive {
        Archive::in_bucket_as(&self.at(prefix), Some((KEY, "secret"))).expect("an archive")
    }

    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.state.objects().clone()
    }

    pub fn is_away(&self, away: bool) {
        self.state.away.store(away, Ordering::SeqCst);
    }

    pub fn fails_every(&self, requests: u64) {
        self.state.faults.store(requests, Ordering::SeqCst);
    }
}

impl State {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(mut stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let Some((head, body)) = read(&mut stream, &mut buffer)? else { return Ok(()) };
        let number = state.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let faults = state.faults.load(Ordering::SeqCst);
        let fails = faults > 0 && number.is_multiple_of(faults);
        let error = |status: u16| (status, String::new(), b"<Error><Code>InternalError</Code></Error>".to_vec());
        let (status, headers, body) =
            if state.away.load(Ordering::SeqCst) || (fails && (number / faults).is_multiple_of(2)) {
                error(503)
            } else {
                let answer = answer(&head, body, state);
                // It was done, and nobody hears it.
                if fails { error(500) } else { answer }
            };
        let length = if head.starts_with("HEAD") { 0 } else { body.len() };
        write!(stream, "HTTP/1.1 {status} Status\r\n{headers}Content-Length: {length}\r\n\r\n")?;
        stream.write_all(&body)?;
    }
}

fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<(String, Vec<u8>)>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a length"))
            });
            let whole = end + 4 + length.unwrap_or(0);
            if buffer.len() >= whole {
                let body = buffer[end + 4..whole].to_vec();
                buffer.drain(..whole);
                return Ok(Some((head, body)));
            }
        }
        let mut some = vec![0; 64 << 10];
        match stream.read(&mut some)? {
            0 => return Ok(None),
            count => buffer.extend_from_slice(&some[..count]),
        }
    }
}

type Answer = (u16, String, Vec<u8>);

fn answer(head: &str, body: Vec<u8>, state: &State) -> Answer {
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let url = url::Url::parse(&format!("http://here{target}")).expect("a request names a path");
    let signed = format!("authorization: aws4-hmac-sha256 credential={}/", KEY.to_ascii_lowercase());
    if !head.to_ascii_lowercase().contains(&signed) {
        return (403, String::new(), b"<Error><Code>AccessDenied</Code></Error>".to_vec());
    }
    let path = url.path().strip_prefix(&format!("/{BUCKET}")).expect("it names the bucket");
    let key = path.trim_start_matches('/').to_owned();
    let (tag, missing) =
        ("ETag: \"1\"\r\nLast-Modified: Mon, 30 Nov 2026 10:00:00 GMT\r\n", "<Error><Code>NoSuchKey</Code></Error>");
    match method {
        "GET" if key.is_empty() => list(&url.query_pairs().into_owned().collect(), state),
        "GET" => match state.objects().get(&key) {
            Some(bytes) => (200, tag.to_owned(), bytes.clone()),
            None => (404, String::new(), missing.into()),
        },
        "PUT" => {
            state.objects().insert(key, body);
            (200, tag.to_owned(), Vec::new())
        }
        "DELETE" => {
            state.objects().remove(&key);
            (204, String::new(), Vec::new())
        }
        other => panic!("nobody asks for {other} {target}"),
    }
}

fn list(query: &BTreeMap<String, String>, state: &State) -> Answer {
    let word = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (prefix, delimiter, after) = (word("prefix"), word("delimiter"), word("continuation-token"));
    let (mut contents, mut folders, mut last, mut more) = (String::new(), BTreeSet::new(), None, false);
    let objects = state.objects();
    for (key, bytes) in objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after) {
        let rest = key.strip_prefix(&prefix).unwrap_or_default();
        if let Some((folder, _)) = rest.split_once('/').filter(|_| !delimiter.is_empty()) {
            folders.insert(format!("{prefix}{folder}/"));
            continue;
        }
        if contents.matches("<Key>").count() == PAGE {
            more = true;
            break;
        }
        last = Some(key.clone());
        contents += &format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-30T10:00:00.000Z</LastModified><ETag>\"1\"</ETag><Size>{}</Size></Contents>",
            bytes.len()
        );
    }
    let folders: String =
        folders.iter().map(|name| format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>")).collect();
    let next = last.filter(|_| more).map(|key| format!("<NextContinuationToken>{key}</NextContinuationToken>"));
    let text = format!(
        "<ListBucketResult><IsTruncated>{more}</IsTruncated>{contents}{folders}{}</ListBucketResult>",
        next.unwrap_or_default()
    );
    (200, String::new(), text.into_bytes())
}
