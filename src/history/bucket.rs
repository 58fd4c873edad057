//! Objects in a bucket of S3, or of whatever speaks like it. An object is there whole or not at all, and found at once by whoever looks: S3 has
//! promised both since 2020, and those that speak like it do. Credentials come from the environment, as the tools of AWS take them.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore as _, ObjectStoreExt as _, RetryConfig};
use tokio::runtime::Runtime;

use super::error::{ArchiveError, io_error};
use super::found::Found;

/// What the address of a bucket begins with.
pub const SCHEME: &str = "s3://";
/// How long a request may take, with what is tried again, and how long a connection.
const REQUEST: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// How much of what a bucket says of a failure is told.
const MAX_ERROR: usize = 300;

/// Which bucket, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketAt {
    /// Its name.
    pub bucket: String,
    /// What all keys begin with; may be empty.
    pub prefix: String,
    /// The address of what speaks like S3; by default AWS', or what the environment says.
    pub endpoint: Option<String>,
    /// The region; by default what the environment says.
    pub region: Option<String>,
}

impl BucketAt {
    /// Reads `s3://bucket/prefix`; the prefix may be missing.
    pub fn parse(text: &str) -> Option<Self> {
        let (bucket, prefix) = {
            let rest = text.strip_prefix(SCHEME)?;
            rest.split_once('/').unwrap_or((rest, ""))
        };
        let is_name =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '.' | '-');
        let fits = (3..=63).contains(&bucket.len()) && bucket.chars().all(is_name);
        let prefix = prefix.trim_matches('/').to_owned();
        fits.then(|| Self { bucket: bucket.to_owned(), prefix, ..Self::default() })
    }

    /// `s3://bucket/prefix`.
    pub fn address(&self) -> String {
        let Self { bucket, prefix, .. } = self;
        format!("{SCHEME}{bucket}/{prefix}").trim_end_matches('/').to_owned()
    }
}

/// A bucket.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    root: PathBuf,
    prefix: Key,
    store: Arc<AmazonS3>,
    requests: Arc<Requests>,
}

/// Makes requests for callers that wait for them, wherever they stand.
#[derive(Debug)]
struct Requests(Option<Runtime>);

impl Drop for Requests {
    fn drop(&mut self) {
        // Not to be waited for: whoever lets go of it may be answering others.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bucket {
    /// With keys of one's own, or those that the environment names. Nothing is asked of the bucket yet: one that is away must not keep a server from starting.
    pub fn open(at: &BucketAt, keys: Option<(&str, &str)>) -> Result<Self, ArchiveError> {
        let root = PathBuf::from(at.address());
        // Only fails when a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT);
        let retry = RetryConfig { max_retries: 4, retry_timeout: RETRY, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(&at.bucket).with_retry(retry);
        // What deletes many at once is not spoken by all that speak like S3.
        builder = builder.with_disable_bulk_delete(true);
        if let Some((id, secret)) = keys {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let mut allows_http = false;
        if let Some(endpoint) = &at.endpoint {
            allows_http = endpoint.starts_with("http://");
            builder = builder.with_endpoint(endpoint);
        }
        builder = builder.with_client_options(client.with_allow_http(allows_http));
        if let Some(region) = &at.region {
            builder = builder.with_region(region);
        }
        let store = builder.build().map_err(|error| failed(&root, &error))?;
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("archive").enable_all().build();
        let runtime = runtime.map_err(|cause| io_error(&root, cause))?;
        let requests = Arc::new(Requests(Some(runtime)));
        Ok(Self { prefix: Key::from(at.prefix.as_str()), root, store: Arc::new(store), requests })
    }

    fn key(&self, below: &str) -> Key {
        below.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), Key::join)
    }

    /// What a key is below the prefix.
    fn below(&self, key: &Key) -> Option<String> {
        let parts: Vec<_> = key.prefix_match(&self.prefix)?.collect();
        Some(parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/"))
    }

    /// Waits for what is asked of the bucket.
    fn wait<T: Send + 'static>(
        &self,
        key: &str,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let path = self.root.join(key);
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let ended = || io_error(&path, io::Error::other("the request was broken off"));
        self.requests.0.as_ref().ok_or_else(ended)?.spawn(async move {
            let _ = tell.send(work.await);
        });
        told.recv().map_err(|_| ended())?.map_err(|error| failed(&path, &error))
    }

    pub fn folders(&self, of: &str) -> Result<Vec<String>, ArchiveError> {
        let (store, prefix) = (Arc::clone(&self.store), self.key(of));
        let listed = self.wait(of, async move { store.list_with_delimiter(Some(&prefix)).await })?;
        Ok(listed.common_prefixes.iter().filter_map(|key| Some(key.filename()?.to_owned())).collect())
    }

    pub fn list(&self, below: &str) -> Result<Vec<Found>, ArchiveError> {
        let (store, prefix) = (Arc::clone(&self.store), self.key(below));
        let all: Vec<_> = self.wait(below, async move { store.list(Some(&prefix)).try_collect().await })?;
        Ok(all.iter().filter_map(|one| Some(Found { key: self.below(&one.location)?, bytes: one.size })).collect())
    }

    pub fn read(&self, key: &str) -> Result<Vec<u8>, ArchiveError> {
        let (store, at) = (Arc::clone(&self.store), self.key(key));
        self.wait(key, async move { Ok(store.get(&at).await?.bytes().await?.to_vec()) })
    }

    pub fn write(&self, key: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        let (store, at, bytes) = (Arc::clone(&self.store), self.key(key), bytes.to_vec());
        self.wait(key, async move { store.put(&at, bytes.into()).await.map(drop) })
    }

    pub fn remove(&self, key: &str) -> Result<(), ArchiveError> {
        let (store, at) = (Arc::clone(&self.store), self.key(key));
        match self.wait(key, async move { store.delete(&at).await }) {
            Err(error) if !error.is_absence() => Err(error),
            _ => Ok(()),
        }
    }
}

/// What a bucket says, cut: it may tell a page of it.
fn failed(path: &Path, error: &object_store::Error) -> ArchiveError {
    let absent = matches!(error, object_store::Error::NotFound { .. });
    let text = error.to_string();
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= MAX_ERROR).last().unwrap_or(0);
    let text = if text.len() > MAX_ERROR { format!("{}…", text.get(..end).unwrap_or_default()) } else { text };
    io_error(path, io::Error::new(if absent { io::ErrorKind::NotFound } else { io::ErrorKind::Other }, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_bucket_and_a_prefix() {
        let at = |text: &str| BucketAt::parse(text).map(|at| (at.bucket.clone(), at.prefix.clone(), at.address()));
        let expected = |bucket: &str, prefix: &str, address: &str| Some((bucket.into(), prefix.into(), address.into()));
        assert_eq!(at("s3://events/a/b/"), expected("events", "a/b", "s3://events/a/b"));
        assert_eq!(at("s3://events"), expected("events", "", "s3://events"));
        for bad in ["s3://", "s3:///a", "s3://UPPER/a", "s3://a_b/c", "gs://events", "data/history", "s3://ab"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
