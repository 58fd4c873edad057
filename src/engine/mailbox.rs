//! A worker's mailbox: many requests put jobs in, one worker takes them out.
//!
//! The worker says how many jobs it wants to be woken for. While its last round is on its way it can do nothing with one more,
//! and waking a thread costs more than most jobs do.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::job::Job;

#[derive(Default)]
pub(super) struct Mailbox {
    inner: Mutex<Inner>,
    filled: Notify,
}

#[derive(Default)]
struct Inner {
    /// What was put in at once stays together: a batch is answered when the last of its jobs is done.
    jobs: VecDeque<Vec<Job>>,
    /// How many jobs that makes.
    count: usize,
    /// The worker waits for so many jobs; `None`: it is awake.
    wanted: Option<usize>,
    closed: bool,
}

impl Mailbox {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can stop half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts jobs in; hands them back when there are none, or nobody will do them any more.
    pub fn put(&self, jobs: Vec<Job>) -> Result<(), Vec<Job>> {
        let mut inner = self.inner();
        if inner.closed || jobs.is_empty() {
            return Err(jobs);
        }
        inner.count += jobs.len();
        inner.jobs.push_back(jobs);
        if inner.wanted.is_some_and(|wanted| inner.count >= wanted) {
            inner.wanted = None;
            drop(inner);
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Takes jobs to the end of `into`, the oldest first, until there are `enough` or none is left.
    pub fn take(&self, enough: usize, into: &mut Vec<Job>) {
        let mut inner = self.inner();
        while into.len() < enough
            && let Some(jobs) = inner.jobs.pop_front()
        {
            inner.count -= jobs.len();
            into.extend(jobs);
        }
    }

    /// Waits until there are so many jobs, or no more come; `false`: there are none, and none will come. May be dropped and called
    /// again.
    pub async fn filled(&self, wanted: usize) -> bool {
        loop {
            {
                let mut inner = self.inner();
                if inner.closed || inner.count >= wanted {
                    inner.wanted = None;
                    return !inner.closed || inner.count > 0;
                }
                inner.wanted = Some(wanted);
            }
            self.filled.notified().await;
        }
    }

    /// Takes no more jobs.
    pub fn close(&self) {
        self.inner().closed = true;
        self.filled.notify_one();
    }
}

/// Who takes jobs out. When it is gone, be it by a panic, what is left fails and no more is taken: nobody waits for ever.
pub(super) struct Taker<'m>(pub &'m Mailbox);

impl Drop for Taker<'_> {
    fn drop(&mut self) {
        let left = std::mem::replace(&mut *self.0.inner(), Inner { closed: true, ..Inner::default() });
        // Tickets that nobody settled fail their requests.
        drop(left);
    }
}

/// Closes mailboxes when it is dropped.
pub(super) struct Senders(pub std::sync::Arc<[Mailbox]>);

impl Drop for Senders {
    fn drop(&mut self) {
        self.0.iter().for_each(Mailbox::close);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::job::Task;
    use super::super::ticket::Ticket;
    use super::*;
    use crate::identity::RecordKey;

    fn jobs(count: usize) -> Vec<Job> {
        let (ticket, _) = Ticket::open();
        (0..count)
            .map(|_| Job { key: RecordKey::user("u"), task: Task::Evict, ticket: ticket.fork(), hops: 0 })
            .collect()
    }

    #[tokio::test]
    async fn it_wakes_its_worker_for_as_many_as_it_wants() {
        let mailbox = Arc::new(Mailbox::default());
        let waiting = tokio::spawn({
            let mailbox = Arc::clone(&mailbox);
            async move { mailbox.filled(3).await }
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(mailbox.put(jobs(2)).is_ok());
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(!waiting.is_finished());
        assert!(mailbox.put(jobs(1)).is_ok());
        assert!(waiting.await.expect("did not panic"));
        let mut taken = Vec::new();
        mailbox.take(1, &mut taken);
        assert_eq!(taken.len(), 2, "what was put in together comes out together");
        mailbox.take(2, &mut taken);
        assert_eq!(taken.len(), 2);
        mailbox.take(9, &mut taken);
        assert_eq!(taken.len(), 3);
    }

    #[tokio::test]
    async fn a_wish_that_was_given_up_does_not_stand_in_the_way_of_the_next() {
        let mailbox = Mailbox::default();
        for wanted in [5, 1] {
            let given_up = tokio::time::timeout(Duration::from_millis(1), mailbox.filled(wanted)).await;
            assert!(given_up.is_err());
        }
        assert!(mailbox.put(jobs(1)).is_ok());
        assert!(mailbox.filled(1).await);
        let more = tokio::time::timeout(Duration::from_millis(1), mailbox.filled(2)).await;
        assert!(more.is_err());
    }

    #[tokio::test]
    async fn what_is_left_fails_when_nobody_takes_it_any_more() {
        let mailbox = Mailbox::default();
        let (ticket, answer) = Ticket::open();
        let job = Job { key: RecordKey::user("u"), task: Task::Evict, ticket, hops: 0 };
        assert!(mailbox.put(vec![job]).is_ok());
        drop(Taker(&mailbox));
        assert!(answer.await.expect("is answered").is_err());
        assert!(mailbox.put(jobs(1)).is_err());
        assert!(!mailbox.filled(1).await);
    }

    #[tokio::test]
    async fn a_closed_one_gives_what_it_has_and_hands_the_rest_back() {
        let mailboxes: Arc<[Mailbox]> = [Mailbox::default()].into();
        let mailbox = mailboxes.first().expect("there is one");
        assert!(mailbox.put(jobs(1)).is_ok());
        drop(Senders(Arc::clone(&mailboxes)));
        assert_eq!(mailbox.put(jobs(2)).map_err(|jobs| jobs.len()), Err(2));
        assert!(mailbox.filled(5).await);
        mailbox.take(9, &mut Vec::new());
        assert!(!mailbox.filled(1).await);
    }
}
