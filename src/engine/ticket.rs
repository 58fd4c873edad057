//! Tickets: how a request learns that every part of every one of its events is durable.
//!
//! An event may need several steps in several partitions. Each step holds a ticket of the request; the request is answered
//! when the last ticket is settled, and fails if one of them failed or was dropped unsettled (by a panic, say): nothing is
//! ever acknowledged by accident.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::{EngineError, Receipt};
use crate::store::StoreError;

struct Request {
    open: AtomicUsize,
    applied: AtomicUsize,
    duplicates: AtomicUsize,
    error: Mutex<Option<EngineError>>,
    answer: Mutex<Option<oneshot::Sender<Result<Receipt, EngineError>>>>,
}

/// One open step of a request.
pub(super) struct Ticket {
    request: Arc<Request>,
    settled: bool,
}

impl Ticket {
    /// The first ticket of a new request, and where its answer will come.
    pub fn open() -> (Self, oneshot::Receiver<Result<Receipt, EngineError>>) {
        let (answer, receiver) = oneshot::channel();
        let request = Request {
            open: AtomicUsize::new(1),
            applied: AtomicUsize::new(0),
            duplicates: AtomicUsize::new(0),
            error: Mutex::new(None),
            answer: Mutex::new(Some(answer)),
        };
        (Self { request: Arc::new(request), settled: false }, receiver)
    }

    /// A ticket for a further step of the same request.
    pub fn fork(&self) -> Self {
        self.request.open.fetch_add(1, Ordering::Relaxed);
        Self { request: Arc::clone(&self.request), settled: false }
    }

    /// One event of the request was applied, or known before.
    pub fn count(&self, duplicate: bool) {
        let counter = if duplicate { &self.request.duplicates } else { &self.request.applied };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// This step is durable.
    pub fn done(mut self) {
        self.settle();
    }

    /// This step failed, and so does the request.
    pub fn fail(mut self, error: EngineError) {
        self.request.set_error(error);
        self.settle();
    }

    fn settle(&mut self) {
        self.settled = true;
        if self.request.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.request.answer();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            // Fails closed: whoever drops a ticket unsettled did not finish its step.
            let reason = "a step of the request was abandoned".to_owned();
            self.request.set_error(EngineError::Store(StoreError::Unavailable(reason)));
            self.settle();
        }
    }
}

impl Request {
    fn set_error(&self, error: EngineError) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn answer(&self) {
        let Some(answer) = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        let receipt = Receipt {
            applied: self.applied.load(Ordering::Relaxed),
            duplicates: self.duplicates.load(Ordering::Relaxed),
        };
        // The request may be gone because its sender hung up; what was applied stays applied.
        let _ = answer.send(error.map_or(Ok(receipt), Err));
    }
}
